"""Beats on one line of time: what the next one sees of the last, and that what was judged holds at every frame rate."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction

import numpy as np
import pytest

from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from protocol.channels import INDEX, REGIONS
from protocol.interpolation import sample_curve
from protocol.keyframes import exact
from protocol.repair import violations
from protocol.ruling import keep, rule
from protocol.timeline import (
    HOLD,
    LOOK_BACK,
    RATE,
    CommittedBeat,
    Timeline,
    end_state,
    frame_count,
    last_values,
    rest,
    sample,
    value_at,
    view,
)
from tests.tracks import CONSTRAINTS, Paths, broken, curve, resampled, tracks

SMILE: Paths = {"mouthSmile": [(0, 0), (0.5, 0.45)], "headYaw": [(0, 0), (2, 8)]}


def test_a_beat_is_seen_from_its_start_with_its_end_held():
    seen = view(rest(), tracks(SMILE), 1.0)
    assert (seen.first, seen.last) == (0, RATE + 1)
    row = seen.samples[INDEX["headYaw"]]
    assert len(row) == seen.last + round(HOLD * RATE)
    np.testing.assert_allclose(row[: seen.last], sample_curve(curve("headYaw", SMILE["headYaw"]), np.arange(seen.last) / RATE))
    assert (row[seen.last :] == row[seen.last - 1]).all()


def test_tracks_that_were_looked_at_before_are_seen_as_ever():
    first = tracks(SMILE)
    before = end_state(view(rest(), first, 2.0), first, 2.0)
    moving: Paths = {"mouthSmile": [(0, 0.45), (0.02, 0.1), (0.9, 0.8)], "headYaw": [(0, 8), (0.05, -8), (1, 3)]}
    second = tracks(moving)
    seen = view(before, second, 1.0)
    other = view(before, tuple(track.model_copy() for track in second), 0.5)
    for again in (view(before, second, 1.0), view(before.model_copy(), tuple(track.model_copy() for track in second), 1.0)):
        assert (again.first, again.last) == (seen.first, seen.last)
        assert again.samples.tobytes() == seen.samples.tobytes()
        assert [later.tobytes() for later in again.between] == [later.tobytes() for later in seen.between]
        assert again.samples is not seen.samples
    assert other.last < seen.last


def test_what_comes_after_the_end_of_a_beat_is_not_performed():
    seen = view(rest(), tracks({"headYaw": [(0, 0), (0.5, 5), (1.5, 40)]}), 0.5)
    assert seen.samples[INDEX["headYaw"]].max() == 5


def test_derived_channels_are_seen_too():
    seen = view(rest(), tracks({"eyeYaw": [(0, 0), (0.06, 15)]}), 0.5)
    assert seen.samples[INDEX["eyeLookOutLeft"], -1] > 0.3


@pytest.mark.parametrize("time", [0.5, 0.5021, 0.5083])
def test_a_peak_between_two_frames_stands_in_the_frame_beside_it(time):
    seen = view(rest(), tracks({"jawOpen": [(0, 0), (time - 0.001, 0), (time, 0.6), (time + 0.001, 0)]}, "linear"), 1.0)
    row = seen.samples[INDEX["jawOpen"]]
    assert row.max() == 0.6
    assert abs(int(np.argmax(row)) - time * RATE) <= 0.5


def test_the_first_moment_is_what_was_committed_whatever_comes_right_after_it():
    seen = view(rest(), tracks({"jawOpen": [(0, 0), (0.001, 0.6), (0.002, 0)]}, "linear"), 1.0)
    assert seen.samples[INDEX["jawOpen"], :2].tolist() == [0.0, 0.6]


def test_a_smooth_curve_is_seen_as_it_is():
    path = [(0, 0), (0.5, 0.45), (1.0, 0.1)]
    seen = view(rest(), tracks({"mouthSmile": path}), 1.0)
    exactly = sample_curve(curve("mouthSmileLeft", path), np.arange(seen.last) / RATE)
    assert np.array_equal(seen.samples[INDEX["mouthSmileLeft"], : seen.last], exactly)


# ------------------------------------------------------------------------------------------------------------ end states


@pytest.mark.parametrize("seconds", [0.1, 0.7, 1.0, 1.2345, 3.3337])
def test_the_next_beat_starts_exactly_where_this_one_ends(seconds):
    now = tracks(SMILE)
    state = end_state(view(rest(), now, seconds), now, seconds)
    for track in now:
        for one in track.curves:
            assert last_values(state)[one.channel] == value_at(one, seconds)


@pytest.mark.parametrize("seconds", [0.7, 1.0, 1.2345, 3.3337])
def test_an_end_state_tells_the_last_half_second_to_within_what_anyone_sees(seconds):
    path = [(0, 0), (0.4, 6), (0.9, -3), (1.6, 8), (3.4, -5)]
    now = tracks({"headYaw": path})
    state = end_state(view(rest(), now, seconds), now, seconds)
    assert state.seconds == pytest.approx(min(LOOK_BACK, seconds), abs=1 / RATE)
    past = np.linspace(0, state.seconds, 50)
    told = sample_curve(state.tracks[REGIONS.index("head")].curve("headYaw"), past)
    was = sample_curve(curve("headYaw", path), past - state.seconds + seconds)
    assert np.abs(told - was).max() <= 0.1


def test_a_short_beat_passes_on_what_was_before_it():
    first = tracks({"headYaw": [(0, 0), (1.0, 10)]})
    state = end_state(view(rest(), first, 1.0), first, 1.0)
    second = tracks({}, start=state)
    after = end_state(view(state, second, 0.1), second, 0.1)
    row = sample_curve(after.tracks[REGIONS.index("head")].curve("headYaw"), np.array([after.seconds - 0.3, after.seconds]))
    assert row[0] == pytest.approx(float(sample_curve(curve("headYaw", [(0, 0), (1.0, 10)]), np.array([0.8]))[0]), abs=0.1)
    assert row[1] == 10


def test_what_rests_is_told_by_one_keyframe():
    now = tracks({"browDown": 0.3})
    state = end_state(view(rest(), now, 1.0), now, 1.0)
    assert all(len(one.keys) == 1 for track in state.tracks for one in track.curves)


def test_speed_across_the_boundary_is_judged_with_the_past():
    # 1.7 cm in the last 20 ms and 1.7 cm in the next 20: 51 cm a second each in a window, together more than 80.
    first = tracks({"headX": [(0, 0), (0.98, 0), (1.0, 1.7)]}, "linear")
    second_path = [(0.0, 1.7), (0.02, 3.4)]
    state = end_state(view(rest(), first, 1.0), first, 1.0)
    with_past = violations(view(state, tracks({"headX": second_path}, "linear", state), 1.0), CONSTRAINTS.hard)
    without = violations(view(rest(), tracks({"headX": [(0, 1.7), (0.02, 3.4)]}, "linear"), 1.0), CONSTRAINTS.hard)
    assert broken(with_past) == ["head-travel"]
    assert without == []


def test_a_take_begins_at_rest_without_a_past():
    assert rest().seconds == 0
    assert set(last_values(rest()).values()) == {0.0}


# -------------------------------------------------------------------------------------------------------------- sampling


@pytest.mark.parametrize(
    ("seconds", "fps", "count"),
    [(1.0, Fraction(60), 60), (1.0, Fraction(30000, 1001), 30), (0.1, Fraction(24), 3), (3.3337, Fraction(120), 401)],
)
def test_a_take_has_the_frames_that_start_before_its_end(seconds, fps, count):
    assert frame_count(seconds, fps) == count
    assert (count - 1) / fps < seconds <= count / fps + Fraction(1, 10**9)


def two_beats() -> Timeline:
    first = CommittedBeat(start=0.0, end=0.7333, tracks=tracks({"headYaw": [(0, 0), (2, 8)]}, "linear"))
    second = CommittedBeat(start=0.7333, end=1.5, tracks=tracks({"headYaw": [(0, 2.9332), (0.5, 0)]}, "linear"))
    return Timeline(beats=(first, second))


@pytest.mark.parametrize("fps", [Fraction(24), Fraction(30000, 1001), Fraction(120)])
def test_every_frame_is_taken_from_the_beat_that_it_falls_into(fps):
    samples = sample(two_beats(), fps)
    times = np.arange(samples.shape[1]) / float(fps)
    expected = np.interp(times, [0, 0.7333, 1.2333, 1.5], [0, 2.9332, 0, 0])
    np.testing.assert_allclose(samples[INDEX["headYaw"]], expected, atol=1e-9)


def test_a_timeline_survives_its_text():
    timeline = two_beats()
    assert Timeline.model_validate_json(timeline.model_dump_json()) == timeline
    assert timeline.seconds == 1.5


def test_a_committed_beat_holds_one_track_of_each_region():
    with pytest.raises(ValidationError, match="one track each of brows, eyes, mouth, head"):
        CommittedBeat(start=0.0, end=1.0, tracks=tracks({})[::-1])


# ------------------------------------------------------------------------------- S3: what was judged holds at every rate

SIZES = st.integers(0, 20).map(lambda n: n / 20)


@st.composite
def movements(draw: st.DrawFn, seconds: float, start: Mapping[str, float]) -> Paths:
    """Brisk movements of any size in channels that rules couple, from where the beat starts."""
    paths: dict[str, list[tuple[float, float]]] = {}
    spans = {"eyeYaw": (-7, 7), "eyePitch": (-7, 7), "headYaw": (-35, 35), "headPitch": (-25, 20), "headX": (-6, 6)}
    shares = ["mouthSmile", "mouthFrown", "mouthPucker", "noseSneer", "jawOpen", "mouthClose", "mouthPress", "eyeBlink"]
    shares += ["eyeWide", "eyeSquint", "browDown", "browInnerUp", "mouthLeft", "mouthRight"]
    for stem in draw(st.lists(st.sampled_from([*shares, *spans]), min_size=2, max_size=7, unique=True)):
        low, high = spans.get(stem, (0, 1))
        times = draw(st.lists(st.integers(500, int(seconds * 10_000)), min_size=1, max_size=4, unique_by=lambda t: t // 600))
        for name in (f"{stem}Left", f"{stem}Right") if f"{stem}Left" in INDEX and "mouthL" not in stem else (stem,):
            paths[name] = [(0.0, start[name])] + [(exact(t / 10_000), low + (high - low) * draw(SIZES)) for t in sorted(times)]
    return paths


@given(st.data())
@settings(max_examples=6)
def test_what_is_committed_keeps_every_hard_rule_at_every_rate_across_beats(data):
    state, at, beats = rest(), 0.0, []
    for seconds in (0.9, 0.4567, 1.2):
        now = tracks(data.draw(movements(seconds, last_values(state))), start=state)
        after, _ = rule(CONSTRAINTS, state, now, seconds)
        beats.append(CommittedBeat(start=at, end=exact(at + seconds), tracks=after))
        state, at = end_state(view(state, after, seconds), after, seconds), exact(at + seconds)
    beats.append(CommittedBeat(start=at, end=exact(at + 0.5), tracks=tuple(keep(r, last_values(state)) for r in REGIONS)))
    timeline = Timeline(beats=tuple(beats))
    for fps in (Fraction(24), Fraction(25), Fraction(30000, 1001), Fraction(30), Fraction(50), Fraction(60), Fraction(120)):
        assert broken(CONSTRAINTS.verify(sample(timeline, fps), float(fps))) == [], fps
    for other in (24.0, 25.0, 30.0, 120.0):
        assert broken(CONSTRAINTS.verify(resampled(sample(timeline, Fraction(60)), 60, other), other)) == [], other
