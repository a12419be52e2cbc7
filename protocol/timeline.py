"""Committed tracks on one line of time, and a beat seen in its surroundings.

A beat is judged together with the moments before it (its end state) and with its last values held for a while after it: a
beat whose end cannot be held within the constraints would leave its successor nothing to do.
"""

from __future__ import annotations

import math

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from typing import Annotated, Literal, Self

import numpy as np

from numpy.typing import NDArray
from pydantic import Field, model_validator

from protocol.channels import CHANNELS, INDEX, NAMES, REGIONS, WRITABLE, look_coefficients
from protocol.constraints import Samples
from protocol.interpolation import frame_times, sample_curve, sample_curves
from protocol.keyframes import PLACES, Curve, Decimal4, Frozen, Source, Track, exact, key, make_track
from protocol.messages import EndState, Tracks, require_tracks
from protocol.reduction import TOLERANCES, knots

RATE = 120
"""Frames per second at which beats are judged; a multiple of 30, so that windows of 1/30 s are whole frames."""
LOOK_BACK = 0.5
"""Seconds before a beat that judgement can see: more than any rule looks back."""
HOLD = 0.4
"""Seconds after a beat for which its last values are held: longer than the slowest hard rule takes to bite."""


class CommittedBeat(Frozen):
    """A beat's place on the timeline and the four tracks that were committed for it."""

    start: Annotated[Decimal4, Field(ge=0)]
    end: Decimal4
    tracks: Tracks

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        require_tracks(self.tracks)
        return self


class Timeline(Frozen):
    """All committed tracks of a take: what its motion is sampled from."""

    format: Literal["textuportray.timeline"] = "textuportray.timeline"
    version: Literal[1] = 1
    beats: Annotated[tuple[CommittedBeat, ...], Field(min_length=1)]

    @property
    def seconds(self) -> float:
        """Length of the take so far."""
        return self.beats[-1].end


_PARTS = 4
"""Parts of a frame at which a beat is looked at for what happens between its frames."""
_STRAY = 3.0
"""Times the tolerance of reduction by which a curve may stray from straight lines between frames."""


@dataclass(frozen=True, slots=True)
class View:
    """A beat in its surroundings, sampled at RATE.

    Attributes:
        samples: float64 [channels, frames].
        first: the frame at which the beat starts.
        last: the frame after the beat's last; what follows is its end held.
        between: the same a part of a frame later, for each inner part; empty if no curve strays from straight lines.
        bent: bool [channels, frames], where a curve strays from the straight line to the next frame.
    """

    samples: Samples
    first: int
    last: int
    between: tuple[Samples, ...] = ()
    bent: NDArray[np.bool_] | None = None


def rest() -> EndState:
    """How a take begins: every channel at its rest value, without a past."""
    return EndState(seconds=0.0, tracks=tuple(_at_rest(region) for region in REGIONS))


def _at_rest(region: str) -> Track:
    names = WRITABLE[region]  # type: ignore[index]
    curves = [Curve(channel=name, keys=(key(0, 0, "hold"),)) for name in names]
    return make_track(region, curves, (Source(gesture="rest"),))  # type: ignore[arg-type]


