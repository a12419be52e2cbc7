"""A performed take cut into beats."""

from __future__ import annotations

import math

from collections.abc import Sequence

from agents.director.performance import Span
from agents.director.timing import LEAST_STEP
from protocol.brief import Act, Beat, Limit, Still
from protocol.keyframes import MAX_SECONDS, exact

_SAME = 0.01
"""Seconds by which times may differ that are meant to be one."""
LONGEST = 20.0
"""Seconds that a beat lasts at most: what is agreed on at once, and lost at once, stays small."""


def cut(
    starts: Sequence[float],
    told: Sequence[str],
    spans: Sequence[Span],
    stills: Sequence[Still],
    limits: Sequence[Limit],
    total: float,
) -> tuple[Beat, ...]:
    """Cut a take into beats at the starts of its steps; shorter ones than half a second join the one before.

    Args:
        starts: start of each step in seconds, exact decimals, ascending.
        told: words of each step.
        spans: acts on the take's clock.
        stills: freezes on the take's clock.
        limits: limits on the take's clock.
        total: seconds of the take.
    """
    edges = [(0.0, "")]
    for start, words in zip(starts, told, strict=True):
        before, said = edges[-1]
        if start - before < LEAST_STEP or total - start < LEAST_STEP:
            joined = " / ".join(part for part in (said, words) if part and part not in said)
            edges[-1] = (before, (joined or said)[:400])
        else:
            edges.append((start, words))
    edges = [part for number, edge in enumerate(edges) for part in _parts(edge, edges[number + 1 : number + 2], total)]
    beats = []
    for number, (start, words) in enumerate(edges):
        end = edges[number + 1][0] if number + 1 < len(edges) else total
        beats.append(
            Beat(
                start=start,
                end=end,
                summary=words or "rest",
                acts=tuple(
                    _act_of(span, start) for span in spans if span.start < end and span.end is not None and span.end > start
                ),
                limits=tuple(
                    limit.model_copy(
                        update={"start": exact(max(limit.start, start) - start), "end": exact(min(limit.end, end) - start)}
                    )
                    for limit in limits
                    if limit.start < end and limit.end > start
                ),
                stills=tuple(
                    Still(
                        start=exact(max(still.start, start) - start), end=exact(min(still.end, end) - start), words=still.words
                    )
                    for still in stills
                    if still.start < end and still.end > start
                ),
            )
        )
    return tuple(beats)


def _parts(edge: tuple[float, str], following: Sequence[tuple[float, str]], total: float) -> list[tuple[float, str]]:
    """A beat's beginning, and those of the equal parts that it is cut into if it is too long to be agreed on at once."""
    start, words = edge
    length = (following[0][0] if following else total) - start
    count = math.ceil(length / LONGEST)
    return [(exact(start + length * part / count), words) for part in range(count)]


def _act_of(span: Span, start: float) -> Act:
    """A span as an act of the beat that begins at `start`."""
    call = span.call
    assert span.end is not None
    return Act(
        name=call.name,
        start=exact(span.start - start),
        end=exact(min(span.end - start, MAX_SECONDS)),  # words may ask for more than there can be
        strength=exact(call.strength),
        speed=exact(span.speed if span.let_go is None or start < span.let_go[0] - _SAME else span.let_go[1]),
        side=call.side,
        count=call.count,
        yaw=exact(call.yaw),
        pitch=exact(call.pitch),
        regions=span.regions,
        words=span.words,
    )
