"""Displacement fields on a lattice, and their inverse.

A field says where each point of the picture goes. Painting needs the opposite: for each pixel, the point that comes there.
The inverse is found by Newton's method with the field's own Jacobian, since a fixed point does not converge where a field
bends sharply (an opening jaw, a rolling head). Everything is computed alike for each frame of a batch, so a frame does not
depend on its neighbours.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from torch import Tensor
from torch.nn.functional import grid_sample

from renderer.puppet.sampling import seen_from

LEAST_DETERMINANT = 0.15
"""Below it a field folds; the step is taken as if it did not."""


@dataclass(frozen=True, slots=True)
class Lattice:
    """A regular grid of nodes over a part of the picture.

    Attributes:
        left, top: pixels of the first node.
        cell: pixels between nodes.
        columns, rows: how many nodes.
    """

    left: float
    top: float
    cell: float
    columns: int
    rows: int

    def nodes(self) -> Tensor:
        """Pixels of the nodes: float32 [2, rows, columns], x then y."""
        x = self.left + self.cell * torch.arange(self.columns, dtype=torch.float32)
        y = self.top + self.cell * torch.arange(self.rows, dtype=torch.float32)
        return torch.stack([x.expand(self.rows, -1), y[:, None].expand(-1, self.columns)])

    def sample(self, field: Tensor, places: Tensor) -> Tensor:
        """A field's values at places in between, those of the border beyond it.

        Args:
            field: [batch, channels, rows, columns].
            places: pixels, [batch, 2, height, width].

        Returns:
            [batch, channels, height, width].
        """
        size = self.cell * (self.columns - 1), self.cell * (self.rows - 1)
        seen = seen_from(places, (self.left, self.top), size)
        return grid_sample(field, seen, mode="bilinear", padding_mode="border", align_corners=True)


def lattice_over(left: float, top: float, right: float, bottom: float, cell: float) -> Lattice:
    """The smallest lattice with this cell that covers a box."""
    columns = max(3, int(-(-(right - left) // cell)) + 1)
    rows = max(3, int(-(-(bottom - top) // cell)) + 1)
    return Lattice(left, top, cell, columns, rows)


def jacobian(displacement: Tensor, cell: float) -> Tensor:
    """Derivatives of a displacement on its lattice by central differences, one-sided at the border.

    Args:
        displacement: [batch, 2, rows, columns], pixels.
        cell: pixels between nodes.

    Returns:
        [batch, 4, rows, columns]: dx/dx, dx/dy, dy/dx, dy/dy.
    """
    across, down = torch.gradient(displacement, spacing=cell, dim=(3, 2))
    return torch.stack([across[:, 0], down[:, 0], across[:, 1], down[:, 1]], dim=1)


def inverse(lattice: Lattice, displacement: Tensor, *, steps: int, longest: float, guess: Tensor | None = None) -> Tensor:
    """The displacement that leads from where points come to back to where they were.

    Args:
        lattice: of the field, and of the result.
        displacement: [batch, 2, rows, columns], pixels: a point x goes to x + displacement(x).
        steps: of Newton's method.
        longest: pixels that one step may go at most along an axis; keeps it from leaping over a bend.
        guess: of the result; none by default.

    Returns:
        [batch, 2, rows, columns], pixels: a pixel y shows the point y + result(y). Exactly 0 where nothing moves.
    """
    target = lattice.nodes().to(displacement).expand(displacement.shape[0], -1, -1, -1)
    # Newton's step by the Jacobian's inverse, which is found once and sampled like the field itself.
    both = torch.cat([displacement, _inverted(jacobian(displacement, lattice.cell))], dim=1)
    moved = torch.zeros_like(displacement) if guess is None else guess
    for _ in range(steps):
        values = lattice.sample(both, target + moved)
        miss = moved + values[:, :2]
        step = (values[:, 2:].unflatten(1, (2, 2)) * miss[:, None]).sum(dim=2)
        moved = moved - step.clamp_(-longest, longest)
    return moved


def _inverted(slopes: Tensor) -> Tensor:
    """Inverses [batch, 4, ...] of the identity plus slopes [batch, 4, ...], rows one after the other."""
    a, b, c, d = slopes[:, 0] + 1, slopes[:, 1], slopes[:, 2], slopes[:, 3] + 1
    determinant = a * d - b * c
    determinant = torch.where(determinant < 0, -1.0, 1.0) * determinant.abs().clamp_min(LEAST_DETERMINANT)
    return torch.stack([d, -b, -c, a], dim=1) / determinant[:, None]


def mixed(basis: Tensor, weights: Tensor) -> Tensor:
    """Weighted sums of fields, added up in one order, so that they round alike everywhere.

    Which weights are 0 throughout is looked up once a batch, the only thing for which a GPU is waited for: of some sixty fields
    a batch needs a few.

    Args:
        basis: [n, size].
        weights: [batch, n].

    Returns:
        [batch, size].
    """
    total = torch.zeros(weights.shape[0], basis.shape[1], device=basis.device)
    for n in weights.abs().amax(dim=0).nonzero()[:, 0].tolist():  # the others would add exactly nothing
        total = total + weights[:, n, None] * basis[n]
    return total
