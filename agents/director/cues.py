"""What a clause asks for: cues found by the lexicon's patterns, shaped by the modifiers around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from agents.director.attention import UNPLACED_YAW, beheld, named_place, others_act, unplaced
from agents.director.clauses import Clause
from agents.director.doings import PARTICLES, moves_a_thing
from agents.director.modifiers import OTHER, Hit, ModifierReader
from agents.director.patterns import Match, PatternTable
from agents.director.shaping import Shaping, name_of
from agents.director.text import Token
from configs.lexicon import Call, Does, Entry, Lexicon
from protocol.brief import Side
from protocol.channels import REGIONS, Region, both_sides

CLEAR_YAW = 18.0
CLEAR_PITCH_UP = 14.0
CLEAR_PITCH_DOWN = 15.0
CLEAR_TURN = 20.0
"""Degrees of a clear look aside, up and down, and of a clear turn of the head (the catalogue of gestures)."""
KEPT_UP = 4
"""How often something is done that somebody keeps doing."""
MORE = 1.3
"""How much more a feeling is that is compared with what it was."""
DIP = 0.9
"""Seconds for which an expression wavers, where nothing says for how long."""
_SEEING = frozenset({"look", "watch", "see", "spot", "follow", "admire", "notice"})
_WHO_WAITS = frozenset({"he", "she", "they", "we", "just", "simply"})
_LASTING = frozenset("stay remain keep hold linger stare gape freeze frozen still rooted transfixed fixed continue".split())
"""Words by which a feeling lasts that would be over by itself."""
MANNER = 0.75
"""How strong an emotion is that only colours an action, as in "he nods sadly"."""


@dataclass(frozen=True, slots=True)
class Cue:
    """One thing that a clause asks for.

    Attributes:
        entry: the lexicon's entry.
        does: what kind of thing it is.
        calls: the acts that it calls for, with strengths, sides and angles filled in; none for a cue that is denied.
        of: groups that it releases or spares.
        spared: channels and bounds that a denied act forbids.
        speed: factor on the pace.
        length: seconds that it is to last, if said.
        brief: seconds of a flash, if it is one.
        count: how often, or 0.
        natural: natural length in seconds of the entry, if it has one of its own.
        event: whether it happens to the subject.
        words: the words that it comes from, as written.
        place: index of its first character in the direction.
        end: index after its last character.
        denied: whether it is what comes of "not".
        lasts: whether it is said to go on: "stays surprised", "stares in amazement".
    """

    entry: str
    does: Does
    calls: tuple[Call, ...]
    of: tuple[str, ...]
    spared: tuple[tuple[str, float], ...]
    speed: float
    length: float | None
    brief: float | None
    count: int
    natural: float | None
    event: bool
    words: str
    place: int
    end: int
    denied: bool = False
    lasts: bool = False


@dataclass(slots=True)
class Analysis:
    """A clause with its cues.

    Attributes:
        clause: the clause.
        cues: what it asks for, in order.
        hits: its modifiers.
        used: indices of its tokens that mean something.
        verbs: tokens that the next clause may leave out.
        loose: modifiers that no cue took.
    """

    clause: Clause
    cues: list[Cue] = field(default_factory=list)
    hits: list[Hit] = field(default_factory=list)
    used: set[int] = field(default_factory=set)
    verbs: tuple[Token, ...] = ()
    loose: list[Hit] = field(default_factory=list)


class CueReader:
    """Finds the cues of clauses.

    Args:
        lexicon: the tables.
        patterns: its patterns, compiled.
        modifiers: finds what changes them.
    """

    def __init__(self, lexicon: Lexicon, patterns: PatternTable, modifiers: ModifierReader) -> None:
        self._lexicon = lexicon
        self._patterns = patterns
        self._modifiers = modifiers
        self._light = frozenset(lexicon.words.light)
        classes = lexicon.words.classes
        self._handled = frozenset(classes.get("handled", ()))
        self._sensing = frozenset((*classes.get("notices", ()), *classes.get("appears", ())))  # older lexicons lack them

    def read(
        self, clause: Clause, text: str, borrowed: Sequence[Token] = (), other: Side = "right", *, repeats: bool = False
    ) -> Analysis:
        """The cues of one clause.

        Args:
            clause: the clause.
            text: the whole direction as written.
            borrowed: tokens that the clause leaves out and the one before has; a cue needs something of the clause's own.
            other: the side that "the other" means.
            repeats: whether the clause may ask for nothing but what is borrowed, at a time of its own.
        """
        tokens = [*clause.tokens, *borrowed]
        own = len(clause.tokens)
        words = [token.word for token in tokens]
        excluded: set[str] = set()
        hidden = {  # said of what, not of whom: "can not help", "the viewer's left"
            p
            for hit in self._modifiers.find(clause.tokens, frozenset())
            for p in (
                range(hit.first, hit.last + 1)
                if hit.kind == "affirmed"
                else range(hit.first, hit.last)
                if hit.kind == "side"
                else ()
            )
        }
        dropped: set[int] = set()
        other_does = None if borrowed else others_act(clause.tokens, self._lexicon)
        lasts = any(not _LASTING.isdisjoint((token.word, *token.lemmas)) for token in clause.tokens)
        denies = not {"not", "never"}.isdisjoint(words[:own])
        while True:
            lemmas = [() if place in hidden else token.lemmas for place, token in enumerate(tokens)]
            found = self._patterns.find(lemmas, words, frozenset(excluded), own if borrowed else None)
            if other_does is not None:
                dropped.update(p for match in found if self._done_by(other_does, match) for p in match.places)
                found = [match for match in found if not self._done_by(other_does, match)]
            found = [match for match in found if not self._moves_a_thing(tokens[:own], match)]
            taken = frozenset(place for match in found for place in match.places)
            hits = [_named(hit, other) for hit in self._modifiers.find(clause.tokens, taken)]
            if denies:
                hits = [hit for hit in hits if hit.kind != "count" or hit.value != 1]  # "does not look away once"
            seen = None if denies else beheld(clause.tokens, hits, found, self._lexicon)
            shaped = Shaping(found, [hit for hit in hits if seen is None or hit is not seen[0]], self._lexicon, own)
            aimless = shaped.aimless()
            if not aimless:
                break
            excluded |= aimless
        result = Analysis(clause, hits=hits)
        denied = [hit for hit in hits if hit.kind == "not"]
        for number, match in enumerate(found):
            mine = shaped.of[number]
            if match.places[0] >= own and not mine and not repeats:
                continue
            places = {place for place in match.places if place < own} | {
                p for hit in mine for p in range(hit.first, hit.last + 1)
            }
            if not places and not repeats:
                continue
            negation = next((hit for hit in denied if hit.last < match.places[0] or match.places[0] >= own), None)
            if negation is not None:
                places |= set(range(negation.first, negation.last + 1))
            cue = self._cue(match, mine, negation, number, found, tokens, own)
            start, end = _extent(clause, sorted(places))
            if name_of(match) in self._lexicon.states and self._in_the_eyes(clause, match):
                eyes: tuple[Region, ...] = ("brows", "eyes")
                cue = replace(cue, calls=tuple(call.model_copy(update={"regions": eyes}) for call in cue.calls))
            cue = replace(cue, words=" ".join(text[start:end].split())[:400], place=start, end=end, lasts=lasts)
            result.cues.append(cue)
            result.used |= places
        result.used |= {
            p for hit in hits for p in range(hit.first, hit.last + 1) if hit.kind in ("affirmed", "not") and result.cues
        }
        result.loose = shaped.loose
        result.cues = self._without_background(result.cues)
        if seen is not None and result.cues:
            look = Call(name="look", yaw=seen[0].value * CLEAR_YAW)
            result.cues.append(_look(look, tokens[seen[1]], tokens[seen[0].last], text))
            result.used |= set(range(seen[1], seen[0].last + 1))
        if other_does is not None and not result.cues and dropped:
            result.used |= dropped | set(range(other_does + 1))
            result.cues.append(self._attends(clause, max(dropped), text))
        if result.cues and (aside := self._aside(clause, result.cues, result.loose, text)) is not None:
            result.cues.append(aside)
        if not borrowed:
            self._look_too(result, found, text)
        if result.cues:
            result.verbs = tuple(tokens[place] for match in found for place in match.places)
        return result

    def _look_too(self, result: Analysis, found: Sequence[Match], text: str) -> None:
        """Add the look whose verb the manner of it has taken: "looks innocently up at the ceiling"."""
        tokens = result.clause.tokens
        aims = [hit for hit in result.loose if hit.kind == "aim" or (hit.kind == "side" and hit.value in (1, -1))]
        if not aims:
            return
        for match in found:
            verbs = {place for place in match.places if place < len(tokens) and not _SEEING.isdisjoint(tokens[place].lemmas)}
            if any("follow" in tokens[place].lemmas for place in verbs) and match.pattern.entry in self._lexicon.situations:
                continue  # "follows her down the street"
            if not verbs or self._lexicon.entries[name_of(match)].aims in ("gaze", "turn"):
                continue
            kept = [
                replace(token, word="look", lemmas=("look",)) if place in verbs else token
                for place, token in enumerate(tokens)
                if place in verbs or place not in match.places
            ]
            looks = self.read(replace(result.clause, tokens=kept, times=[]), text).cues
            looks = [cue for cue in looks if cue.does == "act" and self._lexicon.entries[cue.entry].aims in ("gaze", "turn")]
            result.cues.extend(looks)
            if looks:
                result.used |= {place for hit in aims for place in range(hit.first, hit.last + 1)}
                result.loose = [hit for hit in result.loose if hit not in aims]

    def _aside(self, clause: Clause, cues: Sequence[Cue], loose: Sequence[Hit], text: str) -> Cue | None:
        """A look to where something is said to be: "something catches her attention on the right"."""
        if any(cue.entry in self._lexicon.actions and cue.does == "act" and not cue.event for cue in cues):
            return None
        for hit in loose:
            if hit.kind == "aim" and hit.regions != REGIONS:  # "notices her out of the corner of his eye"
                look = Call(name="look", yaw=hit.yaw * CLEAR_YAW, pitch=hit.pitch * CLEAR_PITCH_UP, regions=hit.regions)
                return _look(look, clause.tokens[hit.first], clause.tokens[hit.last], text)
        found = named_place(clause, loose, self._light)
        if found is None:
            return None
        hit, first = found
        return _look(Call(name="look", yaw=hit.value * CLEAR_YAW), clause.tokens[first], clause.tokens[hit.last], text)

    def toward(self, analysis: Analysis, text: str) -> Analysis | None:
        """A clause that has somebody look where something is, or at what nobody can place, and asks for nothing else."""
        clause = analysis.clause
        there = [n for n, t in enumerate(clause.tokens) if not self._sensing.isdisjoint((t.word, *t.lemmas))]
        if there:
            aside = self._aside(clause, (), analysis.loose, text)
            if aside is not None:
                used = {n for n, token in enumerate(clause.tokens) if aside.place <= token.start < aside.end}
                return Analysis(clause, [aside], analysis.hits, used | set(there))
        found = unplaced(clause.tokens, self._lexicon)
        if found is None:
            return None
        first, last = found
        cue = _look(Call(name="look", yaw=UNPLACED_YAW), clause.tokens[first], clause.tokens[last], text)
        return Analysis(clause, [cue], [], set(range(first, last + 1)), (clause.tokens[first],))

    def _attends(self, clause: Clause, until: int, text: str) -> Cue:
        """What the subject does when somebody else does something, told up to a token: notices, and looks."""
        first, last = clause.tokens[0], clause.tokens[until]
        calls = (Call(name="brow_flash", strength=0.6), Call(name="interest", strength=0.6))
        words = " ".join(text[first.start : last.end].split())[:400]
        return Cue(
            "interest", "act", calls, (), (), 1.0, None, None, 0, 1.4, event=True, words=words, place=first.start, end=last.end
        )

    def _done_by(self, who: int, match: Match) -> bool:
        """Whether a match is what somebody else does, as in "her friends shout", and no face of the subject's."""
        name = name_of(match)
        return match.places[0] > who and name in self._lexicon.actions and self._passing(name)

    def _moves_a_thing(self, tokens: Sequence[Token], match: Match) -> bool:
        """Whether a match takes for a movement of the head what is done to a thing, as in "tilts the cup"."""
        parts = self._lexicon.words.parts
        if name_of(match) not in self._lexicon.actions or match.places[-1] >= len(tokens):
            return False
        if any(lemma in parts for place in match.places for lemma in tokens[place].lemmas):
            return False
        verbs = [place for place in match.places if not self._handled.isdisjoint(tokens[place].lemmas)]
        own = [place for place in match.places if tokens[place].word not in PARTICLES]
        return any(moves_a_thing(tokens, place, parts) and own[-1] - place not in range(1, 5) for place in verbs)

    def _passing(self, name: str) -> bool:
        """Whether an action is done by somebody, rather than something that happens to them."""
        entry = self._lexicon.entries[name]
        return entry.does == "act" and not entry.event

    def _in_the_eyes(self, clause: Clause, match: Match) -> bool:
        """Whether an emotion is said to show in the eyes: "fear shows in his eyes", "her eyes are sad"."""
        named = {lemma for n, token in enumerate(clause.tokens) if n not in match.places for lemma in token.lemmas}
        return "eye" in named and named.isdisjoint({"mouth", "lip", "face", "smile", "head", "brow", "close", "shut", "cheek"})

    def _without_background(self, cues: list[Cue]) -> list[Cue]:
        """What the subject is busy with leaves the emotion to whatever else names one: "listens, bored"."""
        states = self._lexicon.states
        other = any(
            call.name in states for cue in cues if not self._lexicon.entries[cue.entry].background for call in cue.calls
        )
        if not other:
            return cues
        return [
            replace(cue, calls=tuple(call for call in cue.calls if call.name not in states))
            if self._lexicon.entries[cue.entry].background
            else cue
            for cue in cues
        ]

    def _cue(
        self,
        match: Match,
        hits: Sequence[Hit],
        negation: Hit | None,
        number: int,
        found: Sequence[Match],
        tokens: Sequence[Token],
        own: int,
    ) -> Cue:
        name = match.pattern.entry
        entry = self._lexicon.entries[name]
        strength = match.pattern.strength
        speed = 1.0
        brief: float | None = None
        count = 0
        for hit in hits:
            if hit.kind == "degree":
                strength *= hit.value
            elif hit.kind == "pace":
                speed *= hit.value
            elif hit.kind == "onset":
                kinds = [self._lexicon.kind(call.name) for call in self._lexicon.calls(name)]
                speed *= hit.value if all(kind.hold in ("keep", "step") for kind in kinds) else 1.0
            elif hit.kind == "brief":
                brief = hit.value if brief is None else min(brief, hit.value)
            elif hit.kind in ("count", "number"):
                count = min(60, max(1, round(hit.value)))
        if not count and self._kept_up(name, match, tokens):
            count = KEPT_UP
        if (
            name in self._lexicon.states
            and len(found) > 1
            and any(tokens[place].word.endswith("ly") for place in match.places if place < own)
        ):
            strength *= MANNER
        if name in self._lexicon.states and self._compared(match, tokens):
            strength *= MORE
        strength = min(2.0, max(0.15, strength))
        speed = min(3.0, max(0.12, speed))
        calls = tuple(_shape(call, entry, hits, strength, count) for call in self._lexicon.calls(name))
        spared: tuple[tuple[str, float], ...] = ()
        does, of = entry.does, entry.of
        if does == "dip":
            does, brief = "release", DIP if brief is None else brief
        if entry.waits and _only_waits(match, tokens[:own]):
            does, calls = "pause", ()
        side = _side_of([hit.value for hit in hits if hit.kind == "side"])
        if negation is not None:
            neither = tokens[negation.first].word in ("neither", "nor")
            does, calls, of, spared = self._deny(entry, name, calls, of, neither=neither)
        if does == "spare" and side != "both":
            spared = self._one_side(of, spared, side)
            of = ()
        seconds = entry.seconds
        return Cue(
            name, does, calls, of, spared, speed, None, brief, count, seconds, entry.event, "", 0, 0, negation is not None
        )

    def _one_side(self, of: Sequence[str], spared: Sequence[tuple[str, float]], side: Side) -> tuple[tuple[str, float], ...]:
        """What is not to move, on one side of the face: "the right one stays open"."""
        bounds = dict(spared)
        for group in of:
            bounds.update(self._lexicon.acts.spare[group])
        sides = {name: both_sides(name) for name in bounds}
        return tuple(
            sorted((names[side == "right"] if len(names) == 2 else name, bounds[name]) for name, names in sides.items())
        )

    def _kept_up(self, name: str, match: Match, tokens: Sequence[Token]) -> bool:
        """Whether a passing act is done on and on, as in "keeps blinking"."""
        first = match.places[0]
        return (
            first > 0
            and tokens[first].word.endswith("ing")
            and not {"keep", "continue"}.isdisjoint(tokens[first - 1].lemmas)
            and all(self._lexicon.kind(call.name).hold == "own" for call in self._lexicon.calls(name))
        )

    def _compared(self, match: Match, tokens: Sequence[Token]) -> bool:
        """Whether a feeling is named as more than before: "angrier"."""
        return any(tokens[p].word.endswith("er") and tokens[p].word not in tokens[p].lemmas for p in match.places)

    def _deny(
        self, entry: Entry, name: str, calls: tuple[Call, ...], of: tuple[str, ...], *, neither: bool
    ) -> tuple[Does, tuple[Call, ...], tuple[str, ...], tuple[tuple[str, float], ...]]:
        """What "not" makes of an entry: the opposite state, or bounds on what the acts would have moved."""
        if entry.does != "act":
            return "spare", (), (), ()
        opposite = self._lexicon.acts.opposite.get(name)
        if neither and name in self._lexicon.states:
            opposite = "neutral"  # "neither happy nor sad": not their opposites both
        if opposite is not None:
            return "act", (Call(name=opposite, strength=0.6),), (), ()
        bounds: dict[str, float] = {}
        for call in calls:
            bounds.update(self._lexicon.kind(call.name).never)
        return "spare", (), (), tuple(sorted(bounds.items()))


