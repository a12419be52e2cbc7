"""The committed motion of a journal, and whether it keeps every hard constraint (S3)."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from protocol.constraints import Constraints
from protocol.findings import Finding
from protocol.journal import Record
from protocol.keyframes import Track
from protocol.messages import BeatOpened, Committed, Proposed, Ruled
from protocol.timeline import CommittedBeat, Timeline, sample


def committed_timeline(records: Sequence[Record]) -> Timeline | None:
    """The tracks that a journal's commits name; None if there is no commit, or one names tracks that the journal lacks."""
    beats: list[CommittedBeat] = []
    tracks: dict[str, Track] = {}
    opened: BeatOpened | None = None
    for record in records:
        message = record.message
        if isinstance(message, BeatOpened):
            opened, tracks = message, {}
        elif isinstance(message, Proposed):
            tracks[message.digest] = message.track
        elif isinstance(message, Ruled):
            tracks |= {version.digest: track for version, track in zip(message.vector.versions, message.tracks, strict=True)}
        elif isinstance(message, Committed) and opened is not None:
            chosen = [tracks.get(version.digest) for version in message.vector.versions]
            if any(track is None for track in chosen):
                return None
            span = opened.intent
            beats.append(CommittedBeat(start=span.start, end=span.end, tracks=tuple(t for t in chosen if t)))
    return Timeline(beats=tuple(beats)) if beats else None


def consistency(timeline: Timeline, constraints: Constraints, rates: Sequence[Fraction]) -> list[Finding]:
    """The worst breach of each hard constraint at each frame rate."""
    findings = []
    for rate in rates:
        for violation in constraints.verify(sample(timeline, rate), float(rate)):
            what = f"{violation.constraint} at {rate} frames per second, {violation.start:g}-{violation.end:g} s"
            measured = f"{', '.join(violation.channels)} is {violation.measured:g}, bound {violation.bound:g}"
            findings.append(Finding("C01", 0, f"{what}: {measured}"))
    return findings
