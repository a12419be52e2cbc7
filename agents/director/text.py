"""A direction's text as tokens that know where they stand.

Normalising never changes the number of characters, so that a token's place is its place in the text as it was written.
"""

from __future__ import annotations

import re
import unicodedata

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from agents.director.script import formal
from configs.lexicon import Words

TokenKind = Literal["word", "number", "mark", "foreign"]

_SAME = str.maketrans(
    {
        "\u2018": "'", "\u2019": "'", "\u02bc": "'", "\u201b": "'", "\u0060": "'", "\u00b4": "'",
        "\u201c": '"', "\u201d": '"', "\u201e": '"', "\u00ab": '"', "\u00bb": '"',
        "\u2010": "-", "\u2011": "-", "\u2012": "-", "\u2013": "\u2014", "\u2015": "\u2014",
        "\u00a0": " ", "\u2007": " ", "\u202f": " ", "\u2009": " ", "\t": " ", "\r": " ", "\x0b": " ", "\x0c": " ",
        "\u2028": "\n", "\u2029": "\n",
    }
)  # fmt: skip
_LATIN = r"A-Za-z\u00c0-\u024f\u1e00-\u1eff"
_TOKEN = re.compile(
    rf"(?P<number>\d+(?:[.,:]\d+)*)|(?P<word>[{_LATIN}]+(?:'[{_LATIN}]+)*'?)"
    r"|(?P<mark>\.{2,}|\u2026|->|=>|\u2192|[.,;:!?()\[\]{}\u2014\-*\u2022\n&+/>\"'])|(?P<foreign>\S)"
)
_BULLET = re.compile(r"(?m)^[ ]*(?:[-*\u2022]+[ ]+|\(?\d{1,2}[.)][ ]+|\(?[a-h][.)][ ]+)")
_DASH = re.compile(r"(?<=\S )-{1,3}(?= )|(?<=\S)--+")
"""A dash as typewriters have it: " - ", "--"."""
_WRAP = re.compile(r"(?m)^(?P<line>.{40,}[^.!?:;\n])\n(?=[ ]*[a-z])")
"""A long line broken inside a sentence: what follows goes on in lower case."""


@dataclass(frozen=True, slots=True)
class Token:
    """A word, number or mark of a direction.

    Attributes:
        text: as written.
        word: normalised: lower case, without apostrophes; spelling repaired.
        start: place of its first character in the direction.
        end: place after its last character.
        kind: "foreign" for what is not Latin script, such as other scripts and signs.
        lemmas: the base forms that it may be read as, in order of likelihood.
    """

    text: str
    word: str
    start: int
    end: int
    kind: TokenKind
    lemmas: tuple[str, ...] = ()

    @property
    def is_word(self) -> bool:
        """Whether it is a word that can be read."""
        return self.kind == "word"


def shadow(text: str) -> str:
    """The text in lower case with plain quotes, dashes and blanks, character for character.

    >>> shadow("She\\u2019s \\x07OK")
    "she's  ok"
    """
    folded = []
    for char in text.translate(_SAME):
        if char != "\n" and unicodedata.category(char) in ("Cc", "Cf", "Zs"):
            folded.append(" ")
            continue
        plain = unicodedata.normalize("NFKC", char).lower()
        folded.append(plain if len(plain) == 1 else (char.lower() if len(char.lower()) == 1 else char))
    for start, end in formal(text):
        begins = "\n" if start and text[start:end] != ":" else " "
        folded[start:end] = [begins, *" " * (end - start - 1)]
    flat = _WRAP.sub(lambda wrapped: wrapped["line"] + " ", "".join(folded))
    flat = _DASH.sub(lambda dash: "\u2014" + " " * (len(dash[0]) - 1), flat)
    return _BULLET.sub(lambda bullet: "\n" + " " * (len(bullet[0]) - 1) if bullet.start() else " " * len(bullet[0]), flat)


def tokenise(text: str, words: Words) -> list[Token]:
    """Split a direction into tokens.

    Contractions come apart ("doesn't" is "does", "not"), hyphenated words too, signs that the lexicon knows turn into their
    words, and runs of signs or of another script stay one token.
    """
    flat = shadow(text)
    tokens: list[Token] = []
    for found in _TOKEN.finditer(flat):
        kind = found.lastgroup
        start, end = found.span()
        if kind == "word":
            tokens.extend(_word(text, flat[start:end], start, words.contractions))
        elif kind == "foreign":
            _add_foreign(tokens, text, start, words.emoji)
        else:
            tokens.append(Token(text[start:end], found[0], start, end, "number" if kind == "number" else "mark"))
    return tokens


def _word(text: str, flat: str, start: int, contractions: Mapping[str, tuple[str, ...]]) -> list[Token]:
    end = start + len(flat)
    bare = flat.strip("'")

    def token(word: str) -> Token:
        return Token(text[start:end], word, start, end, "word")

    if bare in contractions:
        return [token(word) for word in contractions[bare]]
    if bare.endswith("n't"):
        return [token(bare[:-3]), token("not")]
    if "'" in bare:
        stem, _, tail = bare.rpartition("'")
        stem = stem.replace("'", "")
        return [token(stem), token("is")] if tail == "s" and stem in _PRONOUNS else [token(stem)]
    return [token(bare)]


_PRONOUNS = ("he", "she", "it", "that", "there", "who", "what", "here", "one")


def _add_foreign(tokens: list[Token], text: str, start: int, emoji: Mapping[str, str]) -> None:
    sign = text[start]
    if sign in emoji:
        tokens.append(Token(sign, ".", start, start, "mark"))
        tokens.extend(Token(sign, word, start, start + 1, "word") for word in emoji[sign].split())
        return
    if (unicodedata.category(sign) in ("Cc", "Cf", "Mn", "Sk") and ord(sign) < 0x250) or sign in "\ufe0f\u200d":
        return
    if tokens and tokens[-1].kind == "foreign" and tokens[-1].end == start:
        before = tokens.pop()
        whole = text[before.start : start + 1]
        tokens.append(replace(before, text=whole, word=whole, end=start + 1))
        return
    tokens.append(Token(sign, sign, start, start + 1, "foreign"))
