"""Replay: the machines run over a journal say what it says, and the first difference of each role is told in a few lines."""

from __future__ import annotations

import random

from dataclasses import replace

import pytest

from hypothesis import given
from hypothesis import strategies as st

from protocol.channels import REGIONS
from protocol.consistency import committed_timeline
from protocol.findings import CODES
from protocol.journal import Record
from protocol.keyframes import key
from protocol.messages import (
    COORDINATOR,
    Aborted,
    Accepted,
    BeatOpened,
    ChunkAssigned,
    ChunkFailed,
    ChunkWritten,
    Committed,
    DeadlinePassed,
    Decided,
    FilmFailed,
    FilmOpened,
    Merged,
    Proposed,
    RendererChanged,
    Restored,
    RoundOpened,
    Ruled,
    TakeClosed,
    TakeOpened,
    TakeResumed,
    digest,
)
from protocol.replay import Replay, replay
from tests.recorded import RUNS, checked, inserted, places, recorded, said, swapped, travelled, without
from tests.takes import run, tiny_tables, track

CONSTRAINTS = tiny_tables().constraints


def _replayed(records: tuple[Record, ...], *, complete: bool = True) -> Replay:
    return replay(records, CONSTRAINTS, complete=complete)


@pytest.mark.parametrize("name", RUNS)
def test_the_machines_say_again_what_the_journal_holds(name):
    told = recorded(name)
    again = replay(told.records, told.tables.constraints)
    assert again.findings == []
    assert again.coordinator == told.state


@pytest.mark.parametrize("name", ["undisturbed", "a region crashes twice", "crash and loss"])
def test_every_region_ends_where_it_ended(name):
    told = recorded(name)
    again = _replayed(told.records)
    for region in REGIONS:
        assert again.regions[region].committed == told.regions[region].committed
        assert again.regions[region].phase == "closed"


def test_a_take_of_the_real_agents_is_said_again_too(loaded):
    result, _ = run("She smiles, then turns her head to the left.", fps=25)
    assert replay(result.records, loaded.tables.constraints).findings == []
    assert committed_timeline(result.records) == result.timeline


@pytest.mark.parametrize(
    "name",
    [
        "undisturbed",
        "crash and loss",
        "a region does not vote",
        "a region is stubborn",
        "a renderer dies",
        "a chunk is given up",
        "resumed twice",
    ],
)
def test_any_beginning_of_a_journal_can_be_replayed(name):
    told = recorded(name)
    for length in range(0, len(told.records), 4):
        assert replay(told.records[:length], told.tables.constraints, complete=False).findings == []


@pytest.mark.parametrize("name", ["undisturbed", "a region is silent", "a renderer dies", "a chunk is given up"])
def test_no_record_of_a_finished_take_can_be_taken_out_unnoticed(name):
    records = recorded(name).records
    for place, record in enumerate(records):
        assert checked(without(records, place)).codes, (
            f"record {record.seq}: {type(record.message).__name__} of {record.sender}"
        )


@pytest.mark.parametrize("name", ["undisturbed", "a region crashes before it votes"])
def test_no_record_of_a_finished_take_can_be_repeated_unnoticed(name):
    records = recorded(name).records
    for place, record in enumerate(records):
        twice = checked(inserted(records, place, record))
        assert twice.codes, f"record {record.seq}: {type(record.message).__name__} of {record.sender}"


def test_only_answers_of_different_regions_may_change_places():
    """They reach the coordinator in any order; every other exchange of neighbours is noticed."""
    records = recorded("undisturbed").records
    for place in range(len(records) - 1):
        pair = records[place : place + 2]
        free = {r.sender for r in pair} <= set(REGIONS) and pair[0].sender != pair[1].sender
        assert bool(checked(swapped(records, place, place + 1)).codes) != free, [type(r.message).__name__ for r in pair]


