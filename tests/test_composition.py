"""Everything that a region does in a beat becomes one track that starts where the last beat ended."""

from __future__ import annotations

import numpy as np
import pytest

from agents.composition import compose
from agents.layers import Layer
from configs.tables import Tables
from protocol.brief import Act, Limit, Still
from protocol.channels import CHANNELS, INDEX, WRITABLE
from protocol.constraints import Samples
from protocol.interpolation import sample_curve
from protocol.keyframes import Source, Track, key
from protocol.reduction import TOLERANCES
from protocol.timeline import RATE, last_values, rest
from runtime.loading import Loaded
from tests.performing import Motion, act, beat, perform, plainly, to_the_letter, tracks

REST = last_values(rest())
SCALE = np.array([{"share": 1.0, "degree": 15.0, "cm": 3.0}[known.unit] for known in CHANNELS.values()])
"""What counts as a full movement of each channel, for comparing them."""


@pytest.fixture(scope="module")
def tables(loaded: Loaded) -> Tables:
    return loaded.tables


@pytest.fixture(scope="module")
def plain(loaded: Loaded) -> Tables:
    return to_the_letter(loaded.tables)


def hump(channel: str, start: float, end: float, value: float, *, gesture: str = "x", passing: bool = False) -> Layer:
    """A layer that goes up at a time, holds, and is down again at another."""
    keys = (key(start, 0, "min_jerk"), key(start + 0.2, value, "hold"), key(end - 0.2, value, "min_jerk"), key(end, 0, "hold"))
    return Layer(channel, keys, Source(gesture=gesture, words="said"), passing)


def sampled(track: Track, channel: str, seconds: float = 2.0) -> Samples:
    return sample_curve(track.curve(channel), np.arange(round(seconds * RATE) + 1) / RATE)


# ------------------------------------------------------------------------------------------------- one and several layers


def test_a_region_that_does_nothing_keeps_one_keyframe_at_rest():
    track = compose("mouth", [], REST, beat(seconds=2.0))
    assert [curve.channel for curve in track.curves] == list(WRITABLE["mouth"])
    assert all(len(curve.keys) == 1 and curve.keys[0].value == 0 for curve in track.curves)
    assert [source.gesture for source in track.sources] == ["rest"]


def test_a_gesture_alone_keeps_its_own_keyframes():
    layer = hump("jawOpen", 0.5, 1.5, 0.4)
    keys = compose("mouth", [layer], REST, beat(seconds=2.0)).curve("jawOpen").keys
    assert [(one.time, one.value, one.mode) for one in keys[1:]] == [(one.time, one.value, one.mode) for one in layer.keys]
    assert (keys[0].time, keys[0].value) == (0, 0)


def test_of_two_poses_the_larger_shows_and_each_owns_its_keyframes():
    both = [hump("mouthSmileLeft", 0.2, 1.2, 0.6, gesture="smile"), hump("mouthSmileLeft", 0.6, 1.9, 0.3, gesture="grin")]
    track = compose("mouth", both, REST, beat(seconds=2.0))
    row = sampled(track, "mouthSmileLeft")
    assert row[round(0.8 * RATE)] == pytest.approx(0.6, abs=0.01)
    assert row[round(1.5 * RATE)] == pytest.approx(0.3, abs=0.01)
    owners = {
        round(one.time, 1): track.sources[one.source].gesture for one in track.curve("mouthSmileLeft").keys if one.value > 0.05
    }
    assert {owner for time, owner in owners.items() if time < 1.0} == {"smile"}
    assert {owner for time, owner in owners.items() if time > 1.3} == {"grin"}


def test_poses_of_the_head_add_up():
    both = [hump("headPitch", 0.2, 1.8, 6.0), hump("headPitch", 0.2, 1.8, -2.0)]
    row = sampled(compose("head", both, REST, beat(seconds=2.0)), "headPitch")
    assert row[RATE] == pytest.approx(4.0, abs=0.1)


def test_eyes_look_at_what_they_were_last_sent_to(tables: Tables):
    aside, glance = act("look", 0.3, 3.8, yaw=-12.0, regions=("eyes",)), act("glance", 1.5, 2.6, yaw=20.0, regions=("eyes",))
    for acts in ((aside, glance), (glance, aside)):
        motion = perform(tables, *acts)
        seen = [motion.at("eyeYawLeft", time) for time in (1.0, 2.0, 3.2)]
        assert seen == pytest.approx([-12, 20, -12], abs=0.1)


