"""Two takes compared: where they part first, under which code, and what that comes to in the motion."""

from __future__ import annotations

import json

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from protocol.channels import NAMES, REGIONS
from protocol.consistency import committed_timeline
from protocol.conversation import WIDTH
from protocol.debugging.codes import DIVERGENCES
from protocol.debugging.diverging import Difference, Divergence, compared, diverge
from protocol.debugging.effects import effect
from protocol.journal import Record
from protocol.keyframes import Track
from protocol.messages import (
    Accepted,
    BeatOpened,
    ChunkWritten,
    Committed,
    Decided,
    FilmOpened,
    Merged,
    Objected,
    Proposed,
    RoundOpened,
    Ruled,
    TakeClosed,
    TakeOpened,
    TakeResumed,
    digest,
)
from protocol.timeline import CommittedBeat, Timeline, sample
from runtime.cli import main
from runtime.commands.diff import as_text
from runtime.takes import open_pages, open_take
from tests.program import at_home, journal_file, refused
from tests.recorded import RUNS, recorded, said, where
from tests.takes import run, track

MOST_LINES = 19
"""Under 20 lines."""
DIRECTION = "She grins, then turns her head far to the right."


@pytest.fixture(scope="module")
def seeds() -> tuple[tuple[Record, ...], tuple[Record, ...]]:
    """The same direction with two seeds."""
    return run(DIRECTION, seed=1)[0].records, run(DIRECTION, seed=2)[0].records


def codes(found: Divergence) -> list[str]:
    """The codes of all differences, in order."""
    return [difference.code for difference in found.differences]


# ---------------------------------------------------------------------------------------------------------- the same


@pytest.mark.parametrize(
    "name",
    [
        "a region crashes before it proposes",
        "a region crashes before it votes",
        "a region crashes twice",
        "the network loses, repeats and reorders",
        "crash and loss",
        "half of an answer is lost",
        "a region is silent",
        "a region does not vote",
        "rendered",
        "a renderer dies",
        "frames are lost",
        "resumed while regions vote",
        "resumed with a fallback",
        "resumed twice",
        "resumed without frames",
    ],
)
def test_what_befell_a_take_on_its_way_is_no_difference(name):
    found = diverge(recorded("undisturbed").records, recorded(name).records)
    assert found.code is None
    assert found.differences == ()
    assert found.effect is not None
    assert found.effect.same
    assert found.keyframe == ""
    assert found.messages[0] == found.messages[1] > 30


@pytest.mark.parametrize("name", RUNS)
def test_a_code_is_given_exactly_where_something_else_was_said_or_done(name):
    plain, other = recorded("undisturbed").records, recorded(name).records
    found = diverge(plain, other)
    assert found.code in (None, *DIVERGENCES)
    equal = committed_timeline(plain) == committed_timeline(other)
    ended = [record.message.outcome for record in other if isinstance(record.message, TakeClosed)][-1:]
    assert (found.code is None) == (equal and ended == ["done"])
    assert len(as_text(found)) <= MOST_LINES


def test_what_befell_a_take_is_noted():
    plain = recorded("undisturbed").records
    assert diverge(plain, recorded("a region crashes twice").records).notes == (
        "processes of the second were replaced: head up to incarnation 3",
    )
    assert "the first was resumed (record 21, 48)" in diverge(recorded("resumed twice").records, plain).notes
    assert "only the second was rendered" in diverge(plain, recorded("rendered").records).notes


def test_other_software_is_noted_and_no_difference_unless_something_else_is(seeds):
    one, two = seeds
    opened = one[0].message
    assert isinstance(opened, TakeOpened)
    newer = said(one, 0, versions={**opened.versions, "numpy": "99.1"})
    found = diverge(one, newer)
    assert found.code is None
    (note,) = found.notes
    assert "numpy" in note
    assert note.endswith("/ 99.1, which changed nothing")
    place = where(newer, Accepted)
    votes = without_vote(newer, place)
    assert codes(diverge(one, votes)) == ["D03", "D07"]
    assert codes(diverge(one, two)) == ["D01", "D05"]


