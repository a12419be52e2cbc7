"""A face made up for tests: symmetric, looking straight ahead, with the proportions that meshes of grown-ups have.

Only the points that muscles hold on to are where they belong; all others are spread over the face.
"""

from __future__ import annotations

import numpy as np

from renderer.puppet.anatomy import (
    BROW_LOWER,
    BROW_UPPER,
    CHEEK_BONES,
    CHEEKS,
    FACE_OVAL,
    LID_LOWER,
    LID_UPPER,
    LOWER_INNER,
    LOWER_OUTER,
    UNDER_NOSE,
    UPPER_INNER,
    UPPER_OUTER,
    WINGS,
    Anchors,
)
from renderer.puppet.geometry import Field, HeadFrame, Points

NASOLABIAL = ((129, 203, 206, 216, 212), (358, 423, 426, 436, 432))


def drawn_points() -> Points:
    """The mesh in head coordinates, [468, 3], u."""
    points = np.zeros((468, 3))
    spread, turn = np.sqrt(np.linspace(0.001, 0.85, 468)), np.arange(468) * 2.4  # radians: nearly the golden angle
    points[:, :2] = np.stack([0.75 * spread * np.sin(turn), 0.9 * spread * np.cos(turn) - 0.3], axis=1)
    angle = np.linspace(0, 2 * np.pi, len(FACE_OVAL), endpoint=False)
    points[list(FACE_OVAL), :2] = np.stack([0.75 * np.sin(angle), 0.9 * np.cos(angle) - 0.3], axis=1)
    for side, sign in ((0, -1.0), (1, 1.0)):
        x = sign * np.array([0.6, 0.54, 0.44, 0.32, 0.15])
        y, thick = np.array([0.15, 0.21, 0.25, 0.25, 0.22]), np.array([0.02, 0.04, 0.054, 0.06, 0.094])
        points[list(BROW_UPPER[side]), :2] = np.stack([x, y + thick / 2], axis=1)
        points[list(BROW_LOWER[side]), :2] = np.stack([x, y - thick / 2], axis=1)
        t = np.linspace(0.12, 0.88, 7)
        x = sign * (0.5 - 0.31 * t)
        points[list(LID_UPPER[side]), :2] = np.stack([x, 0.07 * np.sin(np.pi * t)], axis=1)
        points[list(LID_LOWER[side]), :2] = np.stack([x, -0.045 * np.sin(np.pi * t)], axis=1)
        points[[(33, 133), (263, 362)][side], :2] = [[sign * 0.5, 0.0], [sign * 0.19, -0.02]]
        points[CHEEKS[side], :2] = sign * 0.54, -0.35
        points[CHEEK_BONES[side], :2] = sign * 0.57, -0.18
        points[WINGS[side], :2] = sign * 0.22, -0.4
        points[list(NASOLABIAL[side]), 0] = sign * np.array([0.22, 0.27, 0.33, 0.37, 0.39])
        points[list(NASOLABIAL[side]), 1] = [-0.4, -0.48, -0.57, -0.68, -0.8]
        points[[130, 359][side], :2] = sign * 0.51, 0.0
        orbit = [[31, 228, 229, 230, 231, 232], [261, 448, 449, 450, 451, 452]][side]
        points[orbit, :2] = np.stack([sign * np.linspace(0.5, 0.2, 6), [-0.1, -0.13, -0.15, -0.15, -0.13, -0.1]], axis=1)
        points[[172, 397][side], :2] = sign * 0.6, -0.85
    t = np.linspace(-1, 1, 11)
    x, arch = 0.27 * t, 1 - t * t
    for ids, height in ((UPPER_OUTER, 0.085), (UPPER_INNER, 0.004), (LOWER_INNER, -0.004), (LOWER_OUTER, -0.09)):
        points[list(ids), :2] = np.stack([x, -0.74 + height * arch], axis=1)
    points[UNDER_NOSE, :2] = 0.0, -0.46
    points[[9, 151, 168, 5], :2] = [[0, 0.2], [0, 0.42], [0, 0.05], [0, -0.28]]
    points[[108, 337], :2] = [[-0.15, 0.4], [0.15, 0.4]]
    points[[205, 425], :2] = [[-0.43, -0.44], [0.43, -0.44]]
    points[:, 2] = -0.5 * points[:, 0] ** 2
    return points


def drawn_anchors() -> Anchors:
    """What the muscles hold on to."""
    points = drawn_points()
    return Anchors(points, points[list(UPPER_INNER), :2], points[list(LOWER_INNER), :2])


def drawn_mesh(u: float, x: float, y: float) -> tuple[HeadFrame, Points]:
    """The face in a picture: its axes, and its mesh in pixels, with the eyes `u` apart about a pixel."""
    frame = HeadFrame(np.array([x, y]), u, 0.0, np.eye(3))
    points = drawn_points()
    mesh = np.concatenate([frame.pixels(points), -u * points[:, 2:]], axis=1)
    return frame, mesh


def grid(cell: float = 0.02) -> tuple[Field, Field]:
    """Head coordinates X and Y of nodes all over the face and around it, row by row from the top."""
    x, y = np.meshgrid(np.arange(-1.2, 1.2 + cell / 2, cell), np.arange(0.9, -2.0, -cell))
    return x, y