def view(end_state: EndState, tracks: Sequence[Track], seconds: float) -> View:
    """Sample a beat of a length in seconds, after the moments before it and with its end held after it.

    A peak between two frames stands in the frame next to it, so that nothing is hidden between the frames of judgement: at
    another rate it would be seen.
    """
    first = round(end_state.seconds * RATE)
    last = first + math.floor(seconds * RATE + 1e-6) + 1
    count = last + round(HOLD * RATE)
    times = (np.arange(count) - first) / RATE
    past, present = times[:first] + end_state.seconds, np.minimum(times[first:], seconds)
    samples = np.zeros((len(NAMES), count))
    _fill(samples[:, first:], tracks, present)
    if first:
        _fill(samples[:, :first], end_state.tracks, past)
    moving = [curve for track in tracks for curve in track.curves if len(curve.keys) > 1]
    if not moving:
        look_coefficients(samples)
        return View(samples, first, last)
    rows = np.array([INDEX[curve.channel] for curve in moving])
    frames = last - first
    times = np.arange(frames * _PARTS) / (RATE * _PARTS)
    parts = sample_curves(moving, np.minimum(times, seconds)).reshape(len(moving), frames, _PARTS)
    tolerances = np.array([TOLERANCES[CHANNELS[curve.channel].unit] for curve in moving])[:, np.newaxis]
    ends = samples[rows, first : last + 1]
    rises = ends[:, 1:] - ends[:, :-1]
    lines = [ends[:, :-1] + rises * (part / _PARTS) for part in range(_PARTS)]
    strays = np.abs(parts[:, :, 1:] - np.stack(lines[1:], axis=2)).max(axis=2) > _STRAY * tolerances
    strays[:, -1] = False  # the beat ends within this frame
    samples[rows, first : last + 1] = _with_peaks(moving, ends, parts, seconds)
    look_coefficients(samples)
    if not strays.any():
        return View(samples, first, last)
    bent = np.zeros(samples.shape, dtype=np.bool_)
    bent[rows, first:last] = strays
    return View(samples, first, last, tuple(_between(samples, rows, first, parts, part) for part in range(1, _PARTS)), bent)


def _between(samples: Samples, rows: NDArray[np.int64], first: int, parts: Samples, part: int) -> Samples:
    """All channels a part of a frame after each frame; those that do not move stay, the past is not looked at again."""
    later = samples.copy()
    later[rows, first : first + parts.shape[1]] = parts[:, :, part]
    look_coefficients(later)
    return later


def _fill(samples: Samples, tracks: Sequence[Track], times: Samples) -> None:
    """Write the values of tracks at times into the rows of their channels."""
    moving = []
    for track in tracks:
        for curve in track.curves:
            if len(curve.keys) == 1:
                samples[INDEX[curve.channel]] = curve.keys[0].value
            else:
                moving.append(curve)
    if moving:
        samples[[INDEX[curve.channel] for curve in moving]] = sample_curves(moving, times)


def _with_peaks(moving: Sequence[Curve], ends: Samples, parts: Samples, seconds: float) -> Samples:
    """What curves reach between two frames, beyond the values at both, put into the nearer frame; never into the first.

    Args:
        moving: the curves.
        ends: float64 [curves, frames + 1], their values at the frames of a beat and the first after it.
        parts: float64 [curves, frames, parts], their values within each frame.
        seconds: the beat's length.
    """
    frames = parts.shape[1]
    low, high = np.minimum(ends[:, :-1], ends[:, 1:]), np.maximum(ends[:, :-1], ends[:, 1:])
    tolerances = np.array([TOLERANCES[CHANNELS[curve.channel].unit] for curve in moving])
    beyond = np.maximum(parts.max(axis=2) - high, low - parts.min(axis=2)) > tolerances[:, np.newaxis]
    reached = [
        (place, frame + part / _PARTS, float(parts[place, frame, part]))
        for place, frame in np.argwhere(beyond).tolist()
        for part in range(1, _PARTS)
    ]
    reached += [(place, time * RATE, value) for place, curve in enumerate(moving) for time, value in _quick(curve, seconds)]
    peaks = []
    for place, at, value in reached:
        frame = min(int(at), frames - 1)
        away = max(value - float(high[place, frame]), float(low[place, frame]) - value)
        if away > tolerances[place]:
            peaks.append((away, place, at, value))
    shown = ends.copy()
    # The smaller ones first, so that the largest stands where two fall on the same frame.
    for _, place, at, value in sorted(peaks):
        shown[place, min(max(round(at), 1), frames)] = value
    return shown


