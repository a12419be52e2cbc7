"""The client of a server with a language model: it records, retries, keeps to a budget, and lets no key out.

Rules
- One answer has so many seconds (`patience`), however often it is asked for. What may pass by itself is asked for again:
  too many requests (after the time that the server names), trouble in the server, a connection that broke.
- What a server does not understand is left out from then on: a schema with bounds, then any schema, then the format, in that
  order; and what it calls unsupported. The prompt holds the schema as well, so that it is never without.
- A server that has failed to answer twice in a row, whoever asked it in this process, is given up: a take need not wait for it
  in every beat. Where nobody listens, or whose name nobody knows, it is given up after one more attempt.
- An answer is read as it comes, up to a bound; what is beyond is not read. It comes as it is: a few bytes that are compressed
  may be any number of them.
- An attempt that failed is paid for if the server may have worked on it; for the next one there has to be as much left.
- What was asked and answered is an `Exchange`. The key is in none of it, and in no error: it is taken out wherever it shows,
  and one that would show in another form is not sent.
"""

from __future__ import annotations

import asyncio
import logging
import socket
import warnings

from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import replace
from typing import Any, Literal

import openai

from autogen_core import EVENT_LOGGER_NAME, CancellationToken
from autogen_core.models import (
    AssistantMessage,
    ChatCompletionClient,
    CreateResult,
    LLMMessage,
    ModelInfo,
    RequestUsage,
    SystemMessage,
    UserMessage,
)
from autogen_core.tools import Tool, ToolSchema
from autogen_ext.models.openai import OpenAIChatCompletionClient
from pydantic import BaseModel

from agents.exchange import PATIENT, Asking, Exchange, Known, Surroundings
from agents.thinking.answers import tidy
from agents.thinking.asking.responses import (
    PLAIN,
    Compressed,
    before_it_was_asked,
    bounding,
    counted,
    is_about,
    line_of,
    retry_after,
    said_by,
    transport_error,
)
from agents.thinking.budget import Budget, Room, tokens_in, weight_of
from agents.thinking.failing import NoAnswer
from agents.thinking.key import WRONG, can_be_sent
from agents.thinking.replies import json_in
from agents.thinking.requests import canonical
from protocol.messages import LanguageModel, digest

MOST_CHARACTERS = 65_536
"""Of an answer that are read. A full plan of a region is about 6,000 long, a brief of twenty beats 20,000."""
ATTEMPTS = 5
"""How often one answer is asked for at most, and..."""
CONNECTIONS = 3
"""... how often if there is no connection: who is not there will hardly be so in a second, and..."""
REFUSED = 2
"""... how often if it was refused, or nobody knows the server's name: that passes only if it is being restarted."""
FIRST_PAUSE = 0.5
"""Seconds before the second attempt; the pause doubles each time."""
_NO_KEY = "none"
"""What servers without keys are given in place of one."""
_INFO = ModelInfo(vision=False, function_calling=False, json_output=True, family="unknown", structured_output=True)
_UNSEEN = "[key]"
_TOKENS, _NEWER_TOKENS = "max_tokens", "max_completion_tokens"


# What AutoGen logs of each request is in the journal; of a reply it would log what a server has put there, the key even.
logging.getLogger(EVENT_LOGGER_NAME).setLevel(logging.WARNING)


