"""What one role may still spend on a language model: tokens, money, and seconds of waiting.

A take's budget is dealt out to its roles in fixed shares, so that four processes need not ask each other before they ask a
server: half to the director, an eighth to each region. Whoever asks first sets aside the most that the answer can cost and
gives back what was left; so a budget is never overdrawn, except by a server that writes more than it was allowed to. An
attempt that came to nothing, though the server may have worked on it, counts as if it had cost all that was set aside.

What a role has spent before its process began is in the journal: each exchange, though not what its server has counted, so
that is estimated.
"""

from __future__ import annotations

import asyncio

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from agents.thinking.failing import Spent
from protocol.messages import Decided, LanguageModel, Message

DIRECTOR_SHARE = 0.5
REGION_SHARE = 0.125
_CHARACTERS = 3.5
"""ASCII characters of a token, on the safe side: English prose has more than four, JSON about three and a half."""


def weight_of(text: str) -> float:
    """About how many tokens a part of a text has, on the safe side.

    Whatever is not ASCII counts as one for each byte of its UTF-8, and no tokenizer makes more of it.
    """
    plain = len(text.encode("ascii", "ignore"))
    return plain / _CHARACTERS + len(text.encode("utf-8", "replace")) - plain


def tokens_in(text: str) -> int:
    """About how many tokens a text has, where nobody has counted them, on the safe side."""
    return int(weight_of(text)) + 1


def spent_by(role: str, messages: Iterable[Message]) -> tuple[int, int]:
    """About how many tokens a role has had read and written for it, by the messages of a journal."""
    found = [one for one in messages if isinstance(one, Decided) and one.role == role and not one.final]
    return sum(tokens_in(one.asked) for one in found), sum(tokens_in(one.reply) for one in found)


class Budget:
    """One role's share of what a take may spend.

    Used from one event loop only.

    Args:
        model: the whole take's budget, and prices.
        share: of it, 0 to 1.
        clock: seconds, never going back.
        spent: tokens read and written for the role before, in other processes.
    """

    def __init__(self, model: LanguageModel, share: float, clock: Callable[[], float], spent: tuple[int, int] = (0, 0)) -> None:
        self._model = model
        self._tokens = int(model.tokens * share)
        self._money = None if model.money is None else model.money * share
        self._prices = model.prices or (0.0, 0.0)
        self._seconds = model.seconds * share
        self._clock = clock
        self._aside_tokens = 0
        self._aside_money = 0.0
        self._waiting = 0
        self._since = 0.0
        self._settled = asyncio.Event()
        self.charge(*spent)

    @property
    def seconds_left(self) -> float:
        """Seconds that may still be waited. Answers that are awaited at the same time are waited for once."""
        return self._seconds - (self._clock() - self._since if self._waiting else 0.0)

    @property
    def share_of_seconds(self) -> str:
        """What may be waited for in all, for people: a part of which option it is."""
        return f"the role's share of --llm-seconds {self._model.seconds:g}"

    def charge(self, read: int, written: int) -> None:
        """Take off what an answer has used, in tokens."""
        self._tokens -= read + written
        if self._money is not None:
            self._money -= self._cost(read, written)

    @asynccontextmanager
    async def room(self, read: int, written: int) -> AsyncIterator[Room]:
        """Set aside what an answer may use, in tokens, and count the time until it is there.

        While others have set aside what is lacking it waits for them: they mostly give something back.

        Raises:
            Spent: there is not enough left.
        """
        while (lacking := self._lacking(read, written)) is not None:
            if not self._waiting:
                raise Spent(lacking)
            self._settled.clear()
            await self._settled.wait()
        room = Room(self, read, written)
        self._set_aside(read, written)
        if not self._waiting:
            self._since = self._clock()
        self._waiting += 1
        try:
            yield room
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._seconds -= self._clock() - self._since
            self._give_back(room.read, room.written)
            self._settled.set()

    def exchange(self, room: Room, written: int) -> None:
        """Set aside for another attempt at an answer what it may use, in place of what was set aside for the last one.

        Raises:
            Spent: there is not enough left, and the room is as it was.
        """
        self._give_back(room.read, room.written)
        lacking = self._lacking(room.read, written)
        if lacking is None:
            room.written = written
        self._set_aside(room.read, room.written)
        if lacking is not None:
            raise Spent(lacking)

    def _set_aside(self, read: int, written: int) -> None:
        self._aside_tokens += read + written
        self._aside_money += self._cost(read, written)

    def _give_back(self, read: int, written: int) -> None:
        self._aside_tokens -= read + written
        self._aside_money -= self._cost(read, written)

    def _lacking(self, read: int, written: int) -> str | None:
        tokens, money = read + written, self._cost(read, written)
        if self.seconds_left <= 0:
            return f"the time for waiting is used up, {self.share_of_seconds}"
        if tokens > self._tokens - self._aside_tokens:
            return (
                f"an answer may take {tokens} tokens and {max(self._tokens, 0)} are left of the role's share of --llm-tokens "
                f"{self._model.tokens}"
            )
        if self._money is not None and money > self._money - self._aside_money:
            return (
                f"an answer may cost {money:.4f} and {max(self._money, 0):.4f} is left of the role's share of --llm-money "
                f"{self._model.money:g}"
            )
        return None

    def _cost(self, read: int, written: int) -> float:
        return (read * self._prices[0] + written * self._prices[1]) / 1e6


class Room:
    """What a budget has set aside for one answer, and what the attempts at it have used.

    Args:
        budget: whose.
        read: tokens of what is asked.
        written: tokens that the next attempt may bring.

    Attributes:
        used: tokens, by all attempts so far.
    """

    def __init__(self, budget: Budget, read: int, written: int) -> None:
        self._budget = budget
        self.read = read
        self.written = written
        self.used = 0

    def paid(self, read: int, written: int) -> None:
        """An attempt has used so many tokens."""
        self._budget.charge(read, written)
        self.used += read + written

    def lost(self) -> None:
        """An attempt came to nothing that may have used all that was set aside for it."""
        self.paid(self.read, self.written)

    def again(self, written: int) -> None:
        """Make room for another attempt, which may bring so many tokens.

        Raises:
            Spent: there is not enough left.
        """
        self._budget.exchange(self, written)