def without_vote(records: Sequence[Record], place: int) -> tuple[Record, ...]:
    """A journal in which a vote for a vector is one against it."""
    vote = records[place].message
    assert isinstance(vote, Accepted)
    fields = {name: getattr(vote, name) for name in ("beat", "round", "role", "incarnation", "vector")}
    against = Objected.model_construct(**fields, violations=())
    return (*records[:place], replace(records[place], message=against), *records[place + 1 :])


@pytest.mark.parametrize("name", RUNS)
def test_records_that_are_not_read_say_nothing_of_their_own(name, tmp_path):
    path = journal_file(tmp_path / "journal.mcap", recorded(name).records)
    part = compared(open_pages(path))
    whole = recorded("rendered").records
    assert not any(isinstance(record.message, RoundOpened) for record in part)
    assert diverge(whole, part) == diverge(whole, recorded(name).records)
    assert diverge(part, whole) == diverge(recorded(name).records, whole)


# ------------------------------------------------------------------------------------------------------- differences


def moved_key(records: Sequence[Record]) -> tuple[Record, ...]:
    """The first proposal of the mouth with one keyframe a little off."""
    place = where(records, Proposed, region="mouth")
    message = records[place].message
    assert isinstance(message, Proposed)
    other = shifted(message.track)
    return said(records, place, track=other, digest=digest(other))


def shifted(whole: Track) -> Track:
    """A track whose curve of the jaw ends a hundredth lower."""
    curves = []
    for curve in whole.curves:
        last = curve.keys[-1]
        lower = last.model_copy(update={"value": round(last.value - 0.01, 4)})
        curves.append(curve.model_copy(update={"keys": (*curve.keys[:-1], lower)}) if curve.channel == "jawOpen" else curve)
    return whole.model_copy(update={"curves": tuple(curves)})


def other_ruling(records: Sequence[Record]) -> tuple[Record, ...]:
    place = where(records, Ruled)
    message = records[place].message
    assert isinstance(message, Ruled)
    rulings = tuple(each.model_copy(update={"rung": "held"}) for each in message.rulings)
    return said(records, place, rulings=rulings)


def other_intent(records: Sequence[Record]) -> tuple[Record, ...]:
    place = where(records, BeatOpened)
    message = records[place].message
    assert isinstance(message, BeatOpened)
    return said(records, place, intent=message.intent.model_copy(update={"summary": "something else"}))


def other_software(records: Sequence[Record]) -> tuple[Record, ...]:
    return other_intent(said(records, 0, versions={"numpy": "99.1"}))


CASES: dict[str, tuple[str, str, Callable[[Sequence[Record]], tuple[Record, ...]], list[str]]] = {
    "seed": ("undisturbed", "D01", lambda r: said(r, 0, seed=8), ["seed: 7 / 8"]),
    "direction": (
        "undisturbed",
        "D01",
        lambda r: said(r, 0, direction="Half a second of this, half an hour of that."),
        ['direction: "…this, half a second of that." / "…this, half an hour of that."'],
    ),
    "a table": (
        "undisturbed",
        "D02",
        lambda r: said(r, 0, configuration={"constraints.yaml": "x"}),
        ["constraints.yaml: only the second has it"],
    ),
    "software": ("undisturbed", "D03", other_software, []),
    "the brief": (
        "undisturbed",
        "D04",
        lambda r: said(r, where(r, Decided), reply="{}"),
        [],
    ),
    "an intent": ("undisturbed", "D04", other_intent, ['intent.summary: "beat at 0 s" / "something else"']),
    "a decision": (
        "undisturbed",
        "D05",
        lambda r: said(r, where(r, Decided, role="eyes"), reply="0.71"),
        ["reply: 0.7 / 0.71"],
    ),
    "a planner": ("undisturbed", "D05", lambda r: said(r, where(r, Decided, role="eyes"), planner="llm"), []),
    "a keyframe": (
        "undisturbed",
        "D06",
        moved_key,
        ["jawOpen, keyframe 2: 0.8 at 0.4000 s, hold / 0.79 at 0.4000 s, hold"],
    ),
    "a vote": (
        "undisturbed",
        "D07",
        lambda r: without_vote(r, where(r, Accepted, role="head")),
        ["accepts: true / false"],
    ),
    "a ruling": ("a region is stubborn", "D08", other_ruling, ['rulings[0 brows].rung: "projected" / "held"']),
    "the end": (
        "undisturbed",
        "D09",
        lambda r: said(r, where(r, TakeClosed), outcome="failed", reason="of old age"),
        ['outcome: "done" / "failed"', 'reason: "" / "of old age"'],
    ),
    "a portrait": (
        "rendered",
        "D10",
        lambda r: said(r, where(r, FilmOpened), width=6),
        ["width: 4 / 6"],
    ),
    "pixels": ("rendered", "D11", lambda r: said(r, where(r, ChunkWritten, chunk=3), frames="f" * 32), []),
}


