"""What a portrait shows between open lips, as layers that can move: upper teeth with the skull, the rest with the jaw.

The upper layer ends where the picture's upper teeth end; what lies below, which is the dark, the tongue and the lower teeth if
they are seen, goes with the jaw. Each goes on behind its own lip, so that the lip may move away.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch

from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter1d
from torch import Tensor
from torch.nn.functional import grid_sample

from renderer.puppet.axes import Axes, steps
from renderer.puppet.geometry import Field, smooth
from renderer.puppet.parting import Edges, cheapest_path
from renderer.puppet.teeth import CROWN

Colours = NDArray[np.floating]

LUMINANCE = np.array([0.299, 0.587, 0.114], np.float32)
SHADOW = 0.05
"""u below the upper lip over which its shadow ends; judgement."""
SHADOWED = 0.75
"""Light at the upper lip's edge; judgement: with less, the narrow band of teeth below a lip at ease is all grey."""
ROWS = 64
"""Rows in which an opening is looked at."""
BELOW = 0.1
"""Share of an opening's height that is looked at below it too."""
LEAST_RANGE = 15.0
"""CIE L: less than that from the darkest to the brightest place is no difference."""
CLEARER = 0.17
"""Share of the range of light in an opening by which a row of teeth is whiter than the gap between it and the other row."""
SLIT = 0.1
"""u that an opening is high at least, which shows what is in a mouth though it shows no teeth."""
SHARP = 0.25
"""The same between the upper teeth and what is just below them, over a 15th of the opening; a palate ends more gently."""
GOES_ON, LAST_LIGHT, FAR_BACK = 0.22, 0.2, 0.4
"""T by which the upper row goes on beyond what is seen of it, how much of its colour the last tooth there has left, and the
share of the gums' light that takes its place: judgement. Corners that come down or go out uncover it."""
RISES = 0.12
"""T along which it is seen how the row rises towards its end."""
IN_LIGHT = 0.6
"""Share of the range of light in an opening that the upper row has where it is mirrored: farther back its teeth are in the
dark, which a corner that goes out would draw into a wedge."""
SPECK = 0.035
"""u: as wide a gap or a speck in a row of teeth belongs to it."""
LOWER_CROWN = 0.09
"""u that lower teeth go on below the lip that hides them: 8 mm."""


@dataclass(frozen=True, slots=True, eq=False)
class Shown:
    """What is seen between the lips of a mouth that the portrait shows open, continued behind the lips.

    Attributes:
        upper, lower: float32 [1, 4, h, w]: colours without the upper lip's shadow, and how much there is of them.
        upper_teeth, lower_teeth: whether any are seen.
        enamel: their colour, as it is in the light; none if no teeth are seen.
        left, top: pixels of the textures' corner.
    """

    upper: Tensor
    lower: Tensor
    upper_teeth: bool
    lower_teeth: bool
    enamel: tuple[float, float, float] | None
    left: int
    top: int

    def sample(self, layer: Tensor, x: Tensor, y: Tensor) -> Tensor:
        """Colours and cover [batch, 4, h, w] of one of its layers at pixels [batch, h, w] of the portrait."""
        height, width = layer.shape[2:]
        grid = torch.stack([(x - self.left) * (2 / (width - 1)) - 1, (y - self.top) * (2 / (height - 1)) - 1], dim=-1)
        texture = layer.expand(x.shape[0], -1, -1, -1)
        return grid_sample(texture, grid, mode="bilinear", padding_mode="border", align_corners=True)


@dataclass(frozen=True, slots=True, eq=False)
class _Opening:
    """The heights of what an opening shows, [STEPS] in pixels of V, and the light in it.

    Attributes:
        upper, lower: the lips' edges.
        upper_end: where the upper teeth end; the upper lip's edge if none are seen.
        lower_top: where the lower teeth begin; the lower lip's edge if none are seen.
        dark, bright: light between the teeth, and on them.
        bright_there: [STEPS], light on the teeth of each column: it is less towards the corners.
        upper_teeth, lower_teeth: whether any are seen.
    """

    upper: Field
    lower: Field
    upper_end: Field
    lower_top: Field
    dark: float
    bright: float
    bright_there: Field
    upper_teeth: bool
    lower_teeth: bool


