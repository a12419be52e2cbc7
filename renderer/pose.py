"""How a head is held, measured from the mesh of its face.

Rules
- Degrees; yaw > 0 turns to the subject's left (towards the viewer's right), pitch > 0 lifts the chin, roll > 0 tilts towards
  the subject's left shoulder (clockwise as the viewer sees it).
- Order: yaw, then pitch, then roll, each about the head's own axes, which turn with it. As matrices, in the picture's axes
  (x right, y down, z away from the camera): R = Ry(-yaw) Rx(-pitch) Rz(roll).
- The mesh's depth is a guess of a network: the pitch of a head that looks straight ahead is measured as some -9 to -12 degrees,
  and large yaws a little too small. Differences between two meshes of one person are far better: use `relative_pose`.
"""

from __future__ import annotations

import math

from typing import NamedTuple

import numpy as np

from numpy.typing import NDArray

from configs.mesh import MeshTable, builtin_mesh


class Pose(NamedTuple):
    """Degrees about the head's own axes, in this order."""

    yaw: float
    pitch: float
    roll: float


def rotation(pose: Pose) -> NDArray[np.float64]:
    """float64 [3, 3]: the rotation of a pose in the picture's axes; `mesh @ rotation(pose).T` turns a mesh about the origin."""
    yaw, pitch, roll = (math.radians(angle) for angle in pose)
    about_y = np.array([[math.cos(yaw), 0, -math.sin(yaw)], [0, 1, 0], [math.sin(yaw), 0, math.cos(yaw)]])
    about_x = np.array([[1, 0, 0], [0, math.cos(pitch), math.sin(pitch)], [0, -math.sin(pitch), math.cos(pitch)]])
    about_z = np.array([[math.cos(roll), -math.sin(roll), 0], [math.sin(roll), math.cos(roll), 0], [0, 0, 1]])
    turned: NDArray[np.float64] = about_y @ about_x @ about_z
    return turned


def pose_of(matrix: NDArray[np.float64]) -> Pose:
    """The pose of a rotation, float64 [3, 3] in the picture's axes; pitch is within +-90 degrees."""
    pitch = math.asin(min(1.0, max(-1.0, float(matrix[1, 2]))))
    yaw = math.atan2(-float(matrix[0, 2]), float(matrix[2, 2]))
    roll = math.atan2(float(matrix[1, 0]), float(matrix[1, 1]))
    return Pose(math.degrees(yaw), math.degrees(pitch), math.degrees(roll))


def head_pose(mesh: NDArray[np.floating], table: MeshTable | None = None) -> Pose:
    """How a head is held against one that looks straight into the camera.

    The axis through the ears is the mean direction between the steady points of the two sides, so that no particular face is
    assumed; how far the head is turned about that axis follows from where forehead, nose and eyes lie in the plane between the
    sides, against the canonical face.

    Args:
        mesh: [468, 3], pixels with depth in the same scale.
        table: of the mesh; the program's own unless given.
    """
    table = table or builtin_mesh()
    points = mesh.astype(np.float64)
    weights = dict(table.steady)
    pairs = [(right, left, weights[right]) for right, left in table.pairs if right in weights]
    across = sum((weight * (points[left] - points[right]) for right, left, weight in pairs), np.zeros(3))
    across /= np.linalg.norm(across)
    # Any down and back to measure in: square to the axis and as near to the picture's as can be.
    down = np.array([0.0, 1.0, 0.0]) - across * across[1]
    if np.linalg.norm(down) < 1e-3:
        down = np.array([0.0, 0.0, 1.0]) - across * across[2]
    down /= np.linalg.norm(down)
    back = np.cross(across, down)
    seen = points[[point for point, *_ in table.upright]] @ np.stack([down, back], axis=1)
    known = np.array([[y, z] for _, _, y, z in table.upright])
    seen -= seen.mean(axis=0)
    known -= known.mean(axis=0)
    # The turn in the plane from `known` to `seen`, least squares.
    angle = math.atan2(float((known[:, 0] * seen[:, 1] - known[:, 1] * seen[:, 0]).sum()), float((known * seen).sum()))
    own_down = math.cos(angle) * down + math.sin(angle) * back
    return pose_of(np.stack([across, own_down, np.cross(across, own_down)], axis=1))


def relative_pose(mesh_a: NDArray[np.floating], mesh_b: NDArray[np.floating], table: MeshTable | None = None) -> Pose:
    """How far the head has turned from one mesh of a person to another, about the picture's axes in the first.

    A rigid fit with scale of the points that hardly move with the expression, weighted (Umeyama, "Least-squares estimation of
    transformation parameters between two point patterns", 1991).

    Args:
        mesh_a, mesh_b: [468, 3], pixels with depth in the same scale; they may differ in place and size.
        table: of the mesh; the program's own unless given.
    """
    table = table or builtin_mesh()
    chosen = [point for point, _ in table.steady]
    weights = np.array([weight for _, weight in table.steady])[:, None]
    weights = weights / weights.sum()
    one, other = (mesh[chosen].astype(np.float64) for mesh in (mesh_a, mesh_b))
    one -= (weights * one).sum(axis=0)
    other -= (weights * other).sum(axis=0)
    left, _, right = np.linalg.svd(other.T @ (weights * one))
    proper = np.diag([1.0, 1.0, float(np.sign(np.linalg.det(left @ right)))])
    return pose_of(left @ proper @ right)
