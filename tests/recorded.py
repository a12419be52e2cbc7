"""Journals of takes in which something happened, and journals that somebody has tampered with.

The takes are tiny ones (see `tests.takes`): the first beat needs a second round, the second does not. Those that are rendered
have ten chunks in their sixty frames (see `tests.filmed`).
"""

from __future__ import annotations

import itertools

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from agents.regions import Judgements
from protocol.channels import Region
from protocol.constraints import Constraints
from protocol.coordinator_state import COMMIT_AS_PROPOSED
from protocol.findings import Finding
from protocol.history import history
from protocol.journal import Record
from protocol.link import Envelope
from protocol.messages import Message
from protocol.monitor import monitor
from protocol.region import Judge, Judged, Propose, Thought
from protocol.replay import replay
from protocol.rules import Between, Margins, RuleSet
from runtime.inline import Crash, FaultyNetwork
from tests.criticised import Deaf, Shy, Unwilling, criticised
from tests.filmed import Reel, meeting, play
from tests.takes import TinyRegion, Told, take_opened, tiny_tables, tiny_take


class Silent(TinyRegion):
    """An agent that never answers."""

    def propose(self, asked: Propose) -> Thought:
        raise RuntimeError("it has nothing to say")


class SilentJudge(TinyRegion):
    """An agent that proposes, but never votes."""

    def judge(self, asked: Judge) -> Judged:
        raise RuntimeError("it will not say")


class Stubborn(TinyRegion):
    """An agent that sees what is broken and does not yield."""

    def judge(self, asked: Judge) -> Judged:
        return Judged(asked.beat.beat, asked.round.round, asked.incarnation, self._found(asked), None)


class BrokenDirector:
    """A director that cannot brief."""

    name = "broken"

    def brief(self, *asked: object) -> Any:
        raise RuntimeError("it has read nothing")


class HalfAnswers:
    """A network that loses everything of one region's first process but its first message."""

    def __init__(self, region: Region) -> None:
        self._region = region

    def arrivals(self, envelope: Envelope) -> tuple[float, ...]:
        """One copy, now, or none."""
        lost = envelope.sender == self._region and envelope.epoch == 1 and envelope.number > 1
        return () if lost else (0.0,)


def playing(region: Region, agent: type[TinyRegion]) -> Callable[[Region, Judgements], TinyRegion | None]:
    """Who plays: the given agent one region, the usual ones the others."""
    return lambda own, judgements: agent(own, judgements) if own == region else None


def stopped_after(events: int) -> Callable[[], str | None]:
    """A reason to stop, from the given event on."""
    count = itertools.count()
    return lambda: "SIGINT" if next(count) >= events else None


def unsatisfiable() -> Constraints:
    """A rule that even a face at rest breaks, so that no ruling can satisfy it."""
    rule = Between(
        id="jaw-never-rests",
        kind="between",
        severity="hard",
        why="somebody has to fail",
        source="J",
        weights={"jawOpen": 1.0, "browInnerUp": 1.0},
        min=2.5,
        max=3.0,
        yields="brows",
        gives=("browInnerUp",),
    )
    return Constraints.of(RuleSet(margins=Margins(level=0.25, speed=0.0, accel=0.0, drift=0.0), rules=(rule,)))


def _cut(name: str, length: int) -> tuple[Record, ...]:
    """The beginning of a run's journal."""
    return recorded(name).records[:length]


@cache
def recorded(name: str) -> Told:
    """One of the runs."""
    return RUNS[name]()


