"""What happens along a way through a system, and what is journaled of it: the same records that a take's journal would hold.

A negotiation is journaled whole. Before a rendering stands a negotiation in which nothing goes wrong, for a journal begins with
its take. Of a link nothing is journaled: its bodies are no messages.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from protocol.channels import REGIONS, Region
from protocol.checking.chair import FILM_BROKE, ON_DISK, Event, Said
from protocol.checking.exploring import System, Violated
from protocol.checking.forgeries import FORGERIES
from protocol.checking.negotiation import Negotiation, World
from protocol.checking.rendering import Rendering, Scene, Taken
from protocol.checking.scenario import Budget
from protocol.coordination import Stop
from protocol.coordinator import COORDINATOR_MACHINE
from protocol.coordinator_state import CoordinatorState
from protocol.dispatch import DISPATCHER, FilmBroke, Filmed, Merge, Ready, Unable, Written
from protocol.dispatcher_state import DispatcherState
from protocol.journal import Record
from protocol.machine import Received, Send
from protocol.messages import (
    COORDINATOR,
    DIRECTOR,
    ChunkRendered,
    Cut,
    Decided,
    Discarded,
    Merged,
    Message,
    Rejoined,
    TakeResumed,
)
from protocol.replay import Replay

MOMENT = 0.04
"""Seconds from one record to the next."""


@dataclass(frozen=True, slots=True)
class Happening:
    """One thing that happens.

    Attributes:
        words: what.
        unusual: whether it costs something of what may go wrong.
        kept: how many of the records before it are still in the journal.
        records: what is journaled on account of it.
    """

    words: str
    unusual: bool
    kept: int
    records: tuple[Record, ...]


@dataclass(frozen=True, slots=True)
class Account:
    """A way through a system.

    Attributes:
        happenings: in order.
        records: what the journal holds in the end.
        before: how many of the records were there before the first happening.
    """

    happenings: tuple[Happening, ...]
    records: tuple[Record, ...]
    before: int = 0


def account(system: System[Any], actions: Sequence[int]) -> Account:
    """What happens along a way, the last step of which may be the one that breaks a property."""
    if isinstance(system, Negotiation):
        return _Negotiated(system).along(actions)
    if isinstance(system, Rendering):
        return _Rendered(system).along(actions)
    state, happenings = system.first(), []
    for action in actions:
        after = _reached(system, state, action)
        unusual = after is not None and system.left(after) != system.left(state)
        happenings.append(Happening(system.say(action), unusual, 0, ()))
        state = after
    return Account(tuple(happenings), ())


def _reached(system: System[Any], state: Any, action: int) -> Any:
    """The state after an action; None if that breaks a property."""
    try:
        for each, after, _ in system.successors(state):
            if each == action:
                return after
    except Violated:
        return None
    raise ValueError(f"{system.say(action)}: cannot happen here")


class _Ledger:
    """A journal being written."""

    def __init__(self) -> None:
        self.records: list[Record] = []

    def add(self, sender: str, receivers: Sequence[str], message: Message, epoch: int = 0, number: int = 0) -> None:
        """Put a message in its place."""
        seq = len(self.records) + 1
        self.records.append(Record(seq, seq * MOMENT, sender, tuple(receivers), epoch, number, message))

    def number(self, region: Region, epoch: int) -> int:
        """Under which number a region sends next in an incarnation."""
        sent = sum((each.sender, each.epoch) == (region, epoch) for each in self.records)
        notes = (each.message for each in self.records if isinstance(each.message, Discarded))
        return 1 + sent + sum((note.role, note.incarnation) == (region, epoch) for note in notes)


class _Frames:
    """How the frames of a negotiation are made: by one renderer, all when they are due. The dispatcher's machine is real."""

    def __init__(self, ledger: _Ledger) -> None:
        self._ledger = ledger
        self.begin()

    def begin(self) -> None:
        """The coordinator has begun, or was resumed: nothing is rendered yet."""
        self._state = DispatcherState()
        self._merged = 0

    def follow(self, state: CoordinatorState) -> None:
        """What is committed is cut into chunks, one of each beat."""
        assert state.brief is not None
        for beat in range(self._merged, len(state.committed)):
            cut = Cut(chunk=beat, first=30 * beat, last=30 * (beat + 1), motion=f"{beat:032x}")
            self._take(Merge(Merged(beat=beat, chunks=(cut,), ends=beat + 1 == len(state.brief.beats))))
        self._merged = len(state.committed)

    def finish(self) -> None:
        """Every frame is made and written."""
        self._take(Ready("renderer-1"))
        for chunk in range(self._merged):
            rendered = ChunkRendered(chunk=chunk, attempt=1, frames=f"{chunk:032x}")
            self._ledger.add("renderer-1", (COORDINATOR,), rendered)
            self._take(Received(rendered))
            self._take(Written(chunk))

    def fail(self) -> None:
        """They cannot be made."""
        self._take(Unable(FILM_BROKE))

    def _take(self, event: Any) -> None:
        self._state, outputs = DISPATCHER.step(self._state, event)
        for output in outputs:
            if isinstance(output, Send):
                self._ledger.add(COORDINATOR, output.to, output.message)


