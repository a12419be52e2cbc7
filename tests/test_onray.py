"""Takes on Ray: the very same as in one process, whoever dies on the way."""

from __future__ import annotations

import os
import signal
import threading
import weakref

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import ray

from PIL import Image

from agents.chance import Chance
from protocol.channels import REGIONS
from protocol.dispatcher_state import DispatcherState, Renderer
from protocol.history import history
from protocol.messages import (
    BeatOpened,
    ChunkAssigned,
    ChunkRendered,
    ChunkWritten,
    DeadlinePassed,
    FilmFailed,
    Merged,
    Proposed,
    RendererChanged,
    Restored,
    RoundOpened,
)
from protocol.monitor import monitor
from protocol.order import canonical
from protocol.replay import replay
from renderer.casting import FaceError
from runtime.filming import Film
from runtime.onray.base import RESTARTS, _Run
from runtime.onray.joining import joined
from runtime.onray.placement import Placement
from runtime.options import UsageError
from runtime.session import Made, Session
from runtime.take_error import TakeError
from runtime.takes import open_take
from tests.players import (
    Once,
    counting,
    faulty,
    frames_of,
    left_of,
    mend,
    number_of,
    numbers_of,
    painter,
    picky,
    region_actor,
    remembering,
    renderer_actors,
)
from tests.staging import portrait_file
from tests.takes import load_tables

pytestmark = pytest.mark.ray

DIRECTION = "She smiles, then opens her mouth wide and nods, then frowns and looks left."
LONG = 60.0
"""Seconds after which a test gives up on what takes a few."""
SHARE = 0.1
"""Of a processor for each renderer: painting stripes takes little."""


@pytest.fixture(scope="module", autouse=True)
def cluster():
    """One Ray for all tests here."""
    with joined("local", cpus=4) as found:
        yield found


@pytest.fixture(scope="module")
def portrait(tmp_path_factory) -> Path:
    return portrait_file(tmp_path_factory.mktemp("portrait") / "portrait.png")


def crew(workers: int, opener: Any = painter) -> Session:
    return Session(placement=Placement(workers=workers, cpus=SHARE), opener=opener)


def made(session: Session, portrait: Path, output: Path, direction: str = DIRECTION, **more: Any) -> Made:
    return session.animate(portrait, direction, output, seed=3, fps=Fraction(25), **more)


@pytest.fixture(scope="module")
def alone(portrait, tmp_path_factory) -> tuple[Made, list[bytes]]:
    """The take in one process."""
    output = tmp_path_factory.mktemp("alone") / "a.mkv"
    with Session(runtime="inline", opener=painter) as session:
        take = made(session, portrait, output)
    return take, frames_of(output)


@pytest.fixture(scope="module")
def pair():
    """A session with two renderers."""
    with crew(2) as session:
        yield session


def sound(take: Made) -> None:
    """The journal on disk passes every check."""
    journal = open_take(take.folder)
    assert monitor(journal.records) == []
    assert history(journal.records) == []
    assert replay(journal.records, load_tables().tables.constraints).findings == []


def same(one: Made, other: tuple[Made, list[bytes]], output: Path) -> None:
    assert (one.folder / "motion.json").read_bytes() == (other[0].folder / "motion.json").read_bytes()
    assert frames_of(output) == other[1]


@pytest.mark.parametrize("workers", [1, 2, 4])
def test_a_take_is_the_same_as_in_one_process(workers, portrait, alone, tmp_path):
    with crew(workers) as session:
        for again in "ab":
            take = made(session, portrait, tmp_path / f"{again}.mkv")
            same(take, alone, tmp_path / f"{again}.mkv")
            assert canonical(take.take.records) == canonical(alone[0].take.records)
            sound(take)


def test_all_renderers_take_part_and_none_holds_more_than_two_chunks(pair, portrait, tmp_path):
    take = made(pair, portrait, tmp_path / "a.mkv")
    sent = [record for record in take.take.records if isinstance(record.message, ChunkAssigned)]
    assert {record.receivers for record in sent} == {("renderer-1",), ("renderer-2",)}


