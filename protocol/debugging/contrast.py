"""Two values of plain data held against each other, place by place, in lines that are short enough to read."""

from __future__ import annotations

import json

from collections.abc import Iterator
from typing import Any

_WIDTH = 44
"""Characters of a text that are shown of either take."""


def fields(one: Any, two: Any, place: str) -> Iterator[str]:
    """A line for each place in two values of plain data that differs."""
    if isinstance(one, dict) and isinstance(two, dict):
        for name in dict.fromkeys([*one, *two]):
            yield from fields(one.get(name, _NONE), two.get(name, _NONE), f"{place}.{name}" if place else str(name))
    elif isinstance(one, (list, tuple)) and isinstance(two, (list, tuple)):
        for n in range(max(len(one), len(two))):
            pair = one[n] if n < len(one) else _NONE, two[n] if n < len(two) else _NONE
            yield from fields(*pair, f"{place}[{n}{_called(*pair)}]")
    elif one != two:
        if isinstance(one, str) and isinstance(two, str):
            yield f"{place}: {apart(one, two)}"
        else:
            yield f"{place}: {shown(one)} / {shown(two)}"


def _called(*items: Any) -> str:
    """The name of an item of a list, if all that stand at its place have the same."""
    names = []
    for item in items:
        told = item.get("act", item) if isinstance(item, dict) else {}
        names.append(next((told[name] for name in ("name", "constraint", "region") if isinstance(told.get(name), str)), None))
    return f" {names[0]}" if names[0] and len(set(names)) == 1 else ""


class _Nothing:
    """Stands where a value has no counterpart."""

    def __repr__(self) -> str:
        return "none"


_NONE = _Nothing()


def apart(one: str, two: str) -> str:
    """Two texts from a little before the place where they part."""
    same = next((n for n, (a, b) in enumerate(zip(one, two, strict=False)) if a != b), min(len(one), len(two)))
    start = max(same - 12, 0) if max(len(one), len(two)) > _WIDTH else 0
    lead = "…" if start else ""
    parts = [text[start : start + _WIDTH] + ("…" if len(text) > start + _WIDTH else "") for text in (one, two)]
    return " / ".join(json.dumps(lead + part, ensure_ascii=False) for part in parts)


def shown(value: Any) -> str:
    text = repr(value) if isinstance(value, _Nothing) else json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= _WIDTH else text[: _WIDTH - 1] + "…"
