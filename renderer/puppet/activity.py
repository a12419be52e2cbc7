"""Which parts of which frames motion can change, and what has to be done there.

Asked at the nodes of the head's lattice, always on the safe side: a part that is left out is the portrait itself, bit for bit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch

from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import max_pool2d

from renderer.puppet.lattice import Lattice
from renderer.puppet.tiles import Grid, Some, Tiles

TAPS = 2
"""Pixels beyond a place that a sample of alpha takes into account (`sampling.OPAQUE`)."""
ROUNDING = 1e-4
"""What a map's ones lack between nodes by rounding alone."""
APART = 0.5
"""Cells by which neighbouring nodes may come from farther apart, or nearer, than they are: then what lies between them comes
from within three quarters of a cell of one of them, and what is known of all cells around a node holds there."""


@dataclass(frozen=True, slots=True, eq=False)
class Cover:
    """What the canvas shows around the nodes of the head's lattice, each float32 0 or 1.

    Attributes:
        maps: [1, 2, rows, columns]: 1 where something of the person is near; 1 where all around is the person alone.
    """

    maps: Tensor

    @classmethod
    def of(cls, near: NDArray[np.bool_], solid: NDArray[np.bool_], cell: int) -> Cover:
        """What is around the nodes of a lattice.

        Args:
            near: bool [height, width]: where a pixel shows something of the person; a whole number of cells each way.
            solid: bool [height, width]: where it shows the person alone.
            cell: pixels.
        """
        person, other = (torch.from_numpy(_at_nodes(pixels, cell)) for pixels in (near, ~solid))
        return cls(torch.stack([person, 1 - other])[None])


@dataclass(frozen=True, slots=True)
class Moves:
    """What a batch of motion does to the nodes of lattices.

    Attributes:
        turned: [batch, 2, rows, columns], pixels: the way back out of the turned head, at the head's lattice.
        back: [batch, 4, rows, columns], pixels: the same out of the moved skin, above the parting line and below it, at the
            face's lattice.
    """

    turned: Tensor
    back: Tensor


@dataclass(frozen=True, slots=True)
class Activity:
    """Squares to be computed, and those of them in which something is to be done.

    Attributes:
        tiles: all of them.
        skin: where muscles move skin.
        sides: where it matters which side of the mouth a pixel is on.
        folds: where light and shade change.
        inside: where everything is the person alone.
        rim: all others.
        near: those at the rim in which something has moved so little that what the layers lack of the portrait is seen.
        boxes: those that reach into each of the boxes that were asked about.
    """

    tiles: Tiles
    skin: Some
    sides: Some
    folds: Some
    inside: Some
    rim: Some
    near: Some
    boxes: tuple[Some, ...]


def activity(
    grid: Grid,
    cover: Cover,
    lattices: tuple[Lattice, Lattice],
    moves: Moves,
    shaded: Callable[[Tensor], Tensor],
    boxes: Sequence[tuple[Tensor, Tensor]],
    fades: float,
) -> Activity:
    """What is to be computed.

    Args:
        grid: of the canvas.
        cover: of the canvas.
        lattices: the head's and the face's.
        moves: at their nodes.
        shaded: whether light or shade changes near places of the portrait, pixels [batch, 2, rows, columns]: bool
            [batch, rows, columns].
        boxes: [batch, 4] each, pixels, and bool [batch], whether there is anything to be done in it; skin in them may come from
            as far as the next square.
        fades: pixels of motion from which on nothing is seen of what the layers lack of the portrait.
    """
    head, face = lattices
    nodes = head.nodes().to(moves.turned)
    places = nodes + moves.turned
    # How skin moves around each node: a node's neighbours are farther apart than those of the face's lattice.
    reach = 2 * (int(head.cell / face.cell) + 2) + 1
    moved = (moves.back != 0).any(dim=1, keepdim=True)
    differs = (moves.back[:, :2] != moves.back[:, 2:]).any(dim=1, keepdim=True)
    around = torch.cat([moved, differs], dim=1).float()
    for size in ((1, reach), (reach, 1)):  # one after the other, which looks at fewer values
        around = max_pool2d(around, size, stride=1, padding=(size[0] // 2, size[1] // 2))
    seen = face.sample(torch.cat([around, moves.back], dim=1), places)
    gone = moves.turned.repeat(1, 2, 1, 1) + seen[:, 2:]  # above the parting line, and below it
    squares = (gone * gone).unflatten(1, (2, 2)).sum(dim=2)
    batch = len(places)
    there = head.sample(cover.maps.expand(2 * batch, -1, -1, -1), nodes + gone.unflatten(1, (2, 2)).flatten(0, 1))
    there = there.unflatten(0, (batch, 2))
    moving = (squares > 0).any(dim=1)
    person = (there[:, :, 0].amax(dim=1) > 0) | (cover.maps[0, 0] > 0)
    known = [
        seen[:, 0],
        seen[:, 1],
        shaded(places),
        moving & person,
        moving,
        1 - there[:, :, 1].amin(dim=1),
        -squares.amin(dim=1),
    ]
    skin, sides, folds, changes, moving, strange, still = grid.most(torch.stack([one.float() for one in known], dim=1))
    # Between nodes that come from far apart anything may be seen.
    spread = (max_pool2d(gone, 2, stride=1) + max_pool2d(-gone, 2, stride=1)).amax(dim=1, keepdim=True)
    spread = max_pool2d(spread, grid.cells)[:, 0]
    apart = spread > APART * head.cell
    in_boxes = [grid.in_boxes(box) & asked[:, None, None] for box, asked in boxes]
    boxed = torch.stack(in_boxes).any(dim=0)
    every = (changes > 0) | (moving > 0) & apart | (folds > 0) | boxed
    rim = (strange > ROUNDING) | apart
    rim = rim | boxed & (max_pool2d(rim[:, None].float(), 3, stride=1, padding=1)[:, 0] > 0)
    near = rim & (-still < (fades + spread) ** 2)
    masks = torch.stack([every, skin > 0, sides > 0, folds > 0, ~rim, rim, near, *in_boxes]).cpu().numpy()
    tiles = Tiles.of(grid, masks[0], places.device)
    some = [tiles.within(mask) for mask in masks[1:]]
    return Activity(tiles, some[0], some[1], some[2], some[3], some[4], some[5], tuple(some[6:]))


def _at_nodes(pixels: NDArray[np.bool_], cell: int) -> NDArray[np.float32]:
    """1 where any pixel of the cells around a node, or close to them, has something: [rows + 1, columns + 1]."""
    size = 2 * TAPS + 1
    spread = cv2.dilate(pixels.astype(np.uint8), np.ones((size, size), np.uint8))
    rows, columns = (side // cell for side in pixels.shape)
    cells = spread.reshape(rows, cell, columns, cell).max(axis=3).max(axis=1)
    padded = np.pad(cells, 1)
    nodes = np.maximum(np.maximum(padded[:-1, :-1], padded[1:, :-1]), np.maximum(padded[:-1, 1:], padded[1:, 1:]))
    return nodes.astype(np.float32)
