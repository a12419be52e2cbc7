"""How far a motion strains the soft constraints: what holds of most people most of the time."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from agents.critic.events import Seen
from agents.critic.findings import Measured
from configs.critic import CriticTable
from protocol.channels import CHANNELS
from protocol.constraints import Check, Constraints, bounded
from protocol.rules import Speed, TurnBlink

_WHOLE_TURN = 20.0
"""Degrees beyond a bound that count as much as a whole coefficient."""


def strains(seen: Seen, constraints: Constraints, table: CriticTable) -> Iterator[Measured]:
    """Every soft constraint that is broken anywhere, both sides of it as one; hard ones are held elsewhere."""
    found: dict[str, Measured] = {}
    for check in constraints.checks:
        if check.rule.severity == "soft":
            measured = _strain(seen, check, table)
            if measured is not None:
                before = found.get(measured.name)
                found[measured.name] = measured if before is None or measured.score < before.score else before
    yield from found.values()


def _strain(seen: Seen, check: Check, table: CriticTable) -> Measured | None:
    if isinstance(check.rule, TurnBlink) and seen.rate * check.rule.seconds < 1:
        return None  # too few frames to see a turn
    count = seen.samples.shape[1]
    depth = np.zeros(count)
    whole = _WHOLE_TURN if any(CHANNELS[name].unit != "share" for name in bounded(check.rule)) else 1.0
    if isinstance(check.rule, Speed):
        whole = check.rule.max
    for measure in check.measures(seen.samples, seen.rate, strict=False):
        depth = np.maximum(depth, np.where(measure.excess > check.epsilon, measure.excess / whole, 0.0))
    broken = depth > 0
    if not broken.any():
        return None
    share, deepest = float(broken.mean()), float(depth.max())
    # A share of the take counts in full where the bound is far exceeded.
    loss = share * min(deepest / table.strain.fade, 1.0)
    return Measured(
        name=check.rule.id,
        about=check.rule.why,
        value=round(share, 4),
        low=0.0,
        high=0.0,
        unit="of the take",
        at=round(float(np.argmax(depth)) / seen.rate, 3),
        score=round(max(1 - loss, 0.0), 4),
    )
