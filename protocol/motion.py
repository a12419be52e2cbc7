"""The motion document: the sampled motion of a take as other programs read and write it.

JSON, with a version of its own. A document may hold fewer channels than the vocabulary and in another order; what it holds
is named, so nobody has to count columns. Values are in the channels' units and are not held to the channels' ranges: a
reader that cannot show a value eases it into what it can.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from protocol.channels import CHANNELS, NAMES
from protocol.keyframes import Frozen


def _known(name: str) -> str:
    if name not in CHANNELS:
        raise ValueError(f"{name} is not a channel")
    return name


def _each_once(names: tuple[str, ...]) -> tuple[str, ...]:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise ValueError(f"{name} is named twice")
        seen.add(name)
    return names


Column = Annotated[str, AfterValidator(_known), Field(json_schema_extra={"enum": list(NAMES)})]
Value = Annotated[float, Field(allow_inf_nan=False)]


class Motion(Frozen):
    """A motion: one row of values per frame, one value per channel.

    Attributes:
        format: tells the document from others.
        version: of the format.
        fps: frames per second, a whole number or an exact ratio such as "30000/1001". Frame n is shown at n / fps seconds.
        direction: the words that it came from; empty if it came from none.
        seed: of the take that it came from.
        channels: what the columns are, each once.
        frames: rows in order of time, each as long as `channels`; finite numbers in the channels' units.

    Raises:
        ValueError: a row is longer or shorter than `channels`, a channel is unknown or named twice, a value is not finite.
    """

    format: Literal["textuportray.motion"]
    version: Literal[1]
    fps: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,6}(/[1-9][0-9]{0,6})?$")]
    direction: Annotated[str, Field(max_length=60_000)]
    seed: Annotated[int, Field(ge=0, lt=2**63)]
    channels: Annotated[
        tuple[Column, ...], Field(min_length=1, json_schema_extra={"uniqueItems": True}), AfterValidator(_each_once)
    ]
    frames: Annotated[tuple[tuple[Value, ...], ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _rows_fit(self) -> Self:
        for number, row in enumerate(self.frames):
            if len(row) != len(self.channels):
                raise ValueError(f"frame {number} has {len(row)} values where {len(self.channels)} channels are named")
        return self

    @property
    def rate(self) -> Fraction:
        """Frames per second, exactly."""
        return Fraction(self.fps)
