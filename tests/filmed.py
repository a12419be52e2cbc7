"""Tiny takes that are rendered, by as many renderers as a test wants, and takes that go on from their journals.

A frame is two by four pixels that say what its row of the motion says. Renderers die, fail and lose frames as a test tells them
to, on the clock of the in-process base; everything else is what runs a real take.
"""

from __future__ import annotations

import io

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, Literal

import numpy as np

from agents.exchange import DirectorAgent
from agents.regions import Judgements
from configs.tables import Tables
from protocol.channels import INDEX, REGIONS, Region
from protocol.journal import JournalWriter, Record
from protocol.messages import ChunkAssigned, ChunkFailed, ChunkRendered, FilmOpened, TakeOpened
from protocol.replay import fold
from renderer.interface import Frames
from renderer.motions import Samples
from renderer.video import VideoError
from runtime.arrays import digest_of
from runtime.coordinating import CoordinatorHost
from runtime.dispatching import DispatchHost, Merger
from runtime.filming import Film
from runtime.hosts import Thinker
from runtime.inline import InlineRuntime
from runtime.sequencer import Sequencer
from tests.takes import TinyDirector, TinyRegion, Told, take_opened, tiny_tables

Fate = Literal["rendered", "failed", "dies", "lost", "dark"]
"""What becomes of a chunk that is assigned: it is rendered; that fails; its renderer dies; its frames are lost when they are to
be written; it comes out other than it should."""


def meeting(fates: Mapping[Any, Fate]) -> Callable[[str, ChunkAssigned], Fate]:
    """What becomes of chunks: looked up by (chunk, attempt), by chunk, or by renderer; the others are rendered."""

    def fate(renderer: str, chunk: ChunkAssigned) -> Fate:
        known = (fates.get(key) for key in ((chunk.chunk, chunk.attempt), chunk.chunk, renderer))
        return next((one for one in known if one), "rendered")

    return fate


def film_opened(span: int = 7) -> FilmOpened:
    """That a take is rendered; the head of a tiny take turns further than this portrait can show."""
    return FilmOpened(
        renderer="tiny",
        portrait="0" * 64,
        face=None,
        width=4,
        height=2,
        ranges={"headYaw": (-5.0, 5.0)},
        background="keep",
        span=span,
    )


def painted(rows: Samples) -> Frames:
    """Frames that say what their rows say."""
    frames = np.zeros((len(rows), 2, 4, 3), np.uint8)
    for place, name in enumerate(("browInnerUp", "eyeWideLeft", "jawOpen")):
        frames[..., place] = np.rint(200 * rows[:, INDEX[name]])[:, None, None]
    frames[:, 0, 0, 0] = np.rint(128 + 10 * rows[:, INDEX["headYaw"]])
    return frames


class Reel(Film):
    """Keeps the frames that are written.

    Args:
        full: how many chunks there is room for; None for any number.
    """

    def __init__(self, full: int | None = None) -> None:
        self.chunks: list[Frames] = []
        self._full = full

    def write(self, frames: Frames) -> None:
        """Keep a chunk."""
        if len(self.chunks) == self._full:
            raise VideoError("no space left on device")
        self.chunks.append(frames)

    @property
    def frames(self) -> Frames:
        """All of them: uint8 [frames, 2, 4, 3]."""
        return np.concatenate(self.chunks) if self.chunks else np.zeros((0, 2, 4, 3), np.uint8)


