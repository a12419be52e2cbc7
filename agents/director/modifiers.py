"""Words in a clause that change what its cues ask for: how much, how fast, which side, how often, where to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from typing import Literal

from agents.director.phrases import PhraseTable
from agents.director.text import Token
from configs.lexicon import Lexicon
from protocol.channels import REGIONS, Region

HitKind = Literal["degree", "pace", "onset", "brief", "count", "side", "aim", "angle", "number", "not", "affirmed"]

OTHER = 3
"""The value of a side that is only called "the other"."""
_NOT_A_SIDE_AFTER = frozenset(
    "at into in away now after before through on back then here there behind beside beneath up down alone him them us me"
    " off out where when above about when as".split()
)
"""Followed by one of these and not after a determiner, "right" and "left" name no side: "right at the camera"."""
_MAKES_A_SIDE = frozenset(
    "the his her their its my your our to own viewer camera screen stage house far hard upper lower".split()
)
_ABRUPT = frozenset({"snap", "whip", "shoot", "jerk", "fly"})
"""Verbs that say how fast as well as what; a pattern that needs them leaves their pace to be read."""
_PAIRED = frozenset("brow eyebrow eye eyelid lid cheek corner nostril side shoulder ear dimple edge half left right".split())
"""Parts of which there are two; "one" before anything else is a number."""
_HOW_OFTEN = frozenset({"once", "twice", "thrice", "again", "repeatedly", "several", "two", "three", "four", "five"})
_HEIGHTS = {"upper": 0.9, "top": 0.9, "lower": -0.9, "bottom": -0.9}
_OF_A_VIEW = frozenset("corner hand edge side part half of and then to again for with in".split())
_GONE = frozenset("has have had was were is are be been just nothing".split())


@dataclass(frozen=True, slots=True)
class Hit:
    """A modifier found in a clause.

    Attributes:
        kind: what it changes.
        value: factor, seconds, number of times or degrees; for a side +1 (left), -1 (right), 0 (one), 2 (both), 3 (the other).
        yaw: for an aim, units of a clear look toward the subject's left.
        pitch: for an aim, units of a clear look up.
        first: index of its first token.
        last: index of its last token.
        regions: for an aim, who moves.
    """

    kind: HitKind
    value: float
    first: int
    last: int
    yaw: float = 0.0
    pitch: float = 0.0
    regions: tuple[Region, ...] = REGIONS


@dataclass(frozen=True, slots=True)
class _Meaning:
    kind: HitKind
    value: float = 0.0
    yaw: float = 0.0
    pitch: float = 0.0
    regions: tuple[Region, ...] = REGIONS


class ModifierReader:
    """Finds modifiers by the lexicon's tables."""

    def __init__(self, lexicon: Lexicon) -> None:
        tables = lexicon.modifiers
        said: dict[str, tuple[_Meaning, ...]] = {}

        def add(phrase: str, meaning: _Meaning) -> None:
            for spelled in _spelled(phrase, lexicon.words.classes):
                said[spelled] = (*said.get(spelled, ()), meaning)

        for phrase, factor in tables.degree.items():
            add(phrase, _Meaning("degree", factor))
        for phrase, factor in tables.pace.items():
            add(phrase, _Meaning("pace", factor))
        for phrase, factor in tables.onset.items():
            add(phrase, _Meaning("onset", factor))
        for phrase, seconds in tables.brief.items():
            add(phrase, _Meaning("brief", seconds))
        for phrase, times in tables.counts.items():
            add(phrase, _Meaning("count", times))
        for phrase, (yaw, pitch, *alone) in tables.aims.items():
            add(phrase, _Meaning("aim", yaw=yaw, pitch=pitch, regions=tuple(alone) or REGIONS))
        for phrase in tables.negation:
            add(phrase, _Meaning("not"))
        for phrase in tables.affirmed:
            add(phrase, _Meaning("affirmed"))
        self._phrases: PhraseTable[tuple[_Meaning, ...]] = PhraseTable(said)
        self._mirror = frozenset(tables.mirror)
        self._numbers = lexicon.words.numbers
        self._subjects = frozenset(lexicon.words.subjects)

    def vocabulary(self) -> list[str]:
        """Every word of every modifier."""
        return [*self._phrases.vocabulary(), *self._mirror, *self._numbers, "left", "right", "both", "other", "degree", "time"]

    def find(self, tokens: Sequence[Token], taken: frozenset[int]) -> list[Hit]:
        """The modifiers among the tokens of a clause that no cue has taken, in order."""
        free = [place not in taken for place in range(len(tokens))]
        hits: list[Hit] = []
        for place, token in enumerate(tokens):
            if (side := self._side(tokens, place)) is not None:
                hits.append(side)  # a pattern that needs the word leaves its meaning to be read
                free[place] = False
            elif (most := _as_can(tokens, place)) is not None:
                hits.append(most)
                for covered in range(most.first, most.last + 1):
                    free[covered] = False
            elif not free[place]:
                continue
            elif (height := _height(tokens, place)) is not None:
                hits.append(height)
                free[place] = False
            elif (number := self._number(tokens, place, free)) is not None:
                hits.append(number)
                for covered in range(number.first, number.last + 1):
                    free[covered] = False
            elif (
                token.word in ("hand", "hands")
                and place
                and tokens[place - 1].word in ("left", "right")
                and _edge(tokens, place + 1)
            ):
                hits.append(Hit("affirmed", 0, place, place))  # "the right-hand side": says nothing of hands
                free[place] = False
            elif token.word == "from":  # "looks up from her book" names where the look leaves
                for covered in range(place + 1, min(place + 4, len(tokens))):
                    if any(lemma in ("left", "right") for lemma in tokens[covered].lemmas):
                        break
                    if tokens[covered].word in _HOW_OFTEN or tokens[covered].word.endswith("ly"):
                        break
                    free[covered] = False
        free = [open_ or not _ABRUPT.isdisjoint(token.lemmas) for open_, token in zip(free, tokens, strict=True)]
        for phrase in self._phrases.find(tokens, free):
            if tokens[phrase.first].word in ("fly", "flies") and _a_thing(tokens, phrase.first):
                continue
            for meaning in phrase.value:
                if meaning.kind == "degree" and self._describes_subject(tokens, phrase.last + 1):
                    continue
                found = Hit(meaning.kind, meaning.value, phrase.first, phrase.last, meaning.yaw, meaning.pitch, meaning.regions)
                hits.append(found)
        return _softened(sorted(hits, key=lambda hit: (hit.first, hit.last)))

    def _describes_subject(self, tokens: Sequence[Token], place: int) -> bool:
        """Whether a degree word belongs to the person, as in "a little girl"."""
        return (
            place < len(tokens)
            and any(lemma in self._subjects for lemma in (tokens[place].word, *tokens[place].lemmas))
            and (tokens[place].word not in ("face", "expression", "feature", "model"))
        )

    def _side(self, tokens: Sequence[Token], place: int) -> Hit | None:
        word = tokens[place].word
        if word in ("one", "single"):
            following = tokens[place + 1 : place + 2]
            if following and following[0].word in ("time", "times", "second", "last", "more", "by", "moment", "after"):
                return None
            nouns = tokens[place + 1 : place + 5]
            if nouns and not any(lemma in _PAIRED for token in nouns for lemma in (token.word, *token.lemmas)):
                return None  # "one nod", "a single blink"
            return Hit("side", 0, place, place)
        if word in ("a", "an"):
            ahead = [token.word for token in tokens[place + 1 : place + 4]]
            one = next((n for n, later in enumerate(ahead) if later in ("eyebrow", "brow")), None)
            return None if one is None or "of" in ahead[:one] else Hit("side", 0, place, place)
        if word == "both":
            return Hit("side", 2, place, place)
        if word == "other":
            return Hit("side", OTHER, place, place)
        if word in ("leftward", "leftwards", "rightward", "rightwards"):
            return Hit("side", 1 if word.startswith("left") else -1, place, place)
        if word not in ("left", "right"):
            return None
        before = tokens[place - 1].word if place else ""
        after = tokens[place + 1].word if place + 1 < len(tokens) else ""
        if before not in _MAKES_A_SIDE and after in _NOT_A_SIDE_AFTER and (word == "right" or before in _GONE):
            return None
        if word == "left" and (before in ("has", "have", "had") or (after == "in" and before not in _MAKES_A_SIDE)):
            return None
        own = 1 if word == "left" else -1
        mirrored = self._mirrored(tokens, place)
        return Hit("side", -own if mirrored else own, place - 1 if mirrored and before in self._mirror else place, place)

    def _mirrored(self, tokens: Sequence[Token], place: int) -> bool:
        """Whether left and right are the onlooker's: "the viewer's left", "screen right", "the left of the picture"."""
        before = [token.word for token in tokens[max(0, place - 2) : place]]
        if before and before[-1] in self._mirror and (before[-1] != "my" or len(before) > 1):
            return True
        if len(before) == 2 and before[0] in self._mirror and before[1] in ("s", "own", "upper", "lower", "far"):
            return True
        after = [token.word for token in tokens[place + 1 : place + 7]]
        for number, word in enumerate(after):
            if word in self._mirror and word not in ("my", "our", "your") and number >= 1:
                return any(link in after[:number] for link in ("of", "from")) or "side" in after[:number]
            if (word in ("my", "our", "your") and "perspective" in after) or (
                "view" in after and word in ("my", "our", "your")
            ):
                return True
        return False

    def _number(self, tokens: Sequence[Token], place: int, free: Sequence[bool]) -> Hit | None:
        token = tokens[place]
        value: float
        if token.kind == "number" and token.word.replace(".", "", 1).isdigit():
            value = float(token.word)
        elif token.word in self._numbers:
            value = self._numbers[token.word]
        else:
            return None
        after = tokens[place + 1].word if place + 1 < len(tokens) and free[place + 1] else ""
        if after in ("time", "times", "x"):
            return Hit("count", value, place, place + 1)
        if after in ("%", "percent", "per_cent") and 1 <= value <= 200:
            return Hit("degree", value / 100, place, place + 1)
        if after in ("degree", "degrees"):
            return Hit("angle", value, place, place + 1)
        return Hit("number", value, place, place)


