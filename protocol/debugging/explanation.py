"""What there is to say of a value: the keyframes around it, the tracks that held it, what was objected to, who gave way.

See `protocol.debugging.explaining`, which finds it out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from protocol.brief import Act, Beat, Limit, Still
from protocol.channels import CHANNELS, Region
from protocol.keyframes import Mode, Source
from protocol.messages import BeatOpened, Decided, Rung, Violation
from protocol.reduction import TOLERANCES
from protocol.rules import Rule


def visible(channel: str) -> float:
    """The change of a channel below which nobody would speak of one."""
    return TOLERANCES[CHANNELS[channel].unit]


@dataclass(frozen=True, slots=True)
class Key:
    """A keyframe next to the moment.

    Attributes:
        time: seconds of the take.
        value: in the channel's unit.
        mode: how the curve goes on from it.
        source: where it comes from.
        act: what the source was asked for by; None if nobody asked for it.
    """

    time: float
    value: float
    mode: Mode
    source: Source
    act: Act | None


@dataclass(frozen=True, slots=True)
class Peer:
    """What a channel of another region does at the moment, which this one gave way to, or which gave way to this one."""

    channel: str
    value: float
    source: Source


@dataclass(frozen=True, slots=True)
class Complaint:
    """A constraint that was broken on the table of a round, as far as it concerns the channel.

    Attributes:
        seq: the record in which it was objected to first.
        round: of the beat.
        by: who objected.
        violation: where it is worst; its times are the take's.
        rule: the constraint; None if the configuration lacks it.
        peers: what the channels of the other regions in it do at the moment.
    """

    seq: int
    round: int
    by: tuple[str, ...]
    violation: Violation
    rule: Rule | None
    peers: tuple[Peer, ...]


@dataclass(frozen=True, slots=True)
class Version:
    """One of the tracks that the channel's region had in the beat.

    Attributes:
        seq: its record.
        how: proposed at first, revised after a round, or ruled.
        round: after which it came; 0 for the opening proposal.
        value: of the channel at the moment.
        why: in the words of who made it.
        incarnation: of the region.
        fallback: it was made by the region's fallback planner.
        rung: of the ruling.
        decided: what the region's planner had answered for it; None of a ruling.
        complaints: what the region gave way to with it; of a ruling, what the last round had left.
    """

    seq: int
    how: Literal["proposed", "revised", "ruled"]
    round: int
    value: float
    why: str
    incarnation: int
    fallback: bool
    rung: Rung | None
    decided: Decided | None
    complaints: tuple[Complaint, ...] = ()


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a channel has its value.

    Attributes:
        channel: what was asked about.
        time: seconds of the take.
        value: in the channel's unit.
        reads: for a coefficient that is read off an angle, the angle and its value; the rest is then about that one.
        begins: the opening of the beat that the moment falls into.
        start: the value that the beat began with.
        keys: the keyframe before the moment and the one after it, as far as there are such; the channel's, or the angle's.
        count: keyframes of the curve in this beat.
        others: further sources of this curve's keyframes in the beat, those within a second of the moment first.
        limits: what the face was asked not to do with this channel at the moment.
        stills: spans in which nothing was to move, around the moment.
        versions: the tracks that the region had, in order; the last one is what was committed.
        kept: what others gave way to, in favour of this channel among others.
        origin: in a revision, the take that it revises, and which beat of that this one was; None otherwise.
        as_before: whether this region keeps the track of that beat, or what is asked of it at the moment is as it was there.
        incidents: what befell the region in this beat, in words.
        committed: the record of the commit; None if the beat was not committed.
        agreed: the round in which all four accepted; None if it was ruled or is not committed.
    """

    channel: str
    time: float
    value: float
    reads: tuple[str, float] | None
    begins: BeatOpened
    start: float
    keys: tuple[Key, ...]
    count: int
    others: tuple[Source, ...]
    limits: tuple[Limit, ...]
    stills: tuple[Still, ...]
    versions: tuple[Version, ...]
    kept: tuple[Complaint, ...]
    origin: tuple[str, int] | None
    as_before: bool
    incidents: tuple[str, ...]
    committed: int | None
    agreed: int | None

    @property
    def beat(self) -> int:
        """The number of the beat."""
        return self.begins.beat

    @property
    def intent(self) -> Beat:
        """What was asked for in the beat."""
        return self.begins.intent

    @property
    def written(self) -> str:
        """The channel that keyframes were written for: the one asked about, or that which it is read off."""
        return self.reads[0] if self.reads else self.channel

    @property
    def region(self) -> Region:
        """Whose channel it is."""
        return CHANNELS[self.channel].region

    @property
    def settled(self) -> Version:
        """The version which first had the value that it was left at."""
        found = self.versions[-1]
        for version in reversed(self.versions):
            if abs(version.value - found.value) > visible(self.written):
                break
            found = version
        return found
