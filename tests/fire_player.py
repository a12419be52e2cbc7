"""A process that makes takes on a cluster that stands, and does to itself and its actors what it is told to do.

    python -m tests.fire_player HOST:PORT

Reads jobs, a line of JSON each, and says on the same channel what becomes of them: which faults have happened, what was in
doubt on the way, and how each take ended. Takes are begun with a session that stays warm from one job to the next, and are gone
on with by `textuportray resume` itself, run in here with the session's actors. The only thing that is not the program's own is
the renderer, which needs no face.

Faults happen at records of the journal rather than at times of a clock, so that a seed means the same on any machine.
"""

from __future__ import annotations

import contextlib
import faulthandler
import json
import os
import signal
import sys

from collections import Counter
from collections.abc import Callable, MutableMapping, Sequence
from dataclasses import asdict, dataclass
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import structlog

from protocol.journal import Record
from protocol.messages import ChunkAssigned, ChunkRendered, TakeClosed
from runtime import cli, logs
from runtime.commands import showing
from runtime.onray import base
from runtime.onray.placement import Placement
from runtime.session import Session
from runtime.take_error import TakeError
from tests.players import number_of, painter

FPS = Fraction(25)
STAGE = "stage"
"""A resource that only nodes have which can be removed: renderers go there."""
WORKER = {"workers": 2, "cpus": 0.1, "stage": 0.4}
"""Renderers, and what each takes of its node: all of them fit on one."""
DOUBT = ("a call of a region is in doubt", "a call of a renderer is in doubt")
"""Lines of the log that say that Ray has lost something."""


@dataclass(frozen=True, slots=True)
class Fault:
    """Something that happens to a take, once.

    Attributes:
        what: "region" or "renderer": its process is killed; "node": the node with some renderers goes; "driver": this process
            is killed; "closing": the same, while it writes what a take leaves behind; "reopening": the same, while it takes
            up a take that was cut off.
        at: when: after the record of this number, or after the first one that comes, if that is past; for a renderer when this
            chunk is handed to it or comes from it; for "closing" and "reopening" before this operation on files, counted from
            the take's end or from the beginning of the command.
        who: the region; for a renderer "assigned" or "rendered"; for a node its number.
        hard: whether the process is killed from outside of Ray.
    """

    what: str
    at: int
    who: str = ""
    hard: bool = True

    def __str__(self) -> str:
        how = "killed" if self.hard else "ended by Ray"
        return {
            "region": f"{self.who} {how} after record {self.at}",
            "renderer": f"the renderer of chunk {self.at} {how} when it is {self.who}",
            "node": f"node {self.who} goes after record {self.at}",
            "driver": f"kill -9 after record {self.at}",
            "closing": f"kill -9 before file operation {self.at} of the end",
            "reopening": f"kill -9 before file operation {self.at} of the beginning",
        }[self.what]


@dataclass(frozen=True, slots=True)
class Job:
    """A take that is to be begun, or to go on.

    Attributes:
        output: the video.
        faults: what happens on the way.
        portrait: who acts; empty for a take that goes on.
        direction: what the face should do.
        seconds: how long.
        seed: of the take.
    """

    output: str
    faults: tuple[Fault, ...] = ()
    portrait: str = ""
    direction: str = ""
    seconds: float = 0.0
    seed: int = 3

    def line(self) -> str:
        """As it is handed in."""
        return json.dumps(asdict(self))

    @staticmethod
    def read(line: str) -> Job:
        """The job of a line."""
        data = json.loads(line)
        return Job(**{**data, "faults": tuple(Fault(**each) for each in data["faults"])})


