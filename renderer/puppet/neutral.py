"""What a portrait's face already does: channels act from there, and its expression can be relaxed first.

A photograph smiles, looks aside or shows an open mouth before anything moves it. That is measured here in the channels' own
units, so that what a muscle does already is what it has less left to do, and what can be taken back.

Rules
- Lengths are measured in head coordinates (see `geometry`): a head that looks down does not smile for that.
- Faces differ at rest as well. What is taken for an expression begins where the faces that rest end, by the measurements that
  stand beside each threshold; those were made on some thirty faces of photographs and paintings.
- Both sides of mouth and brows are measured alike: on a turned head they differ by more than on most faces.
"""

from __future__ import annotations

import math

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from numpy.typing import NDArray

from configs.puppet import builtin_muscles
from protocol.channels import CHANNELS, INDEX, NAMES, both_sides
from renderer.faces import Face
from renderer.pose import Pose, pose_of
from renderer.puppet.anatomy import BROW_LOWER, BROW_UPPER, CORNERS, SIDES, UNDER_NOSE, cm
from renderer.puppet.eyes import WIDE
from renderer.puppet.gaze import EYEBALL
from renderer.puppet.geometry import CM_PER_U, EYE_CORNERS, Points, head_frame, smooth, turn_of

LIPS = (13, 14)
"""The middle of the upper lip's lower edge and of the lower lip's upper one."""
UPPER_LIP = 0
IRIS_CM = 0.585
"""Radius of an iris: 11.7 mm across, nearly alike in all grown-ups."""

LEVEL = 0.022
"""u by which the corners lie above where the lips meet in a face that does not smile: -0.01 to 0.03, smiles 0.045 to 0.08."""
SAGS = 0.22
"""Of the gap between open lips: how much its middle goes down further than the corners do."""
NARROW, BROAD = 0.56, 0.64
"""u between the corners: up to the first no mouth smiles, however its corners lie; in a smile it is 0.65 to 0.82."""
LONG_LIP = 0.135
"""u from the nose to the upper lip's edge, below which that is raised: 0.14 to 0.17 at rest, 0.09 to 0.13 above bared teeth."""
SLIT = 0.025
"""u that the mesh leaves between closed lips (see `parting`)."""
SMILED = 0.3
"""u between the lips that a smile of 1 bares teeth by, without the jaw."""
LOW_BROWS, HIGH_BROWS = 0.155, 0.205
"""u of the brows' inner ends over the eyes' corners, below which they are lowered and above which they are raised: 0.13 to 0.2
in faces at rest, 0.11 in a frown."""
OPEN_LIDS, WIDE_LIDS = 1.1, 0.8
"""Radii of the iris: between the lids, below which an eye is closing (1.2 to 1.9 at rest); of the upper lid over the iris's
centre, above which it is wide (0.4 to 0.7 at rest, where it hides the iris's top; 1.04 in surprise)."""
IRIS_HIGH = 0.02
"""u by which the iris of an eye that looks ahead lies above the corners."""
SURE_YAW, SURE_PITCH = 4.0, 10.0
"""Degrees that the measured gaze may be off: an iris is found to about .01 u, the lids hide how high it is."""

LESS: Mapping[str, tuple[str, float]] = MappingProxyType(
    {
        "mouthSmile": ("mouthSmile", 1.0),  # the same muscle
        "mouthDimple": ("mouthSmile", 0.9),  # pulls at the same corner, which a broad smile has taken out already
        "mouthStretch": ("mouthSmile", 0.8),  # likewise
        "cheekSquint": ("mouthSmile", 0.5),  # a smile has pushed half of the cheek up
        "mouthUpperUp": ("mouthUpperUp", 0.75),  # more uncovers gums that the picture does not show
        "jawOpen": ("jawOpen", 0.5),  # a jaw opens to 4 or 5 cm, of which 1 is 2.45
        "browInnerUp": ("browInnerUp", 1.0),
        "browOuterUp": ("browInnerUp", 1.0),
        "eyeWide": ("eyeWide", 1.0),
        "eyeSquint": ("eyeBlink", 0.8),  # of closing lids a squint has little left; a blink always closes all that is open
    }
)
"""By channel (a name without its side stands for both): what of the portrait's expression leaves less of its motion, and by how
much at 1. How far brows can come down is measured where they do (see `brows`)."""

