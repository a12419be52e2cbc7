"""Meshes and irises: the same face gives the same points however it is shown."""

import cv2
import numpy as np
import pytest

from configs.mesh import builtin_mesh
from renderer.detection import Detector
from renderer.inference import Square
from renderer.landmarks import AROUND_EYE, AROUND_FACE, IrisReader, Mesher, around_eye, around_mesh, unmirrored


def made_up_mesh() -> np.ndarray:
    """Points in a box of 100 x 120 pixels about (200, 300); the eyes level, at x 170..190 and 210..230, y 280."""
    mesh = np.zeros((468, 3), np.float32)
    mesh[:, :2] = np.random.default_rng(0).uniform((150, 240), (250, 360), (468, 2))
    mesh[[1, 2], :2] = (150, 240), (250, 360)
    mesh[[33, 133, 362, 263], :2] = (170, 280), (190, 280), (210, 280), (230, 280)
    return mesh


def turned(points: np.ndarray, angle: float) -> np.ndarray:
    cos, sin = np.cos(angle), np.sin(angle)
    result = points.copy()
    result[:, :2] = points[:, :2] @ np.array([[cos, sin], [-sin, cos]])
    return result


def test_the_square_about_a_mesh_is_its_box_with_level_eyes():
    square = around_mesh(made_up_mesh())
    assert (square.x, square.y, square.angle) == pytest.approx((200, 300, 0))
    assert square.side == pytest.approx(120 * AROUND_FACE)


@pytest.mark.parametrize("angle", [0.5, -2.0, 3.1])
def test_the_square_turns_with_the_face(angle):
    square = around_mesh(turned(made_up_mesh(), angle))
    assert square.angle == pytest.approx(angle)
    assert square.side == pytest.approx(120 * AROUND_FACE, rel=1e-4)


def test_the_square_about_an_eye_is_level_and_has_room():
    right, left = (around_eye(made_up_mesh(), eye) for eye in (0, 1))
    assert (right.x, right.y, right.angle) == pytest.approx((180, 280, 0))
    assert (left.x, left.y, left.angle) == pytest.approx((220, 280, 0))
    assert right.side == left.side == pytest.approx(20 * AROUND_EYE)


def test_unmirroring_twice_changes_nothing():
    points = np.random.default_rng(1).uniform(0, 64, (5, 3))
    np.testing.assert_allclose(unmirrored(unmirrored(points, 64), 64), points)
    assert unmirrored(np.array([[0.0, 7.0]]), 64).tolist() == [[63.0, 7.0]]


@pytest.fixture(scope="module")
def mesher(models) -> Mesher:
    return Mesher(models.models(), builtin_mesh())


@pytest.fixture(scope="module")
def reader(models) -> IrisReader:
    return IrisReader(models.models())


@pytest.fixture(scope="module")
def start(models, sample) -> Square:
    found = next(iter(Detector(models.models()).levels(sample)))[1][0]
    return Square(found.x, found.y, found.side * AROUND_FACE, found.angle)


@pytest.fixture(scope="module")
def mesh(mesher, sample, start) -> np.ndarray:
    return mesher.settle(sample, start)[0]


def u_of(mesh: np.ndarray) -> float:
    return float(np.hypot(*(mesh[263] - mesh[33])[:2]))


def test_a_face_is_present_and_a_wall_is_not(mesher, sample, start):
    assert mesher.settle(sample, start)[1] > 0.999
    assert mesher.settle(np.full_like(sample, 120), start)[1] < 0.1


def test_the_nose_is_nearer_than_the_ears(mesh):
    # Tip of the nose; before the ears.
    assert mesh[4, 2] < mesh[[234, 454], 2].min() - 0.5 * u_of(mesh)


def test_the_result_does_not_depend_on_where_the_search_begins(mesher, sample, start, mesh):
    away = Square(start.x + 0.08 * start.side, start.y - 0.06 * start.side, start.side * 1.2, start.angle + 0.2)
    again, _ = mesher.settle(sample, away)
    # Twice the root mean square measured over five portraits; see the module.
    assert np.sqrt(((again - mesh)[:, :2] ** 2).sum(1).mean()) < 0.004 * u_of(mesh)


def test_a_mirrored_face_gives_the_mirrored_mesh_and_irises(mesher, reader, sample, start, mesh):
    flipped, last = np.ascontiguousarray(sample[:, ::-1]), sample.shape[1] - 1
    again, _ = mesher.settle(flipped, Square(last - start.x, start.y, start.side, -start.angle))
    back = again[list(builtin_mesh().mirrored)] * (-1, 1, 1) + (last, 0, 0)
    assert np.hypot(*(back - mesh)[:, :2].T).max() < 0.003 * u_of(mesh)

    irises, contours = reader.read(sample, mesh)
    other_irises, other_contours = reader.read(flipped, again)
    assert other_irises[::-1, [0, 3, 2, 1, 4]] * (-1, 1) + (last, 0) == pytest.approx(irises, abs=0.004 * u_of(mesh))
    assert other_contours[::-1] * (-1, 1) + (last, 0) == pytest.approx(contours, abs=0.006 * u_of(mesh))


def test_a_smaller_picture_gives_the_smaller_mesh(mesher, sample, start, mesh):
    small = cv2.resize(sample, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    again, _ = mesher.settle(small, Square(start.x / 2, start.y / 2, start.side / 2, start.angle))
    moved = (again[:, :2] + 0.5) * 2 - 0.5 - mesh[:, :2]
    # Root mean square .005 u at u = 60 pixels, measured on ten portraits.
    assert np.sqrt((moved**2).sum(1).mean()) < 0.01 * u_of(mesh)


def test_iris_points_lie_right_above_left_and_below_of_their_centre(reader, sample, mesh):
    irises, _ = reader.read(sample, mesh)
    assert irises.shape == (2, 5, 2)
    for centre, right, top, left, bottom in irises:
        assert right[0] < centre[0] < left[0]
        assert top[1] < centre[1] < bottom[1]
    # Radius of an adult's iris: .060 to .068 u; of one seen from the side less.
    radii = np.linalg.norm(irises[:, 1:] - irises[:, :1], axis=2).mean(axis=1) / u_of(mesh)
    assert radii.min() > 0.05
    assert radii.max() < 0.075


def test_irises_are_darker_than_the_eyes_around_them(reader, sample, mesh):
    irises, _ = reader.read(sample, mesh)
    grey = sample.astype(float).mean(axis=2)
    for eye in irises.round().astype(int):
        centre, radius = eye[0], int(np.hypot(*(eye[1] - eye[0])))
        inside = grey[centre[1] - 2 : centre[1] + 3, centre[0] - 2 : centre[0] + 3].mean()
        beside = [grey[centre[1], centre[0] + side * round(1.45 * radius)] for side in (-1, 1)]
        assert inside < min(beside) * 0.9


def test_contours_begin_at_the_outer_corner_and_go_along_the_lower_lid(reader, sample, mesh):
    _, contours = reader.read(sample, mesh)
    assert contours.shape == (2, 71, 2)
    for contour, outer, inner, lower, upper in zip(contours, (33, 263), (133, 362), (145, 374), (159, 386), strict=True):
        for index, point in ((0, outer), (8, inner), (4, lower), (12, upper)):
            assert np.hypot(*(contour[index] - mesh[point, :2])) < 0.06 * u_of(mesh)
        assert contour[1:8, 1].mean() > contour[9:16, 1].mean()
