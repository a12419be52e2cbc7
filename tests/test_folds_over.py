"""The measure of fold-overs finds one that is there."""

from __future__ import annotations

import pytest
import torch

from renderer.puppet.lattice import Lattice
from tests.folds_over import kept

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
