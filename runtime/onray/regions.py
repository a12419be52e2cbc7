"""What runs in the process of a region: the region's host, who thinks for it, and the calls by which envelopes come and go.

These are ordinary classes; `runtime.onray.base` makes an actor of them, without retries and restarts of Ray's own: a call that
is lost is the protocol's to send again, and a process that died is replaced by one with an incarnation of its own. No sign of
life is asked for in a take: a region that hangs misses its deadline, and that is how it is noticed. It has a second thread all
the same, as every actor here, in which calls in the group CONTROL are answered while it thinks: what is coming, so that it can
begin to ask a language model about that, and that nobody waits any more.

What it decides with follows from the message that opens the take. Where that names a language model, this process asks it: the
server has to be reached from the node where it runs, and the key is in the environment that the node's Ray was started with.
"""

from __future__ import annotations

import os
import threading
import time

from functools import partial

import structlog

from agents.exchange import Stopped
from agents.regions import Judgements, RegionAgent
from configs.tables import build
from protocol import link
from protocol.brief import Brief
from protocol.channels import Region
from protocol.messages import Message, TakeOpened, digest
from protocol.wire import decode
from runtime.hosts import RegionHost
from runtime.logs import configure_actor
from runtime.onray.actors import Part
from runtime.planners import region_planner_for, surroundings

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
        self._tables = build(texts, {})  # and not what the director reads with, which takes as long again
        self._texts = digest(texts)
        self._region = region
        self._out = _Outgoing()
        self._number = 0
        self._left = 0
        self._agents: tuple[int, RegionAgent] | None = None
        self._lock = threading.Lock()
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
            except Stopped:
                log.debug("the region's agent was stopped")
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

    def foresee(self, part: Part, opened: bytes, brief: str) -> None:
        """Begin to think about the beats of a take; called beside all else, and of no consequence if it is lost.

        Args:
            part: the take.
            opened: the message that opened it.
            brief: what its director has made of it, as JSON.
        """
        agent, message = self._agent(part), decode(opened)
        if agent is not None and isinstance(message, TakeOpened):
            agent.foresee(message, Brief.model_validate_json(brief))

    def leave(self, part: Part) -> None:
        """A take is over: nobody waits for an answer any more. Called beside all else."""
        with self._lock:
            self._left = max(self._left, part.number)
            held = self._agents
        if held is not None and held[0] <= part.number:
            held[1].close()

    def ping(self) -> int:
        """Give a sign of life: the number of this process."""
        return os.getpid()

    def _playing(self, part: Part) -> RegionHost | None:
        """The host that plays in a take, a new one if that has only begun; None if another has begun since."""
        agent = self._agent(part)
        if part.number < self._number or agent is None:
            return None
        if part.number > self._number:
            self._number = part.number
            structlog.contextvars.bind_contextvars(take=part.take, region=self._region)
            self._out.taken()
            self._host = RegionHost(self._region, agent, self._out, part.nonce)
        return self._host

    def _agent(self, part: Part) -> RegionAgent | None:
        """Who thinks in a take, with planners of its own; None if another take has begun since."""
        number = part.number
        with self._lock:
            held = self._agents
            if held is None or number > held[0]:
                if held is not None:
                    held[1].close()

                def left() -> str | None:
                    return "the take is over" if number <= self._left else None

                around = surroundings(time.monotonic, left, spent=lambda role: part.spent)
                planner_for = partial(region_planner_for, tables=self._tables, around=around)
                agent = RegionAgent(self._region, self._tables, self._texts, planner_for, Judgements(self._tables))
                self._agents = held = (number, agent)
            return held[1] if held[0] == number else None

    def _answer(self, host: RegionHost | None) -> Answer:
        return ([], False) if host is None else (self._out.taken(), host.owes)
