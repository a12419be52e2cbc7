"""A take's journal as a conversation that a person can follow.

Each line says who, what and why in plain words; numbers are in the channels' units. Revised proposals say what they changed.
Of the frames it is told what went wrong and what they came to: chunks that are simply rendered and written have no lines.
"""

from __future__ import annotations

import textwrap

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from protocol.brief import Act, Brief
from protocol.channels import CHANNELS, REGIONS, SIGNS
from protocol.coordinator_state import COMMIT_AS_PROPOSED, CRITIC_OBJECTS
from protocol.exchanges import told
from protocol.journal import Record
from protocol.keyframes import Curve, Track
from protocol.messages import (
    COORDINATOR,
    CRITIC,
    DIRECTOR,
    OF_CRITIC,
    Aborted,
    Accepted,
    BeatOpened,
    ChunkAssigned,
    ChunkFailed,
    ChunkLost,
    ChunkRendered,
    ChunkWritten,
    Committed,
    Cut,
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
    Violation,
)

WIDTH = 118
_NAMES = 8
"""The width of the column of names."""


@dataclass
class _Frames:
    """What has become of the frames since the take was opened or resumed.

    Attributes:
        cuts: the chunks by number.
        written: how many of them are in the video.
        renderers: who rendered something.
        known: every renderer that was there.
        again: chunks that were handed out more than once.
    """

    cuts: dict[int, Cut] = field(default_factory=dict)
    written: int = 0
    renderers: set[str] = field(default_factory=set)
    known: set[str] = field(default_factory=set)
    again: set[int] = field(default_factory=set)

    def note(self, record: Record) -> None:
        """Take in a record."""
        message = record.message
        if isinstance(message, Merged):
            self.cuts |= {cut.chunk: cut for cut in message.chunks}
        elif isinstance(message, ChunkAssigned) and message.attempt > 1:
            self.again.add(message.chunk)
        elif isinstance(message, ChunkRendered):
            self.renderers.add(record.sender)
        elif isinstance(message, ChunkWritten):
            self.written += 1

    def span(self, chunk: int) -> str:
        """The frames of a chunk."""
        cut = self.cuts.get(chunk)
        return f"frames {cut.first} to {cut.last - 1}" if cut else f"chunk {chunk}"

    def summary(self) -> Iterator[str]:
        """What they came to, in a line; none if there are none."""
        if not self.cuts:
            return
        cuts = [self.cuts[chunk] for chunk in sorted(self.cuts)]
        total = sum(cut.last - cut.first for cut in cuts)
        done = sum(cut.last - cut.first for cut in cuts[: self.written])
        frames, chunks = (
            (f"{done}", f"{len(cuts)}") if done == total else (f"{done} of {total}", f"{self.written} of {len(cuts)}")
        )
        again = f", {len(self.again)} handed out again" if self.again else ""
        by = f" by {counted(len(self.renderers), 'renderer')}" if self.renderers else ""
        yield f"frames: {frames} in {chunks} chunk{'' if chunks == '1' else 's'}{by}{again}"


