"""The machine of a region: propose, judge, revise, and take what is committed.

A region answers every question exactly once: `BeatOpened` with `Proposed`, `RoundOpened` with `Accepted` or with `Objected`.
Where it is the one to yield it sends a revised proposal along, before the objection. A new process of a region knows nothing;
it asks with `Rejoined` until `Restored` tells it all that it needs.

What takes thought is not done here: the machine asks its host with `Propose` and `Judge`, and the answers come in as
`Thought` and `Judged`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from protocol.channels import Region
from protocol.keyframes import Track
from protocol.machine import Event, Machine, Output, PeerError, Received, Row, Send
from protocol.messages import (
    COORDINATOR,
    Accepted,
    BeatOpened,
    Committed,
    Decided,
    Objected,
    Proposed,
    Rejoined,
    Restored,
    RoundOpened,
    TakeOpened,
    Violation,
    digest,
)


@dataclass(frozen=True, slots=True)
class Propose:
    """The host is to work out a proposal for a beat."""

    opened: TakeOpened
    beat: BeatOpened
    incarnation: int
    decisions: tuple[Decided, ...]


@dataclass(frozen=True, slots=True)
class Judge:
    """The host is to judge a vector, and to revise the region's track if it has to yield.

    Attributes:
        proposal: the region's proposal as it stands; if it already answers this round it is not to be revised again.
    """

    opened: TakeOpened
    beat: BeatOpened
    round: RoundOpened
    incarnation: int
    proposal: Proposed | None
    decisions: tuple[Decided, ...]


@dataclass(frozen=True, slots=True)
class Revision:
    """A track, why it is as it is, and the planner's answer that it follows from.

    Attributes:
        exchanges: with a language model, in order, that led to that answer.
    """

    decided: Decided
    track: Track
    why: str
    exchanges: tuple[Decided, ...] = ()


@dataclass(frozen=True, slots=True)
class Thought:
    """The answer to `Propose`."""

    beat: int
    incarnation: int
    revision: Revision


@dataclass(frozen=True, slots=True)
class Judged:
    """The answer to `Judge`: what is broken, and a revised track where the region yields; the same as before if that is all
    that it can do."""

    beat: int
    round: int
    incarnation: int
    violations: tuple[Violation, ...]
    revision: Revision | None


@dataclass(frozen=True, slots=True)
class Wake:
    """A new process starts, with a nonce of its own."""

    nonce: str


@dataclass(frozen=True, slots=True)
class RegionState:
    """Everything that a region's role remembers."""

    region: Region
    phase: str = "idle"
    incarnation: int = 1
    nonce: str = ""
    opened: TakeOpened | None = None
    beat: BeatOpened | None = None
    round: RoundOpened | None = None
    proposal: Proposed | None = None
    decisions: tuple[Decided, ...] = ()
    committed: tuple[tuple[int, str], ...] = ()
    """(beat, digest of the vector), for every beat that it knows of."""


Result = tuple[RegionState, Sequence[Output]]


def _open_take(state: RegionState, event: Received) -> Result:
    assert isinstance(event.message, TakeOpened)
    return replace(state, phase="ready", opened=event.message), ()


def _wake(state: RegionState, event: Wake) -> Result:
    asked = replace(RegionState(state.region), phase="joining", incarnation=0, nonce=event.nonce)
    return asked, (Send((COORDINATOR,), Rejoined(region=state.region, nonce=event.nonce)),)


def _open_beat(state: RegionState, event: Received) -> Result:
    beat = event.message
    assert isinstance(beat, BeatOpened)
    assert state.opened is not None
    known = _learned(state, beat)
    after = replace(state, phase="proposing", beat=beat, round=None, proposal=None, decisions=(), committed=known)
    return after, (Propose(state.opened, beat, state.incarnation, ()),)


def _learned(state: RegionState, beat: BeatOpened | None) -> tuple[tuple[int, str], ...]:
    """What is committed: opening a beat tells that the one before it is, for whoever missed the message."""
    if beat is None or beat.previous is None:
        return state.committed
    known = dict(state.committed)
    if known.setdefault(beat.beat - 1, beat.previous) != beat.previous:
        raise PeerError(f"{state.region}: beat {beat.beat - 1} is committed as {known[beat.beat - 1]}, not {beat.previous}")
    return tuple(sorted(known.items()))


