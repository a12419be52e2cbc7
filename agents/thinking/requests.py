"""What a language model is asked: prompts from their files, tables and data put together into one request.

A request has two messages. The system's holds everything that is the same for all takes: the role, the craft, the catalogue,
the form of the answer; so servers that keep what they have read before need not read it again. The user's holds data alone,
as JSON: the direction stands in it as a quoted text, whatever it says.
"""

from __future__ import annotations

import json

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from agents.thinking.answers import Criticism, Draft, Noted, Playing, Reply, Understanding, schema_of
from agents.thinking.drafting import names_of
from configs.emotions import State
from configs.gestures import Gesture
from configs.loading import ConfigError
from configs.tables import PROMPTS, Tables
from protocol.channels import CHANNELS, WRITABLE, Region
from protocol.messages import LanguageModel, digest

FORMAT = 1
"""Of requests; raised with each change of what they hold, so that old ones are told apart."""
MOST_TOKENS: Mapping[str, int] = {
    "understand": 3000,
    "draft": 6000,
    "criticise": 3000,
    "revise": 6000,
    "note": 6000,
    "opening": 4000,
    "round": 4000,
}
"""Tokens of an answer, by what it is an answer to."""
NOTES = "prompts/note.md"
"""What takes can do without whose tables were read before there was such a prompt."""
REPLIES: Mapping[str, type[Reply]] = {
    "understand": Understanding,
    "draft": Draft,
    "criticise": Criticism,
    "revise": Draft,
    "note": Noted,
    "opening": Playing,
    "round": Playing,
}
"""What comes back, likewise."""


@dataclass(frozen=True)
class Request:
    """Something to ask a language model.

    Attributes:
        role: who asks, "director" or a region.
        stage: what for, a name of `REPLIES`.
        beat: the beat that it is about; None if about the whole take.
        round: of the beat; 0 for the opening proposal, and for the director.
        system: the system's message.
        user: the user's message.
        schema: of the answer.
        model: who is asked.
        seed: of the server's choice among likely words.
        mending: text that asks for a repair, with `{{problems}}` for what is wrong.
    """

    role: str
    stage: str
    beat: int | None
    round: int
    system: str
    user: str
    schema: Mapping[str, Any]
    model: LanguageModel
    seed: int
    mending: str

    def recorded(self, call: int) -> dict[str, Any]:
        """Everything about it but the messages, as it is recorded; `call` counts repairs."""
        return {
            "beat": self.beat,
            "call": call,
            "format": FORMAT,
            "max_tokens": MOST_TOKENS[self.stage],
            "model": self.model.model,
            "role": self.role,
            "round": self.round,
            "schema": self.schema,
            "seed": self.seed,
            "stage": self.stage,
            "temperature": self.model.temperature,
        }

    def repair(self, problems: Sequence[str]) -> str:
        """What is said to a reply that cannot be used."""
        return self.mending.replace("{{problems}}", "\n".join(f"- {problem}" for problem in problems))

    @cached_property
    def asked(self) -> str:
        """The first request of the turn, as it is recorded."""
        messages = [{"role": "system", "content": self.system}, {"role": "user", "content": self.user}]
        return canonical({**self.recorded(0), "messages": messages})

    @cached_property
    def digest(self) -> str:
        """What the first exchange of the turn is known by."""
        return digest(self.asked)


def canonical(request: Mapping[str, Any]) -> str:
    """A request as the text that it is known by: JSON with its names in order."""
    return json.dumps(request, ensure_ascii=False, sort_keys=True, separators=(",", ":"), allow_nan=False)


