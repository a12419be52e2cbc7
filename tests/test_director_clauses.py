"""Directions fall into clauses that know how they are joined."""

from __future__ import annotations

import pytest

from agents.director.clauses import Clause
from agents.director.text import shadow, tokenise
from tests.directing import LEXICON, READER


def split(text: str) -> list[Clause]:
    tokens = READER._glued(READER._with_lemmas(tokenise(text, LEXICON.words)))
    return READER._clauses.split(tokens, READER._times.find(shadow(text)))


@pytest.mark.parametrize(
    ("text", "joints"),
    [
        ("She smiles, and then she nods.", ["open", "then"]),
        ("She smiles and nods, but frowns.", ["open", "and", "but"]),
        ("As he turns, his smile fades.", ["while", "comma"]),
        ("Before smiling, he nods.", ["before", "comma"]),
        ("He nods once he sees her.", ["open", "after"]),
        ("He nods once, twice.", ["open", "comma"]),
        ("He smiles; she nods.", ["open", "semi"]),
        ("(smiles) ... (frowns)", ["open", "open"]),
        ("Her smile turns into a frown.", ["open", "then"]),
        ("He turns to the left.", ["open"]),
        ("His mood goes from sad to happy.", ["open", "then"]),
        ("At last she smiles.", ["last"]),
        ("She reads the last line.", ["open"]),
        ("He opens his eyes as wide as he can.", ["open"]),
        ("smile -> frown", ["open", "then"]),
        ("She laughs without moving her head.", ["open", "without"]),
        ("She looks as if she had seen a ghost.", ["open", "like"]),
    ],
)
def test_joints_are_read(text: str, joints: list[str]) -> None:
    assert [clause.joint for clause in split(text)] == joints


def test_times_belong_to_the_clause_that_they_stand_in() -> None:
    first, second = split("He nods at 0:02, then frowns for two seconds.")
    assert [mark.kind for mark in first.times] == ["at"]
    assert [mark.kind for mark in second.times] == ["length"]


def test_at_the_same_time_marks_its_clause() -> None:
    assert [clause.together for clause in split("He nods and smiles at the same time.")] == [False, True]


def test_without_stays_a_word_since_it_denies() -> None:
    assert [token.word for token in split("without moving")[0].tokens] == ["without", "moving"]


def test_empty_clauses_are_left_out() -> None:
    assert split(" ,,, and . ; then !") == []
