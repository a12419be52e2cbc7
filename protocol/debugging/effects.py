"""What a difference of two takes comes to in the motion: which channels, since when, how far, and what stayed the same."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from protocol.channels import CHANNELS, NAMES, Region
from protocol.reduction import TOLERANCES
from protocol.timeline import Timeline, sample


@dataclass(frozen=True, slots=True)
class Shift:
    """How far a channel of the motion is apart.

    Attributes:
        channel: which.
        most: the largest difference, in its unit.
        at: seconds at which that is.
        since: seconds at which they first differ.
    """

    channel: str
    most: float
    at: float
    since: float


@dataclass(frozen=True, slots=True)
class Effect:
    """What the differences come to in the motion.

    Attributes:
        seconds: length of both.
        shifts: the channels that differ, the most visibly different first.
        unchanged: beats with the same place and the same tracks.
        moved: beats of the first that are there in the second with the same tracks at another place, as (first, second).
        changed: beats that both have, with other tracks or at another place.
        regions: of each changed beat, the regions whose tracks differ.
        removed: beats that only the first has.
        added: beats that only the second has.
    """

    seconds: tuple[float, float]
    shifts: tuple[Shift, ...]
    unchanged: tuple[int, ...]
    moved: tuple[tuple[int, int], ...]
    changed: tuple[int, ...]
    regions: tuple[tuple[Region, ...], ...]
    removed: tuple[int, ...]
    added: tuple[int, ...]

    @property
    def same(self) -> bool:
        """Whether the motions are equal, number by number."""
        return (
            not (self.shifts or self.moved or self.changed or self.removed or self.added) and self.seconds[0] == self.seconds[1]
        )


def effect(one: Timeline, two: Timeline, fps: Fraction) -> Effect:
    """What makes two timelines different, sampled at so many frames per second."""
    pair = sample(one, fps), sample(two, fps)
    frames = min(pair[0].shape[1], pair[1].shape[1])
    apart = np.abs(pair[0][:, :frames] - pair[1][:, :frames])
    rate = float(fps)
    shifts = []
    for row in np.flatnonzero((apart > 0).any(axis=1)):
        at = int(np.argmax(apart[row]))
        since = int(np.argmax(apart[row] > 0))
        shifts.append(Shift(NAMES[row], float(apart[row, at]), at / rate, since / rate))
    shifts.sort(key=lambda each: -each.most / TOLERANCES[CHANNELS[each.channel].unit])
    unchanged, moved, changed, removed, added = _matched(one, two)
    pairs = [zip(one.beats[n].tracks, two.beats[n].tracks, strict=True) for n in changed]
    regions = tuple(tuple(mine.region for mine, its in pair if mine != its) for pair in pairs)
    return Effect((one.seconds, two.seconds), tuple(shifts), unchanged, moved, changed, regions, removed, added)


def _matched(
    one: Timeline, two: Timeline
) -> tuple[tuple[int, ...], tuple[tuple[int, int], ...], tuple[int, ...], tuple[int, ...], tuple[int, ...]]:
    """Beats that are unchanged, moved, changed, removed and added."""
    both = min(len(one.beats), len(two.beats))
    unchanged = tuple(n for n in range(both) if one.beats[n] == two.beats[n])
    left = [n for n in range(len(two.beats)) if n not in unchanged]
    moved: list[tuple[int, int]] = []
    gone: list[int] = []
    for number in (n for n in range(len(one.beats)) if n not in unchanged):
        tracks = one.beats[number].tracks
        # Beats stay in their order, so what has moved comes after what moved before it.
        there = next((n for n in left if two.beats[n].tracks == tracks and (not moved or n > moved[-1][1])), None)
        if there is None:
            gone.append(number)
        else:
            moved.append((number, there))
            left.remove(there)
    changed = tuple(n for n in gone if n in left)
    removed = tuple(n for n in gone if n not in changed)
    return unchanged, tuple(moved), changed, removed, tuple(n for n in left if n not in changed)
