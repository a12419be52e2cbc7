"""What hands and bodies do is no face action: it is reported, and neither repeats nor borrows what a face did before."""

from __future__ import annotations

import pytest

from tests.directing import PLANNER, names


@pytest.mark.parametrize(
    ("direction", "shown", "unread"),
    [
        ("Her lip trembles. She folds it and shuts her eyes.", ["tremble_lip", "close_eyes"], {"folds"}),
        ("Her chin trembles and she wipes it.", ["tremble_lip"], {"wipes"}),
        ("He raises an eyebrow. He raises his hand.", ["raise_brows"], {"raises", "hand"}),
        ("His eyes close. He drops the bag.", ["close_eyes"], {"drops", "bag"}),
        ("Her jaw drops. She lifts a finger.", ["drop_jaw"], {"lifts", "finger"}),
        ("He nods and tilts the cup.", ["nod"], {"tilts", "cup"}),
        ("She smiles and pulls her hair back.", ["smile"], {"pulls", "hair"}),
        ("She smirks, straightens her jacket, and nods.", ["half_smile", "nod"], {"straightens", "jacket"}),
        ("He frowns. He throws the ball to his right.", ["furrow_brows", "frown"], {"throws", "ball"}),
    ],
)
def test_what_hands_do_is_reported_and_shows_nothing(direction: str, shown: list[str], unread: set[str]) -> None:
    brief = PLANNER.plan(direction, None)
    assert names(direction) == shown
    assert unread <= set(brief.unread)


@pytest.mark.parametrize(
    ("direction", "shown"),
    [
        ("Her lips tremble; she presses them together.", ["tremble_lip", "press_lips"]),
        ("He raises his left brow. She raises the right one.", ["raise_brows", "raise_brows"]),
        ("She throws her head back.", ["lift_chin"]),
        ("He throws a quick glance to his right.", ["glance"]),
        ("He turns his attention to the left.", ["turn_head", "interest"]),
        ("She shrugs her shoulders.", ["shrug"]),
    ],
)
def test_what_is_done_with_the_face_is_done(direction: str, shown: list[str]) -> None:
    assert names(direction) == shown


@pytest.mark.parametrize(
    "direction",
    ["He tilts his head and straightens it.", "She shuts her eyes, then opens them.", "She raises one brow, then lowers it."],
)
def test_it_and_them_are_the_part_of_the_face_that_is_spoken_of(direction: str) -> None:
    acts = [act for beat in PLANNER.plan(direction, 6.0).beats for act in beat.acts if act.start >= 0]
    assert len(acts) == 1
    assert acts[0].end < 5.0  # let go by the second clause
