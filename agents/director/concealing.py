"""Feelings behind another face: "she hides her fear behind a smile", "his grin masks deep sadness".

The face that is put on is seen, and posed; the feeling leaks for an instant, weakly, in brows and eyes, which are the hardest
to keep in check (Ekman & Friesen 1969; Porter & ten Brinke 2008).
"""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import replace

from agents.director.clauses import Clause
from agents.director.cues import Analysis, Cue
from agents.director.text import Token
from configs.lexicon import Call
from protocol.channels import Region

LEAK = 0.5
"""Seconds for which a hidden feeling is seen: a micro-expression (Yan 2013)."""
LEAKS_AT = 0.45
"""Share of its step at which it is seen, the other face having been put on."""
WEAK = 0.55
"""Strength of it."""
POSED = "politeness"
"""The smile that is put on."""
_UPPER: tuple[Region, ...] = ("brows", "eyes")
_HIDES = frozenset(
    f"{verb}{ending}"
    for verb, endings in {
        "hid": ("e", "es", "ing", "den"),
        "mask": ("", "s", "ed", "ing"),
        "conceal": ("", "s", "ed", "ing"),
        "cover": ("", "s", "ed", "ing"),
        "disguis": ("e", "es", "ed", "ing"),
        "veil": ("", "s", "ed", "ing"),
        "camouflag": ("e", "es", "ed", "ing"),
        "cloak": ("", "s", "ed", "ing"),
        "bur": ("y", "ies", "ied", "ying"),
    }.items()
    for ending in endings
)
_BEHIND = frozenset({"behind", "beneath", "under", "underneath", "with", "by"})
_LEADING = frozenset({"behind", "beneath", "under", "underneath"})
_THERE = frozenset("there is are lies lie lurks lurk he she they hides sits burns simmers seethes".split())
_DENYING = frozenset("not never no without hardly barely scarcely cannot".split())
_SMILES = frozenset({"smile", "grin", "half_smile", "suppress_smile", "joy"})


def two_faces(clause: Clause) -> tuple[Clause, Clause] | None:
    """The face that a clause puts on and the feeling that it hides, each as a clause; None if it names no two.

    What they are made of is only cut apart here; whether either means anything is for the reader to see.
    """
    words = [token.word for token in clause.tokens]
    if not _DENYING.isdisjoint(words):
        return None
    hides = next((place for place, word in enumerate(words) if word in _HIDES), None)
    if words[:1] and words[0] in _LEADING:
        cut = next((place for place, word in enumerate(words) if place > 1 and word in _THERE), hides)
        return _cut(clause, clause.tokens[1:cut], clause.tokens[cut + 1 :]) if cut is not None else None
    if hides is None:
        return None
    behind = next((place for place in range(hides + 1, len(words)) if words[place] in _BEHIND), None)
    if behind is not None and behind == hides + 1:  # "his fear is masked by a grin", "he hides behind a smile"
        return _cut(clause, clause.tokens[behind + 1 :], clause.tokens[:hides])
    if behind is not None:
        return _cut(clause, clause.tokens[behind + 1 :], clause.tokens[hides + 1 : behind])
    return _cut(clause, clause.tokens[:hides], clause.tokens[hides + 1 :])


def hides_only(clause: Clause) -> Clause | None:
    """The feeling that a clause hides, where the face put on is told before it: "he smiles, hiding his fear"."""
    words = [token.word for token in clause.tokens]
    if not _DENYING.isdisjoint(words):
        return None
    hides = next((place for place, word in enumerate(words[:4]) if word in _HIDES), None)
    return replace(clause, tokens=clause.tokens[hides + 1 :], times=[]) if hides is not None else None


def put_on(cues: Sequence[Cue]) -> list[Cue]:
    """The face that is put on: its smiles are posed."""
    return [
        replace(
            cue,
            calls=tuple(call.model_copy(update={"name": POSED}) if call.name in _SMILES else call for call in cue.calls),
        )
        for cue in cues
    ]


def leaking(cues: Sequence[Cue], states: Container[str]) -> list[Cue]:
    """The feelings among some cues as they leak; none if there are none."""
    leaks = []
    for cue in cues:
        felt = next((call for call in cue.calls if call.name in states), None)
        if cue.does == "act" and felt is not None and not cue.denied:
            strength = min(1.0, max(0.8, felt.strength)) * WEAK
            call = Call(name=felt.name, strength=strength, at=(LEAKS_AT,), regions=_UPPER)
            leaks.append(replace(cue, calls=(call,), brief=LEAK, natural=None, event=False))
    return leaks[:1]


def masked(clause: Clause, face: Analysis, feeling: Analysis, states: Container[str]) -> Analysis | None:
    """A clause in which a face hides a feeling.

    Args:
        clause: as it is said.
        face: the clause of the face put on, read.
        feeling: the clause of what it hides, read.
        states: names of feelings.
    """
    shown = [cue for cue in face.cues if cue.does == "act" and not cue.denied and cue.calls]
    leaks = leaking(feeling.cues, states)
    behind = bool(clause.tokens) and any(token.word in _LEADING for token in clause.tokens)
    if not shown or not (leaks or (behind and not feeling.cues and _smiles(shown))):
        return None
    return Analysis(clause, [*put_on(shown), *leaks], [], understood(clause, face, feeling), face.verbs)


def understood(clause: Clause, *parts: Analysis) -> set[int]:
    """Indices of a clause's tokens but for what is not understood in the parts that it was cut into."""
    unread = set()
    for part in parts:
        read = part.used | {place for hit in part.hits for place in range(hit.first, hit.last + 1)}
        unread |= {token.start for place, token in enumerate(part.clause.tokens) if place not in read}
    return {place for place, token in enumerate(clause.tokens) if token.start not in unread}


def _smiles(cues: Sequence[Cue]) -> bool:
    """Whether all that is shown are smiles: "he hides behind a smile"."""
    return all(call.name in _SMILES | {POSED} for cue in cues for call in cue.calls)


def _cut(clause: Clause, face: Sequence[Token], feeling: Sequence[Token]) -> tuple[Clause, Clause] | None:
    if not face or not feeling:
        return None
    return replace(clause, tokens=list(face)), replace(clause, tokens=list(feeling), times=[])
