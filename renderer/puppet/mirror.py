"""A picture carried on where something hides it, mirrored at the edge of what is seen: a thin strip goes on in the colours
right beside it and as sharp as these, whatever they show. Curtains, lights and leaves stay what they are, and no edge comes
up between.
"""

from __future__ import annotations

import cv2
import numpy as np

from numpy.typing import NDArray

from renderer.puppet.matte import spread
from renderer.puppet.pixels import Picture, chosen, weighed

COARSE_U = 24
"""Pixels that a u has at most where the way out of what is hidden is looked for."""
EVEN = (0.05, 0.12)
"""u over which an edge is evened before anything is mirrored at it: close to it, and deep behind it, where every one of its
bends would otherwise spread as a fan."""
DEEP = (0.1, 0.35)
"""u behind the edge up to which the first of these holds, and from where on the second."""
FARTHEST = 0.2
"""u in front of the edge within which all colours are taken; deeper places show the same again, stretched."""
LEAST_SLOPE = 0.3
"""Of the depth, below which there is no one way out, as in the middle of what is hidden."""
SURE = 0.9
"""Share of a mirrored pixel that must be seen."""


def mirrored(picture: Picture, hidden: NDArray[np.bool_], u: float) -> Picture:
    """A picture whose hidden part shows what lies as far before its edge as each place lies behind it.

    Args:
        picture: float32 [height, width, 3], 0..1.
        hidden: bool [height, width]; something must be seen.
        u: pixels.

    Returns:
        float32 [height, width, 3]: of use where it is hidden. Where only what is hidden itself is mirrored, as between a head
        and a shoulder, it is what is seen around there.
    """
    height, width = hidden.shape
    depth = cv2.distanceTransform(hidden.astype(np.uint8), cv2.DIST_L2, 5)
    left, up = _ways_out(hidden, u)
    # Pixels lie at their middles: the first hidden one shows its neighbour.
    behind, farthest = np.maximum(depth - np.float32(0.5), 0), np.float32(FARTHEST * u)
    far = behind + farthest * (1 - np.exp(-behind / farthest))
    x = np.arange(width, dtype=np.float32) + left * far
    y = np.arange(height, dtype=np.float32)[:, None] + up * far
    seen = 1 - hidden.astype(np.float32)
    found = cv2.remap(cv2.merge([weighed(picture, seen), seen]), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT_101)
    share = found[..., 3]
    known = share > SURE
    colours = weighed(np.ascontiguousarray(found[..., :3]), np.reciprocal(np.maximum(share, np.float32(SURE))))
    if known[hidden].all():
        return colours
    return chosen(known, colours, spread(colours, known.astype(np.float32), 0.02 * u))


def _ways_out(hidden: NDArray[np.bool_], u: float) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The direction to the nearest edge of what is hidden, to the right and down, [height, width] each; shorter than 1 where
    several edges are as near."""
    height, width = hidden.shape
    shrink = max(1.0, u / COARSE_U)
    size = (max(1, round(width / shrink)), max(1, round(height / shrink)))
    unit = np.float32(u / shrink)
    inner = (cv2.resize(hidden.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.5).astype(np.uint8)
    depth = cv2.distanceTransform(inner, cv2.DIST_L2, 5) - cv2.distanceTransform(1 - inner, cv2.DIST_L2, 5)
    close, wide = (cv2.GaussianBlur(depth, (0, 0), float(even * unit), borderType=cv2.BORDER_REPLICATE) for even in EVEN)
    t = np.clip((depth / unit - np.float32(DEEP[0])) / np.float32(DEEP[1] - DEEP[0]), 0, 1)
    slopes = []
    for across, down in ((1, 0), (0, 1)):
        one, other = (cv2.Sobel(even, -1, across, down, ksize=1, scale=0.5) for even in (close, wide))
        slopes.append(one + t * (other - one))
    steep = np.maximum(np.hypot(*slopes), np.float32(LEAST_SLOPE))
    right, below = (cv2.resize(-slope / steep, (width, height), interpolation=cv2.INTER_LINEAR) for slope in slopes)
    return right.astype(np.float32), below.astype(np.float32)
