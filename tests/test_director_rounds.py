"""Sides that are taken in turn: a number before them is shared out, a number after them is the number of rounds."""

from __future__ import annotations

import pytest

from tests.directing import PLANNER


def sides(direction: str) -> list[str]:
    acts = [act for beat in PLANNER.plan(direction, None).beats for act in beat.acts if act.start >= 0]
    return [act.side if act.side != "both" or not act.yaw else "left" if act.yaw > 0 else "right" for act in acts]


@pytest.mark.parametrize(
    ("direction", "expected"),
    [
        ("She winks twice, left then right.", "lr"),
        ("She winks three times, right, left, right.", "rlr"),
        ("She winks four times, left and right.", "lrlr"),
        ("He winks twice: first the left eye, then the right.", "lr"),
        ("She glances twice, to the left, then to the right.", "lr"),
        ("He raises one brow then the other, three times.", "lrlrlr"),
        ("He raises his left brow, then his right, twice.", "lrlr"),
        ("She looks left then right three times.", "lrlrlr"),
        ("He turns his head left, then right, twice.", "lrlr"),
        ("He looks left, right and left.", "lrl"),
        ("She tilts her head left, right, left and right.", "lrlr"),
        ("He turns his head left, right, left.", "lrl"),
        # what looks alike and is not
        ("He winks with one eye, then the other.", "lr"),
        ("She winks her left eye twice, then her right.", "llr"),
        ("He looks left. Twice. Then right.", "llr"),
        ("He nods twice, then looks left, then right.", "blr"),
    ],
)
def test_sides_are_taken_in_turn(direction: str, expected: str) -> None:
    assert "".join(side[0] for side in sides(direction)) == expected


@pytest.mark.parametrize(
    "direction", ["He glances left, right.", "He turns his head left, right.", "She tilts her head left, right."]
)
def test_sides_that_are_only_named_are_looked_to_one_after_the_other(direction: str) -> None:
    begin = [beat.start + act.start for beat in PLANNER.plan(direction, None).beats for act in beat.acts if act.start >= 0]
    assert len(begin) == 2
    assert begin[1] > begin[0] + 1.0
