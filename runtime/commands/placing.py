"""URLs on the command line: local files stand for them while the work goes on, and then go to their places.

    with placed(progress) as places:
        film = asking.film_options(options, places)
        places.check()
        with places.delivered(files):
            ...

Rules
- All other code reads and writes local files. Whatever the user reads has the names that were given, without credentials:
  in results, in errors and in the take's record.
- A take that is stopped or fails is delivered as far as it got, its journal first, so that it can go on anywhere.
- A take whose portrait may not be found again, since it was fetched, lies on another machine or in the folder of a job, keeps a
  copy, which goes before what is there under its name: that may be another picture by then, or ask for a signature.
- What is only read is fetched and goes nowhere; of a take, no more than what is looked at.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import shutil
import tempfile

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from protocol.journal import Record
from protocol.messages import TakeOpened
from runtime.delivery import Delivery
from runtime.errors import EXIT_CODES, paragraph
from runtime.options import UsageError
from runtime.outputs import TakeFiles, copy_file
from runtime.places import MAX_FOLDER, MAX_INPUT, Place, PlaceError, explained, fetch_folder, fetched, fetched_of
from runtime.progress import Progress
from runtime.take_error import TakeError
from runtime.takes import JOURNALS, record_of
from runtime.urls import is_url, local_name, name_of, parent_of, shown

if TYPE_CHECKING:
    from runtime.commands.showing import Filmed
    from runtime.options import FilmOptions

PORTRAIT = "portrait"
"""The folder in that of a take which holds a copy of its portrait."""
_IN_JOB = "RAY_JOB_CONFIG_JSON_ENV_VAR"
"""Set in a job of Ray's, whose working directory is gone some time after it."""


@contextlib.contextmanager
def placed(progress: Progress) -> Iterator[Places]:
    """Local stand-ins for URLs, for as long as the context lasts.

    Args:
        progress: to say with what takes long.
    """
    with contextlib.ExitStack() as stack:
        places = Places(progress, stack)
        try:
            yield places
        except tuple(EXIT_CODES) as error:
            if (text := places.named(str(error))) == str(error):
                raise
            raise type(error)(text) from error
        finally:
            places.tidy()


