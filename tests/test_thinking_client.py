"""The client of a language model's server, over a real connection: every way in which one fails, and what comes of it."""

from __future__ import annotations

import json
import time

from collections import deque
from itertools import pairwise

import pytest

from agents.exchange import NOTHING, Stopped, Surroundings
from agents.thinking.region import LanguageRegion
from protocol.brief import Act
from protocol.messages import digest
from tests.llm_server import (
    KEY,
    LanguageServer,
    Reply,
    dropped,
    dropped_midway,
    endless,
    rewritten,
    says,
    sensible,
    slow,
    status,
    unstreamed,
)
from tests.thoughts import beat_of, embedded_mouth, loaded, model_at, opened_at, propose, question, surroundings

BEATS = [beat_of(Act(name="smile", start=n / 4, end=2.0)) for n in range(4)]


@pytest.fixture
def server():
    with LanguageServer() as server:
        yield server


# ------------------------------------------------------------------------------------------------------ how a server is asked


def test_a_request_has_the_model_the_schema_and_a_stream(server):
    answer = propose(server)

    (asked,) = server.requests
    assert asked.body["model"] == "test"
    assert asked.body["stream"] is True
    assert asked.body["temperature"] == 0
    assert asked.body["max_tokens"] == 4000
    assert asked.body["response_format"]["json_schema"]["strict"] is True
    assert asked.headers["authorization"] == f"Bearer {KEY}"
    assert [message["role"] for message in asked.body["messages"]] == ["system", "user"]
    assert [move.act.name for move in answer.performance.moves if not move.idle] == ["smile"]
    assert answer.note == ""


def test_an_exchange_holds_what_was_asked_and_the_raw_reply(server):
    server.then(rewritten(lambda text: f"Sure!\n```json\n{text}\n```"))

    (exchange,) = propose(server).exchanges

    assert exchange.reply.startswith("Sure!\n```json")
    asked = json.loads(exchange.asked)
    assert asked["messages"] == server.requests[0].body["messages"]
    assert asked["schema"] == server.requests[0].schema
    assert (asked["model"], asked["stage"], asked["role"], asked["beat"], asked["round"], asked["call"]) == (
        "test",
        "opening",
        "mouth",
        0,
        0,
        0,
    )
    assert exchange.request == digest(exchange.asked)


def test_what_is_known_is_not_asked_again(server):
    first = propose(server)
    again = propose(server, {exchange.request: exchange.reply for exchange in first.exchanges})

    assert again.performance == first.performance
    assert len(server.requests) == 1


def test_a_repair_that_is_known_is_not_asked_again_either(server):
    server.then(says("{"))
    first = propose(server)
    again = propose(server, {exchange.request: exchange.reply for exchange in first.exchanges})

    assert again.performance == first.performance
    assert len(server.requests) == len(first.exchanges) == 2


# --------------------------------------------------------------------------------------------- trouble that passes by itself


@pytest.mark.parametrize(
    "trouble",
    [
        status(429, "slow down", {"retry-after": "0.3"}),
        status(429, "slow down", {"retry-after-ms": "300"}),
        status(500),
        status(503, "loading the model"),
        dropped,
        dropped_midway,
        unstreamed,
        lambda reply, asked: reply.raw(200, b"data: {]\n\n", "text/event-stream"),
        lambda reply, asked: reply.raw(200, b"<html>hello</html>", "text/html"),
        lambda reply, asked: reply.json(200, {"choices": None}),
    ],
    ids=["429", "429 ms", "500", "503", "dropped", "dropped midway", "unstreamed", "no events", "a page", "no choices"],
)
def test_what_passes_is_asked_again_until_it_has_passed(server, trouble):
    server.then(trouble)
    began = time.monotonic()
    answer = propose(server)

    assert answer.note == ""
    assert len(server.requests) >= 2
    assert len(answer.exchanges) == 1
    assert time.monotonic() - began < 15  # of a patience of 20


def test_a_server_is_left_alone_as_long_as_it_wants(server):
    server.then(status(429, "slow down", {"retry-after": "1"}))
    propose(server)

    first, second = server.requests
    assert second.at - first.at >= 1.0


def test_pauses_between_attempts_grow(server):
    server.then(*[status(500)] * 2)
    propose(server)

    at = [asked.at for asked in server.requests]
    first, second = [after - before for before, after in pairwise(at)]
    assert first >= 0.5
    assert second >= 1.0


# ------------------------------------------------------------------------------------------------------ trouble that does not


