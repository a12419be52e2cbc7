"""The machine of a renderer: one chunk at a time, answered with its frames' digest or an error."""

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
    """What a renderer's role remembers: the chunk that it works on, if any."""

    phase: str = "idle"
    chunk: ChunkAssigned | None = None


Result = tuple[RendererState, Sequence[Output]]


def _render(state: RendererState, event: Received) -> Result:
    assert isinstance(event.message, ChunkAssigned)
    return replace(state, phase="rendering", chunk=event.message), (Render(event.message),)


def _done(state: RendererState, event: Rendered) -> Result:
    done = ChunkRendered(chunk=event.chunk, attempt=event.attempt, frames=event.frames)
    return replace(state, phase="idle", chunk=None), (Send((COORDINATOR,), done),)


def _failed(state: RendererState, event: RenderBroke) -> Result:
    failed = ChunkFailed(chunk=event.chunk, attempt=event.attempt, error=event.error[:400])
    return replace(state, phase="idle", chunk=None), (Send((COORDINATOR,), failed),)


def _close(state: RendererState, event: Event) -> Result:
    return replace(state, phase="closed", chunk=None), ()


def _ignore(state: RendererState, event: Event) -> Result:
    return state, ()


def _asked_for(state: RendererState, event: Rendered | RenderBroke) -> bool:
    return state.chunk is not None and (event.chunk, event.attempt) == (state.chunk.chunk, state.chunk.attempt)


RENDERER: Machine[RendererState] = Machine(
    "renderer",
    (
        Row("idle", "ChunkAssigned", "", None, "rendering", ("Render",), _render),
        Row("rendering", "Rendered", "it is the chunk asked for", _asked_for, "idle", ("ChunkRendered",), _done),
        Row("rendering", "RenderBroke", "it is the chunk asked for", _asked_for, "idle", ("ChunkFailed",), _failed),
        *(Row(phase, "TakeClosed", "", None, "closed", (), _close) for phase in ("idle", "rendering")),
        *(Row("closed", event, "", None, "closed", (), _ignore) for event in ("Rendered", "RenderBroke")),
    ),
)
"""The table of a renderer."""
