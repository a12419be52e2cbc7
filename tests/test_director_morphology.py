"""Words are found whatever their form, and misspelt ones only where nothing else is meant."""

from __future__ import annotations

import pytest

from hypothesis import given
from hypothesis import strategies as st

from agents.director.morphology import Morphology, distance, stems

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
