"""Where two takes part, and what comes of it.

Takes are compared by what was said in them, in canonical order (beat, round, region): the order in which messages arrived, who
was restarted on the way and which renderer did which chunk may differ from run to run and mean nothing. So incarnations,
revisions and the digests that follow from them are left out, and so is what is said about processes. Takes that were asked for
the same, with the same tables, say the same (S7); where they do not, the first difference is the cause of all others.
"""

from __future__ import annotations

import json

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any

from protocol.channels import CHANNELS, REGIONS, SIGNS
from protocol.consistency import committed_timeline
from protocol.debugging.contrast import apart, fields, shown
from protocol.debugging.effects import Effect, effect
from protocol.debugging.pages import Pages
from protocol.journal import Record
from protocol.keyframes import Keyframe, Track
from protocol.messages import (
    DIRECTOR,
    Aborted,
    Accepted,
    BeatOpened,
    ChunkWritten,
    Committed,
    DeadlinePassed,
    Decided,
    FilmOpened,
    Merged,
    Objected,
    Proposed,
    Restored,
    Ruled,
    TakeClosed,
    TakeOpened,
    TakeResumed,
)
from protocol.timeline import Timeline
from protocol.wire import plain

MOST_FIELDS = 4
"""Places that a difference names."""


@dataclass(frozen=True, slots=True)
class Difference:
    """Something in which two takes differ.

    Attributes:
        code: one of `protocol.debugging.codes.DIVERGENCES`.
        text: what, in a line.
        fields: the first places in it, each with both values.
        more: how many further places there are.
        records: where it stands in the first and in the second journal; 0 where it is missing there, None for the take as a
            whole.
    """

    code: str
    text: str
    fields: tuple[str, ...] = ()
    more: int = 0
    records: tuple[int, int] | None = None

    @classmethod
    def of(cls, code: str, text: str, lines: Sequence[str], records: tuple[int, int] | None = None) -> Difference:
        """One in as many places as there are lines."""
        return cls(code, text, tuple(lines[:MOST_FIELDS]), max(len(lines) - MOST_FIELDS, 0), records)


@dataclass(frozen=True, slots=True)
class Divergence:
    """Two takes compared.

    Attributes:
        differences: the causes first (what was asked for, tables, software), then the first message that differs, then what
            was rendered.
        keyframe: the first keyframe that differs, in a line; empty if none does.
        effect: on the motion; None if one of them has none.
        messages: compared, of either take.
        notes: what befell them without a difference in what was said.
    """

    differences: tuple[Difference, ...]
    keyframe: str
    effect: Effect | None
    messages: tuple[int, int]
    notes: tuple[str, ...]

    @property
    def code(self) -> str | None:
        """That of the first difference; None if the takes are the same."""
        real = [each.code for each in self.differences]
        return real[0] if real else None


@dataclass(frozen=True, slots=True)
class _Said:
    """One thing that was said in a take, without what differs from run to run."""

    code: str
    place: str
    seq: int
    data: Any
    tracks: tuple[Track, ...] = ()
    begins: float = 0.0


@dataclass
class _Heard:
    """A journal in canonical order."""

    opened: TakeOpened | None = None
    software: dict[str, str] = field(default_factory=dict)
    film: FilmOpened | None = None
    said: dict[tuple[int, ...], _Said] = field(default_factory=dict)
    closed: bool = False
    resumed: list[int] = field(default_factory=list)
    restored: dict[str, int] = field(default_factory=dict)
    late: int = 0
    cuts: dict[int, tuple[int, int, str]] = field(default_factory=dict)
    frames: dict[int, str] = field(default_factory=dict)
    starts: dict[int, float] = field(default_factory=dict)


def compared(pages: Pages) -> list[Record]:
    """The records of a journal that two takes are compared by, so that the others need not be read.

    Raises:
        JournalError: one of them breaks the rules of its kind.
    """
    return [pages.record(seq) for seq in range(1, len(pages) + 1) if pages.kind(seq) in _COMPARED]


