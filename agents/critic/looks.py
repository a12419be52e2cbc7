"""What a thing that is asked for looks like by the catalogue: channels and how far they go, what repeats, where it points.

This is read from the tables and not from whoever performs it, so that a planner's mistake shows. It is an expectation: sizes,
not keyframes.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Literal

from configs.emotions import State
from configs.gestures import Aim, Cycle, Gesture
from configs.tables import Tables
from protocol.brief import Act, Side
from protocol.channels import CHANNELS, OPPOSITE, TURNED, both_sides

_INNER_ALONE = 0.35
"""Share of the inner brows' rise that goes with one brow: they have no sides."""
_FULL = 0.85
"""Coefficients above this are hardly told apart; what is asked for beyond comes closer to 1 and never there."""
_FILLS = 0.5
"""Share of the repetitions that would fit without a pause which is enough for what goes on until its act ends."""
_TURN = 0.35
"""Seconds that eyes or head take to get where they are to point."""
_EYES_REACH = (30.0, 20.0)
"""Degrees that eyes alone go sideways, and up or down."""
_TURNS_OF_VARIED = 0.45
"""How often a channel turns in one of many different repetitions: neighbours often run into one."""
_BUMP = 0.3
"""Share of a repetition's span by which it has to rise and fall to count as another peak within it."""

Span = tuple[float, float]
Back = Literal["", "camera", "rest"]


@dataclass(frozen=True, slots=True)
class Swing:
    """What repeats, at the strength asked for.

    Attributes:
        spans: lowest and highest value of one repetition, by channel.
        period: seconds of one repetition.
        least: repetitions that there are to be at least.
        most: and at most; None where it goes on as long as its act.
        exact: how often was said.
        peaks: how often the leading channel peaks in one repetition.
        lead: that channel.
        first: share of the period after which that is halfway to its first peak.
        varied: each repetition takes another shape, as syllables do.
    """

    spans: Mapping[str, Span]
    period: float
    least: int
    most: int | None
    exact: bool
    peaks: float
    lead: str
    first: float
    varied: bool


@dataclass(frozen=True, slots=True)
class Goal:
    """Where something points: degrees to the subject's left and up, of the gaze, of the eyes alone or of the head."""

    yaw: float
    pitch: float
    who: str


@dataclass(frozen=True, slots=True)
class Look:
    """What one intent looks like.

    Attributes:
        side: the subject's side that it is on.
        held: value reached, by channel, at the strength asked for.
        lag: seconds by which a channel may come later.
        onset: seconds to full size.
        offset: seconds back.
        lasts: seconds that it takes in all, if it is over by itself.
        swing: what repeats.
        goal: where it points.
        back: what it only goes back to: the "camera" with the eyes, or "rest" with the face; empty for what goes somewhere.
    """

    side: Side = "both"
    held: Mapping[str, float] = field(default_factory=dict)
    lag: Mapping[str, float] = field(default_factory=dict)
    onset: float = 0.3
    offset: float = 0.3
    lasts: float | None = None
    swing: Swing | None = None
    goal: Goal | None = None
    back: Back = ""


def look_of(tables: Tables, act: Act) -> Look | None:
    """What an act looks like; None if it is not in the catalogue."""
    if act.name in tables.gestures:
        return _of_gesture(tables.gestures[act.name], act)
    if act.name in tables.emotions.states:
        return _of_state(tables.emotions.state(act.name), act)
    return None


def _of_state(state: State, act: Act) -> Look:
    if act.side != "both" and state.side not in ("both", act.side):
        state = state.mirrored()
    held = {
        name: sized(name, level * act.strength) for name, level in state.levels.items() if CHANNELS[name].region in act.regions
    }
    lag = dict.fromkeys(held, 0.0)
    back: Back = "" if held else "rest"
    return Look(side=state.side, held=held, lag=lag, onset=state.onset / act.speed, offset=state.offset / act.speed, back=back)


