"""What comes after what stands before it, though nothing says "then".

A look that comes back does: "turns his head far to the right and looks back at us". And what somebody was doing when something
happened had come about by then, at the pace of what led to it: "bit by bit her lips curved, and when the song ended she was
smiling".
"""

from __future__ import annotations

from dataclasses import replace

from agents.director.cues import Analysis

_BACK = frozenset({"back", "return", "again"})
_LEAVING = frozenset({"yaw", "pitch", "gaze"})
"""Parts of the face by which somebody turns away."""
_MEANWHILE = frozenset({"and", "comma"})
_WAS = frozenset({"was", "were", "is", "are"})


def comes_after(analysis: Analysis, before: Analysis, parts: frozenset[str]) -> Analysis:
    """A clause that goes back to where the clause before leaves, or tells what had come about, as what comes after it.

    Any other is left as it is.

    Args:
        analysis: a clause.
        before: the one before.
        parts: the parts of the face that the acts of the one before take.
    """
    if before.clause.joint == "when" and not before.cues and analysis.clause.joint == "comma" and _under_way(analysis):
        return replace(analysis, clause=replace(analysis.clause, joint="by_then"))
    said = {form for token in analysis.clause.tokens for form in (token.word, *token.lemmas)}
    goes_back = any(call.name == "look_at_camera" for cue in analysis.cues if cue.does == "act" for call in cue.calls)
    if not goes_back or _BACK.isdisjoint(said) or "shoulder" in said or analysis.clause.joint not in _MEANWHILE:
        return analysis
    if before.clause.sentence != analysis.clause.sentence or parts.isdisjoint(_LEAVING):
        return analysis
    return replace(analysis, clause=replace(analysis.clause, joint="then"))


def _under_way(analysis: Analysis) -> bool:
    """Whether a clause tells what somebody was doing: "she was smiling from ear to ear"."""
    words = [token.word for token in analysis.clause.tokens]
    return any(
        word in _WAS and any(later.endswith("ing") for later in words[n + 1 : n + 3]) for n, word in enumerate(words[:3])
    )
