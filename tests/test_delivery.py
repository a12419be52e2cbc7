import errno
import re
import shlex

from pathlib import Path

import pytest

from fsspec.implementations.local import LocalFileSystem
from fsspec.implementations.memory import MemoryFile

from renderer.video_files import Numbered
from runtime.delivery import Delivery, check_output_url
from runtime.errors import exit_code, paragraph
from runtime.options import UsageError
from runtime.outputs import TakeFiles
from runtime.places import PlaceError
from tests.faulty_files import FaultyFiles, MovingFiles, Objects, faulty_files

VIDEO = bytes(range(256)) * 40
KINDS = [FaultyFiles, MovingFiles, Objects]
TAKE = {"journal.mcap": b"journal", "take.json": b"{}"}
FULL = OSError(errno.ENOSPC, "No space left on device")


@pytest.fixture(autouse=True)
def places():
    with faulty_files():
        yield


def make(delivery, video=VIDEO):
    """What a take leaves at the local place of a video."""
    files = TakeFiles.beside(delivery.local)
    files.folder.mkdir()
    for name, data in TAKE.items():
        (files.folder / name).write_bytes(data)
    delivery.local.write_bytes(video)


def deliver(delivery, work=make, progress=lambda done, total: None):
    with delivery:
        work(delivery)
        return delivery.deliver(progress)


def stored(kind):
    return {path: bytes(file.getbuffer()) for path, file in kind.store.items()}


def put(kind, path, data):
    files = kind()
    files.store[path] = MemoryFile(files, path, data)


def fail(kind, error, when, number=None):
    """Fail each action that is like this, or only the n-th of them."""
    seen = []

    def fault(action, path):
        if when(action, path):
            seen.append(path)
            if number in (None, len(seen)):
                raise error

    kind.fault = staticmethod(fault)


def written(kind):
    """What was written or moved to a name that can be seen, in that order."""
    actions = [line.split(" ", 1) for line in kind.log]
    return [path for action, path in actions if action in ("write", "copy", "move") and "/." not in path]


WHOLE = {"/b/smile.mp4": VIDEO, "/b/smile.take/journal.mcap": b"journal", "/b/smile.take/take.json": b"{}"}


@pytest.mark.parametrize("kind", KINDS)
def test_what_was_produced_is_at_its_place_and_nothing_else(tmp_path, kind):
    with Delivery(f"{kind.protocol}://b/smile.mp4", scratch=tmp_path) as delivery:
        assert delivery.local.name == "smile.mp4"
        assert delivery.output == str(delivery.local)
        make(delivery)
        (delivery.local.parent / ".smile.mp4.77.part").write_bytes(b"unfinished")
        (delivery.local.parent / ".frames.77.part").mkdir()
        (delivery.local.parent / ".frames.77.part" / "1.png").write_bytes(b"unfinished")
        there = delivery.deliver()
    assert stored(kind) == WHOLE
    assert there == tuple(f"{kind.protocol}:/{path}" for path in sorted(WHOLE, key=lambda path: (path.endswith("mp4"), path)))
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", KINDS)
def test_the_output_comes_last(tmp_path, kind):
    with Delivery(f"{kind.protocol}://b/a.mp4", scratch=tmp_path) as delivery:
        make(delivery)
        delivery.also(f"{kind.protocol}://b/z.png").write_bytes(b"sheet")
        delivery.deliver()
    assert written(kind) == ["/b/a.take/journal.mcap", "/b/a.take/take.json", "/b/z.png", "/b/a.mp4"]


@pytest.mark.parametrize("kind", [FaultyFiles, MovingFiles])
def test_a_file_is_moved_to_its_name_when_it_is_whole(tmp_path, kind):
    while_there = []

    def watch(action, path):
        if "/b/smile.mp4" in kind.store:
            while_there.append(action)

    kind.fault = staticmethod(watch)
    deliver(Delivery(f"{kind.protocol}://b/smile.mp4", scratch=tmp_path))
    assert stored(kind) == WHOLE
    assert while_there == (["remove"] if kind is FaultyFiles else [])  # of the copy under the hidden name


@pytest.mark.parametrize("kind", KINDS)
def test_an_output_that_is_there_is_replaced(tmp_path, kind):
    put(kind, "/b/smile.mp4", b"earlier")
    with Delivery(f"{kind.protocol}://b/smile.mp4", scratch=tmp_path) as delivery:
        make(delivery)
        delivery.deliver()
    assert stored(kind) == WHOLE


