"""How far faces go: displacement of the landmarks that define a channel, at 1.

Centimetres on MediaPipe's canonical face (8.892 between the outer eye corners), starting values on that mesh put together
from published ranges of anatomy: range of motion of the jaw (19 degrees about the condyles' axis; 45 to 55 mm between the
incisors at most), landmark studies of voluntary expressions, an eyeball of 1.2 cm radius.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from renderer.puppet.geometry import CM_PER_U, HeadFrame, Points

Pairs = tuple[tuple[int, ...], tuple[int, ...]]
"""Landmarks of the subject's right side and of the left; the one that goes furthest counts."""


@dataclass(frozen=True, slots=True)
class Way:
    """How a landmark goes.

    Attributes:
        what: which it is, in words.
        at: the landmarks.
        out, up, forward: cm away from the middle of the face, up and towards the camera.
        from_other: if given, the landmark that it goes away from: what counts is how they part.
    """

    what: str
    at: Pairs
    out: float = 0.0
    up: float = 0.0
    forward: float = 0.0
    from_other: Pairs | None = None


CORNER: Pairs = ((61,), (291,))
UPPER_LIP: Pairs = ((37, 39, 40), (267, 269, 270))
LOWER_LIP: Pairs = ((84, 181, 91), (314, 405, 321))
UPPER_LID: Pairs = ((159,), (386,))
LOWER_LID: Pairs = ((145,), (374,))

CHIN_DOWN, CHIN_BACK = 1.33, 3.60
"""cm that the chin of the canonical face, 10.1 below and 5.8 before the condyles' axis, goes by a turn of 19 degrees."""

WAYS: Mapping[str, tuple[Way, ...]] = MappingProxyType(
    {
        "jawOpen": (Way("chin", ((152,), (152,)), up=-CHIN_DOWN, forward=-CHIN_BACK),),
        "mouthSmile": (Way("corner", CORNER, out=0.55, up=0.75, forward=-0.35),),
        "mouthFrown": (Way("corner", CORNER, out=0.15, up=-0.65, forward=-0.1),),
        "mouthPucker": (Way("corner", CORNER, out=-0.75, forward=0.6),),
        "mouthFunnel": (
            Way("corner", CORNER, out=-0.55, forward=0.5),
            Way("gap", ((13,), (13,)), up=0.7, from_other=((14,), (14,))),
        ),
        "mouthStretch": (Way("corner", CORNER, out=0.55, up=-0.15),),
        "mouthDimple": (Way("corner", CORNER, out=0.30, forward=-0.2),),
        "mouthUpperUp": (Way("upper lip", UPPER_LIP, up=0.45),),
        "mouthLowerDown": (Way("lower lip", LOWER_LIP, up=-0.45),),
        "mouthRollUpper": (Way("upper lip", ((0,), (0,)), up=-0.25, forward=-0.35),),
        "mouthRollLower": (Way("lower lip", ((17,), (17,)), up=0.25, forward=-0.35),),
        "mouthShrugLower": (Way("lower lip", ((17,), (17,)), up=0.45), Way("chin", ((152,), (152,)), up=0.35)),
        "browInnerUp": (Way("inner brow", ((55, 107), (285, 336)), up=0.9),),
        "browOuterUp": (Way("outer brow", ((53, 63, 105), (283, 293, 334)), up=0.9),),
        "browDown": (Way("inner brow", ((55, 65, 66), (285, 295, 296)), out=-0.35, up=-0.6),),
        "eyeWide": (Way("upper lid", UPPER_LID, up=0.18),),
        "eyeSquint": (Way("lower lid", LOWER_LID, up=0.16), Way("upper lid", UPPER_LID, up=-0.10)),
        "cheekSquint": (Way("cheek", ((50, 205, 117), (280, 425, 346)), up=0.35), Way("lower lid", LOWER_LID, up=0.15)),
        "noseSneer": (Way("wing", ((129,), (358,)), up=0.3),),
    }
)
"""By channel, without its side."""
PRESSED, BLINK = 0.25, 0.7
"""Share of the lips' height that goes when they are pressed; share of the opening that the upper lid comes down at least."""
IRIS = 1.2
"""cm from the middle of the eyeball to the iris."""


def asked(way: Way, frame: HeadFrame, side: int) -> Points:
    """Pixels [2] that a landmark is to go on a face.

    Args:
        way: how it goes.
        frame: of the head.
        side: 0 for the subject's right, 1 for the left.
    """
    sign = -1.0 if side == 0 else 1.0
    x, y, _ = frame.axes @ np.array([sign * way.out, way.up, way.forward])
    found: Points = np.array([x, -y]) * frame.scale / CM_PER_U
    return found


def gone(way: Way, side: int, before: Points, after: Points, wanted: Points) -> float:
    """How far a landmark went of the way that it was to go.

    Args:
        way: how it was to go.
        side: 0 for the subject's right, 1 for the left.
        before, after: [468, 2], pixels.
        wanted: [2], what `asked` gives.
    """
    ways = (after - before)[list(way.at[side])]
    if way.from_other is not None:
        ways = ways - (after - before)[list(way.from_other[side])]
    return float((ways @ wanted).max() / (wanted @ wanted))
