"""From moves to layers: what one gesture or emotional state does to each channel, over time.

A layer is a stretch of keyframes of one channel that starts and ends at nothing. Sustained layers are the shape that a face
is in; passing ones (blinks, nods, syllables) come on top.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from types import MappingProxyType

from agents.chance import Chance
from agents.performance import Move, Wandering
from configs.emotions import EmotionTable, State
from configs.gestures import Aim, Catalogue, Cycle, Gesture, Wander
from protocol.brief import Act
from protocol.channels import CHANNELS, Region, both_sides
from protocol.gaze import REACH_DOWN, REACH_UP, REACH_YAW, saccade_seconds
from protocol.keyframes import Keyframe, Source, key

LEAD = 0.05
"""Seconds before a cycle for which its channels count as at rest, so that it starts from rest."""
_KNEE = 0.85
"""Coefficients above this are eased toward 1 instead of being cut off there."""
_ENDLESS = 100_000
"""Repetitions of what goes on until its act ends: more than an hour of syllables."""
_SWAPPED = {"jawLeft": "jawRight", "jawRight": "jawLeft", "mouthLeft": "mouthRight", "mouthRight": "mouthLeft"}
_TURNED = ("headYaw", "headRoll", "headX", "eyeYawLeft", "eyeYawRight")
"""Channels whose sign says a side."""
_HEAD_PACE = 70.0
"""Degrees per second by which a larger turn of the head takes longer; people turn at 50 to 100."""
_QUICKEST: Mapping[str, tuple[float, float, float]] = MappingProxyType(
    {
        "lid": (0.005, 0.07, 0.2),
        "mouth": (0.03, 0.11, 0.3),
        "tissue": (0.06, 0.1, 0.5),
        "degree": (0.06, 0.005, 0.04),
        "cm": (0.06, 0.025, 0.3),
    }
)
"""Seconds that a change takes at least, how many more per unit of its size, and per unit alone where it is small. Lids close
in 66 ms (kinematics of spontaneous blinks), the others keep to the fastest speeds of capture with some room (M)."""
_TISSUE = ("brow", "cheek", "noseSneer", "eyeSquint", "mouthSmile", "mouthFrown", "mouthDimple", "mouthStretch")
"""Channels that move flesh as well as an edge, and take longer for it."""
_LID_FOLLOWS = ((8.0, 0.0), (16.0, 0.22), (28.0, 0.43))
"""Degrees of lowered gaze and how far the upper lid has come down with it (M)."""
_ALONE = MappingProxyType({"browInnerUp": 0.35})
"""Share of a channel without sides that is left when only one side is to move: one brow rises with little of the other."""
_LEAST_OF_NATURAL = 0.6
"""Share of its natural length below which a repetition is not squeezed to fit."""


@dataclass(frozen=True, slots=True)
class Layer:
    """What a move does to one channel.

    Attributes:
        channel: which.
        keys: at least two, ascending in time (beat-local, may lie outside the beat).
        passing: it comes on top of the sustained shape.
        source: where it comes from.
    """

    channel: str
    keys: tuple[Keyframe, ...]
    source: Source
    passing: bool = False


@dataclass(frozen=True, slots=True)
class Expander:
    """Expands moves of one region.

    Attributes:
        region: only its channels are expanded.
        seconds: length of the beat; what ends with the beat is held to its end and released by the next.
    """

    gestures: Catalogue
    emotions: EmotionTable
    region: Region
    seconds: float

    def layers(self, move: Move) -> Iterator[Layer]:
        """Everything that a move does in this region.

        Raises:
            KeyError: neither a gesture nor an emotional state has this name.
        """
        act = move.act
        source = Source(gesture=act.name, words=act.words)
        if act.name not in self.gestures:
            state = self.emotions.state(act.name)
            if act.side != "both" and state.side not in ("both", act.side):
                state = state.mirrored()
            yield from self._held(move, _as_gesture(state), dict(state.levels), source)
            return
        gesture = self.gestures[act.name]
        act = _sided(act, gesture)
        move = move.model_copy(update={"act": act})
        yield from self._held(move, gesture, _levels(gesture, act), source)
        if gesture.aim:
            yield from self._aimed(move, gesture, gesture.aim, source)
        if gesture.cycle:
            yield from self._repeated(move, gesture, gesture.cycle, source)

    def _held(self, move: Move, gesture: Gesture, levels: Mapping[str, float], source: Source) -> Iterator[Layer]:
        """The sustained part: up, hold, down."""
        for channel, level in levels.items():
            if CHANNELS[channel].region != self.region:
                continue
            value = _reached(channel, level, move)
            if self.region == "eyes" and CHANNELS[channel].unit == "degree":
                yield from self._jump(move, gesture, channel, value, source)
                continue
            late = _lag(gesture, channel) / _pace(move) + _late(channel, move)
            rising, falling = gesture.onset / _pace(move), gesture.offset / _pace(move)
            keys = self._envelope(move, gesture, channel, value, late, rising, falling)
            yield Layer(channel, keys, source, passing=gesture.lasts is not None and channel.startswith("eyeBlink"))

    def _envelope(
        self, move: Move, gesture: Gesture, channel: str, value: float, late: float, rising: float, falling: float
    ) -> tuple[Keyframe, ...]:
        """Up, hold, down.

        Where it lies depends on the act alone, not on the beat: an act that goes on over a beat's end is cut there and goes
        on in the next beat along the same curve.
        """
        start, end, left = self._span(move, gesture)
        least = _least_seconds(channel, value)
        up, down = max(rising, least), max(falling, least)
        if left:
            up = max(min(up, 0.8 * (end - start)), least)
            return (key(start + late, 0, gesture.rise), key(start + late + up, value, "hold"))
        if gesture.lasts is None and end - start > up + down:
            end += down / 2  # over by half where the act ends
            if move.act.end < self.seconds:
                end = min(end, self.seconds)
        if up + down > end - start:
            share = (end - start) / (up + down)
            up, down = max(up * share, least), max(down * share, least)
        late = min(late, 0.3 * (end - start))
        top = start + late + up
        fall_from = max(end - down, top + 0.001)
        return (
            key(start + late, 0, gesture.rise),
            key(top, value, "hold"),
            key(fall_from, value, gesture.fall),
            key(fall_from + down, 0, "hold"),
        )

    def _span(self, move: Move, gesture: Gesture) -> tuple[float, float, bool]:
        """Start and end of a move, and whether it is left as it is at the end of the beat, for the next one to release."""
        act = move.act
        if gesture.lasts is not None:
            natural = gesture.lasts / _pace(move)
            return act.start, min(act.start + natural, max(act.end, act.start + 0.4 * natural)), False
        return act.start, act.end, abs(act.end - self.seconds) < 1e-3

    # ------------------------------------------------------------------------------------------------------- pointing

    def _aimed(self, move: Move, gesture: Gesture, aim: Aim, source: Source) -> Iterator[Layer]:
        act = move.act
        yaw, pitch = _goal(act, aim)
        size = act.strength * move.size
        goals = {"Yaw": yaw * size, "Pitch": pitch * size}
        for axis, goal in goals.items():
            head = _head_part(aim, goal, head="head" in act.regions)
            if aim.who == "eyes":
                low, high = (-REACH_YAW, REACH_YAW) if axis == "Yaw" else (REACH_DOWN, REACH_UP)
                eyes = min(max(goal - head, low), high)
                if "head" in act.regions:
                    head = goal - eyes
                if self.region == "eyes" and eyes:
                    for channel in both_sides(f"eye{axis}"):
                        yield from self._jump(move, gesture, channel, eyes, source)
            if self.region == "head" and head and "head" in act.regions:
                known = CHANNELS[f"head{axis}"]
                value = min(max(head, known.low), known.high)
                more, pace = abs(value) / _HEAD_PACE, _pace(move)
                rising, falling = (gesture.onset + more) / pace, (gesture.offset + more) / pace
                yield Layer(known.name, self._envelope(move, gesture, known.name, value, 0.0, rising, falling), source)

    def _jump(self, move: Move, gesture: Gesture, channel: str, value: float, source: Source) -> Iterator[Layer]:
        """A saccade there and, if the move is over within the beat, one back; slow if the act is. The lid goes with it."""
        takes = saccade_seconds(abs(value))
        if _pace(move) < 0.6:
            takes = 0.35 / _pace(move)
        start, end, left = self._span(move, gesture)
        times = [start, start + takes]
        if not left:
            back = max(end - takes, start + takes + 0.05)
            times += [back, back + takes]
        yield Layer(channel, _there_and_back(times, value), source)
        if channel.startswith("eyePitch") and value < -_LID_FOLLOWS[0][0]:
            yield Layer(channel.replace("eyePitch", "eyeBlink"), _there_and_back(times, _lowered(-value)), source)

    # ------------------------------------------------------------------------------------------------------ repeating

    def _repeated(self, move: Move, gesture: Gesture, cycle: Cycle, source: Source) -> Iterator[Layer]:
        act, pace = move.act, _pace(move)
        chance = Chance("cycle", move.seed)
        period = cycle.period / pace
        least = _least_period(cycle, move)
        at, end = act.start + LEAD, act.end
        if gesture.lasts is not None:
            end = min(end, act.start + gesture.lasts / pace)
        endless = cycle.fills and not act.count
        most = _ENDLESS if endless else act.count or chance.whole(*cycle.count)
        if not endless:
            period = min(period, max((end - at) / most, _LEAST_OF_NATURAL * period))
        points: dict[str, list[tuple[float, float]]] = {}
        burst, done, size = chance.whole(*cycle.count), 0, 1.0
        shape: Mapping[str, float] = {}
        for number in range(most):
            length = max(period * chance.around(cycle.jitter), least)
            if at > self.seconds + period:
                break
            if endless and at + length > end:
                # The last one is squeezed to fit, if that does not spoil it.
                if number and end - at < max(_LEAST_OF_NATURAL * length, least):
                    break
                length = max(end - at, least)
            strength = size * chance.around(cycle.jitter)
            if cycle.variants:
                shape = chance.pick([variant for variant in cycle.variants if variant is not shape] or cycle.variants)
                _variant(points, cycle, shape, at, length, strength, act.strength * move.size)
            else:
                _through_keys(points, cycle, at, length, strength, turned=cycle.alternate and number % 2 == 1)
            at += length
            size *= cycle.decay
            done += 1
            if endless and done == burst:
                _at_rest(points, at)
                at += cycle.pause / pace * chance.around(0.3)
                size, burst, done = 1.0, chance.whole(*cycle.count), 0
        levels = _one_sided(dict.fromkeys(points, 1.0), act, gesture)
        for channel, sign in levels.items():
            name = _SWAPPED.get(channel, channel) if act.side == "right" and gesture.sides == "one" else channel
            if CHANNELS[channel].region == self.region:
                yield self._cycled(move, channel, points[name], sign, source)

    def _cycled(self, move: Move, channel: str, line: list[tuple[float, float]], sign: float, source: Source) -> Layer:
        late = _late(channel, move)
        keys = [key(move.act.start, 0, "smooth")]
        for time, value in line:
            reached = _reached(channel, value * sign, move)
            if time + late > keys[-1].time + 0.002:
                keys.append(key(time + late, reached, "smooth"))
        if keys[-1].value != 0:
            keys.append(key(keys[-1].time + _closing(channel, keys[-1].value), 0, "smooth"))
        keys.append(key(keys[-1].time + LEAD, 0, "hold"))
        return Layer(channel, tuple(keys), source, passing=True)


def _through_keys(
    points: dict[str, list[tuple[float, float]]], cycle: Cycle, at: float, length: float, strength: float, *, turned: bool
) -> None:
    """One repetition of a cycle that goes through keys, added to the points (time, value) of every channel that it moves."""
    for name, keys in cycle.keys.items():
        for channel in both_sides(_SWAPPED.get(name, name) if turned else name):
            sign = -1.0 if turned and channel in _TURNED else 1.0
            line = points.setdefault(channel, [])
            line += [(at + share * length, sign * strength * value) for share, value in keys]


def _variant(
    points: dict[str, list[tuple[float, float]]],
    cycle: Cycle,
    shape: Mapping[str, float],
    at: float,
    length: float,
    strength: float,
    magnified: float,
) -> None:
    """One repetition of a cycle that takes this shape; channels that it does not name go to rest.

    `magnified` is how many times larger the points are made later on: what a saccade's time goes by.
    """
    for name in dict.fromkeys(name for variant in cycle.variants for name in variant):
        value = shape.get(name, 0.0) * strength
        for channel in both_sides(name):
            line = points.setdefault(channel, [])
            before = line[-1][1] if line else 0.0
            if _is_eye_angle(channel):
                takes = min(saccade_seconds(abs(value - before) * magnified), 0.6 * length)
                line += [(at, before), (at + takes, value), (at + length, value)]
            else:
                # A syllable's shape is reached in its middle; the jaw closes by half before the next.
                line += [(at, 0.4 * before), (at + 0.5 * length, value), (at + length, 0.4 * value)]


def _at_rest(points: dict[str, list[tuple[float, float]]], at: float) -> None:
    """Take every channel that a repetition left somewhere back to rest."""
    for channel, line in points.items():
        if line[-1][1] != 0 and not _is_eye_angle(channel):
            line.append((at + _closing(channel, line[-1][1]), 0.0))


def _closing(channel: str, value: float) -> float:
    """Seconds in which a channel goes to rest after its last repetition."""
    return saccade_seconds(abs(value)) if _is_eye_angle(channel) else 0.12


def wandering_layers(plan: Wandering, wander: Wander) -> Iterator[Layer]:
    """The layers of an idle movement, from the place that its first step leads to, or from rest if that is still ahead."""
    source = Source(gesture=f"idle {plan.name}")
    for name, size in wander.channels.items():
        for channel in both_sides(name):
            keys = [key(min(plan.steps[0][0], 0.0), 0, "hold")] if plan.steps else []
            for start, takes, share in plan.steps:
                if start > keys[-1].time + 0.002:
                    keys.append(key(start, keys[-1].value, "min_jerk"))
                else:
                    keys[-1] = keys[-1].model_copy(update={"mode": "min_jerk"})
                keys.append(key(max(start + takes, keys[-1].time + 0.01), share * size, "hold"))
            if len(keys) > 1:
                yield Layer(channel, tuple(keys), source, passing=True)


def _as_gesture(state: State) -> Gesture:
    return Gesture(about=state.about[:200], source=state.source[:200], onset=state.onset, offset=state.offset)


def _sided(act: Act, gesture: Gesture) -> Act:
    """An act of a gesture that always has a side gets one."""
    if gesture.sides == "one" and act.side == "both":
        return act.model_copy(update={"side": gesture.default_side})
    return act


def _levels(gesture: Gesture, act: Act) -> dict[str, float]:
    spelled = {channel: level for name, level in gesture.levels.items() for channel in both_sides(name)}
    return _one_sided(spelled, act, gesture)


def _one_sided(levels: Mapping[str, float], act: Act, gesture: Gesture) -> dict[str, float]:
    """Levels confined to the side of the act, those that say a side by their sign or name turned to it."""
    if act.side == "both":
        return dict(levels)
    other = "Right" if act.side == "left" else "Left"
    result = {}
    for channel, level in levels.items():
        paired = CHANNELS[channel].stem != channel
        if paired and channel.endswith(other) and not channel.startswith(("eyeYaw", "eyePitch")):
            continue
        if gesture.sides == "one" and act.side == "right":
            result[_SWAPPED.get(channel, channel)] = -level if channel in _TURNED else level
        else:
            result[channel] = level * _ALONE.get(channel, 1.0)
    return result


def _goal(act: Act, aim: Aim) -> tuple[float, float]:
    """Where an act points: as it says, else as the gesture does, to the act's side."""
    if act.yaw or act.pitch:
        return act.yaw, act.pitch
    if act.side == "both":
        return aim.yaw, aim.pitch
    return (abs(aim.yaw) if act.side == "left" else -abs(aim.yaw)), aim.pitch


