"""Acts on the take's own clock, and which of them a later one ends."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from configs.lexicon import Call, Kind, Lexicon
from protocol.brief import Side
from protocol.channels import REGIONS, Region

BEYOND = 10.0
"""Seconds past the end of the take at which an act ends that is never let go."""
SETTLES = 0.6
"""Seconds in which a feeling that is over by itself turns into what is left of it."""
SEEN = 1.0
"""Seconds for which what is left of a feeling has to be seen before something else begins, or there is none of it."""
REMAINDER = 0.3
"""Share of its strength that is left of an expression that only falters."""
BRIEF_GAP = 0.8
"""Seconds up to which something is not gone altogether that goes and comes back."""
LINGERS = 2.0
"""Seconds after a feeling is over by itself within which a freeze still holds it: "surprised, she freezes"."""
CHANGE = 1.12
"""Factor on its strength from which on a pose that is there already is another one."""
GLIMPSE = 0.6
"""Seconds that a glimpse of an expression lasts at most."""
SAME_TIME = 0.25
"""Acts that begin within so many seconds of each other are meant together; neither ends the other."""
ONE_WAY = frozenset({"yaw", "roll", "jaw"})
"""What is on one side at a time; brows, lids and the corners of a mouth have two."""
_GAZES = frozenset(
    {"look", "glance", "look_at_camera", "roll_eyes", "scan", "dart_eyes", "read", "widen_eyes", "squint", "wake_up"}
)


@dataclass(slots=True)
class Span:
    """An act of the take, in seconds from its start; `end` None until it is known.

    Attributes:
        call: the act with its strength, side and angles.
        kind: how it behaves.
        start: when it begins.
        end: when it is over.
        speed: factor on its pace.
        count: how often.
        regions: who performs it.
        words: the words that it comes from.
        step: number of its step.
        fixed: whether the direction says when it ends.
        kept: whether the direction asks for it to last, though it would be over by itself.
        released: whether it is being let go, and left to it.
        let_go: when it begins to be let go and at which pace, where the direction says: "ever so slowly, they open".
    """

    call: Call
    kind: Kind
    start: float
    end: float | None
    speed: float
    words: str
    step: int
    fixed: bool = False
    kept: bool = False
    released: bool = False
    let_go: tuple[float, float] | None = None
    regions: tuple[Region, ...] = REGIONS

    @property
    def name(self) -> str:
        """The act's name."""
        return self.call.name

    @property
    def leaks(self) -> bool:
        """Whether it is an instant of what part of a face cannot hide, and ends nothing that is there."""
        return self.end is not None and self.end - self.start <= GLIMPSE and self.regions != REGIONS

    @property
    def passes(self) -> float | None:
        """When a feeling is over that does not last of itself, if nothing has it last."""
        if self.kept or self.kind.hold != "keep" or self.kind.longest is None:
            return None
        return self.start + self.kind.longest / min(1.0, max(0.35, self.speed))

    @property
    def holds(self) -> bool:
        """Whether it is a pose rather than a passing movement."""
        return self.kind.hold in ("keep", "step", "span")


