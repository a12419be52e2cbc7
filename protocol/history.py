"""The history check: does a journal as a whole keep what the protocol promises?

It looks at the messages alone, in their order, without the machines: who proposed, who voted for what, what was committed.
What becomes of the frames of a take that is rendered is followed in `protocol.completeness`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from protocol.channels import REGIONS
from protocol.completeness import FilmPast
from protocol.coordinator_state import COMMIT_AS_PROPOSED, CRITIC_OBJECTS, SENT_BACK
from protocol.exchanges import ExchangesPast
from protocol.findings import Finding
from protocol.journal import Record
from protocol.keyframes import Track
from protocol.messages import (
    COORDINATOR,
    CRITIC,
    DIRECTOR,
    Aborted,
    Accepted,
    BeatOpened,
    ChunkFailed,
    ChunkRendered,
    Committed,
    Decided,
    Discarded,
    Message,
    Objected,
    Proposed,
    Rejoined,
    Restored,
    RoundOpened,
    Ruled,
    TakeClosed,
    TakeOpened,
    TakeResumed,
    digest,
)


@dataclass
class _Past:
    """What has happened so far."""

    opened: TakeOpened | None = None
    beat: BeatOpened | None = None
    round: RoundOpened | None = None
    ruled: Ruled | None = None
    aborted: bool = False
    closed: TakeClosed | None = None
    proposed: dict[str, Proposed] = field(default_factory=dict)
    versions: set[tuple[str, int, int, str]] = field(default_factory=set)
    votes: dict[str, tuple[int, str, bool]] = field(default_factory=dict)
    sent_back: dict[str, int] = field(default_factory=dict)
    """How often the critic has objected to what a region does in the open beat."""
    committed: dict[int, str] = field(default_factory=dict)
    ended: tuple[Track, ...] = ()
    """The tracks of the last beat that was committed."""
    incarnations: dict[str, int] = field(default_factory=lambda: dict.fromkeys(REGIONS, 1))
    numbers: dict[tuple[str, int], int] = field(default_factory=dict)
    film: FilmPast = field(default_factory=FilmPast)
    exchanges: ExchangesPast = field(default_factory=ExchangesPast)


def history(records: Sequence[Record], *, complete: bool = True) -> list[Finding]:
    """What a journal does not keep of the protocol's promises.

    Args:
        records: of the journal, or those up to where it is torn.
        complete: whether the journal was closed, so that the take has to have ended.
    """
    past, findings = _Past(), []
    if records and not isinstance(records[0].message, TakeOpened):
        findings.append(Finding("H04", records[0].seq, f"{type(records[0].message).__name__} comes before TakeOpened"))
    for record in records:
        findings += [Finding(code, record.seq, text) for code, text in _check(past, record)]
    if past.closed is None and records and complete:
        findings.append(Finding("H06", 0, "the journal ends before TakeClosed"))
    return findings


def _check(past: _Past, record: Record) -> list[tuple[str, str]]:
    message = record.message
    if isinstance(message, Discarded) and message.what == "refused":
        past.numbers[message.role, message.incarnation] = message.number  # it came in its turn, and counts
    wrong = [] if isinstance(message, Discarded) else [*_signed(past, record), *_numbered(past, record)]
    if past.closed is not None and isinstance(message, TakeResumed):
        wrong += [("H06", "the take is resumed although it was done")] if past.closed.outcome == "done" else []
    elif past.closed is not None:
        wrong.append(("H06", f"{type(message).__name__} comes after TakeClosed, with which a journal ends"))
    elif past.opened is not None or isinstance(message, TakeOpened):
        wrong += _placed(past, message)
        wrong += [("H04", text) for text in past.exchanges.check(message, past.beat.beat if past.beat else None)]
        wrong += past.film.check(record.sender, record.receivers, message, len(past.committed))
    _remember(past, message)
    return wrong


def _signed(past: _Past, record: Record) -> list[tuple[str, str]]:
    """Nobody speaks in another's name."""
    if isinstance(record.message, (ChunkRendered, ChunkFailed)):
        if record.sender in past.film.renderers:
            return []  # of what it speaks is checked with the frames
        return [("H05", f"{record.sender} sends {type(record.message).__name__}, and is no renderer")]
    said = DIRECTOR if record.sender == DIRECTOR else COORDINATOR
    if isinstance(record.message, (Decided, Accepted, Objected)):
        said = record.message.role
    elif isinstance(record.message, (Proposed, Rejoined)):
        said = record.message.region
    wrong = record.sender not in (COORDINATOR, DIRECTOR, CRITIC, *REGIONS) or said != record.sender
    return [("H05", f"{record.sender} sends {type(record.message).__name__} in the name of {said}")] if wrong else []


