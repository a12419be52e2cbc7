"""Muscles of the jaw and of the lips.

There are two of each field, one for what lies above the mouth's parting line and one for what lies below: each goes on
smoothly beyond the line, so that either can be inverted, and beyond the corners they are one.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

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
    place,
)
from renderer.puppet.geometry import Field, Points, smooth

DROP = cm(2.45)
"""How far the lower lip goes down at jawOpen 1. The incisors part by 4 cm at most (45 to 55 mm voluntarily); a photograph
bears about 60 % of it."""
JAW: Mapping[str, tuple[float, float, float]] = MappingProxyType(
    {
        "jawOpen": (0.0, -DROP, -cm(1.1)),
        "jawLeft": (cm(0.8), -cm(0.05), 0.0),
        "jawRight": (-cm(0.8), -cm(0.05), 0.0),
        "jawForward": (0.0, -cm(0.18), cm(0.7)),
    }
)
"""Where the lower incisors go with each channel at 1, in u along the head's axes."""
HALF_MOUTH = 2.456
"""cm from the middle to a corner of the canonical face model's mouth: what goes inward does so in proportion."""
NECK = 0.8
"""u below the jaw over which its motion ends."""
BESIDE = 0.35
"""u beside the face over which the jaw's motion ends."""


def joined(muscle: Muscle) -> Muscle:
    """The same muscle with one field beyond the corners: there the upper side's above them, the lower side's below."""

    def both(at: Place, anchors: Anchors, side: int) -> Weights:
        own, other = muscle(at, anchors, side), muscle(at, anchors, LOWER if side == UPPER else UPPER)
        height = smooth(-0.08, 0.08, at.y - float(anchors.corners[:, 1].mean()))
        upper = height if side == UPPER else 1 - height  # the own side's part beyond the corners
        share = upper + (1 - upper) * smooth(1.05, 0.9, np.abs(at.t))
        x, y, z = (b + share * (a - b) for a, b in zip(own, other, strict=True))
        return x, y, z

    return both


def _along(at: Place, side: int) -> Field:
    """1 in the middle of the mouth, 0 at the corners: how much of a lip is free of them when the jaw drops, so that the
    mouth becomes an oval."""
    profile: Field = 1 - np.abs(np.clip(at.t, -1, 1)) ** (1.8 if side == UPPER else 2.3)
    return profile


def _jaw(at: Place, anchors: Anchors, side: int) -> Field:
    """How much of the jaw's motion a point takes part in: 1 on the chin, 0 on the skull.

    The upper lip stays behind and the lower one goes along in the middle of the mouth; either field nears the other away
    from the parting line, always in the direction in which it stretches, never in that in which it folds.
    """
    level = float(anchors.corners[:, 1].mean()) - at.y
    width = float(np.abs(anchors.points[list(FACE_OVAL)][:, 0]).max())
    weight = smooth(-0.24, 0.25, level)
    free = _along(at, side) * _beyond(at, anchors, side)
    weight = weight * (1 - free) if side == UPPER else weight + (1 - weight) * free
    away = np.clip(1 - at.outside / NECK, 0, 1)
    # The lips' own weights end well below the nose, whatever the corners do.
    nose = float(anchors.points[UNDER_NOSE, 1] - anchors.corners[:, 1].mean())
    sides = 1 - 0.6 * smooth(0.5 * width, 0.98 * width, np.abs(at.x))
    beside = smooth(width + BESIDE, width, np.abs(at.x))
    return weight * sides * beside * away * away * smooth(-max(nose, 0.16), -0.02, level)


def _beyond(at: Place, anchors: Anchors, side: int) -> Field:
    """1 on a side's own lip, fading out beyond the parting line."""
    if side == UPPER:
        return smooth(0.5, 0.03, curve(anchors.upper_edge, at.x) - at.y)
    return smooth(0.4, 0.0, at.y - curve(anchors.lower_edge, at.x))


