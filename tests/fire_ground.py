"""Where takes are made under fire: a cluster that stands, processes that play on it, and the judgement of what came of a run.

The nodes are all on this machine: the head, on which coordinators and whoever tests live, and two on which renderers find their
place. A node that was removed is replaced after the run. The process that plays stays for the next run, unless that loses other
calls: what Ray loses it reads when a process begins.
"""

from __future__ import annotations

import contextlib
import json
import logging
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from protocol.journal import JournalError, Record
from protocol.messages import ChunkRendered, DeadlinePassed, Merged, Rejoined, RendererChanged, TakeResumed
from protocol.order import canonical
from runtime.commands.verify import check
from runtime.options import UsageError, parse_fps
from runtime.takes import open_take, record_of
from tests.fire import FACE_SIZE, SEED, Facts, Outcome, Plan, Script, Scripts
from tests.fire_player import STAGE, WORKER, Job
from tests.lossy_take import Loss, repeated
from tests.program import command

TREE = Path(__file__).resolve().parent.parent
LONG = 150.0
"""Seconds after which a take that is not over has failed; it takes a few, and Ray two more for each call that it loses."""
ENDS = 60.0
"""Seconds that a process may take to end when there is nothing more to play."""
DEATHS = ("driver", "closing", "reopening")
"""Faults that are the end of the process that plays."""
IMPATIENT = {
    "health_check_initial_delay_ms": 0,
    "health_check_period_ms": 100,
    "health_check_timeout_ms": 500,
    "health_check_failure_threshold": 10,
}
"""A node that does not answer is given up after seconds rather than a quarter of a minute."""
RATES = [parse_fps(rate) for rate in ("24", "25", "30", "60", "120")]


class Hung(Exception):
    """A run was not over in time."""


class _Process:
    """A process that plays; see tests/fire_player.py.

    Args:
        address: of the cluster.
        loss: what Ray loses of its calls.
        log: file for what it prints.
    """

    def __init__(self, address: str, loss: Loss | None, log: Path) -> None:
        self.loss = loss
        self.log = log
        self._said: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        with log.open("ab") as stream:
            self._running = subprocess.Popen(
                [sys.executable, "-m", "tests.fire_player", address],
                cwd=TREE,
                env={**os.environ, **(loss.environment if loss else {})},
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stream,
                text=True,
            )
        self._listener = threading.Thread(target=self._listen, daemon=True)
        self._listener.start()

    def play(self, job: Job, until: float, told: Callable[[dict[str, Any]], None]) -> dict[str, Any] | None:
        """Have a job done; how it ended, or None if the process did before.

        Args:
            job: what is to be done.
            until: when that has taken too long.
            told: hears everything else that is said.

        Raises:
            Hung: it has.
        """
        with contextlib.suppress(BrokenPipeError):  # it has ended: that is told as any end of it
            self._write(job.line())
        while True:
            try:
                line = self._said.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                self._running.send_signal(signal.SIGUSR1)
                time.sleep(1.0)  # it writes where it hangs
                raise Hung(f"it was not over after {LONG:g} s; where it hung is in {self.log}") from None
            if line is None:
                self._running.wait()
                return None
            words: dict[str, Any] = json.loads(line)
            if "ended" in words:
                return words
            told(words)
            if words.get("do"):
                self._write("done")

    @property
    def alive(self) -> bool:
        """Whether it still runs."""
        return self._running.poll() is None

    def close(self) -> None:
        """End it: nothing more is to be played."""
        self._hang_up()
        try:
            self._running.wait(ENDS)
        except subprocess.TimeoutExpired:
            self._running.kill()
        self._gone()

    def kill(self) -> None:
        """End it at once."""
        self._running.kill()
        self._hang_up()
        self._gone()

    def _hang_up(self) -> None:
        assert self._running.stdin is not None
        with contextlib.suppress(BrokenPipeError):
            self._running.stdin.close()

    def _gone(self) -> None:
        self._running.wait()
        self._listener.join(ENDS)
        assert self._running.stdout is not None
        self._running.stdout.close()

    def _write(self, line: str) -> None:
        assert self._running.stdin is not None
        self._running.stdin.write(line + "\n")
        self._running.stdin.flush()

    def _listen(self) -> None:
        assert self._running.stdout is not None
        for line in self._running.stdout:
            self._said.put(line)
        self._said.put(None)


