"""Muscles of the brows, the cheeks and the nose."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from renderer.puppet.anatomy import (
    BROW_LOWER,
    BROW_UPPER,
    CHEEKS,
    FOREHEAD,
    LID_UPPER,
    UPPER,
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


def cheek_puff(at: Place, anchors: Anchors, side: int) -> Weights:
    x, y, z = nothing(at), nothing(at), nothing(at)
    for sign, corner in ((-1.0, anchors.corners[0]), (1.0, anchors.corners[1])):
        blown = bell(at, corner[0] + sign * 0.24, corner[1] + 0.08, 0.62) * half(at, sign)
        x += sign * cm(0.62) * blown
        z += cm(0.8) * blown
    return x, y, z


def cheek_squint(sign: float) -> Muscle:
    def muscle(at: Place, anchors: Anchors, side: int) -> Weights:
        cheek = anchors.points[CHEEKS[0 if sign < 0 else 1]]
        lift = bell(at, cheek[0], cheek[1] + 0.05, 0.42, 1.15) * half(at, sign)
        return nothing(at), cm(0.42) * lift, cm(0.25) * lift

    return muscle


def nose_sneer(sign: float) -> Muscle:
    def muscle(at: Place, anchors: Anchors, side: int) -> Weights:
        wing = anchors.points[WINGS[0 if sign < 0 else 1]]
        lift = bell(at, wing[0] * 1.05, wing[1] + 0.02, 0.34) * half(at, sign)
        lip = bell(at, wing[0], wing[1] - 0.14, 0.3) * half(at, sign) if side == UPPER else nothing(at)
        return sign * cm(0.06) * lift, cm(0.36) * np.maximum(lift, 0.5 * lip), nothing(at)

    return muscle


@dataclass(frozen=True, slots=True, eq=False)
class _Brow:
    """A pair of brows across the face: how strongly a point takes part, and where along a brow it is.

    Attributes:
        share: [...] 1 on the brows and over them, 0 at the hair and at the lids.
        along: [...] 0 at the inner end of a brow and between both, 1 at the outer end, on the point's own side.
        drop: [...] like `share`, but for what comes down: reaches less far up.
    """

    share: Field
    along: Field
    drop: Field


def _brows(at: Place, anchors: Anchors) -> _Brow:
    points = anchors.points
    centre, lids, ends = [], [], []
    for upper, lower, lid in zip(BROW_UPPER, BROW_LOWER, LID_UPPER, strict=True):
        middle = (points[list(upper)] + points[list(lower)])[:, :2] / 2
        centre.append(middle)
        lids.append(points[list(lid)][:, :2])
        ends.append((abs(middle[-1, 0]), abs(middle[0, 0])))  # the lists run from the outer end to the inner
    line = np.concatenate([centre[0], centre[1][::-1]])
    brow = curve(line, at.x)
    lid = curve(np.concatenate([lids[0], lids[1][::-1]]), at.x)
    top = float(points[FOREHEAD, 1])
    distance = at.y - brow
    rigid = 0.045
    room = np.maximum(0.96 * (top - brow) - rigid, 0.12)
    below = np.maximum(0.88 * (brow - lid) - rigid, 0.03)
    up = smooth(1.0, 0.0, (distance - rigid) / room)
    down = smooth(1.0, 0.0, (-distance - rigid) / below)
    inner = np.where(at.x < 0, ends[0][0], ends[1][0])
    outer = np.where(at.x < 0, ends[0][1], ends[1][1])
    along = np.clip((np.abs(at.x) - inner) / np.maximum(outer - inner, 0.05), 0, 1.3)
    sides = smooth(1.3, 0.95, np.abs(at.x) / outer)
    near = smooth(0.36, 0.0, distance - rigid)
    return _Brow(up * down * sides, along, np.minimum(up, near) * down * sides)


def brow_inner_up(at: Place, anchors: Anchors, side: int) -> Weights:
    brow = _brows(at, anchors)
    weight = brow.share * np.clip(1 - brow.along, 0, 1) ** 1.2
    return -cm(0.08) * np.sign(at.x) * smooth(0, 0.15, np.abs(at.x)) * weight, cm(0.88) * weight, nothing(at)


def brow_outer_up(sign: float) -> Muscle:
    def muscle(at: Place, anchors: Anchors, side: int) -> Weights:
        brow = _brows(at, anchors)
        weight = brow.share * smooth(-0.05, 0.75, brow.along) * half(at, sign)
        return nothing(at), cm(0.85) * weight, nothing(at)

    return muscle


def brow_down(sign: float) -> Muscle:
    def muscle(at: Place, anchors: Anchors, side: int) -> Weights:
        brow = _brows(at, anchors)
        weight = brow.drop * half(at, sign) * (1 - 0.5 * smooth(0.2, 1.05, brow.along))
        medial = smooth(0.02, 0.2, sign * at.x)
        return -sign * cm(0.32) * weight * medial, -cm(0.58) * weight, nothing(at)

    return muscle
