"""The in-process base: all roles in one thread, on a clock that jumps to the next thing that happens; one renderer, if any.

Nothing here waits. What is sent arrives in order and at once, unless a faulty network is given, which loses, repeats and
delays by its seed; then resends and deadlines take their turn on the same clock. The same seed gives the same run.

Who asks a language model does wait, so in such a take regions that are asked at the same time think at the same time, each in a
thread. What they send meanwhile is held back until all have answered, and then goes out as if they had been asked in turn.
"""

from __future__ import annotations

import contextlib
import contextvars
import heapq
import threading

from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import structlog

from agents.chance import Chance
from agents.exchange import Stopped
from agents.regions import LexiconRegion, Planner, RegionAgent
from protocol import link
from protocol.brief import Brief
from protocol.channels import REGIONS, Region
from protocol.coordination import Arm
from protocol.coordinator_state import CoordinatorState
from protocol.messages import COORDINATOR, ChunkAssigned, Message, TakeOpened
from protocol.wire import KnownTracks, Packed, restore, unpack
from renderer.errors import DeviceLost, RendererError
from renderer.interface import Frames
from renderer.motions import Samples
from runtime.base import Play
from runtime.coordinating import CoordinatorHost
from runtime.dispatching import DispatchHost
from runtime.filming import CHUNK, Film
from runtime.hosts import Foreseeing, Outbox, RegionHost, Thinker
from runtime.metrics import Meters, NoMeters
from runtime.studio import RendererHost, Studio

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


RENDERER = "renderer-1"
"""What the journal calls the one renderer; one that takes its place has the next number."""


_Waiting = tuple[float, int, Callable[[], None], link.Envelope | None]
"""When something happens, its place among what happens then, what it is, and the envelope that is delivered, if one is."""


