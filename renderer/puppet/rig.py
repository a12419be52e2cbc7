"""What is prepared once from a portrait, so that motion can deform it."""

from __future__ import annotations

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, is_dataclass, replace
from dataclasses import fields as fields_of
from types import MappingProxyType
from typing import Any

import cv2
import numpy as np
import torch

from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from renderer.faces import Face
from renderer.puppet.activity import Cover
from renderer.puppet.anatomy import CHIN, Anchors
from renderer.puppet.eyes import Eye, find_eye
from renderer.puppet.folds import Folds, find_folds
from renderer.puppet.geometry import HeadFrame, head_frame
from renderer.puppet.head import Bounds, HeadMap, head_map
from renderer.puppet.lattice import Lattice, lattice_over
from renderer.puppet.margins import Margins, margins
from renderer.puppet.matte import firm
from renderer.puppet.mouth import Mouth, find_mouth
from renderer.puppet.muscles import fields
from renderer.puppet.neutral import Acting, acting, hints, neutral, reach
from renderer.puppet.pixels import farthest
from renderer.puppet.plate import taken_apart
from renderer.puppet.ranges import ranges
from renderer.puppet.sampling import coarser, finer
from renderer.puppet.tiles import Compact, Grid

HEAD_CELL = 0.078
FACE_CELL = 0.025
"""u between the nodes of the head's lattice at most, and of the face's."""
CELLS = (2, 4, 6, 8, 12, 16, 24, 32, 48, 64)
"""Pixels of a cell of the head's lattice: squares of whole cells then have rows of whole vectors."""
ROUNDING = 1e-5
"""What colours of layers, 0..1, lack by rounding alone when they are put together again."""
ROUNDS = 6
"""In which an enlarged copy gets back its detail: then 99 % of its means are right to a grey level (measured on five
portraits, enlarged three and six times)."""


