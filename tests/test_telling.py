"""What commands say of a take: nothing that stands in a journal is an order to the terminal that it is shown on."""

from __future__ import annotations

from dataclasses import replace

import pytest

from agents.critic import IntentFound, Review
from protocol.brief import Act, Beat, Brief, Limit, Still
from protocol.channels import REGIONS
from protocol.journal import Record
from protocol.messages import Parent, TakeClosed
from protocol.timeline import CommittedBeat, Timeline
from runtime.cli import main
from runtime.commands import doctor, revise, telling
from runtime.take import TakeResult
from runtime.take_error import TakeError
from tests.takes import proposed, take_opened, track

ORDER = "\x1b]0;owned\x07\x9b2J\x7f\r"
"""What names a terminal's window, empties it, and goes back to where its line began."""
BEAT = Beat(
    start=0.0,
    end=2.0,
    summary=f"summary{ORDER}",
    acts=(Act(name="smile", start=0.0, end=1.0, words=f"act{ORDER}"),),
    limits=(Limit(channels=("jawOpen",), most=0.0, start=0.0, end=1.0, words=f"limit{ORDER}"),),
    stills=(Still(start=0.0, end=1.0, words=f"still{ORDER}"),),
)
BRIEF = Brief(beats=(BEAT,), unread=(f"unread{ORDER}",), remarks=(f"remark{ORDER}",), changes=(f"change{ORDER}",))


def _taken() -> TakeResult:
    why = f"smile (the language model was not followed: {ORDER}no answer; embedded planner)"
    record = Record(1, 0.0, "mouth", (), 0, 0, proposed("mouth").model_copy(update={"why": why}))
    return TakeResult(BRIEF, None, TakeClosed(outcome="done", reason="", beats=1, timeline=None), (record,))


def _orders(lines: list[str]) -> list[str]:
    return [line for line in lines if any(letter in line for letter in ORDER if not letter.isprintable())]


def test_what_was_understood_gives_no_orders():
    told = telling.explained(_taken())

    assert [word for word in ("summary", "act", "limit", "still") if f"{word}\ufffd]0;owned" in "\n".join(told)] == [
        "summary",
        "act",
        "limit",
        "still",
    ]
    assert _orders(told) == []


def test_what_was_not_understood_gives_no_orders():
    told = telling.misunderstood(_taken())

    assert [line.partition("\ufffd")[0] for line in told] == [
        'not understood: "unread',
        "remark",
        "1 of 1 proposals are the embedded planner's: the language model was not followed: ",
    ]
    assert _orders(told) == []


def test_what_a_note_has_changed_gives_no_orders():
    tracks = tuple(track(region) for region in REGIONS)
    parent = Parent(take="take-0", timeline="0" * 32, directions=("smile",), brief=BRIEF, tracks=(tracks,))
    timeline = Timeline(beats=(CommittedBeat(start=0.0, end=2.0, tracks=tracks),))
    told = revise.said(take_opened().model_copy(update={"parent": parent}), replace(_taken(), timeline=timeline))

    assert told[0].startswith("change\ufffd")
    assert _orders(told) == []


def test_an_error_that_quotes_a_journal_gives_no_orders(monkeypatch, capsys):
    def fail(*args: object) -> int:
        raise TakeError(f"begun with version {ORDER}")

    monkeypatch.setattr(doctor, "run", fail)
    assert main(["doctor"]) == 1
    assert _orders(capsys.readouterr().err.splitlines()) == []


@pytest.mark.parametrize(("late", "shown"), [(-0.004, "+0.00"), (0.004, "+0.00"), (-0.006, "-0.01"), (0.25, "+0.25")])
def test_what_rounds_to_no_lateness_has_no_sign_of_being_early(late: float, shown: str):
    found = IntentFound(
        beat=0, name="nod", side="both", at=2.0, words="nods", present=1.0, late=late, strength=1.0, note="", score=0.9
    )
    result = replace(_taken(), review=Review(score=90.0, weakest="none", intents=(found,), nature=(), strain=()))
    (line,) = [line for line in telling.judged(result, explain=True) if line.endswith('nod "nods"')]
    assert line.split()[3] == shown
