"""The pool of renderers without Ray: who prepares, who gets the rig, who is asked again, and who is given up."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from ray.exceptions import ActorDiedError, ActorUnavailableError, ObjectLostError, RayTaskError

from configs.cluster import builtin_profiles
from protocol.messages import ChunkAssigned, ChunkRendered
from protocol.wire import encode
from renderer.casting import FaceError
from renderer.errors import DeviceLost
from runtime.onray import pool as module
from runtime.onray.actors import Part
from runtime.onray.loop import Loop
from runtime.onray.placement import Node, Placement
from runtime.onray.pool import Pool
from runtime.onray.working import Cast
from runtime.options import UsageError
from runtime.studio import Stage
from runtime.take_error import TakeError
from tests.players import painter

PROFILE = builtin_profiles().named("laptop").model_copy(update={"start_seconds": 30.0, "chunk_seconds": 600.0})
STAGE = Stage("0" * 64, (40, 48), (0, 0, 40, 48), {}, (), {})
RATE = Fraction(25)
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

    def __init__(self, name: str, calls: list[Call], returns: int = 1) -> None:
        self._name, self._calls, self._returns = name, calls, returns

    def options(self, num_returns: int = 1, concurrency_group: str = "") -> FakeMethod:
        """As Ray's."""
        return FakeMethod(self._name, self._calls, num_returns)

    def remote(self, *words: Any) -> Any:
        """The call, and what stands for the second thing that it returns."""
        self._calls.append(Call(self._name, words))
        return self._calls[-1] if self._returns == 1 else (self._calls[-1], f"second of {len(self._calls)}")


