"""The mouth: where the lips part, and what is seen between them.

The lips' edges are curves in the mouth's own coordinates (see `axes`); they are one line when the mouth is closed. What the
portrait shows between open lips stays what is seen there, fixed to the skull: it is the portrait itself as long as the lips
rest, and as they move away it is continued behind them.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch

from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import grid_sample

from configs.puppet import MuscleTable, builtin_muscles
from protocol.channels import INDEX
from renderer.puppet.anatomy import CORNERS, cm
from renderer.puppet.axes import Axes, look_up, smoothstep, steps
from renderer.puppet.geometry import Field, HeadFrame, Points, smooth
from renderer.puppet.lips import JAW_CHANNELS, jaw_ways
from renderer.puppet.parting import SURELY_OPEN, Edges, edge_points, find_edges
from renderer.puppet.teeth import CROWN, find_rows

Colour = tuple[float, float, float]

LIP_POINTS = (38, 12, 268, 86, 15, 316, 179, 403, 85, 315, 16)
"""On the red of the lips, away from their edges."""
LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Behind:
    """What is seen between the lips of a mouth that the portrait shows open, continued behind the lips.

    Attributes:
        texture: float32 [1, 4, h, w]: colours without the upper lip's shadow, and how much there is of them: 1 down to the
            lower lip's edge, 0 below it.
        left, top: pixels of the texture's corner.
    """

    texture: Tensor
    left: int
    top: int


@dataclass(frozen=True, slots=True, eq=False)
class Mouth:
    """The mouth of a portrait.

    Attributes:
        axes: T along the corners.
        u: pixels.
        edges: float32 [2, STEPS], pixels of V: the lower edge of the upper lip and the upper edge of the lower lip.
        ends: [n, 3] each, pixels: both edges as lines of points, for the muscles.
        rows: float32 [5, STEPS]: the teeth (see `teeth.Rows`).
        middle: T of the middle of the rows.
        lean: how much a tongue goes aside, in pixels along T per pixel down.
        open: whether the portrait shows something between the lips.
        behind: what it shows there, if that is more than a slit.
        jaw: float32 [n, 2], pixels that the lower teeth go with each channel of `lips.JAW_CHANNELS`.
        enamel, gum, flesh, dark: colours of the teeth, the gums, the tongue and the rest in this picture's light.
        box: left, top, right, bottom in pixels: all that an open mouth can cover.
    """

    axes: Axes
    u: float
    edges: Tensor
    ends: tuple[Points, Points]
    rows: Tensor
    middle: float
    lean: float
    open: bool
    behind: Behind | None
    jaw: Tensor
    enamel: Colour
    gum: Colour
    flesh: Colour
    dark: Colour
    box: tuple[int, int, int, int]


_JAW_COLUMNS = [INDEX[name] for name in JAW_CHANNELS]


def find_mouth(picture: NDArray[np.float32], mesh: Points, frame: HeadFrame, table: MuscleTable | None = None) -> Mouth:
    """Measure a mouth.

    Args:
        picture: float32 [height, width, 3], 0..1.
        mesh: [468, 3], pixels.
        frame: of the head.
        table: how far the jaw goes; the program's own by default.
    """
    u = frame.scale
    axes = Axes.between(*(mesh[i, :2] for i in CORNERS))
    edges = find_edges(picture, mesh, axes, u)
    gap = float((edges.upper - edges.lower).max())
    mean, chroma = skin_colour(picture, mesh, u)
    light = float(mean @ LUMINANCE)
    tint = mean / max(float(mean.mean()), 1e-3)
    colourful = float(np.clip(chroma / 0.04, 0, 1))

    def colour(r: float, g: float, b: float, tinted: float, strength: float) -> Colour:
        """A colour in this picture's light; grey in a grey picture."""
        own = np.array([r, g, b]) * (1 - tinted + tinted * tint)
        own = float(own @ LUMINANCE) * (1 - colourful) + own * colourful
        red, green, blue = (float(c) for c in np.clip(own * strength, 0, 1))
        return red, green, blue

    lip = np.median(_lip_colours(picture, mesh), axis=0)
    own = colour(0.72, 0.36, 0.33, 0.5, 0.25 + 0.95 * light)
    red, green, blue = (float(c) for c in 0.65 * np.array(own) + 0.35 * lip)
    flesh = (red, green, blue)
    enamel = colour(0.98, 0.95, 0.86, 0.45, min(0.86, 0.1 + 0.95 * light))
    if gap > SURELY_OPEN * u:
        enamel = _own_enamel(picture, axes, edges, enamel)
    gum = colour(0.70, 0.40, 0.38, 0.5, 0.2 + 0.9 * light)
    box = axes.box((-0.22, 1.22), (0.17 * u, -0.6 * u))
    rows = find_rows(frame, mesh, axes, edges.lower)
    jaw = np.array(jaw_ways(table or builtin_muscles())) @ frame.axes[:2].T * [u, -u]
    return Mouth(
        axes,
        u,
        torch.from_numpy(np.stack([edges.upper, edges.lower]).astype(np.float32)),
        edge_points(edges, mesh, axes),
        torch.from_numpy(rows.table().astype(np.float32)),
        float(np.interp(0.0, rows.across, steps())),
        _lean(frame, axes),
        edges.open,
        _behind(picture, axes, edges, u, gum, box) if gap > SURELY_OPEN * u else None,
        torch.from_numpy(jaw.astype(np.float32)),
        enamel,
        gum,
        flesh,
        colour(0.30, 0.10, 0.08, 0.4, 0.3 + 0.6 * light),
        box,
    )


