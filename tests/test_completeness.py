"""The history of the frames: each is in the video once, in order; chunks are handed out as they may be; renderings agree."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from protocol.findings import CODES
from protocol.history import history
from protocol.journal import Record
from protocol.messages import (
    ChunkAssigned,
    ChunkFailed,
    ChunkLost,
    ChunkRendered,
    ChunkWritten,
    Committed,
    Cut,
    FilmFailed,
    FilmOpened,
    Merged,
    RendererChanged,
    TakeClosed,
    TakeResumed,
)
from tests.filmed import meeting, play
from tests.recorded import inserted, places, recorded, said, swapped, travelled, where, without

OTHER = "f" * 32
Tampered = tuple[Record, ...]


def _of(kind: type, n: int = 0, run: str = "rendered") -> tuple[Tampered, int]:
    records = recorded(run).records
    return records, places(records, kind)[n]


def _dropped(kind: type, n: int = 0, run: str = "rendered") -> Tampered:
    return without(*_of(kind, n, run))


def _again(kind: type, n: int = 0, run: str = "rendered") -> Tampered:
    records, place = _of(kind, n, run)
    return inserted(records, place + 1, records[place])


def _cut(n: int, *, beat: int = 0, **changes: object) -> Tampered:
    """A beat one of whose chunks is cut otherwise."""
    records, place = _of(Merged, beat)
    merged = records[place].message
    assert isinstance(merged, Merged)
    cuts: list[Cut] = list(merged.chunks)
    cuts[n] = cuts[n].model_copy(update=changes)
    return said(records, place, chunks=tuple(cuts))


def _chunk_left_out() -> Tampered:
    records, place = _of(Merged)
    merged = records[place].message
    assert isinstance(merged, Merged)
    return said(records, place, chunks=merged.chunks[:-1])


def _beats_in_another_order() -> Tampered:
    records = recorded("resumed while regions vote").records
    first, second = places(records, Merged)[-2:]
    return said(said(records, first, beat=1), second, beat=0)


def _merged_before_its_commit() -> Tampered:
    records, place = _of(Merged)
    return swapped(records, places(records, Committed)[0], place)


def _merged_after_the_last() -> Tampered:
    records, place = _of(Merged, 1)
    more = replace(records[place], message=Merged(beat=2, chunks=(), ends=True))
    return inserted(records, place + 1, more)


def _before_it_is_cut() -> Tampered:
    records, place = _of(ChunkAssigned)
    return said(records, place, chunk=9)


def _to_whom(name: str) -> Tampered:
    records, place = _of(ChunkAssigned)
    return travelled(records, place, receivers=(name,))


def _after(to: str) -> Tampered:
    """The renderer that gets the last chunk no longer answered."""
    records, place = _of(ChunkAssigned, -1)
    changed = RendererChanged(renderer=records[place].receivers[0], to=to, reason="why")  # type: ignore[arg-type]
    return inserted(records, place, replace(records[place], receivers=(), message=changed))


def _three_at_once() -> Tampered:
    """Both of the first two renderers' chunks go to one, and a third."""
    records = recorded("rendered").records
    for place in places(records, ChunkAssigned)[:3]:
        records = travelled(records, place, receivers=("renderer-1",))
    return records


def _after_it_was_dismissed() -> Tampered:
    records = recorded("a renderer does nothing right").records
    last = [place for place in places(records, ChunkFailed) if records[place].sender == "renderer-1"][2]
    place = next(place for place in places(records, ChunkAssigned) if place > last)
    return travelled(records, place, receivers=("renderer-1",))


def _by_another(kind: type, run: str = "rendered") -> Tampered:
    records, place = _of(kind, 0, run)
    other = "renderer-2" if records[place].sender == "renderer-1" else "renderer-1"
    return travelled(records, place, sender=other)


def _written_in_another_order() -> Tampered:
    records = recorded("rendered").records
    first, second = places(records, ChunkWritten)[:2]
    one, other = records[first].message, records[second].message
    return travelled(travelled(records, first, message=other), second, message=one)


def _written_before_it_is_rendered() -> Tampered:
    records, place = _of(ChunkWritten)
    return swapped(records, places(records, ChunkRendered)[0], place)


def _done_without_the_last_beat() -> Tampered:
    records, place = _of(Merged, 1)
    return said(records, place, ends=False)


