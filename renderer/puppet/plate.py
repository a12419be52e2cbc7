"""What is behind the person: the matte made firm, and the background filled in."""

from __future__ import annotations

import cv2
import numpy as np

from numpy.typing import NDArray


def sharpened(matte: NDArray[np.float32], u: float) -> NDArray[np.float32]:
    """The matte with a firm edge; fog becomes background or person."""
    t = np.clip((matte - 0.3) / 0.4, 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)


def backdrop(picture: NDArray[np.uint8], matte: NDArray[np.float32], u: float) -> NDArray[np.uint8]:
    """The picture without the person, filled from around, with the picture's own grain.

    Args:
        picture: uint8 [height, width, 3].
        matte: float32 [height, width].
        u: pixels.
    """
    hidden = matte > 0.05
    size = max(3, 2 * round(0.02 * u) + 1)
    hidden = cv2.dilate(hidden.astype(np.uint8), cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (size, size)))
    if not hidden.any() or hidden.all():
        return picture.copy()
    factor = max(1, round(u / 32))
    height, width = picture.shape[:2]
    small_size = (-(-width // factor), -(-height // factor))
    known = (1 - hidden).astype(np.float32)
    weight = cv2.resize(known, small_size, interpolation=cv2.INTER_AREA)
    small = cv2.resize(picture.astype(np.float32) * known[..., None], small_size, interpolation=cv2.INTER_AREA)
    small = small / np.maximum(weight, 1e-3)[..., None]
    unknown = (weight < 0.5).astype(np.uint8)
    filled = cv2.inpaint(np.clip(small, 0, 255).astype(np.uint8), unknown, 3, cv2.INPAINT_TELEA)
    smooth = cv2.resize(filled.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    smooth = cv2.GaussianBlur(smooth, (0, 0), max(0.03 * u, 1.0))
    detail = picture.astype(np.float32) - cv2.GaussianBlur(picture.astype(np.float32), (0, 0), 1.5)
    visible = hidden == 0
    grain = float(np.median(np.abs(detail[visible]))) / 0.6745 if visible.any() else 0.0
    noise = np.random.default_rng(0).standard_normal((height, width)).astype(np.float32)
    noise = cv2.GaussianBlur(noise, (0, 0), 0.8)
    noise *= grain / max(float(noise.std()), 1e-6)
    behind = np.clip(smooth + noise[..., None], 0, 255)
    share = cv2.GaussianBlur(hidden.astype(np.float32), (0, 0), max(0.01 * u, 0.7))[..., None]
    share = np.where(hidden[..., None] > 0, share, 0)
    mixed = picture * (1 - share) + behind * share
    return np.where(hidden[..., None] > 0, np.round(mixed), picture).astype(np.uint8)
