import contextlib
import http.server
import os
import subprocess
import sys
import threading

from pathlib import Path

import fsspec
import pytest

from runtime.errors import exit_code, paragraph
from runtime.options import UsageError
from runtime.places import PlaceError, fetch_folder, fetched, fetched_of
from tests.faulty_files import FaultyFiles, faulty_files

PORTRAIT = bytes(range(256)) * 20


@pytest.fixture(autouse=True)
def places():
    with faulty_files():
        yield


def put(url, data=PORTRAIT):
    files, path = fsspec.core.url_to_fs(url)
    files.store[path] = fsspec.implementations.memory.MemoryFile(files, path, data)


def failing(action, error):
    def fault(begun, path):
        if begun == action:
            raise error

    FaultyFiles.fault = staticmethod(fault)


def test_what_is_not_used_is_not_loaded():
    code = "import sys, runtime.places, runtime.delivery, runtime.errors; print('fsspec' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[1]
    )
    assert done.stdout.strip() == "False"


def test_a_path_is_given_back_as_it_is(tmp_path):
    assert fetched("portrait.png", 1, tmp_path) == Path("portrait.png")
    assert not list(tmp_path.iterdir())


def test_a_file_is_fetched_under_its_own_name(tmp_path):
    put("faulty://faces/ada [1].png")
    assert fetched("faulty://faces/ada [1].png", len(PORTRAIT), tmp_path) == tmp_path / "ada [1].png"
    assert (tmp_path / "ada [1].png").read_bytes() == PORTRAIT
    assert [path.name for path in tmp_path.iterdir()] == ["ada [1].png"]


def test_a_scheme_may_be_written_in_capitals(tmp_path):
    put("faulty://faces/ada.png")
    assert fetched("FAULTY://faces/ada.png", len(PORTRAIT), tmp_path).read_bytes() == PORTRAIT


def test_a_file_url_is_a_place_like_others(tmp_path):
    (tmp_path / "a b.png").write_bytes(PORTRAIT)
    into = tmp_path / "into"
    into.mkdir()
    assert fetched(f"file://{tmp_path}/a b.png", len(PORTRAIT), into).read_bytes() == PORTRAIT


def test_a_file_that_says_that_it_is_too_large_is_not_read(tmp_path):
    put("faulty://faces/ada.png")
    with pytest.raises(PlaceError, match="more than the 5,119 bytes"):
        fetched("faulty://faces/ada.png", len(PORTRAIT) - 1, tmp_path)
    assert "open /faces/ada.png" not in FaultyFiles.log


def test_a_file_that_is_larger_than_it_says_is_given_up(tmp_path, monkeypatch):
    put("faulty://faces/ada.png")
    monkeypatch.setattr(FaultyFiles, "info", lambda self, path: {"type": "file", "size": None})
    with pytest.raises(PlaceError, match="more than the 5,119 bytes"):
        fetched("faulty://faces/ada.png", len(PORTRAIT) - 1, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("error", "kind", "code"),
    [
        (FileNotFoundError("/faces/ada.png"), UsageError, 2),
        (PermissionError("Forbidden"), UsageError, 2),
        (ConnectionError("broken off"), PlaceError, 1),
        (RuntimeError("whatever"), PlaceError, 1),
    ],
)
@pytest.mark.parametrize("action", ["open", "read"])
def test_a_file_that_cannot_be_read_is_told_and_leaves_nothing(tmp_path, action, error, kind, code):
    put("faulty://faces/ada.png")
    failing(action, error)
    with pytest.raises(kind, match=r"faulty://faces/ada\.png cannot be read") as caught:
        fetched("faulty://faces/ada.png", len(PORTRAIT), tmp_path)
    assert exit_code(caught.value) == code
    assert paragraph(caught.value) == str(caught.value)
    assert not list(tmp_path.iterdir())


def test_what_is_missing_is_told(tmp_path):
    with pytest.raises(UsageError, match="no such file"):
        fetched("memory://nowhere/ada.png", 10, tmp_path)


