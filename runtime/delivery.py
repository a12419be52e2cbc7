"""Getting an output to a URL: it is made in a local folder and put to its place when all of it is there.

    with Delivery(url) as delivery:
        delivery.check()
        ...  # write to delivery.local, and the take's folder beside it
        delivery.deliver(progress)

Rules
- Nothing appears under its name before it is whole. It is written under a hidden name and moved; an object store shows an
  object only when it is whole, and would copy it to move it, so there it is written as it is.
- The output itself comes last: where it is, its take and its contact sheet are.
- Nothing is lost: what could not be delivered stays where it was made, and the error says where, and how to copy it.
- What an earlier take left in the same place, and would be taken for a part of this one, is removed; everything else stays.
- What somebody else did to the take while this one was made is not replaced. Two who go on with a take at a URL are not kept
  apart: there is no lock that all file systems have, and one made of files would outlive who was killed. So the journal that is
  there is compared with the one that was there when the work began: who comes second, unless in the same moment, is told.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import platform
import shlex
import shutil
import sys
import tempfile

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any

from runtime.options import UsageError
from runtime.outputs import TakeFiles
from runtime.places import FileSystem, Place, PlaceError, blocks, explained, kept_in
from runtime.urls import is_web, name_of, said_safely, scheme_of, shown

if TYPE_CHECKING:
    from renderer.video_files import Numbered

_PREFIX = "textuportray-"
_PROBE = b"Written to find out whether this place can be written, and to be removed at once.\n"
_UNFINISHED = (".part", ".try")
"""Endings of hidden files and folders that are being written, here or by the modules that write what is delivered."""


@dataclass(frozen=True, slots=True)
class _Item:
    """A file to be delivered.

    Attributes:
        path: where it is.
        place: the output or other file beside which it goes.
        relative: its name from the folder of that.
        size: bytes.
        is_output: whether it is the output itself, or a picture of it.
    """

    path: Path
    place: Place
    relative: str
    size: int
    is_output: bool

    @property
    def target(self) -> str:
        """Its name on the file system of its place."""
        return f"{self.place.parent}/{self.relative}"

    @property
    def shown(self) -> str:
        """Its URL, without credentials."""
        above = shown(self.place.parent_url)
        return above + self.relative if above.endswith("/") else f"{above}/{self.relative}"


class _Meter:
    """Counts the bytes of all files and tells them; keeps what its listener raises, to tell it from other errors."""

    def __init__(self, listener: Callable[[int, int], None], total: int) -> None:
        self._listener = listener
        self._total = total
        self._done = 0
        self.raised: BaseException | None = None

    def at(self, within: int) -> None:
        """So many bytes of the file at hand are written."""
        try:
            self._listener(min(self._done + within, self._total), self._total)
        except BaseException as error:
            self.raised = error
            raise

    def finish(self, size: int) -> None:
        """The file at hand is delivered."""
        self._done += size
        self.at(0)


class Delivery:
    """A local folder that stands for the place of an output until its files are delivered there.

    As a context: the folder is there inside, and gone afterwards unless it holds something that was not delivered.

    Args:
        url: of the output: a file, a pattern of numbered pictures, or a folder for them, which ends in a slash.
        scratch: where the local folder is made; None for the system's place for temporary files.

    Raises:
        UsageError: the URL cannot be an output.
        PlaceError: its file system cannot be reached.
    """

    def __init__(self, url: str, *, scratch: Path | None = None) -> None:
        self._main = _writable(url)
        self._is_folder = url.endswith("/")
        self._places = [self._main]
        self._scratch = scratch
        self._made: Path | None = None
        self._delivered = False
        self._before: dict[str, str] | None = None

    def __enter__(self) -> Delivery:
        with kept_in(self._scratch or Path(tempfile.gettempdir())):
            self._made = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=self._scratch))
            self._folder_of(self._main).mkdir()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._delivered or not self._produced():
            shutil.rmtree(self._root, ignore_errors=True)

    @property
    def local(self) -> Path:
        """Where the output is to be written; what is written beside it is delivered beside it."""
        return self._folder_of(self._main) / self._main.name

    @property
    def output(self) -> str:
        """The same as an option: with a slash at its end if it is a folder."""
        return f"{self.local}/" if self._is_folder else str(self.local)

    @property
    def rescue(self) -> str:
        """Where the local files are and how they can be copied, in sentences for the user."""
        places = {self._folder_of(place): place for place in reversed(self._places)}
        commands = [_command(folder, place) for folder, place in sorted(places.items()) if any(folder.iterdir())]
        hidden = any(shown(place.url) != place.url for place in self._places)
        again = ", with the credentials put into the URL again" if hidden else ""
        return f"Nothing is lost: all is in {self._root} on {platform.node()}. To copy it{again}: {' && '.join(commands)}"

    def also(self, url: str) -> Path:
        """Where a further file, such as a contact sheet, is to be written so that it is delivered with the output.

        Raises:
            UsageError: its URL cannot be that of a file to write, or is the output's.
            PlaceError: its file system, or the local folder, cannot be reached.
        """
        place = _writable(url)
        if url.endswith("/"):
            raise UsageError(f"{shown(url)} is a folder. Name the file.")
        if place.path == self._main.path and scheme_of(url) == scheme_of(self._main.url):
            raise UsageError(f"{shown(url)} cannot be both the output and something else. Name two files.")
        self._places.append(place)
        folder = self._folder_of(place)
        with kept_in(self._root):
            folder.mkdir(exist_ok=True)
        return folder / place.name

    def goes_on(self, take: Path) -> None:
        """Hear that the take which is at the place is gone on with, before anything is done to it.

        Args:
            take: the folder that its own was fetched into.
        """
        found = self._before = {}
        for path in _journals(take):
            if path.is_file():
                with path.open("rb") as stream:
                    found[path.name] = hashlib.file_digest(stream, "sha256").hexdigest()

    def check(self) -> None:
        """Find out before the work, with a small file, whether the places can be written; nothing is left behind.

        Raises:
            UsageError: they cannot, by their names or by what the credentials allow.
            PlaceError: they cannot, for another reason.
        """
        for place in self._places:
            is_folder = self._is_folder and place is self._main
            with explained(place.url, "written"):
                if not is_folder and not place.is_object and place.files.isdir(place.path):
                    raise UsageError(f"{shown(place.url)} is a folder. Name a file, or end it with a slash for pictures.")
                self._probe(place, place.path if is_folder else place.parent)
        if self._before is None:
            self._before = self._there()

    def deliver(self, progress: Callable[[int, int], None] = lambda done, total: None) -> tuple[str, ...]:
        """Put all that was produced to its place, the output itself last, over what is there.

        If there is no output, since the work failed before, the rest is delivered.

        Args:
            progress: called with the bytes that are done and that there are, now and then, perhaps from another thread; what it
                raises ends the delivery.

        Returns:
            the URLs of what is there now, without credentials.

        Raises:
            PlaceError: something could not be delivered; all is kept.
        """
        self._delivered = False
        found = self._produced()
        self._refuse_another(found)
        meter = _Meter(progress, sum(item.size for item in found))
        delivered: list[str] = []
        at_hand = shown(self._main.url)
        try:
            meter.at(0)
            for is_output in (False, True):
                for item in found:
                    if item.is_output == is_output:
                        at_hand = item.shown
                        self._put(item, meter)
                        delivered.append(item.shown)
                self._remove_stale(found, is_output=is_output)
        except Exception as error:  # noqa: BLE001 - drivers raise what they like
            if meter.raised is not None:
                raise meter.raised from meter.raised.__cause__
            said = said_safely(error, *(place.url for place in self._places))
            raise PlaceError(
                f"{at_hand} could not be delivered ({said}); {len(delivered)} of {len(found)} files were. {self.rescue}"
            ) from None
        self._delivered = True
        return tuple(delivered)

    def _refuse_another(self, found: list[_Item]) -> None:
        """Refuse to replace a take that is not the one which was there when the work began.

        Args:
            found: what is to be delivered.

        Raises:
            PlaceError: it is not; all is kept.
        """
        take = TakeFiles.beside(self.local).folder
        if self._before is None or not {item.path for item in found}.intersection(_journals(take)):
            return
        there = self._there()
        if there is not None and there != self._before:
            url = f"{shown(self._main.parent_url).rstrip('/')}/{take.name}"
            raise PlaceError(
                f"{url} was written by somebody else while this take was made, so it is left as it is and nothing of this one "
                f"is put there. See what it is with: {shlex.join(['textuportray', 'replay', url])}. Only if you want this one "
                f"instead, copy it over the other. {self.rescue}"
            )
        self._before = None  # what is there next is ours

    def _there(self) -> dict[str, str] | None:
        """The digests of the journals that are at the place, by their names; None if that cannot be known."""
        take = TakeFiles.beside(self.local).folder
        self._main.files.invalidate_cache()
        found = {}
        for name in (path.name for path in _journals(take)):
            digest = hashlib.sha256()
            try:
                for block in blocks(self._main, f"{self._main.parent}/{take.name}/{name}"):
                    digest.update(block)
            except FileNotFoundError:
                continue
            except Exception:  # noqa: BLE001 - who may write may not read, and can do nothing about it
                return None
            found[name] = digest.hexdigest()
        return found

    @property
    def _root(self) -> Path:
        assert self._made is not None, "a delivery has its folder from where it is entered as a context"
        return self._made

    def _folder_of(self, place: Place) -> Path:
        """The local folder for what goes beside a place."""
        number = list(dict.fromkeys(each.parent_url for each in self._places)).index(place.parent_url)
        return self._root / ("files" if number == 0 else f"files-{number + 1}")

    def _hidden(self, path: str, ending: str) -> str:
        """A name beside another that nobody else uses, on no machine: that of the local folder was drawn by chance."""
        above, slash, name = path.rpartition("/")
        return f"{above}{slash}.{name}.{self._root.name.removeprefix(_PREFIX)}.{ending}"

    def _produced(self) -> list[_Item]:
        """All that is there to be delivered."""
        found: list[_Item] = []
        names = self._picture_names()
        for folder, place in {self._folder_of(place): place for place in reversed(self._places)}.items():
            for path in sorted(folder.rglob("*")):
                relative = path.relative_to(folder)
                if path.is_symlink() or not path.is_file() or any(_is_unfinished(part) for part in relative.parts):
                    continue
                is_output = place is self._main and (
                    relative.parts[0] == self._main.name
                    or (names is not None and len(relative.parts) == 1 and names.number(path.name) is not None)
                )
                found.append(_Item(path, place, relative.as_posix(), path.stat().st_size, is_output))
        return found

    def _picture_names(self) -> Numbered | None:
        """The names of the output's pictures; None if it is a video or the like."""
        if not self._is_folder and "%" not in self._main.name:
            return None
        from renderer.video_files import Numbered  # noqa: PLC0415 - loads ffmpeg
        from renderer.video_reading import FOLDER_NAMES  # noqa: PLC0415

        return FOLDER_NAMES if self._is_folder else Numbered.parse(self._main.name)

    def _put(self, item: _Item, meter: _Meter) -> None:
        """Deliver a file, whole or not at all."""
        files = item.place.files
        if item.place.is_object:
            _send(files, item.path, item.target, meter)
        else:
            _make_folders(files, item.target.rpartition("/")[0])
            part = self._hidden(item.target, "part")
            try:
                _send(files, item.path, part, meter)
                _replace(files, part, item.target, self._hidden(item.target, "old"))
            except BaseException:
                with contextlib.suppress(Exception):
                    files.rm_file(part)
                raise
        meter.finish(item.size)

    def _probe(self, place: Place, folder: str) -> None:
        """Write and remove a small file in a folder of a place's file system."""
        files = place.files
        trial = f"{folder}/{self._hidden(place.name, 'try')}"
        relative = trial.removeprefix(f"{place.parent}/")
        made = [] if place.is_object else _make_folders(files, folder)
        try:
            with kept_in(self._root):
                local = self._root / "probe"
                local.write_bytes(_PROBE)
            probe = _Item(local, place, relative, len(_PROBE), is_output=False)
            self._put(probe, _Meter(lambda done, total: None, len(_PROBE)))
            try:
                files.rm_file(trial)
            except Exception:
                if not place.is_object:  # who may write objects may not always remove them, and need not
                    raise
        finally:
            for each in reversed(made):
                with contextlib.suppress(Exception):
                    files.rmdir(each)

    def _remove_stale(self, found: list[_Item], *, is_output: bool) -> None:
        """Remove what an earlier take left and would be taken for a part of this one.

        Args:
            found: what this take consists of.
            is_output: whether pictures of an earlier and longer output are meant, rather than the files of its take.
        """
        kept = {item.path for item in found}
        if not is_output:
            take = TakeFiles.beside(self.local)
            if any(path.parent == take.folder for path in kept):
                stale = {each.name for each in (take.live, take.journal, take.timeline, take.record, take.motion)}
                stale -= {path.name for path in kept if path.parent == take.folder}
                _remove(self._main.files, f"{self._main.parent}/{take.folder.name}", lambda name: name in stale)
        elif (names := self._picture_names()) is not None and (shot := {item.path.name for item in found if item.is_output}):
            folder = self._main.path if self._is_folder else self._main.parent
            _remove(self._main.files, folder, lambda name: name not in shot and names.number(name) is not None)


