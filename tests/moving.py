"""Whether what is asked for moves: dots by the rig's own prediction, landmarks as a detector sees them, lids and angles."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import torch

from numpy.typing import NDArray

from protocol.channels import CHANNELS, INDEX, SIDES
from renderer.pose import head_pose, pose_of, relative_pose, rotation
from renderer.puppet.axes import steps
from renderer.puppet.rig import PuppetRig
from tests import dots, magnitudes
from tests.findings import Finding
from tests.prediction import gone, irises, landmarks
from tests.seen import openness, points
from tests.subjects import AMOUNTS, Case, Motion, Picture, Subject, rows

Points = NDArray[np.float64]

LEAST_PIXELS = 1.0
"""Of the portrait, that a dot has to go to be measured: a twentieth of that is what torch's bicubic kernel (a = -0.75, which
does not reproduce a ramp) puts things beside their place."""
LEAST_DOTS = 5
FAR = 0.05
"""u that landmarks are to be predicted to go for a detector to be asked about them."""
ASTRAY = 30.0
"""Degrees by which they may seem to go another way."""
SLOPES = (0.4, 1.5)
"""How far they may seem to go, by how far they are predicted to."""
POSES: tuple[dict[str, float], ...] = (
    *({name: share} for share in (1.0, -1.0, 0.5, -0.5) for name in ("headYaw", "headPitch", "headRoll")),
    {"headYaw": 0.6, "headPitch": 0.6},
    {"headYaw": -0.6, "headRoll": 0.6},
    {"headPitch": -0.6, "headRoll": -0.6},
)
"""Shares of the rig's range."""
ANGLES = ("headYaw", "headPitch", "headRoll")
FULL_BLINK = {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}


def amounts_of(case: Case) -> Motion:
    return rows({case.channel: amount * case.full} for amount in AMOUNTS)


# ---------------------------------------------------------------------------------------------------------------- exactness


def exact(subject: Subject) -> list[Finding]:
    """How far dots are from where the rig says, by how far they were to go: the median of each channel."""
    rig = subject.rig
    mesh = subject.mesh[:, :2]
    mesh = mesh[~_in_an_eye(rig, mesh)]
    face = dots.dotted(rig, mesh)
    eyes = dots.with_iris_dots(rig)
    motions = np.stack([amounts_of(case) for case in subject.cases])
    goes_to = gone(rig, mesh.astype(np.float32), np.concatenate(motions)).astype(np.float64).reshape(*motions.shape[:2], -1, 2)
    findings = []
    for case, motion, skin in zip(subject.cases, motions, goes_to, strict=True):
        if case.channel.startswith(("eyeYaw", "eyePitch")):
            which = 0 if case.channel.endswith("Right") else 1
            start = rig.face.irises[[which], 0].astype(np.float64)
            expected = irises(rig, motion)[:, [which], 0].astype(np.float64)
            frames = subject.puppet.render(eyes, motion)
            near = dots.NEAR * rig.face.u
            found = np.array([[dots.middle(f[..., 0], e[0], near)] for f, e in zip(frames, expected, strict=True)])
            least = 1
        else:
            start, expected = mesh, skin
            wanted = np.flatnonzero(np.linalg.norm(expected - start, axis=2).max(axis=0) >= LEAST_PIXELS)
            found = dots.found(subject.puppet, _only(face, wanted), motion, expected)
            least = LEAST_DOTS
        length = np.linalg.norm(expected - start, axis=-1)
        off = np.linalg.norm(found - expected, axis=-1)
        error = (off / np.maximum(length, 1e-6))[(length >= LEAST_PIXELS) & np.isfinite(off)]
        if error.size >= least:
            median = float(np.median(error))
            findings.append(Finding(subject.name, case.name, median, median <= 0.05))
    return findings


def _only(dotted: list[dots.Dotted], wanted: NDArray[np.int64]) -> list[dots.Dotted]:
    """Those rigs that show one of the wanted dots, asked about these alone."""
    chosen = []
    for one in dotted:
        groups = tuple(group[np.isin(group, wanted)] for group in one.colours)
        if any(len(group) for group in groups):
            chosen.append(replace(one, colours=groups))
    return chosen


