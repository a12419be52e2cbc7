"""The in-process runtime with its hosts: a take ends well whatever its regions, planners and director do."""

import io
import re

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

import msgpack
import pytest

from protocol.channels import REGIONS
from protocol.constraints import Constraints
from protocol.journal import read_journal
from protocol.link import Envelope
from protocol.messages import (
    CRITIC,
    Aborted,
    Accepted,
    Committed,
    DeadlinePassed,
    Decided,
    Discarded,
    Message,
    Objected,
    Proposed,
    Rejoined,
    Restored,
    RoundOpened,
    Ruled,
    digest,
)
from protocol.region import Judge, Judged, Propose, Thought
from protocol.rules import Margins, RuleSet, Sum
from protocol.wire import decode, encode, unpack
from tests.takes import (
    LEAD,
    SPAN,
    TARGETS,
    TinyDirector,
    TinyRegion,
    Told,
    disagreements,
    ended_well,
    playing,
    tiny_tables,
    tiny_take,
    track,
    violation,
)

# -------------------------------------------------------------------------------------------------- when all goes well


@pytest.fixture(scope="module")
def calm() -> Told:
    """A take that nothing disturbs."""
    return tiny_take()


def test_regions_come_to_agree(calm):
    assert ended_well(calm)
    assert [(r.beat, r.round) for r in calm.all(RoundOpened)] == [(0, 1), (0, 2), (1, 1)]
    assert calm.all(Ruled, Discarded, DeadlinePassed, Restored, Aborted) == []
    assert {state.phase for state in calm.regions.values()} == {"closed"}


def test_what_one_yields_is_what_another_needs(calm):
    first = calm.all(RoundOpened)[0].objections, calm.all(RoundOpened)[1].objections
    ends = {name: calm.state.committed[0][1][REGIONS.index(name)].curve(LEAD[name]).keys[-1].value for name in REGIONS}

    assert first[0] == ()
    assert {(o.by, o.violation.yields) for o in first[1]} == {
        ("brows", "brows"),
        ("mouth", "brows"),
        ("eyes", "eyes"),
        ("mouth", "eyes"),
    }
    assert ends == {"brows": 0.2, "eyes": 0.4, "mouth": TARGETS["mouth"][0], "head": TARGETS["head"][0]}


def test_every_proposal_follows_the_decision_behind_it_and_every_objection_the_revision(calm):
    pairs = list(pairwise(record.message for record in calm.records))

    assert all(isinstance(one, Decided) for one, then in pairs if isinstance(then, Proposed))
    revised = [(one, then) for one, then in pairs if isinstance(then, Objected) and then.role in ("brows", "eyes")]
    assert revised
    assert all(isinstance(one, Proposed) and one.round == then.round for one, then in revised)


def test_every_beat_but_the_first_begins_where_the_last_one_ended(calm):
    for before, after in zip(calm.state.committed[0][1], calm.state.committed[1][1], strict=True):
        assert [curve.keys[-1].value for curve in before.curves] == [curve.keys[0].value for curve in after.curves]


def test_the_journal_holds_what_was_told_in_its_order(calm):
    journal = read_journal(io.BytesIO(calm.journal))

    assert journal.records == calm.records
    assert [record.seq for record in calm.records] == list(range(1, len(calm.records) + 1))
    assert journal.closed


def test_two_runs_write_the_same_journal(calm):
    assert tiny_take().journal == calm.journal


@pytest.mark.parametrize("after", [0, 1, 5, 17, 40, 60, 80, 99])
def test_a_take_can_be_stopped_between_any_two_events(calm, after):
    asked = iter(range(1000))

    told = tiny_take(stopped=lambda: "enough" if next(asked) >= after else None)

    assert (told.closed.outcome, told.closed.reason) == ("stopped", "enough")
    assert told.state.committed == calm.state.committed[: len(told.state.committed)]
    assert told.closed.beats == len(told.state.committed) < 2
    assert disagreements(told) == []


# -------------------------------------------------------------------------------------------------------- wrong agents


class Raises(TinyRegion):
    """Fails in one of its two tasks."""

    task = "propose"

    def propose(self, asked: Propose) -> Thought:
        if self.task == "propose":
            raise RuntimeError("no idea")
        return super().propose(asked)

    def judge(self, asked: Judge) -> Judged:
        if self.task == "judge":
            raise RuntimeError("no opinion")
        return super().judge(asked)


class RaisesInJudgement(Raises):
    task = "judge"


class Silent(TinyRegion):
    """Answers a question that nobody asked, so that nothing follows."""

    def propose(self, asked: Propose) -> Thought:
        return replace(super().propose(asked), beat=999)


class SilentInJudgement(TinyRegion):
    def judge(self, asked: Judge) -> Judged:
        return replace(super().judge(asked), round=999)


class Late(TinyRegion):
    """Always gives the answer to the question before."""

    before: Any = None

    def propose(self, asked: Propose) -> Thought:
        answer = super().propose(asked)
        self.before, answer = answer, self.before or replace(answer, beat=999)
        return answer


