"""Repairs: who yields keeps the rule, by its own channels alone, after the first moment, and keeps its own rules too."""

from __future__ import annotations

import numpy as np
import pytest

from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.channels import CHANNELS, INDEX, REGIONS, WRITABLE, Region
from protocol.constraints import Check
from protocol.keyframes import Track
from protocol.repair import repair_tracks, repaired, violations
from protocol.rules import Between, Sum
from protocol.ruling import rule
from protocol.timeline import last_values, rest, view
from tests.tracks import CONSTRAINTS, Paths, broken, checks, held, tracks

SECONDS = 2.0

BETWEEN: dict[str, Paths] = {
    "big-smile-lifts-cheek": {"mouthSmile": [(0, 0), (0.5, 0.95)]},
    "sneer-lifts-cheek": {"noseSneer": [(0, 0), (0.4, 0.9)], "browDown": [(0, 0), (0.4, 0.5)]},
    "sneer-lowers-brow": {"noseSneer": [(0, 0), (0.4, 0.9)], "cheekSquint": [(0, 0), (0.4, 0.4)]},
    "squeeze-lowers-brow": {"eyeBlink": [(0, 0), (0.3, 1)], "eyeSquint": [(0, 0), (0.3, 0.9)]},
    "squeeze-stops-brow-raise": {
        "eyeBlink": [(0, 0), (0.3, 1)],
        "eyeSquint": [(0, 0), (0.3, 0.9)],
        "browInnerUp": [(0, 0), (0.4, 0.9)],
    },
    "wide-eyes-lighten-brow": {"eyeWide": [(0, 0), (0.4, 1)], "browDown": [(0, 0), (0.4, 0.95)]},
    "chin-on-chest-limits-jaw": {
        "headPitch": [(0, 0), (0.8, -35)],
        "eyePitch": [(0, 0), (0.8, 20)],
        "jawOpen": [(0, 0), (0.5, 0.9)],
    },
    "gaze-rests-or-jumps": {"headYaw": [(0, 0), (0.3, 0), (0.9, 25)]},
}


def yielding(region: Region) -> list[Check]:
    """A region's own rules and those in which it yields."""
    return [*CONSTRAINTS.within(region), *(check for check in CONSTRAINTS.hard if check.rule.yields == region)]


def mended(paths: Paths, region: Region) -> tuple[tuple[Track, ...], tuple[Track, ...]]:
    before = tracks(paths)
    return before, repair_tracks(rest(), before, SECONDS, yielding(region), (region,), "yielded")


def test_there_is_a_case_for_every_rule_between_regions():
    assert set(BETWEEN) == {check.rule.id for check in CONSTRAINTS.hard if check.rule.yields}


@pytest.mark.parametrize("name", BETWEEN)
def test_the_region_that_yields_repairs_a_rule_alone(name):
    (region,) = {check.region for check in checks(name)}
    before, after = mended(BETWEEN[name], region)
    assert name in broken(violations(view(rest(), before, SECONDS), CONSTRAINTS.hard))
    assert violations(view(rest(), after, SECONDS), yielding(region)) == []
    for old, new in zip(before, after, strict=True):
        assert (old == new) is (old.region != region)


SIZE = st.integers(0, 20).map(lambda n: n / 20)
TIMES = st.lists(st.integers(3, 19), min_size=1, max_size=3, unique=True).map(lambda ns: [n / 10 for n in sorted(ns)])


@st.composite
def sensible(draw: st.DrawFn) -> Paths:
    """Movements of a natural pace and any size, in what rules between regions speak of."""
    paths: dict[str, list[tuple[float, float]]] = {}
    for stem in ("mouthSmile", "noseSneer", "jawOpen", "eyeBlink", "eyeSquint", "eyeWide", "browDown", "browInnerUp"):
        if draw(st.booleans()):
            paths[stem] = [(0.0, 0.0), *((time, draw(SIZE)) for time in draw(TIMES))]
    for stem, most in (("headYaw", 25), ("headPitch", 20)):
        if draw(st.booleans()):
            paths[stem] = [(0.0, 0.0), *((time, (2 * draw(SIZE) - 1) * most) for time in draw(TIMES))]
    return paths


@given(sensible())
@settings(max_examples=8)
def test_region_after_region_yields_until_all_rules_between_them_are_kept(paths):
    # In the order of precedence nobody changes what another has yielded to already.
    now = tracks(paths)
    for region in ("head", "mouth", "eyes", "brows"):
        after = repair_tracks(rest(), now, SECONDS, yielding(region), (region,), "yielded")
        for old, new in zip(now, after, strict=True):
            if old.region != region:
                assert old == new
            for one, other in zip(old.curves, new.curves, strict=True):
                assert one.keys[0].value == other.keys[0].value
        now = after
        assert violations(view(rest(), now, SECONDS), yielding(region)) == []
    assert violations(view(rest(), now, SECONDS), CONSTRAINTS.hard) == []


