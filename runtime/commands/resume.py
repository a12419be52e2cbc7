"""`textuportray resume`: a take that was stopped, failed or was cut off goes on from its journal.

Rules
- The journal says what was agreed on, and with which tables; `take.json` beside it what the take is to become. What is on disk
  now is only compared, and told about.
- Everything is checked before anything is written, and the take belongs to this process from before its journal is read.
- What was agreed on stands. Frames are rendered again: a video cannot be gone on with in its middle.
- A take that came to its end, but whose files were lost on the way, gets those; one that has them is refused.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import sys
import time

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runtime.commands import animate, asking, plan, telling

if TYPE_CHECKING:
    from protocol.journal import Journal
    from protocol.messages import TakeOpened
    from runtime.base import BaseOptions
    from runtime.cli import Stopper
    from runtime.commands.placing import Places
    from runtime.commands.showing import Filmed, Following, Showing
    from runtime.loading import Loaded
    from runtime.options import FilmOptions
    from runtime.outputs import TakeFiles
    from runtime.production import Order
    from runtime.progress import Progress
    from runtime.studio import Stage
    from runtime.take import Past, TakeResult

EXAMPLES = """examples:
  textuportray resume smile.take
  textuportray resume smile.mp4

TAKE is what `animate` or `plan` was to write, even if it is not there, its .take folder, or the journal in it. A take goes on
with the options and tables that it was begun with, and comes to the same result as if nothing had happened."""


@dataclass(frozen=True, slots=True)
class Unfinished:
    """A take that is to go on.

    Attributes:
        order: the take, with its past.
        files: where it is.
        film: how it is rendered; None if only its motion is wanted.
        warnings: what the user should know.
    """

    order: Order
    files: TakeFiles
    film: FilmOptions | None
    warnings: tuple[str, ...]

    @property
    def past(self) -> Past:
        """What there is of it."""
        assert self.order.past is not None
        return self.order.past


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("take", metavar="TAKE", help="an output, its .take folder, or the journal")
    parser.add_argument("--explain", action="store_true", help="show each beat, its acts and the words they come from")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")
    asking.add_base_options(parser, None)


def run(options: argparse.Namespace, stopper: Stopper) -> int:
    """Go on with the take and say what came of it."""
    from runtime.commands.placing import placed
    from runtime.outputs import TakeFiles
    from runtime.progress import Progress
    from runtime.takes import folder_of_journal

    progress = Progress(sys.stderr, time.monotonic)
    try:
        with placed(progress) as places:
            folder = folder_of_journal(places.take(options.take))
            with TakeFiles(folder, folder).claimed():
                unfinished = _unfinished(folder, places)
                asking.recall_base(options, unfinished.order.made_with.get("run"))
                based = asking.base_options(options)
                if not unfinished.past.done:
                    asking.require_named(unfinished.order.opened.language_model, based)
                if unfinished.film is not None:
                    _film(options, stopper, unfinished, unfinished.film, places, progress, based)
                else:
                    _plan(options, stopper, unfinished, places)
    finally:
        progress.interrupt()
    return 0


def _unfinished(folder: Path, places: Places) -> Unfinished:
    """The take in a folder, if it can go on.

    Raises:
        UsageError: it cannot, as things are.
        TakeError: it was made by a version that does not go with this one.
        JournalError: its journal cannot be read.
    """
    from runtime.options import FilmOptions, UsageError
    from runtime.outputs import TakeFiles
    from runtime.production import Order
    from runtime.takes import open_take, record_of

    record = record_of(folder)
    if not record:
        raise UsageError(
            f"{folder} has no take.json that says what the take was to become, so it cannot go on. Make the take again "
            "with animate or plan."
        )
    about = folder / "take.json"
    if "film" in record:
        asked = FilmOptions.from_data(record["film"], str(about))
        film: FilmOptions | None = _moved(asked, record["film"], folder, places)
        output = asked.output
    elif isinstance(record.get("output"), str) and record["output"]:
        film, output = None, record["output"]
    else:
        raise UsageError(
            f"{about} does not say what the take was to become, as that of a version before this one. Make the take "
            "again with animate or plan."
        )
    files = TakeFiles(folder.with_suffix(Path(output).suffix), folder)
    journal = open_take(folder)
    begun = followed(journal, record, folder)
    order = Order(begun.opened, begun.loaded, _made_with(record), past=begun.past)
    if begun.past.done and _is_whole(files, film, record, journal, places.exists):
        raise UsageError(_nothing_left(files, film))
    return Unfinished(order, files, film, begun.warnings)


def _moved(asked: FilmOptions, film: Mapping[str, Any], folder: Path, places: Places) -> FilmOptions:
    """What was asked for, with its output where the folder is now, and with files that stand for URLs of the record."""
    from dataclasses import replace

    output = str(folder.with_suffix(Path(asked.output).suffix))
    return replace(
        asked,
        portrait=places.portrait_of(film, folder),
        output=f"{output}/" if asked.output.endswith("/") else output,
        sheet=None if film["sheet"] is None else places.sheet(film["sheet"]),
    )


def _made_with(record: Mapping[str, Any]) -> dict[str, Any]:
    """What of a record says how the take was asked for."""
    return {name: record[name] for name in ("film", "output", "run", "candidates") if name in record}


@dataclass(frozen=True, slots=True)
class Followed:
    """A take whose journal this version's machines have been run over.

    Attributes:
        opened: the message that opened it.
        loaded: its tables.
        past: its records, and what they come to.
        warnings: what the user should know about going on from there.
    """

    opened: TakeOpened
    loaded: Loaded
    past: Past
    warnings: tuple[str, ...]


def followed(journal: Journal, record: Mapping[str, Any], folder: Path, *, revised: bool = False) -> Followed:
    """What a take has come to by its journal.

    Args:
        journal: of the take.
        record: its `take.json`.
        folder: where they are.
        revised: another take is made out of it, which may use tables that there were not yet when it was made.

    Raises:
        UsageError: the record belongs to another take.
        TakeError: it was made by a version that does not go with this one.
        JournalError: it does not begin as a journal does.
    """
    from configs.critic import CRITIC
    from configs.loading import ConfigError
    from configs.tables import read_texts
    from protocol.journal import JournalError
    from protocol.messages import TakeOpened
    from protocol.replay import fold
    from runtime.loading import loaded_from
    from runtime.options import UsageError
    from runtime.take import Past
    from runtime.take_error import TakeError

    opened = journal.records[0].message
    if not isinstance(opened, TakeOpened):
        raise JournalError(f"{folder}: the journal does not begin with TakeOpened. See what is wrong with: textuportray verify")
    if not record:
        raise UsageError(
            f"{folder} has no take.json that says what the take was made with. Put it back, or make the take again."
        )
    if record.get("take") != opened.take:
        raise UsageError(f"{folder}: take.json is of another take than the journal. Put the file back that belongs to it.")
    now = read_texts(prompts=opened.language_model is not None)
    by = f"It was begun with textuportray {opened.versions.get('textuportray', 'of an unknown version')}"
    go_on = "revise it with that version" if revised else "go on with that version"
    texts = opened.configuration
    if missing := [name for name in now if name not in texts and name != CRITIC]:
        if not revised:
            raise TakeError(
                f"{folder}: the journal has no {missing[0]}, which this version needs. {by}: {go_on}, or make the take again."
            )
        texts = {**now, **texts}
    try:
        loaded = loaded_from(texts)
        folded = fold(journal.records, loaded.tables.constraints)
    except (ConfigError, JournalError) as error:
        said = " ".join(str(error).split())
        raise TakeError(
            f"{folder}: this version cannot follow the journal ({said[:400]}). {by}: {go_on}, or make the take again."
        ) from error
    warnings = list(_differences(opened, loaded, now, revised=revised))
    if journal.torn_at is not None:
        warnings.insert(0, f"the journal is torn at byte {journal.torn_at}: the take goes on from what comes before that")
    return Followed(opened, loaded, Past(journal.records, folded), tuple(map(telling.harmless, warnings)))


def _differences(opened: TakeOpened, loaded: Loaded, texts: Mapping[str, str], *, revised: bool) -> Iterator[str]:
    """Between what the take was begun with and what there is now."""
    from runtime.take import versions

    who = "and its revision is made" if revised else "which goes on"

    other = [name for name, text in texts.items() if loaded.texts.get(name, text) != text]
    if other:
        have, its = ("has", "its") if len(other) == 1 else ("have", "their")
        yield f"{', '.join(other)} {have} changed since the take was begun, {who} with {its} old content"
    now = versions()
    changed = [
        f"{name} {opened.versions.get(name, 'none')} is now {now.get(name, 'none')}"
        for name in sorted({*now, *opened.versions})
        if now.get(name) != opened.versions.get(name)
    ]
    if changed:
        yield f"other software than the take was begun with: {', '.join(changed)}"


def _is_whole(
    files: TakeFiles, film: FilmOptions | None, record: Mapping[str, Any], journal: Journal, exists: Callable[[Path], bool]
) -> bool:
    """Whether a take that came to its end has all its files."""
    written = all(path.is_file() for path in (files.journal, files.timeline, files.motion))
    if not written or not journal.closed or record.get("outcome") != "done":
        return False
    if film is None:
        return exists(files.output)
    from renderer.video_files import Numbered

    names = Numbered.parse(files.output.name)
    return "video" in record and exists(files.output.parent / names.name(0) if names else files.output)


def _nothing_left(files: TakeFiles, film: FilmOptions | None) -> str:
    import shlex

    done = f"{files.folder} is done and {files.output} is there, so nothing is left to go on with"
    if film is None:
        return f"{done}. See it with: {shlex.join(['textuportray', 'replay', str(files.folder)])}"
    return f"{done}. Render it again with: {shlex.join(film.words(files.motion))}"


# ------------------------------------------------------------------------------------------------------------- going on


def _plan(options: argparse.Namespace, stopper: Stopper, unfinished: Unfinished, places: Places) -> None:
    from runtime.inline import InlineBase
    from runtime.production import plan_to_files
    from runtime.take import Watch

    files = unfinished.files
    files.check()
    places.check()
    for warning in unfinished.warnings:
        print(f"warning: {warning}", file=sys.stderr)
    began = time.monotonic()
    with stopper, places.delivered(files):
        watch = Watch(lambda: time.monotonic() - began, stopper)
        result, samples = plan_to_files(unfinished.order, files, InlineBase(), watch)
    took = time.monotonic() - began
    shown = (places.named(str(files.output)), places.named(str(files.folder)))
    if options.json:
        print(json.dumps(plan.as_data(result, shown, samples.shape[1], took), ensure_ascii=False))
    else:
        print("\n".join(plan.as_text(result, shown, samples.shape[1], took, explain=options.explain)))
    for line in telling.misunderstood(result):
        print(f"warning: {line}", file=sys.stderr)


def _film(
    options: argparse.Namespace,
    stopper: Stopper,
    unfinished: Unfinished,
    wanted: FilmOptions,
    places: Places,
    progress: Progress,
    based: BaseOptions,
) -> None:
    from dataclasses import replace

    from runtime.commands.showing import Following, Showing
    from runtime.filming import check_film

    files = unfinished.files
    check_renderer(wanted)
    film = unfinished.past.folded.coordinator.film
    check_portrait(wanted, film.portrait if film else "")
    check_film(wanted)
    files.check(folder=True)
    places.check()
    showing = Showing(wanted, progress, stopper)
    showing.warn(*unfinished.warnings)
    following = Following(time.monotonic)
    following.catch_up(unfinished.past.records)

    def ordered(stage: Stage) -> Order:
        showing.warn(*_other_frames(unfinished, stage, wanted))
        return replace(unfinished.order, made_with={**unfinished.order.made_with, **stage.record})

    with stopper, contextlib.ExitStack() as stack:
        if unfinished.past.done:
            studio = showing.prepare()
            with places.delivered(files):
                result, filmed = _film_again(showing, studio, ordered(studio.stage), files, following, stopper)
        else:
            texts = unfinished.order.loaded.texts
            stage, base = stack.enter_context(showing.staged(based, texts, debug=options.debug))()
            order = ordered(stage)
            with places.delivered(files):
                result, filmed = showing.act(order, stage, base, files, following)
        animate.say(options, result, places.filmed(filmed), following.planned_in, places.named(str(files.folder)))


def _film_again(
    showing: Showing, studio: Any, order: Order, files: TakeFiles, following: Following, stopper: Stopper
) -> tuple[TakeResult, Filmed]:
    """The video of a take that was agreed on to its end and rendered, but whose video was lost before it appeared."""
    from renderer.motions import read_motion
    from runtime.commands.showing import Scene
    from runtime.inline import InlineBase
    from runtime.production import make_take
    from runtime.take import Watch

    result, _ = make_take(order, files, InlineBase(), Watch(following.clock, stopper))
    showing.warn(*telling.misunderstood(result))
    motion = read_motion(files.motion)
    scene = Scene(samples=motion.samples, fps=motion.fps, direction=motion.direction, seed=motion.seed, folder=files.folder)
    return result, showing.film(studio, scene, "give the same command again.")


def _other_frames(unfinished: Unfinished, stage: Stage, wanted: FilmOptions) -> Iterator[str]:
    """What the user should know if the portrait is prepared otherwise than when the take was begun.

    Raises:
        UsageError: the record asks for other frames than the journal.
    """
    from runtime.options import UsageError
    from runtime.studio import film_opened

    begun = unfinished.past.folded.coordinator.film
    if begun is None:
        return
    now = film_opened(stage, wanted.face, wanted.background, begun.span, neutral=wanted.neutral)
    if now != begun.model_copy(update={"ranges": now.ranges}):
        raise UsageError(
            f"{unfinished.files.record} asks for other frames than the journal says that the take was begun with. Put the file "
            "back, or make the take again."
        )
    if now != begun:
        yield "the portrait can show other poses with this version than when the take was begun, so frames may look different"


def check_renderer(wanted: FilmOptions) -> None:
    """Refuse a renderer that is not there.

    Args:
        wanted: how a take is rendered, by its record.

    Raises:
        UsageError: it is not.
    """
    from runtime.options import UsageError

    if wanted.renderer not in asking.RENDERERS:
        raise UsageError(
            f"The take was begun with the renderer {wanted.renderer[:40]!r}, which this version does not have. Go on with the "
            "version that began it, or make the take again."
        )


def check_portrait(wanted: FilmOptions, portrait: str) -> None:
    """Refuse to go on with another picture than the take was begun with.

    Args:
        wanted: how the take is rendered, by its record.
        portrait: SHA-256 of the picture; empty if that is not known.

    Raises:
        UsageError: it is another one, or there is none.
        PortraitError: it cannot be read.
    """
    from runtime.options import UsageError
    from runtime.studio import read_cast

    path = wanted.portrait
    if not path.is_file():
        raise UsageError(
            f"{path}, the portrait that the take was begun with, is not there any more. Put it back under that name, or "
            "make the take again with another one."
        )
    if portrait and read_cast(wanted).digest != portrait:
        raise UsageError(
            f"{path} is not the picture any more that the take was begun with, and half a take of each cannot be made. Put the "
            "old one back, or make the take again."
        )
