"""Reading videos back: frame by frame, and what is known about them.

Rules
- One frame is in memory at a time.
- Sizes, counts and texts that a file states are bounded before they are used.
"""

from __future__ import annotations

import json

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from av.video.reformatter import ColorRange, Interpolation
from numpy.typing import NDArray
from PIL import Image

from renderer.video_files import Numbered, VideoError, explained

MAX_SIDE = 8192
"""Pixels of the longer side of what is written or read."""
MAX_COMMENT = 256 * 1024
"""Bytes of a comment that are read."""
_EXACT = (
    Interpolation.BICUBIC
    | Interpolation.ACCURATE_RND
    | Interpolation.FULL_CHR_H_INT
    | Interpolation.FULL_CHR_H_INP
    | Interpolation.BITEXACT
)
"""Without these, ffmpeg's conversion rounds down: colours come out darker by 1 of 255 on average."""
FOLDER_NAMES = Numbered("frame_", 5, ".png")
"""What pictures are called in a folder that was named without a pattern."""


@dataclass(frozen=True, slots=True)
class VideoInfo:
    """What is known about a video.

    Attributes:
        width, height: pixels.
        fps: frames per second on average; None for pictures.
        frames: how many there are.
        codec: ffmpeg's name.
        pixels: ffmpeg's name of the planes.
        colours: code points of primaries, transfer and matrix (ITU-T H.273; 1 is BT.709, 2 is unknown).
        title: of the file, empty if it has none.
        metadata: what made it, as it was given to `open_sink`; empty if that is not known.
    """

    width: int
    height: int
    fps: Fraction | None
    frames: int
    codec: str
    pixels: str
    colours: tuple[int, int, int] = (2, 2, 2)
    title: str = ""
    metadata: Mapping[str, str] = field(default_factory=dict)


def pictures_of(path: Path) -> list[Path] | None:
    """The pictures that a folder or a pattern stands for, by number; None if the path is a file.

    Raises:
        VideoError: there are none.
    """
    names = Numbered.parse(path.name)
    folder = path.parent if names else path
    if not names and not path.is_dir():
        return None
    with explained(path, "read"):
        found = (names or FOLDER_NAMES).found_in(folder)
    if not found:
        raise VideoError(f"{path} holds no frames. Name a video, a folder of {FOLDER_NAMES.name(0)} ... or a pattern of names.")
    return found


def read_frames(path: str | Path) -> Iterator[NDArray[np.uint8]]:
    """The frames of a video, a GIF, a folder or a pattern of pictures.

    Yields:
        uint8 [height, width, 3], RGB; transparency is dropped.

    Raises:
        VideoError: it cannot be read, or its sides are above `MAX_SIDE`.
    """
    path = Path(path)
    pictures = pictures_of(path)
    with explained(path, "read"):
        if pictures is not None:
            for picture in pictures:
                with Image.open(picture) as image:
                    _check_size(path, *image.size)
                    colours = np.asarray(image.convert("RGB"))
                yield colours
            return
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise VideoError(f"{path} has no pictures in it. Name a video.")
            stream = container.streams.video[0]
            _check_size(path, stream.width, stream.height)
            for frame in container.decode(stream):
                _check_size(path, frame.width, frame.height)
                yield _rgb(frame)


def count_frames(path: Path) -> int:
    """How many frames a file really holds, whatever it says.

    Raises:
        FFmpegError, OSError: it cannot be read, such as one that was cut off.
    """
    with av.open(str(path)) as container:
        return sum(1 for packet in container.demux(video=0) if packet.size)


def probe(path: str | Path) -> VideoInfo:
    """What is known about a video, a GIF, a folder or a pattern of pictures.

    Raises:
        VideoError: it cannot be read.
    """
    path = Path(path)
    pictures = pictures_of(path)
    with explained(path, "read"):
        if pictures is not None:
            with Image.open(pictures[0]) as image:
                texts = {str(name): str(text) for name, text in image.info.items()}
                return VideoInfo(
                    *image.size,
                    None,
                    len(pictures),
                    "png",
                    image.mode.lower(),
                    (2, 2, 2),
                    texts.get("Title", ""),
                    _parsed(texts),
                )
        with av.open(str(path)) as container:
            if not container.streams.video:
                raise VideoError(f"{path} has no pictures in it. Name a video.")
            stream = container.streams.video[0]
            context = stream.codec_context
            texts = dict(container.metadata)
            if container.format.name == "gif":
                with Image.open(path) as image:  # ffmpeg skips comments
                    texts["comment"] = _decoded(image.info.get("comment", b""))
            colours = tuple(int(value) for value in (context.color_primaries, context.color_trc, context.colorspace))
            return VideoInfo(
                width=stream.width,
                height=stream.height,
                fps=stream.average_rate,
                frames=count_frames(path),
                codec=context.name,
                pixels=str(context.pix_fmt),
                colours=(colours[0], colours[1], colours[2]),
                title=_text(texts, "title"),
                metadata=_parsed(texts),
            )


def _decoded(comment: object) -> str:
    return comment[:MAX_COMMENT].decode(errors="replace") if isinstance(comment, bytes) else ""


def _text(texts: Mapping[str, str], name: str) -> str:
    return next((text for key, text in texts.items() if key.lower() == name), "")


def _parsed(texts: Mapping[str, str]) -> Mapping[str, str]:
    comment = _text(texts, "comment")
    if len(comment) > MAX_COMMENT:
        return {}
    try:
        data = json.loads(comment)
    except (ValueError, RecursionError):
        return {}
    return {str(key): str(value) for key, value in data.items()} if isinstance(data, dict) else {}


def _rgb(frame: av.VideoFrame) -> NDArray[np.uint8]:
    """uint8 [height, width, 3], by the matrix and range that the frame is tagged with."""
    turned = frame.reformat(format="rgb24", dst_color_range=ColorRange.JPEG, interpolation=_EXACT)
    return turned.to_ndarray().astype(np.uint8, copy=False)


def _check_size(path: Path, width: int, height: int) -> None:
    if not (0 < width <= MAX_SIDE and 0 < height <= MAX_SIDE):
        raise VideoError(f"{path} has frames of {width} x {height} pixels, and {MAX_SIDE} a side is the most. Scale it down.")
