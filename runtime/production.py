"""A take with everything that it leaves behind: its journal while it runs, its motion and its record when it is done.

The journal is live while the take runs, and compact once it is closed. What ends before it is done can be resumed: the journal
and `take.json`, which is written when the take begins, hold all that takes.
"""

from __future__ import annotations

import contextlib
import os
import shlex

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from fractions import Fraction
from typing import IO, Any

import structlog

from agents.critic import Review, review
from agents.regions import IDLE
from protocol.constraints import Samples
from protocol.journal import JournalWriter, Record, compact
from protocol.messages import (
    BeatOpened,
    ChunkAssigned,
    ChunkFailed,
    ChunkRendered,
    ChunkWritten,
    TakeOpened,
    TakeResumed,
    digest,
)
from protocol.timeline import sample
from protocol.wire import plain
from runtime.base import Base
from runtime.hosts import speaker
from runtime.loading import Loaded
from runtime.options import parse_fps
from runtime.outputs import TakeFiles, copy_file, whole_file, write_motion, write_record, write_timeline
from runtime.take import Filming, Past, TakeResult, Watch, run_take, versions
from runtime.take_error import TakeError

log = structlog.get_logger()

REVIEWED_AT = Fraction(60)
"""Frames per second at which the critic looks at takes: enough to time a saccade."""


@dataclass(frozen=True, slots=True)
class Order:
    """A take that is to be made.

    Attributes:
        opened: what it is asked for.
        loaded: the tables.
        made_with: what else belongs into its record: how it was asked for, the portrait, the renderer.
        filming: how it is rendered; None if only its motion is wanted.
        past: what there is of it, if it goes on.
        anew: its past is nowhere on disk yet: it was planned to be compared with others.
    """

    opened: TakeOpened
    loaded: Loaded
    made_with: Mapping[str, Any] = field(default_factory=dict)
    filming: Filming | None = None
    past: Past | None = None
    anew: bool = False


def plan_to_files(order: Order, files: TakeFiles, base: Base, watch: Watch) -> tuple[TakeResult, Samples]:
    """Make a take whose output is its motion; see `make_take`. The output comes last, so that where it is all is."""
    planned = make_take(order, files, base, watch)
    with _written(files):
        copy_file(files.motion, files.output, lambda: _proceed(files, watch.stopped))
    return planned


def make_take(order: Order, files: TakeFiles, base: Base, watch: Watch) -> tuple[TakeResult, Samples]:
    """Run a take and write everything that it leaves behind but the output.

    Args:
        order: what is to be made.
        files: where everything goes; what is there of an earlier take is replaced, unless it is the past of this one.
        base: who hosts its roles.
        watch: who follows it.

    Returns:
        The take, and its motion: float64 [channels, frames].

    Raises:
        TakeError: it did not come to its end; the journal says how far it got.
    """
    take, fps = order.opened.take, parse_fps(order.opened.fps)
    with _written(files), structlog.contextvars.bound_contextvars(take=take, beat=None), _begun(order, files):
        result = _journaled(order, files, base, watch)
        if result.closed.outcome != "done" or result.timeline is None:
            raise TakeError(_unfinished(files, _ending(result)))
        samples = sample(result.timeline, fps)
        said = reviewed(order.opened, order.loaded, result)
        result = replace(result, review=said)
        assert result.timeline is not None
        write_timeline(files.timeline, result.timeline)
        found = {"frames": samples.shape[1], "review": said.model_dump(mode="json")}
        write_record(files.record, {**_summary(order, result), **found, **order.made_with})
        direction, seed = " / ".join(order.opened.directions), order.opened.seed
        write_motion(files.motion, samples, fps, direction, seed, lambda: _proceed(files, watch.stopped))
    return result, samples


def reviewed(opened: TakeOpened, loaded: Loaded, result: TakeResult) -> Review:
    """What the critic says of a take that is done; the same at whatever rate it is shown."""
    assert result.brief is not None
    assert result.timeline is not None
    samples = sample(result.timeline, REVIEWED_AT)
    return review(result.brief, samples, REVIEWED_AT, loaded.tables, idle=IDLE in opened.flags)


def resuming(files: TakeFiles) -> str:
    """The command that goes on with a take."""
    return shlex.join(["textuportray", "resume", str(files.folder)])


@contextlib.contextmanager
def _begun(order: Order, files: TakeFiles) -> Iterator[None]:
    """The folder of a take that begins or goes on, with a record of what it is asked for."""
    with contextlib.nullcontext() if order.past and not order.anew else files.begun():
        began = {"format": "textuportray.take", "version": 1, "take": order.opened.take, "outcome": "unfinished"}
        write_record(files.record, {**began, **order.made_with})
        try:
            yield
        finally:
            if not files.live.exists() and not files.journal.exists():
                files.record.unlink(missing_ok=True)


