"""The puppet: the photograph itself, deformed. Needs no weights but those that find the face."""

from __future__ import annotations

import contextlib

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from threading import Barrier

import numpy as np
import torch

from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import avg_pool2d

from renderer.casting import cast
from renderer.errors import DeviceLost
from renderer.faces import Face, Models, find_faces, person_matte
from renderer.interface import Backdrop, Frames
from renderer.portrait import Portrait
from renderer.puppet.cutout import over, reduced, standing
from renderer.puppet.matte import cut_by
from renderer.puppet.render import paint, paint_person
from renderer.puppet.rig import PuppetRig, build_rig
from renderer.puppet.tiles import Tiles

WANTED_U, LEAST_U, MOST_ENLARGED = 90.0, 60.0, 6
"""Faces with eyes closer together than the least are moved on an enlarged copy, on which lids, lips and teeth have pixels
enough; the change that they make is then reduced to the portrait's size."""
FRAMES_AT_ONCE = {"cpu": 4, "cuda": 16}
"""Frames that are computed together. Each thread of a processor has its own: with so little to do at a time threads that share
one computation would mostly wait for each other. A GPU wants more to do."""
PIXELS_AT_ONCE = {"cpu": 2**23, "cuda": 2**26}
"""Of canvases that are computed together, by all threads, unless one alone has more."""


class Puppet:
    """The renderer that deforms the portrait.

    Args:
        models: of the face; see `renderer.faces`.
        device: where frames are computed, such as "cpu" or "cuda:0".
    """

    def __init__(self, models: Models, device: str = "cpu") -> None:
        self._models = models
        self._device = torch.device(device)
        self._threads = torch.get_num_threads() if self._device.type == "cpu" else 1
        self._pool: ThreadPoolExecutor | None = None
        self._stood: tuple[PuppetRig, NDArray[np.uint8]] | None = None

    def prepare(self, portrait: Portrait, *, face: int | None = None, neutral: bool = False) -> PuppetRig:
        """Find the face and prepare it; see `renderer.interface.Renderer`."""
        faces = find_faces(portrait.rgb, self._models)
        chosen, notes = cast(faces, face, portrait.name, portrait.rgb.shape[1::-1])
        matte = person_matte(portrait.rgb, chosen, self._models, faces)
        if portrait.alpha is not None and portrait.alpha.min() < 255:
            matte = cut_by((portrait.alpha / 255).astype(np.float32), matte)
        return prepared(portrait.rgb, chosen, matte, notes, relaxed=neutral).to(self._device)

    def render(self, rig: PuppetRig, motion: NDArray[np.float32], backdrop: Backdrop | None = None) -> Frames:
        """Frames of a motion; see `renderer.interface.Renderer`."""
        motion = rig.acting.of(motion)
        height, width = rig.picture.shape[:2]
        channels = 3 if backdrop is None or backdrop.colour is not None else 4
        frames = np.empty((len(motion), height, width, channels), np.uint8)
        if backdrop is None:
            made = partial(_frames, rig, self._device)
        else:
            made = partial(_cut_out, rig, self._device, self._standing(rig), backdrop)
        at_once = _at_once(rig, self._device.type, self._threads)
        parts = _parts(len(motion), at_once, self._threads)

        def render(part: slice) -> None:
            # Always as many as fit: how sums are split up may depend on how many rows there are. A face at rest costs next to
            # nothing.
            rows = np.zeros((at_once, motion.shape[1]), np.float32)
            rows[: part.stop - part.start] = motion[part]
            with _device_errors():
                made(rows, frames[part])

        for _ in self._each(render, parts):
            pass
        return frames

    def _each(self, render: Callable[[slice], None], parts: Sequence[slice]) -> Iterator[None]:
        """Render parts, in as many threads as torch may use."""
        if self._threads == 1 or len(parts) < 2:
            return map(render, parts)
        if self._pool is None:
            self._pool = _single_threads(self._threads)
        return self._pool.map(render, parts)

    def packed(self, rig: PuppetRig) -> PuppetRig:
        """The rig as it travels; see `renderer.interface.Renderer`."""
        return rig.to(torch.device("cpu"))

    def unpacked(self, rig: PuppetRig) -> PuppetRig:
        """A rig that has arrived; see `renderer.interface.Renderer`."""
        return rig.to(self._device)

    def _standing(self, rig: PuppetRig) -> NDArray[np.uint8]:
        """The person at rest, which depends on the rig alone; that of the last rig is kept, since it takes long."""
        if self._stood is None or self._stood[0] is not rig:
            left, top, right, bottom = rig.stage
            still = standing(rig.picture, rig.matte, rig.face.mesh, rig.face.u)
            still[top:bottom, left:right] = _bytes(reduced(_of_stage(rig, rig.person), rig.factor).clone())[0]
            self._stood = rig, still
        return self._stood[1]


def _at_once(rig: PuppetRig, device: str, threads: int) -> int:
    """How many frames each of some threads computes together."""
    room = PIXELS_AT_ONCE.get(device, 0) // (rig.grid.width * rig.grid.height * threads)
    return max(1, min(FRAMES_AT_ONCE.get(device, 1), room))


