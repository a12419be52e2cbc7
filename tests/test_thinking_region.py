"""Regions that ask a language model: before they have seen their peers, ahead of time, and when they have to give way."""

from __future__ import annotations

import json
import time

import pytest

from agents.exchange import NOTHING
from agents.regions import LexiconRegion, Question
from agents.thinking.region import LanguageRegion
from protocol.brief import Act, Beat, Brief, Origin
from protocol.channels import REGIONS, WRITABLE
from protocol.keyframes import exact
from protocol.messages import BeatOpened, RoundOpened, Vector, Version, Violation, digest
from protocol.ruling import keep
from protocol.timeline import last_values, rest, view
from tests.llm_server import LanguageServer, changed, gives, says, sensible, slow, status
from tests.thoughts import beat_of, loaded, model_at, opened_at, question, region_at, surroundings

ACTS = (
    Act(name="smile", start=0.2, end=2.0, words="smiles"),
    Act(name="look", start=0.5, end=3.0, yaw=20.0, words="looks left"),
)
VIOLATION = Violation(
    constraint="gaze-head-sum",
    channels=("eyeYawLeft", "headYaw"),
    start=0.5,
    end=1.5,
    measured=71.23456,
    bound=60.0,
    yields="eyes",
    suggested=12.5,
)


@pytest.fixture
def server():
    with LanguageServer() as server:
        yield server


@pytest.fixture
def region(server):
    planner = region_at(server)
    yield planner
    planner.close()


def brief(beats: int = 3) -> Brief:
    return Brief(
        beats=tuple(Beat(start=3.0 * n, end=3.0 * n + 3.0, summary=f"beat {n}", acts=ACTS) for n in range(beats)),
    )


def in_round(opened, number: int = 1, intent: Beat | None = None) -> Question:
    """What the eyes are asked in a round, the others at rest."""
    opening = question("eyes", opened, intent)
    tracks = tuple(keep(region, last_values(rest())) for region in REGIONS)
    versions = [Version(region=t.region, incarnation=1, revision=1, digest=digest(t)) for t in tracks]
    round_ = RoundOpened(beat=0, round=number, vector=Vector(versions=tuple(versions)), tracks=tracks, objections=())
    return Question("eyes", opening.opened, opening.beat, round_)


def seen(asked: Question):
    assert asked.round is not None
    return view(asked.beat.end_state, asked.round.tracks, exact(asked.beat.intent.end - asked.beat.intent.start))


# ----------------------------------------------------------------------------------------------------------------- proposing


@pytest.mark.parametrize("name", REGIONS)
def test_a_region_is_told_its_beat_and_can_name_what_it_can_do(server, region, name):
    answer = region.propose(question(name, opened_at(server.url)), NOTHING)
    (asked,) = server.requests
    data = asked.data

    assert data["region"] == name
    assert data["seconds"] == 3.0
    assert [(act["act"], act["name"], act["words"]) for act in data["acts"]] == [
        (1, "smile", "smiles"),
        (2, "look", "looks left"),
    ]
    assert asked.schema["$defs"]["DrawnLine"]["properties"]["channel"]["enum"] == list(WRITABLE[name])
    assert answer.performance.region == name
    assert len(answer.exchanges) == 1


def test_its_performance_is_as_alive_as_an_embedded_one(server, region):
    opened = opened_at(server.url)
    asked = question("eyes", opened)
    answer = region.propose(asked, NOTHING).performance
    embedded = LexiconRegion(loaded().tables).propose(asked, NOTHING).performance

    assert answer == embedded  # the server answers as the beat asks, and everything human is added alike
    assert any(move.idle for move in answer.moves)
    assert {(move.size, move.late) for move in answer.moves if not move.idle} != {(1.0, 0.0)}


def test_nothing_is_asked_where_nothing_is_to_be_decided(server, region):
    opened = opened_at(server.url)
    same = beat_of(*ACTS, origin=Origin(beat=0, same=("mouth",)))

    assert region.propose(question("mouth", opened, beat_of()), NOTHING).performance.wandering
    assert region.propose(question("mouth", opened, same), NOTHING).performance.kept
    assert server.requests == []


