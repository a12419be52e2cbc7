"""What a portrait shows between open lips, on drawn openings: bands of teeth, dark and palate between two curved edges."""

import numpy as np
import pytest
import torch

from numpy.typing import NDArray

from renderer.puppet.axes import Axes, steps
from renderer.puppet.parting import Edges
from renderer.puppet.shown import LUMINANCE, SLIT, Shown, find_shown

U = 120.0
WIDTH, HEIGHT = 180, 160
LIP, DARK, TEETH, PALATE, GUM = (0.70, 0.35, 0.34), (0.20, 0.06, 0.05), (0.92, 0.90, 0.84), (0.42, 0.25, 0.27), (0.6, 0.3, 0.3)
AXES = Axes(WIDTH / 2, HEIGHT / 2, 1.0, 0.0, 84.0)
Band = tuple[float, float, tuple[float, float, float]]
UPPER_ROW: Band = (0.0, 0.35, TEETH)
LOWER_ROW: Band = (0.65, 1.0, TEETH)
CLENCHED: tuple[Band, ...] = ((0.0, 0.48, TEETH), (0.54, 1.0, TEETH))


def edges_of(gap: float) -> Edges:
    """Two arches so many u apart in the middle."""
    t = 2 * np.clip(steps(), 0, 1) - 1
    arch = 0.5 * gap * U * (1 - t * t)
    return Edges(arch, -arch, open=True)


def drawn(gap: float, *bands: Band, between_teeth: float = 0.0, grey: bool = False) -> NDArray[np.float32]:
    """Lips all over, and between their edges bands from a share of the opening's height to another, the rest dark."""
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float64)
    t, v = AXES.of_points(np.stack([x.ravel(), y.ravel()], axis=1)).T.reshape(2, HEIGHT, WIDTH)
    edges = edges_of(gap)
    upper, lower = (np.interp(t, steps(), line) for line in (edges.upper, edges.lower))
    place = (upper - v) / np.maximum(upper - lower, 1e-6)
    inside = (place > 0) & (place < 1) & (t > 0) & (t < 1)
    picture = np.where(inside[..., None], DARK, LIP)
    for first, last, colour in bands:
        picture[inside & (place >= first) & (place <= last)] = colour
    if between_teeth:
        gaps = inside & (np.abs((t * 12) % 1 - 0.5) < 0.08)
        picture[gaps] *= 1 - between_teeth
    if grey:
        picture[:] = (picture @ LUMINANCE)[..., None]
    return picture.astype(np.float32)


def shown_in(gap: float, *bands: Band, between_teeth: float = 0.0, grey: bool = False) -> Shown | None:
    box = AXES.box((-0.1, 1.1), (0.3 * U, -0.3 * U))
    return find_shown(drawn(gap, *bands, between_teeth=between_teeth, grey=grey), AXES, edges_of(gap), U, GUM, box)


def column(shown: Shown, layer: torch.Tensor, gap: float, *places: float) -> NDArray[np.float32]:
    """Colours and cover [n, 4] in the middle at shares of the opening's height: 0 at the upper lip, 1 at the lower one."""
    y = torch.tensor([HEIGHT / 2 - (0.5 - place) * gap * U for place in places], dtype=torch.float32)[None, :, None]
    found: NDArray[np.float32] = shown.sample(layer, torch.full_like(y, WIDTH / 2), y)[0, :, :, 0].T.numpy()
    return found


@pytest.mark.parametrize("grey", [False, True])
@pytest.mark.parametrize(
    ("bands", "upper", "lower"),
    [
        ((UPPER_ROW,), True, False),
        (((0.0, 1.0, TEETH),), True, False),
        ((UPPER_ROW, LOWER_ROW), True, True),
        (CLENCHED, True, True),
        ((LOWER_ROW,), False, True),
        (((0.0, 0.6, PALATE), LOWER_ROW), False, True),
        ((), False, False),
    ],
)
def test_rows_of_teeth_are_told_apart(bands, upper, lower, grey):
    shown = shown_in(0.2, *bands, between_teeth=0.3, grey=grey)
    assert shown is not None
    assert (shown.upper_teeth, shown.lower_teeth) == (upper, lower)


