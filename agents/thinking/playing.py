"""Between a region and its language model: what it is told of a beat, and what its answer comes to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from agents.doing_more import is_of_critic
from agents.performance import Drawn, Performance
from agents.regions import LexiconRegion, Question
from agents.thinking.answers import Chosen, DrawnLine, Playing, Unusable
from agents.thinking.drafting import LEAST_ACT, act_of, unknown
from agents.thinking.requests import acts_of
from configs.tables import Tables
from protocol.brief import Act, Beat
from protocol.channels import CHANNELS, INDEX, REGIONS, WRITABLE, Region, both_sides
from protocol.keyframes import Mode, exact
from protocol.messages import Violation
from protocol.reduction import TOLERANCES
from protocol.timeline import RATE, View

_MISSED = (
    "this act is asked for, and a critic who looks at the whole face hardly sees it (measured is how much of it, of 1): "
    "do more of it, or do it if you left it out"
)
_MOST_PROBLEMS = 8
_MOST_SHOWN = 14
"""Channels of a peer that a region is shown, those that move most."""
_MOST_OBJECTIONS = 24
_NEAR = 0.15
"""Seconds within which a move counts as beginning or ending with its beat."""


def told_of_beat(question: Question) -> dict[str, Any]:
    """A beat as its region is told of it before it has seen its peers. What was committed before is not among it."""
    intent, opened = question.beat.intent, question.opened
    return {
        "region": question.region,
        "direction": opened.direction,
        "emotion": opened.emotion or None,
        "beat": question.beat.beat,
        "begins_at": intent.start,
        "seconds": exact(intent.end - intent.start),
        "summary": intent.summary,
        "acts": [{"act": number, **told_of_act(act)} for number, act in enumerate(intent.acts, 1)],
        "limits": [limit.model_dump(exclude={"words"}) for limit in intent.limits],
        "stills": [still.model_dump(exclude={"words"}) for still in intent.stills],
    }


def told_of_round(
    question: Question, before: Performance, seen: View, yielding: Sequence[Violation], tables: Tables
) -> dict[str, Any]:
    """A beat as its region is told of it in a round: with its own last answer, its peers' tracks and what was objected to."""
    why = {check.rule.id: check.rule.why for check in tables.constraints.hard}
    return {
        **told_of_beat(question),
        "round": question.round.round if question.round else 0,
        "your_moves": [told_of_act(move.act) for move in before.moves if not move.idle],
        "your_keyframes": [drawn.model_dump() for drawn in before.curves],
        "objections": [
            {
                **violation.model_dump(exclude={"yields"}, exclude_none=True),
                "measured": round(violation.measured, 3),
                "bound": round(violation.bound, 3),
                "rule": why.get(violation.constraint, "") if not is_of_critic(violation) else _MISSED,
            }
            for violation in yielding[:_MOST_OBJECTIONS]
        ],
        "peers": {region: _moving(seen, region) for region in REGIONS if region != question.region},
    }


def performance_of(playing: Playing, question: Question, tables: Tables) -> Performance:
    """What a region's answer comes to: its moves as a body does them, and idle motion under them.

    Variation, idle motion and what is kept in a revision are those of the embedded planner, so that a face with a language
    model is as alive, and as much the same from beat to beat, as one without.

    Raises:
        Unusable: it names what there is not, or what is not the region's.
    """
    region, intent = question.region, question.beat.intent
    seconds = exact(intent.end - intent.start)
    _require_own(playing, region, tables)
    acts = sorted((_act(chosen, intent, region, seconds) for chosen in playing.moves), key=lambda act: (act.start, act.name))
    # What others are to do stays in sight: idle motion keeps clear of it. What this region is to do is what it has chosen.
    others = [
        act.model_copy(update={"regions": tuple(other for other in act.regions if other != region)}) for act in intent.acts
    ]
    chosen = intent.model_copy(update={"acts": (*acts, *(act for act in others if act.regions))[:200]})
    asked = replace(question, beat=question.beat.model_copy(update={"intent": chosen}))
    performance = LexiconRegion(tables).propose(asked, {}).performance
    if performance.kept:
        return performance
    return performance.model_copy(update={"curves": _curves(playing.keyframes, seconds)})