def _of_gesture(gesture: Gesture, act: Act) -> Look:
    side: Side = gesture.default_side if gesture.sides == "one" and act.side == "both" else act.side
    turned = gesture.sides == "one"
    levels = _one_side(_spelled(gesture.levels), side, turned=turned)
    lags = _one_side(_spelled(gesture.lag), side, turned=turned, signed=False)
    swing = _swing(gesture, gesture.cycle, act, side, turned=turned) if gesture.cycle else None
    goal = _goal(gesture.aim, act, side) if gesture.aim else None
    held = {name: sized(name, level * act.strength) for name, level in levels.items() if CHANNELS[name].region in act.regions}
    return Look(
        side=side,
        held=held,
        lag={name: lags.get(name, 0.0) / act.speed for name in held},
        onset=(_TURN if goal else gesture.onset) / act.speed,
        offset=gesture.offset / act.speed,
        lasts=None if gesture.lasts is None else gesture.lasts / act.speed,
        swing=swing,
        goal=goal if goal and (goal.yaw or goal.pitch) else None,
        back=_back(goal) if not held and swing is None else "",
    )


def _back(goal: Goal | None) -> Back:
    if goal is None:
        return "rest"
    return "" if goal.yaw or goal.pitch else "camera"


def sized(channel: str, value: float) -> float:
    """The value that a channel can be expected to reach where so much is asked of it."""
    known = CHANNELS[channel]
    if known.unit == "share" and value > _FULL and not channel.startswith("eyeBlink"):
        over = value - _FULL
        value = _FULL + (1 - _FULL) * over / (over + (1 - _FULL))
    return min(max(value, known.low), known.high)


def _spelled(levels: Mapping[str, float]) -> dict[str, float]:
    return {channel: level for name, level in levels.items() for channel in both_sides(name)}


def _one_side(levels: Mapping[str, float], side: Side, *, turned: bool, signed: bool = True) -> dict[str, float]:
    """Levels of one side; `turned` if what says a side by its sign or name follows it, `signed` if levels have signs."""
    if side == "both":
        return dict(levels)
    other = "Right" if side == "left" else "Left"
    found = {}
    for name, level in levels.items():
        if CHANNELS[name].stem != name and name.endswith(other) and not name.startswith(("eyeYaw", "eyePitch")):
            continue
        if turned and side == "right":
            found[OPPOSITE.get(name, name)] = -level if signed and name in TURNED else level
        else:
            found[name] = level * (_INNER_ALONE if signed and name == "browInnerUp" else 1.0)
    return found


def _swing(gesture: Gesture, cycle: Cycle, act: Act, side: Side, *, turned: bool) -> Swing | None:
    low: dict[str, float] = {}
    high: dict[str, float] = {}
    shapes: Iterable[tuple[str, float]]
    if cycle.keys:
        shapes = [(name, value) for name, keys in cycle.keys.items() for _, value in keys]
    else:
        shapes = [(name, value) for variant in cycle.variants for name, value in variant.items()]
    for name, value in shapes:
        for channel in both_sides(name):
            places = {channel: value}
            if cycle.alternate:  # every second one to the other side
                places |= {OPPOSITE.get(channel, channel): value, channel: value}
                if channel in TURNED:
                    low[channel], high[channel] = min(low.get(channel, 0.0), -value), max(high.get(channel, 0.0), -value)
            for place, reached in places.items():
                low[place], high[place] = min(low.get(place, 0.0), reached), max(high.get(place, 0.0), reached)
    low, high = _one_side(low, side, turned=False), _one_side(high, side, turned=False)
    if turned and side == "right":
        flipped = {
            OPPOSITE.get(name, name): (-high[name], -low[name]) if name in TURNED else (low[name], high[name]) for name in low
        }
    else:
        flipped = {name: (low[name], high[name]) for name in low}
    spans = {
        name: (sized(name, below * act.strength), sized(name, above * act.strength))
        for name, (below, above) in flipped.items()
        if above > below and CHANNELS[name].region in act.regions
    }
    if not spans:
        return None
    lead = max(spans, key=lambda name: _heft(name, spans[name]))
    period = cycle.period / act.speed
    natural = act.end - act.start if gesture.lasts is None else min(act.end - act.start, gesture.lasts / act.speed)
    if act.count:
        least = most = act.count
    elif cycle.fills:
        least, most = max(int(_FILLS * natural / period * _busy(cycle)), 1), None
    else:
        # What has no room for all of its repetitions does fewer.
        least, most = max(min(cycle.count[0], int(natural / (0.6 * period))), 1), cycle.count[1]
    peaks, first = _peaks(cycle, lead)
    return Swing(spans, period, least, most, act.count > 0, peaks, lead, first, bool(cycle.variants))


