"""The coordinator's loop: one thing at a time, timers in their order, and no waiting for what has happened already."""

from __future__ import annotations

import threading

from concurrent.futures import Future
from functools import partial
from typing import Any

from runtime.onray.loop import Loop


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        """Seconds."""
        return self.now


def test_what_was_posted_is_done_in_its_order_in_one_step():
    done: list[str] = []
    loop = Loop(Clock())
    for name in "abc":
        loop.post(partial(done.append, name))
    loop.step(0)
    assert done == ["a", "b", "c"]


def test_what_is_posted_meanwhile_is_done_in_the_same_step():
    done: list[str] = []
    loop = Loop(Clock())
    loop.post(lambda: loop.post(lambda: done.append("inner")))
    loop.step(0)
    assert done == ["inner"]


def test_timers_go_off_when_they_are_due_the_earlier_first_and_among_equals_the_older():
    done: list[str] = []
    clock = Clock()
    loop = Loop(clock)
    for delay, name in [(2.0, "late"), (1.0, "early"), (1.0, "early too"), (3.0, "not yet")]:
        loop.at(delay, partial(done.append, name))
    loop.step(0)
    assert done == []
    clock.now += 2.0
    loop.step(0)
    assert done == ["early", "early too", "late"]


def test_a_step_with_a_timer_that_is_due_does_not_wait():
    done: list[str] = []
    loop = Loop(Clock())
    loop.at(0.0, lambda: done.append("due"))
    loop.step(3600)
    assert done == ["due"]


def test_a_timer_that_sets_itself_again_goes_off_once_each_time():
    done: list[float] = []
    clock = Clock()
    loop = Loop(clock)

    def tick() -> None:
        done.append(clock.now)
        loop.at(1.0, tick)

    loop.at(1.0, tick)
    for _ in range(3):
        clock.now += 1.0
        loop.step(0)
    assert done == [101.0, 102.0, 103.0]


def test_a_future_that_another_thread_ends_is_heard_of_in_the_thread_of_the_loop():
    heard: list[tuple[Any, int]] = []
    loop = Loop(Clock())
    future: Future[int] = Future()
    loop.when_done(future, lambda done: heard.append((done.result(), threading.get_ident())))
    loop.step(0)
    assert heard == []
    thread = threading.Thread(target=lambda: future.set_result(7))
    thread.start()
    loop.step(3600)
    thread.join()
    assert heard == [(7, threading.get_ident())]


def test_a_future_that_is_done_already_is_heard_of_in_a_step_and_not_before():
    heard: list[Any] = []
    loop = Loop(Clock())
    future: Future[int] = Future()
    future.set_exception(ValueError("no"))
    loop.when_done(future, lambda done: heard.append(done.exception()))
    assert heard == []
    loop.step(0)
    assert isinstance(heard[0], ValueError)
