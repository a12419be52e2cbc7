"""Muscles of the jaw and of the lips.

There are two of each field, one for what lies above the mouth's parting line and one for what lies below: each goes on
smoothly beyond the line, so that either can be inverted, and beyond the corners they are one. How far each part of a motion
goes is the table's (`configs/muscles.yaml`); the shapes are here.
"""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from configs.puppet import MuscleTable
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
    Parts,
    Place,
    Weights,
    bell,
    cm,
    curve,
    half,
    nothing,
    outline,
    place,
    which,
)
from renderer.puppet.geometry import Field, Points, smooth

Way = tuple[float, float, float]

JAW_CHANNELS = ("jawOpen", "jawLeft", "jawRight", "jawForward")
HALF_MOUTH = 2.456
"""cm from the middle to a corner of the canonical face model's mouth: what goes inward does so in proportion."""
NECK = 0.8
"""u below the jaw over which its motion ends."""
LIPS_MIDDLE = (13, 14)
"""Of the upper lip's inner edge and of the lower one's."""
STEEPEST = 0.4
"""Depth of a lip's middle below the corners, by half the mouth's width, up to which the lip slides along its line."""
OVERLAP = 0.012
"""u by which lips that were open overlap once they are closed, so that nothing is left between them."""
THINNEST = 0.04
"""u: as thick a lip counts at least; of one that shows no red, the skin along it is drawn in."""
EDGE = 0.0125
"""u of a lip that moves as its edge does, where edges are to meet: half a cell of the lattice on which fields are kept."""
FARTHER = 1.06
"""Of the gap between lips: what closes it. One lip lies behind the other, so that on a head that is bent up or down the gap is
seen larger than it is along the face."""
STAYS = 0.4
"""Share of a lip's way to the other that its outer edge does not go."""
NARROWS = 0.34
"""Of the jaw's way down: how much comes inward what follows it half a u beside the middle. Corners take part in half of it, so
that a mouth that is open to 1 has lost about 8 % of its width."""
OVAL, HANGING = 2.4, 2.0
"""How broad the middle of a lip is that comes free of the corners, as a power: of most lips, and of the lower one of a jaw that
drops, which hangs rounder (2 is a parabola); judgement."""
NOSE_HIGH, NOSE_WIDE = (-0.24, 0.1), (3.0, 0.9)
"""u above the nose's lower end, and shares of its half width, over which skin begins to belong to the nose: widely, as it would
be pushed together in between; judgement."""
BESIDE = 0.1
"""u beside the face over which its motion ends: collars, shoulders and hair stand still."""


def jaw_ways(table: MuscleTable) -> tuple[Way, ...]:
    """Where the lower incisors go with each of JAW_CHANNELS at 1, in u along the head's axes."""
    opened, left, right, forward = (table.parts(name) for name in JAW_CHANNELS)
    return _open(opened), _aside(1, left), _aside(-1, right), _forward(forward)


def _open(parts: Parts) -> Way:
    return 0.0, -cm(parts["down"]), -cm(parts["back"])


def _aside(sign: float, parts: Parts) -> Way:
    return sign * cm(parts["aside"]), -cm(parts["down"]), 0.0


def _forward(parts: Parts) -> Way:
    return 0.0, -cm(parts["down"]), cm(parts["forward"])


def joined(muscle: Muscle) -> Muscle:
    """The same muscle with one field beyond the corners, there the upper side's above them, the lower side's below, that ends
    beside the face."""

    each = lru_cache(maxsize=2)(muscle)  # both sides are asked for, and want both

    def both(at: Place, anchors: Anchors, side: int) -> Weights:
        own, other = each(at, anchors, side), each(at, anchors, LOWER if side == UPPER else UPPER)
        height = smooth(-0.08, 0.08, at.y - float(anchors.corners[:, 1].mean()))
        upper = height if side == UPPER else 1 - height  # the own side's part beyond the corners
        share = upper + (1 - upper) * smooth(1.05, 0.9, np.abs(at.t))
        ends = smooth(BESIDE, 0.0, _beside(at, anchors))
        x, y, z = ((b + share * (a - b)) * ends for a, b in zip(own, other, strict=True))
        return x, y, z

    return both