def test_an_output_that_cannot_be_replaced_is_as_it_was(tmp_path):
    put(MovingFiles, "/b/smile.mp4", b"earlier")
    # The first move finds the place taken, the second puts the earlier one aside, the third fails, the fourth brings it back.
    fail(MovingFiles, FULL, lambda action, path: action == "move", number=3)
    with pytest.raises(PlaceError):
        deliver(Delivery("moving://b/smile.mp4", scratch=tmp_path), lambda delivery: delivery.local.write_bytes(VIDEO))
    assert stored(MovingFiles) == {"/b/smile.mp4": b"earlier"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("number", [1, 2, 3])
@pytest.mark.parametrize("error", [FULL, PermissionError("Forbidden"), RuntimeError("a driver's own")])
def test_a_delivery_that_fails_at_any_file_leaves_no_part_and_loses_nothing(tmp_path, kind, number, error):
    fail(kind, error, lambda action, path: action == "write", number)
    delivery = Delivery(f"{kind.protocol}://b/smile.mp4", scratch=tmp_path)
    with pytest.raises(PlaceError) as caught:
        deliver(delivery)
    assert stored(kind).items() <= WHOLE.items()
    assert len(stored(kind)) == number - 1
    assert "/b/smile.mp4" not in stored(kind)
    said = str(caught.value)
    assert exit_code(caught.value) == 1
    assert paragraph(caught.value) == said
    assert f"{number - 1} of 3 files" in said
    assert str(delivery.local.parent.parent) in said
    assert delivery.local.read_bytes() == VIDEO


def test_a_second_try_delivers_what_the_first_did_not(tmp_path):
    fail(FaultyFiles, FULL, lambda action, path: action == "write" and "smile.mp4" in path)
    with Delivery("faulty://b/smile.mp4", scratch=tmp_path) as delivery:
        delivery.goes_on(tmp_path)
        make(delivery)
        with pytest.raises(PlaceError, match="No space left"):
            delivery.deliver()
        assert "/b/smile.take/journal.mcap" in stored(FaultyFiles)
        fail(FaultyFiles, FULL, lambda action, path: False)
        delivery.deliver()
    assert stored(FaultyFiles) == WHOLE
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", [FaultyFiles, MovingFiles])
def test_a_place_that_keeps_less_than_it_takes_is_found_out(tmp_path, kind):
    kind.keeps = 10
    delivery = Delivery(f"{kind.protocol}://b/smile.mp4", scratch=tmp_path)
    with pytest.raises(PlaceError, match=r"10 of 10,240 bytes"):
        deliver(delivery, lambda delivery: delivery.local.write_bytes(VIDEO))
    assert not stored(kind)


def test_the_command_of_a_failed_delivery_copies_what_is_left(tmp_path, monkeypatch):
    def refused(self, item, meter):
        raise FULL

    monkeypatch.setattr(Delivery, "_put", refused)
    with pytest.raises(PlaceError) as caught:
        deliver(Delivery(f"file://{tmp_path}/a place/smile.mp4", scratch=tmp_path))
    python, option, code = shlex.split(str(caught.value).split("To copy it: ", 1)[1])
    assert (Path(python).is_file(), option) == (True, "-c")
    exec(code)  # noqa: S102 - our own words
    assert (tmp_path / "a place" / "smile.mp4").read_bytes() == VIDEO
    assert (tmp_path / "a place" / "smile.take" / "take.json").read_bytes() == b"{}"


def test_credentials_are_in_no_error_of_a_delivery(tmp_path):
    delivery = Delivery("faulty://me:hunter22@b/smile.mp4", scratch=tmp_path)
    fail(FaultyFiles, RuntimeError("no hunter22 here"), lambda action, path: action == "write")
    with delivery, pytest.raises(PlaceError) as checked:
        delivery.check()
    with pytest.raises(PlaceError) as caught:
        deliver(delivery)
    for said in (str(caught.value), str(checked.value)):
        assert "hunter22" not in said
        assert "faulty://b" in said
    assert "credentials put into the URL again" in str(caught.value)


# --------------------------------------------------------------------------------------------------- what stays, what goes


def test_what_was_made_before_the_work_failed_is_kept(tmp_path):
    def planned(delivery):
        make(delivery)
        delivery.local.unlink()
        raise ZeroDivisionError

    delivery = Delivery("faulty://b/smile.mp4", scratch=tmp_path)
    with pytest.raises(ZeroDivisionError):
        deliver(delivery, planned)
    assert (delivery.local.with_suffix(".take") / "take.json").is_file()
    assert str(tmp_path) in delivery.rescue
    assert not stored(FaultyFiles)


def test_a_take_without_its_video_can_be_delivered(tmp_path):
    with Delivery("faulty://b/smile.mp4", scratch=tmp_path) as delivery:
        make(delivery)
        delivery.local.unlink()
        assert delivery.deliver() == ("faulty://b/smile.take/journal.mcap", "faulty://b/smile.take/take.json")
    assert not list(tmp_path.iterdir())


def test_nothing_is_left_where_nothing_was_made(tmp_path):
    with pytest.raises(ZeroDivisionError), Delivery("faulty://b/smile.mp4", scratch=tmp_path):
        raise ZeroDivisionError
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", KINDS)
def test_an_earlier_take_is_not_mixed_with_this_one(tmp_path, kind):
    for name in ("journal.live.mcap", "motion.json", "notes.txt"):
        put(kind, f"/b/smile.take/{name}", b"earlier")
    with Delivery(f"{kind.protocol}://b/smile.mp4", scratch=tmp_path) as delivery:
        make(delivery)
        delivery.deliver()
    assert stored(kind) == {**WHOLE, "/b/smile.take/notes.txt": b"earlier"}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("url", ["b/frames/", "b/frames/frame_%05d.png"])
def test_pictures_are_delivered_in_place_of_those_of_a_longer_take(tmp_path, kind, url):
    names = Numbered("frame_", 5, ".png")
    for each in (names.name(9), "9.png", "mine.png"):
        put(kind, f"/b/frames/{each}", b"earlier")
    with Delivery(f"{kind.protocol}://{url}", scratch=tmp_path) as delivery:
        folder = delivery.local if url.endswith("/") else delivery.local.parent
        assert delivery.output.endswith("frames/" if url.endswith("/") else "%05d.png")
        folder.mkdir(exist_ok=True)
        for number in (1, 2):
            (folder / names.name(number)).write_bytes(b"picture")
        take = TakeFiles.beside(Path(delivery.output)).folder
        take.mkdir()
        (take / "take.json").write_bytes(b"{}")
        delivery.deliver()
    pictures = {f"/b/frames/{names.name(number)}": b"picture" for number in (1, 2)}
    record = "/b/frames.take/take.json" if url.endswith("/") else "/b/frames/frame_%05d.take/take.json"
    assert stored(kind) == {**pictures, record: b"{}", "/b/frames/9.png": b"earlier", "/b/frames/mine.png": b"earlier"}
    assert written(kind)[0] == record


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("name", ["journal.mcap", "journal.live.mcap"])
@pytest.mark.parametrize("earlier", [{}, {"/b/smile.take/journal.mcap": b"earlier"}])
def test_a_take_that_somebody_else_wrote_meanwhile_is_left_as_it_is(tmp_path, kind, name, earlier):
    for path, data in earlier.items():
        put(kind, path, data)
    theirs = {**earlier, f"/b/smile.take/{name}": b"theirs"}
    with Delivery(f"{kind.protocol}://b/smile.mp4", scratch=tmp_path) as delivery:
        delivery.check()
        make(delivery)
        put(kind, f"/b/smile.take/{name}", b"theirs")
        for _ in range(2):
            with pytest.raises(PlaceError, match=rf"{kind.protocol}://b/smile\.take was written by somebody else") as caught:
                delivery.deliver()
            assert stored(kind) == theirs
    assert f"all is in {delivery.local.parent.parent}" in str(caught.value)
    assert delivery.local.read_bytes() == VIDEO


@pytest.mark.parametrize("kind", KINDS)
def test_a_take_that_goes_on_is_compared_with_what_was_fetched(tmp_path, kind):
    """It may change before the place is checked, but goes on from what was fetched."""
    fetched = tmp_path / "fetched.take"
    fetched.mkdir()
    (fetched / "journal.mcap").write_bytes(b"as fetched")
    for there, refused in [(b"as fetched", False), (b"meanwhile", True)]:
        put(kind, "/b/smile.take/journal.mcap", there)
        with Delivery(f"{kind.protocol}://b/smile.mp4", scratch=tmp_path) as delivery:
            delivery.goes_on(fetched)
            delivery.check()
            make(delivery)
            if refused:
                with pytest.raises(PlaceError, match="somebody else"):
                    delivery.deliver()
            else:
                delivery.deliver()
        assert (stored(kind) == WHOLE) != refused


def test_a_video_alone_can_be_put_beside_a_take_of_somebody_else(tmp_path):
    with Delivery("faulty://b/smile.mp4", scratch=tmp_path) as delivery:
        delivery.check()
        put(FaultyFiles, "/b/smile.take/journal.mcap", b"theirs")
        delivery.local.write_bytes(VIDEO)
        assert delivery.deliver() == ("faulty://b/smile.mp4",)


def test_who_may_not_read_can_still_replace_a_take(tmp_path):
    put(Objects, "/b/smile.take/journal.mcap", b"earlier")
    fail(Objects, PermissionError("no reading"), lambda action, path: action == "open")
    with Delivery("s3://b/smile.mp4", scratch=tmp_path) as delivery:
        delivery.check()
        make(delivery)
        delivery.deliver()
    assert stored(Objects) == WHOLE


def test_who_may_not_look_can_still_write(tmp_path):
    fail(Objects, PermissionError("no listing"), lambda action, path: action in ("list", "remove"))
    with Delivery("s3://b/smile.mp4", scratch=tmp_path) as delivery:
        delivery.check()
        make(delivery)
        delivery.deliver()
    assert stored(Objects).items() >= WHOLE.items()


# ------------------------------------------------------------------------------------------------------- before the work


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("url", ["b/c/smile.mp4", "b/c/frames/", "b/c/%05d.png"])
def test_a_check_leaves_nothing_behind(tmp_path, kind, url):
    put(kind, "/b/mine", b"mine")
    with Delivery(f"{kind.protocol}://{url}", scratch=tmp_path) as delivery:
        delivery.check()
        assert not list(delivery.local.parent.iterdir())
    assert stored(kind) == {"/b/mine": b"mine"}
    assert kind.pseudo_dirs == [""]
    assert any(re.fullmatch(r"write /b/c/.*\..*", line) for line in kind.log)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    ("error", "raised"),
    [(PermissionError("Forbidden"), UsageError), (FileNotFoundError("no bucket"), UsageError), (FULL, PlaceError)],
)
def test_a_check_finds_out_that_a_place_cannot_be_written(tmp_path, kind, error, raised):
    fail(kind, error, lambda action, path: action == "write")
    words = rf"{kind.protocol}://b/smile\.mp4 cannot be written"
    with Delivery(f"{kind.protocol}://b/smile.mp4", scratch=tmp_path) as delivery, pytest.raises(raised, match=words):
        delivery.check()
    assert not stored(kind)
    assert kind.pseudo_dirs == [""]
    assert not list(tmp_path.iterdir())


