"""Seeded chance: the same seed and labels give the same numbers on every machine.

Only `random()` of the Mersenne Twister is used, whose 53 bits are the same everywhere, and arithmetic that rounds alike.
"""

from __future__ import annotations

import hashlib
import random

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Chance:
    """Random numbers for one purpose.

    Args:
        labels: what they are for, such as seed, beat, region and behaviour; other labels give unrelated numbers.
    """

    def __init__(self, *labels: object) -> None:
        named = "\x1f".join(str(label) for label in labels).encode()
        self._source = random.Random(int.from_bytes(hashlib.blake2b(named, digest_size=16).digest()))  # noqa: S311 - it is to be repeatable

    def share(self) -> float:
        """A number in [0, 1)."""
        return self._source.random()

    def between(self, low: float, high: float) -> float:
        """A number in [low, high)."""
        return low + (high - low) * self.share()

    def around(self, spread: float) -> float:
        """A factor between 1 - spread and 1 + spread."""
        return self.between(1 - spread, 1 + spread)

    def chooses(self, probability: float) -> bool:
        """Whether something of this probability happens."""
        return self.share() < probability

    def whole(self, low: int, high: int) -> int:
        """A whole number in [low, high]."""
        return low + int(self.share() * (high - low + 1))

    def pick(self, items: Sequence[T]) -> T:
        """One of the items."""
        return items[int(self.share() * len(items))]

    def quantile(self, values: Sequence[float]) -> float:
        """A number from the distribution whose equally spaced quantiles are given, from the smallest to the largest."""
        place = self.share() * (len(values) - 1)
        below = min(int(place), len(values) - 2)
        return values[below] + (values[below + 1] - values[below]) * (place - below)
