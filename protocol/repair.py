"""Changing samples so that they keep their constraints: a repair for each kind of rule.

A repair changes only the channels that the rule says give way, only after the beat's first moment (that one is committed
already) and no more than it has to. Repairs of levels act frame by frame; speeds and accelerations are repaired by a causal
running mean, which keeps what is linear in the channels (a mean of values that keep a bound keeps it); the gaze holds and
jumps.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

from protocol.channels import CHANNELS, INDEX, NAMES, Region, look_coefficients
from protocol.constraints import Check, Measure, Samples
from protocol.extents import Extents
from protocol.gaze import hold_and_jump
from protocol.keyframes import Track
from protocol.messages import EndState, Violation
from protocol.reduction import rewritten
from protocol.remembering import Findings
from protocol.rules import Acceleration, Between, Ceiling, Drift, Exclusive, Floor, Range, Rule, Speed, Sum
from protocol.timeline import RATE, View, view

PASSES = 8
"""How often all rules are gone through: a repair may strain another rule."""
ATTEMPTS = 4
"""How often samples are repaired and written back as keyframes."""
CLEARANCE = 0.2
"""Share of a rule's epsilon by which a repaired level stays clear of its bound, so that writing it as keyframes does not
bring it back over."""
_WIDTHS = (3, 5, 7, 11, 15, 21, 31, 45)
"""Frames of the running mean, tried in turn."""
_DERIVED = tuple(channel.name for channel in CHANNELS.values() if channel.derived)
_APPROACH = 0.3
"""Seconds before the end of a beat in which it prepares for what only shows after it."""


def repaired(seen: View, checks: Iterable[Check], regions: Iterable[Region], clearance: float = CLEARANCE) -> Samples:
    """Samples of a beat in which the rules are kept as far as the given regions can see to it.

    Args:
        seen: the beat in its surroundings; not changed.
        checks: the rules.
        regions: whose channels may change.
        clearance: share of a rule's epsilon by which a repaired level stays clear of its bound.
    """
    allowed = frozenset(regions)
    samples = seen.samples.copy()
    mine = sorted(
        (check for check in checks if check.region in allowed and not check.derived),
        key=lambda check: _stage(check.rule),
    )
    # What was found kept is looked at again only once a channel that it reads has changed; `count` numbers the changes.
    kept: dict[int, int] = {}
    changes: dict[str, int] = {}
    count = 0
    for turn in range(PASSES):
        before = count
        extents: Extents | None = None
        for place, check in enumerate(mine):
            if place in kept and all(changes.get(name, 0) <= kept[place] for name in check.names):
                continue
            extents = extents or Extents.of(samples, () if turn else seen.between)
            may_break = isinstance(check.rule, Drift) or extents.allow(check)
            if may_break and _repair(samples, seen, check, turn, clearance):
                count, extents = count + 1, None
                changes.update(dict.fromkeys((*check.names, *check.rule.gives), count))
                kept.pop(place, None)
            else:
                kept[place] = count
        look_coefficients(samples)
        if count == before:
            break
        count += 1
        changes.update(dict.fromkeys(_DERIVED, count))
    return samples


def repair_tracks(
    state: EndState, tracks: Sequence[Track], seconds: float, checks: Sequence[Check], regions: Sequence[Region], note: str
) -> tuple[Track, ...]:
    """Tracks in which the rules are kept, as keyframes; only those of the given regions change.

    Writing samples back as keyframes may leave a trace over a bound; further passes take care of it, each with more clearance.
    """
    result = tuple(tracks)
    for attempt in range(ATTEMPTS):
        seen = view(state, result, seconds)
        if not violations(seen, [check for check in checks if check.region in regions]):
            return result
        samples = repaired(seen, checks, regions, CLEARANCE * (1 + attempt))
        body = slice(seen.first, seen.last)
        before = seen.samples.copy()
        if seen.bent is not None:
            # A curve that breaks a rule between two frames is drawn anew there, straight from frame to frame.
            look = _Look(seen)
            straight = [INDEX[name] for check in checks if look.broken(check).between for name in check.rule.names()]
            bent = seen.bent[straight]
            bent[:, 1:] |= seen.bent[straight, :-1]
            before[straight] = np.where(bent, np.inf, before[straight])
        result = tuple(
            rewritten(
                track,
                {curve.channel: samples[INDEX[curve.channel], body] for curve in track.curves},
                {curve.channel: before[INDEX[curve.channel], body] for curve in track.curves},
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
    look, checks = _Look(seen), tuple(checks)
    found = [violation for check in checks for violation in look.broken(check).at_frames]
    found += [violation for check in checks for violation in look.broken(check).between]
    return sorted(found, key=lambda violation: violation.order)


class _Broken(NamedTuple):
    """What breaks one rule.

    Attributes:
        at_frames: on the frames of a view.
        between: only between two frames, by curves that do not go straight from one to the other.
    """

    at_frames: Sequence[Violation]
    between: Sequence[Violation]


_KEPT = _Broken((), ())
_findings = Findings(64)  # of the beat that is negotiated: four regions, some groups of them, a few rounds


class _Look:
    """One look at a beat, rule by rule.

    What a rule measures follows from the tracks of the regions that it speaks of and what was before them, so what was found
    on the same tracks in other company is not measured again.
    """

    def __init__(self, seen: View) -> None:
        self._seen = seen
        self._found: dict[frozenset[Region], dict[int, tuple[Check, _Broken]]] = {}

    def broken(self, check: Check) -> _Broken:
        """What breaks a rule, by the strict measure of negotiation."""
        found = self._found.get(check.regions)
        if found is None:
            seen = self._seen
            about = [seen.begins, *(track for track in seen.tracks if track.region in check.regions)]
            found = self._found[check.regions] = _findings.about(about, seen.seconds)
        known = found.get(id(check))
        if known is None or known[0] is not check:
            known = found[id(check)] = check, self._measured(check)
        return known[1]

    def _measured(self, check: Check) -> _Broken:
        at_frames = self._violations(check, self._seen.samples) if self._extents.allow(check) else ()
        between: Sequence[Violation] = ()
        curved = not (isinstance(check.rule, (Speed, Acceleration, Drift, Range)) or check.derived)
        if curved and not self._bent.isdisjoint(check.names) and self._widest.allow(check):
            parts = (self._violations(check, samples) for samples in self._seen.between)
            between = next((broken for broken in parts if broken), ())
        return _Broken(at_frames, between) if at_frames or between else _KEPT

    def _violations(self, check: Check, samples: Samples) -> Sequence[Violation]:
        return check.violations(samples, RATE, strict=True, first=self._seen.first, last=self._seen.last)

    @cached_property
    def _extents(self) -> Extents:
        return Extents.of(self._seen.samples)

    @cached_property
    def _widest(self) -> Extents:
        """Those on frames and between them."""
        return Extents.of(self._seen.samples, self._seen.between)

    @cached_property
    def _bent(self) -> frozenset[str]:
        """The channels that do not go straight from one frame to the next."""
        bent = self._seen.bent
        return frozenset() if bent is None else frozenset(NAMES[row] for row in np.flatnonzero(bent.any(axis=1)).tolist())


def _stage(rule: Rule) -> int:
    """The gaze first, since lids follow it; then levels, then rates."""
    if isinstance(rule, Drift):
        return 0
    return 2 if isinstance(rule, (Speed, Acceleration)) else 1


def _repair(samples: Samples, seen: View, check: Check, turn: int, clearance: float) -> bool:
    """Repair one rule; whether there was anything to repair."""
    rule = check.rule
    if isinstance(rule, Drift):
        rows = [INDEX[name] for name in rule.gives]
        before = samples[rows]
        hold_and_jump(samples, check, RATE, seen.first)
        _hold_the_end(samples, seen, rows)
        return not np.array_equal(before, samples[rows])
    changed = False
    measures = check.measures(samples, RATE, strict=True)
    for measure in _with_between(measures, seen, check) if turn == 0 else measures:
        if (measure.excess[seen.first + 1 :] > check.allowance).any():
            changed = True
            if isinstance(rule, (Speed, Acceleration)):
                _smooth(samples, seen, check, measure, turn)
            else:
                _level(samples, seen, check, measure, clearance)
    return changed


def _with_between(measures: Iterator[Measure], seen: View, check: Check) -> Iterator[Measure]:
    """Measures in which what is broken between two frames counts at both of them, so that both give way to it."""
    if isinstance(check.rule, (Speed, Acceleration, Range)) or not seen.between:
        yield from measures
        return
    parts = [check.measures(later, RATE, strict=True) for later in seen.between]
    for measure, *others in zip(measures, *parts, strict=True):
        excess = measure.excess.copy()
        for other in others:
            within = other.excess[seen.first : seen.last]
            excess[seen.first : seen.last] = np.maximum(excess[seen.first : seen.last], within)
            excess[seen.first + 1 : seen.last + 1] = np.maximum(excess[seen.first + 1 : seen.last + 1], within)
        yield replace(measure, excess=excess)


def _level(samples: Samples, seen: View, check: Check, measure: Measure, clearance: float) -> None:
    """Move the channels that give way by what exceeds the bound, at every frame by itself."""
    rule = check.rule
    over = np.where(measure.excess > 0, measure.excess + clearance * check.epsilon, 0.0)
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
            row = samples[INDEX[name]]
            row[after:] = np.maximum(row - over, CHANNELS[name].low)[after:]
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
