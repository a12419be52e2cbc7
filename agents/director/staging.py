"""The steps of a take played in order: acts begin and end, freezes hold, limits are set."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from agents.director.cues import Cue
from agents.director.performance import BEYOND, Performance, Span, own_time
from agents.director.steps import Moment, Step
from configs.lexicon import Call, Kind, Lexicon
from protocol.brief import Limit, Still
from protocol.channels import both_sides
from protocol.keyframes import exact

LEAD = 0.2
"""Seconds before the first movement of a take, so that its onset is seen."""
TAIL = 0.25
"""Seconds that letting go takes after a pose of a given length."""
ONE_OF_SEVERAL = 0.7
BETWEEN = 0.35
"""Seconds that a pose is held, and seconds of rest after it, when it is asked for several times."""
TAKEN_BACK = 0.6
"""Seconds in which a pose is let go that another act takes back."""
_BRISK = 2.5
_LETS_GO = 0.9
_OPENS_EYES = 0.35
"""Seconds in which an expression is let go, and in which eyes open."""
GOING = 0.4
"""Share of a dip in which what is let go for a moment goes."""
QUICKEST = 0.25
"""Seconds that it takes at least."""
SEEN_GONE = 0.75
"""Seconds for which it is seen to be gone, before it comes back: within less, one expression only hands over to the next."""
_MOST_REPEATS = 60


@dataclass(frozen=True, slots=True)
class Placed:
    """A moment on the take's clock.

    Attributes:
        moment: the cue.
        step: number of its step.
        start: when it begins, in seconds.
        until: when the next step begins, or the take ends.
    """

    moment: Moment
    step: int
    start: float
    until: float

    @property
    def room(self) -> float:
        """Seconds left of its step."""
        return self.until - self.start


def placed_moments(steps: Sequence[Step], starts: Sequence[float], total: float) -> list[Placed]:
    """All moments with their times, in the order in which they are played."""
    placed = []
    for number, step in enumerate(steps):
        until = starts[number + 1] if number + 1 < len(steps) else total
        lead = LEAD if number == 0 and step.when is None and total > 1.5 else 0.0
        room = max(0.1, until - starts[number])
        for moment in step.moments:
            lag = min(moment.lag, room * 0.6)
            start = starts[number] + (0.0 if moment.cue.does in ("still", "spare") else max(0.0, lag + lead))
            placed.append(Placed(moment, number, start, until))
    # A freeze is looked at last, when the poses of its step are known.
    return sorted(placed, key=lambda p: (p.step, p.moment.cue.does == "still", p.start))


class Stage:
    """A take in the playing.

    Attributes:
        performance: its acts.
        stills: its freezes.
        limits: what is not to move.
    """

    def __init__(self, lexicon: Lexicon, steps: Sequence[Step], placed: Sequence[Placed], total: float) -> None:
        self._lexicon = lexicon
        self._steps = steps
        self._placed = placed
        self._total = total
        self._pace: dict[int, float] = {}
        self.performance = Performance(lexicon, total)
        self.stills: list[Still] = []
        self.limits: list[Limit] = []

    def play(self) -> None:
        """Play every moment."""
        over = 0
        for item in self._placed:
            for step in range(over, item.step):
                if self._steps[step].ends:
                    self.performance.finish(step, item.start)
            over = item.step
            cue = item.moment.cue
            if cue.does == "act":
                self._act(item, self._merged(item))
            elif cue.does == "release":
                self._release(item)
            elif cue.does == "still":
                self._freeze(item)
            elif cue.does == "spare":
                self.limits.extend(self._spared(item))

    def _last(self, item: Placed) -> bool:
        return item.step == len(self._steps) - 1

    def _speed(self, item: Placed) -> float:
        """The pace of a moment: its own, or for "by the time ..." that of the step before where it is slower."""
        speed = item.moment.cue.speed
        if self._steps[item.step].inherits:
            speed = min(speed, self._pace.get(item.step - 1, speed))
        self._pace[item.step] = min(self._pace.get(item.step, speed), speed)
        return speed

    def _act(self, item: Placed, calls: Sequence[Call]) -> None:
        speed = self._speed(item)
        times = item.moment.cue.count
        if times > 1 and any(call.until is not None and call.until < 1 for call in calls):
            self._rounds(item, calls, times)
            return
        for call in calls:
            kind = self._lexicon.kind(call.name)
            if call.name == "neutral" and not (item.moment.cue.event or self.performance.active(item.start)):
                continue  # nothing to make neutral
            over = TAKEN_BACK / min(2.0, max(0.3, speed))
            if self.performance.undone((call.name, item.moment.cue.entry), call.side, item.start, over):
                continue
            for at in call.at:
                from_start = item.moment.throughout and not item.moment.onwards
                start = 0.0 if from_start else item.start + at * item.room
                if self._said_end(item, call, kind, start) is None and call.count and not _repeats(call, kind):
                    self._one_by_one(item, call, kind, start, speed * call.speed)
                else:
                    self._once(item, call, kind, start, speed * call.speed)

    def _rounds(self, item: Placed, calls: Sequence[Call], times: int) -> None:
        """Several acts one after the other, all of them so many times: "looks up and down three times"."""
        each = item.room / times
        cue = replace(item.moment.cue, count=0)
        plain = [call.model_copy(update={"count": 0}) for call in calls]
        for number in range(times):
            start = item.start + number * each
            self._act(replace(item, moment=replace(item.moment, cue=cue), start=start, until=start + each), plain)

    def _once(self, item: Placed, call: Call, kind: Kind, start: float, pace: float) -> None:
        cue = item.moment.cue
        end = self._said_end(item, call, kind, start)
        fixed = end is not None
        if cue.brief is not None:
            pace = max(pace, _BRISK if cue.brief <= 0.6 else 1.5)
        elif kind.hold != "own":
            pace = max(pace, kind.onset / (0.8 * max(0.4, item.room)))  # however slow, it is to be seen
        elif call.count > 1:
            pace = max(pace, own_time(kind, call.count, 1.0) / max(0.5, 0.95 * item.room))
        if end is None and (kind.hold == "own" or (call.count and kind.hold == "span")):
            end, fixed = start + own_time(kind, call.count, pace), True
        elif end is None and kind.hold in ("step", "span"):
            end, fixed = self._step_end(item, kind, start)
        span = Span(call, kind, start, end, min(4.0, max(0.1, pace)), cue.words, item.step, fixed=fixed, regions=call.regions)
        span.kept = cue.lasts or (fixed and call.until is None)
        self.performance.add(span)
        if item.moment.every and end is not None:
            self._every(span, end - start, item.moment.every, min(item.until, self._total))

    def _said_end(self, item: Placed, call: Call, kind: Kind, start: float) -> float | None:
        """When an act is over by what the direction or the situation says, if they do."""
        cue, until = item.moment.cue, item.moment.until
        if until is not None and until < 0:
            until += self._total
        if cue.brief is not None:
            return start + cue.brief
        if item.moment.throughout:
            return self._total + BEYOND
        if until is not None and until > start:
            return until
        if item.moment.share is not None and item.moment.share * self._total > start:
            return item.moment.share * self._total
        if cue.length is not None and kind.hold != "own":
            return start + cue.length + TAIL
        if call.until is None:
            return None
        return self._total + BEYOND if call.until >= 1 and self._last(item) else item.start + call.until * item.room

    def _step_end(self, item: Placed, kind: Kind, start: float) -> tuple[float, bool]:
        """When an act is over that lasts for its step, and whether that is for good."""
        end = item.until
        if self._last(item):
            end = self._total + BEYOND if kind.hold == "step" else self._total
        if kind.longest is not None and end - start > kind.longest:
            return start + kind.longest, True
        return max(end, start + min(kind.seconds, 1.0)), False

    def _one_by_one(self, item: Placed, call: Call, kind: Kind, start: float, pace: float) -> None:
        """Something that is asked for several times and does not repeat of itself."""
        once = kind.seconds if kind.hold == "own" else min(kind.seconds, ONE_OF_SEVERAL)
        each = min((once + BETWEEN) / min(2.0, max(0.4, pace)), max(0.3, item.room / call.count))
        for number in range(call.count):
            begin = start + number * each
            self.performance.spans.append(
                Span(
                    call.model_copy(update={"count": 0}),
                    kind,
                    begin,
                    begin + each * once / (once + BETWEEN),
                    min(4.0, max(1.5, pace)),
                    item.moment.cue.words,
                    item.step,
                    fixed=True,
                    regions=call.regions,
                )
            )

    def _every(self, span: Span, length: float, every: float, until: float) -> None:
        """Further times of something that is to happen every so many seconds."""
        for number in range(1, _MOST_REPEATS):
            start = span.start + number * every
            if start + min(length, 0.5) > until:
                break
            self.performance.spans.append(replace(span, start=start, end=start + length))

    def _release(self, item: Placed) -> None:
        cue, speed = item.moment.cue, self._speed(item)
        parts = {
            part for group in cue.of for name in self._lexicon.acts.release[group] for part in self._lexicon.kind(name).parts
        }
        natural = _OPENS_EYES if "eyes" in cue.of else _LETS_GO
        over = min(max(0.25, item.room), natural / min(2.5, max(0.25, speed)))
        if any(parts & self._parts(after.moment.cue) for after in self._placed if after.step == item.step + 1):
            over = min(over, max(0.3, 0.6 * item.room))  # it is seen to be over before it comes again
        dip = self._dip(cue)
        if dip is not None:
            over = min(over, max(QUICKEST, GOING * dip))
        pace = _BRISK if dip is not None and dip < 2 else min(2.5, max(0.25, speed))
        gone = self.performance.release(cue.of, item.start, over, pace)
        if not gone:
            self._act(item, cue.calls)
        elif dip is not None:
            self.performance.comes_back(gone, item.start, item.start + over, item.start + max(dip, over + SEEN_GONE), item.step)
        elif "all" in cue.of:
            call, end = Call(name="release"), item.start + over
            kind = self._lexicon.kind(call.name)
            self.performance.spans.append(Span(call, kind, item.start, end, speed, cue.words, item.step, fixed=True))

    def _dip(self, cue: Cue) -> float | None:
        """Seconds for which what is let go is gone and then comes back: "her smile falters for a moment"."""
        return None if "all" in cue.of else cue.brief or cue.length

    def _freeze(self, item: Placed) -> None:
        if self._excepted(item):
            self.limits.extend(self._all_but(item))
            return
        cue = item.moment.cue
        end = item.until if cue.length is None else min(self._total, item.start + cue.length)
        start = self._settled(item, end)
        if end > start and not any(still.start <= start and still.end >= end for still in self.stills):
            self.performance.freeze(start, end)
            self.stills.append(Still(start=exact(start), end=exact(end), words=cue.words))

    def _settled(self, item: Placed, end: float) -> float:
        """When a freeze begins: once the poses that belong to its own step are taken up."""
        taken = [
            span.start + span.kind.onset + 0.2
            for span in self.performance.spans
            if span.step == item.step and span.start >= item.start and span.holds
        ]
        return min(max([item.start, *taken]), end)

    def _excepted(self, item: Placed) -> bool:
        """Whether something is said to move all the same: "motionless, only his eyes move", "the rest of the face is still"."""
        words = set(item.moment.cue.words.lower().split())
        others = any(other.step == item.step and other.moment.cue.does == "act" for other in self._placed)
        if words & {"rest", "else", "other", "otherwise"} and others:
            return True
        return any(
            other.step == item.step
            and other.moment.cue.does == "act"
            and {"only", "just", "except", "but"} & set(other.moment.cue.words.lower().split())
            for other in self._placed
        )

    def _all_but(self, item: Placed) -> list[Limit]:
        """Limits for every part of the face that nothing in the step asks to move."""
        mine = [other.moment.cue for other in self._placed if other.step == item.step]
        parts = {part for cue in mine for part in self._parts(cue)}
        tables = self._lexicon.acts
        groups = [group for group in ("brows", "head", "mouth", "eyes") if not parts & set(tables.spare_parts[group])]
        bounds = {name: most for group in groups for name, most in tables.spare[group].items()}
        return spared_limit(bounds, exact(item.start), exact(item.until), item.moment.cue.words)

    def _spared(self, item: Placed) -> list[Limit]:
        """What is not to move, until the direction asks for it after all."""
        cue = item.moment.cue
        channels: dict[str, float] = dict(cue.spared)
        parts: set[str] = set()
        for group in cue.of:
            channels.update(self._lexicon.acts.spare[group])
            parts.update(self._lexicon.acts.spare_parts[group])
        if len(cue.of) > 2:  # most of the face, which a feeling asks for
            parts.add("state")
        if cue.denied:
            parts.update(part for call in self._lexicon.calls(cue.entry) for part in self._lexicon.kind(call.name).parts)
        later = [p.start for p in self._placed if p.step > item.step and parts & self._parts(p.moment.cue)]
        first = self._first_spared(item, parts)
        start = 0.0 if first == 0 else item.start if first == item.step else self._began(first)
        end = min([self._total, *later])
        if cue.length is not None:
            end = min(end, start + cue.length)
        return spared_limit(channels, exact(start), exact(end), cue.words) if channels and end > start else []

    def _first_spared(self, item: Placed, parts: set[str]) -> int:
        """The first step in which something is not to move, of all those of which that is said."""
        first = item.step
        while item.moment.whole is not None and first > 0 and self._steps[first - 1].sentence >= item.moment.whole:
            if any(parts & self._parts(moment.cue) for moment in self._steps[first - 1].moments):
                break
            first -= 1
        return first

    def _began(self, step: int) -> float:
        return min(other.start for other in self._placed if other.step == step)

    def _parts(self, cue: Cue) -> set[str]:
        return {part for call in cue.calls for part in self._lexicon.kind(call.name).parts}

    def _merged(self, item: Placed) -> tuple[Call, ...]:
        """The calls of a cue; two states at the same time that make a third are given as that one by the first of them."""
        cue = item.moment.cue
        if cue.entry not in self._lexicon.states or len(cue.calls) != 1 or cue.denied:
            return cue.calls
        for other in self._placed:
            mate = other.moment.cue
            if (
                other is item
                or other.step != item.step
                or mate.entry not in self._lexicon.states
                or not mate.calls
                or mate.denied
                or (mate.brief is None) != (cue.brief is None)
            ):
                continue
            for compound in self._lexicon.acts.compounds:
                if {cue.entry, mate.entry} == set(compound.of):
                    if (item.start, cue.place) > (other.start, mate.place):
                        return ()
                    strength = max(cue.calls[0].strength, mate.calls[0].strength)
                    return (cue.calls[0].model_copy(update={"name": compound.name, "strength": strength}),)
        return cue.calls


def _repeats(call: Call, kind: Kind) -> bool:
    """Whether a gesture does by itself what is asked for: its repetitions, or once."""
    return kind.repeats or kind.hold == "span" or (call.count == 1 and kind.hold == "own")


def spared_limit(channels: dict[str, float], start: float, end: float, words: str) -> list[Limit]:
    """Limits for channels and bounds, one for each bound, smallest first."""
    bounds: dict[float, list[str]] = {}
    for name, most in channels.items():
        bounds.setdefault(most, []).extend(both_sides(name))
    return [
        Limit(channels=tuple(names), most=float(most), start=start, end=end, words=words)
        for most, names in sorted(bounds.items())
    ]
