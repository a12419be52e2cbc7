"""Muscles of the cheeks and of the nose."""

from __future__ import annotations

import numpy as np

from renderer.puppet.anatomy import (
    CHEEK_BONES,
    CHEEKS,
    UPPER,
    WINGS,
    Anchors,
    Muscle,
    Parts,
    Place,
    Weights,
    bell,
    cm,
    half,
    nothing,
    which,
)
from renderer.puppet.geometry import smooth

SWELL_RADIUS = 0.25
"""u from a puffed cheek's middle at which the part "swell" is meant, before it fades out."""
BESIDE = 0.22
"""u beside the face over which its outline's motion fades, so that what is seen there is not bent."""


def cheek_puff(parts: Parts) -> Muscle:
    """Air behind both cheeks: they bulge out around their hollow, the lips stay."""

    def muscle(at: Place, anchors: Anchors, _side: int) -> Weights:
        x, y, z = nothing(at), nothing(at), nothing(at)
        for sign, corner in zip((-1.0, 1.0), anchors.corners, strict=True):
            hollow = corner[0] + sign * 0.27, corner[1] + 0.1
            blown = bell(at, *hollow, 0.5) * half(at, sign) * smooth(-0.02, 0.22, sign * (at.x - corner[0]))
            blown = blown * smooth(BESIDE, 0.0, at.outside)
            x += (sign * cm(parts["out"]) + cm(parts["swell"]) * (at.x - hollow[0]) / SWELL_RADIUS) * blown
            y += cm(parts["swell"]) * (at.y - hollow[1]) / SWELL_RADIUS * blown
            z += cm(parts["forward"]) * blown
        return x, y, z

    return muscle


def cheek_squint(sign: float, parts: Parts) -> Muscle:
    """Orbicularis oculi, outer ring: the cheek's apple rises towards the eye; the lid has its own share of it."""

    def muscle(at: Place, anchors: Anchors, _side: int) -> Weights:
        apple, bone = (anchors.points[both[which(sign)]] for both in (CHEEKS, CHEEK_BONES))
        lift = bell(at, (apple[0] + bone[0]) / 2, (apple[1] + bone[1]) / 2, 0.38, 1.1) * half(at, sign)
        lift = lift * smooth(0.1, 0.0, at.outside)
        return nothing(at), cm(parts["up"]) * lift, cm(parts["forward"]) * lift

    return muscle


def nose_sneer(sign: float, parts: Parts) -> Muscle:
    """Levator labii superioris alaeque nasi: the wing of the nose rises, and the lip below it a little."""

    def muscle(at: Place, anchors: Anchors, side: int) -> Weights:
        wing = anchors.points[WINGS[which(sign)]]
        lift = bell(at, wing[0] * 1.05, wing[1] + 0.03, 0.33) * half(at, sign)
        lip = bell(at, wing[0], wing[1] - 0.14, 0.28) * half(at, sign) if side == UPPER else nothing(at)
        up = np.maximum(cm(parts["up"]) * lift, cm(parts["lip"]) * lip)
        return sign * cm(parts["out"]) * lift, up, nothing(at)

    return muscle
