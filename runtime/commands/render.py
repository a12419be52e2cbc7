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

MOTION is a motion file, a .take folder, or a video with its folder beside it. A take that was cut off is gone on with by
`textuportray resume`; when its motion is there, it can be rendered like this."""


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("portrait", metavar="PORTRAIT", help="picture with a face that can be seen")
    parser.add_argument("motion", metavar="MOTION", help="what the face does")
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="video or pictures to write")
    parser.add_argument("--fps", help="frame rate, such as 25 or 30000/1001 (default: the motion's own)")
    asking.add_film_options(parser)
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(options: argparse.Namespace, stopper: Stopper) -> int:
    """Film the motion and say what came of it: first all that is quickly checked, then the portrait and the frames."""
    from renderer.motions import read_motion, resample
    from runtime.commands.placing import placed
    from runtime.commands.showing import Scene, Showing
    from runtime.filming import check_film
    from runtime.options import UsageError, parse_video_fps, video_rate
    from runtime.outputs import TakeFiles
    from runtime.progress import Progress
    from runtime.takes import folder_of, motion_path

    wanted = None if options.fps is None else parse_video_fps(options.fps)
    progress = Progress(sys.stderr, time.monotonic)
    try:
        with placed(progress) as places:
            path = motion_path(places.motion(options.motion))
            filming = asking.film_options(options, places)
            check_film(filming)
            output = Path(filming.output)
            if output.is_file() and output.samefile(path):
                raise UsageError(f"-o {output} is the motion itself and would be replaced. Name another file.")
            files = TakeFiles.beside(output)
            files.check(folder=True)
            places.check()
            motion = read_motion(path)
            fps = wanted or video_rate(motion.fps, f"The motion's frame rate {motion.fps}")
            folder = folder_of(path)
            showing = Showing(filming, progress, stopper)
            showing.warn(*motion.notes)
            if files.folder.exists() and (folder is None or not files.folder.samefile(folder)):
                showing.warn(f"{files.folder} is of another take than this motion and stays as it is")
            studio = showing.prepare()
            scene = Scene(samples=resample(motion, fps), fps=fps, direction=motion.direction, seed=motion.seed, folder=folder)
            with stopper, places.delivered(files):
                filmed = showing.film(studio, scene, "give the same command again.")
            filmed, shown = places.filmed(filmed), places.named(str(path))
    finally:
        progress.interrupt()
    if options.json:
        print(json.dumps({**filmed.as_data(), "motion": shown}, ensure_ascii=False))
    else:
        print("\n".join(filmed.as_text()))
    return 0
