"""Journals of takes as this version recorded them: every later one has to replay them.

See `tests/golden/README.md`. A journal that is missing there is recorded by

    ADD_GOLDEN=1 python -m pytest tests/test_golden.py

and one that is there is never written again.
"""

from __future__ import annotations

import io
import os

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest

from protocol.channels import REGIONS
from protocol.conversation import Conversation
from protocol.coordinator_state import COMMIT_AS_PROPOSED, CRITIC_OBJECTS
from protocol.debugging.pages import Pages
from protocol.history import history
from protocol.journal import Journal, JournalError, Record, compact, read_journal, scan_journal
from protocol.messages import (
    CRITIC,
    Aborted,
    ChunkFailed,
    ChunkLost,
    DeadlinePassed,
    Decided,
    Discarded,
    FilmFailed,
    Message,
    Objected,
    Rejoined,
    Restored,
    Ruled,
    TakeClosed,
    TakeOpened,
    TakeResumed,
)
from protocol.monitor import monitor
from protocol.replay import fold, replay
from protocol.rules import Margins, RuleSet
from runtime.commands.replay import constraints_of
from runtime.inline import Crash, FaultyNetwork
from tests.asking import AskingDirector, AskingRegion, language_model
from tests.criticised import AskingForMouths, Unwilling
from tests.filmed import Ran, meeting, play
from tests.recorded import BrokenDirector, Silent, SilentJudge, Stubborn, numbered, places, said, stopped_after, where
from tests.takes import take_opened, tiny_tables

GOLDEN = Path(__file__).parent / "golden"
JOURNALS = sorted(path.name for path in GOLDEN.glob("*.mcap"))


def opened(*flags: str) -> TakeOpened:
    """A tiny take that carries its constraints, so that nothing else is needed to replay it."""
    checks = tiny_tables().constraints.checks
    rules = RuleSet(margins=Margins(level=0.25, speed=0.0, accel=0.0, drift=0.0), rules=tuple(check.rule for check in checks))
    text = rules.model_dump_json(exclude_none=True)
    return take_opened(flags=flags).model_copy(update={"configuration": {"constraints.yaml": text}})


def made(past: tuple[Record, ...] = (), **how: object) -> Ran:
    """A tiny take that is rendered."""
    return play(past, opened=opened(), **how)  # type: ignore[arg-type]


def asked(past: tuple[Record, ...] = (), **how: object) -> Ran:
    """A tiny take in which everybody asks a language model."""
    everybody = {"director": AskingDirector(), "agents": dict.fromkeys(REGIONS, AskingRegion), **how}
    named = opened().model_copy(update={"language_model": language_model()})
    return play(past, opened=named, **everybody)  # type: ignore[arg-type]


def small(told: Ran) -> bytes:
    """Its journal, compact, as a take leaves it that has come to its end."""
    target = io.BytesIO()
    compact(io.BytesIO(told.journal), target)
    return target.getvalue()


def _running() -> bytes:
    """A journal that is being written: complete records, and no end."""
    data = made().journal
    return data[: _place_of_record(data, 45)]


def _torn() -> bytes:
    """One that a crash has cut off inside a record, of a take that was resumed."""
    data = made(made(agents={"head": Silent}).records[:40]).journal
    return data[: _place_of_record(data, 70) + 60]


def _asked_again() -> Ran:
    """One that was resumed while the director asked a language model, and again while a region did."""
    once = asked(asked().records[:5]).records
    return asked(once[: where(once, Decided, role="eyes", final=False) + 1])


def _sent_back() -> Ran:
    """One whose mouth the critic sends back twice in each beat, in vain; it was resumed while the critic looked."""
    voted = opened(CRITIC_OBJECTS).model_copy(update={"rounds": 7})
    how: dict[str, Any] = {"opened": voted, "director": AskingForMouths(2), "agents": {"mouth": Unwilling}}
    once = play(**how).records
    return play(once[: where(once, Objected, role=CRITIC)], **how)


def _place_of_record(data: bytes, seq: int) -> int:
    """The byte at which a record begins, or the definition of its channel before it."""
    return scan_journal(io.BytesIO(data)).stored[seq - 1].at


MADE: Mapping[str, Callable[[], bytes]] = {
    "ruled.mcap": lambda: small(made(agents={"brows": Stubborn})),
    "without_votes.mcap": lambda: small(made(agents={"brows": SilentJudge})),
    "fallback_and_rejoin.mcap": lambda: small(made(agents={"eyes": Silent}, crashes=(Crash("mouth", 4),))),
    "rejoined_after_resuming.mcap": lambda: small(made(made(agents={"eyes": Silent}).records[:60])),
    "lossy_network.mcap": lambda: small(
        made(network=FaultyNetwork(42, 0.3, 0.3, 2.0), crashes=(Crash("brows", 3), Crash("eyes", 4)))
    ),
    "stopped.mcap": lambda: small(made(stopped=stopped_after(105))),
    "failed.mcap": lambda: small(made(fate=meeting({4: "failed"}))),
    "failed_without_brief.mcap": lambda: small(made(director=BrokenDirector())),
    "failed_and_resumed.mcap": lambda: small(made(made(fate=meeting({4: "failed"})).records, fate=meeting({(2, 1): "lost"}))),
    "first_proposals.mcap": lambda: small(play(opened=opened(COMMIT_AS_PROPOSED))),
    "criticised.mcap": lambda: small(_sent_back()),
    "planned_only.mcap": lambda: made(film=False).journal,
    "language_model.mcap": lambda: small(_asked_again()),
    "running.mcap": _running,
    "cut_off.torn.mcap": _torn,
}
"""How each was made, by the code of the day."""