def find_shown(
    picture: Colours, axes: Axes, edges: Edges, u: float, gum: tuple[float, float, float], box: tuple[int, int, int, int]
) -> Shown | None:
    """Take apart what is seen between open lips; nothing if it is a slit in which no teeth can be made out.

    Args:
        picture: float32 [height, width, 3], 0..1.
        axes: of the mouth.
        edges: of the lips.
        u: pixels.
        gum: colour of gums in this picture's light.
        box: left, top, right and bottom in pixels of all that the lips can uncover.
    """
    opening = _opening(picture, axes, edges, u)
    if not (opening.upper_teeth or opening.lower_teeth) and float((edges.upper - edges.lower).max()) < SLIT * u:
        return None
    left, top, right, bottom = box
    x, y = np.meshgrid(np.arange(left, right + 1, dtype=np.float64), np.arange(top, bottom + 1, dtype=np.float64))
    points = axes.of_points(np.stack([x.ravel(), y.ravel()], axis=1))
    t, v = (c.reshape(x.shape) for c in points.T)
    at = steps()
    inset = max(0.024 * u, 2.0)
    apart = at[edges.upper - edges.lower > 2 * inset]
    first, last = (float(apart[0]), float(apart[-1])) if apart.size else (0.1, 0.9)
    if opening.upper_teeth:
        first, last = _row_seen(opening, first, last)
    # Beyond the last tooth that is seen the row goes on as its mirror image, and as it rises there.
    clipped = np.clip(t, first, last)
    source = np.clip(2 * clipped - t, first, last)
    beyond = np.abs(t - clipped)
    ends = [np.interp([end, end + inward * RISES], at, opening.upper_end) for end, inward in ((first, 1), (last, -1))]
    rises = np.where(t < first, *(max(0.0, float(end[0] - end[1])) / RISES for end in ends))
    v = v + np.interp(source, at, opening.upper_end) - np.interp(clipped, at, opening.upper_end) - rises * beyond
    upper, lower, end, begin = (
        np.interp(source, at, line) for line in (opening.upper, opening.lower, opening.upper_end, opening.lower_top)
    )
    middle = (upper + lower) / 2
    high, low = np.maximum(upper - inset, middle), np.minimum(lower + inset, middle)
    # Teeth are mirrored at the edges that hide them, no farther than they are seen.
    mirrored_up = np.maximum(2 * high - v, np.minimum(high, end + inset))
    mirrored_down = np.minimum(2 * low - v, np.maximum(low, begin - inset))
    inside = np.where(v > high, mirrored_up, np.where(v < low, mirrored_down, v))
    from_x, from_y = axes.to_points(source, inside)
    colours = _seen(picture, from_x, from_y, cv2.INTER_CUBIC).clip(0, 1)
    light = colours @ LUMINANCE
    lit = colours / np.maximum(_shadow((upper - inside) / u), 0.85)[..., None]
    lit *= np.minimum(1, opening.bright / np.maximum(lit @ LUMINANCE, 1e-3))[..., None]
    fades = smooth(0.0, GOES_ON, beyond)[..., None]
    lit += (1 - LAST_LIGHT) * fades * (FAR_BACK * np.asarray(gum) - lit)
    beside = smooth(first - 0.05, first + 0.03, t) * smooth(last + 0.05, last - 0.03, t)
    # Teeth end as the picture shows them to, but for narrow gaps and specks, which would be cut out of them.
    speck = 2 * round(SPECK * u / 2) + 1
    range_of_light = np.interp(source, at, opening.bright_there) - opening.dark
    tooth = smooth(0.18, 0.45, (light - opening.dark) / np.maximum(range_of_light, 0.05))
    tooth = cv2.morphologyEx(tooth, cv2.MORPH_CLOSE, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (speck, speck)))
    near_end = smooth(0.035 * u, 0.01 * u, v - end)
    cover = smooth(-0.75, 0.75, v - end) * (1 - near_end * (1 - tooth)) * float(opening.upper_teeth)
    cover *= smooth(GOES_ON, 0.4 * GOES_ON, beyond)
    upper_layer = _onto_gums(lit, v - high, v - np.maximum(upper, end + CROWN * u), u, gum, opening.bright), cover
    soft = np.maximum(0.8 * (end - begin), 1.5)
    cover = np.clip((end - v) / soft + 0.2, 0, 1) * beside
    if not opening.lower_teeth:
        # What is only a slit under the teeth has their light in it.
        cover *= smooth(-max(0.014 * u, 1.5), 0.0, v - lower) * (1 - tooth) * smooth(0.04 * u, 0.08 * u, end - begin)
    lower_layer = _onto_gums(lit, low - v, begin - LOWER_CROWN * u - v, u, gum, opening.bright), cover
    teeth = colours[((v < upper) & (v > end) & opening.upper_teeth) | ((v > lower) & (v < begin) & opening.lower_teeth)]
    enamel = None
    if len(teeth):
        shade = teeth @ LUMINANCE
        red, green, blue = (float(c) for c in np.median(teeth[shade >= np.percentile(shade, 60)], axis=0))
        enamel = (red, green, blue)
    return Shown(_layer(*upper_layer), _layer(*lower_layer), opening.upper_teeth, opening.lower_teeth, enamel, left, top)