def test_a_check_finds_out_that_nothing_can_be_moved(tmp_path):
    fail(FaultyFiles, PermissionError("no removing"), lambda action, path: action == "remove")
    with Delivery("faulty://b/smile.mp4", scratch=tmp_path) as delivery, pytest.raises(UsageError, match="no removing"):
        delivery.check()


def test_a_check_looks_at_every_place(tmp_path):
    fail(FaultyFiles, PermissionError("Forbidden"), lambda action, path: "/elsewhere/" in path)
    with Delivery("faulty://b/smile.mp4", scratch=tmp_path) as delivery:
        delivery.check()
        delivery.also("faulty://elsewhere/sheet.png")
        with pytest.raises(UsageError, match=r"faulty://elsewhere/sheet\.png"):
            delivery.check()


def test_an_output_that_is_a_folder_is_refused(tmp_path):
    put(FaultyFiles, "/b/smile.mp4/inside", b"")
    with Delivery("faulty://b/smile.mp4", scratch=tmp_path) as delivery, pytest.raises(UsageError, match="is a folder"):
        delivery.check()


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("https://host/smile.mp4", "the web is only read"),
        ("https://host/smile.mp4?sig=1", "question mark"),
        ("s3://smile.mp4", "names no file"),
        ("faulty://", "names no file"),
        ("faulty://b/smile.take", "folder of the take"),
        ("s4://b/smile.mp4", "no driver"),
        ("gs://b/smile.mp4", "pip install gcsfs"),
        ("memory://b/smile.mp4", "gone when the program ends"),
        ("Memory://b/frames/", "gone when the program ends"),
    ],
)
def test_what_cannot_be_an_output_is_refused(url, words):
    with pytest.raises(UsageError, match=words):
        Delivery(url)


