"""Messages that a region may send out of turn, whatever it has said before: the coordinator must not be led astray by any."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

from protocol.channels import Region
from protocol.checking.scenario import objection
from protocol.coordinator_state import CoordinatorState
from protocol.messages import Accepted, Message, Objected

Forgery = Callable[[CoordinatorState, Region], Message | None]
"""Makes one for a region; None where there is nothing to forge."""


def _for_it(state: CoordinatorState, region: Region) -> Accepted | None:
    if state.beat is None or state.round is None:
        return None
    incarnation, vector = state.member(region).incarnation, state.round.vector.digest
    return Accepted(beat=state.beat.beat, round=state.round.round, role=region, incarnation=incarnation, vector=vector)


def _against_it(state: CoordinatorState, region: Region) -> Message | None:
    vote = _for_it(state, region)
    return None if vote is None else Objected(**vote.model_dump(), violations=(objection(region),))


def _for_something_else(state: CoordinatorState, region: Region) -> Message | None:
    vote = _for_it(state, region)
    return None if vote is None else vote.model_copy(update={"vector": "0" * len(vote.vector)})


def _as_another(state: CoordinatorState, region: Region) -> Message | None:
    vote = _for_it(state, region)
    return None if vote is None else vote.model_copy(update={"incarnation": vote.incarnation + 1})


def _of_a_round_to_come(state: CoordinatorState, region: Region) -> Message | None:
    vote = _for_it(state, region)
    return None if vote is None else vote.model_copy(update={"round": vote.round + 1})


def _the_same_again(state: CoordinatorState, region: Region) -> Message | None:
    return state.member(region).proposal


def _another(state: CoordinatorState, region: Region) -> Message | None:
    first = state.member(region).proposal
    return None if first is None else first.model_copy(update={"revision": first.revision + 1})


FORGERIES: Mapping[str, Forgery] = MappingProxyType(
    {
        "votes for it out of turn": _for_it,
        "votes against it out of turn": _against_it,
        "votes for something else": _for_something_else,
        "votes as an incarnation that it is not": _as_another,
        "votes in a round to come": _of_a_round_to_come,
        "proposes the same again": _the_same_again,
        "proposes out of turn": _another,
    }
)
"""By what a region does."""
