"""The face's vocabulary: every channel by name, its range, its unit and the one region that owns it.

Order: the 52 ARKit coefficients in the order of Apple's Live Link stream, then head pose and eye angles. Sides are the
subject's own. Angles are degrees: yaw > 0 turns to the subject's left, pitch > 0 lifts chin or gaze, roll > 0 tilts toward
the subject's left shoulder. Head place is centimetres: toward the subject's left, up, toward the camera.

The eight `eyeLook*` coefficients are *derived*: nobody proposes them, sampling reads them off the eye angles
(:func:`look_coefficients`), so they can never contradict the gaze.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

import numpy as np

from numpy.typing import NDArray

Region = Literal["brows", "eyes", "mouth", "head"]
Unit = Literal["share", "degree", "cm"]

SIGNS: dict[Unit, str] = {"share": "", "degree": "°", "cm": " cm"}
"""What is printed behind a number in each unit."""

REGIONS: tuple[Region, ...] = get_args(Region)
"""Every region, in the order in which all lists of regions are kept."""

PRECEDENCE: tuple[Region, ...] = ("head", "mouth", "eyes", "brows")
"""A region yields only to one before it, so that yielding has no cycle."""

SIDES: tuple[str, str] = ("Left", "Right")

OPPOSITE: Mapping[str, str] = MappingProxyType(
    {"jawLeft": "jawRight", "jawRight": "jawLeft", "mouthLeft": "mouthRight", "mouthRight": "mouthLeft"}
)
"""The coefficients whose name says a direction of one organ and not a side of the face, each with the other way."""

TURNED = frozenset({"headYaw", "headRoll", "headX", "eyeYawLeft", "eyeYawRight"})
"""Channels whose sign says a side: seen in a mirror they change it."""


@dataclass(frozen=True, slots=True)
class Channel:
    """One scalar curve of the face.

    Attributes:
        name: ARKit's camelCase with the full side, or a pose channel.
        region: the only region that may write it.
        unit: "share" (0..1), "degree" or "cm".
        low: smallest value that it can take.
        high: largest value that it can take.
        derived: computed from other channels when a timeline is sampled; never part of a track.
    """

    name: str
    region: Region
    unit: Unit
    low: float
    high: float
    derived: bool = False

    @property
    def stem(self) -> str:
        """The name without its side."""
        for side in SIDES:
            if self.name.endswith(side) and self.name not in OPPOSITE:
                return self.name.removesuffix(side)
        return self.name


_COEFFICIENTS: tuple[str, ...] = (
    *(f"eye{what}{side}" for side in SIDES for what in ("Blink", "LookDown", "LookIn", "LookOut", "LookUp", "Squint", "Wide")),
    *("jawForward", "jawLeft", "jawRight", "jawOpen"),
    *("mouthClose", "mouthFunnel", "mouthPucker", "mouthLeft", "mouthRight"),
    *(f"mouth{what}{side}" for what in ("Smile", "Frown", "Dimple", "Stretch") for side in SIDES),
    *("mouthRollLower", "mouthRollUpper", "mouthShrugLower", "mouthShrugUpper"),
    *(f"mouth{what}{side}" for what in ("Press", "LowerDown", "UpperUp") for side in SIDES),
    *("browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight"),
    *("cheekPuff", "cheekSquintLeft", "cheekSquintRight", "noseSneerLeft", "noseSneerRight", "tongueOut"),
)
_POSES: tuple[tuple[str, Region, Unit, float, float], ...] = (
    ("headYaw", "head", "degree", -60, 60),
    ("headPitch", "head", "degree", -40, 40),
    ("headRoll", "head", "degree", -35, 35),
    ("headX", "head", "cm", -20, 20),
    ("headY", "head", "cm", -20, 20),
    ("headZ", "head", "cm", -20, 20),
    ("eyeYawLeft", "eyes", "degree", -38, 38),
    ("eyePitchLeft", "eyes", "degree", -28, 26),
    ("eyeYawRight", "eyes", "degree", -38, 38),
    ("eyePitchRight", "eyes", "degree", -28, 26),
)


def _owner(coefficient: str) -> Region:
    if coefficient.startswith("brow"):
        return "brows"
    return "eyes" if coefficient.startswith(("eye", "cheekSquint")) else "mouth"


CHANNELS: Mapping[str, Channel] = MappingProxyType(
    {
        channel.name: channel
        for channel in (
            *(Channel(name, _owner(name), "share", 0, 1, derived="Look" in name) for name in _COEFFICIENTS),
            *(Channel(*pose) for pose in _POSES),
        )
    }
)
"""All channels by name, in the order of a motion's columns."""

NAMES: tuple[str, ...] = tuple(CHANNELS)
INDEX: Mapping[str, int] = MappingProxyType({name: column for column, name in enumerate(NAMES)})
WRITABLE: Mapping[Region, tuple[str, ...]] = MappingProxyType(
    {region: tuple(c.name for c in CHANNELS.values() if c.region == region and not c.derived) for region in REGIONS}
)
"""What each region's track must hold: its channels without the derived ones."""


def both_sides(name: str) -> tuple[str, ...]:
    """The channels that a name with or without its side stands for; empty if there is none.

    >>> both_sides("mouthSmile")
    ('mouthSmileLeft', 'mouthSmileRight')
    """
    if name in CHANNELS:
        return (name,)
    return tuple(name + side for side in SIDES if name + side in CHANNELS and name + side not in OPPOSITE)


# The range of eye angles that a look coefficient of 1 stands for, measured on ARKit capture: 35 degrees sideways and down,
# 26 up. The dead zone keeps both directions of one eye at zero around the straight-ahead look, so that a fast jump through
# the centre never shows half of each, whatever rate it is sampled at; it stays inside the measured scatter (0.12).
_LOOK_FULL: Mapping[str, tuple[str, float]] = MappingProxyType(
    {
        "eyeLookOutLeft": ("eyeYawLeft", 35.0),
        "eyeLookInLeft": ("eyeYawLeft", -35.0),
        "eyeLookOutRight": ("eyeYawRight", -35.0),
        "eyeLookInRight": ("eyeYawRight", 35.0),
        "eyeLookUpLeft": ("eyePitchLeft", 26.0),
        "eyeLookUpRight": ("eyePitchRight", 26.0),
        "eyeLookDownLeft": ("eyePitchLeft", -35.0),
        "eyeLookDownRight": ("eyePitchRight", -35.0),
    }
)
LOOK_DEAD_ZONE = 0.1
_LOOKS = [INDEX[name] for name in _LOOK_FULL]
_ANGLES = [INDEX[angle] for angle, _ in _LOOK_FULL.values()]
_FULL = np.array([[full] for _, full in _LOOK_FULL.values()])


def look_coefficients(samples: NDArray[np.float64]) -> None:
    """Fill in the rows of the `eyeLook*` coefficients from the eye angles.

    Args:
        samples: float64 [channels, frames], all channels in the order of NAMES; changed in place.
    """
    share = (samples[_ANGLES] / _FULL - LOOK_DEAD_ZONE) / (1 - LOOK_DEAD_ZONE)
    samples[_LOOKS] = np.minimum(np.maximum(share, 0.0), 1.0)