def _spelled(phrase: str, classes: Mapping[str, Sequence[str]]) -> list[str]:
    """Every phrase that one with choices stands for: `a|b`, and `<class>` of words.yaml; each once.

    Raises:
        ValueError: there is no such class.
    """
    choices = []
    for part in phrase.split():
        words: list[str] = []
        for word in part.split("|"):
            if word.startswith("<") and word[1:-1] not in classes:
                raise ValueError(f"modifiers.yaml: {phrase!r} names the class {word}, which words.yaml does not list")
            words.extend(classes[word[1:-1]] if word.startswith("<") else (word,))
        choices.append(words)
    return list(dict.fromkeys(" ".join(chosen) for chosen in product(*choices)))


def _height(tokens: Sequence[Token], place: int) -> Hit | None:
    """How high a corner or side is that eyes go to: "to the upper left", "the bottom right corner"."""
    pitch = _HEIGHTS.get(tokens[place].word)
    after = [token.word for token in tokens[place + 1 : place + 3]]
    if pitch is None or not after or (after[0] not in ("left", "right", "corner") and after[1:] not in (["left"], ["right"])):
        return None
    beside = after[1:2]
    if after[0] != "corner" and beside and beside[0] not in _OF_A_VIEW:
        return None  # "the upper left lip"
    return Hit("aim", 0, place, place, pitch=pitch)


