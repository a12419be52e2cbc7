"""Looks that a clause asks for without giving a direction: to where something is said to be, and at what nobody can place."""

from __future__ import annotations

from collections.abc import Sequence

from agents.director.clauses import Clause
from agents.director.modifiers import Hit
from agents.director.patterns import Match
from agents.director.text import Token
from configs.lexicon import Lexicon

UNPLACED_YAW = 13.0
"""Degrees of a look at somebody or something of which nothing is said but that it is there: aside, and clearly not at us."""
_POINTS = frozenset({"to", "on", "off", "toward", "towards", "at", "from", "in"})
_LOOKING = frozenset({"look", "gaze", "stare", "glance", "peer", "peek", "peep", "turn", "squint", "eye"})
_LOOKING_AT = frozenset({"look", "gaze", "stare", "glance", "peer", "peek", "peep"})
_AT = frozenset({"at", "toward", "towards", "over", "across", "past", "to", "after", "into", "through", "beyond"})
_AT_REST = _AT | frozenset({"beside", "behind", "on", "in", "near", "by", "with", "from", "under", "above", "below", "between"})
"""Prepositions that say more of a thing than what it is."""
_MADE_AT = frozenset({"at", "toward", "towards"})
_THERE = frozenset(
    {"over", "there", "round", "around", "toward", "towards", "to", "at", "it", "them", "him", "her", "way", "direction"}
)
_OTHERS = frozenset(
    "someone somebody something anyone a an the another people person man woman noise sound voice movement it child boy"
    " girl".split()
)


_OWNED = frozenset(("his", "her", "their", "another"))
_BEFORE_PEOPLE = frozenset(
    {"all", "old", "best", "little", "big", "new", "former", "whole", "young", "elder", "younger", "two"}
)
_CAUSES = frozenset({"make", "let", "have", "cause", "get", "leave", "give", "send", "startle", "amuse", "annoy", "and", "who"})


def named_place(clause: Clause, loose: Sequence[Hit], light: frozenset[str]) -> tuple[Hit, int] | None:
    """The side on which something is said to be, and the first of the words that say so: "a noise on the left".

    Args:
        clause: the clause.
        loose: its modifiers that belong to nothing that it asks for.
        light: words that may stand after it where the clause speaks of the subject.
    """
    first = next((token.word for token in clause.tokens if token.is_word), "")
    for hit in loose:
        if hit.kind != "side" or hit.value not in (1, -1) or hit.first == 0:
            continue
        points = [n for n in range(max(0, hit.first - 2), hit.first) if clause.tokens[n].word in _POINTS]
        after = clause.tokens[hit.last + 1 : hit.last + 2]
        if points and (not after or after[0].word in light or first in _OTHERS or after[0].word in _OTHERS):
            return hit, points[0]
    return None


def beheld(tokens: Sequence[Token], hits: Sequence[Hit], found: Sequence[Match], lexicon: Lexicon) -> tuple[Hit, int] | None:
    """The side of what a face is made at, which is the gaze's and not the face's: "squints at something on his left".

    Args:
        tokens: of the clause.
        hits: its modifiers.
        found: what its patterns found.
        lexicon: the tables.

    Returns:
        The side and the index of the "at" before it; None if there is none, or if something found looks there itself.
    """
    entries = [lexicon.entries[match.pattern.entry] for match in found]
    sided = [match for match, entry in zip(found, entries, strict=True) if entry.aims == "side" and entry.does == "act"]
    if not sided or any(entry.aims in ("gaze", "turn", "tilt") for entry in entries):
        return None
    for hit in hits:
        if hit.kind != "side" or hit.value not in (1, -1):
            continue
        at = next((n for n in range(hit.first - 1, sided[0].places[0], -1) if tokens[n].word in _MADE_AT), None)
        on = [n for n in range(max(0, hit.first - 2), hit.first) if tokens[n].word in ("on", "to")]
        if at is None or not on or not any(token.word not in lexicon.words.light for token in tokens[at + 1 : on[0]]):
            continue
        if any(lemma in lexicon.words.parts for token in tokens[at + 1 :] for lemma in token.lemmas):
            continue  # "twitches at the corner of his mouth on the left"
        return hit, at
    return None


def looks_there(tokens: Sequence[Token]) -> bool:
    """Whether a clause has somebody look or turn to what was spoken of: "she looks over", "he turns to it"."""
    looking = next((n for n, token in enumerate(tokens) if not _LOOKING.isdisjoint(token.lemmas)), None)
    return looking is not None and (
        looking + 1 == len(tokens) or any(token.word in _THERE for token in tokens[looking + 1 : looking + 4])
    )


def unplaced(tokens: Sequence[Token], lexicon: Lexicon) -> tuple[int, int] | None:
    """First and last token of a look at something of which nobody can tell where it is: "stares at the telephone" on a wall."""
    for place, token in enumerate(tokens):
        if _LOOKING_AT.isdisjoint(token.lemmas):
            continue
        ahead = [n for n in range(place + 1, min(place + 4, len(tokens))) if tokens[n].word in _AT]
        if ahead and ahead[0] + 1 < len(tokens) and not _negated(tokens[:place], lexicon):
            thing = next((n for n in range(ahead[0] + 2, len(tokens)) if _AT_REST & {tokens[n].word}), len(tokens))
            return place, thing - 1
    return None


def others_act(tokens: Sequence[Token], lexicon: Lexicon) -> int | None:
    """Index of the one who does what a clause tells, if that is not the subject of the portrait: "all her friends shout".

    What is done to the subject, or brought about in it ("her friend makes her laugh"), is the subject's all the same.
    """
    classes = lexicon.words.classes
    people = {*classes["friend"], *classes.get("people", ())}
    strangers = frozenset(classes.get("strangers", ()))
    for place, token in enumerate(tokens[:5]):
        forms = {token.word, *token.lemmas}
        if forms & strangers or (
            place
            and forms & people
            and _OWNED & {earlier.word for earlier in tokens[:place]}
            and not token.text.lower().replace("\u2019", "'").endswith(("'s", "s'"))  # "her friend's wedding"
        ):
            caused = any(_CAUSES & {later.word, *later.lemmas} for later in tokens[place + 1 :])
            return None if caused else place
        if not (token.word in _OWNED or token.word in _BEFORE_PEOPLE or token.word in lexicon.words.light):
            return None
    return None


def _negated(before: Sequence[Token], lexicon: Lexicon) -> bool:
    return any(token.word in lexicon.modifiers.denying for token in before)
