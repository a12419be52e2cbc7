"""Frames that are kept: they come back as they were or not at all, and take no more room than they may."""

from __future__ import annotations

import os

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
import zstandard

from numpy.typing import NDArray

from renderer.interface import Backdrop, Frames
from renderer.motions import Samples
from renderer.video import GREEN
from runtime import frames as frames_module
from runtime import studio as studios
from runtime.frames import LIMIT_VARIABLE, FrameStore, Tally, clear, limit_of, open_store
from runtime.options import UsageError
from tests.staging import FakeRenderer, studio

STILL: NDArray[np.uint8] = np.random.default_rng(1).integers(0, 256, (6, 5, 3), dtype=np.uint8)
ROOM = 1 << 20


class Easel:
    """Draws frames that say what their rows say, and counts them."""

    def __init__(self) -> None:
        self.drawn: list[float] = []

    def __call__(self, rows: Samples) -> Frames:
        self.drawn += [float(row[0]) for row in rows]
        frames = np.repeat(STILL[None], len(rows), axis=0)
        frames[:, 0] = np.rint(rows[:, 0]).astype(np.uint8)[:, None, None]
        return frames


def rows(*values: float) -> Samples:
    return np.array(values, np.float32)[:, None]


def store(folder: Path, *, stage: str = "a", limit: int = ROOM, still: NDArray[np.uint8] = STILL) -> FrameStore:
    return FrameStore(folder, limit, stage, still)


def kept(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.frame"))


@pytest.fixture
def easel() -> Easel:
    return Easel()


def test_only_frames_that_are_not_kept_are_drawn(tmp_path, easel):
    tally = Tally()
    first = store(tmp_path).render(rows(1, 2, 3), easel, tally)
    again = store(tmp_path).render(rows(3, 4, 1, 2, 5), easel, tally)
    assert easel.drawn == [1, 2, 3, 4, 5]
    assert (tally.drawn, tally.kept) == (5, 3)
    assert np.array_equal(again, Easel()(rows(3, 4, 1, 2, 5)))
    assert np.array_equal(again[2:4], first[:2])


def test_frames_that_are_all_kept_can_be_written_to(tmp_path, easel):
    store(tmp_path).render(rows(1), easel, Tally())
    store(tmp_path).render(rows(1), easel, Tally())[0, 0, 0] = 9
    assert np.array_equal(store(tmp_path).render(rows(1), easel, Tally()), Easel()(rows(1)))


def test_no_frame_is_another_portraits(tmp_path, easel):
    store(tmp_path, stage="a").render(rows(1), easel, Tally())
    store(tmp_path, stage="b").render(rows(1), easel, Tally())
    assert easel.drawn == [1, 1]


def _flipped(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-3] ^= 255
    path.write_bytes(data)


def _bomb(path: Path) -> None:
    head = path.read_bytes()[:25]
    path.write_bytes(head + zstandard.ZstdCompressor().compress(bytes(1 << 26)))


@pytest.mark.parametrize(
    "spoil",
    [
        _flipped,
        _bomb,
        lambda path: path.write_bytes(path.read_bytes()[:-5]),
        lambda path: path.write_bytes(b""),
        lambda path: path.write_bytes(b"no frame at all, and not as short as that either"),
    ],
    ids=["flipped", "bomb", "cut off", "empty", "else"],
)
def test_what_is_not_as_it_was_is_drawn_again(tmp_path, easel, spoil: Callable[[Path], None]):
    store(tmp_path).render(rows(1), easel, Tally())
    (path,) = kept(tmp_path)
    spoil(path)
    assert np.array_equal(store(tmp_path).render(rows(1), easel, Tally()), Easel()(rows(1)))
    assert easel.drawn == [1, 1]
    store(tmp_path).render(rows(1), easel, Tally())
    assert easel.drawn == [1, 1]  # and was kept anew


def test_a_frame_under_the_name_of_another_does_not_show(tmp_path, easel):
    store(tmp_path).render(rows(1), easel, Tally())
    (one,) = kept(tmp_path)
    store(tmp_path).render(rows(2), easel, Tally())
    (two,) = set(kept(tmp_path)) - {one}
    two.write_bytes(one.read_bytes())
    assert np.array_equal(store(tmp_path).render(rows(2), easel, Tally()), Easel()(rows(2)))


def test_frames_of_another_size_than_the_portrait_are_drawn_and_not_kept(tmp_path, easel):
    frames = store(tmp_path, still=STILL[:3]).render(rows(1), easel, Tally())
    assert np.array_equal(frames, Easel()(rows(1)))
    assert not kept(tmp_path)


def test_what_was_not_used_for_longest_goes_first(tmp_path, easel):
    for age, value in enumerate((1, 2, 3, 4)):
        before = set(kept(tmp_path))
        store(tmp_path).render(rows(value), easel, Tally())
        (path,) = set(kept(tmp_path)) - before
        os.utime(path, (1000 + age, 1000 + age))
    store(tmp_path).render(rows(1), easel, Tally())  # the oldest is in use again
    clear(tmp_path, 2 * kept(tmp_path)[0].stat().st_size)
    assert len(kept(tmp_path)) == 1
    store(tmp_path).render(rows(1), easel, Tally())
    assert easel.drawn == [1, 2, 3, 4]


def test_all_stages_share_the_room_there_is(tmp_path, easel):
    for number in range(60):
        store(tmp_path, stage=str(number % 3), limit=2000).render(rows(number), easel, Tally())
    assert sum(path.stat().st_size for path in kept(tmp_path)) <= 2000 * 1.1
    assert kept(tmp_path)


def test_what_a_killed_process_left_goes_after_a_while(tmp_path):
    (tmp_path / "a").mkdir()
    old, new = tmp_path / "a" / ".x.1.part", tmp_path / "a" / ".y.2.part"
    old.touch()
    new.touch()
    os.utime(old, (1000, 1000))
    clear(tmp_path, ROOM)
    assert (old.exists(), new.exists()) == (False, True)


def test_a_disk_that_takes_nothing_costs_the_keeping_alone(tmp_path, easel):
    (tmp_path / "file").touch()
    broken = store(tmp_path / "file" / "frames")
    assert np.array_equal(broken.render(rows(1, 2), easel, Tally()), Easel()(rows(1, 2)))
    assert np.array_equal(broken.render(rows(1, 2), easel, Tally()), Easel()(rows(1, 2)))


def test_a_folder_that_is_cleared_away_comes_back(tmp_path, easel):
    keeper = store(tmp_path)
    keeper.render(rows(1), easel, Tally())
    clear(tmp_path, 0)
    assert not kept(tmp_path)
    keeper.render(rows(2), easel, Tally())
    assert len(kept(tmp_path)) == 1


def test_a_folder_that_goes_away_meanwhile_does_not_stop_the_clearing(tmp_path, easel, monkeypatch):
    store(tmp_path, stage="a").render(rows(1), easel, Tally())
    (tmp_path / "gone").mkdir()
    listed = frames_module._entries

    def racing(folder):
        if folder.name == "gone":
            raise FileNotFoundError(folder)
        return listed(folder)

    monkeypatch.setattr(frames_module, "_entries", racing)
    clear(tmp_path, 0)
    assert not kept(tmp_path)


def test_a_frame_whose_time_of_use_cannot_be_set_is_used_all_the_same(tmp_path, easel, monkeypatch):
    store(tmp_path).render(rows(1), easel, Tally())

    def refused(*_):
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr("os.utime", refused)
    store(tmp_path).render(rows(1), easel, Tally())
    assert easel.drawn == [1]
    assert len(kept(tmp_path)) == 1


def test_several_may_keep_use_and_clear_at_once(tmp_path):
    """All of them see the frames that they asked for, whatever the others do meanwhile."""
    wrong = []

    def work(number: int) -> None:
        mine = store(tmp_path, limit=4000)
        for turn in range(40):
            wanted = rows(*((turn * 7 + each) % 50 for each in range(4)))
            if not np.array_equal(mine.render(wanted, Easel(), Tally()), Easel()(wanted)):
                wrong.append((number, turn))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(work, range(4)))
    assert wrong == []


