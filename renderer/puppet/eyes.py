"""Eyes: lids that come down over the eyeball, and an iris that looks about.

Lids are a map of columns in the eye's own coordinates (see `axes`), since a field on a lattice cannot close an eye: the
height at which something is seen goes to the height of the skin that is seen there. The edge of a lid carries its lashes
along, which turn into those of a closed lid (see `lashes`); the skin behind it is more and more that of a closed eye (see
`lidskin`) as it comes out of its fold. Behind the edges the eyeball is seen (see `gaze`).

Rules
- At rest each place shows itself exactly; every effect grows from nothing.
- Closed means closed: nothing of the eyeball is left, whatever else the lids do and wherever the eye looks.
- Nothing moves at the brow, at the rim of glasses, below the lower lid's fold, or beyond the corners.
"""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np
import torch

from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from scipy.ndimage import gaussian_filter1d
from torch import Tensor
from torch.nn.functional import grid_sample

from renderer.puppet.axes import FROM, TO, Axes, smoothstep, steps
from renderer.puppet.gaze import CORNER, EYEBALL, GLINT, Eyeball, find_eyeball, find_iris, gaze_shift, turned
from renderer.puppet.geometry import CM_PER_U, Field, HeadFrame, Points, smooth
from renderer.puppet.glasses import below_rim
from renderer.puppet.lashes import ABOVE, BELOW, CELL, draw_lashes, lash_colour
from renderer.puppet.lids import MARGIN_LOWER, MARGIN_UPPER, Around, Lids, find_lids, softness
from renderer.puppet.lidskin import find_lid_skin

BROW = ((46, 53, 52, 65, 55), (276, 283, 282, 295, 285))
"""The brows' lower edge in the mesh, subject's right eye first."""

WIDE = (0.32 / CM_PER_U, 0.06 / CM_PER_U)
SQUINT = (0.15 / CM_PER_U, 0.33 / CM_PER_U)
"""How far the upper and the lower lid go at 1, in u: apart for eyeWide, toward each other for eyeSquint."""
ONSET = 0.002
"""Share of a blink within which a lid sets out: its edge is so sharp that it would be seen to start at once."""
CHEEK = 0.15 / CM_PER_U
"""How far a raised cheek lifts the lower lid, in u."""
HOOD = 0.12 / CM_PER_U
"""How far a lowered brow presses the upper lid down, in u."""
SQUEEZED = 0.7
"""How far up the line of a closed eye goes, of what squint and cheek raise the lower lid: lids pressed together meet higher."""
FOLLOW_DOWN, FOLLOW_UP = 0.85, 0.55
"""How far the upper lid goes with the iris, of the iris's way."""
FOLLOW_LOWER = 0.3
"""The same of the lower lid, which rises and sinks by a third of what the upper one does."""
STILL = 0.7
"""How far up to the brow skin moves along with the lid, of the way from the lid."""
SAG = 0.10
"""How far a closed lid's line hangs down in the middle at least, by its width."""
EVEN = 0.08
"""T over which the bumps of the open lower lid are smoothed out of a closed lid's line."""
FADE = 0.02
"""u of motion over which what the eyeball's layers lack of the portrait is let go."""
REACH_BELOW = 0.16
"""u below the lower lid's edge that its skin moves."""


@dataclass(frozen=True, slots=True, eq=False)
class Eye:
    """One eye of a portrait.

    Attributes:
        axes: T along the corners.
        u: pixels.
        curves: float32 [5, STEPS]: brow, upper lid, lower lid and where they meet, in pixels of V; the opening by its largest.
        widest: pixels, of the opening.
        ball: what is behind the lids.
        skin: float32 [1, 4, h, w]: colours of the closed eye's skin, and how much of them is needed; in the ball's place.
        lashes: [3], the colour of lashes by that of the skin.
        fringe: float32 [1, 1, rows, columns], how dark the lashes of the closed lid are; see `lashes.draw_lashes`.
        hanging: T of the fringe's first and last column.
        box: left, top, right, bottom in pixels: all that lids and gaze can change.
        opening: the same, of where the eyeball can be seen.
    """

    axes: Axes
    u: float
    curves: Tensor
    widest: float
    ball: Eyeball
    skin: Tensor
    lashes: Tensor
    fringe: Tensor
    hanging: tuple[float, float]
    box: tuple[int, int, int, int]
    opening: tuple[int, int, int, int]


