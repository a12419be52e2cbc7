"""Coloured dots instead of a face, moved by the face's own rig: found again, they say where its skin went.

Three dots' worth of pictures are made at a time, one in each colour, and dots of one colour are so far apart that each is
alone where it is looked for.
"""

from __future__ import annotations

from dataclasses import dataclass, fields, is_dataclass, replace
from typing import Any

import numpy as np
import torch

from numpy.typing import NDArray
from torch import Tensor

from renderer.puppet.activity import Cover
from renderer.puppet.eyes import Eye
from renderer.puppet.puppet import Puppet
from renderer.puppet.rig import PuppetRig
from renderer.puppet.sampling import finer
from tests.subjects import Motion

APART = 0.12
"""u between dots of one colour, but no fewer pixels than six times their standard deviation."""
NEAR = 0.05
"""u around the place where a dot is expected in which it is looked for: many times the error that is allowed."""
WIDE = 0.011
"""u: standard deviation of a dot, but no fewer pixels than `FINEST`."""
FINEST = 1.2
SEEN = 0.7
"""Of a dot's brightness: one that is fainter is taken to be hidden, or cut by the edge of a lip or a lid."""
CUT = 0.05
"""Of a spot's light: one that differs by more from the dot that is fitted to it is taken to be cut, too. On three portraits
whole dots are .02 pixels off in the median, those that a lid or a lip cuts .2 to .8.
"""

SIDE = 2
"""Pixels around the brightest one that tell where a dot's top is."""

Points = NDArray[np.float64]


def _terms() -> Points:
    """x x, y y, x y, x, y and 1 at the pixels around a dot's brightest one, [n, 6]."""
    y, x = (axis.ravel() for axis in np.mgrid[-SIDE : SIDE + 1, -SIDE : SIDE + 1].astype(np.float64))
    return np.stack([x * x, y * y, x * y, x, y, np.ones_like(x)], axis=1)


TERMS = _terms()


@dataclass(frozen=True, slots=True, eq=False)
class Dotted:
    """A rig whose picture is dots.

    Attributes:
        rig: it.
        colours: which dots it shows, by colour.
    """

    rig: PuppetRig
    colours: tuple[NDArray[np.int64], ...]


def dotted(rig: PuppetRig, points: Points) -> list[Dotted]:
    """Rigs that together show a dot at each of some points [n, 2] of the portrait, in pixels."""
    groups = _apart(points, max(APART * rig.face.u, 6 * spread(rig) / rig.factor))
    place = on_canvas(rig, points)
    found = []
    for first in range(0, len(groups), 3):
        chosen = groups[first : first + 3]
        height, width = rig.grid.height, rig.grid.width
        layers = [drawn(place[group], (height, width), spread(rig)) for group in chosen]
        layers += [np.zeros((height, width), np.float32)] * (3 - len(layers))
        found.append(Dotted(bare(rig, torch.from_numpy(np.stack(layers))), tuple(chosen)))
    return found


def on_canvas(rig: PuppetRig, points: Points) -> Points:
    """Pixels of the rig's canvas of pixels of the portrait."""
    corner = np.array([rig.stage[0] - rig.margins.left, rig.stage[1] - rig.margins.top])
    placed: Points = (points - corner + 0.5) * rig.factor - 0.5
    return placed


def spread(rig: PuppetRig) -> float:
    """Pixels of the canvas: standard deviation of a dot."""
    return float(max(WIDE * rig.face.u, FINEST) * rig.factor)


def drawn(points: Points, shape: tuple[int, int], wide: float) -> NDArray[np.float32]:
    """A picture [height, width] of dots, 1 in the middle of each."""
    picture = np.zeros(shape, np.float32)
    reach = int(4 * wide) + 1
    for x, y in points:
        left, top = max(0, int(x) - reach), max(0, int(y) - reach)
        right, bottom = min(shape[1], int(x) + reach + 2), min(shape[0], int(y) + reach + 2)
        if left >= right or top >= bottom:
            continue
        down, across = np.mgrid[top:bottom, left:right]
        picture[top:bottom, left:right] += np.exp(-((across - x) ** 2 + (down - y) ** 2) / (2 * wide**2))
    return picture


def bare(rig: PuppetRig, colours: Tensor) -> PuppetRig:
    """A rig that shows other colours [3, height, width] and, beside them, nothing: no background, teeth, eyes or shading."""
    black = (0.0, 0.0, 0.0)
    folds = rig.folds
    return replace(
        rig,
        picture=np.zeros_like(rig.picture),
        still=torch.zeros_like(rig.still),
        source=finer(torch.cat([colours, torch.ones_like(colours[:1])]).permute(1, 2, 0).cpu().numpy()).to(rig.source),
        plate=torch.zeros_like(rig.plate),
        rest=replace(rig.rest, number=torch.zeros_like(rig.rest.number)),
        cover=Cover(torch.ones_like(rig.cover.maps)),
        mouth=replace(blank(rig.mouth, "shown"), enamel=black, gum=black, flesh=black, dark=black),
        eyes=(_no_eye(rig.eyes[0]), _no_eye(rig.eyes[1])),
        folds=replace(blank(folds, "textures"), tension=blank(folds.tension, "amounts")),
    )


