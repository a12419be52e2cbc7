"""URLs of the command line: what is made is in their places, what is told has their names, and a take can go on from there."""

from __future__ import annotations

import importlib
import json
import re
import shlex
import shutil
import signal

from collections.abc import Iterator
from pathlib import Path

import fsspec
import pytest

from renderer.video import probe
from runtime.cli import main
from runtime.commands.placing import take_url
from runtime.delivery import Delivery
from runtime.places import PlaceError
from runtime.urls import is_url
from tests.away import Away, away_files, away_url
from tests.program import at_home, left, planned
from tests.staging import FakeRenderer, opening_fake, portrait_file

DIRECTION = "She grins, then nods."
TAKE = ["journal.mcap", "motion.json", "take.json", "timeline.json"]


@pytest.fixture(autouse=True)
def _at_home(tmp_path, monkeypatch) -> Iterator[None]:
    (tmp_path / "scratch").mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "scratch"))
    (tmp_path / "home").mkdir()
    with at_home(tmp_path / "home"), away_files():
        portrait_file(Path("portrait.png"))
        yield
    assert left(tmp_path / "scratch") == []


@pytest.fixture
def away(tmp_path) -> Path:
    """Where the URLs lead to."""
    folder = tmp_path / "away"
    folder.mkdir()
    return folder


@pytest.fixture
def renderer(monkeypatch) -> FakeRenderer:
    fake = FakeRenderer()
    opening_fake(monkeypatch, fake)
    return fake


def animate(*words: str, portrait: str = "portrait.png") -> int:
    return main(["animate", portrait, DIRECTION, "--runtime", "inline", "--seconds", "2", *words])


# ----------------------------------------------------------------------------------------------------- what it comes to


def test_a_take_is_in_its_place_and_told_by_its_url(renderer, away, capsys):
    portrait_file(away / "me.png")
    url = away_url(away)
    assert animate("-o", f"{url}/out.mp4", "--sheet", f"{url}/sheets/out.png", "--json", portrait=f"{url}/me.png") == 0
    take = sorted(f"out.take/{name}" for name in [*TAKE, "portrait", "portrait/me.png"])
    assert left(away) == ["me.png", "out.mp4", "out.take", *take, "sheets", "sheets/out.png"]
    assert probe(away / "out.mp4").frames == 50
    printed = capsys.readouterr()
    told = json.loads(printed.out)
    assert (told["output"], told["sheet"], told["take"]) == (f"{url}/out.mp4", f"{url}/sheets/out.png", f"{url}/out.take")
    assert re.search(r"^delivering 0\.\d+ MB$", printed.err, re.MULTILINE)
    film = json.loads((away / "out.take" / "take.json").read_bytes())["film"]
    assert (film["portrait"], film["output"], film["sheet"]) == (f"{url}/me.png", told["output"], told["sheet"])
    assert left(Path()) == ["portrait.png"]


def test_the_video_is_the_same_as_in_a_file(renderer, away):
    assert animate("-o", "out.mp4") == 0
    assert animate("-o", f"{away_url(away)}/out.mp4") == 0
    for name in ("out.mp4", "out.take/motion.json"):
        assert (away / name).read_bytes() == Path(name).read_bytes()


def test_a_portrait_of_this_machine_goes_with_the_take(renderer, away):
    assert animate("-o", f"{away_url(away)}/out.mp4") == 0
    assert (away / "out.take" / "portrait" / "portrait.png").read_bytes() == Path("portrait.png").read_bytes()
    assert animate("-o", "out.mp4") == 0
    assert not Path("out.take/portrait").exists()


def test_a_sheet_alone_can_be_a_url_and_so_can_pictures(renderer, away):
    assert animate("-o", "frames/", "--sheet", f"{away_url(away)}/sheet.png") == 0
    assert left(away) == ["sheet.png"]
    assert animate("-o", f"{away_url(away)}/frames/") == 0
    assert len(left(away / "frames")) == len(left(Path("frames"))) == 50


