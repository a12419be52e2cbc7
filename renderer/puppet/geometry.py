"""Where the head is in a portrait: its own axes, its scale, and how points go between the picture and the head.

Head coordinates are in u, the distance of the outer eye corners in space: X toward the subject's left, Y up, Z toward
the camera when the head faces it. The origin lies between the four eye corners. Camera coordinates have the same unit and
origin, with the axes of the picture: x right, y up, z toward the camera.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from numpy.typing import NDArray

from renderer.pose import Pose, head_pose, rotation

Points = NDArray[np.float64]
Field = NDArray[np.float64]

CM_PER_U = 8.892
"""Centimetres between the outer eye corners of MediaPipe's canonical face model (2 x 4.446), by which anatomy's
centimetres become u."""

PITCH_AHEAD = 10.0
"""Degrees by which the mesh of a head that looks straight ahead looks down (measured on nine portraits: 9 to 12)."""
EYE_CORNERS = (33, 133, 362, 263)
OUTER_RIGHT, OUTER_LEFT = 33, 263


@dataclass(frozen=True, slots=True, eq=False)
class HeadFrame:
    """The head's axes in a portrait.

    Attributes:
        origin: [2], pixels.
        scale: pixels per u.
        depth: camera depth of the origin in pixels of the mesh, taken off every depth.
        axes: [3, 3]; columns are the head's X, Y and Z in camera coordinates.
    """

    origin: Points
    scale: float
    depth: float
    axes: Points

    def camera(self, mesh: Points) -> Points:
        """Camera coordinates [n, 3] of mesh points [n, 3] (pixels; the mesh's z is smaller nearer to the camera)."""
        x = (mesh[:, 0] - self.origin[0]) / self.scale
        y = -(mesh[:, 1] - self.origin[1]) / self.scale
        z = -(mesh[:, 2] - self.depth) / self.scale
        return np.stack([x, y, z], axis=1)

    def head(self, mesh: Points) -> Points:
        """Head coordinates [n, 3] of mesh points [n, 3]."""
        found: Points = self.camera(mesh) @ self.axes
        return found

    def pixels(self, head: Points) -> Points:
        """Pixels [n, 2] of head coordinates [n, 3]."""
        camera = head @ self.axes.T
        return np.stack([self.origin[0] + self.scale * camera[:, 0], self.origin[1] - self.scale * camera[:, 1]], axis=1)


def turn_of(mesh: NDArray[np.floating]) -> Points:
    """The rotation of a head in the picture's axes, [3, 3], as `renderer.pose.rotation` gives it.

    The networks' pitch of a head that looks straight ahead is about -10 degrees (see `renderer.pose`), which is taken off. They
    see each face upright, so that is about the head's own axis, however it is tilted.

    Args:
        mesh: [468, 3], pixels; z smaller nearer to the camera.
    """
    found: Points = rotation(head_pose(mesh)) @ rotation(Pose(0.0, PITCH_AHEAD, 0.0))
    return found


def head_frame(mesh: Points) -> HeadFrame:
    """The head's axes, from the pose of its mesh.

    Args:
        mesh: [468, 3], pixels; z smaller nearer to the camera.
    """
    flip = np.diag([1.0, -1.0, -1.0])  # from the picture's axes, y down and z away, to the camera's
    axes = flip @ turn_of(mesh) @ flip
    corners = mesh[list(EYE_CORNERS)].mean(axis=0)
    scale = float(np.linalg.norm(mesh[OUTER_LEFT] - mesh[OUTER_RIGHT]))
    return HeadFrame(corners[:2].astype(np.float64), scale, float(corners[2]), axes)


def smooth(low: float, high: float, x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Cubic step: 0 up to `low`, 1 from `high` on; `low` may be above `high` for a step down."""
    t = np.clip((x - low) / (high - low), 0.0, 1.0)
    stepped: NDArray[np.float64] = t * t * (3 - 2 * t)
    return stepped
