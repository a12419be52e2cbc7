"""The director's embedded planner: directions in English prose to briefs, offline and the same every time."""

from __future__ import annotations

from collections.abc import Iterable

from agents.director.reading import Reader, Reading
from agents.director.schedule import Scheduler
from configs.lexicon import Lexicon
from protocol.brief import Brief


class LexiconPlanner:
    """Plans by the tables of a lexicon. Compiles them once; planning changes nothing in it.

    Args:
        lexicon: the tables.
        states: names of the emotional states that the face can take.

    Raises:
        ValueError: the lexicon names a state that the face does not know, or a pattern cannot be read.
    """

    def __init__(self, lexicon: Lexicon, states: Iterable[str]) -> None:
        known = frozenset(states)
        unknown = [name for name in lexicon.states if name not in known]
        if unknown:
            raise ValueError(f"states.yaml has the state {unknown[0]}, which the table of emotions does not know")
        self._lexicon = lexicon
        self._reader = Reader(lexicon)
        self._scheduler = Scheduler(lexicon)

    def understand(self, direction: str) -> Reading:
        """The first stage: what a direction or a piece of one asks for, in which order."""
        return self._reader.understand(direction, part=True)

    def draft(self, reading: Reading, seconds: float | None, colour: Reading | None = None) -> Brief:
        """The second stage: times.

        Args:
            reading: the direction, understood.
            seconds: length of the take; None for what the direction needs.
            colour: an emotion over the whole take, understood.
        """
        return self._scheduler.draft(reading, seconds, colour)

    def plan(self, direction: str, seconds: float | None, emotion: str | None = None) -> Brief:
        """A brief for a direction.

        Args:
            direction: what the face is to do, in English.
            seconds: length of the take, above 0; None for what the direction needs, 3 to 20 s.
            emotion: words for an emotional colouring of the whole take, apart from the motion.
        """
        colour = self.understand(emotion) if emotion else None
        return self.draft(self._reader.understand(direction), seconds, colour)
