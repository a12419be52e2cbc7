"""Files and folders that are URLs: `s3://bucket/a.mp4`, `gs://…`, `https://…` and whatever else fsspec knows.

Who submits a job may not share a disk with the machines that do it. All other code reads and writes local files, so an input is
fetched into a local folder first. How an output gets to its URL is in `runtime/delivery.py`.

Rules
- What is fetched appears when it is whole. Its limit is kept while reading: what a place says of itself is not trusted.
- Credentials come from the environment or the configuration of fsspec. An error of a driver is quoted without them and is not
  chained to ours.
"""

from __future__ import annotations

import contextlib
import tempfile

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Protocol

from runtime.options import UsageError
from runtime.outputs import whole_file
from runtime.urls import is_url, is_web, name_of, parent_of, said_safely, scheme_of, shown

MAX_INPUT = 256 * 2**20
"""Bytes of a portrait or a motion that is fetched."""
MAX_FOLDER_FILES = 1000
MAX_FOLDER = 4 * 2**30
"""Bytes of a take's folder that is fetched: an hour's motion at 240 frames per second has less than 1 GiB."""
_MAX_DEPTH = 8
"""Folders within each other that are fetched; a link to a folder that it lies in has no end."""
_BLOCK = 2**20

_DRIVERS = {
    **dict.fromkeys(("s3", "s3a"), "s3fs"),
    **dict.fromkeys(("gs", "gcs"), "gcsfs"),
    **dict.fromkeys(("abfs", "abfss", "az", "adl"), "adlfs"),
    **dict.fromkeys(("http", "https"), "aiohttp requests"),
    **dict.fromkeys(("sftp", "ssh"), "paramiko"),
    "hdfs": "pyarrow",
    "hf": "huggingface_hub",
    "oci": "ocifs",
    "oss": "ossfs",
    "smb": "smbprotocol",
    "tos": "tosfs",
}
"""The packages that fsspec needs for a scheme, as pip calls them."""
_OBJECT_STORES = frozenset("s3 s3a gs gcs abfs abfss az oci oss tos".split())
"""Where there are names but no folders, and what is written appears when it is complete, also in several parts."""
_EXAMPLES = ("s3://", "gs://", "abfs://", "sftp://", "https://")
_USAGE = (FileNotFoundError, IsADirectoryError, NotADirectoryError, NotImplementedError, PermissionError)
"""Errors of a place that a user can avoid by naming another, or other credentials."""


class PlaceError(Exception):
    """A URL could not be read or written: what, why, and what to do."""


class FileSystem(Protocol):
    """What is used of fsspec's `AbstractFileSystem`: exact names only, since its other methods take `[1]` for a pattern."""

    def open(self, path: str, mode: str, **options: Any) -> IO[bytes]: ...
    def info(self, path: str) -> dict[str, Any]: ...
    def exists(self, path: str) -> bool: ...
    def isdir(self, path: str) -> bool: ...
    def ls(self, path: str, detail: bool) -> list[Any]: ...  # noqa: FBT001 - theirs
    def walk(self, path: str, *, maxdepth: int, on_error: str, detail: bool) -> Iterator[tuple[str, Any, dict[str, Any]]]: ...
    def put_file(self, lpath: str, rpath: str, callback: Any) -> object: ...
    def mv(self, path1: str, path2: str) -> object: ...
    def cp_file(self, path1: str, path2: str) -> object: ...
    def rm_file(self, path: str) -> object: ...
    def mkdir(self, path: str, create_parents: bool) -> object: ...  # noqa: FBT001 - theirs
    def rmdir(self, path: str) -> object: ...
    def invalidate_cache(self) -> object: ...


