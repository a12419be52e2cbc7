"""What a take counts, for whoever watches a cluster: messages, rounds, chunks, frames, thinking.

Rules
- The journal is the record; metrics are a view of it. They are taken from records alone (`TakeMeter`), so that they can never
  say anything else, and nothing in a take depends on them.
- What may be counted stands in one table, `METERS`. A name, a kind of metric or a tag that is not in it is refused, since Ray
  would take it without a word and a dashboard would miss it.
- Tags have few values: regions, phases, kinds of messages. An id of a take, a beat, a chunk or a process is never a tag, or
  Prometheus would keep a series for each of them for weeks.

Ray gives metrics to Prometheus about every ten seconds, under the names that `Meter.series` says. Of a take that is shorter
than that the last counts may be missing; its journal has them all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Literal, Protocol

from protocol.channels import REGIONS
from protocol.journal import Record
from protocol.messages import (
    Accepted,
    BeatOpened,
    ChunkAssigned,
    ChunkFailed,
    ChunkLost,
    ChunkRendered,
    ChunkWritten,
    Committed,
    Merged,
    Objected,
    Proposed,
    Rejoined,
    RendererChanged,
    Restored,
    RoundOpened,
    Ruled,
    TakeClosed,
    TakeResumed,
)

Kind = Literal["counter", "gauge", "histogram"]

_SUFFIXES: Mapping[Kind, tuple[str, ...]] = {
    "counter": ("_total",),
    "gauge": ("",),
    "histogram": ("_bucket", "_sum", "_count"),
}


@dataclass(frozen=True, slots=True)
class Meter:
    """One thing that is counted or measured.

    Attributes:
        name: in the program.
        kind: a counter only grows, a gauge says how it is, a histogram how often it took how long.
        about: what it says, for the help of Prometheus.
        tags: keys that each of its values has.
        boundaries: of a histogram's buckets, seconds.
    """

    name: str
    kind: Kind
    about: str
    tags: tuple[str, ...] = ()
    boundaries: tuple[float, ...] = ()

    @property
    def series(self) -> tuple[str, ...]:
        """Its names in Prometheus, as Ray exports it."""
        return tuple(f"ray_{self.name}{suffix}" for suffix in _SUFFIXES[self.kind])


METERS: Mapping[str, Meter] = MappingProxyType(
    {
        meter.name: meter
        for meter in (
            Meter("textuportray_messages", "counter", "Messages in the journal, by kind", ("kind",)),
            Meter("textuportray_beats", "counter", "Beats that were committed"),
            Meter("textuportray_rounds", "counter", "Rounds that were opened; as many as beats where nobody objects"),
            Meter("textuportray_objections", "counter", "Constraints that a vector broke, by who objected", ("region",)),
            Meter("textuportray_rulings", "counter", "Beats that the coordinator had to rule on"),
            Meter("textuportray_restarts", "counter", "Processes of a region that took the place of another", ("region",)),
            Meter("textuportray_fallbacks", "counter", "Times that a region's fallback took over", ("region",)),
            Meter(
                "textuportray_thinking_seconds",
                "histogram",
                "Seconds from the question to a region's proposal or vote, the way there and back included",
                ("region", "phase"),
                # A lexicon answers in milliseconds, a language model in seconds, and a deadline is about a minute.
                (0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0),
            ),
            Meter(
                "textuportray_chunks",
                "counter",
                "Chunks by what became of them: assigned, retried (assigned again), rendered, failed, lost or written",
                ("phase",),
            ),
            Meter("textuportray_frames", "counter", "Frames that are part of a video"),
            Meter(
                "textuportray_frames_per_second",
                "gauge",
                "Frames written per second, since the take's first chunk was assigned",
            ),
            Meter("textuportray_queue_depth", "gauge", "Chunks that are cut and not yet rendered"),
            Meter("textuportray_renderers_ready", "gauge", "Renderers that can take chunks"),
        )
    }
)
"""Everything that is counted, by name."""


def meter(name: str, kind: Kind, tags: Iterable[str]) -> Meter:
    """The entry of the table for a value.

    Args:
        name: of the meter.
        kind: how it is used.
        tags: the keys that are given with the value.

    Raises:
        ValueError: the table has no such meter, or it is of another kind or has other tags.
    """
    entry = METERS.get(name)
    if entry is None:
        raise ValueError(f"{name} is not in METERS")
    if entry.kind != kind:
        raise ValueError(f"{name} is a {entry.kind}, not a {kind}")
    if set(entry.tags) != set(tags):
        raise ValueError(f"{name} has the tags {list(entry.tags)}, not {sorted(tags)}")
    return entry


class Meters(Protocol):
    """Where counts go."""

    def count(self, name: str, value: int = 1, **tags: str) -> None:
        """Add to a counter."""
        ...

    def set(self, name: str, value: float, **tags: str) -> None:
        """Say what a gauge shows."""
        ...

    def observe(self, name: str, seconds: float, **tags: str) -> None:
        """Add a duration to a histogram."""
        ...


class NoMeters:
    """Counts nothing: for takes that nobody watches."""

    def count(self, name: str, value: int = 1, **tags: str) -> None:
        """Nothing."""

    def set(self, name: str, value: float, **tags: str) -> None:
        """Nothing."""

    def observe(self, name: str, seconds: float, **tags: str) -> None:
        """Nothing."""


class RayMeters:
    """Counts for Ray, which hands them to Prometheus on every node's metrics port.

    A metric is made when it is first used, so that whoever counts nothing does not load Ray. A value costs about 4 µs.
    """

    def __init__(self) -> None:
        self._made: dict[str, Any] = {}

    def count(self, name: str, value: int = 1, **tags: str) -> None:
        """Add to a counter; nothing, where the value is 0, which Ray refuses.

        Raises:
            ValueError: the table has no such counter with these tags, or the value is negative.
        """
        counter = self._metric(meter(name, "counter", tags))
        if value:
            counter.inc(value, tags)

    def set(self, name: str, value: float, **tags: str) -> None:
        """Say what a gauge shows.

        Raises:
            ValueError: the table has no such gauge with these tags.
        """
        self._metric(meter(name, "gauge", tags)).set(value, tags)

    def observe(self, name: str, seconds: float, **tags: str) -> None:
        """Add a duration to a histogram.

        Raises:
            ValueError: the table has no such histogram with these tags.
        """
        self._metric(meter(name, "histogram", tags)).observe(seconds, tags)

    def _metric(self, entry: Meter) -> Any:
        made = self._made.get(entry.name)
        if made is None:
            made = self._made[entry.name] = _ray_metric(entry)
        return made


def _ray_metric(entry: Meter) -> Any:
    from ray.util import metrics  # noqa: PLC0415 - heavy, and of no use to a take that runs without Ray

    if entry.kind == "counter":
        return metrics.Counter(entry.name, entry.about, entry.tags)
    if entry.kind == "gauge":
        return metrics.Gauge(entry.name, entry.about, entry.tags)
    return metrics.Histogram(entry.name, entry.about, list(entry.boundaries), entry.tags)


class TakeMeter:
    """Counts what a take's records say.

    Args:
        meters: where the counts go.
        before: records of a take that is gone on with. They have been counted when they were made, and are only remembered.
    """

    def __init__(self, meters: Meters, before: Iterable[Record] = ()) -> None:
        self._meters: Meters = NoMeters()
        self._asked: dict[str, tuple[float, str]] = {}
        self._frames: dict[int, int] = {}
        self._attempts: dict[int, int] = {}
        self._unrendered: set[int] = set()
        self._ready: set[str] = set()
        self._began: float | None = None
        self._written = 0
        for record in before:
            self.observe(record)
        self._meters = meters

    def observe(self, record: Record) -> None:
        """Count a record; to be called with each, in order, once it is in the journal."""
        self._meters.count("textuportray_messages", kind=type(record.message).__name__)
        self._follow_agreement(record)
        self._follow_film(record)

    def _follow_agreement(self, record: Record) -> None:
        match record.message:
            case BeatOpened():
                self._asked = dict.fromkeys(REGIONS, (record.time, "propose"))
            case RoundOpened():
                self._asked = dict.fromkeys(REGIONS, (record.time, "vote"))
                self._meters.count("textuportray_rounds")
            case Proposed(region=region):
                self._answered(region, record.time)
            case Accepted(role=role):
                self._answered(role, record.time)
            case Objected(role=role, violations=violations):
                self._answered(role, record.time)
                self._meters.count("textuportray_objections", len(violations), region=role)
            case Ruled():
                self._meters.count("textuportray_rulings")
            case Committed():
                self._asked = {}
                self._meters.count("textuportray_beats")
            case Rejoined(region=region):
                self._meters.count("textuportray_restarts", region=region)
            case Restored():
                self._restored(record.message, record.time)

    def _restored(self, message: Restored, time: float) -> None:
        """Another one thinks from now on, about the question that is open if there is one."""
        if message.holder == "fallback":
            self._meters.count("textuportray_fallbacks", region=message.region)
        self._asked.pop(message.region, None)
        if message.round is not None:
            if not message.voted:
                self._asked[message.region] = (time, "vote")
        elif message.beat is not None and message.proposal is None:
            self._asked[message.region] = (time, "propose")

    def _answered(self, role: str, time: float) -> None:
        """A region has answered; a revision and the vote that comes with it are one answer."""
        asked = self._asked.pop(role, None)
        if asked is not None:
            since, phase = asked
            self._meters.observe("textuportray_thinking_seconds", max(0.0, time - since), region=role, phase=phase)

    def _follow_film(self, record: Record) -> None:
        match record.message:
            case Merged(chunks=chunks):
                for cut in chunks:
                    self._frames[cut.chunk] = cut.last - cut.first
                    self._unrendered.add(cut.chunk)
                self._show_queue()
            case ChunkAssigned(chunk=chunk, attempt=attempt):
                self._began = record.time if self._began is None else self._began
                self._attempts[chunk] = attempt
                self._chunk("assigned")
                if attempt > 1:
                    self._chunk("retried")
            case ChunkRendered(chunk=chunk, attempt=attempt):
                # What comes late, of an attempt that was given up, is not used and does not count.
                if chunk in self._unrendered and self._attempts.get(chunk) == attempt:
                    self._unrendered.discard(chunk)
                    self._chunk("rendered")
                    self._show_queue()
            case ChunkFailed():
                self._chunk("failed")
            case ChunkLost(chunk=chunk):
                self._unrendered.add(chunk)
                self._chunk("lost")
                self._show_queue()
            case ChunkWritten(chunk=chunk):
                self._wrote(self._frames.get(chunk, 0), record.time)
            case RendererChanged(renderer=renderer, to=to):
                (self._ready.add if to == "ready" else self._ready.discard)(renderer)
                self._meters.set("textuportray_renderers_ready", len(self._ready))
            case TakeResumed():
                # What was rendered is rendered again, by new processes.
                self._unrendered = set(self._frames)
                self._reset()
            case TakeClosed():
                self._unrendered = set()
                self._reset()

    def _wrote(self, frames: int, time: float) -> None:
        self._written += frames
        self._chunk("written")
        self._meters.count("textuportray_frames", frames)
        if self._began is not None and time > self._began:
            self._meters.set("textuportray_frames_per_second", self._written / (time - self._began))

    def _reset(self) -> None:
        """No renderer works: gauges would else go on showing the last that was."""
        self._asked, self._attempts, self._ready = {}, {}, set()
        self._began, self._written = None, 0
        self._show_queue()
        self._meters.set("textuportray_renderers_ready", 0)
        self._meters.set("textuportray_frames_per_second", 0)

    def _chunk(self, phase: str) -> None:
        self._meters.count("textuportray_chunks", phase=phase)

    def _show_queue(self) -> None:
        self._meters.set("textuportray_queue_depth", len(self._unrendered))
