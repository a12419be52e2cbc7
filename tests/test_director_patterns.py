"""The pattern language: what entries are found by."""

from __future__ import annotations

import pytest

from agents.director.patterns import PatternError, PatternTable, compile_pattern
from configs.lexicon import Entry, Lexicon
from tests.directing import LEXICON


def small(**entries: list[str]) -> PatternTable:
    words = LEXICON.words.model_copy(update={"classes": {"lift": ("raise", "lift")}, "light": ("the", "his")})
    actions = {name: Entry(say=tuple(said)) for name, said in entries.items()}
    return PatternTable(
        Lexicon.model_construct(**{**dict(LEXICON), "words": words, "actions": actions, "states": {}, "situations": {}})
    )


def found(table: PatternTable, said: str) -> list[tuple[str, tuple[int, ...]]]:
    words = said.split()
    return [(match.pattern.entry, match.places) for match in table.find([(word,) for word in words], words)]


def test_places_come_in_any_order() -> None:
    table = small(up=["<lift> brow"])
    assert found(table, "lift the brow") == [("up", (0, 2))]
    assert found(table, "brow slowly raise") == [("up", (0, 2))]


def test_an_order_can_be_asked_for() -> None:
    table = small(tell=["+ tell joke"])
    assert found(table, "tell him a joke") == [("tell", (0, 3))]
    assert found(table, "joke tell") == []


def test_exact_phrases_allow_only_light_words_between() -> None:
    table = small(close=["= shut eye"])
    assert found(table, "shut his eye") == [("close", (0, 2))]
    assert found(table, "shut quite another eye") == []


def test_words_too_far_apart_are_not_meant_together() -> None:
    table = small(up=["raise brow"])
    assert found(table, "raise one two three four five brow") == []


def test_the_longest_match_takes_the_words() -> None:
    table = small(smile=["smile"], half=["half smile"])
    assert found(table, "a half smile") == [("half", (1, 2))]


def test_the_tightest_of_equal_matches_takes_the_words() -> None:
    table = small(brow=["raise brow"], head=["raise head"])
    assert found(table, "head with one brow raise") == [("brow", (3, 4))]


def test_optional_words_belong_to_the_match() -> None:
    table = small(out=["puff cheek out?"])
    assert found(table, "puff his cheek out") == [("out", (0, 2, 3))]
    assert found(table, "puff his cheek") == [("out", (0, 2))]


def test_no_word_is_used_twice() -> None:
    table = small(a=["look left"], b=["look up"])
    assert len(found(table, "look left up")) == 1


def test_a_pattern_can_be_stronger() -> None:
    assert compile_pattern("furious @ 1.4", "anger", {}, 0).strength == 1.4


@pytest.mark.parametrize("said", ["<nobody> smile", "up?", "a|| @ 9", "| x", "smile @ 7"])
def test_patterns_that_say_nothing_are_refused_by_name(said: str) -> None:
    with pytest.raises(PatternError, match="myentry"):
        compile_pattern(said, "myentry", {}, 0)


def test_every_entry_of_the_lexicon_is_found_by_each_of_its_patterns() -> None:
    table = PatternTable(LEXICON)
    for pattern in table.patterns:
        words = [min(term.lemmas) for term in pattern.terms if not term.optional]
        if len(set(words)) < len(words):
            continue
        matches = table.find([(word,) for word in words], words, frozenset(LEXICON.entries.keys() - {pattern.entry}))
        assert [match.pattern.entry for match in matches] == [pattern.entry] * len(matches)
        assert {place for match in matches for place in match.places} == set(range(len(words))) or matches, pattern


def test_of_a_pattern_with_dozens_of_places_only_so_many_ways_are_tried() -> None:
    table = small(purr=["cat " * 40], call=["cat cat"])  # eight cats fill forty places in 8^40 ways
    assert found(table, "cat " * 8)[0] == ("call", (0, 1))