@dataclass(frozen=True, slots=True)
class Place:
    """What a URL names.

    Attributes:
        url: as the user gave it; may hold credentials.
        files: the file system that it is on.
        path: its name there.
    """

    url: str = field(repr=False)
    files: FileSystem = field(repr=False)
    path: str

    @classmethod
    def at(cls, url: str) -> Place:
        """Open the file system that a URL is on.

        Raises:
            UsageError: there is none, or its driver is not installed.
            PlaceError: it cannot be reached.
        """
        from fsspec.core import url_to_fs  # noqa: PLC0415 - takes 0.1 s

        _check_scheme(url)
        scheme = scheme_of(url)
        with explained(url, "opened"):
            files, path = url_to_fs(scheme + url[len(scheme) :])
            return cls(url, files, path.rstrip("/"))

    @property
    def is_object(self) -> bool:
        """Whether it is in an object store."""
        return scheme_of(self.url) in _OBJECT_STORES

    @property
    def parent(self) -> str:
        """The folder that it is in; "" for the root."""
        return self.path.rpartition("/")[0]

    @property
    def parent_url(self) -> str:
        """The URL of that folder; may hold credentials."""
        return parent_of(self.url)

    @property
    def name(self) -> str:
        """Its own name.

        Raises:
            UsageError: it has none that a local file can have.
        """
        name = name_of(self.url)
        if name in ("", ".", "..") or "\0" in name or (self.is_object and not self.parent):
            raise UsageError(f"{shown(self.url)} names no file. Give the URL of a file, such as s3://bucket/smile.mp4.")
        return name


def fetched(text: str, limit_bytes: int, folder: Path) -> Path:
    """An input as a local file of the same name.

    Args:
        text: a URL, or the path of a file, which is given back as it is.
        limit_bytes: that it may have.
        folder: that is there and that a URL's file goes into.

    Raises:
        UsageError: the URL names nothing that can be read.
        PlaceError: it cannot be read, is too large, or cannot be kept.
    """
    if not is_url(text):
        return Path(text)
    place = Place.at(text)
    target = folder / place.name
    with explained(text, "read"):
        about = place.files.info(place.path)
    if about.get("type") == "directory":
        raise UsageError(f"{shown(text)} is a folder. Name the file.")
    if about.get("type") == "other":
        raise UsageError(f"{shown(text)} is a device, a pipe or the like and cannot be read. Save it as a file and name that.")
    if (about.get("size") or 0) > limit_bytes:
        raise _too_large(text, limit_bytes)
    with kept_in(folder), whole_file(target) as stream:
        _copy(place, place.path, stream, limit_bytes, limit_bytes)
    return target


def fetched_of(url: str, names: Sequence[str], folder: Path, *, limit_bytes: int = MAX_FOLDER) -> Path | None:
    """The first of some files of a folder that is there, as a local file of the same name; None if none is.

    Nothing is listed, so that who may read but not look can be served, and the web.

    Args:
        url: of the folder.
        names: of files in it, the one that is wanted most first.
        folder: that is there and that the file goes into.
        limit_bytes: that it may have.

    Raises:
        UsageError: the place cannot be read.
        PlaceError: it cannot be read, the file is too large, or cannot be kept.
    """
    place = Place.at(url)
    for name in names:
        path = f"{place.path}/{name}"
        with explained(url, "read"):
            try:
                is_file = place.files.info(path).get("type") == "file"
            except FileNotFoundError:
                continue
        if is_file:
            with kept_in(folder), whole_file(folder / name) as stream:
                _copy(place, path, stream, limit_bytes, limit_bytes)
            return folder / name
    return None


def fetch_folder(url: str, local: Path, *, limit_files: int = MAX_FOLDER_FILES, limit_bytes: int = MAX_FOLDER) -> None:
    """Fetch a folder, such as that of a take which is to be gone on with; it appears when all of it is there.

    Args:
        url: of the folder. Files alone are fetched, no links.
        local: the folder to be; missing or empty.
        limit_files: that it may hold, in all that lies in it.
        limit_bytes: that they may have together.

    Raises:
        UsageError: there is no such folder.
        PlaceError: it cannot be read, is too large, or cannot be kept.
    """
    place = Place.at(url)
    found = _listed(place, limit_files, limit_bytes)
    with kept_in(local.parent), tempfile.TemporaryDirectory(prefix=f".{local.name}.", dir=local.parent) as work:
        part = Path(work) / local.name
        left = limit_bytes
        for relative in found:
            target = part / relative
            target.parent.mkdir(parents=True, exist_ok=True)
            with target.open("wb") as stream:
                left -= _copy(place, f"{place.path}/{relative}", stream, left, limit_bytes)
        part.replace(local)


