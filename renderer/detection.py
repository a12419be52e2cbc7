"""Where faces may be in a picture: the square and six points of each, found by the short-range BlazeFace network.

Rules
- What is found is a guess: leaves and folds look like faces to it too. Another network has to confirm it.
- The network sees 128 x 128 pixels and misses faces that are much smaller than a sixth of that. So after the whole picture it
  can be shown overlapping tiles, of a half and a quarter of the longer side. Once a face is found that is not small for its
  tile, a larger one cannot have been missed, and the search may end.
- Where there is no upright face, the picture can be looked at turned.
- The work is bounded: a picture is looked at with at most 1024 pixels a side, and in at most 150 places.

Source of the network, its anchors and the weighted merging: Bazarevsky et al., "BlazeFace: Sub-millisecond Neural Face
Detection on Mobile GPUs" (2019), and the options of MediaPipe's short-range model.
"""

from __future__ import annotations

import math

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from numpy.typing import NDArray

from renderer.inference import Network, Square, cut

NAME = "face_detection_short_range"
SIDE = 128
ANCHORS = 896
OVERLAP = 0.3
"""Intersection over union from which two detections are one face."""
LOOKED_AT = 1024
"""Pixels of the longer side that a picture has at most when it is looked at."""
LEVELS = (1.0, 1.6, 0.5, 0.25)
"""Sides of the tiles by the longer side of the picture. The second shows a face that fills the picture with room around it."""
STEP = 0.6
"""Distance of neighbouring tiles by their side: a face of up to .4 of a tile lies wholly in one of them."""
LARGE_ENOUGH = 0.25
"""Side of a face by its tile's from which smaller tiles add nothing: well above where the network begins to miss faces."""
SCORES = (0.5, 0.5, 0.5, 0.6)
"""Lowest scores by level. The more places are looked at, the more of them look like a face by chance."""
TURNED_SCORE = 0.6
TURNS = (45, -45, 90, -90, 135, -135, 180)
"""Degrees; the network finds faces up to some 35 degrees either way of each."""
_POINTS = [0, 2, 3, 4, 5, 6, 7]
"""Of the network's eight pairs of numbers those that are places: the box's middle, then six points. The other is its size."""


@dataclass(frozen=True, slots=True)
class Detection:
    """A face as the detector sees it.

    Attributes:
        x, y: pixels of the picture; the middle of the face's square.
        side: pixels; about from the brows to the chin.
        score: 0..1.
        points: float64 [6, 2], pixels: subject's right eye, left eye, tip of the nose, mouth, right ear, left ear.
    """

    x: float
    y: float
    side: float
    score: float
    points: NDArray[np.float64]

    @property
    def angle(self) -> float:
        """Radians; how far the line of the eyes is turned clockwise as the viewer sees it."""
        across = self.points[1] - self.points[0]
        return math.atan2(float(across[1]), float(across[0]))


class Detector:
    """The opened detector.

    Raises:
        ModelError: as `Network`.
    """

    def __init__(self, models: Mapping[str, Path]) -> None:
        self._network = Network(NAME, models, SIDE, (ANCHORS * 16, ANCHORS))
        self._anchors = anchors()

    def levels(self, picture: NDArray[np.uint8]) -> Iterator[tuple[float, tuple[Detection, ...]]]:
        """Look for upright faces, from the whole picture to ever smaller tiles; each level is looked at when it is asked for.

        Args:
            picture: uint8 [height, width, 3] RGB.

        Yields:
            Pixels of a side of the level's tiles, and what was found in them, the surest first. A face of less than
            `LARGE_ENOUGH` times that side may be seen better at the next level, or there only.

        Raises:
            ModelError: the network cannot be run.
        """
        small, back = _looked_at(picture)
        for level, least in zip(LEVELS, SCORES, strict=True):
            found: list[Detection] = []
            for tile in tiles(small.shape[1], small.shape[0], level):
                found += self._in_square(small, tile, least)
            yield level * max(picture.shape[:2]), tuple(_scaled(one, back) for one in merge(found))

    def turned(self, picture: NDArray[np.uint8]) -> tuple[Detection, ...]:
        """Faces in a picture that was turned or lies on its side, the surest first; for where no upright face is.

        Raises:
            ModelError: the network cannot be run.
        """
        small, back = _looked_at(picture)
        found: list[Detection] = []
        for degrees in TURNS:
            angle = math.radians(degrees)
            wider = abs(math.cos(angle)) + abs(math.sin(angle))
            for level in (wider, 0.5):
                for tile in tiles(small.shape[1], small.shape[0], level):
                    found += self._in_square(small, Square(tile.x, tile.y, tile.side, angle), TURNED_SCORE)
        return tuple(_scaled(one, back) for one in merge(found))

    def _in_square(self, picture: NDArray[np.uint8], square: Square, least: float) -> Iterator[Detection]:
        shapes, logits = self._network.run(cut(picture, square, SIDE) * 2 - 1)
        scores = 1 / (1 + np.exp(-np.clip(logits.ravel().astype(np.float64), -100, 100)))
        height, width = picture.shape[:2]
        for index in np.flatnonzero(scores >= least):
            shape = shapes[index].astype(np.float64).reshape(8, 2)
            side = float(shape[1].mean())
            points = shape[_POINTS] + self._anchors[index] * SIDE
            placed = square.place(points - 0.5, SIDE)  # the network counts from the edge of the first pixel
            x, y = float(placed[0, 0]), float(placed[0, 1])
            # What a tile cuts through belongs to its neighbour, unless the picture ends there.
            low, high = (points[0] - side / 2).min(), (points[0] + side / 2).max()
            cut_off = (low < 0 or high > SIDE) and square.side < max(height, width)
            if side > 0 and not cut_off and -0.5 <= x <= width - 0.5 and -0.5 <= y <= height - 0.5:
                yield Detection(x, y, side * square.side / SIDE, float(scores[index]), placed[1:])


