"""Understanding: from a direction's text to steps of cues, with an account of what was and was not understood."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from agents.director.clauses import Clause, ClauseReader, Joint
from agents.director.cues import Analysis, Cue, CueReader
from agents.director.modifiers import Hit, ModifierReader
from agents.director.morphology import Morphology
from agents.director.patterns import PatternTable
from agents.director.phrases import PhraseTable
from agents.director.steps import Arranger, Moment, Step, summaries
from agents.director.text import Token, shadow, tokenise
from agents.director.times import TimeMark, TimeReader
from configs.lexicon import Lexicon
from protocol.brief import Limit, Side
from protocol.channels import both_sides

_MERGES: frozenset[Joint] = frozenset({"open", "comma", "and", "but", "semi", "pause", "then", "first", "last"})
ONSET = 0.6
"""Seconds that an expression naturally takes to appear (0.4 to 0.7 s, Schmidt 2003); "over three seconds" is set against it."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A direction understood, before it has times.

    Attributes:
        steps: what happens, in order.
        summaries: the words of each step.
        understood: (words, what they were taken for), in the order of the text.
        unread: words that could not be used, in the order of the text.
    """

    steps: tuple[Step, ...]
    summaries: tuple[str, ...]
    understood: tuple[tuple[str, str], ...]
    unread: tuple[str, ...]


class Reader:
    """Reads directions by a lexicon.

    Args:
        lexicon: the tables; compiled once here.

    Raises:
        PatternError: a pattern of the lexicon cannot be read.
    """

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon
        words = lexicon.words
        self._patterns = PatternTable(lexicon)
        self._modifiers = ModifierReader(lexicon)
        joints: dict[str, Joint] = {said: joint for joint, phrases in lexicon.modifiers.joints.items() for said in phrases}  # type: ignore[misc]
        table = PhraseTable(joints)
        self._glue = PhraseTable({said: said.replace(" ", "_") for said in words.glue})
        self._times = TimeReader(words.numbers)
        named = frozenset(
            lemma
            for pattern in self._patterns.patterns
            if pattern.entry in lexicon.states and pattern.weight == 1
            for term in pattern.terms
            for lemma in term.lemmas
        )
        self._clauses = ClauseReader(table, named | set(words.classes["expression"]), frozenset(words.classes["change"]))
        self._cues = CueReader(lexicon, self._patterns, self._modifiers)
        self._arranger = Arranger(lexicon)
        self._meaning = self._patterns.vocabulary()
        vocabulary = self._patterns.vocabulary() | set(self._modifiers.vocabulary()) | set(table.vocabulary())
        vocabulary |= {*words.parts, *words.subjects, *words.stop, *words.light, *words.numbers}
        self._morphology = Morphology(vocabulary, words.irregular, lexicon.english.words.split(), self._patterns.vocabulary())
        self._ignored = frozenset({*words.stop, *words.subjects, *words.light})
        self._confusions = {(before, word): meant for before, word, meant in words.confusions}

    def understand(self, text: str) -> Reading:
        """Read a direction: pure, no clock, no randomness."""
        flat = shadow(text)
        times = self._times.find(flat)
        tokens = self._glued(self._with_lemmas(self._unconfused(tokenise(text, self._lexicon.words))))
        clauses = self._clauses.split(tokens, times)
        _resolve_pronouns(clauses, self._lexicon.words.parts)
        analyses = self._analyse(clauses, text)
        steps = self._arranger.arrange(analyses)
        steps = [step for step in (_flashed(step) for step in steps) if step.moments]
        understood, unread = self._account(tokens, times, analyses, text)
        told = summaries(steps, text)
        return Reading(tuple(steps), tuple(told[number] for number in range(len(steps))), understood, unread)

    def _unconfused(self, tokens: list[Token]) -> list[Token]:
        """Words that exist but are a slip here, such as "than" after "and"."""
        before = ""
        result = []
        for token in tokens:
            meant = self._confusions.get((before, token.word))
            result.append(replace(token, word=meant) if meant else token)
            before = token.word
        return result

    def _glued(self, tokens: list[Token]) -> list[Token]:
        result: list[Token] = []
        place = 0
        while place < len(tokens):
            phrase = self._glue.at(tokens, place)
            if phrase is None:
                result.append(tokens[place])
                place += 1
                continue
            first, last = tokens[phrase.first], tokens[phrase.last]
            joined = " ".join(token.text for token in tokens[phrase.first : phrase.last + 1])
            result.append(Token(joined, phrase.value, first.start, last.end, "word", self._morphology.lemmas(phrase.value)))
            place = phrase.last + 1
        return result

    def _with_lemmas(self, tokens: list[Token]) -> list[Token]:
        result = []
        for token in tokens:
            if token.kind != "word":
                result.append(token)
                continue
            lemmas = self._morphology.lemmas(token.word)
            word = token.word
            if not lemmas and (meant := self._morphology.repaired(word)) is not None:
                word, lemmas = meant, self._morphology.lemmas(meant)
            result.append(replace(token, word=word, lemmas=lemmas))
        return result

    def _analyse(self, clauses: Sequence[Clause], text: str) -> list[Analysis]:
        """Cues of all clauses; fragments join a neighbour, and what a clause leaves out is taken from the one before."""
        done: list[Analysis] = []
        waiting: Clause | None = None  # a fragment at the beginning of a sentence, for the clause after it
        for number, said in enumerate(clauses):
            clause = said if waiting is None else _joined(waiting, said)
            waiting = None
            analysis = self._cues.read(clause, text)
            if not analysis.cues and done and self._adds_direction(analysis, done[-1]):
                merged = self._cues.read(_joined(done[-1].clause, clause, keep=True), text)
                if merged.cues:
                    done[-1] = _timed(merged)
                    continue
            if (
                not analysis.cues
                and done
                and done[-1].verbs
                and not clause.empty
                and done[-1].clause.sentence >= clause.sentence - 1
            ):
                analysis = self._elliptic(clause, done[-1], text) or analysis
            if analysis.cues:
                done.append(_timed(analysis))
                continue
            following = clauses[number + 1] if number + 1 < len(clauses) else None
            first_of_sentence = not any(a.clause.sentence == clause.sentence for a in done)
            if (
                clause.joint in _MERGES
                and following is not None
                and following.sentence == clause.sentence
                and (first_of_sentence or clause.joint in ("then", "last"))
                and following.joint not in ("then", "last")
                and (clause.times or analysis.loose or clause.joint in ("then", "last"))
            ):
                waiting = clause
            elif (
                clause.joint in _MERGES
                and (clause.times or analysis.loose)
                and done
                and done[-1].clause.sentence >= clause.sentence - 1
            ):
                last = done.pop()
                merged = self._cues.read(_joined(last.clause, clause, keep=True), text, last.verbs if not last.used else ())
                done.append(_timed(merged) if merged.cues else last)
            else:
                done.append(analysis)
        if waiting is not None:
            done.append(Analysis(waiting))
        return done

    def _adds_direction(self, analysis: Analysis, before: Analysis) -> bool:
        """Whether a clause only says more of where the one before goes: "up and to the left", but not "left, right"."""
        clause = analysis.clause
        if clause.joint not in ("and", "comma") or before.clause.sentence != clause.sentence or not before.cues or clause.times:
            return False
        hits = [hit for hit in analysis.loose if hit.kind in ("aim", "side")]
        covered = {place for hit in hits for place in range(hit.first, hit.last + 1)}
        light = self._lexicon.words.light
        rest = [token for place, token in enumerate(clause.tokens) if place not in covered and token.word not in light]
        if not hits or any(self._meaning.intersection(token.lemmas) or token.word not in self._ignored for token in rest):
            return False
        mine = {_axis(hit) for hit in hits}
        theirs = {_axis(hit) for hit in before.hits if hit.kind == "aim" or (hit.kind == "side" and hit.value in (1, -1))}
        return mine.isdisjoint(theirs)

    def _elliptic(self, clause: Clause, before: Analysis, text: str) -> Analysis | None:
        """A clause read with what it leaves out: "looks left, then right"."""
        own = [token for token in clause.tokens if token.lemmas]
        again = clause.joint in ("and", "comma", "semi") and any(
            mark.kind in ("at", "after", "span", "last") for mark in clause.times
        )
        if not (own or again) or all(cue.does == "spare" for cue in before.cues):
            return None
        borrowed = tuple(token for token in before.verbs if token.word not in {t.word for t in own})
        last = next((call.side for cue in before.cues for call in cue.calls if call.side != "both"), "left")
        other: Side = "right" if last == "left" else "left"
        found = self._cues.read(clause, text, borrowed, other, repeats=again)
        return found if found.cues else None

    def _account(
        self, tokens: Sequence[Token], times: Sequence[TimeMark], analyses: Sequence[Analysis], text: str
    ) -> tuple[tuple[tuple[str, str], ...], tuple[str, ...]]:
        """What was understood, and the words that were not."""
        spans = sorted(((cue.place, cue.end, cue) for analysis in analyses for cue in analysis.cues), key=lambda span: span[:2])
        understood = tuple((cue.words, _meaning(cue)) for _, _, cue in spans if cue.words)
        used = {
            (token.start, token.word)
            for a in analyses
            for n in a.used
            if n < len(a.clause.tokens)
            for token in [a.clause.tokens[n]]
        }
        used |= {(t.start, t.word) for a in analyses if a.cues for h in a.hits for t in a.clause.tokens[h.first : h.last + 1]}
        kept = {(token.start, token.word) for analysis in analyses for token in analysis.clause.tokens}
        unread = []
        read_sentences = [(a.clause.tokens[0].start, a.clause.tokens[-1].end) for a in analyses if a.cues and a.clause.tokens]
        for token in tokens:
            if token.kind == "mark" or (token.start, token.word) in used:
                continue
            if any(mark.start <= token.start < mark.end for mark in times) and any(a.cues for a in analyses):
                continue
            if token.kind == "word":
                joint = (token.start, token.word) not in kept
                if joint or ("_" in token.word and any(a.cues for a in analyses)):
                    continue
                of_a_part = any(lemma in self._lexicon.words.parts for lemma in token.lemmas)
                if of_a_part and any(start <= token.start < end for start, end in read_sentences):
                    continue
                if token.word in self._ignored or any(lemma in self._ignored for lemma in token.lemmas):
                    continue
            unread.append(text[token.start : token.end][:400])
        return understood, tuple(unread)


def _meaning(cue: Cue) -> str:
    """What a cue was taken for, in a word or two."""
    if cue.does == "act":
        return ", ".join(dict.fromkeys(call.name for call in cue.calls))
    said = {"release": "let go", "still": "hold still", "pause": "wait", "spare": "leave alone", "gone": "only a flash"}[
        cue.does
    ]
    about = ", ".join(cue.of) or ", ".join(channel for channel, _ in cue.spared)
    return f"{said}: {about}"[:400] if about else said


def spared_limit(channels: dict[str, float], start: float, end: float, words: str) -> list[Limit]:
    """Limits for channels and bounds, one for each bound, smallest first."""
    bounds: dict[float, list[str]] = {}
    for name, most in channels.items():
        bounds.setdefault(most, []).extend(both_sides(name))
    return [
        Limit(channels=tuple(names), most=float(most), start=start, end=end, words=words)
        for most, names in sorted(bounds.items())
    ]


def _axis(hit: Hit) -> str:
    """Which way a direction points: across or up and down."""
    return "yaw" if hit.kind == "side" or abs(hit.yaw) > abs(hit.pitch) else "pitch"


def _resolve_pronouns(clauses: Sequence[Clause], parts: dict[str, str]) -> None:
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
                else single or plural
                if token.word in ("it", "that", "this")
                else None
            )
            if about is not None and token.word != "both":
                clause.tokens[place] = replace(token, lemmas=(*token.lemmas, about))


def _joined(first: Clause, second: Clause, *, keep: bool = False) -> Clause:
    """Two clauses as one, joined as the first is, or as the second where the first only opens a sentence."""
    strong = first.joint not in ("open", "comma", "and", "semi", "pause") or second.joint in ("comma", "and", "open")
    joint = first.joint if keep or strong else second.joint
    return Clause(
        joint,
        first.sentence if keep else second.sentence,
        [*first.tokens, *second.tokens],
        [*first.times, *second.times],
        first.together or second.together,
    )


def _timed(analysis: Analysis) -> Analysis:
    """Give the lengths that a clause names to its cues."""
    for mark in analysis.clause.times:
        for number, cue in enumerate(analysis.cues):
            instant = mark.kind == "length" and mark.low <= 0.6
            if (
                instant
                or (mark.kind == "length" and number == len(analysis.cues) - 1)
                or mark.kind == "span"
                or (mark.kind == "first" and mark.low)
            ):
                seconds = mark.high - mark.low if mark.kind == "span" else mark.low
                if seconds <= 0.5 and cue.does == "act":
                    analysis.cues[number] = replace(cue, brief=max(0.3, seconds + 0.15))
                else:
                    analysis.cues[number] = replace(cue, length=seconds)
            elif mark.kind == "within":
                slow = min(3.0, max(0.12, ONSET / mark.low))
                analysis.cues[number] = replace(cue, speed=slow, natural=max(cue.natural or 0.0, mark.low + 0.8))
    return analysis


def _flashed(step: Step) -> Step:
    """A step in which "and is gone" has made what came before a flash."""
    moments: list[Moment] = []
    for moment in step.moments:
        if moment.cue.does == "gone":
            moments = [replace(m, cue=replace(m.cue, brief=m.cue.brief or 0.5)) if m.cue.does == "act" else m for m in moments]
        else:
            moments.append(moment)
    return replace(step, moments=moments)
