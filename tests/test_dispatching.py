"""The dispatcher at work: rows are those of the motion's file, and everything is journaled before it takes effect."""

from __future__ import annotations

import io

from fractions import Fraction
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from protocol.coordination import MergeBeat
from protocol.dispatch import FilmBroke, Filmed
from protocol.journal import JournalWriter, Record
from protocol.messages import (
    ChunkAssigned,
    ChunkFailed,
    ChunkLost,
    ChunkRendered,
    ChunkWritten,
    FilmFailed,
    FilmOpened,
    Merged,
    RendererChanged,
)
from protocol.timeline import Timeline, sample
from renderer.motions import Samples, read_motion
from runtime.arrays import digest_of
from runtime.dispatching import DispatchHost, Merger
from runtime.fitting import fitted
from runtime.options import parse_fps
from runtime.outputs import write_motion
from runtime.sequencer import Sequencer
from tests.takes import run

RATES = ("24", "25", "30000/1001", "60")
FRAMES = "0" * 32
DIRECTIONS = (
    "She grins, then turns her head far to the right.",
    "He winks with his left eye, then laughs and nods twice.",
    "She looks up, frowns, then sneezes.",
)


def film(span: int = 16, yaw: float = 20.0) -> FilmOpened:
    return FilmOpened(
        renderer="fake",
        portrait="0" * 64,
        face=None,
        width=40,
        height=48,
        ranges={"headYaw": (-yaw, yaw), "jawOpen": (0.0, 0.4)},
        background="keep",
        span=span,
    )


@cache
def timeline(direction: str) -> Timeline:
    """What the real agents agree on."""
    agreed = run(direction, seed=4)[0].timeline
    assert agreed is not None
    return agreed


def beats(agreed: Timeline) -> list[MergeBeat]:
    last = len(agreed.beats) - 1
    return [MergeBeat(n, beat.start, beat.end, beat.tracks, ends=n == last) for n, beat in enumerate(agreed.beats)]


class Desk:
    """A dispatcher's host, with everything that happens in its order: records, and what its base is asked for."""

    def __init__(self, span: int = 16, fps: Fraction = Fraction(25)) -> None:
        self.happened: list[Any] = []
        self.rows: dict[int, Samples] = {}
        writer = JournalWriter(io.BytesIO(), lambda: None)
        sequencer = Sequencer(writer, lambda: 0.0, self.happened.append)
        self.host = DispatchHost(sequencer, self, Merger(fps, film(span)))
        self.host.report_to(self.happened.append)

    def assign(self, renderer: str, chunk: ChunkAssigned, rows: Samples) -> None:
        self.happened.append(("assign", renderer, chunk.chunk, chunk.attempt))
        assert digest_of(rows) == chunk.motion
        self.rows[chunk.chunk] = rows

    def write(self, chunk: int, attempt: int) -> None:
        self.happened.append(("write", chunk, attempt))

    def drop(self, chunk: int, attempt: int) -> None:
        self.happened.append(("drop", chunk, attempt))

    def dismiss(self, renderer: str, reason: str) -> None:
        self.happened.append(("dismiss", renderer))

    def rendered(self, renderer: str, chunk: int, attempt: int = 1) -> None:
        self.host.receive(renderer, ChunkRendered(chunk=chunk, attempt=attempt, frames=FRAMES))

    def failed(self, renderer: str, chunk: int, attempt: int = 1) -> None:
        self.host.receive(renderer, ChunkFailed(chunk=chunk, attempt=attempt, error="no"))

    def news(self) -> list[Any]:
        """What has happened since this was last asked: messages by their kind, all else as it is."""
        found = [type(one.message).__name__ if isinstance(one, Record) else one for one in self.happened]
        self.happened.clear()
        return found


# ------------------------------------------------------------------------------------------------------------- the rows


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("rate", RATES)
def test_rows_of_the_beats_are_those_that_rendering_the_motion_file_uses(direction, rate, tmp_path):
    fps, agreed = parse_fps(rate), timeline(direction)
    write_motion(tmp_path / "m.json", sample(agreed, fps), fps, direction, 4)
    expected, _ = fitted(read_motion(tmp_path / "m.json").samples, film().ranges)
    merger = Merger(fps, film())
    parts = [merger.rows(beat) for beat in beats(agreed)]
    assert [first for first, _ in parts] == [0, *np.cumsum([len(rows) for _, rows in parts])[:-1]]
    found = np.concatenate([rows for _, rows in parts])
    assert found.dtype == expected.dtype == np.float32
    assert np.array_equal(found, expected)


@pytest.mark.parametrize("rate", RATES)
def test_chunks_tile_the_take_and_carry_their_own_rows(rate):
    fps, agreed = parse_fps(rate), timeline(DIRECTIONS[0])
    desk = Desk(span=7, fps=fps)
    desk.host.ready("renderer-1")
    for beat in beats(agreed):
        desk.host.merge(beat)
    cuts = [cut for merged in _messages(desk, Merged) for cut in merged.chunks]
    merged = np.concatenate([Merger(fps, film()).rows(beat)[1] for beat in beats(agreed)])
    assert [cut.chunk for cut in cuts] == list(range(len(cuts)))
    assert cuts[0].first == 0
    assert cuts[-1].last == len(merged)
    assert all(one.last == then.first for one, then in pairwise(cuts))
    assert all(0 < cut.last - cut.first <= 7 for cut in cuts)
    assert [cut.motion for cut in cuts] == [digest_of(merged[cut.first : cut.last]) for cut in cuts]


