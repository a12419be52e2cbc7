"""Hosts: what turns the pure machines into actors, whatever they run on.

A host owns one role's machine and its end of the links, gives the machine its events and does what it asks for. It neither
waits nor schedules: a base (`runtime.inline`, later Ray) delivers envelopes and timers to it and carries what it sends.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from agents.regions import Judgements
from configs.tables import Tables
from protocol import link
from protocol.brief import Brief
from protocol.channels import REGIONS, Region
from protocol.coordination import (
    Arm,
    AskDirector,
    Audit,
    Audited,
    Briefed,
    Broke,
    DeadlineFired,
    Install,
    MakeRuling,
    RulingMade,
    Start,
    Stop,
)
from protocol.coordinator import COORDINATOR_MACHINE
from protocol.coordinator_state import CoordinatorState
from protocol.journal import JournalError, JournalWriter, Record
from protocol.keyframes import Track, exact
from protocol.machine import PeerError, Received, Send
from protocol.messages import (
    COORDINATOR,
    BeatOpened,
    Committed,
    Decided,
    Discarded,
    EndState,
    Message,
    Rejoined,
    TakeClosed,
    TakeOpened,
    digest,
)
from protocol.region import REGION, Judge, Judged, Propose, RegionState, Thought, Wake
from protocol.ruling import rule
from protocol.timeline import end_state, rest, view
from protocol.wire import WireError, decode, encode

log = structlog.get_logger()


class Carrier(Protocol):
    """What a host may ask of its base."""

    def carry(self, envelope: link.Envelope) -> None:
        """Bring an envelope to its receiver; it may be lost, repeated or overtaken on the way."""
        ...

    def read(self, body: bytes) -> Message:
        """The message in a body from the coordinator: decoded, or known from another role that it was sent to as well."""
        ...

    def arm(self, deadline: Arm) -> None:
        """Give the coordinator a `DeadlineFired` if the deadline passes."""
        ...

    def watch(self, role: str) -> None:
        """See to it that the role is asked to resend if what it sent stays unacknowledged."""
        ...

    def install(self, region: Region, *, fallback: bool) -> None:
        """From now on bring the region's envelopes to its fallback, or back to the region itself."""
        ...


class DirectorAgent(Protocol):
    """Refines the direction into a brief."""

    @property
    def name(self) -> str:
        """What the journal calls its planner."""
        ...

    def brief(self, opened: TakeOpened) -> Brief:
        """The brief of a take."""
        ...


class Thinker(Protocol):
    """Decides for a region. Whatever it raises leaves its region silent, until the deadline brings in the fallback."""

    def propose(self, asked: Propose) -> Thought:
        """The region's part of a beat, by itself."""
        ...

    def judge(self, asked: Judge) -> Judged:
        """What a vector breaks as the region sees it, and a revised track if it yields."""
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

    def __init__(self, region: Region, agent: Thinker, carrier: Carrier, nonce: str = "", *, fallback: bool = False) -> None:
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
                log.warning("message refused", region=self._region, reason=str(error))

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
            self._link, envelope = link.send(self._link, encode(message))
        self._carrier.carry(envelope)
        self._carrier.watch(self._region)


@dataclass(frozen=True, slots=True)
class Seat:
    """Where the coordinator writes: the journal and the clock of its records."""

    journal: JournalWriter
    clock: Callable[[], float]


