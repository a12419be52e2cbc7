"""Exchanges with a language model are in the journal before anything follows from them, and nobody is asked twice."""

from __future__ import annotations

import threading

from collections import Counter
from dataclasses import replace

import pytest

from pydantic import ValidationError

from agents.exchange import Exchange, Known
from agents.regions import Answer, Judgements, LexiconRegion, Question, RegionAgent
from protocol.channels import REGIONS, Region
from protocol.conversation import Conversation
from protocol.debugging.diverging import diverge
from protocol.debugging.explaining import brief_of
from protocol.debugging.saying import in_a_line, in_full
from protocol.exchanges import told
from protocol.history import history, planners
from protocol.journal import JournalError, Record
from protocol.messages import BeatOpened, Decided, TakeOpened
from protocol.region import Propose, Thought
from protocol.timeline import rest
from runtime.inline import Crash, FaultyNetwork
from tests.asking import STAGES, AskingDirector, AskingRegion, asked_by, exchanged, language_model, opened
from tests.filmed import Ran, play
from tests.recorded import checked, inserted, numbered, said, swapped
from tests.takes import (
    TinyRegion,
    brief,
    load_tables,
    take_opened,
    tiny_take,
    unjustified_commits,
)

ASKING: dict[Region, type[TinyRegion]] = dict.fromkeys(REGIONS, AskingRegion)


def asked(past: tuple[Record, ...] = (), **how) -> Ran:
    """A tiny take in which everybody asks."""
    AskingRegion.asked.clear()
    return play(past, **{"opened": opened(), "director": AskingDirector(), "agents": ASKING, "film": False, **how})


def exchanges(records, role: str | None = None) -> list[Decided]:
    return [
        record.message
        for record in records
        if isinstance(record.message, Decided) and not record.message.final and role in (None, record.message.role)
    ]


def at(records, role: str) -> list[int]:
    """Places of the exchanges of a role."""
    return [
        place
        for place, record in enumerate(records)
        if isinstance(record.message, Decided) and not record.message.final and record.message.role == role
    ]


@pytest.fixture(scope="module")
def calm() -> Ran:
    ran = asked()
    assert ran.closed.outcome == "done"
    return ran


# ------------------------------------------------------------------------------------------------------- in the journal


def test_every_exchange_stands_before_the_decision_that_it_led_to(calm):
    decisions = [record.message for record in calm.records if isinstance(record.message, Decided)]
    mine = [(one.beat, one.round, one.final) for one in decisions if one.role == "brows"]
    assert mine == [
        (0, 0, False), (0, 0, False), (0, 0, True),
        (0, 1, False), (0, 1, False), (0, 1, True),
        (1, 0, False), (1, 0, False), (1, 0, True),
    ]  # fmt: skip
    assert [one.final for one in decisions if one.role == "director"] == [*(False for _ in STAGES), True]


def test_the_journal_passes_every_check_and_the_motion_is_that_of_those_who_ask_nobody(calm):
    found = checked(calm.records, calm.tables.constraints)
    assert (found.monitor, found.history, found.replay) == ((), (), ())
    assert unjustified_commits(calm.records) == []
    assert calm.timeline == play(film=False).timeline
    assert planners(calm.records) == {"llm": 1, "fake": 10}


def test_a_take_that_is_rendered_says_what_is_rendered_before_the_director_is_asked():
    kinds = [type(record.message).__name__ for record in asked(film=True).records]
    assert kinds.index("FilmOpened") < kinds.index("Decided")


@pytest.mark.parametrize("every", [4, pytest.param(1, marks=pytest.mark.slow)])
def test_a_take_that_goes_on_after_any_record_asks_for_nothing_that_is_in_its_journal(calm, every):
    asked_for = sorted(one.request for one in exchanges(calm.records))
    for length in range(1, len(calm.records), every):
        past, director = calm.records[:length], AskingDirector()
        again = asked(past, director=director)
        found = checked(again.records, again.tables.constraints)
        assert (found.monitor, found.history, found.replay) == ((), (), ()), length
        assert again.timeline == calm.timeline
        assert sorted(one.request for one in exchanges(again.records)) == asked_for, length
        assert Counter(director.asked + AskingRegion.asked) == Counter(asked_for) - Counter(
            one.request for one in exchanges(past)
        ), length