def _in_an_eye(rig: PuppetRig, points: Points) -> NDArray[np.bool_]:
    """Which points [n, 2] lie on an eyeball rather than on skin."""
    inside = np.zeros(len(points), bool)
    place = torch.from_numpy(dots.on_canvas(rig, points).T.astype(np.float32))[None, :, None]
    for eye in rig.eyes:
        t, v = eye.axes.coordinates(place)
        upper, lower = (_looked_up(eye.curves[n].cpu().numpy(), t[0, 0].numpy()) for n in (1, 2))
        height = v[0, 0].numpy()
        inside |= (height < upper - 0.004 * eye.u) & (height > lower + 0.002 * eye.u) & (upper - lower > 0.01 * eye.u)
    return inside


def _looked_up(curve: NDArray[np.float32], t: NDArray[np.float32]) -> NDArray[np.float64]:
    return np.interp(t, steps(), curve)


# ------------------------------------------------------------------------------------------------------- what a detector sees


@dataclass(frozen=True, slots=True, eq=False)
class Sight:
    """How landmarks are predicted to go, and how they seem to, with rising amounts of a channel.

    Attributes:
        case: the channel.
        predicted, seen: float64 [amounts, n, 2], u, from where they are at rest.
    """

    case: Case
    predicted: Points
    seen: Points

    def far(self, least: float = FAR) -> NDArray[np.bool_]:
        return np.linalg.norm(self.predicted[-1], axis=1) > least


def looked_at(subject: Subject) -> list[Sight]:
    """What a detector sees of every channel: mesh and middles of the irises."""
    rest = landmarks_in(subject, subject.frames({})[0])
    if rest is None:
        return []
    cases, count = subject.cases, len(AMOUNTS)
    motion = np.concatenate([amounts_of(case) for case in cases])
    predicted = predicted_landmarks(subject.rig, motion, rest) / subject.face.u
    sights = []
    for number, case in enumerate(cases):
        part = slice(number * count, (number + 1) * count)
        found = [landmarks_in(subject, frame) for frame in subject.render(motion[part])]
        seen = [points - rest for points in found if points is not None]
        if len(seen) == count:
            sights.append(Sight(case, predicted[part], np.stack(seen) / subject.face.u))
    return sights


def landmarks_in(subject: Subject, frame: Picture) -> Points | None:
    """Where a detector sees mesh and irises in a frame, [470, 2], pixels; None if it sees no face."""
    face = subject.seen(frame)
    return None if face is None else points(frame, face, subject.nets)


