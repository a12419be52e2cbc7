"""The journal of a real take on disk: cut anywhere, on a disk that is full or read-only, killed while it is compacted."""

from __future__ import annotations

import errno
import io
import itertools
import os
import random

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from protocol.journal import Record, Stored, read_journal, scan_journal
from runtime.commands.verify import check
from runtime.inline import InlineBase
from runtime.loading import Loaded
from runtime.options import TakeOptions
from runtime.outputs import TakeFiles
from runtime.production import Order, plan_to_files
from runtime.take import Watch, opening
from runtime.take_error import TakeError
from runtime.takes import journal_path, open_take
from tests.program import left
from tests.recorded import stopped_after
from tests.staging import FakeRenderer, film_take, past_of, studio
from tests.test_journal import MAGIC, frames

TAIL = 64 * 1024
"""Bytes at the end of a journal that is cut at each of them."""
BEFORE = 1000
"""Places before those at which it is cut."""
TWO = TakeOptions(direction="She grins, then nods.", fps=Fraction(25), seconds=2.0, seed=3)
BLINK = TakeOptions(direction="She blinks.", idle=False, fps=Fraction(25), seconds=0.6)


def planned(files: TakeFiles, loaded: Loaded, past: Any = None) -> None:
    """Plan a short take, or go on with it."""
    order = Order(opening(BLINK, loaded), loaded, past=past)
    plan_to_files(order, files, InlineBase(), Watch(lambda: 0.0))


@dataclass(frozen=True)
class Written:
    """The live journal of a take.

    Attributes:
        data: all of it, closed.
        safe: (bytes, records) that were on disk each time when it was forced there.
    """

    data: bytes
    safe: tuple[tuple[int, int], ...]


@pytest.fixture(scope="module")
def written(tmp_path_factory, loaded) -> Written:
    """That of a rendered take of two beats, as it was forced to disk."""
    folder = tmp_path_factory.mktemp("take")
    real, data, safe, told = os.fsync, b"", [], 0

    def fsync(handle: int) -> None:
        nonlocal data
        real(handle)
        if Path(f"/proc/self/fd/{handle}").resolve().name == "journal.live.mcap":
            data = Path(f"/proc/self/fd/{handle}").read_bytes()
            safe.append((len(data), told))

    def count(record: Record) -> None:
        nonlocal told
        told = record.seq

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "fsync", fsync)
        film_take(studio(FakeRenderer(), folder), loaded, folder / "a.mkv", TWO, told=count)
    # The record that makes a place safe is told after that place is reached.
    return Written(data, tuple((size, count + 1 if at < len(safe) - 1 else count) for at, (size, count) in enumerate(safe)))


def test_the_take_is_large_and_forced_to_disk_at_each_of_its_commits(written):
    assert len(written.data) > 4 * TAIL
    assert len(written.safe) >= 6  # opened, film opened, two beats committed, closed by the coordinator and in the file
    whole = scan_journal(io.BytesIO(written.data))
    assert written.safe[-1] == (len(written.data), len(whole.stored))


def cuts(data: bytes, every: int, before: int) -> Iterator[int]:
    """Where a journal is cut: at one byte of so many of its end, and at random places before."""
    chance = random.Random(64)  # noqa: S311 - the same places every time
    yield from range(len(data) - TAIL, len(data), every)
    yield from (chance.randrange(len(data) - TAIL) for _ in range(before))


@pytest.mark.parametrize(("every", "before"), [(173, 60), pytest.param(1, BEFORE, marks=pytest.mark.slow)])
def test_whatever_was_acknowledged_is_there_after_a_cut_at_any_byte(written, every, before):
    """What is found is the beginning of what was there, byte for byte; so what it says is read below, once for each length."""
    data = written.data
    whole = scan_journal(io.BytesIO(data)).stored
    ends = [len(MAGIC), *(end for _, _, end in frames(data)), len(data)]
    behind = [stored.at for stored in whole[1:]]
    lengths: set[int] = set()
    for cut in cuts(data, every, before):
        found = scan_journal(io.BytesIO(data[:cut]))
        count = len(found.stored)
        assert same(found.stored, whole), cut
        assert all(count >= records for size, records in written.safe if size <= cut), cut
        assert count >= sum(at <= cut for at in behind), cut  # a record is lost only if it is cut itself
        assert found.torn_at == (None if cut in ends else max([end for end in ends if end <= cut], default=0)), cut
        assert not found.closed
        lengths.add(count)
    assert len(lengths) > 10


