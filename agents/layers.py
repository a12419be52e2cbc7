"""Layers, and what every one of them goes by: how far a channel comes, on which side, and how quickly at most.

A layer is a stretch of keyframes of one channel that starts and ends at nothing. Sustained layers are the shape that a face
is in; passing ones (blinks, nods, syllables) come on top.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from agents.performance import Move
from configs.gestures import Gesture
from protocol.brief import Act
from protocol.channels import CHANNELS, OPPOSITE, TURNED
from protocol.gaze import saccade_seconds
from protocol.keyframes import Keyframe, Source

_KNEE = 0.85
"""Coefficients above this are eased toward 1 instead of being cut off there."""
_QUICKEST: Mapping[str, tuple[float, float, float]] = MappingProxyType(
    {
        "lid": (0.005, 0.07, 0.2),
        "mouth": (0.03, 0.11, 0.3),
        "tissue": (0.06, 0.1, 0.5),
        "degree": (0.06, 0.005, 0.04),
        "cm": (0.06, 0.025, 0.3),
    }
)
"""Seconds that a change takes at least, how many more per unit of its size, and per unit alone where it is small. Lids close
in 66 ms (kinematics of spontaneous blinks), the others keep to the fastest speeds of capture with some room (M)."""
_TISSUE = ("brow", "cheek", "noseSneer", "eyeSquint", "mouthSmile", "mouthFrown", "mouthDimple", "mouthStretch")
"""Channels that move flesh as well as an edge, and take longer for it."""
_ALONE = MappingProxyType({"browInnerUp": 0.35})
"""Share of a channel without sides that is left when only one side is to move: one brow rises with little of the other."""


@dataclass(frozen=True, slots=True)
class Layer:
    """What a move does to one channel.

    Attributes:
        channel: which.
        keys: at least two, ascending in time (beat-local, may lie outside the beat).
        passing: it comes on top of the sustained shape.
        source: where it comes from.
        covers: of the line of sight, from when to when it takes the eyes over, and gives them free again; None if that goes
            by its values.
        under: of the line of sight, that whatever else is looked at comes before it.
    """

    channel: str
    keys: tuple[Keyframe, ...]
    source: Source
    passing: bool = False
    covers: tuple[float, float, float, float] | None = None
    under: bool = False


def pace_of(move: Move) -> float:
    """How quickly a move is performed: a factor on the gesture's own pace, from what is asked for and from chance."""
    return move.act.speed * move.pace


def lateness(channel: str, move: Move) -> float:
    """Seconds by which a channel sets out after its twin on the other side; 0 for eyes, which turn together."""
    if channel.startswith(("eyeYaw", "eyePitch")):
        return 0.0
    if channel.endswith("Left"):
        return max(move.late, 0.0)
    return max(-move.late, 0.0) if channel.endswith("Right") else 0.0


def sided(act: Act, gesture: Gesture) -> Act:
    """An act of a gesture that always has a side gets one."""
    if gesture.sides == "one" and act.side == "both":
        return act.model_copy(update={"side": gesture.default_side})
    return act


def one_sided(levels: Mapping[str, float], act: Act, gesture: Gesture) -> dict[str, float]:
    """Levels confined to the side of the act, those that say a side by their sign or name turned to it."""
    if act.side == "both":
        return dict(levels)
    other = "Right" if act.side == "left" else "Left"
    result = {}
    for channel, level in levels.items():
        paired = CHANNELS[channel].stem != channel
        if paired and channel.endswith(other) and not channel.startswith(("eyeYaw", "eyePitch")):
            continue
        if gesture.sides == "one" and act.side == "right":
            result[OPPOSITE.get(channel, channel)] = -level if channel in TURNED else level
        else:
            result[channel] = level * _ALONE.get(channel, 1.0)
    return result


def reached(channel: str, level: float, move: Move) -> float:
    """The value that a level comes to in a move, within the channel's range."""
    side = move.left if channel.endswith("Left") else move.right if channel.endswith("Right") else 1.0
    value = level * move.act.strength * move.size * side
    if channel.startswith("eyeBlink") and level >= 1 and not move.idle:
        value = level * move.act.strength  # a lid that is to shut shuts: no chance leaves it ajar
    known = CHANNELS[channel]
    if known.unit == "share" and value > _KNEE >= level:
        over = value - _KNEE
        value = _KNEE + (1 - _KNEE) * over / (over + (1 - _KNEE))
    return min(max(value, known.low), known.high)


def is_eye_angle(channel: str) -> bool:
    """Whether a channel says where an eye points."""
    return channel.startswith(("eyeYaw", "eyePitch"))


def least_seconds(channel: str, change: float) -> float:
    """Seconds that a face needs at least to change a channel by so much, however sudden it is meant."""
    if is_eye_angle(channel):
        return saccade_seconds(abs(change))
    known = CHANNELS[channel]
    kind: str = known.unit
    if known.unit == "share":
        kind = "lid" if channel.startswith(("eyeBlink", "eyeWide")) else "tissue" if channel.startswith(_TISSUE) else "mouth"
    base, more, small = _QUICKEST[kind]
    return min(base + more * abs(change), small * abs(change))
