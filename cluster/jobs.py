"""Jobs of a Ray cluster: handed in, followed, stopped.

A job is a command line that runs on the cluster and goes on when whoever handed it in leaves. Ray's own client does the
talking; it comes with `ray[default]` and is loaded when it is used.

Rules
- What Ray raises becomes one paragraph that says what to do. Tokens are never part of it.
- A job's log is asked for as a whole, again and again: that way an interrupted connection costs nothing. Who follows it waits
  longer, the longer the answers take.
- A cluster that gives no answer is asked again for PATIENCE; its jobs go on meanwhile.
"""

from __future__ import annotations

import contextlib
import http.client
import importlib
import logging
import os
import shlex
import socket

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from runtime.options import UsageError
from runtime.take_error import TakeError

USUAL = "http://127.0.0.1:8265"
"""Where a cluster's dashboard, and with it its job server, is if nothing else was said."""
ADDRESS = "RAY_API_SERVER_ADDRESS"
"""The variable with which Ray's own commands are told another place."""
PATIENCE = 30.0
"""Seconds that a cluster may give no answer."""
LOOK_SECONDS = 0.5
"""Between two looks at a job, at least."""
_EASY = 5
"""Waited for so many times as long as the last answer took, so that who looks is no burden."""
_KNOCK = 3.0
"""Seconds for the server's machine to take the connection."""
_CLIENT = ("requests", "aiohttp", "ray.job_submission")
"""What Ray's client for jobs consists of."""
_NOT_YET = "No available agent"
"""How Ray says that no node is up that could take a job."""
_OVER = frozenset({"SUCCEEDED", "FAILED", "STOPPED"})


@dataclass(frozen=True, slots=True)
class Standing:
    """How a job stands.

    Attributes:
        status: PENDING, RUNNING, SUCCEEDED, FAILED or STOPPED.
        about: what Ray says about it.
    """

    status: str
    about: str = ""

    @property
    def over(self) -> bool:
        """Whether it has come to its end, whichever that is."""
        return self.status in _OVER


class JobServer:
    """The job server of a cluster.

    Args:
        address: of it, for people.
        client: Ray's.
    """

    def __init__(self, address: str, client: Any) -> None:
        self.address = address
        self._client = client

    @classmethod
    def at(cls, address: str | None) -> JobServer:
        """The server at an address.

        Args:
            address: http(s)://host:port of the dashboard; None for that of RAY_API_SERVER_ADDRESS, or else the usual one.

        Raises:
            UsageError: that is no address.
            TakeError: nobody answers there, or will not have us; or Ray's client is not installed.
        """
        place, source = _place(address)
        try:
            for name in _CLIENT:
                importlib.import_module(name)
        except ImportError:
            raise TakeError(
                "Jobs are handed in by Ray's own client, which is not installed. Install it with: "
                "python -m pip install 'textuportray[cluster]'"
            ) from None
        _knock(place, source)
        with _explained(place, source), _addressed(place):
            from ray.job_submission import JobSubmissionClient  # noqa: PLC0415 - has just been found to be there

            return cls(place, JobSubmissionClient(place))

    def submit(
        self,
        entrypoint: str,
        folder: Path,
        variables: Mapping[str, str],
        about: Mapping[str, str],
        wait: Callable[[float], None],
    ) -> str:
        """Hand a job in. A cluster that has just been started may need some seconds until a node of it can take one.

        Args:
            entrypoint: its command line, for a shell.
            folder: what it finds in its working directory.
            variables: of its environment, besides what the cluster's nodes have.
            about: what the cluster shows with it.
            wait: lets some seconds pass.

        Returns:
            The id that it has there.

        Raises:
            TakeError: the cluster does not take it.
        """
        environment = {"working_dir": str(folder), "env_vars": dict(variables)}
        for _ in range(round(PATIENCE)):
            with _explained(self.address):
                try:
                    job: str = self._client.submit_job(entrypoint=entrypoint, runtime_env=environment, metadata=dict(about))
                except RuntimeError as error:
                    if _NOT_YET not in str(error):
                        raise
                else:
                    return job
            wait(1.0)
        raise TakeError(
            f"The cluster at {self.address} has had no node that takes a job for {PATIENCE:g} s. See `ray status` there, and "
            "give the same command again when its nodes are up."
        )

    def log(self, job: str) -> str:
        """All that a job has written so far.

        Raises:
            TakeError: the cluster does not say.
        """
        with _explained(self.address):
            text: str = self._client.get_job_logs(job)
        return text

    def standing(self, job: str) -> Standing:
        """How a job stands.

        Raises:
            TakeError: the cluster does not say.
        """
        with _explained(self.address):
            found = self._client.get_job_info(job)
        return Standing(str(getattr(found.status, "value", found.status)), found.message or "")

    def stop(self, job: str) -> None:
        """Ask a job to end; it gets SIGTERM, and the time that its environment says to close its files.

        Raises:
            TakeError: the cluster does not take that.
        """
        with _explained(self.address):
            self._client.stop_job(job)

    def words(self, command: str, job: str) -> str:
        """A command line of Ray's about a job, such as "logs --follow"."""
        return shlex.join(["ray", "job", *command.split(), "--address", self.address, job])


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
        while True:
            began = self._clock()
            standing = self._look()
            if standing.over or enough():
                return standing
            self._wait(max(LOOK_SECONDS, _EASY * (self._clock() - began)))

    def _look(self) -> Standing:
        try:
            # In this order: what stands in the log of a job that is over is all that there will be.
            standing = self._server.standing(self._job)
            text = self._server.log(self._job)
        except TakeError as error:
            if self._clock() - self._answered < PATIENCE:
                return Standing("UNKNOWN")
            again = self._server.words("logs --follow", self._job)
            raise TakeError(f"{error} The job may go on all the same; look for it with: {again}") from None
        self._answered = self._clock()
        self._hear(text, over=standing.over)
        return standing

    def _hear(self, text: str, *, over: bool) -> None:
        fresh = text[self._heard :]
        whole = fresh if over else fresh[: fresh.rfind("\n") + 1]
        self._heard += len(whole)
        for line in whole.splitlines():
            self._told(line)