def told_of_act(act: Act) -> dict[str, Any]:
    """An act without what it leaves at its usual."""
    shown: dict[str, Any] = {"name": act.name, "start": act.start, "end": act.end, "strength": act.strength}
    for name, usual in (("speed", 1.0), ("side", "both"), ("count", 0), ("yaw", 0.0), ("pitch", 0.0), ("words", "")):
        if getattr(act, name) != usual:
            shown[name] = getattr(act, name)
    if act.regions != REGIONS:
        shown["only"] = list(act.regions)
    return shown


def _moving(seen: View, region: Region) -> dict[str, list[float]]:
    """What a region's channels do in a beat: [least, second of it, most, second of it], of those that move most."""
    found = []
    for name in WRITABLE[region]:
        line = seen.samples[INDEX[name]][seen.first : seen.last]
        low, high = int(np.argmin(line)), int(np.argmax(line))
        unit = CHANNELS[name].unit
        reach = max(abs(float(line[low])), abs(float(line[high]))) / TOLERANCES[unit]
        if reach > 2:
            told = [round(float(line[low]), 3), round(low / RATE, 2), round(float(line[high]), 3), round(high / RATE, 2)]
            found.append((reach, name, told))
    found.sort(key=lambda each: (-each[0], each[1]))
    return {name: told for _, name, told in found[:_MOST_SHOWN]}


def _require_own(playing: Playing, region: Region, tables: Tables) -> None:
    own = dict(acts_of(tables, region))
    everything = dict(acts_of(tables, None))
    problems = []
    for move in playing.moves:
        if move.name in own:
            continue
        foreign = move.name in everything
        problems.append(f"{move.name} is nothing that the {region} can do" if foreign else unknown(move.name, own, "move"))
    for line in playing.keyframes:
        channels = both_sides(line.channel)
        if not channels or CHANNELS[channels[0]].derived:
            problems.append(unknown(line.channel, WRITABLE[region], "channel"))
        elif CHANNELS[channels[0]].region != region:
            problems.append(f"{line.channel} belongs to the {CHANNELS[channels[0]].region}, not to the {region}")
    if problems:
        raise Unusable(list(dict.fromkeys(problems))[:_MOST_PROBLEMS])


def _act(chosen: Chosen, intent: Beat, region: Region, seconds: float) -> Act:
    """A move as an act of the beat: of the region alone, unless it serves an act of several that it is to do with them."""
    served = intent.acts[chosen.act - 1] if 1 <= chosen.act <= len(intent.acts) else None
    start = exact(min(chosen.start, max(seconds - LEAST_ACT, 0)))
    end = exact(min(max(chosen.end, start + LEAST_ACT), max(seconds, start + LEAST_ACT)))
    if served is not None and served.name == chosen.name:
        # What goes on over the beat's ends goes on here as well, along the same curve.
        start = served.start if served.start < 0 and start <= _NEAR else start
        end = served.end if served.end > seconds and end >= seconds - _NEAR else end
    regions = served.regions if served is not None and region in served.regions else (region,)
    return act_of(chosen, start, end, regions, served.words if served is not None else "")


def _curves(lines: Sequence[DrawnLine], seconds: float) -> tuple[Drawn, ...]:
    """Lines that a model has drawn, each channel's in one, in order and within range."""
    by_channel: dict[str, dict[float, tuple[float, Mode]]] = {}
    for line in lines:
        for name in both_sides(line.channel):
            channel = CHANNELS[name]
            for point in line.points:
                time = exact(min(point.time, seconds))
                value = exact(min(max(point.value, channel.low), channel.high))
                by_channel.setdefault(name, {})[time] = (value, point.mode)
    return tuple(
        Drawn(channel=name, points=tuple((time, *points[time]) for time in sorted(points)))
        for name, points in _ordered(by_channel)
    )


def _ordered(by_channel: Mapping[str, dict[float, tuple[float, Mode]]]) -> list[tuple[str, dict[float, tuple[float, Mode]]]]:
    return sorted(by_channel.items(), key=lambda item: INDEX[item[0]])
