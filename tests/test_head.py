"""The head turns as a whole in the picture's perspective; shoulders, background and the border of what is painted stay."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from renderer.puppet.anatomy import CHIN, FACE_OVAL
from renderer.puppet.geometry import CM_PER_U
from renderer.puppet.head import CAMERA, LAG, TURNS, Bounds, HeadMap, borne, depth_around, eased, head_map, lifted, rotation
from renderer.puppet.lattice import Lattice
from tests.drawn_face import drawn_mesh

U, X, Y = 60.0, 200.0, 180.0
WIDTH, HEIGHT = 401, 421
LATTICE = Lattice(0.0, 0.0, 4.0, 101, 106)
FRAME, MESH = drawn_mesh(U, X, Y)
EVERYWHERE = (True, True, True, True)


def person() -> np.ndarray:
    """A head with hair, a neck, and shoulders beside it, on the lattice's nodes."""
    x, y = ((axis.numpy() - centre) / U for axis, centre in zip(LATTICE.nodes(), (X, Y), strict=True))
    head = (x / 0.95) ** 2 + ((y - 0.1) / 1.25) ** 2 < 1
    neck = (np.abs(x) < 0.45) & (y > 0)
    shoulders = y > 1.5 + 0.3 * np.maximum(np.abs(x) - 0.5, 0)
    return (head | neck | shoulders).astype(np.float64)


def prepared(goes_on: tuple[bool, bool, bool, bool] = EVERYWHERE) -> HeadMap:
    x, y = (axis.numpy().astype(np.float64) for axis in LATTICE.nodes())
    return head_map(FRAME, MESH, x, y, person(), Bounds(WIDTH, HEIGHT, goes_on))


@pytest.fixture(scope="module")
def head() -> HeadMap:
    return prepared()


def pose(yaw: float = 0, pitch: float = 0, roll: float = 0, x: float = 0, y: float = 0, z: float = 0) -> torch.Tensor:
    return torch.tensor([[yaw, pitch, roll, x, y, z]], dtype=torch.float32)


def moved(head: HeadMap, point: int, how: torch.Tensor) -> np.ndarray:
    """How far a point of the mesh goes, in u; x right, y down."""
    place = torch.from_numpy(MESH[point, :2].astype(np.float32))[None, :, None, None]
    return LATTICE.sample(head.displacement(how), place)[0, :, 0, 0].numpy() / U


def test_a_head_that_does_not_turn_stays_to_the_last_bit(head):
    gone = head.displacement(pose())
    assert not gone.any()
    assert not head.seen(LATTICE, pose(), gone).any()


@pytest.mark.parametrize(
    ("how", "crown", "face"),
    [
        (pose(yaw=10), None, (1, 0)),  # what is in front of the axis goes to the subject's left, the viewer's right
        (pose(pitch=10), None, (0, -1)),
        (pose(roll=10), (1, 0), None),
        (pose(x=2), (1, 0), (1, 0)),
        (pose(y=2), (0, -1), (0, -1)),
    ],
)
def test_signs_are_those_of_the_channels(head, how, crown, face):
    for point, way in ((10, crown), (5, face)):
        if way is not None:
            assert moved(head, point, how) @ way > 0.05


def test_a_shift_is_as_long_as_it_says(head):
    assert moved(head, 168, pose(x=3)) == pytest.approx([3 / CM_PER_U, 0], abs=0.02)


def test_nearer_is_larger(head):
    eyes = moved(head, 263, pose(z=3)) - moved(head, 33, pose(z=3))
    assert eyes[0] == pytest.approx(3 / CM_PER_U / (CAMERA - 3 / CM_PER_U), rel=0.1)


def test_the_face_turns_as_a_rigid_body(head):
    """Its points go where a rotation about the pivot takes them in perspective."""
    how = pose(12, -8, 10)
    turn = rotation(how[:, :3])[0].numpy().astype(np.float64)
    places = torch.from_numpy(MESH[:, :2].T.astype(np.float32))[None, :, None]
    depth = LATTICE.sample(head.points[None], places)[0, 2, 0].numpy()
    flat = np.stack([(MESH[:, 0] - X) / U, -(MESH[:, 1] - Y) / U, depth], axis=1)
    pivot = head.pivot.numpy()
    there = (flat - pivot) @ turn.T + pivot
    seen = there[:, :2] * ((CAMERA - flat[:, 2]) / (CAMERA - there[:, 2]))[:, None]
    wanted = (seen - flat[:, :2]) * [1, -1]
    found = LATTICE.sample(head.displacement(how), places)[0, :, 0].numpy().T / U
    inner = np.setdiff1d(np.arange(468), FACE_OVAL)
    assert np.abs(found - wanted)[inner].max() < 0.03


@pytest.mark.parametrize("signs", [(1, 1, 1), (-1, 1, -1), (1, -1, -1)])
def test_any_two_turns_go_nearly_as_far_as_alone_and_three_less(signs):
    limits = torch.tensor(TURNS) * torch.tensor(signs)
    for n in range(3):
        alone, without = limits.clone(), limits.clone()
        alone[[k for k in range(3) if k != n]], without[n] = 0, 0
        assert torch.equal(borne(alone[None])[0], alone)
        assert torch.allclose(borne(without[None])[0], 0.97 * without, rtol=0.005)
    shares = torch.linspace(0, 1.2, 241)[:, None]
    gone = (borne(shares * limits) / limits).mean(dim=1)
    assert torch.equal(borne(0.7 * limits[None])[0], 0.7 * limits)  # what a head does by itself it does wholly
    assert gone.max() < 0.87
    steps = gone.diff() / 0.005
    assert (steps > 0).all()
    assert steps.diff().abs().max() < 0.1  # without a jerk