@dataclass
class Conversation:
    """Turns records into lines.

    Args:
        reasons: why each constraint holds, by its id.
        region: only lines that concern this region; None for all.
        numbers: show the place of each record in the journal.
        parties: the regions that each constraint is about, by its id.
    """

    reasons: Mapping[str, str] = field(default_factory=dict)
    region: str | None = None
    numbers: bool = False
    parties: Mapping[str, Sequence[str]] = field(default_factory=dict)
    _beat: BeatOpened | None = None
    _tracks: dict[str, Track] = field(default_factory=dict)
    _votes: list[str] = field(default_factory=list)
    _revised: dict[str, list[str]] = field(default_factory=dict)
    _objected_to: set[str] = field(default_factory=set)
    _explained: set[str] = field(default_factory=set)
    _frames: _Frames = field(default_factory=_Frames)
    _versions: Mapping[str, str] = field(default_factory=dict)
    _filming: bool = False
    _closed: bool = False

    def lines(self, record: Record) -> Iterator[str]:
        """The lines that a record adds."""
        place = f"{record.seq:>5}  " if self.numbers else ""
        for line in self._said(record):
            under = " " * (len(place) + _hanging(line))
            wrapped = textwrap.wrap(line, WIDTH, initial_indent=place, subsequent_indent=under, break_on_hyphens=False)
            yield from wrapped or [""]

    def _said(self, record: Record) -> Iterator[str]:
        message = record.message
        self._frames.note(record)
        if isinstance(message, TakeOpened):
            self._versions = message.versions
            yield from _opened(message)
        elif isinstance(message, Decided) and not message.final:
            yield from self._asked(message)
        elif isinstance(message, Decided) and message.role == DIRECTOR:
            yield from _briefed(message.reply)
        elif isinstance(message, BeatOpened):
            self._beat, self._tracks = message, {}
            yield ""
            yield f"beat {message.beat}  {message.intent.start:.2f}-{message.intent.end:.2f} s  {message.intent.summary}"
            yield from _intent(message)
            yield from _origin(message)
        elif isinstance(message, Proposed):
            yield from self._proposed(message)
        elif isinstance(message, RoundOpened):
            self._votes, self._objected_to = [], set()
            if self.region is None and message.round > 1:
                yield f"  round {message.round}:"
            yield from self._revisions()
        elif isinstance(message, Accepted):
            yield from self._accepted(message)
        elif isinstance(message, Objected):
            yield from self._objected(message)
        elif isinstance(message, Ruled):
            yield from self._ruled(message)
        elif isinstance(message, Committed):
            yield f"  committed{' as ruled' if message.ruled else ''}: {message.digest[:12]}"
        else:
            yield from self._incident(message, record)

    def _asked(self, message: Decided) -> Iterator[str]:
        if message.role == DIRECTOR:
            yield f"director asks {told(message)}"
        elif self._concerns(message.role):
            yield f"  {message.role:<{_NAMES}}{does(message.role, 'ask')} {told(message)}"

    def _concerns(self, *roles: str) -> bool:
        return self.region is None or self.region in roles

    def _proposed(self, message: Proposed) -> Iterator[str]:
        before = self._tracks.get(message.region)
        self._tracks[message.region] = message.track
        if not self._concerns(message.region):
            return
        fallback = f" (incarnation {message.incarnation})" if message.incarnation > 1 else ""
        verb = does(message.region, "revise" if message.round else "propose")
        said = [f"  {message.region:<{_NAMES}}{verb}{fallback}: {message.why}"]
        changes = _changes(before, message.track) if before else _shape(message.track)
        said += [f"  {'':<{_NAMES}}  {changes}"] if changes else []
        if message.round:
            self._revised[message.region] = said  # told with the round in which it is on the table
        else:
            yield from said

    def _accepted(self, message: Accepted) -> Iterator[str]:
        self._votes.append(message.role)
        if self.region is not None:
            if self._concerns(message.role):
                yield f"  {message.role:<{_NAMES}}{does(message.role, 'accept')}"
        elif len(self._votes) == len(REGIONS):
            yield "  all four accept"

    def _objected(self, message: Objected) -> Iterator[str]:
        begins = self._beat.intent.start if self._beat else 0.0  # a journal may hold anything, and is to be readable still
        for line in merged(message.violations, begins):
            yielding = line.violation.yields
            if not self._concerns(message.role, yielding):
                continue
            others = [party for party in self.parties.get(line.violation.constraint, ()) if party != yielding]
            who = f"{yielding} {does(yielding, 'yield')}{' to ' + ' and '.join(others) if others else ''}"
            name = line.violation.constraint
            if name.startswith(OF_CRITIC):
                yield self._missing(message.role, line)
                continue
            if name in self._objected_to:
                yield f"  {message.role:<{_NAMES}}{does(message.role, 'object')} to the same: {name}"
                continue
            self._objected_to.add(name)
            yield f"  {message.role:<{_NAMES}}{does(message.role, 'object')}: {line.text}; {who}"
            if name in self.reasons and name not in self._explained:
                self._explained.add(name)
                yield f"  {'':<{_NAMES}}  because {self.reasons[name]}"

    def _missing(self, role: str, line: Line) -> str:
        """What the critic hardly sees of what is asked for; or that a region has taken that up."""
        act = line.violation.constraint.removeprefix(OF_CRITIC)
        if role != CRITIC:
            return f"  {role:<{_NAMES}}{does(role, 'take')} up what is missed: {act.replace('_', ' ')}"
        acts = self._beat.intent.acts if self._beat else ()
        words = next((one.words for one in acts if one.name == act and one.words), "")
        text, yields = line.text + (f' ("{words}")' if words else ""), line.violation.yields
        return f"  {role:<{_NAMES}}objects: {text}; {yields} {'are' if yields in _SEVERAL else 'is'} to do more"

    def _revisions(self) -> Iterator[str]:
        for region in REGIONS:
            yield from self._revised.pop(region, [])

    def _ruled(self, message: Ruled) -> Iterator[str]:
        yield from self._revisions()
        yield f"  no agreement after round {message.round}; the coordinator rules:"
        for ruling, track in zip(message.rulings, message.tracks, strict=True):
            if self._concerns(ruling.region):
                before = self._tracks.get(ruling.region)
                changes = _changes(before, track) if before else ""
                yield f"  {'':<{_NAMES}}{ruling.region} {ruling.rung}, {ruling.why}{': ' + changes if changes else ''}"

    def _incident(self, message: object, record: Record) -> Iterator[str]:
        if isinstance(message, DeadlinePassed) and self._concerns(message.region):
            yield f"  {message.region:<{_NAMES}}{'do' if message.region in _SEVERAL else 'does'} not answer in time"
        elif isinstance(message, Rejoined) and self._concerns(message.region):
            yield f"  {message.region:<{_NAMES}}a new process asks to be let in ({message.nonce})"
        elif isinstance(message, Restored) and self._concerns(message.region):
            who = "its fallback plays it" if message.holder == "fallback" else "it goes on"
            yield f"  {message.region:<{_NAMES}}is now incarnation {message.incarnation}; {who}, older ones are fenced"
        elif isinstance(message, Discarded) and self._concerns(message.role):
            yield f"  {message.role:<{_NAMES}}is not heard ({message.what}): {message.reason}"
        elif isinstance(message, Aborted):
            yield f"  {COORDINATOR} gives up: {message.error}"
        elif isinstance(message, TakeClosed):
            self._closed = True
            yield ""
            if self._concerns():
                yield from self._frames.summary()
            reason = f": {message.reason}" if message.reason else ""
            beats = counted(message.beats, "beat")
            yield f"take {message.outcome} after {beats}, {record.seq} messages{reason}"
        elif isinstance(message, TakeResumed):
            yield from self._resumed(message)
        elif self._concerns():
            yield from self._filmed(message, record.sender)

    def _resumed(self, message: TakeResumed) -> Iterator[str]:
        """The take goes on: what the frames had come to if nobody has said it yet, and what is new."""
        yield ""
        if not self._closed and self._concerns():
            yield from self._frames.summary()
        names = dict.fromkeys([*self._versions, *message.versions])
        differing = [name for name in names if self._versions.get(name) != message.versions.get(name)]
        changed = [f"{name} {message.versions.get(name, 'gone')}, was {self._versions.get(name, 'none')}" for name in differing]
        software = f" with other software ({'; '.join(changed)})" if changed else ""
        again = ", frames are rendered again" if self._filming else ""
        yield f"take resumed by new processes{software}; what was agreed on stands{again}"
        self._frames, self._versions, self._closed = _Frames(), message.versions, False

    def _filmed(self, message: object, sender: str) -> Iterator[str]:
        if isinstance(message, FilmOpened):
            self._filming = True
            yield f"to be rendered by {message.renderer}, {message.width} x {message.height} pixels"
        elif isinstance(message, RendererChanged):
            reason = f": {message.reason}" if message.reason else ""
            back = message.to == "ready" and message.renderer in self._frames.known
            became = {"ready": "answers again" if back else "joins", "quiet": "does not answer", "gone": "is gone"}
            self._frames.known.add(message.renderer)
            yield f"  {message.renderer} {became[message.to]}{reason}"
        elif isinstance(message, ChunkFailed):
            yield f"  {sender} cannot render {self._frames.span(message.chunk)}, attempt {message.attempt}: {message.error}"
        elif isinstance(message, ChunkLost):
            yield f"  {self._frames.span(message.chunk)} are lost after they were rendered: {message.reason}"
        elif isinstance(message, FilmFailed):
            yield f"  the video cannot be finished: {message.error}"


