"""What answers of a language model cost, over a real connection: no budget is overdrawn, whatever a server does or says."""

from __future__ import annotations

import time

from contextlib import suppress
from dataclasses import replace

import pytest

from agents.exchange import NOTHING, unheard
from agents.thinking import budget
from agents.thinking.director import LanguageDirector
from agents.thinking.region import LanguageRegion
from protocol.brief import Act
from tests.llm_server import LanguageServer, Reply, dropped, dropped_midway, says, sensible, slow, status, unstreamed
from tests.thoughts import beat_of, embedded_mouth, loaded, model_at, opened_at, propose, question, surroundings

BEATS = [beat_of(Act(name="smile", start=n / 4, end=2.0)) for n in range(2)]


@pytest.fixture
def server():
    with LanguageServer() as server:
        yield server


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"tokens": 8 * 4000}, "tokens and 4000 are left of the role's share of --llm-tokens 32000"),
        ({"money": 0.01, "prices": (1.0, 2.0)}, "is left of the role's share of --llm-money 0.01"),
    ],
)
def test_an_answer_that_the_budget_has_no_room_for_is_not_asked_for(server, changes, said):
    answer = propose(server, **changes)

    assert said in answer.note
    assert server.requests == []
    assert answer.performance == embedded_mouth()


@pytest.mark.parametrize(("spent", "asked"), [((0, 0), 1), ((5_000, 101), 0)])
def test_what_a_role_has_spent_before_counts(server, spent, asked):
    prompt = budget.tokens_in(propose(server).exchanges[0].asked)
    server.requests.clear()
    around = replace(surroundings(), spent=lambda role: spent if role == "mouth" else (0, 0))
    answer = propose(server, around=around, tokens=8 * (prompt + 4000 + 5_100))

    assert len(server.requests) == asked
    assert ("--llm-tokens" in answer.note) == (not asked)


def test_what_the_director_has_spent_before_counts(server):
    around = replace(surroundings(), spent=lambda role: (10**9, 0) if role == "director" else (0, 0))
    opened = opened_at(server.url)
    assert opened.language_model is not None
    brief = LanguageDirector(loaded().tables, opened.language_model, around).brief(opened, NOTHING, unheard)

    assert "--llm-tokens" in brief.remarks[0]
    assert server.requests == []


def _attempts(server, *troubles, tokens: int) -> str:
    """What is said of an answer for which there is room in the budget with so many tokens to spare."""
    prompt = budget.tokens_in(propose(server).exchanges[0].asked)
    server.requests.clear()
    server.then(*troubles)
    return propose(server, tokens=8 * (prompt + 4000 + tokens)).note


@pytest.mark.parametrize("trouble", [dropped, dropped_midway, unstreamed], ids=["dropped", "midway", "unstreamed"])
def test_an_attempt_that_broke_is_paid_for_and_there_has_to_be_as_much_left_for_the_next(server, trouble):
    assert "--llm-tokens" in _attempts(server, trouble, tokens=3_999)
    assert len(server.requests) == 1
    assert _attempts(server, trouble, tokens=40_000) == ""


def test_a_server_that_was_too_busy_has_used_nothing(server):
    assert _attempts(server, status(503), status(429, "slow", {"retry-after": "0"}), tokens=0) == ""
    assert len(server.requests) == 3


def test_an_answer_that_was_not_waited_for_is_paid_for(server):
    prompt = budget.tokens_in(propose(server).exchanges[0].asked)
    server.requests.clear()
    server.then(slow(2.0))
    region = LanguageRegion(loaded().tables, model_at(server.url, patience=0.4, tokens=8 * (prompt + 7_000)), surroundings())
    try:
        notes = [region.propose(question("mouth", opened_at(server.url), beat), NOTHING).note for beat in BEATS]
    finally:
        region.close()

    assert "did not answer within 0.4 s (--llm-patience 0.4)" in notes[0]
    assert "--llm-tokens" in notes[1]
    assert len(server.requests) == 1


@pytest.mark.parametrize("usage", [(-1_000_000, -5), (2**70, 10**30), (0.5, "many"), (True, None)])
def test_what_a_server_says_of_tokens_that_is_no_number_of_them_is_not_believed(server, usage):
    note = _attempts(server, *[lambda reply, asked: _said_to_use(reply, *usage)] * 3, tokens=3_900)

    assert "--llm-tokens" in note
    assert len(server.requests) == 1


def _said_to_use(reply: Reply, read: object, written: object) -> None:
    reply.open_stream()
    reply.chunk("{")
    reply.close_stream("stop", {"prompt_tokens": read, "completion_tokens": written, "total_tokens": 1})  # type: ignore[dict-item]


def test_an_answer_without_a_bound_of_the_server_is_read_as_far_as_it_may_be_long(server):
    server.usual = _endless_where_it_is_not_bound
    answer = propose(server)

    assert {"max_tokens", "max_completion_tokens"}.isdisjoint(server.requests[-1].body)
    assert [budget.tokens_in(exchange.reply) // 100 for exchange in answer.exchanges] == [40] * 3


@pytest.mark.parametrize(("tokens", "enough"), [(14_000, False), (15_000, True)])
def test_an_answer_without_a_bound_that_comes_all_at_once_needs_room_for_all_that_is_read(server, tokens, enough):
    def unknowing(reply: Reply, asked) -> None:
        if asked.body.get("stream"):
            status(400, "no stream here")(reply, asked)
        elif {"max_tokens", "max_completion_tokens"} & asked.body.keys():
            status(400, "This model's maximum context length is 8192 tokens.")(reply, asked)
        else:
            sensible(reply, asked)

    prompt = budget.tokens_in(propose(server).exchanges[0].asked)
    server.usual = unknowing
    note = propose(server, tokens=8 * (prompt + 4000 + tokens)).note

    assert ("--llm-tokens" in note) == (not enough)


def _endless_where_it_is_not_bound(reply: Reply, asked) -> None:
    if {"max_tokens", "max_completion_tokens"} & asked.body.keys():
        status(400, "This model's maximum context length is 8192 tokens.")(reply, asked)
    else:
        reply.open_stream()
        with suppress(OSError):
            for _ in range(10_000):
                reply.chunk("x" * 100)


def test_tokens_are_counted_as_the_server_counts_them(server):
    usage = (2_000, 900)
    server.then(*[says("{", tokens=usage)] * 2)
    # A region has an eighth: room for the first answer and its repair, but not for a second repair.
    prompt = budget.tokens_in(propose(server).exchanges[0].asked)
    server.requests.clear()
    answer = propose(server.then(*[says("{", tokens=usage)] * 3), tokens=8 * (prompt + 4000 + 2_900 + 1_000))

    assert "--llm-tokens" in answer.note
    assert len(server.requests) == 2


def test_an_answer_for_which_there_is_no_more_time_is_no_fault_of_the_server(server):
    server.then(slow(3.0))
    note = propose(server, seconds=4.0, patience=5.0).note

    assert " did not answer within 0.5 s (all that was left of the role's share of --llm-seconds 4)" in note


def test_waiting_has_a_bound_over_all_answers(server):
    server.usual = slow(0.4, says("{"))
    began = time.monotonic()
    answer = propose(server, seconds=8 * 0.6)

    assert "the role's share of --llm-seconds 4.8" in answer.note
    assert time.monotonic() - began < 2.0
    assert len(server.requests) <= 2
