"""Parts of frames: the same size in every frame of a batch, each at the place that its frame needs."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from torch import Tensor


@dataclass(frozen=True, slots=True)
class Window:
    """A part of each frame of a batch.

    Attributes:
        index: int64 [batch, height * width] into a frame's pixels, row by row.
        height, width: pixels.
    """

    index: Tensor
    height: int
    width: int

    def take(self, frames: Tensor) -> Tensor:
        """The parts [batch, channels, height, width] of frames [batch, channels, H, W]."""
        flat = frames.flatten(2)
        index = self.index[:, None].expand(-1, flat.shape[1], -1)
        return flat.gather(2, index).unflatten(2, (self.height, self.width))

    def put(self, frames: Tensor, parts: Tensor) -> None:
        """Write parts back into frames, in place."""
        index = self.index[:, None].expand(-1, frames.shape[1], -1)
        frames.flatten(2).scatter_(2, index, parts.flatten(2))


def window(centre: Tensor, height: int, width: int, frame: tuple[int, int]) -> Window:
    """Windows of one size, moved inside the frame where they would reach beyond it.

    Args:
        centre: [batch, 2], pixels.
        height, width: of the window; cut down to the frame's.
        frame: height and width.
    """
    height, width = min(height, frame[0]), min(width, frame[1])
    left = (centre[:, 0] - width / 2).round().clamp(0, frame[1] - width).long()
    top = (centre[:, 1] - height / 2).round().clamp(0, frame[0] - height).long()
    rows = top[:, None, None] + torch.arange(height, device=centre.device)[None, :, None]
    columns = left[:, None, None] + torch.arange(width, device=centre.device)[None, None, :]
    return Window((rows * frame[1] + columns).flatten(1), height, width)