def test_what_keeps_its_rules_stays_as_it_is():
    now = tracks({"mouthSmile": [(0, 0), (0.5, 0.4)], "headYaw": [(0, 0), (1.5, 3)]})
    assert repair_tracks(rest(), now, SECONDS, CONSTRAINTS.hard, REGIONS, "ruled") == now


def test_curves_that_no_broken_rule_speaks_of_stay_byte_for_byte():
    paths = {**BETWEEN["big-smile-lifts-cheek"], "eyeWide": [(0, 0), (0.7, 0.2)], "eyeYaw": [(0, 0), (0.06, 8)]}
    before, after = mended(paths, "eyes")
    changed = {
        one.channel
        for old, new in zip(before, after, strict=True)
        for one, other in zip(old.curves, new.curves, strict=True)
        if one.model_dump_json() != other.model_dump_json()
    }
    assert changed == {"cheekSquintLeft", "cheekSquintRight"}


def test_nothing_at_or_before_the_first_moment_changes():
    state = held({"mouthSmile": 0.9, "cheekSquint": 0.3})
    now = tracks({"cheekSquint": [(0, 0.3), (0.6, 0)]}, start=state)
    seen = view(state, now, SECONDS)
    after = repaired(seen, CONSTRAINTS.hard, REGIONS)
    assert not np.array_equal(after, seen.samples)
    assert np.array_equal(after[:, : seen.first + 1], seen.samples[:, : seen.first + 1])
    written = repair_tracks(state, now, SECONDS, CONSTRAINTS.hard, ("eyes",), "ruled")
    assert {c.channel: c.keys[0].value for t in written for c in t.curves} == last_values(state)


def test_a_repair_does_not_change_what_it_is_given():
    seen = view(rest(), tracks(BETWEEN["big-smile-lifts-cheek"]), SECONDS)
    before = seen.samples.copy()
    repaired(seen, CONSTRAINTS.hard, REGIONS)
    assert np.array_equal(seen.samples, before)


def test_regions_that_may_not_change_do_not():
    seen = view(rest(), tracks(BETWEEN["big-smile-lifts-cheek"]), SECONDS)
    assert np.array_equal(repaired(seen, CONSTRAINTS.hard, ("head", "mouth")), seen.samples)


def test_a_repair_says_in_the_source_why_it_was_made():
    _, after = mended(BETWEEN["big-smile-lifts-cheek"], "eyes")
    eyes = after[REGIONS.index("eyes")]
    assert {eyes.sources[k.source].note for k in eyes.curve("cheekSquintLeft").keys[1:]} == {"yielded"}


def test_what_shows_only_after_the_beat_is_prepared_before_its_end():
    # Lids shut for the last 0.15 s: the brow is due once they have been for longer, in the beat that follows.
    paths: Paths = {"eyeBlink": [(0, 0), (0.7, 0), (0.85, 1)]}
    state = held({"eyeSquint": 0.9})
    now = tracks(paths, start=state)
    assert "squeeze-lowers-brow" in broken(violations(view(state, now, 1.0), CONSTRAINTS.hard))
    after = repair_tracks(state, now, 1.0, yielding("brows"), ("brows",), "yielded")
    assert violations(view(state, after, 1.0), CONSTRAINTS.hard) == []
    assert after[0].curve("browDownLeft").keys[-1].value > 0.25


SUMS = [check for check in CONSTRAINTS.hard if isinstance(check.rule, Sum) and len(check.regions) == 1]


@pytest.mark.parametrize("place", range(len(SUMS)))
def test_a_sum_is_brought_down_in_the_channels_that_give_way(place):
    check = SUMS[place]
    paths = {name: [(0.0, 0.0), (0.6, 0.85)] for name in check.rule.names()}
    now = tracks(paths)
    seen = view(rest(), now, SECONDS)
    samples = repaired(seen, [check], REGIONS)
    assert check.violations(samples, 120, strict=True) == []
    changed = {name for name in CHANNELS if not np.array_equal(samples[INDEX[name]], seen.samples[INDEX[name]])}
    assert changed <= set(check.rule.gives)


def test_sums_that_share_a_channel_come_out_the_same_in_any_order():
    paths: Paths = {
        "mouthPucker": [(0, 0), (0.6, 0.9)],
        "mouthFunnel": [(0, 0), (0.6, 0.9)],
        "mouthSmile": [(0, 0), (0.6, 0.8)],
    }
    seen = view(rest(), tracks(paths), SECONDS)
    several = [*checks("pucker-or-smile"), *checks("funnel-or-smile"), *checks("roll-lower-or-lower-down")]
    assert np.array_equal(repaired(seen, several, REGIONS), repaired(seen, several[::-1], REGIONS))


