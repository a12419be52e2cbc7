"""What a note brings in: acts that are added, that take another's place, or that are to be as they are named."""

from __future__ import annotations

import math

from collections.abc import Callable, Sequence
from dataclasses import replace

from agents.director.changes import Changer
from agents.director.cues import CLEAR_TURN, CLEAR_YAW, Cue
from agents.director.edits import Draft, Group
from agents.director.insertions import Inserter, New
from agents.director.steps import STAGGER
from agents.director.targets import Finder, Scope, Unusable, about
from agents.director.timing import LEAST_STEP
from agents.director.wishes import Wish
from configs.lexicon import Call, Lexicon
from protocol.brief import Act, Side
from protocol.keyframes import exact

A_PAUSE = 1.0
"""Seconds of a pause that is asked for without a length."""
_IS = frozenset({"is", "are", "was", "were", "looks", "seems"})


class Adder:
    """Follows the clauses of a note that bring something in.

    Args:
        draft: the take.
        finder: finds what clauses are about.
        changer: changes the draft.
        lexicon: how acts behave.
        say: takes a sentence on what was done.
        spare: follows a clause that keeps something from moving.
    """

    def __init__(
        self,
        draft: Draft,
        finder: Finder,
        changer: Changer,
        lexicon: Lexicon,
        say: Callable[[str], None],
        spare: Callable[[Wish, Sequence[Cue]], None],
    ) -> None:
        self._draft = draft
        self._finder = finder
        self._changer = changer
        self._inserter = Inserter(draft, lexicon)
        self._lexicon = lexicon
        self._say = say
        self._spare = spare

    def add_or_prolong(self, wish: Wish) -> None:
        """Add acts, a pause, or time to an act that is there."""
        if wish.delta is not None:
            groups = self._finder.groups(wish, None)
            for group in groups:
                self._say(self._changer.longer(group, wish.delta))
            return
        resting = [cue for cue in wish.cues if cue.does in ("pause", "still")]
        acting = [cue for cue in wish.cues if cue.does == "act"]
        spares = [cue for cue in wish.cues if cue.does == "spare"]
        if spares and not acting:
            self._spare(wish, spares)
        elif resting and not acting:
            self.rest(wish, resting[0])
        elif not acting and any(cue.does == "release" for cue in wish.cues):
            self.bare(wish)
        elif not acting or wish.aimless:
            raise Unusable(f"\u201c{wish.words}\u201d names nothing that a face could do")
        elif (
            {"once more", "one more"} & wish.evidence
            and (groups := self._finder.meant_by(wish))
            and self._finder.repeats(groups[-1])
        ):
            act = groups[-1].acts[0]
            times = act.count or self._lexicon.kind(act.name).often
            self._say(self._changer.counted(groups[-1], times + 1))
        else:
            self.add(wish, acting)

    def add(self, wish: Wish, cues: Sequence[Cue]) -> None:
        """Add acts: with what the note names, at its time, or as a new beat."""
        new = self._inserter.asked(cues)
        summary = " ".join(wish.rest.split())[:400] or cues[0].words
        scope = self._finder.scope(wish)
        placed = any(anchor.link in ("before", "after") for anchor in wish.anchors)
        missing = next((anchor for anchor in wish.anchors if anchor.link == "during" and anchor.cues and scope is None), None)
        if missing is not None:
            raise Unusable(f"there is no \u201c{about(missing)}\u201d in the take")
        held = [act for group in self._draft.groups() if scope is None or scope.meets(group) for act in group.acts]
        if not placed and all(any(_as_held(one.call, act) for act in held if self._draft.keeps(act)) for one in new):
            raise Unusable(f"\u201c{cues[0].words}\u201d is there already")
        everywhere = wish.place == "whole" or any(mark.kind == "throughout" for mark in wish.marks)
        states = all(one.call.name in self._lexicon.states for one in new)
        known = {part.thread for sheet in self._draft.sheets for part in sheet.parts}
        if everywhere or (states and scope is None and not placed):
            self._say(self._inserter.spread(new))
        elif placed or scope is None or wish.place == "end" or self._at_the_end(scope):
            self._say(self._inserter.appended(new, self._position(wish), summary))
        else:
            during = [anchor for anchor in wish.anchors if anchor.link == "during"]
            beside = [group for anchor in during for group in self._finder.named(anchor)]
            start = scope.start if scope.point or scope.start == 0 else exact(scope.start + STAGGER)
            start = max(start, 0.2) if scope.start == 0 else start
            self._say(self._inserter.joined(new, start, scope.end if during and not scope.point else None, beside))
        added = {part.thread for sheet in self._draft.sheets for part in sheet.parts} - known
        self._finder.before = [group.threads for group in self._draft.groups() if set(group.threads) & added]

    def rest(self, wish: Wish, cue: Cue) -> None:
        """A pause or a freeze where the note says: before or after something, or at the end."""
        at = self._position(wish)
        if cue.does == "still":
            length = wish.lasting if wish.lasting is not None else cue.length
            self._say(self._inserter.frozen(at, length, " ".join(wish.rest.split()) or wish.words))
            return
        length = wish.lasting if wish.lasting is not None else A_PAUSE
        before = max(0, at - 1)
        sheet = self._draft.sheets[before]
        where = 0.0 if at == 0 else sheet.seconds
        self._draft.stretch(before, where, length)
        self._say(f"{self._draft.called(before)}: a pause of {length:g} s at its {'start' if at == 0 else 'end'}")

    def _position(self, wish: Wish) -> int:
        """The number of the beat before which something new comes."""
        for anchor in wish.anchors:
            if anchor.link in ("before", "after"):
                groups = self._finder.named(anchor)
                beat = self._finder.beat(anchor.beat) if anchor.beat is not None else groups[-1].home if groups else None
                if beat is None:
                    raise Unusable(f"there is no \u201c{about(anchor)}\u201d in the take")
                return beat + (anchor.link == "after")
        scope = self._finder.scope(wish)
        if scope is None or scope.start >= self._draft.starts()[-1] - 0.01:
            return len(self._draft.sheets)
        return self._draft.at(scope.start) + (1 if scope.point else 0)

    def _at_the_end(self, scope: Scope) -> bool:
        last = len(self._draft.sheets) - 1
        return scope.start >= self._draft.seconds - 0.05 or (scope.beats == (last,) and scope.end >= self._draft.seconds)

    def move(self, wish: Wish) -> None:
        """ "Start the nod at 3 s", "move the wink to the end", "nod before the head turn"."""
        scope = self._finder.scope(wish)
        bare = replace(wish, place=None, marks=[], anchors=[])
        group = self._finder.groups(bare, None)[0]
        relative = [anchor for anchor in wish.anchors if anchor.link in ("before", "after")]
        if relative:
            self._reordered(group, relative[0])
        elif scope is None:
            raise Unusable(f"the note does not say when \u201c{about(wish)}\u201d is to be")
        else:
            self._say(self._changer.begun_at(group, exact(min(scope.start, self._draft.seconds - LEAST_STEP))))

    def _reordered(self, group: Group, anchor: Wish) -> None:
        """Move acts into a beat of their own before or after others."""
        marks = [mark for mark in self._finder.named(anchor) if not set(mark.threads) & set(group.threads)]
        if not marks:
            raise Unusable(f"there is no \u201c{about(anchor)}\u201d in the take")
        new = [New(_call(act), act.speed, act.words) for act in group.acts]
        self._inserter.removed(group)
        mark = self._draft.group(marks[-1].threads)
        assert mark is not None
        self._inserter.appended(new, mark.home + (anchor.link == "after"), group.words)
        self._say(f"\u201c{group.words}\u201d comes {anchor.link} \u201c{mark.words}\u201d, in a beat of its own")

    def swap(self, wish: Wish, other: Wish) -> None:
        """ "Frown instead of smiling", "replace the nod with a wink", "left, not right"."""
        new, old = (other, wish) if other.link == "with" else (wish, other)
        acting = [cue for cue in new.cues if cue.does == "act"]
        if not acting:
            raise Unusable(f"\u201c{new.words}\u201d names nothing that a face could do")
        scope = self._finder.scope(wish)
        if old.cues:
            groups = self._finder.chosen(self._finder.named(old), old, scope)
        else:
            groups = self._finder.chosen(self._finder.meant(acting[0]), old, scope)
            away = [group for group in groups if not _same_way(group, acting[0].calls[0])]
            groups = away or groups
            if not groups and not old.sides and self._finder.before:
                groups = [group for threads in self._finder.before if (group := self._draft.group(threads)) is not None]
        if not groups:
            raise Unusable(f"there is no \u201c{about(old if old.cues else new)}\u201d in the take")
        names = {name for cue in acting for name in self._finder.names(cue)}
        for group in groups:
            if names & group.names or not old.cues:
                self._say(self._altered(group, acting[0], new))
            else:
                self._say(self._inserter.replaced(group, self._inserter.asked(acting)))

    def bare(self, wish: Wish) -> None:
        """What is named alone: as it is to be if it is there, else to be added."""
        scope = self._finder.scope(wish)
        if "only" in wish.told and not wish.cues and wish.part is not None:
            self._only(wish, scope)
            return
        released = [cue for cue in wish.cues if cue.does == "release"]
        for cue in released:
            groups = [group for group in self._finder.meant(cue) if "all" not in cue.of] or self._draft.groups()
            at = self.let_go_at(wish, scope)
            held = [group for group in groups if group.start < at < group.end and not self._draft.passes(group)]
            if not held:
                raise Unusable(f"there is nothing that \u201c{about(wish)}\u201d could let go")
            for group in held:
                self._say(self._changer.until(group, at))
        resting = [cue for cue in wish.cues if cue.does in ("pause", "still")]
        acting = [cue for cue in wish.cues if cue.does == "act"]
        if resting and not acting:
            self.rest(wish, resting[0])
            return
        remark = (
            wish.tokens and wish.tokens[0].word in ("the", "her", "his", "their") and any(t.word in _IS for t in wish.tokens)
        )
        if not wish.cues and wish.sides and self._elsewhere(wish):
            return
        if (not acting and not released) or remark:
            raise Unusable(f"\u201c{wish.words}\u201d asks for no change")
        for cue in acting:
            self._named_alone(wish, cue, scope)

    def _elsewhere(self, wish: Wish) -> bool:
        """Let what the note spoke of last go another way: "and to the right"; whether there was anything."""
        groups = [group for threads in self._finder.before if (group := self._draft.group(threads)) is not None]
        for group in groups:
            said = f"{group.acts[0].name.replace('_', ' ')} {' '.join(wish.rest.split())}"
            cues = [moment.cue for step in self._finder.read(said).steps for moment in step.moments]
            if cues and cues[0].calls:
                self._say(self._altered(group, cues[0], wish))
        return bool(groups)

    def let_go_at(self, wish: Wish, scope: Scope | None) -> float:
        """When something is to be let go."""
        for anchor in wish.anchors:
            if anchor.link in ("before", "after") and (groups := self._finder.named(anchor)):
                return groups[-1].start if anchor.link == "before" else min(groups[-1].end, self._draft.seconds - LEAST_STEP)
        return scope.start if scope is not None else self._draft.seconds - A_PAUSE

    def _named_alone(self, wish: Wish, cue: Cue, scope: Scope | None) -> None:
        """One act that is named alone."""
        known = self._finder.meant(cue, strictly=True)
        relative = any(anchor.link in ("before", "after") for anchor in wish.anchors)
        groups = self._finder.chosen(known, wish, scope)
        if groups and wish.place is not None and wish.sides and self._aims(cue) in ("gaze", "turn"):
            groups = [group for group in groups if _same_way(group, cue.calls[0])]  # "at the end look down" is a further look
        elsewhere = len(known) == 1 and not groups and wish.aimless and scope is not None and scope.point
        if (known and relative) or elsewhere:
            self.move(wish)
        elif groups and "only" in wish.told and scope is not None:
            for group in groups:
                self._say(self._changer.within(group, scope.start, scope.end))
        elif groups:
            self._finder.before = [group.threads for group in groups]
            self._alter(groups, cue, wish)
        elif wish.aimless:
            raise Unusable(f"\u201c{wish.words}\u201d does not say where to")
        elif wish.ordinal is not None:
            raise Unusable(f"there is no such \u201c{about(wish)}\u201d in the take")
        elif scope is None and not relative and (others := self._variants(cue)):
            new = self._inserter.asked([cue])
            for group in others:
                self._say(self._inserter.replaced(group, new))
        else:
            self.add(wish, [cue])

    def _alter(self, groups: Sequence[Group], cue: Cue, wish: Wish) -> None:
        """Let acts that are there be as a cue says."""
        if cue.count and not self._finder.repeats(groups[0]) and all(self._draft.passes(group) for group in groups):
            # Each time of what does not repeat of itself is an act of its own.
            for home in sorted({group.home for group in groups}):
                same = [group for group in groups if group.home == home]
                self._say(self._inserter.repeated(same, cue.count))
            return
        for group in groups:
            self._say(self._altered(group, cue, wish))

    def _variants(self, cue: Cue) -> list[Group]:
        """Acts in the place of which another is done."""
        names = {call.name for call in cue.calls}
        same = {name for variants in self._lexicon.notes.variants if names & set(variants) for name in variants}
        return [group for group in self._draft.groups() if group.names & same]

    def _only(self, wish: Wish, scope: Scope | None) -> None:
        """ "Only with the left eye", "with the eyes only"."""
        assert wish.part is not None
        groups = self._finder.chosen(self._finder.of_part(wish.part), wish, scope)
        side = next((word for word in ("left", "right") if word in wish.sides), None)
        if side is not None:
            groups = [group for group in groups if self._one_sided(group)]
            for group in groups:
                self._say(
                    self._changer.sided(group, "left" if side == "left" else "right", self._sided_name("left"), wish.words)
                )
        elif wish.part in ("eye", "gaze"):
            groups = [g for g in self._draft.groups() if any("gaze" in self._lexicon.kind(act.name).parts for act in g.acts)]
            for group in groups:
                self._say(self._changer.by(group, ("eyes",)))
        else:
            groups = []
        if not groups:
            raise Unusable(f"nothing in the take could be done \u201c{wish.words}\u201d")

    def _altered(self, group: Group, cue: Cue, wish: Wish) -> str:
        """Give a group what a cue says of it: how often, which side, where to, how strongly, how fast, how long."""
        changer, call = self._changer, cue.calls[0]
        done: list[str] = []
        if cue.count and cue.count != group.acts[0].count and self._draft.passes(group):
            done.append(changer.counted(group, cue.count))
        elsewhere = bool(wish.sides) or bool(call.pitch)
        if self._aims(cue) in ("gaze", "turn"):
            act = group.acts[0]
            clear = CLEAR_TURN if self._aims(cue) == "turn" else CLEAR_YAW
            yaw = call.yaw if elsewhere else act.yaw
            pitch = call.pitch if elsewhere else act.pitch
            if yaw and act.yaw and yaw * act.yaw < 0 and abs(yaw) == clear:
                yaw = -act.yaw  # the other way, as far
            elif not elsewhere and call.yaw and abs(call.yaw) != clear:
                yaw = math.copysign(call.yaw, act.yaw)  # the same way, not as far
            if (yaw, pitch) != (act.yaw, act.pitch) and not wish.aimless:
                done.append(changer.turned(group, yaw, pitch, self._facing(group, yaw), cue.words))
        elif wish.sides & {"left", "right", "both"} and call.side != group.acts[0].side:
            done.append(changer.sided(group, call.side, self._sided_name(call.side), cue.words))
        if (
            self._aims(cue) not in ("gaze", "turn")
            and abs(call.strength - 1) > 0.01
            and group.acts[0].strength != call.strength
        ):
            done.append(changer.sized(group, call.strength / group.acts[0].strength))
        if abs(cue.speed - 1) > 0.01 and group.acts[0].speed != cue.speed:
            done.append(changer.paced(group, cue.speed / group.acts[0].speed))
        if cue.length is not None:
            done.append(changer.lasting(group, cue.length))
        if not done:
            raise Unusable(f"\u201c{wish.words or cue.words}\u201d is as it was asked for already")
        return done[0] if len(done) == 1 else "; ".join([done[0], *(part.split(": ", 1)[-1] for part in done[1:])])

    def _one_sided(self, group: Group) -> bool:
        """Whether acts can be done on one side."""
        entries = self._lexicon.entries
        sided = {
            call.name for name, entry in entries.items() if entry.aims in ("side", "tilt") for call in self._lexicon.calls(name)
        }
        return bool(group.names & sided)

    def _sided_name(self, side: str) -> Callable[[str], str]:
        entries = self._lexicon.entries

        def named(name: str) -> str:
            entry = entries.get(name)
            return entry.one_sided if entry is not None and entry.one_sided and side != "both" else name

        return named

    def _facing(self, group: Group, yaw: float) -> Side:
        """The side of acts that turn so many degrees."""
        side = group.acts[0].side
        return side if side == "both" or not yaw else "left" if yaw > 0 else "right"

    def _aims(self, cue: Cue) -> str:
        return self._lexicon.entries[cue.entry].aims


def _call(act: Act) -> Call:
    """An act as it would be asked for again."""
    return Call(
        name=act.name,
        strength=act.strength,
        side=act.side,
        count=act.count,
        yaw=act.yaw,
        pitch=act.pitch,
        regions=act.regions,
    )


def _as_held(call: Call, act: Act) -> bool:
    """Whether an act that is there is what is called for."""
    return (call.name, call.side, call.yaw, call.pitch) == (act.name, act.side, act.yaw, act.pitch)


def _same_way(group: Group, call: Call) -> bool:
    act = group.acts[0]
    return (act.side == call.side and not act.yaw) or act.yaw * call.yaw > 0 or (not call.yaw and act.pitch * call.pitch > 0)
