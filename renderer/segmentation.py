"""Which pixels belong to the person of a face: an alpha over the whole picture.

Rules
- The network is asked about several squares around the face, from the shoulders to the whole picture, plain and mirrored;
  the median of its answers counts. A single one takes dark walls, chairs and veils for the person now and then, but each of
  them others.
- Answers between yes and no are pushed apart: half-covered fog moves with the head and looks worse than a hard edge.
- Around the head colours have a say: the network cuts long hair, veils and foreheads short. What looks like the person's
  colours and not like those around joins it, if the outline becomes clearer by that, and the other way round.
- Edges follow the picture's own: the guided filter on its colours brings hair and cheeks back that 256 x 256 pixels cannot
  hold.
- The face itself is always covered, and what hangs together with it; other people are not: where they touch, what is nearer
  to their face is theirs.

Source of the network: MediaPipe Selfie Segmentation (general). Of the cut by colours: Rother, Kolmogorov and Blake, "GrabCut"
(2004), as in OpenCV. Of the filter: He, Sun and Tang, "Guided Image Filtering" (2013); that its coefficients may be found on a
smaller picture: He and Sun, "Fast Guided Filter" (2015).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import cv2
import numpy as np

from numpy.typing import NDArray

from configs.mesh import MeshTable
from renderer.inference import Network, Square, cut

NAME = "selfie_segmentation"
SIDE = 256
SQUARES = ((6.0, 0.7), (7.0, 0.9), (8.0, 1.2), (9.0, 1.5), (11.0, 2.0))
"""Side, and how far below the middle of the face, of the squares that are looked at, in face units; chosen by looking at heads
before a magenta ground. The whole picture counts twice beside them, and stands for what they do not reach."""
FACE_UNITS = 1.75
"""Face units in the longer side of a face: one is the distance of the outer corners of the eyes if it looks straight ahead."""
WORKING_UNIT = 96
"""Pixels that a face unit has at most while edges are found; more only costs time."""
WORKING_SIDE = 2048
"""Pixels that the picture's longer side has at most then."""
COARSE = (0.15, 0.85)
"""Answers of the network below and above which a pixel counts as outside and inside."""
FINE = (0.1, 0.9)
"""The same for the filtered alpha, to take off the haze that the filter leaves."""
RADIUS = 0.06
"""Of the filter, in face units: reaches over the network's blur, and hardly from one lock of hair to the next."""
EPSILON = 1e-4
"""Of the filter: variance of colours of 0..1 that it still takes for an edge, a hundredth of the range."""
CUT_UNIT = 32
"""Pixels that a face unit has at most where colours decide."""
AROUND = (2.0, 1.7, 2.4)
"""Face units from the middle of the face sideways, up from its highest and down from its middle within which they do."""
UNDECIDED = 0.45
"""Face units around the person up to which colours may add: the network stops so far short of hair that falls on shoulders."""
DECIDED = (0.8, 0.1)
"""Answer above which, and face units inside the outline from which on, nothing is taken away."""
CLEARER = 1.5
"""Times stronger that the edges along what colours add must be than those that it hides: hair and foreheads that were left out
have 2 and more, walls and chairs up to 1.3 (looked at)."""
SMALLEST = 8
"""Pixels in a side of a picture that has colours enough to learn from."""
AT_BORDER = 0.12
"""Face units of a strip at the picture's border that colours may leave out of a head which the border cuts."""
ROUNDS = 2
"""In which the colours of person and background are learned and the cut is found; more change nothing that was seen."""
SURE_PART = 0.9
"""How much of the face, shrunk towards its middle, is always covered: its outline may be off by the rest."""
_ROWS = 256
"""How much of a picture is turned into numbers of four bytes at once."""


