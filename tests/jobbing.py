"""A cluster without one: Ray's client for jobs, whose one job comes to what a test says, and time that goes by as one waits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

Look = tuple[str, str] | Exception
"""The status of a job and all that it has said, or what keeps one from knowing."""


class Client:
    """A job as Ray's client shows it: at each look the next of some states, the last one for ever.

    Args:
        looks: these.
        ending: looks that replace the rest when the job is asked to stop; the first time that it is asked, each an exception
            that is raised first.
    """

    def __init__(self, looks: Sequence[Look], ending: Sequence[Look] = ()) -> None:
        self._looks = list(looks)
        self._ending = list(ending)
        self.handed_in: list[dict[str, Any]] = []
        self.stopped: list[str] = []
        self.seconds = 15.0
        """As of `cluster.jobs.ANSWER_SECONDS`."""
        self.answers: list[Callable[[], None]] = []
        """What happens as a job is handed in, for each try; nothing when they are used up."""
        self.looked: Callable[[], None] = lambda: None
        """Happens before each look."""

    def submit_job(self, **given: Any) -> str:
        self.handed_in.append(given)
        if self.answers:
            self.answers.pop(0)()
        name: str = given["submission_id"]
        return name

    def get_job_info(self, job: str) -> Any:
        self.looked()
        if isinstance(self._looks[0], Exception):
            raise self._next()
        return SimpleNamespace(status=SimpleNamespace(value=self._looks[0][0]), message="")

    def get_job_logs(self, job: str) -> str:
        said: str = self._next()[1]
        return said

    def stop_job(self, job: str) -> bool:
        if self._ending and isinstance(self._ending[0], Exception):
            raise self._ending.pop(0)  # type: ignore[misc] # as was just asked
        self.stopped.append(job)
        if self._ending:
            self._looks = self._ending
        return True

    def _next(self) -> Any:
        return self._looks.pop(0) if len(self._looks) > 1 else self._looks[0]


class Clock:
    """Time that goes by when somebody waits."""

    def __init__(self) -> None:
        self.now = 0.0
        self.waits: list[float] = []

    def __call__(self) -> float:
        return self.now

    def wait(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds
        assert self.now < 1000, "somebody waits for ever"


def fails(error: Exception) -> Callable[[], None]:
    """An answer that is an error."""

    def answer() -> None:
        raise error

    return answer
