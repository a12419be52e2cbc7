"""Tables as machines: the first row that fits is taken, keeps its promise, and nothing else changes the state."""

from dataclasses import dataclass, replace

import pytest

from protocol.machine import LocalError, Machine, PeerError, Received, Row, Send, kind
from protocol.messages import Aborted, Rejoined


@dataclass(frozen=True)
class Lamp:
    """A toy role."""

    phase: str = "off"
    pressed: int = 0


@dataclass(frozen=True)
class Press:
    """A toy event; `force` is how hard."""

    force: int = 1


@dataclass(frozen=True)
class Click:
    """A toy output."""


HELLO = Rejoined(region="eyes", nonce="a")


def go(phase, *outputs):
    """An act that goes to a phase and gives outputs."""
    return lambda state, event: (replace(state, phase=phase, pressed=state.pressed + 1), outputs)


def refuse(state, event):
    raise PeerError("not like this")


LAMP: Machine[Lamp] = Machine(
    "lamp",
    (
        Row("off", "Press", "it is too weak", lambda s, e: e.force < 1, "off", (), go("off")),
        Row("off", "Press", "", None, "on", ("Click",), go("on", Click())),
        Row("on", "Rejoined", "", None, "on", ("Aborted",), go("on", Send(("eyes",), Aborted(beat=None, error="x")))),
        Row("on", "Press", "it is strong", lambda s, e: e.force > 5, "broken", (), go("broken")),
    ),
)


def one_row(**changes):
    row = Row("off", "Press", "", None, "on", ("Click",), go("on", Click()))
    return Machine("lamp", (replace(row, **changes),))


@pytest.mark.parametrize(("force", "phase", "outputs"), [(0, "off", ()), (1, "on", (Click(),)), (9, "on", (Click(),))])
def test_the_first_row_whose_condition_holds_is_taken(force, phase, outputs):
    after, given = LAMP.step(Lamp(), Press(force))

    assert (after, given) == (Lamp(phase, 1), outputs)


def test_the_row_that_would_be_taken_can_be_asked_for():
    assert LAMP.row(Lamp(), Press(0)) is LAMP.rows[0]
    assert LAMP.row(Lamp(), Press()) is LAMP.rows[1]
    assert LAMP.row(Lamp("on"), Press()) is None
    assert LAMP.row(Lamp("nowhere"), Press()) is None


def test_a_message_received_goes_by_the_name_of_the_message():
    after, (output,) = LAMP.step(Lamp("on"), Received(HELLO))

    assert after == Lamp("on", 1)
    assert (kind(Received(HELLO)), kind(output), kind(Press())) == ("Rejoined", "Aborted", "Press")


def test_an_event_of_our_own_that_no_row_allows_is_our_mistake():
    state = Lamp("on")

    with pytest.raises(LocalError, match="lamp: Press is not allowed in phase on"):
        LAMP.step(state, Press(2))

    assert state == Lamp("on")


def test_a_message_that_no_row_allows_is_the_peers_mistake():
    state = Lamp()

    with pytest.raises(PeerError, match="lamp: Rejoined is not allowed in phase off"):
        LAMP.step(state, Received(HELLO))

    assert state == Lamp()


@pytest.mark.parametrize("place", ["test", "act"])
def test_fault_found_with_a_message_by_a_row_is_passed_on(place):
    machine = one_row(event="Rejoined", **{place: refuse})

    with pytest.raises(PeerError, match="not like this"):
        machine.step(Lamp(), Received(HELLO))


def test_a_row_that_goes_elsewhere_than_it_says_is_our_mistake():
    with pytest.raises(LocalError, match="off \\+ Press went to broken, its row says on"):
        one_row(act=go("broken")).step(Lamp(), Press())


@pytest.mark.parametrize("output", [Press(), Send((), HELLO)], ids=["request", "message"])
def test_a_row_that_gives_what_it_does_not_name_is_our_mistake(output):
    with pytest.raises(LocalError, match=f"gave {kind(output)}, which its row does not name"):
        one_row(act=go("on", Click(), output)).step(Lamp(), Press())


def test_a_row_need_not_give_all_that_it_names():
    assert one_row(act=go("on")).step(Lamp(), Press()) == (Lamp("on", 1), ())


def test_phases_are_listed_once_in_the_order_of_the_table():
    assert LAMP.phases == ("off", "on", "broken")
