"""Where the teeth are behind closed lips, as tables over the mouth's T.

Both rows are arches in the head's own space, so that a head seen from the side shows them from the side: their middle lies
behind that of the lips, and their far side is narrower. The upper row belongs to the skull, the lower one to the jaw.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from renderer.puppet.anatomy import cm
from renderer.puppet.axes import Axes, steps
from renderer.puppet.geometry import Field, HeadFrame, Points, smooth

LIPS_MIDDLE = (0, 13, 14, 17)
THICKNESS = cm(0.7)
"""From the lips' surface to the teeth; judgement."""


@dataclass(frozen=True, slots=True)
class _Arch:
    """A row of teeth.

    Attributes:
        across, back: half axes in u of the ellipse that it follows (widths of 55 mm across the upper first molars and of 49 mm
            across the lower ones, 35 mm and 31 mm deep: orthodontic means).
        widths: u of the teeth from the middle outwards (tables of dental anatomy: 8.5, 6.6, 7.6, 7.1, 6.6 mm above and 5.3,
            5.7, 6.8, 7, 7 mm below).
    """

    across: float
    back: float
    widths: tuple[float, ...]


UPPER_ARCH = _Arch(cm(2.75), cm(3.5), (cm(0.85), cm(0.66), cm(0.76), cm(0.71), cm(0.66)))
LOWER_ARCH = _Arch(cm(2.45), cm(3.1), (cm(0.53), cm(0.57), cm(0.68), cm(0.7), cm(0.7)))
CROWN = cm(1.05)
"""Height of an upper incisor."""
HANGS = cm(0.32)
"""How far the upper incisors reach below the parting line of lips at rest: 2 to 3 mm show between relaxed lips."""
LOWER_TOP = cm(0.08)
"""How far below the parting line the lower incisors end."""
LINE, LINE_DARKNESS = 0.006, 0.11
"""u and share: the shadow between two teeth. More of it looks like dentures."""
ROUND = 0.07
"""Share of the light that a tooth loses towards its sides, as it is round."""
SCALLOP = 0.006
"""u by which an edge recedes between two teeth."""


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """The teeth over T; heights are V in pixels.

    Attributes:
        upper_edge: [STEPS], where the upper teeth end.
        upper_light: [STEPS], 0..1; 0 where there are none.
        lower_edge: [STEPS], where the lower teeth end, while the jaw is closed.
        lower_light: [STEPS].
        across: [STEPS], along the lower row: -1 at its right end, 0 in the middle, 1 at its left end; for the tongue.
    """

    upper_edge: Field
    upper_light: Field
    lower_edge: Field
    lower_light: Field
    across: Field

    def table(self) -> Field:
        """[5, STEPS], in the order of the attributes."""
        return np.stack([self.upper_edge, self.upper_light, self.lower_edge, self.lower_light, self.across])


def find_rows(frame: HeadFrame, mesh: Points, axes: Axes, upper: Field, lower: Field) -> Rows:
    """Place both rows behind the lips.

    Args:
        frame: of the head.
        mesh: [468, 3], pixels.
        axes: of the mouth.
        upper, lower: [STEPS], V: the line below which the upper row hangs, and the one below which the lower row ends: where
            lips part that are closed.
    """
    u = frame.scale
    at = steps()
    inner = (at > 0.1) & (at < 0.9)

    def plain(line: Field) -> Field:
        """Teeth do not follow the bow of the lips."""
        bend = np.polyfit(at[inner] - 0.5, line[inner], 2)
        return np.asarray(np.polyval(bend, np.clip(at, 0, 1) - 0.5), dtype=np.float64)

    along, light = _seen(UPPER_ARCH, frame, mesh, axes)
    gaps, between, sides = _between(UPPER_ARCH, along)
    hang = HANGS - cm(0.2) * smooth(cm(0.8), cm(3.4), np.abs(along)) - cm(0.06) * _tooth(UPPER_ARCH, along, 1)
    upper_edge = plain(upper) - u * (hang - SCALLOP * between)
    upper_light = light * (1 - LINE_DARKNESS * gaps - ROUND * sides)
    along, light = _seen(LOWER_ARCH, frame, mesh, axes)
    gaps, between, sides = _between(LOWER_ARCH, along)
    lower_edge = plain(lower) - u * (LOWER_TOP + SCALLOP * between - cm(0.12) * smooth(cm(1.0), cm(3.0), np.abs(along)))
    lower_light = light * (1 - LINE_DARKNESS * gaps - ROUND * sides)
    across = np.clip(along / sum(LOWER_ARCH.widths), -1.5, 1.5)
    return Rows(upper_edge, upper_light, lower_edge, lower_light, across)


def _seen(arch: _Arch, frame: HeadFrame, mesh: Points, axes: Axes) -> tuple[Field, Field]:
    """For each T the place along an arch in u, from the middle to the subject's left, and how much light it has."""
    angle = np.deg2rad(np.linspace(-80, 80, 161))
    middle = frame.head(mesh[list(LIPS_MIDDLE)]).mean(axis=0)
    curve = np.stack([arch.across * np.sin(angle), np.zeros_like(angle), arch.back * (np.cos(angle) - 1)], axis=1)
    placed = curve + np.array([middle[0], middle[1], middle[2] - THICKNESS])
    t = axes.of_points(frame.pixels(placed))[:, 0]
    rising = np.diff(t) > 0
    first, last = 80, 80  # of the middle: as far as the arch does not turn away
    while first > 0 and rising[first - 1]:
        first -= 1
    while last < 160 and rising[last]:
        last += 1
    length = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(curve[:, [0, 2]], axis=0).T))])
    length -= length[80]
    at = steps()
    seen = slice(first, last + 1)
    along = np.interp(at, t[seen], length[seen])
    turned = np.interp(at, t[seen], angle[seen])
    room = np.minimum(at - t[first], t[last] - at)
    light = (0.4 + 0.6 * np.cos(turned) ** 1.5) * smooth(0.0, 0.08, room) * smooth(1.3, 0.6, np.abs(turned))
    return along, light


def _between(arch: _Arch, along: Field) -> tuple[Field, Field, Field]:
    """How close each place is to the gap between two teeth: for its shadow, for the edge, and for the tooth's own shade."""
    borders = np.concatenate([[0.0], np.cumsum(arch.widths)])
    away = np.abs(np.abs(along)[:, None] - borders[None]).min(axis=1)
    shadow, edge, side = (np.exp(-((away / (width * LINE)) ** 2)) for width in (1.0, 2.0, 4.0))
    return shadow, edge, side


def _tooth(arch: _Arch, along: Field, number: int) -> Field:
    """1 on one tooth of either side, counted from the middle."""
    borders = np.concatenate([[0.0], np.cumsum(arch.widths)])
    low, high = borders[number], borders[number + 1]
    return smooth(low - 0.01, low + 0.01, np.abs(along)) * smooth(high + 0.01, high - 0.01, np.abs(along))