def test_a_name_alone_is_refused_without_its_driver():
    check_output_url("gs://b/smile.mp4")
    for url in ("memory://b/smile.mp4", "https://host/smile.mp4", "gs://b/smile.take", "gs://b/smile.mp4?x"):
        with pytest.raises(UsageError):
            check_output_url(url)


def test_a_scratch_folder_that_cannot_be_made_is_told(tmp_path):
    with pytest.raises(PlaceError, match="TMPDIR"), Delivery("faulty://b/smile.mp4", scratch=tmp_path / "missing"):
        pass


# ------------------------------------------------------------------------------------------------- other files, progress


def test_a_sheet_may_go_elsewhere(tmp_path):
    with Delivery("s3://b/smile.mp4", scratch=tmp_path) as delivery:
        sheet = delivery.also("faulty://sheets/smile.png")
        assert sheet.parent != delivery.local.parent
        sheet.write_bytes(b"sheet")
        make(delivery)
        assert delivery.deliver()[-1] == "s3://b/smile.mp4"
    assert stored(FaultyFiles) == {"/sheets/smile.png": b"sheet"}
    assert stored(Objects) == WHOLE


def test_a_sheet_is_another_file_than_the_output(tmp_path):
    with Delivery("faulty://b/smile.png", scratch=tmp_path) as delivery:
        for url, words in [("faulty://b/smile.png", "Name two files"), ("faulty://b/sheets/", "is a folder")]:
            with pytest.raises(UsageError, match=words):
                delivery.also(url)


