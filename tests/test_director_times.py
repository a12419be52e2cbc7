"""Times are found in directions and are read as the seconds that they say."""

from __future__ import annotations

import itertools

import pytest

from agents.director.times import TimeReader

READER = TimeReader({word: number for number, word in enumerate("one two three four five six seven eight nine ten".split(), 1)})


@pytest.mark.parametrize(
    ("text", "kind", "low", "high"),
    [
        ("after three seconds, he", "after", 3, 0),
        ("two seconds later", "after", 2, 0),
        ("after another second", "after", 1, 0),
        ("from 1s to 2.5s", "span", 1, 2.5),
        ("between 1 and 2 seconds", "span", 1, 2),
        ("[0-2s]", "span", 0, 2),
        ("0:01-0:03", "span", 1, 3),
        ("at 0:04 he", "at", 4, 0),
        ("at the 3-second mark", "at", 3, 0),
        ("at 1,5 s", "at", 1.5, 0),
        ("three seconds in, she", "at", 3, 0),
        ("at second 3", "at", 3, 0),
        ("until the 4 second mark", "until", 4, 0),
        ("for two seconds", "length", 2, 0),
        ("for about half a second", "length", 0.5, 0),
        ("for a fifth of a second", "length", 0.2, 0),
        ("three quarters of a second", "length", 0.75, 0),
        ("for one and a half seconds", "length", 1.5, 0),
        ("for a second and a half", "length", 1.5, 0),
        ("for 500 ms", "length", 0.5, 0),
        ("for half a minute", "length", 30, 0),
        ("a two-second smile", "length", 2, 0),
        ("for a split second", "length", 0.3, 0),
        ("over three seconds", "within", 3, 0),
        ("it takes her three full seconds to", "within", 3, 0),
        ("ending at 3s", "until", 3, 0),
        ("until the last two seconds", "until_last", 2, 0),
        ("with one second to go", "last", 1, 0),
        ("two seconds before the end", "last", 2, 0),
        ("in the last half second", "last", 0.5, 0),
        ("2s: look left", "at", 2, 0),
        ("in the third second", "at", 2, 0),
        ("between the first and third second", "span", 1, 3),
        ("at the very end", "share", 0.75, 1),
        ("two thirds of the way through", "share", 0.67, 1),
        ("in the last second", "last", 1, 0),
        ("for the first two seconds", "first", 2, 0),
        ("every second", "every", 1, 0),
        ("every two seconds", "every", 2, 0),
        ("halfway through", "share", 0.5, 1),
        ("towards the end", "share", 0.7, 1),
        ("throughout", "throughout", 0, 0),
    ],
)
def test_a_time_is_read(text: str, kind: str, low: float, high: float) -> None:
    (mark,) = READER.find(text)
    assert mark.kind == kind
    assert (mark.low, mark.high) == pytest.approx((low, high))


@pytest.mark.parametrize(
    "text", ["he nods three times", "one eyebrow", "in the middle of his brow", "a second look", "secondly"]
)
def test_other_numbers_are_no_times(text: str) -> None:
    assert [mark for mark in READER.find(text) if mark.kind != "length"] == []


def test_times_do_not_overlap_and_come_in_order() -> None:
    marks = READER.find("at 0:02 he blinks for half a second; from 3s to 4s he smiles, and in the last second he nods")
    assert [mark.kind for mark in marks] == ["at", "length", "span", "last"]
    assert all(before.end <= after.start for before, after in itertools.pairwise(marks))


def test_a_span_that_ends_before_it_begins_is_no_span() -> None:
    assert all(mark.kind != "span" for mark in READER.find("from 3s to 2s"))


def test_a_list_of_points_is_all_points() -> None:
    assert [(mark.kind, mark.low) for mark in READER.find("at 1s, 2s and 3s")] == [("at", 1), ("at", 2), ("at", 3)]


def test_a_last_minute_is_no_time_of_a_take() -> None:
    assert READER.find("in the last minute") == []