@pytest.mark.parametrize("seed", range(3))
def test_a_bad_network_and_crashes_lose_no_exchange(calm, seed):
    told_ = asked(network=FaultyNetwork(seed, 0.3, 0.3, 2.0), crashes=(Crash(REGIONS[seed], 2 + seed % 3), Crash("head", 4)))
    found = checked(told_.records, told_.tables.constraints)
    assert (found.monitor, found.history, found.replay) == ((), (), ())
    assert told_.timeline == calm.timeline
    assert Counter(one.request for one in exchanges(told_.records)) == Counter(one.request for one in exchanges(calm.records))


def test_what_a_region_proposes_without_a_decision_is_refused_however_much_it_exchanged(calm):
    """Who takes over from it could not know what it had in mind."""
    first = next(place for place in at(calm.records, "eyes"))
    decision = next(
        place for place, record in enumerate(calm.records) if place > first and record.sender == "eyes" and record.message.final
    )
    without = numbered([record for place, record in enumerate(calm.records) if place != decision])
    found = checked(without, calm.tables.constraints)
    assert any("before it has decided" in finding.text for finding in found.history)
    assert any(finding.code.startswith("R") for finding in found.replay)


def test_a_full_disk_ends_a_take_whatever_the_director_makes_of_it():
    class Careless(AskingDirector):
        def brief(self, opened, known, note):
            try:
                return super().brief(opened, known, note)
            except Exception:  # noqa: BLE001 - that is what is careless
                return brief()

    def full(record: Record) -> None:
        if exchanges([record]):
            raise JournalError("no space left")

    with pytest.raises(JournalError, match="no space left"):
        tiny_take(director=Careless(), told=full, opened=opened())


def test_a_take_that_is_stopped_while_the_director_waits_is_stopped_and_goes_on_from_there(calm):
    waiting = iter([None, "SIGTERM"])
    stopped = asked(director=AskingDirector(stopped=lambda: next(waiting)))
    assert (stopped.closed.outcome, stopped.closed.reason) == ("stopped", "SIGTERM")
    assert [one.role for one in exchanges(stopped.records)] == ["director"]

    director = AskingDirector()
    again = asked(stopped.records, director=director)
    assert len(director.asked) == len(STAGES) - 1
    assert again.timeline == calm.timeline


# ------------------------------------------------------------------------------------------------------ what is refused


@pytest.mark.parametrize(
    ("changes", "why"),
    [
        ({"asked": ""}, "does not say what was asked"),
        ({"asked": "{}"}, "not the digest of what was asked"),
        ({"request": "0" * 32}, "not the digest of what was asked"),
        ({"final": True, "request": "0" * 32}, "not the digest of what was asked"),
    ],
)
def test_an_exchange_is_what_it_says(changes, why):
    fields = {**dict(exchanged("eyes")), **changes}
    with pytest.raises(ValidationError, match=why):
        Decided(**fields)


def changed(records, place: int, **changes):
    """An exchange that says otherwise, and still is what it says."""
    message = records[place].message
    fields = {**dict(message), **changes}
    return said(records, place, **{name: fields[name] for name in changes})


TAMPERED = {
    "another question than is open": (lambda r: changed(r, at(r, "mouth")[0], beat=7), "beat 7, which is not open"),
    "a director about a beat": (lambda r: changed(r, at(r, "director")[0], beat=0), "beat 0, which is not open"),
    "another round than is decided": (lambda r: changed(r, at(r, "mouth")[1], round=3), "round 3 while it asks about beat 0"),
    "the same twice": (lambda r: inserted(r, at(r, "mouth")[1], r[at(r, "mouth")[0]]), "asks the same about beat 0 twice"),
    "after the decision": (lambda r: swapped(r, at(r, "head")[1], at(r, "head")[1] + 1), "after it has decided on that"),
    "in another's name": (lambda r: changed(r, at(r, "head")[0], role="eyes"), "in the name of eyes"),
}


