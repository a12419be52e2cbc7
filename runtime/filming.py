"""From frames to a video and its contact sheet, and what has to be in order before that.

Rules
- Memory does not grow with the length: a chunk of frames at a time, and of a large picture a smaller chunk. A frame does not
  depend on its chunk, so the result does not depend on that.
- The output appears last and whole. What is left out or changed of what was asked for is told in sentences.
"""

from __future__ import annotations

import contextlib
import hashlib

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from protocol.brief import Beat
from renderer.errors import RendererError
from renderer.interface import Frames
from renderer.motions import Samples
from renderer.sheet import ContactSheet
from renderer.video import Sink, VideoError, check_output, open_sink
from runtime.options import Background, FilmOptions, UsageError
from runtime.outputs import probe_file
from runtime.studio import Stage, Studio

CHUNK = 16
"""Frames at once: enough for a GPU, and a moment's work for a processor, after which a signal is looked for."""
CHUNK_BYTES = 64 * 2**20
"""Of the frames of a chunk."""


class FilmError(RendererError):
    """A video that cannot be made of this portrait."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """What becomes of the frames.

    Attributes:
        output: see `renderer.video.open_sink`.
        fps: frames per second.
        background: what is behind the person.
        sheet: where a contact sheet goes; None for none.
        title: of the sheet.
        caption: what stands under its pictures, by the time in seconds.
        metadata: what is kept in the video.
    """

    output: str
    fps: Fraction
    background: Background = "keep"
    sheet: Path | None = None
    title: str = ""
    caption: Callable[[float], str] = lambda _: ""
    metadata: Mapping[str, str]


def check_film(options: FilmOptions) -> None:
    """Find out before any work whether what is asked for can be read and written; nothing is left behind.

    Raises:
        UsageError: it cannot.
    """
    check_portrait(options.portrait)
    try:
        check_output(options.output, options.background)
    except VideoError as error:
        raise UsageError(str(error)) from None
    if options.sheet is not None:
        check_picture(options.sheet, "--sheet", options.portrait)
        if options.sheet.absolute() == Path(options.output).absolute():
            raise UsageError(f"{options.sheet} cannot be both the video and its contact sheet. Name two files.")
    _refuse_overwriting(Path(options.output), options.portrait, "-o")


def check_portrait(path: Path) -> None:
    """Find out before any work whether a portrait is there.

    Raises:
        UsageError: it is not.
    """
    try:
        if not path.exists():
            raise UsageError(f"{path} does not exist, so there is no file to read as a portrait. Check the name.")
    except OSError as error:
        raise UsageError(f"{path} cannot be read as a portrait ({error.strerror or error}). Check the name.") from None


def check_picture(path: Path, option: str, portrait: Path) -> None:
    """Find out before any work whether a picture can be written.

    Raises:
        UsageError: it cannot.
    """
    if path.suffix.lower() != ".png":
        raise UsageError(f"{option} {path} has to be a PNG. Name a file such as {path.stem or 'picture'}.png.")
    _refuse_overwriting(path, portrait, option)
    probe_file(path)


def _refuse_overwriting(path: Path, portrait: Path, option: str) -> None:
    if path.is_file() and path.samefile(portrait):
        raise UsageError(f"{option} {path} is the portrait itself and would be replaced. Name another file.")


def metadata_of(stage: Stage, about: Mapping[str, str], samples: Samples | None = None) -> dict[str, str]:
    """What is kept in a video about its origin: no names of files and folders.

    Args:
        stage: what it shows.
        about: software, direction, seed, and the take if it is known, from which its motion follows.
        samples: the motion as it was asked for, where no take says it.
    """
    made = {**about, "renderer": str(stage.record["renderer"]["name"]), "portrait": stage.portrait}
    if samples is not None:
        made["motion"] = hashlib.sha256(np.ascontiguousarray(samples).data).hexdigest()
    return made


def captions(beats: Sequence[Beat]) -> Callable[[float], str]:
    """The summary of the beat at a time; empty where there is none."""

    def caption(seconds: float) -> str:
        return next((beat.summary for beat in beats if beat.start <= seconds < beat.end), "")

    return caption


class Film:
    """A video that is being written; made by `open_film`.

    Args:
        sink: takes the frames.
        sheet: takes some of them; None if there is to be none.
        focus: left, top, right and bottom of what the sheet shows.
    """

    def __init__(self, sink: Sink, sheet: ContactSheet | None, focus: tuple[int, int, int, int]) -> None:
        self._sink = sink
        self._sheet = sheet
        self._focus = focus

    @property
    def done(self) -> int:
        """Frames written so far."""
        return self._sink.frames

    @property
    def notes(self) -> tuple[str, ...]:
        """What the format cannot do as asked, each a sentence."""
        return self._sink.notes

    def write(self, frames: Frames) -> None:
        """Take the next frames.

        Raises:
            VideoError: they cannot be written.
        """
        left, top, right, bottom = self._focus
        for frame in frames:
            self._sink.write(frame)
            if self._sheet:
                self._sheet.add(frame[top:bottom, left:right])


@contextlib.contextmanager
def open_film(stage: Stage, shot: Shot) -> Iterator[Film]:
    """A video to write; it appears, its contact sheet before it, when the block ends without an error.

    Args:
        stage: who acts.
        shot: what becomes of the frames.

    Raises:
        VideoError: the output cannot be written.
        FilmError: the memory is not enough.
    """
    width, height = stage.size
    background: Background = "alpha" if shot.background == "alpha" else "keep"  # any colour is the renderer's to paint
    left, top, right, bottom = stage.focus
    sheet = ContactSheet(right - left, bottom - top, shot.fps, shot.caption, shot.title) if shot.sheet else None
    try:
        with open_sink(shot.output, width, height, shot.fps, background=background, metadata=shot.metadata) as sink:
            yield Film(sink, sheet, stage.focus)
            if sheet and shot.sheet:
                sheet.write(shot.sheet)
    except MemoryError:
        raise FilmError(
            f"The memory is not enough for frames of {width:,} x {height:,} pixels. Ask for smaller ones with --size."
        ) from None


def film(
    studio: Studio,
    samples: Samples,
    shot: Shot,
    *,
    step: Callable[[int], None] = lambda _: None,
    finish: Callable[[], None] = lambda: None,
) -> tuple[str, ...]:
    """Render a motion in this process and write it.

    Args:
        studio: who acts.
        samples: float32 [frames, channels], within the rig's ranges (`runtime.fitting.fitted`).
        shot: what becomes of the frames.
        step: called with the number of frames that are done before each chunk and after the last one; what it raises ends the
            filming, and no output appears.
        finish: called when all is rendered, before the output appears.

    Returns:
        What the format cannot do as asked, each a sentence.

    Raises:
        VideoError: the output cannot be written.
        FilmError: the memory is not enough.
    """
    with open_film(studio.stage, shot) as made:
        at_once = span(*studio.stage.size)
        for first in range(0, len(samples), at_once):
            step(first)
            made.write(studio.render(samples[first : first + at_once]))
        step(len(samples))
        finish()
    return made.notes


def span(width: int, height: int, most: int = CHUNK) -> int:
    """Frames of a chunk: as many as may be at most, fewer of a large picture."""
    return max(1, min(most, CHUNK_BYTES // (4 * width * height)))
