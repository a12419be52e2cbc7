"""Jobs of a Ray cluster: handed in, looked at, stopped.

A job is a command line that runs on the cluster and goes on when whoever handed it in leaves. Ray's own client does the
talking; it comes with `ray[default]` and is loaded when it is used.

Rules
- What Ray raises becomes one paragraph that says what to do. Tokens are never part of it.
- A job has its name before it is handed in. So it can be named, followed and stopped at any time, and what was handed in
  without an answer is handed in again: there will be one job.
- Nobody waits for an answer for ever.
"""

from __future__ import annotations

import contextlib
import http.client
import importlib
import logging
import os
import secrets
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
ANSWER_SECONDS = 15.0
"""For one answer: in PATIENCE there are two tries, and a connection that is dead is given up for another."""
_KNOCK = 3.0
"""Seconds for the server's machine to take the connection."""
_SLOWEST = 50e3
"""Bytes per second at which a folder may be sent."""
_CLIENT = ("requests", "aiohttp", "ray.job_submission")
"""What Ray's client for jobs consists of."""
_NOT_YET = "No available agent"
"""How Ray says that no node is up that could take a job."""
_THERE = "already exists"
"""How Ray says that it has a job of this name."""
_LOST = frozenset({"ConnectionError", "TimeoutError", "Timeout", "ChunkedEncodingError"})
"""Errors, and parents of such, after which nobody knows whether what was asked was done."""
_OVER = frozenset({"SUCCEEDED", "FAILED", "STOPPED"})


def new_name() -> str:
    """A name for a job, which no other has; it looks like Ray's own."""
    return f"raysubmit_{secrets.token_hex(8)}"


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


@dataclass(frozen=True, slots=True)
class Entry:
    """What is handed in.

    Attributes:
        line: the command line, for a shell.
        folder: what the job finds in its working directory.
        variables: of its environment, besides what the cluster's nodes have.
        about: what the cluster shows with it.
    """

    line: str
    folder: Path
    variables: Mapping[str, str]
    about: Mapping[str, str]


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
            return cls(place, _client(place))

    def submit(
        self,
        job: str,
        entry: Entry,
        clock: Callable[[], float],
        wait: Callable[[float], None],
        stopped: Callable[[], bool] = lambda: False,
    ) -> bool:
        """Hand a job in. A cluster that has just been started may need some seconds until a node of it can take one.

        Args:
            job: its name, by `new_name`.
            entry: what it is to be.
            clock: seconds, never going back.
            wait: lets some seconds pass.
            stopped: asked before each try; the first is made at any rate.

        Returns:
            Whether it was taken; False if it was not, for it was stopped.

        Raises:
            TakeError: the cluster does not take it, or does not say whether it has.
        """
        environment = {"working_dir": str(entry.folder), "env_vars": dict(entry.variables)}
        began, unsure = clock(), False
        while True:
            try:
                self._client.submit_job(
                    submission_id=job, entrypoint=entry.line, runtime_env=environment, metadata=dict(entry.about)
                )
                return True
            except Exception as error:  # noqa: BLE001 - it raises what it likes
                if _THERE in str(error):
                    return True  # an answer was lost
                unsure = unsure or _is_lost(error)
                over = clock() - began >= PATIENCE
                if over or not (_is_lost(error) or _NOT_YET in str(error)):
                    raise self._untaken(job, error, unsure=unsure) from None
            if stopped() and not unsure:
                return False
            wait(1.0)

    def _untaken(self, job: str, error: Exception, *, unsure: bool) -> TakeError:
        """What is said of a job that may not have been taken."""
        if _NOT_YET in str(error):
            said = (
                f"The cluster at {self.address} has had no node that takes a job for {PATIENCE:g} s. See `ray status` there, "
                "and give the same command again when its nodes are up."
            )
        else:
            said = str(_told(error, self.address))
        if not unsure:
            return TakeError(said)
        see, stop = self.words("status", job), self.words("stop", job)
        return TakeError(f"{said} The job {job} may have been taken all the same: {see} shows it, {stop} stops it.")

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

    def stop(self, job: str) -> bool:
        """Ask a job to end; it gets SIGTERM, and the time that its environment says to close its files.

        Returns:
            Whether it was there to be asked; False if it is over, or has not come so far.

        Raises:
            TakeError: the cluster does not take that.
        """
        with _explained(self.address):
            return bool(self._client.stop_job(job))

    def hurry(self) -> None:
        """Wait for answers a moment only from now on: somebody wants to leave."""
        self._client.seconds = _KNOCK

    def words(self, command: str, job: str) -> str:
        """A command line of Ray's about a job, such as "logs --follow"."""
        return shlex.join(["ray", "job", *command.split(), "--address", self.address, job])


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


def _client(place: str) -> Any:
    """Ray's client, which by itself would wait for an answer for ever."""
    from ray.job_submission import JobSubmissionClient  # noqa: PLC0415 - has just been found to be there

    class Patient(JobSubmissionClient):
        seconds = ANSWER_SECONDS

        def _do_request(self, method: str, endpoint: str, **more: Any) -> Any:
            limit = self.seconds + len(more.get("data") or b"") / _SLOWEST
            return super()._do_request(method, endpoint, timeout=limit, **more)

    return Patient(place)


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
def _explained(place: str, source: str | None = None) -> Iterator[None]:
    """What Ray's client raises inside is told as an error of ours.

    Args:
        place: of the server.
        source: where that comes from; None for a server that has answered before.

    Raises:
        TakeError: whatever went wrong.
    """
    try:
        yield
    except Exception as error:  # noqa: BLE001 - it raises what it likes
        raise _told(error, place, source) from None


def _told(error: Exception, place: str, source: str | None = None) -> TakeError:
    kind, said = type(error).__name__, " ".join(str(error).split())
    if kind == "AuthenticationError" or "AuthToken" in said:
        return TakeError(
            f"The cluster at {place} asks for a token, and the one given is missing or wrong. Set RAY_AUTH_MODE=token; where "
            "the cluster was started by the same user on this machine that is enough, elsewhere also set RAY_AUTH_TOKEN to its "
            "token, or RAY_AUTH_TOKEN_PATH to a file that holds it."
        )
    if _is_lost(error):
        if source is not None:
            return _nobody(place, source, _reason(error))
        return TakeError(f"The cluster at {place} gives no answer: {_reason(error)}.")
    if "ersion check returned 404" in said or kind in ("JSONDecodeError", "KeyError", "HTTPError"):
        return TakeError(
            f"What answers at {place}{source or ''} takes no jobs. Give the address of a Ray cluster's dashboard with "
            "--dashboard; its Ray needs to be installed as ray[default]."
        )
    if "exceeds the maximum size" in said:
        return TakeError(f"The cluster at {place} does not take so large a folder: {said[:300]}. Leave large files out of it.")
    return TakeError(
        f"The cluster at {place} did not do as it was asked ({kind}: {said[:300]}). See the logs of its head node."
    )


def _is_lost(error: Exception) -> bool:
    """Whether there was no answer."""
    return not _LOST.isdisjoint(each.__name__ for each in type(error).__mro__)


def _reason(error: Exception) -> str:
    """Why there was no answer, by the innermost error that says it."""
    if "Timeout" in type(error).__name__:
        return "nothing came back in time"
    found = ""
    inner: BaseException | None = error
    while inner is not None:
        found = getattr(inner, "strerror", None) or found
        inner = inner.__cause__ or inner.__context__
    return found.lower() or " ".join(str(error).split())[:200].lower() or type(error).__name__
