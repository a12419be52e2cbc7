"""The words that somebody steps through a journal with, and what is shown for each."""

from __future__ import annotations

from dataclasses import replace

import pytest

from protocol.channels import REGIONS
from protocol.conversation import WIDTH
from protocol.debugging.prompt import WORDS
from protocol.debugging.saying import in_a_line, in_full
from protocol.journal import Record
from protocol.messages import (
    MESSAGES,
    BeatOpened,
    Discarded,
    Objected,
    RoundOpened,
)
from tests.filmed import meeting, play
from tests.recorded import RUNS, places, recorded
from tests.takes import run
from tests.walking import pages, prompt_of, shown


def test_one_steps_forward_and_back_by_one_or_by_many():
    prompt = prompt_of(pages("undisturbed"))
    for typed, place in [
        ("", 2),
        ("n", 3),
        ("n 10", 13),
        ("b", 12),
        ("back 4", 8),
        ("N", 9),
        ("g 20", 20),
        ("7", 7),
        ("g end", 42),
    ]:
        shown(prompt, typed)
        assert prompt.walk.at == min(place, len(prompt.walk.pages)), typed
    assert shown(prompt, "g start")[0] == ""
    assert prompt.walk.at == 0


def test_every_step_tells_the_record_and_where_everybody_stands_then():
    prompt = prompt_of(pages("undisturbed"))
    lines = shown(prompt, "g 5")
    record = recorded("undisturbed").records[4]
    assert lines[0] == f"[5/{len(prompt.walk.pages)}]  0.000 s  brows -> coordinator: Proposed (incarnation 1, number 2)"
    assert record.sender == "brows"
    assert lines[1] == "  brows   propose: moves"
    assert [line[2:].split()[0] for line in lines[lines.index("") + 1 :] if line[2] != " "] == ["coordinator", *REGIONS]


def test_who_stands_otherwise_than_before_is_marked():
    prompt = prompt_of(pages("undisturbed"))
    shown(prompt, "g 4")
    marked = [line.split()[1] for line in shown(prompt, "n") if line.startswith("> ")]
    assert marked == ["coordinator", "brows"]
    assert [line for line in shown(prompt, "s") if line.startswith("> ")] == []


def test_many_steps_at_once_tell_each_record_and_the_state_at_the_end():
    lines = shown(prompt_of(pages("undisturbed")), "n 6")
    assert [line.split("/")[0] for line in lines if line.startswith("[")] == ["[2", "[3", "[4", "[5", "[6", "[7"]
    assert sum("coordinator  gathering" in line for line in lines) == 1


def test_a_region_alone_is_stepped_through_by_what_it_says_and_hears():
    prompt = prompt_of(pages("undisturbed"), "eyes")
    seen = [prompt.walk.record]
    while shown(prompt, "n")[0].startswith("["):
        seen.append(prompt.walk.record)
    assert all(record is not None and (record.sender == "eyes" or "eyes" in record.receivers) for record in seen)
    expected = [r.seq for r in recorded("undisturbed").records if r.sender == "eyes" or "eyes" in r.receivers]
    assert [record.seq for record in seen if record] == expected
    shown(prompt, "b 2")
    assert prompt.walk.at == expected[-3]


def test_breaks_are_run_to_in_both_directions_and_taken_away():
    records = recorded("undisturbed").records
    rounds = [place + 1 for place in places(records, RoundOpened)]
    prompt = prompt_of(pages("undisturbed"))
    assert shown(prompt, "c") == ["there are no breaks. Set one, such as: break Objected"]
    assert shown(prompt, "break roundopened") == ["break 1: roundopened: every RoundOpened"]
    assert shown(prompt, "c")[:2][0] == "break 1: roundopened"
    assert prompt.walk.at == rounds[0]
    shown(prompt, "c", "c")
    assert prompt.walk.at == rounds[2]
    shown(prompt, "r")
    assert prompt.walk.at == rounds[1]
    shown(prompt, "g end")
    assert shown(prompt, "c") == [f"no break stops behind record {len(records)}"]
    assert prompt.walk.at == len(records)
    assert shown(prompt, "break beat 0", "breaks", "delete 1", "breaks") == [
        "break 2: beat 0: beat 0 opens",
        "break 1: roundopened: every RoundOpened",
        "break 2: beat 0: beat 0 opens",
        "break 1: roundopened: taken away",
        "break 2: beat 0: beat 0 opens",
    ]
    shown(prompt, "r")
    assert prompt.walk.at == places(records, BeatOpened)[0] + 1


def test_the_nearest_of_several_breaks_stops_and_all_that_stop_there_are_named():
    records = recorded("undisturbed").records
    prompt = prompt_of(pages("undisturbed"))
    shown(prompt, "break Committed", "break Objected", "break lids-under-jaw")
    first = places(records, Objected)[0]
    lines = shown(prompt, "c")
    assert prompt.walk.at == first + 1
    stopped = [line for line in lines if line.startswith("break")]
    assert stopped == ["break 2: Objected"]
    assert [line for line in shown(prompt, "c") if line.startswith("break")] == ["break 2: Objected", "break 3: lids-under-jaw"]


