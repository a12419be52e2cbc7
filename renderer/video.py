"""Writing a take's frames as a video, a GIF or numbered pictures.

The name says which:

    smile.mp4 .mov .mkv      H.264
    smile.webm               VP9, with alpha if asked for
    smile.mov                ProRes 4444 if alpha is asked for
    smile.gif                one palette for the whole take
    frames/ frame_%05d.png   numbered PNG pictures; a folder is one that ends in `/` or is there already

Rules
- A result appears under its name only when it is whole: an error, an interrupt or a full disk leaves what was there before.
- The finished file is read through and its frames are counted before it gets its name.
- What made it is kept in the file: the title is the direction, the comment a JSON object of what the caller gives.
- Memory does not grow with the number of frames, and the same frames give the same bytes.
- Frames may come from another thread than the one that opened the place for them. Whenever that one lets go of it, the frame
  that is being written is waited for and no other is taken: nothing is closed under the hands of an encoder.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading

from collections.abc import Iterator, Mapping
from fractions import Fraction
from pathlib import Path
from typing import Literal, TypeAlias

import numpy as np

from numpy.typing import NDArray
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from renderer.video_encoding import OPAQUE, TRANSPARENT, Encoder, StreamEncoder
from renderer.video_files import FilePart, FolderPart, Numbered, VideoError, explained
from renderer.video_gif import GifEncoder, note
from renderer.video_reading import FOLDER_NAMES, MAX_SIDE, VideoInfo, count_frames, probe, read_frames

__all__ = [
    "GREEN",
    "Background",
    "Sink",
    "VideoError",
    "VideoInfo",
    "check_output",
    "open_sink",
    "picture_size",
    "probe",
    "read_frames",
]

Background: TypeAlias = Literal["keep", "alpha", "green"] | tuple[int, int, int]
"""What lies behind the person: what the picture shows, nothing, chroma-key green, or a colour in 0..255."""

GREEN = (0, 177, 64)
"""Chroma-key green (Pantone 354 C), which spills less on skin than pure green."""
MAX_FPS = 1000
MAX_TERM = 1_000_000
"""Of the numerator and denominator of a frame rate: containers count in 32 bits."""
MAX_VALUE = 2000
"""Characters of one entry of the metadata; longer ones are cut."""
MAX_TITLE = 200
_PNG_EFFORT = 1
"""zlib's level: a third of the time of the usual 6 for a tenth more space, measured on a portrait."""


class Sink:
    """Where frames go; made by `open_sink`.

    Args:
        path: what the user named.
        shape: height and width of the frames.
        background: what lies behind the person.
        encoder: what takes the frames.
        notes: what the format cannot do as asked.
    """

    def __init__(
        self, path: Path, shape: tuple[int, int], background: Background, encoder: Encoder, notes: tuple[str, ...]
    ) -> None:
        self._path, self._shape, self._background, self._encoder = path, shape, background, encoder
        self._busy = threading.RLock()  # one of whoever is interrupted in the middle of it, too
        self._closed = False
        self.notes = notes
        self.frames = 0

    def write(self, frame: NDArray[np.uint8]) -> None:
        """Take the next frame.

        Args:
            frame: uint8 [height, width, 3], RGB; or [height, width, 4] with straight alpha, 255 where the person is. Every
                background but "keep" needs the alpha; "keep" does not look at it.

        Raises:
            VideoError: it cannot be written, or no frames are taken any more.
            ValueError: it is no such frame.
        """
        if frame.dtype != np.uint8 or frame.shape not in ((*self._shape, 3), (*self._shape, 4)):
            raise ValueError(f"a frame is uint8 {[*self._shape, '3 or 4']}, not {frame.dtype} {list(frame.shape)}")
        if self._background != "keep" and frame.shape[2] == 3:
            raise ValueError(
                f"the background cannot become {self._background!r}: the frame says nothing about what is in front"
            )
        picture = _on_background(frame, self._background)
        with self._busy:
            if self._closed:
                raise VideoError(f"{self._path} takes no more frames: it was finished or given up.")
            with explained(self._path):
                self._encoder.write(picture)
            self.frames += 1

    def finish(self) -> None:
        """Write what is left to write; no other frame is taken.

        Raises:
            VideoError: it cannot be written.
        """
        self._closed = True
        with self._busy, explained(self._path):
            self._encoder.finish()

    def abandon(self) -> None:
        """Let go of what was written; no other frame is taken."""
        self._closed = True
        with self._busy:
            self._encoder.abandon()


