"""Links: whatever the transport does, every body arrives once and in order; and nothing is said for ever."""

from dataclasses import FrozenInstanceError, replace

import msgpack
import pytest

from hypothesis import given
from hypothesis import strategies as st

from protocol.link import (
    MAX_ENVELOPE,
    MAX_NAME,
    MAX_NUMBER,
    MAX_PENDING,
    Ahead,
    Envelope,
    Fenced,
    LinkError,
    LinkState,
    acknowledgement,
    decode_envelope,
    encode_envelope,
    epoch_of,
    receive,
    resend,
    reset,
    send,
)
from protocol.wire import MAX_MESSAGE

EYES = LinkState("eyes", "coordinator", epoch=1)
COORDINATOR = LinkState("coordinator", "eyes", epoch=1)


def sent(state: LinkState, *bodies: bytes) -> tuple[LinkState, list[Envelope]]:
    """The state after sending, and what was sent."""
    envelopes = []
    for body in bodies:
        state, envelope = send(state, body)
        envelopes.append(envelope)
    return state, envelopes


class Wire:
    """Two ends of a link with a transport between them that does as it is told; delivered bodies are kept."""

    def __init__(self) -> None:
        self.ends = {"eyes": EYES, "coordinator": COORDINATOR}
        self.sent: dict[str, list[bytes]] = {"eyes": [], "coordinator": []}
        self.got: dict[str, list[bytes]] = {"eyes": [], "coordinator": []}
        self.flying: list[Envelope] = []

    def send(self, role: str) -> None:
        body = f"{role} {len(self.sent[role])}".encode()
        self.sent[role].append(body)
        self.ends[role], envelope = send(self.ends[role], body)
        self.flying.append(envelope)

    def arrive(self, at: int, *, keep: bool) -> None:
        envelope = self.flying[at] if keep else self.flying.pop(at)
        role = envelope.receiver
        self.ends[role], bodies, answer = receive(self.ends[role], envelope)
        self.got[role].extend(bodies)
        if answer:
            self.flying.append(answer)

    def resend(self, role: str) -> None:
        self.flying.extend(resend(self.ends[role]))

    def act(self, action: str, role: str, number: int) -> None:
        if action == "send":
            self.send(role)
        elif action == "resend":
            self.resend(role)
        elif self.flying:
            at = number % len(self.flying)
            if action == "lose":
                self.flying.pop(at)
            else:
                self.arrive(at, keep=action == "repeat")

    def settle(self) -> None:
        """Both sides send again, once, over a transport that has become reliable."""
        for role in self.ends:
            self.resend(role)
        steps = 0
        while self.flying:
            self.arrive(0, keep=False)
            steps += 1
            assert steps < 10_000


ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(["send", "send", "arrive", "arrive", "repeat", "lose", "resend"]),
        st.sampled_from(["eyes", "coordinator"]),
        st.integers(0, 1000),
    ),
    max_size=60,
)


@given(ACTIONS)
def test_any_loss_repetition_and_reordering_then_resending_delivers_each_body_once_in_order(actions):
    wire = Wire()
    for action in actions:
        wire.act(*action)
        for role, peer in (("eyes", "coordinator"), ("coordinator", "eyes")):
            assert wire.got[role] == wire.sent[peer][: len(wire.got[role])]
    wire.settle()
    assert wire.got == {"eyes": wire.sent["coordinator"], "coordinator": wire.sent["eyes"]}
    for state in wire.ends.values():
        assert state.unacknowledged == state.waiting == ()


@given(ACTIONS)
def test_bodies_are_due_only_without_gaps_and_what_waits_is_in_order(actions):
    wire = Wire()
    for action in actions:
        wire.act(*action)
        for role, state in wire.ends.items():
            numbers = [held.number for held in state.waiting]
            assert numbers == sorted(set(numbers))
            assert state.delivered == len(wire.got[role])
            assert state.delivered + 1 not in numbers
            assert [held.number for held in state.unacknowledged] == [
                *range(state.next_number - len(state.unacknowledged), state.next_number)
            ]


def test_numbers_count_from_one_in_each_direction():
    _, from_eyes = sent(EYES, b"a", b"b")
    _, from_coordinator = sent(COORDINATOR, b"c")
    assert [envelope.number for envelope in from_eyes] == [1, 2]
    assert from_coordinator == [Envelope("coordinator", "eyes", 1, 1, 0, b"c")]


def test_what_comes_ahead_of_a_gap_waits_for_it():
    _, (first, second, third) = sent(EYES, b"a", b"b", b"c")
    state, bodies, answer = receive(COORDINATOR, third)
    assert (bodies, answer) == ((), Envelope("coordinator", "eyes", 1, 0, 0, b""))
    state, bodies, _ = receive(state, second)
    assert bodies == ()
    state, bodies, answer = receive(state, first)
    assert (bodies, answer) == ((b"a", b"b", b"c"), Envelope("coordinator", "eyes", 1, 0, 3, b""))
    assert state.waiting == ()


