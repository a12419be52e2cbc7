"""Which face of a portrait acts, and what the user should know about it."""

from __future__ import annotations

from collections.abc import Sequence

from renderer.errors import RendererError
from renderer.faces import Face
from renderer.pose import head_pose

SMALL = 48.0
"""Pixels of a face's width below which there is little to animate."""
PROFILE = 50.0
"""Degrees of yaw from which one eye and half of the mouth are out of sight."""
TURNED = 30.0
"""Degrees of yaw from which the hidden half of the face has to be made up when the head turns back."""


class FaceError(RendererError):
    """There is no face, or not the one that was asked for, or it cannot be seen well enough."""


def cast(faces: Sequence[Face], wanted: int | None, name: str) -> tuple[Face, tuple[str, ...]]:
    """The face that acts, and notes about it.

    Args:
        faces: of the portrait, the largest first.
        wanted: 1 for the largest; None for the largest, with a note if there are more.
        name: of the portrait, for messages.

    Raises:
        FaceError: there is no such face, or it is seen from the side.
    """
    if not faces:
        raise FaceError(
            f"{name}: no face was found. The face should be at least 40 pixels wide, seen from the front or three-quarters and "
            "not covered. Crop the picture to head and shoulders, or give a larger one."
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
    yaw = abs(head_pose(face.mesh)[0])
    if yaw > PROFILE:
        raise FaceError(
            f"{name}: the face is seen from the side (turned by about {yaw:.0f} degrees), so half of it is hidden. Give a "
            "portrait in which both eyes can be seen."
        )
    if yaw > TURNED:
        notes.append(f"the head is turned by about {yaw:.0f} degrees in the portrait, so it can be turned only a little")
    return face, tuple(notes)