@pytest.mark.parametrize("case", CASES)
def test_each_kind_of_difference_has_its_code_and_shows_both_values(case):
    name, code, change, lines = CASES[case]
    records = recorded(name).records
    found = diverge(records, change(records))
    assert found.code == code
    shown = [line for difference in found.differences for line in difference.fields]
    assert shown[: len(lines)] == lines if lines else True
    assert len(as_text(found)) <= MOST_LINES
    assert diverge(records, records).code is None
    assert diverge(change(records), records).code == code


def test_every_code_is_met():
    assert {code for _, code, _, _ in CASES.values()} == set(DIVERGENCES)


def test_the_first_difference_is_that_of_the_canonical_order_whatever_arrived_first():
    records = recorded("undisturbed").records
    late = where(records, Proposed, region="brows")
    early = where(records, Proposed, region="head")
    both = said(said(records, late, why="something else"), early, why="something else too")
    moved = [*both]
    moved[late], moved[early] = moved[early], moved[late]
    for journal in (both, moved):
        (found,) = diverge(records, journal).differences
        assert (found.text, found.fields) == ("first difference: beat 0, brows proposed", ('why: "moves" / "something else"',))
        (found,) = diverge(journal, records).differences
        assert (found.text, found.fields) == ("first difference: beat 0, brows proposed", ('why: "something else" / "moves"',))


def test_where_a_take_was_cut_off_a_difference_before_that_comes_first():
    records = recorded("undisturbed").records
    cut = where(records, RoundOpened)
    missing = where(records, Proposed, region="brows")
    part = [record for n, record in enumerate(moved_key(records)[:cut]) if n != missing]
    assert codes(diverge(records, part)) == ["D06"]
    found = diverge(records, records[:cut])
    assert codes(found) == ["D09"]
    assert "ends before that, the same up to there" in found.differences[0].text
    assert found.differences[0].records == (where(records, Objected, role="brows") + 1, 0)


def test_a_take_that_was_stopped_says_so():
    found = diverge(recorded("undisturbed").records, recorded("stopped while regions vote").records)
    assert found.differences[0].fields == ("it ended as stopped: SIGINT",)


def test_how_a_take_ended_before_it_was_resumed_does_not_count():
    records = recorded("resumed after a chunk was given up").records
    assert any(isinstance(record.message, TakeResumed) for record in records)
    assert diverge(recorded("rendered").records, records).code is None


def test_frames_cut_into_other_chunks_are_not_compared():
    records = recorded("rendered").records
    place = where(records, Merged)
    message = records[place].message
    assert isinstance(message, Merged)
    cuts = (message.chunks[0].model_copy(update={"last": 3}), *message.chunks[1:])
    other = said(said(records, place, chunks=cuts), where(records, FilmOpened), span=3)
    found = diverge(records, said(other, where(other, ChunkWritten), frames="f" * 32))
    assert found.code is None
    assert "the frames were cut into other chunks, so their pixels are not compared" in found.notes


# -------------------------------------------------------------------------------------------------------- the effect