_SEVERAL = ("brows", "eyes")
"""Regions that are spoken of in the plural."""


def counted(count: int, what: str) -> str:
    """So many of something."""
    return f"{count} {what}{'' if count == 1 else 's'}"


def does(role: str, verb: str) -> str:
    """A verb that agrees with who does it."""
    return verb if role in _SEVERAL else verb + "s"


def _hanging(line: str) -> int:
    """How far the rest of a long line is indented."""
    return (len(line) - len(line.lstrip())) + (4 if line.startswith("  ") else 2)


_FLAGS = {"idle": "with idle motion", COMMIT_AS_PROPOSED: "first proposals committed as they are"}
_PLOT = "In each beat four regions propose how they move, object to what does not fit, and revise until all four accept."
_LEGEND = (
    "(1 is a full movement, strength 1 the natural one; yaw and roll > 0 go to the subject's left, pitch > 0 up; eye angles "
    "are within the head; one value is the largest that is reached, a..b the extremes, a -> b from the start to the end)"
)


def _opened(message: TakeOpened) -> Iterator[str]:
    yield f'{message.take}: "{textwrap.shorten(message.direction, 300)}"'
    if message.parent is not None:
        words = ", then ".join(f'"{textwrap.shorten(one, 100)}"' for one in message.parent.directions)
        yield f"a revision of {message.parent.take}, which was made of {words}"
    asked = f"{message.seconds:g} s asked for, " if message.seconds else ""
    flags = "".join(f", {_FLAGS.get(flag, flag)}" for flag in message.flags if flag != CRITIC_OBJECTS)
    yield f"{asked}seed {message.seed}, {message.fps} frames per second, {message.rounds} rounds at most per beat{flags}"
    if message.language_model is not None:
        yield f"planned by the language model {message.language_model.model} at {message.language_model.host}"
    if COMMIT_AS_PROPOSED not in message.flags:
        yield _PLOT
    yield _LEGEND


