"""Where things are on a face: landmarks by name, and places as the muscles see them.

Everything is in head coordinates (u; see `geometry`). Weights have compact support: what a muscle does not reach stays
exactly where it is.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import cv2
import numpy as np

from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from configs.mesh import builtin_mesh
from renderer.puppet.geometry import CM_PER_U, EYE_CORNERS, Field, Points, smooth

UPPER, LOWER = 0, 1


def lower_half(ring: tuple[int, ...]) -> tuple[int, ...]:
    """The part of a ring of lips or lids below, from its first corner to the other."""
    return ring[: len(ring) // 2 + 1]


def upper_half(ring: tuple[int, ...]) -> tuple[int, ...]:
    """The part of a ring of lips or lids above, from its first corner to the other."""
    return (ring[0], *ring[: len(ring) // 2 - 1 : -1])


_RINGS, _LINES = builtin_mesh().rings, builtin_mesh().lines
FACE_OVAL = _RINGS.oval
UPPER_OUTER, LOWER_OUTER = upper_half(_RINGS.lips_outer), lower_half(_RINGS.lips_outer)
UPPER_INNER, LOWER_INNER = upper_half(_RINGS.lips_inner), lower_half(_RINGS.lips_inner)
CORNERS = (UPPER_OUTER[0], UPPER_OUTER[-1])
"""Of the lips, these and all pairs below from the subject's right to the left."""
BROW_LOWER = (_LINES.brow_right_lower, _LINES.brow_left_lower)
BROW_UPPER = (_LINES.brow_right_upper, _LINES.brow_left_upper)
LID_UPPER = tuple(upper_half(ring)[1:-1] for ring in (_RINGS.eye_right, _RINGS.eye_left))
LID_LOWER = tuple(lower_half(ring)[1:-1] for ring in (_RINGS.eye_right, _RINGS.eye_left))
"""Brows and lids run from the temple towards the nose."""
CANTHI = (EYE_CORNERS[::3], EYE_CORNERS[1:3])
"""The outer corners of the eyes, and the inner ones."""
CHEEKS = (50, 280)
CHEEK_BONES = (117, 346)
WINGS = (129, 358)
CHIN, FOREHEAD, UNDER_NOSE = 152, 10, 2
SIDES = ("Right", "Left")

Parts = Mapping[str, float]
"""How far each part of a muscle's motion goes at 1, in centimetres or as a share; from `configs/muscles.yaml`."""


def which(sign: float) -> int:
    """Where a side is in a pair: -1 is the subject's right, 1 the left."""
    return 0 if sign < 0 else 1


def cm(length: float) -> float:
    """Anatomy's centimetres in u."""
    return length / CM_PER_U


def ramp(x: Field, soft: float = 0.25) -> Field:
    """A step from 0 at 0 to 1 at 1 that is straight but for its ends, so that nowhere it is much steeper than it must be.

    Args:
        x: [...], beyond 0..1 too.
        soft: the share of the way at each end that is rounded.
    """
    t = np.clip(x, 0.0, 1.0)
    steep = 1 / (1 - soft)
    ends = np.minimum(t, 1 - t)
    part = steep * np.where(ends < soft, ends * ends / (2 * soft), ends - soft / 2)
    stepped: Field = np.where(t < 0.5, part, 1 - part)
    return stepped


def reach(distance: Field, radius: float) -> Field:
    """A bell of compact support (Wendland's C2 function): 1 at 0, 0 from `radius` on, smooth there."""
    q = np.clip(distance / radius, 0.0, 1.0)
    left = (1 - q) * (1 - q)  # the general power takes ten times as long
    bell: Field = left * left * (4 * q + 1)
    return bell


@dataclass(frozen=True, slots=True, eq=False)
class Anchors:
    """What of a face the muscles hold on to, in head coordinates.

    Attributes:
        points: [468, 3].
        upper_edge, lower_edge: [n, 2] from the subject's right corner to the left: where the upper lip ends and the lower
            begins; the same line if the mouth is closed.
    """

    points: Points
    upper_edge: Points
    lower_edge: Points

    @property
    def corners(self) -> Points:
        """[2, 3], right then left."""
        return self.points[list(CORNERS)]


