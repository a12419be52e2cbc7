"""One request to a language model and its raw reply: the unit that a journal keeps so that nothing is asked twice.

Besides, what an agent that asks needs to know of where it runs, how it is told that nobody waits for its answer any more, and
what a director is, whether it asks somebody or not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Protocol

from protocol.brief import Brief
from protocol.messages import TakeOpened, digest

Known = Mapping[str, str]
"""Raw replies that the journal holds already, by the digest of what was asked."""
NOTHING: Known = MappingProxyType({})
"""What is known where no language model was asked."""


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
class Surroundings:
    """What an agent that asks a language model needs to know of where it runs.

    Attributes:
        clock: seconds, never going back.
        stopped: asked while an answer is awaited, from any thread; a reason ends the waiting with `Stopped`.
        key: of the server, read from the environment when it is needed and kept nowhere; None if there is none.
    """

    clock: Callable[[], float]
    stopped: Callable[[], str | None]
    key: Callable[[], str | None]


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