class _Negotiated:
    """An account of a negotiation."""

    def __init__(self, system: Negotiation, *, frames: bool = True) -> None:
        self._system = system
        self.ledger = _Ledger()
        self._frames = _Frames(self.ledger) if frames and system.film else None
        self.world: World = system.first()

    def along(self, actions: Iterable[int]) -> Account:
        """Go a way."""
        happenings = []
        for action in actions:
            before = len(self.ledger.records)
            after, said = self._step(action)
            kept = self._journaled(self._system.meaning(action), said, before)
            unusual = self._system.left(after) != self._system.left(self.world) if after else self._breaks(action)
            if after is not None and self._frames is not None:
                self._cut(self._system.chair[after[0]], self.ledger.records[kept:])
            happenings.append(Happening(self._system.say(action), unusual, kept, tuple(self.ledger.records[kept:])))
            self.world = after or self.world
        return Account(tuple(happenings), tuple(self.ledger.records))

    def _film(self, word: str) -> None:
        """What comes of the frames shows before the coordinator hears of it."""
        assert self._frames is not None
        if word == "hears that all frames are made":
            self._frames.finish()
        elif word == "hears that the film broke":
            self._frames.fail()

    def _cut(self, state: CoordinatorState, new: Sequence[Record]) -> None:
        assert self._frames is not None
        if any(isinstance(record.message, TakeResumed) for record in new):
            self._frames.begin()
        if state.phase not in ("directing", "closed"):
            self._frames.follow(state)

    def _step(self, action: int) -> tuple[World | None, tuple[Said, ...]]:
        """The world after an action, None if that breaks a property, and what was journaled by then."""
        try:
            for each, after, _ in self._system.successors(self.world):
                if each == action:
                    return after, self._said(action)
        except Violated as error:
            return None, error.records
        raise ValueError(f"{self._system.say(action)}: cannot happen here")

    def _said(self, action: int) -> tuple[Said, ...]:
        chair, coordinator = self._system.chair, self.world[0]
        match self._system.meaning(action):
            case ("event", tuple(event)):
                step = chair.step(coordinator, event)
                assert step is not None
                return step.records
            case ("outage", tuple(event), int(kept)):
                return chair.resumed(coordinator, event, kept).records
            case ("blackout",):
                return chair.resumed(self._system.on_disk(self.world)).records
        return ()

    def _breaks(self, action: int) -> bool:
        """Whether an action that breaks a property, so that no world comes after it, is out of the ordinary itself."""
        match self._system.meaning(action):
            case ("event", ("waits no longer for", int(place))):
                return not self._system.seat(self.world, place).stuck
            case ("event", (word, *_)):
                return word in ("is told", "is stopped", "hears that the film broke")
            case (kind, *_):
                return kind in ("outage", "blackout")
        raise AssertionError(action)

    def _journaled(self, meaning: Event, said: Sequence[Said], kept: int) -> int:
        """Put into the journal what an action has brought about; how many records of before are still in it."""
        state, event = self._system.chair[self.world[0]], meaning[1] if meaning[0] in ("event", "outage") else ()
        if meaning[0] == "blackout":
            kept = self._lose()
        if event and event[0] in ("hears", "is told") and not said:
            self._refuse(state, event)
        if self._frames is not None and event:
            self._film(event[0])
        for sender, receivers, number in said:
            message = self._system.messages[number]
            if sender not in REGIONS:
                self.ledger.add(sender, receivers, message)
            elif isinstance(message, Rejoined):
                self.ledger.add(sender, receivers, message, 0, 1)
            else:
                epoch = state.member(sender).incarnation
                self.ledger.add(sender, receivers, message, epoch, self.ledger.number(sender, epoch))
        return kept

    def _lose(self) -> int:
        """What is not on disk is lost; what was about to be said then is said after all."""
        records = self.ledger.records
        kept = max(n for n, record in enumerate(records, 1) if isinstance(record.message, ON_DISK))
        del records[kept:]
        run = Replay(self._system.chair.constraints)
        run.leave_out(REGIONS)
        for record in records:
            run.feed(record)
        for message in run.due:
            self.ledger.add(DIRECTOR if isinstance(message, Decided) else COORDINATOR, (), message)
        return kept

    def _refuse(self, state: CoordinatorState, event: Event) -> None:
        word, place, what = event
        region = REGIONS[place]
        message = self._system.messages[what] if word == "hears" else FORGERIES[what](state, region)
        assert message is not None
        epoch = state.member(region).incarnation
        number = self.ledger.number(region, epoch)
        reason = self._system.chair.refusal(self.world[0], message)[:400]
        noted = Discarded(role=region, incarnation=epoch, number=number, what="refused", reason=reason)
        self.ledger.add(COORDINATOR, (), noted)


