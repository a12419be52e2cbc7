"""Takes made for tests: messages and scripts for the bare machines, tiny takes of fake regions, whole directions.

A tiny take has beats of half a second in which each region moves one channel. Two rules couple them: jaw and brows together
stay below 1, jaw and left upper lid below 1.2; brows and eyes yield. In even beats the first proposals break both, in odd
beats neither. It runs over the real hosts, links and journal in a few milliseconds.
"""

from __future__ import annotations

import io
import json

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from fractions import Fraction
from functools import cache
from typing import Any, Generic, TypeVar

from agents.exchange import DirectorAgent, Exchange, Known
from agents.regions import Judgements
from configs.tables import Tables
from protocol.brief import Beat, Brief
from protocol.channels import REGIONS, WRITABLE, Region
from protocol.constraints import Constraints
from protocol.coordinator_state import CoordinatorState
from protocol.history import history
from protocol.journal import JournalWriter, Record
from protocol.keyframes import Curve, Source, Track, exact, key, make_track
from protocol.link import Envelope
from protocol.machine import HasPhase, Machine, Received, Row, kind
from protocol.messages import (
    CRITIC,
    MESSAGES,
    Accepted,
    BeatOpened,
    Committed,
    Decided,
    EndState,
    Objected,
    Proposed,
    RoundOpened,
    Ruled,
    TakeClosed,
    TakeOpened,
    Vector,
    Violation,
    digest,
)
from protocol.monitor import monitor
from protocol.region import Judge, Judged, Propose, RegionState, Revision, Thought
from protocol.rules import Margins, RuleSet, Sum
from protocol.timeline import Timeline, last_values, rest, sample
from runtime.coordinating import CoordinatorHost
from runtime.hosts import Carrier, Thinker
from runtime.inline import Crash, InlineBase, InlineRuntime, Network
from runtime.loading import Loaded, load
from runtime.options import TakeOptions
from runtime.sequencer import Sequencer
from runtime.take import TakeResult, Watch, opening, run_take, timeline_of

SPAN = 0.5
LEAD: Mapping[Region, str] = {"brows": "browInnerUp", "eyes": "eyeWideLeft", "mouth": "jawOpen", "head": "headYaw"}
"""The one channel that each region moves in a tiny take."""
TARGETS: Mapping[Region, tuple[float, float]] = {
    "brows": (0.6, 0.5),
    "eyes": (0.7, 0.6),
    "mouth": (0.8, 0.3),
    "head": (6.0, -4.0),
}
"""Where it moves to in even and in odd beats."""


# ------------------------------------------------------------------------------------------------------ bare messages


def brief(beats: int = 2) -> Brief:
    """A brief of equal beats that ask for nothing in particular."""
    spans = [(exact(SPAN * n), exact(SPAN * (n + 1))) for n in range(beats)]
    return Brief(beats=tuple(Beat(start=start, end=end, summary=f"beat at {start:g} s") for start, end in spans))


def take_opened(rounds: int = 3, flags: tuple[str, ...] = ()) -> TakeOpened:
    """The opening of a take, with an empty configuration."""
    return TakeOpened(
        take="take-1",
        direction="Half a second of this, half a second of that.",
        seed=7,
        fps="60",
        seconds=None,
        flags=flags,
        emotion="",
        rounds=rounds,
        configuration={},
        versions={},
    )


def beat_opened(number: int = 0, previous: str | None = None, end_state: EndState | None = None) -> BeatOpened:
    """The opening of a beat."""
    return BeatOpened(beat=number, intent=brief(number + 1).beats[number], previous=previous, end_state=end_state or rest())


def track(region: Region, target: float = 0.0, start: Mapping[str, float] | None = None, *, seconds: float = 0.4) -> Track:
    """A track that moves the region's lead channel to a target and holds all others."""
    curves = []
    for name in WRITABLE[region]:
        origin = start[name] if start else 0.0
        there = (key(seconds, target, "hold"),) if name == LEAD[region] and target != origin else ()
        curves.append(Curve(channel=name, keys=(key(0, origin, "min_jerk" if there else "hold"), *there)))
    return make_track(region, curves, (Source(gesture="move"),))


def decided(region: str, beat: int | None = 0, incarnation: int = 1, round_: int = 0, reply: str = "{}") -> Decided:
    """A planner's answer."""
    request = digest([region, beat, round_])
    return Decided(beat=beat, role=region, incarnation=incarnation, round=round_, planner="fake", request=request, reply=reply)


