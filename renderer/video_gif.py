"""Frames into a GIF: one palette for the whole take, and frames of whole hundredths of a second.

Rules
- One palette for all frames, made from the colours of all of them, and ordered dither, which stays where it is: what does not
  move does not flicker, and only what moves takes space. Error diffusion crawls and was measured at 1.6 to 1.9 times the size.
- The palette is known at the end only, so frames wait in a lossless file beside it; memory does not grow with their number.
- A GIF counts hundredths of a second and browsers slow down frames shorter than two of them: at more than 50 frames per second
  only every second (third, ...) one is kept. The rest is rounded so that the frames stay in step with the clock.
- Transparency is on or off; half-transparent pixels go where they are nearer.
"""

from __future__ import annotations

import contextlib
import math
import shutil

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import av
import av.filter
import cv2
import numpy as np

from av.video.stream import VideoStream
from numpy.typing import NDArray

from renderer.video_encoding import THREADS, close_quietly, fill

MOST_FPS = 50
_PIXELS = av.VideoFormat("bgra")
_PALETTE = "stats_mode=full:reserve_transparent=1"
_DITHER = "dither=bayer:bayer_scale=3:diff_mode=rectangle"
_PIECE = 255
"""Bytes of a comment in one block."""


def kept_every(fps: Fraction) -> int:
    """Which frames a GIF keeps: every first, second, ..., so that there are at most 50 per second."""
    return math.ceil(fps / MOST_FPS)


def note(fps: Fraction, *, transparent: bool) -> list[str]:
    """What a GIF cannot do as asked, in sentences; none if it can."""
    said = []
    every = kept_every(fps)
    if every > 1:
        said.append(f"a GIF shows at most {MOST_FPS} frames per second, so one frame in {every} was kept")
    if (100 * every / fps).denominator != 1:
        said.append("a GIF counts hundredths of a second, so its frames last one more or less and are in step on average")
    if transparent:
        said.append("a GIF has no half-transparent pixels, so edges are hard; WebM and ProRes MOV keep them soft")
    return said


