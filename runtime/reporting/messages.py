"""Every message of a journal as one line of the page, and whole for whoever asks.

What a line concerns (channels, a span of the take) is told with it, so that the page can point at it. Whole messages are packed
in blocks that the page unpacks when one of them is asked for; what an earlier message holds already is told by its number.
"""

from __future__ import annotations

import base64
import json
import zlib

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from protocol.channels import REGIONS
from protocol.debugging.saying import in_a_line
from protocol.journal import Record
from protocol.keyframes import Track
from protocol.messages import (
    Aborted,
    Accepted,
    BeatOpened,
    ChunkAssigned,
    ChunkFailed,
    ChunkLost,
    ChunkRendered,
    ChunkWritten,
    Committed,
    DeadlinePassed,
    Decided,
    Discarded,
    FilmFailed,
    FilmOpened,
    Merged,
    Message,
    Objected,
    Proposed,
    Rejoined,
    RendererChanged,
    Restored,
    RoundOpened,
    Ruled,
    TakeClosed,
    TakeOpened,
    TakeResumed,
    digest,
)
from protocol.wire import to_plain
from runtime.reporting.story import Story

LANES = ("coordinator", *REGIONS, "renderers")
"""Who speaks, from top to bottom; the director and the critic speak where the coordinator does."""
BLOCK = 100
"""Messages that are packed together."""
MAX_BODIES = 96 * 2**20
"""Bytes of whole messages, before they are packed, after which large ones are left out."""
_SMALL = 4096
"""Bytes of a message that is never left out."""

_TONES = {
    TakeOpened: "take",
    FilmOpened: "note",
    BeatOpened: "beat",
    Decided: "decided",
    RoundOpened: "round",
    Accepted: "accepted",
    Objected: "objected",
    Ruled: "ruled",
    Committed: "committed",
    Aborted: "trouble",
    Rejoined: "joined",
    Restored: "joined",
    Discarded: "trouble",
    DeadlinePassed: "trouble",
    ChunkAssigned: "assigned",
    ChunkRendered: "rendered",
    ChunkWritten: "written",
    ChunkFailed: "trouble",
    ChunkLost: "trouble",
    Merged: "note",
    FilmFailed: "trouble",
    TakeResumed: "take",
    TakeClosed: "take",
}
"""How each kind is marked; of proposals and renderers it depends on what they say."""

_OF_FRAMES = (ChunkAssigned, ChunkRendered, ChunkWritten, ChunkFailed, ChunkLost)


@dataclass
class Told:
    """The messages of a journal.

    Attributes:
        lines: of each message: place, journal time, lane, sender, receivers, kind, mark, beat, take time, line, the
            channels and the span of the take that it is about, and who is to give way.
        blocks: the same messages whole, packed.
        left_out: how many are not there whole, since it would be too much.
    """

    lines: list[list[Any]] = field(default_factory=list)
    blocks: list[str] = field(default_factory=list)
    left_out: int = 0


def told(records: Sequence[Record], story: Story) -> Told:
    """Every message, in order."""
    told = Told()
    times = _take_times(records, story)
    starts = {beat.number: beat.start for beat in story.beats}
    revisions: dict[str, Track] = {}
    for record, beat, time in zip(records, story.place, times, strict=True):
        message = record.message
        channels = _concerned(message, revisions)
        told.lines.append(
            [
                record.seq,
                round(record.time, 4),
                lane_of(record),
                record.sender,
                ", ".join(record.receivers),
                type(message).__name__,
                _tone(message),
                beat,
                round(time, 4),
                in_a_line(record),
                channels,
                _span(message, story, starts),
                _yielding(message),
            ]
        )
    _pack(records, told)
    return told


def lane_of(record: Record) -> int:
    """The lane that a message stands in."""
    if isinstance(record.message, (*_OF_FRAMES, RendererChanged)):
        return len(LANES) - 1
    return LANES.index(record.sender) if record.sender in LANES else 0


def _tone(message: Message) -> str:
    if isinstance(message, Proposed):
        return "revised" if message.round else "proposed"
    if isinstance(message, RendererChanged):
        return "joined" if message.to == "ready" else "trouble"
    return _TONES.get(type(message), "note")


def _take_times(records: Sequence[Record], story: Story) -> list[float]:
    """Where on the take's line of time each message stands: side by side within what it is about."""
    spans = {beat.number: (beat.start, beat.end) for beat in story.beats}
    about: list[tuple[str, int]] = []
    for record, beat in zip(records, story.place, strict=True):
        message = record.message
        chunk = message.chunk if isinstance(message, _OF_FRAMES) else None
        about.append(("beat", max(beat, 0)) if chunk is None or chunk not in story.cuts else ("chunk", chunk))
    counts: dict[tuple[str, int], int] = {}
    for key in about:
        counts[key] = counts.get(key, 0) + 1
    fps, whole = float(story.fps), (0.0, story.seconds)
    reached: dict[tuple[str, int], int] = {}
    times = []
    for key in about:
        place = reached[key] = reached.get(key, -1) + 1
        what, number = key
        if what == "chunk":
            cut = story.cuts[number]
            start, end = cut.first / fps, cut.last / fps
        else:
            start, end = spans.get(number, whole)
        times.append(start + (end - start) * (place + 0.5) / counts[key])
    return times


