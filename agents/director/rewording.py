"""Clauses put in other words before they are read: what is left to guess in them, said.

"Five seconds of nothing" is a pause, "and back" the way back, "from the ceiling to the floor" one look after the other, and
"it" the part of the face that was named last.
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace

from agents.director.clauses import Clause
from agents.director.cues import Analysis
from agents.director.text import Token

_INACTION = frozenset("nothing nothingness inaction inactivity emptiness blankness".split())
_WAY_BACK = frozenset("back again and then to the center centre middle front".split())
_OF_INACTION = frozenset(
    "long short little moment while happens of at all but is there and in just only absolutely complete total utter pure yet"
    " for a the".split()
)
_WHAT_LOOKS = frozenset({"look", "gaze", "eye", "glance", "stare", "head", "turn", "peer"})
_OF_THINGS = frozenset("a an the only just his her their my our your not time nothing no all too so".split())


def nothing(clause: Clause) -> Clause | None:
    """A clause that says nothing but that nothing happens, as one that waits: "five seconds of nothing at all"."""
    said = [token for token in clause.tokens if token.is_word]
    if not any(token.word in _INACTION for token in said) or any(token.word not in _INACTION | _OF_INACTION for token in said):
        return None
    first, last = said[0], said[-1]
    return replace(clause, tokens=[Token(first.text, "pause", first.start, last.end, "word", ("pause",))])


def back_again(clause: Clause, done: Sequence[Analysis]) -> Clause | None:
    """A clause that says nothing but "and back", as the way back: "turn your head to the right and back"."""
    said = [token.word for token in clause.tokens]
    if "back" not in said or not set(said) <= _WAY_BACK or not done or not done[-1].cues:
        return None
    first, last = clause.tokens[0], clause.tokens[-1]
    return replace(clause, joint="then", tokens=[Token("back", "back_again", first.start, last.end, "word", ("back_again",))])


def kept_in_sight(clause: Clause) -> Clause | None:
    """ "Without taking her eyes off the camera" is what is done meanwhile, not something that is left undone."""
    said = [token.word for token in clause.tokens if token.is_word]
    if said[:1] != ["without"] or "off" not in said or said[1:2] not in (["taking"], ["lifting"], ["tearing"], ["moving"]):
        return None
    first = clause.tokens[0]
    return replace(clause, joint="while", tokens=[replace(first, word="never", lemmas=("never",)), *clause.tokens[1:]])


def resolve_pronouns(clauses: Sequence[Clause], parts: dict[str, str]) -> None:
    """Give "it" and "them" the part of the face that was named last."""
    plural: str | None = None
    single: str | None = None
    for clause in clauses:
        for place, token in enumerate(clause.tokens):
            named = next((parts[lemma] for lemma in token.lemmas if lemma in parts), None)
            if named is not None:
                if token.word.endswith("s") or token.word in ("teeth", "eyes"):
                    plural = named
                else:
                    single = named
                continue
            about = (
                plural
                if token.word in ("them", "they", "both")
                else plural or single
                if token.word == "which" and place == 0
                else single or plural
                if token.word in ("it", "that", "this") and not names_something(clause.tokens, place)
                else None
            )
            if about is not None and token.word != "both":
                clause.tokens[place] = replace(token, lemmas=(*token.lemmas, about))


def names_something(tokens: Sequence[Token], place: int) -> bool:
    """Whether "it is" says what something is, and speaks of no part of the face: "it's only the cat"."""
    after = [token.word for token in tokens[place + 1 : place + 3]]
    return len(after) == 2 and after[0] in ("is", "was", "s") and after[1] in _OF_THINGS


def from_to(clause: Clause, places: Container[str]) -> list[Clause]:
    """A look from one place to another as one look after the other: "looks from the ceiling to the floor"."""
    words = [token.word for token in clause.tokens]
    if "from" not in words[1:]:
        return [clause]
    first = words.index("from", 1)
    second = next((n for n in range(first + 2, len(words)) if words[n] in ("to", "toward", "towards")), None)
    if second is None or not any(_WHAT_LOOKS & set(token.lemmas) for token in clause.tokens[:first]):
        return [clause]
    ends = [clause.tokens[first + 1 : second], clause.tokens[second + 1 :]]
    if not all(any(lemma in places for token in place for lemma in (token.word, *token.lemmas)) for place in ends):
        return [clause]
    start = clause.tokens[first]
    to = replace(start, word="to", lemmas=("to",))
    before = replace(clause, tokens=[*clause.tokens[:first], to, *ends[0]])
    return [before, Clause("then", clause.sentence, clause.tokens[second:], [], clause.together)]