def find_eye(which: int, colours: NDArray[np.float32], mesh: Points, iris: Points, contour: Points, frame: HeadFrame) -> Eye:
    """Measure an eye and take it apart.

    Args:
        which: 0 for the subject's right, 1 for the left.
        colours: float32 [height, width, 3], 0..1.
        mesh: [468, 3], pixels.
        iris: [5, 2], pixels: centre, then four points of the rim.
        contour: [71, 2], pixels, of the iris network.
        frame: of the head.
    """
    u = frame.scale
    lids = find_lids(colours, which, mesh, contour, u)
    gap = lids.upper - lids.lower
    widest = max(float(gap.max()), 0.02 * u)
    meet = _closed_line(lids, gap, u)
    points = lids.axes.of_points(mesh[list(BROW[which]), :2])
    points = points[np.argsort(points[:, 0])]
    points = points[np.concatenate([[True], np.diff(points[:, 0]) > 1e-3])]
    at = np.clip(steps(), points[0, 0], points[-1, 0])
    lowest = lids.upper + 0.06 * u
    brow = np.maximum(lids.upper + STILL * (PchipInterpolator(points[:, 0], points[:, 1])(at) - lids.upper), lowest)
    brow = below_rim(colours, lids, brow, lowest, u)
    first, last = lids.ends
    edge, low = 0.08 * u / lids.axes.width, float(lids.lower.min())
    box = lids.axes.box((min(first - edge, -0.1), max(last + edge, 1.1)), (float(brow.max()), low - (REACH_BELOW + 0.03) * u))
    opening = lids.axes.box((first, last), (float(lids.upper.max()) + 0.05 * u, low - 0.02 * u))
    # Of an eye that lies outside of the picture, the last pixels at the border are taken.
    left, top = (max(0, min(low - 3, side - 8)) for low, side in zip(box[:2], colours.shape[1::-1], strict=True))
    part = np.ascontiguousarray(colours[top : max(box[3], top + 4) + 4, left : max(box[2], left + 4) + 4])
    around = Around.of(lids, part.shape, left, top)
    x, y, radius = find_iris(part, iris - [left, top], np.clip(np.minimum(around.below, around.above) + 0.5, 0, 1), u)
    layers = find_eyeball(part, around, (x, y, radius), u)
    skin, need = find_lid_skin(part, around, u)
    fringe, aside = draw_lashes(lids.axes, lids.ends, (-1, 1)[which], u), BELOW * u / lids.axes.width
    ball = Eyeball(
        _layer(np.concatenate([layers.white, layers.rest, layers.iris[..., 3:]], axis=2)),
        _layer(layers.iris),
        _layer(layers.glint),
        _layer(layers.shadow),
        left,
        top,
        (x + left, y + top),
        EYEBALL * u,
        (lids.axes.cos, lids.axes.sin),
        _room(lids, (x + left, y + top), radius, u),
        tuple((float(x), float(y), float(z)) for x, y, z in frame.axes),
    )
    return Eye(
        lids.axes,
        u,
        torch.from_numpy(np.stack([brow, lids.upper, lids.lower, meet, gap / widest]).astype(np.float32)),
        widest,
        ball,
        _layer(np.concatenate([skin, need[..., None]], axis=2)),
        torch.from_numpy(lash_colour(part, skin, around, u).astype(np.float32)),
        torch.from_numpy(fringe.astype(np.float32))[None, None],
        (first - aside, first - aside + (fringe.shape[1] - 1) * CELL * u / lids.axes.width),
        box,
        opening,
    )


def _room(lids: Lids, iris: tuple[float, float], radius: float, u: float) -> tuple[float, float]:
    """How far in pixels an iris can go back and forth along the eye, from its middle and its radius in pixels."""
    at = float(lids.axes.of_points(np.array([iris]))[0, 0])
    first, last = ((end - at) * lids.axes.width for end in lids.ends)
    keep, least = CORNER * radius, 0.02 * u
    return max(-first - keep, least), max(last - keep, least)


