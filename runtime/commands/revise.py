"""`textuportray revise`: a take is made again with one thing otherwise, and the rest as it was.

Rules
- The take that is revised stays as it is: what is made is a take of its own, which names it as its parent.
- It is made with what the parent was made with: tables, seed, length, portrait, all that is not in the note. Its journal holds
  what it needs of the parent, so that it is replayed, resumed and revised without that.
- A note that cannot be used is refused before anything is written. Where a language model reads it, that shows only once the
  take has begun, and ends it.
"""

from __future__ import annotations

import argparse
import json
import sys
import time

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runtime.commands import animate, asking, plan, telling

if TYPE_CHECKING:
    from collections.abc import Mapping

    from protocol.messages import TakeOpened
    from runtime.base import BaseOptions
    from runtime.cli import Stopper
    from runtime.commands.placing import Places
    from runtime.loading import Loaded
    from runtime.options import FilmOptions
    from runtime.progress import Progress
    from runtime.take import TakeResult

EXAMPLES = """examples:
  textuportray revise smile.mp4 "hold the smile longer" -o longer.mp4
  textuportray revise longer.take "no blinking at the end" -o calm.mp4 --runtime inline

TAKE is a take of `animate`, `plan` or `revise` that is done: its output, its .take folder, or the journal in it. What the note
does not touch stays as it was, and of the frames only those are rendered that differ. Where the take was made on Ray, so is its
revision; for a small change --runtime inline is sooner done."""


@dataclass(frozen=True, slots=True)
class Revision:
    """A take that is to be made out of another.

    Attributes:
        opened: what it is asked for.
        loaded: the tables.
        film: how it is rendered; None if only its motion is wanted.
        portrait: SHA-256 of the parent's portrait; empty if it had none.
        run: what the parent was run on.
        warnings: what the user should know.
    """

    opened: TakeOpened
    loaded: Loaded
    film: FilmOptions | None
    portrait: str
    run: object
    warnings: tuple[str, ...]


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("take", metavar="TAKE", help="an output, its .take folder, or the journal")
    parser.add_argument("note", metavar="NOTE", help="what is to be otherwise, in words")
    parser.add_argument("-o", "--output", required=True, metavar="FILE", help="video, pictures or motion to write")
    parser.add_argument("--sheet", metavar="FILE", help="also write a contact sheet of the take (PNG)")
    parser.add_argument("--explain", action="store_true", help="show each beat, its acts and the words they come from")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    asking.add_base_options(parser, None)


def run(options: argparse.Namespace, stopper: Stopper) -> int:
    """Make the revision and say what came of it."""
    from runtime.commands.placing import placed
    from runtime.progress import Progress
    from runtime.takes import folder_of_journal
    from runtime.urls import is_url

    progress = Progress(sys.stderr, time.monotonic)
    try:
        with placed(progress) as places:
            folder = folder_of_journal(places.motion(_take_url(options.take) if is_url(options.take) else options.take))
            output = places.output(options.output)
            _refuse_overwriting(options, folder, Path(output))
            revision = _revision(folder, _note(options.note), options, places, output)
            asking.recall_base(options, revision.run)
            based = asking.base_options(options)
            asking.require_named(revision.opened.language_model, based)
            if revision.film is None:
                _plan(options, stopper, revision, places, Path(output))
            else:
                _film(options, stopper, revision, revision.film, places, progress, based)
    finally:
        progress.interrupt()
    return 0


def _take_url(text: str) -> str:
    from runtime.commands.placing import take_url

    return take_url(text)


def _note(text: str) -> str:
    """The note, if it is one.

    Raises:
        UsageError: it is empty, too long or holds control characters.
    """
    from runtime.options import UsageError, parse_direction

    if not text.strip():
        raise UsageError(
            'The note is empty, so there is nothing to change. Say what is to be otherwise, such as "hold the smile longer".'
        )
    return parse_direction(text)


def _refuse_overwriting(options: argparse.Namespace, folder: Path, output: Path) -> None:
    """The parent is what the revision refers to.

    Raises:
        UsageError: it would be replaced.
    """
    from runtime.options import UsageError
    from runtime.outputs import TakeFiles
    from runtime.urls import is_url

    beside = TakeFiles.beside(output).folder
    there = is_url(options.output) and is_url(options.take) and _take_url(options.output) == _take_url(options.take)
    inside = not is_url(options.output) and output.absolute().resolve().is_relative_to(folder.resolve())
    if there or inside or (beside.is_dir() and beside.samefile(folder)):
        raise UsageError(
            f"-o {options.output} would replace the take that is revised, which stays as it is. Name another file."
        )


def _revision(folder: Path, note: str, options: argparse.Namespace, places: Places, output: str) -> Revision:
    """What a note makes of the take in a folder.

    Raises:
        UsageError: the take cannot be revised, or nothing of the note can be used.
        TakeError: it was made by a version that does not go with this one, or is too long.
        JournalError: its journal cannot be read.
    """
    from protocol.wire import WireError, encode
    from runtime.commands.resume import followed
    from runtime.options import UsageError
    from runtime.take import revising
    from runtime.take_error import TakeError
    from runtime.takes import open_take, record_of

    record = record_of(folder)
    parent = followed(open_take(folder), record, folder, revised=True)
    if not parent.past.done:
        import shlex

        raise UsageError(
            f"{folder} is not done, and only a take that is agreed on to its end can be revised. Finish it with: "
            f"{shlex.join(['textuportray', 'resume', str(folder)])}"
        )
    remembered = parent.past.folded.coordinator
    opened = revising(parent.opened, remembered, note, parent.loaded)
    try:
        encode(opened)
    except WireError as error:
        raise TakeError(
            f"{folder} is too long to be revised as a whole ({error}). Make the part that is to be otherwise as a take of its "
            "own."
        ) from error
    if opened.language_model is None:
        _try_note(parent.loaded, opened)
    portrait = remembered.film.portrait if remembered.film else ""
    asked = _film_options(folder, record, options, places, output)
    return Revision(opened, parent.loaded, asked, portrait, record.get("run"), parent.warnings)


