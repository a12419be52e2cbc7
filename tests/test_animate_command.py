"""`animate`: words and a portrait become a video and a take; what is refused, and what is left when it does not come off."""

from __future__ import annotations

import errno
import json
import os
import re
import shlex
import signal

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from PIL import Image

from protocol.messages import FilmOpened
from renderer.errors import DeviceLost
from renderer.video import Sink, VideoError, probe, read_frames
from renderer.weights import WeightsError
from runtime import studio
from runtime.cli import main
from runtime.commands import asking, showing
from runtime.renderers import TABLES
from runtime.takes import open_take
from tests.program import at_home, left
from tests.staging import FakeRenderer, opening_fake, portrait_file

DIRECTION = "She grins, then nods."
TAKE = ["journal.mcap", "motion.json", "take.json", "timeline.json"]


@pytest.fixture(autouse=True)
def _at_home(tmp_path) -> Iterator[None]:
    with at_home(tmp_path):
        portrait_file(Path("portrait.png"))
        yield


@pytest.fixture
def renderer(monkeypatch) -> FakeRenderer:
    """What is opened instead of the puppet."""
    fake = FakeRenderer()
    opening_fake(monkeypatch, fake)
    return fake


def animate(*words: str, direction: str = DIRECTION) -> int:
    return main(["animate", "portrait.png", direction, "--runtime", "inline", *words])


# -------------------------------------------------------------------------------------------------------- what it makes


def test_a_take_leaves_its_video_and_its_folder(renderer, tmp_path):
    assert animate("--seconds", "2", "-o", "new/out.mp4", "--sheet", "new/out.png") == 0
    assert left(tmp_path / "new") == ["out.mp4", "out.png", "out.take", *(f"out.take/{name}" for name in TAKE)]
    made = probe(tmp_path / "new" / "out.mp4")
    assert (made.frames, str(made.fps), made.width, made.height) == (50, "25", 40, 48)
    assert main(["verify", "new/out.mp4"]) == 0
    assert main(["replay", "new/out.take"]) == 0


def test_the_video_says_what_made_it_and_names_no_file(renderer):
    assert animate("--seconds", "1", "--seed", "7", "-o", "out.mp4") == 0
    made = probe(Path("out.mp4"))
    record = json.loads(Path("out.take/take.json").read_bytes())
    assert made.title == DIRECTION
    assert made.metadata["take"] == record["take"]
    assert made.metadata["seed"] == "7"
    assert made.metadata["portrait"] == record["portrait"]["sha256"]
    assert not [value for value in made.metadata.values() if "portrait.png" in value or os.sep in value]


def test_the_record_holds_all_that_it_was_made_with(renderer):
    assert animate("--seconds", "1", "--background", "#102030", "-o", "out.mp4") == 0
    record = json.loads(Path("out.take/take.json").read_bytes())
    assert record["frames"] == 25
    assert record["portrait"]["file"] == "portrait.png"
    assert (record["portrait"]["width"], record["portrait"]["height"]) == (40, 48)
    assert record["renderer"]["name"] == "fake"
    assert record["renderer"]["models"][0]["sha256"]
    assert record["background"] == [16, 32, 48]
    assert record["neutral"] is False
    counted = {"frames": 25, "frames_rendered": 25, "frames_kept": 0}
    assert record["video"] == {**counted, "fps": "25", "width": 40, "height": 48}


def test_an_expression_that_was_relaxed_stays_so_when_the_take_is_rendered_again_or_revised(renderer):
    assert animate("--seconds", "1", "--neutral", "-o", "a_%02d.png") == 0
    assert main(["revise", "a_%02d.png", "slower", "-o", "b_%02d.png"]) == 0
    assert main(["render", "portrait.png", "a_%02d.png", "-o", "c_%02d.png", "--neutral"]) == 0
    assert main(["render", "portrait.png", "a_%02d.png", "-o", "d_%02d.png"]) == 0
    shown = [[int(frame[0, 1, 0]) for frame in read_frames(Path(f"{name}_%02d.png"))] for name in "abcd"]
    assert [set(reds) for reds in shown] == [{255}, {255}, {255}, {0}]
    (opened,) = [each.message for each in open_take(Path("a_%02d.take")).records if isinstance(each.message, FilmOpened)]
    assert opened.neutral


