"""Muscles of the brows: skin sliding over the forehead's bone.

A brow moves as one piece: within its own thickness all points move alike, so it stays as thick as it is. Above it the
motion fades out before the hair, below it before the lids, and at the temples.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from renderer.puppet.anatomy import (
    BROW_LOWER,
    BROW_UPPER,
    FOREHEAD,
    LID_UPPER,
    Anchors,
    Muscle,
    Parts,
    Place,
    Weights,
    cm,
    curve,
    half,
    nothing,
    ramp,
)
from renderer.puppet.geometry import Field, smooth

HAIRS = 0.014
"""u that the hairs of a brow stand out over the mesh's edges of it."""
LEAST_HALF = 0.036
"""u: half of the thickness that the brow's thin end is taken to have."""
LID_MARGIN = 0.015
"""u above the lid's edge that stay still: the lashes; the fold above them gathers under a brow that comes down."""
NOSE_ROOT = 0.12
"""u by which skin gives way further down between the eyes, where there is no lid."""
HAIR_MARGIN = 0.03
"""u below the top of the mesh, about the hairline, that stay still."""
MOST_OF_ROOM = 0.76
"""The share of the skin below that may be used up by a brow that comes down; more would fold it."""
ROUNDED = 0.12
"""The share at each end of the way to the lids over which motion sets in: the less, the more of the room can be used."""
MIDDLE = 0.24
"""u beside the middle from which on skin goes toward it in full; between both brows it gathers."""
LEAST_ROOM = 0.05
"""u over which motion fades out at least, however near the lids are."""


@dataclass(frozen=True, slots=True, eq=False)
class _Brows:
    """Points of the face as both brows see them.

    Attributes:
        share: [...] 1 on the brows and between them, 0 at the hair, the lids and the temples.
        drop: [...] the same for what comes down; reaches less far up the forehead.
        along: [...] 0 at the inner end of a brow and between both, 1 at the outer end, on the point's own side.
        room: [...] u between the brows and the lids for a lowered brow to go to.
    """

    share: Field
    drop: Field
    along: Field
    room: Field


def _brows(at: Place, anchors: Anchors) -> _Brows:
    points = anchors.points
    centres, halves, lids, inner, outer = [], [], [], [], []
    for upper, lower, lid in zip(BROW_UPPER, BROW_LOWER, LID_UPPER, strict=True):
        high, low = points[list(upper)], points[list(lower)]  # from the temple to the nose
        middle = (high + low) / 2
        centres.append(middle[:, :2])
        halves.append(np.stack([middle[:, 0], np.maximum((high - low)[:, 1] / 2 + HAIRS, LEAST_HALF)], axis=1))
        lids.append(points[list(lid)][:, :2])
        inner.append(abs(float(middle[-1, 0])))
        outer.append(abs(float(middle[0, 0])))
    line, thick, lid_line = (np.concatenate([both[0], both[1][::-1]]) for both in (centres, halves, lids))
    brow, rigid = curve(line, at.x), curve(thick, at.x)
    below = brow - curve(lid_line, at.x) - LID_MARGIN - rigid + NOSE_ROOT * smooth(0.2, 0.1, np.abs(at.x))
    below = np.maximum(below, LEAST_ROOM)
    above = float(points[FOREHEAD, 1]) - HAIR_MARGIN - brow - rigid
    distance = at.y - brow
    under = ramp(1 + (distance + rigid) / below, ROUNDED)
    over = ramp(1 - (distance - rigid) / np.maximum(above, 0.15))
    near = ramp(1 - (distance - rigid) / np.minimum(np.maximum(above, 0.15), 0.26))
    end = np.where(at.x < 0, outer[0], outer[1])
    start = np.where(at.x < 0, inner[0], inner[1])
    sides = smooth(1.26, 1.0, np.abs(at.x) / end) * smooth(0.1, 0.0, at.outside)
    along = np.clip((np.abs(at.x) - start) / np.maximum(end - start, 0.05), 0, 1.5)
    return _Brows(over * under * sides, near * under * sides, along, below)


def _lateral(brows: _Brows) -> Field:
    """How much of a brow's point is the outer part's: what is not the inner part's, so that both together lift evenly."""
    return smooth(-0.05, 0.85, brows.along)


def _lowered(along: Field) -> Field:
    """How much of a brow's point its lowering takes along: all of the inner end, least of the tail."""
    return 1 - 0.75 * smooth(-0.05, 0.95, along)


def _within(way: Field, most: Field) -> Field:
    """A way that eases toward the most that it can be."""
    kept: Field = way / (1 + (way / most) ** 6) ** (1 / 6)
    return kept


def brow_inner_up(parts: Parts) -> Muscle:
    """Frontalis, medial part."""

    def muscle(at: Place, anchors: Anchors, _side: int) -> Weights:
        brows = _brows(at, anchors)
        weight = brows.share * (1 - _lateral(brows)) * (1 - 0.15 * smooth(0.14, 0.0, np.abs(at.x)))
        return nothing(at), cm(parts["up"]) * weight, nothing(at)

    return muscle


def brow_outer_up(sign: float, parts: Parts) -> Muscle:
    """Frontalis, lateral part: the tail, held at the temple's line, comes along less."""

    def muscle(at: Place, anchors: Anchors, _side: int) -> Weights:
        brows = _brows(at, anchors)
        weight = brows.share * _lateral(brows) * (1 - 0.25 * smooth(0.6, 1.2, brows.along)) * half(at, sign)
        return nothing(at), cm(parts["up"]) * weight, nothing(at)

    return muscle


def brow_down(sign: float, parts: Parts) -> Muscle:
    """Corrugator and procerus: the inner end comes down and towards the middle, the tail hardly."""

    def muscle(at: Place, anchors: Anchors, _side: int) -> Weights:
        brows = _brows(at, anchors)
        weight = brows.drop * half(at, sign)
        lowered = _lowered(brows.along)
        # Skin that is to come down needs skin below to give way.
        down = _within(cm(parts["down"]) * lowered, MOST_OF_ROOM * brows.room)
        inward = ramp(sign * at.x / MIDDLE)
        return -sign * cm(parts["in"]) * weight * lowered * inward, -down * weight, nothing(at)

    return muscle
