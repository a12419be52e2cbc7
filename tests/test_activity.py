"""Only what motion can change is computed, and leaving the rest out changes nothing."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from numpy.typing import NDArray

from protocol.channels import NAMES
from renderer.interface import Backdrop
from renderer.puppet.activity import Activity, activity
from renderer.puppet.puppet import Puppet, _parts, _single_threads
from renderer.puppet.render import paint
from renderer.puppet.rig import PuppetRig, build_rig
from renderer.puppet.tiles import Tiles
from tests.drawn_face import drawn_portrait
from tests.posing import motion

U = 60.0
LIVELY = {"jawOpen": 0.5, "mouthSmileLeft": 0.8, "browInnerUp": 1.0, "eyeBlinkRight": 0.6, "eyeYawLeft": 8.0, "headYaw": 7.0}
POSES: dict[str, dict[str, float]] = {
    "a blink": {"eyeBlinkLeft": 0.4},
    "a brow": {"browOuterUpRight": 1.0},
    "an open mouth": {"jawOpen": 0.8, "tongueOut": 1.0},
    "a turned head": {"headYaw": 12.0, "headPitch": -6.0, "headX": 1.0},
    "a tilted head": {"headRoll": 18.0},
    "everything": LIVELY,
    "a trace of everything": {name: 0.02 * value for name, value in LIVELY.items()},
}


@pytest.fixture(scope="module")
def rig() -> PuppetRig:
    return build_rig(*drawn_portrait(U, 160, 170, 320, 380))


def frames(rig: PuppetRig, rows: NDArray[np.float32], backdrop: Backdrop | None = None) -> NDArray[np.int_]:
    """Frames; of the person alone what is seen of it."""
    found = Puppet({}).render(rig, rows, backdrop).astype(int)  # nothing has to be found any more
    return found if backdrop is None else found * (found[..., 3:] > 0)


@pytest.mark.parametrize("backdrop", [None, Backdrop()], ids=["as it is", "alone"])
@pytest.mark.parametrize("name", POSES)
def test_what_is_left_out_would_have_changed_nothing(name: str, backdrop, rig: PuppetRig, monkeypatch):
    rows = motion(POSES[name])
    sparing = frames(rig, rows, backdrop)

    def everywhere(*told: object) -> Activity:
        found = activity(*told)  # type: ignore[arg-type]
        every = np.zeros((len(found.skin.spans), rig.grid.rows, rig.grid.columns), bool)
        every[0] = True  # the only frame that was asked for
        tiles = Tiles.of(rig.grid, every, torch.device("cpu"))
        some, none = tiles.within(every), tiles.within(every & False)
        boxes = []
        for box in found.boxes:  # what is done in them is not meant for anywhere else
            mask = every & False
            mask[tuple(found.tiles.where[box.index].T)] = True
            boxes.append(tiles.within(mask))
        return Activity(tiles, some, some, some, none, some, some, tuple(boxes))

    monkeypatch.setattr("renderer.puppet.render.activity", everywhere)
    whole = frames(rig, rows, backdrop)
    assert np.abs(whole - sparing).max() <= 1  # by rounding


def test_eyes_and_mouths_are_not_cut_by_their_boxes(rig: PuppetRig, monkeypatch):
    rows = motion(*POSES.values(), {"eyePitchLeft": -20.0}, *({"tongueOut": out} for out in np.linspace(0.2, 1, 41).tolist()))
    found = frames(rig, rows)
    monkeypatch.setattr("renderer.puppet.render.SLACK", 0.6)
    assert np.abs(frames(rig, rows) - found).max() <= 1  # by rounding


@pytest.mark.parametrize("backdrop", [None, Backdrop((10, 200, 30))], ids=["as it is", "on green"])
def test_frames_do_not_depend_on_how_many_threads_there_are(backdrop, rig: PuppetRig, monkeypatch):
    rows = motion(*(POSES[name] for name in POSES), {}, LIVELY, {"jawOpen": 0.1})
    alone = Puppet({}).render(rig, rows, backdrop)
    monkeypatch.setattr("torch.get_num_threads", lambda: 3)
    assert np.array_equal(Puppet({}).render(rig, rows, backdrop), alone)


@pytest.mark.parametrize(("count", "sizes"), [(0, []), (1, [1]), (4, [2, 2]), (16, [4] * 4), (7, [4, 3]), (25, [5] * 5)])
def test_threads_have_alike_much_to_do(count: int, sizes: list[int]):
    assert [part.stop - part.start for part in _parts(count, 6, 2)] == sizes


def test_threads_of_the_puppet_leave_those_of_others_alone():
    before = torch.get_num_threads()
    with _single_threads(3) as pool:
        assert {pool.submit(torch.get_num_threads).result() for _ in range(9)} == {1}
    with ThreadPoolExecutor(1) as other:
        assert other.submit(torch.get_num_threads).result() == before


def test_an_error_in_a_thread_is_told(rig: PuppetRig, monkeypatch):
    def fail(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("torch.get_num_threads", lambda: 2)
    monkeypatch.setattr("renderer.puppet.puppet.paint", fail)
    with pytest.raises(ZeroDivisionError):
        frames(rig, motion(*[LIVELY] * 12))


def test_a_still_face_costs_nothing(rig: PuppetRig):
    painted = paint(rig, torch.zeros(3, len(NAMES)))
    assert len(painted.tiles) == 0


def test_a_blink_costs_the_squares_around_an_eye(rig: PuppetRig):
    painted = paint(rig, torch.from_numpy(motion({"eyeBlinkLeft": 1.0}, {})))
    assert 0 < len(painted.tiles) < 0.15 * rig.grid.rows * rig.grid.columns
    assert set(painted.tiles.where[:, 0].tolist()) == {0}
