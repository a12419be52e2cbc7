"""The mesh of a face: which of its 468 points form the lips, eyes, brows and oval, and which mirror each other.

Rules
- Sides are the subject's own.
- Mirroring is its own inverse; every point is on the middle line or in exactly one pair.
- What is symmetric on a face is symmetric here: rings and lines of the two sides mirror each other, steady points weigh alike.
"""

from __future__ import annotations

import itertools

from functools import cache
from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, model_validator

from configs.loading import builtin, load_yaml_model
from protocol.keyframes import Frozen

POINTS = 468

Point = Annotated[int, Field(ge=0, lt=POINTS)]
Ring = Annotated[tuple[Point, ...], Field(min_length=3, max_length=POINTS)]
Line = Annotated[tuple[Point, ...], Field(min_length=2, max_length=POINTS)]
Weight = Annotated[float, Field(gt=0, le=1)]
Centimetres = Annotated[float, Field(ge=-20, le=20, allow_inf_nan=False)]


class Rings(Frozen):
    """Closed outlines; the first point is not repeated.

    Attributes:
        lips_outer, lips_semi_outer, lips_semi_inner, lips_inner: from the skin inwards, point for point; from the subject's
            right corner along the lower lip to the left corner and back along the upper lip.
        eye_right, eye_left: the lids' edges; from the outer corner along the lower lid to the inner corner and back.
        lids_right, lids_left, orbit_right, orbit_left: the next two rings around the eyes, point for point.
        oval: the face's outline, from the top of the forehead by the subject's left ear to the chin and back.
    """

    lips_outer: Ring
    lips_semi_outer: Ring
    lips_semi_inner: Ring
    lips_inner: Ring
    eye_right: Ring
    eye_left: Ring
    lids_right: Ring
    lids_left: Ring
    orbit_right: Ring
    orbit_left: Ring
    oval: Ring


class Lines(Frozen):
    """Open lines.

    Attributes:
        brow_right_lower, brow_right_upper, brow_left_lower, brow_left_upper: from the temple towards the nose.
        nose_ridge: from between the eyes down to the upper lip.
    """

    brow_right_lower: Line
    brow_right_upper: Line
    brow_left_lower: Line
    brow_left_upper: Line
    nose_ridge: Line


class MeshTable(Frozen):
    """What the points of the mesh are.

    Attributes:
        rings, lines: outlines.
        midline: points that mirror themselves.
        pairs: (point on the subject's right, its mirror point on the left).
        steady: (point, weight) of points that hardly move when the face does.
        upright: (point, x, y, z) in centimetres on a head that looks straight ahead; x to the subject's left, y down, z away
            from the camera.
    """

    rings: Rings
    lines: Lines
    midline: tuple[Point, ...]
    pairs: tuple[tuple[Point, Point], ...]
    steady: Annotated[tuple[tuple[Point, Weight], ...], Field(min_length=4)]
    upright: Annotated[tuple[tuple[Point, Centimetres, Centimetres, Centimetres], ...], Field(min_length=4)]

    @model_validator(mode="after")
    def _mirrors_every_point_once(self) -> Self:
        named = sorted([*self.midline, *(point for pair in self.pairs for point in pair)])
        if named != list(range(POINTS)):
            twice = [point for point, following in itertools.pairwise(named) if point == following]
            missing = sorted(set(range(POINTS)) - set(named))
            said = f"{twice[0]} is there twice" if twice else f"{missing[0]} is missing"
            raise ValueError(f"midline and pairs name every point once, but {said}")
        return self

    @model_validator(mode="after")
    def _is_symmetric(self) -> Self:
        mirrored = self.mirrored
        for group in (self.rings, self.lines):
            outlines: dict[str, tuple[int, ...]] = dict(group)
            for name, points in outlines.items():
                other = outlines[_other_side(name)]
                if len(set(points)) != len(points):
                    raise ValueError(f"{name}: a point is there twice")
                if {mirrored[point] for point in points} != set(other):
                    raise ValueError(f"{name} does not mirror {_other_side(name)}")
                if other is not points and tuple(mirrored[point] for point in points) != other:
                    raise ValueError(f"{name} and {_other_side(name)} go around in different ways")
        weights = dict(self.steady)
        if len(weights) != len(self.steady) or any(weights.get(mirrored[point]) != weight for point, weight in weights.items()):
            raise ValueError("steady: each point is there once, and its mirror point weighs the same")
        places = {point: place for point, *place in self.upright}
        if len(places) != len(self.upright) or any(
            places.get(mirrored[point]) != [-x, y, z] for point, (x, y, z) in places.items()
        ):
            raise ValueError("upright: each point is there once, and its mirror point lies on the other side")
        return self

    @property
    def mirrored(self) -> tuple[int, ...]:
        """By point, which one it becomes in a mirror: `mesh_of_mirrored_picture[list(mirrored)]` has the order of the mesh."""
        table = list(range(POINTS))
        for right, left in self.pairs:
            table[right], table[left] = left, right
        return tuple(table)


def load_mesh(path: Path | None = None) -> MeshTable:
    """Read the table, the program's own unless another is named.

    Raises:
        ConfigError: it cannot be read, or is not what it has to be.
    """
    return load_yaml_model(path or builtin("mesh.yaml"), MeshTable)


@cache
def builtin_mesh() -> MeshTable:
    """The program's own table, read once: it never changes."""
    return load_mesh()


def _other_side(name: str) -> str:
    swapped = {"right": "left", "left": "right"}
    return "_".join(swapped.get(word, word) for word in name.split("_"))
