"""Briefs tile their take, whatever the direction; lengths, colouring and freezes."""

from __future__ import annotations

import pytest

from hypothesis import given
from hypothesis import strategies as st

from agents.director.lexicon import LexiconPlanner
from protocol.keyframes import exact
from tests.directing import LEXICON, PLANNER

SAID = """she he smiles frowns then , . and while before after nods twice slowly suddenly opens closes eyes mouth her his left
    right eyebrow raises head turns looks up down at the camera for two seconds 3s at 0:02 without moving freezes is sad
    happy not fades back to neutral a flash of anger ; ... laughs until them it first finally surprised""".split()


@given(st.lists(st.sampled_from(SAID), max_size=40).map(" ".join), st.sampled_from([None, 0.5, 1.0, 3.0, 7.25, 20.0]))
def test_every_direction_gives_beats_that_tile_the_take(text: str, seconds: float | None) -> None:
    brief = PLANNER.plan(text, seconds)
    assert brief.seconds == seconds or (seconds is None and 3 <= brief.seconds <= 20)
    for beat in brief.beats:
        assert len(brief.beats) == 1 or beat.end - beat.start >= 0.5 - 1e-9
        for act in beat.acts:
            assert act.start < beat.end - beat.start
            assert act.end > 0
        spans = [(limit.start, limit.end) for limit in beat.limits] + [(still.start, still.end) for still in beat.stills]
        for start, end in spans:
            assert 0 <= start < end <= exact(beat.end - beat.start)


@given(st.text(max_size=120))
def test_any_text_can_be_planned(text: str) -> None:
    assert PLANNER.plan(text, 4.0).seconds == 4.0


def test_planning_is_deterministic() -> None:
    text = "He waits, bored. Suddenly his eyes widen; he looks to his left and breaks into a grin."
    assert (
        PLANNER.plan(text, 10.0).model_dump_json() == LexiconPlanner(LEXICON, LEXICON.states).plan(text, 10.0).model_dump_json()
    )


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("She winks.", 3, 3),
        ("She yawns, then sighs, then takes a deep breath, then laughs.", 9, 20),
        ("After eight seconds he smiles.", 9, 12),
        ("He smiles for six seconds.", 6, 8),
        ("Rest.", 3, 3),
    ],
)
def test_a_take_without_a_length_gets_what_it_needs(text: str, low: float, high: float) -> None:
    assert low <= PLANNER.plan(text, None).seconds <= high


def test_a_direction_with_nothing_to_act_on_is_one_empty_beat() -> None:
    (beat,) = PLANNER.plan("Market closing.", 4.0).beats
    assert (beat.start, beat.end, beat.acts, beat.stills, beat.limits) == (0, 4, (), (), ())


class TestColouring:
    def test_an_emotion_colours_the_whole_take(self) -> None:
        brief = PLANNER.plan("She nods, then tilts her head.", 6.0, "melancholy")
        for beat in brief.beats:
            (mine,) = [act for act in beat.acts if act.name == "sadness"]
            assert mine.strength < 0.6
            assert beat.start + mine.start == 0

    def test_an_emotion_of_the_directions_own_goes_before_it(self) -> None:
        (beat,) = PLANNER.plan("She is furious.", 4.0, "happy").beats
        assert [act.name for act in beat.acts] == ["anger"]

    def test_an_emotion_that_is_not_known_is_unread(self) -> None:
        assert PLANNER.plan("She nods.", 4.0, "zorgish").unread == ("zorgish",)


def test_steps_too_short_for_a_beat_join_the_one_before() -> None:
    brief = PLANNER.plan("He blinks, then nods, then winks, then smiles.", 1.2)
    assert all(beat.end - beat.start >= 0.5 for beat in brief.beats)
    assert {act.name for beat in brief.beats for act in beat.acts} == {"blink", "nod", "wink", "smile"}


def test_summaries_hold_the_words_of_the_step() -> None:
    assert [beat.summary for beat in PLANNER.plan("She smiles. Then she nods.", 6.0).beats] == ["She smiles", "she nods"]


def test_states_that_the_face_does_not_know_are_refused() -> None:
    with pytest.raises(ValueError, match="does not know"):
        LexiconPlanner(LEXICON, ["joy"])


def test_a_long_beat_is_cut_into_parts_over_which_its_acts_go_on() -> None:
    brief = PLANNER.plan("She smiles.", 100.0)
    lengths = [beat.end - beat.start for beat in brief.beats]
    assert max(lengths) <= 20
    assert max(lengths) - min(lengths) < 0.001
    assert all("smile" in {act.name for act in beat.acts} for beat in brief.beats)
