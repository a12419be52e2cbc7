"""Eyes and a turning head: hold the target, then jump.

While the head turns, the vestibulo-ocular reflex turns the eyes against it with a gain near 1, so that the line of sight
stays on its target; if the turn is meant to look somewhere else, one saccade takes the gaze there early and the eyes turn
back in their sockets while the head catches up (Freedman 2008). A saccade of A degrees takes 21 + 2.2 A ms (Carpenter 1988).
"""

from __future__ import annotations

import numpy as np

from numpy.typing import NDArray

from protocol.channels import INDEX
from protocol.constraints import Check, Samples, gaze, head_turning, runs, sweeping
from protocol.rules import Drift

REACH_YAW = 30.0
"""Degrees that the eyes turn sideways in the head before they wait for it."""
REACH_DOWN, REACH_UP = -22.0, 20.0
"""Degrees that they turn down and up."""
SMALL = 3.0
"""Degrees of gaze shift over a turn of the head below which the gaze simply stays where it was."""
STRIDE = 15.0
"""Degrees by which the gaze jumps at least while the head drags it along: smaller jumps in quick succession would look like
a sweep at low frame rates."""
_PAUSE = 0.3
"""Seconds; turns of the head closer together than this are one movement, such as a nod or a shake."""
_LEAD = 1 / 30
"""Seconds by which an episode starts before the frame that first shows the turn: speeds look back that far."""

Row = NDArray[np.float64]


def saccade_seconds(degrees: float) -> float:
    """How long a saccade of a size takes."""
    return 0.021 + 0.0022 * degrees


def hold_and_jump(samples: Samples, check: Check, rate: float, first: int) -> None:
    """Turn the eyes so that the gaze no longer sweeps along with the head.

    Args:
        samples: the motion; the rows of the eye angles are changed in place, after frame `first` only.
        check: the rule, with its margins.
        rate: frames per second.
        first: the frame at which the beat starts.
    """
    rule = check.rule
    assert isinstance(rule, Drift)
    sweeps = sweeping(samples, rate, rule, check.margins.drift, strict=True) > rule.seconds + check.allowance
    if not sweeps[first + 1 :].any():
        return
    slow = rule.slow * (1 - check.margins.drift) / 2
    turning = head_turning(samples, rate) > slow * slow * 0.7
    head_yaw, head_pitch = samples[INDEX["headYaw"]], samples[INDEX["headPitch"]]
    yaw, pitch = (row.copy() for row in gaze(samples))
    meant_yaw, meant_pitch = yaw.copy(), pitch.copy()
    count = samples.shape[1]
    for begun, ended in _episodes(turning, round(_PAUSE * rate), round(_LEAD * rate)):
        start, stop = max(begun, first), min(ended, count - 1)
        if stop <= start or not sweeps[start : stop + 1].any():
            continue
        _follow(yaw, pitch, head_yaw, head_pitch, (meant_yaw[stop], meant_pitch[stop]), start, stop, rate)
        _settle(yaw, pitch, meant_yaw, meant_pitch, stop, rate)
    for side in ("Left", "Right"):
        for axis, now, meant in (("Yaw", yaw, meant_yaw), ("Pitch", pitch, meant_pitch)):
            samples[INDEX[f"eye{axis}{side}"], first + 1 :] += (now - meant)[first + 1 :]


def _episodes(turning: NDArray[np.bool_], pause: int, lead: int) -> list[tuple[int, int]]:
    """Stretches of turning, those with short pauses between them joined."""
    joined: list[tuple[int, int]] = []
    for start, stop in runs(turning):
        if joined and start - joined[-1][1] < pause:
            joined[-1] = (joined[-1][0], stop)
        else:
            joined.append((max(start - lead, 0), stop))
    return joined


def _follow(
    yaw: Row, pitch: Row, head_yaw: Row, head_pitch: Row, goal: tuple[float, float], start: int, stop: int, rate: float
) -> None:
    """Gaze over one movement of the head: held, with as few saccades toward the goal as the reach of the eyes allows."""
    at = (float(yaw[start]), float(pitch[start]))
    frame = start
    moves = _apart(at, goal) > SMALL
    # Eyes that are meant to end farther round than they like to go may go there.
    yaws = _reach(goal[0] - float(head_yaw[stop]), -REACH_YAW, REACH_YAW)
    pitches = _reach(goal[1] - float(head_pitch[stop]), REACH_DOWN, REACH_UP)

    def aim_from(frame: int) -> tuple[float, float]:
        """Where the gaze goes: to the goal, or as far toward it as is worth a saccade; else it stays where it is."""
        turn, lift = float(head_yaw[frame]), float(head_pitch[frame])
        target = goal if moves else at
        return (
            _aim_along(at[0], target[0], turn + yaws[0], turn + yaws[1]),
            _aim_along(at[1], target[1], lift + pitches[0], lift + pitches[1]),
        )

    while frame <= stop:
        aim = aim_from(frame)
        if _apart(at, aim) <= SMALL:
            yaw[frame], pitch[frame] = at
            frame += 1
            continue
        span = max(round(saccade_seconds(_apart(at, aim)) * rate), 1)
        # Where the head will be when the eyes arrive decides how far they can go.
        aim = aim_from(min(frame + span, stop))
        for step in range(span + 1):
            if frame + step > stop:
                break
            share = _min_jerk(step / span)
            yaw[frame + step] = at[0] + (aim[0] - at[0]) * share
            pitch[frame + step] = at[1] + (aim[1] - at[1]) * share
        frame += span + 1
        at = aim


def _settle(yaw: Row, pitch: Row, meant_yaw: Row, meant_pitch: Row, stop: int, rate: float) -> None:
    """After the head has come to rest, a small corrective saccade to where the eyes were meant to look."""
    off_yaw, off_pitch = float(yaw[stop] - meant_yaw[stop]), float(pitch[stop] - meant_pitch[stop])
    span = max(round(saccade_seconds(_apart((off_yaw, off_pitch), (0.0, 0.0))) * rate), 1)
    for step in range(1, span + 1):
        if stop + step >= len(yaw):
            return
        left = 1 - _min_jerk(step / span)
        yaw[stop + step] = meant_yaw[stop + step] + off_yaw * left
        pitch[stop + step] = meant_pitch[stop + step] + off_pitch * left


def _reach(meant: float, low: float, high: float) -> tuple[float, float]:
    return min(low, meant), max(high, meant)


def _aim_along(at: float, target: float, low: float, high: float) -> float:
    if at < low:
        return min(max(target, low + STRIDE), high)
    if at > high:
        return max(min(target, high - STRIDE), low)
    nearest = min(max(target, low), high)
    return nearest if nearest == target or abs(nearest - at) >= STRIDE else at


def _apart(one: tuple[float, float], other: tuple[float, float]) -> float:
    """Distance by the larger angle: close enough for a duration, and no square root."""
    return max(abs(one[0] - other[0]), abs(one[1] - other[1]))


def _min_jerk(u: float) -> float:
    return u * u * u * (10 - 15 * u + 6 * u * u)