def test_a_value_changed_in_a_proposal_no_longer_fits_the_round():
    """The digest is changed along with it, as somebody would who knows how proposals are checked."""
    records = recorded("undisturbed").records
    place = places(records, Proposed)[0]
    proposal = records[place].message
    assert isinstance(proposal, Proposed)
    assert proposal.region == "brows"
    other = track("brows", 0.55)
    assert other != proposal.track
    tampered = said(records, place, track=other, digest=digest(other))
    finding = next(f for f in _replayed(tampered).findings if f.text.startswith("RoundOpened"))
    assert finding.code == "R01"
    assert finding.seq == records[places(records, RoundOpened)[0]].seq
    lines = finding.text.splitlines()
    assert lines[0] == "RoundOpened differs (this version / journal)"
    assert lines[1].startswith(f"  RoundOpened.vector.versions[brows].digest: {digest(other)!r} / {proposal.digest!r}")
    assert any(".keys[1].value: 0.55 / 0.6" in line for line in lines)


def test_a_changed_end_state_is_found_where_the_next_beat_opens():
    records = recorded("undisturbed").records
    place = places(records, BeatOpened)[1]
    beat = records[place].message
    assert isinstance(beat, BeatOpened)
    tracks = (track("brows", 0.9), *beat.end_state.tracks[1:])
    tampered = said(records, place, end_state=beat.end_state.model_copy(update={"tracks": tracks}))
    finding = next(f for f in _replayed(tampered).findings if f.text.startswith("BeatOpened"))
    assert (finding.code, finding.seq) == ("R01", records[place].seq)


def test_objections_that_were_left_out_of_the_next_round_are_missed():
    records = recorded("undisturbed").records
    place = places(records, RoundOpened)[1]
    (finding, *_) = _replayed(said(records, place, objections=())).findings
    assert finding.code == "R01"
    assert "RoundOpened.objections" in finding.text


def test_a_ruling_is_worked_out_again():
    records = recorded("a region is stubborn").records
    place = places(records, Ruled)[0]
    ruled = records[place].message
    assert isinstance(ruled, Ruled)
    milder = tuple(r.model_copy(update={"rung": "kept"}) for r in ruled.rulings)
    (finding,) = _replayed(said(records, place, rulings=milder)).findings
    assert finding.code == "R01"
    assert "rung: 'projected' / 'kept'" in finding.text


def test_a_vote_under_another_vector_is_the_regions_difference_and_no_row_of_the_coordinators():
    records = recorded("undisturbed").records
    place = places(records, Accepted)[0]
    findings = _replayed(said(records, place, vector="0" * 32)).findings
    assert {f.code for f in findings if f.seq == records[place].seq} == {"R01", "R02"}
    assert any("Accepted.vector" in f.text for f in findings)


def test_a_revision_out_of_turn_is_the_regions_difference():
    records = recorded("undisturbed").records
    place = places(records, Proposed)[1]
    findings = _replayed(said(records, place, revision=2)).findings
    assert "Proposed.revision: 1 / 2" in findings[0].text


def test_an_answer_to_another_question_is_none():
    records = recorded("undisturbed").records
    place = places(records, Proposed)[0]
    (first, *_) = _replayed(said(records, place, beat=1)).findings
    assert first.code == "R01"
    assert first.text == "brows sends nothing with this version; the journal holds Decided, Proposed"


def test_what_is_left_of_an_answer_does_not_count_as_part_of_the_next():
    """Its decision arrived and its proposal did not; the fallback takes up that decision and proposes by itself."""
    records = recorded("half of an answer is lost").records
    eyes = [type(record.message) for record in records if record.sender == "eyes"]
    assert eyes[:2] == [Decided, Proposed]
    assert any(isinstance(record.message, DeadlinePassed) for record in records)
    assert _replayed(records).findings == []


def test_a_deadline_that_nobody_missed_is_no_reason_for_a_fallback():
    records = recorded("a region is silent").records
    deadline = records[places(records, DeadlinePassed)[0]]
    quiet = recorded("undisturbed").records
    (finding,) = _replayed(inserted(quiet, len(quiet) - 1, deadline)).findings
    assert finding.seq == len(quiet)


