"""Ray is joined or started, quietly; what cannot be joined is told in a paragraph; nothing that was started stays behind.

Ray runs in programs of its own here, since what it does to a process (signals, terminal, environment) is what is looked at.
"""

from __future__ import annotations

import json
import os
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from runtime.cli import main
from runtime.onray import joining
from runtime.onray.joining import Trial, joined
from runtime.options import UsageError
from runtime.take_error import TakeError
from tests.staging import portrait_file

pytestmark = pytest.mark.ray

TREE = Path(__file__).resolve().parent.parent
LONG = 60
"""Seconds until a test gives up on something that takes a few."""

JOINS = """
import json, os, signal, sys
sys.path.insert(0, sys.argv[1])
terminated = []
signal.signal(signal.SIGINT, lambda number, frame: None)
signal.signal(signal.SIGTERM, lambda number, frame: terminated.append(number))
before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)]
from runtime.onray.joining import joined
from runtime.onray.placement import Placement, actor_options, nodes

class Actor:
    def look(self):
        import runtime.options
        return {"actor": os.getpid(), "parent": os.getppid(), "module": runtime.options.__file__}

with joined(sys.argv[2] if len(sys.argv) > 2 else None) as cluster:
    import ray
    with joined() as again:
        pass
    handle = ray.remote(Actor).options(**actor_options(Placement(cpus=0), nodes())).remote()
    facts = ray.get(handle.look.remote())
    facts |= {
        "started": cluster.started,
        "address": cluster.address,
        "session": str(cluster.session),
        "again": [again.started, again.address == cluster.address, ray.is_initialized()],
        "cpus": [node.total["CPU"] for node in nodes()],
        "free": [node.available["CPU"] for node in nodes()],
        "alive": [node.alive for node in nodes()],
        "handlers": before == [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT)],
    }
    os.kill(0, signal.SIGINT)  # as a terminal does it, to all that runs in the foreground
    signal.raise_signal(signal.SIGTERM)
    facts["same"] = ray.get(handle.look.remote())["actor"] == facts["actor"]
    print(json.dumps(facts), flush=True)
    sys.stdin.readline()
signal.raise_signal(signal.SIGTERM)
print(json.dumps({"joined": ray.is_initialized(), "terminated": len(terminated)}))
"""

MISMATCH = """RuntimeError: Version mismatch: The cluster was started with:
    Ray: 2.50.0
    Python: 3.12.1
This process on 10.0.0.5 was started with:
    Ray: 2.60.0
    Python: 3.11.9
"""
"""What Ray 2.60 says of another version."""


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The packages where nothing knows of them."""
    folder = tmp_path_factory.mktemp("clone")
    for package in ("agents", "configs", "protocol", "renderer", "runtime"):
        shutil.copytree(TREE / package, folder / package, ignore=shutil.ignore_patterns("__pycache__"))
    return folder


@pytest.fixture(scope="module")
def place() -> Iterator[Path]:
    """Where Ray keeps what it writes: a short path, for its sockets' sake."""
    folder = Path(tempfile.mkdtemp(prefix="ray"))
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def group(
    command: list[str], folder: Path, more: Mapping[str, str], errors: int = subprocess.PIPE
) -> Iterator[subprocess.Popen[str]]:
    """A program with all that it starts, which ends with the block; it shares nothing of Ray's with other programs."""
    own = {name: value for name, value in os.environ.items() if not name.startswith("RAY_")}
    with subprocess.Popen(
        command,
        env={**own, "HOME": str(folder), "RAY_TMPDIR": str(folder), "RAY_USAGE_STATS_ENABLED": "0", **more},
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            yield process
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)


def joins(clone: Path, folder: Path, *arguments: str, **more: str) -> Any:
    """The program JOINS, in a folder that has a package `runtime` of its own."""
    (folder / "runtime").mkdir(exist_ok=True)
    (folder / "runtime" / "__init__.py").touch()
    program = folder / "joins.py"
    program.write_text(JOINS)
    return group([sys.executable, "-P", str(program), str(clone), *arguments], folder, more)


def facts(process: subprocess.Popen[str]) -> dict[str, Any]:
    """What the program has found once it has joined."""
    assert process.stdout is not None
    assert process.stderr is not None
    line = process.stdout.readline()
    assert line, process.stderr.read()
    found: dict[str, Any] = json.loads(line)
    return found


@contextmanager
def watched(*processes: int) -> Iterator[dict[int, int]]:
    """Descriptors that become readable when the processes have ended, by process."""
    ends = {process: os.pidfd_open(process) for process in processes}
    try:
        yield ends
    finally:
        for end in ends.values():
            os.close(end)


def ended(ends: Mapping[int, int]) -> bool:
    """Whether all of them end."""
    return all(select.select([end], [], [], LONG)[0] for end in ends.values())


def test_a_local_ray_starts_quietly_finds_the_packages_and_ends_with_the_work(clone: Path, place: Path):
    with joins(clone, place) as process:
        found = facts(process)
        with watched(found["actor"], found["parent"]) as ends:
            rest, said = process.communicate("\n", timeout=LONG)
            assert ended(ends)
    assert said == ""
    assert process.returncode == 0
    assert json.loads(rest) == {"joined": False, "terminated": 2}
    assert found["started"]
    assert Path(found["session"]).is_relative_to(place)
    assert found["module"] == str(clone / "runtime" / "options.py")
    assert found["again"] == [False, True, True]
    assert found["handlers"]
    assert found["cpus"] == found["free"] == [len(os.sched_getaffinity(0))]
    assert found["alive"] == [True]
    assert found["same"]


