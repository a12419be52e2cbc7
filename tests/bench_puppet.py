"""What the puppet's frames show, and how fast they come: `python tests/bench_puppet.py [PORTRAIT …] [--pictures FOLDER]`.

Without portraits the sample is measured. Single channels are rendered at 0, 1/2 and 1, and the face is detected again in the
frames: the distance that belongs to the channel has to grow or shrink step by step, head angles have to be those asked for.
Then: how far a blink closes the eyes, whether frames at rest are the portrait, whether anything changes outside the person,
and whether frames depend on how they are cut into chunks. The speed is that of rendering alone, at 512 pixels.
"""

from __future__ import annotations

import argparse
import itertools
import time

from pathlib import Path

import cv2
import numpy as np

from numpy.typing import NDArray
from PIL import Image

from protocol.channels import CHANNELS, INDEX, NAMES
from renderer.faces import Face, FaceNets, landmarks_in
from renderer.interface import Backdrop, Frames
from renderer.portrait import Portrait, read_portrait
from renderer.pose import head_pose, pose_of, relative_pose, rotation
from renderer.puppet.geometry import head_frame
from renderer.puppet.puppet import Puppet
from renderer.puppet.regions import head_coordinates, region_mask
from renderer.puppet.rig import PuppetRig
from renderer.sample import sample_portrait
from renderer.weights import open_weights
from tests.seen import MEASURES, openness

SIZE = 900
"""Pixels of the longer side that portraits are measured at."""
POSES = (
    ("headYaw", 15.0),
    ("headYaw", -15.0),
    ("headPitch", 10.0),
    ("headPitch", -10.0),
    ("headRoll", 15.0),
    ("headRoll", -15.0),
)
ANGLES = ("headYaw", "headPitch", "headRoll")


def rows(*poses: dict[str, float]) -> NDArray[np.float32]:
    """A motion of one frame per pose."""
    motion = np.zeros((len(poses), len(NAMES)), np.float32)
    for row, pose in zip(motion, poses, strict=True):
        for name, value in pose.items():
            row[INDEX[name]] = value
    return motion


class Subject:
    """A portrait, prepared, with what is asked of it."""

    def __init__(self, name: str, portrait: Portrait, nets: FaceNets) -> None:
        self.name = name
        self.portrait = portrait
        self._nets = nets
        self.puppet = Puppet(nets)
        began = time.perf_counter()
        self.rig: PuppetRig = self.puppet.prepare(portrait)
        self.prepared_in = time.perf_counter() - began
        self.face: Face = self.rig.face

    def frames(self, *poses: dict[str, float]) -> Frames:
        return self.puppet.render(self.rig, rows(*poses))

    def seen(self, frame: NDArray[np.uint8]) -> Face | None:
        return landmarks_in(frame, self.face, self._nets)


def steps_of(subject: Subject, channels: tuple[str, ...]) -> list[Face | None]:
    return [subject.seen(frame) for frame in subject.frames(*(dict.fromkeys(channels, k) for k in (0.0, 0.5, 1.0)))]


def channels_are_seen(subject: Subject) -> dict[str, bool]:
    """Whether each measured channel moves what it is to move, step by step."""
    found = {}
    for name, (channels, way, measure) in MEASURES.items():
        values = [float("nan") if face is None else way * measure(face) for face in steps_of(subject, channels)]
        found[name] = values[0] < values[1] < values[2]
        print(f"  {name:12} {' '.join(f'{way * value:7.4f}' for value in values)}  {'ok' if found[name] else 'WRONG'}")
    return found


def head_turns(subject: Subject) -> dict[str, bool]:
    """Whether each head angle is seen as it was asked for, about the head's own axes, within 5 degrees."""
    found = {}
    own = rotation(head_pose(subject.face.mesh))
    for channel, angle in POSES:
        before, after = (subject.seen(frame) for frame in subject.frames({}, {channel: angle}))
        seen: tuple[float, ...] = (float("nan"),) * 3
        if before is not None and after is not None:
            seen = pose_of(own.T @ rotation(relative_pose(before.mesh, after.mesh)) @ own)
        wanted = [angle if name == channel else 0.0 for name in ANGLES]
        found[f"{channel} {angle:+g}"] = all(abs(a - b) <= 5 for a, b in zip(seen, wanted, strict=True))
        said = " ".join(f"{value:6.1f}" for value in seen)
        print(f"  {channel} {angle:+3g}: {said}  {'ok' if found[f'{channel} {angle:+g}'] else 'WRONG'}")
    return found


def blink_closes(subject: Subject) -> float:
    """Eye aspect ratio of a full blink by that of the portrait."""
    faces = [subject.seen(frame) for frame in subject.frames({}, {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0})]
    return float("nan") if None in faces else openness(faces[1]) / openness(faces[0])  # type: ignore[arg-type]


def near_rest(subject: Subject) -> str:
    """How many grey levels the worst pixel differs at rest and as every channel begins to move."""
    moving = [name for name, channel in CHANNELS.items() if not channel.derived]
    amounts = (0.0, 0.00025, 0.0005, 0.001, 0.002, 0.004)
    frames = subject.frames(*(dict.fromkeys(moving, amount) for amount in amounts)).astype(int)
    found = []
    for amount, frame in zip(amounts, frames, strict=True):
        off = np.abs(frame - subject.portrait.rgb).max(axis=2)
        found.append(f"{amount:g}: {off.max()} ({(off > 1).mean():.2%} above 1)")
    return ", ".join(found)