def test_what_a_restored_region_is_told_is_what_the_coordinator_knew():
    records = recorded("a region crashes before it votes").records
    place = places(records, Restored)[0]
    findings = _replayed(said(records, place, voted=True)).findings
    assert "Restored.voted: False / True" in findings[0].text


def test_a_message_of_the_coordinator_without_a_reason_is_named():
    records = recorded("undisturbed").records
    round_ = places(records, RoundOpened)[0]
    finding = next(f for f in _replayed(swapped(records, round_ - 1, round_)).findings if "no reason" in f.text)
    assert finding.code == "R02"
    assert finding.text == "the coordinator has no reason to send RoundOpened"


def test_a_message_that_the_coordinator_would_have_sent_first_is_named():
    records = recorded("undisturbed").records
    finding = next(f for f in _replayed(without(records, places(records, RoundOpened)[0])).findings)
    assert finding.code == "R01"
    assert finding.text.startswith("the coordinator sends RoundOpened before it hears anything else; the journal holds ")


def test_a_journal_that_ends_too_early_lacks_what_comes_next():
    records = recorded("undisturbed").records[:-1]
    (finding,) = _replayed(records).findings
    assert finding.text == "the journal ends before TakeClosed of the coordinator"
    assert _replayed(records, complete=False).findings == []


def test_a_take_cannot_be_failed_by_whoever_writes_the_journal():
    records = recorded("undisturbed").records
    place = places(records, TakeClosed)[0]
    findings = _replayed(said(records, place, outcome="failed", reason="it was too good")).findings
    assert "TakeClosed.outcome: 'done' / 'failed'" in findings[0].text


def test_an_abort_stands_for_itself():
    """Why something went wrong inside cannot be known from outside; that the take then ends can."""
    records = recorded("the director fails").records
    place = places(records, Aborted)[0]
    assert _replayed(records).findings == []
    assert [f.code for f in _replayed(without(records, place + 1)).findings] == ["R01"]


def test_each_role_stops_at_its_first_difference_and_the_others_go_on():
    records = recorded("undisturbed").records
    tampered = records
    for place in places(records, Accepted):
        tampered = said(tampered, place, vector="0" * 32)
    findings = [f for f in _replayed(tampered).findings if "Accepted.vector" in f.text]
    assert sorted(records[f.seq - 1].sender for f in findings) == sorted(REGIONS)


def test_a_stranger_has_no_part_in_it():
    records = recorded("undisturbed").records
    place = places(records, Accepted)[0]
    finding = next(f for f in _replayed(travelled(records, place, sender="nose")).findings if "nose" in f.text)
    assert finding.code == "R02"


def test_a_reply_of_the_director_that_is_no_brief_is_told_in_one_line():
    records = recorded("undisturbed").records
    place = places(records, Decided)[0]
    (finding, *_) = _replayed(said(records, place, reply='{"beats": 3}')).findings
    assert finding.code == "R02"
    assert "\n" not in finding.text


def test_a_difference_takes_less_than_twenty_lines_however_much_differs():
    records = recorded("undisturbed").records
    place = places(records, TakeOpened)[0] + 2
    beat = records[place].message
    assert isinstance(beat, BeatOpened)
    tracks = tuple(
        t.model_copy(update={"curves": tuple(c.model_copy(update={"keys": (key(0, 0.5),)}) for c in t.curves)})
        for t in beat.end_state.tracks
    )
    tampered = said(records, place, end_state=beat.end_state.model_copy(update={"tracks": tracks}))
    finding = next(f for f in _replayed(tampered).findings if f.text.startswith("BeatOpened"))
    lines = str(finding).splitlines()
    assert 5 < len(lines) < 20
    assert lines[-1].startswith("  and ")
    assert all(len(line) < 300 for line in lines)


