"""Responses of a server, whoever that is: none grows in memory, and what its numbers say is not believed without a look."""

from __future__ import annotations

import gzip
import json
import zlib

import pytest

from tests.llm_server import LanguageServer, Reply, plan
from tests.thoughts import embedded_mouth, propose


@pytest.fixture
def server():
    with LanguageServer() as server:
        yield server


def test_answers_are_asked_for_as_they_are(server):
    propose(server)

    assert server.requests[0].headers["accept-encoding"] == "identity"


def _body(asked) -> bytes:
    message = {"role": "assistant", "content": json.dumps(plan(asked))}
    choice = {"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}
    return json.dumps({"id": "c", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice]}).encode()


@pytest.mark.parametrize("code", [200, 400, 500])
@pytest.mark.parametrize(
    ("name", "pack"), [("gzip", gzip.compress), ("deflate", zlib.compress), (" GZIP", gzip.compress), ("br, gzip", bytes)]
)
def test_a_response_that_is_compressed_all_the_same_is_not_read(server, name, pack, code):
    def compressing(reply: Reply, asked) -> None:
        reply.raw(code, pack(_body(asked)), "application/json", {"content-encoding": name})

    server.usual = compressing
    answer = propose(server)

    assert "compresses its answers, though it is asked not to" in answer.note
    assert answer.performance == embedded_mouth()
    assert len(server.requests) == 1


def test_a_response_may_say_that_it_is_as_it_is(server):
    server.usual = lambda reply, asked: reply.raw(200, _body(asked), "application/json", {"content-encoding": "identity"})

    assert propose(server).note == ""
