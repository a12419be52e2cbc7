"""The renderers of a take on Ray: processes that are interchangeable, join and leave.

When the process of one is gone, another takes its place, as long as there is room for it.

The first renderer that is up prepares the portrait; when it has, the others get the rig: all frames come from the same one.

Every call may be lost, and so may its answer: then it is made again, and whoever is called takes that for what it is. A
renderer that is quiet while it renders is asked for a sign of life again and again; when it gives one, it is asked once more
for what it had not answered, under the same attempts.

The end of a process shows in the calls that it has not answered, so that of one with nothing to do does not show. Before such
are handed chunks, at the beginning of a take and whenever another has ended (maybe with its node, and theirs), they give a sign
of life: a chunk that is handed to one that had long ended has a strike for it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from typing import Any

import structlog

from configs.cluster import Profile
from protocol.messages import ChunkAssigned, ChunkFailed, ChunkRendered
from protocol.wire import decode, encode
from renderer.errors import DeviceLost, RendererError
from renderer.motions import Samples
from runtime.onray.actors import CONTROL, Part, end, is_death, is_loss, is_silence, logs, reason_of, start
from runtime.onray.loop import Loop
from runtime.onray.placement import Node, Placement, actor_options, needs, nodes, refusal, shortage, worker_count
from runtime.onray.renderers import RendererActor
from runtime.onray.working import Cast, Client, Job, Worker
from runtime.options import UsageError
from runtime.renderers import Opened
from runtime.studio import Stage
from runtime.take_error import TakeError

log = structlog.get_logger()

PING_SECONDS = 0.5
"""Between two attempts to find out what became of a renderer that is quiet."""
QUIET_SECONDS = 30.0
"""After which one that gives no sign of life is given up."""
STEP_SECONDS = 0.1
"""Between two looks at whether the waiting is to stop."""
LOOK_SECONDS = 1.0
"""Between two looks at whether there is anybody to render."""
SLOW = 4
"""Times as long that processes may take to load as they may wait for their place."""
REPLACEMENTS = 4
"""New processes for each place, in one take: whatever kills them all will kill the next one, too. Where a chunk has ended one
before, it is to blame, and is given up after a few: those are not counted."""


class Pool:
    """The renderers.

    Args:
        loop: in which everything happens.
        opener: opens the renderer in its process.
        placement: where they may run, and how many.
        profile: how long is waited.
        clock: seconds, never going back.
        debug: whether their processes log every event.
    """

    def __init__(
        self,
        loop: Loop,
        opener: Callable[[], Opened],
        placement: Placement,
        profile: Profile,
        clock: Callable[[], float],
        *,
        debug: bool = False,
    ) -> None:
        self._loop = loop
        self._opener = opener
        self._placement = placement
        self._profile = profile
        self._clock = clock
        self._debug = debug
        self._workers: dict[str, Worker] = {}
        self._begun: Callable[[], None] = lambda: None
        self._count = self._left = self._made = self._followed = 0
        self._deadly: set[int] = set()
        self._without = 0.0
        self._ended = ""
        self._cast: Cast | None = None
        self._preparing: Worker | None = None
        self._rig: Any = None
        self._outcome: Stage | Exception | None = None
        self._client: Client | None = None
        self._part = Part(0, "")
        self._drawn: dict[int, int] = {}

    # ------------------------------------------------------------------------------------------------------- standing

    @property
    def count(self) -> int:
        """How many there are to be."""
        return self._count

    @property
    def drawn(self) -> int:
        """Frames of the last take that had to be rendered."""
        return sum(self._drawn.values())

    def start(self) -> None:
        """Have the processes started; they load what rendering takes.

        Raises:
            UsageError: the cluster can never have them.
        """
        known = nodes()
        if (reason := refusal(self._placement, known)) is not None:
            raise UsageError(reason)
        self._count = worker_count(self._placement, known)
        # Who takes the place of one with a GPU needs one, too: another kind of device makes other frames.
        self._placement = replace(self._placement, gpus=needs(self._placement, known).get("GPU", 0.0))
        self._renew()

    def close(self) -> None:
        """End all processes."""
        for worker in self._workers.values():
            end(worker.actor)
        self._workers.clear()

    # -------------------------------------------------------------------------------------------------------- portrait

    def prepare(self, cast: Cast, stopped: Callable[[], str | None], begun: Callable[[], None] = lambda: None) -> Stage:
        """Have a portrait prepared, and given to all.

        Args:
            cast: who is to be rendered.
            stopped: asked again and again; a reason ends the waiting.
            begun: called when a renderer has loaded what it needs and begins with the portrait.

        Raises:
            RendererError: the portrait cannot be animated, or a model is missing.
            TakeError: there was nobody to prepare it, or it was stopped.
        """
        if self._cast is not None and self._cast.key == cast.key and isinstance(self._outcome, Stage):
            return self._outcome  # it still stands ready
        self._recast(cast)
        self._renew()
        self._begun = begun
        self._settle()
        try:
            return self._prepared_by_somebody(stopped)
        except BaseException:
            self._recast(None)
            raise

    def _recast(self, cast: Cast | None) -> None:
        """From now on somebody else is rendered; whatever was done for the one before is void."""
        self._cast, self._preparing, self._rig, self._outcome = cast, None, None, None
        for worker in self._workers.values():
            if worker.standing in ("settling", "ready"):
                worker.standing = "up"
                worker.turn += 1

    def _prepared_by_somebody(self, stopped: Callable[[], str | None]) -> Stage:
        while self._outcome is None:
            if (reason := stopped()) is not None:
                raise TakeError(f"stopped by {reason} while the portrait was being prepared. Nothing was written.")
            if (lack := self._lack()) is not None:
                raise TakeError(lack)
            self._loop.step(STEP_SECONDS)
        if isinstance(self._outcome, Exception):
            raise self._outcome
        return self._outcome

    def _warm(self, worker: Worker) -> None:
        self._call(worker, worker.actor.warm.remote(), self._warm, self._warmed)

    def _warmed(self, worker: Worker, done: Future[Any]) -> None:
        # If it could not load what it needs, it will say so to whoever has a portrait for it.
        worker.standing = "up"
        self._settle()

    def _settle(self) -> None:
        """Give the portrait to all that are up; if it is not prepared yet, have one of them do that."""
        waiting = [worker for worker in self._workers.values() if worker.standing == "up"]
        if self._cast is None or not waiting:
            return
        if self._rig is not None:
            for worker in waiting:
                self._furnish(worker)
        elif self._preparing is None:
            self._preparing = waiting[0]
            self._prepare(waiting[0])
            self._begun()

    def _prepare(self, worker: Worker) -> None:
        assert self._cast is not None
        worker.standing = "settling"
        stage, rig = worker.actor.prepare.options(num_returns=2).remote(*self._cast.words)
        self._call(worker, stage, self._prepare, partial(self._prepared, rig))

    def _prepared(self, rig: Any, worker: Worker, done: Future[Any]) -> None:
        self._preparing = None
        error = done.exception()
        if error is None:
            self._rig = rig
            self._outcome = self._outcome or done.result()
            self._ready(worker)
            self._settle()
            return
        cause = getattr(error, "cause", error)
        if isinstance(self._outcome, Stage) or isinstance(cause, DeviceLost):
            # It was prepared before, or there is nothing wrong with it: it is this process that cannot.
            self.dismiss(worker.name, reason_of(error))
            return
        worker.standing = "up"
        if isinstance(cause, (RendererError, UsageError)):
            self._outcome = cause
        else:
            said = f"The portrait could not be prepared ({reason_of(error)})."
            self._outcome = TakeError(f"{said} Run it again with --debug, and see {_logs(nodes())}.")

    def _furnish(self, worker: Worker) -> None:
        assert self._cast is not None
        worker.standing = "settling"
        done = worker.actor.furnish.remote(self._rig, *self._cast.words)
        self._call(worker, done, self._furnish, self._furnished)

    def _furnished(self, worker: Worker, done: Future[Any]) -> None:
        error = done.exception()
        if error is None:
            self._ready(worker)
        elif is_loss(error):
            # The rig went with its node: this one prepares the portrait for all that are still to come.
            self._rig, worker.standing = None, "up"
            self._settle()
        else:
            self.dismiss(worker.name, reason_of(error))

    def _ready(self, worker: Worker) -> None:
        worker.standing, worker.cast = "ready", self._cast
        if self._client is not None:
            self._client.ready(worker.name)

    def _call(
        self, worker: Worker, answer: Any, again: Callable[[Worker], None], then: Callable[[Worker, Future[Any]], None]
    ) -> None:
        """See to what becomes of a call, unless the worker is asked for something else meanwhile.

        Args:
            worker: who is called.
            answer: Ray's reference to it.
            again: makes the call again, after a while, if nobody knows what became of it.
            then: goes on with an answer or an error.
        """
        worker.turn += 1
        turn = worker.turn

        def heard(done: Future[Any]) -> None:
            if worker.turn != turn or worker.name not in self._workers:
                return
            error = done.exception()
            if error is not None and is_silence(error):
                log.warning("a call of a renderer is in doubt", renderer=worker.name, reason=reason_of(error))
                self._loop.at(PING_SECONDS, repeated)
            elif error is not None and is_death(error):
                self._gone(worker, reason_of(error))
            else:
                then(worker, done)

        def repeated() -> None:
            if worker.turn == turn and worker.name in self._workers:
                again(worker)

        self._loop.when_done(answer.future(), heard)

    # ------------------------------------------------------------------------------------------------------- rendering

    def begin(self, part: Part, client: Client) -> None:
        """Render for a take from now on."""
        assert self._cast is not None
        self._client, self._part = client, replace(part, cast=self._cast.key)
        self._drawn = {}
        self._renew()
        self._doubt("it is asked for a sign of life before it gets a chunk")
        self._look(self._part)

    def end(self) -> None:
        """The take is over; nobody is told any more."""
        self._client = None
        for worker in self._workers.values():
            worker.jobs.clear()

    def assign(self, name: str, chunk: ChunkAssigned, rows: Samples) -> None:
        """Have a renderer render a chunk."""
        worker, asked = self._workers[name], (chunk.chunk, chunk.attempt)
        worker.jobs[asked] = Job(encode(chunk), rows)
        self._ask(worker, asked)
        if len(worker.jobs) == 1:
            self._limit(worker)

    def dismiss(self, name: str, reason: str) -> None:
        """End a renderer's process; another one takes its place."""
        if name in self._workers:
            end(self._workers[name].actor)
            self._gone(self._workers[name], reason)

    def _ask(self, worker: Worker, asked: tuple[int, int]) -> None:
        job = worker.jobs[asked]
        said, frames = worker.actor.render.options(num_returns=2).remote(self._part, job.chunk, job.rows)
        self._loop.when_done(said.future(), partial(self._answered, worker, asked, job, frames))

    def _answered(self, worker: Worker, asked: tuple[int, int], job: Job, frames: Any, done: Future[Any]) -> None:
        error = done.exception()
        if error is not None and is_death(error):
            self._gone(worker, reason_of(error))
        elif self._client is None or worker.jobs.get(asked) is not job:
            return  # of an earlier take, or answered already
        elif error is None:
            del worker.jobs[asked]
            data, drawn = done.result()
            message = decode(data)
            assert isinstance(message, (ChunkRendered, ChunkFailed))
            self._drawn[message.chunk] = drawn
            self._limit(worker)
            self._client.answered(worker.name, message, frames)
        elif is_silence(error):
            self._hush(worker, reason_of(error))
        else:
            # An error of the actor itself, not of the chunk: its process is of no more use.
            self.dismiss(worker.name, reason_of(error))

    def _limit(self, worker: Worker) -> None:
        """Give up a renderer that takes too long for what it works on; the time of what is queued behind that begins later."""
        if not worker.jobs:
            return
        asked, job = next(iter(worker.jobs.items()))
        seconds = self._profile.chunk_seconds

        def give_up() -> None:
            if worker.jobs.get(asked) is job:
                self.dismiss(worker.name, f"chunk {asked[0]} took longer than {seconds:g} s")

        self._loop.at(seconds, give_up)

    # ---------------------------------------------------------------------------------------------- who is there or not

    def _renew(self) -> None:
        """Begin anew: what happened before is forgiven, and all places are taken."""
        self._left, self._followed = REPLACEMENTS * self._count, 0
        self._deadly.clear()
        self._without = self._clock()
        while len(self._workers) < self._count:
            self._spawn()

    def _spawn(self) -> None:
        self._made += 1
        name = f"renderer-{self._made}"
        asked = actor_options(self._placement, nodes())
        worker = Worker(name, start(RendererActor, name, self._opener, self._debug, **asked))
        self._workers[name] = worker
        self._ping(worker)  # the first call tells when it has its place, and from then on it loads

    def _doubt(self, reason: str) -> None:
        """Have those that have nothing to do give a sign of life before they are given something."""
        for worker in list(self._workers.values()):
            if worker.standing == "ready" and not worker.jobs:
                self._hush(worker, reason)

    def _hush(self, worker: Worker, reason: str) -> None:
        """A renderer does not answer; find out what became of it."""
        if worker.standing == "quiet":
            return
        worker.standing = "quiet"
        worker.since = since = self._clock()
        if self._client is not None:
            self._client.quiet(worker.name, reason)
        self._ping(worker)

        def give_up() -> None:
            if worker.standing == "quiet" and worker.since == since:
                self.dismiss(worker.name, f"no sign of life for {QUIET_SECONDS:g} s")

        self._loop.at(QUIET_SECONDS, give_up)

    def _ping(self, worker: Worker) -> None:
        sign = worker.actor.ping.options(concurrency_group=CONTROL).remote()
        self._call(worker, sign, self._ping, self._pinged)

    def _pinged(self, worker: Worker, done: Future[Any]) -> None:
        if (error := done.exception()) is not None:
            self.dismiss(worker.name, reason_of(error))
            return
        if worker.standing == "starting":
            worker.standing = "loading"
            self._warm(worker)
            return
        if worker.cast is None or worker.cast is not self._cast:
            worker.standing = "up"
            self._settle()
            return
        for asked in list(worker.jobs):
            self._ask(worker, asked)
        self._ready(worker)

    def _gone(self, worker: Worker, reason: str) -> None:
        if self._workers.pop(worker.name, None) is None:
            return
        log.warning("a renderer is gone", renderer=worker.name, reason=reason)
        chunk = next((chunk for chunk, _ in worker.jobs), None)  # that it worked on
        worker.jobs.clear()
        self._ended = reason
        if self._preparing is worker:
            self._preparing = None
        if chunk in self._deadly:
            self._follow()
        elif self._left:
            self._left -= 1
            self._follow()
        if chunk is not None:
            self._deadly.add(chunk)
        if self._client is not None:
            self._doubt(f"it is asked for a sign of life, since {worker.name} has ended")
            self._client.gone(worker.name, reason)
        self._settle()

    def _follow(self) -> None:
        """A process takes the place of one that has ended."""
        self._followed += 1
        self._spawn()

    def _look(self, part: Part) -> None:
        """Find out, now and then, whether there is anybody to render."""
        if self._client is None or self._part is not part:
            return
        if (lack := self._lack()) is not None:
            self._client.starved(lack)
            return
        self._loop.at(LOOK_SECONDS, lambda: self._look(part))

    def _lack(self) -> str | None:
        """Why there is nobody to render, if there is nobody and will be nobody."""
        now = self._clock()
        standings = {worker.standing for worker in self._workers.values()}
        if standings & {"ready", "quiet"}:
            self._without = now
            return None
        if not self._workers:
            others = f"and so have {self._followed} that took their places (see {_logs(nodes())})"
            return f"every renderer has ended, {others}, the last one so: {self._ended}"
        known = nodes()
        if (reason := refusal(replace(self._placement, workers=1), known)) is not None:
            return reason
        loading = standings <= {"starting", "loading"}
        # Once one of ours has its place it loads, so that what they hold themselves is not taken for what others do.
        lack = shortage(self._placement, known) if standings == {"starting"} else None
        # Whoever is up has as long for the portrait as for a chunk: a large one takes its time.
        seconds = self._profile.start_seconds if loading else self._profile.chunk_seconds
        waits = now - self._without
        if waits < seconds * (SLOW if loading and lack is None else 1):
            return None
        if lack is not None:
            said = lack
        elif not loading:
            said = f"the portrait is still being prepared. Give a smaller --size, or see {_logs(known)}"
        elif "loading" in standings:
            said = f"they have started, and still load what rendering takes. See {_logs(known)}"
        else:
            said = f"they have room, but they do not start. See {_logs(known)}"
        return f"no renderer was ready within {waits:.0f} s: {said}"


def _logs(known: Sequence[Node]) -> str:
    """Where to read what renderers have said."""
    alone = sum(node.alive for node in known) < 2
    return logs() if alone else f"{logs()} on the machines where they ran"
