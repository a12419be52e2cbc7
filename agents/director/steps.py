"""Analysed clauses as steps in order: what comes one after the other, and what goes together.

A sentence begins a step, unless it only describes what is there already. Inside a sentence the connectives decide; where they
leave it open, as commas and "and" do, parts of the face as subjects and participles go together, and several things that a
person does come one after the other.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from agents.director.cues import Analysis, Cue
from agents.director.performance import ONE_WAY
from agents.director.times import TimeMark
from configs.lexicon import Call, Joint, Lexicon

STAGGER = 0.3
"""Seconds by which parts of the face follow each other in one movement."""
_SUBORDINATE: frozenset[Joint] = frozenset({"while", "before", "after", "when", "until", "like", "without", "though", "except"})
_AT_THE_END = TimeMark("share", 0.65, 1.0, 0, 0)
"""When something begins of which nothing is said but that it comes at the end."""
BEGINS = frozenset({"at", "after", "span", "last", "first", "share"})
_DETERMINERS = frozenset({"the", "his", "her", "their", "a", "an", "this", "that", "its", "my"})
_OF_A_PART = frozenset({"corner", "inner", "outer", "upper", "lower"})
_NOTHING_OF = frozenset({"zero", "absolutely"})
"""What "no expression" may begin with, beside the words that deny: "absolutely no movement"."""
_HAVING = ("eyed", "lipped", "mouthed", "faced", "browed", "jawed", "cheeked", "lidded", "toothed")
_PARTS_THAT_ARE = frozenset("eyes eye mouth lips lip brows brow eyebrows eyebrow head chin jaw teeth lids eyelids face".split())
_STRAYS = frozenset({"leave", "move", "stray", "wander", "waver", "budge", "quit", "shift", "change", "drift", "flinch"})
_STATIVE = frozenset({"be", "stay", "remain", "keep", "look", "seem", "appear", "hold"})


@dataclass(frozen=True, slots=True)
class Moment:
    """A cue in a step, so many seconds after its start; until so many seconds into the take, or before its end if negative.

    Attributes:
        cue: what is asked for.
        lag: seconds after the start of its step.
        until: seconds into the take, or before its end if negative, at which it is over; None if nothing says so.
        every: seconds after which it comes again, if it does.
        throughout: whether it lasts to the end of the take, and begins with it unless it is `onwards`.
        onwards: whether it begins where it stands: "beams until the end".
        whole: for what is not to move, the first of the sentences of which it is said: "looks left, then right; his head
            stays still".
        share: share of the take (0..1) at which it is over: "in the first third"; None if nothing says so.
    """

    cue: Cue
    lag: float
    until: float | None = None
    every: float | None = None
    throughout: bool = False
    onwards: bool = False
    whole: int | None = None
    share: float | None = None


@dataclass(slots=True)
class Step:
    """What happens together.

    Attributes:
        moments: its cues.
        when: when it begins, if the direction says so.
        words: places of its clauses in the direction, for a summary.
        inherits: its pace is that of the step before, as in "by the time ...".
        ends: its poses are over when the next step begins, as in "... until ...".
        sentence: number of the sentence that begins it.
    """

    moments: list[Moment] = field(default_factory=list)
    when: TimeMark | None = None
    words: list[tuple[int, int]] = field(default_factory=list)
    inherits: bool = False
    ends: bool = False
    sentence: int = 0


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
        joined = False  # to words in brackets that stand before it
        for group in sentences.values():
            self._bare_scene(group)
            sentence = _Sentence(self._lexicon, steps, group, joined=joined)
            joined = False
            if len(group) == 1 and group[0].clause.aside and sentence.only_manner(group[0]):
                place = analyses.index(group[0])
                behind = group[0].clause.aside == "before" and place > 0 and bool(analyses[place - 1].cues)
                sentence.place_aside(behind=behind)
                joined = not behind
            else:
                sentence.place()
        if len(steps) == 1 and steps[0].when is None and next(iter(sentences.values()))[0].clause.joint == "last":
            steps[0].when = _AT_THE_END
        return steps

    def _bare_scene(self, group: Sequence[Analysis]) -> None:
        """Leave a scene only its looks where the same sentence says that nothing shows: "no expression, no movement"."""
        for analysis in group:
            first = analysis.clause.tokens[0].word if analysis.clause.tokens else ""
            blank = any(cue.does == "still" or _neutral(cue) for cue in analysis.cues)
            denies = first in self._lexicon.modifiers.denying or first in _NOTHING_OF
            if not denies or not blank or analysis.clause.joint in ("then", "last"):
                continue
            for scene in group:
                if scene is not analysis and any(cue.entry in self._lexicon.situations for cue in scene.cues):
                    scene.cues = [replace(cue, calls=self._looks(cue)) for cue in scene.cues]

    def _looks(self, cue: Cue) -> tuple[Call, ...]:
        """What a cue asks of the gaze alone, if it is a scene; otherwise all of it."""
        if cue.entry not in self._lexicon.situations:
            return cue.calls
        return tuple(call for call in cue.calls if set(self._lexicon.kind(call.name).parts) <= {"gaze"})


class _Sentence:
    """Places the clauses of one sentence among the steps."""

    def __init__(self, lexicon: Lexicon, steps: list[Step], group: Sequence[Analysis], *, joined: bool) -> None:
        self._lexicon = lexicon
        self._joined = joined
        self._steps = steps
        self._group = group
        self._cursor = len(steps) - 1
        self._lag = 0.0
        self._flowing = False
        first = group[0]
        before_subject = self._subject(first) in ("participle", "state") or _absolute(first)
        self._fronting = first.clause.joint in ("open", "semi") and before_subject
        acting = [a for a in group if any(cue.does in ("act", "release") for cue in a.cues)]
        self._listed = sum(a.clause.joint in ("open", "comma", "and", "semi", "pause") for a in acting) >= 3

    def place_aside(self, *, behind: bool) -> None:
        """Place the manner that stands in brackets: with what it stands behind, or in a step for what follows it."""
        if behind:
            self._with(self._group[0], 0.0)
        else:
            self._next(self._group[0], None)

    def only_manner(self, analysis: Analysis) -> bool:
        """Whether a clause names nothing but how somebody feels or smiles: "(bored)", "[smiling]"."""
        poses = [self._lexicon.kind(call.name).hold == "keep" for cue in analysis.cues for call in cue.calls]
        bare = len(analysis.clause.tokens) <= 2 and self._subject(analysis) in ("state", "participle")
        return all(cue.does == "act" for cue in analysis.cues) and (self._only_states(analysis) or (bare and all(poses)))

    def place(self) -> None:
        """Place them all."""
        leading: Joint | None = None
        before: Analysis | None = None
        for number, analysis in enumerate(self._group):
            joint = analysis.clause.joint
            starts = next((mark for mark in analysis.clause.times if mark.kind in BEGINS), None)
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
        describes = clause.joint in ("open", "semi", "but", "though") and (self._describes(analysis) or _of_the_rest(analysis))
        banned = clause.joint == "semi" and all(cue.does == "spare" for cue in analysis.cues)
        bans = bool(self._steps) and all(moment.cue.does == "spare" for moment in self._steps[-1].moments)
        together = together or banned or (bans and clause.joint not in ("then", "last", "pause", "first"))
        if describes and not together and self._steps and self._takes_over(analysis):
            describes = False  # "Eyes left. Eyes right."
        if self._steps and starts is None and (together or describes or (self._joined and clause.joint != "then")):
            self._with(analysis, 0.0)
        else:
            self._next(analysis, starts)

    def _takes_over(self, analysis: Analysis) -> bool:
        """Whether a clause asks for something else of what the step before has just set: another line of sight, or side."""
        letting = [moment.cue for moment in self._steps[-1].moments if moment.cue.does == "release"]
        let_go = {name for cue in letting for group in cue.of for name in self._lexicon.acts.release[group]}
        if any(call.name in let_go for cue in analysis.cues for call in cue.calls):
            return True
        asked = [call for cue in analysis.cues if cue.does == "act" for call in cue.calls]
        there = [call for moment in self._steps[-1].moments if moment.cue.does == "act" for call in moment.cue.calls]
        return any(
            {"gaze", "yaw", "roll", "brows", "lids"}
            & set(self._lexicon.kind(mine.name).parts)
            & set(self._lexicon.kind(other.name).parts)
            and (mine.name, mine.yaw, mine.pitch, mine.side) != (other.name, other.yaw, other.pitch, other.side)
            for mine in asked
            for other in there
        )

    def _main_after(self, leading: Joint, analysis: Analysis, starts: TimeMark | None) -> None:
        """The main clause that follows a leading subordinate one."""
        if leading in ("before", "until") and starts is None:
            self._steps.insert(self._cursor, Step())
            self._add(analysis, 0.0)
        elif leading in ("while", "like", "without", "though", "except") and starts is None:
            self._flowing = leading == "while"
            self._with(analysis, self._lag)
        else:
            self._next(analysis, starts)

    def _further(self, analysis: Analysis, before: Analysis | None, starts: TimeMark | None) -> None:
        joint = analysis.clause.joint
        if analysis.clause.together:
            self._lag = 0.0
            step = self._steps[self._cursor]
            step.moments = [replace(moment, lag=0.0) for moment in step.moments]
            self._with(analysis, 0.0)
        elif starts is not None or joint in ("then", "last", "by_then", "before", "until", "first"):
            if joint == "until":
                self._steps[self._cursor].ends = True
            self._next(analysis, starts)
        elif joint == "when" and before is not None and _under_way(before):
            self._next(analysis, None)
        elif joint == "after" or (joint == "when" and any(cue.event for cue in analysis.cues)):
            # "Y after X": X comes first.
            self._steps.insert(self._cursor, Step())
            self._add(analysis, 0.0)
            self._cursor += 1
        elif joint in ("while", "when", "without", "like", "though", "except"):
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
        if "still" in does and _of_the_rest(analysis):
            return True
        if "still" in does:
            return all(cue.does in ("still", "spare", "release") or _neutral(cue) for cue in before.cues)
        if all(any(mark.kind == "length" for mark in one.clause.times) for one in (analysis, before)):
            return False  # "one second of anger, two seconds of joy"
        if "pause" in does:
            return False
        if analysis.clause.joint in ("but", "though") and (self._describes(analysis) or _keeps(analysis)):
            self._lag = 0.0
            return True  # "he laughs, but his eyes stay sad"
        if self._passes_first(before, analysis) or (_stops(before) and self._subject(analysis) == "person"):
            return False  # "he is surprised and laughs", "she freezes and turns round"
        kind = self._subject(analysis)
        # "With raised brows and an open mouth, he stares": what stands before the subject goes with what he does.
        fronting = self._fronting
        self._fronting = fronting and (kind in ("participle", "state") or _absolute(analysis) or self._noun_phrase(analysis))
        if kind in ("participle", "state") or (fronting and analysis.clause.joint == "comma") or self._noun_phrase(analysis):
            return self._compatible(analysis, before, at_once=True)
        if any(cue.event for cue in before.cues) and kind != "body":
            return False
        if not self._compatible(analysis, before, at_once=False):
            return False
        if kind == "body" or self._flowing or self._describes(analysis):
            self._lag += 0.0 if self._describes(analysis) else STAGGER
            return True
        if analysis.clause.joint in ("but", "though"):
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

    def _passes_first(self, before: Analysis, analysis: Analysis) -> bool:
        """Whether a feeling that is over by itself is named before an expression that would end it."""
        kinds = [self._lexicon.kind(call.name) for cue in before.cues if cue.does == "act" for call in cue.calls]
        passing = any(kind.hold == "keep" and kind.longest is not None for kind in kinds)
        return passing and self._subject(analysis) != "participle" and bool(self._moods(analysis) - {0})

    def _only_states(self, analysis: Analysis) -> bool:
        return all(cue.entry in self._lexicon.states and cue.does == "act" for cue in analysis.cues)

    def _seconds(self, cue: Cue) -> float:
        kinds = [self._lexicon.kind(call.name) for call in cue.calls]
        return max((kind.seconds for kind in kinds if kind.hold in ("own", "span")), default=0.0)

    def _compatible(self, analysis: Analysis, before: Analysis, *, at_once: bool) -> bool:
        """Whether the face can do both: no part twice, no contrary moods, nothing let go that was just asked for."""
        if self._undone(before, analysis) or self._undone(analysis, before):
            return False  # "tongue in, tongue out"
        if any(cue.does == "release" for cue in (*before.cues, *analysis.cues)) and not self._flowing:
            return self._subject(analysis) == "body" and all(cue.does == "release" for cue in before.cues)
        mine, theirs = self._parts(analysis, poses=at_once), self._parts(before, poses=at_once)
        if at_once:
            mine, theirs = mine - {"state"}, theirs - {"state"}
        if mine & theirs and ({self._side(analysis), self._side(before)} != {"left", "right"} or mine & theirs & ONE_WAY):
            return False
        moods = self._moods(analysis) | self._moods(before)
        return at_once or not {1, -1} <= moods

    def _undone(self, letting: Analysis, asking: Analysis) -> bool:
        """Whether one clause lets go by name what the other asks for."""
        let_go = {name for cue in letting.cues if cue.does == "release" for group in cue.of
                  for name in self._lexicon.acts.release[group]}  # fmt: skip
        return any(call.name in let_go for cue in asking.cues if cue.does == "act" for call in cue.calls)

    def _side(self, analysis: Analysis) -> str:
        """The one side on which a clause asks for something, or "both"."""
        sides = {call.side for cue in analysis.cues for call in cue.calls}
        return sides.pop() if len(sides) == 1 else "both"

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
        skip = {*words.light, "each", "every", "left", "right", "other", "not", "never"} - {"with"}
        if any(token.word.endswith(_HAVING) and token.word not in _HAVING for token in analysis.clause.tokens[:1]) or any(
            token.word in _HAVING for token in analysis.clause.tokens[1:3]
        ):
            return "state"  # "wide-eyed", "tight-lipped"
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
        return "person" if any(token.word in ("left", "right") for token in analysis.clause.tokens) else "state"

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
        inherits, sentence = analysis.clause.joint == "by_then", analysis.clause.sentence
        self._steps.insert(self._cursor, Step(when=starts, inherits=inherits, sentence=sentence))
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
        until = times["until"].low if "until" in times else -times["until_last"].low if "until_last" in times else None
        every = times["every"].low if "every" in times else None
        part = times.get("share") or times.get("first")
        share = part.high if part is not None and 0 < part.high < 1 else None
        for cue in analysis.cues:
            throughout = "throughout" in times
            onwards = throughout and times["throughout"].low > 0
            step.moments.append(Moment(cue, lag, until, every, throughout, onwards, _whole(analysis), share))
        tokens = analysis.clause.tokens
        if tokens:
            step.words.append((tokens[0].start, tokens[-1].end))
        else:  # nothing but a time, as in "at 1 s, 2 s and 3 s"
            step.words.extend((cue.place, cue.end) for cue in analysis.cues)


def _whole(analysis: Analysis) -> int | None:
    """The first sentence in which nothing is to move of which a clause of its own says so; None if it is said of a step."""
    clause = analysis.clause
    timed = any(mark.kind != "throughout" for mark in clause.times)
    if any(cue.does != "spare" for cue in analysis.cues) or timed or clause.joint in ("then", "last", "open"):
        return None
    return clause.sentence - 1 if clause.joint == "semi" else clause.sentence


def _keeps(analysis: Analysis) -> bool:
    """Whether a clause only says what stays as it is: "but keeps his lips pressed", "but his eyes never leave us"."""
    said = analysis.clause.tokens[:5]
    if any(token.word in ("not", "never") for token in said) and any(not _STRAYS.isdisjoint(token.lemmas) for token in said):
        return True
    return any(
        not {"keep", "stay", "remain", "hold", "maintain"}.isdisjoint(token.lemmas) for token in analysis.clause.tokens[:3]
    )


def _absolute(analysis: Analysis) -> bool:
    """Whether a clause is a part of the face and how it is, with no verb: "eyes half closed, he looks to the right"."""
    tokens = analysis.clause.tokens
    poses = [cue.does == "act" for cue in analysis.cues]
    return (
        1 < len(tokens) <= 4
        and bool(poses)
        and all(poses)
        and not any(token.word.endswith("s") for token in tokens[1:])
        and tokens[0].word in _PARTS_THAT_ARE
    )


def _under_way(analysis: Analysis) -> bool:
    """Whether a clause tells what somebody is doing when something happens: "she is reading when a noise ..."."""
    tokens = analysis.clause.tokens[:6]
    return any(
        "be" in token.lemmas and any(later.word.endswith("ing") for later in tokens[place + 1 : place + 3])
        for place, token in enumerate(tokens)
    )


def _of_the_rest(analysis: Analysis) -> bool:
    """Whether a clause keeps still what the one before did not speak of: "the rest of the face is still"."""
    said = {token.word for token in analysis.clause.tokens}
    return bool(said & {"rest", "the_rest", "else", "otherwise"}) and any(cue.does == "still" for cue in analysis.cues)


def _stops(analysis: Analysis) -> bool:
    """Whether a clause says that somebody stops, rather than that nothing moves meanwhile: "he freezes", "stops dead"."""
    stops = any(not {"freeze", "stop"}.isdisjoint(token.lemmas) for token in analysis.clause.tokens)
    return stops and all(cue.does == "still" for cue in analysis.cues)


def _neutral(cue: Cue) -> bool:
    return [call.name for call in cue.calls] == ["neutral"]


def summaries(steps: Sequence[Step], text: str) -> Mapping[int, str]:
    """The words of each step, in the order of the text."""
    return {
        number: " ".join(" / ".join(text[start:end] for start, end in sorted(step.words)).split())[:400]
        for number, step in enumerate(steps)
    }