def _proposal(state: RegionState, revision: Revision, round_: int) -> Proposed:
    assert state.beat is not None
    return Proposed(
        beat=state.beat.beat,
        region=state.region,
        incarnation=state.incarnation,
        revision=state.proposal.revision + 1 if state.proposal else 1,
        round=round_,
        track=revision.track,
        digest=digest(revision.track),
        why=revision.why[:400],
    )


def _propose(state: RegionState, event: Thought) -> Result:
    proposal = _proposal(state, event.revision, 0)
    new = _undecided(state, event.revision)
    after = replace(state, phase="waiting", proposal=proposal, decisions=(*state.decisions, *new))
    return after, _telling(*new, proposal)


def _undecided(state: RegionState, revision: Revision) -> tuple[Decided, ...]:
    """The exchanges that led to a decision and then that itself, but for what is in the journal already."""
    known = {earlier.request for earlier in state.decisions}
    return tuple(decided for decided in (*revision.exchanges, revision.decided) if decided.request not in known)


def _telling(*messages: Decided | Proposed | Accepted | Objected) -> tuple[Send, ...]:
    return tuple(Send((COORDINATOR,), message) for message in messages)


def _judge(state: RegionState, event: Received) -> Result:
    round_ = event.message
    assert isinstance(round_, RoundOpened)
    assert state.opened is not None
    assert state.beat is not None
    asked = Judge(state.opened, state.beat, round_, state.incarnation, state.proposal, state.decisions)
    return replace(state, phase="judging", round=round_), (asked,)


def _accept(state: RegionState, event: Judged) -> Result:
    assert state.round is not None
    vote = Accepted(
        beat=state.round.beat,
        round=state.round.round,
        role=state.region,
        incarnation=state.incarnation,
        vector=state.round.vector.digest,
    )
    # What it has thought about without finding anything better is told all the same: nobody is asked the same again.
    new = _undecided(state, event.revision) if event.revision is not None else ()
    return replace(state, phase="waiting", decisions=(*state.decisions, *new)), _telling(*new, vote)


def _object(state: RegionState, event: Judged) -> Result:
    assert state.round is not None
    vote = Objected(
        beat=state.round.beat,
        round=state.round.round,
        role=state.region,
        incarnation=state.incarnation,
        vector=state.round.vector.digest,
        violations=event.violations,
    )
    revision = event.revision
    if revision is None or (state.proposal is not None and state.proposal.round == state.round.round):
        return replace(state, phase="waiting"), (Send((COORDINATOR,), vote),)
    proposal = _proposal(state, revision, state.round.round)
    new = _undecided(state, revision)
    after = replace(state, phase="waiting", proposal=proposal, decisions=(*state.decisions, *new))
    return after, _telling(*new, proposal, vote)


def _adopt_ruling(state: RegionState, event: Received) -> Result:
    return state, ()


def _commit(state: RegionState, event: Received) -> Result:
    message = event.message
    assert isinstance(message, Committed)
    known = dict(state.committed)
    if known.setdefault(message.beat, message.digest) != message.digest:
        raise PeerError(f"{state.region}: beat {message.beat} is committed twice with different digests")
    return replace(state, phase="ready", beat=None, round=None, proposal=None, committed=tuple(sorted(known.items()))), ()


def _restore(state: RegionState, event: Received) -> Result:
    message = event.message
    assert isinstance(message, Restored)
    phase = _phase_after(message)
    after = replace(
        state,
        phase=phase,
        incarnation=message.incarnation,
        nonce="",
        opened=message.opened,
        beat=message.beat,
        round=message.round,
        proposal=message.proposal,
        decisions=message.decisions,
        committed=_learned(state, message.beat),
    )
    if phase == "proposing":
        assert message.beat is not None
        return after, (Propose(message.opened, message.beat, message.incarnation, message.decisions),)
    if phase == "judging":
        assert message.beat is not None
        assert message.round is not None
        asked = Judge(message.opened, message.beat, message.round, message.incarnation, message.proposal, message.decisions)
        return after, (asked,)
    return after, ()


