"""The client of a server with a language model: it records, retries, keeps to a budget, and lets no key out.

Rules
- One answer has so many seconds (`patience`), however often it is asked for. What may pass by itself is asked for again:
  too many requests (after the time that the server names), trouble in the server, a connection that broke.
- What a server does not understand is left out from then on: a schema with bounds, then any schema, then the format, in that
  order; and what it calls unsupported. The prompt holds the schema as well, so that it is never without.
- A server that has failed to answer twice in a row is given up: a take need not wait for it in every beat.
- An answer is read as it comes, up to a bound; what is beyond is not read.
- What was asked and answered is an `Exchange`. The key is in none of it, and in no error: it is taken out wherever it shows.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import warnings

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import aclosing, contextmanager
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

from agents.exchange import Exchange, Known, Surroundings
from agents.thinking.answers import tidy
from agents.thinking.budget import Budget, tokens_in
from agents.thinking.failing import NoAnswer
from agents.thinking.replies import json_in
from agents.thinking.requests import canonical
from protocol.messages import LanguageModel, digest

MOST_CHARACTERS = 65_536
"""Of an answer that are read. A full plan of a region is about 6,000 long, a brief of twenty beats 20,000."""
MOST_BYTES = 8 * 2**20
"""Of a response that are read, whatever is in it."""
ATTEMPTS = 5
"""How often one answer is asked for at most, and..."""
CONNECTIONS = 3
"""... how often if there is no connection: who is not there will hardly be so in a second."""
PATIENT = 2
"""Answers that may fail to come, one after the other, before the server is given up."""
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
        self._failed = 0
        self._last = ""

    async def close(self) -> None:
        """Close its connections."""
        if self._client is not None:
            client, self._client = self._client, None
            await client.close()

    async def answer(
        self, messages: Sequence[LLMMessage], schema: Mapping[str, Any], most: int, seed: int, budget: Budget, asked: str
    ) -> str:
        """The text that the model answers, as it came, cut at the bound.

        Args:
            messages: the conversation.
            schema: JSON Schema of the answer.
            most: tokens of the answer.
            seed: of the server's choice among likely words.
            budget: what it is paid from.
            asked: the request as it is recorded.

        Raises:
            NoAnswer: there is none, and why.
            Spent: the budget has no room for it.
        """
        read = tokens_in(asked)
        async with budget.room(read, most):
            if self._failed >= PATIENT:
                raise NoAnswer(f"{self._last} (given up after {PATIENT} answers that did not come)")
            patience = min(self._model.patience, budget.seconds_left)
            try:
                async with asyncio.timeout(patience):
                    text, usage = await self._insist(messages, schema, most, seed, patience)
                self._failed = 0
            except TimeoutError:
                raise self._given_up(f"{self._host} did not answer within {patience:.3g} s") from None
            budget.charge(usage.prompt_tokens or read, usage.completion_tokens or tokens_in(text))
        return self._scrubbed(text)

    async def _insist(
        self, messages: Sequence[LLMMessage], schema: Mapping[str, Any], most: int, seed: int, patience: float
    ) -> tuple[str, RequestUsage]:
        """Ask until there is an answer or no hope."""
        until = self._surroundings.clock() + patience
        pause, attempt, most_attempts = FIRST_PAUSE, 0, ATTEMPTS
        while True:
            try:
                return await self._ask(messages, schema, most, seed)
            except openai.APIStatusError as error:
                said, wait = self._shown(_said(error)), _retry_after(error)
                if error.status_code in (400, 404, 415, 422, 501) and self._do_without(said):
                    continue  # costs no attempt: there are only so many things to leave out
                if not (error.status_code in (408, 409, 429) or error.status_code >= 500):
                    raise self._given_up(self._refusal(error.status_code, said)) from None
                trouble = f"{self._host} answers {error.status_code}: {said}"
            except (openai.APIError, _transport_error(), EOFError) as error:
                trouble, wait = f"{self._host} cannot be reached: {self._shown(_line(error))}", None
                most_attempts = CONNECTIONS
            except (ValueError, TypeError, LookupError, AttributeError) as error:
                # What is no chat completion makes the libraries stumble over whatever they miss in it.
                trouble, wait = f"{self._host} sends what is no chat completion: {self._shown(_line(error))}", None
                if self._streams:
                    self._streams = False
                    continue
            attempt += 1
            wait = pause if wait is None else wait
            if attempt >= most_attempts or self._surroundings.clock() + wait >= until:
                raise self._given_up(trouble)
            await asyncio.sleep(wait)
            pause *= 2

    async def _ask(
        self, messages: Sequence[LLMMessage], schema: Mapping[str, Any], most: int, seed: int
    ) -> tuple[str, RequestUsage]:
        parameters: dict[str, Any] = {"temperature": self._model.temperature, "max_tokens": most, "seed": seed}
        if _TOKENS in self._refused:
            parameters[_NEWER_TOKENS] = most
        format_ = _FORMATS[self._formats[0]](schema)
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
        length = 0
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
                    if length > MOST_CHARACTERS:
                        break
        return "".join(parts)[:MOST_CHARACTERS], usage

    async def _ready(self) -> OpenAIChatCompletionClient:
        """The client, with the key as it is now."""
        key = (self._surroundings.key() or "").strip()
        if self._client is None or key != self._secret:
            await self.close()
            self._secret = key
            http = openai.DefaultAsyncHttpxClient(
                event_hooks={"response": [_bounding()]},
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

    def _given_up(self, why: str) -> NoAnswer:
        """An answer that is waited for no longer."""
        self._failed += 1
        self._last = why
        return NoAnswer(why)

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
            return f"{self._host} knows no such address or model as {self._model.model!r} ({said})"
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
            raw = await self._server.answer(
                messages,
                self._request["schema"],
                self._request["max_tokens"],
                self._request["seed"],
                self._budget,
                asked,
            )
            self._note(Exchange(asked, raw))
        else:  # it was paid for before the take was interrupted
            self._budget.charge(tokens_in(asked), tokens_in(raw))
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
    """Without what AutoGen warns of: a model that calls itself by another name, or that has nothing to say."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "Resolved model mismatch|No text content or tool calls|Finish reason mismatch")
        yield


