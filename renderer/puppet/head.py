"""How the head turns: each point of the picture on a depth of its own, moved in perspective about the top of the neck.

What is on the head moves with it, the neck bends in between, shoulders stay.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from scipy.interpolate import RBFInterpolator
from torch import Tensor

from renderer.puppet.anatomy import CHIN, FACE_OVAL, inside_polygon, polyline_distance
from renderer.puppet.geometry import CM_PER_U, Field, HeadFrame, Points, smooth

CAMERA = 7.0
"""u from the camera to the eyes: a portrait taken at about 60 cm times the eye distance's usual share of it."""
BACK_OF_FACE = -0.6
"""u: how deep hair, ears and neck lie behind the eye corners at most."""
STEEPEST = 2.2
"""Depth per distance beyond which a surface would hide itself when the head turns by 20 degrees (cot 20 = 2.7, less what
perspective adds): steeper depths are eased, so that the far cheek narrows where it would fold."""
NASION = 168


@dataclass(frozen=True, slots=True, eq=False)
class HeadMap:
    """What is needed to move the nodes of a lattice with the head.

    Attributes:
        points: float32 [3, rows, columns], camera coordinates in u.
        follow: float32 [rows, columns], 1 on the head to 0 on the shoulders.
        pivot: [3], camera coordinates.
        axes: [3, 3], the head's axes in the portrait.
        scale: pixels per u.
    """

    points: Tensor
    follow: Tensor
    pivot: Tensor
    axes: Tensor
    scale: float

    def to(self, device: torch.device) -> HeadMap:
        return HeadMap(self.points.to(device), self.follow.to(device), self.pivot.to(device), self.axes.to(device), self.scale)

    def displacement(self, pose: Tensor) -> Tensor:
        """Where the nodes go.

        Args:
            pose: [batch, 6]: yaw, pitch, roll in degrees about the head's own axes, x, y, z in cm.

        Returns:
            [batch, 2, rows, columns], pixels.
        """
        turn = self.axes @ rotation(pose[:, :3]) @ self.axes.T
        shift = torch.stack([pose[:, 3], pose[:, 4], pose[:, 5]], dim=1) / CM_PER_U
        batch = pose.shape[0]
        flat = self.points.reshape(3, -1)
        arm = (flat - self.pivot[:, None]).expand(batch, -1, -1)
        # The rotation less the identity, so that nothing moves by a rounding error when the head is still.
        eye = torch.eye(3, device=pose.device, dtype=pose.dtype)
        moved = ((turn - eye)[:, :, :, None] * arm[:, None]).sum(dim=2) + shift[:, :, None]
        moved = moved * self.follow.reshape(1, 1, -1)
        depth = flat[2]
        nearer = moved[:, 2] / (CAMERA - depth - moved[:, 2]).clamp_min(1.0)
        # Seen from the camera: x' = (x + dx) (f - z) / (f - z - dz), written so that no motion gives exactly 0.
        x = moved[:, 0] + (flat[0] + moved[:, 0]) * nearer
        y = moved[:, 1] + (flat[1] + moved[:, 1]) * nearer
        return torch.stack([x, -y], dim=1).reshape(batch, 2, *self.follow.shape) * self.scale


def rotation(angles: Tensor) -> Tensor:
    """Rotation matrices [batch, 3, 3] of yaw, then pitch, then roll about the head's own axes.

    Args:
        angles: [batch, 3], degrees; signs as in `protocol.channels`.
    """
    yaw, pitch, roll = torch.deg2rad(angles).unbind(dim=1)
    one, nil = torch.ones_like(yaw), torch.zeros_like(yaw)

    def matrix(*rows: Tensor) -> Tensor:
        return torch.stack(rows, dim=1).reshape(-1, 3, 3)

    c, s = torch.cos(yaw), torch.sin(yaw)
    turn = matrix(c, nil, s, nil, one, nil, -s, nil, c)
    c, s = torch.cos(pitch), torch.sin(pitch)
    nod = matrix(one, nil, nil, nil, c, s, nil, -s, c)
    c, s = torch.cos(roll), torch.sin(roll)
    tilt = matrix(c, s, nil, -s, c, nil, nil, nil, one)
    return turn @ nod @ tilt