@lru_cache(maxsize=1)
def _beside(at: Place, anchors: Anchors) -> Field:
    """u that points lie to the side of the face; below the mouth of one as wide as it is there, where the neck begins."""
    ring = outline(anchors.points[:, :2])
    top = int(np.argmax(ring[:-1, 1]))
    once = np.roll(ring[:-1], -top, axis=0)
    low = int(np.argmin(once[:, 1]))
    level = np.maximum(at.y, float(anchors.corners[:, 1].mean()))
    sides = [np.interp(level, way[:, 1], way[:, 0]) for way in (once[low::-1], np.concatenate([once[low:], once[:1]]))]
    found: Field = np.maximum(np.minimum(*sides) - at.x, at.x - np.maximum(*sides)).clip(0)
    return found


def _along(at: Place, broad: float = OVAL) -> Field:
    """1 in the middle of the mouth, 0 at the corners: how much of a lip is free of them, the more `broad` the farther out."""
    profile: Field = 1 - np.abs(np.clip(at.t, -1, 1)) ** broad
    return profile


def _jaw(at: Place, anchors: Anchors, side: int) -> Field:
    """How much of the jaw's motion a point takes part in: 1 on the chin, 0 on the skull.

    The upper lip stays behind and the lower one goes along in the middle of the mouth; either field nears the other away
    from the parting line, always in the direction in which it stretches, never in that in which it folds.
    """
    level = float(anchors.corners[:, 1].mean()) - at.y
    width = float(np.abs(anchors.points[list(FACE_OVAL)][:, 0]).max())
    weight = smooth(-0.24, 0.25, level)
    free = _along(at, OVAL if side == UPPER else HANGING) * _beyond(at, anchors, side)
    weight = weight * (1 - free) if side == UPPER else weight + (1 - weight) * free
    away = np.clip(1 - at.outside / NECK, 0, 1)
    # The lips' own weights end well below the nose, whatever the corners do.
    nose = float(anchors.points[UNDER_NOSE, 1] - anchors.corners[:, 1].mean())
    sides = 1 - 0.6 * smooth(0.5 * width, 0.98 * width, np.abs(at.x))
    return weight * sides * away * away * smooth(-max(nose, 0.16), -0.02, level)


def _beyond(at: Place, anchors: Anchors, side: int) -> Field:
    """1 on a side's own lip, fading out beyond the parting line."""
    if side == UPPER:
        return smooth(0.5, 0.03, curve(anchors.upper_edge, at.x) - at.y)
    return smooth(0.4, 0.0, at.y - curve(anchors.lower_edge, at.x))


def jaw_open(parts: Parts) -> Muscle:
    @joined
    def muscle(at: Place, anchors: Anchors, side: int) -> Weights:
        weight = _jaw(at, anchors, side)
        x, y, z = _opened(at, parts)
        return x * weight, y * weight, z * weight

    return muscle


def _opened(at: Place, parts: Parts) -> Weights:
    """Where the jaw's opening takes what follows it wholly; a mouth becomes narrower."""
    _, y, z = _open(parts)
    return NARROWS * y * np.clip(at.x / 0.5, -1, 1), y + nothing(at), z + nothing(at)


def jaw_sideways(sign: float, parts: Parts) -> Muscle:
    """The lower lip drags the upper one along; both slide along the line on which they meet, and closed ones stay closed."""

    @joined
    def muscle(at: Place, anchors: Anchors, side: int) -> Weights:
        weight = _jaw(at, anchors, side)
        x, y, _ = _aside(sign, parts)
        if side == UPPER:
            weight = weight + parts["upper"] * (1 - weight) * _lips(at, anchors, 0.16, 9.0, 1.6) * _along(at)
        lips = _lips(at, anchors, *((0.16, 9.0) if side == UPPER else (9.0, 0.3)), 1.2) * _beyond(at, anchors, side)
        slid = x * weight * _slope(at, anchors)
        return x * weight, y * weight + slid * lips, nothing(at)

    return muscle


