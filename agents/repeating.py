"""What repeats: nods, syllables, notes of laughter, one repetition after the other, none quite like the last."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise

from agents.chance import Chance
from agents.layers import Layer, is_eye_angle, lateness, least_seconds, one_sided, reached
from agents.performance import Move
from configs.gestures import Cycle, Gesture, Liveliness
from protocol.channels import CHANNELS, OPPOSITE, TURNED, Region, both_sides
from protocol.gaze import saccade_seconds
from protocol.keyframes import Source, key

LEAD = 0.05
"""Seconds before a cycle for which its channels count as at rest, so that it starts from rest."""
_ENDLESS = 100_000
"""Repetitions of what goes on until its act ends: more than an hour of syllables."""
_LEAST_OF_NATURAL = 0.6
"""Share of its natural length below which a repetition is not squeezed to fit."""


def repeated(
    region: Region, seconds: float, lively: Liveliness | None, move: Move, gesture: Gesture, cycle: Cycle, source: Source
) -> Iterator[Layer]:
    """What a region does of a cycle.

    Args:
        region: only its channels are moved.
        seconds: length of the beat.
        lively: what flesh adds; None plays it to the letter.
        move, gesture, cycle: what is performed.
        source: where it comes from.
    """
    act, pace = move.act, _rhythm(move, lively)
    chance = Chance("cycle", move.seed)
    period = cycle.period / pace
    least = _least_period(cycle, move)
    at, end = act.start + LEAD, act.end
    if gesture.prepare and lively and not move.idle:
        at += lively.ready
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
        if at > seconds + period:
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
    levels = one_sided(dict.fromkeys(points, 1.0), act, gesture)
    for channel, sign in levels.items():
        name = OPPOSITE.get(channel, channel) if act.side == "right" and gesture.sides == "one" else channel
        if CHANNELS[channel].region == region:
            yield _cycled(move, channel, points[name], sign, source)


def _rhythm(move: Move, lively: Liveliness | None) -> float:
    """The pace of what repeats."""
    share = lively.rhythm if lively and not move.idle else 1.0
    return move.act.speed * (1 + share * (move.pace - 1))


def _cycled(move: Move, channel: str, line: list[tuple[float, float]], sign: float, source: Source) -> Layer:
    late = lateness(channel, move)
    keys = [key(move.act.start, 0, "smooth")]
    for time, value in line:
        size = reached(channel, value * sign, move)
        if time + late > keys[-1].time + 0.002:
            keys.append(key(time + late, size, "smooth"))
    if keys[-1].value != 0:
        keys.append(key(keys[-1].time + _closing(channel, keys[-1].value), 0, "smooth"))
    keys.append(key(keys[-1].time + LEAD, 0, "hold"))
    return Layer(channel, tuple(keys), source, passing=True)


def _through_keys(
    points: dict[str, list[tuple[float, float]]], cycle: Cycle, at: float, length: float, strength: float, *, turned: bool
) -> None:
    """One repetition of a cycle that goes through keys, added to the points (time, value) of every channel that it moves."""
    for name, keys in cycle.keys.items():
        for channel in both_sides(OPPOSITE.get(name, name) if turned else name):
            sign = -1.0 if turned and channel in TURNED else 1.0
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
            if is_eye_angle(channel):
                takes = min(saccade_seconds(abs(value - before) * magnified), 0.6 * length)
                line += [(at, before), (at + takes, value), (at + length, value)]
            else:
                # A syllable's shape is reached in its middle; the jaw closes by half before the next.
                line += [(at, 0.4 * before), (at + 0.5 * length, value), (at + length, 0.4 * value)]


def _at_rest(points: dict[str, list[tuple[float, float]]], at: float) -> None:
    """Take every channel that a repetition left somewhere back to rest."""
    for channel, line in points.items():
        if line[-1][1] != 0 and not is_eye_angle(channel):
            line.append((at + _closing(channel, line[-1][1]), 0.0))


def _closing(channel: str, value: float) -> float:
    """Seconds in which a channel goes to rest after its last repetition."""
    return saccade_seconds(abs(value)) if is_eye_angle(channel) else 0.12


def _least_period(cycle: Cycle, move: Move) -> float:
    """Seconds that one repetition takes at least."""
    least = 0.0
    for name, keys in cycle.keys.items():
        channel = both_sides(name)[0]
        for (share, value), (next_share, next_value) in pairwise(keys):
            change = reached(channel, next_value, move) - reached(channel, value, move)
            if CHANNELS[channel].unit == "share" and (value or next_value):
                change = reached(channel, abs(next_value - value), move)
            least = max(least, least_seconds(channel, change) / (next_share - share) if change else 0.0)
    for variant in cycle.variants:
        for name, value in variant.items():
            channel = both_sides(name)[0]
            quickest = least_seconds(channel, reached(channel, value, move))
            least = max(least, (1 if is_eye_angle(channel) else 2) * quickest)
    return least
