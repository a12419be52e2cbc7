"""The mouth: where the lips part, and what is seen between them.

The lips' edges are curves in the mouth's own coordinates (see `axes`); they are one line when the mouth is closed. What the
portrait shows between open lips is the portrait itself as long as the lips rest. As they move away it becomes layers that go
on behind them (see `shown`): its upper teeth stay with the skull, the rest goes with the jaw. What it does not show is made
up: dark, a tongue, and teeth (see `teeth`).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from numpy.typing import NDArray
from torch import Tensor

from configs.puppet import MuscleTable, builtin_muscles
from protocol.channels import INDEX
from renderer.puppet.anatomy import CORNERS, cm
from renderer.puppet.axes import Axes, look_up, smoothstep, steps
from renderer.puppet.geometry import HeadFrame, Points
from renderer.puppet.lips import JAW_CHANNELS, jaw_ways
from renderer.puppet.parting import SURELY_OPEN, edge_points, find_edges
from renderer.puppet.sealing import sealed
from renderer.puppet.shown import LUMINANCE, SHADOW, SHADOWED, Shown, find_shown
from renderer.puppet.teeth import CROWN, HANGS, find_rows

Colour = tuple[float, float, float]

LIP_POINTS = (38, 12, 268, 86, 15, 316, 179, 403, 85, 315, 16)
"""On the red of the lips, away from their edges."""


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
        shown: what it shows there, if that is more than a slit.
        jaw: float32 [n, 2], pixels that the lower teeth go with each channel of `lips.JAW_CHANNELS`.
        enamel, gum, flesh, dark: colours of the teeth, the gums, the tongue and the rest in this picture's light.
        lines: float32 [1, 2, 2, n], pixels x and y of points along the upper lip's edge and the lower lip's.
        tongue: float32 [2], pixels that a tongue fully out and its shade reach beyond the lower lip.
    """

    axes: Axes
    u: float
    edges: Tensor
    ends: tuple[Points, Points]
    rows: Tensor
    middle: float
    lean: float
    open: bool
    shown: Shown | None
    jaw: Tensor
    enamel: Colour
    gum: Colour
    flesh: Colour
    dark: Colour
    lines: Tensor
    tongue: Tensor


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
    red, green, blue = (float(c) for c in 0.5 * np.array(own) + 0.5 * lip)
    flesh = (red, green, blue)
    enamel = colour(0.97, 0.95, 0.91, 0.3, min(0.86, 0.36 + 0.66 * light))
    gum = colour(0.66, 0.41, 0.39, 0.35, 0.15 + 0.75 * light)
    box = axes.box((-0.22, 1.22), (0.17 * u, -0.6 * u))
    shown = find_shown(picture, axes, edges, u, gum, box) if gap > SURELY_OPEN * u else None
    if shown is not None and shown.enamel is not None:
        enamel = shown.enamel
    # Upper teeth that an open mouth does not show end where the lip does; those in a slit end in it.
    parting = edges.lower + HANGS * u * edges.open if shown is None or shown.upper_teeth else edges.upper + HANGS * u
    rows = find_rows(frame, mesh, axes, parting, edges.lower - (0 if shown is None else HIDDEN * u))
    ends = edge_points(edges, mesh, axes)
    lines = np.stack([line[np.linspace(0, len(line) - 1, LINE_POINTS).round().astype(int), :2].T for line in ends], axis=1)
    jaw = np.array(jaw_ways(table or builtin_muscles())) @ frame.axes[:2].T * [u, -u]
    return Mouth(
        axes,
        u,
        torch.from_numpy(np.stack([edges.upper, edges.lower]).astype(np.float32)),
        ends,
        torch.from_numpy(rows.table().astype(np.float32)),
        float(np.interp(0.0, rows.across, steps())),
        _lean(frame, axes),
        edges.open,
        shown,
        torch.from_numpy(jaw.astype(np.float32)),
        enamel,
        gum,
        flesh,
        colour(0.30, 0.10, 0.08, 0.4, 0.3 + 0.6 * light),
        torch.from_numpy(lines[None].astype(np.float32)),
        torch.from_numpy(((TONGUE_LENGTH + TONGUE_SHADE) * u * _tongue_way(frame)).astype(np.float32)),
    )


