"""The coordinator's machine: who is let in again, who plays a region that is silent, and how a take ends."""

import pytest

from protocol.channels import REGIONS
from protocol.coordination import (
    Arm,
    Broke,
    Install,
    Stop,
)
from protocol.machine import Send, kind
from protocol.messages import (
    Aborted,
    DeadlinePassed,
    Restored,
    TakeClosed,
    digest,
)
from tests.desk import ASKING, OPEN, PHASES, auditing, directing, gathering, refuses, voting
from tests.takes import sent, violation


def restored(outputs) -> Restored:
    (message,) = sent(outputs, Restored)
    return message


def ending(desk, outcome, reason) -> TakeClosed:
    """How a take ends that has come as far as the desk."""
    known = [commit for commit, _ in desk.state.committed]
    return TakeClosed(outcome=outcome, reason=reason, beats=len(known), timeline=digest(known) if known else None)


def test_who_rejoins_before_the_first_beat_is_told_the_take_alone():
    desk = directing()

    told = restored(desk.rejoin("eyes"))

    assert (told.incarnation, told.nonce, told.holder, told.beat, told.proposal, told.round) == (
        2,
        "n1",
        "region",
        None,
        None,
        None,
    )
    assert told.opened == desk.opening


def test_who_owes_a_proposal_is_told_the_beat_and_what_its_planner_said():
    desk = gathering()
    said = desk.decision("eyes")
    desk(said)

    outputs = desk.rejoin("eyes")

    told = restored(outputs)
    assert (told.beat, told.proposal, told.voted, told.decisions) == (desk.open_beat, None, False, (said.message,))
    assert outputs[0] == Install("eyes", 2, fallback=False)
    assert outputs[-1] == Arm("eyes", 2, 0, 0)


def test_who_owes_a_vote_is_told_the_round():
    desk = voting()

    outputs = desk.rejoin("eyes")

    told = restored(outputs)
    assert (told.round, told.voted) == (desk.on_table, False)
    assert told.proposal == desk.state.member("eyes").proposal
    assert outputs[-1] == Arm("eyes", 2, 0, 1)


@pytest.mark.parametrize("make", [gathering, voting])
def test_who_has_answered_owes_nothing_and_its_answer_stands(make):
    desk = make()
    desk.propose_all(("eyes",)) if make is gathering else desk(desk.vote("eyes", violation()))

    outputs = desk.rejoin("eyes")

    assert not [output for output in outputs if isinstance(output, Arm)]
    assert desk.state.member("eyes").answered
    assert restored(outputs).voted
    assert desk.state.member("eyes").violations == ((violation(),) if make is voting else ())


def test_the_votes_of_an_older_incarnation_count_but_it_may_not_vote_again():
    desk = voting()
    desk(desk.vote("eyes"))
    desk.rejoin("eyes")

    assert refuses(desk, desk.vote("eyes", incarnation=1), match=r"eyes\.1 speaks")
    desk.accept_all(("brows", "mouth", "head"))
    assert desk.state.phase == "auditing"
    desk.audit()
    assert desk.open_beat.beat == 1


@pytest.mark.parametrize("phase", OPEN)
def test_the_same_nonce_gives_one_incarnation(phase):
    desk = PHASES[phase]()
    desk.rejoin("eyes", "n1")

    assert desk.rejoin("eyes", "n1") == ()
    assert desk.state.member("eyes").incarnation == 2


def test_each_process_gets_an_incarnation_of_its_own():
    desk = voting()

    told = [restored(desk.rejoin("eyes", nonce)) for nonce in ("n1", "n2", "n3")]

    assert [(one.nonce, one.incarnation) for one in told] == [("n1", 2), ("n2", 3), ("n3", 4)]


def test_a_process_whose_incarnation_was_replaced_before_it_heard_of_it_is_let_in_again():
    desk = voting()
    desk.rejoin("eyes", "living")
    desk.rejoin("eyes", "dead")

    told = restored(desk.rejoin("eyes", "living"))

    assert (told.nonce, told.incarnation) == ("living", 4)