def proposed(
    region: Region, beat: int = 0, incarnation: int = 1, revision: int = 1, round_: int = 0, shape: Track | None = None
) -> Proposed:
    """A proposal."""
    shape = shape or track(region)
    return Proposed(
        beat=beat,
        region=region,
        incarnation=incarnation,
        revision=revision,
        round=round_,
        track=shape,
        digest=digest(shape),
        why="because",
    )


def violation(constraint: str = "brows-under-jaw", yields: Region = "brows", start: float = 0.1) -> Violation:
    """Something that is broken."""
    return Violation(
        constraint=constraint,
        channels=("browInnerUp", "jawOpen"),
        start=start,
        end=0.4,
        measured=1.4,
        bound=1.0,
        yields=yields,
        suggested=0.2,
    )


def round_opened(proposals: Sequence[Proposed] | None = None, number: int = 1) -> RoundOpened:
    """The opening of a round on four proposals."""
    proposals = proposals or [proposed(region) for region in REGIONS]
    return RoundOpened(
        beat=proposals[0].beat,
        round=number,
        vector=Vector(versions=tuple(one.version for one in proposals)),
        tracks=tuple(one.track for one in proposals),
        objections=(),
    )


def any_messages() -> list[Received]:
    """One of every kind of message, without content: for machines that look no further than its kind."""
    kinds: list[Any] = list(MESSAGES.values())
    return [Received(kind_.model_construct()) for kind_ in kinds]


S = TypeVar("S", bound=HasPhase)


class Script(Generic[S]):
    """A machine fed with events by hand; remembers which rows were taken and what they gave."""

    def __init__(self, machine: Machine[S], state: S) -> None:
        self.machine = machine
        self.state = state
        self.taken: list[tuple[Row[S], tuple[str, ...]]] = []

    def __call__(self, event: Any) -> tuple[Any, ...]:
        """Take one step; what the machine gives out."""
        row = self.machine.row(self.state, event)
        self.state, outputs = self.machine.step(self.state, event)
        assert row is not None
        self.taken.append((row, tuple(kind(output) for output in outputs)))
        return outputs


def given_by_row(scripts: Sequence[Script[S]]) -> dict[int, set[str]]:
    """Kinds of outputs that each row, by its place in the table, gave in some script; rows never taken are left out."""
    found: dict[int, set[str]] = {}
    for script in scripts:
        places = {id(row): place for place, row in enumerate(script.machine.rows)}
        for row, kinds in script.taken:
            found.setdefault(places[id(row)], set()).update(kinds)
    return found


def sent(outputs: Sequence[Any], kind_: type) -> list[Any]:
    """The messages of one kind among a machine's outputs."""
    return [output.message for output in outputs if isinstance(getattr(output, "message", None), kind_)]


# --------------------------------------------------------------------------------------------------------- tiny takes


@cache
def load_tables() -> Loaded:
    """The program's own tables, read once."""
    return load()


@cache
def tiny_tables() -> Tables:
    """Tables with the two rules of a tiny take for constraints."""
    about: dict[str, Any] = {"kind": "sum", "severity": "hard", "why": "a tiny take needs something to agree on", "source": "J"}
    brows = Sum(
        id="brows-under-jaw",
        weights={"browInnerUp": 1.0, "jawOpen": 1.0},
        max=1.0,
        yields="brows",
        gives=("browInnerUp",),
        **about,
    )
    eyes = Sum(
        id="lids-under-jaw",
        weights={"eyeWideLeft": 1.0, "jawOpen": 1.0},
        max=1.2,
        yields="eyes",
        gives=("eyeWideLeft",),
        **about,
    )
    rules = RuleSet(margins=Margins(level=0.25, speed=0.0, accel=0.0, drift=0.0), rules=(brows, eyes))
    return replace(load_tables().tables, constraints=Constraints.of(rules))


