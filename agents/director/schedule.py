"""The draft: a reading with times, cut into beats."""

from __future__ import annotations

import math

from collections.abc import Sequence
from dataclasses import replace

from agents.director.beats import cut
from agents.director.cues import Cue
from agents.director.performance import BEYOND, Span, own_time
from agents.director.reading import Reading
from agents.director.staging import BETWEEN, LEAD, ONE_OF_SEVERAL, TAIL, Stage, placed_moments
from agents.director.steps import Moment, Step
from agents.director.timing import LEAST_STEP, Need, length_needed, place_steps
from configs.lexicon import Call, Lexicon
from protocol.brief import Brief, Limit
from protocol.channels import Region
from protocol.keyframes import exact

PRESUPPOSED = 1.2
"""Seconds for which an expression is seen that the direction only tells the end of, as in "her smile fades"."""
ARRIVED = 0.6
"""Seconds of rest after what a take ends with is let go, so that it is seen to have come back."""
BACK = 1.1
"""Seconds in which what was gone for a while comes back and is seen to be there."""
COLOUR = 0.5
"""Strength of an emotional colouring over the whole take."""


class Scheduler:
    """Gives the steps of a reading their times."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon

    def draft(self, reading: Reading, seconds: float | None, colour: Reading | None = None) -> Brief:
        """A brief for a reading.

        Args:
            reading: the direction, understood.
            seconds: length of the take, or None for what it needs.
            colour: an emotion over the whole take, understood.
        """
        steps, told = self._with_presupposed(list(reading.steps), list(reading.summaries))
        needs = [self._need(step, _pace(steps, number), last=number == len(steps) - 1) for number, step in enumerate(steps)]
        total = exact(seconds if seconds is not None else length_needed(steps, needs))
        starts = [exact(start) for start in place_steps(steps, needs, total)]
        stage = Stage(self._lexicon, steps, placed_moments(steps, starts, total), total)
        stage.play()
        spans, stills, limits = stage.performance.finished(), stage.stills, stage.limits
        _spare_head(spans, limits)
        understood, unread = reading.understood, reading.unread
        if colour is not None:
            spans = [*self._coloured(spans, colour, total), *spans]
            understood, unread = (*understood, *colour.understood), (*unread, *colour.unread)
        beats = cut(starts, told, spans, stills, limits, total)
        return Brief(beats=beats, understood=understood, unread=unread, remarks=reading.remarks)

    def _with_presupposed(self, steps: list[Step], told: list[str]) -> tuple[list[Step], list[str]]:
        """Begin with the expression whose end is told, if nothing before brings it about."""
        seen: set[str] = set()
        for number, step in enumerate(steps):
            for moment in step.moments:
                seen.update(call.name for call in moment.cue.calls)
                if moment.cue.does != "release":
                    continue
                for group in moment.cue.of:
                    act = self._lexicon.acts.presupposed.get(group)
                    if act is None or not seen.isdisjoint(self._lexicon.acts.release[group]):
                        continue
                    cue = replace(
                        moment.cue,
                        does="act",
                        calls=(Call(name=act),),
                        of=(),
                        speed=1.0,
                        natural=PRESUPPOSED,
                        length=None,
                        brief=None,
                    )
                    there = Moment(replace(cue, speed=2.0), -LEAD)
                    if number == 0:  # there from the start, until the time that is told
                        return [Step([there], words=list(step.words)), *steps], [f"{_spoken(act)}, from before", *told]
                    steps[0].moments.insert(0, there)
                    return steps, told
        return steps, told

    def _need(self, step: Step, pace: float, *, last: bool = False) -> Need:
        natural = LEAST_STEP
        fixed: float | None = None
        stretch = 0.0
        for moment in step.moments:
            cue = moment.cue
            length = self._natural(replace(cue, speed=min(cue.speed, pace)))
            natural = max(natural, moment.lag + length)
            if cue.length is not None and (step.when is None or step.when.kind == "first"):
                after = BACK if cue.does == "release" else 0.0 if cue.does in ("still", "pause") else TAIL
                longest = moment.lag + cue.length + after
                fixed = longest if fixed is None else max(fixed, longest)
            held = cue.does == "still" or any(self._lexicon.kind(call.name).hold != "own" for call in cue.calls)
            stretch = max(stretch, length * (1.0 if held else 0.35))
        if last and any(moment.cue.does == "release" for moment in step.moments):
            natural += ARRIVED
        return Need(natural, fixed, max(stretch, 0.1))

    def _natural(self, cue: Cue) -> float:
        """Seconds that a cue takes of itself."""
        if cue.brief is not None:
            return cue.brief + (BACK if cue.does == "release" else 0.8)
        if cue.length is not None:
            return cue.length
        staged = any(call.until is not None and call.until < 1 for call in cue.calls)
        longest = (cue.natural or 0.0) * (max(1, cue.count) if staged else 1)
        if cue.does in ("spare", "gone"):
            return 0.0
        slow = 1.0 / min(1.5, max(0.3, cue.speed))
        if cue.does == "release" and slow > 1:
            longest *= slow  # what goes slowly needs its time as well
        for call in cue.calls:
            kind = self._lexicon.kind(call.name)
            if kind.hold == "own" or (call.count > 1 and kind.hold == "span"):
                longest = max(longest, own_time(kind, call.count, cue.speed) + 0.2)
            elif call.count > 1 and not kind.repeats:
                longest = max(longest, call.count * (ONE_OF_SEVERAL + BETWEEN))
            else:
                longest = max(longest, kind.seconds * (slow if cue.speed < 1 else 1.0))
        return longest

    def _coloured(self, spans: Sequence[Span], colour: Reading, total: float) -> list[Span]:
        """An emotion over the whole take, unless the direction names its own."""
        own = any(span.name in self._lexicon.states and span.name != "neutral" for span in spans)
        calls = [
            (call, moment.cue)
            for step in colour.steps
            for moment in step.moments
            for call in moment.cue.calls
            if self._lexicon.kind(call.name).hold == "keep" and moment.cue.does == "act"
        ]
        if own:
            return []
        return [
            Span(
                call.model_copy(update={"strength": call.strength * COLOUR}),
                self._lexicon.kind(call.name),
                0.0,
                total + BEYOND,
                1.0,
                cue.words,
                0,
            )
            for call, cue in calls[:2]
        ]


def _pace(steps: Sequence[Step], number: int) -> float:
    """The pace that a step takes over from the one before, as "by the time ..." does; without bound if it takes over none."""
    if not number or not steps[number].inherits:
        return math.inf
    return min((moment.cue.speed for moment in steps[number - 1].moments), default=math.inf)


def _spoken(act: str) -> str:
    """An act's name in words."""
    return act.replace("_", " ")


def _spare_head(spans: Sequence[Span], limits: Sequence[Limit]) -> None:
    """Gaze without the head where the head is to stay still."""
    eyes: tuple[Region, ...] = ("eyes",)
    for limit in limits:
        if "headYaw" not in limit.channels:
            continue
        for span in spans:
            if "gaze" in span.kind.parts and limit.start <= span.start < limit.end:
                span.regions = eyes
