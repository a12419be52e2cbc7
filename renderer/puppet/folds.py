"""Light and shade that come with a muscle: folds that deepen, cheeks that catch light.

Prepared once as textures in the portrait's own pixels, so that they travel with the skin: for each fold how much brighter or
darker its places become, as a share of their brightness. Two things make a fold: soft shading of its form, and the
portrait's own fine lines there, made stronger; a line that is not in the picture is never drawn thin. Every texture ends
well inside the face, and every fold grows from nothing with its muscles.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import torch

from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from torch import Tensor
from torch.nn.functional import grid_sample, max_pool2d

from configs.mesh import builtin_mesh
from configs.puppet import Fold, MuscleTable, builtin_muscles
from protocol.channels import INDEX, both_sides
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
    SIDES,
    UPPER_OUTER,
    WINGS,
    curve,
    inside_polygon,
    outline,
    polyline_distance,
    reach,
)
from renderer.puppet.geometry import Field, HeadFrame, Points, smooth
from renderer.puppet.head import HeadMap
from renderer.puppet.lattice import Lattice, mixed
from renderer.puppet.sampling import seen_from
from renderer.puppet.tension import Tension, find_tension

Image = NDArray[np.float32]
Colours = Image | NDArray[np.float64]

NASOLABIAL = ((129, 203, 206, 216, 212), (358, 423, 426, 436, 432))
"""From the nose's wing to beside the corner of the mouth."""
SKIN = (9, 151, 108, 337, 50, 280, 205, 425, 117, 346, 5)
"""Where skin is nearly always seen: forehead, cheeks, nose."""
DETAIL_FROM, DETAIL_TO = 0.011, 0.05
"""u: blur that takes a picture's grain away, and blur that leaves its broad shades; its lines are what is in between."""
LONG = 0.045
"""u along which a line of the skin runs straight at least."""
MOST_DETAIL = 0.2
WIDEST = 0.17
"""u from the middle of a fold to where the widest ends."""
THIN_LIP = 0.04
"""u: as high a lower lip counts at least, so that light has room on it."""
COARSE = 0.04
"""u between the places at which the strain of skin is read."""
FINE_ENOUGH = 110.0
"""Texture pixels per u at most; the lines that are kept are wider than one."""


@dataclass(frozen=True, slots=True, eq=False)
class Folds:
    """The folds of a face.

    Attributes:
        textures: float32 [n, h, w], shares of brightness.
        tension: the skin's tone, on the same pixels.
        box: left, top, right, bottom in pixels of the canvas: all that they cover.
        tint: float32 [3, 1, 1]: how strongly red, green and blue follow; shaded skin turns towards its own colour.
        channels: int64 [n, k], columns of a motion.
        shares: float32 [n, k], how much of a fold each of these brings about alone.
    """

    textures: Tensor
    tension: Tension
    box: tuple[int, int, int, int]
    tint: Tensor
    channels: Tensor
    shares: Tensor

    def strengths(self, motion: Tensor) -> Tensor:
        """How deep each fold is, [batch, n], with motion [batch, 62]: 0..1, or down to -1 where muscles let go of what they do
        in the portrait (see `neutral`), which smooths a fold that it shows.

        What brings a fold about adds up short of 1, and it grows with the power 1.5 of that: skin gathers before it folds.
        """
        deepened, smoothed = (torch.ones_like(motion[:, self.channels[:, 0]]) for _ in range(2))
        for k in range(self.channels.shape[1]):
            pull = motion[:, self.channels[:, k]].clamp(-1, 1) * self.shares[:, k]
            deepened = deepened * (1 - pull.clamp_min(0))
            smoothed = smoothed * (1 + pull.clamp_max(0))
        deep, less = 1 - deepened, 1 - smoothed
        return deep * deep.sqrt() - less * less.sqrt()  # the power 1.5, which `**` rounds otherwise in odd places of a batch

    def relief(self, motion: Tensor) -> Tensor:
        """What the portrait's colours are to be multiplied by, less 1: [batch, h, w] over the box, with motion [batch, 62]."""
        depths = mixed(self.textures.flatten(1), self.strengths(motion)).unflatten(1, self.textures.shape[1:])
        return self.tension.tone(motion) + depths

    def seen(self, relief: Tensor, places: Tensor) -> Tensor:
        """The same at places of the portrait [n, 2, ...], for each colour: [n, 3, ...]; relief [1 or n, h, w]."""
        return self._sampled(relief[:, None].expand(len(places), -1, -1, -1), places) * self.tint

    def near(self, relief: Tensor, places: Tensor, reach: float) -> Tensor:
        """Whether there is anything of it near some places of the portrait: bool [batch, ...].

        Args:
            relief: [batch, h, w].
            places: [batch, 2, ...], pixels.
            reach: pixels from a place that count.
        """
        left, _, right, _ = self.box
        size = max(1, int(reach * relief.shape[2] / (right - left)))
        rough = max_pool2d(relief.abs()[:, None], size, ceil_mode=True)
        around = max_pool2d(rough, 3, stride=1, padding=1)
        inside = self._sampled(torch.ones_like(around), places, "zeros")
        return (self._sampled(around, places) * inside)[:, 0] > 0

    def _sampled(self, values: Tensor, places: Tensor, padding: str = "border") -> Tensor:
        left, top, right, bottom = self.box
        seen = seen_from(places, (left - 0.5, top - 0.5), (right - left, bottom - top))
        return grid_sample(values, seen, mode="bilinear", padding_mode=padding, align_corners=False)


