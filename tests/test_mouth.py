import cv2
import numpy as np
import pytest
import torch

from numpy.typing import NDArray
from torch import Tensor

from protocol.channels import INDEX, NAMES
from renderer.puppet.axes import steps
from renderer.puppet.geometry import HeadFrame, Points
from renderer.puppet.mouth import Mouth, _bumps, find_mouth, on_upper_side, paint, part
from renderer.puppet.parting import find_edges
from renderer.puppet.teeth import find_rows
from tests.drawn_face import drawn_mesh, drawn_points

U = 120.0
SIDE = 260
SKIN, LIP, DARK, TEETH = (0.80, 0.62, 0.52), (0.70, 0.35, 0.34), (0.22, 0.06, 0.05), (0.92, 0.90, 0.84)
RING = (61, 146, 91, 181, 84, 17, 314, 405, 321, 375, 291, 409, 270, 269, 267, 0, 37, 39, 40, 185)
Picture = NDArray[np.float32]


def face() -> tuple[HeadFrame, Points]:
    return drawn_mesh(U, SIDE / 2, 60.0)


def opened(mesh: Points, gap: float) -> Points:
    """The mesh with its inner lips this many u apart."""
    mesh = mesh.copy()
    for ids, sign in ((((191, 80, 81, 82, 13, 312, 311, 310, 415)), -1), ((95, 88, 178, 87, 14, 317, 402, 318, 324), 1)):
        t = np.linspace(-0.8, 0.8, 9)
        mesh[list(ids), 1] = mesh[61, 1] + sign * gap / 2 * U * (1 - t * t)
    return mesh


