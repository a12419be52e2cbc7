"""Plans that are only just valid go through the whole system: takes come to their end and keep every rule.

The large run is `make arbitrary`.
"""

from __future__ import annotations

import json

from pathlib import Path

import jsonschema
import pytest

from agents.thinking.asking.client import _without_bounds
from agents.thinking.requests import Requests
from protocol.channels import REGIONS
from protocol.consistency import consistency
from runtime.options import parse_fps
from tests.arbitrary_plans import ROOM, TEMPERS, arbitrary, boundless, plan, written
from tests.arbitrary_takes import DIRECTIONS, again, cut_off, make, options
from tests.llm_server import LanguageServer
from tests.thoughts import loaded, model_at

NOWHERE = "http://127.0.0.1:9/v1"
STAGES = [("director", stage) for stage in ("understand", "draft", "criticise")] + [(region, "opening") for region in REGIONS]


def schema_of(role: str, stage: str) -> dict:
    return dict(Requests(loaded().tables, model_at(NOWHERE)).system(role, stage)[1])


def numbers_in(value) -> list[float]:
    if isinstance(value, dict | list):
        return [number for each in (value.values() if isinstance(value, dict) else value) for number in numbers_in(each)]
    return [value] if isinstance(value, int | float) else []


# --------------------------------------------------------------------------------------------------------------- plans


@pytest.mark.parametrize("temper", TEMPERS)
@pytest.mark.parametrize(("role", "stage"), STAGES)
def test_whatever_is_made_is_what_the_schema_allows(role, stage, temper):
    schema = schema_of(role, stage)
    value = plan(schema, temper, 1, room=8000)
    jsonschema.Draft202012Validator(schema).validate(value)
    text = written(value, 1)
    assert json.loads(text) == value
    assert text == written(plan(schema, temper, 1, room=8000), 1)


def test_replies_reach_both_ends_of_what_a_schema_allows():
    schema = schema_of("mouth", "opening")
    plans = [plan(schema, temper, seed, 4 * ROOM) for temper in ("least", "edges", "most") for seed in range(3)]
    assert {len(each["moves"]) for each in plans} >= {0, 40}
    assert max(len(line["points"]) for each in plans for line in each["keyframes"]) == 60
    numbers = [number for each in plans for number in numbers_in(each)]
    assert (min(numbers), max(numbers)) == (-60.0, 3600.0)
    assert "" in (texts := [move["why"] for each in plans for move in each["moves"]])
    assert max(map(len, texts)) == 300


def test_a_reply_has_no_more_room_than_it_is_given():
    schema = schema_of("director", "draft")
    assert 0.4 * ROOM < max(len(json.dumps(plan(schema, "most", seed))) for seed in range(3)) < 1.2 * ROOM
    assert max(len(json.dumps(plan(schema, "most", seed, room=2000))) for seed in range(3)) < 4000


def test_without_bounds_numbers_and_texts_know_none():
    schema = _without_bounds(schema_of("director", "draft"))
    numbers = [number for seed in range(6) for number in numbers_in(plan(schema, "edges", seed))]
    assert min(numbers) < -1e300
    assert max(numbers) > 1e300


@pytest.mark.parametrize(
    "schema",
    [
        {"type": "string", "pattern": "^a"},
        {"type": "boolean"},
        {"type": "object", "properties": {"a": {"type": "string"}}, "required": []},
        {"oneOf": []},
    ],
)
def test_a_schema_that_is_not_understood_is_an_error_and_not_passed_over(schema):
    with pytest.raises(ValueError, match=r"understood|fields"):
        plan(schema, "human", 0)


# --------------------------------------------------------------------------------------------------------------- takes


TEMPERS_THAT_MOVE = ("human", "crowded", "edges")
SHORT = 4000
"""Characters of a reply, so that these takes take seconds, not minutes."""


@pytest.mark.parametrize(("number", "seconds"), [(2, 1.0), pytest.param(3, 3.0, marks=pytest.mark.slow), (7, None)])
def test_a_take_of_arbitrary_plans_comes_to_its_end_and_keeps_every_rule(tmp_path, number, seconds):
    with LanguageServer(usual=arbitrary(number, TEMPERS_THAT_MOVE, SHORT)) as server:
        made, _ = make(options(DIRECTIONS[number], server.url, number, seconds=seconds), tmp_path / "take.json")
    assert (made.outcome, made.findings) == ("done", [])
    assert made.asked >= 7
    assert made.keyframes > 200  # a face at rest has 54


def test_made_again_or_cut_off_and_gone_on_with_it_comes_to_the_same_motion(tmp_path):
    with LanguageServer(usual=arbitrary(2, TEMPERS_THAT_MOVE, SHORT)) as server:
        wanted = options(DIRECTIONS[2], server.url, 2, seconds=1.0)
        made, result = make(wanted, tmp_path / "take.json")
        assert again(wanted, tmp_path / "again.json", made).findings == []
        for length in (3, len(result.records) // 2):
            name = tmp_path / f"cut-{length}.json"
            assert cut_off(wanted, name, made, result.records, length).findings == []


def test_a_server_that_knows_no_bounds_is_asked_without_and_what_it_answers_is_brought_within_them(tmp_path):
    with LanguageServer(usual=boundless(arbitrary(4, ("human",), SHORT))) as server:
        made, _ = make(options(DIRECTIONS[4], server.url, 4, seconds=2.0), tmp_path / "take.json")
        asked = [json.dumps(each.body["response_format"]) for each in server.requests]
    assert (made.outcome, made.findings) == ("done", [])
    assert made.keyframes > 54
    assert '"maximum"' in asked[0]
    assert '"maximum"' not in asked[-1]


def test_without_negotiation_the_same_plans_break_rules(tmp_path):
    """What these takes keep is not kept by itself."""
    assert any(_breaks_rules(seed, tmp_path / f"{seed}.json") for seed in range(3, 9))


def _breaks_rules(seed: int, to: Path) -> bool:
    with LanguageServer(usual=arbitrary(seed, TEMPERS_THAT_MOVE, SHORT)) as server:
        _, result = make(options(DIRECTIONS[3], server.url, seed, seconds=3.0, negotiate=False), to)
    assert result.timeline is not None
    return bool(consistency(result.timeline, loaded().tables.constraints, [parse_fps("60")]))


@pytest.mark.parametrize("broken", ["agents.thinking.region.performance_of", "agents.thinking.region.LanguageRegion.propose"])
def test_what_the_program_cannot_perform_is_found_though_the_take_is_done(tmp_path, monkeypatch, broken):
    def fail(*given):
        raise ValueError("keyframes out of order")

    with LanguageServer(usual=arbitrary(2, TEMPERS_THAT_MOVE, SHORT)) as server:
        monkeypatch.setattr(broken, fail)
        made, _ = make(options(DIRECTIONS[2], server.url, 2, seconds=1.0), tmp_path / "take.json")
    assert made.outcome == "done"
    assert all("fallback" in finding or "keyframes out of order" in finding for finding in made.findings)
    assert made.findings
