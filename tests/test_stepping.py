"""Walking through a journal: wherever one goes, and whichever way, the roles stand as they stood."""

from __future__ import annotations

import io

from collections.abc import Sequence

import pytest

from protocol.channels import REGIONS
from protocol.conversation import WIDTH, Conversation
from protocol.debugging import stepping
from protocol.debugging.pages import Pages
from protocol.debugging.standing import standings
from protocol.debugging.stepping import Walk
from protocol.journal import JournalError, Record, Stored, scan_journal
from protocol.messages import (
    ChunkAssigned,
    Committed,
    DeadlinePassed,
    Merged,
    Objected,
    Proposed,
    RoundOpened,
    Ruled,
)
from protocol.region import Judge, Judged
from protocol.replay import Replay
from tests.filmed import play
from tests.recorded import RUNS, places, recorded, said, where, without
from tests.takes import TinyRegion, tiny_tables, tiny_take
from tests.walking import pages, pages_of, prompt_of, shown, standing, walk, written

# ------------------------------------------------------------------------------------------------------------- states


@pytest.mark.parametrize("name", RUNS)
def test_every_take_can_be_followed_to_its_end(name):
    """What an audit or a ruling came to is not worked out again: that nobody differs shows that it is taken right."""
    at = walk(name)
    for seq in range(1, len(at.pages) + 1):
        at.go(seq)
        assert at.states.findings == []
        assert {"coordinator", *REGIONS} <= standing(at).keys()
    assert at.states.due == at.states.due_frames == type(at.states.due)()


@pytest.mark.parametrize("name", ["undisturbed", "a region is stubborn", "resumed twice", "rendered with a silent region"])
def test_the_states_are_those_of_the_machines_that_check(name):
    """Between two messages a walk may wait for what a check has worked out at once; with every message they agree again."""
    records = recorded(name).records
    at, checked = walk(name), Replay(tiny_tables().constraints)
    agreed = 0
    for seq in range(1, len(records) + 1):
        at.go(seq)
        checked.feed(records[seq - 1])
        if at.states.coordinator.phase in ("auditing", "ruling"):
            continue
        assert at.states.regions == checked.regions
        assert at.states.dispatcher == checked.dispatcher
        assert at.states.coordinator.members == checked.coordinator.members
        assert (at.states.coordinator.phase, at.states.coordinator.round) == (
            checked.coordinator.phase,
            checked.coordinator.round,
        )
        agreed += 1
    assert agreed > len(records) * 3 // 4


class Blind(TinyRegion):
    """An agent that accepts whatever is on the table."""

    def judge(self, asked: Judge) -> Judged:
        return Judged(asked.beat.beat, asked.round.round, asked.incarnation, (), None)


def test_what_the_critic_objects_to_and_is_ruled_on_in_the_end_is_taken_from_the_journal():
    """Everybody is content in every round, and the audit is not: it sends the beat back, and at last has it ruled on."""
    told = tiny_take(agents=Blind)
    at, checked = Walk(pages_of(told.records), Conversation()), Replay(told.tables.constraints)
    seen = set()
    for record in told.records:
        at.go(record.seq)
        checked.feed(record)
        seen.add(at.states.coordinator.phase)
        assert at.states.findings == checked.findings == []
        if at.states.coordinator.phase != "auditing":
            assert at.states.coordinator.members == checked.coordinator.members
            assert at.states.coordinator.round == checked.coordinator.round
    assert {"voting", "auditing", "gathering"} <= seen
    assert len(places(told.records, Ruled)) == 1
    rounds = [record.message for record in told.records if isinstance(record.message, RoundOpened)]
    assert rounds[0].objections == ()
    assert rounds[1].objections == rounds[2].objections != ()