def test_a_plan_goes_to_its_place(away, capsys):
    assert main(["plan", DIRECTION, "-o", f"{away_url(away)}/motion.json"]) == 0
    assert left(away) == ["motion.json", "motion.take", *(f"motion.take/{name}" for name in TAKE)]
    said = capsys.readouterr().out
    assert said.startswith(f"{away_url(away)}/motion.json: ")
    assert f"see {away_url(away)}/motion.take" in said


@pytest.mark.parametrize("motion", ["motion.json", "motion.take"])
def test_a_motion_is_rendered_from_a_url_to_a_url(renderer, away, capsys, motion):
    planned(away)
    url = away_url(away)
    assert main(["render", "portrait.png", f"{url}/{motion}", "-o", f"{url}/out.mp4", "--fps", "25"]) == 0
    assert (away / "out.mp4").is_file()
    assert f"{url}/out.mp4: " in capsys.readouterr().out


# ------------------------------------------------------------------------------------------------------------- going on


def test_a_take_that_is_stopped_is_delivered_as_far_as_it_got_and_goes_on_anywhere(renderer, away, capsys):
    """What it says is carried out, without the portrait that it began with, and gives the video that would have been."""
    url = f"{away_url(away)}/o ut.mp4"
    assert animate("-o", "whole.mp4", "--sheet", "whole.png") == 0
    renderer.chunks.clear()
    renderer.before = lambda done: signal.raise_signal(signal.SIGTERM) if done > 4 else None
    capsys.readouterr()
    assert animate("-o", url, "--sheet", f"{away_url(away)}/o ut.png") == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert said.startswith("textuportray: stopped by SIGTERM with ")
    assert f"{url} is not written. " in said
    assert "textuportray-" not in said, "the name of the local folder"
    kept = [
        "o ut.take",
        "o ut.take/journal.mcap",
        "o ut.take/portrait",
        "o ut.take/portrait/portrait.png",
        "o ut.take/take.json",
    ]
    assert left(away) == kept
    go_on, _, see = said.partition("Go on with: ")[2].removesuffix(".").partition(", or see how far it got with: ")
    program, *words = shlex.split(go_on)
    assert (program, *words) == ("textuportray", "resume", f"{away_url(away)}/o ut.take")
    assert main(shlex.split(see)[1:]) == 0
    assert DIRECTION in capsys.readouterr().out
    renderer.before = lambda done: None
    Path("portrait.png").unlink()
    assert main(words) == 0
    assert (away / "o ut.mp4").read_bytes() == Path("whole.mp4").read_bytes()
    assert (away / "o ut.png").read_bytes() == Path("whole.png").read_bytes()
    assert main(["verify", str(away / "o ut.take")]) == 0


def test_a_take_that_is_done_there_is_not_made_again(renderer, away, capsys):
    url = away_url(away)
    assert animate("-o", f"{url}/out.mp4") == 0
    for name in ("out.mp4", "out.take", "out.take/journal.mcap"):
        assert main(["resume", f"{url}/{name}"]) == 2
        assert f"{url}/out.take is done and {url}/out.mp4 is there" in capsys.readouterr().err
    (away / "out.mp4").unlink()
    assert main(["resume", f"{url}/out.take"]) == 0
    assert (away / "out.mp4").is_file()


def test_a_plan_goes_on_from_its_url(away, capsys):
    assert main(["plan", DIRECTION, "-o", f"{away_url(away)}/motion.json"]) == 0
    whole = (away / "motion.json").read_bytes()
    (away / "motion.json").unlink()
    assert main(["resume", f"{away_url(away)}/motion.json"]) == 0
    assert (away / "motion.json").read_bytes() == whole


