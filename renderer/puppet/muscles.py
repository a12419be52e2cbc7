"""How skin moves: one displacement field for every muscle-like control, anchored to the landmarks of this face.

Fields live in head coordinates (u; see `geometry`) and are linear in the controls.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from types import MappingProxyType

import numpy as np

from configs.puppet import MuscleTable, builtin_muscles
from renderer.puppet.anatomy import LOWER, SIDES, UPPER, Anchors, Muscle, Parts, place
from renderer.puppet.brows import brow_down, brow_inner_up, brow_outer_up
from renderer.puppet.cheeks import cheek_puff, cheek_squint, nose_sneer
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
    seal,
    shrug_lower,
    shrug_upper,
    smile,
    stretch,
    tongue_out,
    upper_up,
)
from renderer.puppet.orbit import eye_squint

_JAW: Mapping[str, Callable[[Parts], Muscle]] = MappingProxyType(
    {
        "jawOpen": jaw_open,
        "jawLeft": partial(jaw_sideways, 1),
        "jawRight": partial(jaw_sideways, -1),
        "jawForward": jaw_forward,
    }
)
_WHOLE: Mapping[str, Callable[[Parts], Muscle]] = MappingProxyType(
    {
        "mouthFunnel": funnel,
        "mouthPucker": pucker,
        "mouthLeft": partial(mouth_sideways, 1),
        "mouthRight": partial(mouth_sideways, -1),
        "mouthRollLower": partial(roll, LOWER),
        "mouthRollUpper": partial(roll, UPPER),
        "mouthShrugLower": shrug_lower,
        "mouthShrugUpper": shrug_upper,
        "tongueOut": tongue_out,
        "cheekPuff": cheek_puff,
        "browInnerUp": brow_inner_up,
    }
)
_SIDED: Mapping[str, Callable[[float, Parts], Muscle]] = MappingProxyType(
    {
        "mouthSmile": smile,
        "mouthFrown": frown,
        "mouthDimple": dimple,
        "mouthStretch": stretch,
        "mouthPress": press,
        "mouthLowerDown": lower_down,
        "mouthUpperUp": upper_up,
        "cheekSquint": cheek_squint,
        "noseSneer": nose_sneer,
        "browOuterUp": brow_outer_up,
        "browDown": brow_down,
        "eyeSquint": eye_squint,
    }
)

MUSCLES: tuple[str, ...] = (*_JAW, "mouthClose", *_WHOLE, *(stem + side for stem in _SIDED for side in SIDES))
"""Every channel that moves skin by itself; the seal of the lips, which several bring about (see `sealing`), comes last."""


def muscles(table: MuscleTable) -> dict[str, Muscle]:
    """The muscles in the order of MUSCLES, as strong as a table says."""
    both = tuple(zip(SIDES, (-1.0, 1.0), strict=True))
    return {
        **{name: muscle(table.parts(name)) for name, muscle in _JAW.items()},
        "mouthClose": mouth_close(table.parts("mouthClose"), table.parts("jawOpen")),
        **{name: muscle(table.parts(name)) for name, muscle in _WHOLE.items()},
        **{stem + side: muscle(sign, table.parts(stem + side)) for stem, muscle in _SIDED.items() for side, sign in both},
    }


def fields(anchors: Anchors, x: Field, y: Field, table: MuscleTable | None = None) -> Field:
    """Displacement of every control at 1.

    Args:
        anchors: of the face.
        x, y: [...] head coordinates of the nodes.
        table: how far each pulls; the program's own by default.

    Returns:
        [controls, 2 sides, 3, ...] in u along the head's axes, in the order of MUSCLES, then the seal of the lips.
    """
    at = place(anchors, x, y)
    table = table or builtin_muscles()
    every = (*muscles(table).values(), seal(table.seal.upper))
    return np.stack([[np.stack(muscle(at, anchors, side)) for side in (UPPER, LOWER)] for muscle in every])
