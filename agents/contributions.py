"""What each thing that a region performs does to one of its channels at a moment, for whoever asks where a value comes from.

A keyframe names only the strongest of the layers that meet in it. Here the same layers are expanded again from what the
region's planner had decided, so that each shows by itself, together with what the region's own rules made of their sum.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np

from agents.composition import compose
from agents.expansion import Expander, drawn_layer, left_over, wandering_layers
from agents.layers import Layer
from agents.performance import Performance
from configs.emotions import EmotionTable
from configs.gestures import Behaviour, Catalogue
from protocol.channels import CHANNELS, REGIONS
from protocol.constraints import Constraints
from protocol.debugging.explaining import NEAR
from protocol.interpolation import sample_curve, sample_keys
from protocol.keyframes import Source, exact
from protocol.messages import BeatOpened
from protocol.reduction import TOLERANCES
from protocol.repair import violations
from protocol.ruling import keep
from protocol.timeline import last_values, view

_ANY = 1e6
"""Beyond every channel's range."""


@dataclass(frozen=True, slots=True)
class Contribution:
    """What one thing does to a channel at a moment.

    Attributes:
        source: the gesture, state or idle movement, and the words for it.
        value: that it alone would give the channel, in the channel's unit.
        idle: nobody asked for it.
        passing: it comes on top of the shape that the face is in.
        start: second of the beat at which it begins to move the channel; below 0 if it began before the beat.
        end: when it is over, the same way.
    """

    source: Source
    value: float
    idle: bool
    passing: bool
    start: float
    end: float


@dataclass(frozen=True, slots=True)
class Composition:
    """How a channel's value came together in one region, before it met those of its peers.

    Attributes:
        parts: everything that moves the channel at the moment, the largest first.
        value: all of it together, with what was left of the beat before.
        broken: the region's own rules that this would have broken around the moment.
    """

    parts: tuple[Contribution, ...]
    value: float
    broken: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Repertoire:
    """The tables that a region performs by."""

    gestures: Catalogue
    emotions: EmotionTable
    behaviour: Behaviour
    constraints: Constraints


def composition(repertoire: Repertoire, performance: Performance, beat: BeatOpened, channel: str, time: float) -> Composition:
    """How a channel's value comes together in a performance.

    Args:
        repertoire: the tables of the take.
        performance: what the region's planner decided.
        beat: what it is for.
        channel: one that the region writes.
        time: second of the beat.

    Raises:
        KeyError: the performance names what is not in the tables.
    """
    region, seconds = performance.region, exact(beat.intent.end - beat.intent.start)
    start = last_values(beat.end_state)
    begins = left_over(repertoire.gestures, repertoire.emotions, beat.intent, start)
    layers = list(_layers(repertoire, performance, seconds, begins))
    parts = []
    for layer, idle in layers:
        if layer.channel == channel:
            value = float(sample_keys(layer.keys, np.array([time]), -_ANY, _ANY)[0])
            if abs(value) > TOLERANCES[CHANNELS[channel].unit] / 2:
                parts.append(Contribution(layer.source, value, idle, layer.passing, *_moving(layer)))
    track = compose(region, [layer for layer, _ in layers], start, beat.intent)
    value = float(sample_curve(track.curve(channel), np.array([time]))[0])
    tracks = [track if each == region else keep(each, start) for each in REGIONS]
    found = violations(view(beat.end_state, tracks, seconds), repertoire.constraints.within(region))
    near = [each for each in found if channel in each.channels and each.start - NEAR <= time <= each.end + NEAR]
    parts.sort(key=lambda part: -abs(part.value))
    return Composition(tuple(parts), value, tuple(dict.fromkeys(each.constraint for each in near)))


def _layers(
    repertoire: Repertoire, performance: Performance, seconds: float, begins: Mapping[str, float]
) -> Iterator[tuple[Layer, bool]]:
    """Everything that a performance does, and whether it is idle."""
    lively, moves = repertoire.behaviour.liveliness, performance.moves
    expander = Expander(repertoire.gestures, repertoire.emotions, performance.region, seconds, lively, moves, begins)
    for move in performance.moves:
        yield from ((layer, move.idle) for layer in expander.layers(move))
    for plan in performance.wandering:
        wander = repertoire.behaviour.idle.wander[plan.name]
        if wander.region == performance.region:
            yield from ((layer, True) for layer in wandering_layers(plan, wander, lively))
    yield from ((drawn_layer(drawn), False) for drawn in performance.curves)


def _moving(layer: Layer) -> tuple[float, float]:
    """When a layer begins to move its channel, and when it leaves it."""
    moved = [n for n, key in enumerate(layer.keys) if key.value]
    first, last = max(moved[0] - 1, 0), min(moved[-1] + 1, len(layer.keys) - 1)
    return layer.keys[first].time, layer.keys[last].time