def _lip_colours(picture: NDArray[np.float32], mesh: Points) -> NDArray[np.float32]:
    """Colours of the picture on the lips, [n, 3]."""
    points = np.round(mesh[list(LIP_POINTS), :2]).astype(int)
    rows, columns = np.clip(points[:, 1], 0, picture.shape[0] - 1), np.clip(points[:, 0], 0, picture.shape[1] - 1)
    return picture[rows, columns]


def _tongue_way(frame: HeadFrame) -> NDArray[np.float64]:
    """Where a tongue points in the picture: to the right and down, of length 1."""
    way: NDArray[np.float64] = frame.axes[:2] @ TONGUE_WAY * [1, -1]
    return way / max(float(np.hypot(*way)), 1e-6)


def _lean(frame: HeadFrame, axes: Axes) -> float:
    x, y = _tongue_way(frame)
    return float(np.clip((x * axes.cos + y * axes.sin) / max(y * axes.cos - x * axes.sin, 0.3), -0.35, 0.35))


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


HIDDEN = 0.01
"""u below the lower lip's edge where lower teeth begin that an open mouth does not show."""
CONTACT, CONTACT_DARKNESS, CONTACT_WARM, CONTACT_ENDS = 0.022, 0.5, 0.35, 0.16
"""u and shares: how wide and dark the shadow is where lips meet that were apart in the portrait, which has no line there, how
much redder than it is dark, and how much of the mouth's width it takes to end; judgement."""
LEFT = 0.015
"""u of the lips' motion over which what the portrait shows between them gives way to what is painted there."""
SHOWS = (0.008, 0.05)
"""u between the lips from which on teeth begin to be seen, and where they wholly are: light hardly comes through a slit."""
DEEP = 1.4
"""Of the dark inside: the colour of teeth without light; judgement."""
UNDER_TEETH = 0.5
"""Share of the light that upper teeth keep from what is just below them; judgement."""
ROUNDED_SHADE, ROUNDED_HIDES = 0.32, 0.9
"""Share of the light that lips keep from the mouth which are rounded into a funnel, and of the lower teeth that they hide: they
stand before it like a collar."""
TONGUE_LENGTH = cm(2.5)
"""u that a tongue fully out reaches below the lower lip's edge; judgement, about half of what is possible."""
TONGUE_RISES = 0.2
"""u that the back of a tongue at rest is seen above the lower teeth; judgement."""
TONGUE_SHADE = 0.06
"""u that the shade of a tongue reaches beyond it."""
TONGUE_HALF_WIDTH = cm(1.65)
"""u; a tongue is 4 to 5 cm wide, its end narrower."""
TONGUE_BEHIND = 0.03
"""u by which the tip lies behind the lip's edge at rest."""
FURROW = 0.03
"""u from a tongue's middle over which its furrow ends."""
ROUGH, ROUGHNESS = 0.018, 0.04
"""u between the bumps of a tongue (1.6 mm), and share of its light by which they differ; judgement."""
GLEAM, BROKEN = 0.55, 10.0
"""How white its wet light is, and how much more than the rest that differs from bump to bump; judgement."""
COATED, COAT = 0.3, 1.1
"""How much of a tongue's back is coated, and how bright that is beside the flesh; judgement."""
TONGUE_WAY = np.array([0.0, -0.9, 0.4])
"""Where it goes, along the head's axes."""
LINE_POINTS = 17
"""Points along an edge of the lips that tell where a mouth is."""


@dataclass(frozen=True, slots=True)
class Parted:
    """Where the lips are.

    Attributes:
        upper, lower: [batch, height, width], pixels below the upper lip's edge and above the lower lip's edge; lips that would
            cover each other end where they meet half way.
        share: [batch, height, width], 1 on the upper lip and above, 0 on the lower one and below; half on an edge.
        hole: [batch, height, width], 1 between the lips, 0 on them.
        within: [batch, height, width], 1 between the corners, 0 beyond them.
    """

    upper: Tensor
    lower: Tensor
    share: Tensor
    hole: Tensor
    within: Tensor


EDGE = 1.4
"""Pixels over which one thing gives way to another."""


