"""The person alone: straight colours and alpha, or over a plain colour."""

from __future__ import annotations

import cv2
import numpy as np
import torch

from renderer.puppet.cutout import over, reduced, standing
from tests.drawn_face import drawn_mesh

U = 60.0
SHAPE = (300, 320)
_, MESH = drawn_mesh(U, 160.0, 130.0)
Y, X = np.mgrid[0 : SHAPE[0], 0 : SHAPE[1]].astype(np.float32)
AWAY = np.hypot((X - 160) / 1.1, (Y - 140) / 1.3) - 72
MATTE = cv2.GaussianBlur((AWAY < 0).astype(np.float32), (0, 0), 1.5).astype(np.float32)


def test_the_background_does_not_come_along():
    hair, wall = np.array([80, 50, 20]), np.array([230, 230, 240])
    picture = (MATTE[..., None] * hair + (1 - MATTE[..., None]) * wall + 0.5).astype(np.uint8)
    cut = standing(picture, MATTE, MESH.astype(np.float32), U)
    assert cut.shape == (*SHAPE, 4)
    assert not cut[AWAY > 15, 3].any()
    assert (cut[AWAY < -15, 3] == 255).all()
    assert np.abs(cut[cut[..., 3] > 20, :3].astype(int) - hair).max() <= 30  # of 180 between hair and wall


def test_reduced_colours_are_weighted_by_what_covers():
    person = torch.zeros(1, 4, 2, 2)
    person[0, :, 0, 0] = torch.tensor([0.8, 0.4, 0.2, 1.0])
    small = reduced(person, 2)[0, :, 0, 0]
    assert torch.allclose(small, torch.tensor([0.8, 0.4, 0.2, 0.25]))
    assert torch.equal(reduced(person, 1), person)


def test_over_a_colour():
    frames = np.zeros((1, 1, 3, 4), np.uint8)
    frames[0, 0, :, :3] = 200
    frames[0, 0, :, 3] = 0, 255, 128
    flat = over(frames, (0, 100, 0))
    assert flat[0, 0, 0].tolist() == [0, 100, 0]
    assert flat[0, 0, 1].tolist() == [200, 200, 200]
    assert flat[0, 0, 2].tolist() == [100, 150, 100]
