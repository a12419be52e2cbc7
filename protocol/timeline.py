"""Committed tracks on one line of time, and a beat seen in its surroundings.

A beat is judged together with the moments before it (its end state) and with its last values held for a while after it: a
beat whose end cannot be held within the constraints would leave its successor nothing to do.
"""

from __future__ import annotations

import math

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cached_property, lru_cache, reduce
from types import MappingProxyType
from typing import Annotated, Literal, NamedTuple, Self

import numpy as np

from numpy.typing import NDArray
from pydantic import Field, model_validator

from protocol.channels import CHANNELS, INDEX, NAMES, REGIONS, WRITABLE, Region, look_coefficients
from protocol.constraints import Samples
from protocol.interpolation import CompiledCurves, compile_curves, frame_times, sample_curve, sample_curves
from protocol.keyframes import PLACES, Curve, Decimal4, Frozen, Source, Track, exact, key, make_curve, make_track
from protocol.messages import EndState, Tracks, require_tracks
from protocol.reduction import TOLERANCES, knots
from protocol.remembering import Remembered

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


def rest() -> EndState:
    """How a take begins: every channel at its rest value, without a past."""
    return EndState(seconds=0.0, tracks=tuple(_at_rest(region) for region in REGIONS))


def _at_rest(region: Region) -> Track:
    return make_track(region, [staying(name, 0.0) for name in WRITABLE[region]], (Source(gesture="rest"),))


@lru_cache(maxsize=1024)
def staying(channel: str, value: float) -> Curve:
    """A curve that stays at a value: most of a face, most of the time."""
    return Curve(channel=channel, keys=(key(0.0, value, "hold"),))


@dataclass(frozen=True, slots=True)
class _Course:
    """What the moving curves of one track do in a beat, whatever was before it and whoever moves with them.

    Attributes:
        rows: int64 [curves], where they stand among all channels.
        shown: float64 [curves, frames + 1], their values at the beat's frames and the one after, peaks put into frames.
        parts: float64 [parts, curves, frames], their values within each frame.
        strays: bool [curves, frames], where one strays from the straight line to the next frame.
        end: float64 [curves, 1], their values at the end of the beat.
    """

    rows: NDArray[np.int64]
    shown: Samples
    parts: Samples
    strays: NDArray[np.bool_]
    end: Samples


@dataclass(frozen=True, eq=False)
class View:
    """A beat in its surroundings, sampled at RATE.

    Attributes:
        begins: what was before it.
        tracks: what is seen, one of each region.
        seconds: its length.
        samples: float64 [channels, frames].
        first: the frame at which the beat starts.
        last: the frame after the beat's last; what follows is its end held.
        bent: bool [channels, frames], where a curve strays from the straight line to the next frame; None if none does.
    """

    begins: EndState = field(repr=False)
    tracks: tuple[Track, ...] = field(repr=False)
    seconds: float
    samples: Samples
    first: int
    last: int
    bent: NDArray[np.bool_] | None
    _courses: tuple[_Course, ...] = field(repr=False)

    @cached_property
    def between(self) -> tuple[Samples, ...]:
        """The samples a part of a frame later, for each inner part; empty if no curve strays from straight lines."""
        if self.bent is None:
            return ()
        return tuple(_between(self.samples, self._courses, self.first, part) for part in range(1, _PARTS))


class _Poise(NamedTuple):
    """What of a track does not move.

    Attributes:
        rows: int64 [curves], where curves stand that stay at another value than 0.
        values: float64 [curves, 1], at what.
        moving: the curves that do move.
    """

    rows: NDArray[np.int64]
    values: Samples
    moving: tuple[Curve, ...]


def _poise(track: Track) -> _Poise:
    still = {INDEX[curve.channel]: curve.keys[0].value for curve in track.curves if len(curve.keys) == 1}
    held = {row: value for row, value in still.items() if value}
    moving = tuple([curve for curve in track.curves if len(curve.keys) > 1])
    return _Poise(np.array([*held], dtype=np.int64), np.array([*held.values()]).reshape(-1, 1), moving)


_known_poise: Remembered[Track, _Poise] = Remembered(_poise, 32)


