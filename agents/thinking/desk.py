"""Where a planner sits when it asks: its server, its budget, its notes; and a turn, the unit of asking.

What it takes to ask is loaded with the first turn: AutoGen and its client need most of a second.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Generic, TypeVar

from agents.exchange import Exchange, Known, Surroundings
from agents.thinking.answers import Reply
from agents.thinking.budget import Budget
from agents.thinking.requests import Request
from agents.thinking.thread import LoopThread
from protocol.messages import LanguageModel

if TYPE_CHECKING:
    from agents.thinking.asking.client import Server

R = TypeVar("R", bound=Reply)
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Desk:
    """What turns are taken with.

    Attributes:
        server: who is asked.
        budget: of the role.
        known: raw replies by the digest of what was asked.
        note: told of every new exchange.
    """

    server: Server
    budget: Budget
    known: Known
    note: Callable[[Exchange], None]


@dataclass(frozen=True, slots=True)
class Turn(Generic[R, T]):
    """A request and what its reply is to become.

    Attributes:
        request: what is asked.
        reply: what has to come back.
        use: makes the reply into what is wanted; raises `Unusable` where it cannot.
    """

    request: Request
    reply: type[R]
    use: Callable[[R], T]


def server_for(model: LanguageModel, surroundings: Surroundings, thread: LoopThread) -> Server:
    """A server whose connections are closed with the thread that it is asked in."""
    from agents.thinking.asking.client import Server  # noqa: PLC0415 - heavy

    server = Server(model, surroundings)
    thread.clean(server.close)
    return server


async def take(turn: Turn[R, T], desk: Desk) -> tuple[T, R]:
    """What comes of a turn, and the reply that it comes from.

    Raises:
        Failed: there is nothing to use.
    """
    from agents.thinking.asking.turn import take_turn  # noqa: PLC0415 - heavy

    return await take_turn(turn, desk)
