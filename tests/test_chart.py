"""The chart shows every face that was found, what was found in the one that acts, and says it in words."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from numpy.typing import NDArray

from renderer.faces import Face
from renderer.puppet.chart import BEHIND_MATTE, GAP, PANEL, rig_chart
from renderer.puppet.rig import PuppetRig, build_rig
from tests.drawn_face import WALL, drawn_portrait

WIDTH, HEIGHT = 240, 300


@pytest.fixture(scope="module")
def rig() -> PuppetRig:
    return build_rig(*drawn_portrait(60.0, 120.0, 130.0, WIDTH, HEIGHT))


@pytest.fixture(scope="module")
def face(rig: PuppetRig) -> Face:
    return rig.face


def shown(chart: NDArray[np.uint8], colour: tuple[int, ...]) -> int:
    """How many pixels have a colour."""
    return int((chart == np.array(colour, np.uint8)).all(axis=-1).sum())


def test_the_chart_is_a_picture_of_four_columns(rig: PuppetRig, face: Face):
    chart = rig_chart(rig, [face])
    assert chart.dtype == np.uint8
    assert chart.ndim == 3
    assert chart.shape[2] == 3
    assert 4 * PANEL < chart.shape[1] < 5 * PANEL
    assert chart.shape[0] > 2 * PANEL


def test_it_shows_the_person_over_a_ground_that_no_portrait_has(rig: PuppetRig, face: Face):
    assert shown(rig_chart(rig, [face]), BEHIND_MATTE) > 0.1 * PANEL**2


def test_the_background_is_shown_without_the_person(rig: PuppetRig, face: Face):
    chart = rig_chart(rig, [face])
    wall = np.abs(chart.astype(int) - WALL).max(axis=-1) <= 12
    # Of the panels, only "what is behind" is wall nearly all over; its width follows from the canvas.
    columns = rig.grid.width * PANEL // max(rig.grid.width, rig.grid.height)
    assert wall[:PANEL].sum() > 0.9 * columns * PANEL


def test_the_face_that_acts_stands_out_among_all_that_were_found(rig: PuppetRig, face: Face):
    other = replace(face, mesh=face.mesh + 1, box=(5.0, 30.0, 40.0, 40.0))
    alone, among = (rig_chart(rig, faces) for faces in ([face], [face, other]))
    differs = (alone != among).any(axis=-1)
    assert differs[:, :PANEL].any()
    assert not differs[:, PANEL + GAP :].any()


def test_notes_take_a_line_each(rig: PuppetRig, face: Face):
    plain = rig_chart(rig, [face])
    noted = rig_chart(replace(rig, notes=("2 faces were found", "the head is turned")), [face])
    assert noted.shape[0] > plain.shape[0]
    assert np.array_equal(noted[: 2 * PANEL], plain[: 2 * PANEL])


def test_the_same_rig_gives_the_same_chart(rig: PuppetRig, face: Face):
    assert np.array_equal(rig_chart(rig, [face]), rig_chart(rig, [face]))
