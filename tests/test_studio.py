"""A studio: what is known of a portrait that is ready, and a renderer that answers each chunk once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from PIL import Image

from protocol.channels import INDEX, NAMES
from protocol.messages import ChunkAssigned, ChunkFailed, ChunkRendered
from renderer.errors import DeviceLost
from renderer.interface import Backdrop, Frames
from renderer.motions import Samples
from renderer.portrait import PortraitError, read_portrait
from renderer.video import GREEN
from runtime import studio as module
from runtime.arrays import digest_of
from runtime.options import FilmOptions
from runtime.studio import KEPT, RendererHost, Studio, backdrop, film_opened, furnish, prepare, read_cast
from tests.staging import FakeRenderer, opened, portrait_file, studio


@pytest.fixture
def made(tmp_path) -> Studio:
    """A prepared portrait of 40 x 48 pixels."""
    return studio(FakeRenderer(), tmp_path)


def rows(*blinks: float) -> Samples:
    samples = np.zeros((len(blinks), len(NAMES)), np.float32)
    samples[:, INDEX["eyeBlinkLeft"]] = blinks
    return samples


# ---------------------------------------------------------------------------------------------------------- the portrait


def test_the_record_names_portrait_renderer_and_models(made):
    record = made.stage.record
    assert record["portrait"]["file"] == "portrait.png"
    assert record["portrait"]["sha256"] == made.stage.portrait
    assert (record["portrait"]["width"], record["portrait"]["height"]) == (40, 48)
    assert record["renderer"]["models"][0]["licence"] == "CC0-1.0"
    assert record["background"] == "keep"


def test_a_stage_is_plain_data_that_says_what_the_rig_can_show(made):
    stage = made.stage
    assert (stage.size, stage.focus) == ((40, 48), (0, 0, 40, 48))
    assert dict(stage.ranges) == {"headYaw": (-20.0, 20.0)}
    assert replace(stage) == stage


def test_what_the_take_is_told_holds_all_that_frames_depend_on(made):
    message = film_opened(made.stage, 2, (16, 32, 255), 25)
    assert message.renderer == "fake"
    assert (message.portrait, message.face, message.width, message.height) == (made.stage.portrait, 2, 40, 48)
    assert message.ranges == {"headYaw": (-20.0, 20.0)}
    assert (message.background, message.span) == ("1020ff", 25)
    assert [film_opened(made.stage, None, word, 1).background for word in ("keep", "alpha", "green")] == [
        "keep",
        "alpha",
        "green",
    ]
    assert not message.neutral
    assert film_opened(made.stage, 2, "keep", 25, neutral=True).neutral


def test_an_expression_is_relaxed_wherever_the_portrait_is_prepared_and_kept_apart_in_the_record(tmp_path):
    portrait = read_portrait(portrait_file(tmp_path / "portrait.png"))
    renderer = opened(FakeRenderer())
    kept, relaxed = (prepare(renderer, portrait, None, "keep", neutral=neutral) for neutral in (False, True))
    assert (kept.render(rows(0.5))[0, 0, 1, 0], relaxed.render(rows(0.5))[0, 0, 1, 0]) == (0, 255)
    assert (kept.stage.record["neutral"], relaxed.stage.record["neutral"]) == (False, True)
    again = furnish(renderer, relaxed.rig, portrait, None, "keep", neutral=True)
    assert again.stage == relaxed.stage


def test_a_rig_that_came_from_elsewhere_makes_the_same_studio(tmp_path):
    """One process prepares the portrait, all of them render it."""
    renderer = opened(FakeRenderer())
    portrait = read_portrait(portrait_file(tmp_path / "portrait.png"))
    first = prepare(renderer, portrait, None, "green")
    other = furnish(opened(FakeRenderer()), first.rig, portrait, None, "green")
    assert other.stage == first.stage
    assert np.array_equal(other.render(rows(0.5)), first.render(rows(0.5)))


def test_what_is_behind_the_person_is_what_was_asked_for():
    asked = [backdrop(what) for what in ("keep", "alpha", "green", (1, 2, 3))]
    assert asked == [None, Backdrop(), Backdrop(GREEN), Backdrop((1, 2, 3))]


def test_a_transparent_portrait_whose_background_is_to_be_kept_has_a_note(tmp_path):
    picture = np.full((48, 40, 4), 200, np.uint8)
    picture[:, :20, 3] = 0
    Image.fromarray(picture).save(tmp_path / "cut.png")
    portrait = read_portrait(tmp_path / "cut.png")
    assert "transparent in places" in " ".join(prepare(opened(FakeRenderer()), portrait, None, "keep").stage.notes)
    assert prepare(opened(FakeRenderer()), portrait, None, "alpha").stage.notes == ()


def test_a_portrait_that_is_larger_than_any_video_asks_for_a_size(tmp_path):
    path = portrait_file(tmp_path / "wide.png", (8300, 40))
    with pytest.raises(PortraitError, match=r"8,300 x 40 pixels and a video has at most 8,192 each way\. Give --size"):
        read_cast(FilmOptions(portrait=path, output="out.mp4"))


def test_many_pixels_are_pointed_out_with_what_a_smaller_size_saves(tmp_path, monkeypatch):
    monkeypatch.setattr(module, "MANY_PIXELS", 40 * 48 - 1)
    said: list[str] = []
    path = portrait_file(tmp_path / "portrait.png")
    read_cast(FilmOptions(portrait=path, output="out.mp4"), said.append)
    assert len(said) == 1
    assert said[0].startswith("frames of 40 x 48 pixels take seconds each; --size 1080 is about ")
    read_cast(FilmOptions(portrait=path, output="out.mp4", size=40), said.append)
    assert len(said) == 1


# ---------------------------------------------------------------------------------------------------------- the renderer


class Desk:
    """A renderer's host, and what it rendered."""

    def __init__(self, fails: Callable[[], Exception | None] = lambda: None) -> None:
        self.rendered: list[Samples] = []
        self._fails = fails
        self.host = RendererHost(self._render)

    def _render(self, samples: Samples) -> Frames:
        self.rendered.append(samples)
        if (error := self._fails()) is not None:
            raise error
        return np.full((len(samples), 2, 2, 3), len(self.rendered), np.uint8)

    def ask(
        self, chunk: int, attempt: int = 1, samples: Samples | None = None
    ) -> tuple[ChunkRendered | ChunkFailed, Frames | None]:
        """Hand it a chunk."""
        samples = rows(0.1 * chunk) if samples is None else samples
        assigned = ChunkAssigned(chunk=chunk, first=chunk, last=chunk + 1, motion=digest_of(rows(0.1 * chunk)), attempt=attempt)
        return self.host.receive(assigned, samples)


