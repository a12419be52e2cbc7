"""Where points of a portrait are in its frames: the forward way, where painting follows the way back.

For landmarks of a rendered frame, to aim at what is in it, and to hold the frames to it.

Rules
- Points and results are pixels of the portrait, the first one's centre at 0, whatever canvas it is painted on.
- A point goes with what it lies on: lids, skin above or below the parting of the lips, the head. Whether something else hides
  it in a frame is not looked at.
- A point of a lid's edge stays on that edge, though the mesh may see it a little inside the eye.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch

from numpy.typing import NDArray
from torch import Tensor

from renderer.puppet.anatomy import LID_LOWER, LID_UPPER, LOWER_INNER, LOWER_OUTER, SIDES, UPPER_INNER, UPPER_OUTER
from renderer.puppet.axes import look_up
from renderer.puppet.eyes import Eye, lidded, posed
from renderer.puppet.gaze import Eyeball, gaze_shift
from renderer.puppet.lattice import mixed
from renderer.puppet.render import GAZE, HEAD, LIDS, controls
from renderer.puppet.rig import PuppetRig

Points = NDArray[np.float32]

FRAMES_AT_ONCE = 64
"""Fields of so many frames are held at a time."""
HALVINGS = 24
"""Of the stretch in which a lid's point is looked for: from .5 u to a millionth of it."""
UPPER_LIP = frozenset({*UPPER_INNER[1:-1], *UPPER_OUTER[1:-1]})
LOWER_LIP = frozenset({*LOWER_INNER[1:-1], *LOWER_OUTER[1:-1]})


def landmarks(rig: PuppetRig, motion: NDArray[np.float32], mesh: Points | None = None) -> Points:
    """Where the mesh of the face is in frames.

    Args:
        rig: of the portrait.
        motion: float32 [frames, 62], within the rig's ranges.
        mesh: float32 [468, 2], pixels: where it is seen in the portrait; as the rig knows it by default.

    Returns:
        float32 [frames, 468, 2], pixels; at rest where it is seen in the portrait, unless the rig relaxes its expression.
    """
    mesh = rig.face.mesh[:, :2] if mesh is None else mesh
    below = lower_side(rig, mesh)
    below[list(UPPER_LIP)], below[list(LOWER_LIP)] = False, True
    lids = np.zeros(len(mesh), np.int64)
    for ids, edge in ((LID_UPPER, 1), (LID_LOWER, -1)):
        lids[[index for side in ids for index in side]] = edge
    return gone(rig, mesh, motion, below=below, edges=lids)


def irises(rig: PuppetRig, motion: NDArray[np.float32]) -> Points:
    """Where both irises are in frames.

    Args:
        rig: of the portrait.
        motion: float32 [frames, 62], within the rig's ranges.

    Returns:
        float32 [frames, 2, 5, 2], pixels; the subject's right one first; centre, then the points of the rim as in
        `renderer.faces.Face.irises`.
    """

    def looked(part: Tensor) -> Tensor:
        found = []
        for eye, side, iris in zip(rig.eyes, SIDES, rig.face.irises, strict=True):
            start = _to_canvas(rig, iris).expand(len(part), -1, -1, -1)
            turn = gaze_shift(eye.ball, part[:, GAZE[side]])
            found.append(_on_ball(eye.ball, start, turn))
        at = torch.cat(found, dim=3)
        return _with_head(rig, at + _skin(rig, at, torch.zeros(at.shape[3], dtype=torch.bool, device=at.device), part), part)

    return _by_parts(rig, motion, looked).reshape(len(motion), 2, 5, 2)


def gone(
    rig: PuppetRig,
    points: Points,
    motion: NDArray[np.float32],
    *,
    below: NDArray[np.bool_] | None = None,
    edges: NDArray[np.int64] | None = None,
) -> Points:
    """Where points of the portrait are in frames.

    Args:
        rig: of the portrait.
        points: float32 [n, 2], pixels.
        motion: float32 [frames, 62], within the rig's ranges.
        below: [n], whether each goes with the lower lip's side of the mouth; as the picture says by default.
        edges: [n], 1 for points that belong to an upper lid's edge, -1 for a lower lid's, 0 for all others (the default).

    Returns:
        float32 [frames, n, 2], pixels.
    """
    lower = torch.from_numpy(lower_side(rig, points) if below is None else below)
    lids = torch.from_numpy(np.zeros(len(points), np.int64) if edges is None else edges)
    start = _to_canvas(rig, points)

    def moved(part: Tensor) -> Tensor:
        at = start.expand(len(part), -1, -1, -1)
        for eye, side in zip(rig.eyes, SIDES, strict=True):
            near = _inside(eye, start)
            if len(near):
                way = _with_lids(eye, start[..., near], lids.to(start.device)[near], part, side)
                at = at.index_add(3, near, way)
        at = at + _skin(rig, at, lower.to(at.device), part)
        return _with_head(rig, at, part)

    return _by_parts(rig, motion, moved)


def lower_side(rig: PuppetRig, points: Points) -> NDArray[np.bool_]:
    """Which points [n, 2], pixels, lie on the lower lip or below: [n]. Between open lips the nearer edge decides."""
    mouth = rig.mouth
    t, v = mouth.axes.coordinates(_to_canvas(rig, points))
    found: NDArray[np.bool_] = (v < look_up(mouth.edges, t).mean(dim=0)).reshape(-1).cpu().numpy()
    return found