def _parts(count: int, at_once: int, threads: int) -> list[slice]:
    """So many frames in parts of no more than can be computed at once, as many for each thread."""
    if not count:
        return []
    turns = -(-count // (at_once * threads))
    size = -(-count // (turns * threads))
    return [slice(first, min(first + size, count)) for first in range(0, count, size)]


def _single_threads(count: int) -> ThreadPoolExecutor:
    """Threads in each of which torch uses no others; how many it uses elsewhere stays as it is."""
    pool = ThreadPoolExecutor(count, "puppet")
    everyone = Barrier(count)

    def begin(_: int) -> None:
        torch.get_num_threads()  # a thread asks for the process's number once, at its first use
        torch.set_num_threads(1)
        everyone.wait()

    before = torch.get_num_threads()
    list(pool.map(begin, range(count)))
    torch.set_num_threads(before)
    return pool


@contextlib.contextmanager
def _device_errors() -> Iterator[None]:
    """Tell memory that is short and a device that is lost from other errors: torch raises the same class for everything."""
    try:
        yield
    except RuntimeError as error:
        if "allocate memory" in str(error) or isinstance(error, torch.OutOfMemoryError):
            raise MemoryError(str(error)) from error
        if isinstance(error, torch.AcceleratorError) or "CUDA error" in str(error):
            raise DeviceLost(f"The device failed while frames were computed: {str(error).splitlines()[0]}") from error
        raise


def prepared(
    picture: NDArray[np.uint8],
    face: Face,
    matte: NDArray[np.float32],
    notes: tuple[str, ...] = (),
    *,
    relaxed: bool = False,
) -> PuppetRig:
    """A rig, on an enlarged copy of the portrait if the face is small; see `build_rig`."""
    factor = 1
    if face.u < LEAST_U:
        factor = min(MOST_ENLARGED, max(2, round(WANTED_U / face.u)))
    rig = build_rig(picture, face, matte, factor, relaxed=relaxed)
    return replace(rig, notes=(*notes, *rig.notes))


def _frames(rig: PuppetRig, device: torch.device, motion: NDArray[np.float32], frames: Frames) -> None:
    """Write the first frames of a motion, as many as are wanted."""
    left, top, right, bottom = rig.stage
    frames[:] = rig.picture
    with torch.inference_mode():
        painted = paint(rig, torch.from_numpy(motion).to(device))
        if rig.factor == 1:
            _paste(rig, painted.tiles, painted.colours, frames)
            return
        canvas = rig.source.new_zeros((len(motion), 3, rig.grid.height, rig.grid.width))
        painted.tiles.put(canvas, painted.colours - painted.tiles.of_place(rig.still))
        change = avg_pool2d(_of_stage(rig, canvas[: len(frames)]), rig.factor)
        stage = torch.tensor(rig.picture[top:bottom, left:right], device=device).permute(2, 0, 1)[None] / 255
        frames[:, top:bottom, left:right] = _bytes(stage + change)


def _cut_out(
    rig: PuppetRig,
    device: torch.device,
    still: NDArray[np.uint8],
    backdrop: Backdrop,
    motion: NDArray[np.float32],
    frames: Frames,
) -> None:
    """The same of the person alone."""
    left, top, right, bottom = rig.stage
    alone = frames if backdrop.colour is None else np.empty((*frames.shape[:-1], 4), np.uint8)
    alone[:] = still
    with torch.inference_mode():
        painted = paint_person(rig, torch.from_numpy(motion).to(device))
        person = torch.cat([painted.colours, painted.alpha], dim=1).clamp_(0, 1)
        if rig.factor == 1:
            _paste(rig, painted.tiles, person, alone)
        else:
            canvas = rig.person.repeat(len(motion), 1, 1, 1)
            painted.tiles.put(canvas, person)
            alone[:, top:bottom, left:right] = _bytes(reduced(_of_stage(rig, canvas[: len(frames)]), rig.factor))
    if backdrop.colour is not None:
        frames[:] = over(alone, backdrop.colour)


def _bytes(colours: Tensor) -> NDArray[np.uint8]:
    """uint8 [n, height, width, channels] of float [n, channels, height, width], 0..1, which are used up."""
    found: NDArray[np.uint8] = (
        colours.mul_(255).add_(0.5).clamp_(0, 255).to(torch.uint8).permute(0, 2, 3, 1).contiguous().cpu().numpy()
    )
    return found


def _paste(rig: PuppetRig, tiles: Tiles, colours: Tensor, frames: Frames) -> None:
    """Write squares of a canvas that is as large as the stage, but for its margins, into frames."""
    left, top, right, bottom = rig.stage
    tiles.paste(_bytes(colours), rig.margins.left, rig.margins.top, frames[:, top:bottom, left:right])


def _of_stage(rig: PuppetRig, canvas: Tensor) -> Tensor:
    """The part of a canvas that shows the stage."""
    left, top, right, bottom = rig.stage
    x, y = rig.margins.left * rig.factor, rig.margins.top * rig.factor
    return canvas[:, :, y : y + (bottom - top) * rig.factor, x : x + (right - left) * rig.factor]
