"""What a face does at rest is measured alike however it is held, and a smile leaves less for the mouth to do."""

from __future__ import annotations

import numpy as np
import pytest

from protocol.channels import INDEX
from renderer.faces import Face
from renderer.puppet.anatomy import CORNERS, LID_LOWER, LID_UPPER, LOWER_INNER, UPPER_INNER
from renderer.puppet.geometry import Points
from renderer.puppet.neutral import BEAMING, LESS_WHEN_BEAMING, SMILING, Neutral, headroom, neutral
from tests.drawn_face import drawn_mesh

U = 100.0


def face(mesh: Points, look: tuple[float, float] = (0.0, 0.0), roll: float = 0.0) -> Face:
    """A face of a mesh, with irises `look` u towards the subject's left and up from between the corners, all rolled."""
    middles = np.array([(mesh[a, :2] + mesh[b, :2]) / 2 for a, b in ((33, 133), (263, 362))])
    irises = np.repeat((middles + np.array([U * look[0], -U * look[1]]))[:, None], 5, axis=1)
    cos, sin = np.cos(np.radians(roll)), np.sin(np.radians(roll))
    turn = np.array([[cos, sin], [-sin, cos]])
    turned = np.concatenate([mesh[:, :2] @ turn, mesh[:, 2:]], axis=1)
    box = (0.0, 0.0, 200.0, 200.0)
    contours = np.zeros((2, 71, 2), np.float32)
    return Face(box, 1.0, 1.0, turned.astype(np.float32), (irises @ turn).astype(np.float32), contours)


def mesh() -> Points:
    return drawn_mesh(U, 160.0, 120.0)[1]


def found(lift: float) -> Neutral:
    rest = neutral(face(mesh()))
    return Neutral(rest.pose, rest.lids, rest.gap, lift, rest.gaze)


@pytest.mark.parametrize("roll", [0.0, 35.0, 180.0])
def test_lids_lips_and_gaze_are_measured_alike_however_the_head_is_tilted(roll: float):
    rest = neutral(face(mesh(), (0.03, 0.01), roll))
    # As drawn: the lips 0.008 u apart and their corners level with them; lids of 0.115 u over eyes of 0.31 u, two thirds up.
    assert rest.gap == pytest.approx(0.008, abs=1e-4)
    assert rest.lift == pytest.approx(0.0, abs=1e-4)
    assert rest.lids == pytest.approx((0.316, 0.316), abs=0.03)
    assert rest.gaze[0] == pytest.approx((0.03, 0.01), abs=1e-4)
    assert rest.gaze[1] == pytest.approx((0.03, 0.01), abs=1e-4)
    assert (rest.pose.roll - roll + 180) % 360 - 180 == pytest.approx(0.0, abs=1.0)


def test_each_eye_is_measured_by_itself():
    closed = mesh()
    closed[list(LID_UPPER[0]), :2] = closed[list(LID_LOWER[0]), :2]
    right, left = neutral(face(closed)).lids
    assert right == 0.0
    assert left > 0.2


def test_an_open_mouth_has_a_gap_and_raised_corners_are_a_lift():
    parted = mesh()
    parted[list(UPPER_INNER[1:-1]), 1] -= 0.05 * U
    parted[list(LOWER_INNER[1:-1]), 1] += 0.05 * U
    assert neutral(face(parted)).gap == pytest.approx(0.108, abs=1e-4)
    smiling = mesh()
    smiling[list(CORNERS), 1] -= 0.08 * U
    assert neutral(face(smiling)).lift == pytest.approx(0.08, abs=1e-4)


@pytest.mark.parametrize("lift", [-0.1, 0.0, SMILING])
def test_a_face_that_does_not_smile_has_all_its_motion_left(lift: float):
    assert set(headroom(found(lift)).values()) == {1.0}


def test_the_more_a_face_smiles_already_the_less_is_left_down_to_a_limit():
    left = [headroom(found(lift)) for lift in (SMILING, 0.05, 0.07, BEAMING, 0.3)]
    for name, least in LESS_WHEN_BEAMING.items():
        for side in ("Left", "Right"):
            values = [each[f"{name}{side}"] for each in left]
            assert values == sorted(values, reverse=True)
            assert values[-2:] == pytest.approx([1 - least] * 2)
    assert set(left[0]) <= set(INDEX)
