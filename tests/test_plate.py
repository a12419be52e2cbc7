"""The background is filled in believably where the person hides it, and with the person in front it is the portrait again."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from renderer.puppet.matte import firm
from renderer.puppet.plate import backdrop, lacking, over, taken_apart
from renderer.puppet.sampling import finer, sample
from tests.drawn_face import drawn_mesh

U = 60.0
SHAPE = (300, 320)
_, MESH = drawn_mesh(U, 160.0, 130.0)
Y, X = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]].astype(np.float32)
AWAY = np.hypot((X - 160) / 1.1, (Y - 140) / 1.3) - 72
HIDDEN = AWAY < 0
MATTE = cv2.GaussianBlur((AWAY < 0).astype(np.float32), (0, 0), 1.5).astype(np.float32)


def wall(light: np.ndarray, grain: float = 0.0) -> np.ndarray:
    noise = np.random.default_rng(3).normal(0, grain, SHAPE) if grain else np.zeros(SHAPE)
    return np.repeat((light + noise)[..., None], 3, axis=2).astype(np.float32)


def portrait() -> np.ndarray:
    """A textured person before a textured wall."""
    random = np.random.default_rng(5)
    cover = MATTE[..., None]
    skin = np.array([0.8, 0.6, 0.5]) + random.normal(0, 0.03, (*SHAPE, 3))
    return np.clip(cover * skin + (1 - cover) * wall(0.3 + 0.001 * X, 0.02), 0, 1).astype(np.float32)


FOLLOW = np.ones(SHAPE, np.float32)


def layers(picture: np.ndarray) -> list[torch.Tensor]:
    return [
        torch.from_numpy(layer).permute(2, 0, 1)[None] for layer in taken_apart(picture, MATTE, firm(MATTE, MESH, U), FOLLOW, U)
    ]


def composed(person: torch.Tensor, plate: torch.Tensor, rest: torch.Tensor, moved: torch.Tensor) -> torch.Tensor:
    return over(person[:, :3], person[:, 3:], plate) + lacking(rest, moved, U)


def sampled(colours: torch.Tensor, places: torch.Tensor) -> torch.Tensor:
    """Colours alone, or with alpha."""
    channels = colours.shape[1]
    whole = torch.cat([colours, torch.ones_like(colours[:, :1])], dim=1)[:, :4]
    return sample(finer(whole[0].permute(1, 2, 0).contiguous().numpy()), places)[:, :channels]


def pixels() -> torch.Tensor:
    return torch.from_numpy(np.stack([X, Y]))[None]


def test_what_is_not_hidden_stays_to_the_last_bit():
    picture = portrait()
    assert np.array_equal(backdrop(picture, HIDDEN, U)[~HIDDEN], picture[~HIDDEN])


def test_light_goes_on_behind_the_person():
    light = 0.2 + 0.0015 * X + 0.0005 * Y
    picture = wall(np.where(HIDDEN, 0.9, light))
    assert np.abs(backdrop(picture, HIDDEN, U)[..., 0] - light)[HIDDEN].mean() < 0.03


def test_grain_goes_on_behind_the_person():
    filled = backdrop(wall(np.where(HIDDEN, 0.9, 0.5), 0.03), HIDDEN, U)[..., 0]
    detail = filled - cv2.GaussianBlur(filled, (0, 0), 1.5)
    for near in (HIDDEN & (AWAY > -15), HIDDEN & (AWAY < -45)):
        assert detail[near].std() == pytest.approx(detail[~HIDDEN].std(), rel=0.5)


def test_a_pattern_goes_on_behind_the_edge():
    shelves = 0.5 + 0.3 * np.sign(np.sin(Y / 8))
    filled = backdrop(wall(np.where(HIDDEN, 0.1, shelves)), HIDDEN, U)[..., 0]
    rim = HIDDEN & (AWAY > -10) & (np.abs(Y - 140) < 30)
    assert np.abs(filled - shelves)[rim].mean() < 0.15  # half of what a plain grey would miss


def test_a_plain_wall_has_no_line_where_the_person_was():
    """A shadow at the wall near the head, too narrow for the light that is carried across, fades behind the edge."""
    light = 0.6 - 0.1 * np.exp(-np.maximum(AWAY, 0) / 5)
    filled = backdrop(wall(np.where(HIDDEN, 0.2, light)), HIDDEN, U)[..., 0]
    outer = (AWAY > 0) & (AWAY < 1.5)
    inner = (AWAY < 0) & (AWAY > -1.5)
    assert filled[inner].mean() == pytest.approx(filled[outer].mean(), abs=0.02)


def test_what_stands_beside_a_busy_background_is_not_brought_from_elsewhere():
    """Before a window between red curtains nothing red comes up at the head's edge."""
    random = np.random.default_rng(1)
    window = np.repeat(cv2.GaussianBlur(random.random(SHAPE).astype(np.float32), (0, 0), 4)[..., None], 3, axis=2)
    window = 0.4 + 4 * (window - window.mean())
    picture = np.where((np.abs(X - 160) > 120)[..., None], np.array([0.7, 0.1, 0.1]), window).clip(0, 1).astype(np.float32)
    picture[HIDDEN] = (0.9, 0.6, 0.5)
    filled = backdrop(picture, HIDDEN, U)
    rim = HIDDEN & (AWAY > -12)
    assert (filled[..., 0] - filled[..., 1])[rim].max() < 0.05
    assert filled[rim].std() > 0.5 * picture[~HIDDEN & (AWAY < 12)].std()


