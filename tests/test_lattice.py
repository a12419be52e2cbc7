"""Fields on a lattice are looked up between nodes, and their inverse leads back to where each pixel came from."""

from __future__ import annotations

import pytest
import torch

from renderer.puppet.lattice import Lattice, inverse, jacobian, lattice_over

LATTICE = Lattice(10.0, 20.0, 4.0, 51, 41)


def bump(lattice: Lattice, height: float, reach: float) -> torch.Tensor:
    """A displacement [1, 2, rows, columns] to the right and down around the lattice's middle, 0 at its border."""
    nodes = lattice.nodes()
    x = (nodes[0] - nodes[0].mean()) / reach
    y = (nodes[1] - nodes[1].mean()) / reach
    hill = height * (1 - x * x - y * y).clamp_min(0) ** 2
    return torch.stack([hill, 0.5 * hill])[None]


def test_nodes_are_a_cell_apart():
    nodes = LATTICE.nodes()
    assert nodes.shape == (2, 41, 51)
    assert nodes[:, 0, 0].tolist() == [10, 20]
    assert nodes[:, -1, -1].tolist() == [210, 180]


def test_a_lattice_covers_its_box():
    lattice = lattice_over(3.0, 5.0, 100.0, 61.0, 7.0)
    nodes = lattice.nodes()
    assert nodes[0].max() >= 100
    assert nodes[1].max() >= 61
    assert nodes[:, 0, 0].tolist() == [3, 5]


def test_a_linear_field_is_looked_up_exactly_between_nodes():
    field = (2 * LATTICE.nodes()[0] - 3 * LATTICE.nodes()[1])[None, None]
    places = torch.tensor([[33.3, 71.2], [40.0, 99.9]])[None, :, :, None]
    seen = LATTICE.sample(field, places)[0, 0, :, 0]
    assert seen.tolist() == pytest.approx([2 * 33.3 - 3 * 40.0, 2 * 71.2 - 3 * 99.9], abs=1e-3)


def test_beyond_the_border_the_border_counts():
    field = LATTICE.nodes()[:1][None]
    far = torch.tensor([[-500.0], [0.0]])[None, :, :, None]
    assert LATTICE.sample(field, far).item() == 10


def test_derivatives_of_a_linear_field_are_its_slopes():
    x, y = LATTICE.nodes()
    field = torch.stack([0.1 * x + 0.2 * y, 0.3 * x - 0.4 * y])[None]
    slopes = jacobian(field, LATTICE.cell)[0, :, 20, 20]
    assert slopes.tolist() == pytest.approx([0.1, 0.2, 0.3, -0.4], abs=1e-5)


@pytest.mark.parametrize("height", [0.5, 5.0, 20.0])
def test_the_inverse_leads_back(height: float):
    field = bump(LATTICE, height, 60)
    back = inverse(LATTICE, field, steps=8, longest=12)
    places = LATTICE.nodes()[None] + back
    landed = places + LATTICE.sample(field, places)
    assert (landed - LATTICE.nodes()).abs().max() < 0.02


def test_where_nothing_moves_the_inverse_is_exactly_nothing():
    field = bump(LATTICE, 10.0, 30)
    back = inverse(LATTICE, field, steps=6, longest=10)
    still = (LATTICE.nodes() - LATTICE.nodes().mean(dim=(1, 2), keepdim=True)).norm(dim=0) > 60
    assert (back[0][:, still] == 0).all()
    assert (inverse(LATTICE, torch.zeros_like(field), steps=3, longest=10) == 0).all()


def test_a_frame_of_a_batch_is_inverted_as_if_it_were_alone():
    fields = torch.cat([bump(LATTICE, height, 50) for height in (3.0, 11.0, 17.0)])
    together = inverse(LATTICE, fields, steps=6, longest=10)
    alone = torch.cat([inverse(LATTICE, field[None], steps=6, longest=10) for field in fields])
    assert torch.equal(together, alone)
