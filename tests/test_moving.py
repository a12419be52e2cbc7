"""The bench measures what it says it does: every channel that goes far enough, and all that a detector is asked about."""

import numpy as np
import pytest

from renderer.faces import FaceNets
from renderer.puppet.puppet import prepared
from tests import dots, moving
from tests.drawn_face import drawn_portrait
from tests.posing import motion
from tests.prediction import gone
from tests.subjects import Subject, portrait_of

U = 70.0


@pytest.fixture(scope="module")
def subject(models) -> Subject:
    """A drawn face, whose mesh is known."""
    picture, face, matte = drawn_portrait(U, 120, 110, 240, 260)
    return Subject("drawn", portrait_of(picture, "drawn"), FaceNets(models.models()), prepared(picture, face, matte))


def test_dots_are_asked_wherever_they_go(subject, monkeypatch):
    """Up as well as down, in a picture whose rows count downwards, and of the channels that hardly go a pixel."""
    names = ("cheekSquintLeft", "browDownLeft", "mouthLeft", "mouthRight")
    monkeypatch.setitem(subject.__dict__, "cases", tuple(case for case in subject.cases if case.name in names))
    asked = []

    def found(_puppet, dotted, _motion, expected):
        asked.append(np.unique(np.concatenate([np.concatenate(one.colours) for one in dotted])))
        return expected

    monkeypatch.setattr(dots, "found", found)
    findings = moving.exact(subject)
    assert [one.case for one in findings] == [case.name for case in subject.cases]
    mesh = subject.mesh[:, :2]
    outside = mesh[~moving._in_an_eye(subject.rig, mesh)].astype(np.float32)
    for case, measured in zip(subject.cases, asked, strict=True):
        way = gone(subject.rig, outside, moving.amounts_of(case)) - outside
        assert set(np.flatnonzero(np.hypot(*way[-1].T) >= moving.LEAST_PIXELS)) <= set(measured)


def test_landmarks_are_predicted_from_where_they_are_seen(subject):
    rest = np.concatenate([subject.mesh[:, :2], subject.face.irises[:, 0]])
    still, turned = moving.predicted_landmarks(subject.rig, motion({}, {"headYaw": 8.0}), rest)
    assert np.abs(still).max() < 1e-3
    assert turned.shape == rest.shape
    beside = rest + np.eye(len(rest), 2, k=-33) * 0.1 * U  # one point is seen elsewhere
    again = moving.predicted_landmarks(subject.rig, motion({"headYaw": 8.0}), beside)[0]
    assert np.flatnonzero(np.abs(again - turned).max(axis=1) > 1e-3).tolist() == [33, 34]
