"""Finding faces whole: size, number, turn, and what is no face."""

import cv2
import numpy as np
import pytest

from renderer.detection import Detection
from renderer.faces import Face, FaceNets, find_faces, landmarks_in, person_matte
from renderer.inference import ModelError
from renderer.pose import relative_pose
from tests.thinned import thinned


def head_of(sample: np.ndarray, face: Face, size: int) -> np.ndarray:
    """The head with some room, scaled so that the face has about this many pixels."""
    x, y, width, height = face.box
    reach = 0.9 * max(width, height)
    middle_x, middle_y = x + width / 2, y + height / 2
    head = sample[int(max(middle_y - reach, 0)) : int(middle_y + reach), int(max(middle_x - reach, 0)) : int(middle_x + reach)]
    scale = size / max(width, height)
    return cv2.resize(head, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)


def ground(height: int, width: int) -> np.ndarray:
    """Soft spots of all colours."""
    spots = np.random.default_rng(3).integers(60, 200, (height // 25, width // 25, 3), dtype=np.uint8)
    return cv2.resize(spots, (width, height), interpolation=cv2.INTER_CUBIC)


def test_a_portrait_has_one_face(nets, sample, face):
    assert len(find_faces(sample, nets)) == 1
    assert face.mesh.shape == (468, 3)
    assert face.mesh.dtype == face.irises.dtype == face.contours.dtype == np.float32
    assert face.score > 0.8
    assert face.presence > 0.999


def test_the_box_is_that_of_the_mesh(face):
    x, y, width, height = face.box
    np.testing.assert_allclose(face.mesh[:, :2].min(axis=0), (x, y), atol=1e-3)
    np.testing.assert_allclose(face.mesh[:, :2].max(axis=0), (x + width, y + height), atol=1e-3)


def test_u_is_the_distance_of_the_outer_corners_in_the_picture():
    mesh = np.zeros((468, 3), np.float32)
    mesh[263] = (30, 40, 99)
    irises = np.zeros((2, 5, 2), np.float32)
    irises[0, 1:] = [[-3, 0], [0, -3], [3, 0], [0, 3]]
    irises[1, 1:] = [[-4, 0], [0, -5], [4, 0], [0, 5]]
    face = Face((0, 0, 30, 40), 1, 1, mesh, irises, np.zeros((2, 71, 2), np.float32))
    assert face.u == pytest.approx(50)
    assert face.iris_radii == pytest.approx((3, 4.5))


def test_the_same_picture_gives_the_same_faces_to_the_last_bit(models, sample, face):
    again = find_faces(sample, models.models())[0]
    np.testing.assert_array_equal(again.mesh, face.mesh)
    np.testing.assert_array_equal(again.irises, face.irises)
    np.testing.assert_array_equal(again.contours, face.contours)


@pytest.mark.parametrize("size", [40, 100])
def test_a_small_face_in_a_large_picture_is_found(nets, sample, face, size):
    head, picture = head_of(sample, face, size), ground(800, 1000)
    picture[450 : 450 + head.shape[0], 690 : 690 + head.shape[1]] = head
    (found,) = find_faces(picture, nets)
    x, y, width, height = found.box
    assert max(width, height) == pytest.approx(size, rel=0.12)
    assert (x + width / 2, y + height / 2) == pytest.approx((690 + head.shape[1] / 2, 450 + head.shape[0] / 2), abs=0.25 * size)


def test_of_several_faces_the_largest_comes_first(nets, sample, face):
    picture = ground(500, 900)
    for left, size in ((20, 110), (330, 190), (720, 90)):
        head = head_of(sample, face, size)[:500]
        picture[60 : 60 + head.shape[0], left : left + head.shape[1]] = head[:, : 900 - left]
    found = find_faces(picture, nets)
    assert len(found) == 3
    assert 330 < found[0].mesh[4, 0] < 720
    assert [one.u for one in found] == sorted((one.u for one in found), reverse=True)


@pytest.mark.parametrize("degrees", thinned([-40, 90, 180, 30, -135], 2))
def test_a_turned_picture_gives_the_turned_face(nets, sample, face, degrees):
    height, width = sample.shape[:2]
    side = int(np.hypot(height, width))
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), -degrees, 1)
    matrix[:, 2] += ((side - width) / 2, (side - height) / 2)
    (found,) = find_faces(cv2.warpAffine(sample, matrix, (side, side)).astype(np.uint8), nets)
    expected = face.mesh[:, :2] @ matrix[:, :2].T + matrix[:, 2]
    assert np.sqrt(((found.mesh[:, :2] - expected) ** 2).sum(1).mean()) < 0.01 * face.u
    assert (relative_pose(face.mesh, found.mesh).roll - degrees + 180) % 360 - 180 == pytest.approx(0, abs=1)


@pytest.mark.parametrize("picture", [np.zeros((1, 1, 3), np.uint8), np.full((60, 700, 3), 200, np.uint8), ground(300, 400)])
def test_a_picture_without_a_face_has_none(nets, picture):
    assert find_faces(picture, nets) == ()


def test_what_only_the_detector_takes_for_a_face_is_none(models, sample, monkeypatch):
    nets = FaceNets(models.models())
    seen = Detection(30.0, 30.0, 60.0, 0.99, np.array([[20.0, 20.0], [40.0, 20.0], *[[30.0, 40.0]] * 4]))
    monkeypatch.setattr(
        nets, "detector", type("Sure", (), {"levels": lambda *_: [(640.0, (seen,))], "turned": lambda *_: ()})()
    )
    assert find_faces(sample, nets) == ()


def test_a_face_is_followed_into_the_next_frame(nets, sample, face):
    moved = np.roll(sample, (5, -8), axis=(0, 1))
    found = landmarks_in(moved, face, nets)
    assert found is not None
    np.testing.assert_allclose(found.mesh[:, :2], face.mesh[:, :2] + (-8, 5), atol=0.005 * face.u)
    assert found.score == face.score


def test_a_face_that_has_gone_is_not_found_in_the_next_frame(nets, sample, face):
    assert landmarks_in(np.full_like(sample, 128), face, nets) is None


def test_the_matte_is_that_of_the_face_that_is_asked_for(nets, sample, face):
    head = head_of(sample, face, 150)
    picture = np.full((max(300, head.shape[0]), 1200, 3), 150, np.uint8)
    for left in (20, 1200 - head.shape[1] - 20):
        picture[: head.shape[0], left : left + head.shape[1]] = head
    found = find_faces(picture, nets)
    assert len(found) == 2
    matte = person_matte(picture, found[0], nets)
    own, other = (one.mesh[4, :2].round().astype(int) for one in found)
    assert matte[own[1], own[0]] == 1
    assert matte[other[1], other[0]] == 0


def test_missing_models_are_named():
    with pytest.raises(ModelError, match="face_detection_short_range"):
        find_faces(np.zeros((10, 10, 3), np.uint8), {})