class Cinema(InlineRuntime):
    """The in-process base with several renderers.

    Args:
        renderers: their names.
        fate: what becomes of a chunk that is assigned.
        quiet: renderers that do not answer for a while after their first chunk.
    """

    def __init__(
        self,
        *args: Any,
        renderers: Sequence[str],
        fate: Callable[[str, ChunkAssigned], Fate],
        quiet: Sequence[str] = (),
        **kwargs: Any,
    ) -> None:
        self._names = renderers
        self._fate = fate
        self._quiet = set(quiet)
        self._dead: set[str] = set()
        self._losing: set[tuple[int, int]] = set()
        super().__init__(*args, **kwargs)

    def run(self, begin: Callable[[CoordinatorHost], None], film: Film | None = None) -> None:
        """Run the take to its end."""

        def both(coordinator: CoordinatorHost) -> None:
            begin(coordinator)
            for name in self._names if film else ():
                self._dispatch.ready(name)

        super().run(both, film)

    def assign(self, renderer: str, chunk: ChunkAssigned, rows: Samples) -> None:
        """Let a chunk meet its fate."""
        self._at(0.01, lambda: self._meet(renderer, chunk, rows))

    def write(self, chunk: int, attempt: int) -> None:
        """Write a chunk, unless its frames are lost."""
        if (chunk, attempt) in self._losing:
            self._frames.pop(chunk)
            self._at(0.0, lambda: self._dispatch.lost(chunk, "its node is gone"))
        else:
            super().write(chunk, attempt)

    def dismiss(self, renderer: str, reason: str) -> None:
        """End a renderer; another one takes its place."""
        self._at(0.0, lambda: self._die(renderer, reason))

    def _meet(self, renderer: str, chunk: ChunkAssigned, rows: Samples) -> None:
        if renderer in self._dead or self._coordinator.state.phase == "closed":
            return
        assert digest_of(rows) == chunk.motion
        if renderer in self._quiet:
            self._quiet.discard(renderer)
            self._dispatch.quiet(renderer, "no answer for a while")
            self._at(0.05, lambda: self._dispatch.ready(renderer))
        fate = self._fate(renderer, chunk)
        if fate == "dies":
            self._die(renderer, "killed")
        elif fate == "failed":
            self._dispatch.receive(renderer, ChunkFailed(chunk=chunk.chunk, attempt=chunk.attempt, error="no memory"))
        else:
            if fate == "lost":
                self._losing.add((chunk.chunk, chunk.attempt))
            frames = painted(rows) // (2 if fate == "dark" else 1)
            self._frames[chunk.chunk] = frames
            done = ChunkRendered(chunk=chunk.chunk, attempt=chunk.attempt, frames=digest_of(frames))
            self._dispatch.receive(renderer, done)

    def _die(self, renderer: str, reason: str) -> None:
        self._dead.add(renderer)
        self._dispatch.gone(renderer, reason)
        self._dispatch.ready(f"{renderer}b")


@dataclass(frozen=True, slots=True)
class Ran(Told):
    """What a take came to, and its video.

    Attributes:
        reel: the frames.
    """

    reel: Reel = field(default_factory=Reel)


def play(
    past: Sequence[Record] = (),
    *,
    film: bool = True,
    beats: int = 2,
    opened: TakeOpened | None = None,
    renderers: Sequence[str] = ("renderer-1", "renderer-2"),
    fate: Callable[[str, ChunkAssigned], Fate] = lambda renderer, chunk: "rendered",
    quiet: Sequence[str] = (),
    reel: Reel | None = None,
    agents: Mapping[Region, type[TinyRegion]] | None = None,
    fallbacks: type[TinyRegion] = TinyRegion,
    director: DirectorAgent | None = None,
    tables: Tables | None = None,
    versions: dict[str, str] | None = None,
    **how: Any,
) -> Ran:
    """Run a tiny take that is rendered, or go on with one.

    Args:
        past: its journal, if it goes on.
        film: whether it is rendered.
        beats: how many.
        opened: how it is opened.
        renderers: who renders.
        fate: what becomes of chunks.
        quiet: renderers that do not answer for a while.
        reel: where frames go.
        agents: regions that are played by others than a `TinyRegion`.
        fallbacks: who plays a region that does not answer.
        director: who briefs, if not a `TinyDirector`.
        tables: what must hold, if not the rules of a tiny take.
        versions: of the software that goes on; the same if none are given.
        how: what `InlineRuntime` takes besides.
    """
    tables, reel, opened = tables or tiny_tables(), reel or Reel(), opened or take_opened()
    judgements = Judgements(tables)
    playing: dict[Region, Any] = {region: (agents.get(region) if agents else None) or TinyRegion for region in REGIONS}
    thinkers: dict[Region, Thinker] = {region: make(region, judgements) for region, make in playing.items()}
    records = list(past)
    stream = io.BytesIO()
    writer = JournalWriter(stream, lambda: None)
    for record in past:
        writer.append(record)
    sequencer = Sequencer(writer, lambda: 0.0, records.append, past)
    showing = film_opened() if film else None

    def host(place: Cinema) -> CoordinatorHost:
        dispatch = DispatchHost(sequencer, place, Merger(Fraction(opened.fps), showing)) if showing else None
        return CoordinatorHost(director or TinyDirector(beats), tables, judgements, place, sequencer, dispatch)

    def begin(coordinator: CoordinatorHost) -> None:
        if past:
            coordinator.resume(fold(past, tables.constraints), versions or {}, showing)
        else:
            coordinator.start(opened, showing)

    runtime = Cinema(
        host,
        thinkers,
        lambda region: fallbacks(region, judgements),
        **how,
        renderers=renderers,
        fate=fate,
        quiet=quiet,
        resumed=f"again{len(past)}-" if past else "",
    )
    runtime.run(begin, reel if film else None)
    writer.close()
    states = {region: each.state for region, each in runtime._regions.items()}
    state = runtime.coordinator.state
    return Ran(state, states, tuple(records), stream.getvalue(), runtime.received, playing, tables, reel)
