import cv2
import numpy as np
import pytest

from numpy.typing import NDArray

from protocol.channels import CHANNELS, INDEX, NAMES
from renderer.faces import FaceNets
from renderer.portrait import Portrait
from renderer.puppet.geometry import Field, HeadFrame, Points, head_frame
from renderer.puppet.puppet import Puppet
from renderer.puppet.regions import head_coordinates, region_mask
from renderer.puppet.rig import PuppetRig
from renderer.weights import Weights
from tests.drawn_face import drawn_mesh
from tests.thinned import thinned

SHAPE = (260, 220)
SIZE = (384, 480)
"""Width and height that the sample is reduced to: eyes about 90 pixels apart."""
STILL = [name for name, channel in CHANNELS.items() if channel.region != "head"]


@pytest.fixture(scope="module")
def drawn() -> tuple[HeadFrame, Points, Field]:
    frame, mesh = drawn_mesh(80.0, 110.0, 110.0)
    return frame, mesh, head_coordinates(frame, mesh, SHAPE)


def mask(drawn: tuple[HeadFrame, Points, Field], channel: str) -> NDArray[np.bool_]:
    frame, mesh, coordinates = drawn
    return region_mask(channel, frame, mesh, SHAPE, coordinates=coordinates)


def test_head_coordinates_are_those_of_the_mesh(drawn):
    frame, mesh, (x, y) = drawn
    points = frame.head(mesh)
    for point in (33, 263, 152, 50):
        column, row = np.round(mesh[point, :2]).astype(int)
        assert [x[row, column], y[row, column]] == pytest.approx(points[point, :2], abs=0.02)


def test_regions_may_be_asked_for_one_by_one(drawn):
    frame, mesh, _ = drawn
    assert np.array_equal(region_mask("jawOpen", frame, mesh, SHAPE), mask(drawn, "jawOpen"))


def test_the_head_may_change_everything_and_unknown_channels_are_refused(drawn):
    assert mask(drawn, "headYaw").all()
    with pytest.raises(KeyError):
        mask(drawn, "earWiggle")


@pytest.mark.parametrize("name", STILL)
def test_every_region_is_a_part_of_the_face(drawn, name):
    assert 0.005 < mask(drawn, name).mean() < 0.5


def test_sides_mirror_each_other_and_those_without_a_side_are_both(drawn):
    assert np.array_equal(mask(drawn, "eyeBlinkLeft")[:, 1:], mask(drawn, "eyeBlinkRight")[:, :0:-1])
    inner = mask(drawn, "browInnerUp")
    assert np.array_equal(inner, mask(drawn, "browDownLeft") | mask(drawn, "browDownRight"))


def test_regions_of_different_organs_are_apart(drawn):
    assert not (mask(drawn, "eyeBlinkLeft") & mask(drawn, "eyeBlinkRight")).any()
    assert not (mask(drawn, "jawOpen") & mask(drawn, "browInnerUp")).any()
    assert not (mask(drawn, "mouthRollLower") & mask(drawn, "eyeBlinkLeft")).any()


@pytest.fixture(scope="module")
def portrait(sample: NDArray[np.uint8]) -> NDArray[np.uint8]:
    return cv2.resize(sample, SIZE, interpolation=cv2.INTER_AREA).astype(np.uint8)


@pytest.fixture(scope="module")
def puppet(models: Weights) -> Puppet:
    return Puppet(FaceNets(models.models()))


@pytest.fixture(scope="module")
def rig(puppet: Puppet, portrait: NDArray[np.uint8]) -> PuppetRig:
    return puppet.prepare(Portrait(rgb=portrait, alpha=None, name="portrait.png", notes=(), digest=""))


@pytest.fixture(scope="module")
def seen(rig: PuppetRig, portrait: NDArray[np.uint8]) -> tuple[HeadFrame, Points, Field]:
    mesh = rig.face.mesh.astype(np.float64)
    frame = head_frame(mesh)
    return frame, mesh, head_coordinates(frame, mesh, portrait.shape[:2])


@pytest.fixture(scope="module")
def befores(puppet: Puppet, rig: PuppetRig) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The face at rest, and with its jaw open."""
    rows = np.zeros((2, len(NAMES)), np.float32)
    rows[1, INDEX["jawOpen"]] = 1
    at_rest, open_ = puppet.render(rig, rows)
    return at_rest, open_


@pytest.mark.parametrize("name", thinned(STILL, 5))
def test_a_channel_changes_its_part_of_the_portrait_and_nothing_else(puppet, rig, portrait, seen, befores, name):
    channel = CHANNELS[name]
    frame, mesh, coordinates = seen
    rest = np.zeros((1, len(NAMES)), np.float32)
    opened = name == "mouthClose"  # closes what the jaw has opened, and is nothing without it
    rest[0, INDEX["jawOpen"]] = float(opened)
    before = befores[opened]
    allowed = region_mask(name, frame, mesh, portrait.shape[:2], coordinates=coordinates)
    for value in {channel.low, channel.high} - {0}:
        moved = rest.copy()
        moved[0, INDEX[name]] = value
        changed = (puppet.render(rig, moved)[0] != before).any(axis=2)
        assert changed.any() != channel.derived, name
        assert not (changed & ~allowed).any(), f"{(changed & ~allowed).sum()} of {changed.sum()} pixels"
