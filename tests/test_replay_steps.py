"""`replay` of a part of a take, by breaks or step by step: what is printed, read and asked for."""

from __future__ import annotations

import io
import json
import subprocess
import sys

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import pytest

from protocol.journal import Record, Stored, read_record
from protocol.messages import BeatOpened, Committed, Objected
from runtime.cli import main
from runtime.options import TakeOptions
from tests.program import DIRECTION, at_home, journal_file, planned, refused
from tests.recorded import places, said, without
from tests.staging import FakeRenderer, film_take, studio
from tests.takes import run

ROOT = Path(__file__).parents[1]


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
    """The records of a take that was rendered."""
    folder = tmp_path_factory.mktemp("filmed")
    options = TakeOptions(direction=DIRECTION, idle=False, fps=Fraction(25), seconds=3)
    return film_take(studio(FakeRenderer(), folder), loaded, folder / "out.gif", options)[0].records


@pytest.fixture(autouse=True)
def _at_home(tmp_path) -> Iterator[None]:
    with at_home(tmp_path):
        yield


def typed(monkeypatch: pytest.MonkeyPatch, *lines: str) -> None:
    """What comes in on a pipe."""
    monkeypatch.setattr("sys.stdin", io.StringIO("".join(f"{line}\n" for line in lines)))


def test_only_what_hits_a_break_is_printed(capsys, take, records):
    path = str(take / "motion.take")
    assert main(["replay", path, "--break", "big-smile-lifts-cheek", "--break", "beat 1"]) == 0
    lines = capsys.readouterr().out.splitlines()
    second = places(records, BeatOpened)[1] + 1
    assert int(lines[1][:6]) == second
    assert lines[1].endswith("coordinator opens beat 1, 2.04-3.70 s: turns her head far to the right")
    assert all("big-smile-lifts-cheek" in line for line in (lines[0], lines[2]))
    assert len(lines) == 3, "the eyes object in both beats"
    assert main(["replay", path, "--break", "Objected", "--until", "5"]) == 0
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err == "none of the 5 records hits Objected\n"


def test_what_hits_can_be_had_as_json_and_of_one_region(capsys, take, records):
    path = str(take / "motion.take")
    assert main(["replay", path, "--json", "--break", "Objected", "--region", "eyes"]) == 0
    hits = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(found["sender"], found["message"]["kind"]) for found in hits] == [("eyes", "Objected")] * 2
    assert main(["replay", path, "--json", "--region", "head"]) == 0
    seen = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    expected = [record.seq for record in records if record.sender == "head" or "head" in record.receivers]
    assert [one["seq"] for one in seen] == expected


def test_a_break_that_means_nothing_is_bad_usage(capsys, take):
    text = refused(capsys, "replay", str(take / "motion.take"), "--break", "jawOpne")
    assert text.startswith(
        "--break: there is no role, channel, constraint or kind of message called 'jawOpne'. Did you mean jawO"
    )
    assert "gaze-rests-or-jumps" in refused(capsys, "replay", str(take / "motion.take"), "--step", "--break", "gaze-rest")


@pytest.mark.parametrize(
    ("words", "said_"),
    [
        (["--step", "--json"], "--step is for people and --json for programs"),
        (["--check", "--step"], "--check looks at every record and prints none, so --step has no place beside it"),
        (["--check", "--break", "eyes"], "so --break has no place beside it"),
        (["--check", "--region", "eyes"], "so --region has no place beside it"),
        (["--check", "--numbers"], "so --numbers has no place beside it"),
    ],
)
def test_options_that_contradict_each_other_are_refused(capsys, take, words, said_):
    assert said_ in refused(capsys, "replay", str(take / "motion.take"), *words)


def test_a_take_is_stepped_through_from_a_pipe(capsys, monkeypatch, take, records):
    typed(monkeypatch, "n 2", "", "c", "b", "show", "q", "n")
    assert main(["replay", str(take / "motion.take"), "--step", "--break", "Objected"]) == 0
    printed = capsys.readouterr()
    assert printed.err == ""
    lines = printed.out.splitlines()
    assert lines[0] == "break 1: Objected: every Objected"
    places_ = [int(line[1:].partition("/")[0]) for line in lines if line.startswith("[")]
    objected = places(records, Objected)[0] + 1
    assert places_ == [1, 2, 3, 4, objected, objected - 1, objected - 1]
    assert f"({objected}) b" in lines, "what came from the pipe can be read along"
    assert lines[-1] == f"({objected - 1}) q"