# ------------------------------------------------------------------------------------------------------------ thinking ahead


def test_answers_thought_ahead_count_and_are_had_at_once(server, region):
    server.delay = 0.3
    opened = opened_at(server.url)
    for name in REGIONS:
        region.foresee(name, opened, brief())
    began = time.monotonic()
    for number, intent in enumerate(brief().beats):
        for name in REGIONS:
            answer = region.propose(Question(name, opened, BeatOpened(**_opened(number, intent)), None), NOTHING)
            assert len(answer.exchanges) == 1
    took = time.monotonic() - began

    assert len(server.requests) == 12
    assert took < 12 * 0.3 * 0.7


def _opened(number: int, intent: Beat):
    """A beat that opens after others: what was committed before is no part of the question."""
    return {"beat": number, "intent": intent, "previous": "0" * 32 if number else None, "end_state": rest()}


def test_at_most_two_requests_of_a_region_are_under_way(server, region):
    under_way, most = [0], [0]

    def counted(reply, asked):
        under_way[0] += 1
        most[0] = max(most[0], under_way[0])
        time.sleep(0.1)
        under_way[0] -= 1
        says(json.dumps({"moves": []}))(reply, asked)

    server.usual = counted
    opened = opened_at(server.url)
    region.foresee("mouth", opened, brief(6))
    for number, intent in enumerate(brief(6).beats):
        region.propose(Question("mouth", opened, BeatOpened(**_opened(number, intent)), None), NOTHING)

    assert most[0] == 2


def test_of_questions_that_are_refused_together_one_leaves_something_out(server, region):
    """The bounds of the schema are not understood: two requests that hear so at once do not lose the schema as well."""
    refuses = status(400, "response_format: the keyword maxItems is not supported")

    def behave(reply, asked):
        time.sleep(0.2)
        refused = "maxItems" in json.dumps(asked.body["response_format"])
        (refuses if refused else sensible)(reply, asked)

    server.usual = behave
    opened = opened_at(server.url)
    region.foresee("mouth", opened, brief(4))
    for number, intent in enumerate(brief(4).beats):
        region.propose(Question("mouth", opened, BeatOpened(**_opened(number, intent)), None), NOTHING)

    assert [asked.body["response_format"]["type"] for asked in server.requests] == ["json_schema"] * 6


def test_a_thought_about_another_intent_does_not_count(server, region):
    opened = opened_at(server.url)
    region.foresee("mouth", opened, brief(1))
    other = beat_of(Act(name="pout", start=0.0, end=1.0))
    answer = region.propose(question("mouth", opened, other), NOTHING)

    assert [move.act.name for move in answer.performance.moves if not move.idle] == ["pout"]
    assert len(server.requests) == 2


def test_closing_breaks_off_what_is_thought_about(server):
    planner = region_at(server)
    server.usual = slow(20.0)
    planner.foresee("mouth", opened_at(server.url), brief())
    time.sleep(0.2)
    began = time.monotonic()
    planner.close()

    assert time.monotonic() - began < 2.5


def test_it_can_be_asked_again_after_it_was_closed(server, region):
    region.close()

    assert region.propose(question("mouth", opened_at(server.url)), NOTHING).note == ""


# ---------------------------------------------------------------------------------------------------------------- giving way


def test_in_a_round_it_is_told_of_its_peers_and_of_what_was_objected_to(server, region):
    opened = opened_at(server.url)
    before = region.propose(question("eyes", opened), NOTHING).performance
    asked = in_round(opened)
    server.then(changed(lambda body: body["moves"][1].update(yaw=12.5)))
    answer = region.revise(asked, before, seen(asked), [VIOLATION], NOTHING)
    data = server.requests[-1].data

    assert server.stages() == ["opening", "round"]
    assert [move["name"] for move in data["your_moves"]] == ["smile", "look"]
    (objection,) = data["objections"]
    assert (objection["constraint"], objection["measured"], objection["bound"], objection["suggested"]) == (
        "gaze-head-sum",
        71.235,
        60.0,
        12.5,
    )
    assert set(data["peers"]) == {"brows", "mouth", "head"}
    assert answer.performance.yielding == ("gaze-head-sum",)
    look = next(move for move in answer.performance.moves if move.act.name == "look")
    assert look.act.yaw == 12.5


