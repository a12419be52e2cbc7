"""The watch that holds every test's journals to the protocol sees what it should."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from protocol.journal import JournalWriter, Record, read_journal
from tests.watching import Watch, findings

GOLDEN = Path(__file__).parent / "golden" / "rendered_and_resumed.mcap"


@pytest.fixture(scope="module")
def records() -> tuple[Record, ...]:
    with GOLDEN.open("rb") as stream:
        return read_journal(stream).records


def without(records: tuple[Record, ...], kind: str) -> tuple[Record, ...]:
    """A journal without the first message of a kind."""
    place = next(n for n, record in enumerate(records) if type(record.message).__name__ == kind)
    return (*records[:place], *(replace(record, seq=record.seq - 1) for record in records[place + 1 :]))


def write(path: Path, records: tuple[Record, ...]) -> None:
    with path.open("wb") as stream:
        writer = JournalWriter(stream, lambda: None)
        for record in records:
            writer.append(record)
        writer.close()


@pytest.mark.tampers
@pytest.mark.parametrize("kind", ["Accepted", "Committed", "ChunkRendered"])
def test_a_journal_that_breaks_the_protocol_is_seen_where_it_is_written_and_where_it_lies(records, tmp_path, watch, kind):
    broken = without(records, kind)
    watch.forget()
    write(tmp_path / "journal.mcap", broken)
    assert list(watch.written()) == findings(broken) != []
    (tmp_path / "no journal.mcap").write_bytes(b"nothing")
    fresh = Watch()
    assert [found for _, found in fresh.left(tmp_path)] == findings(broken)
    assert list(fresh.left(tmp_path)) == [], "it is told of once"


@pytest.mark.tampers
def test_what_lies_in_any_folder_of_a_module_is_seen_once(records, tmp_path):
    broken = without(records, "Committed")
    watch = Watch()
    for name in ("one", "other"):
        (tmp_path / name).mkdir()
        (tmp_path / f"{name} once more").symlink_to(name)
        write(tmp_path / name / "journal.mcap", broken)
        assert [path.parent.name for path, _ in watch.left_together(tmp_path)] == [name] * len(findings(broken))
    assert list(watch.left_together(tmp_path)) == []


def test_a_journal_in_order_passes(records, tmp_path, watch):
    write(tmp_path / "journal.mcap", records)
    assert list(watch.written()) == []
    assert list(Watch().left(tmp_path)) == []
