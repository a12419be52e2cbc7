"""Revisions: what a note does not touch stays as it was, byte for byte, and what it touches leads back into it."""

from __future__ import annotations

import io

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from pydantic import ValidationError

from agents.director.revision import on_frames
from agents.keeping import _from
from protocol.brief import Act, Beat, Brief, Limit, Origin
from protocol.channels import CHANNELS, INDEX, NAMES, REGIONS
from protocol.journal import JournalWriter, read_journal
from protocol.keyframes import Curve, exact, key
from protocol.messages import Decided, Parent, TakeOpened, digest
from protocol.monitor import monitor
from protocol.replay import fold, replay
from protocol.timeline import Timeline, sample
from protocol.wire import decode, encode
from runtime.inline import InlineBase
from runtime.loading import Loaded
from runtime.take import Past, TakeResult, Watch, revising, run_take
from tests.noting import acted, inserted, limited, longer, noting, revised, rows, same, steps
from tests.takes import run

DIRECTION = "She smiles, then frowns, then turns her head to the left, and finally looks down."
ALL = [True] * len(REGIONS)


@pytest.fixture(scope="module")
def tables(loaded: Loaded) -> Loaded:
    return loaded


@pytest.fixture(scope="module")
def parent() -> TakeResult:
    """A take of four beats at 25 frames per second."""
    result, _ = run(DIRECTION, fps=Fraction(25), seconds=6.0, seed=3)
    assert result.brief is not None
    assert len(beats_of(result)) == 4
    return result


@pytest.fixture(scope="module")
def held(parent, tables) -> TakeResult:
    """The same with its second beat held half a second longer."""
    return revised(parent, tables, lambda brief: longer(brief, 1, 0.5))


def opening_of(result: TakeResult) -> TakeOpened:
    message = result.records[0].message
    assert isinstance(message, TakeOpened)
    return message


def timeline_of(result: TakeResult) -> Timeline:
    assert result.timeline is not None
    return result.timeline


def beats_of(result: TakeResult) -> tuple[Beat, ...]:
    assert result.brief is not None
    return result.brief.beats


def parent_in(result: TakeResult) -> Parent:
    parent = opening_of(result).parent
    assert parent is not None
    return parent


def new_rows(parent: TakeResult, child: TakeResult) -> list[int]:
    """The frames of a revision whose rows the parent does not have."""
    known = set(rows(parent.timeline))
    return [number for number, row in enumerate(rows(child.timeline)) if row not in known]


# ------------------------------------------------------------------------------------------------------------ what stays


def test_beats_that_are_not_touched_keep_their_tracks_wherever_they_move_to(parent, held):
    kept = same(parent, held)
    assert kept[0] == ALL
    assert kept[2:] == [ALL, ALL]
    assert beats_of(held)[2].start > beats_of(parent)[2].start
    digests = [[digest(track) for track in beat.tracks] for beat in timeline_of(held).beats]
    assert digests[3] == [digest(track) for track in timeline_of(parent).beats[3].tracks]


def test_a_beat_that_is_held_differs_only_in_what_there_is_more_of_it(parent, held):
    more = timeline_of(held).seconds - timeline_of(parent).seconds
    assert more == pytest.approx(0.48)  # half a second, on whole frames
    assert len(new_rows(parent, held)) == 12


def test_a_revision_that_changes_nothing_is_the_same_take_again(parent, tables):
    again = revised(parent, tables, lambda brief: longer(brief, 0, 0.0))
    assert same(parent, again) == [ALL] * 4
    assert rows(again.timeline) == rows(parent.timeline)


def test_regions_of_which_the_same_is_asked_keep_their_tracks_in_a_touched_beat(parent, tables):
    def stronger(act: Act) -> Act:
        return act.model_copy(update={"strength": 1.5})

    child = revised(parent, tables, lambda brief: acted(brief, "smile", stronger))
    kept = dict(zip(REGIONS, same(parent, child)[0], strict=True))
    assert (kept["brows"], kept["head"], kept["mouth"]) == (True, True, False)
    smiles = [max(curve.keys, key=lambda k: k.value).value for curve in (_smile(parent), _smile(child))]
    assert smiles[1] > smiles[0] + 0.1


def _smile(result: TakeResult) -> Curve:
    return timeline_of(result).beats[0].tracks[REGIONS.index("mouth")].curve("mouthSmileLeft")


def test_after_a_touched_beat_the_take_comes_back_to_what_it_was(parent, tables):
    """A stronger smile leaves the next beat more to let go of, and that has caught up before it is over."""
    child = revised(parent, tables, lambda brief: acted(brief, "smile", lambda act: act.model_copy(update={"strength": 1.5})))
    kept = same(parent, child)
    assert kept[1] != ALL
    assert kept[2:] == [ALL, ALL]
    assert max(new_rows(parent, child)) / 25 < beats_of(parent)[2].start


