"""What lies beyond the picture where its border cuts through the head: a guess that is good enough for the strip that a
turning head pulls in.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from numpy.typing import NDArray

STRIP = 0.3
"""u of what is added; ranges keep motion from pulling in more."""
ECHO = 0.12
"""u of the picture that are mirrored to and fro to make it up."""
TOUCHES = 0.08
"""u of the border that must be covered by the person before it counts as cut."""
ROUND = 0.6
"""How high the missing part is taken to be by half the length of the cut."""


@dataclass(frozen=True, slots=True)
class Margins:
    """What is added to a part of the picture.

    Attributes:
        left, top, right: pixels.
        echo: pixels: how much of the picture at the border is mirrored to and fro; so little that no eye or ear is.
    """

    left: int = 0
    top: int = 0
    right: int = 0
    echo: int = 1

    def colours(self, part: NDArray[Any]) -> NDArray[Any]:
        """A part of the picture, [height, width, ...], with what lies beyond its border."""
        grown = part
        for turns, size in ((0, self.top), (1, self.right), (3, self.left)):
            if size:
                turned = np.rot90(grown, turns)
                sides = [(size, 0), (0, 0), (0, 0)]
                beyond = np.pad(turned[: self.echo + 1], sides[: part.ndim], mode="reflect")[:size]
                grown = np.rot90(np.concatenate([beyond, turned]), -turns)
        return np.ascontiguousarray(grown)

    def matte(self, part: NDArray[np.float32]) -> NDArray[np.float32]:
        """A part of the matte, [height, width]; each piece of the person that is cut ends as a dome."""
        grown = part
        for turns, size in ((0, self.top), (1, self.right), (3, self.left)):
            if size:
                grown = np.rot90(_domed(np.rot90(grown, turns), size), -turns)
        return np.ascontiguousarray(grown)


def margins(
    matte: NDArray[np.float32], stage: tuple[int, int, int, int], chin: float, u: float, shape: tuple[int, ...]
) -> Margins:
    """What to add to a part of a picture.

    Args:
        matte: float32 [height, width], of the whole picture.
        stage: left, top, right, bottom of the part, in pixels.
        chin: y of the chin in pixels; what is cut below it does not turn with the head.
        u: pixels.
        shape: of the picture.
    """
    left, top, right, bottom = stage
    head = matte[top : max(top + 1, min(bottom, int(chin))), left:right] > 0.5
    size = round(STRIP * u)
    size = max(0, min(size, head.shape[0] - 1, head.shape[1] - 1))

    def added(line: NDArray[np.bool_], here: int, end: int) -> int:
        return size if here == end and line.sum() > TOUCHES * u else 0

    echo = min(max(1, round(ECHO * u)), *(side - 1 for side in head.shape))
    return Margins(added(head[:, 0], left, 0), added(head[0], top, 0), added(head[:, -1], right, shape[1]), echo)


def _domed(matte: NDArray[np.float32], size: int) -> NDArray[np.float32]:
    """A matte with `size` rows more at its top."""
    line = matte[0]
    inside = np.concatenate([[0], (line > 0.5).astype(np.int8), [0]])
    starts, ends = np.nonzero(np.diff(inside) == 1)[0], np.nonzero(np.diff(inside) == -1)[0]
    x = np.arange(len(line), dtype=np.float32)
    height = np.arange(size, 0, -1, dtype=np.float32)[:, None]
    added = np.zeros((size, len(line)), np.float32)
    for start, end in zip(starts, ends, strict=True):
        # What is cut at a corner of the picture goes on beyond that as well.
        low = start if start > 0 else start - (end - start)
        high = end if end < len(line) else end + (end - start)
        half = (high - low) / 2
        level = np.sqrt(((x - (low + high - 1) / 2) / half) ** 2 + (height / (ROUND * half)) ** 2)
        added = np.maximum(added, np.clip((1 - level) * half + 0.5, 0, 1))
    return np.concatenate([added.astype(np.float32), matte])
