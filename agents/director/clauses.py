"""A direction's tokens as clauses, each with how it is joined to what stands before it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from agents.director.phrases import PhraseTable
from agents.director.text import Token
from agents.director.times import TimeMark
from configs.lexicon import Joint

Aside = Literal["", "before", "after"]
"""What words in brackets stand beside: nothing (they are no brackets), what is said before them, or what comes after."""

_STRONGER: tuple[Joint, ...] = (
    "open", "comma", "and", "but", "semi", "pause", "like", "though", "first", "while", "meanwhile", "when", "without",
    "except", "until", "before", "after", "by_then", "then", "last",
)  # fmt: skip
"""Where several joints meet, as in ", and then", the later one of this list holds."""
_SENTENCE_ENDS = frozenset({".", "!", "?", "\n", "(", ")", "[", "]", "{", "}"})
_OPENING = frozenset({"(", "[", "{"})
_COMMAS = frozenset({",", ":", "\u2014"})
_ORDINAL = frozenset({"first", "second", "third", "fourth", "last", "next", "following", "now", "soon", "since", "one"})
_SUBJECTS = frozenset({"he", "she", "they", "we", "i", "you"})
_LEADING: frozenset[Joint] = frozenset({"after", "before", "when", "while", "until"})
_HAS_OBJECT_CLAUSE = frozenset(
    "that what how who where why which if whether realise realize think know believe say see feel hope understand notice"
    " remember hear find discover learn fear wish tell decide sure certain moment time thing way all everything everyone news"
    " fact".split()
)
"""After these, a pronoun begins what is thought or meant, and no main clause: "when he realises he has lost"."""
_SENSED = frozenset({"see", "hear", "sight", "sound"})
_PLAIN_AS = frozenset({"usual", "ever", "always", "one", "well", "before", "normal", "instructed", "needed", "much", "follows"})
_LIKENED = frozenset("still white pale red cold quiet silent proud happy mad sick stubborn sly solemn bright stiff".split())
_DETERMINERS = frozenset({"a", "an", "the", "his", "her", "their", "this", "that", "its", "your"})
_FOLLOWED = frozenset({"him", "them", "me", "us", "you"})
_WAYS = frozenset(
    "down up along through into around round across from with to in on at and home everywhere out over past".split()
)
_BECOMES = frozenset({"become", "turn", "give", "morph", "melt", "dissolve", "transform", "shift", "change", "fade", "evolve",
                      "into", "to", "replace", "make"})  # fmt: skip
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
        aside: what it stands beside, if it is said in brackets.
    """

    joint: Joint
    sentence: int
    tokens: list[Token] = field(default_factory=list)
    times: list[TimeMark] = field(default_factory=list)
    together: bool = False
    aside: Aside = ""

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
        followers: who follows somebody with eyes or feet: nothing comes after anything in "a stranger follows her".
    """

    def __init__(
        self, joints: PhraseTable[Joint], states: frozenset[str], changes: frozenset[str], followers: frozenset[str]
    ) -> None:
        self._joints = joints
        self._states = states
        self._changes = changes
        self._followers = followers | _SUBJECTS

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
                mark = ahead.pop(0)
                current.times.append(mark)
                if mark.kind == "until_last" and _goes_on(tokens, mark.end):
                    _open(clauses, "then", current.sentence)
                    clauses[-1].times.append(replace(mark, kind="last", start=mark.end, end=mark.end))
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
        said = [earlier.word for earlier in clauses[-1].tokens]
        if token.word == "as" and phrase is not None and phrase.first == last and _plain_as(said, tokens, place):
            joint = None
        elif token.word == "than" and "sooner" in said:
            joint = "then"  # "no sooner has he smiled than he frowns"
        elif joint == "when" and {"hardly", "scarcely", "barely"} & set(said[:1]) and {"had", "has", "have"} & set(said[1:2]):
            joint = "then"
        elif joint is None and self._followers.isdisjoint(said) and _follows(said, tokens, place):
            joint = "after"
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
            if _begins_main(clauses[-1], tokens, place):
                _open(clauses, "comma", clauses[-1].sentence)
            clauses[-1].tokens.append(token)
            return place + 1
        manner = _manner_of_change(clauses[-1], tokens[place]) if joint == "then" else []
        _open(clauses, joint, clauses[-1].sentence)
        clauses[-1].tokens.extend(manner)
        if joint == "when" and not _SENSED.isdisjoint(tokens[last].lemmas):
            clauses[-1].tokens.append(tokens[last])  # "on hearing her name"
        if joint in ("without", "except"):
            clauses[-1].tokens.append(token)  # it also denies what follows, or says that it is left out
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
        beside: Aside = ("after" if clauses[-1].empty else "before") if mark in _OPENING else ""
        _open(clauses, "open", sentence + 1)
        clauses[-1].aside = beside
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


def _manner_of_change(before: Clause, joint: Token) -> list[Token]:
    """Take from a clause how the change comes about that a joint begins: "her smile gradually | becomes a frown"."""
    taken: list[Token] = []
    if _BECOMES.isdisjoint(joint.lemmas):
        return taken
    verb = before.tokens[-1:] if before.tokens and not _BECOMES.isdisjoint(before.tokens[-1].lemmas) else []
    rest = before.tokens[: len(before.tokens) - len(verb)]
    while rest and rest[-1].word.endswith("ly") and len(rest[-1].word) > 4:
        taken.insert(0, rest.pop())
    if taken:
        before.tokens[:] = [*rest, *verb]
    return taken


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


def _plain_as(said: Sequence[str], tokens: Sequence[Token], place: int) -> bool:
    """Whether "as" joins nothing: "so much as", "such as", "as usual", "still as a stone"."""
    after = tokens[place + 1].word if place + 1 < len(tokens) else ""
    likens = bool(said) and said[-1] in _LIKENED and after in ("a", "an", "the")
    return tuple(said[-2:]) == ("so", "much") or said[-1:] == ["such"] or after in _PLAIN_AS or likens


def _goes_on(tokens: Sequence[Token], end: int) -> bool:
    """Whether what comes at the time that ends here is told next: "until the last second, when he grins"."""
    after = [token for token in tokens if token.start >= end][:2]
    return (
        len(after) == 2
        and after[0].word in (",", "when", "then")
        and after[1].word in ("when", "then", "and", "whereupon", "he", "she")
    )


def _follows(said: Sequence[str], tokens: Sequence[Token], place: int) -> bool:
    """Whether "follows" here stands between two things that happen, as in "a nod follows the smile"."""
    if tokens[place].word not in ("follows", "follow") or not 2 <= len(said) <= 5 or said[0] not in _DETERMINERS:
        return False
    after = tokens[place + 1] if place + 1 < len(tokens) else None
    if after is None or not after.is_word:
        return False
    beyond = tokens[place + 2].word if place + 2 < len(tokens) else ""
    return after.word not in _FOLLOWED and (after.word != "her" or (beyond.isalpha() and beyond not in _WAYS))


def _begins_main(clause: Clause, tokens: Sequence[Token], place: int) -> bool:
    """Whether a pronoun begins the main clause that no comma sets off: "after a long sigh | he shuts his eyes"."""
    if clause.joint not in _LEADING or not clause.tokens or tokens[place].word not in _SUBJECTS:
        return False
    before = clause.tokens[-1]
    if not _HAS_OBJECT_CLAUSE.isdisjoint((before.word, *before.lemmas)) or before.word in _SUBJECTS:
        return False
    rest = tokens[place + 1 :]
    stop = next((number for number, token in enumerate(rest) if token.kind == "mark"), len(rest))
    return rest[stop].word != "," or stop + 1 >= len(rest) or rest[stop + 1].word not in _SUBJECTS if stop < len(rest) else True


def _open(clauses: list[Clause], joint: Joint, sentence: int) -> None:
    current = clauses[-1]
    if current.empty:
        # Joints that meet: the strongest holds, and a new sentence starts one whatever follows.
        if _STRONGER.index(joint) >= _STRONGER.index(current.joint) or current.sentence != sentence:
            current.joint = joint
        current.sentence = sentence
        current.aside = ""
        return
    clauses.append(Clause(joint, sentence))
