"""What a take leaves behind: checked before the work, and whole or not there at all."""

from __future__ import annotations

import errno
import fcntl
import json
import os
import subprocess
import sys

from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from protocol.channels import INDEX, NAMES
from protocol.timeline import CommittedBeat, Timeline
from runtime.options import UsageError
from runtime.outputs import TakeFiles, copy_file, whole_file, write_motion, write_record, write_timeline
from runtime.take_error import TakeError
from tests.tracks import motion, tracks


def _everything(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize(
    ("name", "folder"), [("motion.json", "motion.take"), ("motion", "motion.take"), ("a.b.json", "a.b.take"), (".m", ".m.take")]
)
def test_the_take_lies_beside_its_output(name, folder):
    files = TakeFiles.beside(Path("out") / name)
    assert files.folder == Path("out") / folder
    assert {path.parent for path in (files.journal, files.live, files.motion, files.timeline, files.record)} == {files.folder}


def test_a_check_leaves_nothing_behind(tmp_path):
    TakeFiles.beside(tmp_path / "new" / "newer" / "motion.json").check()
    assert _everything(tmp_path) == []


def test_a_check_leaves_what_is_there_as_it_is(tmp_path):
    files = TakeFiles.beside(tmp_path / "motion.json")
    files.output.write_text("mine")
    files.folder.mkdir()
    files.motion.write_text("mine too")
    files.check()
    assert _everything(tmp_path) == ["motion.json", "motion.take", "motion.take/motion.json"]
    assert files.output.read_text() == "mine"


@pytest.mark.parametrize("name", ["motion.take", ".", "..", "", "folder", "file/motion.json", "file/deep/motion.json"])
def test_what_cannot_be_an_output_is_refused(tmp_path, name):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("a regular file")
    before = _everything(tmp_path)
    with pytest.raises(UsageError, match=r"Name (a|the) file"):
        TakeFiles.beside(tmp_path / name if name else Path()).check()
    assert _everything(tmp_path) == before


def test_a_file_in_place_of_the_folder_is_no_take(tmp_path):
    (tmp_path / "motion.take").write_text("a regular file")
    with pytest.raises(UsageError, match=r"cannot be written \(Not a directory\)"):
        TakeFiles.beside(tmp_path / "motion.json").check()


def test_a_device_is_not_replaced():
    with pytest.raises(UsageError, match="/dev/full is a device or the like"):
        TakeFiles.beside(Path("/dev/full")).check()


def test_a_name_that_is_too_long_is_found_before_the_work(tmp_path):
    with pytest.raises(UsageError, match="File name too long"):
        TakeFiles.beside(tmp_path / ("m" * 250)).check()
    assert _everything(tmp_path) == []


def test_a_full_disk_is_found_before_the_work(tmp_path, monkeypatch):
    """Opening a file on a full disk succeeds, writing to it does not."""

    class Full:
        def __init__(self, stream):
            self.stream = stream

        def __enter__(self):
            return self

        def __exit__(self, *what):
            self.stream.close()

        def write(self, data):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    real = Path.open
    monkeypatch.setattr(Path, "open", lambda self, mode="r": Full(real(self, mode)))
    with pytest.raises(UsageError, match=r"No space left on device\)\. Name a file .* with space left"):
        TakeFiles.beside(tmp_path / "new" / "motion.json").check()
    monkeypatch.undo()
    assert _everything(tmp_path) == []


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_the_right_to_write_is_found_before_the_work(tmp_path):
    tmp_path.chmod(0o500)
    try:
        with pytest.raises(UsageError, match="Permission denied"):
            TakeFiles.beside(tmp_path / "motion.json").check()
    finally:
        tmp_path.chmod(0o700)


def test_a_take_that_begins_removes_what_an_earlier_one_left_and_nothing_else(tmp_path):
    files = TakeFiles.beside(tmp_path / "motion.json")
    files.folder.mkdir()
    for path in (files.output, files.journal, files.live, files.motion, files.timeline, files.record):
        path.write_text("old")
    (files.folder / "notes.txt").write_text("mine")
    with files.begun():
        assert _everything(tmp_path) == ["motion.json", "motion.take", "motion.take/notes.txt"]
        files.journal.write_text("new")
    assert files.journal.read_text() == "new"


def test_what_a_take_that_was_killed_when_it_went_on_has_left_is_removed_too(tmp_path):
    files = TakeFiles.beside(tmp_path / "motion.json")
    files.folder.mkdir()
    files.next.write_text("half")
    with files.begun():
        assert _everything(tmp_path) == ["motion.take"]


def test_a_folder_belongs_to_one_take_at_a_time(tmp_path):
    files = TakeFiles.beside(tmp_path / "motion.json")

    def another() -> None:
        with files.begun():
            pytest.fail("it was let in")

    with files.begun():
        files.live.write_text("mine")
        with pytest.raises(TakeError, match=r"motion\.take belongs to a take that still runs, in another process\. Wait"):
            another()
        assert files.live.read_text() == "mine"
    with files.claimed():
        pass


def test_a_take_that_was_killed_does_not_keep_its_folder(tmp_path):
    """The system gives up what a process held."""
    files = TakeFiles.beside(tmp_path / "motion.json")
    files.folder.mkdir()
    hold = f"import fcntl, os; fcntl.flock(os.open({str(files.folder)!r}, os.O_RDONLY), fcntl.LOCK_EX); print(); input()"
    with subprocess.Popen([sys.executable, "-c", hold], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.readline()
        with pytest.raises(TakeError), files.claimed():
            pytest.fail("it was let in")
        process.kill()
        process.wait()
    with files.claimed():
        pass


def test_a_file_system_without_locks_is_written_to_all_the_same(tmp_path, monkeypatch):
    def flock(handle: int, how: int) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", flock)
    with TakeFiles.beside(tmp_path / "motion.json").begun():
        pass


def test_a_take_that_ends_without_a_journal_leaves_no_folder(tmp_path):
    files = TakeFiles.beside(tmp_path / "new" / "motion.json")

    def fail():
        with files.begun():
            assert files.folder.is_dir()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fail()
    assert _everything(tmp_path) == []


def test_a_file_appears_when_it_is_complete(tmp_path):
    path = tmp_path / "file"
    with whole_file(path) as stream:
        stream.write(b"all of it")
        stream.flush()
        assert not path.exists()
    assert path.read_bytes() == b"all of it"
    assert _everything(tmp_path) == ["file"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, OSError, SystemExit])
def test_a_file_that_is_not_completed_leaves_the_old_one(tmp_path, error):
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail():
        with whole_file(path) as stream:
            stream.write(b"half")
            raise error

    with pytest.raises(error):
        fail()
    assert path.read_bytes() == b"old"
    assert _everything(tmp_path) == ["file"]


def test_rights_are_those_that_the_user_gives_new_files(tmp_path):
    before = os.umask(0o027)
    try:
        with whole_file(tmp_path / "file") as stream:
            stream.write(b"x")
    finally:
        os.umask(before)
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o640


def test_a_motion_is_what_other_programs_read(tmp_path):
    samples = motion({"headYaw": ((0.0, 0.0), (1.0, 10.0))}, 1.0, 30000 / 1001)
    path = tmp_path / "motion.json"
    write_motion(path, samples, Fraction(30000, 1001), 'She says "👋" and turns', 7)
    document = json.loads(path.read_bytes())
    assert {name: document[name] for name in ("format", "version", "fps", "direction", "seed")} == {
        "format": "textuportray.motion",
        "version": 1,
        "fps": "30000/1001",
        "direction": 'She says "👋" and turns',
        "seed": 7,
    }
    assert document["channels"] == list(NAMES)
    frames = np.array(document["frames"])
    assert frames.shape == samples.T.shape
    assert np.abs(frames - samples.T).max() <= 0.5e-6 + 1e-12
    assert frames[-1, INDEX["headYaw"]] == pytest.approx(10.0, abs=0.1)


def test_a_motion_longer_than_what_is_written_at_once_is_in_one_piece(tmp_path):
    samples = np.arange(len(NAMES) * 4001, dtype=float).reshape(len(NAMES), 4001) / 1e6
    calls = []
    write_motion(tmp_path / "m.json", samples, Fraction(60), "x", 0, lambda: calls.append(1))
    frames = np.array(json.loads((tmp_path / "m.json").read_bytes())["frames"])
    assert np.array_equal(frames, samples.T.round(6))
    assert len(calls) == 3


def test_zeros_are_written_without_a_sign(tmp_path):
    samples = np.full((len(NAMES), 1), -1e-9)
    write_motion(tmp_path / "m.json", samples, Fraction(60), "x", 0)
    assert b"-0" not in (tmp_path / "m.json").read_bytes()


def test_a_motion_that_holds_no_number_is_not_written(tmp_path):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_motion(tmp_path / "m.json", np.full((len(NAMES), 1), np.nan), Fraction(60), "x", 0)
    assert _everything(tmp_path) == []


def test_writing_can_be_ended_at_any_time(tmp_path):
    def stop():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_motion(tmp_path / "m.json", np.zeros((len(NAMES), 10)), Fraction(60), "x", 0, stop)
    (tmp_path / "source").write_text("s")
    with pytest.raises(KeyboardInterrupt):
        copy_file(tmp_path / "source", tmp_path / "copy", stop)
    assert _everything(tmp_path) == ["source"]


def test_a_copy_is_the_same(tmp_path):
    (tmp_path / "source").write_bytes(bytes(range(256)) * 1000)
    copy_file(tmp_path / "source", tmp_path / "copy")
    assert (tmp_path / "copy").read_bytes() == (tmp_path / "source").read_bytes()


def test_a_timeline_survives_its_file(tmp_path):
    timeline = Timeline(beats=(CommittedBeat(start=0.0, end=1.0, tracks=tracks({"jawOpen": ((0.0, 0.0), (0.5, 0.3))})),))
    write_timeline(tmp_path / "timeline.json", timeline)
    text = (tmp_path / "timeline.json").read_text(encoding="utf-8")
    assert Timeline.model_validate_json(text) == timeline
    assert text.endswith("\n")


def test_a_record_is_readable_by_people(tmp_path):
    write_record(tmp_path / "take.json", {"direction": "Ça va 👋", "seed": 1})
    text = (tmp_path / "take.json").read_text(encoding="utf-8")
    assert json.loads(text) == {"direction": "Ça va 👋", "seed": 1}
    assert "Ça va 👋" in text
    assert len(text.splitlines()) == 4


def test_what_killed_processes_left_half_written_goes_when_the_take_goes_on_and_nothing_else(tmp_path):
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    files = TakeFiles.beside(tmp_path / "smile.mkv")
    files.folder.mkdir()
    (tmp_path / "smile").mkdir()
    gone = [f".smile.mkv.{ended.pid}.part", f"smile.take/.take.json.{ended.pid}.part", f"smile/.frames.{ended.pid}.part"]
    kept = [
        f".smile.mkv.{os.getpid()}.part",  # of a process that lives
        f".nod.mkv.{ended.pid}.part",  # of another take
        ".smile.mkv.part",
        "smile.take/journal.live.mcap",
    ]
    for name in (*gone[:2], *kept):
        (tmp_path / name).touch()
    (tmp_path / gone[2]).mkdir()
    (tmp_path / gone[2] / "0001.png").touch()
    before = _everything(tmp_path)
    with files.claimed():
        pass
    assert _everything(tmp_path) == sorted({*before} - {*gone, f"{gone[2]}/0001.png"})


def test_pictures_of_before_that_a_killed_process_had_put_aside_are_not_removed(tmp_path):
    with subprocess.Popen([sys.executable, "-c", ""]) as ended:
        pass
    files = TakeFiles.beside(tmp_path / "frames" / "%05d.png")
    aside = tmp_path / "frames" / f".frames.{ended.pid}.part" / "earlier" / "00000.png"
    for folder in (files.folder, aside.parent):
        folder.mkdir(parents=True)
    aside.touch()
    with files.claimed():
        pass
    assert aside.exists()
