"""Responses of a server as they come over HTTP: kept to a bound, and what their errors and numbers say.

Whoever answers may be anybody, so nothing in a response is taken for what it says it is.
"""

from __future__ import annotations

import sys

from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any

import openai

from protocol.language_model import MAX_TOKENS

MOST_BYTES = 8 * 2**20
"""Of a response that are read, whatever is in it."""
PLAIN = "identity"
"""How responses are to be encoded: not at all."""


def line_of(error: BaseException) -> str:
    """An error in a line: of one that only says that something failed, its cause."""
    while isinstance(error, openai.APIConnectionError) and error.__cause__ is not None:
        error = error.__cause__
    return f"{type(error).__name__}: {error}".rstrip(": ")


def is_about(error: BaseException, *kinds: type[BaseException]) -> bool:
    """Whether an error, or what it came of, is of one of these kinds."""
    seen: list[BaseException] = []
    ahead: list[BaseException | None] = [error]
    while ahead:
        one = ahead.pop()
        if one is None or one in seen:
            continue
        seen.append(one)
        ahead += [one.__cause__, one.__context__, *(one.exceptions if isinstance(one, BaseExceptionGroup) else ())]
    return any(isinstance(one, kinds) for one in seen)


def counted(told: object, about: int) -> int:
    """A number of tokens as the server has counted them; what it says that is none is replaced by about how many it has."""
    return told if isinstance(told, int) and not isinstance(told, bool) and 0 < told <= MAX_TOKENS else about


def said_by(error: openai.APIStatusError) -> str:
    """What a server says of why it refuses."""
    body = error.body
    if isinstance(body, Mapping):
        inner = body.get("error", body)
        message = inner.get("message") if isinstance(inner, Mapping) else inner
        if isinstance(message, str):
            return message
    return str(error.message)


def retry_after(error: openai.APIStatusError) -> float | None:
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


def transport_error() -> type[Exception]:
    """What all errors of the HTTP library are."""
    error: type[Exception] = _transport().HTTPError
    return error


def before_it_was_asked() -> tuple[type[BaseException], ...]:
    """Errors at which there was no connection yet over which something could have been asked."""
    http = _transport()
    return http.ConnectError, http.ConnectTimeout, http.PoolTimeout


class Compressed(Exception):
    """A response that is encoded, though it was not to be: of its length when it is decoded nothing is known."""


def bounding() -> Callable[[Any], Any]:
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
        if response.headers.get("content-encoding", "").strip().lower() not in ("", PLAIN):
            raise Compressed
        response.stream = Bounded(response.stream)

    return bound
