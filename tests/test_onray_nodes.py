"""Takes on a cluster of several nodes, one of which goes away: it is made on the others, or ends and says what is missing.

The nodes are all on this machine, and their GPUs are names only: nothing here computes on one.
"""

from __future__ import annotations

import io
import time

from collections.abc import Iterator
from contextlib import contextmanager
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import ray

from ray.cluster_utils import Cluster

from protocol.history import history
from protocol.journal import Record
from protocol.messages import ChunkAssigned, ChunkLost, ChunkRendered, ChunkWritten, RendererChanged, TakeResumed
from protocol.monitor import monitor
from protocol.replay import fold, replay
from runtime.commands.showing import Following, Showing
from runtime.onray.joining import joined
from runtime.onray.placement import Placement
from runtime.options import FilmOptions, UsageError
from runtime.outputs import TakeFiles
from runtime.production import Order
from runtime.progress import Progress
from runtime.session import Made, Session
from runtime.take import Past
from runtime.take_error import TakeError
from runtime.takes import open_take
from tests.players import Once, frames_of, painter
from tests.staging import portrait_file
from tests.takes import load_tables

pytestmark = pytest.mark.ray

DIRECTION = "She smiles, then opens her mouth wide and nods, then frowns and looks left."
SIZE = (160, 120)
"""Of the portrait: frames of a chunk are then too large for Ray to send them along with an answer, and stay on their node."""
IMPATIENT = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 100,
    "health_check_timeout_ms": 500,
    "health_check_failure_threshold": 10,
}
"""A node that does not answer is given up after seconds rather than a quarter of a minute."""
BOUND = 30.0
"""Seconds in which a take is to say that it cannot go on."""


