"""`replay` and `verify`: what they show of a take, and what becomes of files that are no journal, or a bad one."""

from __future__ import annotations

import json

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest

from protocol.journal import Record, read_journal
from protocol.keyframes import exact
from protocol.messages import (
    ChunkWritten,
    Committed,
    FilmOpened,
    Merged,
    Proposed,
    RoundOpened,
    TakeClosed,
    TakeResumed,
    digest,
)
from protocol.replay import fold
from runtime.cli import main
from runtime.options import TakeOptions
from runtime.outputs import TakeFiles
from runtime.take import Past
from tests.program import DIRECTION, at_home, journal_file, planned, refused
from tests.recorded import inserted, places, said, without
from tests.staging import FakeRenderer, film_take, studio
from tests.takes import run


@pytest.fixture(scope="module")
def take(tmp_path_factory) -> Path:
    """A folder with a planned take: motion.json and motion.take."""
    return planned(tmp_path_factory.mktemp("take"))


@pytest.fixture(scope="module")
def records() -> tuple[Record, ...]:
    """The records of a take of the real agents."""
    return run(DIRECTION, idle=False)[0].records


@pytest.fixture(scope="module")
def filmed(loaded, tmp_path_factory) -> tuple[Record, ...]:
    """The records of a take that was rendered; its head turns further than the portrait can show."""
    folder = tmp_path_factory.mktemp("filmed")
    options = TakeOptions(
        direction="She turns her head far to the right, then smiles.", idle=False, fps=Fraction(25), seconds=3
    )
    return film_take(studio(FakeRenderer(), folder), loaded, folder / "out.gif", options)[0].records


@pytest.fixture(autouse=True)
def _at_home(tmp_path) -> Iterator[None]:
    with at_home(tmp_path):
        yield


@pytest.mark.parametrize("name", ["motion.json", "motion.take", "motion.take/journal.mcap"])
def test_a_take_is_found_by_its_output_its_folder_or_its_journal(capsys, take, name):
    assert main(["replay", str(take / name)]) == 0
    text = capsys.readouterr().out
    assert DIRECTION in text
    assert text.endswith("take done after 2 beats, 49 messages\n")
    assert main(["replay", str(take / name), "--check"]) == 0
    assert capsys.readouterr().out == "checked: this version, run again over 49 messages, says the same\n"
    assert main(["verify", str(take / name)]) == 0
    assert ": ok: " in capsys.readouterr().out


def test_replay_can_stop_early_and_follow_one_region(capsys, take):
    assert main(["replay", str(take), "--until", "6"]) == 2, "the folder around it is no take"
    assert "is a folder without a journal" in capsys.readouterr().err
    assert main(["replay", str(take / "motion.take"), "--until", "6", "--numbers"]) == 0
    numbers = [int(line[:5]) for line in capsys.readouterr().out.splitlines() if line[:5].strip().isdigit()]
    assert max(numbers) <= 6
    assert main(["replay", str(take / "motion.take"), "--region", "head"]) == 0
    assert "mouth   proposes" not in capsys.readouterr().out


