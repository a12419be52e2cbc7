"""A studio: a renderer with the portrait that it has prepared, wherever that runs, and what all others know of it.

Rules
- Who films knows the `Stage`: plain data that travels. The rig and the renderer stay with the studio.
- A renderer's role is a machine (`protocol.rendering`); its host answers each chunk once for each attempt, however often it
  is asked, and keeps the frames of the last few chunks for that.
- A frame that this machine has rendered before is taken from there (`runtime.frames`), and counted as such.
"""

from __future__ import annotations

import os

from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import structlog

from numpy.typing import NDArray

from protocol.machine import Received, Send
from protocol.messages import ChunkAssigned, ChunkFailed, ChunkRendered, FilmOpened
from protocol.rendering import RENDERER, Render, RenderBroke, Rendered, RendererState
from renderer.errors import DeviceLost
from renderer.interface import Backdrop, Frames, Rig
from renderer.motions import Samples
from renderer.portrait import Portrait, PortraitError, read_portrait
from renderer.video import GREEN
from runtime.arrays import digest_of
from runtime.frames import FrameStore, Tally, open_store
from runtime.options import MAX_SIZE, Background, FilmOptions
from runtime.renderers import Opened

log = structlog.get_logger()

MANY_PIXELS = 4_000_000
"""Of a frame, from which rendering it takes more than a second on two cores."""
KEPT = 3
"""Chunks whose frames a renderer keeps, should it be asked for them again: those in flight, and one."""


@dataclass(frozen=True, slots=True)
class Stage:
    """A portrait that is ready to be filmed.

    Attributes:
        portrait: SHA-256 of the picture.
        size: width and height of the frames, pixels.
        focus: left, top, right and bottom of the head and what is close around it, pixels.
        ranges: lowest and highest value that the rig can show, by channel.
        notes: what the user should know, each a sentence or clause.
        record: what frames depend on besides the motion, as plain data for `take.json`.
    """

    portrait: str
    size: tuple[int, int]
    focus: tuple[int, int, int, int]
    ranges: Mapping[str, tuple[float, float]]
    notes: tuple[str, ...]
    record: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Studio:
    """A renderer with the portrait that it has prepared.

    Attributes:
        stage: what others know.
        opened: the renderer.
        rig: what it prepared.
        behind: what is to be seen behind the person; None for the portrait's own background.
        store: of frames that were rendered before; None if none are kept.
        tally: how many frames were rendered, and how many taken from there.
    """

    stage: Stage
    opened: Opened
    rig: Rig
    behind: Backdrop | None
    store: FrameStore | None = None
    tally: Tally = field(default_factory=Tally)

    def render(self, rows: Samples) -> Frames:
        """Frames of some rows of the motion."""
        if self.store is not None:
            return self.store.render(rows, self._draw, self.tally)
        self.tally.drawn += len(rows)
        return self._draw(rows)

    def _draw(self, rows: Samples) -> Frames:
        return self.opened.renderer.render(self.rig, rows, self.behind)


