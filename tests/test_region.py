"""A region's machine: it answers every question exactly once, and a new process goes on with whatever is owed."""

from collections.abc import Callable
from typing import Any

import pytest

from protocol.channels import REGIONS
from protocol.machine import LocalError, PeerError, Received, Send, kind
from protocol.messages import (
    COORDINATOR,
    Aborted,
    Accepted,
    Committed,
    Decided,
    Objected,
    Proposed,
    RegionRuling,
    Rejoined,
    Restored,
    Ruled,
    TakeClosed,
    digest,
)
from protocol.region import REGION, Judge, Judged, Propose, RegionState, Revision, Thought, Wake
from tests.takes import (
    Script,
    any_messages,
    beat_opened,
    decided,
    given_by_row,
    proposed,
    round_opened,
    sent,
    take_opened,
    track,
    violation,
)

OPENING, ROUND = take_opened(), round_opened()
CLOSED = Received(TakeClosed(outcome="done", reason="", beats=1, timeline=None))
ABORTED = Received(Aborted(beat=0, error="oh"))
COMMITTED = Received(Committed(beat=0, vector=ROUND.vector, digest=ROUND.vector.digest, ruled=False))
RULED = Received(
    Ruled(
        beat=0,
        round=3,
        vector=ROUND.vector,
        tracks=ROUND.tracks,
        rulings=tuple(RegionRuling(region=region, rung="kept", why="") for region in REGIONS),
    )
)


def thought(target=0.0, beat=0, incarnation=1, reply="{}"):
    """The answer to a question for a proposal."""
    revision = Revision(decided("brows", beat, incarnation, 0, reply), track("brows", target), "because")
    return Thought(beat, incarnation, revision)


def judged(*violations, target=None, beat=0, round_=1, incarnation=1):
    """The answer to a question for a judgement, with a revision if it has a target."""
    revision = None
    if target is not None:
        revision = Revision(decided("brows", beat, incarnation, round_, str(target)), track("brows", target), "yields")
    return Judged(beat, round_, incarnation, violations, revision)


def restored(region="brows", nonce="n1", incarnation=2, *, beat=None, proposal=None, round_=None, voted=False, decisions=()):
    """What the coordinator tells a process."""
    return Received(
        Restored(
            region=region,
            nonce=nonce,
            incarnation=incarnation,
            holder="region",
            opened=OPENING,
            beat=beat,
            proposal=proposal,
            round=round_,
            voted=voted,
            decisions=decisions,
        )
    )


OWED: dict[str, dict[str, Any]] = {
    "ready": {},
    "proposing": {"beat": beat_opened()},
    "judging": {"beat": beat_opened(), "proposal": proposed("brows"), "round_": ROUND},
    "waiting": {"beat": beat_opened(), "proposal": proposed("brows"), "round_": ROUND, "voted": True},
}
"""What a process is told, by the phase that it goes on with."""


def idle() -> Script[RegionState]:
    return Script(REGION, RegionState("brows"))


def ready() -> Script[RegionState]:
    step = idle()
    step(Received(OPENING))
    return step


def proposing() -> Script[RegionState]:
    step = ready()
    step(Received(beat_opened()))
    return step


def waiting() -> Script[RegionState]:
    step = proposing()
    step(thought())
    return step


def judging() -> Script[RegionState]:
    step = waiting()
    step(Received(ROUND))
    return step


def joining() -> Script[RegionState]:
    step = judging()
    step(Wake("n1"))
    return step


def closed() -> Script[RegionState]:
    step = judging()
    step(CLOSED)
    return step


PHASES: dict[str, Callable[[], Script[RegionState]]] = {
    "idle": idle,
    "ready": ready,
    "proposing": proposing,
    "waiting": waiting,
    "judging": judging,
    "joining": joining,
    "closed": closed,
}
OPEN = ("ready", "proposing", "waiting", "judging")


# -------------------------------------------------------------------------------------------------------- answering


def test_a_beat_asks_the_host_for_a_proposal():
    step = ready()

    assert step(Received(beat_opened())) == (Propose(OPENING, beat_opened(), 1, ()),)


def test_the_decision_is_sent_before_the_proposal_that_follows_from_it():
    step = proposing()

    decision, proposal = step(thought(0.3))

    assert decision == Send((COORDINATOR,), decided("brows"))
    assert proposal == Send((COORDINATOR,), proposed("brows", shape=track("brows", 0.3)))


def test_what_the_journal_knows_already_is_not_sent_again():
    step = joining()
    step(restored(beat=beat_opened(), decisions=(decided("brows"),)))

    (proposal,) = step(thought(0.3, incarnation=2))

    assert proposal.message == proposed("brows", incarnation=2, shape=track("brows", 0.3))


