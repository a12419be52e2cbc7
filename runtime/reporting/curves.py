"""The motion of a take as rows of curves: both sides of the face in one row, only what moves.

Values are whole numbers: thousandths of a coefficient, hundredths of a degree or centimetre. Curves are told by their first
value and then the difference from each sample to the next, which keeps the page small and exact.
"""

from __future__ import annotations

import math

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, TypeAlias

import numpy as np

from numpy.typing import NDArray

from protocol.channels import CHANNELS, INDEX, NAMES, REGIONS, WRITABLE
from protocol.interpolation import frame_times, sample_curves
from protocol.keyframes import Curve, Keyframe, Source, Track
from protocol.timeline import frame_count
from runtime.reporting.story import BeatStory, Story

SCALES = {"share": 1000, "degree": 100, "cm": 100}
"""Parts of a unit that values are told in."""
MAX_RATE = 60
"""Samples per second at most."""
MAX_VALUES = 1_500_000
"""Of all curves together; a longer take is sampled more coarsely."""
_MOVES = {"share": 0.01, "degree": 0.1, "cm": 0.05}
"""How far a channel goes at least if it is to be shown."""
_DIFFERS = {"share": 0.02, "degree": 0.3, "cm": 0.1}
"""How far an earlier proposal is from what was decided at least if it is to be shown."""
_OWN = frozenset({"rest", "carried", "past"})
"""Sources that are neither asked for nor idle motion: where a channel lies when nothing moves it."""
_TURNED = ("yielded to ", "kept within ")
"""How the notes of regions begin on keyframes that a constraint has made or moved."""

Samples = NDArray[np.float64]
Told: TypeAlias = list[float | int | str]
"""A keyframe: seconds of the take, value, source, how the curve goes on."""


@dataclass
class Sources:
    """Where keyframes come from, each once, for the whole page."""

    listed: list[list[str]] = field(default_factory=list)
    _numbers: dict[tuple[str, str, str], int] = field(default_factory=dict)

    def number(self, source: Source) -> int:
        """Where a source stands in the list."""
        known = (source.gesture, source.words, source.note)
        if known not in self._numbers:
            self._numbers[known] = len(self.listed)
            self.listed.append([*known, kind_of(source)])
        return self._numbers[known]


def kind_of(source: Source) -> str:
    """Whether a keyframe was "asked" for, was "turned" for a constraint, is "idle" motion, or a "rest" between all that."""
    if source.words:
        return "asked"
    if source.note.startswith(_TURNED):
        return "turned"
    return "rest" if source.gesture in _OWN else "idle"


@dataclass(frozen=True, slots=True)
class Grid:
    """The times at which curves are told.

    Attributes:
        rate: samples per second.
        times: float64 [samples], seconds.
    """

    rate: Fraction
    times: Samples


def grid_of(story: Story) -> Grid:
    """Every frame of the motion, or every second, third … where that would be more than `MAX_RATE` or `MAX_VALUES`."""
    fps = min(story.fps, Fraction(10_000))
    every = max(1, math.ceil(fps / MAX_RATE), math.ceil(story.seconds * float(fps) * len(NAMES) / MAX_VALUES))
    rate = fps / every
    return Grid(rate, frame_times(frame_count(story.seconds, rate), rate))


def sampled(story: Story, grid: Grid) -> Samples:
    """The motion, as far as there is any: float64 [channels, samples]. Derived channels stay at 0."""
    samples = np.zeros((len(NAMES), len(grid.times)))
    for beat in story.beats:
        inside = slice(*np.searchsorted(grid.times, [beat.start, beat.end]))
        _fill(samples, inside, beat, beat.tracks(), grid)
    return samples


def _fill(samples: Samples, inside: slice, beat: BeatStory, tracks: Iterable[Track], grid: Grid) -> None:
    curves = [curve for track in tracks for curve in track.curves]
    times = grid.times[inside] - beat.start
    if curves and len(times):
        samples[[INDEX[curve.channel] for curve in curves], inside] = sample_curves(curves, times)


def rows_of(story: Story, samples: Samples, grid: Grid, sources: Sources) -> tuple[list[dict[str, Any]], dict[str, list[str]]]:
    """The rows to draw, region by region, and the channels that never move.

    Args:
        story: the take.
        samples: its motion, from `sampled`.
        grid: at which times that is.
        sources: to which those of the keyframes are added.
    """
    rows: list[dict[str, Any]] = []
    resting: dict[str, list[str]] = {}
    for region in REGIONS:
        by_stem: dict[str, list[str]] = {}
        for name in WRITABLE[region]:
            values = samples[INDEX[name]]
            if len(values) and float(np.abs(values).max()) >= _MOVES[CHANNELS[name].unit]:
                by_stem.setdefault(CHANNELS[name].stem, []).append(name)
            else:
                resting.setdefault(region, []).append(name)
        made = [_row(region, stem, names, story, samples, grid, sources) for stem, names in by_stem.items()]
        rows += sorted(made, key=lambda row: not any(channel["asked"] for channel in row["channels"]))
    return rows, resting


