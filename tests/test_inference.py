"""Opening networks and cutting squares out of pictures."""

import math

import numpy as np
import pytest

from renderer.inference import MAX_BYTES, ModelError, Network, Square, cut


def picture_of_places(height: int, width: int) -> np.ndarray:
    """Red grows by one a column, green by one a row."""
    rows, columns = np.mgrid[0:height, 0:width]
    return np.stack([columns, rows, np.zeros_like(rows)], axis=-1).astype(np.uint8)


def test_a_square_of_whole_pixels_is_cut_out_as_it_is():
    picture = picture_of_places(40, 60)
    seen = cut(picture, Square(29.5, 19.5, 20), 20)
    assert seen.dtype == np.float32
    np.testing.assert_allclose(seen * 255, picture[10:30, 20:40], atol=1e-3)


def test_what_lies_beyond_the_picture_is_black():
    seen = cut(np.full((10, 10, 3), 255, np.uint8), Square(0, 0, 10), 20)
    assert seen[:8].max() == 0
    assert seen[12:, 12:].min() == 1


@pytest.mark.parametrize("side", [30, 60, 120, 500])
@pytest.mark.parametrize("angle", [0.0, 0.4, -1.2, math.pi])
def test_a_point_of_the_cut_out_shows_its_place_in_the_picture_at_any_size_and_turn(side, angle):
    # Grey values stand for places: a slope survives averaging, while an offset would show.
    rows, columns = np.mgrid[0:900, 0:900]
    middle, slope = (440.0, 452.0), 120 / side
    values = [(columns - middle[0]) * slope + 128, (rows - middle[1]) * slope + 128, rows * 0]
    picture = np.clip(np.stack(values, axis=-1), 0, 255).round().astype(np.uint8)
    square = Square(*middle, side, angle)
    points = np.stack(np.meshgrid(range(6, 26), range(6, 26)), axis=-1).reshape(-1, 2)
    seen = cut(picture, square, 32)[points[:, 1], points[:, 0], :2] * 255
    off = (seen - 128) / slope + middle - square.place(points, 32)[:, :2]
    # A twentieth of a pixel of the cut-out; values are rounded, so single ones are off by more.
    assert off.mean(axis=0) == pytest.approx((0, 0), abs=0.05 * side / 32)


def test_depth_is_scaled_like_the_picture():
    assert Square(0, 0, 96, 0.5).place(np.array([[1.0, 2.0, 3.0]]), 192)[0, 2] == pytest.approx(1.5)


def test_shrinking_averages_so_that_fine_stripes_turn_grey():
    stripes = np.zeros((400, 400, 3), np.uint8)
    stripes[:, ::2] = 200
    seen = cut(stripes, Square(199.5, 199.5, 390), 30)
    assert seen[2:-2, 2:-2].mean() * 255 == pytest.approx(100, abs=1)
    assert seen[2:-2, 2:-2].std() * 255 < 4


def test_squares_of_no_size_and_far_away_ones_are_cut_out_too():
    picture = picture_of_places(20, 20)
    assert np.isfinite(cut(picture, Square(5, 5, 0), 16)).all()
    assert cut(picture, Square(5000, -5000, 400), 16).max() == 0


def test_a_model_that_is_not_given_is_asked_for():
    with pytest.raises(ModelError, match="face_landmark was not given"):
        Network("face_landmark", {}, 192, (1404, 1))


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ModelError, match=r"cannot be read from .*gone\.tflite"):
        Network("face_landmark", {"face_landmark": tmp_path / "gone.tflite"}, 192, (1404, 1))


@pytest.mark.parametrize("content", [b"", b"no model", b"\x1c\0\0\0TFL3" + bytes(200)])
def test_a_file_that_is_no_model_is_called_damaged(tmp_path, content):
    path = tmp_path / "face_landmark.tflite"
    path.write_bytes(content)
    with pytest.raises(ModelError, match="is damaged"):
        Network("face_landmark", {"face_landmark": path}, 192, (1404, 1))


def test_a_file_that_is_far_too_large_is_not_read(tmp_path):
    path = tmp_path / "face_landmark.tflite"
    with path.open("wb") as file:
        file.truncate(MAX_BYTES + 1)
    with pytest.raises(ModelError, match="is damaged"):
        Network("face_landmark", {"face_landmark": path}, 192, (1404, 1))


def test_a_model_cut_short_is_called_damaged(tmp_path, models):
    path = tmp_path / "face_landmark.tflite"
    path.write_bytes(models.models()["face_landmark"].read_bytes()[:5000])
    with pytest.raises(ModelError, match="is damaged"):
        Network("face_landmark", {"face_landmark": path}, 192, (1404, 1))


def test_another_model_than_the_expected_one_is_refused_when_it_is_opened(models):
    paths = models.models()
    with pytest.raises(ModelError, match="is not the face model face_landmark: its input is not"):
        Network("face_landmark", {"face_landmark": paths["iris_landmark"]}, 192, (1404, 1))
    with pytest.raises(ModelError, match="its outputs do not have 12 and 1 values"):
        Network("face_landmark", paths, 192, (12, 1))


def test_running_twice_gives_the_same_numbers_in_arrays_of_ones_own(models):
    network = Network("face_landmark", models.models(), 192, (1404, 1))
    seen = np.random.default_rng(1).random((192, 192, 3), np.float32)
    first, second = network.run(seen), network.run(seen)
    network.run(np.zeros_like(seen))
    assert [values.size for values in first] == [1404, 1]
    for one, other in zip(first, second, strict=True):
        np.testing.assert_array_equal(one, other)


def test_a_result_that_is_no_number_is_an_error(models):
    network = Network("face_landmark", models.models(), 192, (1404, 1))
    with pytest.raises(ModelError, match="no numbers"):
        network.run(np.full((192, 192, 3), np.nan, np.float32))
