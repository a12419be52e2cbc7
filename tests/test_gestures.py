"""The catalogue of gestures and the table of behaviour: what they promise about timing and size."""

from __future__ import annotations

import itertools

import pytest

from pydantic import ValidationError

from configs.gestures import Aim, Catalogue, Cycle, Gesture, Wander
from configs.loading import builtin, parse_yaml_model, read_text
from protocol.channels import CHANNELS, both_sides

CATALOGUE = parse_yaml_model(read_text(builtin("gestures.yaml")), "gestures.yaml", Catalogue)
NAMES = tuple(CATALOGUE.gestures)

# The names that a brief may use, by who mainly does it.
PROMISED = {
    "eyes": "blink slow_blink wink close_eyes squeeze_eyes widen_eyes squint droop_lids glance look look_at_camera roll_eyes "
    "scan dart_eyes read avert_gaze",
    "brows": "raise_brows brow_flash furrow_brows lift_inner_brows waggle_brows",
    "mouth": "smile grin half_smile suppress_smile frown pout purse_lips kiss press_lips bite_lip roll_lips_in open_mouth "
    "drop_jaw clench_jaw thrust_jaw shift_jaw shift_mouth puff_cheeks blow_air stick_tongue_out lick_lips stretch_lips "
    "bare_teeth sneer wrinkle_nose curl_lip raise_chin_boss tremble_lip chew swallow yawn sigh gasp laugh chuckle sob "
    "talk whisper shout sing cough sneeze grit_teeth taste_sour",
    "head": "deep_breath nod shake_head tilt_head turn_head lift_chin lower_head bow lean_in lean_back recoil drop_head "
    "toss_head roll_head sway shrug jut_head bob_head shiver startle wince fall_asleep wake_up cry",
}


@pytest.mark.parametrize(("region", "name"), [(region, name) for region, names in PROMISED.items() for name in names.split()])
def test_a_promised_gesture_is_there_and_is_done_by_its_region(region: str, name: str):
    assert region in CATALOGUE[name].regions


@pytest.mark.parametrize("name", ["release", "relax"])
def test_letting_go_moves_nothing_by_itself(name: str):
    assert CATALOGUE[name].regions == frozenset()


@pytest.mark.parametrize("name", NAMES)
def test_levels_lie_within_their_channels_even_when_extreme(name: str):
    gesture = CATALOGUE[name]
    cycle = gesture.cycle
    peaks = dict(gesture.levels)
    for variant in cycle.variants if cycle else ():
        for channel, value in variant.items():
            peaks[channel] = max(peaks.get(channel, 0.0), value, key=abs)
    for channel, value in peaks.items():
        known = CHANNELS[both_sides(channel)[0]]
        # Coefficients are eased toward 1; degrees and centimetres have to fit at a strength of 1.5.
        stretch = 1.0 if known.unit == "share" else 1.5
        assert known.low <= stretch * value <= known.high, channel


@pytest.mark.parametrize("name", NAMES)
def test_expressions_start_and_end_in_a_human_time(name: str):
    # Onset of macro-expressions 0.2 to 0.6 s, offset 0.4 to 1 s (Ekman 2003); reflexes are quicker, sinking lids slower.
    gesture = CATALOGUE[name]
    slow = {"yawn": 2.0, "deep_breath": 1.5, "sigh": 1.0, "fall_asleep": 6.0, "droop_lids": 1.0, "relax": 1.0}
    if gesture.levels:
        assert 0.1 <= gesture.onset <= slow.get(name, 0.85)
        assert 0.2 <= gesture.offset <= max(slow.get(name, 1.0), 1.0)


