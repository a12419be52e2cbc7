"""Rims of glasses above an eye, drawn."""

import numpy as np
import pytest

from numpy.typing import NDArray

from renderer.puppet.axes import STEPS, Axes, steps
from renderer.puppet.geometry import Field
from renderer.puppet.glasses import CLEAR, below_rim
from renderer.puppet.lids import Lids

U = 120.0
MIDDLE = 80.0
ARC = 0.06 * U * np.clip(1 - (2 * steps() - 1) ** 2, 0, 1)
LIDS = Lids(Axes(100.0, MIDDLE, 1.0, 0.0, 0.3 * U), ARC, -ARC, (0.0, 1.0))
LOWEST, STILL = LIDS.upper + 0.06 * U, LIDS.upper + 0.2 * U


def face(height: float, thick: float, dark: float) -> NDArray[np.float32]:
    """Skin with a bar across it, that many u above the line of the corners, so many u thick."""
    colours = np.full((160, 200, 3), (0.8, 0.6, 0.5), np.float32)
    v = MIDDLE - np.arange(160)
    colours[np.abs(v - height * U) < thick / 2 * U] *= 1 - dark
    return colours


def limit(colours: NDArray[np.float32]) -> Field:
    return below_rim(colours, LIDS, STILL, LOWEST, U)


def test_skin_moves_up_to_a_rim_and_no_further() -> None:
    inner = (steps() > 0.05) & (steps() < 0.95)
    found = limit(face(0.2, 0.03, 0.9))
    assert found.shape == (STEPS,)
    assert found[inner] == pytest.approx((0.2 - CLEAR) * U, abs=0.012 * U)


@pytest.mark.parametrize(
    ("height", "thick", "dark"),
    [(0.2, 0.03, 0.3), (0.2, 0.12, 0.9), (0.4, 0.03, 0.9)],
    ids=["a fold", "a shadow", "a rim above what moves"],
)
def test_what_is_no_rim_changes_nothing(height: float, thick: float, dark: float) -> None:
    assert np.array_equal(limit(face(height, thick, dark)), STILL)


def test_a_rim_close_above_the_lid_leaves_it_room_to_move() -> None:
    assert (limit(face(0.14, 0.03, 0.9)) >= LOWEST).all()