def _briefed(reply: str) -> Iterator[str]:
    try:
        brief = Brief.model_validate_json(reply)
    except ValueError:
        yield "director answers with what is no brief"
        return
    read = "; ".join(f'"{words}" as {meaning}' for words, meaning in brief.understood)
    yield f"director understands {read}" if read else "director understands nothing that a face can do"
    for change in brief.changes:
        if change not in read:
            yield f"director changes: {change}"
    for remark in brief.remarks:
        yield f"director remarks: {remark}"
    if brief.unread:
        yield "director cannot read " + ", ".join(f'"{words}"' for words in brief.unread)


def _intent(message: BeatOpened) -> Iterator[str]:
    acts = []
    for act in message.intent.acts:
        side = f" ({act.side})" if act.side != "both" and not act.yaw else ""
        strength = f" at {act.strength:g}" if act.strength != 1 else ""
        goes_on = "still " if act.start < 0 else ""
        acts.append(f"{goes_on}{act.name.replace('_', ' ')}{side}{_aimed(act)}{strength}")
    if acts:
        yield f"  {'asked:':<{_NAMES}}{', '.join(acts)}"
    for limit in message.intent.limits:
        yield f'  {"":<{_NAMES}}not more than {limit.most:g} of {", ".join(limit.channels)} ("{limit.words}")'
    for still in message.intent.stills:
        yield f'  {"":<{_NAMES}}nothing moves from {still.start:g} to {still.end:g} s ("{still.words}")'


def _origin(message: BeatOpened) -> Iterator[str]:
    """What a beat of a revision has of the take that is revised."""
    origin = message.intent.origin
    if origin is not None:
        kept = f"; {', '.join(origin.same)} keep what they did" if origin.same else ""
        yield f"  {'was:':<{_NAMES}}beat {origin.beat} of the take that is revised{kept}"


def _aimed(act: Act) -> str:
    """Where gaze or head go, and how often."""
    sideways = f" {abs(act.yaw):g}° {'left' if act.yaw > 0 else 'right'}" if act.yaw else ""
    upward = f" {abs(act.pitch):g}° {'up' if act.pitch > 0 else 'down'}" if act.pitch else ""
    return sideways + upward + (f" x{act.count}" if act.count else "")


@dataclass(frozen=True, slots=True)
class Line:
    """What is said of a constraint that is broken, and the worst place of it."""

    violation: Violation
    text: str


