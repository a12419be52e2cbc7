"""The brief: a direction refined into timed beats, each with what is asked of the face.

An act names a behaviour of the catalogue (a gesture or an emotional state) and says when, how strongly, how fast, on
which side. Every region receives all acts of a beat and performs the part that its own channels can.
"""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from protocol.channels import CHANNELS, REGIONS, Region
from protocol.keyframes import Decimal4, Frozen, exact

Side = Literal["both", "left", "right"]
Name = Annotated[str, Field(min_length=1, max_length=80)]
Words = Annotated[str, Field(max_length=400)]
Factor = Annotated[Decimal4, Field(gt=0, le=4)]


class Act(Frozen):
    """One thing asked of the face within a beat.

    Attributes:
        name: gesture or emotional state, as in the catalogue.
        start: seconds from the start of the beat; below 0 if it began in an earlier beat and goes on.
        end: when it is to be over; beyond the beat's length if it is still held when the beat ends.
        strength: 1 is the natural, clearly visible size; 0.4 slight, 1.5 extreme.
        speed: 1 is the natural pace of its onset and offset; 0.4 slow, 2 sudden.
        side: the subject's own side, for behaviour that has one.
        count: how often, for behaviour that repeats; 0 leaves it to the gesture.
        yaw: degrees toward the subject's left, for gaze and head.
        pitch: degrees up, for gaze and head.
        regions: who is to do it; "eyes" alone looks left without turning the head.
        words: the words that it comes from.
    """

    name: Name
    start: Decimal4
    end: Decimal4
    strength: Factor = 1.0
    speed: Factor = 1.0
    side: Side = "both"
    count: Annotated[int, Field(ge=0, le=60)] = 0
    yaw: Annotated[Decimal4, Field(ge=-60, le=60)] = 0.0
    pitch: Annotated[Decimal4, Field(ge=-40, le=40)] = 0.0
    regions: tuple[Region, ...] = REGIONS
    words: Words = ""

    @model_validator(mode="after")
    def _ends_after_it_starts(self) -> Self:
        if self.end <= self.start:
            raise ValueError(f"{self.name} ends at {self.end} s, not after its start at {self.start} s")
        return self


class Limit(Frozen):
    """Something that the face is asked not to do: channels whose size stays at or below a bound over a span of the beat."""

    channels: Annotated[tuple[str, ...], Field(min_length=1)]
    most: Annotated[Decimal4, Field(ge=0)]
    start: Decimal4
    end: Decimal4
    words: Words = ""

    @model_validator(mode="after")
    def _names_channels(self) -> Self:
        for name in self.channels:
            if name not in CHANNELS or CHANNELS[name].derived:
                raise ValueError(f"{name} is not a channel that can be limited")
        return self


class Still(Frozen):
    """A span of the beat in which nothing moves at all, idle motion included."""

    start: Decimal4
    end: Decimal4
    words: Words = ""


class Origin(Frozen):
    """Where a beat of a revision comes from, and what of it is as it was.

    Attributes:
        beat: number of the beat in the take that is revised.
        same: regions of which this beat asks what that one did, over the same length: they keep their tracks.
        until: seconds up to which the same is asked of the others.
        since: seconds from which on it is again, as long before the end as it was; the beat's length if it is not.
    """

    beat: Annotated[int, Field(ge=0, lt=2**32)]
    same: tuple[Region, ...] = ()
    until: Annotated[Decimal4, Field(ge=0)] = 0.0
    since: Annotated[Decimal4, Field(ge=0)] = 0.0

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.same != tuple(region for region in REGIONS if region in self.same):
            raise ValueError(f"regions stand once each, in the order {', '.join(REGIONS)}")
        return self


class Beat(Frozen):
    """A span `[start, end)` of the take with one intent; spans in it are relative to its start.

    Attributes:
        start: seconds from the start of the take.
        end: likewise.
        summary: the words that it comes from, for people.
        acts: what is asked of the face.
        limits: what it is asked not to do.
        stills: when it is not to move.
        origin: the beat that it was, in the take that is revised; None if it is new, or nothing is revised.
    """

    start: Annotated[Decimal4, Field(ge=0)]
    end: Decimal4
    summary: Words
    acts: Annotated[tuple[Act, ...], Field(max_length=200, fail_fast=True)] = ()
    limits: Annotated[tuple[Limit, ...], Field(max_length=50)] = ()
    stills: Annotated[tuple[Still, ...], Field(max_length=50)] = ()
    origin: Origin | None = None

    @model_validator(mode="after")
    def _has_a_length(self) -> Self:
        if exact(self.end - self.start) < 0.1:
            raise ValueError(f"a beat needs at least 0.1 s, not {self.start}..{self.end}")
        return self


class Brief(Frozen):
    """A whole direction, understood.

    Attributes:
        beats: in order, the first at 0, each starting where the one before ends.
        understood: (words, what they were taken for), in the order of the text.
        unread: words of the direction that could not be used.
        changes: in a revision, what the note has changed, a sentence each.
        remarks: what is to be said of how it came about, such as that a language model did not answer.
    """

    beats: Annotated[tuple[Beat, ...], Field(min_length=1, max_length=500, fail_fast=True)]
    understood: tuple[tuple[Words, Words], ...] = ()
    unread: tuple[Words, ...] = ()
    changes: tuple[Words, ...] = ()
    remarks: tuple[Words, ...] = ()

    @model_validator(mode="after")
    def _tiles(self) -> Self:
        at = 0.0
        for beat in self.beats:
            if beat.start != at:
                raise ValueError(f"a beat starts at {beat.start} s where the one before ends at {at} s")
            at = beat.end
        return self

    @property
    def seconds(self) -> float:
        """Length of the take."""
        return self.beats[-1].end