def outside_the_person(subject: Subject) -> int:
    """Pixels that change though the person is there neither at rest nor in the frame, a band of .1 u around it left out."""
    poses: list[dict[str, float]] = [{channel: 0.6 * angle} for channel, angle in POSES]
    poses.append({"jawOpen": 1.0, "browInnerUp": 1.0, "mouthSmileLeft": 1.0})
    motion = rows(*poses)
    changed = (subject.puppet.render(subject.rig, motion) != subject.portrait.rgb).any(axis=3)
    alpha = subject.puppet.render(subject.rig, np.concatenate([rows({}), motion]), Backdrop(None))[..., 3]
    side = 2 * round(0.1 * subject.face.u) + 1
    ball = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    near = [cv2.dilate(np.maximum(alpha[0], moved), ball) > 0 for moved in alpha[1:]]
    return int((changed & ~np.array(near)).sum())


def channels_stay_in_their_parts(subject: Subject) -> str:
    """The channels that change pixels outside their part of the face, with how many of how many."""
    mesh, shape = subject.face.mesh.astype(np.float64), subject.portrait.rgb.shape[:2]
    frame = head_frame(mesh)
    places = head_coordinates(frame, mesh, shape)
    names = [name for name, channel in CHANNELS.items() if not channel.derived and not name.startswith("head")]
    found = []
    for name in names:
        moved = subject.frames({name: 1.0 if CHANNELS[name].unit == "share" else 15.0})[0]
        changed = (moved != subject.portrait.rgb).any(axis=2)
        outside = int((changed & ~region_mask(name, frame, mesh, shape, coordinates=places)).sum())
        if outside:
            found.append(f"{name} {outside} of {int(changed.sum())}")
    return f"{len(names) - len(found)} of {len(names)} stay" + (f" ({', '.join(found)})" if found else "")


def cuts_do_not_show(subject: Subject) -> bool:
    """Whether frames are equal for batches of 1, 7 and 32, and for chunks cut anywhere."""
    random = np.random.default_rng(5)
    motion = np.zeros((32, len(NAMES)), np.float32)
    for column, channel in enumerate(CHANNELS.values()):
        high = subject.rig.ranges.get(channel.name, (0, channel.high))[1] if channel.unit != "share" else 1.0
        motion[:, column] = random.uniform(0, 0.6 * high, 32)
    whole = subject.puppet.render(subject.rig, motion)
    for cuts in ((*range(33),), (0, 7, 14, 21, 28, 32), (0, 3, 4, 17, 32)):
        parts = [subject.puppet.render(subject.rig, motion[a:b]) for a, b in itertools.pairwise(cuts)]
        if not np.array_equal(np.concatenate(parts), whole):
            return False
    return True


def frames_per_second(portrait: Portrait, nets: FaceNets) -> float:
    """Of a lively motion at 512 pixels, preparation not counted: the best of three runs."""
    small = Image.fromarray(portrait.rgb)
    small.thumbnail((512, 512), Image.Resampling.LANCZOS)
    square = np.asarray(small.resize((512, 512), Image.Resampling.LANCZOS))
    puppet = Puppet(nets)
    rig = puppet.prepare(Portrait(rgb=square, alpha=None, name=portrait.name, notes=(), digest=""))
    at = np.linspace(0, 4, 100, dtype=np.float32)
    motion = np.zeros((100, len(NAMES)), np.float32)
    for name, most in (("headYaw", 10), ("headPitch", 5), ("jawOpen", 0.5), ("mouthSmileLeft", 0.8), ("browInnerUp", 0.6)):
        motion[:, INDEX[name]] = most * np.abs(np.sin(at * 3))
    motion[:, INDEX["eyeBlinkLeft"]] = motion[:, INDEX["eyeBlinkRight"]] = np.abs(np.sin(at * 5)) ** 4
    times = []
    for _ in range(3):
        began = time.perf_counter()
        puppet.render(rig, motion)
        times.append(time.perf_counter() - began)
    return len(motion) / min(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("portraits", nargs="*", type=Path)
    options = parser.parse_args()
    weights = open_weights()
    nets = FaceNets(weights.models())
    if options.portraits:
        portraits = [read_portrait(path, size=SIZE) for path in options.portraits]
    else:
        portraits = [Portrait(rgb=sample_portrait(weights), alpha=None, name="sample", notes=(), digest="")]
    tallies: dict[str, list[bool]] = {}
    for portrait in portraits:
        subject = Subject(portrait.name, portrait, nets)
        print(f"{subject.name}: u = {subject.face.u:.0f} pixels, prepared in {subject.prepared_in:.2f} s")
        for name, good in {**channels_are_seen(subject), **head_turns(subject)}.items():
            tallies.setdefault(name, []).append(good)
        print(f"  blink: {blink_closes(subject):.0%} of open")
        print(f"  grey levels off with every channel at {near_rest(subject)}")
        print(f"  changed outside the person: {outside_the_person(subject)} pixels")
        print(f"  channels in their part of the face: {channels_stay_in_their_parts(subject)}")
        print(f"  chunks and batches: {'equal' if cuts_do_not_show(subject) else 'DIFFERENT'}")
        print(f"  {frames_per_second(portrait, nets):.1f} frames/s at 512 x 512")
    for name, tally in tallies.items():
        print(f"{name:14} {sum(tally)} of {len(tally)}")


if __name__ == "__main__":
    main()