def _head_part(aim: Aim, goal: float, *, head: bool) -> float:
    """Degrees of a goal that fall to the head."""
    if aim.who == "head":
        return goal
    beyond = max(abs(goal) - aim.head_from, 0.0) * aim.head_share
    return (beyond if goal > 0 else -beyond) if head else 0.0


def _reached(channel: str, level: float, move: Move) -> float:
    """The value that a level comes to in a move, within the channel's range."""
    side = move.left if channel.endswith("Left") else move.right if channel.endswith("Right") else 1.0
    value = level * move.act.strength * move.size * side
    if channel.startswith("eyeBlink") and level >= 1 and not move.idle:
        value = level * move.act.strength  # a lid that is to shut shuts: no chance leaves it ajar
    known = CHANNELS[channel]
    if known.unit == "share" and value > _KNEE >= level:
        over = value - _KNEE
        value = _KNEE + (1 - _KNEE) * over / (over + (1 - _KNEE))
    return min(max(value, known.low), known.high)


def _is_eye_angle(channel: str) -> bool:
    return channel.startswith(("eyeYaw", "eyePitch"))


def _least_seconds(channel: str, change: float) -> float:
    """Seconds that a face needs at least to change a channel by so much, however sudden it is meant."""
    if _is_eye_angle(channel):
        return saccade_seconds(abs(change))
    known = CHANNELS[channel]
    kind: str = known.unit
    if known.unit == "share":
        kind = "lid" if channel.startswith(("eyeBlink", "eyeWide")) else "tissue" if channel.startswith(_TISSUE) else "mouth"
    base, more, small = _QUICKEST[kind]
    return min(base + more * abs(change), small * abs(change))