def read_cast(options: FilmOptions, warn: Callable[[str], None] = lambda _: None) -> Portrait:
    """Read the portrait that is to act.

    Args:
        options: what is asked for.
        warn: told if rendering will take long.

    Raises:
        PortraitError: it cannot be used.
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
    return portrait


def prepare(opened: Opened, portrait: Portrait, face: int | None, background: Background, *, neutral: bool = False) -> Studio:
    """Prepare a portrait.

    Args:
        opened: the renderer.
        portrait: who acts.
        face: which of its faces, 1 for the largest; None for the largest.
        background: what is behind the person.
        neutral: whether the portrait's expression is relaxed before it acts.

    Raises:
        RendererError: there is no face in it, or it cannot be animated.
    """
    rig = opened.renderer.prepare(portrait, face=face, neutral=neutral)
    return furnish(opened, rig, portrait, face, background, neutral=neutral)


def furnish(
    opened: Opened, rig: Rig, portrait: Portrait, face: int | None, background: Background, *, neutral: bool = False
) -> Studio:
    """The studio of a portrait that is prepared already."""
    height, width = portrait.rgb.shape[:2]
    notes = [*portrait.notes, *rig.notes]
    if portrait.alpha is not None and background == "keep":
        notes.append("the portrait is transparent in places, which are filled in; --background says what to show there")
    record = {
        "portrait": {
            "file": portrait.name,
            "sha256": portrait.digest,
            "width": width,
            "height": height,
            "face": face,
            "notes": list(notes),
        },
        "renderer": dict(opened.record),
        "background": list(background) if isinstance(background, tuple) else background,
        "neutral": neutral,
    }
    stage = Stage(portrait.digest, rig.size, rig.focus, dict(rig.ranges), tuple(notes), record)
    shown: Mapping[str, Any] = {"sha256": portrait.digest, "width": width, "height": height, "face": face}
    depends = {"portrait": shown} | {name: record[name] for name in ("renderer", "background", "neutral")}
    return Studio(stage, opened, rig, backdrop(background), open_store(os.environ, depends, _still(portrait, background)))


def _still(portrait: Portrait, background: Background) -> NDArray[np.uint8]:
    """What most of a frame looks like: the portrait, and where the background is transparent as well, nothing but that."""
    if background != "alpha":
        return portrait.rgb
    return np.concatenate([portrait.rgb, np.full((*portrait.rgb.shape[:2], 1), 255, np.uint8)], axis=2)


def film_opened(stage: Stage, face: int | None, background: Background, span: int, *, neutral: bool = False) -> FilmOpened:
    """The message that says what is rendered.

    Args:
        stage: who acts.
        face: which of the portrait's faces.
        background: what is behind the person.
        span: most frames of a chunk.
        neutral: whether the portrait's expression is relaxed before it acts.
    """
    width, height = stage.size
    return FilmOpened(
        renderer=str(stage.record["renderer"]["name"]),
        portrait=stage.portrait,
        face=face,
        width=width,
        height=height,
        ranges={name: (float(low), float(high)) for name, (low, high) in stage.ranges.items()},
        background=bytes(background).hex() if isinstance(background, tuple) else background,
        span=span,
        neutral=neutral,
    )


def backdrop(background: Background) -> Backdrop | None:
    """What the renderer is to put behind the person."""
    if background == "keep":
        return None
    if background == "alpha":
        return Backdrop()
    return Backdrop(GREEN if background == "green" else background)


class RendererHost:
    """A renderer's role as an actor.

    Args:
        render: makes the frames of some rows.
        tally: how many of them it renders, and how many it has from before; None if nobody counts.
    """

    def __init__(self, render: Callable[[Samples], Frames], tally: Tally | None = None) -> None:
        self._render = render
        self._tally = tally or Tally()
        self._drawn: dict[tuple[int, int], int] = {}
        self._state = RendererState()
        self._answers: OrderedDict[tuple[int, int], tuple[ChunkRendered | ChunkFailed, Frames | None]] = OrderedDict()

    def forget(self) -> None:
        """Another take begins, in which chunks have the same numbers."""
        self._state = RendererState()
        self._answers.clear()
        self._drawn.clear()

    def drawn(self, chunk: int, attempt: int) -> int:
        """How many frames of a chunk that was received had to be rendered."""
        return self._drawn.get((chunk, attempt), 0)

    def receive(self, chunk: ChunkAssigned, rows: Samples) -> tuple[ChunkRendered | ChunkFailed, Frames | None]:
        """Render a chunk, or say again what became of it.

        Args:
            chunk: which, under which attempt.
            rows: float32 [frames, channels] of its motion.

        Returns:
            What to tell the coordinator, and the frames if there are any.

        Raises:
            DeviceLost: the device is gone, and with it this process's use.
        """
        asked = (chunk.chunk, chunk.attempt)
        if asked not in self._answers:
            before = self._tally.drawn
            self._answers[asked] = self._answer(chunk, rows)
            self._drawn[asked] = self._tally.drawn - before
            while len(self._answers) > KEPT:
                self._answers.popitem(last=False)
        return self._answers[asked]

    def _answer(self, chunk: ChunkAssigned, rows: Samples) -> tuple[ChunkRendered | ChunkFailed, Frames | None]:
        self._state, (asked,) = RENDERER.step(self._state, Received(chunk))
        assert isinstance(asked, Render)
        frames: Frames | None = None
        done: Rendered | RenderBroke
        try:
            if digest_of(rows) != chunk.motion:
                raise ValueError("the rows of the motion are not those that were assigned")
            frames = self._render(rows)
            done = Rendered(chunk.chunk, chunk.attempt, digest_of(frames))
        except DeviceLost:
            raise
        except Exception as error:
            # Whatever goes wrong in a chunk, the coordinator is to hear of it, and the others go on.
            log.exception("the chunk could not be rendered", chunk=chunk.chunk)
            done = RenderBroke(chunk.chunk, chunk.attempt, _said(error)[:400])
        self._state, (sent,) = RENDERER.step(self._state, done)
        assert isinstance(sent, Send)
        assert isinstance(sent.message, (ChunkRendered, ChunkFailed))
        return sent.message, frames


def _said(error: Exception) -> str:
    """What went wrong in a chunk, in one line."""
    if isinstance(error, MemoryError):
        return "the memory is not enough; --size makes smaller frames"
    said = " ".join(str(error).split())
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
