"""Fixed phrases in a row of tokens: connectives, degrees, paces, negations."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from agents.director.text import Token

V = TypeVar("V")


@dataclass(frozen=True, slots=True)
class Phrase(Generic[V]):
    """A phrase found: its tokens are `first` to `last` inclusive."""

    value: V
    first: int
    last: int


class PhraseTable(Generic[V]):
    """Phrases by their first word, the longest first."""

    def __init__(self, phrases: Mapping[str, V]) -> None:
        self._by_first: dict[str, list[tuple[tuple[str, ...], V]]] = {}
        for said, value in phrases.items():
            words = tuple(said.split())
            self._by_first.setdefault(words[0], []).append((words, value))
        for entries in self._by_first.values():
            entries.sort(key=lambda entry: (-len(entry[0]), entry[0]))

    def vocabulary(self) -> Iterable[str]:
        """Every word of every phrase."""
        return dict.fromkeys(word for entries in self._by_first.values() for words, _ in entries for word in words)

    def at(self, tokens: Sequence[Token], place: int) -> Phrase[V] | None:
        """The longest phrase that begins at a token."""
        token = tokens[place]
        if token.kind != "word":
            return None
        after = tokens[place + 1] if place + 1 < len(tokens) else None
        following = {after.word, *after.lemmas} if after is not None else set()
        for first in dict.fromkeys((token.word, *token.lemmas)):
            for words, value in self._by_first.get(first, ()):
                if len(words) > 1 and words[1] not in following:
                    continue  # hundreds begin with "not"
                end = place + len(words)
                if end <= len(tokens) and all(
                    tokens[place + offset].kind == "word"
                    and (word == tokens[place + offset].word or word in tokens[place + offset].lemmas)
                    for offset, word in enumerate(words)
                ):
                    return Phrase(value, place, end - 1)
        return None

    def find(self, tokens: Sequence[Token], free: Sequence[bool]) -> list[Phrase[V]]:
        """All phrases in a row of tokens, from left to right, without overlap.

        Args:
            tokens: the row.
            free: whether a token may be part of a phrase.
        """
        found: list[Phrase[V]] = []
        place = 0
        while place < len(tokens):
            phrase = self.at(tokens, place)
            if phrase is not None and all(free[phrase.first : phrase.last + 1]):
                found.append(phrase)
                place = phrase.last + 1
            else:
                place += 1
        return found
