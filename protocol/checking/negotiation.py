"""Negotiation as a system to explore: the coordinator's and the regions' machines as shipped, and everything that may go wrong.

What is real: the machines, the audit, the ruling, and the fold by which a coordinator comes back from its journal. What is
chosen: what regions come up with, who is silent, who dies, when deadlines pass, when the coordinator's process is lost, between
two records too. What is left out: the numbers of the links. A link brings what is sent in order and once, until its
incarnation ends; that is explored for `protocol.link` by itself (`protocol.checking.links`).

A world is a tuple of small numbers: the coordinator, the four seats, and what may still go wrong.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import astuple, dataclass, fields, replace
from typing import Any

from protocol.channels import REGIONS, Region
from protocol.checking.exploring import Violated
from protocol.checking.forgeries import FORGERIES
from protocol.checking.history import Told
from protocol.checking.numbers import Messages, Numbers
from protocol.checking.scenario import Budget, brief, briefed, constraints, opening
from protocol.checking.seats import FALLBACK, REGION_BACK, Seat, Seats
from protocol.coordination import (
    AskDirector,
    Audit,
    Audited,
    Briefed,
    DeadlineFired,
    Install,
    MakeRuling,
    Resume,
    RulingMade,
    Start,
    Stop,
)
from protocol.coordinator import COORDINATOR_MACHINE
from protocol.coordinator_conditions import awaited
from protocol.coordinator_state import COMMIT_AS_PROPOSED, CoordinatorState
from protocol.journal import Record
from protocol.keyframes import Track
from protocol.machine import PeerError, Received, Send
from protocol.messages import COORDINATOR, DIRECTOR, BeatOpened, Committed, Decided, EndState, Message, Rejoined, Violation
from protocol.region import RegionState
from protocol.replay import Replay, look
from protocol.ruling import rule
from protocol.timeline import rest

World = tuple[int, ...]
Event = tuple[Any, ...]
"""What the coordinator is given: a word, and then whose it is and what."""

MARKS = (
    "committed after objections",
    "committed by ruling",
    "ruled: projected",
    "ruled: scaled",
    "ruled: rested",
    "ruled: held",
    "audit sent back",
    "refused",
    "fallback installed",
    "fallback voted",
    "rejoined while gathering",
    "rejoined while voting",
    "rejoin waits for the next beat",
    "late proposal discarded",
    "late vote discarded",
    "given up",
    "stopped",
    "resumed while directing",
    "resumed while gathering",
    "resumed while voting",
    "resumed after the end",
    "resumed between two records",
    "done",
)
"""What may be seen on the way; whoever explores says which of it has to be."""
_BIT = {name: 1 << place for place, name in enumerate(MARKS)}
_BUDGET = tuple(each.name for each in fields(Budget))
_SEATS, _LEFT = 1, 5
"""Where in a world the seats stand, and what is left of the budget."""


@dataclass(frozen=True, slots=True)
class Step:
    """What an event of the coordinator comes to.

    Attributes:
        after: number of the coordinator's state.
        orders: for each seat what happens to it, in order: the number of a message, FALLBACK or REGION_BACK.
        records: what is journaled: sender and number of the message.
        marks: as bits.
    """

    after: int
    orders: tuple[tuple[int, ...], ...]
    records: tuple[tuple[str, int], ...]
    marks: int


class Negotiation:
    """The system.

    Args:
        beats: of the take.
        rounds: the last allowed one.
        budget: what may go wrong.
        active: regions to which it may happen.
        flags: behaviour flags.
        usual: what regions propose of their own accord: "calm" or "bold".
        same: whether all that happens has to come to the same motion (S5).
    """

    def __init__(
        self,
        *,
        beats: int = 1,
        rounds: int = 2,
        budget: Budget,
        active: tuple[Region, ...] = REGIONS,
        flags: tuple[str, ...] = (),
        usual: str = "calm",
        same: bool = False,
    ) -> None:
        self._beats = beats
        self._opened = opening(rounds, flags)
        self._rules = constraints()
        self._budget = budget
        self._active = tuple(REGIONS.index(region) for region in active)
        self._motions: set[Hashable] | None = set() if same else None
        self._messages = Messages()
        self._seats = Seats(self._messages, lambda beat, tracks: self._looked(beat, tracks)[0], usual)
        self._states: Numbers[tuple[CoordinatorState, Told]] = Numbers(
            lambda both: (self._messages.of_coordinator(both[0]), both[1])
        )
        self._actions: Numbers[Event] = Numbers()
        self._steps: dict[tuple[int, Event], Step | None] = {}
        self._outages: dict[tuple[int, Event, int], Step] = {}
        self._agreed: set[tuple[tuple[tuple[int, str], ...], tuple[str, ...]]] = set()
        self._rulings: dict[tuple[int, ...], RulingMade] = {}
        self._looks: dict[tuple[int, ...], tuple[tuple[Violation, ...], EndState]] = {}

    # ------------------------------------------------------------------------------------------------------ the system

    def first(self) -> World:
        """Nobody has said anything yet."""
        idle = self._states.of((CoordinatorState(), Told()))
        return (idle, *(self._seats.of(Seat(RegionState(region))) for region in REGIONS), *astuple(self._budget))

    def successors(self, world: World) -> Iterator[tuple[int, World, int]]:
        """Everything that may happen next."""
        state, _ = self._states[world[0]]
        if state.phase == "idle":
            yield from self._coordinated(world, ("starts",))
            return
        open_ = state.phase != "closed"
        for place in range(len(REGIONS)):
            yield from self._brought(world, place)
            if open_:
                yield from self._heard(world, place)
                yield from self._goes_wrong(world, place)
        if open_ and self._left(world, "stops"):
            yield from self._coordinated(world, ("is stopped",), "stops")
        if (open_ or state.closed_in) and self._left(world, "outages"):
            yield self._lost(world, (), 0)

    def check_end(self, world: World) -> int:
        """Every end has to be that of a take that was closed, told to all who could hear it."""
        state, _ = self._states[world[0]]
        if state.phase != "closed":
            raise Violated("L1", f"nothing can happen any more, and the take is still {state.phase}")
        for number in world[_SEATS:_LEFT]:
            holder = self._seats[number].holder
            if holder.phase not in ("closed", "joining"):
                raise Violated("L1", f"the take is closed, and {holder.region} is still {holder.phase}")
        return 0

    def say(self, action: int) -> str:
        """An action in words."""
        match self._actions[action]:
            case ("seat", int(place), str(words)):
                return f"{REGIONS[place]} {words}"
            case ("outage", (), _):
                return "the coordinator is lost, and resumed"
            case ("outage", tuple(event), int(kept)):
                return f"{self._worded(event)}, is lost after {kept} records, and resumed"
            case ("event", tuple(event)):
                return self._worded(event)
        raise AssertionError(action)

    def name(self, bits: int) -> list[str]:
        """The marks behind bits."""
        return [name for name, bit in _BIT.items() if bits & bit]

    def _worded(self, event: Event) -> str:
        word, *rest_ = event
        about: list[str] = [REGIONS[rest_[0]]] if rest_ else []
        if word == "hears":
            about.append(type(self._messages[rest_[1]]).__name__)
        elif word == "is told":
            about.append(f"({rest_[1]})")
        return " ".join(["the coordinator", word, *about])

    # ----------------------------------------------------------------------------------------------------------- seats

    def _brought(self, world: World, place: int) -> Iterator[tuple[int, World, int]]:
        """A region is brought its next message."""
        number = world[_SEATS + place]
        if not self._seats[number].down:
            return
        for delivery in self._seats.delivered(number):
            if delivery.cost and (place not in self._active or not self._left(world, delivery.cost)):
                continue
            action = self._actions.of(("seat", place, delivery.words))
            self._agree(world[0], delivery.after, action)
            reached = _put(_spent(world, delivery.cost), place, delivery.after)
            yield action, reached, _BIT[delivery.mark] if delivery.mark else 0

    def _heard(self, world: World, place: int) -> Iterator[tuple[int, World, int]]:
        """The coordinator hears what a region has sent, and new processes that ask to be let in."""
        seat = self._seats[world[_SEATS + place]]
        if seat.up:
            taken = _put(world, place, self._seats.of(replace(seat, up=seat.up[1:])))
            yield from self._coordinated(taken, ("hears", place, seat.up[0]))
        if seat.process.phase == "joining":
            yield from self._coordinated(world, ("lets in", place, seat.process.nonce))

    def _goes_wrong(self, world: World, place: int) -> Iterator[tuple[int, World, int]]:
        """A region's process dies; it sends what it may not; the coordinator waits no longer."""
        seat = self._seats[world[_SEATS + place]]
        if place in self._active and self._left(world, "crashes"):
            reached = _put(_spent(world, "crashes"), place, self._seats.of(seat.reborn()))
            yield self._actions.of(("seat", place, "dies, and another process takes its place")), reached, 0
        if place in self._active and self._left(world, "forged"):
            for forgery in FORGERIES:
                yield from self._coordinated(world, ("is told", place, forgery), "forged")
        if seat.stuck:
            yield from self._coordinated(world, ("waits no longer for", place))
        elif self._left(world, "early"):
            yield from self._coordinated(world, ("waits no longer for", place), "early")

    def _agree(self, coordinator: int, seat: int, action: int) -> None:
        """S1: whoever plays a region knows each beat as the coordinator has committed it."""
        holder, told = self._seats[seat].holder, self._states[coordinator][1]
        if not holder.committed or (holder.committed, told.committed) in self._agreed:
            return
        for beat, vector in holder.committed:
            if beat >= len(told.committed) or told.committed[beat] != vector:
                raise Violated("S1", f"{holder.region} knows beat {beat} as it was not committed", action)
        self._agreed.add((holder.committed, told.committed))

    # ------------------------------------------------------------------------------------------------------ coordinator

    def _coordinated(self, world: World, event: Event, cost: str = "") -> Iterator[tuple[int, World, int]]:
        """The coordinator takes an event; or takes it, and is lost after some of the records that this brings about."""
        action = self._actions.of(("event", event))
        try:
            step = self._step(world[0], event)
        except Violated as error:
            raise Violated(error.name, error.text, action) from None
        if step is None:
            return
        before = _spent(world, cost)
        yield action, *self._ordered(before, step)
        if self._left(before, "outages"):
            for kept in range(1, len(step.records)):
                yield self._lost(before, event, kept)

    def _lost(self, world: World, event: Event, kept: int) -> tuple[int, World, int]:
        """The coordinator is lost and resumed; everybody else is new, and what was on its way is lost."""
        action = self._actions.of(("outage", event, kept))
        try:
            step = self._outage(world[0], event, kept)
        except Violated as error:
            raise Violated(error.name, error.text, action) from None
        reached = _spent(world, "outages")
        for place in range(len(REGIONS)):
            fresh = replace(self._seats[reached[_SEATS + place]].reborn(), fallback=None, down=(), up=())
            reached = _put(reached, place, self._seats.of(fresh))
        return action, *self._ordered(reached, step)

    def _ordered(self, world: World, step: Step) -> tuple[World, int]:
        """The world after the seats have got what the coordinator has sent, and the marks."""
        reached, marks = list(world), step.marks
        reached[0] = step.after
        for place, orders in enumerate(step.orders):
            if orders:
                reached[_SEATS + place], names = self._seats.ordered(reached[_SEATS + place], orders)
                for name in names:
                    marks |= _BIT[name]
        return tuple(reached), marks

    def _step(self, number: int, event: Event) -> Step | None:
        """What an event comes to; None if it can have no effect."""
        key = (number, event)
        if key not in self._steps:
            self._steps[key] = self._take(number, event)
        return self._steps[key]

    def _take(self, number: int, event: Event) -> Step | None:
        state, _ = self._states[number]
        match event:
            case ("starts",):
                return self._run(number, Start(self._opened, rest()))
            case ("is stopped",):
                return self._run(number, Stop("the user has had enough"), "stopped")
            case ("waits no longer for", int(place)):
                beat, round_ = (state.beat.beat if state.beat else 0), (state.round.round if state.round else 0)
                fired = DeadlineFired(REGIONS[place], state.members[place].incarnation, beat, round_)
                owed = state.phase in ("gathering", "voting") and any(awaited(fallback=f)(state, fired) for f in (False, True))
                played = state.members[place].fallback
                return self._run(number, fired, "given up" if played else "fallback installed") if owed else None
            case ("lets in", int(place), str(nonce)):
                asked = Rejoined(region=REGIONS[place], nonce=nonce)
                if state.has_let_in(asked):
                    return None
                phases = {"gathering": "rejoined while gathering", "voting": "rejoined while voting"}
                waits = state.members[place].fallback
                mark = "rejoin waits for the next beat" if waits else phases.get(state.phase, "")
                return self._run(number, Received(asked), mark, REGIONS[place])
            case ("hears", int(place), int(message)):
                return self._hear(number, place, self._messages[message])
            case ("is told", int(place), str(forgery)):
                forged = FORGERIES[forgery](state, REGIONS[place])
                return None if forged is None else self._hear(number, place, forged)
        raise AssertionError(event)

    def _hear(self, number: int, place: int, message: Message) -> Step:
        """A message of a region; one that may not be said now changes nothing."""
        try:
            COORDINATOR_MACHINE.step(self._states[number][0], Received(message))
        except PeerError:
            return Step(number, ((),) * len(REGIONS), (), _BIT["refused"])
        return self._run(number, Received(message), "", REGIONS[place])

    def _run(self, number: int, event: Any, mark: str = "", sender: str = "") -> Step:
        """Take an event, and what follows from it at once."""
        state, told = self._states[number]
        marks = _BIT[mark] if mark else 0
        records: list[tuple[str, int]] = []
        orders: tuple[list[int], ...] = tuple([] for _ in REGIONS)
        if isinstance(event, Received):
            told = told.heard(event.message)
            records.append((sender, self._messages.of(event.message)))
        events = deque([event])
        while events:
            before, event = state, events.popleft()
            state, outputs = COORDINATOR_MACHINE.step(state, event)
            if state.committed[: len(before.committed)] != before.committed:
                raise Violated("S6", "a committed beat has changed")
            if isinstance(event, Audited) and state.phase == "voting":
                marks |= _BIT["audit sent back"]
            for output in outputs:
                if isinstance(output, Send):
                    marks |= self._require(before, state, told, output.message)
                    told = told.said(output.message)
                    numbered = self._messages.of(output.message)
                    records.append((DIRECTOR if isinstance(output.message, Decided) else COORDINATOR, numbered))
                    for place, region in enumerate(REGIONS):
                        if region in output.to:
                            orders[place].append(numbered)
                elif isinstance(output, Install):
                    orders[REGIONS.index(output.region)].append(FALLBACK if output.fallback else REGION_BACK)
                elif isinstance(output, AskDirector):
                    events.append(Briefed(briefed(self._opened, self._beats), brief(self._beats)))
                elif isinstance(output, Audit):
                    events.append(Audited(*self._looked(output.beat, output.tracks)))
                elif isinstance(output, MakeRuling):
                    events.append(made := self._ruled(output))
                    for one in made.rulings:
                        marks |= _BIT.get(f"ruled: {one.rung}", 0)
        if state.phase == "closed" and not state.closed_in:
            marks |= _BIT["done"]
            self._same_motion(state)
        return Step(self._states.of((state, told)), tuple(map(tuple, orders)), tuple(records), marks)

    def _require(self, before: CoordinatorState, after: CoordinatorState, told: Told, message: Message) -> int:
        """What the coordinator says has to follow from what was said before; marks."""
        as_proposed = COMMIT_AS_PROPOSED in self._opened.flags
        told.require(message, as_proposed=as_proposed)
        if not isinstance(message, Committed):
            return 0
        assert before.beat is not None
        kept, tracks = after.committed[message.beat]
        if kept != message.digest:
            raise Violated("S1", f"beat {message.beat} is kept under another digest than it is committed under")
        broken, _ = self._looked(before.beat, tracks)
        if broken and not as_proposed:
            raise Violated("S3", f"beat {message.beat} is committed, and breaks {broken[0].constraint}")
        if message.ruled:
            return _BIT["committed by ruling"]
        return _BIT["committed after objections"] if before.round is not None and before.round.round > 1 else 0

    def _same_motion(self, state: CoordinatorState) -> None:
        """S5, where it is asked for: the motion is that of all other ways that come to an end."""
        if self._motions is not None:
            self._motions.add(tuple(self._messages.of(track) for _, tracks in state.committed for track in tracks))
            if len(self._motions) > 1:
                raise Violated("S5", "what went wrong on the way has changed the motion")

    def _looked(self, beat: BeatOpened, tracks: Sequence[Track]) -> tuple[tuple[Violation, ...], EndState]:
        """What four tracks break, and how the beat ends with them."""
        key = (self._messages.of(beat), *map(self._messages.of, tracks))
        if key not in self._looks:
            self._looks[key] = look(self._rules, beat, tracks)
        return self._looks[key]

    def _ruled(self, asked: MakeRuling) -> RulingMade:
        key = (self._messages.of(asked.beat), *map(self._messages.of, asked.tracks))
        if key not in self._rulings:
            length = asked.beat.intent.end - asked.beat.intent.start
            tracks, rulings = rule(self._rules, asked.beat.end_state, asked.tracks, length)
            self._rulings[key] = RulingMade(tracks, rulings, self._looked(asked.beat, tracks)[1])
        return self._rulings[key]

    # ----------------------------------------------------------------------------------------------------------- outage

    def _outage(self, number: int, event: Event, kept: int) -> Step:
        """The coordinator comes back from its journal, which ends some records after a state."""
        key = (number, event, kept)
        if key not in self._outages:
            self._outages[key] = self._resumed(number, event, kept)
        return self._outages[key]

    def _resumed(self, number: int, event: Event, kept: int) -> Step:
        state, told = self._states[number]
        marks = 0
        if event:
            state, told = self._folded(number, event, kept)
            marks = _BIT["resumed between two records"]
            number = self._states.of((state, told))
        if state.phase == "closed" and not state.closed_in:
            return Step(number, ((),) * len(REGIONS), (), marks)  # all was done but for saying so
        mark = f"resumed while {state.phase}" if state.phase != "closed" else "resumed after the end"
        step = self._run(number, Resume(()))
        return replace(step, marks=step.marks | marks | _BIT.get(mark, 0))

    def _folded(self, number: int, event: Event, kept: int) -> tuple[CoordinatorState, Told]:
        """What a journal comes to that ends within what an event brings about; what was due is said after all."""
        state, told = self._states[number]
        step = self._step(number, event)
        assert step is not None
        run = Replay(self._rules, coordinator=state)
        run.leave_out(REGIONS)  # what they make of it shows in what they say
        for sender, message in step.records[:kept]:
            said = self._messages[message]
            run.feed(Record(1, 0.0, sender, (COORDINATOR,) if sender in REGIONS else (), 0, 0, said))
            told = told.heard(said) if sender in REGIONS else told.said(said)
        if run.findings:
            raise Violated("S5", f"a journal cannot be followed: {run.findings[0].text}")
        for said in run.due:
            told = told.said(said)
        expected, _ = self._states[step.after]
        of = self._messages.of_coordinator
        if of(run.coordinator) != of(expected) and run.coordinator.phase != "directing":
            raise Violated("S5", f"a journal comes to {run.coordinator.phase} where the coordinator was {expected.phase}")
        return run.coordinator, told

    def _left(self, world: World, what: str) -> int:
        return world[_LEFT + _BUDGET.index(what)]


def _put(world: World, place: int, seat: int) -> World:
    return (*world[: _SEATS + place], seat, *world[_SEATS + place + 1 :])


def _spent(world: World, what: str) -> World:
    if not what:
        return world
    place = _LEFT + _BUDGET.index(what)
    return (*world[:place], world[place] - 1, *world[place + 1 :])
