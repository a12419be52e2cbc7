"""A pool of renderers without Ray: fake actors whose calls a test answers, and who hears what becomes of them."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import Any

import numpy as np
import pytest

from ray.exceptions import ActorDiedError, ActorUnavailableError, ObjectLostError, RayTaskError

from configs.cluster import builtin_profiles
from protocol.dispatch import DISPATCHER, Dismiss, FilmBroke, Filmed, Gone, Merge, Quiet, Ready, Unable, Write, Written
from protocol.dispatcher_state import DispatcherState
from protocol.machine import Received, Send
from protocol.messages import ChunkAssigned, ChunkRendered, Cut, Merged
from protocol.wire import decode, encode
from runtime.onray import pool as module
from runtime.onray.actors import Part
from runtime.onray.loop import Loop
from runtime.onray.placement import Node, Placement
from runtime.onray.pool import Pool
from runtime.onray.working import Cast
from runtime.studio import Stage
from tests.players import painter

PROFILE = builtin_profiles().named("laptop").model_copy(update={"start_seconds": 30.0, "chunk_seconds": 600.0})
STAGE = Stage("0" * 64, (40, 48), (0, 0, 40, 48), {}, (), {})
DIED = ActorDiedError()
SILENT = ActorUnavailableError("no answer", b"\0" * 16)
LOST = ObjectLostError("0" * 56, None, "")


def raised(cause: Exception) -> Any:
    """What Ray makes of an exception that an actor's method raised."""
    return RayTaskError("prepare", "traceback", cause).as_instanceof_cause()


class Call:
    """A call of a fake actor; stands for the reference to its answer, too."""

    def __init__(self, method: str, words: tuple[Any, ...]) -> None:
        self.method, self.words = method, words
        self.done: Future[Any] = Future()

    def future(self) -> Future[Any]:
        """Of the answer."""
        return self.done


class FakeMethod:
    """A method of a fake actor."""

    def __init__(self, name: str, actor: FakeActor, returns: int = 1) -> None:
        self._name, self._actor, self._returns = name, actor, returns

    def options(self, num_returns: int = 1, concurrency_group: str = "") -> FakeMethod:
        """As Ray's."""
        return FakeMethod(self._name, self._actor, num_returns)

    def remote(self, *words: Any) -> Any:
        """The call, and what stands for the second thing that it returns."""
        calls = self._actor.calls
        calls.append(Call(self._name, words))
        if self._actor.dead:
            calls[-1].done.set_exception(DIED)
        return calls[-1] if self._returns == 1 else (calls[-1], f"second of {len(calls)}")


class FakeActor:
    """Remembers what it is asked for; tests answer in its place."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.calls: list[Call] = []
        self.ended = self.dead = False

    def __getattr__(self, name: str) -> FakeMethod:
        return FakeMethod(name, self)

    @property
    def open(self) -> list[Call]:
        """Calls without an answer."""
        return [call for call in self.calls if not call.done.done()]

    @property
    def asked(self) -> list[str]:
        """All that it was asked for but signs of life."""
        return [call.method for call in self.calls if call.method != "ping"]

    def die(self) -> None:
        """Whatever it was asked for fails, and so does what it will be."""
        self.dead = True
        for call in self.open:
            call.done.set_exception(DIED)


class Audience:
    """The take that is being rendered."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str]] = []
        self.frames: list[Any] = []

    def ready(self, name: str) -> None:
        """A renderer can take chunks."""
        self.heard.append(("ready", name))

    def quiet(self, name: str, reason: str) -> None:
        """One does not answer."""
        self.heard.append(("quiet", name))

    def gone(self, name: str, reason: str) -> None:
        """One never will."""
        self.heard.append(("gone", name))

    def answered(self, name: str, message: Any, frames: Any) -> None:
        """A chunk is done."""
        self.heard.append((f"chunk {message.chunk}", name))
        self.frames.append(frames)

    def starved(self, reason: str) -> None:
        """Nobody will."""
        self.heard.append(("starved", reason))


