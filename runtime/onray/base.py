"""The base on Ray: regions and renderers are actors; the coordinator lives with its journal, where the take was asked for.

Ray is taken for what it is: a transport that loses, repeats and reorders, with a good hand for processes. Its own retries are
off. An envelope goes to a region as a call, and what the region says to it comes back as the call's answer: two hops for a
round. If Ray cannot say whether a call was done, the links send again under the same numbers. A process that died is replaced,
and the new one asks to be let in.
"""

from __future__ import annotations

import contextvars
import threading

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from types import TracebackType
from typing import Any

import structlog

from agents.regions import LexiconRegion, RegionAgent
from configs.cluster import Profile
from protocol import link
from protocol.brief import Brief
from protocol.channels import REGIONS, Region
from protocol.coordination import Arm
from protocol.coordinator_state import CoordinatorState
from protocol.messages import COORDINATOR, ChunkAssigned, ChunkFailed, ChunkRendered, Message, TakeOpened
from protocol.wire import decode, encode
from renderer.errors import RendererError
from renderer.motions import Samples
from renderer.portrait import Portrait
from runtime.base import Play
from runtime.coordinating import CoordinatorHost
from runtime.hosts import RegionHost
from runtime.metrics import Meters, RayMeters
from runtime.onray.actors import CONTROL, Part, end, is_death, reason_of, start
from runtime.onray.loop import Loop
from runtime.onray.placement import Placement
from runtime.onray.pool import Pool
from runtime.onray.regions import RegionActor
from runtime.onray.working import Cast
from runtime.options import Background
from runtime.renderers import Opened
from runtime.studio import Stage

log = structlog.get_logger()

RESEND_SECONDS = 0.5
"""After which what is not known to have arrived is sent again, unless a call with it is under way."""
RESTARTS = 5
"""New processes for each region in one take; after that its fallback plays it."""
FETCH_SECONDS = 60.0
"""That frames may take from the node where they were rendered."""
TRIES = 3
"""Answers of a language model that a region may have to wait for before it has one that can be used."""
_STEP = 0.1
"""Between two looks at whether the take is to stop."""


class Crew:
    """The actors that stand ready for takes, one after the other.

    Args:
        texts: of the tables, for the regions.
        opener: opens the renderer in its process; None if nothing is rendered.
        placement: where renderers may run, and how many.
        profile: how long is waited.
        clock: seconds, never going back.
        debug: whether their processes log every event.
    """

    def __init__(
        self,
        texts: dict[str, str],
        opener: Callable[[], Opened] | None,
        placement: Placement,
        profile: Profile,
        clock: Callable[[], float],
        *,
        debug: bool = False,
    ) -> None:
        self.meters: Meters = RayMeters()
        self.chunk_frames = profile.chunk_frames
        self._given = texts
        self._profile = profile
        self._debug = debug
        self._loop = Loop(clock)
        self._pool = Pool(self._loop, opener, placement, profile, clock, debug=debug) if opener else None
        self._regions: dict[Region, Any] = {}
        self._texts: Any = None
        self._played = 0

    def __enter__(self) -> Crew:
        import ray  # noqa: PLC0415 - it is there by now

        try:
            self._texts = ray.put(self._given)
            if self._pool is not None:
                self._pool.start()
            else:
                self._start_regions()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @property
    def workers(self) -> int:
        """How many renderers there are to be."""
        return self._pool.count if self._pool else 0

    @property
    def drawn(self) -> int:
        """Frames of the last take that had to be rendered; see `runtime.base.Base`."""
        return self._pool.drawn if self._pool else 0

    def close(self) -> None:
        """End all processes."""
        import ray  # noqa: PLC0415 - it is there by now

        if not ray.is_initialized():
            return  # Ray has ended, and they with it
        if self._pool is not None:
            self._pool.close()
        for actor in self._regions.values():
            end(actor)
        self._regions.clear()

    def _start_regions(self) -> None:
        """Start the regions that are not there yet.

        Renderers load for seconds before the first of them can begin with the portrait, which takes one processor a second: the
        regions load in that second, and not before, when they would only keep the renderers waiting.
        """
        for region in REGIONS:
            if region not in self._regions:
                self._regions[region] = self.spawn(region)

    def spawn(self, region: Region) -> Any:
        """A new process of a region."""
        return start(RegionActor, region, self._texts, self._debug, num_cpus=0)

    def prepare(
        self,
        portrait: Portrait,
        face: int | None,
        background: Background,
        stopped: Callable[[], str | None],
        *,
        neutral: bool = False,
    ) -> Stage:
        """Have a portrait prepared by a renderer, and given to all.

        Args:
            portrait: who acts.
            face: which of its faces, 1 for the largest; None for the largest.
            background: what is behind the person.
            stopped: asked again and again; a reason ends the waiting.
            neutral: whether the portrait's expression is relaxed before it acts.

        Raises:
            RendererError: it cannot be animated, or a model is missing.
            TakeError: there was nobody to prepare it, or it was stopped.
        """
        import ray  # noqa: PLC0415 - it is there by now

        assert self._pool is not None
        key = f"{portrait.digest} {portrait.rgb.shape} {face} {background} {neutral}"
        cast = Cast(key, ray.put(portrait), face, background, neutral)
        return self._pool.prepare(cast, stopped, self._start_regions)

    def play(self, play: Play) -> CoordinatorState:
        """Run a take; see `runtime.base.Base`."""
        self._start_regions()
        self._played += 1
        pool = self._pool if play.film else None
        return _Run(self, self._loop, pool, self._regions, self._profile, play, self._played).run()