def test_a_repeated_body_is_acknowledged_again_but_not_delivered_again():
    _, (first,) = sent(EYES, b"a")
    once, bodies, answer = receive(COORDINATOR, first)
    assert bodies == (b"a",)
    twice, bodies, again = receive(once, first)
    assert (twice, bodies, again) == (once, (), answer)


def test_an_acknowledgement_covers_everything_before_it():
    state, _ = sent(EYES, b"a", b"b", b"c")
    state, _, answer = receive(state, Envelope("coordinator", "eyes", 1, 0, 2, b""))
    assert [envelope.number for envelope in state.unacknowledged] == [3]
    assert answer is None
    late, _, _ = receive(state, Envelope("coordinator", "eyes", 1, 0, 1, b""))
    assert late == state


def test_bare_acknowledgements_are_never_answered():
    state, _ = sent(EYES, b"a", b"b")
    for ack in (0, 1, 2, 1):
        state, bodies, answer = receive(state, Envelope("coordinator", "eyes", 1, 0, ack, b""))
        assert (bodies, answer) == ((), None)


def test_a_body_carries_the_acknowledgement_of_what_came_before():
    _, (question,) = sent(COORDINATOR, b"a")
    state, _, _ = receive(EYES, question)
    _, reply = send(state, b"b")
    assert reply.ack == 1


def test_resending_keeps_numbers_and_bodies_and_acknowledges_what_came_since():
    state, envelopes = sent(EYES, b"a", b"b")
    _, (question,) = sent(COORDINATOR, b"c")
    state, _, _ = receive(state, question)
    assert resend(state) == tuple(replace(envelope, ack=1) for envelope in envelopes)
    assert resend(state) == resend(state)
    assert resend(EYES) == ()


def test_an_older_incarnation_is_fenced_and_changes_nothing():
    _, (stale,) = sent(EYES, b"a")
    state = reset(COORDINATOR, 2)
    with pytest.raises(Fenced, match="eyes sent number 1 in epoch 1; the link is in epoch 2") as caught:
        receive(state, stale)
    assert (caught.value.envelope, caught.value.epoch) == (stale, 2)
    assert epoch_of(state, stale) == "older"
    _, (fresh,) = sent(reset(EYES, 2), b"b")
    assert epoch_of(state, fresh) == "current"
    assert receive(state, fresh)[1] == (b"b",)


def test_a_newer_incarnation_is_for_the_caller_to_take_up():
    _, (news,) = sent(reset(COORDINATOR, 3), b"a")
    assert epoch_of(EYES, news) == "newer"
    with pytest.raises(Ahead, match="epoch 3; the link is in epoch 1"):
        receive(EYES, news)
    assert receive(reset(EYES, 3), news)[1] == (b"a",)


def test_a_new_incarnation_begins_a_fresh_link():
    state, _ = sent(EYES, b"a", b"b")
    _, (_, second) = sent(COORDINATOR, b"c", b"d")
    state, _, _ = receive(state, second)
    assert reset(state, 2) == LinkState("eyes", "coordinator", 2, 1, (), 0, ())
    for epoch in (0, 1):
        with pytest.raises(LinkError, match=f"cannot go from epoch 1 to {epoch}"):
            reset(state, epoch)


@pytest.mark.parametrize("state", [COORDINATOR, LinkState("coordinator", "eyes"), reset(COORDINATOR, 7)])
def test_a_process_without_incarnation_is_heard_at_once_and_as_often_as_it_speaks(state):
    hello = LinkState("eyes", "coordinator")
    hello, (first,) = sent(hello, b"a")
    for _ in range(2):
        assert epoch_of(state, first) == "hello"
        assert receive(state, first) == (state, (b"a",), None)
    assert resend(hello) == (first,)
    # Another process of the same role begins with the same number and is heard as well.
    _, (other,) = sent(LinkState("eyes", "coordinator"), b"b")
    assert receive(state, other) == (state, (b"b",), None)
    assert receive(state, acknowledgement(hello)) == (state, (), None)


def test_an_envelope_for_another_link_is_refused():
    _, (first,) = sent(EYES, b"a")
    for wrong in (replace(first, sender="mouth"), replace(first, receiver="mouth"), Envelope("eyes", "eyes", 1, 1, 0, b"a")):
        with pytest.raises(LinkError, match="reached the link from eyes to coordinator"):
            receive(COORDINATOR, wrong)


@pytest.mark.parametrize(
    ("envelope", "words"),
    [
        (Envelope("eyes", "coordinator", 1, 0, 1, b""), "acknowledges number 1; coordinator has sent 0"),
        (Envelope("eyes", "coordinator", 1, 1, MAX_NUMBER, b"a"), "acknowledges number"),
        (Envelope("eyes", "coordinator", 1, MAX_PENDING + 1, 0, b"a"), f"more than {MAX_PENDING} after 0"),
    ],
)
def test_what_no_honest_peer_sends_is_refused(envelope, words):
    with pytest.raises(LinkError, match=words):
        receive(COORDINATOR, envelope)