@dataclass(frozen=True, slots=True, eq=False)
class Place:
    """Nodes of a lattice seen from the face.

    Attributes:
        x, y: [...] head coordinates.
        outside: [...] distance from the face's outline, 0 inside.
        t: [...] along the mouth: -1 at the right corner, 0 in the middle, 1 at the left one.
        middle: [...] 1 in the middle of the mouth, 0 at the corners and beyond.
    """

    x: Field
    y: Field
    outside: Field
    t: Field
    middle: Field


def polyline_distance(x: Field, y: Field, line: Points) -> Field:
    """Distance to a line of points [n, 2]."""
    best = np.full(x.shape, np.inf)
    for (ax, ay), (bx, by) in pairwise(line):
        dx, dy = bx - ax, by - ay
        s = np.clip(((x - ax) * dx + (y - ay) * dy) / max(dx * dx + dy * dy, 1e-12), 0, 1)
        best = np.minimum(best, (x - ax - s * dx) ** 2 + (y - ay - s * dy) ** 2)
    found: Field = np.sqrt(best)
    return found


def inside_polygon(x: Field, y: Field, ring: Points) -> NDArray[np.bool_]:
    """Whether points lie inside a closed ring [n, 2]."""
    found = np.zeros(x.shape, dtype=bool)
    for (ax, ay), (bx, by) in zip(ring, np.roll(ring, -1, axis=0), strict=True):
        crosses = (ay > y) != (by > y)
        with np.errstate(divide="ignore", invalid="ignore"):
            found ^= crosses & (x < (bx - ax) * (y - ay) / (by - ay) + ax)
    return found


def outline(points: Points) -> Points:
    """The closed ring [n + 1, 2] around all points [m, 2] of a face as it is seen.

    Of a head that looks aside the mesh's own oval lies behind the far cheek, which hides it and goes beyond it.
    """
    hull = cv2.convexHull(points.astype(np.float32))[:, 0].astype(np.float64)
    return np.concatenate([hull, hull[:1]])


def curve(line: Points, x: Field) -> Field:
    """The height of a line [n, 2] of rising x at other x, that of its ends beyond them; never overshoots."""
    through = _through(np.ascontiguousarray(line, np.float64).tobytes())
    height: Field = through(np.clip(x, through.x[0], through.x[-1]))
    return height


@lru_cache(maxsize=32)
def _through(line: bytes) -> PchipInterpolator:
    """The interpolation of a line [n, 2] of float64: muscles and folds ask for the same few again and again."""
    points = np.frombuffer(line).reshape(-1, 2)
    points = points[np.concatenate([[True], np.diff(np.maximum.accumulate(points[:, 0])) > 1e-6])]
    return PchipInterpolator(points[:, 0], points[:, 1])


def place(anchors: Anchors, x: Field, y: Field) -> Place:
    """Where points of the head lie on this face.

    Args:
        anchors: of the face.
        x, y: [...] head coordinates.
    """
    ring = outline(anchors.points[:, :2])
    outside = np.where(inside_polygon(x, y, ring[:-1]), 0.0, polyline_distance(x, y, ring))
    right, left = anchors.corners[:, 0]
    centre = (right + left) / 2
    t = np.where(x < centre, (x - centre) / (centre - right), (x - centre) / (left - centre))
    return Place(x, y, outside, t, np.clip(1 - t * t, 0, 1))


Weights = tuple[Field, Field, Field]
Muscle = Callable[[Place, Anchors, int], Weights]


def bell(at: Place, x: float, y: float, radius: float, squash: float = 1.0) -> Field:
    return reach(np.hypot(at.x - x, (at.y - y) * squash), radius)


def half(at: Place, sign: float) -> Field:
    """1 on one side of the face, 0 on the other, shared over the middle."""
    return smooth(-0.11, 0.11, sign * at.x)


def nothing(at: Place) -> Field:
    return np.zeros_like(at.x)
