"""Motions out of a few values by name."""

from __future__ import annotations

import numpy as np

from numpy.typing import NDArray

from protocol.channels import INDEX, NAMES


def motion(*poses: dict[str, float]) -> NDArray[np.float32]:
    """One frame per pose, [frames, 62]; what is not named is 0."""
    rows = np.zeros((len(poses), len(NAMES)), np.float32)
    for row, pose in zip(rows, poses, strict=True):
        for name, value in pose.items():
            row[INDEX[name]] = value
    return rows
