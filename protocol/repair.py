"""Changing samples so that they keep their constraints: a repair for each kind of rule.

A repair changes only the channels that the rule says give way, only after the beat's first moment (that one is committed
already) and no more than it has to. Repairs of levels act frame by frame; speeds and accelerations are repaired by a causal
running mean, which keeps what is linear in the channels (a mean of values that keep a bound keeps it); the gaze holds and
jumps.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from protocol.channels import CHANNELS, INDEX, Region, look_coefficients
from protocol.constraints import Check, Measure, Samples, bounded
from protocol.gaze import hold_and_jump
from protocol.keyframes import Track
from protocol.messages import EndState, Violation
from protocol.reduction import rewritten
from protocol.rules import Acceleration, Between, Ceiling, Drift, Exclusive, Floor, Range, Rule, Speed, Sum
from protocol.timeline import RATE, View, view

PASSES = 8
"""How often all rules are gone through: a repair may strain another rule."""
CLEARANCE = 0.2
"""Share of a rule's epsilon by which a repaired level stays clear of its bound, so that writing it as keyframes does not
bring it back over."""
_WIDTHS = (3, 5, 7, 11, 15, 21, 31, 45)
"""Frames of the running mean, tried in turn."""
_APPROACH = 0.3
"""Seconds before the end of a beat in which it prepares for what only shows after it."""


def repaired(seen: View, checks: Iterable[Check], regions: Iterable[Region]) -> Samples:
    """Samples of a beat in which the rules are kept as far as the given regions can see to it.

    Args:
        seen: the beat in its surroundings; not changed.
        checks: the rules.
        regions: whose channels may change.
    """
    allowed = frozenset(regions)
    samples = seen.samples.copy()
    mine = sorted(
        (check for check in checks if check.region in allowed and not _derived(check.rule)),
        key=lambda check: _stage(check.rule),
    )
    for turn in range(PASSES):
        changed = False
        for check in mine:
            changed |= _repair(samples, seen, check, turn)
        look_coefficients(samples)
        if not changed:
            break
    return samples


def repair_tracks(
    state: EndState, tracks: Sequence[Track], seconds: float, checks: Sequence[Check], regions: Sequence[Region], note: str
) -> tuple[Track, ...]:
    """Tracks in which the rules are kept, as keyframes; only those of the given regions change.

    Writing samples back as keyframes may leave a trace over a bound; a second pass over the result takes care of it.
    """
    result = tuple(tracks)
    for _ in range(3):
        seen = view(state, result, seconds)
        if not violations(seen, [check for check in checks if check.region in regions]):
            return result
        samples = repaired(seen, checks, regions)
        body = slice(seen.first, seen.last)
        result = tuple(
            rewritten(
                track,
                {curve.channel: samples[INDEX[curve.channel], body] for curve in track.curves},
                {curve.channel: seen.samples[INDEX[curve.channel], body] for curve in track.curves},
                RATE,
                note,
            )
            if track.region in regions
            else track
            for track in result
        )
    return result


def violations(seen: View, checks: Iterable[Check]) -> list[Violation]:
    """What a beat breaks, by the strict measure of negotiation."""
    found = [
        violation
        for check in checks
        for violation in check.violations(seen.samples, RATE, strict=True, first=seen.first, last=seen.last)
    ]
    return sorted(found, key=lambda violation: violation.order)


def _derived(rule: Rule) -> bool:
    return all(CHANNELS[name].derived for name in bounded(rule))


def _stage(rule: Rule) -> int:
    """The gaze first, since lids follow it; then levels, then rates."""
    if isinstance(rule, Drift):
        return 0
    return 2 if isinstance(rule, (Speed, Acceleration)) else 1


def _repair(samples: Samples, seen: View, check: Check, turn: int) -> bool:
    """Repair one rule; whether there was anything to repair."""
    rule = check.rule
    if isinstance(rule, Drift):
        before = samples.copy()
        hold_and_jump(samples, check, RATE, seen.first)
        _hold_the_end(samples, seen, [INDEX[name] for name in rule.gives])
        return not np.array_equal(before, samples)
    changed = False
    for measure in check.measures(samples, RATE, strict=True):
        if (measure.excess[seen.first + 1 :] > check.allowance).any():
            changed = True
            if isinstance(rule, (Speed, Acceleration)):
                _smooth(samples, seen, check, measure, turn)
            else:
                _level(samples, seen, check, measure)
    return changed


def _level(samples: Samples, seen: View, check: Check, measure: Measure) -> None:
    """Move the channels that give way by what exceeds the bound, at every frame by itself."""
    rule = check.rule
    over = np.where(measure.excess > 0, measure.excess + CLEARANCE * check.epsilon, 0.0)
    after = seen.first + 1
    rows: list[int] = []
    if isinstance(rule, (Sum, Between)):
        # An excess over the upper bound is taken down along each channel's weight; one below the lower bound, up.
        sign = -1.0 if measure.bound[0] == rule.max else 1.0
        for name in rule.gives or tuple(rule.weights):
            channel, weight = CHANNELS[name], rule.weights[name]
            row = samples[INDEX[name]]
            moved = np.clip(row + sign * over / weight, channel.low, channel.high)
            over = np.maximum(over - np.abs(moved - row) * abs(weight), 0.0)
            row[after:] = moved[after:]
            rows.append(INDEX[name])
    elif isinstance(rule, Exclusive):
        for name in rule.channels:
            samples[INDEX[name], after:] -= over[after:]
            rows.append(INDEX[name])
    else:
        assert isinstance(rule, (Ceiling, Floor, Range))
        (name,) = measure.channels
        lower = isinstance(rule, Ceiling) or (isinstance(rule, Range) and measure.bound[0] == rule.max)
        row = samples[INDEX[name]]
        row[after:] += (-over if lower else over)[after:]
        np.clip(row, CHANNELS[name].low, CHANNELS[name].high, out=row)
        rows.append(INDEX[name])
    _hold_the_end(samples, seen, rows)


def _smooth(samples: Samples, seen: View, check: Check, measure: Measure, turn: int) -> None:
    """Slow a channel down by the narrowest causal running mean that is enough."""
    (name,) = measure.channels
    row = samples[INDEX[name]]
    original = row[seen.first : seen.last].copy()
    for width in _WIDTHS[min(turn, 2) :]:
        # The past counts as the value that the beat starts from, so that the mean starts there too.
        mean = original
        for _ in range(2 if isinstance(check.rule, Acceleration) else 1):
            padded = np.concatenate([np.full(width - 1, mean[0]), mean])
            total = padded[: len(mean)]
            for step in range(1, width):
                total = total + padded[step : step + len(mean)]
            mean = total / width
        row[seen.first : seen.last] = mean
        row[seen.first] = original[0]
        row[seen.last :] = row[seen.last - 1]
        again = [m for m in check.measures(samples, RATE, strict=True) if m.channels == measure.channels]
        if not any((m.excess[seen.first + 1 :] > check.allowance).any() for m in again):
            return


def _hold_the_end(samples: Samples, seen: View, rows: Sequence[int]) -> None:
    """What comes after the beat is its last value; what a repair wanted there is prepared before the end."""
    for row in rows:
        wanted = samples[row, -1] - samples[row, seen.last - 1]
        if abs(wanted) > 1e-9:
            frames = min(round(_APPROACH * RATE), seen.last - 1 - seen.first)
            if frames > 0:
                u = np.arange(1, frames + 1) / frames
                samples[row, seen.last - frames : seen.last] += wanted * u * u * (3 - 2 * u)
        samples[row, seen.last :] = samples[row, seen.last - 1]
