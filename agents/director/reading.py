"""Understanding: from a direction's text to steps of cues, with an account of what was and was not understood."""

from __future__ import annotations

from collections.abc import Container, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from agents.director.clauses import Clause, ClauseReader
from agents.director.concealing import hides_only, leaking, masked, put_on, two_faces, understood
from agents.director.cues import Analysis, Cue, CueReader
from agents.director.describing import described, each_time
from agents.director.doings import does_something_else
from agents.director.keeping import kept
from agents.director.lasting import flashed, timed
from agents.director.leftout import LATE, LeftOut
from agents.director.modifiers import ModifierReader
from agents.director.morphology import Morphology
from agents.director.patterns import PatternTable
from agents.director.phrases import PhraseTable
from agents.director.returning import comes_after
from agents.director.rewording import back_again, from_to, names_something, nothing, plainer, resolve_pronouns
from agents.director.rounds import in_turn
from agents.director.steps import BEGINS, Arranger, Step, summaries
from agents.director.supposing import without_guesses
from agents.director.text import Token, shadow, tokenise
from agents.director.times import TimeKind, TimeMark, TimeReader
from agents.director.tone import ToneReader
from agents.director.viewpoint import addressed, seen_from_the_subject
from configs.lexicon import Joint, Lexicon

_MERGES: frozenset[Joint] = frozenset({"open", "comma", "and", "but", "though", "semi", "pause", "then", "first", "last"})
_OF_NAMES = frozenset({"is", "was", "has", "had", "and", "then", "slowly", "suddenly", "s", "looks", "turns", "gives", "keeps"})
"""What comes after the name of somebody who acts."""
LONGEST = 60
"""Words and times that wait at most for what they belong to: each that joins them has them all read anew."""
HARDLY = 0.3
"""Share of a feeling that is seen where the direction says that it does not show."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A direction understood, before it has times.

    Attributes:
        steps: what happens, in order.
        summaries: the words of each step.
        understood: (words, what they were taken for), in the order of the text.
        unread: words that could not be used, in the order of the text.
        remarks: what is to be said of how it was understood, such as that only its tone was.
    """

    steps: tuple[Step, ...]
    summaries: tuple[str, ...]
    understood: tuple[tuple[str, str], ...]
    unread: tuple[str, ...]
    remarks: tuple[str, ...] = ()


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
        table = PhraseTable({said: joint for joint, phrases in lexicon.modifiers.joints.items() for said in phrases})
        self._glue = PhraseTable({said: said.replace(" ", "_") for said in words.glue})
        self._times = TimeReader(words.numbers)
        named = frozenset(
            lemma
            for pattern in self._patterns.patterns
            if pattern.entry in lexicon.states and pattern.weight == 1
            for term in pattern.terms
            for lemma in term.lemmas
        )
        self._clauses = ClauseReader(
            table,
            named | set(words.classes["expression"]),
            frozenset(words.classes["change"]),
            frozenset(words.classes.get("follower", ())),  # older lexicons lack it
        )
        self._cues = CueReader(lexicon, self._patterns, self._modifiers)
        self._arranger = Arranger(lexicon)
        self._meaning = self._patterns.vocabulary()
        self._by_hand = frozenset(words.classes.get("by_hand", ()))  # older lexicons lack it
        self._of_parts = self._patterns.said_of(words.parts, lexicon.actions) - self._by_hand
        vocabulary = self._patterns.vocabulary() | set(self._modifiers.vocabulary()) | set(table.vocabulary())
        vocabulary |= {*words.parts, *words.subjects, *words.stop, *words.light, *words.numbers}
        onsets = words.classes.get("onset", ())  # older lexicons lack it
        vocabulary |= set(onsets)
        self._morphology = Morphology(
            vocabulary,
            words.irregular,
            lexicon.english.words.split(),
            self._patterns.often(but=lexicon.situations),
            self._patterns.vocabulary(),
        )
        self._tones = ToneReader(lexicon)
        self._subjects = frozenset(words.subjects)
        self._onlookers = frozenset(words.classes.get("onlooker", ()))
        self._light = frozenset(words.light)
        self._places = frozenset(said for said in lexicon.modifiers.aims if " " not in said) | set(words.classes["camera"])
        moving = (
            onsets,
            words.classes["change"],
            words.classes.get("wander", ()),
            words.classes["raise"],
        )  # older lexicons lack one
        self._moving = frozenset({*(word for listed in moving for word in listed), "join", "make", "slide", "follow"})
        people = {*words.classes["friend"], *words.classes["dear"], *words.classes.get("people", ())}
        self._ignored = frozenset({*words.stop, *words.subjects, *words.light, *people})
        self._left_out = LeftOut(lexicon, self._cues, self._ignored, self._meaning)
        self._confusions = {(before, word): meant for before, word, meant in words.confusions}

    def understand(self, text: str, *, part: bool = False) -> Reading:
        """Read a direction: pure, no clock, no randomness.

        Args:
            text: the direction.
            part: it is a piece of something that is read elsewhere too, such as a note; then "left" by itself is no look.
        """
        flat = shadow(text)
        times = self._times.find(flat)
        tokens = self._glued(self._with_lemmas(self._unconfused(tokenise(text, self._lexicon.words))))
        tokens = self._repeated(seen_from_the_subject(addressed(each_time(tokens), self._subjects), self._onlookers))
        clauses = self._clauses.split(tokens, times)
        resolve_pronouns(clauses, self._lexicon.words.parts, self._of_parts)
        analyses = self._analyse(clauses, text, bare=not part)
        steps = self._arranger.arrange(analyses)
        steps = [step for step in (flashed(step, number) for number, step in enumerate(steps)) if step.moments]
        understood, unread = self._account(tokens, times, analyses, text)
        remarks: tuple[str, ...] = ()
        if not steps and not part:
            steps, remarks = self._tones.played(clauses, text)
        told = summaries(steps, text)
        return Reading(tuple(steps), tuple(told[number] for number in range(len(steps))), understood, unread, remarks)

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
            if phrase is not None and phrase.value == "open_and_close" and _kept_open(tokens, phrase.first, phrase.last):
                phrase = None
            if phrase is None:
                result.append(tokens[place])
                place += 1
                continue
            first, last = tokens[phrase.first], tokens[phrase.last]
            joined = " ".join(token.text for token in tokens[phrase.first : phrase.last + 1])
            result.append(Token(joined, phrase.value, first.start, last.end, "word", self._morphology.lemmas(phrase.value)))
            place = phrase.last + 1
        return result

    def _repeated(self, tokens: Sequence[Token]) -> list[Token]:
        """Words said twice as once: "deeper and deeper" is deeper, "blinks and blinks" is blinking repeatedly."""
        result: list[Token] = []
        place = 0
        while place < len(tokens):
            token = tokens[place]
            result.append(token)
            again = place
            while (
                token.is_word
                and again + 2 < len(tokens)
                and tokens[again + 1].word == "and"
                and tokens[again + 2].word == token.word
            ):
                again += 2
            if again > place and not token.word.endswith("er"):
                last = tokens[again]
                result.append(replace(last, word="repeatedly", lemmas=self._morphology.lemmas("repeatedly")))
            place = again + 1
        return result

    def _with_lemmas(self, tokens: list[Token]) -> list[Token]:
        result: list[Token] = []
        for token in tokens:
            if token.kind != "word":
                result.append(token)
                continue
            lemmas = self._morphology.lemmas(token.word)
            word = token.word
            if not lemmas and not _is_name(token, result) and (meant := self._morphology.repaired(word)) is not None:
                word, lemmas = meant, self._morphology.lemmas(meant)
            result.append(replace(token, word=word, lemmas=lemmas))
        return result

    def _analyse(self, clauses: Sequence[Clause], text: str, *, bare: bool) -> list[Analysis]:
        """Cues of all clauses; fragments join a neighbour, and what a clause leaves out is taken from the one before."""
        done: list[Analysis] = []
        waiting: Clause | None = None  # a fragment at the beginning of a sentence, for the clause after it
        clauses = [part for clause in clauses for part in from_to(plainer(clause) or clause, self._places)]
        clauses = in_turn(clauses, self._modifiers)
        for number, said in enumerate(clauses):
            if waiting is not None and len(waiting.tokens) + len(waiting.times) > LONGEST:
                done.append(Analysis(waiting))
                waiting = None
            clause = said if waiting is None else _joined(waiting, said)
            waiting = None
            analysis = self._masked(clause, done, text) or self._cues.read(clause, text)
            if not analysis.cues and said.tokens and (there := self._left_out.there(clause, done)) is not None:
                analysis = self._cues.read(replace(clause, tokens=[*clause.tokens, there]), text)
            left_out = self._left_out
            if analysis.cues and done:
                analysis = left_out.with_part(analysis, done[-1], text) or analysis
            following = clauses[number + 1] if number + 1 < len(clauses) else None
            elsewhere = does_something_else(clause.tokens, self._lexicon.words.parts, self._of_parts, self._by_hand)
            if not analysis.cues and clause.joint != "comma" and self._leads(analysis, following, text):
                waiting = clause  # "then, in an instant, she is furious"; "Slowly, he turns"
                continue
            if not analysis.cues and (back := left_out.comes_back(clause, done)) is not None:
                done.append(back)
                continue
            if not analysis.cues and (plain := nothing(clause) or back_again(clause, done)) is not None:
                analysis = self._cues.read(plain, text)
            if not analysis.cues and done and (
                left_out.adds_direction(analysis, done[-1]) or left_out.adds_manner(analysis, done[-1])
            ):  # fmt: skip
                merged = self._cues.read(_joined(done[-1].clause, left_out.less(analysis), keep=True), text)
                if merged.cues:
                    done[-1] = timed(merged, self._lexicon.acts.lasting)
                    continue
            if (
                not analysis.cues
                and done
                and done[-1].verbs
                and not clause.empty
                and not elsewhere
                and not (
                    clause.tokens and clause.tokens[0].word in ("it", "that", "this") and names_something(clause.tokens, 0)
                )
                and done[-1].clause.sentence >= clause.sentence - 1
            ):
                analysis = self._left_out.borrowed(clause, done[-1], text) or analysis
            if done and (gives_in := self._left_out.gives_in(clause, done[-1], text)) is not None:
                analysis = gives_in
            if not analysis.cues:
                analysis = self._cues.toward(analysis, text) or analysis
            if not analysis.cues and bare:
                analysis = self._left_out.bare_direction(analysis, text) or analysis
            if done and self._conceals(analysis, done[-1]):
                continue
            if analysis.cues:
                left_out.stays_as_it_is(analysis, done)
                if done:
                    left_out.keeps_shut(analysis, done[-1])
                analysis = timed(analysis, self._lexicon.acts.lasting)
                if done:
                    analysis = comes_after(analysis, done[-1], self._taken(done[-1]))
                longer = kept(analysis, done[-1], self._lexicon) if done else None
                done[-1:] = [longer] if longer is not None else [*done[-1:], analysis]
                continue
            first_of_sentence = not any(a.cues and a.clause.sentence == clause.sentence for a in done)
            sets_a_time = following is not None and first_of_sentence and _sets_a_time(clause, done)
            if sets_a_time or (
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
                and not elsewhere
                and done
                and done[-1].clause.sentence >= clause.sentence - 1
            ):
                last = done.pop()
                merged = self._cues.read(_joined(last.clause, clause, keep=True), text, last.verbs if not last.used else ())
                done.append(timed(merged, self._lexicon.acts.lasting) if merged.cues else last)
            else:
                done.append(analysis)
        if waiting is not None:
            done.append(Analysis(waiting))
        self._contrasted(done)
        return self._in_the_end(without_guesses(described(done, self._lexicon), self._lexicon.situations), text)

    def _taken(self, analysis: Analysis) -> frozenset[str]:
        """The parts of the face that a clause takes."""
        names = {call.name for cue in analysis.cues if cue.does == "act" for call in cue.calls}
        return frozenset(part for name in names for part in self._lexicon.kind(name).parts)

    def _masked(self, clause: Clause, done: Sequence[Analysis], text: str) -> Analysis | None:
        """A clause in which one face hides another: "her smile hides her pain"; the face may be that of the clause before."""
        if (faces := two_faces(clause)) is not None:
            shown, felt = (self._cues.read(part, text) for part in faces)
            if (analysis := masked(clause, shown, felt, self._lexicon.states)) is not None:
                return analysis
        feeling = hides_only(clause)
        if feeling is None or not done or done[-1].clause.sentence != clause.sentence:
            return None
        felt = self._cues.read(feeling, text)
        leaks = leaking(felt.cues, self._lexicon.states)
        if not leaks or not done[-1].cues or _states_only(done[-1], self._lexicon.states):
            return None
        done[-1].cues = put_on(done[-1].cues)
        return Analysis(replace(clause, joint="while"), leaks, [], understood(clause, felt))

    def _conceals(self, analysis: Analysis, before: Analysis) -> bool:
        """Whether a clause says that a feeling does not show, so that it hardly does: "though his face shows nothing"."""
        neutral = [call.name for cue in analysis.cues for call in cue.calls] == ["neutral"]
        if not neutral or analysis.clause.joint not in ("but", "though") or not _states_only(before, self._lexicon.states):
            return False
        before.cues = [
            replace(cue, calls=tuple(call.model_copy(update={"strength": call.strength * HARDLY}) for call in cue.calls))
            for cue in before.cues
        ]
        before.clause.tokens.extend(analysis.clause.tokens)
        before.used |= set(range(len(before.clause.tokens)))
        return True

    def _leads(self, analysis: Analysis, following: Clause | None, text: str) -> bool:
        """Whether a clause says only how the one after it comes about: "slowly, he turns"."""
        if following is None or not self._left_out.only_manner(analysis) or not _goes_on(analysis.clause, following):
            return False
        return analysis.clause.joint == "then" or self._tells(following, text)

    def _tells(self, clause: Clause, text: str) -> bool:
        """Whether a clause says more than how: something that is done, or of what."""
        analysis = self._cues.read(clause, text)
        return bool(analysis.cues) or not self._left_out.only_manner(analysis)

    def _in_the_end(self, done: Sequence[Analysis], text: str) -> list[Analysis]:
        """The clauses with what does happen after "not until ...", said once more where it happens."""
        result: list[Analysis] = []
        late: Analysis | None = None
        for number, analysis in enumerate(done):
            result.append(analysis)
            if late is not None:
                result.append(late)
                late = None
            after = done[number + 1] if number + 1 < len(done) else None
            until = [
                mark for mark in analysis.clause.times if text[mark.start : mark.end].lower().startswith(("until", "till"))
            ]
            if after is not None and after.clause.joint == "until" and after.cues:
                late = self._left_out.after_all(analysis, text)
            elif until and (found := self._left_out.after_all(analysis, text)) is not None:
                kind: TimeKind = "last" if until[0].kind == "until_last" else "at"
                begins = LATE if until[0].kind == "throughout" else replace(until[0], kind=kind)
                analysis.clause.times = [mark for mark in analysis.clause.times if mark not in until]
                result.append(replace(found, clause=replace(found.clause, times=[begins])))
        return [*result, late] if late is not None else result

    def _names(self, tokens: Sequence[Token], used: set[tuple[int, str]], text: str) -> frozenset[str]:
        """Words that are names: in capitals in a text that is not, or with one before what somebody does."""
        shouted = text.upper() == text
        names = set()
        for place, token in enumerate(tokens):
            written = text[token.start : token.end]
            if token.lemmas or not token.is_word or not written[:1].isupper():
                continue
            after = tokens[place + 1] if place + 1 < len(tokens) else None
            begins = place == 0 or tokens[place - 1].kind == "mark"
            acts = begins and after is not None and ((after.start, after.word) in used or after.word in _OF_NAMES)
            if not shouted and (acts or (len(written) > 1 and written.isupper())):
                names.add(token.word)
        return frozenset(names)

    def _contrasted(self, done: list[Analysis]) -> None:
        """Where one feeling is denied and another named, the other is all that is meant: "he isn't sad; he's angry"."""
        for analysis, after in pairwise(done):
            near = after.clause.sentence <= analysis.clause.sentence + 1 and after.clause.joint not in (
                "then",
                "last",
                "before",
            )
            if not near or not _states_only(after, self._lexicon.states):
                continue
            analysis.cues = [
                replace(cue, does="spare", calls=()) if cue.denied and cue.entry in self._lexicon.states else cue
                for cue in analysis.cues
            ]

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
        names = self._names(tokens, used, text)
        read_sentences = [(a.clause.tokens[0].start, a.clause.tokens[-1].end) for a in analyses if a.cues and a.clause.tokens]
        for place, token in enumerate(tokens):
            before = tokens[max(0, place - 3) : place]
            likened = before[:-1] if before and before[-1].word in ("a", "an", "the") else before  # "proud as a peacock"
            if token.kind == "mark" or (token.start, token.word) in used or token.word in names:
                continue
            if any(mark.start <= token.start < mark.end for mark in times) and any(a.cues for a in analyses):
                continue
            if token.kind == "word":
                plain = [(earlier.start, earlier.word) for earlier in likened[-2:]]
                if len(plain) == 2 and plain[0] in used and plain[1] in kept and plain[1][1] == "as":
                    continue
                joint = (token.start, token.word) not in kept
                if joint or ("_" in token.word and any(a.cues for a in analyses)):
                    continue
                of_a_part = any(lemma in self._lexicon.words.parts for lemma in token.lemmas)
                if of_a_part and any(start <= token.start < end for start, end in read_sentences):
                    continue
                if token.word in self._ignored or any(lemma in self._ignored for lemma in token.lemmas):
                    continue
                if any(start <= token.start < end for start, end in read_sentences) and self._moving.intersection(token.lemmas):
                    continue  # what moves, and where to, is understood: "lifted to meet our eyes"
            unread.append(text[token.start : token.end][:400])
        return understood, tuple(unread)