@pytest.mark.parametrize(
    ("name", "low", "high", "why"),
    [
        ("nod", 1.8, 3.7, "yes and no are said at 1.8 to 3.7 Hz (Hadar 1983)"),
        ("shake_head", 1.8, 3.7, "likewise"),
        ("laugh", 4.6, 4.8, "notes every 210 to 218 ms (Provine and Yong 1991)"),
        ("talk", 4.0, 5.5, "4 to 5 syllables a second"),
        ("chew", 1.2, 1.7, "about 1.4 a second"),
        ("shiver", 6.0, 10.0, "tremor"),
        ("scan", 1.2, 3.5, "fixations of 0.3 to 0.6 s, with the jump"),
    ],
)
def test_what_repeats_does_so_at_its_human_rate(name: str, low: float, high: float, why: str):
    cycle = CATALOGUE[name].cycle
    assert cycle is not None
    assert low <= 1 / cycle.period <= high, why


def test_a_blink_closes_faster_than_it_opens():
    # 66 to 100 ms to close, 150 to 200 to open (Sforza 2008; capture).
    cycle = CATALOGUE["blink"].cycle
    assert cycle is not None
    times = [share * cycle.period for share, _ in cycle.keys["eyeBlink"]]
    closing, shut, opening = (later - sooner for sooner, later in itertools.pairwise(times[:4]))
    assert 0.066 <= closing <= 0.1
    assert shut <= 0.03
    assert 0.14 <= opening <= 0.2


def test_a_brow_flash_takes_a_third_of_a_second_or_little_more():
    lasts = CATALOGUE["brow_flash"].lasts
    assert lasts is not None
    assert 0.3 <= lasts <= 0.45


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"levels": {"smile": 1.0}}, "smile is not a channel"),
        ({"levels": {"eyeLookUpLeft": 1.0}}, "follows from the eye angles"),
        ({"levels": {"jawOpen": 0.2}, "lag": {"mouthPress": 0.1}}, "mouthPress has no level"),
        ({"lasts": 0.5, "onset": 0.3, "offset": 0.3}, "shorter than its onset and offset"),
        ({"default_side": "right"}, "only a gesture that always has a side"),
    ],
)
def test_a_gesture_that_makes_no_sense_is_refused(wrong: dict[str, object], said: str):
    with pytest.raises(ValidationError, match=said):
        Gesture.model_validate({"about": "x", "source": "P", **wrong})


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({}, "goes through keys or picks among variants"),
        ({"keys": {"jawOpen": ((0.0, 0.0), (0.5, 1.0), (1.0, 0.0))}, "variants": ({"jawOpen": 0.3},)}, "keys or picks"),
        ({"keys": {"jawOpen": ((0.0, 0.0), (0.5, 1.0), (1.0, 0.2))}}, "ascend from"),
        ({"keys": {"jawOpen": ((0.0, 0.0), (0.6, 1.0), (0.5, 0.5), (1.0, 0.0))}}, "ascend from"),
        ({"variants": ({"jaw": 0.3},)}, "jaw is not a channel"),
        ({"variants": ({"jawOpen": 0.3},), "count": (3, 2)}, "the fewest come first"),
    ],
)
def test_a_cycle_that_makes_no_sense_is_refused(wrong: dict[str, object], said: str):
    with pytest.raises(ValidationError, match=said):
        Cycle.model_validate({"period": 0.5, **wrong})


def test_pointing_with_the_eyes_is_done_with_the_head():
    gesture = Gesture(about="x", source="P", aim=Aim(who="eyes"))
    assert gesture.regions == {"eyes", "head"}
    assert Gesture(about="x", source="P", aim=Aim(who="head")).regions == {"head"}


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"channels": {"headYaw": 1.0, "jawOpen": 0.1}}, "one region's only"),
        ({"channels": {"browInnerUp": 0.1}, "shares": (-0.5, 1.0)}, "does not go below 0"),
        ({"channels": {"headYaw": 1.0}, "takes": (0.6, 0.5)}, "takes: the smaller number comes first"),
    ],
)
def test_idle_movement_that_makes_no_sense_is_refused(wrong: dict[str, object], said: str):
    with pytest.raises(ValidationError, match=said):
        Wander.model_validate({"every": (1.0, 2.0), **wrong})