def test_frames_are_rendered_while_later_beats_are_negotiated(pair, portrait, tmp_path):
    records = made(pair, portrait, tmp_path / "a.mkv").take.records
    first = next(record.seq for record in records if isinstance(record.message, ChunkAssigned))
    last = max(record.seq for record in records if isinstance(record.message, RoundOpened))
    assert first < last


def seeds(number: int) -> list[Any]:
    """A few in every run, the others where there is time."""
    return [*range(2), *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(2, number))]


def kill(actor: Any, *, hard: bool) -> None:
    """End a process, as Ray does it or as the kernel does it when memory is short."""
    if hard:
        os.kill(number_of(actor), signal.SIGKILL)
    else:
        ray.kill(actor, no_restart=True)


@pytest.mark.parametrize("seed", seeds(20))
def test_a_region_that_is_killed_comes_back_and_the_take_is_the_same(seed, pair, portrait, alone, tmp_path):
    chance = Chance("death of a region", seed)
    region, place = REGIONS[seed % 4], chance.whole(1, alone[0].take.records[-2].seq)
    killer = Once(lambda record: record.seq == place, lambda _: kill(region_actor(pair, region), hard=chance.chooses(0.5)))
    take = made(pair, portrait, tmp_path / "a.mkv", told=killer)
    assert killer.done
    same(take, alone, tmp_path / "a.mkv")
    sound(take)


def test_two_regions_that_are_killed_at_once_come_back(pair, portrait, alone, tmp_path):
    def both(_: Any) -> None:
        for region in ("eyes", "head"):
            kill(region_actor(pair, region), hard=True)

    take = made(pair, portrait, tmp_path / "a.mkv", told=Once(lambda record: record.seq == 20, both))
    same(take, alone, tmp_path / "a.mkv")
    sound(take)


def test_a_region_that_is_killed_again_when_it_has_come_back_comes_back_again(pair, portrait, alone, tmp_path):
    deaths: list[Any] = []

    def twice(record: Any) -> None:
        again = isinstance(record.message, Restored) and len(deaths) == 1
        if again or record.seq == 10:
            deaths.append(record)
            kill(region_actor(pair, "mouth"), hard=True)

    take = made(pair, portrait, tmp_path / "a.mkv", told=twice)
    assert len(deaths) == 2
    same(take, alone, tmp_path / "a.mkv")
    sound(take)


def test_a_region_whose_processes_all_die_is_played_by_its_fallback_without_waiting_for_it(pair, portrait, alone, tmp_path):
    deaths: list[Any] = []

    def always(record: Any) -> None:
        if record.seq == 10 or (isinstance(record.message, Restored) and record.message.holder == "region"):
            deaths.append(record)
            ray.kill(region_actor(pair, "eyes"), no_restart=True)

    take = made(pair, portrait, tmp_path / "a.mkv", told=always)
    assert len(deaths) > RESTARTS
    passed = [record.message.region for record in take.take.records if isinstance(record.message, DeadlinePassed)]
    assert set(passed) == {"eyes"}
    same(take, alone, tmp_path / "a.mkv")
    sound(take)
    again = made(pair, portrait, tmp_path / "b.mkv")
    assert not any(isinstance(record.message, DeadlinePassed) for record in again.take.records)


def test_a_region_that_is_killed_while_it_thinks_comes_back(pair, portrait, alone, tmp_path):
    number = number_of(region_actor(pair, "eyes"))
    stops = Once(lambda record: isinstance(record.message, BeatOpened), lambda _: os.kill(number, signal.SIGSTOP))
    kills = Once(lambda record: isinstance(record.message, Proposed), lambda _: os.kill(number, signal.SIGKILL))

    def told(record: Any) -> None:
        stops(record)
        kills(record)

    take = made(pair, portrait, tmp_path / "a.mkv", told=told)
    same(take, alone, tmp_path / "a.mkv")
    sound(take)
    assert sum(isinstance(record.message, Restored) for record in take.take.records) == 1


@pytest.fixture(scope="module")
def counted(tmp_path_factory):
    """A session with two renderers, and the folder in which they leave a file for each chunk that they begin."""
    marks = tmp_path_factory.mktemp("marks")
    with crew(2, counting(marks)) as session:
        yield session, marks


