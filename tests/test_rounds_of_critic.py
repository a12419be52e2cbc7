"""The critic has a vote: it objects within the rounds, a bounded number of times, and never brings a ruling about."""

from __future__ import annotations

import io

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from protocol.channels import REGIONS
from protocol.conversation import Conversation
from protocol.coordination import Audited, Review
from protocol.coordinator_state import COMMIT_AS_PROPOSED, CRITIC_OBJECTS, SENT_BACK
from protocol.debugging.breaks import Vocabulary
from protocol.debugging.pages import Pages
from protocol.debugging.standing import standings
from protocol.debugging.stepping import Walk
from protocol.history import history
from protocol.journal import Record, scan_journal
from protocol.machine import Send
from protocol.messages import (
    COORDINATOR,
    CRITIC,
    Accepted,
    Committed,
    Decided,
    Objected,
    Proposed,
    Restored,
    RoundOpened,
    Ruled,
    TakeOpened,
)
from protocol.monitor import monitor
from protocol.replay import fold, replay
from protocol.timeline import rest
from runtime import coordinating
from tests.criticised import MISSED, AskingForMouths, Deaf, Shy, Unwilling, criticised
from tests.desk import Desk, auditing, reviewing
from tests.filmed import play
from tests.recorded import Stubborn, numbered, playing
from tests.takes import Told, sent, take_opened, violation


def missed(yields: str = "brows", measured: float = 0.2) -> Any:
    """Something that is hardly seen of a region."""
    return violation("intent-raise_brows", yields=yields).model_copy(update={"measured": measured})  # type: ignore[arg-type]


def again(desk: Desk, revised: float) -> None:
    """All accept once more, after the brows have revised."""
    desk(desk.proposal("brows", revised))
    desk(desk.vote("brows", missed()))
    desk.accept_all(("eyes", "mouth", "head"))
    desk.accept_all()
    desk.audit()


def critics(records: Sequence[Record]) -> list[tuple[int, int, str]]:
    """(beat, round, kind) of every vote of the critic."""
    votes = [record.message for record in records if record.sender == CRITIC]
    return [(vote.beat, vote.round, type(vote).__name__) for vote in votes if isinstance(vote, (Accepted, Objected))]


# ------------------------------------------------------------------------------------------------------------ the machine


def test_what_all_four_accept_and_is_clean_the_critic_looks_at_before_it_is_committed():
    desk = auditing(flags=(CRITIC_OBJECTS,))
    end = rest().model_copy(update={"seconds": 0.5})

    outputs = desk(Audited((), end))
    assert outputs == (Review(desk.open_beat, desk.on_table.vector, desk.on_table.tracks),)

    vector = desk.on_table.vector
    vote, committed, *_ = [output for output in desk.review() if isinstance(output, Send)]
    assert vote == Send((), Accepted(beat=0, round=1, role=CRITIC, incarnation=1, vector=vector.digest))
    assert committed.message == Committed(beat=0, vector=vector, digest=vector.digest, ruled=False)
    assert desk.open_beat.end_state == end
    assert desk.state.ending is None


@pytest.mark.parametrize(
    ("flags", "rounds"), [((), 3), ((CRITIC_OBJECTS,), 2), ((CRITIC_OBJECTS,), 1)], ids=["no flag", "one left", "none left"]
)
def test_without_the_flag_or_two_rounds_left_it_is_not_asked(flags, rounds):
    desk = auditing(flags=flags, rounds=rounds)

    assert sent(desk.audit(), Committed)
    assert desk.state.phase == "gathering"


def test_first_proposals_that_are_committed_as_they_are_are_not_reviewed():
    desk = Desk(flags=(COMMIT_AS_PROPOSED, CRITIC_OBJECTS))
    desk.start()
    desk.brief()
    desk.propose_all()

    assert sent(desk.audit(), Committed)


def test_what_an_audit_finds_is_not_reviewed():
    desk = auditing(flags=(CRITIC_OBJECTS,))

    assert sent(desk.audit(violation()), RoundOpened)
    assert desk.state.phase == "voting"


