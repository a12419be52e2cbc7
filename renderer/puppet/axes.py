"""Coordinates of an eye or a mouth in the picture, and curves over them.

T runs along the line of the corners: 0 at the picture's left one, 1 at the right one. V is the height above that line in
pixels. Curves over T are tables, so that the same few operations serve every pixel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from torch import Tensor

from renderer.puppet.geometry import Field, Points

FROM, TO, STEPS = -0.6, 1.6, 133
"""T of a table's first and last entry, and how many there are; 0 and 1 fall on entries."""


@dataclass(frozen=True, slots=True)
class Axes:
    """The coordinates of an eye or a mouth.

    Attributes:
        x, y: pixels of T = 0.5, V = 0.
        cos, sin: the direction of T.
        width: pixels from T = 0 to T = 1.
    """

    x: float
    y: float
    cos: float
    sin: float
    width: float

    @classmethod
    def between(cls, first: Points, last: Points) -> Axes:
        """Those of two corners, pixels [2]."""
        width = float(np.hypot(*(last - first)))
        (x, y), (cos, sin) = (first + last) / 2, (last - first) / width
        return cls(float(x), float(y), float(cos), float(sin), width)

    def coordinates(self, places: Tensor) -> tuple[Tensor, Tensor]:
        """T and V [batch, ...] of pixels [batch, 2, ...]."""
        x, y = places[:, 0] - self.x, places[:, 1] - self.y
        return (x * self.cos + y * self.sin) / self.width + 0.5, x * self.sin - y * self.cos

    def places(self, t: Tensor, v: Tensor) -> Tensor:
        """Pixels [batch, 2, ...] of T and V [batch, ...]."""
        along = (t - 0.5) * self.width
        return torch.stack([self.x + along * self.cos + v * self.sin, self.y + along * self.sin - v * self.cos], dim=1)

    def of_points(self, points: Points) -> Points:
        """T and V [n, 2] of pixels [n, 2]."""
        x, y = points[:, 0] - self.x, points[:, 1] - self.y
        return np.stack([(x * self.cos + y * self.sin) / self.width + 0.5, x * self.sin - y * self.cos], axis=1)

    def to_points(self, t: Field, v: Field) -> tuple[Field, Field]:
        """Pixels x and y of T and V."""
        along = (t - 0.5) * self.width
        return self.x + along * self.cos + v * self.sin, self.y + along * self.sin - v * self.cos

    def box(self, t: tuple[float, float], v: tuple[float, float]) -> tuple[int, int, int, int]:
        """Left, top, right and bottom in pixels of the box around a range of T and V."""
        corners = np.array([(a, b) for a in t for b in v])
        x, y = self.to_points(corners[:, 0], corners[:, 1])
        return int(np.floor(x.min())), int(np.floor(y.min())), int(np.ceil(x.max())), int(np.ceil(y.max()))


def steps() -> Field:
    """T of a table's entries."""
    return np.linspace(FROM, TO, STEPS)


def look_up(tables: Tensor, t: Tensor) -> Tensor:
    """Tables [n, STEPS] at T [batch, ...]: [n, batch, ...]; their last entries beyond the ends."""
    place = ((t - FROM) * ((STEPS - 1) / (TO - FROM))).clamp(0, STEPS - 1.001)
    low = place.floor()
    share = place - low
    low = low.long()
    first = tables[:, low]
    return first + share * (tables[:, low + 1] - first)


def smoothstep(low: Tensor | float, high: Tensor | float, x: Tensor) -> Tensor:
    """Cubic step: 0 up to `low`, 1 from `high` on; `low` may be above `high` for a step down."""
    t = ((x - low) / (high - low)).clamp(0, 1)
    return t * t * (3 - 2 * t)
