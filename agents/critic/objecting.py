"""What the critic objects to in a round: things that a beat asks for and that its merged motion hardly shows.

It reads one beat, with the moments before it, as it reads a whole take (`agents.critic.reviewing`), and speaks of nothing but
what has its place in this beat. An objection names the region that could do most about it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agents.critic.asking import Asked, asked
from agents.critic.events import Seen
from agents.critic.findings import IntentFound
from agents.critic.intents import find, size_of
from agents.critic.looks import Look
from agents.critic.sums import added, mean_of_rows
from configs.critic import CriticTable
from configs.tables import Tables
from protocol.brief import Beat, Brief
from protocol.channels import CHANNELS, Region
from protocol.keyframes import exact
from protocol.messages import OF_CRITIC, Violation
from protocol.timeline import RATE, View

_EVERY = 2
"""Of so many frames of judgement one is looked at: enough to time a blink, at half the cost."""
_HELD = 0.5
"""Seconds of a beat that have to be left once a thing is there which goes on beyond its end."""
_MOST_CHANNELS = 8
"""Channels that an objection names."""
_HEAD_TURNED = 0.5
"""Share of its part of a gaze from which on the head has done it, and the eyes are what is missing."""


def objections(beat: Beat, seen: View, tables: Tables) -> tuple[Violation, ...]:
    """What a beat asks for and four tracks do not show, in the order of the constraints' names.

    Args:
        beat: what is asked for.
        seen: the tracks in their surroundings.
        tables: what things look like, and how plainly they have to be seen (`configs/critic.yaml`).
    """
    seconds = exact(beat.end - beat.start)
    alone = beat.model_copy(update={"start": 0.0, "end": seconds, "origin": None})
    everything = asked(Brief(beats=(alone,)), tables)
    kept = beat.origin.same if beat.origin is not None else ()
    phase = seen.first % _EVERY
    motion = Seen(seen.samples[:, phase : seen.last : _EVERY], RATE / _EVERY, (phase - seen.first) / RATE)
    found = []
    for one in everything:
        if not _lies_within(one, seconds):
            continue
        intent = find(motion, everything, tables.critic, one)
        if intent.present < tables.critic.objecting.present:
            found += _objection(motion, everything, tables.critic, one, intent, kept)
    return tuple(sorted(found, key=lambda violation: violation.order))


def _lies_within(one: Asked, seconds: float) -> bool:
    """Whether a thing is to be seen whole in a beat of so many seconds, or for long enough of what goes on beyond it."""
    if one.start < 0:
        return False
    whole = one.act.end <= seconds + 1e-6
    if one.look.lasts is not None:
        return whole or one.start + one.look.lasts <= seconds + 1e-6
    return whole or (one.look.swing is None and one.over - one.start >= one.look.onset + _HELD)


def _objection(
    motion: Seen, everything: Sequence[Asked], table: CriticTable, one: Asked, intent: IntentFound, kept: Sequence[Region]
) -> list[Violation]:
    """An objection to the region that leaves most of a thing out; none if nobody can do anything about it."""
    worst: tuple[float, Region, Look] | None = None
    for region in one.act.regions:
        part = _part_of(motion, one, region)
        weight = added(_weights(part, table).values()) + (1.0 if part.goal is not None else 0.0)
        if region in kept or not weight:
            continue
        alone = replace(one, look=part)
        others = [alone if other is one else other for other in everything]
        missing = weight * (1 - find(motion, others, table, alone).present)
        if worst is None or missing > worst[0]:
            worst = missing, region, part
    if worst is None or worst[0] <= 0:
        return []
    _, region, part = worst
    weights = _weights(part, table)
    channels = sorted(weights, key=lambda name: (-weights[name], name))[:_MOST_CHANNELS]
    if not channels:
        channels = ["headYaw", "headPitch"] if region == "head" else ["eyeYawLeft", "eyeYawRight"]
    level = part.held.get(channels[0])
    violation = Violation(
        constraint=f"{OF_CRITIC}{one.act.name}",
        channels=tuple(channels),
        start=exact(max(one.start, 0.0)),
        end=exact(max(one.over, one.start)),
        measured=intent.present,
        bound=1.0,
        yields=region,
        suggested=None if level is None else round(level, 4),
    )
    return [violation]


def _part_of(motion: Seen, one: Asked, region: Region) -> Look:
    """What of a look is a region's to do."""
    look = one.look
    held = {name: level for name, level in look.held.items() if CHANNELS[name].region == region}
    swing = look.swing
    if swing is not None:
        spans = {name: span for name, span in swing.spans.items() if CHANNELS[name].region == region}
        swing = replace(swing, spans=spans) if swing.lead in spans else None
    goal = look.goal if look.goal is not None and _aims(motion, one) == region else None
    return replace(look, held=held, swing=swing, goal=goal, back="")


def _aims(motion: Seen, one: Asked) -> Region:
    """Who is to do more about where something points."""
    assert one.look.goal is not None
    if one.look.goal.who != "gaze":
        return "head" if one.look.goal.who == "head" else "eyes"
    turns = {name: degrees for name, degrees in one.head.items() if name in ("headYaw", "headPitch") and degrees}
    if not turns:
        return "eyes"
    span = motion.between(one.start, one.over)
    way = mean_of_rows([motion.row(name)[span] / degrees for name, degrees in turns.items()], [d * d for d in turns.values()])
    turned = float(way.max())
    return "head" if turned < _HEAD_TURNED else "eyes"


def _weights(look: Look, table: CriticTable) -> dict[str, float]:
    """How much each channel tells of a look, by the square of its size."""
    found: dict[str, float] = {}
    spans = look.swing.spans if look.swing is not None else {}
    for name, size in (*look.held.items(), *((name, high - low) for name, (low, high) in spans.items())):
        share = size / size_of(name, table)
        found[name] = max(found.get(name, 0.0), share * share)
    return found
