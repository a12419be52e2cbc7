"""`textuportray rig`: a picture of what is found in a portrait."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time

from pathlib import Path
from typing import TYPE_CHECKING, Any

from runtime.commands import asking

if TYPE_CHECKING:
    from collections.abc import Sequence

    from renderer.faces import Face
    from renderer.puppet.rig import PuppetRig
    from runtime.cli import Stopper

EXAMPLES = """example:
  textuportray rig portrait.jpg -o rig.png

Shows the faces with their numbers; of the one that acts the mesh, lids and lips; the person, what is behind, and depth. Look at
it when a face moves in a way that it should not."""


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("portrait", metavar="PORTRAIT", type=Path, help="picture with a face that can be seen")
    parser.add_argument("-o", "--output", required=True, type=Path, metavar="FILE", help="picture to write (PNG)")
    asking.add_portrait_options(parser)
    parser.add_argument("--json", action="store_true", help="print what was found as JSON")


def run(options: argparse.Namespace, stopper: Stopper) -> int:
    """Prepare the portrait and draw what was found."""
    from PIL import Image

    from runtime.filming import check_picture, check_portrait
    from runtime.outputs import whole_file

    size, face = asking.portrait_options(options)
    check_portrait(options.portrait)
    check_picture(options.output, "-o", options.portrait)
    rig, faces, notes, chart = _charted(options.portrait, size, face)
    with whole_file(options.output) as stream:
        Image.fromarray(chart).save(stream, "PNG")
    for note in notes:
        print(f"warning: {note.rstrip('.')}", file=sys.stderr)
    if options.json:
        print(json.dumps(_as_data(options.output, rig, faces, notes), ensure_ascii=False))
    else:
        from renderer.puppet.neutral import neutral, said

        found = "1 face" if len(faces) == 1 else f"{len(faces)} faces"
        print(f"{options.output}: {found} in {rig.size[0]} x {rig.size[1]} pixels")
        print(f"expression: {said(neutral(rig.face)) or 'none'}")
    return 0


def _charted(path: Path, size: int | None, face: int | None) -> tuple[PuppetRig, Sequence[Face], tuple[str, ...], Any]:
    from renderer.faces import FaceNets, find_faces
    from renderer.portrait import read_portrait
    from renderer.weights import open_weights
    from runtime.commands.models import Meter

    portrait = read_portrait(path, size=size)
    meter = Meter(sys.stderr, time.monotonic)
    try:
        models = open_weights(os.environ, meter).models()
    finally:
        meter.end()
    from renderer.puppet.chart import rig_chart
    from renderer.puppet.puppet import Puppet

    nets = FaceNets(models)
    rig = Puppet(nets).prepare(portrait, face=face)
    faces = find_faces(portrait.rgb, nets)
    return rig, faces, (*portrait.notes, *rig.notes), rig_chart(rig, faces)


def _as_data(output: Path, rig: PuppetRig, faces: Sequence[Face], notes: Sequence[str]) -> dict[str, Any]:
    from renderer.puppet.neutral import neutral

    rests = [neutral(face) for face in faces]
    return {
        "output": str(output),
        "width": rig.size[0],
        "height": rig.size[1],
        "faces": [
            {
                "box": [round(side, 1) for side in face.box],
                "eyes_apart": round(face.u, 1),
                "presence": round(face.presence, 4),
                "pose": {name: round(angle, 1) for name, angle in rest.pose._asdict().items()},
                "gaze": {"yaw": round(rest.gaze[0], 1), "pitch": round(rest.gaze[1], 1)},
                "expression": dict(rest.expression),
            }
            for face, rest in zip(faces, rests, strict=True)
        ],
        "ranges": {name: list(bounds) for name, bounds in rig.ranges.items()},
        "warnings": [note.rstrip(".") for note in notes],
    }