EASED: Mapping[str, tuple[float, float]] = MappingProxyType(
    {
        "mouthSmile": (0.95, 0.8),  # cheeks and folds keep some of the smile, which corners that hang would contradict
        "jawOpen": (0.9, 0.5),  # beyond that the skin between lip and nose would be pushed together; the lips do the rest
        "browDown": (0.75, 0.65),  # some brows are low by nature
        "browInnerUp": (0.6, 0.5),
        "browOuterUp": (0.6, 0.5),
        "eyeWide": (0.7, 0.5),
    }
)
"""What relaxing takes back of an expression: its share, and the most of it; tried on smiling, frowning, speaking and surprised
portraits. What is left keeps the person recognisable."""
OPENS = 0.5
"""Of lids that are closing, how much eyeWide opens them again."""
SHUT, PARTED = 0.07, 0.045
"""u between the lips from which relaxing closes them, and up to which it leaves them."""
BY_JAW = 0.4
"""Of the gap between the lips: what the jaw closes at least, so that the upper lip is not all drawn over the teeth."""
NARROWED, PLUMP = 0.5, 0.4
"""Of a smile that is taken back: how much of mouthStretch is as well, which brings the corners nearer to each other, and how
much of mouthPucker is done, which makes lips full again that the smile had drawn thin."""
ARCH, MOST_LEVELLED = 0.0, 0.85
"""u by which corners lie above where the lips meet once they are relaxed (0.008 to 0.027 in faces at rest; none here, as cheeks
and folds keep some of the smile), and the most of mouthFrown that draws them down to it. Lips that close over teeth meet along
a curve between their edges, which sags more than the smile has raised the corners."""
BEYOND_MIDDLE = 0.85
"""Of what smile and frown do to the corners: how much of it the middle of the mouth does not do as well."""
YIELDS: Mapping[str, tuple[str, ...]] = MappingProxyType({"mouthSmile": ("mouthFrown", "mouthStretch", "mouthPucker")})
"""What goes, of what is done at rest, as a face does again what was taken back: who smiles has the smile of the portrait. What
has two sides goes on each by itself."""
GONE = 1.3
"""Of what was taken back: from where on, done again, all of that has gone. It goes gently, so that no corner jerks."""
LEAST = 0.002
"""Of a channel's unit: less is not worth moving anything for."""
AVERTED = 12.0
"""Most degrees by which eyes are brought back to the camera."""
EYE_REACH = 38.0
"""Degrees that eyes turn sideways in the head (the channels' own range)."""
NOTABLE, MUCH = 0.1, 0.4
"""From which something is part of an expression, and from which it keeps motion from being seen as it is asked for."""
SAID: Mapping[str, str] = MappingProxyType(
    {
        "mouthSmile": "smile",
        "mouthUpperUp": "raised upper lip",
        "jawOpen": "open mouth",
        "browDown": "low brows",
        "browInnerUp": "raised brows",
        "eyeBlink": "lids half closed",
        "eyeWide": "wide eyes",
    }
)
LEAST_REACH = 6.0
"""Degrees that eyes can turn from wherever the portrait looks."""


@dataclass(frozen=True, slots=True)
class Neutral:
    """A face at rest, as it is in the portrait.

    Attributes:
        pose: of the head, degrees.
        gaze: where the eyes look from the camera: degrees to the subject's left and up.
        gap: between the lips, u.
        arch: how far the corners lie above the middle of where the lips meet, or would if they closed, u.
        expression: what muscles and lids do already, by the channel that would do it, 0..1; channels that do nothing are left
            out.
    """

    pose: Pose
    gaze: tuple[float, float]
    gap: float
    arch: float
    expression: Mapping[str, float]


