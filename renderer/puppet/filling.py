"""Surfaces that go on where a picture cannot be used: the smoothest through what is sure around them."""

from __future__ import annotations

import numpy as np

from scipy.ndimage import gaussian_filter, map_coordinates
from scipy.sparse import coo_matrix, csc_matrix, diags
from scipy.sparse.linalg import splu

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
    weight = small[..., 3].ravel()
    matrix = diags(weight + 1e-6) + stiffness * shrink**2 * _laplacian(rows, columns)
    middle = small[..., :3].sum(axis=(0, 1)) / max(float(weight.sum()), 1e-9)
    solved = splu(csc_matrix(matrix)).solve(small[..., :3].reshape(-1, 3) + 1e-6 * middle)
    y, x = np.meshgrid(
        (np.arange(height) + 0.5) * rows / height - 0.5, (np.arange(width) + 0.5) * columns / width - 0.5, indexing="ij"
    )
    surface = solved.reshape(rows, columns, 3)
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


def _laplacian(rows: int, columns: int) -> csc_matrix:
    """Sum of squared differences of neighbours, as a matrix."""
    index = np.arange(rows * columns).reshape(rows, columns)
    first = np.concatenate([index[:, :-1].ravel(), index[:-1].ravel()])
    second = np.concatenate([index[:, 1:].ravel(), index[1:].ravel()])
    ones = np.ones(len(first))
    steps = np.arange(len(first))
    ahead = coo_matrix((np.concatenate([ones, -ones]), (np.tile(steps, 2), np.concatenate([first, second]))))
    return csc_matrix(ahead.T @ ahead)


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
