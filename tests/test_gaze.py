"""Eyes and a turning head: the gaze holds its target, or jumps; it is not swept along."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.channels import CHANNELS, INDEX
from protocol.constraints import Samples, gaze, runs, speeds
from protocol.gaze import REACH_YAW, STRIDE, hold_and_jump, saccade_seconds
from protocol.timeline import RATE
from tests.tracks import Path, Paths, checks, motion

(DRIFT,) = checks("gaze-rests-or-jumps")


def turned(head: Path, eyes: Path = 0.0, seconds: float = 2.0, first: int = 0, more: Paths | None = None) -> Samples:
    samples = motion({"headYaw": head, "eyeYaw": eyes, **(more or {})}, seconds, RATE)
    hold_and_jump(samples, DRIFT, RATE, first)
    return samples


def swept(samples: Samples, first: int = 0) -> bool:
    return bool(DRIFT.violations(samples, RATE, strict=True, first=first))


def jumps(samples: Samples) -> int:
    """How often the gaze goes faster than a head does."""
    yaw, pitch = gaze(samples)
    return len(list(runs((speeds(yaw, RATE) > 110) | (speeds(pitch, RATE) > 110))))


def test_a_saccade_lasts_as_long_as_the_main_sequence_says():
    # Carpenter 1988: 2.2 ms per degree and 21 ms.
    assert saccade_seconds(0) == 0.021
    assert saccade_seconds(30) == pytest.approx(0.087)


def test_eyes_that_turn_back_with_the_head_hold_the_gaze_within_half_a_degree():
    # A shake of the head that means to look nowhere else: head and eyes end where they began.
    shake = [(0, 0), (0.3, 0), (0.5, 12), (0.8, -12), (1.1, 12), (1.4, 0)]
    assert swept(motion({"headYaw": shake}, 2, RATE))
    samples = turned(shake)
    yaw, pitch = gaze(samples)
    assert np.abs(yaw).max() <= 0.5
    assert np.abs(pitch).max() == 0
    np.testing.assert_allclose(samples[INDEX["eyeYawLeft"]], -samples[INDEX["headYaw"]], atol=0.5)
    assert not swept(samples)


def test_a_nod_is_held_as_well():
    nod = [(0, 0), (0.3, 0), (0.5, -12), (0.75, 3), (1.0, -9), (1.3, 0)]
    samples = motion({"headPitch": nod}, 2, RATE)
    assert swept(samples)
    hold_and_jump(samples, DRIFT, RATE, 0)
    assert np.abs(gaze(samples)[1]).max() <= 0.5


def test_a_turn_takes_the_gaze_ahead_in_one_saccade_and_the_reflex_holds_it_there():
    samples = turned([(0, 0), (0.3, 0), (0.9, 24)])
    yaw, _ = gaze(samples)
    assert jumps(samples) == 1
    assert not swept(samples)
    early = int(0.45 * RATE)
    assert np.abs(yaw[early:] - 24).max() <= 0.5
    assert samples[INDEX["headYaw"], early] < 8  # the head is still on its way


def test_both_eyes_go_together():
    samples = turned([(0, 0), (0.3, 0), (0.9, 40)])
    assert (samples[INDEX["eyeYawLeft"]] == samples[INDEX["eyeYawRight"]]).all()


@pytest.mark.parametrize("angle", [45, -50, 60])
def test_a_turn_beyond_the_reach_of_the_eyes_takes_more_than_one_saccade(angle):
    samples = turned([(0, 0), (0.3, 0), (1.1, angle)])
    assert jumps(samples) >= 2
    assert not swept(samples)
    assert gaze(samples)[0][-1] == pytest.approx(angle)
    assert np.abs(samples[INDEX["eyeYawLeft"]]).max() <= REACH_YAW + 3


def test_a_gaze_that_the_head_drags_along_jumps_by_whole_strides():
    # The head swings far beyond what the eyes reach and comes back to where the gaze was all the time.
    samples = turned([(0, -30), (0.3, -30), (1.1, 40), (1.9, -30)], seconds=2.6)
    yaw, _ = gaze(samples)
    held = [float(yaw[start]) for start, stop in runs(speeds(yaw, RATE) < 1) if stop - start > 3]
    # Before it counts as turning, the head takes the gaze along by a tenth of a degree.
    steps = [abs(later - one) for one, later in pairwise(held) if abs(later - one) > 0.5]
    assert not swept(samples)
    assert len(steps) >= 4
    assert min(steps) >= STRIDE - 1
    assert yaw[-1] == pytest.approx(-30)


def test_eyes_that_are_meant_to_end_beyond_their_usual_reach_go_there_at_once():
    samples = turned([(0, -40), (0.3, -40), (1.5, 40)], eyes=[(0, 0), (0.3, 0), (1.5, -38)], seconds=2.2)
    yaw, _ = gaze(samples)
    assert yaw.max() <= 2 + 1e-9  # it never looks farther than where it is to end
    assert not swept(samples)


def test_what_does_not_sweep_is_left_alone():
    cases: tuple[Paths, ...] = (
        {"eyeYaw": [(0, 0), (0.3, 0), (0.36, 20)]},  # eyes alone
        {"headYaw": [(0, 0), (0.3, 0), (1.9, 6)]},  # too slow to matter
        {"headYaw": [(0, 0), (0.3, 0), (0.9, 20)], "eyeYaw": [(0, 0), (0.3, 0), (0.9, -20)]},  # held already
        {"headYaw": [(0, 0), (0.3, 0), (0.9, 20)], "eyeBlink": 1.0},  # nobody sees it
    )
    for paths in cases:
        samples = motion(paths, 2, RATE)
        before = samples.copy()
        hold_and_jump(samples, DRIFT, RATE, 0)
        assert np.array_equal(samples, before)


def test_only_the_eyes_are_turned():
    before = motion({"headYaw": [(0, 0), (0.3, 0), (0.9, 30)]}, 2, RATE)
    after = turned([(0, 0), (0.3, 0), (0.9, 30)])
    changed = {name for name in CHANNELS if not np.array_equal(before[INDEX[name]], after[INDEX[name]])}
    assert changed == {"eyeYawLeft", "eyeYawRight"}


def test_nothing_at_or_before_the_first_moment_of_the_beat_changes():
    head = [(0, 0), (0.3, 0), (0.9, 30)]
    first = int(0.5 * RATE)
    samples = turned(head, first=first)
    assert (samples[INDEX["eyeYawLeft"], : first + 1] == 0).all()
    assert samples[INDEX["eyeYawLeft"], first + 1 :].any()


def test_a_hold_that_ends_elsewhere_is_put_right_after_the_turn():
    # Two degrees are no reason for a saccade during the turn; a small one follows it.
    head, eyes = [(0, 0), (0.3, 0), (0.8, 20), (1.3, 0)], [(0, 0), (1.3, 0), (1.4, 2)]
    samples = turned(head, eyes=eyes)
    assert np.abs(gaze(samples)[0][: int(1.2 * RATE)]).max() <= 0.5
    assert gaze(samples)[0][-1] == pytest.approx(2)
    assert not swept(samples)


@given(
    st.lists(st.tuples(st.integers(3, 12), st.integers(-40, 40)), min_size=1, max_size=4),
    st.lists(st.tuples(st.integers(3, 12), st.integers(-20, 20)), min_size=1, max_size=3),
)
@settings(max_examples=60)
def test_whatever_the_head_does_the_gaze_ends_where_it_was_meant_to(head, eyes):
    def path(moves: list[tuple[int, int]]) -> list[tuple[float, float]]:
        points, at = [(0.0, 0.0)], 0.0
        for tenths, value in moves:
            at += tenths / 10
            points.append((at, float(value)))
        return points

    paths: Paths = {"headYaw": path(head), "eyeYaw": path(eyes)}
    before, after = motion(paths, 7, RATE), motion(paths, 7, RATE)
    hold_and_jump(after, DRIFT, RATE, 0)
    np.testing.assert_allclose(gaze(after)[0][-1], gaze(before)[0][-1], atol=1e-9)
    np.testing.assert_array_equal(after[INDEX["headYaw"]], before[INDEX["headYaw"]])
    assert not swept(after)
