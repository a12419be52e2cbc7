"""What a direction has of the form of a script, and not of its content: headings, shots, names of speakers, numbers of steps.

Only their places are found; what reads the text passes over them. Length and places stay as they were.
"""

from __future__ import annotations

import re

_HEADING = re.compile(
    r"(?:^|(?<=[\n.!?]))[ ]*(?:INT|EXT|INT\.?/EXT|I/E)\b[. ][A-Z0-9 ',&/()\u2013\u2014-]*?(?:\.(?![A-Z])|\n|$)", re.MULTILINE
)
"""A scene heading: "INT. KITCHEN - NIGHT." """
_SHOT = re.compile(
    r"(?:^|(?<=[\n.!?]))[ ]*(?:(?:EXTREME |MEDIUM |TIGHT )?CLOSE(?:[ -]?UP)?|[EM]?CU|WIDE(?: SHOT)?|ANGLE|"
    r"(?:SMASH |JUMP |MATCH )?CUT|FADE(?: IN| OUT)?|DISSOLVE|INSERT|POV|REACTION(?: SHOT)?|CONTINUED|CONT'?D|BACK|TITLE)\b"
    r"(?:[ ]+(?:ON|TO|OF)\b)?(?:[ ]+[A-Z'\u2019]{2,})*[ ]*(?:[:.\u2014-]|(?=\n)|$)"
)
"""A shot: "CLOSE ON:", "CUT TO:"; in capitals only, and where a sentence begins: in "Eyes WIDE." capitals only stress."""
_LABEL = re.compile(
    r"(?i)(?:^|(?<=[\n.;!?,]))[ ]*\(?(?:scene|shot|beat|step|take|panel|frame|part|stage|phase|number|no\.?|cue)[ ]*#?"
    r"(?:\d{1,3}|one|two|three|four|five|six|seven|eight|nine|ten)[ ]*[).:\u2014-]+",
    re.MULTILINE,
)
"""The number of a step: "Scene 1:", "Beat two -"."""
_NUMBERED = re.compile(r"(?:(?<=[\s,;])|^)\(?(?:\d{1,2}|[a-h])\)(?=\s)", re.MULTILINE)
"""The number of a step in a running text: "1) look up 2) look down"."""
_SPEAKER = re.compile(
    r"(?m)^[ ]*(?!OK\b)[A-Z][A-Z'\u2019.-]+(?:[ ]+[A-Z][A-Z'\u2019.-]+){0,2}(?=[ ]*(?:\([^)\n]{0,60}\)[ ]*)?:)"
)
"""Who acts, at the beginning of a line: "JOHN:", "MARY (softly):"."""


_OF_A_PART = re.compile(
    r"(?im)(?:^|(?<=[;,.]))[ ]*(?:(?:the|her|his|left|right|upper|lower|inner|outer) )*(?:eye ?brows?|brows?|eye ?lids?|eyes?|"
    r"mouth|lips?|head|jaw|tongue|cheeks?|gaze|nose|chin|face|expression|mood|emotion)[ ]?(:)(?=[ ])"
)
"""The colon of a list of parts: "brows: up; mouth: open"."""


def formal(text: str) -> list[tuple[int, int]]:
    """Places of what is only form, in order, without overlap.

    >>> text = "INT. KITCHEN - NIGHT. She nods."
    >>> [text[start:end].strip() for start, end in formal(text)]
    ['INT. KITCHEN - NIGHT.']
    """
    shouted = not re.search(r"[a-z]", text)
    colons = [match.span(1) for match in _OF_A_PART.finditer(text)]
    rules = (_LABEL, _NUMBERED) if shouted else (_HEADING, _SHOT, _LABEL, _NUMBERED, _SPEAKER)
    found: list[tuple[int, int]] = []
    for rule in rules:
        for match in rule.finditer(text):
            start, end = match.span()
            if rule is _SPEAKER and any(text.find(":", end) == begin for begin, _ in colons):
                continue  # "BROWS: up"
            if start < end and all(end <= begin or start >= stop for begin, stop in found):
                found.append((start, end))
    return sorted([*found, *(colon for colon in colons if all(colon[1] <= start or colon[0] >= end for start, end in found))])
