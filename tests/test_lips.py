from itertools import pairwise

import numpy as np
import pytest
import torch

from configs.puppet import MuscleTable, builtin_muscles
from protocol.channels import INDEX, NAMES, both_sides
from renderer.puppet.anatomy import (
    CORNERS,
    LOWER,
    LOWER_INNER,
    LOWER_OUTER,
    UNDER_NOSE,
    UPPER,
    UPPER_INNER,
    UPPER_OUTER,
    WINGS,
    Anchors,
    curve,
    place,
)
from renderer.puppet.geometry import CM_PER_U, Field
from renderer.puppet.lattice import Lattice, inverse, jacobian
from renderer.puppet.lips import JAW_CHANNELS, jaw_ways, seal
from renderer.puppet.muscles import MUSCLES, fields
from renderer.puppet.render import controls
from renderer.puppet.sealing import sealed
from tests.drawn_face import drawn_anchors, drawn_points, grid

CELL = 0.04
U = 120.0
"""Pixels between the outer corners of the eyes."""
OF_THE_MOUTH = tuple(name for name in MUSCLES if name.startswith(("jaw", "mouth", "tongue")))
TOGETHER = (
    {"jawOpen": 1, "mouthClose": 1},
    {"jawOpen": 1, "mouthSmile": 1},
    {"jawOpen": 1, "mouthPucker": 1},
    {"jawOpen": 1, "mouthFunnel": 1},
    {"jawOpen": 0.5, "mouthPucker": 1, "mouthFunnel": 1},
    {"jawOpen": 1, "mouthStretch": 1, "mouthLowerDown": 1},
    {"jawOpen": 1, "mouthLowerDown": 1, "mouthUpperUp": 1},
    {"jawOpen": 1, "jawLeft": 1},
    {"jawOpen": 1, "jawForward": 1},
    {"jawOpen": 1, "tongueOut": 1},
    {"jawLeft": 1, "mouthLeft": 1},
    {"mouthPucker": 1, "mouthFunnel": 1},
    {"mouthPucker": 1, "mouthRight": 1},
    {"mouthSmile": 1, "mouthStretch": 1, "mouthDimple": 1},
    {"mouthSmile": 1, "mouthPress": 1},
    {"mouthSmileLeft": 1, "mouthFrownRight": 1},
    {"mouthSmile": 1, "cheekSquint": 1, "noseSneer": 1, "mouthUpperUp": 1, "jawOpen": 1},
    {"mouthFrown": 1, "mouthStretch": 1},
    {"mouthFrown": 1, "mouthShrugLower": 1},
    {"mouthShrugLower": 1, "mouthShrugUpper": 1},
    {"mouthUpperUp": 1, "mouthShrugUpper": 1},
    {"mouthPress": 1, "mouthRollLower": 1, "mouthRollUpper": 1},
    {"cheekPuff": 1, "mouthPress": 1},
)
"""What goes with what in speech, laughter, disgust, sorrow and resolve."""
OPENING = ("jawOpen", "mouthFunnel", "mouthUpperUp", "mouthLowerDown", "tongueOut")
"""What parts closed lips."""


@pytest.fixture(scope="module")
def basis() -> Field:
    """Every field in u on a grid: [controls, sides of the mouth, 3, rows, columns]."""
    return fields(drawn_anchors(), *grid(CELL))


def opened(gap: float) -> Anchors:
    """A face that shows its teeth: its lips are so many u apart."""
    points = drawn_points()
    for ids, share in ((UPPER_INNER, 0.5), (UPPER_OUTER, 0.5), (LOWER_INNER, -0.5), (LOWER_OUTER, -0.5)):
        points[list(ids), 1] += share * gap * (1 - np.linspace(-1, 1, len(ids)) ** 2)
    return Anchors(points, points[list(UPPER_INNER), :2], points[list(LOWER_INNER), :2])


def moved(basis: Field, **channels: float) -> Field:
    """Both fields of some channels, names without a side standing for both: [sides of the mouth, 3, rows, columns]."""
    total = np.zeros_like(basis[0])
    for name, value in channels.items():
        for channel in both_sides(name):
            total += value * basis[MUSCLES.index(channel)]
    return total


