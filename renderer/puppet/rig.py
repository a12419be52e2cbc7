"""What is prepared once from a portrait, so that motion can deform it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from renderer.faces import Face
from renderer.puppet.anatomy import LOWER_INNER, UPPER_INNER, Anchors
from renderer.puppet.eyes import Eye, find_eye
from renderer.puppet.geometry import HeadFrame, head_frame
from renderer.puppet.head import HeadMap, head_map
from renderer.puppet.lattice import Lattice, lattice_over
from renderer.puppet.mouth import Mouth, find_mouth
from renderer.puppet.muscles import fields
from renderer.puppet.plate import backdrop, sharpened

PAIRS = np.array(
    [(33, 263), (133, 362), (61, 291), (50, 280), (234, 454), (129, 358), (55, 285), (46, 276), (172, 397), (127, 356),
     (93, 323), (132, 361), (116, 345), (205, 425), (105, 334), (159, 386), (145, 374)]
)  # fmt: skip
MIDLINE = np.array([10, 151, 9, 8, 168, 6, 197, 195, 5, 4, 1, 2, 0, 17, 18, 200, 199, 175, 152])

HEAD_CELL = 0.07
FACE_CELL = 0.04
"""u between the nodes of the head's and the face's lattice."""


@dataclass(frozen=True, slots=True, eq=False)
class Rig:
    """A portrait ready to be moved.

    Attributes:
        picture: uint8 [height, width, 3].
        frame: the head's axes.
        stage: left, top, right, bottom in pixels: all that motion can change; may reach beyond the picture.
        source: float32 [1, 4, h, w]: the stage's colours, 0..1, and the matte of the person.
        plate: float32 [1, 3, h, w]: what is behind the person.
        head_lattice, head: of the head's motion; coordinates of pixels are those of the stage.
        face_lattice: of the muscles' fields.
        basis: float32 [controls, 4 * rows * columns], pixels: x and y above the parting line, x and y below it.
        mouth, eyes: in pixels of the stage.
        u: pixels.
    """

    picture: NDArray[np.uint8]
    frame: HeadFrame
    stage: tuple[int, int, int, int]
    source: Tensor
    plate: Tensor
    head_lattice: Lattice
    head: HeadMap
    face_lattice: Lattice
    basis: Tensor
    mouth: Mouth
    eyes: tuple[Eye, Eye]
    u: float


def build_rig(picture: NDArray[np.uint8], face: Face, matte: NDArray[np.float32]) -> Rig:
    """Prepare a portrait.

    Args:
        picture: uint8 [height, width, 3], RGB.
        face: the one that is to act.
        matte: float32 [height, width], alpha of the person.
    """
    whole = face.mesh.astype(np.float64)
    frame = head_frame(whole, PAIRS, MIDLINE)
    u = frame.scale
    stage = _stage(picture.shape, whole, frame)
    left, top, right, bottom = stage
    mesh = whole - [left, top, 0]
    frame = HeadFrame(frame.origin - [left, top], frame.scale, frame.depth, frame.axes)
    seen = _cut(picture, stage)
    alpha = sharpened(_cut(matte, stage), u)
    plate = backdrop(seen, _cut(matte, stage), u)
    head_lattice = Lattice(0.0, 0.0, *_spacing(stage, HEAD_CELL * u))
    x, y = (axis.numpy().astype(np.float64) for axis in head_lattice.nodes())
    head = head_map(frame, mesh, x, y)
    colours = seen.astype(np.float32) / 255
    mouth = find_mouth(colours, mesh, u)
    face_lattice, basis = _basis(frame, mesh, head, head_lattice)
    return Rig(
        picture,
        frame,
        stage,
        torch.from_numpy(np.concatenate([colours, alpha[..., None]], axis=2)).permute(2, 0, 1)[None].contiguous(),
        torch.from_numpy(plate.astype(np.float32) / 255).permute(2, 0, 1)[None].contiguous(),
        head_lattice,
        head,
        face_lattice,
        basis,
        mouth,
        (
            find_eye(0, mesh, face.irises[0] - np.float32([left, top]), u),
            find_eye(1, mesh, face.irises[1] - np.float32([left, top]), u),
        ),
        u,
    )


def _stage(shape: tuple[int, ...], mesh: NDArray[np.float64], frame: HeadFrame) -> tuple[int, int, int, int]:
    """The box around the head that its motion can reach; its sides fit the head's lattice."""
    height, width = shape[:2]
    u = frame.scale
    low, high = mesh[:, :2].min(axis=0), mesh[:, :2].max(axis=0)
    left = max(0, int(low[0] - 1.5 * u))
    top = max(0, int(low[1] - 1.5 * u))
    right = min(width, int(high[0] + 1.5 * u) + 1)
    bottom = min(height, int(high[1] + 1.3 * u) + 1)
    cell = max(2, round(HEAD_CELL * u))
    right = left + -(-(right - left - 1) // cell) * cell + 1
    bottom = top + -(-(bottom - top - 1) // cell) * cell + 1
    return left, top, right, bottom


def _spacing(stage: tuple[int, int, int, int], wanted: float) -> tuple[float, int, int]:
    left, top, right, bottom = stage
    cell = max(2, round(wanted))
    return float(cell), (right - left - 1) // cell + 1, (bottom - top - 1) // cell + 1


def _cut(values: NDArray[np.generic], stage: tuple[int, int, int, int]) -> NDArray[np.generic]:
    """The stage's part of a picture; beyond the picture its border is repeated."""
    left, top, right, bottom = stage
    height, width = values.shape[:2]
    rows = np.clip(np.arange(top, bottom), 0, height - 1)
    columns = np.clip(np.arange(left, right), 0, width - 1)
    return np.ascontiguousarray(values[rows][:, columns])


def _basis(frame: HeadFrame, mesh: NDArray[np.float64], head: HeadMap, head_lattice: Lattice) -> tuple[Lattice, Tensor]:
    u = frame.scale
    low, high = mesh[:, :2].min(axis=0), mesh[:, :2].max(axis=0)
    lattice = lattice_over(low[0] - 0.55 * u, low[1] - 0.12 * u, high[0] + 0.55 * u, high[1] + 1.0 * u, FACE_CELL * u)
    nodes = lattice.nodes()
    depth = head_lattice.sample(head.points[None], nodes[None])[0, 2].numpy().astype(np.float64)
    x, y = nodes.numpy().astype(np.float64)
    camera = np.stack([(x - frame.origin[0]) / u, -(y - frame.origin[1]) / u, depth], axis=-1)
    own = camera @ frame.axes
    points = frame.head(mesh)
    anchors = Anchors(points, points[list(UPPER_INNER)][:, :2], points[list(LOWER_INNER)][:, :2])
    moved = fields(anchors, own[..., 0], own[..., 1])  # [controls, sides, 3, rows, columns]
    seen = np.einsum("ij,ksj...->ksi...", frame.axes[:2], moved) * u
    seen[:, :, 1] *= -1
    return lattice, torch.from_numpy(np.ascontiguousarray(seen.reshape(len(seen), -1), dtype=np.float32))


def upsampled(field: Tensor, height: int, width: int) -> Tensor:
    """A stage-wide lattice's field at every pixel."""
    return interpolate(field, size=(height, width), mode="bilinear", align_corners=True)