def drawn(mesh: Points, *, shift: float = 0.0, within: tuple[float, ...] | None = None, grey: bool = False) -> Picture:
    """A face with lips; `shift` is how many u below the mesh's line they part, `within` the colour between open ones."""
    large = np.empty((SIDE * 4, SIDE * 4, 3), np.float32)
    large[:] = SKIN
    large[..., :] *= np.linspace(1.05, 0.95, SIDE * 4, dtype=np.float32)[None, :, None]

    def ring(ids: tuple[int, ...]) -> NDArray[np.int32]:
        return np.round((mesh[list(ids), :2] + 0.5) * 4 - 0.5).astype(np.int32)

    cv2.fillPoly(large, [ring(RING)], LIP)
    inner = (78, 95, 88, 178, 87, 14, 317, 402, 318, 324, 308, 415, 310, 311, 312, 13, 82, 81, 80, 191)
    if within is not None:
        cv2.fillPoly(large, [ring(inner)], within)
    else:
        line = ring((61, 95, 88, 178, 87, 14, 317, 402, 318, 324, 291))
        line[1:-1, 1] += round(4 * shift * U)
        cv2.polylines(large, [line], isClosed=False, color=DARK, thickness=8)
    picture = cv2.resize(cv2.GaussianBlur(large, (0, 0), 3), (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return np.repeat(picture @ np.array([[0.299], [0.587], [0.114]], np.float32), 3, axis=2) if grey else picture


def mouth_of(gap: float = 0.0, within: tuple[float, ...] | None = None, *, grey: bool = False) -> tuple[Mouth, Picture]:
    frame, mesh = face()
    mesh = opened(mesh, gap)
    picture = drawn(mesh, within=within, grey=grey)
    return find_mouth(picture, mesh, frame), picture


def places() -> Tensor:
    y, x = torch.meshgrid(torch.arange(SIDE, dtype=torch.float32), torch.arange(SIDE, dtype=torch.float32), indexing="ij")
    return torch.stack([x, y])[None]


def painted(mouth: Mouth, picture: Picture, *, up: float = 0.0, down: float = 0.0, **channels: float) -> Tensor:
    """[3, SIDE, SIDE]: the upper lip raised and the lower lip lowered by so many u."""
    at = places()
    above = at + torch.tensor([0.0, up * U])[None, :, None, None]
    below = at - torch.tensor([0.0, down * U])[None, :, None, None]
    source = torch.from_numpy(picture).permute(2, 0, 1)[None]

    def seen(offset: float) -> Tensor:
        return source.roll(round(offset), dims=2)

    motion = torch.zeros(1, len(NAMES))
    for name, value in channels.items():
        motion[0, INDEX[name]] = value
    parted = part(mouth, above, below)
    looks = seen(-up * U), seen(down * U), source
    skin = torch.where((parted.share > 0.5)[:, None], looks[0], looks[1])
    return paint(mouth, parted, skin, at, (above, below), looks, motion)[0]


def middle_column(mouth: Mouth, out: Tensor, low: float, high: float) -> Tensor:
    """Colours [3, n] of the middle column from `low` to `high` u above the corners."""
    x, y = round(mouth.axes.x), mouth.axes.y
    return out[:, round(y - high * U) : round(y - low * U) + 1, x]


def light(colours: Tensor) -> float:
    return float((colours.flatten(1).mean(dim=1) * torch.tensor([0.299, 0.587, 0.114])).sum())


@pytest.mark.parametrize("shift", [-0.025, 0.0, 0.025])
def test_closed_lips_part_along_the_dark_line_of_the_picture(shift):
    frame, mesh = face()
    mouth = find_mouth(drawn(mesh, shift=shift), mesh, frame)
    inner = (steps() > 0.15) & (steps() < 0.85)
    wanted = find_mouth(drawn(mesh), mesh, frame).edges[0].numpy()[inner] - shift * U
    assert not mouth.open
    assert torch.equal(mouth.edges[0], mouth.edges[1])
    assert mouth.edges[0].numpy()[inner] == pytest.approx(wanted, abs=1.0)


# The mesh leaves gaps of up to 0.042 u between closed lips.
@pytest.mark.parametrize(
    ("gap", "within", "is_open"),
    [(0.04, None, False), (0.04, TEETH, True), (0.04, LIP, False), (0.12, TEETH, True), (0.12, DARK, True)],
)
def test_a_mouth_is_open_if_something_else_than_lips_is_seen_in_it(gap, within, is_open):
    frame, mesh = face()
    mesh = opened(mesh, gap)
    assert find_edges(drawn(mesh, within=within), mesh, find_mouth(drawn(mesh), mesh, frame).axes, U).open is is_open


def test_edges_of_an_open_mouth_lie_at_its_borders():
    mouth, _ = mouth_of(0.12, TEETH)
    upper, lower = mouth.edges.numpy()
    inner = np.abs(steps() - 0.5) < 0.3
    t = 2 * (steps()[inner] - 0.5)
    wanted = 0.06 * U * (1 - t * t)
    assert upper[inner] == pytest.approx(wanted, abs=2.5)
    assert lower[inner] == pytest.approx(-wanted, abs=2.5)
    assert (upper >= lower).all()


@pytest.mark.parametrize(("colour", "found"), [(TEETH, True), ((0.86, 0.62, 0.6), False)])
def test_lower_teeth_that_the_mesh_takes_for_lip_are_none_and_light_on_a_lip_is(colour, found):
    frame, mesh = face()
    mesh = opened(mesh, 0.12)
    mesh[list(RING[1:10]), 1] += 0.06 * U  # a full lower lip
    picture = drawn(mesh, within=TEETH)
    plain = find_mouth(picture, mesh, frame)
    y, x = np.mgrid[:SIDE, :SIDE]
    t, v = plain.axes.of_points(np.stack([x.ravel(), y.ravel()], axis=1)).T.reshape(2, SIDE, SIDE)
    lower = np.interp(t, steps(), plain.edges[1].numpy())
    picture[(np.abs(t - 0.5) < 0.3) & (v < lower - 0.01 * U) & (v > lower - 0.04 * U)] = colour
    mouth = find_mouth(picture, mesh, frame)
    middle = np.abs(steps() - 0.5) < 0.15
    deeper = float(np.median((plain.edges[1] - mouth.edges[1]).numpy()[middle])) / U
    assert deeper == pytest.approx(0.04 if found else 0.0, abs=0.015)


@pytest.mark.parametrize(("gap", "within"), [(0.0, None), (0.04, TEETH), (0.12, TEETH), (0.2, DARK)])
def test_lips_at_rest_show_the_portrait_itself(gap, within):
    mouth, picture = mouth_of(gap, within)
    assert torch.equal(painted(mouth, picture), torch.from_numpy(picture).permute(2, 0, 1))


@pytest.mark.parametrize(("gap", "within"), [(0.0, None), (0.12, TEETH)])
def test_lips_begin_to_move_from_nothing(gap, within):
    mouth, picture = mouth_of(gap, within)
    rest = painted(mouth, picture)
    change = [float((painted(mouth, picture, down=down) - rest).abs().max()) for down in (1e-5, 1e-4, 1e-3, 1e-2)]
    assert change == sorted(change)
    assert change[0] < 0.5 / 255


def test_teeth_of_the_portrait_stay_while_the_lower_lip_goes():
    mouth, picture = mouth_of(0.12, TEETH)
    out = painted(mouth, picture, down=0.2, jawOpen=0.7)
    where_they_were = middle_column(mouth, out, -0.03, 0.0)
    below = middle_column(mouth, out, -0.22, -0.1)
    assert light(where_they_were) > 0.8 * light(torch.tensor(TEETH)[:, None])
    assert light(below) < 0.5 * light(where_they_were)


def test_teeth_under_a_lip_that_has_come_down_are_shaded_and_still_white():
    mouth, picture = mouth_of(0.12, TEETH)
    out = painted(mouth, picture, up=-0.03, down=0.2, jawOpen=0.7)
    under, away = (light(middle_column(mouth, out, low, low + 0.005)) for low in (0.02, -0.035))
    assert 0.75 * light(torch.tensor(TEETH)[:, None]) < under < 0.95 * away


def test_lower_teeth_of_the_portrait_go_with_the_jaw():
    gap, down = 0.2, 0.2
    frame, mesh = face()
    mesh = opened(mesh, gap)
    picture = drawn(mesh, within=DARK)
    y, x = np.mgrid[:SIDE, :SIDE]
    t, v = find_mouth(picture, mesh, frame).axes.of_points(np.stack([x.ravel(), y.ravel()], axis=1)).T.reshape(2, SIDE, SIDE)
    half = 0.5 * gap * U * (1 - ((2 * t - 1) / 0.8) ** 2)
    row = (np.abs(t - 0.5) < 0.35) & (v > -half) & (v < -0.4 * half)
    picture[row] = TEETH
    mouth = find_mouth(picture, mesh, frame)
    jaw = down / float(mouth.jaw[0, 1] / U)
    out = painted(mouth, picture, down=down, jawOpen=jaw)
    where_they_were, where_they_are = (middle_column(mouth, out, low, low + 0.03) for low in (-0.08, -0.08 - down))
    assert light(where_they_are) > 0.8 * light(torch.tensor(TEETH)[:, None])
    assert light(where_they_were) < 0.5 * light(where_they_are)


def test_where_open_lips_meet_there_is_a_line():
    mouth, picture = mouth_of(0.12, TEETH)
    out = painted(mouth, picture, up=-0.06, down=-0.07, mouthPressLeft=1, mouthPressRight=1)
    line, lip = middle_column(mouth, out, -0.008, 0.008), middle_column(mouth, out, -0.05, -0.04)
    assert light(line) < 0.85 * light(lip)
    assert light(middle_column(mouth, out, -0.05, 0.05)) < light(torch.tensor(TEETH)[:, None])


@pytest.mark.parametrize("up", [-0.11, -0.06, -0.01])
def test_lips_that_would_cover_each_other_end_half_way(up):
    mouth, _ = mouth_of(0.12, TEETH)
    at = places()
    above, below = (at + torch.tensor([0.0, by * U])[None, :, None, None] for by in (up, up + 0.16))
    parted = part(mouth, above, below)
    middle = parted.share[0, :, round(mouth.axes.x)]
    height = (mouth.axes.y - float((middle >= 0.5).sum()) + 0.5) / U
    edges = [float(line[torch.tensor(np.abs(steps() - 0.5) < 0.01)].mean()) / U for line in mouth.edges]
    assert height == pytest.approx(((edges[0] + up) + (edges[1] + up + 0.16)) / 2, abs=0.01)
    assert float(parted.hole.max()) < 1e-3
    assert torch.equal(on_upper_side(mouth, above, below), parted.share > 0.5)


def test_the_line_of_lips_that_met_is_warm_and_ends_before_the_corners():
    mouth, picture = mouth_of(0.12, TEETH)
    out = painted(mouth, picture, up=-0.06, down=-0.07, mouthPressLeft=1, mouthPressRight=1)
    plain = painted(mouth, picture, up=-0.06, down=-0.07)
    left = (out / plain).amin(dim=1)  # of each column's light, [3, SIDE]
    middle, end = (round(mouth.axes.x + (t - 0.5) * mouth.axes.width) for t in (0.5, 0.02))
    assert 0.4 < float(left[2, middle]) < float(left[0, middle]) - 0.02 < 0.9
    assert float(left[:, end].min()) > 0.95


def test_a_tongue_comes_out_below_the_upper_teeth():
    mouth, picture = mouth_of(0.12, TEETH)
    out = painted(mouth, picture, down=0.15, jawOpen=0.5, tongueOut=1)
    teeth, tongue = middle_column(mouth, out, -0.02, 0.02), middle_column(mouth, out, -0.25, -0.2)
    assert light(teeth) > 0.8 * light(torch.tensor(TEETH)[:, None])
    assert float(tongue.mean(dim=1)[0]) > 1.3 * float(tongue.mean(dim=1)[2])


def test_a_raised_lip_uncovers_more_of_the_same_and_no_dark_band():
    mouth, picture = mouth_of(0.12, TEETH)
    uncovered = middle_column(mouth, painted(mouth, picture, up=0.04), 0.065, 0.085)
    assert light(uncovered) > 0.3


def test_teeth_show_as_soon_as_a_lip_leaves_them_but_in_no_slit():
    mouth, picture = mouth_of()
    brightest = [float(middle_column(mouth, painted(mouth, picture, up=up), 0.0, up - 0.01).amax()) for up in (0.02, 0.06, 0.1)]
    assert brightest[0] < 0.6 * brightest[-1]
    assert brightest[1] > 0.75 * brightest[-1]
    assert brightest == sorted(brightest)
    assert 0.4 < brightest[-1] < 0.95


def test_lips_rounded_into_a_funnel_shade_what_is_behind_them():
    mouth, picture = mouth_of(0.12, TEETH)
    plain, rounded = (
        light(middle_column(mouth, painted(mouth, picture, up=0.03, mouthFunnel=funnel), 0.0, 0.05)) for funnel in (0, 1)
    )
    assert rounded < 0.85 * plain


def test_a_grey_portrait_stays_grey():
    mouth, picture = mouth_of(grey=True)
    out = painted(mouth, picture, up=0.05, down=0.2, jawOpen=0.7, tongueOut=0.5)
    assert float((out.amax(dim=0) - out.amin(dim=0)).max()) < 0.01


def test_an_open_mouth_is_dark_and_warm_inside():
    mouth, picture = mouth_of()
    inside = middle_column(mouth, painted(mouth, picture, down=0.25, jawOpen=0.9), -0.2, -0.06).mean(dim=1)
    assert float(inside[0]) > 1.4 * float(inside[2])
    assert light(inside[:, None]) < 0.4


def test_a_row_of_teeth_seen_from_the_side_is_narrower_on_the_far_side():
    def sides(yaw: float) -> tuple[float, float]:
        points = drawn_points()
        c, s = np.cos(np.deg2rad(yaw)), np.sin(np.deg2rad(yaw))
        frame = HeadFrame(np.array([SIDE / 2, 60.0]), U, 0.0, np.array([[c, 0, s], [0, 1, 0], [-s, 0, c]]))
        mesh = np.concatenate([frame.pixels(points), -U * (points @ frame.axes.T)[:, 2:]], axis=1)
        mouth = find_mouth(drawn(mesh), mesh, frame)
        rows = find_rows(frame, mesh, mouth.axes, *mouth.edges.numpy().astype(np.float64))
        lit, middle = rows.upper_light > 0.3, mouth.middle
        return middle - float(steps()[lit][0]), float(steps()[lit][-1]) - middle

    right, left = sides(0)
    assert right == pytest.approx(left, abs=0.02)
    right, left = sides(30)  # looks to its left: its left side is the far one
    assert left < 0.75 * right


def test_a_tongue_comes_out_over_the_lower_lip_and_not_over_the_upper_one():
    mouth, picture = mouth_of()
    rest = painted(mouth, picture)
    out = painted(mouth, picture, tongueOut=1)
    changed = (out - rest).abs().amax(dim=0) > 0.02
    rows, columns = (where.numpy() for where in torch.nonzero(changed, as_tuple=True))
    assert rows.min() >= mouth.axes.y - 2
    assert 0.15 * U < rows.max() - mouth.axes.y < 0.45 * U
    assert np.abs(columns - mouth.axes.x).max() < 0.25 * U
    half_out = (painted(mouth, picture, tongueOut=0.5) - rest).abs().amax(dim=0) > 0.02
    assert int(half_out.sum()) < int(changed.sum())
    assert float((painted(mouth, picture, tongueOut=0.001) - rest).abs().max()) <= 1 / 255


def test_a_tongue_is_rough_where_there_are_pixels_for_it():
    across = torch.arange(-20, 21, dtype=torch.float32)[None]
    fine, coarse = (_bumps(across, across.T, u) for u in (400.0, 50.0))
    assert float(fine.std()) > 0.01
    assert abs(float(fine.mean())) < 0.005
    assert not coarse.any()


def test_a_frame_does_not_depend_on_its_batch():
    mouth, picture = mouth_of(0.12, TEETH)
    source = torch.from_numpy(picture).permute(2, 0, 1)[None]
    motion = torch.zeros(3, len(NAMES))
    motion[:, INDEX["jawOpen"]] = torch.tensor([0.0, 0.4, 0.9])
    motion[:, INDEX["tongueOut"]] = torch.tensor([0.0, 0.6, 0.0])

    def frames(of: Tensor) -> Tensor:
        count = len(of)
        at = places().expand(count, -1, -1, -1)
        down = torch.stack([torch.zeros(count), 0.27 * U * of[:, INDEX["jawOpen"]]], dim=1)[:, :, None, None]
        seen = source.expand(count, -1, -1, -1)
        return paint(mouth, part(mouth, at, at - down), seen, at, (at, at - down), (seen, seen, seen), of)

    together = frames(motion)
    for n in range(3):
        assert torch.equal(together[n], frames(motion[n : n + 1])[0])


def test_a_mouth_at_the_border_of_the_picture_is_measured_too():
    frame, mesh = drawn_mesh(U, 40.0, -60.0)
    mouth = find_mouth(np.full((60, 60, 3), 0.5, np.float32), mesh, frame)
    assert torch.isfinite(mouth.edges).all()
    assert torch.isfinite(mouth.rows).all()