def _no_eye(eye: Eye) -> Eye:
    return replace(blank(eye, "skin"), lashes=torch.ones_like(eye.lashes), ball=blank(eye.ball, "still", "iris", "glint"))


def blank(thing: Any, *names: str) -> Any:
    """A part of a rig with nothing in some of its layers, or in all layers of some of its parts."""

    def emptied(value: Any) -> Any:
        if isinstance(value, Tensor):
            return torch.zeros_like(value)
        if is_dataclass(value) and not isinstance(value, type):
            tensors = [field.name for field in fields(value) if isinstance(getattr(value, field.name), Tensor)]
            return replace(value, **{name: torch.zeros_like(getattr(value, name)) for name in tensors})
        return value

    return replace(thing, **{name: emptied(getattr(thing, name)) for name in names})


def with_iris_dots(rig: PuppetRig) -> PuppetRig:
    """A rig that shows nothing but a dot in the middle of each iris, as the networks saw it."""
    empty = bare(rig, torch.zeros_like(rig.person[0, :3]))
    eyes = []
    for eye, iris in zip(empty.eyes, rig.face.irises, strict=True):
        place = on_canvas(rig, iris[:1].astype(np.float64)) - [eye.ball.left, eye.ball.top]
        layer = torch.zeros_like(eye.ball.iris)
        layer[:, :3] = torch.from_numpy(drawn(place, (layer.shape[2], layer.shape[3]), spread(rig))).to(layer)
        eyes.append(replace(eye, ball=replace(eye.ball, iris=layer, shadow=torch.ones_like(eye.ball.shadow))))
    return replace(empty, eyes=(eyes[0], eyes[1]))


def found(puppet: Puppet, dots: list[Dotted], motion: Motion, expected: Points) -> Points:
    """Where dots are.

    Args:
        puppet: that renders.
        dots: what `dotted` gave.
        motion: float32 [frames, 62].
        expected: [frames, n, 2], pixels.

    Returns:
        [frames, n, 2], pixels; NaN for those that cannot be seen near where they are expected.
    """
    places = np.full(expected.shape, np.nan)
    for one in dots:
        frames = puppet.render(one.rig, motion)
        near = NEAR * one.rig.face.u
        for frame, where, out in zip(frames, expected, places, strict=True):
            for colour, group in enumerate(one.colours):
                picture = frame[..., colour]
                for dot in group:
                    out[dot] = middle(picture, where[dot], near)
    return places


def middle(picture: NDArray[np.uint8], where: Points, near: float) -> tuple[float, float]:
    """The top of the brightest spot near a place, pixels; NaN if there is none.

    The logarithm of a dot is a paraboloid. Its top is where the dot's middle was drawn, also on skin that is stretched
    unevenly, where the dot grows to one side.
    """
    none = float("nan"), float("nan")
    reach = int(near) + 2
    x, y = (round(float(c)) for c in where)
    top, left = max(0, y - reach), max(0, x - reach)
    part = picture[top : max(0, y + reach + 1), left : max(0, x + reach + 1)].astype(np.float64)
    if part.size == 0:
        return none
    down, across = np.mgrid[: part.shape[0], : part.shape[1]]
    part = np.where(np.hypot(across + left - where[0], down + top - where[1]) <= near, part, 0)
    row, column = (int(place) for place in np.unravel_index(int(part.argmax()), part.shape))
    row, column = row + top, column + left
    if (
        part.max() < SEEN * 255
        or min(row, column) < SIDE
        or row >= picture.shape[0] - SIDE
        or column >= picture.shape[1] - SIDE
    ):
        return none
    spot = picture[row - SIDE : row + SIDE + 1, column - SIDE : column + SIDE + 1].astype(np.float64).ravel()
    # Rounding to whole grey levels matters the more, the darker a pixel is.
    weight = np.where(spot > 0.3 * spot.max(), spot, 0)
    top_of = np.linalg.lstsq(TERMS * weight[:, None], np.log(np.maximum(spot, 1)) * weight, rcond=None)[0]
    a, b, c, d, e, _ = top_of
    bend = 4 * a * b - c * c
    if bend <= 0 or a >= 0 or np.abs(np.exp(TERMS @ top_of) - spot).sum() > CUT * spot.sum():
        return none
    aside, below = (c * e - 2 * b * d) / bend, (c * d - 2 * a * e) / bend
    if max(abs(aside), abs(below)) > SIDE:
        return none
    return column + aside, row + below


def _apart(points: Points, least: float) -> list[NDArray[np.int64]]:
    """Groups of points, those of one at least so far apart."""
    left = np.arange(len(points))
    groups = []
    while len(left):
        group: list[int] = []
        rest = []
        for index in left:
            if all(np.hypot(*(points[index] - points[other])) >= least for other in group):
                group.append(int(index))
            else:
                rest.append(int(index))
        groups.append(np.array(group))
        left = np.array(rest, np.int64)
    return groups
