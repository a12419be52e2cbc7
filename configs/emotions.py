"""FACS action units and emotional states: from the two tables to levels of channels.

A state names action units with intensities. Resolving it takes three steps, all by table (`configs/action_units.yaml`):

1. Each unit contributes weight x intensity to its channels. Where units share a channel the largest contribution counts, not
   the sum: two muscles that lift the same skin do not lift it twice as far. Contributions of angles in opposite directions
   are added.
2. Blends scale channels of units that look different together than alone (the oblique brow).
3. Antagonists scale channels down until muscles that work against each other fit into one face.

So the levels of a state break no rule within a region at strength 1. Rules between regions are the regions' to negotiate.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, Field, PlainValidator, ValidationInfo, model_validator

from configs.loading import ChannelName, EntryError, builtin, did_you_mean, parse_yaml_model, read_text
from protocol.brief import Side
from protocol.channels import CHANNELS, NAMES, SIDES, TURNED, Region, both_sides
from protocol.keyframes import Frozen, exact

Letter = Literal["A", "B", "C", "D", "E"]
LETTERS: tuple[Letter, ...] = get_args(Letter)
"""FACS intensities, rising."""
Kind = Literal["basic", "compound", "further"]
Tag = Literal["V", "M", "L", "P"]
Family = Literal[
    "joy", "sadness", "anger", "fear", "disgust", "surprise", "contempt", "affection", "self_conscious", "attention", "doubt",
    "pain", "rest",
]  # fmt: skip
"""What a state is most like, for whoever has to choose something that goes with it."""

# Each axis of a state's pose: a channel that it moves, and the action units of its positive and its negative direction (FACS).
_AXES: Mapping[tuple[str, str], tuple[str, str, str]] = MappingProxyType(
    {
        ("head", "yaw"): ("headYaw", "51", "52"),
        ("head", "pitch"): ("headPitch", "53", "54"),
        ("head", "roll"): ("headRoll", "55", "56"),
        ("head", "forward"): ("headZ", "57", "58"),
        ("gaze", "yaw"): ("eyeYawLeft", "61", "62"),
        ("gaze", "pitch"): ("eyePitchLeft", "63", "64"),
    }
)


def _intensity(value: object) -> float | Letter:
    for letter in LETTERS:
        if value == letter:
            return letter
    if isinstance(value, int | float) and not isinstance(value, bool) and 0 < value <= 1:
        return float(value)
    raise ValueError("an intensity is a letter from A to E, or a number above 0 and at most 1")


def _unit_name(name: str, info: ValidationInfo) -> str:
    """A unit's name in a state, checked against the table of units where that is at hand."""
    table = info.context
    if isinstance(table, ActionUnitTable):
        table.channels_of(name)
    return name


Intensity = Annotated[float | Letter, PlainValidator(_intensity)]
UnitName = Annotated[str, AfterValidator(_unit_name)]
Weight = Annotated[float, Field(allow_inf_nan=False, ge=-60, le=60)]
Weights = Mapping[ChannelName, Weight]


class ActionUnit(Frozen):
    """One action unit at intensity E.

    Attributes:
        name: what FACS calls it.
        muscle: what moves.
        channels: weight by channel, with or without side: 0..1 for coefficients, degrees or cm for poses.
        left: what it does on the subject's left side alone, where that is not simply the left half of `channels`.
        right: the same for the right side.
        one_sided: it exists on one side at a time only.
        tag: how sure the weights are.
    """

    name: str
    muscle: str
    channels: Weights
    left: Weights | None = None
    right: Weights | None = None
    one_sided: bool = False
    tag: Tag

    @model_validator(mode="after")
    def _weights_keep_the_channels(self) -> Self:
        for part, weights in (("channels", self.channels), ("left", self.left or {}), ("right", self.right or {})):
            for name, weight in weights.items():
                channel = CHANNELS[both_sides(name)[0]]
                if not channel.low <= weight <= channel.high or weight == 0:
                    raise EntryError((part, name), f"{weight:g} is 0 or outside {channel.low:g}..{channel.high:g}")
        if not (self.channels or (self.left and self.right)):
            raise ValueError("a unit needs channels, or else both left and right")
        return self


class Blend(Frozen):
    """Channels that are scaled while all of some units act."""

    units: Annotated[tuple[int, ...], Field(min_length=2)]
    scale: Mapping[ChannelName, Annotated[float, Field(ge=0, le=1)]]


