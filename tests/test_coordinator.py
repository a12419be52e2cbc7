"""The coordinator's machine: what it asks, whom it believes, and when it commits."""

from itertools import permutations

import pytest

from protocol.channels import REGIONS
from protocol.coordination import (
    Arm,
    AskDirector,
    Audit,
    Audited,
    MakeRuling,
)
from protocol.coordinator_state import COMMIT_AS_PROPOSED
from protocol.machine import Received, Send
from protocol.messages import (
    CRITIC,
    BeatOpened,
    Committed,
    RoundOpened,
    Ruled,
    TakeClosed,
    digest,
)
from protocol.timeline import rest
from tests.desk import OTHERS, Desk, auditing, gathering, refuses, ruling, voting
from tests.takes import SPAN, sent, track, violation


def test_a_take_is_opened_for_all_regions_and_its_director_is_asked():
    desk = Desk()

    assert desk.start() == (Send(REGIONS, desk.opening), AskDirector(desk.opening))


def test_the_brief_is_journaled_before_the_first_beat_opens_and_every_answer_has_a_deadline():
    outputs = gathering().taken[-1][1]

    assert outputs == ("Decided", "BeatOpened", "Arm", "Arm", "Arm", "Arm")


def test_a_round_opens_only_when_all_four_have_proposed():
    desk = gathering()

    assert [desk.propose_all((region,)) for region in OTHERS] == [(), (), ()]
    opened, *deadlines = desk.propose_all(("brows",))
    assert opened.to == REGIONS
    assert opened.message.vector == desk.state.vector
    assert deadlines == [Arm(region, 1, 0, 1) for region in REGIONS]


@pytest.mark.parametrize("order", list(permutations(REGIONS))[::5])
def test_a_beat_commits_when_four_accept_the_same_vector(order):
    desk = voting()
    on_table = desk.on_table

    assert [desk(desk.vote(region)) for region in order[:3]] == [(), (), ()]
    (audit,) = desk(desk.vote(order[3]))
    assert audit == Audit(desk.open_beat, on_table.vector, on_table.tracks)
    (committed,) = sent(desk.audit(), Committed)
    assert committed == Committed(beat=0, vector=on_table.vector, digest=on_table.vector.digest, ruled=False)
    assert desk.state.committed == ((on_table.vector.digest, on_table.tracks),)


@pytest.mark.parametrize("objector", REGIONS)
def test_one_objection_is_enough_to_go_on(objector):
    desk = voting()
    votes = [desk.vote(region, *((violation(),) if region == objector else ())) for region in REGIONS]
    outputs = [desk(vote) for vote in votes]

    (opened,) = sent(outputs[-1], RoundOpened)
    assert (opened.round, [o.by for o in opened.objections]) == (2, [objector])
    assert desk.state.committed == ()


def test_objections_are_sorted_and_the_same_for_any_order_of_votes():
    found = (violation("b"), violation("a", start=0.3), violation("a"))
    raised = {"brows": found, "mouth": found[:1], "head": (violation("a", start=0.2),)}

    def objections(order):
        desk = voting()
        for region in order:
            outputs = desk(desk.vote(region, *raised.get(region, ())))
        (opened,) = sent(outputs, RoundOpened)
        return opened.objections

    results = {objections(order) for order in permutations(REGIONS)}

    assert len(results) == 1
    (only,) = results
    assert [(o.violation.constraint, o.violation.start, o.by) for o in only] == [
        ("a", 0.1, "brows"),
        ("a", 0.2, "head"),
        ("a", 0.3, "brows"),
        ("b", 0.1, "brows"),
        ("b", 0.1, "mouth"),
    ]


def test_what_is_revised_before_the_vote_is_on_the_table_of_the_next_round():
    desk = voting()
    desk(desk.decision("brows"))
    desk(desk.proposal("brows", 0.4))
    desk(desk.vote("brows", violation()))

    (opened,) = sent(desk.accept_all(OTHERS), RoundOpened)

    assert opened.tracks[0] == track("brows", 0.4)
    assert opened.vector.versions[0].revision == 2
    assert opened.vector.versions[1:] == voting().on_table.vector.versions[1:]


def test_a_revision_that_comes_with_consent_is_not_what_is_committed():
    desk = voting()
    on_table = desk.on_table.tracks
    desk(desk.proposal("brows", 0.4))
    desk.accept_all()

    desk.audit()

    assert desk.state.committed[0][1] == on_table


def test_a_revision_after_the_vote_is_refused():
    desk = voting()
    desk(desk.vote("brows", violation()))

    assert refuses(desk, desk.proposal("brows", 0.4), match="Proposed is not allowed in phase voting")


@pytest.mark.parametrize("rounds", [1, 2, 5])
def test_after_the_last_round_the_coordinator_rules_on_the_latest_word(rounds):
    desk = voting(rounds=rounds)
    for number in range(1, rounds + 1):
        assert desk.round == number
        desk(desk.proposal("brows", number / 10))
        desk(desk.vote("brows", violation()))
        outputs = desk.accept_all(OTHERS)

    assert outputs == (MakeRuling(desk.open_beat, desk.state.tracks),)
    assert outputs[0].tracks[0] == track("brows", rounds / 10)


