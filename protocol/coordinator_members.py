"""How the coordinator treats the processes of the regions: who is let in, who is taken over, who is told what after a loss.

These are acts of rows in the coordinator's table (`protocol.coordinator`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from protocol.channels import REGIONS, Region
from protocol.coordination import Arm, AskDirector, Audit, DeadlineFired, Install, MakeRuling, MergeBeat, Resume, Review
from protocol.coordinator_state import CoordinatorState as State
from protocol.machine import Output, Received, Send
from protocol.messages import DeadlinePassed, Rejoined, Restored, TakeResumed

Result = tuple[State, Sequence[Output]]

ASKING = ("gathering", "voting")
"""Phases in which regions owe answers."""
BEAT_OPEN = (*ASKING, "auditing", "reviewing", "ruling")
"""Phases in which a beat is not decided yet."""


def arm(state: State, regions: Sequence[Region] = REGIONS) -> tuple[Arm, ...]:
    """A deadline for each of the regions, for the question that is open."""
    assert state.beat is not None
    number = state.round.round if state.round else 0
    return tuple(Arm(region, state.member(region).incarnation, state.beat.beat, number) for region in regions)


def merges(state: State, first: int) -> tuple[MergeBeat, ...]:
    """What of the committed beats, from the first given one, is to be rendered."""
    if state.film is None or state.brief is None:
        return ()
    beats = state.brief.beats
    return tuple(
        MergeBeat(number, beats[number].start, beats[number].end, tracks, ends=number + 1 == len(beats))
        for number, (_, tracks) in enumerate(state.committed)
        if number >= first
    )


def mint(state: State, region: Region, *, fallback: bool, nonce: str) -> Result:
    """A new incarnation of a region, told everything; all older ones are fenced from now on."""
    assert state.opened is not None
    member = state.member(region)
    incarnation = member.incarnation + 1
    nonces = (*member.nonces, (nonce, incarnation)) if nonce else member.nonces
    after = state.with_member(region, incarnation=incarnation, fallback=fallback, nonces=nonces, pending="")
    open_ = state.phase in BEAT_OPEN
    restored = Restored(
        region=region,
        nonce=nonce,
        incarnation=incarnation,
        holder="fallback" if fallback else "region",
        opened=state.opened,
        beat=state.beat if open_ else None,
        proposal=member.proposal if open_ else None,
        round=state.round if open_ else None,
        voted=member.answered or state.phase not in ASKING,
        decisions=member.decisions if open_ else (),
    )
    # After a proposal the question is the open round, if there is one: an answered gathering leaves nothing to do.
    return after, (Install(region, incarnation, fallback), Send((region,), restored))


def let_in(state: State, event: Received) -> Result:
    """A new process of a region is let in, or waits for the next beat if a fallback plays the region in this one."""
    message = event.message
    assert isinstance(message, Rejoined)
    member = state.member(message.region)
    if state.has_let_in(message):
        return state, ()  # asked again before the answer had arrived: the answer is on its way under its own number
    if member.fallback:
        return state.with_member(message.region, pending=message.nonce), ()
    after, outputs = mint(state, message.region, fallback=False, nonce=message.nonce)
    awaited = state.phase in ("gathering", "voting") and not member.answered
    return after, (*outputs, *(arm(after, (message.region,)) if awaited else ()))


def take_over(state: State, event: DeadlineFired) -> Result:
    """A region has not answered: its fallback plays it until the next beat."""
    passed = DeadlinePassed(beat=event.beat, region=event.region, incarnation=event.incarnation, round=event.round)
    after, outputs = mint(state, event.region, fallback=True, nonce="")
    return after, (Send((), passed), *outputs, *arm(after, (event.region,)))


def resume(state: State, event: Resume) -> Result:
    """Everybody else is new: fallbacks begin anew, regions ask to be let in, and whatever was being worked out is again."""
    after = replace(state, phase=state.closed_in or state.phase, closed_in="")
    opened = after.opened
    assert opened is not None
    outputs: list[Output] = [Send((), TakeResumed(versions=dict(event.versions)))]
    for member in after.members:
        after = after.with_member(member.region, pending="")
        if member.fallback:
            after, minted = mint(after, member.region, fallback=True, nonce="")
            outputs += minted
    outputs += merges(after, 0)
    tracks = after.round.tracks if after.round else after.tracks
    if after.phase == "directing":
        outputs.append(AskDirector(opened, after.exchanges))
    elif after.phase == "auditing" and after.beat:
        outputs.append(Audit(after.beat, after.round.vector if after.round else after.vector, tracks))
    elif after.phase == "reviewing" and after.beat and after.round:
        outputs.append(Review(after.beat, after.round.vector, tracks))
    elif after.phase == "ruling" and after.beat:
        outputs.append(MakeRuling(after.beat, after.tracks))
    elif after.phase in ASKING:
        outputs += arm(after, tuple(member.region for member in after.members if not member.answered))
    return after, outputs
