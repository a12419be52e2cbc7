"""Where the lips of a portrait part: one dark line if the mouth is closed, two edges if it is open.

The mesh says about where; the picture says exactly where. Lines are found as the cheapest path across all columns, so that a
speck of paint does not bend them.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter1d

from renderer.puppet.anatomy import CORNERS, LOWER_INNER, LOWER_OUTER, UPPER_INNER, UPPER_OUTER
from renderer.puppet.axes import Axes, steps
from renderer.puppet.geometry import Field, Points, smooth

SURELY_OPEN, PERHAPS_OPEN = 0.06, 0.03
"""u between the inner lips from which a mouth is open, and from which it may be: the mesh leaves up to 0.042 between closed
lips, and as little between lips that show a line of teeth (measured on ten portraits)."""
DARKER = 12.0
"""CIE L by which a corner of an open mouth is darker than the skin around it, if it can be seen at all."""
BRIGHTER, PALER = 6.0, 0.75
"""Between parted lips something is brighter than the lips (CIE L) or less red (share of their CIE a): teeth. Between closed
ones everything is darker and as red."""
BORDER = 0.006
"""u, half the width of the border between a lip and what is seen beside it."""
TOOTH = 0.13
"""u that lower teeth reach below where the mesh has the lip at most."""
AS_LIGHT, AS_PALE = 0.8, 12.0
"""Lower teeth have at least this share of the light of what is brightest between the lips, and are redder than that (CIE a) by
no more than this, lips by twice as much: light on a wet lip is red as well."""
SEARCH = 0.04
"""u to either side of the mesh's line within which the picture's line is looked for."""


@dataclass(frozen=True, slots=True, eq=False)
class Edges:
    """Where the lips part.

    Attributes:
        upper, lower: [STEPS], pixels of V over `axes.steps`: the lower edge of the upper lip, the upper edge of the lower lip;
            one line if the mouth is closed.
        open: whether the portrait shows what is between them.
    """

    upper: Field
    lower: Field
    open: bool


def find_edges(picture: NDArray[np.float32], mesh: Points, axes: Axes, u: float) -> Edges:
    """Find the lips' edges.

    Args:
        picture: float32 [height, width, 3], 0..1.
        mesh: [468, 3], pixels.
        axes: of the mouth.
        u: pixels.
    """
    upper, lower = over(mesh, axes, UPPER_INNER), over(mesh, axes, LOWER_INNER)
    colours = cv2.GaussianBlur(cv2.cvtColor(picture, cv2.COLOR_RGB2LAB), (0, 0), max(0.007 * u, 0.4))
    if not _parted(colours, mesh, axes, u, upper, lower):
        line = _dark_line(colours, axes, u, (upper + lower) / 2)
        return Edges(line, line, open=False)
    ends = _corners(colours, axes, u)
    upper = _lip_edge(colours, axes, u, upper + ends, 1)
    lower = _lip_edge(colours, axes, u, np.minimum(upper, lower + ends), -1)
    lower = _below_teeth(colours, axes, u, upper, lower)
    # The border belongs to the opening: its pixels have the colours of both, and would be a fringe on a lip that moves.
    middle = (upper + lower) / 2
    apart = np.maximum(upper - middle, 0)
    apart += max(BORDER * u, 0.8) * np.clip(apart / (0.02 * u), 0, 1)
    if float((upper - lower).max()) < SURELY_OPEN * u:
        apart *= smooth(0.0, 0.3, np.minimum(steps(), 1 - steps()))  # a slit ends well before the corners
    else:
        apart *= _seen_open(colours, axes, upper + 0.03 * u, middle)
    return Edges(middle + apart, middle - apart, open=True)


def over(mesh: Points, axes: Axes, ids: tuple[int, ...]) -> Field:
    """Heights [STEPS] of a line of the mesh from corner to corner, which are 0 themselves."""
    points = axes.of_points(mesh[list(ids), :2])
    points[0], points[-1] = (0, 0), (1, 0)  # the inner ring's corners lie just inside the outer one's
    points = points[np.concatenate([[True], np.diff(np.maximum.accumulate(points[:, 0])) > 1e-3])]
    found: Field = PchipInterpolator(points[:, 0], points[:, 1])(np.clip(steps(), 0, 1))
    return found


def edge_points(edges: Edges, mesh: Points, axes: Axes) -> tuple[Points, Points]:
    """Both edges as points [n, 3] in pixels, from the picture's left to its right, at the depth of the mesh's lips."""
    at = steps()
    keep = (at >= 0) & (at <= 1)
    lines = []
    for ids, line in ((UPPER_INNER, edges.upper), (LOWER_INNER, edges.lower)):
        points = mesh[[CORNERS[0], *ids[1:-1], CORNERS[1]]]
        along = np.maximum.accumulate(axes.of_points(points[:, :2])[:, 0])
        depth = np.interp(at, along, points[:, 2])
        x, y = axes.to_points(at, line)
        lines.append(np.stack([x, y, depth], axis=1)[keep])
    return lines[0], lines[1]


def _sampled(colours: NDArray[np.float32], axes: Axes, v: Field) -> NDArray[np.float32]:
    x, y = axes.to_points(steps()[None], v)
    return cv2.remap(colours, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)


def _parted(colours: NDArray[np.float32], mesh: Points, axes: Axes, u: float, upper: Field, lower: Field) -> bool:
    gap = float((upper - lower).max()) / u
    if gap < PERHAPS_OPEN or gap >= SURELY_OPEN:
        return gap >= SURELY_OPEN
    middle = np.abs(steps() - 0.5) < 0.3
    between = _sampled(colours, axes, upper + (lower - upper) * np.array([[0.3], [0.5], [0.7]]))[:, middle]
    lips = [
        _sampled(colours, axes, edge + (over(mesh, axes, ids) - edge) * np.array([[0.35], [0.5], [0.65]]))[:, middle]
        for edge, ids in ((upper, UPPER_OUTER), (lower, LOWER_OUTER))
    ]
    lip = np.median(np.concatenate(lips), axis=(0, 1))
    bright = float(np.percentile(between[..., 0], 90)) > float(lip[0]) + BRIGHTER
    pale = float(lip[1]) > 6 and float(np.percentile(between[..., 1], 10)) < PALER * float(lip[1])
    return bright or pale


def _dark_line(colours: NDArray[np.float32], axes: Axes, u: float, guess: Field) -> Field:
    """The darkest line near a guess."""
    v = np.linspace(-SEARCH, SEARCH, 41) * u
    cost = _sampled(colours[..., 0], axes, guess[None] + v[:, None]).astype(np.float64)
    cost = (cost - cost.min(axis=0)) / max(float(np.ptp(cost, axis=0).max()), 1.0)
    return guess + cheapest_path(cost, v)


def _corners(colours: NDArray[np.float32], axes: Axes, u: float) -> Field:
    """How far the corners of an open mouth lie above those of the mesh, eased out towards the middle."""
    at = steps()
    v = np.linspace(-1.25 * SEARCH, 1.25 * SEARCH, 41) * u
    dark = _sampled(colours[..., 0], axes, np.broadcast_to(v[:, None], (len(v), len(at)))).astype(np.float64)
    found = np.zeros_like(at)
    for near in (np.abs(at - 0.02) < 0.03, np.abs(at - 0.98) < 0.03):
        column = dark[:, near].mean(axis=1)
        cost = (column - column.min()) / max(float(np.ptp(column)), 1.0) + 0.15 * (v / v[-1]) ** 2
        middle = at[near].mean()
        found += v[int(np.argmin(cost))] * smooth(0.4, 0.0, np.abs(at - middle)) * (np.ptp(column) > DARKER)
    return found


def _seen_open(colours: NDArray[np.float32], axes: Axes, skin: Field, middle: Field) -> Field:
    """1 where something else than skin is seen between open lips, 0 towards the corners where the mesh is too wide."""
    at = steps()
    seen = _sampled(colours, axes, np.stack([skin, middle]))
    differs = np.linalg.norm((seen[0] - seen[1]).astype(np.float64), axis=1) > DARKER
    inner = np.flatnonzero(differs & (at >= 0) & (at <= 1))
    first, last = (float(at[inner[0]]), float(at[inner[-1]])) if inner.size else (0.0, 1.0)
    first, last = min(first, 0.2), max(last, 0.8)
    return smooth(first - 0.02, first + 0.05, at) * smooth(last + 0.02, last - 0.05, at)


def _lip_edge(colours: NDArray[np.float32], axes: Axes, u: float, guess: Field, sign: int) -> Field:
    """Where red gives way to what is not, near a guess; `sign` is 1 for the upper lip's edge, -1 for the lower lip's.

    Towards the corners it is rather darkness that tells what is not lip.
    """
    v = np.linspace(-0.75 * SEARCH, 0.75 * SEARCH, 41) * u
    seen = _sampled(colours, axes, guess[None] + v[:, None]).astype(np.float64)
    fall = sign * np.gradient(seen[..., :2], axis=0)  # V rises upward: into the upper lip, out of the lower one
    light, red = (part / max(float(np.abs(part).max()), 0.5) for part in (fall[..., 0], fall[..., 1]))
    at = steps()
    side = smooth(0.22, 0.4, np.abs(at - 0.5))
    return guess + cheapest_path(-(red * (1 - 0.7 * side) + light * side), v) * smooth(0.0, 0.06, np.minimum(at, 1 - at))


def _below_teeth(colours: NDArray[np.float32], axes: Axes, u: float, upper: Field, lower: Field) -> Field:
    """The lower lip's edge below lower teeth that the mesh takes for lip, as it does in laughter seen from below or aside."""
    at = steps()
    middle = np.abs(at - 0.5) < 0.25
    between = _sampled(colours, axes, upper + (lower - upper) * np.linspace(0.15, 0.85, 8)[:, None])[:, middle].reshape(-1, 3)
    teeth = np.median(between[between[:, 0] >= np.percentile(between[:, 0], 75)], axis=0)
    v = np.linspace(0.0, TOOTH, 25) * u
    seen = _sampled(colours, axes, lower[None] - v[:, None])
    white = (seen[..., 0] > AS_LIGHT * teeth[0]) & (seen[..., 1] < teeth[1] + AS_PALE)
    red = float(np.percentile(seen[:, middle, 1], 80)) > teeth[1] + 2 * AS_PALE
    if not red or float(white.any(axis=0)[middle].mean()) < 0.6:
        return lower
    last = np.where(white.any(axis=0), v[len(v) - 1 - np.argmax(white[::-1], axis=0)], 0.0)
    found: Field = lower - gaussian_filter1d(last, 4.0, mode="nearest") * smooth(0.0, 0.35, np.minimum(at, 1 - at))
    return found


def cheapest_path(cost: Field, v: Field) -> Field:
    """The cheapest smooth way across columns.

    Args:
        cost: [rows, STEPS], about 0..1.
        v: [rows], heights of the rows, 0 in the middle.

    Returns:
        [STEPS], heights; those of the corners' columns beyond the corners.
    """
    at = steps()
    inner = np.flatnonzero((at >= 0) & (at <= 1))
    rows = len(v)
    steep = 0.02 * (np.arange(rows)[:, None] - np.arange(rows)[None]) ** 2
    own = cost[:, inner] + 0.25 * (v[:, None] / v[-1]) ** 2
    total = own[:, 0]
    back = []
    for n in range(1, len(inner)):
        step = total[None] + steep
        back.append(np.argmin(step, axis=1))
        total = own[:, n] + step.min(axis=1)
    best = [int(np.argmin(total))]
    for came in reversed(back):
        best.append(int(came[best[-1]]))
    line = v[best[::-1]]
    whole = np.interp(at, at[inner], gaussian_filter1d(line, 2.0, mode="nearest"))
    return np.asarray(whole, dtype=np.float64)