def acted(basis: Field, **channels: float) -> Field:
    """As `moved`, of what the muscles do in a motion; [sides of the mouth, 3, rows, columns]."""
    row = torch.zeros(1, len(NAMES))
    for name, value in channels.items():
        row[0, [INDEX[channel] for channel in both_sides(name)]] = value
    found: Field = np.tensordot(controls(row)[0].numpy().astype(np.float64), basis, 1)
    return found


def at(field: Field, point: Field) -> Field:
    """A field [..., rows, columns] at a point, in cm."""
    x, y = grid(CELL)
    column, row = (point[0] - x[0, 0]) / CELL, (y[0, 0] - point[1]) / CELL
    j, i = int(column), int(row)
    b, a = column - j, row - i
    above = (1 - b) * field[..., i, j] + b * field[..., i, j + 1]
    below = (1 - b) * field[..., i + 1, j] + b * field[..., i + 1, j + 1]
    found: Field = ((1 - a) * above + a * below) * CM_PER_U
    return found


def mouth_points() -> dict[str, tuple[Field, int]]:
    """Places by name, with the side of the mouth that they belong to."""
    points = drawn_points()
    return {
        "corner": (points[CORNERS[1]], LOWER),
        "upper": (points[13], UPPER),
        "lower": (points[14], LOWER),
        "top": (points[0], UPPER),
        "bottom": (points[17], LOWER),
        "chin": (points[152], LOWER),
    }


# At least half of the displacements in cm that anatomy gives for a coefficient of 1: jaw 4 cm between the incisors.
@pytest.mark.parametrize(
    ("channel", "place", "axis", "least"),
    [
        ("jawOpen", "lower", 1, -2.0),
        ("jawOpen", "chin", 1, -2.0),
        ("jawLeft", "chin", 0, 0.4),
        ("jawRight", "chin", 0, -0.4),
        ("jawForward", "chin", 2, 0.3),
        ("mouthFunnel", "corner", 0, -0.27),
        ("mouthFunnel", "upper", 1, 0.15),
        ("mouthFunnel", "lower", 1, -0.2),
        ("mouthPucker", "corner", 0, -0.37),
        ("mouthLeft", "upper", 0, 0.4),
        ("mouthRight", "upper", 0, -0.4),
        ("mouthSmile", "corner", 0, 0.27),
        ("mouthSmile", "corner", 1, 0.37),
        ("mouthFrown", "corner", 1, -0.32),
        ("mouthDimple", "corner", 0, 0.15),
        ("mouthStretch", "corner", 0, 0.27),
        ("mouthRollLower", "bottom", 1, 0.12),
        ("mouthRollUpper", "top", 1, -0.12),
        ("mouthShrugLower", "lower", 1, 0.22),
        ("mouthShrugUpper", "upper", 1, 0.15),
        ("mouthPress", "bottom", 1, 0.05),
        ("mouthPress", "top", 1, -0.05),
        ("mouthLowerDown", "lower", 1, -0.22),
        ("mouthUpperUp", "upper", 1, 0.22),
        ("tongueOut", "lower", 1, -0.1),
    ],
)
def test_every_channel_moves_what_it_names_at_natural_strength(basis, channel, place, axis, least):
    point, side = mouth_points()[place]
    gone = at(moved(basis, **{channel: 1})[side], point)[axis]
    assert gone / least >= 1


def test_both_fields_are_one_beyond_the_corners(basis):
    x, _ = grid(CELL)
    beyond = np.abs(x) > 1.06 * drawn_points()[CORNERS[1], 0]
    for name in OF_THE_MOUTH:
        upper, lower = basis[MUSCLES.index(name)]
        assert np.abs(upper - lower)[:, beyond].max() < 1e-9, name


def test_sealed_lips_meet_however_far_the_jaw_is_open(basis):
    points = drawn_points()
    for jaw in (0.3, 1.0):
        both = moved(basis, jawOpen=jaw, mouthClose=jaw)
        for upper, lower in ((13, 14), (81, 178), (311, 402)):
            rest = (points[upper] - points[lower]) * CM_PER_U
            apart = rest + at(both[UPPER], points[upper]) - at(both[LOWER], points[lower])
            assert np.abs(apart - rest).max() < 0.03
        assert at(both[LOWER], points[152])[1] < -1.8 * jaw