@pytest.mark.parametrize("name", TAMPERED)
def test_exchanges_out_of_place_are_found(calm, name):
    tamper, text = TAMPERED[name]
    found = [finding.text for finding in history(tamper(calm.records))]
    assert any(text in one for one in found), found


# ------------------------------------------------------------------------------------------------------- at the same time


class Together(AskingRegion):
    """Answers only once all four are asked, and each in its own time, the last region first."""

    meeting = threading.Barrier(len(REGIONS))
    turns = threading.Condition()
    answered = 0

    def propose(self, asked: Propose) -> Thought:
        self.meeting.wait(timeout=20)
        thought = super().propose(asked)
        with self.turns:
            self.turns.wait_for(lambda: Together.answered % 4 == len(REGIONS) - 1 - REGIONS.index(self.region), timeout=20)
            Together.answered += 1
            self.turns.notify_all()
        return thought


def test_regions_that_may_have_to_wait_think_at_the_same_time_and_the_journal_is_that_of_their_turns(calm):
    together = asked(agents=dict.fromkeys(REGIONS, Together), patient=True)
    assert together.closed.outcome == "done"
    assert together.records == calm.records


def test_crashes_and_a_bad_network_are_no_hindrance_to_thinking_at_the_same_time():
    crashes = (Crash("brows", 3), Crash("eyes", 4))
    alone, together = (
        asked(network=FaultyNetwork(5, 0.3, 0.3, 2.0), crashes=crashes, patient=patient) for patient in (False, True)
    )
    assert together.closed.outcome == "done"
    assert together.timeline == alone.timeline
    found = checked(together.records, together.tables.constraints)
    assert (found.monitor, found.history, found.replay) == ((), (), ())


# ------------------------------------------------------------------------------------------------------------ the agent


class Scripted(LexiconRegion):
    """The embedded planner, which asks before it proposes and remembers what it was given."""

    name = "llm"

    def __init__(self, tables) -> None:
        super().__init__(tables)
        self.known: list[Known] = []
        self.closed = 0

    def propose(self, question: Question, known: Known = {}) -> Answer:  # noqa: B006 - it is not changed
        self.known.append(dict(known))
        plain = super().propose(question, known)
        return Answer(plain.performance, (asked_by(question.region, 0, 0, "opening"),), "after two tries")

    def close(self) -> None:
        self.closed += 1


def agent(planner, region: Region = "mouth") -> RegionAgent:
    tables = load_tables()
    return RegionAgent(region, tables.tables, tables.digest, lambda _: planner, Judgements(tables.tables))


def question(take: TakeOpened | None = None, decisions: tuple[Decided, ...] = ()) -> Propose:
    beat = BeatOpened(beat=0, intent=brief(1).beats[0], previous=None, end_state=rest())
    return Propose(take or opened(), beat, 1, decisions)


def test_an_agent_tells_of_its_planners_exchanges_and_of_how_it_was_decided():
    planner = Scripted(load_tables().tables)
    revision = agent(planner).propose(question()).revision
    (exchange,) = revision.exchanges
    assert (exchange.role, exchange.planner, exchange.final, exchange.beat) == ("mouth", "llm", False, 0)
    assert (revision.decided.final, revision.decided.asked) == (True, "")
    assert revision.why.endswith("(after two tries)")


def test_what_is_known_is_handed_to_the_planner_and_what_was_decided_is_not_asked():
    planner = Scripted(load_tables().tables)
    first = agent(planner).propose(question()).revision
    again = agent(planner).propose(question(decisions=first.exchanges)).revision
    assert planner.known == [{}, {first.exchanges[0].request: first.exchanges[0].reply}]
    assert again == first
    settled = agent(planner).propose(question(decisions=(*first.exchanges, first.decided))).revision
    assert len(planner.known) == 2
    assert (settled.track, settled.exchanges) == (first.track, ())


