"""Measuring constraints on a sampled motion.

The measures are defined on frames: speeds and accelerations over a window of 1/30 s whatever the frame rate, values between
frames by straight lines. All arithmetic is + - * / and comparisons on float64, so that every machine finds the same.

Two users: regions and coordinator look at a beat before it is committed (`strict`, with the margins of the rule set), and a
finished motion is verified at any frame rate (`strict=False`, with each rule's epsilon).
"""

from __future__ import annotations

import math

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

import numpy as np

from numpy.typing import NDArray

from protocol.channels import CHANNELS, INDEX, Region
from protocol.keyframes import exact
from protocol.messages import Violation
from protocol.rules import (
    Acceleration,
    Between,
    Ceiling,
    Drift,
    Exclusive,
    Floor,
    Follows,
    Margins,
    Range,
    Rule,
    RuleSet,
    Speed,
    Sum,
    TurnBlink,
    spelled_out,
)

Samples = NDArray[np.float64]
"""float64 [channels, frames], rows in the order of `protocol.channels.NAMES`."""

WINDOW = 1 / 30
"""Seconds over which speeds are taken."""
SLOWEST = 24
"""Frames per second of the slowest rate at which a motion is to keep its constraints."""
_CHORDS = (60, 30)
"""Frames per second at which a motion is likely to be sampled before another program joins the frames by straight lines."""
_DRIVEN = (Ceiling, Floor, Follows)
LIDS_SHUT = 0.6
"""Lids past this hide a sweep of the gaze."""
HALF_CLOSED = 0.5
"""Lids past this count as a blink."""


@dataclass(frozen=True, slots=True)
class Measure:
    """One bound of one rule, on every frame.

    Attributes:
        channels: what is measured.
        value: float64 [frames], in the rule's unit.
        bound: float64 [frames], what it must keep to.
        excess: float64 [frames], how far past the bound; <= 0 where it is kept.
    """

    channels: tuple[str, ...]
    value: Samples
    bound: Samples
    excess: Samples