def test_the_deadline_brings_in_the_fallback_with_all_that_the_region_owed():
    desk = voting()

    outputs = desk.fire("mouth")

    passed, install, told, arm = outputs
    assert passed == Send((), DeadlinePassed(beat=0, region="mouth", incarnation=1, round=1))
    assert install == Install("mouth", 2, fallback=True)
    assert (told.message.holder, told.message.incarnation, told.message.voted) == ("fallback", 2, False)
    assert arm == Arm("mouth", 2, 0, 1)


def test_a_region_that_the_fallback_plays_waits_for_the_next_beat():
    desk = gathering()
    desk.fire("mouth")

    assert desk.rejoin("mouth", "back") == ()
    assert desk.rejoin("mouth", "back") == ()
    desk.propose_all()
    desk.accept_all()
    outputs = desk.audit()

    told = restored(outputs)
    assert (told.region, told.holder, told.nonce, told.incarnation) == ("mouth", "region", "back", 3)
    assert told.beat == desk.open_beat
    (opened,) = [output for output in outputs if kind(output) == "BeatOpened"]
    assert opened.to == ("brows", "eyes", "head")
    assert Arm("mouth", 3, 1, 0) in outputs


def test_a_region_gets_its_role_back_without_asking():
    desk = gathering()
    desk.fire("mouth")
    desk.propose_all()
    desk.accept_all()

    told = restored(desk.audit())

    assert (told.holder, told.nonce, told.incarnation) == ("region", "", 3)
    assert not desk.state.member("mouth").fallback


def test_a_process_let_in_that_lost_its_role_to_the_fallback_may_ask_again():
    desk = gathering()
    desk.rejoin("mouth", "slow")
    desk.fire("mouth")

    desk.rejoin("mouth", "slow")

    assert desk.state.member("mouth").pending == "slow"


@pytest.mark.parametrize("phase", ASKING)
def test_a_fallback_that_is_silent_too_ends_the_take(phase):
    desk = PHASES[phase]()
    desk.fire("head")

    outputs = desk.fire("head")

    (aborted,) = sent(outputs, Aborted)
    (ended,) = sent(outputs, TakeClosed)
    assert aborted.error == "neither head nor its fallback answered in time in beat 0"
    assert (ended.outcome, ended.beats, ended.timeline) == ("failed", 0, None)


@pytest.mark.parametrize(
    "changes", [{"incarnation": 9}, {"beat": 1}, {"round": 0}], ids=["another incarnation", "another beat", "another round"]
)
def test_a_deadline_for_what_is_no_longer_awaited_means_nothing(changes):
    desk = voting()
    before = desk.state

    assert desk.fire("brows", **changes) == ()
    assert desk.state == before


def test_a_deadline_after_the_answer_means_nothing():
    desk = voting()
    desk(desk.vote("brows"))

    assert desk.fire("brows") == ()
    assert not desk.state.member("brows").fallback


@pytest.mark.parametrize("phase", OPEN)
def test_a_take_can_be_stopped_at_any_time(phase):
    desk = PHASES[phase]()

    assert desk(Stop("enough")) == (Send(REGIONS, ending(desk, "stopped", "enough")),)


@pytest.mark.parametrize("phase", OPEN)
def test_an_internal_error_ends_the_take_and_is_named(phase):
    desk = PHASES[phase]()
    beat = desk.state.beat.beat if desk.state.beat else None

    assert desk(Broke("x" * 500)) == (
        Send(REGIONS, Aborted(beat=beat, error="x" * 400)),
        Send(REGIONS, ending(desk, "failed", "x" * 400)),
    )


def test_a_stopped_take_keeps_what_is_committed():
    desk = auditing()
    desk.audit()

    (ended,) = sent(desk(Stop("enough")), TakeClosed)

    assert (ended.beats, ended.timeline) == (1, digest([desk.state.committed[0][0]]))
