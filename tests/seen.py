"""What a detector sees of a face in a frame: the distances and angles that a channel is to change, in u."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from renderer.faces import Face

Measure = Callable[[Face], float]


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
