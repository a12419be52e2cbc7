"""The history check: the protocol's promises, read off the messages alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from protocol.findings import CODES
from protocol.history import history, planners
from protocol.journal import Record
from protocol.messages import (
    Aborted,
    Accepted,
    BeatOpened,
    Committed,
    Decided,
    Objected,
    Proposed,
    Restored,
    RoundOpened,
    Ruled,
    TakeClosed,
    TakeOpened,
    TakeResumed,
    Vector,
    digest,
)
from tests.recorded import RUNS, inserted, numbered, places, recorded, said, swapped, travelled, without
from tests.takes import track

OTHER = "f" * 32
Tampered = tuple[Record, ...]


@pytest.mark.parametrize("name", RUNS)
def test_a_take_in_which_everybody_keeps_the_promises_gives_no_finding(name):
    assert history(recorded(name).records) == []


def _of(kind: type, n: int = 0, run: str = "undisturbed") -> tuple[Tampered, int]:
    records = recorded(run).records
    return records, places(records, kind)[n]


def _second_commit() -> Tampered:
    records, place = _of(Committed)
    return inserted(records, place + 1, records[place])


def _foreign_digest() -> Tampered:
    records, place = _of(Committed)
    return said(records, place, digest=OTHER)


def _other_predecessor() -> Tampered:
    records, place = _of(BeatOpened, 1)
    return said(records, place, previous=OTHER)


def _other_timeline() -> Tampered:
    records, place = _of(TakeClosed)
    return said(records, place, timeline=OTHER)


def _track_nobody_proposed() -> Tampered:
    """The committed vector names a track of the head that never came from it."""
    records, place = _of(Committed, 1)
    committed = records[place].message
    assert isinstance(committed, Committed)
    head = committed.vector.versions[-1].model_copy(update={"digest": digest(track("head", 9.0))})
    vector = Vector(versions=(*committed.vector.versions[:-1], head))
    return said(records, place, vector=vector, digest=vector.digest)


def _track_changed_on_the_table() -> Tampered:
    records, place = _of(RoundOpened)
    round_ = records[place].message
    assert isinstance(round_, RoundOpened)
    return said(records, place, tracks=(*round_.tracks[:-1], track("head", 9.0)))


def _track_changed_in_the_ruling() -> Tampered:
    records, place = _of(Ruled, run="a region is stubborn")
    ruled = records[place].message
    assert isinstance(ruled, Ruled)
    return said(records, place, tracks=(*ruled.tracks[:-1], track("head", 9.0)))


def _earlier_revision_on_the_table() -> Tampered:
    records = recorded("undisturbed").records
    first, second = places(records, RoundOpened)[:2]
    old, new = records[first].message, records[second].message
    assert isinstance(old, RoundOpened)
    assert isinstance(new, RoundOpened)
    assert old.vector != new.vector
    return said(records, second, vector=old.vector, tracks=old.tracks)


def _committed_with_a_vote_against() -> Tampered:
    """The objections of the first round are overlooked: its vector is committed at once."""
    records = recorded("undisturbed").records
    second = places(records, RoundOpened)[1]
    round_ = next(r.message for r in records if isinstance(r.message, RoundOpened))
    commit = Committed(beat=0, vector=round_.vector, digest=round_.vector.digest, ruled=False)
    return inserted(records, second, replace(records[second], message=commit))


def _committed_without_all_votes() -> Tampered:
    records = recorded("undisturbed").records
    commit = places(records, Committed)[0]
    return swapped(records, commit - 1, commit)


def _earlier_vector_committed() -> Tampered:
    """All four accept the second vector; the first is committed, whose tracks were all proposed."""
    records = recorded("undisturbed").records
    first = next(r.message for r in records if isinstance(r.message, RoundOpened))
    return said(records, places(records, Committed)[0], vector=first.vector, digest=first.vector.digest)


def _ruling_denied() -> Tampered:
    records, place = _of(Committed, run="a region is stubborn")
    return said(records, place, ruled=False)


def _ruling_claimed() -> Tampered:
    records, place = _of(Committed)
    return said(records, place, ruled=True)


def _ruling_before_the_votes() -> Tampered:
    records, place = _of(Ruled, run="a region is stubborn")
    return swapped(records, place - 1, place)


def _dropped(kind: type, n: int = 0) -> Tampered:
    records, place = _of(kind, n)
    return without(records, place)


def _opened_twice() -> Tampered:
    records, place = _of(TakeOpened)
    return inserted(records, place + 1, records[place])


def _round_before_the_last_proposal() -> Tampered:
    records, place = _of(RoundOpened)
    return swapped(records, place - 1, place)


def _round_before_the_last_vote() -> Tampered:
    records, place = _of(RoundOpened, 1)
    return swapped(records, place - 1, place)


def _vote_on_another_vector() -> Tampered:
    records, place = _of(Accepted)
    return said(records, place, vector=OTHER)


def _second_vote() -> Tampered:
    records, place = _of(Accepted)
    again = replace(records[place], number=records[place].number + 1)
    return inserted(records, place + 1, again)


def _repeated_number() -> Tampered:
    records, place = _of(Decided, 1)
    return inserted(records, place + 1, records[place])


def _number_left_out() -> Tampered:
    records, place = _of(Decided, 1)
    return travelled(records, place, number=records[place].number + 1)


def _two_of_one_region_swapped() -> Tampered:
    records = recorded("undisturbed").records
    decided = places(records, Decided)[1]
    assert isinstance(records[decided + 1].message, Proposed)
    return swapped(records, decided, decided + 1)


def _older_incarnation_speaks() -> Tampered:
    """After the crash, a vote is under the name of the process that died."""
    records = recorded("a region crashes before it votes").records
    vote = next(p for p in places(records, Accepted, Objected) if records[p].epoch == 2)
    return said(travelled(records, vote, epoch=1), vote, incarnation=1)


def _another_incarnation_on_the_current_link() -> Tampered:
    records, place = _of(Accepted)
    return said(records, place, incarnation=2)


def _incarnation_left_out() -> Tampered:
    records, place = _of(Restored, run="a region crashes before it votes")
    return said(records, place, incarnation=3)


def _in_anothers_name() -> Tampered:
    records, place = _of(Proposed)
    return travelled(records, place, sender="head" if records[place].sender != "head" else "eyes")


def _stranger() -> Tampered:
    records, place = _of(Accepted)
    return travelled(records, place, sender="nose")


def _said_after_the_end() -> Tampered:
    records, place = _of(Accepted, -1)
    return inserted(records, len(records), replace(records[place], number=records[place].number + 1))


def _beats_miscounted() -> Tampered:
    records, place = _of(TakeClosed)
    return said(records, place, beats=1)


def _failed_without_a_reason() -> Tampered:
    records, place = _of(Aborted, run="the director fails")
    return without(records, place)


def _resumed_after_it_was_done() -> Tampered:
    records = recorded("rendered").records
    return inserted(records, len(records), replace(records[0], receivers=(), message=TakeResumed(versions={})))


def _resumed_before_it_began() -> Tampered:
    records = recorded("resumed before it was briefed").records
    return without(records, places(records, TakeOpened)[0])


def _resumption_denied() -> Tampered:
    records, place = _of(TakeResumed, run="resumed after a chunk was given up")
    return without(records, place)


def _failed_again_without_a_reason() -> Tampered:
    """The reason of the first failure does not count for the second."""
    records = recorded("resumed after a chunk was given up").records
    return said(records, places(records, TakeClosed)[-1], outcome="failed")


TAMPERED: dict[str, tuple[Callable[[], Tampered], str]] = {
    "a beat is committed twice": (_second_commit, "H01"),
    "the digest of a commit is not that of its vector": (_foreign_digest, "H01"),
    "a beat follows what was not committed": (_other_predecessor, "H01"),
    "the timeline is not that of the commits": (_other_timeline, "H01"),
    "a track is committed that nobody proposed": (_track_nobody_proposed, "H02"),
    "a track is changed on its way to the table": (_track_changed_on_the_table, "H02"),
    "a track is changed in the ruling": (_track_changed_in_the_ruling, "H02"),
    "the table holds an earlier revision": (_earlier_revision_on_the_table, "H02"),
    "a ruling is denied": (_ruling_denied, "H02"),
    "a ruling is claimed": (_ruling_claimed, "H02"),
    "a vote against is overlooked": (_committed_with_a_vote_against, "H03"),
    "a beat is committed before the last vote": (_committed_without_all_votes, "H03"),
    "the vector of an earlier round is committed": (_earlier_vector_committed, "H03"),
    "a vote is missing": (lambda: _dropped(Accepted), "H04"),
    "an objection is missing": (lambda: _dropped(Objected), "H04"),
    "the take is never opened": (lambda: _dropped(TakeOpened), "H04"),
    "the take is opened twice": (_opened_twice, "H04"),
    "a beat is never opened": (lambda: _dropped(BeatOpened), "H04"),
    "a commit is missing": (lambda: _dropped(Committed), "H04"),
    "a round is missing": (lambda: _dropped(RoundOpened, 1), "H04"),
    "a round is opened before the last proposal": (_round_before_the_last_proposal, "H02"),
    "a round is opened before the last vote": (_round_before_the_last_vote, "H04"),
    "a ruling comes before the last vote": (_ruling_before_the_votes, "H04"),
    "somebody votes on another vector": (_vote_on_another_vector, "H04"),
    "somebody votes twice": (_second_vote, "H04"),
    "a number comes twice": (_repeated_number, "H05"),
    "a number is left out": (_number_left_out, "H05"),
    "two messages of a region are swapped": (_two_of_one_region_swapped, "H05"),
    "an older incarnation speaks": (_older_incarnation_speaks, "H05"),
    "a message is under another incarnation than its link": (_another_incarnation_on_the_current_link, "H05"),
    "an incarnation is left out": (_incarnation_left_out, "H05"),
    "somebody speaks in another's name": (_in_anothers_name, "H05"),
    "a stranger speaks": (_stranger, "H05"),
    "somebody speaks after the end": (_said_after_the_end, "H06"),
    "the end is missing": (lambda: _dropped(TakeClosed), "H06"),
    "the end miscounts the beats": (_beats_miscounted, "H06"),
    "the take fails without a reason": (_failed_without_a_reason, "H06"),
    "the take goes on although it was done": (_resumed_after_it_was_done, "H06"),
    "the take goes on before it began": (_resumed_before_it_began, "H04"),
    "the take goes on after its end without saying so": (_resumption_denied, "H06"),
    "the take fails again without a reason": (_failed_again_without_a_reason, "H06"),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_what_breaks_a_promise_is_found_under_its_code(what):
    tamper, code = TAMPERED[what]
    findings = history(tamper())
    assert code in {finding.code for finding in findings}


def test_a_finding_names_the_record():
    records, place = _of(Committed)
    finding = next(f for f in history(said(records, place, digest=OTHER)) if f.seq == place + 1)
    assert str(finding) == f"H01 record {place + 1}: the digest of beat 0 is not that of its vector"


def test_a_journal_that_was_cut_off_need_not_end():
    records = recorded("undisturbed").records
    for length in range(1, len(records)):
        assert history(records[:length], complete=False) == []
        assert [f.code for f in history(records[:length])] == ["H06"]


def test_a_missing_beginning_is_told_once():
    findings = history(_dropped(TakeOpened))
    assert [f for f in findings if "TakeOpened" in f.text] == [findings[0]]


def test_first_proposals_may_be_committed_only_where_the_take_says_so():
    records, place = _of(TakeOpened, run="without negotiation")
    codes = [finding.code for finding in history(said(records, place, flags=()))]
    assert codes == ["H03", "H03"]


@pytest.mark.parametrize("kind", [RoundOpened, Proposed, TakeClosed])
def test_nothing_may_follow_the_end_whoever_says_it(kind):
    records, place = _of(kind, run="stopped while regions vote")
    findings = history(inserted(records, len(records), records[place]))
    assert f"H06 record {len(records) + 1}" in {str(finding).partition(":")[0] for finding in findings}


def test_every_code_says_what_it_stands_for():
    assert {code for _, code in TAMPERED.values()} < set(CODES)


def test_questions_to_planners_are_counted():
    records: Sequence[Record] = recorded("undisturbed").records
    # The director once, four regions in two beats, brows and eyes once more each when they yield.
    assert planners(records) == {"fake": 1 + 8 + 2}


def test_a_journal_without_records_promises_nothing():
    assert history(numbered(())) == []
