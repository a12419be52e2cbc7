"""A face made up for tests: symmetric, looking straight ahead, with the proportions that meshes of grown-ups have.

Only the points that muscles hold on to are where they belong; all others are spread over the face.
"""

from __future__ import annotations

import cv2
import numpy as np

from numpy.typing import NDArray

from configs.mesh import builtin_mesh
from renderer.faces import Face
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

WALL, SKIN, LIP, WHITE, IRIS = (90, 140, 190), (205, 160, 135), (175, 90, 85), (235, 230, 225), (70, 90, 110)
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


def found_face(mesh: Points) -> Face:
    """A mesh as `renderer.faces` would give it, with the eyes that belong to it; they look straight ahead."""
    u = float(np.hypot(*(mesh[263] - mesh[33])[:2]))
    contours, irises = np.zeros((2, 71, 2)), np.zeros((2, 5, 2))
    for side, (outer, inner) in enumerate(((33, 133), (263, 362))):
        t = np.linspace(0, 1, 9)[:, None]
        along = (1 - t) * mesh[outer, :2] + t * mesh[inner, :2]
        arch = np.stack([np.zeros(9), np.sin(np.pi * t[:, 0])], axis=1)
        contours[side, :9], contours[side, 9:16] = along + 0.045 * u * arch, (along - 0.07 * u * arch)[1:-1]
        rim = 0.065 * u * np.array([[0, 0], [-1, 0], [0, -1], [1, 0], [0, 1]])
        irises[side] = (mesh[outer, :2] + mesh[inner, :2]) / 2 + rim
    low, high = mesh[:, :2].min(axis=0), mesh[:, :2].max(axis=0)
    box = (float(low[0]), float(low[1]), float(high[0] - low[0]), float(high[1] - low[1]))
    return Face(box, 1.0, 1.0, mesh.astype(np.float32), irises.astype(np.float32), contours.astype(np.float32))


def drawn_portrait(
    u: float, x: float, y: float, width: int, height: int
) -> tuple[NDArray[np.uint8], Face, NDArray[np.float32]]:
    """The face, bald and without a neck, in plain colours before a wall: picture, face and matte, as a rig wants them."""
    _, mesh = drawn_mesh(u, x, y)
    face = found_face(mesh)
    picture, matte = np.full((height, width, 3), WALL, np.uint8), np.zeros((height, width), np.float32)
    rings = builtin_mesh().rings
    for ring, colour in ((rings.oval, SKIN), (rings.lips_outer, LIP), (rings.eye_right, WHITE), (rings.eye_left, WHITE)):
        cv2.fillPoly(picture, [np.round(mesh[list(ring), :2]).astype(np.int32)], colour)
    for iris in face.irises:
        cv2.circle(picture, (round(float(iris[0, 0])), round(float(iris[0, 1]))), round(0.05 * u), IRIS, -1)
    cv2.fillPoly(matte, [np.round(mesh[list(rings.oval), :2]).astype(np.int32)], 1.0)
    return picture, face, matte


def grid(cell: float = 0.02) -> tuple[Field, Field]:
    """Head coordinates X and Y of nodes all over the face and around it, row by row from the top."""
    x, y = np.meshgrid(np.arange(-1.2, 1.2 + cell / 2, cell), np.arange(0.9, -2.0, -cell))
    return x, y