@joined
def jaw_open(at: Place, anchors: Anchors, side: int) -> Weights:
    weight = _jaw(at, anchors, side)
    x, y, z = _opened(at)
    return x * weight, y * weight, z * weight


def _opened(at: Place) -> Weights:
    """Where the jaw's opening takes what follows it wholly; a mouth becomes narrower."""
    _, y, z = JAW["jawOpen"]
    return 0.16 * y * np.clip(at.x / 0.5, -1, 1), y + nothing(at), z + nothing(at)


def jaw_sideways(sign: float) -> Muscle:
    @joined
    def muscle(at: Place, anchors: Anchors, side: int) -> Weights:
        weight = _jaw(at, anchors, side)
        x, y, _ = JAW["jawLeft"]
        return sign * x * weight, y * weight, nothing(at)

    return muscle


@joined
def jaw_forward(at: Place, anchors: Anchors, side: int) -> Weights:
    weight = _jaw(at, anchors, side)
    _, y, z = JAW["jawForward"]
    return 0.03 * at.x * weight, y * weight, z * weight


@joined
def mouth_close(at: Place, anchors: Anchors, side: int) -> Weights:
    """Takes back what the jaw's opening does to the lips' edges, and closes lips that are open at rest."""
    lips = _lips(at, anchors, *((0.16, 9.0) if side == UPPER else (9.0, 0.3))) * _beyond(at, anchors, side)
    edges = (place(anchors, at.x, curve(line, at.x)) for line in (anchors.upper_edge, anchors.lower_edge))
    upper, lower = (_jaw(edge, anchors, own) for own, edge in zip((UPPER, LOWER), edges, strict=True))
    parted = lower - upper
    share = (0.72 if side == LOWER else -0.28) * lips
    x, y, z = _opened(at)
    return -x * parted * share, (_rest_gap(at, anchors) - y * parted) * share, -z * parted * share


def _rest_gap(at: Place, anchors: Anchors) -> Field:
    """u between the lips of the portrait; 0 if they are closed."""
    return np.clip(curve(anchors.upper_edge, at.x) - curve(anchors.lower_edge, at.x), 0, None) * (np.abs(at.t) < 1)


def _lips(at: Place, anchors: Anchors, above: float = 0.16, below: float = 0.30) -> Field:
    """1 on the lips, fading out over the skin around them."""
    high = curve(_line(anchors, UPPER_OUTER), at.x)
    low = curve(_line(anchors, LOWER_OUTER), at.x)
    up = smooth(above, 0.0, at.y - high)
    down = smooth(below, 0.0, low - at.y)
    return up * down * smooth(1.8, 1.0, np.abs(at.t))


def _line(anchors: Anchors, ids: tuple[int, ...]) -> Points:
    return anchors.points[list(ids)][:, :2]


def _from_edge(at: Place, anchors: Anchors, side: int) -> Field:
    """How far a lip's point is from its inner edge: 0 there and beyond the parting, 1 at the outer edge and on."""
    if side == UPPER:
        inner, outer = curve(anchors.upper_edge, at.x), curve(_line(anchors, UPPER_OUTER), at.x)
        return np.clip((at.y - inner) / np.maximum(outer - inner, 0.03), 0, 1)
    inner, outer = curve(anchors.lower_edge, at.x), curve(_line(anchors, LOWER_OUTER), at.x)
    return np.clip((inner - at.y) / np.maximum(inner - outer, 0.03), 0, 1)


@joined
def funnel(at: Place, anchors: Anchors, side: int) -> Weights:
    lips = _lips(at, anchors)
    centre = anchors.corners[:, 0].mean()
    half_width = (anchors.corners[1, 0] - anchors.corners[0, 0]) / 2
    inward = -0.36 / HALF_MOUTH * np.clip(at.x - centre, -1.15 * half_width, 1.15 * half_width) * lips
    apart = cm(0.28) if side == UPPER else -cm(0.42)
    bulge = 0.7 + 0.3 * _from_edge(at, anchors, side)
    return inward, apart * _along(at, LOWER) * lips * bulge, cm(0.3) * _rounded(at) * lips


