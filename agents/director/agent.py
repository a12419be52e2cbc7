"""The director as an agent: from an opened take to its brief."""

from __future__ import annotations

from agents.director.lexicon import LexiconPlanner
from configs.tables import Tables
from protocol.brief import Brief
from protocol.messages import TakeOpened


class LexiconDirector:
    """Briefs a take with the embedded planner.

    Args:
        tables: its lexicon, and the emotional states that there are.
    """

    name = "lexicon"

    def __init__(self, tables: Tables) -> None:
        self._planner = LexiconPlanner(tables.lexicon, tuple(tables.emotions.states))

    def brief(self, opened: TakeOpened) -> Brief:
        """What the direction asks for, in timed beats."""
        return self._planner.plan(opened.direction, opened.seconds, opened.emotion or None)
