"""A server on loopback that speaks the chat completions API: with sense, or with any fault that a real one has.

It is a real HTTP server in threads of its own, so that a test goes through the real client, sockets, timeouts and streams.
Each request takes the next `Behaviour` of the script; when the script is empty, the usual one. The usual one answers every
schema of the project with a plausible plan: the embedded planner reads the direction that stands in the request, and a region
plays what the beat asks of it. The direction can also be obeyed, as a model would that falls for what is written in it.

    python tests/llm_server.py [--port 8000] [--delay 1.0]
"""

from __future__ import annotations

import argparse
import json
import threading
import time

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field
from functools import cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any

from agents.director.lexicon import LexiconPlanner
from runtime.loading import load

KEY = "sk-test-0123456789abcdef"
"""A key as servers give them, for tests that look for it where it must not be."""
_PIECE = 48
"""Characters of a streamed chunk."""


@dataclass(frozen=True)
class Asked:
    """A request as it arrived.

    Attributes:
        body: of the request.
        headers: by name in small letters.
        at: when, in monotonic seconds.
    """

    body: dict[str, Any]
    headers: Mapping[str, str]
    at: float

    @property
    def schema(self) -> dict[str, Any]:
        """The schema of the answer, from the format or else from the prompt."""
        format_ = self.body.get("response_format") or {}
        if "json_schema" in format_:
            schema: dict[str, Any] = format_["json_schema"]["schema"]
            return schema
        told = self.body["messages"][0]["content"].rpartition("The JSON Schema of your answer:\n")[2]
        found: dict[str, Any] = json.loads(told)
        return found

    @property
    def data(self) -> dict[str, Any]:
        """What the user's first message holds."""
        data: dict[str, Any] = json.loads(self.body["messages"][1]["content"])
        return data

    @property
    def stage(self) -> str:
        """What is asked for, by what comes back."""
        properties = self.schema["properties"]
        if "heard" in properties:
            return "understand"
        if "verdict" in properties:
            return "criticise"
        if "changes" in properties:
            return "note"
        if "beats" in properties:
            return "revise" if "problems" in self.data else "draft"
        return "round" if "round" in self.data else "opening"


Behaviour = Callable[["Reply", Asked], None]


class Reply:
    """What a behaviour answers through."""

    def __init__(self, handler: BaseHTTPRequestHandler, stream: bool, usage: bool) -> None:
        self.handler = handler
        self.stream = stream
        self.usage = usage

    def text(self, content: str, *, finish: str = "stop", tokens: tuple[int, int] = (1000, 200)) -> None:
        """Answer with a text, in one piece or as a stream."""
        usage = {"prompt_tokens": tokens[0], "completion_tokens": tokens[1], "total_tokens": sum(tokens)}
        if not self.stream:
            message = {"role": "assistant", "content": content}
            choice = {"index": 0, "message": message, "finish_reason": finish, "logprobs": None}
            body = {"id": "c", "object": "chat.completion", "created": 0, "model": "m", "choices": [choice], "usage": usage}
            self.json(200, body)
            return
        self.open_stream()
        for at in range(0, len(content), _PIECE):
            self.chunk(content[at : at + _PIECE])
        self.close_stream(finish, usage)

    def json(self, status: int, body: object, headers: Mapping[str, str] | None = None) -> None:
        """Answer with JSON of any kind."""
        self.raw(status, json.dumps(body).encode(), "application/json", headers)

    def raw(self, status: int, body: bytes, kind: str, headers: Mapping[str, str] | None = None) -> None:
        """Answer with bytes of any kind."""
        handler = self.handler
        handler.send_response(status)
        handler.send_header("content-type", kind)
        handler.send_header("content-length", str(len(body)))
        for name, value in (headers or {}).items():
            handler.send_header(name, value)
        handler.end_headers()
        handler.wfile.write(body)

    def open_stream(self) -> None:
        """Begin a stream of events."""
        self.handler.send_response(200)
        self.handler.send_header("content-type", "text/event-stream")
        self.handler.send_header("transfer-encoding", "chunked")
        self.handler.end_headers()

    def chunk(self, content: str, finish: str | None = None) -> None:
        """Stream a part of the text."""
        choice = {"index": 0, "delta": {"content": content} if content else {}, "finish_reason": finish}
        self.event({**_CHUNK, "choices": [choice]})

    def close_stream(self, finish: str, usage: Mapping[str, int]) -> None:
        """Say how the text ended, and what it took if that was asked for, and end the stream."""
        self.chunk("", finish=finish)
        if self.usage:
            self.event({**_CHUNK, "choices": [], "usage": usage})
        self.send(b"data: [DONE]\n\n")
        self.end_stream()

    def event(self, body: object) -> None:
        """Stream an event."""
        self.send(b"data: " + json.dumps(body).encode() + b"\n\n")

    def send(self, data: bytes) -> None:
        """Stream some bytes."""
        self.handler.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.handler.wfile.flush()

    def end_stream(self) -> None:
        """End the stream."""
        self.handler.wfile.write(b"0\r\n\r\n")

    def drop(self) -> None:
        """Break the connection."""
        self.handler.close_connection = True
        with suppress(OSError):
            self.handler.connection.shutdown(2)


