"""Where the lids of a portrait's eye are.

The mesh and the iris network each see the lids to about 0.02 u, too roughly to close an eye: white or iris would be left at a
corner, or be caught in the skin that comes down. So their mean is only the start, and the picture decides within a few
hundredths of u: the upper lid is the dark line of lashes and its shadow, the lower one is where the eye stops and skin
begins. Each is the best path through columns of evidence, held near the start.

Rules
- The corners may lie further out than either network says where white is seen there (three-quarter views).
- The lids never cross, and meet at both ends.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter, gaussian_filter1d, map_coordinates

from renderer.puppet.axes import Axes, steps
from renderer.puppet.geometry import EYE_CORNERS, Field, Points

UPPER = ((246, 161, 160, 159, 158, 157, 173), (466, 388, 387, 386, 385, 384, 398))
LOWER = ((7, 163, 144, 145, 153, 154, 155), (249, 390, 373, 374, 380, 381, 382))
NET_CORNERS = ((0, 8), (8, 0))
NET_UPPER = (0, 9, 10, 11, 12, 13, 14, 15, 8)
NET_LOWER = (0, 1, 2, 3, 4, 5, 6, 7, 8)
"""Corners and lids in the iris network's contour: 0 and 8 are the outer and the inner corner."""

GRID = 0.004
"""u between the places at which evidence is gathered."""
SIDES, HEIGHT = 0.35, 0.2
"""How far that reaches: T beyond the corners, u above and below their line."""
TRUST_UPPER, TRUST_LOWER = 0.02, 0.016
"""Standard deviation in u of the start (ten eyes of five portraits compared by eye)."""
STIFF = 0.12
"""What a path pays for a step of one place aside from one column to the next, squared."""
STEEPEST = 4
"""Places that a path may go aside from one column to the next."""
SMOOTH = 0.016
"""u over which lids are smoothed along."""
BEYOND = 0.18
"""T beyond the networks' corners that an eye can reach (three-quarter views)."""
CLOSED = 0.012
"""u of opening below which an eye has ended."""


MARGIN_UPPER, MARGIN_LOWER = 0.007, 0.003
"""u from the lids' lines to the edge of the hole between them, so that the lashes ride on the lid."""


def softness(u: float) -> float:
    """Pixels over which the hole's edge fades: enough for it not to be jagged."""
    return max(1.2, 0.008 * u)


@dataclass(frozen=True, slots=True, eq=False)
class Lids:
    """The opening of an eye.

    Attributes:
        axes: T along the corners.
        upper, lower: [STEPS], pixels of V at `axes.steps()`.
        ends: T where the opening begins and ends.
    """

    axes: Axes
    upper: Field
    lower: Field
    ends: tuple[float, float]


@dataclass(frozen=True, slots=True, eq=False)
class Around:
    """Where pixels lie around the opening of an eye.

    Attributes:
        along: [h, w], pixels along the line of the corners, from the beginning of the opening.
        below, above: [h, w], pixels below the upper lid and above the lower one; negative beyond them.
        beside: [h, w], pixels from the nearer end of the opening; negative beyond it.
    """

    along: Field
    below: Field
    above: Field
    beside: Field

    @property
    def gap(self) -> Field:
        """[h, w], pixels between the lids."""
        return self.below + self.above

    @classmethod
    def of(cls, lids: Lids, shape: tuple[int, ...], left: int, top: int) -> Around:
        """That of a part of the picture: its height and width, and the pixel at its corner."""
        y, x = np.mgrid[: shape[0], : shape[1]].astype(np.float64)
        points = lids.axes.of_points(np.stack([x.ravel() + left, y.ravel() + top], axis=1))
        t, v = points[:, 0].reshape(y.shape), points[:, 1].reshape(y.shape)
        upper, lower = (np.interp(t, steps(), one) for one in (lids.upper, lids.lower))
        first, last = ((t - end) * lids.axes.width for end in lids.ends)
        return cls(first, upper - v, v - lower, np.minimum(first, -last))