def _row_seen(opening: _Opening, first: float, last: float) -> tuple[float, float]:
    """From which T to which, within these, the upper row is in the light."""
    at = steps()
    level = (opening.bright_there - opening.dark) / max(opening.bright - opening.dark, 0.05)
    dim = at[(level < IN_LIGHT) | (at <= first) | (at >= last)]
    low, high = dim[dim < 0.5], dim[dim > 0.5]
    return min(float(low.max(initial=first)), 0.35), max(float(high.min(initial=last)), 0.65)


def _layer(colours: Colours, cover: Field) -> Tensor:
    together = np.concatenate([colours, cover[..., None]], axis=2).astype(np.float32)
    return torch.from_numpy(together).permute(2, 0, 1)[None].contiguous()


def _seen(picture: Colours, x: Field, y: Field, how: int = cv2.INTER_LINEAR) -> Colours:
    found = cv2.remap(picture, x.astype(np.float32), y.astype(np.float32), how, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found, dtype=np.float32)


def _onto_gums(lit: Colours, hidden: Field, beyond: Field, u: float, gum: tuple[float, float, float], bright: float) -> Colours:
    """Teeth that lose their detail `hidden` pixels behind a lip and become gums `beyond` their crowns."""
    plain = cv2.GaussianBlur(lit, (0, 0), max(0.02 * u, 1.0))
    lit = lit + smooth(0.0, 0.015, hidden / u)[..., None] * (plain - lit)
    relative = np.clip((lit @ LUMINANCE) / max(bright, 1e-3), 0, 1)[..., None]
    found: Colours = lit + smooth(-0.012, 0.018, beyond / u)[..., None] * (np.asarray(gum) * relative - lit)
    return found


def _shadow(below: Field) -> Field:
    """Light at a distance in u below the upper lip's edge."""
    return SHADOWED + (1 - SHADOWED) * smooth(0.0, SHADOW, below)


