"""Where eyes and head point, and how they get there together.

The eyes are there first: one saccade, and the head follows a moment later. While it does, the eyes turn back against it, so
that the line of sight stays where it has arrived (the vestibulo-ocular reflex). A target beyond the reach of the eyes takes
a second saccade when the head has nearly come.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from configs.gestures import Aim
from protocol.brief import Act
from protocol.gaze import saccade_seconds
from protocol.keyframes import Keyframe, Mode, key, leaving

HEAD_PACE = 70.0
"""Degrees per second by which a larger turn of the head takes longer; people turn at 50 to 100."""
SOON = 0.35
"""Seconds after one target within which the next still takes over from it."""
FARTHEST = 34.0
"""Degrees that eyes turn sideways in the head for a moment, before it comes after them (35: LaValle 2023)."""
_POINTS = (0.2, 0.35, 0.5, 0.65, 0.8, 1.0)
"""Shares of the head's time at which the eyes' way against it is written down."""
_APART = 0.004
"""Seconds that keyframes lie apart at least."""
_SPARE = 1.5
"""Degrees: a target is in reach with so many to spare, and a remainder of so many is not jumped after."""
_LID_FOLLOWS = ((8.0, 0.0), (16.0, 0.22), (28.0, 0.43))
"""Degrees of lowered gaze and how far the upper lid has come down with it (M)."""


@dataclass(frozen=True, slots=True)
class Course:
    """How the head is expected to turn on one axis for one act: when, for how long, how far; and back, if it goes back.

    Attributes:
        start, seconds: of the way there.
        size: degrees.
        back, back_seconds: of the way back; None if it stays.
    """

    start: float
    seconds: float
    size: float
    back: float | None = None
    back_seconds: float = 1.0

    def at(self, time: float) -> float:
        """Degrees at a time."""
        if self.back is None or time <= self.back:
            return self.size * _min_jerk((time - self.start) / self.seconds)
        return self.size * (1 - _min_jerk((time - self.back) / self.back_seconds))


@dataclass(frozen=True, slots=True)
class Heading:
    """Where the head is expected to point on one axis: all its courses together, and what is left of the last beat."""

    courses: tuple[Course, ...]

    def at(self, time: float) -> float:
        """Degrees at a time."""
        return sum(course.at(time) for course in self.courses)

    @property
    def times(self) -> list[float]:
        """Times at which its way is written down, in order."""
        found = [course.start + share * course.seconds for course in self.courses for share in _POINTS]
        found += [one.back + share * one.back_seconds for one in self.courses if one.back is not None for share in _POINTS]
        return sorted(found)


def course_of(keys: tuple[Keyframe, ...]) -> Course:
    """The course of keyframes that come from rest, stay, and may go back to it."""
    top = max(range(len(keys)), key=lambda n: (abs(keys[n].value), -n))
    begun = keys[top - 1]
    there = Course(begun.time, max(keys[top].time - begun.time, 0.01), keys[top].value)
    if keys[-1].value:
        return there
    return replace(there, back=keys[-2].time, back_seconds=max(keys[-1].time - keys[-2].time, 0.01))


def goal_of(act: Act, aim: Aim) -> tuple[float, float]:
    """Yaw and pitch where an act points: as it says, else as the gesture does, to the act's side."""
    if act.yaw or act.pitch:
        return act.yaw, act.pitch
    if act.side == "both":
        return aim.yaw, aim.pitch
    return (abs(aim.yaw) if act.side == "left" else -abs(aim.yaw)), aim.pitch


def head_part(aim: Aim, goal: float, *, head: bool) -> float:
    """Degrees of a goal that fall to the head, if it takes part."""
    if aim.who == "head":
        return goal
    beyond = max(abs(goal) - aim.head_from, 0.0) * aim.head_share
    return (beyond if goal > 0 else -beyond) if head else 0.0


def eyes_ahead(
    goal: float,
    reach: tuple[float, float],
    start: float,
    head: Heading,
    leave: float | None,
    profile: Mode,
    *,
    home: bool = True,
) -> list[Keyframe]:
    """The eyes in the head while they look at a goal and the head comes after them, and home again.

    Args:
        goal: degrees in the world.
        reach: smallest and largest angle of the eyes in the head.
        start: when they jump.
        head: where that is expected to be.
        leave: when they jump home, before the head goes there; None if they stay.
        profile: of a saccade.
        home: they leave for straight ahead in the world; else for whatever else they are to look at.
    """
    keys = [key(start, 0, "smooth")]
    _jump(keys, start, lambda time: _within(goal - head.at(time), reach), profile)
    target = keys[-1].value + head.at(keys[-1].time)
    for time in head.times:
        if leave is not None and time >= leave:
            break
        near = _within(goal - head.at(time), (reach[0] + _SPARE, reach[1] - _SPARE))
        if abs(target - goal) > _SPARE and abs(near + head.at(time) - goal) < 1e-9:
            _jump(keys, time, lambda time: _within(goal - head.at(time), reach), profile)
            target = goal
        else:
            _add(keys, time, _within(target - head.at(time), reach))
    keys[-1] = leaving(keys[-1], "hold")
    if leave is None:
        return keys
    if not home:
        _jump(keys, leave, lambda _: 0.0, profile)
        keys[-1] = leaving(keys[-1], "hold")
        return keys
    # The line of sight goes home first, the head after it.
    _jump(keys, leave, lambda time: _within(-head.at(time), reach), profile)
    for time in head.times:
        _add(keys, time, _within(-head.at(time), reach))
    keys[-1] = key(keys[-1].time, 0.0, "hold")
    return keys


def _jump(keys: list[Keyframe], start: float, where: Callable[[float], float], profile: Mode) -> None:
    """Add a saccade to where the eyes are to be when they land, as early as what is before it allows."""
    _add(keys, start, keys[-1].value)
    keys[-1] = leaving(keys[-1], profile)
    start = keys[-1].time
    takes = saccade_seconds(abs(where(start) - keys[-1].value))
    keys.append(key(start + takes, where(start + takes), "smooth"))


def _add(keys: list[Keyframe], time: float, value: float) -> None:
    """Add a keyframe if it comes after the last one."""
    if time > keys[-1].time + _APART:
        keys.append(key(time, value, "smooth"))


def lowered(degrees: float) -> float:
    """How far the upper lid sinks with a gaze that is so many degrees down."""
    if degrees <= _LID_FOLLOWS[0][0]:
        return 0.0
    (low, least), *rest = _LID_FOLLOWS
    for high, most in rest:
        if degrees <= high:
            return least + (most - least) * (degrees - low) / (high - low)
        low, least = high, most
    return least


def _within(value: float, reach: tuple[float, float]) -> float:
    return min(max(value, reach[0]), reach[1])


def _min_jerk(u: float) -> float:
    u = min(max(u, 0.0), 1.0)
    return u * u * u * (10 - 15 * u + 6 * u * u)