@dataclass(slots=True)
class Performance:
    """The acts of a take in the order in which they begin, each ended by what contradicts it."""

    lexicon: Lexicon
    total: float
    spans: list[Span] = field(default_factory=list)

    def active(self, at: float) -> list[Span]:
        """The poses that are held at a time."""
        return [span for span in self.spans if span.holds and span.start < at and (span.end is None or span.end > at)]

    def add(self, span: Span) -> None:
        """Let an act begin; what it contradicts ends there, and what is held already goes on."""
        for other in self.spans:
            if other.name != span.name or not _same(other.call, span.call):
                continue
            if other.passes is not None and other.passes < span.start:
                continue  # surprised once more
            goes_on = span.holds and other.start < span.start and (other.end is None or other.end > span.start)
            if goes_on and other.step != span.step and _grows(other.call, span.call):
                other.end, other.fixed = span.start, True  # "angry, then furious"
                continue
            if goes_on or abs(other.start - span.start) <= SAME_TIME:
                _prolong(other, span)
                return
        for other in self.active(span.start):
            if other.released:
                continue
            if span.start - other.start > SAME_TIME and not span.leaks and _contradicts(span, other, self.lexicon):
                other.end = span.start + _overlap(span, other)
                other.fixed = True
                if "lids" in other.kind.parts:  # who wakes with a start lifts the head too
                    self._wake(other, span.start)
        self.spans.append(span)

    def _wake(self, eyes: Span, at: float) -> None:
        """End what lies with closed eyes in the same words, such as the head of a sleeper."""
        for span in self.active(at):
            if span.words == eyes.words and span.step == eyes.step and {"pitch", "roll"} & set(span.kind.parts):
                span.end, span.fixed = at, True

    def release(self, groups: Iterable[str], at: float, over: float, pace: float = 1.0) -> list[Span]:
        """Let poses go at a time, to be over so many seconds later; all of them for the group "all"."""
        groups = tuple(groups)
        names = {name for group in groups for name in self.lexicon.acts.release[group]}
        gone = [span for span in self.active(at) if "all" in groups or span.name in names]
        for span in gone:
            span.end, span.fixed, span.released = at + over, True, True
            if pace != 1:
                span.let_go = (at, pace)
        return gone

    def comes_back(self, gone: Iterable[Span], start: float, over: float, back: float, step: int) -> None:
        """Let what is let go for a moment come back as it was; little of it is left meanwhile.

        Args:
            gone: what has been let go.
            start: when it begins to go.
            over: when it is gone.
            back: when it begins to come back.
            step: number of the step.
        """
        for span in gone:
            call = span.call.model_copy(update={"count": 0})
            there = replace(span, call=call, end=None, step=step, fixed=False, released=False, let_go=None)
            if back - over <= BRIEF_GAP:
                left = call.model_copy(update={"strength": call.strength * REMAINDER})
                self.spans.append(replace(there, call=left, start=start, end=back + over - start, fixed=True))
            self.spans.append(replace(there, start=back, speed=max(1.0, span.speed)))

    def finish(self, step: int, at: float) -> None:
        """End the poses of a step at a time."""
        for span in self.active(at):
            if span.step == step and span.kind.mood != 0:
                span.end = at
                span.fixed = True

    def undone(self, by: Iterable[str], side: Side, at: float, over: float) -> bool:
        """Let go what an act, or the entry that calls for it, takes back; whether there was anything, up to then at least.

        Args:
            by: the act and the entry.
            side: on which it does so; what is done on the other alone stays.
            at: when.
            over: so many seconds later it is gone.
        """
        names = {name for taking_back in by for name in self.lexicon.acts.undoes.get(taking_back, ())}
        there = [span for span in self.spans if span.holds and (span.end is None or span.end >= at)]
        gone = [span for span in there if span.name in names and at - span.start > SAME_TIME]
        gone = [span for span in gone if {span.call.side, side} != {"left", "right"}]
        for span in gone:
            span.end, span.fixed, span.released = at + over, True, True
        return bool(gone)

    def freeze(self, start: float, end: float) -> None:
        """Keep what is held when a freeze begins until it is over, and what its situation would have ended there."""
        for span in self.spans:
            cut_short = _ends_with_its_step(span) and span.end is not None and start - SAME_TIME <= span.end <= start
            if cut_short or span in self.active(start):
                span.kept = span.kept or span.passes is None or span.passes >= start - LINGERS
                if span.end is not None and span.end < end + SAME_TIME and (cut_short or not span.fixed):
                    span.end = end + SAME_TIME

    def finished(self) -> list[Span]:
        """All acts with an end, in the order in which they begin."""
        for span in list(self.spans):
            self._pass(span)
        for span in self.spans:
            if span.end is None:
                span.end = self.total + BEYOND
        return sorted(
            (span for span in self.spans if span.end is not None and span.end - span.start >= 0.05), key=lambda s: s.start
        )

    def _pass(self, span: Span) -> None:
        """Let a feeling be over that does not last of itself, and go on as what is left of it."""
        over, until = span.passes, span.end
        if over is None or (until is not None and until <= over + SAME_TIME):
            return
        span.end = over
        left = self.lexicon.acts.becomes.get(span.name)
        begins = over - SETTLES
        felt = [other for other in self.spans if other is not span and other.start < (until or self.total)]
        if any("state" in other.kind.parts and (other.end is None or other.end > begins) for other in felt):
            return
        if left is not None and (until is None or until - over >= SEEN):
            call = left.model_copy(update={"strength": left.strength * span.call.strength})
            self.spans.append(replace(span, call=call, kind=self.lexicon.kind(left.name), start=begins, end=until, speed=1.0,
                                      kept=True, regions=left.regions))  # fmt: skip