def test_a_question_is_another_one_with_another_language_model_and_the_same_as_ever_without():
    planner = Scripted(load_tables().tables)
    takes = [take_opened(), opened(), opened().model_copy(update={"language_model": language_model(model="large")})]
    requests = [agent(planner).propose(question(take)).revision.decided.request for take in takes]
    assert len(set(requests)) == 3
    embedded = agent(LexiconRegion(load_tables().tables)).propose(question(take_opened())).revision.decided.request
    plain = Question("mouth", take_opened(), question().beat, None)
    assert embedded == plain.digest(load_tables().digest, "lexicon")


def test_each_take_has_a_planner_of_its_own_which_hears_when_it_is_over():
    made: list[Scripted] = []

    def planner_for(take: TakeOpened) -> Scripted:
        made.append(Scripted(load_tables().tables))
        return made[-1]

    tables = load_tables()
    one = RegionAgent("mouth", tables.tables, tables.digest, planner_for, Judgements(tables.tables))
    other = opened().model_copy(update={"take": "take-2"})
    one.propose(question())
    one.foresee(opened(), brief())
    one.propose(question(other))
    one.close()
    assert [planner.closed for planner in made] == [1, 1]


# ---------------------------------------------------------------------------------------------------------- for people


def test_each_exchange_is_told_in_a_line(calm):
    talk = Conversation()
    lines = [line for record in calm.records for line in talk.lines(record)]
    assert "planned by the language model small at 127.0.0.1:8000" in lines
    (line,) = [line for line in lines if line.startswith("director asks small: draft")]
    assert line.endswith("characters; 17 come back)")
    assert any(line.startswith("  eyes    ask small: opening, try 2 (") for line in lines)
    only = Conversation(region="eyes")
    shown = [line for record in calm.records for line in only.lines(record)]
    assert not any(line.startswith("  mouth   asks") for line in shown)
    assert any(line.startswith("  eyes    ask") for line in shown)


@pytest.mark.parametrize("text", ["[]", "{", '{"model": 3, "stage": [], "call": "x"}', "[" * 5000])
def test_whatever_was_asked_there_is_something_to_say(text):
    assert told(exchanged("eyes").model_copy(update={"asked": text})).startswith("a language model (")


def test_a_debugger_shows_what_was_asked_field_by_field(calm):
    record = calm.records[at(calm.records, "eyes")[1]]
    assert in_a_line(record).startswith("eyes ask small: opening, try 2")
    shown = list(in_full(record))
    assert "  stage: opening" in shown
    assert "final: False" in shown
    assert list(in_full(record, "stage")) == ["stage: opening"]


def test_the_brief_is_what_the_director_decided_and_not_what_it_was_told_on_the_way(calm):
    assert brief_of(calm.records) == calm.state.brief


def test_two_takes_part_where_an_exchange_differs(calm):
    place = at(calm.records, "eyes")[1]
    other = exchanged("eyes", 0, 1, 0, "opening", 5, "0.7")
    found = diverge(calm.records, said(calm.records, place, asked=other.asked, request=other.request))
    (difference,) = found.differences
    assert difference.code == "D05"
    assert difference.text == "first difference: beat 0, what the planner of eyes asks a language model"
    assert difference.fields == ("asked.call: 1 / 5",)

    place = at(calm.records, "director")[0]
    (difference,) = diverge(calm.records, said(calm.records, place, reply="otherwise")).differences
    assert (difference.code, difference.text) == ("D04", "first difference: what the director asks a language model")


def test_two_takes_by_different_language_models_part_in_what_they_were_asked_for(calm):
    asked_for = calm.records[0].message.model_copy(update={"language_model": language_model(model="large")})
    other = (replace(calm.records[0], message=asked_for), *calm.records[1:])
    (difference,) = diverge(calm.records, other).differences
    assert (difference.code, difference.fields) == ("D01", ('language_model.model: "small" / "large"',))


def test_an_exchange_is_known_by_what_was_asked_and_not_by_what_was_answered():
    exchange = Exchange('{"a": 1}', "b")
    assert exchange.request == Exchange('{"a": 1}', "c").request != Exchange('{"a": 2}', "b").request
