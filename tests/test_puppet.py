"""The puppet gives the portrait back at rest, moves only what is asked, and every frame the same however it is asked for.

These use the face models and the sample portrait at a small size; `tests/bench_puppet.py` measures more, larger.
"""

from __future__ import annotations

import itertools

from dataclasses import fields

import cv2
import numpy as np
import pytest
import torch

from numpy.typing import NDArray

from protocol.channels import CHANNELS, NAMES
from renderer.casting import FaceError
from renderer.errors import DeviceLost
from renderer.faces import FaceNets, landmarks_in
from renderer.interface import Backdrop, Frames
from renderer.portrait import Portrait
from renderer.pose import relative_pose
from renderer.puppet.puppet import Puppet
from renderer.puppet.rig import PuppetRig
from tests.posing import motion
from tests.seen import MEASURES, openness
from tests.thinned import thinned

SIZE = (240, 300)
"""Width and height that the sample is reduced to."""


def portrait_of(rgb: NDArray[np.uint8], alpha: NDArray[np.uint8] | None = None) -> Portrait:
    return Portrait(rgb=rgb, alpha=alpha, name="portrait.png", notes=(), digest="")


@pytest.fixture(scope="module")
def portrait(sample: NDArray[np.uint8]) -> Portrait:
    return portrait_of(cv2.resize(sample, SIZE, interpolation=cv2.INTER_AREA))


@pytest.fixture(scope="module")
def puppet(nets: FaceNets) -> Puppet:
    return Puppet(nets)


@pytest.fixture(scope="module")
def rig(puppet: Puppet, portrait: Portrait) -> PuppetRig:
    return puppet.prepare(portrait)


@pytest.fixture(scope="module")
def lively(rig: PuppetRig) -> NDArray[np.float32]:
    """Eleven frames in which everything moves."""
    random = np.random.default_rng(1)
    rows = np.zeros((11, len(NAMES)), np.float32)
    for column, channel in enumerate(CHANNELS.values()):
        most = 1.0 if channel.unit == "share" else rig.ranges.get(channel.name, (0, 15))[1]
        rows[:, column] = random.uniform(0, 0.5 * most, 11)
    return rows


def show(puppet: Puppet, rig: PuppetRig, *poses: dict[str, float]) -> Frames:
    return puppet.render(rig, motion(*poses))


def test_at_rest_the_frame_is_the_portrait(puppet: Puppet, rig: PuppetRig, portrait: Portrait):
    assert np.array_equal(show(puppet, rig, {})[0], portrait.rgb)


