"""From layers to curves: one track out of everything that a region does in a beat.

A channel that only one thing moves keeps that gesture's own keyframes. Where several meet, the sustained shapes give way to
the largest of them, passing ones come on top, and the sum is written as new keyframes. Every curve starts at the value that
the last beat ended with and finds its way from there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

import numpy as np

from numpy.typing import NDArray

from agents.layers import Layer
from protocol.brief import Beat
from protocol.channels import CHANNELS, WRITABLE, Region, Unit
from protocol.gaze import saccade_seconds
from protocol.interpolation import sample_layers
from protocol.keyframes import Curve, Keyframe, Source, Track, exact, key, make_curve, make_track, replaced
from protocol.reduction import TOLERANCES, all_fitted
from protocol.timeline import RATE

Row = NDArray[np.float64]

REST = Source(gesture="rest")
CARRIED = Source(gesture="carried", note="from the beat before")
_CLOSED = 0.1
"""Share left to 1 below which passing layers hide what is beneath them."""
_CLOSE = 0.05
"""Difference of coefficients below which a beat starts as good as where the last one ended."""
_DRIFT = 1.5
"""Degrees or centimetres up to which what is left of the last beat is idle drift, and goes at its pace."""
_FINE = 0.03
"""Share of a small movement's span that its keyframes may stray by."""
_ANY = 1e6
"""Beyond every channel's range."""
_POSE = 4
"""Keyframes of a shape that comes, stays and goes."""
_FLASH = 0.6
"""Seconds up to which a shape only flashes by: a micro-expression is over within half a second (Yan 2013)."""
_GAP = 0.35
"""Seconds after one shape has gone within which the next still takes over from it."""
_SAME = 0.5
"""Share of a tolerance up to which two values count as the same."""


def compose(region: Region, layers: Iterable[Layer], start: Mapping[str, float], intent: Beat) -> Track:
    """The track of a region.

    Args:
        region: whose.
        layers: everything that it does; other regions' channels are not among them.
        start: the value that each channel begins with.
        intent: the beat, for its length and for what the face is asked not to do.
    """
    seconds = exact(intent.end - intent.start)
    by_channel: dict[str, list[Layer]] = {name: [] for name in WRITABLE[region]}
    for layer in layers:
        if layer.keys[-1].time > 0 or layer.keys[-1].value != 0:
            by_channel[layer.channel].append(layer)
    by_channel = {name: _handed_over(name, moving) for name, moving in by_channel.items()}
    sources = Sources()
    curves: dict[str, Curve] = {}
    for name, moving in by_channel.items():
        keys = _simple(name, moving, start[name], seconds, intent, sources)
        if keys:
            curves[name] = make_curve(name, keys)
    mixed = {name: moving for name, moving in by_channel.items() if name not in curves}
    times = _frames(seconds)
    # Most of what is idle does the same to both sides of the face, with the very same keyframes.
    lines = {id(layer.keys): layer.keys for moving in mixed.values() for layer in moving}
    values = sample_layers([*lines.values()], times, [(-_ANY, _ANY)] * len(lines)) if lines else ()
    sampled = dict(zip(lines, values, strict=True))
    rows = {name: [sampled[id(layer.keys)] for layer in moving] for name, moving in mixed.items()}
    totals = {name: _total(name, rows[name], moving, start[name], times, intent) for name, moving in mixed.items()}
    tolerances = [_tolerance(CHANNELS[name].unit, total) for name, total in totals.items()]
    chosen = all_fitted(times, np.array(list(totals.values())), tolerances) if totals else []
    for (name, total), places in zip(totals.items(), chosen, strict=True):
        keys = _keys(name, places, total, rows[name], mixed[name], times, sources)
        curves[name] = make_curve(name, keys)
    return make_track(region, curves.values(), sources.listed)


class Sources:
    """The sources of a track as they come up, each once, the first of them rest."""

    def __init__(self) -> None:
        self._numbers: dict[tuple[str, str, str], int] = {}
        self.listed: list[Source] = []
        self.number(REST)

    def number(self, source: Source) -> int:
        """Where a source stands among the track's."""
        known = (source.gesture, source.words, source.note)
        if known not in self._numbers:
            self._numbers[known] = len(self.listed)
            self.listed.append(source)
        return self._numbers[known]


def _handed_over(name: str, layers: Sequence[Layer]) -> list[Layer]:
    """Layers in which one shape that gives way to the next waits until that one has come.

    A face goes from one expression to the next; it does not fall to rest in between. What flashes by is left alone, and so
    is what is followed by something much smaller.
    """
    if CHANNELS[name].unit != "share":
        return list(layers)
    result = []
    for layer in layers:
        keys = layer.keys
        released = not layer.passing and len(keys) >= _POSE and keys[-1].value == 0
        if released and keys[-1].time - keys[0].time > _FLASH:
            let_go, gone = keys[-2:]
            tops = [
                other.keys[1].time
                for other in layers
                if other is not layer
                and not other.passing
                and keys[1].time < other.keys[0].time <= gone.time + _GAP
                and other.keys[1].value >= 0.5 * keys[1].value
            ]
            late = max(min(tops, default=let_go.time) - let_go.time, 0.0)
            moved = [replaced(one, time=one.time + late) for one in (let_go, gone)]
            result.append(replace(layer, keys=(*keys[:-2], *moved)))
        else:
            result.append(layer)
    return result


