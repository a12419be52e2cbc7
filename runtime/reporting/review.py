"""What the critic says of a take, for its page: found anew from the journal, by the tables that the take was made with.

So the page of a journal alone has it too, and nothing that was written beside the journal can say otherwise. What the take was
chosen from is in no journal; that is told as the take's record tells it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import groupby
from typing import TYPE_CHECKING, Any

from protocol.brief import Brief
from protocol.consistency import committed_timeline
from protocol.journal import Record
from protocol.messages import DIRECTOR, Decided, TakeOpened
from protocol.timeline import sample
from runtime.reporting.escaping import text
from runtime.reporting.story import Story

if TYPE_CHECKING:
    from agents.critic import IntentFound, Measured, Review

IDLE = "idle"
"""The flag of takes whose faces live by themselves, as `agents.regions` calls it, which loads all that performs."""
RATE = Fraction(60)
"""Frames per second at which the critic looks at takes, as when they are made."""
_WIDE, _HIGH = 120, 14
"""Units of a gauge."""
_PLAIN, _FAINT = 0.8, 0.5
"""Scores from which a thing is well done, and from which it is to be seen at all."""


@dataclass(frozen=True, slots=True)
class Tried:
    """A candidate that a take was chosen from.

    Attributes:
        seed: of its take.
        kept: whether it is the take.
        score: 0 to 100; None if it came to no end.
        objections, rulings: how many it took.
        weakest: the critic's sentence, or why it came to no end.
    """

    seed: int
    kept: bool
    score: float | None
    objections: int
    rulings: int
    weakest: str


@dataclass(frozen=True, slots=True)
class Judged:
    """What there is to say of how good a take is.

    Attributes:
        review: what the critic finds; None if there is none.
        why_not: then the reason.
        tried: what the take was chosen from; () if it was the only one.
    """

    review: Review | None
    why_not: str = ""
    tried: tuple[Tried, ...] = ()


def judged(records: Sequence[Record], story: Story, record: Mapping[str, Any]) -> Judged:
    """Have the critic look at what is committed.

    Args:
        records: the take's journal.
        story: the same by beats.
        record: what `take.json` says.
    """
    tried = tuple(tried_of(record.get("candidates")))
    opened, brief = story.opened, _brief(records)
    timeline = committed_timeline(records)
    if opened is None or brief is None or timeline is None or len(timeline.beats) < len(brief.beats):
        return Judged(None, "Not all beats are agreed on, so there is nothing to judge yet.", tried)
    from configs.loading import ConfigError  # noqa: PLC0415 - a take without an end needs neither tables nor critic

    try:
        return Judged(_reviewed(opened, brief, sample(timeline, RATE)), "", tried)
    except (ConfigError, LookupError, ValueError, ArithmeticError) as error:  # a journal may hold anything
        said = " ".join(str(error).split())
        return Judged(None, f"The critic cannot judge it by the tables that it was made with: {said}", tried)


def _brief(records: Sequence[Record]) -> Brief | None:
    for record in records:
        message = record.message
        if isinstance(message, Decided) and message.final and message.role == DIRECTOR:
            try:
                return Brief.model_validate_json(message.reply)
            except ValueError:
                return None
    return None


def _reviewed(opened: TakeOpened, brief: Brief, samples: Any) -> Review:
    from agents.critic import review  # noqa: PLC0415 - likewise
    from configs.tables import build  # noqa: PLC0415 - likewise

    return review(brief, samples, RATE, build(opened.configuration), idle=IDLE in opened.flags)


def tried_of(data: Any) -> Iterator[Tried]:
    """The candidates in a record; what is none is left out."""
    for each in data if isinstance(data, list) else []:
        found = each if isinstance(each, Mapping) else {}
        counts = [found.get(name) for name in ("seed", "objections", "rulings")]
        score, weakest = found.get("score"), found.get("weakest")
        whole = all(isinstance(count, int) and not isinstance(count, bool) for count in counts)
        scored = score is None or (isinstance(score, (int, float)) and 0 <= score <= 100)
        if whole and scored and isinstance(weakest, str):
            seed, objections, rulings = counts
            yield Tried(seed, found.get("kept") is True, score, objections, rulings, weakest)  # type: ignore[arg-type]


# ---------------------------------------------------------------------------------------------------------------- markup


def section(found: Judged) -> Iterator[str]:
    """The review as markup."""
    review = found.review
    if review is None:
        yield f'<p class="empty">{text(found.why_not)}</p>'
    else:
        yield f'<p id="grade"><b>{review.score:.0f}</b> of 100 <span>weakest: {text(review.weakest)}</span></p>'
        yield '<div id="reviewed">'
        yield from _intents(review.told)
        yield from _nature(review.nature, review.strain)
        yield "</div>"
    if found.tried:
        yield from _tried(found.tried)


def _intents(intents: Sequence[IntentFound]) -> Iterator[str]:
    if not intents:
        yield '<p class="empty">Nothing is asked of the face.</p>'
        return
    yield '<table id="intents"><thead><tr><th>beat<th>asked for<th>present<th>timing<th>strength</tr></thead>'
    for beat, group in groupby(intents, key=lambda intent: intent.beat):
        yield "<tbody>"
        for place, intent in enumerate(group):
            yield (
                f'<tr class="{_grade(intent.score)}"><td>{beat if place == 0 else ""}</td>'
                f'<td><button data-time="{intent.at:.4f}" title="go there">{intent.at:.2f} s</button> '
                f"<b>{text(_named(intent))}</b><small>{text(_words(intent))}</small></td>"
                f'<td class="number">{_bar(intent.present)} {intent.present:.2f}</td>'
                f'<td class="number">{_timing(intent)}</td>'
                f'<td class="number">{_strength(intent)}</td></tr>'
            )
        yield "</tbody>"
    yield "</table>"


def _grade(score: float) -> str:
    return "well" if score >= _PLAIN else "partly" if score >= _FAINT else "hardly"


def _named(intent: IntentFound) -> str:
    side = "" if intent.side == "both" else f", {intent.side}"
    names = {"limit": "keeps within a limit", "still": "nothing moves"}
    return names.get(intent.name, intent.name.replace("_", " ")) + side


def _words(intent: IntentFound) -> str:
    words = f"“{intent.words}”" if intent.words else ""
    return "; ".join(part for part in (words, intent.note) if part)


def _moves(intent: IntentFound) -> bool:
    """Whether it has a time and a size: what is not to move, or is not there, has none."""
    return intent.name not in ("limit", "still") and intent.present > 0


def _timing(intent: IntentFound) -> str:
    if not _moves(intent):
        return "-"
    if abs(intent.late) < 0.005:
        return "on time"
    return f"{abs(intent.late):.2f} s {'late' if intent.late > 0 else 'early'}"


def _strength(intent: IntentFound) -> str:
    return f"{100 * intent.strength:.0f} %" if _moves(intent) else "-"


def _nature(nature: Sequence[Measured], strain: Sequence[Measured]) -> Iterator[str]:
    yield '<div><table id="nature"><thead><tr><th>how alive it is<th>measured<th><th>in people</tr></thead><tbody>'
    for measure in nature:
        low, high = measure.shown_range
        note = f"<small>{text(measure.note)}</small>" if measure.note else ""
        unit = f" {text(measure.unit)}" if measure.unit else ""
        at = measure.at
        place = (
            f' <button data-time="{at:.4f}" title="go there">{at:.2f} s</button>'
            if at is not None and not measure.inside
            else ""
        )
        yield (
            f'<tr class="{"well" if measure.inside else _grade(measure.score)}"><td>{text(measure.about)}{note}</td>'
            f'<td class="number">{measure.value:.3g}{unit}{place}</td><td>{gauge(measure)}</td>'
            f'<td class="number">{low:.3g} to {high:.3g}</td></tr>'
        )
    for measure in strain:
        at = measure.at or 0.0
        yield (
            f'<tr class="{_grade(measure.score)}"><td>strains {text(measure.name)}<small>{text(measure.about)}</small></td>'
            f'<td class="number">{100 * measure.value:.0f} % of the take '
            f'<button data-time="{at:.4f}" title="go to the worst place">{at:.2f} s</button></td>'
            f'<td>{_bar(measure.value)}</td><td class="number">0 %</td></tr>'
        )
    yield "</tbody></table>"
    yield '<p class="note">'
    yield _swatch('<circle class="inside" cx="7" cy="7" r="4.5"/>', "the take")
    yield _swatch('<rect class="people" y="4" width="14" height="6"/>', "people")
    if any(measure.people for measure in nature):
        yield _swatch('<rect class="chance" y="4" width="14" height="6"/>', "by chance in so short a take")
    yield "</p></div>"


def _swatch(shape: str, words: str) -> str:
    return f'<svg class="swatch" viewBox="0 0 14 14" aria-hidden="true">{shape}</svg> {words}'


def _bar(share: float) -> str:
    """A share of 1 as a bar."""
    wide = 0.5 * _WIDE
    return (
        f'<svg class="bar" viewBox="0 0 {wide:g} {_HIGH}" aria-hidden="true">'
        f'<rect class="track" width="{wide:g}" height="6" y="4"/>'
        f'<rect class="filled" width="{wide * min(max(share, 0.0), 1.0):.1f}" height="6" y="4"/></svg>'
    )


def gauge(measure: Measured) -> str:
    """A measure between the ends of its range: the range of people, the wider one that it is judged by, and where it is."""
    room = 0.35 * ((measure.high - measure.low) or 1.0)
    first, last = measure.low - room, measure.high + room

    def x(value: float) -> float:
        return _WIDE * min(max((value - first) / (last - first), 0.04), 0.96)

    low, high = measure.shown_range
    outer = ""
    if measure.people:
        outer = (
            f'<rect class="chance" x="{x(measure.low):.1f}" width="{x(measure.high) - x(measure.low):.1f}" y="4" height="6"/>'
        )
    kind = "inside" if measure.inside else "outside"
    return (
        f'<svg class="gauge" viewBox="0 0 {_WIDE} {_HIGH}" role="img" aria-label="{measure.value:.3g}, in people {low:.3g} to '
        f'{high:.3g}"><rect class="track" width="{_WIDE}" y="6.5" height="1"/>{outer}<rect class="people" x="{x(low):.1f}" '
        f'width="{x(high) - x(low):.1f}" y="4" height="6"/>'
        f'<circle class="{kind}" cx="{x(measure.value):.1f}" cy="7" r="4.5"/></svg>'
    )


def _tried(tried: Sequence[Tried]) -> Iterator[str]:
    yield f"<h2>Chosen from {len(tried)} candidates</h2>"
    yield '<table id="tried"><thead><tr><th>seed<th>score<th>objections<th>rulings<th>weakest</tr></thead><tbody>'
    for each in tried:
        score = "-" if each.score is None else f"{each.score:.1f}"
        yield (
            f'<tr class="{"chosen" if each.kept else "other"}">'
            f'<td class="number">{each.seed}{" kept" if each.kept else ""}</td>'
            f'<td class="number">{score}</td><td class="number">{each.objections}</td><td class="number">{each.rulings}</td>'
            f"<td>{text(each.weakest)}</td></tr>"
        )
    yield "</tbody></table>"
