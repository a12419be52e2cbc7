"""Look at a video that was made with `textuportray animate`: is it there, whole, and does the face move, and only the face?
And at its take: does it keep its protocol?

    python tests/check_demo.py out/demo.mp4

`.ci/run` calls it after `make demo`. Exit code 1, with a line that says why, if anything is not as it should be.
"""

from __future__ import annotations

import json
import sys

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from renderer.errors import RendererError
from renderer.video import probe, read_frames
from runtime.commands.verify import RATES, check
from runtime.options import parse_fps

SEEN = 40
"""Grey levels by which a pixel has to change to count as moved: several times what the encoder does to a still picture."""
SMALL = 12
"""Grey levels up to which a corner of the background counts as still."""
LEAST_MOVED = 0.02
"""Share of the picture that moves at some time: a face and its outline, in a picture of head and shoulders."""
LONGEST_STILL = 1.5
"""Seconds without any visible change: an idle face blinks, breathes and sways."""


def problems(video: Path) -> Iterator[str]:
    """What is wrong with a video and the take beside it, a line each."""
    folder = video.with_suffix(".take")
    for path in (video, *(folder / name for name in ("journal.mcap", "timeline.json", "motion.json", "take.json"))):
        if not path.is_file():
            yield f"{path} is missing"
            return
    findings, _, warnings = check(folder, [parse_fps(rate) for rate in RATES.split(",")])
    yield from (f"{folder}: {each}" for each in (*findings, *warnings))
    record = json.loads((folder / "take.json").read_bytes())
    about = probe(video)
    if about.frames != record["frames"]:
        yield f"{video} has {about.frames} frames, and its take {record['frames']}"
    assert about.fps is not None
    first = last = None
    moved = np.zeros((about.height, about.width), np.int16)
    still = longest = 0
    for frame in read_frames(video):
        shown = frame.astype(np.int16)[: about.height, : about.width]
        if first is None or last is None:
            first = last = shown
            continue
        moved = np.maximum(moved, np.abs(shown - first).max(axis=2))
        still = 0 if np.abs(shown - last).max() > SMALL else still + 1
        longest = max(longest, still)
        last = shown
    share = float((moved > SEEN).mean())
    if share < LEAST_MOVED:
        yield f"{video}: only {share:.1%} of the picture ever moves"
    if longest > LONGEST_STILL * about.fps:
        yield f"{video}: nothing moves for {float(longest / about.fps):.1f} s"
    corner = about.height // 12
    if max(moved[:corner, :corner].max(), moved[:corner, -corner:].max()) > SMALL:
        yield f"{video}: the background moves in a corner"


def main(arguments: Sequence[str]) -> int:
    """Look at every video that is named; the exit code."""
    try:
        found = [line for name in arguments for line in problems(Path(name))]
    except RendererError as error:
        found = [str(error)]
    for line in found or [f"{' '.join(arguments)}: it is whole and it moves"]:
        sys.stdout.write(f"{line}\n")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