def _course(track: Track, seconds: float) -> _Course:
    moving = _known_poise(track).moving
    frames = _frames(seconds)
    times = np.minimum(np.arange(frames * _PARTS) / (RATE * _PARTS), seconds)
    compiled = compile_curves(moving)
    sampled = compiled.sample(np.append(times, seconds))
    parts = sampled[:, :-1].reshape(len(moving), frames, _PARTS).transpose(2, 0, 1).copy()
    ends = np.concatenate((parts[0], sampled[:, -1:]), axis=1)
    tolerances = np.array([TOLERANCES[CHANNELS[curve.channel].unit] for curve in moving])
    rises = ends[:, 1:] - ends[:, :-1]
    away = [np.abs(parts[part] - (ends[:, :-1] + rises * (part / _PARTS))) for part in range(1, _PARTS)]
    strays = reduce(np.maximum, away) > _STRAY * tolerances[:, np.newaxis]
    strays[:, -1] = False  # the beat ends within this frame
    rows = np.array([INDEX[curve.channel] for curve in moving])
    return _Course(rows, _with_peaks(moving, compiled, ends, parts, tolerances, seconds), parts, strays, sampled[:, -1:])


_known_course: Remembered[Track, _Course] = Remembered(_course, 32)  # of a beat: four regions, a few rounds
_MOST_REMEMBERED = 2000
"""Frames of a beat up to which courses are remembered: a megabyte or two for each."""


def _frames(seconds: float) -> int:
    return math.floor(seconds * RATE + 1e-6) + 1


def _past(state: EndState) -> Samples:
    """The moments before a beat: float64 [channels, frames]."""
    first = round(state.seconds * RATE)
    samples = np.zeros((len(NAMES), first))
    _fill(samples, state.tracks, (np.arange(first) - first) / RATE + state.seconds)
    return samples


_known_past: Remembered[EndState, Samples] = Remembered(_past, 8)


def view(end_state: EndState, tracks: Sequence[Track], seconds: float) -> View:
    """Sample a beat of a length in seconds, after the moments before it and with its end held after it.

    A peak between two frames stands in the frame next to it, so that nothing is hidden between the frames of judgement: at
    another rate it would be seen.
    """
    first = round(end_state.seconds * RATE)
    frames = _frames(seconds)
    last = first + frames
    samples = np.zeros((len(NAMES), last + round(HOLD * RATE)))
    if first:
        samples[:, :first] = _known_past(end_state)
    _still(samples[:, first:], tracks)
    look = _known_course if frames <= _MOST_REMEMBERED else _course
    courses = tuple([look(track, seconds) for track in tracks if _known_poise(track).moving])
    for course in courses:
        samples[course.rows, last:] = course.end
        samples[course.rows, first : last + 1] = course.shown
    look_coefficients(samples)
    bent = None
    if any(course.strays.any() for course in courses):
        bent = np.zeros(samples.shape, dtype=np.bool_)
        for course in courses:
            bent[course.rows, first:last] = course.strays
    return View(end_state, tuple(tracks), seconds, samples, first, last, bent, courses)


def _between(samples: Samples, courses: Sequence[_Course], first: int, part: int) -> Samples:
    """All channels a part of a frame after each frame; those that do not move stay, the past is not looked at again."""
    later = samples.copy()
    for course in courses:
        later[course.rows, first : first + course.parts.shape[2]] = course.parts[part]
    look_coefficients(later)
    return later


def _fill(samples: Samples, tracks: Sequence[Track], times: Samples) -> None:
    """Write the values of tracks at times into the rows of their channels."""
    moving = _still(samples, tracks)
    if moving:
        samples[[INDEX[curve.channel] for curve in moving]] = sample_curves(moving, times)


def _still(samples: Samples, tracks: Sequence[Track]) -> list[Curve]:
    """Write the values of curves that do not move into their channels' rows, which are at 0; the others are left."""
    moving: list[Curve] = []
    for track in tracks:
        poise = _known_poise(track)
        if poise.rows.size:
            samples[poise.rows] = poise.values
        moving += poise.moving
    return moving