def _by_parts(rig: PuppetRig, motion: NDArray[np.float32], moved: Callable[[Tensor], Tensor]) -> Points:
    """Pixels of the portrait [frames, n, 2] of what gives pixels of the canvas [batch, 2, 1, n] for a part of a motion."""
    done = rig.acting.of(motion)
    if not len(motion):
        done = np.zeros((1, motion.shape[1]), np.float32)  # asked for the shape of its result alone
    parts = []
    with torch.inference_mode():
        for first in range(0, len(done), FRAMES_AT_ONCE):
            found = moved(torch.from_numpy(done[first : first + FRAMES_AT_ONCE]).to(rig.basis.device))
            pixels = found[:, :, 0].transpose(1, 2).cpu().numpy()
            parts.append(((pixels + 0.5) / rig.factor - 0.5 + _corner(rig)).astype(np.float32))
    return np.concatenate(parts)[: len(motion)]


def _corner(rig: PuppetRig) -> NDArray[np.float32]:
    """The canvas's first pixel in the portrait, x and y."""
    return np.array([rig.stage[0] - rig.margins.left, rig.stage[1] - rig.margins.top], np.float32)


def _to_canvas(rig: PuppetRig, points: Points) -> Tensor:
    """Pixels of the canvas [1, 2, 1, n] of pixels of the portrait [n, 2]."""
    placed = (points.astype(np.float32) - _corner(rig) + 0.5) * rig.factor - 0.5
    return torch.from_numpy(np.ascontiguousarray(placed.T, dtype=np.float32)).to(rig.basis.device)[None, :, None]


def _with_head(rig: PuppetRig, at: Tensor, motion: Tensor) -> Tensor:
    """Pixels [batch, 2, 1, n] after the head's motion."""
    return at + rig.head_lattice.sample(rig.head.displacement(motion[:, HEAD]), at)


def _skin(rig: PuppetRig, at: Tensor, lower: Tensor, motion: Tensor) -> Tensor:
    """Pixels [batch, 2, 1, n] by which muscles move points at pixels [batch, 2, 1, n]; `lower` is [n]."""
    lattice = rig.face_lattice
    fields = mixed(rig.basis, controls(motion)).reshape(len(motion), 4, lattice.rows, lattice.columns)
    found = lattice.sample(fields, at)
    return torch.where(lower, found[:, 2:], found[:, :2])


def _with_lids(eye: Eye, start: Tensor, edges: Tensor, motion: Tensor, side: str) -> Tensor:
    """Pixels [batch, 2, 1, n] by which the lids of an eye move points that start at pixels [1, 2, 1, n]; `edges` is [n]."""
    lids, gaze = motion[:, LIDS[side]], motion[:, GAZE[side]]
    t, v = eye.axes.coordinates(start)
    _, upper, lower, *_ = look_up(eye.curves, t)
    beyond = 0.002 * eye.u  # the edges themselves, as far as their skin goes
    upper, lower = upper + beyond, lower - beyond
    line = torch.where(edges > 0, upper, lower)
    of_edge = (edges != 0) & (t > -0.1) & (t < 1.1) & ((v - line).abs() < 0.1 * eye.u)
    wanted = torch.where(of_edge, line, v)
    risen = _seen_at(eye, t, wanted, lids, gaze) - wanted
    # What a point lies off its edge it lies off a closing lid less and less, for lids that have met are one line.
    gap = _seen_at(eye, t, upper, lids, gaze) - _seen_at(eye, t, lower, lids, gaze)
    left = (gap / (upper - lower)).clamp(0, 1)
    risen = risen - torch.where(of_edge, (1 - left) * (v - wanted), torch.zeros_like(left))
    still = (lids.abs().sum(dim=1) + gaze.abs().sum(dim=1) == 0)[:, None, None]  # at rest to the last bit
    risen = torch.where(still, torch.zeros_like(risen), risen)
    return torch.stack([risen * eye.axes.sin, risen * -eye.axes.cos], dim=1)


def _seen_at(eye: Eye, t: Tensor, height: Tensor, lids: Tensor, gaze: Tensor) -> Tensor:
    """Pixels of V [batch, 1, n] at which skin of T and V [1, 1, n] is seen.

    Painting asks where the skin at a pixel comes from; that rises with the pixel's height, so the pixel at which a point is
    seen is found by halving the stretch in which it must lie.
    """
    along = t.expand(len(lids), -1, -1)
    low, high = ((height + by * eye.u).expand(len(lids), -1, -1) for by in (-0.25, 0.25))
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        at = eye.axes.places(along, middle)
        _, source = eye.axes.coordinates(lidded(eye, at, posed(eye, lids, gaze)).skin)
        above = source > height
        low, high = torch.where(above, low, middle), torch.where(above, middle, high)
    return (low + high) / 2


def _inside(eye: Eye, at: Tensor) -> Tensor:
    """Which of n pixels [1, 2, 1, n] are in the part of the picture that lids can change: int64 [m]."""
    left, top, right, bottom = eye.box
    x, y = at[0, :, 0]
    return ((x >= left) & (x <= right) & (y >= top) & (y <= bottom)).nonzero()[:, 0]


def _on_ball(ball: Eyeball, at: Tensor, turn: Tensor) -> Tensor:
    """Pixels [batch, 2, 1, n] of points of the iris once the eye has turned: the inverse of `gaze.turned`.

    Args:
        ball: of the eye.
        at: [batch, 2, 1, n], pixels.
        turn: [batch, 2], pixels that the iris goes.
    """
    part = (turn / ball.radius)[:, :, None, None]
    facing = (1 - part.square().sum(dim=1, keepdim=True)).clamp_min(0.2).sqrt()
    centre = torch.stack([torch.full_like(at[:, 0], place) for place in ball.centre], dim=1)
    away = at - centre
    narrowed = part * (away * part).sum(dim=1, keepdim=True) / (1 + facing)
    return at + turn[:, :, None, None] - narrowed