def diverge(first: Sequence[Record], second: Sequence[Record]) -> Divergence:
    """Compare two takes.

    Args:
        first: the journal of one, whole or as `compared` has it.
        second: that of the other.
    """
    one, two = _heard(first), _heard(second)
    causes = [*_inputs(one, two), *_tables(one, two)]
    parting = _first_apart(one, two)
    found = [*causes, *([parting] if parting else []), *_filmed(one, two)]
    software = _software(one, two)
    if software and parting:
        found.insert(len(causes), software)
    timelines = committed_timeline(first), committed_timeline(second)
    shift = None
    if timelines[0] is not None and timelines[1] is not None:
        shift = effect(timelines[0], timelines[1], Fraction(one.opened.fps if one.opened else 60))
    notes = [*_course("first", one), *_course("second", two), *_unrendered(one, two)]
    if software and not parting:
        notes.append(f"{software.text}, which changed nothing")
    keyframe = _committed_keyframe(*timelines) if _revised(one, two) else _first_keyframe(one, two)
    return Divergence(tuple(found), keyframe, shift, (len(one.said), len(two.said)), tuple(notes))


# --------------------------------------------------------------------------------------------------------- what was said


def _heard(records: Sequence[Record]) -> _Heard:
    heard = _Heard()
    for record in records:
        _hear(heard, record)
    return heard


def _hear(heard: _Heard, record: Record) -> None:
    message, seq, said = record.message, record.seq, heard.said
    if isinstance(message, TakeOpened):
        heard.opened, heard.software = message, dict(message.versions)
    elif isinstance(message, TakeResumed):
        heard.resumed.append(seq)
        heard.closed = False
        for key in [key for key in said if key[0] == _LAST]:
            del said[key]  # how it had ended before it was taken up again
    elif isinstance(message, Decided):
        _hear_decided(heard, message, seq)
    elif isinstance(message, BeatOpened):
        heard.starts[message.beat] = message.intent.start
        said[message.beat, -1, 0, 0] = _Said(
            "D04", f"beat {message.beat} is opened", seq, {"intent": _without_origins(plain(message.intent))}
        )
    elif isinstance(message, Proposed):
        place = f"{_at(message.beat, message.round)}, {message.region} {'revised' if message.round else 'proposed'}"
        key = (message.beat, message.round, _order(message.region), _DECIDED + 1)
        begins = heard.starts.get(message.beat, 0.0)
        said[key] = _Said("D06", place, seq, {"why": message.why, "track": message.digest}, (message.track,), begins)
    elif isinstance(message, (Accepted, Objected)):
        found = [plain(each) for each in message.violations] if isinstance(message, Objected) else []
        place = f"{_at(message.beat, message.round)}, the vote of {message.role}"
        data = {"accepts": isinstance(message, Accepted), "violations": found}
        said[message.beat, message.round, _order(message.role), 0] = _Said("D07", place, seq, data)
    elif isinstance(message, Ruled):
        place = f"{_at(message.beat, message.round)}, the ruling"
        begins = heard.starts.get(message.beat, 0.0)
        data = {"rulings": [plain(each) for each in message.rulings]}
        said[message.beat, message.round, len(REGIONS) + 1, 0] = _Said("D08", place, seq, data, message.tracks, begins)
    elif isinstance(message, Committed):
        said[message.beat, _MOST, 0, 0] = _Said("D09", f"beat {message.beat} is committed", seq, {"ruled": message.ruled})
    elif isinstance(message, Aborted):
        said[_LAST, 0, 0, 0] = _Said("D09", "the take is given up", seq, {"error": message.error})
    elif isinstance(message, TakeClosed):
        heard.closed = True
        data = {"outcome": message.outcome, "reason": message.reason, "beats": message.beats}
        said[_END] = _Said("D09", "the take ends", seq, data)
    else:
        _hear_rest(heard, record)


