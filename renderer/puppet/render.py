"""From a rig and a motion to frames.

For every pixel of the stage the way back is followed: out of the turned head, out of the moved skin, to the place in the
portrait that is seen there. Each frame is computed alike whatever the batch that it comes in.
"""

from __future__ import annotations

import torch

from torch import Tensor
from torch.nn.functional import grid_sample

from protocol.channels import INDEX
from renderer.puppet.eyes import lids_and_gaze, paint_ball, paint_lids
from renderer.puppet.lattice import inverse
from renderer.puppet.mouth import paint as paint_mouth
from renderer.puppet.mouth import part
from renderer.puppet.muscles import MUSCLES
from renderer.puppet.plate import composed
from renderer.puppet.rig import PuppetRig, upsampled
from renderer.puppet.windows import Window, window

HEAD = [INDEX[name] for name in ("headYaw", "headPitch", "headRoll", "headX", "headY", "headZ")]


def controls(motion: Tensor, room: Tensor) -> Tensor:
    """What each muscle does, [batch, controls], from channels [batch, 62] and how much each has left, [controls]."""
    columns = motion[:, [INDEX[name] for name in MUSCLES]] * room
    names = list(MUSCLES)
    jaw, close = names.index("jawOpen"), names.index("mouthClose")
    columns[:, close] = torch.minimum(columns[:, close], columns[:, jaw])
    return columns


def paint(rig: PuppetRig, motion: Tensor) -> Tensor:
    """The stage of some frames.

    Args:
        rig: of the portrait.
        motion: float32 [batch, 62].

    Returns:
        float32 [batch, 3, height, width], 0..1.
    """
    person, places = moved_person(rig, motion)
    return composed(person, rig.plate, rig.rest, rig.pixels, places, rig.u)


def moved_person(rig: PuppetRig, motion: Tensor) -> tuple[Tensor, Tensor]:
    """The person alone in some frames.

    Returns:
        Straight colours and alpha, float32 [batch, 4, height, width]; where in the portrait they come from, in pixels
        [batch, 2, height, width].
    """
    batch = motion.shape[0]
    height, width = rig.source.shape[2:]
    gone = rig.head.displacement(motion[:, HEAD])
    turned = rig.head.seen(rig.head_lattice, motion[:, HEAD], gone)
    places = rig.pixels + upsampled(turned, height, width)
    lattice = rig.face_lattice
    moved = mixed(rig.basis, controls(motion, rig.room)).reshape(batch * 2, 2, lattice.rows, lattice.columns)
    back = inverse(lattice, moved, steps=5, longest=0.07 * rig.u).reshape(batch, 4, lattice.rows, lattice.columns)
    chosen = places + lattice.sample(back[:, :2], places)
    # It matters which side of the mouth a pixel is on, from the lips down to where the jaw's motion ends.
    jaw = _window(rig, rig.jaw, gone, 1.1)
    up, down = jaw.take(chosen), jaw.take(places)
    down = down + lattice.sample(back[:, 2:], down)
    jaw.put(chosen, torch.where((part(rig.mouth, up, down).share > 0.5)[:, None], up, down))
    skin = chosen
    eyes = []
    for eye, side in zip(rig.eyes, ("Right", "Left"), strict=True):
        around, inner = _window(rig, eye.box, gone, 1.1), _window(rig, eye.opening, gone, 1.15)
        opened = lids_and_gaze(eye, around.take(skin), inner.take(skin), _lids(motion, side), _gaze(motion, side))
        around.put(skin, opened.skin)
        eyes.append((eye, around, inner, opened))
    seen = sample(rig.source, skin)
    face = _window(rig, rig.folds.box, gone, 1.1)
    here = face.take(seen)
    face.put(seen, torch.cat([here[:, :3] * (1 + rig.folds.shading(motion, face.take(skin))), here[:, 3:]], dim=1))
    for eye, around, inner, opened in eyes:
        here = around.take(seen)
        around.put(seen, torch.cat([paint_lids(eye, opened, here[:, :3]), here[:, 3:]], dim=1))
        here = inner.take(seen)
        inner.put(seen, torch.cat([paint_ball(eye, opened, here[:, :3]), here[:, 3:]], dim=1))
    near = _window(rig, rig.mouth.box, gone, 1.1)
    here, place = near.take(seen), near.take(places)
    up, down = (place + lattice.sample(half, place) for half in (back[:, :2], back[:, 2:]))
    parted = part(rig.mouth, up, down)
    rest = sample(rig.source[:, :3], place) if rig.mouth.open else here[:, :3]
    three = sample(rig.source[:, :3], up), sample(rig.source[:, :3], down), rest
    mouth = paint_mouth(rig.mouth, parted, here[:, :3], place, (up, down), three, motion)
    near.put(seen, torch.cat([mouth, here[:, 3:]], dim=1))
    return seen, skin


def mixed(basis: Tensor, weights: Tensor) -> Tensor:
    """Weighted sums of fields, added up in one order, so that they round alike everywhere.

    Which weights are 0 throughout is looked up once a batch, the only thing for which a GPU is waited for: of some sixty fields
    a batch needs a few.

    Args:
        basis: [n, size].
        weights: [batch, n].

    Returns:
        [batch, size].
    """
    total = torch.zeros(weights.shape[0], basis.shape[1], device=basis.device)
    for n in weights.abs().amax(dim=0).nonzero()[:, 0].tolist():  # the others would add exactly nothing
        total = total + weights[:, n, None] * basis[n]
    return total


def _window(rig: PuppetRig, box: tuple[int, int, int, int], gone: Tensor, room: float) -> Window:
    """The window in which a box of the portrait is seen once the head has gone somewhere."""
    left, top, right, bottom = box
    # Made where it is needed: copying even two numbers to a GPU waits for it.
    centre = torch.stack([gone.new_full((gone.shape[0],), middle / 2) for middle in (left + right, top + bottom)], dim=1)
    moved = rig.head_lattice.sample(gone, centre[:, :, None, None])[:, :, 0, 0]
    # A head that tilts by 20 degrees needs a box that much larger.
    wide, high = right - left, bottom - top
    size = (int(room * high + 0.36 * wide), int(room * wide + 0.36 * high))
    return window(centre + moved, *size, (rig.source.shape[2], rig.source.shape[3]))


def _lids(motion: Tensor, side: str) -> Tensor:
    return motion[:, [INDEX[f"{name}{side}"] for name in ("eyeBlink", "eyeSquint", "cheekSquint", "eyeWide")]]


def _gaze(motion: Tensor, side: str) -> Tensor:
    return motion[:, [INDEX[f"eyeYaw{side}"], INDEX[f"eyePitch{side}"]]]


def sample(picture: Tensor, places: Tensor) -> Tensor:
    """Bicubic samples [batch, channels, h, w] of a picture [1, channels, H, W] at pixels [batch, 2, h, w]."""
    height, width = picture.shape[2:]
    grid = torch.stack([places[:, 0] * (2 / (width - 1)) - 1, places[:, 1] * (2 / (height - 1)) - 1], dim=-1)
    return grid_sample(
        picture.expand(places.shape[0], -1, -1, -1), grid, mode="bicubic", padding_mode="border", align_corners=True
    )