def neutral(face: Face) -> Neutral:
    """Measure a face."""
    mesh = face.mesh.astype(np.float64)
    frame = head_frame(mesh)
    own = frame.head(mesh)
    gap = float(np.linalg.norm(own[LIPS[0]] - own[LIPS[1]]))
    smile = _smile(own, gap)
    parts = builtin_muscles().parts
    brows = np.mean([own[[lines[side][-1] for lines in (BROW_LOWER, BROW_UPPER)], 1].mean() for side in (0, 1)])
    brows -= own[list(EYE_CORNERS), 1].mean()
    short = LONG_LIP - (own[UNDER_NOSE, 1] - own[UPPER_LIP, 1])
    found = {
        "mouthSmile": smile,
        "mouthUpperUp": short / cm(parts("mouthUpperUp")["up"]),
        "jawOpen": (gap - SLIT - SMILED * smile) / cm(parts("jawOpen")["down"]),
        "browDown": (LOW_BROWS - brows) / cm(parts("browDown")["down"]),
        "browInnerUp": (brows - HIGH_BROWS) / cm(parts("browInnerUp")["up"]),
    }
    expression = {name: value for stem, value in found.items() for name in both_sides(stem)}
    for which, side in enumerate(SIDES):
        upper, lower = _lids(face, which, frame.axes)
        expression[f"eyeBlink{side}"] = 1 - (upper - lower) / OPEN_LIDS
        expression[f"eyeWide{side}"] = (upper - WIDE_LIDS) * IRIS_CM / (WIDE[0] * CM_PER_U)
    kept = {name: round(min(1.0, float(value)), 3) for name, value in expression.items() if value >= 0.0005}
    meet = float(own[LIPS[0], 1]) - builtin_muscles().seal.upper * gap
    arch = float(own[list(CORNERS), 1].mean()) - meet
    return Neutral(pose_of(turn_of(face.mesh)), _gaze(face, frame.axes, frame.scale), gap, arch, MappingProxyType(kept))


def _smile(own: Points, gap: float) -> float:
    """How much a mouth smiles, 0..1: its corners are high, and far apart as well."""
    up = float(own[list(CORNERS), 1].mean() - own[list(LIPS), 1].mean()) - SAGS * gap - LEVEL
    wide = float(np.linalg.norm(own[CORNERS[0]] - own[CORNERS[1]]))
    return float(np.clip(up / cm(builtin_muscles().parts("mouthSmile")["up"]), 0, 1) * _ramp(NARROW, BROAD, wide))


def _ramp(low: float, high: float, x: float) -> float:
    return float(np.clip((x - low) / (high - low), 0, 1))


def _image_axes(axes: Points) -> tuple[Points, Points]:
    """The head's X and Y as directions in the picture (x right, y down), of length 1."""
    across, up = (axes[:2, column] * [1, -1] for column in (0, 1))
    return across / np.linalg.norm(across), up / np.linalg.norm(up)


def _lids(face: Face, which: int, axes: Points) -> tuple[float, float]:
    """How high the edges of the lids are above the centre of an iris, by its radius: the upper and the lower one."""
    centre, radius = face.irises[which, 0].astype(np.float64), face.iris_radii[which]
    height = (face.contours[which, :16].astype(np.float64) - centre) @ _image_axes(axes)[1] / max(radius, 1e-6)
    return float(height[9:].max()), float(height[:9].min())


def _gaze(face: Face, axes: Points, scale: float) -> tuple[float, float]:
    """Degrees from the camera; where the eyes do not agree, the smaller angle is believed, or none.

    The corners of an eye lie about as deep as the eyeball's centre, so an eye that looks into the camera is seen with its iris
    between them, however the head is turned.
    """
    across, up = _image_axes(axes)
    ways = []
    for which in (0, 1):
        first, last = EYE_CORNERS[2 * which : 2 * which + 2]
        off = face.irises[which, 0].astype(np.float64) - face.mesh[[first, last], :2].astype(np.float64).mean(axis=0)
        ways.append((off @ across / scale, off @ up / scale - IRIS_HIGH))
    agreed = [min(pair, key=abs) if pair[0] * pair[1] > 0 else 0.0 for pair in zip(*ways, strict=True)]
    yaw, pitch = np.degrees(np.arcsin(np.clip(np.array(agreed) / EYEBALL, -0.9, 0.9)))
    return float(yaw), float(pitch)