def _hear_decided(heard: _Heard, message: Decided, seq: int) -> None:
    """A decision, or an exchange with a language model on the way to it, in the order in which they led there."""
    role = message.role
    code, where = ("D04", (-1, 0, 0)) if role == DIRECTOR else ("D05", (message.beat or 0, message.round, _order(role)))
    if not message.final:
        place = f"what the {'director' if role == DIRECTOR else f'planner of {role}'} asks a language model"
        place = place if role == DIRECTOR else f"{_at(message.beat or 0, message.round)}, {place}"
        number = 1 + sum(key[:3] == where and 0 < key[3] < _DECIDED for key in heard.said)
        heard.said[*where, number] = _Said(code, place, seq, {"asked": message.asked, "reply": message.reply})
    elif role == DIRECTOR:
        answer = {"planner": message.planner, "brief": _without_origins(_parsed(message.reply))}
        heard.said[*where, _DECIDED] = _Said(code, "the director answers", seq, answer)
    else:
        place = f"{_at(message.beat or 0, message.round)}, the planner of {role}"
        heard.said[*where, _DECIDED] = _Said(code, place, seq, {"planner": message.planner, "reply": message.reply})


def _hear_rest(heard: _Heard, record: Record) -> None:
    message = record.message
    if isinstance(message, Restored):
        heard.restored[message.region] = max(message.incarnation, heard.restored.get(message.region, 0))
    elif isinstance(message, DeadlinePassed):
        heard.late += 1
    elif isinstance(message, FilmOpened):
        heard.film = message
    elif isinstance(message, Merged):
        heard.cuts |= {cut.chunk: (cut.first, cut.last, cut.motion) for cut in message.chunks}
    elif isinstance(message, ChunkWritten):
        heard.frames[message.chunk] = message.frames


_COMPARED = frozenset(
    kind.__name__
    for kind in (
        *(TakeOpened, TakeResumed, TakeClosed, Aborted, Decided, BeatOpened, Proposed, Accepted, Objected, Ruled, Committed),
        *(Restored, DeadlinePassed, FilmOpened, Merged, ChunkWritten),
    )
)
"""Kinds of messages that say something of their own; the others repeat what was said, or are about processes."""
_MOST = 1000
"""After every round."""
_DECIDED = 10**6
"""After every exchange that led to a decision."""
_LAST = 10**9
"""After every beat."""
_END = (_LAST, 1, 0, 0)
"""Where a take's end stands."""


def _at(beat: int, round_: int) -> str:
    return f"beat {beat}, round {round_}" if round_ else f"beat {beat}"


def _order(role: str) -> int:
    return REGIONS.index(role) if role in REGIONS else len(REGIONS)


def _parsed(reply: str) -> Any:
    """A planner's answer as data, or as it is if it is none."""
    try:
        return json.loads(reply)
    except (ValueError, RecursionError):
        return reply


def _without_origins(data: Any) -> Any:
    """A brief or a beat without what a revision notes of the take that it revises: that is no difference between the two."""
    if not isinstance(data, dict):
        return data
    rest = {name: value for name, value in data.items() if name not in ("origin", "changes")}
    beats = rest.get("beats")
    return {**rest, "beats": [_without_origins(beat) for beat in beats]} if isinstance(beats, list) else rest


# ------------------------------------------------------------------------------------------------------------- causes


_ASIDE = frozenset({"take", "configuration", "versions", "parent"})
"""What is compared by itself, or follows from the rest."""


def _inputs(one: _Heard, two: _Heard) -> Iterator[Difference]:
    if one.opened is None or two.opened is None:
        if one.opened is not two.opened:
            yield Difference("D09", "one of the takes was not even opened")
        return
    pair = [{name: value for name, value in plain(each).items() if name not in _ASIDE} for each in (one.opened, two.opened)]
    lines = list(fields(pair[0], pair[1], ""))
    if revised := _revised(one, two):
        yield Difference.of("D01", revised[0], lines if len(lines) > 1 else ())
    elif one.opened.parent != two.opened.parent:
        parents = [each.opened.parent.take if each.opened and each.opened.parent else "none" for each in (one, two)]
        yield Difference.of("D01", "asked for otherwise", [f"parent: {' / '.join(parents)}", *lines])
    elif lines:
        yield Difference.of("D01", "asked for otherwise", lines)


