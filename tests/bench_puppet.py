"""The puppet's table: `python tests/bench_puppet.py [PORTRAIT …] [--only ROW …] [--pictures FOLDER] [--json FILE]`.

Every row has a bar and what was measured; cases that miss it are named, the worst first. Without portraits the sample is
measured, what becomes of it in other cameras, frames and lights, and a drawn face. Rows are named by the beginning of their
names: `--only blink head` measures two. Portraits are measured side by side, each on one processor; timings are those of the
first one, on two processors.
"""

from __future__ import annotations

import argparse
import json
import math
import multiprocessing
import time
import traceback

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict
from functools import cache, cached_property, partial
from pathlib import Path

import torch

from renderer.faces import FaceNets
from renderer.portrait import Portrait
from renderer.weights import open_weights
from tests import moving, paced, untouched
from tests.findings import (
    Finding,
    Judge,
    Line,
    all_good,
    line,
    mean_at_most,
    portraits_good,
    share_good,
    table,
)
from tests.micro import micro
from tests.puppet_pictures import write_pictures
from tests.subjects import SIZE, Picture, Subject, portraits, subject_of

MEGA = 2**20


class Looked:
    """A portrait, and what a detector sees of its channels once a row asks for it."""

    def __init__(self, subject: Subject) -> None:
        self.subject = subject

    @cached_property
    def sights(self) -> list[moving.Sight]:
        return moving.looked_at(self.subject)


Measure = Callable[[Looked], list[Finding]]
Row = tuple[str, Measure, Judge, bool]
"""The bar, what measures it, what makes one figure of that, and whether small values are the bad ones."""


def traces(looked: Looked) -> list[Finding]:
    """Share of a channel's pixels that change visibly at 5 %, in the encoded film."""
    found = micro(looked.subject.puppet, looked.subject.rig)
    return [Finding(looked.subject.name, one.channel, one.encoded, one.encoded >= 0.3) for one in found]


PIXELS = all_good("{:.0f} pixels")
ROWS: Mapping[str, Row] = {
    "dots": (
        "each channel: median error <= 5 % of the way",
        lambda looked: moving.exact(looked.subject),
        all_good("{:.1%}"),
        False,
    ),
    "seen": (
        "direction and slope right for >= 80 % of landmarks, on 6 of 8",
        lambda looked: moving.share_followed(looked.subject, looked.sights),
        portraits_good(6 / 8),
        True,
    ),
    "seen, face": (
        "the same of all channels but the head's",
        lambda looked: moving.share_followed(looked.subject, looked.sights, head=False),
        portraits_good(6 / 8),
        True,
    ),
    "seen, head": (
        "the same of the head's channels alone",
        lambda looked: moving.share_followed(looked.subject, looked.sights, head=True),
        portraits_good(6 / 8),
        True,
    ),
    "seen, by channel": (
        "(which of them: >= 80 % of a channel's landmarks)",
        lambda looked: moving.followed_by_channel(looked.subject, looked.sights),
        share_good(0.0),
        True,
    ),
    "monotone": (
        ">= 90 % of channels x portraits that can be seen",
        lambda looked: moving.monotone(looked.subject, looked.sights),
        share_good(0.9),
        True,
    ),
    "magnitude": (
        ">= half of what faces do",
        lambda looked: moving.far_enough(looked.subject),
        share_good(1.0),
        True,
    ),
    "blink, lids": (
        "eye aspect ratio <= 45 % of open",
        lambda looked: moving.lids_close(looked.subject),
        all_good("{:.0%}"),
        False,
    ),
    "blink, eyeball": (
        "no pixel of iris or white left",
        lambda looked: moving.eyes_are_hidden(looked.subject),
        PIXELS,
        False,
    ),
    "head": (
        "mean error <= 3 degrees",
        lambda looked: moving.head_turns(looked.subject),
        mean_at_most(3.0, "{:.1f} degrees"),
        False,
    ),
    "regions": (
        ">= 99 % of changed pixels inside each channel's",
        lambda looked: untouched.in_their_parts(looked.subject),
        share_good(1.0),
        True,
    ),
    "folds": (
        "no cell of a map turned over",
        lambda looked: untouched.nothing_folds(looked.subject),
        all_good("{:.0f}"),
        False,
    ),
    "holes": ("no pixel behind the person seen through", lambda looked: untouched.no_holes(looked.subject), PIXELS, False),
    "rest": ("the portrait itself", lambda looked: untouched.at_rest(looked.subject), PIXELS, False),
    "near rest": (
        "0.001 on every channel: <= 1 grey level",
        lambda looked: untouched.near_rest(looked.subject),
        all_good("{:.0f}"),
        False,
    ),
    "outside": ("nothing changes", lambda looked: untouched.outside_the_person(looked.subject), PIXELS, False),
    "between frames": (
        "nothing changes where nothing moves",
        lambda looked: untouched.between_two_frames(looked.subject),
        PIXELS,
        False,
    ),
    "cuts": (
        "frames the same in any chunk, batch and order",
        lambda looked: untouched.cuts_do_not_show(looked.subject),
        all_good("{:.0f} frames"),
        False,
    ),
    "micro": (">= 30 % of pixels differ by 2 levels at 5 %, encoded", traces, share_good(1.0), True),
}
"""What is measured on every portrait."""


