"""A renderer that needs no models, and a portrait for it: commands and the render loop are tested without a face."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from numpy.typing import NDArray
from PIL import Image

from protocol.channels import INDEX
from protocol.constraints import Constraints
from protocol.constraints import Samples as Sampled
from protocol.journal import Record
from protocol.replay import fold
from renderer.casting import FaceError
from renderer.interface import Backdrop, Frames
from renderer.portrait import Portrait, read_portrait
from runtime.arrays import digest_of
from runtime.commands import showing
from runtime.filming import Shot, open_film, span
from runtime.inline import InlineBase
from runtime.loading import Loaded
from runtime.options import Background, TakeOptions
from runtime.outputs import TakeFiles
from runtime.production import Order, make_take
from runtime.renderers import Opened
from runtime.studio import Studio, film_opened, prepare
from runtime.take import Filming, Past, TakeResult, Watch, opening
from runtime.takes import open_take

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
    neutral: bool = False

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
    """Frames in which blue says how far the left eye is closed, and the red of the first two pixels where the head points to,
    and whether the portrait's expression was relaxed.

    Attributes:
        faces: how many faces a portrait has.
        chunks: lengths of what was asked for.
        asked: digests of the rows that were to be rendered.
        poison: digests of rows that cannot be.
        before: called before each chunk, with the number of frames that came before.
    """

    faces: int = 1
    chunks: list[int] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    poison: set[str] = field(default_factory=set)
    before: Callable[[int], None] = lambda done: None

    def prepare(self, portrait: Portrait, *, face: int | None = None, neutral: bool = False) -> FakeRig:
        """As the puppet does."""
        if not self.faces:
            raise FaceError(f"{portrait.name}: no face was found. Crop the picture to head and shoulders.")
        if face is not None and face > self.faces:
            raise FaceError(f"{portrait.name}: there is no face {face}; only one face could be found.")
        notes = (f"{self.faces} faces were found and the largest one acts",) if self.faces > 1 and face is None else ()
        return FakeRig(portrait, notes, neutral)

    def render(self, rig: FakeRig, motion: NDArray[np.float32], backdrop: Backdrop | None = None) -> Frames:
        """Frames of a motion."""
        self.asked.append(digest_of(motion))
        if self.asked[-1] in self.poison:
            raise RuntimeError("this is poison")
        self.before(sum(self.chunks))
        self.chunks.append(len(motion))
        frames = np.repeat(rig.portrait.rgb[None], len(motion), axis=0)
        frames[..., 2] = np.rint(255 * motion[:, BLINK])[:, None, None]
        frames[:, 0, 0, 0] = np.rint(128 + 5 * motion[:, YAW])
        frames[:, 0, 1, 0] = 255 if rig.neutral else 0
        if backdrop is None:
            return frames
        person = np.zeros(frames.shape[1:3], bool)
        person[:, frames.shape[2] // 2 :] = True
        if backdrop.colour is not None:
            frames[:, ~person] = backdrop.colour
            return frames
        alpha = np.where(person, np.uint8(255), np.uint8(0))
        return np.concatenate([frames, np.repeat(alpha[None, ..., None], len(frames), axis=0)], axis=3)

    def packed(self, rig: FakeRig) -> FakeRig:
        """It is on no device."""
        return rig

    def unpacked(self, rig: FakeRig) -> FakeRig:
        """Nor is it here."""
        return rig


def studio(renderer: FakeRenderer, folder: Path, background: Background = "keep") -> Studio:
    """A studio of the fake renderer, with a portrait of its own in a folder."""
    path = portrait_file(folder / "portrait.png")
    return prepare(opened(renderer), read_portrait(path), None, background)


def film_take(
    made: Studio,
    loaded: Loaded,
    output: Path,
    options: TakeOptions,
    *,
    stopped: Callable[[], str | None] = lambda: None,
    told: Callable[[Record], None] = lambda record: None,
    past: Past | None = None,
) -> tuple[TakeResult, Sampled]:
    """A take planned and filmed into files as `animate` does it, without the words that go with that.

    Args:
        made: who acts.
        loaded: the tables.
        output: where frames go.
        options: what the take is asked for.
        stopped: asked between events; a reason ends the take.
        told: called with every record.
        past: what there is of the take, if it goes on.
    """
    files = TakeFiles.beside(output)
    with open_film(made.stage, Shot(output=str(output), fps=options.fps, metadata={})) as film:
        opened = film_opened(made.stage, None, "keep", span(*made.stage.size))
        order = Order(opening(options, loaded), loaded, {}, Filming(opened, film), past)
        return make_take(order, files, InlineBase(made), Watch(lambda: 0.0, stopped, (told,)))


def past_of(folder: Path, constraints: Constraints) -> Past:
    """What there is of a take, by its journal."""
    records = open_take(folder).records
    return Past(records, fold(records, constraints))


def opening_fake(monkeypatch: pytest.MonkeyPatch, renderer: FakeRenderer) -> None:
    """Commands open the fake renderer, whatever is asked for."""
    monkeypatch.setattr(showing, "open_renderer", lambda name, device, on_progress: opened(renderer))


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