def _opening(picture: Colours, axes: Axes, edges: Edges, u: float) -> _Opening:
    """Look for rows of teeth: whiter than what is next to them, from a lip on to where they end."""
    at = steps()
    upper, height = edges.upper, edges.upper - edges.lower
    place = np.linspace(0.0, 1.0 + BELOW, ROWS)  # some of the lower lip too, on which teeth may end
    x, y = axes.to_points(at[None], upper - height * place[:, None])
    seen = _seen(cv2.GaussianBlur(picture, (0, 0), max(0.006 * u, 0.4)), x, y)
    lab = cv2.cvtColor(seen, cv2.COLOR_RGB2LAB).astype(np.float64)
    middle = (at > 0.25) & (at < 0.75)
    inside = place <= 1.0
    dark, bright = (float(np.percentile(lab[inside][:, middle, 0], share)) for share in (5, 95))
    light = np.clip((lab[..., 0] - dark) / max(bright - dark, LEAST_RANGE), 0, 1)
    # Gums, tongues and lips are redder than teeth.
    pale, red = (float(np.percentile(lab[:, middle, 1], share)) for share in (10, 95))
    white = light - 0.6 * np.clip((lab[..., 1] - pale) / max(red - pale, 12.0), 0, 1)
    # Along a row of teeth, the gaps between them do not count.
    white = gaussian_filter1d(white, 4.0, axis=1, mode="nearest")
    # The darkest way across, well between the lips, which are not looked at themselves.
    margin = min(0.25, max(0.06, 2.0 / max(float(np.median(height[middle])), 1.0)))
    apart = (place > margin + 0.04) & (place < 1 - margin - 0.02)
    valley = cheapest_path(np.where(apart, 0.0, 1.0)[:, None] + white, place - 0.55) + 0.55

    def around(line: Field, first: float, last: float) -> Field:
        """Whiteness in each column from so far below a line to so far: [rows, STEPS]."""
        rows = line + np.linspace(first, last, 12)[:, None]
        return np.stack([np.interp(rows[:, n], place, white[:, n]) for n in range(len(at))], axis=1)

    def median(rows: Field) -> Field:
        """Of each row in the middle of the mouth."""
        return np.asarray(np.median(rows[:, middle], axis=1), dtype=np.float64)

    row, deepest = float(np.median(valley[middle])), float(median(around(valley, 0.0, 0.0))[0])
    top, bottom = median(around(np.zeros_like(at), margin, row)), median(around(valley, 0.0, 1 - margin - row))
    above, below, where = float(top.max()), float(bottom.max()), float(np.argmax(top)) / (len(top) - 1) * row
    profile = median(white)[(place > margin) & (place < 1 - margin)]
    begins = margin + float(place[np.argmax(profile > (profile.min() + profile.max()) / 2)])
    both = min(above, below) - deepest > CLEARER
    lower_teeth = both or (below - deepest > CLEARER and begins > 0.45)
    fall = -np.gradient(white, axis=0)
    fall /= max(float(np.abs(fall).max()), 1e-6)
    first, last = (where, row) if both else (0.3, 1.0)
    allowed = (place[:, None] > first) & (place[:, None] < (valley + 0.02 if both else 1.0 + BELOW))
    half = (first + last) / 2
    end = cheapest_path(np.where(allowed, -fall, 1.0), place - half) + half
    sharp = float(median(around(end, -0.07, -0.03)).max() - median(around(end, 0.03, 0.07)).min())
    upper_teeth = (both or not lower_teeth) and sharp > SHARP
    end = np.clip(end, 0.0, 1.0) if upper_teeth else np.zeros_like(at)
    begin = np.ones_like(at)
    if lower_teeth:
        begin = np.clip(cheapest_path(np.where(place[:, None] > valley - 0.02, fall, 1.0), place - 0.7) + 0.7, 0.0, 1.0)
    begin = np.maximum(begin, end)
    luminance = (seen @ LUMINANCE)[inside]
    there = gaussian_filter1d(luminance.max(axis=0).astype(np.float64), 3.0, mode="nearest")
    luminance = luminance[:, middle]
    return _Opening(
        upper,
        edges.lower,
        upper - height * end,
        upper - height * begin,
        float(np.percentile(luminance, 5)),
        float(np.percentile(luminance, 95)),
        there,
        upper_teeth,
        lower_teeth,
    )