def _done_without_any_beat() -> Tampered:
    records = recorded("undisturbed").records
    film = recorded("rendered").records[places(recorded("rendered").records, FilmOpened)[0]]
    return inserted(records, 1, film)


def _done_although_it_failed() -> Tampered:
    records, place = _of(TakeClosed, run="a chunk is given up")
    return said(records, place, outcome="done")


def _failed_without_a_reason() -> Tampered:
    return _dropped(FilmFailed, run="a chunk is given up")


def _given_up_although_written() -> Tampered:
    records, place = _of(FilmFailed, run="a chunk is given up")
    return said(records, place, chunk=0)


def _rendered_otherwise(run: str) -> Tampered:
    """Of a chunk that was rendered before."""
    records = recorded(run).records
    seen: set[int] = set()
    for place in places(records, ChunkRendered):
        message = records[place].message
        assert isinstance(message, ChunkRendered)
        if message.chunk in seen:
            return said(records, place, frames=OTHER)
        seen.add(message.chunk)
    raise AssertionError(f"nothing is rendered twice: {run}")


def _first_attempt_again() -> Tampered:
    records = recorded("a chunk fails once").records
    return said(records, where(records, ChunkAssigned, attempt=2), attempt=1)


TAMPERED: dict[str, tuple[Callable[[], Tampered], str]] = {
    "what is rendered is said twice": (lambda: _again(FilmOpened), "H04"),
    "what is rendered is never said": (lambda: _dropped(FilmOpened), "H04"),
    "a beat is cut before it is committed": (_merged_before_its_commit, "H04"),
    "a chunk is handed out before it is cut": (_before_it_is_cut, "H04"),
    "somebody answers for another": (lambda: _by_another(ChunkRendered), "H05"),
    "somebody fails for another": (lambda: _by_another(ChunkFailed, "a chunk fails once"), "H05"),
    "a stranger renders": (lambda: travelled(*_of(ChunkRendered), sender="nose"), "H05"),
    "a region renders": (lambda: travelled(*_of(ChunkRendered), sender="eyes"), "H05"),
    "a renderer that was never announced": (lambda: _dropped(RendererChanged), "H05"),
    "an attempt that was not made is answered": (lambda: said(*_of(ChunkRendered), attempt=2), "H05"),
    "the coordinator's word in another's mouth": (lambda: travelled(*_of(ChunkWritten), sender="renderer-1"), "H05"),
    "a take fails without a reason": (_failed_without_a_reason, "H06"),
    "a chunk begins too late": (lambda: _cut(2, first=12), "H07"),
    "a chunk begins too early": (lambda: _cut(2, first=10), "H07"),
    "a chunk has no frames": (lambda: _cut(2, last=11), "H07"),
    "a chunk has another's number": (lambda: _cut(2, chunk=3), "H07"),
    "a chunk is too long": (lambda: _cut(4, beat=1, last=70), "H07"),
    "a chunk is left out": (_chunk_left_out, "H07"),
    "a beat is never cut": (lambda: _dropped(Merged), "H07"),
    "a beat is cut twice": (lambda: _again(Merged), "H07"),
    "beats are cut in another order": (_beats_in_another_order, "H07"),
    "something comes after the last beat": (_merged_after_the_last, "H07"),
    "a chunk is never written": (lambda: _dropped(ChunkWritten, 3), "H07"),
    "the last chunk is never written": (lambda: _dropped(ChunkWritten, -1), "H07"),
    "a chunk is written twice": (lambda: _again(ChunkWritten), "H07"),
    "chunks are written in another order": (_written_in_another_order, "H07"),
    "a chunk is written before it is rendered": (_written_before_it_is_rendered, "H07"),
    "a chunk is written that was lost": (lambda: _dropped(ChunkRendered, -1, "frames are lost"), "H07"),
    "a chunk is written with other frames": (lambda: said(*_of(ChunkWritten), frames=OTHER), "H07"),
    "an attempt that was not made is lost": (lambda: said(*_of(ChunkLost, run="frames are lost"), attempt=2), "H07"),
    "a chunk is lost twice": (lambda: _again(ChunkLost, run="frames are lost"), "H07"),
    "a chunk is given up that is written": (_given_up_although_written, "H07"),
    "the take is done before the last beat is cut": (_done_without_the_last_beat, "H07"),
    "the take is done without frames": (_done_without_any_beat, "H07"),
    "the take is done although the video is not": (_done_although_it_failed, "H07"),
    "a chunk is handed to nobody": (lambda: _to_whom("nobody"), "H08"),
    "a chunk is handed to a region": (lambda: _to_whom("eyes"), "H08"),
    "a chunk is handed out twice": (lambda: _again(ChunkAssigned), "H08"),
    "a chunk is handed out as another": (lambda: said(*_of(ChunkAssigned), motion=OTHER), "H08"),
    "an attempt is left out": (lambda: said(*_of(ChunkAssigned), attempt=2), "H08"),
    "an attempt comes again": (_first_attempt_again, "H08"),
    "a chunk is handed to one that does not answer": (lambda: _after("quiet"), "H08"),
    "a chunk is handed to one that is gone": (lambda: _after("gone"), "H08"),
    "a chunk is handed to one that has two": (_three_at_once, "H08"),
    "a chunk is handed to one that does nothing right": (_after_it_was_dismissed, "H08"),
    "a chunk is handed out that was not lost": (lambda: _dropped(ChunkLost, run="frames are lost"), "H08"),
    "frames differ after they were lost": (lambda: _rendered_otherwise("frames are lost"), "H09"),
    "frames differ after the take was resumed": (lambda: _rendered_otherwise("resumed after a chunk was given up"), "H09"),
}