def _slope(at: Place, anchors: Anchors) -> Field:
    """How steeply the line on which lips meet, or would, rises, were it a parabola; level at the corners."""
    right, left = anchors.corners[:, 0]
    half_width = (left - right) / 2
    centre = np.array([(right + left) / 2])
    middle = float(np.mean([curve(line, centre) for line in (anchors.upper_edge, anchors.lower_edge)]))
    depth = np.clip(anchors.corners[:, 1].mean() - middle, -STEEPEST * half_width, STEEPEST * half_width)
    t = np.clip(at.t, -1, 1)
    slope: Field = 2 * depth / half_width * t * (1 - t**4)
    return slope


def jaw_forward(parts: Parts) -> Muscle:
    @joined
    def muscle(at: Place, anchors: Anchors, side: int) -> Weights:
        weight = _jaw(at, anchors, side)
        _, y, z = _forward(parts)
        return 0.03 * at.x * weight, y * weight, z * weight

    return muscle


def mouth_close(parts: Parts, opening: Parts) -> Muscle:
    """Takes back what the jaw's opening, whose parts these are, does to the lips' edges."""

    @joined
    def muscle(at: Place, anchors: Anchors, side: int) -> Weights:
        lips = _lips(at, anchors, *((0.16, 9.0) if side == UPPER else (9.0, 0.3))) * _beyond(at, anchors, side)
        edges = (place(anchors, at.x, curve(line, at.x)) for line in (anchors.upper_edge, anchors.lower_edge))
        upper, lower = (_jaw(edge, anchors, own) for own, edge in zip((UPPER, LOWER), edges, strict=True))
        parted = lower - upper
        share = (parts["lower up"] if side == LOWER else -parts["upper down"]) * lips
        x, y, z = _opened(at, opening)
        return -x * parted * share, -y * parted * share, -z * parted * share

    return muscle


def seal(upper_share: float) -> Muscle:
    """Brings lips together that are open in the portrait; does nothing to closed ones.

    The inner edges go all the way, the outer ones less: it is the red of the lips that grows over the teeth.
    """

    @joined
    def muscle(at: Place, anchors: Anchors, side: int) -> Weights:
        gap = _rest_gap(at, anchors)
        way = FARTHER * gap + OVERLAP * np.clip(gap / (2 * OVERLAP), 0, 1)
        lips = _lips(at, anchors, *((0.16, 9.0) if side == UPPER else (9.0, 0.4))) * _beyond(at, anchors, side)
        grows = 1 - STAYS * smooth(0, 1, _from_edge(at, anchors, side, EDGE))
        share = -upper_share if side == UPPER else 1 - upper_share
        return nothing(at), share * way * lips * grows, nothing(at)

    return muscle


def _rest_gap(at: Place, anchors: Anchors) -> Field:
    """u between the lips of the portrait; 0 if they are closed."""
    return np.clip(curve(anchors.upper_edge, at.x) - curve(anchors.lower_edge, at.x), 0, None) * (np.abs(at.t) < 1)


def _lips(at: Place, anchors: Anchors, above: float = 0.16, below: float = 0.30, beside: float = 1.8) -> Field:
    """1 on the lips, fading out over the skin around them: so many u above and below, to the sides up to this T."""
    high = curve(_line(anchors, UPPER_OUTER), at.x)
    low = curve(_line(anchors, LOWER_OUTER), at.x)
    up = smooth(above, 0.0, at.y - high)
    down = smooth(below, 0.0, low - at.y)
    return up * down * smooth(beside, 1.0, np.abs(at.t))