def _concerned(message: Message, revisions: dict[str, Track]) -> list[str]:
    """The channels that a message is about."""
    if isinstance(message, Objected):
        return _each_once(name for violation in message.violations for name in violation.channels)
    if isinstance(message, RoundOpened):
        return _each_once(name for objection in message.objections for name in objection.violation.channels)
    if isinstance(message, Proposed):
        before = revisions.get(message.region) if message.round else None
        revisions[message.region] = message.track
        return _differing(before, message.track)
    if isinstance(message, Ruled):
        pairs = zip(message.rulings, message.tracks, strict=True)
        return [
            name for ruling, track in pairs if ruling.rung != "kept" for name in _differing(revisions.get(track.region), track)
        ]
    return []


def _each_once(names: Iterator[str]) -> list[str]:
    return list(dict.fromkeys(names))


def _differing(before: Track | None, track: Track) -> list[str]:
    """The channels that a track changes, or those that it moves if there is none before."""
    if before is None:
        return [curve.channel for curve in track.curves if len(curve.keys) > 1]
    return [new.channel for old, new in zip(before.curves, track.curves, strict=True) if old.keys != new.keys]


def _span(message: Message, story: Story, starts: Mapping[int, float]) -> list[float] | None:
    """The span of the take that a message points at; None if it is all of its beat, or nothing."""
    fps = float(story.fps)
    if isinstance(message, _OF_FRAMES) and message.chunk in story.cuts:
        cut = story.cuts[message.chunk]
        return [round(cut.first / fps, 4), round(cut.last / fps, 4)]
    if isinstance(message, Objected):
        begins = starts.get(message.beat, 0.0)
        spans = [(violation.start, violation.end) for violation in message.violations]
        return [round(begins + min(start for start, _ in spans), 4), round(begins + max(end for _, end in spans), 4)]
    return None


def _yielding(message: Message) -> list[str]:
    """The regions that an objection asks to give way."""
    return _each_once(each.yields for each in message.violations) if isinstance(message, Objected) else []


@dataclass
class _Holders:
    """Which message was the first to hold a track, a beat, a round, a proposal or the take."""

    tracks: dict[str, int] = field(default_factory=dict)
    messages: list[tuple[int, Message]] = field(default_factory=list)

    def note(self, record: Record) -> None:
        """Remember what a message holds."""
        message = record.message
        if isinstance(message, Proposed):
            self.tracks.setdefault(message.digest, record.seq)
        elif isinstance(message, Ruled):
            for version in message.vector.versions:
                self.tracks.setdefault(version.digest, record.seq)
        if isinstance(message, TakeOpened):
            self.messages = [(record.seq, message)]
        elif isinstance(message, BeatOpened):
            self.messages = [each for each in self.messages if isinstance(each[1], TakeOpened)] + [(record.seq, message)]
        elif isinstance(message, (Proposed, RoundOpened, Decided)):
            self.messages.append((record.seq, message))

    def same(self, message: Message | None) -> int | None:
        """The message that is the same as this one; None if there is none."""
        return next((seq for seq, each in reversed(self.messages) if each == message), None)


def _pack(records: Sequence[Record], told: Told) -> None:
    holders = _Holders()
    size = 0
    for first in range(0, len(records), BLOCK):
        bodies = []
        for record in records[first : first + BLOCK]:
            body = _as_json(_body(record, holders))
            if size > MAX_BODIES and len(body) > _SMALL:
                body = _as_json({"kind": type(record.message).__name__, "left_out": len(body)})
                told.left_out += 1
            holders.note(record)
            bodies.append(body)
            size += len(body)
        told.blocks.append(base64.b64encode(zlib.compress(b"[" + b",".join(bodies) + b"]")).decode())


def _as_json(body: dict[str, Any]) -> bytes:
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "backslashreplace")


def _body(record: Record, holders: _Holders) -> dict[str, Any]:
    """A message whole, but for what an earlier one holds: that is `{"see": its number}`."""
    message = record.message
    body = to_plain(message)
    if record.epoch or record.number:
        body["link"] = {"epoch": record.epoch, "number": record.number}
    if isinstance(message, RoundOpened):
        versions = [version.digest for version in message.vector.versions]
        held = [
            holders.tracks.get(name) if name == digest(track) else None
            for name, track in zip(versions, message.tracks, strict=True)
        ]
        body["tracks"] = [plain if seq is None else {"see": seq} for plain, seq in zip(body["tracks"], held, strict=True)]
    elif isinstance(message, Restored):
        for name in ("opened", "beat", "proposal", "round"):
            seq = holders.same(getattr(message, name))
            if seq is not None:
                body[name] = {"see": seq}
        seqs = [holders.same(each) for each in message.decisions]
        body["decisions"] = [plain if seq is None else {"see": seq} for plain, seq in zip(body["decisions"], seqs, strict=True)]
    return body
