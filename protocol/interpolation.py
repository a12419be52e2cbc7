"""From keyframes to values: how a curve goes between its keyframes, evaluated for many times at once.

The mode of a keyframe rules the segment from it to the next one. Before the first keyframe the first value holds, after the
last one the last. With `u` going from 0 to 1 over a segment from value `a` to value `b`, the value is `a + (b - a) s(u)`:

| mode          | s(u)                                                                                              |
|---------------|---------------------------------------------------------------------------------------------------|
| `hold`        | 0: `a` stays until the next keyframe                                                              |
| `linear`      | u                                                                                                 |
| `ease_in`     | u^3: leaves from rest                                                                             |
| `ease_out`    | 1 - (1 - u)^3: arrives at rest                                                                    |
| `ease_in_out` | 3u^2 - 2u^3: rest to rest                                                                         |
| `min_jerk`    | 10u^3 - 15u^4 + 6u^5: rest to rest with no acceleration at the ends (Flash and Hogan 1985)        |
| `spring`      | critically damped, from rest; see `protocol.curves.SPRING_RATE`                                   |
| `bezier`      | y where x(p) = u, on the cubic Bezier curve through (0, 0), (x1, y1), (x2, y2), (1, 1)            |
| `smooth`      | cubic Hermite with monotone slopes (Fritsch and Butland 1984): never leaves the span of a and b   |
| `cubic`       | cubic Hermite with Catmull-Rom slopes (p[k+1] - p[k-1]) / (t[k+1] - t[k-1]): may overshoot        |

The slopes of `smooth` and `cubic` at a keyframe come from the keyframes on both sides of it, whatever *their* modes are,
within a run: a `hold` ends one run and begins another, since the value jumps where it ends. At both ends of a run the slope
is one-sided, for `smooth` by the three-point formula of SciPy's `PchipInterpolator`, for `cubic` the difference quotient.

Rules kept here
- The result is the same, bit for bit, on every processor: in float64 only + - * / and comparisons, which IEEE 754 rounds
  alike everywhere. No library function is called whose last bit may differ, and no sum whose order may.
- A sample does not depend on which other samples or curves are asked for together with it.
- At a keyframe's time the value is the keyframe's own, exactly. Equal keyframes stay equal in between.
- Values keep to the channel's range; those of modes that cannot overshoot also keep to the span of their two keyframes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import accumulate, chain
from types import MappingProxyType
from typing import get_args

import numpy as np

from protocol.channels import CHANNELS
from protocol.curves import (
    Flags,
    Floats,
    Indices,
    bezier_shape,
    catmull_rom_slopes,
    monotone_slopes,
    slopes_of_runs,
    spring_shape,
)
from protocol.keyframes import Curve, Keyframe, Mode

_CODES: Mapping[Mode, int] = MappingProxyType({mode: code for code, mode in enumerate(get_args(Mode))})
_HOLD, _SMOOTH, _CUBIC, _BEZIER, _SPRING = (_CODES[mode] for mode in ("hold", "smooth", "cubic", "bezier", "spring"))

# Coefficients of u, u^2 .. u^5 in s(u); none for the modes that no fixed polynomial describes.
_SHAPES: Mapping[Mode, tuple[int, int, int, int, int]] = MappingProxyType(
    {
        "linear": (1, 0, 0, 0, 0),
        "ease_in": (0, 0, 1, 0, 0),
        "ease_out": (3, -3, 1, 0, 0),
        "ease_in_out": (0, 3, -2, 0, 0),
        "min_jerk": (0, 0, 10, -15, 6),
    }
)
_SHAPE_COLUMNS: Floats = np.array([_SHAPES.get(mode, (0, 0, 0, 0, 0)) for mode in get_args(Mode)], dtype=np.float64).T.copy()

_NOT_FINITE = "a keyframe's time or value is not finite: leave it out or repair it"

_BATCH = 262_144  # samples evaluated together: few enough for a processor's cache, enough to outweigh the calls


@dataclass(frozen=True, eq=False, slots=True)
class CompiledCurves:
    """Curves ready to be sampled together, their keyframes one after the other; each rules a segment to the next one.

    Attributes:
        firsts: int64 [curves + 1], where the keyframes of each curve begin, and how many there are in all.
        times: float64 [keys], seconds, strictly increasing within a curve.
        spans: float64 [keys], seconds from each keyframe to the next; 1 for a curve's last.
        values: float64 [keys], in the channel's unit.
        rises: float64 [keys], the next value less this one; 0 for a curve's last.
        polynomial: float64 [degree, keys], coefficients of u, u^2 … of what is added to the value; 0 for the next two.
        bezier: bool [keys], which segments are Bezier curves.
        spring: bool [keys], which segments are springs.
        handles: float64 [6, keys], of x(p) and y(p) the coefficients of p, p^2 and p^3; only set for Bezier curves.
        lows: float64 [keys], the smallest value that a segment may take.
        highs: float64 [keys], the largest.
    """

    firsts: Indices
    times: Floats
    spans: Floats
    values: Floats
    rises: Floats
    polynomial: Floats
    bezier: Flags
    spring: Flags
    handles: Floats
    lows: Floats
    highs: Floats

    def sample(self, times: Floats) -> Floats:
        """The values of all curves at the same times.

        Args:
            times: float64 [samples], seconds, finite, in any order.

        Returns:
            float64 [curves, samples], each in its channel's unit.

        Raises:
            ValueError: the times are not one row of finite numbers.
        """
        times = np.asarray(times, dtype=np.float64)
        if times.ndim != 1 or not np.isfinite(times).all():
            raise ValueError("a curve cannot be sampled at these times: give one row of finite seconds")
        count = self.firsts.size - 1
        result = np.empty((count, times.size))
        order = None
        if (times[1:] < times[:-1]).any():
            order = np.argsort(times, kind="stable")
            times = times[order]
        together = max(1, _BATCH // max(1, times.size))
        for start in range(0, count, together):
            end = min(start + together, count)
            values = self._evaluate(start, end, times).reshape(end - start, times.size)
            if order is None:
                result[start:end] = values
            else:
                result[start:end, order] = values
        return result

    def _evaluate(self, start: int, end: int, times: Floats) -> Floats:
        """The values of some of the curves at sorted times, one curve after the other."""
        here = slice(self.firsts[start], self.firsts[end])
        # In sorted times each segment is one stretch, whose length says how often to repeat what holds for its keyframe.
        begins = np.searchsorted(times, self.times[here], side="left")
        begins[self.firsts[start:end] - here.start] = 0
        ends = np.empty_like(begins)
        ends[:-1] = begins[1:]
        ends[self.firsts[start + 1 : end + 1] - 1 - here.start] = times.size
        lengths = ends - begins

        u = (times - self.times[here].repeat(lengths).reshape(end - start, times.size)).reshape(-1)
        np.maximum(u, 0.0, out=u)
        u /= self.spans[here].repeat(lengths)
        result = np.zeros_like(u)
        for row in self.polynomial[::-1, here]:
            result += row.repeat(lengths)
            result *= u
        if self.bezier[here].any():
            samples, segments = _samples_in(self.bezier[here], lengths)
            shape = bezier_shape(self.handles[:, here].take(segments, axis=1), u.take(samples))
            result[samples] = self.rises[here].take(segments) * shape
        if self.spring[here].any():
            samples, segments = _samples_in(self.spring[here], lengths)
            result[samples] = self.rises[here].take(segments) * spring_shape(u.take(samples))
        result += self.values[here].repeat(lengths)
        # No sum above can be -0.0 and neither can a bound: of two zeros the processor may return either.
        np.maximum(result, self.lows[here].repeat(lengths), out=result)
        np.minimum(result, self.highs[here].repeat(lengths), out=result)
        return result


@dataclass(frozen=True, eq=False, slots=True)
class CompiledCurve:
    """One curve ready to be sampled.

    Attributes:
        segments: the curve, as the only one.
    """

    segments: CompiledCurves

    def sample(self, times: Floats) -> Floats:
        """The curve's values.

        Args:
            times: float64 [samples], seconds, finite, in any order.

        Returns:
            float64 [samples], in the channel's unit.

        Raises:
            ValueError: the times are not one row of finite numbers.
        """
        row: Floats = self.segments.sample(times)[0]
        return row


def sample_curve(curve: Curve, times: Floats) -> Floats:
    """A curve's values, within its channel's range.

    Args:
        curve: keyframes of one channel.
        times: float64 [samples], seconds from the start of the beat, finite, in any order.

    Returns:
        float64 [samples], in the channel's unit.
    """
    return compile_curve(curve).sample(times)


def sample_curves(curves: Sequence[Curve], times: Floats) -> Floats:
    """The values of several curves at the same times: for short curves much faster than one by one, with the same bits.

    Args:
        curves: keyframes of one channel each.
        times: float64 [samples], seconds from the start of the beat, finite, in any order.

    Returns:
        float64 [curves, samples], each in its channel's unit.
    """
    return compile_curves(curves).sample(times)


def sample_keys(keys: Sequence[Keyframe], times: Floats, low: float, high: float) -> Floats:
    """The values of keyframes that need not be a whole curve yet.

    Args:
        keys: at least one, strictly increasing in time; the first may be at any time.
        times: float64 [samples], seconds, finite, in any order.
        low: smallest value of the result.
        high: largest value of the result.

    Returns:
        float64 [samples].

    Raises:
        ValueError: see :func:`compile_arrays`.
    """
    return CompiledCurve(_compile([keys], [(low, high)])).sample(times)


def sample_layers(layers: Sequence[Sequence[Keyframe]], times: Floats, ranges: Sequence[tuple[float, float]]) -> Floats:
    """The values of several lists of keyframes at the same times: as :func:`sample_keys`, but all at once.

    Args:
        layers: each as in :func:`sample_keys`.
        times: float64 [samples], seconds, finite, in any order.
        ranges: of each the smallest and the largest value of the result.

    Returns:
        float64 [layers, samples].
    """
    return _compile(layers, ranges).sample(times)


def sample_through(times: Floats, rows: Floats, chosen: Sequence[Sequence[int]]) -> Floats:
    """Several curves of smooth keyframes that lie at some of the times asked for: as :func:`sample_keys`, with the same bits.

    Args:
        times: float64 [samples], seconds, strictly increasing.
        rows: float64 [curves, samples], where the values of each curve's keyframes are.
        chosen: the places of each curve's keyframes among the samples, ascending, the first of them 0.

    Returns:
        float64 [curves, samples].

    Raises:
        ValueError: a keyframe's time or value is not finite.
    """
    counts, behind = np.array([*map(len, chosen)]), np.array([*accumulate(map(len, chosen))])
    firsts, lasts = behind - counts, behind - 1
    places = np.array([*chain.from_iterable(chosen)])
    at = times.take(places)
    values = rows.take(places + np.arange(0, rows.size, times.size).repeat(counts))
    at += 0.0
    values += 0.0
    if not (np.isfinite(at).all() and np.isfinite(values).all()):
        raise ValueError(_NOT_FINITE)
    spans, following = np.empty_like(at), np.empty_like(values)
    spans[:-1] = at[1:] - at[:-1]
    spans[lasts] = 1.0
    following[:-1] = values[1:]
    following[lasts] = values[lasts]
    rises = following - values
    several = counts > 1
    lone = counts[several] == 2
    slopes = slopes_of_runs(spans, rises, firsts[several], lasts[several], lone, lone)
    leaving, arriving = slopes * spans, np.empty_like(slopes)
    arriving[:-1] = slopes[1:] * spans[:-1]
    leaving[lasts] = arriving[lasts] = 0.0
    # A keyframe rules the samples from it to the next one.
    lengths = np.empty_like(places)
    lengths[:-1] = places[1:] - places[:-1]
    lengths[lasts] = times.size - places[lasts]
    u = (times - at.repeat(lengths).reshape(rows.shape)).reshape(-1)
    u /= spans.repeat(lengths)
    result = (leaving + arriving - 2.0 * rises).repeat(lengths)
    result *= u
    result += (3.0 * rises - 2.0 * leaving - arriving).repeat(lengths)
    result *= u
    result += leaving.repeat(lengths)
    result *= u
    result += values.repeat(lengths)
    np.maximum(result, np.minimum(values, following).repeat(lengths), out=result)
    np.minimum(result, np.maximum(values, following).repeat(lengths), out=result)
    sampled: Floats = result.reshape(rows.shape)
    return sampled


def compile_curve(curve: Curve) -> CompiledCurve:
    """A curve made ready for sampling, within its channel's range."""
    return CompiledCurve(compile_curves([curve]))


