"""A take with everything that it leaves behind: whole, stopped at any moment, failed; and how it goes on from there."""

from __future__ import annotations

import errno
import itertools
import json
import os

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from protocol.journal import JournalError, Record
from protocol.messages import (
    ChunkAssigned,
    ChunkRendered,
    ChunkWritten,
    Committed,
    FilmOpened,
    Merged,
    TakeClosed,
    TakeOpened,
    TakeResumed,
)
from renderer.errors import DeviceLost
from renderer.motions import read_motion
from renderer.video import VideoError, read_frames
from runtime.arrays import digest_of
from runtime.commands.verify import check
from runtime.filming import Shot, film
from runtime.fitting import fitted
from runtime.inline import InlineBase
from runtime.options import TakeOptions
from runtime.outputs import TakeFiles
from runtime.production import Order, make_take, plan_to_files, resuming
from runtime.studio import Studio
from runtime.take import Past, TakeResult, Watch, opening
from runtime.take_error import TakeError
from runtime.takes import open_take
from tests.program import journal_file, left
from tests.staging import FakeRenderer, film_take, past_of, studio
from tests.thinned import in_turn

BLINK = TakeOptions(direction="She blinks.", idle=False, fps=Fraction(25), seconds=0.6)
"""One beat of 15 frames, in three chunks."""
TWO = TakeOptions(direction="She grins, then nods.", fps=Fraction(25), seconds=2.0, seed=3)
"""Two beats of 50 frames; the first is rendered while the second is negotiated."""
STOPPED = ["a.take", "a.take/journal.mcap", "a.take/take.json", "portrait.png"]
WHOLE = ["a.take", *(f"a.take/{name}" for name in ("journal.mcap", "motion.json", "take.json", "timeline.json"))]


@pytest.fixture
def renderer() -> FakeRenderer:
    """Who renders."""
    return FakeRenderer()


@pytest.fixture
def made(renderer, tmp_path) -> Studio:
    """A portrait that is ready."""
    return studio(renderer, tmp_path)


def output(folder: Path) -> Path:
    return folder / "a" / "%03d.png"


def shown(folder: Path) -> np.ndarray:
    return np.stack(list(read_frames(output(folder))))


def stopped_at(event: int) -> Callable[[], str | None]:
    count = itertools.count()
    return lambda: "SIGTERM" if next(count) >= event else None


def of_kind(records: tuple[Record, ...], *kinds: type) -> list[Any]:
    return [record.message for record in records if isinstance(record.message, kinds)]


@pytest.fixture(scope="module")
def undisturbed(loaded, tmp_path_factory):
    """Of both takes: frames, bytes of the motion, result and number of events."""
    found = {}
    for name, options in (("BLINK", BLINK), ("TWO", TWO)):
        folder = tmp_path_factory.mktemp(name)
        events: list[int] = []
        asked = partial(events.append, 1)  # which gives no reason to stop
        result, _ = film_take(studio(FakeRenderer(), folder), loaded, folder / "a_%03d.png", options, stopped=asked)
        frames = np.stack(list(read_frames(folder / "a_%03d.png")))
        found[name] = (frames, (folder / "a_%03d.take" / "motion.json").read_bytes(), result, len(events))
    return found


# ---------------------------------------------------------------------------------------------------- when all goes well


@pytest.mark.parametrize(
    ("fps", "direction"),
    in_turn(
        [Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(60)],
        ["She grins, then turns her head far to the right.", "He winks with his left eye and laughs.", "She looks up."],
    ),
    ids=str,
)
def test_a_take_has_the_frames_that_rendering_its_motion_gives(made, loaded, tmp_path, direction, fps):
    options = TakeOptions(direction=direction, fps=fps, seconds=1.5, seed=2)
    result, samples = film_take(made, loaded, tmp_path / "take_%03d.png", options)
    motion = read_motion(tmp_path / "take_%03d.take" / "motion.json")
    rows, _ = fitted(motion.samples, made.stage.ranges)
    film(made, rows, Shot(output=str(tmp_path / "film_%03d.png"), fps=fps, metadata={}))
    frames, expected = (np.stack(list(read_frames(tmp_path / name))) for name in ("take_%03d.png", "film_%03d.png"))
    assert np.array_equal(frames, expected)
    assert len(frames) == samples.shape[1]
    # Each chunk is of just those rows, and what was rendered of them is known by its digest.
    cuts = [cut for merged in of_kind(result.records, Merged) for cut in merged.chunks]
    assert [cut.motion for cut in cuts] == [digest_of(rows[cut.first : cut.last]) for cut in cuts]
    rendered = {message.chunk: message.frames for message in of_kind(result.records, ChunkRendered)}
    assert rendered == {cut.chunk: digest_of(made.render(rows[cut.first : cut.last])) for cut in cuts}
    written = of_kind(result.records, ChunkWritten)
    assert [(message.chunk, message.frames) for message in written] == sorted(rendered.items())


