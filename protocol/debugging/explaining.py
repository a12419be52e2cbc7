"""Why a channel has its value at a time: everything that the journal tells about it, put together.

A value comes from the keyframes around it; these name the gesture and the words that they are for. The track that holds them
was proposed, perhaps revised because somebody objected, perhaps ruled on, and then committed: the same channel is read off
every one of those tracks at the same moment, so that it shows which of them changed it, and what for.

Nothing is worked out again here, so an explanation needs no planner and says what was, whatever this version would do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Literal

import numpy as np

from protocol.brief import Act, Beat, Brief
from protocol.channels import CHANNELS, INDEX, NAMES, REGIONS, Region, look_coefficients
from protocol.debugging.explanation import Complaint, Explanation, Key, Peer, Version, visible
from protocol.debugging.pages import Pages
from protocol.interpolation import sample_curve
from protocol.journal import Record
from protocol.keyframes import Curve, Keyframe, Source, Track, exact
from protocol.messages import (
    CRITIC,
    DIRECTOR,
    Accepted,
    BeatOpened,
    Committed,
    DeadlinePassed,
    Decided,
    Objected,
    Proposed,
    Restored,
    RoundOpened,
    Ruled,
    Rung,
    TakeOpened,
    Violation,
)
from protocol.reduction import TOLERANCES
from protocol.rules import Rule, RuleSet, sided
from protocol.timeline import last_values

NEAR = 0.35
"""Seconds around the span of a violation in which repairing it may change a curve: what is prepared and what dies away."""


class NothingThereError(ValueError):
    """The take has no such value: what there is instead."""


def angle_of(channel: str) -> str | None:
    """The eye angle that a derived coefficient is read off; None for a channel that is written itself."""
    if not CHANNELS[channel].derived:
        return None
    axis = "Yaw" if "LookIn" in channel or "LookOut" in channel else "Pitch"
    return f"eye{axis}{'Left' if channel.endswith('Left') else 'Right'}"


def brief_of(records: Iterable[Record]) -> Brief | None:
    """What the director made of the direction; None if the journal ends before that, or what it says is no brief."""
    for record in records:
        message = record.message
        if isinstance(message, Decided) and message.role == DIRECTOR and message.final:
            try:
                return Brief.model_validate_json(message.reply)
            except ValueError:
                return None
    return None


def excerpt(pages: Pages, time: float) -> list[Record]:
    """The records that explain a moment: few of a long take, so that the others need not be read.

    Args:
        pages: the journal.
        time: seconds of the take.

    Raises:
        JournalError: one of them breaks the rules of its kind.
    """
    kinds = [pages.kind(seq) for seq in range(1, len(pages) + 1)]
    start = [pages.record(1)] if kinds else []
    for seq in (seq for seq, kind in enumerate(kinds, 1) if kind == "Decided"):
        message = pages.record(seq).message
        if isinstance(message, Decided) and message.final:  # before it come exchanges with a language model, if it asked one
            start.append(pages.record(seq))
            break
    brief = brief_of(start)
    # Beats are opened one after the other, each once; where a journal has it otherwise, all of it is looked at.
    opened = [seq for seq, kind in enumerate(kinds, 1) if kind == "BeatOpened"]
    number = None if brief is None else max((n for n, beat in enumerate(brief.beats) if beat.start <= time), default=None)
    if brief is None or number is None:
        return list(pages)
    if number == len(opened) > 0 and brief.beats[number].start == time:
        number -= 1  # the later beat is not there yet, so the moment is still the earlier one's
    if number >= len(opened):
        return [*start, *(pages.record(seq) for seq in opened[-1:])]
    first, end = opened[number], opened[number + 1] if number + 1 < len(opened) else len(kinds) + 1
    beat = pages.record(first).message
    if not isinstance(beat, BeatOpened) or beat.beat != number:
        return list(pages)
    wanted = [seq for seq in range(1, end) if kinds[seq - 1] == "Restored" or (seq >= first and kinds[seq - 1] in _OF_BEAT)]
    return [*start, *(pages.record(seq) for seq in wanted)]


_OF_BEAT = frozenset(
    kind.__name__ for kind in (BeatOpened, Decided, Proposed, RoundOpened, Accepted, Objected, Ruled, Committed, DeadlinePassed)
)
"""Kinds of messages that a beat is agreed on with."""


def explain(records: Sequence[Record], rules: RuleSet, channel: str, time: float) -> Explanation:
    """Why a channel has its value at a time.

    Args:
        records: the journal, or an excerpt of it for this time.
        rules: the constraints of the take's configuration.
        channel: one of `protocol.channels.CHANNELS`.
        time: seconds of the take, from 0 up to its end.

    Raises:
        NothingThereError: the take ends before that, or the beat has no proposal of the channel's region.
    """
    past = _Past(channel, time)
    for record in records:
        past.hear(record)
    if past.beat is None:
        raise NothingThereError(_beyond(records, past, time))
    if not past.versions:
        raise NothingThereError(
            f"the journal ends before the {past.region} have proposed anything for beat {past.beat.beat}, in which {time:g} s "
            "lies"
        )
    return past.told(rules)


def _beyond(records: Sequence[Record], past: _Past, time: float) -> str:
    brief = brief_of(records)
    whole = None if brief is None else brief.seconds
    if whole is not None and time > whole:
        return f"the take is {whole:g} s long, so there is nothing at {time:g} s"
    reached = f"it reaches {past.reached:g} s" if past.reached else "no beat was begun"
    long = f"the take was to be {whole:g} s long, but " if whole is not None else ""
    return f"{long}the journal ends before {time:g} s is planned: {reached}"


class _Past:
    """The journal as far as it concerns one channel at one time.

    Args:
        channel: what was asked about.
        time: seconds of the take.
    """

    def __init__(self, channel: str, time: float) -> None:
        self.channel, self.time = channel, time
        self.written = angle_of(channel) or channel
        self.region: Region = CHANNELS[self.written].region
        self.beat: BeatOpened | None = None
        self.reached = 0.0
        self.versions: list[Version] = []
        self._tracks: list[Track] = []
        self._rounds: dict[int, RoundOpened] = {}
        self._objected: list[tuple[int, Objected]] = []
        self._accepted: dict[int, int] = {}
        self._incidents: list[str] = []
        self._opening: TakeOpened | None = None
        self._committed: Committed | None = None
        self._committed_at: int | None = None
        self._decided: Decided | None = None
        self._fallback = False
        self._open = False

    def hear(self, record: Record) -> None:
        """Take in a record."""
        message = record.message
        if isinstance(message, TakeOpened):
            self._opening = message
        elif isinstance(message, BeatOpened):
            self._opened(message)
        elif isinstance(message, Restored) and message.region == self.region:
            self._fallback = message.holder == "fallback"
            if self._open:
                who = "its fallback plays it" if self._fallback else "a new process plays it"
                self._incidents.append(f"{message.region} became incarnation {message.incarnation}: {who}")
        elif self._open:
            self._heard(record)

    def _opened(self, message: BeatOpened) -> None:
        intent = message.intent
        # A moment between two beats is the first of the later one; the very end of the take is the last one's.
        self._open = intent.start <= self.time <= intent.end
        self.reached = intent.end
        if not self._open:
            return
        self.beat = message
        self.versions, self._tracks, self._objected, self._incidents = [], [], [], []
        self._rounds, self._accepted = {}, {}
        self._committed, self._committed_at, self._decided = None, None, None

    def _heard(self, record: Record) -> None:
        message = record.message
        if isinstance(message, Proposed) and message.region == self.region:
            how: Literal["proposed", "revised"] = "revised" if message.round else "proposed"
            self._add(record.seq, how, message.round, message.track, message.why, message.incarnation)
        elif isinstance(message, Decided) and message.role == self.region and message.final:
            self._decided = message
        elif isinstance(message, RoundOpened):
            self._rounds[message.round] = message
        elif isinstance(message, Accepted):
            self._accepted[message.round] = self._accepted.get(message.round, 0) + 1
        elif isinstance(message, Objected):
            self._objected.append((record.seq, message))
        elif isinstance(message, DeadlinePassed) and message.region == self.region:
            self._incidents.append(f"{message.region} did not answer in time in round {message.round}")
        elif isinstance(message, Ruled):
            place = REGIONS.index(self.region)
            ruling = message.rulings[place]
            self._add(record.seq, "ruled", message.round, message.tracks[place], ruling.why, 0, ruling.rung)
        elif isinstance(message, Committed):
            self._committed, self._committed_at = message, record.seq

    def _add(
        self,
        seq: int,
        how: Literal["proposed", "revised", "ruled"],
        round_: int,
        track: Track,
        why: str,
        incarnation: int,
        rung: Rung | None = None,
    ) -> None:
        value = self._value(track.curve(self.written))
        ruled = how == "ruled"
        fallback, decided = self._fallback and not ruled, None if ruled else self._decided
        self.versions.append(Version(seq, how, round_, value, why, incarnation, fallback, rung, decided))
        self._tracks.append(track)

    def _value(self, curve: Curve) -> float:
        """A curve's value at the moment."""
        assert self.beat is not None
        return float(sample_curve(curve, np.array([self.time - self.beat.intent.start]))[0])

    # ------------------------------------------------------------------------------------------------- what comes of it

    def told(self, rules: RuleSet) -> Explanation:
        """All of it put together."""
        assert self.beat is not None
        intent, track = self.beat.intent, self._tracks[-1]
        at = self.time - intent.start
        curve = track.curve(self.written)
        value = self.versions[-1].value
        asked, reads = value, None
        if self.channel != self.written:
            samples = np.zeros((len(NAMES), 1))
            samples[INDEX[self.written]] = value
            look_coefficients(samples)
            asked, reads = float(samples[INDEX[self.channel], 0]), (self.written, value)
        around = _around(curve, at)
        keys = tuple(
            Key(intent.start + key.time, key.value, key.mode, source, act_of(intent, source))
            for key in around
            for source in (track.sources[key.source],)
        )
        nearest = sorted(curve.keys, key=lambda key: abs(key.time - at))
        sources = dict.fromkeys(track.sources[key.source] for key in nearest)
        complaints = self._complaints({rule.id: rule for rule in rules.rules})
        return Explanation(
            channel=self.channel,
            time=self.time,
            value=asked,
            reads=reads,
            begins=self.beat,
            start=last_values(self.beat.end_state)[self.written],
            keys=keys,
            count=len(curve.keys),
            others=tuple(source for source in sources if source not in {key.source for key in keys}),
            limits=tuple(each for each in intent.limits if self.written in each.channels and each.start <= at <= each.end),
            stills=tuple(each for each in intent.stills if each.start <= at <= each.end),
            versions=tuple(self._answered(complaints)),
            kept=tuple(each for each in complaints if each.violation.yields != self.region and self._reads(each)),
            origin=self._origin(),
            as_before=self._as_before(at),
            incidents=tuple(self._incidents),
            committed=self._committed_at,
            agreed=next((n for n in sorted(self._accepted, reverse=True) if self._accepted[n] >= len(REGIONS)), None)
            if self._committed is not None and not self._committed.ruled
            else None,
        )

    def _origin(self) -> tuple[str, int] | None:
        """The take that this one revises, and which beat of it the beat was."""
        assert self.beat is not None
        origin, parent = self.beat.intent.origin, self._opening.parent if self._opening else None
        return None if origin is None or parent is None else (parent.take, origin.beat)

    def _as_before(self, at: float) -> bool:
        """Whether the region does what it did in the take that is revised."""
        assert self.beat is not None
        origin = self.beat.intent.origin
        return origin is not None and (self.region in origin.same or not origin.until < at < origin.since)

    def _complaints(self, rules: Mapping[str, Rule]) -> list[Complaint]:
        """Everything that was objected to in the beat, one of each round and constraint."""
        assert self.beat is not None
        begins = self.beat.intent.start
        found: dict[tuple[int, str], list[tuple[int, str, Violation]]] = {}
        for seq, message in self._objected:
            for violation in message.violations:
                # What the critic misses opens a round, in which the region that is to do more takes it up.
                round_ = message.round + (message.role == CRITIC)
                found.setdefault((round_, violation.constraint), []).append((seq, message.role, violation))
        complaints = []
        for (round_, constraint), said in found.items():
            mine = [violation for _, _, violation in said if self.written in violation.channels]
            worst = max(mine or [violation for _, _, violation in said], key=lambda v: abs(v.measured - v.bound))
            local = worst.model_copy(update={"start": exact(begins + worst.start), "end": exact(begins + worst.end)})
            by = tuple(dict.fromkeys(role for _, role, _ in said))
            rule = rules.get(constraint)
            complaints.append(Complaint(said[0][0], round_, by, local, rule, self._peers(round_, worst, rule)))
        return complaints

    def _peers(self, round_: int, violation: Violation, rule: Rule | None) -> tuple[Peer, ...]:
        """The channels of other regions that a violated rule reads, those that move most over the span first."""
        table = self._rounds.get(round_)
        if table is None:
            return ()
        assert self.beat is not None
        at = self.time - self.beat.intent.start
        moving = []
        for name in _read(violation, rule):
            known = CHANNELS[name]
            if known.derived or known.region == self.region:
                continue
            track = table.tracks[REGIONS.index(known.region)]
            curve = track.curve(name)
            middle = (violation.start + violation.end) / 2
            values = sample_curve(curve, np.array([at, violation.start, middle, violation.end]))
            size = max(abs(float(value)) for value in values) / TOLERANCES[known.unit]
            source = track.sources[_around(curve, middle)[-1].source]
            moving.append((size, Peer(name, float(values[0]), source)))
        return tuple(peer for _, peer in sorted(moving, key=lambda pair: -pair[0]))

    def _answered(self, complaints: Sequence[Complaint]) -> list[Version]:
        """The versions, each with what it answers: what concerns the channel here, or all of it if its value changed."""
        answered = []
        for number, version in enumerate(self.versions):
            if version.how == "proposed":
                answered.append(version)
                continue
            changed = abs(version.value - self.versions[number - 1].value) > visible(self.written)
            own = [each for each in complaints if each.round == version.round and each.violation.yields == self.region]
            if version.how == "ruled":
                told = {(each.round, each.violation.constraint) for earlier in answered for each in earlier.complaints}
                last = [each for each in complaints if each.round == version.round and self._touches(each)]
                own = [each for each in last if changed and (each.round, each.violation.constraint) not in told]
            near = [each for each in own if self._touches(each) and self._near(each)]
            answered.append(replace(version, complaints=tuple(near or (own if changed else ()))))
        return answered

    def _touches(self, complaint: Complaint) -> bool:
        """Whether a constraint reads the channel, or lets it give way."""
        gives = {name for given in (complaint.rule.gives if complaint.rule else ()) for name in sided(given)}
        return self.written in complaint.violation.channels or self.written in gives

    def _reads(self, complaint: Complaint) -> bool:
        """Whether the channel is part of what was broken around the moment."""
        return self._near(complaint) and self.written in _read(complaint.violation, complaint.rule)

    def _near(self, complaint: Complaint) -> bool:
        return complaint.violation.start - NEAR <= self.time <= complaint.violation.end + NEAR


def act_of(intent: Beat, source: Source) -> Act | None:
    """The act of a beat that keyframes are for; None if nobody asked for them."""
    return next((act for act in intent.acts if (act.name, act.words) == (source.gesture, source.words)), None)


def _read(violation: Violation, rule: Rule | None) -> dict[str, None]:
    """The channels that a violated rule reads, on the side of the face where it is broken if it has one."""
    names = [*violation.channels, *(name for each in (rule.names() if rule else ()) for name in sided(each))]
    return dict.fromkeys(name for name in names if name in CHANNELS and not _across(name, violation.channels))


def _across(channel: str, others: Sequence[str]) -> bool:
    """Whether a channel is of one side of the face, and the others all of the other side."""
    known = CHANNELS[channel]
    sides = {name.removeprefix(CHANNELS[name].stem) for name in others}
    return known.stem != channel and "" not in sides and channel.removeprefix(known.stem) not in sides


def _around(curve: Curve, at: float) -> list[Keyframe]:
    """The keyframe at or before a time of the beat and the one after it, as far as there are such."""
    before = [key for key in curve.keys if key.time <= at]
    after = [key for key in curve.keys if key.time > at]
    return [*before[-1:], *after[:1]]
