"""From samples back to keyframes: the few points that carry a sampled curve, and putting them into an existing one.

Repairs work on samples, since most couplings hold between values at the same moment. What they changed is written back as
keyframes over the changed span alone; everything else keeps its keyframes, modes and sources.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np

from numpy.typing import NDArray

from protocol.channels import CHANNELS, Unit
from protocol.interpolation import sample_curve, sample_smooth
from protocol.keyframes import MAX_SOURCES, Curve, Keyframe, Source, Track, key

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
        open_leaves, self._leaves = self._leaves, []
        while open_leaves:
            leaf = open_leaves.pop()
            away, start, middle, stop = leaf
            if away > tolerance:
                self._kept.append(middle)
                if middle - start > 1:
                    open_leaves.append(self._measured(start, middle))
                if stop - middle > 1:
                    open_leaves.append(self._measured(middle, stop))
            else:
                self._leaves.append(leaf)
        self._kept.sort()
        return list(self._kept)

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
    return all_fitted(times, [values], [tolerance])[0]


def all_fitted(
    times: NDArray[np.float64], rows: Sequence[NDArray[np.float64]], tolerances: Sequence[float]
) -> list[list[tuple[float, float]]]:
    """The same for several curves sampled at the same times, each with its tolerance: much faster than one by one."""
    chosen: list[list[int]] = [[] for _ in rows]
    lines = [Polyline(times, row) for row in rows]
    pending = list(range(len(rows)))
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
        curves = sample_smooth([(times[chosen[place]], rows[place][chosen[place]]) for place in pending], times)
        pending = [
            place
            for place, curve in zip(pending, curves, strict=True)
            if len(chosen[place]) < len(times) and (np.abs(curve - rows[place]) > _NEAR * tolerances[place]).any()
        ]
    return [[(float(times[n]), float(row[n])) for n in chosen[place]] for place, row in enumerate(rows)]


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
    curves, sources = [], list(track.sources)
    for curve in track.curves:
        tolerance = TOLERANCES[CHANNELS[curve.channel].unit]
        new, old = rows.get(curve.channel), before.get(curve.channel)
        if new is None or old is None or (np.abs(new - old) <= tolerance * 0.25).all():
            curves.append(curve)
            continue
        curves.append(_through(curve, new, old, rate, tolerance, sources, note))
    return track.model_copy(update={"curves": tuple(curves), "sources": tuple(sources)})


def _through(
    curve: Curve,
    new: NDArray[np.float64],
    old: NDArray[np.float64],
    rate: float,
    tolerance: float,
    sources: list[Source],
    note: str,
) -> Curve:
    times = np.arange(len(new)) / rate
    changed = np.flatnonzero(np.abs(new - old) > tolerance * 0.25)
    # Keyframes that rule the curve where it changes: from the one before the change to the one after it.
    keys = list(curve.keys)
    first = max(n for n, k in enumerate(keys) if k.time <= times[changed[0]] or n == 0)
    until = float(times[changed[-1]])
    last = next((n for n, k in enumerate(keys) if k.time > until), len(keys))
    if changed[-1] == len(new) - 1:
        last = len(keys)  # the beat's end lies between two samples: what is changed up to the last one stays changed
    wanted = np.clip(new, CHANNELS[curve.channel].low, CHANNELS[curve.channel].high)
    before = sample_curve(curve, times)
    fine = tolerance
    for _ in range(_ATTEMPTS):
        start = int(np.searchsorted(times, keys[first].time))
        stop = int(np.searchsorted(times, keys[last].time)) if last < len(keys) else len(times)
        source = _noted(sources, keys[first].source, note)
        inner = [key(time, value, "smooth", source) for time, value in fitted(times[start:stop], wanted[start:stop], fine)]
        result = curve.model_copy(update={"keys": _joined(keys[:first], keys[first], inner, keys[last:], source)})
        # A smooth segment next to new keyframes takes another shape with them: then it is written anew as well.
        sampled = sample_curve(result, times)
        away = np.abs(sampled - before) > _NEAR * tolerance
        if first > 0 and away[:start].any():
            first -= 1
        elif last < len(keys) and away[stop:].any():
            last += 1
        elif (np.abs(sampled - wanted)[start:stop] > _NEAR * tolerance).any():
            fine = fine / 3
        else:
            break
    return result


def _joined(
    before: list[Keyframe], leader: Keyframe, inner: list[Keyframe], after: list[Keyframe], source: int
) -> tuple[Keyframe, ...]:
    """Keyframes in order of time; `leader` starts the rewritten span and keeps its value unless the span starts with it."""
    result = list(before)
    if not inner or inner[0].time > leader.time:
        result.append(leader.model_copy(update={"mode": "smooth", "handles": None, "source": source}))
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