class GifEncoder:
    """Frames into a GIF that repeats for ever.

    Args:
        path: of the file; a lossless copy of the frames lies beside it until it is finished.
        width: pixels of the frames.
        height: the same.
        fps: frames per second that are written.
        comment: text to keep in the file.
    """

    def __init__(self, path: Path, width: int, height: int, fps: Fraction, comment: str) -> None:
        self.written = 0
        self._path, self._size, self._comment = path, (width, height), comment
        self._every = kept_every(fps)
        self._step = self._every / fps
        self._given = 0
        self._spool = path.with_name(f"{path.name}.spool")
        self._bare = path.with_name(f"{path.name}.bare")
        self._palette = av.filter.Graph()
        source = self._palette.add_buffer(width=width, height=height, format=_PIXELS, time_base=self._step)
        maker, sink = self._palette.add("palettegen", _PALETTE), self._palette.add("buffersink")
        source.link_to(maker)
        maker.link_to(sink)
        self._palette.configure()
        self._container = av.open(str(self._spool), "w", format="matroska")
        try:
            stream = self._container.add_stream("ffv1", rate=1 / self._step, options={"level": "3", "slices": str(THREADS)})
            assert isinstance(stream, VideoStream)
            stream.width, stream.height, stream.pix_fmt = width, height, "bgra"
            stream.codec_context.thread_count = THREADS
            self._stream = stream
        except BaseException:
            self.abandon()
            raise

    def write(self, picture: NDArray[np.uint8]) -> None:
        """Take a frame, uint8 [height, width, 3], or [height, width, 4] with alpha.

        Raises:
            FFmpegError, OSError: the copy cannot be written.
        """
        self._given += 1
        if (self._given - 1) % self._every:
            return
        frame = av.VideoFrame(*self._size, _PIXELS.name)
        fill(frame, [_packed(picture)])
        frame = self._timed(frame, self.written)
        self._palette.push(frame)
        with contextlib.suppress(av.error.BlockingIOError):
            self._palette.pull()  # no palette yet; without being asked the filter would only queue the frames
        self._container.mux(self._stream.encode(frame))
        self.written += 1

    def finish(self) -> None:
        """Write the GIF.

        Raises:
            FFmpegError, OSError: it cannot be written.
        """
        self._container.mux(self._stream.encode())
        self._container.close()
        self._palette.push(None)
        palette = self._palette.pull()
        assert isinstance(palette, av.VideoFrame)
        gif = av.open(str(self._bare), "w", format="gif", options={"fflags": "+bitexact"})
        try:
            stream = gif.add_stream("gif", rate=1 / self._step)
            assert isinstance(stream, VideoStream)
            stream.width, stream.height = self._size
            stream.pix_fmt = "pal8"
            for number, frame in enumerate(self._reduced(palette)):
                gif.mux(stream.encode(self._timed(frame, number)))
            gif.mux(stream.encode())
            gif.close()
        except BaseException:
            close_quietly(gif)
            raise
        self._spool.unlink()
        _add_comment(self._bare, self._path, self._comment)
        self._bare.unlink()

    def abandon(self) -> None:
        """Let go of the files and remove the copy."""
        close_quietly(self._container)
        for left in (self._spool, self._bare):
            with contextlib.suppress(OSError):
                left.unlink()

    def _timed(self, frame: av.VideoFrame, number: int) -> av.VideoFrame:
        frame.pts, frame.time_base = number, self._step
        return frame

    def _reduced(self, palette: av.VideoFrame) -> Iterator[av.VideoFrame]:
        """The frames of the copy in the colours of a palette."""
        graph = av.filter.Graph()
        width, height = self._size
        source = graph.add_buffer(width=width, height=height, format=_PIXELS, time_base=self._step)
        colours = graph.add_buffer(width=palette.width, height=palette.height, format=_PIXELS, time_base=self._step)
        reducer, sink = graph.add("paletteuse", _DITHER), graph.add("buffersink")
        source.link_to(reducer, 0, 0)
        colours.link_to(reducer, 0, 1)
        reducer.link_to(sink)
        graph.configure()
        colours.push(self._timed(palette, 0))
        colours.push(None)

        def ready() -> Iterator[av.VideoFrame]:
            with contextlib.suppress(av.error.BlockingIOError, av.error.EOFError):
                while True:
                    frame = sink.pull()
                    assert isinstance(frame, av.VideoFrame)
                    yield frame

        with av.open(str(self._spool), format="matroska") as spool:
            for number, frame in enumerate(spool.decode(video=0)):
                source.push(self._timed(frame, number))
                yield from ready()
        source.push(None)
        yield from ready()


def _packed(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """uint8 [height, 4 * width]: blue, green, red, alpha of every pixel."""
    turned = cv2.cvtColor(picture, cv2.COLOR_RGB2BGRA if picture.shape[2] == 3 else cv2.COLOR_RGBA2BGRA)
    return turned.astype(np.uint8, copy=False).reshape(picture.shape[0], -1)


def _add_comment(source: Path, target: Path, text: str) -> None:
    """Copy a GIF with a comment extension (GIF89a, section 24) before its first picture."""
    data = text.encode()
    pieces = [data[at : at + _PIECE] for at in range(0, len(data), _PIECE)]
    with source.open("rb") as gif, target.open("wb") as commented:
        head = gif.read(13)
        colours = 3 << (head[10] & 7) + 1 if head[10] & 0x80 else 0  # section 18: whether there is a global table, and its size
        commented.write(head + gif.read(colours))
        if pieces:
            commented.write(b"\x21\xfe" + b"".join(bytes([len(piece)]) + piece for piece in pieces) + b"\x00")
        shutil.copyfileobj(gif, commented)
