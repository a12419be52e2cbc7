"""The eyeball of a portrait: the white that stays with the socket's light, and the iris that goes about on it.

The opening is taken apart into the white without the iris, filled in below it, the iris, made whole where lids hide it, and
its highlight, which stays behind as the eye turns. The iris goes as a whole over the white, so nothing is stretched or smeared.
Laid back where they were, all three give the portrait's own colours.

Rules
- A turn is one of the head's axes, so that it also follows a head that is tilted or seen from the side.
- The gaze of a motion counts from where the eyes of the portrait look; one that looks aside already has less way to go there,
  and stops softly before its iris is lost in the corner.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter, map_coordinates
from torch import Tensor

from renderer.puppet.filling import grain, membrane
from renderer.puppet.geometry import Field, smooth
from renderer.puppet.lids import MARGIN_LOWER, MARGIN_UPPER, Around, luminance, softness

EYEBALL = 0.135
"""Radius of the eyeball in u: 1.2 cm."""
RADII = (0.046, 0.085)
"""Radius of an iris in u: .060 to .068 of adults, up to .076 of children, further off in three-quarter views."""
DEPTH = 0.045
"""u that the upper lid's shadow reaches down the eyeball."""
CONTINUED = 0.014
"""u around the opening that shades of the white, such as a dark corner, are taken to go on below the lids."""
DEEPEST = 0.5
"""Of the light, what the upper lid leaves at least: what is darker than that is dark itself, as a painted corner."""
BRIGHTEST = 1.1
"""By how much the white that lids and iris hide may be brighter than nearly all that is seen between the lids."""
RIM = (1.04, 1.26)
"""Where the iris's layer fades out, in its radii: the limbus is soft."""
GLINT = 0.5
"""How far a highlight goes along with the iris: it lies where the cornea, whose middle is 6 mm before the eyeball's, faces the
light, and the iris turns on 12 mm."""
SHARP = (0.10, 0.22)
"""How much brighter than the iris around it something must be to be a highlight."""
CORNER = 0.75
"""Radii of the iris that its middle keeps from the eye's corners at least: eyes turn little more than 45 degrees."""
EASED = 0.6
"""Share of the way to where it must stop from which on an iris goes slower."""


@dataclass(frozen=True, slots=True, eq=False)
class Eyeball:
    """What turns behind the lids, on the white that stays.

    Attributes:
        still: float32 [1, 7, h, w]: colours of the white, 0..1; what the layers lack of the portrait; the iris's alpha at rest.
        iris: float32 [1, 4, h, w]: colours times alpha, and alpha.
        glint: float32 [1, 3, h, w]: the light of highlights, which is added.
        shadow: float32 [1, 1, h, w]: the light that is left beside the upper lid's edge, whose shadow goes along with it.
        left, top: pixels of the layers' corner.
        centre: x, y in pixels, of the iris.
        radius: pixels, of the eyeball.
        along: x and y of the direction from one corner to the other.
        room: pixels that the iris can go that way, back and forth, until it is in a corner.
        axes: rows of a matrix whose columns are the head's X, Y and Z in camera coordinates.
    """

    still: Tensor
    iris: Tensor
    glint: Tensor
    shadow: Tensor
    left: int
    top: int
    centre: tuple[float, float]
    radius: float
    along: tuple[float, float]
    room: tuple[float, float]
    axes: tuple[tuple[float, float, float], ...]


@dataclass(frozen=True, slots=True, eq=False)
class Layers:
    """An eyeball taken apart, pixel by pixel of a part of the picture.

    Attributes:
        white: [h, w, 3], colours of the white.
        iris: [h, w, 4], colours times alpha, and alpha.
        glint: [h, w, 3], the light of highlights.
        shadow: [h, w, 1], the light that the upper lid leaves.
        rest: [h, w, 3], what these lack of the portrait.
    """

    white: Field
    iris: Field
    glint: Field
    shadow: Field
    rest: Field


