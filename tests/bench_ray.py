"""What Ray costs: a take of 10 s at 512 x 512 on two processors, in this process and with two renderers on Ray.

    python tests/bench_ray.py [RUNS]

Prints the time from the call to the finished video, with everybody standing ready and the portrait prepared, and the ratio of
both; and how long the first frame takes: with a command on a running cluster, and with actors that stand ready.
"""

from __future__ import annotations

import contextlib
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

CPUS = sorted(os.sched_getaffinity(0))[:2]
os.sched_setaffinity(0, CPUS)  # before anything counts them

from PIL import Image  # noqa: E402

from protocol.messages import ChunkWritten  # noqa: E402
from renderer.sample import sample_portrait  # noqa: E402
from renderer.weights import open_weights  # noqa: E402
from runtime.onray.joining import joined  # noqa: E402
from runtime.session import Session  # noqa: E402

DIRECTION = "She smiles warmly, then glances left and raises an eyebrow, then opens her mouth and nods, and finally winks."


def square(folder: Path) -> Path:
    """The sample portrait, 512 x 512."""
    path = folder / "portrait.png"
    Image.fromarray(sample_portrait(open_weights())[:512]).save(path)
    return path


def timed(session: Session, portrait: Path, output: Path, seed: int) -> tuple[float, float, int]:
    """Seconds to the first written frames and to the video, and how many frames that has."""
    first: list[float] = []
    began = time.monotonic()

    def told(record: object) -> None:
        if isinstance(getattr(record, "message", None), ChunkWritten) and not first:
            first.append(time.monotonic() - began)

    made = session.animate(portrait, DIRECTION, output, seconds=10.0, fps=Fraction(25), seed=seed, told=told)
    return first[0], time.monotonic() - began, made.video.frames


def standing(session: Session, portrait: Path, folder: Path, runs: int, name: str) -> float:
    """Takes with everybody standing ready; their median seconds."""
    firsts, totals, frames = [], [], 0
    timed(session, portrait, folder / "warm.mp4", 0)
    for run in range(runs):
        first, total, frames = timed(session, portrait, folder / f"{name}{run}.mp4", run)
        firsts.append(first)
        totals.append(total)
    first, total = statistics.median(firsts), statistics.median(totals)
    print(f"  {name:<28} {total:6.2f} s, {frames / total:5.1f} frames/s, first frames after {first:5.2f} s")
    return total


@contextlib.contextmanager
def cluster() -> Iterator[str]:
    """A Ray that this process has started; its address."""
    with joined("local", cpus=len(CPUS)) as found:
        yield found.address


def command(portrait: Path, output: Path, address: str) -> float:
    """Seconds from the command to the first frames in the video's file."""
    words = [sys.executable, "-m", "runtime", "animate", str(portrait), DIRECTION, "-o", str(output), "--seconds", "10"]
    words += ["--workers", "2", "--address", address, "--debug"]
    began = time.monotonic()
    first = 0.0
    with subprocess.Popen(words, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as process:
        assert process.stderr is not None
        for line in process.stderr:
            if not first and re.search(r'"event": "ChunkWritten"|ChunkWritten', line):
                first = time.monotonic() - began
    return first


def main() -> None:
    """Run it."""
    runs = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    with tempfile.TemporaryDirectory() as work:
        folder = Path(work)
        portrait = square(folder)
        print(f"10 s of 512 x 512 at 25 per second on {len(CPUS)} processors, median of {runs}:")
        with Session(runtime="inline") as alone:
            base = standing(alone, portrait, folder, runs, "in this process")
        with cluster() as address:
            with Session(workers=2) as session:
                on_ray = standing(session, portrait, folder, runs, "on Ray, two renderers")
                began = time.monotonic()
                other = folder / "other.png"
                Image.open(portrait).transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(other)
                first, _, _ = timed(session, other, folder / "other.mp4", 1)
                print(f"  another portrait: first frames after {first:.2f} s ({time.monotonic() - began:.2f} s in all)")
            print(f"  Ray takes {on_ray / base:.2f} times as long")
            fresh = [command(portrait, folder / f"c{run}.mp4", address) for run in range(runs)]
            print(f"  a command on a running cluster: first frames after {statistics.median(fresh):.2f} s (fresh actors)")


if __name__ == "__main__":
    main()
