"""The renderers by name: which device each computes on, the models that it needs, and what a take's record says of it.

Opening one loads what it computes with, so it is left until everything that is quickly checked has been checked.
"""

from __future__ import annotations

import contextlib
import os
import platform

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import metadata
from types import MappingProxyType
from typing import Any

from configs.loading import builtin, read_text
from protocol.messages import digest
from renderer.interface import Renderer
from renderer.weights import Progress, Weights, open_weights
from runtime.options import UsageError
from runtime.version import VERSION

TABLES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {"puppet": ("face_regions.yaml", "mesh.yaml", "models.yaml", "muscles.yaml")}
)
"""Every renderer, and what it reads of `configs`."""
SOFTWARE = ("ai-edge-litert", "av", "numpy", "opencv-python-headless", "pillow", "scipy", "torch")


@dataclass(frozen=True, slots=True)
class Opened:
    """A renderer ready to prepare a portrait.

    Attributes:
        renderer: what renders.
        record: what its frames depend on, as plain data: name, device, models with licences and digests, tables, versions.
    """

    renderer: Renderer[Any]
    record: Mapping[str, Any]


def open_renderer(name: str, device: str, on_progress: Callable[[Progress], None] = lambda _: None) -> Opened:
    """Open a renderer, fetching the models that it lacks.

    Args:
        name: of TABLES.
        device: "cpu", "cuda", or "auto" for what there is.
        on_progress: told how far a download is.

    Raises:
        UsageError: there is no such device.
        WeightsError: a model is missing and cannot be fetched.
    """
    weights = open_weights(os.environ, on_progress)
    models = weights.models()
    _let_threads_sleep()
    found = pick_device(device)
    from renderer.puppet.puppet import Puppet  # noqa: PLC0415 - loads torch

    record = {
        "name": name,
        "device": found,
        "models": model_records(weights),
        "tables": {table: digest(read_text(builtin(table))) for table in TABLES[name]},
        "versions": versions(),
    }
    return Opened(Puppet(models, found), record)


def opener_of(name: str, device: str, gpus: float | None) -> Callable[[], Opened]:
    """What opens a renderer in a process for which GPUs are reserved, or none.

    With the device "auto" that decides: Ray does not hide GPUs from a process for which it reserves none, and all renderers of
    a take are to compute on the same kind of device.

    Args:
        name: of TABLES.
        device: "auto", "cpu" or "cuda".
        gpus: that the process has.
    """
    if device == "auto":
        device = "cuda" if gpus else "cpu"
    return partial(open_renderer, name, device)


def _let_threads_sleep() -> None:
    """Have the threads of torch wait asleep for each other, unless the user has said how they should.

    By default they spin, and as soon as anything else wants the processors too they are ten times slower (measured: 75 frames
    of 512 x 640 in 6 to 8 s asleep, in 4 to 100 s spinning). OpenMP reads this when torch is loaded.
    """
    if not os.environ.keys() & {"OMP_WAIT_POLICY", "GOMP_SPINCOUNT"}:
        os.environ.update(OMP_WAIT_POLICY="PASSIVE", GOMP_SPINCOUNT="1000")


def pick_device(wanted: str) -> str:
    """The device that frames are computed on.

    Raises:
        UsageError: there is none of that kind.
    """
    if wanted == "cpu":
        return "cpu"
    import torch  # noqa: PLC0415 - takes a second

    if torch.cuda.is_available():
        return "cuda"
    if wanted == "cuda":
        raise UsageError(
            "There is no CUDA device that PyTorch can use here, and frames are to be computed on one: --device cuda asks for "
            "it, or Ray has a GPU for this renderer. See that `nvidia-smi` shows it and that PyTorch is a build for CUDA, or "
            "give --device cpu to compute on processors."
        )
    return "cpu"


def model_records(weights: Weights) -> list[dict[str, str]]:
    """The models, as a take's record names them."""
    return [
        {"name": each.name, "source": each.file.source, "licence": each.file.licence, "sha256": each.file.sha256}
        for each in weights.status(weights.catalogue.names("model"))
    ]


def versions() -> dict[str, str]:
    """Versions of what a frame may depend on."""
    found = {"python": platform.python_version(), "textuportray": VERSION}
    for name in SOFTWARE:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found
