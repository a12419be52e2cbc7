"""What a clause says only to go on: "keeps them up for three seconds", "and stays like that, still as a statue".

It is no further movement. The pose that the clause before takes up lasts, and the seconds that are named count from when it is
there.
"""

from __future__ import annotations

from dataclasses import replace

from agents.director.cues import Analysis, Cue
from configs.lexicon import Lexicon

_TAKEN_UP = 0.1
"""Seconds after its onset until a pose is seen to be there."""
_ARRIVES = 0.25
"""Seconds that a step without a length of its own takes beside the pose that it holds: its lead, or its letting go."""
_LENGTHS = frozenset({"length", "throughout"})
_APPOSED = frozenset({"comma", "and", "like", "while"})


def kept(analysis: Analysis, before: Analysis, lexicon: Lexicon) -> Analysis | None:
    """The clause before with what a clause says to go on of it; None if the clause says anything else.

    Args:
        analysis: a clause, with the lengths that it names.
        before: the one before.
        lexicon: the tables.
    """
    if not before.cues or not analysis.cues or before.clause.sentence < analysis.clause.sentence - 1:
        return None
    if any(mark.kind not in _LENGTHS for mark in (*analysis.clause.times, *before.clause.times)):
        return None
    open_end = before.cues[-1].does == "pause" and before.cues[-1].length is None
    if _only(before, "pause") and _only(analysis, "still", "pause") and analysis.clause.joint in _APPOSED:
        held = [*analysis.cues] if open_end else None  # "stays like that, still as a statue, for three seconds"
    elif len(before.cues) > 1 and open_end and _only(analysis, "still"):
        before.cues.pop()  # a pose stays, "like that, still as a statue": the time that it stays is that of the stillness
        return None
    elif _only(before, "still") and _only(analysis, "pause"):
        held = [replace(cue, length=cue.length or analysis.cues[-1].length) for cue in before.cues]
    else:
        held = _longer(analysis, before, lexicon)
    if held is None:
        return None
    count = len(before.clause.tokens)
    tokens, times = [*before.clause.tokens, *analysis.clause.tokens], [*before.clause.times, *analysis.clause.times]
    clause = replace(before.clause, tokens=tokens, times=times)
    used = before.used | {count + place for place in analysis.used}
    return Analysis(clause, held, before.hits, used, before.verbs or analysis.verbs, before.loose)


def _longer(analysis: Analysis, before: Analysis, lexicon: Lexicon) -> list[Cue] | None:
    """The cues of the clause before, those that a clause says to go on as long as it says; None if it says anything else."""
    seconds = max((cue.length for cue in analysis.cues if cue.length is not None), default=None)
    goes_on = {cue.entry for cue in analysis.cues if cue.does == "act"}
    waits = [cue for cue in analysis.cues if cue.does == "pause"]
    if (seconds is None and not waits) or not all(cue.lasts and cue.does in ("act", "pause") for cue in analysis.cues):
        return None
    named = {cue.entry for cue in before.cues}
    mine = [cue for cue in before.cues if cue.does == "act" and (waits or cue.entry in goes_on)]
    if not mine or not goes_on <= named or not all(_is_pose(cue, lexicon) for cue in mine):
        return None
    onset = max(lexicon.kind(call.name).onset / max(0.3, cue.speed) for cue in mine for call in cue.calls) + _TAKEN_UP
    lasting = [replace(cue, lasts=True) if cue in mine else cue for cue in before.cues]
    if seconds is None:
        return [*lasting, replace(waits[-1], natural=(waits[-1].natural or 0.0) + onset + _ARRIVES)]
    if waits and any(lexicon.kind(call.name).hold == "keep" for cue in mine for call in cue.calls):
        # What lasts of itself may stay when the time is over, as long as nothing ends it.
        return [*lasting, replace(waits[-1], length=seconds + onset + _ARRIVES)]
    return [replace(cue, length=seconds + onset, lasts=True) if cue in mine else cue for cue in before.cues]


def _only(analysis: Analysis, *does: str) -> bool:
    """Whether a clause asks for nothing but to stay as one is."""
    return all(cue.does in does and (cue.does == "still" or cue.lasts) for cue in analysis.cues)


def _is_pose(cue: Cue, lexicon: Lexicon) -> bool:
    """Whether a cue takes up a pose, for which nothing yet says how long."""
    free = cue.length is None and cue.brief is None and not cue.event and not cue.denied and not cue.count
    return free and bool(cue.calls) and all(lexicon.kind(call.name).hold in ("keep", "step") for call in cue.calls)
