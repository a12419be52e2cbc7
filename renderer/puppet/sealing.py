"""When lips are together: whatever presses, purses or chews closes them first (the seal of `configs/muscles.yaml`)."""

from __future__ import annotations

from functools import cache

import torch

from torch import Tensor

from configs.puppet import builtin_muscles
from protocol.channels import INDEX, both_sides
from renderer.puppet.axes import smoothstep

Columns = tuple[tuple[int, float], ...]
"""Columns of a motion, each with its weight."""


def sealed(motion: Tensor) -> Tensor:
    """How much the lips are together, 0..1 [batch], in a motion [batch, 62]; begins and ends without a jerk."""
    by, alone, against = (_weighed(motion, weights) for weights in _seal_weights())
    return smoothstep(0.0, 1.0, torch.maximum(by, alone) * (1 - against).clamp_min(0))


def closed_by() -> dict[int, float]:
    """How much each channel alone closes the lips at 1, 0..1, by its column of a motion; without those that do not."""
    by, alone, _ = _seal_weights()
    return {column: min(1.0, weight) for column, weight in (*by, *alone)}


def _weighed(motion: Tensor, weights: Columns) -> Tensor:
    total = torch.zeros_like(motion[:, 0])
    for column, weight in weights:
        total = total + weight * motion[:, column].clamp_min(0)
    return total


@cache
def _seal_weights() -> tuple[Columns, Columns, Columns]:
    """What closes the lips, what does so alone, and what keeps them apart; both sides of a channel share its weight."""

    def columns(weights: dict[str, float]) -> Columns:
        channels = [(both_sides(name), weight) for name, weight in weights.items()]
        return tuple((INDEX[name], weight / len(names)) for names, weight in channels for name in names)

    table = builtin_muscles().seal
    return columns(table.by), columns(table.alone), columns(table.against)
