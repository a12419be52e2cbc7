"""From a portrait and a motion to a video: what is prepared once, and the loop that renders, encodes and counts.

Rules
- The loop knows a renderer and a rig and nothing of how they work; it hands over chunks of rows and gets frames.
- Memory does not grow with the length: a chunk of frames at a time, and of a large picture a smaller chunk. A frame does not
  depend on its chunk, so the result does not depend on that.
- The output appears last and whole. What is left out or changed of what was asked for is told in sentences.
"""

from __future__ import annotations

import hashlib

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from numpy.typing import NDArray

from protocol.brief import Beat
from protocol.channels import CHANNELS, INDEX, NAMES
from renderer.errors import RendererError
from renderer.interface import Backdrop, Frames, Renderer, Rig
from renderer.motions import Samples, eased
from renderer.portrait import Portrait, PortraitError, read_portrait
from renderer.sheet import ContactSheet
from renderer.video import GREEN, VideoError, check_output, open_sink
from renderer.weights import Progress
from runtime.options import MAX_SIZE, Background, FilmOptions, UsageError
from runtime.outputs import probe_file
from runtime.renderers import Opened, open_renderer

CHUNK = 16
"""Frames at once: enough for a GPU, and a moment's work for a processor, after which a signal is looked for."""
MANY_PIXELS = 4_000_000
"""Of a frame, from which rendering it takes more than a second on two cores."""
CHUNK_BYTES = 64 * 2**20
"""Of the frames of a chunk."""
_UNITS = {"degree": " degrees", "cm": " cm", "share": ""}
_NAMED = 5
"""The most channels beyond their own range that have a note of their own."""
_NOTABLE = 0.05
"""Share of a range by which a value has to lie beyond it to be worth a word: less is hardly seen."""


class FilmError(RendererError):
    """A video that cannot be made of this portrait."""


@dataclass(frozen=True, slots=True, eq=False)
class Stage:
    """A portrait that is ready to be filmed.

    Attributes:
        portrait: as it was read.
        opened: the renderer.
        rig: what it prepared.
        notes: what the user should know, each a sentence or clause.
        record: what frames depend on besides the motion, as plain data for `take.json`.
    """

    portrait: Portrait
    opened: Opened
    rig: Rig
    notes: tuple[str, ...]
    record: Mapping[str, Any]


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


def set_stage(
    options: FilmOptions,
    on_progress: Callable[[Progress], None] = lambda _: None,
    warn: Callable[[str], None] = lambda _: None,
) -> Stage:
    """Read the portrait and prepare it.

    Args:
        options: what is asked for.
        on_progress: told how far the download of a model is.
        warn: told before the work begins if it will take long.

    Raises:
        RendererError: the portrait cannot be used, there is no face in it, or a model is missing.
        UsageError: there is no such device.
    """
    portrait = read_portrait(options.portrait, size=options.size)
    height, width = portrait.rgb.shape[:2]
    if max(height, width) > MAX_SIZE:
        raise PortraitError(
            f"{options.portrait} is {width:,} x {height:,} pixels and a video has at most {MAX_SIZE:,} each way. Give --size "
            "with the pixels of the longer side, such as 2160."
        )
    if height * width > MANY_PIXELS:
        faster = height * width / (1080 * 1080 * min(height, width) / max(height, width))
        warn(f"frames of {width:,} x {height:,} pixels take seconds each; --size 1080 is about {faster:.0f} times as fast")
    opened = open_renderer(options.renderer, options.device, on_progress)
    rig = opened.renderer.prepare(portrait, face=options.face)
    notes = [*portrait.notes, *rig.notes]
    if portrait.alpha is not None and options.background == "keep":
        notes.append("the portrait is transparent in places, which are filled in; --background says what to show there")
    record = {
        "portrait": {
            "file": portrait.name,
            "sha256": portrait.digest,
            "width": width,
            "height": height,
            "face": options.face,
            "notes": list(notes),
        },
        "renderer": dict(opened.record),
        "background": list(options.background) if isinstance(options.background, tuple) else options.background,
    }
    return Stage(portrait, opened, rig, tuple(notes), record)


