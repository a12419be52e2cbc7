"""What a walk stops at: everything that is meant by a word, and nothing else."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from protocol.channels import CHANNELS
from protocol.debugging.breaks import BreakError, Vocabulary, concerning, parse_break
from protocol.journal import Record, Stored, read_record
from protocol.messages import (
    MESSAGES,
    BeatOpened,
    ChunkAssigned,
    ChunkRendered,
    ChunkWritten,
    Committed,
    DeadlinePassed,
    Merged,
    Objected,
    Objection,
    Proposed,
    RendererChanged,
    Restored,
    RoundOpened,
    Ruled,
)
from protocol.replay import OF_DISPATCHER
from tests.recorded import places, recorded, said
from tests.takes import run, violation
from tests.walking import pages_of

RULES = ("brows-under-jaw", "lids-under-jaw")


def hits(records: Sequence[Record], text: str, rules: Sequence[str] = RULES) -> list[int]:
    """Every place that a break stops at."""
    pages = pages_of(records)
    found, at = [], 0
    known = parse_break(text, pages, Vocabulary.of(pages, rules))
    while (place := known.next(at)) is not None:
        found.append(place)
        at = place
    return found


def holding(records: Sequence[Record], test: Callable[[Record], bool]) -> list[int]:
    """Every place of which something holds."""
    return [record.seq for record in records if test(record)]


@pytest.fixture(scope="module")
def tiny() -> tuple[Record, ...]:
    """A tiny take with something to object to."""
    return recorded("undisturbed").records


@pytest.fixture(scope="module")
def film() -> tuple[Record, ...]:
    """One that is rendered, with a silent region."""
    return recorded("rendered with a silent region").records


@pytest.mark.parametrize("kind", sorted({type(record.message).__name__ for record in recorded("undisturbed").records}))
def test_a_kind_of_message_stops_at_each_of_it(tiny, kind):
    expected = holding(tiny, lambda record: type(record.message).__name__ == kind)
    assert hits(tiny, kind) == hits(tiny, kind.lower()) == expected


@pytest.mark.parametrize("region", ["mouth", "eyes"])
def test_a_region_stops_at_what_it_says_and_what_becomes_of_it(film, region):
    def meant(record: Record) -> bool:
        about = isinstance(record.message, DeadlinePassed) and record.message.region == region
        alone = isinstance(record.message, Restored) and record.message.region == region
        return record.sender == region or about or alone

    expected = holding(film, meant)
    assert hits(film, region) == expected
    assert len({type(film[seq - 1].message) for seq in expected}) >= (5 if region == "eyes" else 3)


def test_the_coordinator_does_not_stop_at_what_it_says_as_the_dispatcher(film):
    spoken = holding(film, lambda record: record.sender == "coordinator")
    assert set(hits(film, "coordinator")) == {seq for seq in spoken if not isinstance(film[seq - 1].message, OF_DISPATCHER)}
    rendered = holding(film, lambda record: isinstance(record.message, (*OF_DISPATCHER, ChunkRendered)))
    assert hits(film, "dispatcher") == rendered


def test_a_renderer_stops_at_its_chunks_and_at_what_becomes_of_it(film):
    def meant(record: Record) -> bool:
        changed = isinstance(record.message, RendererChanged) and record.message.renderer == "renderer-1"
        return changed or record.sender == "renderer-1" or record.receivers == ("renderer-1",)

    expected = holding(film, meant)
    assert hits(film, "renderer-1") == expected
    assert {type(film[seq - 1].message) for seq in expected} == {RendererChanged, ChunkAssigned, ChunkRendered}


def test_a_constraint_stops_at_whoever_objects_on_its_account(tiny):
    def meant(record: Record) -> bool:
        found = record.message.violations if isinstance(record.message, Objected) else ()
        return "brows-under-jaw" in {violation.constraint for violation in found}

    expected = holding(tiny, meant)
    assert hits(tiny, "brows-under-jaw") == expected
    assert 0 < len(expected) < len(hits(tiny, "Objected"))


@pytest.mark.tampers
def test_what_the_critic_objects_to_is_found_where_its_round_opens(tiny):
    place = places(tiny, RoundOpened)[1]
    raised = (Objection(by="critic", violation=violation("lids-under-jaw")),)
    assert place + 1 in hits(said(tiny, place, objections=raised), "lids-under-jaw")
    assert place + 1 not in hits(tiny, "lids-under-jaw")


def test_a_channel_stops_at_who_moves_it_changes_it_or_objects_to_it(tiny):
    def meant(record: Record) -> bool:
        message = record.message
        if isinstance(message, Proposed):
            return message.region == "brows"  # each of its proposals moves or changes the one channel that it moves
        return isinstance(message, Objected) and any("browInnerUp" in one.channels for one in message.violations)

    assert hits(tiny, "browInnerUp") == hits(tiny, "BROWINNERUP") == holding(tiny, meant)
    assert hits(tiny, "browDownLeft") == [], "it rests in every proposal"


def test_a_revision_that_leaves_a_channel_alone_does_not_stop_there():
    records = run("She grins.", idle=False, seed=1)[0].records
    proposals = [record for record in records if isinstance(record.message, Proposed) and record.sender == "eyes"]
    first, revised = proposals[0].message, proposals[1].message
    assert isinstance(first, Proposed)
    assert isinstance(revised, Proposed)
    changed = {new.channel for old, new in zip(first.track.curves, revised.track.curves, strict=True) if old.keys != new.keys}
    assert "cheekSquintLeft" in changed
    assert "eyeSquintLeft" not in changed
    assert proposals[1].seq in hits(records, "cheekSquintLeft")
    assert proposals[1].seq in hits(records, "cheekSquint"), "a name without its side is both sides"
    assert proposals[1].seq not in hits(records, "eyeSquintLeft")
    assert proposals[0].seq in hits(records, "eyeSquintLeft")


def test_what_a_beat_only_goes_on_to_hold_does_not_stop_there():
    """Its keyframes are others than those of the beat before, but nothing moves."""
    records = run("She grins, then freezes for two seconds.", idle=False)[0].records
    first, second = [r for r in records if isinstance(r.message, Proposed) and r.sender == "mouth"]
    assert isinstance(first.message, Proposed)
    assert isinstance(second.message, Proposed)
    before, after = (one.track.curve("mouthSmileLeft").keys for one in (first.message, second.message))
    assert before != after
    assert len({key.value for key in after}) == 1
    found = hits(records, "mouthSmileLeft")
    assert first.seq in found
    assert second.seq not in found


def test_a_ruling_stops_a_channel_that_it_changes():
    records = recorded("a region is stubborn").records
    ruled = [place + 1 for place in places(records, Ruled)]
    assert ruled[0] in hits(records, "browInnerUp")
    assert ruled[0] not in hits(records, "headYaw")


@pytest.mark.parametrize(("derived", "angle"), [("eyeLookOutLeft", "eyeYawLeft"), ("eyeLookDownRight", "eyePitchRight")])
def test_a_channel_that_is_read_off_another_stops_where_that_one_does(derived, angle):
    records = run("She looks left and down.", idle=False)[0].records
    assert hits(records, derived) == hits(records, angle) != []


def test_a_beat_stops_where_it_opens(tiny):
    assert hits(tiny, "beat 1") == [places(tiny, BeatOpened)[1] + 1]
    assert hits(tiny, "beat 7") == []


def test_a_moment_of_the_motion_stops_at_all_that_is_decided_about_it(film):
    """Second 0.35 is in the first of two beats, in its third chunk; what is objected to there lasts from 0.25 to 0.5 s."""
    found = hits(film, "0.35s")
    kinds = [type(film[seq - 1].message) for seq in found]
    assert kinds[0] is BeatOpened
    assert kinds.count(Objected) == len(places(film, Objected))
    assert kinds.count(Committed) == kinds.count(BeatOpened) == 1
    merged = film[places(film, Merged)[0]].message
    assert isinstance(merged, Merged)
    (cut,) = [cut for cut in merged.chunks if cut.first <= int(0.35 * 60) < cut.last]
    assert [film[seq - 1].message.chunk for seq in found if isinstance(film[seq - 1].message, ChunkWritten)] == [cut.chunk]
    assert Objected not in [type(film[seq - 1].message) for seq in hits(film, "0.05s")]
    assert hits(film, "99s") == []


def test_the_time_of_recording_stops_at_the_first_message_after_it(tiny):
    late = [replace(record, time=record.seq / 10) for record in tiny]
    assert hits(late, "after 1.25s") == [13]
    assert hits(late, "after 0s") == [1]
    assert hits(late, "after 900s") == []


def test_several_words_stop_where_all_of_them_hold(tiny):
    assert hits(tiny, "eyes Objected") == sorted(set(hits(tiny, "eyes")) & set(hits(tiny, "Objected")))
    assert hits(tiny, "Objected eyes lids-under-jaw") == hits(tiny, "eyes Objected")
    assert hits(tiny, "head brows-under-jaw") == []


def test_a_region_concerns_what_it_says_and_hears(tiny):
    pages = pages_of(tiny)
    found, at = [], 0
    known = concerning("head", pages)
    while (place := known.next(at)) is not None:
        found.append(place)
        at = place
    assert found == holding(tiny, lambda record: record.sender == "head" or "head" in record.receivers)


def test_going_back_finds_the_same_places(tiny):
    forward = hits(tiny, "eyes")
    pages = pages_of(tiny)
    known = parse_break("eyes", pages, Vocabulary.of(pages, RULES))
    back, at = [], len(tiny) + 1
    while (place := known.previous(at)) is not None:
        back.append(place)
        at = place
    assert back[::-1] == forward
    assert known.next(back[1]) == back[0]


@pytest.mark.parametrize(
    ("text", "near"),
    [
        ("mouht", "mouth"),
        ("jawopne", "jawOpen"),
        ("Objectd", "Objected"),
        ("lids-under", "lids-under-jaw"),
        ("mouthSmil", "mouthSmile"),
        ("renderer", "renderer-1"),
    ],
)
def test_what_is_misspelled_gets_the_nearest_names(film, text, near):
    with pytest.raises(BreakError, match=f"called '{text}'. Did you mean .*{near}"):
        hits(film, text)


@pytest.mark.parametrize(
    ("text", "said_"),
    [
        ("", "say what to stop at"),
        ("beat", "beat takes a number"),
        ("beat two", "beat takes a number"),
        ("after 3", "after takes a time"),
        ("after", "after takes a time"),
        ("qqqqqqq", "such as eyes, jawOpen or Objected"),
        ("1e999s", "called '1e999s'"),
        ("9" * 400 + "s", "called '9999"),
    ],
)
def test_what_means_nothing_is_refused(tiny, text, said_):
    with pytest.raises(BreakError, match=said_):
        hits(tiny, text)


def test_the_dispatcher_and_renderers_are_there_only_where_something_is_rendered(tiny):
    with pytest.raises(BreakError):
        hits(tiny, "dispatcher")


def test_every_name_means_something(film):
    pages = pages_of(film)
    vocabulary = Vocabulary.of(pages, RULES)
    assert {"renderer-1", "renderer-2", "critic", "director"} <= set(vocabulary.roles)
    for name in (*vocabulary.roles, *RULES, *CHANNELS, *MESSAGES):
        known = parse_break(name, pages, vocabulary)
        assert known.meaning


def test_no_more_is_read_than_it_takes(monkeypatch, film):
    """Of a role or a kind nothing at all: that stands beside the messages."""
    read: list[int] = []

    def counting(stored: Stored) -> Record:
        read.append(stored.seq)
        return read_record(stored)

    monkeypatch.setattr("protocol.debugging.pages.read_record", counting)
    pages = pages_of(film)
    vocabulary = Vocabulary(("eyes", "renderer-1"), RULES)
    assert parse_break("ChunkWritten", pages, vocabulary).next(0) is not None
    assert read == []
    assert parse_break("renderer-1", pages, vocabulary).next(40) is not None
    assert {type(film[seq - 1].message) for seq in read} <= {DeadlinePassed, RendererChanged, Restored}
    read.clear()
    objected = parse_break("lids-under-jaw", pages, vocabulary).next(0)
    assert objected is not None
    assert {type(film[seq - 1].message) for seq in read} <= {Objected, RoundOpened}
    assert max(read) <= objected