@dataclass(frozen=True, slots=True, eq=False)
class Acting:
    """How motion becomes what this face does.

    Attributes:
        left: float32 [channels], how much of its motion each channel has left.
        relaxed: float32 [channels], what is done at rest, to take the portrait's own expression back; 0 if that is kept.
    """

    left: NDArray[np.float32]
    relaxed: NDArray[np.float32]

    def of(self, motion: NDArray[np.float32]) -> NDArray[np.float32]:
        """What the face does, [frames, channels], in a motion like that; a motion of 0 is what is done at rest."""
        done: NDArray[np.float32] = motion * self.left + self.relaxed
        for by, yielding in YIELDS.items():
            sides = [INDEX[name] for name in both_sides(by)]
            taken = -self.relaxed[sides]
            if taken.min() > 0:
                again = smooth(0.0, GONE, (motion[:, sides] * self.left[sides] / taken).astype(np.float64))
                for stem in yielding:
                    held = [INDEX[name] for name in both_sides(stem)]
                    done[:, held] -= self.relaxed[held] * (
                        again if len(held) == len(sides) else again.mean(axis=1, keepdims=True)
                    )
        return done


def acting(found: Neutral, *, relaxed: bool) -> Acting:
    """How a face acts that does something already.

    Args:
        found: what.
        relaxed: whether that is taken back first, so that more is left to do.
    """
    given = relaxing(found) if relaxed else {}
    lowered = _lowered(found, given)
    taken = given | dict.fromkeys(both_sides("mouthUpperUp"), -lowered)
    shapes = {stem for yielding in YIELDS.values() for stem in yielding if len(both_sides(stem)) > 1}  # level corners: no frown
    left = np.ones(len(NAMES), np.float32)
    for stem, (cause, less) in LESS.items():
        for name in both_sides(stem):
            by = cause if cause in CHANNELS else cause + name.removeprefix(stem)
            still = max(0.0, found.expression.get(by, 0.0) + min(0.0, taken.get(by, 0.0)))
            left[INDEX[name]] = 1 - less * still
    for name, value in given.items():
        if value > 0 and CHANNELS[name].stem not in shapes:  # what is held has that much less left
            left[INDEX[name]] *= 1 - min(1.0, value / CHANNELS[name].high)
    constant = np.zeros(len(NAMES), np.float32)
    for name, value in given.items():
        constant[INDEX[name]] = value
    return Acting(left, constant)


def relaxing(found: Neutral) -> dict[str, float]:
    """What takes a face's expression back, by channel; below 0 a channel does the opposite of what its name says."""
    given = {}
    for stem, (share, most) in EASED.items():
        for name in both_sides(stem):
            cause = name.replace("browOuterUp", "browInnerUp") if stem == "browOuterUp" else name
            cause = cause if cause in CHANNELS else "browInnerUp"
            given[name] = -min(most, share * found.expression.get(cause, 0.0))
    for side in SIDES:
        given[f"eyeWide{side}"] += OPENS * found.expression.get(f"eyeBlink{side}", 0.0)
    given.update(_closing(found, given["jawOpen"]))
    drawn = _levelling(found, -given["mouthSmileLeft"])
    for side in SIDES:
        given[f"mouthFrown{side}"] = drawn
        given[f"mouthStretch{side}"] = NARROWED * given[f"mouthSmile{side}"]
    # Lips that hardly part are left as they are, and a pucker closes lips.
    slit = _ramp(SLIT, PARTED, found.gap) * (1 - _ramp(PARTED, SHUT, found.gap))
    given["mouthPucker"] = -PLUMP * (1 - slit) * given["mouthSmileLeft"]
    for name, sure, angle in zip(("eyeYaw", "eyePitch"), (SURE_YAW, SURE_PITCH), found.gaze, strict=True):
        back = float(np.sign(angle)) * min(AVERTED, max(0.0, abs(angle) - sure))
        given.update({f"{name}{side}": -back for side in SIDES})
    return {name: float(value) for name, value in given.items() if abs(value) > LEAST}


