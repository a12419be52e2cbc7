"""Sides taken in turn: "winks twice, left then right" is a wink of each, "one brow, then the other, twice" is two rounds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import zip_longest

from agents.director.clauses import Clause
from agents.director.modifiers import ModifierReader
from agents.director.text import Token
from configs.lexicon import Joint

MOST = 12
"""How many turns are told one by one."""
_SIDES = {"left": "right", "right": "left"}
_ONE = frozenset({"one", "single"})
_OF_PARTS = frozenset("brow brows eyebrow eyebrows eye eyes eyelid lid cheek corner nostril".split())
_WITH_A_SIDE = frozenset("the his her their its my your with on to at first one side once only and".split()) | _OF_PARTS
_BOTH = {"left_and_right": ("left", "right"), "right_and_left": ("right", "left")}
_NAMED = frozenset({*_SIDES, *_BOTH, "other"})
_GOES_ON: frozenset[Joint] = frozenset({"comma", "and", "then", "semi", "first", "last"})


def in_turn(clauses: Sequence[Clause], modifiers: ModifierReader) -> list[Clause]:
    """Clauses with what is done on several sides in turn as one clause for each turn.

    A number before the sides is shared out among them, a number after them is how often the round is made.
    """
    result: list[Clause] = []
    place = 0
    while place < len(clauses):
        ahead = clauses[place:]
        listed = _listed(clauses[place - 1], ahead[0]) if place else None
        turns, used = listed or _shared(ahead, modifiers) or _rounds(ahead, modifiers) or (ahead[:1], 1)
        result.extend(turns)
        place += used
    return result


def _shared(clauses: Sequence[Clause], modifiers: ModifierReader) -> tuple[list[Clause], int] | None:
    """ "She winks three times, right, left, right": the turns, and how many clauses they are told in."""
    first = clauses[0]
    count, base = _counted(first.tokens, modifiers)
    if not 2 <= count <= MOST:
        return None
    said = next(token for token, left in zip_longest(first.tokens, base) if token is not left)
    sides = [token for token in base if token.word in _SIDES]
    if any(token.start < said.start for token in sides):
        return None  # "winks her left eye twice, then her right"
    used = 1
    while used < len(clauses) and (more := _sides_only(clauses[used], first.sentence)):
        sides.extend(more)
        used += 1
    if used == 1 or len(sides) < 2:
        return None
    plain = [token for token in base if token.word not in _SIDES]
    order = [sides[number % len(sides)] for number in range(count)]
    return _told(first, plain, _named(order, "left")), used


def _rounds(clauses: Sequence[Clause], modifiers: ModifierReader) -> tuple[list[Clause], int] | None:
    """ "He raises one brow, then the other, three times": the turns, and how many clauses they are told in."""
    first = clauses[0]
    if len(clauses) < 2:
        return None
    lone = [n for n, token in enumerate(first.tokens) if token.word in _SIDES or _is_one(first.tokens, n)]
    if len(lone) != 1:
        return None
    count, rest = _counted(clauses[1].tokens, modifiers)
    second = _sides_only(replace(clauses[1], tokens=rest), first.sentence)
    used = 2
    if second and not count and len(clauses) > 2:
        count, rest = _counted(clauses[2].tokens, modifiers)
        count = 0 if rest or clauses[2].sentence > first.sentence + 1 else count
        used = 3
    if len(second) != 1 or not 2 <= count <= MOST // 2:
        return None
    side = first.tokens[lone[0]]
    plain = [token for n, token in enumerate(first.tokens) if n != lone[0]]
    return _told(first, plain, _named([side, *second] * count, "left")), used


def _listed(before: Clause, clause: Clause) -> tuple[list[Clause], int] | None:
    """ "He looks left, right and left": the end of a list of sides, which is no "right and left" of its own."""
    sides = _sides_only(clause, before.sentence)
    if len(sides) != 2 or not before.tokens or before.tokens[-1].word != sides[1].word:
        return None
    return [replace(clause, tokens=[side]) for side in _named(sides, "left")], 1


def _told(first: Clause, plain: Sequence[Token], sides: Sequence[Token]) -> list[Clause]:
    turns = [replace(first, tokens=[*plain, side]) for side in sides]
    return [turns[0], *(replace(turn, joint="then", times=[]) for turn in turns[1:])]


def _named(order: Sequence[Token], before: str) -> list[Token]:
    """The sides by name, where one of them is only "one" or "the other"."""
    named = []
    for token in order:
        before = token.word if token.word in _SIDES else _SIDES[before] if token.word == "other" else "left"
        named.append(replace(token, word=before, lemmas=(before,)))
    return named


def _counted(tokens: Sequence[Token], modifiers: ModifierReader) -> tuple[int, list[Token]]:
    """How often a clause says that something is done, 0 if it does not, and its tokens without that."""
    hit = next((hit for hit in modifiers.find(tokens, frozenset()) if hit.kind == "count"), None)
    if hit is None:
        return 0, list(tokens)
    return round(hit.value), [token for n, token in enumerate(tokens) if not hit.first <= n <= hit.last]


def _sides_only(clause: Clause, sentence: int) -> list[Token]:
    """The sides that are all that a clause names; none if it says more: "then right", "the other one", "left and right"."""
    sides = [token for token in clause.tokens if token.word in _NAMED]
    rest = [token.word for token in clause.tokens if token.word not in _NAMED]
    goes_on = clause.sentence == sentence and clause.joint in _GOES_ON and not clause.times
    if not goes_on or len(sides) != 1 or any(word not in _WITH_A_SIDE for word in rest):
        return []
    return [replace(token, word=side) for token in sides for side in _BOTH.get(token.word, (token.word,))]


def _is_one(tokens: Sequence[Token], place: int) -> bool:
    """Whether "one" is one of two: "one brow", but "one nod"."""
    return tokens[place].word in _ONE and any(token.word in _OF_PARTS for token in tokens[place + 1 : place + 3])
