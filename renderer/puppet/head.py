"""How the head turns: each point of the picture on a depth of its own, moved in perspective about the top of the neck.

What is on the head moves with it, the neck bends in between, shoulders stay.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch

from scipy.interpolate import RBFInterpolator
from scipy.ndimage import gaussian_filter
from scipy.spatial import ConvexHull
from torch import Tensor

from renderer.puppet.anatomy import CHIN, FACE_OVAL, inside_polygon, polyline_distance, ramp
from renderer.puppet.geometry import CM_PER_U, Field, HeadFrame, Points, smooth
from renderer.puppet.lattice import Lattice, inverse

CAMERA = 7.0
"""u from the camera to the eyes: a portrait taken at about 60 cm times the eye distance's usual share of it."""
BACK_OF_FACE = -0.6
"""u: how deep hair, ears and neck lie behind the eye corners at most."""
STEEPEST = 1.7
"""Depth per distance beyond which a surface would hide itself when the head turns by 20 degrees and nods by 15 at once
(cot 25 = 2.1, less what perspective and the lag of the neck add): steeper depths are eased, so that the far cheek narrows where
it would fold."""
HIDDEN = 4.0
"""Depth per distance by which a point of the mesh must lie behind another to be hidden by it: beside a nose it is as much."""
NASION = 168
CREEP = 0.0005
"""u of motion that set in gently: a head that is as good as still would otherwise make every hard edge flicker by some grey
levels. What moves further lags by half of it at most, a twentieth of a pixel of a face 300 pixels high."""
MISS = 0.003
"""u by which a way back may miss its pixel before it counts as none."""

TURNS = (20.0, 15.0, 20.0)
"""Degrees of yaw, pitch and roll up to which a portrait bears to be turned at most."""
TOGETHER = (1.3, 1.5)
"""Length of a turn whose three angles are counted by these: as far as the first it is as it is asked for, beyond it comes less
and less, never to the second. Any two angles may go nearly as far as they may alone; a cheek that is turned away, bent down and
tilted at once would come off the jaw. Eyes that were to make up for such a turn miss their aim by 3 degrees at most."""

NECK = (-0.12, 0.85)
"""u below the chin: where the neck begins to lag behind the head, and from where on nothing moves. A neck's visible length
is about 0.9 u; a collar hides the rest."""
NECK_ENDS = 0.15
"""Share of that at either end over which the lag sets in: in between it grows as slowly as can be."""
LEAST_NECK = 0.3
"""u: over no less than this the motion fades where the picture ends below the chin."""
SHOULDERS = (0.15, 0.85)
"""u beyond the skull's side from which on shoulders are expected instead of hair, and how much higher they are taken to
begin for each u further out."""
SKULL = 0.75
"""u: half its width."""
BELOW_EARS = 0.75
"""u above the chin: from there down, what lies beneath a piece of background belongs to the body."""
BODY = (0.06, 0.8)
"""u over which that counts gradually, and how much deeper it is then taken to lie."""
LAG = 1.1
"""How fast following may change per u; where it changed faster, a head that moves by 4 cm (.45 u) would fold over the body."""
STEPS = tuple((i, j) for i in (-1, 0, 1) for j in (-1, 0, 1) if i or j)
"""To the eight neighbours of a node."""
FADE = (0.09, 1.1)
"""u inside the part that is painted: up to the first nothing moves, from the second on everything may. Hair and veils that
reach so far are held there."""


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

    def displacement(self, pose: Tensor) -> Tensor:
        """Where the nodes go.

        Args:
            pose: [batch, 6]: yaw, pitch, roll in degrees about the head's own axes, x, y, z in cm.

        Returns:
            [batch, 2, rows, columns], pixels.
        """
        gone = self._moved(self._turn(pose), pose[:, 3:] / CM_PER_U, self.follow)
        square = (gone * gone).sum(dim=1, keepdim=True)
        return gone * (square / (square + (CREEP * self.scale) ** 2))

    def seen(self, lattice: Lattice, pose: Tensor, gone: Tensor) -> Tensor:
        """What is seen at the nodes: the displacement from there back to where it comes from.

        A head that tilts goes over the shoulders; then two places of the portrait come to one pixel, and the one that is
        more of the head is in front. It is looked for from two sides: from where the pixel itself is, and from where it
        would come from if everything were head.

        Args:
            lattice: of the nodes.
            pose: [batch, 6], as for `displacement`.
            gone: [batch, 2, rows, columns]: the displacement.
        """
        turn = self._turn(pose).transpose(1, 2)
        shift = -((turn @ pose[:, 3:, None])[:, :, 0] + pose[:, 3:]) / CM_PER_U
        guess = self._moved(turn, shift, torch.ones_like(self.follow))
        starts = torch.cat([torch.zeros_like(guess), guess])
        found = inverse(lattice, torch.cat([gone, gone]), steps=7, longest=0.25 * self.scale, guess=starts)
        from_nodes = lattice.nodes().to(found) + found
        batch = pose.shape[0]
        what = torch.cat([gone, self.follow.expand(batch, 1, -1, -1)], dim=1)
        values = lattice.sample(torch.cat([what, what]), from_nodes)
        miss = (found + values[:, :2]).abs().amax(dim=1)
        close = miss < MISS * self.scale
        follow = values[:, 2]
        front = close[batch:] & (~close[:batch] | (follow[batch:] > follow[:batch] + 1e-3))
        return torch.where(front[:, None], found[batch:], found[:batch])

    def _turn(self, pose: Tensor) -> Tensor:
        """The rotation in camera coordinates less the identity, [batch, 3, 3]: a still head moves by no rounding error."""
        same = torch.eye(3, device=pose.device, dtype=pose.dtype)
        return self.axes @ (rotation(borne(pose[:, :3])) - same) @ self.axes.T

    def _moved(self, turn: Tensor, shift: Tensor, follow: Tensor) -> Tensor:
        """Pixels [batch, 2, rows, columns] by which nodes move with a rotation less the identity, [batch, 3, 3], and a shift
        [batch, 3] in u."""
        batch = turn.shape[0]
        flat = self.points.reshape(3, -1)
        arm = (flat - self.pivot[:, None]).expand(batch, -1, -1)
        moved = (turn[:, :, :, None] * arm[:, None]).sum(dim=2) + shift[:, :, None]
        moved = moved * follow.reshape(1, 1, -1)
        depth = flat[2]
        nearer = moved[:, 2] / (CAMERA - depth - moved[:, 2]).clamp_min(1.0)
        # Seen from the camera: x' = (x + dx) (f - z) / (f - z - dz), written so that no motion gives exactly 0.
        x = moved[:, 0] + (flat[0] + moved[:, 0]) * nearer
        y = moved[:, 1] + (flat[1] + moved[:, 1]) * nearer
        return torch.stack([x, -y], dim=1).reshape(batch, 2, *follow.shape) * self.scale


