"""The person is cut out along a firm edge, and keeps no colour of the background."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from renderer.puppet.matte import cut_by, firm, own_colours, reach, spread, strands
from tests.drawn_face import drawn_mesh

U = 60.0
SHAPE = (300, 320)
_, MESH = drawn_mesh(U, 160.0, 130.0)
Y, X = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]].astype(np.float32)
AWAY = np.hypot((X - 160) / 1.1, (Y - 140) / 1.3) - 72
"""About pixels outside the head's outline."""
HEAD = (cv2.GaussianBlur((AWAY < 0).astype(np.float32), (0, 0), 1.5)).astype(np.float32)


PICTURE = (HEAD[..., None] * np.array([0.3, 0.2, 0.1], np.float32) + (1 - HEAD[..., None]) * np.float32(0.8)).astype(np.float32)


def test_fog_becomes_background_and_a_soft_edge_stays_soft():
    fogged = np.maximum(HEAD, np.where(X > 250, 0.3, 0)).astype(np.float32)
    alpha = firm(fogged, MESH, U)
    assert not alpha[:, 265:].any()
    edge = (HEAD > 0.3) & (HEAD < 0.7) & (X < 240)
    assert 0.05 < alpha[edge].mean() < 0.95
    assert set(np.unique(alpha[(np.abs(AWAY) > 12)])) == {0, 1}


def test_what_cannot_be_seen_is_nothing():
    hardly = np.where((AWAY > 0) & (AWAY < 6), np.float32(0.084), HEAD)  # a little above what counts as nothing
    alpha = firm(hardly, MESH, U)
    assert not alpha[(AWAY > 2) & (AWAY < 5)].any()
    assert alpha[alpha > 0].min() >= 1 / 255


def test_holes_in_the_face_are_filled_and_crumbs_left_out():
    torn = HEAD.copy()
    torn[130:140, 150:170] = 0
    torn[20:26, 20:26] = 1
    alpha = firm(torn, MESH, U)
    assert alpha[130:140, 150:170].min() == 1
    assert not alpha[10:36, 10:36].any()


def test_what_reaches_the_border_stays():
    armed = HEAD.copy()
    armed[250:, :40] = 1
    assert firm(armed, MESH, U)[270:, :30].min() == 1


def test_colours_at_the_edge_are_the_persons_alone():
    """Brown hair against a bright wall, blended as a camera does it."""
    hair, wall = np.array([0.3, 0.2, 0.1], np.float32), np.array([0.9, 0.9, 0.95], np.float32)
    cover = HEAD[..., None]
    picture = cover * hair + (1 - cover) * wall
    plate = np.broadcast_to(wall, picture.shape).astype(np.float32)
    own = own_colours(picture, HEAD, plate, U)
    assert np.abs(own - hair)[HEAD > 0.02].max() < 0.05
    assert np.abs(own - hair)[(AWAY > 0) & (AWAY < 8)].max() < 0.05


def test_colours_inside_are_untouched():
    picture = np.random.default_rng(0).random((*SHAPE, 3), np.float32)
    own = own_colours(picture, HEAD, np.zeros_like(picture), U)
    assert np.array_equal(own[AWAY < -12], picture[AWAY < -12])


def test_all_that_shows_the_person_is_within_reach():
    assert reach(PICTURE, HEAD, HEAD, U)[HEAD > 0].all()
    assert not reach(PICTURE, HEAD, HEAD, U)[AWAY > 20].any()


def test_a_soft_rim_beyond_the_matte_is_within_reach():
    softer = (cv2.GaussianBlur((AWAY < 0).astype(np.float32), (0, 0), 5.0))[..., None]
    picture = (softer * np.array([0.3, 0.2, 0.1], np.float32) + (1 - softer) * np.float32(0.8)).astype(np.float32)
    rim = (AWAY > 2) & (AWAY < 4)
    assert reach(picture, HEAD, HEAD, U)[rim].mean() > 0.9