def test_what_follows_in_the_motion_is_what_the_samples_say(seeds):
    found = diverge(*seeds)
    timelines = [committed_timeline(records) for records in seeds]
    one, two = (sample(timeline, Fraction(60)) for timeline in timelines if timeline)
    frames = min(one.shape[1], two.shape[1])
    apart = np.abs(one[:, :frames] - two[:, :frames])
    assert found.effect is not None
    assert {shift.channel for shift in found.effect.shifts} == {NAMES[row] for row in np.flatnonzero(apart.any(axis=1))}
    for shift in found.effect.shifts:
        row = apart[NAMES.index(shift.channel)]
        assert shift.most == row.max()
        assert row[round(shift.at * 60)] == shift.most
        assert row[round(shift.since * 60)] > 0
        assert not row[: round(shift.since * 60)].any()


def test_the_first_keyframe_that_differs_is_named(seeds):
    found = diverge(*seeds)
    region, channel = found.keyframe.partition(" proposed: ")[0::2]
    assert region == "beat 0, brows"
    name = channel.partition(",")[0]
    one, two = (next(r.message.track for r in records if isinstance(r.message, Proposed)) for records in seeds)
    assert name == next(curve.channel for curve, other in zip(one.curves, two.curves, strict=True) if curve.keys != other.keys)


def beats(*targets: tuple[float, float]) -> Timeline:
    """A timeline of beats of so many seconds in which brows go to so much."""
    at, made = 0.0, []
    for seconds, target in targets:
        tracks = tuple(track(region, target if region == "brows" else 0.0) for region in REGIONS)
        made.append(CommittedBeat(start=at, end=round(at + seconds, 4), tracks=tracks))
        at = round(at + seconds, 4)
    return Timeline(beats=tuple(made))


def test_beats_are_told_apart_by_what_became_of_them():
    one = beats((0.5, 0.1), (0.5, 0.2), (0.5, 0.3), (0.5, 0.4))
    two = beats((0.5, 0.1), (0.5, 0.25), (0.7, 0.26), (0.5, 0.3))
    found = effect(one, two, Fraction(60))
    assert (found.unchanged, found.changed, found.moved) == ((0,), (1,), ((2, 3),))
    assert (found.removed, found.added) == ((3,), (2,))
    assert found.seconds == (2.0, 2.2)
    same = effect(one, one, Fraction(60))
    assert same.same
    assert same.unchanged == (0, 1, 2, 3)


def test_a_beat_that_changed_names_the_regions_that_did():
    one = beats((0.5, 0.1), (0.5, 0.2))
    two = beats((0.5, 0.1), (0.5, 0.3))
    assert effect(one, two, Fraction(60)).regions == (("brows",),)


def test_whatever_two_takes_differ_in_is_told_in_less_than_20_lines():
    long = "a place whose name goes on and on: " + "something / something else, " * 8
    codes_ = ("D01", "D02", "D03", "D05", "D11")
    differences = [Difference(code, code, (long,) * 4, 1234, (10, 20)) for code in codes_]
    many = beats(*((0.5, round(0.01 * n, 2)) for n in range(40)))
    other = beats(*((0.5, round(0.005 * n + 0.5, 4)) for n in range(60)))
    found = Divergence(tuple(differences), f"{long}!", effect(many, other, Fraction(60)), (900, 800), (long,) * 7)
    lines = as_text(found)
    assert len(lines) <= MOST_LINES
    assert all(len(line) <= WIDTH for line in lines)
    assert all(f"{code} {code} (record 10 / 20), in 1238 places" in lines for code in codes_)
    assert any(line.startswith("first keyframe that differs: ") for line in lines)
    assert any(line.startswith("motion: ") for line in lines)
    assert any(line.startswith("beats: ") for line in lines)


# ---------------------------------------------------------------------------------------------------------- revisions


@pytest.fixture(scope="module")
def revised(tmp_path_factory) -> Path:
    """A folder with parent.take, and child.take, which revises it: its last beat is held longer."""
    folder = tmp_path_factory.mktemp("revised")
    with at_home(folder):
        assert main(["plan", DIRECTION, "-o", "parent.json"]) == 0
        assert main(["revise", "parent.take", "hold the turn of her head longer", "-o", "child.json"]) == 0
    return folder


