"""One take from its options to its result, in one process."""

from __future__ import annotations

import contextlib
import os
import platform

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import structlog

from agents.director.agent import LexiconDirector
from agents.regions import IDLE, Judgements, LexiconRegion, RegionAgent
from configs.tables import Tables, build, read_texts
from protocol.brief import Brief
from protocol.channels import REGIONS, Region
from protocol.constraints import Samples
from protocol.coordinator import COMMIT_AS_PROPOSED
from protocol.coordinator_state import CoordinatorState
from protocol.journal import JournalWriter, Record, compact
from protocol.messages import BeatOpened, TakeClosed, TakeOpened, digest
from protocol.timeline import CommittedBeat, Timeline, sample
from runtime.hosts import Carrier, CoordinatorHost, DirectorAgent, Seat, speaker
from runtime.inline import Crash, InlineRuntime, Network
from runtime.options import TakeOptions
from runtime.outputs import TakeFiles, copy_file, whole_file, write_motion, write_record, write_timeline
from runtime.take_error import TakeError

log = structlog.get_logger()

SOFTWARE = ("textuportray", "numpy", "pydantic", "msgpack", "mcap")


@dataclass(frozen=True, slots=True)
class Loaded:
    """The tables and what they were read from.

    Attributes:
        tables: ready for use.
        texts: of every file.
        digest: of the texts.
        director: with the lexicon's patterns compiled, which takes as long as planning a beat.
    """

    tables: Tables
    texts: dict[str, str]
    digest: str
    director: DirectorAgent


def load(replaced: dict[str, Path] | None = None) -> Loaded:
    """Read all tables.

    Raises:
        ConfigError: one of them is wrong.
    """
    texts = read_texts(replaced)
    names = {name: str(path) for name, path in (replaced or {}).items()}
    tables = build(texts, names)
    return Loaded(tables, texts, digest(texts), LexiconDirector(tables))


@dataclass(frozen=True, slots=True)
class TakeResult:
    """What a take came to.

    Attributes:
        brief: what was understood.
        timeline: the committed tracks; None if the take ended before its first commit.
        closed: how it ended.
        records: the journal.
    """

    brief: Brief | None
    timeline: Timeline | None
    closed: TakeClosed
    records: tuple[Record, ...]


def versions() -> dict[str, str]:
    """Versions of what a take's result may depend on."""
    found = {"python": platform.python_version()}
    for name in SOFTWARE:
        with contextlib.suppress(metadata.PackageNotFoundError):
            found[name] = metadata.version(name)
    return found


def opening(options: TakeOptions, loaded: Loaded) -> TakeOpened:
    """The message that opens a take; its id follows from what it is asked for."""
    flags = ((IDLE,) if options.idle else ()) + (() if options.negotiate else (COMMIT_AS_PROPOSED,))
    performed = [options.direction, options.seconds, options.seed, options.emotion]
    asked = [*performed, str(options.fps), list(flags), options.rounds, loaded.digest]
    return TakeOpened(
        take=f"take-{digest(asked)[:12]}",
        direction=options.direction,
        seed=options.seed,
        fps=str(options.fps),
        seconds=options.seconds,
        flags=flags,
        emotion=options.emotion,
        rounds=options.rounds,
        configuration=loaded.texts,
        versions=versions(),
    )


def run_take(
    options: TakeOptions,
    loaded: Loaded,
    journal: JournalWriter,
    clock: Callable[[], float],
    *,
    agents: dict[Region, RegionAgent] | None = None,
    network: Network | None = None,
    crashes: tuple[Crash, ...] = (),
    stopped: Callable[[], str | None] = lambda: None,
    told: Callable[[Record], None] = lambda record: None,
) -> TakeResult:
    """Run a take in this process.

    Args:
        options: what it is asked for.
        loaded: the tables.
        journal: where its records go; closed by the caller.
        clock: seconds since the take began, for the records.
        agents: regions that are played by others than the embedded planner.
        network: what becomes of envelopes; perfect if None.
        crashes: region processes that die on the way.
        stopped: asked between events; a reason ends the take.
        told: called with each record.
    """
    tables = loaded.tables
    judgements = Judgements(tables)
    planner = LexiconRegion(tables)

    def embedded(region: Region) -> RegionAgent:
        return RegionAgent(region, tables, loaded.digest, planner, judgements)

    records: list[Record] = []

    def keep(record: Record) -> None:
        records.append(record)
        told(record)

    def host(carrier: Carrier) -> CoordinatorHost:
        return CoordinatorHost(loaded.director, tables, judgements, carrier, Seat(journal, clock), keep)

    playing = {region: (agents or {}).get(region) or embedded(region) for region in REGIONS}
    runtime = InlineRuntime(host, playing, embedded, network, crashes, stopped)
    runtime.run(opening(options, loaded))
    state = runtime.coordinator.state
    closed = next(record.message for record in reversed(records) if isinstance(record.message, TakeClosed))
    return TakeResult(state.brief, timeline_of(state), closed, tuple(records))