@dataclass(frozen=True, slots=True, eq=False, kw_only=True)
class PuppetRig:
    """A portrait ready to be moved. What moves is a canvas: the part around the head, enlarged if the face is small.

    Attributes:
        picture: uint8 [height, width, 3].
        matte: float32 [height, width], alpha of the person as it was found.
        face: the one that acts, in pixels of the picture.
        frame: the head's axes.
        stage: left, top, right, bottom in pixels of the picture: all that motion can change.
        margins: pixels of the picture by which the canvas is larger than the stage, where the head is cut by its border.
        factor: pixels of the canvas per pixel of the picture.
        grid: how the canvas is divided.
        still: float32 [squares, 3, side, side]: the canvas's colours, 0..1; nothing if it is not enlarged.
        source: float32 [1, 4, 2 h - 1, 2 w - 1]: the person: straight colours and alpha, made finer to be sampled (see
            `sampling`); inside the person the canvas's own colours.
        plate: float32 [squares, 3, side, side]: what is behind the person, by squares of the grid.
        rest: [9, side, side] of each square: the canvas less its layers composed; see `plate.taken_apart`.
        cover: where the person is on the canvas.
        head_lattice, head: of the head's motion; all coordinates are pixels of the canvas.
        face_lattice: of the muscles' fields.
        basis: float32 [controls, 4 * rows * columns], pixels: x and y above the parting line, x and y below it.
        acting: how motion becomes what this face does, which does something already.
        mouth, eyes, folds: in pixels of the canvas.
        u: pixels of the canvas.
        ranges: lowest and highest value of each pose channel that it can show.
        notes: what the user should know.
    """

    picture: NDArray[np.uint8]
    matte: NDArray[np.float32]
    face: Face
    frame: HeadFrame
    stage: tuple[int, int, int, int]
    margins: Margins
    factor: int
    grid: Grid
    still: Tensor
    source: Tensor
    plate: Tensor
    rest: Compact
    cover: Cover
    head_lattice: Lattice
    head: HeadMap
    face_lattice: Lattice
    basis: Tensor
    acting: Acting
    mouth: Mouth
    eyes: tuple[Eye, Eye]
    folds: Folds
    u: float
    ranges: Mapping[str, tuple[float, float]]
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of its frames."""
        return self.picture.shape[1], self.picture.shape[0]

    @property
    def person(self) -> Tensor:
        """float32 [1, 4, h, w]: straight colours and alpha of the person at rest, on the canvas."""
        return coarser(self.source)

    @property
    def focus(self) -> tuple[int, int, int, int]:
        """The head and what is close around it."""
        x, y, width, height = self.face.box
        about = self.face.u
        return (
            max(0, round(x - 0.8 * about)),
            max(0, round(y - 1.0 * about)),
            min(self.size[0], round(x + width + 0.8 * about)),
            min(self.size[1], round(y + height + 0.7 * about)),
        )

    def to(self, device: torch.device) -> PuppetRig:
        """The same rig with its arrays on a device."""
        moved: PuppetRig = moved_to(self, device)
        return moved


def moved_to(thing: Any, device: torch.device) -> Any:
    """A dataclass with all tensors in it, however deep, on a device."""
    if isinstance(thing, Tensor):
        return thing.to(device)
    if isinstance(thing, tuple):
        return type(thing)(moved_to(part, device) for part in thing)
    if is_dataclass(thing) and not isinstance(thing, type | Face):
        return replace(thing, **{field.name: moved_to(getattr(thing, field.name), device) for field in fields_of(thing)})
    return thing


def build_rig(
    picture: NDArray[np.uint8], face: Face, matte: NDArray[np.float32], factor: int = 1, *, relaxed: bool = False
) -> PuppetRig:
    """Prepare a portrait.

    Args:
        picture: uint8 [height, width, 3], RGB.
        face: the one that is to act.
        matte: float32 [height, width], alpha of the person.
        factor: how many times larger the copy is that is moved.
        relaxed: whether the portrait's own expression is taken back first.
    """
    stage = _stage(picture.shape, face.mesh.astype(np.float64), face.u)
    added = margins(matte, stage, float(face.mesh[CHIN, 1]), face.u, picture.shape)
    corner = np.array([stage[0] - added.left, stage[1] - added.top])

    def placed(points: NDArray[np.float32]) -> NDArray[np.float64]:
        """Pixels of the canvas: those of the portrait, whose middles move apart when it is enlarged."""
        found = points.astype(np.float64)
        found[..., :2] = (found[..., :2] - corner + 0.5) * factor - 0.5
        found[..., 2:] *= factor
        return found

    mesh = placed(face.mesh)
    frame = head_frame(mesh)
    u = frame.scale
    cell = max((cell for cell in CELLS if cell <= HEAD_CELL * u), default=CELLS[0])
    left, top, right, bottom = stage
    part = enlarged(added.colours(picture[top:bottom, left:right]), factor)
    grid = Grid.over(part.shape[1], part.shape[0], cell)
    seen = _canvas(part, grid)
    cut_out = _canvas(resized(added.matte(matte[top:bottom, left:right]), factor), grid)
    head_lattice = Lattice(0.0, 0.0, float(cell), grid.width // cell + 1, grid.height // cell + 1)
    x, y = (axis.numpy().astype(np.float64) for axis in head_lattice.nodes())
    colours = seen.astype(np.float32) / np.float32(255)
    alpha = firm(cut_out, mesh, u)
    bounds = _bounds(picture.shape, stage, added, factor)
    share = np.pad(cv2.blur(alpha, (cell, cell)), (0, 1), mode="edge")[::cell, ::cell].astype(np.float64)
    head = head_map(frame, mesh, x, y, share, bounds)
    follow = upsampled(head.follow[None, None], grid)[0, 0].numpy()
    irises, contours = placed(face.irises), placed(face.contours)
    # What does not need each other is prepared at the same time: most of it keeps one core alone busy.
    with ThreadPoolExecutor(max_workers=1) as beside:
        skin = beside.submit(_skin, colours, frame, mesh, head, head_lattice)
        person, plate, rest = taken_apart(colours, cut_out, alpha, follow, u)
        cover, kept_rest = _settled(person, colours, rest, grid)
        del rest  # the largest of all
        mouth, (face_lattice, basis), folds = skin.result()
        first = beside.submit(find_eye, 0, person[..., :3], mesh, irises[0], contours[0], frame)
        second = find_eye(1, person[..., :3], mesh, irises[1], contours[1], frame)
        eyes = first.result(), second
    found = neutral(face)
    return PuppetRig(
        picture=picture,
        matte=matte,
        face=face,
        frame=frame,
        stage=stage,
        margins=added,
        factor=factor,
        grid=grid,
        still=grid.cut(_planes(colours[..., : 3 if factor > 1 else 0])),
        source=finer(person),
        plate=grid.cut(_planes(plate)),
        rest=kept_rest,
        cover=cover,
        head_lattice=head_lattice,
        head=head,
        face_lattice=face_lattice,
        basis=basis,
        acting=acting(found, relaxed=relaxed),
        mouth=mouth,
        eyes=eyes,
        folds=folds,
        u=u,
        notes=() if relaxed else hints(found),
        ranges=MappingProxyType({**ranges(head, head_lattice, person[..., 3], bounds, found.pose.yaw), **reach(found)}),
    )


def _stage(shape: tuple[int, ...], mesh: NDArray[np.float64], u: float) -> tuple[int, int, int, int]:
    """The part of the picture around the head that its motion can reach: left, top, right, bottom."""
    height, width = shape[:2]
    low, high = mesh[:, :2].min(axis=0), mesh[:, :2].max(axis=0)
    return (
        max(0, int(low[0] - 1.9 * u)),
        max(0, int(low[1] - 2.0 * u)),
        min(width, int(high[0] + 1.9 * u) + 1),
        min(height, int(high[1] + 1.3 * u) + 1),
    )


def _bounds(shape: tuple[int, ...], stage: tuple[int, int, int, int], added: Margins, factor: int) -> Bounds:
    left, top, right, bottom = stage
    goes_on = (left > 0, top > 0, right < shape[1], bottom < shape[0])
    width, height = (right - left + added.left + added.right) * factor, (bottom - top + added.top) * factor
    return Bounds(width, height, goes_on, (added.left * factor, added.top * factor, added.right * factor, 0))


def enlarged(part: NDArray[np.uint8], factor: int) -> NDArray[np.uint8]:
    """Colours [height, width, 3] at a multiple of their size, whose means over what was a pixel are that pixel again.

    Cubic interpolation alone would lose the finest detail, which a moving head, reduced again, would leave behind as a ghost.
    What is missing is added until next to nothing is (back-projection: Irani and Peleg, "Improving resolution by image
    registration", 1991).
    """
    if factor == 1:
        return part
    height, width = part.shape[:2]
    wanted = part.astype(np.float32)
    found = resized(wanted, factor)
    for _ in range(ROUNDS):
        lacking = wanted - cv2.resize(found, (width, height), interpolation=cv2.INTER_AREA)
        found = np.clip(found + resized(lacking, factor), 0, 255)
    return (found + np.float32(0.5)).astype(np.uint8)


def resized(part: NDArray[Any], factor: int) -> NDArray[Any]:
    """Values [height, width, ...] at a multiple of their size."""
    if factor == 1:
        return part
    height, width = part.shape[:2]
    return cv2.resize(part, (width * factor, height * factor), interpolation=cv2.INTER_CUBIC)


def _canvas(part: NDArray[Any], grid: Grid) -> NDArray[Any]:
    """A part of the picture, mirrored at its border on the right and below until it fills the grid."""
    height, width = part.shape[:2]
    sides = [(0, grid.height - height), (0, grid.width - width), (0, 0)]
    return np.ascontiguousarray(np.pad(part, sides[: part.ndim], mode="reflect"))


def _planes(layer: NDArray[np.float32]) -> Tensor:
    """[1, channels, height, width] of [height, width, channels]; the same memory."""
    return torch.from_numpy(layer).permute(2, 0, 1)[None]


def _settled(
    person: NDArray[np.float32], colours: NDArray[np.float32], rest: NDArray[np.float32], grid: Grid
) -> tuple[Cover, Compact]:
    """Where the person is, and what layers that are put together again lack by more than rounding."""
    height, width = rest.shape[:2]
    off = cv2.reduce(cv2.absdiff(rest.reshape(height * width, -1), 0.0), 1, cv2.REDUCE_MAX).reshape(height, width)
    alpha = cv2.extractChannel(person, 3)
    same = farthest(cv2.cvtColor(person, cv2.COLOR_BGRA2BGR), colours) == 0
    cover = Cover.of((alpha > 0) | (off > 0), (alpha == 1) & same & (off < ROUNDING), grid.cell)
    return cover, grid.compact(_planes(rest), torch.from_numpy(off >= ROUNDING)[None, None])


def _skin(
    colours: NDArray[np.float32], frame: HeadFrame, mesh: NDArray[np.float64], head: HeadMap, head_lattice: Lattice
) -> tuple[Mouth, tuple[Lattice, Tensor], Folds]:
    """The mouth, how muscles move skin, and what light and shade come with that."""
    mouth = find_mouth(colours, mesh, frame)
    moved = _basis(frame, mesh, head, head_lattice, mouth)
    return mouth, moved, find_folds(colours, frame, mesh, head, head_lattice, moved)


def _basis(
    frame: HeadFrame, mesh: NDArray[np.float64], head: HeadMap, head_lattice: Lattice, mouth: Mouth
) -> tuple[Lattice, Tensor]:
    u = frame.scale
    low, high = mesh[:, :2].min(axis=0), mesh[:, :2].max(axis=0)
    lattice = lattice_over(low[0] - 0.55 * u, low[1] - 0.12 * u, high[0] + 0.55 * u, high[1] + 1.0 * u, FACE_CELL * u)
    nodes = lattice.nodes()

    def on_surface(pixels: Tensor) -> NDArray[np.float64]:
        """Head coordinates [..., 3] of pixels [2, ...], all on the same surface: the mesh lies beside it where it is steep."""
        places = pixels.reshape(1, 2, 1, -1)
        camera = head_lattice.sample(head.points[None], places)[0, :, 0].numpy().astype(np.float64).T
        x, y = places[0, :, 0].numpy().astype(np.float64)
        camera[:, 0], camera[:, 1] = (x - frame.origin[0]) / u, -(y - frame.origin[1]) / u
        found: NDArray[np.float64] = (camera @ frame.axes).reshape(*pixels.shape[1:], 3)
        return found

    own = on_surface(nodes)
    points, upper, lower = (on_surface(torch.from_numpy(line[:, :2].T.astype(np.float32))) for line in (mesh, *mouth.ends))
    anchors = Anchors(points, upper[:, :2], lower[:, :2])
    moved = fields(anchors, own[..., 0], own[..., 1])  # [controls, sides, 3, rows, columns]
    seen = np.einsum("ij,ksj...->ksi...", frame.axes[:2], moved) * u
    seen[:, :, 1] *= -1
    return lattice, torch.from_numpy(np.ascontiguousarray(seen.reshape(len(seen), -1), dtype=np.float32))


def upsampled(field: Tensor, grid: Grid) -> Tensor:
    """A field on the nodes of the head's lattice [batch, channels, rows, columns] at every pixel of the canvas."""
    filled = interpolate(field, size=(grid.height + 1, grid.width + 1), mode="bilinear", align_corners=True)
    return filled[..., :-1, :-1]
