"""Settings that all tests share.

Property tests draw the same examples on every run, so that a failure belongs to the change that caused it. Deadlines are
off, since a busy machine is not a failing one. `make proofs` draws five times as many by the profile `thorough`, and
`pytest --hypothesis-profile=search` looks further, with new examples.
"""

import gc
import os

from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import structlog

from hypothesis import settings
from numpy.typing import NDArray
from xdist.scheduler import LoadScopeScheduling

from renderer.faces import Face, FaceNets, find_faces
from renderer.sample import NAME, sample_portrait
from renderer.weights import State, Weights, open_weights
from runtime.loading import Loaded
from tests import once
from tests.takes import load_tables
from tests.watching import Watch, install

# Tests leave few circles of objects behind: by Python's own thresholds a sixth of the time would go into looking for them.
gc.set_threshold(50_000, 20, 50)
# Tests run in as many processes as there are processors: threads of torch on top of that would wait for each other.
os.environ.setdefault("OMP_NUM_THREADS", "1")

_RAY = "pytest.mark.ray"
"""In the text of a module with tests that start Ray. They run one after the other: two of it at once is slow, and shows."""

settings.register_profile("repeatable", max_examples=40, derandomize=True, deadline=None, print_blob=True)
settings.register_profile("thorough", max_examples=200, derandomize=True, deadline=None, print_blob=True)
settings.register_profile("search", max_examples=2000, deadline=None, print_blob=True)
settings.load_profile("repeatable")
once.install()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that start Ray come first: they take longest. Ray leaves sockets and processes to the collector of garbage."""
    for item in items:
        if item.get_closest_marker("ray"):
            item.add_marker(pytest.mark.filterwarnings("ignore:unclosed <socket:ResourceWarning"))
            item.add_marker(pytest.mark.filterwarnings("ignore:subprocess .* is still running:ResourceWarning"))
    items.sort(key=lambda item: not _starts_ray(item.path))


def pytest_collection_finish() -> None:
    """What is there before the first test stays there to the last: the collector of garbage need not look through it again."""
    gc.collect()
    gc.freeze()


@cache
def _starts_ray(module: Path) -> bool:
    return _RAY in module.read_text(encoding="utf-8")


class _Together(LoadScopeScheduling):  # type: ignore[misc]  # published without types
    """Shares tests out among processes: those of a module stay together, and so do all modules that start Ray.

    Groups by mark, as xdist knows them, are lost in the ids of this pytest.
    """

    def _split_scope(self, nodeid: str) -> str:
        module = nodeid.partition("::")[0]
        return "ray" if _starts_ray(self.config.rootpath / module) else module


@pytest.hookimpl(optionalhook=True)  # where tests are not shared out, nobody asks
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> _Together:
    """How tests are shared out."""
    return _Together(config, log)


@pytest.fixture(scope="module", autouse=True)
def _collected(request: pytest.FixtureRequest) -> Iterator[None]:
    """What a module has left of Ray is collected with it, and not in the midst of another's test."""
    yield
    if _starts_ray(request.path):
        gc.collect()


@pytest.fixture(scope="session")
def watch() -> Watch:
    watch = Watch()
    install(watch)
    return watch


@pytest.fixture(autouse=True)
def watched(request: pytest.FixtureRequest, watch: Watch) -> Iterator[None]:
    """Every journal of a test is held to the protocol, see `tests.watching`."""
    folder = request.getfixturevalue("tmp_path") if "tmp_path" in request.fixturenames else None
    yield
    found = [str(finding) for finding in watch.written()]
    if folder is not None:
        found += [f"{path}: {finding}" for path, finding in watch.left(folder)]
    if request.node.get_closest_marker("tampers") is None:
        assert found == [], "a journal of this test breaks the protocol"


@pytest.fixture(scope="module", autouse=True)
def watched_together(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory, watch: Watch) -> Iterator[None]:
    """So is what the tests of a module have made for each other."""
    yield
    found = [f"{path}: {finding}" for path, finding in watch.left_together(tmp_path_factory.getbasetemp())]
    if request.node.get_closest_marker("tampers") is None:
        assert found == [], "a journal of this module breaks the protocol"


@pytest.fixture(scope="session")
def loaded() -> Loaded:
    """The program's own tables."""
    return load_tables()


@pytest.fixture(scope="session")
def models() -> Weights:
    """The face models, as far as this machine has them: tests fetch nothing."""
    weights = open_weights()
    if any(each.state is not State.READY for each in weights.status(weights.catalogue.names("model"))):
        pytest.skip("face models are not cached; run: make models")
    return weights


@pytest.fixture(scope="session")
def sample() -> NDArray[np.uint8]:
    """The sample portrait, uint8 [640, 512, 3]; tests fetch nothing."""
    weights = open_weights()
    if any(each.state is not State.READY for each in weights.status([NAME])):
        pytest.skip("the sample portrait is not cached; run: make models")
    return sample_portrait(weights)


@pytest.fixture(scope="session")
def nets(models: Weights) -> FaceNets:
    """The networks that read faces."""
    return FaceNets(models.models())


@pytest.fixture(scope="session")
def face(nets: FaceNets, sample: NDArray[np.uint8]) -> Face:
    """The face of the sample portrait."""
    return find_faces(sample, nets)[0]


@pytest.fixture(autouse=True)
def plain_log() -> Iterator[None]:
    """What a test sets up of the log, such as where it goes, ends with the test."""
    yield
    structlog.reset_defaults()
