"""How fast a journal is written, read and replayed, on the messages of a real take.

    python tests/bench_journal.py [JOURNAL]

A take is planned and rendered, unless a journal is named. Each figure is that of the quickest of `RUNS` runs. Writing goes to a
file in the folder for temporary files, forced to disk after the same records as in a take; the baseline appends the same bytes
there and forces them as often, without any form. *Read* is every record, unpacked and checked in full; *replayed* is what the
machines of this version make of them, with the answers of what they ask for at hand, and with those worked out anew: audits
and rulings of tracks, which is arithmetic and not protocol.
"""

from __future__ import annotations

import gc
import io
import os
import sys
import time

from collections import Counter, deque
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from protocol.constraints import Constraints
from protocol.coordination import Audit, Audited, MakeRuling, RulingMade
from protocol.history import history
from protocol.journal import JournalWriter, Record, compact, read_journal, read_record, scan_journal
from protocol.monitor import monitor
from protocol.replay import Replay, replay
from protocol.wire import encode
from runtime.commands.replay import constraints_of
from runtime.sequencer import _KEPT
from runtime.takes import journal_path
from tests.long_take import long_take

Answer = Audited | RulingMade

RUNS = 5
BEATS = 60
"""Beats of a take whose figures are to be those of a long one."""


def quickest(work: Callable[[], object]) -> float:
    """Seconds that it takes at its quickest."""
    best = float("inf")
    for _ in range(RUNS):
        gc.collect()
        began = time.perf_counter()
        work()
        best = min(best, time.perf_counter() - began)
    return best


def written(records: Sequence[Record], bodies: Sequence[bytes | None], path: Path) -> None:
    """Write a journal as a take does."""
    with path.open("wb") as stream:
        writer = JournalWriter(stream, lambda: os.fsync(stream.fileno()))
        for record, body in zip(records, bodies, strict=True):
            writer.append(record, body)
            if isinstance(record.message, _KEPT):
                writer.commit()
        writer.close()


def appended(records: Sequence[Record], bodies: Sequence[bytes], path: Path) -> None:
    """Write no more than the bytes."""
    with path.open("wb") as stream:
        for record, body in zip(records, bodies, strict=True):
            stream.write(body)
            if isinstance(record.message, _KEPT):
                stream.flush()
                os.fsync(stream.fileno())
        stream.flush()
        os.fsync(stream.fileno())


def measure(name: str, path: Path, folder: Path) -> None:
    """Print the figures of one journal."""
    data = path.read_bytes()
    journal = read_journal(io.BytesIO(data))
    records, count = journal.records, len(journal.records)
    bodies = [encode(record.message) for record in records]
    _, constraints = constraints_of(journal)
    target = folder / "bench.mcap"
    mix = Counter(type(record.message).__name__ for record in records)
    forced = sum(isinstance(record.message, _KEPT) for record in records)
    written(records, bodies, target)
    live = target.read_bytes()
    print(
        f"{name}: {count} messages, {len(live) / 1e6:.1f} MB, {len(data) / 1e6:.2f} MB compact, forced to disk {forced} times"
    )
    print(f"  {', '.join(f'{kind} {number}' for kind, number in mix.most_common(8))}")

    def line(what: str, work: Callable[[], object], beside: float | None = None) -> float:
        seconds = quickest(work)
        ratio = f"{beside / seconds:7.2f} of that" if beside else ""
        print(f"  {what:46}{count / seconds:10.0f} messages/s{ratio}")
        return seconds

    base = line("baseline: the bytes appended, forced as often", lambda: appended(records, bodies, target))
    line("written, wire form at hand as from a region", lambda: written(records, bodies, target), base)
    line("written, wire form made on the way", lambda: written(records, [None] * count, target), base)
    line("compacted", lambda: compact(io.BytesIO(live), io.BytesIO()))
    line("found (scan)", lambda: scan_journal(io.BytesIO(data)))
    line("looked at one by one", lambda: deque(map(read_record, scan_journal(io.BytesIO(data)).stored), maxlen=0))
    line("read as a whole", lambda: read_journal(io.BytesIO(data)))
    line("monitors", lambda: monitor(records))
    line("history", lambda: history(records))
    known = known_answers(records, constraints)
    line("replayed by the machines", lambda: again(records, known))
    line("the same, audits and rulings worked out anew", lambda: replay(records, constraints))


class Known(Replay):
    """A replay that is told what the coordinator was answered, as a resumed take's is not."""

    answers: list[Answer]

    def work_out(self, asked: Audit | MakeRuling) -> list[Answer]:
        """The next answer."""
        return [self.answers.pop()]


def known_answers(records: Sequence[Record], constraints: Constraints) -> list[Answer]:
    """What the coordinator is answered in the course of a take."""
    answers: list[Answer] = []

    class Listening(Replay):
        def work_out(self, asked: Audit | MakeRuling) -> list[Answer]:
            found = super().work_out(asked)
            answers.extend(found)
            return found

    run = Listening(constraints)
    for record in records:
        run.feed(record)
    return answers


def again(records: Sequence[Record], answers: Sequence[Answer]) -> None:
    """Replay with these answers."""
    run = Known(None)
    run.answers = [*reversed(answers)]
    for record in records:
        run.feed(record)
    run.finish()
    assert run.findings == []


def main() -> None:
    """Measure."""
    with TemporaryDirectory() as scratch:
        folder = Path(scratch)
        if len(sys.argv) > 1:
            for name in sys.argv[1:]:
                measure(name, journal_path(Path(name)), folder)
            return
        measure("rendered", long_take(folder, BEATS) / "journal.mcap", folder)


if __name__ == "__main__":
    main()
