"""A direction's text falls into tokens that keep their places."""

from __future__ import annotations

import pytest

from hypothesis import given
from hypothesis import strategies as st

from agents.director.text import shadow, tokenise
from configs.lexicon import Words
from tests.directing import LEXICON

WORDS: Words = LEXICON.words


def read(text: str) -> list[str]:
    return [token.word for token in tokenise(text, WORDS)]


@given(st.text(max_size=200))
def test_every_token_stands_where_it_says(text: str) -> None:
    assert len(shadow(text)) == len(text)
    for token in tokenise(text, WORDS):
        assert token.start <= token.end <= len(text)
        assert token.start == token.end or text[token.start : token.end] == token.text


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("SMILE!!!", ["smile", "!", "!", "!"]),
        ("\u201cShe\u2019s sad\u201d", ['"', "she", "is", "sad", '"']),
        ("doesn't", ["does", "not"]),
        ("can\u2019t", ["can", "not"]),
        ("wide-eyed", ["wide", "-", "eyed"]),
        ("the viewer's left", ["the", "viewer", "left"]),
        ("ﬁrst", ["ﬁ", "rst"]),  # a ligature is no letter of this alphabet; the rest is still read
        ("a\x07b", ["a", "b"]),
        ("no\u200bse", ["no", "se"]),
        ("\uff12 times", ["2", "times"]),
    ],
)
def test_text_is_normalised(text: str, words: list[str]) -> None:
    assert read(text) == words


def test_bullets_and_numbers_at_the_head_of_a_line_are_no_words() -> None:
    assert read("1. Smile\n2) Nod\n- Wink") == ["smile", "\n", "\n", "nod", "\n", "\n", "wink"]


def test_a_line_that_is_wrapped_goes_on_and_a_short_line_ends() -> None:
    assert "\n" not in read("She looks up at the ceiling for a long while and\nthen smiles.")
    assert "\n" in read("smile\nfrown")


def test_another_script_stays_one_token_for_each_word() -> None:
    tokens = tokenise("微笑 она", WORDS)
    assert [(token.text, token.kind) for token in tokens] == [("微笑", "foreign"), ("она", "foreign")]


def test_signs_that_are_known_turn_into_words_and_others_stay() -> None:
    assert read("😉")[1:] == ["wink"]
    assert [token.kind for token in tokenise("🦑", WORDS)] == ["foreign"]
