"""Eyes lead the head: they are there first, hold their target while it comes, and go home first."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from agents.pointing import FARTHEST, Course, Heading, course_of, eyes_ahead, lowered
from configs.tables import Tables
from protocol.constraints import Samples
from protocol.gaze import REACH_DOWN, REACH_UP, saccade_seconds
from protocol.keyframes import Keyframe, key
from protocol.timeline import RATE
from runtime.loading import Loaded
from tests.performing import Motion, act, perform

REACH = (-FARTHEST, FARTHEST)


@pytest.fixture(scope="module")
def tables(loaded: Loaded) -> Tables:
    return loaded.tables


def gaze(motion: Motion, axis: str = "Yaw") -> Samples:
    """Where the line of sight points in the world."""
    return motion[f"head{axis}"] + 0.5 * (motion[f"eye{axis}Left"] + motion[f"eye{axis}Right"])


def at(keys: list[Keyframe], time: float) -> float:
    """The value of the last keyframe until a time."""
    return [one.value for one in keys if one.time <= time + 1e-9][-1]


# ------------------------------------------------------------------------------------------------- the eyes' way


def test_eyes_land_on_the_goal_before_the_head_moves_and_stay_on_it():
    head = Heading((Course(start=0.54, seconds=0.5, size=10.0),))
    keys = eyes_ahead(22.0, REACH, 0.5, head, None, "ease_in_out")
    assert keys[1].time == pytest.approx(0.5 + saccade_seconds(22.0), abs=1e-3)
    for one in keys[1:]:
        assert one.value + head.at(one.time) == pytest.approx(22.0, abs=0.01)
    assert keys[-1].value == pytest.approx(12.0)
    assert keys[-1].mode == "hold"


def test_what_is_out_of_reach_takes_a_second_saccade():
    head = Heading((Course(start=0.54, seconds=0.6, size=25.0),))
    keys = eyes_ahead(45.0, REACH, 0.5, head, None, "ease_in_out")
    assert max(one.value for one in keys) <= FARTHEST
    world = [one.value + head.at(one.time) for one in keys[1:]]
    assert world[0] == pytest.approx(FARTHEST, abs=1.0)
    assert world[-1] == pytest.approx(45.0, abs=0.01)
    # They rest at one of the two, and jump once in between.
    jumps = [b.time - a.time for a, b in itertools.pairwise(keys) if a.mode == "ease_in_out"]
    assert len(jumps) == 2


def test_the_line_of_sight_goes_home_before_the_head():
    head = Heading((Course(start=0.54, seconds=0.5, size=10.0, back=2.04, back_seconds=0.6),))
    keys = eyes_ahead(22.0, REACH, 0.5, head, 2.0, "ease_in_out")
    assert at(keys, 2.0) == pytest.approx(12.0)
    landed = next(one for one in keys if one.time > 2.0)
    assert landed.value == pytest.approx(-10.0, abs=0.2)
    assert keys[-1].value == 0
    for one in keys:
        if one.time > 2.06:
            assert one.value + head.at(one.time) == pytest.approx(0, abs=0.01)


def test_eyes_that_are_to_look_at_something_else_do_not_go_home():
    head = Heading((Course(start=0.54, seconds=0.5, size=10.0),))
    keys = eyes_ahead(22.0, REACH, 0.5, head, 2.0, "ease_in_out", home=False)
    assert keys[-2].time == pytest.approx(2.0)
    assert keys[-1].value == 0


def test_keyframes_are_in_order_whatever_the_head_does():
    for goal, start, size in itertools.product((-50.0, -12.0, 3.0, 34.0), (0.0, 0.52), (-30.0, 4.0)):
        courses = (Course(start + 0.04, 0.3, size, 0.8, 0.4), Course(-1.0, 0.5, 9.0, 0.0, 0.7))
        for leave in (None, 0.1, 0.76):
            keys = eyes_ahead(goal, REACH, start, Heading(courses), leave, "ease_in_out")
            assert all(a.time < b.time for a, b in itertools.pairwise(keys))
            assert all(REACH[0] <= one.value <= REACH[1] for one in keys)


def test_a_course_is_read_off_keyframes():
    there = (key(0.5, 0), key(1.0, 12.0), key(2.0, 11.8))
    assert course_of(there) == Course(0.5, 0.5, 12.0)
    back = (key(0.4, 0), key(0.5, -0.5), key(1.0, 12.0), key(2.0, 11.8), key(2.5, 0))
    assert course_of(back) == Course(0.5, 0.5, 12.0, 2.0, 0.5)


def test_lids_sink_with_the_gaze():
    assert [lowered(degrees) for degrees in (-10.0, 8.0, 16.0, 28.0, 60.0)] == pytest.approx([0, 0, 0.22, 0.43, 0.43])


# ------------------------------------------------------------------------------------------------- performed


@pytest.mark.parametrize("yaw", [20.0, -28.0])
def test_a_look_is_on_its_target_before_the_head_has_moved(tables: Tables, yaw: float):
    motion = perform(tables, act("look", 0.5, 9.0, yaw=yaw), seconds=3.0)
    arrived = round((0.5 + saccade_seconds(abs(yaw)) + 0.01) * RATE)
    assert abs(float(motion["headYaw"][arrived])) < 0.15 * abs(float(motion["headYaw"][-1]))
    assert float(np.abs(gaze(motion)[arrived:] - yaw).max()) < 1.0
    assert abs(float(motion["headYaw"][-1])) > 3


def test_the_head_follows_the_eyes_within_a_tenth_of_a_second(tables: Tables):
    motion = perform(tables, act("look", 0.5, 9.0, yaw=26.0), seconds=3.0)
    first = {
        name: float(np.flatnonzero(np.abs(motion[name]) > 0.02 * np.abs(motion[name]).max())[0])
        for name in ("eyeYawLeft", "headYaw")
    }
    assert 0.01 <= (first["headYaw"] - first["eyeYawLeft"]) / RATE <= 0.1


def test_eyes_lead_a_turn_of_the_head_and_end_straight_ahead(tables: Tables):
    motion = perform(tables, act("turn_head", 0.5, 9.0, yaw=25.0), seconds=3.0)
    assert float(motion["eyeYawLeft"].max()) > 18
    assert motion.at("eyeYawLeft", 2.5) == pytest.approx(0, abs=0.5)
    half = np.flatnonzero(motion["headYaw"] > 12)[0]
    assert float(gaze(motion)[half]) == pytest.approx(25.0, abs=1.5)


def test_eyes_stay_on_the_camera_when_only_the_head_is_to_turn(tables: Tables):
    # Whichever of the two is said first.
    turn, stay = act("turn_head", 0.5, 9.0, yaw=22.0), act("look_at_camera", 0.5, 9.0)
    for acts in ((turn, stay), (stay, turn)):
        motion = perform(tables, *acts, seconds=3.0)
        assert float(np.abs(gaze(motion)).max()) < 2.5
        assert motion.at("headYaw", 2.5) > 20


def test_looks_one_after_the_other_are_one_saccade_each(tables: Tables):
    first, second = act("look", 0.4, 2.0, yaw=20.0), act("look", 2.0, 9.0, yaw=-20.0)
    for edges in ((2.0,), ()):
        motion = perform(tables, first, second, seconds=4.0, edges=edges)
        row = gaze(motion)
        assert float(row[round(1.9 * RATE)]) == pytest.approx(20.0, abs=1.0)
        arrived = round((2.0 + saccade_seconds(40.0) + 0.03) * RATE)
        assert float(np.abs(row[arrived:] + 20.0).max()) < 3.0, edges


def test_a_glance_away_comes_back_to_what_is_looked_at(tables: Tables):
    look, glance = act("look", 0.3, 9.0, yaw=18.0), act("glance", 1.5, 2.6, yaw=-15.0)
    row = gaze(perform(tables, look, glance, seconds=4.0))
    assert [float(row[round(time * RATE)]) for time in (1.2, 2.0, 3.5)] == pytest.approx([18.0, -15.0, 18.0], abs=2.0)


def test_a_slow_look_glides_with_the_head(tables: Tables):
    motion = perform(tables, act("look", 0.5, 9.0, yaw=20.0, speed=0.4), seconds=4.0)
    assert float(np.abs(np.diff(motion["eyeYawLeft"])).max()) * RATE < 60


def test_a_lowered_look_takes_the_lids_along_as_far_as_the_eyes_go(tables: Tables):
    motion = perform(tables, act("look", 0.4, 9.0, pitch=-24.0), seconds=3.0)
    eyes, lids = motion["eyePitchLeft"], motion["eyeBlinkLeft"]
    assert REACH_DOWN <= float(eyes.min()) < -10
    wanted = np.array([lowered(-float(value)) for value in eyes])
    assert float(np.abs(lids - wanted).max()) < 0.12
    assert REACH_UP > 0


def test_saccades_keep_the_main_sequence(tables: Tables):
    # 473 (1 - e^(-A / 7.8)) degrees a second at most: within a fifth of it.
    for degrees in (5.0, 12.0, 25.0):
        row = perform(tables, act("look", 0.5, 9.0, yaw=degrees, regions=("eyes",)), seconds=1.5)["eyeYawLeft"]
        fastest = float(np.abs(np.diff(row)).max()) * RATE
        assert 0.8 <= fastest / (473 * (1 - np.exp(-degrees / 7.8))) <= 1.2