class Foreign(TinyRegion):
    """Proposes what belongs to another region."""

    def propose(self, asked: Propose) -> Thought:
        thought = super().propose(asked)
        other = REGIONS[(REGIONS.index(self.region) + 1) % 4]
        return replace(thought, revision=replace(thought.revision, track=track(other)))


class Overlong(TinyRegion):
    """Proposes beyond the end of the beat."""

    def propose(self, asked: Propose) -> Thought:
        thought = super().propose(asked)
        return replace(thought, revision=replace(thought.revision, track=track(self.region, 0.5, seconds=SPAN + 0.1)))


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize(
    "wrong", [Raises, RaisesInJudgement, Silent, SilentInJudgement, Late, Foreign, Overlong], ids=lambda c: c.__name__
)
def test_a_region_that_does_not_answer_rightly_is_played_by_its_fallback(calm, wrong, region):
    told = tiny_take(agents=playing(region, wrong))

    assert ended_well(told)
    assert {(m.region, m.incarnation) for m in told.all(DeadlinePassed)} == {(region, 1), (region, 3)}
    assert [(m.holder, m.incarnation) for m in told.all(Restored)] == [("fallback", 2), ("region", 3), ("fallback", 4)]
    assert told.timeline == calm.timeline


def test_four_silent_regions_are_played_by_four_fallbacks(calm):
    told = tiny_take(agents=Silent)

    assert ended_well(told)
    assert len(told.all(DeadlinePassed)) == 8
    assert told.timeline == calm.timeline


@pytest.mark.parametrize("wrong", [Raises, RaisesInJudgement, Silent, SilentInJudgement], ids=lambda c: c.__name__)
def test_a_fallback_that_is_silent_too_ends_the_take_by_name(wrong):
    told = tiny_take(agents=playing("eyes", wrong), fallbacks=wrong)

    (aborted,) = told.all(Aborted)
    assert aborted.error == told.closed.reason == "neither eyes nor its fallback answered in time in beat 0"
    assert (told.closed.outcome, told.closed.beats, told.timeline) == ("failed", 0, None)


class Agreeable(TinyRegion):
    """Accepts everything."""

    def judge(self, asked: Judge) -> Judged:
        return Judged(asked.beat.beat, asked.round.round, asked.incarnation, (), None)


class Stubborn(TinyRegion):
    """Objects but never yields."""

    def judge(self, asked: Judge) -> Judged:
        return replace(super().judge(asked), revision=None)


class Contrary(TinyRegion):
    """Objects to everything, and never for a reason."""

    def judge(self, asked: Judge) -> Judged:
        return Judged(asked.beat.beat, asked.round.round, asked.incarnation, (violation("whim", "head"),), None)


@pytest.mark.parametrize("rounds", [1, 2, 4])
def test_what_four_liars_accept_is_sent_back_and_overruled_in_the_last_round(rounds):
    told = tiny_take(agents=Agreeable, rounds=rounds)

    assert ended_well(told)
    first = [r for r in told.all(RoundOpened) if r.beat == 0]
    assert [r.round for r in first] == list(range(1, rounds + 1))
    assert {o.by for r in first for o in r.objections} <= {CRITIC}
    assert all(r.objections for r in first[1:])
    assert [(m.beat, m.ruled) for m in told.all(Committed)] == [(0, True), (1, False)]


@pytest.mark.parametrize("region", ["brows", "eyes"])
def test_who_never_yields_is_ruled_on(region):
    told = tiny_take(agents=playing(region, Stubborn), rounds=2)

    assert ended_well(told)
    (ruled,) = told.all(Ruled)
    rungs = {ruling.region: ruling.rung for ruling in ruled.rulings}
    assert (ruled.beat, ruled.round) == (0, 2)
    assert rungs[region] != "kept"
    assert {rungs[name] for name in REGIONS if name != region} == {"kept"}


@pytest.mark.parametrize("region", REGIONS)
def test_who_objects_for_no_reason_holds_nobody_up_for_long(calm, region):
    told = tiny_take(agents=playing(region, Contrary), rounds=3)

    assert ended_well(told)
    assert [r.round for r in told.all(RoundOpened)] == [1, 2, 3, 1, 2, 3]
    assert [m.ruled for m in told.all(Committed)] == [True, True]


# ------------------------------------------------------------------------------------------- what a wrong process sends


def changed(message: Message, **changes: Any) -> bytes:
    return encode(message.model_copy(update=changes))


def foreign_track(message: Proposed) -> bytes:
    """Wire form of a proposal with one curve renamed to a channel of another region; no model would let it be made."""
    fields = unpack(encode(message))
    curves = [{**curve, "channel": "headYaw"} if n == 0 else curve for n, curve in enumerate(fields["track"]["curves"])]
    data: bytes = msgpack.packb({**fields, "track": {**fields["track"], "curves": curves}})
    return data


def past_the_end(message: Proposed) -> bytes:
    late = track(message.region, 0.5, seconds=SPAN + 0.01)
    return changed(message, track=late, digest=digest(late))


