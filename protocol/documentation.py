"""The parts of the documentation that the code knows best: tables of machines, messages, constraints and findings, schemas.

All of it is text made from the objects that run, so it cannot say something else than they do. Markers in a document show
where a part goes:

    <!-- generated: NAME -->
    …
    <!-- end: NAME -->

Nothing here reads or writes a file: `docs/generate.py` does, and a test compares.
"""

from __future__ import annotations

import inspect
import json
import re

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel

from protocol.channels import CHANNELS
from protocol.constraints import Constraints
from protocol.coordinator import COORDINATOR_MACHINE
from protocol.dispatch import DISPATCHER
from protocol.findings import CODES
from protocol.keyframes import Frozen
from protocol.machine import Machine, Row
from protocol.messages import MESSAGES
from protocol.motion import Motion
from protocol.region import REGION
from protocol.rendering import RENDERER
from protocol.rules import (
    COEFFICIENTS,
    Acceleration,
    Between,
    Ceiling,
    Drift,
    Exclusive,
    Floor,
    Follows,
    Range,
    Rule,
    RuleSet,
    Speed,
    Sum,
    TurnBlink,
)
from protocol.timeline import Timeline

MACHINES: Mapping[str, Machine[Any]] = MappingProxyType(
    {"coordinator": COORDINATOR_MACHINE, "dispatcher": DISPATCHER, "region": REGION, "renderer": RENDERER}
)
DOCUMENTS: Mapping[str, type[Frozen]] = MappingProxyType({"motion": Motion, "timeline": Timeline})
"""The models of the files that a take leaves behind for other programs."""

_MANY = 4
"""A transition that starts in so many phases is drawn once, from a box that stands for them."""


class DocumentationError(ValueError):
    """A document lacks a marker that it needs, or the code lacks a description."""


def sections(rules: RuleSet) -> dict[str, str]:
    """Every generated part by the name that its markers use, as Markdown.

    Args:
        rules: the constraints to describe.
    """
    parts = {f"{name} table": transitions(machine) for name, machine in MACHINES.items()}
    parts |= {f"{name} diagram": diagram(machine) for name, machine in MACHINES.items()}
    return parts | {"messages": messages(), "fields": fields(), "constraints": constraints(rules), "findings": findings()}


def filled(document: str, parts: Mapping[str, str]) -> str:
    """A document with the text between its markers replaced.

    Raises:
        DocumentationError: a marker names no part, or its end is missing.
    """

    def replaced(match: re.Match[str]) -> str:
        name = match["name"]
        if name not in parts:
            raise DocumentationError(f"the document asks for {name}, which is not generated; there are: {', '.join(parts)}")
        return f"{match['begin']}\n\n{parts[name].strip()}\n\n<!-- end: {name} -->"

    text, count = _MARKED.subn(replaced, document)
    begun = len(_BEGIN.findall(document))
    if count != begun:
        raise DocumentationError(f"{begun} generated parts begin and {count} of them end; each needs its own end marker")
    return text


_BEGIN = re.compile(r"<!-- generated: [^>]*? -->")
_MARKED = re.compile(
    r"(?P<begin><!-- generated: (?P<name>[^>]*?) -->)(?:(?!<!-- generated: ).)*?<!-- end: (?P=name) -->", re.DOTALL
)


def schemas() -> dict[str, str]:
    """The JSON Schema of each document by its name, as JSON text: what is written, with every member present."""
    return {name: _schema(name, model) for name, model in DOCUMENTS.items()}


def _schema(name: str, model: type[BaseModel]) -> str:
    body = model.model_json_schema(mode="serialization")
    _plain(body)
    body = {"$schema": "https://json-schema.org/draft/2020-12/schema", **body, "title": f"textuportray.{name}"}
    return json.dumps(body, indent=2, ensure_ascii=False) + "\n"


_BOUNDS = (("ge", "minimum"), ("gt", "exclusiveMinimum"), ("le", "maximum"), ("lt", "exclusiveMaximum"))


