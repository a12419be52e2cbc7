"""Keyframes, curves and tracks: exact decimals, and refusals that name the place."""

from decimal import Decimal

import pytest

from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from protocol.channels import CHANNELS, REGIONS, WRITABLE
from protocol.keyframes import (
    MAX_KEYFRAMES,
    MAX_SECONDS,
    PLACES,
    Curve,
    Keyframe,
    Source,
    Track,
    exact,
    key,
    make_curve,
    make_track,
)

SOURCE = Source(gesture="smile", words="smiles warmly")


def rest(channel: str, **more: object) -> Curve:
    return Curve.model_validate({"channel": channel, "keys": (key(0, 0),), **more})


def curves_of(region: str) -> list[Curve]:
    return [rest(name) for name in WRITABLE[region]]  # type: ignore[index]


@given(st.floats(-MAX_SECONDS, MAX_SECONDS))
def test_exact_is_the_nearest_decimal_of_four_places(number):
    value = exact(number)
    places = -Decimal(repr(value)).as_tuple().exponent  # type: ignore[operator]
    assert places <= 4
    # Half a place, and what scaling the number by 10,000 may round.
    assert abs(Decimal(value) - Decimal(number)) <= Decimal("0.00005") + Decimal("1e-12")


@given(st.integers(-3600 * PLACES, 3600 * PLACES))
def test_every_decimal_of_four_places_is_exact_and_survives_text(whole):
    value = whole / PLACES
    assert exact(value) == value
    assert Keyframe(time=0.0, value=value).value == value
    assert float(f"{value:.4f}") == value


@given(st.floats(-MAX_SECONDS, MAX_SECONDS))
def test_exact_is_settled_by_being_applied_once(number):
    assert exact(exact(number)) == exact(number)


def test_exact_has_no_negative_zero():
    assert str(exact(-0.00001)) == "0.0"
    assert str(exact(-0.0)) == "0.0"


@pytest.mark.parametrize("value", [0.00001, 1 / 3, 0.1 + 0.2, 1e-300])
def test_a_value_between_decimals_is_refused_and_shown(value):
    with pytest.raises(ValidationError, match=f"{value!r} is not a decimal of four places"):
        Keyframe(time=0.0, value=value)
    with pytest.raises(ValidationError, match=f"{value!r} is not a decimal of four places"):
        Keyframe(time=value, value=0.0)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf"), 3660.0001, -3660.0001])
def test_a_value_that_is_not_finite_or_too_large_is_refused(value):
    for field in ("time", "value"):
        with pytest.raises(ValidationError, match=field):
            Keyframe(**{"time": 0.0, "value": 0.0, field: value})


@pytest.mark.parametrize("wrong", ["0.5", None, b"1", [0.5]])
def test_nothing_is_silently_converted_to_a_number(wrong):
    with pytest.raises(ValidationError, match="value"):
        Keyframe(time=0.0, value=wrong)


def test_a_field_that_nobody_knows_is_refused():
    with pytest.raises(ValidationError, match="easing"):
        Keyframe.model_validate({"time": 0.0, "value": 0.0, "easing": "linear"})


def test_an_unknown_mode_is_refused():
    with pytest.raises(ValidationError, match="mode"):
        Keyframe.model_validate({"time": 0.0, "value": 0.0, "mode": "wobble"})


def test_a_keyframe_cannot_be_changed():
    with pytest.raises(ValidationError, match="frozen"):
        key(0, 0).value = 1.0  # type: ignore[misc]


def test_bezier_needs_handles_and_no_other_mode_takes_them():
    handles = (0.25, 0.1, 0.25, 1.0)
    assert key(0, 0, "bezier", handles=handles).handles == handles
    with pytest.raises(ValidationError, match="handles"):
        key(0, 0, "bezier")
    with pytest.raises(ValidationError, match="handles"):
        key(0, 0, "linear", handles=handles)


@pytest.mark.parametrize("handles", [(-0.1, 0.0, 1.0, 1.0), (0.0, 0.0, 1.1, 1.0)])
def test_a_handle_that_would_run_back_in_time_is_refused(handles):
    with pytest.raises(ValidationError, match="handles"):
        key(0, 0, "bezier", handles=handles)


