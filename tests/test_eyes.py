"""Eyes of a drawn face: where lids and iris are found, how lids close, and where the iris goes."""

from itertools import pairwise

import numpy as np
import pytest
import torch

from numpy.typing import NDArray

from protocol.channels import INDEX, NAMES
from renderer.faces import FaceNets, find_faces, landmarks_in, person_matte
from renderer.puppet.axes import steps
from renderer.puppet.eyes import BROW, Eye, Lidded, Opened, find_eye, lidded, opened, paint_ball, paint_lids, posed
from renderer.puppet.filling import grain, membrane
from renderer.puppet.gaze import EYEBALL, GLINT, find_iris
from renderer.puppet.geometry import EYE_CORNERS, HeadFrame
from renderer.puppet.lids import LOWER, NET_LOWER, NET_UPPER, UPPER, find_lids
from renderer.puppet.puppet import Puppet, prepared
from renderer.weights import Weights

U = 120.0
WIDTH, HEIGHT = 220, 160
MIDDLE = np.array([110.0, 84.0])
HALF, UP, DOWN = 0.15 * U, 0.065 * U, 0.045 * U
"""Half an eye's width, and the lids above and below the line of its corners."""
RADIUS = 0.062 * U
SKIN, WHITE, IRIS, LASH = np.array([(0.80, 0.60, 0.50), (0.93, 0.92, 0.90), (0.25, 0.35, 0.45), (0.2, 0.12, 0.1)])
FRAME = HeadFrame(MIDDLE + np.array([60, 0]), U, 0.0, np.eye(3))


def arc(t: NDArray[np.float64], height: float) -> NDArray[np.float64]:
    return height * (1 - (2 * t - 1) ** 2)


@pytest.fixture(scope="module")
def picture() -> NDArray[np.float32]:
    """An eye between lids of skin, with a line of lashes along the upper one; four times as fine, then reduced."""
    k = 4
    y, x = np.mgrid[: HEIGHT * k, : WIDTH * k] / k - 0.5 + 0.5 / k
    t, v = (x - MIDDLE[0]) / (2 * HALF) + 0.5, MIDDLE[1] - y
    within = (t > 0) & (t < 1)
    top, bottom = np.where(within, arc(t, UP), 0), np.where(within, -arc(t, DOWN), 0)
    drawn = np.empty((*x.shape, 3))
    drawn[:] = SKIN
    drawn[within & (v < top) & (v > bottom)] = WHITE
    drawn[(np.hypot(x - MIDDLE[0], y - MIDDLE[1]) < RADIUS) & (v < top) & (v > bottom)] = IRIS
    drawn[within & (np.abs(v - top) < 0.008 * U)] = LASH
    reduced = drawn.reshape(HEIGHT, k, WIDTH, k, 3).mean(axis=(1, 3))
    noise = np.random.default_rng(1).normal(0, 0.008, reduced.shape)
    return np.clip(reduced + noise, 0, 1).astype(np.float32)