def _quick(curve: Curve, seconds: float) -> list[tuple[float, float]]:
    """Times and values of a curve's keyframes within a beat, and of places between those that are less than a frame apart."""
    found = [(k.time, k.value) for k in curve.keys if k.time <= seconds]
    short = [(a, b) for a, b in pairwise(curve.keys) if b.time - a.time < 1 / RATE and a.mode in ("bezier", "cubic")]
    times = [a.time + (b.time - a.time) * part / _PARTS for a, b in short for part in range(1, _PARTS)]
    times = [time for time in times if time <= seconds]
    if times:
        found += zip(times, sample_curve(curve, np.array(times)).tolist(), strict=True)
    return found


def end_state(seen: View, end: Sequence[Track], seconds: float) -> EndState:
    """The last moments of a beat as the next one sees them.

    Args:
        seen: the beat in its surroundings.
        end: the beat's tracks, for the exact values that they end with.
        seconds: the beat's length.
    """
    frames = min(round(LOOK_BACK * RATE), seen.last - 1)
    span = exact(frames / RATE)
    times = span - np.arange(frames, -1, -1) / RATE
    # The beat ends somewhere between two frames: the past is told in whole frames before that moment.
    share = seconds * RATE - (seen.last - 1 - seen.first)
    tracks = []
    for track in end:
        curves = []
        for curve in track.curves:
            tolerance = TOLERANCES[CHANNELS[curve.channel].unit]
            row = seen.samples[INDEX[curve.channel], seen.last - 1 - frames : seen.last + 1]
            values = row[:-1] + (row[1:] - row[:-1]) * share
            points = [(float(times[n]), float(values[n])) for n in knots(times, values, tolerance)]
            # The last keyframe is what the next beat starts from: the curve's exact end.
            last = value_at(curve, seconds)
            values[-1] = last
            if len(points) == 1 or (len(points) == 2 and exact(points[0][1]) == last == exact(points[-1][1])):
                keys = [key(0, last, "hold")]
            else:
                keys = [key(max(time, 0.0), value, "linear") for time, value in points[:-1]] + [key(span, last, "hold")]
            curves.append(Curve(channel=curve.channel, keys=tuple(keys)))
        tracks.append(make_track(track.region, curves, (Source(gesture="past"),)))
    return EndState(seconds=span, tracks=tuple(tracks))


def value_at(curve: Curve, time: float) -> float:
    """A curve's value at one time, as an exact decimal."""
    if len(curve.keys) == 1 or time >= curve.keys[-1].time:
        return curve.keys[-1].value
    return exact(float(sample_curve(curve, np.array([time]))[0]))


def last_values(state: EndState) -> dict[str, float]:
    """What every channel starts from in the beat after an end state."""
    return {curve.channel: curve.keys[-1].value for track in state.tracks for curve in track.curves}


def frame_count(seconds: float, fps: Fraction) -> int:
    """How many frames a take has: those that start before its end."""
    return math.ceil(Fraction(round(seconds * PLACES), PLACES) * fps)


def sample(timeline: Timeline, fps: Fraction) -> Samples:
    """The motion of a whole take: float64 [channels, frames], frame n at n / fps."""
    samples = np.zeros((len(NAMES), frame_count(timeline.seconds, fps)))
    for number, beat in enumerate(timeline.beats):
        first, last = beat_frames(beat.start, beat.end, fps, ends=number + 1 == len(timeline.beats))
        samples[:, first:last] = sample_beat(beat, first, last, fps)
    return samples


def beat_frames(start: float, end: float, fps: Fraction, *, ends: bool) -> tuple[int, int]:
    """The frames `[first, last)` of a take that fall into a beat of it; `ends` if it is the last one."""
    return _frames_before(start, fps), frame_count(end, fps) if ends else _frames_before(end, fps)


def _frames_before(seconds: float, fps: Fraction) -> int:
    return int(np.searchsorted(frame_times(frame_count(seconds, fps) + 1, fps), seconds))


def sample_beat(beat: CommittedBeat, first: int, last: int, fps: Fraction) -> Samples:
    """The frames `[first, last)` of a take, all of which fall into one beat of it: float64 [channels, last - first]."""
    samples = np.zeros((len(NAMES), last - first))
    _fill(samples, beat.tracks, frame_times(last - first, fps, first) - beat.start)
    look_coefficients(samples)
    return samples
