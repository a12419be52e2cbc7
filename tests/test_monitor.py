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
    Committed,
    Discarded,
    Proposed,
    Rejoined,
    Restored,
    RoundOpened,
    TakeOpened,
)
from protocol.monitor import Monitor, monitor
from protocol.region import REGION
from tests.recorded import RUNS, inserted, numbered, places, recorded, swapped, travelled, without


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


def test_the_monitors_follow_the_tables_that_the_roles_run():
    assert {row.phase for row in COORDINATOR_MACHINE.rows} >= {"idle", "gathering", "voting"}
    opened = Monitor.start(COORDINATOR_MACHINE).sends("TakeOpened")
    assert {phase for phase, _ in opened.ways} >= {"directing"}
    assert Monitor.start(REGION).receives("TakeOpened").receives("BeatOpened").sends("Proposed").ways


def test_a_journal_without_records_gives_no_finding():
    assert monitor(numbered(())) == []
