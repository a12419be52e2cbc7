"""Where a walk through a journal is to stop: at what a role says, at a channel, a constraint, a kind of message, or a time.

What to stop at is said in words:

- `mouth`, `coordinator`, `dispatcher`, `renderer-2`: what that role says, and what is said to or about it alone;
- `jawOpen`, or `mouthSmile` for both sides: who moves or changes that channel, objects to it or rules on it;
- `gaze-rests-or-jumps`: who objects on account of that constraint;
- `Objected`: that kind of message;
- `beat 2`: that beat opens;
- `1.5s`: what is decided about that moment of the motion, and the chunk of frames with it;
- `after 1.5s`: the first message that was recorded so long after the take began.

Several of them together, such as `mouth Objected`, stop where all of them hold. Names need no capitals.
"""

from __future__ import annotations

import difflib
import re

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Protocol

from protocol.channels import CHANNELS, REGIONS, Region, both_sides
from protocol.debugging.pages import Pages
from protocol.dispatch import DISPATCHER
from protocol.keyframes import Track
from protocol.messages import (
    COORDINATOR,
    CRITIC,
    DIRECTOR,
    MESSAGES,
    OF_CRITIC,
    BeatOpened,
    ChunkAssigned,
    ChunkFailed,
    ChunkLost,
    ChunkRendered,
    ChunkWritten,
    Committed,
    DeadlinePassed,
    Discarded,
    Merged,
    Objected,
    Proposed,
    RendererChanged,
    Restored,
    RoundOpened,
    Ruled,
    TakeOpened,
    Violation,
)
from protocol.replay import OF_DISPATCHER

_SECONDS = re.compile(r"[0-9]{1,6}(\.[0-9]{0,9})?s")
_NUMBER = re.compile(r"[0-9]{1,9}")
_BY_DISPATCHER = frozenset(kind.__name__ for kind in OF_DISPATCHER)
_ABOUT = frozenset({"Restored", "DeadlinePassed", "Discarded", "RendererChanged"})
_OF_CHUNKS = (ChunkAssigned, ChunkRendered, ChunkFailed, ChunkWritten, ChunkLost)


class BreakError(ValueError):
    """There is nothing of that name to stop at; the text says what there is."""


@dataclass(frozen=True)
class Vocabulary:
    """The names that a journal knows.

    Attributes:
        roles: who has a part in it.
        constraints: that its take was held to.
    """

    roles: tuple[str, ...]
    constraints: tuple[str, ...]

    @classmethod
    def of(cls, pages: Pages, constraints: Iterable[str]) -> Vocabulary:
        """Those of a journal.

        Args:
            pages: the journal.
            constraints: the names of its constraints.

        Raises:
            JournalError: a record that names a renderer cannot be read.
        """
        changed = (pages.record(seq).message for seq in range(1, len(pages) + 1) if pages.kind(seq) == "RendererChanged")
        renderers = dict.fromkeys(one.renderer for one in changed if isinstance(one, RendererChanged))
        filmed = (DISPATCHER.role, *renderers) if renderers else ()
        missed = {violation.constraint: None for seq in _critics(pages) for violation in _objections(pages, seq)}
        return cls((COORDINATOR, DIRECTOR, *REGIONS, CRITIC, *filmed), (*constraints, *missed))

    def near(self, word: str) -> list[str]:
        """Names that somebody may have meant."""
        names = {name.lower(): name for name in (*self.roles, *_STEMS, *CHANNELS, *self.constraints, *MESSAGES)}
        close = [names[name] for name in difflib.get_close_matches(word.lower(), names, 3, 0.6)]
        holding = [name for low, name in names.items() if word.lower() in low] if len(word) > 2 else []
        return list(dict.fromkeys((*close, *holding)))[:4]


_STEMS: Mapping[str, tuple[str, ...]] = {
    channel.stem: both_sides(channel.stem) for channel in CHANNELS.values() if channel.stem != channel.name
}


class Watch(Protocol):
    """Sees what is to be stopped at; asked about every record in order, since it may depend on what came before."""

    @property
    def meaning(self) -> str:
        """What it stops at, in words."""

    def sees(self, pages: Pages, seq: int) -> bool:
        """Whether a record is that.

        Raises:
            JournalError: the record cannot be read.
        """


@dataclass(frozen=True)
class _Role:
    role: str

    @property
    def meaning(self) -> str:
        if self.role == DISPATCHER.role:
            return "what the dispatcher says and hears"
        return f"what {self.role} says, and what is said to or about it alone"

    def sees(self, pages: Pages, seq: int) -> bool:
        kind = pages.kind(seq)
        if self.role == DISPATCHER.role:
            return kind in _BY_DISPATCHER or kind in ("ChunkRendered", "ChunkFailed")
        known = pages.address(seq)
        if known.sender == self.role:
            return self.role != COORDINATOR or kind not in _BY_DISPATCHER
        if known.receivers == (self.role,) and known.sender in (COORDINATOR, DIRECTOR):
            return True
        return kind in _ABOUT and self._is_named(pages, seq)

    def _is_named(self, pages: Pages, seq: int) -> bool:
        match pages.record(seq).message:
            case Restored(region=name) | DeadlinePassed(region=name) | Discarded(role=name) | RendererChanged(renderer=name):
                return name == self.role
        return False