def borne(angles: Tensor) -> Tensor:
    """Yaw, pitch and roll [batch, 3], degrees, as far as a portrait bears them together (see `TOGETHER`)."""
    begins, most = TOGETHER
    yaw, pitch, roll = ((angles[:, n] / limit).square() for n, limit in enumerate(TURNS))
    length = (yaw + pitch + roll).sqrt()
    over = (length - begins).clamp_min(0)
    eased = begins + (most - begins) * over / (most - begins + over)
    return angles * torch.where(over > 0, eased / length.clamp_min(begins), 1.0)[:, None]


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


@dataclass(frozen=True, slots=True)
class Bounds:
    """Where the part that is painted ends.

    Attributes:
        width, height: pixels.
        goes_on: whether the picture goes on beyond it on the left, at the top, on the right and at the bottom.
        added: pixels on these sides that were made up beyond the picture.
    """

    width: int
    height: int
    goes_on: tuple[bool, bool, bool, bool] = (False, False, False, False)
    added: tuple[int, int, int, int] = (0, 0, 0, 0)

    def inside(self, x: Field, y: Field) -> Field:
        """Pixels to the nearest side beyond which the picture goes on."""
        nearest = np.full(x.shape, np.inf)
        for there, distance in zip(self.goes_on, (x, y, self.width - 1 - x, self.height - 1 - y), strict=True):
            if there:
                nearest = np.minimum(nearest, distance)
        return nearest


def head_map(frame: HeadFrame, mesh: Points, x: Field, y: Field, alpha: Field, bounds: Bounds) -> HeadMap:
    """Prepare a lattice for the head's motion.

    Args:
        frame: of the head.
        mesh: [468, 3], pixels.
        x, y: [rows, columns], pixels of the nodes.
        alpha: [rows, columns], the person's matte there.
        bounds: of what is painted.
    """
    camera = frame.camera(mesh)
    across = (x - frame.origin[0]) / frame.scale
    up = -(y - frame.origin[1]) / frame.scale
    depth = eased(depth_around(camera, across, up), float(x[0, 1] - x[0, 0]) / frame.scale, STEEPEST)
    head = camera @ frame.axes
    pivot = frame.axes @ np.array([0.0, head[CHIN, 1] - 0.25, head[NASION, 2] - 0.95])
    follow = following(camera, across, up, alpha, pivot, (bounds.height - 1 - frame.origin[1]) / frame.scale)
    edge = np.clip((bounds.inside(x, y) / frame.scale - FADE[0]) / (FADE[1] - FADE[0]), 0, 1)
    follow = np.minimum(follow, edge)

    def tensor(values: Field) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(values, dtype=np.float32))

    return HeadMap(tensor(np.stack([across, up, depth])), tensor(follow), tensor(pivot), tensor(frame.axes), frame.scale)


