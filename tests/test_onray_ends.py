"""Nothing is left of a take on Ray: neither when its program is killed, nor when a signal stops it."""

from __future__ import annotations

import json
import os
import re
import select
import signal
import subprocess
import sys
import time

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from PIL import Image
from ray.cluster_utils import Cluster

from runtime.takes import open_take
from tests.players import left_of
from tests.program import command, left
from tests.staging import portrait_file

pytestmark = pytest.mark.ray

TREE = Path(__file__).resolve().parent.parent
LONG = 60.0
"""Seconds after which a test gives up on what takes a few."""
PROMPT = 3.0
"""Seconds in which a signal ends a take."""
PLAYS = """
import json, sys
from pathlib import Path
from protocol.messages import ChunkWritten
from runtime.onray.placement import Placement
from runtime.session import Session
from tests.players import numbers_of, painter

def told(record):
    if isinstance(record.message, ChunkWritten):
        print(json.dumps(numbers), flush=True)
        sys.stdin.readline()

with Session(address=sys.argv[1], placement=Placement(workers=2, cpus=0.1), opener=painter) as session:
    numbers = numbers_of(session)
    session.animate(Path(sys.argv[2]), "She smiles, then nods and looks left.", Path(sys.argv[3]), told=told)
"""
"""A take that stops where its first frames are in the video, and says which processes make it."""
DIRECTION = "She smiles, then frowns and looks left, then laughs, then turns her head to the right."


@contextmanager
def program(words: list[str], **more: Any) -> Iterator[subprocess.Popen[str]]:
    """A program that is ended at the end, whatever has become of it."""
    with subprocess.Popen(words, cwd=TREE, stdin=subprocess.PIPE, text=True, **more) as running:
        try:
            yield running
        finally:
            running.kill()


def below(number: int) -> list[int]:
    """All processes that a process has started, and those that they have."""
    parents: dict[int, int] = {}
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parents[int(path.parent.name)] = int(path.read_text().rpartition(")")[2].split()[1])
        except (FileNotFoundError, ProcessLookupError):
            continue
    found = [number]
    for each in found:
        found += [child for child, parent in parents.items() if parent == each]
    return found[1:]


@pytest.fixture
def portrait(tmp_path) -> Path:
    return portrait_file(tmp_path / "portrait.png")


def played(address: str, portrait: Path, output: Path) -> list[int]:
    """The processes of the actors of a take whose program is killed."""
    words = [sys.executable, "-c", PLAYS, address, str(portrait), str(output)]
    with program(words, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as running:
        assert running.stdout is not None
        actors = json.loads(running.stdout.readline())
        assert len(actors) == 6
        assert left_of(actors, 0.0) == actors
        running.send_signal(signal.SIGKILL)
        running.wait(LONG)
    return actors


def test_no_actor_is_left_of_a_program_that_is_killed_with_the_ray_that_it_had_started(portrait, tmp_path):
    # Two agents of Ray's own stay for a minute more.
    assert left_of(played("local", portrait, tmp_path / "a.mkv"), LONG) == []


def test_no_actor_is_left_of_a_program_that_is_killed_on_a_cluster_that_it_had_joined(portrait, tmp_path):
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 4})
    try:
        assert left_of(played(cluster.address, portrait, tmp_path / "a.mkv"), LONG) == []
        # The cluster is none the worse for it.
        assert left_of(played(cluster.address, portrait, tmp_path / "b.mkv"), LONG) == []
    finally:
        cluster.shutdown()


@pytest.fixture
def stage(models, sample, tmp_path) -> Path:
    """A folder with the sample portrait."""
    Image.fromarray(sample).save(tmp_path / "portrait.png")
    return tmp_path


def stopped(folder: Path, phase: str, *signals: int, after: float = 0.0) -> tuple[int, float, str]:
    """The real program, which gets signals when it says that a phase begins, or some seconds after that.

    Returns:
        Its exit code, the seconds from the last signal to its end, and what it has said.
    """
    words = command(
        "animate", "portrait.png", DIRECTION, "-o", "a.mp4", "--runtime", "ray", "--workers", "2", "--seconds", "12"
    )
    environment = {**os.environ, "PYTHONPATH": str(TREE), "RAY_ADDRESS": ""}
    with subprocess.Popen(words, cwd=folder, stderr=subprocess.PIPE, env=environment) as running:
        assert running.stderr is not None
        said = b""
        try:
            while phase.encode() not in said:
                assert select.select([running.stderr], [], [], LONG)[0], said.decode()
                more = os.read(running.stderr.fileno(), 65536)
                assert more, said.decode()
                said += more
            time.sleep(after)
            started = below(running.pid)
            for number in signals:
                running.send_signal(number)
                at = time.monotonic()
            code = running.wait(LONG)
            took = time.monotonic() - at
            said += running.stderr.read()
        finally:
            running.kill()
    assert left_of(started, LONG) == []
    return code, took, said.decode()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_while_frames_are_rendered_ends_the_take_which_can_go_on(number, stage):
    code, took, said = stopped(stage, "rendering", number)
    assert code == 1
    assert took < PROMPT
    assert f"stopped by {signal.Signals(number).name}" in said
    assert "textuportray resume a.take" in said
    assert open_take(stage / "a.take").closed
    assert not [name for name in left(stage) if name.endswith(".part") or name == "a.mp4"]


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_before_the_take_leaves_nothing(number, stage):
    code, took, said = stopped(stage, "preparing the portrait", number)
    assert code == 1
    assert took < PROMPT
    assert f"stopped by {signal.Signals(number).name}" in said
    assert left(stage) == ["portrait.png"]


# Ray takes three seconds or more to start, and the last of its processes are there after two.
@pytest.mark.parametrize(("number", "after"), [(signal.SIGINT, 0.0), (signal.SIGTERM, 1.0), (signal.SIGINT, 2.2)])
def test_a_signal_while_ray_starts_ends_it_and_leaves_nothing(number, after, stage):
    code, took, said = stopped(stage, "starting Ray", number, after=after)
    assert code == 1
    assert took < PROMPT
    assert re.search(rf"stopped by {signal.Signals(number).name} while Ray was (being loaded|starting)\. Nothing was", said)
    assert left(stage) == ["portrait.png"]


@pytest.mark.parametrize("phase", ["starting Ray", "preparing the portrait", "rendering"])
def test_a_second_signal_ends_it_at_once(phase, stage):
    code, took, said = stopped(stage, phase, signal.SIGINT, signal.SIGTERM)
    assert code == 1
    assert took < PROMPT
    assert "stopped" in said
    assert not [name for name in left(stage) if name.endswith(".part") or name == "a.mp4"]
