"""The faces of a portrait as the renderer needs them: mesh, irises and lids of each, and the matte of the person.

Rules
- Coordinates are pixels, x right, y down, the first pixel's centre at 0; "right" and "left" are the subject's own.
- A face counts when the mesh network is sure of it and finds it where the detector saw it.
- The same picture and models give the same result: nothing is remembered between two calls.
"""

from __future__ import annotations

import math

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from numpy.typing import NDArray

from configs.mesh import builtin_mesh
from renderer.detection import LARGE_ENOUGH, Detection, Detector
from renderer.inference import Square
from renderer.landmarks import AROUND_FACE, IrisReader, Mesher, around_mesh
from renderer.segmentation import Segmenter

MIN_PRESENCE = 0.98
"""Of the mesh network, for a face to count. Meshes that fit have more than .999; those laid over a face that is upside down, or
over folds and leaves, hardly ever more than .97."""
MOST_MOVED = 0.5
"""Distance of the mesh's middle from the detector's, and change of size, by its size, up to which both mean one face."""
MOST_SEEN = 20
"""Of the detections of one level, the surest are read: a crowd is no portrait."""
UPRIGHT_SCORE = 0.8
"""Of the detector: an upside-down face may pass for an upright one with less, so the picture is looked at turned as well."""
_OUTER_CORNERS = (33, 263)


@dataclass(frozen=True, slots=True, eq=False)
class Face:
    """A face of a picture.

    Attributes:
        box: x, y, width, height in pixels of the mesh's outline; it may reach beyond the picture.
        score: 0..1, how sure the detector was.
        presence: 0..1, how sure the mesh network is.
        mesh: float32 [468, 3], pixels; the third coordinate is depth in the same scale, smaller is nearer to the camera, with 0
            about in the middle of the head. `configs.mesh` says which points are what.
        irises: float32 [2, 5, 2], pixels; subject's right eye first; centre, then the points towards the subject's right, the
            top, the subject's left and the bottom.
        contours: float32 [2, 71, 2], pixels; subject's right eye first; 0..8 the edge of the lower lid from the outer to the
            inner corner, 9..15 that of the upper lid between them, the rest rings further out and the brow.
    """

    box: tuple[float, float, float, float]
    score: float
    presence: float
    mesh: NDArray[np.float32]
    irises: NDArray[np.float32]
    contours: NDArray[np.float32]

    @property
    def u(self) -> float:
        """Pixels between the outer corners of the eyes in the picture: the unit of lengths on a face."""
        right, left = self.mesh[list(_OUTER_CORNERS), :2].astype(np.float64)
        return math.hypot(*(left - right))

    @property
    def iris_radii(self) -> tuple[float, float]:
        """Pixels, subject's right eye first: the mean distance of the four points from the centre."""
        irises = self.irises.astype(np.float64)
        right, left = np.linalg.norm(irises[:, 1:] - irises[:, :1], axis=2).mean(axis=1)
        return float(right), float(left)


class FaceNets:
    """The four networks, opened once for many pictures.

    Args:
        models: the model files by name: `face_detection_short_range`, `face_landmark`, `iris_landmark`, `selfie_segmentation`.

    Raises:
        ModelError: a file is missing, damaged or another model.
    """

    def __init__(self, models: Mapping[str, Path]) -> None:
        table = builtin_mesh()
        self.detector = Detector(models)
        self.mesher = Mesher(models, table)
        self.irises = IrisReader(models)
        self.segmenter = Segmenter(models, table)


Models = Mapping[str, Path] | FaceNets
"""The model files by name, or the networks already opened from them."""