def _closed_line(lids: Lids, gap: Field, u: float) -> Field:
    """V where the lids meet: an even arc near the lower lid, however uneven the open lids are.

    The lower lid keeps its height: in a blink it goes aside rather than up.
    """
    t = steps()
    within = (t >= lids.ends[0]) & (t <= lids.ends[1])
    arc = np.polynomial.Polynomial.fit(t[within], lids.lower[within], 3, w=np.sqrt(gap[within] + 0.02 * u))(t)
    first, last = lids.ends
    share = np.clip((t - first) / (last - first), 0, 1)
    chord = np.interp(first, t, lids.lower) * (1 - share) + np.interp(last, t, lids.lower) * share
    arc = np.minimum(arc, chord - 4 * SAG * lids.axes.width * share * (1 - share))
    arc = gaussian_filter1d(np.clip(arc, lids.lower - 0.015 * u, lids.upper), EVEN / (t[1] - t[0]), mode="nearest")
    line: Field = lids.lower + smooth(0.0, 0.03 * u, gap) * (arc - lids.lower)
    return line


def _layer(values: Field) -> Tensor:
    """[h, w, channels] as a picture to sample."""
    return torch.from_numpy(values.astype(np.float32)).permute(2, 0, 1)[None].contiguous()


@dataclass(frozen=True, slots=True)
class Posed:
    """What lids and iris do in some frames.

    Attributes:
        ways: of the lids.
        turn: [batch, 2], pixels that the iris goes.
    """

    ways: _Ways
    turn: Tensor

    def of(self, which: Tensor) -> Posed:
        """What they do in these of the frames, int64 [n], as often as named."""
        ways = _Ways(*(getattr(self.ways, field.name)[which] for field in fields(self.ways)))
        return Posed(ways, self.turn[which])


def posed(eye: Eye, lids: Tensor, gaze: Tensor) -> Posed:
    """What lids and iris do.

    Args:
        eye: of the portrait.
        lids: [batch, 5], 0..1: blink, squint, the cheek's squint, wide, the brow's lowering.
        gaze: [batch, 2]: yaw and pitch from where the portrait looks, degrees.
    """
    turn = gaze_shift(eye.ball, gaze)
    return Posed(_ways(eye, lids, turn), turn)


@dataclass(frozen=True, slots=True)
class Lidded:
    """What the skin around an eye shows at some pixels.

    Attributes:
        skin: [batch, 2, ...], pixels of the portrait that the skin comes from.
        places: [batch, 2, ...], pixels of the portrait before lids move.
        lid: [batch, ...], how much the skin is that of a closed eye.
        lash: [batch, ...], how dark the line of the closing lid is.
    """

    skin: Tensor
    places: Tensor
    lid: Tensor
    lash: Tensor


def lidded(eye: Eye, places: Tensor, pose: Posed) -> Lidded:
    """What is seen around the eye.

    Args:
        eye: of the portrait.
        places: [batch, 2, height, width], pixels of the portrait before lids move.
        pose: of the same batch.
    """
    u = eye.u
    ways = pose.ways
    edges = _edges(eye, places, ways)
    v, top, shift = edges.v, edges.top, edges.shift
    # Skin behind the edge goes with it, less and less up to the brow.
    behind = ((v - top) / (edges.brow - top)).clamp(0, 1)
    above = shift * (1 - behind * behind * (3 - 2 * behind))
    before = (1 - (edges.bottom - v) / (REACH_BELOW * u)).clamp(0, 1)
    under = (edges.lower - edges.bottom) * (before * before * (3 - 2 * before))
    moved = torch.where(v > (top + edges.bottom) / 2, above, under)
    skin = places + torch.stack([moved * eye.axes.sin, moved * -eye.axes.cos], dim=1)
    drop = ways.drop
    riding = _bell((v - top) * (1 / (0.024 * u))) * (0.8 - 0.8 * smoothstep(0.4, 0.95, drop))
    lid = smoothstep(0.06, 0.5, drop) * (1 - riding)
    lash = _fringe(eye, edges) * smoothstep(0.2, 0.85, drop)
    return Lidded(skin, places, lid, lash)


