"""The dispatcher as a part of the coordinator: committed beats become rows of the motion, chunks of those go to renderers.

The machine (`protocol.dispatch`) decides; this host samples the motion, has every message journaled before it takes effect,
and asks its base for what takes time: rendering a chunk, and putting its frames into the video.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Protocol

import numpy as np

from protocol.coordination import MergeBeat
from protocol.dispatch import (
    DISPATCHER,
    Close,
    Dismiss,
    Drop,
    FilmBroke,
    Filmed,
    FramesLost,
    Gone,
    Merge,
    Quiet,
    Ready,
    Unable,
    Write,
    Written,
)
from protocol.dispatcher_state import DispatcherState
from protocol.machine import Received, Send
from protocol.messages import COORDINATOR, ChunkAssigned, ChunkFailed, ChunkRendered, Cut, FilmOpened, Merged
from protocol.timeline import CommittedBeat, beat_frames, sample_beat
from renderer.motions import Samples
from runtime.arrays import digest_of
from runtime.fitting import shown_rows
from runtime.sequencer import Sequencer

FIRST = 4
"""Frames of the first chunk; the next have twice as many each, up to the usual length. So the first frames are there soon."""


class Renderers(Protocol):
    """What the dispatcher may ask of its base. Everything is answered later, through the methods of `DispatchHost`."""

    def assign(self, renderer: str, chunk: ChunkAssigned, rows: Samples) -> None:
        """Have a renderer make the frames of a chunk and keep them for `write`."""
        ...

    def write(self, chunk: int, attempt: int) -> None:
        """Put the frames of a chunk into the video."""
        ...

    def drop(self, chunk: int, attempt: int) -> None:
        """Forget the frames of a chunk."""
        ...

    def dismiss(self, renderer: str, reason: str) -> None:
        """End a renderer that does nothing right."""
        ...


@dataclass(frozen=True, slots=True)
class Merger:
    """Turns committed beats into rows for the renderers.

    Attributes:
        fps: frames per second.
        film: the rig's ranges, into which values are eased, and the length of a chunk.
    """

    fps: Fraction
    film: FilmOpened

    def rows(self, beat: MergeBeat) -> tuple[int, Samples]:
        """The first frame of a beat, and float32 [frames, channels] of it as they are rendered."""
        first, last = beat_frames(beat.start, beat.end, self.fps, ends=beat.ends)
        samples = sample_beat(CommittedBeat(start=beat.start, end=beat.end, tracks=beat.tracks), first, last, self.fps)
        return first, shown_rows(samples, self.film.ranges)


class DispatchHost:
    """The dispatcher's machine at work.

    Args:
        sequencer: which journals.
        renderers: who renders and writes.
        merger: who samples.
    """

    def __init__(self, sequencer: Sequencer, renderers: Renderers, merger: Merger) -> None:
        self._sequencer = sequencer
        self._renderers = renderers
        self._merger = merger
        self._report: Callable[[Filmed | FilmBroke], None] = lambda _: None
        self._state = DispatcherState()
        self._rows: dict[int, Samples] = {}
        self._cuts = 0

    @property
    def state(self) -> DispatcherState:
        """What the role remembers."""
        return self._state

    def report_to(self, report: Callable[[Filmed | FilmBroke], None]) -> None:
        """Who is told, once, how the frames ended."""
        self._report = report

    def merge(self, beat: MergeBeat) -> None:
        """A beat is committed."""
        first, rows = self._merger.rows(beat)
        cuts = []
        at = 0
        while at < len(rows):
            length = min(self._merger.film.span, FIRST << min(self._cuts, 16))
            part = np.ascontiguousarray(rows[at : at + length])
            self._rows[self._cuts] = part
            cuts.append(Cut(chunk=self._cuts, first=first + at, last=first + at + len(part), motion=digest_of(part)))
            self._cuts += 1
            at += length
        self._step(Merge(Merged(beat=beat.beat, chunks=tuple(cuts), ends=beat.ends)))

    def ready(self, renderer: str) -> None:
        """A renderer can take chunks."""
        self._step(Ready(renderer))

    def quiet(self, renderer: str, reason: str) -> None:
        """A renderer does not answer at the moment."""
        self._step(Quiet(renderer, reason[:400]))

    def gone(self, renderer: str, reason: str) -> None:
        """A renderer will never answer again."""
        self._step(Gone(renderer, reason[:400]))

    def receive(self, renderer: str, message: ChunkRendered | ChunkFailed) -> None:
        """A renderer has said what became of a chunk."""
        if self._state.phase != "closed":
            self._sequencer.record((COORDINATOR,), message, sender=renderer)
        self._step(Received(message))

    def written(self, chunk: int) -> None:
        """The frames of a chunk are part of the video."""
        self._rows.pop(chunk, None)
        self._step(Written(chunk))

    def lost(self, chunk: int, reason: str) -> None:
        """The frames of a chunk that was rendered cannot be reached."""
        self._step(FramesLost(chunk, reason[:400]))

    def unable(self, reason: str) -> None:
        """The video cannot be made: nobody can render, or nothing can be written."""
        self._step(Unable(reason[:400]))

    def close(self) -> None:
        """The take is over."""
        self._step(Close())

    def _step(self, event: Any) -> None:
        self._state, outputs = DISPATCHER.step(self._state, event)
        for output in outputs:
            if isinstance(output, Send):
                self._sequencer.record(output.to, output.message)
                if isinstance(output.message, ChunkAssigned):
                    self._renderers.assign(output.to[0], output.message, self._rows[output.message.chunk])
            elif isinstance(output, Write):
                self._renderers.write(output.chunk, output.attempt)
            elif isinstance(output, Drop):
                self._rows.pop(output.chunk, None)
                self._renderers.drop(output.chunk, output.attempt)
            elif isinstance(output, Dismiss):
                self._renderers.dismiss(output.renderer, output.reason)
            elif isinstance(output, (Filmed, FilmBroke)):
                self._report(output)