def part(mouth: Mouth, above: Tensor, below: Tensor) -> Parted:
    """Where the lips are.

    Args:
        mouth: of the portrait.
        above, below: [batch, 2, height, width], pixels of the portrait that are seen if the upper lip's side, or the lower
            lip's, is what is seen.
    """
    t, _ = mouth.axes.coordinates(above)
    within = smoothstep(-0.01, 0.03, t) * smoothstep(1.01, 0.97, t)
    upper, lower = _from_edges(mouth, above, below)
    share = (0.5 - upper / EDGE).clamp(0, 1)
    gap = ((upper + lower) / 1.5).clamp(0, 1)
    return Parted(upper, lower, share, (1 - share) * (0.5 + lower / EDGE).clamp(0, 1) * gap * within, within)


def on_upper_side(mouth: Mouth, above: Tensor, below: Tensor) -> Tensor:
    """Whether pixels show the upper lip's side: bool [batch, height, width]; arguments as of `part`."""
    return _from_edges(mouth, above, below)[0] < 0


def _from_edges(mouth: Mouth, above: Tensor, below: Tensor) -> tuple[Tensor, Tensor]:
    """Pixels [batch, height, width] below the upper lip's edge and above the lower lip's (see `Parted`)."""
    t, v = mouth.axes.coordinates(above)
    upper = look_up(mouth.edges[:1], t)[0] - v
    t, v = mouth.axes.coordinates(below)
    lower = v - look_up(mouth.edges[1:], t)[0]
    covered = (upper + lower).clamp_max(0) / 2
    return upper - covered, lower - covered


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
    share = parted.share[:, None]
    # What is painted there has the shade of folds, which the portrait's own colours have not.
    lips = below + share * (above - below) + (skin - torch.where(share > 0.5, above, below))
    t, v = mouth.axes.coordinates(places)
    gone = _jaw_gone(mouth, motion)
    lower = _lower_row(mouth, t, v, gone)
    shows = smoothstep(SHOWS[0] * mouth.u, SHOWS[1] * mouth.u, parted.upper + parted.lower)
    rounded = motion[:, INDEX["mouthFunnel"], None, None].clamp(0, 1)
    between = _inside(mouth, parted, lower, shows, 1 - ROUNDED_HIDES * rounded)
    light = _ramp(parted.upper, 0.0, SHADOW * mouth.u) * (1 - SHADOWED) + SHADOWED
    if mouth.shown is not None:
        own = mouth.shown.sample(mouth.shown.lower, places[:, 0] - gone[:, 0], places[:, 1] - gone[:, 1])
        between = between + own[:, 3:] * (own[:, :3] * light[:, None] - between)
    if mouth.shown is not None and mouth.shown.upper_teeth:
        own = mouth.shown.sample(mouth.shown.upper, places[:, 0], places[:, 1])
        teeth, cover = own[:, :3] * light[:, None], own[:, 3:]
    else:
        edge, lit = look_up(mouth.rows[:2], t)
        crown = v - edge
        teeth, cover = _upper_teeth(mouth, crown, lit, light, shows)
        under = _ramp(crown, -0.045 * mouth.u, 0.0) * _ramp(lit, 0.0, 0.3)
        between = between * (1 - UNDER_TEETH * under)[:, None]
    between = between + cover * (teeth - between)
    between = between + ROUNDED_SHADE * rounded[:, None] * (_rgb(mouth.dark, between) - between)
    if mouth.open:
        # As long as both lips rest here, it is the portrait itself.
        moved = ((ways[0] - places).square() + (ways[1] - places).square()).sum(dim=1, keepdim=True)
        between = rest + smoothstep(0.0, (LEFT * mouth.u) ** 2, moved) * (between - rest)
    lined = (parted.hole > 0) | ((parted.share > 0) & (parted.share < 1))
    out = torch.where(lined[:, None], lips + parted.hole[:, None] * (between - lips), skin)
    if mouth.shown is not None:
        near = (1 - (parted.upper * (1 / (CONTACT * mouth.u))).square()).clamp_min(0).square()
        met = sealed(motion)[:, None, None] * _ramp(parted.upper + parted.lower, 0.03 * mouth.u, 0.0)
        t, _ = mouth.axes.coordinates(ways[0])
        met = met * smoothstep(0.0, CONTACT_ENDS, t) * smoothstep(1.0, 1 - CONTACT_ENDS, t)
        warm = CONTACT_WARM / max(*mouth.dark, 1e-6)
        out = out * (1 - (CONTACT_DARKNESS * near * met)[:, None] * (1 - warm * _rgb(mouth.dark, out)))
    tongue = motion[:, INDEX["tongueOut"], None, None]
    if tongue.device.type == "cpu" and not bool((tongue > 0).any()):  # as nearly always; a GPU would have to be waited for
        return out
    free = 1 - cover[:, 0] * parted.hole  # it comes out below the upper teeth
    return _tongue_out(mouth, parted, lower, out, tongue, free)


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


