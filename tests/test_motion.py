"""The motion document: what TextuPortray writes is one, and what is none is refused by name."""

from __future__ import annotations

import json

from fractions import Fraction
from typing import Any

import pytest

from pydantic import ValidationError

from protocol.motion import Motion

DOCUMENT: dict[str, Any] = {
    "format": "textuportray.motion",
    "version": 1,
    "fps": "25",
    "direction": "She smiles",
    "seed": 7,
    "channels": ["mouthSmileLeft", "headYaw"],
    "frames": [[0.0, 0.0], [0.5, -12.25], [1, 3]],
}


def parsed(**changes: Any) -> Motion:
    return Motion.model_validate_json(json.dumps({**DOCUMENT, **changes}))


def test_a_document_survives_reading_and_writing():
    motion = parsed()
    assert json.loads(motion.model_dump_json()) == DOCUMENT
    assert Motion.model_validate_json(motion.model_dump_json()) == motion


def test_whole_numbers_are_numbers():
    assert parsed().frames[2] == (1.0, 3.0)


@pytest.mark.parametrize(("fps", "rate"), [("25", Fraction(25)), ("30000/1001", Fraction(30000, 1001)), ("2997/50", 59.94)])
def test_the_rate_is_exact(fps, rate):
    assert parsed(fps=fps).rate == Fraction(rate).limit_denominator(10_000)


def test_values_beyond_a_channels_range_are_left_to_the_reader():
    assert parsed(frames=[[1.7, 95.0]]).frames == ((1.7, 95.0),)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"frames": [[0.0, 0.0], [0.5]]}, "frame 1 has 1 values where 2 channels are named"),
        ({"frames": [[0.0, 0.0, 0.0]]}, "frame 0 has 3 values"),
        ({"frames": []}, "at least 1 item"),
        ({"frames": [[0.0, "0.0"]]}, "frames.0.1"),
        ({"frames": [[0.0, True]]}, "frames.0.1"),
        ({"frames": [[0.0, None]]}, "frames.0.1"),
        ({"channels": ["mouthSmileLeft", "smile"]}, "smile is not a channel"),
        ({"channels": ["headYaw", "headYaw"]}, "headYaw is named twice"),
        ({"channels": [], "frames": [[]]}, "at least 1 item"),
        ({"fps": 25}, "fps"),
        ({"fps": "0"}, "fps"),
        ({"fps": "25/0"}, "fps"),
        ({"fps": "29.97"}, "fps"),
        ({"seed": -1}, "seed"),
        ({"version": 2}, "version"),
        ({"format": "textuportray.timeline"}, "format"),
        ({"author": "me"}, "author"),
    ],
)
def test_what_is_no_motion_is_refused_and_the_place_is_named(changes, said):
    with pytest.raises(ValidationError, match=said):
        parsed(**changes)


@pytest.mark.parametrize("value", ["NaN", "Infinity", "-Infinity", "1e999"])
def test_numbers_that_are_not_finite_are_refused(value):
    text = json.dumps(DOCUMENT).replace("-12.25", value)
    with pytest.raises(ValidationError, match=r"frames\.1\.1"):
        Motion.model_validate_json(text)


@pytest.mark.parametrize("name", DOCUMENT)
def test_no_member_may_be_missing(name):
    with pytest.raises(ValidationError, match=name):
        Motion.model_validate_json(json.dumps({key: value for key, value in DOCUMENT.items() if key != name}))
