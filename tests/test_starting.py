"""Whoever waits for Ray can turn away from it, and nothing is left of what was being started. No Ray is started here."""

from __future__ import annotations

import ctypes
import os
import select
import signal
import subprocess
import sys
import threading

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import ray

from renderer.weights import FOLDER_VARIABLE
from runtime.onray import joining
from runtime.onray.joining import Trial, joined
from runtime.onray.starting import Start, apart, earlier_is_over
from runtime.take_error import TakeError

TREE = Path(__file__).resolve().parent.parent
LONG = 30
"""Seconds until a test gives up on something that takes a moment."""
BOUND = """
import ctypes, time
PR_SET_PDEATHSIG, SIGKILL = 1, 9
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0)
print("bound", flush=True)
time.sleep(600)
"""
"""A program that ends with whoever started it, as those of Ray do."""


def never() -> None:
    """There is no reason to stop."""


@pytest.fixture(autouse=True)
def shut(monkeypatch: pytest.MonkeyPatch) -> list[threading.Thread]:
    """The threads that have left Ray."""
    found: list[threading.Thread] = []
    monkeypatch.setattr(ray, "shutdown", lambda: found.append(threading.current_thread()))
    return found


class Slow:
    """What takes until it is allowed to end.

    Args:
        action: done when it begins.
    """

    def __init__(self, action: Callable[[], None] = lambda: None) -> None:
        self.begun, self.allowed = threading.Event(), threading.Event()
        self.thread: threading.Thread | None = None
        self._action = action

    def __call__(self, *words: Any, **more: Any) -> Any:
        """Take long."""
        self.thread = threading.current_thread()
        self._action()
        self.begun.set()
        assert self.allowed.wait(LONG)

    def stopped(self) -> str | None:
        """A reason, as soon as it has begun."""
        return "SIGINT" if self.begun.is_set() else None


@pytest.fixture
def slow() -> Iterator[Slow]:
    """What takes until it is allowed to end, and nothing is left of it afterwards."""
    found = Slow()
    yield found
    found.allowed.set()
    earlier_is_over(never)


