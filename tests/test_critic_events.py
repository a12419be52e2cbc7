"""Reading a motion back into events: what turned where, when lids and eyes moved, and what stood still."""

from __future__ import annotations

import numpy as np
import pytest

from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from agents.critic.events import Seen, crossing, turning_points
from agents.critic.sums import added, added_row, deviation, distance, mean_of, mean_of_rows
from protocol.channels import INDEX, NAMES
from protocol.interpolation import sample_keys
from protocol.keyframes import key

RATE = 120


def seen(seconds: float, **rows: list[tuple[float, float]]) -> Seen:
    """A motion in which channels go smoothly through (time, value)."""
    samples = np.zeros((len(NAMES), round(seconds * RATE)))
    times = np.arange(samples.shape[1]) / RATE
    for name, points in rows.items():
        keys = tuple(key(time, value, "min_jerk") for time, value in points)
        samples[INDEX[name]] = sample_keys(keys, times, -100, 100)
    return Seen(samples, RATE)


def turns(*values: float, least: float = 0.5) -> list[tuple[int, float]]:
    return turning_points(np.array(values, dtype=np.float64), least)


def test_a_row_that_hardly_moves_has_no_turning_points():
    assert turns(0, 0.2, 0.4, 0.1) == []


def test_a_row_turns_where_it_sets_out_at_its_peaks_and_where_it_ends_up():
    assert turns(0, 1, 0) == [(0, 0), (1, 1), (2, 0)]
    assert turns(0, 0.5, 1) == [(0, 0), (2, 1)]
    assert turns(1, 0.2, 0.9) == [(0, 1), (1, 0.2), (2, 0.9)]


def test_small_wavering_on_the_way_is_no_turn():
    assert turns(0, 0.6, 0.4, 1.0, 0.9, 0.0) == [(0, 0), (3, 1.0), (5, 0)]


def test_a_movement_sets_out_from_the_lowest_place_before_it():
    assert turns(0.1, 0.0, 0.0, 0.0, 1.0)[0] == (1, 0.0)


@given(st.lists(st.floats(-2, 2), min_size=1, max_size=40), st.floats(0.1, 1))
def test_between_two_turns_a_row_goes_far_enough_and_they_alternate(values: list[float], least: float):
    row = np.array(values)
    found = turning_points(row, least)
    assert bool(found) == (row.max() - row.min() >= least)
    steps = np.diff([value for _, value in found])
    assert (np.abs(steps) >= least).all()
    assert (steps[1:] * steps[:-1] < 0).all()
    assert [float(row[place]) for place, _ in found] == [value for _, value in found]
    assert [place for place, _ in found] == sorted({place for place, _ in found})


def test_a_level_is_crossed_between_frames():
    assert crossing(np.array([0.0, 1.0, 3.0]), 2.0) == 1.5
    assert crossing(np.array([2.0, 3.0]), 1.0) == 0.0
    assert crossing(np.array([0.0, 1.0]), 9.0) == 1.0


def test_a_movement_has_a_start_a_half_and_an_end():
    [movement] = seen(3.0, jawOpen=[(1.0, 0.0), (1.4, 0.8)]).movements
    assert (movement.channel, movement.before) == ("jawOpen", 0.0)
    assert movement.after == pytest.approx(0.8)
    assert movement.half == pytest.approx(1.2, abs=0.005)
    assert movement.start == pytest.approx(1.0 + 0.4 * 0.2470, abs=0.005)  # min-jerk is at a tenth there
    assert movement.end == pytest.approx(1.4 - 0.4 * 0.2470, abs=0.005)


def test_idle_stirring_is_no_movement():
    assert seen(3.0, mouthSmileLeft=[(0, 0), (1, 0.05), (2, 0)], headYaw=[(0, 0), (1.5, 1.2), (3, 0)]).movements == ()


BLINK = [(1.0, 0.0), (1.08, 1.0), (1.095, 1.0), (1.25, 0.0)]


def test_a_blink_of_both_lids_is_one():
    [blink] = seen(3.0, eyeBlinkLeft=BLINK, eyeBlinkRight=BLINK).blinks
    assert blink.side == "both"
    assert blink.depth == pytest.approx(1.0, abs=0.01)
    assert blink.closing == pytest.approx(0.08, abs=0.015)
    assert blink.opening == pytest.approx(0.155, abs=0.03)
    assert blink.start == pytest.approx(1.02, abs=0.01)


def test_a_wink_is_of_its_side():
    assert [blink.side for blink in seen(3.0, eyeBlinkRight=BLINK).blinks] == ["right"]


def test_lids_that_stay_shut_do_not_blink():
    shut = [(0.5, 0.0), (0.8, 1.0), (2.0, 1.0), (2.4, 0.0)]
    assert seen(3.0, eyeBlinkLeft=shut, eyeBlinkRight=shut).blinks == ()


def test_a_blink_on_top_of_lowered_lids_counts_by_how_far_it_goes():
    low = [(0.0, 0.3), *((time, max(value, 0.3)) for time, value in BLINK)]
    [blink] = seen(3.0, eyeBlinkLeft=low, eyeBlinkRight=low).blinks
    assert blink.depth == pytest.approx(0.7, abs=0.01)


def test_a_saccade_has_a_size_and_a_time():
    jump = [(1.0, 0.0), (1.043, 10.0)]
    [saccade] = seen(2.0, eyeYawLeft=jump, eyeYawRight=jump).saccades
    assert saccade.size == pytest.approx(10.0, abs=0.5)
    assert saccade.start == pytest.approx(1.0, abs=0.01)
    assert saccade.seconds == pytest.approx(0.043, abs=0.01)


def test_eyes_that_make_up_for_the_head_do_not_jump():
    turn, against = [(0.5, 0.0), (1.0, 25.0)], [(0.5, 0.0), (1.0, -25.0)]
    assert seen(2.0, headYaw=turn, eyeYawLeft=against, eyeYawRight=against).saccades == ()


def test_eyes_that_glide_do_not_jump():
    slow = [(0.5, 0.0), (1.5, 15.0)]
    assert seen(2.0, eyeYawLeft=slow, eyeYawRight=slow).saccades == ()


def test_nothing_moves_where_no_channel_does():
    still = seen(2.0, headRoll=[(1.0, 0.0), (1.5, 4.0)]).still
    assert still[: round(0.95 * RATE)].all()
    assert not still[round(1.05 * RATE) : round(1.45 * RATE)].any()
    assert still[round(1.55 * RATE) :].all()


def test_a_part_of_a_motion_keeps_its_times():
    whole = seen(5.0, jawOpen=[(3.0, 0.0), (3.4, 0.8)])
    part = whole.part(2.0, 4.5)
    assert part.samples.shape[1] == round(2.5 * RATE)
    assert part.movements[0].half == pytest.approx(whole.movements[0].half)
    assert part.between(3.0, 3.5) == slice(RATE, RATE + RATE // 2)
    assert whole.part(9.0, 12.0).samples.shape[1] == 1  # at least a frame


def test_sums_are_taken_in_order():
    row: NDArray[np.float64] = np.array([0.1, 0.2, 0.3, 1e16, -1e16])
    total = 0.0
    for value in row:
        total += float(value)
    assert added(row.tolist()) == added_row(row) == total
    assert mean_of([1.0, 3.0], [3.0, 1.0]) == 1.5
    assert mean_of_rows([np.array([0.0, 1.0]), np.array([2.0, 3.0])], [1.0, 1.0]).tolist() == [1.0, 2.0]
    assert deviation([1.0, 3.0]) == 1.0
    assert distance(3.0, 4.0) == 5.0