def test_nothing_of_a_local_ray_outlives_a_program_that_is_killed(clone: Path, place: Path):
    with joins(clone, place) as process:
        found = facts(process)
        with watched(found["actor"], found["parent"]) as ends:
            process.kill()
            assert ended(ends)


@pytest.fixture(scope="module")
def head(place: Path) -> Iterator[tuple[str, str]]:
    """The address of a cluster that asks for a token, and the token."""
    token = secrets.token_hex(32)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).parent / "ray"), "start", "--head", "--block", f"--port={port}", "--num-cpus=2"]
    command += ["--include-dashboard=false", f"--temp-dir={place}"]
    with group(command, place, {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token}, subprocess.STDOUT) as process:
        assert process.stdout is not None
        assert any("Ray runtime started" in line for line in process.stdout)
        yield f"127.0.0.1:{port}", token


def test_a_cluster_that_was_joined_goes_on_and_loses_the_actors_of_who_left_or_died(
    head: tuple[str, str], clone: Path, place: Path
):
    address, token = head
    access = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": token}
    with joins(clone, place, address, **access) as process:
        first = facts(process)
        with watched(first["actor"]) as ends:
            _, said = process.communicate("\n", timeout=LONG)
            assert ended(ends)
    assert said == ""
    assert process.returncode == 0
    assert not first["started"]
    assert first["cpus"] == [2]
    assert first["handlers"]
    assert first["module"] == str(clone / "runtime" / "options.py")

    in_job = {"RAY_ADDRESS": address, "RAY_JOB_CONFIG_JSON_ENV_VAR": "{}"}
    with joins(clone, place, **in_job, **access) as process:
        second = facts(process)
        with watched(second["actor"]) as ends:
            process.kill()
            assert ended(ends)
    assert (second["address"], second["parent"], second["started"]) == (first["address"], first["parent"], False)


@pytest.mark.parametrize("given", [{}, {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "0" * 64}], ids=["none", "wrong"])
def test_a_cluster_that_asks_for_a_token_is_told_as_such(
    given: Mapping[str, str], head: tuple[str, str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_AUTH_TOKEN_PATH"):
        monkeypatch.delenv(name, raising=False)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    with (
        pytest.raises(TakeError, match=f"at {head[0]} asks for a token.*Set RAY_AUTH_MODE=token.*RAY_AUTH_TOKEN"),
        joined(head[0]),
    ):
        pass


def test_where_nobody_listens_there_is_no_cluster():
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with (
        pytest.raises(TakeError, match=f"There is no Ray cluster at 127.0.0.1:{port}: connection refused. Check"),
        joined(f"127.0.0.1:{port}"),
    ):
        pass


def test_a_machine_without_an_address_is_told(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("RAY_ADDRESS", "nowhere.invalid:6379")
    with (
        pytest.raises(TakeError, match=r"no Ray cluster at nowhere.invalid:6379: .*Check the address \(from RAY_ADDRESS\)"),
        joined(),
    ):
        pass


def test_who_listens_and_never_answers_is_not_waited_for(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]):
    monkeypatch.setattr(joining, "PATIENCE", 1.0)
    with socket.create_server(("127.0.0.1", 0)) as server:
        address = f"127.0.0.1:{server.getsockname()[1]}"
        with pytest.raises(TakeError, match=f"No Ray cluster answers at {address} within 1 seconds"), joined(address):
            pass
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("address", ["hello", "10.0.0.5", ":6379", "a:b", "a:0", "a:99999", "a:1/b", "u@a:1", "[::1", " "])
def test_what_is_no_address_is_refused(address: str):
    with pytest.raises(UsageError, match="is not the address of a Ray cluster"), joined(address):
        pass


@pytest.mark.parametrize("address", ["http://127.0.0.1:8265", "ray://127.0.0.1:10001"])
def test_a_service_of_a_cluster_is_not_taken_for_the_cluster(address: str, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("RAY_ADDRESS", address)
    said = rf"{address} \(from RAY_ADDRESS\) names a service.*submit --dashboard URL"
    with pytest.raises(UsageError, match=said), joined():
        pass


@pytest.mark.parametrize(
    ("said", "told"),
    [
        (
            MISMATCH,
            "runs Ray 2.50.0 and Python 3.12.1, and this program Ray 2.60.0 and Python 3.11.9. Both must be the same",
        ),
        ("RuntimeError: No node info found matching attributes: '' when trying", "has no node on this machine"),
        ("ConnectionError: Could not find any running Ray instance. Please", "No Ray cluster runs at a:1. Do this."),
        ("KeyError: 'x'\n\nValueError: of a new kind\n", "could not be joined (ValueError: of a new kind). Do this."),
        ("", "could not be joined (no reason was given). Do this."),
    ],
)
def test_what_ray_complains_of_becomes_a_paragraph(said: str, told: str):
    assert told in joining._reason(said, "at a:1", "Do this.")


def test_an_address_that_was_tried_in_vain_can_be_let_go_of_again():
    trial = Trial("127.0.0.1:1")
    with pytest.raises(TakeError, match=r"There is no Ray cluster at 127\.0\.0\.1:1"):
        trial.wait()
    trial.abandon()


def test_a_command_with_a_wrong_address_says_so(capsys, tmp_path):
    portrait = portrait_file(tmp_path / "portrait.png", (64, 56))
    words = ["animate", str(portrait), "She smiles.", "-o", str(tmp_path / "a.mp4"), "--address", "127.0.0.1:1"]
    assert main(words) == 1
    assert "textuportray: There is no Ray cluster at 127.0.0.1:1: connection refused." in capsys.readouterr().err
