"""`textuportray report`: a take as one page for a browser: its film, its curves, and how the regions agreed."""

from __future__ import annotations

import argparse
import json
import sys
import time

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from protocol.journal import Journal
    from runtime.cli import Stopper
    from runtime.commands.placing import Places
    from runtime.progress import Progress
    from runtime.reporting.film import Film
    from runtime.reporting.page import Report, Verdict
    from runtime.reporting.story import Story

EXAMPLES = """examples:
  textuportray report out.mp4 -o report.html
  textuportray report s3://bucket/smile.take -o smile.html

TAKE is a motion or video, its .take folder, or the journal in it; also a URL, and also a take that was cut off. The page holds
all that it shows and asks for nothing: it can be sent to anybody, and opens without a network."""

_MOST_FINDINGS = 50
"""That stand in a page; how many there are is told."""


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("take", metavar="TAKE", help="the take")
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="page to write (HTML)")
    parser.add_argument("--json", action="store_true", help="print what is in the page as JSON")


def run(options: argparse.Namespace, stopper: Stopper) -> int:
    """Write the page and say what is in it."""
    from runtime.commands.placing import placed
    from runtime.options import UsageError
    from runtime.outputs import TakeFiles, probe_file, whole_file
    from runtime.progress import Progress
    from runtime.reporting.page import page

    progress = Progress(sys.stderr, time.monotonic)
    try:
        with placed(progress) as places:
            output = places.sheet(options.output)
            if output.suffix.lower() not in (".html", ".htm"):
                raise UsageError(f"-o {options.output} has to be a page. Name a file such as {output.stem or 'report'}.html.")
            probe_file(output)
            places.check()
            report = gathered(options.take, places, progress)
            content = page(report).encode("utf-8", "replace")
            with places.delivered(TakeFiles.beside(output)), whole_file(output) as stream:
                stream.write(content)
    finally:
        progress.interrupt()
    for warning in report.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    made = _as_data(options.output, report, len(content))
    if options.json:
        print(json.dumps(made, ensure_ascii=False))
    else:
        film = "a video" if made["video"] else "no video"
        print(
            f"{made['output']}: {made['messages']} messages, {made['curves']} curves, {film}, {len(content) / 1e6:.1f} MB; "
            f"{'verified' if report.verdict.holds else 'NOT as it should be'}: {report.verdict.text}"
        )
    return 0


def _as_data(output: str, report: Report, size: int) -> dict[str, object]:
    from runtime.urls import shown

    return {
        "output": shown(output),
        "bytes": size,
        "messages": len(report.told.lines),
        "curves": sum(len(row["channels"]) for row in report.motion["rows"]),
        "beats": len(report.story.beats),
        "bargains": len(report.bargains),
        "video": bool(report.film and report.film.source),
        "score": report.judged.review.score if report.judged.review else None,
        "verified": report.verdict.holds,
        "findings": list(report.verdict.findings),
    }


def gathered(given: str, places: Places, progress: Progress) -> Report:
    """Everything that the page of a take is made of.

    Args:
        given: the take, as the user named it.
        places: what stands for URLs.
        progress: to say what takes long.

    Raises:
        UsageError, PlaceError: there is no such take, or it cannot be fetched.
        JournalError: its journal is none, or ends before the first record.
    """
    from protocol.consistency import committed_timeline
    from protocol.coordinator_state import COMMIT_AS_PROPOSED
    from protocol.journal import JournalError
    from runtime.commands.replay import constraints_of
    from runtime.reporting import bargains, curves, messages
    from runtime.reporting.page import Report
    from runtime.reporting.review import judged
    from runtime.reporting.story import story_of
    from runtime.takes import journal_path, open_take, record_of
    from runtime.urls import shown
    from runtime.version import VERSION

    take = places.journal(given, "motion.json", "take.json")
    journal = open_take(take)
    story = story_of(journal.records)
    record = record_of(journal_path(take).parent)
    warnings = _warnings(journal, story)
    progress.phase("checking the take")
    verdict = _verdict(take, warnings)
    progress.phase("embedding the film")
    film = _film(given, take, story, record, places, warnings)
    progress.finish()
    found: list[bargains.Bargain] = []
    kept = None
    try:
        rules, constraints = constraints_of(journal)
    except JournalError as error:
        warnings.append(f"what was negotiated is not explained: {error}")
    else:
        found = bargains.bargains_of(story, rules, constraints)
        timeline = committed_timeline(journal.records)
        if timeline is not None and story.opened and COMMIT_AS_PROPOSED not in story.opened.flags:
            kept = bargains.kept(timeline, rules, constraints)
    told = messages.told(journal.records, story)
    if told.left_out:
        warnings.append(
            f"{told.left_out} messages are too much for a page and stand in it as a line; textuportray replay --json tells all"
        )
    return Report(
        name=Path(shown(given).rstrip("/")).name,
        journal=journal,
        story=story,
        record=record,
        verdict=verdict,
        warnings=tuple(dict.fromkeys(warnings)),
        film=film,
        motion=curves.motion_of(story),
        told=told,
        bargains=found,
        kept=kept,
        judged=judged(journal.records, story, record),
        made=f"textuportray {VERSION}",
    )


