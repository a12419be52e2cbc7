"""Takes that are resumed, wherever they were cut off: what is agreed on and what is rendered is what it would have been.

A take is cut off after each of its records, as a crash would do it, and goes on from its journal with new processes. The result
is compared, keyframe by keyframe and frame by frame, with the take that nothing disturbed; its journal passes every check.
"""

import numpy as np
import pytest

from protocol.channels import REGIONS
from protocol.journal import JournalError
from protocol.link import Envelope
from protocol.messages import BeatOpened, Committed, Decided, FilmOpened, RoundOpened, TakeClosed, TakeResumed
from protocol.replay import fold
from runtime.inline import Crash, FaultyNetwork
from tests.filmed import Ran, Reel, meeting, play
from tests.recorded import BrokenDirector, Silent, SilentJudge, Stubborn, checked, places, recorded, said, stopped_after
from tests.takes import disagreements, tiny_tables, unjustified_commits
from tests.thinned import thinned

EVERY = pytest.mark.parametrize("every", [11, pytest.param(1, marks=pytest.mark.slow)])
"""Of so many records one, after which a take is cut off: all of them take minutes together."""


@pytest.fixture(scope="module")
def calm() -> Ran:
    """A take that nothing disturbs."""
    told = play()
    assert told.closed.outcome == "done"
    assert len(told.reel.frames) == 60
    return told


def ends(records) -> bool:
    """Whether there is nothing to resume: the take is done."""
    last = records[-1].message
    return isinstance(last, TakeClosed) and last.outcome == "done"


def is_as_it_would_have_been(told: Ran, calm: Ran) -> bool:
    """Whether a take came to the end of the undisturbed one, and its journal passes every check."""
    closed = told.records[-1].message
    assert isinstance(closed, TakeClosed)
    assert (closed.outcome, closed.timeline is not None) == ("done", True)
    assert told.timeline == calm.timeline
    assert [tracks for _, tracks in told.state.committed] == [tracks for _, tracks in calm.state.committed]
    assert np.array_equal(told.reel.frames, calm.reel.frames)
    found = checked(told.records, told.tables.constraints)
    assert (found.monitor, found.history, found.replay) == ((), (), ())
    assert unjustified_commits(told.records) == []
    assert disagreements(told) == []
    return True


def cut_everywhere(told: Ran, calm: Ran, every: int = 1, **how) -> int:
    """Resume a take after each of its records; how often."""
    count = 0
    for length in range(1, len(told.records) + 1, every):
        if not ends(told.records[:length]):
            assert is_as_it_would_have_been(play(told.records[:length], **how), calm), f"cut off after record {length}"
            count += 1
    return count


# ------------------------------------------------------------------------------------------------------ at every record