def stopping(renderer: FakeRenderer) -> None:
    """Stop the next take in its middle."""
    before = sum(renderer.chunks)
    renderer.before = lambda done: signal.raise_signal(signal.SIGTERM) if done > before + 4 else None


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


class Signed(Away):
    """A place that is read with a signature alone."""

    protocol = "signed"

    @classmethod
    def _strip_protocol(cls, path: str) -> str:
        if path.startswith("signed://") and not path.endswith("?sig=abc"):
            raise PermissionError("Forbidden")
        return str(Away._strip_protocol(path.removeprefix("signed://").removesuffix("?sig=abc")))


@pytest.mark.parametrize("output", ["out.mp4", "away"])
def test_a_take_goes_on_whose_portrait_was_given_with_a_signature(renderer, away, monkeypatch, output):
    monkeypatch.setitem(importlib.import_module("fsspec.registry")._registry, "signed", Signed)
    portrait_file(away / "me.png")
    output = f"{away_url(away)}/out.mp4" if output == "away" else output
    stopping(renderer)
    assert animate("-o", output, portrait=f"signed://{away}/me.png?sig=abc") == 1
    renderer.before = lambda done: None
    assert main(["resume", output]) == 0
    folder = away if is_url(output) else Path()
    assert json.loads((folder / "out.take" / "take.json").read_bytes())["film"]["portrait"] == f"signed://{away}/me.png"
    assert (folder / "out.mp4").is_file()


def test_a_take_goes_on_with_the_picture_that_it_was_begun_with(renderer, away, capsys):
    """What is at the URL by then may be another one, or nothing; and a take without a copy says where one goes."""
    portrait_file(away / "me.png")
    url = f"{away_url(away)}/me.png"
    stopping(renderer)
    assert animate("-o", "out.mp4", portrait=url) == 1
    renderer.before = lambda done: None
    portrait_file(away / "me.png", (60, 40))
    shutil.copytree("out.take", "again.take")
    assert main(["resume", "out.take"]) == 0
    (away / "me.png").unlink()
    kept = shutil.move("again.take/portrait/me.png", "me.png")
    capsys.readouterr()
    assert main(["resume", "again.take"]) == 2
    said = capsys.readouterr().err
    assert f"{url} cannot be read" in said
    assert said.endswith(" Or put the picture that the take was begun with into the take, as again.take/portrait/me.png.\n")
    shutil.move(kept, "again.take/portrait/me.png")
    assert main(["resume", "again.take"]) == 0


def test_a_copy_is_not_taken_for_the_portrait_of_the_next_take(renderer, away):
    portrait_file(away / "portrait.png", (60, 40))
    assert animate("-o", "out.mp4", portrait=f"{away_url(away)}/portrait.png") == 0
    assert Path("out.take/portrait/portrait.png").is_file()
    stopping(renderer)
    assert animate("-o", "out.mp4") == 1
    assert not Path("out.take/portrait").exists()
    renderer.before = lambda done: None
    assert main(["resume", "out.take"]) == 0


@pytest.mark.parametrize("when", ["checked", "rendered"])
def test_a_take_that_another_process_went_on_with_meanwhile_is_not_replaced(
    renderer, away, capsys, tmp_path, monkeypatch, when
):
    url = f"{away_url(away)}/out.take"
    stopping(renderer)
    assert animate("-o", f"{away_url(away)}/out.mp4") == 1
    early = contents(away)
    theirs: dict[Path, bytes] = {}

    def another(*_: object) -> None:
        if not theirs:
            theirs.update(early)
            assert main(["resume", url]) == 0
            theirs.update(contents(away))

    renderer.before = another if when == "rendered" else lambda done: None
    check = Delivery.check

    def checked(self: Delivery) -> None:
        another()
        check(self)

    if when == "checked":
        monkeypatch.setattr(Delivery, "check", checked)
    capsys.readouterr()
    assert main(["resume", url]) == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert early != contents(away) == theirs
    assert said.startswith(f"textuportray: {url} was written by somebody else while this take was made")
    assert (
        f"See what it is with: textuportray replay {url}. Only if you want this one instead, copy it over the other. " in said
    )
    (kept,) = (tmp_path / "scratch").iterdir()
    assert (kept / "files" / "out.mp4").is_file()
    _remove(kept)