def _a_thing(tokens: Sequence[Token], place: int) -> bool:
    """Whether a word is a noun here, as in "a fly", though it can say how fast."""
    return place > 0 and tokens[place - 1].word in ("a", "an", "the", "some", "two", "three", "of")


def _as_can(tokens: Sequence[Token], place: int) -> Hit | None:
    """The utmost, as in "as wide as he can"."""
    if tokens[place].word != "as" or place + 3 >= len(tokens) or tokens[place + 2].word != "as":
        return None
    for last in range(place + 3, min(place + 6, len(tokens))):
        if tokens[last].word in ("can", "could", "possible", "ever", "may", "possibly"):
            return Hit("degree", 1.4, place, last)
    return None


def _softened(hits: list[Hit]) -> list[Hit]:
    """Hits with "very slightly" as less than "slightly": an intensifier before a diminutive makes it smaller still."""
    result: list[Hit] = []
    for hit in hits:
        before = result[-1] if result else None
        if (
            before is not None
            and hit.kind == before.kind == "degree"
            and before.last + 1 == hit.first
            and hit.value < 1 < before.value
        ):
            result[-1] = replace(hit, value=hit.value * 0.75, first=before.first)
        elif before is not None and hit.kind == before.kind == "pace" and before.last + 1 == hit.first:
            result[-1] = replace(
                hit, value=min(hit.value, before.value) if hit.value < 1 else max(hit.value, before.value), first=before.first
            )
        else:
            result.append(hit)
    return result


def _edge(tokens: Sequence[Token], place: int) -> bool:
    """Whether a word for a part of a room or picture follows, as after "right-hand"."""
    return place < len(tokens) and tokens[place].word in ("side", "edge", "corner", "part", "end", "half", "margin")


def gap(hit: Hit, places: Sequence[int]) -> int:
    """How many tokens lie between a modifier and a cue; 0 when they touch or overlap."""
    if hit.last < places[0]:
        return places[0] - hit.last - 1
    if hit.first > places[-1]:
        return hit.first - places[-1] - 1
    return 0