def landmarks(off: float = 0.0) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Mesh, iris and contour as networks would see that eye, the lids `off` pixels too far apart."""
    mesh = np.zeros((468, 3))
    first, last = EYE_CORNERS[:2]
    mesh[[first, last], :2] = MIDDLE - np.array([HALF, 0]), MIDDLE + np.array([HALF, 0])
    t = np.linspace(0, 1, 9)
    upper = MIDDLE + np.stack([(t - 0.5) * 2 * HALF, -arc(t, UP + off)], axis=1)
    lower = MIDDLE + np.stack([(t - 0.5) * 2 * HALF, arc(t, DOWN + off)], axis=1)
    mesh[list(UPPER[0]), :2], mesh[list(LOWER[0]), :2] = upper[1:-1], lower[1:-1]
    mesh[list(BROW[0]), :2] = MIDDLE + np.stack([np.linspace(-HALF, HALF, 5), np.full(5, -0.30 * U)], axis=1)
    contour = np.zeros((71, 2))
    contour[list(NET_UPPER)], contour[list(NET_LOWER)] = upper, lower
    iris = MIDDLE + RADIUS * np.array([[0, 0], [-1, 0], [0, -1], [1, 0], [0, 1]])
    return mesh, iris, contour


@pytest.fixture(scope="module")
def eye(picture: NDArray[np.float32]) -> Eye:
    mesh, iris, contour = landmarks()
    return find_eye(0, picture, mesh, iris, contour, FRAME)


def moved(eye: Eye, places: torch.Tensor, lids: torch.Tensor, gaze: torch.Tensor) -> tuple[Lidded, Opened]:
    pose = posed(eye, lids, gaze)
    return lidded(eye, places, pose), opened(eye, places, pose)


def shown(eye: Eye, picture: NDArray[np.float32], lids: list[float], gaze: list[float]) -> NDArray[np.float32]:
    """The picture [height, width, 3] with that eye moved."""
    y, x = torch.meshgrid(torch.arange(HEIGHT).float(), torch.arange(WIDTH).float(), indexing="ij")
    places = torch.stack([x, y])[None]
    skin, hole = moved(eye, places, torch.tensor([lids]), torch.tensor([gaze]))
    grid = skin.skin.permute(0, 2, 3, 1) * torch.tensor([2 / (WIDTH - 1), 2 / (HEIGHT - 1)]) - 1
    seen = torch.nn.functional.grid_sample(
        torch.from_numpy(picture).permute(2, 0, 1)[None], grid, mode="bicubic", padding_mode="border", align_corners=True
    )
    painted: NDArray[np.float32] = paint_ball(eye, hole, paint_lids(eye, skin, seen))[0].permute(1, 2, 0).numpy()
    return painted


def opening(eye: Eye, lids: list[float], gaze: list[float]) -> torch.Tensor:
    """How much of the eyeball is seen [height, width]."""
    y, x = torch.meshgrid(torch.arange(HEIGHT).float(), torch.arange(WIDTH).float(), indexing="ij")
    places = torch.stack([x, y])[None]
    return moved(eye, places, torch.tensor([lids]), torch.tensor([gaze]))[1].seen[0]


def iris_of(picture: NDArray[np.float32]) -> NDArray[np.float64]:
    """The middle x, y of what has the iris's colour."""
    y, x = np.nonzero(np.abs(picture - IRIS).max(axis=2) < 0.08)
    return np.array([x.mean(), y.mean()])


REST, LOOKS = [0.0, 0.0, 0.0, 0.0, 0.0], [[0.0, 0.0], [25.0, 0.0], [-25.0, 10.0], [0.0, 20.0], [0.0, -20.0]]


@pytest.mark.parametrize("off", [-0.015 * U, 0.0, 0.015 * U])
def test_lids_are_found_on_the_picture_where_the_networks_are_a_little_off(picture: NDArray[np.float32], off: float) -> None:
    mesh, _, contour = landmarks(off)
    lids = find_lids(picture, 0, mesh, contour, U)
    t = steps()
    inner = (t > 0.15) & (t < 0.85)
    assert np.abs(lids.upper - arc(t, UP))[inner].max() < 0.012 * U
    assert np.abs(lids.lower + arc(t, DOWN))[inner].max() < 0.012 * U
    assert lids.ends == pytest.approx((0, 1), abs=0.08)


def test_lids_meet_beyond_the_corners_and_never_cross(picture: NDArray[np.float32]) -> None:
    mesh, _, contour = landmarks()
    lids = find_lids(picture, 0, mesh, contour, U)
    assert (lids.upper >= lids.lower).all()
    assert (lids.upper - lids.lower)[[0, -1]] == pytest.approx(0)


def test_the_iris_is_found_where_its_ring_is_sharpest(picture: NDArray[np.float32]) -> None:
    _, iris, _ = landmarks()
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    t, v = (x - MIDDLE[0]) / (2 * HALF) + 0.5, MIDDLE[1] - y
    between = ((t > 0) & (t < 1) & (v < arc(t, UP)) & (v > -arc(t, DOWN))).astype(float)
    found = find_iris(picture, iris + np.array([0.008 * U, 0.004 * U]), between, U)
    assert found[:2] == pytest.approx(MIDDLE, abs=0.006 * U)
    assert found[2] == pytest.approx(RADIUS, rel=0.1)


def test_an_eye_at_rest_is_the_portrait(eye: Eye, picture: NDArray[np.float32]) -> None:
    assert np.abs(shown(eye, picture, REST, [0.0, 0.0]) - picture).max() < 0.2 / 255


@pytest.mark.parametrize("part", range(5))
def test_a_thousandth_of_a_motion_is_hardly_seen(eye: Eye, picture: NDArray[np.float32], part: int) -> None:
    lids = [0.001 * (n == part) for n in range(5)]
    assert np.abs(shown(eye, picture, lids, [0.0, 0.0]) - picture).max() < 1 / 255


@pytest.mark.parametrize("gaze", LOOKS)
@pytest.mark.parametrize("others", [[0.0, 0.0, 0.0, 0.0], [1.0, 1.0, 0.0, 1.0], [0.0, 0.0, 1.0, 0.0], [1.0, 1.0, 1.0, 0.0]])
def test_a_closed_eye_shows_nothing_of_the_eyeball(eye: Eye, others: list[float], gaze: list[float]) -> None:
    assert opening(eye, [1.0, *others], gaze).max() == 0


