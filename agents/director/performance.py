"""Acts on the take's own clock, and which of them a later one ends."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from configs.lexicon import Call, Kind, Lexicon
from protocol.channels import REGIONS, Region

BEYOND = 10.0
"""Seconds past the end of the take at which an act ends that is never let go."""
SAME_TIME = 0.25
"""Acts that begin within so many seconds of each other are meant together; neither ends the other."""
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
    released: bool = False
    let_go: tuple[float, float] | None = None
    regions: tuple[Region, ...] = REGIONS

    @property
    def name(self) -> str:
        """The act's name."""
        return self.call.name

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
            goes_on = span.holds and other.start < span.start and (other.end is None or other.end > span.start)
            if goes_on or abs(other.start - span.start) <= SAME_TIME:
                _prolong(other, span)
                return
        for other in self.active(span.start):
            if other.released:
                continue
            if span.start - other.start > SAME_TIME and _contradicts(span, other, self.lexicon):
                other.end = span.start
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

    def finish(self, step: int, at: float) -> None:
        """End the poses of a step at a time."""
        for span in self.active(at):
            if span.step == step and span.kind.mood != 0:
                span.end = at
                span.fixed = True

    def undone(self, name: str, at: float, over: float) -> bool:
        """Let go what an act takes back; whether there was anything."""
        names = self.lexicon.acts.undoes.get(name, ())
        gone = [span for span in self.active(at) if span.name in names and at - span.start > SAME_TIME]
        for span in gone:
            span.end, span.fixed, span.released = at + over, True, True
        return bool(gone)

    def freeze(self, start: float, end: float) -> None:
        """Keep what is held when a freeze begins until it is over."""
        for span in self.active(start):
            if span.end is not None and span.end < end + SAME_TIME and not span.fixed:
                span.end = end + SAME_TIME

    def finished(self) -> list[Span]:
        """All acts with an end, in the order in which they begin."""
        for span in self.spans:
            if span.end is None:
                span.end = self.total + BEYOND
        return sorted(
            (span for span in self.spans if span.end is not None and span.end - span.start >= 0.05), key=lambda s: s.start
        )


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
    if new.kind.hold == "span":
        return old.kind.hold == "span" and bool(set(new.kind.parts) & set(old.kind.parts))
    return bool(set(new.kind.parts) & set(old.kind.parts))


def _same(old: Call, new: Call) -> bool:
    """Whether two calls ask for one pose: same side (or none said) and the same line of sight."""
    return (old.side == new.side or "both" in (old.side, new.side)) and old.yaw == new.yaw and old.pitch == new.pitch


def _prolong(old: Span, new: Span) -> None:
    """Let one pose stand for two that are the same."""
    if abs(old.start - new.start) <= SAME_TIME:
        side = new.call.side if old.call.side == "both" else old.call.side
        old.call = old.call.model_copy(update={"strength": max(old.call.strength, new.call.strength), "side": side})
    if new.end is None or (old.end is not None and new.end > old.end):
        old.end, old.fixed = new.end, new.fixed
    old.step = new.step


def own_time(kind: Kind, count: int, speed: float) -> float:
    """Seconds that a passing act takes: its natural time, as often as it is asked for, at its pace."""
    once = kind.seconds / min(2.0, max(0.4, speed))
    times = count or kind.often
    return once if times <= 1 else once * times * (1.25 if kind.seconds < 0.6 else 1.0)
