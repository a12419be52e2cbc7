"""The coordinator's loop on Ray: one thread that takes what happens, one thing at a time, and keeps the timers.

What runs elsewhere (calls of actors, the encoder) reports here by a queue, so hosts and machines never see two things at once.
"""

from __future__ import annotations

import heapq
import queue

from collections.abc import Callable
from concurrent.futures import Future
from typing import Any

Action = Callable[[], None]


class Loop:
    """Things that have happened, and those that are to happen at a time.

    Args:
        clock: seconds, never going back.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._inbox: queue.SimpleQueue[Action] = queue.SimpleQueue()
        self._timers: list[tuple[float, int, Action]] = []
        self._order = 0

    def post(self, action: Action) -> None:
        """Have something done next; from any thread."""
        self._inbox.put(action)

    def at(self, delay: float, action: Action) -> None:
        """Have something done after some seconds; from the loop's own thread."""
        self._order += 1
        heapq.heappush(self._timers, (self._clock() + delay, self._order, action))

    def when_done(self, future: Future[Any], action: Callable[[Future[Any]], None]) -> None:
        """Have something done with a future once it is done."""
        future.add_done_callback(lambda done: self.post(lambda: action(done)))

    def step(self, patience: float) -> None:
        """Do what is due, or the next thing that happens within some seconds; then all else that has happened by now."""
        wait = patience
        if self._timers:
            wait = min(wait, max(0.0, self._timers[0][0] - self._clock()))
        try:
            self._inbox.get(timeout=wait)()
            while True:
                self._inbox.get_nowait()()
        except queue.Empty:
            pass
        while self._timers and self._timers[0][0] <= self._clock():
            heapq.heappop(self._timers)[2]()