def anchors() -> NDArray[np.float64]:
    """float64 [896, 2]: middles of the anchors as shares of the side; two in each of 16 x 16 cells, six in each of 8 x 8."""
    rows = []
    for cells, each in ((16, 2), (8, 6)):
        middles = (np.arange(cells) + 0.5) / cells
        y, x = np.meshgrid(middles, middles, indexing="ij")
        rows.append(np.repeat(np.stack([x.ravel(), y.ravel()], axis=1), each, axis=0))
    return np.concatenate(rows)


def tiles(width: int, height: int, level: float) -> tuple[Square, ...]:
    """Overlapping squares that cover a picture, row by row; one in the middle where the level is 1 or more.

    Args:
        width, height: pixels of the picture.
        level: side of a tile by the longer side of the picture.
    """
    side = max(width, height) * level
    return tuple(Square(x, y, side) for y in _middles(height, side) for x in _middles(width, side))


def merge(found: Sequence[Detection]) -> tuple[Detection, ...]:
    """One detection for each face, the surest first: those that overlap are averaged, weighted by score.

    The score is that of the best. A detection whose middle lies within a better one's inner half is the same face too, seen at
    another size.
    """
    left = sorted(found, key=lambda one: -one.score)
    faces = []
    while left:
        best = left[0]
        same = [one for one in left if one is best or overlap(best, one) > OVERLAP]
        left = [one for one in left if not any(one is other for other in same) and not _inside(one, best)]
        weights = np.array([one.score for one in same])
        weights /= weights.sum()
        x, y, side = (float(weights @ np.array([getattr(one, name) for one in same])) for name in ("x", "y", "side"))
        points = np.tensordot(weights, np.stack([one.points for one in same]), 1)
        faces.append(Detection(x, y, side, best.score, points))
    return tuple(faces)


def overlap(one: Detection, other: Detection) -> float:
    """Intersection over union of the two squares, 0..1."""
    across = min(one.x + one.side / 2, other.x + other.side / 2) - max(one.x - one.side / 2, other.x - other.side / 2)
    down = min(one.y + one.side / 2, other.y + other.side / 2) - max(one.y - one.side / 2, other.y - other.side / 2)
    shared = max(across, 0.0) * max(down, 0.0)
    return shared / (one.side**2 + other.side**2 - shared)


def _inside(one: Detection, other: Detection) -> bool:
    return max(abs(one.x - other.x), abs(one.y - other.y)) < other.side / 4


def _middles(length: int, side: float) -> list[float]:
    """Where tiles of a side stand along a picture's, evenly and from edge to edge."""
    if side >= length:
        return [(length - 1) / 2]
    count = math.ceil((length - side) / (side * STEP)) + 1
    return [(side - 1) / 2 + (length - side) * index / (count - 1) for index in range(count)]


def _looked_at(picture: NDArray[np.uint8]) -> tuple[NDArray[np.uint8], tuple[float, float]]:
    """A picture no larger than the detector needs, and how much it shrank across and down, which rounding makes differ."""
    height, width = picture.shape[:2]
    scale = LOOKED_AT / max(height, width)
    if scale >= 1:
        return picture, (1.0, 1.0)
    across, down = max(1, round(width * scale)), max(1, round(height * scale))
    small = cv2.resize(picture, (across, down), interpolation=cv2.INTER_AREA)
    return small.astype(np.uint8, copy=False), (width / across, height / down)


def _scaled(one: Detection, back: tuple[float, float]) -> Detection:
    points = (one.points + 0.5) * back - 0.5
    x, y = (one.x + 0.5) * back[0] - 0.5, (one.y + 0.5) * back[1] - 0.5
    return Detection(x, y, one.side * (back[0] + back[1]) / 2, one.score, points)
