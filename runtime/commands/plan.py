"""`textuportray plan`: a direction becomes motion."""

from __future__ import annotations

import argparse
import json
import sys
import time

from pathlib import Path
from typing import TYPE_CHECKING, Any

from runtime.commands import asking, telling

if TYPE_CHECKING:
    from runtime.cli import Stopper
    from runtime.outputs import TakeFiles
    from runtime.take import TakeResult

VIDEOS = frozenset({".mp4", ".mov", ".mkv", ".webm", ".gif", ".png"})

EXAMPLES = """example:
  textuportray plan "She smiles warmly, then glances left and raises an eyebrow" -o motion.json

Sides are the subject's own. Besides motion.json, the folder motion.take keeps the journal of how the regions agreed:
see it with `textuportray replay motion.take`."""


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("direction", metavar="DIRECTION", help="what the face should do, in words")
    parser.add_argument("-o", "--output", required=True, type=Path, metavar="FILE", help="motion file to write (JSON)")
    asking.add_take_options(parser, "60")


def run(options: argparse.Namespace, stopper: Stopper) -> int:
    """Plan the take and say what came of it."""
    from runtime.options import UsageError
    from runtime.outputs import TakeFiles
    from runtime.take import load, plan_to_files

    if options.output.suffix.lower() in VIDEOS:
        raise UsageError(
            f"{options.output} is named like a video, and plan writes a motion. Name it {options.output.with_suffix('.json')}, "
            "or make a video with animate."
        )
    wanted = asking.take_options(options)
    loaded = load(dict(wanted.tables))
    files = TakeFiles.beside(options.output)
    files.check()
    began = time.monotonic()
    with stopper:
        result, samples = plan_to_files(wanted, loaded, files, lambda: time.monotonic() - began, stopper)
    took = time.monotonic() - began
    if options.json:
        print(json.dumps(_as_data(result, files, samples.shape[1], took), ensure_ascii=False))
    else:
        print("\n".join(_as_text(result, files, samples.shape[1], took, explain=options.explain)))
    for line in telling.misunderstood(result):
        print(f"warning: {line}", file=sys.stderr)
    return 0


def _as_text(result: TakeResult, files: TakeFiles, frames: int, took: float, *, explain: bool) -> list[str]:
    assert result.brief is not None
    beats = len(result.brief.beats)
    plural = "" if beats == 1 else "s"
    lines = [
        f"{files.output}: {result.brief.seconds:g} s, {frames} frames, {beats} beat{plural}, planned in {took:.2f} s",
        f"{telling.agreed(result)}; see {files.folder}",
    ]
    return lines + (telling.explained(result) if explain else [])


def _as_data(result: TakeResult, files: TakeFiles, frames: int, took: float) -> dict[str, Any]:
    assert result.brief is not None
    return {
        "output": str(files.output),
        "take": str(files.folder),
        "seconds": result.brief.seconds,
        "frames": frames,
        "planned_in": round(took, 4),
        **telling.planned(result),
    }
