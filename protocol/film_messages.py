"""Messages about frames: between the coordinator and renderers, and what the coordinator notes of them in the journal.

They belong to the messages of the protocol (`protocol.messages`), from where they are taken.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from protocol.channels import CHANNELS
from protocol.fields import Count, Digest, Finite, Identifier, Positive, Text
from protocol.keyframes import Frozen


class ChunkAssigned(Frozen):
    """Frames `[first, last)` to be rendered from a motion."""

    chunk: Count
    first: Count
    last: Positive
    motion: Digest
    attempt: Positive


class ChunkRendered(Frozen):
    """A chunk is done; `frames` is the digest of its uint8 pixels."""

    chunk: Count
    attempt: Positive
    frames: Digest


class ChunkFailed(Frozen):
    """A chunk could not be rendered."""

    chunk: Count
    attempt: Positive
    error: Text


class ChunkWritten(Frozen):
    """A chunk's frames are part of the video now; chunks are written in their order, each once."""

    chunk: Count
    frames: Digest


class ChunkLost(Frozen):
    """A chunk was rendered, but its frames can no longer be reached: they were on a node that is gone."""

    chunk: Count
    attempt: Positive
    reason: Text


class RendererChanged(Frozen):
    """What became of a renderer: it can take chunks, it does not answer at the moment, or it will never answer again."""

    renderer: Identifier
    to: Literal["ready", "quiet", "gone"]
    reason: Text


class FilmOpened(Frozen):
    """The frames of the take are to be rendered: everything that they depend on besides the motion.

    Attributes:
        renderer: by name.
        portrait: SHA-256 of the picture.
        face: which of its faces acts, 1 for the largest; None for the largest.
        width: of the frames, pixels.
        height: the same.
        ranges: lowest and highest value that the rig can show, by channel.
        background: what is behind the person.
        span: most frames of a chunk.
        neutral: whether the expression of the portrait is relaxed before it acts.
    """

    renderer: Identifier
    portrait: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    face: Positive | None
    width: Positive
    height: Positive
    ranges: dict[str, tuple[Finite, Finite]]
    background: Identifier
    span: Positive
    neutral: bool = False

    @model_validator(mode="after")
    def _bounds_channels(self) -> Self:
        for name, (low, high) in self.ranges.items():
            if name not in CHANNELS or not low <= high:
                raise ValueError(f"{name} cannot have the range {low} to {high}")
        return self


class Cut(Frozen):
    """A chunk: frames `[first, last)` of the take, and the digest of their rows of the motion."""

    chunk: Count
    first: Count
    last: Positive
    motion: Digest


class Merged(Frozen):
    """The four tracks of a committed beat have become rows of the motion, cut into chunks; none if no frame falls into it.

    Attributes:
        beat: which.
        chunks: in order; they go on where those of the last beat ended.
        ends: whether this is the take's last beat.
    """

    beat: Count
    chunks: Annotated[tuple[Cut, ...], Field(max_length=1_000_000, fail_fast=True)]
    ends: bool


class FilmFailed(Frozen):
    """The video cannot be finished.

    Attributes:
        chunk: that was given up after several attempts; None if it was not for a chunk.
        error: why it cannot.
    """

    chunk: Count | None
    error: Text
