"""Director's notes: "hold the smile longer" said of a take that is there, and what that makes of its brief.

Rules
- What a note does not speak of stays as it is: a beat that is not touched is equal to the parent's, wherever it moves to.
- Everything that was done is said, one sentence each; a note of which nothing could be used is an error.
- A text that tells what happens, and changes nothing, is a direction of its own and is planned anew.
- Pure: the same parent, note and tables give the same child.
"""

from __future__ import annotations

import difflib

from collections.abc import Sequence
from dataclasses import dataclass

from agents.director.changes import Changer
from agents.director.edits import Draft, Sheet, replace_times
from agents.director.following import Follower
from agents.director.lexicon import LexiconPlanner
from agents.director.targets import Finder
from agents.director.wishes import Wish
from agents.director.wishing import WishReader
from configs.lexicon import Lexicon
from protocol.brief import Beat, Brief
from protocol.keyframes import exact

LONGEST, SHORTEST = 60.0, 1.0
"""Seconds that a revised take may last."""
_EXAMPLES = "for example \u201chold the smile longer\u201d, \u201cno blinking\u201d or \u201cadd a wink at the end\u201d"


class NoteError(ValueError):
    """Nothing of a note could be used; says what, why and what to do."""


@dataclass(frozen=True, slots=True)
class Revised:
    """What a note made of a brief.

    Attributes:
        brief: of the child.
        origin: for each of its beats the number, from 0, of the parent's beat that it comes from; None for new ones.
        said: what was changed, one sentence each.
    """

    brief: Brief
    origin: tuple[int | None, ...]
    said: tuple[str, ...]


class NoteReader:
    """Revises briefs by the tables of a lexicon. Compiles them once; revising changes nothing in it.

    Args:
        planner: plans what is new.
        lexicon: its tables, with those of notes.
    """

    def __init__(self, planner: LexiconPlanner, lexicon: Lexicon) -> None:
        self._planner = planner
        self._lexicon = lexicon
        self._wishes = WishReader(planner, lexicon)

    def revise(self, parent: Brief, note: str, direction: str, seconds: float | None, emotion: str | None) -> Revised:
        """The brief of a child take.

        Args:
            parent: the brief that the note is about.
            note: changes, or a new direction, in English.
            direction: the words of the parent; they are a direction, not a note, whoever says them again.
            seconds: length that the parent was asked for, above 0; None if that was left to the director. A new direction is
                planned for it.
            emotion: words for an emotional colouring of the whole take; for a new direction too.

        Raises:
            NoteError: nothing of the note could be used.
        """
        if not note.strip():
            raise NoteError(f"The note is empty, so there is nothing to change. Say what is to be different, {_EXAMPLES}.")
        wishes = self._wishes.read(note)
        draft = Draft(parent, self._lexicon)
        finder = Finder(draft, self._lexicon, self._planner)
        if " ".join(note.split()) == " ".join(direction.split()) or self._tells(wishes, note, finder):
            return self._anew(parent, _without_anew(note, self._lexicon), seconds, emotion)
        session = Follower(draft, finder, Changer(draft, self._lexicon), self._lexicon, self._planner)
        problems = session.follow(wishes)
        brief, origin = draft.brief((), ())
        if not session.said or brief.beats == tuple(_plain(beat) for beat in parent.beats):
            raise NoteError(self._nothing([*session.said, *(why for _, why in problems)], draft))
        if not SHORTEST <= draft.seconds <= LONGEST:
            few = (
                "more than the 60 s that a take may have" if draft.seconds > LONGEST else "less than the 1 s that a take needs"
            )
            raise NoteError(f"With this note the take would last {draft.seconds:g} s, {few}. Ask for a smaller change.")
        understood = [(wish.words[:400], "; ".join(done)[:400]) for wish, done in session.done]
        unread = [*session.unread, *(wish.words[:400] for wish, _ in problems)]
        brief, origin = draft.brief([*parent.understood, *understood], unread)
        said = [*session.said, *(f"not done: {why}" for _, why in problems)]
        return Revised(brief, origin, tuple(said))

    def _nothing(self, reasons: Sequence[str], draft: Draft) -> str:
        """What to say if a note changes nothing."""
        why = "; ".join(dict.fromkeys(reasons)) or "none of its words ask for a change"
        there = ", ".join(dict.fromkeys(f"\u201c{group.words}\u201d" for group in draft.groups()))
        return (
            f"The note changes nothing: {why}. The take has {there or 'nothing but idle motion'}. Say which of that is to "
            f"be different, {_EXAMPLES}."
        )

    # -------------------------------------------------------------------------------------------------- which reading

    def _tells(self, wishes: Sequence[Wish], note: str, finder: Finder) -> bool:
        """Whether a text tells what happens, and so is a direction of its own and no note on one."""
        notes = self._lexicon.notes
        if any(wish.anew for wish in wishes):
            return True
        every = [*wishes, *(anchor for wish in wishes for anchor in wish.anchors)]
        evidence = {phrase for wish in every for phrase in wish.evidence}
        numbered = any(wish.beat is not None or wish.ordinal is not None or wish.share is not None for wish in every)
        strong = numbered or any(wish.asked for wish in every) or bool(evidence - set(notes.of_a_tale) - self._pointers())
        strong = strong or any(anchor.link in ("instead", "with") for wish in wishes for anchor in wish.anchors)
        if strong:
            return False
        told = [wish for wish in wishes if "remove" not in wish.told]
        cues = [cue for wish in told for cue in wish.cues if cue.does != "spare"]
        if not cues:
            return False
        if self._teller(note):
            alone = len(cues) == 1 and len(wishes) == 1
            return not (alone and (wishes[0].scoped or bool(evidence)))
        known = [cue for cue in cues if finder.meant(cue, strictly=True)]
        bare = not evidence and not any(wish.scoped for wish in wishes)
        if len(cues) == 1:
            return bare and not known and cues[0].entry in self._lexicon.states
        # "Nod twice and wink" adds to the take; what goes on to a third thing, or to another sentence, is a tale.
        long = len(cues) > 2 or any(wish.joint in ("then", "open") for wish in wishes[1:])
        states = all(cue.entry in self._lexicon.states for cue in cues)
        return not known and not any(wish.told for wish in wishes) and (long or states)

    def _pointers(self) -> set[str]:
        """Words that point somewhere, in a note or in a tale."""
        notes = self._lexicon.notes
        pointers = {phrase for phrases in notes.places.values() for phrase in phrases}
        return pointers | set(notes.same) | set(notes.degrees) | {p for phrases in notes.links.values() for p in phrases}

    def _like(self, parent: Brief, brief: Brief, *, stretched: bool) -> tuple[Brief, tuple[int | None, ...]]:
        """A brief planned anew, with what it has in common with the parent's given the parent's times."""
        theirs, mine = Draft(parent, self._lexicon), Draft(brief, self._lexicon)
        for sheet in mine.sheets:
            sheet.origin = None
        for number, other in _pairs(theirs, mine):
            mine.sheets[number].origin = other
            if stretched or mine.sheets[number].seconds == theirs.sheets[other].seconds:
                mine.adopt(number, theirs.sheets[other])
        return mine.brief(brief.understood, brief.unread)

    def _teller(self, note: str) -> bool:
        """Whether a text begins with somebody of whom something is told."""
        words = [word.strip(".,;:!?\"'").lower() for word in note.split()[:4]]
        stems = [word.removesuffix("'s").removesuffix("\u2019s") for word in words]
        notes = self._lexicon.notes
        if stems[0] in notes.tellers or stems[0] in ("his", "her", "their"):
            return True
        nouns = set(self._lexicon.words.subjects) - {
            "face",
            "expression",
            "feature",
            "picture",
            "image",
            "photo",
            "young",
            "old",
        }
        return stems[0] in ("a", "an", "the", "this") and not nouns.isdisjoint(stems[1:])

    def _anew(self, parent: Brief, note: str, seconds: float | None, emotion: str | None) -> Revised:
        """A brief planned anew, with what it has in common with the parent's."""
        brief = self._planner.plan(note, seconds, emotion)
        if not any(beat.acts or beat.stills or beat.limits for beat in brief.beats):
            raise NoteError(
                f"The note changes nothing: it asks for nothing that a face can do. Say what is to be different, {_EXAMPLES}."
            )
        brief, origin = self._like(parent, brief, stretched=seconds is None)
        if brief.beats == tuple(_plain(beat) for beat in parent.beats):
            raise NoteError(
                f"The note changes nothing: it asks for the take as it is. Say what is to be different, {_EXAMPLES}."
            )
        pairs = zip(brief.beats, origin, strict=True)
        same = sum(number is not None and _same(beat, parent.beats[number]) for beat, number in pairs)
        many = "none is" if not same else "1 is" if same == 1 else f"{same} are"
        beats = "1 beat" if len(brief.beats) == 1 else f"{len(brief.beats)} beats"
        said = f"taken for a new direction and planned anew: of its {beats}, {many} as before"
        return Revised(brief, origin, (said,))


