"""What hands and bodies do, which no face shows: "she folds it", "he raises his hand", "she tilts the cup".

Nothing of the face is read into it: a verb with a thing for its object takes over neither the part of the face that was named
before nor what that part did.
"""

from __future__ import annotations

from collections.abc import Container, Sequence

from agents.director.morphology import stems
from agents.director.text import Token

_DETERMINERS = frozenset("a an the his her their its my your our some this that another".split())
_WHO = frozenset("he she they we i you who and then but".split())
_PRONOUNS = frozenset({"it", "them"})
_NO_THINGS = frozenset(
    "left right other same first second one two side way corner edge attention body neck back weight self direction".split()
)
"""What stands where an object does, and is none that a hand holds: "raises the left", "turns her attention"."""
_NO_VERBS = frozenset(
    "is are was were be been has have had do does did not never no so as at in on to of off out up down by for from with into"
    " over under through toward towards left right both each one two three other just only even also too very more less again"
    " like if than until while when where which what how".split()
)
PARTICLES = frozenset("back up down forward forwards backward backwards out away aside left right over in".split())
"""Where to, and not what: "pulls her hair back"."""


def moves_a_thing(tokens: Sequence[Token], place: int, parts: Container[str]) -> bool:
    """Whether the verb at a place is done to a thing rather than to the face: "tilts the cup", "pulls her hair back".

    Args:
        tokens: of the clause.
        place: index of the verb.
        parts: nouns that name parts of the face.
    """
    after = [token for token in tokens[place + 1 :] if not token.word.endswith("ly")][:4]
    if len(after) < 2 or after[0].word not in _DETERMINERS or not after[1].is_word:
        return False
    named = [{token.word, *token.lemmas} for token in after[1:] if token.is_word]
    return _NO_THINGS.isdisjoint(named[0]) and not any(form in parts for forms in named for form in forms)


def does_something_else(tokens: Sequence[Token], parts: Container[str], verbs: Container[str], by_hand: Container[str]) -> bool:
    """Whether a clause tells what somebody does to a thing, with a verb of its own: "she folds it", "raises his hand".

    Args:
        tokens: of the clause.
        parts: nouns that name parts of the face.
        verbs: what is said of parts of the face.
        by_hand: verbs of what hands do, whatever they do it to: "wipes her chin".
    """
    for place, token in enumerate(tokens):
        if not token.is_word or token.word in _DETERMINERS or token.word in _NO_VERBS:
            return False
        if token.word in _WHO or token.word.endswith("ly"):
            continue
        if any(form in parts for form in (token.word, *token.lemmas)):
            return False
        hands = any(form in by_hand for form in (token.word, *stems(token.word)))
        return hands or of_no_face(tokens, place + 1, verbs) or moves_a_thing(tokens, place, parts)
    return False


def has_own_verb(tokens: Sequence[Token]) -> bool:
    """Whether a clause says with a verb of its own what is done to what was spoken of: "she folds it", "opens them"."""
    for place, token in enumerate(tokens):
        if token.word in _PRONOUNS and place:
            return not (tokens[place - 1].word in _NO_VERBS or tokens[place - 1].word in _WHO)
    return False


def of_no_face(tokens: Sequence[Token], place: int, verbs: Container[str]) -> bool:
    """Whether the pronoun at a place is the object of something that no face does: "folds it".

    Args:
        tokens: of the clause.
        place: index of the pronoun.
        verbs: what is said of parts of the face.
    """
    if not 0 < place < len(tokens) or tokens[place].word not in _PRONOUNS:
        return False
    before = tokens[place - 1]
    plain = before.word in _WHO or before.word in _NO_VERBS or before.word in _DETERMINERS or before.word.endswith("ly")
    return before.is_word and not plain and not any(form in verbs for form in (before.word, *before.lemmas))
