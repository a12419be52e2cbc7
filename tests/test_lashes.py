"""The lashes of a closed lid, in the lid's own coordinates."""

import numpy as np
import pytest

from numpy.typing import NDArray

from renderer.puppet.axes import Axes
from renderer.puppet.lashes import ABOVE, BELOW, BLACKEST, CELL, PALEST, draw_lashes, lash_colour
from renderer.puppet.lids import Around

U = 120.0
AXES = Axes(100.0, 80.0, 1.0, 0.0, 0.3 * U)
EDGE = round(ABOVE / CELL)
"""The row of the lid's edge."""


@pytest.fixture(scope="module")
def drawn() -> NDArray[np.float64]:
    """Those of an eye whose outer corner is where T ends."""
    return draw_lashes(AXES, (0.0, 1.0), 1, U)


def test_the_edge_of_the_lid_is_dark_from_corner_to_corner_and_nowhere_else(drawn: NDArray[np.float64]) -> None:
    aside = round(BELOW / CELL)
    edge = drawn[EDGE]
    assert edge[aside + 15 : -aside - 15].min() > 0.5
    assert edge[[0, -1]].max() < 0.01
    assert drawn[[0, -1]].max() < 0.03


def test_lashes_hang_lower_toward_the_outer_corner(drawn: NDArray[np.float64]) -> None:
    low = drawn[EDGE + round(0.03 / CELL) :]
    half = low.shape[1] // 2
    assert low[:, half:].sum() > 2 * low[:, :half].sum()


def test_the_other_eye_has_them_mirrored(drawn: NDArray[np.float64]) -> None:
    assert draw_lashes(AXES, (0.0, 1.0), -1, U)[:, :0:-1] == pytest.approx(drawn[:, 1:], abs=0.01)


def test_a_coarse_portrait_keeps_a_dark_line_without_single_lashes() -> None:
    fine, coarse = (draw_lashes(Axes(0, 0, 1, 0, 0.3 * u), (0.0, 1.0), 1, u) for u in (400.0, 40.0))
    row = EDGE + round(0.02 / CELL)
    middle = slice(fine.shape[1] // 3, -fine.shape[1] // 3)

    def rough(lashes: NDArray[np.float64]) -> float:
        return float(np.abs(np.diff(lashes[row, middle])).mean())

    assert coarse[EDGE, middle].min() > 0.6
    assert rough(coarse) < 0.5 * rough(fine)


@pytest.mark.parametrize(("light", "share"), [(0.0, BLACKEST), (0.3, 0.375), (0.8, PALEST)])
def test_lashes_are_as_dark_as_the_line_of_the_open_lid_within_limits(light: float, share: float) -> None:
    below = np.mgrid[-20:20, :40][0].astype(float)
    around = Around(np.full((40, 40), 20.0), below, 12 - below, np.full((40, 40), 10.0))
    colours = np.full((40, 40, 3), 0.8, np.float32)
    colours[np.abs(below) < 2] = light
    assert lash_colour(colours, np.full((40, 40, 3), 0.8), around, U) == pytest.approx(share, abs=1e-6)


def test_lashes_have_the_hue_of_the_skin_but_deeper() -> None:
    below = np.mgrid[-20:20, :40][0].astype(float)
    around = Around(np.full((40, 40), 20.0), below, 12 - below, np.full((40, 40), 10.0))
    skin = np.full((40, 40, 3), (0.8, 0.6, 0.4))
    red, green, blue = lash_colour((0.3 * skin).astype(np.float32), skin, around, U)
    assert red > green > blue