@pytest.mark.parametrize("seed", seeds(20))
def test_a_renderer_that_is_killed_costs_one_chunk_at_most(seed, counted, portrait, alone, tmp_path):
    session, marks = counted
    before = len(list(marks.iterdir()))
    chance = Chance("death of a renderer", seed)
    place = chance.pick([r.seq for r in alone[0].take.records if isinstance(r.message, (ChunkAssigned, ChunkWritten))])
    killer = Once(
        lambda record: record.seq == place,
        lambda _: kill(chance.pick(renderer_actors(session)), hard=chance.chooses(0.5)),
    )
    take = made(session, portrait, tmp_path / "a.mkv", told=killer)
    same(take, alone, tmp_path / "a.mkv")
    sound(take)
    chunks = max(record.message.chunk for record in take.take.records if isinstance(record.message, ChunkWritten)) + 1
    begun = len(list(marks.iterdir())) - before
    assert chunks <= begun <= chunks + 1
    gone = [r for r in take.take.records if isinstance(r.message, RendererChanged) and r.message.to == "gone"]
    assert len(gone) <= 1


def test_frames_that_one_renderer_has_kept_are_taken_by_all_others(portrait, alone, tmp_path):
    with crew(1, remembering(tmp_path / "cache")) as session:
        first = made(session, portrait, tmp_path / "a.mkv")
    with crew(2, remembering(tmp_path / "cache")) as session:
        again = made(session, portrait, tmp_path / "b.mkv")
    assert (first.video.drawn, again.video.drawn) == (first.video.frames, 0)
    assert frames_of(tmp_path / "b.mkv") == alone[1]
    sound(again)


def test_all_renderers_that_are_killed_at_once_cost_one_chunk_each(counted, portrait, alone, tmp_path):
    session, marks = counted
    before = len(list(marks.iterdir()))

    def all_of_them(_: Any) -> None:
        for actor in renderer_actors(session):
            kill(actor, hard=True)

    killer = Once(lambda record: isinstance(record.message, ChunkWritten), all_of_them)
    take = made(session, portrait, tmp_path / "a.mkv", told=killer)
    same(take, alone, tmp_path / "a.mkv")
    sound(take)
    chunks = max(record.message.chunk for record in take.take.records if isinstance(record.message, ChunkWritten)) + 1
    assert chunks <= len(list(marks.iterdir())) - before <= chunks + 2


@pytest.mark.parametrize("fault", ["dies", "cannot"])
def test_a_chunk_that_always_fails_is_named_and_the_others_are_rendered(fault, portrait, tmp_path):
    (tmp_path / "marks").mkdir()
    records: list[Any] = []
    with crew(2, faulty(fault, tmp_path / "marks")) as session, pytest.raises(TakeError, match=r"frames \d+ to \d+"):
        made(
            session,
            portrait,
            tmp_path / "a.mkv",
            "She smiles for 2 seconds, then gasps for half a second.",
            told=records.append,
        )
    assert not (tmp_path / "a.mkv").exists()
    messages = [record.message for record in records]
    failed = next(message for message in messages if isinstance(message, FilmFailed))
    assert failed.chunk is not None
    attempts = [m.attempt for m in messages if isinstance(m, ChunkAssigned) and m.chunk == failed.chunk]
    assert attempts[:3] == [1, 2, 3]
    chunks = {cut.chunk for m in messages if isinstance(m, Merged) for cut in m.chunks}
    assert {m.chunk for m in messages if isinstance(m, ChunkRendered)} | {failed.chunk} <= chunks
    journal = open_take(tmp_path / "a.take")
    assert history(journal.records) == []


def test_a_renderer_that_has_lost_its_device_ends_and_another_process_goes_on(portrait, alone, tmp_path):
    (tmp_path / "marks").mkdir()
    with crew(1, faulty("loses the device", tmp_path / "marks", most=1)) as session:
        take = made(session, portrait, tmp_path / "a.mkv")
    same(take, alone, tmp_path / "a.mkv")
    assert len(list((tmp_path / "marks").iterdir())) == 1
    changed = [(r.message.renderer, r.message.to) for r in take.take.records if isinstance(r.message, RendererChanged)]
    assert changed == [("renderer-1", "ready"), ("renderer-1", "gone"), ("renderer-2", "ready")]