def find_iris(colours: NDArray[np.float32], points: Field, opening: Field, u: float) -> tuple[float, float, float]:
    """Centre x, y and radius of an iris in pixels: the network's, moved to where the picture's ring is sharpest.

    The ring's sides count (Daugman's operator): lids hide the top and often the bottom.

    Args:
        colours: [height, width, 3], 0..1.
        points: [5, 2], pixels: the network's centre and four points of the rim.
        opening: [height, width], 1 between the lids.
        u: pixels.
    """
    away = np.hypot(*(points[1:] - points[0]).T)
    radius = float(np.clip(0.5 * away.mean() + 0.5 * 0.066 * u, RADII[0] * u, RADII[1] * u))
    grey = gaussian_filter(luminance(colours.astype(np.float64)), 0.006 * u)
    angles = np.deg2rad(np.r_[-35:56:9, 125:216:9].astype(np.float64))
    shifts = np.arange(-0.02, 0.0201, 0.004) * u
    dx, dy, r = np.meshgrid(shifts, shifts, radius * np.arange(0.8, 1.31, 0.05), indexing="ij")
    x, y = points[0, 0] + dx[..., None], points[0, 1] + dy[..., None]

    def around(picture: Field, by: float) -> Field:
        places = [y + (r[..., None] + by) * np.sin(angles), x + (r[..., None] + by) * np.cos(angles)]
        return map_coordinates(picture, places, order=1, mode="nearest")

    outer, inner, seen = around(grey, 0.009 * u), around(grey, -0.009 * u), around(opening, 0.009 * u) + 0.02
    contrast = max(float(np.ptp(np.percentile(outer - inner, [5, 95]))), 0.02)
    rise = np.clip((outer - inner) / contrast, -0.4, 1) * seen
    sides = [part.sum(axis=-1) / 11 for part in np.split(rise, 2, axis=-1)]
    score = (sides[0] + sides[1]) / 2 + 0.5 * np.minimum(*sides)
    score -= 0.10 * (np.hypot(dx, dy) / (0.01 * u)) ** 2 / 2 + 0.10 * ((r / radius - 1) / 0.15) ** 2 / 2
    best = np.unravel_index(int(np.argmax(score)), score.shape)
    return float(points[0, 0] + dx[best]), float(points[0, 1] + dy[best]), float(r[best])


def find_eyeball(colours: NDArray[np.float32], around: Around, iris: tuple[float, float, float], u: float) -> Layers:
    """Take an eyeball apart.

    Args:
        colours: [h, w, 3], 0..1, a part of the picture around the eye.
        around: where its pixels lie around the opening.
        iris: x, y and radius in pixels of that part.
        u: pixels.
    """
    below, above, beside = around.below, around.above, around.beside
    rgb = colours.astype(np.float64)
    y, x = np.mgrid[: rgb.shape[0], : rgb.shape[1]]
    away = np.hypot(x - iris[0], y - iris[1]) / iris[2]
    light = luminance(rgb)
    sure = smooth(0.012 * u, 0.026 * u, below) * smooth(0.004 * u, 0.014 * u, above) * smooth(0.0, 0.02 * u, beside)
    sure = sure * smooth(RIM[1] - 0.1, RIM[1] + 0.08, away)
    white = _white(rgb, light, sure, (below > 0) & (above > 0) & (beside > 0), u)
    # Where it is made up it has the picture's grain, and turns away from the light below and in the corners.
    made = (1 - sure)[..., None]
    dim = 0.05 * np.exp(-np.clip(above, 0, None) / (0.02 * u)) + 0.25 * smooth(0.08 * u, -0.01 * u, beside)
    white = white * (1 - made * np.minimum(dim, 0.6)[..., None])
    white = np.clip(white + 0.7 * made * grain(rgb, above, u), 0, 1)
    alpha = smooth(RIM[1], RIM[0], away)[..., None]
    # The picture holds where the hole of the lids is at rest; beyond it lie lashes and skin.
    first, last = (margin * u - softness(u) / 2 - 0.1 for margin in (MARGIN_UPPER, MARGIN_LOWER))
    own = smooth(first - 0.006 * u, first, below) * smooth(last - 0.006 * u, last, above)
    own = own * smooth(-0.05 * u, -0.04 * u, beside)
    own = own[..., None]
    clear = smooth(0.012 * u, 0.032 * u, below) * smooth(0.0, 0.01 * u, above) * smooth(-0.01 * u, 0.01 * u, beside)
    whole = _iris(rgb, light, away, clear, white)
    whole = alpha * whole + (1 - alpha) * white
    bare = smooth(RIM[1] - 0.05, RIM[1] + 0.1, away) * own[..., 0] * smooth(0.0, 0.02 * u, beside)
    shadow = _shadow(light, luminance(white), around, bare, u)
    shadow = 1 - (1 - shadow[..., None]) * (1 - 0.4 * alpha)
    # At the edges of the lids the picture shows lashes, and the moist rim below, rather than the eyeball.
    bright = smooth(0.04, 0.14, light - luminance(whole)) * smooth(1.1, 0.95, away)  # but a highlight is the eyeball's
    # A small picture blurs them over a pixel or two.
    clean = np.maximum(smooth(max(0.012 * u, 1.2), max(0.03 * u, 3.0), below), bright)
    clean = clean * smooth(max(0.004 * u, 1.0), max(0.016 * u, 2.5), above)
    clean = clean[..., None] * own
    lit = np.minimum(rgb / np.maximum(shadow, DEEPEST), np.maximum(rgb, whole))
    ball = clean * lit + (1 - clean) * whole
    # What of the portrait's white differs from the filled one stays where it is, and goes on a little below the lids.
    seen = (1 - alpha) * clean
    further = (1 - alpha) * (1 - clean) * _beyond(lit - white, seen, u)
    white, ball = np.clip(white + seen * (lit - white) + further, 0, 1), np.clip(ball + further, 0, 1)
    sharp = smooth(*SHARP, luminance(ball - whole)) * smooth(1.0, 0.85, away)
    spot = sharp[..., None] * np.clip(ball - whole, 0, None)
    ring = ball - spot - white * (1 - alpha)
    glint = spot * shadow
    rest = own * (rgb - (white * (1 - alpha) + ring) * shadow - glint)
    return Layers(white, np.concatenate([ring, alpha], axis=2), glint, shadow, rest)


