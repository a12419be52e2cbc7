"""A rig is prepared from any portrait: faces that are small, at the border or black; and frames of it are numbers."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from numpy.typing import NDArray
from torch import Tensor

from protocol.channels import INDEX, NAMES
from renderer.puppet.plate import over
from renderer.puppet.render import paint
from renderer.puppet.rig import PuppetRig, build_rig, enlarged, moved_to, resized
from tests.drawn_face import drawn_portrait
from tests.thinned import thinned

U = 60.0


def composed(rig: PuppetRig) -> Tensor:
    """The canvas put together from its layers, [1, 3, height, width]."""
    rest = rig.grid.joined(rig.rest.squares[rig.rest.number])[:, :3]
    return over(rig.person[:, :3], rig.person[:, 3:], rig.grid.joined(rig.plate)) + rest


def frames(rig: PuppetRig) -> Tensor:
    """At rest, and with much going on."""
    motion = torch.zeros(2, len(NAMES))
    for name, value in {"jawOpen": 0.7, "eyeBlinkLeft": 1.0, "mouthSmileLeft": 0.8, "headYaw": 8.0, "browInnerUp": 1.0}.items():
        motion[1, INDEX[name]] = value
    with torch.inference_mode():
        painted = paint(rig, motion)
        canvases = composed(rig).repeat(2, 1, 1, 1)
        painted.tiles.put(canvases, painted.colours)
        return canvases


@pytest.mark.parametrize(
    ("x", "y", "width", "height"),
    thinned(
        [
            (120, 130, 240, 300),
            (0, 130, 240, 300),
            (240, 130, 240, 300),
            (120, 0, 240, 300),
            (120, 290, 240, 300),
            (16, 80, 33, 300),
        ],
        3,
    ),
)
def test_a_face_anywhere_in_or_partly_outside_of_the_picture_can_be_prepared(x: int, y: int, width: int, height: int):
    picture, face, matte = drawn_portrait(U, x, y, width, height)
    rig = build_rig(picture, face, matte)
    still, moved = frames(rig)
    assert torch.isfinite(moved).all()
    left, top, right, bottom = rig.stage
    seen = still[:, rig.margins.top :, rig.margins.left :][:, : bottom - top, : right - left].permute(1, 2, 0).numpy()
    assert np.abs(seen - picture[top:bottom, left:right] / 255).max() < 0.5 / 255
    assert 0 <= left < right <= width
    assert 0 <= top < bottom <= height


@pytest.mark.parametrize("level", [0, 255])
def test_a_picture_in_which_nothing_is_seen_gives_frames_of_numbers(level: int):
    picture, face, matte = drawn_portrait(U, 120, 130, 240, 300)
    rig = build_rig(np.full_like(picture, level), face, matte)
    assert torch.isfinite(frames(rig)).all()


def test_eyes_that_are_drawn_very_large_can_be_prepared():
    picture, face, matte = drawn_portrait(U, 120, 130, 240, 300)
    for side in (0, 1):
        face.contours[side, 1:8, 1] += 0.3 * U
    assert torch.isfinite(frames(build_rig(picture, face, matte))).all()


def noise(height: int, width: int) -> NDArray[np.uint8]:
    drawn = np.random.default_rng(3).integers(0, 256, (height, width, 3), dtype=np.uint8)
    return cv2.GaussianBlur(drawn, (0, 0), 0.7).astype(np.uint8)


@pytest.mark.parametrize("factor", [2, 3, 6])
def test_the_means_of_an_enlarged_picture_are_the_picture(factor: int):
    picture = noise(20, 31)
    large = enlarged(picture, factor)
    assert large.shape == (20 * factor, 31 * factor, 3)
    means = cv2.resize(large.astype(np.float32), (31, 20), interpolation=cv2.INTER_AREA)
    plain = resized(picture.astype(np.float32), factor)
    blurred = cv2.resize(plain, (31, 20), interpolation=cv2.INTER_AREA)
    assert np.abs(means - picture).mean() < 0.2 * np.abs(blurred - picture).mean()  # which cubic interpolation leaves out


def test_a_picture_of_its_own_size_is_not_touched():
    picture = noise(8, 9)
    assert enlarged(picture, 1) is picture


def test_all_tensors_of_a_rig_go_to_a_device():
    rig = build_rig(*drawn_portrait(U, 120, 130, 240, 300))
    moved = moved_to(rig, torch.device("meta"))
    assert {part.device.type for part in (moved.source, moved.head.points, moved.mouth.edges, moved.folds.textures)} == {"meta"}
    assert {eye.ball.still.device.type for eye in moved.eyes} == {"meta"}
    assert moved.face is rig.face
    assert moved.ranges == rig.ranges
