"""Role monitors: does a journal hold only what the tables allow each role to send and receive?

A monitor knows the tables' phases, events and outputs, and nothing else: no state, no conditions. It follows every way
through the table that fits what was seen (decisions and deadlines happen unseen), and reports the first message for which no
way is left. So it is weaker than running the machines again (`protocol.replay`), and independent of what they do.

The coordinator speaks as two roles: what the dispatcher's table gives is held to that table. A renderer is followed from the
message on that announces it. When a take is resumed all but the coordinator are new; a region's new process is there once it
has asked to be let in, and what goes to the region before that reaches nobody.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from types import MappingProxyType
from typing import Any

from protocol.channels import REGIONS
from protocol.coordinator import COORDINATOR_MACHINE
from protocol.dispatch import DISPATCHER
from protocol.findings import Finding
from protocol.journal import Record
from protocol.machine import Machine
from protocol.messages import (
    COORDINATOR,
    CRITIC,
    DIRECTOR,
    MESSAGES,
    Discarded,
    Rejoined,
    RendererChanged,
    Restored,
    TakeResumed,
)
from protocol.region import REGION
from protocol.rendering import RENDERER

Way = tuple[str, frozenset[str]]
"""A phase that the role may be in, and the messages that it may still send on account of its last transition."""

_SHOWN: Mapping[str, str] = MappingProxyType({"Resume": "TakeResumed"})
"""Events that are no messages, but never happen unseen: each of their rows gives this message."""


@dataclass(frozen=True, slots=True)
class Monitor:
    """One role, followed through its table.

    Attributes:
        machine: the table.
        ways: all that fit what was seen so far; none once something did not fit.
    """

    machine: Machine[Any]
    ways: frozenset[Way]

    @classmethod
    def start(cls, machine: Machine[Any], phase: str = "idle") -> Monitor:
        """A role that is known to be in a phase."""
        return cls(machine, frozenset({(phase, frozenset())}))

    def sends(self, kind: str) -> Monitor:
        """The role after it was seen to send a message."""
        return Monitor(self.machine, _sent(self.machine, self.ways, kind))

    def receives(self, kind: str) -> Monitor:
        """The role after a message was brought to it."""
        return Monitor(self.machine, _taken(self.machine, self.ways, (kind,)))


@lru_cache(maxsize=4096)  # few ways lead through a table, and long journals take them again and again
def _sent(machine: Machine[Any], ways: frozenset[Way], kind: str) -> frozenset[Way]:
    if kind in _SHOWN.values():
        return _taken(machine, ways, tuple(event for event, shown in _SHOWN.items() if shown == kind))
    return frozenset(way for way in _silently(machine, ways) if kind in way[1])


@lru_cache(maxsize=4096)
def _taken(machine: Machine[Any], ways: frozenset[Way], events: tuple[str, ...]) -> frozenset[Way]:
    phases = {phase for phase, _ in _silently(machine, ways)}
    rows = (row for row in machine.rows if row.phase in phases and row.event in events)
    return frozenset(_after(row.to, row.emits) for row in rows)


def _silently(machine: Machine[Any], ways: frozenset[Way]) -> frozenset[Way]:
    """Every way that unseen events may have led to."""
    reached = set(ways)
    frontier = list(ways)
    while frontier:
        phase, _ = frontier.pop()
        for row in machine.rows:
            if row.phase == phase and row.event not in MESSAGES and row.event not in _SHOWN:
                way = _after(row.to, row.emits)
                if way not in reached:
                    reached.add(way)
                    frontier.append(way)
    return frozenset(reached)


def _after(phase: str, emits: Iterable[str]) -> Way:
    return phase, frozenset(kind for kind in emits if kind in MESSAGES)


def _given_by(machine: Machine[Any]) -> frozenset[str]:
    """The messages that a machine may give."""
    return frozenset(kind for row in machine.rows for kind in row.emits if kind in MESSAGES)


_OF_DISPATCHER = _given_by(DISPATCHER)


@dataclass
class _Cast:
    """Monitors of everybody.

    Attributes:
        coordinator: itself.
        regions: the process of each.
        fallbacks: of regions, while they play.
        absent: regions that have no process yet.
        dispatcher: the coordinator's other role.
        renderers: by their names; who is gone stays among them, for an answer may still be on its way.
        gone: their names.
    """

    coordinator: Monitor = field(default_factory=lambda: Monitor.start(COORDINATOR_MACHINE))
    regions: dict[str, Monitor] = field(default_factory=lambda: {region: Monitor.start(REGION) for region in REGIONS})
    fallbacks: dict[str, Monitor] = field(default_factory=dict)
    absent: set[str] = field(default_factory=set)
    dispatcher: Monitor = field(default_factory=lambda: Monitor.start(DISPATCHER, "open"))
    renderers: dict[str, Monitor] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)

    def begin_again(self) -> None:
        """All processes but the coordinator's are lost."""
        self.regions = {region: Monitor.start(REGION) for region in REGIONS}
        self.fallbacks.clear()
        self.absent = set(REGIONS)
        self.dispatcher = Monitor.start(DISPATCHER, "open")
        self.renderers.clear()
        self.gone.clear()

    def announce(self, changed: RendererChanged) -> None:
        """What became of a renderer; one that is ready after it was gone is another process."""
        name = changed.renderer
        if changed.to == "ready" and (name not in self.renderers or name in self.gone):
            self.renderers[name] = Monitor.start(RENDERER)
            self.gone.discard(name)
        elif changed.to == "gone":
            self.gone.add(name)


