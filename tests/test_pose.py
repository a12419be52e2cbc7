"""How a head is held: signs, order and independence of place, size and expression."""

import math

import numpy as np
import pytest

from configs.mesh import builtin_mesh
from renderer.pose import Pose, head_pose, pose_of, relative_pose, rotation


@pytest.fixture(scope="module")
def head() -> np.ndarray:
    """A head that looks straight ahead: points of a symmetric bulge, with the canonical places where they are known."""
    table, chance = builtin_mesh(), np.random.default_rng(5)
    mesh = np.zeros((468, 3))
    for right, left in table.pairs:
        x, y = chance.uniform(1, 7), chance.uniform(-8, 9)
        mesh[right], mesh[left] = (-x, y, -5 + x * x / 12), (x, y, -5 + x * x / 12)
    for point in table.midline:
        mesh[point] = 0, chance.uniform(-8, 9), -5
    for point, *place in table.upright:
        mesh[point] = place
    return mesh * 40


POSES = [Pose(0, 0, 0), Pose(25, 0, 0), Pose(0, -18, 0), Pose(0, 0, 40), Pose(-30, 12, -20), Pose(60, -40, 150)]


@pytest.mark.parametrize("pose", POSES)
def test_a_pose_becomes_a_rotation_and_back(pose):
    matrix = rotation(pose)
    np.testing.assert_allclose(matrix @ matrix.T, np.eye(3), atol=1e-12)
    assert np.linalg.det(matrix) == pytest.approx(1)
    assert pose_of(matrix) == pytest.approx(pose, abs=1e-9)


def test_yaw_turns_the_nose_to_the_viewers_right_pitch_lifts_it_and_roll_tilts_the_crown_to_the_viewers_right():
    nose, crown = np.array([0.0, 0.0, -1.0]), np.array([0.0, -1.0, 0.0])
    assert rotation(Pose(30, 0, 0)) @ nose == pytest.approx([0.5, 0, -math.sqrt(0.75)])
    assert rotation(Pose(0, 30, 0)) @ nose == pytest.approx([0, -0.5, -math.sqrt(0.75)])
    assert rotation(Pose(0, 0, 30)) @ crown == pytest.approx([0.5, -math.sqrt(0.75), 0])


def test_yaw_comes_first_and_the_others_turn_with_it():
    # After a quarter turn to the viewer's right the head's own cross axis points away from the camera, so a pitch about it
    # moves the nose within the plane of the picture.
    assert rotation(Pose(90, 30, 0)) @ [0.0, 0.0, -1.0] == pytest.approx([math.sqrt(0.75), -0.5, 0])


@pytest.mark.parametrize("pose", POSES[:5])
def test_a_turned_head_is_measured_as_it_was_turned(head, pose):
    assert head_pose(head @ rotation(pose).T) == pytest.approx(pose, abs=1e-6)


def test_place_and_size_do_not_matter(head):
    moved = (head @ rotation(Pose(12, -5, 8)).T * 0.3 + (400, 250, 0)).astype(np.float32)
    assert head_pose(moved) == pytest.approx((12, -5, 8), abs=0.01)
    assert relative_pose(head, moved) == pytest.approx((12, -5, 8), abs=0.01)


@pytest.mark.parametrize("pose", POSES[:5])
def test_the_difference_of_two_meshes_needs_no_likeness_to_any_face(head, pose):
    strange = head * (1.3, 0.8, 1.6) + np.sin(head / 50) * 12
    assert relative_pose(strange, strange @ rotation(pose).T) == pytest.approx(pose, abs=1e-6)


def test_an_expression_hardly_changes_the_pose(head):
    table = builtin_mesh()
    smiling = head.copy()
    steady = {point for point, _ in table.steady}
    moving = [point for ring in (table.rings.lips_outer, table.rings.lips_inner) for point in ring if point not in steady]
    smiling[moving] += (0, 60, 20)
    assert relative_pose(head, smiling) == pytest.approx((0, 0, 0), abs=1e-6)
    assert head_pose(smiling) == pytest.approx(head_pose(head), abs=1e-6)


def test_a_mirrored_head_turns_the_other_way(head):
    turned = head @ rotation(Pose(20, 7, 11)).T
    mirrored = turned[list(builtin_mesh().mirrored)] * (-1, 1, 1)
    assert head_pose(mirrored) == pytest.approx((-20, 7, -11), abs=1e-6)