def test_beats_around_a_new_one_stay_as_they_were(parent, tables):
    child = revised(parent, tables, lambda brief: inserted(brief, 1, 0.8))
    assert beats_of(child)[1].origin is None
    kept = same(parent, child)
    assert kept[0] == ALL
    assert kept[3:] == [ALL, ALL]
    assert beats_of(child)[3].start == pytest.approx(beats_of(parent)[2].start + 0.8)


def test_what_may_not_be_done_any_more_holds_for_idle_motion_too(parent, tables):
    start, end = 0.0, exact(beats_of(parent)[0].end)
    lids = ("eyeBlinkLeft", "eyeBlinkRight")
    blinks = sample(timeline_of(parent), Fraction(25))[INDEX[lids[0]], : int(end * 25)]
    assert blinks.max() > 0.5, "the parent has to blink for this to say anything"
    child = revised(parent, tables, lambda brief: limited(brief, 0, Limit(channels=lids, most=0.2, start=start, end=end)))
    assert sample(timeline_of(child), Fraction(25))[INDEX[lids[0]], : int(end * 25)].max() < 0.21
    assert same(parent, child)[0] == [True, False, True, True]
    assert same(parent, child)[2:] == [ALL, ALL]


def test_what_was_not_done_anyway_may_be_forbidden_without_a_change(parent, tables):
    limit = Limit(channels=("tongueOut",), most=0.1, start=0.0, end=0.5)
    assert same(parent, revised(parent, tables, lambda brief: limited(brief, 0, limit))) == [ALL] * 4


# ------------------------------------------------------------------------------------------------------------ how it looks


@pytest.mark.parametrize("note", [lambda brief: longer(brief, 1, 0.5), lambda brief: longer(brief, 2, -0.3)])
def test_nothing_jumps_where_old_and_new_meet(parent, tables, note: Callable[[Brief], object]):
    """No channel goes faster than it does somewhere in the parent, but for what idle motion adds."""
    child = revised(parent, tables, note)  # type: ignore[arg-type]
    fastest, before = steps(child).max(axis=1), steps(parent).max(axis=1)
    slack = np.array([{"share": 0.02, "degree": 0.8, "cm": 0.05}[CHANNELS[name].unit] for name in NAMES])
    assert [name for name, now, was, more in zip(NAMES, fastest, before, slack, strict=True) if now > was + more] == []


@pytest.mark.parametrize("number", range(4))
def test_a_beat_may_be_longer_by_less_than_a_frame_of_judgement(parent, tables, number):
    """A take of another length has its beats moved to whole frames."""
    child = revised(parent, tables, lambda brief: longer(brief, number, 0.0042))
    assert child.closed.outcome == "done"


def test_a_curve_that_is_held_goes_on_from_a_keyframe_that_is_there():
    keys = (key(0.0, 0.2, "hold"), key(0.6, 0.2, "linear"), key(1.0, 0.0, "hold"))
    curve = Curve(channel="eyeWideRight", keys=keys)
    assert [k.time for k in _from(curve, 0.6)] == [0.6, 1.0]
    assert [k.time for k in _from(curve, 0.5)] == [0.5, 0.6, 1.0]


def test_every_hard_constraint_holds_across_all_beats(held, tables):
    for rate in (25, 60, 120):
        assert tables.tables.constraints.verify(sample(timeline_of(held), Fraction(rate)), rate) == []


# ------------------------------------------------------------------------------------------------------------- its journal


def test_the_parent_is_named_with_all_that_is_needed_of_it(parent, held):
    opened = opening_of(held)
    assert opened.parent is not None
    assert opened.parent.take == opening_of(parent).take
    assert opened.parent.timeline == parent.closed.timeline
    assert opened.directions == (DIRECTION, "otherwise")
    assert [beat.tracks for beat in timeline_of(parent).beats] == list(opened.parent.tracks)
    assert (opened.seed, opened.fps, opened.seconds) == (3, "25", 6.0)
    assert decode(encode(opened)) == opened


def test_a_revision_has_an_id_of_its_own(parent, held, tables):
    state = fold(parent.records, tables.tables.constraints).coordinator
    ids = {revising(opening_of(parent), state, note, tables).take for note in ("one", "another")}
    assert len(ids | {opening_of(parent).take, opening_of(held).take}) == 4


def test_its_journal_is_replayed_without_the_parent(held, tables):
    assert monitor(held.records) == []
    assert replay(held.records, tables.tables.constraints).findings == []


def test_a_revision_can_be_revised(parent, held, tables):
    child = revised(held, tables, lambda brief: longer(brief, 3, 0.4), "again")
    assert opening_of(child).directions == (DIRECTION, "otherwise", "again")
    assert parent_in(child).take == opening_of(held).take
    assert all(beat.origin is None for beat in parent_in(child).brief.beats)
    assert same(held, child)[:3] == [ALL] * 3


