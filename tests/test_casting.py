"""The largest face acts unless another is asked for; who cannot act is told why."""

from __future__ import annotations

import numpy as np
import pytest

from configs.mesh import builtin_mesh
from renderer.casting import FaceError, cast
from renderer.faces import Face
from renderer.pose import Pose, rotation

SIZE = (400, 400)


def face(width: float, yaw: float = 0.0, roll: float = 0.0, x: float = 200.0) -> Face:
    """A face of the canonical points (the others in its middle), turned by some degrees."""
    mesh = np.zeros((468, 3))
    for point, *place in builtin_mesh().upright:
        mesh[point] = place
    mesh = mesh @ rotation(Pose(yaw, -10.0, roll)).T * width / 16 + [x, 200, 0]
    return Face(
        (0.0, 0.0, width, width),
        0.9,
        1.0,
        mesh.astype(np.float32),
        np.zeros((2, 5, 2), np.float32),
        np.zeros((2, 71, 2), np.float32),
    )


def test_one_face_acts_without_further_words():
    only = face(200)
    assert cast([only], None, "a.png", SIZE) == (only, ())


def test_of_several_the_largest_acts_and_it_is_said():
    large, small = face(200), face(90)
    acting, notes = cast([large, small], None, "a.png", SIZE)
    assert acting is large
    assert "2 faces were found" in notes[0]
    assert "--face 2" in notes[0]


def test_another_acts_when_asked_for():
    large, small = face(200), face(90)
    assert cast([large, small], 2, "a.png", SIZE) == (small, ())


@pytest.mark.parametrize("wanted", [0, 3, -1])
def test_a_face_that_is_not_there_cannot_act(wanted: int):
    with pytest.raises(FaceError, match=rf"no face {wanted}; 2 faces"):
        cast([face(200), face(90)], wanted, "a.png", SIZE)


def test_no_face_says_what_to_do():
    with pytest.raises(FaceError, match=r"a\.png: no face was found.*Crop"):
        cast([], None, "a.png", SIZE)


def test_a_small_face_works_with_a_warning():
    _, notes = cast([face(40)], None, "a.png", SIZE)
    assert "only 40 pixels" in notes[0]


def test_a_profile_is_refused():
    with pytest.raises(FaceError, match=r"seen from the side.* both eyes can be seen\.$"):
        cast([face(200, yaw=70)], None, "a.png", SIZE)
    with pytest.raises(FaceError, match="or choose another face with --face"):
        cast([face(200, yaw=-70), face(90)], None, "a.png", SIZE)
    acting, _ = cast([face(200, yaw=-70), face(90)], 2, "a.png", SIZE)
    assert acting.box[2] == 90


def test_a_turned_head_is_told():
    _, notes = cast([face(200, yaw=-38)], None, "a.png", SIZE)
    assert "turned by about 3" in notes[0]


def test_a_face_that_the_border_cuts_acts_with_a_note_as_long_as_half_of_it_is_seen():
    points = face(200).mesh
    points[::3, 0] = -20.0
    cut = Face((0.0, 0.0, 200.0, 200.0), 0.9, 1.0, points, np.zeros((2, 5, 2), np.float32), np.zeros((2, 71, 2), np.float32))
    _, notes = cast([cut], None, "a.png", SIZE)
    assert any("border cuts through the face" in note for note in notes)
    with pytest.raises(FaceError, match="half of the face lies outside"):
        cast([face(200, x=-100)], None, "a.png", SIZE)


def test_a_head_that_lies_on_its_side_acts_with_a_note():
    _, notes = cast([face(200, roll=-85)], None, "a.png", SIZE)
    assert notes == ("the head is tilted by about 85 degrees; turn the picture upright for a better result",)
    assert cast([face(200, roll=40)], None, "a.png", SIZE)[1] == ()
