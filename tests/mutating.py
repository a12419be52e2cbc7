"""How a seeded bug is run before the checks: in a process of its own, whose module is made of a changed text.

The process is forked from this one before anything of the project that could hold the old code is imported in it, so
`verdicts` starts a fresh interpreter, which imports what is foreign once and forks for each check.
"""

from __future__ import annotations

import argparse
import importlib.abc
import importlib.machinery
import importlib.util
import io
import json
import os
import signal
import subprocess
import sys
import time

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
SECONDS = 30
"""After which a check is over: a system that the mistake makes endless is cut off long before."""
MOST = 150_000
"""States, above those of any small configuration."""

Change = tuple[str, str, str]
"""Module, what stands there, what is to stand there."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a check says.

    Attributes:
        check: its name.
        caught: whether it found fault.
        text: with what: the property or code first.
        seconds: it took.
    """

    check: str
    caught: bool
    text: str
    seconds: float


# ------------------------------------------------------------------------------------------------------------ the checks


def _explore(name: str) -> str:
    from protocol.checking.configurations import DEEP, SMALL

    configuration = SMALL[name] if name in SMALL else DEEP[name]
    found, _ = configuration.explore(MOST)
    if found.broken:
        return f"{found.broken.name}: {found.broken.text}, after {len(found.broken.actions)} steps"
    if not found.exhausted:
        return f"L1: more than {MOST} states"
    if not found.acyclic:
        return "L1: it may go round in a circle"
    missing = [mark for mark in configuration.sometimes if not found.marks[mark]]
    return f"sometimes: never {missing[0]}" if missing else ""


def _takes() -> str:
    """Whole takes on a bad network, with deaths, fallbacks, resumed: the same as if nothing had happened?"""
    import numpy as np

    from protocol.channels import REGIONS
    from protocol.coordinator_state import CRITIC_OBJECTS
    from protocol.messages import CRITIC
    from runtime.inline import Crash, FaultyNetwork
    from tests.criticised import AskingForMouths, Deaf, Shy, Unwilling
    from tests.filmed import Ran, meeting, play
    from tests.recorded import Silent, SilentJudge, Stubborn
    from tests.takes import take_opened, tiny_take

    def wrong(told: Any, like: Ran | None) -> str:
        return _wrong(told) or (
            "S5: another motion or other frames than undisturbed"
            if like and (told.timeline != like.timeline or not np.array_equal(told.reel.frames, like.reel.frames))
            else ""
        )

    def runs() -> Iterator[tuple[Any, Ran | None]]:
        calm = play()
        yield calm, None
        for seed in range(4):
            crash = Crash(REGIONS[seed % 4], 2 + seed)
            yield play(network=FaultyNetwork(seed, 0.3, 0.3, 2.0), crashes=(crash,)), calm
        for fate in (
            meeting({(3, 1): "dies"}),
            meeting({(4, 1): "failed", (4, 2): "failed"}),
            meeting({(5, 1): "lost"}),
        ):
            yield play(fate=fate), calm
        for agent in (Silent, SilentJudge, Stubborn):
            told = play(agents={"brows": agent})
            yield told, None
            for length in range(5, len(told.records) - 1, 23):
                yield play(told.records[:length], agents={"brows": agent}), told
        for length in range(3, len(calm.records) - 1, 9):
            yield play(calm.records[:length]), calm
        yield tiny_take(tamper=_as_somebody_else), None
        asked: dict[str, Any] = {"opened": take_opened(7, (CRITIC_OBJECTS,)), "director": AskingForMouths(2)}
        for mouth in (Shy, Unwilling, Deaf):
            looked = play(**asked, agents={"mouth": mouth})
            yield looked, None
            for place, record in enumerate(looked.records):
                if record.sender == CRITIC:
                    yield play(looked.records[:place], **asked, agents={"mouth": mouth}), looked

    for told, like in runs():
        if found := wrong(told, like):
            return found
    return ""


def _as_somebody_else(envelope: Any) -> Any:
    """The first process of the brows votes in the name of the eyes."""
    from dataclasses import replace

    from protocol.messages import Accepted, Objected
    from protocol.wire import decode, encode

    message = decode(envelope.body) if envelope.sender == "brows" and envelope.epoch == 1 and envelope.body else None
    if not isinstance(message, (Accepted, Objected)):
        return envelope
    return replace(envelope, body=encode(message.model_copy(update={"role": "eyes"})))


def _wrong(told: Any) -> str:
    """What is wrong with a take that is done, as far as its journal says."""
    from protocol.consistency import committed_timeline, consistency
    from protocol.messages import TakeClosed
    from runtime.commands.verify import _rendered
    from tests.recorded import checked
    from tests.takes import disagreements, unjustified_commits

    closed = told.records[-1].message
    if not isinstance(closed, TakeClosed) or closed.outcome != "done":
        return f"L1: it ends with {closed.reason if isinstance(closed, TakeClosed) else type(closed).__name__}"
    found = checked(told.records, told.tables.constraints)
    for finding in (*found.monitor, *found.history, *found.replay):
        return f"{finding.code}: {finding.text}"
    timeline = committed_timeline(told.records)
    assert timeline is not None
    for finding in _rendered(told.records, timeline, Fraction(60)):
        return f"{finding.code}: {finding.text}"
    for finding in consistency(timeline, told.tables.constraints, [Fraction(24), Fraction(60), Fraction(120)]):
        return f"{finding.code}: {finding.text}"
    if unjustified_commits(told.records):
        return "S2: a commit that does not follow from the votes"
    if disagreements(told):
        return "S1: two roles hold different commits"
    return ""