class InlineRuntime:
    """Runs a take in one thread.

    Args:
        coordinator: makes the coordinator's host, given what carries its envelopes and makes its frames.
        agents: who thinks, by region.
        fallbacks: who thinks for a region that does not answer.
        network: what becomes of envelopes.
        crashes: processes that die on the way.
        stopped: asked between events; a reason ends the take.
        studio: who renders; None if nothing is.
        resumed: tells this run's processes from those of the runs before it; empty for the first.
        patient: regions may have to wait for answers from elsewhere, so those that are asked at the same time think at the same
            time.
    """

    def __init__(
        self,
        coordinator: Callable[[InlineRuntime], CoordinatorHost],
        agents: Mapping[Region, Thinker],
        fallbacks: Callable[[Region], Thinker],
        network: Network | None = None,
        crashes: tuple[Crash, ...] = (),
        stopped: Callable[[], str | None] = lambda: None,
        studio: Studio | None = None,
        resumed: str = "",
        *,
        patient: bool = False,
    ) -> None:
        self._agents = agents
        self._fallbacks = fallbacks
        self._network = network or PerfectNetwork()
        self._crashes = list(crashes)
        self._stopped = stopped
        self._now = 0.0
        self._order = 0
        self._queue: list[_Waiting] = []
        self._watched: set[str] = set()
        self._read: dict[bytes, Message] = {}
        self._tracks = KnownTracks()
        self._reading = threading.Lock()
        self._patient = patient
        self._threads: ThreadPoolExecutor | None = None
        self._received: dict[Region, int] = dict.fromkeys(REGIONS, 0)
        self._restarts = 0
        self._resumed = resumed
        self._outboxes = {region: Outbox(self) for region in REGIONS}
        self._regions = {region: self._host(region, nonce=self._nonce(region, 0)) for region in REGIONS}
        self._played: dict[Region, RegionHost] = {}
        self._studio = RendererHost(studio.render, studio.tally) if studio else None
        self._drawn: dict[int, int] = {}
        self._renderer = RENDERER
        self._frames: dict[int, Frames] = {}
        self._film: Film | None = None
        self._coordinator = coordinator(self)

    @property
    def coordinator(self) -> CoordinatorHost:
        """The coordinator's host."""
        return self._coordinator

    @property
    def received(self) -> dict[Region, int]:
        """How many envelopes each region has received so far."""
        return dict(self._received)

    @property
    def drawn(self) -> int:
        """How many frames had to be rendered, chunks that were given up for others not counted."""
        return sum(self._drawn.values())

    def run(self, begin: Callable[[CoordinatorHost], None], film: Film | None = None) -> None:
        """Run the take to its end.

        Args:
            begin: starts or resumes it.
            film: where frames go, if there are any.
        """
        self._film = film
        with self._thinking():
            begin(self._coordinator)
            if self._studio:
                self._dispatch.ready(self._renderer)
            self._run()

    def _run(self) -> None:
        closed_at: float | None = None
        while self._queue:
            reason = self._stopped()
            if reason and self._coordinator.state.phase != "closed":
                self._coordinator.stop(reason)
            if self._coordinator.state.phase == "closed":
                closed_at = self._now if closed_at is None else closed_at
                if not self._coordinator.owes or self._now > closed_at + LINGER_SECONDS:
                    return
            self._now, _, action, envelope = heapq.heappop(self._queue)
            together = self._same_time(envelope) if self._patient and envelope is not None else ()
            if together:
                self._deliver_together(together)
            else:
                action()

    # ------------------------------------------------------------------------------------------------ what hosts ask for

    def carry(self, envelope: link.Envelope) -> None:
        """Put an envelope on its way."""
        for delay in self._network.arrivals(envelope):
            self._at(delay, lambda: self._deliver(envelope), envelope)

    def read(self, body: bytes) -> Message:
        """The message in a body: the very one that was packed here, or else decoded once for all that it was sent to.

        Tracks that were proposed are known in a round.
        """
        if isinstance(body, Packed):
            return body.message
        with self._reading:
            if body not in self._read:
                self._read[body] = restore(unpack(body), self._tracks)
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
            self._played[region] = RegionHost(region, self._fallbacks(region), self._outboxes[region], fallback=True)
        else:
            self._played.pop(region, None)

    def ponder(self, work: Callable[[Callable[[Any], None]], None]) -> None:
        """Do what waits for answers from elsewhere when its turn has come."""
        self._at(0.0, lambda: work(self._coordinator.hear))

    def foresee(self, opened: TakeOpened, brief: Brief) -> None:
        """Let the agents of the regions know what is coming."""
        for agent in self._agents.values():
            if isinstance(agent, Foreseeing):
                agent.foresee(opened, brief)

    # ------------------------------------------------------------------------------------- what the dispatcher asks for

    def assign(self, renderer: str, chunk: ChunkAssigned, rows: Samples) -> None:
        """Render a chunk when its turn has come."""
        self._at(0.0, lambda: self._render(renderer, chunk, rows))

    def write(self, chunk: int, attempt: int) -> None:
        """Write a chunk when its turn has come."""
        self._at(0.0, lambda: self._write(chunk))

    def drop(self, chunk: int, attempt: int) -> None:
        """Forget the frames of a chunk."""
        self._frames.pop(chunk, None)

    def dismiss(self, renderer: str, reason: str) -> None:
        """A chunk that was given up is to blame, and the others get a renderer anew; or else no other would do better here."""
        if self._dispatch.state.given_up is None:
            self._at(0.0, lambda: self._dispatch.unable(f"the renderer was given up: {reason}"))
        else:
            self._at(0.0, lambda: self._replace(renderer, reason))

    # -------------------------------------------------------------------------------------------------------- inside

    @property
    def _dispatch(self) -> DispatchHost:
        assert self._coordinator.dispatch is not None
        return self._coordinator.dispatch

    def _replace(self, renderer: str, reason: str) -> None:
        self._dispatch.gone(renderer, reason)
        self._renderer = f"renderer-{int(renderer.removeprefix('renderer-')) + 1}"
        self._dispatch.ready(self._renderer)

    def _render(self, renderer: str, chunk: ChunkAssigned, rows: Samples) -> None:
        if self._coordinator.state.phase == "closed" or self._studio is None or renderer != self._renderer:
            return
        try:
            message, frames = self._studio.receive(chunk, rows)
        except DeviceLost as error:
            self._dispatch.gone(renderer, str(error))
            self._dispatch.unable(str(error))
            return
        if frames is not None:
            self._frames[chunk.chunk] = frames
            self._drawn[chunk.chunk] = self._studio.drawn(chunk.chunk, chunk.attempt)
        self._dispatch.receive(renderer, message)

    def _write(self, chunk: int) -> None:
        assert self._film is not None
        if self._coordinator.state.phase == "closed":
            return
        try:
            self._film.write(self._frames.pop(chunk))
        except (RendererError, OSError) as error:
            self._dispatch.unable(str(error))
        else:
            self._dispatch.written(chunk)

    def _nonce(self, region: Region, restarts: int) -> str:
        return f"{region}-{self._resumed}{restarts}" if self._resumed or restarts else ""

    def _host(self, region: Region, nonce: str) -> RegionHost:
        return RegionHost(region, self._agents[region], self._outboxes[region], nonce=nonce)

    def _at(self, delay: float, action: Callable[[], None], envelope: link.Envelope | None = None) -> None:
        self._order += 1
        heapq.heappush(self._queue, (self._now + delay, self._order, action, envelope))

    @contextlib.contextmanager
    def _thinking(self) -> Iterator[None]:
        """Threads for regions to think in, where that takes long."""
        if not self._patient:
            yield
            return
        with ThreadPoolExecutor(len(REGIONS), thread_name_prefix="region") as self._threads:
            yield

    def _same_time(self, first: link.Envelope) -> Sequence[link.Envelope]:
        """What is delivered next and at the same time, one envelope for each of several regions; none if it is only one."""
        found = {first.receiver: first}
        while self._queue:
            at, _, _, envelope = self._queue[0]
            if at > self._now or envelope is None or envelope.receiver in found:
                break
            if COORDINATOR in (first.receiver, envelope.receiver):
                break
            found[envelope.receiver] = envelope
            heapq.heappop(self._queue)
        return tuple(found.values()) if len(found) > 1 else ()

    def _deliver_together(self, envelopes: Sequence[link.Envelope]) -> None:
        """Have several regions take in an envelope each at the same time, and then let go what they send, in their order."""
        assert self._threads is not None
        under_way = []
        for envelope in envelopes:
            found = self._reached(envelope)
            if found is None:
                continue
            region, host = found
            self._outboxes[region].hold()
            context = contextvars.copy_context()
            under_way.append((region, self._threads.submit(context.run, self._guarded, region, host, envelope)))
        for _, answered in under_way:
            answered.result()
        for region, _ in under_way:
            self._outboxes[region].let_go()

    def _deliver(self, envelope: link.Envelope) -> None:
        if envelope.receiver == COORDINATOR:
            self._coordinator.receive(envelope)
            return
        found = self._reached(envelope)
        if found is not None:
            self._guarded(*found, envelope)

    def _reached(self, envelope: link.Envelope) -> tuple[Region, RegionHost] | None:
        """The region that an envelope is for, and who plays it; None if its process dies, and the envelope with it."""
        region: Region = envelope.receiver  # type: ignore[assignment]
        self._received[region] += 1
        for crash in [c for c in self._crashes if c.region == region and c.before == self._received[region]]:
            self._crashes.remove(crash)
            self._restart(region)
            return None
        return region, self._played.get(region, self._regions[region])

    def _guarded(self, region: Region, host: RegionHost, envelope: link.Envelope) -> None:
        try:
            host.receive(envelope)
        except Stopped:
            log.debug("the region's agent was stopped", region=region)
        except Exception:
            # Whatever an agent does wrong, its region is then silent, and the deadline brings in the fallback.
            log.exception("the region's agent failed", region=region)

    def _restart(self, region: Region) -> None:
        self._restarts += 1
        self._regions[region] = self._host(region, nonce=self._nonce(region, self._restarts))

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


