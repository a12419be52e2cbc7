"""How well the dispatcher keeps renderers busy, from 1 to 256 of them, and what an event costs it.

    python tests/bench_dispatch.py

Renderers are timers, 40 chunks for each. The dispatcher, and the bytes of every message as the journal would get them, are real
work in real time on one thread; writing a chunk into the video takes no time. *Even* chunks take 0.2 s each, *uneven* ones 0.1
to 0.3 s, by a seed.

Efficiency is the time that the renderers would need if none ever waited, over the time that they took. Beside it stands the
*static* schedule, worked out without a dispatcher: each renderer has every n-th chunk from the start, and however many chunks
may be held in memory until it is their turn to be written. What is lost goes to the *tail* (others still work on the last
chunks) or to renderers that were *starved*: nothing was handed to them, since too much was rendered and not yet written, or
the thread was late.
"""

from __future__ import annotations

import heapq
import math
import time

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from protocol.dispatch import DISPATCHER, Filmed, Merge, Ready, Write, Written
from protocol.dispatcher_state import DispatcherState
from protocol.machine import Received, Send
from protocol.messages import ChunkAssigned, ChunkRendered, Cut, Merged
from protocol.wire import encode

RENDERERS = (1, 4, 16, 64, 256)
CHUNKS = 40
SECONDS = 0.2
SPREAD = 0.1
DIGEST = "0" * 32


@dataclass
class Timer:
    """A renderer: it goes on with the next in its queue by itself, whenever the thread hears of it.

    Attributes:
        queue: (chunk, attempt, when it was handed over), the first of which it works on.
        free: when it was done with the last.
        starved: seconds for which it had nothing to do between chunks.
    """

    queue: list[tuple[int, int, float]] = field(default_factory=list)
    free: float = 0.0
    starved: float = 0.0


@dataclass(frozen=True)
class Measured:
    """One film.

    Attributes:
        efficiency: share of the renderers' time in which they rendered.
        starved: share in which they had nothing to do while chunks were left.
        tail: share in which they waited for the last ones.
        events: steps of the dispatcher.
        busy: seconds that the thread worked.
        seconds: how long the film took.
    """

    efficiency: float
    starved: float
    tail: float
    events: int
    busy: float
    seconds: float


class Stage:
    """A film in real time.

    Args:
        durations: seconds that each chunk takes.
        renderers: how many.
    """

    def __init__(self, durations: list[float], renderers: int) -> None:
        self.durations = durations
        self.timers = {f"renderer-{number}": Timer() for number in range(renderers)}
        self.due: list[tuple[float, str]] = []
        self.state = DispatcherState()
        self.events = 0
        self.journal = 0
        self.over = False

    def feed(self, event: Any) -> None:
        """One step, its messages as bytes, and what the host does at once."""
        if isinstance(event, Received):
            self.journal += len(encode(event.message))
        self.state, outputs = DISPATCHER.step(self.state, event)
        self.events += 1
        for output in outputs:
            if isinstance(output, Send):
                self.journal += len(encode(output.message))
                if isinstance(output.message, ChunkAssigned):
                    self.hand(output.to[0], output.message)
            elif isinstance(output, Write):
                self.feed(Written(output.chunk))
            elif isinstance(output, Filmed):
                self.over = True

    def hand(self, name: str, assigned: ChunkAssigned) -> None:
        """A chunk arrives at a renderer."""
        timer = self.timers[name]
        timer.queue.append((assigned.chunk, assigned.attempt, time.perf_counter()))
        if len(timer.queue) == 1:
            self.begin(name)

    def begin(self, name: str) -> None:
        """A renderer goes on, from the moment at which it could."""
        timer = self.timers[name]
        chunk, _, since = timer.queue[0]
        start = max(timer.free, since)
        timer.starved += start - timer.free
        heapq.heappush(self.due, (start + self.durations[chunk], name))

    def finish(self) -> None:
        """The renderer that is done first says so."""
        when, name = heapq.heappop(self.due)
        timer = self.timers[name]
        chunk, attempt, _ = timer.queue.pop(0)
        timer.free = when
        if timer.queue:
            self.begin(name)
        self.feed(Received(ChunkRendered(chunk=chunk, attempt=attempt, frames=DIGEST)))

    def run(self) -> Measured:
        """Film it all."""
        cuts = tuple(Cut(chunk=chunk, first=chunk, last=chunk + 1, motion=DIGEST) for chunk in range(len(self.durations)))
        began = time.perf_counter()
        for timer in self.timers.values():
            timer.free = began
        for name in self.timers:
            self.feed(Ready(name))
        self.feed(Merge(Merged(beat=0, chunks=cuts, ends=True)))
        busy = time.perf_counter() - began
        while not self.over:
            time.sleep(max(0.0, self.due[0][0] - time.perf_counter()))
            woke = time.perf_counter()
            self.finish()
            busy += time.perf_counter() - woke
        ended = time.perf_counter()
        whole = (ended - began) * len(self.timers)
        return Measured(
            efficiency=sum(self.durations) / whole,
            starved=sum(timer.starved for timer in self.timers.values()) / whole,
            tail=sum(ended - timer.free for timer in self.timers.values()) / whole,
            events=self.events,
            busy=busy,
            seconds=ended - began,
        )


def static(durations: list[float], renderers: int) -> float:
    """Efficiency where each renderer has every n-th chunk from the start."""
    longest = max(math.fsum(durations[first::renderers]) for first in range(renderers))
    return math.fsum(durations) / (longest * renderers)


def main() -> None:
    """Measure and print."""
    print("chunks   renderers  efficiency  static  starved   tail  events  µs per event  thread busy  film")
    for name in ("even", "uneven"):
        for renderers in RENDERERS:
            draw = np.random.default_rng(renderers)
            spread = SPREAD if name == "uneven" else 0.0
            durations: list[float] = (SECONDS + draw.uniform(-spread, spread, CHUNKS * renderers)).tolist()
            one = Stage(durations, renderers).run()
            print(
                f"{name:7}  {renderers:9}  {one.efficiency:10.1%}  {static(durations, renderers):6.1%}  {one.starved:7.1%}  "
                f"{one.tail:5.1%}  {one.events:6}  {1e6 * one.busy / one.events:12.0f}  {one.busy / one.seconds:11.1%}  "
                f"{one.seconds:.2f} s"
            )


if __name__ == "__main__":
    main()
