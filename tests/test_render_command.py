"""`render`: which motion is meant, what is refused before any work, and what is left when it does not come off."""

from __future__ import annotations

import json
import shutil
import signal

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from renderer.video import probe, read_frames
from runtime.cli import main
from tests.program import at_home, left, refused
from tests.staging import FakeRenderer, opening_fake, portrait_file

DIRECTION = "She grins, then nods."


@pytest.fixture(autouse=True)
def _at_home(tmp_path) -> Iterator[None]:
    with at_home(tmp_path):
        portrait_file(Path("portrait.png"))
        yield


@pytest.fixture(autouse=True)
def renderer(monkeypatch) -> FakeRenderer:
    """What is opened instead of the puppet."""
    fake = FakeRenderer()
    opening_fake(monkeypatch, fake)
    return fake


@pytest.fixture(scope="module")
def plan(tmp_path_factory) -> Path:
    """A folder with nothing but a plan."""
    with at_home(tmp_path_factory.mktemp("plan")):
        assert main(["plan", DIRECTION, "--seconds", "2", "--fps", "25", "-o", "motion.json"]) == 0
        return Path.cwd()


@pytest.fixture
def planned(plan, capsys) -> None:
    """motion.json of 2 s at 25 frames per second, and motion.take."""
    shutil.copytree(plan, Path.cwd(), dirs_exist_ok=True)
    capsys.readouterr()


def render(*words: str) -> int:
    return main(["render", "portrait.png", *words])


# ------------------------------------------------------------------------------------------------------ what it renders


@pytest.mark.parametrize("motion", ["motion.json", "motion.take", "motion.take/motion.json", "motion.take/journal.mcap"])
def test_a_motion_is_meant_by_its_file_its_take_or_its_journal(planned, motion):
    assert render(motion, "-o", "out.mp4") == 0
    made = probe(Path("out.mp4"))
    assert (made.frames, made.width, made.height) == (50, 40, 48)
    assert made.metadata["direction"] == DIRECTION
    assert made.metadata["take"] == json.loads(Path("motion.take/take.json").read_bytes())["take"]
    assert not Path("out.take").exists()


def test_a_video_stands_for_the_motion_in_its_take():
    assert main(["animate", "portrait.png", DIRECTION, "--runtime", "inline", "--seconds", "1", "-o", "first.mp4"]) == 0
    assert render("first.mp4", "-o", "second.mp4") == 0
    assert Path("second.mp4").read_bytes() == Path("first.mp4").read_bytes()


def test_pictures_in_a_folder_have_their_take_beside_the_folder():
    assert main(["animate", "portrait.png", DIRECTION, "--runtime", "inline", "--seconds", "1", "-o", "frames/"]) == 0
    assert left(Path("frames"))[0] == "frame_00000.png"
    assert len(left(Path("frames"))) == 25
    assert render("frames", "-o", "out.mp4") == 0
    assert main(["verify", "frames"]) == 0


def test_another_frame_rate_shows_the_same_time(planned):
    assert render("motion.json", "-o", "out.mp4", "--fps", "30000/1001") == 0
    made = probe(Path("out.mp4"))
    assert str(made.fps) == "30000/1001"
    assert made.frames == 60  # those that begin before 2 s


def test_a_motion_that_was_changed_by_hand_is_rendered_as_it_is_now(planned):
    document = json.loads(Path("motion.json").read_bytes())
    blink = document["channels"].index("eyeBlinkLeft")
    for row in document["frames"]:
        row[blink] = 1.0
    Path("motion.json").write_text(json.dumps(document), encoding="utf-8")
    assert render("motion.json", "-o", "out_%02d.png") == 0
    assert {int(frame[5, 5, 2]) for frame in read_frames(Path("out_%02d.png"))} == {255}


def test_the_result_as_json_is_one_document(planned, capsys):
    assert render("motion.json", "-o", "out.mp4", "--size", "96", "--sheet", "out.png", "--json") == 0
    result = json.loads(capsys.readouterr().out)
    assert result["output"] == "out.mp4"
    assert (result["frames"], result["fps"], result["width"], result["height"]) == (50, "25", 80, 96)
    assert result["sheet"] == "out.png"
    assert result["warnings"] == []


def test_the_result_for_people_is_a_line_each(planned, capsys):
    assert render("motion.json", "-o", "out.mp4", "--sheet", "out.png") == 0
    video, sheet = capsys.readouterr().out.splitlines()
    assert video.startswith("out.mp4: 2.00 s, 50 frames of 40 x 48 pixels at 25 per second, rendered in ")
    assert sheet == "out.png: contact sheet"


def test_the_size_that_is_told_is_the_videos(planned, capsys):
    assert render("motion.json", "-o", "out.mp4", "--size", "47", "--json") == 0
    result = json.loads(capsys.readouterr().out)
    found = probe(Path("out.mp4"))
    assert (result["width"], result["height"]) == (found.width, found.height) == (40, 48)


# --------------------------------------------------------------------------------------------------------------- warned


def written(name: str, **columns: list[float]) -> None:
    rows = [list(row) for row in zip(*columns.values(), strict=True)]
    head = {"format": "textuportray.motion", "version": 1, "fps": "25", "direction": "", "seed": 0}
    Path(name).write_text(json.dumps({**head, "channels": list(columns), "frames": rows}), encoding="utf-8")


def test_what_had_to_be_changed_is_told_once_and_is_no_failure(capsys):
    written("m.json", headYaw=[0, 34, 10], eyeBlinkLeft=[0, 1.5, 0])
    assert render("m.json", "-o", "out.mp4", "--json") == 0
    printed = capsys.readouterr()
    expected = [
        "head yaw eased from 34 to 20 degrees: this portrait cannot show more of it",
        "eye blink left cut from 1.5 to its range of 0 to 1",
    ]
    assert [line for line in printed.err.splitlines() if line.startswith("warning: ")] == [f"warning: {e}" for e in expected]
    assert json.loads(printed.out)["warnings"] == expected


