"""How long a take takes to plan: the median of twenty, beside the same take without negotiation, in the same run.

    python tests/bench_planning.py

The direction needs four beats and ten seconds; the tables are loaded before. What negotiation adds is printed as a ratio.
"""

from __future__ import annotations

import io
import statistics
import time

from protocol.journal import JournalWriter
from runtime.inline import InlineBase
from runtime.loading import load
from runtime.options import TakeOptions
from runtime.take import Watch, opening, run_take

DIRECTION = (
    "She looks down, sad. Then she turns her head to the left and raises her eyebrows. "
    "After that she nods twice and smiles broadly. Finally she closes her eyes."
)
RUNS = 20


def main() -> None:
    """Measure and print."""
    began = time.perf_counter()
    loaded = load()
    print(f"tables loaded in {time.perf_counter() - began:.3f} s")
    medians = {}
    for name, negotiate in (("first proposals committed as they are", False), ("negotiated", True)):
        options = TakeOptions(direction=DIRECTION, seconds=10.0, idle=True, negotiate=negotiate)
        times = []
        for _ in range(RUNS + 1):
            start = time.perf_counter()
            journal = JournalWriter(io.BytesIO(), lambda: None)
            result = run_take(opening(options, loaded), loaded, journal, InlineBase(), Watch(lambda: 0.0))
            times.append(time.perf_counter() - start)
        assert result.brief is not None
        medians[name] = statistics.median(times[1:])
        spread = f"{min(times[1:]):.3f}..{max(times[1:]):.3f}"
        beats, seconds = len(result.brief.beats), result.brief.seconds
        print(f"{name}: {beats} beats, {seconds:g} s, {len(result.records)} messages, median {medians[name]:.3f} s ({spread})")
    plain, negotiated = medians.values()
    print(f"negotiation takes {negotiated / plain:.2f} times as long; the take is planned at {10 / negotiated:.0f} x real time")


if __name__ == "__main__":
    main()
