"""The documentation says what the code does: its generated parts are fresh, what it names is there, what is there it names."""

from __future__ import annotations

import argparse
import importlib
import json
import re

from fractions import Fraction

import pytest

from configs.loading import builtin, parse_yaml_model, read_text
from docs.generate import ROOT, documents, run
from protocol import documentation
from protocol.documentation import DocumentationError, diagram, fields, filled, messages, schemas, sections, transitions
from protocol.findings import CODES
from protocol.machine import Machine, Row
from protocol.messages import MESSAGES
from protocol.motion import Motion
from protocol.rules import RuleSet
from protocol.timeline import Timeline
from runtime.cli import COMMANDS

PAGES = ("README.md", "CONTRIBUTING.md", "docs/architecture.md", "docs/protocol.md")
RULES: RuleSet = parse_yaml_model(read_text(builtin("constraints.yaml")), "configs/constraints.yaml", RuleSet)


def made_up(*rows: tuple[str, str, str, str, tuple[str, ...]]) -> Machine:
    return Machine(
        "made up",
        tuple(Row(phase, event, when, None, to, emits, lambda s, e: (s, ())) for phase, event, when, to, emits in rows),
    )


# -------------------------------------------------------------------------------------------------- the pages as they are


def test_generated_parts_are_fresh():
    stale = [
        str(path.relative_to(ROOT))
        for path, text in documents().items()
        if not path.exists() or path.read_text("utf-8") != text
    ]
    assert not stale, f"{', '.join(stale)} say something else than the code; run `make docs`"


def test_every_generated_part_has_its_place():
    asked = {name for page in PAGES for name in re.findall(r"<!-- generated: (.+?) -->", (ROOT / page).read_text("utf-8"))}
    assert asked == {*sections(RULES), "conversation"}


@pytest.mark.parametrize("page", PAGES)
def test_files_that_a_page_names_are_there(page):
    text = (ROOT / page).read_text("utf-8")
    tops = "protocol configs agents renderer runtime cluster tests docs".split()
    named = {name for name in re.findall(r"`([\w./-]+)`", text) if name.partition("/")[0] in tops and "/" in name}
    linked = set(re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", text))
    assert named | linked
    missing = sorted(name for name in named if not (ROOT / name).exists())
    missing += sorted(name for name in linked if not (ROOT / page).parent.joinpath(name).exists())
    assert not missing


@pytest.mark.parametrize("page", PAGES)
def test_targets_of_make_that_a_page_names_are_there(page):
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for target in re.findall(r"`make ([a-z-]+)`", (ROOT / page).read_text("utf-8")):
        assert re.search(rf"(?m)^{target}:", makefile), target


def test_the_readme_names_every_command():
    text = (ROOT / "README.md").read_text("utf-8")
    assert [name for name in COMMANDS if f"`{name}`" not in text] == []


@pytest.mark.parametrize("name", ["animate", "plan", "render"])
def test_the_readme_names_every_option_and_no_other(name):
    parser = argparse.ArgumentParser(add_help=False)
    importlib.import_module(COMMANDS[name].module).describe(parser)
    there = {word for action in parser._actions for word in action.option_strings} | {"--debug"}
    table = re.search(r"## Options of `animate`.*?\n(.*?)\n\nThe name", (ROOT / "README.md").read_text("utf-8"), re.DOTALL)
    assert table
    rows = [line.split("|") for line in table[1].splitlines() if line.startswith("| `")]
    named = [row[1] for row in rows if name in row[2].split()]
    assert {word for cell in named for word in re.findall(r"(?<![\w-])--?[a-z][a-z-]*", cell)} == there


# --------------------------------------------------------------------------------------------------------------- markers


def test_what_stands_between_markers_is_replaced_and_the_rest_kept():
    page = "x\n<!-- generated: a -->\nold\n<!-- end: a -->\ny\n<!-- generated: b --><!-- end: b -->\nz"
    new = filled(page, {"a": "A | \\1", "b": "B"})
    assert new == (
        "x\n<!-- generated: a -->\n\nA | \\1\n\n<!-- end: a -->\ny\n<!-- generated: b -->\n\nB\n\n<!-- end: b -->\nz"
    )
    assert filled(new, {"a": "A | \\1", "b": "B"}) == new


@pytest.mark.parametrize(
    ("page", "said"),
    [
        ("<!-- generated: c --><!-- end: c -->", "asks for c, which is not generated; there are: a, b"),
        ("<!-- generated: a -->", "1 generated parts begin and 0 of them end"),
        ("<!-- generated: a --><!-- end: b -->", "1 generated parts begin and 0 of them end"),
        ("<!-- generated: a --> <!-- generated: b --><!-- end: b --> <!-- end: a -->", "2 generated parts begin and 1 of them"),
    ],
)
def test_markers_that_do_not_fit_are_refused(page, said):
    with pytest.raises(DocumentationError, match=re.escape(said)):
        filled(page, {"a": "A", "b": "B"})


# -------------------------------------------------------------------------------------------------------------- machines


def cells(table: str) -> list[list[str]]:
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()[2:]]


@pytest.mark.parametrize("name", documentation.MACHINES)
def test_a_table_holds_every_row_of_its_machine_and_nothing_else(name):
    machine = documentation.MACHINES[name]
    printed = [
        (phase, event.strip("`*"), when, phase if goal == "stays" else goal, tuple(re.findall(r"\w+", emits)))
        for phases, events, when, goal, emits in cells(transitions(machine))
        for phase in phases.split(", ")
        for event in events.split(", ")
    ]
    rows = [(row.phase, row.event, row.when, row.to, row.emits) for row in machine.rows]
    assert sorted(printed) == sorted(rows)
    for phase, event in {(row.phase, row.event) for row in machine.rows}:
        assert [p for p in printed if p[:2] == (phase, event)] == [r for r in rows if r[:2] == (phase, event)]