def check_output_url(url: str) -> None:
    """Refuse what no output can be, by its name alone: nothing is asked of the place.

    Raises:
        UsageError: it cannot be one.
    """
    if "?" in url:
        raise UsageError(f"{shown(url)} cannot be written: its URL has a question mark. Name a file without one.")
    if is_web(url):
        raise UsageError(f"{shown(url)} cannot be written: the web is only read. Name a bucket such as s3://bucket/smile.mp4.")
    if scheme_of(url) == "memory":
        raise UsageError(
            f"{shown(url)} cannot be the output: it would be gone when the program ends. Name a file, or a bucket such as "
            "s3://bucket/smile.mp4."
        )
    if name_of(url).endswith(".take"):
        raise UsageError(f"{shown(url)} cannot be the output: its name is taken for the folder of the take. Name a file.")


def _writable(url: str) -> Place:
    """The place of an output.

    Raises:
        UsageError: it cannot be one.
        PlaceError: its file system cannot be reached.
    """
    check_output_url(url)
    place = Place.at(url)
    _ = place.name  # of which there has to be one
    return place


def _journals(take: Path) -> tuple[Path, Path]:
    """Where the journal of a take's folder may be."""
    files = TakeFiles(take, take)
    return files.journal, files.live


def _is_unfinished(name: str) -> bool:
    return name.startswith(".") and name.endswith(_UNFINISHED)