def _is_name(token: Token, before: Sequence[Token]) -> bool:
    """Whether a word is written as a name inside a sentence: "the king of France" is nobody in a trance."""
    return token.text.istitle() and bool(before) and before[-1].kind == "word" and not before[-1].text[:1].isupper()


def _kept_open(tokens: Sequence[Token], first: int, last: int) -> bool:
    """Whether "open and close" is no one thing: "keep the right eye open and close the left"."""
    keeps = any(not {"keep", "leave", "hold", "stay"}.isdisjoint(token.lemmas) for token in tokens[max(0, first - 5) : first])
    return keeps and last + 1 < len(tokens) and tokens[last + 1].is_word


def _states_only(analysis: Analysis, states: Container[str]) -> bool:
    """Whether a clause only says how somebody feels."""
    return bool(analysis.cues) and all(cue.entry in states and cue.does == "act" for cue in analysis.cues)


def _goes_on(clause: Clause, following: Clause | None) -> bool:
    """Whether what a clause begins is told by the next one, after a comma."""
    return following is not None and following.sentence == clause.sentence and following.joint == "comma"


def _sets_a_time(clause: Clause, done: Sequence[Analysis]) -> bool:
    """Whether a clause is nothing but the time of what comes next: "[00:03] laugh", "for the last second, and only then, "."""
    if clause.tokens or not clause.times or any(mark.kind not in BEGINS for mark in clause.times):
        return False
    waits = bool(done) and bool(done[-1].cues) and not any(mark.kind in BEGINS for mark in done[-1].clause.times)
    return not (clause.aside == "before" and waits)


def _meaning(cue: Cue) -> str:
    """What a cue was taken for, in a word or two."""
    if cue.does == "act":
        return ", ".join(dict.fromkeys(call.name for call in cue.calls))
    said = {"release": "let go", "still": "hold still", "pause": "wait", "spare": "leave alone", "gone": "only a flash"}[
        cue.does
    ]
    about = ", ".join(cue.of) or ", ".join(channel for channel, _ in cue.spared)
    return f"{said}: {about}"[:400] if about else said


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