def _mouth(at: Place, anchors: Anchors, above: float, below: float, beside: float) -> Field:
    """As `_lips`, but level above and below: what moves aside would be pushed together where the lips' outline is steep."""
    high, low = (_line(anchors, ids)[:, 1] for ids in (UPPER_OUTER, LOWER_OUTER))
    up, down = smooth(above, 0.0, at.y - high.max()), smooth(below, 0.0, low.min() - at.y)
    return up * down * smooth(beside, 1.0, np.abs(at.t))


def _half(at: Place, anchors: Anchors, sign: float) -> Field:
    """As `anatomy.half`, of the lips: their middle is not the face's on a mouth that is seen from the side."""
    middle = float(anchors.points[list(LIPS_MIDDLE), 0].mean())
    return smooth(-0.11, 0.11, sign * (at.x - middle))


def _line(anchors: Anchors, ids: tuple[int, ...]) -> Points:
    return anchors.points[list(ids)][:, :2]


def _from_edge(at: Place, anchors: Anchors, side: int, start: float = 0.0) -> Field:
    """How far a lip's point is from its inner edge: 0 up to so many u from there, 1 from about the outer edge on."""
    if side == UPPER:
        inner, outer = curve(anchors.upper_edge, at.x), curve(_line(anchors, UPPER_OUTER), at.x)
        return np.clip((at.y - inner - start) / np.maximum(outer - inner, THINNEST), 0, 1)
    inner, outer = curve(anchors.lower_edge, at.x), curve(_line(anchors, LOWER_OUTER), at.x)
    return np.clip((inner - at.y - start) / np.maximum(inner - outer, THINNEST), 0, 1)


def funnel(parts: Parts) -> Muscle:
    @joined
    def muscle(at: Place, anchors: Anchors, side: int) -> Weights:
        lips = _lips(at, anchors)
        apart = cm(parts["upper up"]) if side == UPPER else -cm(parts["lower down"])
        bulge = 0.7 + 0.3 * _from_edge(at, anchors, side)
        forward = cm(parts["forward"]) * _rounded(at)
        return (
            _inward(at, anchors, parts["in"]) * _lips(at, anchors, 0.4, 0.42, 2.5) * _beside_nose(at, anchors),
            apart * _along(at) * lips * bulge,
            forward * lips,
        )

    return muscle


def _inward(at: Place, anchors: Anchors, length: float) -> Field:
    """Towards the middle of the mouth: so many centimetres at the corners of the canonical face's, less within."""
    centre = anchors.corners[:, 0].mean()
    half_width = (anchors.corners[1, 0] - anchors.corners[0, 0]) / 2
    inward: Field = -length / HALF_MOUTH * np.clip(at.x - centre, -1.15 * half_width, 1.15 * half_width)
    return inward


def _beside_nose(at: Place, anchors: Anchors) -> Field:
    """0 on the nose, which no lip narrows, 1 beside it and from well below it on."""
    high = at.y - float(anchors.points[UNDER_NOSE, 1])
    wide = np.abs(at.x) / float(np.abs(anchors.points[list(WINGS), 0]).max())
    return 1 - smooth(*NOSE_HIGH, high) * smooth(*NOSE_WIDE, wide)


def _rounded(at: Place) -> Field:
    """How far lips come forward that come inward: the corners more, since they lie farther back on the arch."""
    forward: Field = 1 + 0.5 * np.clip(at.t, -1.15, 1.15) ** 2
    return forward


def pucker(parts: Parts) -> Muscle:
    @joined
    def muscle(at: Place, anchors: Anchors, side: int) -> Weights:
        lips = _lips(at, anchors, 0.2, 0.34)
        # The edges, along which lips meet, stay; the outer ends of a full lip are no narrower than its middle.
        fuller = (1 if side == UPPER else -1) * cm(parts["fuller"]) * _along(at)
        fuller = fuller * smooth(0, 1, _from_edge(at, anchors, side, EDGE))
        forward = cm(parts["forward"]) * _rounded(at)
        cheeks = _lips(at, anchors, 0.45, 0.5, 2.8) * _beside_nose(at, anchors)
        return _inward(at, anchors, parts["in"]) * cheeks, fuller * lips, forward * lips

    return muscle