@cache
def _before_frames(beats: int) -> tuple[tuple[Record, ...], CoordinatorState]:
    """A negotiation until all beats are committed, and the coordinator then; nothing goes wrong, so any way leads there."""
    system = Negotiation(beats=beats, budget=Budget(), film=True)
    talk = _Negotiated(system, frames=False)
    while system.chair[talk.world[0]].phase != "rendering":
        action, _, _ = system.successors(talk.world)[0]
        talk.along((action,))
    return tuple(talk.ledger.records), system.chair[talk.world[0]]


class _Rendered:
    """An account of a rendering, with the negotiation before it."""

    def __init__(self, system: Rendering) -> None:
        self._system = system
        self._ledger = _Ledger()
        before, self._coordinator = _before_frames(system.beats)
        self._ledger.records += before

    def along(self, actions: Iterable[int]) -> Account:
        """Go a way."""
        scene, taken = self._system.opened()
        self._journaled(taken)
        happenings, before = [], len(self._ledger.records)
        for action in actions:
            kept = len(self._ledger.records)
            after, taken = self._step(scene, action)
            self._journaled(taken)
            unusual = after is not None and self._system.left(after) != self._system.left(scene)
            happenings.append(Happening(self._system.say(action), unusual, kept, tuple(self._ledger.records[kept:])))
            scene = after or scene
        return Account(tuple(happenings), tuple(self._ledger.records), before)

    def _step(self, scene: Scene, action: int) -> tuple[Scene | None, list[Taken]]:
        try:
            return self._system.follow(scene, action)
        except Violated as error:
            return None, list(error.records)

    def _journaled(self, taken: Iterable[Taken]) -> None:
        for event, given, outputs in taken:
            if event[0] == "answer":
                self._ledger.add(event[-1], (COORDINATOR,), given.message)
            elif event[0] == "close":
                self._hears(Stop("the user has had enough"))
            for output in outputs:
                if isinstance(output, Send):
                    self._ledger.add(COORDINATOR, output.to, output.message)
                elif isinstance(output, (Filmed, FilmBroke)):
                    self._hears(output)

    def _hears(self, event: Stop | Filmed | FilmBroke) -> None:
        """The coordinator's other role hears what became of the film."""
        self._coordinator, outputs = COORDINATOR_MACHINE.step(self._coordinator, event)
        for output in outputs:
            if isinstance(output, Send):
                self._ledger.add(COORDINATOR, output.to, output.message)