def same(part: tuple[Stored, ...], whole: tuple[Stored, ...]) -> bool:
    """Whether these are the first records of those."""
    return part == whole[: len(part)]


def test_what_is_found_after_a_cut_says_what_it_said(written):
    data = written.data
    whole = read_journal(io.BytesIO(data)).records
    for stored in scan_journal(io.BytesIO(data)).stored[:: len(whole) // 12]:
        found = read_journal(io.BytesIO(data[: stored.at + 40]))
        assert found.records == whole[: len(found.records)]
        assert len(found.records) >= stored.seq - 1


# -------------------------------------------------------------------------------------------------------- disks that fail


class Full(io.FileIO):
    """A file on a disk that has room for so many bytes more."""

    room = 0

    def write(self, data: Any) -> int:
        """Write what there is room for."""
        piece = bytes(data)[: Full.room]
        if not piece:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        Full.room -= len(piece)
        return super().write(piece)


def on_a_full_disk(patch: pytest.MonkeyPatch, room: int, name: str) -> None:
    """Let files of this name have so much room."""
    real = Path.open
    Full.room = room

    def opening_(path: Path, mode: str = "r", *rest: Any, **more: Any) -> Any:
        if mode == "wb" and (path.name == name or path.name.startswith(f".{name}.")):
            return io.BufferedWriter(Full(path, "wb"))
        return real(path, mode, *rest, **more)

    patch.setattr(Path, "open", opening_)


@pytest.mark.parametrize("room", [0, 100, 5000, 200_000, 262_144, 430_000, 440_000, 450_000, 470_000])
def test_a_disk_that_is_full_within_a_record_keeps_what_was_written_before(loaded, tmp_path, room, monkeypatch):
    files = TakeFiles.beside(tmp_path / "a.json")
    with monkeypatch.context() as patch:
        on_a_full_disk(patch, room, "journal.live.mcap")
        with pytest.raises(TakeError, match="No space left on device") as error:
            planned(files, loaded)
    assert "Free some space on the disk" in str(error.value)
    assert not files.output.exists()
    if not files.live.exists():
        assert left(tmp_path) == []  # not even the first record has come through
        assert room <= 440_000  # the first record holds all tables
        return
    assert f"go on with: textuportray resume {files.folder}" in str(error.value)
    found = open_take(files.folder)
    assert files.live.stat().st_size <= room
    assert found.records
    assert not found.closed
    goes_on(files, loaded, tmp_path)


def goes_on(files: TakeFiles, loaded: Loaded, folder: Path) -> None:
    """The take comes to the end that it would have come to."""
    planned(files, loaded, past_of(files.folder, loaded.tables.constraints))
    (folder / "whole").mkdir(exist_ok=True)
    whole = TakeFiles.beside(folder / "whole" / "a.json")
    planned(whole, loaded)
    assert files.output.read_bytes() == whole.output.read_bytes()
    assert files.journal.exists()
    assert not files.live.exists()
    assert check(files.folder, [Fraction(25)])[0] == []


@pytest.mark.parametrize("room", [0, 10_000])
def test_a_disk_that_is_full_while_a_journal_is_compacted_keeps_the_live_one(loaded, tmp_path, room, monkeypatch):
    files = TakeFiles.beside(tmp_path / "a.json")
    with monkeypatch.context() as patch:
        on_a_full_disk(patch, room, "journal.mcap")
        with pytest.raises(TakeError, match=r"No space left on device\)\. Free some space on the disk and go on with"):
            planned(files, loaded)
    assert left(files.folder) == ["journal.live.mcap", "take.json"]
    assert open_take(files.folder).closed
    goes_on(files, loaded, tmp_path)


@pytest.mark.parametrize("number", [errno.EROFS, errno.EACCES])
@pytest.mark.parametrize("name", ["journal.live.mcap", "journal.mcap", "journal.next.mcap"])
def test_a_folder_that_becomes_read_only_loses_nothing_that_is_in_it(loaded, tmp_path, monkeypatch, number, name):
    files = TakeFiles.beside(tmp_path / "a.json")
    past = None
    if name == "journal.next.mcap":
        order = Order(opening(BLINK, loaded), loaded)
        with pytest.raises(TakeError):
            plan_to_files(order, files, InlineBase(), Watch(lambda: 0.0, stopped_after(30)))
        past = past_of(files.folder, loaded.tables.constraints)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*.mcap")}
    real = Path.open

    def refusing(path: Path, mode: str = "r", *rest: Any, **more: Any) -> Any:
        if mode == "wb" and (path.name == name or path.name.startswith(f".{name}.")):
            raise OSError(number, os.strerror(number), str(path))
        return real(path, mode, *rest, **more)

    with monkeypatch.context() as patch:
        patch.setattr(Path, "open", refusing)
        with pytest.raises(TakeError, match=os.strerror(number)):
            planned(files, loaded, past)
    assert all(path.read_bytes() == data for path, data in before.items())
    if name == "journal.live.mcap":
        assert left(tmp_path) == []
    else:
        goes_on(files, loaded, tmp_path)


# ------------------------------------------------------------------------------------------------------- killed at the end


def killed_at(step: int, work: Callable[[], object]) -> tuple[int, int]:
    """Do something in a process that is killed, without a last word, before its n-th step on the disk.

    Returns:
        Its exit code, 9 if it was killed, and how many steps it took.
    """
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        taken = itertools.count(1)
        try:

            def counted(real: Callable[..., Any]) -> Callable[..., Any]:
                def called(*words: Any, **more: Any) -> Any:
                    if next(taken) == step:
                        os._exit(9)
                    return real(*words, **more)

                return called

            for holder, name in ((Path, "open"), (Path, "replace"), (Path, "unlink"), (os, "fsync")):
                setattr(holder, name, counted(getattr(holder, name)))
            work()
            code = 0
        finally:
            os.write(writing, str(next(taken) - 1).encode())
            os._exit(code)
    os.close(writing)
    with os.fdopen(reading) as told:
        steps = told.read()
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status), int(steps or 0)


