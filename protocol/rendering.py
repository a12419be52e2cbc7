"""The machine of a renderer: one chunk at a time, answered with its frames' digest or an error.

A second chunk may be handed to it while it works on one, so that it can go on without waiting for the next.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from protocol.machine import Event, Machine, Output, Received, Row, Send
from protocol.messages import COORDINATOR, ChunkAssigned, ChunkFailed, ChunkRendered


@dataclass(frozen=True, slots=True)
class Render:
    """The host is to render a chunk."""

    chunk: ChunkAssigned


@dataclass(frozen=True, slots=True)
class Rendered:
    """The chunk is done; digest of its frames."""

    chunk: int
    attempt: int
    frames: str


@dataclass(frozen=True, slots=True)
class RenderBroke:
    """The chunk could not be rendered."""

    chunk: int
    attempt: int
    error: str


@dataclass(frozen=True, slots=True)
class RendererState:
    """What a renderer's role remembers.

    Attributes:
        phase: "idle", "rendering" or "closed".
        chunk: that it works on, if any.
        queued: that it works on next, if any.
    """

    phase: str = "idle"
    chunk: ChunkAssigned | None = None
    queued: ChunkAssigned | None = None


Result = tuple[RendererState, Sequence[Output]]


def _render(state: RendererState, event: Received) -> Result:
    assert isinstance(event.message, ChunkAssigned)
    return replace(state, phase="rendering", chunk=event.message), (Render(event.message),)


def _queue(state: RendererState, event: Received) -> Result:
    assert isinstance(event.message, ChunkAssigned)
    return replace(state, queued=event.message), ()


def _done(state: RendererState, event: Rendered) -> Result:
    return _go_on(state, ChunkRendered(chunk=event.chunk, attempt=event.attempt, frames=event.frames))


def _failed(state: RendererState, event: RenderBroke) -> Result:
    return _go_on(state, ChunkFailed(chunk=event.chunk, attempt=event.attempt, error=event.error[:400]))


def _go_on(state: RendererState, answer: ChunkRendered | ChunkFailed) -> Result:
    """Answer, and go on with the chunk that waits, if one does."""
    send = Send((COORDINATOR,), answer)
    if state.queued is None:
        return replace(state, phase="idle", chunk=None), (send,)
    return replace(state, chunk=state.queued, queued=None), (send, Render(state.queued))


def _close(state: RendererState, event: Event) -> Result:
    return replace(state, phase="closed", chunk=None, queued=None), ()


def _ignore(state: RendererState, event: Event) -> Result:
    return state, ()


def _asked_for(state: RendererState, event: Rendered | RenderBroke) -> bool:
    return state.chunk is not None and (event.chunk, event.attempt) == (state.chunk.chunk, state.chunk.attempt)


def _asked_for_and_more(state: RendererState, event: Rendered | RenderBroke) -> bool:
    return _asked_for(state, event) and state.queued is not None


def _has_room(state: RendererState, event: Received) -> bool:
    return state.queued is None


_AND_MORE = "it is the chunk asked for, and another waits"

RENDERER: Machine[RendererState] = Machine(
    "renderer",
    (
        Row("idle", "ChunkAssigned", "", None, "rendering", ("Render",), _render),
        Row("rendering", "ChunkAssigned", "no other waits", _has_room, "rendering", (), _queue),
        Row("rendering", "Rendered", _AND_MORE, _asked_for_and_more, "rendering", ("ChunkRendered", "Render"), _done),
        Row("rendering", "Rendered", "it is the chunk asked for", _asked_for, "idle", ("ChunkRendered",), _done),
        Row("rendering", "RenderBroke", _AND_MORE, _asked_for_and_more, "rendering", ("ChunkFailed", "Render"), _failed),
        Row("rendering", "RenderBroke", "it is the chunk asked for", _asked_for, "idle", ("ChunkFailed",), _failed),
        *(Row(phase, "TakeClosed", "", None, "closed", (), _close) for phase in ("idle", "rendering")),
        *(Row("closed", event, "", None, "closed", (), _ignore) for event in ("Rendered", "RenderBroke")),
    ),
)
"""The table of a renderer."""
