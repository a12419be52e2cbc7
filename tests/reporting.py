"""Reports of takes, and what stands in them."""

from __future__ import annotations

import base64
import html
import json
import re
import zlib

from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from numpy.typing import NDArray

from protocol.channels import CHANNELS
from renderer.video import open_sink
from runtime.cli import main

FPS = 25
"""Of the takes and videos that these tests make."""


@dataclass(frozen=True)
class Page:
    """A page as text, and what is in it."""

    path: Path

    @cached_property
    def text(self) -> str:
        """All of it."""
        return self.path.read_text(encoding="utf-8")

    @cached_property
    def data(self) -> dict[str, Any]:
        """What its scripts work with."""
        data: dict[str, Any] = json.loads(self.found(r'<script type="application/json" id="data">(.*?)</script>'))
        return data

    @cached_property
    def bodies(self) -> list[dict[str, Any]]:
        """Every message, whole."""
        blocks = re.findall(r'<script type="text/plain" id="bodies-\d+">(.*?)</script>', self.text)
        return [body for block in blocks for body in json.loads(zlib.decompress(base64.b64decode(block)))]

    @cached_property
    def shown(self) -> str:
        """Its text as a reader without scripts sees it."""
        body = self.text.partition("<body>")[2]
        body = re.sub(r"<script.*?</script>", "", body, flags=re.DOTALL)
        return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", body)).split())

    def channel(self, name: str) -> dict[str, Any]:
        """A channel's curve."""
        found: dict[str, Any] = next(
            channel for row in self.data["rows"] for channel in row["channels"] if channel["name"] == name
        )
        return found

    def values(self, name: str) -> NDArray[np.float64]:
        """A channel's samples, in its unit."""
        values: NDArray[np.float64] = np.cumsum(self.channel(name)["values"]) / self.data["scales"][CHANNELS[name].unit]
        return values

    @cached_property
    def video(self) -> bytes:
        """The video in it."""
        return base64.b64decode(self.found(r'<video [^>]*src="data:video/(?:mp4|webm);base64,([^"]*)"'))

    def found(self, pattern: str) -> str:
        """The first group of a pattern in its text."""
        found = re.search(pattern, self.text, re.DOTALL)
        assert found, pattern
        return found[1]


def report(take: Path | str, page: Path) -> Page:
    """The page of a take, made by the command."""
    assert main(["report", str(take), "-o", str(page)]) == 0
    return Page(page)


def shades(path: Path | str, count: int, *, take: str = "", side: int = 64) -> Path:
    """A video, or pictures, of so many frames; each is one grey, so that it tells which one it is (`shade`)."""
    with open_sink(str(path), side, side, Fraction(FPS), metadata={"take": take} if take else {}) as sink:
        for frame in range(count):
            sink.write(np.full((side, side, 3), shade(frame), np.uint8))
    return Path(path)


def shade(frame: int) -> int:
    """Neighbours are 40 apart, which no encoder loses."""
    return 30 + frame * 40 % 200
