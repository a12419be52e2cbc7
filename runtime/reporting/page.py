"""The page itself: templates filled with what the other modules of this package have made of a take.

Rules
- The page asks for nothing: scripts and styles are in it, the policy in its head lets in these alone, by their digests, and
  pictures and videos as data. Without scripts the head, the critic's review, the
  constraints and the rulings can still be read.
- Whatever comes from a journal is text: escaped in markup, and in data free of anything that could end its element.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib.resources import files
from textwrap import shorten
from typing import TYPE_CHECKING, Any

from protocol.journal import Journal
from protocol.timeline import frame_count
from runtime.reporting.bargains import Bargain, Kept
from runtime.reporting.escaping import text as _text
from runtime.reporting.messages import BLOCK, LANES, Told
from runtime.reporting.review import Judged, section
from runtime.reporting.story import Story

if TYPE_CHECKING:
    from runtime.reporting.film import Film  # which takes a library that a take without a video has no use for

SCRIPTS = ("axis.js", "curves.js", "lanes.js", "messages.js", "player.js")
"""In the order in which they are joined to one."""
_PART = re.compile(r"<!-- (\w+) -->")
_HEADING = 300
"""Characters of a direction that stand in the heading."""
_CLOSE = 0.1
"""Share of a bound that is left where a constraint counts as nearly reached."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What checking the take came to when the report was made.

    Attributes:
        holds: whether all could be checked and nothing was found.
        text: in a line.
        findings: what was found.
    """

    holds: bool
    text: str
    findings: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that a page is made of.

    Attributes:
        name: what the user calls the take.
        journal: of the take.
        story: the same by beats.
        record: what `take.json` says; {} if there is none.
        verdict: of checking it.
        warnings: sentences for the reader.
        film: its video; None if there is none.
        motion: the curves, for the scripts.
        told: the messages.
        bargains: what was objected to.
        kept: the hard constraints; None if nothing is committed, or what was proposed first was committed as it was.
        judged: what the critic says of it.
        made: by which software.
    """

    name: str
    journal: Journal
    story: Story
    record: Mapping[str, Any]
    verdict: Verdict
    warnings: Sequence[str]
    film: Film | None
    motion: Mapping[str, Any]
    told: Told
    bargains: Sequence[Bargain]
    kept: Sequence[Kept] | None
    judged: Judged
    made: str


