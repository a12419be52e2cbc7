"""What a constraint is: the models of the rules that a motion must satisfy.

A rule is data. Its kind says what is measured and how it is bounded, `yields` which region changes its proposal when a rule
between two regions is broken, and `gives` which channels are changed, in that order, to repair it. "{side}" in a rule stands
for Left and for Right: such a rule is checked once per side.

Rules are measured by `protocol.constraints` and repaired by `protocol.repair`.
"""

from __future__ import annotations

from itertools import pairwise
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from protocol.channels import CHANNELS, PRECEDENCE, REGIONS, SIDES, Region
from protocol.keyframes import Frozen

Name = Annotated[str, Field(min_length=1, max_length=80)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Positive = Annotated[float, Field(allow_inf_nan=False, gt=0)]
Points = Annotated[tuple[tuple[Number, Number], ...], Field(min_length=2)]
COEFFICIENTS = "coefficients"
"""Stands for all 52 coefficients in the channels of a range."""


class _Rule(Frozen):
    """What all rules have in common.

    Attributes:
        id: stable name, used in messages.
        severity: hard: holds on every committed motion. soft: strain for the critic to score, never a reason to refuse.
        yields: the region that changes its proposal; given exactly for rules between regions.
        gives: channels to change when the rule is repaired, in this order; "{side}" as in the rule.
        epsilon: how far past the bound still counts as kept when a finished motion is verified; None for the unit's usual.
        why: the reason, in a sentence.
        source: M measured on capture, L literature, J judgement, ARKit the coefficient's definition.
    """

    id: Annotated[str, Field(pattern=r"^[a-z0-9]+(-[a-z0-9]+)*$")]
    severity: Literal["hard", "soft"]
    why: Annotated[str, Field(min_length=1, max_length=200)]
    source: Name
    yields: Region | None = None
    gives: tuple[Name, ...] = ()
    epsilon: Positive | None = None

    def names(self) -> tuple[str, ...]:
        """Every channel that the rule reads, sides not yet told apart."""
        raise NotImplementedError  # pragma: no cover - abstract

    def regions(self) -> tuple[Region, ...]:
        """The regions whose channels it reads."""
        read = {CHANNELS[channel].region for name in self.names() for channel in sided(name) if channel in CHANNELS}
        return tuple(region for region in REGIONS if region in read)

    @model_validator(mode="after")
    def _knows_its_channels_and_who_yields(self) -> Self:
        regions = set()
        for name in (*self.names(), *self.gives):
            for channel in sided(name):
                if channel == COEFFICIENTS:
                    continue
                if channel not in CHANNELS:
                    raise ValueError(f"{channel} is not a channel")
                regions.add(CHANNELS[channel].region)
        for name in self.gives:
            for channel in sided(name):
                if CHANNELS[channel].derived:
                    raise ValueError(f"{channel} is derived and cannot be changed")
                if self.yields and CHANNELS[channel].region != self.yields:
                    raise ValueError(f"gives {channel}, which {self.yields} does not own")
        if len(regions) > 1 and not isinstance(self, (Range, Speed, Acceleration)):
            if self.yields is None:
                raise ValueError("a rule between regions must say which of them yields")
            if any(PRECEDENCE.index(region) > PRECEDENCE.index(self.yields) for region in regions):
                raise ValueError(f"{self.yields} yields to a region after it; the order is {', '.join(PRECEDENCE)}")
        return self


class Range(_Rule):
    """min <= each channel <= max."""

    kind: Literal["range"]
    channels: Annotated[tuple[Name, ...], Field(min_length=1)]
    min: Number
    max: Number

    def names(self) -> tuple[str, ...]:
        return self.channels


class Sum(_Rule):
    """Weighted sum of channels <= max."""

    kind: Literal["sum"]
    weights: Annotated[dict[Name, Number], Field(min_length=1)]
    max: Number

    def names(self) -> tuple[str, ...]:
        return tuple(self.weights)


class Between(_Rule):
    """min <= weighted sum of channels <= max."""

    kind: Literal["between"]
    weights: Annotated[dict[Name, Number], Field(min_length=1)]
    min: Number
    max: Number

    def names(self) -> tuple[str, ...]:
        return tuple(self.weights)


class Exclusive(_Rule):
    """The smaller of two channels <= max."""

    kind: Literal["exclusive"]
    channels: tuple[Name, Name]
    max: Number

    def names(self) -> tuple[str, ...]:
        return self.channels


class _Driven(_Rule):
    """A bound on channels that a weighted sum of others, the driver, sets through a piecewise linear limit.

    Attributes:
        points: (driver, limit), in ascending order of the driver; constant beyond the ends.
        sustained: the driver counts with its smallest value over so many seconds before, so that a passing value does not bite.
    """

    channels: Annotated[tuple[Name, ...], Field(min_length=1)]
    driver: Annotated[dict[Name, Number], Field(min_length=1)]
    points: Points
    sustained: Annotated[float, Field(ge=0, le=0.4)] = 0.0

    def names(self) -> tuple[str, ...]:
        return (*self.channels, *self.driver)

    @model_validator(mode="after")
    def _points_ascend(self) -> Self:
        drivers = [point[0] for point in self.points]
        if any(later <= earlier for earlier, later in pairwise(drivers)):
            raise ValueError("points must ascend in the driver")
        return self


class Ceiling(_Driven):
    """Each channel <= limit(driver)."""

    kind: Literal["ceiling"]


class Floor(_Driven):
    """Each channel >= limit(driver)."""

    kind: Literal["floor"]


class Follows(_Driven):
    """|channel - limit(driver)| <= tolerance."""

    kind: Literal["follows"]
    tolerance: Positive


class Speed(_Rule):
    """Change over 1/30 s, times 30, <= max, per second."""

    kind: Literal["speed"]
    channels: Annotated[tuple[Name, ...], Field(min_length=1)]
    max: Positive

    def names(self) -> tuple[str, ...]:
        return self.channels


class Acceleration(_Rule):
    """|x(t) - 2 x(t - 1/30 s) + x(t - 2/30 s)| * 900 <= max, per second squared."""

    kind: Literal["accel"]
    channels: Annotated[tuple[Name, ...], Field(min_length=1)]
    max: Positive

    def names(self) -> tuple[str, ...]:
        return self.channels


class Drift(_Rule):
    """While the head turns, gaze in the world (head + eyes) rests, pursues slowly or jumps.

    While the head turns faster than half of `slow` degrees per second and the lids are open, the speed of gaze over 1/30 s
    stays inside [slow, fast] no longer than `seconds` at a time.
    """

    kind: Literal["drift"]
    slow: Positive
    fast: Positive
    seconds: Positive

    def names(self) -> tuple[str, ...]:
        return (*GAZE, "eyeBlinkLeft", "eyeBlinkRight")


class TurnBlink(_Rule):
    """A head turn of `degrees` within `seconds` comes with a blink (lids past one half)."""

    kind: Literal["turn_blink"]
    degrees: Positive
    seconds: Positive

    def names(self) -> tuple[str, ...]:
        return ("headYaw", "eyeBlinkLeft", "eyeBlinkRight")


GAZE: tuple[str, ...] = ("headYaw", "headPitch", "eyeYawLeft", "eyePitchLeft", "eyeYawRight", "eyePitchRight")
"""The channels that make up the line of sight."""

Rule = Annotated[
    Range | Sum | Between | Exclusive | Ceiling | Floor | Follows | Speed | Acceleration | Drift | TurnBlink,
    Field(discriminator="kind"),
]


class Margins(Frozen):
    """How much stricter negotiation is than the bounds, so that what is committed keeps them at every frame rate.

    Attributes:
        level: share of a rule's epsilon up to which a level may exceed its bound.
        speed: share of a speed bound that is left unused.
        accel: share of an acceleration bound that is left unused. A curve sampled at 24 frames per second and joined by
            straight lines bends up to 1.25 times as sharply as the curve itself.
        drift: share by which the band of forbidden gaze speeds is widened at each end.
    """

    level: Annotated[float, Field(ge=0, le=1)]
    speed: Annotated[float, Field(ge=0, lt=1)]
    accel: Annotated[float, Field(ge=0, lt=1)]
    drift: Annotated[float, Field(ge=0, lt=1)]


class RuleSet(Frozen):
    """All rules, and the margins that negotiation keeps."""

    margins: Margins
    rules: Annotated[tuple[Rule, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _each_id_once(self) -> Self:
        seen: set[str] = set()
        for rule in self.rules:
            if rule.id in seen:
                raise ValueError(f"two rules are called {rule.id}")
            seen.add(rule.id)
        return self


def sided(name: str) -> tuple[str, ...]:
    """The name for each side if it holds "{side}", else the name itself."""
    return tuple(name.replace("{side}", side) for side in SIDES) if "{side}" in name else (name,)


def spelled_out(rule: Rule) -> tuple[Rule, ...]:
    """The rule as it is checked: once for each side if it couples channels of a side, with all names spelled out.

    A rule that bounds each of its channels by itself is checked once per region, for that region's channels.
    """
    if isinstance(rule, (Range, Speed, Acceleration)):
        names = tuple(c.name for c in CHANNELS.values() if c.unit == "share") if rule.channels == (COEFFICIENTS,) else ()
        names = names or tuple(channel for name in rule.channels for channel in sided(name))
        by_region = {region: tuple(name for name in names if CHANNELS[name].region == region) for region in REGIONS}
        return tuple(rule.model_copy(update={"channels": own}) for own in by_region.values() if own)
    if not any("{side}" in name for name in (*rule.names(), *rule.gives)):
        return (rule,)
    fields = {name: getattr(rule, name) for name in _TURNING if name in type(rule).model_fields}
    return tuple(rule.model_copy(update={name: _turned(value, side) for name, value in fields.items()}) for side in SIDES)


_TURNING = ("channels", "weights", "driver", "gives")


def _turned(value: object, side: str) -> object:
    if isinstance(value, dict):
        return {name.replace("{side}", side): item for name, item in value.items()}
    assert isinstance(value, tuple)
    return tuple(name.replace("{side}", side) for name in value)
