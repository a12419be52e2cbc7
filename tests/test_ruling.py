"""Rulings: the smallest change that keeps every hard rule, whatever was proposed; every rung is reached."""

from __future__ import annotations

from typing import Any

import pytest

from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.channels import CHANNELS, REGIONS, WRITABLE, Region
from protocol.keyframes import Curve, Mode, Source, Track, exact, key, make_track
from protocol.messages import EndState, RegionRuling
from protocol.repair import violations
from protocol.ruling import SCALES, keep, rule
from protocol.timeline import end_state, last_values, rest, view
from tests.tracks import CONSTRAINTS, Paths, held, tracks


def ruled(now: tuple[Track, ...], seconds: float = 2.0, state: EndState | None = None) -> dict[Region, RegionRuling]:
    """The verdicts, after looking that the result keeps every hard rule and starts where the beat does."""
    state = state or rest()
    after, verdicts = rule(CONSTRAINTS, state, now, seconds)
    assert violations(view(state, after, seconds), CONSTRAINTS.hard) == []
    assert tuple(track.region for track in after) == REGIONS
    assert {c.channel: c.keys[0].value for t in after for c in t.curves} == last_values(state)
    return {verdict.region: verdict for verdict in verdicts}


def shaking(region: Region, channel: str, size: float, every: float, seconds: float) -> Track:
    """One channel that goes from one extreme to the other all the time."""
    keys = [key(0, 0, "linear")]
    while keys[-1].time + every < seconds:
        keys.append(key(keys[-1].time + every, -size if keys[-1].value > 0 and CHANNELS[channel].low < 0 else size, "linear"))
        if CHANNELS[channel].low == 0 and len(keys) % 2:
            keys[-1] = keys[-1].model_copy(update={"value": 0.0})
    curves = [Curve(channel=n, keys=tuple(keys) if n == channel else (key(0, 0, "hold"),)) for n in WRITABLE[region]]
    return make_track(region, curves, (Source(gesture="shake"),))


def with_track(track: Track) -> tuple[Track, ...]:
    return tuple(track if one.region == track.region else one for one in tracks({}))


def test_what_breaks_nothing_is_kept():
    now = tracks({"mouthSmile": [(0, 0), (0.5, 0.4)]})
    after, _ = rule(CONSTRAINTS, rest(), now, 2.0)
    assert after == now
    assert {verdict.rung for verdict in ruled(now).values()} == {"kept"}


def test_what_can_be_repaired_is_projected_in_the_region_that_yields():
    verdicts = ruled(tracks({"mouthSmile": [(0, 0), (0.5, 0.95)]}))
    assert {region: verdict.rung for region, verdict in verdicts.items()} == {
        "brows": "kept",
        "eyes": "projected",
        "mouth": "kept",
        "head": "kept",
    }


def rungs(stubborn: set[Region], needs: dict[Region, str], monkeypatch: pytest.MonkeyPatch) -> dict[Region, str]:
    """How far down regions go whose repairs never help."""
    real = rule.__globals__["repair_tracks"]

    def no_help(state, attempt, seconds, checks, regions, note):
        return real(state, attempt, seconds, checks, [region for region in regions if region not in stubborn], note)

    monkeypatch.setitem(rule.__globals__, "repair_tracks", no_help)
    return {region: verdict.rung for region, verdict in ruled(CASES[needs["head"]] if "head" in needs else tracks({})).items()}


CASES: dict[str, tuple[Track, ...]] = {
    # 1.2 times the speed that is allowed: three quarters of the size do.
    "scaled": tracks({"headX": [(0, 0), (0.5, 0), (0.7, 10.3)]}),
    # Half a millimetre per frame, back and forth: at any size too fast, but rest is near.
    "rested": with_track(shaking("head", "headX", 20, 0.05, 2.0)),
}


@pytest.mark.parametrize("rung", ["scaled", "rested"])
def test_a_region_whose_repairs_do_not_help_goes_down_the_ladder(rung, monkeypatch):
    assert rungs({"head"}, {"head": rung}, monkeypatch) == {"brows": "kept", "eyes": "kept", "mouth": "kept", "head": rung}


def test_a_region_that_cannot_even_go_to_rest_in_time_is_held(monkeypatch):
    # Back from 18 cm within 0.1 s would take more than twice the speed that is allowed.
    state = held({"headX": 18.0})
    now = tracks({"headX": [(0, 18), (0.05, -18)]}, start=state)
    real = rule.__globals__["repair_tracks"]
    monkeypatch.setitem(rule.__globals__, "repair_tracks", lambda s, t, sec, c, r, n: real(s, t, sec, c, ("eyes",), n))
    after, verdicts = rule(CONSTRAINTS, state, now, 0.1)
    assert [verdict.rung for verdict in verdicts] == ["kept", "kept", "kept", "held"]
    assert after[3].curves == keep("head", last_values(state)).curves