def _busy(cycle: Cycle) -> float:
    """Share of the time in which something that comes in bursts goes on."""
    burst = cycle.period * sum(cycle.count) / 2
    return burst / (burst + cycle.pause)


def _heft(name: str, span: Span) -> float:
    """How much a repetition shows in a channel, to choose the one to count by."""
    unit = CHANNELS[name].unit
    return (span[1] - span[0]) / (1 if unit == "share" else 15 if unit == "degree" else 3)


def _peaks(cycle: Cycle, lead: str) -> tuple[float, float]:
    """How often a channel peaks in one repetition, and the share of it after which it is halfway to the first peak."""
    for name, keys in cycle.keys.items():
        if lead not in both_sides(name) and OPPOSITE.get(lead) != name:
            continue
        values = [value for _, value in keys]
        span = max(values) - min(values)
        first = next(value for value in values if abs(value) >= _BUMP * span)
        sign = 1.0 if first > 0 else -1.0
        half = next(
            share + (later - share) * (0.5 * first - value) / (reached - value)
            for (share, value), (later, reached) in pairwise(keys)
            if sign * reached >= sign * 0.5 * first
        )
        found, low, high, rising = 0, 0.0, 0.0, True
        for value in (sign * value for value in values):
            if rising:
                high = max(high, value)
                if high - value >= _BUMP * span:
                    found, low, rising = found + 1, value, False
            else:
                low = min(low, value)
                if value - low >= _BUMP * span:
                    high, rising = value, True
        sided = 0.5 if cycle.alternate and lead in OPPOSITE else 1.0
        return max(found, 1) * sided, half
    return _TURNS_OF_VARIED, 0.25


def _goal(aim: Aim, act: Act, side: Side) -> Goal:
    yaw, pitch = act.yaw, act.pitch
    if not yaw and not pitch:
        yaw, pitch = aim.yaw, aim.pitch
        if side != "both":
            yaw = abs(yaw) if side == "left" else -abs(yaw)
    yaw, pitch = yaw * act.strength, pitch * act.strength
    if aim.who == "head":
        return Goal(_within("headYaw", yaw), _within("headPitch", pitch), "head")
    if "head" not in act.regions:
        across, along = _EYES_REACH
        return Goal(min(max(yaw, -across), across), min(max(pitch, -along), along), "eyes")
    if "eyes" not in act.regions:
        return Goal(_beyond(yaw, aim), _beyond(pitch, aim), "head")
    return Goal(yaw, pitch, "gaze")


def _beyond(degrees: float, aim: Aim) -> float:
    """What of a direction falls to the head."""
    share = max(abs(degrees) - aim.head_from, 0.0) * aim.head_share
    return share if degrees > 0 else -share


def _within(channel: str, value: float) -> float:
    return min(max(value, CHANNELS[channel].low), CHANNELS[channel].high)


def head_part(tables: Tables, act: Act, look: Look) -> dict[str, float]:
    """Where an act takes the head, by channel: what else the head does is seen against that."""
    found = {name: level for name, level in look.held.items() if name.startswith("head")}
    if look.goal is None or "head" not in act.regions:
        return found
    if look.goal.who == "head":
        parts = {"headYaw": look.goal.yaw, "headPitch": look.goal.pitch}
    else:
        aim = tables.gestures[act.name].aim
        assert aim is not None
        across, along = _EYES_REACH
        parts = {}
        for name, goal, reach in (("headYaw", look.goal.yaw, across), ("headPitch", look.goal.pitch, along)):
            eyes = min(max(goal - _beyond(goal, aim), -reach), reach)
            parts[name] = goal - eyes
    for name, degrees in parts.items():
        if degrees:
            found[name] = found.get(name, 0.0) + degrees
    return found


def without(look: Look, channels: Iterable[str]) -> Look:
    """A look with some of its held channels left out."""
    gone = frozenset(channels)
    return replace(look, held={name: level for name, level in look.held.items() if name not in gone})