def test_reading_below_a_lowered_look_is_no_deeper_than_the_lower_of_both(tables: Tables):
    motion = perform(tables, act("look", 0.2, 3.9, pitch=-10.0, regions=("eyes",)), act("read", 1.0, 3.9))
    assert float(motion["eyePitchLeft"].min()) == pytest.approx(-12, abs=0.1)


def test_what_passes_takes_what_is_left_of_the_way():
    both = [hump("eyeBlinkLeft", 0.1, 1.9, 0.5), hump("eyeBlinkLeft", 0.7, 1.3, 1.0, passing=True)]
    row = sampled(compose("eyes", both, REST, beat(seconds=2.0)), "eyeBlinkLeft")
    assert row[RATE] == pytest.approx(1.0, abs=0.01)
    assert row[round(0.5 * RATE)] == pytest.approx(0.5, abs=0.01)
    assert row.max() <= 1


def test_a_small_movement_keeps_its_shape():
    # A breath of a millimetre, far smaller than what keyframes may stray by in a large movement.
    both = [hump("headY", 0.1, 1.0, 0.1, passing=True), hump("headY", 1.1, 1.9, 0.1, passing=True)]
    row = sampled(compose("head", both, REST, beat(seconds=2.0)), "headY")
    assert row[round(0.5 * RATE)] == pytest.approx(0.1, abs=0.01)
    assert row[round(1.05 * RATE)] == pytest.approx(0.0, abs=0.01)
    assert row[round(1.5 * RATE)] == pytest.approx(0.1, abs=0.01)


# ------------------------------------------------------------------------------------------------- from the last beat


@pytest.mark.parametrize(
    ("channel", "value"),
    [
        ("mouthSmileLeft", 0.7),
        ("headYaw", 25.0),
        ("headRoll", 1.0),
        ("headZ", 4.0),
        ("eyeYawLeft", 15.0),
        ("eyeBlinkLeft", 1.0),
    ],
)
@pytest.mark.parametrize("busy", [False, True])
def test_what_nothing_holds_any_more_goes_back_without_a_jump(channel: str, value: float, busy: bool):
    region = CHANNELS[channel].region
    stack = [hump(channel, 1.0, 1.9, 0.1 * value), hump(channel, 1.0, 1.9, 0.1 * value)] if busy else []
    track = compose(region, stack, {**REST, channel: value}, beat(seconds=3.0))
    row = sampled(track, channel, 3.0)
    assert row[0] == pytest.approx(value)
    assert row[-1] == pytest.approx(0, abs=1e-3)
    top_speed = {"share": 9.5, "degree": 700.0 if region == "eyes" else 80.0, "cm": 15.0}[CHANNELS[channel].unit]
    assert float(np.abs(np.diff(row)).max()) * RATE <= top_speed
    assert track.sources[track.curve(channel).keys[0].source].gesture == "carried"


def test_idle_drift_is_left_gently():
    row = sampled(compose("head", [], {**REST, "headYaw": 1.2}, beat(seconds=3.0)), "headYaw", 3.0)
    assert float(np.abs(np.diff(row)).max()) * RATE < 2.0


def test_a_gaze_that_nothing_holds_comes_back_in_one_saccade():
    row = sampled(compose("eyes", [], {**REST, "eyeYawLeft": 20.0}, beat(seconds=2.0)), "eyeYawLeft")
    assert float(row[round(0.08 * RATE)]) == pytest.approx(0, abs=0.1)


def test_shut_lids_that_are_asked_to_blink_do_not_open_before_it():
    blink = hump("eyeBlinkLeft", 0.0, 0.5, 1.0, passing=True)
    row = sampled(compose("eyes", [blink], {**REST, "eyeBlinkLeft": 1.0}, beat(seconds=2.0)), "eyeBlinkLeft")
    assert float(row[: round(0.25 * RATE)].min()) > 0.97
    assert row[round(0.25 * RATE)] == pytest.approx(1.0, abs=0.01)
    assert row[-1] == pytest.approx(0, abs=1e-3)


def test_who_wakes_opens_the_eyes_without_shutting_them_first(tables: Tables):
    motion = perform(tables, act("close_eyes", 0.2, 3.0), act("wake_up", 3.0, 5.2), seconds=6.0, edges=(3.0,))
    for lid in ("eyeBlinkLeft", "eyeBlinkRight"):
        assert float(motion[lid][round(2.0 * RATE) : round(3.5 * RATE)].min()) > 0.95
        assert motion.at(lid, 5.5) < 0.1