def find_faces(picture: NDArray[np.uint8], models: Models) -> tuple[Face, ...]:
    """The faces of a picture, the largest first; () where there is none.

    Faces much smaller than the largest, or below about 4 % of the picture's longer side, may be missed.

    Args:
        picture: uint8 [height, width, 3] RGB.
        models: see `Models`.

    Raises:
        ModelError: a model file is missing, damaged or another model.
    """
    nets = _opened(models)
    faces: tuple[Face, ...] = ()
    for side, seen in nets.detector.levels(picture):
        faces = _with_confirmed(faces, picture, seen, nets)
        if faces and max(map(_size, faces)) >= LARGE_ENOUGH * side:
            break
    if not any(face.score >= UPRIGHT_SCORE for face in faces):
        faces = _with_confirmed(faces, picture, nets.detector.turned(picture), nets)
    return tuple(sorted(faces, key=_size, reverse=True))


def landmarks_in(picture: NDArray[np.uint8], near: Face, models: Models) -> Face | None:
    """The face of a picture about where another picture of the same size has one; None where it is not.

    No other place is looked at, which makes this quick enough to measure the frames of a video one by one.

    Args:
        picture: uint8 [height, width, 3] RGB.
        near: a face of a frame not far away; up to about .3 u off is found, and its `score` is passed on.
        models: see `Models`; opened networks are much quicker for many frames.

    Raises:
        ModelError: a model file is missing, damaged or another model.
    """
    return _read(picture, around_mesh(near.mesh), near.score, _opened(models))


def person_matte(picture: NDArray[np.uint8], face: Face, models: Models, others: Sequence[Face] = ()) -> NDArray[np.float32]:
    """The alpha of the person whose face this is, float32 [height, width], 0..1.

    Args:
        picture: uint8 [height, width, 3] RGB.
        face: one of the picture's.
        models: see `Models`.
        others: faces of the picture whose people are left out.

    Raises:
        ModelError: a model file is missing, damaged or another model.
    """
    return _opened(models).segmenter.matte(picture, face.mesh, [other.mesh for other in others if other is not face])


def _opened(models: Models) -> FaceNets:
    return models if isinstance(models, FaceNets) else FaceNets(models)


def _read(picture: NDArray[np.uint8], start: Square, score: float, nets: FaceNets) -> Face | None:
    mesh, presence = nets.mesher.settle(picture, start)
    if presence < MIN_PRESENCE:
        return None
    irises, contours = nets.irises.read(picture, mesh)
    low, high = mesh[:, :2].min(axis=0), mesh[:, :2].max(axis=0)
    box = (float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1]))
    return Face(box, score, presence, mesh, irises, contours)


def _with_confirmed(
    faces: tuple[Face, ...], picture: NDArray[np.uint8], seen: tuple[Detection, ...], nets: FaceNets
) -> tuple[Face, ...]:
    """Faces with those of the detections that are faces; of two that are the same, the one that the detector is surer of."""
    candidates = list(faces)
    for one in seen[:MOST_SEEN]:
        if any(_covers(face, one.x, one.y) and face.score >= one.score for face in faces):
            continue
        face = _read(picture, Square(one.x, one.y, one.side * AROUND_FACE, one.angle), one.score, nets)
        if face is not None and _is_where(face, one):
            candidates.append(face)
    kept: list[Face] = []
    for face in sorted(candidates, key=lambda face: -face.score):
        if not any(_covers(better, *_middle(face)) or _covers(face, *_middle(better)) for better in kept):
            kept.append(face)
    return tuple(kept)


def _size(face: Face) -> float:
    """Pixels; of the whole face, since `u` shrinks as a head turns away."""
    return max(face.box[2:])


def _middle(face: Face) -> tuple[float, float]:
    x, y, width, height = face.box
    return x + width / 2, y + height / 2


def _is_where(face: Face, seen: Detection) -> bool:
    """Whether the mesh is of the face that was detected: it may have wandered off to a neighbour or burst."""
    x, y = _middle(face)
    moved = math.hypot(x - seen.x, y - seen.y)
    return moved <= MOST_MOVED * seen.side and 1 - MOST_MOVED <= _size(face) / seen.side <= 1 / (1 - MOST_MOVED)


def _covers(face: Face, x: float, y: float) -> bool:
    """Whether the middle of another face can only be at a place because it is the same one."""
    own_x, own_y = _middle(face)
    return math.hypot(own_x - x, own_y - y) < _size(face) / 2