def speeds(picture: Picture) -> list[Line]:
    """Frames per second of a small and of a large picture."""
    small = paced.alone(paced.pace, picture, 512, 0.5, 50, encode=True)
    large = paced.alone(paced.pace, picture, 2048, 1 / 3, 12, encode=False)
    by = small.yardstick / small.rendered
    ratio = large.nanoseconds / small.nanoseconds
    return [
        Line(
            "speed 512, rendered",
            ">= 60 frames/s",
            f"{small.rendered:.1f} frames/s (as long as {by:.1f} bicubic resamplings, of which {small.yardstick:.0f} a second)",
            small.rendered >= 60,
        ),
        Line("speed 512, encoded", ">= 45 frames/s", f"{small.encoded:.1f} frames/s", small.encoded >= 45),
        Line(
            "speed 2048",
            ">= 10 frames/s",
            f"{large.rendered:.1f} frames/s ({large.yardstick / large.rendered:.1f} resamplings)",
            large.rendered >= 10,
        ),
        Line(
            "cost per moving pixel, 2048",
            "<= 2 x that at 512",
            f"{ratio:.2f} x ({large.nanoseconds:.0f} against {small.nanoseconds:.0f} ns)",
            ratio <= 2,
        ),
    ]


def preparation(picture: Picture) -> list[Line]:
    seconds = paced.alone(paced.preparation, picture, 1024, 0.5)
    return [Line("preparation 1024", "<= 1.5 s", f"{seconds:.2f} s", seconds <= 1.5)]


def memory(picture: Picture) -> list[Line]:
    taken = paced.alone(paced.memory, picture, 2048, 1 / 3, 12, 4)
    grown = (taken.late - taken.early) / MEGA
    return [
        Line("memory, growth", "flat in the length of the take", f"{grown:+.0f} MiB over 32 frames of 2048", grown <= 32),
        Line(
            "memory, peak",
            "<= 1.5 GB at 2048",
            f"{taken.peak / 1e9:.2f} GB ({taken.prepared / 1e9:.2f} once prepared)",
            taken.peak <= 1.5e9,
        ),
    ]


def gpu(picture: Picture) -> list[Line]:
    if not torch.cuda.is_available():
        return [
            Line("GPU, speed", ">= 1,500 frames/s on an H200", "there is no GPU", None),
            Line("GPU, frames", "within 2 grey levels of the processor's", "there is no GPU", None),
        ]
    found = paced.alone(paced.on_gpu, picture, 512, 0.5, 1024)
    return [
        Line(
            "GPU, speed", ">= 1,500 frames/s on an H200", f"{found.rendered:.0f} frames/s, {found.name}", found.rendered >= 1500
        ),
        Line("GPU, frames", "within 2 grey levels of the processor's", f"{found.furthest} levels", found.furthest <= 2),
    ]


