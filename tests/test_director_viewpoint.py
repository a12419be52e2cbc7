"""Left and right are the subject's, unless a direction is told from the onlooker's side."""

from __future__ import annotations

import pytest

from tests.directing import PLANNER


def side(direction: str) -> str:
    """The side of the one act that has one."""
    sides = {act.side for beat in PLANNER.plan(direction, 4.0).beats for act in beat.acts if act.side != "both"}
    (only,) = sides
    return only


@pytest.mark.parametrize(
    ("direction", "expected"),
    [
        ("Let your left ear sink towards your left shoulder.", "left"),
        ("Raise your right eyebrow.", "right"),
        ("You tilt your head to your left.", "left"),
        ("The woman raises the brow on your left.", "right"),
        ("She raises the eyebrow on your left.", "right"),
        ("Raise the eyebrow on our left.", "right"),
    ],
)
def test_your_left_is_whose_the_direction_speaks_to(direction: str, expected: str) -> None:
    assert side(direction) == expected


@pytest.mark.parametrize(
    "direction",
    [
        "From the camera's point of view, she tilts her head left.",
        "As seen by the viewer, she tilts her head to the left.",
        "She tilts her head left as we see it.",
        "From our perspective he tilts his head left.",
        "She tilts her head to the left, seen from the camera.",
    ],
)
def test_a_sentence_told_from_the_onlookers_side_is_turned_round(direction: str) -> None:
    assert side(direction) == "right"
    assert PLANNER.plan(direction, 4.0).unread == ()


def test_the_next_sentence_is_the_subjects_again() -> None:
    brief = PLANNER.plan("From the viewer's side, he winks with his left eye. Then he raises his left eyebrow.", 5.0)
    sides = {act.name: act.side for beat in brief.beats for act in beat.acts}
    assert sides == {"wink": "right", "raise_brows": "left"}


@pytest.mark.parametrize("direction", ["He looks from the camera to the left.", "From the left he turns to the camera."])
def test_a_camera_that_is_only_looked_at_turns_nothing(direction: str) -> None:
    yaws = [act.yaw for beat in PLANNER.plan(direction, 4.0).beats for act in beat.acts]
    assert all(yaw >= 0 for yaw in yaws)


@pytest.mark.parametrize(
    ("direction", "sign"),
    [
        ("He looks toward the left edge of the screen.", -1),
        ("She looks to the right-hand side of the frame.", 1),
        ("His eyes slide to screen left.", -1),
        ("She cuts her eyes to her left.", 1),
    ],
)
def test_edges_of_the_picture_are_the_onlookers(direction: str, sign: int) -> None:
    (act,) = PLANNER.plan(direction, 4.0).beats[0].acts
    assert act.name == "look"
    assert act.yaw * sign > 10
    assert act.pitch == 0