def test_the_first_beat_is_rendered_while_the_second_is_negotiated(undisturbed):
    *_, result, _ = undisturbed["TWO"]
    kinds = [type(record.message) for record in result.records]
    last = max(place for place, kind in enumerate(kinds) if kind is Committed)
    assert ChunkWritten in kinds[:last]
    assert kinds[:2] == [TakeOpened, FilmOpened]
    assert kinds[-2:] == [ChunkWritten, TakeClosed]


def test_a_take_that_is_filmed_leaves_what_one_that_is_planned_leaves(made, loaded, tmp_path):
    film_take(made, loaded, tmp_path / "a.mp4", BLINK)
    assert left(tmp_path) == ["a.mp4", *WHOLE, "portrait.png"]
    order = Order(opening(BLINK, loaded), loaded)
    plan_to_files(order, TakeFiles.beside(tmp_path / "b.json"), InlineBase(), Watch(lambda: 0.0))
    for name in ("motion.json", "timeline.json", "take.json"):
        assert (tmp_path / "a.take" / name).read_bytes() == (tmp_path / "b.take" / name).read_bytes()


def test_the_record_says_from_the_beginning_what_the_take_was_asked_for(loaded, tmp_path):
    """Whoever kills it, it can go on."""
    files = TakeFiles.beside(tmp_path / "a.json")
    seen: list[Any] = []

    def told(record: Record) -> None:
        seen.append(json.loads(files.record.read_bytes()))

    order = Order(opening(BLINK, loaded), loaded, {"output": "a.json"})
    make_take(order, files, InlineBase(), Watch(lambda: 0.0, told=(told,)))
    began = {
        "format": "textuportray.take",
        "version": 1,
        "take": order.opened.take,
        "outcome": "unfinished",
        "output": "a.json",
    }
    assert seen
    assert all(record == began for record in seen)
    assert json.loads(files.record.read_bytes())["outcome"] == "done"


# ------------------------------------------------------------------------------------------------ stopped, and going on


def gone_on(made: Studio, loaded: Any, folder: Path, options: TakeOptions) -> TakeResult:
    """The result of a take that goes on from what is in its folder."""
    past = past_of(folder / "a.take", loaded.tables.constraints)
    return film_take(made, loaded, folder / "a.mkv", options, past=past)[0]


@pytest.mark.parametrize("apart", [17, pytest.param(1, marks=pytest.mark.slow)])
def test_a_take_can_be_stopped_at_any_event_and_goes_on_to_the_same_end(made, loaded, tmp_path, undisturbed, apart):
    frames, motion, _, events = undisturbed["BLINK"]
    for event in {*range(0, events, apart), events - 1}:
        folder = tmp_path / str(event)
        with pytest.raises(TakeError) as error:
            film_take(made, loaded, folder / "a.mkv", BLINK, stopped=stopped_at(event))
        assert str(error.value).startswith("stopped by SIGTERM")
        assert f"Go on with: {resuming(TakeFiles.beside(folder / 'a.mkv'))}" in str(error.value)
        if "while the agreed motion was being written" in str(error.value):
            continue  # it was done already
        assert left(folder) == ["a.take", "a.take/journal.mcap", "a.take/take.json"]
        journal = open_take(folder / "a.take")
        assert journal.closed
        assert of_kind(journal.records, TakeClosed)[0].outcome == "stopped"
        assert check(folder / "a.take", [Fraction(25)])[0] == []
        result = gone_on(made, loaded, folder, BLINK)
        assert result.records[: len(journal.records)] == journal.records
        assert left(folder) == ["a.mkv", *WHOLE]
        assert (folder / "a.take" / "motion.json").read_bytes() == motion
        assert check(folder / "a.take", [Fraction(25)])[0] == []
        assert len(list(read_frames(folder / "a.mkv"))) == len(frames)


@pytest.mark.parametrize("share", [0.05, 0.45, 0.75, 0.97])
def test_frames_of_a_take_that_goes_on_are_those_of_one_that_was_never_stopped(made, loaded, tmp_path, undisturbed, share):
    frames, motion, whole, events = undisturbed["TWO"]
    pictures = tmp_path / "a" / "%03d.png"
    # What comes after the last frame asks four times more: while the journal's last word spreads, and for each file.
    with pytest.raises(TakeError):
        film_take(made, loaded, pictures, TWO, stopped=stopped_at(round(share * (events - 6))))
    assert left(pictures.parent) == ["%03d.take", "%03d.take/journal.mcap", "%03d.take/take.json"]
    past = past_of(tmp_path / "a" / "%03d.take", loaded.tables.constraints)
    result, _ = film_take(made, loaded, pictures, TWO, past=past)
    assert np.array_equal(shown(tmp_path), frames)
    assert (tmp_path / "a" / "%03d.take" / "motion.json").read_bytes() == motion
    assert result.timeline == whole.timeline
    assert check(tmp_path / "a" / "%03d.take", [Fraction(25)])[0] == []


