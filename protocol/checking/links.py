"""One link as a system to explore: both ends as shipped, over a network that loses, repeats and reorders.

Each end has some bodies to send. Envelopes on their way are a set: any of them may arrive next, so any order is possible. One
that arrives may stay on its way as well (it is repeated), and one may vanish (it is lost). An end sends again when nothing is
on its way any more, or earlier, which costs as much as a repetition. The region's process may die: the next one asks to be let
in, and the coordinator begins a new incarnation; it may also begin one by itself. What is on its way then may still arrive.

S5: what is handed on at each end is what the other has sent in the same incarnation, in order, each once.
L1: in every end all has arrived, and both know.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from protocol import link
from protocol.checking.exploring import Violated
from protocol.checking.numbers import Numbers
from protocol.link import Envelope, LinkState
from protocol.messages import COORDINATOR

REGION = "brows"
MARKS = (
    "arrived out of order",
    "arrived twice",
    "lost",
    "sent again",
    "fenced",
    "refused",
    "let in",
    "new incarnation heard of",
)
_BIT = {name: 1 << place for place, name in enumerate(MARKS)}

Wire = tuple[tuple[int, int], frozenset[int], int, bool, int, int, int, int]
"""Both ends, what is on its way, the incarnation that the region's process waits for, whether it asks for it, and what may
still go wrong: losses, repetitions, deaths and incarnations."""


@dataclass(frozen=True, slots=True)
class _Arrival:
    """What an envelope comes to at an end: the end's number, that of the answer or -1, marks."""

    after: int
    answer: int
    marks: int


