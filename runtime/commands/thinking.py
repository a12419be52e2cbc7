"""What a language model is asked while a take is planned, for the line that says how far that is.

Questions are told of by whoever asks them in this process, from threads of their own. Of regions in other processes nothing is
heard but what is in the journal: there their answers count as soon as they are journaled, and their tokens are about so many.
"""

from __future__ import annotations

import contextlib
import threading

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import TYPE_CHECKING

from protocol.brief import Brief
from protocol.channels import REGIONS
from protocol.journal import Record
from protocol.messages import DIRECTOR, Decided, TakeOpened

if TYPE_CHECKING:
    from agents.exchange import Asking

_EVERY_S = 0.25
"""Between two looks at what is being asked."""
_DOES = {
    "understand": "reads the direction",
    "draft": "drafts the beats",
    "criticise": "criticises the draft",
    "revise": "revises the draft",
    "note": "follows the note",
}
"""What the director does, by the stage that it asks in."""


class Thinking:
    """Keeps account of the questions of a take, or of several one after the other.

    Args:
        clock: seconds, never going back.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._since: dict[Asking, float] = {}
        self._beats = 0
        self._told: Counter[str] = Counter()
        self._told_tokens: Counter[str] = Counter()
        self._heard: Counter[str] = Counter()
        self._heard_tokens: Counter[str] = Counter()
        self._before = (0, 0)

    def asking(self, asking: Asking) -> None:
        """A question begins, or is waited for no longer; from any thread."""
        from dataclasses import replace

        question = replace(asking, tokens=None, answered=False)
        with self._lock:
            if asking.tokens is None:
                self._since[question] = self._clock()
                return
            self._since.pop(question, None)
            self._told[asking.role] += asking.answered
            self._told_tokens[asking.role] += asking.tokens

    def hear(self, record: Record) -> None:
        """A record is in the journal."""
        message = record.message
        with self._lock:
            if isinstance(message, TakeOpened):
                self._before, self._beats = self._spent(), 0
                for counts in (self._told, self._told_tokens, self._heard, self._heard_tokens):
                    counts.clear()
            elif isinstance(message, Decided) and not message.final:
                from agents.thinking.budget import tokens_in

                self._heard[message.role] += 1
                self._heard_tokens[message.role] += tokens_in(message.asked) + tokens_in(message.reply)
            elif isinstance(message, Decided) and message.role == DIRECTOR:
                self._beats = len(Brief.model_validate_json(message.reply).beats)

    def briefed(self, beats: int) -> None:
        """The take has so many beats."""
        with self._lock:
            self._beats = beats

    @property
    def busy(self) -> bool:
        """Whether an answer is awaited."""
        return bool(self._since)

    def words(self) -> str:
        """Who thinks about what, for how long, and what has been spent; empty where nobody has been asked."""
        with self._lock:
            found = [part for part in (self._going_on(), self._spending()) if part]
        return "; ".join(found)

    def spending(self) -> str:
        """How many answers there are, and how many tokens were read and written for them; empty if none."""
        with self._lock:
            return self._spending()

    def _spent(self) -> tuple[int, int]:
        """Answers and tokens, each role's by what it told or by the journal, whichever knows of more answers."""
        answers, tokens = self._before
        for role in {**self._told, **self._heard}:
            by_journal = self._heard[role] > self._told[role]
            answers += max(self._told[role], self._heard[role])
            tokens += (self._heard_tokens if by_journal else self._told_tokens)[role]
        return answers, tokens

    def _spending(self) -> str:
        answers, tokens = self._spent()
        return f"{answers:,} answer{'' if answers == 1 else 's'}, {tokens:,} tokens" if answers or tokens else ""

    def _going_on(self) -> str:
        if not self._since:
            return ""
        waited = self._clock() - min(self._since.values())
        directing = [asked for asked in self._since if asked.role == DIRECTOR]
        if directing:
            what = f"the director {_DOES.get(directing[0].stage, directing[0].stage)}"
        else:
            roles = [region for region in REGIONS if any(asked.role == region for asked in self._since)]
            beats = sorted({asked.beat or 0 for asked in self._since})
            what = f"{_beats(beats, self._beats)}{self._round()}: {', '.join(roles)}"
        again = " anew, its answer could not be used" if len(self._since) == 1 and next(iter(self._since)).call else ""
        return f"{what}{again}" + (f", {waited:.0f} s" if waited >= 1 else "")

    def _round(self) -> str:
        rounds = {asked.round for asked in self._since}
        return f", round {max(rounds)}" if len(rounds) == 1 and max(rounds) else ""


def _beats(numbers: Sequence[int], total: int) -> str:
    """Which beats are thought about, as people count them."""
    told = [str(number + 1) for number in numbers]
    *before, last = told
    if len(told) > 2 and numbers[-1] - numbers[0] == len(told) - 1:
        which = f"{told[0]} to {last}"
    else:
        which = f"{', '.join(before)} and {last}" if before else last
    return f"beat{'s' if before else ''} {which}" + (f" of {total}" if total else "")


@contextlib.contextmanager
def looking(say: Callable[[], None]) -> Iterator[None]:
    """Have something said again and again while something else is waited for inside."""
    over = threading.Event()

    def look() -> None:
        while not over.wait(_EVERY_S):
            say()

    thread = threading.Thread(target=look, name="progress", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
