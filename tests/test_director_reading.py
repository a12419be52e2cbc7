"""What was understood is told with its words, and what was not is named."""

from __future__ import annotations

from typing import Any

import pytest

from agents.director.clauses import Clause
from agents.director.cues import Analysis
from tests.directing import READER


@pytest.mark.parametrize(
    ("text", "unread"),
    [
        ("The stock market closed.", ("stock", "market", "closed")),
        ("The king of France is bald.", ("France", "bald")),
        ("Рыжая лиса улыбается", ("Рыжая", "лиса", "улыбается")),
        ("She smiles 🦑", ("🦑",)),
        ("A young woman breaks into a happy smile.", ()),
        ("He slowly raises his left eyebrow, then winks twice.", ()),
        ("She smiles while juggling three oranges.", ("juggling", "three", "oranges")),
        ("", ()),
        # what others do, what is looked at and what somebody is likened to, as far as it is understood
        ("All her friends shout at the dragon wildly in Swahili.", ("dragon", "Swahili")),
        ("Her boss yells at the zorble.", ("zorble",)),
        ("She stares at the telephone.", ()),
        ("She stares at the frobnicator beside the zorble.", ("zorble",)),
        ("She notices a zorble on her right.", ("zorble",)),
        ("He nods as a zorble would.", ("zorble",)),
        ("He frowns as the zorble sings.", ("zorble",)),
        ("He grins as if a zorble had bitten him.", ("zorble", "bitten")),
        ("He is as pale as a zorble.", ("pale", "zorble")),
        ("He is as happy as a lark.", ()),
        ("She hides her fear behind a frobnicated smile.", ("frobnicated",)),
        ("He smiles, hiding his zorbic fear.", ("zorbic",)),
        ("Behind her smile lies deep sadness.", ()),
        ("She smiles, proud as a peacock.", ()),
    ],
)
def test_words_that_could_not_be_used_are_named(text: str, unread: tuple[str, ...]) -> None:
    assert READER.understand(text).unread == unread


@pytest.mark.parametrize("text", ["Market closing.", "Open shop", "42", "!?", "- - -"])
def test_words_that_are_not_about_a_face_move_nothing(text: str) -> None:
    assert READER.understand(text).steps == ()


@pytest.mark.parametrize("text", ["The stock market closed.", "The shop is open.", "He lifted the price."])
def test_a_sentence_that_is_not_about_a_face_is_played_by_its_tone_alone(text: str) -> None:
    reading = READER.understand(text)
    asked = {call.name for step in reading.steps for moment in step.moments for call in moment.cue.calls}
    assert asked.isdisjoint({"close_eyes", "open_mouth", "lift_chin", "wink"})
    assert reading.unread


def test_what_was_understood_is_told_in_order_with_the_words_as_written() -> None:
    understood = READER.understand("She SMILES warmly, then Glances left.").understood
    assert understood == (("SMILES warmly", "tenderness, smile"), ("Glances left", "glance"))


def test_words_of_an_act_hold_what_shaped_it() -> None:
    (step,) = READER.understand("He very slowly raises his left eyebrow.").steps
    assert [moment.cue.words for moment in step.moments] == ["very slowly raises his left eyebrow"]


def test_slips_keep_the_words_as_they_were_written() -> None:
    assert READER.understand("she rasies her eyebrows").understood == (("rasies her eyebrows", "raise_brows"),)


@pytest.mark.parametrize(
    ("text", "entries"),
    [
        ("She closes her eyes, then opens them.", [["close_eyes"], ["open_eyes"]]),
        ("He turns his head left and tilts it right.", [["turn_head", "tilt_head"]]),
        ("Her eyes close, then open.", [["close_eyes"], ["open_eyes"]]),
        ("He looks left, then right, then up.", [["look"], ["look"], ["look"]]),
        ("Tilt your head left, then right.", [["tilt_head"], ["tilt_head"]]),
        ("He raises his left eyebrow, then the right one.", [["raise_brows"], ["raise_brows"]]),
    ],
)
def test_what_a_clause_leaves_out_is_taken_from_the_one_before(text: str, entries: list[list[str]]) -> None:
    assert [[moment.cue.entry for moment in step.moments] for step in READER.understand(text).steps] == entries


def test_reading_twice_gives_the_same() -> None:
    text = "He waits, bored; then he hears a noise, his eyes widen and he looks up."
    assert READER.understand(text) == READER.understand(text)


@pytest.mark.parametrize("fragment", ["not until the end, ", "slowly, "])
def test_fragments_that_wait_for_what_they_belong_to_are_not_read_over_and_over(
    fragment: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    read: list[int] = []
    reading = READER._cues.read

    def counted(clause: Clause, *rest: Any, **more: Any) -> Analysis:
        read.append(len(clause.tokens))
        return reading(clause, *rest, **more)

    monkeypatch.setattr(READER._cues, "read", counted)
    found = READER.understand(60 * fragment + "she smiles.")
    half = sum(read)
    READER.understand(120 * fragment + "she smiles.")
    assert sum(read) - half <= 2.5 * half
    assert "smile" in {call.name for step in found.steps for moment in step.moments for call in moment.cue.calls}
