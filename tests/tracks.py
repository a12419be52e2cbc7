"""Small motions and tracks for tests: what is named moves, everything else is at rest.

A path is one number, held, or points (seconds, value) that are joined by one mode of interpolation. Names without a side
stand for both sides.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from configs.loading import builtin, parse_yaml_model, read_text
from protocol.channels import CHANNELS, INDEX, NAMES, REGIONS, WRITABLE, both_sides, look_coefficients
from protocol.constraints import Check, Constraints, Samples
from protocol.interpolation import sample_keys
from protocol.keyframes import Curve, Mode, Source, Track, exact, key, make_track
from protocol.messages import EndState
from protocol.rules import RuleSet

Path = float | Sequence[tuple[float, float]]
Paths = Mapping[str, Path]

RULES: RuleSet = parse_yaml_model(read_text(builtin("constraints.yaml")), "configs/constraints.yaml", RuleSet)
"""The rules that come with the program."""
CONSTRAINTS: Constraints = Constraints.of(RULES)
RATES: tuple[float, ...] = (24.0, 25.0, 30000 / 1001, 30.0, 60.0, 120.0)
"""Frame rates at which a finished motion is watched."""


def checks(rule: str) -> tuple[Check, ...]:
    """One rule, once for each side or region that it is checked for."""
    return tuple(check for check in CONSTRAINTS.checks if check.rule.id == rule)


def motion(paths: Paths, seconds: float, rate: float, mode: Mode = "min_jerk") -> Samples:
    """A sampled motion, float64 [channels, frames]; coefficients of the look are read off the eyes unless they are named.

    Values are not held to their channels' ranges, so that a motion may break those too.
    """
    times = np.arange(int(seconds * rate + 1e-6) + 1) / rate
    samples = np.zeros((len(NAMES), len(times)))
    rows = {name: _sampled(path, times, mode) for stem, path in paths.items() for name in _channels(stem)}
    for name, row in rows.items():
        samples[INDEX[name]] = row
    look_coefficients(samples)
    for name, row in rows.items():
        samples[INDEX[name]] = row
    return samples


def tracks(paths: Paths, mode: Mode = "min_jerk", start: EndState | None = None) -> tuple[Track, ...]:
    """The four tracks of a beat; channels that are not named stay where the beat starts from, or at rest."""
    origin = {} if start is None else {curve.channel: curve.keys[-1].value for t in start.tracks for curve in t.curves}
    named = {name: path for stem, path in paths.items() for name in _channels(stem)}
    return tuple(
        make_track(
            region,
            [curve(name, named.get(name, origin.get(name, 0.0)), mode) for name in WRITABLE[region]],
            (Source(gesture="test"),),
        )
        for region in REGIONS
    )


def curve(channel: str, path: Path, mode: Mode = "min_jerk") -> Curve:
    """A curve along a path whose first point is at 0."""
    points = [(0.0, path)] if isinstance(path, (int, float)) else path
    return Curve(channel=channel, keys=tuple(key(time, value, mode) for time, value in points))


def held(paths: Mapping[str, float], seconds: float = 0.5) -> EndState:
    """The end of a beat in which some channels have rested at a value for a while and all others at 0."""
    return EndState(seconds=seconds, tracks=tracks(paths, "hold"))


def resampled(samples: Samples, rate: float, other: float) -> Samples:
    """A motion joined by straight lines and sampled at another rate, for as long as it lasts."""
    count = samples.shape[1]
    old = np.arange(count) / rate
    new = np.arange(int(old[-1] * other + 1e-9) + 1) / other
    return np.stack([np.interp(new, old, row) for row in samples])


def broken(found: Iterable[object]) -> list[str]:
    """The rules that violations are of, each once, in order."""
    return sorted({violation.constraint for violation in found})  # type: ignore[attr-defined]


def clipped(channel: str, value: float) -> float:
    """The nearest exact decimal that a channel can take."""
    return exact(min(max(value, CHANNELS[channel].low), CHANNELS[channel].high))


def _channels(stem: str) -> tuple[str, ...]:
    names = both_sides(stem)
    assert names, f"{stem} is no channel"
    return names


def _sampled(path: Path, times: Samples, mode: Mode) -> Samples:
    points = [(0.0, path)] if isinstance(path, (int, float)) else path
    return sample_keys([key(time, value, mode) for time, value in points], times, -1e9, 1e9)