class Links:
    """The system.

    Args:
        bodies: that each end has to send in each incarnation.
        losses: envelopes that may be lost.
        repeats: that may arrive more than once.
        crashes: of the region's process.
        renewals: incarnations that the coordinator begins by itself.
    """

    def __init__(self, bodies: int, *, losses: int = 0, repeats: int = 0, crashes: int = 0, renewals: int = 0) -> None:
        self._bodies = bodies
        self._budget = (losses, repeats, crashes, renewals)
        self._ends: Numbers[LinkState] = Numbers()
        self._envelopes: Numbers[Envelope] = Numbers()
        self._arrivals: dict[tuple[int, int], _Arrival] = {}
        self._sendings: dict[int, tuple[int, int]] = {}
        self._words: Numbers[tuple[str, int]] = Numbers()

    def first(self) -> Wire:
        """Nothing is sent yet."""
        ends = (LinkState(COORDINATOR, REGION, 1), LinkState(REGION, COORDINATOR, 1))
        return ((self._ends.of(ends[0]), self._ends.of(ends[1])), frozenset(), 1, False, *self._budget)

    def successors(self, wire: Wire) -> Iterator[tuple[int, Wire, int]]:
        """Everything that may happen next."""
        (one, other), air, awaited, asks, losses, repeats, crashes, renewals = wire
        ends = (self._ends[one], self._ends[other])
        for side, own in enumerate(ends):
            if own.next_number <= self._bodies and (side == 0 or own.epoch >= awaited):
                yield self._sends(wire, side)
            if own.unacknowledged and air and repeats:
                yield self._sends_again(wire, (side,))
        if not air and not asks and (ends[0].unacknowledged or ends[1].unacknowledged):
            yield self._sends_again(wire, (0, 1))
        for number in air:
            yield self._arrives(wire, number, stays=False)
            if repeats:
                yield self._arrives(wire, number, stays=True)
            if losses:
                reached: Wire = ((one, other), air - {number}, awaited, asks, losses - 1, repeats, crashes, renewals)
                yield self._words.of(("is lost", number)), reached, _BIT["lost"]
        if crashes:
            dead = self._ends.of(LinkState(REGION, COORDINATOR, 0))
            reached = ((one, dead), air, ends[0].epoch + 1, True, losses, repeats, crashes - 1, renewals)
            yield self._words.of((f"{REGION} dies", -1)), self._tidied(reached), 0
        if asks or renewals:
            fresh = LinkState(COORDINATOR, REGION, ends[0].epoch + 1)
            told, restored = link.send(fresh, _body(COORDINATOR, fresh.epoch, 1))  # what the region has to know comes at once
            air |= {self._envelopes.of(restored)}
            left = renewals if asks else renewals - 1
            reached = ((self._ends.of(told), other), air, awaited, False, losses, repeats, crashes, left)
            words = f"{REGION} is let in" if asks else "the coordinator begins a new incarnation"
            yield self._words.of((words, -1)), self._tidied(reached), _BIT["let in"] if asks else 0

    def check_end(self, wire: Wire) -> int:
        """All has arrived."""
        ends = (self._ends[wire[0][0]], self._ends[wire[0][1]])
        for own, other in (ends, ends[::-1]):
            if own.unacknowledged or own.waiting or own.delivered != self._bodies or own.epoch != other.epoch:
                raise Violated("L1", f"{own.own} ends with {own.delivered} of {self._bodies} bodies in epoch {own.epoch}")
        return 0

    def say(self, action: int) -> str:
        """An action in words."""
        words, number = self._words[action]
        return words if number < 0 else f"{_words(self._envelopes[number])} {words}"

    def left(self, wire: Wire) -> tuple[int, ...]:
        """What may still go wrong."""
        return wire[4:]

    def name(self, bits: int) -> list[str]:
        """The marks behind bits."""
        return [name for name, bit in _BIT.items() if bits & bit]

    def _sends(self, wire: Wire, side: int) -> tuple[int, Wire, int]:
        number = wire[0][side]
        found = self._sendings.get(number)
        if found is None:
            own = self._ends[number]
            after, envelope = link.send(own, _body(own.own, own.epoch, own.next_number))
            found = self._sendings[number] = (self._ends.of(after), self._envelopes.of(envelope))
        return self._words.of(("is sent", found[1])), self._put(wire, side, found[0], wire[1] | {found[1]}), 0

    def _sends_again(self, wire: Wire, sides: tuple[int, ...]) -> tuple[int, Wire, int]:
        again = {self._envelopes.of(envelope) for side in sides for envelope in link.resend(self._ends[wire[0][side]])}
        reached = self._tidied((wire[0], wire[1] | again, *wire[2:]))
        if wire[1]:
            reached = _repeated(reached)
        names = " and ".join(self._ends[wire[0][side]].own for side in sides)
        return self._words.of((f"sent again by {names}", -1)), reached, _BIT["sent again"]

    def _arrives(self, wire: Wire, number: int, *, stays: bool) -> tuple[int, Wire, int]:
        side = 0 if self._envelopes[number].receiver == COORDINATOR else 1
        action = self._words.of(("arrives, and will again" if stays else "arrives", number))
        try:
            arrival = self._arrival(wire[0][side], number)
        except Violated as error:
            raise Violated(error.name, error.text, action) from None
        air = wire[1] if stays else wire[1] - {number}
        if arrival.answer >= 0:
            air |= {arrival.answer}
        reached = self._put(wire, side, arrival.after, air)
        if not stays:
            return action, reached, arrival.marks
        return action, _repeated(reached), arrival.marks | _BIT["arrived twice"]

    def _arrival(self, end: int, number: int) -> _Arrival:
        found = self._arrivals.get((end, number))
        if found is None:
            found = self._arrivals[end, number] = self._received(self._ends[end], self._envelopes[number])
        return found

    def _received(self, own: LinkState, envelope: Envelope) -> _Arrival:
        marks = 0
        if own.own == REGION and link.epoch_of(own, envelope) == "newer":
            own = link.reset(own, envelope.epoch)
            marks |= _BIT["new incarnation heard of"]
        try:
            after, bodies, answer = link.receive(own, envelope)
        except link.Fenced:
            return _Arrival(self._ends.of(own), -1, marks | _BIT["fenced"])
        except link.LinkError:
            # A process that has not been let in yet hears what the one before it was told.
            return _Arrival(self._ends.of(own), -1, marks | _BIT["refused"])
        for number, body in enumerate(bodies, own.delivered + 1):
            expected = _body(own.peer, own.epoch, number)
            if body != expected:
                raise Violated("S5", f"{own.own} is handed {body.decode()} where {expected.decode()} is due")
        if after.waiting:
            marks |= _BIT["arrived out of order"]
        return _Arrival(self._ends.of(after), self._envelopes.of(answer) if answer else -1, marks)

    def _put(self, wire: Wire, side: int, end: int, air: frozenset[int]) -> Wire:
        ends = (end, wire[0][1]) if side == 0 else (wire[0][0], end)
        return self._tidied((ends, air, *wire[2:]))

    def _tidied(self, wire: Wire) -> Wire:
        """Without envelopes whose arrival would change nothing, now or ever: they need not arrive."""
        useless = set()
        for number in wire[1]:
            if self._envelopes[number].number:
                continue
            end = wire[0][0 if self._envelopes[number].receiver == COORDINATOR else 1]
            arrival = self._arrival(end, number)
            if arrival.after == end and arrival.answer < 0:
                useless.add(number)
        return (wire[0], wire[1] - useless, *wire[2:]) if useless else wire


def _repeated(wire: Wire) -> Wire:
    """With one repetition less to come."""
    ends, air, awaited, asks, losses, repeats, crashes, renewals = wire
    return ends, air, awaited, asks, losses, repeats - 1, crashes, renewals


def _body(sender: str, epoch: int, number: int) -> bytes:
    return f"{sender} {epoch}.{number}".encode()


def _words(envelope: Envelope) -> str:
    what = f"number {envelope.number}" if envelope.number else "an acknowledgement"
    return f"{what} of {envelope.sender} in epoch {envelope.epoch} (ack {envelope.ack})"
