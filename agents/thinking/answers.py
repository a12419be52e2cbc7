"""What a language model may answer: models of its replies, and the JSON Schema that a server is given for them.

Rules
- The fields have the meanings of `protocol.brief`, and its types where those are more than numbers. A reply is only data:
  there is nothing in it that the program could be told to do but to act.
- What is a little off is mended here: a number beyond its range comes to the end of the range, a name loses its capitals and
  spaces, a text that is too long is cut. What cannot be understood is refused, and the model is told why.
- Lists are bounded, and checked only up to their first fault.
- Schemas keep to what servers with structured output agree on: every field is required, nothing more is allowed, and names
  are enumerated, so that a decoder that is bound to the schema can name no gesture that there is not.
"""

from __future__ import annotations

import re

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from protocol.brief import Side
from protocol.channels import Region

WORDS = 300
"""Characters of a text in a reply that are kept."""

Drawing = Literal["hold", "linear", "ease_in", "ease_out", "ease_in_out", "smooth", "cubic", "min_jerk", "spring"]
"""Interpolations that need no handles."""

_HIDDEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]+")
"""Characters that control a terminal or hide in a text."""


class Unusable(ValueError):
    """A reply that cannot be used as it is.

    Args:
        problems: what is wrong with it, a sentence each, as the model is told.
    """

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("; ".join(problems))
        self.problems = tuple(problems)


