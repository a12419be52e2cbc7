"""The matte: clear answers, edges of the picture, one person."""

import numpy as np
import pytest

from numpy.typing import NDArray

from configs.mesh import builtin_mesh
from renderer.segmentation import Segmenter, applied, by_colour, clearer, guided, of_face, pushed, without

SQUARE = np.array([[30, 30], [50, 30], [50, 50], [30, 50]], np.float64)


def as_guide(picture: NDArray[np.uint8]) -> NDArray[np.float32]:
    return picture.astype(np.float32) / np.float32(255)


def test_unsure_answers_are_pushed_apart():
    alpha = np.array([0, 0.1, 0.2, 0.5, 0.8, 0.9, 1], np.float32)
    result = pushed(alpha, (0.1, 0.9))
    assert result[[0, 1]].tolist() == [0, 0]
    assert result[[5, 6]] == pytest.approx([1, 1])
    assert result[2] < 0.2
    assert result[3] == pytest.approx(0.5)
    assert result[4] > 0.8


def test_what_is_apart_from_the_face_is_left_out_and_what_touches_it_stays():
    alpha = np.zeros((100, 100), np.float32)
    alpha[30:90, 20:60] = 0.8
    alpha[10:30, 80:95] = 1
    kept = of_face(alpha, SQUARE)
    assert kept[80, 25] == np.float32(0.8)
    assert kept[:, 70:].max() == 0


def test_the_face_itself_is_always_covered():
    kept = of_face(np.zeros((100, 100), np.float32), SQUARE)
    assert kept[32:48, 32:48].min() == 1
    assert kept[:28].max() == 0


def test_a_face_beyond_the_picture_leaves_nothing():
    assert of_face(np.ones((50, 50), np.float32), SQUARE + 1e7).max() == 0


def haired(length: int) -> NDArray[np.uint8]:
    """A face with long dark hair on both sides in front of a blue wall, 160 x 160; the hair ends at a row."""
    picture = np.full((160, 160, 3), (70, 100, 170), np.uint8)
    picture[40:length, 50:110] = (40, 30, 25)
    picture[50:100, 65:95] = (220, 180, 160)
    return picture + np.random.default_rng(0).integers(0, 12, picture.shape, np.uint8)


FACE = np.array([[65, 50], [95, 50], [95, 100], [65, 100]], np.float64)


def test_hair_that_the_network_leaves_out_joins_the_person():
    said = np.zeros((160, 160), np.float32)
    said[40:105, 50:110] = 1
    found = by_colour(haired(115), said, FACE, 32.0)
    assert found[108:113, 55:105].mean() > 0.9
    assert found[:, :45].max() < 0.1
    assert found[125:].max() < 0.1


def test_a_picture_without_edges_changes_nothing():
    said = np.zeros((160, 160), np.float32)
    said[40:105, 50:110] = 1
    assert np.array_equal(by_colour(np.full((160, 160, 3), 99, np.uint8), said, FACE, 32.0) > 0.5, said > 0.5)


def test_an_outline_moves_only_to_a_clearer_one():
    picture = np.zeros((40, 40, 3), np.uint8)
    picture[:, 20:] = 200
    before, right, wrong = (np.repeat(np.arange(40)[None] < column, 40, axis=0) for column in (15, 20, 25))
    assert np.array_equal(clearer(picture, before, right), right)
    assert np.array_equal(clearer(picture, right, wrong), right)


def test_what_is_nearer_to_another_face_is_left_out():
    answer = np.ones((120, 200), np.float32)
    left, right = (np.array([[x - 10, 30], [x + 10, 30], [x + 10, 60], [x - 10, 60]], np.float64) for x in (60, 120))
    kept = without(answer, left, [right])
    assert kept[:, :88].min() == 1
    assert kept[:, 93:].max() == 0
    assert np.array_equal(without(answer, left, []), answer)


def test_an_edge_moves_to_that_of_the_colours():
    # Left half brown, right half blue; the alpha's edge is blurred and four pixels off.
    picture = np.zeros((60, 60, 3), np.uint8)
    picture[:, :30], picture[:, 30:] = (140, 90, 60), (60, 80, 150)
    ramp = np.clip((34 - np.arange(60)) / 12 + 0.5, 0, 1).astype(np.float32)
    blurred = np.repeat(ramp[None], 60, axis=0)
    result = applied(guided(blurred, as_guide(picture), 8), picture)
    before = blurred[30, 29] - blurred[30, 30]
    assert result[30, 29] - result[30, 30] > 5 * before


def test_a_flat_picture_leaves_an_alpha_blurred_but_whole():
    picture = np.full((40, 40, 3), 128, np.uint8)
    alpha = np.full((40, 40), 0.7, np.float32)
    assert applied(guided(alpha, as_guide(picture), 4), picture) == pytest.approx(alpha, abs=1e-3)


def test_coefficients_of_a_small_picture_serve_a_large_one():
    small = np.zeros((40, 40, 3), np.uint8)
    small[:, :20] = 200
    large = small.repeat(10, axis=0).repeat(10, axis=1)
    alpha = (small[..., 0] > 0).astype(np.float32)
    result = applied(guided(alpha, as_guide(small), 3), large)
    assert result.shape == (400, 400)
    assert result[200, 199] > 0.9
    assert result[200, 200] < 0.1


@pytest.fixture(scope="module")
def matte(models, sample, face) -> np.ndarray:
    return Segmenter(models.models(), builtin_mesh()).matte(sample, face.mesh)


def test_a_matte_is_as_large_as_the_picture_and_within_0_and_1(matte, sample):
    assert matte.shape == sample.shape[:2]
    assert matte.dtype == np.float32
    assert matte.min() == 0
    assert matte.max() == 1


def test_face_and_hair_are_inside_and_the_wall_is_outside(matte, face):
    inside = matte[face.mesh[:, 1].round().astype(int), face.mesh[:, 0].round().astype(int)]
    assert np.median(inside) == 1
    assert inside.mean() > 0.98
    crown = face.mesh[10, :2] - (face.mesh[152, :2] - face.mesh[10, :2]) * 0.2
    assert matte[int(crown[1]), int(crown[0])] > 0.98
    assert matte[: matte.shape[0] // 3, :20].max() < 0.02


def test_hardly_anything_is_half_covered(matte):
    assert ((matte > 0.1) & (matte < 0.9)).mean() < 0.03


def test_the_matte_of_a_mirrored_picture_is_mirrored(models, sample, face, matte):
    mirrored = face.mesh[list(builtin_mesh().mirrored)] * (-1, 1, 1) + (sample.shape[1] - 1, 0, 0)
    again = Segmenter(models.models(), builtin_mesh()).matte(np.ascontiguousarray(sample[:, ::-1]), mirrored)[:, ::-1]
    assert np.abs(again - matte).mean() < 0.005
