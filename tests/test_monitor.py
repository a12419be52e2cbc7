"""Role monitors: they know the tables' phases, events and outputs, and find the first message that fits no way through."""

from __future__ import annotations

from dataclasses import dataclass, replace

import pytest

from protocol.channels import REGIONS
from protocol.coordinator import COORDINATOR_MACHINE
from protocol.machine import Machine, Row
from protocol.messages import (
    COORDINATOR,
    Accepted,
    BeatOpened,
    ChunkAssigned,
    ChunkRendered,
    Committed,
    Discarded,
    FilmFailed,
    Proposed,
    Rejoined,
    RendererChanged,
    Restored,
    RoundOpened,
    TakeClosed,
    TakeOpened,
    TakeResumed,
)
from protocol.monitor import Monitor, monitor
from protocol.region import REGION
from tests.recorded import RUNS, inserted, numbered, places, recorded, swapped, travelled, where, without


@dataclass(frozen=True)
class Phase:
    """A state of the machine below."""

    phase: str


def _go(phase: str):
    return lambda state, event: (Phase(phase), ())


COIN: Machine[Phase] = Machine(
    "coin",
    (
        Row("idle", "TakeOpened", "", None, "asked", (), _go("asked")),
        Row("asked", "Flipped", "heads", None, "heads", ("Accepted",), _go("heads")),
        Row("asked", "Flipped", "tails", None, "tails", ("Objected", "Proposed"), _go("tails")),
        Row("heads", "Committed", "", None, "idle", (), _go("idle")),
    ),
)
"""Answers a message after an event that nobody sees."""


def test_a_role_may_send_what_an_unseen_event_makes_it_send():
    asked = Monitor.start(COIN).receives("TakeOpened")
    assert asked.sends("Accepted").ways
    assert asked.sends("Objected").ways


def test_both_outcomes_of_an_unseen_event_are_followed_until_a_message_tells_which():
    flipped = Monitor.start(COIN).receives("TakeOpened").sends("Accepted")
    assert not flipped.sends("Objected").ways
    assert flipped.receives("Committed").ways == frozenset({("idle", frozenset())})


def test_several_messages_of_one_transition_may_come_one_after_the_other():
    assert Monitor.start(COIN).receives("TakeOpened").sends("Proposed").sends("Objected").ways


def test_a_role_may_not_send_before_it_was_asked():
    assert not Monitor.start(COIN).sends("Accepted").ways


def test_a_role_may_not_receive_what_its_phase_has_no_row_for():
    assert not Monitor.start(COIN).receives("Committed").ways


def test_what_did_not_fit_leaves_no_way():
    lost = Monitor.start(COIN).receives("Committed")
    assert not lost.receives("TakeOpened").ways
    assert not lost.sends("Accepted").ways


@pytest.mark.parametrize("name", RUNS)
def test_a_take_in_which_everybody_keeps_to_the_tables_gives_no_finding(name):
    assert monitor(recorded(name).records) == []


def test_a_commit_before_any_proposal_is_the_coordinators_mistake():
    records = recorded("undisturbed").records
    opened = places(records, BeatOpened)[0]
    commit = records[places(records, Committed)[0]]
    finding = next(f for f in monitor(inserted(records, opened + 1, commit)) if f.text.startswith(COORDINATOR))
    assert finding.code == "M01"
    assert finding.seq == opened + 2
    assert finding.text == "coordinator cannot send Committed in phase gathering"


def test_a_vote_before_the_proposal_is_the_regions_mistake():
    records = recorded("undisturbed").records
    proposal = places(records, Proposed)[0]
    vote = next(place for place in places(records, Accepted) if records[place].sender == records[proposal].sender)
    findings = monitor(swapped(records, proposal, vote))
    assert any(f.text.startswith(f"{records[proposal].sender} cannot send Accepted") for f in findings)


def test_a_beat_that_is_opened_for_a_region_in_the_middle_of_a_round_is_found():
    records = recorded("undisturbed").records
    beat, round_ = places(records, BeatOpened)[1], places(records, RoundOpened)[0]
    findings = monitor(inserted(records, round_ + 1, records[beat]))
    assert {f.seq for f in findings if f.seq == round_ + 2} == {round_ + 2}


def test_each_role_is_reported_once_however_much_follows():
    records = recorded("undisturbed").records
    findings = monitor(without(records, places(records, TakeOpened)[0]))
    assert len(findings) == len({f.text.split()[0] for f in findings})
    assert {f.text.split()[0] for f in findings} == set(REGIONS), "that is who was to receive it"


def test_what_is_said_after_the_end_of_a_take_that_is_done_is_found():
    records = recorded("undisturbed").records
    vote = records[places(records, Accepted)[-1]]
    (finding,) = monitor(inserted(records, len(records), vote))
    assert finding.seq == len(records) + 1
    assert finding.text == f"{vote.sender} cannot send Accepted in phase closed"


def test_a_stranger_has_no_part_in_the_protocol():
    records = recorded("undisturbed").records
    place = places(records, Accepted)[0]
    (finding,) = [f for f in monitor(travelled(records, place, sender="nose")) if "nose" in f.text]
    assert finding.code == "M01"
    assert finding.text == "nose has no part in the protocol"