@pytest.fixture(scope="module", autouse=True)
def _added() -> None:
    if os.environ.get("ADD_GOLDEN"):
        for name, make in MADE.items():
            if not (GOLDEN / name).exists():
                (GOLDEN / name).write_bytes(make())


@cache
def golden(name: str) -> Journal:
    """One of them."""
    with (GOLDEN / name).open("rb") as stream:
        return read_journal(stream)


def all_findings(journal: Journal) -> list[str]:
    """What monitors, history and machines of this version find."""
    first = journal.records[0].message
    assert isinstance(first, TakeOpened)
    constraints = constraints_of(journal)[1] if "constraints.yaml" in first.configuration else tiny_tables().constraints
    return [
        str(finding)
        for finding in (
            *monitor(journal.records),
            *history(journal.records, complete=journal.closed),
            *replay(journal.records, constraints, complete=journal.closed).findings,
        )
    ]


@pytest.mark.parametrize("name", JOURNALS)
def test_every_check_of_this_version_agrees_with_every_golden_journal(name):
    journal = golden(name)
    assert all_findings(journal) == []
    assert (journal.torn_at is not None) == name.endswith(".torn.mcap")


@pytest.mark.parametrize("name", JOURNALS)
def test_whatever_is_left_out_of_one_that_is_done_is_missed(name):
    """The checks would tell if this version did otherwise: a journal that lacks a record is not replayed."""
    journal = golden(name)
    last = journal.records[-1].message
    if not isinstance(last, TakeClosed) or last.outcome != "done":
        return  # of a take that ended before its time nobody can say what all was to come
    for place in range(1, len(journal.records) - 1, 1 + len(journal.records) // 6):
        if isinstance(journal.records[place].message, Discarded):
            continue  # told for the record, without effect
        less = replace(journal, records=numbered([*journal.records[:place], *journal.records[place + 1 :]]))
        assert all_findings(less), place + 1


@pytest.mark.parametrize("name", JOURNALS)
def test_each_can_be_told_and_opened_page_by_page(name):
    journal = golden(name)
    talk = Conversation({})
    assert sum(len(list(talk.lines(record))) for record in journal.records) > 5
    with (GOLDEN / name).open("rb") as stream:
        assert tuple(Pages.of(scan_journal(stream))) == journal.records


@pytest.mark.parametrize("name", sorted(MADE))
def test_each_that_is_not_done_goes_on_to_the_end_of_one_that_was_never_disturbed(name):
    records = golden(name).records
    last = records[-1].message
    if isinstance(last, TakeClosed) and last.outcome == "done":
        with pytest.raises(JournalError):
            fold(
                [*records, replace(records[-1], seq=len(records) + 1, message=TakeResumed(versions={}))],
                tiny_tables().constraints,
            )
        return
    told = made(records)
    closed = told.records[-1].message
    assert isinstance(closed, TakeClosed)
    assert closed.outcome == "done"
    assert told.timeline == calm().timeline


@cache
def calm() -> Ran:
    """The same take when nothing disturbs it."""
    return made()


def test_together_they_hold_all_that_can_happen():
    kinds: set[type[Message]] = set()
    endings, forms = set(), set()
    for name in JOURNALS:
        journal = golden(name)
        kinds |= {type(record.message) for record in journal.records}
        last = journal.records[-1].message
        endings.add(last.outcome if isinstance(last, TakeClosed) else "open")
        data = (GOLDEN / name).read_bytes()
        forms.add((scan_journal(io.BytesIO(data)).stored[0].at > 0, b"zstd" in data[:200], journal.closed))
    assert kinds >= {Objected, Ruled, DeadlinePassed, Rejoined, Restored, Discarded, TakeResumed}
    assert kinds >= {Aborted, ChunkFailed, ChunkLost, FilmFailed}
    assert endings == {"done", "stopped", "failed", "open"}
    assert {(packed, closed) for _, packed, closed in forms} == {(True, True), (False, True), (False, False)}
    assert sum((GOLDEN / name).stat().st_size for name in JOURNALS) < 2_000_000


def test_a_value_that_was_changed_is_found_in_a_golden_journal():
    """What the checks compare is what stands there: a ruling that says otherwise is not this version's."""
    journal = golden("ruled.mcap")
    place = where(journal.records, Ruled)
    rulings = journal.records[place].message.rulings  # type: ignore[union-attr]
    other = tuple(ruling.model_copy(update={"why": "because"}) for ruling in rulings)
    assert all_findings(replace(journal, records=said(journal.records, place, rulings=other)))
    assert places(journal.records, Ruled)
