"""The catalogue of gestures: named behaviour with real timing that region agents expand into keyframes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from protocol.channels import CHANNELS, REGIONS, Region, Unit, both_sides
from protocol.keyframes import Frozen, Mode

Seconds = Annotated[float, Field(gt=0, le=20, allow_inf_nan=False)]
Size = Annotated[float, Field(ge=-60, le=60, allow_inf_nan=False)]
Levels = dict[str, Size]
ChanceOf = Annotated[float, Field(ge=0, le=1)]


def _require_channels(names: Mapping[str, float], where: str) -> None:
    for name in names:
        channels = both_sides(name)
        if not channels:
            raise ValueError(f"{where}: {name} is not a channel")
        if CHANNELS[channels[0]].derived:
            raise ValueError(f"{where}: {name} follows from the eye angles and cannot be set")
        low, high = CHANNELS[channels[0]].low, CHANNELS[channels[0]].high
        if where == "lag":
            continue  # seconds
        if not -high <= names[name] <= high or (names[name] < 0 and low == 0):
            raise ValueError(f"{where}: {name} cannot reach {names[name]:g}; its range is {low:g} to {high:g}")


class Cycle(Frozen):
    """The part of a gesture that repeats.

    Attributes:
        period: seconds of one repetition at natural speed.
        keys: by channel the (share of the period, value at strength 1) of one repetition, from 0 to 0.
        variants: instead of keys, levels of which each repetition takes one at random, as syllables do; [] for none.
        count: fewest and most repetitions, if the act does not say.
        fills: goes on until the act ends, in bursts of `count` with a `pause` between them.
        pause: seconds between bursts.
        decay: share of its size that each repetition keeps of the one before.
        jitter: share by which a repetition may be longer or shorter, larger or smaller than the last.
        alternate: every second repetition is turned to the other side.
    """

    period: Annotated[float, Field(gt=0.04, le=5)]
    keys: dict[str, Annotated[tuple[tuple[ChanceOf, Size], ...], Field(min_length=3)]] = {}
    variants: tuple[Levels, ...] = ()
    count: tuple[Annotated[int, Field(ge=1)], Annotated[int, Field(le=60)]] = (1, 1)
    fills: bool = False
    pause: Annotated[float, Field(ge=0, le=5)] = 0.0
    decay: Annotated[float, Field(gt=0, le=1)] = 1.0
    jitter: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    alternate: bool = False

    @model_validator(mode="after")
    def _is_one_or_the_other(self) -> Self:
        if bool(self.keys) == bool(self.variants):
            raise ValueError("a cycle goes through keys or picks among variants")
        _require_channels(dict.fromkeys(self.keys, 0.0), "keys")
        for variant in self.variants:
            _require_channels(variant, "variants")
        if self.count[0] > self.count[1]:
            raise ValueError("count: the fewest come first")
        for name, keys in self.keys.items():
            shares = [share for share, _ in keys]
            if shares != sorted(set(shares)) or shares[0] != 0 or shares[-1] != 1 or keys[0][1] != 0 or keys[-1][1] != 0:
                raise ValueError(f"keys of {name} ascend from [0, 0] to [1, 0]")
        return self


class Aim(Frozen):
    """The part of a gesture that points somewhere: at the yaw and pitch of the act.

    Attributes:
        who: "eyes" jump there (and the head helps with the rest, from `head_from` degrees on); "head" turns there.
        head_from: degrees of gaze up to which the eyes do it alone.
        head_share: share of what is beyond that the head takes over.
        yaw: where to, if the act does not say.
        pitch: where to, if the act does not say.
        eyes_lead: where the head turns, the eyes are there first.
    """

    who: Literal["eyes", "head"]
    head_from: Annotated[float, Field(ge=0, le=60)] = 8.0
    head_share: ChanceOf = 0.6
    yaw: Size = 0.0
    pitch: Size = 0.0
    eyes_lead: bool = False


class Gesture(Frozen):
    """A named, parametric bit of behaviour.

    Attributes:
        about: what it is, in a few words.
        source: where its timing and levels come from: a tag (L literature, V seen in a system, M measured, P our proposal).
        lasts: natural length in seconds of what is brief; None for what is held until the act ends.
        onset: seconds from nothing to full size, at natural speed.
        offset: seconds from full size to nothing.
        rise: interpolation of the onset.
        fall: interpolation of the offset.
        levels: values at strength 1; a name without its side stands for both.
        lag: seconds by which a channel comes later than the others.
        prepare: values at strength 1 that come and go before the rest: getting ready, as long as the behaviour table says.
        sides: "both": a side given confines paired channels to it; "one": it always has a side (`default_side` if none is
            given), to which it turns sideways channels as well.
        cycle: what repeats on top of the levels.
        aim: where it points.
    """

    about: Annotated[str, Field(min_length=1, max_length=200)]
    source: Annotated[str, Field(min_length=1, max_length=200)]
    lasts: Seconds | None = None
    onset: Seconds = 0.3
    offset: Seconds = 0.5
    rise: Mode = "min_jerk"
    fall: Mode = "min_jerk"
    levels: Levels = {}
    lag: dict[str, Annotated[float, Field(ge=0, le=3)]] = {}
    prepare: Levels = {}
    sides: Literal["both", "one"] = "both"
    default_side: Literal["left", "right"] = "left"
    cycle: Cycle | None = None
    aim: Aim | None = None

    @model_validator(mode="after")
    def _names_channels(self) -> Self:
        _require_channels(self.levels, "levels")
        _require_channels(self.lag, "lag")
        _require_channels(self.prepare, "prepare")
        if unknown := self.lag.keys() - self.levels.keys():
            raise ValueError(f"lag: {min(unknown)} has no level")
        if self.sides == "both" and self.default_side != "left":
            raise ValueError("default_side: only a gesture that always has a side has one")
        if self.lasts is not None and self.lasts < self.onset + self.offset - 1e-9:
            raise ValueError(f"lasts {self.lasts} s, shorter than its onset and offset together")
        return self

    @property
    def regions(self) -> frozenset[Region]:
        """Who performs it."""
        names = [*self.levels, *self.prepare, *(self.cycle.keys if self.cycle else ())]
        names += [name for variant in (self.cycle.variants if self.cycle else ()) for name in variant]
        found = {CHANNELS[both_sides(name)[0]].region for name in names}
        if self.aim:
            found |= {"eyes", "head"} if self.aim.who == "eyes" or self.aim.eyes_lead else {"head"}
        return frozenset(found)


class Catalogue(Frozen):
    """All gestures by name."""

    gestures: Annotated[dict[str, Gesture], Field(min_length=1)]

    def __contains__(self, name: str) -> bool:
        return name in self.gestures

    def __getitem__(self, name: str) -> Gesture:
        return self.gestures[name]


class Blinks(Frozen):
    """Spontaneous blinks.

    Attributes:
        gaps: seconds between blinks at rest, at equally spaced quantiles from the shortest to the longest.
        partial: share of blinks that do not close fully, and how far those close.
        double: share of blinks that come in twos.
        on_turn: size in degrees of a head turn within half a second that brings one.
        lead: seconds by which it starts before the head.
        on_shift: degrees of a shift of gaze, head and eyes together, from which on one may come with it, and from which on
            one surely does; None for none.
        rates: blinks per minute while an act of this name goes on, at its full strength; emotional states say their own.
        rest: blinks per minute that the gaps come to.
    """

    gaps: Annotated[tuple[Seconds, ...], Field(min_length=3)]
    partial: ChanceOf
    partial_size: tuple[ChanceOf, ChanceOf]
    double: ChanceOf
    on_turn: Seconds
    lead: Annotated[float, Field(ge=0, le=0.2)]
    on_shift: tuple[Seconds, Annotated[float, Field(gt=0, le=90)]] | None = None
    rates: dict[str, Annotated[float, Field(ge=1, le=60)]] = {}
    rest: Annotated[float, Field(ge=1, le=60)] = 17.0

    @model_validator(mode="after")
    def _rises(self) -> Self:
        if self.on_shift is not None and self.on_shift[0] >= self.on_shift[1]:
            raise ValueError("on_shift: the smaller number comes first")
        return self


class Wander(Frozen):
    """Small movement without a goal: from time to time a channel goes a little way and stays, or comes back.

    Attributes:
        channels: (channel or pair, largest size) moved together by one random share.
        every: shortest and longest seconds between moves.
        takes: shortest and longest seconds of a move.
        shares: smallest and largest share of the sizes that a move goes to; by default any, to both sides for angles.
        returns: it comes back to 0 after each move.
        stays: shortest and longest seconds before it comes back.
        jump: it is a saccade, timed by its size, instead of `takes`.
    """

    channels: dict[str, Size]
    every: tuple[Seconds, Seconds]
    takes: tuple[Seconds, Seconds] = (0.3, 0.6)
    shares: tuple[Annotated[float, Field(ge=-1, le=1)], Annotated[float, Field(ge=-1, le=1)]] | None = None
    stays: tuple[Seconds, Seconds] = (0.25, 0.85)
    returns: bool = False
    jump: bool = False

    @model_validator(mode="after")
    def _names_channels(self) -> Self:
        _require_channels(self.channels, "channels")
        if len({CHANNELS[both_sides(name)[0]].region for name in self.channels}) != 1:
            raise ValueError("channels: one region's only")
        for name, pair in (("every", self.every), ("takes", self.takes), ("stays", self.stays), ("shares", self.shares)):
            if pair is not None and pair[0] > pair[1]:
                raise ValueError(f"{name}: the smaller number comes first")
        if self.unit == "share" and self.shares and self.shares[0] < 0:
            raise ValueError("shares: a coefficient does not go below 0")
        return self

    @property
    def unit(self) -> Unit:
        """What it is measured in."""
        return CHANNELS[both_sides(next(iter(self.channels)))[0]].unit

    @property
    def region(self) -> Region:
        """Who does it."""
        return CHANNELS[both_sides(next(iter(self.channels)))[0]].region


class Idle(Frozen):
    """What a face does when nothing is asked of it."""

    source: str
    blinks: Blinks
    wander: dict[str, Wander]


class Variation(Frozen):
    """How much two performances of the same thing differ, and one side from the other.

    Attributes:
        size: share by which a move may be stronger or weaker.
        pace: share by which it may be faster or slower.
        side: share by which one side may be weaker than the other.
        lag: most seconds by which one side may come later.
    """

    source: str
    size: ChanceOf
    pace: ChanceOf
    side: ChanceOf
    lag: Annotated[float, Field(ge=0, le=0.1)]


class Liveliness(Frozen):
    """What flesh adds to a shape that comes, stays and goes.

    Attributes:
        lags: seconds by which parts come later than the first that moves, by channel without its side or by region, where a
            gesture does not say itself.
        spread: most seconds by which chance delays a part.
        settle: share that a shape sinks by once it has come, and the seconds that it takes.
        stir: share by which what is held comes and goes, below where it has settled.
        every: shortest and longest seconds between turns of that.
        release: most seconds by which a part is let go after the first.
        wind_up: share of a turn of the head that it first goes the other way.
        wind_up_from: degrees of a turn that is wound up for.
        ready: seconds of a wind-up, or of what a gesture prepares.
        head_after: seconds by which the head follows the eyes to a target.
        saccade: the profile of a saccade.
        rhythm: share of the variation of pace that goes into what repeats: people keep their own rhythm.
        flash: seconds; what is asked for no longer than this is gone when they are over.
    """

    source: str
    lags: dict[str, Annotated[float, Field(ge=0, le=0.5)]]
    spread: Annotated[float, Field(ge=0, le=0.1)]
    settle: tuple[Annotated[float, Field(ge=0, le=0.2)], Seconds]
    stir: Annotated[float, Field(ge=0, le=0.1)]
    every: tuple[Seconds, Seconds]
    release: Annotated[float, Field(ge=0, le=0.5)]
    wind_up: Annotated[float, Field(ge=0, le=0.2)]
    wind_up_from: Annotated[float, Field(gt=0, le=60)]
    ready: Annotated[float, Field(gt=0, le=0.5)]
    head_after: Annotated[float, Field(ge=0, le=0.2)]
    saccade: Literal["min_jerk", "ease_in_out", "ease_out"]
    rhythm: ChanceOf
    flash: Annotated[float, Field(gt=0, le=1)]

    @model_validator(mode="after")
    def _names_parts(self) -> Self:
        for name in self.lags:
            if name not in REGIONS and not both_sides(name):
                raise ValueError(f"lags: {name} is neither a channel nor a region")
        if self.every[0] > self.every[1]:
            raise ValueError("every: the smaller number comes first")
        return self

    def lag(self, channel: str) -> float:
        """Seconds by which a channel comes later than the first that moves."""
        known = CHANNELS[channel]
        return self.lags.get(channel, self.lags.get(known.stem, self.lags.get(known.region, 0.0)))


class Behaviour(Frozen):
    """Idle motion, variation, and what flesh adds; without the last, gestures are played to the letter."""

    idle: Idle
    variation: Variation
    liveliness: Liveliness | None = None
