"""The lexicon's pattern language, compiled: what an entry's `say` means and where a clause says it.

The language is described at the head of `configs/lexicon/words.yaml`.
"""

from __future__ import annotations

import re

from collections import Counter
from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice, product
from typing import Literal

from configs.lexicon import Lexicon

Order = Literal["free", "ordered", "exact"]

SLACK = 4
"""How many words beside its own and the light ones a pattern may stretch over."""
MOST_PLACES = 8
"""Of how many places of one word in a clause a pattern is tried, so that a rambling clause costs no more than a long one."""
MOST_WAYS = 50_000
"""How many ways to fill the places of one pattern are tried in a clause: they multiply where a user's own has dozens."""
_STRENGTH = re.compile(r"\s*@\s*(\d+(?:\.\d+)?)\s*$")


@dataclass(frozen=True, slots=True)
class Term:
    """One place of a pattern: the lemmas that fill it."""

    lemmas: frozenset[str]
    optional: bool = False


@dataclass(frozen=True, slots=True)
class Pattern:
    """One way to say an entry.

    Attributes:
        entry: the entry's name.
        terms: its places.
        order: "free" in any order, "ordered" one after the other, "exact" side by side (light words aside).
        strength: factor on the entry's strength.
        rank: place in the lexicon, to decide between equals.
    """

    entry: str
    terms: tuple[Term, ...]
    order: Order
    strength: float
    rank: int

    @property
    def weight(self) -> int:
        """How many words it needs."""
        return sum(not term.optional for term in self.terms)


@dataclass(frozen=True, slots=True)
class Match:
    """A pattern found.

    Attributes:
        pattern: what was found.
        places: indices of the tokens that it takes, ascending.
    """

    pattern: Pattern
    places: tuple[int, ...]

    @property
    def order_key(self) -> tuple[float, ...]:
        """Longest first, then tightest, then earliest, then as in the lexicon."""
        span = self.places[-1] - self.places[0]
        return (-len(self.places), span, self.places[0], self.pattern.rank)


class PatternError(ValueError):
    """A pattern is not written in the language; says which and why."""


def compile_pattern(
    said: str, entry: str, classes: Mapping[str, Iterable[str]], rank: int, known: dict[str, Term] | None = None
) -> Pattern:
    """Read one pattern.

    Args:
        said: as the lexicon writes it.
        entry: whose it is.
        classes: words by class.
        rank: place in the lexicon.
        known: places that have been read before, by how they are written; new ones are put in.

    Raises:
        PatternError: an unknown class, no word at all, or only optional ones.
    """
    strength = 1.0
    body = said.strip()
    if found := _STRENGTH.search(body):
        strength, body = float(found[1]), body[: found.start()]
    order: Order = "free"
    if body.startswith(("=", "+")):
        order, body = ("exact" if body[0] == "=" else "ordered"), body[1:]
    known = {} if known is None else known
    if order == "free" and " " not in body and "-" in body:
        order = "exact"  # "open-mouthed" comes apart in a direction, too
    parts = body.replace("-", " ").split()
    for part in parts:
        if part not in known:
            known[part] = _term(part, entry, said, classes)
    terms = tuple(known[part] for part in parts)
    if all(term.optional for term in terms):
        raise PatternError(f"{entry}: pattern {said!r} needs at least one word without a question mark")
    if not 0 < strength <= 4:
        raise PatternError(f"{entry}: pattern {said!r} has a strength outside 0..4")
    return Pattern(entry, terms, order, strength, rank)


def _term(part: str, entry: str, said: str, classes: Mapping[str, Iterable[str]]) -> Term:
    optional = part.endswith("?")
    lemmas: set[str] = set()
    for word in part.removesuffix("?").split("|"):
        if word.startswith("<") and word.endswith(">"):
            if word[1:-1] not in classes:
                raise PatternError(f"{entry}: pattern {said!r} names the class {word}, which words.yaml does not list")
            lemmas.update(classes[word[1:-1]])
        elif word:
            lemmas.add(word)
    if not lemmas:
        raise PatternError(f"{entry}: pattern {said!r} has an empty place")
    return Term(frozenset(lemmas), optional)


