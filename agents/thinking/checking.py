"""Whether this version would ask a language model what a journal says that it was asked.

A replay needs no model: the replies are in the journal. But who wants to go on with a take, or to compare two of them, has to
know that prompts, catalogue or model have changed since: then the same words would be answered to another question.
"""

from __future__ import annotations

import json

from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import Any

from agents.regions import Question
from agents.thinking.director import told_of_take
from agents.thinking.noting import told_of_note
from agents.thinking.playing import told_of_beat
from agents.thinking.requests import FORMAT, MOST_TOKENS, REPLIES, Requests
from configs.tables import PROMPTS, build
from protocol.channels import REGIONS
from protocol.messages import BeatOpened, Decided, TakeOpened

_SHOWN = 60


def differences(
    opened: TakeOpened, decided: Sequence[Decided], beats: Mapping[int, BeatOpened], prompts: Mapping[str, str]
) -> tuple[str, ...]:
    """Where this version would ask something else than was asked, a line for each part of a request that differs.

    Args:
        opened: the take, with the tables that it was made with.
        decided: what its journal holds of planners, in order; only exchanges with a language model are looked at.
        beats: its beats as they were opened, by number.
        prompts: texts of this version's prompts, by the names of `configs.tables.PROMPTS`; others are left out of account.

    Returns:
        One line per stage and part, the first request at which it shows; nothing if all is as it was.

    Raises:
        ConfigError: the tables of the take cannot be read by this version.
    """
    if opened.language_model is None:
        return ()
    texts = {**opened.configuration, **{name: text for name, text in prompts.items() if name in PROMPTS}}
    requests = Requests(build(texts), opened.language_model)
    found: dict[tuple[str, str, str], str] = {}
    for one in decided:
        if one.final or not one.asked:
            continue
        try:
            asked = json.loads(one.asked)
            role, stage = str(asked["role"]), str(asked["stage"])
            parts = list(_parts(asked, opened, beats, requests))
        except (ValueError, LookupError, TypeError, AttributeError, RecursionError):  # the last of what is nested too deep
            found.setdefault((one.role, "", "form"), f"{one.role}: an exchange is not in the form of this version")
            continue
        for part, line in parts:
            found.setdefault((role if role == "director" else "region", stage, part), line)
    return tuple(found.values())


def _parts(
    asked: Mapping[str, Any], opened: TakeOpened, beats: Mapping[int, BeatOpened], requests: Requests
) -> Iterator[tuple[str, str]]:
    """(part, line) of everything in a request that would be another now."""
    assert opened.language_model is not None
    model, role, stage = opened.language_model, asked["role"], asked["stage"]
    where = f"{role}, {stage}" + (f", beat {asked['beat']}" if asked["beat"] is not None else "")
    if stage not in REPLIES or (role != "director" and role not in REGIONS):
        yield "stage", f"{where}: this version asks nothing of the kind"
        return
    system, schema = requests.system(role, stage)
    expected = {
        "format": FORMAT,
        "model": model.model,
        "temperature": model.temperature,
        "max_tokens": MOST_TOKENS[stage],
        "seed": opened.seed % 2**31,
    }
    for part, value in expected.items():
        if asked[part] != value:
            yield part, f"{where}: {part} is now {value!r} and was {asked[part]!r}"
    if asked["schema"] != schema:
        yield "schema", f"{where}: the form of the answer has changed"
    first, second = asked["messages"][0]["content"], asked["messages"][1]["content"]
    if first != system:
        yield "prompt", f"{where}: the prompt has changed: {_first_difference(first, system)}"
    data = _data(role, stage, asked["beat"], opened, beats)
    if data is not None and json.loads(second) != json.loads(json.dumps(data)):
        yield "data", f"{where}: it is told something else: {_first_difference(second, json.dumps(data, ensure_ascii=False))}"


def _data(
    role: str, stage: str, beat: int | None, opened: TakeOpened, beats: Mapping[int, BeatOpened]
) -> dict[str, Any] | None:
    """What a request tells, where that follows from the journal alone; None where it hangs on replies or on measuring."""
    if stage == "understand":
        return told_of_take(opened)
    if stage == "note" and opened.parent is not None:
        return told_of_note(opened, opened.parent)
    region = next((region for region in REGIONS if region == role), None)
    opening = beats.get(beat) if beat is not None else None
    if stage == "opening" and region is not None and opening is not None:
        return told_of_beat(Question(region, opened, opening, None))
    return None


def _first_difference(was: str, now: str) -> str:
    """The first line in which two texts differ, or of one line the first place."""
    for old, new in zip_longest(was.splitlines(), now.splitlines(), fillvalue=""):
        if old != new:
            at = next((n for n, pair in enumerate(zip(old, new, strict=False)) if pair[0] != pair[1]), min(len(old), len(new)))
            start = max(at - _SHOWN // 3, 0)
            return f"{_cut(new, start)!r} where {_cut(old, start)!r} stood"
    return "only in its line ends"


def _cut(line: str, start: int) -> str:
    return ("…" if start else "") + line[start : start + _SHOWN] + ("…" if len(line) > start + _SHOWN else "")