def test_replay_as_json_is_one_record_per_line(capsys, take):
    assert main(["replay", str(take / "motion.take"), "--json"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["seq"] for line in lines] == list(range(1, len(lines) + 1))
    assert lines[0]["message"]["kind"] == "TakeOpened"
    assert lines[-1]["message"]["kind"] == "TakeClosed"


@pytest.mark.tampers
def test_verify_as_json_names_each_take(capsys, take, tmp_path, records):
    bad = journal_file(tmp_path / "bad.mcap", without(records, places(records, Committed)[0]))
    assert main(["verify", str(take / "motion.take"), str(bad), "--json"]) == 3
    report = json.loads(capsys.readouterr().out)
    assert report[str(take / "motion.take")] == []
    assert {"code", "seq", "text"} == set(report[str(bad)][0])
    assert {finding["code"] for finding in report[str(bad)]} >= {"H04", "R01"}


@pytest.mark.tampers
def test_a_journal_that_breaks_the_protocol_is_shown_and_told_apart_by_checking(capsys, tmp_path, records):
    place = places(records, Committed)[0]
    bad = journal_file(tmp_path / "bad.mcap", said(records, place, ruled=True))
    assert main(["replay", str(bad)]) == 0
    assert DIRECTION in capsys.readouterr().out
    assert main(["replay", str(bad), "--check"]) == 3
    assert capsys.readouterr().out.splitlines() == [
        "R01: this version's machines do not say what the journal holds",
        f"  place  record {place + 1} of {len(records)}, {records[place].time:.3f} s: Committed from coordinator",
        "  role   coordinator, gathering",
        "  rule   reviewing + Reviewed, it does not, beats are left -> gathering",
        "  what   Committed differs (this version / journal)",
        "         Committed.ruled: False / True",
        f"see how it came to that: textuportray replay {bad} --step, and there: g {place + 1}",
    ]
    assert main(["replay", str(bad), "--check", "--until", str(place)]) == 0
    assert main(["verify", str(bad)]) == 3
    assert "H02" in capsys.readouterr().out


@pytest.mark.tampers
def test_only_the_first_difference_is_told_in_full_and_in_less_than_20_lines(capsys, tmp_path, records):
    """A revision has come to other keyframes than those that were then put on the table."""
    place = next(place for place in places(records, Proposed) if records[place].message.round)
    proposal = records[place].message
    curves = tuple(
        curve.model_copy(update={"keys": tuple(key.model_copy(update={"time": exact(key.time / 2)}) for key in curve.keys)})
        for curve in proposal.track.curves
    )
    track = proposal.track.model_copy(update={"curves": curves})
    bad = journal_file(tmp_path / "bad.mcap", said(records, place, track=track, digest=digest(track)))
    table = next(n for n in places(records, RoundOpened) if n > place)
    assert main(["replay", str(bad), "--check"]) == 3
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) < 20
    assert lines[1].startswith(f"  place  record {table + 1} of ")
    assert lines[3] == "  rule   voting + Accepted, somebody objects, rounds are left -> voting"
    assert lines[4:6] == [
        "  what   RoundOpened differs (this version / journal)",
        f"         RoundOpened.vector.versions[eyes].digest: '{digest(track)}' / '{proposal.digest}'",
    ]
    assert lines[6].startswith("         RoundOpened.tracks[eyes].curves[eyeSquintLeft].keys[1].time: ")
    assert lines[-2].strip().startswith("and "), "the rest of the fields is counted"


