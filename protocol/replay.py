"""Replay: the machines of this version run over a journal.

The coordinator gets every message and every answer that the journal tells of and has to send what the journal holds next;
each region's process gets what was brought to it and has to answer as it did. What is pure (audits, rulings, end states) is
worked out again with the constraints of the journal's own configuration. What planners answered is taken from the journal.
The first difference of each role is reported with its fields.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence
from copy import copy
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Self, TypeVar

from protocol.brief import Brief
from protocol.channels import REGIONS, Region
from protocol.constraints import Constraints
from protocol.coordination import (
    Audit,
    Audited,
    Briefed,
    Broke,
    DeadlineFired,
    Exchanged,
    MakeRuling,
    MergeBeat,
    Resume,
    Reviewed,
    RulingMade,
    StageSet,
    Start,
    Stop,
)
from protocol.coordinator import COORDINATOR_MACHINE
from protocol.coordinator_state import CoordinatorState
from protocol.debugging.comparing import difference
from protocol.dispatch import (
    DISPATCHER,
    Close,
    FilmBroke,
    Filmed,
    FramesLost,
    Gone,
    Merge,
    Quiet,
    Ready,
    Unable,
    Written,
)
from protocol.dispatcher_state import DispatcherState
from protocol.findings import Finding
from protocol.journal import JournalError, Record
from protocol.keyframes import Track, exact
from protocol.machine import HasPhase, LocalError, Machine, PeerError, Received, Send
from protocol.messages import (
    COORDINATOR,
    CRITIC,
    DIRECTOR,
    Aborted,
    Accepted,
    BeatOpened,
    ChunkAssigned,
    ChunkFailed,
    ChunkLost,
    ChunkRendered,
    ChunkWritten,
    DeadlinePassed,
    Decided,
    Discarded,
    EndState,
    FilmFailed,
    FilmOpened,
    Merged,
    Message,
    Objected,
    Proposed,
    Rejoined,
    RendererChanged,
    Restored,
    TakeClosed,
    TakeOpened,
    TakeResumed,
)
from protocol.region import REGION, Judged, RegionState, Revision, Thought, Wake
from protocol.repair import violations
from protocol.ruling import rule
from protocol.timeline import end_state, rest, view

S = TypeVar("S", bound=HasPhase)

OF_DISPATCHER = (Merged, ChunkAssigned, ChunkWritten, ChunkLost, RendererChanged, FilmFailed)
"""What the coordinator sends as the dispatcher."""


_CONTAINERS = (list, dict, set, deque)


@dataclass(frozen=True, slots=True)
class Divergence:
    """Where a role does otherwise than its journal tells.

    Attributes:
        role: whose.
        finding: what is otherwise, and at which record.
        phase: where the role is by then.
        rule: the row of its table that it took last, in words; empty if there is none, or no row allows what was found.
    """

    role: str
    finding: Finding
    phase: str
    rule: str


Step = tuple[Machine[Any], Any, Any]
"""A machine, its state, and the event that it was given."""


@dataclass
class Replay:
    """A journal being replayed.

    Args:
        constraints: of the journal's configuration; None for who works nothing out.

    Attributes:
        coordinator, regions, fallbacks, dispatcher: where the roles are; of a region that its fallback plays, both are there.
        absent: regions of which no process is there since the take was resumed.
        due: what the coordinator has yet to say because of what it has heard.
        due_frames: the same of the dispatcher.
        findings: the first difference of each role.
        divergences: the same, with what the role was about.
    """

    constraints: Constraints | None
    coordinator: CoordinatorState = field(default_factory=CoordinatorState)
    regions: dict[str, RegionState] = field(default_factory=lambda: {region: RegionState(region) for region in REGIONS})
    fallbacks: dict[str, RegionState] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    due: deque[Message] = field(default_factory=deque)
    dispatcher: DispatcherState = field(default_factory=DispatcherState)
    absent: set[str] = field(default_factory=set)
    due_frames: deque[Message] = field(default_factory=deque)
    divergences: list[Divergence] = field(default_factory=list)
    _to_merge: deque[MergeBeat] = field(default_factory=deque)
    _reported: Filmed | FilmBroke | None = None
    _steps: dict[str, Step] = field(default_factory=dict)
    _partial: dict[str, list[Message]] = field(default_factory=dict)
    _lost: set[str] = field(default_factory=set)

    def feed(self, record: Record) -> None:
        """Take the next record."""
        message = record.message
        if not isinstance(message, TakeResumed):
            self._take_report()
        if isinstance(message, Discarded):
            if message.what == "refused":
                self._lost.add(message.role)  # it said what is not kept, so what it says next cannot be told from it
            return
        if isinstance(message, (ChunkRendered, ChunkFailed)):
            self._guarded(DISPATCHER.role, record, self._brought_to_dispatcher)
        elif isinstance(message, OF_DISPATCHER):
            self._guarded(DISPATCHER.role, record, self._said_by_dispatcher)
        elif record.sender not in (COORDINATOR, DIRECTOR, CRITIC, *REGIONS):
            self._diverge(record.sender, Finding("R02", record.seq, f"{record.sender} has no part in the protocol"))
        elif record.sender not in REGIONS:
            self._guarded(COORDINATOR, record, self._said_by_coordinator)
            for region in REGIONS:
                if region in record.receivers:
                    self._guarded(region, record, partial(self._brought_to_region, region))
        else:
            self._guarded(record.sender, record, self._said_by_region)
            self._guarded(COORDINATOR, record, self._brought_to_coordinator)

    def copy(self) -> Self:
        """Another one that goes on from here; states are values, and shared."""
        twin = copy(self)
        vars(twin).update({name: copy(held) for name, held in vars(self).items() if isinstance(held, _CONTAINERS)})
        return twin

    def leave_out(self, roles: Iterable[str]) -> None:
        """Follow all other roles only."""
        self._lost.update(roles)

    def finish(self) -> None:
        """The journal ends here, and its take with it: nobody may have more to say."""
        self._take_report()
        if self.due:
            self._diverge(COORDINATOR, Finding("R01", 0, f"the journal ends before {_name(self.due[0])} of the coordinator"))
        if self.due_frames:
            missing = _name(self.due_frames[0])
            self._diverge(DISPATCHER.role, Finding("R01", 0, f"the journal ends before {missing} of the dispatcher"))

    def _guarded(self, role: str, record: Record, step: Callable[[Record], None]) -> None:
        if role in self._lost:
            return
        try:
            step(record)
        except (PeerError, LocalError, ValueError) as error:
            self._diverge(role, Finding("R02", record.seq, _brief_text(error)))

    def _diverge(self, role: str, finding: Finding) -> None:
        if role in self._lost:
            return
        self._lost.add(role)
        self.findings.append(finding)
        phase, rule = self._where(role)
        self.divergences.append(Divergence(role, finding, phase, rule))

    def _where(self, role: str) -> tuple[str, str]:
        """Where a role is, and the row that it took last."""
        if role not in self._steps:
            return "idle", ""
        machine, state, event = self._steps[role]
        try:
            row = machine.row(state, event)
        except PeerError:
            row = None
        if row is None:
            return state.phase, ""
        return row.to, f"{row.phase} + {row.event}{f', {row.when}' if row.when else ''} -> {row.to}"

    def _step(self, role: str, machine: Machine[S], state: S, event: Any) -> tuple[S, Sequence[Any]]:
        self._steps[role] = (machine, state, event)
        return machine.step(state, event)

    # ---------------------------------------------------------------------------------------------------- coordinator

    def _said_by_coordinator(self, record: Record) -> None:
        message = record.message
        self.bring_about(message)
        if not self.due:
            self._diverge(COORDINATOR, Finding("R02", record.seq, f"the coordinator has no reason to send {_name(message)}"))
            return
        expected = self.due.popleft()
        if expected != message:
            self._diverge(COORDINATOR, Finding("R01", record.seq, difference(expected, message)))

    def _brought_to_coordinator(self, record: Record) -> None:
        if self.due:
            missing, found = _name(self.due[0]), _name(record.message)
            text = f"the coordinator sends {missing} before it hears anything else; the journal holds {found}"
            self._diverge(COORDINATOR, Finding("R01", record.seq, text))
            return
        self.coordinate(Received(record.message))

    def bring_about(self, message: Message) -> None:
        """Events that are not messages show in what the coordinator sends because of them."""
        if isinstance(message, TakeOpened) and self.coordinator.phase == "idle":
            self.coordinate(Start(message, rest()))
        elif isinstance(message, FilmOpened) and not self.due:
            self.coordinate(StageSet(message))
        elif isinstance(message, TakeResumed) and not self.due:
            self._begin_again()
            self.coordinate(Resume(tuple(sorted(message.versions.items()))))
        elif isinstance(message, Decided) and not self.due:
            briefed = message.final
            self.coordinate(Briefed(message, Brief.model_validate_json(message.reply)) if briefed else Exchanged(message))
        elif isinstance(message, (Accepted, Objected)) and not self.due:  # the critic's
            self.coordinate(Reviewed(message.violations if isinstance(message, Objected) else ()))
        elif isinstance(message, DeadlinePassed) and not self.due:
            self.coordinate(DeadlineFired(message.region, message.incarnation, message.beat, message.round))
        elif isinstance(message, TakeClosed) and not self.due and message.outcome == "stopped":
            self.coordinate(Stop(message.reason))
        elif isinstance(message, Aborted) and not self.due:
            self.coordinate(Broke(message.error))

    def coordinate(self, event: Any) -> None:
        """Let the coordinator take an event, and what follows from it at once."""
        events = deque([event])
        while events:
            self.coordinator, outputs = self._step(COORDINATOR, COORDINATOR_MACHINE, self.coordinator, events.popleft())
            for output in outputs:
                if isinstance(output, Send):
                    self.due.append(output.message)
                    if isinstance(output.message, TakeClosed):
                        self._dispatch(Close())
                elif isinstance(output, (Audit, MakeRuling)):
                    events += self.work_out(output)
                elif isinstance(output, MergeBeat):
                    self._to_merge.append(output)
                # What the director was asked and answered, or the critic makes of a vector, is the next record.

    def work_out(self, asked: Audit | MakeRuling) -> list[Audited | RulingMade]:
        """The answer to what the coordinator asks its host; none if it cannot be worked out, upon which the take aborts."""
        try:
            return [self._audit(asked) if isinstance(asked, Audit) else self._rule(asked)]
        except ValueError:
            return []

    def _audit(self, asked: Audit) -> Audited:
        assert self.constraints is not None
        found, ending = look(self.constraints, asked.beat, asked.tracks)
        return Audited(found, ending)

    def _rule(self, asked: MakeRuling) -> RulingMade:
        assert self.constraints is not None
        tracks, rulings = rule(self.constraints, asked.beat.end_state, asked.tracks, _length(asked.beat))
        return RulingMade(tracks, rulings, look(self.constraints, asked.beat, tracks)[1])

    def _begin_again(self) -> None:
        """Every process but the coordinator's is new. That of a region is there once it has asked to be let in."""
        self.regions = {region: RegionState(region) for region in REGIONS}
        self.fallbacks.clear()
        self.absent = set(REGIONS)
        self._reported = None
        self.dispatcher = DispatcherState()
        self._partial.clear()
        self.due_frames.clear()
        self._to_merge.clear()
        self._lost -= {*REGIONS, DISPATCHER.role}

    # ----------------------------------------------------------------------------------------------------- dispatcher

    def _said_by_dispatcher(self, record: Record) -> None:
        message = record.message
        if not self.due_frames:
            self._dispatch(self._dispatched(message))
        if not self.due_frames:
            text = f"the dispatcher has no reason to send {_name(message)}"
            self._diverge(DISPATCHER.role, Finding("R02", record.seq, text))
            return
        expected = self.due_frames.popleft()
        if expected != message:
            self._diverge(DISPATCHER.role, Finding("R01", record.seq, difference(expected, message)))

    def _dispatched(self, message: Message) -> Any:
        """The event that shows in what the dispatcher sends because of it."""
        if isinstance(message, Merged):
            beat = self._to_merge.popleft() if self._to_merge else None
            if beat is None or (beat.beat, beat.ends) != (message.beat, message.ends):
                raise ValueError(f"beat {message.beat} is merged without having been committed last")
            return Merge(message)
        if isinstance(message, RendererChanged):
            changes = {"ready": Ready(message.renderer), "quiet": Quiet(message.renderer, message.reason)}
            return changes.get(message.to, Gone(message.renderer, message.reason))
        if isinstance(message, ChunkWritten):
            return Written(message.chunk)
        if isinstance(message, ChunkLost):
            return FramesLost(message.chunk, message.reason)
        if isinstance(message, FilmFailed):
            return Unable(message.error)
        raise ValueError(f"the dispatcher has no reason to send {_name(message)}")

    def _brought_to_dispatcher(self, record: Record) -> None:
        if self.due_frames:
            missing, found = _name(self.due_frames[0]), _name(record.message)
            text = f"the dispatcher sends {missing} before it hears anything else; the journal holds {found}"
            self._diverge(DISPATCHER.role, Finding("R01", record.seq, text))
            return
        self._dispatch(Received(record.message))

    def _dispatch(self, event: Any) -> None:
        self.dispatcher, outputs = self._step(DISPATCHER.role, DISPATCHER, self.dispatcher, event)
        for output in outputs:
            if isinstance(output, Send):
                self.due_frames.append(output.message)
            elif isinstance(output, (Filmed, FilmBroke)):
                self._reported = output

    def _take_report(self) -> None:
        """Let the coordinator hear how the frames ended.

        That shows in no message but in what it sends then: a journal that ends here does not say that it has heard of it, and
        who resumes the take from it has frames to render.
        """
        report, self._reported = self._reported, None
        if report is None or COORDINATOR in self._lost:
            return
        try:
            self.coordinate(report)
        except LocalError as error:
            self._diverge(COORDINATOR, Finding("R02", 0, _brief_text(error)))

    # -------------------------------------------------------------------------------------------------------- regions

    def _brought_to_region(self, region: Region, record: Record) -> None:
        message = record.message
        if isinstance(message, Restored):
            self.fallbacks.pop(region, None)
            self._partial.pop(region, None)  # what an earlier incarnation left unfinished
            if message.holder == "fallback":
                self.fallbacks[region] = RegionState(region, phase="joining", incarnation=0)
        if region in self.absent and region not in self.fallbacks:
            return
        where = self.fallbacks if region in self.fallbacks else self.regions
        where[region], _ = self._step(region, REGION, where[region], Received(message))

    def _said_by_region(self, record: Record) -> None:
        message, region = record.message, record.sender
        if isinstance(message, Rejoined):
            self.absent.discard(region)
            self.regions[region], _ = self._step(region, REGION, self.regions[region], Wake(message.nonce))
            self._partial.pop(region, None)
            return
        said = self._partial[region] = [*self._partial.get(region, ()), message]
        where = self.fallbacks if region in self.fallbacks else self.regions
        state = where[region]
        event = _answer(state, said)
        if event is None:
            return
        where[region], outputs = self._step(region, REGION, state, event)
        sent = [output.message for output in outputs if isinstance(output, Send)]
        self._partial[region] = []
        for expected, actual in zip(sent, said, strict=False):
            if expected != actual:
                self._diverge(region, Finding("R01", record.seq, difference(expected, actual)))
                return
        if len(sent) != len(said):
            names = [", ".join(map(_name, messages)) or "nothing" for messages in (sent, said)]
            text = f"{region} sends {names[0]} with this version; the journal holds {names[1]}"
            self._diverge(region, Finding("R01", record.seq, text))