def test_every_verdict_is_explained():
    for verdict in ruled(tracks({"mouthSmile": [(0, 0), (0.5, 0.95)]})).values():
        assert verdict.why


def test_scales_go_down():
    assert list(SCALES) == sorted(SCALES, reverse=True)
    assert all(0 < share < 1 for share in SCALES)


def test_keeping_is_holding_the_values_that_were_committed_last():
    state = held({"browDown": 0.3})
    track = keep("brows", last_values(state))
    assert {curve.channel: [k.value for k in curve.keys] for curve in track.curves} == {
        name: [0.3 if "Down" in name else 0.0] for name in WRITABLE["brows"]
    }


def test_a_beginning_that_cannot_be_held_is_refused_by_name():
    state = held({"mouthSmile": 0.95})
    with pytest.raises(ValueError, match="big-smile-lifts-cheek"):
        rule(CONSTRAINTS, state, tuple(keep(region, last_values(state)) for region in REGIONS), 0.1)


MODES: tuple[Mode, ...] = (
    "hold",
    "linear",
    "ease_in",
    "ease_out",
    "ease_in_out",
    "smooth",
    "cubic",
    "min_jerk",
    "spring",
    "bezier",
)


@st.composite
def wild(draw: st.DrawFn, regions: tuple[Region, ...] = REGIONS, seconds: float = 1.0, start: EndState | None = None):
    """Anything that a track may hold: extremes, jumps within a tenth of a millisecond, keyframes after the end."""
    origin = last_values(start or rest())
    result = []
    for region in REGIONS:
        moving = draw(st.sets(st.sampled_from(WRITABLE[region]), max_size=6)) if region in regions else set()
        curves = []
        for name in WRITABLE[region]:
            keys = [key(0, origin[name], "linear")]
            if name in moving:
                channel = CHANNELS[name]
                for time in sorted(draw(st.sets(st.integers(1, int(seconds * 11_000)), min_size=1, max_size=6))):
                    value = channel.low + (channel.high - channel.low) * draw(st.sampled_from((0, 0.25, 0.5, 0.9, 1)))
                    mode = draw(st.sampled_from(MODES))
                    handles: dict[str, Any] = (
                        {"handles": (0.2, draw(st.sampled_from((-2.0, 0.0, 3.0))), 0.9, 1.5)} if mode == "bezier" else {}
                    )
                    keys.append(key(exact(time / 10_000), exact(value), mode, **handles))
            curves.append(Curve(channel=name, keys=tuple(keys)))
        result.append(make_track(region, curves, (Source(gesture="wild"),)))
    return tuple(result)


@pytest.mark.parametrize("region", REGIONS)
def test_whatever_one_region_proposes_a_ruling_succeeds(region):
    @given(wild(regions=(region,)))
    @settings(max_examples=4)
    def succeeds(now):
        ruled(now, 1.0)

    succeeds()


@given(st.data())
@settings(max_examples=2)
def test_whatever_all_propose_beat_after_beat_a_ruling_succeeds_and_leaves_an_end_that_can_be_held(data):
    state = rest()
    for seconds in (0.7, 0.1333, 0.5):
        now = data.draw(wild(seconds=seconds, start=state))
        after, _ = rule(CONSTRAINTS, state, now, seconds)
        seen = view(state, after, seconds)
        assert violations(seen, CONSTRAINTS.hard) == []
        state = end_state(seen, after, seconds)
        ruled(tuple(keep(region, last_values(state)) for region in REGIONS), 0.5, state)


PATHS: Paths = {"mouthSmile": [(0, 0), (0.5, 0.95)], "headYaw": [(0, 0), (0.3, 0), (0.9, 30)], "jawOpen": [(0, 0), (0.02, 0.9)]}


def test_a_ruling_is_the_same_each_time():
    assert rule(CONSTRAINTS, rest(), tracks(PATHS), 1.5) == rule(CONSTRAINTS, rest(), tracks(PATHS), 1.5)


def test_a_ruling_begins_where_the_last_beat_ended_whatever_was_proposed():
    state = held({"eyePitchLeft": 0.0, "eyePitchRight": 0.0})
    wild = tracks({"eyePitchLeft": [(0, 12.0), (0.0083, 0.0)]})
    after, _ = rule(CONSTRAINTS, state, wild, 1.0)
    assert {name: value for name, value in starts(after).items() if value} == {}


def starts(after: tuple[Track, ...]) -> dict[str, float]:
    """The value that every channel begins with."""
    return {curve.channel: curve.keys[0].value for track in after for curve in track.curves}