def test_a_closed_lid_is_skin_with_one_dark_line(eye: Eye, picture: NDArray[np.float32]) -> None:
    closed = shown(eye, picture, [1.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0])
    column = closed[int(MIDDLE[1] - UP) : int(MIDDLE[1] + 0.15 * U), int(MIDDLE[0])]
    light = column.mean(axis=1)
    dark = light < 0.5 * np.mean(SKIN)
    assert 1 <= dark.sum() <= 0.04 * U
    assert np.diff(np.nonzero(dark)[0]).max(initial=1) == 1
    bright = column[light > 0.85 * np.mean(SKIN)]
    assert np.abs(bright - SKIN).max() < 0.12  # neither iris nor white
    assert len(bright) > 0.6 * len(column)


def test_a_speck_of_white_below_the_lid_found_goes_when_the_eye_closes(picture: NDArray[np.float32]) -> None:
    """Of a small eye the lower lid may be found too high."""
    mesh, iris, contour = landmarks()
    spotted = picture.copy()
    y, x = (round(at) for at in (MIDDLE[1] + DOWN + 0.022 * U, MIDDLE[0] + 0.3 * HALF))
    spotted[y : y + 2, x : x + 3] = WHITE
    closed = shown(find_eye(0, spotted, mesh, iris, contour, FRAME), spotted, [1.0, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0])
    assert np.abs(closed[y : y + 2, x : x + 3] - SKIN).max() < 0.2


def test_lids_close_steadily(eye: Eye) -> None:
    areas = [float(opening(eye, [k / 10, 0.0, 0.0, 0.0, 0.0], [0.0, 0.0]).sum()) for k in range(11)]
    assert all(a > b or a == b == 0 for a, b in pairwise(areas))
    assert areas[8] > 0 == areas[10]


def test_wide_opens_and_squints_narrow(eye: Eye) -> None:
    def area(lids: list[float]) -> float:
        return float(opening(eye, lids, [0.0, 0.0]).sum())

    rest = area(REST)
    assert rest < area([0.0, 0.0, 0.0, 0.5, 0.0]) < area([0.0, 0.0, 0.0, 1.0, 0.0])
    assert 0 < area([0.0, 1.0, 1.0, 0.0, 0.0]) < area([0.0, 1.0, 0.0, 0.0, 0.0]) < rest


def test_a_tensed_lower_lid_and_a_lowered_brow_are_seen_on_the_opening(eye: Eye) -> None:
    half = opening(eye, [0.0, 0.5, 0.0, 0.0, 0.0], [0.0, 0.0])
    y = torch.nonzero(half[:, round(MIDDLE[0])] > 0.5)[:, 0]
    assert MIDDLE[1] + DOWN - float(y.max()) > 0.15 * (UP + DOWN)
    down = opening(eye, [0.0, 0.0, 0.0, 0.0, 1.0], [0.0, 0.0])
    y = torch.nonzero(down[:, round(MIDDLE[0])] > 0.5)[:, 0]
    assert float(y.min()) - (MIDDLE[1] - UP) > 0.1 * (UP + DOWN)


def test_the_line_of_an_eye_that_is_squeezed_shut_lies_higher(eye: Eye, picture: NDArray[np.float32]) -> None:
    def line(tense: float) -> int:
        column = shown(eye, picture, [1.0, tense, tense, 0.0, 0.0], [0.0, 0.0])[:, round(MIDDLE[0])].mean(axis=1)
        return int(column[int(MIDDLE[1] - UP) : int(MIDDLE[1] + 0.15 * U)].argmin())

    assert line(1.0) < line(0.0) - 0.15 * (UP + DOWN)


def test_a_dark_corner_goes_on_below_the_lids(picture: NDArray[np.float32]) -> None:
    """A painter leaves an eye's corner dark; where lids open wider there is no bright line between it and them."""
    mesh, iris, contour = landmarks()
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    t, v = (x - MIDDLE[0]) / (2 * HALF) + 0.5, MIDDLE[1] - y
    painted = picture.copy()
    painted[(t > 0.7) & (t < 1) & (v < arc(t, UP)) & (v > -arc(t, DOWN))] = 0.3
    wide = shown(find_eye(0, painted, mesh, iris, contour, FRAME), painted, [0.0, 0.0, 0.0, 1.0, 0.0], [0.0, 0.0])
    corner = (t > 0.76) & (t < 0.88) & (v < arc(t, UP)) & (v > -arc(t, DOWN))
    assert wide[corner].max() < 0.62