@pytest.mark.parametrize(
    ("name", "paths"),
    [
        ("head-speed", {"headYaw": [(0, 0), (0.5, 0), (0.6, 50), (1.5, 50)]}),
        ("head-jolt", {"headRoll": [(0, 0), (0.5, 0), (0.56, 6), (0.62, 0)]}),
        ("tissue-jolt", {"browInnerUp": [(0, 0), (0.5, 0), (0.53, 0.6), (0.6, 0)]}),
        ("jaw-speed", {"jawOpen": [(0, 0), (0.5, 0), (0.53, 0.9), (1, 0)]}),
    ],
)
def test_what_is_too_fast_is_slowed_down_on_its_way_to_the_same_end(name, paths):
    (check,) = (check for check in checks(name) if set(paths) & set(check.rule.names()))
    now = tracks(paths)
    assert name in broken(violations(view(rest(), now, SECONDS), [check]))
    after = repair_tracks(rest(), now, SECONDS, CONSTRAINTS.within(check.region), (check.region,), "slowed")
    assert violations(view(rest(), after, SECONDS), CONSTRAINTS.within(check.region)) == []
    ((channel, path),) = paths.items()
    end = view(rest(), after, SECONDS).samples[INDEX[channel], -1]
    assert end == pytest.approx(path[-1][1], abs=0.1)


def test_a_spike_between_two_frames_of_judgement_is_seen_and_taken_away():
    # 0.1 ms at full size, halfway between frames at 120 per second: other rates would show it.
    paths: Paths = {"jawLeft": 0.0, "jawRight": [(0, 0), (1.0039, 0), (1.0041, 0.4), (1.0043, 0)], "jawOpen": 0.0}
    now = tracks({**paths, "jawLeft": [(0, 0), (0.5, 0.4)]}, "linear")
    assert "jaw-one-side" in broken(violations(view(rest(), now, SECONDS), CONSTRAINTS.hard))
    after, verdicts = rule(CONSTRAINTS, rest(), now, SECONDS)
    assert violations(view(rest(), after, SECONDS), CONSTRAINTS.hard) == []
    assert [verdict.region for verdict in verdicts if verdict.rung != "kept"] == ["mouth"]


def test_what_goes_apart_only_between_frames_is_seen_and_straightened():
    # Both eyes rise by 5 degrees within one frame, but one at its start and the other at its end.
    left, right = [(0, 0), (1.0001, 0), (1.0002, 5)], [(0, 0), (1.0081, 0), (1.0082, 5)]
    now = tracks({"eyePitchLeft": left, "eyePitchRight": right}, "linear")
    seen = view(rest(), now, SECONDS)
    assert [v for check in checks("eyes-level") for v in check.violations(seen.samples, 120, strict=True)] == []
    assert "eyes-level" in broken(violations(seen, CONSTRAINTS.hard))
    after = repair_tracks(rest(), now, SECONDS, CONSTRAINTS.within("eyes"), ("eyes",), "mended")
    assert violations(view(rest(), after, SECONDS), CONSTRAINTS.hard) == []


def test_repaired_tracks_hold_all_channels_of_their_region():
    _, after = mended(BETWEEN["gaze-rests-or-jumps"], "eyes")
    assert tuple(curve.channel for curve in after[REGIONS.index("eyes")].curves) == WRITABLE["eyes"]


def test_what_one_track_breaks_is_measured_once_whatever_company_it_is_in(monkeypatch):
    measured: list[str] = []
    measure = Check.violations

    def counted(self: Check, *args: object, **options: object) -> object:
        measured.append(self.rule.id)
        return measure(self, *args, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(Check, "violations", counted)
    state, jaw = rest(), tracks({"jawLeft": [(0, 0.5)], "jawRight": [(0, 0), (0.5, 0.9)]})
    brows = tracks({"browDown": [(0, 0), (0.4, 0.95)]})
    alone = violations(view(state, jaw, SECONDS), CONSTRAINTS.within("mouth"))
    assert "jaw-one-side" in broken(alone)
    assert measured
    measured.clear()
    together = (brows[0], *jaw[1:])
    assert violations(view(state, together, SECONDS), CONSTRAINTS.within("mouth")) == alone
    assert measured == []
    # An equal track that is another one, another past or another length is looked at for itself.
    for other in (
        view(state, [track.model_copy() for track in jaw], SECONDS),
        view(rest(), jaw, SECONDS),
        view(state, jaw, 1.5),
    ):
        assert "jaw-one-side" in broken(violations(other, CONSTRAINTS.within("mouth")))
        assert measured
        measured.clear()


def test_a_rule_that_was_kept_is_looked_at_again_once_another_repair_has_moved_its_channels():
    inner, outer = "browInnerUp", "browOuterUpLeft"
    both = Between(
        id="raised",
        severity="hard",
        why="a test",
        source="J",
        kind="between",
        weights={inner: 1, outer: 1},
        min=0.5,
        max=2,
        gives=(outer,),
    )
    low = Sum(id="inner-low", severity="hard", why="a test", source="J", kind="sum", weights={inner: 1}, max=0.1)
    seen = view(rest(), tracks({inner: [(0, 0.6)]}), SECONDS)
    margins = CONSTRAINTS.hard[0].margins
    after = repaired(seen, [Check(both, margins), Check(low, margins)], ["brows"])[:, seen.last - 1]
    # Of the two it is kept at first; what makes it broken is the repair of the other.
    assert after[INDEX[inner]] == pytest.approx(0.1, abs=0.03)
    assert after[INDEX[inner]] + after[INDEX[outer]] == pytest.approx(0.5, abs=0.03)
