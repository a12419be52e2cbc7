"""How skin moves: one displacement field for every muscle-like control, anchored to the landmarks of this face.

Fields live in head coordinates (u; see `geometry`) and are linear in the controls.
"""

from __future__ import annotations

import numpy as np

from renderer.puppet.anatomy import LOWER, SIDES, UPPER, Anchors, Muscle, place
from renderer.puppet.cheeks import brow_down, brow_inner_up, brow_outer_up, cheek_puff, cheek_squint, nose_sneer
from renderer.puppet.geometry import Field
from renderer.puppet.lips import (
    dimple,
    frown,
    funnel,
    jaw_forward,
    jaw_open,
    jaw_sideways,
    lower_down,
    mouth_close,
    mouth_sideways,
    press,
    pucker,
    roll,
    shrug_lower,
    shrug_upper,
    smile,
    stretch,
    upper_up,
)

MUSCLES: dict[str, Muscle] = {
    "jawOpen": jaw_open,
    "jawLeft": jaw_sideways(1),
    "jawRight": jaw_sideways(-1),
    "jawForward": jaw_forward,
    "mouthClose": mouth_close,
    "mouthFunnel": funnel,
    "mouthPucker": pucker,
    "mouthLeft": mouth_sideways(1),
    "mouthRight": mouth_sideways(-1),
    "mouthRollLower": roll(LOWER),
    "mouthRollUpper": roll(UPPER),
    "mouthShrugLower": shrug_lower,
    "mouthShrugUpper": shrug_upper,
    "cheekPuff": cheek_puff,
    "browInnerUp": brow_inner_up,
    **{f"mouthSmile{name}": smile(sign) for name, sign in zip(SIDES, (-1, 1), strict=True)},
    **{f"mouthFrown{name}": frown(sign) for name, sign in zip(SIDES, (-1, 1), strict=True)},
    **{f"mouthDimple{name}": dimple(sign) for name, sign in zip(SIDES, (-1, 1), strict=True)},
    **{f"mouthStretch{name}": stretch(sign) for name, sign in zip(SIDES, (-1, 1), strict=True)},
    **{f"mouthPress{name}": press(sign) for name, sign in zip(SIDES, (-1, 1), strict=True)},
    **{f"mouthLowerDown{name}": lower_down(sign) for name, sign in zip(SIDES, (-1, 1), strict=True)},
    **{f"mouthUpperUp{name}": upper_up(sign) for name, sign in zip(SIDES, (-1, 1), strict=True)},
    **{f"cheekSquint{name}": cheek_squint(sign) for name, sign in zip(SIDES, (-1, 1), strict=True)},
    **{f"noseSneer{name}": nose_sneer(sign) for name, sign in zip(SIDES, (-1, 1), strict=True)},
    **{f"browOuterUp{name}": brow_outer_up(sign) for name, sign in zip(SIDES, (-1, 1), strict=True)},
    **{f"browDown{name}": brow_down(sign) for name, sign in zip(SIDES, (-1, 1), strict=True)},
}
"""Every control that moves skin, by its channel's name."""


def fields(anchors: Anchors, x: Field, y: Field) -> Field:
    """Displacement of every control at 1.

    Args:
        anchors: of the face.
        x, y: [...] head coordinates of the nodes.

    Returns:
        [controls, 2 sides, 3, ...] in u along the head's axes, in the order of MUSCLES.
    """
    at = place(anchors, x, y)
    return np.stack([[np.stack(muscle(at, anchors, side)) for side in (UPPER, LOWER)] for muscle in MUSCLES.values()])
