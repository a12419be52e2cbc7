"""What is left of a micro-expression in the picture: how many pixels of a channel's part of the face change at 5 %.

A micro-expression lasts a 25th of a second, one frame of a film. Counted are the pixels of the person that the channel may
change (`renderer.puppet.regions`) and that it does move at full strength, by at least a tenth of its largest way; of these
the share that differs by two grey levels or more from the frame before, which is at rest: in the rendered frames, and in the
frames of a film that was encoded as users get it and read again.
"""

from __future__ import annotations

import tempfile

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from types import MappingProxyType

import numpy as np
import torch

from numpy.typing import NDArray

from protocol.channels import CHANNELS, INDEX, NAMES
from renderer.puppet.geometry import head_frame
from renderer.puppet.puppet import Puppet
from renderer.puppet.regions import head_coordinates, region_mask
from renderer.puppet.render import paint
from renderer.puppet.rig import PuppetRig
from renderer.video import open_sink, read_frames

INTENSITY = 0.05
"""Of a channel: a trace of the expression, the least that FACS codes (A)."""
LEAST_CHANGE = 2
"""Grey levels, of the colour that differs most."""
LEAST_WAY = 0.1
"""Of a channel's largest displacement: pixels that move less are not counted."""
FPS = 25
REST = 9
"""Frames at rest before each peak, in which an encoder comes to rest too."""
WITH: Mapping[str, Mapping[str, float]] = MappingProxyType({"mouthClose": {"jawOpen": 0.3}})
"""What a channel acts on: the one closes what the other has opened, and does nothing by itself."""
CODED = tuple(
    name for name, channel in CHANNELS.items() if not channel.derived and channel.region != "head" and channel.unit == "share"
)
"""What a face does: every coefficient that somebody may ask for."""


@dataclass(frozen=True, slots=True)
class Micro:
    """A channel's trace in a portrait.

    Attributes:
        channel: its name.
        pixels: that it moves, in its region.
        rendered: share of these that change in the frames as they are rendered.
        encoded: the same in the film.
        noise: share that differs between the two frames before, at rest, in the film: what encoding does by itself.
    """

    channel: str
    pixels: int
    rendered: float
    encoded: float
    noise: float


def micro(puppet: Puppet, rig: PuppetRig, channels: tuple[str, ...] = CODED) -> list[Micro]:
    """Measure channels one after the other in one film.

    Args:
        puppet: that renders.
        rig: of the portrait.
        channels: without those of the head.
    """
    rest = puppet.render(rig, np.stack([_row(name, 0.0) for name in channels]))
    moved = puppet.render(rig, np.stack([_row(name, INTENSITY) for name in channels]))
    found = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "micro.mp4"
        height, width = rig.picture.shape[:2]
        with open_sink(path, width, height, Fraction(FPS)) as sink:
            for still, peak in zip(rest, moved, strict=True):
                for frame in (*[still] * REST, peak):
                    sink.write(frame)
        shots = _shots(path, height, width)
        parts = moved_parts(rig, channels)
        for name, still, peak, shot, part in zip(channels, rest, moved, shots, parts, strict=True):
            earlier, before, seen = shot
            changed = _changed(still, peak), _changed(before, seen), _changed(earlier, before)
            rendered, encoded, noise = (float(each[part].mean()) if part.any() else 0.0 for each in changed)
            found.append(Micro(name, int(part.sum()), rendered, encoded, noise))
    return found


def moved_parts(rig: PuppetRig, channels: Sequence[str]) -> list[NDArray[np.bool_]]:
    """The person's pixels in each channel's region that it moves at 1 by a tenth of its largest way or more."""
    mesh, shape = rig.face.mesh.astype(np.float64), rig.picture.shape[:2]
    frame = head_frame(mesh)
    coordinates = head_coordinates(frame, mesh, shape)
    left, top, right, bottom = rig.stage
    rests: dict[bytes, NDArray[np.float32]] = {}  # but for what some channels act on there is only one
    parts = []
    for channel in channels:
        rest = _row(channel, 0.0)
        if rest.tobytes() not in rests:
            rests[rest.tobytes()] = _places(rig, rest)
        way = np.hypot(*(_places(rig, _row(channel, 1.0)) - rests[rest.tobytes()]))
        part = np.zeros(shape, bool)
        part[top:bottom, left:right] = way >= max(LEAST_WAY * float(way.max()), 1e-3)
        parts.append(part & (rig.matte >= 0.5) & region_mask(channel, frame, mesh, shape, coordinates=coordinates))
    return parts


def _row(channel: str, value: float) -> NDArray[np.float32]:
    """[62]: a channel alone, but for what it acts on."""
    row = np.zeros(len(NAMES), np.float32)
    for name, held in WITH.get(channel, {}).items():
        row[INDEX[name]] = held
    row[INDEX[channel]] = value
    return row


def _shots(path: Path, height: int, width: int) -> Iterator[tuple[NDArray[np.uint8], ...]]:
    """Of each channel's part of the film the last two frames at rest and the peak."""
    last: list[NDArray[np.uint8]] = []
    for number, frame in enumerate(read_frames(path), 1):
        last = [*last[-2:], frame[:height, :width]]
        if number % (REST + 1) == 0:
            yield tuple(last)


def _places(rig: PuppetRig, row: NDArray[np.float32]) -> NDArray[np.float32]:
    """Where in the canvas the stage's pixels come from, [2, height, width]."""
    with torch.inference_mode():
        painted = paint(rig, torch.from_numpy(rig.acting.of(row))[None].to(rig.source.device))
        y, x = torch.meshgrid(torch.arange(rig.grid.height), torch.arange(rig.grid.width), indexing="ij")
        places = torch.stack([x, y])[None].to(painted.places)
        painted.tiles.put(places, painted.places)
    left, top, right, bottom = rig.stage
    left_out, top_out, step = rig.margins.left * rig.factor, rig.margins.top * rig.factor, rig.factor
    found: NDArray[np.float32] = (
        places[
            0,
            :,
            top_out + step // 2 : top_out + (bottom - top) * step : step,
            left_out + step // 2 : left_out + (right - left) * step : step,
        ]
        .cpu()
        .numpy()
    )
    return found


def _changed(before: NDArray[np.uint8], after: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which pixels differ enough to count, [height, width]."""
    found: NDArray[np.bool_] = np.abs(after.astype(int) - before).max(axis=2) >= LEAST_CHANGE
    return found