class Segmenter:
    """The opened segmentation network.

    Args:
        models: where the model files are.
        table: which points are the outline of the face.

    Raises:
        ModelError: as `Network`.
    """

    def __init__(self, models: Mapping[str, Path], table: MeshTable) -> None:
        self._network = Network(NAME, models, SIDE, (SIDE * SIDE,))
        self._oval = list(table.rings.oval)

    def matte(
        self, picture: NDArray[np.uint8], mesh: NDArray[np.floating], others: Sequence[NDArray[np.floating]] = ()
    ) -> NDArray[np.float32]:
        """The alpha of the person to whom a face belongs.

        Args:
            picture: uint8 [height, width, 3] RGB.
            mesh: [468, 2 or 3], pixels; of the person's face.
            others: the same of other people in the picture.

        Returns:
            float32 [height, width], 0..1.

        Raises:
            ModelError: the network cannot be run.
        """
        height, width = picture.shape[:2]
        oval = mesh[self._oval, :2].astype(np.float64)
        unit = max(float(np.ptp(oval, axis=0).max()) / FACE_UNITS, 1.0)
        scale = min(1.0, WORKING_UNIT / unit, WORKING_SIDE / max(height, width))
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        small = cv2.resize(picture, size, interpolation=cv2.INTER_AREA).astype(np.uint8, copy=False) if scale < 1 else picture
        ratio = (size[0] / width, size[1] / height)
        placed = (oval + 0.5) * ratio - 0.5
        unit *= scale
        answer = self._coarse(small, placed, unit)
        answer = without(answer, placed, [(other[self._oval, :2] + 0.5) * ratio - 0.5 for other in others])
        guide, radius = small.astype(np.float32) / np.float32(255), max(2, round(RADIUS * unit))
        alpha = of_face(pushed(answer, COARSE), placed)
        alpha = of_face(pushed(applied(guided(alpha, guide, radius), small), FINE), placed)
        alpha = of_face(by_colour(small, alpha, placed, unit), placed)
        return pushed(applied(guided(alpha, guide, radius), picture), FINE)

    def _coarse(self, picture: NDArray[np.uint8], oval: NDArray[np.float64], unit: float) -> NDArray[np.float32]:
        """The median of the network's answers, float32 [height, width]."""
        height, width = picture.shape[:2]
        whole, _ = self._answer(picture, Square((width - 1) / 2, (height - 1) / 2, max(height, width)))
        x, y = oval.mean(axis=0)
        answers = [whole, whole]
        for side, below in SQUARES:
            answer, reached = self._answer(picture, Square(float(x), float(y) + below * unit, side * unit))
            answers.append(np.where(reached, answer, whole))
        return _median(answers)

    def _answer(self, picture: NDArray[np.uint8], square: Square) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """The mean of the plain and the mirrored answer for a square, as large as the picture; and which pixels it reaches."""
        seen = cut(picture, square, SIDE)
        plain, mirrored = (self._network.run(view)[0].reshape(SIDE, SIDE) for view in (seen, seen[:, ::-1]))
        size, matrix = (picture.shape[1], picture.shape[0]), square.to_picture(SIDE)
        answer = cv2.warpAffine((plain + mirrored[:, ::-1]) / 2, matrix, size, flags=cv2.INTER_CUBIC)
        reached = cv2.warpAffine(np.ones((SIDE, SIDE), np.uint8), matrix, size, flags=cv2.INTER_NEAREST)
        return np.clip(answer, 0, 1).astype(np.float32), reached > 0


def pushed(alpha: NDArray[np.float32], between: tuple[float, float]) -> NDArray[np.float32]:
    """An alpha that is 0 up to one value and 1 from another on, with a smooth step between them."""
    low, high = between
    share = np.clip((alpha - np.float32(low)) / np.float32(high - low), 0, 1)
    stepped: NDArray[np.float32] = share * share * (3 - 2 * share)
    return stepped


def of_face(alpha: NDArray[np.float32], oval: NDArray[np.float64]) -> NDArray[np.float32]:
    """An alpha without what does not hang together with a face, and with the face itself.

    Args:
        alpha: float32 [height, width], 0..1.
        oval: [n, 2], pixels; the face's outline.
    """
    face = np.zeros(alpha.shape, np.uint8)
    middle = oval.mean(axis=0)
    # The limit is far outside of every picture that can be read; beyond it the conversion would overflow.
    inner = np.clip(np.round(middle + (oval - middle) * SURE_PART), -100_000, 100_000).astype(np.int32)
    cv2.fillPoly(face, [inner], 1)
    covered = np.maximum(alpha, face.astype(np.float32))
    _, parts = cv2.connectedComponents((covered > 0).astype(np.uint8), connectivity=4)
    kept = np.unique(parts[face > 0])
    return np.where(np.isin(parts, kept), covered, 0).astype(np.float32)