@dataclass(frozen=True)
class Check:
    """A rule made ready for measuring: one side, all names spelled out."""

    rule: Rule
    margins: Margins

    @cached_property
    def regions(self) -> frozenset[Region]:
        """The regions whose channels it reads."""
        return frozenset(CHANNELS[name].region for name in self.rule.names())

    @cached_property
    def names(self) -> frozenset[str]:
        """The channels that it reads."""
        return frozenset(self.rule.names())

    @cached_property
    def terms(self) -> tuple[tuple[int, float], ...]:
        """The rows of what it adds up, or of its driver, with their weights; none if it does neither."""
        rule = self.rule
        weights = rule.weights if isinstance(rule, (Sum, Between)) else rule.driver if isinstance(rule, _DRIVEN) else {}
        return tuple((INDEX[name], weight) for name, weight in weights.items())

    @cached_property
    def derived(self) -> bool:
        """Whether it bounds nothing but what is read off other channels."""
        return all(CHANNELS[name].derived for name in bounded(self.rule))

    @cached_property
    def region(self) -> Region:
        """Who has to see to it: the region that yields, or the only one that it speaks of."""
        if self.rule.yields is not None:
            return self.rule.yields
        return next(iter(self.regions))

    @cached_property
    def epsilon(self) -> float:
        """How far past the bound counts as kept on a finished motion."""
        rule = self.rule
        if rule.epsilon is not None:
            return rule.epsilon
        if isinstance(rule, (Speed, Acceleration)):
            return 0.02 * rule.max
        if isinstance(rule, Drift):
            return 0.05
        if isinstance(rule, TurnBlink):
            return 0.5
        return 0.02 if all(CHANNELS[name].unit == "share" for name in bounded(rule)) else 0.5

    @cached_property
    def allowance(self) -> float:
        """How far past the bound counts as kept in negotiation; below 0 where it is stricter than the bound."""
        rule = self.rule
        if isinstance(rule, Speed):
            return -self.margins.speed * rule.max
        if isinstance(rule, Acceleration):
            return -self.margins.accel * rule.max
        if isinstance(rule, Drift):
            return 0.0
        return self.margins.level * self.epsilon

    def measures(self, samples: Samples, rate: float, *, strict: bool) -> Iterator[Measure]:
        """What the rule measures on every frame of a motion sampled at a rate (frames per second)."""
        rule = self.rule
        if isinstance(rule, (Sum, Between)):
            value = weighted(samples, rule.weights)
            names = tuple(rule.weights)
            yield Measure(names, value, np.full_like(value, rule.max), value - rule.max)
            if isinstance(rule, Between):
                yield Measure(names, value, np.full_like(value, rule.min), rule.min - value)
        elif isinstance(rule, Exclusive):
            # What is read off other channels gives no way itself, so there is no use in being stricter with it.
            chords = strict and not all(CHANNELS[name].derived for name in rule.channels)
            value = worst_on_chords(np.minimum, [samples[INDEX[name]] for name in rule.channels], rate if chords else 0)
            yield Measure(rule.channels, value, np.full_like(value, rule.max), value - rule.max)
        elif isinstance(rule, Range):
            rows = samples[[INDEX[name] for name in rule.channels]]
            for bound, excess in ((rule.max, rows - rule.max), (rule.min, rule.min - rows)):
                for row in np.flatnonzero((excess > 0).any(axis=1)):
                    yield Measure((rule.channels[row],), rows[row], np.full_like(rows[row], bound), excess[row])
        elif isinstance(rule, (Speed, Acceleration)):
            limit = rule.max + (self.allowance if strict else 0.0)
            restless, rows = _restless(samples, rule, limit)
            rates = speeds(rows, rate) if isinstance(rule, Speed) else accelerations(rows, rate)
            for row in np.flatnonzero((rates > limit).any(axis=1)):
                yield Measure((restless[row],), rates[row], np.full_like(rates[row], rule.max), rates[row] - rule.max)
        elif isinstance(rule, _DRIVEN):
            # At other rates "so many seconds" is rounded to frames: by half of one at 24 frames per second at most.
            sustained = max(int((rule.sustained - 0.5 / SLOWEST) * rate), 0) if strict else round(rule.sustained * rate)
            driver = weighted(samples, rule.driver)
            if strict and rule.sustained:
                driver = nearby_maximum(driver, math.ceil(0.5 / SLOWEST * rate))
            driver = trailing_minimum(driver, sustained)
            limit_at = piecewise(driver, rule.points)
            for name in rule.channels:
                value = samples[INDEX[name]]
                if isinstance(rule, Follows):
                    yield Measure((name,), value, limit_at, np.abs(value - limit_at) - rule.tolerance)
                    continue
                sign = 1.0 if isinstance(rule, Ceiling) else -1.0
                excess = worst_on_chords(
                    lambda value, driver, sign=sign: sign * (value - piecewise(driver, rule.points)),
                    [value, driver],
                    rate if strict else 0,
                )
                yield Measure((name,), limit_at + sign * excess, limit_at, excess)
        elif isinstance(rule, Drift):
            value = sweeping(samples, rate, rule, self.margins.drift if strict else 0.0, strict=strict)
            names = tuple(name for name in rule.names() if "Blink" not in name)
            yield Measure(names, value, np.full_like(value, rule.seconds), value - rule.seconds)
        else:
            assert isinstance(rule, TurnBlink)
            value = turned_without_blink(samples, rate, rule)
            yield Measure(("headYaw",), value, np.full_like(value, rule.degrees), value - rule.degrees)

    def violations(
        self, samples: Samples, rate: float, *, strict: bool, first: int = 0, last: int | None = None
    ) -> list[Violation]:
        """Where the rule is broken in frames `[first, last)`, in seconds from frame `first`.

        Args:
            samples: the motion; frames before `first` are the past that measures look back on.
            rate: frames per second.
            strict: with the margins of negotiation, or with the epsilon of verification.
            first: frame at which the time is 0; what is broken up to and including it is not reported.
            last: end of the frames that are reported in their place; what comes after is reported at the last one.
        """
        allowed = self.allowance if strict else self.epsilon
        found = []
        start = first + 1 if first else 0
        for measure in self.measures(samples, rate, strict=strict):
            broken = np.flatnonzero(measure.excess[start:] > allowed)
            if not len(broken):
                continue
            worst = start + int(np.argmax(measure.excess[start:]))
            end = samples.shape[1] if last is None else last
            span = [exact((min(start + int(frame), end - 1) - first) / rate) for frame in (broken[0], broken[-1])]
            found.append(
                Violation(
                    constraint=self.rule.id,
                    channels=measure.channels,
                    start=span[0],
                    end=span[1],
                    measured=exact(float(measure.value[worst])),
                    bound=exact(float(measure.bound[worst])),
                    yields=self.region,
                    suggested=self._suggested(samples, measure, worst),
                )
            )
        return found

    def _suggested(self, samples: Samples, measure: Measure, frame: int) -> float | None:
        """The nearest value that would do for the one channel that gives way."""
        rule = self.rule
        if isinstance(rule, (Ceiling, Floor, Range)):
            return exact(float(measure.bound[frame]))
        if isinstance(rule, (Sum, Between)) and len(rule.gives) == 1:
            weight = rule.weights[rule.gives[0]]
            gap = measure.value[frame] - measure.bound[frame]
            return exact(float(samples[INDEX[rule.gives[0]], frame] - gap / weight))
        return None


