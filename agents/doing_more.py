"""How a region meets the critic: what it is hardly seen to do it does larger, and what it has left out it performs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agents.performance import Move
from protocol.keyframes import exact
from protocol.messages import OF_CRITIC, Violation

MOST = 2.0
"""Factor on a move's size that is not gone beyond."""
_STEP = 3.0
"""Factor by which a move grows at most at once."""
_NEAR = 0.3
"""Seconds around what is missed within which a move counts as it."""


def is_of_critic(violation: Violation) -> bool:
    """Whether it is about something that was asked for and is hardly seen, and not about a rule."""
    return violation.constraint.startswith(OF_CRITIC)


def done_more(moves: Sequence[Move], asked: Sequence[Move], found: Iterable[Violation]) -> tuple[Move, ...]:
    """The moves of a region that has been told what is hardly seen of it.

    Args:
        moves: what it does.
        asked: what it would do if it did all that is asked of it.
        found: what it is to give way to, rules among it, which are no matter here.
    """
    after = list(moves)
    for violation in filter(is_of_critic, found):
        name = violation.constraint.removeprefix(OF_CRITIC)
        places = [place for place, move in enumerate(after) if move.act.name == name and _meets(move, violation)]
        if not places:
            after += [move for move in asked if move.act.name == name and _meets(move, violation) and move not in after]
            continue
        factor = violation.bound / max(violation.measured, violation.bound / _STEP)
        for place in places:
            size = max(min(after[place].size * factor, MOST), after[place].size)
            after[place] = after[place].model_copy(update={"size": exact(size)})
    return tuple(after)


def _meets(move: Move, violation: Violation) -> bool:
    """Whether a move is there when something is missed."""
    return move.act.start <= violation.end + _NEAR and violation.start - _NEAR <= move.act.end