def test_a_chunk_is_answered_with_its_frames_and_their_digest():
    message, frames = Desk().ask(0)
    assert frames is not None
    assert message == ChunkRendered(chunk=0, attempt=1, frames=digest_of(frames))


def test_a_chunk_that_is_asked_for_again_is_not_rendered_again():
    desk = Desk()
    first = desk.ask(0)
    desk.ask(1)
    again = desk.ask(0)
    assert len(desk.rendered) == 2
    assert again[0] == first[0]
    assert again[1] is first[1]


def test_a_new_attempt_is_rendered_anew():
    desk = Desk()
    assert desk.ask(0, 1)[0].attempt == 1
    assert desk.ask(0, 2)[0].attempt == 2
    assert len(desk.rendered) == 2


def test_frames_of_the_last_few_chunks_are_kept_and_no_more():
    desk = Desk()
    for chunk in range(KEPT + 1):
        desk.ask(chunk)
    desk.ask(1)
    assert len(desk.rendered) == KEPT + 1
    desk.ask(0)
    assert len(desk.rendered) == KEPT + 2


def test_another_take_has_chunks_of_its_own():
    desk = Desk()
    desk.ask(0)
    desk.host.forget()
    desk.ask(0)
    assert len(desk.rendered) == 2


def test_a_chunk_that_cannot_be_rendered_is_answered_with_why_and_again_with_the_same():
    desk = Desk(lambda: ValueError("no\n  such   thing"))
    assert desk.ask(0) == desk.ask(0) == (ChunkFailed(chunk=0, attempt=1, error="ValueError: no such thing"), None)
    assert len(desk.rendered) == 1


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (MemoryError(), "the memory is not enough; --size makes smaller frames"),
        (KeyError(), "KeyError"),
        (RuntimeError("x" * 999), ("RuntimeError: " + "x" * 999)[:400]),
    ],
)
def test_an_error_is_told_in_one_line(error, said):
    message, _ = Desk(lambda: error).ask(0)
    assert isinstance(message, ChunkFailed)
    assert message.error == said


def test_a_chunk_after_one_that_failed_is_rendered():
    errors = iter([ValueError("once"), None])
    desk = Desk(lambda: next(errors))
    assert isinstance(desk.ask(0)[0], ChunkFailed)
    assert isinstance(desk.ask(1)[0], ChunkRendered)


def test_rows_that_changed_on_their_way_are_not_rendered():
    desk = Desk()
    message, frames = desk.ask(0, samples=rows(0.7))
    assert isinstance(message, ChunkFailed)
    assert "the rows of the motion are not those that were assigned" in message.error
    assert frames is None
    assert desk.rendered == []


def test_a_device_that_is_lost_is_not_answered_for():
    """The process is of no use any more; whoever runs it has to hear of that."""
    with pytest.raises(DeviceLost):
        Desk(lambda: DeviceLost("gone")).ask(0)