def without(
    answer: NDArray[np.float32], oval: NDArray[np.float64], others: Sequence[NDArray[np.float64]]
) -> NDArray[np.float32]:
    """Answers without what is nearer to another face, distances taken in widths and heights of the faces.

    Args:
        answer: float32 [height, width].
        oval: [n, 2], pixels; the face's outline.
        others: the same of other faces.
    """
    y, x = np.mgrid[: answer.shape[0], : answer.shape[1]].astype(np.float32)

    def away(ring: NDArray[np.float64]) -> NDArray[np.float32]:
        (left, top), (right, bottom) = ring.min(axis=0), ring.max(axis=0)
        size = np.float32(max(right - left, bottom - top, 1.0))
        # A body is below its head, so what is far below a face still counts as near to it.
        down = (y - np.float32((top + bottom) / 2)) / size
        far: NDArray[np.float32] = np.hypot((x - np.float32((left + right) / 2)) / size, np.where(down > 0, down / 3, down))
        return far

    kept = answer
    for other in others:
        kept = np.where(away(other) < away(oval), np.float32(0), kept)
    return kept


def by_colour(
    picture: NDArray[np.uint8], alpha: NDArray[np.float32], oval: NDArray[np.float64], unit: float
) -> NDArray[np.float32]:
    """An alpha whose outline around the head is where the colours change.

    Args:
        picture: uint8 [height, width, 3].
        alpha: float32 [height, width], 0..1, as the network says.
        oval: [n, 2], pixels; the face's outline.
        unit: pixels.
    """
    height, width = alpha.shape
    x, middle = oval.mean(axis=0)
    left, right = max(0, int(x - AROUND[0] * unit)), min(width, int(x + AROUND[0] * unit))
    top, bottom = max(0, int(oval[:, 1].min() - AROUND[1] * unit)), min(height, int(middle + AROUND[2] * unit))
    if right - left < SMALLEST or bottom - top < SMALLEST:
        return alpha
    scale = min(1.0, CUT_UNIT / unit)
    size = (max(SMALLEST, round((right - left) * scale)), max(SMALLEST, round((bottom - top) * scale)))
    seen = cv2.resize(picture[top:bottom, left:right], size, interpolation=cv2.INTER_AREA)
    said = cv2.resize(alpha[top:bottom, left:right], size, interpolation=cv2.INTER_AREA)
    body = said > 0.5
    unit *= scale
    near = cv2.dilate(body.astype(np.uint8), _disc(UNDECIDED * unit))
    sure = cv2.erode((said > DECIDED[0]).astype(np.uint8), _disc(DECIDED[1] * unit))
    labels = np.where(near > 0, np.where(body, cv2.GC_PR_FGD, cv2.GC_PR_BGD), cv2.GC_BGD).astype(np.uint8)
    labels[sure > 0] = cv2.GC_FGD
    if not sure.any() or near.all():
        return alpha
    cv2.setRNGSeed(0)
    cv2.grabCut(seen, labels, None, np.zeros((1, 65)), np.zeros((1, 65)), ROUNDS, cv2.GC_INIT_WITH_MASK)
    cut = clearer(seen, body, (labels == cv2.GC_FGD) | (labels == cv2.GC_PR_FGD))
    cut |= _to_the_border(cut, max(1, round(AT_BORDER * unit)))
    found = alpha.copy()
    part = (right - left, bottom - top)
    found[top:bottom, left:right] = np.clip(cv2.resize(cut.astype(np.float32), part, interpolation=cv2.INTER_CUBIC), 0, 1)
    return found


