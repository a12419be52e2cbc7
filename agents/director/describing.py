"""Clauses that say how another is done: "only her eyes move: she looks left", "she listens, head tilted to her right"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import takewhile

from agents.director.cues import Analysis, Cue
from agents.director.morphology import stems
from agents.director.text import Token
from configs.lexicon import Joint, Lexicon
from protocol.brief import Side
from protocol.channels import REGIONS, Region

_ONLY: dict[str, tuple[Region, tuple[str, ...], tuple[str, ...]]] = {
    "only_eyes_wander": ("eyes", ("eyes", "blinking"), ("brows", "head", "mouth", "nose")),
    "only_brows_move": ("brows", ("brows",), ("head", "mouth", "eyes", "nose")),
    "only_lips_move": ("mouth", ("mouth", "jaw"), ("brows", "head", "eyes", "nose")),
    "only_head_moves": ("head", ("head",), ("brows", "mouth", "nose")),
}
"""For each entry that says that one part alone moves: its region, what that part is made of, and all the others."""
_SAYS_ONLY = frozenset({"only", "just", "nothing_but"})
_GOES_ON: frozenset[Joint] = frozenset({"open", "comma", "semi", "first"})
_EACH = frozenset({"each", "every"})
_MORE = frozenset({"more", "less"})
_AMOUNT = frozenset({"a", "little", "bit", "slightly", "much", "even"})
_COMPARATIVES = frozenset({"faster", "longer", "closer", "lower", "further", "farther"})
"""Comparatives that the lexicon knows as words of their own, or not at all; of all others it knows what they come from."""
_LONGEST = 8
"""Tokens of "each time even a little bit more slowly"."""
_HELD = frozenset("bent held shut open back down up low high to on".split())
"""What stands behind a part of the face where no verb does, beside participles: "head down", "head to one side"."""


def described(done: Sequence[Analysis], lexicon: Lexicon) -> list[Analysis]:
    """The clauses of a direction, with those that only say how another is done taken for that.

    Args:
        done: the clauses, in order; what they ask for is changed in place.
        lexicon: the tables.
    """
    for place, analysis in enumerate(done):
        _limits(analysis, done[place + 1 :], lexicon)
        _replaces(analysis, done[:place], lexicon)
    return list(done)


def each_time(tokens: Sequence[Token]) -> list[Token]:
    """Tokens in which "each time slower" is one word that nothing knows, so that it is reported: no act can do that."""
    result: list[Token] = []
    place = 0
    while place < len(tokens):
        span = _growing(tokens, place)
        if span:
            first, last = tokens[place], tokens[place + span - 1]
            said = "".join(token.word for token in tokens[place : place + span])
            result.append(Token(said, said, first.start, last.end, "word"))
        else:
            result.append(tokens[place])
        place += span or 1
    return result


def _growing(tokens: Sequence[Token], place: int) -> int:
    """How many tokens say from here on that something is more each time: "each time a little slower", "slower each time"."""
    ahead = tokens[place : place + _LONGEST]
    words = [token.word for token in ahead]
    if _is_each_time(words):
        amount = len(list(takewhile(_AMOUNT.__contains__, words[2:])))
        more = _comparative(ahead[2 + amount :])
        return 2 + amount + more if more else 0
    more = _comparative(ahead)
    return more + 2 if more and _is_each_time(words[more:]) else 0


def _is_each_time(words: Sequence[str]) -> bool:
    return words[1:2] == ["time"] and words[0] in _EACH


def _comparative(tokens: Sequence[Token]) -> int:
    """How many tokens are a comparative here: "slower" is one, "more slowly" two; "slow", "flutter" and "mother" are none."""
    if len(tokens) > 1 and tokens[0].word in _MORE and tokens[1].word.isalpha():
        return 2
    if not tokens or not tokens[0].word.endswith("er"):
        return 0
    of_a_word = any(stem in tokens[0].lemmas for stem in stems(tokens[0].word))
    return 1 if of_a_word or tokens[0].word in _COMPARATIVES else 0


def _limits(only: Analysis, after: Sequence[Analysis], lexicon: Lexicon) -> None:
    """Make a limit of "only her eyes move", where what the eyes do is told next, and let them do it by themselves."""
    cue = only.cues[0] if len(only.cues) == 1 else None
    if cue is None or cue.does != "act" or cue.entry not in _ONLY or only.clause.times or not _moves_alone(only.clause.tokens):
        return
    region, groups, others = _ONLY[cue.entry]
    own = {part for group in groups for part in lexicon.acts.spare_parts[group]}
    following = [analysis for analysis in after if analysis.cues]
    sentence = following[0].clause.sentence if following else 0
    told = list(takewhile(lambda one: one.clause.sentence == sentence and _is_of(one, own, lexicon), following))
    if not told or sentence > only.clause.sentence + 1 or told[0].clause.joint not in _GOES_ON:
        return
    alike = {call.name for call in told[0].cues[0].calls} & {call.name for call in cue.calls}
    if any(lexicon.kind(name).hold == "span" for name in alike):
        return  # "only his eyes move, darting left and right"
    only.cues = [replace(cue, does="spare", calls=(), of=others, natural=None)]
    if told[0].clause.joint == "first":
        told[0].clause = replace(told[0].clause, joint="comma")
    side: Side = next((call.side for call in cue.calls if call.side != "both"), "both")
    for analysis in told:
        analysis.cues = [_by(one, region, side) for one in analysis.cues]


def _moves_alone(tokens: Sequence[Token]) -> bool:
    """Whether a clause says that something alone moves: "only the eyes move", "just his mouth is moving"."""
    return any(token.word in _SAYS_ONLY for token in tokens[:2]) and any("move" in token.lemmas for token in tokens)


def _is_of(analysis: Analysis, own: set[str], lexicon: Lexicon) -> bool:
    """Whether all that a clause asks for is done by some parts of the face."""
    calls = [call for cue in analysis.cues for call in cue.calls]
    return (
        bool(calls)
        and all(cue.does == "act" for cue in analysis.cues)
        and all(own.issuperset(lexicon.kind(call.name).parts) for call in calls)
    )


def _by(cue: Cue, region: Region, side: Side) -> Cue:
    """A cue that one region plays alone, on the side that alone moves, unless it names who is to, or on which."""
    calls = []
    for call in cue.calls:
        regions = (region,) if call.regions == REGIONS else call.regions
        calls.append(call.model_copy(update={"regions": regions, "side": side if call.side == "both" else call.side}))
    return replace(cue, calls=tuple(calls))


def _replaces(analysis: Analysis, before: Sequence[Analysis], lexicon: Lexicon) -> None:
    """Let a pose that describes a clause take the place of the same pose that comes with it: who listens tilts the head."""
    clause = analysis.clause
    own = {call.name for cue in analysis.cues if cue.entry in lexicon.actions and cue.does == "act" for call in cue.calls}
    for number, cue in enumerate(analysis.cues):  # "she listens with her head tilted to the right"
        kept = tuple(call for call in cue.calls if call.name not in own)
        if lexicon.entries[cue.entry].background and kept:
            analysis.cues[number] = replace(cue, calls=kept)
    if clause.joint != "comma" or clause.times or not _describes(clause.tokens, lexicon):
        return
    poses = {call.name for cue in analysis.cues if cue.does == "act" for call in cue.calls}
    for earlier in before:
        if earlier.clause.sentence != clause.sentence:
            continue
        for number, cue in enumerate(earlier.cues):
            kept = tuple(call for call in cue.calls if call.name not in poses)
            if cue.entry not in lexicon.actions and kept and len(kept) < len(cue.calls):
                earlier.cues[number] = replace(cue, calls=kept)
                clause.together = True


def _describes(tokens: Sequence[Token], lexicon: Lexicon) -> bool:
    """Whether a clause is a part of the face and how it is, or a participle: "head tilted to her right", "tilting her head"."""
    told = [token for token in tokens if token.word not in lexicon.words.light and not token.word.endswith("ly")]
    if not told:
        return False
    if told[0].word.endswith("ing"):
        return True
    part = any(lemma in lexicon.words.parts for lemma in told[0].lemmas)
    how = tokens[tokens.index(told[0]) + 1 :]
    how = [token for token in how if not token.word.endswith("ly")]
    return part and bool(how) and (how[0].word in _HELD or how[0].word.endswith(("ed", "en")))