@dataclass(frozen=True, slots=True)
class Opened:
    """What an eye's opening shows at some pixels.

    Attributes:
        places: [batch, 2, ...], pixels of the portrait before lids move.
        seen: [batch, ...], 1 where the eyeball is seen, 0 where skin is.
        shift: [batch, ...], pixels of V that the upper lid is down.
        turn: [batch, 2], pixels that the iris goes.
    """

    places: Tensor
    seen: Tensor
    shift: Tensor
    turn: Tensor


def opened(eye: Eye, places: Tensor, pose: Posed) -> Opened:
    """What is seen between the lids.

    Args:
        eye: of the portrait.
        places: [batch, 2, height, width], pixels of the portrait before lids move.
        pose: of the same batch.
    """
    u = eye.u
    ways = pose.ways
    edges = _edges(eye, places, ways)
    soft = softness(u)
    hole = edges.top - (MARGIN_UPPER * u + ways.blink * ways.blink * (soft + 0.004 * u))
    seen = ((hole - edges.v) / soft + 0.5).clamp(0, 1) * (
        (edges.v - edges.bottom) / soft + (0.5 - MARGIN_LOWER * u / soft)
    ).clamp(0, 1)
    return Opened(places, seen * (8 * edges.share).clamp(0, 1), edges.shift, pose.turn)


def _fringe(eye: Eye, edges: _Edges) -> Tensor:
    """How dark the lashes that hang from the upper lid are, [batch, ...]."""
    first, last = eye.hanging
    rows = (eye.fringe.shape[2] - 1) * CELL
    x = (edges.t - first) * (2 / (last - first)) - 1
    y = (edges.top - edges.v) * (2 / (rows * eye.u)) + (2 * ABOVE / rows - 1)
    table = eye.fringe.expand(len(x), -1, -1, -1)
    return grid_sample(table, torch.stack([x, y], dim=-1), mode="bilinear", padding_mode="zeros", align_corners=True)[:, 0]


def _bell(x: Tensor) -> Tensor:
    """1 at 0, 0 from -1 and 1 on, smooth."""
    return (1 - x * x).clamp_min(0).square()


@dataclass(frozen=True, slots=True)
class _Edges:
    """Where the lids' edges are, each [batch, ...] at some pixels in pixels of V.

    Attributes:
        t, v: of the pixels.
        brow: where the skin's motion ends above.
        lower: the lower lid at rest.
        top, bottom: the lids now.
        shift: how far the upper one is down.
        share: the opening at rest by its largest.
    """

    t: Tensor
    v: Tensor
    brow: Tensor
    lower: Tensor
    top: Tensor
    bottom: Tensor
    shift: Tensor
    share: Tensor


def _edges(eye: Eye, places: Tensor, ways: _Ways) -> _Edges:
    t, v = eye.axes.coordinates(places)
    along = (t - FROM) * (2 / (TO - FROM)) - 1
    grid = torch.stack([along, torch.zeros_like(along)], dim=-1)
    tables = eye.curves[None, :, None].expand(len(places), -1, -1, -1)
    found = grid_sample(tables, grid, mode="bilinear", padding_mode="border", align_corners=True)
    brow, upper, lower, meet, share = found.unbind(dim=1)
    meet = meet + share * ways.squeezed
    top = upper - share * ways.lowered
    top = top + ways.blink * (meet - top)
    bottom = lower + share * ways.raised
    bottom = bottom + ways.blink * (meet - bottom)
    return _Edges(t, v, brow, lower, top, bottom, upper - top, share)


@dataclass(frozen=True, slots=True)
class _Ways:
    """What the lids do, each [batch, 1, 1].

    Attributes:
        blink: 0..1, of the way to where lids meet.
        lowered, raised: pixels that the upper one comes down and the lower one up where the eye is widest.
        squeezed: pixels that the line of the closed eye is higher there.
        drop: 0..1, how far the upper one is closed.
    """

    blink: Tensor
    lowered: Tensor
    raised: Tensor
    squeezed: Tensor
    drop: Tensor


