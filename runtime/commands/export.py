"""`textuportray export`: a take for other programs."""

from __future__ import annotations

import argparse
import json
import shutil
import sys
import tempfile
import time

from collections.abc import Callable, Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np

    from numpy.typing import NDArray

    from protocol.journal import Journal
    from runtime.cli import Stopper
    from runtime.commands.placing import Places
    from runtime.progress import Progress


@dataclass(frozen=True, slots=True)
class Source:
    """What is exported.

    Attributes:
        given: as the user named it.
        places: what stands for URLs.
        progress: to say what takes long.
    """

    given: str
    places: Places
    progress: Progress


@dataclass(frozen=True, slots=True)
class Written:
    """What came of it.

    Attributes:
        text: for people, after the name of the file.
        data: for programs.
        warnings: what was left out.
    """

    text: str
    data: dict[str, Any]
    warnings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Format:
    """A format to export to.

    Attributes:
        about: what it is, in a line.
        ending: of its files.
        ready: refuses, before anything is read, where something is missing that it needs.
        write: writes the file.
    """

    about: str
    ending: str
    ready: Callable[[], None]
    write: Callable[[Source, Path], Written]


def _sdk() -> None:
    from runtime.viewing import require_sdk

    require_sdk()


def _recording(source: Source, path: Path) -> Written:
    """A take as a recording for the Rerun viewer."""
    from protocol.messages import FilmOpened
    from runtime.takes import journal_path, open_take, record_of
    from runtime.viewing import write_recording

    take = source.places.journal(source.given, "take.json")
    journal = open_take(take)
    warnings = list(_unfinished(journal))
    video = _video(source, take, record_of(journal_path(take).parent))
    if video is not None and (other := _of_another(video, journal)):
        warnings.append(f"{video.name} was made of another take, {other}, so the recording has no frames")
        video = None
    elif video is None and any(isinstance(record.message, FilmOpened) for record in journal.records):
        warnings.append("the video is not beside the take on this machine, so the recording has no frames")
    source.progress.phase("writing the recording")
    made = write_recording(journal.records, _frames(video, source.progress) if video else None, path)
    source.progress.finish()
    frames = f"{made.frames} frames" if made.frames else "no frames"
    text = (
        f"{frames}, {made.curves} curves with {made.keyframes} keyframes, {made.messages} messages, {made.size / 1e6:.1f} MB; "
        "open it with: rerun"
    )
    return Written(text, asdict(made), tuple(warnings))


FORMATS: Mapping[str, Format] = MappingProxyType(
    {"rerun": Format("frames, curves and messages for the Rerun viewer (a recording)", ".rrd", _sdk, _recording)}
)
"""Formats by their names on the command line."""

EXAMPLES = f"""example:
  textuportray export smile.mp4 -o smile.rrd --format rerun

formats:
{chr(10).join(f"  {name:<10} {one.ending}  {one.about}" for name, one in FORMATS.items())}

TAKE is a motion or video, its .take folder, or the journal in it; also a URL. Recordings need the extra `viewer`; open one
with: rerun smile.rrd"""


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("take", metavar="TAKE", help="the take")
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="file to write")
    parser.add_argument("--format", required=True, choices=FORMATS, help="what to write")
    parser.add_argument("--json", action="store_true", help="print what was written as JSON")


def run(options: argparse.Namespace, stopper: Stopper) -> int:
    """Write the file and say what is in it."""
    from runtime.commands.placing import placed
    from runtime.options import UsageError
    from runtime.outputs import TakeFiles, probe_file, whole_file
    from runtime.progress import Progress
    from runtime.urls import shown

    wanted = FORMATS[options.format]
    progress = Progress(sys.stderr, time.monotonic)
    try:
        with placed(progress) as places:
            output = places.sheet(options.output)
            if output.suffix.lower() != wanted.ending:
                better = f"{output.stem or 'take'}{wanted.ending}"
                raise UsageError(f"-o {shown(options.output)} is not named like {options.format}. Name it {better}.")
            wanted.ready()
            probe_file(output)
            places.check()
            with tempfile.TemporaryDirectory(prefix="textuportray-") as scratch:
                made = Path(scratch) / f"made{wanted.ending}"
                written = wanted.write(Source(options.take, places, progress), made)
                with places.delivered(TakeFiles.beside(output)), made.open("rb") as content, whole_file(output) as stream:
                    shutil.copyfileobj(content, stream)
    finally:
        progress.interrupt()
    for warning in written.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    name = shown(options.output)
    print(
        json.dumps({"output": name, "format": options.format, **written.data})
        if options.json
        else f"{name}: {written.text} {name}"
    )
    return 0


def _unfinished(journal: Journal) -> Iterator[str]:
    if journal.torn_at is not None:
        yield f"the journal is torn at byte {journal.torn_at}; only what comes before that is exported"
    elif not journal.closed:
        yield "the journal was not closed; the take was cut off or still runs"


def _video(source: Source, take: Path, record: Mapping[str, Any]) -> Path | None:
    """The video that was named, or the one that lies beside the take's folder; None if there is none on this machine."""
    from runtime.reporting.film import video_beside
    from runtime.takes import journal_path
    from runtime.urls import is_url, local_name

    if is_url(local_name(source.given)):
        return None
    if take.is_file() and take.suffix not in (".json", ".mcap"):
        return take
    film = record.get("film")
    recorded = film.get("output") if isinstance(film, dict) else None
    return video_beside(journal_path(take).parent.absolute(), recorded if isinstance(recorded, str) else "")


def _of_another(video: Path, journal: Journal) -> str:
    """The take that a video says it was made of, if that is not this one; empty otherwise."""
    from protocol.messages import TakeOpened
    from renderer.video_reading import probe

    opened = journal.records[0].message
    made_of = probe(video).metadata.get("take", "")
    return made_of if isinstance(opened, TakeOpened) and made_of != opened.take else ""


def _frames(video: Path, progress: Progress) -> Iterator[NDArray[np.uint8]]:
    """The frames of a video, one after the other."""
    from renderer.video_reading import read_frames

    for number, frame in enumerate(read_frames(video), 1):
        yield frame
        progress.step(number)
