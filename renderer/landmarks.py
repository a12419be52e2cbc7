"""The 468 points of a face's mesh, and the irises and lids of its eyes, from two networks that look at cut-outs.

Rules
- Points are pixels of the picture, x right, y down. The mesh's third coordinate is depth in the same scale: smaller is nearer
  to the camera, 0 about in the middle of the head.
- Where the mesh network looks follows from what it has found there, until that settles: the result does not depend on where the
  search began.
- Everything is seen plain and mirrored, and averaged. The networks are not symmetric; one look is off by up to .02 u (u is the
  distance of the outer corners of the eyes).

Measured on five portraits, each shown ten times shifted, scaled by .6 to 1.5, turned by up to 15 degrees, every second time
mirrored, with noise: root mean square distance of the points from their mean is .0104 u for the plain mesh after four passes,
.0019 u averaged with the mirrored one, .0010 u with the four last looks as well (.0011 u from a start that is a tenth of the
square and .2 radians off). The centres of the irises: .0012 u plain, .0010 u averaged.

Source of the networks: Kartynnik et al., "Real-time Facial Surface Geometry from Monocular Video on Mobile GPUs" (2019);
Ablavatski et al., "Real-time Pupil Tracking from Monocular Video for Digital Puppetry" (2020).
"""

from __future__ import annotations

import math

from collections.abc import Mapping
from pathlib import Path

import numpy as np

from numpy.typing import NDArray

from configs.mesh import POINTS, MeshTable
from renderer.inference import Network, Square, cut

MESH_NAME = "face_landmark"
MESH_SIDE = 192
IRIS_NAME = "iris_landmark"
IRIS_SIDE = 64
CONTOUR = 71
LIDS = 16
"""The first points of a contour, which are the edges of the lids."""
AROUND_FACE = 1.5
"""Side of the cut-out by that of the detector's square, or of the mesh's box: what the mesh network was trained with."""
AROUND_EYE = 2.3
"""Side of the cut-out by the width of the eye: what the iris network was trained with."""
MOST_PASSES = 10
"""Looks for the place; from a good detection it settles after two or three."""
SETTLED = 0.003
"""Movement, growth and turn in radians, of the place by its side, below which it has settled: about .005 u."""
HOPELESS = 0.01
"""Presence below which a place is given up."""
LAST_LOOKS = ((0.95, 0.06), (0.95, -0.06), (1.05, 0.06), (1.05, -0.06))
"""Size and turn in radians, against the settled place, of the looks whose mean is the result."""
_CORNERS = ((33, 133), (263, 362))
"""Outer and inner corner of the subject's right and left eye."""
_LOWER, _UPPER = tuple(range(9)), (0, *range(9, 16), 8)
"""Of a contour: along the lower and the upper lid, both from the outer to the inner corner."""


class Mesher:
    """The opened mesh network.

    Args:
        models: where the model files are.
        table: which points mirror each other.

    Raises:
        ModelError: as `Network`.
    """

    def __init__(self, models: Mapping[str, Path], table: MeshTable) -> None:
        self._network = Network(MESH_NAME, models, MESH_SIDE, (POINTS * 3, 1))
        self._mirrored = np.array(table.mirrored)

    def settle(self, picture: NDArray[np.uint8], start: Square) -> tuple[NDArray[np.float32], float]:
        """The mesh of the face in a square.

        Args:
            picture: uint8 [height, width, 3] RGB.
            start: about the face: `AROUND_FACE` times the detector's square, or `around_mesh`.

        Returns:
            float32 [468, 3], pixels of the picture; and 0..1, how surely there is a face, without which the mesh means nothing.
        """
        square = start
        for _ in range(MOST_PASSES):
            mesh, presence = self._look(picture, square)
            if presence < HOPELESS:
                return mesh.astype(np.float32), presence
            before, square = square, around_mesh(mesh)
            if _change(before, square) < SETTLED:
                break
        looks = [
            self._look(picture, Square(square.x, square.y, square.side * size, square.angle + turn))
            for size, turn in LAST_LOOKS
        ]
        mesh = np.mean([mesh for mesh, _ in looks], axis=0)
        return mesh.astype(np.float32), sum(presence for _, presence in looks) / len(looks)

    def _look(self, picture: NDArray[np.uint8], square: Square) -> tuple[NDArray[np.float64], float]:
        """Mesh and presence, each the mean of the plain and the mirrored cut-out."""
        seen = cut(picture, square, MESH_SIDE)
        plain, presence = self._run(seen)
        mirrored, again = self._run(seen[:, ::-1])
        return square.place((plain + unmirrored(mirrored[self._mirrored], MESH_SIDE)) / 2, MESH_SIDE), (presence + again) / 2

    def _run(self, seen: NDArray[np.float32]) -> tuple[NDArray[np.float64], float]:
        found, logit = self._network.run(seen)
        points = found.astype(np.float64).reshape(POINTS, 3)
        points[:, :2] -= 0.5  # the network counts from the edge of the first pixel
        return points, 1 / (1 + math.exp(-min(max(float(logit.item()), -100.0), 100.0)))