def test_texts_with_line_breaks_do_not_break_the_report():
    records = recorded("undisturbed").records
    place = places(records, TakeClosed)[0]
    (finding,) = _replayed(said(records, place, reason="one\ntwo\n" * 60)).findings
    assert len(finding.text.splitlines()) == 2


# ---------------------------------------------------------------------------------------------- frames and resumption


def test_the_dispatcher_is_run_again_like_the_others():
    records = recorded("rendered").records
    place = places(records, ChunkAssigned)[2]
    (finding, *_) = _replayed(said(records, place, attempt=2)).findings
    assert (finding.code, finding.seq) == ("R01", place + 1)
    assert finding.text.splitlines() == ["ChunkAssigned differs (this version / journal)", "  ChunkAssigned.attempt: 1 / 2"]


@pytest.mark.parametrize("kind", [ChunkAssigned, ChunkWritten, Merged, RendererChanged, FilmFailed])
def test_what_the_dispatcher_has_no_reason_to_say_is_found(kind):
    donor = recorded("a chunk is given up").records
    message = donor[places(donor, kind)[0]]
    records = recorded("undisturbed").records
    findings = _replayed(inserted(records, len(records), message)).findings
    if kind in (RendererChanged, FilmFailed):
        assert findings[0].code == "R02"
    assert findings


def test_a_beat_that_was_not_committed_cannot_be_merged():
    records = recorded("rendered").records
    findings = _replayed(said(records, places(records, Merged)[0], beat=1)).findings
    assert findings[0].text == "beat 1 is merged without having been committed last"


def test_an_answer_that_the_dispatcher_would_not_have_waited_for_is_found():
    records = recorded("rendered").records
    findings = _replayed(without(records, places(records, ChunkAssigned)[-1])).findings
    assert findings[0].text.startswith("the dispatcher sends ChunkAssigned before it hears anything else; the journal holds ")


def test_the_frames_end_the_take_and_nothing_else_does():
    records = recorded("rendered").records
    (finding,) = _replayed(records[:-1]).findings
    assert finding.text == "the journal ends before TakeClosed of the coordinator"
    missing = places(records, ChunkWritten)[-1]
    assert [f.code for f in _replayed(without(records, missing)).findings] == ["R02"]


def test_a_given_up_chunk_fails_the_take_with_its_error():
    records = recorded("a chunk is given up").records
    place = places(records, TakeClosed)[0]
    (finding,) = _replayed(said(records, place, reason="for no reason")).findings
    assert "TakeClosed.reason: 'frames 25 to 29 could not be rendered: no memory (tried 3 times)' / " in finding.text


def test_a_strike_less_is_no_reason_to_give_up():
    records = recorded("a chunk is given up").records
    findings = _replayed(without(records, places(records, ChunkFailed)[-1])).findings
    assert findings


def test_what_is_rendered_is_said_once_while_beats_are_planned():
    records = recorded("rendered").records
    place = places(records, FilmOpened)[0]
    findings = _replayed(inserted(records, len(records) - 1, records[place])).findings
    assert findings[0].code in ("R01", "R02")


@pytest.mark.parametrize("name", ["resumed while regions vote", "resumed with a fallback", "resumed twice"])
def test_regions_and_dispatcher_begin_anew_when_a_take_is_resumed(name):
    told = recorded(name)
    again = _replayed(told.records)
    assert again.findings == []
    for region in REGIONS:
        assert again.regions[region].incarnation == told.regions[region].incarnation
        assert again.regions[region].phase == told.regions[region].phase
    assert again.dispatcher.next == len(again.dispatcher.cuts) == 10


def test_a_take_that_is_done_is_not_resumed():
    records = recorded("rendered").records
    more = replace(records[0], receivers=(), message=TakeResumed(versions={}))
    (finding, *_) = _replayed(inserted(records, len(records), more)).findings
    assert (finding.code, finding.text) == ("R02", "coordinator: Resume is not allowed in phase closed")


