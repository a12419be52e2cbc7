"""`textuportray verify`: does a take keep its protocol and its constraints?"""

from __future__ import annotations

import argparse
import json
import sys
import time

from collections.abc import Sequence
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from protocol.findings import Finding
    from protocol.journal import Record
    from protocol.timeline import Timeline
    from runtime.cli import Stopper

EXAMPLES = """examples:
  textuportray verify motion.take
  textuportray verify s3://bucket/smile.take

Checks what each role sent and received against its table, the history as a whole, the machines run again, and every hard
constraint on the committed motion at several frame rates; and of a take that is rendered, that it was rendered from that
motion. Exit code 3 if anything is wrong."""

RATES = "24,25,30,60,120"
VIOLATION = 3
WRITTEN = 1e-6
"""How far a written motion may be from what it was sampled from: its numbers have six decimals."""


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument(
        "takes", metavar="TAKE", nargs="+", help="a motion or video, its .take folder, or the journal; also a URL"
    )
    parser.add_argument("--fps", default=RATES, help=f"frame rates to check the motion at (default {RATES})")
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")


def run(options: argparse.Namespace, stopper: Stopper) -> int:
    """Check every take."""
    from runtime.options import parse_fps
    from runtime.urls import shown

    rates = [parse_fps(rate.strip()) for rate in options.fps.split(",")]
    report: dict[str, list[dict[str, object]]] = {}
    for given in options.takes:
        take = shown(given)
        findings, said = _checked(given, rates)
        report[take] = [{"code": f.code, "seq": f.seq, "text": f.text} for f in findings]
        if not options.json:
            for finding in findings:
                print(f"{take}: {finding}")
            if not findings:
                print(f"{take}: {said}")
    if options.json:
        print(json.dumps(report, ensure_ascii=False))
    return VIOLATION if any(report.values()) else 0


def _checked(given: str, rates: list[Fraction]) -> tuple[list[Finding], str]:
    """What is wrong with a take, by the names that the user gave, and what was looked at; warnings are printed."""
    from dataclasses import replace

    from runtime.commands.placing import placed
    from runtime.progress import Progress
    from runtime.urls import shown

    progress = Progress(sys.stderr, time.monotonic)
    try:
        with placed(progress) as places:
            findings, said, warnings = check(places.journal(given, "motion.json"), rates)
            findings = [replace(finding, text=places.named(finding.text)) for finding in findings]
    finally:
        progress.interrupt()
    for warning in warnings:
        print(f"warning: {shown(given)}: {warning}", file=sys.stderr)
    return findings, said


def check(take: Path, rates: list[Fraction]) -> tuple[list[Finding], str, list[str]]:
    """What is wrong with a take, what was looked at, and what that was not."""
    from protocol.consistency import committed_timeline, consistency
    from protocol.coordinator_state import COMMIT_AS_PROPOSED
    from protocol.history import history
    from protocol.messages import TakeOpened
    from protocol.monitor import monitor
    from protocol.replay import replay
    from runtime.commands.replay import constraints_of, opened
    from runtime.options import parse_fps
    from runtime.takes import open_take

    journal = open_take(take)
    whole = journal.closed
    findings = [*monitor(journal.records), *history(journal.records, complete=whole)]
    if not isinstance(journal.records[0].message, TakeOpened):
        return findings, "", []  # history says so; there is nothing to replay it with
    message = opened(journal)
    _, constraints = constraints_of(journal)
    findings += replay(journal.records, constraints, complete=whole).findings
    timeline = committed_timeline(journal.records)
    checked = "no beat is committed"
    if timeline is not None and COMMIT_AS_PROPOSED in message.flags:
        checked = "constraints not checked: first proposals were committed as they were"
    elif timeline is not None:
        findings += consistency(timeline, constraints, rates)
        checked = f"{len(constraints.hard)} hard constraints at {', '.join(map(str, rates))} frames per second"
    if timeline is not None:
        findings += _rendered(journal.records, timeline, parse_fps(message.fps))
    if timeline is not None and whole:
        findings += _beside(take, timeline)
    warnings = []
    if journal.torn_at is not None:
        warnings.append(f"the journal is torn at byte {journal.torn_at}; only what comes before that is checked")
    elif not whole:
        warnings.append("the journal was not closed; the take was cut off or still runs")
    return findings, f"ok: {len(journal.records)} messages, {checked}", warnings


def _rendered(records: Sequence[Record], timeline: Timeline, fps: Fraction) -> list[Finding]:
    """Whether chunks were cut from the committed motion, eased into what the rig can show (S4)."""
    from protocol.coordination import MergeBeat
    from protocol.findings import Finding
    from protocol.messages import FilmOpened, Merged
    from runtime.arrays import digest_of
    from runtime.dispatching import Merger

    merger: Merger | None = None
    findings = []
    for record in records:
        message = record.message
        if isinstance(message, FilmOpened):
            merger = Merger(fps, message)
        if not isinstance(message, Merged) or merger is None or message.beat >= len(timeline.beats):
            continue
        beat = timeline.beats[message.beat]
        first, rows = merger.rows(MergeBeat(message.beat, beat.start, beat.end, beat.tracks, message.ends))
        covered = message.chunks[-1].last if message.chunks else first
        if covered != first + len(rows):
            text = f"beat {message.beat} has frames up to {first + len(rows)} and is cut into chunks up to {covered}"
            findings.append(Finding("C03", record.seq, text))
        for cut in message.chunks:
            if cut.first < first or cut.motion != digest_of(rows[cut.first - first : cut.last - first]):
                text = (
                    f"frames {cut.first} to {cut.last - 1} are not those of the motion that is committed in beat {message.beat}"
                )
                findings.append(Finding("C03", record.seq, text))
                break
    return findings


def _beside(take: Path, timeline: Timeline) -> list[Finding]:
    """Whether the motions beside the journal, and the one that was named, are what was committed."""
    import numpy as np

    from protocol.findings import Finding
    from protocol.motion import Motion
    from protocol.timeline import sample
    from runtime.takes import journal_path

    motions = [journal_path(take).parent / "motion.json", *([take] if take.suffix == ".json" else [])]
    findings = []
    for path in motions:
        if not path.is_file():
            continue
        try:
            motion = Motion.model_validate_json(path.read_bytes())
            expected = sample(timeline, motion.rate)
            frames = np.array(motion.frames).T
            same = frames.shape == expected.shape and bool((np.abs(frames - expected) <= WRITTEN).all())
        except ValueError as error:
            findings.append(Finding("C02", 0, f"{path} is no motion: {str(error).splitlines()[0]}"))
            continue
        if not same:
            findings.append(Finding("C02", 0, f"{path} is not the motion that the journal commits; plan it again"))
    return findings
