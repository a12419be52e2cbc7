"""The rim of glasses above an eye: the lid's skin moves below it, and the rim stays where it is."""

from __future__ import annotations

import numpy as np

from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates, median_filter

from renderer.puppet.axes import steps
from renderer.puppet.geometry import Field
from renderer.puppet.lids import Lids, luminance

CELL = 0.005
"""u between the heights that are looked at."""
ASIDE = 0.04
"""u above and below a rim where skin is seen again: it is thinner than that, a brow's shadow is not."""
DARK = 0.52
"""How much darker than both a rim is; a lid's fold never is by half (measured on eyes of nineteen portraits: up to .42)."""
SPREAD = 0.015
"""u by which its height may differ from a smooth line, as a median over the eye."""
CLEAR = 0.035
"""u between the middle of a rim and what moves."""


def below_rim(colours: NDArray[np.float32], lids: Lids, still: Field, lowest: Field, u: float) -> Field:
    """The height up to which skin above an eye can move: that of before, or less where a rim crosses it.

    Args:
        colours: float32 [height, width, 3], 0..1.
        lids: of the eye.
        still: [STEPS], pixels of V from which on nothing moves.
        lowest: [STEPS], pixels of V up to which it must move in any case.
        u: pixels.
    """
    t = steps()
    inner = (t > lids.ends[0]) & (t < lids.ends[1])
    heights = np.arange(0.05, 0.3, CELL) * u
    columns = lids.upper[inner][:, None] + heights
    x, y = lids.axes.to_points(np.broadcast_to(t[inner][:, None], columns.shape), columns)
    left, top = (max(0, int(side.min()) - 4) for side in (x, y))
    part = colours[top : int(y.max()) + 5, left : int(x.max()) + 5].astype(np.float64)
    if part.size == 0:
        return still
    light = gaussian_filter(luminance(part), max(0.4, 0.004 * u))
    found = map_coordinates(light, [y - top, x - left], order=1, mode="nearest")
    aside = round(ASIDE / CELL)
    beside = np.minimum(found[:, : -2 * aside], found[:, 2 * aside :])
    depth = 1 - found[:, aside:-aside] / np.maximum(beside, 0.02)
    depth[columns[:, aside:-aside] > still[inner][:, None] + 0.5 * ASIDE * u] = 0
    row = depth.argmax(axis=1)
    height = heights[aside + row]
    if np.median(depth.max(axis=1)) < DARK or np.median(np.abs(height - median_filter(height, 15))) > SPREAD * u:
        return still
    rim = lids.upper[inner] + median_filter(height, 15) - CLEAR * u
    clear: Field = np.minimum(still, np.interp(t, t[inner], rim))
    return np.maximum(clear, lowest)
