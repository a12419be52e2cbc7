"""`revise`: a take made again with one thing otherwise; what stays is neither planned nor rendered again."""

from __future__ import annotations

import json
import shutil
import signal

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from protocol.journal import read_journal
from protocol.messages import TakeOpened
from renderer.motions import read_motion
from renderer.video import read_frames
from runtime.cli import main
from runtime.frames import LIMIT_VARIABLE
from runtime.takes import open_take
from tests.away import away_files, away_url
from tests.program import at_home, left, refused
from tests.staging import FakeRenderer, opening_fake, portrait_file

DIRECTION = "She smiles, then frowns."
NOTE = "hold the frown half a second longer"
GOLDEN = Path(__file__).parent / "golden"


@pytest.fixture(autouse=True)
def _at_home(tmp_path, monkeypatch) -> Iterator[None]:
    monkeypatch.setenv(LIMIT_VARIABLE, "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    home = tmp_path / "home"
    home.mkdir()
    with at_home(home):
        portrait_file(Path("portrait.png"))
        yield


@pytest.fixture(autouse=True)
def renderer(monkeypatch) -> FakeRenderer:
    """What is opened instead of the puppet."""
    fake = FakeRenderer()
    opening_fake(monkeypatch, fake)
    return fake


@pytest.fixture
def parent(renderer, capsys) -> Path:
    """A take of 50 pictures; nothing of it counts as rendered in the test."""
    assert main(["animate", "portrait.png", DIRECTION, "--seconds", "2", "--runtime", "inline", "-o", "p_%03d.png"]) == 0
    renderer.chunks.clear()
    capsys.readouterr()
    return Path("p_%03d.take")


def revise(*words: str, note: str = NOTE, output: str = "c_%03d.png", take: str = "p_%03d.png") -> int:
    return main(["revise", take, note, "-o", output, *words])


def record_of(folder: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((Path(folder) / "take.json").read_bytes())
    return found


def opened_in(folder: str) -> TakeOpened:
    message = open_take(Path(folder)).records[0].message
    assert isinstance(message, TakeOpened)
    return message


def motion_rows(folder: str) -> list[bytes]:
    return [row.tobytes() for row in read_motion(Path(folder) / "motion.json").samples]


# ---------------------------------------------------------------------------------------------------------------- frames


def test_only_frames_whose_row_differs_are_rendered_and_that_is_what_it_says(parent, renderer, capsys):
    assert revise() == 0
    said = capsys.readouterr().out
    known = set(motion_rows("p_%03d.take"))
    child = motion_rows("c_%03d.take")
    differing = len({row for row in child if row not in known})
    assert 0 < differing < 20
    assert sum(renderer.chunks) == differing
    assert f"{differing} of {len(child)} frames rendered, {len(child) - differing} taken from before" in said
    video = record_of("c_%03d.take")["video"]
    assert (video["frames"], video["frames_rendered"], video["frames_kept"]) == (
        len(child),
        differing,
        len(child) - differing,
    )


def test_frames_that_were_kept_are_those_that_would_be_rendered(parent, monkeypatch):
    assert revise() == 0
    monkeypatch.setenv(LIMIT_VARIABLE, "0")
    assert main(["render", "portrait.png", "c_%03d.take", "-o", "again_%03d.png"]) == 0
    kept, rendered = (list(read_frames(Path(name))) for name in ("c_%03d.png", "again_%03d.png"))
    assert len(kept) == len(rendered)
    assert all(np.array_equal(one, other) for one, other in zip(kept, rendered, strict=True))


def test_without_kept_frames_all_are_rendered_and_nothing_is_said_of_others(parent, renderer, capsys, monkeypatch):
    monkeypatch.setenv(LIMIT_VARIABLE, "0")
    assert revise() == 0
    assert sum(renderer.chunks) == len(motion_rows("c_%03d.take"))
    assert "taken from before" not in capsys.readouterr().out


def test_a_portrait_of_another_size_has_other_frames(parent, renderer):
    words = ["animate", "portrait.png", DIRECTION, "--seconds", "2", "--runtime", "inline"]
    assert main([*words, "-o", "same_%03d.png"]) == 0
    assert sum(renderer.chunks) == 0
    assert main([*words, "--size", "40", "-o", "smaller_%03d.png"]) == 0
    assert sum(renderer.chunks) == 50


# ------------------------------------------------------------------------------------------------------------- the take


def test_the_child_names_its_parent_and_the_parent_stays_as_it_is(parent, capsys):
    before = {path: path.read_bytes() for path in Path().rglob("*") if path.is_file()}
    assert revise("--json") == 0
    told = json.loads(capsys.readouterr().out)
    mother = opened_in("p_%03d.take")
    assert told["parent"] == mother.take
    assert told["note"] == NOTE
    assert told["changes"]
    assert (told["tracks"], told["tracks_kept"]) == (8, 4)
    record = record_of("c_%03d.take")
    assert record["parent"] == {"take": mother.take, "directions": [DIRECTION]}
    assert record["direction"] == NOTE
    assert opened_in("c_%03d.take").directions == (DIRECTION, NOTE)
    assert read_motion(Path("c_%03d.take/motion.json")).direction == f"{DIRECTION} / {NOTE}"
    assert {path: path.read_bytes() for path in before} == before


def test_what_it_says_names_what_was_changed(parent, capsys):
    assert revise("--explain") == 0
    lines = capsys.readouterr().out.splitlines()
    assert "longer" in lines[0]
    assert lines[1] == f"4 of 8 tracks are those of {opened_in('p_%03d.take').take}, the take that is revised"


def test_a_revision_keeps_its_protocol(parent, capsys):
    assert revise() == 0
    assert main(["verify", "c_%03d.take"]) == 0


def test_a_revision_can_be_revised(parent, renderer, capsys):
    assert revise() == 0
    assert revise(take="c_%03d.take", output="g_%03d.png", note="no blinking") == 0
    assert opened_in("g_%03d.take").directions == (DIRECTION, NOTE, "no blinking")
    assert main(["verify", "g_%03d.take"]) == 0


def test_one_that_was_stopped_is_resumed_without_its_parent(parent, renderer, capsys, monkeypatch):
    assert revise(output="whole_%03d.png") == 0
    monkeypatch.setenv(LIMIT_VARIABLE, "0")
    begun = sum(renderer.chunks)
    renderer.before = lambda done: signal.raise_signal(signal.SIGINT) if done > begun + 4 else None
    assert revise() == 1
    assert "resume" in capsys.readouterr().err
    renderer.before = lambda done: None
    shutil.rmtree(parent)
    assert main(["resume", "c_%03d.take"]) == 0
    assert motion_rows("c_%03d.take") == motion_rows("whole_%03d.take")
    assert record_of("c_%03d.take")["parent"] == record_of("whole_%03d.take")["parent"]
    assert len(list(Path().glob("c_*.png"))) == len(list(Path().glob("whole_*.png")))


# ---------------------------------------------------------------------------------------------------------------- motions


def test_a_take_without_a_portrait_has_a_revision_without_one(capsys):
    assert main(["plan", DIRECTION, "--seconds", "2", "-o", "p.json"]) == 0
    capsys.readouterr()
    assert revise("--json", take="p.json", output="c.json") == 0
    told = json.loads(capsys.readouterr().out)
    assert told["output"] == "c.json"
    assert (told["tracks"], told["tracks_kept"]) == (8, 4)
    assert Path("c.json").read_bytes() == Path("c.take/motion.json").read_bytes()
    assert refused(capsys, "revise", "p.json", NOTE, "-o", "c.mp4").startswith("p.take is a take without a portrait")


def test_a_take_of_a_version_before_this_one_can_be_revised(capsys):
    """Its journal has no table of notes: that of this version is used, and all other tables are the take's own."""
    folder = Path("old.take")
    folder.mkdir()
    shutil.copy(GOLDEN / "grin_and_turn.mcap", folder / "journal.mcap")
    with (folder / "journal.mcap").open("rb") as stream:
        opened = read_journal(stream).records[0].message
    assert isinstance(opened, TakeOpened)
    assert "lexicon/notes.yaml" not in opened.configuration
    record = {"format": "textuportray.take", "version": 1, "take": opened.take, "outcome": "done", "output": "old.json"}
    (folder / "take.json").write_text(json.dumps(record))
    assert revise(take="old.take", output="new.json", note="hold the grin longer") == 0
    child = opened_in("new.take").configuration
    assert {name: text for name, text in child.items() if name in opened.configuration} == opened.configuration
    assert "lexicon/notes.yaml" in child


def test_a_take_at_a_url_has_its_revision_at_another(parent, tmp_path, capsys):
    away = tmp_path / "away"
    away.mkdir()
    with away_files():
        url = away_url(away)
        assert main(["animate", "portrait.png", DIRECTION, "--seconds", "2", "--runtime", "inline", "-o", f"{url}/p.mp4"]) == 0
        assert revise(take=f"{url}/p.mp4", output=f"{url}/c.mp4") == 0
        record = json.loads((away / "c.take" / "take.json").read_bytes())
        assert record["film"]["output"] == f"{url}/c.mp4"
        assert (away / "c.take" / "portrait" / "portrait.png").is_file()
        before = left(away)
        capsys.readouterr()
        assert main(["revise", f"{url}/p.take", NOTE, "-o", f"{url}/p.mp4"]) == 2
        assert "Name another file" in capsys.readouterr().err
        assert left(away) == before


# --------------------------------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize("output", ["p_%03d.png", "./p_%03d.mp4"])
def test_the_take_that_is_revised_is_never_replaced(parent, capsys, output):
    before = left(Path())
    assert "Name another file" in refused(capsys, "revise", "p_%03d.take", NOTE, "-o", output)
    assert left(Path()) == before


@pytest.mark.parametrize("note", ["", "   ", "blah blub", "a\x00b"])
def test_a_note_that_cannot_be_used_is_refused_before_anything_is_written(parent, capsys, note):
    before = left(Path())
    refused(capsys, "revise", "p_%03d.take", note, "-o", "c.mp4")
    assert left(Path()) == before


def test_a_take_that_is_not_done_is_to_be_resumed_first(renderer, capsys):
    renderer.before = lambda done: signal.raise_signal(signal.SIGINT) if done > 4 else None
    assert main(["animate", "portrait.png", DIRECTION, "--seconds", "2", "--runtime", "inline", "-o", "p.mp4"]) == 1
    renderer.before = lambda done: None
    capsys.readouterr()
    said = refused(capsys, "revise", "p.mp4", NOTE, "-o", "c.mp4")
    assert said.endswith("textuportray resume p.take")
    assert not Path("c.take").exists()


def test_another_picture_is_refused(parent, capsys):
    portrait_file(Path("portrait.png"), (60, 64))
    assert "not the picture any more" in refused(capsys, "revise", "p_%03d.take", NOTE, "-o", "c.mp4")


@pytest.mark.parametrize("name", ["motion.json", "anything.json"])
def test_nothing_is_written_into_the_parents_folder(parent, capsys, name):
    folder = parent.with_suffix(".take")
    before = {path.name: path.read_bytes() for path in folder.iterdir()}
    assert main(["revise", str(parent), "smile more", "-o", str(folder / name)]) == 2
    assert "would replace the take that is revised" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == before


def test_a_take_without_its_record_says_so(parent, capsys):
    (parent.with_suffix(".take") / "take.json").unlink()
    assert main(["revise", str(parent), "smile more", "-o", "child.mkv"]) == 2
    assert "has no take.json" in capsys.readouterr().err