@pytest.mark.tampers
def test_what_checking_finds_can_be_had_as_json(capsys, tmp_path, records):
    place = places(records, Committed)[0]
    good = journal_file(tmp_path / "good.mcap", records)
    bad = journal_file(tmp_path / "bad.mcap", said(records, place, ruled=True))
    assert main(["replay", str(good), "--check", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"messages": len(records), "differs": []}
    assert main(["replay", str(bad), "--check", "--json"]) == 3
    (found,) = json.loads(capsys.readouterr().out)["differs"]
    assert (found["code"], found["seq"], found["role"]) == ("R01", place + 1, "coordinator")


@pytest.mark.tampers
def test_a_closed_journal_that_ends_too_early_differs_at_its_end(capsys, tmp_path, records):
    bad = journal_file(tmp_path / "bad.mcap", records[:-1])
    assert main(["replay", str(bad), "--check"]) == 3
    assert f"  place  the end of the journal, behind record {len(records) - 1}" in capsys.readouterr().out.splitlines()


def test_a_journal_that_does_not_begin_is_verified_as_far_as_it_goes(capsys, tmp_path, records):
    bad = journal_file(tmp_path / "bad.mcap", without(records, 0))
    assert main(["verify", str(bad)]) == 3
    assert "H04 record 1: Decided comes before TakeOpened" in capsys.readouterr().out
    assert "does not begin with TakeOpened" in refused(capsys, "replay", str(bad), "--check", code=1)
    assert main(["replay", str(bad)]) == 0
    printed = capsys.readouterr()
    assert "big-smile-lifts-cheek" in printed.out
    assert printed.err.startswith("warning: the take is shown without the reasons of its constraints. ")


@pytest.mark.tampers
def test_a_message_after_the_end_is_a_violation(capsys, tmp_path, records):
    bad = journal_file(tmp_path / "bad.mcap", inserted(records, len(records), records[places(records, TakeClosed)[0]]))
    assert main(["verify", str(bad)]) == 3
    assert "H06" in capsys.readouterr().out


def test_a_take_without_negotiation_is_not_held_to_the_constraints(capsys):
    assert main(["plan", DIRECTION, "--no-idle", "--no-negotiation", "-o", "motion.json"]) == 0
    assert "8 proposals, 0 objections, 0 rulings" in capsys.readouterr().out
    assert main(["verify", "motion.take"]) == 0
    assert "constraints not checked" in capsys.readouterr().out


@pytest.mark.tampers
def test_a_motion_that_breaks_constraints_is_found_by_verify(capsys, tmp_path):
    """First proposals, recorded as if they had been agreed on: the flag is taken out of the journal."""
    result, _ = run(DIRECTION, idle=False, negotiate=False)
    bad = journal_file(tmp_path / "bad.mcap", said(result.records, 0, flags=()))
    assert main(["verify", str(bad), "--fps", "30"]) == 3
    text = capsys.readouterr().out
    assert "C01 take: big-smile-lifts-cheek at 30 frames per second" in text
    assert "H03" in text


@pytest.mark.parametrize("command", ["replay", "verify"])
@pytest.mark.parametrize(
    ("name", "content", "code", "said"),
    [
        ("none.take", None, 2, "none.take does not exist"),
        ("empty.mcap", b"", 1, "the journal ends before its first complete record"),
        ("text.mcap", b"once upon a time", 1, "this is not a journal: it does not begin like an MCAP file"),
        ("movie.mp4", b"once upon a time", 2, "movie.mp4 has no take beside it"),
    ],
)
def test_what_is_no_take_is_refused(capsys, tmp_path, command, name, content, code, said):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    assert said in refused(capsys, command, name, code=code)


@pytest.mark.parametrize("command", ["replay", "verify"])
def test_a_folder_without_a_journal_is_no_take(capsys, tmp_path, command):
    (tmp_path / "empty.take").mkdir()
    assert refused(capsys, command, "empty.take").startswith("empty.take is a folder without a journal. Name ")


@pytest.mark.parametrize("command", ["replay", "verify"])
def test_a_journal_of_another_version_names_both(capsys, tmp_path, monkeypatch, records, command):
    monkeypatch.setattr("protocol.journal.PROFILE", "textuportray.journal/2")
    journal_file(tmp_path / "later.mcap", records)
    monkeypatch.undo()
    monkeypatch.chdir(tmp_path)
    text = refused(capsys, command, "later.mcap", code=1)
    assert "later.mcap: this is a journal of version '2'" in text
    assert "this software reads version '1'" in text


def test_a_take_whose_rules_this_version_does_not_know_is_told_apart_from_bad_usage(capsys, tmp_path, records):
    configuration = {**records[0].message.configuration, "constraints.yaml": "rules: none\n"}
    bad = journal_file(tmp_path / "other.mcap", said(records, 0, configuration=configuration))
    text = refused(capsys, "replay", str(bad), "--check", code=1)
    assert text.startswith("constraints.yaml in the journal:1: ")
    assert "replay it with that one" in text
    assert main(["replay", str(bad)]) == 0
    printed = capsys.readouterr()
    assert "  because" not in printed.out
    assert "replay it with that one" in printed.err


@pytest.mark.parametrize("command", ["replay", "verify"])
def test_a_torn_journal_is_read_up_to_the_tear(capsys, tmp_path, records, command):
    whole = journal_file(tmp_path / "whole.mcap", records, close=False).read_bytes()
    torn = tmp_path / "torn.mcap"
    torn.write_bytes(whole[:-20])
    assert main([command, str(torn)]) == 0
    printed = capsys.readouterr()
    at = int(printed.err.partition("torn at byte ")[2].partition(";")[0])
    assert printed.err.startswith("warning: ")
    assert printed.err.count("\n") == 1
    with torn.open("rb") as stream:
        journal = read_journal(stream)
    assert journal.torn_at == at
    assert journal.records == records[:-1]
    if command == "verify":
        assert f"ok: {len(records) - 1} messages" in printed.out
    else:
        assert DIRECTION in printed.out


@pytest.mark.parametrize("command", ["replay", "verify"])
def test_a_journal_that_was_not_closed_is_read_as_far_as_it_goes(capsys, tmp_path, records, command):
    open_ = journal_file(tmp_path / "open.mcap", records[:20], close=False)
    assert main([command, str(open_)]) == 0
    assert "the journal was not closed; the take was cut off or still runs" in capsys.readouterr().err


def test_a_closed_journal_without_an_end_is_a_violation(capsys, tmp_path, records):
    assert main(["verify", str(journal_file(tmp_path / "cut.mcap", records[:20]))]) == 3
    assert "H06 take: the journal ends before TakeClosed" in capsys.readouterr().out


@pytest.mark.parametrize(("name", "text"), [("motion.json", "no motion"), ("motion.take/motion.json", "not the motion")])
def test_a_motion_that_is_not_what_was_committed_is_found_by_verify(capsys, tmp_path, name, text):
    folder = planned(tmp_path)
    motion = folder / name
    if text == "no motion":
        motion.write_text("junk")
    else:
        document = json.loads(motion.read_text())
        document["frames"][5][0] += 0.25
        motion.write_text(json.dumps(document))
    assert main(["verify", str(folder / "motion.json")]) == 3
    said_of_it = capsys.readouterr().out
    assert "C02" in said_of_it
    assert text in said_of_it


# ------------------------------------------------------------------------------------------------- takes with frames


def test_a_take_that_was_rendered_is_told_and_verified(capsys, tmp_path, filmed):
    path = str(journal_file(tmp_path / "filmed.mcap", filmed))
    assert main(["replay", path]) == 0
    text = capsys.readouterr().out
    assert "to be rendered by fake, 40 x 48 pixels" in text
    assert "frames: 75 in " in text
    assert text.endswith(f"take done after 2 beats, {len(filmed)} messages\n")
    assert main(["replay", path, "--check"]) == 0
    assert main(["verify", path]) == 0
    assert f"ok: {len(filmed)} messages" in capsys.readouterr().out


def test_what_follows_a_region_or_ends_early_is_told_without_frames(capsys, tmp_path, filmed):
    path = str(journal_file(tmp_path / "filmed.mcap", filmed))
    assert main(["replay", path, "--region", "head"]) == 0
    assert "frames: 75" not in capsys.readouterr().out
    assert main(["replay", path, "--until", str(places(filmed, ChunkWritten)[0] + 1)]) == 0
    assert "take done" not in capsys.readouterr().out


def test_frames_of_another_motion_than_the_committed_one_are_found_by_verify(capsys, tmp_path, filmed):
    """Everybody agrees on the rows that were rendered; only they are not what this portrait could have been shown with."""
    other = said(filmed, places(filmed, FilmOpened)[0], ranges={"headYaw": (-10.0, 10.0)})
    bad = journal_file(tmp_path / "bad.mcap", other)
    assert main(["verify", str(bad)]) == 3
    found = capsys.readouterr().out.splitlines()
    place = places(filmed, Merged)[0] + 1
    assert found[0].startswith(f"{bad}: C03 record {place}: frames ")
    assert found[0].endswith("are not those of the motion that is committed in beat 0")
    assert {line.split()[1] for line in found} == {"C03"}
    assert main(["replay", str(bad), "--check"]) == 0, "the machines do not know the motion"


@pytest.mark.tampers
def test_a_beat_that_is_cut_too_short_is_found_by_verify(capsys, tmp_path, filmed):
    place = places(filmed, Merged)[0]
    merged = filmed[place].message
    assert isinstance(merged, Merged)
    bad = journal_file(tmp_path / "bad.mcap", said(filmed, place, chunks=merged.chunks[:-1]))
    assert main(["verify", str(bad)]) == 3
    last = merged.chunks[-1]
    said_of_it = f"C03 record {place + 1}: beat 0 has frames up to {last.last} and is cut into chunks up to {last.first}"
    assert said_of_it in capsys.readouterr().out


def test_a_rendered_take_that_was_cut_off_is_verified_as_far_as_it_goes(capsys, tmp_path, filmed):
    for length in range(1, len(filmed), 9):
        assert main(["verify", str(journal_file(tmp_path / "cut.mcap", filmed[:length], close=False)), "--fps", "25"]) == 0
        assert "was not closed" in capsys.readouterr().err


def test_a_resumed_take_is_told_and_verified(capsys, tmp_path, loaded, filmed):
    folder = tmp_path / "resumed"
    folder.mkdir()
    options = TakeOptions(
        direction="She turns her head far to the right, then smiles.", idle=False, fps=Fraction(25), seconds=3
    )
    cut = filmed[: places(filmed, ChunkWritten)[0] + 1]
    past = Past(cut, fold(cut, loaded.tables.constraints))
    TakeFiles.beside(folder / "out.gif").folder.mkdir()
    result, _ = film_take(studio(FakeRenderer(), folder), loaded, folder / "out.gif", options, past=past)
    assert any(isinstance(record.message, TakeResumed) for record in result.records)
    assert main(["replay", str(folder / "out.gif")]) == 0
    assert "take resumed by new processes; what was agreed on stands, frames are rendered again" in capsys.readouterr().out
    assert main(["verify", str(folder / "out.gif")]) == 0
