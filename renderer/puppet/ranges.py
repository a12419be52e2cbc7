"""How far a portrait can be turned and moved before it shows what a single picture does not know."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import torch

from numpy.typing import NDArray

from renderer.puppet.head import Bounds, HeadMap
from renderer.puppet.lattice import Lattice
from renderer.puppet.margins import STRIP

CHANNELS = ("headYaw", "headPitch", "headRoll", "headX", "headY", "headZ")
WIDEST = (20.0, 15.0, 20.0, 4.0, 4.0, 4.0)
"""Degrees and centimetres either way, of a portrait that looks into the camera with room around the head."""
LEAST = (4.0, 4.0, 4.0, 0.8, 0.8, 0.8)
"""What is always allowed, so that no portrait is frozen."""
PROFILE = 30.0
"""Degrees from the camera beyond which the nose covers the far cheek, or a cheek that was never seen comes into view."""
BELOW = 0.05
"""u that may be pulled in at the bottom, where nothing is made up."""
STEPS = 20


def ranges(
    head: HeadMap, lattice: Lattice, alpha: NDArray[np.float32], bounds: Bounds, yaw: float
) -> Mapping[str, tuple[float, float]]:
    """The lowest and highest value of each pose channel.

    The yaw keeps the head within 30 degrees of the camera; everything keeps what lies beyond the picture's border outside,
    where that cuts through hair or neck, but for the strip that is made up there.

    Args:
        head: the head's motion.
        lattice: of its nodes.
        alpha: float32 [height, width], the person.
        bounds: of what is painted.
        yaw: degrees by which the head is turned in the portrait.
    """
    found = {}
    for column, name in enumerate(CHANNELS):
        sides = []
        for sign in (-1.0, 1.0):
            most = _reach(head, lattice, alpha, bounds, column, sign)
            if name == "headYaw":
                most = min(most, PROFILE - sign * yaw)
            sides.append(sign * round(max(LEAST[column], most), 1))
        found[name] = (sides[0], sides[1])
    return MappingProxyType(found)


def _reach(head: HeadMap, lattice: Lattice, alpha: NDArray[np.float32], bounds: Bounds, column: int, sign: float) -> float:
    """How far one channel may go one way before the picture's border shows."""
    poses = torch.zeros(STEPS, 6)
    poses[:, column] = sign * WIDEST[column] * torch.arange(1, STEPS + 1) / STEPS
    gone = head.displacement(poses)
    right, bottom = bounds.width - 1, bounds.height - 1
    x0, y0, x1, y1 = bounds.added[0], bounds.added[1], right - bounds.added[2], bottom - bounds.added[3]
    xs, ys = np.arange(x0, x1 + 1), np.arange(y0, y1 + 1)
    allowed = 1.0
    lines = (
        (np.full_like(ys, x0), ys, 0, 1, STRIP),
        (xs, np.full_like(xs, y0), 1, 1, STRIP),
        (np.full_like(ys, x1), ys, 0, -1, STRIP),
        (xs, np.full_like(xs, y1), 1, -1, BELOW),
    )
    for goes_on, (x, y, axis, inward, most) in zip(bounds.goes_on, lines, strict=True):
        cut = alpha[y, x] > 0.5
        if goes_on or not cut.any():
            continue
        places = torch.from_numpy(np.stack([x[cut], y[cut]])[None, :, None].astype(np.float32))
        moved = lattice.sample(gone, places.expand(STEPS, -1, -1, -1))[:, axis, 0] * inward
        pulled = moved.amax(dim=1) / head.scale
        beyond = (pulled > most).nonzero()
        if len(beyond):
            allowed = min(allowed, int(beyond[0]) / STEPS)
    return allowed * WIDEST[column]