@dataclass(frozen=True)
class _Party(_Role):
    @property
    def meaning(self) -> str:
        return f"what {self.role} says, hears, and what becomes of it"

    def sees(self, pages: Pages, seq: int) -> bool:
        return self.role in pages.address(seq).receivers or super().sees(pages, seq)


@dataclass(frozen=True)
class _Kind:
    kind: str

    @property
    def meaning(self) -> str:
        return f"every {self.kind}"

    def sees(self, pages: Pages, seq: int) -> bool:
        return pages.kind(seq) == self.kind


@dataclass(frozen=True)
class _Opening:
    beat: int

    @property
    def meaning(self) -> str:
        return f"beat {self.beat} opens"

    def sees(self, pages: Pages, seq: int) -> bool:
        if pages.kind(seq) != "BeatOpened":
            return False
        message = pages.record(seq).message
        return isinstance(message, BeatOpened) and message.beat == self.beat


@dataclass(frozen=True)
class _Constraint:
    name: str

    @property
    def meaning(self) -> str:
        return f"who objects on account of {self.name}"

    def sees(self, pages: Pages, seq: int) -> bool:
        return any(violation.constraint == self.name for violation in _objections(pages, seq))


@dataclass
class _Channel:
    """Remembers the tracks that are on the table, to tell what a new one changes."""

    names: tuple[str, ...]
    _tracks: dict[str, Track] = field(default_factory=dict)

    @property
    def meaning(self) -> str:
        return f"who moves or changes {' or '.join(self.names)}, objects to it or rules on it"

    def sees(self, pages: Pages, seq: int) -> bool:
        kind = pages.kind(seq)
        if kind == "BeatOpened":
            self._tracks.clear()
        elif kind == "Proposed":
            message = pages.record(seq).message
            return isinstance(message, Proposed) and self._changes(message.track)
        elif kind == "Ruled":
            message = pages.record(seq).message
            changed = [self._changes(track) for track in message.tracks] if isinstance(message, Ruled) else []  # all are noted
            return any(changed)
        return any(name in violation.channels for violation in _objections(pages, seq) for name in self.names)

    def _changes(self, track: Track) -> bool:
        """Whether it has other keyframes of the channel than the one before, or moves it if there is none."""
        before = self._tracks.get(track.region)
        self._tracks[track.region] = track
        for curve in track.curves:
            if curve.channel in self.names:
                if before is None and any(key.value != curve.keys[0].value for key in curve.keys):
                    return True
                if before is not None and before.curve(curve.channel).keys != curve.keys:
                    return True
        return False


@dataclass
class _Moment:
    """Remembers which beat and which chunk a moment of the motion belongs to."""

    seconds: Fraction
    _fps: Fraction = Fraction(1)
    _beats: set[int] = field(default_factory=set)
    _begins: Fraction = Fraction(0)
    _here: bool = False
    _chunks: set[int] = field(default_factory=set)

    @property
    def meaning(self) -> str:
        return (
            f"what is decided about {float(self.seconds):g} s of the motion, and the chunk of frames with it "
            f"(for the time at which something was recorded: after {float(self.seconds):g}s)"
        )

    def sees(self, pages: Pages, seq: int) -> bool:
        if pages.kind(seq) in _OF_MOMENTS:
            match pages.record(seq).message:
                case TakeOpened(fps=fps):
                    self._fps = Fraction(fps)
                case BeatOpened(beat=beat, intent=intent):
                    self._begins = Fraction(intent.start)
                    self._here = intent.start <= self.seconds < intent.end
                    if self._here:
                        self._beats.add(beat)
                    return self._here
                case Objected(violations=found):
                    at = self.seconds - self._begins
                    return self._here and any(violation.start <= at <= violation.end for violation in found)
                case Committed(beat=beat) | Ruled(beat=beat):
                    return beat in self._beats
                case Merged(chunks=cuts):
                    frame = int(self.seconds * self._fps)
                    self._chunks.update(cut.chunk for cut in cuts if cut.first <= frame < cut.last)
                case message if isinstance(message, _OF_CHUNKS):
                    return message.chunk in self._chunks
        return False


_OF_MOMENTS = frozenset({"TakeOpened", "BeatOpened", "Objected", "Committed", "Ruled", "Merged"}) | {
    kind.__name__ for kind in _OF_CHUNKS
}


@dataclass(frozen=True)
class _Clock:
    seconds: Fraction

    @property
    def meaning(self) -> str:
        return f"the first message that was recorded {float(self.seconds):g} s or more after the take began"

    def sees(self, pages: Pages, seq: int) -> bool:
        at = self.seconds * 10**9
        return pages.stored[seq - 1].time >= at and (seq == 1 or pages.stored[seq - 2].time < at)