def test_the_upper_lid_follows_the_gaze_down(eye: Eye) -> None:
    down, level = opening(eye, REST, [0.0, -20.0]), opening(eye, REST, [0.0, 0.0])
    assert down.sum() < 0.85 * level.sum()


@pytest.mark.parametrize(("yaw", "way"), [(12.0, 1), (-12.0, -1)])
def test_the_iris_goes_where_the_eye_looks(eye: Eye, picture: NDArray[np.float32], yaw: float, way: int) -> None:
    """To the subject's left is to the picture's right."""
    moved = iris_of(shown(eye, picture, REST, [yaw, 0.0])) - iris_of(picture)
    assert moved[0] == pytest.approx(way * EYEBALL * U * np.sin(np.deg2rad(12)), rel=0.4)


def test_a_gaze_up_lifts_the_iris_and_the_upper_lid(eye: Eye) -> None:
    places = torch.zeros(1, 2, 1, 1)
    _, hole = moved(eye, places, torch.zeros(1, 5), torch.tensor([[0.0, 10.0]]))
    assert hole.turn[0].tolist() == pytest.approx([0, -EYEBALL * U * np.sin(np.deg2rad(10))], abs=1e-4)
    assert opening(eye, REST, [0.0, 10.0]).sum() > opening(eye, REST, [0.0, 0.0]).sum()


def test_the_lower_lid_sinks_with_the_gaze_less_than_the_upper_one(eye: Eye) -> None:
    def heights(pitch: float) -> tuple[float, float]:
        """How far the opening reaches above and below the line of the corners in its middle, pixels."""
        column = opening(eye, REST, [0.0, pitch])[:, int(MIDDLE[0])]
        return float(column[: int(MIDDLE[1])].sum()), float(column[int(MIDDLE[1]) :].sum())

    (up, down), (low_up, low_down) = heights(0.0), heights(-20.0)
    assert down < low_down < down + 0.6 * (up - low_up)


def test_an_iris_stops_before_it_is_lost_in_a_corner(picture: NDArray[np.float32]) -> None:
    """Of a portrait that looks aside; as it is told well within, and never back."""
    mesh, iris, contour = landmarks()
    aside = picture.copy()
    shift = int(0.08 * U)
    rows, columns = slice(int(MIDDLE[1] - UP), int(MIDDLE[1] + DOWN)), slice(int(MIDDLE[0] - HALF), int(MIDDLE[0] + HALF))
    aside[rows, columns] = np.roll(picture[rows, columns], shift, axis=1)
    eye = find_eye(0, aside, mesh, iris + np.array([shift, 0]), contour, FRAME)
    ways = [
        float(posed(eye, torch.zeros(1, 5), torch.tensor([[yaw, 0.0]])).turn[0, 0]) for yaw in (-30.0, 4.0, 15.0, 25.0, 35.0)
    ]
    back, *forth = ways
    assert back == pytest.approx(-EYEBALL * U * np.sin(np.deg2rad(30)), abs=1e-3)
    assert forth[0] == pytest.approx(EYEBALL * U * np.sin(np.deg2rad(4)), abs=1e-3)
    assert all(a < b for a, b in pairwise(forth))
    assert eye.ball.centre[0] + forth[-1] < MIDDLE[0] + HALF - 0.5 * RADIUS


def test_a_highlight_goes_half_as_far_as_the_iris(picture: NDArray[np.float32]) -> None:
    mesh, iris, contour = landmarks()
    lit = picture.copy()
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    lit[np.hypot(x - MIDDLE[0] + 1, y - MIDDLE[1] + 1) < 2.2] = 1.0
    eye = find_eye(0, lit, mesh, iris, contour, FRAME)

    def highlight(of: NDArray[np.float32]) -> float:
        return float(x[of.min(axis=2) > 0.97].mean())

    iris_way = EYEBALL * U * np.sin(np.deg2rad(15))
    assert highlight(shown(eye, lit, REST, [15.0, 0.0])) - highlight(lit) == pytest.approx(GLINT * iris_way, abs=0.6)


def test_a_gaze_turns_about_the_heads_own_axes(picture: NDArray[np.float32]) -> None:
    """The head lies on its side: to its left is up in the picture."""
    mesh, iris, contour = landmarks()
    lying = HeadFrame(FRAME.origin, U, 0.0, np.array([[0.0, -1, 0], [1, 0, 0], [0, 0, 1]]))
    eye = find_eye(0, picture, mesh, iris, contour, lying)
    _, hole = moved(eye, torch.zeros(1, 2, 1, 1), torch.zeros(1, 5), torch.tensor([[10.0, 0.0]]))
    assert hole.turn[0].tolist() == pytest.approx([0, -EYEBALL * U * np.sin(np.deg2rad(10))], abs=1e-4)


