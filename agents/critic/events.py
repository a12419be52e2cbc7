"""What a motion does, read off its samples alone: what moved, from when to when and how far; blinks, saccades, stillness.

Everything is measured in seconds and in the channels' own units, at whatever rate the motion is sampled; between frames by
straight lines. Nothing here knows what was asked for.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from numpy.typing import NDArray

from agents.critic.sums import distance, distances
from protocol.channels import CHANNELS, INDEX, NAMES
from protocol.constraints import Samples, runs

Row = NDArray[np.float64]

MOVES = {"share": 0.1, "degree": 2.5, "cm": 0.5}
"""The smallest change that counts as a movement and not as an idle stir, by unit."""
BLINK = 0.35
"""Smallest closing of a lid that counts as a blink."""
_BLINK_SECONDS = 0.75
"""A lid that is down for longer is held shut."""
_EDGE = 0.1
"""Share of a movement's size at which it counts as begun, and as over at the other end."""
_JUMP = 45.0
"""Degrees per second above which the eyes jump, on top of what they turn to make up for the head."""
_JUMP_DEGREES = 1.0
STEADY = {"share": 0.004, "degree": 0.12, "cm": 0.012}
"""Change per second up to which nothing is seen to move, by unit."""


@dataclass(frozen=True, slots=True)
class Movement:
    """One channel going from one value to another without turning back.

    Attributes:
        channel: which.
        start: seconds at which it has made a tenth of the way.
        half: seconds at which it is halfway.
        end: seconds at which a tenth is left.
        before: value that it leaves.
        after: value that it comes to.
    """

    channel: str
    start: float
    half: float
    end: float
    before: float
    after: float


@dataclass(frozen=True, slots=True)
class Blink:
    """A lid or both closing and opening.

    Attributes:
        start: seconds at which it begins to close.
        top: seconds at which it is closed furthest.
        end: seconds at which it is open again.
        closing: seconds from a tenth of the way to nine tenths, extended to the whole of it.
        opening: the same the other way.
        depth: how far it closes, 0 to 1.
        side: which lids.
    """

    start: float
    top: float
    end: float
    closing: float
    opening: float
    depth: float
    side: str


@dataclass(frozen=True, slots=True)
class Saccade:
    """A jump of the eyes in the head.

    Attributes:
        start: seconds.
        seconds: that it takes.
        yaw: degrees to the left.
        pitch: degrees up.
    """

    start: float
    seconds: float
    yaw: float
    pitch: float

    @property
    def size(self) -> float:
        """Degrees of the way."""
        return distance(self.yaw, self.pitch)