def mouth_sideways(sign: float, parts: Parts) -> Muscle:
    @joined
    def muscle(at: Place, anchors: Anchors, _side: int) -> Weights:
        weight = _mouth(at, anchors, 0.22, 0.3, 2.2)
        toward = 1 + 0.12 * np.clip(sign * at.t, -1, 1)
        up = cm(parts["up"]) * weight * np.clip(sign * at.t, 0, 1)
        return sign * cm(parts["aside"]) * weight * toward, up, nothing(at)

    return muscle


def smile(sign: float, parts: Parts) -> Muscle:
    @joined
    def muscle(at: Place, anchors: Anchors, _side: int) -> Weights:
        corner = anchors.corners[which(sign)]
        side_half = half(at, sign)
        pull = bell(at, corner[0] + sign * 0.02, corner[1] + 0.02, 0.58, 1.1) * side_half
        cheek = anchors.points[CHEEKS[which(sign)]]
        lift = bell(at, cheek[0], cheek[1], 0.42, 1.1) * side_half
        out = sign * (cm(parts["out"]) * pull + cm(parts["cheek out"]) * lift)
        up = cm(parts["up"]) * pull + cm(parts["cheek up"]) * lift
        return out, up, -cm(parts["back"]) * pull + cm(parts["cheek forward"]) * lift

    return muscle


def frown(sign: float, parts: Parts) -> Muscle:
    @joined
    def muscle(at: Place, anchors: Anchors, _side: int) -> Weights:
        corner = anchors.corners[which(sign)]
        pull = bell(at, corner[0], corner[1] - 0.02, 0.57) * half(at, sign)
        return sign * cm(parts["out"]) * pull, -cm(parts["down"]) * pull, -cm(parts["back"]) * pull

    return muscle


def dimple(sign: float, parts: Parts) -> Muscle:
    @joined
    def muscle(at: Place, anchors: Anchors, _side: int) -> Weights:
        corner = anchors.corners[which(sign)]
        pull = bell(at, corner[0], corner[1], 0.36) * half(at, sign)
        return sign * cm(parts["out"]) * pull, cm(parts["up"]) * pull, -cm(parts["back"]) * pull

    return muscle


def stretch(sign: float, parts: Parts) -> Muscle:
    @joined
    def muscle(at: Place, anchors: Anchors, _side: int) -> Weights:
        corner = anchors.corners[which(sign)]
        pull = bell(at, corner[0] + sign * 0.02, corner[1] - 0.04, 0.55) * half(at, sign)
        return sign * cm(parts["out"]) * pull, -cm(parts["down"]) * pull, -cm(parts["back"]) * pull

    return muscle


def roll(rolled: int, parts: Parts) -> Muscle:
    @joined
    def muscle(at: Place, anchors: Anchors, side: int) -> Weights:
        if side != rolled:
            return nothing(at), nothing(at), nothing(at)
        lips = _lips(at, anchors, 0.14, 0.2)
        thinner = _thinner(at, anchors, side, parts["turned"])
        return nothing(at), thinner * lips, -cm(parts["back"]) * lips * at.middle

    return muscle


def _thinner(at: Place, anchors: Anchors, side: int, taken: float) -> Field:
    """How far up a lip goes that loses a share of its thickness, of which nothing is left at the corners."""
    gone = (
        taken * np.maximum(_thickness(at, anchors, side), THINNEST) * _from_edge(at, anchors, side) * np.clip(1 - at.t**6, 0, 1)
    )
    way: Field = (-1 if side == UPPER else 1) * gone
    return way


