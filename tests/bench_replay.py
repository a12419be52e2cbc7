"""How long one waits for a take of ten thousand messages, from the start of the program.

    python tests/bench_replay.py [FOLDER]

The take is made first, which takes half a minute; in FOLDER it is kept for the next time. Each command is run five times as a
process of its own, and the quickest run counts: whatever else the machine does only adds to it. *First line* is when the first
line is there to be read, *end* when the program has ended, with the last line of what it prints, and *processor* is how long a
processor was at work for it, which is what it comes to on a machine with nothing else to do. A step back and a jump are
measured inside of a program that has walked to the end.
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time

from pathlib import Path
from tempfile import TemporaryDirectory

from protocol.conversation import Conversation
from protocol.debugging.stepping import Walk
from runtime.takes import open_pages
from tests.long_take import long_take
from tests.program import command

RUNS = 5


def waited(words: list[str], typed: str = "") -> tuple[float, float, float]:
    """Seconds to the first line, to the end, and of a processor, each of the quickest run."""
    first, last, busy = float("inf"), float("inf"), float("inf")
    for _ in range(RUNS):
        began, before = time.perf_counter(), _busy()
        with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as running:
            assert running.stdin is not None
            assert running.stdout is not None
            running.stdin.write(typed)
            running.stdin.close()
            running.stdout.readline()
            first = min(first, time.perf_counter() - began)
            running.stdout.read()
        last = min(last, time.perf_counter() - began)
        busy = min(busy, _busy() - before)
    return first, last, busy


def _busy() -> float:
    """Seconds that processors have been at work for programs that have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def main(folder: Path) -> None:
    """Measure all of it."""
    take = folder / "long.take"
    if not (take / "journal.mcap").is_file():
        take = long_take(folder)
    pages = open_pages(take)
    size = (take / "journal.mcap").stat().st_size / 1e6
    print(f"{len(pages)} messages, {size:.1f} MB; seconds of the quickest of {RUNS} runs")
    print(f"{'':44}{'first line':>12}{'end':>8}{'processor':>11}")
    for shown, words, typed in [
        ("replay TAKE", [], ""),
        ("replay TAKE --until 100", ["--until", "100"], ""),
        ("replay TAKE --break gaze-rests-or-jumps", ["--break", "gaze-rests-or-jumps"], ""),
        ("replay TAKE --step, and leave", ["--step"], "q\n"),
        ("replay TAKE --step, and to the end and back", ["--step"], "g end\nb\ng 1\n"),
        ("replay TAKE --check", ["--check"], ""),
    ]:
        first, last, busy = waited([*command("replay", str(take)), *words], typed)
        print(f"{shown:44}{first:12.2f}{last:8.2f}{busy:11.2f}")
    walk = Walk(pages, Conversation())
    walk.go(len(pages))
    for shown, goal in [
        ("a step back", len(pages) - 1),
        ("back to the middle", len(pages) // 2),
        ("from there to the end", len(pages)),
    ]:
        began = time.perf_counter()
        walk.go(goal)
        print(f"{shown:44}{'':12}{time.perf_counter() - began:8.2f}")


if __name__ == "__main__":
    if len(sys.argv) > 1:
        main(Path(sys.argv[1]))
    else:
        with TemporaryDirectory() as scratch:
            main(Path(scratch))
