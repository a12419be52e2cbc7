"""How skin answers as soon as a muscle tenses: taut skin turns a little lighter, gathered skin a little darker.

Blood is pressed out of skin that is stretched and held in skin that is gathered (Jimenez et al., "A practical appearance model
for dynamic facial color", 2010), and both turn towards and away from the light before a fold can be seen. It is as soft as the
motion that it comes from and a hundredth of the brightness, so nobody sees it in a picture; but it tells a trace of an
expression from none, where skin without a line shows no motion.

Rules
- It comes with the first twentieth of a muscle's motion and hardly grows from there: then folds take over.
- It is read off the muscles' own fields, with that of the lips' seal where a muscle brings it about, and ends where they end.
  Hair has none.
- It comes from nothing: at a thousandth of the motion it is less than a thousandth of itself.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch

from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import interpolate

from protocol.channels import INDEX
from renderer.puppet.anatomy import BROW_LOWER, LID_LOWER, LID_UPPER, LOWER_INNER, SIDES, UPPER_INNER, curve
from renderer.puppet.geometry import Field, Points, smooth
from renderer.puppet.muscles import MUSCLES
from renderer.puppet.sealing import closed_by

MOST = 0.0235
"""Of white, that the tone of skin changes at most: six grey levels."""
DARKEST = 0.16
"""Brightness below which skin changes less than that: it has less light to give."""
HALF_AT = 0.02
"""A muscle's value at which half of it has come: less than half of a trace, a twentieth."""
EVEN = 0.35
"""Of the usual strain where a muscle moves skin: from here on all skin answers nearly alike."""
BLUR = 0.035
"""u, over which strain, and the answer to it, even out."""
TOGETHER = 2.0
"""Where several muscles pull, times `MOST` that they can add up to."""
LIDS = ("eyeBlink", "eyeSquint", "eyeWide")
"""Channels that move the lids' skin, whatever else they pull at."""


@dataclass(frozen=True, slots=True, eq=False)
class Tension:
    """The tone of a face's skin.

    Attributes:
        strains: float32 [n, rows, columns], -1..1 on a coarse grid over a part of the picture: gathered to taut.
        channels: int64 [n], their columns of a motion.
        bounds: int64 [n], columns of a motion that limit those: `mouthClose` takes back what the jaw does, and no more.
        amounts: float32 [h, w], shares of brightness on a fine grid over the same part.
    """

    strains: Tensor
    channels: Tensor
    bounds: Tensor
    amounts: Tensor

    def tone(self, motion: Tensor) -> Tensor:
        """How much lighter the skin is, as shares of its brightness: [batch, h, w] with motion [batch, 62]."""
        pull = torch.minimum(motion[:, self.channels], motion[:, self.bounds]).clamp_min(0)
        square = pull * pull
        come = square / (square + HALF_AT * HALF_AT)
        parts = come[:, :, None, None] * self.strains
        while parts.shape[1] > 1:  # in pairs, always the same ones, so that sums round alike in every batch
            half = parts.shape[1] // 2
            parts = torch.cat([parts[:, :half] + parts[:, half : 2 * half], parts[:, 2 * half :]], dim=1)
        total = parts[:, 0]
        total = total / (1 + (total / TOGETHER).square()).sqrt()
        size = (self.amounts.shape[0], self.amounts.shape[1])
        return interpolate(total[:, None], size=size, mode="bilinear", align_corners=False)[:, 0] * self.amounts


