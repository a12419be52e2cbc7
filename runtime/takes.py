"""Finding and opening takes that were made before."""

from __future__ import annotations

from pathlib import Path

from protocol.journal import Journal, JournalError, read_journal
from runtime.options import UsageError


def journal_path(take: Path) -> Path:
    """The journal of a take, given as the journal itself, its `.take` folder, or the output beside the folder.

    Raises:
        UsageError: there is none.
    """
    if take.is_dir():
        folders = [take]
    elif take.exists() and take.suffix == ".mcap":
        return take
    else:
        folders = [take.with_suffix(".take")]
    for folder in folders:
        for name in ("journal.mcap", "journal.live.mcap"):
            if (folder / name).is_file():
                return folder / name
    if take.is_dir():
        raise UsageError(
            f"{take} is a folder without a journal. Name a journal (.mcap), a .take folder, or an output with its folder."
        )
    if take.is_file():
        raise UsageError(f"{take} has no take beside it. Name a journal (.mcap), a .take folder, or an output with its folder.")
    raise UsageError(f"{take} does not exist. Name a journal (.mcap), a .take folder, or an output with its folder.")


def open_take(take: Path) -> Journal:
    """Read a take's journal.

    Raises:
        UsageError: there is none.
        JournalError: it is not a journal, or of another version, or empty.
    """
    path = journal_path(take)
    try:
        with path.open("rb") as stream:
            journal = read_journal(stream)
    except JournalError as error:
        raise JournalError(f"{path}: {error}") from None
    if not journal.records:
        raise JournalError(
            f"{path}: the journal ends before its first complete record, so there is nothing to show. Plan the take again."
        )
    return journal
