"""What the extremes of channels say about rules: never that one is kept which a frame breaks, and enough to be of use."""

from __future__ import annotations

import numpy as np
import pytest

from hypothesis import given, settings
from hypothesis import strategies as st

from protocol.channels import CHANNELS, NAMES
from protocol.constraints import Check
from protocol.extents import Extents
from protocol.timeline import RATE
from tests.test_constraints import CASES, HUMAN
from tests.tracks import CONSTRAINTS, Paths, checks, motion

STEMS = sorted({channel.stem for channel in CHANNELS.values() if not channel.name.startswith("eyeLook")})
SIZES = {"head": 60.0, "eyeYaw": 40.0, "eyePitch": 40.0}


def left_out(paths: Paths, seconds: float = 1.6) -> tuple[Extents, list[Check]]:
    """The extents of a motion, and the rules that by them need no measuring; none of those finds anything."""
    samples = motion(paths, seconds, RATE)
    extents = Extents.of(samples)
    kept = [check for check in CONSTRAINTS.checks if not extents.allow(check)]
    for check in kept:
        assert check.violations(samples, RATE, strict=True) == []
    return extents, kept


def size(stem: str) -> float:
    return next((size for start, size in SIZES.items() if stem.startswith(start)), 1.2)


@given(
    st.dictionaries(
        st.sampled_from(STEMS),
        st.lists(st.tuples(st.integers(1, 40), st.floats(-1, 1)), min_size=1, max_size=4),
        min_size=1,
        max_size=6,
    )
)
@settings(max_examples=40, deadline=None)
def test_a_rule_that_is_left_out_is_kept_on_every_frame(moves):
    paths = {}
    for stem, steps in moves.items():
        times = np.cumsum([step / 50 for step, _ in steps]).tolist()
        paths[stem] = [(0.0, 0.0), *((time, share * size(stem)) for time, (_, share) in zip(times, steps, strict=True))]
    left_out(paths, 1.2)


@pytest.mark.parametrize("rule", sorted(CASES))
def test_a_rule_that_is_broken_is_measured(rule):
    extents, _ = left_out(CASES[rule][0])
    assert any(extents.allow(check) for check in checks(rule))


def test_at_rest_hardly_anything_is_measured():
    _, kept = left_out({})
    assert len(kept) > 0.9 * len(CONSTRAINTS.checks)


def test_a_smile_has_most_rules_left_out():
    _, kept = left_out(HUMAN["felt smile"])
    assert len(kept) > 0.7 * len(CONSTRAINTS.checks)


def test_extents_of_several_motions_reach_as_far_as_any_of_them():
    one, other = motion({"headYaw": -20}, 0.2, RATE), motion({"headYaw": 30}, 0.2, RATE)
    both, row = Extents.of(one, (other,)), NAMES.index("headYaw")
    assert (both.low[row], both.high[row]) == (-20, 30)
