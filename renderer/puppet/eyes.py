"""Eyes: lids that come down over the eyeball, and an iris that looks about.

Lids are a map of columns in the eye's own coordinates (see `axes`), since a field on a lattice cannot close an eye: the
height at which something is seen goes to the height of the skin that is seen there.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from torch import Tensor

from renderer.puppet.axes import Axes, look_up, smoothstep, steps
from renderer.puppet.geometry import Field, Points

CANTHI = ((33, 133), (362, 263))
"""Corners of the subject's right and left eye, the picture's left one first."""
BROW = ((46, 53, 52, 65, 55), (276, 283, 282, 295, 285))
CREASE = ((247, 30, 29, 27, 28, 56, 190), (467, 260, 259, 257, 258, 286, 414))
UPPER = ((246, 161, 160, 159, 158, 157, 173), (466, 388, 387, 386, 385, 384, 398))
LOWER = ((7, 163, 144, 145, 153, 154, 155), (249, 390, 373, 374, 380, 381, 382))

UPPER_SHARE = 0.88
"""How much of the way to each other the upper lid goes; the lower one comes up by the rest."""
EYEBALL = 0.135
"""Radius of the eyeball in u: 1.2 cm."""


@dataclass(frozen=True, slots=True, eq=False)
class Eye:
    """One eye of a portrait.

    Attributes:
        axes: T along the corners.
        u: pixels.
        curves: float32 [5, STEPS] in pixels of V: brow, crease, upper lid, lower lid, and 1 between the corners.
        iris: x, y in pixels; radius in pixels.
        box: left, top, right, bottom in pixels: all that lids and gaze can change.
    """

    axes: Axes
    u: float
    curves: Tensor
    iris: tuple[float, float]
    radius: float
    box: tuple[int, int, int, int]


def find_eye(which: int, mesh: Points, iris: NDArray[np.float32], u: float) -> Eye:
    """Measure an eye.

    Args:
        which: 0 for the subject's right, 1 for the left.
        mesh: [468, 3], pixels.
        iris: [5, 2], pixels: centre, then four points of the rim.
        u: pixels.
    """
    axes = Axes.between(*(mesh[i, :2] for i in CANTHI[which]))
    at = steps()

    def over(ids: tuple[int, ...], *, closed: bool) -> Field:
        points = axes.of_points(mesh[list(ids), :2])
        points = points[np.argsort(points[:, 0])]
        points = points[np.concatenate([[True], np.diff(points[:, 0]) > 1e-3])]
        if closed:
            points = points[(points[:, 0] > 0.02) & (points[:, 0] < 0.98)]
            points = np.concatenate([[[0.0, 0.0]], points, [[1.0, 0.0]]])
        values: Field = PchipInterpolator(points[:, 0], points[:, 1])(np.clip(at, points[0, 0], points[-1, 0]))
        return values

    upper, lower = over(UPPER[which], closed=True), over(LOWER[which], closed=True)
    upper = np.maximum(upper, lower + 0.002 * u)
    crease = np.maximum(over(CREASE[which], closed=False), upper + 0.014 * u)
    brow = np.maximum(over(BROW[which], closed=False), crease + 0.04 * u)
    within = np.clip(0.5 + np.minimum(at, 1 - at) * axes.width / (0.024 * u), 0, 1)
    rim = iris[1:] - iris[0]
    return Eye(
        axes,
        u,
        torch.from_numpy(np.stack([brow, crease, upper, lower, within]).astype(np.float32)),
        (float(iris[0, 0]), float(iris[0, 1])),
        float(np.median(np.hypot(rim[:, 0], rim[:, 1]))),
        axes.box((-0.2, 1.2), (float(brow.max()), float(lower.min()) - 0.2 * u)),
    )


@dataclass(frozen=True, slots=True)
class Opened:
    """What an eye shows at some pixels.

    Attributes:
        skin: [batch, 2, ...], pixels of the portrait that the skin comes from.
        ball: [batch, 2, ...], pixels of the portrait that the eyeball comes from.
        seen: [batch, ...], 1 where the eyeball is seen, 0 where skin is.
        lash: [batch, ...], how dark the line of the closing lid is.
        near: [batch, ...], whether a pixel is this eye's at all.
        closed: [batch, ...], 0 where the upper lid rests to 1 where it meets the lower one.
    """

    skin: Tensor
    ball: Tensor
    seen: Tensor
    lash: Tensor
    near: Tensor
    closed: Tensor


def lids_and_gaze(eye: Eye, places: Tensor, lids: Tensor, gaze: Tensor) -> Opened:
    """What is seen where.

    Args:
        eye: of the portrait.
        places: [batch, 2, height, width], pixels.
        lids: [batch, 3]: how far the lids close (0..1), how far the lower one is raised and the upper one opened (u).
        gaze: [batch, 2]: yaw and pitch from where the portrait looks, degrees.
    """
    u = eye.u
    t, v = eye.axes.coordinates(places)
    brow, crease, upper, lower, within = look_up(eye.curves, t)
    close, raised, wide = (lids[:, i, None, None] for i in range(3))
    gap = upper - lower
    # Lids follow the gaze up and down, and so less is left to close.
    down = (gaze[:, 1, None, None] * (-1 / 30)).clamp(-0.6, 1.0)
    follow = torch.where(down > 0, 0.55 * down, 0.22 * down)
    close = 1 - (1 - close) * (1 - follow.clamp_min(0))
    opened = (wide * u + (-follow).clamp_min(0) * gap) * (1 - close)
    top = upper + within * (opened - UPPER_SHARE * close * gap)
    bottom = lower + within * ((1 - UPPER_SHARE) * close * gap + raised * u * (1 - close) + 0.004 * u * close)
    shift = upper - top
    crease_now = crease - 0.86 * shift
    inner = upper + (v - top) * ((crease - upper) / (crease_now - top))
    outer = crease + (v - crease_now) * ((brow - crease) / (brow - crease_now).clamp_min(0.01 * u))
    above = torch.where(v > crease_now, torch.where(v < brow, outer, v), inner)
    fade = (1 - (bottom - v) / (0.16 * u)).clamp(0, 1)
    below = v - (bottom - lower) * fade * fade * (3 - 2 * fade)
    middle = (top + bottom) / 2
    source = torch.where(v > middle, above, below)
    edge = 1.2
    margin = 0.008 * u
    seen = ((top - margin - v) / edge + 0.5).clamp(0, 1) * ((v - bottom - margin * 0.5) / edge + 0.5).clamp(0, 1)
    seen = seen * within
    ball = _turned(eye, places, gaze)
    tb, vb = eye.axes.coordinates(ball)
    held = torch.minimum(torch.maximum(vb, lower + 0.3 * margin), upper - margin)
    ball = torch.where((shift < 0)[:, None], eye.axes.places(tb, held), ball)
    closed = (shift / gap.clamp_min(0.01 * u)).clamp(0, 1) * within
    lash = torch.exp(-(((v - top + 0.006 * u) / (0.011 * u)) ** 2) / 2) * within * smoothstep(0.15, 0.8, closed)
    return Opened(eye.axes.places(t, source), ball, seen, lash, (t - 0.5).abs() < 0.75, closed)


def _turned(eye: Eye, places: Tensor, gaze: Tensor) -> Tensor:
    """Where the eyeball's surface comes from when it turns: its iris goes along as a whole, the white stretches."""
    reach = torch.sin(torch.deg2rad(gaze)) * EYEBALL * eye.u
    cos, sin = eye.axes.cos, eye.axes.sin
    x = reach[:, 0] * cos + reach[:, 1] * sin
    y = reach[:, 0] * sin - reach[:, 1] * cos
    shift = torch.stack([x, y], dim=1)[:, :, None, None]
    centre = torch.tensor(eye.iris, device=places.device, dtype=places.dtype)[None, :, None, None]
    source = places - shift
    for _ in range(4):
        away = (source - centre).square().sum(dim=1, keepdim=True).sqrt()
        source = places - shift * (1 - smoothstep(1.0 * eye.radius, 2.3 * eye.radius, away))
    return source


def paint(eye: Eye, opened: Opened, skin: Tensor, ball: Tensor) -> Tensor:
    """The colours of an eye's window.

    Args:
        eye: of the portrait.
        opened: what is seen where.
        skin, ball: [batch, 3, height, width], the portrait at `opened.skin` and `opened.ball`.
    """
    near = opened.near
    skin = skin * (1 - 0.5 * (opened.lash * near)[:, None])
    return skin + (opened.seen * near)[:, None] * (ball - skin)