def _warnings(journal: Journal, story: Story) -> list[str]:
    warnings = []
    if journal.torn_at is not None:
        warnings.append(f"the journal is torn at byte {journal.torn_at}; only what comes before that is shown")
    elif not journal.closed:
        warnings.append("the journal was not closed; the take was cut off or still runs")
    for beat in story.beats:
        if beat.state == "open":
            shown = "the last proposals are shown" if beat.tracks() else "there is nothing to show of it"
            warnings.append(f"beat {beat.number} is not decided; {shown}")
    return warnings


def _verdict(take: Path, warnings: list[str]) -> Verdict:
    """What `verify` says of the take now."""
    from protocol.journal import JournalError
    from runtime.commands.verify import RATES, check
    from runtime.options import UsageError, parse_fps
    from runtime.reporting.page import Verdict

    try:
        findings, said, _ = check(take, [parse_fps(rate) for rate in RATES.split(",")])
    except (JournalError, UsageError) as error:  # such as a frame rate that no take can have
        return Verdict(holds=False, text="it cannot be checked", findings=(str(error),))
    if not findings:
        return Verdict(holds=True, text=said)
    count = len(findings)
    text = f"{count} finding{'' if count == 1 else 's'}"
    return Verdict(holds=False, text=text, findings=tuple(str(finding) for finding in findings[:_MOST_FINDINGS]))


def _film(given: str, take: Path, story: Story, record: object, places: Places, warnings: list[str]) -> Film | None:
    """The take's video, if it lies beside it, or was named; a motion may have been rendered after it was planned."""
    from renderer.errors import RendererError
    from runtime.places import PlaceError
    from runtime.reporting.film import film_of
    from runtime.urls import shown

    try:
        path = _video(given, take, record)
        if path is None:
            if story.film is not None and story.closed is not None and story.closed.outcome == "done":
                warnings.append("the video is not beside the take, so the page is without it")
            return None
        film = film_of(path, story.fps)
        if film.take and story.opened and film.take != story.opened.take:
            warnings.append(f"{film.name} was made of another take, {film.take}, so the page is without it")
            return None
        return film
    except (RendererError, PlaceError, OSError) as error:
        warnings.append(f"the page is without the video: {places.named(str(error)) or shown(given)}")
        return None


def _video(given: str, take: Path, record: object) -> Path | None:
    """The video that was named, or the one beside the take's folder; fetched, if the take is on another machine."""
    from runtime.commands.placing import take_url
    from runtime.places import fetched_of
    from runtime.reporting.film import ENDINGS, MAX_BYTES, video_beside
    from runtime.takes import journal_path
    from runtime.urls import is_url, local_name, name_of, parent_of

    if take.is_file() and take.suffix not in (".json", ".mcap"):
        return take
    folder = journal_path(take).parent
    asked = record.get("film") if isinstance(record, dict) else None
    recorded = asked.get("output") if isinstance(asked, dict) else None
    name = recorded if isinstance(recorded, str) else ""
    url = local_name(given)
    if not is_url(url):
        return video_beside(folder.absolute(), name)
    url = take_url(url)
    stem = Path(name_of(url)).stem
    names = [f"{stem}{ending}" for ending in dict.fromkeys([Path(name).suffix.lower(), *ENDINGS]) if ending in ENDINGS]
    return fetched_of(parent_of(url), names, folder.parent, limit_bytes=10 * MAX_BYTES)
