"""Jobs without a cluster: where their server is, what is said when it does not do as it is asked, and how a job is followed."""

from __future__ import annotations

import socket
import sys

from collections.abc import Sequence
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from cluster import jobs
from cluster.jobs import ADDRESS, LOOK_SECONDS, PATIENCE, USUAL, Follower, JobServer, Standing
from runtime.options import UsageError
from runtime.take_error import TakeError


@pytest.fixture(autouse=True)
def _no_address(monkeypatch) -> None:
    monkeypatch.delenv(ADDRESS, raising=False)


# ------------------------------------------------------------------------------------------------------------- where


def test_without_a_word_it_is_the_usual_place():
    assert jobs._place(None) == (USUAL, "")


def test_the_environment_says_another_place_and_an_address_goes_before_it(monkeypatch):
    monkeypatch.setenv(ADDRESS, "http://10.0.0.5:8265/")
    assert jobs._place(None) == ("http://10.0.0.5:8265", f" (from {ADDRESS})")
    assert jobs._place("https://ray.example") == ("https://ray.example", "")


def test_a_host_and_a_port_are_enough():
    assert jobs._place("10.0.0.5:8265") == ("http://10.0.0.5:8265", "")


@pytest.mark.parametrize(
    "given", ["", "ray://10.0.0.5:10001", "http://", "http://host:port", "http://host:1/?token=1", "host:0"]
)
def test_what_is_no_address_is_refused(given):
    with pytest.raises(UsageError, match="is not the address of a cluster's dashboard"):
        jobs._place(given)


def test_a_password_in_an_address_is_refused_without_being_told():
    with pytest.raises(UsageError) as caught:
        jobs._place("http://me:secret@host:8265")
    assert "secret" not in str(caught.value)


def test_where_nobody_listens_is_said_at_once():
    with socket.socket() as held:  # bound, and not listening
        held.bind(("127.0.0.1", 0))
        place = f"http://127.0.0.1:{held.getsockname()[1]}"
        with pytest.raises(TakeError, match=f"No cluster takes jobs at {place}: connection refused. Give the address"):
            JobServer.at(place)


def test_a_ray_without_its_client_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    with pytest.raises(TakeError, match=r"pip install 'textuportray\[cluster\]'"):
        JobServer.at(None)


# ------------------------------------------------------------------------------------------------------------ errors


class AuthenticationError(Exception):
    """As Ray calls it."""


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (AuthenticationError("Authentication failed"), "asks for a token, and the one given is missing or wrong"),
        (ConnectionError("Failed to connect"), "No cluster takes jobs at http://h:1: failed to connect"),
        (RuntimeError("Version check returned 404. Please"), "What answers at http://h:1 takes no jobs"),
        (RuntimeError("Package size exceeds the maximum size of 500 MiB"), "does not take so large a folder"),
        (RuntimeError("Request failed with status code 500"), r"did not do as it was asked \(RuntimeError: Request failed"),
    ],
)
def test_what_goes_wrong_is_one_paragraph(error, said):
    def fails(**_: Any) -> None:
        raise error

    server = JobServer("http://h:1", SimpleNamespace(submit_job=fails))
    with pytest.raises(TakeError, match=said) as caught:
        server.submit("true", Path(), {}, {}, lambda _: None)
    assert "\n" not in str(caught.value)
    assert caught.value.__cause__ is None, "Ray's own says no more, and a token could be in it"


# --------------------------------------------------------------------------------------------------------- following


class Client:
    """A job as Ray's client shows it: at each look the next of some states, the last one for ever."""

    def __init__(self, looks: Sequence[tuple[str, str] | Exception]) -> None:
        self._looks = list(looks)
        self.stopped: list[str] = []

    def get_job_info(self, job: str) -> Any:
        if isinstance(self._looks[0], Exception):
            raise self._next()
        return SimpleNamespace(status=SimpleNamespace(value=self._looks[0][0]), message="")

    def get_job_logs(self, job: str) -> str:
        return self._next()[1]

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


def followed(looks: Sequence[tuple[str, str] | Exception]) -> tuple[Follower, list[str], Clock]:
    lines: list[str] = []
    clock = Clock()
    return Follower(JobServer("http://h:1", Client(looks)), "job-1", lines.append, clock, clock.wait), lines, clock


def test_each_line_is_told_once_and_whole():
    follower, lines, clock = followed(
        [("PENDING", ""), ("RUNNING", "one\ntw"), ("RUNNING", "one\ntwo\n"), ("SUCCEEDED", "one\ntwo\nend")]
    )
    assert follower.until(lambda: False) == Standing("SUCCEEDED")
    assert lines == ["one", "two", "end"]
    assert clock.waits == [LOOK_SECONDS] * 3


def test_following_ends_when_enough_is_known_and_can_go_on():
    follower, lines, _ = followed([("RUNNING", "one\n"), ("RUNNING", "one\ntwo\n"), ("STOPPED", "one\ntwo\nthree\n")])
    assert follower.until(lambda: "two" in lines) == Standing("RUNNING")
    assert follower.until(lambda: False) == Standing("STOPPED")
    assert lines == ["one", "two", "three"]


def test_an_answer_that_takes_long_is_asked_for_less_often():
    follower, _, clock = followed([("RUNNING", ""), ("SUCCEEDED", "")])
    client: Any = follower._server._client
    answer = client.get_job_logs

    def slow(job: str) -> Any:
        clock.now += 2
        return answer(job)

    client.get_job_logs = slow
    follower.until(lambda: False)
    assert clock.waits == [10.0]


def test_a_connection_that_comes_back_costs_nothing():
    follower, lines, _ = followed(
        [("RUNNING", "one\n"), ConnectionError("gone"), ConnectionError("gone"), ("SUCCEEDED", "one\ntwo\n")]
    )
    assert follower.until(lambda: False).status == "SUCCEEDED"
    assert lines == ["one", "two"]


def test_a_cluster_that_is_gone_is_given_up_in_the_end():
    follower, _, clock = followed([("RUNNING", "one\n"), ConnectionError("gone")])
    with pytest.raises(
        TakeError, match="The job may go on all the same; look for it with: ray job logs --follow --address http://h:1 job-1"
    ):
        follower.until(lambda: False)
    assert PATIENCE <= clock.now < PATIENCE + 2 * LOOK_SECONDS


def test_a_cluster_that_is_not_ready_yet_is_asked_again():
    class Slow:
        asked = 0

        def submit_job(self, **_: Any) -> str:
            self.asked += 1
            if self.asked < 4:
                raise RuntimeError(
                    "Request failed with status code 500: No available agent to submit job, please try again later.."
                )
            return "job-1"

    waited: list[float] = []
    assert JobServer("http://there", Slow()).submit("true", Path(), {}, {}, waited.append) == "job-1"
    assert len(waited) == 3


def test_a_cluster_that_is_never_ready_is_told_about():
    class Never:
        def submit_job(self, **_: Any) -> str:
            raise RuntimeError("No available agent")

    with pytest.raises(TakeError, match="no node that takes a job"):
        JobServer("http://there", Never()).submit("true", Path(), {}, {}, lambda _: None)