class Antagonists(Frozen):
    """Muscles against each other: a weighted sum of channels, per side, that stays at or below `most`.

    Attributes:
        weights: factor by channel, with or without side.
        most: bound of the sum.
        yields: the channels, all with positive weight, that are scaled by one factor to keep it.
        why: the anatomy behind it.
    """

    weights: Weights
    most: Annotated[float, Field(gt=0)]
    yields: Annotated[tuple[ChannelName, ...], Field(min_length=1)]
    why: str

    @model_validator(mode="after")
    def _yields_what_it_weighs(self) -> Self:
        for place, name in enumerate(self.yields):
            if self.weights.get(name, 0) <= 0:
                raise EntryError(("yields", place), f"{name} is to yield but has no positive weight")
        return self

    def per_side(self) -> Iterator[tuple[dict[str, float], tuple[str, ...]]]:
        """(weights, yielding channels) with full names; once if all channels are of the midline, else left and right."""
        pairs = tuple(name for name in self.weights if name not in CHANNELS)
        for side in SIDES if pairs else SIDES[:1]:
            full = {name: name + side if name in pairs else name for name in self.weights}
            yield {full[name]: weight for name, weight in self.weights.items()}, tuple(full[name] for name in self.yields)


class ActionUnitTable(Frozen):
    """The table of action units (`configs/action_units.yaml`)."""

    intensity: Mapping[Letter, Annotated[float, Field(gt=0, le=1)]]
    units: Mapping[str, ActionUnit]
    blends: tuple[Blend, ...] = ()
    antagonists: tuple[Antagonists, ...] = ()

    @model_validator(mode="after")
    def _is_complete(self) -> Self:
        sizes = [self.intensity.get(letter, 0.0) for letter in LETTERS]
        if sorted(set(sizes)) != sizes or sizes[0] == 0 or sizes[-1] != 1:
            raise EntryError(("intensity",), "needs A, B, C, D and E, rising, with E at 1")
        for place, blend in enumerate(self.blends):
            for index, number in enumerate(blend.units):
                if str(number) not in self.units:
                    raise EntryError(("blends", place, "units", index), f"{number} is not an action unit")
        for part, axis in _AXES:
            for sign in (1, -1):
                unit, reach = self._pose_unit(part, axis, sign)
                if reach * sign <= 0:
                    raise EntryError(("units", unit), f"has to move {part} {axis} in the {'+' if sign > 0 else '-'} direction")
        return self

    def intensity_of(self, value: float | Letter) -> float:
        """The share of E, 0..1, that a FACS letter stands for; a number is returned as it is."""
        return self.intensity[value] if isinstance(value, str) else value

    def channels_of(self, unit: str) -> dict[str, float]:
        """Weights at intensity E by full channel name, of a unit such as `12`, `L12` or `R12`.

        Raises:
            ValueError: there is no such unit, or not with (or without) a side.
        """
        side = {"L": "Left", "R": "Right"}.get(unit[:1], "")
        found = self.units.get(unit[1:] if side else unit)
        if found is None:
            raise ValueError(f"not an action unit{did_you_mean(unit, self.units)}")
        if not side:
            if found.one_sided:
                raise ValueError(f"{found.name} acts on one side; write L{unit} or R{unit}")
            return {channel: weight for name, weight in found.channels.items() for channel in both_sides(name)}
        own = found.left if side == "Left" else found.right
        if own is not None:
            return {channel: weight for name, weight in own.items() for channel in both_sides(name)}
        for name in found.channels:
            if name in CHANNELS:
                raise ValueError(f"{found.name} moves {name}, which has no sides; write {unit[1:]}")
        return {name + side: weight for name, weight in found.channels.items()}

    def pose(self, part: str, axis: str, amount: float) -> tuple[str, float]:
        """The unit, and its intensity, that moves head or gaze by an amount in degrees (forward: cm).

        Raises:
            ValueError: more than the unit at E.
        """
        unit, reach = self._pose_unit(part, axis, amount)
        if amount / reach > 1:
            raise ValueError(f"{amount:g} is more than unit {unit} reaches, {reach:g}")
        return unit, amount / reach

    def levels(self, units: Mapping[str, float]) -> Mapping[str, float]:
        """Channel levels of units with intensities 0..1: what each channel reaches, those at rest left out.

        Raises:
            ValueError: a unit does not exist.
        """
        above: dict[str, float] = {}
        below: dict[str, float] = {}
        for unit, intensity in units.items():
            for channel, weight in self.channels_of(unit).items():
                part = weight * intensity
                above[channel] = max(above.get(channel, 0.0), part)
                below[channel] = min(below.get(channel, 0.0), part)
        total = {channel: above[channel] + below[channel] for channel in above}
        for blend in self.blends:
            if all(str(number) in units for number in blend.units):
                for name, factor in blend.scale.items():
                    for channel in both_sides(name):
                        total[channel] = total.get(channel, 0.0) * factor
        for rule in self.antagonists:
            # Both sides are measured before either gives way: a channel of the midline yields once, to the tighter side.
            factors: dict[str, float] = {}
            for weights, yields in rule.per_side():
                factor = _fitting(total, weights, yields, rule.most)
                for name in yields:
                    factors[name] = min(factor, factors.get(name, 1.0))
            for name, factor in factors.items():
                total[name] = total.get(name, 0.0) * factor
        return MappingProxyType({name: exact(total[name]) for name in NAMES if exact(total.get(name, 0.0)) != 0})

    def _pose_unit(self, part: str, axis: str, sign: float) -> tuple[str, float]:
        """The unit that moves an axis in the direction of a sign, and how far at E."""
        channel, up, down = _AXES[part, axis]
        unit = down if sign < 0 else up
        if unit not in self.units:
            raise EntryError(("units",), f"unit {unit}, which moves {part} {axis}, is missing")
        return unit, self.channels_of(unit).get(channel, 0.0)