class TinyRegion:
    """Plays a region of a tiny take: moves to its target, objects where a rule is broken, yields as suggested.

    Args:
        region: which.
        judgements: shared by all regions of the take.
        targets: where it moves to in even and in odd beats.
    """

    def __init__(self, region: Region, judgements: Judgements, targets: tuple[float, float] | None = None) -> None:
        self.region = region
        self.judgements = judgements
        self.targets = targets or TARGETS[region]
        self.thought: list[tuple[int, int]] = []
        """(beat, round) of every decision that was not known from the journal."""

    def propose(self, asked: Propose) -> Thought:
        """A movement to the beat's target."""
        beat = asked.beat
        revision = self._revision(asked, 0, self.targets[beat.beat % 2])
        return Thought(beat.beat, asked.incarnation, revision)

    def judge(self, asked: Judge) -> Judged:
        """Everything that is broken in this region's channels or is this region's to yield, and a revision if it is."""
        found = [v for v in self._found(asked) if any(name in WRITABLE[self.region] for name in v.channels)]
        yielding = [v for v in found if v.yields == self.region]
        revision = self._revision(asked, asked.round.round, yielding[0].suggested or 0.0) if yielding else None
        return Judged(asked.beat.beat, asked.round.round, asked.incarnation, tuple(found), revision)

    def _found(self, asked: Judge) -> tuple[Violation, ...]:
        return self.judgements.of(asked.beat, asked.round.vector, asked.round.tracks)[1]

    def _revision(self, asked: Propose | Judge, round_: int, target: float) -> Revision:
        answer = decided(self.region, asked.beat.beat, asked.incarnation, round_, json.dumps(target))
        known = [one for one in asked.decisions if one.request == answer.request]
        if not known:
            self.thought.append((asked.beat.beat, round_))
        chosen = known[0] if known else answer
        shape = track(self.region, json.loads(chosen.reply), last_values(asked.beat.end_state))
        return Revision(replace_incarnation(chosen, asked.incarnation), shape, "yields" if round_ else "moves")


def replace_incarnation(answer: Decided, incarnation: int) -> Decided:
    """A decision as a later incarnation would write it."""
    return answer.model_copy(update={"incarnation": incarnation})


def playing(region: Region, make: Callable[[Region, Judgements], Thinker]) -> Callable[[Region, Judgements], Thinker | None]:
    """Agents among which one region is played by somebody else."""
    return lambda name, judgements: make(name, judgements) if name == region else None


class TinyDirector:
    """Gives a brief that was made before."""

    name = "fake"

    def __init__(self, beats: int = 2) -> None:
        self._brief = brief(beats)

    def brief(self, opened: TakeOpened, known: Known, note: Callable[[Exchange], None]) -> Brief:
        """The brief."""
        return self._brief


@dataclass(frozen=True, slots=True)
class Told:
    """What a tiny take came to.

    Attributes:
        state: the coordinator's, at the end.
        regions: the regions' own, at the end.
        records: the journal.
        journal: its bytes.
        received: how many envelopes each region received.
        agents: who played the regions.
        tables: what had to hold.
    """

    state: CoordinatorState
    regions: dict[Region, RegionState]
    records: tuple[Record, ...]
    journal: bytes
    received: dict[Region, int]
    agents: dict[Region, Any]
    tables: Tables

    @property
    def timeline(self) -> Timeline | None:
        """The committed tracks."""
        return timeline_of(self.state)

    @property
    def closed(self) -> TakeClosed:
        """How the take ended."""
        (closed,) = self.all(TakeClosed)
        return closed

    def all(self, *kinds: type) -> list[Any]:
        """The messages of some kinds, in order."""
        return [record.message for record in self.records if isinstance(record.message, kinds)]


class Tampered(InlineRuntime):
    """A runtime in which envelopes may be changed on their way out: a region gone wrong as its peers see it."""

    def __init__(self, *args: Any, tamper: Callable[[Envelope], Envelope], **kwargs: Any) -> None:
        self._tamper = tamper
        super().__init__(*args, **kwargs)

    def carry(self, envelope: Envelope) -> None:
        """Put what became of an envelope on its way."""
        super().carry(self._tamper(envelope))


def tiny_take(
    *,
    beats: int = 2,
    rounds: int = 3,
    flags: tuple[str, ...] = (),
    agents: Callable[[Region, Judgements], Thinker | None] = lambda region, judgements: None,
    fallbacks: Callable[[Region, Judgements], Thinker] = TinyRegion,
    director: DirectorAgent | None = None,
    network: Network | None = None,
    crashes: tuple[Crash, ...] = (),
    stopped: Callable[[], str | None] = lambda: None,
    told: Callable[[Record], None] = lambda record: None,
    tables: Tables | None = None,
    tamper: Callable[[Envelope], Envelope] = lambda envelope: envelope,
    opened: TakeOpened | None = None,
) -> Told:
    """Run a tiny take.

    Args:
        beats: how many.
        rounds: the last allowed round.
        flags: behaviour flags.
        agents: who plays a region, None for a `TinyRegion`.
        fallbacks: who plays a region that does not answer.
        director: who briefs, if not a `TinyDirector`.
        network: what becomes of envelopes.
        crashes: processes that die on the way.
        stopped: asked between events; a reason ends the take.
        told: called with every record.
        tables: what must hold, if not the rules of a tiny take.
        tamper: what becomes of an envelope before it is on its way.
        opened: how it is opened, instead of with rounds and flags.
    """
    tables = tables or tiny_tables()
    judgements = Judgements(tables)
    playing: dict[Region, Thinker] = {
        region: agents(region, judgements) or TinyRegion(region, judgements) for region in REGIONS
    }
    records: list[Record] = []

    def keep(record: Record) -> None:
        records.append(record)
        told(record)

    stream = io.BytesIO()
    writer = JournalWriter(stream, lambda: None)

    def host(carrier: Carrier) -> CoordinatorHost:
        return CoordinatorHost(
            director or TinyDirector(beats), tables, judgements, carrier, Sequencer(writer, lambda: 0.0, keep)
        )

    runtime = Tampered(host, playing, lambda region: fallbacks(region, judgements), network, crashes, stopped, tamper=tamper)
    runtime.run(lambda coordinator: coordinator.start(opened or take_opened(rounds, flags)))
    writer.close()
    states = {region: host.state for region, host in runtime._regions.items()}
    state = runtime.coordinator.state
    return Told(state, states, tuple(records), stream.getvalue(), runtime.received, playing, tables)