@contextmanager
def machines(*, gpu_nodes: int, gpus: int = 1) -> Iterator[tuple[Cluster, list[Any]]]:
    """A cluster of a head without a GPU and nodes with some each, which this process has joined."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 4, "num_gpus": 0, "_system_config": IMPATIENT})
    try:
        nodes = [cluster.add_node(num_cpus=gpus, num_gpus=gpus) for _ in range(gpu_nodes)]
        with joined(cluster.address):
            cluster.wait_for_nodes()
            yield cluster, nodes
    finally:
        cluster.shutdown()


def crew(workers: int | None = None) -> Session:
    return Session(placement=Placement(workers=workers, gpus=1), opener=painter)


def made(session: Session, portrait: Path, output: Path, **more: Any) -> Made:
    return session.animate(portrait, DIRECTION, output, seed=3, fps=Fraction(25), **more)


@pytest.fixture(scope="module")
def portrait(tmp_path_factory) -> Path:
    return portrait_file(tmp_path_factory.mktemp("portrait") / "portrait.png", SIZE)


@pytest.fixture(scope="module")
def expected(portrait, tmp_path_factory) -> tuple[bytes, list[bytes]]:
    """Motion and frames of the take in one process."""
    output = tmp_path_factory.mktemp("alone") / "a.mkv"
    with Session(runtime="inline", opener=painter) as session:
        take = made(session, portrait, output)
    return (take.folder / "motion.json").read_bytes(), frames_of(output)


def sound(folder: Path) -> tuple[Record, ...]:
    """The records of a take, whose journal passes every check."""
    records = open_take(folder).records
    assert monitor(records) == []
    assert history(records) == []
    assert replay(records, load_tables().tables.constraints).findings == []
    return records


def test_a_node_goes_away_and_the_other_goes_on(portrait, expected, tmp_path):
    with machines(gpu_nodes=2) as (cluster, nodes), crew(2) as session:
        removal = Once(
            lambda record: isinstance(record.message, ChunkRendered) and record.message.chunk > 3,
            lambda _: cluster.remove_node(nodes[0], allow_graceful=False),
        )
        take = made(session, portrait, tmp_path / "a.mkv", told=removal)
        assert removal.done
        assert ((take.folder / "motion.json").read_bytes(), frames_of(tmp_path / "a.mkv")) == expected
        records = sound(take.folder)
        gone = [record for record in records if isinstance(record.message, RendererChanged) and record.message.to == "gone"]
        assert len(gone) == 1
        # A session goes on with what is left.
        take = made(session, portrait, tmp_path / "b.mkv")
        assert ((take.folder / "motion.json").read_bytes(), frames_of(tmp_path / "b.mkv")) == expected


def test_frames_that_went_with_their_node_are_rendered_again(portrait, expected, tmp_path, monkeypatch):
    from runtime.onray.base import _Run  # noqa: PLC0415

    with machines(gpu_nodes=2) as (cluster, nodes), crew(2) as session:
        # Nothing is fetched before the node is gone: whatever waits to be written then is partly there.
        waiting: list[tuple[Any, int, int]] = []
        write = _Run.write

        def held_back(self: Any, chunk: int, attempt: int) -> None:
            if removal.done:
                write(self, chunk, attempt)
            else:
                waiting.append((self, chunk, attempt))

        def remove(_: Any) -> None:
            cluster.remove_node(nodes[0], allow_graceful=False)

        def told(record: Record) -> None:
            if isinstance(record.message, ChunkRendered):
                done.add(record.sender)
            removal(record)
            if removal.done and waiting:
                run, chunk, attempt = waiting.pop()
                run._later(lambda: write(run, chunk, attempt))

        done: set[str] = set()
        removal = Once(lambda record: isinstance(record.message, ChunkRendered) and len(done) == 2, remove)
        monkeypatch.setattr(_Run, "write", held_back)
        take = made(session, portrait, tmp_path / "a.mkv", told=told)
        assert ((take.folder / "motion.json").read_bytes(), frames_of(tmp_path / "a.mkv")) == expected
        records = sound(take.folder)
        lost = [record.message for record in records if isinstance(record.message, ChunkLost)]
        assert lost
        written = [record.message.chunk for record in records if isinstance(record.message, ChunkWritten)]
        assert written == sorted(set(written))
        for message in lost:
            assigned = [record.message for record in records if isinstance(record.message, ChunkAssigned)]
            attempts = [each.attempt for each in assigned if each.chunk == message.chunk]
            assert attempts == list(range(1, len(attempts) + 1))
            assert len(attempts) > 1


def test_the_only_node_goes_away_and_the_take_says_what_is_missing_and_goes_on_elsewhere(portrait, expected, tmp_path):
    at: list[float] = []
    output = tmp_path / "a.mkv"
    with machines(gpu_nodes=1) as (cluster, nodes), crew(1) as session:

        def remove(_: Any) -> None:
            cluster.remove_node(nodes[0], allow_graceful=False)
            at.append(time.monotonic())

        removal = Once(lambda record: isinstance(record.message, ChunkRendered) and record.message.chunk > 3, remove)
        with pytest.raises(TakeError, match=r"1 GPU.*0 GPU.*textuportray resume") as failure:
            made(session, portrait, output, told=removal)
        assert time.monotonic() - at[0] < BOUND, failure
    assert not output.exists()
    with machines(gpu_nodes=1), crew(1) as session:
        resume(session, portrait, output)
    assert ((tmp_path / "a.take" / "motion.json").read_bytes(), frames_of(output)) == expected
    assert any(isinstance(record.message, TakeResumed) for record in sound(tmp_path / "a.take"))


def test_renderers_that_went_with_their_node_while_nobody_rendered_are_not_given_the_next_take(portrait, tmp_path):
    def short(session: Session, name: str) -> Made:
        # All of it is one chunk: were it given to three in turn that have ended, it would be given up.
        return session.animate(portrait, "She smiles.", tmp_path / name, seed=3, seconds=0.5, fps=Fraction(8))

    with machines(gpu_nodes=1, gpus=3) as (cluster, nodes), crew(3) as session:
        first = short(session, "a.mkv")
        assert [type(record.message) for record in first.take.records].count(ChunkAssigned) == 1
        cluster.remove_node(nodes[0], allow_graceful=False)
        cluster.add_node(num_cpus=3, num_gpus=3)
        again = short(session, "b.mkv")
        assert frames_of(tmp_path / "b.mkv") == frames_of(tmp_path / "a.mkv")
        assert [type(record.message) for record in sound(again.folder)].count(ChunkAssigned) == 1


def test_what_no_node_has_is_refused_at_once_with_numbers(portrait):
    with machines(gpu_nodes=1):
        before = time.monotonic()
        with pytest.raises(UsageError, match=r"3 GPU.*1 GPU"):
            crew(3)
        assert time.monotonic() - before < BOUND
    assert not ray.is_initialized()


def resume(session: Session, portrait: Path, output: Path) -> None:
    """Go on with a take, with the session's actors."""
    loaded = load_tables()
    files = TakeFiles.beside(output)
    options = FilmOptions(portrait=portrait, output=str(output))
    records = open_take(files.folder).records
    opened: Any = records[0].message
    stage, base = session._stage(options, lambda: None)
    past = Past(records, fold(records, loaded.tables.constraints))
    order = Order(opened, loaded, {"film": options.as_data(), **stage.record}, past=past)
    following = Following(time.monotonic)
    following.catch_up(records)
    showing = Showing(options, Progress(io.StringIO(), time.monotonic), lambda: None)
    showing.act(order, stage, base, files, following)
