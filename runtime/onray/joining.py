"""Ray for as long as a piece of work takes: a cluster that somebody named, or a local one of our own.

- Which one: the address given, else RAY_ADDRESS, which Ray itself sets in a job, else a local Ray is started. A local cluster
  that happens to run and that nobody named is left alone: it may be somebody's leftover. The address `auto` names it, and
  `local` starts one whatever RAY_ADDRESS says.
- What was started here ends here, and a cluster that was joined goes on. Where this process has joined Ray already, that
  stays as it is, before and after.
- An address is tried in a process of its own first. Ray waits for minutes where nobody answers, and complains on the terminal;
  this way a wrong address is an error after PATIENCE at the latest.
- Ray is joined or started in a thread of its own (`runtime.onray.starting`), so that who waits for it can be stopped at any
  time, and the handlers of signals stay whose they are.
- Ray is quiet.
- Actors find our packages: installed ones by themselves, those of a clone because its folder is named to them. A cluster's
  other machines need them installed, or in the working directory of a job. What an actor is given names files by full paths:
  its working directory is not the user's.
"""

from __future__ import annotations

import logging
import os
import re
import socket
import subprocess
import sys
import time

from collections.abc import Callable, Iterator, Mapping
from contextlib import chdir, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from runtime.onray.starting import STEP, Start, apart, check, earlier_is_over
from runtime.options import UsageError
from runtime.take_error import TakeError

PATIENCE = 10.0
"""Seconds for a cluster to answer."""
_KNOCK = 3.0
"""Seconds for its machine to take the connection."""
_QUIET = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO": "0",  # else each actor without a GPU warns about a later Ray
    "RAY_IGNORE_UNHANDLED_ERRORS": "1",  # else it prints those of answers that nobody needs, beside the one that is told
    "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",  # else under `uv run` each worker starts by way of uv
}
_IMPATIENT = {"RAY_gcs_server_port_wait_time_s": "1", "RAY_gcs_server_request_timeout_seconds": "5"}
"""Has Ray report the first error instead of trying again."""
_TRY = """
import logging, sys, ray
logging.getLogger("ray").setLevel(logging.ERROR)
try:
    ray.init(sys.argv[1], log_to_driver=False, configure_logging=False)
except Exception as error:
    while error:
        print(f"{type(error).__name__}: {error}")
        error = error.__cause__
    sys.exit(1)
ray.shutdown()
"""
_IN_JOB = "RAY_JOB_CONFIG_JSON_ENV_VAR"
"""Set in a job of Ray's, whose RAY_ADDRESS is Ray's own and right."""
_LOCAL, _AUTO = "local", "auto"
_ADDRESS = "RAY_ADDRESS"


@dataclass(frozen=True, slots=True)
class Cluster:
    """The Ray that this process has joined.

    Attributes:
        address: host and port.
        started: whether it was started here, and so ends here.
        session: the folder of its logs on this machine; None where it is not known.
    """

    address: str
    started: bool
    session: Path | None