def _only_waits(match: Match, tokens: Sequence[Token]) -> bool:
    """Whether a clause says only that somebody waits, and nothing of what it is like: "wait a moment", "she waits"."""
    first = match.places[0]
    return len(tokens) <= 2 + first and all(token.word in _WHO_WAITS for token in tokens[:first])


def _shape(call: Call, entry: Entry, hits: Sequence[Hit], strength: float, count: int) -> Call:
    """A call with what the modifiers say of it."""
    side, name = call.side, call.name
    sides = [hit.value for hit in hits if hit.kind == "side"]
    lone = [value for value in sides if value in (1, -1)]
    aims = [hit for hit in hits if hit.kind == "aim"]
    angle = next((hit.value for hit in hits if hit.kind == "angle"), None)
    changes: dict[str, object] = {"strength": min(2.0, call.strength * strength)}
    if count:
        changes["count"] = count
    if entry.aims in ("side", "tilt") and (sides or aims):
        side = _side_of(sides)
        if entry.aims == "tilt" and side == "both":
            side = "left"
        if entry.one_sided and side != "both":
            name = entry.one_sided
    elif entry.aims == "tilt":
        side = "left"
    if entry.aims in ("gaze", "turn"):
        yaw, pitch = _direction(lone, aims)
        scale = min(1.9, strength)
        if entry.aims == "turn" and not (lone or aims):
            yaw = 1.0
        if entry.aims == "turn":
            turn = abs(call.yaw) or CLEAR_TURN * max(1.0, abs(yaw))
            changes["yaw"] = _bounded((angle if angle is not None else turn * scale) * _sign(yaw), 45)
            changes["pitch"] = _bounded(pitch * 6, 15)
            side = "left" if yaw >= 0 else "right"
        elif lone or aims:
            across = bool(lone) or any(hit.yaw for hit in aims) or not call.yaw
            changes["yaw"] = (
                call.yaw if not across else _bounded(yaw * CLEAR_YAW * scale if angle is None else angle * _sign(yaw), 45)
            )
            changes["pitch"] = _bounded(pitch * (CLEAR_PITCH_UP if pitch > 0 else CLEAR_PITCH_DOWN) * scale, 25)
        changes["strength"] = call.strength
        if alone := [hit.regions for hit in aims if hit.regions != REGIONS]:
            changes["regions"] = alone[0]  # "out of the corner of his eye"
    return call.model_copy(update={**changes, "side": side, "name": name})


