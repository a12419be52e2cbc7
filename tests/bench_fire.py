"""Takes under fire, by the hundred; see tests/fire.py.

    python -m tests.bench_fire [--runs N] [--from SEED] [--seed SEED] [--kinds KIND,...] [--results FILE] [--keep FOLDER]

Each run prints its plan, what happened of it and what came of it; the table at the end has them by fault. With --results, runs
are added to those in FILE, and the table is of all of them. Exit code 1 if a run came to anything else than the undisturbed
take, hung, or left anything for the checks to find; and if a kind of fault was drawn and never happened.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time

from pathlib import Path

from PIL import Image

from renderer.sample import NAME, sample_portrait
from renderer.weights import State, open_weights
from tests.fire import KINDS, Outcome, Scripts, drawn, never, table
from tests.fire_ground import Ground

RUNS = 24
"""Three of each kind."""


def face(folder: Path) -> Path | None:
    """The sample portrait as a file, if it and the models that read it are on this machine."""
    weights = open_weights()
    names = [NAME, *weights.catalogue.names("model")]
    if any(each.state is not State.READY for each in weights.status(names)):
        return None
    path = folder / "face.png"
    Image.fromarray(sample_portrait(weights)).save(path)
    return path


def asked() -> argparse.Namespace:
    """What is to be run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=RUNS, help=f"how many (default {RUNS})")
    parser.add_argument("--from", type=int, default=0, dest="first", metavar="SEED", help="the first seed (default 0)")
    parser.add_argument("--seed", type=int, help="this one alone; its plan follows from it and from --kinds")
    parser.add_argument("--kinds", default=",".join(KINDS), help=f"faults to draw from (default {','.join(KINDS)})")
    parser.add_argument("--results", type=Path, metavar="FILE", help="add the runs to those in FILE")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where runs that fail are left (default: a new folder)")
    options = parser.parse_args()
    unknown = set(options.kinds.split(",")) - set(KINDS)
    if unknown:
        parser.error(f"there is no fault {min(unknown)!r}; known are {', '.join(KINDS)}")
    return options


def main() -> int:
    """Run them."""
    options = asked()
    folder = options.keep or Path(tempfile.mkdtemp(prefix="fire-"))
    folder.mkdir(parents=True, exist_ok=True)
    scripts = Scripts(folder, face(folder))
    kinds = [kind for kind in options.kinds.split(",") if kind in scripts.kinds]
    if len(kinds) < len(options.kinds.split(",")):
        print("the program itself is left out: the sample portrait or the face models are not cached; run: make models")
    if not kinds:
        return 0
    seeds = [options.seed] if options.seed is not None else range(options.first, options.first + options.runs)
    plans = [drawn(seed, scripts, kinds) for seed in seeds]
    # Processes that lose the same calls are not started anew for each run.
    plans.sort(key=lambda plan: (plan.loss is not None, repr(plan.loss), plan.seed))
    outcomes = []
    began = time.monotonic()
    with Ground(folder, scripts) as ground:
        for plan in plans:
            outcome = ground.run(plan)
            outcomes.append(outcome)
            print(outcome, flush=True)
            if options.results:
                with options.results.open("a", encoding="utf-8") as stream:
                    stream.write(outcome.line() + "\n")
    print(f"\n{len(outcomes)} runs in {time.monotonic() - began:.0f} s; what is left of them is in {folder}\n")
    if options.results:
        outcomes = [Outcome.read(line) for line in options.results.read_text(encoding="utf-8").splitlines()]
    print(table(outcomes))
    failed = sorted({each.seed for each in outcomes if each.problems})
    for seed in failed:
        print(f"failed: python -m tests.bench_fire --seed {seed} --kinds {','.join(kinds)}")
    missed = [] if options.seed is not None else never(outcomes)  # of one run alone, nothing follows from that
    for kind in missed:
        print(f"never happened: {kind}")
    return 1 if failed or missed else 0


if __name__ == "__main__":
    sys.exit(main())
