"""Whether nothing else moves: the portrait at rest, parts of the face that a channel has nothing to do with, the background."""

from __future__ import annotations

import itertools

from collections.abc import Mapping

import cv2
import numpy as np

from numpy.typing import NDArray

from protocol.channels import CHANNELS, REGIONS, SIDES, Channel
from renderer.interface import Backdrop
from tests.findings import Finding
from tests.folds_over import fold_overs
from tests.prediction import gone
from tests.subjects import Motion, Pose, Subject, rows

Mask = NDArray[np.bool_]

INSIDE = 0.99
NEEDED: Mapping[str, Pose] = {"mouthClose": {"jawOpen": 1.0}}
"""What a channel needs to do anything: lips that the jaw has parted can be closed."""
TRACE = 0.001
BAND = 0.1
"""u around the person, at rest or moved, in which pixels may change."""
MARGIN = 0.05
"""u around what is expected to change, between two frames, in which pixels may change."""
SOLID = 0.08
"""u inside the person's edge where no hole may be."""
EVERY = 0.03
"""u between the places that are asked where they go."""
OPAQUE = 250
"""Alpha of 255 below which something shows through."""
RANDOM_FRAMES = 12


def in_their_parts(subject: Subject) -> list[Finding]:
    """The share of the pixels that a channel changes, the head still, that lies in its part of the face."""
    cases = [case for case in subject.cases if not case.head]
    moved = subject.render(rows({**NEEDED.get(case.channel, {}), case.channel: case.full} for case in cases))
    findings = []
    for case, frame in zip(cases, moved, strict=True):
        before = subject.frames(NEEDED[case.channel])[0] if case.channel in NEEDED else subject.rgb
        changed = (frame != before).any(axis=2)
        total = int(changed.sum())
        if not total:
            findings.append(Finding(subject.name, f"{case.name} (changes nothing)", 0.0, good=False))
            continue
        share = float((changed & subject.region(case.channel)).sum()) / total
        findings.append(Finding(subject.name, f"{case.name} ({total} pixels)", share, share >= INSIDE))
    return findings


def at_rest(subject: Subject) -> list[Finding]:
    """Pixels of a frame without motion that are not the portrait's."""
    off = int((subject.frames({})[0] != subject.rgb).any(axis=2).sum())
    return [Finding(subject.name, "rest", float(off), off == 0)]


def near_rest(subject: Subject) -> list[Finding]:
    """Grey levels by which the worst pixel differs when every channel, or every one of a region, is at a thousandth."""
    moving = [channel for channel in CHANNELS.values() if not channel.derived]
    groups: dict[str, list[Channel]] = {
        "all": moving,
        **{region: [one for one in moving if one.region == region] for region in REGIONS},
    }
    frames = subject.frames(*({one.name: TRACE for one in group} for group in groups.values()))
    findings = []
    for name, frame in zip(groups, frames, strict=True):
        off = np.abs(frame.astype(int) - subject.rgb).max(axis=2)
        said = f"{name} ({int((off > 1).sum())} pixels above 1)"
        findings.append(Finding(subject.name, said, float(off.max()), int(off.max()) <= 1))
    return findings


def outside_the_person(subject: Subject) -> list[Finding]:
    """Pixels that change though the person is there neither at rest nor in the frame, nor close by."""
    poses = [{case.channel: 0.6 * case.full} for case in subject.cases if case.head and case.channel != "headZ"]
    poses.append({"jawOpen": 1.0, "browInnerUp": 1.0, "mouthSmileLeft": 1.0})
    motion = rows(poses)
    alpha = subject.render(np.concatenate([rows([{}]), motion]), Backdrop(None))[..., 3]
    u = subject.frame.scale  # of the head itself: two eyes seen from the side are closer together
    findings = []
    for pose, frame, moved in zip(poses, subject.render(motion), alpha[1:], strict=True):
        near = _grown(np.maximum(alpha[0], moved) > 0, BAND * u)
        changed = int(((frame != subject.rgb).any(axis=2) & ~near).sum())
        findings.append(Finding(subject.name, " ".join(pose), float(changed), changed == 0))
    return findings


BUSY: tuple[tuple[Pose, str], ...] = (
    ({"jawOpen": 0.6, "mouthSmileLeft": 0.5, "mouthPucker": 0.2}, "browInnerUp"),
    ({"jawOpen": 0.4, "browDownLeft": 0.6}, "eyeBlinkLeft"),
    ({"browInnerUp": 0.7, "eyeBlinkLeft": 0.5, "eyeYawRight": 8.0}, "jawOpen"),
    ({"browInnerUp": 0.7, "eyeBlinkLeft": 0.5, "mouthSmileRight": 0.4}, "eyeYawRight"),
)
"""What a face does, and what changes in the next frame."""
TURNED: Pose = {"headYaw": 4.0, "headPitch": -3.0, "headRoll": 3.0}