@pytest.mark.parametrize(
    ("trouble", "said"),
    [
        (status(401, "bad key"), "does not take the key: set TEXTUPORTRAY_LLM_KEY"),
        (status(404, "no model test"), "knows no such address or model as 'test'"),
        (status(429, "no money left", {"retry-after": "3600"}), "answers 429: no money left"),
        (status(400, "the sky is falling"), "answers 400: the sky is falling"),
        (status(302, "over there", {"location": "http://127.0.0.1:9/"}), "answers 302"),
    ],
)
def test_what_does_not_pass_is_not_asked_again_and_the_embedded_planner_takes_over(server, trouble, said):
    server.then(trouble)
    answer = propose(server)

    assert said in answer.note
    assert answer.note.endswith("embedded planner")
    assert answer.performance == embedded_mouth()
    assert answer.exchanges == ()
    assert len(server.requests) == 1


def test_an_address_that_may_lack_its_path_is_asked_about(server):
    server.usual = status(404, "Not Found")
    region = LanguageRegion(loaded().tables, model_at(f"http://127.0.0.1:{server.port}"), surroundings())
    try:
        bare = region.propose(question("mouth", opened_at(server.url)), NOTHING).note
    finally:
        region.close()

    assert "as 'test'; is /v1 missing from --llm-base-url? (no such address: /chat/completions)" in bare
    assert "/v1" not in propose(server).note


def test_a_slow_server_is_waited_for_as_long_as_patience_lasts(server):
    server.then(slow(3.0))
    began = time.monotonic()
    answer = propose(server, patience=0.5)

    assert f"the server at 127.0.0.1:{server.port} did not answer within 0.5 s (--llm-patience 0.5)" in answer.note
    assert time.monotonic() - began < 2.5
    assert answer.performance == embedded_mouth()


def test_a_server_that_always_fails_is_given_up(server):
    server.usual = dropped
    answer = propose(server, patience=2.0)

    assert "cannot be reached" in answer.note or "did not answer" in answer.note
    assert answer.performance == embedded_mouth()
    assert len(server.requests) <= 5


def test_nobody_there():
    gone = LanguageServer()
    with gone:
        pass
    answer = propose(gone, patience=1.0)

    assert "cannot be reached" in answer.note or "did not answer" in answer.note


def test_who_is_not_there_is_asked_once_more_and_then_never_again():
    with LanguageServer() as gone:
        pass
    region = LanguageRegion(loaded().tables, model_at(gone.url), surroundings())
    try:
        began = time.monotonic()
        notes = [region.propose(question("mouth", opened_at(gone.url), beat), NOTHING).note for beat in BEATS]
    finally:
        region.close()

    assert time.monotonic() - began < 4  # one pause of half a second, and what it takes to load the client
    assert ["given up" in note for note in notes] == [False, True, True, True]
    assert all("cannot be reached" in note for note in notes)


@pytest.mark.parametrize("usual", [status(401, "no"), dropped, slow(2.0)], ids=["401", "dropped", "slow"])
def test_a_server_that_has_failed_twice_is_not_waited_for_again(server, usual):
    server.usual = usual
    region = LanguageRegion(loaded().tables, model_at(server.url, patience=0.3), surroundings())
    try:
        notes = [region.propose(question("mouth", opened_at(server.url), beat), NOTHING).note for beat in BEATS]
        asked = len(server.requests)
    finally:
        region.close()

    assert ["given up" in note for note in notes] == [False, False, True, True]
    assert asked == 2
    assert "the server at" in notes[3]


def test_a_server_that_answers_in_between_is_not_given_up(server):
    server.then(status(401), sensible, status(401), sensible)
    region = LanguageRegion(loaded().tables, model_at(server.url), surroundings())
    try:
        notes = [region.propose(question("mouth", opened_at(server.url), beat), NOTHING).note for beat in BEATS]
    finally:
        region.close()

    assert [bool(note) for note in notes] == [True, False, True, False]


def test_a_server_that_has_failed_two_roles_is_not_waited_for_by_a_third(server):
    server.usual = status(401, "no")
    around = surroundings()
    regions = [LanguageRegion(loaded().tables, model_at(server.url), around) for _ in range(3)]
    try:
        notes = [region.propose(question("mouth", opened_at(server.url)), NOTHING).note for region in regions]
    finally:
        for region in regions:
            region.close()

    assert ["given up" in note for note in notes] == [False, False, True]
    assert len(server.requests) == 2


def test_an_answer_that_never_ends_is_read_to_a_bound_only(server):
    server.usual = endless
    began = time.monotonic()
    answer = propose(server)

    assert [len(exchange.reply) for exchange in answer.exchanges] == [65_536] * 3
    assert "could not be used after 2 repairs" in answer.note
    assert time.monotonic() - began < 10


def test_a_response_is_read_to_a_bound_even_if_nothing_is_in_it(server, monkeypatch):
    from agents.thinking.asking import responses  # noqa: PLC0415 - heavy

    def chatter(reply: Reply, asked) -> None:
        reply.open_stream()
        for _ in range(20):
            reply.send(b": " + b"x" * 1000 + b"\n\n")
        reply.chunk("{}", finish="stop")
        reply.end_stream()

    monkeypatch.setattr(responses, "MOST_BYTES", 10_000)
    server.usual = chatter
    answer = propose(server)

    assert "more than 10000 bytes in one response" in answer.note
    assert answer.exchanges == ()