def test_the_copy_of_an_earlier_takes_portrait_is_given_up(renderer, away):
    portrait_file(Path("other.png"))
    assert animate("-o", f"{away_url(away)}/out.mp4", portrait="other.png") == 0
    assert animate("-o", f"{away_url(away)}/out.mp4") == 0
    film = json.loads((away / "out.take" / "take.json").read_bytes())["film"]
    assert (away / "out.take" / "portrait" / Path(film["portrait"]).name).is_file()


# ------------------------------------------------------------------------------------------------------- of this machine


def test_a_url_of_this_machine_is_a_path(renderer, away, capsys):
    """Nothing is fetched and delivered, a take can be found by either name, and its record has the paths."""
    portrait_file(away / "me 1.png")
    url = (away / "o ut").as_uri()
    assert url.endswith("/o%20ut")
    stopping(renderer)
    assert animate("-o", f"{url}.mp4", "--sheet", f"{url}.png", portrait=f"file://localhost{away}/me%201.png") == 1
    renderer.before = lambda done: None
    assert f"textuportray resume '{away}/o ut.take'" in capsys.readouterr().err
    assert main(["resume", f"{url}.take"]) == 0
    assert main(["verify", f"{url}.mp4"]) == main(["replay", f"{url}.take/journal.mcap"]) == 0
    assert main(["render", f"file://{away}/me 1.png", f"{url}.take", "-o", f"{url}.gif"]) == 0
    assert main(["plan", DIRECTION, "-o", f"{away.as_uri()}/motion.json"]) == 0
    takes = [each for name in ("motion", "o ut") for each in (f"{name}.take", *(f"{name}.take/{file}" for file in TAKE))]
    assert left(away) == sorted([*takes, "me 1.png", "motion.json", "o ut.gif", "o ut.mp4", "o ut.png"])
    film = json.loads((away / "o ut.take" / "take.json").read_bytes())["film"]
    assert (film["portrait"], film["output"]) == (f"{away}/me 1.png", f"{away}/o ut.mp4")
    said = capsys.readouterr()
    assert "fetching" not in said.err
    assert "delivering" not in said.err


# -------------------------------------------------------------------------------------------------------------- refused


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-o", "nothing://bucket/out.mp4"], "There is no driver for nothing://"),
        (["-o", "https://example.org/out.mp4"], "the web is only read"),
        (["-o", "memory://bucket/out.mp4"], "it would be gone when the program ends"),
        (["-o", "out.mp4", "--sheet", "memory://bucket/out.png"], "it would be gone when the program ends"),
        (["-o", "file://bucket/out.mp4"], "names no file of this machine"),
        (["-o", "away:///bucket/out.avi"], "the ending .avi says no format"),
        (["-o", "away:///bucket/out.mp4", "--sheet", "away:///bucket/out.jpg"], "has to be a PNG"),
        (["-o", "away:///bucket/out.mp4", "--sheet", "away:///bucket/out.mp4"], "cannot be both"),
    ],
)
def test_a_place_that_cannot_be_written_is_refused_before_the_work(renderer, capsys, words, said):
    assert animate(*words) == 2
    printed = capsys.readouterr().err
    assert said in printed.splitlines()[-1]
    assert not renderer.asked


def test_a_portrait_or_a_take_that_is_not_there_is_bad_usage(away, capsys):
    assert animate("-o", "out.mp4", portrait=f"{away_url(away)}/me.png") == 2
    assert main(["resume", f"{away_url(away)}/out.take"]) == 2
    said = capsys.readouterr().err
    assert f"{away_url(away)}/me.png cannot be read" in said
    assert f"{away_url(away)}/out.take cannot be read" in said


