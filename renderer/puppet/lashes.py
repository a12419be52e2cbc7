"""The lashes of a closed lid: a dark edge from corner to corner, and a fringe that hangs from it.

An open eye shows its lashes from the front, as the line along its upper lid; of what is seen when the lid has come down, only
how dark they are is known. They are drawn once, in the lid's own coordinates, and no finer than the portrait has pixels for.
"""

from __future__ import annotations

import numpy as np

from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter

from renderer.puppet.axes import Axes
from renderer.puppet.geometry import Field
from renderer.puppet.lids import Around, luminance

ABOVE, BELOW = 0.016, 0.072
"""u above and below the lid's edge that are drawn."""
CELL = 0.002
"""u between places of the drawing."""
EDGE = (0.005, 0.009, 0.8)
"""The lid's own edge: how soft it is above and below, u, and how dark."""
BLURRED = (0.7, 1.1)
"""Pixels that it is soft above and below at least: blurring a finer line would make it pale."""
OUTWARD = 0.02
"""u beyond the outer corner that the lid's edge and its lashes reach."""
NUMBER = 34
"""Lashes to be told apart along a lid; many more grow there, in clusters."""
LENGTH = (0.018, 0.050)
"""u that lashes hang down, at the inner and at the outer corner (8 to 12 mm, seen foreshortened)."""
LEAN = (-0.25, 0.95)
"""Radians that they lean outward, at the inner and at the outer corner."""
THIN = 0.0028
"""u, half the width of a cluster of lashes at its root."""
FRINGE = 0.8
"""How dark a lash is at its root."""
DEEPER = 0.8
"""How much deeper their hue is than the skin's: 0 not at all, 1 squared."""
BLACKEST, PALEST = 0.2, 0.5
"""What lashes leave of the skin's light, at least and at most."""


def lash_colour(colours: NDArray[np.float32], skin: Field, around: Around, u: float) -> Field:
    """The colour of the lashes by the skin's, [3]: as dark as the darkest fifth along the upper lid, never quite black.

    Their hue is the skin's, but deeper: that of the open lid's line is the eye's and of make-up, and what is as pale as its
    surroundings but dark looks blue in them.

    Args:
        colours: [h, w, 3], 0..1, a part of the picture around the eye.
        skin: [h, w, 3], that of a closed eye.
        around: where its pixels lie around the opening.
        u: pixels.
    """
    near = (np.abs(around.below) < 0.012 * u) & (around.beside > 0)
    if not near.any():
        return np.full(3, PALEST)
    light = luminance(colours.astype(np.float64))[near]
    dark = light <= np.percentile(light, 20)
    lid = np.maximum(skin[near].mean(axis=0), 0.02)
    share = np.clip(light[dark].mean() / float(luminance(lid)), BLACKEST, PALEST)
    found: Field = np.minimum(share * (lid / luminance(lid)) ** DEEPER, 1)
    return found


def draw_lashes(axes: Axes, ends: tuple[float, float], outer: int, u: float) -> Field:
    """How dark the lashes of a closed lid are.

    Args:
        axes: T along the corners.
        ends: T where the opening begins and ends.
        outer: -1 if the eye's outer corner is where T begins, 1 if it is where it ends.
        u: pixels.

    Returns:
        [rows, columns], 0..1: rows from `ABOVE` to `BELOW` the lid's edge, columns from the opening's beginning to its end and
        as far beyond either as `BELOW`.
    """
    width = (ends[1] - ends[0]) * axes.width / u
    x, down = np.meshgrid(np.arange(-BELOW, width + BELOW, CELL), np.arange(-ABOVE, BELOW, CELL))
    reach = width + OUTWARD
    along = np.clip((x + (OUTWARD if outer < 0 else 0)) / reach, 0, 1)
    share = along if outer > 0 else 1 - along  # from the inner to the outer corner
    thick = np.clip(4 * along * (1 - along), 0, 1) ** 0.5 * (0.55 + 0.45 * share)
    soft = np.where(down < 0, np.maximum(EDGE[0] * (0.4 + 0.6 * thick), BLURRED[0] / u), 0.0)
    soft = np.where(down < 0, soft, np.maximum(EDGE[1] * (0.4 + 0.6 * thick), BLURRED[1] / u))
    edge = EDGE[2] * thick**0.5 * np.exp(-0.5 * (down / soft) ** 2)
    left = np.ones_like(x)
    for n in range(NUMBER):
        at, longer, aside = (n + 0.5) / NUMBER, _spread(n, 1), _spread(n, 2)
        place = 0.04 + 0.94 * at  # along the lid, from the inner corner
        length = (LENGTH[0] + (LENGTH[1] - LENGTH[0]) * place) * (0.7 + 0.5 * longer)
        lean = LEAN[0] + (LEAN[1] - LEAN[0]) * place + 0.35 * (aside - 0.5)
        root = place * reach if outer > 0 else width - place * reach
        # Lashes curl: the root points down, the tip outward.
        part = np.clip(down / max(length * np.cos(lean), 0.2 * length), 0, 1)
        middle = root + outer * length * np.sin(lean) * part**1.4
        thin = THIN * (1.2 - part)
        dark = FRINGE * (0.6 + 0.4 * longer) * (1 - part) ** 0.8 * (down > 0)
        left *= 1 - dark * np.exp(-0.5 * ((x - middle) / thin) ** 2)
    drawn: Field = 1 - (1 - edge) * gaussian_filter(left, max(0.5, 0.45 / u / CELL))
    return np.clip(drawn, 0, 1)


def _spread(n: int, which: int) -> float:
    """Numbers spread evenly over 0..1 in no order that is seen (multiples of irrational numbers)."""
    return (n * (0.6180339887, 0.7548776662, 0.5698402910)[which] + 0.3) % 1.0
