"""Where the puppet's maps turn the picture over, or lose it: `fold_overs(rig)` counts what a frame would show of that.

A head that sinks covers a part of its neck, and a jaw that turns a part of the throat: then two places of the portrait come to
one pixel, and the one in front is seen, which is as it should be. What may not be seen is a place that is turned over, nor may
a pixel of the person show a place that does not come there.
"""

from __future__ import annotations

import itertools

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch

from torch import Tensor

from protocol.channels import CHANNELS, INDEX, NAMES
from renderer.puppet.lattice import Lattice, inverse, jacobian, mixed
from renderer.puppet.ranges import CHANNELS as POSE
from renderer.puppet.render import HEAD, controls
from renderer.puppet.rig import PuppetRig

STEPS = (-1.0, -0.5, 0.5, 1.0)
"""Of each pose channel's range; all pairs of channels at these, and each alone."""
COVERED = 0.25
"""Of the person's alpha: what shows less of the person does not count."""
MISS = 0.02
"""u by which what is seen at a pixel may come to lie beside it: two pixels of a face 300 pixels high."""
AT_ONCE = 32


@dataclass(frozen=True, slots=True)
class FoldOvers:
    """What was found.

    Attributes:
        seen: nodes of the lattices at which the person is seen, in all motions together.
        head, upper, lower: how many of them show a place that is turned over, by the head's map and by the expression's above
            and below the parting line.
        torn: how many show a place that the head's map does not bring there.
        worst: the least share of its area that a place which is seen keeps, by the head's map, above and below.
    """

    seen: int
    head: int
    upper: int
    lower: int
    torn: int
    worst: tuple[float, float, float]


def kept(lattice: Lattice, displacement: Tensor) -> Tensor:
    """The share of its area that each node's surroundings keep, [batch, 1, rows, columns]; below 0 they are turned over."""
    a, b, c, d = jacobian(displacement, lattice.cell).unbind(dim=1)
    return ((a + 1) * (d + 1) - b * c)[:, None]


def poses(rig: PuppetRig) -> np.ndarray:
    """Motions over the rig's range of the head: each channel alone and in pairs, [n, 62]."""
    rows = []
    for one, other in itertools.combinations_with_replacement(POSE, 2):
        for share, second in itertools.product(STEPS, STEPS):
            row = np.zeros(len(NAMES), np.float32)
            for name, part in ((one, share), (other, second)):
                row[INDEX[name]] = rig.ranges[name][part > 0] * abs(part)
            rows.append(row)
    return np.stack(rows)


def expressions(count: int, seed: int = 0) -> np.ndarray:
    """Random motions of the face, the head still, [n, 62]: each channel alone at 1, then some together at up to 1."""
    random = np.random.default_rng(seed)
    shares = [INDEX[name] for name, channel in CHANNELS.items() if channel.unit == "share" and not channel.derived]
    rows = np.zeros((len(shares) + count, len(NAMES)), np.float32)
    rows[np.arange(len(shares)), shares] = 1
    for row in rows[len(shares) :]:
        chosen = random.choice(shares, size=random.integers(2, 7), replace=False)
        row[chosen] = random.uniform(0, 1, len(chosen))
    return rows


def fold_overs(rig: PuppetRig, count: int = 200, seed: int = 0) -> FoldOvers:
    """How often frames would show a place that is turned over, over the rig's range of poses and in random expressions.

    Args:
        rig: on any device.
        count: of random expressions.
        seed: of them.
    """
    seen = torn = 0
    folded, worst = [0, 0, 0], [1.0, 1.0, 1.0]

    def look(which: int, lattice: Lattice, displacement: Tensor, back: Tensor) -> None:
        nonlocal seen, torn
        places = lattice.nodes().to(back) + back
        values = lattice.sample(torch.cat([displacement, kept(lattice, displacement)], dim=1), places)
        shown = _cover(rig, places) > COVERED
        away = (back + values[:, :2]).norm(dim=1)
        area = values[:, 2][shown]
        seen, folded[which] = seen + area.numel(), folded[which] + int((area <= 0).sum())
        worst[which] = min(worst[which], float(area.min()))
        if which == 0:
            torn += int((away[shown] > MISS * rig.u).sum())

    for rows in _parts(rig, poses(rig)):
        gone = rig.head.displacement(rows[:, HEAD])
        look(0, rig.head_lattice, gone, rig.head.seen(rig.head_lattice, rows[:, HEAD], gone))
    lattice = rig.face_lattice
    for rows in _parts(rig, rig.acting.of(expressions(count, seed))):
        both = mixed(rig.basis, controls(rows)).reshape(len(rows), 2, 2, lattice.rows, lattice.columns)
        for side in range(2):
            look(1 + side, lattice, both[:, side], inverse(lattice, both[:, side], steps=5, longest=0.07 * rig.u))
    return FoldOvers(seen, folded[0], folded[1], folded[2], torn, (worst[0], worst[1], worst[2]))


def _cover(rig: PuppetRig, places: Tensor) -> Tensor:
    """The person's alpha at places [batch, 2, h, w] in pixels of the canvas, 0 beyond it: [batch, h, w]."""
    height, width = rig.grid.height, rig.grid.width
    inside = (places[:, 0] >= 0) & (places[:, 0] <= width - 1) & (places[:, 1] >= 0) & (places[:, 1] <= height - 1)
    alpha = rig.person[:, 3:].expand(len(places), -1, -1, -1)
    return Lattice(0.0, 0.0, 1.0, width, height).sample(alpha, places)[:, 0] * inside


def _parts(rig: PuppetRig, motion: np.ndarray) -> Iterator[Tensor]:
    for rows in torch.from_numpy(motion).split(AT_ONCE):
        yield rows.to(rig.source.device)