RUNS: Mapping[str, Callable[[], Told]] = {
    "undisturbed": tiny_take,
    "without negotiation": lambda: tiny_take(flags=(COMMIT_AS_PROPOSED,)),
    "a region crashes before it proposes": lambda: tiny_take(crashes=(Crash("eyes", 2),)),
    "a region crashes before it votes": lambda: tiny_take(crashes=(Crash("mouth", 3),)),
    "a region crashes twice": lambda: tiny_take(crashes=(Crash("head", 2), Crash("head", 4))),
    "the network loses, repeats and reorders": lambda: tiny_take(network=FaultyNetwork(3, 0.3, 0.3, 2.0)),
    "crash and loss": lambda: tiny_take(network=FaultyNetwork(5, 0.3, 0.2, 2.0), crashes=(Crash("brows", 3),)),
    "half of an answer is lost": lambda: tiny_take(network=HalfAnswers("eyes")),
    "a region is silent": lambda: tiny_take(agents=playing("eyes", Silent)),
    "a region does not vote": lambda: tiny_take(agents=playing("brows", SilentJudge)),
    "a region is stubborn": lambda: tiny_take(agents=playing("brows", Stubborn)),
    "a silent region and its silent fallback": lambda: tiny_take(agents=playing("mouth", Silent), fallbacks=Silent),
    "the director fails": lambda: tiny_take(director=BrokenDirector()),
    "no ruling can be made": lambda: tiny_take(
        agents=playing("brows", Stubborn), tables=replace(tiny_tables(), constraints=unsatisfiable())
    ),
    "stopped before anything": lambda: tiny_take(stopped=stopped_after(0)),
    "stopped while regions propose": lambda: tiny_take(stopped=stopped_after(14)),
    "stopped while regions vote": lambda: tiny_take(stopped=stopped_after(30)),
    "the critic sends a region back": lambda: criticised(Shy),
    "the critic sends a region back in vain": lambda: criticised(Unwilling),
    "the critic is not heeded": lambda: criticised(Deaf),
    "a region crashes that the critic sent back": lambda: criticised(Shy, crashes=(Crash("mouth", 5),)),
    "rendered": play,
    "rendered without negotiation": lambda: play(opened=take_opened(flags=(COMMIT_AS_PROPOSED,))),
    "a renderer dies": lambda: play(fate=meeting({(3, 1): "dies"})),
    "a renderer does not answer for a while": lambda: play(renderers=("renderer-1",), quiet=("renderer-1",)),
    "a renderer does nothing right": lambda: play(fate=meeting({"renderer-1": "failed"})),
    "a chunk fails once": lambda: play(fate=meeting({(4, 1): "failed"})),
    "frames are lost": lambda: play(fate=meeting({(4, 1): "lost"})),
    "a chunk is given up": lambda: play(fate=meeting({4: "failed"})),
    "a chunk kills renderers": lambda: play(fate=meeting({9: "dies"})),
    "the disk is full": lambda: play(reel=Reel(3)),
    "stopped while frames are rendered": lambda: play(stopped=stopped_after(105)),
    "resumed before it was briefed": lambda: play(_cut("rendered", 2)),
    "resumed while regions vote": lambda: play(_cut("rendered", 20)),
    "resumed with a fallback": lambda: play(_cut("rendered with a silent region", 26), agents={"eyes": Silent}),
    "resumed after a chunk was given up": lambda: play(recorded("a chunk is given up").records),
    "resumed twice": lambda: play(
        play(_cut("rendered", 20), stopped=stopped_after(40)).records, fate=meeting({(2, 1): "lost"})
    ),
    "resumed without frames": lambda: play(recorded("stopped while regions vote").records, film=False),
    "rendered with a silent region": lambda: play(agents={"eyes": Silent}),
}
"""Takes by what happens in them. In all of them everybody keeps the protocol."""


def numbered(records: Sequence[Record]) -> tuple[Record, ...]:
    """Records with their places in order again, as a journal would hold them."""
    return tuple(replace(record, seq=place) for place, record in enumerate(records, 1))


def places(records: Sequence[Record], *kinds: type) -> list[int]:
    """Where messages of some kinds are."""
    return [place for place, record in enumerate(records) if isinstance(record.message, kinds)]


def where(records: Sequence[Record], kind: type, **said_: Any) -> int:
    """The first place of a message that says this."""
    return next(
        place
        for place in places(records, kind)
        if all(getattr(records[place].message, name) == value for name, value in said_.items())
    )


def without(records: Sequence[Record], place: int) -> tuple[Record, ...]:
    """A journal that lacks a record."""
    return numbered([*records[:place], *records[place + 1 :]])


def inserted(records: Sequence[Record], place: int, record: Record) -> tuple[Record, ...]:
    """A journal with a record more."""
    return numbered([*records[:place], record, *records[place:]])


def swapped(records: Sequence[Record], one: int, other: int) -> tuple[Record, ...]:
    """A journal in which two records have changed places."""
    changed = list(records)
    changed[one], changed[other] = changed[other], changed[one]
    return numbered(changed)


def said(records: Sequence[Record], place: int, **changes: Any) -> tuple[Record, ...]:
    """A journal in which a message says something else; nothing is validated again."""
    message: Message = records[place].message.model_copy(update=changes)
    return travelled(records, place, message=message)


def travelled(records: Sequence[Record], place: int, **changes: Any) -> tuple[Record, ...]:
    """A journal in which a record says something else of how its message travelled."""
    return (*records[:place], replace(records[place], **changes), *records[place + 1 :])


@dataclass(frozen=True, slots=True)
class Checked:
    """What the three checks find.

    Attributes:
        monitor: of the role monitors.
        history: of the history check.
        replay: of the machines run again.
    """

    monitor: tuple[Finding, ...]
    history: tuple[Finding, ...]
    replay: tuple[Finding, ...]

    @property
    def codes(self) -> list[str]:
        """All codes, each once, in order."""
        return sorted({finding.code for finding in (*self.monitor, *self.history, *self.replay)})


def checked(records: Sequence[Record], constraints: Constraints | None = None) -> Checked:
    """Every check of a journal that was closed."""
    constraints = constraints or tiny_tables().constraints
    return Checked(tuple(monitor(records)), tuple(history(records)), tuple(replay(records, constraints).findings))