def _jaw_gone(mouth: Mouth, motion: Tensor) -> Tensor:
    """Pixels [batch, 2, 1, 1] that the lower teeth have gone."""
    return (motion[:, _JAW_COLUMNS, None] * mouth.jaw[None]).sum(dim=1)[:, :, None, None]


def _lower_row(mouth: Mouth, t: Tensor, v: Tensor, gone: Tensor) -> _LowerRow:
    axes = mouth.axes
    t = t - (gone[:, 0] * axes.cos + gone[:, 1] * axes.sin) / axes.width
    v = v - (gone[:, 0] * axes.sin - gone[:, 1] * axes.cos)
    edge, light, across = look_up(mouth.rows[2:], t)
    return _LowerRow(t, v - edge, light, across)


def _inside(mouth: Mouth, parted: Parted, lower: _LowerRow, shows: Tensor, free: Tensor) -> Tensor:
    """The colours of the open mouth behind the upper teeth, [batch, 3, height, width]; lower teeth are seen as far as the lower
    lip leaves them `free`."""
    u = mouth.u
    soft = max(1.2, 0.012 * u)
    enamel, flesh, dark = (_rgb(colour, shows) for colour in (mouth.enamel, mouth.flesh, mouth.dark))
    deep_white = DEEP * dark  # a tooth without light has the colour of what is around it
    # Light falls in from the front and below: what lies deep behind the upper teeth is darkest.
    deep = _ramp(parted.upper, 0.0, 0.14 * u) * _ramp(parted.upper + parted.lower, 0.05 * u, 0.3 * u)
    out = dark * (1 - 0.5 * deep)[:, None]
    # The tongue lies in the arch of the lower teeth.
    rise = (lower.above + 0.02 * u).clamp_min(0) * (1 / (TONGUE_RISES * u))
    across = lower.across.square()
    away = 1.3 * across + rise.square()
    groove = (1 - 40 * across).clamp_min(0) * _ramp(rise, 0.1, 0.5)
    reached = 0.55 + 0.45 * _ramp(parted.upper + parted.lower, 0.05 * u, 0.25 * u)  # by light, through what is open
    lit = (1.0 - 0.62 * away.clamp_max(1) - 0.13 * groove) * reached
    out = out + (0.9 * smoothstep(1.05, 0.25, away))[:, None] * (flesh * lit[:, None] - out)
    # The lips' own shadow, all around.
    out = out * (0.5 + 0.5 * _ramp(torch.minimum(parted.upper, parted.lower), 0.0, 0.05 * u))[:, None]
    tooth = (0.5 - lower.above * (1 / soft)).clamp(0, 1) * (shows * free * _ramp(lower.light, 0.0, 0.3))
    return out + tooth[:, None] * (deep_white + (0.85 * lower.light)[:, None] * (enamel - deep_white) - out)