def _place(address: str | None) -> tuple[str, str]:
    """Where the server is, and a remark on where that comes from, for errors.

    Raises:
        UsageError: that is no address.
    """
    given = address if address is not None else os.environ.get(ADDRESS, "")
    source = "" if address is not None else f" (from {ADDRESS})" if given else ""
    named = given.strip() or (USUAL if address is None else "")
    full = named if "://" in named else f"http://{named}"
    try:
        parts = urlsplit(full)
        right = parts.scheme in ("http", "https") and bool(parts.hostname) and "@" not in parts.netloc
        right = right and (parts.port is None or parts.port > 0) and not (parts.query or parts.fragment)
    except ValueError:
        right = False
    if not right:
        hidden = named if "@" not in named else "what was given"
        raise UsageError(
            f"{hidden[:80]!r}{source} is not the address of a cluster's dashboard, which takes jobs. Give it as `ray start "
            f"--head` prints it, such as {USUAL}."
        )
    return full.rstrip("/"), source


def _knock(place: str, source: str) -> None:
    """Find out whether anybody is there; Ray's client would wait for minutes.

    Raises:
        TakeError: there is not.
    """
    parts = urlsplit(place)
    port = parts.port or http.client.HTTPS_PORT if parts.scheme == "https" else parts.port or http.client.HTTP_PORT
    try:
        socket.create_connection((parts.hostname or "", port), timeout=_KNOCK).close()
    except OSError as error:
        raise _nobody(place, source, error.strerror or str(error)) from None


def _nobody(place: str, source: str, reason: str) -> TakeError:
    return TakeError(
        f"No cluster takes jobs at {place}{source}: {reason.lower()}. Give the address of its dashboard with --dashboard, as "
        "`ray start --head` prints it; the dashboard comes with ray[default], and listens to other machines with "
        "--dashboard-host=0.0.0.0."
    )


@contextlib.contextmanager
def _addressed(place: str) -> Iterator[None]:
    """Have Ray's client take the address that it is given: it would prefer those of the environment.

    Its remarks on what it uploads are kept to itself, too; they come with a level of their own.
    """
    before = os.environ.get(ADDRESS)
    os.environ[ADDRESS] = place
    for name in ("ray.dashboard.modules.job.sdk", "ray.dashboard.modules.dashboard_sdk", "ray._private.runtime_env"):
        logging.getLogger(name).setLevel(logging.ERROR)
    logging.getLogger("ray").setLevel(logging.ERROR)
    try:
        yield
    finally:
        if before is None:
            del os.environ[ADDRESS]
        else:
            os.environ[ADDRESS] = before


@contextlib.contextmanager
def _explained(place: str, source: str = "") -> Iterator[None]:
    """What Ray's client raises inside is told as an error of ours.

    Raises:
        TakeError: whatever went wrong.
    """
    try:
        yield
    except Exception as error:  # noqa: BLE001 - it raises what it likes
        raise _told(error, place, source) from None


def _told(error: Exception, place: str, source: str) -> TakeError:
    kind, said = type(error).__name__, " ".join(str(error).split())
    if kind == "AuthenticationError" or "AuthToken" in said:
        return TakeError(
            f"The cluster at {place} asks for a token, and the one given is missing or wrong. Set RAY_AUTH_MODE=token; where "
            "the cluster was started by the same user on this machine that is enough, elsewhere also set RAY_AUTH_TOKEN to its "
            "token, or RAY_AUTH_TOKEN_PATH to a file that holds it."
        )
    if isinstance(error, ConnectionError) or kind in ("ConnectionError", "ConnectTimeout", "ReadTimeout", "SSLError"):
        return _nobody(place, source, said[:200] or kind)
    if "ersion check returned 404" in said or kind in ("JSONDecodeError", "KeyError", "HTTPError"):
        return TakeError(
            f"What answers at {place}{source} takes no jobs. Give the address of a Ray cluster's dashboard with --dashboard; "
            "its Ray needs to be installed as ray[default]."
        )
    if "exceeds the maximum size" in said:
        return TakeError(f"The cluster at {place} does not take so large a folder: {said[:300]}. Leave large files out of it.")
    return TakeError(
        f"The cluster at {place} did not do as it was asked ({kind}: {said[:300]}). See the logs of its head node."
    )
