"""Whose left and right a direction means, and to whom it is spoken, before anything else is read.

Left and right are the subject's own. They are the onlooker's where the direction says so of a whole sentence ("from the
camera's point of view, ..."), and "your left" is the onlooker's only in a direction that speaks of the subject as he or she:
spoken to the subject ("let your head sink to your left"), it is the subject's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from agents.director.text import Token

_THIRD = frozenset({"he", "she", "his", "her", "him", "hers", "they", "their", "them"})
_ARTICLES = frozenset({"a", "an", "the", "this", "that"})
_STANDPOINTS = frozenset({"view", "perspective", "side", "standpoint", "viewpoint", "angle", "vantage", "eyes", "pov"})
_STANDPOINT_WORDS = frozenset({"the", "s", "point", "of", "a", "own", "vantage", "where", "stands", "sits"})
_OURS = frozenset({"our", "my"})
_ENDS = frozenset({".", "!", "?", ";", "\n"})
_BEFORE_WHO_ACTS = frozenset(
    "and then as while when until before after if that now once but so because can could will would let may shall".split()
)
"""Before "you", these and marks make it the one who acts: "then you nod", and not "look at you"."""


def addressed(tokens: Sequence[Token], subjects: frozenset[str]) -> list[Token]:
    """The tokens with "your" as the subject's own, and "you" as who acts, if the direction is spoken to the subject.

    Args:
        tokens: of the whole direction.
        subjects: nouns for whom a portrait shows; "the woman" makes a direction speak of her, not to her.
    """
    told = any(
        token.word in _THIRD or (token.word in subjects and place > 0 and tokens[place - 1].word in _ARTICLES)
        for place, token in enumerate(tokens)
    )
    if told:
        return list(tokens)
    return [
        replace(token, word="his")
        if token.word in ("your", "yours")
        else replace(token, word="he", lemmas=("he",))
        if token.word == "you" and _acts(tokens, place)
        else token
        for place, token in enumerate(tokens)
    ]


def seen_from_the_subject(tokens: Sequence[Token], onlookers: frozenset[str]) -> list[Token]:
    """The tokens with left and right as the subject's in sentences that are told from the onlooker's side.

    The words that say so are left out: they have had their effect.

    Args:
        tokens: of the whole direction.
        onlookers: nouns for whoever looks at the subject.
    """
    result: list[Token] = []
    begin = 0
    for place in range(len(tokens) + 1):
        if place == len(tokens) or (tokens[place].kind == "mark" and tokens[place].word in _ENDS):
            result.extend(_turned(tokens[begin : place + 1], onlookers))
            begin = place + 1
    return result


def _acts(tokens: Sequence[Token], place: int) -> bool:
    """Whether "you" is who acts: at the beginning of a clause, with something after it."""
    before = tokens[place - 1] if place else None
    after = tokens[place + 1] if place + 1 < len(tokens) else None
    begins = before is None or before.kind == "mark" or before.word in _BEFORE_WHO_ACTS
    return begins and after is not None and after.is_word


def _turned(sentence: Sequence[Token], onlookers: frozenset[str]) -> list[Token]:
    """A sentence with left and right changed over and without its viewpoint, if it names the onlooker's."""
    for place, token in enumerate(sentence):
        end = _viewpoint(sentence, place, onlookers) if token.word in ("from", "as", "in", "seen", "viewed") else None
        if end is not None:
            rest = [*sentence[:place], *sentence[end:]]
            return [_other(token) if token.word in ("left", "right") else token for token in rest]
    return list(sentence)


def _viewpoint(sentence: Sequence[Token], place: int, onlookers: frozenset[str]) -> int | None:
    """Where words like "from the camera's point of view" or "as we see it" end that begin here, or None if there are none."""
    words = [token.word for token in sentence[place : place + 9]]
    if words[:2] == ["as", "we"] and words[2:3] == ["see"]:
        return place + (4 if words[3:4] and words[3] in ("it", "him", "her", "them", "things") else 3)
    at = 0
    while at < len(words) and words[at] in ("as", "seen", "viewed"):
        at += 1
    if at == len(words) or words[at] not in ("from", "by", "in"):
        return None
    seen = at > 0 and words[at - 1] in ("seen", "viewed")
    ahead = words[at + 1 :]
    whose = next((number for number, word in enumerate(ahead[:3]) if word in onlookers or word in _OURS), None)
    if whose is None or not set(ahead[:whose]) <= _STANDPOINT_WORDS | _STANDPOINTS:
        return (place + at + 2) if seen and ahead[:1] and ahead[0] in ("us", "me", "outside", "here") else None
    for number in range(whose + 1, min(len(ahead), whose + 5)):
        if ahead[number] in _STANDPOINTS:
            return place + at + 2 + number
        if ahead[number] not in _STANDPOINT_WORDS:
            break
    names_it = any(word in _STANDPOINTS for word in ahead[:whose])
    return place + at + 2 + whose if seen or names_it else None


def _other(token: Token) -> Token:
    """A left that is right, or the other way round."""
    word = "right" if token.word == "left" else "left"
    return replace(token, word=word, lemmas=tuple(word if lemma in ("left", "right") else lemma for lemma in token.lemmas))