def _levelling(found: Neutral, back: float) -> float:
    """How much of mouthFrown draws corners down that stay high where so much of a smile is taken back."""
    table = builtin_muscles()
    high = found.arch - ARCH - BEYOND_MIDDLE * back * cm(table.parts("mouthSmile")["up"])
    share = _ramp(0, MUCH, back)
    return share * float(np.clip(high / (BEYOND_MIDDLE * cm(table.parts("mouthFrown")["down"])), 0, MOST_LEVELLED))


def _closing(found: Neutral, jaw: float) -> dict[str, float]:
    """What closes open lips: the jaw comes up, and the lips meet over what it leaves."""
    table = builtin_muscles()
    closed = _ramp(PARTED, SHUT, found.gap)
    down = cm(table.parts("jawOpen")["down"])
    jaw = min(jaw, -BY_JAW * found.gap * closed / down)
    left = min(1.0, max(0.0, closed + jaw * down / max(found.gap, 1e-6)))
    press = _eased_in(left) / table.seal.by["mouthPress"]
    return {"jawOpen": jaw, "mouthPressLeft": press, "mouthPressRight": press}


def _lowered(found: Neutral, given: Mapping[str, float]) -> float:
    """How much of mouthUpperUp lips take back that what is given closes: the upper one comes down its part of the way."""
    table = builtin_muscles()
    closed = float(smooth(0.0, 1.0, np.asarray(table.seal.by["mouthPress"] * given.get("mouthPressLeft", 0.0))))
    return table.seal.upper * found.gap * closed / cm(table.parts("mouthUpperUp")["up"])


def _eased_in(share: float) -> float:
    """What becomes a share once it begins and ends without a jerk: x with 3 x^2 - 2 x^3 equal to it (see `sealing.sealed`)."""
    return 0.5 - math.sin(math.asin(1 - 2 * share) / 3)


def reach(found: Neutral) -> dict[str, tuple[float, float]]:
    """How far the eyes can turn from where they look, degrees by channel; of eyes that look about ahead, nothing is said."""
    ranges = {}
    aside = found.gaze[0] - found.pose.yaw  # in the head
    if abs(aside) > 2 * SURE_YAW:
        low, high = min(-LEAST_REACH, -EYE_REACH - aside), max(LEAST_REACH, EYE_REACH - aside)
        for side in SIDES:
            ranges[f"eyeYaw{side}"] = (max(-EYE_REACH, round(low, 1)), min(EYE_REACH, round(high, 1)))
    return ranges


def said(found: Neutral) -> str:
    """The expression of a portrait in words, with how much of each there is; empty if it has none."""
    parts = []
    for stem, words in SAID.items():
        most = max(found.expression.get(name, 0.0) for name in both_sides(stem))
        if most >= NOTABLE:
            parts.append(f"{words} ({most:.2f})")
    yaw, pitch = found.gaze
    if abs(yaw) > 2 * SURE_YAW:
        parts.append(f"eyes {abs(yaw):.0f} degrees to its {'left' if yaw > 0 else 'right'} of the camera")
    if abs(pitch) > SURE_PITCH:
        parts.append(f"eyes {abs(pitch):.0f} degrees {'above' if pitch > 0 else 'below'} the camera")
    return ", ".join(parts)


def hints(found: Neutral) -> tuple[str, ...]:
    """What the user should know of an expression that is kept: where it leaves much less to do than is asked for."""
    smile = found.expression.get("mouthSmileLeft", 0.0)
    if smile >= MUCH:
        return (f"the face smiles in the portrait, so a smile adds only {1 - smile:.0%} of itself; --neutral relaxes it first",)
    if found.expression.get("jawOpen", 0.0) >= MUCH:
        return ("the mouth is wide open in the portrait; --neutral closes it first",)
    return ()