_CHUNK = {"id": "c", "object": "chat.completion.chunk", "created": 0, "model": "m"}


def sensible(reply: Reply, asked: Asked) -> None:
    """Answer as a model would that knows its craft."""
    reply.text(json.dumps(plan(asked)))


def says(text: str, **more: Any) -> Behaviour:
    """Answer with this text, whatever was asked."""
    return lambda reply, asked: reply.text(text, **more)


def gives(body: object) -> Behaviour:
    """Answer with this JSON."""
    return says(json.dumps(body))


def changed(change: Callable[[dict[str, Any]], object]) -> Behaviour:
    """Answer sensibly, but for what is done to the answer."""

    def behave(reply: Reply, asked: Asked) -> None:
        body = plan(asked)
        result = change(body)
        reply.text(json.dumps(body if result is None else result))

    return behave


def rewritten(change: Callable[[str], str]) -> Behaviour:
    """Answer sensibly, but for what is done to the text of the answer."""
    return lambda reply, asked: reply.text(change(json.dumps(plan(asked))))


def slow(seconds: float, then: Behaviour = sensible) -> Behaviour:
    """Answer late."""

    def behave(reply: Reply, asked: Asked) -> None:
        time.sleep(seconds)
        then(reply, asked)

    return behave


def status(code: int, message: str = "no", headers: Mapping[str, str] | None = None) -> Behaviour:
    """Answer with an error."""
    return lambda reply, asked: reply.json(code, {"error": {"message": message, "type": "error"}}, headers)


def dropped(reply: Reply, asked: Asked) -> None:
    """Break the connection before anything is said."""
    reply.drop()


def dropped_midway(reply: Reply, asked: Asked) -> None:
    """Break the connection in the middle of the answer."""
    if reply.stream:
        reply.open_stream()
        reply.chunk('{"heard": [')
    reply.drop()


def endless(reply: Reply, asked: Asked) -> None:
    """Never come to an end."""
    reply.open_stream()
    with suppress(OSError):
        for _ in range(100_000):
            reply.chunk('{"heard": [' + " " * 4000)


def unstreamed(reply: Reply, asked: Asked) -> None:
    """Answer in one piece although a stream was asked for."""
    reply.stream = False
    sensible(reply, asked)


def obedient(reply: Reply, asked: Asked) -> None:
    """Fall for what stands in the direction: answer with whatever it says after "answer:" or "say:"."""
    direction = asked.data["direction"]
    order = direction.partition("answer:")[2] or direction.partition("say:")[2] or "I obey."
    reply.text(order.strip())


def plan(asked: Asked) -> dict[str, Any]:
    """A plausible answer to any request of the project."""
    data = asked.data
    if asked.stage == "understand":
        heard = [{"words": data["direction"][:200], "meaning": "what the words say", "when": ""}]
        return {"heard": heard, "mood": "none", "seconds": data["seconds"] or 0.0, "unclear": []}
    if asked.stage == "criticise":
        return {"problems": [], "verdict": "keep"}
    if asked.stage in ("draft", "revise"):
        return draft(data["direction"], data["seconds"])
    if asked.stage == "note":
        return noted(data)
    enumerated = asked.schema["$defs"]["Chosen"]["properties"]["name"]["enum"]
    moves = []
    for act in data["acts"]:
        if act["name"] in enumerated and data["region"] in act.get("only", ["brows", "eyes", "mouth", "head"]):
            move = {"speed": 1.0, "side": "both", "count": 0, "yaw": 0.0, "pitch": 0.0, **act, "why": "asked for"}
            move["start"], move["end"] = max(act["start"], 0.0), min(act["end"], data["seconds"])
            moves.append({name: value for name, value in move.items() if name not in ("words", "only")})
    return {"thought": "as asked", "moves": moves, "keyframes": []}