def _rounded(at: Place) -> Field:
    """How far lips come forward that come inward: the corners more, since they lie farther back on the arch."""
    forward: Field = 1 + 0.5 * np.clip(at.t, -1.15, 1.15) ** 2
    return forward


@joined
def pucker(at: Place, anchors: Anchors, side: int) -> Weights:
    lips = _lips(at, anchors, 0.2, 0.34)
    centre = anchors.corners[:, 0].mean()
    half_width = (anchors.corners[1, 0] - anchors.corners[0, 0]) / 2
    inward = -0.68 / HALF_MOUTH * np.clip(at.x - centre, -1.15 * half_width, 1.15 * half_width) * lips
    fuller = (1 if side == UPPER else -1) * cm(0.2) * _from_edge(at, anchors, side) * at.middle * lips
    return inward, fuller, cm(0.36) * _rounded(at) * lips


def mouth_sideways(sign: float) -> Muscle:
    @joined
    def muscle(at: Place, anchors: Anchors, _side: int) -> Weights:
        middle = anchors.corners.mean(axis=0)
        weight = bell(at, middle[0], middle[1], 0.62, 1.25)
        toward = 1 + 0.25 * np.clip(sign * at.t, -1, 1)
        return sign * cm(0.62) * weight * toward, cm(0.08) * weight * np.clip(sign * at.t, 0, 1), nothing(at)

    return muscle


def smile(sign: float) -> Muscle:
    @joined
    def muscle(at: Place, anchors: Anchors, _side: int) -> Weights:
        corner = anchors.corners[0 if sign < 0 else 1]
        side_half = half(at, sign)
        pull = bell(at, corner[0] + sign * 0.02, corner[1] + 0.02, 0.58, 1.1) * side_half
        cheek = anchors.points[CHEEKS[0 if sign < 0 else 1]]
        lift = bell(at, cheek[0], cheek[1], 0.42, 1.1) * side_half
        out = sign * (cm(0.66) * pull + cm(0.05) * lift)
        return out, cm(0.72) * pull + cm(0.24) * lift, -cm(0.35) * pull + cm(0.25) * lift

    return muscle


def frown(sign: float) -> Muscle:
    @joined
    def muscle(at: Place, anchors: Anchors, _side: int) -> Weights:
        corner = anchors.corners[0 if sign < 0 else 1]
        pull = bell(at, corner[0], corner[1] - 0.02, 0.46) * half(at, sign)
        return sign * cm(0.15) * pull, -cm(0.68) * pull, -cm(0.1) * pull

    return muscle


def dimple(sign: float) -> Muscle:
    @joined
    def muscle(at: Place, anchors: Anchors, _side: int) -> Weights:
        corner = anchors.corners[0 if sign < 0 else 1]
        pull = bell(at, corner[0], corner[1], 0.36) * half(at, sign)
        return sign * cm(0.36) * pull, cm(0.05) * pull, -cm(0.2) * pull

    return muscle


def stretch(sign: float) -> Muscle:
    @joined
    def muscle(at: Place, anchors: Anchors, _side: int) -> Weights:
        corner = anchors.corners[0 if sign < 0 else 1]
        pull = bell(at, corner[0] + sign * 0.02, corner[1] - 0.04, 0.55) * half(at, sign)
        return sign * cm(0.58) * pull, -cm(0.22) * pull, -cm(0.2) * pull

    return muscle