def test_the_frames_are_those_of_the_motion_beside_it(renderer):
    assert animate("--seconds", "2", "--fps", "30", "-o", "out_%03d.png", direction="She blinks.") == 0
    motion = json.loads(Path("out_%03d.take/motion.json").read_bytes())
    assert motion["fps"] == "30"
    blink = motion["channels"].index("eyeBlinkLeft")
    expected = [round(255 * row[blink]) for row in motion["frames"]]
    assert max(expected) > 200
    assert [int(frame[5, 5, 2]) for frame in read_frames(Path("out_%03d.png"))] == pytest.approx(expected, abs=1)


def test_the_same_again_is_the_same_byte_for_byte(renderer):
    for name in ("a", "b"):
        assert animate("--seconds", "1", "-o", f"{name}.mp4", "--sheet", f"{name}.png") == 0
    for ending in ("mp4", "png", "take/motion.json"):
        assert Path(f"a.{ending}").read_bytes() == Path(f"b.{ending}").read_bytes()


def test_what_was_planned_and_rendered_is_told_for_people(renderer, capsys):
    assert animate("--seconds", "2", "--explain", "-o", "out.mp4") == 0
    printed = capsys.readouterr()
    first, second, *rest = printed.out.splitlines()
    assert first.startswith("out.mp4: 2.00 s, 50 frames of 40 x 48 pixels at 25 per second, rendered in ")
    assert second.startswith("planned in ")
    assert second.endswith("; see out.take")
    assert "beat 0" in rest[0]
    phases = [line.split()[0] for line in printed.err.splitlines()]
    assert phases == ["preparing", "planning", "rendering", "rendering:"]


def test_the_result_as_json_is_one_document(renderer, capsys):
    assert animate("--seconds", "2", "--json", "-o", "out.mp4", direction="She smiles at the 株 market") == 0
    printed = capsys.readouterr()
    result = json.loads(printed.out)
    assert (result["output"], result["take"], result["frames"], result["seconds"]) == ("out.mp4", "out.take", 50, 2)
    assert ["smiles", "smile"] in result["understood"]
    assert "株" in " ".join(result["unread"])
    assert any("not understood" in warning for warning in result["warnings"])
    assert "warning: not understood: " in printed.err


def test_several_faces_are_pointed_out_and_one_can_be_chosen(renderer, capsys):
    renderer.faces = 2
    assert animate("--seconds", "1", "-o", "out.mp4") == 0
    assert "warning: 2 faces were found and the largest one acts" in capsys.readouterr().err
    assert animate("--seconds", "1", "-o", "out.mp4", "--face", "2") == 0
    assert "warning" not in capsys.readouterr().err


# -------------------------------------------------------------------------------------------------------------- refused


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-o", "out.avi"], "the ending .avi says no format"),
        (["-o", "out.mp4", "--background", "alpha"], ".mp4 keeps no transparency. Use .webm"),
        (["-o", "out.mp4", "--seconds", "0"], "--seconds '0' is not a length"),
        (["-o", "out.mp4", "--fps", "2997003/50021"], "too fine a ratio for a video"),
        (["-o", "out.mp4", "--constraints", "none.yaml"], "none.yaml: cannot be read"),
        (["-o", "out.mp4", "--sheet", "sheet.jpg"], "has to be a PNG"),
        (["-o", "portrait.png/out.mp4"], "cannot be written (Not a directory)"),
        (["-o", "/dev/full"], "/dev/full"),
    ],
)
def test_what_cannot_be_asked_for_is_refused_before_the_portrait_is_read(capsys, tmp_path, monkeypatch, words, said):
    monkeypatch.setattr(studio, "read_portrait", lambda *_, **__: pytest.fail("it has begun to work"))
    assert animate(*words) == 2
    printed = capsys.readouterr()
    assert printed.err.startswith("textuportray: ")
    assert said in printed.err
    assert printed.err.count("\n") == 1
    assert left(tmp_path) == ["portrait.png"]


def test_a_portrait_that_is_not_there_is_bad_usage(capsys):
    assert main(["animate", "nobody.jpg", "She smiles", "-o", "out.mp4"]) == 2
    assert "nobody.jpg does not exist" in capsys.readouterr().err


@pytest.mark.parametrize("content", [b"", b"no picture", b"\x89PNG\r\n\x1a\n cut off"])
def test_a_file_that_is_no_picture_fails_before_anything_is_planned(renderer, capsys, tmp_path, content):
    Path("portrait.png").write_bytes(content)
    assert animate("-o", "out.mp4") == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith("textuportray: portrait.png ")
    assert left(tmp_path) == ["portrait.png"]