def _numbered(past: _Past, record: Record) -> list[tuple[str, str]]:
    """Messages of regions come in order, under the incarnation that may speak."""
    message = record.message
    if isinstance(message, Restored) and message.incarnation != past.incarnations[message.region] + 1:
        before = past.incarnations[message.region]
        return [("H05", f"{message.region} becomes incarnation {message.incarnation} after incarnation {before}")]
    if record.sender not in REGIONS or isinstance(message, Rejoined):
        return []
    wrong = []
    link = (record.sender, record.epoch)
    expected = past.numbers.get(link, 0) + 1
    if record.number != expected:
        wrong.append(("H05", f"{record.sender} sends number {record.number} in epoch {record.epoch}, not {expected}"))
    past.numbers[link] = record.number
    current = past.incarnations[record.sender]
    said = getattr(record.message, "incarnation", current)
    if record.epoch != current or said != current:
        wrong.append(("H05", f"{record.sender} speaks as incarnation {said} in epoch {record.epoch}; it is {current}"))
    return wrong


def _placed(past: _Past, message: Message) -> list[tuple[str, str]]:
    if isinstance(message, TakeOpened):
        return [("H04", "the take is opened twice")] if past.opened else []
    if isinstance(message, BeatOpened):
        return _beat_opened(past, message)
    if isinstance(message, (Proposed, RoundOpened, Accepted, Objected, Ruled, Committed)) and (
        past.beat is None or message.beat != past.beat.beat
    ):
        open_beat = past.beat.beat if past.beat else "none"
        return [("H04", f"{type(message).__name__} speaks of beat {message.beat}; open is {open_beat}")]
    if isinstance(message, RoundOpened):
        return _round_opened(past, message)
    if isinstance(message, (Accepted, Objected)):
        return _voted(past, message)
    if isinstance(message, Ruled):
        return _ruled(past, message)
    if isinstance(message, Committed):
        return _committed(past, message)
    if isinstance(message, TakeClosed):
        return _closed(past, message)
    return []


def _beat_opened(past: _Past, message: BeatOpened) -> list[tuple[str, str]]:
    wrong = []
    if message.beat != len(past.committed):
        wrong.append(("H04", f"beat {message.beat} is opened after {len(past.committed)} commits"))
    if message.previous != past.committed.get(message.beat - 1):
        wrong.append(("H01", f"beat {message.beat} follows {message.previous}, not what was committed"))
    for track, ended in zip(past.ended, message.end_state.tracks, strict=False):
        for curve, known in zip(track.curves, ended.curves, strict=True):
            if curve.keys[-1].value != known.keys[-1].value:
                where = f"{curve.channel} at {known.keys[-1].value:g}"
                wrong.append(
                    ("H10", f"beat {message.beat} begins with {where}; the last beat left it at {curve.keys[-1].value:g}")
                )
    return wrong


def _round_opened(past: _Past, message: RoundOpened) -> list[tuple[str, str]]:
    wrong = []
    expected = past.round.round + 1 if past.round else 1
    if message.round != expected:
        wrong.append(("H04", f"round {message.round} is opened where round {expected} is due"))
    missing = [region for region in REGIONS if past.round and region not in past.votes]
    if missing:
        wrong.append(("H04", f"round {message.round} is opened before a vote of {', '.join(missing)}"))
    for version, track in zip(message.vector.versions, message.tracks, strict=True):
        latest = past.proposed.get(version.region)
        if latest is None or latest.version != version or digest(track) != version.digest:
            wrong.append(("H02", f"the track of {version.region} in round {message.round} is not its latest proposal"))
    return wrong


def _voted(past: _Past, message: Accepted | Objected) -> list[tuple[str, str]]:
    if past.round is None or message.round != past.round.round or message.vector != past.round.vector.digest:
        return [("H04", f"{message.role} votes on a vector that is not on the table")]
    wrong = [("H04", f"{message.role} votes twice in round {message.round}")] if message.role in past.votes else []
    return wrong + (_criticised(past, message) if message.role == CRITIC else [])


def _criticised(past: _Past, message: Accepted | Objected) -> list[tuple[str, str]]:
    """The critic votes on what all four accept, and sends nothing back that could not come to an end without a ruling."""
    wrong = []
    if not _is_reviewed(past) or not all(past.votes.get(region, (0, "", False))[2] for region in REGIONS):
        wrong.append(("H04", f"the critic votes in round {message.round}, where it is not asked"))
    named = dict.fromkeys(violation.yields for violation in message.violations) if isinstance(message, Objected) else ()
    again = [region for region in named if past.sent_back.get(region, 0) >= SENT_BACK]
    return wrong + [("H04", f"the critic sends {region} back once more in beat {message.beat}") for region in again]


def _is_reviewed(past: _Past) -> bool:
    """Whether the critic has a say in the open round."""
    flags = past.opened.flags if past.opened else ()
    if past.round is None or CRITIC_OBJECTS not in flags or COMMIT_AS_PROPOSED in flags:
        return False
    return past.opened is not None and past.round.round + 2 <= past.opened.rounds


