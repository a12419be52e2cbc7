"""The director as an agent: from an opened take to its brief."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from agents.director.lexicon import LexiconPlanner
from agents.director.revision import traced
from agents.exchange import NOTHING, Exchange, Known, unheard
from configs.tables import Tables
from protocol.brief import Brief
from protocol.messages import TakeOpened


class Change(Protocol):
    """What a note makes of a brief."""

    @property
    def brief(self) -> Brief:
        """The brief of the revision."""

    @property
    def origin(self) -> tuple[int | None, ...]:
        """For each of its beats the parent's beat that it comes from; None for new ones."""

    @property
    def said(self) -> tuple[str, ...]:
        """What was changed, a sentence each."""


class Notes(Protocol):
    """Reads notes on a take."""

    def revise(self, parent: Brief, note: str, direction: str, seconds: float | None, emotion: str | None) -> Change:
        """What a note makes of a brief that was understood from a direction."""


class LexiconDirector:
    """Briefs a take with the embedded planner.

    Args:
        tables: its lexicon, and the emotional states that there are.
        notes: makes what reads notes on a take, when there is one to read; by default that of the embedded planner.
    """

    name = "lexicon"

    def __init__(self, tables: Tables, notes: Callable[[], Notes] | None = None) -> None:
        self._tables = tables
        self._planner = LexiconPlanner(tables.lexicon, tuple(tables.emotions.states))
        self._make_notes = notes or self._embedded
        self._notes: Notes | None = None

    def brief(self, opened: TakeOpened, known: Known = NOTHING, note: Callable[[Exchange], None] = unheard) -> Brief:
        """What the direction asks for, in timed beats; or of a revision, what the note leaves of them and what it changes.

        Args:
            opened: what the take is asked for.
            known: of no use here, where nobody is asked.
            note: likewise.

        Raises:
            NoteError: nothing of the note could be used.
        """
        parent = opened.parent
        if parent is None:
            return self._planner.plan(opened.direction, opened.seconds, opened.emotion or None)
        changes, words = opened.direction, parent.directions[0]
        if self._notes is None:
            self._notes = self._make_notes()
        change = self._notes.revise(parent.brief, changes, words, opened.seconds, opened.emotion or None)
        brief = change.brief.model_copy(update={"changes": tuple(line[:400] for line in change.said)})
        return traced(self._tables, opened, brief, change.origin)

    def _embedded(self) -> Notes:
        from agents.director.notes import NoteReader  # noqa: PLC0415 - only where a note is to be read

        return NoteReader(self._planner, self._tables.lexicon)