def _look(call: Call, first: Token, last: Token, text: str) -> Cue:
    """A look that follows from the words between two tokens."""
    words = " ".join(text[first.start : last.end].split())[:400]
    return Cue(
        "look", "act", (call,), (), (), 1.0, None, None, 0, None, event=False, words=words, place=first.start, end=last.end
    )


def _extent(clause: Clause, places: Sequence[int]) -> tuple[int, int]:
    """From the first to the last character of some of a clause's tokens, or of its times if there are none."""
    if places:
        return clause.tokens[places[0]].start, clause.tokens[places[-1]].end
    return clause.times[0].start, clause.times[-1].end


def _named(hit: Hit, other: Side) -> Hit:
    """A side that is only called the other one, as left or right."""
    return replace(hit, value=1 if other == "left" else -1) if hit.kind == "side" and hit.value == OTHER else hit


def _side_of(sides: Sequence[float]) -> Side:
    for value in sides:
        if value in (1, -1):
            return "left" if value == 1 else "right"
    return "left" if 0 in sides and 2 not in sides else "both"


def _direction(lone: Sequence[float], aims: Sequence[Hit]) -> tuple[float, float]:
    """Yaw and pitch in units of a clear look: the largest of each, left and right deciding the sign."""
    yaw = max((hit.yaw for hit in aims), key=abs, default=0.0)
    pitch = max((hit.pitch for hit in aims), key=abs, default=0.0)
    if lone:
        yaw = lone[0] * max(1.0, abs(yaw))
    return yaw, pitch


def _sign(value: float) -> float:
    return -1.0 if value < 0 else 1.0


def _bounded(value: float, most: float) -> float:
    return min(most, max(-most, value))
