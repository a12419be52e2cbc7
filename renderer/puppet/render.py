"""From a rig and a motion to frames.

For every pixel of the stage the way back is followed: out of the turned head, out of the moved skin, to the place in the
portrait that is seen there. Each frame is computed alike whatever the batch that it comes in.
"""

from __future__ import annotations

import numpy as np
import torch

from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import grid_sample

from protocol.channels import INDEX
from renderer.puppet.eyes import lids_and_gaze
from renderer.puppet.eyes import paint as paint_eye
from renderer.puppet.lattice import inverse
from renderer.puppet.mouth import paint as paint_mouth
from renderer.puppet.mouth import part
from renderer.puppet.muscles import MUSCLES
from renderer.puppet.rig import Rig, upsampled
from renderer.puppet.windows import Window, window

HEAD = [INDEX[name] for name in ("headYaw", "headPitch", "headRoll", "headX", "headY", "headZ")]
CM = 1 / 8.892


def controls(motion: Tensor) -> Tensor:
    """What each muscle does, [batch, controls], from channels [batch, 62]."""
    columns = motion[:, [INDEX[name] for name in MUSCLES]].clone()
    names = list(MUSCLES)
    jaw, close = names.index("jawOpen"), names.index("mouthClose")
    columns[:, close] = torch.minimum(columns[:, close], columns[:, jaw])
    return columns


def paint(rig: Rig, motion: Tensor) -> Tensor:
    """The stage of some frames.

    Args:
        rig: of the portrait.
        motion: float32 [batch, 62].

    Returns:
        float32 [batch, 3, height, width], 0..1.
    """
    batch = motion.shape[0]
    height, width = rig.source.shape[2:]
    gone = rig.head.displacement(motion[:, HEAD])
    turned = inverse(rig.head_lattice, gone, steps=6, longest=0.25 * rig.u)
    y, x = torch.meshgrid(torch.arange(height, dtype=torch.float32), torch.arange(width, dtype=torch.float32), indexing="ij")
    places = torch.stack([x, y])[None] + upsampled(turned, height, width)
    lattice = rig.face_lattice
    moved = (controls(motion) @ rig.basis).reshape(batch * 2, 2, lattice.rows, lattice.columns)
    back = inverse(lattice, moved, steps=8, longest=0.07 * rig.u).reshape(batch, 4, lattice.rows, lattice.columns)
    both = lattice.sample(back, places)
    above, below = places + both[:, :2], places + both[:, 2:]
    near = _window(rig, rig.mouth.box, gone, 1.25)
    chosen = torch.where((part(rig.mouth, above, below).share > 0.5)[:, None], above, below)
    skin = chosen
    eyes = []
    for eye, side in zip(rig.eyes, ("Right", "Left"), strict=True):
        around = _window(rig, eye.box, gone, 1.15)
        at = around.take(skin)
        opened = lids_and_gaze(eye, at, _lids(motion, side), _gaze(motion, side))
        around.put(skin, torch.where(opened.near[:, None], opened.skin, at))
        eyes.append((eye, around, opened))
    seen = sample(rig.source, skin)
    for eye, around, opened in eyes:
        here = around.take(seen)
        ball = sample(rig.source[:, :3], opened.ball)
        around.put(seen, torch.cat([paint_eye(eye, opened, here[:, :3], ball), here[:, 3:]], dim=1))
    here, up, down, at = near.take(seen), near.take(above), near.take(below), near.take(places)
    lips = sample(rig.source[:, :3], up), sample(rig.source[:, :3], down)
    parted = part(rig.mouth, up, down)
    inner = paint_mouth(rig.mouth, parted, at, lips, sample(rig.source[:, :3], at), motion[:, INDEX["tongueOut"]])
    lined = (parted.hole > 0) | ((parted.share > 0) & (parted.share < 1))
    near.put(seen, torch.cat([torch.where(lined[:, None], inner, here[:, :3]), here[:, 3:]], dim=1))
    alpha = seen[:, 3:]
    return alpha * seen[:, :3] + (1 - alpha) * rig.plate


def _window(rig: Rig, box: tuple[int, int, int, int], gone: Tensor, room: float) -> Window:
    """The window in which a box of the portrait is seen once the head has gone somewhere."""
    left, top, right, bottom = box
    centre = torch.tensor([(left + right) / 2, (top + bottom) / 2], device=gone.device).expand(gone.shape[0], 2)
    moved = rig.head_lattice.sample(gone, centre[:, :, None, None])[:, :, 0, 0]
    # A head that tilts by 20 degrees needs a box that much larger.
    wide, high = right - left, bottom - top
    size = (int(room * high + 0.36 * wide), int(room * wide + 0.36 * high))
    return window(centre + moved, *size, (rig.source.shape[2], rig.source.shape[3]))


def _lids(motion: Tensor, side: str) -> Tensor:
    blink = motion[:, INDEX[f"eyeBlink{side}"]]
    squint = motion[:, INDEX[f"eyeSquint{side}"]]
    cheek = motion[:, INDEX[f"cheekSquint{side}"]]
    wide = motion[:, INDEX[f"eyeWide{side}"]]
    close = 1 - (1 - blink) * (1 - 0.16 * squint)
    return torch.stack([close, (0.18 * squint + 0.13 * cheek) * CM, 0.19 * CM * wide * (1 - blink)], dim=1)


def _gaze(motion: Tensor, side: str) -> Tensor:
    return motion[:, [INDEX[f"eyeYaw{side}"], INDEX[f"eyePitch{side}"]]]


def sample(picture: Tensor, places: Tensor) -> Tensor:
    """Bicubic samples [batch, channels, h, w] of a picture [1, channels, H, W] at pixels [batch, 2, h, w]."""
    height, width = picture.shape[2:]
    scale = torch.tensor([2 / (width - 1), 2 / (height - 1)], device=places.device)[None, :, None, None]
    grid = (places * scale - 1).permute(0, 2, 3, 1)
    return grid_sample(
        picture.expand(places.shape[0], -1, -1, -1), grid, mode="bicubic", padding_mode="border", align_corners=True
    )


def render(rig: Rig, motion: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Frames [frames, height, width, 3] of a motion [frames, 62]."""
    frames = np.repeat(rig.picture[None], len(motion), axis=0)
    left, top, right, bottom = rig.stage
    height, width = rig.picture.shape[:2]
    with torch.inference_mode():
        for n, row in enumerate(motion):
            stage = paint(rig, torch.from_numpy(row[None]))
            pixels = (stage[0].permute(1, 2, 0).clamp(0, 1) * 255 + 0.5).to(torch.uint8).numpy()
            frames[n, top : min(bottom, height), left : min(right, width)] = pixels[: height - top, : width - left]
    return frames