def test_more_than_the_cluster_has_is_refused_with_numbers(portrait):
    with pytest.raises(UsageError, match=r"(?s)9.*4"):
        Session(placement=Placement(workers=1, cpus=9), opener=painter)


def test_a_take_that_is_stopped_says_how_to_go_on_and_the_session_makes_the_next(pair, portrait, alone, tmp_path):
    seen: list[Any] = []
    with pytest.raises(TakeError, match=r"stopped by SIGINT .* textuportray resume"):
        made(
            pair,
            portrait,
            tmp_path / "a.mkv",
            told=seen.append,
            stopped=lambda: (
                "SIGINT" if any(isinstance(record.message, BeatOpened) and record.message.beat for record in seen) else None
            ),
        )
    assert not (tmp_path / "a.mkv").exists()
    take = made(pair, portrait, tmp_path / "b.mkv")
    same(take, alone, tmp_path / "b.mkv")


def test_actors_are_gone_after_a_session(portrait, tmp_path):
    with crew(1) as session:
        made(session, portrait, tmp_path / "a.mkv")
        numbers = numbers_of(session)
    assert len(numbers) == len(REGIONS) + 1
    assert left_of(numbers, LONG) == []


# ------------------------------------------------------------------------------------------------- processes that hang


def hurried(session: Session, **seconds: float) -> Session:
    """The session, with less patience."""
    assert session._crew is not None
    assert session._crew._pool is not None
    profile = session._crew._profile.model_copy(update=seconds)
    session._crew._profile = session._crew._pool._profile = profile
    return session


def test_a_region_that_hangs_is_played_by_its_fallback_and_harmless_when_it_goes_on(portrait, alone, tmp_path):
    with hurried(crew(2), think_seconds=1.0) as session:
        hanging = number_of(region_actor(session, "brows"))
        hangs = Once(lambda record: isinstance(record.message, BeatOpened), lambda _: os.kill(hanging, signal.SIGSTOP))
        goes_on = Once(lambda record: isinstance(record.message, Restored), lambda _: os.kill(hanging, signal.SIGCONT))

        def told(record: Any) -> None:
            hangs(record)
            goes_on(record)

        take = made(session, portrait, tmp_path / "a.mkv", told=told)
        assert goes_on.done
        passed = [r.message.region for r in take.take.records if isinstance(r.message, DeadlinePassed)]
        assert "brows" in passed
        same(take, alone, tmp_path / "a.mkv")
        sound(take)
        assert left_of([hanging], LONG) == []  # whatever it hung in, the next beats are not to wait behind it
        take = made(hurried(session, think_seconds=60.0), portrait, tmp_path / "b.mkv")
        assert not any(isinstance(record.message, DeadlinePassed) for record in take.take.records)


def test_a_renderer_that_hangs_is_replaced(portrait, alone, tmp_path):
    with hurried(crew(2), chunk_seconds=2.0) as session:
        hanging = number_of(renderer_actors(session)[0])
        hangs = Once(
            lambda record: isinstance(record.message, ChunkAssigned) and record.receivers == ("renderer-1",),
            lambda _: os.kill(hanging, signal.SIGSTOP),
        )
        take = made(session, portrait, tmp_path / "a.mkv", told=hangs)
        same(take, alone, tmp_path / "a.mkv")
        sound(take)
        gone = [r.message for r in take.take.records if isinstance(r.message, RendererChanged) and r.message.to == "gone"]
        assert [message.renderer for message in gone] == ["renderer-1"]
        assert "took longer than 2 s" in gone[0].reason
        assert left_of([hanging], LONG) == []


# ------------------------------------------------------------------------------------------------------- what is held