def page(report: Report) -> str:
    """The page as HTML."""
    script = "(() => {\n'use strict';\n" + "\n".join(_template(name) for name in SCRIPTS) + "\n})();\n"
    style = _template("page.css")
    policy = "; ".join(
        (
            "default-src 'none'",
            f"script-src '{_digest(script)}'",
            f"style-src '{_digest(style)}'",
            "img-src data:",
            "media-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )
    parts = {
        "policy": f'<meta http-equiv="Content-Security-Policy" content="{policy}">',
        "title": f"<title>{_text(_title(report))}</title>",
        "style": f"<style>{style}</style>",
        "script": f"<script>{script}</script>",
        "head": "\n".join(_head(report)),
        "film": _film(report),
        "review": "\n".join(section(report.judged)),
        "bargains": "\n".join(_bargains(report)),
        "kept": "\n".join(_kept(report)),
        "data": _as_element("data", data_of(report)),
        "bodies": "\n".join(
            f'<script type="text/plain" id="bodies-{number}">{block}</script>'
            for number, block in enumerate(report.told.blocks)
        ),
    }
    return _PART.sub(lambda found: parts[found[1]], _template("page.html"))


def data_of(report: Report) -> dict[str, Any]:
    """What the scripts of the page work with."""
    story, film = report.story, report.film
    rate = film.fps if film else story.fps
    frames = max(1, film.frames if film else frame_count(story.seconds, rate))
    return {
        "seconds": story.seconds,
        "film": {"fps": [rate.numerator, rate.denominator], "frames": frames},
        "beats": [
            {
                "number": beat.number,
                "start": beat.start,
                "end": beat.end,
                "words": beat.opened.intent.summary,
                "state": beat.state,
                "rounds": beat.rounds,
                "seq": beat.seq,
                "kept": list(beat.opened.intent.origin.same) if beat.opened.intent.origin else [],
                "from": round(beat.began, 4),
                "to": round(beat.ended, 4),
            }
            for beat in story.beats
        ],
        "acts": list(_acts(story)),
        "lanes": LANES,
        "block": BLOCK,
        "messages": report.told.lines,
        "raised": [
            [each.seq, each.violation.constraint, list(each.violation.channels), *_absolute(beat.start, each.violation)]
            for beat in story.beats
            for each in beat.raised
        ],
        **report.motion,
    }


def _absolute(begins: float, violation: Any) -> list[float]:
    return [round(begins + violation.start, 4), round(begins + violation.end, 4)]


def _acts(story: Story) -> Iterator[dict[str, Any]]:
    """What was asked for, each once: an act that goes on over the end of a beat is told again in the next one."""
    acts: dict[tuple[str, str, float], dict[str, Any]] = {}
    for beat in story.beats:
        intent = beat.opened.intent
        for act in intent.acts:
            start = round(max(0.0, beat.start + act.start), 4)
            end = round(min(beat.start + act.end, story.seconds), 4)
            known = acts.setdefault(
                (act.name, act.words, start),
                {"name": act.name.replace("_", " "), "words": act.words, "start": start, "end": end},
            )
            known["end"] = end
        for limit in intent.limits:
            what = f"at most {limit.most:g} of {', '.join(limit.channels)}"
            yield _span(what, limit.words, beat.start + limit.start, beat.start + limit.end)
        for still in intent.stills:
            yield _span("nothing moves", still.words, beat.start + still.start, beat.start + still.end)
    yield from sorted(acts.values(), key=lambda act: (act["start"], act["end"]))


def _span(name: str, words: str, start: float, end: float) -> dict[str, Any]:
    return {"name": name, "words": words, "start": round(start, 4), "end": round(end, 4)}


# ---------------------------------------------------------------------------------------------------------------- markup


def _title(report: Report) -> str:
    return f"{report.name} - TextuPortray report"


def _head(report: Report) -> Iterator[str]:
    story = report.story
    opened = story.opened
    direction = opened.direction if opened else report.name
    yield f'<h1 dir="auto">{_text(shorten(direction, _HEADING, placeholder=" …"))}</h1>'
    if len(direction) > _HEADING:
        yield f'<details><summary>The whole direction</summary><p dir="auto">{_text(direction)}</p></details>'
    facts = [*_facts(report)]
    yield '<p class="facts">' + " ".join(f"<span>{_text(fact)}</span>" for fact in facts) + "</p>"
    verdict = report.verdict
    mark = "✓" if verdict.holds else "✗"
    yield f'<p class="verdict {"holds" if verdict.holds else "broken"}" id="verdict">{mark} verified: {_text(verdict.text)}</p>'
    if verdict.findings:
        yield '<ul class="findings">' + "".join(f"<li>{_text(each)}</li>" for each in verdict.findings) + "</ul>"
    if report.warnings:
        yield '<ul class="warnings">' + "".join(f"<li>{_text(each)}</li>" for each in report.warnings) + "</ul>"
    yield "<details><summary>How it was made</summary><dl>"
    for name, value in _origin(report):
        yield f"<dt>{_text(name)}</dt><dd>{_text(value)}</dd>"
    yield "</dl></details>"


def _facts(report: Report) -> Iterator[str]:
    story, film = report.story, report.film
    yield ending(story)
    beats = len(story.beats)
    yield f"{beats} beat{'' if beats == 1 else 's'}, {story.seconds:.2f} s"
    if story.opened:
        yield f"{story.fps} frames per second" if film is None else f"{film.frames} frames at {float(film.fps):g} per second"
        yield f"seed {story.opened.seed}"
        if story.opened.parent:
            yield f"revises {story.opened.parent.take}"
    if report.judged.review:
        chosen = f", the best of {len(report.judged.tried)} candidates" if report.judged.tried else ""
        yield f"critic: {report.judged.review.score:.0f} of 100{chosen}"
    proposals = sum(len(beat.proposals) for beat in story.beats)
    rulings = sum(beat.ruled is not None for beat in story.beats)
    negotiated = f"{proposals} proposals, {len(report.bargains)} constraints objected to, {rulings} rulings"
    yield f"{len(report.journal.records)} messages: {negotiated}"
    if story.opened:
        yield story.opened.take


def ending(story: Story) -> str:
    """How the take ended, in a few words."""
    if story.closed is None:
        return f"unfinished: {sum(beat.state != 'open' for beat in story.beats)} beats agreed on"
    reason = f": {story.closed.reason}" if story.closed.reason else ""
    return f"{story.closed.outcome}{reason}"


def _origin(report: Report) -> Iterator[tuple[str, str]]:
    story, record = report.story, report.record
    opened = story.opened
    yield "take", f"{opened.take if opened else 'unknown'} ({report.name})"
    if opened and opened.parent:
        words = "; then ".join(f"“{each}”" for each in opened.parent.directions)
        yield "revises", f"{opened.parent.take}: {words}"
    if opened:
        if opened.emotion:
            yield "emotion", opened.emotion
        yield "options", ", ".join(opened.flags) or "none"
        yield "rounds", f"{opened.rounds} at most per beat"
    if story.film:
        film = story.film
        yield "renderer", f"{film.renderer}, {film.width} x {film.height} pixels, background {film.background}"
        portrait = record.get("portrait")
        name = portrait.get("file", "") if isinstance(portrait, Mapping) else ""
        yield "portrait", f"{name} SHA-256 {film.portrait}".strip()
    if story.resumed:
        yield "resumed", f"{story.resumed} time{'' if story.resumed == 1 else 's'}"
    if report.journal.records:
        yield "took", f"{report.journal.records[-1].time:.1f} s by the journal"
    if opened:
        yield "versions", ", ".join(f"{name} {version}" for name, version in sorted(opened.versions.items()))
    yield "journal written by", report.journal.version or "unknown software"
    yield "page made by", report.made


def _film(report: Report) -> str:
    film = report.film
    if film is None:
        what = "The take was planned without pixels" if report.story.film is None else "There is no video beside this take"
        return f'<p class="empty">{what}: the cursor moves over its curves alone.</p>'
    note = f'<p class="note">{_text(film.note)}</p>' if film.note else ""
    if not film.source:
        return note
    return (
        f'<video id="video" playsinline muted preload="auto" width="{film.width}" height="{film.height}" '
        f'data-name="{_text(film.name)}" src="{film.source}"></video>{note}'
    )


def _bargains(report: Report) -> Iterator[str]:
    if not report.bargains:
        ended = report.story.closed is not None and report.story.beats
        said = "Nobody objected: the first proposals fitted together in every beat." if ended else "Nobody has objected so far."
        yield f'<p class="empty">{said}</p>'
        return
    yield "<table><thead><tr><th>beat<th>constraint<th>objected<th>measured<th>bound<th>gave way<th>became</tr></thead><tbody>"
    for each in report.bargains:
        by = ", ".join(each.by)
        where = f"{each.start:.2f}-{each.end:.2f} s"
        yield (
            f'<tr><td><button data-time="{each.start:.4f}" title="go there">{each.beat}</button> <small>{where}</small></td>'
            f"<td><b>{_text(each.constraint)}</b><small>{_text(each.why)}</small></td>"
            f'<td><button data-message="{each.seqs[0]}" title="show the message">{_text(by)}</button></td>'
            f'<td class="number bad">{_text(each.measured)}</td><td class="number">{_text(each.bound)}</td>'
            f"<td><b>{_text(each.yields)}</b><small>{_text(each.outcome)}</small></td>"
            f'<td><b class="number">{_text(each.became or "-")}</b><small>{_text("; ".join(each.changes))}</small></td></tr>'
        )
    yield "</tbody></table>"


def _kept(report: Report) -> Iterator[str]:
    if report.kept is None:
        yield '<p class="empty">Nothing is committed that could be measured, or it was committed as first proposed.</p>'
        return
    broken = {text.partition(" at ")[0].rpartition(" ")[2] for text in report.verdict.findings if text.startswith("C01")}
    raised = {each.constraint for each in report.bargains}
    yield "<table><thead><tr><th>constraint<th>why<th>yields<th>closest<th>at</tr></thead><tbody>"
    for each in report.kept:
        state = "broken" if each.constraint in broken else "close" if each.closest and each.room < _CLOSE else "kept"
        mark = {"broken": "✗", "close": "✓", "kept": "✓"}[state]
        talked = " <small>objected to</small>" if each.constraint in raised else ""
        place = f'<button data-time="{each.time:.4f}" title="go there">{each.time:.2f} s</button>' if each.closest else ""
        yield (
            f'<tr class="{state}"><td>{mark} {_text(each.constraint)}{talked}</td><td>{_text(each.why)}</td>'
            f'<td>{_text(each.yields)}</td><td class="number">{_text(each.closest or "never near it")}</td>'
            f"<td>{place}</td></tr>"
        )
    yield "</tbody></table>"


# --------------------------------------------------------------------------------------------------------------- escaping


def _as_element(name: str, data: Any) -> str:
    """Data in an element that no text in it can end or change: without <, > and &, in letters that any encoding has."""
    text = json.dumps(data, separators=(",", ":"), allow_nan=False)
    for sign in "<>&":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return f'<script type="application/json" id="{name}">{text}</script>'


def _digest(content: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(content.encode()).digest()).decode()}"


def _template(name: str) -> str:
    return files("runtime.reporting").joinpath(name).read_text(encoding="utf-8")