def check_output(path: str | Path, background: Background = "keep") -> None:
    """Find out before the work whether a name says what to write.

    Raises:
        VideoError: it does not, or the format cannot keep the alpha that is asked for.
    """
    _sequence(path) or _ending(Path(path), background)


def picture_size(path: str | Path, width: int, height: int, background: Background = "keep") -> tuple[int, int]:
    """Width and height of what is written of frames: formats that halve colour make odd sides even by one more column or row.

    Raises:
        VideoError: as for `check_output`.
    """
    ending = "" if _sequence(path) else _ending(Path(path), background)
    coding = (TRANSPARENT if background == "alpha" else OPAQUE).get(ending)
    if coding is None or not coding.halved:
        return width, height
    return width + width % 2, height + height % 2


@contextlib.contextmanager
def open_sink(
    path: str | Path,
    width: int,
    height: int,
    fps: Fraction,
    *,
    background: Background = "keep",
    metadata: Mapping[str, str] | None = None,
) -> Iterator[Sink]:
    """A place to write frames to; the result appears when the block ends without an error.

    Args:
        path: its name says the format (see the module). Missing folders are made.
        width: pixels of the frames, 1..8192.
        height: the same.
        fps: frames per second, above 0 and at most 1000.
        background: what lies behind the person.
        metadata: what made it, such as software, take, direction, seed and digest. It is public: no paths, no secrets.

    Yields:
        The sink; its `notes` are sentences for the user.

    Raises:
        VideoError: the name says no format, the format cannot do what is asked, no frame came, or the disk takes no more.
        ValueError: a size, rate or colour outside its range.
    """
    if not (1 <= width <= MAX_SIDE and 1 <= height <= MAX_SIDE):
        raise ValueError(f"frames of {width} x {height} pixels; a side has 1 to {MAX_SIDE}")
    if not 0 < fps <= MAX_FPS or fps.numerator > MAX_TERM or fps.denominator > MAX_TERM:
        raise ValueError(
            f"{fps} frames per second; it is above 0 and at most {MAX_FPS}, as a fraction of numbers to {MAX_TERM:,}"
        )
    if isinstance(background, tuple) and not all(0 <= value <= 255 for value in background):
        raise ValueError(f"{background} is no colour; it has red, green and blue of 0 to 255")
    tags = _tags(metadata or {})
    names = _sequence(path)
    path = Path(path)
    ending = "" if names else _ending(path, background)
    folder = path.parent if Numbered.parse(path.name) else path
    with explained(path):
        part = FolderPart(folder, names) if names else FilePart(path)
    try:
        notes: list[str] = []
        encoder: Encoder
        with explained(path):
            if names:
                encoder = _Pictures(part.path, names, tags)
            elif ending == ".gif":
                encoder = GifEncoder(part.path, width, height, fps, tags.get("comment", ""))
                notes = note(fps, transparent=background == "alpha")
            else:
                coding = (TRANSPARENT if background == "alpha" else OPAQUE)[ending]
                encoder = StreamEncoder(part.path, width, height, fps, coding, tags)
        sink = Sink(path, (height, width), background, encoder, tuple(notes))
        try:
            yield sink
            if not sink.frames:
                raise VideoError(f"{path} would have no frame in it. Ask for a longer take or a higher frame rate.")
            with explained(path):
                sink.finish()
                found = encoder.written if names else count_frames(part.path)
                if found != encoder.written:
                    raise VideoError(
                        f"{path} cannot be written: only {found} of {encoder.written} frames reached the disk. "
                        "Check that it has space left; nothing half-written was kept."
                    )
                part.publish()
        except BaseException:
            sink.abandon()
            raise
    finally:
        part.discard()