def _replay() -> str:
    """The machines over the journals that are kept: do they say the same?"""
    from protocol.history import history
    from protocol.journal import read_journal
    from protocol.messages import TakeOpened
    from protocol.monitor import monitor
    from protocol.replay import replay
    from runtime.commands.replay import constraints_of
    from tests.takes import tiny_tables

    for path in sorted((ROOT / "tests/golden").glob("*.mcap")):
        with path.open("rb") as stream:
            journal = read_journal(stream)
        opened = journal.records[0].message
        assert isinstance(opened, TakeOpened)
        tiny = "constraints.yaml" not in opened.configuration
        constraints = tiny_tables().constraints if tiny else constraints_of(journal)[1]
        found = [
            *monitor(journal.records),
            *history(journal.records, complete=journal.closed),
            *replay(journal.records, constraints, complete=journal.closed).findings,
        ]
        for finding in found:
            return f"{finding.code}: {finding.text}".splitlines()[0]
    return ""


class _Disk(io.BytesIO):
    """What is on the disk is what was there when it was forced."""

    def __init__(self) -> None:
        super().__init__()
        self.kept = b""

    def force(self) -> None:
        """All that was written so far is safe."""
        self.kept = self.getvalue()


def _disk() -> str:
    """A journal whose machine loses its power at any message: is there what has taken effect, and is it refused if damaged?"""
    from dataclasses import replace

    from protocol.journal import JournalError, JournalWriter, Record, read_journal
    from protocol.messages import Committed, TakeClosed, TakeOpened
    from runtime.sequencer import Sequencer
    from tests.filmed import play

    records = play(film=False).records
    disk = _Disk()
    fault = ""

    def told(record: Record) -> None:
        nonlocal fault
        written = read_journal(io.BytesIO(disk.getvalue())).records
        safe = read_journal(io.BytesIO(disk.kept)).records
        if record not in written:
            fault = fault or f"write-ahead: record {record.seq} takes effect before it is written"
        if isinstance(record.message, (TakeOpened, Committed, TakeClosed)) and record not in safe:
            fault = fault or f"write-ahead: {type(record.message).__name__} takes effect before it is on the disk"

    writer = JournalWriter(disk, disk.force)
    sequencer = Sequencer(writer, lambda: 0.0, told)
    for record in records:
        sequencer.record(record.receivers, record.message, sender=record.sender, epoch=record.epoch, number=record.number)
    if fault:
        return fault
    writer.close()
    whole = disk.getvalue()
    if [replace(record, time=0.0) for record in read_journal(io.BytesIO(whole)).records] != [
        replace(record, time=0.0) for record in records
    ]:
        return "journal: what is read is not what was written"
    for at in range(len(whole) - 4000, len(whole), 37):
        cut = read_journal(io.BytesIO(whole[:at]))
        if cut.closed or list(cut.records) != list(read_journal(io.BytesIO(whole)).records[: len(cut.records)]):
            return f"journal: cut at byte {at} it is read as something else"
    for at in range(200, len(whole) - 200, 997):
        damaged = whole[:at] + bytes([whole[at] ^ 0x40]) + whole[at + 1 :]
        try:
            journal = read_journal(io.BytesIO(damaged))
        except JournalError:
            continue
        if journal.closed:
            return f"journal: a changed byte {at} goes unnoticed"
    return ""


CHECKS: Mapping[str, Callable[[], str]] = MappingProxyType({"takes": _takes, "replay": _replay, "disk": _disk})
"""Besides the explorations, which are called "explore" and the name of the configuration."""


def check_names() -> tuple[str, ...]:
    """Every check there is."""
    code = "from protocol.checking.configurations import SMALL; print('\\n'.join(SMALL))"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, check=True, encoding="utf-8")
    return (*(f"explore {name}" for name in done.stdout.splitlines()), *CHECKS)


def _run(name: str) -> str:
    kind, _, configuration = name.partition(" ")
    return _explore(configuration) if kind == "explore" else CHECKS[name]()


# ----------------------------------------------------------------------------------------------------------- the mistake


class _Changed(importlib.machinery.SourceFileLoader):
    """Loads a module whose text was changed."""

    old = new = ""

    def get_code(self, fullname: str) -> Any:
        """The code of the changed text; nothing is read from or written to a cache."""
        return compile(changed(Path(self.path), self.old, self.new), self.path, "exec", dont_inherit=True)


