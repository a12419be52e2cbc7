import dataclasses

from itertools import pairwise

import numpy as np
import pytest
import torch

from configs.puppet import MuscleTable, builtin_muscles
from protocol.channels import INDEX, NAMES, both_sides
from renderer.puppet.fold_shapes import SHAPES
from renderer.puppet.folds import Folds, find_folds
from renderer.puppet.head import HeadMap
from renderer.puppet.lattice import Lattice
from renderer.puppet.muscles import MUSCLES
from tests.drawn_face import drawn_mesh, drawn_points

U, HEIGHT, WIDTH = 80.0, 260, 220
MIDDLE = (110.0, 110.0)


def prepared(colours: np.ndarray, table: MuscleTable | None = None) -> Folds:
    frame, mesh = drawn_mesh(U, *MIDDLE)
    lattice = Lattice(0.0, 0.0, 10.0, WIDTH // 10 + 1, HEIGHT // 10 + 1)
    flat = torch.zeros(3, lattice.rows, lattice.columns)
    unused = {field.name: torch.zeros(3, 3) for field in dataclasses.fields(HeadMap)}
    head = HeadMap(**{**unused, "points": flat})  # type: ignore[arg-type]  # of the map only the depth is looked at
    still = torch.zeros(len(MUSCLES) + 1, 4 * lattice.rows * lattice.columns)
    return find_folds(colours, frame, mesh, head, lattice, (lattice, still), table)


def skin(grey: bool = False) -> np.ndarray:
    """Plain skin with a little grain."""
    grain = np.random.default_rng(1).normal(0, 0.01, (HEIGHT, WIDTH, 1))
    return ((np.array([0.6, 0.6, 0.6]) if grey else np.array([0.8, 0.6, 0.5])) + grain).astype(np.float32)


@pytest.fixture(scope="module")
def folds() -> Folds:
    return prepared(skin())


def motion(**values: float) -> torch.Tensor:
    row = torch.zeros(1, len(NAMES))
    for name, value in values.items():
        row[0, INDEX[name]] = value
    return row


def places() -> torch.Tensor:
    return Lattice(0.0, 0.0, 1.0, WIDTH, HEIGHT).nodes()[None]


def shading(folds: Folds, rows: torch.Tensor, where: torch.Tensor) -> torch.Tensor:
    return folds.seen(folds.relief(rows), where)


def spot(shade: torch.Tensor, x: float, y: float) -> float:
    """Mean shading about a place in head coordinates."""
    column, row = round(MIDDLE[0] + U * x), round(MIDDLE[1] - U * y)
    return float(shade[0, :, row - 3 : row + 4, column - 3 : column + 4].mean())


def test_the_table_and_the_shapes_have_the_same_names():
    assert set(SHAPES) == set(builtin_muscles().folds)


@pytest.mark.parametrize("strength", ["shade", "light", "detail"])
def test_each_strength_in_the_table_is_seen_in_its_fold(folds, strength):
    entries = builtin_muscles().model_dump()
    for entry in entries["folds"].values():
        entry[strength] /= 2
    halved = prepared(skin(), MuscleTable(**entries))
    for n, entry in enumerate(builtin_muscles().folds.values()):
        for side in (0, 1):
            differs = not torch.equal(folds.textures[2 * n + side], halved.textures[2 * n + side])
            assert differs == (getattr(entry, strength) > 0)
    assert torch.equal(folds.shares, halved.shares)


def test_each_cause_in_the_table_brings_its_fold_about(folds):
    causes = [(n, name, share) for n, entry in enumerate(builtin_muscles().folds.values()) for name, share in entry.by.items()]
    for n, name, share in causes:
        deep = folds.strengths(motion(**dict.fromkeys(both_sides(name), 1.0)))[0]
        assert deep[2 * n : 2 * n + 2] == pytest.approx(np.full(2, share**1.5), abs=1e-6)


def test_a_face_at_rest_has_no_shading_at_all(folds):
    assert not shading(folds, motion(), places()).any()


def test_folds_grow_from_nothing_without_a_jump(folds):
    most = [float(shading(folds, motion(mouthSmileLeft=value), places()).abs().max()) for value in (0.001, 0.01, 0.1, 0.5, 1)]
    assert most[0] < 1e-4
    assert all(low < high for low, high in pairwise(most))
    assert most[-1] < 0.3


def test_a_muscle_that_lets_go_smooths_as_much_as_it_would_deepen(folds):
    for name, value in (("mouthSmile", 0.6), ("browDown", 0.4)):
        given = dict.fromkeys(both_sides(name), value)
        done, undone = motion(**given), motion(**dict.fromkeys(given, -value))
        assert folds.strengths(done).max() > 0.1
        assert torch.equal(folds.strengths(undone), -folds.strengths(done))
    both = motion(mouthSmileLeft=-0.6, cheekSquintLeft=0.5)
    alone = motion(cheekSquintLeft=0.5)
    assert (folds.strengths(both) <= folds.strengths(alone)).all()


def test_smiling_darkens_the_furrow_beside_the_mouth_on_that_side_only(folds):
    shade = shading(folds, motion(mouthSmileLeft=1), places())
    assert spot(shade, 0.33, -0.57) < -0.03
    assert spot(shade, -0.33, -0.57) == 0


@pytest.mark.parametrize("channel", ["mouthPucker", "mouthShrugLower"])
def test_a_lower_lip_that_stands_out_has_light_on_it_and_shade_below(folds, channel):
    points = drawn_points()
    shade = shading(folds, motion(**{channel: 1.0}), places())
    lip, outer = points[[14, 17], 1].mean(), points[17, 1]
    assert spot(shade, 0.0, lip) > 0.03
    assert spot(shade, 0.0, outer - 0.06) < -0.03


def test_raised_brows_line_the_forehead_but_not_hair(folds):
    raised = motion(browInnerUp=1, browOuterUpLeft=1, browOuterUpRight=1)
    assert float(shading(folds, raised, places())[0, 0, 50:90].min()) < -0.02
    colours = skin()
    colours[:75] = [0.2, 0.12, 0.05]  # a fringe down to between the furrows
    assert float(shading(prepared(colours), raised, places())[0, 0, :70].abs().max()) < 0.002


@pytest.mark.parametrize("name", NAMES[:52])
def test_shading_ends_well_inside_the_face(folds, name):
    shade = shading(folds, motion(**{name: 1.0}), places())[0].abs().amax(dim=0).numpy()
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    outside = ((x - MIDDLE[0]) / (0.75 * U)) ** 2 + ((y - MIDDLE[1] - 0.3 * U) / (0.9 * U)) ** 2 > 1
    assert not shade[outside].any()


def test_a_grey_portrait_stays_grey():
    shade = shading(prepared(skin(grey=True)), motion(browDownLeft=1), places())
    assert float((shade - shade[:, :1]).abs().max()) < 1e-4


@pytest.mark.parametrize("light", [(1.0, 0.35, 0.05), (0.15, 0.15, 1.0)])
def test_shaded_skin_keeps_to_its_own_hue_and_never_goes_below_black(light):
    coloured = skin() * np.array(light, np.float32)
    shade = shading(prepared(coloured), motion(browDownLeft=1), places())
    furrow = [spot(shade[:, n : n + 1], 0.06, 0.2) for n in range(3)]
    assert float(shade.min()) > -0.6
    assert furrow[int(np.argmax(light))] > 0.6 * min(furrow)  # what is strongest loses least


def test_a_frame_does_not_depend_on_its_batch(folds):
    rows = torch.from_numpy(np.random.default_rng(2).uniform(0, 1, (5, len(NAMES))).astype(np.float32))
    together = shading(folds, rows, places().expand(5, -1, -1, -1))
    for n in range(5):
        assert torch.equal(together[n], shading(folds, rows[n : n + 1], places())[0])


def test_knit_brows_shade_the_eye_below_their_inner_half_and_a_tense_lid_rolls(folds):
    down = shading(folds, motion(browDownLeft=1), places())
    assert spot(down, 0.27, 0.15) < -0.08
    assert spot(down, 0.06, 0.2) < -0.1  # the furrow beside the middle
    assert spot(down, 0.35, 0.5) == pytest.approx(0, abs=0.03)
    tense = shading(folds, motion(eyeSquintLeft=1), places())
    assert spot(tense, 0.35, -0.065) > spot(tense, 0.35, -0.115) + 0.04