def test_a_take_beside_the_output_that_is_of_something_else_is_pointed_out(planned, capsys):
    assert main(["plan", "He frowns", "--seconds", "1", "-o", "out.json"]) == 0
    before = Path("out.take/take.json").read_bytes()
    assert render("motion.json", "-o", "out.mp4") == 0
    assert "warning: out.take is of another take than this motion and stays as it is" in capsys.readouterr().err
    assert Path("out.take/take.json").read_bytes() == before


def test_a_take_whose_own_video_it_becomes_keeps_what_it_was_made_with(planned):
    assert render("motion.json", "-o", "motion.mp4") == 0
    record = json.loads(Path("motion.take/take.json").read_bytes())
    assert record["direction"] == DIRECTION
    assert record["portrait"]["file"] == "portrait.png"
    counted = {"frames": 50, "frames_rendered": 50, "frames_kept": 0}
    assert record["video"] == {**counted, "fps": "25", "width": 40, "height": 48}


# -------------------------------------------------------------------------------------------------------------- refused


@pytest.mark.parametrize(
    ("words", "said", "code"),
    [
        (["motion.json", "-o", "out.xyz"], "the ending .xyz says no format that can be written", 2),
        (["motion.json", "-o", "out.take"], "the ending .take says no format", 2),
        (["motion.json", "-o", "motion.json/out.mp4"], "cannot be written (Not a directory)", 2),
        (["motion.json", "-o", "out.mp4", "--fps", "0"], "--fps '0' is not a frame rate", 2),
        (["motion.json", "-o", "out.mp4", "--fps", "2997003/50021"], "too fine a ratio for a video", 2),
        (["motion.json", "-o", "out.mp4", "--size", "31"], "--size '31' is not a size", 2),
        (["motion.json", "-o", "out.mp4", "--size", "big"], "--size 'big' is not a size", 2),
        (["motion.json", "-o", "out.mp4", "--face", "0"], "--face '0' is not the number of a face", 2),
        (["motion.json", "-o", "out.mp4", "--background", "blue"], "--background 'blue' is not known", 2),
        (["motion.json", "-o", "out.mp4", "--background", "alpha"], ".mp4 keeps no transparency", 2),
        (["motion.json", "-o", "out.mp4", "--renderer", "wan"], "invalid choice: 'wan'", 2),
        (["none.json", "-o", "out.mp4"], "none.json does not exist. Name a motion file", 2),
        (["folder", "-o", "out.mp4"], "folder is a folder without a motion.json", 2),
        (["portrait.png", "-o", "out.mp4"], "portrait.png is no motion and has no take beside it", 2),
        (["words.json", "-o", "out.mp4"], "words.json is no motion", 1),
        (["fast.json", "-o", "out.mp4"], "The motion's frame rate 1000000 is above the 240 that a video can have", 2),
        (["motion.json", "-o", "out.mp4", "--face", "3"], "there is no face 3", 1),
    ],
)
def test_what_cannot_be_rendered_is_one_line(planned, capsys, tmp_path, words, said, code):
    Path("folder").mkdir()
    Path("words.json").write_text("She smiles", encoding="utf-8")
    Path("fast.json").write_text(Path("motion.json").read_text().replace('"fps":"25"', '"fps":"1000000"'), encoding="utf-8")
    before = left(tmp_path)
    assert render(*words) == code
    printed = capsys.readouterr()
    *_, last = printed.err.splitlines()
    assert last.startswith("textuportray: ")
    assert said in last
    assert printed.out == ""
    assert left(tmp_path) == before


def test_a_motion_of_ten_million_frames_is_refused_quickly(capsys, tmp_path):
    head = '{"format":"textuportray.motion","version":1,"fps":"25","direction":"","seed":0,"channels":["jawOpen"],"frames":['
    Path("long.json").write_text(head + ",".join(["[0]"] * 10**7) + "]}", encoding="utf-8")
    said = refused(capsys, "render", "portrait.png", "long.json", "-o", "out.mp4", code=1)
    assert "frames" in said
    assert left(tmp_path) == ["long.json", "portrait.png"]


def test_the_motion_is_not_overwritten_by_its_video(capsys):
    Path("motion.gif").write_text('{"format": "textuportray.motion"}', encoding="utf-8")
    assert "is the motion itself" in refused(capsys, "render", "portrait.png", "motion.gif", "-o", "motion.gif")


# ----------------------------------------------------------------------------------------------------------- cut short


def test_a_signal_ends_it_between_two_chunks_and_says_how_to_go_on(planned, capsys, renderer):
    renderer.before = lambda done: signal.raise_signal(signal.SIGTERM) if done == 16 else None
    assert render("motion.json", "-o", "out.mp4") == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert last == (
        "textuportray: stopped by SIGTERM with 32 of 50 frames rendered. out.mp4 is not written; give the same command again."
    )
    assert not [name for name in left(Path()) if name.startswith((".out", "out"))]


def test_a_renderer_that_fails_leaves_nothing(planned, capsys, renderer):
    def before(done: int) -> Any:
        raise MemoryError

    renderer.before = before
    assert render("motion.json", "-o", "out.mp4") == 1
    last = capsys.readouterr().err.splitlines()[-1]
    assert "The memory is not enough for frames of 40 x 48 pixels" in last
    assert last.endswith("To go on, give the same command again.")
    assert not Path("out.mp4").exists()
