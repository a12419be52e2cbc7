"""The sequencer: every message has its place, and is in the journal before anybody acts on it."""

from __future__ import annotations

import io

from typing import Any

import pytest

from protocol.journal import JournalError, JournalWriter, Record, read_journal
from protocol.messages import Aborted, ChunkWritten, FilmFailed, TakeClosed, TakeResumed
from runtime.sequencer import Sequencer
from tests.takes import decided, take_opened

CLOSED = TakeClosed(outcome="stopped", reason="enough", beats=0, timeline=None)
WRITTEN = ChunkWritten(chunk=0, frames="0" * 32)


class Desk:
    """A journal, and when something of it was forced to disk or told."""

    def __init__(self, past: tuple[Record, ...] = (), at: float = 0.0) -> None:
        self.stream = io.BytesIO()
        self.happened: list[Any] = []
        writer = JournalWriter(self.stream, lambda: self.happened.append("on disk"))
        for record in past:
            writer.append(record)
        self.now = at
        self.sequencer = Sequencer(writer, lambda: self.now, self.happened.append, past)

    @property
    def records(self) -> tuple[Record, ...]:
        """What the journal holds."""
        self.stream.seek(0)
        return read_journal(self.stream).records


@pytest.mark.tampers
def test_messages_are_numbered_in_the_order_in_which_they_are_said():
    desk = Desk()
    desk.sequencer.record(("brows",), take_opened())
    desk.now = 1.5
    desk.sequencer.record(("coordinator",), decided("eyes"), sender="eyes", epoch=2, number=7)
    assert [(r.seq, r.time, r.sender, r.receivers, r.epoch, r.number) for r in desk.records] == [
        (1, 0.0, "coordinator", ("brows",), 0, 0),
        (2, 1.5, "eyes", ("coordinator",), 2, 7),
    ]
    assert desk.sequencer.seq == 2


@pytest.mark.parametrize(
    ("message", "kept"),
    [
        (take_opened(), True),
        (TakeResumed(versions={}), True),
        (FilmFailed(chunk=None, error="x"), True),
        (CLOSED, True),
        (WRITTEN, False),
        (decided("eyes"), False),
        (Aborted(beat=None, error="x"), False),
    ],
    ids=lambda value: type(value).__name__,
)
def test_what_others_act_on_for_good_is_on_disk_before_it_is_told(message, kept):
    desk = Desk()
    desk.sequencer.record((), message)
    assert desk.happened == [*(["on disk"] if kept else []), *desk.records]


def test_what_cannot_be_journaled_is_not_told():
    desk = Desk()
    desk.sequencer.record((), take_opened())
    desk.happened.clear()
    desk.sequencer._journal.close()
    with pytest.raises(JournalError):
        desk.sequencer.record((), WRITTEN)
    assert desk.happened == ["on disk"]  # that of closing it


def test_a_take_that_goes_on_goes_on_counting_and_its_time_goes_on():
    past = (Record(1, 0.0, "coordinator", (), 0, 0, take_opened()), Record(2, 4.25, "coordinator", (), 0, 0, CLOSED))
    desk = Desk(past, at=0.5)
    desk.sequencer.record((), TakeResumed(versions={}))
    assert desk.records[:2] == past
    assert (desk.records[2].seq, desk.records[2].time) == (3, 4.75)
