"""The coordinator's machine: takes that are rendered, and takes that are resumed."""

import pytest

from protocol.channels import REGIONS
from protocol.coordination import Arm, AskDirector, Audit, Install, MakeRuling, MergeBeat, Stop
from protocol.coordinator_state import COMMIT_AS_PROPOSED
from protocol.dispatch import FilmBroke, Filmed
from protocol.machine import LocalError, Send, kind
from protocol.messages import (
    Aborted,
    Committed,
    RoundOpened,
    TakeClosed,
    TakeResumed,
    digest,
)
from tests.desk import (
    ASKING,
    OPEN,
    OTHERS,
    PHASES,
    PLANNING,
    Desk,
    auditing,
    fallback_plays,
    gathering,
    refuses,
    rendering,
    voting,
)
from tests.filmed import film_opened
from tests.takes import SPAN, sent, track, violation


def of(outputs, *kinds):
    """The outputs of some kinds that are no messages."""
    return [output for output in outputs if isinstance(output, kinds)]


# ------------------------------------------------------------------------------------------------------------- frames


@pytest.mark.parametrize("phase", PLANNING)
def test_what_is_rendered_is_journaled_and_concerns_no_region(phase):
    desk = PHASES[phase]()

    assert desk.film() == (Send((), film_opened()),)
    assert desk.state.film == film_opened()
    assert desk.state.phase == phase


def test_a_commit_is_merged_once_it_is_announced():
    desk = auditing(film=True)
    tracks = desk.on_table.tracks

    outputs = desk.audit()

    assert [kind(output) for output in outputs][:3] == ["Committed", "MergeBeat", "BeatOpened"]
    assert of(outputs, MergeBeat) == [MergeBeat(0, 0.0, SPAN, tracks, ends=False)]


def test_the_last_commit_says_that_it_is_the_last_and_the_take_waits_for_its_frames():
    desk = auditing(film=True, beats=1)

    outputs = desk.audit()

    (merge,) = of(outputs, MergeBeat)
    assert merge.ends
    assert sent(outputs, TakeClosed) == []
    assert desk.state.phase == "rendering"


def test_a_ruling_is_merged_as_it_was_ruled():
    desk = voting(film=True, rounds=1)
    desk(desk.vote("brows", violation()))
    desk.accept_all(OTHERS)
    shapes = (track("brows", 0.1), *desk.state.tracks[1:])

    (merge,) = of(desk.rule(*shapes), MergeBeat)

    assert merge.tracks == shapes


def test_a_take_that_is_not_rendered_merges_nothing():
    assert of(auditing().audit(), MergeBeat) == []


def test_the_take_is_done_when_its_frames_are():
    desk = rendering()

    (closed,) = sent(desk(Filmed()), TakeClosed)

    assert closed == TakeClosed(outcome="done", reason="", beats=1, timeline=digest([desk.state.committed[0][0]]))


@pytest.mark.parametrize("phase", OPEN)
def test_a_take_whose_video_cannot_be_finished_fails_and_says_why_whatever_it_is_doing(phase):
    desk = PHASES[phase](film=True)

    outputs = desk(FilmBroke("frames 0 to 6 could not be rendered"))

    (closed,) = sent(outputs, TakeClosed)
    assert (closed.outcome, closed.reason) == ("failed", "frames 0 to 6 could not be rendered")
    assert sent(outputs, Aborted) == [], "no beat is to blame"


def test_frames_are_done_only_after_the_last_commit():
    for phase in PLANNING:
        assert refuses(PHASES[phase](film=True), Filmed(), LocalError)


def test_regions_are_let_in_while_frames_are_rendered_and_owe_nothing():
    desk = rendering()

    outputs = desk.rejoin("eyes")

    assert [kind(output) for output in outputs] == ["Install", "Restored"]
    assert outputs[1].message.voted


# ---------------------------------------------------------------------------------------------------------- resuming


def resumed(phase, *, ended=False) -> tuple[Desk, tuple]:
    """A take with a fallback in it and, where there can be one, a commit, that goes on; and what that gives."""
    desk = fallback_plays(Desk(), phase)
    if ended:
        desk(Stop("enough"))
    return desk, desk.resume()


@pytest.mark.parametrize("phase", OPEN)
def test_a_take_goes_on_where_it_was(phase):
    before = fallback_plays(Desk(), phase).state

    after = resumed(phase)[0].state

    assert (after.phase, after.closed_in) == (phase, "")
    assert (after.committed, after.round, after.beat, after.brief) == (
        before.committed,
        before.round,
        before.beat,
        before.brief,
    )
    for one, other in zip(after.members, before.members, strict=True):
        assert (one.proposal, one.answered, one.violations, one.decisions) == (
            other.proposal,
            other.answered,
            other.violations,
            other.decisions,
        )


@pytest.mark.parametrize("phase", OPEN)
def test_a_take_that_ended_before_it_was_done_goes_on_like_one_that_was_cut_off(phase):
    cut, of_cut = resumed(phase)
    ended, of_ended = resumed(phase, ended=True)

    assert ended.state == cut.state
    assert of_ended == of_cut