def _simple(
    name: str, layers: Sequence[Layer], start: float, seconds: float, intent: Beat, sources: Sources
) -> tuple[Keyframe, ...] | None:
    """The keyframes of a channel that nothing moves, or one thing alone; None if there is more to it."""
    if intent.stills or any(name in limit.channels for limit in intent.limits):
        return None
    if not layers:
        return _back_to_rest(name, start, seconds, sources)
    if len(layers) == 1:
        return _own_keys(layers[0], start, seconds, sources)
    return None


def _frames(seconds: float) -> Row:
    """The times of a beat's frames, and its end."""
    count = int(seconds * RATE + 1e-6) + 1
    times: Row = np.minimum(np.arange(count + 1) / RATE, seconds)
    return times[:-1] if times[-1] == times[-2] else times


def _back_to_rest(name: str, start: float, seconds: float, sources: Sources) -> tuple[Keyframe, ...]:
    if abs(start) <= _SAME * TOLERANCES[CHANNELS[name].unit]:
        return (key(0, start, "hold"),)
    carried = sources.number(CARRIED)
    return (key(0, start, "min_jerk", carried), key(min(carry_seconds(name, start), seconds), 0, "hold", carried))


def _own_keys(layer: Layer, start: float, seconds: float, sources: Sources) -> tuple[Keyframe, ...] | None:
    """The gesture's own keyframes if they fit into the beat as they are, else None."""
    tolerance = _SAME * TOLERANCES[CHANNELS[layer.channel].unit]
    first = layer.keys[0]
    keys = list(layer.keys)
    if first.time < 0:
        # Begun before: what is left must be a stretch that is held at the beat's start.
        begun = [n for n, k in enumerate(keys) if k.time <= 0]
        if keys[begun[-1]].mode != "hold" and begun[-1] + 1 < len(keys):
            return None
        keys = keys[begun[-1] :]
        first = keys[0]
    if abs(first.value - start) > tolerance:
        return None
    source = sources.number(layer.source)
    head = [] if first.time <= 0 else [Keyframe(time=0.0, value=exact(start), mode="hold", source=source)]
    keys = head + [replaced(k, time=max(k.time, 0.0), source=source) for k in keys]
    keys[0] = replaced(keys[0], value=start)
    late = [n for n, k in enumerate(keys) if k.time > seconds]
    if late:
        if keys[late[0] - 1].mode != "hold":
            return None
        keys = keys[: late[0]]
    return tuple(keys)


def _total(name: str, rows: Sequence[Row], layers: Sequence[Layer], start: float, times: Row, intent: Beat) -> Row:
    """The samples of a channel that several things move; `rows` are the layers' values at the times."""
    total = _together(name, rows, layers, start, times)
    for limit in intent.limits:
        if name in limit.channels:
            within = (times >= limit.start) & (times <= limit.end)
            total = np.where(within, np.minimum(np.maximum(total, -limit.most), limit.most), total)
    for still in intent.stills:
        total = _stilled(name, total, times, still.start, still.end)
    total = np.minimum(np.maximum(total, CHANNELS[name].low), CHANNELS[name].high)
    total[0] = start
    return total


def _keys(
    name: str,
    places: Sequence[int],
    total: Row,
    rows: Sequence[Row],
    layers: Sequence[Layer],
    times: Row,
    sources: Sources,
) -> tuple[Keyframe, ...]:
    """Keyframes at the points that carry a channel's samples, each with the source that is strongest there."""
    here = np.array(places)
    values = total[here]
    away = np.abs(values) > _SAME * TOLERANCES[CHANNELS[name].unit]
    keys: list[Keyframe] = []
    numbers: dict[int, int] = {}
    owners = _owners(rows, layers, here, away)
    for time, value, owner in zip(times[here].tolist(), values.tolist(), owners, strict=True):
        number = numbers.get(id(owner))
        if number is None:
            number = numbers[id(owner)] = sources.number(owner)
        one = key(time, value, "smooth", number)
        if not keys or one.time > keys[-1].time:
            keys.append(one)
    return tuple(keys)


def _tolerance(unit: Unit, total: Row) -> float:
    """How far keyframes may stray: less where the whole movement is small, so that a breath keeps its shape."""
    usual = TOLERANCES[unit]
    span = float(total.max()) - float(total.min())
    return min(usual, max(_FINE * span, usual / 8))


