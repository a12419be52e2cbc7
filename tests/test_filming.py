"""The render loop: what it asks of a renderer, what it writes, what it makes of values that cannot be shown."""

from __future__ import annotations

import errno
import os

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from PIL import Image

from protocol.brief import Beat
from protocol.channels import INDEX, NAMES
from renderer.video import VideoError, probe, read_frames
from runtime import filming
from runtime.filming import CHUNK, FilmError, Shot, captions, check_film, film, metadata_of, open_film, span
from runtime.options import FilmOptions, UsageError
from runtime.studio import Studio
from runtime.take_error import TakeError
from tests.program import left
from tests.staging import FakeRenderer, portrait_file, studio


@pytest.fixture
def renderer() -> FakeRenderer:
    """Who renders."""
    return FakeRenderer()


@pytest.fixture
def made(tmp_path, renderer) -> Studio:
    """A prepared portrait of 40 x 48 pixels."""
    return studio(renderer, tmp_path)


def motion(frames: int, **channels: Any) -> np.ndarray:
    samples = np.zeros((frames, len(NAMES)), np.float32)
    for name, values in channels.items():
        samples[:, INDEX[name]] = values
    return samples


def shot(path: Path, **other: Any) -> Shot:
    return Shot(output=str(path), fps=Fraction(25), metadata={}, **other)


# ------------------------------------------------------------------------------------------------------------ the loop


def test_every_frame_is_rendered_once_in_order(made, renderer, tmp_path):
    closed = np.linspace(0, 1, 40, dtype=np.float32)
    film(made, motion(40, eyeBlinkLeft=closed), shot(tmp_path / "frames_%05d.png"))
    assert renderer.chunks == [16, 16, 8]
    blue = [frame[5, 5, 2] for frame in read_frames(tmp_path / "frames_%05d.png")]
    assert blue == [round(255 * float(value)) for value in closed]


def test_how_frames_are_cut_into_chunks_changes_nothing(made, renderer, tmp_path, monkeypatch):
    samples = motion(40, eyeBlinkLeft=np.linspace(0, 1, 40))
    film(made, samples, shot(tmp_path / "a.mp4"))
    monkeypatch.setattr(filming, "CHUNK_BYTES", 5 * 4 * 40 * 48)
    film(made, samples, shot(tmp_path / "b.mp4"))
    assert renderer.chunks[3:] == [5] * 8
    assert (tmp_path / "a.mp4").read_bytes() == (tmp_path / "b.mp4").read_bytes()


def test_a_picture_however_large_is_rendered_at_least_one_frame_at_a_time(made, renderer, tmp_path, monkeypatch):
    monkeypatch.setattr(filming, "CHUNK_BYTES", 1)
    film(made, motion(2), shot(tmp_path / "a.mp4"))
    assert renderer.chunks == [1, 1]


def test_steps_are_told_before_each_chunk_and_after_the_last(made, tmp_path):
    told: list[int] = []
    film(made, motion(20), shot(tmp_path / "a.mp4"), step=told.append, finish=lambda: told.append(-1))
    assert told == [0, CHUNK, 20, -1]
    assert probe(tmp_path / "a.mp4").frames == 20


def test_a_chunk_has_fewer_frames_of_a_large_picture():
    assert span(40, 48) == CHUNK
    assert span(1920, 1080) == 8  # 64 MiB hold as many with four bytes a pixel
    assert span(8192, 8192) == 1
    assert span(40, 48, 100) == 100


def test_frames_may_come_one_chunk_after_the_other(made, tmp_path):
    """Who renders elsewhere hands in what has come; how much there is so far can be asked."""
    frames = made.render(motion(7, eyeBlinkLeft=np.linspace(0, 1, 7)))
    told = []
    with open_film(made.stage, shot(tmp_path / "f_%02d.png")) as written:
        for first, last in ((0, 3), (3, 4), (4, 7)):
            written.write(frames[first:last])
            told.append(written.done)
    assert told == [3, 4, 7]
    assert np.array_equal(np.stack(list(read_frames(tmp_path / "f_%02d.png"))), frames)


def test_a_film_that_is_given_up_leaves_nothing(made, tmp_path):
    def give_up() -> None:
        with open_film(made.stage, shot(tmp_path / "a.mp4", sheet=tmp_path / "a.png")) as written:
            written.write(made.render(motion(7)))
            raise TakeError

    with pytest.raises(TakeError):
        give_up()
    assert left(tmp_path) == ["portrait.png"]


@pytest.mark.parametrize("at", [0, 16, 20])
def test_a_step_can_end_the_work_and_nothing_is_left(made, tmp_path, at):
    def step(done: int) -> None:
        if done == at:
            raise InterruptedError

    (tmp_path / "a.mp4").write_text("of an earlier take")
    with pytest.raises(InterruptedError):
        film(made, motion(20), shot(tmp_path / "a.mp4", sheet=tmp_path / "a.png"), step=step)
    assert left(tmp_path) == ["a.mp4", "portrait.png"]
    assert (tmp_path / "a.mp4").read_text() == "of an earlier take"


def test_a_disk_that_is_full_is_told_and_nothing_is_left(made, tmp_path, monkeypatch):
    def full(handle: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(VideoError, match=r"a\.mp4 cannot be written \(No space left on device\)"):
        film(made, motion(20), shot(tmp_path / "a.mp4"))
    assert left(tmp_path) == ["portrait.png"]


def test_memory_that_is_not_enough_is_told_with_a_way_out(made, renderer, tmp_path):
    def before(done: int) -> None:
        raise MemoryError

    renderer.before = before
    with pytest.raises(FilmError, match=r"frames of 40 x 48 pixels\. Ask for smaller ones with --size"):
        film(made, motion(2), shot(tmp_path / "a.mp4"))


@pytest.mark.parametrize(
    ("background", "shown"), [("keep", None), ("green", (0, 177, 64)), ((32, 64, 160), (32, 64, 160)), ("alpha", ())]
)
def test_what_is_behind_the_person_is_what_was_asked_for(renderer, tmp_path, background, shown):
    made = studio(renderer, tmp_path, background)
    film(made, motion(2), shot(tmp_path / "f_%02d.png", background=background))
    with Image.open(tmp_path / "f_00.png") as picture:
        behind = picture.getpixel((3, 3))
        assert picture.mode == ("RGBA" if background == "alpha" else "RGB")
    assert isinstance(behind, tuple)
    if background == "alpha":
        assert behind[3] == 0
    elif background == "keep":
        assert behind[:2] == tuple(made.render(motion(1))[0, 3, 3, :2])
    else:
        assert behind == shown


def test_a_contact_sheet_shows_the_take(made, tmp_path):
    film(made, motion(50), shot(tmp_path / "a.mp4", sheet=tmp_path / "a.png", title="She smiles", caption=lambda s: "x"))
    with Image.open(tmp_path / "a.png") as sheet:
        assert sheet.width > 4 * 190  # four pictures, 240 pixels high, side by side


# ----------------------------------------------------------------------------------------------------- what it is given


def test_what_is_kept_in_a_video_follows_from_portrait_and_motion_alone(made):
    samples, stage = motion(3), made.stage
    kept = metadata_of(stage, {"seed": "0"}, samples)
    assert set(kept) == {"seed", "renderer", "portrait", "motion"}
    assert metadata_of(stage, {"seed": "0"}, samples.copy()) == kept
    assert metadata_of(stage, {"seed": "0"}, samples + 1)["motion"] != kept["motion"]
    assert set(metadata_of(stage, {"take": "take-1"})) == {"take", "renderer", "portrait"}


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
