"""Base forms of inflected words, and repair of misspelt ones, against the lexicon's own vocabulary."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from functools import cached_property
from string import ascii_lowercase

_VOWELS = "aeiou"
_ENDINGS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("iness", ("y",)),
    ("ingly", ("", "e")),
    ("edly", ("", "e", "ed")),
    ("fully", ("ful", "")),
    ("ically", ("ic", "ical")),
    ("ily", ("y",)),
    ("ies", ("y", "ie")),
    ("ied", ("y", "ie")),
    ("ier", ("y",)),
    ("iest", ("y",)),
    ("ying", ("ie", "y")),
    ("ness", ("",)),
    ("ing", ("", "e")),
    ("ed", ("", "e")),
    ("es", ("", "e")),
    ("est", ("", "e")),
    ("er", ("", "e")),
    ("ly", ("", "le")),
    ("s", ("",)),
)
"""English endings and what may stand in their place, longest first."""
_COMPARATIVES = ("er", "est")
_BITS: Mapping[str, int] = {letter: 1 << (ord(letter) % 61) for letter in ascii_lowercase}
_SHORTEST_STEM = 3
_REMEMBERED = 4096
"""Words of which it is remembered at most what they are meant to be: it takes milliseconds to find."""
_OFTEN = 3
"""Patterns with a word, from which on it is what people mean rather than a rarer word with a likelier slip."""


def stems(word: str) -> list[str]:
    """What a word may be a form of by English rules, whether or not such a word exists.

    >>> stems("nodding")
    ['nodd', 'nodde', 'nod']
    """
    found: list[str] = []
    for ending, instead in _ENDINGS:
        if not word.endswith(ending) or len(word) - len(ending) < 2:
            continue
        stem = word[: -len(ending)]
        candidates = [stem + tail for tail in instead]
        if len(stem) > 2 and stem[-1] == stem[-2] and stem[-1] not in _VOWELS and ending[0] in "ie":
            candidates.append(stem[:-1])
        found.extend(c for c in candidates if len(c) >= _SHORTEST_STEM and c not in found)
    return found


class Morphology:
    """Looks words up in a vocabulary, whatever their form.

    Args:
        vocabulary: base forms that mean something to the lexicon.
        irregular: inflected form to its base forms.
        guard: further words that exist in English; never taken for misspelt.
        face: words of the vocabulary that a misspelt word is taken for first, or how often the lexicon uses each.
        things: words that it is taken for next.
    """

    def __init__(
        self,
        vocabulary: Iterable[str],
        irregular: Mapping[str, tuple[str, ...]],
        guard: Iterable[str],
        face: Mapping[str, int] | Iterable[str] = (),
        things: Iterable[str] = (),
    ) -> None:
        self._vocabulary = frozenset(vocabulary)
        self._irregular = irregular
        self._guard = frozenset(guard)
        self._face = Counter(face)
        self._things = frozenset(things)
        self._repaired: dict[str, str | None] = {}

    @cached_property
    def _by_length(self) -> Mapping[int, tuple[tuple[str, int], ...]]:
        """Known words of each length with the set of their letters; made when the first misspelt word is met."""
        known = {word: None for word in sorted(self._vocabulary | self._irregular.keys()) if "_" not in word}
        for word in sorted(self._face.keys() | self._things):
            if "_" not in word and len(word) >= 3:
                known.update(dict.fromkeys(_inflected(word)))
        table: dict[int, list[tuple[str, int]]] = {}
        for word in known:
            if len(word) >= 4:
                table.setdefault(len(word), []).append((word, _letters(word)))
        return {length: tuple(words) for length, words in table.items()}

    def lemmas(self, word: str) -> tuple[str, ...]:
        """The base forms of a word that the vocabulary has, the word itself first; empty if it has none."""
        found = [word] if word in self._vocabulary else []
        found += [base for base in self._irregular.get(word, ()) if base not in found]
        if word in self._irregular or (found and word.endswith(_COMPARATIVES)):
            return tuple(found)  # "letter" is no comparative of "let"
        for stem in stems(word):
            if stem in self._vocabulary and stem not in found:
                found.append(stem)
        return tuple(found)

    def repaired(self, word: str) -> str | None:
        """The known word that a word is most likely meant to be, or None.

        One slip (letters swapped, one missing, too many or wrong) in words of four letters or more, two in words of seven or
        more, or where only the order inside is wrong, if faces do what is meant; for a thing of a situation two are too many.
        Of several, the fewest slips and the likeliest kind of slip.
        """
        if word not in self._repaired:
            if len(self._repaired) >= _REMEMBERED:
                self._repaired.clear()
            self._repaired[word] = self._meant(word)
        return self._repaired[word]

    def _meant(self, word: str) -> str | None:
        if len(word) < 4 or word in self._guard or any(stem in self._guard for stem in stems(word)):
            return None
        ranks = [rank for known in self._similar(word) if (rank := self._rank(word, known)) is not None]
        return min(ranks)[-1] if ranks else None

    def _rank(self, word: str, known: str) -> tuple[int, int, int, int, int, str] | None:
        """How unlikely a known word is meant; None if it is too far off."""
        mixed = sorted(word) == sorted(known) and word[0] == known[0] and word[-1] == known[-1]
        allowed = 2 if len(word) >= 7 or (mixed and len(word) >= 5) else 1
        slips = distance(word, known, allowed)
        if slips > allowed or not self.lemmas(known):
            return None
        kind = 0 if sorted(word) == sorted(known) else 1 if len(known) > len(word) else 2 if len(known) < len(word) else 3
        meant = {known, *self.lemmas(known)}
        often = max(self._face[word] for word in meant)
        strange = 0 if often >= _OFTEN else 1 if often else 2 if not meant.isdisjoint(self._things) else 3
        if strange > 1 and slips > 1:
            return None  # a thing that nobody has named, and no slip: "gargoyle" is not "gargle"
        return slips, strange, int(known[0] != word[0]), kind, -often, known

    def _similar(self, word: str) -> list[str]:
        """Known words of about the same length and letters."""
        slips = 2 if len(word) >= 5 else 1
        letters = _letters(word)
        return [
            known
            for length in range(len(word) - slips, len(word) + slips + 1)
            for known, others in self._by_length.get(length, ())
            if (letters ^ others).bit_count() <= 2 * slips
        ]


def _letters(word: str) -> int:
    """The set of a word's letters, as bits."""
    bits = 0
    for letter in word:
        bits |= _BITS.get(letter) or 1 << (ord(letter) % 61)
    return bits


def _inflected(word: str) -> list[str]:
    """The regular forms of a word as verb or noun."""
    if word.endswith("e"):
        return [word + "s", word[:-1] + "ing", word + "d"]
    if word.endswith("y") and word[-2] not in _VOWELS:
        return [word[:-1] + "ies", word + "ing", word[:-1] + "ied"]
    if word.endswith(("s", "sh", "ch", "x", "z")):
        return [word + "es", word + "ing", word + "ed"]
    double = len(word) <= 5 and word[-1] not in "wxy" + _VOWELS and word[-2] in _VOWELS and word[-3] not in _VOWELS
    stem = word + word[-1] if double else word
    return [word + "s", stem + "ing", stem + "ed"]


def distance(a: str, b: str, most: int) -> int:
    """Damerau-Levenshtein distance (optimal string alignment) of two words, or `most + 1` if it is larger.

    >>> distance("rasies", "raises", 2)
    1
    """
    if abs(len(a) - len(b)) > most:
        return most + 1
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        older, before, row = before, row, [i]
        for j, y in enumerate(b, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, older[j - 2] + 1)
            row.append(cost)
        if min(row) > most:
            return most + 1
    return min(row[-1], most + 1)
