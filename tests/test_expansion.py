"""A gesture played alone: what it reaches, when it is over, which side it is on, how often it happens."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from agents.expansion import Expander, wandering_layers
from agents.performance import Move, Wandering
from configs.gestures import Aim, Catalogue, Cycle, Gesture, Wander
from configs.loading import builtin, parse_yaml_model, read_text
from configs.tables import Tables
from protocol.brief import Act
from protocol.channels import CHANNELS, REGIONS, both_sides
from protocol.constraints import Samples
from protocol.messages import Violation
from protocol.reduction import TOLERANCES
from protocol.repair import violations
from protocol.ruling import keep
from protocol.timeline import RATE, last_values, rest, view
from runtime.loading import Loaded
from tests.performing import Motion, act, beat, layers, perform, plainly, to_the_letter, tracks, varied
from tests.thinned import in_turn

CATALOGUE = parse_yaml_model(read_text(builtin("gestures.yaml")), "gestures.yaml", Catalogue)
MOVING = tuple(name for name, gesture in CATALOGUE.gestures.items() if gesture.regions)
BRIEF = tuple(name for name in MOVING if CATALOGUE[name].lasts is not None)
ONE_SIDED = tuple(name for name in MOVING if CATALOGUE[name].sides == "one")
STATES = ("joy", "sadness", "anger", "fear", "disgust", "surprise", "contempt")
GOALS: dict[str, dict[str, float]] = {name: {"yaw": 18.0, "pitch": 10.0} for name in ("look", "glance")}
LONG = {"fall_asleep": 7.0, "yawn": 5.0}
"""Seconds of an act of gestures that take longer than others."""
OPPOSITE = {"jawLeft": "jawRight", "jawRight": "jawLeft", "mouthLeft": "mouthRight", "mouthRight": "mouthLeft"}
TURNED = {"headYaw", "headRoll", "headX", "eyeYawLeft", "eyeYawRight"}


@pytest.fixture(scope="module")
def tables(loaded: Loaded) -> Tables:
    return loaded.tables


@pytest.fixture(scope="module")
def plain(loaded: Loaded) -> Tables:
    return to_the_letter(loaded.tables)


def asked(name: str, **more: object) -> Act:
    return act(name, 0.3, 0.3 + LONG.get(name, 2.5), **{**GOALS.get(name, {}), **more})


def played(tables: Tables, name: str, **more: object) -> Motion:
    return perform(tables, asked(name, **more), seconds=LONG.get(name, 2.5) + 1.6)


def dips(row: Samples, least: float) -> int:
    """How many times a row goes below -least and comes back above half of that."""
    count, below = 0, False
    for value in row:
        if not below and value < -least:
            count, below = count + 1, True
        elif below and value > -least / 2:
            below = False
    return count


def stirring(samples: Samples) -> list[str]:
    """Channels that are away from rest by more than keyframes may stray where several layers meet."""
    most = np.abs(samples).max(axis=1)
    return [known.name for known, size in zip(CHANNELS.values(), most, strict=True) if size > 1.5 * TOLERANCES[known.unit]]


# ------------------------------------------------------------------------------------------------- what is reached


@pytest.mark.parametrize("name", [name for name in MOVING if name != "look_at_camera"])
def test_every_region_of_a_gesture_moves_and_reaches_its_level(tables: Tables, name: str):
    motion = played(tables, name)
    gesture = CATALOGUE[name]
    assert {CHANNELS[channel].region for channel in motion.moving} == gesture.regions
    for level_of, level in gesture.levels.items():
        channels = both_sides(level_of)
        reached = max(float(motion[channel].max() if level > 0 else -motion[channel].min()) for channel in channels)
        assert reached >= 0.5 * abs(level), level_of


@pytest.mark.parametrize("name", MOVING)
def test_a_gesture_starts_from_rest_and_ends_at_rest(tables: Tables, name: str):
    motion = played(tables, name)
    assert stirring(motion.samples[:, : round(0.3 * RATE)]) == []
    assert not motion.samples[:, -1].any()


@pytest.mark.parametrize("name", [*MOVING, *STATES])
def test_nothing_jumps(tables: Tables, name: str):
    # Between two frames at 120 Hz: the fastest saccade turns 700 degrees a second, a lid closes in 60 ms.
    motion = played(tables, name, speed=2.0, strength=1.5)
    steps = np.abs(np.diff(motion.samples, axis=1)).max(axis=1)
    for channel, step in zip(CHANNELS.values(), steps, strict=True):
        if channel.derived:
            continue
        most = {"share": 0.24, "degree": 6.0 if channel.region == "eyes" else 2.5, "cm": 0.6}[channel.unit]
        assert step <= most, channel.name


@pytest.mark.parametrize(("name", "strength"), in_turn([*MOVING, *STATES], [0.4, 1.0, 1.5]))
def test_a_gesture_by_itself_keeps_the_rules_of_each_region(tables: Tables, name: str, strength: float):
    assert broken(tables, asked(name, strength=strength)) == []


def test_the_rules_would_be_missed(tables: Tables):
    # The same measure sees a gesture that breaks a rule, so that its silence above means something.
    wrong = Gesture(about="x", source="P", levels={"mouthSmile": 0.9, "mouthPucker": 0.9})
    told = Tables(tables.constraints, Catalogue(gestures={"gawk": wrong}), tables.behaviour, tables.emotions, tables.lexicon)
    assert "pucker-or-smile" in {violation.constraint for violation in broken(told, asked("gawk"))}


def broken(tables: Tables, one: Act) -> list[Violation]:
    """The rules of single regions that an act breaks, with variation, by the strict measure."""
    seconds = one.end + 1.3
    state = rest()
    intent = beat(one, seconds=seconds)
    own = tracks(tables, intent, [varied(one)], state)
    found = []
    for region in REGIONS:
        alone = tuple(track if track.region == region else keep(track.region, last_values(state)) for track in own)
        found += violations(view(state, alone, seconds), list(tables.constraints.within(region)))
    return found


def test_strength_makes_it_larger_and_never_leaves_the_range(tables: Tables):
    peaks = [float(played(tables, "smile", strength=size)["mouthSmileLeft"].max()) for size in (0.4, 1.0, 1.5, 4.0)]
    assert peaks == sorted(set(peaks))
    assert peaks[-1] <= 1


def test_lids_that_are_to_shut_shut_whatever_chance_says(tables: Tables):
    for seed in range(8):
        motion = perform(tables, asked("close_eyes"), vary=True, seed=seed)
        assert motion.at("eyeBlinkLeft", 1.5) == motion.at("eyeBlinkRight", 1.5) == 1


# ------------------------------------------------------------------------------------------------- when


@pytest.mark.parametrize("name", BRIEF)
def test_what_is_brief_is_over_in_its_own_time(tables: Tables, name: str):
    lasts = CATALOGUE[name].lasts
    assert lasts is not None
    motion = perform(tables, act(name, 0.3, 6.0, **GOALS.get(name, {})), seconds=6.5)
    still_at = round((0.3 + 1.3 * lasts + 0.1) * RATE)
    assert stirring(motion.samples[:, still_at:]) == []


@pytest.mark.parametrize("name", ["smile", "furrow_brows", "close_eyes", "lift_chin", *STATES])
def test_a_pose_is_held_until_its_act_ends(plain: Tables, name: str):
    motion = perform(plain, act(name, 0.3, 5.0), seconds=7.0)
    middle, late = motion.samples[:, round(2.5 * RATE)], motion.samples[:, round(4.2 * RATE)]
    assert middle.any()
    assert np.array_equal(middle, late)


def test_a_pose_that_ends_with_its_beat_is_left_for_the_next_one_to_release(plain: Tables):
    motion = perform(plain, act("smile", 0.3, 4.0), seconds=4.0)
    assert motion.at("mouthSmileLeft", 4.0) == pytest.approx(0.65)


def test_a_pose_that_ends_just_before_its_beat_is_over_with_it(tables: Tables):
    motion = perform(tables, act("smile", 0.3, 3.9), seconds=4.0)
    assert motion.at("mouthSmileLeft", 4.0) == 0


def test_speed_changes_onset_and_offset(tables: Tables):
    def rise(speed: float) -> float:
        row = perform(tables, act("smile", 0.3, 5.0, speed=speed), seconds=8.0)["mouthSmileLeft"]
        return float(np.argmax(row >= 0.6)) / RATE - 0.3

    assert rise(2.0) < 0.6 * rise(1.0) < 0.6 * rise(0.5)


def test_however_sudden_a_movement_takes_the_time_that_a_face_needs(tables: Tables):
    row = perform(tables, act("raise_brows", 0.3, 2.0, speed=4.0, strength=1.5))["browOuterUpLeft"]
    assert float(np.abs(np.diff(row)).max()) * RATE < 18  # the fastest brow of capture, a second


@pytest.mark.parametrize("seconds", [0.25, 0.6, 1.0])
def test_an_act_too_short_for_its_gesture_is_still_seen_and_still_over(tables: Tables, seconds: float):
    motion = perform(tables, act("smile", 0.3, 0.3 + seconds), seconds=2.5)
    assert float(motion["mouthSmileLeft"].max()) > 0.3
    assert not motion["mouthSmileLeft"][round((0.3 + seconds + 0.3) * RATE) :].any()


def test_a_channel_with_a_lag_comes_later(tables: Tables):
    motion = played(tables, "yawn")
    begins = {name: int(np.argmax(motion[name] > 0.02)) / RATE for name in ("jawOpen", "eyeBlinkLeft")}
    assert begins["eyeBlinkLeft"] - begins["jawOpen"] == pytest.approx(0.5, abs=0.15)


# ------------------------------------------------------------------------------------------------- sides


@pytest.mark.parametrize("name", ONE_SIDED)
def test_a_one_sided_gesture_done_right_is_the_mirror_of_left(tables: Tables, name: str):
    left, right = played(tables, name, side="left"), played(tables, name, side="right")
    for channel in CHANNELS:
        if CHANNELS[channel].derived:
            continue
        mirrored = OPPOSITE.get(channel)
        if mirrored is None and CHANNELS[channel].stem != channel:
            mirrored = CHANNELS[channel].stem + ("Right" if channel.endswith("Left") else "Left")
        sign = -1 if channel in TURNED else 1
        assert np.allclose(left[channel], sign * right[mirrored or channel], atol=2e-4), channel


@pytest.mark.parametrize("name", ONE_SIDED)
def test_a_one_sided_gesture_without_a_side_takes_its_own(tables: Tables, name: str):
    default = CATALOGUE[name].default_side
    assert np.array_equal(played(tables, name).samples, played(tables, name, side=default).samples)


@pytest.mark.parametrize("name", ["wink", "half_smile", "sneer", "curl_lip"])
@pytest.mark.parametrize(("side", "other"), [("left", "Right"), ("right", "Left")])
def test_the_other_side_of_the_face_rests(tables: Tables, name: str, side: str, other: str):
    motion = played(tables, name, side=side)
    assert motion.moving
    assert [channel for channel in motion.moving if channel.endswith(other)] == []


def test_one_raised_brow_takes_little_of_the_middle_along(tables: Tables):
    one, both = played(tables, "raise_brows", side="left"), played(tables, "raise_brows")
    assert float(one["browOuterUpLeft"].max()) == pytest.approx(float(both["browOuterUpLeft"].max()))
    assert not one["browOuterUpRight"].any()
    assert float(one["browInnerUp"].max()) < 0.5 * float(both["browInnerUp"].max())


@pytest.mark.parametrize(
    ("name", "channel", "left"),
    [("tilt_head", "headRoll", 1), ("turn_head", "headYaw", 1), ("avert_gaze", "eyeYawLeft", 1)],
)
def test_a_side_decides_the_sign(tables: Tables, name: str, channel: str, left: int):
    for side, sign in (("left", left), ("right", -left)):
        row = played(tables, name, side=side)[channel]
        assert float((sign * row).max()) > 5
        # The head winds up for a turn, and the eyes turn back against it.
        assert float((sign * row).min()) >= -0.25 * float((sign * row).max())


def test_sides_differ_a_little_and_one_comes_later(tables: Tables):
    move = Move(act=asked("smile"), left=0.96, late=0.015)
    found = {layer.channel: layer.keys for layer in layers(tables, "mouth", move)}
    left, right = found["mouthSmileLeft"], found["mouthSmileRight"]
    assert left[1].value == pytest.approx(0.96 * right[1].value, abs=1e-4)
    assert left[0].time - right[0].time == pytest.approx(0.015)


# ------------------------------------------------------------------------------------------------- repeating


@pytest.mark.parametrize("count", [1, 2, 3, 5])
@pytest.mark.parametrize("speed", [0.7, 1.0, 2.0])
def test_a_nod_dips_as_often_as_it_is_asked_to(tables: Tables, count: int, speed: float):
    motion = perform(tables, act("nod", 0.3, 6.0, count=count, speed=speed), seconds=6.5)
    assert dips(motion["headPitch"], 1.5) == count


@pytest.mark.parametrize("count", [1, 2, 4])
def test_a_shake_goes_to_both_sides_as_often_as_it_is_asked_to(tables: Tables, count: int):
    row = perform(tables, act("shake_head", 0.3, 5.0, count=count), seconds=5.5)["headYaw"]
    assert dips(row, 3) == dips(-row, 3) == count


@pytest.mark.parametrize("count", [1, 2, 3])
def test_eyes_blink_as_often_as_they_are_asked_to(tables: Tables, count: int):
    motion = perform(tables, act("blink", 0.3, 0.3 + 0.55 * count, count=count))
    assert dips(-motion["eyeBlinkLeft"], 0.8) == count


def test_each_nod_is_smaller_than_the_last(tables: Tables):
    row = perform(tables, act("nod", 0.3, 4.0, count=3), seconds=4.5)["headPitch"]
    lows = [float(row[n]) for n in range(1, len(row) - 1) if row[n - 1] > row[n] < row[n + 1] and row[n] < -1]
    assert lows == sorted(lows)
    assert len(lows) == 3


def test_nods_squeezed_into_a_short_act_are_all_there(tables: Tables):
    row = perform(tables, act("nod", 0.3, 1.2, count=2))["headPitch"]
    assert dips(row, 3) == 2
    assert not row[round(1.5 * RATE) :].any()


def test_talk_goes_on_until_its_act_ends_in_syllables_that_differ(tables: Tables):
    motion = perform(tables, act("talk", 0.3, 5.3), seconds=6.0)
    jaw = motion["jawOpen"]
    peaks = [float(jaw[n]) for n in range(1, len(jaw) - 1) if jaw[n - 1] < jaw[n] >= jaw[n + 1] and jaw[n] > 0.04]
    # 4 to 5 syllables a second, pauses and closed lips left out
    assert 8 <= len(peaks) <= 25
    assert max(peaks) > 2 * min(peaks)
    assert motion.samples[:, round(4.4 * RATE) : round(5.3 * RATE)].any()
    assert stirring(motion.samples[:, round(5.6 * RATE) :]) == []


def test_the_mouth_closes_between_bursts_of_speech(tables: Tables):
    cycle = Cycle(period=0.2, variants=({"jawOpen": 0.3},), count=(4, 4), fills=True, pause=0.8)
    gestures = Catalogue(gestures={"mumble": Gesture(about="x", source="P", onset=0.1, offset=0.1, cycle=cycle)})
    expander = Expander(gestures, tables.emotions, "mouth", 6.0)
    (layer,) = expander.layers(plainly(act("mumble", 0.0, 6.0)))
    closed = [(one.time, two.time) for one, two in itertools.pairwise(layer.keys) if one.value == two.value == 0]
    assert sum(until - since > 0.3 for since, until in closed) >= 3


def test_a_laugh_is_made_of_notes(tables: Tables):
    jaw = perform(tables, act("laugh", 0.3, 4.3), seconds=6.0)["jawOpen"]
    peaks = [n / RATE for n in range(1, len(jaw) - 1) if jaw[n - 1] < jaw[n] >= jaw[n + 1] and n / RATE > 0.6]
    gaps = [later - sooner for sooner, later in itertools.pairwise(peaks)]
    notes = [gap for gap in gaps if gap < 0.3]
    # Notes follow each other after 210 to 218 ms (Provine and Yong 1991), here with some jitter; breaths lie between bursts.
    assert len(notes) >= 8
    assert 0.19 <= float(np.mean(notes)) <= 0.24
    assert any(gap > 0.5 for gap in gaps)


def test_eyes_that_search_never_stay_where_they_are(tables: Tables):
    for seed in range(5):
        (line,) = (one for one in layers(tables, "eyes", plainly(asked("scan"), seed)) if one.channel == "eyeYawLeft")
        held = [one.value for one, two in itertools.pairwise(line.keys) if one.value == two.value and one.value]
        assert all(abs(one - two) > 2 for one, two in itertools.pairwise(held))


# ------------------------------------------------------------------------------------------------- pointing


@pytest.mark.parametrize(("yaw", "pitch"), [(18.0, 0.0), (-30.0, 0.0), (0.0, 14.0), (0.0, -15.0), (12.0, -8.0)])
def test_eyes_and_head_together_look_where_the_act_says(tables: Tables, yaw: float, pitch: float):
    motion = perform(tables, act("look", 0.3, 4.0, yaw=yaw, pitch=pitch), seconds=5.0)
    for axis, goal in (("Yaw", yaw), ("Pitch", pitch)):
        head, left, right = (
            motion.at(name + axis + side, 2.0) for name, side in (("head", ""), ("eye", "Left"), ("eye", "Right"))
        )
        # What is held sinks and stirs a little.
        assert head + left == pytest.approx(goal, rel=0.07)
        assert left == right
        assert (head != 0) == (abs(goal) > 8)


def test_eyes_alone_leave_the_head_alone(tables: Tables):
    motion = perform(tables, act("look", yaw=25.0, regions=("eyes",)))
    assert motion.at("eyeYawLeft", 1.5) == 25
    assert "headYaw" not in motion.moving


def test_eyes_turn_no_farther_than_they_can(tables: Tables):
    motion = perform(tables, act("look", yaw=55.0, strength=1.5, regions=("eyes",)))
    assert float(motion["eyeYawLeft"].max()) <= 30


@pytest.mark.parametrize("degrees", [5.0, 12.0, 25.0])
def test_a_saccade_takes_the_time_of_its_size_and_then_holds(tables: Tables, degrees: float):
    (line,) = (
        one
        for one in layers(tables, "eyes", plainly(act("look", yaw=degrees, regions=("eyes",))))
        if one.channel == "eyeYawLeft"
    )
    # 21 ms and 2.2 ms more for every degree (Carpenter 1988)
    assert line.keys[1].time - line.keys[0].time == pytest.approx(0.021 + 0.0022 * degrees, abs=2e-4)
    assert line.keys[1].value == line.keys[2].value == degrees
    assert line.keys[1].mode == "hold"


def test_a_slow_look_glides(tables: Tables):
    line = next(iter(layers(tables, "eyes", plainly(act("look", yaw=10.0, speed=0.4)))))
    assert line.keys[1].time - line.keys[0].time > 0.5


@pytest.mark.parametrize("pitch", [-10.0, -16.0, -22.0])
def test_lids_sink_with_a_lowered_gaze(tables: Tables, pitch: float):
    motion = perform(tables, act("look", pitch=pitch, regions=("eyes",)))
    floor = np.interp(-pitch, [8, 16, 28], [0, 0.2, 0.4])  # the rule lid-follows-gaze
    assert motion.at("eyeBlinkLeft", 1.5) >= floor
    assert motion.at("eyeBlinkLeft", 1.5) <= floor + 0.1


def test_a_turn_of_the_head_takes_longer_the_farther_it_goes(plain: Tables):
    times = [
        next(iter(layers(plain, "head", plainly(act("turn_head", yaw=yaw))))).keys[1].time - 0.3 for yaw in (10.0, 25.0, 45.0)
    ]
    assert times == sorted(times)
    for yaw, takes in zip((10.0, 25.0, 45.0), times, strict=True):
        assert 1.875 * yaw / takes < 110  # people turn at 50 to 100 degrees a second, larger turns faster


def test_pointing_without_a_goal_goes_to_the_gestures_own(tables: Tables):
    gestures = Catalogue(gestures={"peek": Gesture(about="x", source="P", aim=Aim(who="head", yaw=-12, pitch=4))})
    expander = Expander(gestures, tables.emotions, "head", 4.0)
    goals = {layer.channel: layer.keys[1].value for layer in expander.layers(plainly(act("peek")))}
    assert goals == {"headYaw": -12, "headPitch": 4}


# ------------------------------------------------------------------------------------------------- states, seeds, sources


@pytest.mark.parametrize("name", STATES)
def test_a_state_is_a_pose_of_all_its_channels(plain: Tables, name: str):
    motion = perform(plain, act(name, 0.3, 4.0), seconds=5.0)
    for channel, level in plain.emotions.state(name).levels.items():
        if CHANNELS[channel].unit == "share":
            assert motion.at(channel, 2.5) == pytest.approx(level, abs=0.16 if level > 0.85 else 1e-3)


def test_a_one_sided_state_can_be_asked_for_on_the_other_side(tables: Tables):
    left, right = (perform(tables, act("contempt", side=side)) for side in ("left", "right"))
    assert float(left["mouthSmileLeft"].max()) == pytest.approx(float(right["mouthSmileRight"].max()), abs=1e-4)
    assert float(left["mouthSmileLeft"].max()) > float(left["mouthSmileRight"].max())


def test_the_same_seed_makes_the_same_syllables_and_another_seed_others(tables: Tables):
    once, again, other = (layers(tables, "mouth", plainly(asked("talk"), seed)) for seed in (4, 4, 5))
    assert once == again
    assert once != other


@pytest.mark.parametrize("name", [*MOVING, *STATES])
def test_every_layer_says_what_it_is_and_which_words_asked_for_it(tables: Tables, name: str):
    for region in REGIONS:
        for layer in layers(tables, region, plainly(asked(name, words="as it says"))):
            assert (layer.source.gesture, layer.source.words) == (name, "as it says")
            assert CHANNELS[layer.channel].region == region


def test_what_is_in_no_catalogue_is_no_gesture(tables: Tables):
    with pytest.raises(KeyError, match="gawk"):
        layers(tables, "eyes", plainly(act("gawk")))


# ------------------------------------------------------------------------------------------------- wandering


def test_wandering_goes_step_by_step_and_holds_in_between():
    wander = Wander(channels={"headYaw": 2.0}, every=(1.0, 2.0))
    (layer,) = wandering_layers(Wandering(name="yaw", steps=((1.0, 0.5, 0.5), (3.0, 0.5, -1.0))), wander)
    assert [(one.time, one.value, one.mode) for one in layer.keys] == [
        (0.0, 0.0, "hold"),
        (1.0, 0.0, "min_jerk"),
        (1.5, 1.0, "hold"),
        (3.0, 1.0, "min_jerk"),
        (3.5, -2.0, "hold"),
    ]
    assert layer.source.gesture == "idle yaw"


def test_wandering_that_began_before_the_beat_goes_on_in_it():
    wander = Wander(channels={"browOuterUp": 0.1}, every=(1.0, 2.0))
    found = list(wandering_layers(Wandering(name="brows", steps=((-2.0, 0.5, 1.0), (-0.2, 0.4, 0.0))), wander))
    assert [layer.channel for layer in found] == ["browOuterUpLeft", "browOuterUpRight"]
    assert [(one.time, one.value) for one in found[0].keys] == [(-2.0, 0.0), (-1.5, 0.1), (-0.2, 0.1), (0.2, 0.0)]


def test_nothing_wanders_without_steps():
    assert list(wandering_layers(Wandering(name="yaw", steps=()), Wander(channels={"headYaw": 2.0}, every=(1.0, 2.0)))) == []
