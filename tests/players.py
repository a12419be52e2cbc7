"""Takes on Ray that are tested without a face: renderers that paint stripes, some that go wrong, and processes that end.

Openers are called in the processes of the renderers, so they are functions of a module that those can import.
"""

from __future__ import annotations

import os
import select
import time

from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from numpy.typing import NDArray

from protocol.channels import INDEX, REGIONS
from protocol.journal import Record
from renderer.casting import FaceError
from renderer.errors import DeviceLost
from renderer.interface import Backdrop, Frames
from renderer.portrait import Portrait
from renderer.video import read_frames
from runtime.frames import LIMIT_VARIABLE
from runtime.onray.actors import CONTROL
from runtime.renderers import Opened
from tests.staging import FakeRenderer, FakeRig, opened

PATIENCE = 0.02
"""Seconds that a chunk takes to render: long enough for a process to be killed meanwhile."""
_MENDED = "mended"


class Painter(FakeRenderer):
    """A renderer that takes its time."""

    def render(self, rig: FakeRig, motion: NDArray[np.float32], backdrop: Backdrop | None = None) -> Frames:
        """Frames of a motion."""
        time.sleep(PATIENCE)
        return super().render(rig, motion, backdrop)


class Counting(Painter):
    """A renderer that leaves a file for each chunk that it begins.

    Args:
        marks: the folder.
    """

    def __init__(self, marks: Path) -> None:
        super().__init__()
        self._marks = marks

    def render(self, rig: FakeRig, motion: NDArray[np.float32], backdrop: Backdrop | None = None) -> Frames:
        """Frames of a motion."""
        (self._marks / f"{os.getpid()}-{time.monotonic_ns()}").touch()
        return super().render(rig, motion, backdrop)


class Picky(Painter):
    """A renderer that finds no face in what is black."""

    def prepare(self, portrait: Portrait, *, face: int | None = None, neutral: bool = False) -> FakeRig:
        """As the puppet does."""
        if not portrait.rgb.any():
            raise FaceError(f"{portrait.name}: no face was found. Crop the picture to head and shoulders.")
        return super().prepare(portrait, face=face)


class Faulty(Painter):
    """A renderer to which something happens where the jaw is open as far as a number says.

    Args:
        fault: what happens.
        marks: a folder in which each fault leaves a file.
        most: times that it happens; then all goes well, as after `mend`.
    """

    def __init__(self, fault: str, marks: Path, most: int) -> None:
        super().__init__()
        self._fault, self._marks, self._most = fault, marks, most

    def render(self, rig: FakeRig, motion: NDArray[np.float32], backdrop: Backdrop | None = None) -> Frames:
        """Frames of a motion, or a fault."""
        happened = [mark.name for mark in self._marks.iterdir()]
        if motion[:, INDEX["jawOpen"]].max() > 0.3 and len(happened) < self._most and _MENDED not in happened:
            (self._marks / f"{os.getpid()}-{time.monotonic_ns()}").touch()
            if self._fault == "dies":
                os._exit(3)
            if self._fault == "loses the device":
                raise DeviceLost("the device is gone")
            raise ValueError("it cannot paint this")
        return super().render(rig, motion, backdrop)


def painter() -> Opened:
    """A renderer that works."""
    return opened(Painter())


def picky() -> Opened:
    """A renderer that finds no face in what is black."""
    return opened(Picky())


def _counting(marks: Path) -> Opened:
    return opened(Counting(marks))


def counting(marks: Path) -> Callable[[], Opened]:
    """Opens a renderer that leaves a file for each chunk that it begins."""
    return partial(_counting, marks)


def _remembering(cache: Path) -> Opened:
    os.environ.update({LIMIT_VARIABLE: "1", "XDG_CACHE_HOME": str(cache)})
    return painter()


def remembering(cache: Path) -> Callable[[], Opened]:
    """Opens a renderer in whose process frames are kept in a folder, whatever the environment says."""
    return partial(_remembering, cache)


def _faulty(fault: str, marks: Path, most: int) -> Opened:
    return opened(Faulty(fault, marks, most))


def faulty(fault: str, marks: Path, most: int = 1000) -> Callable[[], Opened]:
    """Opens a renderer that goes wrong; see `Faulty`."""
    return partial(_faulty, fault, marks, most)


def mend(marks: Path) -> None:
    """From now on all goes well with the renderers that leave their marks here."""
    (marks / _MENDED).touch()


def frames_of(video: str | Path) -> list[bytes]:
    """Every frame of a video, as bytes."""
    return [frame.tobytes() for frame in read_frames(Path(video))]


def region_actor(session: Any, region: str) -> Any:
    """The process of a region in a session."""
    session._crew._start_regions()  # unless they are there already
    return session._crew._regions[region]


def renderer_actors(session: Any) -> list[Any]:
    """The processes of the renderers that are there in a session."""
    return [worker.actor for worker in session._crew._pool._workers.values()]


def number_of(actor: Any) -> int:
    """The number of an actor's process."""
    import ray  # noqa: PLC0415 - whoever only paints needs none

    number: int = ray.get(actor.ping.options(concurrency_group=CONTROL).remote(), timeout=60)
    return number


def numbers_of(session: Any) -> list[int]:
    """The numbers of all processes of a session."""
    return [number_of(actor) for actor in (*(region_actor(session, region) for region in REGIONS), *renderer_actors(session))]


def left_of(numbers: Iterable[int], patience: float) -> list[int]:
    """Of some processes those that have not ended within some seconds."""
    until = time.monotonic() + patience
    return [number for number in numbers if not _has_ended(number, until)]


def _has_ended(number: int, until: float) -> bool:
    try:
        process = os.pidfd_open(number)
    except ProcessLookupError:
        return True
    try:
        return bool(select.select([process], [], [], max(0.0, until - time.monotonic()))[0])
    finally:
        os.close(process)


class Once:
    """Does something with the first record of a journal that is such a one.

    Args:
        such: whether it is.
        action: what is done.
    """

    def __init__(self, such: Callable[[Record], bool], action: Callable[[Record], None]) -> None:
        self._such, self._action = such, action
        self.done = False

    def __call__(self, record: Record) -> None:
        """Hear of a record."""
        if not self.done and self._such(record):
            self.done = True
            self._action(record)