class Places:
    """What stands for which URL.

    Args:
        progress: to say with what takes long.
        stack: of what has to be tidied up in the end.
    """

    def __init__(self, progress: Progress, stack: contextlib.ExitStack) -> None:
        self._progress = progress
        self._stack = stack
        self._deliveries: list[Delivery] = []
        self._names: dict[str, str] = {}
        self._above: dict[Path, str] = {}
        self._at_work = False

    # ---------------------------------------------------------------------------------------------------------- inputs

    def portrait(self, text: str) -> Path:
        """A portrait as a local file.

        Raises:
            UsageError: the URL names nothing that can be read.
            PlaceError: it cannot be fetched.
        """
        text = local_name(text)
        return self._fetched(text, "the portrait") if is_url(text) else Path(text)

    def motion(self, text: str) -> Path:
        """A motion as something local: its file, or the folder of its take.

        Raises:
            UsageError: there is none.
            PlaceError: it cannot be fetched.
        """
        text = local_name(text)
        if not is_url(text):
            return Path(text)
        return self._fetched(text, "the motion") if text.endswith(".json") else self._fetched_take(text)

    def portrait_of(self, film: Mapping[str, Any], folder: Path) -> Path:
        """The portrait of a take as a local file: the copy that it keeps, or that which its record names.

        Args:
            film: how the take is to be rendered, by its record.
            folder: of the take.

        Raises:
            UsageError: the URL names nothing that can be read.
            PlaceError: it cannot be fetched.
        """
        text = film["portrait"]
        copy = folder / PORTRAIT / (name_of(text) if is_url(text) else Path(text).name)
        if copy.is_file():
            return copy
        try:
            return self.portrait(text)
        except (UsageError, PlaceError) as error:
            raise type(error)(f"{error} Or put the picture that the take was begun with into the take, as {copy}.") from error

    def journal(self, text: str, *beside: str) -> Path:
        """A take that is only read, given by its output, its folder or its journal, as something local.

        Args:
            text: the take.
            beside: files that are wanted besides the journal, by their names in the take's folder.

        Raises:
            UsageError: it cannot be read.
            PlaceError: it cannot be fetched.
        """
        text = local_name(text)
        if not is_url(text):
            return Path(text)
        name = Place.at(text).name
        is_journal = name.endswith(".mcap")
        url = parent_of(text) if is_journal else take_url(text)
        self._progress.phase(f"fetching the journal of {shown(url)}")
        scratch = self._scratch()
        folder = scratch / (name_of(url) or "take")
        folder.mkdir()
        self._names[str(folder)] = shown(url)
        local = fetched(text, MAX_FOLDER, folder) if is_journal else fetched_of(url, JOURNALS, folder)
        if local is None:
            raise UsageError(
                f"{shown(url)} has no journal, so there is no take to look at. Name a .take folder, the journal in it, or an "
                "output with its folder."
            )
        for each in beside:
            fetched_of(url, (each,), folder)
        if beside and name.endswith(".json"):  # a motion, which may have been changed since
            local = scratch / name
            self._names[str(local)] = shown(text)
            fetched_of(parent_of(text), (name,), scratch)
        self._progress.finish()
        return local

    def take(self, text: str) -> Path:
        """A take, given by its output, its folder or its journal, as something local; what comes of it goes back to its place.

        Raises:
            UsageError: there is none.
            PlaceError: it cannot be fetched.
        """
        text = local_name(text)
        if not is_url(text):
            return Path(text)
        local = self._fetched_take(text)
        above, _, name = take_url(text).rpartition("/")
        output = _output_of(record_of(local))
        if output is None:
            return local
        ending = f"{Path(name).with_suffix(Path(output).suffix)}{'/' if output.endswith('/') else ''}"
        folder = TakeFiles.beside(Path(self.output(f"{above}/{ending}"))).folder
        self._deliveries[-1].goes_on(local)
        shutil.move(local, folder)
        return folder

    def _fetched(self, url: str, what: str) -> Path:
        """A file, fetched."""
        self._progress.phase(f"fetching {what}")
        local = fetched(url, MAX_INPUT, self._scratch())
        self._progress.finish()
        self._names[str(local)] = shown(url)
        return local

    def _fetched_take(self, text: str) -> Path:
        """The folder of a take, fetched."""
        _ = Place.at(text).name  # of which there has to be one
        url = take_url(text)
        self._progress.phase(f"fetching {shown(url)}")
        local = self._scratch() / url.rpartition("/")[2]
        fetch_folder(url, local)
        self._progress.finish()
        self._names[str(local)] = shown(url)
        return local

    # --------------------------------------------------------------------------------------------------------- outputs

    def output(self, text: str) -> str:
        """An output as a local one.

        Raises:
            UsageError: the URL cannot be an output.
            PlaceError: its place cannot be reached.
        """
        text = local_name(text)
        if not is_url(text):
            return text
        delivery = self._stack.enter_context(Delivery(text))
        self._deliveries.append(delivery)
        self._above[delivery.local.parent] = take_url(text).rpartition("/")[0]
        self._names[str(delivery.local)] = shown(text.rstrip("/"))
        self._names[str(TakeFiles.beside(delivery.local).folder)] = shown(take_url(text))
        return delivery.output

    def sheet(self, text: str) -> Path:
        """A contact sheet as a local file; to be asked for after the output.

        Raises:
            UsageError: the URL cannot be that of a file to write.
            PlaceError: its place cannot be reached.
        """
        text = local_name(text)
        if not is_url(text):
            return Path(text)
        local = self._deliveries[0].also(text) if self._deliveries else Path(self.output(text))
        self._names[str(local)] = shown(text)
        return local

    def check(self) -> None:
        """Find out before the work whether all places can be written; nothing is left behind.

        Raises:
            UsageError: they cannot, by their names or by what the credentials allow.
            PlaceError: they cannot, for another reason.
        """
        for delivery in self._deliveries:
            delivery.check()

    def exists(self, path: Path) -> bool:
        """Whether something is there, under the name that it has or in the place that it stands for.

        Raises:
            PlaceError: its place cannot be reached.
        """
        for folder, url in self._above.items():
            if path.is_relative_to(folder) and not path.exists():
                place = Place.at(f"{url}/{path.relative_to(folder).as_posix()}")
                with explained(place.url, "looked at"):
                    return place.files.exists(place.path)
        return path.exists()

    @contextlib.contextmanager
    def delivered(self, files: TakeFiles) -> Iterator[None]:
        """What is made inside goes to its place: all of it, or the take as far as it got if that is stopped or fails.

        Args:
            files: of the take.

        Raises:
            PlaceError: something could not be delivered.
            TakeError: the take was stopped or failed, and could not be delivered either.
        """
        self._at_work = True
        try:
            yield
        except Exception as error:
            if self._deliveries and (files.live.exists() or files.journal.exists()):
                try:
                    self._deliver()
                except PlaceError as failed:
                    raise TakeError(f"{paragraph(error)} {failed}") from error
            raise
        except BaseException:  # a second signal
            for delivery in self._deliveries if files.folder.exists() else ():
                self._progress.say(f"textuportray: {delivery.rescue}")
            raise
        self._deliver()

    def tidy(self) -> None:
        """Give up what was fetched for nothing, since the work did not begin."""
        for delivery in () if self._at_work else self._deliveries:
            shutil.rmtree(delivery.local.parent, ignore_errors=True)

    def keeping(self, portrait: Path, files: TakeFiles) -> Callable[[Record], None]:
        """What is to be told of a take's records so that the take keeps a copy of its portrait, if it needs one.

        Args:
            portrait: where it is now.
            files: of the take.
        """
        fleeting = _IN_JOB in os.environ and portrait.resolve().is_relative_to(Path.cwd().resolve())
        needed = bool(self._deliveries) or fleeting or str(portrait) in self._names
        kept = files.folder / PORTRAIT

        def heard(record: Record) -> None:
            if isinstance(record.message, TakeOpened):
                shutil.rmtree(kept, ignore_errors=True)  # of an earlier take
                if needed:
                    kept.mkdir()
                    copy_file(portrait, kept / portrait.name)

        return heard

    # ----------------------------------------------------------------------------------------------------------- names

    def named(self, text: str) -> str:
        """A text for the user with the names that the user gave, instead of those of local files."""
        for local in sorted(self._names, key=len, reverse=True):
            text = text.replace(shlex.quote(local), shlex.quote(self._names[local])).replace(local, self._names[local])
        return text

    def recorded(self, film: FilmOptions) -> dict[str, Any]:
        """How a motion is made visible, for the record of its take."""
        return {name: self.named(value) if isinstance(value, str) else value for name, value in film.as_data().items()}

    def filmed(self, made: Filmed) -> Filmed:
        """What came of it, under the user's names."""
        return replace(made, output=self.named(made.output), sheet=None if made.sheet is None else self.named(made.sheet))

    # ---------------------------------------------------------------------------------------------------------- inside

    def _scratch(self) -> Path:
        return Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="textuportray-")))

    def _deliver(self) -> None:
        try:
            for delivery in self._deliveries:
                delivery.deliver(self._step)
        except PlaceError:
            self._names.clear()  # what it says is about the local files
            raise
        self._progress.finish()

    def _step(self, done: int, total: int) -> None:
        if not done:
            self._progress.phase(f"delivering {_megabytes(total)}")
        else:
            self._progress.step(0, f"{_megabytes(done)} are there")


def _megabytes(size: int) -> str:
    return f"{size / 1e6:.{1 if size >= 1e5 else 3}f} MB"


def take_url(text: str) -> str:
    """The URL of a take's folder, given by its output, the folder itself or the journal in it."""
    url = text.rstrip("/")
    if url.endswith(".mcap"):
        url = url.rpartition("/")[0]
    above, _, name = url.rpartition("/")
    return f"{above}/{Path(name).with_suffix('.take')}"


def _output_of(record: Mapping[str, Any]) -> str | None:
    """The name that a take's output had; None if the record does not say."""
    film = record.get("film")
    output = film.get("output") if isinstance(film, dict) else record.get("output")
    return output if isinstance(output, str) and output else None