@pytest.fixture(scope="module")
def grin() -> tuple[Record, ...]:
    """The records of a take of the real agents."""
    return run("She grins.", idle=False)[0].records


@pytest.mark.parametrize(
    ("kind", "sender"),
    [
        ("Proposed", "mouth"),
        ("RoundOpened", "coordinator"),
        ("TakeOpened", "coordinator"),
        ("Objected", "eyes"),
        ("Decided", "director"),
    ],
)
def test_a_message_can_be_seen_in_full(grin, kind, sender):
    record = next(r for r in grin if type(r.message).__name__ == kind and r.sender == sender)
    short, whole = list(in_full(record)), list(in_full(record, whole=True))
    assert all(len(line) <= WIDTH - 2 for line in whole if not line.lstrip().startswith("|"))
    for name in type(record.message).model_fields:
        assert any(line.lstrip().startswith(f"{name}:") for line in whole), name
    if kind == "TakeOpened":
        assert len(whole) > 20 * len(short)
        assert any(line.endswith("more lines: show constraints.yaml") for line in short)
        text = record.message.configuration["constraints.yaml"]
        assert [line.lstrip()[2:] for line in list(in_full(record, "constraints.yaml"))[1:]] == text.splitlines()
    if kind == "Proposed":
        keys = record.message.track.curve("mouthSmileLeft").keys
        (line,) = [line for line in whole if line.lstrip().startswith("mouthSmileLeft")]
        assert f"{keys[1].time:g}:{keys[1].value:g} {keys[1].mode} [{keys[1].source}]" in line
        assert sum('grin, "grins"' in line for line in whole) == 1
        shown = list(in_full(record, "mouthsmileleft"))
        start = whole.index(line)
        assert [part.strip() for part in shown] == [part.strip() for part in whole[start : start + len(shown)]]
        assert whole[start + len(shown)].lstrip().startswith("mouthSmileRight")
        assert list(in_full(record, "nothing")) == []


def test_every_kind_of_message_has_a_line_of_its_own():
    discarded = Discarded(role="eyes", incarnation=1, number=7, what="fenced", reason="an older incarnation")
    told = {"Discarded": in_a_line(replace(recorded("undisturbed").records[0], message=discarded))}
    extra = play(fate=meeting({(4, 1): "failed", (5, 1): "lost"}))
    for records in (*(recorded(name).records for name in RUNS), extra.records):
        told |= {type(record.message).__name__: in_a_line(record) for record in records}
    assert told.keys() == MESSAGES.keys()
    assert [line for kind, line in told.items() if line == kind] == []
    assert len(set(told.values())) == len(told)


def test_what_is_typed_wrong_is_told_and_changes_nothing():
    prompt = prompt_of(pages("undisturbed"))
    for typed, said_ in [
        ("nxet", "there is no command 'nxet'. Did you mean next?"),
        ("xyzzy", "there is no command 'xyzzy'. ? lists them."),
        ("n x", "n takes how many records, such as n 10"),
        ("b 0", "b takes how many records, such as b 10"),
        ("g", f"g takes the number of a record, 1 to {len(prompt.walk.pages)}, or start or end"),
        ("l many", "l takes how many records, such as l 20"),
        ("delete 9", "delete takes the number of a break; there are none"),
        ("show tracks", "the TakeOpened has nothing called 'tracks'; show names everything in it"),
        ("break mouht", "there is no role, channel, constraint or kind of message called 'mouht'. Did you mean mouth"),
    ]:
        (line,) = shown(prompt, typed)
        assert line.startswith(said_)
        assert prompt.walk.at == 1
    assert "such as eyes" in shown(prompt, "break qqqq")[0]
    assert shown(prompt, "g 99999")[0].endswith("records; this is the last")


def test_help_names_every_command_and_leaving_is_one():
    prompt = prompt_of(pages("undisturbed"))
    text = "\n".join(shown(prompt, "?"))
    assert all(does in text for _, does in WORDS.values())
    assert "break mouth Objected" in text
    assert shown(prompt, "why jawOpen@0.2") == ["a value is explained by: textuportray why a.take jawOpen@0.2"]
    assert not prompt.over
    assert shown(prompt, "q") == []
    assert prompt.over


def test_the_records_around_are_listed_a_line_each():
    prompt = prompt_of(pages("undisturbed"))
    shown(prompt, "g 13")
    lines = [line for line in shown(prompt, "l 6") if not line.startswith("    " * 3)]
    assert [int(line[1:].split()[0]) for line in lines] == [10, 11, 12, 13, 14, 15]
    assert [line for line in lines if line.startswith(">")] == [lines[3]]
    assert lines[3].endswith(in_a_line(recorded("undisturbed").records[12]))
