"""What commands say of a take that was planned."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from runtime.take import TakeResult


_HARMLESS = dict.fromkeys((*range(9), *range(11, 32), *range(127, 160)), "\ufffd")
"""What is printed in place of control characters."""


def harmless(text: str) -> str:
    """Text for a terminal: a journal from anywhere may hold what one would take for orders."""
    return text.translate(_HARMLESS)


def explained(result: TakeResult) -> list[str]:
    """Each beat, what it asks for and the words that say so."""
    assert result.brief is not None
    lines = []
    for number, beat in enumerate(result.brief.beats):
        lines.append(f"beat {number}  {beat.start:.2f}-{beat.end:.2f} s  {beat.summary}")
        for act in beat.acts:
            start = max(act.start, 0.0) + beat.start
            end = min(act.end + beat.start, beat.end)
            going = "goes on " if act.start < 0 else ""
            extra = "".join(
                [
                    f" x{act.count}" if act.count else "",
                    f" {act.side}" if act.side != "both" else "",
                    f" yaw {act.yaw:g}" if act.yaw else "",
                    f" pitch {act.pitch:g}" if act.pitch else "",
                    f" strength {act.strength:g}" if act.strength != 1 else "",
                    f" speed {act.speed:g}" if act.speed != 1 else "",
                ]
            )
            lines.append(f'  {start:6.2f}-{end:5.2f}  {going}{act.name}{extra}   "{act.words}"')
        lines += [f'  not: {", ".join(limit.channels)} above {limit.most:g}   "{limit.words}"' for limit in beat.limits]
        lines += [f'  still {still.start:.2f}-{still.end:.2f}   "{still.words}"' for still in beat.stills]
    return lines


def talked(result: TakeResult) -> Counter[str]:
    """How much was said before the take was agreed on."""
    from protocol.messages import Objected, Proposed, Ruled

    counts: Counter[str] = Counter(proposals=0, objections=0, rulings=0)
    for record in result.records:
        message = record.message
        counts["proposals"] += isinstance(message, Proposed)
        counts["objections"] += isinstance(message, Objected)
        counts["rulings"] += isinstance(message, Ruled)
    return counts


def misunderstood(result: TakeResult) -> list[str]:
    """Warnings: words that could not be used, and a direction that asks for nothing."""
    assert result.brief is not None
    found = []
    if result.brief.unread:
        found.append("not understood: " + ", ".join(f'"{words}"' for words in result.brief.unread))
    if not any(beat.acts or beat.stills for beat in result.brief.beats):
        found.append("nothing in the direction asks for anything that a face can do, so the face only idles")
    return found


def planned(result: TakeResult) -> dict[str, Any]:
    """What was understood and how it was agreed on, as plain data."""
    assert result.brief is not None
    return {
        **talked(result),
        "understood": [list(pair) for pair in result.brief.understood],
        "unread": list(result.brief.unread),
        "beats": [beat.model_dump(mode="json") for beat in result.brief.beats],
    }


def agreed(result: TakeResult) -> str:
    """How it was agreed on, for people."""
    talk = talked(result)
    return f"{talk['proposals']} proposals, {talk['objections']} objections, {talk['rulings']} rulings"
