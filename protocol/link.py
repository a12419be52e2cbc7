"""Reliable, ordered delivery over a transport that loses, repeats and reorders.

One link joins the coordinator with one role. Rules:

- Each direction numbers its bodies from 1. The receiver hands them on in that order, each once, and answers each envelope that
  holds a body with an acknowledgement: the highest number that it has received without a gap. Every envelope carries one.
- What is not acknowledged is sent again under the same number, whenever the caller's timer says so.
- A bare acknowledgement has number 0 and no body, and is never answered; so acknowledgements cannot chase each other.
- A link belongs to one incarnation of the role, its *epoch*. A new incarnation begins a fresh link with numbers from 1. What an
  older one still sends is fenced.
- Epoch 0 is for a process that has no incarnation yet. What it sends is handed on at once, as often as it comes, and is not
  acknowledged: the answer to it is the new incarnation. So it must be harmless when repeated.

All of this is pure: states are values, and when to send again is somebody else's decision.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

import msgpack

from protocol.wire import MAX_MESSAGE

MAX_PENDING = 1024
"""The most envelopes that may wait for an acknowledgement, or for one before them, in one direction of a link."""

MAX_ENVELOPE = MAX_MESSAGE + 1024
MAX_NUMBER = 2**53 - 1  # exact in any language's numbers
MAX_NAME = 80

Standing = Literal["hello", "older", "current", "newer"]


class LinkError(ValueError):
    """An envelope or a use of a link that breaks its rules."""


class WrongEpoch(LinkError):
    """An envelope of another incarnation than the link's."""

    def __init__(self, envelope: Envelope, epoch: int) -> None:
        self.envelope = envelope
        self.epoch = epoch
        sent = f"{envelope.sender} sent number {envelope.number} in epoch {envelope.epoch}"
        super().__init__(f"{sent}; the link is in epoch {epoch}")


class Fenced(WrongEpoch):
    """The envelope's incarnation has been replaced: it has no effect."""


class Ahead(WrongEpoch):
    """The envelope belongs to an incarnation that this side has not heard of: it may be its own new one."""


@dataclass(frozen=True, slots=True)
class Envelope:
    """What travels.

    Attributes:
        sender: role that sends.
        receiver: role that it is for.
        epoch: incarnation of the link's role; 0 before it has one.
        number: of the body, from 1; 0 without a body.
        ack: the highest number that the sender has received without a gap.
        body: a message on the wire; empty in a bare acknowledgement.

    Raises:
        LinkError: a field out of range, or a number without a body or the reverse.
    """

    sender: str
    receiver: str
    epoch: int
    number: int
    ack: int
    body: bytes

    def __post_init__(self) -> None:
        for name in ("sender", "receiver"):
            if not 1 <= len(getattr(self, name)) <= MAX_NAME:
                raise LinkError(f"envelope: {name} needs 1 to {MAX_NAME} characters")
        for name in ("epoch", "number", "ack"):
            if not 0 <= getattr(self, name) <= MAX_NUMBER:
                raise LinkError(f"envelope: {name} {getattr(self, name)} is outside 0..{MAX_NUMBER}")
        if (self.number == 0) != (not self.body):
            raise LinkError("envelope: a body has a number from 1, a bare acknowledgement has number 0")
        if len(self.body) > MAX_MESSAGE:
            raise LinkError(f"envelope: a body of {len(self.body)} bytes is above the limit of {MAX_MESSAGE}")


@dataclass(frozen=True, slots=True)
class LinkState:
    """One end of a link.

    Attributes:
        own: role at this end.
        peer: role at the other end.
        epoch: incarnation that the link belongs to.
        next_number: of the next body to send.
        unacknowledged: sent and not yet known to have arrived, in order.
        delivered: highest number received without a gap.
        waiting: received ahead of a gap, in order.
    """

    own: str
    peer: str
    epoch: int = 0
    next_number: int = 1
    unacknowledged: tuple[Envelope, ...] = ()
    delivered: int = 0
    waiting: tuple[Envelope, ...] = ()


def send(state: LinkState, body: bytes) -> tuple[LinkState, Envelope]:
    """Number a body and keep it until it is acknowledged.

    Raises:
        LinkError: MAX_PENDING bodies are unacknowledged, or the body is empty or too long.
    """
    if len(state.unacknowledged) >= MAX_PENDING:
        raise LinkError(f"{state.peer} has not acknowledged the last {MAX_PENDING} messages of {state.own}; no more are sent")
    envelope = Envelope(state.own, state.peer, state.epoch, state.next_number, state.delivered, body)
    owed = (*state.unacknowledged, envelope)
    after = LinkState(state.own, state.peer, state.epoch, state.next_number + 1, owed, state.delivered, state.waiting)
    return after, envelope


