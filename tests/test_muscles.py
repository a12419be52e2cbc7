import numpy as np
import pytest

from configs.puppet import MuscleTable, builtin_muscles
from protocol.channels import CHANNELS, both_sides
from renderer.puppet.anatomy import CHEEK_BONES, CORNERS, WINGS, lower_half, ramp, upper_half
from renderer.puppet.geometry import CM_PER_U, Field
from renderer.puppet.muscles import MUSCLES, fields, muscles
from tests.drawn_face import drawn_anchors, drawn_points, grid
from tests.thinned import thinned

CELL, COARSE = 0.02, 0.08
TABLE = builtin_muscles()
PARTS = [(entry, part) for entry, parts in TABLE.muscles.items() for part in parts]


@pytest.fixture(scope="module")
def basis() -> Field:
    """Every field in u on a grid: [controls, sides of the mouth, 3, rows, columns]."""
    return fields(drawn_anchors(), *grid(CELL))


@pytest.fixture(scope="module")
def coarse() -> Field:
    """The same on fewer nodes."""
    return fields(drawn_anchors(), *grid(COARSE))


def changed(entry: str, part: str, by: float) -> MuscleTable:
    """The table with one part so many times as strong."""
    entries = TABLE.model_dump()
    found = entries["muscles"][entry][part]
    found["share" if found["cm"] is None else "cm"] *= by
    return MuscleTable(**entries)


def at(field: Field, point: Field) -> Field:
    """A field [3, rows, columns] at the node next to a point."""
    x, y = grid(CELL)
    nearest = np.unravel_index(np.argmin((x - point[0]) ** 2 + (y - point[1]) ** 2), x.shape)
    return field[:, nearest[0], nearest[1]]


def named(basis: Field, name: str, side: int = 0) -> Field:
    return basis[MUSCLES.index(name), side]


def test_every_muscle_is_a_channel_and_has_its_place():
    assert set(MUSCLES) <= set(CHANNELS)
    assert len(set(MUSCLES)) == len(MUSCLES)
    assert tuple(muscles(TABLE)) == MUSCLES
    assert {channel for name in TABLE.muscles for channel in both_sides(name)} == set(MUSCLES)


def test_fields_end_before_the_border_and_hold_numbers_only(basis):
    assert np.isfinite(basis).all()
    for name in (name for name in MUSCLES if not name.startswith(("jaw", "mouthClose"))):  # the jaw takes the neck along
        field = named(basis, name)
        for edge in (field[..., 0], field[..., -1], field[:, 0], field[:, -1]):
            assert not edge.any(), name


def test_sided_muscles_mirror_each_other(basis):
    for name in MUSCLES:
        if name.endswith("Left") and name.removesuffix("Left") + "Right" in MUSCLES and name not in ("jawLeft", "mouthLeft"):
            left, right = named(basis, name), named(basis, name.removesuffix("Left") + "Right")
            # Not approx: it looks at numbers one by one.
            assert np.allclose(left[0], -right[0, :, ::-1], rtol=0, atol=1e-9), name
            assert np.allclose(left[1:], right[1:, :, ::-1], rtol=0, atol=1e-9), name


def test_strengths_come_from_the_table():
    twice = fields(drawn_anchors(), *grid(COARSE), changed("browInnerUp", "up", 2))
    once = fields(drawn_anchors(), *grid(COARSE))
    assert named(twice, "browInnerUp") == pytest.approx(2 * named(once, "browInnerUp"))


@pytest.mark.parametrize(
    ("entry", "part"), thinned(((entry, part) for entry, parts in TABLE.muscles.items() for part in parts), 6)
)
def test_each_part_of_the_table_moves_what_it_stands_under_and_nothing_else(coarse, entry, part):
    halved = fields(drawn_anchors(), *grid(COARSE), changed(entry, part, 0.5))
    moved = {name for name, a, b in zip((*MUSCLES, "seal"), coarse, halved, strict=True) if not np.array_equal(a, b)}
    follows = {"mouthClose"} if entry == "jawOpen" else set()  # it takes back what the jaw does
    assert moved == {*both_sides(entry), *follows}


def test_puffed_cheeks_go_out_and_the_corners_of_the_mouth_stay(basis):
    points = drawn_points()
    for side, sign in ((0, -1), (1, 1)):
        corner = points[CORNERS[side]]
        hollow = at(named(basis, "cheekPuff"), corner + np.array([sign * 0.3, 0.1, 0]))
        assert sign * hollow[0] * CM_PER_U > 0.3
        assert np.abs(at(named(basis, "cheekPuff"), corner)[:2]).max() * CM_PER_U < 0.05


# At least half of face anatomy's 0.35 cm (cheek) and 0.3 cm (wing of the nose).
def test_cheek_and_wing_of_the_nose_rise_on_their_side_only(basis):
    points = drawn_points()
    for name, ids, least in (("cheekSquintLeft", CHEEK_BONES, 0.17), ("noseSneerLeft", WINGS, 0.15)):
        assert at(named(basis, name), points[ids[1]])[1] * CM_PER_U > least
        assert not at(named(basis, name), points[ids[0]]).any()


@pytest.mark.parametrize("name", ["cheekPuff", "cheekSquintLeft", "noseSneerRight"])
def test_skin_of_cheeks_and_nose_never_folds(basis, name):
    for side in (0, 1):
        out, up, _ = named(basis, name, side)
        (out_down, out_across), (up_down, up_across) = np.gradient(out, -CELL, CELL), np.gradient(up, -CELL, CELL)
        assert ((1 + out_across) * (1 + up_down) - out_down * up_across).min() > 0.2


def test_ramp_is_a_step_without_a_steep_place():
    x = np.linspace(-0.5, 1.5, 401)
    step = ramp(x)
    assert step[0] == 0
    assert step[-1] == 1
    assert ramp(np.array([0.5])) == pytest.approx([0.5])
    assert (np.diff(step) >= 0).all()
    assert np.diff(step).max() / np.diff(x)[0] < 1.34


def test_halves_of_a_ring_share_its_corners():
    ring = (1, 2, 3, 4, 5, 6)
    assert lower_half(ring) == (1, 2, 3, 4)
    assert upper_half(ring) == (1, 6, 5, 4)
