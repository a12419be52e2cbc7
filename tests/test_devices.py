"""On which device the renderers of a take compute, by what is asked for and what the cluster has. No Ray is started here."""

from __future__ import annotations

import argparse

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from runtime import session
from runtime.commands import asking, showing
from runtime.commands.showing import Showing
from runtime.onray.joining import Cluster
from runtime.onray.placement import Node, Placement
from runtime.options import FilmOptions, UsageError
from runtime.session import Session
from tests.program import refused
from tests.staging import portrait_file

HEAD = Node(id="a", name="head", total={"CPU": 4})
GPU = Node(id="b", name="gpu", total={"CPU": 4, "GPU": 2})


class FakeCrew:
    """Keeps what a crew is made with."""

    made: FakeCrew
    workers = 1

    def __init__(self, texts: Any, opener: Any, placement: Placement, *words: Any, **more: Any) -> None:
        type(self).made = self
        self.opener, self.placement = opener, placement

    def __enter__(self) -> FakeCrew:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing stands ready."""

    @property
    def device(self) -> str:
        """Where its renderers compute."""
        assert isinstance(self.opener, partial)
        device: str = self.opener.args[1]
        return device


@pytest.fixture
def nodes(monkeypatch: pytest.MonkeyPatch) -> list[Node]:
    """What a cluster that is always joined has."""
    found = [HEAD, GPU]

    @contextmanager
    def joined(*words: Any, **more: Any) -> Iterator[Cluster]:
        yield Cluster("10.0.0.5:6379", started=False, session=None)

    for module in (showing, session):
        monkeypatch.setattr(module, "joined", joined)
        monkeypatch.setattr(module, "nodes", lambda: found)
    monkeypatch.setattr("runtime.onray.base.Crew", FakeCrew)
    monkeypatch.setattr(session, "Crew", FakeCrew)
    monkeypatch.setattr(showing, "open_weights", lambda *_: SimpleNamespace(models=lambda: None))
    return found


def asked(*words: str) -> argparse.Namespace:
    """What a command line says."""
    parser = argparse.ArgumentParser()
    asking.add_film_options(parser)
    asking.add_base_options(parser, "ray")
    return parser.parse_args(words)


def by_command(folder: Path, *words: str) -> FakeCrew:
    """The crew of a take by a command line."""
    options = asked(*words)
    film = FilmOptions(portrait=portrait_file(folder / "a.png"), output="a.mp4", renderer="puppet", device=options.device)
    progress: Any = SimpleNamespace(phase=lambda *_: None, interrupt=lambda: None)
    with Showing(film, progress, lambda: None).staged(asking.base_options(options), {}, debug=False):
        return FakeCrew.made


@pytest.mark.parametrize(
    ("words", "there", "device", "gpus"),
    [
        ([], [HEAD, GPU], "cuda", 1),
        ([], [HEAD], "cpu", 0),
        (["--profile", "shared-gpu"], [HEAD, GPU], "cuda", 0.5),
        (["--worker-gpus", "0"], [HEAD, GPU], "cpu", 0),
        (["--worker-gpus", "0.5"], [HEAD, GPU], "cuda", 0.5),
        (["--device", "cpu"], [HEAD, GPU], "cpu", 0),
        (["--device", "cpu", "--profile", "gpu"], [HEAD, GPU], "cpu", 0),
        (["--device", "cpu", "--worker-gpus", "1"], [HEAD, GPU], "cpu", 1),
        (["--device", "cuda"], [HEAD, GPU], "cuda", 1),
        (["--device", "cuda"], [HEAD], "cuda", 0),  # it is for PyTorch to say that there is none
    ],
)
def test_all_renderers_of_a_take_compute_where_they_are_placed(words, there, device, gpus, nodes, tmp_path):
    nodes[:] = there
    crew = by_command(tmp_path, *words)
    assert (crew.device, crew.placement.gpus) == (device, gpus)


@pytest.mark.parametrize(
    ("make", "device", "gpus"),
    [
        (Session, "cuda", 1),
        (partial(Session, device="cpu"), "cpu", 0),
        (partial(Session, profile="shared-gpu"), "cuda", 0.5),
        (partial(Session, placement=Placement(gpus=0)), "cpu", 0),
        (partial(Session, placement=Placement(gpus=2)), "cuda", 2),
        (partial(Session, placement=Placement()), "cuda", 1),
    ],
)
@pytest.mark.usefixtures("nodes")
def test_so_do_those_of_a_session(make: Callable[[], Session], device: str, gpus: float):
    with make():
        assert (FakeCrew.made.device, FakeCrew.made.placement.gpus) == (device, gpus)


def test_cuda_without_gpus_is_refused_before_anything_is_joined(capsys, tmp_path):
    words = ["animate", str(tmp_path / "a.png"), "She smiles.", "-o", str(tmp_path / "a.mp4"), "--device", "cuda"]
    assert "Leave one of them out" in refused(capsys, *words, "--worker-gpus", "0")
    with pytest.raises(UsageError, match="Leave one of them out"):
        Session(device="cuda", placement=Placement(gpus=0))


def test_a_take_that_goes_on_computes_as_its_record_says():
    resumed = asked("--worker-gpus", "0")
    del resumed.device
    with pytest.raises(UsageError, match="Leave one of them out"):
        asking.base_options(resumed).placed("cuda")
