"""A renderer that needs no models, and a portrait for it: commands and the render loop are tested without a face."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from numpy.typing import NDArray
from PIL import Image

from protocol.channels import INDEX
from renderer.casting import FaceError
from renderer.interface import Backdrop, Frames
from renderer.portrait import Portrait
from runtime.renderers import Opened

SIDE = (40, 48)
"""Width and height of the portrait, pixels."""
BLINK, YAW = INDEX["eyeBlinkLeft"], INDEX["headYaw"]


def portrait_file(path: Path, size: tuple[int, int] = SIDE) -> Path:
    """A picture with nothing in it but a gradient."""
    width, height = size
    x, y = np.meshgrid(np.linspace(0, 200, width), np.linspace(0, 200, height))
    Image.fromarray(np.stack([x, y, x], axis=-1).astype(np.uint8)).save(path)
    return path


@dataclass(frozen=True, slots=True)
class FakeRig:
    """What the fake renderer prepares."""

    portrait: Portrait
    notes: tuple[str, ...] = ()

    @property
    def size(self) -> tuple[int, int]:
        """Of the portrait."""
        return self.portrait.rgb.shape[1], self.portrait.rgb.shape[0]

    @property
    def focus(self) -> tuple[int, int, int, int]:
        """All of it."""
        return 0, 0, *self.size

    @property
    def ranges(self) -> Mapping[str, tuple[float, float]]:
        """Little of one channel."""
        return {"headYaw": (-20.0, 20.0)}


@dataclass(slots=True)
class FakeRenderer:
    """Frames in which blue says how far the left eye is closed, and the first pixel's red where the head points to.

    Attributes:
        faces: how many faces a portrait has.
        chunks: lengths of what was asked for.
        before: called before each chunk, with the number of frames that came before.
    """

    faces: int = 1
    chunks: list[int] = field(default_factory=list)
    before: Callable[[int], None] = lambda done: None

    def prepare(self, portrait: Portrait, *, face: int | None = None) -> FakeRig:
        """As the puppet does."""
        if not self.faces:
            raise FaceError(f"{portrait.name}: no face was found. Crop the picture to head and shoulders.")
        if face is not None and face > self.faces:
            raise FaceError(f"{portrait.name}: there is no face {face}; only one face could be found.")
        notes = (f"{self.faces} faces were found and the largest one acts",) if self.faces > 1 and face is None else ()
        return FakeRig(portrait, notes)

    def render(self, rig: FakeRig, motion: NDArray[np.float32], backdrop: Backdrop | None = None) -> Frames:
        """Frames of a motion."""
        self.before(sum(self.chunks))
        self.chunks.append(len(motion))
        frames = np.repeat(rig.portrait.rgb[None], len(motion), axis=0)
        frames[..., 2] = np.rint(255 * motion[:, BLINK])[:, None, None]
        frames[:, 0, 0, 0] = np.rint(128 + 5 * motion[:, YAW])
        if backdrop is None:
            return frames
        person = np.zeros(frames.shape[1:3], bool)
        person[:, frames.shape[2] // 2 :] = True
        if backdrop.colour is not None:
            frames[:, ~person] = backdrop.colour
            return frames
        alpha = np.where(person, np.uint8(255), np.uint8(0))
        return np.concatenate([frames, np.repeat(alpha[None, ..., None], len(frames), axis=0)], axis=3)


def opened(renderer: FakeRenderer) -> Opened:
    """The fake renderer as the program opens a real one."""
    record: dict[str, Any] = {
        "name": "fake",
        "device": "cpu",
        "models": [{"name": "none", "source": "tests", "licence": "CC0-1.0", "sha256": "0" * 64}],
        "tables": {},
        "versions": {},
    }
    return Opened(renderer, record)