def find_folds(
    colours: Colours,
    frame: HeadFrame,
    mesh: Points,
    head: HeadMap,
    lattice: Lattice,
    moved: tuple[Lattice, Tensor],
    table: MuscleTable | None = None,
) -> Folds:
    """Prepare the folds of a portrait.

    Args:
        colours: [height, width, 3], 0..1.
        frame, mesh: of the head, in pixels of these.
        head, lattice: for its depth.
        moved: how muscles move skin: a lattice, and on it in pixels [controls, 4 * rows * columns], as `PuppetRig.basis`.
        table: the program's own by default.
    """
    ring = outline(mesh[:, :2])
    height, width = colours.shape[:2]
    left, top = (max(0, min(end - 2, int(low))) for end, low in zip((width, height), ring.min(axis=0), strict=True))
    right, bottom = (
        max(start + 2, min(end, int(high) + 2))
        for start, end, high in zip((left, top), (width, height), ring.max(axis=0), strict=True)
    )
    u = frame.scale
    step = max(1.0, u / FINE_ENOUGH)
    columns, rows = max(2, round((right - left) / step)), max(2, round((bottom - top) / step))

    def pixels(columns: int, rows: int) -> Field:
        """The box in so many pixels: [rows, columns, 2], the places of their middles."""
        x = left - 0.5 + (np.arange(columns) + 0.5) * ((right - left) / columns)
        y = top - 0.5 + (np.arange(rows) + 0.5) * ((bottom - top) / rows)
        return np.stack(np.meshgrid(x, y), axis=-1)

    def own(places: Field) -> Field:
        """Head coordinates [h, w, 2] of places [h, w, 2]."""
        nodes = torch.from_numpy(np.moveaxis(places, -1, 0))[None].float()
        depth = lattice.sample(head.points[None], nodes)[0, 2].numpy().astype(np.float64)
        across, up = (places[..., 0] - frame.origin[0]) / u, -(places[..., 1] - frame.origin[1]) / u
        found: Field = (np.stack([across, up, depth], axis=-1) @ frame.axes)[..., :2]
        return found

    camera = pixels(columns, rows)
    x, y = camera[..., 0], camera[..., 1]
    here = own(camera)
    part = np.ascontiguousarray(colours[top:bottom, left:right], dtype=np.float32)
    seen = cv2.resize(part, (columns, rows), interpolation=cv2.INTER_AREA).astype(np.float32)
    lines = _lines(seen, u / step)
    level, upright = (_running(lines, frame.axes[:2, axis], u / step) for axis in (0, 1))
    view = _View(here[..., 0], here[..., 1], frame.head(mesh), lines, level, upright, _skin(seen, camera, mesh, u))
    deep = np.where(inside_polygon(x, y, ring[:-1]), polyline_distance(x, y, ring) / u, 0.0)
    fading = smooth(0.03, 0.09, deep)
    coarse = pixels(*(max(3, round(size / (COARSE * u))) for size in (right - left, bottom - top)))
    tone = own(coarse)
    textures, channels = [], []
    for name, entry in (table or builtin_muscles()).folds.items():
        for side in (0, 1):
            shape = SHAPES[name](view, side)
            texture = entry.light * shape.light - entry.shade * shape.shade + entry.detail * shape.lines
            textures.append(texture * fading)
            channels.append(_brought_about(entry, SIDES[side]))
    most = max(len(each) for each in channels)
    padded = [[*each.items(), *[(0, 0.0)] * (most - len(each))] for each in channels]
    return Folds(
        torch.from_numpy(np.stack(textures).astype(np.float32)),
        find_tension(
            (tone[..., 0], tone[..., 1]),
            (view.x, view.y),
            view.points,
            _fields(*moved, coarse) / u,
            seen.mean(axis=2),
            view.skin,
            smooth(0.0, 0.05, deep),
        ),
        (left, top, right, bottom),
        torch.from_numpy(_tint(seen, view.skin))[:, None, None],
        torch.tensor([[column for column, _ in each] for each in padded]),
        torch.tensor([[share for _, share in each] for each in padded], dtype=torch.float32),
    )


