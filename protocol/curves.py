"""The arithmetic of single modes: slopes at keyframes, Bezier curves and the spring.

Everything keeps to the rule of `protocol.interpolation`: in float64 only + - * / and comparisons, so that results are the
same, bit for bit, on every processor; and each element by itself, so that it does not depend on its company.
"""

from __future__ import annotations

from decimal import Decimal, localcontext
from math import factorial

import numpy as np

from numpy.typing import NDArray

Floats = NDArray[np.float64]
Indices = NDArray[np.int64]
Flags = NDArray[np.bool_]

SPRING_RATE = 6.6383520679938
"""w of the critically damped step response 1 - (1 + wu) e^(-wu): it comes within 1 % of its goal at u = 1, the settling time
of control theory's 1 % criterion, and is scaled to end there exactly."""


def _runs(holds: Flags) -> tuple[Indices, Indices, Flags, Flags]:
    """The keyframes at the start and the end of runs between holds, and for each whether the run is one segment long.

    Args:
        holds: bool [keys], whether the segment from this keyframe holds; true for the last.
    """
    after_hold = np.empty_like(holds)
    after_hold[0] = True
    after_hold[1:] = holds[:-1]
    starts = (after_hold > holds).nonzero()[0]
    ends = (holds > after_hold).nonzero()[0]
    return starts, ends, holds.take(starts + 1), after_hold.take(ends - 1)


def monotone_slopes(spans: Floats, rises: Floats, holds: Flags) -> Floats:
    """Slopes at the keyframes that keep a cubic Hermite curve monotone wherever its keyframes are.

    Inside a run the weighted harmonic mean of Fritsch and Butland (SIAM J. Sci. Stat. Comput. 5, 1984), 0 at a local
    extreme; at its ends the three-point formula of Moler's `pchiptx`, limited, both as in SciPy's `PchipInterpolator`.

    Args:
        spans: float64 [keys], seconds to the next keyframe; anything above 0 for the last.
        rises: float64 [keys], the next value less this one; 0 for the last.
        holds: bool [keys], whether the segment from this keyframe holds; true for the last.

    Returns:
        float64 [keys], per second; meaningless where no segment that moves begins or ends.
    """
    return slopes_of_runs(spans, rises, *_runs(holds))


def slopes_of_runs(spans: Floats, rises: Floats, starts: Indices, ends: Indices, lone_start: Flags, lone_end: Flags) -> Floats:
    """What :func:`monotone_slopes` gives, from where the runs lie, for whoever knows that.

    Args:
        spans, rises: as there.
        starts: int64 [runs], the keyframes at their starts, in order.
        ends: int64 [runs], those at their ends.
        lone_start, lone_end: bool [runs], whether the run is one segment long.
    """
    secants = rises / spans
    slopes = np.zeros(rises.size)
    signs = np.sign(secants)
    inner = (signs[:-2] * signs[1:-1] > 0).nonzero()[0]
    follow = inner + 1
    h0, h1 = spans.take(inner), spans.take(follow)
    w0, w1 = 2.0 * h1 + h0, h1 + 2.0 * h0
    slopes[follow] = 1.0 / ((w0 / secants.take(inner) + w1 / secants.take(follow)) / (w0 + w1))
    near = np.concatenate((starts, ends - 1))
    far = np.concatenate((starts + 1 - lone_start, ends - 2 + lone_end))
    both = _end_slope(spans.take(near), spans.take(far), secants.take(near), secants.take(far))
    slopes[starts], slopes[ends] = both[: starts.size], both[starts.size :]
    return slopes


def _end_slope(h0: Floats, h1: Floats, m0: Floats, m1: Floats) -> Floats:
    """One-sided slope from the nearest and the next segment's lengths and secants; the secant where both are the same."""
    slope = ((2.0 * h0 + h1) * m0 - h0 * m1) / (h0 + h1)
    sign, most = np.sign(m0), 3.0 * m0
    against = np.sign(slope) * sign <= 0
    limited = (np.sign(m1) * sign <= 0) & (np.abs(slope) > np.abs(most))
    slope[limited] = most[limited]
    slope[against] = 0.0
    alike = (h0 == h1) & (m0 == m1)
    slope[alike] = m0[alike]
    return slope


