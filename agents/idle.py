"""Idle motion: what keeps a face alive when nothing is asked of it.

Each region plans its own: the eyes blink and make small saccades, brows and lips stir, the head sways and breathes. All of
it is seeded by take and region and planned on the take's clock; a beat performs its part of that plan, so idle motion goes on
over a beat's end as if there were none. It is proposed and negotiated like everything else.
"""

from __future__ import annotations

from agents.chance import Chance
from agents.performance import Move, Wandering
from configs.gestures import Behaviour, Blinks, Wander
from protocol.brief import Act, Beat
from protocol.channels import Region
from protocol.gaze import saccade_seconds
from protocol.keyframes import exact

BLINK_SECONDS = 0.3
"""Room that a blink needs."""
AGAIN = 0.44
"""Seconds from one blink of a pair to the other."""


def idle_motion(region: Region, behaviour: Behaviour, beat: Beat, *labels: object) -> tuple[list[Move], list[Wandering]]:
    """A region's idle moves and movements over a beat.

    Args:
        region: whose.
        behaviour: the table.
        beat: its spans of stillness are kept clear of blinks; movement is stopped there by whoever composes it.
        labels: of the seed; the same in all beats of a take, or idle motion starts afresh with each.
    """
    moves = _blinks(behaviour.idle.blinks, beat, Chance(*labels, "blinks")) if region == "eyes" else []
    wandering = []
    for name, wander in behaviour.idle.wander.items():
        if wander.region == region:
            steps = _wander(wander, beat, Chance(*labels, name))
            if steps:
                wandering.append(Wandering(name=name, steps=tuple(steps)))
    return moves, wandering


def _quiet(beat: Beat, start: float, end: float) -> bool:
    return any(still.start < end and start < still.end for still in beat.stills)


def _blinks(blinks: Blinks, beat: Beat, chance: Chance) -> list[Move]:
    seconds = exact(beat.end - beat.start)
    # The gap that a take starts in has been running for a while already.
    at = chance.quantile(blinks.gaps) * chance.share()
    moves = []
    while at < beat.end:
        count = 2 if chance.chooses(blinks.double) else 1
        partial, size, seed = chance.chooses(blinks.partial), chance.between(*blinks.partial_size), chance.share()
        room = BLINK_SECONDS + (count - 1) * AGAIN
        # A blink that a beat's end would cut comes a little earlier.
        start = min(at - beat.start, seconds - room)
        if at >= beat.start and start >= 0 and not _quiet(beat, start, start + room):
            moves.append(blink(start, start + count * AGAIN, size if partial else 1.0, count, int(seed * 2**32)))
        at += max(chance.quantile(blinks.gaps), room)
    return moves


def blink(start: float, end: float, size: float = 1.0, count: int = 1, seed: int = 0) -> Move:
    """A blink that nobody asked for."""
    act = Act(name="blink", start=exact(start), end=exact(max(end, start + 0.2)), strength=exact(size), count=count)
    return Move(act=act, seed=seed, idle=True)


def _wander(wander: Wander, beat: Beat, chance: Chance) -> list[tuple[float, float, float]]:
    """Steps of (start, seconds, share), the first of them over before the beat if there is one."""
    steps: list[tuple[float, float, float]] = []
    largest = max(abs(size) for size in wander.channels.values())
    # A muscle only pulls; an angle goes both ways.
    low, high = wander.shares or (-1.0 if wander.unit != "share" else 0.0, 1.0)
    at, before = chance.between(*wander.every) * chance.share(), 0.0
    while at < beat.end:
        goal = chance.between(low, high)
        for share in (goal, 0.0) if wander.returns else (goal,):
            takes = saccade_seconds(abs(share - before) * largest) if wander.jump else chance.between(*wander.takes)
            start = at - beat.start
            if len(steps) == 1 and start + takes <= 0:
                steps.clear()
            if start < exact(beat.end - beat.start):
                steps.append((exact(start), exact(takes), exact(share)))
            at, before = at + takes, share
            if wander.returns and share == goal:
                at += chance.between(*wander.stays)
        at += chance.between(*wander.every)
    return steps