def _thickness(at: Place, anchors: Anchors, side: int) -> Field:
    if side == UPPER:
        return np.clip(curve(_line(anchors, UPPER_OUTER), at.x) - curve(anchors.upper_edge, at.x), 0, None)
    return np.clip(curve(anchors.lower_edge, at.x) - curve(_line(anchors, LOWER_OUTER), at.x), 0, None)


def shrug_lower(parts: Parts) -> Muscle:
    """The chin boss pushes the lower lip up; closed lips go up together."""

    @joined
    def muscle(at: Place, anchors: Anchors, side: int) -> Weights:
        chin = anchors.points[CHIN]
        low = _lips(at, anchors, 0.16, 0.45)
        fuller = cm(parts["fuller"]) * smooth(0, 1, _from_edge(at, anchors, side))
        up = cm(parts["upper up"]) if side == UPPER else cm(parts["lower up"]) - fuller
        rise = up * low * np.maximum(at.middle, 0.15)
        boss = bell(at, chin[0], chin[1] + 0.09, 0.42, 1.1) if side == LOWER else nothing(at)
        return nothing(at), np.maximum(rise, cm(parts["chin up"]) * boss), cm(parts["forward"]) * low

    return muscle


def shrug_upper(parts: Parts) -> Muscle:
    @joined
    def muscle(at: Place, anchors: Anchors, side: int) -> Weights:
        lips = _lips(at, anchors, 0.2, 0.1)
        weight = lips * np.maximum(at.middle, 0.1) * (1.0 if side == UPPER else parts["lower"])
        return nothing(at), cm(parts["up"]) * weight, cm(parts["forward"]) * weight

    return muscle


def press(sign: float, parts: Parts) -> Muscle:
    @joined
    def muscle(at: Place, anchors: Anchors, side: int) -> Weights:
        lips = _lips(at, anchors, 0.14, 0.16) * _half(at, anchors, sign)
        corner = anchors.corners[which(sign)]
        tight = bell(at, corner[0], corner[1], 0.3) * half(at, sign)
        thinner = _thinner(at, anchors, side, parts["squeezed"])
        return sign * cm(parts["out"]) * tight, thinner * lips, -cm(parts["back"]) * lips

    return muscle


def lower_down(sign: float, parts: Parts) -> Muscle:
    @joined
    def muscle(at: Place, anchors: Anchors, side: int) -> Weights:
        if side == UPPER:
            return nothing(at), nothing(at), nothing(at)
        lips = _lips(at, anchors, 0.2, 0.36) * _half(at, anchors, sign)
        weight = lips * np.clip(at.middle * 1.25, 0, 1)
        return sign * cm(parts["out"]) * weight, -cm(parts["down"]) * weight, nothing(at)

    return muscle


def upper_up(sign: float, parts: Parts) -> Muscle:
    @joined
    def muscle(at: Place, anchors: Anchors, side: int) -> Weights:
        if side == LOWER:
            return nothing(at), nothing(at), nothing(at)
        lips = _lips(at, anchors, 0.3, 0.2) * _half(at, anchors, sign)
        fold = bell(at, sign * 0.24, float(anchors.points[WINGS[0], 1]) - 0.08, 0.34) * half(at, sign)
        weight = lips * smooth(1.0, 0.45, np.abs(at.t))  # the lip's outer parts go up as well, which squares it
        return nothing(at), np.maximum(cm(parts["up"]) * weight, cm(parts["fold up"]) * fold), nothing(at)

    return muscle


def tongue_out(parts: Parts) -> Muscle:
    """The lips make room for the tongue."""

    @joined
    def muscle(at: Place, anchors: Anchors, side: int) -> Weights:
        lips = _lips(at, anchors, 0.14, 0.3)
        room = smooth(0.85, 0.2, np.abs(at.t)) * lips
        return nothing(at), (cm(parts["upper up"]) if side == UPPER else -cm(parts["lower down"])) * room, nothing(at)

    return muscle
