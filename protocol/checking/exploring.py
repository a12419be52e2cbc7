"""Exploration: every state that a system of machines can come to, breadth first, and what is always and sometimes true there.

A system names its first state and, for a state, everything that may happen next. States are values that can be told apart by
`==`; the shortest way to a state is the one that is kept. What must always hold is checked as each transition is made, and the
system raises `Violated`; what must be possible is reported as marks, and whoever asks for an exploration says which marks
there have to be. A state in which nothing may happen any more, or nothing that changes it, is an end, and has to be a good one.

Nothing is sampled: an exploration is over when no state is left whose successors have not been looked at, or it is not
`exhausted`, and says so.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

import numpy as np

S = TypeVar("S", bound=Hashable)


class Violated(Exception):
    """What must always hold does not.

    Args:
        name: of the property, such as "S1".
        text: what is wrong.
        action: that breaks it; -1 if a state by itself does, or nobody has said yet.
        records: what the action has put into the journal by then, in the system's own terms.
    """

    def __init__(self, name: str, text: str, action: int = -1, records: tuple[Any, ...] = ()) -> None:
        self.name = name
        self.text = text
        self.action = action
        self.records = records
        super().__init__(f"{name}: {text}")


class System(Protocol[S]):
    """What is explored."""

    def first(self) -> S:
        """The state in which it begins."""
        ...

    def successors(self, state: S) -> Iterable[tuple[int, S, int]]:
        """Everything that may happen: (action, state after it, marks as bits).

        Raises:
            Violated: something that may happen breaks a property.
        """
        ...

    def check_end(self, state: S) -> int:
        """A state in which nothing may happen; its marks.

        Raises:
            Violated: the system must not end so.
        """
        ...

    def say(self, action: int) -> str:
        """An action in words."""
        ...

    def name(self, bits: int) -> list[str]:
        """The marks behind bits."""
        ...

    def left(self, state: S) -> Hashable:
        """What may still go wrong, or otherwise than it usually goes."""
        ...


@dataclass(frozen=True, slots=True)
class Counterexample:
    """The shortest way to where a property is broken.

    Attributes:
        name: of the property.
        text: what is wrong.
        actions: that lead there, the last of which breaks it; empty at the end if the state itself is wrong.
    """

    name: str
    text: str
    actions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Explored:
    """What an exploration has covered.

    Attributes:
        states: how many different ones.
        transitions: between them, those included that change nothing.
        depth: of the longest of the shortest ways.
        ends: states in which nothing may happen any more.
        exhausted: whether no state is left to look at.
        marks: what was possible, and in how many transitions or ends.
        broken: the first property that does not hold, None if all do.
        acyclic: whether no state can come back to itself; None if that was not looked at.
    """

    states: int
    transitions: int
    depth: int
    ends: int
    exhausted: bool
    marks: Counter[str] = field(default_factory=Counter)
    broken: Counterexample | None = None
    acyclic: bool | None = None


class Exploration(Generic[S]):
    """One exploration, breadth first.

    Args:
        system: what is explored.
        most: states after which it is given up.
        edges: whether transitions are kept, to find out whether the system may go round in a circle: 8 bytes of each.
    """

    def __init__(self, system: System[S], most: int, *, edges: bool = True) -> None:
        self._system = system
        self._most = most
        self._places: dict[S, int] = {}
        self._parents = array("q")
        self._actions = array("q")
        self._marks: Counter[int] = Counter()
        self._edges: tuple[array[int], array[int]] | None = (array("i"), array("i")) if edges else None
        self._transitions = self._depth = 0
        self._ends = array("q")

    def run(self, told: Callable[[int, int, int], None] = lambda states, frontier, depth: None) -> Explored:
        """Explore.

        Args:
            told: after each layer how many states are known, how many of them are new, and how deep they are.
        """
        first = self._system.first()
        self._places[first] = 0
        self._parents.append(-1)
        self._actions.append(-1)
        layer, broken = [first], None
        while layer and broken is None and len(self._places) < self._most:
            layer, broken = self._expand(layer)
            if layer:
                self._depth += 1
            told(len(self._places), len(layer), self._depth)
        exhausted = not layer and broken is None
        marks: Counter[str] = Counter()
        for bits, count in self._marks.items():
            for name in self._system.name(bits):
                marks[name] += count
        acyclic = self._acyclic() if exhausted and self._edges is not None else None
        return Explored(len(self._places), self._transitions, self._depth, len(self._ends), exhausted, marks, broken, acyclic)

    def _expand(self, layer: list[S]) -> tuple[list[S], Counterexample | None]:
        """The states that are new one step further on."""
        places, parents, actions, marks, edges = self._places, self._parents, self._actions, self._marks, self._edges
        after: list[S] = []
        for state in layer:
            here = places[state]
            stuck = True
            try:
                for action, reached, bits in self._system.successors(state):
                    self._transitions += 1
                    if bits:
                        marks[bits] += 1
                    there = places.get(reached)
                    if there is None:
                        there = len(places)
                        places[reached] = there
                        parents.append(here)
                        actions.append(action)
                        after.append(reached)
                    if there != here:
                        stuck = False
                        if edges is not None:
                            edges[0].append(here)
                            edges[1].append(there)
                if stuck:
                    self._ends.append(here)
                    marks[self._system.check_end(state)] += 1
            except Violated as error:
                last = () if error.action < 0 else (error.action,)
                return [], Counterexample(error.name, error.text, (*self._way(here), *last))
        return after, None

    def ways_to_ends(self) -> Iterator[tuple[int, ...]]:
        """The shortest way to each end that was found."""
        return map(self._way, self._ends)

    def _way(self, place: int) -> tuple[int, ...]:
        """The actions from the first state to one."""
        way = []
        while place > 0:
            way.append(self._actions[place])
            place = self._parents[place]
        return tuple(reversed(way))

    def _acyclic(self) -> bool:
        """Whether no state can come back to itself: taking away, again and again, those that nothing leads to leaves none."""
        assert self._edges is not None
        sources, targets = (np.frombuffer(each, dtype=np.int32) for each in self._edges)
        count = len(self._places)
        order = np.argsort(sources, kind="stable")
        targets = targets[order]
        starts = np.searchsorted(sources[order], np.arange(count + 1))
        waiting = np.bincount(targets, minlength=count)
        free = np.flatnonzero(waiting == 0)
        done = 0
        while len(free):
            done += len(free)
            lengths = starts[free + 1] - starts[free]
            total = int(lengths.sum())
            if not total:
                break
            offsets = np.repeat(starts[free] - np.concatenate(([0], np.cumsum(lengths)[:-1])), lengths) + np.arange(total)
            hit = targets[offsets]
            np.subtract.at(waiting, hit, 1)
            hit = np.unique(hit)
            free = hit[waiting[hit] == 0]
        return done == count