@pytest.mark.parametrize("gap", [0.06, 0.12, 0.24])
def test_lips_that_are_open_in_the_portrait_close_over_the_teeth(gap):
    anchors = opened(gap)
    field = seal(0.4)
    for x in (-0.15, 0.0, 0.15):
        edges = [np.array([x, curve(line, np.array(x))]) for line in (anchors.upper_edge, anchors.lower_edge)]
        upper, lower = (
            edge[1] + field(place(anchors, *edge[:, None]), anchors, side)[1][0]
            for side, edge in zip((UPPER, LOWER), edges, strict=True)
        )
        assert -0.03 < upper - lower < -0.01 - 0.04 * gap  # seen from below, less is closed
        assert edges[1][1] < upper < edges[0][1]


def test_lips_that_close_grow_and_leave_the_skin_around_them():
    anchors, field = opened(0.16), seal(0.4)
    for side, ids in ((UPPER, UPPER_OUTER), (LOWER, LOWER_OUTER)):
        edge = (anchors.upper_edge, anchors.lower_edge)[side][5]
        outer, far = anchors.points[ids[5], :2], np.array([0.0, anchors.points[[UNDER_NOSE, 152][side], 1]])
        inner, around, beyond = (
            abs(float(field(place(anchors, *p[:, None]), anchors, side)[1][0])) for p in (edge, outer, far)
        )
        assert inner > 1.3 * around > 0
        assert beyond < 0.15 * inner


def test_closed_lips_have_nothing_to_close():
    points = drawn_points()
    line = points[list(UPPER_INNER), :2]
    anchors = Anchors(points, line, line)
    spot = place(anchors, *grid(CELL))
    assert not any(part.any() for side in (UPPER, LOWER) for part in seal(0.4)(spot, anchors, side))


@pytest.mark.parametrize(
    ("channels", "least", "most"),
    [
        ({}, 0, 0),
        ({"jawOpen": 1}, 0, 0),
        ({"mouthPress": 0.05}, 0, 0.1),
        ({"mouthPress": 0.35}, 1, 1),
        ({"mouthPressLeft": 0.35}, 0.3, 0.7),
        ({"mouthPucker": 1}, 1, 1),
        ({"jawOpen": 0.4, "mouthClose": 0.4}, 1, 1),
        ({"mouthRollLower": 0.7, "mouthRollUpper": 0.6}, 1, 1),
        ({"mouthFunnel": 1}, 0, 0.3),
        ({"mouthPress": 0.4, "mouthLowerDown": 1}, 0, 0),
        ({"mouthPress": -1}, 0, 0),
    ],
    ids=str,
)
def test_what_brings_lips_together(channels, least, most):
    row = torch.zeros(1, len(NAMES))
    for name, value in channels.items():
        for channel in both_sides(name):
            row[0, INDEX[channel]] = value
    assert least <= float(sealed(row)) <= most


def test_lips_that_are_rounded_a_little_do_not_close_farther_than_what_else_closes_them():
    row = torch.zeros(2, len(NAMES))
    row[:, [INDEX[channel] for channel in both_sides("mouthPress")]] = 0.19
    row[1, INDEX["mouthPucker"]] = 0.23
    assert sealed(row)[0] == sealed(row)[1]


def test_closed_lips_stay_closed_but_for_what_opens_them():
    points = drawn_points()
    line = points[list(UPPER_INNER), :2]
    anchors = Anchors(points, line, line)
    x = np.linspace(-0.26, 0.26, 27)
    upper, lower = fields(anchors, x, curve(line, x))[:-1, :, 1].swapaxes(0, 1)
    gaps = dict(zip(MUSCLES, (upper - lower).max(axis=1) * CM_PER_U, strict=True))
    opens = {name for name, gap in gaps.items() if gap > 0.2}  # cm; soft lips fill what is less
    assert opens == {name for stem in OPENING for name in both_sides(stem)}


@pytest.mark.parametrize("channel", ["jawLeft", "jawRight"])
def test_lips_closed_over_teeth_stay_closed_when_the_jaw_draws_them_aside(channel):
    anchors = opened(0.12)
    x = np.linspace(-0.26, 0.26, 27)
    lines = [curve(line, x) for line in (anchors.upper_edge, anchors.lower_edge)]
    place_of = [fields(anchors, x, line)[[MUSCLES.index(channel), -1], side] for side, line in enumerate(lines)]
    # Where each lip's points are, once the seal and the jaw have moved them; compared at the same x.
    edges = [(x + way[:, 0].sum(axis=0), line + way[:, 1].sum(axis=0)) for line, way in zip(lines, place_of, strict=True)]
    inner = np.linspace(-0.2, 0.2, 41)
    upper, lower = (np.interp(inner, *edge) for edge in edges)
    assert (upper - lower).max() < 0.001