def test_what_was_agreed_on_cannot_be_changed_by_a_resumption():
    records = recorded("resumed while regions vote").records
    place = places(records, TakeResumed)[0]
    commit = places(records, Committed)[0]
    assert commit > place
    (finding, *_) = _replayed(inserted(records, place + 1, records[commit])).findings
    assert finding.code in ("R01", "R02")


def _mixed_up(records: tuple[Record, ...], chance: random.Random) -> tuple[Record, ...]:
    place, other = chance.randrange(len(records)), chance.randrange(len(records))
    everybody = [*REGIONS, COORDINATOR, "director", "nose"]
    tampered = [
        lambda: without(records, place),
        lambda: inserted(records, other, records[place]),
        lambda: swapped(records, place, other),
        lambda: travelled(records, place, sender=chance.choice(everybody)),
        lambda: travelled(records, place, receivers=(chance.choice(everybody),)),
        lambda: travelled(records, place, message=records[other].message),
        lambda: travelled(records, place, epoch=chance.randrange(4), number=chance.randrange(9)),
    ]
    return chance.choice(tampered)()


@given(st.randoms(use_true_random=False), st.sampled_from(["undisturbed", "a region is silent", "crash and loss"]))
def test_no_journal_however_mixed_up_makes_the_checks_fail(chance: random.Random, name: str):
    """They report; they do not raise."""
    records = recorded(name).records
    for _ in range(3):
        records = _mixed_up(records, chance)
    found = checked(records)
    assert set(found.codes) <= set(CODES)
    committed_timeline(records)


def test_a_changed_direction_is_not_what_the_commits_rest_on():
    """Replay vouches for the machines, not for what was asked: that is what a take's name and digests are for."""
    records = recorded("undisturbed").records
    opened = records[0].message
    assert isinstance(opened, TakeOpened)
    changed = replace(records[0], message=opened.model_copy(update={"direction": "Something else."}))
    assert _replayed((changed, *records[1:])).findings == []
    restored = recorded("a region crashes before it votes").records
    assert _replayed((changed, *restored[1:])).findings, "a restored region is told the direction again"


def test_commits_are_checked_field_by_field():
    records = recorded("undisturbed").records
    place = places(records, Committed)[0]
    (finding, *_) = _replayed(said(records, place, ruled=True)).findings
    assert finding.text.splitlines() == ["Committed differs (this version / journal)", "  Committed.ruled: False / True"]


# ------------------------------------------------------------------------------------------ what a difference is told with


@pytest.mark.tampers
def test_a_difference_names_the_role_where_it_is_and_the_row_that_it_took():
    records = recorded("undisturbed").records
    place = places(records, Committed)[0]
    (found,) = _replayed(said(records, place, ruled=True)).divergences
    assert (found.role, found.phase) == ("coordinator", "gathering")
    assert found.rule == "auditing + Audited, clean, beats are left -> gathering"


@pytest.mark.tampers
def test_what_no_row_allows_is_told_without_one():
    records = recorded("undisturbed").records
    place = places(records, Committed)[0]
    found = {one.role: one for one in _replayed(inserted(records, place + 1, records[place])).divergences}
    assert (found["brows"].phase, found["brows"].rule) == ("ready", "")
    assert found["brows"].finding.code == "R02"


def test_a_copy_goes_on_by_itself():
    records = recorded("resumed twice").records
    first = Replay(tiny_tables().constraints)
    for record in records[:40]:
        first.feed(record)
    second = first.copy()
    before = (first.coordinator, dict(first.regions), dict(first.fallbacks), list(first.due), first.dispatcher)
    for record in records[40:]:
        second.feed(record)
    second.finish()
    assert second.findings == []
    assert (first.coordinator, first.regions, first.fallbacks, list(first.due), first.dispatcher) == before
    for record in records[40:]:
        first.feed(record)
    assert first.findings == []
    assert first.coordinator == second.coordinator