class Server:
    """A server and what is known of it by now. Used from one event loop only.

    Args:
        model: what is asked, and where.
        surroundings: the clock, and the key.
    """

    def __init__(self, model: LanguageModel, surroundings: Surroundings) -> None:
        self._model = model
        self._surroundings = surroundings
        self._client: OpenAIChatCompletionClient | None = None
        self._secret = ""
        self._formats = list(_FORMATS)
        self._refused: set[str] = set()
        self._streams = True

    async def close(self) -> None:
        """Close its connections."""
        if self._client is not None:
            client, self._client = self._client, None
            await client.close()

    async def answer(self, messages: Sequence[LLMMessage], request: Mapping[str, Any], budget: Budget, asked: str) -> str:
        """The text that the model answers, as it came, cut at the bound.

        Args:
            messages: the conversation.
            request: everything about it but the messages, as it is recorded.
            budget: what it is paid from.
            asked: all of it, as it is recorded.

        Raises:
            NoAnswer: there is none, and why.
            Spent: the budget has no room for it.
        """
        read, most = tokens_in(asked), request["max_tokens"]
        async with budget.room(read, self._most_written(most)) as room:
            if why := self._surroundings.standing.given_up:
                raise NoAnswer(f"{why} (given up after {PATIENT} answers that did not come)")
            left = budget.seconds_left
            patience = min(self._model.patience, left)
            about = Asking(**{name: request[name] for name in ("role", "stage", "beat", "round", "call")})
            self._surroundings.asking(about)
            try:
                async with asyncio.timeout(patience):
                    text, usage = await self._insist(messages, request, room, patience)
                self._surroundings.standing.answered()
                room.paid(counted(usage.prompt_tokens, read), counted(usage.completion_tokens, tokens_in(text)))
                about = replace(about, answered=True)
            except TimeoutError:
                bound = f"--llm-patience {self._model.patience:g}"
                if left < self._model.patience:
                    bound = f"all that was left of {budget.share_of_seconds}"
                raise self._given_up(f"{self._host} did not answer within {patience:.3g} s ({bound})") from None
            finally:
                self._surroundings.asking(replace(about, tokens=room.used))
        return self._scrubbed(text)

    async def _insist(
        self, messages: Sequence[LLMMessage], request: Mapping[str, Any], room: Room, patience: float
    ) -> tuple[str, RequestUsage]:
        """Ask until there is an answer or no hope."""
        until = self._surroundings.clock() + patience
        pause, attempt, most_attempts = FIRST_PAUSE, 0, ATTEMPTS
        while True:
            nobody, manner = False, self._manner
            try:
                return await self._ask(messages, request)
            except asyncio.CancelledError:
                room.lost()
                raise
            except openai.APIStatusError as error:
                said, wait = self._shown(said_by(error)), retry_after(error)
                # Of several that are under way the first refused leaves something out, and the others ask again without it.
                if error.status_code in (400, 404, 415, 422, 501) and (self._manner != manner or self._do_without(said)):
                    room.again(self._most_written(request["max_tokens"]))
                    continue  # costs no attempt: there are only so many things to leave out
                if not (error.status_code in (408, 409, 429) or error.status_code >= 500):
                    raise self._given_up(self._refusal(error.status_code, said)) from None
                trouble = f"{self._host} answers {error.status_code}: {said}"
            except (openai.APIError, transport_error(), EOFError, Compressed) as error:
                trouble, wait = f"{self._host} cannot be reached: {self._shown(line_of(error))}", None
                nobody = is_about(error, ConnectionRefusedError, socket.gaierror)
                most_attempts = REFUSED if nobody else CONNECTIONS
                if not (nobody or is_about(error, *before_it_was_asked())):
                    room.lost()
                if is_about(error, Compressed):
                    raise self._given_up(f"{self._host} compresses its answers, though it is asked not to") from None
            except (ValueError, TypeError, LookupError, AttributeError) as error:
                # What is no chat completion makes the libraries stumble over whatever they miss in it.
                trouble, wait = f"{self._host} sends what is no chat completion: {self._shown(line_of(error))}", None
                room.lost()
                if self._streams:
                    self._streams = False
                    room.again(self._most_written(request["max_tokens"]))
                    continue
            attempt += 1
            wait = pause if wait is None else wait
            if attempt >= most_attempts or self._surroundings.clock() + wait >= until:
                raise self._given_up(trouble, for_good=nobody)
            room.again(self._most_written(request["max_tokens"]))
            await asyncio.sleep(wait)
            pause *= 2

    async def _ask(self, messages: Sequence[LLMMessage], request: Mapping[str, Any]) -> tuple[str, RequestUsage]:
        most = request["max_tokens"]
        parameters: dict[str, Any] = {"temperature": self._model.temperature, "max_tokens": most, "seed": request["seed"]}
        if _TOKENS in self._refused:
            parameters[_NEWER_TOKENS] = most
        format_ = _FORMATS[self._formats[0]](request["schema"])
        if format_ is not None:
            parameters["response_format"] = format_
        parameters = {name: value for name, value in parameters.items() if name not in self._refused}
        client = await self._ready()
        if not self._streams:
            with _quietly():
                result = await client.create(messages, extra_create_args=parameters)
            return _text(result)[:MOST_CHARACTERS], result.usage
        if "stream_options" not in self._refused:
            parameters["stream_options"] = {"include_usage": True}
        length, weight = 0, 0.0
        parts: list[str] = []
        usage = RequestUsage(prompt_tokens=0, completion_tokens=0)
        with _quietly():
            async with aclosing(client.create_stream(messages, extra_create_args=parameters)) as chunks:
                async for chunk in chunks:
                    if isinstance(chunk, CreateResult):
                        if not _text(chunk):
                            raise ValueError("nothing in its stream")
                        return _text(chunk)[:MOST_CHARACTERS], chunk.usage
                    parts.append(chunk)
                    length += len(chunk)
                    weight += weight_of(chunk)
                    if length > MOST_CHARACTERS or (self._unbounded and weight > most):
                        break
        return "".join(parts)[:MOST_CHARACTERS], usage

    async def _ready(self) -> OpenAIChatCompletionClient:
        """The client, with the key as it is now."""
        key = (self._surroundings.key() or "").strip()
        if not can_be_sent(key):
            raise self._given_up(
                f"the key for {self._host} holds what no key does ({WRONG}) and is not sent: set TEXTUPORTRAY_LLM_KEY, or "
                "OPENAI_API_KEY, anew"
            )
        if self._client is None or key != self._secret:
            await self.close()
            self._secret = key
            http = openai.DefaultAsyncHttpxClient(
                event_hooks={"response": [bounding()]},
                headers={"accept-encoding": PLAIN},
                follow_redirects=False,
                timeout=self._model.patience,
                verify=self._model.url.startswith("https:"),  # reading the certificates takes longer than a local answer
            )
            own: Any = {"http_client": http}  # passed on to openai, though AutoGen's types do not list it
            self._client = OpenAIChatCompletionClient(
                model=self._model.model,
                base_url=self._model.url,
                api_key=key or _NO_KEY,
                max_retries=0,
                timeout=self._model.patience,
                model_info=_INFO,
                include_name_in_message=False,
                **own,
            )
        return self._client

    def _given_up(self, why: str, *, for_good: bool = False) -> NoAnswer:
        """An answer that is waited for no longer."""
        self._surroundings.standing.failed(why, for_good=for_good)
        return NoAnswer(why)

    @property
    def _manner(self) -> tuple[str, frozenset[str], bool]:
        """How questions are put now: in which form answers are asked for, what is left out, and whether in a stream."""
        return self._formats[0], frozenset(self._refused), self._streams

    @property
    def _unbounded(self) -> bool:
        """Whether the server is not told how much it may write."""
        return {_TOKENS, _NEWER_TOKENS} <= self._refused

    def _most_written(self, most: int) -> int:
        """Tokens that an answer may bring: what is asked for; or all that is read, where nothing can bound it before."""
        return max(most, tokens_in("x" * MOST_CHARACTERS)) if self._unbounded and not self._streams else most

    def _do_without(self, said: str) -> bool:
        """Leave out what the server seems not to understand; False if there is nothing left to leave out."""
        low = said.lower()
        for name in ("stream_options", "seed", "temperature", _TOKENS):
            if name in low and name not in self._refused:
                self._refused.add(name)
                return True
        about_length = any(word in low for word in (_TOKENS, _NEWER_TOKENS, "context length", "context size"))
        if about_length and _NEWER_TOKENS not in self._refused:
            self._refused.update((_TOKENS, _NEWER_TOKENS))  # a model with a short memory decides itself how much it writes
            return True
        if self._streams and "stream" in low:
            self._streams = False
            return True
        about_format = any(word in low for word in ("response_format", "schema", "json", "grammar", "format", "structured"))
        if about_format and len(self._formats) > 1:
            del self._formats[0]
            return True
        return False

    def _refusal(self, status: int, said: str) -> str:
        if status in (401, 403):
            has = "does not take the key" if self._secret else "wants a key"
            return f"{self._host} {has}: set TEXTUPORTRAY_LLM_KEY ({said})"
        if status == 404:
            # Most servers have their API there, and say no more than that they know nothing of what is asked for.
            bare = "" if "/" in self._model.url.partition("://")[2].rstrip("/") else "; is /v1 missing from --llm-base-url?"
            return f"{self._host} knows no such address or model as {self._model.model!r}{bare} ({said})"
        return f"{self._host} answers {status}: {said}"

    @property
    def _host(self) -> str:
        return f"the server at {self._model.host}"

    def _scrubbed(self, text: str) -> str:
        """A text without the key, and without halves of characters, which no journal can hold."""
        whole = text.encode("utf-8", "replace").decode()
        return whole.replace(self._secret, _UNSEEN) if len(self._secret) >= 4 else whole

    def _shown(self, text: str) -> str:
        """What a server or a library says, as a line that can be shown to people."""
        return tidy(self._scrubbed(text))