class Requests:
    """Makes requests from the prompts and tables of a take.

    Args:
        tables: with the prompts.
        model: who is asked.

    Raises:
        ConfigError: the tables hold no prompts.
    """

    def __init__(self, tables: Tables, model: LanguageModel) -> None:
        missing = [name for name in PROMPTS if name not in tables.prompts and name != NOTES]
        if missing:
            raise ConfigError(f"configs/{missing[0]}: a take with a language model needs this text, and it was not read")
        self._tables = tables
        self._model = model
        self._systems: dict[tuple[str, str], tuple[str, Mapping[str, Any]]] = {}

    def director(self, stage: str, data: Mapping[str, Any], seed: int) -> Request:
        """A request of the director."""
        return self._request("director", stage, None, 0, data, seed)

    def region(self, region: Region, stage: str, beat: int, round_: int, data: Mapping[str, Any], seed: int) -> Request:
        """A request of a region."""
        return self._request(region, stage, beat, round_, data, seed)

    def system(self, role: str, stage: str) -> tuple[str, Mapping[str, Any]]:
        """The system's message of a role at a stage, and the schema of the answer."""
        if (role, stage) not in self._systems:
            schema = schema_of(REPLIES[stage], self._names(role))
            self._systems[role, stage] = (self._told(role, stage, schema), schema)
        return self._systems[role, stage]

    def _request(self, role: str, stage: str, beat: int | None, round_: int, data: Mapping[str, Any], seed: int) -> Request:
        system, schema = self.system(role, stage)
        user = json.dumps(data, ensure_ascii=False, separators=(", ", ": "), allow_nan=False)
        mending = self._prompt("repair")
        return Request(role, stage, beat, round_, system, user, schema, self._model, seed % 2**31, mending)

    def _names(self, role: str) -> dict[str, list[str]]:
        if role == "director":
            return names_of(self._tables)
        region: Region = role  # type: ignore[assignment]
        return {"acts": [name for name, _ in acts_of(self._tables, region)], "channels": list(WRITABLE[region])}

    def _told(self, role: str, stage: str, schema: Mapping[str, Any]) -> str:
        if role == "director":
            about = self._prompt("director").replace("{{catalogue}}", _catalogue(self._tables, None))
        else:
            region: Region = role  # type: ignore[assignment]
            about = self._prompt("region").replace("{{catalogue}}", _catalogue(self._tables, region))
            about = about.replace("{{region}}", region).replace("{{channels}}", _channels(region))
        form = json.dumps(schema, ensure_ascii=False, separators=(",", ":"))
        return "\n\n".join((about, self._prompt(stage), f"The JSON Schema of your answer:\n{form}"))

    def _prompt(self, name: str) -> str:
        """A prompt without the line that says its version."""
        return self._tables.prompts[f"prompts/{name}.md"].partition("\n")[2].strip()


def acts_of(tables: Tables, region: Region | None) -> Iterator[tuple[str, Gesture | State]]:
    """Every gesture and state that a region takes part in; all of them if none is given."""
    for name, gesture in tables.gestures.gestures.items():
        if region is None or region in gesture.regions:
            yield name, gesture
    for name, state in tables.emotions.states.items():
        if region is None or state.of(region):
            yield name, state


def _catalogue(tables: Tables, region: Region | None) -> str:
    """The catalogue, a line each: name, what it is, and what its time, side and aim are."""
    return "\n".join(f"- {name}: {_described(act)}" for name, act in acts_of(tables, region))


def _described(act: Gesture | State) -> str:
    if isinstance(act, State):
        return f"{act.about} [state, held; comes in {act.onset:g} s, goes in {act.offset:g} s]"
    facts = [f"brief, {act.lasts:g} s" if act.lasts is not None else f"held; {act.onset:g} s in, {act.offset:g} s out"]
    if act.cycle is not None:
        facts.append(f"repeats every {act.cycle.period:g} s; count")
    if act.sides == "one":
        facts.append("one side")
    if act.aim is not None:
        facts.append(f"aims the {act.aim.who}: yaw, pitch")
    return f"{act.about} [{'; '.join(facts)}]"


_SIGNS = {"share": "0..1", "degree": "degrees", "cm": "cm"}


def _channels(region: Region) -> str:
    """A region's channels with their ranges."""
    lines = []
    for name in WRITABLE[region]:
        channel = CHANNELS[name]
        unit = _SIGNS[channel.unit]
        lines.append(f"- {name}: {unit if channel.unit == 'share' else f'{channel.low:g}..{channel.high:g} {unit}'}")
    return "\n".join(lines)
