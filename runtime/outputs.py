"""What a take leaves behind, and how it is written: checked before the work, whole or not at all.

motion.json        the sampled motion (`-o`)
motion.take/       journal.mcap, timeline.json, motion.json, take.json
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import re
import shutil

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO, Any

from protocol.channels import NAMES
from protocol.constraints import Samples
from protocol.timeline import Timeline
from runtime.options import UsageError
from runtime.take_error import TakeError

MOTION_FORMAT = "textuportray.motion"
MOTION_VERSION = 1
DECIMALS = 6
"""Of the numbers in a motion: a millionth of a coefficient or degree."""
_FRAMES_AT_ONCE = 2000
"""How much of a motion is turned into text at once: an hour at 240 frames per second would not fit into memory as a whole."""
_PROBE = 64 * 1024
"""Bytes written to find out whether a disk takes any more; less than the journal of the shortest take."""

_PART = re.compile(r"\.(?P<of>.+)\.(?P<process>[0-9]+)\.(part|try)")
"""Name of what a process has not finished writing."""


@dataclass(frozen=True, slots=True)
class TakeFiles:
    """Where a take's files are.

    Attributes:
        output: what the user named.
        folder: its `.take` folder beside it.
    """

    output: Path
    folder: Path

    @classmethod
    def beside(cls, output: Path) -> TakeFiles:
        """The files of a take with this output."""
        return cls(output, output.with_suffix(".take") if output.name else output / ".take")

    @property
    def journal(self) -> Path:
        """The journal of a finished take."""
        return self.folder / "journal.mcap"

    @property
    def live(self) -> Path:
        """The journal of a take that runs, or was cut off."""
        return self.folder / "journal.live.mcap"

    @property
    def next(self) -> Path:
        """The journal of a take that is about to go on, until it holds all that there was before."""
        return self.folder / "journal.next.mcap"

    @property
    def motion(self) -> Path:
        """The take's own copy of the motion."""
        return self.folder / "motion.json"

    @property
    def timeline(self) -> Path:
        """The committed tracks."""
        return self.folder / "timeline.json"

    @property
    def record(self) -> Path:
        """What the take was made with."""
        return self.folder / "take.json"

    def check(self, *, folder: bool = False) -> None:
        """Find out before the work whether its result can be written; nothing is left behind.

        Args:
            folder: the output may be a folder, into which files go.

        Raises:
            UsageError: it cannot.
        """
        if self.output.suffix == ".take" or self.output.name in ("", ".", ".."):
            raise UsageError(f"{self.output} cannot be the output: its name is taken for the folder of the take. Name a file.")
        try:
            inside = self.output.is_dir()
            if inside and not folder:
                raise UsageError(f"{self.output} is a folder. Name the file that the result should go to.")
            if self.output.exists() and not self.output.is_file() and not inside:
                raise UsageError(f"{self.output} is a device or the like and cannot be replaced. Name a file.")
            made = self._make_folders()
            try:
                for place in (self.output / "frame" if inside else self.output, self.motion):
                    _probe(place)
            finally:
                _remove_folders(made)
        except OSError as error:
            raise _unwritable(self.output, error) from None

    @contextlib.contextmanager
    def begun(self) -> Iterator[None]:
        """Folders for a take that begins, free of what an earlier one left; gone again if it ends before it has a journal.

        Raises:
            OSError: they cannot be made.
            TakeError: a take runs in them.
        """
        made = self._make_folders()
        try:
            with self.claimed():
                for stale in (self.live, self.next, self.journal, self.timeline, self.record, self.motion):
                    stale.unlink(missing_ok=True)
                yield
        finally:
            if not self.live.exists() and not self.journal.exists():
                _remove_folders(made)

    @contextlib.contextmanager
    def claimed(self) -> Iterator[None]:
        """The take's folder for one process alone, as far as the file system knows of locks.

        What processes that were killed had begun to write is removed: nobody else would ever do that, and a video may be large.

        Raises:
            TakeError: another process works on the take.
            OSError: the folder is not there.
        """
        handle = os.open(self.folder, os.O_RDONLY)
        try:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                raise TakeError(
                    f"{self.folder} belongs to a take that still runs, in another process. Wait until it is done, or end that "
                    "process first."
                ) from None
            except OSError:
                pass  # a file system that knows of none
            _sweep(self.folder)
            yield
        finally:
            os.close(handle)

    def _make_folders(self) -> list[Path]:
        """Make what is missing of the take's folder and those that it is in; what was made."""
        return _make_folders(self.folder)


