"""A region's seat: its process, its fallback, what is on its way, and everything that may come of a message that is brought."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from protocol.channels import CHANNELS, REGIONS, Region
from protocol.checking.exploring import Violated
from protocol.checking.numbers import Messages, Numbers
from protocol.checking.scenario import missed, objection, revision
from protocol.keyframes import Track
from protocol.machine import PeerError, Received, kind
from protocol.messages import OF_CRITIC, Accepted, BeatOpened, Objected, Proposed, Restored, Violation
from protocol.region import REGION, Judge, Judged, Propose, RegionState, Revision, Thought, Wake

FALLBACK, REGION_BACK = -1, -2
"""Orders that are no messages: the fallback is installed, or sent away."""

VOTES = ("accepts", "objects", "objects and yields")
OBJECTIONS = {region: objection(region) for region in REGIONS}


@dataclass(frozen=True, slots=True)
class Seat:
    """A region's place.

    Attributes:
        process: of the region; joining until it is let in.
        fallback: plays the region if it is there.
        down: numbers of messages from the coordinator, in order.
        up: numbers of messages to it, in order.
        born: how many processes the seat has had.
    """

    process: RegionState
    fallback: RegionState | None = None
    down: tuple[int, ...] = ()
    up: tuple[int, ...] = ()
    born: int = 1

    @property
    def holder(self) -> RegionState:
        """Who plays the region."""
        return self.process if self.fallback is None else self.fallback

    @property
    def stuck(self) -> bool:
        """Whether nothing will come from whoever plays it unless something is sent to it."""
        waits_to_be_let_in = self.fallback is None and self.process.phase == "joining"
        return not self.down and not self.up and not waits_to_be_let_in

    def held_by(self, holder: RegionState) -> Seat:
        """With another state of whoever plays it."""
        return replace(self, process=holder) if self.fallback is None else replace(self, fallback=holder)

    def reborn(self) -> Seat:
        """With another process. What the dead one has sent may still arrive; what was on its way to it is lost."""
        region = self.process.region
        process, _ = REGION.step(RegionState(region), Wake(f"{region}-{self.born + 1}"))
        return replace(self, process=process, down=self.down if self.fallback else (), born=self.born + 1)


@dataclass(frozen=True, slots=True)
class Delivery:
    """What may come of bringing a seat its next message.

    Attributes:
        words: what happens.
        after: the number of the seat.
        cost: what it takes of the budget; empty for what usually happens.
        mark: of it, or empty.
    """

    words: str
    after: int
    cost: str = ""
    mark: str = ""


class Seats:
    """All seats that were ever seen, and what becomes of them.

    Args:
        messages: numbers of messages.
        looked: what four tracks break in a beat.
        usual: what regions propose of their own accord.
        unusual: what else, each at a cost.
    """

    def __init__(
        self,
        messages: Messages,
        looked: Callable[[BeatOpened, tuple[Track, ...]], tuple[Violation, ...]],
        usual: str,
        unusual: Mapping[Region, tuple[str, ...]],
    ) -> None:
        self._messages = messages
        self._looked = looked
        self._usual = usual
        self._unusual = unusual
        of_region = messages.of_region
        self._seats: Numbers[Seat] = Numbers(
            lambda seat: (of_region(seat.process), of_region(seat.fallback), seat.down, seat.up, seat.born)
        )
        self._delivered: dict[int, tuple[Delivery, ...]] = {}
        self._changes: dict[tuple[int, str], int] = {}
        self._revisions: dict[tuple[Any, ...], Revision] = {}
        self._ordered: dict[tuple[int, tuple[int, ...]], tuple[int, tuple[str, ...]]] = {}

    def of(self, seat: Seat) -> int:
        """The number of a seat."""
        return self._seats.of(seat)

    def taken(self, number: int) -> int:
        """A seat after its first message has reached the coordinator."""
        return self._changed(number, "taken", lambda seat: replace(seat, up=seat.up[1:]))

    def reborn(self, number: int) -> int:
        """A seat whose process has died, with the next one."""
        return self._changed(number, "reborn", Seat.reborn)

    def emptied(self, number: int) -> int:
        """A seat that nobody of before has outlived, and to which nothing is on its way."""
        return self._changed(number, "emptied", lambda seat: replace(seat.reborn(), fallback=None, down=(), up=()))

    def _changed(self, number: int, how: str, change: Callable[[Seat], Seat]) -> int:
        found = self._changes.get((number, how))
        if found is None:
            found = self._changes[number, how] = self.of(change(self._seats[number]))
        return found

    def __getitem__(self, number: int) -> Seat:
        return self._seats[number]

    def __len__(self) -> int:
        return len(self._seats)

    def delivered(self, number: int) -> tuple[Delivery, ...]:
        """What may come of bringing a seat its next message.

        Raises:
            Violated: whoever plays the region cannot take it.
        """
        found = self._delivered.get(number)
        if found is None:
            found = self._delivered[number] = tuple(self._deliver(self._seats[number]))
        return found

    def ordered(self, number: int, orders: tuple[int, ...]) -> tuple[int, tuple[str, ...]]:
        """A seat after what the coordinator has sent and arranged, and the marks of that."""
        found = self._ordered.get((number, orders))
        if found is None:
            found = self._ordered[number, orders] = self._order(self._seats[number], orders)
        return found

    def _deliver(self, seat: Seat) -> Iterator[Delivery]:
        message = self._messages[seat.down[0]]
        words = f"gets {type(message).__name__}"
        rest = replace(seat, down=seat.down[1:])
        try:
            after, outputs = REGION.step(seat.holder, Received(message))
        except PeerError as error:
            if seat.fallback is not None or seat.process.phase != "joining":
                raise Violated("L1", f"{seat.holder.region} refuses what it is sent: {error}") from None
            yield Delivery(f"{words} before it is let in", self.of(rest))
            return
        if set(seat.holder.committed) - set(after.committed):
            raise Violated("S6", f"{seat.holder.region} no longer knows what was committed")
        if isinstance(message, Restored):
            _require_disregarded(after, Received(message.model_copy(update={"incarnation": message.incarnation - 1})))
        if not outputs:
            yield Delivery(words, self.of(rest.held_by(after)))
            return
        (asked,) = outputs
        for manner, cost in self._ideas(asked, after.region):
            yield self._comes_up_with(rest, after, asked, manner, cost, words)

    def _comes_up_with(
        self, seat: Seat, holder: RegionState, asked: Propose | Judge, manner: str, cost: str, words: str
    ) -> Delivery:
        if manner == "is silent":
            return Delivery(f"{words} and is silent", self.of(seat.held_by(holder)), cost)
        thought = self._thought(asked, holder.region, manner)
        for late in _for_other_questions(thought):
            _require_disregarded(holder, late)
        after, said = REGION.step(holder, thought)
        sent = tuple(self._messages.of(one.message) for one in said)
        told = replace(seat.held_by(after), up=seat.up + sent)
        mark = "fallback voted" if seat.fallback is not None and isinstance(asked, Judge) else ""
        return Delivery(f"{words} and {manner}", self.of(told), cost, mark)

    def _ideas(self, asked: Propose | Judge, region: Region) -> Iterator[tuple[str, str]]:
        """What a region may come up with and what each costs, the usual first."""
        if isinstance(asked, Propose):
            known = next((decided.reply for decided in asked.decisions), "")
            usual = known or self._usual
            yield f"proposes {usual}", ""
            if not known:  # what it has decided it sticks to
                for other in ("calm", *self._unusual[region]):
                    if other != usual:
                        yield f"proposes {other}", "bold"
                yield "proposes wrong", "wrongs"
        else:
            honest = self._honest(asked, region)
            yield honest, ""
            yield from ((other, "objections") for other in VOTES if other != honest)
        yield "is silent", "silences"

    def _honest(self, asked: Judge, region: Region) -> str:
        """How a region votes that says what it sees."""
        broken = self._looked(asked.beat, asked.round.tracks)
        found = [each for each in broken if any(CHANNELS[name].region == region for name in each.channels)]
        asked_back = {
            each.violation.yields for each in asked.round.objections if each.violation.constraint.startswith(OF_CRITIC)
        }
        revised = asked.proposal is not None and asked.proposal.round >= asked.round.round - 1
        if region in asked_back and not revised:
            return "does more"
        if any(violation.yields == region for violation in found):
            return "objects and yields"
        return "objects" if found else "accepts"

    def _revision(self, asked: Propose | Judge, region: Region, round_: int, manner: str) -> Revision:
        key = (self._messages.of(asked.beat), region, asked.incarnation, round_, manner)
        if key not in self._revisions:
            self._revisions[key] = revision(asked.beat, region, asked.incarnation, round_, manner)
        return self._revisions[key]

    def _thought(self, asked: Propose | Judge, region: Region, manner: str) -> Thought | Judged:
        if isinstance(asked, Propose):
            shape = manner.removeprefix("proposes ")
            return Thought(asked.beat.beat, asked.incarnation, self._revision(asked, region, 0, shape))
        number = asked.round.round
        found = () if manner == "accepts" else (missed(region),) if manner == "does more" else (OBJECTIONS[region],)
        manners = {"objects and yields": "mild", "does more": "more" if number % 4 < 2 else "most"}
        known = next((decided.reply for decided in asked.decisions if decided.round == number), manners.get(manner, ""))
        yields = manner in manners
        revised = self._revision(asked, region, number, known) if yields else None
        return Judged(asked.beat.beat, number, asked.incarnation, found, revised)

    def _order(self, seat: Seat, orders: tuple[int, ...]) -> tuple[int, tuple[str, ...]]:
        marks: list[str] = []
        for order in orders:
            if order >= 0:
                seat = replace(seat, down=(*seat.down, order))
                continue
            late = [self._messages[number] for number in seat.up]  # it belongs to an incarnation that is fenced from now on
            marks += ["late proposal discarded"] * any(isinstance(message, Proposed) for message in late)
            marks += ["late vote discarded"] * any(isinstance(message, (Accepted, Objected)) for message in late)
            fallback = RegionState(seat.process.region, phase="joining", incarnation=0) if order == FALLBACK else None
            seat = replace(seat, fallback=fallback, down=(), up=())
        return self.of(seat), tuple(marks)


def _for_other_questions(thought: Thought | Judged) -> Iterator[Thought | Judged]:
    """The same answer to a question that was asked earlier."""
    yield replace(thought, beat=thought.beat - 1)
    yield replace(thought, incarnation=thought.incarnation - 1)
    if isinstance(thought, Judged):
        yield replace(thought, round=thought.round - 1)


def _require_disregarded(holder: RegionState, event: Any) -> None:
    """S5: what belongs to an earlier question or incarnation changes nothing.

    Raises:
        Violated: it does.
    """
    try:
        after, outputs = REGION.step(holder, event)
    except PeerError:
        return
    if outputs or after != holder:
        raise Violated("S5", f"{holder.region} heeds a {kind(event)} that is not for what it is asked")
