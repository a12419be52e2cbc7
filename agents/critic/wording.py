"""The weakest point of a motion in a sentence that a director understands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from agents.critic.findings import IntentFound, Measured

FINE = "nothing falls short"
"""Said only of what comes to 100 points."""
NOT_MUCH = "nothing falls short by much"
NOTHING_ASKED = "nothing is asked of the face, so only how alive it is could be judged"
_FINE = 0.8
"""A weakest point that scores this falls short by little, and then what it costs is told with it."""
_LEAST = 0.5
"""Points up to which nothing is lost: the score is told as a whole number."""
_ABSENT, _FAINT = 0.15, 0.6
_PLAIN = 0.95
"""Presence from which a thing is as plain as can be."""
_WEAK = 0.75
"""Share of the size asked for."""
_LATE = 0.15
"""Seconds that are worth mentioning."""


@dataclass(frozen=True, slots=True)
class Weakness:
    """Something that falls short: the less its score, the more it matters.

    Attributes:
        score: 0 to 1.
        what: what was found.
        of_nature: whether it is about how alive the motion is.
        usual: where most people are, for measures of that.
        costs: points of 100 that it takes off the review's score.
    """

    score: float
    what: IntentFound | Measured
    of_nature: bool = False
    usual: float = 0.0
    costs: float = 0.0


def said(found: Sequence[Weakness], lost: float, *, asked: bool) -> str:
    """A sentence about the weakest point, without its full stop.

    Args:
        found: everything that was looked at.
        lost: points of 100 that are lost in all.
        asked: whether anything is asked of the face.
    """
    weakest = min(found, key=lambda weak: weak.score, default=None)
    if weakest is not None and weakest.score < _FINE:
        if isinstance(weakest.what, IntentFound):
            return _of_intent(weakest.what)
        return _of_nature(weakest.what) if weakest.of_nature else _of_strain(weakest.what)
    costliest = max(found, key=lambda weak: weak.costs, default=None)
    if costliest is None or lost <= _LEAST:
        return FINE if asked else NOTHING_ASKED
    return f"{NOT_MUCH if asked else NOTHING_ASKED}; most is lost here ({_points(costliest.costs)}): {_slight(costliest)}"


def _points(costs: float) -> str:
    return f"{costs:.1f} point{'' if f'{costs:.1f}' == '1.0' else 's'}"


def _slight(weak: Weakness) -> str:
    """What is not quite as it could be."""
    if isinstance(weak.what, IntentFound):
        return _of_slight_intent(weak.what)
    if not weak.of_nature:
        return _of_strain(weak.what)
    measure = weak.what
    if not measure.inside:
        return _of_nature(measure)
    side = "above" if measure.value > weak.usual else "below"
    counted = f" ({measure.note})" if measure.note else ""
    value = f"{measure.value:.3g} {measure.unit}".rstrip()
    return f"{measure.about}, {value}{counted}: {side} what is usual, but within the range of people"


def _of_slight_intent(found: IntentFound) -> str:
    what, at = called(found), f"at {found.at:.2f} s"
    if found.note or found.name in ("limit", "still"):
        return _of_intent(found)
    if found.present < _PLAIN:
        return f"{what} could be seen more plainly: {found.present:.2f} of 1, asked for {at}"
    if abs(found.late) / _LATE > abs(1 - found.strength) / (1 - _WEAK):
        return f"{what} comes {abs(found.late):.2f} s {'late' if found.late > 0 else 'early'}, asked for {at}"
    return f"{what} has {found.strength:.2f} of the size asked for, {at}"


def called(found: IntentFound) -> str:
    """What an intent is called: by its words, with its name and side."""
    name = found.name if found.side == "both" else f"{found.name}, {found.side}"
    return f'"{found.words}" ({name}) in beat {found.beat}' if found.words else f"{name} in beat {found.beat}"


def _of_intent(found: IntentFound) -> str:
    what, at = called(found), f"asked for at {found.at:.2f} s"
    if found.name in ("limit", "still"):
        words = f'"{found.words}"' if found.words else "what is not to move"
        return f"{words} in beat {found.beat} is not kept to: {found.note}, from {found.at:.2f} s on"
    if found.present < _ABSENT:
        return f"{what} is not to be seen: {found.present:.2f} of 1, {at}"
    if found.present < _FAINT:
        return f"{what} is hardly seen: {found.present:.2f} of 1, {at}"
    if found.note:
        return f"{what}: {found.note}, {at}"
    if abs(found.late) > _LATE and abs(found.late) > abs(1 - found.strength):
        return f"{what} comes {abs(found.late):.2f} s {'late' if found.late > 0 else 'early'}, {at}"
    if found.strength < 1:
        weak = "weak" if found.strength < _WEAK else "a little weak"
        return f"{what} is {weak}: {found.strength:.2f} of the size asked for, at {found.at:.2f} s"
    return f"{what} is overdone: {found.strength:.2f} times the size asked for, at {found.at:.2f} s"


def _of_nature(measure: Measured) -> str:
    value, low, high = measure.value, measure.low, measure.high
    at = "" if measure.at is None else f", at {measure.at:.2f} s"
    little = value < low
    unit = f" {measure.unit}" if measure.unit else ""
    people = f"{low:.3g} to {high:.3g}{unit}"
    if measure.name == "dead_time":
        return f"nothing moves for {value:.1f} s{at}: a living face is never that still"
    if measure.name == "stare":
        return f"there is no blink for {value:.1f} s{at}"
    if measure.name == "sides" and little:
        return f"both sides move exactly alike: they differ by {value:.4f} of their size, in people by {low:g} and more"
    if measure.name == "sides":
        return f"the face is lopsided: its sides differ by {value:.2f} of their size{at}, in people by {high:g} at most"
    if measure.name == "together" and little:
        spread = f"its parts start within {1000 * value:.0f} ms"
        return f"everything sets out at one stroke: {spread}, in people {1000 * low:.0f} or more"
    if measure.name == "tremble":
        return f"the whole face trembles: {value:.1f} times what a steady face does"
    if measure.name == "speed":
        return f"a movement is {value:.1f} times as fast as any seen on people{at}"
    if measure.name == "blink_rate":
        return f"it blinks {'seldom' if little else 'much'}: {measure.note}"
    return f"{measure.about}: {value:.2f}{unit}, in people {people}"


def _of_strain(measure: Measured) -> str:
    return (
        f"{measure.name} is strained for {100 * measure.value:.0f} % of the take, most at {measure.at:.2f} s: {measure.about}"
    )
