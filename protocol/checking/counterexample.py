"""Counterexamples for people: a way through a system as a short script, and as the journal that was written along it.

A script has a line for each thing that happens; what one role does on end is one line. What is out of the ordinary (a fault, an
unusual proposal, a vote that is not honest) has an exclamation mark. In brackets stand the places of the records that were
journaled on account of it, so that the script can be read beside `textuportray replay` of the journal. The last line names the
property that does not hold.
"""

from __future__ import annotations

import re
import textwrap

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import IO, Any

from protocol.channels import REGIONS
from protocol.checking.accounts import Account, Happening, account
from protocol.checking.exploring import Counterexample, System
from protocol.journal import JournalWriter, Record
from protocol.messages import (
    CRITIC,
    DIRECTOR,
    BeatOpened,
    ChunkAssigned,
    ChunkWritten,
    Committed,
    Discarded,
    Message,
    RendererChanged,
    Restored,
    RoundOpened,
    TakeClosed,
)

WIDTH = 110
"""Characters of a line."""
_SUBJECT = re.compile(rf"the coordinator(?!')\b|(?:{'|'.join(REGIONS)})\b|renderer-\d+\b")
"""Whom a happening is about, if it begins with somebody."""


@dataclass(frozen=True, slots=True)
class Shown:
    """A counterexample as people see it.

    Attributes:
        script: text, its lines numbered.
        records: that were journaled on the way; none if the system journals nothing.
    """

    script: str
    records: tuple[Record, ...]


def show(name: str, about: str, system: System[Any], broken: Counterexample) -> Shown:
    """A counterexample in words and records.

    Args:
        name: of the configuration.
        about: what is in it.
        system: in which it was found.
        broken: what was found.
    """
    told = account(system, broken.actions)
    lines = [
        *textwrap.wrap(f'A counterexample to {broken.name} in "{name}": {about}.', WIDTH),
        *textwrap.wrap("Marked with ! is what is out of the ordinary; in brackets is the place in the journal.", WIDTH),
        *([f"Records 1 to {told.before} are of the negotiation before, in which nothing goes wrong."] if told.before else []),
        "",
        *_numbered(told),
        "",
        *textwrap.wrap(f"{broken.name} does not hold: {broken.text}.", WIDTH),
    ]
    return Shown("\n".join(lines) + "\n", told.records)


def write(records: Sequence[Record], stream: IO[bytes], sync: Callable[[], None]) -> None:
    """Write a journal of records; it is closed if the take is.

    Args:
        records: in order, from the first.
        stream: empty, writable and buffered; the caller closes it.
        sync: forces to disk what has been flushed.
    """
    writer = JournalWriter(stream, sync)
    for record in records:
        writer.append(record)
    if isinstance(records[-1].message, TakeClosed):
        writer.close()
    else:
        writer.commit()


@dataclass(frozen=True, slots=True)
class _Line:
    """What one role does on end."""

    subject: str
    deeds: tuple[str, ...]
    said: tuple[Record, ...]
    unusual: bool
    lost: str = ""


def _numbered(told: Account) -> Iterator[str]:
    lines: list[_Line] = []
    seen = told.before
    for each in told.happenings:
        line = _line(each, seen)
        seen = each.kept + len(each.records)
        if lines and _goes_on(lines[-1], line):
            lines[-1] = replace(lines[-1], deeds=(*lines[-1].deeds, *line.deeds), said=line.said)
        else:
            lines.append(line)
    for number, line in enumerate(lines, 1):
        text = f"{line.subject} {', '.join(line.deeds)}".strip()
        yield from textwrap.wrap(
            text, WIDTH, initial_indent=f"{number:4} {'!' if line.unusual else ' '} ", subsequent_indent=" " * 9
        )
        if line.lost:
            yield f"{'':9}{line.lost}"
        if line.said:
            says = "; ".join(_saying(record) for record in line.said)
            yield from textwrap.wrap(says, WIDTH, initial_indent=f"{'':9}-> ", subsequent_indent=" " * 12)


def _line(happening: Happening, seen: int) -> _Line:
    named = _SUBJECT.match(happening.words)
    subject = named.group() if named else ""
    deed = happening.words.removeprefix(subject).strip()
    heard = [record for record in happening.records if record.sender in REGIONS]
    said = tuple(record for record in happening.records if record not in heard)
    places = f" [{heard[0].seq}]" if heard else ""
    first = happening.kept + 1
    lost = "" if first > seen else f"record {first} is lost" if first == seen else f"records {first} to {seen} are lost"
    return _Line(subject, (deed + places,), said, happening.unusual, lost)


def _goes_on(before: _Line, line: _Line) -> bool:
    """Whether a line says nothing that needs a number of its own."""
    plain = not (before.said or before.unusual or line.unusual)
    return plain and bool(line.subject) and before.subject == line.subject


def _saying(record: Record) -> str:
    whom = " to all" if set(record.receivers) >= set(REGIONS) else " to " + " and ".join(record.receivers)
    author = f"of the {record.sender} " if record.sender in (DIRECTOR, CRITIC) else ""
    return f"{type(record.message).__name__}{_detail(record.message)} {author}[{record.seq}]{whom if record.receivers else ''}"


def _detail(message: Message) -> str:
    """What a message is about, where that helps to follow it."""
    match message:
        case BeatOpened(beat=beat):
            return f" {beat}"
        case RoundOpened(round=round_):
            return f" {round_}"
        case Committed(beat=beat, ruled=ruled):
            return f" {beat}{' as ruled' if ruled else ''}"
        case Restored(incarnation=incarnation, holder=holder):
            return f" (incarnation {incarnation}, the {holder})"
        case Discarded(reason=reason):
            return f" ({reason})"
        case TakeClosed(outcome=outcome):
            return f" ({outcome})"
        case ChunkAssigned(chunk=chunk, attempt=attempt):
            return f" {chunk} (attempt {attempt})"
        case ChunkWritten(chunk=chunk):
            return f" {chunk}"
        case RendererChanged(renderer=renderer, to=to):
            return f" ({renderer} {to})"
    return ""
