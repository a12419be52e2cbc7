"""How alive a motion is: its blinks, saccades, speeds, sides and pauses beside the ranges of people.

A measure that a motion gives no occasion for is left out: a take without a saccade has no wrong ones. Without idle motion
nobody expects blinks, nor that anything moves between what is asked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from numpy.typing import NDArray

from agents.critic.asking import Asked, Held
from agents.critic.events import MOVES, Movement, Seen
from agents.critic.findings import Measured
from agents.critic.sums import added_row, deviation, mean_of
from configs.critic import CriticTable
from protocol.channels import CHANNELS, INDEX, NAMES, SIDES
from protocol.constraints import WINDOW, accelerations, runs
from protocol.gaze import saccade_seconds

_LONG_ENOUGH = 8.0
"""Seconds of a motion from which on its blinks can be counted."""
_FEW = 3
"""Blinks or saccades from which on their median says something."""
_TIMED = 3.0
"""Degrees from which on a saccade takes long enough to be timed."""
_FINE_RATE = 50
"""Frames per second from which on a saccade can be timed."""
_BOTH = 0.12
"""Size from which on two sides can be compared."""
_TOGETHER = 0.18
"""Seconds without a start after which the next one is of another movement."""
_PARTS = 3
"""Parts of a movement from which on they can start one after another."""
_TREMOR = {"share": 2.0, "degree": 60.0, "cm": 6.0}
"""Bend, per second squared, that measures 1."""
_GROUPS = (
    tuple(n for n in NAMES if n.startswith(("brow", "mouth", "jaw", "cheek", "nose", "tongue"))),
    tuple(n for n in NAMES if n.startswith("eye") and not CHANNELS[n].derived),
    tuple(n for n in NAMES if n.startswith("head")),
)
_PAIRS = tuple(
    (f"{channel.stem}{SIDES[0]}", f"{channel.stem}{SIDES[1]}")
    for channel in CHANNELS.values()
    if channel.unit == "share"
    and not channel.derived
    and channel.name == f"{channel.stem}{SIDES[0]}"
    and channel.stem != "eyeBlink"
)


@dataclass(frozen=True, slots=True)
class Nature:
    """Measures how alive a motion is.

    Attributes:
        seen: the motion.
        everything: all that is asked for.
        stills: when nothing is to move.
        unblinking: when lids are not to blink: because nothing is to move, or because they are told to stay open.
        table: the ranges.
        idle: whether the face is meant to stay alive by itself.
    """

    seen: Seen
    everything: Sequence[Asked]
    stills: Sequence[Held]
    unblinking: Sequence[Held]
    table: CriticTable
    idle: bool

    def measures(self) -> Iterator[Measured]:
        """Every measure that the motion gives an occasion for."""
        if self.idle:
            yield from self._blinking()
            yield from self._dead_time()
        yield from self._blink_shapes()
        yield from self._saccades()
        yield self._speed()
        yield self._tremble()
        yield from self._sides()
        yield from self._together()

    def _measured(self, name: str, value: float, at: float | None = None) -> Measured:
        band = self.table.nature[name]
        return Measured(
            name=name,
            about=band.about,
            value=round(value, 4),
            low=round(band.low, 4),
            high=round(band.high, 4),
            unit=band.unit,
            at=None if at is None else round(at, 3),
            score=round(band.score(value, self.table.edge), 4),
        )

    def _blink_rate(self, count: int, seconds: float) -> Measured:
        """How many blinks fall into a short time is chance: twice the deviation of a Poisson count is no surprise."""
        band, minutes = self.table.nature["blink_rate"], seconds / 60
        less, more = (2 * float(np.sqrt(rate * minutes)) / minutes for rate in (band.low, band.high))
        less = min(less, band.low)
        fewest, most = int(np.ceil((band.low - less) * minutes)), int((band.high + more) * minutes)
        return self._measured("blink_rate", count / minutes).model_copy(
            update={
                "low": round(band.low - less, 4),
                "high": round(band.high + more, 4),
                "score": round(band.score(count / minutes, self.table.edge, less, more), 4),
                "people": (band.low, band.high),
                "note": f"{count} in {seconds:.1f} s, where {fewest} to {most} would be no surprise",
            }
        )

    def _blinking(self) -> Iterator[Measured]:
        # A wink is no blink: the other eye stays open and dries.
        blinks = [blink for blink in self.seen.blinks if blink.side == "both"]
        # Lids that are shut, or told to be still, do not blink.
        excused = np.minimum(self.seen.row("eyeBlinkLeft"), self.seen.row("eyeBlinkRight")) > 0.5
        for held in self.unblinking:
            excused[self.seen.between(held.start, held.end)] = True
        open_seconds = float((~excused).sum()) / self.seen.rate
        if open_seconds >= _LONG_ENOUGH:
            yield self._blink_rate(len(blinks), open_seconds)
        marks = [0.0, *(blink.top for blink in blinks), self.seen.seconds]
        longest, at = max((self._open(excused, start, end), start) for start, end in pairwise(marks))
        if longest > 0:
            yield self._measured("stare", longest, at)

    def _open(self, excused: NDArray[np.bool_], start: float, end: float) -> float:
        """Seconds between two times in which lids could have blinked."""
        return float((~excused[self.seen.between(start, end)]).sum()) / self.seen.rate

    def _dead_time(self) -> Iterator[Measured]:
        still = self.seen.still.copy()
        for held in self.stills:
            still[self.seen.between(held.start - 0.05, held.end + 0.1)] = False
        longest, at = max(((stop - start, start) for start, stop in runs(still)), default=(0, 0))
        yield self._measured("dead_time", longest / self.seen.rate, at / self.seen.rate)

    def _blink_shapes(self) -> Iterator[Measured]:
        """Of blinks alone: lids that go slowly on purpose are no blinks."""
        if self.seen.rate < _FINE_RATE:
            return
        blinks = [b for b in self.seen.blinks if b.side == "both" and b.end - b.start < 0.45 and not self._on_purpose(b.top)]
        if len(blinks) >= _FEW:
            yield self._measured("blink_closing", float(np.median([blink.closing for blink in blinks])))
            yield self._measured("blink_opening", float(np.median([blink.opening / blink.closing for blink in blinks])))

    def _on_purpose(self, at: float) -> bool:
        """Whether lids move at a time as part of something else that is asked for."""
        return any("eyeBlinkLeft" in one.look.held and one.start - 0.3 < at < one.over + 0.3 for one in self.everything)

    def _saccades(self) -> Iterator[Measured]:
        if self.seen.rate < _FINE_RATE:
            return
        # What is asked to be slow does not jump, nor do eyes that are rolled.
        gliding = [(one.start - 0.1, one.start + 1.5) for one in self.everything if one.look.goal and one.act.speed < 0.6]
        gliding += [(one.start - 0.1, one.over + 0.3) for one in self.everything if _rolls_eyes(one)]
        jumps = [jump for jump in self.seen.saccades if not any(start < jump.start < end for start, end in gliding)]
        jumps = [jump for jump in jumps if jump.size >= _TIMED]
        if len(jumps) >= _FEW:
            frame = 1 / self.seen.rate
            ratios = [max(jump.seconds - frame / 2, frame / 2) / saccade_seconds(jump.size) for jump in jumps]
            yield self._measured("saccades", float(np.median(ratios)))

    def _speed(self) -> Measured:
        rows = self.seen.samples[_MOVING]
        back = max(round(WINDOW * self.seen.rate), 1)
        change = np.abs(rows[:, back:] - rows[:, :-back]) * (self.seen.rate / back)
        fastest = np.array([self.table.fastest(NAMES[row]) for row in _MOVING])
        if not change.shape[1]:
            return self._measured("speed", 0.0)
        share = change.max(axis=1) / fastest
        worst = int(np.argmax(share))
        return self._measured("speed", float(share[worst]), float(np.argmax(change[worst])) / self.seen.rate)

    def _tremble(self) -> Measured:
        """How much the channels of a part of the face bend at most times: what is asked to shake shakes few of them."""
        bend = accelerations(self.seen.samples, self.seen.rate)
        usual = np.percentile(bend, 80, axis=1)
        units = np.array([_TREMOR[channel.unit] for channel in CHANNELS.values()])
        groups = [float(np.median((usual / units)[[INDEX[name] for name in group]])) for group in _GROUPS]
        return self._measured("tremble", max(groups))

    def _sides(self) -> Iterator[Measured]:
        """Sides that move together differ a little: neither by nothing nor by half."""
        lopsided = {name for one in self.everything for name, other in _lopsided(one)}
        apart, sizes, at, most = 0.0, 0.0, 0.0, 0.0
        for left, right in _PAIRS:
            if left in lopsided or right in lopsided:
                continue
            one, other = self.seen.row(left), self.seen.row(right)
            larger = np.maximum(one, other)
            moved = larger > _BOTH
            if moved.sum() < self.seen.rate / 4:
                continue
            difference = np.abs(one - other)
            apart += added_row(difference[moved])
            sizes += added_row(larger[moved])
            if float(difference.max()) > most:
                most, at = float(difference.max()), float(np.argmax(difference)) / self.seen.rate
        if sizes:
            yield self._measured("sides", apart / sizes, at)

    def _together(self) -> Iterator[Measured]:
        """Parts of one movement do not set out at one stroke."""
        starts: dict[str, list[Movement]] = {}
        for movement in self.seen.movements:
            outward = abs(movement.after) > abs(movement.before)
            if outward and not movement.channel.startswith(("eyeBlink", "eyeYaw", "eyePitch")):
                starts.setdefault(CHANNELS[movement.channel].stem, []).append(movement)
        firsts = sorted((movement.start, stem) for stem, found in starts.items() for movement in found)
        spreads, sizes = [], []
        group: dict[str, float] = {}
        last = -1.0
        for time, stem in [*firsts, (float("inf"), "")]:
            if group and time - last > _TOGETHER:
                if len(group) >= _PARTS:
                    spreads.append(deviation(list(group.values())))
                    sizes.append(len(group))
                group = {}
            group.setdefault(stem, time)
            last = time
        if spreads:
            yield self._measured("together", mean_of(spreads, sizes))


_MOVING = [
    INDEX[name]
    for name, channel in CHANNELS.items()
    if not channel.derived and not name.startswith(("eyeYaw", "eyePitch")) and channel.unit in MOVES and channel.unit != "cm"
]


def _rolls_eyes(one: Asked) -> bool:
    """Whether eyes are asked to move round instead of jumping."""
    swing = one.look.swing
    return swing is not None and not swing.varied and any(name.startswith(("eyeYaw", "eyePitch")) for name in swing.spans)


def _lopsided(one: Asked) -> Iterator[tuple[str, str]]:
    """Pairs of channels of which an act asks for different sizes."""
    for left, right in _PAIRS:
        first, second = one.look.held.get(left, 0.0), one.look.held.get(right, 0.0)
        if abs(first - second) > 0.02:
            yield left, right