class _Region:
    """A region's process as the coordinator sees it.

    Attributes:
        actor: the process.
        generation: how many of this take have ended.
        calls: under way.
        owes: whether it may have sent what is not known to have arrived.
        spent: tokens of a language model that were read and written for it before this process began to play.
    """

    def __init__(self, actor: Any, spent: tuple[int, int]) -> None:
        self.actor = actor
        self.spent = spent
        self.generation = 0
        self.calls = 0
        self.owes = False


class _Run:
    """One take on the crew's actors: the place of its coordinator, and the client of the renderers."""

    def __init__(
        self, crew: Crew, loop: Loop, pool: Pool | None, actors: dict[Region, Any], profile: Profile, play: Play, number: int
    ) -> None:
        self._crew = crew
        self._loop = loop
        self._pool = pool
        self._actors = actors
        self._profile = profile
        self._play = play
        self._number = number
        self._regions = {region: _Region(actors[region], play.spent(region)) for region in REGIONS}
        self._played: dict[Region, RegionHost] = {}
        self._due: dict[Region, Arm] = {}
        self._frames: dict[int, Any] = {}
        self._fetching: tuple[int, int] | None = None
        self._encoder = ThreadPoolExecutor(1, thread_name_prefix="encoder")
        self._watching = False
        self._over = False
        self._coordinator: CoordinatorHost = play.coordinator(self)

    def run(self) -> CoordinatorState:
        """Run the take until it is closed."""
        try:
            for region in REGIONS:
                self._call(region, "begin")
            self._play.begin(self._coordinator)
            if self._pool is not None:
                self._pool.begin(Part(self._number, self._play.take), self)
            while self._coordinator.state.phase != "closed":
                reason = self._play.stopped()
                if reason:
                    self._coordinator.stop(reason)
                else:
                    self._loop.step(_STEP)
        finally:
            self._over = True
            self._leave()
            if self._pool is not None:
                self._pool.end()
            self._frames.clear()
            # Nobody waits for frames that no longer matter; whoever closes the video does, for the one that is being written.
            self._encoder.shutdown(wait=False, cancel_futures=True)
        return self._coordinator.state

    # -------------------------------------------------------------------------------------------------------- envelopes

    def carry(self, envelope: link.Envelope) -> None:
        """Bring an envelope to its receiver."""
        if envelope.receiver == COORDINATOR:  # from a fallback, which lives here
            self._later(lambda: self._coordinator.receive(envelope))
            return
        region: Region = envelope.receiver  # type: ignore[assignment]
        if region in self._played:
            self._later(lambda: self._bring_to_fallback(region, envelope))
        else:
            self._call(region, "receive", link.encode_envelope(envelope))

    def read(self, body: bytes) -> Message:
        """The message in a body, for a fallback."""
        return decode(body)

    def arm(self, deadline: Arm) -> None:
        """Fire a deadline when its time has come."""
        self._due[deadline.region] = deadline
        self._at(self._think_seconds, lambda: self._coordinator.fire(deadline))

    def watch(self, role: str) -> None:
        """See to it that what was sent is sent again if it is not known to have arrived."""
        if not self._watching:
            self._watching = True
            self._at(RESEND_SECONDS, self._resend)

    def install(self, region: Region, *, fallback: bool) -> None:
        """From now on bring the region's envelopes to its fallback, or back to the region itself."""
        if fallback:
            log.warning("a region is played by its fallback", region=region)
            loaded = self._play.loaded
            planner = LexiconRegion(loaded.tables)
            agent = RegionAgent(region, loaded.tables, loaded.digest, lambda opened: planner, self._play.judgements)
            self._played[region] = RegionHost(region, agent, self, fallback=True)
            if self._regions[region].calls:
                # What it hangs in may never end, and later beats would wait behind it.
                end(self._regions[region].actor)
                self._replace(region, f"no answer within {self._think_seconds:g} s")
        else:
            self._played.pop(region, None)

    def ponder(self, work: Callable[[Callable[[Any], None]], None]) -> None:
        """Do what waits for answers from elsewhere in a thread of its own; what it says comes back as events."""

        def hear(event: Any) -> None:
            self._later(lambda: self._coordinator.hear(event))

        context = contextvars.copy_context()
        threading.Thread(target=context.run, args=(work, hear), name="director", daemon=True).start()

    def foresee(self, opened: TakeOpened, brief: Brief) -> None:
        """Let the regions know what is coming, beside all else; nobody waits for it, and it may be lost."""
        import ray  # noqa: PLC0415 - it is there by now

        told = (ray.put(encode(opened)), brief.model_dump_json())
        for region in REGIONS:
            self._regions[region].actor.foresee.options(concurrency_group=CONTROL).remote(self._part(region), *told)

    def _leave(self) -> None:
        """Let the regions know that nobody waits for what they still ask a language model."""
        import ray  # noqa: PLC0415 - it is there by now

        if self._play.language_model is None or not ray.is_initialized():
            return
        for region in REGIONS:
            part = Part(self._number, self._play.take)
            self._regions[region].actor.leave.options(concurrency_group=CONTROL).remote(part)

    @property
    def _think_seconds(self) -> float:
        """For an answer of a region: with a language model, for as many of its answers as it may take until one can be used."""
        model = self._play.language_model
        return self._profile.think_seconds + (TRIES * model.patience if model else 0.0)

    def _bring_to_fallback(self, region: Region, envelope: link.Envelope) -> None:
        if region not in self._played:
            return
        try:
            self._played[region].receive(envelope)
        except Exception:
            # Whatever it does wrong, it is then silent, and the deadline ends the take.
            log.exception("the region's fallback failed", region=region)

    def _call(self, region: Region, method: str, *words: Any) -> None:
        """Call a region's process; what it answers comes back as an event."""
        seat = self._regions[region]
        seat.calls += 1
        answer = getattr(seat.actor, method).remote(self._part(region), *words)
        self._loop.when_done(answer.future(), partial(self._answered, region, seat.generation))

    def _answered(self, region: Region, generation: int, done: Future[Any]) -> None:
        seat = self._regions[region]
        if self._over or generation != seat.generation:
            return
        seat.calls -= 1
        error = done.exception()
        if error is None:
            sent, seat.owes = done.result()
            for data in sent:
                self._coordinator.receive(link.decode_envelope(data))
            if seat.owes:
                self.watch(region)
        elif is_death(error):
            self._replace(region, reason_of(error))
        else:
            # Nobody knows whether the call was done. It is sent again under its number, and so is what it may have answered.
            log.warning("a call of a region is in doubt", region=region, reason=reason_of(error))
            seat.owes = True
            self.watch(region)

    def _resend(self) -> None:
        """Send again what no call under way carries; and have regions do so."""
        self._watching = False
        idle = [region for region in REGIONS if not self._regions[region].calls or region in self._played]
        self._coordinator.resend(idle)
        for region in idle:
            if region in self._played and self._played[region].owes:
                self._played[region].resend()
            elif region not in self._played and self._regions[region].owes:
                self._call(region, "resend")
        seated = any(seat.owes for seat in self._regions.values())
        if self._coordinator.owes or seated or any(host.owes for host in self._played.values()):
            self.watch(COORDINATOR)

    def _replace(self, region: Region, reason: str) -> None:
        """A region's process is gone: another one asks to be let in."""
        seat = self._regions[region]
        seat.generation += 1
        seat.calls, seat.owes = 0, False
        log.warning("a region's process is gone", region=region, reason=reason)
        if seat.generation > RESTARTS:
            # It stays silent. Nobody has to wait for that: the deadline passes now and brings in its fallback.
            if region in self._due and region not in self._played:
                self._later(partial(self._coordinator.fire, self._due[region]))
            return
        seat.actor = self._actors[region] = self._crew.spawn(region)
        seat.spent = self._play.spent(region)
        self._call(region, "begin")

    def _part(self, region: Region) -> Part:
        return Part(self._number, self._play.take, self._nonce(region), spent=self._regions[region].spent)

    def _nonce(self, region: Region) -> str:
        generation = self._regions[region].generation
        return f"{region}-{self._play.resumed}{generation}" if self._play.resumed or generation else ""

    # ----------------------------------------------------------------------------------------- what the dispatcher asks for

    def assign(self, renderer: str, chunk: ChunkAssigned, rows: Samples) -> None:
        """Have a renderer make the frames of a chunk."""
        assert self._pool is not None
        self._pool.assign(renderer, chunk, rows)

    def write(self, chunk: int, attempt: int) -> None:
        """Put the frames of a chunk into the video, beside all else."""
        self._fetching = (chunk, attempt)
        self._loop.when_done(self._frames[chunk].future(), partial(self._fetched, chunk, attempt))
        self._at(FETCH_SECONDS, lambda: self._missed(chunk, attempt, f"they did not come within {FETCH_SECONDS:g} s"))

    def drop(self, chunk: int, attempt: int) -> None:
        """Forget the frames of a chunk."""
        self._frames.pop(chunk, None)

    def dismiss(self, renderer: str, reason: str) -> None:
        """End a renderer that does nothing right."""
        assert self._pool is not None
        pool = self._pool
        self._later(lambda: pool.dismiss(renderer, reason))

    def _fetched(self, chunk: int, attempt: int, done: Future[Any]) -> None:
        """The frames that are to be written are here, or never will be."""
        if self._over or self._fetching != (chunk, attempt):
            return
        assert self._play.film is not None
        error = done.exception()
        if error is not None:
            self._missed(chunk, attempt, reason_of(error))
            return
        self._fetching = None
        self._loop.when_done(self._encoder.submit(self._play.film.write, done.result()), partial(self._written, chunk))

    def _missed(self, chunk: int, attempt: int, reason: str) -> None:
        if self._fetching == (chunk, attempt):
            self._fetching = None
            self._frames.pop(chunk, None)
            self._dispatch.lost(chunk, reason)

    def _written(self, chunk: int, done: Future[Any]) -> None:
        if self._over:
            return
        self._frames.pop(chunk, None)
        error = done.exception()
        if error is None:
            self._dispatch.written(chunk)
        elif isinstance(error, (RendererError, OSError, MemoryError)):
            self._dispatch.unable(str(error) or type(error).__name__)
        else:
            raise error

    # --------------------------------------------------------------------------------------------- what the renderers say

    @property
    def _dispatch(self) -> Any:
        assert self._coordinator.dispatch is not None
        return self._coordinator.dispatch

    def ready(self, name: str) -> None:
        """A renderer can take chunks."""
        self._dispatch.ready(name)

    def quiet(self, name: str, reason: str) -> None:
        """A renderer does not answer at the moment."""
        self._dispatch.quiet(name, reason)

    def gone(self, name: str, reason: str) -> None:
        """A renderer will never answer again."""
        self._dispatch.gone(name, reason)

    def answered(self, name: str, message: ChunkRendered | ChunkFailed, frames: Any) -> None:
        """What became of a chunk."""
        if isinstance(message, ChunkRendered):
            self._frames[message.chunk] = frames
        self._dispatch.receive(name, message)

    def starved(self, reason: str) -> None:
        """There is nobody to render, and there will be nobody."""
        self._dispatch.unable(reason)

    # ------------------------------------------------------------------------------------------------------------ inside

    def _later(self, action: Callable[[], None]) -> None:
        self._loop.post(lambda: None if self._over else action())

    def _at(self, delay: float, action: Callable[[], None]) -> None:
        self._loop.at(delay, lambda: None if self._over else action())