def _phase_after(message: Restored) -> str:
    """Where a restored region goes on: with whatever it still owes an answer to."""
    if message.beat is None:
        return "ready"
    if message.proposal is None:
        return "proposing"
    if message.round is not None and not message.voted:
        return "judging"
    return "waiting"


def _close(state: RegionState, event: Received) -> Result:
    return replace(state, phase="closed"), ()


def _ignore(state: RegionState, event: Event) -> Result:
    return state, ()


def _for_this_beat(state: RegionState, event: Thought) -> bool:
    return state.beat is not None and (event.beat, event.incarnation) == (state.beat.beat, state.incarnation)


def _for_this_round(state: RegionState, event: Judged) -> bool:
    here = (state.round.beat, state.round.round, state.incarnation) if state.round else None
    return (event.beat, event.round, event.incarnation) == here


def _content(state: RegionState, event: Judged) -> bool:
    return _for_this_round(state, event) and not event.violations


def _broken(state: RegionState, event: Judged) -> bool:
    return _for_this_round(state, event) and bool(event.violations)


def _is_for_me(phase: str) -> tuple[tuple[str, object], ...]:
    """Conditions of the four ways on after `Restored`."""

    def leads_to(goal: str) -> object:
        def test(state: RegionState, event: Received) -> bool:
            message = event.message
            assert isinstance(message, Restored)
            mine = message.nonce == state.nonce if phase == "joining" else message.incarnation > state.incarnation
            return mine and message.region == state.region and _phase_after(message) == goal

        return test

    return (
        ("no beat is open", leads_to("ready")),
        ("it owes a proposal", leads_to("proposing")),
        ("it owes a vote", leads_to("judging")),
        ("it owes nothing", leads_to("waiting")),
    )


_OPEN = ("ready", "proposing", "waiting", "judging")

REGION: Machine[RegionState] = Machine(
    "region",
    (
        Row("idle", "TakeOpened", "", None, "ready", (), _open_take),
        *(Row(phase, "Wake", "", None, "joining", ("Rejoined",), _wake) for phase in ("idle", *_OPEN, "joining", "closed")),
        *(
            Row(phase, "Restored", words, test, goal, emits, _restore)  # type: ignore[arg-type]
            for phase in ("joining", "idle", *_OPEN)
            for (words, test), goal, emits in zip(
                _is_for_me(phase), ("ready", "proposing", "judging", "waiting"), ((), ("Propose",), ("Judge",), ()), strict=True
            )
        ),
        Row("ready", "BeatOpened", "", None, "proposing", ("Propose",), _open_beat),
        Row("waiting", "BeatOpened", "", None, "proposing", ("Propose",), _open_beat),
        Row(
            "proposing",
            "Thought",
            "it answers the question asked",
            _for_this_beat,
            "waiting",
            ("Decided", "Proposed"),
            _propose,
        ),
        Row("waiting", "RoundOpened", "", None, "judging", ("Judge",), _judge),
        Row("judging", "Judged", "nothing is broken", _content, "waiting", ("Decided", "Accepted"), _accept),
        Row("judging", "Judged", "something is", _broken, "waiting", ("Decided", "Proposed", "Objected"), _object),
        *(
            Row(phase, event, "it comes too late", None, phase, (), _ignore)
            for phase in _OPEN
            for event in ("Thought", "Judged")
        ),
        *(Row("closed", event, "", None, "closed", (), _ignore) for event in ("Thought", "Judged", "Restored", "TakeClosed")),
        *(Row("joining", event, "", None, "joining", (), _ignore) for event in ("Thought", "Judged")),
        Row("waiting", "Ruled", "", None, "waiting", (), _adopt_ruling),
        Row("waiting", "Committed", "", None, "ready", (), _commit),
        *(Row(phase, "Aborted", "", None, phase, (), _ignore) for phase in (*_OPEN, "joining")),
        *(Row(phase, "TakeClosed", "", None, "closed", (), _close) for phase in ("idle", *_OPEN, "joining")),
    ),
)
"""The table of a region. In every open phase a `Restored` with a higher incarnation replaces what the region was doing."""