@pytest.mark.parametrize(("text", "limit"), [("", 2 * 2**30), ("0", 0), ("0.5", 2**29)])
def test_the_environment_says_how_much_is_kept(text, limit):
    assert limit_of({LIMIT_VARIABLE: text}) == limit


@pytest.mark.parametrize("text", ["-1", "nan", "much", "inf"])
def test_what_is_no_number_of_gib_is_refused(text):
    with pytest.raises(UsageError, match=LIMIT_VARIABLE):
        limit_of({LIMIT_VARIABLE: text})


def test_without_room_or_a_home_nothing_is_kept(tmp_path):
    assert open_store({LIMIT_VARIABLE: "0", "HOME": str(tmp_path)}, {}, STILL) is None


def test_frames_lie_beside_the_models_in_the_cache(tmp_path, easel):
    found = open_store({"XDG_CACHE_HOME": str(tmp_path)}, {}, STILL)
    assert found is not None
    found.render(rows(1), easel, Tally())
    assert [path.relative_to(tmp_path).parts[:2] for path in kept(tmp_path)] == [("textuportray", "frames")]


@pytest.mark.parametrize("background", ["keep", "alpha", (1, 2, 3)])
def test_a_studio_renders_nothing_twice(tmp_path, monkeypatch, background):
    monkeypatch.setenv(LIMIT_VARIABLE, "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    motion = np.zeros((3, 61), np.float32)
    motion[:, 0] = (0.1, 0.2, 0.1)
    first, second = (studio(FakeRenderer(), tmp_path, background) for _ in range(2))
    frames = first.render(motion)
    assert np.array_equal(frames, second.render(motion))
    assert np.array_equal(frames, first.opened.renderer.render(first.rig, motion, first.behind))
    assert (first.tally.drawn, second.tally.drawn, second.tally.kept) == (3, 0, 3)


def test_another_background_or_renderer_makes_other_frames(tmp_path, monkeypatch):
    monkeypatch.setenv(LIMIT_VARIABLE, "1")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    motion = np.zeros((1, 61), np.float32)
    studio(FakeRenderer(), tmp_path).render(motion)
    green = studio(FakeRenderer(), tmp_path, "green")
    assert np.array_equal(green.render(motion), green.opened.renderer.render(green.rig, motion, Backdrop(GREEN)))
    assert green.tally.drawn == 1
    other = studio(FakeRenderer(), tmp_path)
    named = {**other.opened.record, "name": "other"}
    changed = studios.furnish(studios.Opened(other.opened.renderer, named), other.rig, other.rig.portrait, None, "keep")  # type: ignore[attr-defined]
    changed.render(motion)
    assert changed.tally.drawn == 1
