"""Files that ffmpeg and Pillow write for us: there under their name when they are whole, and not at all before.

Rules
- Everything is written beside its place under a hidden name and renamed at the end, when it is on the disk.
- A sequence of pictures appears together. In a folder that is there already, pictures of the same pattern are replaced, also
  those of an earlier and longer take, and everything else stays.
- What goes wrong is told as a `VideoError`.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from av.error import FFmpegError

from renderer.errors import RendererError

_PATTERN = re.compile(r"(?P<before>[^%]*)%0?(?P<digits>[1-9])?d(?P<after>[^%]*\.png)", re.IGNORECASE)


class VideoError(RendererError):
    """A video that cannot be written or read: what is wrong, why, and what to do."""


@dataclass(frozen=True, slots=True)
class Numbered:
    """Names of the pictures of a sequence.

    Attributes:
        before: what stands before the number.
        digits: the least number of digits.
        after: what stands after it, with the ending.
    """

    before: str
    digits: int
    after: str

    @classmethod
    def parse(cls, name: str) -> Numbered | None:
        """The names that a pattern such as `frame_%05d.png` stands for; None if it is no such pattern."""
        found = _PATTERN.fullmatch(name)
        return cls(found["before"], int(found["digits"] or 1), found["after"]) if found else None

    def name(self, number: int) -> str:
        """The name of one picture."""
        return f"{self.before}{number:0{self.digits}d}{self.after}"

    def number(self, name: str) -> int | None:
        """Which picture has this name; None if none has."""
        digits = name.removeprefix(self.before).removesuffix(self.after)
        if not (digits.isascii() and digits.isdigit() and len(digits) <= 9):
            return None
        return int(digits) if self.name(int(digits)) == name else None

    def found_in(self, folder: Path) -> list[Path]:
        """The pictures of a folder that have such names, by number."""
        numbered = [(number, path) for path in folder.iterdir() if (number := self.number(path.name)) is not None]
        return [path for _, path in sorted(numbered)]


@contextlib.contextmanager
def explained(path: Path, doing: str = "written") -> Iterator[None]:
    """Tell what goes wrong inside in words for the user.

    Raises:
        VideoError: instead of an error of the system or of ffmpeg.
    """
    try:
        yield
    except (FFmpegError, OSError) as error:
        said = error.strerror or type(error).__name__
        todo = (
            "Check that you may write there and that the disk has space left; nothing half-written was kept."
            if doing == "written"
            else "Check that it is a whole video and that you may read it."
        )
        raise VideoError(f"{path} cannot be {doing} ({said}). {todo}") from error


class FilePart:
    """A file that is being written.

    Args:
        target: its name when it is whole; folders that are missing are made, and removed again if nothing comes of it.
    """

    def __init__(self, target: Path) -> None:
        self._target = target
        self._made = _make_folders(target.parent)
        self.path = target.with_name(f".{target.name}.{os.getpid()}.part")
        try:
            with self.path.open("wb"):  # finds out at once whether it can be
                pass
        except OSError:
            _remove_folders(self._made)
            raise

    def publish(self) -> None:
        """Give the file its name."""
        _to_disk(self.path)
        self.path.replace(self._target)
        self._made.clear()

    def discard(self) -> None:
        """Remove what was not published."""
        with contextlib.suppress(OSError):
            self.path.unlink()
        _remove_folders(self._made)


class FolderPart:
    """Numbered pictures that are being written.

    Args:
        folder: where they go in the end.
        names: what they are called.
    """

    def __init__(self, folder: Path, names: Numbered) -> None:
        self._target = folder
        self._names = names
        self._made = _make_folders(folder)
        self.path = folder / f".frames.{os.getpid()}.part"  # inside, so that it is on the same disk
        try:
            self.path.mkdir()
        except OSError:
            _remove_folders(self._made)
            raise

    def publish(self) -> None:
        """Put the pictures into their folder in place of those of an earlier take."""
        for picture in self._names.found_in(self.path):
            _to_disk(picture)
        earlier = self.path / "earlier"
        earlier.mkdir()
        moved: list[tuple[Path, Path]] = []
        try:
            for source, folder in ((self._target, earlier), (self.path, self._target)):
                for picture in self._names.found_in(source):
                    place = folder / picture.name
                    picture.rename(place)
                    moved.append((picture, place))
        except BaseException:
            for picture, place in reversed(moved):
                place.rename(picture)
            raise
        self._made.clear()

    def discard(self) -> None:
        """Remove what was not published."""
        shutil.rmtree(self.path, ignore_errors=True)
        _remove_folders(self._made)


def _to_disk(path: Path) -> None:
    with path.open("rb") as stream:
        os.fsync(stream.fileno())


def _make_folders(folder: Path) -> list[Path]:
    """Make a folder and those that it is in; what was made."""
    made: list[Path] = []
    try:
        for place in reversed([folder, *folder.parents]):
            if not place.exists():
                place.mkdir()
                made.append(place)
    except BaseException:
        _remove_folders(made)
        raise
    return made


def _remove_folders(made: list[Path]) -> None:
    for folder in reversed(made):
        with contextlib.suppress(OSError):
            folder.rmdir()