def _ways(eye: Eye, lids: Tensor, turn: Tensor) -> _Ways:
    blink, squint, cheek, wide, hood = (lids[:, i, None, None] for i in range(5))
    blink = blink * blink / (blink + ONSET)
    cos, sin = eye.axes.cos, eye.axes.sin
    looks = (turn[:, 0] * sin - turn[:, 1] * cos)[:, None, None]  # pixels of V
    lowered = (SQUINT[0] * squint + HOOD * hood - WIDE[0] * wide) * eye.u
    lowered = lowered + FOLLOW_DOWN * (-looks).clamp_min(0) - FOLLOW_UP * looks.clamp_min(0)
    tensed = (SQUINT[1] * squint + CHEEK * cheek) * eye.u
    raised = tensed - WIDE[1] * wide * eye.u + FOLLOW_LOWER * looks
    # Lids that come together without a blink never quite meet.
    most, half = 0.8 * eye.widest, 0.5 * eye.widest
    both = (lowered + raised).clamp_min(0)
    kept = most * torch.tanh(both / most) / both.clamp_min(1e-6)
    kept = torch.where(both > 1e-6, kept, 1.0)
    lowered, raised = lowered * kept, raised * kept
    drop = (lowered / eye.widest).clamp(0, 1)
    squeezed = SQUEEZED * half * torch.tanh(tensed / half)
    return _Ways(blink, lowered, raised, squeezed, drop + blink * (1 - drop))


def paint_lids(eye: Eye, seen: Lidded, skin: Tensor) -> Tensor:
    """The colours around an eye, without what is behind the lids.

    Args:
        eye: of the portrait.
        seen: what is seen where.
        skin: [batch, 3, height, width], the portrait at `seen.skin`.
    """
    closed = _sample(eye, eye.skin, seen.places, "bilinear")
    skin = skin + seen.lid[:, None] * closed[:, 3:] * (closed[:, :3] - skin)
    return skin * (1 - seen.lash[:, None] * (1 - eye.lashes[None, :, None, None]))


def paint_ball(eye: Eye, hole: Opened, skin: Tensor) -> Tensor:
    """The colours around an eye's opening.

    Args:
        eye: of the portrait.
        hole: what is seen where.
        skin: [batch, 3, height, width], the lids' colours there.
    """
    still = _sample(eye, eye.ball.still, hole.places, "bicubic")
    iris = _sample(eye, eye.ball.iris, turned(eye.ball, hole.places, hole.turn), "bicubic")
    along = torch.stack([hole.shift * eye.axes.sin, hole.shift * -eye.axes.cos], dim=1)
    shadow = _sample(eye, eye.ball.shadow, hole.places + along, "bilinear")
    glint = _sample(eye, eye.ball.glint, hole.places - GLINT * hole.turn[:, :, None, None], "bilinear")
    ball = (still[:, :3] * (1 - iris[:, 3:]) + iris[:, :3]) * shadow + glint * iris[:, 3:]
    # Where the lid moves, or the iris was or goes, what the layers lack of the portrait is let go.
    went = hole.turn.abs().sum(dim=1)[:, None, None, None] * torch.maximum(iris[:, 3:], still[:, 6:])
    ball = ball + (1 - smoothstep(0.0, FADE * eye.u, went + hole.shift.abs()[:, None])) * still[:, 3:6]
    return skin + hole.seen[:, None] * (ball - skin)


def _sample(eye: Eye, layer: Tensor, places: Tensor, mode: str) -> Tensor:
    """A layer of an eye at pixels [batch, 2, h, w] of the portrait."""
    height, width = layer.shape[2:]
    x = (places[:, 0] - eye.ball.left) * (2 / (width - 1)) - 1
    y = (places[:, 1] - eye.ball.top) * (2 / (height - 1)) - 1
    grid = torch.stack([x, y], dim=-1)
    return grid_sample(layer.expand(len(places), -1, -1, -1), grid, mode=mode, padding_mode="border", align_corners=True)