def _with_peaks(
    moving: Sequence[Curve], compiled: CompiledCurves, ends: Samples, parts: Samples, tolerances: Samples, seconds: float
) -> Samples:
    """What curves reach between two frames, beyond the values at both, put into the nearer frame; never into the first.

    Args:
        moving: the curves.
        compiled: the same, ready for sampling.
        ends: float64 [curves, frames + 1], their values at the frames of a beat and the first after it.
        parts: float64 [parts, curves, frames], their values within each frame.
        tolerances: float64 [curves], how far beyond is not worth showing.
        seconds: the beat's length.
    """
    frames = parts.shape[2]
    low, high = np.minimum(ends[:, :-1], ends[:, 1:]), np.maximum(ends[:, :-1], ends[:, 1:])
    beyond = np.maximum(parts.max(axis=0) - high, low - parts.min(axis=0)) > tolerances[:, np.newaxis]
    reached = [
        (place, frame + part / _PARTS, float(parts[part, place, frame]))
        for place, frame in np.argwhere(beyond).tolist()
        for part in range(1, _PARTS)
    ]
    # Keyframes within the beat; most of them stay between the frames beside them.
    places = np.repeat(np.arange(len(moving)), np.diff(compiled.firsts))
    at, values = compiled.times * RATE, compiled.values
    near = np.minimum(at.astype(np.int64), frames - 1)
    away = np.maximum(values - high[places, near], low[places, near] - values)
    shown_at = np.flatnonzero((away > tolerances[places]) & (compiled.times <= seconds))
    reached += zip(places[shown_at].tolist(), at[shown_at].tolist(), values[shown_at].tolist(), strict=True)
    for n in np.flatnonzero(compiled.spans < 1 / RATE).tolist():
        place = int(places[n])
        reached += [
            (place, time * RATE, value) for time, value in _quick(moving[place], n - int(compiled.firsts[place]), seconds)
        ]
    peaks = []
    for place, time, value in reached:
        frame = min(int(time), frames - 1)
        beyond_both = max(value - float(high[place, frame]), float(low[place, frame]) - value)
        if beyond_both > tolerances[place]:
            peaks.append((beyond_both, place, time, value))
    shown = ends.copy()
    # The smaller ones first, so that the largest stands where two fall on the same frame.
    for _, place, time, value in sorted(peaks):
        shown[place, min(max(round(time), 1), frames)] = value
    return shown


def _quick(curve: Curve, segment: int, seconds: float) -> list[tuple[float, float]]:
    """Times and values of places within a segment that may bulge, as far as the beat goes."""
    begin, end = curve.keys[segment : segment + 2]
    if begin.mode not in ("bezier", "cubic"):
        return []
    times = [begin.time + (end.time - begin.time) * part / _PARTS for part in range(1, _PARTS)]
    times = [time for time in times if time <= seconds]
    return list(zip(times, sample_curve(curve, np.array(times)).tolist(), strict=True)) if times else []


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
    rows = seen.samples[:, seen.last - 1 - frames : seen.last + 1]
    past = rows[:, :-1] + (rows[:, 1:] - rows[:, :-1]) * share
    # The last keyframe is what the next beat starts from: the curve's exact end.
    lasts = _values_at([curve for track in end for curve in track.curves], seconds)
    calm = np.abs(past - past[:, :1]).max(axis=1)
    tracks = []
    for track in end:
        curves = []
        for curve in track.curves:
            tolerance = TOLERANCES[CHANNELS[curve.channel].unit]
            row, last = INDEX[curve.channel], lasts[curve.channel]
            if calm[row] <= tolerance * 0.5:
                curves.append(staying(curve.channel, last))
                continue
            values = past[row]
            points = [(float(times[n]), float(values[n])) for n in knots(times, values, tolerance)]
            if len(points) == 2 and exact(points[0][1]) == last == exact(points[-1][1]):
                curves.append(staying(curve.channel, last))
                continue
            keys = [key(max(time, 0.0), value, "linear") for time, value in points[:-1]] + [key(span, last, "hold")]
            curves.append(make_curve(curve.channel, tuple(keys)))
        tracks.append(make_track(track.region, curves, (Source(gesture="past"),)))
    return EndState(seconds=span, tracks=tuple(tracks))


def value_at(curve: Curve, time: float) -> float:
    """A curve's value at one time, as an exact decimal."""
    return _values_at([curve], time)[curve.channel]


def _values_at(curves: Sequence[Curve], time: float) -> dict[str, float]:
    """The values of curves at one time, as exact decimals, by channel."""
    found = {curve.channel: curve.keys[-1].value for curve in curves}
    going = [curve for curve in curves if len(curve.keys) > 1 and time < curve.keys[-1].time]
    if going:
        sampled = sample_curves(going, np.array([time]))[:, 0].tolist()
        found.update((curve.channel, exact(value)) for curve, value in zip(going, sampled, strict=True))
    return found


def last_values(state: EndState) -> Mapping[str, float]:
    """What every channel starts from in the beat after an end state."""
    return _known_lasts(state)


def _lasts(state: EndState) -> Mapping[str, float]:
    return MappingProxyType({curve.channel: curve.keys[-1].value for track in state.tracks for curve in track.curves})


_known_lasts: Remembered[EndState, Mapping[str, float]] = Remembered(_lasts, 8)


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
