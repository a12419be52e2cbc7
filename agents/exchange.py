"""One request to a language model and its raw reply: the unit that a journal keeps so that nothing is asked twice.

Besides, what an agent that asks needs to know of where it runs, how it is told that nobody waits for its answer any more, and
what a director is, whether it asks somebody or not.
"""

from __future__ import annotations

import threading

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Protocol

from protocol.brief import Brief
from protocol.messages import TakeOpened, digest

Known = Mapping[str, str]
"""Raw replies that the journal holds already, by the digest of what was asked."""
NOTHING: Known = MappingProxyType({})
"""What is known where no language model was asked."""
PATIENT = 2
"""Answers that may fail to come, one after the other, before a server is given up."""


class Stopped(Exception):
    """Nobody waits for the answer any more: the take is to end. Its text is the reason, such as the name of a signal."""


@dataclass(frozen=True, slots=True)
class Exchange:
    """One request to a language model and its raw reply.

    Attributes:
        asked: the request as canonical JSON: model, parameters, messages, schema, and where in the take it was asked.
            Nothing secret is in it: it is journaled.
        reply: the text that came back, as it came.
    """

    asked: str
    reply: str

    @property
    def request(self) -> str:
        """What the exchange is known by: the digest of what was asked."""
        return digest(self.asked)


@dataclass(frozen=True, slots=True)
class Asking:
    """A question to a language model, when it begins to wait for its answer and when it waits no longer.

    Attributes:
        role: who asks, "director" or a region.
        stage: what for, such as "draft" or "opening".
        beat: that it is about; None if about the whole take.
        round: of the beat; 0 before the first.
        call: 0, or which repair of an answer it is.
        tokens: read and written for the answer, and for attempts that failed; None while it is awaited.
        answered: whether there is an answer.
    """

    role: str
    stage: str
    beat: int | None
    round: int
    call: int
    tokens: int | None = None
    answered: bool = False


def unwatched(asking: Asking) -> None:
    """Take note of a question where nobody watches."""


def unspent(_role: str) -> tuple[int, int]:
    """What a role has spent where nothing came before."""
    return 0, 0


class Standing:
    """How a server has fared lately with all that ask it in this process: who has failed them is not waited for again.

    It is used from any thread.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._failed = 0
        self._why = ""

    @property
    def given_up(self) -> str:
        """Why the server is asked no more; empty while it is."""
        with self._lock:
            return self._why if self._failed >= PATIENT else ""

    def answered(self) -> None:
        """There was an answer."""
        with self._lock:
            self._failed = 0

    def failed(self, why: str, *, for_good: bool = False) -> None:
        """An answer did not come; or none ever will."""
        with self._lock:
            self._failed = PATIENT if for_good else self._failed + 1
            self._why = why


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What an agent that asks a language model needs to know of where it runs.

    Attributes:
        clock: seconds, never going back.
        stopped: asked while an answer is awaited, from any thread; a reason ends the waiting with `Stopped`.
        key: of the server, read from the environment when it is needed and kept nowhere; None if there is none.
        asking: told of every question twice, from the thread that asks: when it begins, and when it has been waited for.
        spent: tokens read and written for a role before it began to ask here, by its name.
        standing: of the server, with all that ask it in the take and in this process.
    """

    clock: Callable[[], float]
    stopped: Callable[[], str | None]
    key: Callable[[], str | None]
    asking: Callable[[Asking], None] = unwatched
    spent: Callable[[str], tuple[int, int]] = unspent
    standing: Standing = field(default_factory=Standing)


def unheard(exchange: Exchange) -> None:
    """Take note of an exchange where there is no journal."""


class DirectorAgent(Protocol):
    """Refines a direction into a brief."""

    @property
    def name(self) -> str:
        """What the journal calls its planner."""
        ...

    def brief(self, opened: TakeOpened, known: Known, note: Callable[[Exchange], None]) -> Brief:
        """The brief of a take.

        Args:
            opened: what the take is asked for.
            known: what a language model has answered before, by the digest of what it was asked: that is not asked again.
            note: to be called with every other exchange as soon as it is complete; it is in the journal then.

        Raises:
            Stopped: the take was ended while an answer was awaited.
        """
        ...