def draft(direction: str, seconds: float | None) -> dict[str, Any]:
    """A draft as the embedded planner would write it."""
    brief = _planner().plan(direction, seconds, None)
    beats = []
    for beat in brief.beats:
        acts = [
            {
                **act.model_dump(exclude={"regions"}),
                "start": beat.start + act.start,
                "end": beat.start + act.end,
                "only": [] if len(act.regions) == 4 else list(act.regions),
            }
            for act in beat.acts
            if act.start >= 0
        ]
        limits = [
            {**limit.model_dump(), "start": beat.start + max(limit.start, 0), "end": beat.start + limit.end}
            for limit in beat.limits
        ]
        stills = [
            {**still.model_dump(), "start": beat.start + still.start, "end": beat.start + still.end} for still in beat.stills
        ]
        beats.append(
            {"start": beat.start, "end": beat.end, "summary": beat.summary, "acts": acts, "limits": limits, "stills": stills}
        )
    return {"seconds": brief.seconds, "beats": beats, "unread": list(brief.unread)}


def noted(data: Mapping[str, Any]) -> dict[str, Any]:
    """A note followed as if it asked for everything in the last beat to be weaker, and for nothing else."""
    *kept, last = data["beats"]
    usual = {"speed": 1.0, "side": "both", "count": 0, "yaw": 0.0, "pitch": 0.0, "words": "", "only": []}
    acts = [{**usual, **act, "strength": act["strength"] / 2} for act in last["acts"]]
    beats = [{"of": beat["beat"], "keep": True, **_EMPTY, "seconds": beat["seconds"]} for beat in kept]
    beats.append({"of": last["beat"], "keep": False, **_EMPTY, "seconds": last["seconds"], "acts": acts})
    return {"changes": ["the end is weaker"], "beats": beats, "unread": []}


_EMPTY: dict[str, Any] = {"summary": "", "acts": [], "limits": [], "stills": []}


@cache
def _planner() -> LexiconPlanner:
    tables = load().tables
    return LexiconPlanner(tables.lexicon, tuple(tables.emotions.states))


@dataclass
class LanguageServer(AbstractContextManager["LanguageServer"]):
    """The server, for the length of a `with` block.

    Attributes:
        script: behaviours of the next requests, in order.
        usual: the behaviour of all others.
        delay: seconds before each answer.
        requests: what was asked, in order of arrival.
        port: where; any free one by default.
    """

    script: deque[Behaviour] = field(default_factory=deque)
    usual: Behaviour = sensible
    delay: float = 0.0
    requests: list[Asked] = field(default_factory=list)
    port: int = 0

    def __enter__(self) -> LanguageServer:
        self._lock = threading.Lock()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                outer._serve(self)

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class calls it so
                pass

        class Server(ThreadingHTTPServer):
            def handle_error(self, request: Any, client_address: Any) -> None:
                pass  # a client that has gone away is what some tests are about

        self._http = Server(("127.0.0.1", self.port), Handler)
        self._http.daemon_threads = True
        self.port = self._http.server_address[1]
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None) -> None:
        self._http.shutdown()
        self._http.server_close()

    @property
    def url(self) -> str:
        """Base URL of the API."""
        return f"http://127.0.0.1:{self.port}/v1"

    def then(self, *behaviours: Behaviour) -> LanguageServer:
        """Answer the next requests so."""
        self.script.extend(behaviours)
        return self

    def stages(self) -> Sequence[str]:
        """What was asked, in order."""
        return [asked.stage for asked in self.requests]

    def _serve(self, handler: BaseHTTPRequestHandler) -> None:
        at = time.monotonic()
        body = json.loads(handler.rfile.read(int(handler.headers["content-length"])))
        asked = Asked(body, {name.lower(): value for name, value in handler.headers.items()}, at)
        with self._lock:
            self.requests.append(asked)
            behave = self.script.popleft() if self.script else self.usual
        if handler.path != "/v1/chat/completions":
            behave = status(404, f"no such address: {handler.path}")
        time.sleep(self.delay)
        usage = bool((body.get("stream_options") or {}).get("include_usage"))
        behave(Reply(handler, stream=bool(body.get("stream")), usage=usage), asked)


def main() -> None:
    """Serve until interrupted."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--port", type=int, default=8000)
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before each answer")
    given = parser.parse_args()
    with LanguageServer(port=given.port, delay=given.delay) as server, suppress(KeyboardInterrupt):
        print(server.url, flush=True)  # noqa: T201 - a script: printing is its result
        threading.Event().wait()


if __name__ == "__main__":
    main()
