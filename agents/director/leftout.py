"""What a clause leaves out, and where it is taken from.

That is the verb or the part of the face in the clause before ("looks left, then right"), a side that was named earlier ("she
looks over"), or what somebody tried ("... but fails").
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from agents.director.attention import looks_there, named_place
from agents.director.clauses import Clause
from agents.director.cues import Analysis, Cue, CueReader
from agents.director.doings import has_own_verb
from agents.director.modifiers import Hit
from agents.director.text import Token
from agents.director.times import TimeMark
from configs.lexicon import Call, Lexicon
from protocol.brief import Side
from protocol.channels import both_sides

_CONTRARY: tuple[tuple[frozenset[str], frozenset[str]], ...] = (
    (frozenset({"open", "wide", "reopen"}), frozenset({"close", "shut"})),
    (frozenset({"up", "raise", "lift", "rise", "high"}), frozenset({"down", "lower", "drop", "fall", "sink"})),
    (frozenset({"left"}), frozenset({"right"})),
    (frozenset({"forward"}), frozenset({"back", "backward", "backwards"})),
)
"""Words of which a clause that has one does not take over the other: "his left eye is shut, the right one open"."""
_MANNERS = frozenset({"degree", "pace", "onset", "brief", "count", "number"})
_TRYING = frozenset({"try", "struggle", "fight", "attempt", "strive", "not", "never", "hard", "best", "do", "to", "and"})
_FAILING = frozenset({"fail", "vain", "avail", "unsuccessfully", "success", "lose"})
_ABLE = frozenset({"can", "could", "manage", "succeed"})
_WAYS = frozenset({"left", "right", "up", "down", "upwards", "downwards", "aside", "sideways", "away"})
_IN_FAILING = frozenset(
    {
        "to",
        "no",
        "without",
        "in",
        "it",
        "does",
        "did",
        "do",
        "all",
        "for",
        "nothing",
        "but",
        "any",
        "quite",
        "miserably",
        "completely",
    }
)
_RETURNS = frozenset("return returns returned returning back reappear reappears recovers recover resumes comes".split())
_OF_RETURNING = frozenset(
    "come comes came coming is and then it again right straight soon at once only just to quickly".split()
)
LATE = TimeMark("share", 0.75, 1.0, 0, 0)
"""When that happens which does not happen "until the end"."""


class LeftOut:
    """Fills in what clauses leave out.

    Args:
        lexicon: the tables.
        cues: reads clauses.
        ignored: words that carry nothing.
        meaning: words that some pattern knows.
    """

    def __init__(self, lexicon: Lexicon, cues: CueReader, ignored: frozenset[str], meaning: frozenset[str]) -> None:
        self._cues = cues
        self._ignored = ignored
        self._meaning = meaning
        self._light = frozenset(lexicon.words.light)
        self._denying = lexicon.modifiers.denying
        self._parts = frozenset(lexicon.words.parts)
        self._acts = lexicon.acts
        self._closing = frozenset({*lexicon.acts.release["eyes"], *lexicon.acts.lasting})
        self._open = lexicon.acts.spare["open_lids"]

    def adds_direction(self, analysis: Analysis, before: Analysis) -> bool:
        """Whether a clause only says more of where the one before goes: "up and to the left", but not "left, right"."""
        clause = analysis.clause
        if clause.joint not in ("and", "comma") or before.clause.sentence != clause.sentence or not before.cues or clause.times:
            return False
        hits = [hit for hit in analysis.loose if hit.kind in ("aim", "side")]
        covered = {place for hit in hits for place in range(hit.first, hit.last + 1)}
        light = self._light
        rest = [token for place, token in enumerate(clause.tokens) if place not in covered and token.word not in light]
        if not hits or any(self._meaning.intersection(token.lemmas) or token.word not in self._ignored for token in rest):
            return False
        mine = {_axis(hit) for hit in hits}
        theirs = {_axis(hit) for hit in before.hits if hit.kind == "aim" or (hit.kind == "side" and hit.value in (1, -1))}
        return mine.isdisjoint(theirs)

    def adds_manner(self, analysis: Analysis, before: Analysis) -> bool:
        """Whether a clause only says more of how: "his eyebrows creep up, inch by inch", "he nods. Twice."."""
        clause = analysis.clause
        near = before.clause.sentence == clause.sentence and clause.joint in ("and", "comma", "but", "though")
        amends = before.clause.sentence == clause.sentence - 1 and clause.joint == "open" and not clause.aside
        return bool(before.cues) and (near or amends) and self.only_manner(analysis)

    def only_manner(self, analysis: Analysis) -> bool:
        """Whether a clause names nothing but how, how much or how often: "inch by inch", "twice"."""
        hits = [hit for hit in analysis.loose if hit.kind in _MANNERS]
        covered = {place for hit in hits for place in range(hit.first, hit.last + 1)}
        rest = [token for place, token in enumerate(analysis.clause.tokens) if place not in covered]
        return bool(hits) and len(hits) == len(analysis.loose) and all(token.word in self._ignored for token in rest)

    def less(self, analysis: Analysis) -> Clause:
        """The clause, with "not wide" or "not too hard" in it as less than that of what it says more of."""
        clause = analysis.clause
        denied = any(hit.kind == "not" for hit in analysis.hits) and all(hit.kind == "degree" for hit in analysis.loose)
        if not denied or any(hit.value < 1 for hit in analysis.loose):
            return clause
        first, last = clause.tokens[0], clause.tokens[-1]
        return replace(clause, tokens=[Token("", "somewhat", first.start, last.end, "word", ("somewhat",))])

    def there(self, clause: Clause, done: Sequence[Analysis]) -> Token | None:
        """The side on which something was said to be just before, for a clause in which the subject looks there."""
        if not done or not looks_there(clause.tokens) or done[-1].clause.sentence < clause.sentence - 1:
            return None
        before = done[-1]
        found = named_place(before.clause, before.loose, self._light)
        if found is None:
            return None
        end, word = clause.tokens[-1].end, "left" if found[0].value == 1 else "right"
        return Token("", word, end, end, "word", (word,))

    def borrowed(self, clause: Clause, before: Analysis, text: str) -> Analysis | None:
        """A clause read with what it leaves out: "looks left, then right"."""
        own = [token for token in clause.tokens if token.lemmas]
        telling = [token.word for token in clause.tokens if token.word not in self._light]
        if telling and all(word.endswith("ly") for word in telling):
            return None  # "then, very deliberately, he winks": only how
        again = clause.joint in ("and", "comma", "semi") and any(
            mark.kind in ("at", "after", "span", "last") for mark in clause.times
        )
        said = {form for token in own for form in (token.word, *token.lemmas)}
        against = {word for one, other in _CONTRARY for word in (other if one & said else one if other & said else ())}
        turned = any(not against.isdisjoint((token.word, *token.lemmas)) for token in before.verbs)
        if not (own or again) or (all(cue.does == "spare" for cue in before.cues) and not turned):
            return None
        borrowed = tuple(
            token
            for token in before.verbs
            if token.word not in {t.word for t in own} and against.isdisjoint((token.word, *token.lemmas))
        )
        if has_own_verb(clause.tokens):  # of the clause before it takes only what is spoken of
            borrowed = tuple(token for token in borrowed if self._parts.intersection(token.lemmas))
        last = next((call.side for cue in before.cues for call in cue.calls if call.side != "both"), "left")
        other: Side = "right" if last == "left" else "left"
        found = self._cues.read(clause, text, borrowed, other, repeats=again)
        sides = [hit.value for hit in found.hits if hit.kind == "side" and hit.value in (1, -1)]
        if turned and sides:
            found.cues = [self._stays_open(cue, right=sides[0] < 0) for cue in found.cues]
        return found if found.cues else None

    def with_part(self, analysis: Analysis, before: Analysis, text: str) -> Analysis | None:
        """A clause that leaves out the part of the face of which it tells: "his eyes widen, then narrow in suspicion"."""
        clause = analysis.clause
        first = next((place for place, token in enumerate(clause.tokens) if not token.word.endswith("ly")), None)
        if clause.joint not in ("then", "and", "comma") or first is None or first in analysis.used:
            return None
        if any(cue.does == "still" for cue in analysis.cues):
            return None  # "raises his brows, then holds completely still" is all of him
        token = clause.tokens[first]
        if not self._meaning.intersection(token.lemmas) or token.word in self._ignored:
            return None
        parts = [verb for verb in before.verbs if self._parts.intersection(verb.lemmas)]
        found = self._cues.read(clause, text, parts)
        return found if first in found.used and len(found.cues) >= len(analysis.cues) else None

    def comes_back(self, clause: Clause, done: Sequence[Analysis]) -> Analysis | None:
        """A clause that says only that what has just faded is there again: "her smile fades, then returns"."""
        words = [token.word for token in clause.tokens if token.is_word]
        if _RETURNS.isdisjoint(words) or any(word not in _RETURNS | _OF_RETURNING for word in words) or not done:
            return None
        letting = [cue for cue in done[-1].cues if cue.does == "release" and "all" not in cue.of]
        if len(letting) != 1 or len(done[-1].cues) != 1:
            return None
        used = set(range(len(clause.tokens)))
        if letting[0].brief or letting[0].length:  # it does so of itself
            return Analysis(clause, [], [], used)
        gone = {name for group in letting[0].of for name in self._acts.release[group]}
        named = [call for a in done for cue in a.cues if cue.does == "act" for call in cue.calls if call.name in gone]
        presupposed = [Call(name=self._acts.presupposed[group]) for group in letting[0].of if group in self._acts.presupposed]
        calls = tuple((named or presupposed)[-1:])
        cue = replace(letting[0], does="act", calls=calls, of=(), natural=None)
        return Analysis(clause, [cue] if calls else [], [], used)

    def _stays_open(self, cue: Cue, *, right: bool) -> Cue:
        """What "the right one open" asks for beside a left eye that is shut: nothing is let go."""
        if cue.does != "release" or cue.of != ("eyes",):
            return cue
        return self._kept_open(cue, right=right)

    def stays_as_it_is(self, analysis: Analysis, before: Sequence[Analysis]) -> None:
        """Let an eye that is said to be open, and was not shut, stay so: "left eye open, right eye closed"."""
        sides = [hit.value for hit in analysis.hits if hit.kind == "side" and hit.value in (1, -1)]
        shut = any("lids" in cue.of or self._closing & {name.name for name in cue.calls} for a in before for cue in a.cues)
        if not shut and not sides and _is_open(analysis):
            analysis.cues = [
                replace(cue, does="spare", calls=(), of=()) if cue.of == ("eyes",) else cue for cue in analysis.cues
            ]
        elif len(sides) == 1 and not shut:
            analysis.cues = [self._stays_open(cue, right=sides[0] < 0) for cue in analysis.cues]

    def keeps_shut(self, analysis: Analysis, before: Analysis) -> None:
        """Let the one eye that was closed before be what "keep it closed" is said of, and stay so."""
        said = {token.word for token in analysis.clause.tokens}
        lasting = self._acts.lasting
        sides = {call.side for cue in before.cues for call in cue.calls if call.name in lasting} - {"both"}
        if (
            "it" not in said
            or len(sides) != 1
            or not any(call.name in lasting.values() for cue in analysis.cues for call in cue.calls)
        ):
            return
        side = sides.pop()
        for clause in (before, analysis):
            clause.cues = [
                replace(
                    cue,
                    calls=tuple(_shut(call, lasting, side) if call.name in self._closing else call for call in cue.calls),
                )
                for cue in clause.cues
            ]

    def _kept_open(self, cue: Cue, *, right: bool) -> Cue:
        bounds = tuple((both_sides(name)[right], most) for name, most in self._open.items())
        return replace(cue, does="spare", calls=(), of=(), spared=bounds)

    def bare_direction(self, analysis: Analysis, text: str) -> Analysis | None:
        """A look or turn where a direction says nothing but where to: "left; then up", "head 20 degrees left"."""
        clause = analysis.clause
        hits = [hit for hit in analysis.loose if hit.kind == "aim" or (hit.kind == "side" and hit.value in (1, -1))]
        covered = {place for hit in analysis.loose for place in range(hit.first, hit.last + 1)}
        rest = [token for place, token in enumerate(clause.tokens) if place not in covered]
        head = any(token.word == "head" for token in rest)
        if not hits or clause.tokens[hits[0].first].word not in _WAYS:
            return None
        if any(token.word not in self._light and token.word != "head" for token in rest):
            return None
        end, verb = clause.tokens[-1].end, "turn" if head else "look"
        found = self._cues.read(clause, text, [Token("", verb, end, end, "word", (verb,))])
        return found if found.cues else None

    def gives_in(self, clause: Clause, before: Analysis, text: str) -> Analysis | None:
        """What somebody does after all who tried not to: "he tries not to laugh, but can't"."""
        forms = {form for token in clause.tokens for form in (token.word, *token.lemmas)}
        fails = bool(forms & _FAILING) or (bool(forms & _ABLE) and bool(forms & self._denying))
        known = _FAILING | _ABLE | self._denying | _IN_FAILING | {"he", "she", "they", "you", "himself", "herself", "be"}
        if not fails or any(known.isdisjoint((token.word, *token.lemmas)) for token in clause.tokens):
            return None
        tried = before.clause.tokens
        if not any({"try", "struggle", "fight", "attempt", "strive"} & set(token.lemmas) for token in tried):
            return None
        kept = [token for token in tried if _TRYING.isdisjoint((token.word, *token.lemmas))]
        found = self._cues.read(replace(before.clause, joint="then", tokens=kept, times=[]), text)
        found.clause = replace(clause, joint="then")
        found.used = set(range(len(clause.tokens)))
        return found if found.cues else None

    def after_all(self, analysis: Analysis, text: str) -> Analysis | None:
        """What does not happen until then, as a clause of its own: "she doesn't smile until the end", "... until he laughs"."""
        if not any(cue.denied or cue.does == "spare" for cue in analysis.cues):
            return None
        if not any(token.word in self._denying for token in analysis.clause.tokens):
            return None
        tokens = [token for token in analysis.clause.tokens if self._denying.isdisjoint((token.word, *token.lemmas))]
        found = self._cues.read(replace(analysis.clause, joint="then", tokens=tokens, times=[]), text)
        acting = next((cue for cue in found.cues if cue.does == "act"), None)
        if acting is None:
            return None
        words = Token(acting.words, acting.words, acting.place, acting.end, "word")
        found.clause = replace(found.clause, tokens=[words])
        found.used = {0}
        return found


def _shut(call: Call, lasting: Mapping[str, str], side: Side) -> Call:
    """What closes an eye as the pose that lasts, on one side."""
    return call.model_copy(update={"name": lasting.get(call.name, next(iter(lasting.values()))), "side": side})


def _is_open(analysis: Analysis) -> bool:
    """Whether a clause says that eyes are open, and not that they come open: "eyes open", "her eyes are open"."""
    words = [token.word for token in analysis.clause.tokens]
    eyes = next((place for place, token in enumerate(analysis.clause.tokens) if "eye" in token.lemmas), None)
    ahead = words[eyes + 1 :] if eyes is not None else []
    return (eyes == 0 and ahead[:1] == ["open"]) or (ahead[:1] in (["are"], ["were"]) and ahead[1:2] == ["open"])


def _axis(hit: Hit) -> str:
    """Which way a direction points: across or up and down."""
    return "yaw" if hit.kind == "side" or abs(hit.yaw) > abs(hit.pitch) else "pitch"