class Trial:
    """An address that is tried in a process of its own, while this one goes on with something else.

    Args:
        address: see `joined`.

    Raises:
        UsageError: that is no address.
    """

    def __init__(self, address: str | None = None) -> None:
        self.address, self._source = _wanted(address)
        self._process: subprocess.Popen[str] | None = None
        if self.address != _LOCAL and not (self._source and _IN_JOB in os.environ):
            self._process = subprocess.Popen(  # noqa: S603 - this Python, with a text of our own
                [sys.executable, "-P", "-c", _TRY, self.address],
                env={**_QUIET, **_shown(self.address), **_IMPATIENT},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,  # a signal for this program is not for the trial
            )

    def wait(self, stopped: Callable[[], str | None] = lambda: None) -> None:
        """Find out whether the cluster can be joined, within PATIENCE and without a word on the terminal.

        Args:
            stopped: asked again and again; a reason ends the waiting.

        Raises:
            TakeError: it cannot, or there was a reason to stop.
        """
        if self._process is None:
            return
        where = "on this machine" if self.address == _AUTO else f"at {self.address}"
        advice = (
            f"Check the address{self._source} and that the cluster runs: `ray status --address {self.address}` on one of its "
            "machines."
            if self.address != _AUTO
            else "Start one with `ray start --head`, or leave the address out to have one for this work alone."
        )
        try:
            if self.address != _AUTO:
                apart(partial(_knock, self.address, where, advice), stopped, _joining(self.address))
            said = self._said(stopped)
        finally:
            self.abandon()
        if said is None:
            raise TakeError(f"No Ray cluster answers {where} within {PATIENCE:g} seconds. {advice}")
        if self._process.returncode:
            raise TakeError(_reason(said, where, advice))

    def _said(self, stopped: Callable[[], str | None]) -> str | None:
        """All that Ray has printed at its end; None if that did not come within PATIENCE."""
        assert self._process is not None
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            check(stopped, _joining(self.address))
            try:
                return self._process.communicate(timeout=STEP)[0]
            except subprocess.TimeoutExpired:
                continue
        return None

    def abandon(self) -> None:
        """Nobody wants to know any more."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            assert self._process.stdout is not None
            self._process.stdout.close()


@contextmanager
def joined(
    address: str | None = None,
    *,
    cpus: int | None = None,
    gpus: int | None = None,
    trial: Trial | None = None,
    stopped: Callable[[], str | None] = lambda: None,
) -> Iterator[Cluster]:
    """Join Ray, and leave it at the end.

    Args:
        address: of a cluster, `host:port`; `auto` for the one that runs on this machine, `local` to start one; None for
            RAY_ADDRESS, or else to start one.
        cpus: of a Ray that is started; None for those that this process may use.
        gpus: the same; None for those that are there.
        trial: of this address, if it is being tried already.
        stopped: asked again and again until Ray is there; a reason ends the waiting, and the Ray that was being started.

    Raises:
        UsageError: that is no address.
        TakeError: nobody answers there, or will not have us; or no Ray could be started; or there was a reason to stop.
    """
    for name, value in _QUIET.items():
        os.environ.setdefault(name, value)
    earlier_is_over(stopped)
    if apart(_is_initialized, stopped, "Ray was being loaded"):
        if trial is not None:
            trial.abandon()
        yield _already(*_wanted(address))
        return
    trial = trial or Trial(address)
    trial.wait(stopped)
    start, cluster = _join(trial.address, cpus, gpus, stopped)
    try:
        yield cluster
    finally:
        start.leave()


def _is_initialized() -> bool:
    """Whether this process has joined Ray."""
    import ray  # noqa: PLC0415 - takes half a second, and reads the environment

    return ray.is_initialized()


def _joining(address: str) -> str:
    """What goes on until Ray is there, for an error."""
    return "Ray was starting" if address == _LOCAL else f"the Ray cluster at {address} was being joined"


def _shown(address: str) -> dict[str, str]:
    """Of our environment what Ray is to see.

    It takes the address that is named there for the one that runs on this machine, whatever it is told.
    """
    hidden = {_ADDRESS} if address == _AUTO and _IN_JOB not in os.environ else set()
    return {name: value for name, value in os.environ.items() if name not in hidden}


def _wanted(address: str | None) -> tuple[str, str]:
    """The address to join, or a word for one; and where it comes from, as a remark for errors.

    Raises:
        UsageError: that is no address.
    """
    named = address.strip() if address is not None else os.environ.get(_ADDRESS, "").strip()
    source = "" if address is not None else " (from RAY_ADDRESS)"
    if address is None and not named:
        return _LOCAL, source
    if named in (_LOCAL, _AUTO):
        return named, source
    if "://" in named:
        raise UsageError(
            f"{named[:80]}{source} names a service of a Ray cluster, such as its dashboard, and this program joins the cluster "
            "itself. Give the host:port that `ray start` prints, or have the cluster run the program as a job: textuportray "
            "submit --dashboard URL ..."
        )
    try:
        parts = urlsplit(f"//{named}")
        right = bool(parts.hostname and parts.port) and parts.netloc == named and "@" not in named
    except ValueError:
        right = False
    if not right:
        raise UsageError(
            f"{named[:80]!r}{source} is not the address of a Ray cluster. Give host:port, such as 10.0.0.5:6379, or auto for "
            "the cluster that runs on this machine, or local to start one."
        )
    return named, source


def _already(wanted: str, source: str) -> Cluster:
    """The cluster that this process is in.

    Raises:
        TakeError: another one is wanted.
    """
    import ray  # noqa: PLC0415

    address = ray.get_runtime_context().gcs_address
    if wanted not in (_LOCAL, _AUTO, address) and not source:
        raise TakeError(
            f"The Ray cluster at {wanted} cannot be joined, since this process is in the Ray cluster {address} already. Call "
            "ray.shutdown() first, or leave the address out to use that one."
        )
    return Cluster(address, started=False, session=None)


def _knock(address: str, where: str, advice: str) -> None:
    """Find out whether anybody takes connections at an address.

    Raises:
        TakeError: nobody does.
    """
    parts = urlsplit(f"//{address}")
    try:
        socket.create_connection((parts.hostname or "", parts.port or 0), timeout=_KNOCK).close()
    except OSError as error:
        said = error.strerror or str(error)
        raise TakeError(f"There is no Ray cluster {where}: {said.lower()}. {advice}") from None


def _reason(said: str, where: str, advice: str) -> str:
    """What Ray's complaints come to, for the user.

    Args:
        said: all that it has printed.
        where: the cluster is.
        advice: for whatever is not known better.
    """
    if "AuthToken" in said or "AuthenticationError" in said:
        return (
            f"The Ray cluster {where} asks for a token, and the one given is missing or wrong. Set RAY_AUTH_MODE=token; where "
            "the cluster was started by the same user on this machine that is enough, elsewhere also set RAY_AUTH_TOKEN to "
            "its token, or RAY_AUTH_TOKEN_PATH to a file that holds it."
        )
    if "ersion mismatch" in said:
        found = re.findall(r"(Ray|Python): *(\S+)", said)
        theirs, ours = (" and ".join(f"{name} {version}" for name, version in found[at : at + 2]) for at in (0, 2))
        return (
            f"The Ray cluster {where} runs {theirs or 'other versions'}, and this program {ours or 'does not'}. Both must be "
            "the same: run the program with the cluster's versions, for example in its image."
        )
    if "ould not find any running" in said:
        return f"No Ray cluster runs {where}. {advice}"
    if "No node info found" in said:
        return (
            f"The Ray cluster {where} has no node on this machine, and only a machine that belongs to it can join it. Run "
            "the program on one of its machines, or as a job: textuportray submit --dashboard URL ..."
        )
    last = next((line.strip() for line in reversed(said.splitlines()) if line.strip()), "no reason was given")
    return f"The Ray cluster {where} could not be joined ({last[:200]}). {advice}"


def _join(address: str, cpus: int | None, gpus: int | None, stopped: Callable[[], str | None]) -> tuple[Start, Cluster]:
    """Start a local Ray, or join a cluster that has been tried.

    Raises:
        TakeError: that failed all the same, or there was a reason to stop.
    """
    import ray  # noqa: PLC0415

    from ray.job_config import JobConfig  # noqa: PLC0415

    ours = str(Path(__file__).resolve().parents[2])
    own: dict[str, Any] = {}
    if address == _LOCAL:
        own = {"num_cpus": _usable() if cpus is None else cpus, "num_gpus": gpus, "include_dashboard": False}
        _name_folders_in_full()

    def init() -> Any:
        with _quiet():
            return ray.init(
                address,
                log_to_driver=False,
                configure_logging=False,
                job_config=JobConfig(_py_driver_sys_path=[ours]),
                **own,
            )

    # Ray puts the working directory before all else that its processes import from, ours are to come first: many a project has
    # a package `agents` or `configs`, too.
    with _environment(_shown(address)), chdir(ours):
        start = Start(init)
        try:
            context = start.wait(stopped, _joining(address))
        except TakeError:
            raise
        except Exception as error:
            if address != _LOCAL:
                raise TakeError(_reason(str(error), f"at {address}", "Run it again with --debug to see more.")) from error
            raise TakeError(
                f"Ray could not be started on this machine ({' '.join(str(error).split())[:300]}). Check that memory and the "
                "space in /tmp and /dev/shm are not used up and that your home folder can be written to."
            ) from error
    found = context.address_info
    return start, Cluster(found["gcs_address"], started=address == _LOCAL, session=Path(found["session_dir"]))


def _name_folders_in_full() -> None:
    """Have the folder of the models mean the same to processes that begin in another working directory."""
    from renderer.weights import FOLDER_VARIABLE, cache_folder  # noqa: PLC0415 - a trial is not to wait for all this

    if os.environ.get(FOLDER_VARIABLE):
        os.environ[FOLDER_VARIABLE] = str(cache_folder(os.environ))


def _usable() -> int | None:
    """How many processors this process may use; None for all that Ray finds, which knows of a container's limits."""
    usable = len(os.sched_getaffinity(0))
    return usable if usable < (os.cpu_count() or usable) else None


@contextmanager
def _quiet() -> Iterator[None]:
    """Have Ray's own log tell of errors alone."""
    log = logging.getLogger("ray")
    before = log.level
    log.setLevel(logging.ERROR)
    try:
        yield
    finally:
        log.setLevel(before)


@contextmanager
def _environment(shown: Mapping[str, str]) -> Iterator[None]:
    """Have an environment with this alone of what is in it."""
    hidden = {name: value for name, value in os.environ.items() if name not in shown}
    for name in hidden:
        del os.environ[name]
    try:
        yield
    finally:
        os.environ.update(hidden)