@pytest.mark.parametrize("every", [1, 4, 128])
@pytest.mark.parametrize("name", ["resumed twice", "rendered with a silent region"])
def test_going_back_leads_to_where_one_was(monkeypatch, name, every):
    monkeypatch.setattr(stepping, "EVERY", every)
    at = walk(name)
    there: list[tuple[dict[str, str], Sequence[str], Record | None]] = []
    for seq in range(len(at.pages) + 1):
        at.go(seq)
        there.append((standing(at), at.said, at.record))
    for seq in [*range(len(at.pages), -1, -1), 7, 40, 41, 3, 40]:
        at.go(seq)
        assert (standing(at), at.said, at.record) == there[seq]


def test_a_walk_ends_at_both_ends():
    at = walk("undisturbed")
    at.go(10**6)
    assert at.at == len(at.pages)
    at.go(-5)
    assert (at.at, at.record, at.said) == (0, None, ())
    assert standing(at)["coordinator"] == "idle: no take is open"


def test_what_is_said_is_what_the_conversation_says():
    records = recorded("undisturbed").records
    talk = Conversation()
    at = walk("undisturbed")
    at.go(len(records))
    for record in records:
        at.go(record.seq)
        assert list(at.said) == list(talk.lines(record))


def test_where_one_has_been_one_gets_again_by_way_of_few_records(monkeypatch):
    """No more than there are between two kept places, forward and back."""
    records = recorded("resumed twice").records
    monkeypatch.setattr(stepping, "EVERY", 16)
    at = Walk(pages_of(records), Conversation())
    at.go(len(records))
    fed: list[int] = []
    feed = stepping.Following.feed

    def counting(self: stepping.Following, record: Record) -> None:
        fed.append(record.seq)
        feed(self, record)

    monkeypatch.setattr(stepping.Following, "feed", counting)
    for seq in (len(records) - 1, 3, len(records), 50, 51, 49):
        fed.clear()
        at.go(seq)
        assert at.at == seq
        assert len(fed) < 16
    fed.clear()
    at.go(50)
    assert fed == [50]


# ------------------------------------------------------------------------------------------------------- where they stand


def at_place(name: str, place: int) -> dict[str, str]:
    """Where everybody stands after a record, given by its index."""
    at = walk(name)
    at.go(place + 1)
    return standing(at)


def test_while_proposals_are_gathered_it_is_told_who_is_awaited():
    found = at_place("undisturbed", places(recorded("undisturbed").records, Proposed)[1])
    assert found["coordinator"] == "gathering: beat 0; 0 of 2 beats committed; waits for the proposals of mouth and head"
    assert found["brows"] == "waiting: revision 1: moves"
    assert found["head"] == "proposing: works out its proposal"


def test_in_a_round_it_is_told_who_has_voted_how():
    place = where(recorded("undisturbed").records, Objected, role="eyes")
    found = at_place("undisturbed", place)
    assert found["coordinator"] == (
        "voting: beat 0, round 1 of at most 3; 0 of 2 beats committed; brows object, eyes object; "
        "waits for the votes of mouth and head"
    )
    assert found["eyes"] == "waiting: revision 2 (after round 1): yields; object: lids-under-jaw"
    assert found["mouth"] == "judging: revision 1: moves"


def test_between_the_last_vote_and_the_commit_what_all_accept_is_measured():
    records = recorded("undisturbed").records
    commit = places(records, Committed)[0]
    assert at_place("undisturbed", commit - 1)["coordinator"].startswith("auditing: ")
    assert "is about to say BeatOpened" in at_place("undisturbed", commit)["coordinator"]


def test_a_ruling_is_worked_out_between_the_last_vote_and_its_message():
    records = recorded("a region is stubborn").records
    assert at_place("a region is stubborn", places(records, Ruled)[0] - 1)["coordinator"].startswith("ruling: ")


def test_a_fallback_and_who_has_no_process_are_told():
    records = recorded("a region is silent").records
    place = next(n for n in places(records, Proposed) if n > places(records, DeadlinePassed)[0])
    assert at_place("a region is silent", place)["eyes"].startswith(
        "waiting: incarnation 2, played by its fallback; revision 1"
    )
    resumed = recorded("resumed while regions vote").records
    taken_up = next(n for n, record in enumerate(resumed) if type(record.message).__name__ == "TakeResumed")
    assert at_place("resumed while regions vote", taken_up)["mouth"] == ": has no process yet"


