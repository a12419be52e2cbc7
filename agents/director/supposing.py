"""What a direction only supposes: "the news must have been bad, for slowly the corners of his mouth began to sink".

What is to be seen is told beside it, and is not to be seen before it is told. A guess of which nothing else is told is played:
"she must have seen a ghost".
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace

from agents.director.clauses import Clause
from agents.director.cues import Analysis

_SUPPOSES = frozenset({"must", "may", "might", "could", "can"})
_SEEMS = frozenset({"seem", "appear"})
_PERHAPS = frozenset({"perhaps", "maybe", "presumably", "apparently", "probably", "possibly"})
_BETWEEN = frozenset({"not", "well", "only", "just"})
_WHO = frozenset({"he", "she", "they", "you", "i", "we", "his", "her", "their", "your", "my"})


def without_guesses(done: Sequence[Analysis], situations: Container[str]) -> list[Analysis]:
    """The clauses, those that only suppose what has happened without acts where what comes next tells what is seen.

    Args:
        done: all clauses, in order.
        situations: entries of what happens to people.
    """
    result = []
    for number, analysis in enumerate(done):
        scenes = bool(analysis.cues) and (_of_a_thing(analysis.clause) or all(c.entry in situations for c in analysis.cues))
        told = any(
            later.cues and later.clause.sentence <= analysis.clause.sentence + 1 and not _supposes(later.clause)
            for later in done[number + 1 :]
        )
        if scenes and told and _supposes(analysis.clause):
            modifiers = {place for hit in analysis.hits for place in range(hit.first, hit.last + 1)}
            guess = {place for place, token in enumerate(analysis.clause.tokens) if token.word in _PERHAPS}
            result.append(replace(analysis, cues=[], used=analysis.used | modifiers | guess))
        else:
            result.append(analysis)
    return result


def _supposes(clause: Clause) -> bool:
    """Whether a clause guesses what has happened, or is so: "must have been", "cannot have been", "the news must be bad"."""
    words = [token.word for token in clause.tokens if token.is_word]
    lemmas = [{token.word, *token.lemmas} for token in clause.tokens if token.is_word]
    for place, word in enumerate(words):
        after = [later for later in words[place + 1 : place + 4] if later not in _BETWEEN]
        if word == "can" and words[place + 1 : place + 2] != ["not"]:
            continue
        if word in _SUPPOSES and after[:1] == ["have"]:
            return True
        guessed = after[:1] == ["be"] if word in _SUPPOSES else bool(lemmas[place] & _SEEMS) and after[:2] == ["to", "have"]
        if guessed and _WHO.isdisjoint(words[:place][-3:]):
            return True  # "he must be sad" asks for it, and "she seems to have seen a ghost" says how she looks
    return bool(words) and words[0] in _PERHAPS


def _of_a_thing(clause: Clause) -> bool:
    """Whether a clause is about something rather than somebody: "it must have been a song she knew"."""
    guesses = (place for place, token in enumerate(clause.tokens) if token.word in _SUPPOSES or _SEEMS & set(token.lemmas))
    place = next(guesses, 0)
    return place > 0 and _WHO.isdisjoint(token.word for token in clause.tokens[max(0, place - 3) : place])
