"""Which rules a motion cannot break, seen from the smallest and the largest value of each channel alone.

Most channels hardly move in a beat, and most rules speak of channels far from their bounds. Measuring those on every frame
would find nothing; the extremes of their channels show it at once. Where they leave it open, the rule is measured.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np

from protocol.channels import INDEX
from protocol.constraints import WINDOW, Check, Samples
from protocol.rules import Acceleration, Between, Ceiling, Drift, Exclusive, Floor, Follows, Range, Speed, Sum, TurnBlink

_SLACK = 1e-6
"""More than the rounding of any measure: a rule this near to its bound is measured."""


@dataclass(frozen=True, slots=True)
class Extents:
    """The smallest and the largest value of each channel, in the order of `protocol.channels.NAMES`.

    Attributes:
        low: smallest.
        high: largest.
    """

    low: list[float]
    high: list[float]

    @classmethod
    def of(cls, samples: Samples, others: Sequence[Samples] = ()) -> Extents:
        """Those of a motion, and of others of the same channels together with it."""
        low, high = samples.min(axis=1), samples.max(axis=1)
        for other in others:
            low, high = np.minimum(low, other.min(axis=1)), np.maximum(high, other.max(axis=1))
        return cls(low.tolist(), high.tolist())

    def allow(self, check: Check) -> bool:
        """Whether the rule may be broken, by the strict measure of negotiation; if not, no frame breaks it."""
        rule, bound = check.rule, check.allowance - _SLACK
        if isinstance(rule, (Sum, Between)):
            low, high = self._added(check.terms)
            return high - rule.max > bound or (isinstance(rule, Between) and rule.min - low > bound)
        if isinstance(rule, Exclusive):
            return min([self.high[row] for row in _rows(rule.channels)]) - rule.max > bound
        if isinstance(rule, Range):
            low, high = self._widest(rule.channels)
            return high - rule.max > bound or rule.min - low > bound
        if isinstance(rule, Speed):
            return self._farthest(rule.channels) / WINDOW > rule.max + bound
        if isinstance(rule, Acceleration):
            return 2 * self._farthest(rule.channels) / (WINDOW * WINDOW) > rule.max + bound
        if isinstance(rule, (Ceiling, Floor, Follows)):
            low, high = self._widest(rule.channels)
            least, most = _reached(*self._added(check.terms), rule.points)
            over, under = high - least, most - low
            if isinstance(rule, Follows):
                return max(over, under) - rule.tolerance > bound
            return (over if isinstance(rule, Ceiling) else under) > bound
        if isinstance(rule, Drift):
            slow = rule.slow * (1 - check.margins.drift) / 2
            yaw, pitch = self._farthest(("headYaw",)) / WINDOW, self._farthest(("headPitch",)) / WINDOW
            return yaw * yaw + pitch * pitch > slow * slow - _SLACK
        assert isinstance(rule, TurnBlink)
        return self._farthest(("headYaw",)) - rule.degrees > bound

    def _added(self, terms: Iterable[tuple[int, float]]) -> tuple[float, float]:
        """Between what values a weighted sum of rows lies."""
        low = high = 0.0
        for row, weight in terms:
            least, most = weight * self.low[row], weight * self.high[row]
            if most < least:
                least, most = most, least
            low, high = low + least, high + most
        return low, high

    def _widest(self, channels: tuple[str, ...]) -> tuple[float, float]:
        """The smallest and the largest value of several channels."""
        rows = _rows(channels)
        return min([self.low[row] for row in rows]), max([self.high[row] for row in rows])

    def _farthest(self, channels: tuple[str, ...]) -> float:
        """How far the one of several channels goes that goes farthest."""
        return max([self.high[row] - self.low[row] for row in _rows(channels)])


@lru_cache(maxsize=1024)
def _rows(channels: tuple[str, ...]) -> tuple[int, ...]:
    """Where the channels of a rule stand."""
    return tuple(INDEX[name] for name in channels)


def _reached(low: float, high: float, points: Sequence[tuple[float, float]]) -> tuple[float, float]:
    """Between what values a piecewise linear function lies where its argument lies between two."""
    if high <= points[0][0]:
        return points[0][1], points[0][1]  # where most of a face is: nothing drives it yet
    values = [y for x, y in points if low < x < high]
    for at in (low, high) if low != high else (low,):
        value = points[0][1]
        for (x0, y0), (x1, y1) in pairwise(points):
            value += (y1 - y0) * min(max((at - x0) / (x1 - x0), 0.0), 1.0)
        values.append(value)
    return min(values), max(values)