def test_what_was_put_aside_is_not_held_against_anybody():
    records = recorded("undisturbed").records
    aside = Discarded(role="eyes", incarnation=1, number=9, what="fenced", reason="it was replaced")
    assert monitor(inserted(records, 10, replace(records[10], sender=COORDINATOR, receivers=(), message=aside))) == []


def test_a_new_process_may_say_nothing_before_it_is_let_in():
    records = recorded("a region crashes before it proposes").records
    region = records[places(records, Rejoined)[0]].sender
    (finding,) = monitor(without(records, places(records, Restored)[0]))
    assert finding.text == f"{region} cannot send Decided in phase joining"


def test_what_the_dispatcher_sends_is_held_to_its_own_table():
    records = recorded("a chunk is given up").records
    failed, assigned = places(records, FilmFailed)[0], places(records, ChunkAssigned)[0]
    (finding, *_) = monitor(inserted(records, failed + 1, records[assigned]))
    assert finding.seq == failed + 2
    assert finding.text == "dispatcher cannot send ChunkAssigned in phase closed"


def test_nobody_renders_in_a_take_without_renderers():
    records = recorded("undisturbed").records
    chunk = recorded("rendered").records[places(recorded("rendered").records, ChunkRendered)[0]]
    (finding,) = monitor(inserted(records, 5, chunk))
    assert finding.text == "renderer-1 has no part in the protocol"


def test_a_renderer_is_followed_from_the_message_on_that_announces_it():
    records = recorded("rendered").records
    announced = where(records, RendererChanged, renderer="renderer-2")
    findings = monitor(without(records, announced))
    assert {finding.text for finding in findings} == {"renderer-2 has no part in the protocol"}


def test_a_renderer_may_not_answer_what_it_was_not_asked():
    records = recorded("rendered").records
    asked = next(p for p in places(records, ChunkAssigned) if records[p].receivers == ("renderer-2",))
    answer = next(r for r in records if isinstance(r.message, ChunkRendered) and r.sender == "renderer-2")
    (finding,) = monitor(inserted(records, asked, answer))
    assert finding.text == "renderer-2 cannot send ChunkRendered in phase idle"


def test_a_renderer_that_comes_back_under_the_name_of_one_that_is_gone_is_another():
    records = recorded("a renderer dies").records
    gone = where(records, RendererChanged, to="gone")
    answered = next(r for r in records if isinstance(r.message, ChunkRendered) and r.sender == "renderer-2")
    back = replace(records[gone], message=RendererChanged(renderer="renderer-2", to="ready", reason=""))
    here = inserted(records, gone + 1, back)
    (finding,) = monitor(inserted(here, gone + 2, answered))
    assert finding.text == "renderer-2 cannot send ChunkRendered in phase idle"


def test_who_is_gone_may_still_be_heard():
    records = recorded("a renderer dies").records
    gone = where(records, RendererChanged, to="gone")
    late = next(r for r in records if isinstance(r.message, ChunkRendered) and r.sender == "renderer-2")
    assert monitor(inserted(records, gone + 1, late)) == []


def test_a_take_goes_on_after_its_end_only_where_it_is_said():
    records = recorded("resumed after a chunk was given up").records
    findings = monitor(without(records, places(records, TakeResumed)[0]))
    assert "coordinator cannot send Restored in phase closed" in {finding.text for finding in findings}


def test_a_commit_cannot_be_explained_by_an_end_and_a_resumption_that_nobody_saw():
    ended = Monitor.start(COORDINATOR_MACHINE, "gathering").sends("TakeClosed")
    assert not ended.sends("Committed").ways
    assert ended.sends("TakeResumed").ways


def test_when_a_take_is_resumed_everybody_is_new():
    records = recorded("resumed while regions vote").records
    resumed = places(records, TakeResumed)[0]
    voted = next(r for r in records[:resumed] if isinstance(r.message, Proposed))
    (finding, *_) = monitor(inserted(records, resumed + 1, voted))
    assert finding.text == f"{voted.sender} cannot send Proposed in phase idle"
    chunk = next(r for r in records if isinstance(r.message, ChunkRendered))
    (finding, *_) = monitor(inserted(records, resumed + 1, chunk))
    assert finding.text == f"{chunk.sender} has no part in the protocol"


def test_what_goes_to_a_region_before_its_new_process_is_there_reaches_nobody():
    records = recorded("resumed before it was briefed").records
    opened = places(records, BeatOpened)[0]
    assert opened < places(records, Rejoined)[0]
    assert monitor(records) == []


def test_an_end_that_reaches_a_region_twice_is_none_of_its_mistakes():
    records = recorded("resumed without frames").records
    assert len(places(records, TakeClosed)) == 2
    assert monitor(records) == []


def test_the_monitors_follow_the_tables_that_the_roles_run():
    assert {row.phase for row in COORDINATOR_MACHINE.rows} >= {"idle", "gathering", "voting"}
    opened = Monitor.start(COORDINATOR_MACHINE).sends("TakeOpened")
    assert {phase for phase, _ in opened.ways} >= {"directing"}
    assert Monitor.start(REGION).receives("TakeOpened").receives("BeatOpened").sends("Proposed").ways


def test_a_journal_without_records_gives_no_finding():
    assert monitor(numbered(())) == []
