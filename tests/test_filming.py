"""The render loop: what it asks of a renderer, what it writes, what it makes of values that cannot be shown."""

from __future__ import annotations

import errno
import os
import re

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from PIL import Image

from protocol.brief import Beat
from protocol.channels import INDEX, NAMES
from renderer.portrait import PortraitError
from renderer.video import VideoError, probe, read_frames
from runtime import filming
from runtime.filming import CHUNK, FilmError, Shot, Stage, captions, check_film, film, fitted, metadata_of, set_stage
from runtime.options import FilmOptions, UsageError
from tests.program import left
from tests.staging import BLINK, YAW, FakeRenderer, opened, portrait_file


@pytest.fixture
def renderer(monkeypatch) -> FakeRenderer:
    """The renderer that is opened whatever is asked for."""
    fake = FakeRenderer()
    monkeypatch.setattr(filming, "open_renderer", lambda name, device, on_progress: opened(fake))
    return fake


@pytest.fixture
def stage(tmp_path, renderer) -> Stage:
    """A prepared portrait of 40 x 48 pixels."""
    return set_stage(FilmOptions(portrait=portrait_file(tmp_path / "portrait.png"), output="out.mp4"))


def motion(frames: int, **channels: Any) -> np.ndarray:
    samples = np.zeros((frames, len(NAMES)), np.float32)
    for name, values in channels.items():
        samples[:, INDEX[name]] = values
    return samples


def shot(path: Path, **other: Any) -> Shot:
    return Shot(output=str(path), fps=Fraction(25), metadata={}, **other)


# ------------------------------------------------------------------------------------------------------------ the loop


def test_every_frame_is_rendered_once_in_order(stage, renderer, tmp_path):
    closed = np.linspace(0, 1, 40, dtype=np.float32)
    film(stage, motion(40, eyeBlinkLeft=closed), shot(tmp_path / "frames_%05d.png"))
    assert renderer.chunks == [16, 16, 8]
    blue = [frame[5, 5, 2] for frame in read_frames(tmp_path / "frames_%05d.png")]
    assert blue == [round(255 * float(value)) for value in closed]


def test_how_frames_are_cut_into_chunks_changes_nothing(stage, renderer, tmp_path, monkeypatch):
    samples = motion(40, eyeBlinkLeft=np.linspace(0, 1, 40))
    film(stage, samples, shot(tmp_path / "a.mp4"))
    monkeypatch.setattr(filming, "CHUNK_BYTES", 5 * 4 * 40 * 48)
    film(stage, samples, shot(tmp_path / "b.mp4"))
    assert renderer.chunks[3:] == [5] * 8
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_a_picture_however_large_is_rendered_at_least_one_frame_at_a_time(stage, renderer, tmp_path, monkeypatch):
    monkeypatch.setattr(filming, "CHUNK_BYTES", 1)
    film(stage, motion(2), shot(tmp_path / "a.mp4"))
    assert renderer.chunks == [1, 1]


def test_steps_are_told_before_each_chunk_and_after_the_last(stage, tmp_path):
    told: list[int] = []
    film(stage, motion(20), shot(tmp_path / "a.mp4"), step=told.append, finish=lambda: told.append(-1))
    assert told == [0, CHUNK, 20, -1]
    assert probe(tmp_path / "a.mp4").frames == 20


@pytest.mark.parametrize("at", [0, 16, 20])
def test_a_step_can_end_the_work_and_nothing_is_left(stage, tmp_path, at):
    def step(done: int) -> None:
        if done == at:
            raise InterruptedError

    (tmp_path / "a.mp4").write_text("of an earlier take")
    with pytest.raises(InterruptedError):
        film(stage, motion(20), shot(tmp_path / "a.mp4", sheet=tmp_path / "a.png"), step=step)
    assert left(tmp_path) == ["a.mp4", "portrait.png"]
    assert (tmp_path / "a.mp4").read_text() == "of an earlier take"


def test_a_disk_that_is_full_is_told_and_nothing_is_left(stage, tmp_path, monkeypatch):
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(VideoError, match=r"a\.mp4 cannot be written \(No space left on device\)"):
        film(stage, motion(20), shot(tmp_path / "a.mp4"))
    assert left(tmp_path) == ["portrait.png"]


def test_memory_that_is_not_enough_is_told_with_a_way_out(stage, renderer, tmp_path):
    def before(done: int) -> None:
        raise MemoryError

    renderer.before = before
    with pytest.raises(FilmError, match=r"frames of 40 x 48 pixels\. Ask for smaller ones with --size"):
        film(stage, motion(2), shot(tmp_path / "a.mp4"))


@pytest.mark.parametrize(
    ("background", "shown"), [("keep", None), ("green", (0, 177, 64)), ((32, 64, 160), (32, 64, 160)), ("alpha", ())]
)
def test_what_is_behind_the_person_is_what_was_asked_for(stage, tmp_path, background, shown):
    film(stage, motion(2), shot(tmp_path / "f_%02d.png", background=background))
    with Image.open(tmp_path / "f_00.png") as picture:
        behind = picture.getpixel((3, 3))
        assert picture.mode == ("RGBA" if background == "alpha" else "RGB")
    assert isinstance(behind, tuple)
    if background == "alpha":
        assert behind[3] == 0
    elif background == "keep":
        assert behind[:2] == tuple(stage.portrait.rgb[3, 3, :2])
    else:
        assert behind == shown


def test_a_contact_sheet_shows_the_take(stage, tmp_path):
    film(stage, motion(50), shot(tmp_path / "a.mp4", sheet=tmp_path / "a.png", title="She smiles", caption=lambda s: "x"))
    with Image.open(tmp_path / "a.png") as sheet:
        assert sheet.width > 4 * 190  # four pictures, 240 pixels high, side by side


