"""What is behind the person, filled in where the person hides it.

Rules
- What is not hidden stays as it is, bit for bit.
- Close to where it is seen the background goes on as its mirror image, with its own texture and grain; deeper behind the
  person, where a turning head uncovers nothing, it only keeps its light.
"""

from __future__ import annotations

import cv2
import numpy as np

from numpy.typing import NDArray
from scipy.sparse import coo_matrix
from scipy.sparse.linalg import spsolve
from torch import Tensor

from renderer.puppet.matte import own_colours, reach

COARSE = 96
"""Nodes along the longer side of the grid on which light is carried across what is hidden."""
MIRROR = (0.35, 0.9)
"""u behind the edge up to which the mirror image is taken whole, and from where on not at all."""
ODD = 4.0
"""Times the usual deviation from the light around at which a mirrored pixel counts half: a wall's texture goes on behind the
person, a single thing in front of it ends there."""
EDGE = (0.04, 0.14)
"""u behind the edge up to which even that goes on, so that it does not end at a line, and from where on it does not."""
FADE = (0.008, 1.5)
"""u of motion, but no fewer pixels than the second figure, over which the portrait's own pixels give way to the layers that it
was taken apart into."""
LAGGING = 0.7
"""Share of the head's motion below which something belongs to the neck and the body."""
SLOPE = 0.75
"""Change per pixel of a bicubic sample by half the difference of its neighbours, as torch interpolates."""

Picture = NDArray[np.float32]


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
    # away, and stays in the background where the body rests: there it would be missed.
    stays = (follow < LAGGING) & (alpha < 0.02)
    plate = backdrop(picture, reach(picture, alpha, matte, u) & ~stays, u)
    own = own_colours(picture, alpha, plate, u)
    cover = alpha[..., None]
    person = np.concatenate([own, cover], axis=2)
    lacking = picture - (plate + cover * (own - plate))
    across = cv2.filter2D(lacking, -1, np.array([[-SLOPE, 0, SLOPE]]), borderType=cv2.BORDER_REPLICATE)
    down = cv2.filter2D(lacking, -1, np.array([[-SLOPE], [0], [SLOPE]]), borderType=cv2.BORDER_REPLICATE)
    return person, plate, np.concatenate([lacking, across, down], axis=2).astype(np.float32)


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
        return np.clip(cv2.GaussianBlur(picture, (0, 0), 0.5 * u) + grain, 0, 1).astype(np.float32)
    light = _light(picture, hidden, u)
    depth = cv2.distanceTransform(hidden.astype(np.uint8), cv2.DIST_L2, 5)
    mirrored, known = _mirrored(picture, hidden, light, u)
    share = known * _step_down(depth / np.float32(u), *MIRROR)
    usual = ODD * float(np.median(np.abs(picture - light)[~hidden])) + 0.01
    odd = cv2.GaussianBlur(np.abs(mirrored - light).max(axis=2), (0, 0), 0.02 * u) / np.float32(usual)
    share *= 1 - (1 - _step_down(depth / np.float32(u), *EDGE)) * odd**2 / (1 + odd**2)
    filled = light + share[..., None] * (mirrored - light) + (1 - share)[..., None] * grain
    behind: Picture = np.where(hidden[..., None], np.clip(filled, 0, 1), picture).astype(np.float32)
    return behind


def composed(person: Tensor, plate: Tensor, rest: Tensor, pixels: Tensor, places: Tensor, u: float) -> Tensor:
    """The person in front of the background.

    Where nothing moves this is the portrait: what its layers do not account for, `rest`, is added back there. It goes along
    with the first fractions of a pixel, so that an edge moves as the portrait's own would, and fades before it could be seen to
    stay behind.

    Args:
        person: [batch, 4, height, width]: straight colours and alpha.
        plate: [1, 3, height, width].
        rest: [1, 9, height, width]: the portrait less its layers composed; see `taken_apart`.
        pixels: [1, 2, height, width]: x and y of the pixels themselves.
        places: [batch, 2, height, width]: where each pixel comes from in the portrait.
        u: pixels.
    """
    moved = places - pixels
    x, y = moved[:, :1], moved[:, 1:]
    here = (1 - (x * x + y * y) / max(FADE[0] * u, FADE[1]) ** 2).clamp_min(0)
    lacking = rest[:, :3] + x * rest[:, 3:6] + y * rest[:, 6:]
    return plate + person[:, 3:].clamp(0, 1) * (person[:, :3] - plate) + here * here * lacking


