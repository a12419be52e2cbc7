"""What a detector sees of a face in a frame: its landmarks, and the distances and angles that a channel is to change.

The iris network sees the skin around an eye and the brow, too: its 71 points are points of the mesh, and those of the mesh
that it knows are taken from it, as MediaPipe does. Which is which was found in 40 eyes of 20 portraits: of all ways to give
each of its points one of the mesh's own, `EYE_POINTS` has the smallest sum of median distances, all of them less than .07 u,
but that 33 and 130, two of the outer corner, change places; on each of its lines the mesh's order says which is which.

Why it is taken: portraits, twelve for the whole brow and lids, eight for parts of the brow, were warped in known ways, by no
rig. Shares of landmarks that were seen to go within 30 degrees of their way and .4 to 1.5 times as far, and the median of how
far:

    warp                                  mesh network   iris network
    lids half closed                      45 %, .39      90 %, .65
    brows up by .05 u                     98 %, .84      98 %, .82
    brows up by .10 u                     98 %, .85      89 %, .84
    brows down by .05 u                   97 %, .77      98 %, .84
    inner ends up by .09 u                100 %, .69     92 %, .80
    outer ends up by .09 u                91 %, .52      82 %, .64
    inner ends down and in by .06 u       24 %, .36      88 %, .57
    one inner end down and in by .06 u    0 %, .18       43 %, .50
    cheeks up by .06 u, rings below       0 %, .21       23 %, .33

Lids were measured at one look. The mesh network knows brows best that go up or down together. Shown the same face shifted,
scaled and turned, both see brows alike: root mean square distances from the mean are .0024 u of the mesh network and .0021 u
of the iris network.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from numpy.typing import NDArray

from configs.mesh import builtin_mesh
from renderer.faces import Face, FaceNets
from renderer.inference import Square, cut
from renderer.landmarks import IRIS_SIDE, LIDS, around_eye, unmirrored

Measure = Callable[[Face], float]

EYE_POINTS = (
    *(33, 7, 163, 144, 145, 153, 154, 155, 133),  # the lower lid's edge, from the outer to the inner corner
    *(246, 161, 160, 159, 158, 157, 173),  # the upper lid's
    *(130, 25, 110, 24, 23, 22, 26, 112, 243),  # the first ring around, below
    *(247, 30, 29, 27, 28, 56, 190),  # and above
    *(226, 31, 228, 229, 230, 231, 232, 233, 244),  # the second, below
    *(113, 225, 224, 223, 222, 221, 189),  # and above
    *(35, 124, 46, 53, 52, 65),  # the lower edge of the brow
    *(143, 111, 117, 118, 119, 120, 121, 128, 245),  # the cheek
    *(156, 70, 63, 105, 66, 107, 55, 193),  # the upper edge of the brow
)
"""Points of the mesh that the iris network's contour of a right eye gives."""
_MIRRORED = builtin_mesh().mirrored
EYES = (EYE_POINTS, tuple(_MIRRORED[point] for point in EYE_POINTS))
"""The same of both eyes, the subject's right one first."""
LOOKS = tuple((size, turn) for size in (1.13, 1.3, 1.48) for turn in (0.06, -0.06))
"""Size, and turn in radians, of the looks at what is around an eye whose mean is taken, against the one at its iris: in that
one a brow that is raised by .1 u is no longer seen (slope .64), and one look alone is less steady (.0033 u)."""


def points(picture: NDArray[np.uint8], face: Face, nets: FaceNets) -> NDArray[np.float64]:
    """The landmarks of a face of a picture, [470, 2], pixels: mesh, what is around eyes by the iris network, both irises."""
    found = np.concatenate([face.mesh[:, :2], face.irises[:, 0]]).astype(np.float64)
    for eye, (ids, contour) in enumerate(zip(EYES, face.contours, strict=True)):
        found[list(ids)] = np.concatenate([contour[:LIDS], around(picture, face, eye, nets)[LIDS:]])
    return found


def around(picture: NDArray[np.uint8], face: Face, eye: int, nets: FaceNets) -> NDArray[np.float64]:
    """What the iris network sees of an eye, 0 for the subject's right one, and of what is around it: [71, 2], pixels."""
    square = around_eye(face.mesh, eye)
    looks = []
    for size, turn in LOOKS:
        wider = Square(square.x, square.y, square.side * size, square.angle + turn)
        seen = cut(picture, wider, IRIS_SIDE)
        contour, _ = nets.irises._run(seen if eye == 0 else seen[:, ::-1])
        looks.append(wider.place(contour if eye == 0 else unmirrored(contour, IRIS_SIDE), IRIS_SIDE))
    mean: NDArray[np.float64] = np.mean(looks, axis=0)
    return mean


def _apart(*pairs: tuple[int, int]) -> Measure:
    """Mean distance of pairs of points, by the distance of the outer eye corners."""

    def measure(face: Face) -> float:
        mesh = face.mesh[:, :2].astype(np.float64)
        return float(np.mean([np.hypot(*(mesh[a] - mesh[b])) for a, b in pairs]) / face.u)

    return measure


def openness(face: Face) -> float:
    """Mean eye aspect ratio of both eyes by the iris network's contours.

    The first 16 points of a contour are the lids' edges: 0 and 8 the corners, 1 to 7 the lower lid, 9 to 15 the upper one.
    """
    ratios = []
    for contour in face.contours.astype(np.float64):
        width = np.hypot(*(contour[0] - contour[8]))
        ratios.append(np.mean([np.hypot(*(contour[low] - contour[high])) for low, high in ((3, 11), (5, 13))]) / width)
    return float(np.mean(ratios))


MEASURES: Mapping[str, tuple[tuple[str, ...], int, Measure]] = {
    "eyeWide": (("eyeWideLeft", "eyeWideRight"), 1, openness),
    "jawOpen": (("jawOpen",), 1, _apart((13, 14))),
    "smile": (("mouthSmileLeft", "mouthSmileRight"), -1, _apart((61, 33), (291, 263))),
    "frown": (("mouthFrownLeft", "mouthFrownRight"), 1, _apart((61, 33), (291, 263))),
    "pucker": (("mouthPucker",), -1, _apart((61, 291))),
    "browInnerUp": (("browInnerUp",), 1, _apart((55, 133), (285, 362), (107, 133), (336, 362))),
    "browDown": (("browDownLeft", "browDownRight"), -1, _apart((52, 133), (282, 362), (65, 133), (295, 362))),
    "browOuterUp": (("browOuterUpLeft", "browOuterUpRight"), 1, _apart((70, 33), (300, 263), (63, 33), (293, 263))),
}
"""By name: the channels that are raised, whether the measure is to grow (1) or to shrink (-1) with them, and the measure."""
