"""The portraits that the puppet is measured on, prepared: files that are named, or what is made from the sample."""

from __future__ import annotations

import time

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import cv2
import numpy as np

from numpy.typing import NDArray

from protocol.channels import CHANNELS, INDEX, NAMES
from renderer.faces import Face, FaceNets, landmarks_in
from renderer.interface import Backdrop, Frames
from renderer.portrait import Portrait, read_portrait
from renderer.puppet.geometry import Field, HeadFrame, Points, head_frame
from renderer.puppet.puppet import Puppet, prepared
from renderer.puppet.regions import head_coordinates, region_mask
from renderer.puppet.rig import PuppetRig
from renderer.sample import sample_portrait
from renderer.weights import Weights
from tests.drawn_face import drawn_portrait
from tests.posing import motion

SIZE = 512
"""Pixels of the longer side that portraits are measured at, at most."""
AMOUNTS = (0.25, 0.5, 0.75, 1.0)
GAZE = 15.0
"""Degrees that eyes are turned by at 1."""

DRAWN, DRAWING = "drawn", (110, 256, 230, 512, 512)
"""The drawn face: its name; pixels between its outer eye corners, its middle, width and height of the picture."""

Picture = NDArray[np.uint8]
Motion = NDArray[np.float32]
Pose = dict[str, float]


@dataclass(frozen=True, slots=True)
class Case:
    """A channel one way.

    Attributes:
        name: of the channel, with the way where there are two.
        channel: its name.
        full: its value at 1.
    """

    name: str
    channel: str
    full: float

    @property
    def head(self) -> bool:
        """Whether it moves the head."""
        return CHANNELS[self.channel].region == "head"


def rows(poses: Iterable[Pose]) -> Motion:
    """A motion of one frame per pose."""
    return motion(*(dict(pose) for pose in poses))


class Subject:
    """A portrait, prepared, with what is asked of it.

    Args:
        name: of the portrait.
        portrait: the picture.
        nets: that look for landmarks.
        rig: if the networks need not find the face.
    """

    def __init__(self, name: str, portrait: Portrait, nets: FaceNets, rig: PuppetRig | None = None) -> None:
        self.name, self.portrait, self.nets = name, portrait, nets
        self.puppet = Puppet(nets)
        self.detected = rig is None
        began = time.perf_counter()
        self.rig: PuppetRig = rig or self.puppet.prepare(portrait)
        self.prepared_in = time.perf_counter() - began
        self.face: Face = self.rig.face

    @property
    def rgb(self) -> Picture:
        return self.portrait.rgb

    @cached_property
    def mesh(self) -> Points:
        return self.face.mesh.astype(np.float64)

    @cached_property
    def frame(self) -> HeadFrame:
        """The head's axes in pixels of the portrait."""
        return head_frame(self.mesh)

    @cached_property
    def coordinates(self) -> Field:
        return head_coordinates(self.frame, self.mesh, self.rgb.shape[:2])

    @cached_property
    def cases(self) -> tuple[Case, ...]:
        """Every channel that somebody proposes, each way; the head's as far as the rig can show."""
        found = []
        for name, channel in CHANNELS.items():
            if channel.derived:
                continue
            if channel.unit == "share":
                found.append(Case(name, name, 1.0))
            else:
                low, high = self.rig.ranges.get(name, (-GAZE, GAZE))
                if channel.region == "eyes":
                    low, high = max(low, -GAZE), min(high, GAZE)
                found += [Case(f"{name}{way}", name, full) for way, full in (("-", low), ("+", high))]
        return tuple(found)

    def region(self, channel: str) -> NDArray[np.bool_]:
        return region_mask(channel, self.frame, self.mesh, self.rgb.shape[:2], coordinates=self.coordinates)

    def render(self, motion: Motion, backdrop: Backdrop | None = None) -> Frames:
        return self.puppet.render(self.rig, motion, backdrop)

    def frames(self, *poses: Pose) -> Frames:
        return self.render(rows(poses))

    def seen(self, frame: Picture) -> Face | None:
        """What a detector sees where this face is."""
        return landmarks_in(frame, self.face, self.nets)

    def lively(self, count: int, *, seed: int = 5, most: float = 0.6) -> Motion:
        """Frames in which everything moves at random, within the rig's ranges."""
        random = np.random.default_rng(seed)
        motion = np.zeros((count, len(NAMES)), np.float32)
        for case in self.cases:
            motion[:, INDEX[case.channel]] = most * case.full * random.random(count)
        return motion


def portrait_of(rgb: Picture, name: str) -> Portrait:
    return Portrait(rgb=np.ascontiguousarray(rgb), alpha=None, name=name, notes=(), digest="")


def portraits(files: Sequence[Path], weights: Weights, size: int = SIZE) -> list[tuple[str, Portrait]]:
    """The portraits in these files by their names, reduced to so many pixels; without any the sample, what becomes of it when
    it is taken otherwise, and a drawn face."""
    if files:
        return [(path.stem, read_portrait(path, size=size)) for path in files]
    made = [(name, portrait_of(rgb, name)) for name, rgb in made_from(sample_portrait(weights)).items()]
    return [*made, (DRAWN, portrait_of(drawn_portrait(*DRAWING)[0], DRAWN))]


def subject_of(name: str, portrait: Portrait, nets: FaceNets) -> Subject:
    """One of these, prepared; of the drawn face the mesh is known."""
    if name != DRAWN:
        return Subject(name, portrait, nets)
    return Subject(name, portrait, nets, prepared(*drawn_portrait(*DRAWING)))


def made_from(sample: Picture) -> dict[str, Picture]:
    """What becomes of the sample in other cameras, frames and lights."""
    height, width = sample.shape[:2]
    grey = np.repeat(cv2.cvtColor(sample, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2)
    tilt = cv2.getRotationMatrix2D((width / 2, height / 2), 12, 1.0)
    noise = np.random.default_rng(3).normal(0, 6, sample.shape)
    _, pressed = cv2.imencode(".jpg", np.clip(sample + noise, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, 35])
    dark = 255 * (sample / 255.0) ** 1.8 * [0.62, 0.55, 0.5]
    return {
        "sample": sample,
        "grey": grey,
        "half size": cv2.resize(sample, (width // 2, height // 2), interpolation=cv2.INTER_AREA),
        "tiny": cv2.resize(sample, (width // 5, height // 5), interpolation=cv2.INTER_AREA),
        "mirrored": sample[:, ::-1],
        "tilted": cv2.warpAffine(sample, tilt, (width, height), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE),
        "close": sample[height // 12 : height * 7 // 10, width // 7 : -width // 7],
        "noisy": cv2.imdecode(pressed, cv2.IMREAD_COLOR),
        "dark": np.clip(dark, 0, 255).astype(np.uint8),
    }