class _Pictures:
    """Frames into numbered PNG files of a folder."""

    def __init__(self, folder: Path, names: Numbered, tags: Mapping[str, str]) -> None:
        self.written = 0
        self._folder, self._names = folder, names
        self._info = PngInfo()
        for name, text in tags.items():
            self._info.add_itxt(name.capitalize(), text)

    def write(self, picture: NDArray[np.uint8]) -> None:
        place = self._folder / self._names.name(self.written)
        Image.fromarray(picture).save(place, "png", compress_level=_PNG_EFFORT, pnginfo=self._info)
        self.written += 1

    def finish(self) -> None:
        """Every picture is whole as soon as it is written."""

    def abandon(self) -> None:
        """Their folder is removed by who made it."""


def _sequence(path: str | Path) -> Numbered | None:
    """The names of a sequence of pictures; None if the path is that of a file."""
    names = Numbered.parse(Path(path).name)
    if names:
        return names
    return FOLDER_NAMES if str(path).endswith(os.sep) or Path(path).is_dir() else None


def _ending(path: Path, background: Background) -> str:
    """The ending of a file's name in small letters.

    Raises:
        VideoError: no format belongs to it, or one that cannot do what is asked.
    """
    ending = path.suffix.lower()
    if ending == ".png":
        raise VideoError(
            f"{path} names one picture and a take has many. Name a video such as {path.stem}.mp4, or a pattern such as "
            f"{path.stem}_%05d.png for numbered pictures."
        )
    if ending != ".gif" and ending not in OPAQUE:
        said = f"the ending {ending} says" if ending else "without an ending its name does not say"
        no = "no format that can be written" if ending else "what to write"
        raise VideoError(
            f"{path}: {said} {no}. Use one of {', '.join(OPAQUE)}, .gif, or a pattern such as frame_%05d.png for pictures."
        )
    if background == "alpha" and ending != ".gif" and ending not in TRANSPARENT:
        raise VideoError(
            f"{path}: {ending} keeps no transparency. Use .webm for the web, .mov for an editor, .gif for hard edges, "
            "a pattern such as frame_%05d.png, or --background green."
        )
    if path.exists() and not path.is_file():
        raise VideoError(f"{path} is a device or the like and cannot be replaced. Name a file.")
    return ending


def _on_background(frame: NDArray[np.uint8], background: Background) -> NDArray[np.uint8]:
    """A frame as it is to be seen; what alpha hides altogether is left out of the file too."""
    if background == "keep":
        return np.ascontiguousarray(frame[..., :3])
    alpha = frame[..., 3:]
    if background == "alpha":
        return np.concatenate([np.where(alpha > 0, frame[..., :3], np.uint8(0)), alpha], axis=2)
    colour = np.array(GREEN if background == "green" else background, dtype=np.uint16)
    share = alpha.astype(np.uint16)
    mixed = (frame[..., :3] * share + colour * (255 - share) + 127) // 255
    return mixed.astype(np.uint8)


def _tags(metadata: Mapping[str, str]) -> dict[str, str]:
    """What made a file, as tags that players and libraries show."""
    if not metadata:
        return {}
    short = {name: value if len(value) <= MAX_VALUE else value[: MAX_VALUE - 1] + "…" for name, value in metadata.items()}
    tags = {"comment": json.dumps(short, ensure_ascii=False, separators=(",", ":"))}
    title = " ".join(short.get("direction", "").split())[:MAX_TITLE]
    if title:
        tags["title"] = title
    if software := short.get("software"):
        tags["encoder"] = software
    return tags
