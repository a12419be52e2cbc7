"""`textuportray animate`: a portrait and a direction become a video."""

from __future__ import annotations

import argparse
import json
import shlex
import sys
import time

from pathlib import Path
from typing import TYPE_CHECKING

from runtime.commands import asking, telling

if TYPE_CHECKING:
    from runtime.cli import Stopper

EXAMPLES = """examples:
  textuportray animate portrait.jpg "She smiles warmly, then glances left and raises an eyebrow" -o smile.mp4
  textuportray animate portrait.jpg "He laughs" -o laugh.webm --background alpha --size 720 --sheet laugh.png

The name of FILE says the format: .mp4 .mov .mkv .webm .gif, a pattern such as frames/%05d.png, or a folder/ for pictures.
Sides are the subject's own. Besides FILE, its .take folder keeps the journal, the motion and what they were made with."""


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("portrait", metavar="PORTRAIT", type=Path, help="picture with a face that can be seen")
    parser.add_argument("direction", metavar="DIRECTION", help="what the face should do, in words")
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="video or pictures to write")
    asking.add_take_options(parser, "25")
    asking.add_film_options(parser)


def run(options: argparse.Namespace, stopper: Stopper) -> int:
    """Make the take and say what came of it: first all that is quickly checked, then the portrait, the plan and the frames."""
    from renderer.motions import read_motion
    from runtime.commands.showing import Scene, Showing
    from runtime.filming import check_film
    from runtime.options import video_rate
    from runtime.outputs import TakeFiles
    from runtime.progress import Progress
    from runtime.take import load, plan_take

    wanted = asking.take_options(options)
    video_rate(wanted.fps, f"--fps {options.fps}")
    filming = asking.film_options(options)
    loaded = load(dict(wanted.tables))
    files = TakeFiles.beside(Path(filming.output))
    check_film(filming)
    files.check(folder=True)
    progress = Progress(sys.stderr, time.monotonic)
    showing = Showing(filming, progress, stopper)
    try:
        stage = showing.prepare()
        progress.phase("planning")
        began = time.monotonic()
        with stopper:
            result, _ = plan_take(wanted, loaded, files, lambda: time.monotonic() - began, stopper, stage.record)
            planned_in = time.monotonic() - began
            showing.warn(*telling.misunderstood(result))
            motion = read_motion(files.motion)  # as `render` reads it, so that both make the same video of it
            scene = Scene(
                samples=motion.samples,
                fps=motion.fps,
                direction=motion.direction,
                seed=motion.seed,
                folder=files.folder,
            )
            again = f"render the planned motion without planning again: {shlex.join(filming.words(files.motion))}"
            filmed = showing.film(stage, scene, again)
    finally:
        progress.interrupt()
    assert result.brief is not None
    if options.json:
        planned = {"seconds": result.brief.seconds, "planned_in": round(planned_in, 4), **telling.planned(result)}
        print(json.dumps({**filmed.as_data(), "take": str(files.folder), **planned}, ensure_ascii=False))
        return 0
    print("\n".join(filmed.as_text()))
    print(f"planned in {planned_in:.2f} s: {telling.agreed(result)}; see {files.folder}")
    if options.explain:
        print("\n".join(telling.explained(result)))
    return 0
