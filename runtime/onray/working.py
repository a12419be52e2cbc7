"""What the pool knows of each renderer, whom they render, and who hears of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from protocol.messages import ChunkFailed, ChunkRendered
from renderer.motions import Samples
from runtime.options import Background

Standing = Literal["starting", "loading", "up", "settling", "ready", "quiet"]
"""*Starting* until there is a process, *loading* until that has loaded what rendering takes, then *up*; *settling* while it is
given the portrait, then *ready*; *quiet* while it is not known whether it lives, or whether a call was done."""


class Client(Protocol):
    """Who is told what becomes of renderers and chunks: the take that is being rendered."""

    def ready(self, name: str) -> None:
        """A renderer can take chunks."""

    def quiet(self, name: str, reason: str) -> None:
        """A renderer does not answer at the moment."""

    def gone(self, name: str, reason: str) -> None:
        """A renderer will never answer again."""

    def answered(self, name: str, message: ChunkRendered | ChunkFailed, frames: Any) -> None:
        """What became of a chunk; a reference to its frames."""

    def starved(self, reason: str) -> None:
        """There is nobody to render, and there will be nobody."""


@dataclass(frozen=True, slots=True)
class Cast:
    """Who is to be rendered.

    Attributes:
        key: what it is known by.
        portrait: a reference to it.
        face: which of its faces.
        background: what is behind the person.
        neutral: whether the portrait's expression is relaxed before it acts.
    """

    key: str
    portrait: Any
    face: int | None
    background: Background
    neutral: bool = False

    @property
    def words(self) -> tuple[str, Any, int | None, Background, bool]:
        """As the actors take it."""
        return self.key, self.portrait, self.face, self.background, self.neutral


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """A chunk that a renderer is to render. One that was quiet is asked for the same job again; an assignment is a new one."""

    chunk: bytes
    rows: Samples


@dataclass(slots=True, eq=False)
class Worker:
    """A renderer's process.

    Attributes:
        name: by which the journal knows it.
        actor: Ray's handle of it.
        standing: see `Standing`.
        since: when it became quiet.
        cast: whom it can render.
        jobs: what it has not answered, by chunk and attempt, in the order in which it was asked.
        turn: counts what it was asked for besides; an answer to what it was asked for before that is void.
    """

    name: str
    actor: Any
    standing: Standing = "starting"
    since: float = 0.0
    cast: Cast | None = None
    jobs: dict[tuple[int, int], Job] = field(default_factory=dict)
    turn: int = 0