def head_map(frame: HeadFrame, mesh: Points, x: Field, y: Field) -> HeadMap:
    """Prepare a lattice for the head's motion.

    Args:
        frame: of the head.
        mesh: [468, 3], pixels.
        x, y: [rows, columns], pixels of the nodes.
    """
    camera = frame.camera(mesh)
    across = (x - frame.origin[0]) / frame.scale
    up = -(y - frame.origin[1]) / frame.scale
    depth = eased(depth_around(camera, across, up), float(x[0, 1] - x[0, 0]) / frame.scale)
    chin = camera[CHIN]
    ring = camera[list(FACE_OVAL)][:, :2]
    inside = inside_polygon(across, up, ring)
    follow = 1 - smooth(-0.12, 0.72, chin[1] - up)
    near = smooth(0.25, 0.0, np.where(inside, 0, polyline_distance(across, up, np.concatenate([ring, ring[:1]]))))
    # The face itself goes as one, chin included; just below it the neck begins to lag.
    follow = np.maximum(follow, np.where(inside, 1.0, near * (1 - smooth(0.0, 0.35, chin[1] - up))))
    head = camera @ frame.axes
    pivot = frame.axes @ np.array([0.0, head[CHIN, 1] - 0.25, head[NASION, 2] - 0.95])

    def tensor(values: Field) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))

    return HeadMap(tensor(np.stack([across, up, depth])), tensor(follow), tensor(pivot), tensor(frame.axes), frame.scale)


def depth_around(camera: Points, x: Field, y: Field) -> Field:
    """Camera depth of points: that of the mesh on the face, falling back around it to hair, ears and neck.

    Args:
        camera: [468, 3], camera coordinates of the mesh.
        x, y: [...] camera coordinates in u.
    """
    places = np.stack([x.ravel(), y.ravel()], axis=1)
    face = RBFInterpolator(camera[:, :2], camera[:, 2], kernel="thin_plate_spline", smoothing=1e-4, neighbors=48)
    ring = camera[list(FACE_OVAL)]
    inside = inside_polygon(x, y, ring[:, :2])
    away = polyline_distance(x, y, np.concatenate([ring, ring[:1]])[:, :2])
    square = (places[:, None, 0] - ring[None, :, 0]) ** 2 + (places[:, None, 1] - ring[None, :, 1]) ** 2
    weight = 1 / (square + 1e-3) ** 1.5
    around = ((weight * ring[None, :, 2]).sum(axis=1) / weight.sum(axis=1)).reshape(x.shape)
    behind = np.maximum(around - 0.5 * away, np.minimum(around, BACK_OF_FACE))
    found: Field = behind.copy()
    found[inside] = face(places[inside.ravel()])
    share = smooth(0.0, 0.12, away)
    found[inside] = (share * found + (1 - share) * behind)[inside]
    return found


def eased(depth: Field, cell: float) -> Field:
    """The depth between the highest surface below it and the lowest above it that are nowhere too steep.

    Args:
        depth: [rows, columns], u.
        cell: u between nodes.
    """
    span = int(np.ceil(0.6 / cell))
    rows, columns = depth.shape
    padded = np.pad(depth, span, mode="edge")
    low, high = depth.copy(), depth.copy()
    for i in range(-span, span + 1):
        for j in range(-span, span + 1):
            rise = STEEPEST * cell * float(np.hypot(i, j))
            near = padded[span + i : span + i + rows, span + j : span + j + columns]
            low = np.minimum(low, near + rise)
            high = np.maximum(high, near - rise)
    found: Field = (low + high) / 2
    return found
