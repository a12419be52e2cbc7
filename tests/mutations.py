"""Seeded bugs: small, plausible mistakes in the code of the protocol, each of which a check has to catch.

    PYTHONPATH=. python -m tests.mutating             every mistake before the check that catches it soonest
    PYTHONPATH=. python -m tests.mutating --table     every mistake before every check, as a Markdown table

The checks know nothing of the mistakes; how they are made is in `tests.mutating`.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mutation:
    """A mistake.

    Attributes:
        name: in words.
        breaks: what it breaks, as it is called in docs/protocol.md.
        module: that it is made in.
        old: what stands there, once.
        new: what stands there instead.
        caught_by: the check that catches it soonest.
    """

    name: str
    breaks: str
    module: str
    old: str
    new: str
    caught_by: str

    @property
    def change(self) -> tuple[str, str, str]:
        """What is done to the text."""
        return self.module, self.old, self.new


MUTATIONS = (
    # ---------------------------------------------------------------------------------------------- votes and rounds
    Mutation(
        "a vote is counted twice, so that three regions are enough",
        "S1",
        "protocol.coordinator_conditions",
        ("others = [m for m in state.members if m.region != vote.role]\n        if not all(m.answered for m in others):"),
        ("others = [m for m in state.members if m.region != vote.role]\n        if sum(m.answered for m in others) < 2:"),
        "explore objections",
    ),
    Mutation(
        "a vote on an older vector is accepted",
        "S1",
        "protocol.coordinator_conditions",
        "if vote.round != state.round.round or vote.vector != state.round.vector.digest or member.answered:",
        "if member.answered:",
        "explore forgeries",
    ),
    Mutation(
        "a region may vote twice in a round",
        "S5",
        "protocol.coordinator_conditions",
        "vote.vector != state.round.vector.digest or member.answered:",
        "vote.vector != state.round.vector.digest:",
        "explore forgeries",
    ),
    Mutation(
        "the votes of the last round stand in the next",
        "S1",
        "protocol.coordinator",
        "members = tuple(replace(member, answered=False, violations=()) for member in state.members)",
        ("members = tuple(replace(member, answered=not member.violations, violations=()) for member in state.members)"),
        "explore objections",
    ),
    Mutation(
        "an objection is forgotten once another region accepts",
        "S1",
        "protocol.coordinator_conditions",
        "if isinstance(vote, Accepted) and not any(m.violations for m in others):",
        "if isinstance(vote, Accepted):",
        "explore objections",
    ),
    Mutation(
        "the cap of rounds is one too high",
        "L1",
        "protocol.coordinator_conditions",
        'return outcome == ("out" if state.round.round >= state.opened.rounds else "on")',
        'return outcome == ("out" if state.round.round > state.opened.rounds else "on")',
        "explore objections",
    ),
    Mutation(
        "the objections of a round are not passed on",
        "S7",
        "protocol.coordinator",
        "return _open_round(after, after.round.round + 1, sort_objections(raised))",
        "return _open_round(after, after.round.round + 1, ())",
        "replay",
    ),
    Mutation(
        "a proposal out of turn is taken",
        "S5",
        "protocol.coordinator_conditions",
        "if message.revision != (member.proposal.revision + 1 if member.proposal else 1):",
        "if message.revision < 1:",
        "explore forgeries",
    ),
    # ------------------------------------------------------------------------------------------- commits and rulings
    Mutation(
        "what is committed is the latest proposals, not those that were voted on",
        "S1",
        "protocol.coordinator",
        "voted = state.round.vector if state.round else state.vector",
        "voted = state.vector",
        "explore forgeries",
    ),
    Mutation(
        "the end state of a beat is lost, so that the next begins at the old one",
        "S3",
        "protocol.coordinator",
        "after = replace(state, end_state=end, committed=(*state.committed, (vector.digest, tracks)))",
        "after = replace(state, committed=(*state.committed, (vector.digest, tracks)))",
        "takes",
    ),
    Mutation(
        "what all accept is committed without a last look at it",
        "S3",
        "protocol.coordinator_conditions",
        "return not event.violations or as_proposed(state)",
        "return True",
        "explore objections",
    ),
    Mutation(
        "a commit names the digest of the beat before",
        "S1",
        "protocol.coordinator",
        "committed = Committed(beat=number, vector=vector, digest=vector.digest, ruled=bool(before))",
        (
            "committed = Committed(\n"
            "        beat=number, vector=vector, digest=(state.beat.previous or vector.digest), ruled=bool(before)\n"
            "    )"
        ),
        "takes",
    ),
    Mutation(
        "a ruling is committed without having been told",
        "S2",
        "protocol.coordinator",
        "return _decide(state, vector, event.tracks, event.end_state, (Send(REGIONS, ruled),))",
        "return _decide(state, vector, event.tracks, event.end_state, (Send((), ruled),)[:0])",
        "explore objections",
    ),
    Mutation(
        "a ruling skips a constraint",
        "S3",
        "protocol.ruling",
        ("left = violations(seen, constraints.hard)\n        if not left"),
        ("left = violations(seen, constraints.hard[:-1])\n        if not left"),
        "explore every rung",
    ),
    Mutation(
        "a ruling commits what was proposed",
        "S3",
        "protocol.coordinator",
        "return _decide(state, vector, event.tracks, event.end_state, (Send(REGIONS, ruled),))",
        "return _decide(state, vector, state.tracks, event.end_state, (Send(REGIONS, ruled),))",
        "explore objections",
    ),
    Mutation(
        "a beat is opened twice",
        "S6",
        "protocol.coordinator",
        "opened, outputs = _open_beat(after, number + 1, vector.digest)",
        "opened, outputs = _open_beat(after, number, vector.digest)",
        "explore deaths in two beats",
    ),
    Mutation(
        "regions are told of a commit before the beat is decided",
        "S1",
        "protocol.coordinator",
        ('    return replace(after, phase="auditing"), (Audit(after.beat, after.round.vector, after.round.tracks),)'),
        (
            "    early = Committed(\n"
            "        beat=after.beat.beat, vector=after.round.vector, digest=after.round.vector.digest, ruled=False\n"
            "    )\n"
            '    return replace(after, phase="auditing"), (\n'
            "        Send(REGIONS, early), Audit(after.beat, after.round.vector, after.round.tracks),\n"
            "    )"
        ),
        "explore objections",
    ),
    # ------------------------------------------------------------------------------------ incarnations and deadlines
    Mutation(
        "fencing is off by one",
        "S5",
        "protocol.coordinator_state",
        "if incarnation != member.incarnation or self.beat is None or beat != self.beat.beat:",
        ("if incarnation not in (member.incarnation, member.incarnation - 1) or self.beat is None or beat != self.beat.beat:"),
        "explore deaths in two beats",
    ),
    Mutation(
        "an answer for another beat is taken",
        "S1",
        "protocol.coordinator_state",
        "if incarnation != member.incarnation or self.beat is None or beat != self.beat.beat:",
        "if incarnation != member.incarnation or self.beat is None:",
        "explore deaths in two beats",
    ),
    Mutation(
        "a new process gets the incarnation of the one before it",
        "S5",
        "protocol.coordinator_members",
        "incarnation = member.incarnation + 1",
        "incarnation = member.incarnation + fallback",
        "explore deaths in two beats",
    ),
    Mutation(
        "a new process is not told that the region has voted",
        "S5",
        "protocol.coordinator_members",
        "voted=member.answered or state.phase not in ASKING,",
        "voted=False,",
        "explore deaths in two beats",
    ),
    Mutation(
        "a new process is not told what the region has proposed",
        "S5",
        "protocol.coordinator_members",
        "proposal=member.proposal if open_ else None,",
        "proposal=None,",
        "explore deaths in two beats",
    ),
    Mutation(
        "a process that comes back while a fallback plays takes over at once",
        "S2",
        "protocol.coordinator_members",
        (
            "    if member.fallback:\n"
            "        return state.with_member(message.region, pending=message.nonce), ()\n"
            "    after, outputs = mint("
        ),
        "    after, outputs = mint(",
        "explore deaths in two beats",
    ),
    Mutation(
        "a process that waits for the next beat is forgotten",
        "L1",
        "protocol.coordinator",
        "after, returned = mint(after, member.region, fallback=False, nonce=member.pending)",
        'after, returned = mint(after, member.region, fallback=False, nonce="")',
        "explore deaths in two beats",
    ),
    Mutation(
        "the deadline of an earlier question takes a region's role away",
        "S5",
        "protocol.coordinator_conditions",
        ("return here == (event.incarnation, event.beat, event.round) and not member.answered and member.fallback == fallback"),
        ("return here[:2] == (event.incarnation, event.beat) and not member.answered and member.fallback == fallback"),
        "explore deaths in two beats",
    ),
    Mutation(
        "no deadline is set for a fallback",
        "L1",
        "protocol.coordinator_members",
        "return after, (Send((), passed), *outputs, *arm(after, (event.region,)))",
        "return after, (Send((), passed), *outputs)",
        "explore nobody answers",
    ),
    Mutation(
        "a region follows an older incarnation",
        "S5",
        "protocol.region",
        "message.incarnation > state.incarnation",
        "message.incarnation != state.incarnation",
        "explore deaths in two beats",
    ),
    Mutation(
        "a region answers for the round before",
        "S1",
        "protocol.region",
        "return (event.beat, event.round, event.incarnation) == here",
        "return state.round is not None and event.incarnation == here[2]",
        "explore objections",
    ),
    # ------------------------------------------------------------------------------------------------------ resuming
    Mutation(
        "after a resume a fallback is taken for the region itself",
        "L1",
        "protocol.coordinator_members",
        (
            "        if member.fallback:\n"
            '            after, minted = mint(after, member.region, fallback=True, nonce="")\n'
            "            outputs += minted\n"
        ),
        "",
        "explore outage and silence",
    ),
    Mutation(
        "after a resume nobody is waited for",
        "L1",
        "protocol.coordinator_members",
        (
            "        outputs += arm(after, tuple(member.region for member in after.members if not member.answered))\n"
            "    return after"
        ),
        ("        pass\n    return after"),
        "explore outage",
    ),
    Mutation(
        "after a resume the director is asked again for what it has said",
        "S7",
        "protocol.replay",
        "Briefed(message, Brief.model_validate_json(message.reply)) if briefed else Exchanged(message)",
        "Exchanged(message)",
        "replay",
    ),
    Mutation(
        "after a resume the beats that were agreed on are not rendered",
        "L2",
        "protocol.coordinator_members",
        "    outputs += merges(after, 0)\n",
        "",
        "takes",
    ),
    # --------------------------------------------------------------------------------------------------------- links
    Mutation(
        "what has arrived is handed on again when it is repeated",
        "S5",
        "protocol.link",
        "waiting = _insert(state.waiting, envelope) if envelope.number > state.delivered else state.waiting",
        ("waiting = _insert(state.waiting, envelope) if envelope.number >= max(1, state.delivered) else state.waiting"),
        "explore link",
    ),
    Mutation(
        "what has arrived is told apart by its sender alone",
        "S5",
        "protocol.link",
        ("        if held.number == envelope.number:\n            if held.body != envelope.body:"),
        ("        if held.sender == envelope.sender:\n            if held.body == envelope.body:"),
        "explore link",
    ),
    Mutation(
        "what is sent again gets a new number",
        "S5",
        "protocol.link",
        "return tuple(replace(sent, ack=state.delivered) for sent in state.unacknowledged)",
        ("return tuple(replace(sent, ack=state.delivered, number=sent.number + 1) for sent in state.unacknowledged)"),
        "explore link",
    ),
    Mutation(
        "what arrives ahead of a gap is handed on",
        "S5",
        "protocol.link",
        "while due < len(waiting) and waiting[due].number == state.delivered + due + 1:",
        "while due < len(waiting):",
        "explore link",
    ),
    Mutation(
        "more is acknowledged than has arrived",
        "L1",
        "protocol.link",
        'return Envelope(state.own, state.peer, state.epoch, 0, state.delivered, b"")',
        (
            "return Envelope(state.own, state.peer, state.epoch, 0, max([state.delivered, *(e.number for e in "
            'state.waiting)]), b"")'
        ),
        "explore link",
    ),
    Mutation(
        "an older incarnation is listened to",
        "S5",
        "protocol.link",
        'return "older" if envelope.epoch < state.epoch else "newer"',
        'return "current" if envelope.epoch < state.epoch else "newer"',
        "explore link of processes",
    ),
    Mutation(
        "a new incarnation goes on with the numbers of the old one",
        "L1",
        "protocol.link",
        "return LinkState(state.own, state.peer, epoch)",
        "return replace(state, epoch=epoch, unacknowledged=(), waiting=())",
        "explore link of processes",
    ),
    # -------------------------------------------------------------------------------------------------------- frames
    Mutation(
        "a chunk is written twice",
        "L2",
        "protocol.dispatch",
        "after = replace(state, rendered=state.rendered[1:], next=state.next + 1, writing=False)",
        "after = replace(state, next=state.next + 1, writing=False)",
        "explore frames",
    ),
    Mutation(
        "chunks are written as they come",
        "L2",
        "protocol.dispatch",
        "if not state.writing and state.rendered and state.rendered[0].chunk == state.next:",
        "if not state.writing and state.rendered:",
        "explore frames",
    ),
    Mutation(
        "the frames of an older attempt are taken",
        "S5",
        "protocol.dispatch",
        "return work is None or work.attempt != event.message.attempt",
        "return work is None",
        "explore renderers",
    ),
    Mutation(
        "attempts are not counted, so that a chunk that cannot be rendered is tried for ever",
        "L1",
        "protocol.dispatch",
        "struck = replace(work, strikes=work.strikes + 1, failed=(*work.failed, work.renderer), error=error)",
        "struck = replace(work, failed=(work.renderer,), error=error)",
        "explore a poisoned chunk",
    ),
    Mutation(
        "a chunk is lost with its renderer",
        "L2",
        "protocol.dispatch",
        "    after = _take_back(state, renderer.holds[1:], suspect=True)",
        "    after = _take_back(state, renderer.holds[2:], suspect=True)",
        "explore renderers",
    ),
    Mutation(
        "a renderer is given more than it can hold",
        "S4",
        "protocol.dispatch",
        'if one.standing == "ready" and len(one.holds) < IN_FLIGHT and not one.alone',
        'if one.standing == "ready" and len(one.holds) <= IN_FLIGHT and not one.alone',
        "explore frames",
    ),
    Mutation(
        "the film is said to be done while frames are on their way into the video",
        "L2",
        "protocol.dispatch",
        'if state.phase != "ending" or state.left:',
        'if state.phase != "ending" or state.left > 1:',
        "explore frames",
    ),
    Mutation(
        "frames that are lost are not rendered again",
        "L2",
        "protocol.dispatch",
        "after = replace(state, rendered=rendered, returned=put(state.returned, work), writing=writing)",
        "after = replace(state, rendered=rendered, writing=writing)",
        "explore frames",
    ),
    Mutation(
        "the rows of a chunk are those of the chunk before it",
        "S4",
        "runtime.dispatching",
        "part = np.ascontiguousarray(rows[at : at + length])",
        ("part = np.ascontiguousarray(rows[max(0, at - length) : max(0, at - length) + min(length, len(rows) - at)])"),
        "takes",
    ),
    # --------------------------------------------------------------------------------------------- journal and hosts
    Mutation(
        "a message takes effect before it is in the journal",
        "S7",
        "runtime.sequencer",
        (
            "        self._journal.append(record, body)\n"
            "        if isinstance(message, _KEPT):\n"
            "            self._journal.commit()\n"
            "        self._told(record)"
        ),
        (
            "        self._told(record)\n"
            "        self._journal.append(record, body)\n"
            "        if isinstance(message, _KEPT):\n"
            "            self._journal.commit()"
        ),
        "disk",
    ),
    Mutation(
        "a commit is not forced to the disk",
        "S6",
        "runtime.sequencer",
        "_KEPT = (TakeOpened, TakeResumed, FilmOpened, Committed, FilmFailed, TakeClosed)",
        "_KEPT = (TakeOpened, TakeResumed, FilmOpened, FilmFailed, TakeClosed)",
        "disk",
    ),
    Mutation(
        "what is flushed is not forced to the disk",
        "S6",
        "protocol.journal",
        ("        self._stream.flush()\n        self._sync()"),
        "        self._stream.flush()",
        "disk",
    ),
    Mutation(
        "a region may vote in the name of another",
        "S2",
        "runtime.coordinating",
        "            if speaker(message) != region:\n",
        "            if False:\n",
        "takes",
    ),
)
