"""The director's own lexicon and a planner and a reader that know it, read once for all modules that hand it directions."""

from __future__ import annotations

from agents.director.lexicon import LexiconPlanner
from configs.lexicon import builtin_texts, load_lexicon

TEXTS = builtin_texts()
LEXICON = load_lexicon(TEXTS)
PLANNER = LexiconPlanner(LEXICON, LEXICON.states)
READER = PLANNER._reader


def names(direction: str, seconds: float | None = None) -> list[str]:
    """The acts that a direction calls for, in the order in which they begin."""
    found = [(beat.start + act.start, act.name) for beat in PLANNER.plan(direction, seconds).beats for act in beat.acts
             if act.start >= 0 or beat.start == 0]  # fmt: skip
    return [name for _, name in sorted(found, key=lambda one: one[0])]
