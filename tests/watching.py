"""Every journal that a test writes is held to the protocol, by role monitors and history check, whatever the test looks at.

Journals that are written in the test's process are followed record by record, and those that other processes leave in its
folders are read once it is over. A test that breaks a journal on purpose says so: `@pytest.mark.tampers`.
"""

from __future__ import annotations

import weakref

from collections.abc import Iterator
from pathlib import Path

from protocol.findings import Finding
from protocol.history import history
from protocol.journal import JournalError, JournalWriter, Record, read_journal
from protocol.messages import TakeOpened
from protocol.monitor import monitor


class Watch:
    """Follows every journal writer of this process."""

    def __init__(self) -> None:
        self._records: weakref.WeakKeyDictionary[JournalWriter, list[Record]] = weakref.WeakKeyDictionary()
        self._begun: list[list[Record]] = []
        self._read: set[tuple[str, int, int]] = set()
        self._looked_through: set[Path] = set()

    def follow(self, writer: JournalWriter, record: Record) -> None:
        """A record has been written."""
        if writer not in self._records:
            self._records[writer] = []
            self._begun.append(self._records[writer])
        self._records[writer].append(record)

    def forget(self) -> None:
        """What was written up to now is nobody's concern any more."""
        self._begun.clear()

    def written(self) -> Iterator[Finding]:
        """What is wrong with the journals of this process that were begun since it was last asked."""
        begun, self._begun = self._begun, []
        for records in begun:
            yield from findings(records)

    def left(self, folder: Path) -> Iterator[tuple[Path, Finding]]:
        """What is wrong with the journals in a folder that were not looked at yet."""
        self._looked_through.add(folder)
        for path in sorted(folder.rglob("*.mcap")):
            if not path.is_file():
                continue
            about = path.stat()
            name = (str(path), about.st_mtime_ns, about.st_size)
            if name in self._read:
                continue
            self._read.add(name)
            try:
                with path.open("rb") as stream:
                    journal = read_journal(stream)
            except (JournalError, OSError):
                continue  # no journal, or one that nobody may read: tests of what is said then
            for finding in findings(journal.records):
                yield path, finding

    def left_together(self, folder: Path) -> Iterator[tuple[Path, Finding]]:
        """Likewise in those of its folders that were not looked through yet: there are thousands in the end."""
        for each in sorted(set(folder.iterdir()) - self._looked_through):
            if each.is_dir() and not each.is_symlink():  # pytest links to the latest of each name
                yield from self.left(each)


def findings(records: tuple[Record, ...] | list[Record]) -> list[Finding]:
    """What a journal does not keep of the protocol, as far as it goes; nothing if it is not of a take."""
    if not records or not isinstance(records[0].message, TakeOpened):
        return []
    return [*monitor(records), *history(records, complete=False)]


def install(watch: Watch) -> None:
    """Have every writer of this process followed, from now on."""
    append = JournalWriter.append

    def followed(self: JournalWriter, record: Record, body: bytes | None = None) -> None:
        append(self, record, body)
        watch.follow(self, record)

    JournalWriter.append = followed  # type: ignore[method-assign]
