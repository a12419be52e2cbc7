"""A direction's tokens as clauses, each with how it is joined to what stands before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from agents.director.phrases import PhraseTable
from agents.director.text import Token
from agents.director.times import TimeMark

Joint = Literal[
    "open", "semi", "comma", "and", "but", "then", "last", "by_then", "first", "while", "meanwhile", "before", "after", "when",
    "until", "without", "pause", "like",
]  # fmt: skip
"""How a clause is joined: "open" begins a sentence, "semi" follows a semicolon, the others are said in words."""

_STRONGER: tuple[Joint, ...] = (
    "open", "comma", "and", "but", "semi", "pause", "like", "first", "while", "meanwhile", "when", "without", "until", "before",
    "after", "by_then", "then", "last",
)  # fmt: skip
"""Where several joints meet, as in ", and then", the later one of this list holds."""
_SENTENCE_ENDS = frozenset({".", "!", "?", "\n", "(", ")", "[", "]", "{", "}"})
_COMMAS = frozenset({",", ":", "\u2014"})
_ORDINAL = frozenset({"first", "second", "third", "fourth", "last", "next", "following", "now", "soon", "since", "one"})
_ARROWS = frozenset({"->", "=>", "\u2192", ">"})


@dataclass(slots=True)
class Clause:
    """A stretch of words that says one thing.

    Attributes:
        joint: how it is joined to the clause before, or for a leading "while", "before", "after" or "when", to the next.
        sentence: number of its sentence.
        tokens: its words and numbers, without marks and connectives.
        times: the times that it names.
        together: "at the same time" stands in it.
    """

    joint: Joint
    sentence: int
    tokens: list[Token] = field(default_factory=list)
    times: list[TimeMark] = field(default_factory=list)
    together: bool = False

    @property
    def empty(self) -> bool:
        """Whether nothing stands in it."""
        return not self.tokens and not self.times


class ClauseReader:
    """Splits tokens into clauses.

    Args:
        joints: connectives and the joint that each makes.
        states: lemmas by which states and expressions are named; "to" and "into" before one make a change out of a verb.
        changes: lemmas of verbs of change.
    """

    def __init__(self, joints: PhraseTable[Joint], states: frozenset[str], changes: frozenset[str]) -> None:
        self._joints = joints
        self._states = states
        self._changes = changes

    def split(self, tokens: Sequence[Token], times: Sequence[TimeMark]) -> list[Clause]:
        """The clauses of a direction, in order, without empty ones.

        Args:
            tokens: all tokens, lemmas filled in.
            times: the times in the text; the tokens that they cover belong to no phrase.
        """
        clauses = [Clause("open", 0)]
        ahead = list(times)
        place = 0
        while place < len(tokens):
            token = tokens[place]
            current = clauses[-1]
            if ahead and token.start >= ahead[0].start:
                current.times.append(ahead.pop(0))
                continue
            if times and any(mark.start <= token.start < mark.end for mark in times):
                place += 1
                continue
            if token.kind == "mark":
                _mark(clauses, token)
                place += 1
                continue
            place = self._word(clauses, tokens, place)
        clauses[-1].times.extend(ahead)
        return [clause for clause in clauses if not clause.empty]

    def _word(self, clauses: list[Clause], tokens: Sequence[Token], place: int) -> int:
        """Take a word or a connective that begins here; where to go on."""
        token = tokens[place]
        if token.word == "as" and place + 2 < len(tokens) and tokens[place + 2].word == "as":
            clauses[-1].tokens.extend(tokens[place : place + 3])  # "as wide as"
            return place + 3
        phrase = self._joints.at(tokens, place)
        joint = phrase.value if phrase else None
        last = phrase.last if phrase else place
        if joint == "after" and token.word == "once" and not _begins_clause(tokens, last + 1):
            joint = None
        if joint is not None and phrase is not None and phrase.first == last and token.word in _ORDINAL and clauses[-1].tokens:
            joint = None  # "the last line", not "last, he ..."
        if joint == "meanwhile":
            clauses[-1].together = True
            return last + 1
        if joint is None and self._changes_here(clauses[-1].tokens, tokens, place):
            joint = "then"
        if joint is None:
            clauses[-1].tokens.append(token)
            return place + 1
        _open(clauses, joint, clauses[-1].sentence)
        if joint == "without":
            clauses[-1].tokens.append(token)  # it also denies what follows
            return last + 1
        return last + 1

    def _changes_here(self, before: Sequence[Token], tokens: Sequence[Token], place: int) -> bool:
        """Whether "to" or "into" leads from one expression to another: "turns into a frown", "from sad to happy"."""
        if tokens[place].word not in ("to", "into"):
            return False
        leads = any(token.word == "from" for token in before[-6:]) or any(
            not self._changes.isdisjoint((token.word, *token.lemmas)) for token in before[-2:]
        )
        following = tokens[place + 1 : place + 5]
        for number, token in enumerate(following):
            if token.kind == "mark":
                following = following[:number]
                break
        return leads and any(not self._states.isdisjoint(token.lemmas) for token in following)


def _mark(clauses: list[Clause], token: Token) -> None:
    """Begin what a mark begins."""
    mark, sentence = token.word, clauses[-1].sentence
    if mark in _SENTENCE_ENDS or (mark == "-" and token.start == 0):
        _open(clauses, "open", sentence + 1)
    elif mark.startswith("..") or mark == "\u2026":
        _open(clauses, "pause", sentence + 1)
    elif mark == ";":
        _open(clauses, "semi", sentence + 1)
    elif mark in _ARROWS:
        _open(clauses, "then", sentence)
    elif mark in ("&", "+"):
        _open(clauses, "and", sentence)
    elif mark in _COMMAS:
        _open(clauses, "comma", sentence)


def _begins_clause(tokens: Sequence[Token], place: int) -> bool:
    """Whether a clause with a subject begins here, as after "once" in "once he sees her"."""
    starts = (
        "he",
        "she",
        "it",
        "they",
        "the",
        "his",
        "her",
        "a",
        "an",
        "this",
        "that",
        "their",
        "we",
        "you",
        "i",
        "my",
        "your",
    )
    return place < len(tokens) and tokens[place].word in starts


def _open(clauses: list[Clause], joint: Joint, sentence: int) -> None:
    current = clauses[-1]
    if current.empty:
        # Joints that meet: the strongest holds, and a new sentence starts one whatever follows.
        if _STRONGER.index(joint) >= _STRONGER.index(current.joint) or current.sentence != sentence:
            current.joint = joint
        current.sentence = sentence
        return
    clauses.append(Clause(joint, sentence))