@pytest.mark.parametrize("what", TAMPERED)
def test_what_is_wrong_with_the_frames_is_found_under_its_code(what):
    tamper, code = TAMPERED[what]
    findings = history(tamper())
    assert code in {finding.code for finding in findings}, findings


def test_every_code_of_the_frames_is_among_those_tried_here():
    assert {"H07", "H08", "H09"} <= {code for _, code in TAMPERED.values()} <= set(CODES)


def test_a_finding_says_where_and_what():
    records, place = _of(ChunkWritten, 2)
    (finding,) = history(said(records, place, frames=OTHER))
    assert str(finding) == f"H07 record {place + 1}: chunk 2 is written with other frames than were rendered"


def test_a_late_or_repeated_answer_is_no_fault():
    """A renderer that was taken for dead may still be heard; so may one whose answer was sent twice."""
    records = recorded("a renderer dies").records
    dead = records[where(records, ChunkAssigned, chunk=3)].receivers[0]
    again = records[where(records, ChunkRendered, chunk=3)]
    late = replace(again, sender=dead, message=again.message.model_copy(update={"attempt": 1}))
    assert history(inserted(records, len(records) - 1, late)) == []
    assert history(inserted(records, len(records) - 1, again)) == []


def test_a_late_answer_does_not_count():
    """What is written is what the attempt came to that stands."""
    records = recorded("a renderer dies").records
    dead = records[where(records, ChunkAssigned, chunk=3)].receivers[0]
    done = where(records, ChunkRendered, chunk=3)
    late = records[done].message.model_copy(update={"attempt": 1})
    findings = history(travelled(records, done, sender=dead, message=late))
    assert "chunk 3 is written without having been rendered" in {finding.text for finding in findings}


def test_any_beginning_of_a_journal_keeps_what_is_promised_so_far():
    for name in ("rendered", "a renderer dies", "a chunk is given up", "resumed twice"):
        records = recorded(name).records
        for length in range(1, len(records), 3):
            assert history(records[:length], complete=False) == []


@pytest.mark.tampers
def test_other_software_may_render_other_frames():
    """Resumed with the same versions frames have to be the same again; with others they need not."""
    dark = meeting(dict.fromkeys(range(10), "dark"))
    records = recorded("a chunk is given up").records
    assert {finding.code for finding in history(play(records, fate=dark).records)} == {"H09"}
    assert history(play(records, fate=dark, versions={"numpy": "3"}).records) == []


def test_what_was_in_flight_when_the_take_was_cut_off_is_forgotten():
    told = recorded("resumed twice")
    resumed = places(told.records, TakeResumed)[-1]
    first = next(r.message for r in told.records[resumed:] if isinstance(r.message, ChunkAssigned))
    assert (first.chunk, first.attempt) == (0, 1)
    assert history(told.records) == []
