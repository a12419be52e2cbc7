"""The coordinator as an actor: it runs its machine, keeps its links with the regions, and has everything journaled first."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import structlog

from agents.critic.objecting import objections
from agents.exchange import DirectorAgent, Exchange, Stopped, unheard
from agents.regions import Judgements
from configs.tables import Tables
from protocol import link
from protocol.channels import REGIONS, Region
from protocol.coordination import (
    Arm,
    AskDirector,
    Audit,
    Audited,
    Briefed,
    Broke,
    DeadlineFired,
    Exchanged,
    Install,
    MakeRuling,
    MergeBeat,
    Resume,
    Review,
    Reviewed,
    RulingMade,
    StageSet,
    Start,
    Stop,
)
from protocol.coordinator import COORDINATOR_MACHINE
from protocol.coordinator_state import CoordinatorState
from protocol.dispatch import FilmBroke, Filmed
from protocol.journal import JournalError
from protocol.keyframes import Track, exact
from protocol.machine import PeerError, Received, Send
from protocol.messages import (
    COORDINATOR,
    DIRECTOR,
    Accepted,
    BeatOpened,
    Decided,
    Discarded,
    EndState,
    FilmOpened,
    Message,
    Objected,
    Rejoined,
    TakeClosed,
    TakeOpened,
    digest,
)
from protocol.replay import Folded
from protocol.ruling import rule
from protocol.timeline import end_state, rest, view
from protocol.wire import WireError, packed
from runtime.dispatching import DispatchHost
from runtime.hosts import Carrier, speaker
from runtime.sequencer import Sequencer

log = structlog.get_logger()


_Foreseen = tuple[CoordinatorState, Received, tuple[CoordinatorState, tuple[Any, ...]]]
"""What comes of a message in a state of the machine, tried before it is journaled: the same as when it takes effect."""


class CoordinatorHost:
    """The coordinator's role as an actor.

    Args:
        director: who briefs.
        tables: what must hold.
        judgements: vectors looked at lately.
        carrier: who carries.
        sequencer: which journals.
        dispatch: who has the frames made; None if the take is not rendered.
    """

    def __init__(
        self,
        director: DirectorAgent,
        tables: Tables,
        judgements: Judgements,
        carrier: Carrier,
        sequencer: Sequencer,
        dispatch: DispatchHost | None = None,
    ) -> None:
        self._director = director
        self._tables = tables
        self._judgements = judgements
        self._carrier = carrier
        self._sequencer = sequencer
        self._dispatch = dispatch
        if dispatch is not None:
            dispatch.report_to(self.hear)
        self._state = CoordinatorState()
        self._links: dict[Region, link.LinkState] = {region: link.LinkState(COORDINATOR, region, 1) for region in REGIONS}
        self._fenced: set[tuple[str, int, int]] = set()
        self._events: deque[Any] = deque()
        self._foreseen: _Foreseen | None = None
        self._busy = False

    @property
    def state(self) -> CoordinatorState:
        """What the role remembers."""
        return self._state

    @property
    def dispatch(self) -> DispatchHost | None:
        """Who has the frames made."""
        return self._dispatch

    @property
    def owes(self) -> bool:
        """Whether something that it sent is not known to have arrived."""
        return any(state.unacknowledged for state in self._links.values())

    def start(self, opened: TakeOpened, film: FilmOpened | None = None) -> None:
        """Begin the take.

        Args:
            opened: what it is asked for.
            film: what is rendered; None if only the motion is wanted.
        """
        if film is not None:
            # The order of the journal: TakeOpened, FilmOpened, and only then what the director says.
            self._events.append(Start(opened, rest()))
            self._step(StageSet(film))
        else:
            self._step(Start(opened, rest()))

    def resume(self, folded: Folded, versions: dict[str, str], film: FilmOpened | None = None) -> None:
        """Go on with a take from its journal.

        Args:
            folded: what its records come to.
            versions: of the software that goes on.
            film: what is rendered, if the journal does not say so yet.
        """
        self._state = folded.coordinator
        self._links = {m.region: link.LinkState(COORDINATOR, m.region, m.incarnation) for m in folded.coordinator.members}
        for message in folded.due:  # it was about to be sent; by now nobody is there to hear it
            self._sequencer.record((), message, sender=_author(message))
        if self._state.phase == "closed" and not self._state.closed_in:
            return  # all was done but for saying so
        self._step(Resume(tuple(sorted(versions.items()))))
        if film is not None and self._state.film is None:
            self._step(StageSet(film))

    def hear(self, event: Filmed | FilmBroke | Exchanged | Briefed | Stop | Broke) -> None:
        """What became of the frames, or what the director has to say."""
        if isinstance(event, Briefed) and self._state.phase == "directing" and self._state.opened is not None:
            self._carrier.foresee(self._state.opened, event.brief)
        self._advance(event)

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

    def resend(self, regions: Sequence[Region] = REGIONS) -> None:
        """Send again to some regions what is not known to have arrived there."""
        for region in regions:
            for envelope in link.resend(self._links[region]):
                self._carrier.carry(envelope)

    def _take_in(self, region: Region, epoch: int, number: int, body: bytes) -> None:
        """Journal a message and let it take effect; one that cannot be is put aside instead."""
        if self._state.phase == "closed":
            return  # nothing takes effect any more, and the journal ends with the take
        try:
            message = self._carrier.read(body)
            if speaker(message) != region:
                raise PeerError(f"{region} speaks as {speaker(message)}")
            if isinstance(message, Rejoined) != (epoch == 0):
                raise PeerError(f"{region} sends {type(message).__name__} in epoch {epoch}")
            if isinstance(message, Rejoined) and self._state.has_let_in(message):
                return
            received = Received(message)
            self._foreseen = self._state, received, COORDINATOR_MACHINE.step(self._state, received)
        except (WireError, PeerError) as error:
            log.warning("message refused", region=region, reason=str(error))
            self._sequencer.record(
                (), Discarded(role=region, incarnation=epoch, number=number, what="refused", reason=str(error)[:400])
            )
            return
        self._sequencer.record((COORDINATOR,), message, sender=region, epoch=epoch, number=number, body=body)
        self._advance(received)

    def _discard(self, envelope: link.Envelope, reason: str) -> None:
        """Note that a fenced process still sends, once for each thing that it sends, however often it repeats it."""
        sent = (envelope.sender, envelope.epoch, envelope.number)
        if not envelope.number or sent in self._fenced or self._state.phase == "closed":
            return
        self._fenced.add(sent)
        role, incarnation, number = sent
        self._sequencer.record(
            (), Discarded(role=role, incarnation=incarnation, number=number, what="fenced", reason=reason[:400])
        )

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
        self._events.append(event)
        if self._busy:
            return  # what it does has brought this about; it takes its turn
        self._busy = True
        try:
            while self._events:
                self._take_event(self._events.popleft())
        finally:
            self._busy = False
            self._events.clear()

    def _take_event(self, event: Any) -> None:
        foreseen, self._foreseen = self._foreseen, None
        if foreseen is not None and foreseen[0] is self._state and foreseen[1] is event:
            state, outputs = foreseen[2]
        else:
            state, outputs = COORDINATOR_MACHINE.step(self._state, event)
        try:
            bodies = [packed(output.message) if isinstance(output, Send) else b"" for output in outputs]
        except WireError as error:  # four proposals, each small enough, may be too much together
            if isinstance(event, Broke):
                raise
            # None of what this event brings about has happened; the take ends instead.
            self._events.appendleft(Broke(_clean(f"a message is too large to send: {error}")))
            return
        self._state = state
        for output, body in zip(outputs, bodies, strict=True):
            answer = self._do(output, body)
            if answer is not None:
                self._events.append(answer)

    def _do(self, output: Any, body: bytes) -> Any:
        """Do what the machine asks for, with the wire form of what it sends; the answer is its next event."""
        if isinstance(output, Send):
            self._send(output, body)
        elif isinstance(output, Arm):
            self._carrier.arm(output)
        elif isinstance(output, Install):
            self._links[output.region] = link.LinkState(COORDINATOR, output.region, output.incarnation)
            self._carrier.install(output.region, fallback=output.fallback)
        elif isinstance(output, MergeBeat):
            assert self._dispatch is not None
            self._dispatch.merge(output)
        elif isinstance(output, AskDirector):
            if output.opened.language_model is None:
                return self._answered(self._briefed, output, "the director failed")
            self._carrier.ponder(partial(self._ask_director, output))
        elif isinstance(output, Audit):
            return self._answered(self._audit, output, "the audit failed")
        elif isinstance(output, Review):
            return self._review(output)
        elif isinstance(output, MakeRuling):
            return self._answered(self._rule, output, "no ruling could be made")
        return None

    def _answered(self, work: Callable[[Any], Any], asked: Any, failed: str) -> Any:
        """What a piece of work says; should it fail, the take is to end and say so."""
        try:
            return work(asked)
        except Stopped:
            raise
        except Exception as error:
            log.exception(failed)
            return Broke(_clean(f"{failed}: {error}"))

    def _send(self, output: Send, body: bytes) -> None:
        self._sequencer.record(output.to, output.message, sender=_author(output.message), body=body)
        for region in REGIONS:
            if region in output.to:
                self._links[region], envelope = link.send(self._links[region], body)
                self._carrier.carry(envelope)
        if output.to:
            self._carrier.watch(COORDINATOR)
        if isinstance(output.message, TakeClosed) and self._dispatch is not None:
            self._dispatch.close()

    def _ask_director(self, asked: AskDirector, hear: Callable[[Any], None]) -> None:
        """Have a director think that asks a language model; each exchange is journaled before the next one begins."""
        refused: list[Exception] = []

        def note(exchange: Exchange) -> None:
            try:
                hear(Exchanged(_decided(self._director.name, exchange.request, exchange.reply, exchange.asked)))
            except Exception as error:
                refused.append(error)
                raise

        try:
            event = self._answered(partial(self._briefed, note=note), asked, "the director failed")
        except Stopped as stopped:
            event = Stop(_clean(str(stopped)))
        if refused:
            raise refused[0]  # the journal takes no more, whatever the director made of that
        hear(event)

    def _briefed(self, asked: AskDirector, note: Callable[[Exchange], None] = unheard) -> Briefed:
        opened = asked.opened
        known = {decided.request: decided.reply for decided in asked.known}
        brief = self._director.brief(opened, known, note)
        about: list[Any] = [opened.direction, opened.seconds, opened.emotion, list(opened.flags)]
        if opened.parent is not None:
            about += [digest(opened.parent), opened.seed, opened.fps, digest(opened.configuration)]
        if opened.language_model is not None:
            about += [opened.language_model, opened.seed, digest(opened.configuration)]
        return Briefed(_decided(self._director.name, digest(about), brief.model_dump_json()), brief)

    def _audit(self, asked: Audit) -> Audited:
        seen, found = self._judgements.of(asked.beat, asked.vector, asked.tracks)
        return Audited(found, end_state(seen, asked.tracks, _length(asked.beat)))

    def _review(self, asked: Review) -> Reviewed:
        """What the critic misses; one that fails misses nothing, for the beat is as good as without it."""
        try:
            seen, _ = self._judgements.of(asked.beat, asked.vector, asked.tracks)
            return Reviewed(objections(asked.beat.intent, seen, self._tables))
        except Exception:
            log.exception("the critic failed", beat=asked.beat.beat)
            return Reviewed(())

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


def _decided(planner: str, request: str, reply: str, asked: str = "") -> Decided:
    """What the director has decided, or exchanged with a language model."""
    return Decided(
        beat=None,
        role=DIRECTOR,
        incarnation=1,
        round=0,
        planner=planner,
        request=request,
        reply=reply,
        asked=asked,
        final=not asked,
    )


def _clean(text: str) -> str:
    """A text that can be sent, whatever an error has put into it."""
    return text.encode("utf-8", "replace").decode()[:400]


def _author(message: Message) -> str:
    """In whose name a message is journaled: the director and the critic are asked here."""
    return message.role if isinstance(message, (Decided, Accepted, Objected)) else COORDINATOR
