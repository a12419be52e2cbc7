"""Answers of a language model with a fault: what is mended, what is asked for again, and when the embedded planner acts."""

from __future__ import annotations

import pytest

from tests.llm_server import LanguageServer, changed, gives, rewritten, says, status
from tests.thoughts import embedded_mouth, propose


@pytest.fixture
def server():
    with LanguageServer() as server:
        yield server


LONG_LINE = {
    "channel": "jawOpen",
    "why": "",
    "points": [{"time": n / 1000, "value": 0.5, "mode": "linear"} for n in range(10_000)],
}


@pytest.mark.parametrize(
    ("fault", "told"),
    [
        (rewritten(lambda text: text[: len(text) // 2]), "EOF while parsing"),
        (gives({"beats": [], "mood": "none"}), "moves: Field required"),
        (says("I cannot help with that."), "Invalid JSON"),
        (gives([1, 2, 3]), "Input should be an object"),
        (rewritten(lambda text: text.replace('"strength": 1.0', '"strength": NaN')), "finite number"),
        (changed(lambda body: body["moves"][0].update(name="smirk_badly")), "there is no move called 'smirk_badly'"),
        (changed(lambda body: body["moves"][0].update(name="nod")), "nod is nothing that the mouth can do"),
        (changed(lambda body: body.update(keyframes=[LONG_LINE])), "EOF while parsing"),
        (
            changed(lambda body: body.update(keyframes=[{**LONG_LINE, "points": LONG_LINE["points"][:500]}])),
            "at most 60 items",
        ),
        (
            changed(lambda body: body.update(keyframes=[{"channel": "headYaw", "why": "", "points": LONG_LINE["points"][:2]}])),
            "headYaw belongs to the head, not to the mouth",
        ),
        (gives({"command": "delete all files", "tool_calls": [{"function": {"name": "exec"}}]}), "moves: Field required"),
    ],
    ids=[
        "truncated",
        "wrong schema",
        "prose",
        "a list",
        "NaN",
        "unknown name",
        "another's act",
        "10,000 keyframes",
        "500 keyframes",
        "another's channel",
        "orders",
    ],
)
def test_an_answer_with_a_fault_is_asked_for_again_with_what_is_wrong(server, fault, told):
    server.then(fault)
    answer = propose(server)

    first, second = server.requests
    assert len(answer.exchanges) == 2
    conversation = second.body["messages"]
    assert [message["role"] for message in conversation] == ["system", "user", "assistant", "user"]
    assert conversation[:2] == first.body["messages"]
    assert told in conversation[3]["content"]
    assert answer.note == ""
    assert [move.act.name for move in answer.performance.moves if not move.idle] == ["smile"]


def test_an_empty_answer_is_asked_for_without_a_stream_and_then_again(server):
    server.then(says(""), says(""))
    answer = propose(server)

    assert [asked.body.get("stream", False) for asked in server.requests] == [True, False, False]
    assert [exchange.reply == "" for exchange in answer.exchanges] == [True, False]
    assert answer.note == ""


def test_half_a_character_in_an_answer_is_asked_for_again(server):
    server.then(changed(lambda body: body.update(thought="\ud83d!")))
    answer = propose(server)

    assert len(answer.exchanges) == 2
    assert all(exchange.asked.encode() and exchange.reply.encode() for exchange in answer.exchanges)
    assert answer.note == ""


def test_what_hides_in_an_error_is_not_shown(server):
    server.then(status(401, "no\x1b[2J\u202e \udc00 key"))

    assert "(no [2J ? key)" in propose(server).note


def test_half_a_character_that_comes_as_such_is_replaced(server):
    server.then(says("{ \ud83d"))
    answer = propose(server)

    assert answer.exchanges[0].reply == "{ ?"
    assert answer.note == ""


@pytest.mark.parametrize(
    "fault",
    [
        rewritten(lambda text: f"```json\n{text}\n```"),
        rewritten(lambda text: f"<think>well</think>\n{text}"),
        changed(lambda body: body["moves"][0].update(strength=99.0, end=1e9, start=-5)),
        changed(
            lambda body: body.update(keyframes=[{"channel": "jawOpen", "why": "", "points": LONG_LINE["points"][50:10:-1]}])
        ),
    ],
    ids=["fenced", "with thoughts", "out of range", "keyframes out of order"],
)
def test_small_faults_are_mended_without_asking(server, fault):
    server.then(fault)
    answer = propose(server)

    assert len(server.requests) == 1
    assert answer.note == ""
    assert [move.act.name for move in answer.performance.moves if not move.idle] == ["smile"]


def test_after_two_repairs_the_embedded_planner_takes_over_and_the_exchanges_are_kept(server):
    server.usual = gives({"moves": [{"name": "fly"}]})
    answer = propose(server)

    assert len(answer.exchanges) == 3
    assert "could not be used after 2 repairs: moves.0.start: Field required" in answer.note
    assert answer.performance == embedded_mouth()
