"""Light and shade that come with a muscle: folds that deepen, cheeks that catch light.

Prepared once as textures in the portrait's own pixels, so that they travel with the skin: for each fold how much brighter or
darker its places become, as a share of their brightness. Two things make a fold: soft shading of its form, and the
portrait's own fine lines there, made stronger; a line that is not in the picture is never drawn thin. Every texture ends
well inside the face, and every fold grows from nothing with its muscles.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import torch

from numpy.typing import NDArray
from torch import Tensor
from torch.nn.functional import grid_sample, max_pool2d

from configs.puppet import Fold, MuscleTable, builtin_muscles
from protocol.channels import INDEX, both_sides
from renderer.puppet.anatomy import SIDES, inside_polygon, outline, polyline_distance
from renderer.puppet.fold_shapes import SHAPES, View
from renderer.puppet.geometry import Field, HeadFrame, Points, smooth
from renderer.puppet.head import HeadMap
from renderer.puppet.lattice import Lattice, mixed
from renderer.puppet.sampling import seen_from
from renderer.puppet.tension import Tension, find_tension

Image = NDArray[np.float32]
Colours = Image | NDArray[np.float64]

SKIN = (9, 151, 108, 337, 50, 280, 205, 425, 117, 346, 5)
"""Where skin is nearly always seen: forehead, cheeks, nose."""
DETAIL_FROM, DETAIL_TO = 0.011, 0.05
"""u: blur that takes a picture's grain away, and blur that leaves its broad shades; its lines are what is in between."""
LONG = 0.045
"""u along which a line of the skin runs straight at least."""
MOST_DETAIL = 0.2
COARSE = 0.04
"""u between the places at which the strain of skin is read."""
OWN_HUE, TINTED = 1.3, (0.5, 2.0)
"""How strongly shade takes on the skin's own hue (at 0 it is grey), and the least and the most that a colour follows: in
coloured light it would leave 0..1; judgement."""
FINE_ENOUGH = 110.0
"""Texture pixels per u at most; the lines that are kept are wider than one."""


@dataclass(frozen=True, slots=True, eq=False)
class Folds:
    """The folds of a face.

    Attributes:
        textures: float32 [n, h, w], shares of brightness.
        tension: the skin's tone, on the same pixels.
        box: left, top, right, bottom in pixels of the canvas: all that they cover.
        tint: float32 [3, 1, 1]: how strongly red, green and blue follow; shaded skin turns towards its own colour.
        channels: int64 [n, k], columns of a motion.
        shares: float32 [n, k], how much of a fold each of these brings about alone.
    """

    textures: Tensor
    tension: Tension
    box: tuple[int, int, int, int]
    tint: Tensor
    channels: Tensor
    shares: Tensor

    def strengths(self, motion: Tensor) -> Tensor:
        """How deep each fold is, [batch, n], with motion [batch, 62]: 0..1, or down to -1 where muscles let go of what they do
        in the portrait (see `neutral`), which smooths a fold that it shows.

        What brings a fold about adds up short of 1, and it grows with the power 1.5 of that: skin gathers before it folds.
        """
        deepened, smoothed = (torch.ones_like(motion[:, self.channels[:, 0]]) for _ in range(2))
        for k in range(self.channels.shape[1]):
            pull = motion[:, self.channels[:, k]].clamp(-1, 1) * self.shares[:, k]
            deepened = deepened * (1 - pull.clamp_min(0))
            smoothed = smoothed * (1 + pull.clamp_max(0))
        deep, less = 1 - deepened, 1 - smoothed
        return deep * deep.sqrt() - less * less.sqrt()  # the power 1.5, which `**` rounds otherwise in odd places of a batch

    def relief(self, motion: Tensor) -> Tensor:
        """What the portrait's colours are to be multiplied by, less 1: [batch, h, w] over the box, with motion [batch, 62]."""
        depths = mixed(self.textures.flatten(1), self.strengths(motion)).unflatten(1, self.textures.shape[1:])
        return self.tension.tone(motion) + depths

    def seen(self, relief: Tensor, places: Tensor) -> Tensor:
        """The same at places of the portrait [n, 2, ...], for each colour: [n, 3, ...]; relief [1 or n, h, w]."""
        return self._sampled(relief[:, None].expand(len(places), -1, -1, -1), places) * self.tint

    def near(self, relief: Tensor, places: Tensor, reach: float) -> Tensor:
        """Whether there is anything of it near some places of the portrait: bool [batch, ...].

        Args:
            relief: [batch, h, w].
            places: [batch, 2, ...], pixels.
            reach: pixels from a place that count.
        """
        left, _, right, _ = self.box
        size = max(1, int(reach * relief.shape[2] / (right - left)))
        rough = max_pool2d(relief.abs()[:, None], size, ceil_mode=True)
        around = max_pool2d(rough, 3, stride=1, padding=1)
        inside = self._sampled(torch.ones_like(around), places, "zeros")
        return (self._sampled(around, places) * inside)[:, 0] > 0

    def _sampled(self, values: Tensor, places: Tensor, padding: str = "border") -> Tensor:
        left, top, right, bottom = self.box
        seen = seen_from(places, (left - 0.5, top - 0.5), (right - left, bottom - top))
        return grid_sample(values, seen, mode="bilinear", padding_mode=padding, align_corners=False)


