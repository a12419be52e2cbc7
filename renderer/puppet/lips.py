"""Muscles of the jaw and of the lips.

There are two of each field, one for what lies above the mouth's parting line and one for what lies below: each goes on
smoothly beyond the line, so that either can be inverted, and they agree beyond the corners.
"""

from __future__ import annotations

import numpy as np

from renderer.puppet.anatomy import (
    CHEEKS,
    CHIN,
    FACE_OVAL,
    LOWER,
    LOWER_OUTER,
    UNDER_NOSE,
    UPPER,
    UPPER_OUTER,
    WINGS,
    Anchors,
    Muscle,
    Place,
    Weights,
    bell,
    cm,
    curve,
    half,
    nothing,
)
from renderer.puppet.geometry import Field, smooth


def _jaw(at: Place, anchors: Anchors, side: int) -> Field:
    """How much of the jaw's motion a point takes part in: 1 on the chin, 0 on the skull."""
    level = anchors.corners[:, 1].mean() - at.level(side)
    width = float(np.abs(anchors.points[list(FACE_OVAL)][:, 0]).max())
    weight = smooth(-0.14, 0.24, level) * (1 - 0.6 * smooth(0.5 * width, 0.98 * width, np.abs(at.x)))
    weight = weight * (1 - at.middle) if side == UPPER else weight + (1 - weight) * at.middle * smooth(0.5, 0.2, level)
    away = np.clip(1 - at.outside / 0.9, 0, 1)
    # The lips' own weights end well below the nose, whatever the corners do.
    nose = float(anchors.points[UNDER_NOSE, 1] - anchors.corners[:, 1].mean())
    return weight * away * away * smooth(-max(nose, 0.16), -0.02, level)


def jaw_open(at: Place, anchors: Anchors, side: int) -> Weights:
    weight = _jaw(at, anchors, side)
    inward = 0.10 * cm(2.4)
    return -inward * np.clip(at.x / 0.5, -1, 1) * weight, -cm(2.45) * weight, -cm(1.1) * weight


def jaw_sideways(sign: float) -> Muscle:
    def muscle(at: Place, anchors: Anchors, side: int) -> Weights:
        weight = _jaw(at, anchors, side)
        return sign * cm(0.8) * weight, -cm(0.05) * weight, nothing(at)

    return muscle


def jaw_forward(at: Place, anchors: Anchors, side: int) -> Weights:
    weight = _jaw(at, anchors, side)
    return 0.03 * at.x * weight, -cm(0.18) * weight, cm(0.7) * weight


def mouth_close(at: Place, anchors: Anchors, side: int) -> Weights:
    """Takes back what the jaw's opening does to the lips' edges: most of it at the lower lip, a little by the upper."""
    lips = _lips(at, anchors)
    weight = _jaw(at, anchors, LOWER) if side == LOWER else at.middle
    share = 0.78 * weight * lips if side == LOWER else -0.22 * at.middle * lips
    return nothing(at), cm(2.45) * share, nothing(at)


def _lips(at: Place, anchors: Anchors, above: float = 0.16, below: float = 0.30) -> Field:
    """1 on the lips, fading out over the skin around them."""
    high = curve(_line(anchors, UPPER_OUTER), at.x)
    low = curve(_line(anchors, LOWER_OUTER), at.x)
    up = smooth(above, 0.0, at.y - high)
    down = smooth(below, 0.0, low - at.y)
    return up * down * smooth(1.75, 0.9, np.abs(at.t))


def _line(anchors: Anchors, ids: tuple[int, ...]) -> Points:
    return anchors.points[list(ids)][:, :2]


def _from_edge(at: Place, anchors: Anchors, side: int) -> Field:
    """How far a lip's point is from its inner edge: 0 there, 1 at the outer edge and on, negative beyond the parting."""
    if side == UPPER:
        inner, outer = curve(anchors.upper_edge, at.x), curve(_line(anchors, UPPER_OUTER), at.x)
        return np.clip((at.y - inner) / np.maximum(outer - inner, 0.03), 0, 1)
    inner, outer = curve(anchors.lower_edge, at.x), curve(_line(anchors, LOWER_OUTER), at.x)
    return np.clip((inner - at.y) / np.maximum(inner - outer, 0.03), 0, 1)


def funnel(at: Place, anchors: Anchors, side: int) -> Weights:
    lips = _lips(at, anchors)
    centre = anchors.corners[:, 0].mean()
    half_width = (anchors.corners[1, 0] - anchors.corners[0, 0]) / 2
    inward = -cm(0.5) * np.clip((at.x - centre) / half_width, -1.15, 1.15) * lips
    apart = cm(0.28) if side == UPPER else -cm(0.42)
    bulge = 0.6 + 0.4 * _from_edge(at, anchors, side)
    return inward, apart * at.middle * lips * bulge, cm(0.5) * lips


def pucker(at: Place, anchors: Anchors, side: int) -> Weights:
    lips = _lips(at, anchors, 0.2, 0.34)
    centre = anchors.corners[:, 0].mean()
    half_width = (anchors.corners[1, 0] - anchors.corners[0, 0]) / 2
    inward = -cm(0.75) * np.clip((at.x - centre) / half_width, -1.15, 1.15) * lips
    fuller = (1 if side == UPPER else -1) * cm(0.14) * _from_edge(at, anchors, side) * at.middle * lips
    return inward, fuller, cm(0.6) * lips


def mouth_sideways(sign: float) -> Muscle:
    def muscle(at: Place, anchors: Anchors, side: int) -> Weights:
        middle = anchors.corners.mean(axis=0)
        weight = bell(at, middle[0], middle[1], 0.62, 1.25)
        toward = 1 + 0.25 * np.clip(sign * at.t, -1, 1)
        return sign * cm(0.62) * weight * toward, cm(0.08) * weight * np.clip(sign * at.t, 0, 1), nothing(at)

    return muscle