class IrisReader:
    """The opened iris network.

    Raises:
        ModelError: as `Network`.
    """

    def __init__(self, models: Mapping[str, Path]) -> None:
        self._network = Network(IRIS_NAME, models, IRIS_SIDE, (CONTOUR * 3, 5 * 3))

    def read(self, picture: NDArray[np.uint8], mesh: NDArray[np.floating]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
        """The irises and the contours of the eyes of a face.

        Args:
            picture: uint8 [height, width, 3] RGB.
            mesh: [468, 3], pixels.

        Returns:
            float32 [2, 5, 2], the irises: centre, then the points towards the subject's right, the top, the subject's left and
            the bottom. float32 [2, 71, 2], the contours: 0..8 the edge of the lower lid from the outer to the inner corner,
            9..15 that of the upper lid between them, the rest rings further out and the brow. Subject's right eye first, in
            pixels.
        """
        eyes = [self._eye(picture, around_eye(mesh, eye), eye) for eye in (0, 1)]
        irises, contours = (np.array(found, np.float32) for found in zip(*eyes, strict=True))
        return irises, contours

    def _eye(self, picture: NDArray[np.uint8], square: Square, eye: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        seen = cut(picture, square, IRIS_SIDE)
        # The network knows right eyes only: a left one is shown to it in the mirror.
        known = seen if eye == 0 else seen[:, ::-1]
        contour, iris = self._run(known)
        other_contour, other_iris = (unmirrored(points, IRIS_SIDE) for points in self._run(known[:, ::-1]))
        # The network's second point lies to the right in what it sees, the fourth to the left.
        iris = (iris + other_iris[[0, 3, 2, 1, 4]]) / 2
        contour[:LIDS] = _between_lids(contour, other_contour)
        if eye == 1:
            contour, iris = unmirrored(contour, IRIS_SIDE), unmirrored(iris, IRIS_SIDE)
        else:
            iris = iris[[0, 3, 2, 1, 4]]
        return square.place(iris, IRIS_SIDE), square.place(contour, IRIS_SIDE)

    def _run(self, seen: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        contour, iris = self._network.run(seen)
        return (
            contour.astype(np.float64).reshape(CONTOUR, 3)[:, :2] - 0.5,
            iris.astype(np.float64).reshape(5, 3)[:, :2] - 0.5,
        )


def around_mesh(mesh: NDArray[np.floating]) -> Square:
    """The square to look at for a face whose mesh is about known: [468, 3], pixels; its eyes are level in it."""
    outer = mesh[[_CORNERS[0][0], _CORNERS[1][0]], :2].astype(np.float64)
    angle = math.atan2(float(outer[1, 1] - outer[0, 1]), float(outer[1, 0] - outer[0, 0]))
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    upright = mesh[:, :2].astype(np.float64) @ turn
    low, high = upright.min(axis=0), upright.max(axis=0)
    middle = turn @ ((low + high) / 2)
    return Square(float(middle[0]), float(middle[1]), float((high - low).max()) * AROUND_FACE, angle)


def around_eye(mesh: NDArray[np.floating], eye: int) -> Square:
    """The square to look at for an eye, 0 for the subject's right and 1 for the left; its corners are level in it."""
    first, second = _CORNERS[eye] if eye == 0 else _CORNERS[eye][::-1]
    right, left = mesh[first, :2].astype(np.float64), mesh[second, :2].astype(np.float64)
    across, middle = left - right, (left + right) / 2
    angle = math.atan2(float(across[1]), float(across[0]))
    return Square(float(middle[0]), float(middle[1]), math.hypot(*across) * AROUND_EYE, angle)


def unmirrored(points: NDArray[np.float64], side: int) -> NDArray[np.float64]:
    """Points of a mirrored cut-out as points of the plain one, [n, 2 or 3]; which is which does not change."""
    back = points.copy()
    back[:, 0] = side - 1 - back[:, 0]
    return back


def _change(one: Square, other: Square) -> float:
    turned = (other.angle - one.angle + math.pi) % (2 * math.pi) - math.pi
    moved = math.hypot(other.x - one.x, other.y - one.y) + abs(other.side - one.side)
    return moved / max(one.side, 1e-9) + abs(turned)


def _between_lids(contour: NDArray[np.float64], other: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean of the lids that the network saw in an eye and in its mirror image, float64 [16, 2].

    What it takes for the outer corner of the mirrored eye is the inner one, and its points are not spread alike over both
    halves of a lid; so each point is averaged with that at the same share of the other curve's length.
    """
    lids = np.empty((LIDS, 2))
    for line in (_LOWER, _UPPER):
        curve, backwards = contour[list(line)], other[list(reversed(line))]
        shares, reach = _shares(curve), _shares(backwards)
        met = np.stack([np.interp(shares, reach, backwards[:, axis]) for axis in (0, 1)], axis=1)
        lids[list(line)] = (curve + met) / 2
    return lids


def _shares(curve: NDArray[np.float64]) -> NDArray[np.float64]:
    """By point of a curve the share of its length up to there."""
    reach = np.concatenate([[0.0], np.cumsum(np.hypot(*np.diff(curve, axis=0).T))])
    return reach / max(float(reach[-1]), 1e-9)