def test_one_number_with_two_bodies_is_refused():
    state, _, _ = receive(COORDINATOR, Envelope("eyes", "coordinator", 1, 2, 0, b"a"))
    with pytest.raises(LinkError, match="number 2 twice, with different bodies"):
        receive(state, Envelope("eyes", "coordinator", 1, 2, 0, b"b"))


def test_what_waits_is_bounded_on_both_sides_and_the_bounds_agree():
    state, envelopes = sent(EYES, *(b"%d" % at for at in range(MAX_PENDING)))
    with pytest.raises(LinkError, match="has not acknowledged the last 1024 messages of eyes"):
        send(state, b"one more")
    other = COORDINATOR
    for envelope in reversed(envelopes[1:]):
        other, _, _ = receive(other, envelope)
    assert len(other.waiting) == MAX_PENDING - 1
    other, bodies, answer = receive(other, envelopes[0])
    assert bodies == tuple(b"%d" % at for at in range(MAX_PENDING))
    assert answer is not None
    state, _, _ = receive(state, answer)
    assert state.unacknowledged == ()
    assert send(state, b"one more")[1].number == MAX_PENDING + 1


def test_states_and_envelopes_are_values():
    state, (first,) = sent(EYES, b"a")
    assert sent(EYES, b"a") == (state, [first])
    assert EYES.unacknowledged == ()
    for value, name in ((state, "delivered"), (first, "number")):
        with pytest.raises(FrozenInstanceError):
            setattr(value, name, 7)


names = st.text("abc-é你", min_size=1, max_size=MAX_NAME)
numbers = st.integers(0, MAX_NUMBER)


@given(names, names, numbers, st.integers(1, MAX_NUMBER), numbers, st.binary(min_size=1, max_size=50))
def test_an_envelope_survives_as_bytes(sender, receiver, epoch, number, ack, body):
    for envelope in (Envelope(sender, receiver, epoch, number, ack, body), Envelope(sender, receiver, epoch, 0, ack, b"")):
        assert decode_envelope(encode_envelope(envelope)) == envelope


GOOD = ("eyes", "coordinator", 1, 1, 0, b"a")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({0: ""}, "sender needs 1 to 80 characters"),
        ({1: "x" * 81}, "receiver needs 1 to 80 characters"),
        ({2: -1}, "epoch -1 is outside"),
        ({2: 2**53}, "epoch 9007199254740992 is outside"),
        ({3: -1}, "number -1 is outside"),
        ({4: -1}, "ack -1 is outside"),
        ({3: 0}, "a body has a number from 1"),
        ({5: b""}, "a body has a number from 1"),
        ({5: bytes(MAX_MESSAGE + 1)}, "above the limit|max_bin_len"),
    ],
)
def test_an_envelope_out_of_range_is_refused_when_made_and_when_read(fields, words):
    values = [fields.get(at, value) for at, value in enumerate(GOOD)]
    with pytest.raises(LinkError, match=words):
        Envelope(*values)
    with pytest.raises(LinkError, match=words):
        decode_envelope(msgpack.packb(values))


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xc1",
        msgpack.packb(GOOD)[:-1],
        msgpack.packb(GOOD) + b"\xc0",
        msgpack.packb(GOOD[:5]),
        msgpack.packb((*GOOD, 1)),
        msgpack.packb((*GOOD[:5], "a")),
        msgpack.packb((b"eyes", *GOOD[1:])),
        msgpack.packb((*GOOD[:3], True, 0, b"a")),
        msgpack.packb((*GOOD[:3], 1.0, 0, b"a")),
        msgpack.packb({"sender": "eyes"}),
        msgpack.packb(("x" * 10_000, *GOOD[1:])),
        msgpack.packb((*GOOD[:5], msgpack.ExtType(1, b"a"))),
        b"\x96\xa4eyes" + b"\x91" * 3000,
        b"\x96\xdb\xff\xff\xff\xff",
        b"\x96\xa1\xff",
    ],
)
def test_bytes_that_are_no_envelope_are_refused(data):
    with pytest.raises(LinkError, match=r"^envelope: "):
        decode_envelope(data)


def test_an_oversize_envelope_is_refused_before_it_is_unpacked():
    with pytest.raises(LinkError, match=f"{MAX_ENVELOPE + 1} bytes are above the limit"):
        decode_envelope(bytes(MAX_ENVELOPE + 1))


@given(st.binary(max_size=60))
def test_random_bytes_are_refused_in_words(data):
    with pytest.raises(LinkError, match=r"^envelope: "):
        decode_envelope(data)


def test_the_longest_body_passes():
    state, envelope = send(EYES, bytes(MAX_MESSAGE))
    assert decode_envelope(encode_envelope(envelope)) == envelope
    with pytest.raises(LinkError, match="above the limit"):
        send(state, bytes(MAX_MESSAGE + 1))