def elsewhere(message: Proposed) -> bytes:
    jump = track(message.region, 0.5)
    curves = tuple(
        curve.model_copy(update={"keys": (curve.keys[0].model_copy(update={"value": 0.25}), *curve.keys[1:])})
        if curve.channel == "jawOpen"
        else curve
        for curve in jump.curves
    )
    begun = jump.model_copy(update={"curves": curves})
    return changed(message, track=begun, digest=digest(begun))


FORGERIES: dict[str, tuple[type, Callable[[Any], bytes], str]] = {
    "a foreign channel": (Proposed, foreign_track, r"Proposed\.track: .*headYaw is not its own"),
    "another's name on a vote": (Accepted, lambda m: changed(m, role="brows"), "mouth speaks as brows"),
    "another's name on a decision": (Decided, lambda m: changed(m, role="director"), "mouth speaks as director"),
    "a keyframe past the end": (Proposed, past_the_end, "mouth sets a keyframe at 0.51 s of a beat that lasts 0.5 s"),
    "a beginning of its own": (Proposed, elsewhere, r"jawOpen begins at 0\.25; the last beat ended at"),
    "a wrong revision": (Proposed, lambda m: changed(m, revision=9), "mouth sends revision 9 out of turn"),
    "a wrong incarnation": (Proposed, lambda m: changed(m, incarnation=9), r"mouth\.9 speaks of beat"),
    "a wrong beat": (Proposed, lambda m: changed(m, beat=9), r"mouth\.1 speaks of beat 9"),
    "a wrong digest": (Proposed, lambda m: changed(m, digest="0" * 32), "digest of the track of mouth does not match"),
    "a vote on another vector": (Accepted, lambda m: changed(m, vector="0" * 32), "mouth votes on something else"),
    "a hello out of place": (Proposed, lambda m: encode(Rejoined(region="mouth", nonce="x")), "sends Rejoined in epoch 1"),
    "no message at all": (Proposed, lambda m: b"\xc1\xc1", "not a well-formed message"),
}


def forging(what: str) -> Callable[[Envelope], Envelope]:
    kind, forge, _ = FORGERIES[what]

    def tamper(sent: Envelope) -> Envelope:
        if sent.sender != "mouth" or sent.epoch != 1 or not sent.number:
            return sent
        message = decode(sent.body)
        return replace(sent, body=forge(message)) if isinstance(message, kind) else sent

    return tamper


@pytest.mark.parametrize("what", FORGERIES)
def test_what_the_protocol_does_not_allow_is_refused_and_the_take_goes_on(calm, what):
    told = tiny_take(tamper=forging(what))

    assert ended_well(told)
    refused = [m for m in told.all(Discarded) if m.what == "refused"]
    assert {m.role for m in refused} == {"mouth"}
    assert any(re.search(FORGERIES[what][2], m.reason) for m in refused)
    assert told.timeline == calm.timeline


def test_an_envelope_from_nobody_is_not_taken_in(calm):
    told = tiny_take(
        tamper=lambda e: replace(e, sender="critic") if e.sender == "mouth" and e.epoch == 1 and e.number == 2 else e
    )

    assert ended_well(told)
    assert told.timeline == calm.timeline


# ---------------------------------------------------------------------------------------------------- our own mistakes


class Speechless(TinyDirector):
    """A director without an idea."""

    def brief(self, *asked):
        raise RuntimeError("no idea")


def test_a_director_that_fails_ends_the_take():
    told = tiny_take(director=Speechless())

    (aborted,) = told.all(Aborted)
    assert (aborted.beat, aborted.error) == (None, "the director failed: no idea")
    assert (told.closed.outcome, told.timeline) == ("failed", None)


def impossible():
    """Tables with a rule that a face at rest breaks, so that not even a ruling can keep it."""
    rule = Sum(
        id="never-still",
        kind="sum",
        severity="hard",
        weights={"headYaw": 1.0, "jawOpen": -1.0},
        max=-1000.0,
        yields="mouth",
        gives=("jawOpen",),
        why="nothing keeps this",
        source="J",
    )
    rules = RuleSet(margins=Margins(level=0.25, speed=0.0, accel=0.0, drift=0.0), rules=(rule,))
    return replace(tiny_tables(), constraints=Constraints.of(rules))


def test_a_ruling_that_cannot_be_made_ends_the_take():
    told = tiny_take(agents=Agreeable, tables=impossible(), rounds=1)

    (aborted,) = told.all(Aborted)
    assert aborted.error.startswith("no ruling could be made: nothing is left to hold back, yet never-still is broken")
    assert (told.closed.outcome, told.closed.beats) == ("failed", 0)


def test_four_proposals_too_large_for_one_message_end_the_take(monkeypatch):
    sizes = {kind: max(len(encode(m)) for m in tiny_take().all(kind)) for kind in (Proposed, RoundOpened)}
    monkeypatch.setattr("protocol.wire.MAX_MESSAGE", sizes[RoundOpened] - 1)

    told = tiny_take()

    assert sizes[Proposed] < sizes[RoundOpened]
    assert told.closed.outcome == "failed"
    assert "RoundOpened" in told.closed.reason
