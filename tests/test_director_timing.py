"""Steps are given their times: those that are said, and shares of the rest."""

from __future__ import annotations

import pytest

from hypothesis import given
from hypothesis import strategies as st

from agents.director.steps import Step
from agents.director.times import TimeMark
from agents.director.timing import LAST_VISIBLE, LONGEST, SHORTEST, Need, length_needed, place_steps


def mark(kind: str, low: float, high: float = 0.0) -> TimeMark:
    return TimeMark(kind, low, high, 0, 0)  # type: ignore[arg-type]


def free(natural: float, stretch: float = 1.0) -> Need:
    return Need(natural, None, stretch)


def test_spare_time_is_shared_by_stretch() -> None:
    starts = place_steps([Step(), Step()], [free(1, 1), free(1, 3)], 4.0)
    assert starts == [0, pytest.approx(1.5)]


def test_short_takes_shrink_all_steps_alike() -> None:
    starts = place_steps([Step(), Step(), Step()], [free(2), free(2), free(2)], 3.0)
    assert starts == [0, pytest.approx(1), pytest.approx(2)]


def test_times_that_are_said_are_kept() -> None:
    steps = [Step(), Step(when=mark("at", 4)), Step(when=mark("last", 1))]
    assert place_steps(steps, [free(1), free(1), free(0.5)], 8.0) == [0, 4, 7]


def test_after_counts_from_the_step_before() -> None:
    assert place_steps([Step(when=mark("after", 2)), Step(when=mark("after", 3))], [free(1), free(1)], 9.0) == [2, 5]


def test_given_lengths_are_kept() -> None:
    assert place_steps([Step(), Step()], [Need(2, 2.0, 1), free(1)], 9.0) == [0, 2]


def test_a_short_step_leaves_a_long_take_to_the_last() -> None:
    assert place_steps([Step(), Step()], [free(0.5, 0.1), free(1, 1)], 20.0)[1] < 3


@given(
    st.lists(st.tuples(st.floats(0.5, 5), st.one_of(st.none(), st.floats(0.3, 9))), min_size=1, max_size=12),
    st.floats(1, 30),
)
def test_steps_come_in_order_and_the_last_can_be_seen(needs: list[tuple[float, float | None]], total: float) -> None:
    starts = place_steps([Step() for _ in needs], [Need(natural, fixed, natural) for natural, fixed in needs], total)
    assert starts == sorted(starts)
    assert starts[0] == 0
    assert len(needs) == 1 or starts[-1] <= max(total - LAST_VISIBLE, 0) + 1e-9


@given(st.lists(st.floats(0.5, 9), max_size=10))
def test_a_take_is_as_long_as_it_needs_within_bounds(naturals: list[float]) -> None:
    needed = length_needed([Step() for _ in naturals], [free(natural) for natural in naturals])
    assert SHORTEST <= needed <= LONGEST
    assert needed >= min(LONGEST, sum(naturals))
