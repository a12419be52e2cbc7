"""What a region's planner answers: which gestures it performs, and how; not yet keyframes.

A performance is small, says everything that chance or a language model has decided, and expands to the same keyframes
wherever it is expanded. It is what goes into the journal as the planner's reply.
"""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from protocol.brief import Act
from protocol.channels import CHANNELS, Region
from protocol.keyframes import Decimal4, Frozen, Mode


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


class Drawn(Frozen):
    """One channel's line drawn by hand, finer than any gesture: from rest to its first point, and after its last held.

    Attributes:
        channel: one that the region writes.
        points: (seconds from the start of the beat, value in the channel's unit, interpolation to the next), in order of time.
        words: the words that it comes from.

    Raises:
        ValueError: not a channel that can be written, or points out of order.
    """

    channel: Annotated[str, Field(max_length=40)]
    points: Annotated[
        tuple[tuple[Annotated[Decimal4, Field(ge=0)], Decimal4, Mode], ...], Field(min_length=1, max_length=500, fail_fast=True)
    ]
    words: Annotated[str, Field(max_length=400)] = ""

    @model_validator(mode="after")
    def _is_a_line(self) -> Self:
        channel = CHANNELS.get(self.channel)
        if channel is None or channel.derived:
            raise ValueError(f"{self.channel} is not a channel that can be written")
        before = -1.0
        for time, _, mode in self.points:
            if time <= before:
                raise ValueError(f"{self.channel}: the point at {time} s does not come after {before} s")
            if mode == "bezier":
                raise ValueError(f"{self.channel}: a drawn line has no handles, so no bezier either")
            before = time
        return self


class Performance(Frozen):
    """A region's plan for a beat.

    Attributes:
        moves: what it performs, in the order of time.
        wandering: its idle movement.
        yielding: constraints that it gives way to in this revision.
        kept: it does what it did in the take that is revised, and nothing of its own.
        curves: lines that it draws itself, on channels of its own.
    """

    region: Region
    moves: Annotated[tuple[Move, ...], Field(max_length=2000)]
    wandering: Annotated[tuple[Wandering, ...], Field(max_length=20)] = ()
    yielding: Annotated[tuple[str, ...], Field(max_length=200)] = ()
    kept: bool = False
    curves: Annotated[tuple[Drawn, ...], Field(max_length=80)] = ()

    @model_validator(mode="after")
    def _draws_its_own(self) -> Self:
        for drawn in self.curves:
            if CHANNELS[drawn.channel].region != self.region:
                raise ValueError(f"{drawn.channel} is a channel of {CHANNELS[drawn.channel].region}, not of {self.region}")
        return self
