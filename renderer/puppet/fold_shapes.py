"""Where on a face each fold is: what its form shades and lights, and where the portrait's own lines belong to it.

Everything is in head coordinates (u; see `geometry`). A shape knows nothing of muscles or strengths: `configs/muscles.yaml`
says what brings each about, and `folds` paints them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from scipy.interpolate import CubicSpline

from configs.mesh import builtin_mesh
from renderer.puppet.anatomy import (
    BROW_LOWER,
    BROW_UPPER,
    CANTHI,
    CHEEK_BONES,
    CHEEKS,
    CHIN,
    CORNERS,
    FOREHEAD,
    LID_LOWER,
    LOWER_INNER,
    LOWER_OUTER,
    UPPER_OUTER,
    WINGS,
    curve,
    reach,
)
from renderer.puppet.geometry import Field, Points, smooth

NASOLABIAL = ((129, 203, 206, 216, 212), (358, 423, 426, 436, 432))
"""From the nose's wing to beside the corner of the mouth."""
WIDEST = 0.17
"""u from the middle of a fold to where the widest ends."""
THIN_LIP = 0.04
"""u: as high a lower lip counts at least, so that light has room on it."""


@dataclass(frozen=True, slots=True, eq=False)
class View:
    """The pixels around a face.

    Attributes:
        x, y: [h, w], head coordinates.
        points: [468, 3], the mesh in them.
        lines: [h, w], the picture's own fine lines, as shares of its brightness.
        level, upright: [h, w], of these only what runs across the head, or up it: no grain, no cracks of paint, no hair that
            falls over the forehead.
        skin: [h, w], 1 on bare skin, 0 on hair and what else is not skin.
    """

    x: Field
    y: Field
    points: Points
    lines: Field
    level: Field
    upright: Field
    skin: Field

    def bell(self, place: Points, radius: float, squash: float = 1.0) -> Field:
        """As `anatomy.bell`, about a point."""
        return reach(np.hypot(self.x - place[0], (self.y - place[1]) * squash), radius)


@dataclass(frozen=True, slots=True, eq=False)
class Shape:
    """Where a fold is: each [h, w], the first two 0..1.

    Attributes:
        shade, light: where it darkens and brightens.
        lines: the picture's own lines, where they get stronger; shares of its brightness.
    """

    shade: Field
    light: Field
    lines: Field


def _along(view: View, line: Points) -> tuple[Field, Field]:
    """Distance to a smooth line through points [n, 2], and where along it the nearest place is, 0..1; beyond the widest fold
    infinity, and 0."""
    steps = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(line, axis=0), axis=1))])
    dense = CubicSpline(steps / steps[-1], line)(np.linspace(0, 1, 17))
    best, place = np.full(view.x.shape, np.inf), np.zeros(view.x.shape)
    low, high = dense.min(axis=0) - WIDEST, dense.max(axis=0) + WIDEST
    close = (view.x > low[0]) & (view.x < high[0]) & (view.y > low[1]) & (view.y < high[1])
    if not close.any():
        return best, place
    part = tuple(slice(at[0], at[-1] + 1) for at in (np.flatnonzero(close.any(axis=1)), np.flatnonzero(close.any(axis=0))))
    x, y, square, share = view.x[part], view.y[part], best[part], place[part]
    for n, ((ax, ay), (bx, by)) in enumerate(pairwise(dense)):
        dx, dy = bx - ax, by - ay
        s = np.clip(((x - ax) * dx + (y - ay) * dy) / (dx * dx + dy * dy), 0, 1)
        own = (x - ax - s * dx) ** 2 + (y - ay - s * dy) ** 2
        nearer = own < square
        square[nearer], share[nearer] = own[nearer], (n + s[nearer]) / (len(dense) - 1)
    return np.sqrt(best), place


def _taper(place: Field) -> Field:
    """0 at both ends of a line, 1 over most of it."""
    return smooth(0.0, 0.35, place) * smooth(1.0, 0.65, place)


def _sign(side: int) -> float:
    return -1.0 if side == 0 else 1.0


def _offset(side: int, out: float, up: float) -> Points:
    """[2], u: away from the middle of the face, and up."""
    return np.array([_sign(side) * out, up])


def _nasolabial(view: View, side: int) -> Shape:
    """A furrow from the nose's wing past the mouth, and the cheek that swells beside it."""
    line = view.points[list(NASOLABIAL[side]), :2]
    distance, place = _along(view, line)
    outward, _ = _along(view, line + _offset(side, 0.07, 0.02))
    taper = _taper(place)
    return Shape(reach(distance, 0.12) * taper, reach(outward, 0.14) * taper, reach(distance, WIDEST) * taper * view.lines)