def test_rows_are_merged_only_where_their_order_stays():
    machine = made_up(("a", "E", "x", "a", ()), ("b", "E", "y", "b", ()), ("b", "E", "x", "b", ()), ("a", "E", "y", "a", ()))
    # b tries y before x; taken together with a's row, x would come before y for both.
    assert [(phases, when) for phases, _, when, _, _ in cells(transitions(machine))] == [("a", "x"), ("b, a", "y"), ("b", "x")]


@pytest.mark.parametrize("name", documentation.MACHINES)
def test_a_diagram_draws_every_change_of_phase(name):
    machine = documentation.MACHINES[name]
    drawn = set(re.findall(r"^    (\w+) --> (\w+): ", diagram(machine), re.MULTILINE))
    changes = {(row.phase, row.to) for row in machine.rows if row.phase != row.to}
    assert all((start, goal) in drawn or ("many", goal) in drawn for start, goal in changes)
    assert {goal for _, goal in drawn} | {start for start, _ in drawn} <= {*machine.phases, "many"}


def test_a_change_from_many_phases_is_drawn_once():
    rows = [(phase, "Stop", "", "closed", ()) for phase in "abcde"]
    text = diagram(made_up(*rows, ("a", "Go", "ready", "b", ())))
    assert "many --> closed: Stop" in text
    assert "a --> b: Go (ready)" in text
    assert text.count("Stop") == 1


# ------------------------------------------------------------------------------------------- messages, constraints, codes


def test_every_message_and_field_is_explained():
    assert [row[0] for row in cells(messages())] == [f"`{name}`" for name in MESSAGES]
    text = fields()
    for name, model in MESSAGES.items():
        block = text.partition(f"**`{name}`**")[2].partition("**`")[0]
        assert [line.split("`")[1] for line in block.splitlines() if line.startswith("- ")] == list(model.model_fields)
        assert all(len(line.partition(": ")[2]) > 5 for line in block.splitlines() if line.startswith("- "))


def test_a_field_that_nobody_explains_is_refused(monkeypatch):
    monkeypatch.setattr(documentation, "FIELDS", {})
    with pytest.raises(DocumentationError, match=r"Proposed\.beat is explained nowhere"):
        fields()


def test_no_explanation_is_left_over():
    known = {field for model in MESSAGES.values() for field in model.model_fields}
    known |= {f"{name}.{field}" for name, model in MESSAGES.items() for field in model.model_fields}
    assert [name for name in documentation.FIELDS if name not in known] == []


def test_who_sends_a_message_is_read_off_the_machines():
    rows = {row[0].strip("`"): row[1:3] for row in cells(messages())}
    assert rows["RoundOpened"] == ["coordinator", "region"]
    assert rows["Objected"] == ["coordinator, region", "coordinator"]
    assert rows["Proposed"] == ["region", "coordinator"]
    assert rows["Discarded"] == ["none", "none"]


def test_every_constraint_is_listed_once_with_its_bound_and_who_yields():
    text = documentation.constraints(RULES)
    assert sorted(re.findall(r"(?m)^\| `([a-z0-9-]+)` \|", text)) == sorted(rule.id for rule in RULES.rules)
    rows = {row[0].strip("`"): row[1:] for row in cells("\n\n" + text)}
    assert rows["lids-shut-not-wide"][0] == "`eyeBlink` + `eyeWide` ≤ 1.1 on each side"
    assert rows["big-smile-lifts-cheek"][:2] == [
        "`cheekSquint` ≥ limit of `mouthSmile` (0.5 → 0; 1 → 0.35) on each side",
        "eyes",
    ]
    assert rows["head-yaw-range"][0] == "-60° ≤ `headYaw` ≤ 60°"
    assert rows["unit-range"][0] == "0 ≤ every coefficient ≤ 1"


def test_every_code_is_listed():
    assert {row[0].strip("`"): row[1] for row in cells(documentation.findings())} == dict(CODES)


# --------------------------------------------------------------------------------------------------------------- schemas


def test_schemas_are_plain_json_schema():
    for name, text in schemas().items():
        schema = json.loads(text)
        assert schema["title"] == f"textuportray.{name}"
        assert schema["properties"]["format"]["const"] == f"textuportray.{name}"
        assert set(schema["required"]) == set(schema["properties"])
        assert schema["additionalProperties"] is False
        assert not re.search(r'"(ge|gt|le|lt)": |Raises:|Attributes:', text)


def test_bounds_that_follow_a_validator_are_kept():
    beat = json.loads(schemas()["timeline"])["$defs"]["CommittedBeat"]
    assert beat["properties"]["start"]["minimum"] == 0
    assert json.loads(schemas()["motion"])["properties"]["channels"]["minItems"] == 1


def test_what_a_take_leaves_is_what_the_schemas_describe(tmp_path):
    run("plan", "She blinks", "--seconds", "0.6", "--fps", "30000/1001", "-o", str(tmp_path / "motion.json"))
    written = (tmp_path / "motion.json").read_text("utf-8")
    motion = Motion.model_validate_json(written)
    assert motion.rate == Fraction(30000, 1001)
    assert len(motion.frames) == 18  # those that start before 0.6 s
    assert json.loads(motion.model_dump_json()) == json.loads(written)
    timeline = (tmp_path / "motion.take" / "timeline.json").read_text("utf-8")
    assert json.loads(Timeline.model_validate_json(timeline).model_dump_json()) == json.loads(timeline)
    for name, text in (("motion", written), ("timeline", timeline)):
        assert list(json.loads(text)) == list(json.loads(schemas()[name])["properties"])