# ------------------------------------------------------------------------------------------------------- whole takes

_OPTIONS = frozenset(one.name for one in fields(TakeOptions))


def run(direction: str, **how: Any) -> tuple[TakeResult, bytes]:
    """Run a direction with the real agents; keywords are those of `TakeOptions`, `Watch` and `InlineBase`.

    Returns:
        The result and the bytes of the journal, whose clock stands still.
    """
    stream = io.BytesIO()
    writer = JournalWriter(stream, lambda: None)
    options = TakeOptions(direction=direction, **{name: value for name, value in how.items() if name in _OPTIONS})
    watching = {name: how[name] for name in ("stopped", "told") if name in how}
    base = InlineBase(**{name: value for name, value in how.items() if name not in _OPTIONS | watching.keys()})
    loaded = load_tables()
    result = run_take(opening(options, loaded), loaded, writer, base, Watch(lambda: 0.0, **watching))
    writer.close()
    return result, stream.getvalue()


# ---------------------------------------------------------------------------------------------------- what must hold


def unjustified_commits(records: Sequence[Record]) -> list[str]:
    """Every commit that neither four votes for its vector nor a ruling on it stands behind, and every second one of a beat.

    Read from the journal alone: a vote counts for the round that was open when it was recorded.
    """
    votes: dict[str, str] = {}
    ruled: str | None = None
    faults = []
    done: set[int] = set()
    for record in records:
        message = record.message
        if isinstance(message, (BeatOpened, RoundOpened)):
            votes, ruled = {}, None
        elif isinstance(message, (Accepted, Objected)) and message.role == CRITIC:
            pass  # it may keep a commit from coming about; what it takes is the regions' votes
        elif isinstance(message, Accepted):
            votes[message.role] = message.vector
        elif isinstance(message, Objected):
            votes[message.role] = "against"
        elif isinstance(message, Ruled):
            ruled = message.vector.digest
        elif isinstance(message, Committed):
            agreed = set(votes) == set(REGIONS) and set(votes.values()) == {message.digest}
            if message.beat in done:
                faults.append(f"record {record.seq}: beat {message.beat} is committed twice")
            if message.ruled != (ruled == message.digest) or agreed == message.ruled:
                faults.append(f"record {record.seq}: beat {message.beat} is committed on {votes}, ruling {ruled}")
            done.add(message.beat)
    return faults


def disagreements(told: Told) -> list[str]:
    """Every beat that a region holds another digest for than the coordinator (S1)."""
    agreed = {beat: known for beat, (known, _) in enumerate(told.state.committed)}
    return [
        f"{region}: beat {beat} as {known}"
        for region, state in told.regions.items()
        for beat, known in state.committed
        if agreed.get(beat) != known
    ]


def broken(told: Told) -> list[Violation]:
    """Every hard constraint that the committed timeline breaks at some frame rate (S3)."""
    assert told.timeline is not None
    rates = (24, 30, 60, 120)
    constraints = told.tables.constraints
    return [found for rate in rates for found in constraints.verify(sample(told.timeline, Fraction(rate)), rate)]


def ended_well(told: Told) -> bool:
    """What holds of every take that comes to its end, however it went.

    S1, S3, nothing committed without a reason, and a journal in which nobody does what its table does not allow.
    """
    assert told.closed.outcome == "done"
    assert monitor(told.records) == []
    assert history(told.records) == []
    assert disagreements(told) == []
    assert unjustified_commits(told.records) == []
    assert broken(told) == []
    return len(told.all(Committed)) == told.closed.beats == len(told.state.committed)
