"""Journals to walk through, and somebody at the prompt who does."""

from __future__ import annotations

import io

from collections.abc import Sequence
from functools import cache

from protocol.channels import Region
from protocol.conversation import Conversation
from protocol.debugging.breaks import Vocabulary, concerning
from protocol.debugging.pages import Pages
from protocol.debugging.prompt import Prompt
from protocol.debugging.standing import standings
from protocol.debugging.stepping import Walk
from protocol.journal import JournalWriter, Record, scan_journal
from tests.recorded import recorded


def written(records: Sequence[Record], *, close: bool = True) -> bytes:
    """The journal of these records."""
    stream = io.BytesIO()
    writer = JournalWriter(stream, lambda: None)
    for record in records:
        writer.append(record)
    if close:
        writer.close()
    return stream.getvalue()


def pages_of(records: Sequence[Record], *, close: bool = True) -> Pages:
    """The pages of a journal of these records."""
    return Pages.of(scan_journal(io.BytesIO(written(records, close=close))))


@cache
def pages(name: str) -> Pages:
    """Those of a recorded take."""
    return pages_of(recorded(name).records)


def walk(name: str) -> Walk:
    """A walk that has not begun."""
    return Walk(pages(name), Conversation())


def standing(at: Walk) -> dict[str, str]:
    """Where everybody stands, by role."""
    return {one.role: f"{one.phase}: {one.text}" for one in standings(at.states)}


def shown(prompt: Prompt, *typed: str) -> list[str]:
    """What comes of lines that are typed."""
    return [line for text in typed for line in prompt.answer(text)]


def prompt_of(some: Pages, region: Region | None = None) -> Prompt:
    """Somebody who has just opened a journal."""
    only = concerning(region, some) if region else None
    prompt = Prompt(Walk(some, Conversation()), Vocabulary.of(some, ("brows-under-jaw", "lids-under-jaw")), "a.take", only)
    list(prompt.opening())
    return prompt