def test_a_ruling_is_announced_before_the_commit_and_counts_as_a_revision_only_where_it_changed_something():
    desk = ruling()
    shapes = (track("brows", 0.1), *desk.state.tracks[1:])

    outputs = desk.rule(*shapes)

    ruled, committed, *_ = [output.message for output in outputs if isinstance(output, Send)]
    assert isinstance(ruled, Ruled)
    assert committed == Committed(beat=0, vector=ruled.vector, digest=ruled.vector.digest, ruled=True)
    assert [version.revision for version in ruled.vector.versions] == [2, 1, 1, 1]
    assert [version.digest for version in ruled.vector.versions] == [digest(shape) for shape in shapes]


def test_what_the_audit_finds_goes_back_as_the_critics():
    desk = auditing()

    (opened,) = sent(desk.audit(violation("b"), violation("a")), RoundOpened)

    assert opened.round == 2
    assert [(o.by, o.violation.constraint) for o in opened.objections] == [(CRITIC, "a"), (CRITIC, "b")]


def test_four_who_accept_what_is_broken_are_overruled_in_the_last_round():
    desk = auditing(rounds=1)

    assert desk.audit(violation()) == (MakeRuling(desk.open_beat, desk.state.tracks),)


def test_the_next_beat_starts_from_the_end_of_the_last_and_names_its_digest():
    desk = auditing()
    end = rest().model_copy(update={"seconds": 0.5})

    (opened,) = sent(desk(Audited((), end)), BeatOpened)

    assert (opened.beat, opened.previous, opened.end_state) == (1, desk.state.committed[0][0], end)
    assert all(m.proposal is None and not m.answered and m.decisions == () for m in desk.state.members)


def test_the_last_commit_closes_the_take():
    desk = auditing(beats=1)

    outputs = desk.audit()

    (taken,) = sent(outputs, TakeClosed)
    assert taken == TakeClosed(outcome="done", reason="", beats=1, timeline=digest([desk.state.committed[0][0]]))
    assert desk.state.phase == "closed"


def test_first_proposals_can_be_committed_as_they_are():
    desk = gathering(flags=(COMMIT_AS_PROPOSED,))

    (audit,) = desk.propose_all()
    (committed,) = sent(desk.audit(violation()), Committed)

    assert audit.tracks == tuple(track(region) for region in REGIONS)
    assert not committed.ruled


# ---------------------------------------------------------------------------------------------- what is not believed


def test_a_proposal_of_another_beat_or_incarnation_is_refused():
    assert refuses(gathering(), gathering().proposal("eyes", beat=1), match=r"eyes\.1 speaks of beat 1")
    assert refuses(gathering(), gathering().proposal("eyes", incarnation=2), match=r"eyes\.2 speaks of beat 0")


def test_a_proposal_that_reaches_past_the_beat_is_refused():
    late = gathering().proposal("mouth", shape=track("mouth", 0.5, seconds=SPAN + 0.01))

    assert refuses(gathering(), late, match="mouth sets a keyframe at 0.51 s of a beat that lasts 0.5 s")


def test_a_proposal_without_the_decision_behind_it_is_refused():
    assert refuses(gathering(), gathering().proposal("head"), match="head proposes before it has told")


@pytest.mark.parametrize("revision", [2, 7])
def test_a_revision_out_of_turn_is_refused(revision):
    assert refuses(gathering(), gathering().proposal("head", revision=revision), match="out of turn")


@pytest.mark.parametrize("make", [gathering, voting])
def test_a_proposal_for_a_round_that_is_not_open_is_refused(make):
    assert refuses(make(), make().proposal("head", round_=2), match="answers round 2, which is not open")


def test_a_second_proposal_is_refused_while_the_others_are_awaited():
    desk = gathering()
    desk.propose_all(("head",))

    assert refuses(desk, desk.proposal("head", 3.0))


@pytest.mark.parametrize(
    "changes", [{"round": 2}, {"vector": "1" * 32}, {"beat": 1}, {"incarnation": 2}], ids=lambda changes: next(iter(changes))
)
@pytest.mark.parametrize("found", [(), (violation(),)], ids=["accepted", "objected"])
def test_a_vote_on_something_else_is_refused(changes, found):
    desk = voting()

    assert refuses(desk, desk.vote("eyes", *found, **changes))


def test_a_second_vote_is_refused():
    desk = voting()
    desk(desk.vote("eyes"))

    assert refuses(desk, desk.vote("eyes", violation()), match="votes on something else")


@pytest.mark.parametrize("role", ["critic", "director", "nobody"])
def test_who_is_no_region_has_no_vote(role):
    desk = voting()

    assert refuses(desk, Received(desk.vote("eyes").message.model_copy(update={"role": role})), match="no say")
    assert refuses(desk, Received(desk.decision("eyes").message.model_copy(update={"role": role})), match="no say")


@pytest.mark.parametrize("changes", [{"beat": 1}, {"beat": None}, {"incarnation": 2}])
def test_a_decision_for_another_beat_or_by_another_incarnation_is_refused(changes):
    assert refuses(gathering(), gathering().decision("eyes", **changes))


def test_a_decision_after_the_answer_is_refused():
    desk = gathering()
    desk.propose_all(("eyes",))

    assert refuses(desk, desk.decision("eyes"))