def _revised(one: _Heard, two: _Heard) -> tuple[str, ...]:
    """That one of them revises the other, in words; nothing if neither does."""
    pairs = (("second", "first", two.opened, one.opened), ("first", "second", one.opened, two.opened))
    for which, other, child, parent in pairs:
        if child and parent and child.parent and child.parent.take == parent.take:
            return (f"the {which} revises the {other}: {shown(child.direction)}",)
    return ()


def _tables(one: _Heard, two: _Heard) -> Iterator[Difference]:
    texts = [each.opened.configuration if each.opened else {} for each in (one, two)]
    lines = []
    for name in sorted({*texts[0], *texts[1]}):
        if texts[0].get(name) == texts[1].get(name):
            continue
        if name not in texts[0] or name not in texts[1]:
            lines.append(f"{name}: only the {'second' if name in texts[1] else 'first'} has it")
            continue
        rows = [texts[n][name].splitlines() for n in (0, 1)]
        place = next((n for n, (a, b) in enumerate(zip(*rows, strict=False)) if a != b), min(len(rows[0]), len(rows[1])))
        there = [row[place].strip() if place < len(row) else "(the file ends)" for row in rows]
        lines.append(f"{name}, line {place + 1}: {apart(*there)}")
    if lines:
        yield Difference.of("D02", "made with other tables", lines)


def _software(one: _Heard, two: _Heard) -> Difference | None:
    names = sorted({*one.software, *two.software})
    differing = [name for name in names if one.software.get(name) != two.software.get(name)]
    if not differing:
        return None
    listed = [f"{name} {one.software.get(name, 'none')} / {two.software.get(name, 'none')}" for name in differing]
    return Difference("D03", f"made by other software: {', '.join(listed[:MOST_FIELDS])}")


def _first_apart(one: _Heard, two: _Heard) -> Difference | None:
    """The first thing that was said otherwise, or that only one of them holds though the other came to its end.

    Where a take was cut off, what it had no time to say is the difference only if there is no other.
    """
    cut_off = None
    for key in sorted({*one.said, *two.said}):
        mine, its = one.said.get(key), two.said.get(key)
        if mine is None or its is None:
            there = mine or its
            assert there is not None
            silent, which = (two, "second") if its is None else (one, "first")
            why = "says nothing of it" if silent.closed else "ends before that, the same up to there"
            records = (mine.seq if mine else 0, its.seq if its else 0)
            missing = Difference.of("D09", f"{there.place}: the {which} {why}", list(_end(silent)), records)
            if silent.closed:
                return missing
            cut_off = cut_off or missing
        elif mine.data != its.data or _bare(mine) != _bare(its):
            lines = [*fields(_opened_up(mine.data), _opened_up(its.data), "")]
            for before, after in zip(mine.tracks, its.tracks, strict=False):
                lines += _curves(before, after, mine.begins, its.begins)
            return Difference.of(mine.code, f"first difference: {mine.place}", lines, (mine.seq, its.seq))
    return cut_off


def _end(heard: _Heard) -> Iterator[str]:
    """How a take came to its end, if it did not simply finish."""
    said = heard.said.get(_END)
    if said is not None and said.data["outcome"] != "done":
        yield f"it ended as {said.data['outcome']}: {said.data['reason'] or 'no reason is given'}"


def _bare(said: _Said) -> tuple[Track, ...]:
    """The tracks, where a digest does not stand for them already."""
    return said.tracks if len(said.tracks) > 1 else ()


def _opened_up(data: Mapping[str, Any]) -> dict[str, Any]:
    """What was said, for a look at each field: the track's digest stands for what is told of the track itself."""
    return {name: _parsed(value) if name in ("reply", "asked") else value for name, value in data.items() if name != "track"}


