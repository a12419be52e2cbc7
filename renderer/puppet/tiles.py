"""A canvas in squares: only those that motion can change are computed, many of all frames of a batch together.

Squares are whole cells of the head's lattice, so that what the head does to their pixels needs but the few nodes at their
corners. All arrays of squares have the shape [n, channels, side, side].
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import torch

from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import max_pool2d

SIDE = 24
"""Pixels of a square's side at least: small enough to follow an outline, and a multiple of eight in most cases, so that rows of
pixels are whole vectors."""


@dataclass(frozen=True, slots=True)
class Grid:
    """How a canvas is divided.

    Attributes:
        cell: pixels of a lattice's cell.
        cells: of them along a square's side.
        columns, rows: squares.
    """

    cell: int
    cells: int
    columns: int
    rows: int

    @classmethod
    def over(cls, width: int, height: int, cell: int) -> Grid:
        """The smallest that covers so many pixels."""
        cells = -(-SIDE // cell)
        side = cell * cells
        return cls(cell, cells, -(-width // side), -(-height // side))

    @property
    def side(self) -> int:
        """Pixels of a square's side."""
        return self.cell * self.cells

    @property
    def width(self) -> int:
        """Pixels of the canvas."""
        return self.columns * self.side

    @property
    def height(self) -> int:
        """Pixels of the canvas."""
        return self.rows * self.side

    def cut(self, layer: Tensor) -> Tensor:
        """Every square of a layer [1, channels, height, width] of the canvas, row by row: [n, channels, side, side]."""
        return self._parts(layer).flatten(0, 1).contiguous()

    def compact(self, layer: Tensor, kept: Tensor) -> Compact:
        """A layer [1, channels, height, width] with only what is kept of it: bool [1, 1, height, width]."""
        keeping = self.cut(kept)
        filled = keeping.flatten(1).any(dim=1)
        squares = self._parts(layer)[filled.unflatten(0, (self.rows, self.columns))] * keeping[filled]
        squares = torch.cat([squares.new_zeros(1, *squares.shape[1:]), squares])
        return Compact(squares, filled.cumsum(dim=0) * filled)

    def _parts(self, layer: Tensor) -> Tensor:
        """[rows, columns, channels, side, side], a view."""
        parts = layer[0].unflatten(2, (self.columns, self.side)).unflatten(1, (self.rows, self.side))
        return parts.permute(1, 3, 0, 2, 4)

    def joined(self, squares: Tensor) -> Tensor:
        """The layer again that was cut up."""
        parts = squares.unflatten(0, (self.rows, self.columns)).permute(2, 0, 3, 1, 4)
        return parts.reshape(1, squares.shape[1], self.height, self.width)

    def most(self, nodes: Tensor) -> tuple[Tensor, ...]:
        """The largest values at the nodes of each square, those at its border included.

        Args:
            nodes: float32 [batch, n, cell rows + 1, cell columns + 1].

        Returns:
            n times [batch, rows, columns].
        """
        return max_pool2d(nodes, self.cells + 1, stride=self.cells).unbind(dim=1)

    def in_boxes(self, boxes: Tensor) -> Tensor:
        """Which squares boxes [batch, 4] of pixels reach into: left, top, right and bottom; bool [batch, rows, columns]."""
        first = (boxes[:, :2] / self.side).floor()
        last = (boxes[:, 2:] / self.side).floor()
        column = torch.arange(self.columns, device=boxes.device)
        row = torch.arange(self.rows, device=boxes.device)
        across = (column >= first[:, :1]) & (column <= last[:, :1])
        down = (row >= first[:, 1:]) & (row <= last[:, 1:])
        return down[:, :, None] & across[:, None]


@dataclass(frozen=True, slots=True, eq=False)
class Compact:
    """A layer's squares, those that are 0 throughout only once.

    Attributes:
        squares: float32 [n, channels, side, side]; the first is 0.
        number: int64 [rows * columns], which of them is each of the layer's.
    """

    squares: Tensor
    number: Tensor


@dataclass(frozen=True, slots=True, eq=False)
class Some:
    """Some of a batch's squares.

    Attributes:
        index: int64 [m], their numbers, rising.
        spans: of each frame, where its own begin and end among them.
    """

    index: Tensor
    spans: tuple[tuple[int, int], ...]

    def of(self, squares: Tensor) -> Tensor:
        """What they have of something that all squares have: [m, ...] of [n, ...]."""
        return squares.index_select(0, self.index)  # a third of the time that squares[index] takes


