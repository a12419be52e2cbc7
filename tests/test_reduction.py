"""From samples to keyframes: as few as the tolerance allows, and nothing rewritten that did not change."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.channels import CHANNELS
from protocol.interpolation import compile_arrays, sample_curve, sample_keys, sample_through
from protocol.keyframes import Mode, Source, Track, key
from protocol.reduction import TOLERANCES, Polyline, fitted, knots, rewritten
from protocol.timeline import RATE
from tests.tracks import tracks

ROWS = st.lists(st.integers(-100, 100), min_size=3, max_size=60).map(lambda row: np.array(row) / 100)


def polyline(times: np.ndarray, values: np.ndarray, chosen: list[int]) -> np.ndarray:
    return np.interp(times, times[chosen], values[chosen])


@given(ROWS, st.sampled_from([0.01, 0.1, 0.5]))
@settings(max_examples=80)
def test_the_polyline_through_the_knots_stays_within_the_tolerance(values, tolerance):
    times = np.arange(len(values)) / RATE
    chosen = knots(times, values, tolerance)
    assert np.abs(polyline(times, values, chosen) - values).max() <= tolerance + 1e-12
    assert chosen == sorted(set(chosen))
    assert chosen[0] == 0


def test_what_hardly_moves_is_one_knot():
    assert knots(np.arange(5.0), np.array([1, 1.04, 0.96, 1, 1]), 0.1) == [0]


def test_a_straight_line_needs_only_its_ends():
    times = np.arange(100) / 60
    assert knots(times, 3 * times, 1e-6) == [0, 99]


def test_a_corner_is_kept():
    values = np.concatenate([np.linspace(0, 1, 20), np.linspace(1, 0, 20)[1:]])
    assert knots(np.arange(39.0), values, 0.01) == [0, 19, 38]


def split(times: np.ndarray, values: np.ndarray, start: int, stop: int, tolerance: float) -> set[int]:
    """Ramer, Douglas and Peucker in their own words: the points between two others."""
    inner = slice(start + 1, stop)
    if stop - start < 2:
        return set()
    chord = values[start] + (values[stop] - values[start]) * ((times[inner] - times[start]) / (times[stop] - times[start]))
    away = np.abs(values[inner] - chord)
    middle = start + 1 + int(np.argmax(away))
    if away.max() <= tolerance:
        return set()
    return split(times, values, start, middle, tolerance) | {middle} | split(times, values, middle, stop, tolerance)


@given(ROWS)
@settings(max_examples=80)
def test_a_finer_polyline_goes_on_where_a_coarser_one_stopped(values):
    times = np.arange(len(values)) / RATE
    line = Polyline(times, values)
    for tolerance in (0.4, 0.1, 0.02, 0.004):
        chosen = line.within(tolerance)
        if chosen != [0]:
            assert set(chosen) == split(times, values, 0, len(values) - 1, tolerance) | {0, len(values) - 1}
        assert chosen == knots(times, values, tolerance)


@given(st.lists(st.integers(-60, 60), min_size=2, max_size=8), st.sampled_from([0.003, 0.06]))
@settings(max_examples=60)
def test_the_smooth_curve_through_fitted_points_stays_near_what_it_stands_for(levels, tolerance):
    times = np.arange((len(levels) - 1) * 36 + 1) / RATE
    keys = [key(n * 0.3, level / 60, "min_jerk") for n, level in enumerate(levels)]
    values = sample_keys(keys, times, -10, 10)
    points = fitted(times, values, tolerance)
    chosen = (np.array(points)[:, 0], np.array(points)[:, 1])
    modes: list[Mode] = ["smooth" for _ in points]
    curve = compile_arrays(*chosen, modes, None, -10, 10)
    assert np.abs(curve.sample(times) - values).max() <= 1.5 * tolerance + 1e-12
    assert set(points) <= set(zip(times.tolist(), values.tolist(), strict=True))


@given(st.lists(ROWS, min_size=1, max_size=4), st.integers(0, 2**32 - 1))
@settings(max_examples=60)
def test_curves_through_samples_have_the_bits_of_curves_through_keyframes(rows, seed):
    frames = min(len(row) for row in rows)
    times, levels = np.arange(frames) / RATE, np.array([row[:frames] for row in rows])
    chosen = [[0, *(n for n in range(1, frames) if (seed >> (n + k)) % 3 == 0)] for k in range(len(rows))]
    sampled = sample_through(times, levels, chosen)
    for row, level, places in zip(sampled, levels, chosen, strict=True):
        modes: list[Mode] = ["smooth" for _ in places]
        expected = compile_arrays(times[places], level[places], modes, None, -1.0, 1.0).sample(times)
        assert row.tobytes() == expected.tobytes()


def test_a_curve_through_a_sample_that_is_no_number_is_refused():
    with pytest.raises(ValueError, match="not finite"):
        sample_through(np.arange(3.0), np.array([[0.0, np.nan, 1.0]]), [[0, 1, 2]])


def test_a_slow_movement_is_told_by_few_points():
    times = np.arange(2 * RATE + 1) / RATE
    values = compile_arrays(np.array([0.0, 1.0, 2.0]), np.array([0.0, 0.7, 0.2]), ("min_jerk",) * 3, None, 0, 1).sample(times)
    assert len(fitted(times, values, TOLERANCES["share"])) <= 20


# ------------------------------------------------------------------------------------------------------- into a track

SECONDS = 2.0
SMILE = [(0, 0), (0.4, 0.5), (0.8, 0.5), (1.2, 0.2), (1.6, 0.4)]


def mouth() -> Track:
    return tracks({"mouthSmile": SMILE})[2]


def rows(track: Track) -> dict[str, np.ndarray]:
    times = np.arange(int(SECONDS * RATE) + 1) / RATE
    return {curve.channel: sample_curve(curve, times) for curve in track.curves}


def test_curves_that_did_not_change_stay_byte_for_byte():
    track, now = mouth(), rows(mouth())
    new = {**now, "mouthSmileLeft": now["mouthSmileLeft"] * 0.9}
    after = rewritten(track, new, now, RATE, "tested")
    for one, other in zip(track.curves, after.curves, strict=True):
        assert (one.model_dump_json() == other.model_dump_json()) is (one.channel != "mouthSmileLeft")


def test_a_change_below_a_quarter_of_the_tolerance_is_no_change():
    track, now = mouth(), rows(mouth())
    new = {name: row + 0.2 * TOLERANCES["share"] for name, row in now.items()}
    assert rewritten(track, new, now, RATE, "tested") == track


def test_keyframes_outside_the_change_stay_and_those_inside_follow_it():
    track, now = mouth(), rows(mouth())
    times = np.arange(len(now["jawOpen"])) / RATE
    new = now["mouthSmileLeft"].copy()
    changed = (times >= 0.85) & (times <= 1.15)
    new[changed] += 0.1
    curve = rewritten(track, {**now, "mouthSmileLeft": new}, now, RATE, "tested").curve("mouthSmileLeft")
    old = track.curve("mouthSmileLeft")
    assert curve.keys[:2] == old.keys[:2]
    assert curve.keys[-2:] == old.keys[-2:]
    sampled = sample_curve(curve, times)
    assert np.abs(sampled - new)[changed].max() <= 2 * TOLERANCES["share"]
    assert (sampled == now["mouthSmileLeft"])[times <= 0.8].all()
    assert (sampled == now["mouthSmileLeft"])[times >= 1.2].all()


def test_new_keyframes_carry_the_source_of_the_old_ones_and_the_note():
    track = mouth().model_copy(update={"sources": (Source(gesture="smile", words="she smiles"),)})
    now = rows(track)
    after = rewritten(track, {**now, "mouthSmileLeft": now["mouthSmileLeft"] * 0.5}, now, RATE, "yielded")
    curve = after.curve("mouthSmileLeft")
    assert {after.sources[k.source].note for k in curve.keys if k.time > 0} == {"yielded"}
    assert {(source.gesture, source.words) for source in after.sources} == {("smile", "she smiles")}
    again = rewritten(after, {**now, "mouthSmileRight": now["mouthSmileRight"] * 0.5}, rows(after), RATE, "yielded")
    assert again.sources == after.sources  # the note is there already


@given(st.lists(st.tuples(st.integers(0, 240), st.integers(1, 60), st.integers(-50, 50)), min_size=1, max_size=4))
@settings(max_examples=60)
def test_a_rewritten_curve_passes_through_the_samples_and_keeps_its_range_and_beginning(bumps):
    track, now = mouth(), rows(mouth())
    new = now["mouthSmileLeft"].copy()
    for start, length, size in bumps:
        # A change that begins and ends at 0, as repairs make them; the first moment is never changed.
        span = slice(max(start, 1), min(start + length, len(new)))
        count = span.stop - span.start
        if count > 2:
            u = np.arange(count) / (count - 1)
            new[span] += size / 100 * 4 * u * (1 - u)
    curve = rewritten(track, {**now, "mouthSmileLeft": new}, now, RATE, "tested").curve("mouthSmileLeft")
    times = np.arange(len(new)) / RATE
    wanted = np.clip(new, CHANNELS["mouthSmileLeft"].low, CHANNELS["mouthSmileLeft"].high)
    assert curve.keys[0].value == track.curve("mouthSmileLeft").keys[0].value
    assert np.abs(sample_curve(curve, times) - wanted).max() <= 2 * TOLERANCES["share"]


def test_what_is_outside_the_range_is_written_at_its_end():
    track, now = mouth(), rows(mouth())
    curve = rewritten(track, {**now, "mouthSmileLeft": now["mouthSmileLeft"] + 0.8}, now, RATE, "tested").curve(
        "mouthSmileLeft"
    )
    assert max(k.value for k in curve.keys) == 1.0


@pytest.mark.parametrize("mode", ["hold", "linear", "bezier"])
def test_the_keyframe_before_a_change_leads_into_it_smoothly_whatever_its_mode_was(mode):
    handles: dict[str, Any] = {"handles": (0.25, 0.1, 0.25, 1.0)} if mode == "bezier" else {}
    keys = (key(0, 0.0, "linear"), key(0.5, 0.4, mode, **handles), key(1.5, 0.4))
    old = mouth().curve("jawOpen").model_copy(update={"keys": keys})
    track = mouth().model_copy(update={"curves": tuple(old if c.channel == "jawOpen" else c for c in mouth().curves)})
    now = rows(track)
    new = now["jawOpen"].copy()
    u = np.arange(61) / 60
    new[72:133] += 0.2 * 4 * u * (1 - u)
    curve = rewritten(track, {**now, "jawOpen": new}, now, RATE, "tested").curve("jawOpen")
    (leader,) = [k for k in curve.keys if k.time == 0.5]
    assert (leader.mode, leader.value) == ("smooth", 0.4)
    np.testing.assert_allclose(sample_curve(curve, np.arange(len(new)) / RATE), new, atol=2 * TOLERANCES["share"])


@pytest.mark.parametrize("mode", ["smooth", "cubic"])
def test_segments_that_new_keyframes_beside_them_would_bend_keep_their_shape(mode):
    keys = tuple(key(n / 2, value, mode) for n, value in enumerate((0.0, 0.1, 0.6, 0.65, 0.2)))
    old = mouth().curve("jawOpen").model_copy(update={"keys": keys})
    track = mouth().model_copy(update={"curves": tuple(old if c.channel == "jawOpen" else c for c in mouth().curves)})
    now = rows(track)
    new = now["jawOpen"].copy()
    new[121:179] -= 0.3
    curve = rewritten(track, {**now, "jawOpen": new}, now, RATE, "tested").curve("jawOpen")
    np.testing.assert_allclose(sample_curve(curve, np.arange(len(new)) / RATE), new, atol=2 * TOLERANCES["share"])