def _answer(state: RegionState, said: Sequence[Message]) -> Thought | Judged | None:
    """The decision behind what a region has said since it was last asked; None while it has not finished."""
    last = said[-1]
    exchanges = tuple(m for m in said if isinstance(m, Decided) and not m.final)
    decided = next((m for m in said if isinstance(m, Decided) and m.final), None)
    proposed = next((m for m in said if isinstance(m, Proposed)), None)
    revision = None
    if proposed is not None:
        known = decided or next((earlier for earlier in reversed(state.decisions) if earlier.final), None)
        if known is None:
            raise ValueError(f"{state.region} proposes without a decision")
        revision = Revision(known, proposed.track, proposed.why, exchanges)
    elif decided is not None and state.proposal is not None:  # it can do no more than it does
        revision = Revision(decided, state.proposal.track, state.proposal.why, exchanges)
    if isinstance(last, Proposed) and last.round == 0:
        assert revision is not None
        return Thought(last.beat, last.incarnation, revision)
    if isinstance(last, (Accepted, Objected)):
        found = last.violations if isinstance(last, Objected) else ()
        return Judged(last.beat, last.round, last.incarnation, found, revision)
    return None


def replay(records: Sequence[Record], constraints: Constraints, *, complete: bool = True) -> Replay:
    """Replay a whole journal, or with `complete=False` one that is cut off."""
    run = Replay(constraints)
    for record in records:
        run.feed(record)
    if complete:
        run.finish()
    return run