def _cheek(view: View, side: int) -> Shape:
    """The apple that rises and catches light, and the furrow between it and the lower lid."""
    apple = (view.points[CHEEKS[side]] + view.points[CHEEK_BONES[side]])[:2] / 2
    orbit = builtin_mesh().rings.orbit_right if side == 0 else builtin_mesh().rings.orbit_left
    distance, place = _along(view, view.points[list(orbit[1:7]), :2] + _offset(side, 0, -0.02))
    taper = _taper(place)
    light = view.bell(apple + _offset(side, 0, 0.03), 0.26, 1.3)
    return Shape(reach(distance, 0.085) * taper, light, reach(distance, 0.13) * taper * view.lines)


def _crows_feet(view: View, side: int) -> Shape:
    """Furrows that fan out from the outer corner of the eye."""
    corner = view.points[CANTHI[0][side]]
    dx, dy = (view.x - corner[0]) * _sign(side), view.y - corner[1]
    away, angle = np.hypot(dx, dy), np.degrees(np.arctan2(dy, dx))
    near = smooth(0.035, 0.09, away) * smooth(0.21, 0.1, away) * smooth(68, 38, np.abs(angle + 8)) * view.skin
    rays = sum(reach(np.abs(angle - ray), 19.0) for ray in (22.0, -6.0, -34.0))
    return Shape(near * rays, near * (1 - np.minimum(rays, 1)) * 0.6, near * view.lines)


def _lower_lid(view: View, side: int) -> Shape:
    """The roll that a tensed lower lid makes below its lashes, and the crease under it."""
    lid = view.points[list(LID_LOWER[side]), :2]
    roll, place = _along(view, lid + _offset(side, 0, -0.026))
    crease, _ = _along(view, lid + _offset(side, 0, -0.06))
    taper = _taper(place)
    return Shape(reach(crease, 0.05) * taper, reach(roll, 0.045) * taper, reach(crease, 0.08) * taper * view.lines)


def _forehead(view: View, share: Field) -> Shape:
    """Furrows across the forehead, above one brow or between both; none on hair."""
    upper = np.concatenate([view.points[list(BROW_UPPER[0]), :2], view.points[list(BROW_UPPER[1][::-1]), :2]])
    bend = np.polynomial.Polynomial.fit(upper[:, 0], upper[:, 1], 2)
    height = view.points[FOREHEAD, 1] - float(bend(0.0))
    over = (view.y - bend(view.x)) / height  # 0 at the brows, 1 at the top of the mesh
    over = over + 0.02 * np.sin(7.3 * view.x + 0.8) + 0.015 * np.sin(15.1 * view.x + 2.1)
    area = share * view.skin**2 * smooth(0.04, 0.2, over) * smooth(0.95, 0.7, over)
    furrows = np.zeros_like(over)
    for n, level in enumerate((0.3, 0.5, 0.7)):
        uneven = 0.75 + 0.25 * np.sin(9.0 * view.x + 1.7 * n)
        furrows = furrows + reach((over - level) * height, 0.055) * uneven
    ridges = np.zeros_like(over)
    for level in (0.2, 0.4, 0.6):
        ridges = ridges + reach((over - level) * height, 0.055)
    return Shape(area * furrows, area * ridges, area * view.level)


def _middle_share(view: View) -> Field:
    inner = max(abs(float(view.points[both[-1], 0])) for both in BROW_LOWER)
    return smooth(inner + 0.24, inner, np.abs(view.x))


def _forehead_middle(view: View, side: int) -> Shape:
    return _forehead(view, _middle_share(view) * smooth(-0.11, 0.11, _sign(side) * view.x))


def _forehead_side(view: View, side: int) -> Shape:
    outer = abs(float(view.points[BROW_LOWER[side][0], 0]))
    share = (1 - _middle_share(view)) * smooth(outer + 0.06, outer - 0.12, np.abs(view.x))
    return _forehead(view, share * (_sign(side) * view.x > 0))


def _glabella(view: View, side: int) -> Shape:
    """The upright furrow beside the middle that knit brows make, and the shadow under a lowered brow."""
    upper, lower = (view.points[each[side][-1], :2] for each in (BROW_UPPER, BROW_LOWER))
    foot = np.array([0.5 * lower[0], lower[1] - 0.06])
    head = np.array([0.55 * upper[0], upper[1] + 0.08])
    distance, place = _along(view, np.stack([foot, (foot + head) / 2 + _offset(side, 0.012, 0), head]))
    taper = _taper(place)
    brow = view.points[list(BROW_LOWER[side]), :2]
    line = brow[::-1] if brow[0, 0] > brow[-1, 0] else brow
    under = curve(line, view.x) - view.y
    inner, outer = abs(brow[-1, 0]), abs(brow[0, 0])
    along = (np.abs(view.x) - inner) / (outer - inner)
    hooded = smooth(-0.03, 0.05, under) * smooth(0.21, 0.07, under) * smooth(-0.25, 0.0, along) * smooth(0.95, 0.45, along)
    hooded = hooded * (_sign(side) * view.x > 0)
    ridge = reach(np.hypot(view.x, view.y - (lower[1] + 0.02)), 0.13) * smooth(-0.11, 0.11, _sign(side) * view.x)
    return Shape(
        np.maximum(reach(distance, 0.085) * taper * view.skin, hooded),
        ridge * view.skin * (1 - reach(distance, 0.085) * taper),
        reach(distance, 0.13) * taper * view.upright,
    )


