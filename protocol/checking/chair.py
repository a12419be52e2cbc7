"""The coordinator's place: what its machine makes of an event, and how it comes back from a journal that ends too early.

Real are the machine, the audit, the ruling and the fold of a journal; each step is taken once and remembered.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from protocol.channels import REGIONS, Region
from protocol.checking.exploring import Violated
from protocol.checking.forgeries import FORGERIES
from protocol.checking.history import Told
from protocol.checking.numbers import Messages, Numbers
from protocol.checking.scenario import CONSTRAINTS, FILM, Rules, brief, briefed, missed, opening
from protocol.checking.seats import FALLBACK, REGION_BACK
from protocol.coordination import (
    Arm,
    AskDirector,
    Audit,
    Audited,
    Briefed,
    DeadlineFired,
    Install,
    MakeRuling,
    Resume,
    Review,
    Reviewed,
    RulingMade,
    StageSet,
    Start,
    Stop,
)
from protocol.coordinator import COORDINATOR_MACHINE
from protocol.coordinator_conditions import awaited
from protocol.coordinator_members import ASKING
from protocol.coordinator_state import COMMIT_AS_PROPOSED, CRITIC_OBJECTS, CoordinatorState
from protocol.dispatch import FilmBroke, Filmed
from protocol.journal import Record
from protocol.keyframes import Track
from protocol.machine import PeerError, Received, Send
from protocol.messages import (
    COORDINATOR,
    OF_CRITIC,
    Accepted,
    BeatOpened,
    Committed,
    Decided,
    EndState,
    FilmOpened,
    Message,
    Objected,
    Rejoined,
    Restored,
    TakeClosed,
    TakeOpened,
    TakeResumed,
    Violation,
)
from protocol.replay import Replay, look
from protocol.ruling import rule
from protocol.timeline import rest

Event = tuple[Any, ...]
"""What the coordinator is given: a word, and then whose it is and what."""
Said = tuple[str, tuple[str, ...], int]
"""What is journaled: who says it, to whom, and the number of the message."""

MARKS = (
    *("committed after objections", "committed by ruling", "audit sent back", "refused"),
    *("ruled: projected", "ruled: scaled", "ruled: rested", "ruled: held"),
    *("fallback installed", "fallback voted", "given up"),
    *("the critic sent back", "the critic had no more say", "committed after the critic objected"),
    *(
        f"rejoined while {phase}"
        for phase in ("directing", "gathering", "voting", "auditing", "reviewing", "ruling", "rendering")
    ),
    *("rejoin waits for the next beat", "late proposal discarded", "late vote discarded"),
    *("stopped", "the film broke", "done"),
    *(f"resumed while {phase}" for phase in ("directing", "gathering", "voting", "reviewing", "rendering")),
    *("resumed after the end", "resumed between two records", "resumed from what was on disk"),
)
"""What may be seen on the way; whoever explores says which of it has to be."""
BIT = {name: 1 << place for place, name in enumerate(MARKS)}

ON_DISK = (TakeOpened, TakeResumed, FilmOpened, Committed, TakeClosed)
"""What is forced to disk before anybody acts on it; what comes after the last of these may be lost if the machine fails."""
FILM_BROKE = "there is nobody to render"
"""Why a film breaks."""
_WORKS = ("directing", "auditing", "ruling")
"""Phases in which the coordinator waits for what its host works out."""


@dataclass(frozen=True, slots=True)
class Step:
    """What an event of the coordinator comes to.

    Attributes:
        after: number of the coordinator's state.
        orders: seats and what happens to each, in order: the number of a message, FALLBACK or REGION_BACK.
        records: what is journaled.
        marks: as bits.
    """

    after: int
    orders: tuple[tuple[int, tuple[int, ...]], ...]
    records: tuple[Said, ...]
    marks: int


class Chair:
    """The coordinator of one small world: all its states that were ever seen, and what becomes of them.

    Attributes:
        constraints: what its commits have to keep.

    Args:
        messages: numbers of messages.
        rules: which of the rules hold.
        beats: of the take.
        rounds: the last allowed one.
        flags: behaviour flags.
        film: whether the take is rendered.
        apart: whether others may be heard while the coordinator's host works on what it was asked for.
        same: whether all that happens has to come to the same motion (S5).
    """

    def __init__(
        self,
        messages: Messages,
        rules: Rules,
        *,
        beats: int,
        rounds: int,
        flags: tuple[str, ...],
        film: bool,
        apart: bool,
        same: bool,
    ) -> None:
        self._messages = messages
        self._beats = beats
        self._opened = opening(rounds, rules, flags)
        self._reviewed = rounds - 2 if CRITIC_OBJECTS in flags else 0
        self.constraints = CONSTRAINTS[rules]
        self._film = film
        self._apart = apart
        self._motions: set[Hashable] | None = set() if same else None
        self._states: Numbers[tuple[CoordinatorState, Told]] = Numbers(lambda both: (messages.of_coordinator(both[0]), both[1]))
        self._steps: dict[tuple[int, Event], Step | None] = {}
        self._outages: dict[tuple[int, Event, int], Step] = {}
        self._rulings: dict[tuple[int, ...], RulingMade] = {}
        self._looks: dict[tuple[int, ...], tuple[tuple[Violation, ...], EndState]] = {}

    @property
    def first(self) -> int:
        """The number of the state in which nothing has happened."""
        return self._states.of((CoordinatorState(), Told()))

    def __getitem__(self, number: int) -> CoordinatorState:
        return self._states[number][0]

    def told(self, number: int) -> Told:
        """What was heard and said so far."""
        return self._states[number][1]

    # ----------------------------------------------------------------------------------------------------------- events

    def step(self, number: int, event: Event) -> Step | None:
        """What an event comes to; None if it can have no effect.

        Raises:
            Violated: it breaks what must hold.
        """
        key = (number, event)
        if key not in self._steps:
            self._steps[key] = self._take(number, event)
        return self._steps[key]

    def _take(self, number: int, event: Event) -> Step | None:
        state = self[number]
        match event:
            case ("starts",):
                start = Start(self._opened, rest())
                return self._run(number, start, StageSet(FILM)) if self._film else self._run(number, start)
            case ("is stopped",):
                return self._run(number, Stop("the user has had enough"), mark="stopped")
            case ("hears from its host",):
                return self._run(number, self._worked_out(state)) if self._apart and state.phase in _WORKS else None
            case ("hears that the critic is content",):
                return self._run(number, Reviewed(())) if state.phase == "reviewing" else None
            case ("hears that the critic misses something of", int(place)):
                found = (missed(REGIONS[place]),)
                return self._run(number, Reviewed(found)) if state.phase == "reviewing" else None
            case ("hears that all frames are made",):
                return self._run(number, Filmed()) if state.phase == "rendering" else None
            case ("hears that the film broke",):
                return self._run(number, FilmBroke(FILM_BROKE), mark="the film broke")
            case ("waits no longer for", int(place)):
                return self._deadline(number, place)
            case ("lets in", int(place), str(nonce)):
                return self._let_in(number, Rejoined(region=REGIONS[place], nonce=nonce))
            case ("hears", int(place), int(message)):
                return self._hear(number, place, self._messages[message])
            case ("is told", int(place), str(forgery)):
                forged = FORGERIES[forgery](state, REGIONS[place])
                return None if forged is None else self._hear(number, place, forged)
        raise AssertionError(event)

    def _deadline(self, number: int, place: int) -> Step | None:
        state = self[number]
        beat, round_ = (state.beat.beat if state.beat else 0), (state.round.round if state.round else 0)
        self._disregards_earlier(state, REGIONS[place], beat, round_)
        fired = DeadlineFired(REGIONS[place], state.members[place].incarnation, beat, round_)
        owed = state.phase in ("gathering", "voting") and any(awaited(fallback=f)(state, fired) for f in (False, True))
        played = state.members[place].fallback
        return self._run(number, fired, mark="given up" if played else "fallback installed") if owed else None

    def _disregards_earlier(self, state: CoordinatorState, region: Region, beat: int, round_: int) -> None:
        """S5: nothing of a question or an incarnation of before has an effect."""
        member = state.member(region)
        now = member.incarnation
        for late in ((now - 1, beat, round_), (now, beat - 1, round_), (now, beat, round_ - 1)):
            if min(late) >= 0 and COORDINATOR_MACHINE.step(state, DeadlineFired(region, *late)) != (state, ()):
                raise Violated("S5", f"a deadline of {region} that was for another question has an effect")
        said: list[Message] = []
        if state.round is not None:
            vector = state.round.vector.digest
            said.append(Accepted(beat=beat, round=round_, role=region, incarnation=now, vector=vector))
        if member.proposal is not None:
            said.append(member.proposal.model_copy(update={"revision": member.proposal.revision + 1, "round": round_}))
        for message in said:
            for change in ({"incarnation": now - 1}, {"beat": beat - 1}):
                if self.refusal_of(state, message.model_copy(update=change)) == "":
                    raise Violated("S5", f"{type(message).__name__} of {region} for {change} has an effect")

    def _let_in(self, number: int, asked: Rejoined) -> Step | None:
        state = self[number]
        if state.has_let_in(asked):
            return None
        waits = state.member(asked.region).fallback
        mark = "rejoin waits for the next beat" if waits else f"rejoined while {state.phase}"
        step = self._run(number, Received(asked), mark=mark, sender=asked.region)
        if waits and not self[step.after].member(asked.region).fallback:
            raise Violated("S2", f"{asked.region} takes over from its fallback in the middle of a beat", records=step.records)
        return step

    def _hear(self, number: int, place: int, message: Message) -> Step:
        """A message of a region; one that may not be said now changes nothing, which is noted."""
        try:
            return self._run(number, Received(message), sender=REGIONS[place])
        except PeerError:
            return Step(number, (), (), BIT["refused"])

    def refusal(self, number: int, message: Message) -> str:
        """Why a message may not be said in a state; empty if it may."""
        return self.refusal_of(self[number], message)

    def refusal_of(self, state: CoordinatorState, message: Message) -> str:
        """The same of a state itself."""
        try:
            COORDINATOR_MACHINE.step(state, Received(message))
        except PeerError as error:
            return str(error)
        return ""

    def _run(self, number: int, *given: Any, mark: str = "", sender: str = "") -> Step:
        """Take events, and what follows from them at once."""
        state, told = self._states[number]
        marks = BIT[mark] if mark else 0
        records: list[Said] = []
        orders: dict[int, list[int]] = {}
        owed, armed, fault = _owed(state), set[tuple[str, int, int, int]](), ""
        looked_at = state.phase == "reviewing"
        for event in given:
            if isinstance(event, Received):
                fault = told.fault(event.message) if state.phase != "closed" else ""
                told = told.heard(event.message)
                records.append((sender, (COORDINATOR,), self._messages.of(event.message)))
        events = deque(given)
        while events:
            before, event = state, events.popleft()
            state, outputs = COORDINATOR_MACHINE.step(state, event)
            if fault:
                raise Violated("S5", fault, records=tuple(records))
            if isinstance(event, Resume):
                owed, looked_at = set(), False  # whoever watched over it before is gone
            if state.committed[: len(before.committed)] != before.committed:
                raise Violated("S6", "a committed beat has changed", records=tuple(records))
            if isinstance(event, Audited) and state.phase == "voting":
                marks |= BIT["audit sent back"]
            if isinstance(event, Reviewed) and event.violations:
                marks |= BIT["the critic sent back" if state.phase == "voting" else "the critic had no more say"]
            if state.phase == "ruling" and isinstance(event, Received) and isinstance(event.message, (Accepted, Objected)):
                raised = [violation.constraint for one in state.members for violation in one.violations]
                if all(constraint.startswith(OF_CRITIC) for constraint in raised):
                    raise Violated("L1", "nobody but the critic brings a ruling about", records=tuple(records))
            if isinstance(event, RulingMade):
                for one in event.rulings:
                    marks |= BIT.get(f"ruled: {one.rung}", 0)
            for output in outputs:
                if isinstance(output, Send):
                    numbered = self._messages.of(output.message)
                    records.append((_author(output.message), output.to, numbered))
                    marks |= self._require(before, state, told, output.message, records)
                    told = told.said(output.message)
                    for place, region in enumerate(REGIONS):
                        if region in output.to:
                            orders.setdefault(place, []).append(numbered)
                elif isinstance(output, Install):
                    order = FALLBACK if output.fallback else REGION_BACK
                    orders.setdefault(REGIONS.index(output.region), []).append(order)
                elif isinstance(output, Arm):
                    armed.add((output.region, output.incarnation, output.beat, output.round))
                elif isinstance(output, Review):
                    looked_at = True
                elif isinstance(output, (AskDirector, Audit, MakeRuling)) and not self._apart:
                    events.append(self._answer(output))
        for unwatched, *_ in sorted(_owed(state) - owed - armed):
            raise Violated("L1", f"{unwatched} is asked, and no deadline is set", records=tuple(records))
        if state.phase == "reviewing" and not looked_at:
            raise Violated("L1", "the critic is to look, and nobody asks it", records=tuple(records))
        if state.phase == "closed" and not state.closed_in:
            marks |= BIT["done"]
            self._same_motion(state)
        ordered = tuple((place, tuple(orders[place])) for place in sorted(orders))
        return Step(self._states.of((state, told)), ordered, tuple(records), marks)

    # ------------------------------------------------------------------------------------------------------ what must hold

    def _require(
        self, before: CoordinatorState, after: CoordinatorState, told: Told, message: Message, records: list[Said]
    ) -> int:
        """What the coordinator says has to follow from what was said before; marks."""
        as_proposed = COMMIT_AS_PROPOSED in self._opened.flags
        try:
            told.require(message, as_proposed=as_proposed, reviewed=self._reviewed)
            if isinstance(message, Restored) and message.nonce != (before.member(message.region).pending or message.nonce):
                raise Violated("L1", f"{message.region} waits to be let in, and another is")
            if isinstance(message, BeatOpened) and after.committed:
                _require_goes_on(after.committed[-1][1], message)
            if not isinstance(message, Committed):
                return 0
            assert before.beat is not None
            kept, tracks = after.committed[message.beat]
            if kept != message.digest:
                raise Violated("S1", f"beat {message.beat} is kept under another digest than it is committed under")
            broken, _ = self.looked(before.beat, tracks)
            if broken and not as_proposed:
                raise Violated("S3", f"beat {message.beat} is committed, and breaks {broken[0].constraint}")
        except Violated as error:
            raise Violated(error.name, error.text, records=tuple(records)) from None
        if message.ruled:
            return BIT["committed by ruling"]
        if any(told.sent_back):
            return BIT["committed after the critic objected"]
        return BIT["committed after objections"] if before.round is not None and before.round.round > 1 else 0

    def _same_motion(self, state: CoordinatorState) -> None:
        """S5, where it is asked for: the motion is that of all other ways that come to an end."""
        if self._motions is not None:
            self._motions.add(tuple(self._messages.of(track) for _, tracks in state.committed for track in tracks))
            if len(self._motions) > 1:
                raise Violated("S5", "what went wrong on the way has changed the motion")

    # ------------------------------------------------------------------------------------------------ what its host works out

    def _worked_out(self, state: CoordinatorState) -> Any:
        """What the host was asked for last."""
        if state.phase == "directing":
            assert state.opened is not None
            return self._answer(AskDirector(state.opened))
        assert state.beat is not None
        if state.phase == "ruling":
            return self._answer(MakeRuling(state.beat, state.tracks))
        tracks, vector = (state.round.tracks, state.round.vector) if state.round else (state.tracks, state.vector)
        return self._answer(Audit(state.beat, vector, tracks))

    def _answer(self, asked: AskDirector | Audit | MakeRuling) -> Briefed | Audited | RulingMade:
        if isinstance(asked, AskDirector):
            return Briefed(briefed(self._opened, self._beats), brief(self._beats))
        if isinstance(asked, Audit):
            return Audited(*self.looked(asked.beat, asked.tracks))
        key = (self._messages.of(asked.beat), *map(self._messages.of, asked.tracks))
        if key not in self._rulings:
            length = asked.beat.intent.end - asked.beat.intent.start
            tracks, rulings = rule(self.constraints, asked.beat.end_state, asked.tracks, length)
            self._rulings[key] = RulingMade(tracks, rulings, self.looked(asked.beat, tracks)[1])
        return self._rulings[key]

    def looked(self, beat: BeatOpened, tracks: Sequence[Track]) -> tuple[tuple[Violation, ...], EndState]:
        """What four tracks break in a beat, and how it ends with them."""
        key = (self._messages.of(beat), *map(self._messages.of, tracks))
        if key not in self._looks:
            self._looks[key] = look(self.constraints, beat, tracks)
        return self._looks[key]

    # ----------------------------------------------------------------------------------------------------------- outages

    def on_disk(self, number: int, step: Step) -> int:
        """The state that the journal comes to without what is not yet forced to disk; -1 if a step forces nothing there."""
        last = max((n for n, (_, _, m) in enumerate(step.records, 1) if isinstance(self._messages[m], ON_DISK)), default=0)
        if not last:
            return -1
        return step.after if last == len(step.records) else self._states.of(self._folded(number, step, last)[0])

    def resumed(self, number: int, event: Event = (), kept: int = 0) -> Step:
        """The coordinator comes back from its journal.

        Args:
            number: of the state that it was in.
            event: that had just reached it, if one had.
            kept: how many records of what this brings about are in the journal.

        Raises:
            Violated: it comes back as something else than it was.
        """
        key = (number, event, kept)
        if key not in self._outages:
            self._outages[key] = self._resumed(number, event, kept)
        return self._outages[key]

    def _resumed(self, number: int, event: Event, kept: int) -> Step:
        marks = 0
        records: tuple[Said, ...] = ()
        if event:
            step = self.step(number, event)
            assert step is not None
            both, due = self._folded(number, step, kept)
            late = tuple((_author(said), (), self._messages.of(said)) for said in due)
            number, marks, records = self._states.of(both), BIT["resumed between two records"], (*step.records[:kept], *late)
        state = self[number]
        if state.phase == "closed" and not state.closed_in:
            return Step(number, (), records, marks)  # all was done but for saying so
        mark = f"resumed while {state.phase}" if state.phase != "closed" else "resumed after the end"
        step = self._run(number, Resume(()))
        return replace(step, records=(*records, *step.records), marks=step.marks | marks | BIT.get(mark, 0))

    def _folded(self, number: int, step: Step, kept: int) -> tuple[tuple[CoordinatorState, Told], tuple[Message, ...]]:
        """What a journal comes to that ends within what an event brings about, and what was due: that is said after all."""
        state, told = self._states[number]
        run = Replay(self.constraints, coordinator=state)
        run.leave_out(REGIONS)  # what they make of it shows in what they say
        for sender, receivers, message in step.records[:kept]:
            said = self._messages[message]
            run.feed(Record(1, 0.0, sender, receivers, 0, 0, said))
            told = told.heard(said) if sender in REGIONS else told.said(said)
        if run.findings:
            raise Violated("S5", f"a journal cannot be followed: {run.findings[0].text}")
        due = tuple(run.due)
        for said in due:
            told = told.said(said)
        of = self._messages.of_coordinator
        if of(run.coordinator) != of(self[step.after]) and run.coordinator.phase not in ("directing", "reviewing"):
            text = f"a journal comes to {run.coordinator.phase} where the coordinator was {self[step.after].phase}"
            raise Violated("S5", text)
        return (run.coordinator, told), due


def _author(message: Message) -> str:
    """In whose name the coordinator has a message journaled: the director and the critic are asked by its host."""
    return message.role if isinstance(message, (Decided, Accepted, Objected)) else COORDINATOR


def _owed(state: CoordinatorState) -> set[tuple[str, int, int, int]]:
    """The answers that are awaited: (region, incarnation, beat, round)."""
    if state.phase not in ASKING or state.beat is None:
        return set()
    round_ = state.round.round if state.round else 0
    return {(one.region, one.incarnation, state.beat.beat, round_) for one in state.members if not one.answered}


def _require_goes_on(before: Sequence[Track], opened: BeatOpened) -> None:
    """S3: a beat begins where the one before it ends; in these small worlds all movements are over by then."""
    for track, ended in zip(before, opened.end_state.tracks, strict=True):
        for curve, known in zip(track.curves, ended.curves, strict=True):
            if curve.keys[-1].value != known.keys[-1].value:
                raise Violated("S3", f"beat {opened.beat} begins with {curve.channel} elsewhere than it was left")
