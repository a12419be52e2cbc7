"""How fast frames come, what preparation takes, how much memory: each measured in a process of its own, on two processors.

A figure of a busy machine says little by itself. So every timing is the best of several runs, which take turns with those of a
yardstick: a plain bicubic resampling of a whole picture of the same size by torch, on the same threads.
"""

from __future__ import annotations

import gc
import multiprocessing
import os
import resource
import tempfile
import time

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
import torch

from numpy.typing import NDArray
from torch.nn.functional import grid_sample

from protocol.channels import INDEX, NAMES
from renderer.faces import FaceNets, find_faces
from renderer.puppet.puppet import Puppet
from renderer.puppet.rig import PuppetRig
from renderer.weights import open_weights
from runtime.filming import CHUNK, Shot, film
from runtime.renderers import Opened
from runtime.studio import Stage, Studio
from tests.subjects import Motion, Picture, portrait_of

T = TypeVar("T")

CORES = 2
RUNS = 3
FPS = 25


@dataclass(frozen=True, slots=True)
class Pace:
    """How fast frames came.

    Attributes:
        rendered, encoded: frames per second, without and with encoding; NaN if not encoded.
        yardstick: the same of a plain bicubic resampling of as large a picture.
        pixels: that differ from the portrait, in the mean frame.
    """

    rendered: float
    encoded: float
    yardstick: float
    pixels: float

    @property
    def nanoseconds(self) -> float:
        """Per moving pixel."""
        return 1e9 / (self.rendered * self.pixels)


@dataclass(frozen=True, slots=True)
class Memory:
    """What a process took, bytes.

    Attributes:
        prepared: once the rig was there.
        early, late: after a quarter of a take, and after all of it.
        peak: at most.
    """

    prepared: int
    early: int
    late: int
    peak: int


def alone(function: Callable[..., T], *arguments: Any, **settings: Any) -> T:
    """What a function of a module returns in a fresh process on the processors that are least busy."""
    context = multiprocessing.get_context("spawn")
    receiver, sender = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(sender, sorted(_idlest(CORES)), partial(function, *arguments, **settings)))
    process.start()
    sender.close()
    try:
        good, result = receiver.recv()
    except EOFError:
        good, result = False, RuntimeError("the process that measures ended without a result")
    process.join()
    if not good:
        raise result
    found: T = result
    return found


def _child(sender: Any, cores: list[int], function: Callable[[], Any]) -> None:
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, cores)
    torch.set_num_threads(CORES)
    cv2.setNumThreads(CORES)
    try:
        sender.send((True, function()))
    except Exception as error:  # noqa: BLE001 - raised again by whoever waits for it
        sender.send((False, error))


def _idlest(count: int) -> list[int]:
    """The processors that were least busy for a moment."""
    allowed = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else list(range(os.cpu_count() or 1))
    stat = Path("/proc/stat")
    if not stat.exists():
        return allowed[:count]

    def idle() -> dict[int, int]:
        lines = (line.split() for line in stat.read_text().splitlines() if line.startswith("cpu") and line[3].isdigit())
        return {int(parts[0][3:]): int(parts[4]) for parts in lines}

    before = idle()
    time.sleep(0.5)
    after = idle()
    return sorted(allowed, key=lambda core: before.get(core, 0) - after.get(core, 0))[:count]


def lively(count: int) -> Motion:
    """Someone who talks, looks about and nods: frames at 25 per second, every one different."""
    at = np.arange(count, dtype=np.float64) / FPS
    motion = np.zeros((count, len(NAMES)), np.float32)
    for name, most, pace in (
        ("headYaw", 8.0, 1.1),
        ("headPitch", 4.0, 1.7),
        ("headRoll", 3.0, 0.9),
        ("eyeYawLeft", 8.0, 2.3),
        ("eyeYawRight", 8.0, 2.3),
    ):
        motion[:, INDEX[name]] = most * np.sin(at * pace + 0.4)
    for name, most, pace in (
        ("jawOpen", 0.4, 9.0),
        ("mouthFunnel", 0.3, 5.0),
        ("mouthSmileLeft", 0.6, 1.3),
        ("mouthSmileRight", 0.6, 1.3),
        ("browInnerUp", 0.6, 2.0),
        ("cheekSquintLeft", 0.3, 1.3),
    ):
        motion[:, INDEX[name]] = most * np.abs(np.sin(at * pace + 0.2))
    for name in ("eyeBlinkLeft", "eyeBlinkRight"):
        motion[:, INDEX[name]] = np.abs(np.sin(at * 1.5)) ** 12
    return motion


def framed(picture: Picture, side: int, face: float, nets: FaceNets) -> Picture:
    """A square picture in which a portrait's face is so high, of its side; its border goes on as its mirror image."""
    found = find_faces(picture, nets)[0]
    x, y, width, height = found.box
    scale = face * side / height
    moved = np.array([[scale, 0, side / 2 - scale * (x + width / 2)], [0, scale, 0.45 * side - scale * (y + height / 2)]])
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    drawn: Picture = cv2.warpAffine(picture, moved, (side, side), flags=how, borderMode=cv2.BORDER_REFLECT_101)
    return drawn


