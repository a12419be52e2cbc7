"""The in-process base: all roles in one thread, on a clock that jumps to the next thing that happens.

Nothing here waits. What is sent arrives in order and at once, unless a faulty network is given, which loses, repeats and
delays by its seed; then resends and deadlines take their turn on the same clock. The same seed gives the same run.
"""

from __future__ import annotations

import heapq

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from agents.chance import Chance
from protocol import link
from protocol.channels import REGIONS, Region
from protocol.coordination import Arm
from protocol.messages import COORDINATOR, Message, TakeOpened
from protocol.wire import decode
from runtime.hosts import Carrier, CoordinatorHost, RegionHost, Thinker

log = structlog.get_logger()

RESEND_SECONDS = 1.0
"""After which unacknowledged envelopes are sent again."""
DEADLINE_SECONDS = 60.0
"""That a region has for an answer."""
READ_LATELY = 4
"""Bodies whose messages are remembered."""
LINGER_SECONDS = 20.0
"""For which a closed take still sees to it that everybody knows."""


class Network(Protocol):
    """Decides what becomes of an envelope."""

    def arrivals(self, envelope: link.Envelope) -> tuple[float, ...]:
        """Seconds after which copies of it arrive; none if it is lost."""
        ...


class PerfectNetwork:
    """Everything arrives at once, in order."""

    def arrivals(self, envelope: link.Envelope) -> tuple[float, ...]:
        """One copy, now."""
        return (0.0,)


class FaultyNetwork:
    """Loses, repeats and delays envelopes by chance.

    Args:
        seed: of the chance.
        loss: share of envelopes lost.
        repeat: share of the rest that arrive twice.
        delay: most seconds on the way; envelopes overtake each other.
    """

    def __init__(self, seed: int, loss: float, repeat: float, delay: float) -> None:
        self._chance = Chance("network", seed)
        self._loss, self._repeat, self._delay = loss, repeat, delay

    def arrivals(self, envelope: link.Envelope) -> tuple[float, ...]:
        """No, one or two copies, each after its own delay."""
        if self._chance.chooses(self._loss):
            return ()
        copies = 2 if self._chance.chooses(self._repeat) else 1
        return tuple(self._delay * self._chance.share() for _ in range(copies))


@dataclass(frozen=True, slots=True)
class Crash:
    """A region's process dies when it is about to receive its n-th envelope (from 1), and another one starts in its place."""

    region: Region
    before: int


class InlineRuntime:
    """Runs a take in one thread.

    Args:
        coordinator: makes the coordinator's host, given its carrier.
        agents: who thinks, by region.
        fallbacks: who thinks for a region that does not answer.
        network: what becomes of envelopes.
        crashes: processes that die on the way.
        stopped: asked between events; a reason ends the take.
    """

    def __init__(
        self,
        coordinator: Callable[[Carrier], CoordinatorHost],
        agents: Mapping[Region, Thinker],
        fallbacks: Callable[[Region], Thinker],
        network: Network | None = None,
        crashes: tuple[Crash, ...] = (),
        stopped: Callable[[], str | None] = lambda: None,
    ) -> None:
        self._agents = agents
        self._fallbacks = fallbacks
        self._network = network or PerfectNetwork()
        self._crashes = list(crashes)
        self._stopped = stopped
        self._now = 0.0
        self._order = 0
        self._queue: list[tuple[float, int, Callable[[], None]]] = []
        self._watched: set[str] = set()
        self._read: dict[bytes, Message] = {}
        self._received: dict[Region, int] = dict.fromkeys(REGIONS, 0)
        self._restarts = 0
        self._regions = {region: RegionHost(region, agents[region], self) for region in REGIONS}
        self._played: dict[Region, RegionHost] = {}
        self._coordinator = coordinator(self)

    @property
    def coordinator(self) -> CoordinatorHost:
        """The coordinator's host."""
        return self._coordinator

    @property
    def received(self) -> dict[Region, int]:
        """How many envelopes each region has received so far."""
        return dict(self._received)

    def run(self, opened: TakeOpened) -> None:
        """Run the take to its end."""
        self._coordinator.start(opened)
        closed_at: float | None = None
        while self._queue:
            reason = self._stopped()
            if reason and self._coordinator.state.phase != "closed":
                self._coordinator.stop(reason)
            if self._coordinator.state.phase == "closed":
                closed_at = self._now if closed_at is None else closed_at
                if not self._coordinator.owes or self._now > closed_at + LINGER_SECONDS:
                    return
            self._now, _, action = heapq.heappop(self._queue)
            action()

    # ------------------------------------------------------------------------------------------------ what hosts ask for

    def carry(self, envelope: link.Envelope) -> None:
        """Put an envelope on its way."""
        for delay in self._network.arrivals(envelope):
            self._at(delay, lambda: self._deliver(envelope))

    def read(self, body: bytes) -> Message:
        """The message in a body, decoded once for all regions that it was sent to."""
        if body not in self._read:
            self._read[body] = decode(body)
            while len(self._read) > READ_LATELY:
                del self._read[next(iter(self._read))]
        return self._read[body]

    def arm(self, deadline: Arm) -> None:
        """Fire the deadline when its time has come."""
        self._at(DEADLINE_SECONDS, lambda: self._coordinator.fire(deadline))

    def watch(self, role: str) -> None:
        """Have a role resend while it owes something."""
        if role not in self._watched:
            self._watched.add(role)
            self._at(RESEND_SECONDS, lambda: self._resend(role))

    def install(self, region: Region, *, fallback: bool) -> None:
        """Bring the region's envelopes to a fresh fallback, or back to the region."""
        if fallback:
            self._played[region] = RegionHost(region, self._fallbacks(region), self, fallback=True)
        else:
            self._played.pop(region, None)

    # -------------------------------------------------------------------------------------------------------- inside

    def _at(self, delay: float, action: Callable[[], None]) -> None:
        self._order += 1
        heapq.heappush(self._queue, (self._now + delay, self._order, action))

    def _deliver(self, envelope: link.Envelope) -> None:
        if envelope.receiver == COORDINATOR:
            self._coordinator.receive(envelope)
            return
        region: Region = envelope.receiver  # type: ignore[assignment]
        self._received[region] += 1
        for crash in [c for c in self._crashes if c.region == region and c.before == self._received[region]]:
            self._crashes.remove(crash)
            self._restart(region)
            return  # the envelope dies with the process
        self._guarded(region, self._played.get(region, self._regions[region]), envelope)

    def _guarded(self, region: Region, host: RegionHost, envelope: link.Envelope) -> None:
        try:
            host.receive(envelope)
        except Exception:
            # Whatever an agent does wrong, its region is then silent, and the deadline brings in the fallback.
            log.exception("the region's agent failed", region=region)

    def _restart(self, region: Region) -> None:
        self._restarts += 1
        self._regions[region] = RegionHost(region, self._agents[region], self, nonce=f"{region}-{self._restarts}")

    def _resend(self, role: str) -> None:
        self._watched.discard(role)
        hosts: list[Any] = [self._coordinator]
        if role != COORDINATOR:
            hosts = [self._regions[role]]  # type: ignore[index]
            if role in self._played:
                hosts.append(self._played[role])
        owing = [host for host in hosts if host.owes]
        for host in owing:
            host.resend()
        if owing:
            self.watch(role)