def receive(state: LinkState, envelope: Envelope) -> tuple[LinkState, tuple[bytes, ...], Envelope | None]:
    """Take in an envelope.

    Returns:
        The new state, the bodies that are now due in order, and the acknowledgement to send back (None if none is due).

    Raises:
        Fenced: the envelope belongs to an older incarnation.
        Ahead: it belongs to a newer one.
        LinkError: it is not for this link, acknowledges what was never sent, is further ahead than a sender may be, or repeats
            a number with another body. The state stays good for further use in all cases.
    """
    standing = epoch_of(state, envelope)
    if standing == "hello":
        return state, (envelope.body,) if envelope.number else (), None
    if standing == "older":
        raise Fenced(envelope, state.epoch)
    if standing == "newer":
        raise Ahead(envelope, state.epoch)
    if envelope.ack >= state.next_number:
        raise LinkError(f"{state.peer} acknowledges number {envelope.ack}; {state.own} has sent {state.next_number - 1}")
    if envelope.number > state.delivered + MAX_PENDING:
        raise LinkError(f"{state.peer} sends number {envelope.number}, more than {MAX_PENDING} after {state.delivered}")
    waiting = _insert(state.waiting, envelope) if envelope.number > state.delivered else state.waiting

    due = 0
    while due < len(waiting) and waiting[due].number == state.delivered + due + 1:
        due += 1
    owed = tuple([sent for sent in state.unacknowledged if sent.number > envelope.ack])
    delivered = state.delivered + due
    after = LinkState(state.own, state.peer, state.epoch, state.next_number, owed, delivered, waiting[due:])
    return after, tuple(held.body for held in waiting[:due]), acknowledgement(after) if envelope.number else None


def resend(state: LinkState) -> tuple[Envelope, ...]:
    """Everything unacknowledged, under its old numbers, with what has been received since acknowledged."""
    return tuple(replace(sent, ack=state.delivered) for sent in state.unacknowledged)


def acknowledgement(state: LinkState) -> Envelope:
    """A bare acknowledgement of all that has arrived."""
    return Envelope(state.own, state.peer, state.epoch, 0, state.delivered, b"")


def reset(state: LinkState, epoch: int) -> LinkState:
    """A fresh link for a later incarnation; what the old one had not delivered is dropped.

    Raises:
        LinkError: the epoch is not later than the link's.
    """
    if epoch <= state.epoch:
        raise LinkError(f"the link of {state.own} and {state.peer} cannot go from epoch {state.epoch} to {epoch}")
    return LinkState(state.own, state.peer, epoch)


def epoch_of(state: LinkState, envelope: Envelope) -> Standing:
    """How an envelope's incarnation relates to the link's: "hello" if its sender has none.

    Raises:
        LinkError: the envelope is not for this link.
    """
    if (envelope.sender, envelope.receiver) != (state.peer, state.own):
        raise LinkError(
            f"an envelope from {envelope.sender} to {envelope.receiver} reached the link from {state.peer} to {state.own}"
        )
    if envelope.epoch == 0:
        return "hello"
    if envelope.epoch == state.epoch:
        return "current"
    return "older" if envelope.epoch < state.epoch else "newer"


def encode_envelope(envelope: Envelope) -> bytes:
    """The bytes of an envelope: a msgpack array of its fields in order."""
    fields = (envelope.sender, envelope.receiver, envelope.epoch, envelope.number, envelope.ack, envelope.body)
    data: bytes = msgpack.packb(fields)
    return data


def decode_envelope(data: bytes) -> Envelope:
    """The envelope that bytes stand for; its body is not looked into.

    Raises:
        LinkError: not an envelope, or a field out of range.
    """
    if len(data) > MAX_ENVELOPE:
        raise LinkError(f"envelope: {len(data)} bytes are above the limit of {MAX_ENVELOPE}")
    try:
        fields: Any = msgpack.unpackb(
            data, max_array_len=6, max_map_len=0, max_str_len=4 * MAX_NAME, max_bin_len=MAX_MESSAGE, max_ext_len=0
        )
    except ValueError as error:
        raise LinkError(f"envelope: not well formed ({str(error) or type(error).__name__})") from error
    kinds = (str, str, int, int, int, bytes)
    if type(fields) is not list or tuple(type(field) for field in fields) != kinds:
        raise LinkError("envelope: expected sender, receiver, epoch, number, ack and body")
    return Envelope(*fields)


def _insert(waiting: tuple[Envelope, ...], envelope: Envelope) -> tuple[Envelope, ...]:
    """Envelopes ahead of a gap with one more, in order, each number once."""
    for at, held in enumerate(waiting):
        if held.number == envelope.number:
            if held.body != envelope.body:
                raise LinkError(f"{envelope.sender} sent number {envelope.number} twice, with different bodies")
            return waiting
        if held.number > envelope.number:
            return (*waiting[:at], envelope, *waiting[at:])
    return (*waiting, envelope)
