"""What the bench's detector sees of eyes and brows is where the picture has it, and goes as the picture goes."""

import cv2
import numpy as np
import pytest

from renderer.faces import landmarks_in
from tests.seen import EYES, points

INNER = (52, 53, 65, 66, 68, 69)
"""Of a contour: the brow but for its outer end, which a network reads from what is beside it, too."""


def lowered(picture: np.ndarray, middle: np.ndarray, by: float, radius: float) -> np.ndarray:
    """A picture whose content around a place lies so many pixels lower."""
    y, x = np.mgrid[: picture.shape[0], : picture.shape[1]].astype(np.float32)
    source = y
    for _ in range(20):
        share = np.clip(1 - (np.hypot(x - middle[0], source - middle[1]) / radius) ** 2, 0, 1) ** 2
        source = (y - by * share).astype(np.float32)
    return cv2.remap(picture, x, source, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def test_each_point_around_an_eye_is_another_of_the_mesh():
    assert all(len(set(ids)) == 71 for ids in EYES)
    assert not set(EYES[0]) & set(EYES[1])


def test_eyes_and_brows_are_about_where_the_mesh_has_them(nets, sample, face):
    found = points(sample, face, nets)
    off = np.hypot(*(found[:468] - face.mesh[:, :2]).T) / face.u
    around = [point for ids in EYES for point in ids]
    assert off[around].max() < 0.1
    assert np.median(off[around]) < 0.03
    assert np.delete(off, around).max() == 0
    assert found[468:] == pytest.approx(face.irises[:, 0])


def test_they_go_with_the_whole_picture(nets, sample, face):
    moved = np.roll(sample, (5, -8), axis=(0, 1))
    again = landmarks_in(moved, face, nets)
    assert again is not None
    off = points(moved, again, nets) - points(sample, face, nets) - (-8, 5)
    assert np.hypot(*off.T).max() < 0.01 * face.u


@pytest.mark.parametrize("eye", [0, 1])
def test_one_brow_that_comes_down_is_seen_on_its_side(eye, nets, sample, face):
    ids = [EYES[eye][index] for index in INNER]
    picture = lowered(sample, face.mesh[ids, :2].mean(axis=0), 0.1 * face.u, 0.32 * face.u)
    after = landmarks_in(picture, face, nets)
    assert after is not None
    way = (points(picture, after, nets) - points(sample, face, nets))[:, 1] / face.u
    other = [EYES[1 - eye][index] for index in INNER]
    assert way[ids].mean() > 0.03
    assert way[ids].mean() > 2 * abs(way[other].mean())


def test_lids_that_are_half_closed_are_seen_to_be(nets, sample, face):
    """The picture's rows are moved, so that upper lids come down by half of the opening; the mesh network sees less of it."""
    upper, lower = (np.array([[eye[index] for index in ids] for eye in EYES]) for ids in ((11, 12, 13), (3, 4, 5)))
    top, bottom = (float(points(sample, face, nets)[ids, 1].mean()) for ids in (upper, lower))
    way = (bottom - top) / 2
    y, x = np.mgrid[: sample.shape[0], : sample.shape[1]].astype(np.float32)
    source = np.interp(y, [0, top - 0.2 * face.u, top + way, bottom, len(y)], [0, top - 0.2 * face.u, top, bottom, len(y)])
    picture = cv2.remap(sample, x, source.astype(np.float32), cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)
    after = landmarks_in(picture, face, nets)
    assert after is not None
    went = (points(picture, after, nets) - points(sample, face, nets))[upper, 1].mean() / way
    assert 0.65 < went < 1.2
    assert went > 1.1 * (after.mesh - face.mesh)[upper, 1].mean() / way