def test_shut_lids_do_not_wait_for_a_blink_that_comes_later():
    blink = hump("eyeBlinkLeft", 1.0, 1.5, 1.0, passing=True)
    row = sampled(compose("eyes", [blink], {**REST, "eyeBlinkLeft": 1.0}, beat(seconds=2.0)), "eyeBlinkLeft")
    assert float(row[round(0.4 * RATE)]) < 0.05


def test_acarried_value_that_is_held_again_does_not_dip():
    going_on = Layer("mouthSmileLeft", (key(-1.0, 0, "min_jerk"), key(-0.5, 0.6, "hold")), Source(gesture="smile"))
    row = sampled(compose("mouth", [going_on], {**REST, "mouthSmileLeft": 0.6}, beat(seconds=2.0)), "mouthSmileLeft")
    assert np.allclose(row, 0.6)


@pytest.mark.parametrize("seconds", [0.1, 0.3])
def test_a_beat_shorter_than_the_way_back_still_gets_there(seconds: float):
    track = compose("head", [], {**REST, "headYaw": 30.0}, beat(seconds=seconds))
    assert track.curve("headYaw").keys[-1].time <= seconds


# ------------------------------------------------------------------------------------------------- over a beat's end

GOES_ON = [
    act("smile", 1.0, 4.2),
    act("smile", 2.85, 5.0),
    act("smile", 1.7, 3.1),
    act("joy", 1.0, 9.0),
    act("fear", 2.8, 5.0, speed=2.0),
    act("look", 2.9, 5.0, yaw=25.0),
    act("turn_head", 2.6, 5.0, yaw=30.0),
    act("nod", 2.4, 4.5, count=3),
    act("shake_head", 2.7, 4.5),
    act("talk", 1.0, 5.0),
    act("laugh", 1.0, 5.0),
    act("blink", 2.85, 3.3),
    act("yawn", 1.0, 5.5),
    act("startle", 2.8, 4.0),
    act("wake_up", 1.9, 4.4),
]


@pytest.mark.parametrize("asked", GOES_ON, ids=lambda asked: f"{asked.name} {asked.start:g}-{asked.end:g}")
def test_an_act_that_goes_on_over_a_beats_end_moves_as_in_one_beat(tables: Tables, asked: Act):
    cut, whole = (perform(tables, asked, seconds=6.0, edges=edges, vary=True) for edges in ((3.0,), ()))
    assert whole.moving
    away = np.abs(cut.samples - whole.samples) / SCALE[:, None]
    assert float(away.max()) < 0.015
    # Nor is there a kink: the speed at the border changes no more than it does in one beat, and a little for the keyframes.
    border = round(3.0 * RATE)
    kinks = [
        np.abs(np.diff(motion.samples[:, border - 3 : border + 4], n=2, axis=1)) / SCALE[:, None] for motion in (cut, whole)
    ]
    assert float((kinks[0].max(axis=1) - kinks[1].max(axis=1)).max()) < 0.02


def test_many_short_beats_change_nothing_either(tables: Tables):
    acts = [act("smile", 0.5, 5.0), act("nod", 1.0, 3.0, count=3), act("look", 2.2, 4.0, yaw=-20.0)]
    edges = (0.9, 1.3, 2.0, 2.5, 3.1, 4.4)
    cut, whole = (perform(tables, *acts, seconds=6.0, edges=borders) for borders in (edges, ()))
    assert float((np.abs(cut.samples - whole.samples) / SCALE[:, None]).max()) < 0.02


def test_idle_motion_goes_on_over_a_beats_end(tables: Tables):
    cut, whole = (perform(tables, seconds=9.0, edges=edges, idle=5) for edges in ((2.0, 3.5, 6.1), ()))
    sway = [INDEX[name] for name in WRITABLE["head"]]
    assert whole.samples[sway].any()
    away = np.abs(cut.samples - whole.samples)[sway] / SCALE[sway, None]
    assert float(away.max()) < 0.01


# ------------------------------------------------------------------------------------------------- limits and stills


def test_a_limit_is_kept_while_it_lasts(plain: Tables):
    limit = Limit(channels=("mouthSmileLeft", "mouthSmileRight"), most=0.2, start=0.0, end=1.5)
    motion = perform(plain, act("smile", 0.2, 3.0), limits=(limit,))
    row = motion["mouthSmileLeft"]
    assert float(row[: round(1.5 * RATE)].max()) <= 0.2 + 1.5 * TOLERANCES["share"]
    assert motion.at("mouthSmileLeft", 2.4) == pytest.approx(0.65, abs=0.01)


