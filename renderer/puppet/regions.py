"""The part of a portrait that a channel may change while the head is still: tests and the bench hold the puppet to it."""

from __future__ import annotations

import cv2
import numpy as np

from numpy.typing import NDArray

from configs.puppet import FaceRegions, Spot, builtin_face_regions
from protocol.channels import CHANNELS
from renderer.puppet.geometry import Field, HeadFrame, Points
from renderer.puppet.head import STEEPEST, depth_around, eased

CELL = 0.07
"""u between the places at which the head's depth is asked for."""


def head_coordinates(frame: HeadFrame, mesh: Points, shape: tuple[int, int]) -> Field:
    """Head coordinates X and Y of a picture's pixels, [2, height, width]; as the muscles see them.

    Args:
        frame: of the head.
        mesh: [468, 3], pixels.
        shape: height and width of the picture.
    """
    height, width = shape
    u = frame.scale
    cell = max(2, round(CELL * u))
    columns, rows = -(-(width - 1) // cell) + 1, -(-(height - 1) // cell) + 1
    x, y = np.meshgrid(np.arange(columns) * float(cell), np.arange(rows) * float(cell))
    across, up = (x - frame.origin[0]) / u, -(y - frame.origin[1]) / u
    depth = eased(depth_around(frame.camera(mesh), across, up), cell / u, STEEPEST)
    own = (np.stack([across, up, depth], axis=-1) @ frame.axes)[..., :2]
    places = np.meshgrid(np.arange(width, dtype=np.float32) / cell, np.arange(height, dtype=np.float32) / cell)
    found = [cv2.remap(own[..., axis].astype(np.float32), places[0], places[1], cv2.INTER_LINEAR) for axis in (0, 1)]
    return np.stack(found).astype(np.float64)


def region_mask(
    channel: str,
    frame: HeadFrame,
    mesh: Points,
    shape: tuple[int, int],
    *,
    coordinates: Field | None = None,
    table: FaceRegions | None = None,
) -> NDArray[np.bool_]:
    """Where a channel may change a picture while the head is still; everywhere if it moves the head.

    Args:
        channel: its name, with its side if it has one.
        frame: of the head.
        mesh: [468, 3], pixels.
        shape: height and width of the picture.
        coordinates: what `head_coordinates` gives, if there is more than one channel to ask for.
        table: the program's own by default.

    Returns:
        [height, width].

    Raises:
        KeyError: there is no such channel.
    """
    found = np.full(shape, CHANNELS[channel].region == "head")
    if found.any():
        return found
    table = table or builtin_face_regions()
    x, y = head_coordinates(frame, mesh, shape) if coordinates is None else coordinates
    # Where the mesh is seen on the same surface as the pixels: of a head that looks aside it lies beside it.
    column, row = np.clip(np.round(mesh[:, :2]).astype(int), 0, (shape[1] - 1, shape[0] - 1)).T
    points = np.stack([x[row, column], y[row, column]], axis=1)
    sides = [side for side, name in ((0, "Right"), (1, "Left")) if channel == CHANNELS[channel].stem + name] or [0, 1]
    for side in sides:
        sign = -1.0 if side == 0 else 1.0

        def spot(at: Spot, side: int = side, sign: float = sign) -> tuple[float, float]:
            ids = table.places[at.at]
            point = points[ids[side] if len(ids) == 2 else ids[0]]
            return float(point[0] + sign * at.out), float(point[1] + at.up)

        for region in table.of(channel):
            for box in region.boxes:
                (ax, ay), (bx, by) = spot(box.first), spot(box.last)
                found |= (x >= min(ax, bx)) & (x <= max(ax, bx)) & (y >= min(ay, by)) & (y <= max(ay, by))
            for ellipse in region.ellipses:
                cx, cy = spot(ellipse.middle)
                found |= ((x - cx) / ellipse.wide) ** 2 + ((y - cy) / ellipse.high) ** 2 <= 1
    return found