class Ground:
    """A cluster, and runs on it, one after the other.

    Args:
        folder: for what runs leave; that of one that is as it should be is removed.
        scripts: the undisturbed takes.
    """

    def __init__(self, folder: Path, scripts: Scripts) -> None:
        self._folder = folder
        self._scripts = scripts
        self._stack = contextlib.ExitStack()
        self._cluster: Any = None
        self._nodes: list[Any] = []
        self._process: _Process | None = None

    def __enter__(self) -> Ground:
        from ray.cluster_utils import Cluster  # noqa: PLC0415 - who only draws plans needs no Ray

        log = logging.getLogger("ray")
        self._stack.callback(log.setLevel, log.level)
        log.setLevel(logging.ERROR)
        self._cluster = Cluster(
            initialize_head=True, head_node_args={"num_cpus": 4, "num_gpus": 0, "_system_config": IMPATIENT}
        )
        self._stack.callback(self._cluster.shutdown)
        try:
            self._nodes = [self._node() for _ in range(2)]
            self._cluster.wait_for_nodes()
        except BaseException:
            self._stack.close()
            raise
        self._stack.callback(self._end_process)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._stack.close()

    def run(self, plan: Plan) -> Outcome:
        """Make a take in spite of what a plan says, and judge what came of it."""
        folder = self._folder / f"seed{plan.seed}"
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)
        output = folder / "take.mkv"
        script = self._scripts.of(plan.script, real=bool(plan.bytes))
        bit: Counter[str] = Counter()
        began = time.monotonic()
        problems: list[str] = []
        try:
            (self._program if plan.bytes else self._acts)(plan, script, output, bit, began + LONG)
        except Hung as error:
            problems.append(f"hung: {error}")
            self._drop()
        except _Wrong as error:
            problems.append(str(error))
        seconds = time.monotonic() - began
        self._replace_nodes()
        outcome = Outcome(plan.seed, plan.kinds, str(plan), dict(bit), tuple(problems), seconds)
        outcome = judged(outcome, script, output)
        if not outcome.problems:
            shutil.rmtree(folder)
        return outcome

    # --------------------------------------------------------------------------------------------------- with our player

    def _acts(self, plan: Plan, script: Script, output: Path, bit: Counter[str], until: float) -> None:
        def told(words: dict[str, Any]) -> None:
            if "bit" in words:
                bit[words["bit"]] += 1
            elif words["do"] == "remove":
                self._cluster.remove_node(self._nodes[words["node"]], allow_graceful=False)

        begin = Job(str(output), (), str(script.portrait), script.direction, script.seconds, SEED)
        for number, faults in enumerate(plan.acts):
            job = replace(begin, faults=faults) if number == 0 else Job(str(output), faults)
            process = self.playing(plan.loss)
            before = sum(bit[kind] for kind in DEATHS)
            ended = process.play(job, until, told)
            if ended is None:
                self._drop()
                if sum(bit[kind] for kind in DEATHS) == before:
                    raise _Wrong(f"the process that played ended by itself; see {process.log}")
            elif ended["ended"] == 0 or (number and _is_whole(output)):
                return
            else:
                raise _Wrong(f"it ended with {ended['ended']}: {ended['said'] or f'see {process.log}'}")
        raise _Wrong("it was killed each time")

    def playing(self, loss: Loss | None) -> _Process:
        """The process that plays, or a new one if there is none or it loses other calls."""
        if self._process is not None and (self._process.loss != loss or not self._process.alive):
            self._end_process()
        if self._process is None:
            log = self._folder / "player.log"
            self._process = _Process(self._cluster.address, loss, log)
        return self._process

    def _end_process(self) -> None:
        if self._process is not None:
            self._process.close()
            self._process = None

    def _drop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process = None

    # --------------------------------------------------------------------------------------------------- with the program

    def _program(self, plan: Plan, script: Script, output: Path, bit: Counter[str], until: float) -> None:
        first, whole = script.sizes(self._folder)
        live = output.with_suffix(".take") / "journal.live.mcap"
        words = ["animate", str(script.portrait), script.direction, "-o", str(output), "--seconds", str(script.seconds)]
        words += ["--seed", str(SEED), "--size", str(FACE_SIZE), "--address", self._cluster.address]
        words += ["--workers", str(WORKER["workers"]), "--worker-cpus", str(WORKER["cpus"])]
        words += ["--worker-resource", f"{STAGE}={WORKER['stage']}"]
        with (output.parent / "program.log").open("ab") as log:
            for share in plan.bytes:
                begun = live.stat().st_size if live.exists() else first
                if self._killed(words, live, begun + share * (whole - first), until, log):
                    bit["program"] += 1
                if not live.parent.exists():
                    continue  # before it had a journal: the take is made again
                if _is_whole(output):
                    return
                words = ["resume", str(output)]
            with _started(words, log) as running:
                code = _awaited(running, until)
        if code and not _is_whole(output):
            raise _Wrong(f"{words[0]} ended with {code}; see {log.name}")

    def _killed(self, words: list[str], live: Path, size: float, until: float, log: IO[bytes]) -> bool:
        """Whether the program could be killed as soon as its journal had so many bytes."""
        with _started(words, log) as running:
            while running.poll() is None:
                if time.monotonic() > until:
                    raise Hung(f"{words[0]} was not over after {LONG:g} s; see {log.name}")
                with contextlib.suppress(FileNotFoundError):
                    if live.stat().st_size >= size:
                        running.kill()
                        break
                time.sleep(0.001)
            return running.wait() == -signal.SIGKILL

    # ------------------------------------------------------------------------------------------------------------- nodes

    def _node(self) -> Any:
        return self._cluster.add_node(num_cpus=2, num_gpus=0, resources={STAGE: 1.0})

    def _replace_nodes(self) -> None:
        """Have nodes in the places of those that were removed."""
        there = self._cluster.worker_nodes
        self._nodes = [node if node in there else self._node() for node in self._nodes]
        self._cluster.wait_for_nodes()