# ------------------------------------------------------------------------------------------- what a rig cannot show


def test_what_the_rig_can_show_is_not_touched(stage):
    samples = motion(3, eyeBlinkLeft=[0, 0.5, 1], headYaw=[0, 10, -15])
    shown, notes = fitted(samples, stage.rig)
    assert np.array_equal(shown, samples)
    assert notes == ()


def test_a_pose_beyond_the_rigs_range_is_eased_and_told(stage):
    shown, notes = fitted(motion(3, headYaw=[10, 34, 12]), stage.rig)
    assert shown[[0, 2], YAW].tolist() == [10, 12]
    assert 19 < shown[1, YAW] < 20
    assert notes == ("head yaw eased from 34 to 20 degrees: this portrait cannot show more of it",)


def test_what_is_hardly_beyond_a_range_is_not_worth_a_word(stage):
    shown, notes = fitted(motion(2, headYaw=[0, 21], jawOpen=[0, 1.01]), stage.rig)
    assert shown[1, YAW] < 20
    assert shown[1, INDEX["jawOpen"]] == 1
    assert notes == ()


def test_a_channel_beyond_its_own_range_is_cut_and_told(stage):
    shown, notes = fitted(motion(3, eyeBlinkLeft=[0.2, 1.4, -0.3], jawOpen=[0, 1.001, 0]), stage.rig)
    assert shown[:, BLINK].tolist() == pytest.approx([0.2, 1, 0])
    assert notes == ("eye blink left cut from 1.4 to its range of 0 to 1",)


def test_many_channels_beyond_their_ranges_are_told_in_a_few_lines(stage):
    _, notes = fitted(np.full((2, len(NAMES)), 2, np.float32), stage.rig)
    assert len(notes) == 6
    assert re.fullmatch(r"values of [0-9]+ more channels cut to their ranges", notes[-1])


# --------------------------------------------------------------------------------------------------------- preparing


def test_the_record_names_portrait_renderer_and_models(stage):
    assert stage.record["portrait"]["file"] == "portrait.png"
    assert stage.record["portrait"]["sha256"] == stage.portrait.digest
    assert stage.record["renderer"]["models"][0]["licence"] == "CC0-1.0"


def test_what_is_kept_in_a_video_follows_from_portrait_and_motion_alone(stage):
    samples = motion(3)
    kept = metadata_of(stage, samples, Fraction(25), {"seed": "0"})
    assert set(kept) == {"seed", "renderer", "portrait", "motion"}
    assert metadata_of(stage, samples.copy(), Fraction(25), {"seed": "0"}) == kept
    assert metadata_of(stage, samples + 1, Fraction(25), {"seed": "0"})["motion"] != kept["motion"]
    assert metadata_of(stage, samples, Fraction(30), {"seed": "0"})["motion"] != kept["motion"]


def test_a_transparent_portrait_whose_background_is_to_be_kept_has_a_note(tmp_path, renderer):
    picture = np.full((48, 40, 4), 200, np.uint8)
    picture[:, :20, 3] = 0
    Image.fromarray(picture).save(tmp_path / "cut.png")
    options = FilmOptions(portrait=tmp_path / "cut.png", output="out.mp4")
    assert "transparent in places" in " ".join(set_stage(options).notes)
    options = FilmOptions(portrait=tmp_path / "cut.png", output="out.webm", background="alpha")
    assert set_stage(options).notes == ()


def test_a_portrait_that_is_larger_than_any_video_asks_for_a_size(tmp_path, renderer):
    path = portrait_file(tmp_path / "wide.png", (8300, 40))
    with pytest.raises(PortraitError, match=r"8,300 x 40 pixels and a video has at most 8,192 each way\. Give --size"):
        set_stage(FilmOptions(portrait=path, output="out.mp4"))


def test_captions_are_the_beats_summaries():
    beats = (Beat(start=0, end=2, summary="She smiles"), Beat(start=2, end=3, summary="nods"))
    caption = captions(beats)
    assert [caption(at) for at in (0.0, 1.99, 2.0, 3.0)] == ["She smiles", "She smiles", "nods", ""]
    assert captions(())(1.0) == ""


# ---------------------------------------------------------------------------------------------- checked before any work


@pytest.mark.parametrize(
    ("output", "options", "said"),
    [
        ("out.xyz", {}, r"the ending \.xyz says no format"),
        ("out", {}, "without an ending"),
        ("out.png", {}, "names one picture and a take has many"),
        ("out.mp4", {"background": "alpha"}, r"\.mp4 keeps no transparency"),
        ("out.mp4", {"sheet": Path("sheet.jpg")}, "--sheet sheet.jpg has to be a PNG"),
        ("out.mp4", {"sheet": Path("portrait.png")}, "is the portrait itself"),
        ("portrait.png/out.mp4", {"sheet": Path("portrait.png/a.png")}, "cannot be written"),
        ("out.mp4", {"portrait": Path("nobody.png")}, "nobody.png does not exist"),
        ("out.mp4", {"portrait": Path("n" * 300)}, "File name too long"),
    ],
)
def test_what_cannot_be_filmed_is_refused_before_any_work(tmp_path, monkeypatch, output, options, said):
    monkeypatch.chdir(tmp_path)
    portrait_file(Path("portrait.png"))
    with pytest.raises(UsageError, match=said):
        check_film(FilmOptions(**{"portrait": Path("portrait.png"), "output": output, **options}))
    assert left(tmp_path) == ["portrait.png"]


def test_a_portrait_is_not_overwritten_by_its_video(tmp_path):
    path = portrait_file(tmp_path / "portrait.gif")
    with pytest.raises(UsageError, match="is the portrait itself and would be replaced"):
        check_film(FilmOptions(portrait=path, output=str(path)))