def _sweep(take: Path) -> None:
    """Remove what processes that have ended left half written of a take: in its folder, beside it, and among its pictures.

    Args:
        take: its folder.
    """
    for folder in (take, take.parent, take.with_suffix("")):
        with contextlib.suppress(OSError):  # it is not there, or not ours
            for path in list(folder.iterdir()):
                part = _PART.fullmatch(path.name)
                ours = part and (folder == take or part["of"] == "frames" or Path(part["of"]).stem == take.stem)
                if part and ours and not _lives(int(part["process"])):
                    _remove_part(path)


def _remove_part(path: Path) -> None:
    with contextlib.suppress(OSError):
        if not path.is_dir():
            path.unlink()
        elif not (path / "earlier").exists():  # pictures that were there before, which are not ours to remove
            shutil.rmtree(path)


def _lives(process: int) -> bool:
    """Whether there is a process of this number on this machine."""
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except OSError:
        return True
    return True


def probe_file(path: Path) -> None:
    """Find out before the work whether a file can be written; nothing is left behind.

    Raises:
        UsageError: it cannot.
    """
    try:
        if path.exists() and not path.is_file():
            raise UsageError(f"{path} is a folder, a device or the like and cannot be replaced. Name a file.")
        made = _make_folders(path.parent)
        try:
            _probe(path)
        finally:
            _remove_folders(made)
    except OSError as error:
        raise _unwritable(path, error) from None


def _unwritable(path: Path, error: OSError) -> UsageError:
    return UsageError(
        f"{path} cannot be written ({error.strerror or error}). Name a file in a folder that you may write to, "
        "on a disk with space left."
    )


def _probe(path: Path) -> None:
    # Not the name that the file will be written under: who waits for that is not to be misled.
    trial = path.with_name(f".{path.name}.{os.getpid()}.try")
    try:
        with trial.open("wb") as stream:
            stream.write(bytes(_PROBE))
            stream.flush()
    finally:
        with contextlib.suppress(OSError):
            trial.unlink()


def _make_folders(folder: Path) -> list[Path]:
    made: list[Path] = []
    try:
        for each in reversed([folder, *folder.parents]):
            if not each.exists():
                each.mkdir()
                made.append(each)
    except BaseException:
        _remove_folders(made)
        raise
    return made


def _remove_folders(made: list[Path]) -> None:
    for folder in reversed(made):
        with contextlib.suppress(OSError):
            folder.rmdir()


@contextlib.contextmanager
def whole_file(path: Path) -> Iterator[IO[bytes]]:
    """A file that appears under its name only when it is complete and on disk."""
    part = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with part.open("wb") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        part.replace(path)
    except BaseException:
        with contextlib.suppress(OSError):
            part.unlink()
        raise


def write_motion(
    path: Path, samples: Samples, fps: Fraction, direction: str, seed: int, proceed: Callable[[], None] = lambda: None
) -> None:
    """Write a motion as other programs read it.

    Args:
        path: of the file.
        samples: float64 [channels, frames].
        fps: frames per second.
        direction: the words that it came from.
        seed: of the take.
        proceed: called now and then; what it raises ends the writing, and the file does not appear.
    """
    head = {
        "format": MOTION_FORMAT,
        "version": MOTION_VERSION,
        "fps": str(fps),
        "direction": direction,
        "seed": seed,
        "channels": list(NAMES),
    }
    with whole_file(path) as stream:
        stream.write(_compact(head).removesuffix("}").encode() + b',"frames":[')
        for first in range(0, samples.shape[1], _FRAMES_AT_ONCE):
            frames = rounded(samples[:, first : first + _FRAMES_AT_ONCE])
            stream.write((b"," if first else b"") + _compact(frames.tolist())[1:-1].encode())
            proceed()
        stream.write(b"]}\n")


def rounded(samples: Samples) -> Samples:
    """The frames of a motion as its file keeps them: float64 [frames, channels], from float64 [channels, frames]."""
    frames: Samples = samples.T.round(DECIMALS) + 0.0  # no minus zero
    return frames


def copy_file(source: Path, path: Path, proceed: Callable[[], None] = lambda: None) -> None:
    """Copy a file; `proceed` is called before the copy appears."""
    with source.open("rb") as stream, whole_file(path) as target:
        shutil.copyfileobj(stream, target)
        proceed()


def write_timeline(path: Path, timeline: Timeline) -> None:
    """Write the committed tracks."""
    with whole_file(path) as stream:
        stream.write(timeline.model_dump_json(exclude_defaults=False).encode() + b"\n")


def write_record(path: Path, record: Mapping[str, Any]) -> None:
    """Write what the take was made with."""
    with whole_file(path) as stream:
        stream.write(json.dumps(record, indent=1, ensure_ascii=False, allow_nan=False).encode() + b"\n")


def _compact(data: Any) -> str:
    return json.dumps(data, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