def test_what_was_done_apart_comes_back_with_its_errors():
    assert apart(lambda: 3, never, "counting") == 3
    with pytest.raises(ZeroDivisionError):
        apart(lambda: 1 // 0, never, "dividing")


def test_what_is_done_apart_is_left_to_itself_when_there_is_a_reason_to_stop(slow):
    with pytest.raises(TakeError, match=r"^stopped by SIGINT while all was slow\. Nothing was written\.$"):
        apart(slow, slow.stopped, "all was slow")


def test_nothing_begins_to_be_waited_for_after_a_stop(slow):
    with pytest.raises(TakeError, match="stopped by SIGTERM"):
        Start(slow).wait(lambda: "SIGTERM", "Ray was starting")


def test_processes_that_end_with_whoever_started_them_last_until_ray_is_left():
    start = Start(lambda: subprocess.Popen([sys.executable, "-c", BOUND], stdout=subprocess.PIPE))
    with start.wait(never, "Ray was starting") as process:
        assert process.stdout.readline() == b"bound\n"
        with pytest.raises(subprocess.TimeoutExpired):
            process.wait(0.3)
        start.leave()
        assert process.wait(LONG) == -signal.SIGKILL


def test_ray_is_left_by_the_thread_that_started_it(shut):
    start = Start(threading.current_thread)
    thread = start.wait(never, "Ray was starting")
    assert shut == []
    start.leave()
    assert shut == [thread]


def test_what_ray_raises_is_raised_and_nothing_is_left():
    with pytest.raises(ZeroDivisionError):
        Start(lambda: 1 // 0).wait(never, "Ray was starting")
    earlier_is_over(never)


def test_a_start_that_was_turned_away_from_ends_in_good_order_before_the_next_one(slow, shut):
    with pytest.raises(TakeError, match="while Ray was starting"):
        Start(slow).wait(slow.stopped, "Ray was starting")
    assert shut == []
    with pytest.raises(TakeError, match="stopped by SIGTERM while an earlier start of Ray was being ended"):
        earlier_is_over(lambda: "SIGTERM")
    slow.allowed.set()
    earlier_is_over(never)
    assert shut == [slow.thread]


def taken_below() -> None:
    """SIGTERM is taken over below Python, and an alarm is set: as by Ray when a signal comes while it connects."""
    library = ctypes.CDLL(None)
    library.signal(signal.SIGTERM, None)  # by default
    library.alarm(LONG)


def is_caught(number: signal.Signals) -> bool:
    """Whether the kernel gives a signal to a handler of this process."""
    status = Path("/proc/self/status").read_text()
    return bool(int(status.partition("SigCgt:")[2].split()[0], 16) >> (number - 1) & 1)


def test_handlers_are_put_back_where_ray_has_taken_them_over_below(monkeypatch):
    before = signal.signal(signal.SIGTERM, lambda *_: None)
    try:
        start = Start(taken_below)
        start.wait(never, "Ray was starting")
        assert is_caught(signal.SIGTERM)
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
        monkeypatch.setattr(ray, "shutdown", lambda: ctypes.CDLL(None).signal(signal.SIGTERM, None))
        start.leave()
        assert is_caught(signal.SIGTERM)
    finally:
        signal.signal(signal.SIGTERM, before)


def test_an_interrupt_turns_away_from_it_too(slow, shut):
    def interrupted() -> str | None:
        if slow.begun.is_set():
            raise KeyboardInterrupt
        return None

    with pytest.raises(KeyboardInterrupt):
        Start(slow).wait(interrupted, "Ray was starting")
    slow.allowed.set()
    earlier_is_over(never)
    assert shut == [slow.thread]


ENDS = """
import subprocess, sys, threading
from runtime.onray.starting import Start
from runtime.take_error import TakeError

own = subprocess.Popen(["sleep", "600"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
print(own.pid, flush=True)
begun = threading.Event()

def init():
    child = subprocess.Popen(["sh", "-c", "sleep 600 & echo $!; wait"], stdout=subprocess.PIPE, text=True)
    print(child.pid, child.stdout.readline(), flush=True)
    begun.set()
    threading.Event().wait()

try:
    Start(init).wait(lambda: "SIGINT" if begun.is_set() else None, "Ray was starting")
except TakeError as error:
    sys.exit(str(error))
"""
"""A program that ends while Ray starts for ever."""


def test_a_program_that_ends_ends_what_was_being_started_and_nothing_else():
    words = [sys.executable, "-c", ENDS]
    with subprocess.Popen(words, cwd=TREE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        own, *below = (int(word) for word in (program.stdout.readline() + program.stdout.readline()).split())
        ends = [os.pidfd_open(number) for number in below]
        try:
            _, said = program.communicate(timeout=LONG)
            assert all(select.select([end], [], [], LONG)[0] for end in ends)
            assert len(ends) == 2
            assert Path(f"/proc/{own}/exe").exists()
        finally:
            os.kill(own, signal.SIGKILL)
            for end in ends:
                os.close(end)
    assert (program.returncode, said) == (1, "stopped by SIGINT while Ray was starting. Nothing was written.\n")


# ------------------------------------------------------------------------------------------------------------- joining


def starting_slowly(monkeypatch: pytest.MonkeyPatch, slow: Slow) -> None:
    """Ray takes until it is allowed to be there, and takes over SIGTERM where it can."""

    def init(*words: Any, **more: Any) -> Any:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, lambda number, _: sys.exit(number))
        return slow()

    monkeypatch.setattr(ray, "init", init)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_ray_starts_is_told_at_once_and_in_our_words(slow, monkeypatch, number):
    starting_slowly(monkeypatch, slow)
    came: list[str] = []
    before = signal.signal(number, lambda number, _: came.append(signal.Signals(number).name))
    folder = Path.cwd()

    def stopped() -> str | None:
        if slow.begun.is_set() and not came:
            signal.raise_signal(number)
        return came[0] if came else None

    try:
        with (
            pytest.raises(TakeError, match=f"^stopped by {number.name} while Ray was starting. Nothing was written.$"),
            joined("local", stopped=stopped),
        ):
            pass
    finally:
        signal.signal(number, before)
    assert came == [number.name]
    assert Path.cwd() == folder


def test_a_cluster_is_turned_away_from_while_it_is_tried(monkeypatch):
    slow = Slow()
    monkeypatch.setattr(joining, "_knock", slow)
    try:
        with (
            pytest.raises(TakeError, match=r"stopped by SIGINT while the Ray cluster at 10\.0\.0\.5:6379 was being joined"),
            joined("10.0.0.5:6379", stopped=slow.stopped),
        ):
            pass
    finally:
        slow.allowed.set()


def seen(monkeypatch: pytest.MonkeyPatch, name: str, address: str) -> str | None:
    """What Ray sees of the environment as it is started or joined."""
    values: list[str | None] = []

    def init(*words: Any, **more: Any) -> None:
        values.append(os.environ.get(name))
        raise ConnectionError("that is all that was to be seen")

    monkeypatch.setattr(ray, "init", init)
    monkeypatch.setattr(Trial, "wait", lambda self, stopped: None)
    with pytest.raises(TakeError, match="that is all that was to be seen"), joined(address):
        pass
    return values[0]


class Tried:
    """Stands for the process of a trial."""

    def kill(self) -> None:
        """End it."""

    def communicate(self) -> None:
        """Wait for its end."""


def test_the_cluster_of_this_machine_is_meant_whatever_the_environment_names(monkeypatch):
    tried: list[str | None] = []

    def process(words: list[str], *, env: dict[str, str], **more: Any) -> Tried:
        tried.append(env.get("RAY_ADDRESS"))
        return Tried()

    monkeypatch.setattr("runtime.onray.joining.subprocess.Popen", process)
    monkeypatch.setenv("RAY_ADDRESS", "10.0.0.5:6379")
    assert seen(monkeypatch, "RAY_ADDRESS", "auto") is None
    assert os.environ["RAY_ADDRESS"] == "10.0.0.5:6379"
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", "{}")
    assert seen(monkeypatch, "RAY_ADDRESS", "auto") == "10.0.0.5:6379"  # which is Ray's own
    assert tried == [None, "10.0.0.5:6379"]


def test_actors_of_a_ray_of_our_own_look_for_models_where_we_do(monkeypatch, tmp_path):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(FOLDER_VARIABLE, "models")
    assert seen(monkeypatch, FOLDER_VARIABLE, "local") == str(tmp_path / "models")
    monkeypatch.delenv(FOLDER_VARIABLE)
    assert seen(monkeypatch, FOLDER_VARIABLE, "local") is None