def _line(error: BaseException) -> str:
    """An error in a line: of one that only says that something failed, its cause."""
    while isinstance(error, openai.APIConnectionError) and error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {error}".rstrip(": ")


def _said(error: openai.APIStatusError) -> str:
    body = error.body
    if isinstance(body, Mapping):
        inner = body.get("error", body)
        message = inner.get("message") if isinstance(inner, Mapping) else inner
        if isinstance(message, str):
            return message
    return str(error.message)


def _retry_after(error: openai.APIStatusError) -> float | None:
    """Seconds that the server wants to be left alone for, if it says so in seconds."""
    for name, unit in (("retry-after-ms", 0.001), ("retry-after", 1.0)):
        said = error.response.headers.get(name, "")
        try:
            seconds = float(said) * unit
        except ValueError:
            continue
        if seconds >= 0:
            return seconds
    return None


def _transport() -> Any:
    """The HTTP library under the client, whichever it was built with."""
    own = next(base for base in openai.DefaultAsyncHttpxClient.__mro__ if base.__module__.startswith("httpx"))
    return sys.modules[own.__module__.partition(".")[0]]


def _transport_error() -> type[Exception]:
    error: type[Exception] = _transport().HTTPError
    return error


def _bounding() -> Callable[[Any], Any]:
    """What keeps responses to a bound, however long the server goes on."""
    stream_of_bytes: Any = _transport().AsyncByteStream

    class Bounded(stream_of_bytes):  # type: ignore[misc]
        def __init__(self, stream: Any) -> None:
            self._stream = stream

        async def __aiter__(self) -> AsyncIterator[bytes]:
            total = 0
            async for part in self._stream:
                total += len(part)
                if total > MOST_BYTES:
                    raise EOFError(f"more than {MOST_BYTES} bytes in one response")
                yield part

        async def aclose(self) -> None:
            await self._stream.aclose()

    async def bound(response: Any) -> None:
        response.stream = Bounded(response.stream)

    return bound
