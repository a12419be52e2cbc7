"""Clauses put in other words before they are read: what is left to guess in them, said.

"Five seconds of nothing" is a pause, "and back" the way back, "from the ceiling to the floor" one look after the other, and
"it" the part of the face that was named last.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import replace

from agents.director.clauses import Clause
from agents.director.cues import Analysis
from agents.director.doings import of_no_face
from agents.director.text import Token

_INACTION = frozenset("nothing nothingness inaction inactivity emptiness blankness".split())
_SINGLE = frozenset({"smile", "frown", "breath", "air"})
"""What is spoken of as one, and whose words in "s" are verbs: "he smiles", "she breathes"."""
_HARDLY = frozenset(
    "hardly barely scarcely not cannot never struggles struggle struggling struggled fights fight fighting fought strains"
    " strain straining battles battle battling tries try trying unable forces force labours labors fails fail failing".split()
)
"""What says that somebody cannot, or only with effort."""
_KEEPING = frozenset({"keep", "keeps", "keeping", "kept", "stay", "stays", "staying", "remain", "hold", "prop"})
_HURTING = frozenset(
    "left right one sun wind smoke light glare sand dust salt onion onions pain water rain tear tears blink blinking".split()
)
"""What eyes are hard to keep open for that are not tired, and what is said of one eye."""
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


def plainer(clause: Clause) -> Clause | None:
    """A clause that says in a roundabout way what can be said plainly, said so; None if it does not."""
    return kept_in_sight(clause) or fights_sleep(clause)


def fights_sleep(clause: Clause) -> Clause | None:
    """ "Can hardly keep his eyes open" and "struggles to stay awake" are somebody who is about to fall asleep."""
    said = [token.word for token in clause.tokens if token.is_word]
    forms = {form for token in clause.tokens for form in (token.word, *token.lemmas)}
    open_eyes = forms & {"eye", "lid"} and "open" in forms
    awake = "awake" in forms and forms & {"hardly", "barely", "scarcely", "not"}
    if not (open_eyes or awake) or not _KEEPING & forms or _HURTING & forms:
        return None
    hardly = next((place for place, word in enumerate(said) if word in _HARDLY), None)
    if hardly is None or _KEEPING.isdisjoint(said[hardly:]):
        return None
    words = [token for token in clause.tokens if token.is_word]
    last = next(token for token in reversed(words) if {"open", "awake"} & {token.word, *token.lemmas})
    told = replace(words[hardly], word="fight_sleep", lemmas=("fight_sleep",), end=last.end)
    kept = [token for token in clause.tokens if token.start < words[hardly].start or token.start > last.start]
    denied = [token for token in kept if token.word not in ("can", "could", "does", "do", "is", "was", "has", "to")]
    return replace(clause, tokens=sorted([*denied, told], key=lambda token: token.start))


def resolve_pronouns(clauses: Sequence[Clause], parts: Mapping[str, str], verbs: Container[str]) -> None:
    """Give "it" and "them" the part of the face that was named last.

    Args:
        clauses: of the direction, in order.
        parts: the part of the face that a noun names.
        verbs: what is said of parts of the face; "she folds it" speaks of something else.
    """
    plural: str | None = None
    single: str | None = None
    for clause in clauses:
        for place, token in enumerate(clause.tokens):
            named = next((parts[lemma] for lemma in token.lemmas if lemma in parts), None)
            if named is not None:
                if (token.word.endswith("s") and named not in _SINGLE) or token.word in ("teeth", "eyes"):
                    plural = named
                else:
                    single = named
                continue
            if of_no_face(clause.tokens, place, verbs):
                continue
            about = (
                plural
                if token.word in ("them", "they", "both")
                else plural or single
                if token.word == "which" and place == 0
                else single or plural
                if token.word in ("it", "that", "this")
                and not names_something(clause.tokens, place)
                and not (token.word == "that" and place and "pretend" in clause.tokens[place - 1].lemmas)
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
