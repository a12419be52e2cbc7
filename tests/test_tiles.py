"""Squares of canvases: what is cut up comes together again, fields are spread over their pixels, and frames get theirs."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from torch.nn.functional import interpolate

from renderer.puppet.tiles import Grid, Tiles

GRID = Grid(cell=4, cells=2, columns=3, rows=2)
CPU = torch.device("cpu")


def chosen(*places: tuple[int, int, int], batch: int = 2) -> Tiles:
    wanted = np.zeros((batch, GRID.rows, GRID.columns), bool)
    for place in places:
        wanted[place] = True
    return Tiles.of(GRID, wanted, CPU)


def canvas(batch: int = 1, channels: int = 2) -> torch.Tensor:
    count = batch * channels * GRID.height * GRID.width
    return torch.arange(float(count)).reshape(batch, channels, GRID.height, GRID.width)


@pytest.mark.parametrize(("width", "height", "cell"), [(100, 61, 2), (100, 61, 8), (33, 300, 24), (512, 512, 64), (1, 1, 6)])
def test_a_grid_covers_its_canvas_and_no_square_more(width: int, height: int, cell: int):
    grid = Grid.over(width, height, cell)
    assert grid.width - grid.side < width <= grid.width
    assert grid.height - grid.side < height <= grid.height
    assert grid.side % cell == 0


def test_what_is_cut_up_comes_together_again():
    assert torch.equal(GRID.joined(GRID.cut(canvas())), canvas())


def test_squares_show_what_is_in_their_place():
    tiles = chosen((0, 1, 2), (1, 0, 1))
    squares = tiles.of_place(GRID.cut(canvas()))
    assert torch.equal(squares[0], canvas()[0, :, 8:16, 16:24])
    assert torch.equal(squares[1], canvas()[0, :, :8, 8:16])
    assert torch.equal(tiles.of_place(GRID.cut(canvas()), torch.tensor([1])), squares[1:])
    x, y = tiles.pixels()[0]
    assert (x[0, 0], x[0, -1], y[0, 0], y[-1, 0]) == (16, 23, 8, 15)


def test_empty_squares_are_kept_only_once():
    layer = canvas()
    layer[:, :, :8, :16] = 0
    found = GRID.compact(layer, layer.any(dim=1, keepdim=True))
    assert len(found.squares) == 5
    assert torch.equal(found.squares[found.number], GRID.cut(layer))
    tiles = chosen((0, 0, 1), (1, 0, 2))
    assert torch.equal(tiles.of_compact(found, torch.tensor([1, 0])), GRID.cut(layer)[[2, 1]])


def test_squares_are_put_where_they_belong():
    whole = canvas(2)
    tiles = chosen((0, 1, 2), (1, 0, 1))
    empty = torch.zeros_like(whole)
    squares = torch.stack([whole[0, :, 8:16, 16:24], whole[1, :, :8, 8:16]])
    tiles.put(empty, squares)
    assert torch.equal(empty[0, :, 8:, 16:], whole[0, :, 8:, 16:])
    assert torch.equal(empty[1, :, :8, 8:16], whole[1, :, :8, 8:16])
    assert empty[0, :, :8].abs().sum() == empty[1, :, 8:].abs().sum() == 0


def test_a_field_is_straight_between_its_nodes():
    field = torch.rand(2, 2, 5, 7, generator=torch.Generator().manual_seed(1))
    tiles = chosen((0, 0, 0), (0, 1, 1), (1, 1, 2))
    whole = interpolate(field, size=(GRID.height + 1, GRID.width + 1), mode="bilinear", align_corners=True)
    for square, (frame, row, column) in zip(tiles.spread(field), tiles.where, strict=True):
        top, left = row * GRID.side, column * GRID.side
        assert torch.allclose(square, whole[frame, :, top : top + GRID.side, left : left + GRID.side], atol=1e-6)


@pytest.mark.parametrize(("left", "top", "height", "width"), [(0, 0, 16, 24), (3, 5, 9, 17), (0, 0, 7, 5)])
def test_squares_are_pasted_as_far_as_they_lie_in_the_frame(left: int, top: int, height: int, width: int):
    random = np.random.default_rng(2)
    tiles = chosen((0, 0, 0), (0, 0, 1), (0, 1, 2), (1, 0, 0), (1, 1, 0), (1, 1, 2))
    squares = random.integers(1, 255, (len(tiles), GRID.side, GRID.side, 3), dtype=np.uint8)
    wanted = np.zeros((2, GRID.height, GRID.width, 3), np.uint8)
    for square, (frame, row, column) in zip(squares, tiles.where, strict=True):
        wanted[frame, row * 8 : row * 8 + 8, column * 8 : column * 8 + 8] = square
    frames = np.zeros((2, height, width, 3), np.uint8)
    tiles.paste(squares, left, top, frames)
    assert np.array_equal(frames, wanted[:, top : top + height, left : left + width])


def test_of_no_squares_nothing_is_pasted():
    frames = np.full((2, 9, 9, 3), 7, np.uint8)
    chosen().paste(np.empty((0, GRID.side, GRID.side, 3), np.uint8), 0, 0, frames)
    assert (frames == 7).all()


def test_boxes_reach_into_squares():
    found = GRID.in_boxes(torch.tensor([[7.0, 9.0, 17.0, 10.0], [-5.0, -9.0, 0.5, 0.5]]))
    assert found[0].tolist() == [[False, False, False], [True, True, True]]
    assert found[1].tolist() == [[True, False, False], [False, False, False]]


def test_some_are_told_apart_by_frame():
    tiles = chosen((0, 0, 0), (0, 1, 1), (2, 0, 0), (2, 1, 2), batch=3)
    wanted = np.zeros((3, 2, 3), bool)
    wanted[0, 1, 1] = wanted[1, 0, 0] = wanted[2, 1, 2] = True
    some = tiles.within(wanted)
    assert some.index.tolist() == [1, 3]
    assert some.spans == ((0, 1), (1, 1), (1, 2))