def _overlap(new: Span, old: Span) -> float:
    """Seconds for which an expression stays that another of the same mood slowly grows out of: it does not sink in between."""
    if new.speed >= 1 or not new.holds or not new.kind.mood == old.kind.mood != 0:
        return 0.0
    lets_go = max(0.0, 1 / max(0.2, old.speed) - 1)  # what was taken up slowly begins to go that much sooner
    return new.kind.onset / max(0.2, new.speed) + lets_go


def _contradicts(new: Span, old: Span, lexicon: Lexicon) -> bool:
    """Whether an act that begins ends one that is held."""
    if new.name in ("release", "relax"):
        return False
    if (
        "lids" in old.kind.parts
        and old.name in ("close_eyes", "squeeze_eyes", "droop_lids", "fall_asleep")
        and (new.name in _GAZES or new.name in lexicon.acts.opens_eyes)
    ):
        return True
    if old.step != new.step and old.name in lexicon.acts.ends.get(new.name, ()):
        return True
    if not new.holds:
        return False
    if new.name == "neutral":
        return old.kind.mood != 0 or bool({"state", "mouth", "brows", "lids"} & set(old.kind.parts))
    if new.kind.mood * old.kind.mood < 0:
        return True
    if new.kind.mood != 0 and old.name in lexicon.acts.fleeting:
        return True
    both = set(new.kind.parts) & set(old.kind.parts)
    if new.step == old.step and {new.call.side, old.call.side} == {"left", "right"}:
        both &= ONE_WAY  # "his left brow rises, his right brow drops"
    if new.kind.hold == "span":
        return old.kind.hold == "span" and bool(both)
    return bool(both)


def _ends_with_its_step(span: Span) -> bool:
    """Whether a pose is over when the next thing begins because its situation says so, and not the direction."""
    return span.holds and not span.released and span.call.until is not None and span.call.until >= 1


def _same(old: Call, new: Call) -> bool:
    """Whether two calls ask for one pose: same side (or none said) and the same line of sight."""
    return (old.side == new.side or "both" in (old.side, new.side)) and old.yaw == new.yaw and old.pitch == new.pitch


def _grows(old: Call, new: Call) -> bool:
    """Whether a pose that is there already is asked for with another strength."""
    return not 1 / CHANGE < new.strength / old.strength < CHANGE


def _prolong(old: Span, new: Span) -> None:
    """Let one pose stand for two that are the same."""
    if abs(old.start - new.start) <= SAME_TIME:
        side = new.call.side if old.call.side == "both" else old.call.side
        old.call = old.call.model_copy(update={"strength": max(old.call.strength, new.call.strength), "side": side})
    if new.end is None or (old.end is not None and new.end > old.end):
        old.end, old.fixed = new.end, new.fixed
    old.step = new.step
    old.kept = old.kept or new.kept


def own_time(kind: Kind, count: int, speed: float) -> float:
    """Seconds that a passing act takes: its natural time, as often as it is asked for, at its pace."""
    once = kind.seconds / min(2.0, max(0.4, speed))
    times = count or kind.often
    return once if times <= 1 else once * times * (1.25 if kind.seconds < 0.6 else 1.0)
