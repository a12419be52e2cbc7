"""A contact sheet: the whole take at a glance, with the time and the beat under each picture.

Rules
- It is fed the frames that are encoded anyway and keeps few of them, reduced: one every half second. Where a long take would
  fill more than 40 places, every second one is let go and the step doubles. Memory does not grow with the length.
- Nothing is drawn until it is written.
- The picture appears under its name only when it is whole.
"""

from __future__ import annotations

import math
import unicodedata

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np

from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from renderer.video_files import FilePart, explained

MOST = 40
"""Pictures on a sheet."""
STEP = Fraction(1, 2)
"""Seconds between two pictures of a take that needs no more than `MOST`."""
LONGER_SIDE = 240
"""Pixels of a picture on the sheet."""
COLUMNS = 8
_MARGIN, _GAP, _LINES = 24, 14, 2
_TITLE_SIZE, _TIME_SIZE, _TEXT_SIZE = 20, 14, 13
_PAPER, _INK, _FAINT = (255, 255, 255), (30, 30, 30), (110, 110, 110)
_FRONT = (236, 236, 236)
"""Behind transparent frames."""
_TYPED = str.maketrans(
    {0x2013: "-", 0x2014: "-", 0x2018: "'", 0x2019: "'", 0x201C: '"', 0x201D: '"', 0xDF: "ss", 0xE6: "ae", 0xF8: "o"}
)
"""Dashes, quotation marks and letters that Unicode does not take apart."""
_MAX_TEXT = 400
"""Characters of a title or caption that are looked at."""


@dataclass(frozen=True, slots=True)
class _Kept:
    """A frame on the sheet: which it was, and the frame reduced."""

    number: int
    picture: NDArray[np.uint8]