def test_a_round_asks_the_host_for_a_judgement():
    step = waiting()

    assert step(Received(ROUND)) == (Judge(OPENING, beat_opened(), ROUND, 1, step.state.proposal, (decided("brows"),)),)


def test_a_vector_that_breaks_nothing_is_accepted():
    (vote,) = judging()(judged())

    assert vote.message == Accepted(beat=0, round=1, role="brows", incarnation=1, vector=ROUND.vector.digest)


def test_who_need_not_yield_objects_without_a_proposal():
    (vote,) = judging()(judged(violation()))

    assert vote.message == Objected(
        beat=0, round=1, role="brows", incarnation=1, vector=ROUND.vector.digest, violations=(violation(),)
    )


def test_who_yields_revises_before_it_objects():
    step = judging()

    outputs = step(judged(violation(), target=0.2))

    assert [type(output.message) for output in outputs] == [Decided, Proposed, Objected]
    revised = proposed("brows", revision=2, round_=1, shape=track("brows", 0.2))
    assert outputs[1].message == revised.model_copy(update={"why": "yields"})
    assert step.state.proposal == outputs[1].message
    assert [one.round for one in step.state.decisions] == [0, 1]


def test_who_has_revised_in_this_round_already_does_not_do_so_again():
    step = joining()
    revised = proposed("brows", revision=2, round_=1, shape=track("brows", 0.2))
    step(restored(beat=beat_opened(), proposal=revised, round_=ROUND))

    outputs = step(judged(violation(), target=0.2, incarnation=2))

    assert [type(output.message) for output in outputs] == [Objected]
    assert step.state.proposal == revised


@pytest.mark.parametrize(
    "late",
    [thought(beat=1), thought(incarnation=2), thought(), judged(round_=2), judged(beat=1), judged(incarnation=2)],
    ids=["thought of another beat", "of another incarnation", "again", "judged another round", "another beat", "another self"],
)
def test_answers_to_questions_that_are_no_longer_asked_are_dropped(late):
    step = judging()
    before = step.state

    assert step(late) == ()
    assert step.state is before


@pytest.mark.parametrize("late", [thought(beat=1), thought(incarnation=2)], ids=["another beat", "another incarnation"])
def test_an_answer_to_another_question_is_no_proposal(late):
    step = proposing()

    assert step(late) == ()
    assert step.state.phase == "proposing"


@pytest.mark.parametrize("make", [waiting, judging])
def test_each_question_is_answered_once(make):
    step = make()
    answer = judged(violation(), target=0.2)
    if make is judging:
        step(answer)

    assert step(thought(0.5)) == ()
    assert step(answer) == ()


def test_a_long_reason_is_cut_to_what_a_message_holds():
    step = proposing()
    said = thought()
    long = Thought(0, 1, Revision(said.revision.decided, said.revision.track, "y" * 999))

    assert sent(step(long), Proposed)[0].why == "y" * 400


# -------------------------------------------------------------------------------------------------------- committing


def test_a_commit_is_remembered_and_what_was_open_is_forgotten():
    step = waiting()

    assert step(COMMITTED) == ()
    assert step.state.committed == ((0, ROUND.vector.digest),)
    assert (step.state.beat, step.state.round, step.state.proposal) == (None, None, None)


def test_a_ruling_changes_nothing_until_it_is_committed():
    step = waiting()
    before = step.state

    assert step(RULED) == ()
    assert step.state is before


def test_the_next_beat_tells_of_a_commit_that_was_missed():
    step = waiting()

    step(Received(beat_opened(1, previous="a" * 32)))

    assert step.state.committed == ((0, "a" * 32),)
    assert (step.state.phase, step.state.proposal, step.state.decisions) == ("proposing", None, ())


def test_what_a_process_is_told_on_its_return_tells_of_a_commit_too():
    step = joining()

    step(restored(beat=beat_opened(1, previous="a" * 32)))

    assert step.state.committed == ((0, "a" * 32),)


@pytest.mark.parametrize("how", ["committed twice", "beat opened", "restored"])
def test_two_digests_for_one_beat_are_the_peers_mistake(how):
    step = waiting()
    step(COMMITTED)
    other = beat_opened(1, previous="a" * 32)
    if how == "committed twice":
        step(Received(beat_opened(1, previous=ROUND.vector.digest)))
        step(thought(beat=1))
    before = step.state
    wrong = {
        "committed twice": Received(COMMITTED.message.model_copy(update={"digest": "a" * 32})),
        "beat opened": Received(other),
        "restored": restored(incarnation=2, beat=other),
    }

    with pytest.raises(PeerError, match="beat 0 is committed"):
        step(wrong[how])

    assert step.state is before


# ---------------------------------------------------------------------------------------------------------- rejoining