def following(camera: Points, x: Field, y: Field, alpha: Field, pivot: Points, below: float) -> Field:
    """How far places go with the head: 1 on it, 0 on the shoulders and below the neck.

    Args:
        camera: [468, 3], camera coordinates of the mesh.
        x, y: [rows, columns], camera coordinates in u.
        alpha: [rows, columns], the person's matte there.
        pivot: [3], camera coordinates of what the head turns about.
        below: u from the origin down to where the picture ends.
    """
    chin = float(camera[CHIN, 1])
    ring = camera[list(FACE_OVAL)][:, :2]
    inside = inside_polygon(x, y, ring)
    beside = np.maximum(min(ring[:, 0].min(), pivot[0] - SKULL) - x, x - max(ring[:, 0].max(), pivot[0] + SKULL))
    raised = SHOULDERS[1] * np.maximum(beside - SHOULDERS[0], 0)
    # Shoulders and collars show background between them and the hair above; hair that falls on them does not.
    body = np.maximum.accumulate((y < chin + BELOW_EARS) & (alpha < 0.5) & ~inside, axis=0).astype(np.float64)
    body = gaussian_filter(body, BODY[0] / float(x[0, 1] - x[0, 0]), mode="nearest")
    raised = np.maximum(raised, BODY[1] * body)
    end = float(np.clip(below + chin, LEAST_NECK, NECK[1]))
    follow = 1 - ramp((chin - y + raised - NECK[0]) / (end - NECK[0]), NECK_ENDS)
    near = smooth(0.25, 0.0, np.where(inside, 0, polyline_distance(x, y, np.concatenate([ring, ring[:1]]))))
    # The face itself goes as one, chin included; just below it the neck begins to lag.
    follow = np.maximum(follow, np.where(inside, 1.0, near * (1 - smooth(0.0, 0.5 * end, chin - y))))
    cell = float(x[0, 1] - x[0, 0])
    found: Field = np.maximum(eased(follow, cell, LAG), lifted(np.where(inside, 1.0, 0.0), cell, LAG))
    return found


def depth_around(camera: Points, x: Field, y: Field) -> Field:
    """Camera depth of points: that of the mesh on the face, falling back around it to hair, ears and neck.

    Where a turned face hides a part of itself, such as the far cheek behind the nose, what is in front counts.

    Args:
        camera: [468, 3], camera coordinates of the mesh.
        x, y: [...] camera coordinates in u.
    """
    places = np.stack([x.ravel(), y.ravel()], axis=1)
    flat = camera[:, :2]
    front = (camera[:, 2] - HIDDEN * np.linalg.norm(flat[:, None] - flat, axis=2)).max(axis=1)
    face = RBFInterpolator(flat, front, kernel="thin_plate_spline", smoothing=1e-4, neighbors=48)
    outline = ConvexHull(flat).vertices
    ring, depths = flat[outline], front[outline]
    inside = inside_polygon(x, y, ring)
    away = polyline_distance(x, y, np.concatenate([ring, ring[:1]]))
    square = (places[:, None, 0] - ring[None, :, 0]) ** 2 + (places[:, None, 1] - ring[None, :, 1]) ** 2
    weight = 1 / (square + 1e-3) ** 1.5
    around = ((weight * depths).sum(axis=1) / weight.sum(axis=1)).reshape(x.shape)
    behind = np.maximum(around - 0.5 * away, np.minimum(around, BACK_OF_FACE))
    found: Field = behind.copy()
    found[inside] = face(places[inside.ravel()])
    share = smooth(0.0, 0.12, away)
    found[inside] = (share * found + (1 - share) * behind)[inside]
    return found


def eased(values: Field, cell: float, steepest: float) -> Field:
    """The mean of the highest surface below another and the lowest above it that are nowhere too steep.

    Args:
        values: [rows, columns].
        cell: u between nodes.
        steepest: change per u.
    """
    found: Field = (lifted(values, cell, steepest) - lifted(-values, cell, steepest)) / 2
    return found


def lifted(values: Field, cell: float, steepest: float) -> Field:
    """The lowest surface above another that is nowhere too steep, distances counted in steps to the eight neighbours."""
    found = values.copy()
    for _ in range(int(np.ceil(float(np.ptp(values)) / steepest / cell))):
        before = found.copy()
        padded = np.pad(before, 1, mode="edge")
        for i, j in STEPS:
            fall = steepest * cell * float(np.hypot(i, j))
            found = np.maximum(found, padded[1 + i : 1 + i + len(values), 1 + j : 1 + j + values.shape[1]] - fall)
        if np.array_equal(found, before):
            break
    return found
