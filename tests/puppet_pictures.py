"""What a bench's figures are about, to be looked at: a folder of pictures for each portrait."""

from __future__ import annotations

import itertools

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np

from PIL import Image, ImageDraw

from renderer.interface import Frames
from tests import dots
from tests.prediction import gone
from tests.subjects import Case, Picture, Pose, Subject, rows

TILE = 200
"""Pixels of a contact sheet's pictures."""
ACROSS = 12
STEPS = 9
"""Pictures of a slow strip."""
AMPLIFIED = 8
"""Times that differences are shown."""
FOUND, EXPECTED, START = (80, 220, 255), (255, 60, 60), (90, 90, 90)
EYES, MOUTH = (33, 263, 105, 334, 145, 374), (61, 291, 2, 17, 152)
SLOW: tuple[tuple[str, tuple[int, ...], Pose], ...] = (
    ("blink", EYES, {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0}),
    ("gaze", EYES, {"eyeYawLeft": 15.0, "eyeYawRight": 15.0}),
    ("down", EYES, {"eyePitchLeft": -15.0, "eyePitchRight": -15.0}),
    ("squint", EYES, {"eyeSquintLeft": 1.0, "eyeSquintRight": 1.0, "cheekSquintLeft": 1.0, "cheekSquintRight": 1.0}),
    ("jaw", MOUTH, {"jawOpen": 1.0}),
    ("smile", MOUTH, {"mouthSmileLeft": 1.0, "mouthSmileRight": 1.0}),
    ("laugh", MOUTH, {"mouthSmileLeft": 1.0, "mouthSmileRight": 1.0, "jawOpen": 0.7}),
    ("pucker", MOUTH, {"mouthPucker": 1.0, "mouthFunnel": 0.4}),
)


def write_pictures(subject: Subject, folder: Path) -> None:
    """Write the pictures of a portrait: all channels, how they differ from the portrait, dots, and slow strips."""
    place = folder / subject.name.replace(" ", "_")
    place.mkdir(parents=True, exist_ok=True)
    cases = subject.cases
    frames = subject.render(rows({case.channel: case.full} for case in cases))
    left, top, right, bottom = subject.rig.focus
    head = np.s_[top:bottom, left:right]
    names = [case.name for case in cases]
    sheet([subject.rgb[head], *(frame[head] for frame in frames)], ["rest", *names]).save(place / "channels.png")
    sheet([_difference(subject, case, frame)[head] for case, frame in zip(cases, frames, strict=True)], names).save(
        place / "differences.png"
    )
    sheet(*_dots(subject), across=3, tile=600).save(place / "dots.png")
    for part, points in (("eyes", EYES), ("mouth", MOUTH)):
        strips, said = [], []
        for name, around, pose in SLOW:
            if around is points:
                shares = np.linspace(0, 1, STEPS)
                strip = subject.frames(*({key: share * value for key, value in pose.items()} for share in shares))
                strips += _cropped(subject, strip, points)
                said += [f"{name} {share:.2f}" for share in shares]
        sheet(strips, said, across=STEPS, tile=340).save(place / f"{part}.png")


def sheet(pictures: Sequence[Picture], names: Sequence[str], *, across: int = ACROSS, tile: int = TILE) -> Image.Image:
    """Pictures in rows, each with its name above it."""
    height, width = pictures[0].shape[:2]
    scale = tile / width
    size = (tile, max(1, round(scale * height)))
    count = -(-len(pictures) // across)
    made = Image.new("RGB", (across * (tile + 4), count * (size[1] + 18)), "white")
    draw = ImageDraw.Draw(made)
    for (row, column), picture, name in zip(itertools.product(range(count), range(across)), pictures, names, strict=False):
        x, y = column * (tile + 4), row * (size[1] + 18)
        made.paste(Image.fromarray(picture).resize(size, Image.Resampling.LANCZOS), (x, y + 14))
        draw.text((x + 2, y + 1), name, fill="black")
    return made


def _difference(subject: Subject, case: Case, frame: Picture) -> Picture:
    """Where a frame differs from the portrait, stronger than it is, over the part of the face that the channel may change."""
    off = np.abs(frame.astype(int) - subject.rgb) * AMPLIFIED
    shown = np.clip(off, 0, 255).astype(np.uint8)
    border = cv2.morphologyEx(subject.region(case.channel).astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((3, 3), np.uint8))
    shown[border > 0] = START
    return shown


def _dots(subject: Subject) -> tuple[list[Picture], list[str]]:
    """Dots where they were, where they are expected and where they are, for some poses."""
    mesh = subject.mesh[:, :2]
    dotted = dots.dotted(subject.rig, mesh)
    poses: list[Pose] = [pose for _, _, pose in SLOW if not any(name.startswith("eye") for name in pose)]
    poses.append({"browInnerUp": 1.0})
    motion = rows(poses)
    expected = gone(subject.rig, mesh.astype(np.float32), motion).astype(np.float64)
    found = dots.found(subject.puppet, dotted, motion, expected)
    pad = 0.35 * subject.face.u
    (left, top), (right, bottom) = (mesh.min(axis=0) - pad).astype(int), (mesh.max(axis=0) + pad).astype(int)
    scale = 600 / (right - left)
    pictures = []
    for wanted, seen in zip(expected, found, strict=True):
        picture = np.zeros((round((bottom - top) * scale), 600, 3), np.uint8)
        for start, place, at in zip(mesh, wanted, seen, strict=True):
            a, b = (tuple(round(scale * (c - o)) for c, o in zip(p, (left, top), strict=True)) for p in (start, place))
            cv2.line(picture, a, b, START, 1, cv2.LINE_AA)
            cv2.circle(picture, b, 3, EXPECTED, 1, cv2.LINE_AA)
            if np.isfinite(at).all():
                there = tuple(round(scale * (c - o)) for c, o in zip(at, (left, top), strict=True))
                cv2.circle(picture, there, 1, FOUND, -1, cv2.LINE_AA)
        pictures.append(picture)
    return pictures, [" ".join(pose) for pose in poses]


def _cropped(subject: Subject, frames: Frames, points: tuple[int, ...]) -> list[Picture]:
    about = subject.mesh[list(points), :2]
    pad = 0.25 * subject.face.u
    height, width = subject.rgb.shape[:2]
    left, top = (max(0, int(c)) for c in about.min(axis=0) - pad)
    right, bottom = (int(c) for c in about.max(axis=0) + pad)
    return [frame[top : min(height, bottom), left : min(width, right)] for frame in frames]