def test_a_take_that_is_killed_at_any_step_of_its_end_has_a_journal_that_opens(loaded, tmp_path):
    """The live journal goes only when the compact one is in its place; of the two the compact one is opened."""
    whole = TakeFiles.beside(tmp_path / "whole.json")
    code, steps = killed_at(0, lambda: planned(whole, loaded))
    assert code == 0
    seen = set()
    for step in range(steps, 0, -1):
        (tmp_path / str(step)).mkdir()
        files = TakeFiles.beside(tmp_path / str(step) / "a.json")
        assert killed_at(step, partial(planned, files, loaded))[0] == 9
        names = tuple(name for name in ("journal.live.mcap", "journal.mcap") if (files.folder / name).exists())
        seen.add(names)
        journal = open_take(files.folder)
        if not journal.closed:
            break  # from there on back it is a take that was cut off
        assert journal_path(files.folder) == (files.journal if files.journal.exists() else files.live)
        assert journal.records == open_take(whole.folder).records
        with files.claimed():  # which sweeps up what was half written
            planned(files, loaded, past_of(files.folder, loaded.tables.constraints))
        assert files.output.read_bytes() == whole.output.read_bytes()
        assert left(tmp_path / str(step)) == ["a.json", "a.take", *(f"a.take/{name}" for name in left(whole.folder))]
    assert seen == {("journal.live.mcap",), ("journal.live.mcap", "journal.mcap"), ("journal.mcap",)}


def test_a_journal_that_goes_on_is_never_without_the_one_before(loaded, tmp_path):
    """At each step of going on there is a journal with all that there was."""
    order = Order(opening(BLINK, loaded), loaded)
    for step in itertools.count(1):
        files = TakeFiles.beside(tmp_path / str(step) / "a.json")
        with pytest.raises(TakeError):
            plan_to_files(order, files, InlineBase(), Watch(lambda: 0.0, stopped_after(30)))
        past = past_of(files.folder, loaded.tables.constraints)
        code, _ = killed_at(step, partial(plan_to_files, replace(order, past=past), files, InlineBase(), Watch(lambda: 0.0)))
        found = open_take(files.folder).records
        assert found[: len(past.records)] == tuple(past.records)
        if len(found) > len(past.records) or code == 0:
            break
    assert step > 4