def catmull_rom_slopes(spans: Floats, rises: Floats, holds: Flags) -> Floats:
    """Slopes from the keyframes on both sides (Catmull and Rom 1974, for uneven times); the secant at the ends of runs.

    Args and result are those of :func:`monotone_slopes`.
    """
    slopes = np.zeros(rises.size)
    slopes[1:-1] = (rises[:-2] + rises[1:-1]) / (spans[:-2] + spans[1:-1])
    starts, ends, _, _ = _runs(holds)
    slopes[starts] = rises[starts] / spans[starts]
    slopes[ends] = rises[ends - 1] / spans[ends - 1]
    return slopes


_BEZIER_STEPS = 64
_BEZIER_CLOSE = 1e-9


def bezier_shape(handles: Floats, u: Floats) -> Floats:
    """y where x(p) = u, by Newton's method kept within a bracket that closes round the root.

    A sample is done when a step changes p by less than a billionth: Newton's error is then about that squared. Each is
    dropped by itself, so that what it becomes does not depend on its company. The cap only matters where x(p) is so flat
    that rounding of u decides.

    Args:
        handles: float64 [6, samples], coefficients of x(p) and y(p); x(p) does not decrease over 0..1.
        u: float64 [samples], 0..1.

    Returns:
        float64 [samples], y.
    """
    result = np.array(u)
    place = np.arange(u.size)
    a1, a2, a3 = handles[:3]
    low, high = np.zeros(u.size), np.ones(u.size)
    p = np.array(u)
    for _ in range(_BEZIER_STEPS):
        error = p * (a1 + p * (a2 + p * a3)) - u
        slope = a1 + p * (2.0 * a2 + p * (3.0 * a3))
        low = np.where(error <= 0, p, low)
        high = np.where(error >= 0, p, high)
        steep = slope > 0
        target = p - error / np.where(steep, slope, 1.0)
        inside = steep & (target >= low) & (target <= high)
        target = np.where(inside, target, (low + high) * 0.5)
        done = (np.abs(target - p) <= _BEZIER_CLOSE * target) | (error == 0)
        p = np.where(error == 0, p, target)
        if done.any():
            result[place[done]] = p[done]
            going = (~done).nonzero()[0]
            if not going.size:
                break
            place = place.take(going)
            u, p, low, high, a1, a2, a3 = (array.take(going) for array in (u, p, low, high, a1, a2, a3))
    else:
        result[place] = p
    p = result
    shape: Floats = p * (handles[3] + p * (handles[4] + p * handles[5]))
    return shape


_DECAY_GRID = 8  # entries of the table per unit
_DECAY_DEGREE = 9  # Taylor's remainder within half a grid step is then below 3e-19


def _decay_table() -> Floats:
    """e^-x at every grid step up to 8, correctly rounded: Decimal's exponential is exact to its precision by specification."""
    with localcontext() as context:
        context.prec = 40
        return np.array([float((Decimal(-n) / _DECAY_GRID).exp()) for n in range(8 * _DECAY_GRID + 1)])


_DECAYS = _decay_table()
_TAYLOR = tuple(1.0 / factorial(power) for power in range(_DECAY_DEGREE, 0, -1))


def decay(x: Floats) -> Floats:
    """e^-x for x in 0..8, within 2 units in the last place: the nearest table entry times a Taylor polynomial of the rest."""
    nearest = np.floor(x * _DECAY_GRID + 0.5)
    rest = nearest / _DECAY_GRID - x
    series = np.zeros_like(x)
    for coefficient in _TAYLOR:
        series += coefficient
        series *= rest
    series += 1.0
    decay: Floats = _DECAYS.take(nearest.astype(np.int64)) * series
    return decay


def _step_response(u: Floats) -> Floats:
    x = SPRING_RATE * u
    response: Floats = 1.0 - (1.0 + x) * decay(x)
    return response


_SPRING_GOAL = float(_step_response(np.ones(1))[0])


def spring_shape(u: Floats) -> Floats:
    """The spring's way from 0 to 1, from rest; u is float64 [samples], 0..1."""
    shape: Floats = _step_response(u) / _SPRING_GOAL
    return shape