def test_nothing_beside_what_is_hidden_takes_part():
    """The portrait stays behind its layers to the last bit where it is not hidden, at any motion."""
    picture = portrait()
    alpha = firm(MATTE, MESH, U)
    person, plate, rest = taken_apart(picture, MATTE, alpha, FOLLOW, U)
    same = (plate == picture).all(axis=2) & (person[..., 3] == 0)
    assert not rest[same].any()


def test_a_picture_full_of_person_has_a_background_too():
    picture = portrait()
    filled = backdrop(picture, np.ones(SHAPE, bool), U)
    assert np.isfinite(filled).all()
    assert filled.std() < picture.std()


def test_the_layers_at_rest_are_the_portrait():
    picture = portrait()
    person, plate, rest = layers(picture)
    seen = composed(person, plate, rest, 0 * pixels())[0].permute(1, 2, 0).numpy()
    assert np.abs(seen - picture).max() < 1e-5


def test_beyond_the_persons_edge_nothing_is_left_over():
    picture = portrait()
    person, plate, rest = layers(picture)
    far = torch.from_numpy(AWAY > 15)
    assert not person[0, 3][far].any()
    assert not rest[0][:, far].any()
    assert torch.equal(plate[0][:, far], torch.from_numpy(picture).permute(2, 0, 1)[:, far])


def test_the_first_motion_is_that_of_the_portrait_itself():
    """Moved by a hundredth of a pixel, the layers change as the sampled portrait does, where it is smooth or has an edge."""
    picture = cv2.GaussianBlur(portrait(), (0, 0), 1.0)
    person, plate, rest = layers(picture)
    far = torch.tensor([0.01, 0.0])[None, :, None, None]
    places = pixels() + far
    whole = torch.from_numpy(picture).permute(2, 0, 1)[None]
    change = composed(sampled(person, places), plate, rest, places - pixels()) - whole
    own = sampled(whole, places) - whole
    behind = sampled(plate, places) - plate  # stays where it is, so its share of the change is missing
    assert (change - own).abs().max() < 0.002 + behind.abs().max()


def test_what_the_layers_lack_fades_with_motion():
    person, plate, rest = layers(portrait())
    bare = torch.lerp(plate, person[:, :3], person[:, 3:])
    shares = []
    for far in (0.0, 0.05, 0.3, 0.8, 1.6):
        ones = torch.cat([torch.ones_like(rest[:, :3]), 0 * rest[:, 3:]], dim=1)
        seen = composed(person, plate, ones, torch.full_like(pixels(), far))
        shares.append(float((seen - bare)[0, 0, 100:200, 100:200].mean()))
    assert shares[0] == pytest.approx(1)
    assert shares[1] > 0.99
    assert shares == sorted(shares, reverse=True)
    assert shares[-1] == 0


def test_what_the_matte_misses_stays_where_the_body_rests():
    """The rim of a collar that has no alpha is neither the person's nor filled in: it is background like the rest."""
    picture = portrait()
    rim = (AWAY > 2) & (AWAY < 6)
    picture[rim] = 0.05
    alpha = firm(MATTE, MESH, U)
    person, plate, _ = taken_apart(picture, MATTE, alpha, np.zeros(SHAPE, np.float32), U)
    missed = rim & (cv2.dilate(np.ascontiguousarray(person[..., 3]), np.ones((3, 3), np.uint8)) < 0.02)
    assert missed.any()
    assert np.array_equal(plate[missed], picture[missed])