def test_an_open_jaw_leaves_the_upper_lip_and_the_nose_where_they_are(basis):
    both = moved(basis, jawOpen=1)
    points = drawn_points()
    assert np.abs(at(both[UPPER], points[13])).max() < 0.02
    assert not at(both, points[UNDER_NOSE] + np.array([0, 0.06, 0])).any()


def test_the_mouth_opens_as_an_oval(basis):
    both = moved(basis, jawOpen=1)
    points = drawn_points()
    opening = [
        at(both[UPPER], points[upper])[1] - at(both[LOWER], points[lower])[1]
        for upper, lower in ((191, 95), (80, 88), (81, 178), (82, 87), (13, 14))
    ]
    assert all(near < far for near, far in pairwise(opening))
    assert opening[0] > 0.5  # no slits at the corners


def test_a_mouth_that_opens_becomes_narrower(basis):
    corner = drawn_points()[CORNERS[1]]
    inward = at(moved(basis, jawOpen=1)[LOWER], corner)[0] / CM_PER_U / corner[0]
    assert -0.1 < inward < -0.05


def test_a_raised_upper_lip_is_squared(basis):
    both = moved(basis, mouthUpperUp=1)[UPPER]
    points = drawn_points()
    middle, beside = (at(both, points[landmark])[1] for landmark in (13, 81))
    assert beside > 0.9 * middle


def test_lips_that_show_no_red_are_drawn_in_too():
    points = drawn_points()
    line = points[list(UPPER_INNER), :2]
    for ids, way in ((UPPER_OUTER, 0.01), (LOWER_OUTER, -0.01)):
        points[list(ids), 1] = curve(line, points[list(ids), 0]) + way
    anchors = Anchors(points, line, line)
    x, middle = np.zeros(1), curve(line, np.zeros(1))
    for channel, side, beside in (("mouthPressLeft", UPPER, 0.05), ("mouthRollLower", LOWER, -0.05)):
        way = fields(anchors, x, middle + beside)[MUSCLES.index(channel), side, 1, 0] * CM_PER_U
        assert -np.sign(beside) * way > 0.06


def test_what_presses_and_rolls_lips_makes_them_thinner_than_either_alone(basis):
    points = drawn_points()
    rolled = {"mouthRollUpper": 1, "mouthRollLower": 1}

    def drawn_in(**channels: float) -> float:
        return float(at(acted(basis, **channels)[LOWER], points[LOWER_OUTER[5]])[1])

    assert drawn_in(**rolled, mouthPress=1) > 1.08 * max(drawn_in(**rolled), drawn_in(mouthPress=1))


def test_sides_are_independent_of_each_other(basis):
    x, _ = grid(CELL)
    for stem in ("mouthSmile", "mouthFrown", "mouthDimple", "mouthStretch", "mouthPress", "mouthLowerDown", "mouthUpperUp"):
        left = moved(basis, **{f"{stem}Left": 1})
        assert not left[..., x < -0.12].any(), stem
        # No crease where both sides meet: together they change slowly across the middle.
        whole = moved(basis, **{stem: 1})[:, 1]
        middle = np.abs(x[0]) < 0.15
        assert np.abs(np.diff(whole[..., middle], n=2, axis=-1)).max() < 0.012, stem


def test_every_channel_of_the_mouth_differs_from_every_other(basis):
    whole = {name: moved(basis, **{name: 1})[:, :2].ravel() for name in OF_THE_MOUTH}
    for a in OF_THE_MOUTH:
        assert np.abs(whole[a]).max() * CM_PER_U > 0.15 or a == "mouthClose", a
        for b in OF_THE_MOUTH:
            if a < b:
                likeness = whole[a] @ whole[b] / (np.linalg.norm(whole[a]) * np.linalg.norm(whole[b]))
                assert likeness < 0.97, (a, b)