def find_lids(colours: NDArray[np.float32], which: int, mesh: Points, contour: Points, u: float) -> Lids:
    """Find the lids of an eye.

    Args:
        colours: float32 [height, width, 3], 0..1.
        which: 0 for the subject's right, 1 for the left.
        mesh: [468, 3], pixels.
        contour: [71, 2], pixels, of the iris network.
        u: pixels.
    """
    corners = (mesh[list(EYE_CORNERS[2 * which : 2 * which + 2]), :2] + contour[list(NET_CORNERS[which])]) / 2
    axes = Axes.between(corners[0], corners[1])
    t = np.arange(-SIDES, 1 + SIDES, GRID * u / axes.width)
    v = np.arange(-HEIGHT, HEIGHT, GRID) * u
    first, last = EYE_CORNERS[2 * which : 2 * which + 2]
    own = [mesh[[first, *ids[which], last], :2] for ids in (UPPER, LOWER)]
    seen = [contour[list(ids)] for ids in (NET_UPPER, NET_LOWER)]
    upper, lower = ((_line(axes, a, t) + _line(axes, b, t)) / 2 for a, b in zip(own, seen, strict=True))
    lower = np.minimum(lower, upper)
    above, below = _evidence(_patch(colours, axes, t, v, u), t, v, upper, lower, axes.width, u)
    upper, lower = v[_best_path(above)], v[_best_path(below)]
    upper, lower, ends = _meeting(upper, lower, t, u)
    at = steps()
    return Lids(axes, np.interp(at, t, upper), np.interp(at, t, lower), ends)


def _line(axes: Axes, points: Points, t: Field) -> Field:
    """V at T of a lid through points, its ends' beyond them."""
    line = axes.of_points(points.astype(np.float64))
    line = line[np.argsort(line[:, 0])]
    line = line[np.concatenate([[True], np.diff(line[:, 0]) > 1e-3])]
    found: Field = PchipInterpolator(line[:, 0], line[:, 1])(np.clip(t, line[0, 0], line[-1, 0]))
    return found


def _patch(colours: NDArray[np.float32], axes: Axes, t: Field, v: Field, u: float) -> Field:
    """Colours [columns, rows, 3] along T and V."""
    x, y = axes.to_points(*np.meshgrid(t, v, indexing="ij"))
    left, top = int(x.min() - 0.05 * u), int(y.min() - 0.05 * u)
    left, top = max(left, 0), max(top, 0)
    part = colours[top : int(y.max() + 0.05 * u) + 2, left : int(x.max() + 0.05 * u) + 2].astype(np.float64)
    soft = (gaussian_filter(part[..., i], GRID * u) for i in range(3))
    return np.stack([map_coordinates(one, [y - top, x - left], order=1, mode="nearest") for one in soft], axis=2)


def _evidence(patch: Field, t: Field, v: Field, upper: Field, lower: Field, width: float, u: float) -> tuple[Field, Field]:
    """How well each place [columns, rows] suits as the upper and as the lower lid."""
    up, low, tt = upper[:, None], lower[:, None], t[:, None]
    light = gaussian_filter1d(gaussian_filter1d(luminance(patch), 0.005 / GRID, axis=1), 2, axis=0)
    inside = (v < up + 0.03 * u) & (v > low - 0.03 * u) & (tt > 0) & (tt < 1)
    contrast = max(float(np.subtract(*np.percentile(light[inside], [90, 10]))), 0.02)
    strange, skin = _strangeness(patch, t, v, up, low, u)
    edges = gaussian_filter1d(gaussian_filter1d(strange, 1, axis=1), 2, axis=0)

    def beside(values: Field, by: float) -> Field:
        places = np.arange(len(v)) + by / GRID
        return map_coordinates(values, np.meshgrid(np.arange(len(t)), places, indexing="ij"), order=1, mode="nearest")

    # The line of lashes: darker than the lid above it and than the eye below.
    dark = sum(w * np.clip(beside(light, d) - light, -0.3 * contrast, contrast) for w, d in ((1.0, 0.018), (0.7, -0.018)))
    # Beyond the networks' lids only what is brighter and paler than skin counts as eye: lashes and shadows are neither.
    pale = np.clip((luminance(patch) / np.maximum(luminance(skin), 0.02)[:, None] - 0.8) / 0.15, 0, 1)
    ruddy = np.maximum(saturation(skin), 0.15)[:, None]
    pale *= np.clip((saturation(skin)[:, None] - saturation(patch)) / ruddy * 3, 0, 1)
    out = np.maximum(
        np.clip((v - up) / (0.008 * u) + 0.5, 0, 1), np.clip(np.maximum(-tt, tt - 1) * width / (0.008 * u) + 0.5, 0, 1)
    )
    eye = np.clip(strange, 0, 1)
    gained = np.cumsum(np.maximum(eye * pale, eye * (1 - out)) - 0.45, axis=1) * (GRID / 0.02)
    start = np.clip(np.round(((upper + lower) / 2 - v[0]) / (GRID * u)).astype(int), 0, len(v) - 1)
    gained -= np.take_along_axis(gained, start[:, None], axis=1)
    loose = 1 + np.clip(np.maximum(-tt, tt - 1) * width / (0.05 * u) + 0.6, 0, 1)
    above = dark / contrast + 0.5 * gained - 0.18 * ((v - up) / (TRUST_UPPER * u * loose)) ** 2
    above -= 5.0 * (v < low)
    below = beside(edges, 0.012) - beside(edges, -0.012) - 0.18 * ((v - low) / (TRUST_LOWER * u)) ** 2
    return above, below


