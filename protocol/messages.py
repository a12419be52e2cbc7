"""The messages of the consistency protocol: typed, frozen, strictly validated.

Every message is a value. Who sent it, to whom, and under which number travels in the envelope around it
(`protocol.link`), its place in the total order in the record (`protocol.journal`).
"""

from __future__ import annotations

import hashlib

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal, Self, get_args

from pydantic import Field, model_validator

from protocol.brief import Beat, Brief
from protocol.canonical import pack
from protocol.channels import CHANNELS, REGIONS, Region
from protocol.fields import Count, Digest, Identifier, LongText, Positive, Text
from protocol.film_messages import ChunkAssigned as ChunkAssigned
from protocol.film_messages import ChunkFailed as ChunkFailed
from protocol.film_messages import ChunkLost as ChunkLost
from protocol.film_messages import ChunkRendered as ChunkRendered
from protocol.film_messages import ChunkWritten as ChunkWritten
from protocol.film_messages import Cut as Cut
from protocol.film_messages import FilmFailed as FilmFailed
from protocol.film_messages import FilmOpened as FilmOpened
from protocol.film_messages import Merged as Merged
from protocol.film_messages import RendererChanged as RendererChanged
from protocol.keyframes import Decimal4, Frozen, Track
from protocol.language_model import LanguageModel as LanguageModel
from protocol.remembering import Remembered

COORDINATOR = "coordinator"
DIRECTOR = "director"
CRITIC = "critic"
OF_CRITIC = "intent-"
"""What the critic objects to begins with this, before the name of the act that is asked for."""
MAX_ROUNDS = 16
"""Of a beat's rounds the last that there can be."""

Rung = Literal["kept", "projected", "scaled", "rested", "held"]
RUNGS: tuple[Rung, ...] = get_args(Rung)
"""The ladder of rulings, from the smallest change to the one that always succeeds."""


def digest(value: Any) -> str:
    """128 bits of BLAKE2b over the canonical msgpack form of a message, a model or plain data."""
    return _digest_of_track(value) if type(value) is Track else _digest(value)


def _digest(value: Any) -> str:
    return hashlib.blake2b(pack(value), digest_size=16).hexdigest()


# Of a track it is asked for by who proposes it, by each message that holds it, and by who looks at those.
_digest_of_track: Remembered[Track, str] = Remembered(_digest, 4096)


class Version(Frozen):
    """Which proposal of a region a vector holds."""

    region: Region
    incarnation: Positive
    revision: Count
    digest: Digest


class Vector(Frozen):
    """One version of each region's track: what a round is about and what a beat commits."""

    versions: Annotated[tuple[Version, ...], Field(min_length=len(REGIONS), max_length=len(REGIONS))]

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        if tuple(version.region for version in self.versions) != REGIONS:
            raise ValueError(f"a vector holds one version each of {', '.join(REGIONS)}, in this order")
        return self

    @property
    def digest(self) -> str:
        """What a commit is known by."""
        return _digest_of_vector(self)


# Every vote on a vector is compared with it.
_digest_of_vector: Remembered[Vector, str] = Remembered(_digest, 64)

Tracks = Annotated[tuple[Track, ...], Field(min_length=len(REGIONS), max_length=len(REGIONS))]


def require_tracks(tracks: tuple[Track, ...]) -> None:
    """Refuse tracks that are not one of each region in order.

    Raises:
        ValueError: naming what was expected.
    """
    if tuple(track.region for track in tracks) != REGIONS:
        raise ValueError(f"expected one track each of {', '.join(REGIONS)}, in this order")


class Violation(Frozen):
    """A constraint that a vector does not satisfy.

    Attributes:
        constraint: its id in the configuration.
        channels: what it was measured on.
        start: beat-local seconds of the first and `end` of the last place where it is broken.
        measured: the value at the worst place, in the constraint's unit.
        bound: what it should have kept to there.
        yields: the region that is to change its proposal.
        suggested: the nearest value that would do, for the channel that is to change; None where it takes more than one number.
    """

    constraint: Identifier
    channels: Annotated[tuple[str, ...], Field(min_length=1, max_length=8)]
    start: Decimal4
    end: Decimal4
    measured: Annotated[float, Field(allow_inf_nan=False)]
    bound: Annotated[float, Field(allow_inf_nan=False)]
    yields: Region
    suggested: Annotated[float, Field(allow_inf_nan=False)] | None = None

    @model_validator(mode="after")
    def _names_channels(self) -> Self:
        for name in self.channels:
            if name not in CHANNELS:
                raise ValueError(f"{name} is not a channel")
        return self

    @property
    def order(self) -> tuple[str, tuple[str, ...], float, float]:
        """What violations are sorted by."""
        return (self.constraint, self.channels, self.start, self.end)


class Objection(Frozen):
    """A violation and who raised it."""

    by: Identifier
    violation: Violation