def test_a_slow_encoder_is_not_flooded_with_frames(pair, portrait, alone, tmp_path, monkeypatch):
    held: list[int] = []
    write, answered = Film.write, _Run.answered

    def slow(self: Any, frames: Any) -> None:
        pause.wait(0.05)
        seen.append(weakref.ref(frames))
        write(self, frames)

    def counts(self: Any, *words: Any) -> None:
        answered(self, *words)
        held.append(len(self._frames))

    pause = threading.Event()
    seen: list[weakref.ref[Any]] = []
    monkeypatch.setattr(Film, "write", slow)
    monkeypatch.setattr(_Run, "answered", counts)
    direction = f"{DIRECTION} {DIRECTION}"
    made(pair, portrait, tmp_path / "a.mkv", direction)
    window = replace(DispatcherState(), renderers=(Renderer("one"), Renderer("two"))).window
    assert 2 < max(held) <= window  # it was behind, and no more was rendered than may wait
    assert len(seen) > window
    assert sum(frames() is not None for frames in seen) <= 1  # what is written is let go


# -------------------------------------------------------------------------------------------------- one after the other


def test_a_session_goes_on_after_a_portrait_without_a_face_and_with_another_portrait(portrait, alone, tmp_path):
    black, other = tmp_path / "black.png", portrait_file(tmp_path / "other.png", (64, 56))
    Image.new("RGB", (40, 48)).save(black)
    with Session(runtime="inline", opener=picky) as session:
        expected = made(session, other, tmp_path / "expected.mkv")
    with crew(2, picky) as session:
        with pytest.raises(FaceError, match="no face was found"):
            made(session, black, tmp_path / "a.mkv")
        assert not (tmp_path / "a.mkv").exists()
        same(made(session, portrait, tmp_path / "a.mkv"), alone, tmp_path / "a.mkv")
        # Who takes the place of a renderer that was there before gets the portrait of now.
        killer = Once(
            lambda record: isinstance(record.message, ChunkAssigned), lambda _: kill(renderer_actors(session)[0], hard=True)
        )
        take = made(session, other, tmp_path / "b.mkv", told=killer)
        same(take, (expected, frames_of(tmp_path / "expected.mkv")), tmp_path / "b.mkv")
        same(made(session, portrait, tmp_path / "a.mkv"), alone, tmp_path / "a.mkv")


def test_a_session_goes_on_after_a_take_that_failed(portrait, alone, tmp_path):
    marks = tmp_path / "marks"
    marks.mkdir()
    with crew(2, faulty("cannot", marks)) as session:
        with pytest.raises(TakeError, match="could not be rendered"):
            made(session, portrait, tmp_path / "a.mkv", "She opens her mouth wide for half a second.", seconds=0.5)
        mend(marks)
        same(made(session, portrait, tmp_path / "b.mkv"), alone, tmp_path / "b.mkv")


def test_a_region_that_died_between_two_takes_comes_back(pair, portrait, alone, tmp_path):
    for region in REGIONS:
        kill(region_actor(pair, region), hard=True)
    take = made(pair, portrait, tmp_path / "a.mkv")
    same(take, alone, tmp_path / "a.mkv")
    sound(take)


def test_a_take_that_is_stopped_and_made_again_with_another_portrait_has_none_of_the_first_frames(pair, portrait, tmp_path):
    other = portrait_file(tmp_path / "other.png", (64, 56))
    seen: list[Any] = []
    with pytest.raises(TakeError, match="stopped by SIGINT"):
        made(
            pair,
            portrait,
            tmp_path / "a.mkv",
            told=seen.append,
            stopped=lambda: "SIGINT" if any(isinstance(record.message, ChunkAssigned) for record in seen) else None,
        )
    made(pair, other, tmp_path / "b.mkv")
    assert {len(frame) for frame in frames_of(tmp_path / "b.mkv")} == {64 * 56 * 3}


def test_a_message_to_a_region_is_a_call_its_answer_comes_back_with_it_and_is_acknowledged_once(
    pair, portrait, tmp_path, monkeypatch
):
    calls: list[str] = []
    call = _Run._call

    def counted(self: Any, region: Any, method: str, *words: Any) -> None:
        calls.append(method)
        call(self, region, method, *words)

    monkeypatch.setattr(_Run, "_call", counted)
    records = made(pair, portrait, tmp_path / "a.mkv").take.records
    told = sum(len(set(record.receivers) & set(REGIONS)) for record in records)
    heard = sum(record.sender in REGIONS for record in records)
    assert calls.count("begin") == len(REGIONS)
    assert calls.count("receive") <= told + heard
    assert calls.count("resend") == 0
