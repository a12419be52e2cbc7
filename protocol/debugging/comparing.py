"""Two messages compared field by field."""

from __future__ import annotations

from typing import Any

from protocol.messages import Message
from protocol.wire import to_plain

MAX_DIFFERENCES = 8
"""Fields that a difference is shown with."""


def difference(expected: Message, actual: Message) -> str:
    """What is otherwise in the message that this version sends than in the one that the journal holds: a line per field."""
    if type(expected) is not type(actual):
        return f"this version sends {type(expected).__name__}; the journal holds {type(actual).__name__}"
    lines = list(_fields(to_plain(expected), to_plain(actual), type(expected).__name__))
    more = f"\n  and {len(lines) - MAX_DIFFERENCES} more" if len(lines) > MAX_DIFFERENCES else ""
    return f"{type(expected).__name__} differs (this version / journal)\n  " + "\n  ".join(lines[:MAX_DIFFERENCES]) + more


def _fields(expected: Any, actual: Any, place: str) -> list[str]:
    if isinstance(expected, dict) and isinstance(actual, dict):
        names = list(dict.fromkeys([*expected, *actual]))
        return [line for name in names for line in _fields(expected.get(name), actual.get(name), f"{place}.{name}")]
    if isinstance(expected, (list, tuple)) and isinstance(actual, (list, tuple)) and len(expected) == len(actual):
        pairs = enumerate(zip(expected, actual, strict=True))
        return [line for n, (one, other) in pairs for line in _fields(one, other, f"{place}[{_called(one, n)}]")]
    return [] if expected == actual else [f"{place}: {_shown(expected)} / {_shown(actual)}"]


def _called(item: Any, number: int) -> str:
    """What tells an item of a list from the others: its channel or region if it has one, or its place."""
    names = (item.get(name) for name in ("channel", "region")) if isinstance(item, dict) else ()
    return next((name for name in names if isinstance(name, str)), str(number))


def _shown(value: Any) -> str:
    """A value in one short line."""
    text = repr(value)
    return text if len(text) <= 100 else text[:97] + "..."