@contextlib.contextmanager
def _written(files: TakeFiles) -> Iterator[None]:
    """Files of a take are written inside; an error of the disk is told as one of the take."""
    try:
        yield
    except OSError as error:
        reason = f"{files.output} and {files.folder} could not be written ({error.strerror or error})"
        going_on = f" and go on with: {resuming(files)}" if files.live.exists() or files.journal.exists() else ""
        raise TakeError(f"{reason}. Free some space on the disk{going_on}, or name another output.") from error


def _proceed(files: TakeFiles, stopped: Callable[[], str | None]) -> None:
    if (reason := stopped()) is not None:
        raise TakeError(_unfinished(files, f"stopped by {reason} while the agreed motion was being written"))


def _journaled(order: Order, files: TakeFiles, base: Base, watch: Watch) -> TakeResult:
    """Run a take with its journal on disk."""
    recorded = bool(order.past)

    def told(record: Record) -> None:
        nonlocal recorded
        recorded = True
        _log(record)

    watch = replace(watch, told=(told, *watch.told))
    try:
        with _live(files, order.past) as (stream, writer):
            result = run_take(order.opened, order.loaded, writer, base, watch, filming=order.filming, past=order.past)
            # Only a take that has come to its end closes its journal; any other is left as what it is, cut off.
            writer.close()
            stream.flush()
    except BaseException:
        if not recorded:
            files.live.unlink(missing_ok=True)
        raise
    with files.live.open("rb") as source, whole_file(files.journal) as target:
        compact(source, target)
    files.live.unlink()
    return result


@contextlib.contextmanager
def _live(files: TakeFiles, past: Past | None) -> Iterator[tuple[IO[bytes], JournalWriter]]:
    """A journal that is being written; what there is of an older one is in it before that is given up."""
    path = files.live if past is None else files.next
    try:
        with path.open("wb") as stream:
            software = f"textuportray {versions().get('textuportray', '')}".rstrip()
            writer = JournalWriter(stream, lambda: os.fsync(stream.fileno()), software)
            if past is not None:
                for record in past.records:
                    writer.append(record)
                writer.commit()
                path.replace(files.live)
                files.journal.unlink(missing_ok=True)
            yield stream, writer
    finally:
        files.next.unlink(missing_ok=True)


def _ending(result: TakeResult) -> str:
    """How a take ended that was not done."""
    total = f" of {len(result.brief.beats)}" if result.brief else ""
    agreed = f"{result.closed.beats}{total} beats agreed on"
    rendered = 0
    for record in result.records:
        if isinstance(record.message, TakeResumed):
            rendered = 0  # what was rendered before is rendered again
        rendered += isinstance(record.message, ChunkWritten)
    if rendered:
        agreed += f" and {rendered} {'chunk' if rendered == 1 else 'chunks'} of frames rendered"
    if result.closed.outcome == "stopped":
        return f"stopped by {result.closed.reason} with {agreed}"
    reason = " ".join(result.closed.reason.split()).rstrip(".")
    return f"the take failed with {agreed}: {reason}"


def _unfinished(files: TakeFiles, what: str) -> str:
    seen = shlex.join(["textuportray", "replay", str(files.folder)])
    return f"{what}. {files.output} is not written. Go on with: {resuming(files)}, or see how far it got with: {seen}."


def _log(record: Record) -> None:
    message = record.message
    if isinstance(message, BeatOpened):
        structlog.contextvars.bind_contextvars(beat=message.beat)
    chunk = message.chunk if isinstance(message, (ChunkAssigned, ChunkRendered, ChunkFailed, ChunkWritten)) else None
    log.debug(type(message).__name__, region=speaker(message), chunk=chunk, seq=record.seq)


def _summary(order: Order, result: TakeResult) -> dict[str, Any]:
    opened = order.opened
    return {
        "format": "textuportray.take",
        "version": 1,
        "take": opened.take,
        "outcome": "done",
        "direction": opened.direction,
        **({"parent": {"take": parent.take, "directions": list(parent.directions)}} if (parent := opened.parent) else {}),
        "seed": opened.seed,
        "fps": opened.fps,
        "seconds": result.timeline.seconds if result.timeline else None,
        "flags": list(opened.flags),
        "emotion": opened.emotion,
        **({"language_model": plain(model)} if (model := opened.language_model) else {}),
        # A take that goes on has them from its journal, whose order is another.
        "versions": dict(sorted(opened.versions.items())),
        "configs": {name: digest(text) for name, text in sorted(order.loaded.texts.items())},
        "timeline": result.closed.timeline,
    }