def _fields(lattice: Lattice, basis: Tensor, places: Field) -> Field:
    """How muscles move skin at places [h, w, 2]: [controls, 2 sides of the mouth, 2, h, w], pixels."""
    there = torch.from_numpy(np.moveaxis(places, -1, 0))[None].float()
    planes = basis.reshape(1, -1, lattice.rows, lattice.columns)
    found: Field = lattice.sample(planes, there)[0].reshape(len(basis), 2, 2, *places.shape[:2]).numpy().astype(np.float64)
    return found


def _brought_about(entry: Fold, side: str) -> dict[int, float]:
    """What of a fold's causes acts on a side, by the column of a motion."""
    found = {}
    for name, share in entry.by.items():
        named = both_sides(name)
        own = [channel for channel in named if channel.endswith(side)] if len(named) > 1 or name.endswith(SIDES) else [name]
        found.update({INDEX[channel]: share for channel in own})
    return found


@dataclass(frozen=True, slots=True, eq=False)
class _View:
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
class _Shape:
    """Where a fold is: each [h, w], the first two 0..1.

    Attributes:
        shade, light: where it darkens and brightens.
        lines: the picture's own lines, where they get stronger; shares of its brightness.
    """

    shade: Field
    light: Field
    lines: Field


def _lines(colours: Image, u: float) -> Field:
    brightness = colours @ np.array([0.299, 0.587, 0.114], np.float32)
    fine, broad = (cv2.GaussianBlur(brightness, (0, 0), max(share * u, 0.3)) for share in (DETAIL_FROM, DETAIL_TO))
    ratio = (fine - broad) / np.maximum(broad, 0.06)
    found: Field = (MOST_DETAIL * np.tanh(ratio / MOST_DETAIL)).astype(np.float64)
    return found


def _running(lines: Field, way: Points, u: float) -> Field:
    """Lines that run one way: their mean along it.

    Args:
        lines: [h, w].
        way: [2], to the right and up.
        u: pixels.
    """
    across, up = way / max(float(np.hypot(*way)), 1e-6)
    size = max(1, round(2.5 * LONG * u))
    y, x = np.mgrid[-size : size + 1, -size : size + 1].astype(np.float64)
    along, aside = x * across - y * up, x * up + y * across
    kernel = np.exp(-0.5 * ((along / max(LONG * u, 0.5)) ** 2 + (aside / 0.5) ** 2))
    found: Field = cv2.filter2D(lines, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)
    return found


