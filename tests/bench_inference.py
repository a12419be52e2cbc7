"""Whole takes planned by a local inference server whose model has random weights; see tests/inference_server.py.

    python tests/bench_inference.py [--takes N] [--from N] [--keep FOLDER]

Each take asks the server through the program's own client; the answers are bound to the schemas of the requests and otherwise
as chance has them. Every take has to come to its end, and `verify` must have nothing to say. Printed are tokens and their
speed, and what became of the answers: whether they were what the schema allows, were taken, or were asked for again. Exit code
1 if anything was found, 2 if what it needs is not installed (`make inference` installs it).
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import shutil
import sys
import tempfile
import time
import traceback

from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import jsonschema

from runtime.logs import configure
from tests.arbitrary_takes import DIRECTIONS, Made, make, options
from tests.bench_arbitrary import line, table
from tests.llm_server import LanguageServer

if TYPE_CHECKING:
    from tests.inference_server import Generated

TAKES = 12
NEEDED = ("llguidance", "tokenizers", "transformers")
PATIENCE = 600.0
"""Seconds for one answer: the server writes one at a time, and a region's waits for those of the others."""


def main() -> int:
    """Make the takes and print what came of them."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--takes", type=int, default=TAKES, help=f"how many (default {TAKES})")
    parser.add_argument("--from", type=int, default=0, dest="first", metavar="N", help="number of the first (default 0)")
    parser.add_argument("--keep", type=Path, metavar="FOLDER", help="where motions and takes are left (default: nowhere)")
    given = parser.parse_args()
    lacking = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if lacking:
        print(
            f"{', '.join(lacking)} not found; install with: pip install -c constraints.txt -e '.[inference]'", file=sys.stderr
        )
        return 2
    from tests.inference_server import RandomModel  # noqa: PLC0415 - needs what may not be installed

    configure(debug=False)
    folder = given.keep or Path(tempfile.mkdtemp(prefix="inference-"))
    folder.mkdir(parents=True, exist_ok=True)
    model = RandomModel()
    every: list[Made] = []
    began = time.monotonic()
    with LanguageServer(usual=model) as server:
        for number in range(given.first, given.first + given.takes):
            name = f"{number:04d}"
            try:
                wanted = options(DIRECTIONS[number % len(DIRECTIONS)], server.url, number, patience=PATIENCE)
                made, _ = make(wanted, folder / f"{name}.json")
            except Exception:  # noqa: BLE001 - whatever it is, it is a finding
                made = Made(name, "failed", traceback.format_exc().splitlines()[-12:])
            every.append(made)
            print(line(made), flush=True)
    print()
    print("\n".join([*table(every, time.monotonic() - began), *answered(model.generated, every)]))
    if given.keep is None:
        shutil.rmtree(folder)
    sound = all(_valid(each) for each in model.generated) and all(made.outcome == "done" for made in every)
    return 0 if sound and not any(made.findings for made in every) else 1


def answered(generated: list[Generated], every: list[Made]) -> list[str]:
    """What the server has to say of its answers."""
    seconds = sum(each.seconds for each in generated)
    written, read = sum(each.written for each in generated), sum(each.read for each in generated)
    cached, forced = sum(each.cached for each in generated), sum(each.forced for each in generated)
    valid = sum(_valid(each) for each in generated)
    refused = sum(made.refused.total() for made in every)
    cut, speed = sum(each.finish == "length" for each in generated), written / seconds
    lines = [
        f"{len(generated)} answers: {valid} valid by their schema, {cut} cut off at max_tokens",
        f"  {len(generated) - refused} taken as they were, {refused} asked for again",
        f"{written} tokens written, {forced} of them forced by the grammar; {read} read, {cached} of them from the cache",
        f"  {speed:.0f} tokens a second, reading included; {seconds:.0f} s in all",
    ]
    stages = Counter(each.stage for each in generated)
    return [*lines, "  " + ", ".join(f"{stage} {count}" for stage, count in stages.items())]


def _valid(each: Generated) -> bool:
    try:
        jsonschema.validate(json.loads(each.text), dict(each.schema or {}))
    except (ValueError, jsonschema.ValidationError):
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