def test_a_portrait_without_a_face_fails_before_anything_is_planned(renderer, capsys, tmp_path):
    renderer.faces = 0
    assert animate("-o", "out.mp4") == 1
    assert "portrait.png: no face was found" in capsys.readouterr().err.splitlines()[-1]
    assert left(tmp_path) == ["portrait.png"]


def test_models_that_cannot_be_fetched_fail_before_anything_is_planned(capsys, tmp_path, monkeypatch):
    def absent(name, device, on_progress):
        raise WeightsError("Files are missing, and there is no network.")

    monkeypatch.setattr(showing, "open_renderer", absent)
    assert animate("-o", "out.mp4") == 1
    assert capsys.readouterr().err.splitlines()[-1] == "textuportray: Files are missing, and there is no network."
    assert left(tmp_path) == ["portrait.png"]


def test_the_renderers_that_can_be_named_are_those_that_there_are():
    assert set(asking.RENDERERS) == set(TABLES)


# ----------------------------------------------------------------------------------------------------------- cut short


def test_a_take_that_is_stopped_says_how_far_it_got_and_how_to_go_on(renderer, capsys):
    """What it says is carried out, and gives the video that would have been."""
    words = ["--seconds", "2", "--size", "60", "--background", "#102030", "--sheet", "o ut.png"]
    assert animate(*words, "-o", "whole.mp4") == 0
    whole_sheet = Path("o ut.png").read_bytes()
    Path("o ut.png").unlink()
    renderer.chunks.clear()
    renderer.before = lambda done: signal.raise_signal(signal.SIGINT) if done > 4 else None
    capsys.readouterr()
    assert animate(*words, "-o", "o ut.mp4") == 1
    said = capsys.readouterr().err.splitlines()[-1]
    stopped = r"textuportray: stopped by SIGINT with [12] of 2 beats agreed on and [1-9] chunks? of frames rendered\. "
    assert re.match(stopped + r"o ut\.mp4 is not written\. Go on with: textuportray resume 'o ut\.take', or see how far", said)
    assert [name for name in left(Path()) if "o ut" in name] == ["o ut.take", "o ut.take/journal.mcap", "o ut.take/take.json"]
    assert main(["verify", "o ut.take"]) == 0
    program, *rest = shlex.split(said.partition("Go on with: ")[2].partition(", or see")[0])
    assert program == "textuportray"
    renderer.before = lambda done: None
    assert main(rest) == 0
    assert Path("o ut.mp4").read_bytes() == Path("whole.mp4").read_bytes()
    assert Path("o ut.png").read_bytes() == whole_sheet


def test_a_chunk_that_cannot_be_rendered_fails_the_take_and_names_its_frames(renderer, capsys):
    """The second chunk is poison; the others are rendered all the same, once each."""
    assert animate("--seconds", "1.6", "--no-idle", "-o", "out.mp4", direction="She smiles.") == 0
    whole, lengths = renderer.asked, renderer.chunks
    Path("out.mp4").unlink()
    renderer.asked, renderer.poison = [], {whole[1]}
    assert animate("--seconds", "1.6", "--no-idle", "-o", "out.mp4", direction="She smiles.") == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert "the take failed with 1 of 1 beats agreed on and 1 chunk of frames rendered" in said
    frames = f"frames {lengths[0]} to {lengths[0] + lengths[1] - 1}"
    assert f"{frames} could not be rendered: RuntimeError: this is poison (tried 3 times)" in said
    assert "out.mp4 is not written. Go on with: textuportray resume out.take" in said
    assert sorted(renderer.asked) == sorted([*whole, whole[1], whole[1]])
    assert left(Path()) == ["out.take", "out.take/journal.mcap", "out.take/take.json", "portrait.png"]
    assert main(["verify", "out.take"]) == 0


def test_a_renderer_that_does_nothing_right_is_given_up(renderer, capsys):
    def before(done: int) -> None:
        raise MemoryError

    renderer.before = before
    assert animate("--seconds", "2", "-o", "out.mp4") == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert "the renderer was given up: it failed 3 times in a row, at last with: the memory is not enough; --size makes" in said
    assert main(["verify", "out.take"]) == 0


def test_a_device_that_is_lost_ends_the_take_which_can_go_on(renderer, capsys):
    def before(done: int) -> None:
        raise DeviceLost("The device failed while frames were computed: CUDA error: unspecified launch failure")

    renderer.before = before
    assert animate("--seconds", "1", "-o", "out.mp4") == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert "The device failed while frames were computed: CUDA error: unspecified launch failure" in said
    assert "Go on with: textuportray resume out.take" in said
    assert main(["verify", "out.take"]) == 0
    renderer.before = lambda done: None
    assert main(["resume", "out.take"]) == 0


