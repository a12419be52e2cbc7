"""Role state machines as tables.

Rule 1: a machine is pure. `step(state, event)` gives the next state and what is to be sent or done, and changes nothing; timers
        and decisions come in as events.
Rule 2: the table is the machine. Each row names the phase, the event, the condition, the phase that follows and the kinds of
        output; the code runs the rows, the documentation is generated from them, monitors and explorers read them.
Rule 3: an event that no row allows leaves the state as it was. It is the peer's mistake (`PeerError`) if it is a message, and
        our own (`LocalError`) if it is anything else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Generic, Protocol, TypeVar

from protocol.messages import Message


class PeerError(Exception):
    """A peer sent what the protocol does not allow at this point."""


class LocalError(Exception):
    """Our own side fed a machine what cannot happen at this point."""


@dataclass(frozen=True, slots=True)
class Received:
    """A message has arrived, in order and once."""

    message: Message


@dataclass(frozen=True, slots=True)
class Send:
    """A message is to be sent (and, by the coordinator, put into the journal first).

    Attributes:
        to: roles; none for what is only journaled.
        message: what is sent.
    """

    to: tuple[str, ...]
    message: Message


class HasPhase(Protocol):
    """What every machine's state has."""

    @property
    def phase(self) -> str:
        """Where the role is."""


S = TypeVar("S", bound=HasPhase)
Event = Any
Output = Any
Step = Callable[[S, Event], tuple[S, Sequence[Output]]]


def kind(thing: object) -> str:
    """What a table calls an event or an output: for messages received or sent, the message's name."""
    if isinstance(thing, (Received, Send)):
        return type(thing.message).__name__
    return type(thing).__name__


@dataclass(frozen=True)
class Row(Generic[S]):
    """One transition.

    Attributes:
        phase: where the role is.
        event: kind of the event.
        when: the condition in words; empty if there is none.
        test: the condition; None if there is none.
        to: where the role goes.
        emits: kinds of outputs that it may give, messages and requests to the host alike.
        act: what it does.
    """

    phase: str
    event: str
    when: str
    test: Callable[[S, Event], bool] | None
    to: str
    emits: tuple[str, ...]
    act: Step[S]


@dataclass(frozen=True, eq=False)  # a table is the same as itself only, so that it can be looked up quickly
class Machine(Generic[S]):
    """A role's table.

    Attributes:
        role: what it is the machine of.
        rows: in order; the first that fits is taken.
    """

    role: str
    rows: tuple[Row[S], ...]

    def row(self, state: S, event: Event) -> Row[S] | None:
        """The row that an event takes, None if no row allows it.

        Raises:
            PeerError: a condition finds fault with the message itself.
        """
        for row in self._by_place.get((state.phase, kind(event)), ()):
            if row.test is None or row.test(state, event):
                return row
        return None

    @cached_property
    def _by_place(self) -> dict[tuple[str, str], list[Row[S]]]:
        """The rows by phase and event, each in the table's order."""
        found: dict[tuple[str, str], list[Row[S]]] = {}
        for row in self.rows:
            found.setdefault((row.phase, row.event), []).append(row)
        return found

    def step(self, state: S, event: Event) -> tuple[S, tuple[Output, ...]]:
        """The next state and what is to be done.

        Raises:
            PeerError: a message that is not allowed here.
            LocalError: another event that is not, or a row that breaks its own promise.
        """
        name = kind(event)
        row = self.row(state, event)
        if row is None:
            error = PeerError if isinstance(event, Received) else LocalError
            raise error(f"{self.role}: {name} is not allowed in phase {state.phase}")
        after, outputs = row.act(state, event)
        if after.phase != row.to:
            raise LocalError(f"{self.role}: {row.phase} + {name} went to {after.phase}, its row says {row.to}")
        for output in outputs:
            if kind(output) not in row.emits:
                raise LocalError(f"{self.role}: {row.phase} + {name} gave {kind(output)}, which its row does not name")
        return after, tuple(outputs)

    @property
    def phases(self) -> tuple[str, ...]:
        """Every phase, in the order in which the table names them."""
        return tuple(dict.fromkeys(phase for row in self.rows for phase in (row.phase, row.to)))