def _command(folder: Path, place: Place) -> str:
    """A line for a shell that copies a folder to where a place is."""
    source, target = (json.dumps(text, ensure_ascii=False) for text in (f"{folder}/", shown(place.parent_url)))
    code = f'from fsspec.core import url_to_fs; s, p = url_to_fs({target}); s.put({source}, p + "/", recursive=True)'
    return shlex.join([sys.executable or "python", "-c", code])


def _send(files: FileSystem, local: Path, target: str, meter: _Meter) -> None:
    """Write a local file to a name and see whether all of it is there."""
    from fsspec.callbacks import Callback  # noqa: PLC0415 - takes 0.1 s

    def tell(_: int, value: int, **__: Any) -> None:  # of the file's bytes so many
        meter.at(value)

    files.put_file(str(local), target, callback=Callback(hooks={"bytes": tell}))
    files.invalidate_cache()
    size, there = local.stat().st_size, files.info(target).get("size")
    if there not in (size, None):
        raise OSError(f"{there:,} of {size:,} bytes were kept")


def _replace(files: FileSystem, part: str, target: str, aside: str) -> None:
    """Give a whole file its name, also where moving does not replace what is there, as with HDFS."""
    from fsspec import AbstractFileSystem  # noqa: PLC0415 - takes 0.1 s

    if type(files).mv is AbstractFileSystem.mv:  # which does the same, but takes some names for patterns
        files.cp_file(part, target)
        files.rm_file(part)
        return
    try:
        files.mv(part, target)
        return
    except Exception:
        files.invalidate_cache()
        if not files.exists(target) or not files.exists(part):
            raise
    files.mv(target, aside)
    try:
        files.mv(part, target)
    except BaseException:
        files.mv(aside, target)
        raise
    with contextlib.suppress(Exception):
        files.rm_file(aside)


def _make_folders(files: FileSystem, folder: str) -> list[str]:
    """Make what is missing of a folder and those that it is in; what was made."""
    missing: list[str] = []
    while folder.strip("/") and not files.exists(folder):
        missing.append(folder)
        folder = folder.rpartition("/")[0]
    for each in reversed(missing):
        with contextlib.suppress(FileExistsError):  # somebody else made it meanwhile
            files.mkdir(each, create_parents=False)
    return missing[::-1]


def _remove(files: FileSystem, folder: str, is_stale: Callable[[str], bool]) -> None:
    """Remove files of a folder by their names."""
    files.invalidate_cache()
    try:
        listed = [str(path) for path in files.ls(folder, detail=False)]
    except (FileNotFoundError, PermissionError):
        return  # there is nothing; or who may write may not look, and can do nothing about it
    for path in listed:
        if is_stale(path.rstrip("/").rpartition("/")[2]):
            files.rm_file(path)
