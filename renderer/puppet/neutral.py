"""What a portrait's face already does: channels act from there, and the chart of a rig shows it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np

from protocol.channels import SIDES
from renderer.faces import Face
from renderer.pose import Pose, pose_of
from renderer.puppet.geometry import turn_of

REST_OPENING = 0.23
"""Height of an open eye by its width: the canonical face model's 0.231."""


SMILING, BEAMING = 0.03, 0.1
"""Lift of the corners, u, from which a mouth smiles, and with which it smiles broadly."""
LESS_WHEN_BEAMING: Mapping[str, float] = MappingProxyType(
    {"mouthSmile": 0.55, "mouthDimple": 0.55, "mouthStretch": 0.5, "mouthUpperUp": 0.6, "cheekSquint": 0.3}
)
"""By how much a broad smile in the portrait lessens what further pulls at the lips do: more than this uncovers what the
picture does not show (tried on a portrait that smiles broadly)."""


@dataclass(frozen=True, slots=True)
class Neutral:
    """A face at rest, as it is in the portrait.

    Attributes:
        pose: of the head, degrees.
        lids: height of each eye by its width, subject's right first; about 0.23 for an eye that is simply open.
        gap: between the lips, u.
        lift: how much higher the corners of the mouth lie than the middle of where the lips meet, u; above 0 in a smile.
        gaze: how far each iris is from the middle between the corners, towards the subject's left and up, u; right eye first.
    """

    pose: Pose
    lids: tuple[float, float]
    gap: float
    lift: float
    gaze: tuple[tuple[float, float], tuple[float, float]]


def neutral(face: Face) -> Neutral:
    """Measure a face."""
    mesh, u = face.mesh[:, :2].astype(np.float64), face.u

    def apart(one: int, other: int) -> float:
        return float(np.hypot(*(mesh[one] - mesh[other])))

    lids = tuple(
        (apart(upper, lower) + apart(upper_too, lower_too)) / (2 * apart(first, last))
        for upper, lower, upper_too, lower_too, first, last in ((160, 144, 158, 153, 33, 133), (387, 373, 385, 380, 263, 362))
    )
    across = (mesh[263] - mesh[33]) / u
    up = np.array([across[1], -across[0]])
    meeting = (mesh[13] + mesh[14]) / 2
    lift = float(np.mean([(mesh[corner] - meeting) @ up for corner in (61, 291)]) / u)
    gaze = tuple(
        (float((iris - middle) @ across / u), float((iris - middle) @ up / u))
        for iris, middle in (
            (face.irises[which, 0].astype(np.float64), (mesh[first] + mesh[last]) / 2)
            for which, (first, last) in enumerate(((33, 133), (263, 362)))
        )
    )
    return Neutral(pose_of(turn_of(face.mesh)), (lids[0], lids[1]), apart(13, 14) / u, lift, (gaze[0], gaze[1]))


def headroom(found: Neutral) -> dict[str, float]:
    """How much of a channel's motion the face has left, 0..1, by channel; those that are not named have all of it."""
    smiles = min(1.0, max(0.0, (found.lift - SMILING) / (BEAMING - SMILING)))
    return {f"{stem}{side}": 1 - less * smiles for stem, less in LESS_WHEN_BEAMING.items() for side in SIDES}
