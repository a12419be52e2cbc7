"""Exploration: every state of the small configurations is looked at, and what is found in systems that are wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any

import pytest

from protocol.checking.accounts import account
from protocol.checking.chair import ON_DISK
from protocol.checking.configurations import DEEP, SMALL, Configuration
from protocol.checking.exploring import Exploration, Explored, System, Violated
from protocol.checking.negotiation import Negotiation
from protocol.checking.scenario import Budget
from protocol.constraints import Constraints
from protocol.history import history
from protocol.journal import Record
from protocol.messages import FilmFailed, TakeClosed, TakeOpened
from protocol.monitor import monitor
from protocol.replay import replay
from protocol.rules import RuleSet
from runtime.sequencer import _KEPT

MOST = 1_000_000
ENDS = 8
"""Of a configuration whose journals are looked at, spread over all."""
NOT_TO_BE_TOLD = {
    "forgeries": "a region says what its machine would not",
    "link": "bodies are no messages",
    "link of processes": "bodies are no messages",
}
"""Configurations whose journals cannot be in order, and why."""
LONG = (
    "objections",
    "deaths in two beats",
    "forgeries",
    "outage",
    "every rung",
    "power cut after the end",
    "the critic and an audit",
    "an outage while the critic looks",
    "deaths change nothing",
    "haste changes nothing",
    "link",
)
"""Configurations that take one to eight seconds each; they are explored with the proofs."""


@pytest.fixture(
    scope="module", params=[pytest.param(name, id=name, marks=[pytest.mark.slow] * (name in LONG)) for name in SMALL]
)
def explored(request) -> tuple[str, System[Any], Exploration[Any], Explored]:
    """A small configuration, and what its exploration has found."""
    system = SMALL[request.param].make()
    exploration = Exploration(system, MOST)
    return request.param, system, exploration, exploration.run()


def test_every_state_of_a_small_configuration_keeps_what_must_hold(explored):
    name, system, _, found = explored
    way = [system.say(action) for action in found.broken.actions] if found.broken else []
    assert (SMALL[name].faults(found), way) == ([], [])
    assert found.acyclic


def test_the_journals_of_what_is_explored_are_in_order(explored):
    """One kind of check against the others: ways to ends, written down, are gone through by monitors, history and machines."""
    name, system, exploration, found = explored
    if name in NOT_TO_BE_TOLD:
        pytest.skip(NOT_TO_BE_TOLD[name])
    ways = list(exploration.ways_to_ends())
    assert len(ways) == found.ends
    for way in ways[:: len(ways) // ENDS + 1]:
        records = account(system, way).records
        assert isinstance(records[-1].message, TakeClosed)
        assert wrong(records) == []


def wrong(records: Sequence[Record]) -> list[str]:
    """Everything that the checks of journals find."""
    opened = records[0].message
    assert isinstance(opened, TakeOpened)
    whole = isinstance(records[-1].message, TakeClosed)
    again = replay(records, constraints(opened.configuration["constraints.yaml"]), complete=whole)
    return [str(finding) for finding in (*monitor(records), *history(records, complete=whole), *again.findings)]


@cache
def constraints(text: str) -> Constraints:
    """What a journal says has to hold."""
    return Constraints.of(RuleSet.model_validate_json(text))


def test_a_power_cut_leaves_what_the_sequencer_forces_to_disk():
    """A film that fails is told by the dispatcher, which has no part in a negotiation."""
    assert {*ON_DISK, FilmFailed} == set(_KEPT)


def test_those_that_take_long_are_there():
    assert set(LONG) < set(SMALL)


def test_no_two_configurations_are_the_same():
    abouts = [configuration.about for configuration in (*SMALL.values(), *DEEP.values())]
    assert len(set(abouts)) == len(abouts)


def test_what_a_journal_does_not_say_is_not_resumed_from():
    with pytest.raises(ValueError, match="a journal does not say"):
        Negotiation(budget=Budget(outages=1), apart=True)


def test_what_is_missing_is_said():
    configuration = Configuration("counts", lambda: Counter(4), ("a leap", "a stumble"))
    found, _ = configuration.explore(MOST)
    assert configuration.faults(found) == ["never came across: a stumble"]
    found, _ = configuration.explore(2)
    assert configuration.faults(found) == ["not exhausted after 3 states"]
    circle = Configuration("counts", lambda: Counter(6, back=4), ())
    found, _ = circle.explore(MOST)
    assert circle.faults(found) == ["it may go round in a circle, and never end"]
    stuck = Configuration("counts", lambda: Counter(7), ())
    found, _ = stuck.explore(MOST)
    assert stuck.faults(found) == ["L1 does not hold: it ends with an odd number"]


class Counter:
    """Counts to a number, by one or two; some numbers are forbidden, and some lead back, or nowhere."""

    def __init__(self, last: int, *, forbidden: int = -1, back: int = -1, stays: bool = False) -> None:
        self._last, self._forbidden, self._back, self._stays = last, forbidden, back, stays

    def first(self) -> int:
        """Zero."""
        return 0

    def successors(self, state: int) -> Iterator[tuple[int, int, int]]:
        """One more, or two."""
        if self._stays:
            yield 0, state, 0
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

    def left(self, state: int) -> int:
        """Nothing can go wrong."""
        return 0


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


def test_what_changes_nothing_is_no_way_on():
    assert Exploration(Counter(6, stays=True), MOST).run().ends == 1
    found = Exploration(Counter(7, stays=True), MOST).run()
    assert found.broken is not None
    assert found.broken.text == "it ends with an odd number"


def test_the_ways_to_ends_are_the_shortest():
    exploration = Exploration(Counter(6), MOST)
    exploration.run()
    assert list(exploration.ways_to_ends()) == [(2, 2, 2)]


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