def _try_note(loaded: Loaded, opened: TakeOpened) -> None:
    """Find out whether the embedded planner can use a note, before anything depends on it.

    Raises:
        UsageError: it cannot.
    """
    from agents.director.notes import NoteError
    from agents.exchange import NOTHING, unheard
    from runtime.options import UsageError

    try:
        loaded.director.brief(opened, NOTHING, unheard)
    except NoteError as error:
        raise UsageError(str(error)) from error


def _film_options(
    folder: Path, record: Mapping[str, Any], options: argparse.Namespace, places: Places, output: str
) -> FilmOptions | None:
    """How the revision is rendered: as the parent was; None if that was not."""
    from dataclasses import replace

    from runtime.options import FilmOptions, UsageError

    if "film" in record:
        asked = FilmOptions.from_data(record["film"], str(folder / "take.json"))
        sheet = None if options.sheet is None else places.sheet(options.sheet)
        return replace(asked, portrait=places.portrait_of(record["film"], folder), output=output, sheet=sheet)
    name = Path(output)
    if options.sheet is not None or name.suffix.lower() in plan.VIDEOS:
        raise UsageError(
            f"{folder} is a take without a portrait, and so is its revision. Name a motion such as "
            f"{name.with_suffix('.json')}, without --sheet, and make a video of it with render."
        )
    return None


def _plan(options: argparse.Namespace, stopper: Stopper, revision: Revision, places: Places, output: Path) -> None:
    from runtime.inline import InlineBase
    from runtime.outputs import TakeFiles
    from runtime.production import Order, plan_to_files
    from runtime.take import Watch

    files = TakeFiles.beside(output)
    files.check()
    places.check()
    for warning in revision.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    began = time.monotonic()
    with stopper, places.delivered(files):
        watch = Watch(lambda: time.monotonic() - began, stopper)
        order = Order(revision.opened, revision.loaded, {"output": places.named(str(files.output))})
        result, samples = plan_to_files(order, files, InlineBase(), watch)
    took = time.monotonic() - began
    shown = (places.named(str(files.output)), places.named(str(files.folder)))
    if options.json:
        made = plan.as_data(result, shown, samples.shape[1], took)
        print(json.dumps({**made, **changed(revision.opened, result)}, ensure_ascii=False))
    else:
        print("\n".join(said(revision.opened, result)))
        print("\n".join(plan.as_text(result, shown, samples.shape[1], took, explain=options.explain)))
    for line in telling.misunderstood(result):
        print(f"warning: {line}", file=sys.stderr)


def _film(
    options: argparse.Namespace,
    stopper: Stopper,
    revision: Revision,
    wanted: FilmOptions,
    places: Places,
    progress: Progress,
    based: BaseOptions,
) -> None:
    from runtime.commands.resume import check_portrait, check_renderer
    from runtime.commands.showing import Following, Showing
    from runtime.filming import check_film
    from runtime.outputs import TakeFiles
    from runtime.production import Order

    check_renderer(wanted)
    check_portrait(wanted, revision.portrait)
    files = TakeFiles.beside(Path(wanted.output))
    check_film(wanted)
    files.check(folder=True)
    places.check()
    showing = Showing(wanted, progress, stopper)
    showing.warn(*revision.warnings)
    with stopper, showing.staged(based, revision.loaded.texts, debug=options.debug) as prepare:
        stage, base = prepare()
        following = Following(time.monotonic, places.keeping(wanted.portrait, files))
        about = {"film": places.recorded(wanted), "run": asking.base_record(options)}
        order = Order(revision.opened, revision.loaded, {**about, **stage.record})
        with places.delivered(files):
            result, filmed = showing.act(order, stage, base, files, following)
        made = places.filmed(filmed)
        about_change = changed(revision.opened, result)
        if not options.json:
            print("\n".join(said(revision.opened, result)))
        animate.say(options, result, made, following.planned_in, places.named(str(files.folder)), about_change)


def changed(opened: TakeOpened, result: TakeResult) -> dict[str, Any]:
    """What is otherwise than in the parent, as plain data."""
    assert opened.parent is not None
    assert result.brief is not None
    kept, total = _kept(opened, result)
    return {
        "parent": opened.parent.take,
        "note": opened.direction,
        "changes": list(result.brief.changes),
        "tracks": total,
        "tracks_kept": kept,
    }


def said(opened: TakeOpened, result: TakeResult) -> list[str]:
    """What is otherwise than in the parent, for people."""
    assert opened.parent is not None
    assert result.brief is not None
    kept, total = _kept(opened, result)
    changes = map(telling.harmless, result.brief.changes)
    return [*changes, f"{kept} of {total} tracks are those of {opened.parent.take}, the take that is revised"]


def _kept(opened: TakeOpened, result: TakeResult) -> tuple[int, int]:
    """How many of the tracks that were agreed on are the parent's, keyframe by keyframe, and how many there are."""
    assert opened.parent is not None
    assert result.brief is not None
    assert result.timeline is not None
    kept = total = 0
    for beat, committed in zip(result.brief.beats, result.timeline.beats, strict=True):
        before = opened.parent.tracks[beat.origin.beat] if beat.origin else ()
        kept += sum(old == new for old, new in zip(before, committed.tracks, strict=False))
        total += len(committed.tracks)
    return kept, total
