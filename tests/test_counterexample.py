"""Counterexamples: what machines that are wrong lead to is told as a script, and saved as a journal that the program opens."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from protocol import link
from protocol.checking import __main__ as command
from protocol.checking import chair, rendering
from protocol.checking.configurations import SMALL
from protocol.checking.counterexample import Shown, show, write
from protocol.checking.exploring import Counterexample, Exploration
from protocol.checking.negotiation import Negotiation
from protocol.checking.scenario import Budget
from protocol.coordinator import COORDINATOR_MACHINE
from protocol.coordinator_conditions import votes
from protocol.coordinator_state import CoordinatorState
from protocol.dispatch import DISPATCHER
from protocol.journal import read_journal
from protocol.machine import Machine, Received, Row
from protocol.messages import TakeClosed
from runtime.cli import main

MOST = 200_000

THREE_VOTES = """\
A counterexample to S1 in "nobody answers": a region and its fallback are silent.
Marked with ! is what is out of the ordinary; in brackets is the place in the journal.

   1   the coordinator starts
         -> TakeOpened [1] to all; Decided of the director [2]; BeatOpened 0 [3] to all
   2   brows gets TakeOpened, gets BeatOpened and proposes calm
   3   the coordinator hears Decided from brows [4], hears Proposed from brows [5]
   4   eyes gets TakeOpened, gets BeatOpened and proposes calm
   5   the coordinator hears Decided from eyes [6], hears Proposed from eyes [7]
   6   mouth gets TakeOpened, gets BeatOpened and proposes calm
   7   the coordinator hears Decided from mouth [8], hears Proposed from mouth [9]
   8   head gets TakeOpened, gets BeatOpened and proposes calm
   9   the coordinator hears Decided from head [10], hears Proposed from head [11]
         -> RoundOpened 1 [12] to all
  10   brows gets RoundOpened and accepts
  11   the coordinator hears Accepted from brows [13]
  12   eyes gets RoundOpened and accepts
  13   the coordinator hears Accepted from eyes [14]
  14   mouth gets RoundOpened and accepts
  15   the coordinator hears Accepted from mouth [15]
         -> Committed 0 [16] to all

