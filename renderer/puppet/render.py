"""From a rig and a motion to frames.

For every pixel that motion can change the way back is followed: out of the turned head, out of the moved skin, to the place in
the portrait that is seen there. All of it is done on squares of the canvas, those of all frames of a batch together, and each
pixel is computed alike whatever the batch that it comes in.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch

from torch import Tensor

from protocol.channels import INDEX
from renderer.puppet.activity import Activity, Moves, activity
from renderer.puppet.anatomy import SIDES
from renderer.puppet.axes import smoothstep
from renderer.puppet.eyes import lidded, opened, paint_ball, paint_lids, posed
from renderer.puppet.lattice import inverse, mixed
from renderer.puppet.mouth import on_upper_side, part
from renderer.puppet.mouth import paint as paint_mouth
from renderer.puppet.muscles import MUSCLES
from renderer.puppet.plate import fades, lacking, over
from renderer.puppet.rig import PuppetRig
from renderer.puppet.sampling import sample
from renderer.puppet.sealing import sealed
from renderer.puppet.tiles import Some, Tiles

HEAD = [INDEX[name] for name in ("headYaw", "headPitch", "headRoll", "headX", "headY", "headZ")]
GENTLE = 0.006
"""A muscle's value below which it only begins to pull. A jaw that opens by a thousandth moves a collar's edge by a 30th of a
pixel, several grey levels; a trace of an expression, a twentieth, is far above."""
PRESSED = 0.6
"""How much less lips roll in that are pressed: both take from the same thickness."""
LIPS = [INDEX[name] for name in MUSCLES if name.startswith(("mouth", "jaw", "tongue"))]
LIDS = {
    side: [INDEX[f"{name}{side}"] for name in ("eyeBlink", "eyeSquint", "cheekSquint", "eyeWide", "browDown")]
    for side in ("Right", "Left")
}
GAZE = {side: [INDEX[f"eyeYaw{side}"], INDEX[f"eyePitch{side}"]] for side in SIDES}

SLACK = 0.05
"""u around the box of an eye or a mouth that muscles may bring into it."""


def controls(motion: Tensor) -> Tensor:
    """What each muscle does, [batch, controls], from what the face does (`neutral.Acting`), [batch, 62]."""
    columns = motion[:, [INDEX[name] for name in MUSCLES]]
    names = list(MUSCLES)
    jaw, close = names.index("jawOpen"), names.index("mouthClose")
    columns[:, close] = torch.minimum(columns[:, close], columns[:, jaw].clamp_min(0))
    press = columns[:, [names.index(f"mouthPress{side}") for side in SIDES]].clamp(0, 1).mean(dim=1, keepdim=True)
    columns[:, [names.index("mouthRollUpper"), names.index("mouthRollLower")]] *= 1 - PRESSED * press
    columns = columns * smoothstep(0.0, GENTLE, columns.abs())
    return torch.cat([columns, sealed(motion)[:, None]], dim=1)


@dataclass(frozen=True, slots=True)
class Painted:
    """The squares of some frames that motion can have changed; all others are the portrait.

    Attributes:
        tiles: where they are.
        colours: float32 [n, 3, side, side], 0..1 the whole picture's, or those of the
            person alone.
        alpha: float32 [n, 1, side, side], of the person; empty where it was not asked for.
        places: float32 [n, 2, side, side], pixels of the portrait that they come from.
    """

    tiles: Tiles
    colours: Tensor
    alpha: Tensor
    places: Tensor


def paint(rig: PuppetRig, motion: Tensor) -> Painted:
    """Frames of a motion, float32 [batch, 62]."""
    person = _person(rig, motion)
    asked, colours = person.asked, person.colours
    tiles, rim, near = asked.tiles, asked.rim.index, asked.near.index
    # Squares at the rim, and those of them that have hardly moved, are put together from their layers.
    colours[rim] = over(asked.rim.of(colours), person.alpha, tiles.of_place(rig.plate, rim))
    moved = asked.near.of(person.places) - tiles.pixels(near)
    colours[near] += lacking(tiles.of_compact(rig.rest, near), moved, rig.u)
    return Painted(tiles, colours, person.alpha[:0], person.places)


def paint_person(rig: PuppetRig, motion: Tensor) -> Painted:
    """The person alone in frames of a motion, float32 [batch, 62]: straight colours and alpha."""
    person = _person(rig, motion)
    covered = torch.ones_like(person.colours[:, :1])
    covered[person.asked.rim.index] = person.alpha
    return Painted(person.asked.tiles, person.colours, covered, person.places)


@dataclass(frozen=True, slots=True)
class _Ways:
    """The ways back at the lattices' nodes.

    Attributes:
        gone: [batch, 2, rows, columns], pixels that the head takes the nodes of its lattice.
        turned: the same, back.
        pulled: [batch, 2 sides, 2, rows, columns], pixels that muscles take the nodes of the face's lattice, above the mouth's
            parting line and below it.
        back: [batch, 4, rows, columns], the same, back.
        relief: [batch, h, w], see `folds.Folds`.
    """

    gone: Tensor
    turned: Tensor
    pulled: Tensor
    back: Tensor
    relief: Tensor

    @classmethod
    def of(cls, rig: PuppetRig, motion: Tensor) -> _Ways:
        """Those of a motion, [batch, 62]."""
        batch, lattice, pose = len(motion), rig.face_lattice, motion[:, HEAD]
        gone = rig.head.displacement(pose)
        pulled = mixed(rig.basis, controls(motion)).reshape(batch * 2, 2, lattice.rows, lattice.columns)
        back = inverse(lattice, pulled, steps=5, longest=0.07 * rig.u)
        return cls(
            gone,
            rig.head.seen(rig.head_lattice, pose, gone),
            pulled.unflatten(0, (batch, 2)),
            back.reshape(batch, 4, lattice.rows, lattice.columns),
            rig.folds.relief(motion),
        )


def _asked(rig: PuppetRig, ways: _Ways, motion: Tensor) -> Activity:
    """What is to be computed."""
    boxes = [
        (_seen(rig, _outline(box, motion), ways.gone), motion[:, HEAD + LIDS[side] + GAZE[side]].any(dim=1))
        for eye, side in zip(rig.eyes, SIDES, strict=True)
        for box in (eye.box, eye.opening)
    ]
    boxes.append((_seen(rig, _lips(rig, ways.pulled, motion), ways.gone), motion[:, HEAD + LIPS].any(dim=1)))
    shaded = partial(rig.folds.near, ways.relief, reach=float(rig.grid.cell))
    moves = Moves(ways.turned, ways.back)
    return activity(rig.grid, rig.cover, (rig.head_lattice, rig.face_lattice), moves, shaded, boxes, fades(rig.u))


@dataclass(frozen=True, slots=True)
class _Person:
    """The person before what is behind.

    Attributes:
        asked: what is computed.
        colours: [n, 3, side, side], straight.
        alpha: [m, 1, side, side], of the squares at the rim.
        places: [n, 2, side, side], pixels of the portrait that all come from.
    """

    asked: Activity
    colours: Tensor
    alpha: Tensor
    places: Tensor


def _person(rig: PuppetRig, motion: Tensor) -> _Person:
    ways = _Ways.of(rig, motion)
    asked = _asked(rig, ways, motion)
    tiles, face = asked.tiles, rig.face_lattice
    # First out of the turned head, then out of the moved skin; around the mouth it matters which side of it a pixel is on.
    skin = tiles.spread(rig.head_lattice.nodes().to(ways.turned) + ways.turned)
    lips, sides = asked.boxes[-1], asked.sides
    place, beside = lips.of(skin), sides.of(skin)

    def above(frame: int, here: Tensor) -> Tensor:
        return here + face.sample(ways.back[frame : frame + 1, :2].expand(len(here), -1, -1, -1), here)

    def below(frame: int, here: Tensor) -> Tensor:
        return here + face.sample(ways.back[frame : frame + 1, 2:].expand(len(here), -1, -1, -1), here)

    def shaded(frame: int, here: Tensor) -> Tensor:
        return rig.folds.seen(ways.relief[frame : frame + 1], here)

    skin[asked.skin.index] = _by_frame(asked.skin, asked.skin.of(skin), above)
    up, down = sides.of(skin), _by_frame(sides, beside, below)
    skin[sides.index] = torch.where(on_upper_side(rig.mouth, up, down)[:, None], up, down)
    shade = 1 + _by_frame(asked.folds, asked.folds.of(skin), shaded)  # lids and eyeball move below it
    lids = []
    for n, (eye, side) in enumerate(zip(rig.eyes, SIDES, strict=True)):
        around, inner = asked.boxes[2 * n : 2 * n + 2]
        pose = posed(eye, motion[:, LIDS[side]], motion[:, GAZE[side]])
        seen = lidded(eye, around.of(skin), pose.of(around.of(tiles.frame)))
        hole = opened(eye, inner.of(skin), pose.of(inner.of(tiles.frame)))
        lids.append((eye, around, inner, seen, hole))
        skin[around.index] = seen.skin
    colours = skin.new_empty((len(tiles), 3, *skin.shape[2:]))
    colours[asked.inside.index] = sample(rig.source[:, :3], asked.inside.of(skin))
    edge = sample(rig.source, asked.rim.of(skin))
    colours[asked.rim.index] = edge[:, :3]
    for eye, around, inner, seen, hole in lids:
        colours[around.index] = paint_lids(eye, seen, around.of(colours))
        colours[inner.index] = paint_ball(eye, hole, inner.of(colours))
    colours[asked.folds.index] = asked.folds.of(colours).mul_(shade)
    beneath = lips.of(colours)
    up, down = _by_frame(lips, place, above), _by_frame(lips, place, below)
    rest = sample(rig.source[:, :3], place) if rig.mouth.open else beneath
    three = sample(rig.source[:, :3], up), sample(rig.source[:, :3], down), rest
    parted = part(rig.mouth, up, down)
    mouth = paint_mouth(rig.mouth, parted, beneath, place, (up, down), three, motion[lips.of(tiles.frame)])
    colours[lips.index] = mouth
    return _Person(asked, colours, edge[:, 3:], skin)


def _by_frame(some: Some, here: Tensor, made: Callable[[int, Tensor], Tensor]) -> Tensor:
    """What is made, frame by frame, of what some squares have; in their order."""
    parts = [made(frame, here[first:last]) for frame, (first, last) in enumerate(some.spans) if last > first]
    return torch.cat(parts) if parts else made(0, here)


def _outline(box: tuple[int, int, int, int], like: Tensor) -> Tensor:
    """Points around a box of the portrait and its middle: [1, 2, 3, 3]."""
    left, top, right, bottom = box
    # Made where it is needed: copying even two numbers to a GPU waits for it.
    share = torch.arange(3, device=like.device, dtype=like.dtype) / 2
    x, y = left + (right - left) * share, top + (bottom - top) * share
    return torch.stack([x.expand(3, -1), y[:, None].expand(-1, 3)])[None]


def _lips(rig: PuppetRig, pulled: Tensor, motion: Tensor) -> Tensor:
    """Points of the lips' edges where muscles have put them, and of a tongue's end: [batch, 2, 3, n]."""
    lines = rig.mouth.lines.expand(len(motion), -1, -1, -1)
    moved = [lines[:, :, n : n + 1] + rig.face_lattice.sample(pulled[:, n], lines[:, :, n : n + 1]) for n in (0, 1)]
    tongue = motion[:, INDEX["tongueOut"], None, None, None].clamp(0, 1) * rig.mouth.tongue[None, :, None, None]
    return torch.cat([*moved, moved[1] + tongue], dim=2)


def _seen(rig: PuppetRig, points: Tensor, gone: Tensor) -> Tensor:
    """The box [batch, 4] in which points of the portrait [batch or 1, 2, ...] are seen once the head has gone somewhere."""
    points = points.expand(len(gone), -1, -1, -1)
    seen = (points + rig.head_lattice.sample(gone, points)).flatten(2)
    slack = SLACK * rig.u
    return torch.cat([seen.amin(dim=2) - slack, seen.amax(dim=2) + slack], dim=1)
