"""`textuportray submit`: `animate` or `resume` as a job of a Ray cluster, followed to its end.

Rules
- What can be found out here is found out before anything is sent. What only the cluster can know, `cluster.entry` finds out
  there before it begins to work.
- The job's log goes to standard error, its result to standard output: as if the command had run here.
- From the moment at which a job may have been taken, nobody is left without its name, whatever ends this command; and who
  stops this command stops the job.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import secrets
import shlex
import sys
import time

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from cluster.commands import request

if TYPE_CHECKING:
    from cluster.following import Log
    from cluster.jobs import JobServer, Standing
    from runtime.cli import Stopper

EXAMPLES = """examples:
  textuportray submit portrait.jpg "She smiles warmly, then nods" -o s3://bucket/smile.mp4
  textuportray submit portrait.jpg "She smiles" -o /shared/smile.mp4 --worker-gpus 1 --dashboard http://10.0.0.5:8265
  textuportray submit --resume s3://bucket/smile.take

It takes the options of animate. The program's own source and the portrait go along; nodes need its dependencies installed, and
fetch the face models themselves. FILE is a URL, or a path on a disk that this machine and the cluster share."""

VARIABLES = {
    "RAY_JOB_STOP_WAIT_TIME_S": "30",  # to close the journal of a job that is stopped and to store it; Ray's own 3 may be short
    "RAY_IGNORE_UNHANDLED_ERRORS": "1",  # each is told by us; Ray would add a traceback
}
"""Of the job's environment."""


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    request.describe(parser)


def run(options: argparse.Namespace, stopper: Stopper) -> int:
    """Hand the job in and follow it: 0 if it succeeds, 1 if it does not, with its own words."""
    from cluster.jobs import Entry, JobServer, new_name
    from runtime.cli import Interrupted
    from runtime.take_error import TakeError

    options = request.checked(options)
    with request.folder(options) as package, contextlib.ExitStack() as stack:
        words, shared = request.command(options, package)
        server = JobServer.at(options.dashboard)
        marks = [stack.enter_context(_mark(folder)) for folder in dict.fromkeys(path.parent for path in shared)]
        line = ["python", "-m", "cluster.entry", *(word for mark in marks for word in ("--shared", str(mark))), "--", *words]
        print(f"sending {package.size / 1e6:.1f} MB to {server.address}", file=sys.stderr, flush=True)
        job, entry = new_name(), Entry(shlex.join(line), package.folder, VARIABLES, request.about(options))
        try:
            with stopper:
                if server.submit(job, entry, time.monotonic, time.sleep, lambda: stopper() is not None):
                    return _follow(options, server, job, stopper)
            raise TakeError(f"stopped by {stopper()} before the cluster had taken the job. Give the same command again.")
        except Interrupted:
            raise TakeError(_left(options, server, job)) from None
        finally:
            stopper.retire()


def _follow(options: argparse.Namespace, server: JobServer, job: str, stopper: Stopper) -> int:
    """Follow a job to where it is of no more interest; the exit code.

    Raises:
        TakeError: it was stopped, or failed without a word of its own.
    """
    from cluster.following import Follower, Log

    log = Log()
    follower = Follower(server, job, log.hear, time.monotonic, time.sleep)
    # A job that says why it fails is over in a moment.
    standing = follower.until(lambda: stopper() is not None or (log.begun and not log.explained and not options.wait))
    stopped = stopper()
    if stopped is None and not standing.over:
        _tell_where(options, server, job)
        return 0
    if not standing.over:
        standing = follower.end()
    return _outcome(options, log, standing, server.words("logs", job), stopped)


def _outcome(options: argparse.Namespace, log: Log, standing: Standing, see: str, stopped: str | None) -> int:
    """Say what became of a job that is over; the exit code.

    Raises:
        TakeError: it was stopped, or failed without a word of its own.
    """
    from runtime.take_error import TakeError

    if standing.status == "SUCCEEDED":
        return 0
    again = shlex.join(request.going_on(options))
    if standing.status == "STOPPED":
        who = f"by {stopped}" if stopped else "by somebody else"
        if log.resumable:
            raise TakeError(f"the job was stopped {who}. Go on with: {again}")
        raise TakeError(f"the job was stopped {who} before there was anything to go on with. Give the same command again.")
    if log.explained:
        if log.resumable:
            print(f"textuportray: on the cluster, go on with: {again}", file=sys.stderr)
        return 1
    said = " ".join(standing.about.split())[-400:] or "Ray gives no reason"
    raise TakeError(f"The job failed without a word of its own: {said}. See all that it said: {see}")


def _left(options: argparse.Namespace, server: JobServer, job: str) -> str:
    """Have a job stop that nobody waits for any longer; what its user should know."""
    from runtime.take_error import TakeError

    server.hurry()
    try:
        asked = server.stop(job)
    except TakeError:
        asked = False
    again = shlex.join(request.going_on(options))
    if asked:
        said = f"was told to stop and is closing its files ({server.words('logs --follow', job)} shows how it ends)"
    else:
        said = f"may be running all the same ({server.words('stop', job)} stops it)"
    return f"stopped. The job {job} {said}. When it has ended, and not before, go on with: {again}"


def _tell_where(options: argparse.Namespace, server: JobServer, job: str) -> None:
    """Say how to follow a job that goes on."""
    follow, stop = server.words("logs --follow", job), server.words("stop", job)
    if options.json:
        print(json.dumps({"job": job, "dashboard": server.address, "follow": follow, "stop": stop}))
    else:
        print(f"{job}: the job goes on\nfollow it with: {follow}\nstop it with: {stop}")


@contextlib.contextmanager
def _mark(folder: Path) -> Iterator[Path]:
    """A file in a folder by which the job finds out that it sees the same folder.

    Raises:
        UsageError: it cannot be written.
    """
    from runtime.options import UsageError

    path = folder / f".textuportray-{secrets.token_hex(8)}.try"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"Written to find out whether a job sees this folder.\n")
    except OSError as error:
        raise UsageError(
            f"{folder} cannot be written ({error.strerror or error}). Name a folder on a disk that this machine and the "
            "cluster share, or a URL."
        ) from None
    try:
        yield path
    finally:
        with contextlib.suppress(OSError):
            path.unlink()
