"""A picture of what was found in a portrait: faces, mesh, lids, lips, matte, background and depth."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import cv2
import numpy as np

from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from configs.mesh import builtin_mesh
from protocol.channels import CHANNELS, both_sides
from renderer.faces import Face
from renderer.puppet.axes import Axes, steps
from renderer.puppet.neutral import neutral, relaxing, said
from renderer.puppet.rig import PuppetRig

PANEL = 400
"""Pixels of a panel's side."""
GAP, TITLE = 12, 26
PAPER, INK, QUIET = (255, 255, 255), (20, 20, 20), (110, 110, 110)
MESH, EYE, MOUTH, OTHER = (80, 220, 255), (255, 230, 60), (255, 90, 120), (190, 190, 190)
BEHIND_MATTE = (255, 0, 255)

Picture = NDArray[np.uint8]


def rig_chart(rig: PuppetRig, faces: Sequence[Face]) -> Picture:
    """The chart of a rig: uint8 [height, width, 3].

    Args:
        rig: of the portrait.
        faces: all that were found, the largest first.
    """
    source = rig.person[0].permute(1, 2, 0).cpu().numpy()
    colours = _bytes(source[..., :3])
    alpha = source[..., 3:]
    depth = rig.head.points[2].cpu().numpy()
    low, high = float(depth.min()), float(depth.max())
    relief = cv2.applyColorMap(_bytes((depth - low) / max(high - low, 1e-6)), cv2.COLORMAP_VIRIDIS)[..., ::-1]
    panels = [
        ("faces", _faces(rig.picture, faces, rig.face)),
        ("mesh and irises", _mesh(rig.picture, rig.face)),
        ("person", _bytes(source[..., :3] * alpha + np.array(BEHIND_MATTE) / 255 * (1 - alpha))),
        ("what is behind", _bytes(rig.grid.joined(rig.plate)[0].permute(1, 2, 0).cpu().numpy())),
        ("depth", cv2.resize(relief, colours.shape[1::-1], interpolation=cv2.INTER_LINEAR)),
        *((f"{side} eye", _eye(colours, rig, which)) for which, side in enumerate(("right", "left"))),
        ("mouth", _mouth(colours, rig)),
    ]
    lines = _words(rig)
    columns = 4
    rows = -(-len(panels) // columns)
    width = columns * (PANEL + GAP) + GAP
    text = 22 * len(lines) + GAP
    sheet = Image.new("RGB", (width, rows * (PANEL + TITLE + GAP) + GAP + text), PAPER)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(16)
    for number, (title, picture) in enumerate(panels):
        row, column = divmod(number, columns)
        x, y = GAP + column * (PANEL + GAP), GAP + row * (PANEL + TITLE + GAP)
        draw.text((x, y), title, INK, font)
        fitted = _fitted(picture)
        sheet.paste(Image.fromarray(fitted), (x + (PANEL - fitted.shape[1]) // 2, y + TITLE))
    for number, line in enumerate(lines):
        draw.text((GAP, rows * (PANEL + TITLE + GAP) + GAP + 22 * number), line, INK if number == 0 else QUIET, font)
    return np.asarray(sheet).copy()


def _words(rig: PuppetRig) -> list[str]:
    found = neutral(rig.face)
    yaw, pitch, roll = found.pose
    shown = ", ".join(f"{_spoken(name)} {low:+.0f} to {high:+.0f}" for name, (low, high) in rig.ranges.items())
    return [
        f"{rig.size[0]} x {rig.size[1]} pixels, eyes {rig.face.u:.0f} pixels apart",
        f"head: yaw {yaw:+.0f}, pitch {pitch:+.0f}, roll {roll:+.0f} degrees; can be moved by {shown} (degrees, cm)",
        f"expression: {said(found) or 'none'}; lips {found.gap:.3f} apart (of the eyes' distance)",
        f"--neutral does: {_done(relaxing(found)) or 'nothing'}",
        *rig.notes,
    ]


def _done(motion: Mapping[str, float]) -> str:
    """Values of channels as the chart shows them; where both sides do the same, they are named once."""
    shown = {}
    for name, value in motion.items():
        both = both_sides(CHANNELS[name].stem)
        alike = len(both) == 2 and all(motion.get(each) == value for each in both)
        shown[CHANNELS[name].stem if alike else name] = value
    return ", ".join(f"{name} {value:+.2f}" for name, value in shown.items())


def _spoken(name: str) -> str:
    """A channel of the head or an eye as the chart calls it: headYaw is yaw, eyeYawLeft is eye yaw left."""
    words = "".join(f" {letter.lower()}" if letter.isupper() else letter for letter in name.removeprefix("head"))
    return words.strip()


def _bytes(values: NDArray[np.floating]) -> Picture:
    return (np.clip(values, 0, 1) * 255 + 0.5).astype(np.uint8)


def _fitted(picture: Picture) -> Picture:
    scale = PANEL / max(picture.shape[:2])
    size = (max(1, round(picture.shape[1] * scale)), max(1, round(picture.shape[0] * scale)))
    return cv2.resize(picture, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)


def _faces(picture: Picture, faces: Sequence[Face], chosen: Face) -> Picture:
    shown = picture.copy()
    thick = max(1, max(shown.shape[:2]) // 300)
    for number, face in enumerate(faces, 1):
        x, y, width, height = (round(side) for side in face.box)
        acts = np.array_equal(face.mesh, chosen.mesh)
        colour = MESH if acts else OTHER
        cv2.rectangle(shown, (x, y), (x + width, y + height), colour, thick)
        cv2.putText(shown, str(number), (x, y - 2 * thick), cv2.FONT_HERSHEY_SIMPLEX, 0.35 * thick, colour, thick)
    return shown


def _cut(picture: Picture, x: float, y: float, reach: float) -> tuple[Picture, NDArray[np.float64]]:
    """A square part of a picture at the panel's size, and the matrix that takes the picture's pixels there."""
    scale = PANEL / (2 * reach)
    matrix = np.array([[scale, 0, PANEL / 2 - x * scale], [0, scale, PANEL / 2 - y * scale]])
    shown = cv2.warpAffine(picture, matrix, (PANEL, PANEL), flags=cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    return shown, matrix


def _mesh(picture: Picture, face: Face) -> Picture:
    x, y, width, height = face.box
    shown, matrix = _cut(picture, x + width / 2, y + height / 2, 0.6 * max(width, height))
    mesh = face.mesh[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    for px, py in mesh:
        cv2.circle(shown, (round(px), round(py)), 1, MESH, -1, cv2.LINE_AA)
    rings = builtin_mesh().rings
    for ring in (rings.eye_right, rings.eye_left, rings.lips_outer, rings.lips_inner, rings.oval):
        cv2.polylines(shown, [np.round(mesh[list(ring)]).astype(np.int32)], isClosed=True, color=MESH, lineType=cv2.LINE_AA)
    for iris, radius in zip(face.irises, face.iris_radii, strict=True):
        px, py = iris[0] @ matrix[:, :2].T + matrix[:, 2]
        cv2.circle(shown, (round(px), round(py)), round(radius * matrix[0, 0]), EYE, 1, cv2.LINE_AA)
    return shown


def _curve(
    shown: Picture, matrix: NDArray[np.float64], axes: Axes, heights: NDArray[np.floating], colour: tuple[int, ...]
) -> None:
    within = (steps() >= 0) & (steps() <= 1)
    points = np.stack(axes.to_points(steps()[within], heights[within].astype(np.float64)), axis=1)
    placed = np.round(points @ matrix[:, :2].T + matrix[:, 2]).astype(np.int32)
    cv2.polylines(shown, [placed], isClosed=False, color=colour, lineType=cv2.LINE_AA)


def _eye(colours: Picture, rig: PuppetRig, which: int) -> Picture:
    eye = rig.eyes[which]
    shown, matrix = _cut(colours, eye.axes.x, eye.axes.y, 0.28 * rig.u)
    for heights in eye.curves[:4].cpu().numpy():
        _curve(shown, matrix, eye.axes, heights, EYE)
    px, py = np.array(eye.ball.centre) @ matrix[:, :2].T + matrix[:, 2]
    cv2.circle(shown, (round(px), round(py)), round(eye.ball.radius * matrix[0, 0]), MESH, 1, cv2.LINE_AA)
    return shown


def _mouth(colours: Picture, rig: PuppetRig) -> Picture:
    axes = rig.mouth.axes
    shown, matrix = _cut(colours, axes.x, axes.y, 0.45 * rig.u)
    for heights in rig.mouth.edges.cpu().numpy():
        _curve(shown, matrix, axes, heights, MOUTH)
    return shown
