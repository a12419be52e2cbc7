"""A note being followed, clause by clause: what is changed, what is taken away and what is kept from moving."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agents.director.adding import Adder
from agents.director.changes import Changer
from agents.director.cues import Cue
from agents.director.edits import Draft, Group
from agents.director.insertions import Inserter
from agents.director.lexicon import LexiconPlanner
from agents.director.targets import Finder, Scope, Unusable
from agents.director.wishes import Asked, Wish
from configs.lexicon import Lexicon
from protocol.brief import Act
from protocol.keyframes import exact

LEAST_HOLD, MOST_HOLD = 0.3, 2.0
"""Seconds by which something is held longer or shorter when the note does not say by how much."""
_WHOLE = 0.5
"""How far of what a note asks of one act, a whole take is made longer or shorter."""
_MORE = frozenset({"more", "less", "even more", "more of", "less of", "twice as much", "half as much"})


class Follower:
    """Follows one note.

    Args:
        draft: the take.
        finder: finds what clauses are about.
        changer: changes the draft.
        lexicon: its tables, with those of notes.
        planner: reads what is to be forbidden.

    Attributes:
        said: what was done, one sentence each.
        done: the clauses that were followed, with what was done for each.
        unread: words of them that could not be used.
    """

    def __init__(self, draft: Draft, finder: Finder, changer: Changer, lexicon: Lexicon, planner: LexiconPlanner) -> None:
        self._draft = draft
        self._finder = finder
        self._changer = changer
        self._inserter = Inserter(draft, lexicon)
        self._lexicon = lexicon
        self._planner = planner
        self._adder = Adder(draft, finder, changer, lexicon, self._say, self._spare)
        self.said: list[str] = []
        self.done: list[tuple[Wish, list[str]]] = []
        self.unread: list[str] = []

    def follow(self, wishes: Sequence[Wish]) -> list[tuple[Wish, str]]:
        """Do what the clauses ask for, in their order; those that could not be done, and why."""
        problems: list[tuple[Wish, str]] = []
        for wish in _completed(wishes):
            count = len(self.said)
            try:
                self._do(wish)
            except Unusable as why:
                if len(self.said) == count:
                    problems.append((wish, str(why)))
                    continue
            self._condense(wish, count)
            self.done.append((wish, self.said[count:]))
            if wish.reading is not None and wish.part is None:
                parts = self._lexicon.words.parts
                unread = [word for word in wish.reading.unread if word.isalpha() and word.lower() not in {*parts, *wish.sides}]
                self.unread += [word for word in unread if word not in self.unread]
        return problems

    def _condense(self, wish: Wish, count: int) -> None:
        """Say in one sentence what was done to everything alike."""
        done = self.said[count:]
        if changed := [sentence for sentence in done if " already " not in sentence]:
            self.said[count:] = done = changed
        ends = {sentence.rpartition("\u201d")[2] for sentence in done}
        if len(done) > 2 and len(ends) == 1 and not wish.cues and wish.part is None and not wish.scoped:
            self.said[count:] = [f"the whole take: everything{ends.pop()}"]

    def _say(self, sentence: str) -> None:
        if sentence not in self.said:
            self.said.append(sentence)

    def _do(self, wish: Wish) -> None:
        """Do what one clause asks for."""
        told, cues = wish.told, wish.cues
        spares = [cue for cue in cues if cue.does == "spare"]
        swaps = [anchor for anchor in wish.anchors if anchor.link in ("instead", "with")]
        changes = list(wish.asked)
        if swaps:
            self._adder.swap(wish, swaps[0])
        elif told & {"end", "remove"} and {asked.change for asked in changes} & {"sooner", "later"}:
            swapped: dict[str, Asked] = {"sooner": Asked("shorter", 0.6, ""), "later": Asked("longer", 1.5, "")}
            wish.asked = [swapped.get(asked.change, asked) for asked in changes]
            self._change(wish)
        elif "remove" in told and not changes:
            self._remove(wish)
        elif spares and not changes:
            self._spare(wish, spares)
        elif "add" in told and not changes:
            self._adder.add_or_prolong(wish)
        elif changes:
            self._change(wish)
        elif "end" in told and wish.scoped:
            self._end(wish)
        elif wish.lasting is not None and not wish.anchors and (known := self._finder.beats(wish)):
            self._rest(known, wish.lasting, lasting=True)
        elif wish.lasting is not None:
            self._last(wish)
        elif "hold" in told:
            self._hold(wish)
        elif "move" in told and wish.scoped:
            self._adder.move(wish)
        else:
            self._adder.bare(wish)

    def _change(self, wish: Wish) -> None:
        """Longer, stronger, faster, sooner and their contraries."""
        scope = self._finder.scope(wish)
        strange = [word for word in (wish.reading.unread if wish.reading else ()) if word.isalpha()]
        if strange and not wish.about and not wish.scoped:
            raise Unusable(f"\u201c{wish.words}\u201d could not be understood")
        for asked in wish.asked:
            ratio = _raised(asked.ratio, wish.degree) if wish.share is None else _share(asked, wish.share)
            beats = self._finder.beats(wish) or self._finder.beats_at(wish)
            if asked.change in ("longer", "shorter") and beats:
                self._longer_beats(wish, asked, beats, ratio)
            elif asked.change in ("longer", "shorter", "faster", "slower") and (self._finder.whole(wish) or beats):
                self._scale(wish, asked, beats or range(len(self._draft.sheets)), ratio)
            else:
                self._change_acts(wish, asked, ratio, scope)

    def _longer_beats(self, wish: Wish, asked: Asked, beats: Sequence[int], ratio: float) -> None:
        """Beats longer or shorter: by what is held in them."""
        for beat in beats:
            length = self._draft.sheets[beat].seconds
            more = wish.delta if wish.delta is not None else _rounded(abs(length * (ratio - 1)))
            self._say(self._changer.rest(beat, more if asked.change == "longer" else -more))

    def _scale(self, wish: Wish, asked: Asked, beats: Sequence[int], ratio: float) -> None:
        """Whole beats, or the whole take, at another pace or of another length."""
        total = sum(self._draft.sheets[beat].seconds for beat in beats)
        if wish.delta is not None:
            factor = (total + (wish.delta if asked.change == "longer" else -wish.delta)) / total
        elif asked.change in ("longer", "shorter"):
            factor = ratio if wish.share is not None else _raised(ratio, _WHOLE)
        else:
            factor = 1 / ratio
        if factor <= 0.05:
            raise Unusable(f"there are only {total:g} s to take time from")
        self._say(self._changer.scaled(beats, factor))

    def _change_acts(self, wish: Wish, asked: Asked, ratio: float, scope: Scope | None) -> None:
        try:
            groups = self._finder.groups(wish, scope)
        except Unusable:
            if asked.change in ("stronger", "oftener") and self._added_instead(wish):
                return
            raise
        if asked.change in ("sooner", "later"):
            groups = groups[:1] if wish.ordinal is None and len(groups) > 1 else groups
        for found in groups:
            group = self._draft.group(found.threads)
            if group is not None:
                self._say(self._changed(group, wish, asked, ratio, scope))

    def _changed(self, group: Group, wish: Wish, asked: Asked, ratio: float, scope: Scope | None) -> str:
        changer, change = self._changer, asked.change
        if change in ("stronger", "weaker") and asked.words in _MORE and wish.cues and self._finder.repeats(group):
            return changer.often(group, ratio)
        if change in ("oftener", "rarer"):
            return changer.often(group, ratio)
        if change in ("stronger", "weaker"):
            return changer.sized(group, ratio, self._beats_in(scope))
        if change in ("faster", "slower"):
            return changer.paced(group, ratio)
        if change in ("sooner", "later"):
            step = wish.delta if wish.delta is not None else asked.ratio * wish.degree
            return changer.moved(group, exact(step if change == "later" else -step))
        seen = self._seen(group)
        step = wish.delta if wish.delta is not None else _rounded(abs(seen * (ratio - 1)), passing=self._draft.passes(group))
        if change == "longer":
            beat = scope.beats[0] if scope is not None and scope.beats and scope.beats[0] > group.home else None
            return changer.longer(group, step, beat)
        return changer.ended(group, step) if wish.told & {"end", "remove"} else changer.shorter(group, step)

    def _beats_in(self, scope: Scope | None) -> list[int] | None:
        """The beats that lie in a part of the take; None for all of them."""
        if scope is None:
            return None
        return self._finder.within(scope) or [self._draft.at(scope.start)]

    def _seen(self, group: Group) -> float:
        """Seconds for which a group is seen in the beat in which it begins."""
        start = self._draft.starts()[group.home]
        return min(group.end, start + self._draft.sheets[group.home].seconds) - max(group.start, start)

    def _added_instead(self, wish: Wish) -> bool:
        """Add what is to be stronger and is not there at all; whether it could be."""
        acting = [cue for cue in wish.cues if cue.does == "act"]
        if acting and not wish.aimless and wish.ordinal is None:
            self._adder.add(replace(wish, asked=[], told={"add"}), acting)
            return True
        return False

    def _last(self, wish: Wish) -> None:
        """Let something last for so many seconds."""
        assert wish.lasting is not None
        if beats := self._finder.beats_at(wish):
            self._say(self._changer.rest(beats[-1], wish.lasting))
            return
        if self._finder.whole(wish):
            factor = wish.lasting / self._draft.seconds
            self._say(self._changer.scaled(range(len(self._draft.sheets)), factor))
            return
        resting = [cue for cue in wish.cues if cue.does in ("still", "pause")]
        if resting:
            self._adder.rest(wish, resting[0])
            return
        try:
            groups = self._finder.groups(wish, self._finder.scope(wish))
        except Unusable:
            acting = [cue for cue in wish.cues if cue.does == "act"]
            if "hold" in wish.told or not acting:
                raise
            self._adder.add(wish, acting)
            return
        for group in groups:
            self._say(self._changer.lasting(group, wish.lasting))

    def _rest(self, beats: Sequence[int], seconds: float, *, lasting: bool) -> None:
        for beat in beats:
            more = exact(seconds - self._draft.sheets[beat].seconds) if lasting else seconds
            self._say(self._changer.rest(beat, more))

    def _hold(self, wish: Wish) -> None:
        """ "Hold the smile", "keep smiling until the nod"."""
        if self._finder.whole(wish):
            raise Unusable("the note does not say what is to be held")
        if any(cue.does == "still" for cue in wish.cues):
            self._adder.rest(wish, next(cue for cue in wish.cues if cue.does == "still"))
            return
        groups = self._finder.groups(wish, None)
        until = self._until(wish)
        for found in groups:
            group = self._draft.group(found.threads) or found
            if self._draft.passes(group):
                self._say(self._changer.longer(group, _rounded(self._seen(group) * 0.5, passing=True)))
            elif until is not None:
                self._say(self._changer.until(group, until))
            elif "keep" in wish.words.lower().split()[:2] or wish.place in ("end", "whole"):
                self._say(self._changer.until(group, self._draft.seconds))
            else:
                self._say(self._changer.longer(group, _rounded(self._seen(group) * 0.5, passing=self._draft.passes(group))))

    def _end(self, wish: Wish) -> None:
        """Let what is held at a place go there."""
        scope = self._finder.scope(wish)
        at = self._adder.let_go_at(wish, scope)
        held = [g for g in self._finder.groups(wish, None) if g.start < at < g.end and not self._draft.passes(g)]
        if not held:
            raise Unusable("nothing is held there that could be let go")
        for group in held:
            self._say(self._changer.until(group, at))

    def _until(self, wish: Wish) -> float | None:
        """The time until which a clause says that something is held."""
        for anchor in wish.anchors:
            if anchor.link == "until":
                groups = self._finder.named(anchor)
                if groups:
                    return groups[-1].start
                scope = self._finder.scope(anchor)
                return scope.start if scope is not None else self._draft.seconds
        for mark in wish.marks:
            if mark.kind == "until":
                return mark.low
            if mark.kind == "throughout":
                return self._draft.seconds
        return None

    def _remove(self, wish: Wish) -> None:
        """Take acts away; what is not there is forbidden."""
        scope = self._finder.scope(wish)
        if beats := self._finder.beats(wish):
            for beat in reversed(beats):
                self._remove_beat(beat)
            return
        if self._finder.whole(wish) and not wish.everything:
            raise Unusable("the note does not say what is to be taken away")
        acting = [cue for cue in wish.cues if cue.does != "pause"]
        try:
            groups = self._finder.groups(wish, scope)
        except Unusable:
            if wish.ordinal is not None or not self._forbid(wish, scope):
                raise
            return
        for found in groups:
            group = self._draft.group(found.threads)
            if group is not None:
                cut = scope.start if scope is not None and not scope.begins(group) else None
                self._say(self._inserter.removed(group, cut))
        names = {name for cue in acting for name in self._finder.names(cue)}
        if names & set(self._lexicon.notes.of_itself):
            self._forbid(wish, scope)

    def _remove_beat(self, beat: int) -> None:
        """Take a whole beat away with all that begins in it."""
        draft, name = self._draft, self._draft.called(beat)
        sheet = draft.sheets[beat]
        if sheet.stills and sheet.begun:
            sheet.stills = ()
            self._say(f"{name}: nothing is held still")
            return
        if len(draft.sheets) == 1:
            raise Unusable("the take has no other beat")
        draft.drop([part.thread for part in draft.sheets[beat].begun])
        draft.close(beat)
        self._say(f"{name} is taken away")

    def _forbid(self, wish: Wish, scope: Scope | None) -> bool:
        """Forbid what is not to be; whether that can be forbidden."""
        plain = " ".join(wish.rest.split()) or wish.words
        bounds: dict[str, float] = {}
        parts: set[str] = set()
        of_itself = any(self._finder.names(cue) & set(self._lexicon.notes.of_itself) for cue in wish.cues)
        for cue in (*wish.full, *(m.cue for step in self._planner.understand(f"no {plain}").steps for m in step.moments)):
            # Who wants no nod where none is, wants nothing of the head; what has words of its own for not being is meant.
            if cue.does == "spare" and (cue.of or of_itself):
                bounds |= self._bounds(cue)
                parts |= {part for group in cue.of for part in self._lexicon.acts.spare_parts[group]} if of_itself else set()
        if not bounds:
            return False
        self._say(self._inserter.forbidden(bounds, self._span(scope), wish.words, frozenset(parts)))
        return True

    def _bounds(self, cue: Cue) -> dict[str, float]:
        bounds = dict(cue.spared)
        for group in cue.of:
            bounds |= self._lexicon.acts.spare[group]
        return bounds

    def _span(self, scope: Scope | None) -> tuple[float, float]:
        return (0.0, self._draft.seconds) if scope is None else (scope.start, self._draft.seconds if scope.point else scope.end)

    def _forbidden(self, act: Act, bounds: dict[str, float]) -> bool:
        """Whether bounds leave nothing of an act."""
        moves = self._lexicon.kind(act.name).never
        return bool(moves) and moves.keys() <= bounds.keys()

    def _spare(self, wish: Wish, spares: Sequence[Cue]) -> None:
        """ "Keep the head still during the smile": what would move it there is taken away."""
        scope = self._finder.scope(wish)
        span = self._span(scope)
        bounds: dict[str, float] = {}
        for cue in spares:
            bounds |= self._bounds(cue)
        if not bounds:
            raise Unusable(f"\u201c{wish.words}\u201d names nothing that could be kept from moving")
        named = [group.threads for anchor in wish.anchors for group in self._finder.named(anchor)]
        inside = [
            g for g in self._draft.groups() if span[0] - 0.01 <= max(g.start, 0.0) < span[1] - 0.01 and g.threads not in named
        ]
        self._say(self._inserter.forbidden(bounds, span, wish.words))
        for found in inside:
            group = self._draft.group(found.threads) or found  # where it is after others are gone
            if all(self._forbidden(act, bounds) for act in group.acts):
                self._say(self._inserter.removed(group))
            elif "headYaw" in bounds and any("gaze" in self._lexicon.kind(act.name).parts for act in group.acts):
                self._say(self._changer.by(group, ("eyes",)))


def _raised(ratio: float, degree: float) -> float:
    """A factor that is so many times as far from 1: "much more", "a bit less". (No power: those may round differently.)"""
    return 1 + (ratio - 1) * degree if ratio > 1 else 1 / (1 + (1 / ratio - 1) * degree)


def _share(asked: Asked, share: float) -> float:
    """A percentage as a factor."""
    more = asked.change in ("longer", "stronger", "faster", "oftener")
    return 1 + share if more else max(0.05, 1 - share)


def _rounded(seconds: float, *, passing: bool = False) -> float:
    """Seconds that a note leaves open: not too few to be seen, not too many, in tenths."""
    return exact(round(min(MOST_HOLD, max(0.1 if passing else LEAST_HOLD, seconds)), 1))


def _completed(wishes: Sequence[Wish]) -> list[Wish]:
    """Give clauses what they leave to the ones beside them: "less surprise and anger", "the smile and the nod bigger"."""
    done: list[Wish] = []
    for number, wish in enumerate(wishes):
        before = done[-1] if done else None
        following = wishes[number + 1] if number + 1 < len(wishes) else None
        if before is not None and _takes_over(wish, before):
            done[-1] = wish
            continue
        if wish.ordinal is not None and not wish.about and before is not None:
            wish.cues, wish.rest = before.cues, before.rest  # "the first blink slower and the second faster"
        elif not wish.asks and wish.about and not wish.scoped and not wish.anchors:
            _complete(wish, before, following)
        elif wish.asked and not wish.about and not wish.scoped and before is None and _joins(following):
            assert following is not None
            wish.cues, wish.part, wish.ordinal, wish.rest = following.cues, following.part, following.ordinal, following.rest
            wish.beat, wish.everything = following.beat, following.everything
        done.append(wish)
    return done


def _takes_over(wish: Wish, before: Wish) -> bool:
    """Whether a clause says what the one before it only leads to, which then needs no following of its own."""
    alone = not before.scoped and not before.anchors
    instead = next(
        (anchor for anchor in wish.anchors if anchor.link == "instead" and not anchor.cues and not anchor.sides), None
    )
    if instead is not None and before.told == {"remove"} and before.cues and alone:
        instead.cues, instead.rest = before.cues, before.rest  # "don't glance, look down instead"
        return True
    if before.everything and before.told == {"hold"} and not before.asked and wish.cues and not wish.asks:
        wish.told.add("remove")  # "keep everything but the glance"
        return True
    if (
        wish.asked
        and not wish.about
        and before.cues
        and not before.asks
        and not before.sides
        and alone
        and wish.joint == "comma"
    ):
        wish.cues, wish.rest, wish.ordinal = before.cues, before.rest, before.ordinal  # "the glance: slower"
        return True
    return False


def _complete(wish: Wish, before: Wish | None, following: Wish | None) -> None:
    """Give a clause that only names something what is asked of the things named beside it."""
    after = following is not None and following.joint == "and" and following.asked and following.first_op > following.first_cue
    if before is not None and wish.joint in ("and", "comma") and before.asks and before.first_op < before.first_cue:
        if _nominal(wish):
            wish.asked, wish.told = list(before.asked), set(before.told)
            wish.degree, wish.share, wish.delta, wish.lasting = before.degree, before.share, before.delta, before.lasting
            wish.place, wish.marks = before.place, list(before.marks)
    elif after and following is not None and (_nominal(wish) or "make" in wish.evidence):
        wish.asked, wish.degree = list(following.asked), following.degree
        wish.share, wish.delta = following.share, following.delta


def _joins(wish: Wish | None) -> bool:
    """Whether a clause goes on with the one before, and says what both are about."""
    return wish is not None and wish.about and wish.joint in ("comma", "and")


def _nominal(wish: Wish) -> bool:
    """Whether a clause only names something: "the nod", "nodding", "anger"."""
    words = wish.words.lower().split()
    first = wish.tokens[0].word if wish.tokens else ""
    return first in ("the", "a", "an", "her", "his", "their") or (
        len(words) == 1 and (first.endswith("ing") or bool(wish.cues))
    )
