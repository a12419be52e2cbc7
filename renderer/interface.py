"""What every renderer is: a portrait is prepared once, then any span of motion is turned into frames.

Rules
- `render` keeps nothing between calls but what follows from the rig: a frame depends on that and its own row of the motion, so
  chunks may be cut anywhere, rendered in any order and on any worker of the same kind.
- Frames are uint8 [frames, height, width, 3], or 4 with straight alpha where the backdrop is transparent.
- A rig says what it can show; motion is eased into that before it is rendered (`renderer.motions.eased`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol, TypeVar

import numpy as np

from numpy.typing import NDArray

from renderer.portrait import Portrait

Frames = NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Backdrop:
    """What is to be seen behind the person.

    Attributes:
        colour: sRGB, 0..255; None for nothing at all, that is alpha.
    """

    colour: tuple[int, int, int] | None = None


class Rig(Protocol):
    """A portrait that was prepared."""

    @property
    def size(self) -> tuple[int, int]:
        """Width and height of its frames, pixels."""

    @property
    def focus(self) -> tuple[int, int, int, int]:
        """Left, top, right and bottom of the head and what is close around it, pixels: what a contact sheet shows."""

    @property
    def ranges(self) -> Mapping[str, tuple[float, float]]:
        """Lowest and highest value that it can show, by channel; channels that are not named have their full range."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should know about it, such as which of several faces acts."""


R = TypeVar("R", bound=Rig)


class Renderer(Protocol[R]):
    """Turns motion into frames."""

    def prepare(self, portrait: Portrait, *, face: int | None = None, neutral: bool = False) -> R:
        """Do once what every frame needs.

        Args:
            portrait: the still picture.
            face: which of several faces is to act, 1 for the largest; None for the largest, with a note if there are more.
            neutral: whether the expression that it has in the portrait is relaxed before it acts.

        Raises:
            RendererError: it cannot be animated.
        """

    def render(self, rig: R, motion: NDArray[np.float32], backdrop: Backdrop | None = None) -> Frames:
        """Frames of a motion.

        Args:
            rig: of `prepare`.
            motion: float32 [frames, channels] in the order of `protocol.channels.NAMES`, within the rig's ranges.
            backdrop: what is behind the person; None leaves the portrait's own background.
        """

    def packed(self, rig: R) -> R:
        """A rig as it can be sent to another process: nothing in it is on a device."""

    def unpacked(self, rig: R) -> R:
        """A rig that came from another process, ready to be rendered here."""
