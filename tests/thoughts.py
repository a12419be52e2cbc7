"""What tests of the language-model planner share: tables with prompts, takes that ask a server, and reviews made up."""

from __future__ import annotations

import time

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from types import SimpleNamespace
from typing import Any

from agents.exchange import NOTHING, Exchange, Known, Surroundings
from agents.performance import Performance
from agents.regions import IDLE, Answer, LexiconRegion, Question
from agents.thinking.director import LanguageDirector, Measure
from agents.thinking.region import LanguageRegion
from protocol.brief import Act, Beat, Brief
from protocol.channels import Region
from protocol.messages import BeatOpened, LanguageModel, TakeOpened
from protocol.timeline import rest
from runtime.loading import Loaded, load
from tests.llm_server import KEY, LanguageServer

DIRECTION = "She raises her eyebrows, then she smiles and turns her head to the left."


@cache
def loaded() -> Loaded:
    """The built-in tables, with prompts."""
    return load(prompts=True)


def model_at(url: str, **changes: Any) -> LanguageModel:
    """A language model at an address, with budgets that are no matter unless changed."""
    given = {"model": "test", "url": url, "tokens": 10_000_000, "seconds": 600.0, "patience": 20.0}
    return LanguageModel(**{**given, **changes})


def opened_at(
    url: str, direction: str = DIRECTION, seconds: float | None = 4.0, emotion: str = "", **changes: Any
) -> TakeOpened:
    """A take that asks a server; `changes` are of the language model."""
    return TakeOpened(
        take="take-1",
        direction=direction,
        seed=7,
        fps="30",
        seconds=seconds,
        flags=(IDLE,),
        emotion=emotion,
        rounds=4,
        configuration=loaded().texts,
        versions={},
        language_model=model_at(url, **changes),
    )


def surroundings(stopped: Callable[[], str | None] = lambda: None, key: str | None = KEY) -> Surroundings:
    """The real clock, and a key."""
    return Surroundings(time.monotonic, stopped, lambda: key)


def scoring(*scores: float) -> Measure:
    """A critic that gives these scores, one after the other, and finds nothing else."""
    left = list(scores)
    intent = SimpleNamespace(beat=0, name="smile", words="smiles", present=0.3, late=0.1, strength=0.8, note="", at=2.1)
    measures = (("blinks a minute", 0.21, 41.237), ("lag of the head", 0.9, 0.1))
    odd = tuple(SimpleNamespace(about=a, value=v, low=8.0, high=21.0, unit="", score=score) for a, score, v in measures)
    return lambda opened, brief: SimpleNamespace(
        score=left.pop(0), weakest="the smile is hardly seen", intents=(intent,), nature=odd
    )


@dataclass
class Directed:
    """What a director made of a take."""

    brief: Brief
    exchanges: list[Exchange]


def direct(opened: TakeOpened, measure: Measure | None = None, known: dict[str, str] | None = None, **around: Any) -> Directed:
    """Have a take briefed by the language model."""
    assert opened.language_model is not None
    director = LanguageDirector(loaded().tables, opened.language_model, surroundings(**around), measure or scoring(80.0, 80.0))
    exchanges: list[Exchange] = []
    return Directed(director.brief(opened, known or {}, exchanges.append), exchanges)


def beat_of(*acts: Act, seconds: float = 3.0, **more: Any) -> Beat:
    """A beat that asks for these acts."""
    return Beat(start=0.0, end=seconds, summary="a beat", acts=acts, **more)


def question(region: Region, opened: TakeOpened, intent: Beat | None = None) -> Question:
    """What a region is asked at the opening of a first beat; by default to smile and to look to the left."""
    asked = intent or beat_of(
        Act(name="smile", start=0.2, end=2.0, words="smiles"),
        Act(name="look", start=0.5, end=3.0, yaw=20.0, words="looks left"),
    )
    return Question(region, opened, BeatOpened(beat=0, intent=asked, previous=None, end_state=rest()), None)


def region_at(server: LanguageServer, **changes: Any) -> LanguageRegion:
    """A region's planner that asks a server; it is to be closed."""
    return LanguageRegion(loaded().tables, model_at(server.url, **changes), surroundings())


def propose(server: LanguageServer, known: Known = NOTHING, around: Surroundings | None = None, **changes: Any) -> Answer:
    """What the mouth answers when it is asked to smile; `changes` are of the language model."""
    region = LanguageRegion(loaded().tables, model_at(server.url, **changes), around or surroundings())
    try:
        return region.propose(question("mouth", opened_at(server.url)), known)
    finally:
        region.close()


def embedded_mouth() -> Performance:
    """What the embedded planner answers to the same."""
    return LexiconRegion(loaded().tables).propose(question("mouth", opened_at("http://127.0.0.1:9/v1")), NOTHING).performance
