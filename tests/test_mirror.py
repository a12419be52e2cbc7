"""What is hidden goes on as what is seen right beside it, mirrored at the edge."""

from __future__ import annotations

import numpy as np
import pytest

from renderer.puppet.mirror import mirrored

U = 40.0
SHAPE = (160, 200)
Y, X = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]].astype(np.float32)
AWAY = np.hypot(X - 100, Y - 80) - 40
HIDDEN = AWAY < 0


def colours(light: np.ndarray) -> np.ndarray:
    return np.repeat(light[..., None], 3, axis=2).astype(np.float32)


def test_behind_a_straight_edge_it_is_a_mirror():
    picture = colours(np.random.default_rng(0).random(SHAPE))
    made = mirrored(picture, X >= 100, U)
    for depth in (1, 2, 3):
        assert np.abs(made[20:-20, 99 + depth] - picture[20:-20, 100 - depth]).max() < 0.35
    assert np.abs(made[20:-20, 100] - picture[20:-20, 99]).max() < 1e-3


def test_folds_of_a_curtain_go_on():
    curtain = colours(0.5 + 0.3 * np.sign(np.sin(Y / 6)))
    made = mirrored(np.where(HIDDEN[..., None], 0, curtain), HIDDEN, U)
    rim = HIDDEN & (AWAY > -6) & (np.abs(Y - 80) < 15)
    assert np.abs(made - curtain)[rim].mean() < 0.1  # plain grey would miss it by .3


def test_nothing_of_what_is_hidden_is_used():
    picture = colours(0.5 + 0.001 * X)
    one, other = (mirrored(np.where(HIDDEN[..., None], np.float32(value), picture), HIDDEN, U) for value in (0.0, 1.0))
    assert np.abs(one - other)[HIDDEN].max() < 1e-5


def test_between_two_hidden_parts_it_is_what_is_seen_around():
    """A head and a shoulder with a narrow gap between them, in which each would be mirrored into the other."""
    gap = (X > 96) & (X < 104)
    hidden = ~gap & (Y > 40)
    made = mirrored(colours(np.where(hidden, 0.0, 0.6)), hidden, U)
    assert made[hidden] == pytest.approx(0.6, abs=1e-3)
