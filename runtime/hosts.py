"""Hosts: what turns the pure machines into actors, whatever they run on. Here: what a host may ask of its base, and regions.

A host owns one role's machine and its end of the links, gives the machine its events and does what it asks for. It neither
waits nor schedules: a base (`runtime.inline`, `runtime.onray`) delivers envelopes and timers to it and carries what it sends.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Any, Protocol, runtime_checkable

import structlog

from agents.regions import RegionAgent
from protocol import link
from protocol.brief import Brief
from protocol.channels import Region
from protocol.coordination import Arm
from protocol.machine import PeerError, Received, Send
from protocol.messages import COORDINATOR, Message, Rejoined, TakeOpened
from protocol.region import REGION, Judge, Judged, Propose, RegionState, Thought, Wake
from protocol.wire import encode, packed

log = structlog.get_logger()


class Post(Protocol):
    """What any host may ask of its base."""

    def carry(self, envelope: link.Envelope) -> None:
        """Bring an envelope to its receiver; it may be lost, repeated or overtaken on the way."""
        ...

    def read(self, body: bytes) -> Message:
        """The message in a body: decoded, or known from another role that it was sent to as well."""
        ...

    def watch(self, role: str) -> None:
        """See to it that the role is asked to resend if what it sent stays unacknowledged."""
        ...


class Carrier(Post, Protocol):
    """What the coordinator's host may ask of its base besides."""

    def arm(self, deadline: Arm) -> None:
        """Give the coordinator a `DeadlineFired` if the deadline passes."""
        ...

    def install(self, region: Region, *, fallback: bool) -> None:
        """From now on bring the region's envelopes to its fallback, or back to the region itself."""
        ...

    def ponder(self, work: Callable[[Callable[[Any], None]], None]) -> None:
        """Do what may wait for answers from elsewhere; it is given what to call with each event for the coordinator."""
        ...

    def foresee(self, opened: TakeOpened, brief: Brief) -> None:
        """Let those who think for the regions know what is coming, if they care to begin with it."""
        ...


class Outbox:
    """Carries for a region: at once, or when it is let go.

    Args:
        post: who carries.
    """

    def __init__(self, post: Post) -> None:
        self._post = post
        self._held: list[Callable[[], None]] | None = None

    def hold(self) -> None:
        """From now on keep everything back."""
        self._held = []

    def let_go(self) -> None:
        """Let everything go that was kept back, in its order, and keep nothing back from now on."""
        held, self._held = self._held or [], None
        for action in held:
            action()

    def carry(self, envelope: link.Envelope) -> None:
        """Put an envelope on its way."""
        self._do(lambda: self._post.carry(envelope))

    def watch(self, role: str) -> None:
        """Have a role resend while it owes something."""
        self._do(lambda: self._post.watch(role))

    def read(self, body: bytes) -> Message:
        """The message in a body."""
        return self._post.read(body)

    def _do(self, action: Callable[[], None]) -> None:
        if self._held is None:
            action()
        else:
            self._held.append(action)


class Thinker(Protocol):
    """Decides for a region. Whatever it raises leaves its region silent, until the deadline brings in the fallback."""

    def propose(self, asked: Propose) -> Thought:
        """The region's part of a beat, by itself."""
        ...

    def judge(self, asked: Judge) -> Judged:
        """What a vector breaks as the region sees it, and a revised track if it yields."""
        ...


@runtime_checkable
class Foreseeing(Protocol):
    """A thinker that may begin to think about beats to come, and has to hear when nobody waits for that any more."""

    def foresee(self, opened: TakeOpened, brief: Brief) -> None:
        """Begin; it returns at once."""
        ...

    def close(self) -> None:
        """The take is over."""
        ...


def speaker(message: Message) -> str | None:
    """The role that a message says it is from; None for messages that do not say."""
    return getattr(message, "region", None) or getattr(message, "role", None)


class RegionHost:
    """A region's role as an actor.

    Args:
        region: which.
        agent: who thinks.
        carrier: who carries.
        nonce: given to a process that takes the place of another; it asks to be let in.
        fallback: it waits to be told, instead of asking.
    """

    def __init__(self, region: Region, agent: Thinker, carrier: Post, nonce: str = "", *, fallback: bool = False) -> None:
        self._region = region
        self._agent = agent
        self._carrier = carrier
        self._state = RegionState(region)
        self._link = link.LinkState(region, COORDINATOR, 0 if nonce or fallback else 1)
        self._hello: link.Envelope | None = None
        if fallback:
            self._state = RegionState(region, phase="joining", incarnation=0)
        if nonce:
            self._step(Wake(nonce))

    @property
    def state(self) -> RegionState:
        """What the role remembers."""
        return self._state

    @property
    def owes(self) -> bool:
        """Whether something that it sent is not known to have arrived."""
        return bool(self._link.unacknowledged) or self._state.phase == "joining"

    def receive(self, envelope: link.Envelope) -> None:
        """Take in an envelope from the coordinator."""
        if link.epoch_of(self._link, envelope) == "newer":
            self._link = link.reset(self._link, envelope.epoch)
        try:
            self._link, bodies, answer = link.receive(self._link, envelope)
        except link.LinkError as error:
            log.debug("envelope refused", region=self._region, reason=str(error))
            return
        if answer:
            self._carrier.carry(answer)
        for body in bodies:
            try:
                self._step(Received(self._carrier.read(body)))
            except PeerError as error:
                # Until it is let in, what went to the process before it may still reach it: it will be told everything.
                say = log.debug if self._state.phase == "joining" else log.warning
                say("message refused", region=self._region, reason=str(error))

    def resend(self) -> None:
        """Send again what is not known to have arrived."""
        if self._state.phase == "joining" and self._hello:
            self._carrier.carry(self._hello)
        for envelope in link.resend(self._link):
            self._carrier.carry(envelope)

    def _step(self, event: Any) -> None:
        events = deque([event])
        while events:
            self._state, outputs = REGION.step(self._state, events.popleft())
            for output in outputs:
                if isinstance(output, Send):
                    self._send(output.message)
                elif isinstance(output, Propose):
                    events.append(self._agent.propose(output))
                elif isinstance(output, Judge):
                    events.append(self._agent.judge(output))

    def _send(self, message: Message) -> None:
        if isinstance(message, Rejoined):
            self._hello = link.Envelope(self._region, COORDINATOR, 0, 1, 0, encode(message))
            envelope = self._hello
        else:
            self._link, envelope = link.send(self._link, self._body(message))
        self._carrier.carry(envelope)
        self._carrier.watch(self._region)

    def _body(self, message: Message) -> bytes:
        """The wire form of a message, with the message itself where all of it was made of checked parts.

        What other players say, and what is pieced together from a parent's tracks, is read back and checked by who hears it.
        """
        opened = self._state.opened
        sure = isinstance(self._agent, RegionAgent) and opened is not None and opened.parent is None
        return packed(message) if sure else encode(message)
