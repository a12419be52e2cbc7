"""Arithmetic on whole pictures, quicker than numpy where three colours share one value.

All pictures are float32 [height, width, 3], all shares float32 [height, width].
"""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np

from numpy.typing import NDArray

Picture = NDArray[np.float32]
Share = NDArray[np.float32]


def weighed(picture: Picture, share: Share) -> Picture:
    """Every colour times its place's share; of pictures of any number of colours."""
    weighed: Picture = cv2.multiply(picture, thrice(share)) if picture.shape[2] == 3 else picture * share[..., None]
    return weighed


def thrice(share: Share) -> Picture:
    """The same for each of three colours: [height, width, 3]."""
    grey: Picture = cv2.cvtColor(share, cv2.COLOR_GRAY2BGR)
    return grey


def alike(one: Picture, other: Picture) -> Share:
    """The sum over its colours of each place's products: [height, width]."""
    product: Share = cv2.transform(cv2.multiply(one, other), np.ones((1, 3), np.float32))
    return product


def farthest(one: NDArray[Any], other: NDArray[Any]) -> Share:
    """How far the colour is off that differs most: [height, width]."""
    first, second, third = cv2.split(cv2.absdiff(one, other))
    most: Share = cv2.max(cv2.max(first, second), third)
    return most


def chosen(where: NDArray[np.bool_], picture: Picture, otherwise: Picture) -> Picture:
    """One picture where something holds [height, width], another elsewhere."""
    found = otherwise.copy()
    cv2.copyTo(picture, where.view(np.uint8), found)
    return found
