"""Seeded bugs in what the protocol does with the critic's votes; see `tests.mutations`, to which they belong."""

from __future__ import annotations

from tests.mutations import MUTATIONS, Mutation

OF_CRITIC = (
    Mutation(
        "the critic may send a region back as often as it likes",
        "L1",
        "protocol.coordinator_conditions",
        "return tuple(found for found in event.violations if state.member(found.yields).sent_back < SENT_BACK)",
        "return event.violations",
        "explore the critic three times",
    ),
    Mutation(
        "how often the critic has sent a region back is not counted",
        "L1",
        "protocol.coordinator",
        "members = tuple(replace(one, sent_back=one.sent_back + (one.region in names)) for one in state.members)",
        "members = state.members",
        "explore the critic three times",
    ),
    Mutation(
        "the critic may object when one round is left",
        "L1",
        "protocol.coordinator_conditions",
        "return state.round.round + 2 <= state.opened.rounds",
        "return state.round.round + 1 <= state.opened.rounds",
        "explore the critic",
    ),
    Mutation(
        "the critic is not asked again when the take goes on",
        "L1",
        "protocol.coordinator_members",
        "outputs.append(Review(after.beat, after.round.vector, tracks))",
        "pass",
        "explore an outage while the critic looks",
    ),
    Mutation(
        "what a take goes on with is not what the critic was looking at",
        "S1",
        "protocol.coordinator_members",
        "outputs.append(Review(after.beat, after.round.vector, tracks))",
        "outputs.append(Audit(after.beat, after.round.vector, tracks))",
        "takes",
    ),
    Mutation(
        "the vote of the critic is not journaled where it accepts",
        "S1",
        "protocol.coordinator",
        "return decided, (Send((), Accepted(**_critics_vote(state))), *outputs)",
        "return decided, outputs",
        "explore the critic and a death",
    ),
    Mutation(
        "the vote of the critic is not journaled where it objects",
        "S7",
        "protocol.coordinator",
        "return opened, (Send((), Objected(**_critics_vote(state), violations=found)), *outputs)",
        "return opened, outputs",
        "replay",
    ),
    Mutation(
        "the critic looks at what an audit found fault with",
        "S3",
        "protocol.coordinator_conditions",
        "if event.violations or state.round is None or as_proposed(state) or CRITIC_OBJECTS not in state.opened.flags:",
        "if state.round is None or as_proposed(state) or CRITIC_OBJECTS not in state.opened.flags:",
        "explore the critic and an audit",
    ),
    Mutation(
        "the end of a beat that was audited is lost while the critic looks",
        "S3",
        "protocol.coordinator",
        "decided, outputs = _decide(after, state.round.vector, state.round.tracks, state.ending, ())",
        "decided, outputs = _decide(after, state.round.vector, state.round.tracks, state.beat.end_state, ())",
        "takes",
    ),
)
"""Where the critic is asked, counted and journaled."""
EVERY = (*MUTATIONS, *OF_CRITIC)
"""All of them."""