def full(handle: int) -> None:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_video_that_cannot_be_written_on_the_way_closes_the_journal(renderer, capsys, monkeypatch):
    """The encoder's disk is full when the second chunk comes; the journal is on another one."""
    real = Sink.write

    def write(sink: Sink, frame: Any) -> None:
        if sink.frames == 20:
            raise VideoError("out.mp4 cannot be written (No space left on device).")
        real(sink, frame)

    monkeypatch.setattr(Sink, "write", write)
    assert animate("--seconds", "2", "-o", "out.mp4") == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert "the take failed with " in said
    assert (
        "out.mp4 cannot be written (No space left on device). out.mp4 is not written. Go on with: textuportray resume" in said
    )
    assert left(Path()) == ["out.take", "out.take/journal.mcap", "out.take/take.json", "portrait.png"]
    assert main(["verify", "out.take"]) == 0


def test_a_disk_that_fills_up_when_the_video_is_closed_keeps_the_plan(renderer, capsys, monkeypatch):
    """All is rendered, the journal is closed; only the video does not reach the disk. Both ways on give it."""
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: full(handle) if Path("out.take/motion.json").exists() else real(handle))
    assert animate("--seconds", "1", "-o", "out.mp4") == 1
    said = capsys.readouterr().err.splitlines()[-1]
    assert "(No space left on device)" in said
    assert said.endswith("textuportray render portrait.png out.take/motion.json -o out.mp4")
    assert left(Path()) == ["out.take", *(f"out.take/{name}" for name in TAKE), "portrait.png"]
    monkeypatch.setattr(os, "fsync", real)
    assert main(["resume", "out.mp4"]) == 0
    resumed = Path("out.mp4").read_bytes()
    Path("out.mp4").unlink()
    assert main(shlex.split(said[said.index("textuportray render") :])[1:]) == 0
    assert Path("out.mp4").read_bytes() == resumed


def test_a_disk_that_is_full_from_the_beginning_leaves_nothing(renderer, capsys, monkeypatch):
    monkeypatch.setattr(os, "fsync", full)
    assert animate("--seconds", "1", "-o", "new/out.mp4") == 1
    assert "(No space left on device)" in capsys.readouterr().err.splitlines()[-1]
    assert [name for name in left(Path()) if not Path(name).is_dir()] == ["portrait.png"]


def test_a_second_signal_ends_it_at_once_and_the_take_can_go_on(renderer, capsys):
    def twice(done: int) -> None:
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    renderer.before = twice
    assert animate("--seconds", "1", "-o", "out.mp4") == 1
    assert capsys.readouterr().err.splitlines()[-1].startswith("textuportray: stopped. No file was left half-written")
    assert left(Path()) == ["out.take", "out.take/journal.live.mcap", "out.take/take.json", "portrait.png"]
    renderer.before = lambda done: None
    assert main(["resume", "out.take"]) == 0
    assert probe(Path("out.mp4")).frames == 25


# ----------------------------------------------------------------------------------------------------------- for real


def test_the_sample_portrait_moves(models, sample, tmp_path):
    """The whole way with the real renderer, small."""
    Image.fromarray(sample).resize((256, 320)).save("sample.png")
    words = ["--seconds", "2", "--fps", "12", "--size", "192", "-o", "out.mp4", "--sheet", "out.png"]
    direction = "She blinks, then opens her mouth and turns her head."
    assert main(["animate", "sample.png", direction, "--runtime", "inline", *words]) == 0
    made = probe(tmp_path / "out.mp4")
    assert (made.frames, made.width, made.height) == (24, 154, 192)
    frames = np.stack([frame.astype(np.int16) for frame in read_frames(tmp_path / "out.mp4")])
    moved = np.abs(frames - frames[0]).max(axis=(0, 3))
    assert moved.max() > 60
    # Shoulders and the corners of the background stay, but for what the encoder makes of them.
    assert moved[-8:].max() < 30
    assert moved[:8, :8].max() < 30
    record = json.loads((tmp_path / "out.take" / "take.json").read_bytes())
    assert len(record["renderer"]["models"]) == 4
    assert {model["licence"] for model in record["renderer"]["models"]} == {"Apache-2.0"}
    assert main(["verify", "out.mp4"]) == 0