S1 does not hold: beat 0 is committed, and head did not accept it.
"""


def changed(machine: Machine[Any], phase: str, event: str, when: str, **row: Any) -> Machine[Any]:
    """A machine with another row before the one that is named."""
    (found,) = (each for each in machine.rows if (each.phase, each.event, each.when) == (phase, event, when))
    first: Row[Any] = replace(found, **row)
    return replace(machine, rows=(first, *machine.rows))


def three_are_enough(state: CoordinatorState, event: object) -> bool:
    """A condition by which a vote of three commits; one that answers nothing that is asked is refused as ever."""
    assert isinstance(event, Received)
    votes("for")(state, event)
    return sum(member.answered for member in state.members) >= 2 and not any(member.violations for member in state.members)


@pytest.fixture
def hasty(monkeypatch) -> None:
    """A coordinator that commits with three votes."""
    machine = changed(COORDINATOR_MACHINE, "voting", "Accepted", "all four accept", test=three_are_enough)
    monkeypatch.setattr(chair, "COORDINATOR_MACHINE", machine)


def shown(name: str) -> Shown:
    """What is wrong with a configuration."""
    configuration = SMALL[name]
    found, system = configuration.explore(MOST, edges=False)
    assert found.broken is not None
    return show(name, configuration.about, system, found.broken)


def saved(folder: Path, one: Shown) -> Path:
    """Its journal."""
    path = folder / "found.mcap"
    with path.open("wb") as stream:
        write(one.records, stream, lambda: None)
    return path


def test_a_commit_with_three_votes_is_told_step_by_step(hasty):
    assert shown("nobody answers").script == THREE_VOTES


@pytest.mark.tampers
def test_its_journal_is_opened_by_replay_and_found_wrong_by_verify(hasty, tmp_path, capsys):
    one = shown("nobody answers")
    path = saved(tmp_path, one)

    with path.open("rb") as stream:
        assert read_journal(stream).records == one.records
    assert main(["replay", str(path), "--numbers"]) == 0
    printed = capsys.readouterr()
    assert "   16    committed: " in printed.out
    assert "the journal was not closed" in printed.err
    assert main(["replay", str(path), "--check"]) == 3  # the machines as they are do not commit there
    assert "record 16" in capsys.readouterr().out
    assert main(["verify", str(path)]) == 3
    assert "beat 0 is committed although not all four regions accepted its vector" in capsys.readouterr().out


def test_what_is_out_of_the_ordinary_is_marked(monkeypatch):
    deaf = changed(COORDINATOR_MACHINE, "gathering", "Rejoined", "", emits=(), act=lambda state, event: (state, ()))
    monkeypatch.setattr(chair, "COORDINATOR_MACHINE", deaf)
    system = Negotiation(budget=Budget(crashes=1), active=("eyes",))
    found = Exploration(system, MOST).run()
    assert found.broken is not None

    lines = show("deaths", "a process dies", system, found.broken).script.splitlines()

    assert [line[7:] for line in lines if line[5:6] == "!"] == ["eyes dies, and another process takes its place"]
    assert lines[-1] == "L1 does not hold: nothing can happen any more, and the take is still gathering."


def test_what_a_power_cut_takes_is_no_longer_in_the_journal(tmp_path, capsys):
    system = Negotiation(beats=2, budget=Budget(blackouts=1))
    exploration = Exploration(system, MOST)
    exploration.run()
    ways = [show("", "", system, Counterexample("", "", way)) for way in exploration.ways_to_ends()]
    lost = [one for one in ways if "record 18 is lost" in one.script]

    (one,) = lost
    assert "-> BeatOpened 1 [18]; TakeResumed [19]" in one.script  # what was due is said, and then that the take goes on
    path = saved(tmp_path, one)
    assert main(["replay", str(path), "--check"]) == 0
    assert main(["replay", str(path)]) == 0
    assert "take resumed by new processes" in capsys.readouterr().out


def test_a_way_to_a_good_end_is_a_take_that_verify_finds_nothing_wrong_with(tmp_path, capsys):
    """With all that verify looks at, the motion at several frame rates too; a ruling was needed on the way."""
    system = Negotiation(rounds=1, rules="looks", budget=Budget(bold=1), active=("mouth",))
    exploration = Exploration(system, MOST)
    exploration.run()
    ways = [show("", "", system, Counterexample("", "", way)) for way in exploration.ways_to_ends()]
    ruled = next(one for one in ways if "Committed 0 as ruled" in one.script)
    assert isinstance(ruled.records[-1].message, TakeClosed)

    assert main(["verify", str(saved(tmp_path, ruled))]) == 0

    assert "ok: " in capsys.readouterr().out


def test_a_film_that_never_ends_is_told_with_the_negotiation_before_it(monkeypatch, tmp_path, capsys):
    deaf = changed(DISPATCHER, "ending", "FramesLost", "", to="ending", emits=(), act=lambda state, event: (state, ()))
    monkeypatch.setattr(rendering, "DISPATCHER", deaf)

    one = shown("frames")

    lines = one.script.splitlines()
    assert lines[-3].endswith("! the frames of chunk 0 are lost")
    assert lines[-1] == "L1 does not hold: nothing can happen any more, and the film is still ending."
    assert "Records 1 to 35 are of the negotiation before" in one.script
    assert main(["replay", str(saved(tmp_path, one)), "--check"]) == 0  # it holds nothing wrong, only too little
    assert "not closed" in capsys.readouterr().err


def test_what_breaks_a_link_is_told_to_the_last_envelope(monkeypatch):
    receive = link.receive

    def stutters(state: link.LinkState, envelope: link.Envelope) -> Any:
        after, bodies, answer = receive(state, envelope)
        return after, bodies * 2 if len(bodies) > 1 else bodies, answer

    monkeypatch.setattr(link, "receive", stutters)

    one = shown("link")

    assert one.records == ()
    assert one.script.splitlines()[3:] == [
        "   1   number 1 of coordinator in epoch 1 (ack 0) is sent",
        "   2   number 2 of coordinator in epoch 1 (ack 0) is sent",
        "   3   number 2 of coordinator in epoch 1 (ack 0) arrives",
        "   4   number 1 of coordinator in epoch 1 (ack 0) arrives",
        "",
        "S5 does not hold: brows is handed coordinator 1.1 where coordinator 1.3 is due.",
    ]


def test_the_command_says_what_it_covered(capsys):
    assert command.main(["frames", "a deadly chunk"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"frames: {SMALL['frames'].about}"
    assert lines[1].startswith("  1,844 states, 3,749 transitions, depth 21, 33 ends, ")
    assert "rendered again after a loss (" in lines[2]
    assert lines[-1].startswith("2 configurations, 1,920 states, ")
    assert lines[-1].endswith(": every property holds")


@pytest.mark.tampers
def test_the_command_saves_what_it_finds(hasty, tmp_path, capsys):
    folder = tmp_path / "found"
    assert command.main(["nobody answers", "frames", "--journal", str(folder)]) == 1
    printed = capsys.readouterr().out
    assert "WRONG: S1 does not hold: beat 0 is committed, and head did not accept it" in printed
    assert printed.splitlines()[-1].endswith("NOT as it has to be: nobody answers")
    assert sorted(path.name for path in folder.iterdir()) == ["nobody_answers.mcap", "nobody_answers.txt"]
    assert (folder / "nobody_answers.txt").read_text(encoding="utf-8") == THREE_VOTES


@pytest.mark.parametrize(
    ("words", "said"),
    {
        "unknown": (["nope"], "there is no configuration 'nope'. There are: objections, "),
        "large": (["haste and death"], "it is a large one, for --deep"),
        "no folder": (["frames", "--journal", __file__], "cannot be made: File exists"),
    }.values(),
)
def test_the_command_refuses_what_it_cannot_do(words, said, capsys):
    with pytest.raises(SystemExit, match="2"):
        command.main(words)
    assert said in capsys.readouterr().err
