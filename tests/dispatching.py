"""A dispatcher played by hand: shorthand for what renderers and its host say, and for what it gives out."""

from collections.abc import Sequence
from typing import Any

from protocol.dispatch import DISPATCHER, Close, FramesLost, Gone, Merge, Quiet, Ready, Unable, Written
from protocol.dispatcher_state import DispatcherState, find
from protocol.machine import Received, Send
from protocol.messages import ChunkAssigned, ChunkFailed, ChunkRendered, Cut, Merged
from tests.takes import Script

MOTION = "0" * 32
SPAN = 25


def merged(count: int, after: int = 0, *, ends: bool = True) -> Merge:
    """A beat of some chunks of 25 frames, after as many others."""
    chunks = tuple(
        Cut(chunk=chunk, first=chunk * SPAN, last=(chunk + 1) * SPAN, motion=MOTION) for chunk in range(after, after + count)
    )
    return Merge(Merged(beat=0, chunks=chunks, ends=ends))


def digest_of(chunk: int) -> str:
    """What stands for the digest of a chunk's frames."""
    return f"{chunk:032x}"


class Film(Script[DispatcherState]):
    """A dispatcher that is fed by hand."""

    def __init__(self, *renderers: str, chunks: int = 0, ends: bool = True) -> None:
        super().__init__(DISPATCHER, DispatcherState())
        for renderer in renderers:
            self(Ready(renderer))
        if chunks:
            self(merged(chunks, ends=ends))

    def done(self, *chunks: int) -> tuple[Any, ...]:
        """Chunks are rendered under their latest attempt; what the last one gives."""
        for chunk in chunks:
            outputs = self(Received(ChunkRendered(chunk=chunk, attempt=self.attempt(chunk), frames=digest_of(chunk))))
        return outputs

    def fail(self, *chunks: int, error: str = "no memory") -> tuple[Any, ...]:
        """Chunks fail under their latest attempt; what the last one gives."""
        for chunk in chunks:
            outputs = self(Received(ChunkFailed(chunk=chunk, attempt=self.attempt(chunk), error=error)))
        return outputs

    def write(self, *chunks: int) -> tuple[Any, ...]:
        """Chunks are written; what the last one gives."""
        for chunk in chunks:
            outputs = self(Written(chunk))
        return outputs

    def attempt(self, chunk: int) -> int:
        """The attempt under which a chunk is assigned."""
        work = find(self.state.assigned, chunk)
        assert work is not None, f"chunk {chunk} is not assigned"
        return work.attempt

    def holds(self) -> dict[str, tuple[int, ...]]:
        """What each renderer holds."""
        return {one.name: one.holds for one in self.state.renderers}


def handed(outputs: Sequence[Any]) -> list[tuple[str, int, int]]:
    """(renderer, chunk, attempt) of what was handed out."""
    return [
        (output.to[0], output.message.chunk, output.message.attempt)
        for output in outputs
        if isinstance(output, Send) and isinstance(output.message, ChunkAssigned)
    ]


def only(outputs: Sequence[Any], *kinds: type) -> list[Any]:
    """The outputs of some kinds that are not messages."""
    return [output for output in outputs if isinstance(output, kinds)]


EVERY = (
    merged(1),
    Ready("c"),
    Quiet("a", "x"),
    Gone("a", "x"),
    Received(ChunkRendered(chunk=0, attempt=1, frames=MOTION)),
    Received(ChunkFailed(chunk=0, attempt=1, error="x")),
    Written(0),
    FramesLost(0, "x"),
    Unable("x"),
    Close(),
)


def closed() -> Film:
    """A film that was closed in its midst."""
    film = Film("a", chunks=3)
    film(Close())
    return film