def test_a_limit_of_an_angle_holds_on_both_sides(tables: Tables):
    limit = Limit(channels=("headYaw",), most=3.0, start=0.0, end=4.0)
    row = perform(tables, act("shake_head", 0.3, 3.0, count=3), limits=(limit,))["headYaw"]
    assert float(np.abs(row).max()) <= 3.0 + 1.5 * TOLERANCES["degree"]
    assert float(row.max()) > 2.5
    assert float(row.min()) < -2.5


def test_nothing_moves_in_a_span_of_stillness_and_everything_goes_on_after_it(tables: Tables):
    still = Still(start=1.0, end=2.5)
    acts = [act("talk", 0.2, 3.8), act("nod", 0.8, 2.0, count=2), act("smile", 0.2, 3.5)]
    motion = perform(tables, *acts, stills=(still,), idle=3)
    inside = motion.samples[:, round(1.0 * RATE) + 1 : round(2.5 * RATE)]
    spread = (inside.max(axis=1) - inside.min(axis=1)) / SCALE
    assert float(spread.max()) < 0.01
    after = motion["jawOpen"][round(2.6 * RATE) : round(3.8 * RATE)]
    assert float(after.max()) > 0.1
    assert float(np.abs(np.diff(motion["jawOpen"])).max()) < 0.1


# ------------------------------------------------------------------------------------------------- where keyframes come from


def test_every_keyframe_knows_its_gesture_and_words(tables: Tables):
    said = {"smile": "smiles", "talk": "talks", "joy": "happy", "wink": "winks"}
    acts = [act(name, words=words) for name, words in said.items()]
    state = rest()
    for track in tracks(tables, beat(*acts), [plainly(one) for one in acts], state, idle=2):
        used = {track.sources[one.source] for curve in track.curves for one in curve.keys}
        assert used <= set(track.sources)
        for source in sorted(used, key=lambda one: (one.gesture, one.words)):
            if source.gesture.startswith("idle "):
                assert source.gesture.removeprefix("idle ") in tables.behaviour.idle.wander
                assert source.words == ""
                continue
            # Blinks that nobody asked for have no words, as rest has none and what is carried from the beat before.
            assert source.gesture in {*said, "blink", "rest", "carried"}
            assert source.words == said.get(source.gesture, "")


def test_a_track_is_the_same_however_often_it_is_composed(tables: Tables):
    def once(seed: int) -> tuple[Track, ...]:
        acts = [act("talk"), act("laugh", 1.0, 3.0)]
        return tracks(tables, beat(*acts), [plainly(one, seed) for one in acts], rest(), idle=seed)

    assert once(3) == once(3)
    assert once(3) != once(4)


def test_channels_never_leave_their_range(tables: Tables):
    acts = [
        act(name, strength=4.0, yaw=60.0, pitch=-40.0) for name in ("look", "grin", "turn_head", "fear", "drop_head", "laugh")
    ]
    motion: Motion = perform(tables, *acts, vary=True, idle=1)
    for known in CHANNELS.values():
        assert known.low <= float(motion[known.name].min()) <= float(motion[known.name].max()) <= known.high


def test_one_expression_gives_way_to_the_next_without_falling_to_rest():
    coming = [hump("mouthSmileLeft", 0.1, 1.2, 0.5), hump("mouthSmileLeft", 1.0, 1.9, 0.7)]
    smile = sampled(compose("mouth", coming, REST, beat(seconds=2.0)), "mouthSmileLeft")
    assert float(smile[round(0.4 * RATE) : round(1.6 * RATE)].min()) > 0.49


def test_what_flashes_by_is_gone_although_something_follows():
    passing_by = [hump("mouthSmileLeft", 0.1, 0.6, 0.5), hump("mouthSmileLeft", 0.8, 1.9, 0.7)]
    smile = sampled(compose("mouth", passing_by, REST, beat(seconds=2.0)), "mouthSmileLeft")
    assert float(smile[round(0.62 * RATE) : round(0.8 * RATE)].max()) < 0.02


def test_what_gives_way_to_something_much_smaller_goes_when_it_was_to_go():
    falling = [hump("mouthSmileLeft", 0.1, 1.2, 0.8), hump("mouthSmileLeft", 1.1, 1.9, 0.1)]
    smile = sampled(compose("mouth", falling, REST, beat(seconds=2.0)), "mouthSmileLeft")
    assert float(smile[round(1.25 * RATE)]) < 0.15
