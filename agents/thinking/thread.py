"""An event loop in a thread of its own, for whoever has to wait for a server and be woken when nobody waits any more."""

from __future__ import annotations

import asyncio
import contextlib
import threading

from collections.abc import Awaitable, Callable, Coroutine
from concurrent.futures import CancelledError, Future
from concurrent.futures import TimeoutError as NotYet
from typing import Any, TypeVar

from agents.exchange import Stopped

T = TypeVar("T")

POLL = 0.05
"""Seconds between two looks at whether the take was stopped."""
_LAST_WORDS = 0.01
"""Seconds in which connections that were closed say so to their loop."""
_PARTING = 2.0
"""Seconds that the thread may take to end."""


class LoopThread:
    """Runs coroutines in a thread that begins with the first of them.

    It may be used again after it was closed.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()
        self._cleaning: list[Callable[[], Awaitable[None]]] = []

    def submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        """Begin some work; its result is waited for with :meth:`wait`."""
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=_serve, args=(self._loop,), name="language model", daemon=True)
                self._thread.start()
            return asyncio.run_coroutine_threadsafe(work, self._loop)

    def clean(self, with_: Callable[[], Awaitable[None]]) -> None:
        """Have something done in the loop before it ends."""
        self._cleaning.append(with_)

    def wait(self, future: Future[T], stopped: Callable[[], str | None], meanwhile: Callable[[], None] | None = None) -> T:
        """The result of some work.

        Args:
            future: the work.
            stopped: asked from time to time; a reason ends the waiting.
            meanwhile: called as often, in the thread that waits.

        Raises:
            Stopped: the take is to end; the work is broken off.
        """
        while True:
            try:
                return future.result(timeout=POLL)
            except NotYet:
                if future.done():
                    raise  # the work itself ran out of time
            except CancelledError:
                raise Stopped("the take is over") from None
            if meanwhile is not None:
                meanwhile()
            reason = stopped()
            if reason is not None:
                future.cancel()
                raise Stopped(reason)

    def close(self) -> None:
        """Break off what is still going on, and end the thread."""
        with self._lock:
            loop, thread = self._loop, self._thread
            cleaning = list(self._cleaning)
            self._loop = self._thread = None
            self._cleaning.clear()
        if loop is None or thread is None:
            return
        ending = asyncio.run_coroutine_threadsafe(_end(cleaning), loop)
        with contextlib.suppress(NotYet):
            ending.result(timeout=_PARTING)
        loop.call_soon_threadsafe(loop.stop)
        thread.join(timeout=_PARTING)


def _serve(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()


async def _end(cleaning: list[Callable[[], Awaitable[None]]]) -> None:
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    for each in cleaning:
        with contextlib.suppress(Exception):
            await each()
    await asyncio.sleep(_LAST_WORDS)
