"""Small numbers for values, so that what is explored is made of numbers and each step of a machine is taken once."""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

from protocol.coordinator_state import CoordinatorState
from protocol.keyframes import Frozen
from protocol.region import RegionState

T = TypeVar("T")


class Numbers(Generic[T]):
    """Numbers for values: equal values have the same.

    Args:
        key: what tells values apart, where that is not the value itself.
    """

    def __init__(self, key: Callable[[T], Hashable] = lambda value: value) -> None:
        self._key = key
        self._values: list[T] = []
        self._numbers: dict[Hashable, int] = {}

    def of(self, value: T) -> int:
        """The number of a value."""
        number = self._numbers.setdefault(self._key(value), len(self._values))
        if number == len(self._values):
            self._values.append(value)
        return number

    def __getitem__(self, number: int) -> T:
        return self._values[number]

    def __len__(self) -> int:
        return len(self._values)


class Messages:
    """Numbers for messages and what they are made of, and for states of roles, which are told apart by the messages in them.

    A message is told apart by the numbers of the models in it, so that one which holds much that is known costs little; one and
    the same object is looked at once.
    """

    def __init__(self) -> None:
        self._numbers: Numbers[Any] = Numbers(self._shape)
        self._known: dict[int, tuple[int, Any]] = {}

    def of(self, message: Any) -> int:
        """The number of a message; -1 for None."""
        if message is None:
            return -1
        known = self._known.get(id(message))
        if known is None:
            known = self._known[id(message)] = (self._numbers.of(message), message)  # kept, so that its address stays its own
        return known[0]

    def _shape(self, model: Frozen) -> Hashable:
        return (type(model), *map(self._part, model.__dict__.values()))

    def _part(self, value: Any) -> Hashable:
        if isinstance(value, Frozen):
            return self.of(value)
        if isinstance(value, tuple):
            return tuple(map(self._part, value))
        if isinstance(value, dict):
            return tuple((name, self._part(value[name])) for name in sorted(value))
        return value  # type: ignore[no-any-return]

    def __getitem__(self, number: int) -> Any:
        return self._numbers[number]

    def __len__(self) -> int:
        return len(self._numbers)

    def of_region(self, state: RegionState | None) -> Hashable:
        """What tells a region's state apart."""
        if state is None:
            return None
        return (
            state.region,
            state.phase,
            state.incarnation,
            state.nonce,
            self.of(state.beat),
            self.of(state.round),
            self.of(state.proposal),
            tuple(map(self.of, state.decisions)),
            state.committed,
        )

    def of_coordinator(self, state: CoordinatorState) -> Hashable:
        """What tells a coordinator's state apart, in takes of the same brief."""
        return (
            state.phase,
            state.closed_in,
            self.of(state.beat),
            self.of(state.round),
            self.of(state.end_state),
            self.of(state.ending),
            state.faulted,
            tuple((vector, *map(self.of, tracks)) for vector, tracks in state.committed),
            tuple(
                (
                    member.incarnation,
                    member.fallback,
                    member.nonces,
                    member.pending,
                    self.of(member.proposal),
                    member.answered,
                    tuple(map(self.of, member.violations)),
                    tuple(map(self.of, member.decisions)),
                    member.sent_back,
                )
                for member in state.members
            ),
        )