@dataclass(frozen=True)
class Constraints:
    """A rule set made ready for measuring."""

    checks: tuple[Check, ...]

    @classmethod
    def of(cls, rules: RuleSet) -> Constraints:
        """Every rule, once per side where it speaks of sides."""
        return cls(tuple(Check(turned, rules.margins) for rule in rules.rules for turned in spelled_out(rule)))

    @cached_property
    def hard(self) -> tuple[Check, ...]:
        """What must hold on a commit."""
        return tuple(check for check in self.checks if check.rule.severity == "hard")

    def within(self, region: Region) -> tuple[Check, ...]:
        """The hard rules that speak of one region alone."""
        return tuple(check for check in self.hard if check.regions == {region})

    def touching(self, region: Region) -> tuple[Check, ...]:
        """The hard rules that read a region's channels."""
        return tuple(check for check in self.hard if region in check.regions)

    def verify(self, samples: Samples, rate: float, *, soft: bool = False) -> list[Violation]:
        """What a finished motion breaks, over all its frames."""
        checks = self.checks if soft else self.hard
        return [violation for check in checks for violation in check.violations(samples, rate, strict=False)]


def bounded(rule: Rule) -> tuple[str, ...]:
    """The channels that a rule bounds, its driver left out."""
    return rule.channels if isinstance(rule, _DRIVEN) else rule.names()


def weighted(samples: Samples, weights: Mapping[str, float]) -> Samples:
    """The weighted sum of channels, added in the order given."""
    total = np.zeros(samples.shape[1])
    for name, weight in weights.items():
        total = total + (samples[INDEX[name]] if weight == 1 else weight * samples[INDEX[name]])
    return total


def piecewise(driver: Samples, points: tuple[tuple[float, float], ...]) -> Samples:
    """Piecewise linear through the points, constant beyond them."""
    result = np.full_like(driver, points[0][1])
    for (x0, y0), (x1, y1) in pairwise(points):
        if y1 != y0:
            share = np.minimum(np.maximum((driver - x0) / (x1 - x0), 0.0), 1.0)
            result = result + (y1 - y0) * share
    return result


def earlier(rows: Samples, frames: float) -> Samples:
    """What a motion was so many frames before, by straight lines between frames; before the start the first value held."""
    whole = int(frames)
    share = frames - whole
    nearer = _shifted(rows, whole)
    if share < 1e-9:
        return nearer
    return nearer + (_shifted(rows, whole + 1) - nearer) * share


def _shifted(rows: Samples, frames: int) -> Samples:
    """Rows so many whole frames later (earlier if below 0), the value at that end held."""
    result = np.empty_like(rows)
    if frames >= 0:
        result[..., :frames] = rows[..., :1]
        result[..., frames:] = rows[..., : max(rows.shape[-1] - frames, 0)]
    else:
        result[..., frames:] = rows[..., -1:]
        result[..., :frames] = rows[..., -frames:]
    return result


def speeds(rows: Samples, rate: float) -> Samples:
    """Absolute change per second over the window that ends at each frame."""
    change: Samples = np.abs(rows - earlier(rows, WINDOW * rate))
    return change / WINDOW


def _restless(samples: Samples, rule: Speed | Acceleration, limit: float) -> tuple[list[str], Samples]:
    """The channels of a rule that go far enough to pass a limit at all, and their rows: most are measured for nothing."""
    rows = samples[[INDEX[name] for name in rule.channels]]
    farthest = (rows.max(axis=1) - rows.min(axis=1) + 1e-6) / WINDOW
    if isinstance(rule, Acceleration):
        farthest = 2 * farthest / WINDOW
    moving = np.flatnonzero(farthest > limit)
    return [rule.channels[row] for row in moving], rows[moving]


def accelerations(rows: Samples, rate: float) -> Samples:
    """Absolute second difference over two windows that end at each frame, per second squared."""
    before, long_before = earlier(rows, WINDOW * rate), earlier(rows, 2 * WINDOW * rate)
    bend: Samples = np.abs(rows - 2 * before + long_before)
    return bend / (WINDOW * WINDOW)