def sort_objections(objections: Iterable[Objection]) -> tuple[Objection, ...]:
    """Objections in the one order in which they are sent, whatever order they came in."""
    return tuple(sorted(objections, key=lambda o: (*o.violation.order, o.by)))


class EndState(Frozen):
    """How a beat begins: the last moments before it, as tracks over `[0, seconds]` that end where the beat starts.

    The look-back is long enough for every constraint that looks into the past. A take begins with zero seconds of it, at rest.
    """

    seconds: Annotated[Decimal4, Field(ge=0, le=2)]
    tracks: Tracks

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        require_tracks(self.tracks)
        return self


class Parent(Frozen):
    """The take that a take revises, as far as that depends on it: the journal of a revision stands without any other.

    Attributes:
        take: its id.
        timeline: digest of everything that it committed.
        directions: its words; the first direction, then each note that it had been revised by.
        brief: what was understood; its beats name no origins.
        tracks: what was committed, beat by beat.
    """

    take: Identifier
    timeline: Digest
    directions: Annotated[tuple[LongText, ...], Field(min_length=1, max_length=1000)]
    brief: Brief
    tracks: Annotated[tuple[Tracks, ...], Field(min_length=1, max_length=500, fail_fast=True)]

    @model_validator(mode="after")
    def _has_all_beats(self) -> Self:
        if len(self.tracks) != len(self.brief.beats):
            raise ValueError(f"{len(self.brief.beats)} beats were understood and {len(self.tracks)} committed")
        if any(beat.origin is not None for beat in self.brief.beats):
            raise ValueError("the beats of a parent name no origins: what those refer to is not told")
        for tracks in self.tracks:
            require_tracks(tracks)
        return self


class TakeOpened(Frozen):
    """A take begins: everything that its result depends on.

    Attributes:
        take: the take's id.
        direction: the user's words; of a revision, the note.
        seed: of everything random.
        fps: frame rate of the motion, an integer or a ratio ("30000/1001").
        seconds: the length asked for; None leaves it to the director.
        flags: behaviour in force, such as "idle"; see `runtime.options`.
        emotion: emotional colouring asked for apart from the direction.
        rounds: the last allowed round of a beat.
        configuration: text of every table by file name.
        versions: software versions, for the record.
        parent: the take that this one revises; None for a take of its own.
        language_model: what its planners ask; None if they are the embedded ones.
    """

    take: Identifier
    direction: LongText
    seed: Annotated[int, Field(ge=0, lt=2**63)]
    fps: Annotated[str, Field(pattern=r"^[1-9][0-9]{0,6}(/[1-9][0-9]{0,6})?$")]
    seconds: Annotated[Decimal4, Field(gt=0)] | None
    flags: tuple[Identifier, ...]
    emotion: Text
    rounds: Annotated[int, Field(ge=1, le=MAX_ROUNDS)]
    configuration: dict[str, Annotated[str, Field(max_length=2_000_000)]]
    versions: dict[str, str]
    parent: Parent | None = None
    language_model: LanguageModel | None = None

    @property
    def directions(self) -> tuple[str, ...]:
        """All words that led here: the first direction, then the notes."""
        return (*(self.parent.directions if self.parent else ()), self.direction)


class BeatOpened(Frozen):
    """A beat begins. It implies that the beat before it is committed, for whoever missed that.

    Attributes:
        beat: number from 0.
        intent: span and acts, the same for all regions.
        previous: digest of the vector committed before; None for the first beat.
        end_state: how that one ended.
    """

    beat: Count
    intent: Beat
    previous: Digest | None
    end_state: EndState


class Decided(Frozen):
    """What a planner was asked and answered: in the journal before it is used, so that nothing is asked twice.

    A planner that asks a language model has each of their exchanges in a message of its own, before the one with what it
    decided.

    Attributes:
        beat: the beat it is for; None for the director's brief.
        role: who asked.
        incarnation: of the asking role.
        round: 0 for the opening proposal, else the round that it answers.
        planner: which planner answered.
        request: digest of everything that the answer may depend on; of an exchange, of what was asked.
        reply: the answer, JSON; of an exchange, whatever came back.
        asked: what a language model was asked, JSON; empty where none was.
        final: whether this is the decision; False for an exchange with a language model on the way to it.
    """

    beat: Count | None
    role: Identifier
    incarnation: Positive
    round: Count
    planner: Identifier
    request: Digest
    reply: Annotated[str, Field(max_length=4_000_000)]
    asked: Annotated[str, Field(max_length=4_000_000)] = ""
    final: bool = True

    @model_validator(mode="after")
    def _is_what_it_says(self) -> Self:
        if not self.final and not self.asked:
            raise ValueError(f"an exchange of {self.role} does not say what was asked")
        if self.asked and self.request != digest(self.asked):
            raise ValueError(f"the request of {self.role} is not the digest of what was asked")
        return self


