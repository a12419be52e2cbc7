"""What is behind the person, filled in where the person hides it.

Rules
- What is not hidden stays as it is, bit for bit.
- Where the background is plain its light goes on; where there are things in it, what is seen right beside goes on, mirrored.
  Deep behind the person, where a turning head seldom uncovers anything, only the light is left: rather plain than wrong.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch

from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import spsolve
from torch import Tensor

from renderer.puppet.matte import own_colours, reach, spread, strands
from renderer.puppet.mirror import mirrored
from renderer.puppet.pixels import Picture, chosen, farthest, thrice, weighed

COARSE = 96
"""Nodes along the longer side of the grid on which light is carried across what is hidden."""
SEAM = 0.15
"""u behind the edge over which a plain background's colours give way to its light, so that no line is left there."""
EVEN = 0.04
"""u around the edge whose mean these colours are at the least: a hair that stands out there is not carried on."""
DEEP = (0.12, 0.5)
"""u behind the edge up to which things go on, and from where on there is only light. What a speaker's head does uncovers .2 u;
one that tilts by 20 degrees uncovers .7 u at the crown, where a mirror would be noticed."""
THINGS = (0.025, 0.05)
"""How far a background's colours leave the light around, 0..1, up to which it is plain, and from where on there are things."""
MOVES = 0.05
"""Share of the head's motion below which nothing is uncovered."""
FADE = (0.008, 1.5)
"""u of motion, but no fewer pixels than the second figure, over which the portrait's own pixels give way to the layers that it
was taken apart into."""
AROUND = 0.5
"""u around a place whose background tells what goes on behind it."""
DETAIL_U = 24
"""Pixels that a u has at most where a background is judged."""
LAGGING = 0.9
"""Share of the head's motion below which something belongs to the neck and the body."""
SLOPE = 0.75
"""Change per pixel of a bicubic sample by half the difference of its neighbours, as torch interpolates."""


def taken_apart(
    picture: Picture, matte: NDArray[np.float32], alpha: NDArray[np.float32], follow: NDArray[np.float32], u: float
) -> tuple[Picture, Picture, Picture]:
    """The layers of a portrait.

    Args:
        picture: float32 [height, width, 3], 0..1.
        matte: float32 [height, width], 0..1, as a network found it.
        alpha: float32 [height, width], 0..1, the matte made firm.
        follow: float32 [height, width], how far each place goes along with the head, 0..1.
        u: pixels.

    Returns:
        The person, straight colours and alpha [height, width, 4]; what is behind [height, width, 3]; and what the two composed
        lack to be the portrait again [height, width, 9]: itself, and how it changes to the right and down.
    """
    # What may be the person's but has no alpha, such as the rim of a collar, is taken out where the head carries the person
    # away, and stays in the background where the body rests: there it would be missed. Next to the matte all is mixed.
    loose, hair = strands(picture, alpha, u)
    alpha = np.maximum(alpha, loose)
    apart = cv2.dilate((alpha >= 0.02).astype(np.uint8), np.ones((3, 3), np.uint8)) == 0
    hidden = (reach(picture, alpha, matte, u) & ~((follow < LAGGING) & apart)) | (hair & (follow > MOVES))
    plate = backdrop(picture, hidden, u)
    own = own_colours(picture, alpha, plate, u)
    person = cv2.merge([own, alpha])
    lacking = picture - (plate + weighed(own - plate, alpha))
    change, none = np.array([-SLOPE, 0, SLOPE]), np.ones(1)
    taking_part = (hidden | (alpha > 0)).astype(np.float32)
    across = weighed(cv2.sepFilter2D(lacking, -1, change, none, borderType=cv2.BORDER_REPLICATE), taking_part)
    down = weighed(cv2.sepFilter2D(lacking, -1, none, change, borderType=cv2.BORDER_REPLICATE), taking_part)
    return person, plate, cv2.merge([lacking, across, down])


def backdrop(picture: Picture, hidden: NDArray[np.bool_], u: float) -> Picture:
    """The picture without the person.

    Args:
        picture: float32 [height, width, 3], 0..1.
        hidden: bool [height, width]: where it shows the person.
        u: pixels.
    """
    if not hidden.any():
        return picture.copy()
    grain = _grain(picture, hidden)
    if hidden.all():
        # Nothing is known: the portrait itself, far out of focus.
        return np.clip(cv2.GaussianBlur(picture, (0, 0), 0.5 * u) + thrice(grain), 0, 1).astype(np.float32)
    light = _light(picture, hidden, u)
    depth = cv2.distanceTransform(hidden.astype(np.uint8), cv2.DIST_L2, 5) / np.float32(u)
    plain = spread(picture, 1 - hidden.astype(np.float32), EVEN * u)
    plain = light + weighed(plain - light, 1 - _step_up(depth, 0, SEAM))
    share = _step_up(_detail(picture, hidden, light, u), *THINGS) * (1 - _step_up(depth, *DEEP))
    filled = plain + weighed(mirrored(picture, hidden, u) - plain, share) + thrice((1 - share) * grain)
    return chosen(hidden, np.clip(filled, 0, 1, out=filled), picture)


