"""What a clause asks for: cues found by the lexicon's patterns, shaped by the modifiers around them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from agents.director.clauses import Clause
from agents.director.modifiers import OTHER, Hit, ModifierReader, gap
from agents.director.patterns import Match, PatternTable
from agents.director.text import Token
from configs.lexicon import Call, Does, Entry, Lexicon
from protocol.brief import Side
from protocol.channels import Region

CLEAR_YAW = 18.0
CLEAR_PITCH_UP = 14.0
CLEAR_PITCH_DOWN = 15.0
CLEAR_TURN = 20.0
"""Degrees of a clear look aside, up and down, and of a clear turn of the head (the catalogue of gestures)."""
_POINTS = frozenset({"to", "on", "off", "toward", "towards", "at", "from"})
KEPT_UP = 4
"""How often something is done that somebody keeps doing."""
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
        text: the direction as written.
    """

    def __init__(self, lexicon: Lexicon, patterns: PatternTable, modifiers: ModifierReader) -> None:
        self._lexicon = lexicon
        self._patterns = patterns
        self._modifiers = modifiers

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
        while True:
            lemmas = [() if place in hidden else token.lemmas for place, token in enumerate(tokens)]
            found = self._patterns.find(lemmas, words, frozenset(excluded), own if borrowed else None)
            taken = frozenset(place for match in found for place in match.places)
            hits = [_named(hit, other) for hit in self._modifiers.find(clause.tokens, taken)]
            shaped = _Shaping(found, hits, self._lexicon, own)
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
            cue = replace(cue, words=" ".join(text[start:end].split())[:400], place=start, end=end)
            result.cues.append(cue)
            result.used |= places
        result.used |= {
            p for hit in hits for p in range(hit.first, hit.last + 1) if hit.kind in ("affirmed", "not") and result.cues
        }
        result.loose = shaped.loose
        result.cues = self._without_background(result.cues)
        if result.cues and (aside := self._aside(clause, result.cues, result.loose, text)) is not None:
            result.cues.append(aside)
        if result.cues:
            result.verbs = tuple(tokens[place] for match in found for place in match.places)
        return result

    def _aside(self, clause: Clause, cues: Sequence[Cue], loose: Sequence[Hit], text: str) -> Cue | None:
        """A look to where something is said to be: "something catches her attention on the right"."""
        if any(cue.entry in self._lexicon.actions for cue in cues):
            return None
        for hit in loose:
            if hit.kind != "side" or hit.value not in (1, -1) or hit.first == 0:
                continue
            before = [token.word for token in clause.tokens[max(0, hit.first - 2) : hit.first]]
            after = clause.tokens[hit.last + 1 : hit.last + 2]
            if not _POINTS.isdisjoint(before) and (not after or after[0].word in self._lexicon.words.light):
                first, last = clause.tokens[hit.first - 1], clause.tokens[hit.last]
                call = Call(name="look", yaw=hit.value * CLEAR_YAW)
                words = text[first.start : last.end]
                return Cue(
                    entry="look",
                    does="act",
                    calls=(call,),
                    of=(),
                    spared=(),
                    speed=1.0,
                    length=None,
                    brief=None,
                    count=0,
                    natural=None,
                    event=False,
                    words=words,
                    place=first.start,
                    end=last.end,
                )
        return None

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
        strength = min(2.0, max(0.15, strength))
        speed = min(3.0, max(0.12, speed))
        calls = tuple(_shape(call, entry, hits, strength, count) for call in self._lexicon.calls(name))
        spared: tuple[tuple[str, float], ...] = ()
        does, of = entry.does, entry.of
        if entry.waits and match.places[0] == 0 and len(tokens) <= 2:
            does, calls = "pause", ()
        if negation is not None:
            does, calls, of, spared = self._deny(entry, name, calls, of)
        return Cue(name, does, calls, of, spared, speed, None, brief, count, entry.seconds, entry.event, "", 0, 0)

    def _kept_up(self, name: str, match: Match, tokens: Sequence[Token]) -> bool:
        """Whether a passing act is done on and on, as in "keeps blinking"."""
        first = match.places[0]
        return (
            first > 0
            and tokens[first].word.endswith("ing")
            and not {"keep", "continue"}.isdisjoint(tokens[first - 1].lemmas)
            and all(self._lexicon.kind(call.name).hold == "own" for call in self._lexicon.calls(name))
        )

    def _deny(
        self, entry: Entry, name: str, calls: tuple[Call, ...], of: tuple[str, ...]
    ) -> tuple[Does, tuple[Call, ...], tuple[str, ...], tuple[tuple[str, float], ...]]:
        """What "not" makes of an entry: the opposite state, or bounds on what the acts would have moved."""
        if entry.does != "act":
            return "spare", (), (), ()
        opposite = self._lexicon.acts.opposite.get(name)
        if opposite is not None:
            return "act", (Call(name=opposite, strength=0.6),), (), ()
        bounds: dict[str, float] = {}
        for call in calls:
            bounds.update(self._lexicon.kind(call.name).never)
        return "spare", (), (), tuple(sorted(bounds.items()))


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
            changes["yaw"] = _bounded(yaw * CLEAR_YAW * scale if angle is None else angle * _sign(yaw), 45)
            changes["pitch"] = _bounded(pitch * (CLEAR_PITCH_UP if pitch > 0 else CLEAR_PITCH_DOWN) * scale, 25)
        changes["strength"] = call.strength
        if any(hit.value == 1.1 and hit.pitch == 0 and hit.last > hit.first for hit in aims):
            regions: tuple[Region, ...] = ("eyes",)
            changes["regions"] = regions
    return call.model_copy(update={**changes, "side": side, "name": name})


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