class Player:
    """Makes one take after the other.

    Args:
        address: of the cluster.
        say: tells whoever hands in jobs, and brings its answer where one is waited for.
    """

    def __init__(self, address: str, say: Callable[..., str]) -> None:
        self._address = address
        self._say = say
        self._session: Session | None = None
        self._faults: list[Fault] = []
        self._at_work = ""
        self._operations: Counter[str] = Counter()
        self._folder = ""
        self._begun = False
        sys.addaudithook(self._watched)

    def play(self, job: Job) -> dict[str, Any]:
        """Make a take; how it ended."""
        self._faults, self._folder = list(job.faults), str(Path(job.output).parent)
        # A take that has come to its end, but was cut off after that, is at its end from the beginning.
        over = not job.portrait and not Path(job.output).with_suffix(".take").joinpath("journal.live.mcap").exists()
        self._at_work = "" if job.portrait else "closing" if over else "reopening"
        self._operations.clear()
        self._begun = False
        self._session = self._session or self._standing()
        try:
            code, said = self._begin(job) if job.portrait else self._go_on(job)
        finally:
            self._at_work = ""
        return {"ended": code, "said": said, "operations": dict(self._operations)}

    def doubt(self) -> None:
        """A call has been lost, or its answer; what was before the take began is no fault of its."""
        if self._begun:
            self._say({"bit": "doubt"})

    def close(self) -> None:
        """End the session."""
        if self._session is not None:
            self._session.close()

    def _standing(self) -> Session:
        placement = Placement(workers=int(WORKER["workers"]), cpus=WORKER["cpus"], resources={STAGE: WORKER["stage"]})
        return Session(address=self._address, placement=placement, opener=painter)

    def _begin(self, job: Job) -> tuple[int, str]:
        assert self._session is not None
        words: dict[str, Any] = {"seconds": job.seconds, "seed": job.seed, "fps": FPS, "told": self._heard}
        try:
            self._session.animate(job.portrait, job.direction, job.output, **words)
        except TakeError as error:
            return 1, str(error)
        return 0, ""

    def _go_on(self, job: Job) -> tuple[int, str]:
        with self._without_a_face(), _replaced(logs, configure=lambda *, debug: None):
            return cli.main(["resume", job.output, "--address", self._address]), ""

    # ----------------------------------------------------------------------------------------------------------- faults

    def _heard(self, record: Record) -> None:
        """A record is in the journal: let happen what is due."""
        self._begun, self._at_work = True, ""
        for fault in [fault for fault in self._faults if self._is_due(fault, record)]:
            self._faults.remove(fault)
            self._happen(fault, record)
        if isinstance(record.message, TakeClosed):
            self._at_work = "closing"

    def _is_due(self, fault: Fault, record: Record) -> bool:
        if fault.what == "renderer":
            kind = ChunkAssigned if fault.who == "assigned" else ChunkRendered
            return isinstance(record.message, kind) and record.message.chunk >= fault.at
        return fault.what not in ("closing", "reopening") and record.seq >= fault.at

    def _happen(self, fault: Fault, record: Record) -> None:
        if fault.what == "driver":
            self._die("driver")
        elif fault.what == "node":
            self._say({"do": "remove", "node": int(fault.who)}, answer=True)
            self._say({"bit": "node"})
        else:
            crew: Any = self._session and self._session._crew
            if fault.what == "region":
                actor = crew._regions[fault.who]
            else:
                name = record.receivers[0] if fault.who == "assigned" else record.sender
                worker = crew._pool._workers.get(name)
                if worker is None:
                    return  # it has ended already
                actor = worker.actor
            if _killed(actor, hard=fault.hard):
                self._say({"bit": fault.what})

    def _watched(self, event: str, words: Sequence[Any]) -> None:
        """Python is about to do something; count what is done to a take's files at its end and as it is taken up again."""
        if not self._at_work or event not in ("open", "os.rename", "os.remove"):
            return
        if event == "open" and not (isinstance(words[2], int) and words[2] & (os.O_WRONLY | os.O_RDWR)):
            return
        if not isinstance(words[0], (str, os.PathLike)) or not str(words[0]).startswith(self._folder):
            return
        self._operations[self._at_work] += 1
        if any(fault.what == self._at_work and fault.at == self._operations[self._at_work] for fault in self._faults):
            self._die(self._at_work)

    def _die(self, what: str) -> None:
        self._say({"bit": what})
        os.kill(os.getpid(), signal.SIGKILL)

    # ----------------------------------------------------------------------------------------------- within the program

    @contextlib.contextmanager
    def _without_a_face(self) -> Any:
        """Commands have the session's actors play, whose renderer needs none, and tell us of each record."""
        following = showing.Following
        assert self._session is not None
        crew = contextlib.nullcontext(self._session._crew)
        with (
            _replaced(base, Crew=lambda *_, debug: crew),
            _replaced(
                showing,
                open_renderer=lambda *_: painter(),
                open_weights=lambda *_: SimpleNamespace(models=lambda: None),
                Following=lambda clock, *told: following(clock, self._heard, *told),
            ),
        ):
            yield


@contextlib.contextmanager
def _replaced(owner: Any, **others: Any) -> Any:
    """Attributes of a module or class are others inside."""
    were = {name: getattr(owner, name) for name in others}
    for name, other in others.items():
        setattr(owner, name, other)
    try:
        yield
    finally:
        for name, was in were.items():
            setattr(owner, name, was)


def _killed(actor: Any, *, hard: bool) -> bool:
    """Kill an actor's process; whether there was one."""
    import ray  # noqa: PLC0415 - it is there by now

    from ray.exceptions import ActorUnavailableError, GetTimeoutError, RayActorError  # noqa: PLC0415

    if hard:
        try:
            os.kill(number_of(actor), signal.SIGKILL)
            return True
        except (ActorUnavailableError, GetTimeoutError):
            pass  # the question was lost; Ray's own way does not ask
        except (RayActorError, ProcessLookupError):
            return False
    ray.kill(actor, no_restart=True)
    return True


def main() -> None:
    """Play until there is nothing more to play."""
    faulthandler.register(signal.SIGUSR1, all_threads=True)  # whoever waits in vain wants to know where we are
    channel = os.fdopen(os.dup(sys.stdout.fileno()), "w", buffering=1)
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())  # what commands print is no answer

    def say(words: dict[str, Any], *, answer: bool = False) -> str:
        channel.write(json.dumps(words) + "\n")
        return sys.stdin.readline() if answer else ""

    def heard(logger: Any, method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
        if event.get("event") in DOUBT:
            player.doubt()
        return event

    player = Player(sys.argv[1], say)
    structlog.configure(
        processors=[heard, structlog.processors.LogfmtRenderer()], logger_factory=structlog.PrintLoggerFactory(sys.stderr)
    )
    for line in sys.stdin:
        say(player.play(Job.read(line)))
    player.close()


if __name__ == "__main__":
    main()