def compile_curves(curves: Sequence[Curve]) -> CompiledCurves:
    """Curves made ready for sampling at the same times, each within its channel's range."""
    channels = [CHANNELS[curve.channel] for curve in curves]
    return _compile([curve.keys for curve in curves], [(channel.low, channel.high) for channel in channels])


def compile_arrays(
    times: Floats, values: Floats, modes: Sequence[Mode], handles: Floats | None, low: float, high: float
) -> CompiledCurve:
    """Keyframes given as arrays made ready for sampling.

    Args:
        times: float64 [keys], seconds, strictly increasing.
        values: float64 [keys]; those outside the range are taken at its nearest end.
        modes: one per keyframe; the last one rules nothing.
        handles: float64 [keys, 4], x1, y1, x2, y2 with both x in 0..1; only read where the mode is `bezier`.
        low: smallest value of the curve.
        high: largest value of the curve.

    Raises:
        ValueError: no keyframes, different lengths, numbers that are not finite, times that do not increase, an empty range,
            or `bezier` without handles.
    """
    count = len(modes)
    if times.shape != (count,) or values.shape != (count,):
        raise ValueError(f"{times.size} times, {values.size} values and {count} modes are not the keyframes of a curve")
    return CompiledCurve(_compile_joined(np.array([0, count]), times, values, _coded(modes), handles, np.array([[low, high]])))


