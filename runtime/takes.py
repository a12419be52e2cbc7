"""Finding and opening takes that were made before."""

from __future__ import annotations

import contextlib
import filecmp
import json

from collections.abc import Iterator, Mapping, Sized
from pathlib import Path
from typing import Any

from protocol.brief import Beat
from protocol.debugging.pages import Pages
from protocol.journal import Journal, JournalError, read_journal, scan_journal
from protocol.messages import BeatOpened
from runtime.options import UsageError

JOURNALS = ("journal.mcap", "journal.live.mcap")
"""What the journal of a take is called: when it is over, and while it runs."""
_MOTION = "Name a motion file, a .take folder, or a video with its folder beside it."


def journal_path(take: Path) -> Path:
    """The journal of a take, given as the journal itself, its `.take` folder, or the output beside the folder.

    Raises:
        UsageError: there is none.
    """
    if take.is_dir():
        folders = [take, take.with_suffix(".take")]  # the take's own, or that of pictures in a folder
    elif take.exists() and take.suffix == ".mcap":
        return take
    else:
        folders = [take.with_suffix(".take")]
    for folder in folders:
        for name in JOURNALS:
            if (folder / name).is_file():
                return folder / name
    if take.is_dir():
        raise UsageError(
            f"{take} is a folder without a journal. Name a journal (.mcap), a .take folder, or an output with its folder."
        )
    if take.is_file():
        raise UsageError(f"{take} has no take beside it. Name a journal (.mcap), a .take folder, or an output with its folder.")
    raise UsageError(f"{take} does not exist. Name a journal (.mcap), a .take folder, or an output with its folder.")


def folder_of_journal(take: Path) -> Path:
    """The `.take` folder with the journal of a take, which is given as for `journal_path`.

    Raises:
        UsageError: there is none, or the journal is not in such a folder.
    """
    path = journal_path(take)
    if path.parent.absolute().suffix != ".take" or path.name not in JOURNALS:
        raise UsageError(
            f"{path} is a journal outside of the folder of its take, where the rest of it would be. Name the .take folder."
        )
    # The name is that of the output: "." says none.
    return path.parent if path.parent.name else path.parent.absolute()


def open_take(take: Path) -> Journal:
    """Read a take's journal.

    Raises:
        UsageError: there is none.
        JournalError: it is not a journal, or of another version, or empty.
    """
    path = journal_path(take)
    with _named(path), path.open("rb") as stream:
        journal = read_journal(stream)
        _require(journal.records)
    return journal


def open_pages(take: Path) -> Pages:
    """Open a take's journal without reading what nobody looks at.

    Raises:
        UsageError: there is none.
        JournalError: it is not a journal, or of another version, or empty.
    """
    path = journal_path(take)
    with _named(path), path.open("rb") as stream:
        pages = Pages.of(scan_journal(stream))
        _require(pages)
    return pages


@contextlib.contextmanager
def _named(path: Path) -> Iterator[None]:
    """Errors of a journal name its file."""
    try:
        yield
    except JournalError as error:
        raise JournalError(f"{path}: {error}") from None


def _require(records: Sized) -> None:
    if not len(records):
        raise JournalError(
            "the journal ends before its first complete record, so there is nothing to show. Plan the take again."
        )


def motion_path(motion: Path) -> Path:
    """The motion that is meant by a motion file, a take's folder or journal, or a video with its take's folder beside it.

    Raises:
        UsageError: there is none.
    """
    if motion.suffix == ".mcap":
        motion = motion.parent
    beside = motion.with_suffix(".take") / "motion.json" if motion.name else motion
    if motion.is_dir():
        for path in (motion / "motion.json", beside):
            if path.is_file():
                return path
        raise UsageError(f"{motion} is a folder without a motion.json. {_MOTION}")
    if beside.is_file() and not _is_document(motion):
        return beside
    if not motion.exists():
        raise UsageError(f"{motion} does not exist. {_MOTION}")
    if motion.is_file() and motion.suffix != ".json" and not _is_document(motion):
        raise UsageError(f"{motion} is no motion and has no take beside it. {_MOTION}")
    return motion


def _is_document(path: Path) -> bool:
    """Whether a file begins as JSON does, unlike any video."""
    if not path.is_file():
        return False
    with path.open("rb") as stream:
        return stream.read(64).lstrip().startswith(b"{")


def folder_of(motion: Path) -> Path | None:
    """The folder of the take that a motion file came from; None if there is none, or the file was changed since."""
    if motion.parent.suffix == ".take" and motion.name == "motion.json":
        return motion.parent
    copy = motion.with_suffix(".take") / "motion.json"
    return copy.parent if copy.is_file() and filecmp.cmp(motion, copy, shallow=False) else None


def beats_of(folder: Path) -> tuple[Beat, ...]:
    """The beats of a take by its journal; () if there is none that can be read."""
    try:
        journal = open_take(folder)
    except (UsageError, JournalError, OSError):
        return ()
    beats = {message.beat: message.intent for record in journal.records if isinstance(message := record.message, BeatOpened)}
    return tuple(beats[number] for number in sorted(beats))


def record_of(folder: Path) -> Mapping[str, Any]:
    """What `take.json` says of a take; {} if it is not there or is none."""
    try:
        record = json.loads((folder / "take.json").read_bytes())
    except (OSError, ValueError, RecursionError):
        return {}
    return record if isinstance(record, dict) and record.get("format") == "textuportray.take" else {}
