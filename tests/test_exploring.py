"""Exploration: every state of the small configurations is looked at, and what is found in systems that are wrong."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from protocol.checking.configurations import SMALL, Configuration
from protocol.checking.exploring import Exploration, Violated

MOST = 1_000_000


@pytest.mark.parametrize("configuration", SMALL.values(), ids=list(SMALL))
def test_every_state_of_a_small_configuration_keeps_what_must_hold(configuration: Configuration):
    found, system = configuration.explore(MOST)
    way = [system.say(action) for action in found.broken.actions] if found.broken else []
    assert (found.broken, way) == (None, [])
    assert found.exhausted
    assert found.acyclic, "it may go round in a circle, and never end"
    assert found.ends > 0
    assert [mark for mark in configuration.sometimes if not found.marks[mark]] == []


class Counter:
    """Counts to a number, by one or two; some numbers are forbidden, and some lead back."""

    def __init__(self, last: int, *, forbidden: int = -1, back: int = -1) -> None:
        self._last, self._forbidden, self._back = last, forbidden, back

    def first(self) -> int:
        """Zero."""
        return 0

    def successors(self, state: int) -> Iterator[tuple[int, int, int]]:
        """One more, or two."""
        if state == self._back:
            yield 0, 0, 0
        for more in (1, 2):
            if state + more == self._forbidden:
                raise Violated("S1", f"{self._forbidden} is forbidden", more)
            if state + more <= self._last:
                yield more, state + more, more == 2

    def check_end(self, state: int) -> int:
        """Only the last number may be an end."""
        if state % 2:
            raise Violated("L1", "it ends with an odd number")
        return 0

    def say(self, action: int) -> str:
        """An action in words."""
        return f"add {action}"

    def name(self, bits: int) -> list[str]:
        """The marks."""
        return ["a leap"] if bits else []


def test_all_states_are_found_and_counted():
    found = Exploration(Counter(6), MOST).run()
    assert (found.states, found.transitions, found.depth, found.ends) == (7, 11, 3, 1)
    assert found.exhausted
    assert found.acyclic
    assert found.marks == {"a leap": 5}


def test_the_shortest_way_to_what_is_broken_is_shown():
    found = Exploration(Counter(9, forbidden=5), MOST).run()
    assert found.broken is not None
    assert (found.broken.name, found.broken.text) == ("S1", "5 is forbidden")
    assert sum(found.broken.actions) == 5
    assert len(found.broken.actions) == 3
    assert not found.exhausted


def test_a_wrong_end_is_found():
    found = Exploration(Counter(7), MOST).run()
    assert found.broken is not None
    assert (found.broken.name, sum(found.broken.actions)) == ("L1", 7)


def test_a_circle_is_found():
    assert not Exploration(Counter(6, back=4), MOST).run().acyclic


def test_what_is_too_large_is_given_up_and_says_so():
    found = Exploration(Counter(100), 10).run()
    assert found.states >= 10
    assert not found.exhausted
    assert found.acyclic is None


def test_whoever_explores_hears_how_far_it_is():
    heard: list[tuple[int, int, int]] = []
    Exploration(Counter(4), MOST).run(lambda *seen: heard.append(seen))
    assert heard == [(3, 2, 1), (5, 2, 2), (5, 0, 2)]