def _compile(curves: Sequence[Sequence[Keyframe]], ranges: Sequence[tuple[float, float]]) -> CompiledCurves:
    firsts = np.zeros(len(curves) + 1, dtype=np.int64)
    total = 0
    for place, keys in enumerate(curves):
        total += len(keys)
        firsts[place + 1] = total
    keyframes = [key for keys in curves for key in keys]
    codes = _coded([key.mode for key in keyframes])
    handles = None
    if (codes == _BEZIER).any():
        handles = np.zeros((total, 4))
        for row, key in enumerate(keyframes):
            if key.handles is not None:
                handles[row] = key.handles
    times = np.array([key.time for key in keyframes], dtype=np.float64)
    values = np.array([key.value for key in keyframes], dtype=np.float64)
    return _compile_joined(firsts, times, values, codes, handles, np.array(ranges, dtype=np.float64).reshape(-1, 2))


def _coded(modes: Sequence[Mode]) -> Indices:
    return np.array([*map(_CODES.__getitem__, modes)], dtype=np.int64)


def _compile_joined(
    firsts: Indices, times: Floats, values: Floats, codes: Indices, handles: Floats | None, ranges: Floats
) -> CompiledCurves:
    """Keyframes of several curves, one after the other, each curve with its range: float64 [curves, 2]."""
    lengths = firsts[1:] - firsts[:-1]
    if not lengths.all():
        raise ValueError("a curve without keyframes cannot be sampled: give at least one")
    lasts = firsts[1:] - 1
    if not (np.isfinite(times).all() and np.isfinite(values).all()):
        raise ValueError(_NOT_FINITE)
    if not (ranges[:, 0] <= ranges[:, 1]).all():
        raise ValueError(f"no value lies in a range whose low is above its high: {ranges.tolist()}")
    # Adding 0.0 turns -0.0 into 0.0, so that the sign of a zero is settled here and not by the processor.
    times = times + 0.0
    low, high = (ranges[:, 0] + 0.0).repeat(lengths), (ranges[:, 1] + 0.0).repeat(lengths)
    values = np.minimum(np.maximum(values + 0.0, low), high)
    spans = np.empty_like(times)
    spans[:-1] = times[1:] - times[:-1]
    spans[lasts] = 1.0
    late = (spans <= 0).nonzero()[0]
    if late.size:
        raise ValueError(f"keyframe at {times[late[0] + 1]} s does not come after {times[late[0]]} s")
    following = np.empty_like(values)
    following[:-1] = values[1:]
    following[lasts] = values[lasts]
    rises = following - values

    codes = codes.copy()
    codes[lasts] = _HOLD
    holds, bezier = codes == _HOLD, codes == _BEZIER
    polynomial = _SHAPE_COLUMNS.take(codes, axis=1) * rises
    for code, slopes in ((_SMOOTH, monotone_slopes), (_CUBIC, catmull_rom_slopes)):
        here = (codes == code).nonzero()[0]
        if here.size:
            slope = slopes(spans, rises, holds)
            leaving = slope[here] * spans[here]
            arriving = slope[here + 1] * spans[here]
            polynomial[0, here] = leaving
            polynomial[1, here] = 3.0 * rises[here] - 2.0 * leaving - arriving
            polynomial[2, here] = leaving + arriving - 2.0 * rises[here]
    used = np.flatnonzero(polynomial.any(axis=1))
    free = bezier | (codes == _CUBIC)
    compiled = CompiledCurves(
        firsts=firsts,
        times=times,
        spans=spans,
        values=values,
        rises=rises,
        polynomial=polynomial[: used[-1] + 1 if used.size else 0],
        bezier=bezier,
        spring=codes == _SPRING,
        handles=_handle_coefficients(bezier, handles),
        lows=np.where(free, low, np.minimum(values, following)),
        highs=np.where(free, high, np.maximum(values, following)),
    )
    for name in CompiledCurves.__slots__:
        getattr(compiled, name).flags.writeable = False
    return compiled