def find_folds(
    colours: Colours,
    frame: HeadFrame,
    mesh: Points,
    head: HeadMap,
    lattice: Lattice,
    moved: tuple[Lattice, Tensor],
    table: MuscleTable | None = None,
) -> Folds:
    """Prepare the folds of a portrait.

    Args:
        colours: [height, width, 3], 0..1.
        frame, mesh: of the head, in pixels of these.
        head, lattice: for its depth.
        moved: how muscles move skin: a lattice, and on it in pixels [controls, 4 * rows * columns], as `PuppetRig.basis`.
        table: the program's own by default.
    """
    ring = outline(mesh[:, :2])
    height, width = colours.shape[:2]
    left, top = (max(0, min(end - 2, int(low))) for end, low in zip((width, height), ring.min(axis=0), strict=True))
    right, bottom = (
        max(start + 2, min(end, int(high) + 2))
        for start, end, high in zip((left, top), (width, height), ring.max(axis=0), strict=True)
    )
    u = frame.scale
    step = max(1.0, u / FINE_ENOUGH)
    columns, rows = max(2, round((right - left) / step)), max(2, round((bottom - top) / step))

    def pixels(columns: int, rows: int) -> Field:
        """The box in so many pixels: [rows, columns, 2], the places of their middles."""
        x = left - 0.5 + (np.arange(columns) + 0.5) * ((right - left) / columns)
        y = top - 0.5 + (np.arange(rows) + 0.5) * ((bottom - top) / rows)
        return np.stack(np.meshgrid(x, y), axis=-1)

    def own(places: Field) -> Field:
        """Head coordinates [h, w, 2] of places [h, w, 2]."""
        nodes = torch.from_numpy(np.moveaxis(places, -1, 0))[None].float()
        depth = lattice.sample(head.points[None], nodes)[0, 2].numpy().astype(np.float64)
        across, up = (places[..., 0] - frame.origin[0]) / u, -(places[..., 1] - frame.origin[1]) / u
        found: Field = (np.stack([across, up, depth], axis=-1) @ frame.axes)[..., :2]
        return found

    camera = pixels(columns, rows)
    x, y = camera[..., 0], camera[..., 1]
    here = own(camera)
    part = np.ascontiguousarray(colours[top:bottom, left:right], dtype=np.float32)
    seen = cv2.resize(part, (columns, rows), interpolation=cv2.INTER_AREA).astype(np.float32)
    lines = _lines(seen, u / step)
    level, upright = (_running(lines, frame.axes[:2, axis], u / step) for axis in (0, 1))
    view = View(here[..., 0], here[..., 1], frame.head(mesh), lines, level, upright, _skin(seen, camera, mesh, u))
    deep = np.where(inside_polygon(x, y, ring[:-1]), polyline_distance(x, y, ring) / u, 0.0)
    fading = smooth(0.03, 0.09, deep)
    coarse = pixels(*(max(3, round(size / (COARSE * u))) for size in (right - left, bottom - top)))
    tone = own(coarse)
    textures, channels = [], []
    for name, entry in (table or builtin_muscles()).folds.items():
        for side in (0, 1):
            shape = SHAPES[name](view, side)
            texture = entry.light * shape.light - entry.shade * shape.shade + entry.detail * shape.lines
            textures.append(texture * fading)
            channels.append(_brought_about(entry, SIDES[side]))
    most = max(len(each) for each in channels)
    padded = [[*each.items(), *[(0, 0.0)] * (most - len(each))] for each in channels]
    return Folds(
        torch.from_numpy(np.stack(textures).astype(np.float32)),
        find_tension(
            (tone[..., 0], tone[..., 1]),
            (view.x, view.y),
            view.points,
            _fields(*moved, coarse) / u,
            seen.mean(axis=2),
            view.skin,
            smooth(0.0, 0.05, deep),
        ),
        (left, top, right, bottom),
        torch.from_numpy(_tint(seen, view.skin))[:, None, None],
        torch.tensor([[column for column, _ in each] for each in padded]),
        torch.tensor([[share for _, share in each] for each in padded], dtype=torch.float32),
    )


