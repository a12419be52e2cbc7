"""What a note is about: the acts and beats of a take that its words mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from agents.director.cues import Cue
from agents.director.edits import Draft, Group
from agents.director.lexicon import LexiconPlanner
from agents.director.reading import Reading
from agents.director.wishes import Wish
from configs.lexicon import Lexicon
from protocol.keyframes import exact

_PARTS_ONLY = frozenset({"all", "head", "mouth", "brows", "jaw", "gaze"})
"""Groups of `release` that name a part of the face, and not one expression."""


class Unusable(ValueError):
    """A clause of a note that cannot be used, and why."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Where in the take.

    Attributes:
        start: seconds from its start.
        end: seconds, after the start.
        beats: numbers of the beats that are named, if it is beats.
        point: it is a moment rather than a span.
    """

    start: float
    end: float
    beats: tuple[int, ...] = ()
    point: bool = False

    def meets(self, group: Group) -> bool:
        """Whether something of a group lies in it."""
        return group.start < self.end - 0.01 and group.end > self.start + 0.01

    def begins(self, group: Group) -> bool:
        """Whether a group begins in it."""
        return self.start - 0.01 <= max(group.start, 0.0) < self.end - 0.01


class Finder:
    """Finds what notes are about.

    Args:
        draft: the take as it is by now.
        lexicon: its tables, with those of notes.
        planner: reads the words of acts again.

    Attributes:
        before: the acts that the note spoke of last, by the numbers of their threads.
    """

    def __init__(self, draft: Draft, lexicon: Lexicon, planner: LexiconPlanner) -> None:
        self._draft = draft
        self._lexicon = lexicon
        self._planner = planner
        self.before: list[tuple[int, ...]] = []

    # --------------------------------------------------------------------------------------------------------- acts

    def meant(self, cue: Cue, *, strictly: bool = False) -> list[Group]:
        """The acts that a cue means, in order: those of its name; else of the same words; else of the same family.

        Args:
            cue: what a note names.
            strictly: leave out the family.
        """
        names = self.names(cue)
        groups = self._draft.groups()
        if found := [group for group in groups if names & group.names]:
            return found
        if found := [group for group in groups if cue.entry in self._entries(group)]:
            return found
        family = frozenset[str]() if strictly else self._family(names)
        return [group for group in groups if family & group.names]

    def names(self, cue: Cue) -> frozenset[str]:
        """The names of the acts that a cue stands for."""
        entry = self._lexicon.entries[cue.entry]
        names = {call.name for call in (*cue.calls, *self._lexicon.calls(cue.entry))}
        names |= {entry.one_sided} if entry.one_sided else set()
        if entry.does == "release":
            names |= {name for group in entry.of if group != "all" for name in self._lexicon.acts.release[group]}
        return frozenset(names)

    def _entries(self, group: Group) -> frozenset[str]:
        """The entries that the words of a group are of."""
        steps = self._planner.understand(group.acts[0].words).steps
        return frozenset(moment.cue.entry for step in steps for moment in step.moments)

    def _family(self, names: frozenset[str]) -> frozenset[str]:
        """Acts that may be meant by the name of one of these."""
        release = self._lexicon.acts.release
        families = [set(family) for family in self._lexicon.notes.families]
        families += [{group, *acts} for group, acts in release.items() if group not in _PARTS_ONLY]
        return frozenset(name for family in families if names & family for name in family)

    def read(self, words: str) -> Reading:
        """Words, read as a direction."""
        return self._planner.understand(words)

    def of_part(self, noun: str) -> list[Group]:
        """The acts of a part of the face."""
        parts = set(self._lexicon.notes.parts[noun])
        return [
            group
            for group in self._draft.groups()
            if any(parts & set(self._lexicon.kind(act.name).parts) for act in group.acts)
        ]

    def aimed(self, groups: Sequence[Group], wish: Wish, cue: Cue) -> list[Group]:
        """Those of some acts that go the way or are on the side that a clause names; all of them if none are."""
        if not wish.sides:
            return list(groups)
        call = cue.calls[0] if cue.calls else None
        if call is None:
            return list(groups)

        def goes(group: Group) -> bool:
            return any(
                (call.side != "both" and act.side == call.side)
                or (call.yaw * act.yaw > 0)
                or (not call.yaw and call.pitch * act.pitch > 0)
                for act in group.acts
            )

        return [group for group in groups if goes(group)] or list(groups)

    def chosen(self, groups: Sequence[Group], wish: Wish, scope: Scope | None) -> list[Group]:
        """Those of some acts that a clause picks by number, place or time."""
        found = list(groups)
        if scope is not None:
            inside = [group for group in found if scope.begins(group)] or [group for group in found if scope.meets(group)]
            found = inside
        if wish.ordinal is not None and found:
            place = wish.ordinal - 1 if wish.ordinal > 0 else len(found) + wish.ordinal
            found = [found[place]] if 0 <= place < len(found) else []
        return found

    # -------------------------------------------------------------------------------------------------------- beats

    def beats_of(self, cue: Cue, wish: Wish) -> list[int]:
        """The beats that a pause or a freeze fills; what only rests is a pause where no other is."""
        sheets = self._draft.sheets
        if cue.does == "still":
            found = [number for number, sheet in enumerate(sheets) if sheet.stills]
        else:
            resting = [number for number, sheet in enumerate(sheets) if not sheet.begun and not sheet.stills]
            pauses = [number for number in resting if self._pauses(sheets[number].summary)]
            the = {"the", "that", "this"} & {token.word for token in wish.tokens}
            found = pauses or (resting if the else [])
        if (scope := self.scope(wish)) is not None:
            starts = self._draft.starts()
            found = [n for n in found if starts[n] < scope.end - 0.01 and starts[n] + sheets[n].seconds > scope.start + 0.01]
        if wish.ordinal is not None and found:
            place = wish.ordinal - 1 if wish.ordinal > 0 else len(found) + wish.ordinal
            found = [found[place]] if 0 <= place < len(found) else []
        return found

    def beats_at(self, wish: Wish) -> list[int]:
        """The beats of the part of the take that a clause names, if it names nothing else."""
        scope = self.scope(wish)
        if wish.cues or wish.part is not None or wish.beat is not None or scope is None or scope.point:
            return []
        return self.within(scope)

    def _no_beat(self, wish: Wish) -> str:
        return (
            f"there is no such beat as in \u201c{wish.words}\u201d: they go from beat 0 to beat {len(self._draft.sheets) - 1}"
        )

    def within(self, scope: Scope) -> list[int]:
        """The beats that lie in a part of the take with the better part of them."""
        starts, sheets = self._draft.starts(), self._draft.sheets
        middles = [start + sheet.seconds / 2 for start, sheet in zip(starts, sheets, strict=True)]
        return [number for number, middle in enumerate(middles) if scope.start - 0.01 <= middle < scope.end + 0.01]

    def _pauses(self, words: str) -> bool:
        """Whether the words of a beat ask for a pause."""
        steps = self._planner.understand(words).steps
        return any(moment.cue.does == "pause" for step in steps for moment in step.moments)

    def beat(self, number: int) -> int | None:
        """The beat that is meant by its place in the parent, from 1; None if there is none."""
        sheets = self._draft.sheets
        if number < 0:
            return len(sheets) - 1
        return next((place for place, sheet in enumerate(sheets) if sheet.origin == number - 1), None)

    # --------------------------------------------------------------------------------------------------- whole clauses

    def named(self, wish: Wish) -> list[Group]:
        """The acts that a clause names, those that it picks of several."""
        return self.chosen(self.meant_by(wish), wish, None)

    def meant_by(self, wish: Wish) -> list[Group]:
        """The acts that a clause may mean, in the order in which they begin."""
        found: list[Group] = []
        for cue in wish.cues:
            meant = self.meant(cue)
            meant = meant if wish.aimless else self.aimed(meant, wish, cue)
            found += [group for group in meant if group not in found]
        if not wish.cues and wish.part is not None:
            found = self.of_part(wish.part)
        return sorted(found, key=lambda group: group.start)

    def groups(self, wish: Wish, scope: Scope | None) -> list[Group]:
        """The acts that a clause is about.

        Raises:
            Unusable: there are none such.
        """
        if wish.cues or wish.part is not None:
            found = self.chosen(self.meant_by(wish), wish, scope)
        elif wish.beat is not None:
            found = [group for group in self._draft.groups() if scope is not None and scope.begins(group)]
        elif not wish.everything and self.before:
            found = [group for threads in self.before if (group := self._draft.group(threads)) is not None]
        else:
            found = self.chosen(self._draft.groups(), wish, scope)
        if not found and wish.ordinal is not None and (many := self.meant_by(wish)):
            raise Unusable(f"there is no such \u201c{about(wish)}\u201d: the take has {len(many)} of them")
        if not found:
            where = " there" if scope is not None and self.meant_by(wish) else ""
            raise Unusable(f"there is no \u201c{about(wish)}\u201d in the take{where}")
        self.before = [group.threads for group in found]
        return found

    def whole(self, wish: Wish) -> bool:
        """Whether a clause is about the whole take."""
        if wish.cues or wish.part is not None or wish.beat is not None or wish.scoped:
            return False
        return wish.everything or not self.before

    def beats(self, wish: Wish) -> list[int]:
        """The beats that a clause is about: those that it numbers, and pauses and freezes."""
        if not wish.cues and wish.part is None and wish.beat is not None:
            number = self.beat(wish.beat)
            if number is None:
                raise Unusable(self._no_beat(wish))
            return [number]
        rests = {cue: self._lexicon.entries[cue.entry].does for cue in wish.cues}
        resting = [replace(cue, does=does) for cue, does in rests.items() if does in ("pause", "still")]
        if not resting:
            return []
        found = self.beats_of(resting[0], wish)
        if not found and wish.asked:
            raise Unusable(f"there is no \u201c{about(wish)}\u201d in the take")
        return found

    def repeats(self, group: Group) -> bool:
        kinds = [self._lexicon.kind(act.name) for act in group.acts]
        return all(kind.repeats and kind.hold == "own" for kind in kinds)

    # -------------------------------------------------------------------------------------------------------- where

    def scope(self, wish: Wish) -> Scope | None:
        """Where in the take a clause says; None if it does not."""
        draft, total = self._draft, self._draft.seconds
        last = len(draft.sheets) - 1
        starts = draft.starts()
        if wish.beat is not None:
            if (number := self.beat(wish.beat)) is None:
                raise Unusable(self._no_beat(wish))
            return Scope(starts[number], exact(starts[number] + draft.sheets[number].seconds), (number,))
        for anchor in wish.anchors:
            if anchor.link == "during" and (groups := self.named(anchor)):
                return Scope(max(0.0, groups[0].start), min(total, groups[0].end))
            if anchor.link == "during" and (beats := self.beats(anchor)):
                start = starts[beats[0]]
                return Scope(start, exact(start + draft.sheets[beats[0]].seconds), (beats[0],))
            if anchor.link == "during" and (inner := self.scope(anchor)) is not None:
                return inner
            if anchor.link in ("before", "after") and (groups := self.named(anchor)):
                before = anchor.link == "before"
                return Scope(0.0, groups[0].start) if before else Scope(min(groups[-1].end, total - 0.1), total)
        if wish.place in ("first_half", "second_half"):
            return Scope(0.0, exact(total / 2)) if wish.place == "first_half" else Scope(exact(total / 2), total)
        if wish.place == "beginning":
            return Scope(0.0, draft.sheets[0].seconds, (0,))
        if wish.place == "end":
            return Scope(starts[last], total, (last,))
        if wish.place == "middle":
            return Scope(exact(total * 0.35), exact(total * 0.65))
        if wish.place == "whole":
            return Scope(0.0, total)
        for mark in wish.marks:
            if mark.kind in ("at", "after"):
                return Scope(mark.low, exact(mark.low + 0.02), point=True)
            if mark.kind == "span":
                return Scope(mark.low, mark.high)
            if mark.kind == "first":
                return Scope(0.0, mark.low or total / 2)
            if mark.kind == "last":
                return Scope(exact(max(0.0, total - mark.low)), total)
            if mark.kind == "share" and mark.low == 0 and mark.high == 1:
                return Scope(0.0, draft.sheets[0].seconds, (0,))
            if mark.kind == "share" and mark.low >= 0.7:
                return Scope(starts[last], total, (last,))
            if mark.kind == "share":
                return Scope(exact(total * mark.low), exact(total * mark.high))
            if mark.kind == "throughout":
                return Scope(0.0, total)
        return None


def about(wish: Wish) -> str:
    """What a clause is about, in its words."""
    words = " ".join(wish.rest.split()) or wish.words
    article, _, noun = words.partition(" ")
    return noun if noun and article.lower() in ("a", "an", "the", "more", "no") else words