def _plain(schema: Any) -> None:
    """Make pydantic's schema one for readers who know neither Python nor pydantic.

    Docstrings become descriptions, the members that they explain carry their own, and what Python raises is left out.
    Members with a default are written like all others, so readers may rely on them. Bounds that stand after a validator come
    under pydantic's names for them; they get those of JSON Schema.
    """
    if isinstance(schema, dict):
        described, members = schema.get("description"), schema.get("properties")
        if isinstance(described, str) and isinstance(members, dict):
            schema["description"], attributes = _described(described)
            for name, meaning in attributes.items():
                if name in members:
                    members[name].setdefault("description", meaning)
        if isinstance(members, dict):
            schema["required"] = list(members)
            for member in members.values():
                member.pop("default", None)
                for ours, theirs in _BOUNDS:
                    if ours in member:
                        member[theirs] = member.pop(ours)
        for value in schema.values():
            _plain(value)
    elif isinstance(schema, list):
        for value in schema:
            _plain(value)


# ------------------------------------------------------------------------------------------------------------ machines


@dataclass
class _Transition:
    """Rows of a table that differ in nothing but their phase."""

    event: str
    when: str
    emits: tuple[str, ...]
    phases: list[str]
    goals: list[str]

    @property
    def stays(self) -> bool:
        return self.phases == self.goals

    def takes(self, row: Row[Any]) -> bool:
        alike = (row.event, row.when, row.emits) == (self.event, self.when, self.emits) and row.phase not in self.phases
        return alike and (set(self.goals) == {row.to} or (self.stays and row.phase == row.to))


def _transitions(machine: Machine[Any]) -> list[_Transition]:
    """The rows, merged where the order in which a phase tries them stays as it is."""
    merged: list[_Transition] = []
    for row in machine.rows:
        own = max((n for n, t in enumerate(merged) if t.event == row.event and row.phase in t.phases), default=-1)
        home = next((t for n, t in enumerate(merged) if n > own and t.takes(row)), None)
        if home is None:
            merged.append(_Transition(row.event, row.when, row.emits, [row.phase], [row.to]))
        else:
            home.phases.append(row.phase)
            home.goals.append(row.to)
    return merged


def transitions(machine: Machine[Any]) -> str:
    """A role's table: messages in code, requests and answers between the machine and its host in italics."""
    rows: list[tuple[str, str, str, str, str]] = []
    for one in _transitions(machine):
        goal = "stays" if one.stays else one.goals[0]
        row = (", ".join(one.phases), _thing(one.event), one.when, goal, ", ".join(map(_thing, one.emits)))
        if rows and (rows[-1][0], *rows[-1][2:]) == (row[0], *row[2:]):
            row = (row[0], f"{rows.pop()[1]}, {row[1]}", *row[2:])
        rows.append(row)
    return _table(("phase", "event", "when", "next", "may give"), rows)


def _thing(name: str) -> str:
    return f"`{name}`" if name in MESSAGES else f"*{name}*"


def diagram(machine: Machine[Any]) -> str:
    """A role's changes of phase as a Mermaid state diagram; one that may start in many phases is drawn from one box.

    What is taken in without a change of phase is drawn only if it is answered and belongs to one phase.
    """
    merged = _transitions(machine)
    staying: dict[str, set[str]] = {}
    for one in merged:
        if one.stays:
            staying.setdefault(one.event, set()).update(one.phases)
    edges: dict[tuple[str, str], list[str]] = {}
    for one in merged:
        if one.stays and (not one.emits or len(staying[one.event]) > 1):
            continue
        starts = one.phases if len(one.phases) < _MANY else ["many"]
        for start, goal in zip(starts, one.goals, strict=False):
            if start == goal and not one.emits:
                continue
            edges.setdefault((start, goal), []).append(one.event + (f" ({one.when})" if one.when else ""))
    lines = ["```mermaid", "stateDiagram-v2"]
    if any(start == "many" for start, _ in edges):
        lines.append("    many: most phases")
    lines.append(f"    [*] --> {machine.rows[0].phase}")
    lines += [f"    {start} --> {goal}: {'<br>'.join(labels)}" for (start, goal), labels in edges.items()]
    return "\n".join([*lines, "    closed --> [*]", "```"])


# ------------------------------------------------------------------------------------------------------------ messages


FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "attempt": "how often this chunk has been tried, from 1.",
        "beat": "number of the beat, from 0.",
        "chunk": "number of the chunk, from 0.",
        "error": "what went wrong.",
        "incarnation": "of the role that speaks, or that is spoken of.",
        "reason": "why, for people; may be empty.",
        "region": "which region.",
        "role": "who speaks, or whose message it was.",
        "round": "number of the round, from 1.",
        "tracks": "the four tracks, one of each region in order.",
        "vector": "which version of each region's track.",
        "Accepted.vector": "digest of the vector that it is content with.",
        "Objected.vector": "digest of the vector that it is not content with.",
        "Objected.violations": "what it breaks: constraint, channels, span, measured, bound, who yields, and what would do.",
        "Proposed.revision": "counts the region's proposals of this beat, from 1.",
        "Proposed.round": "the round that it answers; 0 for the opening proposal.",
        "Proposed.track": "its keyframes with beat-local times, and where each of them comes from.",
        "Proposed.digest": "of the track.",
        "Proposed.why": "one line for people.",
        "RoundOpened.objections": "everything objected to in the last round and by whom, in one fixed order.",
        "Ruled.round": "the round after which there was no agreement.",
        "Ruled.rulings": "for each region the rung of the ladder that it was taken to.",
        "Committed.digest": "of the vector: what the commit is known by.",
        "Committed.ruled": "whether the coordinator had to rule.",
        "Aborted.beat": "number of the beat that was open; none before the first.",
        "Rejoined.nonce": "tells this process from all others of the region.",
        "Discarded.number": "the number that the message had on its link.",
        "Discarded.what": "`fenced` (an older incarnation's) or `refused` (not allowed where it came).",
        "DeadlinePassed.round": "the open round; 0 while proposals are gathered.",
        "ChunkAssigned.first": "first frame.",
        "ChunkAssigned.last": "the frame after the last.",
        "ChunkAssigned.motion": "digest of the rows of the motion to render.",
        "ChunkRendered.frames": "digest of the chunk's uint8 pixels.",
        "ChunkWritten.frames": "digest of the pixels that were written.",
        "RendererChanged.renderer": "which renderer, by the name that it speaks under.",
        "RendererChanged.to": "`ready`, `quiet` (it does not answer at the moment) or `gone` (it never will again).",
        "TakeResumed.versions": "of the software that goes on.",
        "TakeClosed.outcome": "`done`, `stopped` by the user, or `failed`.",
        "TakeClosed.beats": "how many beats are committed.",
        "TakeClosed.timeline": "digest over the digests of all commits; none without a commit.",
    }
)
"""What fields mean whose message does not say so itself: in one message, or in all that have them."""


def messages() -> str:
    """Who sends which message to whom, read off the tables, and what it says."""
    rows = []
    for name, model in MESSAGES.items():
        sent = [role for role, machine in MACHINES.items() if any(name in row.emits for row in machine.rows)]
        taken = [role for role, machine in MACHINES.items() if any(name == row.event for row in machine.rows)]
        summary = _described(inspect.getdoc(model) or "")[0]
        rows.append((f"`{name}`", ", ".join(sent) or "none", ", ".join(taken) or "none", summary))
    return _table(("message", "sent by", "taken by", "what it says"), rows)


def fields() -> str:
    """Every message with its fields, each in a line.

    Raises:
        DocumentationError: a field that nobody explains.
    """
    lines = []
    for name, model in MESSAGES.items():
        attributes = _described(inspect.getdoc(model) or "")[1]
        lines.append(f"**`{name}`**\n")
        for field in model.model_fields:
            meaning = attributes.get(field) or FIELDS.get(f"{name}.{field}") or FIELDS.get(field)
            if not meaning:
                raise DocumentationError(f"{name}.{field} is explained nowhere; say what it means in the docstring of {name}")
            lines.append(f"- `{field}`: {meaning}")
        lines.append("")
    return "\n".join(lines)


def _described(docstring: str) -> tuple[str, dict[str, str]]:
    """The text of a docstring before its first section on one line, and what its attributes mean."""
    text, _, rest = inspect.cleandoc(docstring).partition("Attributes:\n")
    text = re.split(r"(?m)^(?:Raises|Args|Returns):$", text)[0]
    rest = re.split(r"(?m)^\S", rest)[0]
    attributes: dict[str, str] = {}
    name = ""
    for line in rest.splitlines():
        if match := re.match(r" {4}(\w+): (.*)", line):
            name = match[1]
            attributes[name] = match[2]
        elif name and line.strip():
            attributes[name] += " " + line.strip()
    return " ".join(text.split()), attributes


# --------------------------------------------------------------------------------------------------------- constraints