def test_an_error_about_a_portrait_names_it_as_the_user_did(renderer, away, capsys):
    (away / "me.png").write_bytes(b"no picture")
    assert animate("-o", "out.mp4", portrait=f"{away_url(away)}/me.png") == 1
    assert "textuportray-" not in capsys.readouterr().err


def test_no_credentials_are_told_or_kept(renderer, away, monkeypatch, capsys):
    class Keyed(fsspec.get_filesystem_class("memory")):  # type: ignore[misc]
        protocol = "keyed"

        @classmethod
        def _strip_protocol(cls, path: str) -> str:
            return str(
                super()._strip_protocol(path.replace("keyed://me:secret@", "memory://").replace("keyed://", "memory://"))
            )

    monkeypatch.setitem(importlib.import_module("fsspec.registry")._registry, "keyed", Keyed)
    assert animate("-o", "keyed://me:secret@bucket/keyed/out.mp4") == 0
    printed = capsys.readouterr()
    files = fsspec.filesystem("memory")
    assert files.exists("/bucket/keyed/out.mp4")
    assert "secret" not in printed.out + printed.err
    assert b"secret" not in files.cat("/bucket/keyed/out.take/take.json")
    assert json.loads(files.cat("/bucket/keyed/out.take/take.json"))["film"]["output"] == "keyed://bucket/keyed/out.mp4"
    files.rm("/bucket", recursive=True)


# ------------------------------------------------------------------------------------------------------------ not there


@pytest.fixture
def lost(monkeypatch) -> None:
    """Places that fail when the output is brought."""

    def fails(self: Delivery, progress: object) -> None:
        raise PlaceError(f"x could not be delivered. {self.rescue}")

    monkeypatch.setattr(Delivery, "deliver", fails)


@pytest.mark.usefixtures("lost")
def test_what_could_not_be_delivered_is_kept_and_the_error_says_where(renderer, away, capsys, tmp_path):
    assert animate("-o", f"{away_url(away)}/out.mp4") == 1
    said = capsys.readouterr().err.splitlines()[-1]
    (kept,) = (tmp_path / "scratch").iterdir()
    assert f"Nothing is lost: all is in {kept} on " in said
    assert (kept / "files" / "out.mp4").is_file()
    _remove(kept)


@pytest.mark.usefixtures("lost")
def test_a_stopped_take_that_could_not_be_delivered_says_both_and_goes_on_from_where_it_is(renderer, away, capsys, tmp_path):
    renderer.before = lambda done: signal.raise_signal(signal.SIGTERM) if done > 4 else None
    assert animate("-o", f"{away_url(away)}/out.mp4") == 1
    said = capsys.readouterr().err.splitlines()[-1]
    (kept,) = (tmp_path / "scratch").iterdir()
    assert "stopped by SIGTERM" in said
    assert f"Go on with: textuportray resume {kept}/files/out.take" in said
    assert f"all is in {kept} on " in said
    renderer.before = lambda done: None
    assert main(["resume", f"{kept}/files/out.take"]) == 0
    assert (kept / "files" / "out.mp4").is_file()
    _remove(kept)


def _remove(folder: Path) -> None:
    shutil.rmtree(folder)


@pytest.mark.parametrize(
    ("given", "folder"),
    [
        ("s3://b/out.mp4", "s3://b/out.take"),
        ("s3://b/out.take", "s3://b/out.take"),
        ("s3://b/out.take/", "s3://b/out.take"),
        ("s3://b/out.take/journal.mcap", "s3://b/out.take"),
        ("s3://b/frames/", "s3://b/frames.take"),
        ("s3://b/f/%05d.png", "s3://b/f/%05d.take"),
    ],
)
def test_a_takes_folder_is_known_by_any_of_its_names(given, folder):
    assert take_url(given) == folder