class ContactSheet:
    """The pictures of a take on one page.

    Args:
        width: pixels of the frames.
        height: the same.
        fps: frames per second.
        caption: what to write under the picture at a time in seconds, such as the summary of the beat; empty for nothing.
        title: first line of the sheet, such as the direction.
    """

    def __init__(
        self, width: int, height: int, fps: Fraction, caption: Callable[[float], str] = lambda _: "", title: str = ""
    ) -> None:
        scale = LONGER_SIDE / max(width, height)
        self._shape = (height, width)
        self._size = (max(1, round(width * scale)), max(1, round(height * scale)))
        self._fps, self._caption, self._title = fps, caption, title
        self._step = STEP
        self._kept: list[_Kept] = []
        self.frames = 0

    @property
    def times(self) -> list[float]:
        """Seconds of the pictures that are on the sheet."""
        return [float(kept.number / self._fps) for kept in self._kept]

    def add(self, frame: NDArray[np.uint8]) -> None:
        """Take the next frame; most are only counted.

        Args:
            frame: uint8 [height, width, 3], or [height, width, 4] with straight alpha.

        Raises:
            ValueError: it has another shape.
        """
        if frame.dtype != np.uint8 or frame.shape not in ((*self._shape, 3), (*self._shape, 4)):
            raise ValueError(f"a frame is uint8 {[*self._shape, '3 or 4']}, not {frame.dtype} {list(frame.shape)}")
        number, self.frames = self.frames, self.frames + 1
        if not self._on_grid(number):
            return
        image = Image.fromarray(np.ascontiguousarray(frame))
        if image.mode == "RGBA":
            image = Image.alpha_composite(Image.new("RGBA", image.size, _FRONT), image).convert("RGB")
        self._kept.append(_Kept(number, np.asarray(image.resize(self._size, Image.Resampling.LANCZOS, reducing_gap=3.0))))
        if len(self._kept) > MOST:
            self._step *= 2
            self._kept = [kept for kept in self._kept if self._on_grid(kept.number)]

    def write(self, path: str | Path) -> None:
        """Draw the sheet as a PNG.

        Raises:
            VideoError: it cannot be written.
            ValueError: no frame was added.
        """
        path = Path(path)
        page = self.draw()
        with explained(path):
            part = FilePart(path)
            try:
                page.save(part.path, "png")
                part.publish()
            finally:
                part.discard()

    def draw(self) -> Image.Image:
        """The sheet, RGB, on white.

        Raises:
            ValueError: no frame was added.
        """
        if not self._kept:
            raise ValueError("a contact sheet needs a frame")
        across, down = self._size
        columns = min(COLUMNS, len(self._kept)) if len(self._kept) <= COLUMNS else _even_columns(len(self._kept))
        rows = math.ceil(len(self._kept) / columns)
        title, time, text = (ImageFont.load_default(size) for size in (_TITLE_SIZE, _TIME_SIZE, _TEXT_SIZE))
        cell = down + 6 + _line(time) + _LINES * _line(text) + _GAP
        width = 2 * _MARGIN + columns * across + (columns - 1) * _GAP
        heading = wrapped(self._title, title, width - 2 * _MARGIN, 2)
        top = _MARGIN + (len(heading) * _line(title) + _GAP if heading else 0)
        page = Image.new("RGB", (width, top + rows * cell - _GAP + _MARGIN), _PAPER)
        pen = ImageDraw.Draw(page)
        for row, line in enumerate(heading):
            pen.text((_MARGIN, _MARGIN + row * _line(title)), line, _INK, title)
        said = ""
        for place, kept in enumerate(self._kept):
            left = _MARGIN + place % columns * (across + _GAP)
            y = top + place // columns * cell
            seconds = kept.number / self._fps
            page.paste(Image.fromarray(kept.picture), (left, y))
            y += down + 6
            pen.text((left, y), f"{float(seconds):.2f} s", _FAINT, time)
            caption = self._caption(float(seconds))
            # A beat's words stand where it begins and at the start of a line; between, a mark says that it goes on.
            shown = [] if caption == said and place % columns else wrapped(caption, text, across, _LINES)
            for row, line in enumerate(shown):
                pen.text((left, y + _line(time) + row * _line(text)), line, _INK, text)
            if not shown and caption:
                pen.line([(left, y + _line(time) + 8), (left + across, y + _line(time) + 8)], (205, 205, 205), 1)
            said = caption
        return page

    def _on_grid(self, number: int) -> bool:
        """Whether a frame is the first at or after a multiple of the step."""
        return number == math.ceil(math.floor(number / self._fps / self._step) * self._step * self._fps)


def wrapped(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int, lines: int) -> list[str]:
    """A text in lines that fit.

    Args:
        text: any; white space becomes single spaces, and accents are dropped, since the built-in font has ASCII only.
        font: that it is drawn in.
        width: pixels of a line.
        lines: the most lines; the last ends in dots if there is more.
    """
    plain = unicodedata.normalize("NFKD", text[:_MAX_TEXT].translate(_TYPED))
    words = "".join(sign for sign in plain if not unicodedata.combining(sign)).encode("ascii", "replace").decode().split()
    found: list[str] = []
    while words and len(found) < lines:
        count = len(words)
        while count > 1 and font.getlength(" ".join(words[:count])) > width:
            count -= 1
        line = " ".join(words[:count])
        words = words[count:]
        over = bool(words or len(text) > _MAX_TEXT) and len(found) == lines - 1
        found.append(_cut(line, font, width, "..." if over else ""))
    return found


def _cut(line: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int, ending: str) -> str:
    """A line that fits, ended with dots if something of it had to go."""
    kept = line
    while kept and font.getlength(kept + ending) > width:
        kept, ending = kept[:-1].rstrip(), "..."
    return kept + ending


def _even_columns(pictures: int) -> int:
    """Columns of a sheet with several rows, such that the last one is as full as can be."""
    return min(range(COLUMNS, COLUMNS // 2, -1), key=lambda columns: -pictures % columns)


def _line(font: ImageFont.FreeTypeFont | ImageFont.ImageFont) -> int:
    """Pixels from one line to the next."""
    box = font.getbbox("Ag|")
    return math.ceil(box[3] * 1.2)
