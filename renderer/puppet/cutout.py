"""The person without the background of the portrait: over a colour, or with alpha.

Rules
- Colours are straight, not multiplied by alpha, and at the edge the person's alone, so they fit any background.
- Where motion changes nothing every frame is the same to the last bit.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch

from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import avg_pool2d

from renderer.puppet.matte import firm, own_colours, spread

WORKING = 2048
"""Pixels of the longer side at which the background behind the edge is estimated at most."""


def standing(picture: NDArray[np.uint8], matte: NDArray[np.float32], mesh: NDArray[np.float32], u: float) -> NDArray[np.uint8]:
    """The whole portrait's person at rest.

    Args:
        picture: uint8 [height, width, 3].
        matte: float32 [height, width], 0..1, as it was found.
        mesh: [468, 3], pixels.
        u: pixels.

    Returns:
        uint8 [height, width, 4]: straight colours and alpha.
    """
    colours = picture.astype(np.float32) / np.float32(255)
    alpha = firm(matte, mesh, u)
    height, width = alpha.shape
    shrink = max(1.0, max(height, width) / WORKING)
    size = (max(1, round(width / shrink)), max(1, round(height / shrink)))
    free = (cv2.resize(alpha, size, interpolation=cv2.INTER_AREA) < 0.01).astype(np.float32)
    small = cv2.resize(colours, size, interpolation=cv2.INTER_AREA).astype(np.float32)
    behind = cv2.resize(spread(small, free, 0.05 * u / shrink), (width, height), interpolation=cv2.INTER_LINEAR)
    own = own_colours(colours, alpha, behind.astype(np.float32), u)
    return (np.concatenate([own, alpha[..., None]], axis=2) * 255 + 0.5).astype(np.uint8)


def reduced(person: Tensor, factor: int) -> Tensor:
    """Straight colours and alpha [batch, 4, height, width] at a whole fraction of their size."""
    if factor == 1:
        return person
    alpha = person[:, 3:]
    covered = avg_pool2d(alpha, factor)
    plain = avg_pool2d(person[:, :3], factor)
    colours = avg_pool2d(person[:, :3] * alpha, factor) / covered.clamp_min(1e-4)
    return torch.cat([torch.where(covered > 1e-4, colours, plain), covered], dim=1)


def over(frames: NDArray[np.uint8], colour: tuple[int, int, int]) -> NDArray[np.uint8]:
    """Straight colours and alpha, uint8 [frames, height, width, 4], over one colour: uint8 [frames, height, width, 3]."""
    flat = np.empty((*frames.shape[:-1], 3), np.uint8)
    behind = np.array(colour, np.uint32)
    for frame, made in zip(frames, flat, strict=True):
        alpha = frame[..., 3:].astype(np.uint32)
        made[:] = (frame[..., :3] * alpha + behind * (255 - alpha) + 127) // 255
    return flat