def with_lock(x: int) -> np.ndarray:
    """The portrait with a thin lock of hair that stands out from the head to the right, from some column on."""
    picture = PICTURE.copy()
    picture[139:142, x:270] = (0.3, 0.2, 0.1)
    return picture


def test_a_lock_that_the_matte_missed_goes_along():
    alpha = firm(HEAD, MESH, U)
    loose, hair = strands(with_lock(230), alpha, U)
    lock = (np.abs(Y - 140) <= 1) & (X > 245) & (X < 265)
    assert loose[lock].min() > 0.8
    assert hair[lock].all()
    assert loose[np.abs(Y - 140) > 8].max() < 0.1


@pytest.mark.parametrize(("length", "goes"), [(7, True), (30, False)])
def test_a_tuft_that_the_matte_cut_off_goes_along_whole_and_what_goes_on_farther_does_not(length, goes):
    picture = PICTURE.copy()
    stands = (AWAY > -4) & (length > AWAY) & (np.abs(X - 160) < 7) & (Y < 140)
    picture[stands] = (0.3, 0.2, 0.1)
    alpha = firm(HEAD, MESH, U)
    loose, _ = strands(picture, alpha, U)
    whole = np.maximum(alpha, loose)[stands & (AWAY < 5) & (np.abs(X - 160) < 5)]
    least = float(whole.min())
    assert least > 0.7 if goes else least < 0.1
    if goes:
        assert not loose[(AWAY > 9) | (np.abs(X - 160) > 16)].any()


def test_a_collar_is_no_hair():
    """A rim of the hair's colour that hangs together with the person, but is wider than any strand."""
    picture = PICTURE.copy()
    picture[139:147, 225:250] = (0.3, 0.2, 0.1)
    loose, hair = strands(picture, firm(HEAD, MESH, U), U)
    assert not loose[139:147, 242:248].any()
    assert not hair[141:145, 246:248].any()


def test_a_band_of_another_colour_is_no_hair_where_it_looks_a_little_like_it():
    """Such as the ring of a collar, with stripes of which some are as hair before the wall would be."""
    picture = PICTURE.copy()
    picture[130:150, 235:275] = (0.55, 0.4, 0.7)
    picture[130:150:5, 235:275] = (0.55, 0.5, 0.45)
    picture[131:150:5, 235:275] = (0.55, 0.5, 0.45)
    loose, hair = strands(picture, firm(HEAD, MESH, U), U)
    band = (Y >= 132) & (Y < 148) & (X > 248) & (X < 272)
    assert not loose[band].any()
    assert not hair[band].any()


def test_a_line_by_itself_is_no_hair():
    loose, hair = strands(with_lock(258), firm(HEAD, MESH, U), U)
    assert not loose[:, 255:].any()
    assert not hair[:, 262:].any()


def test_in_front_of_a_busy_background_no_strands_are_looked_for():
    busy = (
        with_lock(230) + np.random.default_rng(2).normal(0, 0.15, (75, 80, 3)).repeat(4, 0).repeat(4, 1) * (AWAY > 8)[..., None]
    )
    loose, _ = strands(busy.clip(0, 1).astype(np.float32), firm(HEAD, MESH, U), U)
    assert not loose[X > 245].any()


def test_colours_spread_from_where_they_are_known():
    known = (X < 100).astype(np.float32)
    picture = np.where(known[..., None] > 0, np.float32(0.25), np.float32(0.9)) * np.ones((1, 1, 3), np.float32)
    assert spread(picture, known, 3.0) == pytest.approx(0.25, abs=1e-3)


def test_a_background_that_was_taken_away_is_believed_before_the_network():
    hat = HEAD.copy()
    hat[60:80, 130:190] = 1
    assert np.array_equal(cut_by(hat, HEAD), hat)


def test_of_a_picture_with_round_corners_only_the_person_is_cut_out():
    disc = (np.hypot(X - 160, Y - 150) < 145).astype(np.float32)
    assert np.array_equal(cut_by(disc, HEAD), np.minimum(disc, HEAD))
    assert np.array_equal(cut_by(np.zeros_like(HEAD), HEAD), np.zeros_like(HEAD))