def test_upper_teeth_end_where_the_picture_ends_them_and_the_rest_goes_with_the_jaw():
    shown = shown_in(0.2, UPPER_ROW, LOWER_ROW)
    assert shown is not None
    upper, lower = (column(shown, layer, 0.2, 0.1, 0.25, 0.45, 0.75, 0.95) for layer in (shown.upper, shown.lower))
    assert upper[:2, 3] == pytest.approx(1, abs=0.05)
    assert upper[2:, 3] == pytest.approx(0, abs=0.05)
    assert lower[:2, 3] == pytest.approx(0, abs=0.05)
    assert lower[3:, 3] == pytest.approx(1, abs=0.05)
    assert lower[3, :3] == pytest.approx(TEETH, abs=0.1)


def test_what_is_shown_goes_on_behind_the_lips():
    shown = shown_in(0.2, UPPER_ROW, LOWER_ROW)
    assert shown is not None
    above, below = column(shown, shown.upper, 0.2, -0.08)[0], column(shown, shown.lower, 0.2, 1.1)[0]
    for behind in (above, below):
        assert behind[3] > 0.9
        assert behind[:3] @ LUMINANCE > 0.7 * (np.array(TEETH) @ LUMINANCE)
    gums = column(shown, shown.upper, 0.2, -0.9)[0]
    assert gums[0] > 1.5 * gums[1]


def test_teeth_have_the_colour_that_is_seen():
    shown = shown_in(0.2, UPPER_ROW, between_teeth=0.4)
    assert shown is not None
    assert shown.enamel == pytest.approx(TEETH, abs=0.05)


def test_an_opening_without_teeth_is_dark_and_a_slit_shows_nothing():
    wide = shown_in(0.2)
    assert wide is not None
    assert wide.enamel is None
    assert not wide.upper[:, 3].any()
    assert column(wide, wide.lower, 0.2, 0.6)[0, 3] > 0.9
    assert shown_in(0.8 * SLIT) is None


def test_gaps_between_teeth_do_not_end_the_row():
    ends = []
    for between_teeth in (0.0, 0.6):
        shown = shown_in(0.2, UPPER_ROW, between_teeth=between_teeth)
        assert shown is not None
        places = np.linspace(0.0, 1.0, 101)
        cover = column(shown, shown.upper, 0.2, *places)[:, 3]
        ends.append(float(places[cover > 0.5].max()))
    assert ends[1] == pytest.approx(ends[0], abs=0.05)
    assert ends[0] == pytest.approx(0.35, abs=0.06)


def test_the_upper_row_goes_on_to_the_corners_and_gets_dark_there():
    picture = drawn(0.2, UPPER_ROW)
    x = np.arange(WIDTH)
    t = AXES.of_points(np.stack([x, np.full(WIDTH, HEIGHT / 2)], axis=1).astype(np.float64))[:, 0]
    picture[HEIGHT // 2 - 14 : HEIGHT // 2 + 14, (np.abs(t - 0.5) > 0.3) & (np.abs(t - 0.5) < 0.5)] = DARK
    shown = find_shown(picture, AXES, edges_of(0.2), U, GUM, AXES.box((-0.1, 1.1), (0.3 * U, -0.3 * U)))
    assert shown is not None
    row = torch.full((1, 1, 3), HEIGHT / 2 - 0.4 * 0.2 * U)
    at = torch.tensor([[[float(x[np.abs(t - share).argmin()]) for share in (0.3, 0.16, 0.1)]]])
    seen = shown.sample(shown.upper, at, row)[0, :, 0].numpy()
    assert seen[3, :2].min() > 0.8
    shade = LUMINANCE @ seen[:3]
    assert shade[0] > 0.8 * (LUMINANCE @ np.array(TEETH))
    assert 0.4 < shade[1] / shade[0] < 0.95
    assert shade[2] < shade[1]


def test_specks_are_not_cut_out_of_teeth():
    picture = drawn(0.2, UPPER_ROW)
    low = round(HEIGHT / 2 + (0.35 - 0.5) * 0.2 * U)
    picture[low - 2 : low + 1, WIDTH // 2 - 1 : WIDTH // 2 + 1] = DARK
    shown = find_shown(picture, AXES, edges_of(0.2), U, GUM, AXES.box((-0.1, 1.1), (0.3 * U, -0.3 * U)))
    assert shown is not None
    assert column(shown, shown.upper, 0.2, 0.27)[0, 3] > 0.8
