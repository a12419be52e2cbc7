"""Which face of a portrait acts, and what the user should know about it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from renderer.errors import RendererError
from renderer.faces import Face
from renderer.pose import head_pose

SMALL = 48.0
"""Pixels of a face's width below which there is little to animate."""
PROFILE = 47.0
"""Degrees of yaw from which one eye and half of the mouth are out of sight. The networks see large turns too small: a full
profile is measured as 51 degrees, a head of which the far eye can just be seen as 44 (one portrait each)."""
TURNED = 30.0
"""Degrees of yaw from which the hidden half of the face has to be made up when the head turns back."""
TILTED = 60.0
"""Degrees of roll from which the neck is no longer below the head, where it is looked for; judgement."""
CUT, HALF = 0.97, 0.5
"""Share of the mesh's points inside the picture below which its border cuts the face, and too much is missing; judgement."""


class FaceError(RendererError):
    """There is no face, or not the one that was asked for, or it cannot be seen well enough."""


def cast(faces: Sequence[Face], wanted: int | None, name: str, size: tuple[int, ...]) -> tuple[Face, tuple[str, ...]]:
    """The face that acts, and notes about it.

    Args:
        faces: of the portrait, the largest first.
        wanted: 1 for the largest; None for the largest, with a note if there are more.
        name: of the portrait, for messages.
        size: its width and height, pixels.

    Raises:
        FaceError: there is no such face, it is seen from the side, or half of it lies outside of the picture.
    """
    if not faces:
        raise FaceError(
            f"{name}: no face was found. There has to be a human face, at least 40 pixels wide, seen from the front or "
            "three-quarters and not covered. Crop the picture to head and shoulders, or give another or a larger one."
        )
    if wanted is not None and not 1 <= wanted <= len(faces):
        found = "only one face" if len(faces) == 1 else f"{len(faces)} faces"
        raise FaceError(f"{name}: there is no face {wanted}; {found} could be found. Number 1 is the largest.")
    face = faces[(wanted or 1) - 1]
    notes = []
    if wanted is None and len(faces) > 1:
        others = "2" if len(faces) == 2 else f"2 to {len(faces)}"
        notes.append(f"{len(faces)} faces were found and the largest one acts; choose another with --face {others}")
    width = face.box[2]
    if width < SMALL:
        notes.append(
            f"the face is only {width:.0f} pixels wide, so there is little detail to move; a larger picture looks better"
        )
    points = face.mesh[:, :2]
    inside = float(((points > -0.5) & (points < np.array(size) - 0.5)).all(axis=1).mean())
    if inside < HALF:
        raise FaceError(
            f"{name}: more than half of the face lies outside of the picture. Give a portrait that shows the whole face."
        )
    if inside < CUT:
        notes.append("the picture's border cuts through the face; a portrait that shows all of it looks better")
    pose = head_pose(face.mesh)
    if abs(pose.roll) > TILTED:
        notes.append(f"the head is tilted by about {abs(pose.roll):.0f} degrees; turn the picture upright for a better result")
    yaw = abs(pose.yaw)
    if yaw > PROFILE:
        others = ", or choose another face with --face" if len(faces) > 1 else ""
        raise FaceError(
            f"{name}: the face is seen from the side, so half of it is hidden and nobody knows how that moves. Give a portrait "
            f"in which both eyes can be seen{others}."
        )
    if yaw > TURNED:
        notes.append(f"the head is turned by about {yaw:.0f} degrees in the portrait, so it can be turned only a little")
    return face, tuple(notes)
