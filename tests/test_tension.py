from dataclasses import replace

import numpy as np
import pytest
import torch

from protocol.channels import INDEX, NAMES, SIDES
from renderer.puppet.anatomy import BROW_LOWER, LID_LOWER, LID_UPPER, Anchors
from renderer.puppet.geometry import Field
from renderer.puppet.muscles import MUSCLES, fields
from renderer.puppet.tension import HALF_AT, LIDS, MOST, TOGETHER, Tension, find_tension
from tests.drawn_face import drawn_anchors, drawn_points

LEFT, TOP, CELL, FINER = -1.0, 0.75, 0.04, 2
ROWS, COLUMNS = 50, 51
SIDED = {stem: (stem + "Right", stem + "Left") for stem in LIDS}


def places(finer: int = 1) -> tuple[Field, Field]:
    """Head coordinates of the middles of pixels, row by row from the top."""
    at = [(np.arange(count * finer) + 0.5) * CELL / finer for count in (COLUMNS, ROWS)]
    x, y = np.meshgrid(LEFT + at[0], TOP - at[1])
    return x, y


def lips(apart: float = 0.0) -> Anchors:
    """Of the drawn face, with its lips so many u apart."""
    anchors = drawn_anchors()
    arch = 1 - np.linspace(-1, 1, len(anchors.upper_edge)) ** 2
    return replace(anchors, lower_edge=anchors.upper_edge - apart * np.stack([np.zeros_like(arch), arch], axis=1))


def found(brightness: float = 0.6, fringe: float = 2.0, apart: float = 0.0) -> Tension:
    """Of the drawn face, which has hair from a height on, and its lips so many u apart."""
    moved = fields(lips(apart), *places())[:, :, :2] * np.array([1.0, -1.0])[:, None, None]
    fine = places(FINER)
    skin = (fine[1] < fringe).astype(float)
    return find_tension(places(), fine, drawn_points(), moved, np.full(skin.shape, brightness), skin, np.ones(skin.shape))


@pytest.fixture(scope="module")
def tension() -> Tension:
    return found()


def motion(**values: float) -> torch.Tensor:
    row = torch.zeros(1, len(NAMES))
    for name, value in values.items():
        row[0, INDEX[name]] = value
    return row


def spot(tone: torch.Tensor, x: float, y: float) -> float:
    """Mean tone about a place in head coordinates."""
    column, row = round((x - LEFT) / CELL * FINER), round((TOP - y) / CELL * FINER)
    return float(tone[0, row - 1 : row + 2, column - 1 : column + 2].mean())


def test_skin_at_rest_has_its_own_tone(tension):
    assert not tension.tone(motion()).any()


def test_skin_that_is_stretched_gets_lighter_and_skin_that_gathers_darker(tension):
    raised = tension.tone(motion(browInnerUp=1))
    assert spot(raised, 0.12, 0.42) < -0.5 * MOST / 0.6  # gathered on the forehead
    assert spot(raised, 0.12, 0.14) > 0.5 * MOST / 0.6  # taut between brow and eye
    wide = tension.tone(motion(eyeWideLeft=1))
    assert spot(wide, 0.35, 0.13) < -0.5 * MOST / 0.6
    assert spot(tension.tone(motion(eyeBlinkLeft=1)), 0.35, 0.13) > 0.5 * MOST / 0.6


def test_most_of_it_comes_with_a_trace_of_a_motion_and_next_to_nothing_with_a_thousandth(tension):
    whole, trace, least = (float(tension.tone(motion(noseSneerLeft=value)).abs().max()) for value in (1, 0.05, 0.001))
    assert trace > 0.8 * whole
    assert 0 < least < 0.005 * whole
    half = float(tension.tone(motion(noseSneerLeft=HALF_AT)).abs().max())
    assert half == pytest.approx(whole / 2, rel=0.15)


def test_every_muscle_that_moves_skin_is_seen_on_it_and_ends_where_it_ends(tension):
    own = [name for name in MUSCLES if not name.startswith(LIDS)]
    assert tension.channels.tolist() == [INDEX[name] for name in (*own, *(each for stem in LIDS for each in SIDED[stem]))]
    moved = fields(lips(), *places())[[MUSCLES.index(name) for name in own], :, :2]
    for name, strain, field in zip(own, tension.strains.numpy(), moved, strict=False):  # the lids come after them
        assert np.abs(strain).max() > 0.6, name
        assert not strain[~field.any(axis=(0, 1))].any(), name


def test_no_more_than_so_much_however_many_pull(tension):
    everything = tension.tone(torch.ones(1, len(NAMES)))
    assert float(everything.abs().max()) <= TOGETHER * MOST / 0.6


def test_lips_that_nothing_has_opened_do_not_close(tension):
    assert not tension.tone(motion(mouthClose=1)).any()
    assert not torch.equal(tension.tone(motion(mouthClose=1, jawOpen=1)), tension.tone(motion(jawOpen=1)))


def test_skin_that_closing_lips_draw_along_is_seen_as_soon_as_they_begin_to(tension):
    open_ = found(apart=0.15)
    for channel in ("mouthRollUpper", "mouthPressLeft"):
        still, drawn = (abs(spot(each.tone(motion(**{channel: 0.05})), 0.0, -1.02)) for each in (tension, open_))
        assert still < 0.1 * MOST / 0.6
        assert drawn > 0.4 * MOST / 0.6


def test_a_face_that_is_relaxed_is_not_tense(tension):
    assert not tension.tone(motion(mouthSmileLeft=-0.5)).any()


@pytest.mark.parametrize("stem", ["browDown", "cheekSquint", "eyeSquint"])
def test_sides_mirror_each_other(tension, stem):
    right, left = (tension.tone(motion(**{stem + side: 1.0}))[0, :, : 2 * FINER * 25] for side in SIDES[::-1])
    x = places(FINER)[0][0, : 2 * FINER * 25]
    same = [int(np.abs(x + value).argmin()) for value in x]
    assert torch.allclose(right, left[:, same], atol=2e-4)


def test_hair_over_the_forehead_keeps_its_tone():
    points = drawn_points()
    fringe = float(points[list(BROW_LOWER[0]), 1].max()) + 0.12
    tone = found(fringe=fringe).tone(motion(browInnerUp=1))[0].numpy()
    above = places(FINER)[1] > fringe
    assert not tone[above].any()
    assert np.abs(tone[~above]).max() > 0.5 * MOST / 0.6


def test_it_is_so_many_grey_levels_on_light_skin_and_fewer_in_the_dark():
    light, dark, black = (found(value).tone(motion(browInnerUp=1)).abs().max() * value for value in (0.8, 0.4, 0.05))
    assert float(light) == pytest.approx(float(dark), rel=1e-4)
    assert float(black) < 0.5 * float(dark)


def test_the_eye_itself_is_left_out(tension):
    points = drawn_points()
    middle = points[[LID_UPPER[1][3], LID_LOWER[1][3]], :2].mean(axis=0)
    for stem in LIDS:
        assert abs(spot(tension.tone(motion(**{stem + "Left": 1.0})), *middle)) < 0.2 * MOST / 0.6


def test_a_frame_does_not_depend_on_its_batch(tension):
    rows = torch.from_numpy(np.random.default_rng(3).uniform(0, 0.2, (5, len(NAMES))).astype(np.float32))
    together = tension.tone(rows)
    for n in range(5):
        assert torch.equal(together[n], tension.tone(rows[n : n + 1])[0])