def test_the_first_chunks_are_short_so_that_the_first_frames_are_soon_there():
    desk = Desk(span=16)
    desk.host.merge(beats(timeline(DIRECTIONS[0]))[0])
    (merged,) = _messages(desk, Merged)
    lengths = [cut.last - cut.first for cut in merged.chunks]
    assert lengths[0] < lengths[1] <= lengths[2] == 16


def _messages(desk: Desk, kind: type) -> list[Any]:
    return [one.message for one in desk.happened if isinstance(one, Record) and isinstance(one.message, kind)]


# ------------------------------------------------------------------------------------------------------------ the order


def started(*renderers: str) -> Desk:
    """A desk with one beat of at least four chunks, which is not the last."""
    desk = Desk(span=8)
    for renderer in renderers:
        desk.host.ready(renderer)
    desk.host.merge(beats(timeline(DIRECTIONS[0]))[0])
    return desk


def test_a_chunk_is_assigned_in_the_journal_before_its_renderer_hears_of_it():
    desk = started("renderer-1")
    assert desk.news() == [
        RendererChanged.__name__,
        Merged.__name__,
        ChunkAssigned.__name__,
        ("assign", "renderer-1", 0, 1),
        ChunkAssigned.__name__,
        ("assign", "renderer-1", 1, 1),
    ]


def test_what_was_rendered_is_in_the_journal_before_it_is_written_and_that_it_was_written_only_afterwards():
    desk = started("renderer-1")
    desk.news()
    desk.rendered("renderer-1", 0)
    assert desk.news() == [ChunkRendered.__name__, ("write", 0, 1), ChunkAssigned.__name__, ("assign", "renderer-1", 2, 1)]
    desk.host.written(0)
    assert desk.news() == [ChunkWritten.__name__]


def test_chunks_are_written_in_their_order_whatever_the_order_in_which_they_come():
    desk = started("renderer-1", "renderer-2")
    desk.news()
    for renderer, chunk in (("renderer-2", 1), ("renderer-2", 3), ("renderer-1", 0)):
        desk.rendered(renderer, chunk)
    for chunk in (0, 1):
        desk.host.written(chunk)
    assert [one for one in desk.news() if one[0] == "write"] == [("write", 0, 1), ("write", 1, 1)]


def test_a_chunk_that_failed_is_assigned_again_with_the_same_rows():
    desk = started("renderer-1", "renderer-2")
    before = desk.rows[0]
    desk.rendered("renderer-2", 1)
    desk.news()
    desk.failed("renderer-1", 0)
    news = desk.news()
    assert news[:2] == [ChunkFailed.__name__, ChunkAssigned.__name__]
    assert news[2][2:] == (0, 2)
    assert desk.rows[0] is before


def test_frames_that_were_lost_are_rendered_again():
    desk = started("renderer-1")
    desk.rendered("renderer-1", 0)
    desk.news()
    desk.host.lost(0, "its node is gone")
    desk.rendered("renderer-1", 1)
    news = desk.news()
    assert news[0] == ChunkLost.__name__
    assert ("assign", "renderer-1", 0, 2) in news


def test_what_a_renderer_that_ended_had_goes_to_another():
    desk = started("renderer-1")
    desk.host.ready("renderer-2")
    desk.news()
    desk.host.gone("renderer-1", "killed")
    assert desk.news() == [RendererChanged.__name__]  # the other has enough to do
    desk.rendered("renderer-2", 2)
    desk.rendered("renderer-2", 3)
    assert ("assign", "renderer-2", 0, 2) in desk.news()


def test_a_renderer_that_does_nothing_right_is_dismissed():
    desk = started("renderer-1")
    for chunk, attempt in ((0, 1), (1, 1), (0, 2)):
        desk.failed("renderer-1", chunk, attempt)
    assert ("dismiss", "renderer-1") in desk.news()


def test_who_asked_hears_once_that_all_is_filmed():
    desk = Desk(span=1000)
    desk.host.ready("renderer-1")
    for beat in beats(timeline(DIRECTIONS[0])):
        desk.host.merge(beat)
    chunks = [cut.chunk for merged in _messages(desk, Merged) for cut in merged.chunks]
    for chunk in chunks:
        desk.rendered("renderer-1", chunk)
        desk.host.written(chunk)
    assert desk.news()[-2:] == [ChunkWritten.__name__, Filmed()]
    assert desk.host.state.phase == "closed"


def test_a_video_that_cannot_be_written_is_told_and_nothing_follows():
    desk = started("renderer-1")
    desk.news()
    desk.host.unable("the disk is full")
    assert desk.news() == [FilmFailed.__name__, FilmBroke("the disk is full")]
    desk.rendered("renderer-1", 0)
    desk.host.unable("again")
    assert desk.news() == []


def test_after_the_take_is_closed_nothing_is_journaled():
    desk = started("renderer-1")
    desk.host.close()
    desk.news()
    desk.rendered("renderer-1", 0)
    desk.host.gone("renderer-1", "ended")
    assert desk.news() == []


@pytest.mark.parametrize("call", ["quiet", "gone", "unable", "lost"])
def test_a_reason_of_any_length_can_be_told(call):
    desk = started("renderer-1")
    desk.rendered("renderer-1", 0)
    desk.news()
    subject = {"quiet": ("renderer-1",), "gone": ("renderer-1",), "unable": (), "lost": (0,)}[call]
    getattr(desk.host, call)(*subject, "x" * 5000)
    assert desk.news()
