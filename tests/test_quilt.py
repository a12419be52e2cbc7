"""What is hidden goes on as what is seen around it, out of its own pieces."""

from __future__ import annotations

import numpy as np
import pytest

from renderer.puppet.quilt import quilted

U = 40.0
SHAPE = (160, 200)
Y, X = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]].astype(np.float32)
HIDDEN = np.hypot(X - 100, Y - 90) < 35
CURTAIN = np.repeat((0.5 + 0.3 * np.sign(np.sin(X / 6)))[..., None], 3, axis=2).astype(np.float32)
START = np.full((*SHAPE, 3), 0.5, np.float32)


def test_folds_of_a_curtain_go_on():
    large, fine = quilted(np.where(HIDDEN[..., None], 0, CURTAIN), HIDDEN, HIDDEN, START, U)
    rim = HIDDEN & (np.hypot(X - 100, Y - 90) > 20)
    for made, most in ((large, 0.2), (fine, 0.15)):
        assert np.abs(made - CURTAIN)[rim].mean() < most  # plain grey would miss it by .3


def test_what_is_made_up_is_as_bright_as_what_is_seen():
    _, fine = quilted(np.where(HIDDEN[..., None], 0, CURTAIN), HIDDEN, HIDDEN, START, U)
    assert fine[HIDDEN].mean() == pytest.approx(0.5, abs=0.1)
    assert fine.min() >= 0
    assert fine.max() <= 1


def test_nothing_of_what_is_hidden_is_used():
    one, other = (quilted(np.where(HIDDEN[..., None], value, CURTAIN), HIDDEN, HIDDEN, START, U)[1] for value in (0.0, 1.0))
    assert np.abs(one - other)[HIDDEN].max() < 1e-4


def test_where_nothing_is_wanted_or_known_it_stays_as_it_was():
    for hidden, wanted in ((HIDDEN, np.zeros(SHAPE, bool)), (np.ones(SHAPE, bool), np.ones(SHAPE, bool))):
        large, fine = quilted(CURTAIN, hidden, wanted, START, U)
        assert np.array_equal(large[hidden], START[hidden])
        assert np.array_equal(fine, large)
