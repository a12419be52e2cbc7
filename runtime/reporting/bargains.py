"""What was objected to and what became of it, and how close the finished motion comes to each constraint."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from protocol.channels import CHANNELS, INDEX, SIGNS
from protocol.constraints import Check, Constraints, accelerations, bounded, speeds
from protocol.keyframes import Track, exact
from protocol.messages import OF_CRITIC, Violation
from protocol.rules import Acceleration, Drift, Range, RuleSet, Speed, TurnBlink
from protocol.timeline import RATE, Timeline, sample, view
from runtime.reporting.curves import Samples
from runtime.reporting.story import BeatStory, Raised, Story

_VIEW_RATE = 60
"""Frames per second at which the closest place is looked for."""
_MISSED = "it is asked for, and the critic hardly sees it"
_SAME = {"share": 0.005, "degree": 0.05, "cm": 0.02}
"""Below this a change is not worth a word."""


@dataclass(frozen=True, slots=True)
class Bargain:
    """A constraint that was objected to in a beat.

    Attributes:
        beat: which.
        constraint: its id.
        why: the reason for it.
        by: who objected.
        yields: who was to give way.
        seqs: the objections.
        start, end: seconds of the take in which it was broken at first.
        channels: that it was measured on.
        measured, bound: at the worst place, with the unit.
        outcome: what was done about it.
        became: the same measure on what was decided; empty if nothing is, or it cannot be measured there.
        changes: what the region that yielded did differently, channel by channel.
    """

    beat: int
    constraint: str
    why: str
    by: tuple[str, ...]
    yields: str
    seqs: tuple[int, ...]
    start: float
    end: float
    channels: tuple[str, ...]
    measured: str
    bound: str
    outcome: str
    became: str
    changes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Kept:
    """A hard constraint and how close the motion comes to it.

    Attributes:
        constraint: its id.
        why: the reason for it.
        yields: who gives way between regions; empty for a rule within one.
        closest: the value at the closest place and the bound there; empty if the motion never comes near.
        time: where that is, seconds.
        room: what is left of the bound there, as a share of it; below 0 it is passed, within what is allowed for rounding.
    """

    constraint: str
    why: str
    yields: str
    closest: str
    time: float
    room: float


def bargains_of(story: Story, rules: RuleSet, constraints: Constraints) -> list[Bargain]:
    """Every constraint that was objected to, by beats and in the order in which it came up."""
    reasons = {rule.id: rule.why for rule in rules.rules}
    found = []
    for beat in story.beats:
        groups: dict[str, list[Raised]] = {}
        for raised in beat.raised:
            groups.setdefault(raised.violation.constraint, []).append(raised)
        after = _seen(beat)
        found += [_bargain(beat, group, reasons, constraints, after) for group in groups.values()]
    return found


def _seen(beat: BeatStory) -> tuple[Samples, int] | None:
    """A decided beat after the moments before it, at RATE, and the frame at which it starts; None if it is not decided."""
    if beat.state == "open":
        return None
    seen = view(beat.opened.end_state, beat.tracks(), exact(beat.end - beat.start))
    return seen.samples[:, : seen.last], seen.first


def _bargain(
    beat: BeatStory,
    group: Sequence[Raised],
    reasons: dict[str, str],
    constraints: Constraints,
    after: tuple[Samples, int] | None,
) -> Bargain:
    first = min(raised.round for raised in group)
    worst = max(
        (each for each in group if each.round == first), key=lambda each: abs(each.violation.measured - each.violation.bound)
    )
    violation = worst.violation
    checks = [check for check in constraints.checks if check.rule.id == violation.constraint]
    unit = unit_of(checks[0]) if checks else ""
    return Bargain(
        beat=beat.number,
        constraint=violation.constraint,
        why=_MISSED if violation.constraint.startswith(OF_CRITIC) else reasons.get(violation.constraint, ""),
        by=tuple(dict.fromkeys(each.by for each in group)),
        yields=violation.yields,
        seqs=tuple(dict.fromkeys(each.seq for each in group)),
        start=beat.start + min(each.violation.start for each in group),
        end=beat.start + max(each.violation.end for each in group),
        channels=tuple(dict.fromkeys(name for each in group for name in each.violation.channels)),
        measured=_number(violation.measured, unit),
        bound=_number(violation.bound, unit),
        outcome=_outcome(beat, violation.yields, max(each.round for each in group)),
        became=_became(checks, after, violation, unit),
        changes=_changes(beat, violation.yields, worst.round),
    )


def _outcome(beat: BeatStory, yields: str, last: int) -> str:
    """What was done about an objection that stood until some round."""
    revised = any(proposal.region == yields and proposal.round >= last for _, proposal in beat.proposals)
    if beat.ruled is not None:
        ruling = next(each for each in beat.ruled[1].rulings if each.region == yields)
        kept = f"ruled as {yields} revised" if revised else f"ruled as {yields} proposed"
        what = kept if ruling.rung == "kept" else f"ruled: {yields} {ruling.rung} ({ruling.why})"
        return f"{what}, after round {beat.ruled[1].round}"
    if beat.state == "open":
        return "not decided"
    return f"{yields} revised after round {last}" if revised else f"withdrawn after round {last}"


def _became(checks: Sequence[Check], after: tuple[Samples, int] | None, violation: Violation, unit: str) -> str:
    """What the same rule measures on what was decided: where its bound is the same, or the most like it."""
    if after is None:
        return ""
    samples, first = after
    found: list[tuple[float, float, float, float]] = []
    for check in checks:
        for value, bound, excess in _measured(check, samples, RATE):
            unlike = np.round(np.abs(bound - violation.bound)[first:] / _like(violation.bound))
            frame = first + int(np.lexsort((-excess[first:], unlike))[0])
            found.append((float(unlike[frame - first]), -float(excess[frame]), float(value[frame]), float(bound[frame])))
    if not found:
        return ""
    differs, _, at, limit = min(found)
    return _number(at, unit) if not differs else f"{_number(at, unit)} of {_number(limit, unit)}"


def _like(bound: float) -> float:
    """How far a bound may be from another one that is told as the same number."""
    return max(0.01 * abs(bound), 0.005)


def _rates(rule: Speed | Acceleration, samples: Samples, rate: float) -> Samples:
    rows: Samples = samples[[INDEX[name] for name in rule.channels]]
    return speeds(rows, rate) if isinstance(rule, Speed) else accelerations(rows, rate)


def _changes(beat: BeatStory, region: str, round_: int) -> tuple[str, ...]:
    """What became of a region's channels between its proposal in a round and what was decided, both sides in one."""
    offered = [proposal for _, proposal in beat.proposals if proposal.region == region and proposal.round < round_]
    before = offered[-1].track if offered else None
    after = next((track for track in beat.tracks() if track.region == region), None)
    if before is None or after is None or beat.state == "open":
        return ()
    said: dict[str, str] = {}
    for old, new in zip(_spans(before), _spans(after), strict=True):
        channel = CHANNELS[old[0]]
        if max(abs(old[1] - new[1]), abs(old[2] - new[2])) >= _SAME[channel.unit]:
            unit = SIGNS[channel.unit]
            said.setdefault(channel.stem, f"{channel.stem} {_span(*new[1:])}{unit}, was {_span(*old[1:])}{unit}")
    return tuple(said.values())