def worst_on_chords(excess: Callable[..., Samples], rows: Sequence[Samples], rate: float) -> Samples:
    """What is not linear in the channels, at its worst when a motion is sampled more coarsely and joined by straight lines.

    Args:
        excess: what is measured on some rows, frame by frame.
        rows: float64 [frames] each.
        rate: frames per second; 0 to measure the frames alone.

    Returns:
        float64 [frames]: the measure at each frame, or halfway to the frame 1/60 or 1/30 s before or after if that is larger.
    """
    worst = excess(*rows)
    if all((row == row[0]).all() for row in rows):
        return worst
    for coarse in _CHORDS:
        span = round(rate / coarse)
        if 1 < span < len(worst):
            halfway = excess(*((row[:-span] + row[span:]) / 2 for row in rows))
            worst[:-span] = np.maximum(worst[:-span], halfway)
            worst[span:] = np.maximum(worst[span:], halfway)
    return worst


def trailing_minimum(row: Samples, frames: int) -> Samples:
    """The smallest value over the last frames at each frame; before the start the first value held."""
    return _over(np.minimum, np.concatenate((np.full(frames, row[0]), row)), frames + 1)


def nearby_maximum(row: Samples, frames: int) -> Samples:
    """The largest value within so many frames of each: without the dips that fewer frames a second may step over."""
    return _over(np.maximum, np.concatenate((np.full(frames, row[0]), row, np.full(frames, row[-1]))), 2 * frames + 1)


def _over(extreme: np.ufunc, row: Samples, width: int) -> Samples:
    """The extreme of every so many neighbours: of twice as many each time, from those of half as many."""
    seen = 1
    while seen < width:
        step = min(seen, width - seen)
        row = extreme(row[step:], row[:-step])
        seen += step
    return row


def gaze(samples: Samples) -> tuple[Samples, Samples]:
    """Line of sight in the world: yaw and pitch, float64 [frames] each, head plus the mean of the eyes, degrees."""
    yaw, pitch = (
        samples[INDEX[f"head{axis}"]] + (samples[INDEX[f"eye{axis}Left"]] + samples[INDEX[f"eye{axis}Right"]]) / 2
        for axis in ("Yaw", "Pitch")
    )
    return yaw, pitch


def lids(samples: Samples) -> Samples:
    """How far the more open eye is closed."""
    closed: Samples = np.minimum(samples[INDEX["eyeBlinkLeft"]], samples[INDEX["eyeBlinkRight"]])
    return closed


def head_turning(samples: Samples, rate: float) -> Samples:
    """Square of the speed of the head's yaw and pitch together, (degrees per second)^2."""
    yaw, pitch = speeds(samples[INDEX["headYaw"]], rate), speeds(samples[INDEX["headPitch"]], rate)
    return yaw * yaw + pitch * pitch


def sweeping(samples: Samples, rate: float, rule: Drift, widen: float = 0.0, *, strict: bool = False) -> Samples:
    """At each frame, the length in seconds of the sweep of the gaze that the frame is part of; 0 outside.

    Args:
        samples: the motion.
        rate: frames per second.
        rule: the band of speeds and how long they may last.
        widen: share by which the band is widened at each end.
        strict: sweeps less than a frame of the slowest rate apart count as one, since that rate may not tell them apart.
    """
    yaw, pitch = (speeds(angle, rate) for angle in gaze(samples))
    squared = yaw * yaw + pitch * pitch
    slow, fast = rule.slow * (1 - widen), rule.fast * (1 + widen)
    turning = head_turning(samples, rate) > (slow / 2) * (slow / 2)
    swept = turning & (squared > slow * slow) & (squared < fast * fast) & (lids(samples) < LIDS_SHUT)
    if strict:
        for start, stop in list(runs(~swept)):
            if start > 0 and stop < len(swept) and stop - start <= rate / SLOWEST:
                swept[start:stop] = True
    lasted = np.zeros_like(yaw)
    for start, stop in runs(swept):
        lasted[start:stop] = (stop - start) / rate
    return lasted


def turned_without_blink(samples: Samples, rate: float, rule: TurnBlink) -> Samples:
    """At each frame, how far the head turned in the last `seconds`, 0 where a blink came with it."""
    yaw, closed, span = samples[INDEX["headYaw"]], lids(samples), round(rule.seconds * rate)
    turned: Samples = np.zeros_like(yaw)
    for frame in range(span, len(yaw)):
        if closed[max(0, frame - 2 * span) : frame + span].max() <= HALF_CLOSED:
            turned[frame] = abs(yaw[frame] - yaw[frame - span])
    return turned


def runs(mask: NDArray[np.bool_]) -> Iterator[tuple[int, int]]:
    """Start and end of every unbroken stretch of true."""
    edges = np.flatnonzero(np.diff(np.concatenate(([0], mask.astype(np.int8), [0]))))
    yield from zip((int(e) for e in edges[::2]), (int(e) for e in edges[1::2]), strict=True)