ALONE: Mapping[str, Callable[[Picture], list[Line]]] = {
    "speed": speeds,
    "preparation": preparation,
    "memory": memory,
    "GPU": gpu,
}
"""What is measured on the first portrait, in processes of their own."""


def measured(row: str, looked: Looked) -> list[Finding]:
    """What a row finds in a portrait; an error is a finding, too, and says where it is."""
    try:
        return ROWS[row][1](looked)
    except Exception as error:  # noqa: BLE001 - the other rows are measured all the same
        traceback.print_exc()
        return [Finding(looked.subject.name, f"{type(error).__name__}: {error}", math.nan, good=False)]


def chosen(only: Sequence[str]) -> list[str]:
    """The rows that are asked for by the beginnings of their names; all by default."""
    every = [*ROWS, *ALONE]
    for start in only:
        if not any(name.lower().startswith(start.lower()) for name in every):
            raise SystemExit(f"No row begins with {start!r}. There are: {', '.join(every)}.")
    return [name for name in every if not only or any(name.lower().startswith(start.lower()) for start in only)]


def report(lines: Sequence[Line], found: Mapping[str, Sequence[Finding]], path: Path) -> None:
    """Write rows and all their findings as JSON; what could not be measured is null."""
    rows = [{**asdict(one), "worst": [finding.where for finding in one.worst]} for one in lines]
    findings = {
        name: [{**asdict(one), "value": None if math.isnan(one.value) else one.value} for one in every]
        for name, every in found.items()
    }
    path.write_text(json.dumps({"rows": rows, "findings": findings}, indent=1, default=lambda value: value.item()))


def look_at(name: str, portrait: Portrait, asked: Sequence[str], pictures: Path | None) -> dict[str, list[Finding]]:
    """What rows find in a portrait; to be called in a process of its own."""
    torch.set_num_threads(1)
    began = time.perf_counter()
    looked = Looked(subject_of(name, portrait, _nets()))
    found, took = {}, []
    for row in asked:
        started = time.perf_counter()
        found[row] = measured(row, looked)
        took.append(f"{row} {time.perf_counter() - started:.0f} s")
    if pictures:
        write_pictures(looked.subject, pictures)
    whole = time.perf_counter() - began
    print(f"{name}: u = {looked.subject.face.u:.0f} pixels, {', '.join(took)}, {whole:.0f} s in all", flush=True)
    return found


@cache
def _nets() -> FaceNets:
    """Opened once in a process."""
    return FaceNets(open_weights().models())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("portraits", nargs="*", type=Path)
    parser.add_argument("--only", nargs="+", default=[], metavar="ROW", help=f"of {', '.join([*ROWS, *ALONE])}")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="where to write pictures of every portrait")
    parser.add_argument("--json", type=Path, metavar="FILE", help="where to write every finding")
    parser.add_argument("--size", type=int, default=SIZE, help="pixels of the longer side that portraits are reduced to")
    parser.add_argument("--processes", type=int, default=paced.CORES, help="portraits that are measured at a time")
    options = parser.parse_args()
    names = chosen(options.only)
    asked = [name for name in names if name in ROWS]
    cast = portraits(options.portraits, open_weights(), options.size)
    found: dict[str, list[Finding]] = {name: [] for name in asked}
    if asked or options.pictures:
        work = partial(look_at, asked=asked, pictures=options.pictures)
        with ProcessPoolExecutor(options.processes, multiprocessing.get_context("spawn")) as pool:
            for one in pool.map(work, *zip(*cast, strict=True)):
                for name, findings in one.items():
                    found[name].extend(findings)
    lines = [line(name, ROWS[name][0], findings, ROWS[name][2], low_is_bad=ROWS[name][3]) for name, findings in found.items()]
    for name in names:
        if name in ALONE:
            lines += ALONE[name](cast[0][1].rgb)
    print("\n" + table(lines))
    if options.json:
        report(lines, found, options.json)


if __name__ == "__main__":
    main()