def clearer(picture: NDArray[np.uint8], before: NDArray[np.bool_], after: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """A new outline wherever it runs along stronger edges of the picture than the old one; piece by piece of what changes.

    Args:
        picture: uint8 [height, width, 3].
        before, after: bool [height, width]: what is inside.
    """
    smooth = cv2.GaussianBlur(picture.astype(np.float32), (0, 0), 1.0)
    across, down = (cv2.Sobel(smooth, cv2.CV_32F, *order) for order in ((1, 0), (0, 1)))
    contrast = np.sqrt((across**2 + down**2).sum(axis=2))
    found = before.copy()
    outside = ~(before | after)
    for changed, old, new, times in (
        (after & ~before, before & after, outside, CLEARER),
        (before & ~after, outside, before & after, 1.0),
    ):
        count, pieces = cv2.connectedComponents(changed.astype(np.uint8), connectivity=4)
        strength = []
        for beyond in (old, new):
            edge = changed & (cv2.dilate(beyond.astype(np.uint8), np.ones((3, 3), np.uint8)) > 0)
            length = np.bincount(pieces[edge], minlength=count)
            strength.append(np.bincount(pieces[edge], contrast[edge], minlength=count) / np.maximum(length, 1))
        found[changed & (strength[1] > times * strength[0])[pieces]] ^= True
    return found


def _to_the_border(inside: NDArray[np.bool_], width: int) -> NDArray[np.bool_]:
    """What lies between the person and the picture's border if that is no more than some pixels: all such places."""
    grown = np.pad(inside.astype(np.uint8), 2 * width, mode="symmetric")
    closed = cv2.morphologyEx(grown, cv2.MORPH_CLOSE, _disc(width))[2 * width : -2 * width, 2 * width : -2 * width]
    closed[width:-width, width:-width] = 0
    return closed > 0


def guided(alpha: NDArray[np.float32], guide: NDArray[np.float32], radius: int) -> NDArray[np.float32]:
    """Coefficients of the guided filter: what alpha is, near each pixel, as a linear function of the picture's colour.

    Args:
        alpha: float32 [height, width], 0..1.
        guide: float32 [height, width, 3], 0..1.
        radius: pixels; of the square neighbourhood.

    Returns:
        float32 [height, width, 4]: factors of red, green and blue, and what is added.
    """

    def mean(values: NDArray[np.float32]) -> NDArray[np.float32]:
        # The sums are kept in float64 inside.
        box = (2 * radius + 1, 2 * radius + 1)
        return cv2.boxFilter(values, -1, box, borderType=cv2.BORDER_REFLECT).astype(np.float32, copy=False)

    colour, mean_alpha = mean(guide), mean(alpha)
    spread = mean(_squares(guide)) - _squares(colour)
    together = mean(guide * alpha[..., None]) - colour * mean_alpha[..., None]
    red, red_green, red_blue, green, green_blue, blue = np.moveaxis(spread, -1, 0)
    red, green, blue = (channel + np.float32(EPSILON) for channel in (red, green, blue))
    # The inverse of the symmetric 3 x 3 matrix of each pixel, by its cofactors.
    c00, c11, c22 = green * blue - green_blue**2, red * blue - red_blue**2, red * green - red_green**2
    c01 = green_blue * red_blue - red_green * blue
    c02 = red_green * green_blue - green * red_blue
    c12 = red_green * red_blue - red * green_blue
    determinant = red * c00 + red_green * c01 + red_blue * c02
    by_red, by_green, by_blue = np.moveaxis(together / determinant[..., None], -1, 0)
    factors = np.stack(
        [
            c00 * by_red + c01 * by_green + c02 * by_blue,
            c01 * by_red + c11 * by_green + c12 * by_blue,
            c02 * by_red + c12 * by_green + c22 * by_blue,
        ],
        -1,
    )
    added = mean_alpha - (factors * colour).sum(-1)
    return mean(np.concatenate([factors, added[..., None]], -1))


def applied(coefficients: NDArray[np.float32], picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    """The alpha of a picture from coefficients that were found on it, or on a smaller one; float32 [height, width], 0..1."""
    height, width = picture.shape[:2]
    result = np.empty((height, width), np.float32)
    if coefficients.shape[:2] != (height, width):
        coefficients = cv2.resize(coefficients, (width, height), interpolation=cv2.INTER_LINEAR).astype(np.float32, copy=False)
    for first in range(0, height, _ROWS):
        rows = slice(first, first + _ROWS)
        colour = picture[rows].astype(np.float32) / np.float32(255)
        result[rows] = (coefficients[rows, :, :3] * colour).sum(-1) + coefficients[rows, :, 3]
    return np.clip(result, 0, 1)


def _disc(radius: float) -> NDArray[np.uint8]:
    size = 2 * max(1, round(radius)) + 1
    disc: NDArray[np.uint8] = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)).astype(np.uint8)
    return disc


def _median(answers: list[NDArray[np.float32]]) -> NDArray[np.float32]:
    """The middle one of an odd number of values at each pixel, by sorting neighbours, which is quicker than whole columns."""
    values = list(answers)
    for end in range(len(values) - 1, 0, -1):
        for index in range(end):
            values[index : index + 2] = np.minimum(*values[index : index + 2]), np.maximum(*values[index : index + 2])
    return values[len(values) // 2]


def _squares(colour: NDArray[np.float32]) -> NDArray[np.float32]:
    """Products of the channels with each other, [..., 6]: rr, rg, rb, gg, gb, bb."""
    return colour[..., [0, 0, 0, 1, 1, 2]] * colour[..., [0, 1, 2, 1, 2, 2]]
