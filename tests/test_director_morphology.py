"""Words are found whatever their form, and misspelt ones only where nothing else is meant."""

from __future__ import annotations

import pytest

from hypothesis import given
from hypothesis import strategies as st

from agents.director.morphology import Morphology, distance, stems
from tests.directing import READER

BASES = ["smile", "nod", "raise", "cry", "gentle", "happy", "wide", "close", "tongue", "letter", "let", "shock", "glance"]
WORDS = Morphology(BASES, {"teeth": ("tooth",), "eyes": ("eye",)}, ["stock", "glass"], BASES)


@pytest.mark.parametrize(
    ("form", "base"),
    [
        ("smiles", "smile"),
        ("smiling", "smile"),
        ("smiled", "smile"),
        ("nodding", "nod"),
        ("nods", "nod"),
        ("cries", "cry"),
        ("cried", "cry"),
        ("gently", "gentle"),
        ("happily", "happy"),
        ("happiness", "happy"),
        ("wider", "wide"),
        ("widest", "wide"),
        ("teeth", "tooth"),
        ("closed", "close"),
    ],
)
def test_forms_lead_to_their_base(form: str, base: str) -> None:
    assert base in WORDS.lemmas(form)


def test_a_word_of_its_own_is_no_comparative() -> None:
    assert WORDS.lemmas("letter") == ("letter",)


def test_words_that_are_not_known_have_no_base() -> None:
    assert WORDS.lemmas("market") == ()


@pytest.mark.parametrize(
    ("slip", "meant"),
    [
        ("smils", "smiles"),
        ("rasies", "raises"),
        ("smilling", "smiling"),
        ("nodds", "nods"),
        ("tounge", "tongue"),
        ("glanes", "glances"),
        ("happpy", "happy"),
        ("gentley", "gently"),
    ],
)
def test_slips_are_repaired(slip: str, meant: str) -> None:
    repaired = WORDS.repaired(slip)
    assert repaired is not None
    assert set(WORDS.lemmas(repaired)) == set(WORDS.lemmas(meant))


@pytest.mark.parametrize("word", ["stock", "stocks", "glass", "xyz", "nad", "elephant", "shcokingly-not"])
def test_other_words_are_left_alone(word: str) -> None:
    assert WORDS.repaired(word) is None


@pytest.mark.parametrize("word", ["beard", "wood", "band", "wind", "card", "ward", "board", "fund", "herd"])
def test_a_d_at_the_end_is_no_ending_of_its_own(word: str) -> None:
    """A beard is not what a bear did, nor is wood wooed."""
    known = Morphology(["bear", "woo", "ban", "win", "car", "war", "boar", "fun", "her"], {}, [])
    assert known.lemmas(word) == ()
    assert set(known.lemmas("warred")) == {"war"}


@pytest.mark.parametrize(
    "word",
    "ward wand tend brand fund herd tribal shrewd taco tacos tacky ford processor processors cult assisting assisted gallon"
    " trod accompany barrister priestess wallop".split(),
)
def test_common_words_are_not_taken_for_slips(word: str) -> None:
    """Each was: counted 500 times or more in pyspellchecker's subtitles, and near a word of the lexicon."""
    assert READER._morphology.repaired(word) is None


def test_two_slips_are_too_many_for_a_thing_that_faces_do_not_do() -> None:
    words = Morphology(["gargle", "shudder", "grimace"], {}, [], {"grimace": 5}, ["gargle", "shudder"])
    assert words.repaired("gargoyle") is None
    assert words.repaired("gargel") == "gargle"
    assert words.repaired("grimmase") == "grimace"


def test_what_a_word_is_meant_to_be_is_found_once(monkeypatch: pytest.MonkeyPatch) -> None:
    words = Morphology(BASES, {}, [], BASES)
    looked: list[str] = []
    similar = words._similar

    def looking(word: str) -> list[str]:
        looked.append(word)
        return similar(word)

    monkeypatch.setattr(words, "_similar", looking)
    assert [words.repaired("smils") for _ in range(3)] == ["smiles"] * 3
    assert looked == ["smils"]


def naive(a: str, b: str) -> int:
    """Optimal string alignment by its definition."""
    if not a or not b:
        return len(a) + len(b)
    best = min(naive(a[1:], b) + 1, naive(a, b[1:]) + 1, naive(a[1:], b[1:]) + (a[0] != b[0]))
    if len(a) > 1 and len(b) > 1 and a[0] == b[1] and a[1] == b[0]:
        best = min(best, naive(a[2:], b[2:]) + 1)
    return best


@given(st.text("abc", max_size=5), st.text("abc", max_size=5))
def test_distance_is_that_of_its_definition_up_to_its_bound(a: str, b: str) -> None:
    assert distance(a, b, 2) == min(naive(a, b), 3)


def test_stems_are_long_enough_to_mean_something() -> None:
    assert all(len(stem) >= 3 for word in ("is", "as", "does", "used", "ring", "flies") for stem in stems(word))
