"""Hosts of regions: whose words are heard as they were said, and whose are read back and checked."""

from __future__ import annotations

from typing import cast

import pytest

from agents.regions import Judgements, LexiconRegion, RegionAgent
from protocol import link
from protocol.channels import REGIONS
from protocol.messages import COORDINATOR, Decided, Message, Parent, Proposed, TakeOpened
from protocol.wire import Packed, WireError, decode, encode
from runtime.coordinating import CoordinatorHost
from runtime.hosts import RegionHost, Thinker
from runtime.inline import InlineRuntime
from runtime.loading import Loaded
from tests.takes import TinyRegion, beat_opened, brief, take_opened, tiny_tables, track


class Collecting:
    """Carries nothing anywhere, and keeps what it was given."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []

    def carry(self, envelope: link.Envelope) -> None:
        self.bodies += [envelope.body] if envelope.number else []

    def read(self, body: bytes) -> Message:
        return decode(body)

    def watch(self, role: str) -> None:
        pass


def said(agent: Thinker, opened: TakeOpened) -> list[bytes]:
    """What a region sends when a take and its first beat are opened."""
    carrier, state = Collecting(), link.LinkState(COORDINATOR, "mouth", 1)
    host = RegionHost("mouth", agent, carrier)
    for message in (opened, beat_opened()):
        state, envelope = link.send(state, encode(message))
        host.receive(envelope)
    assert [type(decode(body)) for body in carrier.bodies] == [Decided, Proposed]
    return carrier.bodies


@pytest.fixture
def agent(loaded: Loaded) -> RegionAgent:
    planner = LexiconRegion(loaded.tables)
    return RegionAgent("mouth", loaded.tables, loaded.digest, lambda opened: planner, Judgements(loaded.tables))


def test_what_the_programs_own_agents_say_need_not_be_parsed_in_the_same_process(agent):
    for body in said(agent, take_opened()):
        assert isinstance(body, Packed)
        assert decode(body) == body.message


def test_what_others_say_is_plain_bytes():
    other = TinyRegion("mouth", Judgements(tiny_tables()))
    assert [type(body) for body in said(other, take_opened())] == [bytes, bytes]


def test_what_is_pieced_together_from_a_parent_is_plain_bytes(agent):
    tracks = tuple(track(region) for region in ("brows", "eyes", "mouth", "head"))
    parent = Parent(take="before", timeline="0" * 32, directions=("x",), brief=brief(1), tracks=(tracks,))
    opened = take_opened().model_copy(update={"parent": parent})
    assert [type(body) for body in said(agent, opened)] == [bytes, bytes]


def test_only_what_was_packed_here_is_taken_as_it_is(agent):
    others = {region: TinyRegion(region, Judgements(tiny_tables())) for region in REGIONS}
    runtime = InlineRuntime(lambda carrier: cast(CoordinatorHost, None), others, others.__getitem__)
    body = said(agent, take_opened())[1]
    assert isinstance(body, Packed)
    assert isinstance(body.message, Proposed)
    assert runtime.read(body) is body.message
    assert runtime.read(bytes(body)) is not body.message
    assert runtime.read(bytes(body)) == body.message
    with pytest.raises(WireError, match="does not match"):
        runtime.read(body.replace(body.message.digest.encode(), b"0" * 32))