def roll(rolled: int) -> Muscle:
    @joined
    def muscle(at: Place, anchors: Anchors, side: int) -> Weights:
        if side != rolled:
            return nothing(at), nothing(at), nothing(at)
        lips = _lips(at, anchors, 0.14, 0.2)
        toward = -1 if side == UPPER else 1
        thick = _thickness(at, anchors, side)
        closing = 0.4 * _rest_gap(at, anchors)
        turned = 0.5 * thick * _from_edge(at, anchors, side) * at.middle
        return nothing(at), toward * (turned + closing) * lips, -cm(0.3) * lips * at.middle

    return muscle


def _thickness(at: Place, anchors: Anchors, side: int) -> Field:
    if side == UPPER:
        return np.clip(curve(_line(anchors, UPPER_OUTER), at.x) - curve(anchors.upper_edge, at.x), 0, None)
    return np.clip(curve(anchors.lower_edge, at.x) - curve(_line(anchors, LOWER_OUTER), at.x), 0, None)


@joined
def shrug_lower(at: Place, anchors: Anchors, side: int) -> Weights:
    """The chin boss pushes the lower lip up; closed lips go up together."""
    chin = anchors.points[CHIN]
    low = _lips(at, anchors, 0.16, 0.45)
    rise = (cm(0.42) if side == LOWER else cm(0.27)) * low * np.maximum(at.middle, 0.15)
    boss = bell(at, chin[0], chin[1] + 0.14, 0.42, 1.2) if side == LOWER else nothing(at)
    return nothing(at), np.maximum(rise, cm(0.35) * boss), cm(0.3) * low


@joined
def shrug_upper(at: Place, anchors: Anchors, side: int) -> Weights:
    lips = _lips(at, anchors, 0.2, 0.1)
    weight = lips * np.maximum(at.middle, 0.1) * (1.0 if side == UPPER else 0.35)
    return nothing(at), cm(0.3) * weight, cm(0.3) * weight


def press(sign: float) -> Muscle:
    @joined
    def muscle(at: Place, anchors: Anchors, side: int) -> Weights:
        lips = _lips(at, anchors, 0.14, 0.16) * half(at, sign)
        toward = -1 if side == UPPER else 1
        corner = anchors.corners[0 if sign < 0 else 1]
        tight = bell(at, corner[0], corner[1], 0.3) * half(at, sign)
        thick = _thickness(at, anchors, side)
        squeezed = 0.28 * thick * _from_edge(at, anchors, side) * at.middle
        closing = 0.45 * _rest_gap(at, anchors)
        return sign * cm(0.14) * tight, toward * (squeezed + closing) * lips, -cm(0.1) * lips

    return muscle


def lower_down(sign: float) -> Muscle:
    @joined
    def muscle(at: Place, anchors: Anchors, side: int) -> Weights:
        if side == UPPER:
            return nothing(at), nothing(at), nothing(at)
        lips = _lips(at, anchors, 0.2, 0.36) * half(at, sign)
        weight = lips * np.clip(at.middle * 1.25, 0, 1)
        return sign * cm(0.12) * weight, -cm(0.5) * weight, nothing(at)

    return muscle


def upper_up(sign: float) -> Muscle:
    @joined
    def muscle(at: Place, anchors: Anchors, side: int) -> Weights:
        if side == LOWER:
            return nothing(at), nothing(at), nothing(at)
        lips = _lips(at, anchors, 0.3, 0.2) * half(at, sign)
        fold = bell(at, sign * 0.24, float(anchors.points[WINGS[0], 1]) - 0.08, 0.34) * half(at, sign)
        weight = lips * np.clip(at.middle * 1.25, 0, 1)
        return nothing(at), np.maximum(cm(0.48) * weight, cm(0.25) * fold), nothing(at)

    return muscle


@joined
def tongue_out(at: Place, anchors: Anchors, side: int) -> Weights:
    """The lips make room for the tongue."""
    lips = _lips(at, anchors, 0.14, 0.3)
    room = smooth(0.85, 0.2, np.abs(at.t)) * lips
    return nothing(at), (cm(0.1) if side == UPPER else -cm(0.3)) * room, nothing(at)