def _fitting(levels: Mapping[str, float], weights: Mapping[str, float], yields: tuple[str, ...], most: float) -> float:
    """The factor on the yielding channels by which a weighted sum is at most `most`; 1 where it is anyway."""
    giving = holding = 0.0
    for name, weight in weights.items():
        if name in yields:
            giving += weight * levels.get(name, 0.0)
        else:
            holding += weight * levels.get(name, 0.0)
    if giving <= 0 or giving + holding <= most:
        return 1.0
    return max(most - holding, 0.0) / giving


class Turn(Frozen):
    """Degrees of yaw (> 0 toward the subject's left) and pitch (> 0 up)."""

    yaw: Annotated[float, Field(ge=-30, le=30)] = 0.0
    pitch: Annotated[float, Field(ge=-25, le=25)] = 0.0


class HeadPose(Turn):
    """A state's part of the head's pose: degrees, and centimetres toward the camera."""

    roll: Annotated[float, Field(ge=-15, le=15)] = 0.0
    forward: Annotated[float, Field(ge=-3, le=3)] = 0.0


class StateEntry(Frozen):
    """An emotional state as the table has it; `configs/emotions.yaml` explains the fields."""

    kind: Kind
    family: Family
    about: Annotated[str, Field(min_length=1, max_length=200)]
    units: Mapping[UnitName, Intensity]
    side: Side = "both"
    head: HeadPose = HeadPose()
    gaze: Turn = Turn()
    onset_s: Annotated[float, Field(ge=0.1, le=5)]
    offset_s: Annotated[float, Field(ge=0.1, le=5)]
    blink_rate_per_min: Annotated[float, Field(ge=1, le=60)] | None = None
    uneven: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    source: str
    tag: Tag

    @model_validator(mode="after")
    def _names_its_side(self) -> Self:
        sided = any(unit[:1] in ("L", "R") for unit in self.units)
        if sided != (self.side != "both"):
            said = "units of one side need `side: left` or `side: right`" if sided else "no unit is of one side; leave it out"
            raise EntryError(("units",) if sided else ("side",), said)
        return self

    @model_validator(mode="after")
    def _poses_by_angle(self, info: ValidationInfo) -> Self:
        for unit in self.units:
            if any(unit in pair for _, *pair in _AXES.values()):
                raise EntryError(("units", unit), "written in degrees instead, under head or gaze")
        if isinstance(info.context, ActionUnitTable):
            for part, axis, amount in self.poses():
                try:
                    info.context.pose(part, axis, amount)
                except ValueError as error:
                    raise EntryError((part, axis), str(error)) from error
        return self

    def poses(self) -> Iterator[tuple[str, str, float]]:
        """(part, axis, degrees or cm) of everything in the pose that is not at rest."""
        for part, axis in _AXES:
            amount: float = getattr(self.head if part == "head" else self.gaze, axis)
            if amount != 0:
                yield part, axis, amount


class EmotionFile(Frozen):
    """The table of emotional states (`configs/emotions.yaml`)."""

    sources: Mapping[str, str]
    states: Annotated[Mapping[str, StateEntry], Field(min_length=1)]

    @model_validator(mode="after")
    def _cites_known_sources(self) -> Self:
        for name, state in self.states.items():
            if state.source not in self.sources:
                said = f"{state.source} is not among the sources{did_you_mean(state.source, self.sources)}"
                raise EntryError(("states", name, "source"), said)
        return self