class _Wrong(Exception):
    """A run did not go on as it should."""


@contextlib.contextmanager
def _started(words: list[str], log: IO[bytes]) -> Iterator[subprocess.Popen[bytes]]:
    """The program, ended at the end whatever has become of it."""
    with subprocess.Popen(command(*words), cwd=TREE, stdout=log, stderr=log) as running:
        try:
            yield running
        finally:
            running.kill()


def _awaited(running: subprocess.Popen[bytes], until: float) -> int:
    try:
        return running.wait(max(0.0, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        raise Hung(f"it was not over after {LONG:g} s") from None


def _is_whole(output: Path) -> bool:
    """Whether a take was killed when all of it was there already, so that it is refused to go on with it."""
    record = record_of(output.with_suffix(".take"))
    return output.is_file() and record.get("outcome") == "done" and "video" in record


# ------------------------------------------------------------------------------------------------------------ judgement


def judged(outcome: Outcome, script: Script, output: Path) -> Outcome:
    """An outcome with what is to be said of the take that a run has left."""
    folder = output.with_suffix(".take")
    try:
        records = open_take(folder).records
    except (JournalError, UsageError) as error:
        return replace(outcome, problems=(*outcome.problems, str(error)))
    problems = list(outcome.problems)
    if not problems:
        problems = wrong(script, output, records)
    if problems:
        problems.append(f"its journal is in {folder}")
    chunks = {cut.chunk: cut.last - cut.first for r in records if isinstance(r.message, Merged) for cut in r.message.chunks}
    rendered = sum(chunks.get(r.message.chunk, 0) for r in records if isinstance(r.message, ChunkRendered))
    return replace(
        outcome,
        problems=tuple(problems),
        resumed=sum(isinstance(r.message, TakeResumed) for r in records),
        rejoined=sum(isinstance(r.message, Rejoined) for r in records),
        gone=sum(isinstance(r.message, RendererChanged) and r.message.to == "gone" for r in records),
        again=max(0, rendered - sum(chunks.values())),
    )


def wrong(script: Script, output: Path, records: Sequence[Record]) -> list[str]:
    """What is not as it should be with a take that is done."""
    folder = output.with_suffix(".take")
    missing = [path.name for path in (output, folder / "journal.mcap", folder / "motion.json") if not path.is_file()]
    if missing:
        return [f"{', '.join(missing)} missing"]
    problems = [f"other {name} than undisturbed" for name in Facts.of(output, records).differing(script.facts)]
    findings, _, warnings = check(output, RATES)
    problems += [f"verify: {each}" for each in (*findings, *warnings)]
    # Who asks to be let in does so outside of any link, without a number.
    problems += [f"{each} took effect twice" for each in repeated([record for record in records if record.number])]
    names = sorted(str(path.relative_to(output.parent)) for path in output.parent.rglob("*"))
    left = [
        name
        for name in names
        if name.endswith((".part", ".try")) or Path(name).name.startswith(("journal.live", "journal.next"))
    ]
    problems += [f"{name} is left" for name in left]
    others = (Rejoined, TakeResumed, DeadlinePassed)
    gone = any(isinstance(r.message, RendererChanged) and r.message.to == "gone" for r in records)
    ended = gone or any(isinstance(record.message, others) for record in records)
    if not ended and canonical(records) != canonical(script.records):
        problems.append("other messages than undisturbed")
    return problems
