"""Whether today's requests are those of a journal: a prompt, a catalogue or a model that has changed is named."""

from __future__ import annotations

import json

from functools import cache

import pytest

from agents.thinking.checking import differences
from configs.tables import PROMPTS
from protocol.messages import BeatOpened, Decided, TakeOpened
from runtime.take import TakeResult
from tests.llm_server import LanguageServer
from tests.test_thinking_notes import parent_and_child, perform
from tests.test_thinking_takes import decisions, planned
from tests.thoughts import loaded


@cache
def _taken() -> TakeResult:
    with LanguageServer() as server:
        return planned(server)[0]


def _parts() -> tuple[TakeOpened, list[Decided], dict[int, BeatOpened], dict[str, str]]:
    messages = [record.message for record in _taken().records]
    opened = next(message for message in messages if isinstance(message, TakeOpened))
    beats = {message.beat: message for message in messages if isinstance(message, BeatOpened)}
    return opened, decisions(_taken().records), beats, {name: loaded().texts[name] for name in PROMPTS}


def test_nothing_differs_while_nothing_has_changed():
    assert differences(*_parts()) == ()


@pytest.mark.parametrize(
    ("name", "where"),
    [
        ("prompts/understand.md", "director, understand"),
        ("prompts/opening.md", "brows, opening, beat 0"),
        ("prompts/criticise.md", "director, criticise"),
    ],
)
def test_a_prompt_that_has_changed_is_named_with_its_first_difference(name, where):
    opened, decided, beats, prompts = _parts()
    prompts[name] += "\nSmile more.\n"

    (line,) = differences(opened, decided, beats, prompts)
    assert line.startswith(f"{where}: the prompt has changed: ")
    assert "Smile more." in line


def test_a_prompt_of_all_stages_is_named_once_for_each_stage():
    opened, decided, beats, prompts = _parts()
    prompts["prompts/region.md"] = prompts["prompts/region.md"].replace("You act the", "You are the")

    lines = differences(opened, decided, beats, prompts)
    stages = {json.loads(one.asked)["stage"] for one in decided if not one.final} & {"opening", "round"}
    assert len(lines) == len(stages)
    assert "'You are the brows of one face." in lines[0]
    assert "'You act the brows of one face." in lines[0]


def test_a_line_that_says_the_version_alone_changes_no_request():
    opened, decided, beats, prompts = _parts()
    prompts["prompts/region.md"] = prompts["prompts/region.md"].replace("version: 1", "version: 2", 1)

    assert differences(opened, decided, beats, prompts) == ()


@pytest.mark.parametrize(
    ("change", "said"),
    [({"model": "other"}, "model is now 'other' and was 'test'"), ({"temperature": 0.5}, "temperature is now 0.5")],
)
def test_another_model_is_named(change, said):
    opened, decided, beats, prompts = _parts()
    assert opened.language_model is not None
    other = opened.model_copy(update={"language_model": opened.language_model.model_copy(update=change)})

    assert any(said in line for line in differences(other, decided, beats, prompts))


def test_another_direction_is_named():
    opened, decided, beats, prompts = _parts()
    other = opened.model_copy(update={"direction": "She frowns."})

    lines = differences(other, decided, beats, prompts)
    assert any(line.startswith("director, understand: it is told something else") for line in lines)
    assert any(line.startswith("brows, opening, beat 0: it is told something else") for line in lines)


def test_exchanges_in_no_form_that_this_version_knows_are_named_and_no_trouble():
    opened, decided, beats, prompts = _parts()
    odd = [one.model_copy(update={"asked": asked}) for one, asked in zip(decided, ("{", '{"a": 1}', "[]"), strict=False)]
    odd.append(decided[0].model_copy(update={"asked": decided[0].asked.replace('"understand"', '"guess"')}))

    assert differences(opened, odd, beats, prompts) == (
        "director: an exchange is not in the form of this version",
        "director, guess: this version asks nothing of the kind",
    )


def test_a_request_that_is_nested_too_deep_is_in_no_form_either():
    opened, decided, beats, prompts = _parts()
    deep = decided[0].model_copy(update={"asked": "[" * 200_000})

    assert differences(opened, [deep], beats, prompts) == ("director: an exchange is not in the form of this version",)


def test_another_note_is_named():
    with LanguageServer() as server:
        _, opened = parent_and_child(server, "nod less")
        decided = decisions(perform(opened).records)
    prompts = {name: loaded().texts[name] for name in PROMPTS}

    assert differences(opened, decided, {}, prompts) == ()
    (line,) = differences(opened.model_copy(update={"direction": "frown instead"}), decided, {}, prompts)
    assert line.startswith("director, note: it is told something else")
    assert "frown instead" in line


def test_a_take_of_the_embedded_planner_has_nothing_to_compare():
    opened, decided, beats, prompts = _parts()

    assert differences(opened.model_copy(update={"language_model": None}), decided, beats, prompts) == ()