def predicted_landmarks(rig: PuppetRig, motion: Motion, rest: Points) -> Points:
    """How these go, [frames, 470, 2], pixels, from where they are at rest, [470, 2]."""
    mesh = rest[: len(rig.face.mesh)].astype(np.float32)
    skin = landmarks(rig, motion, mesh) - mesh
    whole = np.concatenate([skin, irises(rig, motion)[:, :, 0] - rig.face.irises[:, 0]], axis=1)
    return whole.astype(np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Following:
    """How the landmarks that go far seem to go.

    Attributes:
        slope: float64 [n], how far, by how far they are predicted to.
        astray: float64 [n], degrees off the way that they are predicted to go.
    """

    slope: Points
    astray: Points

    @property
    def good(self) -> NDArray[np.bool_]:
        found: NDArray[np.bool_] = (self.astray <= ASTRAY) & (self.slope >= SLOPES[0]) & (self.slope <= SLOPES[1])
        return found


def following(sight: Sight) -> Following:
    """Whether what goes far seems to go the right way and about as far, over all amounts."""
    far = sight.far()
    predicted, seen = sight.predicted[:, far], sight.seen[:, far]
    length = np.linalg.norm(predicted, axis=2)
    slope = (seen * predicted).sum(axis=(0, 2)) / (length**2).sum(axis=0)
    # The mean way, of which that at the larger amounts tells most.
    wanted, went = ((length[..., None] * ways).sum(axis=0) for ways in (predicted, seen))
    along = (wanted * went).sum(axis=1) / np.maximum(np.linalg.norm(wanted, axis=1) * np.linalg.norm(went, axis=1), 1e-12)
    return Following(slope, np.rad2deg(np.arccos(np.clip(along, -1, 1))))


def share_followed(subject: Subject, sights: list[Sight], *, head: bool | None = None) -> list[Finding]:
    """The share of all landmarks that seem to go as predicted: of all channels, of the head's, or of all but these."""
    good = [following(sight).good for sight in sights if head is None or sight.case.head == head]
    every = np.concatenate(good) if good else np.empty(0)
    if not every.size:
        return []
    share = float(every.mean())
    return [Finding(subject.name, {None: "all", True: "head", False: "face"}[head], share, share >= 0.8)]


def followed_by_channel(subject: Subject, sights: list[Sight]) -> list[Finding]:
    """The same share of each channel."""
    findings = []
    for sight in sights:
        found = following(sight)
        if found.good.size:
            share = float(found.good.mean())
            slope, astray = float(np.median(found.slope)), float(np.median(found.astray))
            said = f"{sight.case.name} ({found.good.size} landmarks, slope {slope:.2f}, {astray:.0f} degrees astray)"
            findings.append(Finding(subject.name, said, share, share >= 0.8))
    return findings


def monotone(subject: Subject, sights: list[Sight]) -> list[Finding]:
    """Whether landmarks seem to go further with every amount, in the mean along the way that is predicted.

    The value is the smallest step by the mean step.
    """
    findings = []
    for sight in sights:
        far = sight.far()
        if far.any():
            way = sight.predicted[-1, far]
            gone_far = np.concatenate([[0.0], (sight.seen[:, far] * way).sum(axis=(1, 2)) / (way**2).sum()])
            steps = np.diff(gone_far)
            step = float(steps.min() / max(abs(float(steps.mean())), 1e-9))
            findings.append(Finding(subject.name, sight.case.name, step, bool((steps > 0).all())))
    return findings


# ------------------------------------------------------------------------------------------------------------------- how far


def far_enough(subject: Subject) -> list[Finding]:
    """How far the landmark that defines each channel goes at 1, by what faces do; of a face that does some of it already, by
    what it has left."""
    names = [case.channel for case in subject.cases if CHANNELS[case.channel].unit == "share"]
    moved = dict(zip(names, landmarks(subject.rig, rows({name: 1.0} for name in names)).astype(np.float64), strict=True))
    rest = subject.mesh[:, :2]
    findings = []

    def note(name: str, what: str, share: float) -> None:
        findings.append(Finding(subject.name, f"{name}, {what}", share, share >= 0.5))

    for name in names:
        stem = CHANNELS[name].stem
        sides = [0, 1] if stem == name else [1 - SIDES.index(name.removeprefix(stem))]
        for side in sides:
            for way in magnitudes.WAYS.get(stem, ()):
                if side == 1 and way.at[0] == way.at[1]:
                    continue  # a landmark in the middle belongs to both sides
                wanted = magnitudes.asked(way, subject.frame, side) * subject.rig.acting.left[INDEX[name]]
                note(name, way.what, magnitudes.gone(way, side, rest, moved[name], wanted))
        if stem == "eyeBlink":
            (upper,), (lower,) = magnitudes.UPPER_LID[sides[0]], magnitudes.LOWER_LID[sides[0]]
            opening = rest[lower] - rest[upper]
            went = moved[name][upper] - rest[upper]
            note(name, "upper lid", float(went @ opening / (opening @ opening)) / magnitudes.BLINK)
        if stem == "mouthPress":
            note(name, "height of the lips", _pressed(rest, moved[name], sides[0]) / magnitudes.PRESSED)
    findings += _irises_far_enough(subject)
    return findings


MOUTH_HEIGHT = ((39, 181), (269, 405))
"""Outer edges of the upper and the lower lip half way to the corner; right, then left."""


def _pressed(before: Points, after: Points, side: int) -> float:
    """The share of the mouth's height that is gone."""
    upper, lower = MOUTH_HEIGHT[side]
    heights = [float(np.hypot(*(mesh[lower] - mesh[upper]))) for mesh in (before, after)]
    return 1 - heights[1] / heights[0]


def _irises_far_enough(subject: Subject) -> list[Finding]:
    gaze = [case for case in subject.cases if case.channel.startswith(("eyeYaw", "eyePitch"))]
    went = irises(subject.rig, rows({case.channel: case.full} for case in gaze))[:, :, 0] - subject.rig.face.irises[:, 0]
    findings = []
    for case, way in zip(gaze, went.astype(np.float64), strict=True):
        side = 0 if case.channel.endswith("Right") else 1
        by = magnitudes.IRIS * np.sin(np.deg2rad(case.full))
        out = (-1.0 if side == 0 else 1.0) * by  # towards the subject's left
        yaw = "Yaw" in case.channel
        wanted = magnitudes.asked(
            magnitudes.Way("iris", ((), ()), out=out if yaw else 0.0, up=0.0 if yaw else by), subject.frame, side
        )
        share = float(way[side] @ wanted / (wanted @ wanted))
        findings.append(Finding(subject.name, f"{case.name}, iris", share, share >= 0.5))
    return findings


# -------------------------------------------------------------------------------------------------------------- lids and head


def lids_close(subject: Subject) -> list[Finding]:
    """Eye aspect ratio of a full blink by that of the portrait, as the iris network sees it."""
    opened, closed = (subject.seen(frame) for frame in subject.frames({}, FULL_BLINK))
    if opened is None or closed is None:
        return []
    ratio = openness(closed) / openness(opened)
    return [Finding(subject.name, "blink", ratio, ratio <= 0.45)]


BLINKS: Mapping[str, dict[str, float]] = {
    "blink": FULL_BLINK,
    "blink looking left": {**FULL_BLINK, "eyeYawLeft": 20.0, "eyeYawRight": 20.0},
    "blink looking up": {**FULL_BLINK, "eyePitchLeft": 15.0, "eyePitchRight": 15.0},
    "blink looking down": {**FULL_BLINK, "eyePitchLeft": -20.0, "eyePitchRight": -20.0},
    "blink with wide lids": {**FULL_BLINK, "eyeWideLeft": 1.0, "eyeWideRight": 1.0},
    "blink with squint and smile": {
        **FULL_BLINK,
        **{f"{stem}{side}": 1.0 for stem in ("eyeSquint", "cheekSquint", "mouthSmile") for side in SIDES},
    },
    "blink and turn": {**FULL_BLINK, "headYaw": 4.0, "headPitch": 4.0},
}


def eyes_are_hidden(subject: Subject) -> list[Finding]:
    """Pixels of a blink that change when irises and whites are painted otherwise: none may be left to be seen."""
    motion = rows(BLINKS.values())
    findings = []
    for layer in ("iris", "white", "highlight"):
        frames = [subject.puppet.render(painted(subject.rig, layer, value), motion) for value in (0.0, 1.0)]
        for name, left in zip(BLINKS, (frames[0] != frames[1]).any(axis=3).sum(axis=(1, 2)), strict=True):
            findings.append(Finding(subject.name, f"{layer}, {name}", float(left), left == 0))
    return findings


def painted(rig: PuppetRig, layer: str, value: float) -> PuppetRig:
    """The rig with irises, whites or highlights in one grey."""
    eyes = []
    for eye in rig.eyes:
        ball = eye.ball
        if layer == "iris":
            iris = ball.iris.clone()
            iris[:, :3] = value * iris[:, 3:]
            ball = replace(ball, iris=iris)
        elif layer == "white":
            still = ball.still.clone()
            still[:, :3] = value
            ball = replace(ball, still=still)
        else:
            ball = replace(ball, glint=torch.full_like(ball.glint, value))
        eyes.append(replace(eye, ball=ball))
    return replace(rig, eyes=(eyes[0], eyes[1]))


def head_turns(subject: Subject) -> list[Finding]:
    """Degrees between head angles that are asked for and those seen, about the head's own axes; the largest of the three."""
    own = rotation(head_pose(subject.face.mesh))
    before = subject.seen(subject.frames({})[0])
    findings = []
    for shares in POSES:
        pose = {name: share * abs(subject.rig.ranges[name][int(share > 0)]) for name, share in shares.items()}
        after = subject.seen(subject.frames(pose)[0])
        if before is None or after is None:
            continue
        seen = pose_of(own.T @ rotation(relative_pose(before.mesh, after.mesh)) @ own)
        off = [abs(angle - pose.get(name, 0.0)) for name, angle in zip(ANGLES, seen, strict=True)]
        said = " ".join(f"{name} {value:+.1f}" for name, value in pose.items())
        error = max(off[ANGLES.index(name)] for name in pose)
        findings.append(
            Finding(subject.name, f"{said}: seen " + " ".join(f"{angle:+.1f}" for angle in seen), error, error <= 3)
        )
    return findings
