"""The mouth: where the lips part, and what is seen between them.

The lips' edges are curves in the mouth's own coordinates (see `axes`); they are one line when the mouth is closed.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch

from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator
from torch import Tensor

from renderer.puppet.anatomy import CORNERS, LOWER_INNER, UPPER_INNER
from renderer.puppet.axes import Axes, look_up, smoothstep, steps
from renderer.puppet.geometry import Field, Points

OPEN_AT_REST = 0.045
"""u between the inner lips from which a mouth is open in the portrait."""


@dataclass(frozen=True, slots=True, eq=False)
class Mouth:
    """The mouth of a portrait.

    Attributes:
        axes: T along the corners.
        u: pixels.
        edges: float32 [2, STEPS], pixels of V: the lower edge of the upper lip and the upper edge of the lower lip.
        open: whether the portrait shows it open.
        light: mean luminance of the skin, 0..1.
        tint: colour of the skin over its luminance, paler.
        colour: 0 for a picture without colour to 1.
        box: left, top, right, bottom in pixels: all that an open mouth can cover.
    """

    axes: Axes
    u: float
    edges: Tensor
    open: bool
    light: float
    tint: tuple[float, float, float]
    colour: float
    box: tuple[int, int, int, int]


def find_mouth(picture: NDArray[np.float32], mesh: Points, u: float) -> Mouth:
    """Measure a mouth.

    Args:
        picture: float32 [height, width, 3], 0..1.
        mesh: [468, 3], pixels.
        u: pixels.
    """
    axes = Axes.between(*(mesh[i, :2] for i in CORNERS))
    at = steps()

    def over(ids: tuple[int, ...]) -> Field:
        points = axes.of_points(mesh[list(ids), :2])
        points[0], points[-1] = (0, 0), (1, 0)  # the inner ring's corners lie just inside the outer one's
        points = points[np.concatenate([[True], np.diff(np.maximum.accumulate(points[:, 0])) > 1e-3])]
        found: Field = PchipInterpolator(points[:, 0], points[:, 1])(np.clip(at, 0, 1))
        return found

    upper, lower = over(UPPER_INNER), over(LOWER_INNER)
    opened = float((upper - lower).max()) > OPEN_AT_REST * u
    if opened:
        lower = np.minimum(upper, lower)
    else:
        upper = lower = snapped(picture, axes, u, (upper + lower) / 2)
    mean, chroma = skin_colour(picture, mesh, u)
    light = float(mean @ np.array([0.299, 0.587, 0.114]))
    tint = 0.65 + 0.35 * mean / max(float(mean.mean()), 1e-3)
    return Mouth(
        axes,
        u,
        torch.from_numpy(np.stack([upper, lower]).astype(np.float32)),
        opened,
        light,
        (float(tint[0]), float(tint[1] * 0.99), float(tint[2] * 0.94)),
        float(np.clip(chroma / 0.04, 0, 1)),
        axes.box((-0.2, 1.2), (0.16 * u, -0.65 * u)),
    )


def snapped(picture: NDArray[np.float32], axes: Axes, u: float, guess: Field) -> Field:
    """The parting line of closed lips: the darkest row of each column near a guess (V over `steps()`)."""
    at = steps()
    v = np.linspace(-0.04, 0.04, 33) * u
    x, y = axes.to_points(at[None], guess[None] + v[:, None])
    grey = cv2.GaussianBlur(picture @ np.array([0.299, 0.587, 0.114], np.float32), (0, 0), max(0.008 * u, 0.4))
    seen = cv2.remap(grey, x.astype(np.float32), y.astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    penalty = 0.05 * (v / (0.04 * u))[:, None] ** 2
    best = v[np.argmin(seen + penalty, axis=0)] * np.clip(np.minimum(at, 1 - at) / 0.1, 0, 1)
    padded = np.pad(best, 4, mode="edge")
    for _ in range(4):
        padded[1:-1] = (padded[:-2] + 2 * padded[1:-1] + padded[2:]) / 4
    found: Field = guess + padded[4:-4]
    return found


def skin_colour(picture: NDArray[np.float32], mesh: Points, u: float) -> tuple[NDArray[np.float32], float]:
    """Mean colour of both cheeks, and how much colour there is."""
    patches = []
    side = max(int(0.08 * u), 1)
    for index in (50, 280, 101, 330):
        x, y = (int(round(c)) for c in mesh[index, :2])
        patches.append(picture[max(y - side, 0) : y + side + 1, max(x - side, 0) : x + side + 1].reshape(-1, 3))
    pixels = np.concatenate(patches) if any(len(p) for p in patches) else np.full((1, 3), 0.5, np.float32)
    mean = np.median(pixels, axis=0)
    return mean, float(mean.max() - mean.min())


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


def paint(mouth: Mouth, parted: Parted, places: Tensor, lips: tuple[Tensor, Tensor], rest: Tensor, tongue: Tensor) -> Tensor:
    """The colours of a mouth's window.

    Args:
        mouth: of the portrait.
        parted: where the lips are.
        places: [batch, 2, height, width], pixels of the head at rest.
        lips: [batch, 3, height, width] each, the portrait seen by the upper lip's side and by the lower lip's.
        rest: [batch, 3, height, width], the portrait at `places`.
        tongue: [batch], 0..1.
    """
    above, below = lips
    outer = below + parted.share[:, None] * (above - below)
    return outer + parted.hole[:, None] * (inside(mouth, places, parted.upper, parted.lower, rest, tongue) - outer)


def inside(mouth: Mouth, places: Tensor, upper: Tensor, lower: Tensor, rest: Tensor, tongue: Tensor) -> Tensor:
    """The colours of the open mouth.

    Args:
        mouth: of the portrait.
        places: [batch, 2, height, width], pixels of the head at rest.
        upper, lower: [batch, height, width], pixels below the upper lip's and above the lower lip's edge.
        rest: [batch, 3, height, width], the portrait there.
        tongue: [batch], 0..1.

    Returns:
        [batch, 3, height, width], 0..1.
    """
    u = mouth.u
    t, v = mouth.axes.coordinates(places)
    line = look_up(mouth.edges, t)[0]
    gap = (upper + lower).clamp_min(0)
    across = ((t - 0.5) * 2).clamp(-1, 1)
    light = mouth.light

    def colour(r: float, g: float, b: float, strength: float) -> Tensor:
        grey = 0.35 * r + 0.45 * g + 0.2 * b
        c = [grey + (channel - grey) * mouth.colour for channel in (r, g, b)]
        return torch.tensor(c, device=places.device, dtype=places.dtype)[None, :, None, None] * strength

    depth = (gap / (0.3 * u)).clamp(0, 1)[:, None]
    dark = colour(0.30, 0.10, 0.09, 0.25 + 0.7 * light) * (1 - 0.55 * depth)
    # The tongue lies behind the lower teeth.
    tx = across / 0.8
    ty = (lower - 0.03 * u) / (0.15 * u)
    body = smoothstep(1.05, 0.65, (tx * tx + ty * ty).sqrt())[:, None]
    flesh = colour(0.62, 0.27, 0.25, 0.35 + 0.85 * light)
    out = dark + 0.75 * body * (flesh * (0.75 + 0.25 * smoothstep(-0.2, 0.8, 1 - ty))[:, None] - dark)
    enamel = torch.tensor(mouth.tint, device=places.device, dtype=places.dtype)[None, :, None, None] * min(0.92, 1.1 * light)
    # Upper teeth hang from the skull: they do not go with the lip.
    arch = (1 - (across / 0.86) ** 2).clamp_min(0).sqrt()
    hang = 0.052 * u * arch
    below = line - v
    soft = max(1.0, 0.012 * u)
    tooth = ((hang - below) / soft + 0.5).clamp(0, 1) * smoothstep(0.0, 0.25, arch)
    shade = (0.35 + 0.65 * smoothstep(0.0, 0.05 * u, upper)) * (0.55 + 0.45 * arch)
    shows = smoothstep(0.02 * u, 0.07 * u, gap)
    out = out + (tooth * shows)[:, None] * (enamel * shade[:, None] - out)
    return out