def _critics(pages: Pages) -> Iterator[int]:
    """Where the critic objects to something that is asked for and hardly seen."""
    return (seq for seq in range(1, len(pages) + 1) if pages.kind(seq) == "Objected" and pages.address(seq).sender == CRITIC)


def _objections(pages: Pages, seq: int) -> Sequence[Violation]:
    """What is objected to in a record; what an audit finds is told with the round that it leads to."""
    if pages.kind(seq) not in ("Objected", "RoundOpened"):
        return ()
    match pages.record(seq).message:
        case Objected(violations=found):
            return found
        case RoundOpened(objections=objections):
            # What the critic has said for itself, before this round, has been told there.
            told = (each.violation for each in objections if each.by == CRITIC)
            return [violation for violation in told if not violation.constraint.startswith(OF_CRITIC)]
    return ()


@dataclass
class Break:
    """Something to stop at in a journal, which is searched no further than it has to be.

    Attributes:
        text: as it was asked for.
        watches: that all have to see it.
        pages: the journal.
    """

    text: str
    watches: Sequence[Watch]
    pages: Pages
    _hits: list[int] = field(default_factory=list)
    _searched: int = 0

    @property
    def meaning(self) -> str:
        """What it stops at, in words."""
        told = [watch.meaning for watch in self.watches]
        return told[0] if len(told) == 1 else f"where all of these hold: {'; '.join(told)}"

    def next(self, after: int) -> int | None:
        """The first place behind one that it stops at; None if there is none.

        Raises:
            JournalError: a record on the way cannot be read.
        """
        while not (self._hits and self._hits[-1] > after) and self._searched < len(self.pages):
            self._search()
        at = bisect_right(self._hits, after)
        return self._hits[at] if at < len(self._hits) else None

    def previous(self, before: int) -> int | None:
        """The last place before one that it stops at; None if there is none.

        Raises:
            JournalError: a record on the way cannot be read.
        """
        while self._searched < min(before - 1, len(self.pages)):
            self._search()
        at = bisect_left(self._hits, before)
        return self._hits[at - 1] if at else None

    def _search(self) -> None:
        seq = self._searched + 1
        seen = [watch.sees(self.pages, seq) for watch in self.watches]  # each is to see all
        if all(seen):
            self._hits.append(seq)
        self._searched = seq


def concerning(region: Region, pages: Pages) -> Break:
    """Everything that a region says and hears."""
    return Break(region, [_Party(region)], pages)


def parse_break(text: str, pages: Pages, vocabulary: Vocabulary) -> Break:
    """What somebody wants to stop at.

    Args:
        text: in words, as this module begins with.
        pages: the journal to stop in.
        vocabulary: the names that it knows.

    Raises:
        BreakError: a word means nothing here.
    """
    words = text.split()
    watches: list[Watch] = []
    while words:
        word = words.pop(0)
        if word.lower() in ("beat", "after"):
            watches.append(_counted(word.lower(), words.pop(0) if words else ""))
        elif _SECONDS.fullmatch(word.lower()):
            watches.append(_Moment(Fraction(word[:-1])))
        else:
            watches.append(_named(word, vocabulary))
    if not watches:
        raise BreakError("say what to stop at: a role, a channel, a constraint, a kind of message, beat 2, 1.5s or after 1.5s")
    return Break(" ".join(text.split()), watches, pages)


def _counted(what: str, number: str) -> Watch:
    if what == "beat" and _NUMBER.fullmatch(number):
        return _Opening(int(number))
    if what == "after" and _SECONDS.fullmatch(number.lower()):
        return _Clock(Fraction(number[:-1]))
    raise BreakError(
        "beat takes a number from 0, such as beat 2" if what == "beat" else "after takes a time, such as after 1.5s"
    )


def _named(word: str, vocabulary: Vocabulary) -> Watch:
    low = word.lower()
    for role in vocabulary.roles:
        if low == role:
            return _Role(role)
    for kind in MESSAGES:
        if low == kind.lower():
            return _Kind(kind)
    for constraint in vocabulary.constraints:
        if low == constraint.lower():
            return _Constraint(constraint)
    for name in (*_STEMS, *CHANNELS):
        if low == name.lower():
            return _Channel(tuple(written for channel in _STEMS.get(name, (name,)) for written in _written(channel)))
    near = vocabulary.near(word)
    hint = f"Did you mean {', '.join(near[:-1])}{' or ' if near[:-1] else ''}{near[-1]}?" if near else _WHAT_THERE_IS
    raise BreakError(f"there is no role, channel, constraint or kind of message called {word[:40]!r}. {hint}")


_WHAT_THERE_IS = "Name one, such as eyes, jawOpen or Objected, or a beat (beat 2) or a time (1.5s)."


def _written(channel: str) -> tuple[str, ...]:
    """The channels that are proposed for one: itself, or the angles of the eye that it is read off."""
    if not CHANNELS[channel].derived:
        return (channel,)
    side = "Left" if channel.endswith("Left") else "Right"
    return (f"eye{'Pitch' if 'LookUp' in channel or 'LookDown' in channel else 'Yaw'}{side}",)