def _together(name: str, rows: Sequence[Row], layers: Sequence[Layer], start: float, times: Row) -> Row:
    """Sustained layers, with what is left of the last beat's end, and passing ones on top.

    Of coefficients the largest shows, and what passes takes its share of what is left to 1, so that lids that are shut already
    are not shut twice. Poses of the head add up. Eyes look at one thing at a time: at what they were last sent to.
    """
    share = CHANNELS[name].unit == "share"
    gaze = CHANNELS[name].region == "eyes" and not share
    total = np.zeros(len(times))
    free = np.ones(len(times))
    above = np.zeros(len(times))
    by_start = sorted(zip(rows, layers, strict=True), key=lambda pair: (not pair[1].under, pair[1].keys[0].time))
    for row, layer in by_start:
        if not layer.passing:
            total = _showing(total, row, layer, times, gaze=gaze, share=share)
        elif share:
            free = free * (1 - row)
        else:
            above = above + row
    if not share:
        total = total + above
        # Eyes stay on what they look at until they jump to the next.
        soon = min((layer.covers[0] for layer in layers if layer.covers and 0 < layer.covers[0] <= _GAP), default=0.0)
        return total + carried(name, start - float(total[0]), np.maximum(times - soon, 0.0))
    whole = 1 - (1 - total) * free
    # What lies beneath the passing layers at the start, if with them the beat is to start where the last one ended.
    beneath = 1 - (1 - start) / max(float(free[0]), _CLOSED)
    if beneath < 0 or abs(start - float(whole[0])) < _CLOSE:
        return whole + carried(name, start - float(whole[0]), times)
    total = total + carried(name, beneath - float(total[0]), np.maximum(times - _relieved(name, free, start, times), 0.0))
    return 1 - (1 - total) * free


def _relieved(name: str, free: Row, start: float, times: Row) -> float:
    """Seconds for which lids stay as the last beat left them: until passing layers hold them as far shut, if they soon do.

    Who wakes from sleep does not open the eyes to shut them first.
    """
    if not name.startswith("eyeBlink"):
        return 0.0
    shut = (1 - free >= start - _CLOSE) & (times <= _GAP)
    return float(times[int(np.argmax(shut))]) if shut.any() else 0.0


def _showing(total: Row, row: Row, layer: Layer, times: Row, *, gaze: bool, share: bool) -> Row:
    """What shows when a sustained layer joins those that began before it."""
    if share:
        return np.maximum(total, row)
    if not gaze:
        return total + row
    if layer.covers is not None:
        taken, given = _ramp(times, *layer.covers[:2]), _ramp(times, *layer.covers[2:])
        return total * (1 - taken * (1 - given)) + row
    # How far the eyes are on their way to what this layer sends them to, 0 to 1.
    full = max((one.value for one in layer.keys), key=abs)
    return total + (row - total) * (row / full) if full else total


def _ramp(times: Row, start: float, end: float) -> Row:
    """From 0 to 1 between two times, slow at both."""
    u: Row = np.minimum(np.maximum((times - start) / max(end - start, 1e-3), 0.0), 1.0)
    return u * u * (3 - 2 * u)


def carried(name: str, offset: float, times: Row) -> Row:
    """What is left of the last beat's end, dying away: of one channel at times in seconds from the start of the beat."""
    u: Row = np.minimum(times / carry_seconds(name, offset), 1.0)
    return offset * (1 - u * u * u * (10 - 15 * u + 6 * u * u))


def carry_seconds(name: str, offset: float) -> float:
    """Seconds that a channel takes to leave a value that nothing holds any more, by how far that is from where it goes."""
    channel = CHANNELS[name]
    if channel.region == "eyes" and channel.unit == "degree":
        return saccade_seconds(abs(offset)) if abs(offset) > 0.5 else 0.2
    if name.startswith(("eyeBlink", "eyeWide")):
        return 0.22
    if channel.unit == "share":
        return 0.55
    if abs(offset) <= _DRIFT:
        return 1.5
    return max(0.7, abs(offset) / 35)


def _stilled(name: str, total: Row, times: Row, start: float, end: float) -> Row:
    """The value at the start of a span held to its end, and from there a way back to what was meant."""
    inside = (times >= start) & (times <= end)
    if not inside.any():
        return total
    first = int(np.argmax(inside))
    held = np.where(inside, total[first], total)
    after = times > end
    if not after.any():
        return held
    resumed = int(np.argmax(after))
    offset = float(total[first] - total[resumed])
    back = carried(name, offset, np.maximum(times - float(times[resumed]), 0.0))
    return np.where(after, held + back, held)


def _owners(
    rows: Sequence[Row], layers: Sequence[Layer], places: NDArray[np.intp], away: NDArray[np.bool_]
) -> Iterator[Source]:
    """Whose keyframes those at some places are: of the layer that is strongest there, the first of several.

    Where there is none, `away` tells what is carried from rest.
    """
    nobody = [CARRIED if gone else REST for gone in away.tolist()]
    if not layers:
        yield from nobody
        return
    sizes = np.abs(np.array([row[places] for row in rows]))
    for number, left, size in zip(sizes.argmax(axis=0).tolist(), nobody, sizes.max(axis=0).tolist(), strict=True):
        yield layers[number].source if size > 0 else left