def constraints(rules: RuleSet) -> str:
    """All rules: those within a region, those between regions, those that are only scored."""
    hard = [rule for rule in rules.rules if rule.severity == "hard"]
    groups = (
        ("Between regions, hard", [rule for rule in hard if rule.yields]),
        ("Within a region, hard", [rule for rule in hard if not rule.yields]),
        ("Soft: strain, scored and never a reason to refuse", [rule for rule in rules.rules if rule.severity == "soft"]),
    )
    checked = len(Constraints.of(rules).hard)
    parts = [
        f"{len(hard)} hard rules, {checked} once each side and region is counted; {len(rules.rules) - len(hard)} soft ones."
    ]
    for title, members in groups:
        shown = [
            (
                f"`{rule.id}`",
                _said(rule),
                *((rule.yields or "none",) if any(m.yields for m in members) else ()),
                rule.why,
                rule.source,
            )
            for rule in members
        ]
        yields = ("yields",) if any(rule.yields for rule in members) else ()
        parts.append(f"**{title}**\n\n{_table(('rule', 'what must hold', *yields, 'why', 'source'), shown)}")
    return "\n\n".join(parts)


def _said(rule: Rule) -> str:
    """A rule as a formula; channels of both sides without their side."""
    return _FORMULAS[type(rule)](rule) + _each_side(rule)


def _each_side(rule: Rule) -> str:
    coupled = not isinstance(rule, (Range, Speed, Acceleration))
    return " on each side" if coupled and any("{side}" in name for name in rule.names()) else ""


def _names(names: Iterable[str]) -> str:
    return ", ".join("every coefficient" if name == COEFFICIENTS else f"`{name.replace('{side}', '')}`" for name in names)


def _weighted(weights: Mapping[str, float]) -> str:
    text = ""
    for name, weight in weights.items():
        size = "" if abs(weight) == 1 else f"{abs(weight):g} "
        sign = (" - " if weight < 0 else " + ") if text else ("-" if weight < 0 else "")
        text += f"{sign}{size}`{name.replace('{side}', '')}`"
    return text


def _limit(rule: Ceiling | Floor | Follows) -> str:
    points = "; ".join(f"{driver:g} → {limit:g}" for driver, limit in rule.points)
    lasting = f", lasting {rule.sustained:g} s" if rule.sustained else ""
    return f"limit of {_weighted(rule.driver)}{lasting} ({points})"


def _unit(names: Sequence[str]) -> str:
    plain = names[0].replace("{side}", "Left")
    return {"degree": "°", "cm": " cm"}.get(CHANNELS[plain].unit, "") if plain in CHANNELS else ""


def _between(rule: Range | Between) -> str:
    if isinstance(rule, Range):
        unit = _unit(rule.channels)
        return f"{rule.min:g}{unit} ≤ {_names(rule.channels)} ≤ {rule.max:g}{unit}"
    unit = _unit(tuple(rule.weights))
    return f"{rule.min:g}{unit} ≤ {_weighted(rule.weights)} ≤ {rule.max:g}{unit}"


_FORMULAS: Mapping[type[Any], Callable[[Any], str]] = MappingProxyType(
    {
        Range: _between,
        Between: _between,
        Sum: lambda rule: f"{_weighted(rule.weights)} ≤ {rule.max:g}",
        Exclusive: lambda rule: f"the smaller of {_names(rule.channels)} ≤ {rule.max:g}",
        Ceiling: lambda rule: f"{_names(rule.channels)} ≤ {_limit(rule)}",
        Floor: lambda rule: f"{_names(rule.channels)} ≥ {_limit(rule)}",
        Follows: lambda rule: f"{_names(rule.channels)} within {rule.tolerance:g} of the {_limit(rule)}",
        Speed: lambda rule: f"{_names(rule.channels)} change by ≤ {rule.max:g}{_unit(rule.channels)} per second",
        Acceleration: lambda rule: f"{_names(rule.channels)} bend by ≤ {rule.max:g}{_unit(rule.channels)} per second²",
        Drift: lambda rule: (
            f"while the head turns, the gaze moves at {rule.slow:g} to {rule.fast:g}° per second for {rule.seconds:g} s at most"
        ),
        TurnBlink: lambda rule: f"a head turn of {rule.degrees:g}° within {rule.seconds:g} s comes with a blink",
    }
)


def findings() -> str:
    """The codes of what checks find."""
    return _table(("code", "what it stands for"), [(f"`{code}`", text) for code, text in CODES.items()])


def _table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join([*lines, *("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in rows)])
