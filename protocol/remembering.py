"""What is worked out of values that do not change, remembered for as long as they are there.

Most of a beat is looked at again and again: a track is proposed, judged in rounds, sent and journaled. What follows from it
alone is the same every time, so remembering it changes nothing but how long that takes.
"""

from __future__ import annotations

import weakref

from collections.abc import Callable, Hashable, Sequence
from typing import Any, Generic, TypeVar

Value = TypeVar("Value")
Result = TypeVar("Result")


class Remembered(Generic[Value, Result]):
    """Works something out of a value, once for as long as it is known.

    Args:
        work: gives the result, from the value and what else it depends on.
        most: results that are known at a time; with one more, all are forgotten.
    """

    def __init__(self, work: Callable[..., Result], most: int) -> None:
        self._work = work
        self._most = most
        self._known: dict[tuple[Hashable, ...], tuple[weakref.ref[Value], Result]] = {}

    def __call__(self, value: Value, *more: Hashable) -> Result:
        """The result for this very value; one that is equal to it and another is worked out for itself."""
        place = (id(value), *more)
        known = self._known.get(place)
        if known is None or known[0]() is not value:
            if len(self._known) >= self._most:
                self._known.clear()
            known = self._known[place] = (weakref.ref(value), self._work(value, *more))
        return known[1]


class Findings:
    """What was found out about several values together, under names of the finder's choice, for as long as they are there.

    Args:
        most: groups of values that are known at a time; with one more, all are forgotten.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._known: dict[tuple[Hashable, ...], tuple[tuple[weakref.ref[object], ...], dict[Any, Any]]] = {}

    def about(self, values: Sequence[object], *more: Hashable) -> dict[Any, Any]:
        """What is known about these very values, with what else it depends on; to be added to."""
        place = (*map(id, values), *more)
        known = self._known.get(place)
        if known is None or any(one() is not value for one, value in zip(known[0], values, strict=True)):
            if len(self._known) >= self._most:
                self._known.clear()
            known = self._known[place] = (tuple(map(weakref.ref, values)), {})
        return known[1]
