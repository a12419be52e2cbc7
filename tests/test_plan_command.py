"""`plan`: what it refuses before any work, what it says, and what it warns of."""

from __future__ import annotations

import errno
import json
import math
import os

from collections.abc import Iterator
from pathlib import Path

import pytest

from configs.loading import builtin
from runtime.cli import main
from tests.program import DIRECTION, at_home, left, refused


@pytest.fixture(autouse=True)
def _at_home(tmp_path) -> Iterator[None]:
    with at_home(tmp_path):
        yield


# ------------------------------------------------------------------------------------------------------------- refused


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([""], "The direction is empty"),
        (["  \n "], "The direction is empty"),
        (["smile " * 9000], "53,999 characters and the limit is 20,000"),
        (["She \asmiles"], "the control character U+0007"),
        (["She smiles", "--emotion", "sad " * 200], "--emotion has 799 characters"),
        *((["She smiles", "--seconds", s], f"--seconds '{s}' is not a length") for s in ("0", "-2", "nan", "inf", "3601")),
        (["She smiles", "--seconds", "long"], "--seconds 'long' is not a number"),
        *((["She smiles", "--fps", f], f"--fps '{f}' is not a frame rate") for f in ("0", "-1", "241", "x", "0/1", "1/0")),
        *((["She smiles", "--seed", s], f"--seed '{s}' is not a seed") for s in ("-1", "1.5", "x", str(2**63))),
    ],
)  # fmt: skip
def test_what_no_take_can_be_asked_for_is_refused_before_anything_is_made(capsys, tmp_path, words, said):
    assert said in refused(capsys, "plan", *words, "-o", "new/motion.json")
    assert left(tmp_path) == []


@pytest.mark.parametrize(
    ("output", "said"),
    [
        ("motion.take", "its name is taken for the folder of the take"),
        ("folder", "folder is a folder"),
        ("file/motion.json", "cannot be written (Not a directory)"),
        ("file/deep/motion.json", "cannot be written (Not a directory)"),
        ("", "cannot be the output"),
        ("/dev/full", "is a device or the like"),
        ("m" * 300, "File name too long"),
    ],
)
def test_an_output_that_cannot_be_written_is_found_before_the_work(capsys, tmp_path, monkeypatch, output, said):
    (tmp_path / "folder").mkdir()
    (tmp_path / "file").write_text("a regular file")
    monkeypatch.setattr("runtime.production.plan_to_files", lambda *_: pytest.fail("it has begun to work"))
    assert said in refused(capsys, "plan", "She smiles.", "-o", output)
    assert left(tmp_path) == ["file", "folder"]


def test_a_disk_that_fills_up_is_told_and_nothing_half_is_left(capsys, tmp_path, monkeypatch):
    def full(handle: int) -> None:
        if any(tmp_path.rglob("take.json")):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    text = refused(capsys, "plan", "She smiles.", "-o", "motion.json", code=1)
    assert text.endswith("could not be written (No space left on device). Free some space on the disk, or name another output.")
    assert not (tmp_path / "motion.json").exists()
    assert not list(tmp_path.rglob("*.part"))


def _table(tmp_path: Path, name: str, old: str, new: str) -> tuple[Path, int]:
    """A copy of a table with the first occurrence of some text replaced, and the line of that."""
    text = builtin(name).read_text(encoding="utf-8")
    assert old in text
    path = tmp_path / f"my_{name}"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path, text[: text.index(old)].count("\n") + 1


@pytest.mark.parametrize(
    ("option", "name", "old", "new", "said"),
    [
        ("--constraints", "constraints.yaml", "severity: hard", "severity: harder", "severity: "),
        ("--constraints", "constraints.yaml", "severity: hard,", "severity: hard, colour: red,", "colour: not a known key"),
        ("--constraints", "constraints.yaml", "mouthSmile", "mouthSmirk", "mouthSmirk"),
        ("--gestures", "gestures.yaml", "browInnerUp", "browInnerUpp", "browInnerUpp"),
    ],
)
def test_a_table_that_is_wrong_is_named_with_its_line(capsys, tmp_path, option, name, old, new, said):
    path, line = _table(tmp_path, name, old, new)
    text = refused(capsys, "plan", "She smiles.", "-o", "motion.json", option, path.name)
    assert text.startswith(f"{path.name}:{line}: ")
    assert said in text
    assert left(tmp_path) == [path.name]