class RecordingClient(ChatCompletionClient):
    """A model client for one turn of an agent: what is known already is not asked, the rest is taken note of.

    Args:
        server: who is asked.
        request: everything about the request but its messages, as it is recorded.
        known: raw replies by the digest of what was asked.
        note: told of every new exchange.
        budget: what answers are paid from.
    """

    def __init__(
        self,
        server: Server,
        request: Mapping[str, Any],
        known: Known,
        note: Callable[[Exchange], None],
        budget: Budget,
    ) -> None:
        self._server = server
        self._request = dict(request)
        self._known = known
        self._note = note
        self._budget = budget
        self._usage = RequestUsage(prompt_tokens=0, completion_tokens=0)
        self.raw = ""

    async def create(
        self,
        messages: Sequence[LLMMessage],
        *,
        tools: Sequence[Tool | ToolSchema] = (),
        tool_choice: Tool | Literal["auto", "required", "none"] = "auto",
        json_output: bool | type[BaseModel] | None = None,
        extra_create_args: Mapping[str, Any] | None = None,
        cancellation_token: CancellationToken | None = None,
    ) -> CreateResult:
        """One answer, known or new, with nothing around its JSON."""
        asked = canonical({**self._request, "messages": [_plain(message) for message in messages]})
        raw = self._known.get(digest(asked))
        if raw is None:
            raw = await self._server.answer(messages, self._request, self._budget, asked)
            self._note(Exchange(asked, raw))
        self.raw = raw
        return CreateResult(finish_reason="stop", content=json_in(raw), usage=self._usage, cached=False)

    async def create_stream(
        self,
        messages: Sequence[LLMMessage],
        *,
        tools: Sequence[Tool | ToolSchema] = (),
        tool_choice: Tool | Literal["auto", "required", "none"] = "auto",
        json_output: bool | type[BaseModel] | None = None,
        extra_create_args: Mapping[str, Any] | None = None,
        cancellation_token: CancellationToken | None = None,
    ) -> AsyncGenerator[str | CreateResult, None]:
        """The same, all at once: half an answer is of no use to anybody."""
        yield await self.create(messages, json_output=json_output)

    async def close(self) -> None:
        """Nothing to close: the server is shared."""

    def actual_usage(self) -> RequestUsage:
        """Nothing: budgets are kept elsewhere."""
        return self._usage

    def total_usage(self) -> RequestUsage:
        """Nothing: budgets are kept elsewhere."""
        return self._usage

    def count_tokens(self, messages: Sequence[LLMMessage], *, tools: Sequence[Tool | ToolSchema] = ()) -> int:
        """About how many tokens messages have; nothing is fetched to count them."""
        return sum(tokens_in(_plain(message)["content"]) for message in messages)

    def remaining_tokens(self, messages: Sequence[LLMMessage], *, tools: Sequence[Tool | ToolSchema] = ()) -> int:
        """Room in the model's window is unknown; enough for what is asked here."""
        return int(self._request["max_tokens"])

    @property
    def capabilities(self) -> Any:
        """As `model_info`."""
        return _INFO

    @property
    def model_info(self) -> ModelInfo:
        """What every server is taken to be able to do."""
        return _INFO


