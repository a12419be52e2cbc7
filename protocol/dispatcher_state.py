"""What the dispatcher remembers."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from typing import Literal

from protocol.messages import Cut

IN_FLIGHT = 2
"""The most chunks that one renderer holds."""

AHEAD = 3
"""How many chunks may be on their way into the video for each renderer that is ready."""

SPARE = 4
"""How many more may be."""


@dataclass(frozen=True, slots=True)
class Work:
    """A chunk that was handed out at least once.

    Attributes:
        chunk: its number.
        attempt: the latest.
        renderer: who has it, or had it last.
        frames: their digest; empty until it is rendered.
        strikes: how often it failed or its renderer ended.
        failed: the renderers on which it failed, or whose frames of it were lost.
        error: what went wrong the last time.
        suspect: whether a renderer ended that held it, so that it may be what ends them.
        losses: how often its frames were lost.
    """

    chunk: int
    attempt: int
    renderer: str
    frames: str = ""
    strikes: int = 0
    failed: tuple[str, ...] = ()
    error: str = ""
    suspect: bool = False
    losses: int = 0


@dataclass(frozen=True, slots=True)
class Renderer:
    """What the dispatcher knows of one renderer.

    Attributes:
        name: its role.
        standing: whether it can be given chunks; a dismissed one never again.
        holds: chunks in the order in which it got them; it works on the first.
        failures: how many times in a row it has failed.
        alone: whether it holds a suspect, and is to hold nothing else.
    """

    name: str
    standing: Literal["ready", "quiet", "dismissed"] = "ready"
    holds: tuple[int, ...] = ()
    failures: int = 0
    alone: bool = False


@dataclass(frozen=True, slots=True)
class DispatcherState:
    """Everything that the dispatcher remembers. What is a tuple of `Work` is in the order of chunks.

    Attributes:
        phase: "open" while chunks may still be cut, "ending" after the last beat, then "closed".
        cuts: all chunks so far, each at the place of its number.
        fresh: the lowest chunk that never was handed out; so all after it.
        returned: chunks that wait to be handed out again.
        assigned: chunks that renderers hold.
        rendered: chunks whose frames wait to be written.
        next: the chunk that is to be written next.
        writing: whether the host is writing it.
        renderers: in the order of joining, without those that are gone.
        given_up: the lowest chunk that was given up.
        others: how many others were given up.
    """

    phase: str = "open"
    cuts: tuple[Cut, ...] = ()
    fresh: int = 0
    returned: tuple[Work, ...] = ()
    assigned: tuple[Work, ...] = ()
    rendered: tuple[Work, ...] = ()
    next: int = 0
    writing: bool = False
    renderers: tuple[Renderer, ...] = ()
    given_up: Work | None = None
    others: int = 0

    @property
    def left(self) -> int:
        """How many chunks are neither written, dropped nor given up."""
        return len(self.cuts) - self.fresh + len(self.returned) + len(self.assigned) + len(self.rendered)

    @property
    def window(self) -> int:
        """The most chunks that may be handed out or rendered and not yet written."""
        return AHEAD * sum(one.standing == "ready" for one in self.renderers) + SPARE

    @property
    def unwritten(self) -> int:
        """How many are, without those that cannot be written any more."""
        assigned = len(self.assigned) if self.given_up is None else rank(self.assigned, self.given_up.chunk)
        return assigned + len(self.rendered)

    def writable(self, chunk: int) -> bool:
        """Whether no chunk before it was given up."""
        return self.given_up is None or chunk < self.given_up.chunk

    def renderer(self, name: str) -> Renderer | None:
        """One renderer's entry, None if it is not known."""
        return next((one for one in self.renderers if one.name == name), None)

    def with_renderer(self, changed: Renderer) -> DispatcherState:
        """The state with one renderer's entry changed."""
        renderers = tuple([changed if one.name == changed.name else one for one in self.renderers])
        return replace(self, renderers=renderers)


by_chunk = attrgetter("chunk")
"""What works are sorted by."""


def rank(works: Sequence[Work], chunk: int) -> int:
    """How many of them come before a chunk."""
    return bisect_left(works, chunk, key=by_chunk)


def find(works: Sequence[Work], chunk: int) -> Work | None:
    """The one of a chunk, None if it is not among them."""
    at = rank(works, chunk)
    return works[at] if at < len(works) and works[at].chunk == chunk else None


def put(works: tuple[Work, ...], work: Work) -> tuple[Work, ...]:
    """These with one more, at its place."""
    at = rank(works, work.chunk)
    return (*works[:at], work, *works[at:])


def take(works: tuple[Work, ...], chunk: int) -> tuple[Work, tuple[Work, ...]]:
    """The one of a chunk that is among them, and the rest."""
    at = rank(works, chunk)
    assert works[at].chunk == chunk
    return works[at], works[:at] + works[at + 1 :]
