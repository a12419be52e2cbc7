"""How long what a clause asks for lasts: the seconds that it names, and what is only a flash."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from agents.director.cues import Analysis, Cue
from agents.director.steps import Moment, Step

ONSET = 0.6
"""Seconds that an expression naturally takes to appear (0.4 to 0.7 s, Schmidt 2003); "over three seconds" is set against it."""


def timed(analysis: Analysis, lasting: Mapping[str, str]) -> Analysis:
    """Give the lengths that a clause names to its cues.

    Args:
        analysis: the clause.
        lasting: what acts of their own short time become when they are to last.
    """
    for mark in analysis.clause.times:
        for number, cue in enumerate(analysis.cues):
            instant = mark.kind == "length" and mark.low <= 0.6
            if (
                instant
                or (mark.kind == "length" and number == len(analysis.cues) - 1)
                or mark.kind == "span"
                or (mark.kind == "first" and mark.low)
            ):
                seconds = mark.high - mark.low if mark.kind == "span" else mark.low
                analysis.cues[number] = _long(cue, seconds, lasting)
            elif mark.kind == "within":
                slow = min(3.0, max(0.12, ONSET / mark.low))
                analysis.cues[number] = replace(cue, speed=slow, natural=max(cue.natural or 0.0, mark.low + 0.8))
    return analysis


def _long(cue: Cue, seconds: float, lasting: Mapping[str, str]) -> Cue:
    """A cue of so many seconds: a flash where they are few, and what lasts in place of an act of its own short time."""
    if seconds <= 0.5 and cue.does == "act":
        return replace(cue, brief=max(0.3, seconds + 0.15))
    calls = cue.calls
    if seconds > 0.8:
        calls = tuple(call.model_copy(update={"name": lasting.get(call.name, call.name)}) for call in calls)
    return replace(cue, calls=calls, length=seconds)


def flashed(step: Step, number: int) -> Step:
    """A step in which "and is gone" has made what came before a flash; in a step of its own it lets go what is there."""
    if number and all(moment.cue.does == "gone" for moment in step.moments):
        return replace(step, moments=[replace(m, cue=replace(m.cue, does="release", of=("all",))) for m in step.moments])
    moments: list[Moment] = []
    for moment in step.moments:
        if moment.cue.does == "gone":
            moments = [replace(m, cue=replace(m.cue, brief=m.cue.brief or 0.5)) if m.cue.does == "act" else m for m in moments]
        else:
            moments.append(moment)
    return replace(step, moments=moments)