def test_credentials_are_in_no_error_and_not_behind_it(tmp_path):
    url = "faulty://me:hunter22@host/ada.png?sig=hunter23"
    put(url)
    failing("open", RuntimeError("hunter22 was refused"))
    with pytest.raises(PlaceError) as caught:
        fetched(url, len(PORTRAIT), tmp_path)
    assert "hunter2" not in str(caught.value)
    assert caught.value.__suppress_context__


def test_a_disk_that_does_not_take_it_is_told(tmp_path):
    put("faulty://faces/ada.png")
    with pytest.raises(PlaceError, match="TMPDIR"):
        fetched("faulty://faces/ada.png", len(PORTRAIT), tmp_path / "missing")


def test_folders_and_pipes_are_not_read(tmp_path):
    os.mkfifo(tmp_path / "pipe.png")
    with pytest.raises(UsageError, match="is a folder"):
        fetched(f"file://{tmp_path}/", 10, tmp_path)
    with pytest.raises(UsageError, match="a pipe"):
        fetched(f"file://{tmp_path}/pipe.png", 10, tmp_path)


@contextlib.contextmanager
def web_server(pages):
    """A server of the simplest kind, which gives a page as a whole or not at all."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_HEAD(self):
            self.send_response(200 if self.path in pages else 404)
            self.send_header("Content-Length", str(len(pages.get(self.path, b""))))
            self.end_headers()

        def do_GET(self):
            self.do_HEAD()
            with contextlib.suppress(OSError):  # who asks may have read enough
                self.wfile.write(pages.get(self.path, b""))

        def log_message(self, *_):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_the_web_is_read_without_asking_for_parts(tmp_path):
    """Nine megabytes: more than fsspec asks for at once."""
    pages = {"/ada.png?sig=a/b": bytes(9_000_000), "/smile.take/journal.live.mcap": b"journal"}
    with web_server(pages) as host:
        assert fetched(f"{host}/ada.png?sig=a/b", 9_000_000, tmp_path) == tmp_path / "ada.png"
        assert (tmp_path / "ada.png").stat().st_size == 9_000_000
        with pytest.raises(PlaceError, match="more than the 8,999,999 bytes"):
            fetched(f"{host}/ada.png?sig=a/b", 8_999_999, tmp_path)
        with pytest.raises(UsageError, match="no such file"):
            fetched(f"{host}/bob.png", 10, tmp_path)
        assert fetched_of(f"{host}/smile.take", ("journal.mcap", "journal.live.mcap"), tmp_path)


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("s4://bucket/a.png", "no driver for s4://"),
        ("gs://bucket/a.png", "pip install gcsfs"),
        ("abfss://bucket/a.png", "pip install adlfs"),
        ("wandb://bucket/a.png", "Install wandbfs"),
        ("simplecache::faulty://a/b.png", "chain"),
        ("faulty://", "names no file"),
        ("s3://a.png", "names no file"),
        ("faulty://a/..", "names no file"),
    ],
)
def test_what_cannot_be_a_place_says_what_to_do(tmp_path, url, words):
    with pytest.raises(UsageError, match=words):
        fetched(url, 10, tmp_path)


# ------------------------------------------------------------------------------------------------------------- folders


def put_take():
    put("faulty://takes/smile.take/journal.mcap", b"journal")
    put("faulty://takes/smile.take/motion.json", b"motion")
    put("faulty://takes/smile.take/chunks/00001.bin", b"chunk")
    put("faulty://takes/smile.taken", b"another")


def read(folder):
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("ending", ["", "/"])
def test_a_folder_is_fetched_with_all_that_is_in_it(tmp_path, ending):
    put_take()
    fetch_folder(f"faulty://takes/smile.take{ending}", tmp_path / "smile.take")
    assert read(tmp_path) == {
        "smile.take/journal.mcap": b"journal",
        "smile.take/motion.json": b"motion",
        "smile.take/chunks/00001.bin": b"chunk",
    }


def test_links_in_a_folder_are_left_out(tmp_path):
    take = tmp_path / "there" / "smile.take"
    take.mkdir(parents=True)
    (take / "motion.json").write_bytes(b"motion")
    (take / "again").symlink_to(take)
    (take / "passwd").symlink_to("/etc/passwd")
    fetch_folder(f"file://{take}", tmp_path / "here")
    assert read(tmp_path / "here") == {"motion.json": b"motion"}


@pytest.mark.parametrize(("limits", "words"), [({"limit_files": 2}, "more than 2 files"), ({"limit_bytes": 17}, "17 bytes")])
def test_a_folder_has_limits(tmp_path, limits, words):
    put_take()
    with pytest.raises(PlaceError, match=words):
        fetch_folder("faulty://takes/smile.take", tmp_path / "smile.take", **limits)
    fetch_folder("faulty://takes/smile.take", tmp_path / "smile.take", limit_files=3, limit_bytes=18)
    assert len(read(tmp_path)) == 3


def test_a_folder_of_files_that_say_nothing_of_their_size_has_the_same_limit(tmp_path, monkeypatch):
    put_take()
    listed = FaultyFiles.ls
    monkeypatch.setattr(FaultyFiles, "ls", lambda self, path, **_: [{**each, "size": None} for each in listed(self, path)])
    with pytest.raises(PlaceError, match="17 bytes"):
        fetch_folder("faulty://takes/smile.take", tmp_path / "smile.take", limit_bytes=17)
    assert not list(tmp_path.iterdir())


def test_a_folder_that_breaks_off_leaves_nothing(tmp_path):
    put_take()

    def fault(action, path):
        if action == "read" and path.endswith("motion.json"):
            raise ConnectionError("gone")

    FaultyFiles.fault = staticmethod(fault)
    with pytest.raises(PlaceError, match="gone"):
        fetch_folder("faulty://takes/smile.take", tmp_path / "smile.take")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("ending", ["", "/"])
def test_the_first_of_some_files_that_is_there_is_fetched_alone(tmp_path, ending):
    put_take()
    names = ("journal.live.mcap", "motion.json", "journal.mcap")
    assert fetched_of(f"faulty://takes/smile.take{ending}", names, tmp_path) == tmp_path / "motion.json"
    assert read(tmp_path) == {"motion.json": b"motion"}
    assert not any(line.startswith(("list", "open /takes/smile.take/journal")) for line in FaultyFiles.log)
    assert fetched_of("faulty://takes/smile.take", ("chunks", "none"), tmp_path) is None


def test_one_of_some_files_has_a_limit_and_is_whole_or_not_there(tmp_path):
    put_take()
    with pytest.raises(PlaceError, match="5 bytes"):
        fetched_of("faulty://takes/smile.take", ("motion.json",), tmp_path, limit_bytes=5)
    failing("read", PermissionError("Forbidden"))
    with pytest.raises(UsageError, match="Forbidden"):
        fetched_of("faulty://takes/smile.take", ("motion.json",), tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("url", ["faulty://takes/frown.take", "faulty://takes/smile.taken"])
def test_what_is_no_folder_is_told(tmp_path, url):
    put_take()
    with pytest.raises(UsageError):
        fetch_folder(url, tmp_path / "smile.take")
    assert not list(tmp_path.iterdir())


def test_a_name_that_would_lead_out_of_the_folder_is_refused(tmp_path):
    put_take()
    put("faulty://takes/smile.take/../evil", b"evil")
    with pytest.raises(PlaceError, match="no folder here can hold"):
        fetch_folder("faulty://takes/smile.take", tmp_path / "smile.take")
    assert not list(tmp_path.iterdir())


def test_what_is_there_is_not_replaced(tmp_path):
    put_take()
    (tmp_path / "smile.take").mkdir()
    (tmp_path / "smile.take" / "mine").write_bytes(b"mine")
    with pytest.raises(PlaceError):
        fetch_folder("faulty://takes/smile.take", tmp_path / "smile.take")
    assert read(tmp_path) == {"smile.take/mine": b"mine"}