@pytest.mark.parametrize("option", ["--constraints", "--gestures"])
def test_a_table_that_is_not_there_is_named(capsys, tmp_path, option):
    text = refused(capsys, "plan", "She smiles.", "-o", "motion.json", option, "none.yaml")
    assert text == "none.yaml: cannot be read: No such file or directory"
    assert left(tmp_path) == []


# ----------------------------------------------------------------------------------------------- what can be worked with


def test_a_plan_says_where_it_is_and_how_it_came_about(capsys, tmp_path):
    assert main(["plan", DIRECTION, "--no-idle", "--fps", "25", "-o", "new/motion.json"]) == 0
    first, second, third = capsys.readouterr().out.splitlines()
    frames = len(json.loads((tmp_path / "new" / "motion.json").read_bytes())["frames"])
    seconds = json.loads((tmp_path / "new" / "motion.take" / "take.json").read_bytes())["seconds"]
    assert frames == math.ceil(seconds * 25)
    assert first.startswith(f"new/motion.json: {seconds:g} s, {frames} frames, 2 beats, planned in ")
    assert second.endswith("objections, 0 rulings; see new/motion.take")
    assert third.startswith("critic: ")


def test_a_plan_as_json_is_one_document(capsys, tmp_path):
    assert main(["plan", "She smiles at the 株 market", "--json", "-o", "motion.json"]) == 0
    result = json.loads(capsys.readouterr().out)
    assert result["output"] == "motion.json"
    assert result["take"] == "motion.take"
    assert result["frames"] == len(json.loads((tmp_path / "motion.json").read_bytes())["frames"])
    assert ["smiles", "smile"] in result["understood"]
    assert "株" in " ".join(result["unread"])
    assert result["beats"][0]["acts"][0]["words"]


def test_an_explanation_shows_the_acts_and_their_words(capsys):
    assert main(["plan", "She smiles, then nods twice.", "--explain", "-o", "motion.json"]) == 0
    text = capsys.readouterr().out
    assert "smile" in text
    assert 'nod x2   "nods twice' in text


@pytest.mark.parametrize("words", ['"She smiles."', "\n  She smiles.\n\n", "'She smiles.'", "“She smiles.”"])
def test_quotes_and_line_breaks_around_a_direction_do_no_harm(capsys, words):
    assert main(["plan", words, "--json", "-o", "motion.json"]) == 0
    printed = capsys.readouterr()
    result = json.loads(printed.out)
    assert [meaning for _, meaning in result["understood"]] == ["smile"]
    assert printed.err == ""


def test_a_direction_with_nothing_to_act_on_gives_an_idle_face_and_says_so(capsys, tmp_path):
    assert main(["plan", "Blorp.", "--json", "-o", "motion.json"]) == 0
    printed = capsys.readouterr()
    first, second = printed.err.splitlines()
    assert first == 'warning: not understood: "Blorp"'
    assert second == "warning: nothing in the direction asks for anything that a face can do, so the face only idles"
    assert json.loads(printed.out)["understood"] == []
    motion = json.loads((tmp_path / "motion.json").read_bytes())
    blink = motion["channels"].index("eyeBlinkLeft")
    assert max(frame[blink] for frame in motion["frames"]) > 0.5


@pytest.mark.parametrize(
    ("direction", "unread"),
    [("彼女は笑う", ["彼女は笑う"]), ("She smiles 🤖", ["🤖"]), ("Она she nods", ["Она"]), ("יא he nods 🦀", ["יא", "🦀"])],
)
def test_other_scripts_and_emoji_that_cannot_be_read_are_named(capsys, direction, unread):
    assert main(["plan", direction, "-o", "motion.json"]) == 0
    warning = capsys.readouterr().err.splitlines()[0]
    assert warning == "warning: not understood: " + ", ".join(f'"{words}"' for words in unread)


@pytest.mark.parametrize("name", ["motion", "a.b.c", "ümlaut 株.json", "-.json"])
def test_an_output_may_have_any_name(tmp_path, name):
    assert main(["plan", "She smiles.", f"--output={name}"]) == 0
    assert json.loads((tmp_path / name).read_bytes())["format"] == "textuportray.motion"
    assert (tmp_path / Path(name).with_suffix(".take") / "journal.mcap").is_file()
    assert main(["replay", f"./{name}"]) == 0


def test_a_videos_name_is_refused(tmp_path, capsys):
    assert main(["plan", "She smiles", "-o", str(tmp_path / "smile.mp4")]) == 2
    assert "animate" in capsys.readouterr().err
    assert not list(tmp_path.iterdir())