def _upper_teeth(mouth: Mouth, crown: Tensor, lit: Tensor, light: Tensor, shows: Tensor) -> tuple[Tensor, Tensor]:
    """Upper teeth that the portrait does not show.

    Args:
        mouth: of the portrait.
        crown: [batch, height, width], pixels above their edge.
        lit: the light that each place of the row has; see `teeth.Rows`.
        light: what the upper lip leaves of it.
        shows: how much teeth show in a gap as wide as this.

    Returns:
        Colours [batch, 3, height, width] and cover [batch, 1, height, width].
    """
    u = mouth.u
    tooth = (crown * (1 / max(1.2, 0.012 * u)) + 0.5).clamp(0, 1) * (0.92 * shows * _ramp(lit, 0.0, 0.3))
    shade = lit * light * (0.8 + 0.16 * _ramp(crown, 0.0, 0.035 * u))
    high = _ramp(crown, (CROWN - 0.01) * u, (CROWN + 0.01) * u)[:, None]
    # Little light that came past the lips is red.
    enamel, deep_white = _rgb(mouth.enamel, crown), DEEP * _rgb(mouth.dark, crown)
    white = enamel - deep_white + high * (_rgb(mouth.gum, crown) - enamel)
    return deep_white + shade[:, None] * white, tooth[:, None]


def _tongue_out(mouth: Mouth, parted: Parted, lower: _LowerRow, seen: Tensor, out: Tensor, free: Tensor) -> Tensor:
    """What is seen with a tongue over the lower lip; `out` is [batch, 1, 1], `free` [batch, height, width] 0 on teeth."""
    u = mouth.u
    down = -lower.above
    x = (lower.t - mouth.middle) * mouth.axes.width - mouth.lean * down
    tip = (TONGUE_LENGTH * out - TONGUE_BEHIND * (1 - out)) * u
    half = TONGUE_HALF_WIDTH * u * (0.8 + 0.2 * out) * (1 - 0.12 * _ramp(down, 0.0, TONGUE_LENGTH * u))
    round_end = 1.25 * TONGUE_HALF_WIDTH * u
    over = ((down - tip) * (1 / round_end) + 1).clamp(0, 1)
    width = half * (1.0001 - over * over * over.sqrt()).sqrt()
    within = (1 - parted.share) * free
    # How far inside its outline, in pixels.
    depth = torch.minimum(width - x.abs(), tip - down)
    outline = half - (x.square() + (down - tip + half).clamp_min(0).square()).sqrt()
    seen = seen * (1 - 0.35 * out.clamp(0, 1) * within * _ramp(outline, -TONGUE_SHADE * u, 0.02 * u))[:, None]
    shape = (depth * (1 / EDGE)).clamp(0, 1) * (within * smoothstep(0.0, 0.15, out))
    flank = x.square() * (1 / (TONGUE_HALF_WIDTH * u) ** 2)
    furrow = _ramp(x.abs(), FURROW * u, 0.0).square() * (1 - over)
    bumps = _bumps(x, down - tip, u)
    # It is wet: light lies on the rise before the tip, and breaks on what is rough.
    shine = (0.1 - (over - 0.53).square()).clamp_min(0) * (1 - 0.5 * flank)
    lit = (1.0 - 0.2 * flank - 0.3 * flank.square() - 0.12 * furrow + bumps + shine) * (
        0.68 + 0.32 * _ramp(depth, 0.0, 0.09 * u)
    )
    lit = lit * (0.35 + 0.65 * _ramp(parted.upper, 0.0, 0.16 * u))
    wet = (GLEAM * lit * shine * (1 + BROKEN * bumps))[:, None]
    flesh = _rgb(mouth.flesh, lit)
    coated = flesh + (COATED * (1 - flank.clamp_max(1)) * (1 - over))[:, None] * (
        COAT * flesh.mean(dim=1, keepdim=True) - flesh
    )
    return seen + shape[:, None] * ((coated * lit[:, None] + wet).clamp_max(1) - seen)


def _bumps(x: Tensor, y: Tensor, u: float) -> Tensor:
    """How much lighter a tongue is where it is rough, at pixels across and along it; the mean is about 0. Bumps that would be
    finer than pixels are left out."""
    size = ROUGH * u
    across, along = x * (1 / size), y * (1 / size)
    # Rows of bumps that are bent by one another, so that no grid is seen.
    both = _wave(across + 0.8 * _wave(0.37 * along)) * _wave(along + 0.8 * _wave(0.29 * across))
    return ROUGHNESS * min(1.0, max(0.0, size / 2 - 0.5)) * (both - 0.44)


def _wave(x: Tensor) -> Tensor:
    """0 at whole numbers, 1 halfway between, in parabolas: the same to the last bit wherever in a batch."""
    part = x - x.floor()
    return 4 * part * (1 - part)