def _first_keyframe(one: _Heard, two: _Heard) -> str:
    """The first keyframe of a proposal or a ruling that differs, in a line; empty if none does."""
    for key in sorted(one.said.keys() & two.said.keys()):
        mine, its = one.said[key], two.said[key]
        for before, after in zip(mine.tracks, its.tracks, strict=False):
            line = next(_curves(before, after, mine.begins, its.begins), None) if before != after else None
            if line is not None:
                return f"{mine.place}: {line}"
    return ""


def _committed_keyframe(one: Timeline | None, two: Timeline | None) -> str:
    """The first keyframe that a revision has changed, whatever was proposed on the way; empty if there is none."""
    for number, (mine, its) in enumerate(zip(one.beats if one else (), two.beats if two else (), strict=False)):
        for before, after in zip(mine.tracks, its.tracks, strict=True):
            line = next(_curves(before, after, mine.start, its.start), None) if before != after else None
            if line is not None:
                return f"beat {number}, {before.region}: {line}"
    return ""


def _curves(one: Track, two: Track, begins: float, its: float) -> Iterator[str]:
    """A line for each channel: its first keyframe that differs."""
    for mine, other in zip(one.curves, two.curves, strict=True):
        bare = [[key.model_copy(update={"source": 0}) for key in curve.keys] for curve in (mine, other)]
        if bare[0] == bare[1]:
            continue
        place = next((n for n, (a, b) in enumerate(zip(*bare, strict=False)) if a != b), min(map(len, bare)))
        there = [
            _key(keys[place], mine.channel, at) if place < len(keys) else "none"
            for keys, at in zip(bare, (begins, its), strict=True)
        ]
        counts = f" ({len(bare[0])} / {len(bare[1])} keyframes)" if len(bare[0]) != len(bare[1]) else ""
        yield f"{mine.channel}, keyframe {place + 1}: {there[0]} / {there[1]}{counts}"


def _key(key: Keyframe, channel: str, begins: float) -> str:
    return f"{key.value:g}{SIGNS[CHANNELS[channel].unit]} at {begins + key.time:.4f} s, {key.mode}"


# ------------------------------------------------------------------------------------------------------------- frames


def _filmed(one: _Heard, two: _Heard) -> Iterator[Difference]:
    if one.film is None or two.film is None:
        return
    pair = [{name: value for name, value in plain(film).items() if name != "span"} for film in (one.film, two.film)]
    lines = list(fields(pair[0], pair[1], ""))
    if lines:
        yield Difference.of("D10", "rendered otherwise", lines)
        return
    for chunk in sorted(one.frames.keys() & two.frames.keys()):
        cut = one.cuts.get(chunk)
        if cut is not None and cut == two.cuts.get(chunk) and one.frames[chunk] != two.frames[chunk]:
            yield Difference("D11", f"frames {cut[0]} to {cut[1] - 1} of the same motion came out as other pixels")
            return


def _unrendered(one: _Heard, two: _Heard) -> Iterator[str]:
    if (one.film is None) != (two.film is None):
        yield f"only the {'first' if two.film is None else 'second'} was rendered"
    elif one.film and two.film and one.cuts and two.cuts and one.film.span != two.film.span:
        yield "the frames were cut into other chunks, so their pixels are not compared"


def _course(which: str, heard: _Heard) -> Iterator[str]:
    """What befell a take on its way."""
    if heard.resumed:
        after = ", ".join(str(seq) for seq in heard.resumed[:4])
        yield f"the {which} was resumed (record {after})"
    elif heard.restored:
        named = ", ".join(f"{region} up to incarnation {number}" for region, number in sorted(heard.restored.items()))
        yield f"processes of the {which} were replaced: {named}"
    if heard.late:
        yield f"{heard.late} answer{'' if heard.late == 1 else 's'} of the {which} did not come in time"