Seen = tuple[str, Monitor, Monitor]
"""A role, and what was known of it before a record and is after it."""


def monitor(records: Sequence[Record]) -> list[Finding]:
    """What a journal holds that the tables do not allow; at most one finding per role."""
    cast, findings = _Cast(), []
    given_up: set[str] = set()
    for record in records:
        if isinstance(record.message, Discarded):
            continue
        kind = type(record.message).__name__
        if record.sender not in (COORDINATOR, DIRECTOR, CRITIC, *REGIONS, *cast.renderers):
            findings.append(Finding("M01", record.seq, f"{record.sender} has no part in the protocol"))
            continue
        for role, before, after in _seen(cast, record):
            if after.ways or role in given_up:
                continue
            given_up.add(role)
            phases = ", ".join(sorted({phase for phase, _ in before.ways}))
            speaks = record.sender in (role, DIRECTOR, CRITIC) or (role == DISPATCHER.role and record.sender == COORDINATOR)
            findings.append(
                Finding("M01", record.seq, f"{role} cannot {'send' if speaks else 'receive'} {kind} in phase {phases}")
            )
    return findings


def _seen(cast: _Cast, record: Record) -> list[Seen]:
    """(role, before, after) of every monitor that a record concerns; the cast is updated."""
    kind = type(record.message).__name__
    if record.sender in cast.renderers:
        return [_sends(cast.renderers, record.sender, kind), _dispatcher(cast, cast.dispatcher.receives(kind))]
    if record.sender == COORDINATOR and kind in _OF_DISPATCHER:
        return _said_by_dispatcher(cast, record)
    if record.sender in (COORDINATOR, DIRECTOR, CRITIC):
        before = cast.coordinator
        cast.coordinator = before.sends(kind)
        steps = [(COORDINATOR, before, cast.coordinator)]
    else:
        steps = _said_by_region(cast, record)
    if isinstance(record.message, TakeResumed):
        cast.begin_again()
    return steps + _brought_to_regions(cast, record)


def _said_by_dispatcher(cast: _Cast, record: Record) -> list[Seen]:
    kind, message = type(record.message).__name__, record.message
    steps = [_dispatcher(cast, cast.dispatcher.sends(kind))]
    if isinstance(message, RendererChanged):
        cast.announce(message)
    return steps + [_receives(cast.renderers, name, kind) for name in record.receivers if name in cast.renderers]


def _said_by_region(cast: _Cast, record: Record) -> list[Seen]:
    kind, steps = type(record.message).__name__, []
    if isinstance(record.message, Rejoined):
        cast.regions[record.sender] = Monitor.start(REGION, "joining")
        cast.absent.discard(record.sender)
    else:
        steps.append(_sends(cast.fallbacks if record.sender in cast.fallbacks else cast.regions, record.sender, kind))
    before = cast.coordinator
    cast.coordinator = before.receives(kind)
    return [*steps, (COORDINATOR, before, cast.coordinator)]


def _brought_to_regions(cast: _Cast, record: Record) -> list[Seen]:
    kind, message, steps = type(record.message).__name__, record.message, []
    for region in (role for role in record.receivers if role in REGIONS):
        if isinstance(message, Restored):
            cast.fallbacks.pop(region, None)
            if message.holder == "fallback":
                cast.fallbacks[region] = Monitor.start(REGION, "joining")
        if region in cast.fallbacks:
            steps.append(_receives(cast.fallbacks, region, kind))
        elif region not in cast.absent:
            steps.append(_receives(cast.regions, region, kind))
    return steps


def _sends(where: dict[str, Monitor], role: str, kind: str) -> Seen:
    before = where[role]
    where[role] = before.sends(kind)
    return role, before, where[role]


def _receives(where: dict[str, Monitor], role: str, kind: str) -> Seen:
    before = where[role]
    where[role] = before.receives(kind)
    return role, before, where[role]


def _dispatcher(cast: _Cast, after: Monitor) -> Seen:
    before, cast.dispatcher = cast.dispatcher, after
    return DISPATCHER.role, before, after
