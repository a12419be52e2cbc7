"""The machine of the coordinator: it opens beats, gathers proposals and votes, rules when the rounds are used up, commits.

It is the sequencer: whatever it sends or receives is in the journal before it takes effect (its host sees to that), so its
state is a fold of the journal.

What takes thought is done by its host: `AskDirector` for the brief, `Audit` for a last look at a vector that all accept,
`MakeRuling` for a ruling. Deadlines are armed with `Arm` and come back as `DeadlineFired`. `Install` starts the fallback
of a region that did not answer.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from protocol.channels import REGIONS, Region
from protocol.coordination import (
    Arm,
    AskDirector,
    Audit,
    Audited,
    Briefed,
    Broke,
    DeadlineFired,
    Install,
    MakeRuling,
    RulingMade,
    Start,
    Stop,
)
from protocol.coordinator_state import CoordinatorState
from protocol.keyframes import Track
from protocol.machine import Event, Machine, Output, PeerError, Received, Row, Send
from protocol.messages import (
    CRITIC,
    Aborted,
    Accepted,
    BeatOpened,
    Committed,
    DeadlinePassed,
    Decided,
    EndState,
    Objected,
    Objection,
    Proposed,
    Rejoined,
    Restored,
    RoundOpened,
    Ruled,
    TakeClosed,
    Vector,
    Version,
    digest,
    sort_objections,
)

COMMIT_AS_PROPOSED = "no-negotiation"
"""The behaviour flag under which first proposals are committed as they are: to see what negotiation is for."""


State = CoordinatorState
Result = tuple[State, Sequence[Output]]


def _arm(state: State, regions: Sequence[Region] = REGIONS) -> tuple[Arm, ...]:
    assert state.beat is not None
    number = state.round.round if state.round else 0
    return tuple(Arm(region, state.member(region).incarnation, state.beat.beat, number) for region in regions)


# ---------------------------------------------------------------------------------------------------------- opening


def _start(state: State, event: Start) -> Result:
    after = replace(state, phase="directing", opened=event.opened, end_state=event.end_state)
    return after, (Send(REGIONS, event.opened), AskDirector(event.opened))


def _direct(state: State, event: Briefed) -> Result:
    after, outputs = _open_beat(replace(state, brief=event.brief), 0, None)
    return after, (Send((), event.decided), *outputs)


def _open_beat(state: State, number: int, previous: str | None) -> Result:
    """The next beat: every region gets it, those that a fallback played get their role back first."""
    assert state.brief is not None
    assert state.end_state is not None
    beat = BeatOpened(beat=number, intent=state.brief.beats[number], previous=previous, end_state=state.end_state)
    fresh = tuple(replace(m, proposal=None, answered=False, violations=(), decisions=()) for m in state.members)
    after = replace(state, phase="gathering", beat=beat, round=None, members=fresh)
    present = tuple(member.region for member in fresh if not member.fallback)
    outputs: list[Output] = [Send(present, beat)]
    for member in fresh:
        if member.fallback:
            after, returned = _mint(after, member.region, fallback=False, nonce=member.pending)
            outputs += returned
    return after, (*outputs, *_arm(after))


# ------------------------------------------------------------------------------------------- gathering and voting


def _note_decision(state: State, event: Received) -> Result:
    decided = event.message
    assert isinstance(decided, Decided)
    return state.with_member(decided.role, decisions=(*state.member(decided.role).decisions, decided)), ()


def _take_proposal(state: State, event: Received) -> State:
    proposal = event.message
    assert isinstance(proposal, Proposed)
    return state.with_member(proposal.region, proposal=proposal, answered=state.phase == "gathering")


def _gather(state: State, event: Received) -> Result:
    return _take_proposal(state, event), ()


def _gather_last(state: State, event: Received) -> Result:
    after = _take_proposal(state, event)
    assert after.beat is not None
    if _as_proposed(after):
        return replace(after, phase="auditing"), (Audit(after.beat, after.vector, after.tracks),)
    return _open_round(after, 1, ())


def _open_round(state: State, number: int, objections: tuple[Objection, ...]) -> Result:
    assert state.beat is not None
    opened = RoundOpened(beat=state.beat.beat, round=number, vector=state.vector, tracks=state.tracks, objections=objections)
    members = tuple(replace(member, answered=False, violations=()) for member in state.members)
    after = replace(state, phase="voting", round=opened, members=members)
    return after, (Send(REGIONS, opened), *_arm(after))


def _take_vote(state: State, event: Received) -> State:
    vote = event.message
    assert isinstance(vote, (Accepted, Objected))
    found = vote.violations if isinstance(vote, Objected) else ()
    return state.with_member(vote.role, answered=True, violations=found)


def _vote(state: State, event: Received) -> Result:
    return _take_vote(state, event), ()


def _vote_for(state: State, event: Received) -> Result:
    after = _take_vote(state, event)
    assert after.beat is not None
    assert after.round is not None
    return replace(after, phase="auditing"), (Audit(after.beat, after.round.vector, after.round.tracks),)


def _vote_on(state: State, event: Received) -> Result:
    after = _take_vote(state, event)
    assert after.round is not None
    raised = [Objection(by=m.region, violation=violation) for m in after.members for violation in m.violations]
    return _open_round(after, after.round.round + 1, sort_objections(raised))


def _vote_out(state: State, event: Received) -> Result:
    after = _take_vote(state, event)
    assert after.beat is not None
    # The last round's revisions were never voted on, but they are the regions' latest word.
    return replace(after, phase="ruling"), (MakeRuling(after.beat, after.tracks),)


# ------------------------------------------------------------------------------------------------------- deciding


def _send_back(state: State, event: Audited) -> Result:
    assert state.round is not None
    raised = [Objection(by=CRITIC, violation=violation) for violation in event.violations]
    return _open_round(state, state.round.round + 1, sort_objections(raised))


def _overrule(state: State, event: Audited) -> Result:
    assert state.beat is not None
    return replace(state, phase="ruling"), (MakeRuling(state.beat, state.tracks),)


def _commit(state: State, event: Audited) -> Result:
    voted = state.round.vector if state.round else state.vector
    tracks = state.round.tracks if state.round else state.tracks
    return _decide(state, voted, tracks, event.end_state, ())


def _commit_ruling(state: State, event: RulingMade) -> Result:
    assert state.beat is not None
    assert state.round is not None
    versions = tuple(
        Version(
            region=track.region,
            incarnation=state.member(track.region).incarnation,
            revision=member.proposal.revision + (member.proposal.track != track) if member.proposal else 1,
            digest=digest(track),
        )
        for track, member in zip(event.tracks, state.members, strict=True)
    )
    vector = Vector(versions=versions)
    ruled = Ruled(beat=state.beat.beat, round=state.round.round, vector=vector, tracks=event.tracks, rulings=event.rulings)
    return _decide(state, vector, event.tracks, event.end_state, (Send(REGIONS, ruled),))


def _decide(state: State, vector: Vector, tracks: tuple[Track, ...], end: EndState, before: tuple[Send, ...]) -> Result:
    assert state.beat is not None
    assert state.brief is not None
    number = state.beat.beat
    committed = Committed(beat=number, vector=vector, digest=vector.digest, ruled=bool(before))
    after = replace(state, end_state=end, committed=(*state.committed, (vector.digest, tracks)))
    told: tuple[Output, ...] = (*before, Send(REGIONS, committed))
    if number + 1 < len(state.brief.beats):
        opened, outputs = _open_beat(after, number + 1, vector.digest)
        return opened, (*told, *outputs)
    closed, outputs = _close(after, "done", "")
    return closed, (*told, *outputs)


def _close(state: State, outcome: str, reason: str) -> Result:
    total = digest([known for known, _ in state.committed]) if state.committed else None
    closed = TakeClosed(outcome=outcome, reason=reason[:400], beats=len(state.committed), timeline=total)  # type: ignore[arg-type]
    return replace(state, phase="closed"), (Send(REGIONS, closed),)


def _stop(state: State, event: Stop) -> Result:
    return _close(state, "stopped", event.reason)


def _break(state: State, event: Broke) -> Result:
    aborted = Aborted(beat=state.beat.beat if state.beat else None, error=event.error[:400])
    closed, outputs = _close(state, "failed", event.error)
    return closed, (Send(REGIONS, aborted), *outputs)


# -------------------------------------------------------------------------------------------- rejoin and fallback


def _mint(state: State, region: Region, *, fallback: bool, nonce: str) -> Result:
    """A new incarnation of a region, told everything; all older ones are fenced from now on."""
    assert state.opened is not None
    member = state.member(region)
    incarnation = member.incarnation + 1
    nonces = (*member.nonces, (nonce, incarnation)) if nonce else member.nonces
    after = state.with_member(region, incarnation=incarnation, fallback=fallback, nonces=nonces, pending="")
    restored = Restored(
        region=region,
        nonce=nonce,
        incarnation=incarnation,
        holder="fallback" if fallback else "region",
        opened=state.opened,
        beat=state.beat if state.phase not in ("idle", "directing") else None,
        proposal=member.proposal,
        round=state.round,
        voted=member.answered or state.phase not in ("gathering", "voting"),
        decisions=member.decisions,
    )
    # After a proposal the question is the open round, if there is one: an answered gathering leaves nothing to do.
    return after, (Install(region, incarnation, fallback), Send((region,), restored))


def _let_in(state: State, event: Received) -> Result:
    message = event.message
    assert isinstance(message, Rejoined)
    member = state.member(message.region)
    if state.has_let_in(message):
        return state, ()  # asked again before the answer had arrived: the answer is on its way under its own number
    if member.fallback:
        return state.with_member(message.region, pending=message.nonce), ()
    after, outputs = _mint(state, message.region, fallback=False, nonce=message.nonce)
    awaited = state.phase in ("gathering", "voting") and not member.answered
    return after, (*outputs, *(_arm(after, (message.region,)) if awaited else ()))


def _take_over(state: State, event: DeadlineFired) -> Result:
    passed = DeadlinePassed(beat=event.beat, region=event.region, incarnation=event.incarnation, round=event.round)
    after, outputs = _mint(state, event.region, fallback=True, nonce="")
    return after, (Send((), passed), *outputs, *_arm(after, (event.region,)))


def _give_up(state: State, event: DeadlineFired) -> Result:
    return _break(state, Broke(f"neither {event.region} nor its fallback answered in time in beat {event.beat}"))


def _ignore(state: State, event: Event) -> Result:
    return state, ()


# ------------------------------------------------------------------------------------------------------- conditions


def _notes(state: State, event: Received) -> bool:
    decided = event.message
    assert isinstance(decided, Decided)
    return not state.speaker(decided.role, decided.incarnation, decided.beat).answered


def _proposes(*, last: bool) -> Callable[[State, Received], bool]:
    def test(state: State, event: Received) -> bool:
        message = event.message
        assert isinstance(message, Proposed)
        member = state.speaker(message.region, message.incarnation, message.beat)
        state.require_fit(message.track)
        if message.round != (state.round.round if state.round else 0):
            raise PeerError(f"{message.region} answers round {message.round}, which is not open")
        if message.revision != (member.proposal.revision + 1 if member.proposal else 1):
            raise PeerError(f"{message.region} sends revision {message.revision} out of turn")
        if not member.decisions:  # who takes over from the region could not know what it had in mind
            raise PeerError(f"{message.region} proposes before it has told what its planner decided")
        others = all(m.answered for m in state.members if m.region != message.region)
        return not member.answered and others == last

    return test


def _revises(state: State, event: Received) -> bool:
    message = event.message
    return _proposes(last=False)(state, event) or not state.member(message.region).answered  # type: ignore[union-attr]


def _votes(outcome: str) -> Callable[[State, Received], bool]:
    def test(state: State, event: Received) -> bool:
        vote = event.message
        assert isinstance(vote, (Accepted, Objected))
        member = state.speaker(vote.role, vote.incarnation, vote.beat)
        assert state.round is not None
        assert state.opened is not None
        if vote.round != state.round.round or vote.vector != state.round.vector.digest or member.answered:
            raise PeerError(f"{vote.role} votes on something else than round {state.round.round} of beat {vote.beat}")
        others = [m for m in state.members if m.region != vote.role]
        if not all(m.answered for m in others):
            return outcome == "open"
        if isinstance(vote, Accepted) and not any(m.violations for m in others):
            return outcome == "for"
        return outcome == ("out" if state.round.round >= state.opened.rounds else "on")

    return test


def _clean(state: State, event: Audited) -> bool:
    return not event.violations or _as_proposed(state)


def _more(test: Callable[[State, Event], bool] | None, *, more: bool) -> Callable[[State, Event], bool]:
    def both(state: State, event: Event) -> bool:
        assert state.brief is not None
        assert state.beat is not None
        return (state.beat.beat + 1 < len(state.brief.beats)) == more and (test is None or test(state, event))

    return both


def _rounds_left(state: State, event: Audited) -> bool:
    assert state.round is not None
    assert state.opened is not None
    return state.round.round < state.opened.rounds


def _awaited(*, fallback: bool) -> Callable[[State, DeadlineFired], bool]:
    def test(state: State, event: DeadlineFired) -> bool:
        member = state.member(event.region)
        here = (member.incarnation, state.beat.beat if state.beat else -1, state.round.round if state.round else 0)
        return here == (event.incarnation, event.beat, event.round) and not member.answered and member.fallback == fallback

    return test


_NEXT = ("BeatOpened", "Install", "Restored", "Arm")
_ASKING = ("gathering", "voting")
_OPEN = ("directing", "gathering", "voting", "auditing", "ruling")
_TOO_LATE = ("Briefed", "Audited", "RulingMade", "Stop", "Broke")

COORDINATOR_MACHINE: Machine[CoordinatorState] = Machine(
    "coordinator",
    (
        Row("idle", "Start", "", None, "directing", ("TakeOpened", "AskDirector"), _start),
        Row("directing", "Briefed", "", None, "gathering", ("Decided", "BeatOpened", "Arm"), _direct),
        *(Row(phase, "Decided", "for the open question", _notes, phase, (), _note_decision) for phase in _ASKING),
        Row("gathering", "Proposed", "others are awaited", _proposes(last=False), "gathering", (), _gather),
        Row(
            "gathering",
            "Proposed",
            "all four have proposed, and first proposals are committed as they are",
            lambda s, e: _as_proposed(s) and _proposes(last=True)(s, e),
            "auditing",
            ("Audit",),
            _gather_last,
        ),
        Row(
            "gathering",
            "Proposed",
            "all four have proposed",
            _proposes(last=True),
            "voting",
            ("RoundOpened", "Arm"),
            _gather_last,
        ),
        Row("voting", "Proposed", "a region revises before it votes", _revises, "voting", (), _gather),
        *(
            row
            for vote in ("Accepted", "Objected")
            for row in (
                Row("voting", vote, "others are awaited", _votes("open"), "voting", (), _vote),
                Row(
                    "voting",
                    vote,
                    "somebody objects, rounds are left",
                    _votes("on"),
                    "voting",
                    ("RoundOpened", "Arm"),
                    _vote_on,
                ),
                Row("voting", vote, "somebody objects in the last round", _votes("out"), "ruling", ("MakeRuling",), _vote_out),
            )
        ),
        Row("voting", "Accepted", "all four accept", _votes("for"), "auditing", ("Audit",), _vote_for),
        Row(
            "auditing",
            "Audited",
            "clean, beats are left",
            _more(_clean, more=True),
            "gathering",
            ("Committed", *_NEXT),
            _commit,
        ),
        Row(
            "auditing",
            "Audited",
            "clean, the last beat",
            _more(_clean, more=False),
            "closed",
            ("Committed", "TakeClosed"),
            _commit,
        ),
        Row(
            "auditing",
            "Audited",
            "something is broken, rounds are left",
            _rounds_left,
            "voting",
            ("RoundOpened", "Arm"),
            _send_back,
        ),
        Row("auditing", "Audited", "something is broken in the last round", None, "ruling", ("MakeRuling",), _overrule),
        Row(
            "ruling",
            "RulingMade",
            "beats are left",
            _more(None, more=True),
            "gathering",
            ("Ruled", "Committed", *_NEXT),
            _commit_ruling,
        ),
        Row("ruling", "RulingMade", "the last beat", None, "closed", ("Ruled", "Committed", "TakeClosed"), _commit_ruling),
        *(
            Row(phase, "Rejoined", "", None, phase, ("Install", "Restored", *(("Arm",) if phase in _ASKING else ())), _let_in)
            for phase in _OPEN
        ),
        *(
            Row(
                phase,
                "DeadlineFired",
                "the region still owes its answer",
                _awaited(fallback=False),
                phase,
                ("DeadlinePassed", "Install", "Restored", "Arm"),
                _take_over,
            )
            for phase in _ASKING
        ),
        *(
            Row(
                phase,
                "DeadlineFired",
                "so does its fallback",
                _awaited(fallback=True),
                "closed",
                ("Aborted", "TakeClosed"),
                _give_up,
            )
            for phase in _ASKING
        ),
        *(Row(phase, "DeadlineFired", "it has answered", None, phase, (), _ignore) for phase in (*_OPEN, "closed")),
        *(Row(phase, "Stop", "", None, "closed", ("TakeClosed",), _stop) for phase in _OPEN),
        *(Row(phase, "Broke", "", None, "closed", ("Aborted", "TakeClosed"), _break) for phase in _OPEN),
        *(
            Row("closed", event, "", None, "closed", (), _ignore)
            for event in (*_TOO_LATE, "Decided", "Proposed", "Accepted", "Objected", "Rejoined")
        ),
    ),
)
"""The table of the coordinator."""


def _as_proposed(state: State) -> bool:
    assert state.opened is not None
    return COMMIT_AS_PROPOSED in state.opened.flags