def name_of(match: Match) -> str:
    """The entry that a match is of."""
    return match.pattern.entry


class _Shaping:
    """Gives each modifier of a clause to the cue that it belongs to."""

    def __init__(self, found: Sequence[Match], hits: Sequence[Hit], lexicon: Lexicon, own: int) -> None:
        self._found = found
        self._entries = [lexicon.entries[match.pattern.entry] for match in found]
        self._lexicon = lexicon
        self.of: list[list[Hit]] = [[] for _ in found]
        self.loose: list[Hit] = []
        for hit in hits:
            takers = [n for n, entry in enumerate(self._entries) if self._takes(entry, n, hit)]
            if not takers:
                if hit.kind not in ("not", "affirmed"):
                    self.loose.append(hit)
                continue
            # An adjective or adverb stands before what it describes; a direction follows its verb.
            behind = hit.kind in ("aim", "side", "angle")
            best = min(takers, key=lambda n: (2 * gap(hit, found[n].places) + ((hit.last < found[n].places[0]) == behind), n))
            if found[best].places[0] >= own or hit.kind != "number" or gap(hit, found[best].places) <= 2:
                self.of[best].append(hit)
            else:
                self.loose.append(hit)

    def _takes(self, entry: Entry, number: int, hit: Hit) -> bool:
        if hit.kind in ("not", "affirmed"):
            return False
        if hit.kind == "aim":
            return entry.aims in ("gaze", "turn") or (entry.aims == "tilt" and hit.yaw != 0)
        if hit.kind == "side":
            if entry.aims in ("gaze", "turn"):
                return hit.value in (1, -1)
            return entry.aims != "none"
        if hit.kind == "angle":
            return entry.aims in ("gaze", "turn", "tilt")
        if hit.kind == "number":
            name = self._found[number].pattern.entry
            return entry.does == "act" and all(
                self._lexicon.kind(c.name).hold in ("own", "span") for c in self._lexicon.calls(name)
            )
        return True

    def aimless(self) -> set[str]:
        """Entries that need a direction and have none."""
        return {
            match.pattern.entry
            for match, entry, hits in zip(self._found, self._entries, self.of, strict=True)
            if entry.needs_aim and not any(hit.kind == "aim" or (hit.kind == "side" and hit.value in (1, -1)) for hit in hits)
        }
