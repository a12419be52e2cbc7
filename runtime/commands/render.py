"""`textuportray render`: a portrait and a motion become a video."""

from __future__ import annotations

import argparse
import json
import sys
import time

from pathlib import Path
from typing import TYPE_CHECKING

from runtime.commands import asking

if TYPE_CHECKING:
    from runtime.cli import Stopper

EXAMPLES = """examples:
  textuportray render portrait.jpg motion.json -o out.mp4
  textuportray render other.png out.take -o other.mp4 --fps 60 --sheet other.png

MOTION is a motion file, a .take folder, or a video with its folder beside it. A take that was cut off while its frames were
rendered is gone on with like this, too: its motion is planned already."""


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("portrait", metavar="PORTRAIT", type=Path, help="picture with a face that can be seen")
    parser.add_argument("motion", metavar="MOTION", type=Path, help="what the face does")
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="video or pictures to write")
    parser.add_argument("--fps", help="frame rate, such as 25 or 30000/1001 (default: the motion's own)")
    asking.add_film_options(parser)
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(options: argparse.Namespace, stopper: Stopper) -> int:
    """Film the motion and say what came of it: first all that is quickly checked, then the portrait and the frames."""
    from renderer.motions import read_motion, resample
    from runtime.commands.showing import Scene, Showing
    from runtime.filming import check_film
    from runtime.options import UsageError, parse_video_fps, video_rate
    from runtime.outputs import TakeFiles
    from runtime.progress import Progress
    from runtime.takes import folder_of, motion_path

    filming = asking.film_options(options)
    wanted = None if options.fps is None else parse_video_fps(options.fps)
    path = motion_path(options.motion)
    check_film(filming)
    output = Path(filming.output)
    if output.is_file() and output.samefile(path):
        raise UsageError(f"-o {output} is the motion itself and would be replaced. Name another file.")
    files = TakeFiles.beside(output)
    files.check(folder=True)
    motion = read_motion(path)
    fps = wanted or video_rate(motion.fps, f"The motion's frame rate {motion.fps}")
    folder = folder_of(path)
    progress = Progress(sys.stderr, time.monotonic)
    showing = Showing(filming, progress, stopper)
    try:
        showing.warn(*motion.notes)
        if files.folder.exists() and (folder is None or not files.folder.samefile(folder)):
            showing.warn(f"{files.folder} is of another take than this motion and stays as it is")
        stage = showing.prepare()
        scene = Scene(samples=resample(motion, fps), fps=fps, direction=motion.direction, seed=motion.seed, folder=folder)
        with stopper:
            filmed = showing.film(stage, scene, "give the same command again.")
    finally:
        progress.interrupt()
    if options.json:
        print(json.dumps({**filmed.as_data(), "motion": str(path)}, ensure_ascii=False))
    else:
        print("\n".join(filmed.as_text()))
    return 0
