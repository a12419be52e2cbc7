"""Seeded bugs are caught, each by the check that is named for it; `python -m tests.mutating --table` tries every check."""

from __future__ import annotations

import pytest

from tests.mutating import CHECKS, changed, place, verdicts
from tests.mutations_of_critic import EVERY as MUTATIONS

QUICK = ("explore frames", "explore link of processes", "explore nobody answers", "explore the critic three times")
"""Checks that take less than a second: in the everyday tests each is tried with the first mistake that is named for it."""


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_what_a_mistake_changes_stands_in_its_module_once(mutation):
    assert changed(place(mutation.module), mutation.old, mutation.new) != changed(
        place(mutation.module), mutation.old, mutation.old
    )
    assert 20 <= len(mutation.name) <= 110


def test_no_mistake_is_there_twice():
    assert len({mutation.name for mutation in MUTATIONS}) == len({mutation.change for mutation in MUTATIONS}) == len(MUTATIONS)
    assert {mutation.breaks for mutation in MUTATIONS} == {"S1", "S2", "S3", "S4", "S5", "S6", "S7", "L1", "L2"}


# Those that explore are tried in tests/test_exploring.py, too.
@pytest.mark.parametrize("checks", [QUICK[:1], pytest.param(tuple(CHECKS), marks=pytest.mark.slow)], ids=["one", "the others"])
def test_without_a_mistake_the_checks_find_nothing(checks):
    module, old, _ = MUTATIONS[0].change
    found = list(verdicts([((module, old, old), name) for name in checks]))
    assert [verdict.check for verdict in found] == list(checks)
    assert [(verdict.check, verdict.text) for verdict in found if verdict.caught] == []


def _caught_all(chosen) -> None:
    found = verdicts([(mutation.change, mutation.caught_by) for mutation in chosen])
    missed = [mutation.name for mutation, verdict in zip(chosen, found, strict=True) if not verdict.caught]
    assert missed == []


def test_some_mistakes_are_caught():
    _caught_all([next(mutation for mutation in MUTATIONS if mutation.caught_by == check) for check in QUICK])


@pytest.mark.slow
def test_every_mistake_is_caught():
    _caught_all(MUTATIONS)
