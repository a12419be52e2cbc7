"""What one role may still spend on a language model: tokens, money, and seconds of waiting.

A take's budget is dealt out to its roles in fixed shares, so that four processes need not ask each other before they ask a
server: half to the director, an eighth to each region. Whoever asks first sets aside the most that the answer can cost and
gives back what was left; so a budget is never overdrawn, except by a server that writes more than it was allowed to.
"""

from __future__ import annotations

import asyncio

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from agents.thinking.failing import Spent
from protocol.messages import LanguageModel

DIRECTOR_SHARE = 0.5
REGION_SHARE = 0.125
_CHARACTERS = 3.5
"""Characters of a token, on the safe side: English prose has more than four, JSON about three and a half."""


def tokens_in(text: str) -> int:
    """About how many tokens a text has, where nobody has counted them."""
    return int(len(text) / _CHARACTERS) + 1


class Budget:
    """One role's share of what a take may spend.

    Used from one event loop only.

    Args:
        model: the whole take's budget, and prices.
        share: of it, 0 to 1.
        clock: seconds, never going back.
    """

    def __init__(self, model: LanguageModel, share: float, clock: Callable[[], float]) -> None:
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

    @property
    def seconds_left(self) -> float:
        """Seconds that may still be waited. Answers that are awaited at the same time are waited for once."""
        return self._seconds - (self._clock() - self._since if self._waiting else 0.0)

    def charge(self, read: int, written: int) -> None:
        """Take off what an answer has used, in tokens."""
        self._tokens -= read + written
        if self._money is not None:
            self._money -= self._cost(read, written)

    @asynccontextmanager
    async def room(self, read: int, written: int) -> AsyncIterator[None]:
        """Set aside what an answer may use, in tokens, and count the time until it is there.

        While others have set aside what is lacking it waits for them: they mostly give something back.

        Raises:
            Spent: there is not enough left.
        """
        tokens, money = read + written, self._cost(read, written)
        while (lacking := self._lacking(tokens, money)) is not None:
            if not self._waiting:
                raise Spent(lacking)
            self._settled.clear()
            await self._settled.wait()
        self._aside_tokens += tokens
        self._aside_money += money
        if not self._waiting:
            self._since = self._clock()
        self._waiting += 1
        try:
            yield
        finally:
            self._waiting -= 1
            if not self._waiting:
                self._seconds -= self._clock() - self._since
            self._aside_tokens -= tokens
            self._aside_money -= money
            self._settled.set()

    def _lacking(self, tokens: int, money: float) -> str | None:
        if self.seconds_left <= 0:
            return "the time for waiting is used up (--llm-seconds)"
        if tokens > self._tokens - self._aside_tokens:
            return f"an answer may take {tokens} tokens and {max(self._tokens, 0)} are left (--llm-tokens)"
        if self._money is not None and money > self._money - self._aside_money:
            return f"an answer may cost {money:.4f} and {max(self._money, 0):.4f} is left (--llm-money)"
        return None

    def _cost(self, read: int, written: int) -> float:
        return (read * self._prices[0] + written * self._prices[1]) / 1e6
