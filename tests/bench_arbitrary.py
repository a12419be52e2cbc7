"""Takes by the hundred that are planned with arbitrary replies, whatever their schemas allow; see tests/arbitrary_plans.py.

    python tests/bench_arbitrary.py [--takes N] [--from N] [--jobs N] [--keep FOLDER] [--suite FILE] [--fps FPS]

Each direction is taken with idle motion and without, in many lengths, at many rates, with replies of every temper, from
servers that know the bounds in a schema and from some that do not. Every take has to come to its end; `verify` must have
nothing to say; some are made twice, and some cut off and gone on with, and have to come to the same motion. With --keep the
motions and their takes stay, for a second opinion. With --suite the directions, lengths and seeds are those of a YAML file
with `cases`. With --fps all motions have one rate: who looks at them at another sees straight lines between their frames, and
below 60 a second a saccade is no saccade any more. The table at the end has what became of the replies. Exit code 1 if anything
was found.
"""

from __future__ import annotations

import argparse
import random
import shutil
import sys
import tempfile
import time
import traceback

from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from functools import partial
from itertools import repeat
from pathlib import Path
from typing import Any

import yaml

from runtime.logs import configure
from runtime.options import parse_fps
from tests.arbitrary_plans import arbitrary, boundless
from tests.arbitrary_takes import DIRECTIONS, Made, again, cut_off, make, options
from tests.llm_server import LanguageServer

TAKES = 4 * len(DIRECTIONS)
"""Each direction four times: twice with idle motion and twice without."""
BOUNDLESS, TWICE, CUT = 8, 10, 10
"""One take in so many has a server that knows no bounds, is made twice, is cut off."""


def played(number: int, folder: Path, cases: Sequence[Mapping[str, Any]], fps: str | None) -> list[Made]:
    """A take of the series, and what is made of it besides."""
    base = folder / f"{number:04d}"
    behave = arbitrary(number)
    try:
        with LanguageServer(usual=boundless(behave) if number % BOUNDLESS == 5 else behave) as server:
            case = cases[number // 2 % len(cases)]
            changes = {name: case[name] for name in ("seconds", "seed") if name in case}
            changes |= {"fps": parse_fps(fps)} if fps else {}
            wanted = options(case["text"], server.url, number, **changes)
            made, result = make(wanted, base.with_suffix(".json"))
            found = [made]
            if number % TWICE == 3:
                found.append(again(wanted, folder / f"{number:04d}-again.json", made))
            if number % CUT == 7:
                length = random.Random(number).randrange(1, len(result.records))  # noqa: S311 - a test
                found.append(cut_off(wanted, folder / f"{number:04d}-cut.json", made, result.records, length))
            return found
    except Exception:  # noqa: BLE001 - whatever it is, it is a finding
        return [Made(base.name, "failed", traceback.format_exc().splitlines()[-12:])]


def asked() -> argparse.Namespace:
    """What is to be run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--takes", type=int, default=TAKES, help=f"how many (default {TAKES})")
    parser.add_argument("--from", type=int, default=0, dest="first", metavar="N", help="number of the first (default 0)")
    parser.add_argument("--jobs", type=int, default=2, help="takes at once (default 2)")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where motions and takes are left (default: nowhere)")
    parser.add_argument("--suite", type=Path, metavar="FILE", help="directions to take instead of the built-in ones")
    parser.add_argument("--fps", help="frame rate of all motions (default: several in turn)")
    return parser.parse_args()


def main() -> int:
    """Make the takes and print what came of them."""
    given = asked()
    cases: list[dict[str, Any]] = [{"text": text} for text in DIRECTIONS]
    if given.suite:
        cases = yaml.safe_load(given.suite.read_text(encoding="utf-8"))["cases"]
    folder = given.keep or Path(tempfile.mkdtemp(prefix="arbitrary-"))
    folder.mkdir(parents=True, exist_ok=True)
    numbers = range(given.first, given.first + given.takes)
    began = time.monotonic()
    every: list[Made] = []
    with ProcessPoolExecutor(given.jobs, initializer=partial(configure, debug=False)) as pool:
        for found in pool.map(played, numbers, repeat(folder), repeat(cases), repeat(given.fps)):
            every += found
            for made in found:
                print(line(made), flush=True)
    print()
    print("\n".join(table(every, time.monotonic() - began)))
    if given.keep is None:
        shutil.rmtree(folder)
    return 1 if any(made.findings or made.outcome != "done" for made in every) else 0


def line(made: Made) -> str:
    """What a take came to, and below it what was found."""
    found = "".join(f"\n      {finding}" for finding in made.findings)
    moved = f"{made.beats:3} beats {made.keyframes:6} keyframes {made.ruled:3} ruled {made.seconds:6.1f} s"
    said = f"{made.asked:4} replies {made.written:8} characters {made.refused.total():3} refused"
    return f"{made.name:10} {made.outcome:6} {said} {moved}{found}"


def table(every: Sequence[Made], seconds: float) -> list[str]:
    """What became of all takes together."""
    refused = sum((made.refused for made in every), Counter[str]())
    fallen = sum((made.fallen for made in every), Counter[str]())
    replies, beats = sum(made.asked for made in every), sum(made.beats for made in every)
    done, ruled = sum(made.outcome == "done" for made in every), sum(made.ruled for made in every)
    findings, keyframes = sum(len(made.findings) for made in every), sum(made.keyframes for made in every)
    characters, left = sum(made.written for made in every), fallen.total()
    lines = [
        f"{len(every)} takes in {seconds:.0f} s, {done} done, {findings} findings",
        f"{beats} beats committed, {ruled} of them on a ruling; {keyframes} keyframes",
        f"{replies} replies with {characters} characters, {refused.total()} of them refused and asked for again",
        f"{left} decisions left to the embedded planner",
    ]
    lines += [f"  refused {count:4}  {why}" for why, count in refused.most_common()]
    lines += [f"  fallen  {count:4}  {why}" for why, count in fallen.most_common()]
    return lines


if __name__ == "__main__":
    sys.exit(main())