class Proposed(Frozen):
    """A region's part of the beat."""

    beat: Count
    region: Region
    incarnation: Positive
    revision: Positive
    round: Count
    track: Track
    digest: Digest
    why: Text

    @model_validator(mode="after")
    def _is_what_it_says(self) -> Self:
        if self.track.region != self.region:
            raise ValueError(f"{self.region} proposes a track of {self.track.region}")
        if self.digest != digest(self.track):
            raise ValueError(f"digest of the track of {self.region} does not match")
        return self

    @property
    def version(self) -> Version:
        """Its place in a vector."""
        return Version(region=self.region, incarnation=self.incarnation, revision=self.revision, digest=self.digest)


class RoundOpened(Frozen):
    """All four proposals on the table, with everything that was objected to in the last round, sorted."""

    beat: Count
    round: Positive
    vector: Vector
    tracks: Tracks
    objections: Annotated[tuple[Objection, ...], Field(max_length=2000, fail_fast=True)]

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        require_tracks(self.tracks)
        return self


class Accepted(Frozen):
    """A region (or the critic) is content with a vector."""

    beat: Count
    round: Positive
    role: Identifier
    incarnation: Positive
    vector: Digest


class Objected(Frozen):
    """A region (or the critic) is not content with a vector, and says why."""

    beat: Count
    round: Positive
    role: Identifier
    incarnation: Positive
    vector: Digest
    violations: Annotated[tuple[Violation, ...], Field(min_length=1, max_length=500, fail_fast=True)]


class RegionRuling(Frozen):
    """How far down the ladder one region's track was taken."""

    region: Region
    rung: Rung
    why: Text


class Ruled(Frozen):
    """After the last allowed round: the smallest change that satisfies every hard constraint; see `protocol.ruling`."""

    beat: Count
    round: Positive
    vector: Vector
    tracks: Tracks
    rulings: Annotated[tuple[RegionRuling, ...], Field(min_length=len(REGIONS), max_length=len(REGIONS))]

    @model_validator(mode="after")
    def _one_of_each(self) -> Self:
        require_tracks(self.tracks)
        if tuple(ruling.region for ruling in self.rulings) != REGIONS:
            raise ValueError("a ruling says of each region what became of its track")
        return self


class Committed(Frozen):
    """The beat is decided, for good."""

    beat: Count
    vector: Vector
    digest: Digest
    ruled: bool


class Aborted(Frozen):
    """An internal error, named. Nothing else aborts a beat."""

    beat: Count | None
    error: Text


class Rejoined(Frozen):
    """A new process of a region asks to be let in; `nonce` tells it from all other processes of that region."""

    region: Region
    nonce: Identifier


class Restored(Frozen):
    """The incarnation that the coordinator mints for a process, and all that it needs to go on.

    Attributes:
        nonce: of the `Rejoined` that it answers; empty when the coordinator acts by itself (a fallback, or its end).
        holder: who plays the region from now on.
        opened: the take.
        beat: the open beat, if there is one.
        proposal: the region's last proposal of this beat, if it stands.
        round: the open round, if there is one.
        voted: whether the region's vote of that round stands.
        decisions: what its planner was asked and answered for this beat.
    """

    region: Region
    nonce: Annotated[str, Field(max_length=80)]
    incarnation: Positive
    holder: Literal["region", "fallback"]
    opened: TakeOpened
    beat: BeatOpened | None
    proposal: Proposed | None
    round: RoundOpened | None
    voted: bool
    decisions: Annotated[tuple[Decided, ...], Field(fail_fast=True)]


class Discarded(Frozen):
    """What a fenced process still sent; kept for the record, without effect."""

    role: Identifier
    incarnation: Count
    number: Count
    what: Identifier
    reason: Text


class DeadlinePassed(Frozen):
    """A region did not answer in time."""

    beat: Count
    region: Region
    incarnation: Positive
    round: Count


class TakeResumed(Frozen):
    """The take goes on after its coordinator was stopped or lost; all other roles are played by new processes.

    What was agreed on stands, what was rendered is rendered again.
    """

    versions: dict[str, str]


class TakeClosed(Frozen):
    """The take is over."""

    outcome: Literal["done", "stopped", "failed"]
    reason: Text
    beats: Count
    timeline: Digest | None


Message = (
    TakeOpened
    | BeatOpened
    | Decided
    | Proposed
    | RoundOpened
    | Accepted
    | Objected
    | Ruled
    | Committed
    | Aborted
    | Rejoined
    | Restored
    | Discarded
    | DeadlinePassed
    | ChunkAssigned
    | ChunkRendered
    | ChunkFailed
    | ChunkWritten
    | ChunkLost
    | RendererChanged
    | FilmOpened
    | Merged
    | FilmFailed
    | TakeResumed
    | TakeClosed
)
MESSAGES: Mapping[str, type[Message]] = {kind.__name__: kind for kind in get_args(Message)}
"""Every message by its name on the wire and in the journal."""
