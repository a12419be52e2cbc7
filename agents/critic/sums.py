"""Sums, means and distances that come out alike on every machine: added in order, without functions that round differently.

The critic chooses between takes, so two machines have to agree on its scores to the last bit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np

from numpy.typing import NDArray

Row = NDArray[np.float64]


def added(values: Iterable[float]) -> float:
    """The sum of numbers, in their order."""
    total = 0.0
    for value in values:
        total = total + value
    return total


def added_row(row: Row) -> float:
    """The sum of a row, from its first to its last; 0 for an empty one."""
    return float(np.cumsum(row)[-1]) if len(row) else 0.0


def mean_of(values: Sequence[float], weights: Sequence[float] | None = None) -> float:
    """The mean of at least one number, each by its weight if there are weights."""
    if weights is None:
        return added(values) / len(values)
    return added(value * weight for value, weight in zip(values, weights, strict=True)) / added(weights)


def mean_of_rows(rows: Sequence[Row], weights: Sequence[float]) -> Row:
    """The weighted mean of rows of one length, place by place."""
    total = weights[0] * rows[0]
    for row, weight in zip(rows[1:], weights[1:], strict=True):
        total = total + weight * row
    mean: Row = total / added(weights)
    return mean


def deviation(values: Sequence[float]) -> float:
    """How far numbers lie from their mean: the root of the mean square."""
    mean = mean_of(values)
    return float(np.sqrt(mean_of([(value - mean) * (value - mean) for value in values])))


def distance(across: float, along: float) -> float:
    """The length of a way of so much across and along."""
    return float(np.sqrt(across * across + along * along))


def distances(across: Row, along: Row) -> Row:
    """The same, place by place."""
    lengths: Row = np.sqrt(across * across + along * along)
    return lengths