def _ruled(past: _Past, message: Ruled) -> list[tuple[str, str]]:
    wrong = []
    missing = [region for region in REGIONS if region not in past.votes]
    if past.round is None or message.round != past.round.round:
        wrong.append(("H04", f"a ruling on round {message.round}, which is not open"))
    elif missing:
        wrong.append(("H04", f"a ruling before a vote of {', '.join(missing)}"))
    for version, track in zip(message.vector.versions, message.tracks, strict=True):
        if digest(track) != version.digest:
            wrong.append(("H02", f"the track ruled for {version.region} is not that of the ruling's vector"))
    return wrong


def _closed(past: _Past, message: TakeClosed) -> list[tuple[str, str]]:
    wrong = []
    if message.beats != len(past.committed):
        wrong.append(("H06", f"TakeClosed counts {message.beats} beats where {len(past.committed)} are committed"))
    digests = [past.committed[beat] for beat in sorted(past.committed)]
    if message.timeline != (digest(digests) if digests else None):
        wrong.append(("H01", "the digest of the timeline is not that of the committed beats"))
    if message.outcome == "failed" and not past.aborted and past.film.failed is None:
        wrong.append(("H06", "the take failed without Aborted or FilmFailed"))
    return wrong


def _committed(past: _Past, message: Committed) -> list[tuple[str, str]]:
    wrong = []
    if message.beat in past.committed:
        wrong.append(("H01", f"beat {message.beat} is committed twice"))
    if message.digest != message.vector.digest:
        wrong.append(("H01", f"the digest of beat {message.beat} is not that of its vector"))
    if message.ruled != (past.ruled is not None) or (past.ruled and past.ruled.vector != message.vector):
        wrong.append(("H02", f"beat {message.beat} is not committed as it was ruled"))
    if past.ruled is None:
        known = all((v.region, v.incarnation, v.revision, v.digest) in past.versions for v in message.vector.versions)
        if not known:
            wrong.append(("H02", f"beat {message.beat} commits a track that was never proposed"))
        agreed = past.round is not None and past.round.vector == message.vector
        agreed = agreed and all(past.votes.get(region, (0, "", False))[2] for region in REGIONS)
        as_proposed = past.opened is not None and COMMIT_AS_PROPOSED in past.opened.flags
        if not agreed and not as_proposed:
            wrong.append(("H03", f"beat {message.beat} is committed although not all four regions accepted its vector"))
        if _is_reviewed(past) and not past.votes.get(CRITIC, (0, "", False))[2]:
            wrong.append(("H03", f"beat {message.beat} is committed although the critic has not accepted its vector"))
    return wrong


def _remember(past: _Past, message: Message) -> None:
    if isinstance(message, TakeOpened):
        past.opened = message
        past.film.software = message.versions
    elif isinstance(message, TakeResumed):
        past.closed, past.aborted = None, False
        past.film.resume(message.versions)
    elif isinstance(message, BeatOpened):
        past.beat, past.round, past.ruled = message, None, None
        past.proposed, past.votes, past.sent_back = {}, {}, {}
    elif isinstance(message, Proposed):
        past.proposed[message.region] = message
        past.versions.add((message.region, message.incarnation, message.revision, message.digest))
    elif isinstance(message, RoundOpened):
        past.round, past.votes = message, {}
    elif isinstance(message, (Accepted, Objected)):
        past.votes[message.role] = (message.round, message.vector, isinstance(message, Accepted))
        if isinstance(message, Objected) and message.role == CRITIC:
            for region in {violation.yields for violation in message.violations}:
                past.sent_back[region] = past.sent_back.get(region, 0) + 1
    elif isinstance(message, Ruled):
        past.ruled = message
    elif isinstance(message, Committed):
        past.committed[message.beat] = message.digest
        past.ended = _tracks(past, message)
    elif isinstance(message, Restored):
        past.incarnations[message.region] = message.incarnation
    elif isinstance(message, Aborted):
        past.aborted = True
    elif isinstance(message, TakeClosed):
        past.closed = past.closed or message


def _tracks(past: _Past, message: Committed) -> tuple[Track, ...]:
    """The tracks that are committed, in the order of the regions; () if one of them was never seen."""
    known = {proposed.digest: proposed.track for proposed in past.proposed.values()}
    for told in (past.round, past.ruled):
        if told is not None:
            known |= {version.digest: track for version, track in zip(told.vector.versions, told.tracks, strict=True)}
    wanted = [version.digest for version in message.vector.versions]
    return tuple(known[name] for name in wanted) if all(name in known for name in wanted) else ()


def planners(records: Sequence[Record]) -> dict[str, int]:
    """How often each planner has decided."""
    counts: dict[str, int] = {}
    for record in records:
        if isinstance(record.message, Decided) and record.message.final:
            counts[record.message.planner] = counts.get(record.message.planner, 0) + 1
    return counts