def _row(
    region: str, stem: str, names: Sequence[str], story: Story, samples: Samples, grid: Grid, sources: Sources
) -> dict[str, Any]:
    unit = CHANNELS[names[0]].unit
    values = samples[[INDEX[name] for name in names]]
    low, high = _bounds(unit, float(values.min()), float(values.max()))
    channels = [_channel(name, story, samples, sources) for name in names]
    earlier = [each for name in names for each in _earlier(name, story, samples, grid)]
    return {"region": region, "stem": stem, "unit": unit, "low": low, "high": high, "channels": channels, "earlier": earlier}


def _bounds(unit: str, low: float, high: float) -> tuple[float, float]:
    """What a row spans: round numbers that the curve stays within; coefficients start at 0."""
    if unit == "share":
        return 0.0, next((top for top in (0.1, 0.25, 0.5) if high <= top), 1.0)
    largest = max(-low, high)
    step = next((step for step in (1.0, 2.0, 5.0, 10.0, 20.0) if largest <= 3 * step), 20.0)
    return min(math.floor(low / step), -0.0) * step + 0.0, max(math.ceil(high / step), 0) * step


def _channel(name: str, story: Story, samples: Samples, sources: Sources) -> dict[str, Any]:
    keys: list[Told] = []
    spans: dict[str, list[list[float]]] = {"asked": [], "turned": []}
    for beat in story.beats:
        for track in beat.tracks():
            for curve in track.curves:
                if curve.channel == name:
                    keys += _keys(curve, track, beat, sources)
                    for kind, start, end in _spans(curve, track, beat):
                        spans[kind].append([start, end])
    joined = {kind: _joined(found) for kind, found in spans.items()}
    return {"name": name, "values": told(name, samples[INDEX[name]]), "keys": keys, **joined}


def _keys(curve: Curve, track: Track, beat: BeatStory, sources: Sources) -> list[Told]:
    """A curve's keyframes, without those that only hold a rest."""
    shown: list[Told] = []
    for key in curve.keys:
        source = track.sources[key.source]
        if beat.start + key.time > beat.end or (kind_of(source) == "rest" and len(curve.keys) == 1):
            continue
        shown.append([round(beat.start + key.time, 4), round(key.value, 4), sources.number(source), key.mode])
    return shown


def _spans(curve: Curve, track: Track, beat: BeatStory) -> Iterator[tuple[str, float, float]]:
    """The spans of the take on either side of keyframes that were asked for, and of those that were turned for a constraint."""
    if len(curve.keys) == 1 and curve.keys[0].value == 0:
        return  # held at nothing: what was asked for is elsewhere
    kinds = [kind_of(track.sources[key.source]) for key in curve.keys]
    times = [beat.start + min(key.time, beat.end - beat.start) for key in curve.keys] + [beat.end]
    for n, kind in enumerate(kinds):
        around = (kind, kinds[n + 1] if n + 1 < len(kinds) else kind)
        for wanted in ("asked", "turned"):
            if times[n + 1] > times[n] and wanted in around:
                yield wanted, times[n], times[n + 1]
                break


def _joined(spans: list[list[float]]) -> list[list[float]]:
    """Spans in order, those that touch as one."""
    joined: list[list[float]] = []
    for start, end in spans:
        if joined and start <= joined[-1][1] + 1e-6:
            joined[-1][1] = round(max(joined[-1][1], end), 4)
        else:
            joined.append([round(start, 4), round(end, 4)])
    return joined


def _earlier(name: str, story: Story, samples: Samples, grid: Grid) -> list[dict[str, Any]]:
    """How a channel was proposed before a region changed its mind or was overruled."""
    found = []
    for beat in story.beats:
        first, last = (int(place) for place in np.searchsorted(grid.times, [beat.start, beat.end]))
        times = grid.times[first:last] - beat.start
        standing = {curve.channel: curve.keys for track in beat.tracks() for curve in track.curves}
        seen: list[tuple[Keyframe, ...]] = [standing.get(name, ())]
        for seq, proposal in beat.proposals:
            if CHANNELS[name].region != proposal.region or not len(times):
                continue
            curve = proposal.track.curve(name)
            if curve.keys in seen:
                continue
            seen.append(curve.keys)
            values = sample_curves([curve], times)[0]
            if float(np.abs(values - samples[INDEX[name], first:last]).max()) >= _DIFFERS[CHANNELS[name].unit]:
                found.append({"channel": name, "seq": seq, "first": first, "values": told(name, values)})
    return found


def told(name: str, values: Samples) -> list[int]:
    """Values in whole parts of the channel's unit: the first, then each difference to the one before."""
    parts = np.rint(values * SCALES[CHANNELS[name].unit]).astype(np.int64)
    return np.diff(parts, prepend=0).tolist() if len(parts) else []


def motion_of(story: Story) -> dict[str, Any]:
    """What the page draws of the motion: its rows, where keyframes come from, and the channels that rest."""
    grid = grid_of(story)
    sources = Sources()
    rows, resting = rows_of(story, sampled(story, grid), grid, sources)
    rate = [grid.rate.numerator, grid.rate.denominator]
    return {
        "rate": rate,
        "samples": len(grid.times),
        "rows": rows,
        "resting": resting,
        "sources": sources.listed,
        "scales": SCALES,
    }