def test_beyond_the_eye_nothing_moves_at_all(eye: Eye, picture: NDArray[np.float32]) -> None:
    left, top, right, bottom = eye.box
    outside = np.ones((HEIGHT, WIDTH), dtype=bool)
    outside[max(top, 0) : bottom + 1, max(left, 0) : right + 1] = False
    y, x = torch.meshgrid(torch.arange(HEIGHT).float(), torch.arange(WIDTH).float(), indexing="ij")
    places = torch.stack([x, y])[None]
    for lids, gaze in (([1.0, 1.0, 1.0, 1.0, 1.0], [20.0, -20.0]), ([0.0, 0.0, 0.0, 1.0, 0.0], [0.0, 20.0])):
        skin, hole = moved(eye, places, torch.tensor([lids]), torch.tensor([gaze]))
        assert torch.equal(skin.skin[0][:, outside], places[0][:, outside])
        assert hole.seen[0][outside].max() == 0


def test_a_frame_does_not_depend_on_its_batch(eye: Eye) -> None:
    places = torch.rand(1, 2, 8, 8) * 60 + 60
    lids = torch.tensor([[0.3, 0.1, 0.0, 0.2, 0.4], [1.0, 0.0, 0.5, 0.0, 0.0]])
    gaze = torch.tensor([[5.0, -3.0], [-20.0, 10.0]])
    skin, hole = moved(eye, places.expand(2, -1, -1, -1), lids, gaze)
    for n in range(2):
        own_skin, own_hole = moved(eye, places, lids[n : n + 1], gaze[n : n + 1])
        assert torch.equal(own_skin.skin[0], skin.skin[n])
        assert torch.equal(own_hole.seen[0], hole.seen[n])


def test_a_surface_goes_on_smoothly_where_a_picture_cannot_be_trusted() -> None:
    ramp = np.repeat(np.linspace(0, 1, 60)[None, :, None], 30, axis=0).repeat(3, axis=2)
    spoilt, trust = ramp.copy(), np.ones((30, 60))
    spoilt[10:20, 25:35], trust[10:20, 25:35] = 5.0, 0.0
    assert np.abs(membrane(spoilt, trust, 1.0) - ramp).max() < 0.05
    large = np.full((200, 200, 3), 0.3)
    assert membrane(large, np.ones((200, 200)), 1.0) == pytest.approx(large, abs=1e-6)


def test_folds_below_an_eye_are_not_grain() -> None:
    above = np.mgrid[:120, :80][0] * -1.0 + 40
    skin = 0.5 + np.random.default_rng(2).normal(0, 0.01, (120, 80, 1)).repeat(3, axis=2)
    folded = skin.copy()
    folded[above == -10] -= 0.3
    assert np.abs(grain(folded, above, 100.0) - grain(skin, above, 100.0)).max() < 0.06


def test_flat_skin_has_no_grain() -> None:
    above = np.mgrid[:40, :40][0] * -1.0 + 20
    assert np.abs(grain(np.full((40, 40, 3), 0.5), above, 100.0)).max() < 1e-9


def test_the_sample_portrait_blinks_as_the_iris_network_sees_it(models: Weights, sample: NDArray[np.uint8]) -> None:
    """The aspect ratio of Soukupova and Cech (2016) falls to less than 45 % when it blinks."""
    nets = FaceNets(models.models())
    face = find_faces(sample, nets)[0]
    rig = prepared(sample, face, person_matte(sample, face, nets))
    motion = np.zeros((3, len(NAMES)), np.float32)
    motion[1, [INDEX["eyeBlinkLeft"], INDEX["eyeBlinkRight"]]] = 1
    motion[2, INDEX["eyeWideLeft"]] = 1
    ratios = []
    for frame in Puppet(nets).render(rig, motion):
        seen = landmarks_in(frame, face, nets)
        assert seen is not None
        ratios.append([_aspect(contour) for contour in seen.contours])
    still, blink, wide = np.array(ratios)
    assert (blink < 0.45 * still).all()
    assert wide[1] > 1.03 * still[1]


def _aspect(contour: NDArray[np.float32]) -> float:
    def apart(a: int, b: int) -> float:
        return float(np.hypot(*(contour[a] - contour[b])))

    return (apart(11, 3) + apart(13, 5)) / (2 * apart(0, 8))
