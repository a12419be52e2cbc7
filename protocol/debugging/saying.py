"""What a record says: in a line, whatever it is, and in full.

The conversation (`protocol.conversation`) leaves out what goes without saying and tells things where they are understood best.
Here every record has its line, and nothing of it is out of reach.
"""

from __future__ import annotations

import json
import textwrap

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from protocol.conversation import WIDTH, counted, does, merged
from protocol.exchanges import told
from protocol.journal import Record
from protocol.messages import (
    DIRECTOR,
    Aborted,
    Accepted,
    BeatOpened,
    ChunkAssigned,
    ChunkFailed,
    ChunkLost,
    ChunkRendered,
    ChunkWritten,
    Committed,
    DeadlinePassed,
    Decided,
    Discarded,
    FilmFailed,
    FilmOpened,
    Merged,
    Objected,
    Proposed,
    Rejoined,
    RendererChanged,
    Restored,
    RoundOpened,
    Ruled,
    TakeClosed,
    TakeOpened,
    TakeResumed,
)
from protocol.wire import to_plain

LINES = 8
"""A text of more lines is shown with the first, unless all of it is asked for."""
_LONGEST = 200
_DEEPEST = 40
"""Messages are not as deep; what a planner has answered may be."""
_VERBATIM = "|"
"""What lines of a text begin with; they are not broken."""
_TIED = "\ue000"
"""A space at which no line is broken, while lines are broken."""


def in_a_line(record: Record) -> str:
    """Who does what, whatever kind of record it is."""
    text = " ".join(_said(record).split())
    return text if len(text) <= _LONGEST else text[: _LONGEST - 3] + "..."


def _said(record: Record) -> str:
    sender = record.sender
    match record.message:
        case TakeOpened(take=take, direction=direction):
            return f'{sender} opens {take}: "{direction}"'
        case BeatOpened(beat=beat, intent=intent):
            return f"{sender} opens beat {beat}, {intent.start:.2f}-{intent.end:.2f} s: {intent.summary}"
        case Decided(role=role, final=False) as exchange:
            return f"{role} {does(role, 'ask')} {told(exchange)}"
        case Decided(role=role, planner=planner, reply=reply):
            who = "director answers" if role == DIRECTOR else f"planner of the {role} answers"
            return f"{who} ({planner}, {counted(len(reply), 'character')})"
        case Proposed(region=region, revision=revision, round=number, why=why):
            what = f"{does(region, 'revise')} for round {number + 1}" if number else does(region, "propose")
            return f"{region} {what}, revision {revision}: {why}"
        case RoundOpened(beat=beat, round=number, objections=objections):
            answered = f" after {counted(len(objections), 'objection')}" if objections else ""
            return f"{sender} opens round {number} of beat {beat}{answered} and asks for votes"
        case Accepted(role=role, round=number):
            return f"{role} {does(role, 'accept')} round {number}"
        case Objected(role=role, round=number, violations=found):
            lines = "; ".join(line.text for line in merged(found, 0.0))
            return f"{role} {does(role, 'object')} in round {number} (times in the beat): {lines}"
        case Ruled(beat=beat, rulings=rulings):
            return f"{sender} rules on beat {beat}: " + ", ".join(f"{one.region} {one.rung}" for one in rulings)
        case Committed(beat=beat, digest=known, ruled=ruled):
            return f"{sender} commits beat {beat}{' as ruled' if ruled else ''}: {known[:12]}"
        case Aborted(error=error):
            return f"{sender} gives up: {error}"
        case Rejoined(region=region, nonce=nonce):
            return f"a new process of the {region} asks to be let in ({nonce})"
        case Restored(region=region, incarnation=incarnation, holder=holder):
            by = "played by the fallback" if holder == "fallback" else "played by itself"
            return f"{sender} restores the {region} as incarnation {incarnation}, {by}"
        case Discarded(role=role, what=what, reason=reason):
            return f"what {role} said is not heard ({what}): {reason}"
        case DeadlinePassed(region=region, round=number):
            return f"the {region} did not answer in time, {f'round {number}' if number else 'no proposal'}"
        case other:
            return _of_frames(other, record)


def _of_frames(message: object, record: Record) -> str:
    match message:
        case FilmOpened(renderer=renderer, width=width, height=height):
            return f"{record.sender} has the take rendered by {renderer}, {width} x {height} pixels"
        case Merged(beat=beat, chunks=chunks):
            which = f": {chunks[0].chunk} to {chunks[-1].chunk}" if chunks else ""
            return f"beat {beat} becomes {counted(len(chunks), 'chunk')} of frames{which}"
        case RendererChanged(renderer=renderer, to=to, reason=reason):
            return f"{renderer} is {to}{f': {reason}' if reason else ''}"
        case ChunkAssigned(chunk=chunk, first=first, last=last, attempt=attempt):
            again = f", attempt {attempt}" if attempt > 1 else ""
            return f"chunk {chunk} (frames {first} to {last - 1}) goes to {', '.join(record.receivers)}{again}"
        case ChunkRendered(chunk=chunk):
            return f"{record.sender} has rendered chunk {chunk}"
        case ChunkFailed(chunk=chunk, attempt=attempt, error=error):
            return f"{record.sender} fails at chunk {chunk}, attempt {attempt}: {error}"
        case ChunkWritten(chunk=chunk):
            return f"chunk {chunk} is written into the video"
        case ChunkLost(chunk=chunk, reason=reason):
            return f"the frames of chunk {chunk} are lost: {reason}"
        case FilmFailed(error=error):
            return f"the video cannot be finished: {error}"
        case TakeResumed():
            return "the take is resumed by new processes"
        case TakeClosed(outcome=outcome, reason=reason):
            return f"the take ends: {outcome}{f', {reason}' if reason else ''}"
    return type(message).__name__