@pytest.mark.parametrize("phase", PHASES)
def test_a_new_process_knows_nothing_and_asks(phase):
    step = PHASES[phase]()

    assert step(Wake("n9")) == (Send((COORDINATOR,), Rejoined(region="brows", nonce="n9")),)
    assert step.state == RegionState("brows", phase="joining", incarnation=0, nonce="n9")


@pytest.mark.parametrize("goal", OWED)
@pytest.mark.parametrize("phase", ["idle", *OPEN, "joining"])
def test_it_goes_on_with_whatever_it_owes(phase, goal):
    step = PHASES[phase]()

    outputs = step(restored(**OWED[goal]))

    asked: dict[str, tuple[Any, ...]] = {
        "proposing": (Propose(OPENING, beat_opened(), 2, ()),),
        "judging": (Judge(OPENING, beat_opened(), ROUND, 2, proposed("brows"), ()),),
    }
    assert outputs == asked.get(goal, ())
    assert (step.state.phase, step.state.incarnation, step.state.nonce) == (goal, 2, "")


def test_its_planner_is_told_what_it_said_before():
    step = joining()
    said = (decided("brows"), decided("brows", round_=1))

    (asked,) = step(restored(**OWED["judging"], decisions=said))

    assert asked.decisions == said


def test_an_answer_meant_for_another_process_is_refused():
    step = joining()

    with pytest.raises(PeerError, match="Restored is not allowed in phase joining"):
        step(restored(nonce="other", incarnation=5))

    assert step.state.phase == "joining"


@pytest.mark.parametrize("phase", OPEN)
def test_only_a_later_incarnation_replaces_what_a_region_does(phase):
    step = PHASES[phase]()

    with pytest.raises(PeerError):
        step(restored(incarnation=1, **OWED["proposing"]))

    assert step.state.phase == phase


@pytest.mark.parametrize("phase", ["joining", *OPEN])
def test_what_another_region_is_told_is_refused(phase):
    step = PHASES[phase]()

    with pytest.raises(PeerError):
        step(restored("eyes", incarnation=7))


def test_a_region_cut_off_since_before_the_take_opened_can_be_brought_in():
    step = idle()

    (asked,) = step(restored(nonce="", incarnation=3, **OWED["proposing"]))

    assert asked == Propose(OPENING, beat_opened(), 3, ())


# ----------------------------------------------------------------------------------------------------------- the table


def scenarios():
    """Scripts that together take every row."""
    for make in PHASES.values():
        step = make()
        step(Wake("n2"))
        yield step
    for phase in ("idle", *OPEN, "joining"):
        for owed in OWED.values():
            step = PHASES[phase]()
            step(restored(**owed))
            yield step
    for phase in (*OPEN, "joining"):
        step = PHASES[phase]()
        for late in (thought(beat=5), judged(round_=5)):
            step(late)
        step(ABORTED)
        step(CLOSED)
        yield step
    after = closed()
    for late in (thought(), judged(), restored(), CLOSED):
        after(late)
    yield after
    missed, agreed, broken, early, able = waiting(), judging(), judging(), idle(), judging()
    able(judged(target=0.0))
    missed(RULED)
    missed(Received(beat_opened(1, previous="a" * 32)))
    agreed(judged())
    agreed(COMMITTED)
    broken(judged(violation(), target=0.2))
    early(CLOSED)
    yield from (missed, agreed, broken, early, able)


def test_every_row_is_taken_and_gives_all_that_it_names():
    given = given_by_row(list(scenarios()))

    for place, row in enumerate(REGION.rows):
        said = (row.phase, row.event, row.when)
        assert place in given, f"no scenario takes {said}"
        assert given[place] == set(row.emits), said


def test_every_phase_of_the_table_is_among_those_tried_here():
    assert set(PHASES) == set(REGION.phases)
    assert all(make().state.phase == phase for phase, make in PHASES.items())


@pytest.mark.parametrize("phase", PHASES)
def test_whatever_no_row_allows_is_refused_and_changes_nothing(phase):
    step = PHASES[phase]()
    before = step.state
    allowed = {row.event for row in REGION.rows if row.phase == phase}
    events = [*any_messages(), thought(), judged(), Wake("n")]
    refused = [event for event in events if kind(event) not in allowed]

    assert {row.event for row in REGION.rows} <= {kind(event) for event in events}
    assert len(refused) > 10
    for event in refused:
        error = PeerError if isinstance(event, Received) else LocalError
        with pytest.raises(error, match=f"region: {kind(event)} is not allowed in phase {phase}"):
            step(event)
        assert step.state is before


def test_the_digest_of_a_proposal_is_that_of_its_track():
    (proposal,) = sent(proposing()(thought(0.3)), Proposed)

    assert proposal.digest == digest(track("brows", 0.3))
