"""The canonical order of a take's messages: what its result is compared by (S7), whatever order they happened to come in.

Left out is what depends on who was there, not on what was agreed: processes that joined, left, were replaced or came too late.
"""

from __future__ import annotations

from collections.abc import Sequence

from protocol.canonical import pack
from protocol.channels import REGIONS
from protocol.journal import Record
from protocol.messages import (
    DeadlinePassed,
    Discarded,
    Message,
    Rejoined,
    RendererChanged,
    Restored,
    TakeResumed,
)

OF_PROCESSES = (DeadlinePassed, Discarded, Rejoined, RendererChanged, Restored, TakeResumed)
"""Messages about processes."""


def canonical(records: Sequence[Record]) -> tuple[tuple[str, bytes], ...]:
    """The kinds and bodies of a journal's messages, by beat, round, region, kind and chunk."""
    messages = [record.message for record in records if not isinstance(record.message, OF_PROCESSES)]
    return tuple((type(message).__name__, pack(message)) for message in sorted(messages, key=_place))


def _place(message: Message) -> tuple[int, int, int, str, int, bytes]:
    beat = getattr(message, "beat", None)
    region = getattr(message, "region", None) or getattr(message, "role", None)
    return (
        -1 if beat is None else beat,
        getattr(message, "round", 0),
        REGIONS.index(region) if region in REGIONS else len(REGIONS),
        type(message).__name__,
        getattr(message, "chunk", None) or 0,
        pack(message),
    )