def test_an_objection_of_the_critic_opens_a_round_that_names_it():
    desk = reviewing()
    vector = desk.on_table.vector.digest

    outputs = desk.review(missed("eyes"), missed())

    vote = Objected(beat=0, round=1, role=CRITIC, incarnation=1, vector=vector, violations=(missed("eyes"), missed()))
    (opened,) = sent(outputs, RoundOpened)
    assert outputs[:2] == (Send((), vote), Send(REGIONS, opened))
    assert opened.round == 2
    assert [(o.by, o.violation.yields) for o in opened.objections] == [(CRITIC, "eyes"), (CRITIC, "brows")]
    assert desk.state.phase == "voting"
    assert [member.sent_back for member in desk.state.members] == [1, 1, 0, 0]


def test_a_region_is_sent_back_twice_in_a_beat_and_no_more():
    desk = reviewing(rounds=16)
    for number in range(SENT_BACK):
        desk.review(missed())
        assert desk.state.phase == "voting"
        again(desk, 0.1 + number / 10)
    assert desk.state.phase == "reviewing"

    outputs = desk.review(missed())

    assert [vote.role for vote in sent(outputs, Accepted)] == [CRITIC]
    assert sent(outputs, Committed)
    assert [member.sent_back for member in desk.state.members] == [0] * 4  # another beat is another matter


def test_of_several_objections_those_to_a_region_that_was_sent_back_twice_are_dropped():
    desk = reviewing(rounds=16)
    for number in range(SENT_BACK):
        desk.review(missed())
        again(desk, 0.1 + number / 10)

    (vote,) = sent(desk.review(missed(), missed("mouth")), Objected)

    assert [found.yields for found in vote.violations] == ["mouth"]


def test_what_all_four_accept_once_more_as_it_is_stands():
    desk = reviewing(rounds=16)
    desk.review(missed())
    desk.accept_all()
    desk.audit()

    assert sent(desk.review(missed()), Committed)