def _listed(place: Place, limit_files: int, limit_bytes: int) -> list[str]:
    """The files that are in a folder, by their names within it, in order."""
    found: list[str] = []
    size = 0
    with explained(place.url, "read"):
        place.files.invalidate_cache()
        for folder, _, files in place.files.walk(place.path, maxdepth=_MAX_DEPTH, on_error="raise", detail=True):
            inside = folder.rstrip("/").removeprefix(place.path).strip("/")
            for name, about in files.items():
                if not name or about.get("type") != "file":
                    continue  # "" is the folder's own entry in an object store, or a file where a folder should be
                relative = f"{inside}/{name}".lstrip("/")
                if {"", ".", ".."} & set(relative.split("/")) or "\0" in relative:
                    raise PlaceError(f"{shown(place.url)} holds {relative!r}, which no folder here can hold. Rename it there.")
                found.append(relative)
                size += about.get("size") or 0
                if len(found) > limit_files:
                    raise PlaceError(
                        f"{shown(place.url)} holds more than {limit_files:,} files, so it is not the folder of a take. "
                        "Check the name."
                    )
                if size > limit_bytes:
                    raise _too_large(place.url, limit_bytes)
    if not found:
        raise UsageError(f"{shown(place.url)} is no folder with files in it. Check the name.")
    return sorted(found)


def _copy(place: Place, path: str, stream: IO[bytes], most: int, limit_bytes: int) -> int:
    """Read a file into a local one; the bytes that it had, of which there may be `most` before the limit is reached."""
    size = 0
    for block in _blocks(place, path):
        size += len(block)
        if size > most:
            raise _too_large(place.url, limit_bytes)
        stream.write(block)
    return size


def _blocks(place: Place, path: str) -> Iterator[bytes]:
    with explained(place.url, "read"):
        yield from blocks(place, path)


def blocks(place: Place, path: str) -> Iterator[bytes]:
    """A file of a place's file system, piece by piece.

    Raises:
        Exception: whatever its driver raises.
    """
    # The web as a stream: asked for in parts, which many of its servers do not give, nothing larger than one would be read.
    options = {"block_size": 0} if is_web(place.url) else {}
    with place.files.open(path, "rb", **options) as source:
        while block := source.read(_BLOCK):
            yield block


def _too_large(url: str, limit_bytes: int) -> PlaceError:
    return PlaceError(f"{shown(url)} has more than the {limit_bytes:,} bytes that are fetched at most. Give a smaller one.")


@contextlib.contextmanager
def explained(url: str, doing: str) -> Iterator[None]:
    """Tell what goes wrong inside, on a place, in words for the user.

    Args:
        url: of the place.
        doing: what is being done, as in "cannot be read".

    Raises:
        UsageError: the name or the credentials do not allow it.
        PlaceError: any other error.
    """
    try:
        yield
    except (UsageError, PlaceError):
        raise
    except Exception as error:  # noqa: BLE001 - drivers raise what they like
        said = said_safely(error, url)
        if isinstance(error, _USAGE):
            raise UsageError(
                f"{shown(url)} cannot be {doing} ({said}). Check its name, and the credentials in the environment or in the "
                "configuration of fsspec."
            ) from None
        raise PlaceError(
            f"{shown(url)} cannot be {doing} ({said}). Check the network, the credentials and that there is space left, "
            "and try again."
        ) from None


@contextlib.contextmanager
def kept_in(folder: Path) -> Iterator[None]:
    """Tell what goes wrong inside, on the local disk, in words for the user.

    Raises:
        PlaceError: instead of an error of the system.
    """
    try:
        yield
    except OSError as error:
        raise PlaceError(
            f"{folder}, where files are kept for the time of the work, cannot be written ({error.strerror or error}). "
            "Free some space there, or name another place for temporary files in TMPDIR."
        ) from None


def _check_scheme(url: str) -> None:
    """Find out whether there is a driver for a URL.

    Raises:
        UsageError: there is none.
    """
    from fsspec.registry import get_filesystem_class  # noqa: PLC0415 - takes 0.1 s

    if "::" in url:
        raise UsageError(f"{shown(url)} is a chain of places (::), which is not supported. Name the file itself.")
    scheme = scheme_of(url)
    try:
        get_filesystem_class(scheme)
    except (ImportError, ValueError) as error:
        if scheme in _DRIVERS:
            raise UsageError(
                f"{scheme}:// needs a driver that is not installed. Install it where this runs: "
                f"python -m pip install {_DRIVERS[scheme]}"
            ) from None
        if isinstance(error, ImportError):
            raise UsageError(
                f"{scheme}:// needs a driver that is not installed. fsspec says: {said_safely(error, url)}."
            ) from None
        raise UsageError(
            f"There is no driver for {scheme}://. Give a path, or a URL of a known kind, such as {', '.join(_EXAMPLES)}."
        ) from None
