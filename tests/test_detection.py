"""Guessing where faces are: anchors, tiles, merging, and the network on the sample portrait."""

import itertools

import cv2
import numpy as np
import pytest

from renderer.detection import ANCHORS, LEVELS, STEP, Detection, Detector, anchors, merge, overlap, tiles


def detection(x: float, y: float, side: float = 100, score: float = 0.9) -> Detection:
    return Detection(x, y, side, score, np.full((6, 2), (x, y)))


def test_anchors_are_two_in_each_fine_cell_and_six_in_each_coarse_one():
    places = anchors()
    assert places.shape == (ANCHORS, 2)
    np.testing.assert_allclose(places[:4], [[1 / 32, 1 / 32]] * 2 + [[3 / 32, 1 / 32]] * 2)
    np.testing.assert_allclose(places[512:518], [[1 / 16, 1 / 16]] * 6)
    np.testing.assert_allclose(places.mean(axis=0), 0.5)


@pytest.mark.parametrize("size", [(1000, 1000), (300, 1000), (1000, 40), (1, 1), (999, 501)])
@pytest.mark.parametrize("level", LEVELS)
def test_tiles_cover_a_picture_and_overlap_enough(size, level):
    width, height = size
    found = tiles(width, height, level)
    for length, places in ((width, {tile.x for tile in found}), (height, {tile.y for tile in found})):
        ordered, side = sorted(places), found[0].side
        assert ordered[0] - side / 2 <= 0
        assert ordered[-1] + side / 2 >= length - 1
        assert all(after - before <= side * STEP * 1.001 for before, after in itertools.pairwise(ordered))


def test_the_work_is_bounded():
    assert sum(len(tiles(1024, 1024, level)) for level in LEVELS) <= 60


def test_overlap_is_intersection_over_union():
    assert overlap(detection(0, 0), detection(0, 0)) == 1
    assert overlap(detection(0, 0), detection(50, 0)) == pytest.approx(1 / 3)
    assert overlap(detection(0, 0), detection(300, 0)) == 0


def test_detections_of_one_face_are_averaged_by_score():
    (found,) = merge([detection(100, 100, score=0.6), detection(110, 100, score=0.9)])
    assert found.x == pytest.approx(106)
    assert found.points[0] == pytest.approx([106, 100])
    assert found.score == 0.9


def test_a_part_of_a_better_face_is_no_face():
    assert len(merge([detection(100, 100, 100), detection(110, 100, 30, 0.7)])) == 1


def test_neighbours_stay_two_faces_the_surest_first():
    found = merge([detection(100, 100, 100, 0.7), detection(200, 100, 90, 0.9)])
    assert [one.x for one in found] == [200, 100]


def test_the_angle_is_that_of_the_eyes_clockwise():
    points = np.zeros((6, 2))
    points[1] = (10, 10)
    assert Detection(0, 0, 1, 1, points).angle == pytest.approx(np.pi / 4)


@pytest.fixture(scope="module")
def detector(models) -> Detector:
    return Detector(models.models())


def test_the_face_of_a_portrait_is_found_at_the_first_level(detector, sample):
    side, found = next(iter(detector.levels(sample)))
    assert side == max(sample.shape)
    best = found[0]
    assert best.score > 0.8
    right_eye, left_eye, nose, mouth, *_ = best.points
    assert right_eye[0] < nose[0] < left_eye[0]
    assert right_eye[1] < nose[1] < mouth[1]


def test_places_are_pixels_of_the_picture_however_large_it_is(detector, sample):
    large = cv2.resize(sample, (sample.shape[1] * 3, sample.shape[0] * 3), interpolation=cv2.INTER_LINEAR)
    small_face, large_face = (next(iter(detector.levels(picture)))[1][0] for picture in (sample, large))
    assert ((large_face.x + 0.5) / 3 - 0.5, (large_face.y + 0.5) / 3 - 0.5) == pytest.approx(
        (small_face.x, small_face.y), abs=small_face.side * 0.03
    )
    assert large_face.side == pytest.approx(small_face.side * 3, rel=0.05)


def test_a_picture_on_its_head_is_found_turned(detector, sample):
    best = detector.turned(np.ascontiguousarray(sample[::-1, ::-1]))[0]
    assert best.score > 0.8
    assert abs(best.angle) > 2.8


@pytest.mark.parametrize("size", [(1, 1), (2, 900), (300, 300)])
def test_an_empty_picture_has_no_faces(detector, size):
    picture = np.full((*size, 3), 90, np.uint8)
    assert all(found == () for _, found in detector.levels(picture))
    assert detector.turned(picture) == ()