def test_handles_may_leave_the_segment_in_value():
    assert key(0, 0, "bezier", handles=(0.3, -0.5, 0.7, 1.5)).handles == (0.3, -0.5, 0.7, 1.5)


def test_key_takes_the_nearest_exact_decimals():
    made = key(1 / 3, 2 / 3, "spring", 7)
    assert (made.time, made.value, made.mode, made.source) == (0.3333, 0.6667, "spring", 7)


@pytest.mark.parametrize("channel", ["eyeLookInLeft", "jawopen", "", "mouthSmile"])
def test_a_curve_of_a_channel_that_nobody_writes_is_refused_by_name(channel):
    with pytest.raises(ValidationError, match=f"{channel} is not a channel that can be written"):
        rest(channel)


def test_a_curve_starts_at_the_beat_s_start():
    with pytest.raises(ValidationError, match=r"jawOpen: the first keyframe is at 0\.5 s"):
        Curve(channel="jawOpen", keys=(key(0.5, 0),))


def test_a_curve_without_keyframes_or_with_too_many_is_refused():
    with pytest.raises(ValidationError, match="keys"):
        Curve(channel="jawOpen", keys=())
    with pytest.raises(ValidationError, match="keys"):
        Curve(channel="jawOpen", keys=tuple(key(i / PLACES, 0) for i in range(MAX_KEYFRAMES + 1)))


@pytest.mark.parametrize("second", [1.0, 0.5])
def test_keyframes_at_one_time_or_out_of_order_are_refused_with_both_times(second):
    with pytest.raises(ValidationError, match=rf"jawOpen: keyframe at {second} s does not come after 1\.0 s"):
        Curve(channel="jawOpen", keys=(key(0, 0), key(1, 0), key(second, 0)))


@pytest.mark.parametrize("channel", ["jawOpen", "headYaw", "eyePitchLeft"])
def test_a_value_outside_the_channel_s_range_is_refused_with_its_place(channel):
    low, high = CHANNELS[channel].low, CHANNELS[channel].high
    assert Curve(channel=channel, keys=(key(0, low), key(1, high))).keys[1].value == high
    for value in (low - 0.0001, high + 0.0001):
        with pytest.raises(ValidationError, match=rf"{channel}: {value} at 1\.5 s is outside {low}\.\.{high}"):
            Curve(channel=channel, keys=(key(0, low), key(1.5, value)))


@pytest.mark.parametrize("region", REGIONS)
def test_a_track_holds_all_its_region_s_channels_in_order(region):
    track = make_track(region, reversed(curves_of(region)), [SOURCE])
    assert tuple(curve.channel for curve in track.curves) == WRITABLE[region]
    assert all(track.curve(name).channel == name for name in WRITABLE[region])


def test_a_missing_channel_is_refused():
    with pytest.raises(ValidationError, match="track of head: channels are missing"):
        make_track("head", curves_of("head")[1:], [SOURCE])


def test_another_region_s_channel_is_refused_by_name():
    with pytest.raises(ValidationError, match="track of head: jawOpen is not its own"):
        make_track("head", [*curves_of("head"), rest("jawOpen")], [SOURCE])


@pytest.mark.parametrize("change", [lambda curves: curves[::-1], lambda curves: [*curves, curves[0]]])
def test_a_track_that_repeats_or_shuffles_channels_is_refused(change):
    with pytest.raises(ValidationError, match="repeated or out of order"):
        Track(region="brows", curves=tuple(change(curves_of("brows"))), sources=(SOURCE,))


def test_a_keyframe_whose_source_is_not_listed_is_refused_with_its_place():
    curves = curves_of("brows")
    curves[2] = Curve(channel=curves[2].channel, keys=(key(0, 0), key(0.25, 1, source=1)))
    with pytest.raises(ValidationError, match=rf"{curves[2].channel}: keyframe at 0\.25 s names source 1 of 1"):
        make_track("brows", curves, [SOURCE])
    assert make_track("brows", curves, [SOURCE, SOURCE]).curves[2] == curves[2]


