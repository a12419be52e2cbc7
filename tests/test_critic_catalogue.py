"""Everything in the catalogue is recognised where it is done, and missed where it is not."""

from __future__ import annotations

import pytest

from agents.critic import IntentFound
from configs.gestures import Gesture
from protocol.brief import Act, Brief
from runtime.loading import Loaded
from tests.damaging import alone, found, judged, performed, still_face
from tests.takes import load_tables

TABLES = load_tables().tables
NAMES = (*TABLES.gestures.gestures, *TABLES.emotions.states)
ONLY_BACK = ("look_at_camera", "release", "relax", "neutral")
"""What is nothing by itself: see test_critic.py."""
EVERY_DAY = NAMES[::9]
"""The rest is seen to by `make proofs`."""
BEGINS, AFTER = 1.0, 1.2


def _alone(name: str) -> Brief:
    gesture = TABLES.gestures.gestures.get(name)
    end = round(BEGINS + _natural(gesture), 3)
    yaw = 20.0 if name in ("look", "glance") else 0.0
    return alone(Act(name=name, start=BEGINS, end=end, yaw=yaw), round(end + AFTER, 3))


def _natural(gesture: Gesture | None) -> float:
    """Seconds in which there is time for all of it."""
    if gesture is None:
        return 2.5
    repeats = gesture.cycle.period * gesture.cycle.count[0] * 1.2 if gesture.cycle and gesture.cycle.count[0] < 30 else 0.0
    return max(gesture.lasts or 2.5, repeats, 1.3 * gesture.onset)


def _shown(loaded: Loaded, name: str, *, idle: bool) -> tuple[IntentFound, IntentFound]:
    """What is found of a thing where it is performed, and where nothing of the kind is."""
    brief = _alone(name)
    seconds = brief.seconds
    done = performed(loaded, brief, idle=idle)
    not_done = (
        performed(loaded, Brief(beats=(brief.beats[0].model_copy(update={"acts": ()}),)), idle=True)
        if idle
        else still_face(seconds)
    )
    tables = loaded.tables
    return found(judged(tables, brief, done, idle=idle), name), found(judged(tables, brief, not_done, idle=idle), name)


def _is_recognised(loaded: Loaded, name: str, *, idle: bool) -> None:
    there, missing = _shown(loaded, name, idle=idle)
    assert there.present >= 0.8, there
    assert abs(there.late) <= 0.25, there
    assert 0.6 <= there.strength <= 1.6, there
    assert missing.present <= 0.3, missing
    assert missing.score <= 0.3, missing


@pytest.mark.parametrize("name", [name for name in EVERY_DAY if name not in ONLY_BACK])
def test_some_of_the_catalogue_is_recognised(loaded: Loaded, name: str):
    _is_recognised(loaded, name, idle=True)


@pytest.mark.slow
@pytest.mark.parametrize("idle", [True, False], ids=["idle", "no-idle"])
@pytest.mark.parametrize("name", [name for name in NAMES if name not in ONLY_BACK])
def test_all_of_the_catalogue_is_recognised(loaded: Loaded, name: str, idle: bool):
    _is_recognised(loaded, name, idle=idle)


@pytest.mark.parametrize("name", [name for name, g in TABLES.gestures.gestures.items() if g.sides == "one"])
@pytest.mark.slow
def test_what_has_a_side_is_missed_on_the_other(loaded: Loaded, name: str):
    tables = loaded.tables
    act = _alone(name).beats[0].acts[0]
    left, right = (alone(act.model_copy(update={"side": side}), act.end + AFTER) for side in ("left", "right"))
    done = performed(loaded, left, idle=False)
    assert found(judged(tables, left, done, idle=False), name).present >= 0.8
    assert found(judged(tables, right, done, idle=False), name).present <= 0.5
