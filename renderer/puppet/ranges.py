"""How far a portrait can be turned and moved before it shows what a single picture does not know."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from types import MappingProxyType

import numpy as np
import torch

from numpy.typing import NDArray

from renderer.puppet.head import TURNS, Bounds, HeadMap
from renderer.puppet.lattice import Lattice
from renderer.puppet.margins import STRIP

CHANNELS = ("headYaw", "headPitch", "headRoll", "headX", "headY", "headZ")
WIDEST = (*TURNS, 4.0, 2.5, 4.0)
"""Degrees and centimetres either way, of a portrait that looks into the camera with room around the head."""
LEAST = (4.0, 4.0, 4.0, 0.8, 0.8, 0.8)
"""What is always allowed, so that no portrait is frozen."""
PROFILE = 30.0
"""Degrees from the camera beyond which the nose covers the far cheek, or a cheek that was never seen comes into view."""
BELOW = 0.08
"""u that may be pulled in at the bottom, where nothing is made up."""
STEPS = 20
BESIDE = 0.02
"""u between the places of the border that are looked at."""


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
    reach = _reach(head, lattice, alpha, bounds)
    found = {}
    for name, sides in zip(CHANNELS, reach.tolist(), strict=True):
        column = CHANNELS.index(name)
        low, high = (
            min(most, PROFILE - sign * yaw) if name == "headYaw" else most for sign, most in zip((-1, 1), sides, strict=True)
        )
        found[name] = (-round(max(LEAST[column], low), 1), round(max(LEAST[column], high), 1))
    return MappingProxyType(found)


def _reach(head: HeadMap, lattice: Lattice, alpha: NDArray[np.float32], bounds: Bounds) -> NDArray[np.float64]:
    """How far each channel alone may go down and up before the picture's border shows, [channels, 2]."""
    right, bottom = bounds.width - 1, bounds.height - 1
    x0, y0, x1, y1 = bounds.added[0], bounds.added[1], right - bounds.added[2], bottom - bounds.added[3]
    xs, ys = np.arange(x0, x1 + 1), np.arange(y0, y1 + 1)
    sides = (
        (np.full_like(ys, x0), ys, 0, 1, STRIP),
        (xs, np.full_like(xs, y0), 1, 1, STRIP),
        (np.full_like(ys, x1), ys, 0, -1, STRIP),
        (xs, np.full_like(xs, y1), 1, -1, BELOW),
    )
    shares = torch.arange(1, STEPS + 1) / STEPS
    poses = torch.zeros(len(CHANNELS), 2, STEPS, len(CHANNELS))
    for column, most in enumerate(WIDEST):
        poses[column, 0, :, column], poses[column, 1, :, column] = -most * shares, most * shares
    allowed = np.ones((len(CHANNELS), 2))
    for goes_on, (x, y, axis, inward, most) in zip(bounds.goes_on, sides, strict=True):
        cut = alpha[y, x] > 0.5
        if goes_on or not cut.any():
            continue
        step = max(1, round(BESIDE * head.scale))
        places = torch.from_numpy(np.stack([x[cut][::step], y[cut][::step]])[None, :, None].astype(np.float32))
        points, follow = (lattice.sample(values[None], places)[0] for values in (head.points, head.follow[None]))
        line = replace(head, points=points, follow=follow[0])
        pulled = line.displacement(poses.reshape(-1, len(CHANNELS)))[:, axis, 0].reshape(*poses.shape[:3], -1) * inward
        beyond = (pulled.amax(dim=3) / head.scale > most).numpy()
        allowed = np.minimum(allowed, np.where(beyond.any(axis=2), beyond.argmax(axis=2) / STEPS, 1.0))
    return allowed * np.array(WIDEST)[:, None]