def test_a_track_comes_back_from_json_equal():
    curves = curves_of("eyes")
    curves[0] = Curve(
        channel=curves[0].channel,
        keys=(key(0, 0.1, "bezier", handles=(0.3, 0.3, 0.6, 1.2)), key(0.0001, 0.3, "hold"), key(3599.9999, 0.7)),
    )
    track = make_track("eyes", curves, [SOURCE])
    assert Track.model_validate_json(track.model_dump_json()) == track


def test_a_keyframe_made_quickly_is_the_one_that_the_model_makes():
    made, checked = key(0.12345, -0.00004, "min_jerk", 3), Keyframe(time=0.1234, value=0.0, mode="min_jerk", source=3)
    assert made == checked
    assert made.model_dump_json() == checked.model_dump_json()
    assert made.model_copy(update={"time": 1.0}) == key(1.0, 0.0, "min_jerk", 3)
    assert str(made.value) == "0.0"


@pytest.mark.parametrize(
    "arguments",
    [
        (3700.0, 0.0),
        (0.0, -1e9),
        (0.0, 0.0, "bezier"),
        (0.0, 0.0, "leap"),
        (0.0, 0.0, "smooth", -1),
        (0.0, 0.0, "smooth", True),
    ],
)
def test_what_the_model_refuses_is_not_made_quickly_either(arguments):
    with pytest.raises(ValueError, match="Keyframe"):
        key(*arguments)


MADE_CURVES = {
    "nobody writes it": ("eyeLookUpLeft", (key(0, 0.5),)),
    "no keyframes": ("jawOpen", ()),
    "not at 0": ("jawOpen", (key(0.1, 0.5),)),
    "out of order": ("jawOpen", (key(0, 0), key(0.5, 0.1), key(0.5, 0.2))),
    "out of range": ("jawOpen", (key(0, 0), key(0.5, 1.5))),
}


def test_a_curve_and_a_track_made_of_what_was_checked_are_those_that_the_models_make():
    keys = (key(0, 0.1, "min_jerk"), key(0.5, 0.7, "hold", 1))
    checked = Curve(channel="jawOpen", keys=keys)
    assert make_curve("jawOpen", keys) == checked
    assert make_curve("jawOpen", keys).model_dump_json() == checked.model_dump_json()
    sources = (Source(gesture="rest"), Source(gesture="yawn"))
    curves = [checked if name == "jawOpen" else make_curve(name, (key(0, 0, "hold"),)) for name in WRITABLE["mouth"]]
    made, track = make_track("mouth", reversed(curves), sources), Track(region="mouth", curves=tuple(curves), sources=sources)
    assert made == track
    assert (made.model_dump_json(), made.model_fields_set) == (track.model_dump_json(), track.model_fields_set)


@pytest.mark.parametrize(("channel", "keys"), MADE_CURVES.values(), ids=MADE_CURVES)
def test_a_curve_that_the_model_refuses_is_not_made_of_keyframes_either(channel, keys):
    with pytest.raises(ValidationError) as refused:
        Curve(channel=channel, keys=keys)
    with pytest.raises(ValidationError) as here:
        make_curve(channel, keys)
    assert str(here.value) == str(refused.value)


@pytest.mark.parametrize("wrong", ["a channel is missing", "no sources", "a source that is not listed"])
def test_a_track_that_the_model_refuses_is_not_made_of_curves_either(wrong):
    number = 1 if wrong.startswith("a source") else 0
    curves = tuple(make_curve(name, (key(0, 0, "hold", number),)) for name in WRITABLE["brows"])
    curves = curves[1:] if wrong.startswith("a channel") else curves
    sources = () if wrong == "no sources" else (Source(gesture="rest"),)
    with pytest.raises(ValidationError) as refused:
        Track(region="brows", curves=curves, sources=sources)
    with pytest.raises(ValidationError) as here:
        make_track("brows", curves, sources)
    assert str(here.value) == str(refused.value)