def tidy(text: str, most: int = WORDS) -> str:
    """A text on one line without hidden characters, cut to so many."""
    line = " ".join(_HIDDEN.sub(" ", text).split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def _name(text: str) -> str:
    return re.sub(r"[\s\-]+", "_", text.strip().lower())[:80]


def _within(low: float, high: float) -> AfterValidator:
    """A number beyond a range comes to the end of it."""
    return AfterValidator(lambda value: min(max(value, low), high))


def _told(low: float, high: float) -> Any:
    """What a schema says of a number's range; NaN and infinity are in none."""
    return Field(json_schema_extra={"minimum": low, "maximum": high})


def _side(value: object) -> object:
    return value.strip().lower() if isinstance(value, str) else value


Line = Annotated[str, Field(max_length=20_000, json_schema_extra={"maxLength": WORDS}), AfterValidator(tidy)]
ActName = Annotated[str, Field(max_length=200, json_schema_extra={"enumerates": "acts"}), AfterValidator(_name)]
Sides = Annotated[Side, BeforeValidator(_side)]
Number = Annotated[float, Field(allow_inf_nan=False)]
Strength = Annotated[Number, _told(0.05, 2), _within(0.05, 2)]
Speed = Annotated[Number, _told(0.2, 3), _within(0.2, 3)]
Seconds = Annotated[Number, _told(0, 3600), _within(0, 3600)]
Yaw = Annotated[Number, _told(-60, 60), _within(-60, 60)]
Pitch = Annotated[Number, _told(-40, 40), _within(-40, 40)]
Size = Annotated[Number, _told(0, 60), _within(0, 60)]
Value = Annotated[Number, _told(-60, 60), _within(-60, 60)]
Count = Annotated[int, _told(0, 30), _within(0, 30)]
Moment = Annotated[Number, _told(-3600, 3600), _within(-3600, 3600)]
Origin = Annotated[int, _told(-1, 500), _within(-1, 500)]
Which = Annotated[int, _told(0, 200), _within(0, 200)]


class Reply(BaseModel):
    """What a model answers; fields that nobody asked for are left out of account."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)


class Heard(Reply):
    """A part of the direction, and what it is taken for."""

    words: Line
    meaning: Line
    when: Line = ""


class Understanding(Reply):
    """The first stage: what the direction asks for.

    Attributes:
        heard: its parts, in the order in which they happen.
        mood: what the face feels beneath what it does.
        seconds: how long it takes.
        unclear: words that mean nothing for a face.
    """

    heard: Annotated[tuple[Heard, ...], Field(max_length=60, fail_fast=True)]
    mood: Line
    seconds: Seconds
    unclear: Annotated[tuple[Line, ...], Field(max_length=30, fail_fast=True)] = ()


class DraftAct(Reply):
    """Something that the face does, in seconds of the take."""

    name: ActName
    start: Seconds
    end: Seconds
    strength: Strength = 1.0
    speed: Speed = 1.0
    side: Sides = "both"
    count: Count = 0
    yaw: Yaw = 0.0
    pitch: Pitch = 0.0
    only: Annotated[tuple[Region, ...], Field(max_length=4)] = ()
    words: Line = ""


class DraftLimit(Reply):
    """Something that it is not to do: channels (or whole regions) that stay at or below a size."""

    channels: Annotated[
        tuple[Annotated[str, Field(max_length=40, json_schema_extra={"enumerates": "parts"})], ...],
        Field(min_length=1, max_length=30),
    ]
    most: Size
    start: Seconds
    end: Seconds
    words: Line = ""


class DraftStill(Reply):
    """A span in which nothing moves at all."""

    start: Seconds
    end: Seconds
    words: Line = ""


class DraftBeat(Reply):
    """A stretch of the take with one intent."""

    start: Seconds
    end: Seconds
    summary: Line
    acts: Annotated[tuple[DraftAct, ...], Field(max_length=40, fail_fast=True)]
    limits: Annotated[tuple[DraftLimit, ...], Field(max_length=10, fail_fast=True)] = ()
    stills: Annotated[tuple[DraftStill, ...], Field(max_length=10, fail_fast=True)] = ()


class Draft(Reply):
    """The second stage, and the last: the beats of the take."""

    seconds: Seconds
    beats: Annotated[tuple[DraftBeat, ...], Field(min_length=1, max_length=60, fail_fast=True)]
    unread: Annotated[tuple[Line, ...], Field(max_length=30, fail_fast=True)] = ()


class NotedAct(DraftAct):
    """The same in seconds of its beat: below 0 if it goes on from an earlier one, beyond the beat if it is held."""

    start: Moment
    end: Moment


class NotedBeat(Reply):
    """A beat of a revision.

    Attributes:
        of: number of the beat that it was; -1 for a new one.
        keep: it stays as it was, whatever else is said here.
        seconds: its length.
    """

    of: Origin
    keep: bool
    seconds: Seconds
    summary: Line = ""
    acts: Annotated[tuple[NotedAct, ...], Field(max_length=60, fail_fast=True)] = ()
    limits: Annotated[tuple[DraftLimit, ...], Field(max_length=10, fail_fast=True)] = ()
    stills: Annotated[tuple[DraftStill, ...], Field(max_length=10, fail_fast=True)] = ()


class Noted(Reply):
    """What a note makes of a take: all its beats in order, and what was changed, a sentence each."""

    changes: Annotated[tuple[Line, ...], Field(max_length=20, fail_fast=True)]
    beats: Annotated[tuple[NotedBeat, ...], Field(min_length=1, max_length=100, fail_fast=True)]
    unread: Annotated[tuple[Line, ...], Field(max_length=30, fail_fast=True)] = ()


class Criticism(Reply):
    """The third stage: whether the draft stands."""

    problems: Annotated[tuple[Line, ...], Field(max_length=20, fail_fast=True)]
    verdict: Literal["keep", "revise"]


class Chosen(Reply):
    """A move of a region, in seconds from the start of the beat.

    Attributes:
        act: number of the act of the beat that it serves, from 1; 0 for something of the region's own.
    """

    act: Which = 0
    name: ActName
    start: Seconds
    end: Seconds
    strength: Strength = 1.0
    speed: Speed = 1.0
    side: Sides = "both"
    count: Count = 0
    yaw: Yaw = 0.0
    pitch: Pitch = 0.0
    why: Line = ""


class DrawnPoint(Reply):
    """A value at a time, and how the line goes on to the next."""

    time: Seconds
    value: Value
    mode: Drawing = "smooth"


class DrawnLine(Reply):
    """One channel's keyframes."""

    channel: Annotated[str, Field(max_length=40, json_schema_extra={"enumerates": "channels"})]
    points: Annotated[tuple[DrawnPoint, ...], Field(min_length=1, max_length=60, fail_fast=True)]
    why: Line = ""


class Playing(Reply):
    """What a region does in a beat: gestures and states, and where those are too coarse keyframes."""

    thought: Line = ""
    moves: Annotated[tuple[Chosen, ...], Field(max_length=40, fail_fast=True)]
    keyframes: Annotated[tuple[DrawnLine, ...], Field(max_length=16, fail_fast=True)] = ()


_LEFT_OUT = frozenset({"title", "default", "enumerates"})


def schema_of(model: type[Reply], names: Mapping[str, Sequence[str]]) -> dict[str, Any]:
    """The JSON Schema of a reply, for a server that constrains what it answers.

    Args:
        model: the reply.
        names: what there is to choose from, for fields that name something: "acts", "parts" and "channels".
    """
    schema: dict[str, Any] = _strict(_plain_schema(model), names)
    return schema


@cache
def _plain_schema(model: type[Reply]) -> dict[str, Any]:
    return model.model_json_schema()


def _strict(node: Any, names: Mapping[str, Sequence[str]]) -> Any:
    if isinstance(node, list):
        return [_strict(each, names) for each in node]
    if not isinstance(node, dict):
        return node
    result = {name: _strict(value, names) for name, value in node.items() if name not in _LEFT_OUT}
    if isinstance(node.get("properties"), dict):
        # Names of fields, not keywords: one called "title" would stay.
        result["properties"] = {name: _strict(value, names) for name, value in node["properties"].items()}
        result["required"] = list(result["properties"])
        result["additionalProperties"] = False
        result.pop("description", None)
    if isinstance(node.get("enumerates"), str):
        result["enum"] = list(names[node["enumerates"]])
        result.pop("maxLength", None)
    return result
