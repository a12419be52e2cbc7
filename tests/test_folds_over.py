"""The measure of fold-overs finds one that is there."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from numpy.typing import NDArray

from renderer.faces import FaceNets
from renderer.portrait import Portrait
from renderer.puppet.lattice import Lattice
from renderer.puppet.puppet import Puppet
from renderer.weights import Weights
from tests.folds_over import fold_overs, kept

LATTICE = Lattice(0.0, 0.0, 4.0, 21, 11)


def squeezed(share: float) -> torch.Tensor:
    """A displacement [1, 2, rows, columns] that leaves a share of each width."""
    x = LATTICE.nodes()[0]
    return torch.stack([(share - 1) * x, torch.zeros_like(x)])[None]


@pytest.mark.parametrize("share", [1.0, 0.5, 0.0, -0.5])
def test_a_place_keeps_the_share_of_its_area_that_it_is_squeezed_to(share):
    assert torch.allclose(kept(LATTICE, squeezed(share)), torch.tensor(share), atol=1e-5)


def test_a_place_that_turns_keeps_its_area():
    nodes = LATTICE.nodes()
    quarter = torch.stack([-nodes[1] - nodes[0], nodes[0] - nodes[1]])[None]
    assert torch.allclose(kept(LATTICE, quarter), torch.tensor(1.0), atol=1e-5)


def test_two_motions_of_the_head_at_once_turn_nothing_over(models: Weights, sample: NDArray[np.uint8]):
    """Each of the head's channels and all pairs of them, up to the ends of their ranges."""
    picture = cv2.resize(sample, (256, 320), interpolation=cv2.INTER_AREA)
    rig = Puppet(FaceNets(models.models())).prepare(Portrait(rgb=picture, alpha=None, name="", notes=(), digest=""))
    found = fold_overs(rig, 0)
    assert found.seen > 0
    assert found.head == 0
    assert found.torn == 0
