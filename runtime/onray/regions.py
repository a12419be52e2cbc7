"""What runs in the process of a region: the region's host, who thinks for it, and the calls by which envelopes come and go.

These are ordinary classes; `runtime.onray.base` makes an actor of them, without retries and restarts of Ray's own: a call that
is lost is the protocol's to send again, and a process that died is replaced by one with an incarnation of its own. No sign of
life is asked for in a take: a region that hangs misses its deadline, and that is how it is noticed. It has a second thread all
the same, as every actor here, in which calls in the group CONTROL are answered while it thinks.
"""

from __future__ import annotations

import os

import structlog

from agents.regions import Judgements, LexiconRegion, RegionAgent
from configs.tables import build
from protocol import link
from protocol.channels import Region
from protocol.coordination import Arm
from protocol.messages import Message, digest
from protocol.wire import decode
from runtime.hosts import RegionHost
from runtime.logs import configure_actor
from runtime.onray.actors import Part

log = structlog.get_logger()


class _Outgoing:
    """Collects what a host sends; the answer to the call that brought it about takes it along."""

    def __init__(self) -> None:
        self._sent: list[bytes] = []

    def carry(self, envelope: link.Envelope) -> None:
        """Put an envelope among those that are to go."""
        self._sent.append(link.encode_envelope(envelope))

    def taken(self) -> list[bytes]:
        """All that is to go, once."""
        sent, self._sent = self._sent, []
        return sent

    def read(self, body: bytes) -> Message:
        """The message in a body."""
        return decode(body)

    def watch(self, role: str) -> None:
        """The base learns from every answer whether something is owed."""

    def arm(self, deadline: Arm) -> None:
        """Only the coordinator has deadlines."""
        raise NotImplementedError

    def install(self, region: Region, *, fallback: bool) -> None:
        """Only the coordinator has others play."""
        raise NotImplementedError


Answer = tuple[list[bytes], bool]
"""Envelopes for the coordinator, and whether something that was sent is not known to have arrived."""


class RegionActor:
    """A region's role in a process of its own.

    Args:
        region: which.
        texts: of the tables.
        debug: whether every event is logged.
    """

    def __init__(self, region: Region, texts: dict[str, str], debug: bool) -> None:  # noqa: FBT001 - Ray passes it on
        configure_actor(debug=debug)
        tables = build(texts, {})  # and not what the director reads with, which takes as long again
        self._region = region
        self._agent = RegionAgent(region, tables, digest(texts), LexiconRegion(tables), Judgements(tables))
        self._out = _Outgoing()
        self._number = 0
        self._host: RegionHost | None = None

    def begin(self, part: Part) -> Answer:
        """Play in a take: from its beginning, or with a nonce in the place of a process that played before."""
        return self._answer(self._playing(part))

    def receive(self, part: Part, data: bytes) -> Answer:
        """Take in an envelope."""
        host = self._playing(part)
        if host is not None:
            try:
                host.receive(link.decode_envelope(data))
            except Exception:
                # Whatever an agent does wrong, its region is then silent, and the deadline brings in the fallback.
                log.exception("the region's agent failed")
        return self._answer(host)

    def resend(self, part: Part) -> Answer:
        """Send again what is not known to have arrived."""
        host = self._playing(part)
        if host is not None:
            host.resend()
        return self._answer(host)

    def ping(self) -> int:
        """Give a sign of life: the number of this process."""
        return os.getpid()

    def _playing(self, part: Part) -> RegionHost | None:
        """The host that plays in a take, a new one if that has only begun; None if another has begun since."""
        if part.number < self._number:
            return None
        if part.number > self._number:
            self._number = part.number
            structlog.contextvars.bind_contextvars(take=part.take, region=self._region)
            self._out.taken()
            self._host = RegionHost(self._region, self._agent, self._out, part.nonce)
        return self._host

    def _answer(self, host: RegionHost | None) -> Answer:
        return ([], False) if host is None else (self._out.taken(), host.owes)