def ready(picture: Picture, side: int, face: float, device: str = "cpu") -> tuple[Puppet, PuppetRig]:
    """A puppet and the rig of a portrait framed like that."""
    nets = FaceNets(open_weights().models())
    puppet = Puppet(nets, device)
    return puppet, puppet.prepare(portrait_of(framed(picture, side, face, nets), "framed"))


def render_all(puppet: Puppet, rig: PuppetRig, motion: Motion, chunk: int = CHUNK) -> None:
    for first in range(0, len(motion), chunk):
        puppet.render(rig, motion[first : first + chunk])


def pace(picture: Picture, side: int, face: float, count: int, *, encode: bool) -> Pace:
    """Measure a portrait framed like that; to be called by `alone`."""
    puppet, rig = ready(picture, side, face)
    motion = lively(count)
    render_all(puppet, rig, motion[:4])
    whole = torch.rand(1, 3, side, side)
    line = torch.linspace(-0.97, 0.97, side)
    grid = torch.stack([line.expand(side, -1), line[:, None].expand(-1, side)], dim=-1)[None]
    best = {"rendered": np.inf, "encoded": np.inf, "yardstick": np.inf}

    def timed(name: str, work: Callable[[], None], share: float) -> None:
        began = time.perf_counter()
        work()
        best[name] = min(best[name], (time.perf_counter() - began) / share)

    def resample() -> None:
        with torch.inference_mode():
            for _ in range(8):
                grid_sample(whole, grid, mode="bicubic", padding_mode="border", align_corners=True)

    with tempfile.TemporaryDirectory() as folder:
        for run in range(RUNS):
            timed("yardstick", resample, 8)
            timed("rendered", lambda: render_all(puppet, rig, motion), count)
            if encode:
                timed("encoded", lambda run=run: _filmed(puppet, rig, motion, Path(folder) / f"{run}.mp4"), count)  # type: ignore[misc]
    shown = puppet.render(rig, motion[:: max(1, count // 8)])
    pixels = float((shown != rig.picture).any(axis=3).sum(axis=(1, 2)).mean())
    encoded = 1 / best["encoded"] if encode else float("nan")
    return Pace(1 / best["rendered"], encoded, 1 / best["yardstick"], pixels)


def _filmed(puppet: Puppet, rig: PuppetRig, motion: Motion, path: Path) -> None:
    """Make a video as the program does: chunk by chunk, while the encoder's own threads work on the chunk before."""
    stage = Stage("", rig.size, rig.focus, rig.ranges, (), {})
    film(Studio(stage, Opened(puppet, {}), rig, None), motion, Shot(output=str(path), fps=Fraction(FPS), metadata={}))


def preparation(picture: Picture, side: int, face: float) -> float:
    """Seconds that a rig takes at best; to be called by `alone`."""
    nets = FaceNets(open_weights().models())
    puppet = Puppet(nets)
    portrait = portrait_of(framed(picture, side, face, nets), "framed")
    times = []
    for _ in range(RUNS):
        began = time.perf_counter()
        puppet.prepare(portrait)
        times.append(time.perf_counter() - began)
    return min(times)


def memory(picture: Picture, side: int, face: float, chunks: int, chunk: int) -> Memory:
    """What a take needs, its frames let go chunk by chunk; to be called by `alone`."""
    puppet, rig = ready(picture, side, face)
    gc.collect()
    prepared = _resident()
    motion = lively(chunks * chunk)
    taken = []
    for number in range(chunks):
        puppet.render(rig, motion[number * chunk : (number + 1) * chunk])
        gc.collect()
        taken.append(_resident())
    return Memory(prepared, taken[chunks // 4], taken[-1], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024)


def _resident() -> int:
    """Bytes of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * resource.getpagesize()


@dataclass(frozen=True, slots=True)
class OnGpu:
    """What a GPU made of the same motion.

    Attributes:
        name: of the device.
        rendered: frames per second, batched.
        furthest: grey levels between its frames and the processor's, at most.
    """

    name: str
    rendered: float
    furthest: int


def on_gpu(picture: Picture, side: int, face: float, count: int) -> OnGpu:
    """Measure on the first GPU; to be called by `alone`."""
    puppet, rig = ready(picture, side, face, "cuda:0")
    motion = lively(count)
    render_all(puppet, rig, motion, 256)
    times = []
    for _ in range(RUNS):
        torch.cuda.synchronize()
        began = time.perf_counter()
        render_all(puppet, rig, motion, 256)
        torch.cuda.synchronize()
        times.append(time.perf_counter() - began)
    few = motion[:: max(1, count // 24)]
    on_processor = Puppet(FaceNets(open_weights().models()))
    own: NDArray[Any] = on_processor.render(on_processor.unpacked(puppet.packed(rig)), few).astype(int)
    furthest = int(np.abs(puppet.render(rig, few) - own).max())
    return OnGpu(torch.cuda.get_device_name(0), count / min(times), furthest)
