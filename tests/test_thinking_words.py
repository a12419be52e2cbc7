"""What a language model is asked, in a line of progress: who thinks about what, for how long, and what is spent."""

from __future__ import annotations

import threading

from dataclasses import replace

import pytest

from agents.exchange import Asking
from protocol.journal import Record
from protocol.messages import Decided, Message, digest
from runtime.commands.thinking import Thinking, looking
from tests.recorded import recorded
from tests.takes import brief, take_opened
from tests.test_progress import Clock


def question(role: str, stage: str, beat: int | None = None, round_: int = 0, call: int = 0) -> Asking:
    return Asking(role=role, stage=stage, beat=beat, round=round_, call=call)


def answered(asked: Asking, tokens: int = 1200) -> Asking:
    return replace(asked, tokens=tokens, answered=True)


def heard(message: Message) -> Record:
    return replace(recorded("undisturbed").records[0], message=message)


def decided(role: str, reply: str, *, final: bool) -> Record:
    asked = "" if final else "?" * 350
    planner, request = "llm", digest(asked or reply)
    beat = None if role == "director" else 0
    made = Decided(
        beat=beat, role=role, incarnation=1, round=0, planner=planner, request=request, reply=reply, asked=asked, final=final
    )
    return heard(made)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def thinking(clock: Clock) -> Thinking:
    return Thinking(clock)


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        ("understand", "the director reads the direction"),
        ("draft", "the director drafts the beats"),
        ("criticise", "the director criticises the draft"),
        ("revise", "the director revises the draft"),
        ("note", "the director follows the note"),
    ],
)
def test_the_director_is_told_by_what_it_does(thinking: Thinking, stage: str, words: str):
    thinking.asking(question("director", stage))
    assert thinking.words() == words


def test_how_long_is_told_from_a_second_on_and_what_was_spent_as_it_comes(thinking: Thinking, clock: Clock):
    first = question("director", "understand")
    thinking.asking(first)
    clock.now += 3.2
    assert thinking.words() == "the director reads the direction, 3 s"
    busy = [thinking.busy]
    thinking.asking(answered(first))
    assert [*busy, thinking.busy] == [True, False]
    assert thinking.words() == "1 answer, 1,200 tokens"
    thinking.asking(question("director", "draft"))
    assert thinking.words() == "the director drafts the beats; 1 answer, 1,200 tokens"


def test_regions_are_told_by_the_beats_that_they_think_about(thinking: Thinking):
    thinking.hear(decided("director", brief(6).model_dump_json(), final=True))
    for role, beat in (("mouth", 0), ("brows", 1), ("mouth", 1), ("brows", 0)):
        thinking.asking(question(role, "opening", beat))
    assert thinking.words() == "beats 1 and 2 of 6: brows, mouth"
    thinking.asking(question("head", "opening", 2))
    assert thinking.words() == "beats 1 to 3 of 6: brows, mouth, head"
    thinking.asking(question("head", "opening", 5))
    assert thinking.words() == "beats 1, 2, 3 and 6 of 6: brows, mouth, head"


def test_a_round_and_a_repair_are_told(thinking: Thinking):
    thinking.briefed(2)
    thinking.asking(question("eyes", "round", 1, 2, call=1))
    assert thinking.words() == "beat 2 of 2, round 2: eyes anew, its answer could not be used"


def test_what_failed_is_no_answer_but_has_its_tokens(thinking: Thinking):
    asked = question("eyes", "opening", 0)
    thinking.asking(asked)
    thinking.asking(replace(asked, tokens=0))
    assert thinking.words() == ""
    thinking.asking(asked)
    thinking.asking(replace(asked, tokens=900))
    assert thinking.spending() == "0 answers, 900 tokens"


def test_regions_elsewhere_count_by_the_journal_and_nobody_counts_twice(thinking: Thinking):
    asked = question("director", "understand")
    thinking.asking(asked)
    thinking.asking(answered(asked))
    thinking.hear(decided("director", "{}", final=False))
    assert thinking.spending() == "1 answer, 1,200 tokens"
    thinking.hear(decided("mouth", "{}", final=False))  # 352 characters are about 102 tokens
    assert thinking.spending() == "2 answers, 1,302 tokens"


def test_takes_one_after_the_other_are_counted_together(thinking: Thinking):
    for _ in range(2):
        thinking.hear(heard(take_opened()))
        thinking.asking(answered(question("director", "draft")))
        thinking.hear(decided("director", "{}", final=False))
    assert thinking.spending() == "2 answers, 2,400 tokens"


def test_something_is_said_again_and_again_while_something_else_is_waited_for():
    said = threading.Event()
    with looking(said.set):
        assert said.wait(10)
    assert not [thread for thread in threading.enumerate() if thread.name == "progress"]
