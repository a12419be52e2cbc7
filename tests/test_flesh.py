"""What flesh adds: nothing comes at once, is held dead still or lets go at once, unless it is asked to."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from agents.expansion import Expander
from agents.performance import Move
from configs.gestures import Behaviour, Catalogue, Liveliness
from configs.loading import ConfigError, builtin, parse_yaml_model, read_text
from configs.tables import Tables
from protocol.brief import Still
from protocol.channels import CHANNELS
from protocol.constraints import Samples
from protocol.timeline import RATE
from runtime.loading import Loaded
from tests.performing import Motion, act, layers, perform, plainly, to_the_letter

CATALOGUE = parse_yaml_model(read_text(builtin("gestures.yaml")), "gestures.yaml", Catalogue)
PREPARED = tuple(name for name, gesture in CATALOGUE.gestures.items() if gesture.prepare)
SCALE = np.array([1.0 if known.unit == "share" else 15.0 for known in CHANNELS.values()])
"""What counts as much as all of a coefficient."""
STATES = ("joy", "sadness", "anger", "fear", "disgust", "surprise", "contempt", "politeness", "pain", "embarrassment")


@pytest.fixture(scope="module")
def tables(loaded: Loaded) -> Tables:
    return loaded.tables


@pytest.fixture(scope="module")
def lively(tables: Tables) -> Liveliness:
    assert tables.behaviour.liveliness is not None
    return tables.behaviour.liveliness


def comes(row: Samples, share: float = 0.2) -> float:
    """The second at which a row has come so far toward the largest that it gets."""
    return float(np.flatnonzero(np.abs(row) >= share * float(np.abs(row).max()))[0]) / RATE


def goes(row: Samples, share: float = 0.5) -> float:
    """The last second at which it is still there so far."""
    return float(np.flatnonzero(np.abs(row) >= share * float(np.abs(row).max()))[-1]) / RATE


# ------------------------------------------------------------------------------------------------- held


@pytest.mark.parametrize(
    ("name", "channel"),
    [("smile", "mouthSmileLeft"), ("anger", "browDownRight"), ("drop_jaw", "jawOpen"), ("lift_chin", "headPitch")],
)
def test_what_is_held_sinks_a_little_and_stirs(tables: Tables, name: str, channel: str):
    row = perform(tables, act(name, 0.3, 7.5), seconds=9.0)[channel]
    top = int(np.argmax(row))
    held = row[top : round(6.5 * RATE)]
    assert 0.02 <= float(held.max() - held.min()) / float(row.max()) <= 0.07
    # Not for half a second does it stay where it is.
    half = RATE // 2
    spans = [float(np.ptp(held[at : at + half])) for at in range(0, len(held) - half, half)]
    assert min(spans) > 0.001 * float(row.max())


def test_a_frozen_face_is_dead_still(tables: Tables):
    motion = perform(
        tables, act("smile", 0.2, 5.5), act("lift_chin", 0.2, 5.5), seconds=6.0, stills=(Still(start=2.0, end=4.0),)
    )
    inside = motion.samples[:, round(2.0 * RATE) + 1 : round(4.0 * RATE)]
    assert float((np.ptp(inside, axis=1) / SCALE).max()) < 0.01


def test_lids_that_are_shut_stay_shut(tables: Tables):
    row = perform(tables, act("close_eyes", 0.3, 5.0), seconds=6.0)["eyeBlinkLeft"]
    assert float(row[RATE : 4 * RATE].min()) == 1


def test_held_parts_stay_below_what_the_act_asks_for(tables: Tables):
    for name, seed in itertools.product(("grin", "fear"), range(2)):
        live, exact = (perform(each, act(name, 0.3, 5.0), seconds=6.0, seed=seed) for each in (tables, to_the_letter(tables)))
        for channel in exact.moving:
            assert float(live[channel].max()) <= float(exact[channel].max()) + 1e-6, channel


def test_no_two_performances_stir_alike(tables: Tables):
    one, other = (perform(tables, act("smile", 0.3, 5.0), seconds=6.0, seed=seed)["mouthSmileLeft"] for seed in (1, 2))
    assert float(np.abs(one - other).max()) > 0.003
    again = perform(tables, act("smile", 0.3, 5.0), seconds=6.0, seed=1)["mouthSmileLeft"]
    assert (one == again).all()


# ------------------------------------------------------------------------------------------------- one after the other


def test_surprise_takes_eyes_then_brows_then_mouth(tables: Tables):
    motion = perform(tables, act("surprise", 0.3, 3.0))
    order = [comes(motion[channel]) for channel in ("eyeWideLeft", "browInnerUp", "jawOpen")]
    assert order == sorted(order)
    assert 0.03 <= order[-1] - order[0] <= 0.2


def test_the_head_comes_last(tables: Tables):
    motion = perform(tables, act("pride", 0.3, 4.0))
    assert comes(motion["headPitch"]) > comes(motion["mouthSmileLeft"]) + 0.02


def test_a_felt_smile_lifts_the_cheeks_within_a_tenth_of_a_second(tables: Tables):
    motion = perform(tables, act("joy", 0.3, 4.0))
    assert abs(comes(motion["cheekSquintLeft"], 0.5) - comes(motion["mouthSmileLeft"], 0.5)) <= 0.1


def test_a_posed_smile_is_quicker_uneven_and_leaves_the_cheeks_alone(tables: Tables):
    felt, posed = (perform(tables, act(name, 0.3, 3.0)) for name in ("joy", "politeness"))
    rise = [comes(motion["mouthSmileLeft"], 0.95) - comes(motion["mouthSmileLeft"], 0.05) for motion in (felt, posed)]
    fall = [goes(motion["mouthSmileLeft"], 0.05) - goes(motion["mouthSmileLeft"], 0.9) for motion in (felt, posed)]
    assert rise[1] < 0.6 * rise[0]
    assert fall[1] < 0.6 * fall[0]
    assert not posed["cheekSquintLeft"].any()
    uneven = [float(motion["mouthSmileRight"].max() / motion["mouthSmileLeft"].max()) for motion in (felt, posed)]
    assert uneven[0] == pytest.approx(1)
    assert uneven[1] == pytest.approx(0.9, abs=0.01)


def test_parts_are_let_go_one_after_the_other(tables: Tables):
    motion = perform(tables, act("fear", 0.3, 3.0), seconds=5.0)
    last = [goes(motion[channel]) for channel in ("browInnerUp", "eyeWideLeft", "mouthStretchLeft", "jawOpen")]
    assert 0.03 <= max(last) - min(last) <= 0.4


def test_a_quick_act_leaves_its_parts_less_time(tables: Tables):
    spread = []
    for speed in (1.0, 2.5):
        motion = perform(tables, act("surprise", 0.3, 3.0, speed=speed))
        spread.append(comes(motion["jawOpen"], 0.05) - comes(motion["eyeWideLeft"], 0.05))
    assert spread[1] < 0.6 * spread[0]


# ------------------------------------------------------------------------------------------------- getting ready


@pytest.mark.parametrize(("name", "more"), [("turn_head", {"yaw": 25.0}), ("drop_head", {}), ("lower_head", {})])
def test_a_large_turn_of_the_head_is_wound_up_for(tables: Tables, name: str, more: dict[str, float]):
    motion = perform(tables, act(name, 0.5, 3.0, **more))
    row = motion["headYaw" if more else "headPitch"]
    sign = 1 if more else -1
    back = -float((sign * row[: round(1.0 * RATE)]).min())
    assert 0.02 <= back / float((sign * row).max()) <= 0.06


def test_a_small_turn_is_not(tables: Tables):
    row = perform(tables, act("turn_head", 0.5, 3.0, yaw=8.0))["headYaw"]
    assert float(row.min()) == 0


@pytest.mark.parametrize("name", PREPARED)
def test_what_a_gesture_prepares_comes_first_and_is_over_soon(tables: Tables, lively: Liveliness, name: str):
    gesture = CATALOGUE[name]
    for stem in gesture.prepare:
        channel = stem if stem in CHANNELS else f"{stem}Left"
        region = CHANNELS[channel].region
        first = next(
            one for one in layers(tables, region, plainly(act(name, 0.5, 3.0))) if one.channel == channel and one.passing
        )
        assert first.keys[0].time == 0.5
        assert first.keys[-1].time <= 0.5 + 3 * lively.ready
        assert first.keys[1].value == pytest.approx(gesture.prepare[stem])


def test_lips_close_before_the_jaw_falls(tables: Tables):
    motion = perform(tables, act("drop_jaw", 0.5, 2.5))
    assert float(motion["mouthPressLeft"][: round(0.8 * RATE)].max()) > 0.08
    assert comes(motion["mouthPressLeft"], 0.9) < comes(motion["jawOpen"], 0.5)


# ------------------------------------------------------------------------------------------------- flashes, rhythm


@pytest.mark.parametrize("name", STATES)
@pytest.mark.parametrize(("start", "end"), [(0.5, 0.95), (3.6, 4.0)])
def test_a_flash_is_over_within_half_a_second(tables: Tables, name: str, start: float, end: float):
    # Yan 2013: at most 0.5 s in all, at most 0.26 s to come. The last of them ends with its beat.
    motion = perform(tables, act(name, start, end), seconds=5.5, edges=(4.0,), vary=True)
    assert motion.moving
    for channel in motion.moving:
        if CHANNELS[channel].unit != "share":
            continue
        row = motion[channel]
        up = np.flatnonzero(row > 0.02 * float(row.max()))
        assert float(up[-1] - up[0]) / RATE <= 0.5, channel
        assert float(np.argmax(row) - up[0]) / RATE <= 0.26, channel


def test_people_laugh_in_a_rhythm_of_their_own(tables: Tables):
    # Notes every 210 to 218 ms in everybody (Provine and Yong 1991), however lively the rest is.
    starts = []
    for pace in (0.9, 1.1):
        move = Move(act=act("laugh", 0.3, 3.0), pace=pace, seed=5)
        keys = next(
            one.keys for one in layers(tables, "mouth", move) if one.channel == "jawOpen" and one.passing and len(one.keys) > 6
        )
        peaks = [one.time for one, after in itertools.pairwise(keys) if one.value > after.value and one.value > 0.1]
        starts.append(peaks[3] - peaks[0])
    assert 1.0 < starts[0] / starts[1] < 1.1


# ------------------------------------------------------------------------------------------------- tables


def test_behaviour_of_earlier_takes_has_no_flesh(tables: Tables):
    text = read_text(builtin("behaviour.yaml"))
    old = text[: text.index("\nliveliness:")]
    behaviour = parse_yaml_model(old, "behaviour.yaml", Behaviour)
    assert behaviour.liveliness is None
    keys = next(
        layer.keys
        for layer in Expander(tables.gestures, tables.emotions, "mouth", 4.0, behaviour.liveliness).layers(
            plainly(act("smile"))
        )
        if layer.channel == "mouthSmileLeft"
    )
    assert [one.mode for one in keys] == ["min_jerk", "hold", "min_jerk", "hold"]
    assert keys[1].value == keys[2].value


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("brows: 0.02", "eyebrows: 0.02", "eyebrows is neither a channel nor a region"),
        ("every: [0.5, 1.2]", "every: [1.5, 1.2]", "every: the smaller number comes first"),
        ("on_shift: [10, 33]", "on_shift: [13, 10]", "on_shift: the smaller number comes first"),
    ],
)
def test_a_table_that_makes_no_sense_is_refused(right: str, wrong: str, said: str):
    text = read_text(builtin("behaviour.yaml"))
    assert right in text
    with pytest.raises(ConfigError, match=said):
        parse_yaml_model(text.replace(right, wrong), "behaviour.yaml", Behaviour)


def test_one_side_is_the_mirror_of_the_other(tables: Tables):
    left, right = (perform(tables, act("shift_jaw", 0.3, 3.0, side=side)) for side in ("left", "right"))
    assert (left["jawLeft"] == right["jawRight"]).all()


def test_an_act_that_goes_on_stirs_on(tables: Tables):
    for seed, border in ((1, 2.5), (2, 3.1)):
        acts = (act("joy", 0.4, 5.0), act("turn_head", 0.6, 5.2, yaw=25.0))
        cut, whole = (perform(tables, *acts, seconds=6.5, edges=edges, seed=seed) for edges in ((border,), ()))
        assert worst(cut, whole) < 0.02


def worst(one: Motion, other: Motion) -> float:
    """The largest difference of two motions, angles in units of 15 degrees."""
    return float((np.abs(one.samples - other.samples) / SCALE[:, None]).max())
