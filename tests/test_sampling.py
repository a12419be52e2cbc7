"""Colours between pixels: those at pixels stay, straight surfaces stay straight, and detail is kept."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch

from torch.nn.functional import grid_sample

from renderer.puppet.sampling import coarser, finer, sample, seen_from

HEIGHT, WIDTH = 40, 56


def layer(values: np.ndarray) -> torch.Tensor:
    """The same in all four channels."""
    return torch.from_numpy(values.astype(np.float32))[None, None].expand(1, 4, -1, -1)


def fine(planes: torch.Tensor) -> torch.Tensor:
    return finer(np.ascontiguousarray(planes[0].permute(1, 2, 0).numpy()))


def pixels(x: float = 0.0, y: float = 0.0) -> torch.Tensor:
    rows, columns = torch.meshgrid(torch.arange(HEIGHT), torch.arange(WIDTH), indexing="ij")
    return torch.stack([columns + x, rows + y])[None].float()


def test_pixels_keep_their_colours():
    noise = layer(np.random.default_rng(1).uniform(0, 1, (HEIGHT, WIDTH)))
    assert torch.equal(coarser(fine(noise)), noise)
    assert torch.allclose(sample(fine(noise), pixels()), noise, atol=1e-5)


@pytest.mark.parametrize(("x", "y"), [(0.5, 0.0), (0.25, 0.75), (-0.1, 0.4)])
def test_a_straight_surface_stays_straight(x: float, y: float):
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    found = sample(fine(layer(0.2 + 0.005 * rows + 0.004 * columns)), pixels(x, y))
    wanted = 0.2 + 0.005 * (rows + y) + 0.004 * (columns + x)
    assert np.abs(found[0, 0].numpy() - wanted)[6:-6, 6:-6].max() < 1e-4


def test_detail_is_kept_better_than_by_cubic_samples():
    """Measured by a wave of three pixels, whose shifted values are known, over shifts of all sizes."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]

    def wave(dx: float, dy: float) -> np.ndarray:
        return 0.5 + 0.2 * np.sin(2 * np.pi * (columns + dx) / 3) + 0.2 * np.sin(2 * np.pi * (rows + dy) / 3)

    source = layer(wave(0, 0))
    ours, theirs = 0.0, 0.0
    for x, y in itertools.product((0.0, 0.25, 0.5, 0.75), repeat=2):
        places = pixels(x, y)
        grid = seen_from(places, (0.0, 0.0), (WIDTH - 1, HEIGHT - 1))
        cubic = grid_sample(source, grid, mode="bicubic", padding_mode="border", align_corners=True)
        missed = [
            np.abs(found[0, 0].numpy() - wave(x, y))[6:-6, 6:-6].mean() for found in (sample(fine(source), places), cubic)
        ]
        ours, theirs = ours + missed[0], theirs + missed[1]
    assert ours < 0.7 * theirs


def test_an_outline_has_no_ripples():
    step = layer(np.repeat(np.where(np.arange(WIDTH) < 30, 0.0, 1.0)[None], HEIGHT, axis=0))
    alpha = sample(fine(step), pixels(0.5))[0, 3, 10]
    assert alpha.min() >= 0
    assert alpha.max() <= 1
    assert ((alpha[1:] - alpha[:-1]) > -0.07).all()