class FakeActor:
    """Remembers what it is asked for; tests answer in its place."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.calls: list[Call] = []
        self.ended = False

    def __getattr__(self, name: str) -> FakeMethod:
        return FakeMethod(name, self.calls)

    @property
    def open(self) -> list[Call]:
        """Calls without an answer."""
        return [call for call in self.calls if not call.done.done()]

    @property
    def asked(self) -> list[str]:
        """All that it was asked for."""
        return [call.method for call in self.calls]


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

    def prepare(self, *steps: Callable[[], None], key: str = "one") -> Stage:
        """Have a portrait prepared; meanwhile one thing after the other happens."""
        left = list(steps)

        def stopped() -> str | None:
            if left:
                left.pop(0)()
                return None
            return "the test"

        return self.pool.prepare(Cast(key, f"portrait {key}", None, "keep"), stopped)

    def furnished(self) -> Audience:
        """A take that begins with everybody ready."""
        self.pool.start()
        for number in range(len(self.actors)):
            self.answer(number, "warm")
        self.prepare(lambda: self.answer(0, "prepare", STAGE))
        for number in range(1, len(self.actors)):
            self.answer(number, "furnish")
        audience = Audience()
        self.pool.begin(Part(1, "take"), audience)
        return audience


@pytest.fixture
def house(monkeypatch):
    return House(monkeypatch)


def chunk(number: int = 0, attempt: int = 1) -> tuple[ChunkAssigned, Any]:
    assigned = ChunkAssigned(chunk=number, first=16 * number, last=16 * number + 16, motion="0" * 32, attempt=attempt)
    return assigned, np.zeros((16, 61), np.float32)


def rendered(number: int = 0, attempt: int = 1) -> bytes:
    return encode(ChunkRendered(chunk=number, attempt=attempt, frames="0" * 32))


# ------------------------------------------------------------------------------------------------------------- portrait


def test_the_first_that_is_up_prepares_and_the_others_get_its_rig_when_it_has(house):
    house.pool.start()
    stage = house.prepare(
        lambda: house.answer(1, "warm"),
        lambda: house.answer(0, "warm"),
        lambda: house.answer(1, "prepare", STAGE),
    )
    assert stage is STAGE
    assert house.actors[1].asked == ["warm", "prepare"]
    assert house.actors[0].asked == ["warm", "furnish"]
    assert house.actors[0].calls[1].words == ("second of 2", "one", "portrait one", None, "keep")


def test_a_portrait_that_stands_ready_is_not_prepared_again(house):
    house.furnished()
    house.pool.end()
    assert house.prepare() is STAGE
    assert house.actors[0].asked == ["warm", "prepare"]


def test_calls_that_are_lost_before_a_take_are_made_again(house):
    house.pool.start()
    for number in range(2):
        house.answer(number, "warm", SILENT)
    house.settle(1)
    for number in range(2):
        house.answer(number, "warm")
    house.prepare(
        lambda: house.answer(0, "prepare", SILENT),
        lambda: house.settle(1),
        lambda: house.answer(0, "prepare", STAGE),
    )
    house.answer(1, "furnish", SILENT)
    house.settle(1)
    house.answer(1, "furnish")
    assert house.actors[0].asked == ["warm", "warm", "prepare", "prepare"]
    assert house.actors[1].asked == ["warm", "warm", "furnish", "furnish"]
    audience = Audience()
    house.pool.begin(Part(1, "take"), audience)
    assert audience.heard == [("ready", "renderer-1"), ("ready", "renderer-2")]


def test_if_the_one_that_prepares_dies_another_does_and_nobody_else_is_held_for_dead(house):
    house.pool.start()
    for number in range(2):
        house.answer(number, "warm")
    house.prepare(lambda: house.answer(0, "prepare", DIED), lambda: house.answer(1, "prepare", STAGE))
    house.answer(2, "warm")
    assert house.actors[1].asked == ["warm", "prepare"]
    assert house.actors[2].asked == ["warm", "furnish"]
    assert [actor.name for actor in house.actors] == ["renderer-1", "renderer-2", "renderer-3"]


def test_a_rig_that_is_lost_with_its_node_is_prepared_once_more_by_one_of_those_that_need_it(house):
    audience = house.furnished()
    house.pool.dismiss("renderer-1", "its node is gone")
    house.pool.dismiss("renderer-2", "its node is gone")
    for number in (2, 3):
        house.answer(number, "warm")
    house.answer(2, "furnish", raised(LOST))
    house.answer(3, "furnish", raised(LOST))
    assert [actor.asked[2:] for actor in house.actors[2:]] == [["prepare"], []]
    house.answer(2, "prepare", STAGE)
    house.answer(3, "furnish")
    assert audience.heard[-2:] == [("ready", "renderer-3"), ("ready", "renderer-4")]


def test_a_portrait_that_cannot_be_animated_is_refused_and_the_next_is_prepared(house):
    house.pool.start()
    house.answer(0, "warm")
    with pytest.raises(FaceError, match="no face"):
        house.prepare(lambda: house.answer(0, "prepare", raised(FaceError("no face"))))
    assert house.prepare(lambda: house.answer(0, "prepare", STAGE), key="two") is STAGE
    assert house.actors[0].calls[-1].words == ("two", "portrait two", None, "keep")
    assert len(house.actors) == 2


def test_an_answer_for_a_portrait_that_was_given_up_is_not_taken_for_the_next(house):
    house.pool.start()
    house.answer(0, "warm")
    with pytest.raises(TakeError, match="stopped by the test"):
        house.prepare()
    old, other = house.actors[0].open[0], Stage("1" * 64, (1, 1), (0, 0, 1, 1), {}, (), {})
    found = house.prepare(
        lambda: old.done.set_result(STAGE), house.settle, lambda: house.answer(0, "prepare", other), key="two"
    )
    assert found is other


def test_a_process_whose_device_is_lost_is_replaced_before_it_is_held_against_the_portrait(house):
    house.pool.start()
    house.answer(0, "warm")
    house.prepare(
        lambda: house.answer(0, "prepare", raised(DeviceLost("gone"))),
        lambda: house.answer(1, "warm"),
        lambda: house.answer(1, "prepare", STAGE),
    )
    assert house.actors[0].ended


def test_one_that_cannot_take_the_rig_is_replaced(house):
    house.pool.start()
    for number in range(2):
        house.answer(number, "warm")
    house.prepare(lambda: house.answer(0, "prepare", STAGE))
    house.answer(1, "furnish", raised(MemoryError()))
    assert house.actors[1].ended
    assert house.actors[2].asked == ["warm"]


# ------------------------------------------------------------------------------------------------------------ rendering


def test_a_chunk_that_is_silent_is_asked_for_again_under_its_attempt_and_counts_once(house):
    audience = house.furnished()
    house.pool.assign("renderer-1", *chunk())
    first = house.actors[0].open[0]
    house.answer(0, "render", SILENT)
    house.answer(0, "ping", SILENT)
    house.settle(1)
    house.answer(0, "ping", 7)
    again = house.actors[0].open[0]
    assert (again.method, again.words[:2]) == ("render", first.words[:2])
    house.answer(0, "render", rendered())
    assert audience.heard[2:] == [("quiet", "renderer-1"), ("ready", "renderer-1"), ("chunk 0", "renderer-1")]


def test_two_answers_to_one_chunk_are_one(house):
    audience = house.furnished()
    for number in range(2):
        house.pool.assign("renderer-1", *chunk(number))
    house.answer(0, "render", SILENT)
    house.answer(0, "ping", 7)
    for _ in range(2):  # of chunk 1, which was asked for before it was known that chunk 0 was in doubt, and again after
        call = next(call for call in house.actors[0].open if call.words[1] == encode(chunk(1)[0]))
        call.done.set_result(rendered(1))
        house.settle()
    assert [what for what, _ in audience.heard].count("chunk 1") == 1


def test_one_that_gives_no_sign_of_life_is_replaced(house):
    audience = house.furnished()
    house.pool.assign("renderer-1", *chunk())
    house.answer(0, "render", SILENT)
    house.settle(module.QUIET_SECONDS)  # the ping has no answer at all
    assert house.actors[0].ended
    assert audience.heard[-1] == ("gone", "renderer-1")
    assert house.actors[2].asked == ["warm"]


def test_the_time_for_a_chunk_begins_when_the_one_before_it_is_done(house):
    audience = house.furnished()
    for number in range(2):
        house.pool.assign("renderer-1", *chunk(number))
    house.settle(400)
    house.answer(0, "render", rendered(0))
    house.settle(400)
    assert not house.actors[0].ended
    house.settle(200)
    assert house.actors[0].ended
    assert audience.heard[-1] == ("gone", "renderer-1")


def test_an_answer_for_an_earlier_take_of_the_same_words_is_not_taken_for_the_next(house):
    house.furnished()
    house.pool.assign("renderer-1", *chunk())
    old = house.actors[0].open[0]
    house.pool.end()
    audience = Audience()
    house.pool.begin(Part(2, "take"), audience)
    house.pool.assign("renderer-1", *chunk())
    old.done.set_result(rendered())
    house.settle()
    assert [what for what, _ in audience.heard] == ["ready", "ready"]
    house.answer(0, "render", rendered())
    assert audience.heard[-1] == ("chunk 0", "renderer-1")
    assert house.actors[0].calls[-1].words[0] == Part(2, "take", cast="one")


def test_the_time_for_a_chunk_of_an_earlier_take_does_not_end_the_next(house):
    house.furnished()
    house.pool.assign("renderer-1", *chunk())
    house.pool.end()
    house.settle(500)
    house.pool.begin(Part(2, "take"), Audience())
    house.pool.assign("renderer-1", *chunk())
    house.settle(200)
    assert not house.actors[0].ended


def test_who_takes_a_place_in_a_take_gets_the_portrait_and_is_asked_then(house):
    audience = house.furnished()
    house.pool.assign("renderer-1", *chunk())
    house.answer(0, "render", DIED)
    assert audience.heard[-1] == ("gone", "renderer-1")
    house.answer(2, "warm")
    house.answer(2, "furnish")
    assert audience.heard[-1] == ("ready", "renderer-3")


def test_an_error_of_the_actor_itself_ends_its_process(house):
    audience = house.furnished()
    house.pool.assign("renderer-1", *chunk())
    house.answer(0, "render", raised(AssertionError()))
    assert house.actors[0].ended
    assert audience.heard[-1] == ("gone", "renderer-1")


# --------------------------------------------------------------------------------------------------- who is there or not


def test_when_all_have_ended_again_and_again_the_take_is_told_and_the_next_begins_anew(monkeypatch):
    house = House(monkeypatch, workers=1)
    audience = house.furnished()
    for number in range(1 + module.REPLACEMENTS):
        house.pool.dismiss(f"renderer-{number + 1}", "it is no good")
    house.settle(module.LOOK_SECONDS)
    assert audience.heard[-1][0] == "starved"
    assert "it is no good" in audience.heard[-1][1]
    house.pool.end()
    again = Audience()
    house.pool.begin(Part(2, "take"), again)
    number = len(house.actors) - 1
    house.answer(number, "warm")
    house.answer(number, "furnish")
    assert again.heard == [("ready", f"renderer-{number + 1}")]


def test_one_take_after_the_other_is_looked_after_once_each(house):
    house.furnished()
    looked: list[int] = []
    for number in range(2, 6):
        house.pool.end()
        house.pool.begin(Part(number, "take"), Audience())
    lack = house.pool._lack

    def counted() -> str | None:
        looked.append(1)
        return lack()

    house.pool._lack = counted
    house.settle(module.LOOK_SECONDS)
    assert len(looked) == 1


def test_if_none_starts_in_time_it_is_said_why(house):
    house.pool.start()
    house.machines = [Node(id="n", name="n", total={"CPU": 8.0}, available={"CPU": 0.0})]
    with pytest.raises(TakeError, match=r"within 30 s: No worker could start.*0 CPU"):
        house.prepare(lambda: house.settle(29), lambda: house.settle(1))


def test_a_portrait_that_takes_long_is_not_a_renderer_that_does_not_start(house):
    house.pool.start()
    house.answer(0, "warm")
    assert house.prepare(lambda: house.settle(100), lambda: house.answer(0, "prepare", STAGE)) is STAGE


def test_if_no_node_that_is_left_can_have_one_that_is_said_at_once(house):
    house.furnished()
    house.pool.end()
    audience = Audience()
    house.machines = [Node(id="n", name="n", total={"CPU": 0.0}, available={"CPU": 0.0})]
    for number in range(2):
        house.pool.dismiss(f"renderer-{number + 1}", "its node is gone")
    house.pool.begin(Part(2, "take"), audience)
    assert audience.heard[-1][0] == "starved"
    assert "1 CPU" in audience.heard[-1][1]


def test_what_the_cluster_can_never_have_is_refused_before_anything_starts(monkeypatch):
    house = House(monkeypatch, gpus=1.0)
    with pytest.raises(UsageError, match="GPU"):
        house.pool.start()
    assert house.actors == []


def test_who_takes_the_place_of_one_with_a_gpu_asks_for_one_too(monkeypatch):
    house = House(monkeypatch, workers=1)
    house.machines = [Node(id="n", name="n", total={"CPU": 8.0, "GPU": 1.0}, available={"CPU": 8.0, "GPU": 1.0})]
    house.furnished()
    house.machines = [Node(id="m", name="m", total={"CPU": 8.0}, available={"CPU": 8.0})]
    house.pool.dismiss("renderer-1", "its node is gone")
    assert [asked["num_gpus"] for asked in house.asked] == [1.0, 1.0]


def test_all_processes_are_ended_at_the_end(house):
    house.furnished()
    house.pool.close()
    assert all(actor.ended for actor in house.actors)
