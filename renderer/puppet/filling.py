"""Surfaces that go on where a picture cannot be used: the smoothest through what is sure around them."""

from __future__ import annotations

import numpy as np

from scipy.linalg import solveh_banded
from scipy.ndimage import gaussian_filter, map_coordinates

from renderer.puppet.geometry import Field

MOST_CELLS = 6000
"""Places at which a surface is solved for; finer ones would not be seen in it."""
USUAL = 1.5
"""Standard deviations up to which fine structure is grain; beyond are the folds and lashes below an eye."""


def membrane(colours: Field, trust: Field, stiffness: float) -> Field:
    """The smoothest surface near trusted colours.

    Minimises the sum of trust x distance² + stiffness x slope² over the picture.

    Args:
        colours: [height, width, 3].
        trust: [height, width], 0..1; must not be 0 everywhere.
        stiffness: pixels², how far noise is smoothed out.
    """
    height, width = trust.shape
    shrink = min(1.0, (MOST_CELLS / (height * width)) ** 0.5)
    rows, columns = max(2, round(height * shrink)), max(2, round(width * shrink))
    weighted = np.concatenate([colours * trust[..., None], trust[..., None]], axis=2)
    small = _means(_means(weighted, rows).transpose(1, 0, 2), columns).transpose(1, 0, 2)
    middle = small[..., :3].sum(axis=(0, 1)) / max(float(small[..., 3].sum()), 1e-9)
    # Numbered along the shorter side, neighbours are next to each other or one short side apart.
    ordered = small if columns <= rows else small.transpose(1, 0, 2)
    matrix = _stiff(ordered[..., 3] + 1e-6, stiffness * shrink**2)
    solved = solveh_banded(matrix, ordered[..., :3].reshape(-1, 3) + 1e-6 * middle, overwrite_ab=True, check_finite=False)
    y, x = np.meshgrid(
        (np.arange(height) + 0.5) * rows / height - 0.5, (np.arange(width) + 0.5) * columns / width - 0.5, indexing="ij"
    )
    surface = solved.reshape(*ordered.shape[:2], 3)
    surface = surface if columns <= rows else surface.transpose(1, 0, 2)
    return np.stack([map_coordinates(surface[..., i], [y, x], order=1, mode="nearest") for i in range(3)], axis=2)


def _means(values: Field, count: int) -> Field:
    """Means [count, ...] of equal parts of rows [n, ...]."""
    total = np.concatenate([np.zeros((1, *values.shape[1:])), np.cumsum(values, axis=0)])
    edges = np.linspace(0, len(values), count + 1)
    low = np.minimum(edges.astype(int), len(values) - 1)
    share = (edges - low).reshape(-1, *([1] * (values.ndim - 1)))
    at = total[low] + share * values[low]
    means: Field = np.diff(at, axis=0) * (count / len(values))
    return means


def _stiff(weight: Field, stiffness: float) -> Field:
    """Each place's weight times its square, and a stiffness times the squared differences of neighbours: a symmetric matrix.

    Args:
        weight: [rows, columns].

    Returns:
        [columns + 1, rows * columns]: its upper diagonals, the main one last, as `solveh_banded` wants them.
    """
    rows, columns = weight.shape
    neighbours = np.full(weight.shape, 4.0)
    for border in (np.s_[0], np.s_[-1], np.s_[:, 0], np.s_[:, -1]):
        neighbours[border] -= 1
    beside = np.full(weight.shape, -stiffness)
    beside[:, 0] = 0
    matrix = np.zeros((columns + 1, rows * columns))
    matrix[0, columns:] = -stiffness
    matrix[-2] = beside.ravel()
    matrix[-1] = (weight + stiffness * neighbours).ravel()
    return matrix


def grain(rgb: Field, above: Field, u: float) -> Field:
    """The fine structure of the skin below an eye, mirrored upward over it.

    Args:
        rgb: [height, width, 3].
        above: [height, width], pixels above the lower lid.
        u: pixels.

    Returns:
        [height, width, 3], to be added to a smooth surface.
    """
    fine = rgb - np.stack([gaussian_filter(rgb[..., i], 0.012 * u) for i in range(3)], axis=2)
    start, length = 0.035 * u, 0.09 * u
    taken = (above < -start) & (above > -start - length)
    if taken.any():
        most = USUAL * np.median(np.abs(fine[taken]), axis=0) / 0.6745  # of a normal distribution
        fine = np.clip(fine, -most, most)
    folded = np.abs((above + start) % (2 * length) - length)  # 0..length, up and down
    y, x = np.mgrid[: rgb.shape[0], : rgb.shape[1]].astype(np.float64)
    rows = y + above + start + (length - folded)
    return np.stack([map_coordinates(fine[..., i], [rows, x], order=1, mode="nearest") for i in range(3)], axis=2)
