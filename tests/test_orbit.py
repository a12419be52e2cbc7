import numpy as np
import pytest

from configs.puppet import builtin_muscles
from renderer.puppet.anatomy import CANTHI, place
from renderer.puppet.geometry import CM_PER_U, Field
from renderer.puppet.orbit import eye_squint
from tests.drawn_face import drawn_anchors, drawn_points, grid

TABLE = builtin_muscles()


def moved(sign: float, x: Field, y: Field) -> tuple[Field, Field]:
    """Displacement in centimetres at points of the drawn face."""
    anchors = drawn_anchors()
    out, up, _ = eye_squint(sign, TABLE.parts("eyeSquint"))(place(anchors, x, y), anchors, 0)
    return out * CM_PER_U, up * CM_PER_U


@pytest.mark.parametrize(("side", "sign"), [(0, -1.0), (1, 1.0)])
def test_a_squinting_eye_gets_shorter_from_its_outer_corner(side, sign):
    corners = drawn_points()[[CANTHI[0][side], CANTHI[1][side]]]
    out, up = moved(sign, corners[:, 0], corners[:, 1])
    assert -sign * out[0] > 0.25
    assert out[1] == pytest.approx(0, abs=1e-12)
    assert not up.any()


def test_the_pupil_the_brow_and_the_other_eye_stay_where_they_are():
    x, y = grid()
    still = (x < 0.375) | (np.abs(y) > 0.17) | (x > 0.7)  # the middle of the drawn eye is at .345
    assert not moved(1.0, x[still], y[still])[0].any()


def test_skin_beside_an_eye_gathers_and_does_not_fold():
    cell = 0.02
    x, y = grid(cell)
    out, _ = moved(1.0, x, y)
    assert (1 + np.gradient(out / CM_PER_U, cell, axis=1)).min() > 0.5