def _without_anew(note: str, lexicon: Lexicon) -> str:
    """A note without the words that only say that it is a new direction."""
    flat = note.lower()
    for phrase in sorted(lexicon.notes.anew, key=len, reverse=True):
        place = flat.find(phrase)
        if place >= 0:
            note = note[:place] + " " + note[place + len(phrase) :].lstrip(" :,;.-\u2014")
            flat = note.lower()
    return note


def _plain(beat: Beat) -> Beat:
    """A beat with what a brief says of it, and without where it comes from."""
    fields = {name: getattr(beat, name) for name in ("start", "end", "summary", "acts", "limits", "stills")}
    return Beat(**fields)


def _same(beat: Beat, other: Beat) -> bool:
    """Whether two beats are the same but for where they begin."""
    length, theirs = exact(beat.end - beat.start), exact(other.end - other.start)
    moved = _plain(other).model_copy(update={"start": beat.start, "end": beat.end})
    return length == theirs and moved == _plain(beat)


def _pairs(parent: Draft, child: Draft) -> list[tuple[int, int]]:
    """Beats of a child and a parent in which the same begins, as (child's, parent's) numbers, in order."""
    theirs, mine = ([_begun(sheet) for sheet in draft.sheets] for draft in (parent, child))
    blocks = difflib.SequenceMatcher(None, theirs, mine, autojunk=False).get_matching_blocks()
    return [(block.b + step, block.a + step) for block in blocks for step in range(block.size)]


def _begun(sheet: Sheet) -> str:
    """What begins in a beat, as a key: its acts without their ends, and what is not to move."""
    acts = [replace_times(part.act, part.act.start, part.act.start + 1).model_dump_json() for part in sheet.begun]
    passing = [repr(part.act.end) for part in sheet.begun if part.act.end < sheet.seconds]
    return "\n".join([sheet.summary, *acts, *passing, *(item.model_dump_json() for item in (*sheet.limits, *sheet.stills))])