class House:
    """A pool of fake actors, with its clock."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, workers: int = 2, **placement: Any) -> None:
        self.now = 0.0
        self.actors: list[FakeActor] = []
        self.asked: list[dict[str, Any]] = []
        self.machines = [Node(id="n", name="n", total={"CPU": 8.0}, available={"CPU": 8.0})]
        monkeypatch.setattr(module, "start", self._start)
        monkeypatch.setattr(module, "end", lambda actor: setattr(actor, "ended", True))
        monkeypatch.setattr(module, "nodes", lambda: self.machines)
        self.loop = Loop(lambda: self.now)
        wanted = Placement(workers=workers, **placement)
        self.pool = Pool(self.loop, painter, wanted, PROFILE, lambda: self.now)

    def _start(self, kind: Any, name: str, *words: Any, **options: Any) -> FakeActor:
        self.actors.append(FakeActor(name))
        self.asked.append(options)
        return self.actors[-1]

    def settle(self, seconds: float = 0.0) -> None:
        """Let time pass, and all that has happened be heard of."""
        self.now += seconds
        for _ in range(5):
            self.loop.step(0)

    def answer(self, actor: int, method: str, value: Any = None) -> None:
        """Answer the first open call of a method; with an error, if it is one."""
        call = next(call for call in self.actors[actor].open if call.method == method)
        if isinstance(value, Exception):
            call.done.set_exception(value)
        else:
            call.done.set_result(value)
        self.settle()

    def up(self, *actors: int) -> None:
        """Their processes are there, and have loaded what rendering takes."""
        for number in actors:
            self.answer(number, "ping", number)
            self.answer(number, "warm")

    def live(self) -> None:
        """All that are asked for a sign of life give it, if they live."""
        self.settle()
        for number, actor in enumerate(self.actors):
            for _ in [call for call in actor.open if call.method == "ping"]:
                self.answer(number, "ping", number)

    def prepare(self, *steps: Callable[[], None], key: str = "one") -> Stage:
        """Have a portrait prepared; meanwhile one thing after the other happens."""
        left = list(steps)

        def stopped() -> str | None:
            if left:
                left.pop(0)()
                return None
            return "the test"

        return self.pool.prepare(Cast(key, f"portrait {key}", None, "keep"), stopped)

    def furnish(self) -> None:
        """Everybody is up and has the portrait."""
        self.pool.start()
        self.up(*range(len(self.actors)))
        self.prepare(lambda: self.answer(0, "prepare", STAGE))
        for number in range(1, len(self.actors)):
            self.answer(number, "furnish")

    def furnished(self) -> Audience:
        """A take that begins with everybody ready."""
        self.furnish()
        return self.begun(Part(1, "take"))

    def begun(self, part: Part) -> Audience:
        """A take that has begun, when it has heard of everybody who lives."""
        audience = Audience()
        self.pool.begin(part, audience)
        self.live()
        audience.heard = [heard for heard in audience.heard if heard[0] != "quiet"]
        return audience


class Dispatching:
    """A take whose chunks the dispatcher's machine hands to a pool, as its host does.

    Args:
        house: whose pool.
        chunks: how many there are.
    """

    def __init__(self, house: House, chunks: int) -> None:
        self._house = house
        self.state = DispatcherState()
        self.ended: list[str] = []
        """The error with which the video broke, or none."""
        self.written: list[int] = []
        house.pool.begin(Part(1, "take"), self)
        house.live()
        cuts = [Cut(chunk=number, first=16 * number, last=16 * number + 16, motion="0" * 32) for number in range(chunks)]
        self._step(Merge(Merged(beat=0, chunks=tuple(cuts), ends=True)))
        house.live()

    def _step(self, event: Any) -> None:
        self.state, outputs = DISPATCHER.step(self.state, event)
        for output in outputs:
            if isinstance(output, Send) and isinstance(output.message, ChunkAssigned):
                self._house.pool.assign(output.to[0], output.message, np.zeros((16, 61), np.float32))
            elif isinstance(output, Dismiss):
                self._house.loop.post(partial(self._house.pool.dismiss, output.renderer, output.reason))
            elif isinstance(output, Write):
                self.written.append(output.chunk)
                self._house.loop.post(partial(self._step, Written(output.chunk)))
            elif isinstance(output, Filmed):
                self.ended.append("")
            elif isinstance(output, FilmBroke):
                self.ended.append(output.error)

    def ready(self, name: str) -> None:
        """A renderer can take chunks."""
        self._step(Ready(name))

    def quiet(self, name: str, reason: str) -> None:
        """One does not answer."""
        self._step(Quiet(name, reason))

    def gone(self, name: str, reason: str) -> None:
        """One never will."""
        self._step(Gone(name, reason))

    def answered(self, name: str, message: Any, frames: Any) -> None:
        """A chunk is done."""
        self._step(Received(message))

    def starved(self, reason: str) -> None:
        """Nobody will."""
        self._step(Unable(reason))

    def render(self, *actors: int, deadly: frozenset[int] = frozenset()) -> None:
        """Actors render what they were asked for first, or end of it."""
        for number in actors:
            call = next((call for call in self._house.actors[number].open if call.method == "render"), None)
            if call is not None:
                assigned = decode(call.words[1])
                assert isinstance(assigned, ChunkAssigned)
                if assigned.chunk in deadly:
                    self._house.actors[number].die()
                else:
                    call.done.set_result(rendered(assigned.chunk, assigned.attempt))
                self._house.live()

    def play(self, *, deadly: frozenset[int] = frozenset()) -> None:
        """All goes as it does, until the take ends; some chunks end whoever renders them."""
        for _ in range(300):
            if self.ended:
                return
            self._house.live()
            for number, actor in enumerate(self._house.actors):
                for method in [call.method for call in actor.open if call.method in ("warm", "prepare", "furnish")]:
                    self._house.answer(number, method, STAGE if method == "prepare" else None)
                self.render(number, deadly=deadly)
            self._house.settle(module.LOOK_SECONDS)
        raise AssertionError("the take does not end")


def chunk(number: int = 0, attempt: int = 1) -> tuple[ChunkAssigned, Any]:
    """A chunk that is assigned, and its rows."""
    assigned = ChunkAssigned(chunk=number, first=16 * number, last=16 * number + 16, motion="0" * 32, attempt=attempt)
    return assigned, np.zeros((16, 61), np.float32)


def rendered(number: int = 0, attempt: int = 1, drawn: int = 16) -> tuple[bytes, int]:
    """What a renderer says of a chunk that it has rendered, so many frames of which it did not have from before."""
    return encode(ChunkRendered(chunk=number, attempt=attempt, frames="0" * 32)), drawn
