"""Keyframes, curves and tracks: what a region proposes.

Times and values are exact decimals of four places (a tenth of a millisecond, a ten-thousandth of a coefficient or degree):
the float that is nearest to a whole number of ten-thousandths. They survive any text or binary format unchanged.
"""

from __future__ import annotations

import contextlib

from collections.abc import Iterable
from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, model_validator

from protocol.channels import CHANNELS, WRITABLE, Region

Mode = Literal["hold", "linear", "ease_in", "ease_out", "ease_in_out", "smooth", "cubic", "bezier", "min_jerk", "spring"]
"""How a curve goes from a keyframe to the next (see `protocol.interpolation`)."""

PLACES = 10_000
MAX_SECONDS = 3660.0
"""The latest time of anything: a take of an hour, and a minute for acts that are said to go on past its end."""
MAX_SOURCES = 4096
"""The most sources that one track may name."""
MAX_KEYFRAMES = 20_000
"""The most keyframes that one curve may hold: an hour of dense talk stays far below."""


def exact(value: float) -> float:
    """The decimal of four places nearest to a number (ties to even), as the float that denotes it."""
    return round(value * PLACES) / PLACES + 0.0


def _is_exact(value: float) -> float:
    if round(value * PLACES) / PLACES != value:
        raise ValueError(f"{value!r} is not a decimal of four places")
    return value


Decimal4 = Annotated[float, Field(allow_inf_nan=False, ge=-MAX_SECONDS, le=MAX_SECONDS), AfterValidator(_is_exact)]
Share = Annotated[float, Field(allow_inf_nan=False, ge=0, le=1), AfterValidator(_is_exact)]


class Frozen(BaseModel):
    """A value: immutable, without unknown fields, no silent conversion of types.

    Fields that hold many of them are checked up to the first that is wrong (`fail_fast`): millions of faults in what somebody
    sends would take gigabytes to list.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


class Source(Frozen):
    """Where keyframes come from.

    Attributes:
        gesture: the gesture, emotional state or idle behaviour that they belong to.
        words: the words of the direction that asked for it; empty for idle motion.
        note: what was changed since, such as the constraint that a region yielded to.
    """

    gesture: Annotated[str, Field(max_length=80)]
    words: Annotated[str, Field(max_length=400)] = ""
    note: Annotated[str, Field(max_length=200)] = ""


Handles = tuple[Share, Decimal4, Share, Decimal4]


class Keyframe(Frozen):
    """A value at a time, and how the curve goes on from there.

    Attributes:
        time: seconds from the start of the beat.
        value: in the channel's unit.
        mode: interpolation to the next keyframe.
        handles: for `bezier`, (x1, y1, x2, y2) of the two handles in the unit square of the segment (x in 0..1).
        source: index into the track's sources.
    """

    time: Decimal4
    value: Decimal4
    mode: Mode = "smooth"
    handles: Handles | None = None
    source: Annotated[int, Field(ge=0, lt=MAX_SOURCES)] = 0

    @model_validator(mode="after")
    def _handles_belong_to_bezier(self) -> Self:
        if (self.mode == "bezier") != (self.handles is not None):
            raise ValueError("a bezier keyframe, and no other, needs handles")
        return self


_WITHOUT_HANDLES = frozenset(get_args(Mode)) - {"bezier"}
_FIELDS = {"time", "value", "mode", "handles", "source"}
_CURVE_FIELDS = {"channel", "keys"}
_TRACK_FIELDS = {"region", "curves", "sources"}
_new = object.__new__
_set_fields, _set_extra, _set_private = (
    vars(BaseModel)[f"__pydantic_{slot}__"].__set__ for slot in ("fields_set", "extra", "private")
)


class Curve(Frozen):
    """One channel's keyframes over one beat, in order of time, the first at 0.

    Raises:
        ValueError: unknown or derived channel, keyframes out of order, or a value outside the channel's range.
    """

    channel: str
    keys: Annotated[tuple[Keyframe, ...], Field(min_length=1, max_length=MAX_KEYFRAMES, fail_fast=True)]

    @model_validator(mode="after")
    def _keeps_the_channel(self) -> Self:
        _require_fit(self)
        return self


class Track(Frozen):
    """One region's curves over one beat: every channel that it writes, each once, in the order of the vocabulary.

    Raises:
        ValueError: a channel is missing, repeated or another region's; a keyframe's source is not listed.
    """

    region: Region
    curves: Annotated[tuple[Curve, ...], Field(fail_fast=True)]
    sources: Annotated[tuple[Source, ...], Field(min_length=1, max_length=MAX_SOURCES, fail_fast=True)]

    @model_validator(mode="after")
    def _owns_its_channels(self) -> Self:
        _require_own(self)
        return self

    def curve(self, channel: str) -> Curve:
        """The curve of one of this region's channels."""
        return self.curves[WRITABLE[self.region].index(channel)]


