"""Where the picture cuts through the head, a strip is made up beyond its border; elsewhere nothing is added."""

from __future__ import annotations

import numpy as np

from renderer.puppet.margins import STRIP, Margins, margins

U = 40.0
SHAPE = (200, 240)
Y, X = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]]


def head(x: float, y: float) -> np.ndarray:
    return (np.hypot(X - x, Y - y) < 60).astype(np.float32)


def test_a_head_with_room_around_it_gets_nothing():
    found = margins(head(120, 100), (0, 0, 240, 200), 150.0, U, SHAPE)
    assert (found.left, found.top, found.right) == (0, 0, 0)


def test_each_cut_side_gets_a_strip():
    strip = round(STRIP * U)
    found = margins(head(30, 40), (0, 0, 240, 200), 100.0, U, SHAPE)
    assert (found.left, found.top, found.right) == (strip, strip, 0)
    found = margins(head(215, 90), (0, 0, 240, 200), 150.0, U, SHAPE)
    assert (found.left, found.top, found.right) == (0, 0, strip)


def test_shoulders_that_are_cut_do_not_count():
    body = (Y > 160).astype(np.float32)
    found = margins(np.maximum(head(120, 90), body), (0, 0, 240, 200), 150.0, U, SHAPE)
    assert (found.left, found.top, found.right) == (0, 0, 0)


def test_a_side_inside_the_picture_does_not_count():
    found = margins(head(120, 100), (100, 90, 160, 180), 150.0, U, SHAPE)
    assert (found.left, found.top, found.right) == (0, 0, 0)


def test_the_picture_itself_stays_in_the_middle():
    picture = np.random.default_rng(0).integers(0, 256, (*SHAPE, 3), np.uint8)
    grown = Margins(5, 7, 3, echo=4).colours(picture)
    assert grown.shape == (207, 248, 3)
    assert np.array_equal(grown[7:, 5:245], picture)
    assert np.array_equal(grown[6, 5:245], picture[1])


def test_no_more_than_the_echo_is_mirrored():
    picture = np.zeros((50, 50), np.uint8)
    picture[6:] = 255
    assert not Margins(0, 20, 0, echo=4).colours(picture)[:24].any()


def test_the_cut_head_ends_as_a_dome():
    matte = head(120, 40)
    grown = Margins(0, 30, 0).matte(matte)
    assert np.array_equal(grown[30:], matte)
    widths = (grown[:31] > 0.5).sum(axis=1)
    assert (np.diff(widths) >= 0).all()
    assert widths[0] < widths[-1]