def test_a_take_that_goes_on_can_be_stopped_again_and_again(made, loaded, tmp_path, undisturbed):
    frames, motion, _, events = undisturbed["TWO"]
    pictures, folder = tmp_path / "a" / "%03d.png", tmp_path / "a" / "%03d.take"
    past: Past | None = None
    for turn in range(4):
        with pytest.raises(TakeError, match="stopped by SIGTERM"):
            film_take(made, loaded, pictures, TWO, stopped=stopped_at(events // 5), past=past)
        past = past_of(folder, loaded.tables.constraints)
        assert len(of_kind(past.records, TakeResumed)) == turn
        assert check(folder, [Fraction(25)])[0] == []
    film_take(made, loaded, pictures, TWO, past=past)
    assert np.array_equal(shown(tmp_path), frames)
    assert (folder / "motion.json").read_bytes() == motion
    assert check(folder, [Fraction(25)])[0] == []


def test_only_what_was_rendered_since_it_went_on_is_counted(made, loaded, tmp_path):
    written: list[Record] = []

    def told(record: Record) -> None:
        written.extend([record] if isinstance(record.message, ChunkWritten) else [])

    def stopped() -> str | None:
        return "SIGTERM" if len(written) > 3 else None

    with pytest.raises(TakeError, match=r"2 of 2 beats agreed on and 4 chunks of frames rendered\. "):
        film_take(made, loaded, tmp_path / "a.mkv", TWO, stopped=stopped, told=told)
    past = past_of(tmp_path / "a.take", loaded.tables.constraints)
    with pytest.raises(TakeError, match=r"2 of 2 beats agreed on\. "):
        film_take(made, loaded, tmp_path / "a.mkv", TWO, stopped=stopped_at(0), past=past)


def cut_off(folder: Path, records: tuple[Record, ...], place: int) -> None:
    """Leave what a process leaves that is killed after a record."""
    folder.mkdir(parents=True)
    journal_file(folder / "journal.live.mcap", records[:place], close=False)


@pytest.mark.parametrize("apart", [5, pytest.param(1, marks=pytest.mark.slow)])
def test_a_take_that_was_killed_after_any_record_goes_on_to_the_same_end(made, loaded, tmp_path, undisturbed, apart):
    """Its journal just ends, in the middle of whatever was being said."""
    _, motion, whole, _ = undisturbed["BLINK"]
    for place in range(1, len(whole.records), apart):
        folder = tmp_path / str(place)
        cut_off(folder / "a.take", whole.records, place)
        result = gone_on(made, loaded, folder, BLINK)
        assert result.closed.outcome == "done"
        assert (folder / "a.take" / "motion.json").read_bytes() == motion
        assert left(folder) == ["a.mkv", *WHOLE]
        assert check(folder / "a.take", [Fraction(25)])[0] == [], place


@pytest.mark.parametrize("lost", [0, 1])
def test_a_take_that_came_to_its_end_gets_the_files_that_were_lost(loaded, tmp_path, lost):
    """It was killed after the last commit or after the end of the take, before anything of that was written."""
    order = Order(opening(BLINK, loaded), loaded)
    files = [TakeFiles.beside(tmp_path / name / "a.json") for name in ("whole", "lost")]
    whole, _ = plan_to_files(order, files[0], InlineBase(), Watch(lambda: 0.0))
    cut_off(files[1].folder, whole.records, len(whole.records) - lost)
    past = past_of(files[1].folder, loaded.tables.constraints)
    assert past.done
    result, _ = plan_to_files(replace(order, past=past), files[1], InlineBase(), Watch(lambda: 0.0))
    assert [record.message for record in result.records] == [record.message for record in whole.records]
    assert result.timeline == whole.timeline
    assert left(tmp_path / "lost") == ["a.json", *WHOLE]
    for name in left(tmp_path / "whole"):
        if not name.endswith((".take", ".mcap")):
            assert (tmp_path / "whole" / name).read_bytes() == (tmp_path / "lost" / name).read_bytes(), name


# -------------------------------------------------------------------------------------------------- when things go wrong


def test_a_chunk_that_is_poison_fails_the_take_naming_its_frames_while_others_are_rendered(made, renderer, loaded, tmp_path):
    film_take(made, loaded, tmp_path / "b.mkv", TWO)
    asked, renderer.asked, renderer.poison = renderer.asked, [], {renderer.asked[2]}
    with pytest.raises(TakeError) as error:
        film_take(made, loaded, tmp_path / "a.mkv", TWO)
    said = str(error.value)
    records = past_of(tmp_path / "a.take", loaded.tables.constraints).records
    poison = next(cut for merged in of_kind(records, Merged) for cut in merged.chunks if cut.chunk == 2)
    assert (
        f"frames {poison.first} to {poison.last - 1} could not be rendered: RuntimeError: this is poison (tried 3 times)"
        in said
    )
    assert set(renderer.asked) == set(asked)
    assert sorted(message.attempt for message in of_kind(records, ChunkAssigned) if message.chunk == 2) == [1, 2, 3]
    assert of_kind(records, TakeClosed)[0].outcome == "failed"
    assert not (tmp_path / "a.mkv").exists()
    assert check(tmp_path / "a.take", [Fraction(25)])[0] == []
    renderer.poison = set()
    assert gone_on(made, loaded, tmp_path, TWO).closed.outcome == "done"


def test_a_device_that_is_lost_closes_the_journal(made, renderer, loaded, tmp_path):
    def before(done: int) -> None:
        raise DeviceLost("The device failed.")

    renderer.before = before
    with pytest.raises(TakeError, match=r"the take failed with 1 of 1 beats agreed on: The device failed\. "):
        film_take(made, loaded, tmp_path / "a.mkv", BLINK)
    assert left(tmp_path) == STOPPED
    assert check(tmp_path / "a.take", [Fraction(25)])[0] == []


def test_a_disk_that_fills_up_at_any_moment_leaves_what_can_go_on(made, loaded, tmp_path, monkeypatch, undisturbed):
    """Everything that is forced to disk fails from some moment on, until there is room again."""
    _, motion, _, _ = undisturbed["BLINK"]
    real, moment, calls = os.fsync, 0, 0

    def fsync(handle: int) -> None:
        nonlocal calls
        calls += 1
        if calls > moment:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(handle)

    for moment in itertools.count():
        folder, calls = tmp_path / str(moment), 0
        monkeypatch.setattr(os, "fsync", fsync)
        try:
            film_take(made, loaded, folder / "a.mkv", BLINK)
            break
        except (TakeError, VideoError) as error:
            said = str(error)
        finally:
            monkeypatch.setattr(os, "fsync", real)
        assert "No space left on device" in said
        assert not [name for name in left(folder) if name.endswith((".part", ".try", ".next.mcap", ".mkv"))]
        if any(folder.rglob("*.mcap")):
            past = past_of(folder / "a.take", loaded.tables.constraints)
            if past.done:
                continue  # nothing but the video is left to be made
            gone_on(made, loaded, folder, BLINK)
            assert (folder / "a.take" / "motion.json").read_bytes() == motion
    assert moment > 8


def test_a_journal_that_cannot_be_copied_stays_what_it_is(loaded, tmp_path, monkeypatch):
    """The take goes on only when all that there was is in its new journal."""
    order = Order(opening(BLINK, loaded), loaded)
    files = TakeFiles.beside(tmp_path / "a.json")
    with pytest.raises(TakeError):
        plan_to_files(order, files, InlineBase(), Watch(lambda: 0.0, stopped_at(30)))
    before = files.journal.read_bytes()
    past = past_of(files.folder, loaded.tables.constraints)
    real = os.fsync

    def fsync(handle: int) -> None:
        if files.next.exists():
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(TakeError, match=r"No space left on device\)\. Free some space on the disk and go on with"):
        plan_to_files(replace(order, past=past), files, InlineBase(), Watch(lambda: 0.0))
    assert files.journal.read_bytes() == before
    assert left(tmp_path) == STOPPED[:-1]


def test_two_takes_do_not_run_in_one_folder(made, loaded, tmp_path):
    files = TakeFiles.beside(tmp_path / "a.mkv")
    said: list[str] = []

    def told(record: Record) -> None:
        if not said:
            order = Order(opening(TWO, loaded), loaded)
            with pytest.raises(TakeError) as error:
                make_take(order, files, InlineBase(), Watch(lambda: 0.0))
            said.append(str(error.value))

    film_take(made, loaded, tmp_path / "a.mkv", BLINK, told=told)
    assert "belongs to a take that still runs, in another process. Wait until it is done" in said[0]
    assert left(tmp_path) == ["a.mkv", *WHOLE, "portrait.png"]


@pytest.mark.tampers
def test_a_journal_of_another_take_is_not_gone_on_with(loaded, tmp_path, undisturbed):
    """Records that do not follow from each other are found before anything is written."""
    records = undisturbed["BLINK"][2].records
    tampered = (*records[:8], *(replace(record, seq=record.seq - 1) for record in records[9:]))
    cut_off(tmp_path / "a.take", tampered, len(tampered))
    with pytest.raises(JournalError, match=r"record [0-9]+: "):
        past_of(tmp_path / "a.take", loaded.tables.constraints)
