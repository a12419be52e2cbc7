"""The muscle around an eye: it draws the skin beside the eye toward the inner corner, where it is held.

The lids have their own way to close (see `eyes`); this is what goes with them when an eye is narrowed or squeezed shut.
"""

from __future__ import annotations

import numpy as np

from renderer.puppet.anatomy import CANTHI, Anchors, Muscle, Parts, Place, Weights, cm, nothing, reach, which
from renderer.puppet.geometry import smooth

BESIDE, ABOVE = 0.2, 0.17
"""u beside the outer corner, and above and below it, at which the motion has ended."""
FROM = 0.62
"""How far from the inner corner to the outer one it begins: the iris is hardly drawn along."""


def eye_squint(sign: float, parts: Parts) -> Muscle:
    """Orbicularis oculi, inner ring: the outer corner and the skin beside it come in, so that the eye gets shorter."""

    def muscle(at: Place, anchors: Anchors, _side: int) -> Weights:
        outer, inner = (anchors.points[both[which(sign)]] for both in CANTHI)
        long = max(sign * float(outer[0] - inner[0]), 0.1)
        beyond = sign * (at.x - outer[0])
        beside = smooth(FROM - 1, 0.0, beyond / long) * reach(np.maximum(beyond, 0.0), BESIDE)
        weight = beside * reach(np.abs(at.y - outer[1]), ABOVE) * smooth(0.08, 0.0, at.outside)
        return -sign * cm(parts["in"]) * weight, nothing(at), nothing(at)

    return muscle
