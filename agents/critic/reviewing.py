"""The review of a motion: what became of each thing that was asked for, how alive it is, and one number for all of it.

The critic is nobody's planner. It knows the brief, the catalogue as a description of what things look like, and the motion;
so it finds a planner's mistakes, whichever planner that is. It reads from a motion what a viewer could see.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

from agents.critic.asking import asked, limits, stills
from agents.critic.events import BLINK, Seen
from agents.critic.findings import IntentFound, Measured, Review
from agents.critic.intents import find, kept, stilled
from agents.critic.nature import Nature
from agents.critic.strain import strains
from agents.critic.sums import added, mean_of
from agents.critic.wording import Weakness, said
from configs.critic import CriticTable
from configs.tables import Tables
from protocol.brief import Brief
from protocol.constraints import Samples

_WORST = 0.25
"""Share of a kind's score that is that of its worst: one thing that is missing is not made up for by all the others."""
_NATURE_SAYS = 0.8
"""A measure of nature that scores 0 is as weak a point as an intent that scores this much less than 1."""
_STRAIN_SAYS = 0.5
_LIDS = frozenset({"eyeBlinkLeft", "eyeBlinkRight"})


def review(brief: Brief, samples: Samples, fps: Fraction, tables: Tables, *, idle: bool) -> Review:
    """What a motion makes of a brief.

    Args:
        brief: what was asked for.
        samples: the motion: float64 [channels, frames], rows in the order of `protocol.channels.NAMES`, as
            `protocol.timeline.sample` gives it. Not changed.
        fps: its frame rate, exactly. Saccades and the shapes of blinks are measured from 50 frames per second on.
        tables: the catalogue, the soft constraints, and how things are weighed (`configs/critic.yaml`).
        idle: whether the face was meant to stay alive by itself; without that nobody expects it to blink.
    """
    seen = Seen(samples, float(fps))
    table = tables.critic
    everything, held = asked(brief, tables), stills(brief)
    intents = [find(seen, everything, table, one) for one in everything if one.start < seen.seconds]
    limited = limits(brief)
    intents += [kept(seen, limit, table) for limit in limited]
    intents += [stilled(seen, still) for still in held]
    intents.sort(key=lambda found: (found.at, found.beat))
    unblinking = [*held, *(limit for limit in limited if _LIDS.issubset(limit.channels) and limit.most < BLINK)]
    nature = tuple(Nature(seen, everything, held, unblinking, table, idle).measures())
    strain = tuple(strains(seen, tables.constraints, table))
    parts = table.weights
    # Where nothing is asked for nothing is done right either, unless there is no other measure.
    asking = parts.intents if intents or not parts.nature + parts.strain else 0.0
    whole = asking + parts.nature + parts.strain
    weights = [table.nature[measure.name].weight for measure in nature]
    scored = [
        (asking, [found.score for found in intents], [1.0] * len(intents)),
        (parts.nature, [measure.score for measure in nature], weights),
    ]
    strained = max(1 - added(1 - measure.score for measure in strain), 0.0)
    total = added(part * _scored(scores, counts) for part, scores, counts in scored) + parts.strain * strained
    score = round(100 * total / whole, 1)
    costs = [100 * part / whole * cost for part, scores, counts in scored for cost in _costs(scores, counts)]
    costs += [100 * parts.strain / whole * (1 - measure.score) for measure in strain]
    weaknesses = [
        replace(weakness, costs=cost) for weakness, cost in zip(_weaknesses(intents, nature, strain, table), costs, strict=True)
    ]
    weakest = said(weaknesses, round(100 - score, 1), asked=bool(intents))
    return Review(score=score, weakest=weakest, intents=tuple(intents), nature=nature, strain=strain)


def _scored(scores: Sequence[float], weights: Sequence[float]) -> float:
    """The mean of scores with something of the worst; 1 where there are none."""
    counted = [(score, weight) for score, weight in zip(scores, weights, strict=True) if weight > 0]
    if not counted:
        return 1.0
    mean = mean_of([score for score, _ in counted], [weight for _, weight in counted])
    return (1 - _WORST) * mean + _WORST * min(score for score, _ in counted)


def _costs(scores: Sequence[float], weights: Sequence[float]) -> list[float]:
    """What each of some scores takes off what :func:`_scored` makes of them."""
    if not added(weights) > 0:
        return [0.0] * len(scores)
    worst = min(range(len(scores)), key=lambda place: scores[place] if weights[place] > 0 else 1.0)
    shares = [(1 - _WORST) * weight / added(weights) for weight in weights]
    shares[worst] += _WORST
    return [share * (1 - score) for share, score in zip(shares, scores, strict=True)]


def _weaknesses(
    intents: Sequence[IntentFound], nature: Sequence[Measured], strain: Sequence[Measured], table: CriticTable
) -> list[Weakness]:
    """Everything that falls short, by how much it matters."""
    found = [Weakness(intent.score, intent) for intent in intents]
    most = max(table.nature[measure.name].weight for measure in nature) if nature else 1.0
    for measure in nature:
        matters = _NATURE_SAYS * table.nature[measure.name].weight / (most or 1.0)
        usual = table.nature[measure.name].usual
        found.append(Weakness(1 - (1 - measure.score) * matters, measure, of_nature=True, usual=usual))
    found += [Weakness(1 - (1 - measure.score) * _STRAIN_SAYS, measure) for measure in strain]
    return found