def _light(picture: Picture, hidden: NDArray[np.bool_], u: float) -> Picture:
    """What is hidden as the smoothest surface through what is seen around it: Laplace's equation on a coarse grid."""
    height, width = hidden.shape
    shrink = max(1, round(max(height, width) / COARSE))
    size = (-(-width // shrink), -(-height // shrink))
    seen = 1 - hidden.astype(np.float32)
    weight = cv2.resize(seen, size, interpolation=cv2.INTER_AREA)
    small = cv2.resize(picture * seen[..., None], size, interpolation=cv2.INTER_AREA)
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


def _mirrored(picture: Picture, hidden: NDArray[np.bool_], light: Picture, u: float) -> tuple[Picture, Picture]:
    """What is hidden as the mirror image of what is seen across the nearest edge, and how far that is known, 0..1."""
    height, width = hidden.shape
    mask = hidden.astype(np.uint8)
    _, labels = cv2.distanceTransformWithLabels(mask, cv2.DIST_L2, 5, labelType=cv2.DIST_LABEL_PIXEL)
    rows, columns = np.nonzero(mask == 0)
    index = np.zeros(int(labels.max()) + 1, np.int64)
    index[labels[rows, columns]] = np.arange(len(rows))
    nearest = index[labels]
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    way = np.stack([columns[nearest] - x, rows[nearest] - y], axis=-1).astype(np.float32)
    # Single pixels of the edge would fan out into streaks: ways are averaged, the less the nearer they are to it.
    inside = mask.astype(np.float32)
    weight = cv2.GaussianBlur(inside, (0, 0), 0.06 * u)
    blurred = cv2.GaussianBlur(way * inside[..., None], (0, 0), 0.06 * u) / np.maximum(weight, 1e-6)[..., None]
    length = np.linalg.norm(way, axis=2, keepdims=True) / np.float32(u)
    way += np.clip(length / 0.1, 0, 1) * (blurred - way)
    to_x, to_y = x + 2 * way[..., 0], y + 2 * way[..., 1]
    shown = np.where(hidden[..., None], light, picture)
    mirrored = cv2.remap(shown, to_x, to_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    seen = cv2.GaussianBlur(1 - cv2.dilate(mask, np.ones((3, 3), np.uint8)).astype(np.float32), (0, 0), max(0.02 * u, 0.8))
    known = cv2.remap(seen, to_x, to_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=0)
    return mirrored.astype(np.float32), np.clip(2 * known, 0, 1).astype(np.float32)


def _grain(picture: Picture, hidden: NDArray[np.bool_]) -> Picture:
    """Noise as fine and as strong as the picture's own, [height, width, 1]."""
    grey = picture.mean(axis=2)
    detail = grey - cv2.GaussianBlur(grey, (0, 0), 1.5)
    seen = detail[~hidden]
    strength = float(np.median(np.abs(seen))) / 0.6745 if seen.size else 0.0  # of a normal distribution
    noise = np.random.default_rng(0).standard_normal(grey.shape).astype(np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), 0.8)
    scaled: Picture = noise[..., None] * np.float32(strength / max(float(noise.std()), 1e-6))
    return scaled


def _step_down(x: Picture, low: float, high: float) -> Picture:
    t = np.clip((x - np.float32(low)) / np.float32(high - low), 0, 1)
    step: Picture = 1 - t * t * (3 - 2 * t)
    return step