@pytest.mark.parametrize(("first", "second"), [("parent", "child"), ("child", "parent")])
def test_a_revision_is_called_one_and_what_it_kept_is_no_difference(revised, first, second):
    journals = {name: open_take(revised / f"{name}.take").records for name in ("parent", "child")}
    found = diverge(journals[first], journals[second])
    which, other = ("second", "first") if second == "child" else ("first", "second")
    assert found.differences[0].code == "D01"
    assert found.differences[0].text == f'the {which} revises the {other}: "hold the turn of her head longer"'
    assert not any("origin" in line or "parent" in line for each in found.differences for line in each.fields)
    assert found.effect is not None
    assert found.effect.unchanged == (0,)
    assert found.effect.changed == (1,)
    assert found.keyframe.startswith("beat 1, ")
    assert len(as_text(found)) <= MOST_LINES


# ------------------------------------------------------------------------------------------------------- the command


@pytest.fixture(autouse=True)
def _at_home(tmp_path) -> Iterator[None]:
    with at_home(tmp_path):
        yield


@pytest.fixture(scope="module")
def takes(seeds, tmp_path_factory) -> Path:
    """A folder with one.mcap and two.mcap, and part.mcap, which is the beginning of one.mcap."""
    folder = tmp_path_factory.mktemp("takes")
    for name, records in zip(("one", "two"), seeds, strict=True):
        journal_file(folder / f"{name}.mcap", records)
    journal_file(folder / "part.mcap", seeds[0][: where(seeds[0], Committed) + 2], close=False)
    return folder


def test_takes_that_say_the_same_end_with_0(capsys, takes):
    assert main(["diff", str(takes / "one.mcap"), str(takes / "one.mcap")]) == 0
    (line,) = capsys.readouterr().out.splitlines()
    assert line.startswith("the same: ")
    assert line.endswith(" messages, 2 beats, the same motion")


def test_takes_that_part_end_with_3_and_their_code_comes_first(capsys, takes):
    assert main(["diff", str(takes / "one.mcap"), str(takes / "two.mcap")]) == 3
    printed = capsys.readouterr()
    lines = printed.out.splitlines()
    assert lines[0] == "D01 asked for otherwise: seed: 1 / 2"
    assert lines[1].startswith("D05 first difference: beat 0, the planner of brows (record 4 / 4)")
    assert any(line.startswith("first keyframe that differs: beat 0, brows proposed: ") for line in lines)
    assert any(line.startswith("motion: ") and "channels differ, from 0.02 s on" in line for line in lines)
    assert lines[-1] == "beats: none unchanged; changed 0-1"
    assert len(lines) <= MOST_LINES
    assert all(len(line) <= WIDTH for line in lines)
    assert printed.err == ""


def test_a_take_that_was_cut_off_is_the_same_as_far_as_it_goes(capsys, takes):
    assert main(["diff", str(takes / "one.mcap"), str(takes / "part.mcap")]) == 3
    printed = capsys.readouterr()
    assert printed.out.startswith("D09 ")
    assert "the same as far as both go" in printed.out
    assert "beats: unchanged 0; only in the first 1" in printed.out
    assert printed.err == "warning: the journal of the second was not closed; the take was cut off or still runs\n"


def test_programs_get_the_same_as_people(capsys, takes):
    assert main(["diff", str(takes / "one.mcap"), str(takes / "two.mcap"), "--json"]) == 3
    data = json.loads(capsys.readouterr().out)
    assert (data["same"], data["code"]) == (False, "D01")
    assert data["differences"][0]["fields"] == ["seed: 1 / 2"]
    assert data["motion"]["same"] is False
    assert main(["diff", str(takes / "one.mcap"), str(takes / "one.mcap"), "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert (data["same"], data["code"], data["motion"]["same"]) == (True, None, True)


def test_a_take_that_is_not_there_cannot_be_compared(capsys, takes):
    assert "nothing.take does not exist" in refused(capsys, "diff", str(takes / "one.mcap"), "nothing.take")


def test_help_lists_every_code(capsys):
    assert main(["diff", "--help"]) == 0
    text = capsys.readouterr().out
    for code, meaning in DIVERGENCES.items():
        assert f"  {code}  {meaning}" in text
