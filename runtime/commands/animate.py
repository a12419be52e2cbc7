"""`textuportray animate`: a portrait and a direction become a video."""

from __future__ import annotations

import argparse
import json
import sys
import time

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runtime.commands import asking, plan, telling

if TYPE_CHECKING:
    from runtime.cli import Stopper
    from runtime.commands.showing import Filmed
    from runtime.onray.joining import Trial
    from runtime.take import TakeResult

EXAMPLES = """examples:
  textuportray animate portrait.jpg "She smiles warmly, then glances left and raises an eyebrow" -o smile.mp4
  textuportray animate portrait.jpg "He laughs" -o laugh.webm --background alpha --size 720 --sheet laugh.png

The name of FILE says the format: .mp4 .mov .mkv .webm .gif, a pattern such as frames/%05d.png, or a folder/ for pictures.
Sides are the subject's own. Besides FILE, its .take folder keeps the journal, the motion and what they were made with."""


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("portrait", metavar="PORTRAIT", help="picture with a face that can be seen")
    parser.add_argument("direction", metavar="DIRECTION", help="what the face should do, in words")
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="video or pictures to write")
    asking.add_take_options(parser, "25")
    asking.add_candidates(parser)
    asking.add_film_options(parser)
    asking.add_base_options(parser, "ray")


def run(options: argparse.Namespace, stopper: Stopper) -> int:
    """Make the take and say what came of it: first all that is quickly checked, then the portrait, the plan and the frames."""
    with asking.cluster_tried(options) as trial:
        return _run(options, stopper, trial)


def _run(options: argparse.Namespace, stopper: Stopper, trial: Trial | None) -> int:
    wanted = asking.take_options(options)
    candidates = asking.candidates(options)
    asking.require_model(wanted)
    from runtime.candidates import filmed_order
    from runtime.commands.placing import placed
    from runtime.commands.showing import Following, Showing
    from runtime.filming import check_film, span
    from runtime.loading import read_tables
    from runtime.options import video_rate
    from runtime.outputs import TakeFiles
    from runtime.production import Order
    from runtime.progress import Progress
    from runtime.studio import film_opened
    from runtime.take import Watch, opening

    video_rate(wanted.fps, f"--fps {options.fps}")
    based = asking.base_options(options)
    tables = read_tables(dict(wanted.tables), prompts=wanted.language_model is not None)
    progress = Progress(sys.stderr, time.monotonic)
    try:
        with placed(progress) as places:
            filming = asking.film_options(options, places)
            files = TakeFiles.beside(Path(filming.output))
            check_film(filming)
            files.check(folder=True)
            places.check()
            showing = Showing(filming, progress, stopper)
            with stopper, showing.staged(based, tables.texts, trial, debug=options.debug) as prepare:
                loaded = tables.load()
                stage, base = prepare()
                following = Following(time.monotonic, places.keeping(filming.portrait, files))
                about = {"film": places.recorded(filming), "run": asking.base_record(options)}
                about |= stage.record
                chosen = None
                if candidates > 1:
                    thinking = following.thinking
                    watch = Watch(following.clock, stopper, (thinking.hear,), thinking.asking)
                    chosen = plan.chosen_of(wanted, candidates, loaded, options.output, watch, (progress, thinking))
                    frames = span(*stage.size, base.chunk_frames)
                    film = film_opened(stage, filming.face, filming.background, frames, neutral=filming.neutral)
                    order = filmed_order(chosen, loaded, about, film)
                    following.catch_up(order.past.records if order.past else ())
                else:
                    order = Order(opening(wanted, loaded), loaded, about)
                with places.delivered(files):
                    result, filmed = showing.act(order, stage, base, files, following)
                more = {"candidates": chosen.as_data()} if chosen else None
                if not options.json:
                    print("".join(f"{line}\n" for line in telling.auditioned(chosen)), end="")
                say(options, result, places.filmed(filmed), following.planned_in, places.named(str(files.folder)), more)
    finally:
        progress.interrupt()
    return 0


def say(
    options: argparse.Namespace,
    result: TakeResult,
    filmed: Filmed,
    planned_in: float,
    folder: str,
    more: Mapping[str, Any] | None = None,
) -> None:
    """Print what came of it, before Ray is left, which takes a second; for programs also what more there is to say."""
    assert result.brief is not None
    if options.json:
        planned = {"seconds": result.brief.seconds, "planned_in": round(planned_in, 4), **telling.planned(result)}
        print(json.dumps({**filmed.as_data(), "take": folder, **planned, **(more or {})}, ensure_ascii=False), flush=True)
        return
    print("\n".join(filmed.as_text()))
    print(f"planned in {planned_in:.2f} s: {telling.agreed(result)}; see {folder}")
    if options.explain:
        print("\n".join(telling.explained(result)))
    print("\n".join(telling.judged(result, explain=options.explain)))
    sys.stdout.flush()
