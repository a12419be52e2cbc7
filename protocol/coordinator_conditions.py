"""When a row of the coordinator's table is taken: the conditions by which it tells its events apart.

A condition that finds fault with a message itself raises `PeerError`; the state stays as it was.
"""

from __future__ import annotations

from collections.abc import Callable

from protocol.coordination import Audited, DeadlineFired, Reviewed
from protocol.coordinator_state import COMMIT_AS_PROPOSED, CRITIC_OBJECTS, SENT_BACK
from protocol.coordinator_state import CoordinatorState as State
from protocol.machine import Event, PeerError, Received
from protocol.messages import Accepted, Decided, Objected, Proposed, Violation


def notes(state: State, event: Received) -> bool:
    """A planner's answer for the question that is open."""
    decided = event.message
    assert isinstance(decided, Decided)
    return not state.speaker(decided.role, decided.incarnation, decided.beat).answered


def proposes(*, last: bool) -> Callable[[State, Received], bool]:
    """A region proposes what it was asked for; `last` if all others have."""

    def test(state: State, event: Received) -> bool:
        message = event.message
        assert isinstance(message, Proposed)
        member = state.speaker(message.region, message.incarnation, message.beat)
        state.require_fit(message.track)
        if message.round != (state.round.round if state.round else 0):
            raise PeerError(f"{message.region} answers round {message.round}, which is not open")
        if message.revision != (member.proposal.revision + 1 if member.proposal else 1):
            raise PeerError(f"{message.region} sends revision {message.revision} out of turn")
        if not any(
            decided.final for decided in member.decisions
        ):  # who takes over from the region could not know what it had in mind
            raise PeerError(f"{message.region} proposes before it has told what its planner decided")
        others = all(m.answered for m in state.members if m.region != message.region)
        return not member.answered and others == last

    return test


def revises(state: State, event: Received) -> bool:
    """A region changes its proposal before it votes."""
    message = event.message
    return proposes(last=False)(state, event) or not state.member(message.region).answered  # type: ignore[union-attr]


def votes(outcome: str) -> Callable[[State, Received], bool]:
    """A vote after which the round is "open", or all are "for" it, or it goes "on", or the rounds have run "out"."""

    def test(state: State, event: Received) -> bool:
        vote = event.message
        assert isinstance(vote, (Accepted, Objected))
        member = state.speaker(vote.role, vote.incarnation, vote.beat)
        assert state.round is not None
        assert state.opened is not None
        if vote.round != state.round.round or vote.vector != state.round.vector.digest or member.answered:
            raise PeerError(f"{vote.role} votes on something else than round {state.round.round} of beat {vote.beat}")
        others = [m for m in state.members if m.region != vote.role]
        if not all(m.answered for m in others):
            return outcome == "open"
        if isinstance(vote, Accepted) and not any(m.violations for m in others):
            return outcome == "for"
        return outcome == ("out" if state.round.round >= state.opened.rounds else "on")

    return test


def clean(state: State, event: Audited) -> bool:
    """Nothing that anybody would object to."""
    return not event.violations or as_proposed(state)


def is_reviewed(state: State, event: Audited) -> bool:
    """Nothing is broken, and the critic is to look: what it sends back takes a round to revise and one to accept."""
    assert state.opened is not None
    if event.violations or state.round is None or as_proposed(state) or CRITIC_OBJECTS not in state.opened.flags:
        return False
    return state.round.round + 2 <= state.opened.rounds


def counted_objections(state: State, event: Reviewed) -> tuple[Violation, ...]:
    """What of the critic's objections counts.

    It may send a region back so often in a beat and no more, and a vector that all four accept once more stands: they
    cannot do better.
    """
    if state.round is None or state.faulted == state.round.vector.digest:
        return ()
    return tuple(found for found in event.violations if state.member(found.yields).sent_back < SENT_BACK)


def sends_back(state: State, event: Reviewed) -> bool:
    """The critic objects, and may."""
    return bool(counted_objections(state, event))


def followed_by(what: str, test: Callable[[State, Event], bool] | None = None) -> Callable[[State, Event], bool]:
    """After this beat come more "beats", or else "frames" if the take is rendered, or "nothing"; and `test` holds."""

    def both(state: State, event: Event) -> bool:
        assert state.brief is not None
        assert state.beat is not None
        left = "beats" if state.beat.beat + 1 < len(state.brief.beats) else "frames" if state.film else "nothing"
        return left == what and (test is None or test(state, event))

    return both


def closed_while(phase: str) -> Callable[[State, Event], bool]:
    """The take ended in this phase, before it was done."""
    return lambda state, _: state.closed_in == phase


def rounds_left(state: State, event: Audited) -> bool:
    """There may be another round."""
    assert state.round is not None
    assert state.opened is not None
    return state.round.round < state.opened.rounds


def awaited(*, fallback: bool) -> Callable[[State, DeadlineFired], bool]:
    """The deadline is of an answer that is still awaited, from the region or from its fallback."""

    def test(state: State, event: DeadlineFired) -> bool:
        member = state.member(event.region)
        here = (member.incarnation, state.beat.beat if state.beat else -1, state.round.round if state.round else 0)
        return here == (event.incarnation, event.beat, event.round) and not member.answered and member.fallback == fallback

    return test


def as_proposed(state: State) -> bool:
    """First proposals are committed as they are."""
    assert state.opened is not None
    return COMMIT_AS_PROPOSED in state.opened.flags
