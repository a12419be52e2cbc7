"""Analysed clauses as steps in order: what comes one after the other, and what goes together.

A sentence begins a step, unless it only describes what is there already. Inside a sentence the connectives decide; where they
leave it open, as commas and "and" do, parts of the face as subjects and participles go together, and several things that a
person does come one after the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from agents.director.clauses import Joint
from agents.director.cues import Analysis, Cue
from agents.director.times import TimeMark
from configs.lexicon import Lexicon

STAGGER = 0.3
"""Seconds by which parts of the face follow each other in one movement."""
_SUBORDINATE: frozenset[Joint] = frozenset({"while", "before", "after", "when", "until", "like", "without"})
_BEGINS = frozenset({"at", "after", "span", "last", "first", "share"})
_DETERMINERS = frozenset({"the", "his", "her", "their", "a", "an", "this", "that", "its", "my"})
_OF_A_PART = frozenset({"corner", "inner", "outer", "upper", "lower"})
_STATIVE = frozenset({"be", "stay", "remain", "keep", "look", "seem", "appear", "hold"})


@dataclass(frozen=True, slots=True)
class Moment:
    """A cue in a step, so many seconds after its start."""

    cue: Cue
    lag: float
    until: float | None = None
    every: float | None = None
    throughout: bool = False


@dataclass(slots=True)
class Step:
    """What happens together.

    Attributes:
        moments: its cues.
        when: when it begins, if the direction says so.
        words: places of its clauses in the direction, for a summary.
        inherits: its pace is that of the step before, as in "by the time ...".
        ends: its poses are over when the next step begins, as in "... until ...".
    """

    moments: list[Moment] = field(default_factory=list)
    when: TimeMark | None = None
    words: list[tuple[int, int]] = field(default_factory=list)
    inherits: bool = False
    ends: bool = False


class Arranger:
    """Puts analysed clauses in order."""

    def __init__(self, lexicon: Lexicon) -> None:
        self._lexicon = lexicon

    def arrange(self, analyses: Sequence[Analysis]) -> list[Step]:
        """The steps of a direction; clauses without cues leave no trace."""
        steps: list[Step] = []
        sentences: dict[int, list[Analysis]] = {}
        for analysis in analyses:
            if analysis.cues:
                sentences.setdefault(analysis.clause.sentence, []).append(analysis)
        for group in sentences.values():
            _Sentence(self._lexicon, steps, group).place()
        return steps


class _Sentence:
    """Places the clauses of one sentence among the steps."""

    def __init__(self, lexicon: Lexicon, steps: list[Step], group: Sequence[Analysis]) -> None:
        self._lexicon = lexicon
        self._steps = steps
        self._group = group
        self._cursor = len(steps) - 1
        self._lag = 0.0
        self._flowing = False
        first = group[0]
        self._fronting = first.clause.joint in ("open", "semi") and self._subject(first) in ("participle", "state")
        acting = [a for a in group if any(cue.does in ("act", "release") for cue in a.cues)]
        self._listed = sum(a.clause.joint in ("open", "comma", "and", "semi", "pause") for a in acting) >= 3

    def place(self) -> None:
        """Place them all."""
        leading: Joint | None = None
        before: Analysis | None = None
        for number, analysis in enumerate(self._group):
            joint = analysis.clause.joint
            starts = next((mark for mark in analysis.clause.times if mark.kind in _BEGINS), None)
            if (
                number == 0
                and joint in _SUBORDINATE
                and len(self._group) > 1
                and self._group[1].clause.joint not in ("then", "last")
            ):
                leading = joint
                self._next(analysis, starts)
            elif leading is not None:
                self._main_after(leading, analysis, starts)
                leading = None
            elif number == 0:
                self._first(analysis, starts)
            else:
                self._further(analysis, before, starts)
            before = analysis

    def _first(self, analysis: Analysis, starts: TimeMark | None) -> None:
        clause = analysis.clause
        together = clause.together or clause.joint in ("while", "without", "like")
        describes = clause.joint in ("open", "semi", "but") and self._describes(analysis)
        if self._steps and starts is None and (together or describes):
            self._with(analysis, 0.0)
        else:
            self._next(analysis, starts)

    def _main_after(self, leading: Joint, analysis: Analysis, starts: TimeMark | None) -> None:
        """The main clause that follows a leading subordinate one."""
        if leading in ("before", "until") and starts is None:
            self._steps.insert(self._cursor, Step())
            self._add(analysis, 0.0)
        elif leading in ("while", "like", "without") and starts is None:
            self._flowing = leading == "while"
            self._with(analysis, self._lag)
        else:
            self._next(analysis, starts)

    def _further(self, analysis: Analysis, before: Analysis | None, starts: TimeMark | None) -> None:
        joint = analysis.clause.joint
        if analysis.clause.together:
            self._lag = 0.0
            step = self._steps[self._cursor]
            step.moments = [Moment(m.cue, 0.0, m.until, m.every, m.throughout) for m in step.moments]
            self._with(analysis, 0.0)
        elif starts is not None or joint in ("then", "last", "by_then", "before", "until", "first"):
            if joint == "until":
                self._steps[self._cursor].ends = True
            self._next(analysis, starts)
        elif joint == "after" or (joint == "when" and any(cue.event for cue in analysis.cues)):
            # "Y after X": X comes first.
            self._steps.insert(self._cursor, Step())
            self._add(analysis, 0.0)
            self._cursor += 1
        elif joint in ("while", "when", "without", "like"):
            self._flowing = self._flowing or joint == "while"
            self._with(analysis, 0.0)
        elif self._together(analysis, before):
            self._with(analysis, self._lag)
        else:
            self._next(analysis, None)

    def _together(self, analysis: Analysis, before: Analysis | None) -> bool:
        """Whether a clause after a comma or "and" goes with the one before; sets how long after."""
        if before is None:
            return False
        does = {cue.does for cue in analysis.cues}
        if does in ({"spare"}, {"gone"}) or all(cue.does == "spare" for cue in before.cues):
            return True
        if self._only_states(analysis) and self._only_states(before) and analysis.clause.joint == "and":
            return True
        if "still" in does:
            return all(cue.does in ("still", "spare", "release") or _neutral(cue) for cue in before.cues)
        if "pause" in does:
            return False
        if analysis.clause.joint == "but" and (self._describes(analysis) or _keeps(analysis)):
            return True  # "he laughs, but his eyes stay sad"
        kind = self._subject(analysis)
        # "With raised brows and an open mouth, he stares": what stands before the subject goes with what he does.
        fronting = self._fronting
        self._fronting = fronting and (kind in ("participle", "state") or self._noun_phrase(analysis))
        if kind in ("participle", "state") or (fronting and analysis.clause.joint == "comma") or self._noun_phrase(analysis):
            return self._compatible(analysis, before, at_once=True)
        if any(cue.event for cue in before.cues) and kind != "body":
            return False
        if not self._compatible(analysis, before, at_once=False):
            return False
        if kind == "body" or self._flowing or self._describes(analysis):
            self._lag += 0.0 if self._describes(analysis) else STAGGER
            return True
        if analysis.clause.joint == "but":
            return False
        if self._listed or analysis.clause.joint != "and" or any(cue.event for cue in analysis.cues):
            return False
        longest = max((self._seconds(cue) for cue in before.cues if cue.does == "act"), default=0.0)
        if (
            longest >= 2.2
            or any(cue.length for cue in before.cues)
            or any(mark.kind == "length" for mark in before.clause.times)
        ):
            return False
        gazes = any(call.name in ("look", "glance", "turn_head", "look_at_camera") for cue in before.cues for call in cue.calls)
        self._lag += 0.6 if gazes else STAGGER
        return True

    def _only_states(self, analysis: Analysis) -> bool:
        return all(cue.entry in self._lexicon.states and cue.does == "act" for cue in analysis.cues)

    def _seconds(self, cue: Cue) -> float:
        kinds = [self._lexicon.kind(call.name) for call in cue.calls]
        return max((kind.seconds for kind in kinds if kind.hold in ("own", "span")), default=0.0)

    def _compatible(self, analysis: Analysis, before: Analysis, *, at_once: bool) -> bool:
        """Whether the face can do both: no part twice, no contrary moods, nothing let go that was just asked for."""
        if any(cue.does == "release" for cue in (*before.cues, *analysis.cues)) and not self._flowing:
            return self._subject(analysis) == "body" and all(cue.does == "release" for cue in before.cues)
        mine, theirs = self._parts(analysis, poses=at_once), self._parts(before, poses=at_once)
        if at_once:
            mine, theirs = mine - {"state"}, theirs - {"state"}
        if mine & theirs:
            return False
        moods = self._moods(analysis) | self._moods(before)
        return at_once or not {1, -1} <= moods

    def _parts(self, analysis: Analysis, *, poses: bool = False) -> set[str]:
        kinds = [self._lexicon.kind(call.name) for cue in analysis.cues for call in cue.calls]
        return {part for kind in kinds if not poses or kind.hold in ("keep", "step") for part in kind.parts}

    def _noun_phrase(self, analysis: Analysis) -> bool:
        """Whether a clause is only a part of the face with what it is like: "an open mouth"."""
        tokens = analysis.clause.tokens
        parts = [
            self._lexicon.words.parts[lemma]
            for token in tokens[-1:]
            for lemma in token.lemmas
            if lemma in self._lexicon.words.parts
        ]
        return (
            0 < len(tokens) <= 4
            and bool(parts)
            and not {"smile", "frown", "breath", "air"} & set(parts)
            and (tokens[0].word in ("a", "an", "the", "with", "both", "one", "his", "her", "their") or len(tokens) <= 2)
            and not tokens[0].word.endswith("s")
            and self._subject(analysis) != "participle"
        )

    def _moods(self, analysis: Analysis) -> set[int]:
        return {self._lexicon.kind(call.name).mood for cue in analysis.cues for call in cue.calls}

    def _subject(self, analysis: Analysis) -> str:
        """What a clause begins with: a part of the face, a participle, a bare state, or a person or verb."""
        words = self._lexicon.words
        skip = {*words.light, "each", "every"} - {"with"}
        for place, token in enumerate(analysis.clause.tokens):
            if token.word in skip or token.word.endswith("ly") or not token.is_word:
                continue
            if token.word in ("with", "at", "without"):
                return "state"
            before = {earlier.word for earlier in analysis.clause.tokens[:place]}
            parts = [words.parts[lemma] for lemma in token.lemmas if lemma in words.parts]
            if (
                parts and (_DETERMINERS & before or not {"smile", "frown", "breath", "air"} & set(parts))
            ) or not _OF_A_PART.isdisjoint(token.lemmas):
                return "body"
            if token.word.endswith("ing") and place <= 2:
                return "participle"
            if (
                len(analysis.clause.tokens) <= 3
                and all(cue.entry in self._lexicon.states for cue in analysis.cues)
                and (token.word not in ("he", "she", "they", "it") and not token.word.endswith("s"))
            ):
                return "state"
            return "person"
        return "state"

    def _describes(self, analysis: Analysis) -> bool:
        """Whether a clause only says how a part of the face is: "her eyes are wide", "mouth open"."""
        if self._subject(analysis) != "body" or analysis.clause.joint in ("then", "last"):
            return False
        if any(cue.does in ("release", "pause", "gone") for cue in analysis.cues):
            return False
        tokens = analysis.clause.tokens
        stative = any(not _STATIVE.isdisjoint(token.lemmas) for token in tokens[:5])
        verbless = not any(
            token.word.endswith(("s", "ed")) and len(token.word) > 4 and "_" not in token.word for token in tokens[2:]
        )
        return stative or (verbless and len(tokens) <= 4)

    def _next(self, analysis: Analysis, starts: TimeMark | None) -> None:
        self._cursor += 1
        self._steps.insert(self._cursor, Step(when=starts, inherits=analysis.clause.joint == "by_then"))
        self._lag = 0.0
        self._add(analysis, 0.0)

    def _with(self, analysis: Analysis, lag: float) -> None:
        if self._cursor < 0:
            self._next(analysis, None)
        else:
            self._add(analysis, lag)

    def _add(self, analysis: Analysis, lag: float) -> None:
        step = self._steps[self._cursor]
        times = {mark.kind: mark for mark in analysis.clause.times}
        until = times["until"].low if "until" in times else None
        every = times["every"].low if "every" in times else None
        for cue in analysis.cues:
            step.moments.append(Moment(cue, lag, until, every, "throughout" in times))
        tokens = analysis.clause.tokens
        if tokens:
            step.words.append((tokens[0].start, tokens[-1].end))


def _keeps(analysis: Analysis) -> bool:
    """Whether a clause only says what stays as it is: "but keeps his lips pressed"."""
    return any(
        not {"keep", "stay", "remain", "hold", "maintain"}.isdisjoint(token.lemmas) for token in analysis.clause.tokens[:3]
    )


def _neutral(cue: Cue) -> bool:
    return [call.name for call in cue.calls] == ["neutral"]


def summaries(steps: Sequence[Step], text: str) -> Mapping[int, str]:
    """The words of each step, in the order of the text."""
    return {
        number: " ".join(" / ".join(text[start:end] for start, end in sorted(step.words)).split())[:400]
        for number, step in enumerate(steps)
    }