def between_two_frames(subject: Subject) -> list[Finding]:
    """Pixels that change between two frames which differ in one channel, away from where that moves anything."""
    findings = []
    for (busy, channel), head in itertools.product(BUSY, ({}, TURNED)):
        first: Pose = {**busy, **head}
        poses = [first, {**first, channel: 1.0 if CHANNELS[channel].unit == "share" else 12.0}]
        one, other = subject.frames(*poses)
        region = subject.region(channel)
        expected = np.zeros_like(region)
        for pose in poses:
            expected |= _where(subject, region, pose)
        allowed = _grown(expected, MARGIN * subject.face.u + 1)
        off = int(((one != other).any(axis=2) & ~allowed).sum())
        findings.append(Finding(subject.name, f"{channel} while {' '.join(first)}", float(off), off == 0))
    return findings


def no_holes(subject: Subject) -> list[Finding]:
    """Pixels inside the person through which something behind is seen, with the head at its limits and the face at work."""
    faces: tuple[Pose, ...] = (
        {},
        {"jawOpen": 1.0, **{f"{stem}{side}": 1.0 for stem in ("mouthSmile", "eyeBlink", "browOuterUp") for side in SIDES}},
        {"mouthPucker": 1.0, "mouthLeft": 1.0, "browInnerUp": 1.0},
    )
    heads: list[Pose] = [{}] + [{case.channel: case.full} for case in subject.cases if case.head]
    low, high = (tuple(subject.rig.ranges[name][end] for name in ("headYaw", "headPitch", "headRoll")) for end in (0, 1))
    heads += [
        {"headYaw": yaw, "headPitch": pitch, "headRoll": roll}
        for yaw, pitch, roll in ((high[0], high[1], high[2]), (low[0], low[1], low[2]), (high[0], low[1], low[2]))
    ]
    poses = [{**head, **face} for head, face in itertools.product(heads, faces[:1])] + [{**heads[-1], **f} for f in faces]
    rest = subject.render(rows([{}]), Backdrop(None))[0, ..., 3]
    solid = ~_grown(rest < OPAQUE, SOLID * subject.face.u)
    findings = []
    for pose, frame in zip(poses, subject.render(rows(poses), Backdrop(None)), strict=True):
        alpha = frame[..., 3]
        inner = ~_grown(~_where(subject, solid, pose), 3)
        off = int((inner & (alpha < OPAQUE)).sum())
        findings.append(
            Finding(subject.name, " ".join(f"{k} {v:+.3g}" for k, v in pose.items()) or "rest", float(off), off == 0)
        )
    return findings


def nothing_folds(subject: Subject) -> list[Finding]:
    """Places of the maps at which the person is seen turned over, or is seen where nothing comes."""
    found = fold_overs(subject.rig)
    parts = {"head": found.head, "face above the lips": found.upper, "face below them": found.lower, "torn": found.torn}
    return [Finding(subject.name, f"{name}, of {found.seen}", float(count), count == 0) for name, count in parts.items()]


def cuts_do_not_show(subject: Subject) -> list[Finding]:
    """Frames that are not the same when they are asked for in other parts and batches."""
    motion = subject.lively(RANDOM_FRAMES)
    whole = subject.render(motion)
    findings = []
    for cuts in (tuple(range(RANDOM_FRAMES + 1)), (0, 1, 6, 8, RANDOM_FRAMES), (0, 7, RANDOM_FRAMES)):
        parts = np.concatenate([subject.render(motion[a:b]) for a, b in itertools.pairwise(cuts)])
        off = int((parts != whole).any(axis=(1, 2, 3)).sum())
        findings.append(Finding(subject.name, f"cut at {cuts}", float(off), off == 0))
    backwards: Motion = motion[::-1].copy()
    off = int((subject.render(backwards)[::-1] != whole).any(axis=(1, 2, 3)).sum())
    findings.append(Finding(subject.name, "the other way round", float(off), off == 0))
    return findings


def _where(subject: Subject, mask: Mask, pose: Pose) -> Mask:
    """Where a part of the portrait is in a frame."""
    if not any(CHANNELS[name].region == "head" for name in pose):
        return mask
    y, x = np.nonzero(mask)
    step = max(1, int(EVERY * subject.face.u))
    keep = (x % step == 0) & (y % step == 0)
    points = np.stack([x[keep], y[keep]], axis=1).astype(np.float32)
    height, width = mask.shape
    places = np.round(gone(subject.rig, points, rows([pose]))[0]).astype(int)
    inside = (places[:, 0] >= 0) & (places[:, 0] < width) & (places[:, 1] >= 0) & (places[:, 1] < height)
    found = np.zeros((height, width), np.uint8)
    found[places[inside, 1], places[inside, 0]] = 1
    # Not every pixel was asked for, and the head may come nearer: the gaps between them are closed again.
    return cv2.morphologyEx(found, cv2.MORPH_CLOSE, np.ones((2 * step + 3, 2 * step + 3), np.uint8)) > 0


def _grown(mask: Mask, by: float) -> Mask:
    """A mask and all within some pixels of it."""
    side = 2 * max(1, round(by)) + 1
    ball = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    found: Mask = cv2.dilate(mask.astype(np.uint8), ball) > 0
    return found
