"""Who plans a take: the embedded planner, or one that asks a language model.

What asks is loaded only for takes that ask. The server's key is read from the environment of the process that asks, each time
that it is needed; it is nowhere else.
"""

from __future__ import annotations

import os

from collections.abc import Callable, Mapping

from agents.exchange import Asking, DirectorAgent, Surroundings, unspent, unwatched
from agents.regions import LexiconRegion, Planner
from configs.tables import Tables
from protocol.messages import TakeOpened
from runtime.loading import Loaded

KEYS = ("TEXTUPORTRAY_LLM_KEY", "OPENAI_API_KEY")
"""Variables of the environment that may hold the server's key; the first that is set counts."""


def surroundings(
    clock: Callable[[], float],
    stopped: Callable[[], str | None],
    asking: Callable[[Asking], None] = unwatched,
    spent: Callable[[str], tuple[int, int]] = unspent,
    environment: Mapping[str, str] = os.environ,
) -> Surroundings:
    """What a planner needs to know of where it runs.

    Args:
        clock: seconds, never going back.
        stopped: asked while an answer is awaited; a reason ends the waiting.
        asking: told of every question, from any thread.
        spent: tokens read and written for a role before it began to ask in this process.
        environment: where the server's key may be.
    """
    return Surroundings(clock, stopped, lambda: key_of(environment), asking, spent)


def key_of(environment: Mapping[str, str]) -> str | None:
    """The server's key, if the environment has one."""
    return next((environment[name] for name in KEYS if environment.get(name)), None)


def director_for(opened: TakeOpened, loaded: Loaded, around: Surroundings) -> DirectorAgent:
    """Who briefs a take."""
    if opened.language_model is None:
        return loaded.director
    from agents.thinking.director import LanguageDirector  # noqa: PLC0415 - few takes ask a language model

    return LanguageDirector(loaded.tables, opened.language_model, around)


def region_planner_for(opened: TakeOpened, tables: Tables, around: Surroundings) -> Planner:
    """Who decides what a region performs in a take."""
    if opened.language_model is None:
        return LexiconRegion(tables)
    from agents.thinking.region import LanguageRegion  # noqa: PLC0415 - likewise

    return LanguageRegion(tables, opened.language_model, around)