def _beyond(values: Field, weight: Field, u: float) -> Field:
    """Values [h, w, 3] where they are not known, as the mean of those near by; 0 further off.

    Args:
        values: [h, w, 3].
        weight: [h, w, 1], how much each is known.
        u: pixels.
    """
    soft = (CONTINUED * u, CONTINUED * u, 0)
    found, known = gaussian_filter(weight * values, soft), gaussian_filter(weight, soft)
    mean: Field = found / (known + 0.02)
    return mean


def _shadow(light: Field, white: Field, around: Around, bare: Field, u: float) -> Field:
    """The light that the upper lid and its lashes leave of an eyeball, 1 at some distance from its edge.

    It is read off the white beside the iris, and goes on along the lid over the iris, whose own top tells little.
    """
    cell = 0.003 * u
    depth = np.clip(around.below, MARGIN_UPPER * u / 2, DEPTH * u) / cell
    along = np.clip(around.along + 0.1 * u, 0, None) / cell
    shape = int(DEPTH * u / cell) + 2, int(along.max()) + 2
    far = smooth(0.6 * DEPTH * u, 0.9 * DEPTH * u, around.below)
    found = far + (1 - far) * np.clip(light / np.maximum(white, 0.02), 0.2, 1.0)
    weight = bare * smooth(0.0, 0.003 * u, around.below) * (around.below < DEPTH * u)
    place = np.round(depth).astype(int) * shape[1] + np.round(along).astype(int)
    sums = [
        gaussian_filter(
            np.bincount(place.ravel(), values.ravel(), shape[0] * shape[1]).reshape(shape),
            (max(0.003 * u, 0.7) / cell, 0.04 * u / cell),
        )
        for values in (weight * found, weight)
    ]
    levels: Field = np.arange(shape[0], dtype=np.float64) * cell
    usual = 1 - (0.4 * np.exp(-levels / (0.014 * u)) * smooth(DEPTH * u, 0.6 * DEPTH * u, levels))[:, None]
    rare = 0.02 * max(float(sums[1].max()), 1e-6)
    table = (sums[0] + rare * usual) / (sums[1] + rare)
    return map_coordinates(table, [depth, along], order=1, mode="nearest")