def _least_period(cycle: Cycle, move: Move) -> float:
    """Seconds that one repetition takes at least."""
    least = 0.0
    for name, keys in cycle.keys.items():
        channel = both_sides(name)[0]
        for (share, value), (next_share, next_value) in pairwise(keys):
            change = _reached(channel, next_value, move) - _reached(channel, value, move)
            if CHANNELS[channel].unit == "share" and (value or next_value):
                change = _reached(channel, abs(next_value - value), move)
            least = max(least, _least_seconds(channel, change) / (next_share - share) if change else 0.0)
    for variant in cycle.variants:
        for name, value in variant.items():
            channel = both_sides(name)[0]
            quickest = _least_seconds(channel, _reached(channel, value, move))
            least = max(least, (1 if _is_eye_angle(channel) else 2) * quickest)
    return least


def _there_and_back(times: list[float], value: float) -> tuple[Keyframe, ...]:
    """A jump to a value between the first two times and, if there are four, back between the others."""
    values = (0.0, value, value, 0.0)
    return tuple(key(time, values[n], "min_jerk" if n % 2 == 0 else "hold") for n, time in enumerate(times))


def _lowered(degrees: float) -> float:
    """How far the upper lid sinks with a gaze that is so many degrees down."""
    (low, least), *rest = _LID_FOLLOWS
    for high, most in rest:
        if degrees <= high:
            return least + (most - least) * (degrees - low) / (high - low)
        low, least = high, most
    return least


def _pace(move: Move) -> float:
    return move.act.speed * move.pace


def _lag(gesture: Gesture, channel: str) -> float:
    return gesture.lag.get(channel) or gesture.lag.get(CHANNELS[channel].stem) or 0.0


def _late(channel: str, move: Move) -> float:
    if channel.startswith(("eyeYaw", "eyePitch")):
        return 0.0
    if channel.endswith("Left"):
        return max(move.late, 0.0)
    return max(-move.late, 0.0) if channel.endswith("Right") else 0.0