def _fields(lattice: Lattice, basis: Tensor, places: Field) -> Field:
    """How muscles move skin at places [h, w, 2]: [controls, 2 sides of the mouth, 2, h, w], pixels."""
    there = torch.from_numpy(np.moveaxis(places, -1, 0))[None].float()
    planes = basis.reshape(1, -1, lattice.rows, lattice.columns)
    found: Field = lattice.sample(planes, there)[0].reshape(len(basis), 2, 2, *places.shape[:2]).numpy().astype(np.float64)
    return found


def _brought_about(entry: Fold, side: str) -> dict[int, float]:
    """What of a fold's causes acts on a side, by the column of a motion."""
    found = {}
    for name, share in entry.by.items():
        named = both_sides(name)
        own = [channel for channel in named if channel.endswith(side)] if len(named) > 1 or name.endswith(SIDES) else [name]
        found.update({INDEX[channel]: share for channel in own})
    return found


def _lines(colours: Image, u: float) -> Field:
    brightness = colours @ np.array([0.299, 0.587, 0.114], np.float32)
    fine, broad = (cv2.GaussianBlur(brightness, (0, 0), max(share * u, 0.3)) for share in (DETAIL_FROM, DETAIL_TO))
    ratio = (fine - broad) / np.maximum(broad, 0.06)
    found: Field = (MOST_DETAIL * np.tanh(ratio / MOST_DETAIL)).astype(np.float64)
    return found


def _running(lines: Field, way: Points, u: float) -> Field:
    """Lines that run one way: their mean along it.

    Args:
        lines: [h, w].
        way: [2], to the right and up.
        u: pixels.
    """
    across, up = way / max(float(np.hypot(*way)), 1e-6)
    size = max(1, round(2.5 * LONG * u))
    y, x = np.mgrid[-size : size + 1, -size : size + 1].astype(np.float64)
    along, aside = x * across - y * up, x * up + y * across
    kernel = np.exp(-0.5 * ((along / max(LONG * u, 0.5)) ** 2 + (aside / 0.5) ** 2))
    found: Field = cv2.filter2D(lines, -1, kernel / kernel.sum(), borderType=cv2.BORDER_REPLICATE)
    return found


def _skin(colours: Image, places: Field, mesh: Points, u: float) -> Field:
    """How much a pixel looks like this face's skin, by the spread of colours where skin nearly always is."""
    blur = u / float(places[0, 1, 0] - places[0, 0, 0])
    calm = cv2.GaussianBlur(colours, (0, 0), max(0.012 * blur, 0.4))
    near = np.zeros(calm.shape[:2], bool)
    for point in mesh[list(SKIN)]:
        near |= np.hypot(places[..., 0] - point[0], places[..., 1] - point[1]) < 0.05 * u
    known = calm[near].astype(np.float64)
    if len(known) < 8:
        return np.ones(calm.shape[:2])
    # Those that differ most are hair over the forehead or a shadow; they count less than half.
    middle = np.median(known, axis=0)
    known = known[np.argsort(np.abs(known - middle).sum(axis=1))[: max(8, len(known) * 4 // 5)]]
    off = calm.astype(np.float64) - known.mean(axis=0)
    spread = np.cov(known.T) + np.eye(3) * 0.02**2
    distance = np.sqrt(np.einsum("...i,ij,...j->...", off, np.linalg.inv(spread), off))
    mask = smooth(5.0, 2.6, distance).astype(np.float32)
    found: Field = cv2.GaussianBlur(mask, (0, 0), max(0.015 * blur, 0.4)).astype(np.float64)
    return found


def _tint(colours: Image, skin: Field) -> NDArray[np.float32]:
    """Shade on skin is light that went through it: its strongest colour loses least. Grey pictures stay grey."""
    mean = (colours * skin[..., None]).sum(axis=(0, 1)) / max(float(skin.sum()), 1e-6)
    tint = np.clip(((mean.mean() + 0.02) / (mean + 0.02)) ** OWN_HUE, *TINTED)
    return np.asarray(tint, np.float32)