def _detail(picture: Picture, hidden: NDArray[np.bool_], light: Picture, u: float) -> NDArray[np.float32]:
    """How far what is seen near each place leaves the light, [height, width]."""
    shrink = max(1.0, u / DETAIL_U)
    height, width = hidden.shape
    size = (max(1, round(width / shrink)), max(1, round(height / shrink)))
    off = farthest(cv2.blur(picture, (2 * max(1, round(0.06 * u)) + 1,) * 2), light)
    # The edge itself mixes with the person.
    seen = cv2.erode((~hidden).astype(np.uint8), np.ones((3, 3), np.uint8), iterations=max(1, round(0.06 * u)))
    # What is half a u away counts too: a flag is plain between its stripes.
    small, weight = (
        cv2.GaussianBlur(cv2.resize(values, size, interpolation=cv2.INTER_AREA), (0, 0), AROUND * u / shrink)
        for values in (off * seen, seen.astype(np.float32))
    )
    small /= np.maximum(weight, 1e-6)
    found: NDArray[np.float32] = cv2.resize(
        spread(thrice(small), weight, 0.3 * u / shrink)[..., 0], (width, height), interpolation=cv2.INTER_LINEAR
    )
    return found


def over(person: Tensor, alpha: Tensor, plate: Tensor) -> Tensor:
    """The person, straight colours [n, 3, ...] and alpha [n, 1, ...], 0..1, before what is behind [n, 3, ...]."""
    return torch.lerp(plate, person, alpha)


def fades(u: float) -> float:
    """Pixels of motion from which on nothing is seen of what the layers lack of the portrait."""
    return max(FADE[0] * u, FADE[1])


def lacking(rest: Tensor, moved: Tensor, u: float) -> Tensor:
    """What has to be added where the layers were put together, so that where nothing moves this is the portrait.

    It goes along with the first fractions of a pixel, so that an edge moves as the portrait's own would, and fades before it
    could be seen to stay behind.

    Args:
        rest: [n, 9, height, width]: the portrait less its layers composed; see `taken_apart`.
        moved: [n, 2, height, width]: how far away each pixel comes from in the portrait.
        u: pixels.

    Returns:
        [n, 3, height, width].
    """
    x, y = moved[:, :1], moved[:, 1:]
    here = (1 - (x * x + y * y) * (1 / fades(u) ** 2)).clamp_min(0)
    return here * here * (rest[:, :3] + x * rest[:, 3:6] + y * rest[:, 6:])


def _light(picture: Picture, hidden: NDArray[np.bool_], u: float) -> Picture:
    """What is hidden as the smoothest surface through what is seen around it: Laplace's equation on a coarse grid."""
    height, width = hidden.shape
    shrink = max(1, round(max(height, width) / COARSE))
    size = (-(-width // shrink), -(-height // shrink))
    seen = 1 - hidden.astype(np.float32)
    weight = cv2.resize(seen, size, interpolation=cv2.INTER_AREA)
    small = cv2.resize(weighed(picture, seen), size, interpolation=cv2.INTER_AREA)
    # Averages of what is seen close by, so that one odd pixel at the edge leaves no streak.
    blur = max(0.1 * u / shrink, 0.8)
    around = cv2.GaussianBlur(weight, (0, 0), blur)
    small = cv2.GaussianBlur(small, (0, 0), blur) / np.maximum(around, 1e-6)[..., None]
    fixed = weight > 0.25
    if not fixed.any():
        fixed = weight >= weight.max()
    number = np.full(fixed.shape, -1)
    number[~fixed] = np.arange(int((~fixed).sum()))
    count = int((~fixed).sum())
    if count:
        rows, columns, values = [], [], []
        degree = np.zeros(count)
        right = np.zeros((count, 3))
        for here, there in (
            (np.s_[:, :-1], np.s_[:, 1:]),
            (np.s_[:, 1:], np.s_[:, :-1]),
            (np.s_[:-1], np.s_[1:]),
            (np.s_[1:], np.s_[:-1]),
        ):
            own, other, colour = number[here].ravel(), number[there].ravel(), small[there].reshape(-1, 3)
            free = own >= 0
            np.add.at(degree, own[free], 1)
            both = free & (other >= 0)
            rows.append(own[both])
            columns.append(other[both])
            values.append(np.full(int(both.sum()), -1.0))
            edge = free & (other < 0)
            np.add.at(right, own[edge], colour[edge])
        rows.append(np.arange(count))
        columns.append(np.arange(count))
        values.append(degree)
        matrix = coo_matrix((np.concatenate(values), (np.concatenate(rows), np.concatenate(columns)))).tocsc()
        small[~fixed] = spsolve(matrix, right)
    return cv2.resize(small, (width, height), interpolation=cv2.INTER_CUBIC).astype(np.float32)


def _grain(picture: Picture, hidden: NDArray[np.bool_]) -> Picture:
    """Noise as fine and as strong as the picture's own, [height, width]."""
    grey = cv2.transform(picture, np.full((1, 3), 1 / 3, np.float32))
    detail = grey - cv2.GaussianBlur(grey, (0, 0), 1.5)
    seen = detail[~hidden]
    strength = float(np.median(np.abs(seen))) / 0.6745 if seen.size else 0.0  # of a normal distribution
    noise = np.random.default_rng(0).standard_normal(grey.shape).astype(np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), 0.8)
    scaled: Picture = noise * np.float32(strength / max(float(noise.std()), 1e-6))
    return scaled


def _step_up(x: Picture, low: float, high: float) -> Picture:
    t = np.clip((x - np.float32(low)) / np.float32(high - low), 0, 1)
    step: Picture = t * t * (3 - 2 * t)
    return step