def _plain(message: LLMMessage) -> dict[str, str]:
    role = {SystemMessage: "system", UserMessage: "user", AssistantMessage: "assistant"}[type(message)]
    return {"role": role, "content": str(message.content)}


def _text(result: CreateResult) -> str:
    return result.content if isinstance(result.content, str) else ""


def _full(schema: Mapping[str, Any]) -> dict[str, Any]:
    return {"type": "json_schema", "json_schema": {"name": "answer", "schema": dict(schema), "strict": True}}


def _unbounded(schema: Mapping[str, Any]) -> dict[str, Any]:
    return _full(_without_bounds(schema))


def _without_bounds(node: Any) -> Any:
    """A schema without the keywords that not every server with structured output knows."""
    if isinstance(node, list):
        return [_without_bounds(each) for each in node]
    if not isinstance(node, Mapping):
        return node
    return {name: _without_bounds(value) for name, value in node.items() if name not in _BOUNDS}


_BOUNDS = frozenset({"minimum", "maximum", "minItems", "maxItems", "minLength", "maxLength"})
_FORMATS: dict[str, Callable[[Mapping[str, Any]], dict[str, Any] | None]] = {
    "a schema with bounds": _full,
    "a schema": _unbounded,
    "any JSON": lambda schema: {"type": "json_object"},
    "any text": lambda schema: None,
}
"""How an answer's form is asked for, the strictest first."""


@contextmanager
def _quietly() -> Iterator[None]:
    """Without what AutoGen warns of: a model that calls itself by another name, has nothing to say, or counts in no numbers."""
    expected = "Resolved model mismatch|No text content or tool calls|Finish reason mismatch|Pydantic serializer warnings"
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", expected)
        yield
