"""When steps begin: explicit times kept, the rest of the take shared by what each step naturally needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agents.director.steps import Step
from agents.director.times import TimeMark

SHORTEST = 3.0
LONGEST = 20.0
"""Seconds of a take whose length is left to the director."""
LEAST_STEP = 0.5
LAST_VISIBLE = 0.8
"""Seconds before the end of the take at which its last step begins at the latest, so that it is seen."""


@dataclass(frozen=True, slots=True)
class Need:
    """What a step needs.

    Attributes:
        natural: seconds that it takes of itself.
        fixed: seconds that the direction gives it, or None.
        stretch: share of spare time that it takes, against the others.
    """

    natural: float
    fixed: float | None
    stretch: float


def length_needed(steps: Sequence[Step], needs: Sequence[Need]) -> float:
    """Seconds that a direction needs, 3 to 20."""
    at = 0.0
    farthest = 0.0
    for step, need in zip(steps, needs, strict=True):
        mark = step.when
        if mark is not None and mark.kind in ("at", "span"):
            at = max(at, mark.low)
        elif mark is not None and mark.kind == "after":
            at = at + mark.low if farthest == 0 else max(at, farthest + mark.low)
        farthest = at
        at += need.fixed if need.fixed is not None else need.natural
        if mark is not None and mark.kind == "last":
            at = max(at, mark.low + need.natural)
    tail = 0.8 if needs and needs[-1].fixed is None else 1.0
    return min(LONGEST, max(SHORTEST, at + tail))


def place_steps(steps: Sequence[Step], needs: Sequence[Need], total: float) -> list[float]:
    """The start of each step in seconds; ascending.

    Steps with a time of their own cut the take into stretches. In each, steps of a given length keep it, and the others share
    what is left: scaled down alike where it is short, stretched by their `stretch` where it is long.
    """
    fixed = [need.fixed for need in needs]
    anchors: list[float | None] = [None] * len(steps)
    for number, step in enumerate(steps):
        mark = step.when
        if mark is None:
            continue
        if mark.kind == "after" and number:
            before = fixed[number - 1]
            said_before = steps[number - 1].when is None and before is not None
            fixed[number - 1] = mark.low + before if said_before and before is not None else max(mark.low, LEAST_STEP)
        else:
            anchors[number] = min(_anchor(mark, total), max(0.0, total - LAST_VISIBLE))
    floor = 0.0
    for number, anchor in enumerate(anchors):
        if anchor is not None:
            floor = max(floor, anchor)
            anchors[number] = floor
    starts = [0.0] * len(steps)
    number = 0
    while number < len(steps):
        begin = anchors[number] or 0.0
        end = number + 1
        while end < len(steps) and anchors[end] is None:
            end += 1
        until = anchors[end] if end < len(steps) else None
        _share(starts, number, end, begin, total if until is None else until, needs, fixed, last=until is None)
        number = end
    return starts


def _anchor(mark: TimeMark, total: float) -> float:
    if mark.kind == "last":
        return total * (1 - mark.high) if mark.high else total - mark.low
    if mark.kind == "share":
        return mark.low * total
    return 0.0 if mark.kind == "first" else mark.low


def _share(
    starts: list[float],
    first: int,
    end: int,
    begin: float,
    until: float,
    needs: Sequence[Need],
    fixed: Sequence[float | None],
    *,
    last: bool,
) -> None:
    """Lay out the steps `first` to `end` (exclusive) between two times."""
    room = max(0.0, until - begin)
    given = [fixed[n] if fixed[n] is not None else None for n in range(first, end)]
    flexible = [needs[first + k].natural for k, length in enumerate(given) if length is None]
    held = sum(length for length in given if length is not None)
    least = sum(min(LAST_VISIBLE, natural) for natural in flexible)
    squeeze = min(1.0, (room - least) / held) if held > 0 and room > least else (1.0 if held == 0 else 0.5)
    left = max(0.0, room - held * squeeze)
    natural = sum(flexible)
    spare = left - natural
    weights = [needs[first + k].stretch if length is None else 0.0 for k, length in enumerate(given)]
    total_weight = sum(weights)
    at = begin
    for offset, length in enumerate(given):
        starts[first + offset] = at
        if length is not None:
            at += length * squeeze
        elif spare >= 0:
            own = needs[first + offset].natural
            share = weights[offset] / total_weight if total_weight > 0 else 0.0
            # A long take is not filled by a blink: a step takes at most its share, the last one what is left.
            at += own + min(spare * share, own * 2.5 + 1.0 if not (last and first + offset == end - 1) else spare)
        else:
            at += needs[first + offset].natural * left / natural
    latest = until - LAST_VISIBLE if last and end - first > 1 else until
    if starts[end - 1] > latest > begin:
        shrink = (latest - begin) / (starts[end - 1] - begin)
        for number in range(first, end):
            starts[number] = begin + (starts[number] - begin) * shrink