class PatternTable:
    """All patterns of a lexicon, by the words that may begin them.

    Raises:
        PatternError: an entry has a pattern that cannot be read.
    """

    def __init__(self, lexicon: Lexicon) -> None:
        classes = lexicon.words.classes
        said = enumerate(lexicon.patterns)
        known: dict[str, Term] = {}
        self.patterns = tuple(compile_pattern(pattern, entry, classes, rank, known) for rank, (entry, pattern) in said)
        self._vocabulary = frozenset(lemma for term in known.values() for lemma in term.lemmas)
        self._by_lemma: dict[str, list[Pattern]] = {}
        for pattern in self.patterns:
            needed = [term for term in pattern.terms if not term.optional]
            anchor = min(needed, key=lambda term: len(term.lemmas))
            for lemma in anchor.lemmas:
                self._by_lemma.setdefault(lemma, []).append(pattern)
        self._light = frozenset(lexicon.words.light)

    def vocabulary(self) -> frozenset[str]:
        """Every lemma that some pattern knows."""
        return self._vocabulary

    def said_of(self, nouns: Container[str], among: Container[str]) -> frozenset[str]:
        """Every lemma beside one of some nouns in the patterns of some entries: what is said of parts of the face."""
        about = [p for p in self.patterns if p.entry in among and any(n in nouns for term in p.terms for n in term.lemmas)]
        return frozenset(lemma for pattern in about for term in pattern.terms for lemma in term.lemmas if lemma not in nouns)

    def often(self, but: Container[str]) -> Mapping[str, int]:
        """How many patterns know a lemma, without those of some entries."""
        terms = Counter(term for pattern in self.patterns if pattern.entry not in but for term in pattern.terms)
        often: dict[str, int] = {}
        for term, times in terms.items():
            for lemma in term.lemmas:
                often[lemma] = often.get(lemma, 0) + times
        return often

    def find(
        self,
        lemmas: Sequence[tuple[str, ...]],
        words: Sequence[str],
        without: frozenset[str] = frozenset(),
        own: int | None = None,
    ) -> list[Match]:
        """The best matches in a clause that do not share a token, in order of place.

        Args:
            lemmas: base forms of each token; none for marks.
            words: each token's own word.
            without: entries to leave out.
            own: how many of the tokens are the clause's own; the others are borrowed.
        """
        where: dict[str, list[int]] = {}
        for place, forms in enumerate(lemmas):
            for form in forms:
                where.setdefault(form, []).append(place)
        candidates: dict[int, Pattern] = {}
        for form in where:
            for pattern in self._by_lemma.get(form, ()):
                if pattern.entry not in without:
                    candidates[pattern.rank] = pattern
        light = [word in self._light for word in words]
        found = [match for pattern in candidates.values() for match in _matches(pattern, where, light)]
        # What a clause borrows fills gaps; a match with a word of the clause's own goes before one without.
        found.sort(key=lambda match: (own is not None and match.places[0] >= own, *match.order_key))
        taken: set[int] = set()
        kept = []
        for match in found:
            if taken.isdisjoint(match.places):
                taken.update(match.places)
                kept.append(match)
        return sorted(kept, key=lambda match: match.places)


def _matches(pattern: Pattern, where: Mapping[str, list[int]], light: Sequence[bool]) -> list[Match]:
    """Every way in which a pattern is found, tightest first, at most one per first place."""
    options: list[Sequence[int | None]] = []
    for term in pattern.terms:
        found = sorted({place for lemma in term.lemmas for place in where.get(lemma, ())})
        if not found and not term.optional:
            return []
        options.append([*found[:MOST_PLACES], None] if term.optional else found[:MOST_PLACES])
    if len(options) == 1:
        return [Match(pattern, (place,)) for place in options[0] if place is not None]
    best: dict[int, tuple[tuple[int, int], tuple[int, ...]]] = {}
    for choice in islice(product(*options), MOST_WAYS):
        chosen = [place for place in choice if place is not None]
        if len(set(chosen)) != len(chosen) or (pattern.order != "free" and chosen != sorted(chosen)):
            continue
        taken = tuple(sorted(chosen))
        between = [place for place in range(taken[0], taken[-1]) if place not in taken and not light[place]]
        if len(between) > (0 if pattern.order == "exact" else SLACK):
            continue
        rank = (-len(taken), taken[-1] - taken[0])
        if taken[0] not in best or rank < best[taken[0]][0]:
            best[taken[0]] = (rank, taken)
    return [Match(pattern, places) for _, places in best.values()]
