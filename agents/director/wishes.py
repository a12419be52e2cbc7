"""What a director's note asks for: clauses with what is to be changed, by how much, where in the take, and instead of what."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from agents.director.cues import Cue
from agents.director.reading import Reading
from agents.director.text import Token
from agents.director.times import TimeMark
from configs.notes import Change, Place, Telling

Joint = Literal["open", "comma", "and", "then"]
"""How a clause is joined to the one before: "open" begins a sentence."""
WishLink = Literal["during", "before", "after", "until", "instead", "with"]
"""What a clause is to another one that it only says more of."""
AMOUNTS = frozenset({"length", "within"})
"""Kinds of times that say how long, and not when."""


@dataclass(frozen=True, slots=True)
class Asked:
    """A change that a clause asks for.

    Attributes:
        change: what is to become of it.
        ratio: by how much: a factor, or seconds for "sooner" and "later".
        words: as said.
    """

    change: Change
    ratio: float
    words: str


@dataclass(slots=True)
class Wish:
    """A clause of a note.

    Attributes:
        joint: how it is joined to the one before.
        link: what it is to another clause, if it only says when or instead of what.
        tokens: its words.
        marks: the times that it names.
        asked: changes.
        told: the other things that it asks for.
        degree: how many times as far from 1 the changes' factors are.
        place: a part of the take.
        ordinal: which of several, from 1; -1 is the last.
        beat: which beat, 1 for the first (which is shown as beat 0); -1 is the last.
        everything: it is about the whole take.
        same: it is about what was spoken of last.
        anew: it says that a new direction follows.
        delta: seconds more or less.
        lasting: seconds that something is to last.
        share: factor said as a percentage.
        reading: what is left of it, read as a direction.
        cues: what that asks for.
        full: the cues of the whole clause, read as a direction.
        part: noun of a part of the face, if nothing else says what it is about.
        sides: words for sides and directions in it.
        aimless: it does not say where what it is about goes, and has to.
        first_op: place of the first word that asks for something, in the note.
        first_cue: place of the first word of what it is about.
        anchors: clauses that say when, and instead of what.
        evidence: the phrases by which it is a note's.
        words: it, as written.
        rest: what is left of it, as written.
    """

    joint: Joint
    link: WishLink | None = None
    tokens: list[Token] = field(default_factory=list)
    marks: list[TimeMark] = field(default_factory=list)
    asked: list[Asked] = field(default_factory=list)
    told: set[Telling] = field(default_factory=set)
    degree: float = 1.0
    place: Place | None = None
    ordinal: int | None = None
    beat: int | None = None
    everything: bool = False
    same: bool = False
    anew: bool = False
    delta: float | None = None
    lasting: float | None = None
    share: float | None = None
    reading: Reading | None = None
    cues: tuple[Cue, ...] = ()
    full: tuple[Cue, ...] = ()
    part: str | None = None
    sides: frozenset[str] = frozenset()
    aimless: bool = False
    first_op: int = 10**9
    first_cue: int = 10**9
    anchors: list[Wish] = field(default_factory=list)
    words: str = ""
    rest: str = ""
    evidence: set[str] = field(default_factory=set)

    @property
    def about(self) -> bool:
        """Whether it says what it is about."""
        return bool(self.cues or self.part or self.everything or self.same or self.beat is not None)

    @property
    def asks(self) -> bool:
        """Whether it says what is to be done."""
        return bool(self.asked or self.told or self.lasting is not None)

    @property
    def scoped(self) -> bool:
        """Whether it says where in the take."""
        points = any(mark.kind not in AMOUNTS for mark in self.marks)
        return (
            self.place is not None
            or self.beat is not None
            or points
            or any(anchor.link != "instead" for anchor in self.anchors)
        )


def with_anchors(wishes: Sequence[Wish]) -> list[Wish]:
    """Join what only says when, or instead of what, to the clause that it belongs to."""
    mains: list[Wish] = []
    waiting: list[Wish] = []
    for wish in wishes:
        only_where = (
            not wish.asks and not wish.cues and not wish.part and not wish.same and not wish.everything and not wish.anew
        )
        negated = (
            wish.told == {"remove"} and not wish.asked and not wish.cues and bool(wish.sides) and bool(mains) and mains[-1].cues
        )
        if negated:
            wish.link = "instead"  # "look left, not right"
        if wish.link is not None or (only_where and (wish.scoped or wish.degree != 1.0)):
            opening = not mains or (wish.joint == "open" and wish.link != "instead")
            if opening or (waiting and wish.joint != "open"):
                waiting.append(wish)
            else:
                _attach(mains[-1], wish)
            continue
        for other in waiting:
            _attach(wish, other)
        waiting = []
        mains.append(wish)
    if not mains:
        return waiting
    for other in waiting:
        _attach(mains[-1], other)
    return mains


def _attach(main: Wish, other: Wish) -> None:
    if other.lasting is not None and main.lasting is None:  # "pause after the nod for a second"
        main.lasting, other.lasting = other.lasting, None
    if other.link is not None:
        main.anchors.append(other)
        return
    main.place = main.place or other.place
    main.beat = main.beat if main.beat is not None else other.beat
    main.marks.extend(other.marks)
    main.degree *= other.degree
