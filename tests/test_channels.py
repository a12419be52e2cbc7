"""The vocabulary of the face: which channels there are, who owns them, and what is derived from the eye angles."""

import numpy as np
import pytest

from hypothesis import given
from hypothesis import strategies as st

from protocol.channels import (
    CHANNELS,
    INDEX,
    LOOK_DEAD_ZONE,
    NAMES,
    OPPOSITE,
    PRECEDENCE,
    REGIONS,
    SIDES,
    TURNED,
    WRITABLE,
    both_sides,
    look_coefficients,
)

# The coefficients of ARKit in the order of Live Link's stream (Unreal's EARFaceBlendShape), written out as other programs
# know them.
LIVE_LINK = """
    eyeBlinkLeft eyeLookDownLeft eyeLookInLeft eyeLookOutLeft eyeLookUpLeft eyeSquintLeft eyeWideLeft
    eyeBlinkRight eyeLookDownRight eyeLookInRight eyeLookOutRight eyeLookUpRight eyeSquintRight eyeWideRight
    jawForward jawLeft jawRight jawOpen
    mouthClose mouthFunnel mouthPucker mouthLeft mouthRight mouthSmileLeft mouthSmileRight mouthFrownLeft mouthFrownRight
    mouthDimpleLeft mouthDimpleRight mouthStretchLeft mouthStretchRight mouthRollLower mouthRollUpper mouthShrugLower
    mouthShrugUpper mouthPressLeft mouthPressRight mouthLowerDownLeft mouthLowerDownRight mouthUpperUpLeft mouthUpperUpRight
    browDownLeft browDownRight browInnerUp browOuterUpLeft browOuterUpRight
    cheekPuff cheekSquintLeft cheekSquintRight noseSneerLeft noseSneerRight tongueOut
""".split()
POSES = [
    *("headYaw", "headPitch", "headRoll", "headX", "headY", "headZ"),
    *("eyeYawLeft", "eyePitchLeft", "eyeYawRight", "eyePitchRight"),
]
LOOKS = [name for name in LIVE_LINK if "Look" in name]


def looking(**angles: float) -> dict[str, float]:
    """The look coefficients of one frame with these eye angles, all others straight ahead."""
    samples = np.zeros((len(NAMES), 1))
    for name, degrees in angles.items():
        samples[INDEX[name]] = degrees
    look_coefficients(samples)
    return {name: float(samples[INDEX[name], 0]) for name in LOOKS}


def test_columns_are_the_52_coefficients_in_live_link_order_and_then_ten_pose_channels():
    assert len(LIVE_LINK) == 52
    assert [*LIVE_LINK, *POSES] == list(NAMES)
    assert [INDEX[name] for name in NAMES] == list(range(62))


def test_each_channel_is_derived_or_written_by_exactly_its_own_region():
    written = [name for region in REGIONS for name in WRITABLE[region]]
    assert len(written) == len(set(written))
    assert set(written) == set(NAMES) - set(LOOKS)
    assert all(CHANNELS[name].region == region for region in REGIONS for name in WRITABLE[region])


def test_exactly_the_eight_look_coefficients_are_derived():
    assert [name for name, channel in CHANNELS.items() if channel.derived] == LOOKS
    assert len(LOOKS) == 8


@pytest.mark.parametrize(
    ("name", "region"),
    [
        *[("browInnerUp", "brows"), ("eyeBlinkLeft", "eyes"), ("cheekSquintRight", "eyes"), ("eyeYawLeft", "eyes")],
        *[("cheekPuff", "mouth"), ("noseSneerLeft", "mouth"), ("tongueOut", "mouth"), ("jawOpen", "mouth"), ("headZ", "head")],
    ],
)
def test_a_channel_belongs_to_the_region_whose_muscles_move_it(name, region):
    assert CHANNELS[name].region == region


def test_tracks_list_channels_in_the_order_of_the_columns():
    for names in WRITABLE.values():
        assert sorted(names, key=NAMES.index) == list(names)


def test_every_region_has_its_place_in_the_order_of_yielding():
    assert sorted(PRECEDENCE) == sorted(REGIONS)


def test_coefficients_are_shares_and_every_channel_can_be_at_rest():
    assert all((c.unit, c.low, c.high) == ("share", 0, 1) for c in CHANNELS.values() if c.name in LIVE_LINK)
    assert {CHANNELS[name].unit for name in POSES} == {"degree", "cm"}
    assert all(c.low <= 0 < c.high for c in CHANNELS.values())


def test_both_sides_have_the_same_range():
    for channel in CHANNELS.values():
        pair = {(CHANNELS[name].low, CHANNELS[name].high, CHANNELS[name].region) for name in both_sides(channel.stem)}
        assert len(pair) == 1, channel.name


@pytest.mark.parametrize(
    ("name", "meant"),
    [
        ("mouthSmile", ("mouthSmileLeft", "mouthSmileRight")),
        ("mouthSmileRight", ("mouthSmileRight",)),
        ("browInnerUp", ("browInnerUp",)),
        ("eyeYaw", ("eyeYawLeft", "eyeYawRight")),
        ("jawLeft", ("jawLeft",)),
        ("eyebrow", ()),
        ("", ()),
        ("Left", ()),
    ],
)
def test_a_name_without_its_side_stands_for_both(name, meant):
    assert both_sides(name) == meant


