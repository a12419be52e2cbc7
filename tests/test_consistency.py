"""The committed motion of a journal, and what it breaks of the hard constraints."""

from __future__ import annotations

from fractions import Fraction

import pytest

from protocol.consistency import committed_timeline, consistency
from protocol.keyframes import Curve, Track
from protocol.messages import Committed, Proposed, RoundOpened, Ruled
from protocol.timeline import CommittedBeat, Timeline
from tests.recorded import RUNS, places, recorded, without
from tests.takes import run
from tests.tracks import CONSTRAINTS, tracks

RATES = [Fraction(24), Fraction(30000, 1001), Fraction(60), Fraction(120)]


def _timeline(*beats: tuple[Track, ...], seconds: float = 1.0) -> Timeline:
    placed = [CommittedBeat(start=n * seconds, end=(n + 1) * seconds, tracks=each) for n, each in enumerate(beats)]
    return Timeline(beats=tuple(placed))


@pytest.mark.parametrize("name", RUNS)
def test_the_commits_of_a_journal_give_the_timeline_of_the_take(name):
    told = recorded(name)
    assert committed_timeline(told.records) == told.timeline


def test_what_was_ruled_is_what_is_on_the_timeline():
    told = recorded("a region is stubborn")
    ruled = next(record.message for record in told.records if isinstance(record.message, Ruled))
    timeline = committed_timeline(told.records)
    assert timeline is not None
    assert timeline.beats[0].tracks == ruled.tracks


def test_no_commit_no_timeline():
    told = recorded("the director fails")
    assert not places(told.records, Committed)
    assert committed_timeline(told.records) is None


def test_a_commit_of_tracks_that_the_journal_lacks_gives_no_timeline():
    records = recorded("without negotiation").records
    assert not places(records, RoundOpened)
    assert committed_timeline(without(records, places(records, Proposed)[0])) is None


@pytest.mark.parametrize("direction", ["She smiles warmly.", "He looks up, then nods twice."])
def test_what_the_regions_agree_on_breaks_nothing_at_any_rate(direction):
    result, _ = run(direction)
    assert result.timeline is not None
    assert consistency(result.timeline, CONSTRAINTS, RATES) == []


def test_a_big_smile_without_its_cheeks_is_found_at_every_rate():
    stiff = _timeline(tracks({"mouthSmile": ((0.0, 0.0), (0.5, 0.9))}))
    findings = consistency(stiff, CONSTRAINTS, RATES)
    assert {f.code for f in findings} == {"C01"}
    found = [f.text for f in findings if f.text.startswith("big-smile-lifts-cheek")]
    assert {text.partition(" at ")[2].partition(" frames")[0] for text in found} == {str(rate) for rate in RATES}
    assert all("cheekSquint" in text and "bound" in text for text in found)
    assert all(f.seq == 0 for f in findings), "it is a fault of the take as a whole"


def test_a_jump_from_one_beat_to_the_next_is_found():
    """Each beat by itself is at rest; the head is elsewhere in the second."""
    apart = _timeline(tracks({}), tracks({"headYaw": 20.0}))
    names = {f.text.split()[0] for f in consistency(apart, CONSTRAINTS, [Fraction(60)])}
    assert "head-speed" in names
    assert consistency(_timeline(tracks({}), tracks({})), CONSTRAINTS, [Fraction(60)]) == []


def test_a_value_outside_its_range_is_found():
    """Such a curve cannot be made, but it can be written into a file."""
    still = tracks({})
    mouth = still[2]
    curve = mouth.curve("jawOpen")
    wide = Curve.model_construct(channel="jawOpen", keys=(curve.keys[0].model_copy(update={"value": 1.5}),))
    curves = tuple(wide if one.channel == "jawOpen" else one for one in mouth.curves)
    broken = (*still[:2], mouth.model_copy(update={"curves": curves}), still[3])
    (beat,) = _timeline(still).beats
    timeline = Timeline.model_construct(beats=(beat.model_copy(update={"tracks": broken}),))
    assert any("jawOpen" in f.text for f in consistency(timeline, CONSTRAINTS, [Fraction(30)]))
