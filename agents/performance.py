"""What a region's planner answers: which gestures it performs, and how; not yet keyframes.

A performance is small, says everything that chance or a language model has decided, and expands to the same keyframes
wherever it is expanded. It is what goes into the journal as the planner's reply.
"""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from protocol.brief import Act
from protocol.channels import Region
from protocol.keyframes import Decimal4, Frozen


class Move(Frozen):
    """An act as one region performs it.

    Attributes:
        act: what was asked for.
        size: factor on its strength.
        pace: factor on its speed.
        left: factor on the left side's size; `right`: on the right side's.
        late: seconds by which the left side (> 0) or the right side (< 0) comes later.
        seed: of the small choices within a gesture.
        idle: it is the region's own, not asked for by anybody.
    """

    act: Act
    size: Annotated[Decimal4, Field(gt=0, le=2)] = 1.0
    pace: Annotated[Decimal4, Field(gt=0, le=2)] = 1.0
    left: Annotated[Decimal4, Field(ge=0, le=1)] = 1.0
    right: Annotated[Decimal4, Field(ge=0, le=1)] = 1.0
    late: Annotated[Decimal4, Field(ge=-0.1, le=0.1)] = 0.0
    seed: Annotated[int, Field(ge=0, lt=2**32)] = 0
    idle: bool = False


class Wandering(Frozen):
    """Small idle movement: at each time, a share of the sizes in the behaviour table, reached in so many seconds."""

    name: Annotated[str, Field(max_length=40)]
    steps: Annotated[tuple[tuple[Decimal4, Decimal4, Decimal4], ...], Field(max_length=20_000)]
    """(start, seconds, share in -1..1)"""


class Performance(Frozen):
    """A region's plan for a beat.

    Attributes:
        moves: what it performs, in the order of time.
        wandering: its idle movement.
        yielding: constraints that it gives way to in this revision.
        kept: it does what it did in the take that is revised, and nothing of its own.
    """

    region: Region
    moves: Annotated[tuple[Move, ...], Field(max_length=2000)]
    wandering: Annotated[tuple[Wandering, ...], Field(max_length=20)] = ()
    yielding: Annotated[tuple[str, ...], Field(max_length=200)] = ()
    kept: bool = False
