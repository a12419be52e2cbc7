"""What a director's words say of a situation that the lexicon does not know: whether it is pleasant, unpleasant or neither.

Somebody to whom something happens has a face, whether or not anybody can say what it is. Where nothing at all of a direction
was understood, each of its sentences is played by its tone alone, restrained, and that is reported. Text that speaks of nobody
and nothing, such as a single unknown word or random letters, has no tone.
"""

from __future__ import annotations

from collections.abc import Sequence

from agents.director.clauses import Clause
from agents.director.cues import Cue
from agents.director.morphology import stems
from agents.director.steps import Moment, Step
from agents.director.text import Token
from configs.lexicon import Lexicon, ToneName

LEAST_WORDS = 3
"""Words that a sentence has at least, to speak of somebody or something."""
REACH = 3
"""Words before a word of a tone in which "not" turns it, as in VADER (Hutto & Gilbert 2014)."""
_TELLING = frozenset(("he", "she", "they", "it", "you", "his", "her", "him", "their", "them", "the", "a", "an", "there"))
"""Words of which a sentence that tells of somebody or something has at least one."""


class ToneReader:
    """Reads the tone of sentences.

    Args:
        lexicon: the tables; without tones of its own, as in earlier versions, nothing has one.
    """

    def __init__(self, lexicon: Lexicon) -> None:
        self._tones = lexicon.words.tones
        self._words: dict[str, int] = {}
        for tone, sign in (("pleasant", 1), ("unpleasant", -1)):
            if tone in self._tones:
                self._words.update(dict.fromkeys(self._tones[tone].words.split(), sign))
        self._empty = frozenset((*lexicon.words.stop, *lexicon.words.light))
        self._denying = lexicon.modifiers.denying | set(lexicon.words.classes.get("nobody", ()))
        self._still = frozenset(lexicon.words.classes.get("still", ()))
        self._english = frozenset(lexicon.english.words.split())

    def played(self, clauses: Sequence[Clause], text: str) -> tuple[list[Step], tuple[str, ...]]:
        """Steps for the sentences that tell of somebody or something, and what is to be said of each tone.

        Args:
            clauses: of a direction of which nothing was understood.
            text: the direction as written.
        """
        sentences: dict[int, list[Token]] = {}
        for clause in clauses:
            sentences.setdefault(clause.sentence, []).extend(token for token in clause.tokens if token.is_word)
        steps: list[Step] = []
        tones: list[str] = []
        for number, tokens in sentences.items():
            tone = self._tone(tokens)
            if tone is None:
                continue
            start, end = tokens[0].start, tokens[-1].end
            steps.append(Step([Moment(self._cue(tone, " ".join(text[start:end].split())[:400], start, end), 0.0)]))
            steps[-1].words, steps[-1].sentence = [(start, end)], number
            tones.append(tone)
        return steps, tuple(f"played by its tone alone: {tone}" for tone in dict.fromkeys(tones))

    def _tone(self, tokens: Sequence[Token]) -> ToneName | None:
        """The tone of a sentence; None if it speaks of nobody and nothing."""
        words = [token.word for token in tokens]
        said = [token for token in tokens if token.word not in self._empty]
        known = [token for token in said if token.lemmas or self._sign(token) or self._is_english(token.word)]
        if len(words) < LEAST_WORDS or not known or 3 * len(known) < len(said) or _TELLING.isdisjoint(words):
            return None
        if any(not self._still.isdisjoint(token.lemmas) for token in said):
            return None  # "stone still" asks for no movement, however it is put
        total = 0
        for place, token in enumerate(tokens):
            sign = self._sign(token)
            denied = not self._denying.isdisjoint(words[max(0, place - REACH) : place])
            total += -sign if denied else sign
        tone: ToneName = "pleasant" if total > 0 else "unpleasant" if total < 0 else "neutral"
        return tone if tone in self._tones else None

    def _sign(self, token: Token) -> int:
        """+1 for a pleasant word, -1 for an unpleasant one, otherwise 0."""
        forms = (token.word, *(token.lemmas or stems(token.word)))  # "number" is known, and nothing numb
        return next((self._words[form] for form in forms if form in self._words), 0)

    def _is_english(self, word: str) -> bool:
        return any(form in self._english for form in (word, *stems(word)))

    def _cue(self, tone: ToneName, words: str, start: int, end: int) -> Cue:
        played = self._tones[tone]
        return Cue(
            "interest",
            "act",
            played.acts,
            (),
            (),
            1.0,
            None,
            None,
            0,
            played.seconds,
            event=True,
            words=words,
            place=start,
            end=end,
        )