class _Finder(importlib.abc.MetaPathFinder):
    """Finds one module changed."""

    def __init__(self, change: Change) -> None:
        self._module, self._old, self._new = change

    def find_spec(self, fullname: str, path: Any, target: Any = None) -> importlib.machinery.ModuleSpec | None:
        """The module's, if it is the one."""
        if fullname != self._module:
            return None
        loader = _Changed(fullname, str(place(fullname)))
        loader.old, loader.new = self._old, self._new
        return importlib.util.spec_from_file_location(fullname, loader.path, loader=loader)


def place(module: str) -> Path:
    """The file of a module of the project."""
    return ROOT / (module.replace(".", "/") + ".py")


def changed(path: Path, old: str, new: str) -> str:
    """A module's text with a mistake in it.

    Raises:
        ValueError: what is to be changed does not stand there, or more than once.
    """
    text = path.read_text(encoding="utf-8")
    if text.count(old) != 1:
        raise ValueError(f"{path.name} has {text.count(old)} times what is to be changed: {old!r}")
    return text.replace(old, new)


# ---------------------------------------------------------------------------------------------------------- processes


def verdicts(pairs: Sequence[tuple[Change, str]]) -> Iterator[Verdict]:
    """What checks say of mistakes, one after the other.

    Args:
        pairs: mistakes, each with the name of a check.

    Raises:
        ValueError: what a mistake changes does not stand in its module once.
        RuntimeError: the process that runs them ended.
    """
    command = [sys.executable, "-m", "tests.mutating", "--serve"]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    with subprocess.Popen(
        command, cwd=ROOT, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8"
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        for change, name in pairs:
            module, old, new = change
            changed(place(module), old, new)
            process.stdin.write(json.dumps([change, name]) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
            if not line:
                raise RuntimeError(f"the process that runs {name} has ended")
            caught, text, seconds = json.loads(line)
            yield Verdict(name, caught, text, seconds)
        process.stdin.close()


def serve() -> None:
    """Read mistakes and names of checks, a line each, and say what comes of them; what is foreign is imported once."""
    for name in ("mcap.writer", "msgpack", "numpy", "pydantic", "structlog", "yaml", "zstandard"):
        importlib.import_module(name)
    for line in sys.stdin:
        change, name = json.loads(line)
        sys.stdout.write(json.dumps(_apart(tuple(change), name)) + "\n")
        sys.stdout.flush()


def _apart(change: Change, name: str) -> tuple[bool, str, float]:
    """Run a check in a process of its own."""
    began = time.monotonic()
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reading)
        signal.alarm(SECONDS)
        with os.fdopen(writing, "w") as answer:
            answer.write(_said(change, name))
        os._exit(0)
    os.close(writing)
    with os.fdopen(reading) as answer:
        said = answer.read()
    _, status = os.waitpid(child, 0)
    text = said or f"L1: it does not end within {SECONDS} s" if status == 0 or os.WIFSIGNALED(status) else "crash: it ends"
    if status == 0 and not said:
        text = ""
    return bool(text), text, time.monotonic() - began


def _said(change: Change, name: str) -> str:
    sys.meta_path.insert(0, _Finder(change))
    with open(os.devnull, "w") as nowhere:  # noqa: PTH123 - the log of a program that is out of order
        sys.stdout = sys.stderr = nowhere
        try:
            return _run(name)
        except Exception as error:  # noqa: BLE001 - however it is noticed
            return f"{type(error).__name__}: {' '.join(str(error).split())[:160]}"


def main() -> int:
    """Run the mistakes; the exit code is 1 if one is not caught."""
    from tests.mutations_of_critic import EVERY as MUTATIONS

    parser = argparse.ArgumentParser(description="Seeded bugs, and the checks that catch them.")
    parser.add_argument("names", nargs="*", help="only those whose name contains one of these words")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--all", action="store_true", help="every check")
    parser.add_argument("--table", action="store_true", help="as a Markdown table")
    options = parser.parse_args()
    if options.serve:
        serve()
        return 0
    chosen = [m for m in MUTATIONS if not options.names or any(name in m.name for name in options.names)]
    missed = 0
    every = check_names() if options.all or options.table else ()
    if options.table:
        print("| mistake | breaks | caught by |\n| --- | --- | --- |")
    for mutation in chosen:
        names = every if options.all or options.table else [mutation.caught_by]
        began = time.perf_counter()
        found = list(verdicts([(mutation.change, name) for name in names]))
        took = time.perf_counter() - began
        caught = [verdict for verdict in found if verdict.caught]
        missed += not caught
        if options.table:
            print(f"| {mutation.name} | {mutation.breaks} | {_cell(caught)} |", flush=True)
            continue
        print(f"{'caught' if caught else 'MISSED'}  {mutation.name} ({mutation.breaks}; {took:.1f} s)", flush=True)
        for verdict in caught:
            print(f"          {verdict.check}: {verdict.text}", flush=True)
    if not options.table:
        print(f"{len(chosen) - missed} of {len(chosen)} caught")
    return 1 if missed else 0


def _cell(caught: list[Verdict]) -> str:
    return ", ".join(f"{verdict.check} ({verdict.text.partition(':')[0]})" for verdict in caught) or "**nothing**"


if __name__ == "__main__":
    sys.exit(main())