def heading(record: Record, of: int) -> str:
    """Where a record is, and who sends it to whom."""
    to = f" -> {', '.join(record.receivers)}" if record.receivers else ""
    link = f" (incarnation {record.epoch}, number {record.number})" if record.number else ""
    return f"[{record.seq}/{of}]  {record.time:.3f} s  {record.sender}{to}: {type(record.message).__name__}{link}"


def in_full(record: Record, part: str = "", *, whole: bool = False) -> Iterator[str]:
    """A message with all its fields; each curve has a line, `time:value` of its keyframes and how they go on.

    Args:
        record: the record.
        part: only what is called so in it, such as a field, a channel or a table, from beginning to end; empty for everything.
        whole: long texts, such as the tables of a take, from beginning to end.
    """
    plain = to_plain(record.message)
    found = list(_called(part, plain)) if part else [("", plain)]
    for name, value in found:
        for line in _member(name, value, 0, whole=whole or bool(part)):
            if line.lstrip().startswith(_VERBATIM):
                yield line
                continue
            under = " " * (len(line) - len(line.lstrip()) + 4)
            for piece in textwrap.wrap(line, WIDTH - 2, subsequent_indent=under, break_on_hyphens=False) or [""]:
                yield piece.replace(_TIED, " ")


def _called(part: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Everything in a value that has a name, whatever its capitals."""
    if isinstance(value, Mapping):
        if str(value.get("channel", "")).lower() == part.lower() and "keys" in value:
            yield "", value
        for name, item in value.items():
            if name.lower() == part.lower():
                yield name, item
            else:
                yield from _called(part, _opened_up(name, item))
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from _called(part, item)


def _member(name: str, value: Any, depth: int, *, whole: bool) -> Iterator[str]:
    """A value with its name."""
    indent, label = "  " * depth, f"{name}: " if name else ""
    if depth > _DEEPEST:
        yield f"{indent}{label}..."
        return
    value = _opened_up(name, value)
    if isinstance(value, Mapping):
        yield from _mapping(name, value, depth, whole=whole)
    elif isinstance(value, (list, tuple)) and any(isinstance(item, (Mapping, list, tuple)) for item in value):
        yield f"{indent}{label}".rstrip()
        for number, item in enumerate(value):
            yield from _member(str(number), item, depth + 1, whole=whole)
    elif isinstance(value, str) and "\n" in value:
        lines = value.splitlines()
        shown = lines if whole or len(lines) <= LINES else lines[:1]
        yield f"{indent}{label}".rstrip()
        yield from (f"{indent}  {_VERBATIM} {line}".rstrip() for line in shown)
        if len(shown) < len(lines):
            yield f"{indent}  ... {len(lines) - 1} more lines: show {name}"
    else:
        text = ", ".join(map(str, value)) if isinstance(value, (list, tuple)) else "none" if value is None else str(value)
        yield f"{indent}{label}{text}"


def _mapping(name: str, value: Mapping[str, Any], depth: int, *, whole: bool) -> Iterator[str]:
    indent = "  " * depth
    if set(value) == {"channel", "keys"}:
        yield f"{indent}{value['channel']}  " + "  ".join(_key(key) for key in value["keys"])
        return
    if set(value) == {"gesture", "words", "note"}:
        told = [value["gesture"], f'"{value["words"]}"' if value["words"] else "", value["note"]]
        yield f"{indent}{name}: " + ", ".join(part for part in told if part)
        return
    if name:
        yield f"{indent}{name}:"
        depth += 1
    for member, item in value.items():
        if member == "curves" and isinstance(item, Sequence):
            for curve in item:
                yield from _mapping("", curve, depth, whole=whole)
        else:
            yield from _member(member, item, depth, whole=whole)


def _key(key: Mapping[str, Any]) -> str:
    handles = f" ({', '.join(f'{part:g}' for part in key['handles'])})" if key.get("handles") else ""
    return f"{key['time']:g}:{key['value']:g} {key['mode']}{handles} [{key['source']}]".replace(" ", _TIED)


def _opened_up(name: str, value: Any) -> Any:
    """A field of a message, or what stands in it as JSON."""
    return _parsed(value) if isinstance(value, str) and name in ("reply", "asked") else value


def _parsed(reply: str) -> Any:
    """A planner's answer as what it stands for, if it is JSON."""
    try:
        return json.loads(reply)
    except (ValueError, RecursionError):
        return reply
