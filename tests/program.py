"""The program as its user starts it, and what is left of that."""

from __future__ import annotations

import contextlib
import signal
import sys
import sysconfig

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import structlog

from protocol.journal import JournalWriter, Record
from runtime.cli import main

PROGRAM = Path(sysconfig.get_path("scripts")) / "textuportray"
DIRECTION = "She grins, then turns her head far to the right."
"""Two beats, and something to object to in the first."""


def command(*words: str) -> list[str]:
    """The real program; from a checkout that is not installed, its module."""
    return [str(PROGRAM), *words] if PROGRAM.exists() else [sys.executable, "-m", "runtime", *words]


def left(folder: Path) -> list[str]:
    """Everything in a folder, by its path from there."""
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def refused(capsys: Any, *words: str, code: int = 2) -> str:
    """What a command line that cannot be carried out says: one short line, and nothing where results go."""
    assert main(words) == code
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.count("\n") == 1, printed.err
    assert printed.err.startswith("textuportray: ")
    assert len(printed.err) < 500
    assert "Traceback" not in printed.err
    said: str = printed.err
    return said.removeprefix("textuportray: ").rstrip("\n")


def planned(folder: Path) -> Path:
    """The folder, with motion.json and motion.take in it."""
    with at_home(folder):
        assert main(["plan", DIRECTION, "--no-idle", "-o", "motion.json"]) == 0
    return folder


def journal_file(path: Path, records: Sequence[Record], *, close: bool = True) -> Path:
    """A journal of these records, closed or cut off after them."""
    with path.open("wb") as stream:
        writer = JournalWriter(stream, lambda: None)
        for record in records:
            writer.append(record)
        if close:
            writer.close()
    return path


@contextlib.contextmanager
def at_home(folder: Path) -> Iterator[None]:
    """Commands work in this folder; afterwards the log and the signals of this process are what they were."""
    log = structlog.get_config()
    handlers = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with contextlib.chdir(folder):
        yield
    structlog.configure(**log)
    assert handlers == [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