def _handle_coefficients(bezier: Flags, handles: Floats | None) -> Floats:
    """The powers of p in x(p) and y(p), from float64 [keys, 4] handles.

    Raises:
        ValueError: handles are missing, not finite, or x would run back.
    """
    if not bezier.any():
        return np.zeros((6, 0))
    if handles is None or handles.shape != (bezier.size, 4):
        raise ValueError("bezier keyframes need handles, a row of four numbers for every keyframe")
    x1, y1, x2, y2 = np.where(bezier, handles.T, 0.0)
    if not (np.isfinite(y1).all() and np.isfinite(y2).all() and ((x1 >= 0) & (x1 <= 1) & (x2 >= 0) & (x2 <= 1)).all()):
        raise ValueError("bezier handles need finite numbers with x within 0..1")
    rows = [row for a, b in ((x1, x2), (y1, y2)) for row in (3.0 * a, 3.0 * (b - 2.0 * a), 1.0 + 3.0 * (a - b))]
    return np.array(rows)


def frame_times(count: int, fps: Fraction, first: int = 0) -> Floats:
    """When frames are shown: frame n at n / fps, each from exact whole numbers by one rounding, so that none drifts.

    Args:
        count: how many frames.
        fps: frames per second, above 0.
        first: number of the first of them.

    Returns:
        float64 [count], seconds.

    Raises:
        ValueError: a negative count, a rate that is not above 0, or numbers too large for exact float64 arithmetic.
    """
    if count < 0 or fps <= 0:
        raise ValueError(f"{count} frames at {fps} per second cannot be timed: the count must be 0 or more, the rate above 0")
    largest = max(abs(first), abs(first + count)) * fps.denominator
    if max(largest, fps.numerator) > 2**53:
        raise ValueError(f"frames up to {first + count} at {fps} per second cannot be timed exactly: use a simpler rate")
    numbers = np.arange(first, first + count, dtype=np.int64) * fps.denominator
    return numbers.astype(np.float64) / float(fps.numerator)


def _samples_in(wanted: Flags, lengths: Indices) -> tuple[Indices, Indices]:
    """The samples in wanted segments, and the segment of each, from how many samples each segment has."""
    return wanted.repeat(lengths).nonzero()[0], wanted.nonzero()[0].repeat(lengths[wanted])