def of_act(performance, name: str):
    """The move of a performance that serves an act."""
    return next(move for move in performance.moves if move.act.name == name)


@pytest.mark.parametrize("heeds", [True, False], ids=["it does more itself", "it does the same"])
def test_what_the_critic_misses_it_is_told_and_the_embedded_planner_does_what_it_does_not(server, region, heeds):
    opened = opened_at(server.url)
    before = region.propose(question("eyes", opened), NOTHING).performance
    asked = in_round(opened)
    missed = VIOLATION.model_copy(
        update={"constraint": "intent-smile", "channels": ("cheekSquintLeft",), "measured": 0.5, "bound": 1.0}
    )
    if heeds:
        server.then(changed(lambda body: body["moves"][0].update(strength=1.5)))
    after = region.revise(asked, before, seen(asked), [missed], NOTHING).performance
    (objection,) = server.requests[-1].data["objections"]
    was, now = of_act(before, "smile"), of_act(after, "smile")

    assert (objection["constraint"], objection["measured"], objection["bound"]) == ("intent-smile", 0.5, 1.0)
    assert "critic" in objection["rule"]
    assert after.yielding == ()
    assert now.act.strength == (1.5 if heeds else 1.0)
    assert now.size == (pytest.approx(was.size) if heeds else pytest.approx(min(2 * was.size, 2.0)))
    assert of_act(after, "look") == of_act(before, "look")


def test_peers_are_shown_by_the_extremes_of_what_moves(server, region):
    opened = opened_at(server.url)
    asked = in_round(opened)
    mouth = LexiconRegion(loaded().tables).propose(question("mouth", opened), NOTHING).performance
    from agents.tracks import performed  # noqa: PLC0415 - beside its only use

    track = performed(loaded().tables, mouth, asked.beat.intent, last_values(rest()))
    assert asked.round is not None
    tracks = tuple(track if t.region == "mouth" else t for t in asked.round.tracks)
    sampled = view(asked.beat.end_state, tracks, 3.0)
    region.revise(
        asked, LexiconRegion(loaded().tables).propose(question("eyes", opened), NOTHING).performance, sampled, [], NOTHING
    )
    peers = server.requests[-1].data["peers"]

    least, _, most, when = peers["mouth"]["mouthSmileLeft"]
    assert least < 0.05
    assert most > 0.4
    assert 0.4 < when < 2.0
    assert peers["head"] == {}


def test_after_two_rounds_the_rules_alone_say_how(server, region):
    opened = opened_at(server.url)
    before = region.propose(question("eyes", opened), NOTHING).performance
    for number in (1, 2, 3, 4):
        asked = in_round(opened, number)
        answer = region.revise(asked, before, seen(asked), [VIOLATION], NOTHING)
        assert answer.performance.yielding == ("gaze-head-sum",)

    assert server.stages() == ["opening", "round", "round"]


def test_a_round_without_an_answer_is_given_way_in_by_the_embedded_planner(server, region):
    opened = opened_at(server.url)
    before = region.propose(question("eyes", opened), NOTHING).performance
    asked = in_round(opened)
    server.then(status(401))
    answer = region.revise(asked, before, seen(asked), [VIOLATION], NOTHING)

    assert answer.performance.yielding == ("gaze-head-sum",)
    assert [move.act.name for move in answer.performance.moves if not move.idle] == ["smile", "look"]
    assert answer.note.endswith("embedded planner")


def test_regions_have_budgets_of_their_own(server):
    with_room = LanguageRegion(loaded().tables, model_at(server.url, tokens=8 * 13_000), surroundings())
    server.usual = gives({"moves": []})
    opened = opened_at(server.url)
    try:
        notes = [with_room.propose(question(name, opened, beat_of(*ACTS, seconds=3.0)), NOTHING).note for name in REGIONS]
    finally:
        with_room.close()

    assert notes == [""] * 4