@pytest.mark.parametrize(
    ("name", "stem"),
    [("mouthSmileLeft", "mouthSmile"), ("eyePitchRight", "eyePitch"), ("jawLeft", "jawLeft"), ("mouthRight", "mouthRight")],
)
def test_a_stem_is_the_name_without_its_side_unless_the_side_is_a_direction(name, stem):
    assert CHANNELS[name].stem == stem


def test_what_is_named_after_a_direction_has_an_opposite_and_no_side():
    assert sorted(OPPOSITE) == ["jawLeft", "jawRight", "mouthLeft", "mouthRight"]
    for name, other in OPPOSITE.items():
        assert OPPOSITE[other] == name != other
        assert name.removesuffix("Left").removesuffix("Right") == other.removesuffix("Left").removesuffix("Right")


def test_what_turns_in_a_mirror_can_go_both_ways():
    both_ways = {name for name in POSES if CHANNELS[name].low < 0 < CHANNELS[name].high}
    assert both_ways - TURNED == {"headPitch", "headY", "headZ", "eyePitchLeft", "eyePitchRight"}
    assert both_ways > TURNED


def test_every_channel_is_found_again_from_its_stem():
    for channel in CHANNELS.values():
        assert channel.name in both_sides(channel.stem)


def test_looking_straight_ahead_has_no_look_coefficient():
    assert set(looking().values()) == {0.0}


@pytest.mark.parametrize(
    ("angles", "full"),
    [
        ({"eyeYawLeft": 35, "eyeYawRight": 35}, {"eyeLookOutLeft", "eyeLookInRight"}),
        ({"eyeYawLeft": -35, "eyeYawRight": -35}, {"eyeLookInLeft", "eyeLookOutRight"}),
        ({"eyePitchLeft": 26, "eyePitchRight": 26}, {"eyeLookUpLeft", "eyeLookUpRight"}),
        ({"eyeYawLeft": 38, "eyePitchRight": 26}, {"eyeLookOutLeft", "eyeLookUpRight"}),
    ],
)
def test_a_look_to_the_end_of_its_range_is_one_and_nothing_else(angles, full):
    assert looking(**angles) == {name: float(name in full) for name in LOOKS}


def test_the_lowest_look_that_eyes_can_take_shows_as_down():
    looks = looking(eyePitchLeft=CHANNELS["eyePitchLeft"].low)
    assert 0.75 < looks["eyeLookDownLeft"] < 1
    assert looks["eyeLookDownRight"] == looks["eyeLookUpLeft"] == 0


def test_a_look_within_the_dead_zone_shows_in_no_coefficient():
    assert set(looking(eyeYawLeft=35 * LOOK_DEAD_ZONE * 0.999, eyePitchRight=-35 * LOOK_DEAD_ZONE * 0.999).values()) == {0.0}
    assert looking(eyeYawLeft=35 * LOOK_DEAD_ZONE * 1.01)["eyeLookOutLeft"] > 0


@given(st.floats(-60, 60), st.floats(-60, 60), st.sampled_from(SIDES))
def test_one_eye_never_looks_both_ways_and_keeps_to_the_range(yaw, pitch, side):
    looks = looking(**{f"eyeYaw{side}": yaw, f"eyePitch{side}": pitch})
    assert all(0 <= share <= 1 for share in looks.values())
    assert looks[f"eyeLookIn{side}"] * looks[f"eyeLookOut{side}"] == 0
    assert looks[f"eyeLookUp{side}"] * looks[f"eyeLookDown{side}"] == 0
    other = SIDES[1 - SIDES.index(side)]
    assert not any(share for name, share in looks.items() if name.endswith(other))


@given(st.lists(st.floats(-38, 38), min_size=2, max_size=20))
def test_a_look_grows_with_its_angle(angles):
    samples = np.zeros((len(NAMES), len(angles)))
    samples[INDEX["eyeYawRight"]] = sorted(angles)
    look_coefficients(samples)
    assert (np.diff(samples[INDEX["eyeLookInRight"]]) >= 0).all()
    assert (np.diff(samples[INDEX["eyeLookOutRight"]]) <= 0).all()


def test_reading_off_looks_leaves_every_other_channel_alone():
    samples = np.linspace(-20.0, 20.0, len(NAMES) * 3).reshape(len(NAMES), 3)
    before = samples.copy()
    look_coefficients(samples)
    others = [row for name, row in INDEX.items() if name not in LOOKS]
    assert (samples[others] == before[others]).all()


def test_the_vocabulary_cannot_be_changed():
    with pytest.raises(TypeError):
        CHANNELS["jawOpen"] = CHANNELS["jawLeft"]  # type: ignore[index]
    with pytest.raises(AttributeError):
        CHANNELS["jawOpen"].high = 2.0  # type: ignore[misc]
    with pytest.raises(TypeError):
        OPPOSITE["jawLeft"] = "jawLeft"  # type: ignore[index]