@dataclass(frozen=True)
class Seen:
    """A motion and what is read off it.

    Attributes:
        samples: float64 [channels, frames], rows in the order of `protocol.channels.NAMES`.
        rate: frames per second.
        start: seconds of the first frame, where this is a part of a longer motion.
    """

    samples: Samples
    rate: float
    start: float = 0.0

    @property
    def seconds(self) -> float:
        """Length of the motion."""
        return len(self.samples[0]) / self.rate

    def row(self, channel: str) -> Row:
        """A channel over all frames."""
        row: Row = self.samples[INDEX[channel]]
        return row

    def between(self, start: float, end: float) -> slice:
        """The frames of a span in seconds, at least one."""
        count = self.samples.shape[1]
        first = min(max(round((start - self.start) * self.rate), 0), count - 1)
        return slice(first, min(max(round((end - self.start) * self.rate), first + 1), count))

    def time(self, frame: float) -> float:
        """Seconds of a place between the frames."""
        return self.start + frame / self.rate

    def part(self, start: float, end: float) -> Seen:
        """A span in seconds of the motion, as far as there is any."""
        span = self.between(start, end)
        return Seen(self.samples[:, span], self.rate, self.time(span.start))

    @cached_property
    def gaze(self) -> tuple[Row, Row]:
        """Yaw and pitch of the eyes in the head, the mean of both, degrees."""
        yaw, pitch = ((self.row(f"eye{axis}Left") + self.row(f"eye{axis}Right")) / 2 for axis in ("Yaw", "Pitch"))
        return yaw, pitch

    @cached_property
    def movements(self) -> tuple[Movement, ...]:
        """Every movement that is more than a stir, channel by channel."""
        found = []
        for name in NAMES:
            if not CHANNELS[name].derived:
                found += list(self._movements(name))
        return tuple(found)

    def _movements(self, name: str) -> Iterator[Movement]:
        row = self.row(name)
        for (first, before), (last, after) in self._steps(name):
            levels = before + (after - before) * np.array([_EDGE, 0.5, 1 - _EDGE])
            part = row[first : last + 1]
            rising = part if after > before else -part
            wanted = levels if after > before else -levels
            times = [self.time(first + crossing(rising, float(level))) for level in wanted]
            yield Movement(name, times[0], times[1], times[2], before, after)

    def _steps(self, name: str) -> Iterator[tuple[tuple[int, float], tuple[int, float]]]:
        turns = turning_points(self.row(name), MOVES[CHANNELS[name].unit])
        yield from pairwise(turns)

    @cached_property
    def blinks(self) -> tuple[Blink, ...]:
        """Every blink and wink, in the order of time."""
        found: list[Blink] = []
        both = np.minimum(self.row("eyeBlinkLeft"), self.row("eyeBlinkRight"))
        together = self._closings(both, "both")
        found += together
        for side in ("left", "right"):
            own = self._closings(self.row(f"eyeBlink{side.capitalize()}"), side)
            found += [
                blink for blink in own if not any(blink.start < other.end and other.start < blink.end for other in together)
            ]
        return tuple(sorted(found, key=lambda blink: blink.start))

    def _closings(self, row: Row, side: str) -> list[Blink]:
        turns = turning_points(row, BLINK)
        found = []
        for n in range(1, len(turns) - 1):
            (first, low), (top, high), (last, after) = turns[n - 1 : n + 2]
            if high <= low or high <= after or high - after < BLINK:
                continue
            down, up = high - row[first : top + 1], high - row[top : last + 1]
            closed = [crossing(-down, -(high - low) * share) for share in (1 - _EDGE, _EDGE)]
            opened = [crossing(up, (high - after) * share) for share in (_EDGE, 1 - _EDGE)]
            start, end = self.time(first + closed[0]), self.time(top + opened[1])
            if end - start <= _BLINK_SECONDS:
                # From a tenth to nine tenths takes about six tenths of a smooth movement.
                closing, opening = ((b - a) / self.rate / 0.6 for a, b in (closed, opened))
                found.append(Blink(start, self.time(top), end, closing, opening, high - low, side))
        return found

    @cached_property
    def saccades(self) -> tuple[Saccade, ...]:
        """Every jump of the eyes in the head of a degree or more."""
        yaw, pitch = self.gaze
        speed = distances(np.diff(yaw), np.diff(pitch)) * self.rate
        head = distances(np.diff(self.row("headYaw")), np.diff(self.row("headPitch"))) * self.rate
        found = []
        for start, stop in runs(speed > _JUMP + 1.5 * head):
            across, along = float(yaw[stop] - yaw[start]), float(pitch[stop] - pitch[start])
            if distance(across, along) >= _JUMP_DEGREES:
                found.append(Saccade(self.time(start), (stop - start) / self.rate, across, along))
        return tuple(found)

    @cached_property
    def still(self) -> NDArray[np.bool_]:
        """bool [frames]: where nothing at all is seen to move until the next frame; nothing moves after the last."""
        change = np.abs(np.diff(self.samples, axis=1, append=self.samples[:, -1:])) * self.rate
        steady: NDArray[np.bool_] = np.all(change <= _STEADY[:, np.newaxis], axis=0)
        return steady


_STEADY = np.array([STEADY[channel.unit] for channel in CHANNELS.values()])


def crossing(rising: Row, level: float) -> float:
    """The place, in frames, at which a row first comes to a level; its end if it never does."""
    reached = rising >= level
    place = int(np.argmax(reached))
    if not reached[place]:
        return len(rising) - 1.0
    if place == 0:
        return 0.0
    before, after = float(rising[place - 1]), float(rising[place])
    return place - 1 + (level - before) / (after - before)


def turning_points(row: Row, least: float) -> list[tuple[int, float]]:
    """Where a row turns, as (frame, value): between two of them it goes one way by at least so much.

    The first is where it sets out, the last where it ends up. Empty if it never moves so far.
    """
    if float(row.max()) - float(row.min()) < least:
        return []
    change = np.diff(row)
    moving = np.flatnonzero(change)
    ups = change[moving] > 0
    bends = np.flatnonzero(ups[1:] != ups[:-1])
    # What stands still at the top turns where it begins to go down again; the movement ends where it arrives.
    candidates = [0, *(int(moving[n]) + 1 for n in bends), len(row) - 1]
    values = [float(row[n]) for n in candidates]
    turns: list[tuple[int, float]] = []
    low = high = (candidates[0], values[0])
    rising: bool | None = None
    for place, value in zip(candidates[1:], values[1:], strict=True):
        if rising is None:
            low = (place, value) if value <= low[1] else low
            high = (place, value) if value >= high[1] else high
            if high[1] - low[1] >= least:
                rising = high[0] > low[0]
                turns.append(low if rising else high)
        elif rising:
            if value > high[1]:
                high = (place, value)
            elif high[1] - value >= least:
                turns.append(high)
                low, rising = (place, value), False
        elif value < low[1]:
            low = (place, value)
        elif value - low[1] >= least:
            turns.append(low)
            high, rising = (place, value), True
    if rising is not None:
        turns.append(high if rising else low)
    return turns