@pytest.mark.parametrize("phase", OPEN)
@pytest.mark.parametrize("how", [FilmBroke("no space left"), Stop("enough")], ids=["failed", "stopped"])
def test_a_take_may_end_and_go_on_again_and_again(phase, how):
    desk = fallback_plays(Desk(), phase)

    for _ in range(3):
        desk(how)
        desk.resume()

    assert desk.state.phase == phase


@pytest.mark.parametrize("phase", OPEN)
def test_that_it_goes_on_comes_first_and_names_the_software(phase):
    _, (first, *_) = resumed(phase)

    assert first == Send((), TakeResumed(versions={"python": "3.12"}))


def test_a_take_that_is_done_does_not_go_on():
    desk = auditing(beats=1)
    desk.audit()

    with pytest.raises(LocalError, match="Resume is not allowed in phase closed"):
        desk.resume()


def test_a_take_that_never_began_does_not_go_on():
    with pytest.raises(LocalError):
        Desk().resume()


def test_the_director_is_asked_again():
    desk, (_, asked) = resumed("directing")

    assert asked == AskDirector(desk.opening)
    assert kind(desk.brief()[1]) == "BeatOpened"


def test_a_vector_that_was_being_audited_is_audited_again():
    desk, outputs = resumed("auditing")

    assert of(outputs, Audit) == [Audit(desk.open_beat, desk.on_table.vector, desk.on_table.tracks)]
    on_table = desk.on_table.vector
    (committed,) = sent(desk.audit(), Committed)
    assert (committed.beat, committed.vector) == (1, on_table)


def test_a_ruling_that_was_being_made_is_made_again():
    desk, outputs = resumed("ruling")

    assert of(outputs, MakeRuling) == [MakeRuling(desk.open_beat, desk.state.tracks)]


def test_what_audits_found_and_votes_raised_is_not_lost():
    desk = voting()
    desk(desk.vote("brows", violation()))
    desk.resume()

    (opened,) = sent(desk.accept_all(OTHERS), RoundOpened)

    assert [objection.by for objection in opened.objections] == ["brows"]


@pytest.mark.parametrize("phase", ASKING)
def test_who_still_owes_an_answer_has_a_new_deadline(phase):
    desk = PHASES[phase]()
    desk.propose_all(("eyes",)) if phase == "gathering" else desk(desk.vote("eyes"))

    armed = of(desk.resume(), Arm)

    assert armed == [Arm(region, 1, 0, desk.round) for region in ("brows", "mouth", "head")]


@pytest.mark.parametrize("phase", [phase for phase in OPEN if phase != "directing"])
def test_a_fallback_begins_anew_under_its_own_incarnation(phase):
    desk, outputs = resumed(phase)

    assert of(outputs, Install) == [Install("head", 3, fallback=True)]
    (told,) = [output.message for output in outputs if kind(output) == "Restored"]
    assert (told.holder, told.incarnation, told.nonce) == ("fallback", 3, "")
    assert told.beat == (None if phase == "rendering" else desk.open_beat)  # the last beat is decided by then


def test_the_fallback_of_before_is_not_heard_any_more():
    desk, _ = resumed("voting")

    assert refuses(desk, desk.vote("head", incarnation=2))


def test_a_process_that_waited_for_the_next_beat_waits_no_more():
    """It is gone like all others; a new one asks under a nonce of its own."""
    desk = fallback_plays(Desk(beats=3), "gathering")
    desk.rejoin("head", "old")
    desk.resume()
    assert desk.state.member("head").pending == ""
    desk.rejoin("head", "new")
    desk.propose_all()
    desk.accept_all()

    (told,) = [output.message for output in desk.audit() if kind(output) == "Restored"]

    assert (told.holder, told.nonce, told.incarnation) == ("region", "new", 4)


@pytest.mark.parametrize("region", REGIONS)
def test_the_new_process_of_a_region_is_let_in_and_told_what_it_owes(region):
    desk = voting()
    desk.resume()

    outputs = desk.rejoin(region, "again-1")

    (told,) = [output.message for output in outputs if kind(output) == "Restored"]
    assert (told.incarnation, told.holder, told.round, told.voted) == (2, "region", desk.on_table, False)
    assert outputs[-1] == Arm(region, 2, 0, 1)


@pytest.mark.parametrize("phase", [phase for phase in OPEN if phase != "directing"])
def test_every_commit_is_merged_again(phase):
    desk, outputs = resumed(phase)

    merged = of(outputs, MergeBeat)

    assert [merge.beat for merge in merged] == list(range(len(desk.state.committed)))
    assert [merge.tracks for merge in merged] == [tracks for _, tracks in desk.state.committed]
    assert [merge.ends for merge in merged] == [False] + [True] * (len(merged) - 1)


def test_a_take_that_was_not_rendered_may_be_from_now_on():
    """It was cut off before it was said what is rendered."""
    desk = Desk()
    desk.start()
    desk.resume()

    assert desk.film() == (Send((), film_opened()),)


def test_first_proposals_that_are_committed_as_they_are_are_audited_again():
    desk = gathering(flags=(COMMIT_AS_PROPOSED,))
    (asked,) = desk.propose_all()

    assert of(desk.resume(), Audit) == [asked]