def _spans(track: Track) -> list[tuple[str, float, float]]:
    return [(c.channel, min(k.value for k in c.keys), max(k.value for k in c.keys)) for c in track.curves]


def _span(low: float, high: float) -> str:
    first, last = _plain(low), _plain(high)
    return first if first == last else f"{first} … {last}"


def kept(timeline: Timeline, rules: RuleSet, constraints: Constraints) -> list[Kept]:
    """Every hard constraint, in the order of the table, with the place where the motion comes closest to its bound."""
    samples = sample(timeline, Fraction(_VIEW_RATE))
    checks: dict[str, list[Check]] = {}
    for check in constraints.hard:
        checks.setdefault(check.rule.id, []).append(check)
    found = []
    for rule in rules.rules:
        if rule.id not in checks:
            continue
        places = [each for check in checks[rule.id] for each in _closest(check, samples, _VIEW_RATE)]
        # At rest much touches a bound of 0.
        moving = [each for each in places if each.changes and (each.bound != 0 or each.excess > 0)]
        text, time, room = "", 0.0, 1.0
        if moving:
            worst = max(moving, key=lambda each: each.excess)
            unit = unit_of(checks[rule.id][0])
            text = f"{_number(worst.value, unit)} of {_number(worst.bound, unit)}"
            time, room = worst.frame / _VIEW_RATE, -worst.excess / (abs(worst.bound) or 1.0)
        found.append(Kept(rule.id, rule.why, rule.yields or "", text, time, room))
    return found


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a motion comes closest to a bound.

    Attributes:
        excess: how far past it; below 0 if it is kept.
        value: what is measured there.
        bound: what it has to keep to there.
        frame: which.
        changes: whether it is closer there than elsewhere.
    """

    excess: float
    value: float
    bound: float
    frame: int
    changes: bool


def _closest(check: Check, samples: Samples, rate: int) -> list[_Place]:
    """The closest place to each bound of a check; none for what nothing moves."""
    if not any(float(np.ptp(samples[INDEX[name]])) > 0 for name in bounded(check.rule)):
        return []
    places = []
    for value, bound, excess in _measured(check, samples, rate):
        frame = int(np.argmax(excess))
        changes = float(np.ptp(excess)) > 0
        places.append(_Place(float(excess[frame]), float(value[frame]), float(bound[frame]), frame, changes))
    return places


def _measured(check: Check, samples: Samples, rate: int) -> Iterator[tuple[Samples, Samples, Samples]]:
    """Value, bound and excess of everything that a check bounds, float64 [frames] each.

    Measures of a range, a speed or an acceleration exist only where they are broken, so these are taken here.
    """
    rule = check.rule
    if isinstance(rule, (Speed, Acceleration)):
        for row in _rates(rule, samples, rate):
            yield row, np.full_like(row, rule.max), row - rule.max
    elif isinstance(rule, Range):
        for name in rule.channels:
            row = samples[INDEX[name]]
            yield row, np.full_like(row, rule.max), row - rule.max
            yield row, np.full_like(row, rule.min), rule.min - row
    else:
        for measure in check.measures(samples, rate, strict=False):
            yield measure.value, measure.bound, measure.excess


def unit_of(check: Check) -> str:
    """What a check's values are in, to be put after a number."""
    rule = check.rule
    if isinstance(rule, Drift):
        return " s"
    if isinstance(rule, TurnBlink):
        return "°"
    names = bounded(rule)
    unit = SIGNS[CHANNELS[names[0]].unit] if names[0] in CHANNELS else ""
    if isinstance(rule, Speed):
        return f"{unit}/s"
    return f"{unit}/s²" if isinstance(rule, Acceleration) else unit


def _number(value: float, unit: str) -> str:
    return f"{_plain(value)}{unit}"


def _plain(value: float) -> str:
    """Three digits or so: as much as anyone compares by eye."""
    places = 0 if abs(value) >= 100 else 1 if abs(value) >= 10 else 2
    text = f"{value:.{places}f}"
    return text.lstrip("-") if float(text) == 0 else text
