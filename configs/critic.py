"""How the critic weighs what it finds: ranges of what people do, each with its source, and weights."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Self

from pydantic import Field, model_validator

from configs.loading import EntryError, builtin, parse_yaml_model, read_text
from protocol.keyframes import Frozen

CRITIC = "critic.yaml"
"""The table's path below `configs`."""

Positive = Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, le=1000, allow_inf_nan=False)]
Text = Annotated[str, Field(min_length=1, max_length=300)]

MEASURES = (
    "blink_rate",
    "stare",
    "blink_closing",
    "blink_opening",
    "saccades",
    "speed",
    "tremble",
    "sides",
    "together",
    "dead_time",
)
"""What can be measured of how alive a motion is."""


class Weights(Frozen):
    """Parts of the score."""

    intents: NotNegative
    nature: NotNegative
    strain: NotNegative
    source: Text

    @model_validator(mode="after")
    def _weigh_something(self) -> Self:
        if self.intents + self.nature + self.strain <= 0:
            raise ValueError("at least one of intents, nature and strain needs a weight above 0")
        return self


class Seeing(Frozen):
    """Shares of the size asked for from which a movement begins to be noticed and from which it is plain."""

    unseen: Annotated[float, Field(ge=0, lt=1)]
    plain: Annotated[float, Field(gt=0, le=1)]
    source: Text

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if self.plain <= self.unseen:
            raise EntryError(("plain",), f"has to be above unseen, {self.unseen:g}")
        return self


class Strength(Frozen):
    """Shares of the size asked for that count as that size, and the share that counts half."""

    low: Annotated[float, Field(gt=0, le=1)]
    high: Annotated[float, Field(gt=1, allow_inf_nan=False)]
    much: Annotated[float, Field(gt=1, allow_inf_nan=False)]
    source: Text

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if self.much <= self.high:
            raise EntryError(("much",), f"has to be above high, {self.high:g}")
        return self


class Timing(Frozen):
    """Seconds early or late that do no harm, those after which timing is lost, and the share of an intent that it is worth."""

    free: Positive
    lost: Positive
    worth: Annotated[float, Field(ge=0, le=1)]
    source: Text

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if self.lost <= self.free:
            raise EntryError(("lost",), f"has to be above free, {self.free:g}")
        return self


class Objecting(Frozen):
    """How plainly a thing has to be seen in a round, 0 to 1, for the critic to let it pass."""

    present: Annotated[float, Field(ge=0, le=1)]
    source: Text


class Sizes(Frozen):
    """Sizes that weigh alike: of coefficients, of angles of head and eyes in degrees, of the head's place in cm."""

    share: Positive
    head: Positive
    eyes: Positive
    cm: Positive
    source: Text


class Repeating(Frozen):
    """Share of its size from which a repeated movement counts; share of its score that is left of what is miscounted."""

    least: Annotated[float, Field(gt=0, le=1)]
    miscounted: Annotated[float, Field(ge=0, le=1)] = 0.6
    source: Text


class Band(Frozen):
    """The range of a measure.

    Attributes:
        about: what is measured.
        unit: of the values.
        low: end of the range.
        high: the other end.
        best: where most people are; None for the middle, or for the low end where that is 0.
        fade: how far outside it scores 0.
        weight: among the measures; 0 leaves it out of the score.
        source: where the range comes from.
    """

    about: Text
    unit: Annotated[str, Field(max_length=40)]
    low: NotNegative
    high: NotNegative
    best: NotNegative | None = None
    fade: Positive
    weight: NotNegative
    source: Text

    @model_validator(mode="after")
    def _is_a_range(self) -> Self:
        if self.high <= self.low:
            raise EntryError(("high",), f"has to be above low, {self.low:g}")
        if self.best is not None and not self.low <= self.best < self.high:
            raise EntryError(("best",), f"has to lie in the range, {self.low:g} to {self.high:g}, and below its high end")
        return self

    @property
    def usual(self) -> float:
        """Where most people are."""
        if self.best is not None:
            return self.best
        return self.low if self.low == 0 else (self.low + self.high) / 2

    def score(self, value: float, edge: float, less: float = 0.0, more: float = 0.0) -> float:
        """1 where most people are, `edge` at the ends of the range, and 0 from `fade` outside of it on.

        Args:
            value: in the band's unit.
            edge: the score at the ends of the range.
            less: by which the range begins lower, for what a short motion leaves uncertain.
            more: by which it ends higher.
        """
        low, high = self.low - less, self.high + more
        if not low <= value <= high:
            outside = low - value if value < low else value - high
            return edge * max(1.0 - outside / self.fade, 0.0)
        best = self.usual
        # Where nothing at all is within the range, less than usual is as good.
        below = best - low if self.low > 0 else float("inf")
        way = (value - best) / (high - best) if value >= best else (best - value) / below
        return 1.0 - (1.0 - edge) * way * way


class Strain(Frozen):
    """How strain of soft constraints is scored."""

    fade: Positive
    source: Text


class CriticTable(Frozen):
    """The table of the critic (`configs/critic.yaml`)."""

    weights: Weights
    seeing: Seeing
    strength: Strength
    timing: Timing
    sizes: Sizes
    repeating: Repeating
    edge: Annotated[float, Field(gt=0, le=1)]
    nature: Mapping[str, Band]
    speeds: Mapping[str, Positive]
    strain: Strain
    objecting: Objecting = Objecting(present=0.5, source="P")

    @model_validator(mode="after")
    def _names_measures(self) -> Self:
        for name in self.nature:
            if name not in MEASURES:
                raise EntryError(("nature", name), f"is not a measure; there are {', '.join(MEASURES)}")
        for name in MEASURES:
            if name not in self.nature:
                raise EntryError(("nature",), f"{name} is missing; a weight of 0 leaves it out of the score")
        if self.strength.low <= self.seeing.unseen:
            text = (
                f"has to be above seeing.unseen, {self.seeing.unseen:g}: what is not seen has no size; raise it or lower that"
            )
            raise EntryError(("strength", "low"), text)
        if "" not in self.speeds:
            raise EntryError(("speeds",), 'needs a speed for all other channels, named ""')
        names = list(self.speeds)
        for place, name in enumerate(names):
            first = next((one for one in names[:place] if name.startswith(one)), None)
            if first is not None:
                text = f'is never looked at: "{first}" stands before it and fits as well; put "{name}" before "{first}"'
                raise EntryError(("speeds", name), text)
        return self

    def fastest(self, channel: str) -> float:
        """Speed of a channel's fastest movement on capture, per second."""
        return next(speed for start, speed in self.speeds.items() if channel.startswith(start))


def builtin_critic() -> CriticTable:
    """The table that comes with the program."""
    return parse_yaml_model(read_text(builtin(CRITIC)), f"configs/{CRITIC}", CriticTable)