class CoordinatorHost:
    """The coordinator's role as an actor, and the sequencer of the take.

    Args:
        director: who briefs.
        tables: what must hold.
        judgements: vectors looked at lately.
        carrier: who carries.
        seat: where records go.
        told: called with every record once it is in the journal.
    """

    def __init__(
        self,
        director: DirectorAgent,
        tables: Tables,
        judgements: Judgements,
        carrier: Carrier,
        seat: Seat,
        told: Callable[[Record], None] = lambda record: None,
    ) -> None:
        self._director = director
        self._tables = tables
        self._judgements = judgements
        self._carrier = carrier
        self._seat = seat
        self._told = told
        self._state = CoordinatorState()
        self._links: dict[Region, link.LinkState] = {region: link.LinkState(COORDINATOR, region, 1) for region in REGIONS}
        self._seq = 0
        self._fenced: set[tuple[str, int, int]] = set()

    @property
    def state(self) -> CoordinatorState:
        """What the role remembers."""
        return self._state

    @property
    def owes(self) -> bool:
        """Whether something that it sent is not known to have arrived."""
        return any(state.unacknowledged for state in self._links.values())

    def start(self, opened: TakeOpened) -> None:
        """Begin the take."""
        self._step(Start(opened, rest()))

    def stop(self, reason: str) -> None:
        """End the take before its time."""
        self._step(Stop(_clean(reason)))

    def fire(self, deadline: Arm) -> None:
        """A deadline has passed."""
        self._advance(DeadlineFired(deadline.region, deadline.incarnation, deadline.beat, deadline.round))

    def receive(self, envelope: link.Envelope) -> None:
        """Take in an envelope from a region."""
        if envelope.sender not in REGIONS:
            log.debug("envelope refused", sender=envelope.sender, reason="no region sends under this name")
            return
        region: Region = envelope.sender
        state = self._links[region]
        try:
            state, bodies, answer = link.receive(state, envelope)
        except link.Fenced as error:
            self._discard(envelope, str(error))
            return
        except link.LinkError as error:
            log.debug("envelope refused", region=region, reason=str(error))
            return
        self._links[region] = state
        for number, body in enumerate(bodies, state.delivered - len(bodies) + 1):
            self._take_in(region, envelope.epoch, number, body)
        # What follows from the bodies may have begun a new link; the acknowledgement is for the one that they came over.
        if answer:
            self._carrier.carry(answer)

    def resend(self) -> None:
        """Send again what is not known to have arrived."""
        for state in self._links.values():
            for envelope in link.resend(state):
                self._carrier.carry(envelope)

    def _take_in(self, region: Region, epoch: int, number: int, body: bytes) -> None:
        """Journal a message and let it take effect; one that cannot be is put aside instead."""
        if self._state.phase == "closed":
            return  # nothing takes effect any more, and the journal ends with the take
        try:
            message = decode(body)
            if speaker(message) != region:
                raise PeerError(f"{region} speaks as {speaker(message)}")
            if isinstance(message, Rejoined) != (epoch == 0):
                raise PeerError(f"{region} sends {type(message).__name__} in epoch {epoch}")
            if isinstance(message, Rejoined) and self._state.has_let_in(message):
                return
            COORDINATOR_MACHINE.step(self._state, Received(message))
        except (WireError, PeerError) as error:
            log.warning("message refused", region=region, reason=str(error))
            self._record((), Discarded(role=region, incarnation=epoch, number=number, what="refused", reason=str(error)[:400]))
            return
        self._record((COORDINATOR,), message, sender=region, epoch=epoch, number=number, body=body)
        self._advance(Received(message))

    def _discard(self, envelope: link.Envelope, reason: str) -> None:
        """Note that a fenced process still sends, once for each thing that it sends, however often it repeats it."""
        sent = (envelope.sender, envelope.epoch, envelope.number)
        if not envelope.number or sent in self._fenced or self._state.phase == "closed":
            return
        self._fenced.add(sent)
        role, incarnation, number = sent
        self._record((), Discarded(role=role, incarnation=incarnation, number=number, what="fenced", reason=reason[:400]))

    def _record(
        self,
        receivers: Sequence[str],
        message: Message,
        *,
        sender: str = COORDINATOR,
        epoch: int = 0,
        number: int = 0,
        body: bytes | None = None,
    ) -> None:
        self._seq += 1
        record = Record(self._seq, self._seat.clock(), sender, tuple(receivers), epoch, number, message)
        self._seat.journal.append(record, body)
        if isinstance(message, (TakeOpened, Committed, TakeClosed)):
            self._seat.journal.commit()
        self._told(record)

    def _advance(self, event: Any) -> None:
        """Take an event; should that fail in a way that nobody has thought of, the take ends and says so."""
        try:
            self._step(event)
        except (JournalError, OSError):
            raise  # without a journal nothing may take effect, not even the end
        except Exception as error:
            log.exception("the coordinator failed")
            self._step(Broke(_clean(f"the coordinator failed: {type(error).__name__}: {error}")))

    def _step(self, event: Any) -> None:
        events = deque([event])
        while events:
            now = events.popleft()
            state, outputs = COORDINATOR_MACHINE.step(self._state, now)
            try:
                bodies = [encode(output.message) if isinstance(output, Send) else b"" for output in outputs]
            except WireError as error:  # four proposals, each small enough, may be too much together
                if isinstance(now, Broke):
                    raise
                # None of what this event brings about has happened; the take ends instead.
                events.appendleft(Broke(_clean(f"a message is too large to send: {error}")))
                continue
            self._state = state
            for output, body in zip(outputs, bodies, strict=True):
                answer = self._do(output, body)
                if answer is not None:
                    events.append(answer)

    def _do(self, output: Any, body: bytes) -> Any:
        """Do what the machine asks for, with the wire form of what it sends; the answer is its next event."""
        if isinstance(output, Send):
            self._send(output, body)
        elif isinstance(output, Arm):
            self._carrier.arm(output)
        elif isinstance(output, Install):
            self._links[output.region] = link.LinkState(COORDINATOR, output.region, output.incarnation)
            self._carrier.install(output.region, fallback=output.fallback)
        elif isinstance(output, AskDirector):
            return self._answered(self._ask_director, output.opened, "the director failed")
        elif isinstance(output, Audit):
            return self._answered(self._audit, output, "the audit failed")
        elif isinstance(output, MakeRuling):
            return self._answered(self._rule, output, "no ruling could be made")
        return None

    def _answered(self, work: Callable[[Any], Any], asked: Any, failed: str) -> Any:
        """What a piece of work says; should it fail, the take is to end and say so."""
        try:
            return work(asked)
        except Exception as error:
            log.exception(failed)
            return Broke(_clean(f"{failed}: {error}"))

    def _send(self, output: Send, body: bytes) -> None:
        self._record(output.to, output.message, sender=_author(output.message), body=body)
        for region in REGIONS:
            if region in output.to:
                self._links[region], envelope = link.send(self._links[region], body)
                self._carrier.carry(envelope)
        if output.to:
            self._carrier.watch(COORDINATOR)

    def _ask_director(self, opened: TakeOpened) -> Briefed:
        brief = self._director.brief(opened)
        decided = Decided(
            beat=None,
            role="director",
            incarnation=1,
            round=0,
            planner=self._director.name,
            request=digest([opened.direction, opened.seconds, opened.emotion, list(opened.flags)]),
            reply=brief.model_dump_json(),
        )
        return Briefed(decided, brief)

    def _audit(self, asked: Audit) -> Audited:
        seen, found = self._judgements.of(asked.beat, asked.vector, asked.tracks)
        return Audited(found, end_state(seen, asked.tracks, _length(asked.beat)))

    def _rule(self, asked: MakeRuling) -> RulingMade:
        seconds = _length(asked.beat)
        tracks, rulings = rule(self._tables.constraints, asked.beat.end_state, asked.tracks, seconds)
        return RulingMade(tracks, rulings, ending(asked.beat, tracks))


def ending(beat: BeatOpened, tracks: Sequence[Track]) -> EndState:
    """How a beat ends with these tracks."""
    seconds = _length(beat)
    return end_state(view(beat.end_state, tracks, seconds), tracks, seconds)


def _length(beat: BeatOpened) -> float:
    return exact(beat.intent.end - beat.intent.start)


def _clean(text: str) -> str:
    """A text that can be sent, whatever an error has put into it."""
    return text.encode("utf-8", "replace").decode()[:400]


def _author(message: Message) -> str:
    return message.role if isinstance(message, Decided) else COORDINATOR