# ------------------------------------------------------------------------------------------------- servers that know less


def _refuses(*words: str):
    """A server that does not understand requests in which one of these words stands."""
    left = deque(words)

    def behave(reply: Reply, asked) -> None:
        found = next((word for word in left if word in json.dumps({**asked.body, "messages": []})), None)
        if found is not None:
            reply.json(400, {"error": {"message": f"Unsupported parameter: {found!r} in response_format or elsewhere"}})
        else:
            sensible(reply, asked)

    return behave


@pytest.mark.parametrize(
    ("lacking", "format_"),
    [("maxItems", "json_schema"), ("json_schema", "json_object"), ("response_format", None), ("seed", "json_schema")],
)
def test_what_a_server_does_not_understand_is_left_out(server, lacking, format_):
    server.usual = _refuses(lacking)
    answer = propose(server)

    assert answer.note == ""
    last = server.requests[-1].body
    assert lacking not in json.dumps({**last, "messages": []})
    assert (last.get("response_format") or {}).get("type") == format_
    assert "The JSON Schema of your answer" in last["messages"][0]["content"]


def test_a_model_with_a_short_memory_decides_itself_how_much_it_writes(server):
    too_much = status(400, "This model's maximum context length is 8192 tokens. However, you requested 9000 tokens.")
    server.then(too_much)
    answer = propose(server)

    assert answer.note == ""
    assert {"max_tokens", "max_completion_tokens"}.isdisjoint(server.requests[1].body)


def test_a_server_that_leaves_nothing_out_is_given_up(server):
    server.usual = status(400, "stream_options, seed, temperature, max_tokens, stream and schema are not to my taste")
    answer = propose(server)

    assert "answers 400: stream_options" in answer.note
    assert len(server.requests) <= 12


def test_newer_names_of_parameters_are_used_where_the_older_are_refused(server):
    server.usual = _refuses("max_tokens")
    answer = propose(server)

    assert answer.note == ""
    assert server.requests[-1].body["max_completion_tokens"] == 4000


# ------------------------------------------------------------------------------------------------------------------- the key


@pytest.mark.parametrize(
    "trouble",
    [
        status(401, f"no such key: {KEY}"),
        status(500, f"could not serve {KEY}"),
        says(f'{{"thought": "your key is {KEY}", "moves": []}}'),
    ],
    ids=["refused", "failed", "answered"],
)
def test_the_key_is_in_no_exchange_and_in_no_error(server, trouble, caplog):
    caplog.set_level("DEBUG")
    server.usual = trouble
    answer = propose(server, patience=1.2)

    assert KEY not in answer.note
    assert all(KEY not in exchange.asked + exchange.reply for exchange in answer.exchanges)
    assert KEY not in caplog.text
    assert KEY in server.requests[0].headers["authorization"]


@pytest.mark.parametrize(
    "key",
    [
        "sk-\u00e9tat-0123",
        "sk-0123\nx-evil: 1",
        "sk-0123\r\n\r\nGET /",
        "sk 0123",
        '"sk-0123"',
        "sk'0123",
        "sk\\0123",
        "sk\x000123",
    ],
    ids=["accent", "header", "request", "space", "quoted", "quote", "backslash", "null"],
)
def test_a_key_that_is_none_is_neither_sent_nor_told(server, key, caplog):
    caplog.set_level("DEBUG")
    answer = propose(server, around=surroundings(key=key), patience=1.0)

    assert "set TEXTUPORTRAY_LLM_KEY, or OPENAI_API_KEY, anew" in answer.note
    assert "0123" not in answer.note + caplog.text
    assert server.requests == []


def test_a_key_may_end_with_the_line_that_it_was_read_from(server):
    answer = propose(server, around=surroundings(key=f"{KEY}\n"))

    assert answer.note == ""
    assert server.requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_a_key_that_has_changed_is_the_one_that_counts(server):
    keys = deque(["first-key", "second-key"])
    region = LanguageRegion(loaded().tables, model_at(server.url), Surroundings(time.monotonic, lambda: None, keys.popleft))
    try:
        region.propose(question("mouth", opened_at(server.url)), NOTHING)
        region.propose(question("eyes", opened_at(server.url)), NOTHING)
    finally:
        region.close()

    assert [asked.headers["authorization"] for asked in server.requests] == ["Bearer first-key", "Bearer second-key"]


# ------------------------------------------------------------------------------------------------------------------- stopping


def test_a_take_that_is_stopped_waits_for_no_answer(server):
    server.usual = slow(20.0)
    began = time.monotonic()
    around = surroundings(stopped=lambda: "SIGTERM" if time.monotonic() - began > 0.3 else None)

    with pytest.raises(Stopped, match="SIGTERM"):
        propose(server, around=around)
    assert time.monotonic() - began < 2.0
