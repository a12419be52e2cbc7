"""A Ray cluster of one node with its dashboard, as `ray start --head` makes it, for tests that hand jobs in.

Its jobs know the URLs of `tests/away.py`.
"""

from __future__ import annotations

import contextlib
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

_STARTED = "--block"
"""In the line that says that it is there."""
_DRIVER = {
    "METADATA": "Metadata-Version: 2.1\nName: away\nVersion: 1\n",
    "entry_points.txt": "[fsspec.specs]\naway = away:Away\n",
}
"""How fsspec finds a driver that is installed."""


@dataclass(frozen=True, slots=True)
class Head:
    """A cluster that runs.

    Attributes:
        dashboard: where it takes jobs.
        environment: with which it lets somebody in.
    """

    dashboard: str
    environment: Mapping[str, str]


@contextlib.contextmanager
def head(cpus: int) -> Iterator[Head]:
    """Start a cluster that asks for a token, and end it."""
    ports = _free_ports(4)
    programs = Path(sys.executable).parent
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith("RAY_")},
        "PATH": f"{programs}{os.pathsep}{os.environ['PATH']}",  # as in an environment that is activated
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": secrets.token_hex(32),
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ENABLE_UV_RUN_RUNTIME_ENV": "0",
        "PYTHONUNBUFFERED": "1",
    }
    # Not in the folder of a test: the names of its sockets would be too long.
    with (
        tempfile.TemporaryDirectory(prefix="ray", ignore_cleanup_errors=True) as folder,
        tempfile.TemporaryDirectory() as installed,
    ):
        _install_away(Path(installed))
        environment["PYTHONPATH"] = installed
        words = [f"--num-cpus={cpus}", f"--port={ports[0]}", f"--dashboard-port={ports[1]}"]
        words += [f"--ray-client-server-port={ports[2]}", f"--temp-dir={folder}", "--include-dashboard=true", "--block"]
        words += [f"--dashboard-agent-listen-port={ports[3]}"]  # another Ray of this machine may have the usual one
        with subprocess.Popen(
            [str(programs / "ray"), "start", "--head", "--disable-usage-stats", *words],
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        ) as process:
            try:
                assert process.stdout is not None
                said: list[str] = []
                for line in process.stdout:
                    said.append(line)
                    if _STARTED in line:
                        break
                assert process.poll() is None, "".join(said)
                found = Head(f"http://127.0.0.1:{ports[1]}", environment)
                _await_jobs(found, programs / "ray")
                yield found
            finally:
                process.send_signal(signal.SIGTERM)  # it ends all of its own
                process.communicate()


def _await_jobs(head: Head, ray: Path) -> None:
    """Come back when the cluster takes jobs, which is some time after it says that it has started."""
    for _ in range(60):
        words = [str(ray), "job", "submit", "--no-wait", "--address", head.dashboard, "--", "true"]
        if subprocess.run(words, env=dict(head.environment), capture_output=True, check=False).returncode == 0:
            return
    raise AssertionError("the cluster takes no jobs")


def _install_away(folder: Path) -> None:
    """The driver alone: with the whole checkout a job could run without its own copy of the program."""
    shutil.copyfile(Path(__file__).with_name("away.py"), folder / "away.py")
    about = folder / "away-1.dist-info"
    about.mkdir()
    for name, text in _DRIVER.items():
        (about / name).write_text(text, encoding="utf-8")


def _free_ports(count: int) -> list[int]:
    with contextlib.ExitStack() as stack:
        held = [stack.enter_context(socket.socket()) for _ in range(count)]
        for each in held:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in held]
