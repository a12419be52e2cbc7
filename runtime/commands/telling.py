"""What commands say of a take that was planned."""

from __future__ import annotations

import sys

from collections import Counter
from typing import TYPE_CHECKING, Any

from runtime.progress import fitting

if TYPE_CHECKING:
    from collections.abc import Sequence

    from agents.critic import IntentFound, Measured
    from protocol.journal import Record
    from runtime.candidates import Audition
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
    return [harmless(line) for line in lines]


def judged(result: TakeResult, *, explain: bool = False) -> list[str]:
    """What the critic says of a take; if it is to be explained, of everything that was asked for and measured."""
    review = result.review
    if review is None:
        return []
    lines = [f"critic: {review.score:.0f} of 100; weakest: {harmless(review.weakest)}"]
    if explain:
        if review.intents:
            lines.append("  asked at  present    late  strength")
        lines += [_found(found) for found in review.told]
        lines.append("   measured              in people")
        lines += [_measured(measure) for measure in review.nature]
        lines += [_strained(measure) for measure in review.strain]
    return lines


def _found(found: IntentFound) -> str:
    side = "" if found.side == "both" else f" {found.side}"
    # Adding 0.0 takes the sign from what rounds to -0.00, which would read as early.
    note = f"; {found.note}" if found.note else ""
    numbers = f"  {found.at:6.2f} s  {found.present:7.2f}  {round(found.late, 2) + 0.0:+6.2f}  {found.strength:8.2f}"
    return f'{numbers}  {found.name}{side} "{harmless(found.words)}"{note}'


def _measured(measure: Measured) -> str:
    low, high = measure.shown_range
    people = f"{low:.3g} to {high:.3g}"
    outside = "" if measure.inside else "  (outside)"
    note = f"; {measure.note}" if measure.note else ""
    return f"  {measure.value:9.3g} {measure.unit:11}  {people:14}  {measure.about}{note}{outside}"


def _strained(measure: Measured) -> str:
    share = f"{100 * measure.value:.0f} %"
    return f"  {share:>9} of the take strains {measure.name}, most at {measure.at:.2f} s: {measure.about}"


def auditioned(chosen: Audition | None) -> list[str]:
    """The candidates that a take was chosen from, best or not, with their numbers; as wide as the terminal, if it is one."""
    if chosen is None:
        return []
    all_told = chosen.as_data()
    wide = max(len("candidate"), *(len(str(told["seed"])) + len("kept seed ") for told in all_told))
    lines = [f"{'candidate':{wide}}  score  objections  rulings  weakest"]
    for told in all_told:
        seed = f"{'kept' if told['kept'] else '    '} seed {told['seed']}"
        score = "-" if told["score"] is None else f"{told['score']:.1f}"
        counts = f"{told['objections']:10}  {told['rulings']:7}"
        lines.append(fitting(f"{seed:{wide}}  {score:>5}  {counts}  {harmless(told['weakest'])}", sys.stdout))
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
    return [harmless(line) for line in (*found, *result.brief.remarks, *without_model(result.records))]


def without_model(records: Sequence[Record]) -> list[str]:
    """That proposals of a take that a language model plans were made without it, and why the first of them was."""
    from protocol.messages import Proposed

    made = [record.message.why for record in records if isinstance(record.message, Proposed)]
    without = [why for why in made if why.endswith(_WITHOUT)]
    if not without:
        return []
    _, reason, more = without[0].removesuffix(_WITHOUT).partition(_REASON)
    return [f"{len(without)} of {len(made)} proposals are the embedded planner's: {reason[2:]}{more}"]


_WITHOUT, _REASON = "; embedded planner)", " (the language model"
"""The end and the beginning of what a region adds to its reason where it could not ask a language model."""


def planned(result: TakeResult) -> dict[str, Any]:
    """What was understood and how it was agreed on, as plain data."""
    assert result.brief is not None
    return {
        **talked(result),
        "understood": [list(pair) for pair in result.brief.understood],
        "unread": list(result.brief.unread),
        "beats": [beat.model_dump(mode="json") for beat in result.brief.beats],
        **({} if result.review is None else {"review": result.review.model_dump(mode="json")}),
    }


def agreed(result: TakeResult) -> str:
    """How it was agreed on, for people."""
    talk = talked(result)
    return f"{talk['proposals']} proposals, {talk['objections']} objections, {talk['rulings']} rulings"