@EVERY
def test_a_take_can_be_resumed_after_any_of_its_records(calm, every):
    assert cut_everywhere(calm, calm, every) == -(-(len(calm.records) - 1) // every)


@EVERY
def test_so_can_one_that_is_not_rendered(every):
    plan = play(film=False)

    assert cut_everywhere(plan, plan, every, film=False) == -(-(len(plan.records) - 1) // every)


@EVERY
def test_so_can_one_that_was_resumed_before(calm, every):
    first = play(calm.records[:30])

    assert cut_everywhere(first, calm, every)


@EVERY
@pytest.mark.parametrize("region", REGIONS)
def test_so_can_one_in_which_a_fallback_plays(region, every):
    told = play(agents={region: Silent})

    assert cut_everywhere(told, told, 3 * every, agents={region: Silent})


@EVERY
@pytest.mark.parametrize("agent", [SilentJudge, Stubborn])
def test_so_can_one_in_which_a_region_does_not_vote_or_does_not_yield(agent, every):
    told = play(agents={"brows": agent})

    assert cut_everywhere(told, told, 3 * every, agents={"brows": agent})


@EVERY
def test_a_region_that_was_silent_may_be_well_again(every):
    told = play(agents={"eyes": Silent})

    assert cut_everywhere(told, told, 2 * every)


@pytest.mark.parametrize("seed", thinned(range(4), 2))
def test_crashes_and_a_bad_network_change_nothing(calm, seed):
    def faults(seed):
        region = REGIONS[seed % 4]
        return {"network": FaultyNetwork(seed, 0.3, 0.3, 2.0), "crashes": (Crash(region, 2 + seed % 3),)}

    told = play(**faults(seed))

    assert cut_everywhere(told, calm, every=23, **faults(seed + 1))


class LateHello:
    """A network on which a region's new process is heard late."""

    def __init__(self, region: str) -> None:
        self._region = region

    def arrivals(self, envelope: Envelope) -> tuple[float, ...]:
        """One copy, the first word of the region after half a second."""
        return (0.5 if envelope.sender == self._region and envelope.epoch == 0 else 0.0,)


@pytest.mark.parametrize("region", REGIONS)
def test_a_region_that_has_answered_may_come_back_when_the_others_are_further(calm, region):
    """What goes to the region meanwhile reaches nobody; it is told everything when it is let in."""
    assert cut_everywhere(calm, calm, every=17, network=LateHello(region))


@pytest.mark.parametrize(
    "fates",
    [{(3, 1): "dies"}, {(4, 1): "failed", (4, 2): "failed"}, {(5, 1): "lost"}, {"renderer-1": "failed"}],
    ids=["a renderer dies", "a chunk fails", "frames are lost", "a renderer does nothing right"],
)
def test_renderers_may_fail_before_and_after(calm, fates):
    told = play(fate=meeting(fates))

    assert cut_everywhere(told, calm, every=13, fate=meeting(fates))


# ----------------------------------------------------------------------------------------- takes that ended too early


@pytest.mark.parametrize("events", [0, 5, 14, 30, 60, 80, 105])
def test_a_stopped_take_goes_on_where_it_was(calm, events):
    told = play(stopped=stopped_after(events))
    closed = told.records[-1].message
    assert isinstance(closed, TakeClosed)
    assert closed.outcome == "stopped"

    assert is_as_it_would_have_been(play(told.records), calm)


@pytest.mark.parametrize(
    "how",
    [
        {"director": BrokenDirector()},
        {"agents": {"mouth": Silent}, "fallbacks": Silent},
        {"reel": Reel(3)},
        {"fate": meeting({4: "failed"})},
        {"fate": meeting({9: "dies"})},
    ],
    ids=["no brief", "nobody plays the mouth", "a full disk", "a chunk that cannot be rendered", "a chunk that kills"],
)
def test_a_failed_take_goes_on_where_it_was_once_the_reason_is_gone(calm, how):
    told = play(**how)
    closed = told.records[-1].message
    assert isinstance(closed, TakeClosed)
    assert closed.outcome == "failed"

    assert is_as_it_would_have_been(play(told.records), calm)


def test_a_take_that_fails_again_says_so_again():
    told = play(play(fate=meeting({4: "failed"})).records, fate=meeting({4: "failed"}))

    assert [record.message.outcome for record in told.records if isinstance(record.message, TakeClosed)] == ["failed"] * 2
    assert checked(told.records).codes == []


def test_nothing_is_agreed_on_or_asked_twice(calm):
    """What was decided before the cut stands: it is in the journal once."""
    for length in range(1, len(calm.records), 7):
        told = play(calm.records[:length])
        for kind, key in (
            (Committed, lambda m: m.beat),
            (BeatOpened, lambda m: m.beat),
            (RoundOpened, lambda m: (m.beat, m.round)),
            (Decided, lambda m: (m.beat, m.role, m.round)),
            (FilmOpened, lambda m: m.renderer),
        ):
            known = [key(message) for message in told.all(kind)]
            assert len(known) == len(set(known)), (length, kind.__name__)


def test_all_frames_are_rendered_again_when_only_the_end_is_missing(calm):
    """The video appears when the take is done; one that was cut off before is gone."""
    told = play(calm.records[:-1])

    assert np.array_equal(told.reel.frames, calm.reel.frames)
    assert isinstance(told.records[len(calm.records) - 1].message, TakeResumed)


def test_a_plan_of_which_only_the_end_is_missing_ends():
    plan = play(film=False)

    told = play(plan.records[:-1], film=False)

    assert [record.message for record in told.records] == [record.message for record in plan.records]
    assert checked(told.records).codes == []


# ------------------------------------------------------------------------------------------------------------- folding


def test_a_fold_is_the_coordinators_state_when_the_take_was_cut_off():
    for name in ("rendered", "resumed with a fallback", "a chunk is given up"):
        told = recorded(name)
        folded = fold(told.records, told.tables.constraints)
        assert (folded.coordinator, folded.due) == (told.state, ())


def test_what_the_coordinator_was_about_to_say_is_due():
    records = recorded("undisturbed").records
    place = places(records, Committed)[0]

    folded = fold(records[: place + 1], tiny_tables().constraints)

    assert [type(message) for message in folded.due] == [BeatOpened]
    assert folded.due[0] == records[place + 1].message


def test_a_journal_that_this_version_cannot_follow_is_refused_with_the_place():
    records = recorded("undisturbed").records
    place = places(records, RoundOpened)[1]

    with pytest.raises(JournalError, match=f"record {place + 1}: RoundOpened differs"):
        fold(said(records, place, objections=()), tiny_tables().constraints)
