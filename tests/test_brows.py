from dataclasses import replace

import numpy as np
import pytest

from configs.puppet import builtin_muscles
from renderer.puppet.anatomy import BROW_LOWER, BROW_UPPER, FOREHEAD, LID_UPPER, Muscle, place
from renderer.puppet.brows import brow_down, brow_inner_up, brow_outer_up
from renderer.puppet.geometry import CM_PER_U, Field
from tests.drawn_face import drawn_anchors, drawn_points, grid

TABLE = builtin_muscles()
INNER_UP = brow_inner_up(TABLE.parts("browInnerUp"))
OUTER_UP = {sign: brow_outer_up(sign, TABLE.parts("browOuterUp")) for sign in (-1.0, 1.0)}
DOWN = {sign: brow_down(sign, TABLE.parts("browDown")) for sign in (-1.0, 1.0)}


def moved(muscle: Muscle, x: Field, y: Field) -> tuple[Field, Field]:
    """Displacement in centimetres at points of the drawn face."""
    anchors = drawn_anchors()
    out, up, _ = muscle(place(anchors, np.asarray(x, float), np.asarray(y, float)), anchors, 0)
    return out * CM_PER_U, up * CM_PER_U


def brow(side: int) -> tuple[Field, Field]:
    """The middle of a brow from the temple to the nose."""
    points = drawn_points()
    middle = (points[list(BROW_UPPER[side])] + points[list(BROW_LOWER[side])]) / 2
    return middle[:, 0], middle[:, 1]


# Face anatomy's 0.9, 0.9 and 0.6 cm down with 0.35 cm inwards, at their strongest place, or nearly.
def test_inner_brow_rises_at_its_inner_end_and_not_at_its_tail():
    _, up = moved(INNER_UP, *brow(1))
    assert up[-1] > 0.75
    assert up[0] == pytest.approx(0, abs=0.02)
    assert (np.diff(up[1:]) > 0).all()


def test_outer_brow_rises_and_leaves_the_inner_end_alone():
    _, up = moved(OUTER_UP[1.0], *brow(1))
    assert up.max() > 0.7
    assert up[-1] < 0.1 * up.max()
    assert up[0] < up.max()


def test_lowered_brow_comes_down_and_towards_the_middle():
    out, up = moved(DOWN[1.0], *brow(1))
    assert up[-1] < -0.6
    assert out.min() < -0.3
    assert up[0] > 0.35 * up[-1]
    assert (np.diff(up) < 0).all()


def test_the_inner_end_of_a_brow_comes_down_in_full_where_its_middle_has_little_room():
    """Eyes that lie high under their brows leave a brow's middle no way to go, but there is no lid below its end."""
    anchors = drawn_anchors()
    points = anchors.points.copy()
    points[[*LID_UPPER[0], *LID_UPPER[1]], 1] += 0.06
    high = replace(anchors, points=points)
    x, y = brow(1)
    _, up, _ = DOWN[1.0](place(high, x, y), high, 0)
    _, usual = moved(DOWN[1.0], x, y)
    assert up[3] * CM_PER_U > 0.8 * usual[3]
    assert up[-1] * CM_PER_U < -0.5


@pytest.mark.parametrize("sign", [-1.0, 1.0])
@pytest.mark.parametrize("muscles", [OUTER_UP, DOWN])
def test_one_brow_leaves_the_other_alone(muscles, sign):
    out, up = moved(muscles[sign], *brow(0 if sign > 0 else 1))
    assert not out.any()
    assert not up.any()


@pytest.mark.parametrize("muscle", [INNER_UP, OUTER_UP[1.0], DOWN[-1.0]])
def test_a_brow_stays_as_thick_as_it_is(muscle):
    points = drawn_points()
    for side in (0, 1):
        high, low = (points[list(each[side])] for each in (BROW_UPPER, BROW_LOWER))
        _, above = moved(muscle, high[:, 0], high[:, 1])
        _, below = moved(muscle, low[:, 0], low[:, 1])
        assert above == pytest.approx(below, abs=1e-9)


@pytest.mark.parametrize("muscle", [INNER_UP, OUTER_UP[-1.0], OUTER_UP[1.0], DOWN[-1.0], DOWN[1.0]])
def test_lids_hair_and_all_below_stay_exactly_where_they_are(muscle):
    points = drawn_points()
    lids = points[[*LID_UPPER[0], *LID_UPPER[1]]]
    x, y = grid()
    still = (y <= np.where(np.abs(x) < 0.2, -0.1, -0.02)) | (y >= points[FOREHEAD, 1]) | (np.abs(x) > 0.8)
    for at_x, at_y in ((lids[:, 0], lids[:, 1] + 0.01), (x[still], y[still])):
        out, up = moved(muscle, at_x, at_y)
        assert not out.any()
        assert not up.any()


def test_both_sides_together_are_symmetric_and_without_a_crease_in_the_middle():
    x, y = grid(0.01)
    for pair in (OUTER_UP, DOWN):
        left, right = moved(pair[1.0], x, y), moved(pair[-1.0], x, y)
        out, up = left[0] + right[0], left[1] + right[1]
        assert up == pytest.approx(up[:, ::-1], abs=1e-9)
        assert out == pytest.approx(-out[:, ::-1], abs=1e-9)
        middle = np.abs(x[0]) < 0.1
        bends = np.abs(np.diff(up[:, middle], n=2, axis=1)).max() / CM_PER_U / 0.01  # change of slope from node to node
        assert bends < 0.05


@pytest.mark.parametrize(
    "muscles",
    [[INNER_UP], [*DOWN.values()], [*OUTER_UP.values()], [INNER_UP, *DOWN.values()], [INNER_UP, *OUTER_UP.values()],
     [OUTER_UP[1.0], DOWN[-1.0]]],
)  # fmt: skip
def test_skin_never_folds_over_itself(muscles):
    cell = 0.02
    x, y = grid(cell)
    out, up = (sum(each) / CM_PER_U for each in zip(*(moved(muscle, x, y) for muscle in muscles), strict=True))
    out_down, out_across = np.gradient(out, -cell, cell)
    up_down, up_across = np.gradient(up, -cell, cell)
    assert ((1 + out_across) * (1 + up_down) - out_down * up_across).min() > 0.2