class InlineBase:
    """Runs takes in this process.

    Args:
        studio: who renders; None for takes that are not rendered.
        agents: regions that are played by others than the embedded planner.
        network: what becomes of envelopes; perfect if None.
        crashes: region processes that die on the way.
    """

    def __init__(
        self,
        studio: Studio | None = None,
        *,
        agents: Mapping[Region, Thinker] | None = None,
        network: Network | None = None,
        crashes: tuple[Crash, ...] = (),
    ) -> None:
        self.meters: Meters = NoMeters()
        self.chunk_frames = CHUNK
        self.drawn = 0
        self._studio = studio
        self._agents = agents or {}
        self._network = network
        self._crashes = crashes

    def play(self, play: Play) -> CoordinatorState:
        """Run a take; see `runtime.base.Base`."""
        loaded, judgements = play.loaded, play.judgements
        planner = LexiconRegion(loaded.tables)

        def played(region: Region, planner_for: Callable[[TakeOpened], Planner]) -> RegionAgent:
            return RegionAgent(region, loaded.tables, loaded.digest, planner_for, judgements)

        def embedded(region: Region) -> RegionAgent:
            return played(region, lambda opened: planner)

        playing: dict[Region, Thinker] = {
            region: self._agents.get(region) or played(region, play.planner_for) for region in REGIONS
        }
        runtime = InlineRuntime(
            play.coordinator,
            playing,
            embedded,
            self._network,
            self._crashes,
            play.stopped,
            self._studio if play.film else None,
            play.resumed,
            patient=play.language_model is not None,
        )
        try:
            runtime.run(play.begin, play.film)
        finally:
            for agent in playing.values():
                if isinstance(agent, Foreseeing):
                    agent.close()
        self.drawn = runtime.drawn
        return runtime.coordinator.state