@dataclass(frozen=True, slots=True)
class Folded:
    """What a journal comes to, for a coordinator that goes on with it.

    Attributes:
        coordinator: the role's state after its last record.
        due: what the coordinator was about to send when the journal ended.
    """

    coordinator: CoordinatorState
    due: tuple[Message, ...]


def fold(records: Sequence[Record], constraints: Constraints) -> Folded:
    """The coordinator's state after a journal that was cut off or ended before the take was done.

    Raises:
        JournalError: this version cannot follow the journal.
    """
    run = replay(records, constraints, complete=False)
    for finding in run.findings:
        raise JournalError(f"record {finding.seq}: {finding.text}")
    return Folded(run.coordinator, tuple(run.due))


def look(constraints: Constraints, beat: BeatOpened, tracks: Sequence[Track]) -> tuple[tuple[Any, ...], EndState]:
    """What four tracks break of the hard constraints, and how the beat ends with them."""
    seconds = _length(beat)
    seen = view(beat.end_state, tracks, seconds)
    return tuple(violations(seen, constraints.hard)), end_state(seen, tracks, seconds)


def _length(beat: BeatOpened) -> float:
    return exact(beat.intent.end - beat.intent.start)


def _name(message: Message) -> str:
    return type(message).__name__


def _brief_text(error: Exception) -> str:
    """An error in a line; those of pydantic have several."""
    return " ".join(str(error).split())[:400]