@pytest.mark.parametrize("kind", KINDS)
def test_progress_counts_the_bytes_of_all_files(tmp_path, kind):
    told = []
    with Delivery(f"{kind.protocol}://b/smile.mp4", scratch=tmp_path) as delivery:
        make(delivery)
        delivery.deliver(lambda done, total: told.append((done, total)))
    total = len(VIDEO) + sum(map(len, TAKE.values()))
    assert told[0] == (0, total)
    assert told[-1] == (total, total)
    assert told == sorted(told)
    assert {each for _, each in told} == {total}


@pytest.mark.parametrize("kind", KINDS)
def test_what_progress_raises_ends_the_delivery_as_it_is(tmp_path, kind):
    stop = ValueError("stopped")

    def progress(done, total):
        if done:
            raise stop

    delivery = Delivery(f"{kind.protocol}://b/smile.mp4", scratch=tmp_path)
    with pytest.raises(ValueError, match="stopped") as caught:
        deliver(delivery, make, progress)
    assert caught.value is stop
    assert "/b/smile.mp4" not in stored(kind)
    assert not any("part" in path for path in stored(kind))
    assert delivery.local.is_file()


def test_a_file_url_is_a_place_like_others(tmp_path):
    target = tmp_path / "a b" / "smile.mp4"
    with Delivery(f"file://{target}", scratch=tmp_path) as delivery:
        delivery.check()
        assert not target.parent.exists()
        make(delivery)
        assert delivery.deliver()[-1] == f"file://{target}"
    assert target.read_bytes() == VIDEO
    assert sorted(path.name for path in target.parent.rglob("*")) == ["journal.mcap", "smile.mp4", "smile.take", "take.json"]


def test_a_local_folder_that_may_not_be_written_is_found_out(tmp_path, monkeypatch):
    def refused(self, path, create_parents):
        raise PermissionError(errno.EACCES, "Permission denied", path)

    monkeypatch.setattr(LocalFileSystem, "mkdir", refused)
    with (
        Delivery(f"file://{tmp_path}/no/smile.mp4", scratch=tmp_path) as delivery,
        pytest.raises(UsageError, match="Permission"),
    ):
        delivery.check()


def test_names_that_look_like_patterns_are_names(tmp_path):
    put(FaultyFiles, "/b/smile1.mp4", b"mine")
    with Delivery("faulty://b/smile[1].mp4", scratch=tmp_path) as delivery:
        delivery.check()
        delivery.local.write_bytes(VIDEO)
        delivery.deliver()
    assert stored(FaultyFiles) == {"/b/smile1.mp4": b"mine", "/b/smile[1].mp4": VIDEO}