def _strangeness(patch: Field, t: Field, v: Field, up: Field, low: Field, u: float) -> tuple[Field, Field]:
    """How unlike the skin below the eye each place is, about 1 in the eye, and that skin's colour [columns, 3]."""
    under = np.maximum(low, v[0] + 0.1 * u)  # of an eye that is drawn very large, the patch shows no skin but at its end
    rows = ((v < under - 0.045 * u) & (v > under - 0.09 * u)).astype(np.float64)
    skin = gaussian_filter1d(
        (patch * rows[..., None]).sum(axis=1) / rows.sum(axis=1)[:, None], 0.05 / GRID, axis=0, mode="nearest"
    )
    apart = patch - skin[:, None]
    near = (rows > 0) & (t > -0.1)[:, None] & (t < 1.1)[:, None]
    spread = np.cov(apart[near].T) + np.eye(3) * 0.015**2
    distance = np.sqrt(np.einsum("...i,ij,...j->...", apart, np.linalg.inv(spread), apart))
    core = (v < up - 0.02 * u) & (v > low + 0.02 * u) & (t > 0.1)[:, None] & (t < 0.9)[:, None]
    if core.sum() < 20:
        core = (v <= up) & (v >= low) & (t > 0)[:, None] & (t < 1)[:, None]
    usual = max(float(np.median(distance[core])), 1e-6)
    return np.clip(distance / usual, 0, 1.3), skin


def _best_path(score: Field) -> NDArray[np.intp]:
    """The row per column of the path with the greatest sum of scores [columns, rows]."""
    columns, rows = score.shape
    best, back = score[0], np.zeros((columns, rows), np.intp)
    asides = np.arange(-STEEPEST, STEEPEST + 1)
    price = STIFF * asides[:, None] ** 2
    padded = np.full(rows + 2 * STEEPEST, -np.inf)
    for i in range(1, columns):
        padded[STEEPEST : STEEPEST + rows] = best
        options = np.lib.stride_tricks.sliding_window_view(padded, rows) - price
        chosen = options.argmax(axis=0)
        back[i] = np.arange(rows) + asides[chosen]
        best = options.max(axis=0) + score[i]
    path = np.zeros(columns, np.intp)
    path[-1] = best.argmax()
    for i in range(columns - 1, 0, -1):
        path[i - 1] = back[i, path[i]]
    return path


def _meeting(upper: Field, lower: Field, t: Field, u: float) -> tuple[Field, Field, tuple[float, float]]:
    """Both lids made smooth, meeting where the opening around the middle ends."""
    upper, lower = (gaussian_filter1d(one, SMOOTH / GRID, mode="nearest") for one in (upper, lower))
    beyond = np.maximum(-t, t - 1)
    open_ = (upper - lower > np.where(beyond > 0, 2.5, 1.0) * CLOSED * u) & (beyond < BEYOND)
    middle = int(np.argmax(np.where((t > 0.2) & (t < 0.8), upper - lower, -np.inf)))
    first = last = middle
    while first > 0 and open_[first - 1]:
        first -= 1
    while last < len(t) - 1 and open_[last + 1]:
        last += 1
    line = (upper + lower) / 2
    within = (np.arange(len(t)) >= first) & (np.arange(len(t)) <= last)
    upper, lower = np.where(within, upper, line), np.where(within, lower, line)
    # Beyond the ends the line runs on level with the end.
    for one in (upper, lower):
        one[:first], one[last + 1 :] = line[max(first - 1, 0)], line[min(last + 1, len(t) - 1)]
    upper, lower = (gaussian_filter1d(one, 0.008 / GRID, mode="nearest") for one in (upper, lower))
    lower = np.minimum(lower, upper)
    return upper, lower, (float(t[first]), float(t[last]))


def luminance(colours: Field) -> Field:
    """Rec. 601 luma of colours [..., 3]."""
    light: Field = colours @ np.array([0.299, 0.587, 0.114])
    return light


def saturation(colours: Field) -> Field:
    """How far colours [..., 3] are from grey, 0..1."""
    found: Field = 1 - colours.min(axis=-1) / np.maximum(colours.max(axis=-1), 0.02)
    return found
