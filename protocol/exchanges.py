"""Exchanges with a language model in a journal: what they have to keep, and each of them in a line.

Exchanges lead to the decision of the role that asks: they stand before it, about the same question, and the role says nothing
else before it has decided. What a process leaves undecided that dies or is replaced by its fallback is over. That is part of
the history check (`protocol.history`).

What was asked is for the planner to say, as JSON; of what may stand there only the names are known here that are of use to
people: `model`, `stage` and `call`, the number of the try.
"""

from __future__ import annotations

import json

from dataclasses import dataclass, field

from protocol.messages import DIRECTOR, Accepted, Decided, Message, Objected, Proposed, Restored, TakeResumed

Question = tuple[int | None, int]
"""A beat, None for the brief, and a round."""


@dataclass
class ExchangesPast:
    """What was asked so far.

    Attributes:
        open: the question about which a role has asked a language model and not decided yet.
        decided: the question that a role decided last.
        exchanged: digests of what was asked about that question, by each role.
    """

    open: dict[str, Question] = field(default_factory=dict)
    decided: dict[str, Question] = field(default_factory=dict)
    exchanged: dict[str, set[str]] = field(default_factory=dict)

    def check(self, message: Message, beat: int | None) -> list[str]:
        """What is wrong with a message, as far as exchanges are concerned; it is remembered.

        Args:
            message: the next one.
            beat: the number of the open beat; None before the first.
        """
        if isinstance(message, TakeResumed):
            self.open.clear()
        elif isinstance(message, Restored):
            self.open.pop(message.region, None)
            self.decided.pop(message.region, None)
        elif isinstance(message, Decided):
            return self._decided(message, beat)
        elif isinstance(message, (Proposed, Accepted, Objected)):
            role = message.region if isinstance(message, Proposed) else message.role
            if role in self.open:
                return [f"{role} sends {type(message).__name__} before it has decided on what it asked a language model"]
        return []

    def _decided(self, message: Decided, beat: int | None) -> list[str]:
        role, question = message.role, (message.beat, message.round)
        waiting = self.open.get(role, question)
        wrong = [] if waiting == question else [f"{role} decides on {_named(question)} while it asks about {_named(waiting)}"]
        if message.final:
            self.open.pop(role, None)
            self.decided[role] = question
            return wrong
        if role not in self.open:
            self.exchanged[role] = set()
        self.open[role] = question
        if message.beat != (None if role == DIRECTOR else beat):
            wrong.append(f"{role} asks about {_named(question)}, which is not open")
        if self.decided.get(role) == question:
            wrong.append(f"{role} asks about {_named(question)} after it has decided on that")
        if message.request in self.exchanged[role]:
            wrong.append(f"{role} asks the same about {_named(question)} twice")
        self.exchanged[role].add(message.request)
        return wrong


def _named(question: Question) -> str:
    beat, number = question
    return "the brief" if beat is None else f"beat {beat}" + (f", round {number}" if number else "")


def told(exchange: Decided) -> str:
    """What was asked whom, in a few words, such as `gpt-4.1: draft, try 2 (41,302 characters; 2,210 come back)`."""
    about = _parsed(exchange.asked)
    model, stage, call = about.get("model"), about.get("stage"), about.get("call")
    who = model if isinstance(model, str) and model else "a language model"
    what = f": {stage}" if isinstance(stage, str) and stage else ""
    again = f", try {call + 1}" if isinstance(call, int) and call > 0 else ""
    return f"{who[:80]}{what[:80]}{again} ({len(exchange.asked):,} characters; {len(exchange.reply):,} come back)"


def _parsed(asked: str) -> dict[str, object]:
    try:
        found = json.loads(asked)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}