@pytest.mark.parametrize("rounds", range(3, 9))
def test_it_never_objects_so_late_that_a_region_could_not_answer(rounds):
    desk = reviewing(rounds=rounds)
    sent_back = 0
    while desk.state.phase == "reviewing":
        desk.review(missed(), missed("mouth"))
        if desk.state.phase == "voting":
            sent_back += 1
            again(desk, sent_back / 10)
    assert desk.beat == 1
    assert sent_back == min((rounds - 1) // 2, SENT_BACK)


def test_who_comes_in_while_it_looks_is_told_that_its_vote_stands():
    desk = reviewing()

    (restored,) = sent(desk.rejoin("brows"), Restored)

    assert restored.voted
    assert restored.round == desk.on_table
    assert sent(desk.review(), Committed)


def test_after_a_loss_it_is_asked_again_and_the_audit_is_not_forgotten():
    desk = auditing(flags=(CRITIC_OBJECTS,))
    end = rest().model_copy(update={"seconds": 0.5})
    desk(Audited((), end))

    outputs = desk.resume()

    assert [output for output in outputs if isinstance(output, Review)] == [
        Review(desk.open_beat, desk.on_table.vector, desk.on_table.tracks)
    ]
    desk.review()
    assert desk.open_beat.end_state == end


# -------------------------------------------------------------------------------------------------------------- whole takes


@pytest.fixture(scope="module")
def shy() -> Told:
    """A take whose mouth is sent back and then opens."""
    return criticised(Shy)


@pytest.fixture(scope="module")
def unwilling() -> Told:
    """One whose mouth never does enough."""
    return criticised(Unwilling)


@pytest.mark.parametrize("mouth", [Shy, Unwilling, Deaf])
def test_every_check_agrees(mouth):
    told = criticised(mouth)

    assert monitor(told.records) == history(told.records) == []
    assert replay(told.records, told.tables.constraints).findings == []
    assert told.closed.outcome == "done"


def test_a_region_that_is_sent_back_does_more_and_its_peers_settle_what_comes_of_it(shy):
    first = shy.state.committed[0][1][REGIONS.index("mouth")].curve("jawOpen")

    assert critics(shy.records)[:2] == [(0, 1, "Objected"), (0, 4, "Accepted")]
    assert max(key.value for key in first.keys) == pytest.approx(0.42)
    assert any(vote.role == "brows" for vote in shy.all(Objected) if vote.round == 3)  # an open jaw lowers the brows
    assert shy.all(Ruled) == []


def test_a_region_that_does_not_do_enough_is_sent_back_twice_in_each_beat(unwilling):
    votes = critics(unwilling.records)

    for beat in (0, 1):
        assert [kind for number, _, kind in votes if number == beat] == ["Objected"] * SENT_BACK + ["Accepted"]
    assert unwilling.all(Ruled) == []


def test_a_region_that_takes_nothing_up_is_sent_back_once():
    assert [kind for _, _, kind in critics(criticised(Deaf, beats=1).records)] == ["Objected", "Accepted"]


def test_a_beat_that_was_ruled_is_not_reviewed():
    told = criticised(Stubborn, beats=1, agents=playing("brows", Stubborn))

    assert [message.beat for message in told.all(Ruled)] == [0]
    assert critics(told.records) == []


def test_a_critic_that_fails_has_no_say(monkeypatch):
    def fail(*_: object) -> None:
        raise ValueError("it has a headache")

    monkeypatch.setattr(coordinating, "objections", fail)

    told = criticised(Deaf, beats=1)

    assert critics(told.records) == [(0, 1, "Accepted")]
    assert told.closed.outcome == "done"


def test_takes_without_the_flag_are_as_they_were():
    plain = criticised(Shy, flags=())

    assert critics(plain.records) == []
    assert plain.closed.outcome == "done"


def test_a_take_that_was_lost_at_any_point_comes_to_the_same_end(shy):
    opened = take_opened(7, (CRITIC_OBJECTS,))
    how: dict[str, Any] = {"opened": opened, "director": AskingForMouths(2), "agents": {"mouth": Shy}, "film": False}
    whole = play(**how)
    assert critics(whole.records) == critics(shy.records)
    places = [place for place, record in enumerate(whole.records) if record.sender == CRITIC]
    for place in (*places, *(place + 1 for place in places)):
        told = play(whole.records[:place], **how)
        assert told.timeline == whole.timeline, place


def test_a_journal_that_ends_where_the_critic_looks_is_gone_on_with_there(shy):
    place = next(place for place, record in enumerate(shy.records) if record.sender == CRITIC)

    folded = fold(shy.records[:place], shy.tables.constraints)

    assert folded.coordinator.phase == "reviewing"
    assert folded.coordinator.ending is not None
    assert folded.due == ()


# ------------------------------------------------------------------------------------------------ journals that are wrong


def tampered(told: Told, place: int, **changes: Any) -> list[str]:
    """Codes that history and machines find where a message of a journal is changed."""
    records = list(told.records)
    message = records[place].message
    records[place] = replace(records[place], message=message.model_copy(update=changes))
    return found_in(told, numbered(records))


def found_in(told: Told, records: Sequence[Record]) -> list[str]:
    """Codes of what is found wrong with a journal, each once."""
    findings = [*history(records), *replay(records, told.tables.constraints).findings]
    return sorted({finding.code for finding in findings})


def place_of(told: Told, kind: type, nth: int = 0) -> int:
    """Where the critic votes so for the nth time."""
    found = [n for n, record in enumerate(told.records) if record.sender == CRITIC and isinstance(record.message, kind)]
    return found[nth]


def test_a_vote_of_the_critic_that_is_left_out_is_missed(shy):
    for kind in (Accepted, Objected):
        place = place_of(shy, kind)
        less = numbered([*shy.records[:place], *shy.records[place + 1 :]])
        assert found_in(shy, less), kind
    place = place_of(shy, Accepted)
    assert "H03" in found_in(shy, numbered([*shy.records[:place], *shy.records[place + 1 :]]))


def test_nobody_else_votes_in_its_name_and_it_in_nobody_elses(shy):
    place = place_of(shy, Accepted)
    assert "H05" in tampered(shy, place, role="mouth")
    forged = replace(shy.records[place], sender=COORDINATOR)
    assert "H05" in found_in(shy, (*shy.records[:place], forged, *shy.records[place + 1 :]))


def test_a_third_objection_to_one_region_is_noticed(unwilling):
    again = unwilling.records[place_of(unwilling, Objected)].message
    assert isinstance(again, Objected)
    last = place_of(unwilling, Accepted)
    vote = unwilling.records[last].message
    assert isinstance(vote, Accepted)
    third = Objected(**vote.model_dump(), violations=again.violations)
    records = [*unwilling.records[:last], replace(unwilling.records[last], message=third), *unwilling.records[last + 1 :]]
    assert any("once more" in finding.text for finding in history(numbered(records)))


def test_a_vote_of_the_critic_in_a_take_without_one_is_noticed(shy):
    opened = shy.records[0].message
    assert isinstance(opened, TakeOpened)
    without = replace(shy.records[0], message=opened.model_copy(update={"flags": ()}))
    assert any("not asked" in finding.text for finding in history((without, *shy.records[1:])))


# ------------------------------------------------------------------------------------------------------------ what is told


def test_the_conversation_tells_what_is_missed_and_who_takes_it_up(shy):
    talk = Conversation({})
    text = "\n".join(line for record in shy.records for line in talk.lines(record))

    assert "critic  objects: open mouth between 0.00 and 0.50 s is not seen, 0.00 of 1" in text
    assert '("opens her mouth"); mouth is to do' in text
    assert "mouth   takes up what is missed: open mouth" in text
    assert "intent-" not in text


def test_who_walks_through_the_journal_sees_the_critic_look(shy):
    pages = Pages.of(scan_journal(io.BytesIO(shy.journal)))
    walk = Walk(pages, Conversation({}))
    place = place_of(shy, Accepted) + 1
    walk.go(place - 1)
    # What is worked out is only known by what is said because of it: until then the audit goes on.
    assert walk.states.coordinator.phase == "auditing"
    walk.go(place)
    assert walk.states.coordinator.phase == "gathering"
    walk.go(len(shy.records))
    assert walk.states.findings == []
    assert walk.states.coordinator.phase == "closed"


def test_a_role_that_waits_for_the_critic_says_so(shy):
    run = replay(shy.records[: place_of(shy, Objected)], shy.tables.constraints, complete=False)

    coordinator = next(one for one in standings(run) if one.role == COORDINATOR)
    assert coordinator.phase == "reviewing"
    assert "critic" in coordinator.text


def test_one_can_stop_where_the_critic_misses_something(shy):
    pages = Pages.of(scan_journal(io.BytesIO(shy.journal)))

    vocabulary = Vocabulary.of(pages, ["brows-under-jaw"])

    assert vocabulary.constraints == ("brows-under-jaw", MISSED)


def test_what_a_region_thought_about_in_vain_is_told_and_not_asked_again():
    """A region that can do no more accepts; the decision behind that is journaled all the same."""

    class Thoughtful(Deaf):
        def judge(self, asked: Any) -> Any:
            judged = super().judge(asked)
            if judged.violations or not asked.round.objections:
                return judged
            same = self._revision(asked, asked.round.round, 0.03)
            return replace(judged, revision=same)

    told = criticised(Thoughtful, beats=1)

    decided = [message for message in told.all(Decided) if message.role == "mouth"]
    assert [message.round for message in decided] == [0, 2]
    assert [message.round for message in told.all(Proposed) if message.region == "mouth"] == [0]
    assert monitor(told.records) == history(told.records) == []
    assert replay(told.records, told.tables.constraints).findings == []
