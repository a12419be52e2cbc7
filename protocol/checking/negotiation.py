"""Negotiation as a system to explore: the coordinator's and the regions' machines as shipped, and everything that may go wrong.

What is real: the machines, the audit, the ruling, and the fold by which a coordinator comes back from its journal. What is
chosen: what regions come up with, who is silent, who dies, when deadlines pass, when the coordinator's process is lost, between
two records too, or its machine, with all that is not yet on disk. What is left out: the numbers of the links. A link brings
what is sent in order and once, until its incarnation ends; that is explored for `protocol.link` by itself
(`protocol.checking.links`).

A world is a tuple of small numbers: the coordinator, the four seats, what may still go wrong, and what the journal on disk
comes to. What may happen at a seat depends on the coordinator, that seat and the kinds of faults that are left, and is worked
out once for each three of those.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import astuple, fields

from protocol.channels import REGIONS, Region
from protocol.checking.chair import BIT, Chair, Event, Step
from protocol.checking.exploring import Violated
from protocol.checking.forgeries import FORGERIES
from protocol.checking.numbers import Messages, Numbers
from protocol.checking.scenario import UNUSUAL, Budget, Rules
from protocol.checking.seats import Seat, Seats
from protocol.coordinator_state import CRITIC_OBJECTS
from protocol.region import RegionState

World = tuple[int, ...]
Move = tuple[int, int, int, int, int, tuple[tuple[int, tuple[int, ...]], ...], int]
"""Action, what it costs, marks; the coordinator's state and that of the seat after it, -1 for as before or LOST; what happens
at seats on account of it; the state that is on disk after it, -1 for as before."""
LOST = -2
"""As a seat after a move: all seats are empty, for every process is lost."""

_BUDGET = tuple(each.name for each in fields(Budget))
_COST = {name: 1 << place for place, name in enumerate(_BUDGET)}
_SEATS, _LEFT, _DISK = 1, 5, 6
"""Where in a world the seats stand, what is left of the budget, and what is on disk."""


class Negotiation:
    """The system.

    Args:
        beats: of the take.
        rounds: the last allowed one.
        budget: what may go wrong.
        active: regions to which it may happen.
        flags: behaviour flags.
        usual: what regions propose of their own accord: "calm" or "bold".
        rules: which rules hold.
        same: whether all that happens has to come to the same motion (S5).
        film: whether the take is rendered; how that goes is explored by itself (`protocol.checking.rendering`).
        apart: whether others may be heard while the coordinator's host works on a brief, an audit or a ruling. Today's host
            lets nobody in between; a journal does not say when it was done, so nothing is resumed here.

    Raises:
        ValueError: a coordinator is to be resumed from what a journal does not say.
    """

    def __init__(
        self,
        *,
        beats: int = 1,
        rounds: int = 2,
        budget: Budget,
        active: tuple[Region, ...] = REGIONS,
        flags: tuple[str, ...] = (),
        usual: str = "calm",
        rules: Rules = "levels",
        same: bool = False,
        film: bool = False,
        apart: bool = False,
    ) -> None:
        if apart and (budget.outages or budget.blackouts):
            raise ValueError(
                "a journal does not say when the host had worked something out, so it cannot be resumed from there"
            )
        flags = (*flags, *((CRITIC_OBJECTS,) if budget.critic else ()))
        self.messages = Messages()
        self.chair = Chair(self.messages, rules, beats=beats, rounds=rounds, flags=flags, film=film, apart=apart, same=same)
        self.seats = Seats(self.messages, lambda beat, tracks: self.chair.looked(beat, tracks)[0], usual, UNUSUAL[rules])
        self._budget = budget
        self.film = film
        self._apart = apart
        self._active = frozenset(REGIONS.index(region) for region in active)
        self._actions: Numbers[Event] = Numbers()
        self._left: Numbers[tuple[int, ...]] = Numbers()
        self._masks: list[int] = []
        self._paid: dict[tuple[int, int], int] = {}
        self._at_seats: dict[tuple[int, int, int], tuple[Move, ...]] = {}
        self._elsewhere: dict[tuple[int, int, int], tuple[Move, ...]] = {}
        self._agreed: set[tuple[tuple[tuple[int, str], ...], tuple[str, ...]]] = set()

    # ------------------------------------------------------------------------------------------------------ the system

    def first(self) -> World:
        """Nobody has said anything yet."""
        seats = (self.seats.of(Seat(RegionState(region))) for region in REGIONS)
        return (self.chair.first, *seats, self._left_of(astuple(self._budget)), self.chair.first)

    def successors(self, world: World) -> list[tuple[int, World, int]]:
        """Everything that may happen next."""
        coordinator, left, disk = world[0], world[_LEFT], world[_DISK]
        mask = self._masks[left]
        moves = self._elsewhere.get((coordinator, disk, mask))
        if moves is None:
            moves = self._elsewhere[coordinator, disk, mask] = tuple(self._general(coordinator, disk, mask))
        after = [self._made(world, 0, move) for move in moves]
        at_seats = self._at_seats
        for place in range(_SEATS, _LEFT):
            key = (coordinator, world[place], mask)
            moves = at_seats.get(key)
            if moves is None:
                moves = at_seats[key] = tuple(self._at_seat(coordinator, place - _SEATS, world[place], mask))
            after += [self._made(world, place, move) for move in moves]
        return after

    def check_end(self, world: World) -> int:
        """Every end has to be that of a take that was closed, told to all who could hear it."""
        state = self.chair[world[0]]
        if state.phase != "closed":
            raise Violated("L1", f"nothing can happen any more, and the take is still {state.phase}")
        for number in world[_SEATS:_LEFT]:
            holder = self.seats[number].holder
            if holder.phase not in ("closed", "joining"):
                raise Violated("L1", f"the take is closed, and {holder.region} is still {holder.phase}")
        return 0

    def say(self, action: int) -> str:
        """An action in words."""
        match self._actions[action]:
            case ("seat", int(place), str(words)):
                return f"{REGIONS[place]} {words}"
            case ("outage", (), _):
                return "the coordinator is lost and resumed, with new processes for all regions"
            case ("outage", tuple(event), int(kept)):
                records = "1 record" if kept == 1 else f"{kept} records"
                return f"{self._worded(event)}, is lost after {records} and resumed, with new processes for all regions"
            case ("blackout",):
                return (
                    "the coordinator's machine is lost with what was not on disk; it is resumed, all regions' processes are new"
                )
            case ("event", tuple(event)):
                return self._worded(event)
        raise AssertionError(action)

    def left(self, world: World) -> int:
        """What may still go wrong."""
        return world[_LEFT]

    def seat(self, world: World, place: int) -> Seat:
        """The seat of a region."""
        return self.seats[world[_SEATS + place]]

    def on_disk(self, world: World) -> int:
        """The number of the coordinator's state that the journal on disk comes to."""
        return world[_DISK]

    def meaning(self, action: int) -> Event:
        """An action as it was made: ("seat", place, words), ("event", event), ("outage", event, records) or ("blackout",)."""
        return self._actions[action]

    def name(self, bits: int) -> list[str]:
        """The marks behind bits."""
        return [name for name, bit in BIT.items() if bits & bit]

    def _worded(self, event: Event) -> str:
        match event:
            case ("hears", int(place), int(message)):
                words = f"hears {type(self.messages[message]).__name__} from {REGIONS[place]}"
            case ("is told", int(place), str(forgery)):
                words = f"hears from {REGIONS[place]}, which {forgery}"
            case (word, int(place), *_):
                words = f"{word} {REGIONS[place]}"
            case _:
                words = event[0]
        return f"the coordinator {words}"

    # ------------------------------------------------------------------------------------------------------------ moves

    def _made(self, world: World, place: int, move: Move) -> tuple[int, World, int]:
        """What a move comes to in a world; `place` of the seat that it is made at."""
        action, cost, marks, coordinator, seat, orders, disk = move
        reached = list(world)
        if seat >= 0:
            reached[place] = seat
        if cost:
            reached[_LEFT] = self._after(world[_LEFT], cost)
        if coordinator < 0:
            return action, tuple(reached), marks
        reached[0] = coordinator
        if seat == LOST:
            for each in range(_SEATS, _LEFT):
                reached[each] = self.seats.emptied(reached[each])
        if disk >= 0:
            reached[_DISK] = disk
        for each, what in orders:
            reached[_SEATS + each], names = self.seats.ordered(reached[_SEATS + each], what)
            for name in names:
                marks |= BIT[name]
        return action, tuple(reached), marks

    def _general(self, coordinator: int, disk: int, mask: int) -> Iterator[Move]:
        """What may happen to the coordinator alone."""
        state = self.chair[coordinator]
        if state.phase == "idle":
            yield from self._event(coordinator, ("starts",), mask)
            return
        if state.phase != "closed":
            if self._apart:
                yield from self._event(coordinator, ("hears from its host",), mask)
            if state.phase == "reviewing":
                yield from self._event(coordinator, ("hears that the critic is content",), mask)
                for place in sorted(self._active):
                    misses = ("hears that the critic misses something of", place)
                    yield from self._event(coordinator, misses, mask, "critic")
            if self.film:
                yield from self._event(coordinator, ("hears that all frames are made",), mask)
                yield from self._event(coordinator, ("hears that the film broke",), mask, "broken")
            yield from self._event(coordinator, ("is stopped",), mask, "stops")
        if state.phase != "closed" or state.closed_in:
            if mask & _COST["outages"]:
                yield self._outage(coordinator, (), 0, "outages")
            if mask & _COST["blackouts"]:
                yield self._outage(disk, (), 0, "blackouts", BIT["resumed from what was on disk"])

    def _at_seat(self, coordinator: int, place: int, number: int, mask: int) -> Iterator[Move]:
        """What may happen at a seat, or to the coordinator by its doing."""
        seat = self.seats[number]
        active = place in self._active
        if seat.down:
            for delivery in self.seats.delivered(number):
                if delivery.cost and not (active and mask & _COST[delivery.cost]):
                    continue
                action = self._actions.of(("seat", place, delivery.words))
                self._agree(coordinator, delivery.after, action)
                bits = BIT[delivery.mark] if delivery.mark else 0
                yield action, _COST.get(delivery.cost, 0), bits, -1, delivery.after, (), -1
        if self.chair[coordinator].phase in ("idle", "closed"):
            return
        if seat.up:
            yield from self._event(coordinator, ("hears", place, seat.up[0]), mask, seat=self.seats.taken(number))
        if seat.process.phase == "joining":
            yield from self._event(coordinator, ("lets in", place, seat.process.nonce), mask)
        if active and mask & _COST["crashes"]:
            action = self._actions.of(("seat", place, "dies, and another process takes its place"))
            yield action, _COST["crashes"], 0, -1, self.seats.reborn(number), (), -1
        if active and mask & _COST["forged"]:
            for forgery in FORGERIES:
                yield from self._event(coordinator, ("is told", place, forgery), mask, "forged")
        yield from self._event(coordinator, ("waits no longer for", place), mask, "" if seat.stuck else "early")

    def _event(self, coordinator: int, event: Event, mask: int, cost: str = "", seat: int = -1) -> Iterator[Move]:
        """The coordinator takes an event; or takes it, and is lost after some of the records that this brings about."""
        if cost and not mask & _COST[cost]:
            return
        action = self._actions.of(("event", event))
        try:
            step = self.chair.step(coordinator, event)
        except Violated as error:
            raise Violated(error.name, error.text, action, error.records) from None
        if step is None:
            return
        disk = self._on_disk(coordinator, step, action)
        yield action, _COST.get(cost, 0), step.marks, step.after, seat, step.orders, disk
        if mask & _COST["outages"]:
            for kept in range(1, len(step.records)):
                yield self._outage(coordinator, event, kept, "outages", cost=_COST.get(cost, 0))

    def _outage(self, coordinator: int, event: Event, kept: int, what: str, marks: int = 0, cost: int = 0) -> Move:
        """The coordinator is lost and resumed; everybody else is new, and what was on its way is lost."""
        action = self._actions.of(("outage", event, kept) if what == "outages" else ("blackout",))
        try:
            step = self.chair.resumed(coordinator, event, kept)
        except Violated as error:
            raise Violated(error.name, error.text, action, error.records) from None
        disk = self._on_disk(coordinator, step, action)
        return action, cost | _COST[what], step.marks | marks, step.after, LOST, step.orders, disk

    def _on_disk(self, coordinator: int, step: Step, action: int) -> int:
        """What the journal on disk comes to after a step; -1 for the same as before, or if nobody will ask."""
        if not self._budget.blackouts:
            return -1
        try:
            return self.chair.on_disk(coordinator, step)
        except Violated as error:
            raise Violated(error.name, error.text, action, error.records) from None

    def _agree(self, coordinator: int, seat: int, action: int) -> None:
        """S1: whoever plays a region knows each beat as the coordinator has committed it."""
        holder, committed = self.seats[seat].holder, self.chair.told(coordinator).committed
        if not holder.committed or (holder.committed, committed) in self._agreed:
            return
        for beat, vector in holder.committed:
            if beat >= len(committed) or committed[beat] != vector:
                raise Violated("S1", f"{holder.region} knows beat {beat} as it was not committed", action)
        self._agreed.add((holder.committed, committed))

    # ----------------------------------------------------------------------------------------------------------- budget

    def _left_of(self, left: Iterable[int]) -> int:
        """The number of what is left."""
        left = tuple(left)
        number = self._left.of(left)
        if number == len(self._masks):
            self._masks.append(sum(bit for bit, each in zip(_COST.values(), left, strict=True) if each))
        return number

    def _after(self, left: int, cost: int) -> int:
        """What is left after something that costs one of each of some kinds."""
        found = self._paid.get((left, cost))
        if found is None:
            after = (each - bool(cost & bit) for bit, each in zip(_COST.values(), self._left[left], strict=True))
            found = self._paid[left, cost] = self._left_of(after)
        return found
