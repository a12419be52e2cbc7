"""The machine of the coordinator: it opens beats, gathers proposals and votes, rules when the rounds are used up, commits.

It is the sequencer: whatever it sends or receives is in the journal before it takes effect (its host sees to that), so its
state is a fold of the journal.

What takes thought is done by its host: `AskDirector` for the brief (`Exchanged` tells of each exchange with a language model on
the way), `Audit` for a last look at a vector that all accept, `Review` for what the critic makes of it,
`MakeRuling` for a ruling, `MergeBeat` for the frames of a commit if the take is rendered (`protocol.dispatch`). Deadlines are
armed with `Arm` and come back as `DeadlineFired`. `Install` starts the fallback of a region that did not answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from protocol.channels import REGIONS
from protocol.coordination import (
    AskDirector,
    Audit,
    Audited,
    Briefed,
    Broke,
    DeadlineFired,
    Exchanged,
    MakeRuling,
    Review,
    Reviewed,
    RulingMade,
    StageSet,
    Start,
    Stop,
)
from protocol.coordinator_conditions import (
    as_proposed,
    awaited,
    clean,
    closed_while,
    counted_objections,
    followed_by,
    is_reviewed,
    notes,
    proposes,
    revises,
    rounds_left,
    sends_back,
    votes,
)
from protocol.coordinator_members import ASKING, BEAT_OPEN, arm, let_in, merges, mint, resume, take_over
from protocol.coordinator_state import CoordinatorState
from protocol.dispatch import FilmBroke
from protocol.keyframes import Track
from protocol.machine import Event, Machine, Output, Received, Row, Send
from protocol.messages import (
    CRITIC,
    Aborted,
    Accepted,
    BeatOpened,
    Committed,
    Decided,
    EndState,
    Objected,
    Objection,
    Proposed,
    RoundOpened,
    Ruled,
    TakeClosed,
    Vector,
    Version,
    digest,
    sort_objections,
)

State = CoordinatorState
Result = tuple[State, Sequence[Output]]


# ---------------------------------------------------------------------------------------------------------- opening


def _start(state: State, event: Start) -> Result:
    after = replace(state, phase="directing", opened=event.opened, end_state=event.end_state)
    return after, (Send(REGIONS, event.opened), AskDirector(event.opened))


def _exchange(state: State, event: Exchanged) -> Result:
    return replace(state, exchanges=(*state.exchanges, event.decided)), (Send((), event.decided),)


def _direct(state: State, event: Briefed) -> Result:
    after, outputs = _open_beat(replace(state, brief=event.brief, exchanges=()), 0, None)
    return after, (Send((), event.decided), *outputs)


def _open_beat(state: State, number: int, previous: str | None) -> Result:
    """The next beat: every region gets it, those that a fallback played get their role back first."""
    assert state.brief is not None
    assert state.end_state is not None
    beat = BeatOpened(beat=number, intent=state.brief.beats[number], previous=previous, end_state=state.end_state)
    fresh = tuple(replace(m, proposal=None, answered=False, violations=(), decisions=(), sent_back=0) for m in state.members)
    after = replace(state, phase="gathering", beat=beat, round=None, members=fresh, faulted="")
    present = tuple(member.region for member in fresh if not member.fallback)
    outputs: list[Output] = [Send(present, beat)]
    for member in fresh:
        if member.fallback:
            after, returned = mint(after, member.region, fallback=False, nonce=member.pending)
            outputs += returned
    return after, (*outputs, *arm(after))


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
    if as_proposed(after):
        return replace(after, phase="auditing"), (Audit(after.beat, after.vector, after.tracks),)
    return _open_round(after, 1, ())


def _open_round(state: State, number: int, objections: tuple[Objection, ...]) -> Result:
    assert state.beat is not None
    opened = RoundOpened(beat=state.beat.beat, round=number, vector=state.vector, tracks=state.tracks, objections=objections)
    members = tuple(replace(member, answered=False, violations=()) for member in state.members)
    after = replace(state, phase="voting", round=opened, members=members)
    return after, (Send(REGIONS, opened), *arm(after))


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


def _have_reviewed(state: State, event: Audited) -> Result:
    assert state.beat is not None
    assert state.round is not None
    after = replace(state, phase="reviewing", ending=event.end_state)
    return after, (Review(state.beat, state.round.vector, state.round.tracks),)


def _criticise(state: State, event: Reviewed) -> Result:
    """The critic votes against, and those whom it names are to do better."""
    assert state.round is not None
    found = counted_objections(state, event)
    names = {violation.yields for violation in found}
    members = tuple(replace(one, sent_back=one.sent_back + (one.region in names)) for one in state.members)
    after = replace(state, members=members, ending=None, faulted=state.round.vector.digest)
    opened, outputs = _open_round(
        after, state.round.round + 1, sort_objections(Objection(by=CRITIC, violation=violation) for violation in found)
    )
    return opened, (Send((), Objected(**_critics_vote(state), violations=found)), *outputs)


def _approve(state: State, event: Reviewed) -> Result:
    """The critic accepts, or has no more say."""
    assert state.round is not None
    assert state.ending is not None
    after = replace(state, ending=None)
    decided, outputs = _decide(after, state.round.vector, state.round.tracks, state.ending, ())
    return decided, (Send((), Accepted(**_critics_vote(state))), *outputs)


def _critics_vote(state: State) -> dict[str, Any]:
    """What a vote of the critic says besides what it found."""
    assert state.round is not None
    round_ = state.round
    return {"beat": round_.beat, "round": round_.round, "role": CRITIC, "incarnation": 1, "vector": round_.vector.digest}


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
    told: tuple[Output, ...] = (*before, Send(REGIONS, committed), *merges(after, number))
    if number + 1 < len(state.brief.beats):
        opened, outputs = _open_beat(after, number + 1, vector.digest)
        return opened, (*told, *outputs)
    if state.film:
        return replace(after, phase="rendering"), told
    closed, outputs = _close(after, "done", "")
    return closed, (*told, *outputs)


def _close(state: State, outcome: str, reason: str) -> Result:
    total = digest([known for known, _ in state.committed]) if state.committed else None
    closed = TakeClosed(outcome=outcome, reason=reason[:400], beats=len(state.committed), timeline=total)  # type: ignore[arg-type]
    return replace(state, phase="closed", closed_in="" if outcome == "done" else state.phase), (Send(REGIONS, closed),)


def _stop(state: State, event: Stop) -> Result:
    return _close(state, "stopped", event.reason)


def _break(state: State, event: Broke) -> Result:
    aborted = Aborted(beat=state.beat.beat if state.beat else None, error=event.error[:400])
    closed, outputs = _close(state, "failed", event.error)
    return closed, (Send(REGIONS, aborted), *outputs)


# ------------------------------------------------------------------------------------------------------ rendering


def _set_stage(state: State, event: StageSet) -> Result:
    return replace(state, film=event.film), (Send((), event.film),)


def _filmed(state: State, event: Event) -> Result:
    return _close(state, "done", "")


def _film_broke(state: State, event: FilmBroke) -> Result:
    return _close(state, "failed", event.error)


def _give_up(state: State, event: DeadlineFired) -> Result:
    return _break(state, Broke(f"neither {event.region} nor its fallback answered in time in beat {event.beat}"))


def _ignore(state: State, event: Event) -> Result:
    return state, ()


_NEXT = ("BeatOpened", "Install", "Restored", "Arm")
_PLANNING = ("directing", *BEAT_OPEN)
_OPEN = (*_PLANNING, "rendering")
_TOO_LATE = ("Exchanged", "Briefed", "Audited", "Reviewed", "RulingMade", "StageSet", "Filmed", "FilmBroke", "Stop", "Broke")


def _resumed(phase: str) -> tuple[str, ...]:
    """What may follow when a take is resumed in a phase."""
    asks = {"directing": ("AskDirector",), "auditing": ("Audit",), "reviewing": ("Review",), "ruling": ("MakeRuling",)}
    merges = () if phase == "directing" else ("Install", "Restored", "MergeBeat")
    return ("TakeResumed", *merges, *asks.get(phase, ()), *(("Arm",) if phase in ASKING else ()))


COORDINATOR_MACHINE: Machine[CoordinatorState] = Machine(
    "coordinator",
    (
        Row("idle", "Start", "", None, "directing", ("TakeOpened", "AskDirector"), _start),
        Row("directing", "Exchanged", "", None, "directing", ("Decided",), _exchange),
        Row("directing", "Briefed", "", None, "gathering", ("Decided", "BeatOpened", "Arm"), _direct),
        *(Row(phase, "Decided", "for the open question", notes, phase, (), _note_decision) for phase in ASKING),
        Row("gathering", "Proposed", "others are awaited", proposes(last=False), "gathering", (), _gather),
        Row(
            "gathering",
            "Proposed",
            "all four have proposed, and first proposals are committed as they are",
            lambda s, e: as_proposed(s) and proposes(last=True)(s, e),
            "auditing",
            ("Audit",),
            _gather_last,
        ),
        Row(
            "gathering",
            "Proposed",
            "all four have proposed",
            proposes(last=True),
            "voting",
            ("RoundOpened", "Arm"),
            _gather_last,
        ),
        Row("voting", "Proposed", "a region revises before it votes", revises, "voting", (), _gather),
        *(
            row
            for vote in ("Accepted", "Objected")
            for row in (
                Row("voting", vote, "others are awaited", votes("open"), "voting", (), _vote),
                Row(
                    "voting",
                    vote,
                    "somebody objects, rounds are left",
                    votes("on"),
                    "voting",
                    ("RoundOpened", "Arm"),
                    _vote_on,
                ),
                Row("voting", vote, "somebody objects in the last round", votes("out"), "ruling", ("MakeRuling",), _vote_out),
            )
        ),
        Row("voting", "Accepted", "all four accept", votes("for"), "auditing", ("Audit",), _vote_for),
        Row("auditing", "Audited", "clean, and the critic is to look", is_reviewed, "reviewing", ("Review",), _have_reviewed),
        Row(
            "auditing",
            "Audited",
            "clean, beats are left",
            followed_by("beats", clean),
            "gathering",
            ("Committed", "MergeBeat", *_NEXT),
            _commit,
        ),
        Row(
            "auditing",
            "Audited",
            "clean, the last beat of a take that is rendered",
            followed_by("frames", clean),
            "rendering",
            ("Committed", "MergeBeat"),
            _commit,
        ),
        Row(
            "auditing",
            "Audited",
            "clean, the last beat",
            followed_by("nothing", clean),
            "closed",
            ("Committed", "TakeClosed"),
            _commit,
        ),
        Row(
            "auditing",
            "Audited",
            "something is broken, rounds are left",
            rounds_left,
            "voting",
            ("RoundOpened", "Arm"),
            _send_back,
        ),
        Row("auditing", "Audited", "something is broken in the last round", None, "ruling", ("MakeRuling",), _overrule),
        Row(
            "reviewing", "Reviewed", "it objects, and may", sends_back, "voting", ("Objected", "RoundOpened", "Arm"), _criticise
        ),
        *(
            Row("reviewing", "Reviewed", f"it does not, {when}", test, to, ("Accepted", "Committed", *more), _approve)
            for when, test, to, more in (
                ("beats are left", followed_by("beats"), "gathering", ("MergeBeat", *_NEXT)),
                ("the last beat of a take that is rendered", followed_by("frames"), "rendering", ("MergeBeat",)),
                ("the last beat", None, "closed", ("TakeClosed",)),
            )
        ),
        Row(
            "ruling",
            "RulingMade",
            "beats are left",
            followed_by("beats"),
            "gathering",
            ("Ruled", "Committed", "MergeBeat", *_NEXT),
            _commit_ruling,
        ),
        Row(
            "ruling",
            "RulingMade",
            "the last beat of a take that is rendered",
            followed_by("frames"),
            "rendering",
            ("Ruled", "Committed", "MergeBeat"),
            _commit_ruling,
        ),
        Row("ruling", "RulingMade", "the last beat", None, "closed", ("Ruled", "Committed", "TakeClosed"), _commit_ruling),
        *(
            Row(phase, "Rejoined", "", None, phase, ("Install", "Restored", *(("Arm",) if phase in ASKING else ())), let_in)
            for phase in _OPEN
        ),
        *(
            Row(
                phase,
                "DeadlineFired",
                "the region still owes its answer",
                awaited(fallback=False),
                phase,
                ("DeadlinePassed", "Install", "Restored", "Arm"),
                take_over,
            )
            for phase in ASKING
        ),
        *(
            Row(
                phase,
                "DeadlineFired",
                "so does its fallback",
                awaited(fallback=True),
                "closed",
                ("Aborted", "TakeClosed"),
                _give_up,
            )
            for phase in ASKING
        ),
        *(Row(phase, "DeadlineFired", "it has answered", None, phase, (), _ignore) for phase in (*_OPEN, "closed")),
        *(Row(phase, "StageSet", "", None, phase, ("FilmOpened",), _set_stage) for phase in _PLANNING),
        Row("rendering", "Filmed", "", None, "closed", ("TakeClosed",), _filmed),
        *(Row(phase, "FilmBroke", "", None, "closed", ("TakeClosed",), _film_broke) for phase in _OPEN),
        *(Row(phase, "Resume", "its process was lost", None, phase, _resumed(phase), resume) for phase in _OPEN),
        *(
            Row("closed", "Resume", f"it ended while {phase}", closed_while(phase), phase, _resumed(phase), resume)
            for phase in _OPEN
        ),
        *(Row(phase, "Stop", "", None, "closed", ("TakeClosed",), _stop) for phase in _OPEN),
        *(Row(phase, "Broke", "", None, "closed", ("Aborted", "TakeClosed"), _break) for phase in _OPEN),
        *(
            Row("closed", event, "", None, "closed", (), _ignore)
            for event in (*_TOO_LATE, "Decided", "Proposed", "Accepted", "Objected", "Rejoined")
        ),
    ),
)
"""The table of the coordinator."""
