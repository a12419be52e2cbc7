"""From samples back to keyframes: the few points that carry a sampled curve, and putting them into an existing one.

Repairs work on samples, since most couplings hold between values at the same moment. What they changed is written back as
keyframes over the changed span alone; everything else keeps its keyframes, modes and sources.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np

from numpy.typing import NDArray

from protocol.channels import CHANNELS, Unit
from protocol.interpolation import sample_curves, sample_layers, sample_through
from protocol.keyframes import MAX_SOURCES, Curve, Keyframe, Source, Track, key, make_curve

TOLERANCES: Mapping[Unit, float] = MappingProxyType({"share": 0.003, "degree": 0.06, "cm": 0.02})
"""How far keyframes may stray from the samples that they stand for: below what anyone sees."""

_COARSE = 4
"""How many times coarser than the tolerance the first polyline may be: smooth keyframes follow a curve better than chords."""
_NEAR = 1.5
"""Times the tolerance by which a smooth curve may miss the samples that its keyframes were chosen for."""
_FEW = 32
"""Points that are gone through one by one faster than as an array."""
_ATTEMPTS = 8
"""How often points are chosen more finely, or a span widened; what is still off then shows in judgement."""


def knots(times: NDArray[np.float64], values: NDArray[np.float64], tolerance: float) -> list[int]:
    """Indices of the points whose polyline stays within a tolerance of all points (Ramer 1972, Douglas and Peucker 1973).

    Args:
        times: float64 [points], ascending.
        values: float64 [points].
        tolerance: largest distance in value.

    Returns:
        Ascending indices, the first and the last point always among them; only the first if all values are within the
        tolerance of it.
    """
    return Polyline(times, values).within(tolerance)


class Polyline:
    """The points of one curve that carry it, for one tolerance after the other, each finer than the last.

    Where a stretch is split does not depend on the tolerance, only whether it is: so a finer polyline goes on where the
    coarser one stopped.
    """

    def __init__(self, times: NDArray[np.float64], values: NDArray[np.float64]) -> None:
        self._times, self._values = times, values
        self._plain: tuple[list[float], list[float]] = [], []
        self._span = float(np.abs(values - values[0]).max())
        self._kept: list[int] = []
        self._leaves: list[tuple[float, int, int, int]] = []

    def within(self, tolerance: float) -> list[int]:
        """Indices, as :func:`knots` gives them; no coarser than any before."""
        if self._span <= tolerance * 0.5:
            return [0]
        if not self._kept:
            self._plain = self._times.tolist(), self._values.tolist()
            self._kept = [0, len(self._values) - 1]
            self._leaves = [self._measured(0, len(self._values) - 1)]
        going, kept, measured = self._leaves, self._kept, self._measured
        self._leaves = [leaf for leaf in going if leaf[0] <= tolerance]
        going = [leaf for leaf in going if leaf[0] > tolerance]
        while going:
            _, start, middle, stop = going.pop()
            kept.append(middle)
            for begin, end in ((start, middle), (middle, stop)):
                if end - begin > 1:
                    leaf = measured(begin, end)
                    (going if leaf[0] > tolerance else self._leaves).append(leaf)
        kept.sort()
        return list(kept)

    def _measured(self, start: int, stop: int) -> tuple[float, int, int, int]:
        """How far the farthest point between two others lies from the straight line through them, and which it is."""
        times, values = self._plain
        begin, base = times[start], values[start]
        span, rise = times[stop] - begin, values[stop] - base
        if stop - start <= _FEW:
            farthest, worst = -1.0, start
            for n, (time, value) in enumerate(zip(times[start + 1 : stop], values[start + 1 : stop], strict=True), start + 1):
                off = abs(value - (base + rise * ((time - begin) / span)))
                if off > farthest:
                    farthest, worst = off, n
            return farthest, start, worst, stop
        away = self._times[start + 1 : stop] - begin
        away /= span
        away *= rise
        away += base
        np.subtract(self._values[start + 1 : stop], away, out=away)
        np.abs(away, out=away)
        worst = int(away.argmax())
        return float(away[worst]), start, start + 1 + worst, stop


def fitted(times: NDArray[np.float64], values: NDArray[np.float64], tolerance: float) -> list[tuple[float, float]]:
    """The few points whose smooth curve (`protocol.interpolation`) stays near sampled values.

    Args:
        times: float64 [points], ascending.
        values: float64 [points].
        tolerance: how far the curve may stray, in value, up to half as much again.
    """
    (chosen,) = all_fitted(times, values[np.newaxis], [tolerance])
    return list(zip(times[chosen].tolist(), values[chosen].tolist(), strict=True))


def all_fitted(times: NDArray[np.float64], rows: NDArray[np.float64], tolerances: Sequence[float]) -> list[list[int]]:
    """Where these points lie for several curves sampled at the same times: much faster than one by one.

    Args:
        times: float64 [points], ascending.
        rows: float64 [curves, points].
        tolerances: of each curve.

    Returns:
        Ascending indices for each, the first point always among them.
    """
    chosen: list[list[int]] = [[] for _ in rows]
    # Both sides of a face often do the same: a row is gone through once.
    forms = [(row.tobytes(), tolerance) for row, tolerance in zip(rows, tolerances, strict=True)]
    first = {form: place for place, form in reversed([*enumerate(forms)])}
    pending = sorted(first.values())
    lines = {place: Polyline(times, rows[place]) for place in pending}
    allowed = _NEAR * np.array(tolerances)
    coarse = float(_COARSE)
    for _ in range(_ATTEMPTS):
        if not pending:
            break
        for place in pending:
            before = chosen[place]
            chosen[place] = lines[place].within(tolerances[place] * coarse)
            if len(chosen[place]) <= len(before):
                # Straight pieces need no more points, but a smooth curve rounds the corners between them: confine that.
                near = {n + step for n in before for step in (-1, 0, 1)}
                chosen[place] = sorted(n for n in near if 0 <= n < len(times))
        coarse = coarse / 3
        away = sample_through(times, rows[pending], [chosen[place] for place in pending])
        away -= rows[pending]
        np.abs(away, out=away)
        off: list[bool] = np.any(away > allowed[pending, np.newaxis], axis=1).tolist()
        pending = [place for place, far in zip(pending, off, strict=True) if far and len(chosen[place]) < len(times)]
    return [chosen[first[form]] for form in forms]


def rewritten(
    track: Track, rows: Mapping[str, NDArray[np.float64]], before: Mapping[str, NDArray[np.float64]], rate: float, note: str
) -> Track:
    """A track whose curves pass through changed samples.

    Args:
        track: the track as it was.
        rows: by channel the samples that it should have, float64 [frames] from the start of the beat to its end.
        before: the samples that it has.
        rate: frames per second of both.
        note: why it changed; goes into the sources of the new keyframes.
    """
    changed = {}
    for curve in track.curves:
        new, old = rows.get(curve.channel), before.get(curve.channel)
        if new is not None and old is not None:
            places = np.flatnonzero(np.abs(new - old) > TOLERANCES[CHANNELS[curve.channel].unit] * 0.25)
            if len(places):
                changed[curve.channel] = _Stretch.of(curve, new, places, np.arange(len(new)) / rate)
    if not changed:
        return track
    _rewrite(list(changed.values()), rate)
    sources = list(track.sources)
    curves = tuple(changed[curve.channel].curve(sources, note) if curve.channel in changed else curve for curve in track.curves)
    return Track(region=track.region, curves=curves, sources=tuple(sources))


@dataclass(slots=True)
class _Stretch:
    """The part of a curve that is written anew.

    Attributes:
        old: the curve as it was.
        wanted: float64 [frames], what it should be.
        tolerance: how far it may stray.
        first: the keyframe of the old curve that it begins with.
        last: the one after it; as many as there are if it goes to the curve's end.
        fine: how finely points are chosen.
        points: those that were chosen last, with their values.
        led: for each time that they were chosen, the source that the stretch began with.
    """

    old: Curve
    wanted: NDArray[np.float64]
    tolerance: float
    first: int
    last: int
    fine: float
    points: list[tuple[float, float]] = field(default_factory=list)
    led: list[int] = field(default_factory=list)

    @classmethod
    def of(cls, curve: Curve, new: NDArray[np.float64], changed: NDArray[np.intp], times: NDArray[np.float64]) -> _Stretch:
        """What has to be written anew where samples changed: from the keyframe before the change to the one after it."""
        keys, begin, until = curve.keys, float(times[changed[0]]), float(times[changed[-1]])
        first = max(n for n, k in enumerate(keys) if k.time <= begin or n == 0)
        last = next((n for n, k in enumerate(keys) if k.time > until), len(keys))
        if changed[-1] == len(new) - 1:
            last = len(keys)  # the beat's end lies between two samples: what is changed up to the last one stays changed
        channel = CHANNELS[curve.channel]
        tolerance = TOLERANCES[channel.unit]
        return cls(curve, np.clip(new, channel.low, channel.high), tolerance, first, last, tolerance)

    def span(self, times: NDArray[np.float64]) -> tuple[int, int]:
        """The samples `[start, stop)` that it covers."""
        start = int(times.searchsorted(self.old.keys[self.first].time))
        return start, int(times.searchsorted(self.old.keys[self.last].time)) if self.last < len(self.old.keys) else len(times)

    def keys(self, source: int) -> tuple[Keyframe, ...]:
        """All keyframes of the curve, those of the stretch with this source."""
        inner = [key(time, value, "smooth", source) for time, value in self.points]
        before, leader, after = self.old.keys[: self.first], self.old.keys[self.first], self.old.keys[self.last :]
        return _joined(before, leader, inner, after, source)

    def mended(self, sampled: NDArray[np.float64], before: NDArray[np.float64], span: tuple[int, int]) -> bool:
        """Whether the curve is what it should be, from samples of it and of the old one; if not, it is tried otherwise."""
        start, stop = span
        # A smooth segment next to new keyframes takes another shape with them: then it is written anew as well.
        away = np.abs(sampled - before) > _NEAR * self.tolerance
        if self.first > 0 and away[:start].any():
            self.first -= 1
        elif self.last < len(self.old.keys) and away[stop:].any():
            self.last += 1
        elif (np.abs(sampled - self.wanted)[start:stop] > _NEAR * self.tolerance).any():
            self.fine = self.fine / 3
        else:
            return True
        return False

    def curve(self, sources: list[Source], note: str) -> Curve:
        """The new curve; what is said of its sources is added to them."""
        return make_curve(self.old.channel, self.keys([_noted(sources, led, note) for led in self.led][-1]))


def _rewrite(stretches: Sequence[_Stretch], rate: float) -> None:
    """Choose the points of several curves of one beat, together, until each is what it should be."""
    times = np.arange(len(stretches[0].wanted)) / rate
    before = dict(zip(map(id, stretches), sample_curves([one.old for one in stretches], times), strict=True))
    pending = list(stretches)
    for _ in range(_ATTEMPTS):
        spans = [one.span(times) for one in pending]
        for start, stop in dict.fromkeys(spans):
            alike = [one for one, span in zip(pending, spans, strict=True) if span == (start, stop)]
            wanted = np.array([one.wanted[start:stop] for one in alike])
            for one, row, places in zip(
                alike, wanted, all_fitted(times[start:stop], wanted, [one.fine for one in alike]), strict=True
            ):
                one.led.append(one.old.keys[one.first].source)
                one.points = list(zip(times[start:stop][places].tolist(), row[places].tolist(), strict=True))
        channels = [CHANNELS[one.old.channel] for one in pending]
        keys = [one.keys(one.led[-1]) for one in pending]
        sampled = sample_layers(keys, times, [(channel.low, channel.high) for channel in channels])
        pending = [
            one for one, row, span in zip(pending, sampled, spans, strict=True) if not one.mended(row, before[id(one)], span)
        ]
        if not pending:
            break


def _joined(
    before: Sequence[Keyframe], leader: Keyframe, inner: Sequence[Keyframe], after: Sequence[Keyframe], source: int
) -> tuple[Keyframe, ...]:
    """Keyframes in order of time; `leader` starts the rewritten span and keeps its value unless the span starts with it."""
    result = list(before)
    if not inner or inner[0].time > leader.time:
        result.append(key(leader.time, leader.value, "smooth", source))
    for one in inner:
        if not result or one.time > result[-1].time:
            result.append(one)
    while after and result and after[0].time <= result[-1].time:
        result.pop()
    # A value held until the next keyframe stays held: a flat end needs no keyframe in between.
    return (*result, *after)


def _noted(sources: list[Source], old: int, note: str) -> int:
    """Index of the old source with a note, added if it is new."""
    noted = sources[old].model_copy(update={"note": note[:200]})
    if noted not in sources:
        if len(sources) >= MAX_SOURCES:
            return old  # what changed the keyframe is then not said, but the keyframe stands
        sources.append(noted)
    return sources.index(noted)
