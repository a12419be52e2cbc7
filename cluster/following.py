"""A job that was handed in, followed to its end, and what it says on the way.

Rules
- A job's log is asked for as a whole, again and again: that way an interrupted connection costs nothing. Who follows it waits
  longer, the longer the answers take.
- A cluster that gives no answer, whether it refuses or says nothing, is asked again for PATIENCE; its jobs go on meanwhile.
"""

# ruff: noqa: T201 - a log is printed

from __future__ import annotations

import sys

from collections.abc import Callable

from cluster.entry import BEGUN, END, RESULT
from cluster.jobs import PATIENCE, JobServer, Standing
from runtime.take_error import TakeError

LOOK_SECONDS = 0.5
"""Between two looks at a job, at least."""
_REST_SECONDS = 10.0
"""Between two looks, at most: a signal is not heard in them."""
_EASY = 5
"""Waited for so many times as long as the last answer took, so that who looks is no burden."""
_STOPPING = "textuportray: stopping "
"""How a command begins what it says of a signal, before it has come to its end."""


class Follower:
    """Follows one job to its end.

    Args:
        server: where it is.
        job: its id.
        told: gets each line of its log, once and in order, without its end.
        clock: seconds, never going back.
        wait: lets some seconds pass.
    """

    def __init__(
        self,
        server: JobServer,
        job: str,
        told: Callable[[str], None],
        clock: Callable[[], float],
        wait: Callable[[float], None],
    ) -> None:
        self._server = server
        self._job = job
        self._told = told
        self._clock = clock
        self._wait = wait
        self._heard = 0
        self._answered = clock()

    def until(self, enough: Callable[[], bool]) -> Standing:
        """Follow it until it is over, or enough is known.

        Raises:
            TakeError: the cluster has given no answer for PATIENCE.
        """
        return self._follow(self._look, enough, "look for it with", "logs --follow")

    def end(self) -> Standing:
        """Ask it to end, and follow it until it has.

        Raises:
            TakeError: the cluster has given no answer for PATIENCE.
        """
        asked = False

        def step() -> Standing:
            nonlocal asked
            asked = asked or self._server.stop(self._job)
            return self._look()

        self._answered = self._clock()
        return self._follow(step, lambda: False, "stop it with", "stop")

    def _follow(self, step: Callable[[], Standing], enough: Callable[[], bool], advice: str, command: str) -> Standing:
        while True:
            began = self._clock()
            try:
                standing = step()
                self._answered = self._clock()
            except TakeError as error:
                if self._clock() - self._answered >= PATIENCE:
                    again = self._server.words(command, self._job)
                    raise TakeError(f"{error} The job may go on all the same; {advice}: {again}") from None
                standing = Standing("UNKNOWN")
            if standing.over or enough():
                return standing
            self._wait(min(_REST_SECONDS, max(LOOK_SECONDS, _EASY * (self._clock() - began))))

    def _look(self) -> Standing:
        # In this order: what stands in the log of a job that is over is all that there will be.
        standing = self._server.standing(self._job)
        text = self._server.log(self._job)
        self._hear(text, over=standing.over)
        return standing

    def _hear(self, text: str, *, over: bool) -> None:
        fresh = text[self._heard :]
        whole = fresh if over else fresh[: fresh.rfind("\n") + 1]
        self._heard += len(whole)
        for line in whole.splitlines():
            self._told(line)


class Log:
    """Tells the job's log: its result on standard output, all else on standard error.

    Attributes:
        begun: whether the job has come as far as our own code.
        explained: whether it has said why it fails.
        resumable: whether it has said how to go on with it.
    """

    def __init__(self) -> None:
        self.begun = self.explained = self.resumable = False
        self._part = ""

    def hear(self, line: str) -> None:
        """The next line."""
        if not self.begun:
            self.begun = line.startswith(BEGUN)  # what comes before that is Ray's own
            if not self.begun:
                return
        if line in (RESULT, END):
            self._part = line
        elif self._part == RESULT:
            print(line, flush=True)
        elif not self._part:
            if line.startswith("textuportray: ") and not line.startswith(_STOPPING):
                self.explained = True
                self.resumable = self.resumable or " textuportray resume " in line
            print(line, file=sys.stderr, flush=True)