def _skin(colours: Image, places: Field, mesh: Points, u: float) -> Field:
    """How much a pixel looks like this face's skin, by the spread of colours where skin nearly always is."""
    blur = u / float(places[0, 1, 0] - places[0, 0, 0])
    calm = cv2.GaussianBlur(colours, (0, 0), max(0.012 * blur, 0.4))
    near = np.zeros(calm.shape[:2], bool)
    for point in mesh[list(SKIN)]:
        near |= np.hypot(places[..., 0] - point[0], places[..., 1] - point[1]) < 0.05 * u
    known = calm[near].astype(np.float64)
    if len(known) < 8:
        return np.ones(calm.shape[:2])
    # Those that differ most are hair over the forehead or a shadow; they count less than half.
    middle = np.median(known, axis=0)
    known = known[np.argsort(np.abs(known - middle).sum(axis=1))[: max(8, len(known) * 4 // 5)]]
    off = calm.astype(np.float64) - known.mean(axis=0)
    spread = np.cov(known.T) + np.eye(3) * 0.02**2
    distance = np.sqrt(np.einsum("...i,ij,...j->...", off, np.linalg.inv(spread), off))
    mask = smooth(5.0, 2.6, distance).astype(np.float32)
    found: Field = cv2.GaussianBlur(mask, (0, 0), max(0.015 * blur, 0.4)).astype(np.float64)
    return found


def _tint(colours: Image, skin: Field) -> NDArray[np.float32]:
    """Shade on skin is light that went through it: its strongest colour loses least. Grey pictures stay grey."""
    mean = (colours * skin[..., None]).sum(axis=(0, 1)) / max(float(skin.sum()), 1e-6)
    tint: NDArray[np.float32] = ((mean.mean() + 0.02) / (mean + 0.02)) ** 0.55
    return tint.astype(np.float32)


def _along(view: _View, line: Points) -> tuple[Field, Field]:
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


def _nasolabial(view: _View, side: int) -> _Shape:
    """A furrow from the nose's wing past the mouth, and the cheek that swells beside it."""
    line = view.points[list(NASOLABIAL[side]), :2]
    distance, place = _along(view, line)
    outward, _ = _along(view, line + _offset(side, 0.07, 0.02))
    taper = _taper(place)
    return _Shape(reach(distance, 0.12) * taper, reach(outward, 0.14) * taper, reach(distance, WIDEST) * taper * view.lines)


def _cheek(view: _View, side: int) -> _Shape:
    """The apple that rises and catches light, and the furrow between it and the lower lid."""
    apple = (view.points[CHEEKS[side]] + view.points[CHEEK_BONES[side]])[:2] / 2
    orbit = builtin_mesh().rings.orbit_right if side == 0 else builtin_mesh().rings.orbit_left
    distance, place = _along(view, view.points[list(orbit[1:7]), :2] + _offset(side, 0, -0.02))
    taper = _taper(place)
    light = view.bell(apple + _offset(side, 0, 0.03), 0.26, 1.3)
    return _Shape(reach(distance, 0.085) * taper, light, reach(distance, 0.13) * taper * view.lines)


def _crows_feet(view: _View, side: int) -> _Shape:
    """Furrows that fan out from the outer corner of the eye."""
    corner = view.points[CANTHI[0][side]]
    dx, dy = (view.x - corner[0]) * _sign(side), view.y - corner[1]
    away, angle = np.hypot(dx, dy), np.degrees(np.arctan2(dy, dx))
    near = smooth(0.035, 0.09, away) * smooth(0.21, 0.1, away) * smooth(68, 38, np.abs(angle + 8)) * view.skin
    rays = sum(reach(np.abs(angle - ray), 19.0) for ray in (22.0, -6.0, -34.0))
    return _Shape(near * rays, near * (1 - np.minimum(rays, 1)) * 0.6, near * view.lines)


def _lower_lid(view: _View, side: int) -> _Shape:
    """The roll that a tensed lower lid makes below its lashes, and the crease under it."""
    lid = view.points[list(LID_LOWER[side]), :2]
    roll, place = _along(view, lid + _offset(side, 0, -0.026))
    crease, _ = _along(view, lid + _offset(side, 0, -0.06))
    taper = _taper(place)
    return _Shape(reach(crease, 0.05) * taper, reach(roll, 0.045) * taper, reach(crease, 0.08) * taper * view.lines)


def _forehead(view: _View, share: Field) -> _Shape:
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
    return _Shape(area * furrows, area * ridges, area * view.level)


def _middle_share(view: _View) -> Field:
    inner = max(abs(float(view.points[both[-1], 0])) for both in BROW_LOWER)
    return smooth(inner + 0.24, inner, np.abs(view.x))


def _forehead_middle(view: _View, side: int) -> _Shape:
    return _forehead(view, _middle_share(view) * smooth(-0.11, 0.11, _sign(side) * view.x))


def _forehead_side(view: _View, side: int) -> _Shape:
    outer = abs(float(view.points[BROW_LOWER[side][0], 0]))
    share = (1 - _middle_share(view)) * smooth(outer + 0.06, outer - 0.12, np.abs(view.x))
    return _forehead(view, share * (_sign(side) * view.x > 0))


def _glabella(view: _View, side: int) -> _Shape:
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
    return _Shape(
        np.maximum(reach(distance, 0.085) * taper * view.skin, hooded),
        ridge * view.skin * (1 - reach(distance, 0.085) * taper),
        reach(distance, 0.13) * taper * view.upright,
    )


def _nose(view: _View, side: int) -> _Shape:
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
    return _Shape(np.maximum(shade, 0.8 * groove), view.bell(np.array([wing[0] * 0.9, wing[1]]), 0.12), lines * view.lines)


def _puffed(view: _View, side: int) -> _Shape:
    """A blown cheek: brighter on its height, darker towards the jaw and beside the mouth."""
    corner = view.points[CORNERS[side], :2]
    hollow = corner + _offset(side, 0.24, 0.1)
    below = view.bell(hollow + _offset(side, -0.05, -0.24), 0.2)
    beside = view.bell(corner + _offset(side, 0.05, 0), 0.1, 0.7)
    return _Shape(np.maximum(below, beside), view.bell(hollow + _offset(side, 0, 0.03), 0.3), np.zeros_like(view.x))


def _dimple(view: _View, side: int) -> _Shape:
    """The tuck beside the corner of the mouth."""
    at = view.points[CORNERS[side], :2] + _offset(side, 0.06, 0.01)
    high = view.bell(at + _offset(side, 0.07, 0.02), 0.1, 0.8)
    return _Shape(view.bell(at, 0.085, 0.75), high, view.bell(at, 0.12) * view.lines)


def _pout(view: _View, side: int) -> _Shape:
    """A lower lip that stands out: light on its height, shade in the hollow below it, the chin's own dimples."""
    inner, outer = (curve(view.points[list(ids), :2], view.x) for ids in (LOWER_INNER, LOWER_OUTER))
    right, left = (view.points[corner, 0] for corner in CORNERS)
    half = smooth(-0.11, 0.11, _sign(side) * view.x)
    along = half * np.clip(1 - ((2 * view.x - right - left) / (0.8 * (left - right))) ** 2, 0, 1)
    height = (inner - view.y) / np.maximum(inner - outer, THIN_LIP)
    hollow = reach(np.abs(outer - view.y - 0.045), 0.075)
    boss = view.bell(view.points[CHIN, :2] + np.array([0.0, 0.12]), 0.2, 1.2) * half
    return _Shape(hollow * along, reach(np.abs(height - 0.5), 0.6) * along, boss * view.lines)


def _pressed(view: _View, side: int) -> _Shape:
    """Lips that are drawn in turn away from the light, and the skin along them bulges."""
    right, left = (view.points[corner, 0] for corner in CORNERS)
    along = smooth(-0.11, 0.11, _sign(side) * view.x)
    along = along * np.clip(1 - ((2 * view.x - right - left) / (left - right)) ** 4, 0, 1)
    low, high = (curve(view.points[list(ids), :2], view.x) for ids in (LOWER_OUTER, UPPER_OUTER))
    beyond = np.maximum(view.y - high, low - view.y)
    shade, light = reach(np.clip(beyond + 0.02, 0, None), 0.05), reach(np.abs(beyond - 0.045), 0.05)
    return _Shape(shade * along, light * along, np.zeros_like(view.x))


SHAPES: Mapping[str, Callable[[_View, int], _Shape]] = {
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
