"""A portrait can be turned as far as it can be shown: less from three-quarter views and where the picture cuts the hair."""

from __future__ import annotations

import numpy as np
import pytest

from protocol.channels import CHANNELS
from renderer.puppet.head import Bounds, HeadMap, head_map
from renderer.puppet.lattice import Lattice
from renderer.puppet.ranges import CHANNELS as POSE
from renderer.puppet.ranges import LEAST, PROFILE, WIDEST, ranges
from tests.drawn_face import drawn_mesh

U = 40.0
LATTICE = Lattice(0.0, 0.0, 4.0, 81, 71)
SHAPE = (281, 321)
FRAME, MESH = drawn_mesh(U, 160.0, 110.0)
Y, X = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]]
WHOLE = ((np.hypot((X - 160) / 1.0, (Y - 110) / 1.3) < 40) | ((np.abs(X - 160) < 20) & (Y > 110))).astype(np.float32)


def moving(alpha: np.ndarray) -> tuple[HeadMap, Bounds]:
    bounds = Bounds(SHAPE[1], SHAPE[0])
    x, y = (axis.numpy().astype(np.float64) for axis in LATTICE.nodes())
    return head_map(FRAME, MESH, x, y, alpha[::4, ::4].astype(np.float64), bounds), bounds


def found(alpha: np.ndarray, yaw: float = 0.0) -> dict[str, tuple[float, float]]:
    head, bounds = moving(alpha)
    return dict(ranges(head, LATTICE, alpha, bounds, yaw))


def test_a_frontal_portrait_with_room_has_the_full_range():
    assert found(WHOLE) == {name: (-most, most) for name, most in zip(POSE, WIDEST, strict=True)}


def test_they_are_ranges_of_channels():
    assert all(CHANNELS[name].low <= low < 0 < high <= CHANNELS[name].high for name, (low, high) in found(WHOLE).items())


@pytest.mark.parametrize("yaw", [-18.0, 18.0, -35.0])
def test_a_turned_head_stays_within_sight(yaw):
    low, high = found(WHOLE, yaw)["headYaw"]
    assert low == pytest.approx(max(-WIDEST[0], min(-LEAST[0], -PROFILE - yaw)))
    assert high == pytest.approx(min(WIDEST[0], max(LEAST[0], PROFILE - yaw)))


def test_hair_that_is_cut_at_the_top_is_not_pulled_in():
    tall = np.maximum(WHOLE, (np.abs(X - 160) < 50) & (Y < 110)).astype(np.float32)
    free, cut = found(WHOLE), found(tall)
    assert cut["headPitch"] != free["headPitch"]
    assert cut["headY"][1] == free["headY"][1]  # nothing is pulled in when it goes up