def test_shoulders_stay_and_the_face_follows_whole(head):
    x, y = LATTICE.nodes()
    chin = MESH[CHIN, 1]
    beside = (torch.abs(x - X) > 1.2 * U) & (y > chin + 0.3 * U)
    assert not head.follow[y > chin + 0.9 * U].any()
    assert head.follow[beside].max() < 0.1
    inside = (((x - X) / 0.7) ** 2 + ((y - Y - 0.3 * U) / 0.85) ** 2) < U**2
    assert head.follow[inside].min() == 1


def test_hair_follows(head):
    x, y = LATTICE.nodes()
    hair = ((x - X).abs() < 0.8 * U) & ((y - Y + 0.95 * U).abs() < 0.1 * U)
    assert head.follow[hair].min() > 0.95


@pytest.mark.parametrize("side", range(4))
def test_nothing_moves_at_a_border_beyond_which_the_picture_goes_on(side):
    goes_on = tuple(place == side for place in range(4))
    gone = prepared(goes_on).displacement(pose(15, 10, 20, 4, 4, 4))[0]
    borders = (gone[:, :, :2], gone[:, :2], gone[:, :, -2:], gone[:, -2:])
    assert not borders[side].any()
    assert any(border.any() for border in borders)


@pytest.mark.parametrize(
    "how",
    [
        *(pose(yaw=angle) for angle in (-20, 20)),
        *(pose(pitch=angle) for angle in (-15, 15)),
        *(pose(roll=angle) for angle in (-20, 20)),
        *(pose(x=far) for far in (-4, 4)),
        *(pose(y=far) for far in (-4, 4)),
        pose(-12, 10, 15),
        pose(12, -10, -15, 1, 1, 1),
    ],
)
def test_the_way_back_meets_its_pixel(head, how):
    """Within 0.3 pixels, wherever the person is seen."""
    gone = head.displacement(how)
    back = LATTICE.nodes()[None] + head.seen(LATTICE, how, gone)
    miss = (back + LATTICE.sample(gone, back) - LATTICE.nodes()[None]).abs().amax(dim=1)
    shown = LATTICE.sample(torch.from_numpy(person()).float()[None, None], back)[:, 0] > 0.05
    assert miss[shown].max() < 0.3


def test_the_head_is_in_front_of_what_it_covers():
    """A half of the lattice is head and moves over the other half, which does not."""
    nodes = LATTICE.nodes()
    flat = torch.stack([(nodes[0] - X) / U, (Y - nodes[1]) / U, torch.zeros_like(nodes[0])])
    follow = ((X - nodes[0]) / (0.1 * U) + 0.5).clamp(0, 1)
    head = HeadMap(flat, follow, torch.tensor([0.0, 0.0, -1.0]), torch.eye(3), U)
    how = pose(x=4)
    back = head.seen(LATTICE, how, head.displacement(how))[0]
    covered = (nodes[0] > X + 0.1 * U) & (nodes[0] < X + 0.3 * U)
    assert back[0][covered].numpy() == pytest.approx(-4 / CM_PER_U * U, abs=0.5)
    assert not back[0][nodes[0] > X + 0.6 * U].any()


def test_frames_of_a_batch_are_computed_as_if_alone(head):
    both = torch.cat([pose(10, 5, -5, 1, 0, 0), pose(-8, 0, 12)])
    together = head.seen(LATTICE, both, head.displacement(both))
    for n in range(2):
        one = both[n : n + 1]
        assert torch.equal(head.seen(LATTICE, one, head.displacement(one)), together[n : n + 1])


def test_a_head_as_good_as_still_hardly_moves():
    """A hundredth of a millimetre changes no pixel; from a tenth of a millimetre on nothing is missing that could be seen."""
    head = prepared()
    tiny, small = (float(head.displacement(pose(x=far)).abs().max()) / U for far in (0.001, 0.01))
    assert tiny < 0.1 * 0.001 / CM_PER_U
    assert small == pytest.approx(0.01 / CM_PER_U, rel=0.2)


def test_of_a_turned_face_what_is_in_front_has_its_depth():
    """The tip of the nose, which hides the far cheek behind it, is as near as the mesh says."""
    frame, mesh = drawn_mesh(U, X, Y)
    turned = frame.camera(mesh) @ rotation(pose(yaw=-40)[:, :3])[0].numpy().astype(np.float64).T
    tip = int(turned[:, 2].argmax())
    depth = depth_around(turned, *turned[[tip], :2].T)
    assert depth == pytest.approx(turned[tip, 2], abs=0.05)


def test_eased_surfaces_are_nowhere_too_steep():
    step = np.zeros((30, 40))
    step[:, 20:] = 1
    slopes = np.abs(np.diff(eased(step, 0.07, LAG), axis=1)) / 0.07
    assert slopes.max() <= LAG + 1e-9
    gentle = np.linspace(0, 1, 40)[None].repeat(30, axis=0)
    assert np.array_equal(eased(gentle, 0.07, LAG), gentle)
    assert (lifted(step, 0.07, LAG) >= step).all()