def _white(rgb: Field, light: Field, sure: Field, inside: NDArray[np.bool_], u: float) -> Field:
    """The white without iris, lids and lashes; nowhere brighter than what is seen of the eye."""
    brightest = BRIGHTEST * float(np.percentile(light[inside] if inside.any() else light, 97))
    found = light[sure > 0.5]
    if found.size < 6:
        return np.full_like(rgb, brightest / BRIGHTEST) * np.array([1.0, 0.98, 0.96])
    low, high = np.percentile(found, [25, 60])
    trust = sure * smooth(low - 0.02, high + 1e-3, light)
    white = np.clip(membrane(rgb, trust, (0.006 * u) ** 2 + 0.3), 0, 1)
    return white * np.minimum(1, brightest / np.maximum(luminance(white), 0.02))[..., None]


def _iris(rgb: Field, light: Field, away: Field, sure: Field, white: Field) -> Field:
    """An iris without lids over it: where they hide it, the mean of what is seen at the same distance from its centre."""
    rings = np.linspace(0, RIM[1], 20)
    profile = np.zeros((len(rings), 3))
    weights = np.zeros(len(rings))
    limit = np.percentile(light[(away < 1) & (sure > 0.3)], 80) if ((away < 1) & (sure > 0.3)).any() else 1.0
    for n, ring in enumerate(rings):
        weight = sure * np.exp(-(((away - ring) / 0.07) ** 2)) * np.where(away < 0.9, smooth(limit + 0.12, limit, light), 1)
        weights[n] = weight.sum() + 1e-9
        profile[n] = (rgb * weight[..., None]).sum(axis=(0, 1)) / weights[n]
    known = weights > 0.05
    if not known.any():
        return white * 0.3
    flat = np.stack([np.interp(away, rings[known], profile[known, i]) for i in range(3)], axis=2)
    return np.minimum(flat, np.maximum(white, 0.02))


def gaze_shift(ball: Eyeball, gaze: Tensor) -> Tensor:
    """How far the middle of the iris goes, [batch, 2] in pixels, and so where the eye looks.

    Args:
        ball: of the eye.
        gaze: [batch, 2]: yaw toward the subject's left and pitch up, degrees, from the portrait's own gaze.
    """
    angles = torch.deg2rad(gaze)
    (sin_yaw, sin_pitch), (yaw, pitch) = torch.sin(angles).unbind(dim=1), (torch.cos(angles) - 1).unbind(dim=1)
    right, upward, straight = ball.axes
    # Up or down first, then sideways, about the head's own axes; each as what it adds, which is 0 at rest.
    y = straight[1] * pitch + straight[2] * sin_pitch
    lifted = straight[2] * pitch - straight[1] * sin_pitch
    forward = straight[2] + lifted
    x = straight[0] * yaw + forward * sin_yaw
    z = lifted + forward * yaw - straight[0] * sin_yaw
    across = right[0] * x + right[1] * y + right[2] * z
    up = upward[0] * x + upward[1] * y + upward[2] * z
    shift = torch.stack([across, -up], dim=1) * ball.radius
    cos, sin = ball.along
    way = shift[:, 0] * cos + shift[:, 1] * sin
    kept = _stopped(way, *ball.room) - way
    return shift + torch.stack([kept * cos, kept * sin], dim=1)


def _stopped(way: Tensor, back: float, forth: float) -> Tensor:
    """A way [...] that slows down toward its limits, and is as it was well within them."""
    for side, most in ((-1.0, back), (1.0, forth)):
        beyond = (side * way - EASED * most).clamp_min(0)
        way = way - side * (beyond - beyond / (1 + beyond / ((1 - EASED) * most)))
    return way


def turned(ball: Eyeball, places: Tensor, shift: Tensor) -> Tensor:
    """The place of the portrait's iris that is seen at some pixels: moved, and narrowed toward the eyeball's side.

    Args:
        ball: of the eye.
        places: [batch, 2, height, width], pixels.
        shift: [batch, 2], pixels.
    """
    part = (shift / ball.radius)[:, :, None, None]
    facing = (1 - part.square().sum(dim=1, keepdim=True)).clamp_min(0.2).sqrt()
    centred = torch.stack([places[:, 0] - ball.centre[0], places[:, 1] - ball.centre[1]], dim=1)
    away = centred - shift[:, :, None, None]
    along = (away * part).sum(dim=1, keepdim=True) / (facing * (1 + facing))
    return places - shift[:, :, None, None] + part * along