def test_the_pipe_may_end_without_leaving(capsys, monkeypatch, take):
    typed(monkeypatch, "g end")
    assert main(["replay", str(take / "motion.take"), "--step", "--region", "eyes"]) == 0
    assert "take done after 2 beats" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "least", "most"), [(["--step"], 1, 3), (["--until", "9"], 9, 11), (["--break", "Merged"], 1, 9)]
)
def test_no_more_is_read_of_a_take_than_is_shown(capsys, monkeypatch, tmp_path, filmed, words, least, most):
    """A take of thousands of messages is there at once: opening one does not read it."""
    path = str(journal_file(tmp_path / "filmed.mcap", filmed))
    read: list[int] = []

    def counting(stored: Stored) -> Record:
        read.append(stored.seq)
        return read_record(stored)

    monkeypatch.setattr("protocol.debugging.pages.read_record", counting)
    typed(monkeypatch)
    assert main(["replay", path, *words]) == 0
    assert least <= len(set(read)) <= most
    assert len(filmed) > 60


def test_a_torn_journal_is_stepped_through_up_to_the_tear(capsys, monkeypatch, tmp_path, records):
    whole = journal_file(tmp_path / "whole.mcap", records, close=False).read_bytes()
    (tmp_path / "torn.mcap").write_bytes(whole[:-20])
    typed(monkeypatch, "g end", "n")
    assert main(["replay", str(tmp_path / "torn.mcap"), "--step"]) == 0
    printed = capsys.readouterr()
    assert printed.err.startswith("warning: the journal is torn at byte ")
    assert printed.out.splitlines()[-1].startswith("this is the last record; behind it the journal is torn, at byte ")


@pytest.mark.tampers
def test_a_journal_with_something_wrong_in_it_is_stepped_through(capsys, monkeypatch, tmp_path, records):
    bad = journal_file(tmp_path / "bad.mcap", without(records, places(records, Committed)[0]))
    typed(monkeypatch, "g end", "b 3")
    assert main(["replay", str(bad), "--step"]) == 0
    assert "coordinator             cannot be followed since record " in capsys.readouterr().out


def test_stepping_needs_nothing_that_a_take_was_made_with(take):
    program = (
        f"import sys; from runtime.cli import main; main(['replay', {str(take / 'motion.take')!r}, '--step']); "
        "print(*sys.modules, sep='\\n', file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, input="g end\nq\n", cwd=ROOT
    )
    assert set(done.stderr.split()).isdisjoint({"ray", "torch", "cv2", "scipy", "agents", "renderer.puppet", "socket.create"})
    assert "coordinator  closed" in done.stdout


@pytest.mark.tampers
@pytest.mark.parametrize("words", [[], ["--step"], ["--break", "TakeOpened"]])
def test_what_a_journal_holds_gives_a_terminal_no_orders(capsys, monkeypatch, tmp_path, records, words):
    bad = journal_file(tmp_path / "bad.mcap", said(records, 0, direction="smile\x1b[2J\x9b31m"))
    typed(monkeypatch, "show")
    assert main(["replay", str(bad), *words]) == 0
    text = capsys.readouterr().out
    assert "smile\N{REPLACEMENT CHARACTER}[2J\N{REPLACEMENT CHARACTER}31m" in text
    assert not {"\x1b", "\x9b"} & set(text)


@pytest.mark.tampers
def test_an_answer_of_a_planner_is_shown_however_deep_it_is(capsys, monkeypatch, tmp_path, records):
    bad = journal_file(tmp_path / "bad.mcap", said(records, 1, reply='{"a":' * 700 + "1" + "}" * 700))
    typed(monkeypatch, "2", "show")
    assert main(["replay", str(bad), "--step"]) == 0
    assert any(line.endswith("a: ...") for line in capsys.readouterr().out.splitlines())
