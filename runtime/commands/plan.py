"""`textuportray plan`: a direction becomes motion."""

from __future__ import annotations

import argparse
import json
import sys
import time

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runtime.commands import asking, telling

if TYPE_CHECKING:
    from runtime.candidates import Audition
    from runtime.cli import Stopper
    from runtime.commands.thinking import Thinking
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
    wanted = asking.take_options(options)
    candidates = asking.candidates(options)
    asking.require_model(wanted)
    from runtime.candidates import planned_order
    from runtime.commands.placing import placed
    from runtime.commands.thinking import Thinking
    from runtime.inline import InlineBase
    from runtime.loading import load
    from runtime.outputs import TakeFiles
    from runtime.production import Order, plan_to_files
    from runtime.progress import Progress
    from runtime.take import Watch, opening

    loaded = load(dict(wanted.tables), prompts=wanted.language_model is not None)
    progress = Progress(sys.stderr, time.monotonic)
    with placed(progress) as places:
        output = Path(places.output(options.output))
        require_motion_name(output)
        files = TakeFiles.beside(output)
        files.check()
        places.check()
        began = time.monotonic()
        with stopper, places.delivered(files):
            thinking = Thinking(time.monotonic)
            watch = Watch(lambda: time.monotonic() - began, stopper, (thinking.hear,), thinking.asking)
            about = {"output": places.named(str(files.output))}
            chosen = None
            if candidates > 1:
                chosen = chosen_of(wanted, candidates, loaded, about["output"], watch, (progress, thinking))
                order = planned_order(chosen, loaded, about)
            else:
                order = Order(opening(wanted, loaded), loaded, about)
            with shown_thinking(thinking, progress, asks=wanted.language_model is not None and chosen is None):
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


def require_motion_name(output: Path) -> None:
    """Refuse to write a motion into a file that is named like a video.

    Raises:
        UsageError: it is.
    """
    if output.suffix.lower() in VIDEOS:
        from runtime.options import UsageError

        raise UsageError(
            f"{output} is named like a video, and plan writes a motion. Name it {output.with_suffix('.json')}, or make a "
            "video with animate."
        )


def chosen_of(
    wanted: TakeOptions, count: int, loaded: Loaded, output: str, watch: Watch, saying: tuple[Progress, Thinking]
) -> Audition:
    """The best of so many candidates, with what is said on the way.

    Args:
        wanted: what they are asked for.
        count: how many.
        loaded: the tables.
        output: what the take is to become, for errors.
        watch: who follows them, what is to say so among them.
        saying: with what, and what is thought about meanwhile.

    Raises:
        UsageError: there are no seeds left for them.
        TakeError: it was stopped, or none came to its end.
    """
    from runtime.candidates import audition, openings
    from runtime.commands.thinking import looking

    opened = openings(wanted, loaded, count)
    progress, thinking = saying
    planned = 0

    def say() -> None:
        progress.step(0, "; ".join(part for part in (f"{planned} of {count} planned", thinking.words()) if part))

    def told(done: int) -> None:
        nonlocal planned
        planned = done
        say()

    progress.phase(f"planning {count} candidates")
    with looking(say) if wanted.language_model is not None else nullcontext():
        chosen = audition(opened, loaded, output, watch, told)
    progress.finish(thinking.spending())
    return chosen


@contextmanager
def shown_thinking(thinking: Thinking, progress: Progress, *, asks: bool) -> Iterator[None]:
    """Say what a language model is asked inside; nothing where none is, for then planning takes no time."""
    from runtime.commands.thinking import looking

    if not asks:
        yield
        return
    progress.phase("planning")
    try:
        with looking(lambda: progress.step(0, thinking.words())):
            yield
        progress.finish(thinking.spending())
    finally:
        progress.interrupt()


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