def test_chunks_are_counted_and_renderers_say_what_they_have():
    records = recorded("a chunk fails once").records
    found = at_place("a chunk fails once", where(records, ChunkAssigned, chunk=3))
    assert found["dispatcher"].startswith("open: of 5 chunks 0 written, 4 in flight, 1 waiting")
    assert found["renderer-1"] == "ready: renders chunk 0 (frames 0 to 3), then chunk 2 (frames 11 to 17)"
    failed = at_place("a chunk fails once", next(n for n, r in enumerate(records) if type(r.message).__name__ == "ChunkFailed"))
    assert "handed out again: 4" in failed["dispatcher"] or "attempt 2" in " ".join(failed.values())
    assert any("failed 1 time in a row" in text for text in failed.values())


def test_before_chunks_are_handed_out_it_is_told_that_they_will_be():
    place = places(recorded("rendered").records, Merged)[0]
    assert at_place("rendered", place)["dispatcher"].endswith("; is about to say 4 ChunkAssigned")


def test_of_many_renderers_those_with_work_have_lines():
    names = tuple(f"renderer-{n}" for n in range(1, 20))
    told = play(renderers=names)
    at = Walk(pages_of(told.records), Conversation())
    at.go(where(told.records, Merged, ends=False) + 1)
    lines = [str(one) for one in standings(at.states)]
    assert lines[-1].strip() == "and 13 more renderers"
    assert sum("renders chunk" in line for line in lines) == 5, "as many as the first beat has chunks"


# ------------------------------------------------------------------------------------------- journals that are not in order


@pytest.mark.tampers
def test_a_role_that_does_otherwise_is_followed_no_further_and_the_others_are():
    records = recorded("undisturbed").records
    place = places(records, Committed)[0]
    at = Walk(pages_of(said(records, place, ruled=True)), Conversation())
    at.go(len(records))
    found = standing(at)
    assert found["coordinator"] == f": cannot be followed since record {place + 1} (R01)"
    assert found["brows"] == "closed: "


@pytest.mark.tampers
@pytest.mark.parametrize("name", ["undisturbed", "a region is stubborn", "rendered", "resumed twice"])
def test_any_journal_can_be_walked_through(name):
    """Whatever is missing in it."""
    records = recorded(name).records
    for gap in range(0, len(records), 3 + len(records) // 10):
        prompt = prompt_of(pages_of(without(records, gap)))
        lines = shown(prompt, "n 1000", "b 5", "s", "l 200", "g start")
        assert all(len(line) <= WIDTH for line in lines)


def test_a_record_that_cannot_be_read_is_where_the_walk_ends():
    some = pages("undisturbed")
    place = 12
    bad = Stored("Accepted", b"", place, 0, b"\x81\xa4body\x01", 4711)
    prompt = prompt_of(Pages([*some.stored[: place - 1], bad, *some.stored[place:]]))
    assert f"record {place} at byte 4711 of the journal: " in " ".join(shown(prompt, "n 100"))
    assert prompt.walk.at == place - 1
    assert shown(prompt, "b")[0].startswith(f"[{place - 2}/")
    with pytest.raises(JournalError, match="record 12 at byte 4711"):
        prompt.walk.go(20)


def test_the_end_of_a_journal_says_whether_it_is_the_end():
    records = recorded("undisturbed").records
    whole = written(records, close=False)
    torn = Pages.of(scan_journal(io.BytesIO(whole[:-20])))
    for some, expected in (
        (pages_of(records), "this is the last record"),
        (torn.until(9), "this is the last record that was asked for"),
        (torn.until(900), f"this is the last record; behind it the journal is torn, at byte {torn.torn_at}"),
        (pages_of(records, close=False), "this is the last record; the journal goes no further, or not yet"),
        (torn, f"this is the last record; behind it the journal is torn, at byte {torn.torn_at}"),
    ):
        assert shown(prompt_of(some), "g end", "n")[-1] == expected