def fitted(samples: Samples, rig: Rig) -> tuple[Samples, tuple[str, ...]]:
    """A motion within what a rig can show, and what of it had to be changed.

    Where the rig names a range, values beyond it are eased into it (`renderer.motions.eased`). All other channels have their
    full range as it is, so that a closed eye stays closed; what lies beyond that is cut off.
    """
    low, high = np.full(len(NAMES), -np.inf, np.float32), np.full(len(NAMES), np.inf, np.float32)
    for name, bounds in rig.ranges.items():
        low[INDEX[name]], high[INDEX[name]] = bounds
    shown, beyond = eased(samples, low, high)
    notes = []
    for each in beyond:
        least, most = rig.ranges[each.channel]
        if max(each.worst - most, least - each.worst) <= _NOTABLE * (most - least):
            continue
        unit = _UNITS[CHANNELS[each.channel].unit]
        notes.append(
            f"{_spoken(each.channel)} eased from {each.worst:.3g} to {shown[each.frame, INDEX[each.channel]]:.3g}{unit}: this "
            "portrait cannot show more of it"
        )
    cut = []
    for name, channel in CHANNELS.items():
        if name in rig.ranges:
            continue
        values = shown[:, INDEX[name]]
        least, most = float(values.min()), float(values.max())
        worst, excess = max((least, channel.low - least), (most, most - channel.high), key=lambda pair: pair[1])
        if excess <= 0:
            continue
        np.clip(values, channel.low, channel.high, out=values)
        if excess > _NOTABLE * (channel.high - channel.low) and not channel.derived:
            cut.append(f"{_spoken(name)} cut from {worst:.3g} to its range of {channel.low:g} to {channel.high:g}")
    named = len(cut) if len(cut) <= _NAMED + 1 else _NAMED  # one more line says as much as "1 more"
    notes += cut[:named]
    if named < len(cut):
        notes.append(f"values of {len(cut) - named} more channels cut to their ranges")
    return shown, tuple(notes)


def _spoken(channel: str) -> str:
    """A channel's name as words: headYaw becomes head yaw."""
    return "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in channel)


def metadata_of(stage: Stage, samples: NDArray[np.float32], fps: Fraction, about: Mapping[str, str]) -> dict[str, str]:
    """What is kept in a video about its origin: no names of files and folders.

    Args:
        stage: what it shows.
        samples: the motion as it was asked for.
        fps: frames per second.
        about: software, direction, seed, and the take if it is known.
    """
    motion = hashlib.sha256(f"{fps} ".encode())
    motion.update(np.ascontiguousarray(samples).data)
    return {
        **about,
        "renderer": str(stage.opened.record["name"]),
        "portrait": stage.portrait.digest,
        "motion": motion.hexdigest(),
    }


def captions(beats: Sequence[Beat]) -> Callable[[float], str]:
    """The summary of the beat at a time; empty where there is none."""

    def caption(seconds: float) -> str:
        return next((beat.summary for beat in beats if beat.start <= seconds < beat.end), "")

    return caption


def film(
    stage: Stage,
    samples: Samples,
    shot: Shot,
    *,
    step: Callable[[int], None] = lambda _: None,
    finish: Callable[[], None] = lambda: None,
) -> tuple[str, ...]:
    """Render a motion and write it.

    Args:
        stage: who acts.
        samples: float32 [frames, channels], within the rig's ranges (`fitted`).
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
    width, height = stage.rig.size
    background: Background = "alpha" if shot.background == "alpha" else "keep"  # any colour is the renderer's to paint
    left, top, right, bottom = stage.rig.focus
    sheet = ContactSheet(right - left, bottom - top, shot.fps, shot.caption, shot.title) if shot.sheet else None
    try:
        with open_sink(shot.output, width, height, shot.fps, background=background, metadata=shot.metadata) as sink:
            for frames in _chunks(stage.opened.renderer, stage.rig, samples, backdrop(shot.background), step):
                for frame in frames:
                    sink.write(frame)
                    if sheet:
                        sheet.add(frame[top:bottom, left:right])
            if sheet and shot.sheet:
                sheet.write(shot.sheet)
            finish()
    except MemoryError:
        raise FilmError(
            f"The memory is not enough for frames of {width:,} x {height:,} pixels. Ask for smaller ones with --size."
        ) from None
    return sink.notes


def _chunks(
    renderer: Renderer[Any], rig: Rig, samples: Samples, behind: Backdrop | None, step: Callable[[int], None]
) -> Iterator[Frames]:
    """The frames of a motion, some at a time."""
    width, height = rig.size
    at_once = max(1, min(CHUNK, CHUNK_BYTES // (4 * width * height)))
    for first in range(0, len(samples), at_once):
        step(first)
        yield renderer.render(rig, samples[first : first + at_once], behind)
    step(len(samples))


def backdrop(background: Background) -> Backdrop | None:
    """What the renderer is to put behind the person."""
    if background == "keep":
        return None
    if background == "alpha":
        return Backdrop()
    return Backdrop(GREEN if background == "green" else background)
