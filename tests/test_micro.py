import cv2
import numpy as np
import pytest

from numpy.typing import NDArray

from renderer.faces import FaceNets
from renderer.portrait import Portrait
from renderer.puppet.puppet import Puppet
from renderer.puppet.rig import PuppetRig
from renderer.weights import Weights
from tests.micro import CODED, Micro, micro, moved_parts

SIZE = (384, 480)
"""Width and height that the sample is reduced to: eyes about 90 pixels apart."""
TRACES = ("browInnerUp", "browDownLeft", "cheekSquintRight", "noseSneerLeft", "mouthFrownRight")
LEAST = 0.3
"""Of the pixels that a channel moves."""


@pytest.fixture(scope="module")
def puppet(models: Weights) -> Puppet:
    return Puppet(FaceNets(models.models()))


@pytest.fixture(scope="module")
def rig(puppet: Puppet, sample: NDArray[np.uint8]) -> PuppetRig:
    small = cv2.resize(sample, SIZE, interpolation=cv2.INTER_AREA).astype(np.uint8)
    return puppet.prepare(Portrait(rgb=small, alpha=None, name="portrait.png", notes=(), digest=""))


@pytest.fixture(scope="module")
def traces(puppet: Puppet, rig: PuppetRig) -> list[Micro]:
    return micro(puppet, rig, TRACES)


def test_a_trace_of_an_expression_is_in_the_film(traces):
    assert [each.channel for each in traces] == list(TRACES)
    for each in traces:
        assert each.pixels > 100
        assert each.rendered >= LEAST, each
        assert each.encoded >= LEAST, each
        assert each.noise < 0.1, each


def test_pixels_that_count_are_those_that_move(rig):
    right, left, derived = moved_parts(rig, ("browOuterUpRight", "browOuterUpLeft", "eyeLookUpLeft"))
    assert right.any()
    assert left.any()
    assert not (right & left).any()
    assert not derived.any()  # read off the gaze, it moves nothing by itself


def test_every_coefficient_that_can_be_asked_for_is_measured():
    assert len(CODED) == 52 - 8
