"""Role monitors: does a journal hold only what the tables allow each role to send and receive?

A monitor knows the tables' phases, events and outputs, and nothing else: no state, no conditions. It follows every way
through the table that fits what was seen (decisions and deadlines happen unseen), and reports the first message for which no
way is left. So it is weaker than running the machines again (`protocol.replay`), and independent of what they do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from protocol.channels import REGIONS
from protocol.coordinator import COORDINATOR_MACHINE
from protocol.findings import Finding
from protocol.journal import Record
from protocol.machine import Machine
from protocol.messages import COORDINATOR, DIRECTOR, MESSAGES, Discarded, Rejoined, Restored
from protocol.region import REGION

Way = tuple[str, frozenset[str]]
"""A phase that the role may be in, and the messages that it may still send on account of its last transition."""


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
        return Monitor(self.machine, frozenset(way for way in self._silently() if kind in way[1]))

    def receives(self, kind: str) -> Monitor:
        """The role after a message was brought to it."""
        ways = {
            _after(row.to, row.emits)
            for phase, _ in self._silently()
            for row in self.machine.rows
            if row.phase == phase and row.event == kind
        }
        return Monitor(self.machine, frozenset(ways))

    def _silently(self) -> frozenset[Way]:
        """Every way that unseen events may have led to."""
        reached = set(self.ways)
        frontier = list(self.ways)
        while frontier:
            phase, _ = frontier.pop()
            for row in self.machine.rows:
                if row.phase == phase and row.event not in MESSAGES:
                    way = _after(row.to, row.emits)
                    if way not in reached:
                        reached.add(way)
                        frontier.append(way)
        return frozenset(reached)


def _after(phase: str, emits: Iterable[str]) -> Way:
    return phase, frozenset(kind for kind in emits if kind in MESSAGES)


@dataclass
class _Cast:
    """Monitors of everybody: the coordinator, the process of each region, and its fallback while that plays."""

    coordinator: Monitor = field(default_factory=lambda: Monitor.start(COORDINATOR_MACHINE))
    regions: dict[str, Monitor] = field(default_factory=lambda: {region: Monitor.start(REGION) for region in REGIONS})
    fallbacks: dict[str, Monitor] = field(default_factory=dict)


def monitor(records: Sequence[Record]) -> list[Finding]:
    """What a journal holds that the tables do not allow; at most one finding per role."""
    cast, findings = _Cast(), []
    given_up: set[str] = set()
    for record in records:
        if isinstance(record.message, Discarded):
            continue
        if record.sender not in (COORDINATOR, DIRECTOR, *REGIONS):
            findings.append(Finding("M01", record.seq, f"{record.sender} has no part in the protocol"))
            continue
        for role, before, after in _seen(cast, record):
            if after.ways or role in given_up:
                continue
            given_up.add(role)
            phases = ", ".join(sorted({phase for phase, _ in before.ways}))
            what = "send" if record.sender in (role, DIRECTOR) else "receive"
            kind = type(record.message).__name__
            findings.append(Finding("M01", record.seq, f"{role} cannot {what} {kind} in phase {phases}"))
    return findings


def _seen(cast: _Cast, record: Record) -> list[tuple[str, Monitor, Monitor]]:
    """(role, before, after) of every monitor that a record concerns; the cast is updated."""
    kind, message, steps = type(record.message).__name__, record.message, []
    if record.sender in (COORDINATOR, DIRECTOR):
        before = cast.coordinator
        cast.coordinator = before.sends(kind)
        steps.append((COORDINATOR, before, cast.coordinator))
    else:
        if isinstance(message, Rejoined):
            cast.regions[record.sender] = Monitor.start(REGION, "joining")
        else:
            where = cast.fallbacks if record.sender in cast.fallbacks else cast.regions
            before = where[record.sender]
            where[record.sender] = before.sends(kind)
            steps.append((record.sender, before, where[record.sender]))
        before = cast.coordinator
        cast.coordinator = before.receives(kind)
        steps.append((COORDINATOR, before, cast.coordinator))
    for region in (role for role in record.receivers if role in REGIONS):
        if isinstance(message, Restored):
            cast.fallbacks.pop(region, None)
            if message.holder == "fallback":
                cast.fallbacks[region] = Monitor.start(REGION, "joining")
        where = cast.fallbacks if region in cast.fallbacks else cast.regions
        before = where[region]
        where[region] = before.receives(kind)
        steps.append((region, before, where[region]))
    return steps