def timeline_of(state: CoordinatorState) -> Timeline | None:
    """The committed tracks on their line of time."""
    if state.brief is None or not state.committed:
        return None
    beats = zip(state.brief.beats, state.committed, strict=False)
    return Timeline(beats=tuple(CommittedBeat(start=beat.start, end=beat.end, tracks=tracks) for beat, (_, tracks) in beats))


def plan_to_files(
    options: TakeOptions, loaded: Loaded, files: TakeFiles, clock: Callable[[], float], stopped: Callable[[], str | None]
) -> tuple[TakeResult, Samples]:
    """Run a take whose output is its motion; see `plan_take`. The output comes last, so that where it is all is."""
    planned = plan_take(options, loaded, files, clock, stopped)
    with _written(files):
        copy_file(files.motion, files.output, lambda: _proceed(files, stopped))
    return planned


def plan_take(
    options: TakeOptions,
    loaded: Loaded,
    files: TakeFiles,
    clock: Callable[[], float],
    stopped: Callable[[], str | None],
    made_with: Mapping[str, Any] | None = None,
) -> tuple[TakeResult, Samples]:
    """Run a take and write everything that it leaves behind but the output.

    Args:
        options: what the take is asked for.
        loaded: the tables.
        files: where everything goes; what is there of an earlier take is replaced.
        clock: seconds since the take began.
        stopped: asked between steps; a reason ends the take.
        made_with: what else belongs into the take's record, such as the portrait that is to be moved.

    Raises:
        TakeError: it did not come to its end; the journal says how far it got.
    """
    name = opening(options, loaded).take
    with _written(files), structlog.contextvars.bound_contextvars(take=name, beat=None), files.begun():
        result = _journaled(options, loaded, files, clock, stopped)
        if result.closed.outcome != "done" or result.timeline is None:
            raise TakeError(_unfinished(files, _ending(result)))
        samples = sample(result.timeline, options.fps)
        write_timeline(files.timeline, result.timeline)
        write_record(files.record, {**_summary(options, loaded, result), "frames": samples.shape[1], **(made_with or {})})
        write_motion(files.motion, samples, options.fps, options.direction, options.seed, lambda: _proceed(files, stopped))
    return result, samples


@contextlib.contextmanager
def _written(files: TakeFiles) -> Iterator[None]:
    """Files of a take are written inside; an error of the disk is told as one of the take."""
    try:
        yield
    except OSError as error:
        reason = f"{files.output} and {files.folder} could not be written ({error.strerror or error})"
        raise TakeError(f"{reason}. Free some space on the disk, or name another output.") from error


def _proceed(files: TakeFiles, stopped: Callable[[], str | None]) -> None:
    if (reason := stopped()) is not None:
        raise TakeError(_unfinished(files, f"stopped by {reason} while the agreed motion was being written"))


def _journaled(
    options: TakeOptions, loaded: Loaded, files: TakeFiles, clock: Callable[[], float], stopped: Callable[[], str | None]
) -> TakeResult:
    """Run a take with its journal on disk: live while it runs, compact once it is closed."""
    recorded = False

    def told(record: Record) -> None:
        nonlocal recorded
        recorded = True
        _log(record)

    try:
        with files.live.open("wb") as stream:
            software = f"textuportray {versions().get('textuportray', '')}".rstrip()
            writer = JournalWriter(stream, lambda: os.fsync(stream.fileno()), software)
            result = run_take(options, loaded, writer, clock, stopped=stopped, told=told)
            # Only a take that has come to its end closes its journal; any other is left as what it is, cut off.
            writer.close()
    except BaseException:
        if not recorded:
            files.live.unlink(missing_ok=True)
        raise
    with files.live.open("rb") as source, whole_file(files.journal) as target:
        compact(source, target)
    files.live.unlink()
    return result


def _ending(result: TakeResult) -> str:
    """How a take ended that was not done."""
    total = f" of {len(result.brief.beats)}" if result.brief else ""
    agreed = f"{result.closed.beats}{total} beats agreed on"
    if result.closed.outcome == "stopped":
        return f"stopped by {result.closed.reason} with {agreed}"
    reason = " ".join(result.closed.reason.split()).rstrip(".")
    return f"the take failed with {agreed}: {reason}"


def _unfinished(files: TakeFiles, what: str) -> str:
    again = "give the same command again to start over"
    return f"{what}. {files.output} is not written; see how far it got with: textuportray replay {files.folder}, or {again}."


def _log(record: Record) -> None:
    message = record.message
    if isinstance(message, BeatOpened):
        structlog.contextvars.bind_contextvars(beat=message.beat)
    log.debug(type(message).__name__, region=speaker(message), seq=record.seq)


def _summary(options: TakeOptions, loaded: Loaded, result: TakeResult) -> dict[str, Any]:
    opened = next(record.message for record in result.records if isinstance(record.message, TakeOpened))
    return {
        "format": "textuportray.take",
        "version": 1,
        "take": opened.take,
        "direction": options.direction,
        "seed": options.seed,
        "fps": str(options.fps),
        "seconds": result.timeline.seconds if result.timeline else None,
        "flags": list(opened.flags),
        "emotion": options.emotion,
        "versions": opened.versions,
        "configs": {name: digest(text) for name, text in loaded.texts.items()},
        "timeline": result.closed.timeline,
    }
