"""Where every role stands, in a line each: read off the states of the machines."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from protocol.channels import REGIONS, Region
from protocol.conversation import counted, does
from protocol.coordinator_state import CoordinatorState
from protocol.dispatch import DISPATCHER
from protocol.dispatcher_state import DispatcherState, Renderer, find
from protocol.messages import COORDINATOR, Message
from protocol.region import RegionState
from protocol.replay import Replay

MOST_RENDERERS = 6
"""Renderers that have a line of their own."""
_PHASE = 10


@dataclass(frozen=True, slots=True)
class Standing:
    """One role.

    Attributes:
        role: whose.
        phase: where its machine is; empty if it cannot be followed any more.
        text: what else there is to know, in a line.
    """

    role: str
    phase: str
    text: str

    def __str__(self) -> str:
        return f"{self.role:<12} {self.phase:<{_PHASE}} {self.text}".rstrip()


def standings(states: Replay) -> tuple[Standing, ...]:
    """All roles that have a part by now: coordinator, regions, and whoever has to do with frames."""
    found = [Standing(COORDINATOR, states.coordinator.phase, _coordinator(states))]
    found += [_region(states, region) for region in REGIONS]
    if states.coordinator.film is not None or states.dispatcher.renderers:
        found += _frames(states)
    lost = {divergence.role: divergence.finding for divergence in states.divergences}
    return tuple(
        Standing(one.role, "", f"cannot be followed since record {lost[one.role].seq} ({lost[one.role].code})")
        if one.role in lost
        else one
        for one in found
    )


def _coordinator(states: Replay) -> str:
    state = states.coordinator
    if state.phase == "idle":
        return "no take is open"
    parts = [_place(state)]
    waiting = [member.region for member in state.members if not member.answered]
    if state.phase == "directing":
        parts.append("waits for the director")
    elif states.due and state.phase != "closed":
        pass  # it has not even asked
    elif state.phase == "gathering":
        parts.append(f"waits for the proposals of {_and(waiting)}" if waiting else "all have proposed")
    elif state.phase == "voting":
        parts += [_votes(state), f"waits for the votes of {_and(waiting)}" if waiting else ""]
    elif state.phase == "auditing":
        parts.append("has what all accept measured once more")
    elif state.phase == "reviewing":
        parts.append("waits for what the critic makes of it")
    elif state.phase == "ruling":
        parts.append("works out a ruling")
    elif state.phase == "rendering":
        parts.append("waits for the last frames")
    if states.due:
        parts.append(f"is about to say {_kinds(states.due)}")
    return "; ".join(part for part in parts if part)


def _place(state: CoordinatorState) -> str:
    """Which beat of how many, and which round of at most how many."""
    if state.opened is None or state.brief is None:
        return ""
    beats = len(state.brief.beats)
    committed = f"{len(state.committed)} of {counted(beats, 'beat')} committed"
    if state.phase in ("closed", "rendering") or state.beat is None:
        return committed
    numbered = f", round {state.round.round} of at most {state.opened.rounds}" if state.round else ""
    return f"beat {state.beat.beat}{numbered}; {committed}"


def _votes(state: CoordinatorState) -> str:
    votes = [
        f"{member.region} {does(member.region, 'object' if member.violations else 'accept')}"
        for member in state.members
        if member.answered
    ]
    return ", ".join(votes)


def _region(states: Replay, region: Region) -> Standing:
    state = states.fallbacks.get(region, states.regions[region])
    parts = []
    if region in states.fallbacks:
        parts.append(f"incarnation {state.incarnation}, played by its fallback")
    elif region in states.absent:
        return Standing(region, "", "has no process yet")
    elif state.incarnation > 1:
        parts.append(f"incarnation {state.incarnation}")
    if state.phase not in ("ready", "closed", "joining"):
        parts += [_proposal(state), _vote(states, state)]
    return Standing(region, state.phase, "; ".join(part for part in parts if part))


def _proposal(state: RegionState) -> str:
    """What it has on the table."""
    proposal = state.proposal
    if proposal is None:
        return "works out its proposal"
    answers = f" (after round {proposal.round})" if proposal.round else ""
    return f"revision {proposal.revision}{answers}: {proposal.why}"


def _vote(states: Replay, state: RegionState) -> str:
    """How it has voted in the open round, as the coordinator knows."""
    member = states.coordinator.member(state.region)
    if (
        states.coordinator.phase not in ("voting", "auditing", "reviewing", "ruling")
        or not member.answered
        or state.round is None
    ):
        return ""
    if not member.violations:
        return f"{does(state.region, 'accept')} round {state.round.round}"
    names = ", ".join(dict.fromkeys(violation.constraint for violation in member.violations))
    return f"{does(state.region, 'object')}: {names}"


def _frames(states: Replay) -> list[Standing]:
    state = states.dispatcher
    chunks = len(state.cuts)
    counts = {
        "written": state.next,
        "rendered": len(state.rendered),
        "in flight": len(state.assigned),
        "waiting": chunks - state.fresh + len(state.returned),
    }
    told = ", ".join(f"{count} {what}" for what, count in counts.items() if count or what == "written")
    parts = [f"of {counted(chunks, 'chunk')} {told}" if chunks else "no chunk is cut yet"]
    if state.returned:
        parts.append(f"handed out again: {_and([str(work.chunk) for work in state.returned])}")
    if state.given_up is not None:
        parts.append(f"chunk {state.given_up.chunk} is given up: {state.given_up.error}")
    if states.due_frames:
        parts.append(f"is about to say {_kinds(states.due_frames)}")
    found = [Standing(DISPATCHER.role, state.phase, "; ".join(parts))]
    busiest = sorted(state.renderers, key=lambda one: not one.holds)
    shown = [one.name for one in busiest[:MOST_RENDERERS]]
    found += [_renderer(state, one) for one in state.renderers if one.name in shown]
    more = len(state.renderers) - len(shown)
    if more:
        found.append(Standing("", "", f"and {counted(more, 'more renderer')}"))
    return found


def _renderer(state: DispatcherState, renderer: Renderer) -> Standing:
    works = [_chunk(state, chunk) for chunk in renderer.holds]
    text = f"renders {works[0]}{', then ' + _and(works[1:]) if works[1:] else ''}" if works else "has nothing to do"
    failures = f"; failed {counted(renderer.failures, 'time')} in a row" if renderer.failures else ""
    return Standing(renderer.name, renderer.standing, text + failures)


def _chunk(state: DispatcherState, chunk: int) -> str:
    cut, work = state.cuts[chunk], find(state.assigned, chunk)
    again = f", attempt {work.attempt}" if work is not None and work.attempt > 1 else ""
    return f"chunk {chunk} (frames {cut.first} to {cut.last - 1}{again})"


def _kinds(due: Iterable[Message]) -> str:
    """What kinds of messages there are, each with how many of it."""
    counts = Counter(type(message).__name__ for message in due)
    return _and([f"{count} {kind}" if count > 1 else kind for kind, count in counts.items()])


def _and(names: Sequence[str]) -> str:
    """Names in a sentence."""
    return " and ".join(part for part in (", ".join(names[:-1]), *names[-1:]) if part)