def _nose(view: View, side: int) -> Shape:
    """Slanting wrinkles on the nose's flank, and the deepened groove above its wing."""
    wing, corner = view.points[WINGS[side], :2], view.points[CANTHI[1][side], :2]
    flank = np.array([0.55 * corner[0], corner[1]])
    shade, lines = np.zeros_like(view.x), np.zeros_like(view.x)
    for share in (0.22, 0.42):
        at = flank + share * (wing - flank)
        ends = np.stack([at + _offset(side, -0.06, 0.035), at, at + _offset(side, 0.07, -0.045)])
        distance, place = _along(view, ends)
        shade = shade + reach(distance, 0.05) * _taper(place)
        lines = np.maximum(lines, reach(distance, 0.1) * _taper(place))
    groove = view.bell(np.array([wing[0] * 1.1, wing[1] + 0.1]), 0.12)
    return Shape(np.maximum(shade, 0.8 * groove), view.bell(np.array([wing[0] * 0.9, wing[1]]), 0.12), lines * view.lines)


def _puffed(view: View, side: int) -> Shape:
    """A blown cheek: brighter on its height, darker towards the jaw and beside the mouth."""
    corner = view.points[CORNERS[side], :2]
    hollow = corner + _offset(side, 0.24, 0.1)
    below = view.bell(hollow + _offset(side, -0.05, -0.24), 0.2)
    beside = view.bell(corner + _offset(side, 0.05, 0), 0.1, 0.7)
    return Shape(np.maximum(below, beside), view.bell(hollow + _offset(side, 0, 0.03), 0.3), np.zeros_like(view.x))


def _dimple(view: View, side: int) -> Shape:
    """The tuck beside the corner of the mouth."""
    at = view.points[CORNERS[side], :2] + _offset(side, 0.06, 0.01)
    high = view.bell(at + _offset(side, 0.07, 0.02), 0.1, 0.8)
    return Shape(view.bell(at, 0.085, 0.75), high, view.bell(at, 0.12) * view.lines)


def _pout(view: View, side: int) -> Shape:
    """A lower lip that stands out: light on its height, shade in the hollow below it, the chin's own dimples."""
    inner, outer = (curve(view.points[list(ids), :2], view.x) for ids in (LOWER_INNER, LOWER_OUTER))
    right, left = (view.points[corner, 0] for corner in CORNERS)
    half = smooth(-0.11, 0.11, _sign(side) * view.x)
    along = half * np.clip(1 - ((2 * view.x - right - left) / (0.8 * (left - right))) ** 2, 0, 1)
    height = (inner - view.y) / np.maximum(inner - outer, THIN_LIP)
    hollow = reach(np.abs(outer - view.y - 0.045), 0.075)
    boss = view.bell(view.points[CHIN, :2] + np.array([0.0, 0.12]), 0.2, 1.2) * half
    return Shape(hollow * along, reach(np.abs(height - 0.5), 0.6) * along, boss * view.lines)


def _pressed(view: View, side: int) -> Shape:
    """Lips that are drawn in turn away from the light, and the skin along them bulges."""
    right, left = (view.points[corner, 0] for corner in CORNERS)
    along = smooth(-0.11, 0.11, _sign(side) * view.x)
    along = along * np.clip(1 - ((2 * view.x - right - left) / (left - right)) ** 4, 0, 1)
    low, high = (curve(view.points[list(ids), :2], view.x) for ids in (LOWER_OUTER, UPPER_OUTER))
    beyond = np.maximum(view.y - high, low - view.y)
    shade, light = reach(np.clip(beyond + 0.02, 0, None), 0.05), reach(np.abs(beyond - 0.045), 0.05)
    return Shape(shade * along, light * along, np.zeros_like(view.x))


SHAPES: Mapping[str, Callable[[View, int], Shape]] = {
    "nasolabial": _nasolabial,
    "cheek": _cheek,
    "crows feet": _crows_feet,
    "lower lid": _lower_lid,
    "forehead middle": _forehead_middle,
    "forehead side": _forehead_side,
    "glabella": _glabella,
    "nose": _nose,
    "puffed cheek": _puffed,
    "dimple": _dimple,
    "pout": _pout,
    "pressed lips": _pressed,
}
"""Every fold of the table by its name."""