def _require_fit(curve: Curve) -> None:
    """Refuse keyframes that do not follow each other or leave the range of their channel."""
    channel = CHANNELS.get(curve.channel)
    if channel is None or channel.derived:
        raise ValueError(f"{curve.channel} is not a channel that can be written")
    if curve.keys[0].time != 0:
        raise ValueError(f"{curve.channel}: the first keyframe is at {curve.keys[0].time} s, not at 0")
    before, low, high = -1.0, channel.low, channel.high
    for key in curve.keys:
        if key.time <= before:
            raise ValueError(f"{curve.channel}: keyframe at {key.time} s does not come after {before} s")
        if not low <= key.value <= high:
            raise ValueError(f"{curve.channel}: {key.value} at {key.time} s is outside {channel.low:g}..{channel.high:g}")
        before = key.time


def _require_own(track: Track) -> None:
    """Refuse curves that are not the region's own, each once and in order, and sources that are not listed."""
    names = tuple(one.channel for one in track.curves)
    if names != WRITABLE[track.region]:
        foreign = [name for name in names if name not in WRITABLE[track.region]]
        what = f"{foreign[0]} is not its own" if foreign else "channels are missing, repeated or out of order"
        raise ValueError(f"track of {track.region}: {what}")
    count = len(track.sources)
    for one in track.curves:
        if max([key.source for key in one.keys]) >= count:
            key = next(key for key in one.keys if key.source >= count)
            raise ValueError(f"{one.channel}: keyframe at {key.time} s names source {key.source} of {count}")


def key(
    time: float, value: float, mode: Mode = "smooth", source: int = 0, handles: tuple[float, ...] | None = None
) -> Keyframe:
    """A keyframe at the nearest exact decimals."""
    time = round(time * PLACES) / PLACES + 0.0  # as `exact` does: thousands are made for every beat
    value = round(value * PLACES) / PLACES + 0.0
    if (
        handles is None
        and -MAX_SECONDS <= time <= MAX_SECONDS
        and -MAX_SECONDS <= value <= MAX_SECONDS
        and mode in _WITHOUT_HANDLES
        and type(source) is int
        and 0 <= source < MAX_SOURCES
    ):
        # What the model would find nothing wrong with is made without it: thousands are made for every beat.
        made = _new(Keyframe)
        held = made.__dict__
        held["time"] = time
        held["value"] = value
        held["mode"] = mode
        held["handles"] = None
        held["source"] = source
        _set_fields(made, _FIELDS)
        _set_extra(made, None)
        _set_private(made, None)
        return made
    return Keyframe(time=time, value=value, mode=mode, source=source, handles=handles)  # type: ignore[arg-type]  # it checks them


def replaced(one: Keyframe, *, time: float | None = None, value: float | None = None, source: int | None = None) -> Keyframe:
    """A keyframe with another time, value or source, at the nearest exact decimals; its mode stays."""
    time, value = one.time if time is None else time, one.value if value is None else value
    return key(time, value, one.mode, one.source if source is None else source, one.handles)


def leaving(one: Keyframe, mode: Mode) -> Keyframe:
    """A keyframe from which the curve goes on otherwise, in a mode without handles."""
    return key(one.time, one.value, mode, one.source)


def make_curve(channel: str, keys: tuple[Keyframe, ...]) -> Curve:
    """A curve of keyframes that exist already.

    Raises:
        ValueError: see :class:`Curve`.
    """
    made = _new(Curve)  # the keyframes have been checked when they were made, so it remains to look at how they follow
    held = made.__dict__
    held["channel"] = channel
    held["keys"] = keys
    _set_fields(made, _CURVE_FIELDS)
    _set_extra(made, None)
    _set_private(made, None)
    with contextlib.suppress(ValueError):
        if 0 < len(keys) <= MAX_KEYFRAMES:
            _require_fit(made)
            return made
    return Curve(channel=channel, keys=keys)  # which says what is wrong with it


def make_track(region: Region, curves: Iterable[Curve], sources: Iterable[Source]) -> Track:
    """A track from curves in any order.

    Raises:
        ValueError: see :class:`Track`.
    """
    by_name = {curve.channel: curve for curve in curves}
    ordered = (*[by_name.pop(name) for name in WRITABLE[region] if name in by_name], *by_name.values())
    named = tuple(sources)
    made = _new(Track)  # curves and sources have been checked when they were made: they are not gone through again
    held = made.__dict__
    held["region"] = region
    held["curves"] = ordered
    held["sources"] = named
    _set_fields(made, _TRACK_FIELDS)
    _set_extra(made, None)
    _set_private(made, None)
    with contextlib.suppress(ValueError):
        if 0 < len(named) <= MAX_SOURCES:
            _require_own(made)
            return made
    return Track(region=region, curves=ordered, sources=named)  # which says what is wrong with it