@pytest.mark.parametrize("length", [1, 12, 30])
def test_one_that_was_cut_off_goes_on_to_the_same_end(held, tables, length):
    """From its journal alone, also before the director has been asked: then the note is read again."""
    records = held.records[:length]
    stream = io.BytesIO()
    writer = JournalWriter(stream, lambda: None)
    for record in records:
        writer.append(record)
    past = Past(records, fold(records, tables.tables.constraints))
    again = run_take(
        opening_of(held),
        noting(tables, lambda brief: longer(brief, 1, 0.5)),
        writer,
        InlineBase(),
        Watch(lambda: 0.0),
        past=past,
    )
    writer.close()
    assert again.timeline == held.timeline
    assert len([record for record in again.records if isinstance(record.message, Decided) and record.message.beat is None]) == 1
    assert read_journal(io.BytesIO(stream.getvalue())).closed


def test_everybody_keeps_the_same_on_every_try(parent, held, tables):
    assert revised(parent, tables, lambda brief: longer(brief, 1, 0.5)).records == held.records


# -------------------------------------------------------------------------------------------------------- its parts alone


def brief_of(*lengths: float, acts: tuple[Act, ...] = ()) -> Brief:
    beats, at = [], 0.0
    for length in lengths:
        beats.append(Beat(start=at, end=exact(at + length), summary="", acts=acts))
        at = exact(at + length)
    return Brief(beats=tuple(beats))


@pytest.mark.parametrize(
    ("fps", "grid"),
    [("25", 400), ("24", 1250), ("30", 1000), ("60", 500), ("50", 200), ("12", 2500), ("30000/1001", 1001)],
    ids=str,
)
def test_beats_move_by_whole_frames(fps, grid):
    parent, child = brief_of(1.0123, 2.0, 1.5), brief_of(1.5678, 2.3333, 1.5)
    fitted = on_frames(parent, child, (0, 1, 2), Fraction(fps))
    for before, after, wanted in zip(parent.beats, fitted.beats, child.beats, strict=True):
        assert round((after.start - before.start) * 10_000) % grid == 0
        assert after.start == pytest.approx(wanted.start, abs=grid / 10_000)
    assert fitted.beats[2].end - fitted.beats[2].start == pytest.approx(1.5)


def test_acts_end_with_their_beat_and_go_on_with_it():
    held = Act(name="smile", start=0.2, end=1.55)
    parent = brief_of(1.0, 1.0)
    child = Brief(
        beats=(
            Beat(start=0.0, end=1.55, summary="", acts=(held,)),
            Beat(start=1.55, end=2.55, summary="", acts=(held.model_copy(update={"start": -1.35, "end": 0.4}),)),
        )
    )
    fitted = on_frames(parent, child, (0, 1), Fraction(25))
    assert fitted.beats[0].end == 1.56
    assert fitted.beats[0].acts[0].end == 1.56
    assert (fitted.beats[1].acts[0].start, fitted.beats[1].acts[0].end) == (-1.36, 0.4)


def test_rates_that_times_do_not_meet_leave_beats_as_they_are():
    child = brief_of(1.5678, 2.0)
    assert on_frames(brief_of(1.0, 2.0), child, (0, 1), Fraction(24000, 1001)) == child


def test_what_lasts_less_than_is_taken_away_leaves_the_brief_as_it_is():
    act = Act(name="blink", start=1.0195, end=1.02)
    child = Brief(
        beats=(Beat(start=0.0, end=1.02, summary="", acts=(act,)), Beat(start=1.02, end=2.02, summary="")),
    )
    fitted = on_frames(brief_of(1.0, 1.0), child, (0, 1), Fraction(25))
    assert fitted == child or fitted.beats[1].start in (1.0, 1.04)


def test_regions_of_an_origin_stand_in_order():
    assert Origin(beat=0, same=("brows", "head")).same == ("brows", "head")
    with pytest.raises(ValidationError, match="in the order"):
        Origin(beat=0, same=("head", "brows"))
    with pytest.raises(ValidationError, match="in the order"):
        Origin(beat=0, same=("head", "head"))


def test_a_parent_has_tracks_for_all_its_beats_and_no_parent_of_its_own(held):
    parent = parent_in(held)
    with pytest.raises(ValidationError, match="4 beats were understood and 3 committed"):
        Parent(**{**dict(parent), "tracks": parent.tracks[:3]})
    with pytest.raises(ValidationError, match="no origins"):
        Parent(**{**dict(parent), "brief": held.brief})
    with pytest.raises(ValidationError, match="in this order"):
        Parent(**{**dict(parent), "tracks": tuple(tracks[::-1] for tracks in parent.tracks)})


def test_a_brief_that_refers_to_a_beat_that_is_not_there_ends_the_take_and_says_so(parent, tables):
    def beyond(brief: Brief):
        noted = longer(brief, 1, 0.0)
        return replace(noted, origin=(0, 1, 2, 9))

    child = revised(parent, tables, beyond)
    assert child.closed.outcome == "failed"
    assert "director" in child.closed.reason