def _lip_colours(picture: NDArray[np.float32], mesh: Points) -> NDArray[np.float32]:
    """Colours of the picture on the lips, [n, 3]."""
    points = np.round(mesh[list(LIP_POINTS), :2]).astype(int)
    rows, columns = np.clip(points[:, 1], 0, picture.shape[0] - 1), np.clip(points[:, 0], 0, picture.shape[1] - 1)
    return picture[rows, columns]


def _own_enamel(picture: NDArray[np.float32], axes: Axes, edges: Edges, otherwise: Colour) -> Colour:
    """The colour of the teeth that an open mouth shows, if it shows any."""
    at = steps()
    middle = np.abs(at - 0.5) < 0.25
    heights = edges.lower + (edges.upper - edges.lower) * np.linspace(0.2, 0.8, 7)[:, None]
    x, y = axes.to_points(at[None], heights)
    seen = cv2.remap(picture, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    colours = seen[:, middle].reshape(-1, 3)
    light = colours @ LUMINANCE
    if float(np.percentile(light, 75)) < 0.7 * float(np.array(otherwise) @ LUMINANCE):
        return otherwise
    red, green, blue = (float(c) for c in np.median(colours[light >= np.median(light)], axis=0))
    return red, green, blue


def _lean(frame: HeadFrame, axes: Axes) -> float:
    x, y = frame.axes[:2] @ TONGUE_WAY * [1, -1]
    return float(np.clip((x * axes.cos + y * axes.sin) / max(y * axes.cos - x * axes.sin, 0.3), -0.8, 0.8))


def skin_colour(picture: NDArray[np.float32], mesh: Points, u: float) -> tuple[NDArray[np.float32], float]:
    """Mean colour of both cheeks, and how much colour there is."""
    patches = []
    side = max(int(0.08 * u), 1)
    for index in (50, 280, 101, 330):
        x, y = (round(float(c)) for c in mesh[index, :2])
        patches.append(picture[max(y - side, 0) : y + side + 1, max(x - side, 0) : x + side + 1].reshape(-1, 3))
    pixels = np.concatenate(patches) if any(len(p) for p in patches) else np.full((1, 3), 0.5, np.float32)
    mean = np.median(pixels, axis=0)
    return mean, float(mean.max() - mean.min())


TONGUE_LENGTH = cm(2.5)
"""u that a tongue fully out reaches below the lower lip's edge; judgement, about half of what is possible."""
TONGUE_HALF_WIDTH = cm(1.4)
"""u; a tongue is 4 to 5 cm wide, its end narrower."""
TONGUE_BEHIND = 0.03
"""u by which the tip lies behind the lip's edge at rest."""
TONGUE_WAY = np.array([0.0, -0.9, 0.4])
"""Where it goes, along the head's axes."""
SHADOW = 0.05
"""u below the upper lip over which its shadow ends; judgement."""
SHADOWED = 0.55
"""Light at the upper lip's edge."""


def _behind(
    picture: NDArray[np.float32], axes: Axes, edges: Edges, u: float, gum: Colour, box: tuple[int, int, int, int]
) -> Behind:
    left, top, right, bottom = box
    x, y = np.meshgrid(np.arange(left, right + 1, dtype=np.float64), np.arange(top, bottom + 1, dtype=np.float64))
    points = axes.of_points(np.stack([x.ravel(), y.ravel()], axis=1))
    t, v = (c.reshape(x.shape) for c in points.T)
    at = steps()
    inset = max(0.024 * u, 2.0)
    apart = at[edges.upper - edges.lower > 2 * inset]
    first, last = (float(apart[0]), float(apart[-1])) if apart.size else (0.1, 0.9)
    clipped = np.clip(t, first, last)
    upper, lower = np.interp(clipped, at, edges.upper), np.interp(clipped, at, edges.lower)
    high, low = upper - inset, lower + inset
    middle = (upper + lower) / 2
    high, low = np.maximum(high, middle), np.minimum(low, middle)
    # Above the upper edge the teeth are mirrored at it, below the lower one they go on as they end.
    inside = np.clip(np.where(v > high, 2 * high - v, v), low, None)
    from_x, from_y = axes.to_points(clipped, inside)
    colours = cv2.remap(
        picture, from_x.astype(np.float32), from_y.astype(np.float32), cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE
    ).clip(0, 1)
    lit = colours / np.maximum(_shadow((upper - inside) / u), 0.85)[..., None]
    luminance = lit @ LUMINANCE
    bright = float(np.percentile((colours @ LUMINANCE)[(v < upper) & (v > lower)], 95))
    lit = lit * np.minimum(1, bright / np.maximum(luminance, 1e-3))[..., None]
    plain = cv2.GaussianBlur(lit, (0, 0), max(0.02 * u, 1.0))
    lit += smooth(0.0, 0.015, (v - high) / u)[..., None] * (plain - lit)
    # Gums begin where the crowns end.
    share = smooth(-0.012, 0.018, (v - np.maximum(upper, lower + CROWN * u)) / u)[..., None]
    relative = np.clip((lit @ LUMINANCE) / max(bright, 1e-3), 0, 1)[..., None]
    lit = lit + share * (np.asarray(gum) * relative - lit)
    cover = smooth(-max(0.014 * u, 1.5), 0.0, v - lower)
    cover *= smooth(first - 0.05, first + 0.03, t) * smooth(last + 0.05, last - 0.03, t)
    texture = np.concatenate([lit, cover[..., None]], axis=2).astype(np.float32)
    return Behind(torch.from_numpy(texture).permute(2, 0, 1)[None].contiguous(), left, top)


def _shadow(below: Field) -> Field:
    """Light at a distance in u below the upper lip's edge."""
    return SHADOWED + (1 - SHADOWED) * smooth(0.0, SHADOW, below)


@dataclass(frozen=True, slots=True)
class Parted:
    """Where the lips are.

    Attributes:
        upper, lower: [batch, height, width], pixels below the upper lip's edge and above the lower lip's edge.
        share: [batch, height, width], 1 on the upper lip and above, 0 on the lower one and below; half on an edge.
        hole: [batch, height, width], 1 between the lips, 0 on them.
    """

    upper: Tensor
    lower: Tensor
    share: Tensor
    hole: Tensor


EDGE = 1.4
"""Pixels over which one thing gives way to another."""


def part(mouth: Mouth, above: Tensor, below: Tensor) -> Parted:
    """Where the lips are.

    Args:
        mouth: of the portrait.
        above, below: [batch, 2, height, width], pixels of the portrait that are seen if the upper lip's side, or the lower
            lip's, is what is seen.
    """
    t, v = mouth.axes.coordinates(above)
    upper = look_up(mouth.edges[:1], t)[0] - v
    within = smoothstep(-0.01, 0.03, t) * smoothstep(1.01, 0.97, t)
    t, v = mouth.axes.coordinates(below)
    lower = v - look_up(mouth.edges[1:], t)[0]
    share = (0.5 - upper / EDGE).clamp(0, 1)
    gap = ((upper + lower) / 1.5).clamp(0, 1)
    return Parted(upper, lower, share, (1 - share) * (0.5 + lower / EDGE).clamp(0, 1) * gap * within)


def paint(
    mouth: Mouth,
    parted: Parted,
    skin: Tensor,
    places: Tensor,
    ways: tuple[Tensor, Tensor],
    seen: tuple[Tensor, Tensor, Tensor],
    motion: Tensor,
) -> Tensor:
    """The colours of a mouth's window.

    Args:
        mouth: of the portrait.
        parted: where the lips are.
        skin: [batch, 3, height, width], what is painted there so far.
        places: [batch, 2, height, width], pixels of the head at rest.
        ways: the same for the upper lip's side and for the lower lip's (see `part`).
        seen: [batch, 3, height, width] each, the portrait at both ways and at `places`.
        motion: [batch, 62].

    Returns:
        [batch, 3, height, width], 0..1.
    """
    above, below, rest = seen
    lips = below + parted.share[:, None] * (above - below)
    t, v = mouth.axes.coordinates(places)
    lower = _lower_row(mouth, t, v, motion)
    between = _inside(mouth, parted, t, v, lower)
    if mouth.behind is not None:
        shown = _sampled(mouth.behind, places)
        light = _ramp(parted.upper, 0.0, SHADOW * mouth.u) * (1 - SHADOWED) + SHADOWED
        between = between + shown[:, 3:] * (shown[:, :3] * light[:, None] - between)
    if mouth.open:
        # As long as both lips rest here, it is the portrait itself.
        moved = ((ways[0] - places).square() + (ways[1] - places).square()).sum(dim=1, keepdim=True)
        between = rest + smoothstep(0.0, (0.03 * mouth.u) ** 2, moved) * (between - rest)
    lined = (parted.hole > 0) | ((parted.share > 0) & (parted.share < 1))
    out = torch.where(lined[:, None], lips + parted.hole[:, None] * (between - lips), skin)
    return _tongue_out(mouth, parted, lower, out, motion[:, INDEX["tongueOut"], None, None])


def _rgb(colour: Colour, like: Tensor) -> Tensor:
    return torch.cat([like.new_full((1, 1, 1, 1), part) for part in colour], dim=1)  # a copy to a GPU would wait for it


def _ramp(x: Tensor, low: float, high: float) -> Tensor:
    """0 up to `low`, 1 from `high` on, straight in between: for shading, where a smoother step would not be seen."""
    return ((x - low) * (1 / (high - low))).clamp(0, 1)


@dataclass(frozen=True, slots=True)
class _LowerRow:
    """Where pixels are for what the jaw carries.

    Attributes:
        t: [batch, height, width].
        above: pixels above the edge of the lower teeth.
        light, across: see `teeth.Rows`.
    """

    t: Tensor
    above: Tensor
    light: Tensor
    across: Tensor


def _lower_row(mouth: Mouth, t: Tensor, v: Tensor, motion: Tensor) -> _LowerRow:
    share = motion[:, _JAW_COLUMNS]
    gone = (share[:, :, None] * mouth.jaw[None]).sum(dim=1)[:, :, None, None]
    axes = mouth.axes
    t = t - (gone[:, 0] * axes.cos + gone[:, 1] * axes.sin) / axes.width
    v = v - (gone[:, 0] * axes.sin - gone[:, 1] * axes.cos)
    edge, light, across = look_up(mouth.rows[2:], t)
    return _LowerRow(t, v - edge, light, across)


def _inside(mouth: Mouth, parted: Parted, t: Tensor, v: Tensor, lower: _LowerRow) -> Tensor:
    """The colours of the open mouth, [batch, 3, height, width]."""
    u = mouth.u
    gap = parted.upper + parted.lower
    shows = smoothstep(0.015 * u, 0.1 * u, gap)
    soft = max(1.2, 0.012 * u)
    enamel, flesh, dark = (_rgb(colour, t) for colour in (mouth.enamel, mouth.flesh, mouth.dark))
    deep_white = 1.3 * dark  # a tooth without light has the colour of what is around it
    # Light falls in from the front and below: what lies deep behind the upper teeth is darkest.
    deep = _ramp(parted.upper, 0.0, 0.14 * u) * _ramp(gap, 0.05 * u, 0.3 * u)
    out = dark * (1 - 0.5 * deep)[:, None]
    # The tongue lies in the arch of the lower teeth.
    rise = (lower.above + 0.02 * u) * (1 / (0.17 * u))
    body = smoothstep(1.0, 0.36, 1.3 * lower.across.square() + rise.square())
    lit = 0.6 + 0.4 * _ramp(-rise, -0.95, 0.3)
    out = out + (0.85 * body)[:, None] * (flesh * lit[:, None] - out)
    # The lips' own shadow, all around.
    out = out * (0.6 + 0.4 * _ramp(torch.minimum(parted.upper, parted.lower), 0.0, 0.05 * u))[:, None]
    tooth = (0.5 - lower.above * (1 / soft)).clamp(0, 1) * (shows * _ramp(lower.light, 0.0, 0.3))
    out = out + tooth[:, None] * (deep_white + (0.85 * lower.light)[:, None] * (enamel - deep_white) - out)
    if mouth.behind is None:
        edge, light = look_up(mouth.rows[:2], t)
        crown = v - edge
        tooth = (crown * (1 / soft) + 0.5).clamp(0, 1) * (0.92 * shows * _ramp(light, 0.0, 0.3))
        shadow = _ramp(parted.upper, 0.0, SHADOW * u) * (1 - SHADOWED) + SHADOWED
        shade = light * shadow * (0.76 + 0.16 * _ramp(crown, 0.0, 0.035 * u))
        high = _ramp(crown, (CROWN - 0.01) * u, (CROWN + 0.01) * u)[:, None]
        white = enamel - deep_white + high * (_rgb(mouth.gum, t) - enamel)
        out = out + tooth[:, None] * (deep_white + shade[:, None] * white - out)
    return out


def _sampled(behind: Behind, places: Tensor) -> Tensor:
    height, width = behind.texture.shape[2:]
    x = (places[:, 0] - behind.left) * (2 / (width - 1)) - 1
    y = (places[:, 1] - behind.top) * (2 / (height - 1)) - 1
    grid = torch.stack([x, y], dim=-1)
    texture = behind.texture.expand(places.shape[0], -1, -1, -1)
    return grid_sample(texture, grid, mode="bilinear", padding_mode="border", align_corners=True)


def _tongue_out(mouth: Mouth, parted: Parted, lower: _LowerRow, seen: Tensor, out: Tensor) -> Tensor:
    """What is seen with a tongue over the lower lip; `out` is [batch, 1, 1]."""
    u = mouth.u
    down = -lower.above
    x = (lower.t - mouth.middle) * mouth.axes.width - mouth.lean * down
    tip = (TONGUE_LENGTH * out - TONGUE_BEHIND * (1 - out)) * u
    half = TONGUE_HALF_WIDTH * u * (0.8 + 0.2 * out) * (1 - 0.12 * _ramp(down, 0.0, TONGUE_LENGTH * u))
    round_end = 1.25 * TONGUE_HALF_WIDTH * u
    over = ((down - tip) * (1 / round_end) + 1).clamp(0, 1)
    width = half * (1.0001 - over * over * over.sqrt()).sqrt()
    within = 1 - parted.share
    # How far inside its outline, in pixels.
    depth = torch.minimum(width - x.abs(), tip - down)
    outline = half - (x.square() + (down - tip + half).clamp_min(0).square()).sqrt()
    seen = seen * (1 - 0.35 * out.clamp(0, 1) * within * _ramp(outline, -0.06 * u, 0.02 * u))[:, None]
    shape = (depth * (1 / EDGE)).clamp(0, 1) * (within * smoothstep(0.0, 0.15, out))
    groove = _ramp(x.abs(), 0.05 * u, 0.0) * (1 - over)
    lit = (1.0 - 0.22 / (TONGUE_HALF_WIDTH * u) ** 2 * x.square() - 0.05 * groove) * (0.8 + 0.2 * _ramp(depth, 0.0, 0.07 * u))
    lit = lit * (0.5 + 0.5 * _ramp(parted.upper, 0.0, 0.11 * u))
    return seen + shape[:, None] * (_rgb(mouth.flesh, lit) * lit[:, None] - seen)
