"""Ray's start in a thread of its own, which lasts as long as Ray does, and from which one can turn away at any time.

`ray.init` takes seconds and cannot be interrupted.

Rules
- Who waits for it asks again and again whether to stop, and then goes on at once. The thread, as soon as Ray lets it, ends in
  good order what it was starting; after that this process can start Ray again, and not before (`earlier_is_over`).
- If the program ends first, it ends the processes of that start itself: it does not wait for Ray, and none of them is left.
- The thread lasts until Ray is left. Ray has the kernel end its processes when whoever started them ends, and for the kernel
  that is a thread (PR_SET_PDEATHSIG in prctl(2)).
- The handlers of signals stay whose they are. On the main thread Ray would take over SIGTERM, to leave with its number as the
  exit code. Below Python it does so all the same: from when it connects, SIGTERM is reported on the terminal as a crash and
  aborts the program three seconds later, and when Ray is left, it ends the program at once. Both are put right as soon as Ray
  lets us, half a second later (`_take_signals_back`).
"""

from __future__ import annotations

import atexit
import os
import signal
import sys
import threading
import time

from collections.abc import Callable
from concurrent.futures import Future, wait
from contextlib import suppress
from pathlib import Path
from typing import Any, TypeVar

from runtime.take_error import TakeError

Result = TypeVar("Result")

STEP = 0.05
"""Seconds between two looks at whether the waiting is to stop."""
_LETS_GO = 3.0
"""Seconds in which Ray connects or disconnects, and more."""
_given_up: Start | None = None
"""The start that was turned away from; a process has one Ray."""


def check(stopped: Callable[[], str | None], doing: str) -> None:
    """Find out whether to go on.

    Raises:
        TakeError: there is a reason to stop.
    """
    if (reason := stopped()) is not None:
        raise TakeError(f"stopped by {reason} while {doing}. Nothing was written.")


def apart(work: Callable[[], Result], stopped: Callable[[], str | None], doing: str) -> Result:
    """Do in a thread what cannot be interrupted; if there is a reason to stop, leave it to itself.

    Args:
        work: what is to be done.
        stopped: asked again and again; a reason ends the waiting.
        doing: what goes on meanwhile, for the error.

    Raises:
        TakeError: there was a reason to stop.
    """
    outcome: Future[Result] = Future()
    threading.Thread(target=_settle, args=(outcome, work), daemon=True).start()
    return _awaited(outcome, stopped, doing)


def earlier_is_over(stopped: Callable[[], str | None]) -> None:
    """Wait until nothing is left of a start that was turned away from.

    Raises:
        TakeError: there was a reason to stop.
    """
    if _given_up is not None:
        _awaited(_given_up.over, stopped, "an earlier start of Ray was being ended")
        _take_signals_back()


class Start:
    """Ray as it is started, or joined, in a thread of its own.

    Args:
        init: does it.

    Attributes:
        over: done when the thread has left Ray.
    """

    def __init__(self, init: Callable[[], Any]) -> None:
        self.over: Future[None] = Future()
        self._init = init
        self._outcome: Future[Any] = Future()
        self._left = threading.Event()
        self._timed = any(signal.getitimer(signal.ITIMER_REAL))  # by somebody else
        self._thread = threading.Thread(target=self._run, name="ray", daemon=True)
        self._thread.start()

    def wait(self, stopped: Callable[[], str | None], doing: str) -> Any:
        """What Ray says of itself once it is there.

        Args:
            stopped: asked again and again; a reason ends the waiting, and what was started.
            doing: what goes on meanwhile, for the error.

        Raises:
            TakeError: there was a reason to stop.
            Exception: what Ray raised.
        """
        try:
            return _awaited(self._outcome, stopped, doing)
        except BaseException:
            self._give_up()
            raise
        finally:
            _take_signals_back()
            if not self._timed:
                signal.setitimer(signal.ITIMER_REAL, 0)  # by which Ray aborts the program

    def leave(self) -> None:
        """End what was started, or leave what was joined."""
        self._left.set()
        try:
            self.over.result()
        except BaseException:
            self._give_up()
            raise
        finally:
            _take_signals_back()

    def _run(self) -> None:
        _settle(self._outcome, self._init)
        self._left.wait()
        _settle(self.over, _shut_down)
        atexit.unregister(self._end)

    def _give_up(self) -> None:
        """Nobody waits for it any more."""
        global _given_up  # noqa: PLW0603 - as is Ray itself
        _given_up = self
        atexit.register(self._end)  # goes before that of Ray, which was there earlier
        self._left.set()

    def _end(self) -> None:
        """End the processes of a start that is not over when the program ends."""
        worker: Any = sys.modules.get("ray._private.worker")
        if worker is not None:
            atexit.unregister(worker.shutdown)  # it would wait for what is being ended here
            self._until_let_go(worker)
        assert self._thread.native_id is not None
        for number in _held(self._thread.native_id):
            _send(number, signal.SIGKILL)
        if self._outcome.done():
            wait([self.over], timeout=_LETS_GO)

    def _until_let_go(self, worker: Any) -> None:
        """Wait until Ray does not take the end of its processes for a reason to end this one, in its own way.

        It does from when it begins to connect until it has disconnected, which is half a second each.

        Args:
            worker: the module of Ray's that knows.
        """
        connecting = getattr(worker, "_connect_or_shutdown_lock", threading.RLock())
        until = time.monotonic() + _LETS_GO
        while not self.over.done() and time.monotonic() < until:
            if connecting.acquire(blocking=False):
                if not worker.is_initialized():
                    return  # nor will it connect any more
                connecting.release()
            elif self._outcome.done() and not hasattr(worker.global_worker, "core_worker"):
                return
            time.sleep(STEP)


def _shut_down() -> None:
    import ray  # noqa: PLC0415 - it is there by now

    ray.shutdown()


def _take_signals_back() -> None:
    """Have SIGTERM reach whoever handles it in Python, which does not know that it has been taken over below."""
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGTERM, signal.SIGALRM):
            handler = signal.getsignal(number)
            if handler is not None:  # it was set by others below Python, before all this
                signal.signal(number, handler)


def _settle(outcome: Future[Any], work: Callable[[], Any]) -> None:
    """Do something, and tell what came of it."""
    try:
        outcome.set_result(work())
    except BaseException as error:  # noqa: BLE001 - it is raised where somebody waits for it
        outcome.set_exception(error)


def _awaited(outcome: Future[Result], stopped: Callable[[], str | None], doing: str) -> Result:
    """What came of something, unless there is a reason to stop before.

    Raises:
        TakeError: there was one.
    """
    while True:
        check(stopped, doing)
        if wait([outcome], timeout=STEP).done:
            return outcome.result()


def _held(thread: int) -> set[int]:
    """The processes that a thread has started, and all below them, each held so that it starts no others.

    None where the kernel does not tell (it was built without CONFIG_PROC_CHILDREN); most of them end by themselves then.
    """
    held: set[int] = set()
    while more := _below(thread) - held:  # one of them may have started another before it was held
        for number in sorted(more):
            _send(number, signal.SIGSTOP)
        held |= more
    return held


def _below(thread: int) -> set[int]:
    """The processes that a thread has started, and those that they have."""
    found: set[int] = set()
    threads = [Path(f"/proc/self/task/{thread}")]
    for each in threads:
        with suppress(OSError):  # it has ended meanwhile
            for number in map(int, (each / "children").read_text().split()):
                found.add(number)
                threads.extend(Path(f"/proc/{number}/task").iterdir())
    return found


def _send(number: int, what: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(number, what)