def find_tension(
    coarse: tuple[Field, Field],
    fine: tuple[Field, Field],
    points: Points,
    fields: Field,
    brightness: Field,
    skin: Field,
    inside: Field,
) -> Tension:
    """Read the strain of every muscle off its field.

    Args:
        coarse: x and y, [rows, columns], head coordinates of a coarse grid, evenly spaced in the picture.
        fine: x and y, [h, w], of a fine one over the same part.
        points: [468, 3], the mesh in them.
        fields: [controls, 2 sides of the mouth, 2, rows, columns], u to the right and down in the picture: those of
            `MUSCLES` in their order, then the seal of the lips, which comes with some of them (see `sealing`).
        brightness, skin, inside: [h, w] on the fine grid: 0..1; 1 on bare skin; 1 inside the face, 0 at its outline.
    """
    x, y = coarse
    # Below the brows all that is inside the face's outline is skin, in whatever shade; above them there may be a fringe.
    brows = np.concatenate([points[list(BROW_LOWER[0]), :2], points[list(BROW_LOWER[1][::-1]), :2]])
    under = smooth(0.0, -0.06, fine[1] - curve(brows, fine[0]))
    cell = float(np.hypot(x[0, 1] - x[0, 0], y[0, 1] - y[0, 0]))
    names = [name for name in MUSCLES if not name.startswith(LIDS)]
    mouth = (points[list(UPPER_INNER), :2] + points[list(LOWER_INNER), :2]) / 2
    below = y < curve(mouth, x)
    closing = closed_by()
    strains = [
        _strain(fields[MUSCLES.index(name)] + closing.get(INDEX[name], 0.0) * fields[len(MUSCLES)], below, cell)
        for name in names
    ]
    for channel in LIDS:
        for side, name in enumerate(SIDES):
            names.append(channel + name)
            strains.append(_lids(x, y, points, side, channel))
    columns = [INDEX[name] for name in names]
    bounds = [INDEX["jawOpen" if name == "mouthClose" else name] for name in names]
    amounts = MOST / np.maximum(brightness, DARKEST) * np.maximum(skin, under) * inside
    return Tension(
        torch.from_numpy(np.stack(strains).astype(np.float32)),
        torch.tensor(columns),
        torch.tensor(bounds),
        torch.from_numpy(amounts.astype(np.float32)),
    )


def _strain(field: Field, below: NDArray[np.bool_], cell: float) -> Field:
    """How taut (1) or gathered (-1) a field leaves skin.

    Args:
        field: [2 sides of the mouth, 2, rows, columns], u.
        below: [rows, columns], which side is seen.
        cell: u between places.

    Returns:
        [rows, columns].
    """
    spread = np.gradient(field[:, 0], cell, axis=2) + np.gradient(field[:, 1], cell, axis=1)
    strain = cv2.GaussianBlur(np.where(below, spread[1], spread[0]), (0, 0), max(BLUR / cell, 0.3))
    way = np.hypot(*np.where(below, field[1], field[0]))
    most = float(way.max())
    if most < 1e-9:
        return np.zeros(way.shape)
    usual = float(np.sqrt((strain[way >= 0.1 * most] ** 2).mean()))
    answer = cv2.GaussianBlur(np.tanh(strain / max(EVEN * usual, 1e-9)), (0, 0), max(BLUR / cell, 0.3))
    found: Field = answer * smooth(0.0, 0.15, way / most)
    return found


def _lids(x: Field, y: Field, points: Points, side: int, channel: str) -> Field:
    """What the lids do to the skin up to the brow and below the eye: [rows, columns], -1..1.

    A closing lid draws the skin above it taut and gathers what is below, and an opening one gathers what is above.
    """
    upper, lower, brow = (points[list(each[side]), :2] for each in (LID_UPPER, LID_LOWER, BROW_LOWER))
    upper, lower, brow = (line if line[0, 0] < line[-1, 0] else line[::-1] for line in (upper, lower, brow))
    left, right = float(upper[0, 0]), float(upper[-1, 0])
    beside = smooth(left - 0.12, left, x) * smooth(right + 0.12, right, x)
    lid, room = curve(upper, x), np.maximum(curve(brow, x) - curve(upper, x), 0.05)
    above = smooth(-0.005, 0.02, y - lid) * smooth(1.0, 0.75, (y - lid) / room) * beside
    below = smooth(-0.005, 0.02, curve(lower, x) - y) * smooth(0.17, 0.08, curve(lower, x) - y) * beside
    found: Field = -above if channel == "eyeWide" else above - below
    return found