def test_lips_become_thinner_when_rolled_and_fuller_when_puckered(basis):
    points = drawn_points()

    def thicker(field: Field, inner: int, outer: int, side: int) -> float:
        sign = 1 if side == UPPER else -1
        return float(sign * (at(field[side], points[outer])[1] - at(field[side], points[inner])[1]))

    assert thicker(moved(basis, mouthRollUpper=1), UPPER_OUTER[5], 13, UPPER) > 0.15  # from outside: less lip is seen
    assert thicker(moved(basis, mouthRollLower=1), LOWER_OUTER[5], 14, LOWER) > 0.15
    assert thicker(moved(basis, mouthPucker=1), 13, UPPER_OUTER[5], UPPER) > 0.1
    assert thicker(moved(basis, mouthPucker=1), 14, LOWER_OUTER[5], LOWER) > 0.1
    assert thicker(moved(basis, mouthShrugLower=1), 14, LOWER_OUTER[5], LOWER) > 0.05


@pytest.mark.parametrize("channel", ["mouthPucker", "mouthFunnel"])
def test_lips_that_are_drawn_together_leave_the_nose_as_wide_as_it_is(basis, channel):
    both, points = moved(basis, **{channel: 1}), drawn_points()
    corner = abs(at(both[UPPER], points[61])[0])
    assert corner > 0.5
    for wing in WINGS:
        assert abs(at(both[UPPER], points[wing])[0]) < 0.1 * corner


@pytest.mark.parametrize("channels", [{"jawOpen": 1}, {"mouthSmile": -1}, {"mouthSmile": 1}], ids="+".join)
def test_what_stands_beside_the_mouth_stands_still(basis, channels):
    """A collar or a wall a tenth of the eyes' distance beside the face is not drawn along, as high as the mouth and lower."""
    x, y = grid(CELL)
    mouth = float(drawn_points()[list(CORNERS), 1].mean())
    row = np.abs(y[:, 0] - mouth).argmin()
    edge = drawn_points()[np.abs(drawn_points()[:, 1] - mouth) < 0.1][:, 0]
    beside = (x < edge.min() - 0.16) | (x > edge.max() + 0.16)
    below = np.arange(len(x))[:, None] >= row if y[0, 0] > y[-1, 0] else np.arange(len(x))[:, None] <= row
    still = beside & below & (y > mouth - 0.5)
    assert still.any()
    field = np.abs(moved(basis, **channels))
    assert field[..., still].max() == 0
    assert field[..., ~beside & below].max() > 0.02  # the face itself and the neck go along


@pytest.mark.parametrize(
    "channels",
    [*({name: 1} for name in OF_THE_MOUTH), *TOGETHER],
    ids="+".join,
)
def test_skin_never_folds_and_the_way_back_is_found(basis, channels):
    x, _ = grid(CELL)
    rows, columns = x.shape
    both = acted(basis, **channels)[:, :2] * U
    both[:, 1] *= -1  # the picture's y goes down
    field = torch.from_numpy(both.astype(np.float32))
    lattice = Lattice(0.0, 0.0, CELL * U, columns, rows)
    across, across_down, down_across, down = jacobian(field, lattice.cell).unbind(dim=1)
    assert ((1 + across) * (1 + down) - across_down * down_across).min() > 0.1
    back = inverse(lattice, field, steps=8, longest=0.07 * U)
    missed = back + lattice.sample(field, lattice.nodes()[None] + back)
    assert missed.norm(dim=1).max() < 0.3


def test_teeth_of_the_jaw_go_with_the_chin(basis):
    point, side = mouth_points()["lower"]
    for name, way in zip(JAW_CHANNELS, jaw_ways(builtin_muscles()), strict=True):
        assert at(basis[MUSCLES.index(name)][side], point)[:2] == pytest.approx(np.array(way[:2]) * CM_PER_U, abs=0.06)


@pytest.mark.parametrize(
    ("channel", "part"),
    [
        (channel, part)
        for channel in JAW_CHANNELS
        for part, length in builtin_muscles().muscles[channel].items()
        if length.cm is not None
    ],
)
def test_each_part_of_the_jaws_motion_takes_its_teeth_along(channel, part):
    entries = builtin_muscles().model_dump()
    entries["muscles"][channel][part]["cm"] /= 2
    ways = zip(jaw_ways(builtin_muscles()), jaw_ways(MuscleTable(**entries)), strict=True)
    assert [name for name, (a, b) in zip(JAW_CHANNELS, ways, strict=True) if a != b] == [channel]