def smile(sign: float) -> Muscle:
    def muscle(at: Place, anchors: Anchors, side: int) -> Weights:
        corner = anchors.corners[0 if sign < 0 else 1]
        side_half = half(at, sign)
        pull = bell(at, corner[0] + sign * 0.02, corner[1] + 0.02, 0.58, 1.1) * side_half
        cheek = anchors.points[CHEEKS[0 if sign < 0 else 1]]
        lift = bell(at, cheek[0], cheek[1], 0.42, 1.1) * side_half
        out = sign * (cm(0.66) * pull + cm(0.05) * lift)
        return out, cm(0.72) * pull + cm(0.24) * lift, -cm(0.35) * pull + cm(0.25) * lift

    return muscle


def frown(sign: float) -> Muscle:
    def muscle(at: Place, anchors: Anchors, side: int) -> Weights:
        corner = anchors.corners[0 if sign < 0 else 1]
        pull = bell(at, corner[0], corner[1] - 0.02, 0.46) * half(at, sign)
        return sign * cm(0.15) * pull, -cm(0.68) * pull, -cm(0.1) * pull

    return muscle


def dimple(sign: float) -> Muscle:
    def muscle(at: Place, anchors: Anchors, side: int) -> Weights:
        corner = anchors.corners[0 if sign < 0 else 1]
        pull = bell(at, corner[0], corner[1], 0.36) * half(at, sign)
        return sign * cm(0.36) * pull, cm(0.05) * pull, -cm(0.2) * pull

    return muscle


def stretch(sign: float) -> Muscle:
    def muscle(at: Place, anchors: Anchors, side: int) -> Weights:
        corner = anchors.corners[0 if sign < 0 else 1]
        pull = bell(at, corner[0] + sign * 0.02, corner[1] - 0.04, 0.55) * half(at, sign)
        return sign * cm(0.58) * pull, -cm(0.22) * pull, -cm(0.2) * pull

    return muscle


def roll(rolled: int) -> Muscle:
    def muscle(at: Place, anchors: Anchors, side: int) -> Weights:
        if side != rolled:
            return nothing(at), nothing(at), nothing(at)
        lips = _lips(at, anchors, 0.14, 0.2)
        toward = -1 if side == UPPER else 1
        thick = _thickness(at, anchors, side)
        return nothing(at), toward * 0.6 * thick * _from_edge(at, anchors, side) * lips * at.middle, -cm(0.3) * lips

    return muscle


def _thickness(at: Place, anchors: Anchors, side: int) -> Field:
    if side == UPPER:
        return np.clip(curve(_line(anchors, UPPER_OUTER), at.x) - curve(anchors.upper_edge, at.x), 0, None)
    return np.clip(curve(anchors.lower_edge, at.x) - curve(_line(anchors, LOWER_OUTER), at.x), 0, None)


def shrug_lower(at: Place, anchors: Anchors, side: int) -> Weights:
    """The chin boss pushes the lower lip up; closed lips go up together."""
    chin = anchors.points[CHIN]
    low = _lips(at, anchors, 0.16, 0.45)
    rise = cm(0.42) * low * np.maximum(at.middle, 0.15) if side == LOWER else cm(0.27) * low * np.maximum(at.middle, 0.15)
    boss = bell(at, chin[0], chin[1] + 0.14, 0.42, 1.2) if side == LOWER else nothing(at)
    return nothing(at), np.maximum(rise, cm(0.35) * boss), cm(0.3) * low


def shrug_upper(at: Place, anchors: Anchors, side: int) -> Weights:
    lips = _lips(at, anchors, 0.2, 0.1)
    weight = lips * np.maximum(at.middle, 0.1) * (1.0 if side == UPPER else 0.35)
    return nothing(at), cm(0.3) * weight, cm(0.3) * weight


def press(sign: float) -> Muscle:
    def muscle(at: Place, anchors: Anchors, side: int) -> Weights:
        lips = _lips(at, anchors, 0.14, 0.16) * half(at, sign)
        toward = -1 if side == UPPER else 1
        corner = anchors.corners[0 if sign < 0 else 1]
        tight = bell(at, corner[0], corner[1], 0.3) * half(at, sign)
        thick = _thickness(at, anchors, side)
        squeezed = toward * 0.32 * thick * _from_edge(at, anchors, side) * lips * at.middle
        return sign * cm(0.14) * tight, squeezed, -cm(0.1) * lips

    return muscle


def lower_down(sign: float) -> Muscle:
    def muscle(at: Place, anchors: Anchors, side: int) -> Weights:
        if side == UPPER:
            return nothing(at), nothing(at), nothing(at)
        lips = _lips(at, anchors, 0.2, 0.36) * half(at, sign)
        weight = lips * np.clip(at.middle * 1.25, 0, 1)
        return sign * cm(0.12) * weight, -cm(0.5) * weight, nothing(at)

    return muscle


def upper_up(sign: float) -> Muscle:
    def muscle(at: Place, anchors: Anchors, side: int) -> Weights:
        if side == LOWER:
            return nothing(at), nothing(at), nothing(at)
        lips = _lips(at, anchors, 0.3, 0.2) * half(at, sign)
        fold = bell(at, sign * 0.24, float(anchors.points[WINGS[0], 1]) - 0.08, 0.34) * half(at, sign)
        weight = lips * np.clip(at.middle * 1.25, 0, 1)
        return nothing(at), np.maximum(cm(0.48) * weight, cm(0.25) * fold), nothing(at)

    return muscle
