"""Where the rig says that points go is where they are found in its frames."""

import numpy as np
import pytest

from renderer.puppet.anatomy import CHIN, LID_LOWER, LID_UPPER, LOWER_INNER, UPPER_INNER
from renderer.puppet.puppet import Puppet, prepared
from renderer.puppet.rig import PuppetRig
from tests import dots
from tests.drawn_face import drawn_portrait
from tests.posing import motion
from tests.prediction import gone, irises, landmarks, lower_side

U = 70.0


@pytest.fixture(scope="module")
def rig() -> PuppetRig:
    """Of a drawn face, which no network has to find."""
    return prepared(*drawn_portrait(U, 120, 110, 240, 260))


@pytest.fixture(scope="module")
def puppet() -> Puppet:
    return Puppet({})


def test_at_rest_landmarks_are_the_portraits(rig: PuppetRig):
    still = motion({})
    assert landmarks(rig, still)[0] == pytest.approx(rig.face.mesh[:, :2], abs=1e-3)
    assert irises(rig, still)[0] == pytest.approx(rig.face.irises, abs=1e-3)


def test_there_are_as_many_as_frames(rig: PuppetRig):
    assert landmarks(rig, motion()).shape == (0, 468, 2)
    assert irises(rig, motion()).shape == (0, 2, 5, 2)
    assert landmarks(rig, motion(*[{}] * 70)).shape == (70, 468, 2)
    assert gone(rig, np.zeros((3, 2), np.float32), motion({}, {})).shape == (2, 3, 2)


def test_a_frame_does_not_depend_on_the_others(rig: PuppetRig):
    rows = motion({"jawOpen": 0.4}, {"headYaw": 8.0, "eyeBlinkLeft": 0.7}, {"mouthPucker": 1.0})
    assert np.array_equal(landmarks(rig, rows)[1:2], landmarks(rig, rows[1:2]))


def test_lips_part_along_their_line(rig: PuppetRig):
    way = (landmarks(rig, motion({"jawOpen": 0.5})) - rig.face.mesh[:, :2])[0] / U
    assert way[LOWER_INNER[5], 1] > 0.1
    assert abs(way[UPPER_INNER[5], 1]) < 0.02
    below = lower_side(rig, rig.face.mesh[:, :2])
    assert below[CHIN]
    assert not below[[33, 168, 2]].any()


def test_lids_meet_in_a_blink(rig: PuppetRig):
    closed = landmarks(rig, motion({"eyeBlinkRight": 1.0}))[0] / U
    gap = closed[list(LID_LOWER[0][2:5]), 1] - closed[list(LID_UPPER[0][2:5]), 1]
    assert np.abs(gap).max() < 0.02
    assert closed[list(LID_UPPER[1])] == pytest.approx(rig.face.mesh[list(LID_UPPER[1]), :2] / U, abs=1e-4)


def test_irises_turn_with_the_eyes_and_go_with_the_head(rig: PuppetRig):
    looked, turned = irises(rig, motion({"eyeYawLeft": 15.0}, {"headYaw": 10.0})) - rig.face.irises
    assert looked[1, 0, 0] / U == pytest.approx(0.135 * np.sin(np.deg2rad(15)), rel=0.3)  # the eyeball's radius in u
    assert np.abs(looked[0]).max() < 1e-3
    assert (turned[:, 0, 0] > 0.02 * U).all()


@pytest.mark.parametrize(
    "pose",
    [
        {"jawOpen": 0.8, "mouthSmileLeft": 0.6},
        {"headYaw": 12.0, "headPitch": -6.0, "browInnerUp": 1.0},
        {"eyeBlinkLeft": 0.5, "eyeBlinkRight": 0.5, "mouthPucker": 1.0, "headRoll": 8.0},
    ],
    ids=str,
)
def test_dots_are_found_where_they_are_predicted(pose: dict[str, float], rig: PuppetRig, puppet: Puppet):
    """Within a twentieth of their way, in the median: dots of their own colours, moved by the face's own rig."""
    mesh = rig.face.mesh[:, :2].astype(np.float64)[::4]
    rows = motion(pose)
    expected = gone(rig, mesh.astype(np.float32), rows).astype(np.float64)
    found = dots.found(puppet, dots.dotted(rig, mesh), rows, expected)
    way, off = (np.linalg.norm(places, axis=2) for places in (expected - mesh, found - expected))
    measured = (way > 1.5) & np.isfinite(off)
    assert measured.sum() > 20
    assert np.median((off / np.maximum(way, 1e-6))[measured]) <= 0.05


def test_a_dot_in_an_iris_is_found_where_the_eye_has_turned(rig: PuppetRig, puppet: Puppet):
    rows = motion({"eyeYawLeft": 12.0, "eyeYawRight": 12.0, "headPitch": 5.0})
    expected = irises(rig, rows)[0, :, 0].astype(np.float64)
    frame = puppet.render(dots.with_iris_dots(rig), rows)[0, ..., 0]
    for eye in range(2):
        seen = dots.middle(frame, expected[eye], 0.05 * U)
        way = np.linalg.norm(expected[eye] - rig.face.irises[eye, 0])
        assert np.linalg.norm(seen - expected[eye]) <= 0.05 * way


def test_a_dot_that_is_cut_is_not_taken_for_one_that_lies_elsewhere():
    where = np.array([20.3, 15.7])
    picture = (255 * dots.drawn(where[None], (32, 40), 1.3)).astype(np.uint8)
    assert dots.middle(picture, where, 4.0) == pytest.approx(where, abs=0.05)
    picture[:16] = 0  # a lid over its upper half
    assert np.isnan(dots.middle(picture, where, 4.0)).all()