def merged(found: Sequence[Violation], begins: float) -> list[Line]:
    """One line per constraint: both sides of the face, and both ends of a bound, in one.

    Args:
        found: what is broken.
        begins: seconds of the take at which its beat begins.
    """
    lines: dict[str, list[Violation]] = {}
    for violation in found:
        lines.setdefault(violation.constraint, []).append(violation)
    result = []
    for constraint, group in lines.items():
        worst = max(group, key=lambda v: abs(v.measured - v.bound))
        start, end = begins + min(v.start for v in group), begins + max(v.end for v in group)
        stems = dict.fromkeys(CHANNELS[name].stem for v in group for name in v.channels)
        unit = SIGNS[CHANNELS[worst.channels[0]].unit]
        if constraint.startswith(OF_CRITIC):
            act, seen = constraint.removeprefix(OF_CRITIC).replace("_", " "), "not" if worst.measured < 0.15 else "hardly"
            text = f"{act} between {start:.2f} and {end:.2f} s is {seen} seen, {worst.measured:.2f} of {worst.bound:g}"
        elif constraint.startswith("gaze"):
            text = f"{constraint} between {start:.2f} and {end:.2f} s: the gaze sweeps with the head for {worst.measured:.2f} s"
        else:
            over = "above" if worst.measured > worst.bound else "below"
            places = 2 if _number(worst.measured) != _number(worst.bound) else 5
            measured, bound = _number(worst.measured, places), _number(worst.bound, places)
            what = f"{' + '.join(stems)} is {measured}{unit}, {over} {bound}{unit}"
            text = f"{constraint} between {start:.2f} and {end:.2f} s: {what}"
        result.append(Line(worst, text))
    return result


def _span(curve: Curve) -> tuple[float, float]:
    values = [key.value for key in curve.keys]
    return min(values), max(values)


def _shape(track: Track) -> str:
    """What a track does, in a line: the extremes of the channels that it moves."""
    moved: dict[str, tuple[float, float]] = {}
    fading: dict[str, str] = {}
    for curve in track.curves:
        low, high = _span(curve)
        stem, seen = CHANNELS[curve.channel].stem, _visible(curve.channel)
        if max(abs(low), abs(high)) >= seen:
            before = moved.get(stem, (low, high))
            moved[stem] = (min(before[0], low), max(before[1], high))
            first, last = curve.keys[0].value, curve.keys[-1].value
            if abs(first) >= max(abs(low), abs(high)) - seen and abs(last - first) >= seen:
                fading[stem] = f"{_number(first)} -> {_number(last)}{SIGNS[CHANNELS[curve.channel].unit]}"
    return _listed({stem: fading.get(stem) or _extreme(stem, span) for stem, span in moved.items()})


def _changes(before: Track, after: Track) -> str:
    """What a revision changed, in a line: the extremes of the channels before and after."""
    changed: dict[str, str] = {}
    for old, new in zip(before.curves, after.curves, strict=True):
        if old.keys == new.keys:
            continue
        stem = CHANNELS[new.channel].stem
        unit = SIGNS[CHANNELS[new.channel].unit]
        (low, high), (new_low, new_high) = _span(old), _span(new)
        if abs(new_low - low) + abs(new_high - high) < _visible(new.channel):
            changed.setdefault(stem, "slightly")
        else:
            changed[stem] = f"{_between(new_low, new_high)}{unit} instead of {_between(low, high)}{unit}"
    return _listed(changed)


def _visible(channel: str) -> float:
    return 0.03 if CHANNELS[channel].unit == "share" else 0.3


def _extreme(stem: str, span: tuple[float, float]) -> str:
    channel = next(c for c in CHANNELS.values() if stem in (c.name, c.stem))
    unit = SIGNS[channel.unit]
    low, high = span
    if low < -_visible(channel.name) and high > _visible(channel.name):
        return f"{_between(low, high)}{unit}"
    return f"{_number(low if abs(low) > abs(high) else high)}{unit}"


def _number(value: float, places: int = 2) -> str:
    return f"{round(value, places) + 0.0:.{places}f}"  # adding 0 takes the sign off a zero


def _between(low: float, high: float) -> str:
    first, last = _number(low), _number(high)
    return first if first == last else f"{first}..{last}"


def _listed(parts: Mapping[str, str], most: int = 12) -> str:
    shown = [f"{stem} {text}" for stem, text in list(parts.items())[:most]]
    return ", ".join(shown) + (f", and {len(parts) - most} more" if len(parts) > most else "")
