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
    from runtime.candidates import Audition
    from runtime.cli import Stopper
    from runtime.loading import Loaded
    from runtime.options import TakeOptions
    from runtime.progress import Progress
    from runtime.take import TakeResult, Watch

VIDEOS = frozenset({".mp4", ".mov", ".mkv", ".webm", ".gif", ".png"})

EXAMPLES = """example:
  textuportray plan "She smiles warmly, then glances left and raises an eyebrow" -o motion.json

Sides are the subject's own. Besides motion.json, the folder motion.take keeps the journal of how the regions agreed:
see it with `textuportray replay motion.take`."""


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("direction", metavar="DIRECTION", help="what the face should do, in words")
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="motion file to write (JSON)")
    asking.add_take_options(parser, "60")
    asking.add_candidates(parser)


def run(options: argparse.Namespace, stopper: Stopper) -> int:
    """Plan the take and say what came of it."""
    from runtime.candidates import planned_order
    from runtime.commands.placing import placed
    from runtime.inline import InlineBase
    from runtime.loading import load
    from runtime.options import UsageError
    from runtime.outputs import TakeFiles
    from runtime.production import Order, plan_to_files
    from runtime.progress import Progress
    from runtime.take import Watch, opening

    wanted = asking.take_options(options)
    candidates = asking.candidates(options)
    loaded = load(dict(wanted.tables), prompts=wanted.language_model is not None)
    progress = Progress(sys.stderr, time.monotonic)
    with placed(progress) as places:
        output = Path(places.output(options.output))
        if output.suffix.lower() in VIDEOS:
            raise UsageError(
                f"{output} is named like a video, and plan writes a motion. Name it {output.with_suffix('.json')}, or make a "
                "video with animate."
            )
        files = TakeFiles.beside(output)
        files.check()
        places.check()
        began = time.monotonic()
        with stopper, places.delivered(files):
            watch = Watch(lambda: time.monotonic() - began, stopper)
            about = {"output": places.named(str(files.output))}
            chosen = None
            if candidates > 1:
                chosen = chosen_of(wanted, candidates, loaded, about["output"], watch, progress)
                order = planned_order(chosen, loaded, about)
            else:
                order = Order(opening(wanted, loaded), loaded, about)
            result, samples = plan_to_files(order, files, InlineBase(), watch)
        took = time.monotonic() - began
        shown = (places.named(str(files.output)), places.named(str(files.folder)))
    if options.json:
        data = as_data(result, shown, samples.shape[1], took)
        print(json.dumps(data | ({"candidates": chosen.as_data()} if chosen else {}), ensure_ascii=False))
    else:
        if chosen:
            print("\n".join(telling.auditioned(chosen)))
        print("\n".join(as_text(result, shown, samples.shape[1], took, explain=options.explain)))
    for line in telling.misunderstood(result):
        print(f"warning: {line}", file=sys.stderr)
    return 0


def chosen_of(wanted: TakeOptions, count: int, loaded: Loaded, output: str, watch: Watch, progress: Progress) -> Audition:
    """The best of so many candidates, with what is said on the way.

    Raises:
        UsageError: there are no seeds left for them.
        TakeError: it was stopped, or none came to its end.
    """
    from runtime.candidates import audition, openings

    opened = openings(wanted, loaded, count)
    progress.phase(f"planning {count} candidates")
    chosen = audition(opened, loaded, output, watch, lambda done: progress.step(0, f"{done} of {count} planned"))
    progress.finish()
    return chosen


def as_text(result: TakeResult, shown: tuple[str, str], frames: int, took: float, *, explain: bool) -> list[str]:
    """What came of it, for people; its output and its folder as they are shown."""
    assert result.brief is not None
    beats = len(result.brief.beats)
    plural = "" if beats == 1 else "s"
    lines = [
        f"{shown[0]}: {result.brief.seconds:g} s, {frames} frames, {beats} beat{plural}, planned in {took:.2f} s",
        f"{telling.agreed(result)}; see {shown[1]}",
    ]
    return lines + (telling.explained(result) if explain else []) + telling.judged(result, explain=explain)


def as_data(result: TakeResult, shown: tuple[str, str], frames: int, took: float) -> dict[str, Any]:
    """What came of it, for programs; its output and its folder as they are shown."""
    assert result.brief is not None
    return {
        "output": shown[0],
        "take": shown[1],
        "seconds": result.brief.seconds,
        "frames": frames,
        "planned_in": round(took, 4),
        **telling.planned(result),
    }
