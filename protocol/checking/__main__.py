"""Explore the protocol's machines: `python -m protocol.checking`, with `--deep` for the large configurations.

Prints for each configuration what it covered. Exit code 0 if all holds, 1 if a property is broken, a configuration is not
exhausted or has not come across what it has to, 2 for wrong usage. This is the only module of the package that prints, keeps
time and writes files.
"""

from __future__ import annotations

import argparse
import gc
import os
import sys
import textwrap
import time

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from protocol.checking.configurations import DEEP, SMALL, Configuration
from protocol.checking.counterexample import show, write
from protocol.checking.exploring import Explored, System

MOST = 5_000_000
"""States after which a configuration is given up; none is meant to have as many."""
EVERY = 5.0
"""Seconds from one line of progress to the next."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Explore, and say what was found; the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m protocol.checking", description="Explore every state of small systems of the protocol's machines."
    )
    parser.add_argument("names", metavar="NAME", nargs="*", help="configurations to explore, by name (default: all)")
    parser.add_argument("--deep", action="store_true", help="the large configurations: more than ten million states, minutes")
    parser.add_argument("--journal", metavar="FOLDER", type=Path, help="save counterexamples there, as script and journal")
    options = parser.parse_args(arguments)
    known = DEEP if options.deep else SMALL
    for name in options.names:
        if name not in known:
            where = "; it is a large one, for --deep" if name in DEEP else ""
            parser.error(f"there is no configuration {name!r}{where}. There are: {', '.join(known)}")
    if options.journal is not None:
        try:
            options.journal.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            parser.error(f"{options.journal} cannot be made: {error.strerror}")
    begun, states, wrong = time.monotonic(), 0, []
    chosen = options.names or list(known)
    gc.disable()  # states make no circles, so there is no use in looking for some among millions of them
    try:
        for name in chosen:
            found, faults = _explore(name, known[name], options.journal)
            gc.collect()  # a system does
            states += found.states
            wrong += [name] * bool(faults)
    finally:
        gc.enable()
    verdict = f"NOT as it has to be: {', '.join(wrong)}" if wrong else "every property holds"
    count = "1 configuration" if len(chosen) == 1 else f"{len(chosen)} configurations"
    _say(f"{count}, {states:,} states, {time.monotonic() - begun:.1f} s: {verdict}")
    return 1 if wrong else 0


def _explore(name: str, configuration: Configuration, folder: Path | None) -> tuple[Explored, list[str]]:
    _say(f"{name}: {configuration.about}")
    begun = time.monotonic()
    found, system = configuration.explore(MOST, _progress(begun))
    seconds = time.monotonic() - begun
    size = f"{found.states:,} states, {found.transitions:,} transitions, depth {found.depth}, {found.ends:,} ends"
    _say(f"  {size}, {seconds:.1f} s")
    seen = [f"{mark} ({count:,})" for mark, count in sorted(found.marks.items()) if count]
    for line in textwrap.wrap(f"came across: {', '.join(seen)}", 110) if seen else []:
        _say(f"  {line}")
    faults = configuration.faults(found)
    for fault in faults:
        _say(f"  WRONG: {fault}")
    if not faults:
        _say("  holds in every state; no state is left to look at, none can come back to itself")
    if found.broken is not None:
        _save(name, configuration, system, found, folder)
    return found, faults


def _progress(begun: float) -> Callable[[int, int, int], None]:
    """Says now and then how far an exploration is."""
    last = begun

    def told(states: int, new: int, depth: int) -> None:
        nonlocal last
        now = time.monotonic()
        if now - last >= EVERY:
            last = now
            rate = states / (now - begun)
            sys.stderr.write(f"  ... {states:,} states, {new:,} of them new at depth {depth}; {rate:,.0f} a second\n")

    return told


def _save(name: str, configuration: Configuration, system: System[Any], found: Explored, folder: Path | None) -> None:
    assert found.broken is not None
    shown = show(name, configuration.about, system, found.broken)
    _say(textwrap.indent(shown.script, "  ").rstrip())
    if folder is None:
        return
    path = folder / name.replace(" ", "_")
    path.with_suffix(".txt").write_text(shown.script, encoding="utf-8")
    saved = f"{path}.txt"
    if shown.records:
        with path.with_suffix(".mcap").open("wb") as stream:
            write(shown.records, stream, lambda: os.fsync(stream.fileno()))
        saved += f" and {path}.mcap; see: textuportray replay {path}.mcap"
    _say(f"  saved as {saved}")


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
