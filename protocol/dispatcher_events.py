"""What the dispatcher's machine asks of its host, and what the host tells it.

Requests are outputs of the machine, all others its events; messages of the protocol are neither and live in
`protocol.messages`. They belong to the machine (`protocol.dispatch`), from where they are taken.
"""

from __future__ import annotations

from dataclasses import dataclass

from protocol.messages import Merged


@dataclass(frozen=True, slots=True)
class Merge:
    """A committed beat has been sampled and cut into chunks."""

    merged: Merged


@dataclass(frozen=True, slots=True)
class Ready:
    """A renderer can take chunks: a new one, or one that was quiet."""

    renderer: str


@dataclass(frozen=True, slots=True)
class Quiet:
    """A renderer does not answer at the moment."""

    renderer: str
    reason: str


@dataclass(frozen=True, slots=True)
class Gone:
    """A renderer will never answer again."""

    renderer: str
    reason: str


@dataclass(frozen=True, slots=True)
class Written:
    """The frames that were to be written are in the video."""

    chunk: int


@dataclass(frozen=True, slots=True)
class FramesLost:
    """The frames of a chunk that was rendered cannot be fetched."""

    chunk: int
    reason: str


@dataclass(frozen=True, slots=True)
class Unable:
    """No renderer can be had, or the video cannot be written."""

    reason: str


@dataclass(frozen=True, slots=True)
class Close:
    """The take is over."""


@dataclass(frozen=True, slots=True)
class Write:
    """The host is to put the frames of a chunk into the video and to answer with `Written` or `FramesLost`."""

    chunk: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Drop:
    """The frames of a chunk are not needed."""

    chunk: int
    attempt: int


@dataclass(frozen=True, slots=True)
class Dismiss:
    """The host is to end a renderer, which then comes back as `Gone`."""

    renderer: str
    reason: str


@dataclass(frozen=True, slots=True)
class Filmed:
    """All chunks are written."""


@dataclass(frozen=True, slots=True)
class FilmBroke:
    """The video cannot be finished."""

    error: str