@pytest.mark.parametrize(("amount", "most"), [(0.0003, 1), (0.001, 3), (0.003, 9)])
def test_the_way_from_rest_is_continuous(amount: float, most: int, puppet: Puppet, rig: PuppetRig, portrait: Portrait):
    """A hard edge that moves by a hundredth of a pixel changes by a grey level or two: what changes grows with the motion."""
    tiny = {name: amount for name, channel in CHANNELS.items() if not channel.derived}
    difference = np.abs(show(puppet, rig, tiny)[0].astype(int) - portrait.rgb)
    assert difference.max() <= most
    assert (difference > max(1, most // 2)).mean() < 0.002


@pytest.mark.parametrize("cuts", thinned([[0, 1, 8, 11], [0, 4, 11], [*range(12)]], 3), ids=str)
def test_frames_do_not_depend_on_how_they_are_cut(cuts: list[int], puppet: Puppet, rig: PuppetRig, lively: NDArray[np.float32]):
    whole = puppet.render(rig, lively)
    parts = [puppet.render(rig, lively[a:b]) for a, b in itertools.pairwise(cuts)]
    assert np.array_equal(np.concatenate(parts), whole)


def test_no_motion_gives_no_frames(puppet: Puppet, rig: PuppetRig):
    assert puppet.render(rig, motion()).shape == (0, SIZE[1], SIZE[0], 3)


def test_far_from_the_person_nothing_changes(puppet: Puppet, rig: PuppetRig, lively: NDArray[np.float32], portrait: Portrait):
    """The head turns inside a wide picture: beyond its reach every pixel is the portrait's."""
    changed = (puppet.render(rig, lively) != portrait.rgb).any(axis=(0, 3))
    left, top, right, bottom = rig.stage
    outside = np.ones(changed.shape, bool)
    outside[top:bottom, left:right] = False
    assert not changed[outside].any()


@pytest.mark.parametrize("name", thinned(MEASURES, 2))
def test_a_channel_does_what_its_name_says(name: str, puppet: Puppet, rig: PuppetRig, nets: FaceNets):
    channels, way, measure = MEASURES[name]
    frames = show(puppet, rig, *(dict.fromkeys(channels, k) for k in (0.0, 0.5, 1.0)))
    faces = [landmarks_in(frame, rig.face, nets) for frame in frames]
    rest, half, full = (way * measure(face) for face in faces if face is not None)
    assert rest < half < full


@pytest.mark.parametrize(("channel", "angle"), [("headYaw", 12.0), ("headYaw", -12.0), ("headPitch", 8.0), ("headRoll", -12.0)])
def test_the_head_turns_as_far_as_it_is_told(channel: str, angle: float, puppet: Puppet, rig: PuppetRig, nets: FaceNets):
    before, after = (landmarks_in(frame, rig.face, nets) for frame in show(puppet, rig, {}, {channel: angle}))
    assert before is not None
    assert after is not None
    seen = relative_pose(before.mesh, after.mesh)
    wanted = [angle if channel == name else 0.0 for name in ("headYaw", "headPitch", "headRoll")]
    assert seen == pytest.approx(wanted, abs=5)


def test_a_blink_closes_the_eyes(puppet: Puppet, rig: PuppetRig, nets: FaceNets):
    frames = show(puppet, rig, {}, {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0})
    opened, closed = (landmarks_in(frame, rig.face, nets) for frame in frames)
    assert opened is not None
    assert closed is not None
    assert openness(closed) <= 0.45 * openness(opened)


def test_one_eye_winks_alone(puppet: Puppet, rig: PuppetRig, portrait: Portrait):
    winked = (show(puppet, rig, {"eyeBlinkLeft": 1.0})[0] != portrait.rgb).any(axis=2)
    middle = rig.face.mesh[168, 0]
    assert winked[:, int(middle) + 2 :].any()
    assert not winked[:, : int(middle) - 1].any()


def test_a_small_face_is_moved_on_an_enlarged_copy(puppet: Puppet, portrait: Portrait):
    small = portrait_of(cv2.resize(portrait.rgb, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
    rig = puppet.prepare(small)
    assert rig.factor > 1
    rest, blink = show(puppet, rig, {}, {"eyeBlinkLeft": 1.0, "eyeBlinkRight": 1.0})
    assert np.array_equal(rest, small.rgb)
    assert not np.array_equal(blink, small.rgb)


def test_a_grey_portrait_stays_grey(puppet: Puppet, portrait: Portrait):
    grey = portrait_of(np.repeat(cv2.cvtColor(portrait.rgb, cv2.COLOR_RGB2GRAY)[..., None], 3, axis=2))
    frame = show(puppet, puppet.prepare(grey), {"jawOpen": 0.8, "headYaw": 10.0, "eyeBlinkLeft": 1.0, "tongueOut": 0.5})[0]
    assert np.ptp(frame.astype(int), axis=2).max() <= 2


def test_a_picture_without_a_face_is_refused(puppet: Puppet):
    plain = np.full((128, 128, 3), 180, np.uint8)
    with pytest.raises(FaceError, match="no face was found"):
        puppet.prepare(portrait_of(plain))


def test_a_rig_that_travelled_gives_the_same_frames(
    puppet: Puppet, rig: PuppetRig, nets: FaceNets, lively: NDArray[np.float32]
):
    """As bytes to another puppet, which never saw the portrait, in the way that Ray has them travel."""
    from ray import cloudpickle  # noqa: PLC0415 - takes a second

    travelled = Puppet(nets).unpacked(cloudpickle.loads(cloudpickle.dumps(puppet.packed(rig))))
    assert (travelled.size, travelled.focus, dict(travelled.ranges)) == (rig.size, rig.focus, dict(rig.ranges))
    assert np.array_equal(Puppet(nets).render(travelled, lively), puppet.render(rig, lively))
    for backdrop in (Backdrop(), Backdrop((16, 32, 48))):
        assert np.array_equal(Puppet(nets).render(travelled, lively[:2], backdrop), puppet.render(rig, lively[:2], backdrop))


def test_a_rig_is_packed_without_anything_on_a_device(puppet: Puppet, rig: PuppetRig):
    packed = puppet.packed(rig)
    values = [getattr(packed, field.name) for field in fields(packed)]
    tensors = [value for value in values if isinstance(value, torch.Tensor)]
    assert tensors
    assert {tensor.device.type for tensor in tensors} == {"cpu"}


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (RuntimeError("CUDA error: an illegal memory access was encountered\nCompile with TORCH_USE_CUDA_DSA"), DeviceLost),
        (torch.AcceleratorError("unspecified launch failure"), DeviceLost),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20 GiB"), MemoryError),
        (RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory"), MemoryError),
        (RuntimeError("shape mismatch"), RuntimeError),
    ],
)
def test_a_device_that_is_lost_is_told_from_other_errors(error, told, puppet: Puppet, rig: PuppetRig, monkeypatch):
    """After some errors the process is of no use any more, after others the next chunk may work out."""

    def fail(*_: object) -> None:
        raise error

    monkeypatch.setattr("renderer.puppet.puppet.paint", fail)
    with pytest.raises(told) as caught:
        show(puppet, rig, {})
    assert type(caught.value) is told
    assert "\n" not in str(caught.value)


def test_the_portraits_own_transparency_is_its_matte(puppet: Puppet, portrait: Portrait):
    alpha = np.zeros(portrait.rgb.shape[:2], np.uint8)
    alpha[10:-10, 30:-30] = 255
    rig = puppet.prepare(portrait_of(portrait.rgb, alpha))
    assert np.array_equal(show(puppet, rig, {})[0], portrait.rgb)
