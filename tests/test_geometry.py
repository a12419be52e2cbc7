"""Points go between the picture and the head and back, and the head's axes follow how it is held."""

from __future__ import annotations

import numpy as np
import pytest

from configs.mesh import builtin_mesh
from renderer.pose import Pose, rotation
from renderer.puppet.geometry import (
    CM_PER_U,
    EYE_CORNERS,
    OUTER_LEFT,
    OUTER_RIGHT,
    PITCH_AHEAD,
    HeadFrame,
    Points,
    head_frame,
    smooth,
)
from tests.drawn_face import drawn_mesh, drawn_points


def held(pose: Pose, pixels_per_cm: float = 12.0) -> Points:
    """The canonical points of a head that is held in a pose and is seen to look down by the networks' bias."""
    mesh = np.zeros((468, 3))
    for point, *place in builtin_mesh().upright:
        mesh[point] = place
    turn = rotation(pose) @ rotation(Pose(0, -PITCH_AHEAD, 0))
    turned: Points = mesh @ turn.T * pixels_per_cm + [300.0, 220.0, -7.0]
    return turned


@pytest.mark.parametrize("pose", [Pose(0, 0, 0), Pose(25, 0, 0), Pose(0, -15, 0), Pose(0, 0, 40), Pose(-20, 10, 170)])
def test_the_axes_of_a_head_are_those_of_its_pose(pose: Pose):
    yaw, pitch, roll = np.radians(pose)
    right, up, ahead = head_frame(held(pose)).axes.T
    # Camera coordinates: x right, y up, z towards the camera; yaw goes to the viewer's right, pitch up, roll clockwise.
    assert ahead == pytest.approx([np.sin(yaw) * np.cos(pitch), np.sin(pitch), np.cos(yaw) * np.cos(pitch)], abs=1e-3)
    assert np.cross(right, up) == pytest.approx(ahead, abs=1e-9)
    assert [np.linalg.norm(axis) for axis in (right, up, ahead)] == pytest.approx([1, 1, 1])
    if yaw == pitch == 0:
        assert right == pytest.approx([np.cos(roll), -np.sin(roll), 0], abs=1e-3)


@pytest.mark.parametrize("pose", [Pose(0, 0, 0), Pose(30, 10, -20)])
def test_u_is_the_distance_of_the_outer_corners_in_space_however_the_head_is_turned(pose: Pose):
    mesh = held(pose)
    frame = head_frame(mesh)
    assert frame.scale == pytest.approx(12.0 * CM_PER_U, rel=1e-3)
    outer = frame.head(mesh)[[OUTER_RIGHT, OUTER_LEFT]]
    assert outer[1] - outer[0] == pytest.approx([1, 0, 0], abs=1e-3)


def test_the_origin_lies_between_the_corners_of_the_eyes():
    mesh = held(Pose(-15, 5, 10))
    frame = head_frame(mesh)
    assert frame.origin == pytest.approx(mesh[list(EYE_CORNERS), :2].mean(axis=0))
    assert frame.head(mesh)[list(EYE_CORNERS)].mean(axis=0) == pytest.approx([0, 0, 0], abs=1e-9)


def test_points_go_to_the_head_and_back_to_their_pixels():
    mesh = held(Pose(20, -10, 30))
    frame = head_frame(mesh)
    assert frame.pixels(frame.head(mesh)) == pytest.approx(mesh[:, :2])
    assert frame.camera(mesh) @ frame.axes == pytest.approx(frame.head(mesh))


def test_left_up_and_towards_the_camera_are_positive():
    frame = HeadFrame(np.array([50.0, 60.0]), 10.0, 5.0, np.eye(3))
    assert frame.head(np.array([[60.0, 40.0, -5.0]])) == pytest.approx(np.array([[1.0, 2.0, 1.0]]))
    assert frame.pixels(np.array([[1.0, 2.0, 1.0]])) == pytest.approx(np.array([[60.0, 40.0]]))


def test_a_drawn_face_is_where_it_was_drawn():
    frame, mesh = drawn_mesh(80.0, 110.0, 90.0)
    assert frame.head(mesh) == pytest.approx(drawn_points())


def test_a_smooth_step_rises_from_0_to_1_and_falls_with_its_ends_exchanged():
    x = np.linspace(-1, 2, 61)
    step = smooth(0.0, 1.0, x)
    assert set(step[x <= 0]) == {0.0}
    assert set(step[x >= 1]) == {1.0}
    assert (np.diff(step) >= 0).all()
    assert smooth(1.0, 0.0, x) == pytest.approx(1 - step)
    assert smooth(2.0, 4.0, np.array([2.5]))[0] == pytest.approx(0.25**2 * (3 - 2 * 0.25))