@dataclass(frozen=True, slots=True)
class State:
    """An emotional state, resolved.

    Attributes:
        name: as an act of a brief names it.
        kind: basic, compound or further.
        family: what it is most like.
        about: what is seen, in a sentence.
        units: intensity 0..1 by action unit, head and gaze (51-64) included.
        levels: what each channel reaches at strength 1, in its unit, in the order of the vocabulary; channels at rest left out.
        onset: seconds to come at natural pace.
        offset: seconds to go.
        blink_rate: blinks per minute while it lasts; None leaves the rate as it is.
        uneven: share by which the right side is weaker than the left, whatever chance adds.
        side: the subject's side that it is told by (the raised brow, the tucked corner); "both" where muscles act alike.
        source: where the set of units comes from.
        tag: how sure that is.
    """

    name: str
    kind: Kind
    family: Family
    about: str
    units: Mapping[str, float]
    levels: Mapping[str, float]
    onset: float
    offset: float
    blink_rate: float | None
    side: Side
    source: str
    tag: Tag
    uneven: float = 0.0

    def of(self, region: Region) -> dict[str, float]:
        """The levels of one region's channels."""
        return {name: level for name, level in self.levels.items() if CHANNELS[name].region == region}

    def mirrored(self) -> State:
        """The same state with the subject's sides exchanged."""
        levels = {_mirror_channel(name): -level if name in TURNED else level for name, level in self.levels.items()}
        other: dict[Side, Side] = {"left": "right", "right": "left", "both": "both"}
        return replace(
            self,
            units=MappingProxyType({_mirror_unit(unit): intensity for unit, intensity in self.units.items()}),
            levels=MappingProxyType({name: levels[name] for name in NAMES if name in levels}),
            side=other[self.side],
        )


@dataclass(frozen=True, slots=True)
class EmotionTable:
    """All emotional states by name, in the order of the table, and the action units that they are made of."""

    states: Mapping[str, State]
    units: ActionUnitTable

    def state(self, name: str) -> State:
        """A state by name.

        Raises:
            KeyError: there is no such state; the message names the nearest.
        """
        if name not in self.states:
            raise KeyError(f"no emotional state is called {name!r}{did_you_mean(name, self.states)}")
        return self.states[name]


def load_emotions(
    text_au: str,
    text_emotions: str,
    *,
    name_au: str = "configs/action_units.yaml",
    name_emotions: str = "configs/emotions.yaml",
) -> EmotionTable:
    """The states of two tables' texts; the names are those that errors give them.

    Raises:
        ConfigError: a table is not what it has to be; see :func:`configs.loading.parse_yaml_model`.
    """
    table = parse_yaml_model(text_au, name_au, ActionUnitTable)
    file = parse_yaml_model(text_emotions, name_emotions, EmotionFile, context=table)
    states = {name: _resolved(name, entry, table, file.sources[entry.source]) for name, entry in file.states.items()}
    return EmotionTable(MappingProxyType(states), table)


def builtin_emotions() -> EmotionTable:
    """The states that come with the program."""
    return load_emotions(read_text(builtin("action_units.yaml")), read_text(builtin("emotions.yaml")))


def _resolved(name: str, entry: StateEntry, table: ActionUnitTable, source: str) -> State:
    units = {unit: table.intensity_of(value) for unit, value in entry.units.items()}
    units.update(table.pose(*pose) for pose in entry.poses())
    return State(
        name=name,
        kind=entry.kind,
        family=entry.family,
        about=entry.about,
        units=MappingProxyType(units),
        levels=table.levels(units),
        onset=exact(entry.onset_s),
        offset=exact(entry.offset_s),
        blink_rate=entry.blink_rate_per_min,
        side=entry.side,
        source=source,
        tag=entry.tag,
        uneven=exact(entry.uneven),
    )


def _mirror_channel(name: str) -> str:
    for side, other in (SIDES, SIDES[::-1]):
        if name.endswith(side):
            return name.removesuffix(side) + other
    return name


def _mirror_unit(unit: str) -> str:
    if unit[0] in "LR":
        return ("R" if unit[0] == "L" else "L") + unit[1:]
    swap = {"51": "52", "52": "51", "55": "56", "56": "55", "61": "62", "62": "61"}
    return swap.get(unit, unit)
