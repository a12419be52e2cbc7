"""What flesh adds to a shape that comes, stays and goes.

Parts of it start and let go one after the other, a turn of the head is wound up for, what has come sinks a little, and
what is held stirs. All of it lies below the shape's own size, so that it keeps whatever bound the shape keeps, and follows
from the act and the seed of its move alone: it goes on over a beat's end.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property

from agents.chance import Chance
from agents.performance import Move
from configs.gestures import Gesture, Liveliness
from protocol.channels import CHANNELS
from protocol.keyframes import Keyframe, key

_SHUT = 0.85
"""Closure of a lid from which on it is shut, and does not stir."""
_ROOM = 0.15
"""Seconds before a shape is let go in which it does not turn any more."""
_UNHURRIED = 1.2
"""Seconds of an act from which on its parts take all their time to follow each other."""


@dataclass(frozen=True)
class Flesh:
    """What is added to one move.

    Attributes:
        lively: how much of everything.
        move: whose.
        gesture: what it performs.
        soonest: seconds by which the first of all parts comes later than the start.
    """

    lively: Liveliness
    move: Move
    gesture: Gesture
    soonest: float
    _drawn: dict[tuple[str, str], tuple[float, float]] = field(init=False, repr=False, compare=False, default_factory=dict)
    _turns: list[tuple[float, float]] = field(init=False, repr=False, compare=False, default_factory=list)

    @cached_property
    def _stirring(self) -> Chance:
        return Chance("held", self.move.seed)

    @property
    def flashes(self) -> bool:
        """Whether it is asked for only as long as a micro-expression lasts."""
        return self.gesture.lasts is None and self.move.act.end - self.move.act.start <= self.lively.flash

    def late(self, channel: str) -> float:
        """Seconds by which a part comes later than the first."""
        act = self.move.act
        if self.gesture.aim:
            return 0.0
        hurried = min((act.end - act.start) / _UNHURRIED, 1.0) / max(act.speed, 1.0)
        if self.flashes:
            hurried *= 0.3
        ready = self.lively.ready * 0.6 if self.gesture.prepare else 0.0
        chance = self._lots("late", channel)[0] * self.lively.spread
        if self.gesture.lag:
            return (ready + chance) * hurried
        return (ready + self.lively.lag(channel) - self.soonest + chance) * hurried

    def wound_up(self, channel: str, value: float, start: float) -> tuple[Keyframe, ...]:
        """Keyframes of a small movement the other way before a large turn of the head; none of anything else."""
        known = CHANNELS[channel]
        turns = known.region == "head" and known.unit == "degree" and abs(value) >= self.lively.wind_up_from
        looks = self.gesture.aim is not None and self.gesture.aim.who == "eyes"
        if not turns or looks or self.gesture.lasts is not None or self.gesture.prepare:
            return ()
        ready = self.lively.ready / max(self.move.act.speed * self.move.pace, 0.5)
        return (key(start, 0, "min_jerk"), key(start + ready, -self.lively.wind_up * value, self.gesture.rise))

    def held(self, channel: str, value: float, top: float, until: float) -> tuple[Keyframe, ...]:
        """What becomes of a value that is held from one time to another; the last keyframe lies at the end of it."""
        known = CHANNELS[channel]
        share, takes = self.lively.settle
        if known.unit == "cm" or (channel.startswith("eyeBlink") and value > _SHUT) or until - top < takes + _ROOM:
            return ()
        # All parts turn at the same times, each by its own share: one breath goes through the whole shape.
        own = 0.6 + (1 - 0.6) * self._lots("held", channel)[0]
        at, level = top + takes, value * (1 - share)
        keys = [key(at, level, "smooth")]
        while True:
            after, goal = self._turn(len(keys) - 1)
            at += after
            if at > until - _ROOM:
                break
            level = value * (1 - share - self.lively.stir * own * goal)
            keys.append(key(at, level, "smooth"))
        return (*keys, key(until, level, "hold"))

    def let_go(self, channel: str, at: float, takes: float, top: float, least: float) -> tuple[float, float]:
        """When a part is let go, and how long it then takes, each part in its own time."""
        if self.flashes or self.gesture.aim or self.gesture.lasts is not None:
            return at, takes
        release, slower = self._lots("let go", channel)
        sooner = self.lively.release * release
        length = max(takes * (0.88 + (1.06 - 0.88) * slower), least)
        return max(at - min(sooner, 0.25 * takes), top + 0.001), length

    def _lots(self, purpose: str, channel: str) -> tuple[float, float]:
        """Two chances of a part, alike on both sides of the face."""
        drawn = (purpose, _part(channel))
        if drawn not in self._drawn:
            chance = Chance(purpose, self.move.seed, drawn[1])
            self._drawn[drawn] = chance.share(), chance.share()
        return self._drawn[drawn]

    def _turn(self, number: int) -> tuple[float, float]:
        """How long after the one before what is held turns for a time, and where it goes then."""
        while number >= len(self._turns):
            after = self._stirring.between(*self.lively.every)
            low, high = (-0.2, 0.35) if len(self._turns) % 2 else (0.35, 1)
            self._turns.append((after, self._stirring.between(low, high)))
        return self._turns[number]


def _part(channel: str) -> str:
    """The name of a channel without any side: what is done to the right is the mirror of what is done to the left."""
    return channel.removesuffix("Left").removesuffix("Right")