@dataclass(frozen=True, slots=True, eq=False)
class Tiles:
    """Squares of the frames of a batch, sorted by frame, row and column.

    Attributes:
        grid: that they belong to.
        where: int64 [n, 3], frame, row and column.
        frame, row, column: the same where colours are computed.
    """

    grid: Grid
    where: NDArray[np.int64]
    frame: Tensor
    row: Tensor
    column: Tensor

    @classmethod
    def of(cls, grid: Grid, wanted: NDArray[np.bool_], device: torch.device) -> Tiles:
        """All that are wanted: bool [batch, rows, columns]."""
        where = np.argwhere(wanted)
        frame, row, column = torch.from_numpy(where).to(device).unbind(dim=1)
        return cls(grid, where, frame, row, column)

    def __len__(self) -> int:
        return len(self.where)

    def within(self, wanted: NDArray[np.bool_]) -> Some:
        """Those that are wanted: bool [batch, rows, columns]."""
        chosen = wanted[tuple(self.where.T)].nonzero()[0]
        ends = np.searchsorted(self.where[chosen, 0], np.arange(len(wanted) + 1)).tolist()
        return Some(torch.from_numpy(chosen).to(self.frame.device), tuple(pairwise(ends)))

    def pixels(self, which: Tensor | None = None) -> Tensor:
        """x and y of their pixels, or of those of some: float32 [n, 2, side, side]."""
        row, column = (self.row, self.column) if which is None else (self.row[which], self.column[which])
        side = self.grid.side
        along = torch.arange(side, device=self.frame.device, dtype=torch.float32)
        x = (column * side).float()[:, None, None] + along
        y = (row * side).float()[:, None, None] + along[:, None]
        return torch.stack([x.expand(-1, side, -1), y.expand(-1, -1, side)], dim=1)

    def of_place(self, layer: Tensor, which: Tensor | None = None) -> Tensor:
        """What a layer that was cut up (`Grid.cut`) has in these squares, or in some: [n, channels, side, side]."""
        place = self.row * self.grid.columns + self.column
        return layer.index_select(0, place if which is None else place[which])

    def of_compact(self, layer: Compact, which: Tensor) -> Tensor:
        """What a layer that was made compact (`Grid.compact`) has in some of these squares: [n, channels, side, side]."""
        place = self.row[which] * self.grid.columns + self.column[which]
        return layer.squares.index_select(0, layer.number[place])

    def put(self, canvases: Tensor, squares: Tensor) -> None:
        """Write squares into canvases [batch, channels, height, width], in place."""
        self._divided(canvases)[self.frame, self.row, self.column] = squares

    def _divided(self, canvases: Tensor) -> Tensor:
        """[batch, rows, columns, channels, side, side], a view."""
        side = self.grid.side
        parts = canvases.unflatten(3, (self.grid.columns, side)).unflatten(2, (self.grid.rows, side))
        return parts.permute(0, 2, 4, 1, 3, 5)

    def spread(self, field: Tensor) -> Tensor:
        """A field on the lattice's nodes [batch, channels, ...] at the pixels of the squares, straight in between."""
        cell, cells = self.grid.cell, self.grid.cells
        patches = field.unfold(2, cells + 1, cells).unfold(3, cells + 1, cells).permute(0, 2, 3, 1, 4, 5)
        nodes = patches[self.frame, self.row, self.column]
        share = torch.arange(cell, device=field.device, dtype=torch.float32) / cell
        rows = torch.lerp(nodes[:, :, :-1, None], nodes[:, :, 1:, None], share[:, None]).flatten(2, 3)
        return torch.lerp(rows[..., :-1, None], rows[..., 1:, None], share).flatten(3, 4)

    def paste(self, squares: NDArray[np.uint8], left: int, top: int, frames: NDArray[np.uint8]) -> None:
        """Write squares into frames, as far as they lie in them.

        Args:
            squares: [n, side, side, channels].
            left, top: the canvas's pixel at the frames' corner.
            frames: [batch, height, width, channels].
        """
        side = self.grid.side
        height, width = frames.shape[1:3]
        frame, row, column = self.where.T
        apart = (np.diff(frame) != 0) | (np.diff(row) != 0) | (np.diff(column) != 1)
        ends = [0, *(np.flatnonzero(apart) + 1).tolist(), len(self.where)] if len(self.where) else []
        for first, last in pairwise(ends):
            n, y, x = int(frame[first]), int(row[first]) * side - top, int(column[first]) * side - left
            up, low = max(y, 0), min(y + side, height)
            start, end = max(x, 0), min(x + (last - first) * side, width)
            if up < low and start < end:
                run = squares[first:last].transpose(1, 0, 2, 3)[up - y : low - y].reshape(low - up, -1, squares.shape[3])
                frames[n, up:low, start:end] = run[:, start - x : end - x]
