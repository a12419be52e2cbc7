"""How curves go between keyframes: each mode against SciPy or its closed form, and what all of them keep to.

Tolerances are in units of the rise of a segment or of the largest value, whichever the arithmetic rounds at. EPS is the
spacing of float64 at 1; a formula of a dozen roundings with coefficients up to 15 stays below 64 of it.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import math
import os
import subprocess
import sys

from dataclasses import fields
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.interpolate import CubicHermiteSpline, PchipInterpolator

from protocol import curves as single_modes
from protocol import interpolation
from protocol.channels import CHANNELS
from protocol.interpolation import (
    compile_arrays,
    compile_curve,
    compile_curves,
    frame_times,
    sample_curve,
    sample_curves,
    sample_keys,
)
from protocol.keyframes import Curve, Keyframe, Mode, exact, key

EPS = 2.0**-52
TOLERANCE = 64 * EPS
MODES: tuple[Mode, ...] = get_args(Mode)
FREE: tuple[Mode, ...] = ("cubic", "bezier")
"""Modes that may leave the span of their two keyframes."""
NEVER_TURN: tuple[Mode, ...] = tuple(mode for mode in MODES if mode not in FREE)
HANDLES = (0.25, 0.1, 0.25, 1.0)
EVERYWHERE = (-1e9, 1e9)
"""A range that clips nothing."""


def one_segment(mode: Mode) -> tuple[Keyframe, Keyframe]:
    return key(1, 0.2, mode, handles=HANDLES if mode == "bezier" else None), key(3, 0.9)


def shape(mode: Mode, u: np.ndarray) -> np.ndarray:
    """s(u) of a mode, seen on a segment from 0 to 1 in time and value."""
    return sample_keys((key(0, 0, mode), key(1, 1)), u, *EVERYWHERE)


def arrays(modes: list[Mode], seed: int = 3, size: float = 1.0):
    """Random keyframes at uneven times: times, values, modes, handles."""
    rng = np.random.default_rng(seed)
    times = np.cumsum(rng.uniform(0.02, 1.0, len(modes)))
    return times, rng.uniform(-size, size, len(modes)), modes, rng.uniform(0, 1, (len(modes), 4))


def inside(times: np.ndarray, per_segment: int = 37) -> np.ndarray:
    """Times within all segments, the keyframes' own among them."""
    return np.unique(np.concatenate([np.linspace(a, b, per_segment) for a, b in pairwise(times)]))


_shares = st.one_of(st.sampled_from((0.0, 1.0)), st.integers(0, 10_000).map(lambda n: n / 10_000))
_anywhere = st.integers(-20_000, 30_000).map(lambda n: n / 10_000)
_gaps = st.one_of(st.integers(1, 5), st.integers(1, 20_000))


def curves(modes: tuple[Mode, ...] = MODES, most: int = 6) -> st.SearchStrategy[Curve]:
    """Curves of jawOpen, with gaps from the smallest there is up to 2 s."""
    plain = st.tuples(_gaps, _shares, st.sampled_from([mode for mode in modes if mode != "bezier"]), st.none())
    curved = st.tuples(_gaps, _shares, st.just("bezier"), st.tuples(_shares, _anywhere, _shares, _anywhere))
    return st.lists(st.one_of(plain, curved) if "bezier" in modes else plain, min_size=1, max_size=most).map(_curve)


def _curve(drawn) -> Curve:
    keys, ticks = [], 0
    for gap, value, mode, handles in drawn:
        keys.append(Keyframe(time=ticks / 10_000, value=value, mode=mode, handles=handles))
        ticks += gap
    return Curve(channel="jawOpen", keys=tuple(keys))


def probe(curve: Curve) -> np.ndarray:
    """Times before, on, between and after a curve's keyframes."""
    own = np.array([k.time for k in curve.keys])
    more = [np.nextafter(own, -1.0), np.nextafter(own, 1e9), np.linspace(-0.5, own[-1] + 0.5, 41)]
    return np.concatenate((own, *more, inside(own, 9) if own.size > 1 else own))


# Each mode against something else than itself


@pytest.mark.parametrize(
    ("mode", "closed_form"),
    [
        ("hold", lambda u: 0 * u),
        ("linear", lambda u: u),
        ("ease_in", lambda u: u**3),
        ("ease_out", lambda u: 1 - (1 - u) ** 3),
        ("ease_in_out", lambda u: u * u * (3 - 2 * u)),
        ("min_jerk", lambda u: u**3 * (10 + u * (6 * u - 15))),
        ("smooth", lambda u: u),  # two keyframes alone: SciPy's PCHIP is a line as well
        ("cubic", lambda u: u),
    ],
)
def test_a_polynomial_mode_is_its_closed_form_in_exact_fractions(mode, closed_form):
    keys = one_segment(mode)
    times = np.linspace(1, 3, 257)[:-1]
    a, b = Fraction(keys[0].value), Fraction(keys[1].value)
    expected = [float(a + (b - a) * closed_form((Fraction(t) - 1) / 2)) for t in times.tolist()]
    np.testing.assert_allclose(sample_keys(keys, times, *EVERYWHERE), expected, rtol=0, atol=TOLERANCE)


@pytest.mark.parametrize("mode", ["ease_in_out", "min_jerk"])
def test_a_mode_from_rest_to_rest_is_symmetric(mode):
    u = np.linspace(0, 1, 101)
    np.testing.assert_allclose(shape(mode, u) + shape(mode, 1 - u), 1, rtol=0, atol=TOLERANCE)


def test_min_jerk_has_neither_speed_nor_acceleration_at_its_ends():
    # s = 10 h^3 + O(h^4) near both ends, so h^2 and h^1 are absent; the other modes have them.
    h = np.array([1e-3, 2e-3])
    np.testing.assert_allclose(shape("min_jerk", h) / h**3, 10, rtol=0.01)
    np.testing.assert_allclose((1 - shape("min_jerk", 1 - h)) / h**3, 10, rtol=0.01)


@pytest.mark.parametrize("seed", range(8))
def test_smooth_is_scipy_s_pchip(seed):
    times, values, modes, _ = arrays(["smooth"] * 40, seed, size=30)
    at = inside(times)
    mine = compile_arrays(times, values, modes, None, *EVERYWHERE).sample(at)
    # Cancellation in Hermite form: some roundings of numbers up to three times the largest value.
    np.testing.assert_allclose(mine, PchipInterpolator(times, values)(at), rtol=0, atol=TOLERANCE * 30)


@given(curves(("smooth",)))
def test_smooth_is_scipy_s_pchip_at_any_gaps_and_values(curve):
    times, values = (np.array([getattr(k, name) for k in curve.keys]) for name in ("time", "value"))
    if times.size < 2:
        return
    at = inside(times)
    # SciPy's own power form divides by the span, of 1e-4 s at the least, after differences of slopes up to 1e4.
    np.testing.assert_allclose(sample_curve(curve, at), PchipInterpolator(times, values)(at), rtol=0, atol=1e-11)


def test_cubic_is_scipy_s_hermite_spline_with_catmull_rom_tangents():
    times, values, modes, _ = arrays(["cubic"] * 40, size=30)
    slopes = np.empty(40)
    slopes[1:-1] = (values[2:] - values[:-2]) / (times[2:] - times[:-2])
    slopes[0] = (values[1] - values[0]) / (times[1] - times[0])
    slopes[-1] = (values[-1] - values[-2]) / (times[-1] - times[-2])
    at = inside(times)
    mine = compile_arrays(times, values, modes, None, *EVERYWHERE).sample(at)
    # Slopes reach 3,000 per second where gaps are shortest, and roundings scale with them.
    np.testing.assert_allclose(mine, CubicHermiteSpline(times, values, slopes)(at), rtol=0, atol=TOLERANCE * 30)


def test_cubic_goes_through_evenly_spaced_points_of_a_parabola_exactly_in_the_middle():
    # Catmull-Rom reproduces parabolas on even times.
    keys = [key(t, (t - 2) ** 2, "cubic") for t in range(6)]
    at = np.linspace(1, 4, 301)
    np.testing.assert_allclose(sample_keys(keys, at, *EVERYWHERE), (at - 2) ** 2, rtol=0, atol=TOLERANCE * 9)


@pytest.mark.parametrize("mode", ["smooth", "cubic"])
def test_slopes_come_from_neighbours_of_any_mode_but_hold(mode):
    times, values, all_same, handles = arrays([mode] * 9)
    mixed: list[Mode] = ["linear", mode, "spring", mode, mode, "bezier", "min_jerk", mode, "hold"]
    at = inside(times)
    segment = np.searchsorted(times, at, side="right") - 1
    here = np.isin(segment, [k for k in range(8) if mixed[k] == mode])
    alone = compile_arrays(times, values, all_same, None, *EVERYWHERE).sample(at)
    beside = compile_arrays(times, values, mixed, handles, *EVERYWHERE).sample(at)
    assert here.sum() > 100
    assert (alone[here] == beside[here]).all()


@pytest.mark.parametrize("mode", ["smooth", "cubic"])
@pytest.mark.parametrize("held", [{0}, {3}, {8}, {2, 3}, {0, 2, 4, 6}, {1, 5}])
def test_a_hold_parts_a_curve_into_runs_that_know_nothing_of_each_other(mode, held):
    times, values, _, _ = arrays([mode] * 10)
    modes: list[Mode] = ["hold" if k in held else mode for k in range(10)]
    whole = compile_arrays(times, values, modes, None, *EVERYWHERE)
    edges = [0, *(k + 1 for k in sorted(held)), 10]
    for first, end in pairwise(edges):
        run = slice(first, end)
        if end - first > 1:
            at = inside(times[run])
            part = compile_arrays(times[run], values[run], [mode] * (end - first), None, *EVERYWHERE)
            assert (whole.sample(at) == part.sample(at)).all()
        if end < 10:
            assert (whole.sample(np.linspace(times[end - 1], np.nextafter(times[end], 0), 9)) == values[end - 1]).all()


# What all modes keep to


@given(curves())
def test_a_channel_never_leaves_its_range(curve):
    sampled = sample_curve(curve, probe(curve))
    assert (sampled >= 0).all()
    assert (sampled <= 1).all()  # NaN would fail both


def test_a_curve_that_would_overshoot_is_clipped_to_its_channel():
    keys = (key(0, 0.9, "bezier", handles=(0.3, 3.0, 0.6, -3.0)), key(1, 0.95, "cubic"), key(2, 1, "cubic"), key(3, 0.1))
    at = np.linspace(0, 3, 301)
    free, kept = sample_keys(keys, at, *EVERYWHERE), sample_curve(Curve(channel="jawOpen", keys=keys), at)
    assert free.max() > 1
    assert (kept == np.clip(free, 0, 1)).all()


@given(curves())
def test_a_keyframe_s_value_is_met_exactly_at_its_time(curve):
    times = np.array([k.time for k in curve.keys])
    assert sample_curve(curve, times).tolist() == [k.value for k in curve.keys]


@given(curves())
def test_the_first_value_holds_before_and_the_last_after(curve):
    first, last = curve.keys[0], curve.keys[-1]
    assert set(sample_curve(curve, np.array([-1e300, -3600.0, -1e-9, -0.0])).tolist()) == {first.value}
    after = np.array([last.time, np.nextafter(last.time, 9e9), last.time + 1, 1e300])
    assert set(sample_curve(curve, after).tolist()) == {last.value}


@given(curves(NEVER_TURN))
def test_no_mode_but_cubic_and_bezier_leaves_the_span_of_its_keyframes(curve):
    for before, after in pairwise(curve.keys):
        sampled = sample_curve(curve, np.linspace(before.time, np.nextafter(after.time, 0), 33))
        assert sampled.min() >= min(before.value, after.value)
        assert sampled.max() <= max(before.value, after.value)


@given(curves(NEVER_TURN))
def test_no_mode_but_cubic_and_bezier_turns_between_two_keyframes(curve):
    for before, after in pairwise(curve.keys):
        sampled = sample_curve(curve, np.linspace(before.time, np.nextafter(after.time, 0), 65))
        way = 1 if after.value >= before.value else -1
        # Neighbouring samples may tie or swap by roundings of the segment's own size.
        assert (way * np.diff(sampled) >= -TOLERANCE * abs(after.value - before.value)).all()


@given(curves(), st.integers(0, 10_000))
def test_equal_keyframes_stay_equal_in_between(curve, ticks):
    value = ticks / 10_000
    level = Curve(channel="jawOpen", keys=tuple(k.model_copy(update={"value": value}) for k in curve.keys))
    assert set(sample_curve(level, probe(level)).tolist()) == {value}


@given(curves(tuple(mode for mode in MODES if mode != "hold")))
def test_only_hold_jumps(curve):
    for before, after in pairwise(curve.keys):
        if after.time - before.time >= 0.1:
            # The steepest of these modes, bar bezier, rises by 3 times a rise of 1 in 0.1 s, times 1e-9 s before its end.
            steepest = 1e-6 if before.mode != "bezier" else 1e-2
            assert abs(sample_curve(curve, np.array([after.time - 1e-9]))[0] - after.value) < steepest


@settings(max_examples=40)  # each samples many times over
@given(curves(most=6), st.randoms(use_true_random=False))
def test_a_sample_s_bits_do_not_depend_on_its_company(curve, random):
    at = probe(curve)[::3]
    compiled = compile_curve(curve)
    together = compiled.sample(at)
    order = list(range(at.size))
    random.shuffle(order)
    assert compiled.sample(at[order]).tobytes() == together[order].tobytes()
    ascending = np.argsort(at, kind="stable")
    assert compiled.sample(at[ascending]).tobytes() == together[ascending].tobytes()
    for batch, some in ((1, at[:12]), (7, at)):
        parts = [compiled.sample(some[i : i + batch]) for i in range(0, some.size, batch)]
        assert np.concatenate(parts).tobytes() == together[: some.size].tobytes()


@settings(max_examples=40)  # each samples many times over
@given(st.lists(curves(most=5), max_size=4), st.booleans())
def test_curves_sampled_together_have_the_bits_that_each_has_alone(several, ordered):
    at = np.concatenate([np.linspace(-0.5, 4, 50), *(probe(curve)[::3] for curve in several)])
    at = np.sort(at) if ordered else at
    together = sample_curves(several, at)
    assert together.shape == (len(several), at.size)
    for row, curve in zip(together, several, strict=True):
        assert row.tobytes() == sample_curve(curve, at).tobytes()


def test_more_samples_than_one_batch_have_the_bits_that_each_curve_has_alone(monkeypatch):
    draw = np.random.default_rng(5).random
    several = [
        Curve(channel=channel, keys=tuple(key(place / 4, draw(), mode) for place, mode in enumerate(NEVER_TURN)))
        for channel in ("jawOpen", "headYaw", "browInnerUp", "headZ", "eyePitchLeft")
    ]
    at = np.linspace(0, 2, 100)
    alone = [sample_curve(curve, at).tobytes() for curve in several]
    for batch in (1, 150, 200, 1000):
        monkeypatch.setattr(interpolation, "_BATCH", batch)
        assert [row.tobytes() for row in compile_curves(several).sample(at)] == alone


@given(curves(NEVER_TURN))
def test_no_result_is_a_negative_zero(curve):
    values = sample_keys([k.model_copy(update={"value": -k.value}) for k in curve.keys], probe(curve), -1, -0.0)
    assert not np.signbit(values[values == 0]).any()


def test_one_keyframe_is_a_constant():
    for mode in MODES:
        assert set(sample_keys(one_segment(mode)[:1], np.linspace(-1, 5, 13), 0, 1).tolist()) == {0.2}


def test_keyframes_outside_the_range_count_as_its_nearest_end():
    keys = (key(0, -1, "linear"), key(1, 3))
    assert sample_keys(keys, np.array([0, 0.25, 1]), 0, 1).tolist() == [0, 0.25, 1]


def test_a_bound_of_negative_zero_is_zero():
    values = sample_keys((key(0, 0, "cubic"), key(1, 1)), np.array([-1.0, 0.0]), -0.0, 1)
    assert not np.signbit(values).any()
    compiled = compile_arrays(np.zeros(1), np.array([-0.0]), ["hold"], None, -0.0, -0.0).segments
    assert not np.signbit([compiled.values, compiled.lows, compiled.highs]).any()


def test_no_times_give_no_samples():
    assert sample_keys(one_segment("bezier"), np.zeros(0), 0, 1).shape == (0,)


def test_a_curve_keeps_to_the_range_of_its_own_channel():
    keys = (key(0, -50, "cubic"), key(0.5, -59, "cubic"), key(1, -59, "cubic"), key(1.5, 40))
    sampled = sample_curve(Curve(channel="headYaw", keys=keys), np.linspace(0, 2, 200))
    assert sampled.min() == CHANNELS["headYaw"].low == -60
    assert sampled.max() == 40


# Borders


@pytest.mark.parametrize("times", [[0.0, math.nan], [math.inf], [[0.0, 1.0]], 1.0])
def test_times_that_are_not_a_row_of_finite_numbers_are_refused(times):
    with pytest.raises(ValueError, match="one row of finite seconds"):
        sample_keys(one_segment("linear"), np.array(times), 0, 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"times": [0.0, 1.0]}, "2 times, 3 values and 3 modes"),
        ({"values": [0.0]}, "3 times, 1 values"),
        ({"times": [], "values": [], "modes": []}, "at least one"),
        ({"times": [0.0, 2.0, 2.0]}, r"keyframe at 2\.0 s does not come after 2\.0 s"),
        ({"times": [0.0, 2.0, 1.0]}, r"keyframe at 1\.0 s does not come after 2\.0 s"),
        ({"times": [0.0, math.nan, 1.0]}, "finite"),
        ({"values": [0.0, math.inf, 1.0]}, "finite"),
        ({"low": 1.0, "high": 0.0}, r"low is above its high: \[\[1\.0, 0\.0\]\]"),
        ({"modes": ["bezier", "linear", "linear"], "handles": None}, "need handles"),
        ({"modes": ["bezier", "linear", "linear"], "handles": [[0.0, 0, 1, 1]]}, "need handles"),
        ({"modes": ["bezier", "linear", "linear"], "handles": [[1.5, 0, 1, 1]] * 3}, r"x within 0\.\.1"),
        ({"modes": ["bezier", "linear", "linear"], "handles": [[0, math.nan, 1, 1]] * 3}, "finite"),
    ],
)
def test_arrays_that_are_not_a_curve_are_refused_with_the_place(change, message):
    given = {"times": [0.0, 1.0, 2.0], "values": [0.0, 1.0, 0.5], "modes": ["smooth"] * 3, "handles": None} | change
    handles = None if given["handles"] is None else np.array(given["handles"], dtype=np.float64)
    times, values = np.array(given["times"], dtype=np.float64), np.array(given["values"], dtype=np.float64)
    low, high = change.get("low", 0.0), change.get("high", 1.0)
    with pytest.raises(ValueError, match=message):
        compile_arrays(times, values, given["modes"], handles, low, high)


def test_a_compiled_curve_is_the_curve_and_cannot_be_changed():
    curve = Curve(
        channel="jawOpen", keys=(key(0, 0, "spring"), key(1, 1, "bezier", handles=HANDLES), key(2, 0, "linear"), key(3, 0.5))
    )
    compiled = compile_curve(curve)
    at = np.linspace(0, 3, 100)
    assert (compiled.sample(at) == sample_curve(curve, at)).all()
    for field in fields(compiled.segments):
        array = getattr(compiled.segments, field.name)
        assert array.size
        with pytest.raises(ValueError, match="read-only"):
            array[...] = 0


def test_arrays_that_were_handed_in_stay_the_caller_s():
    times, values, modes, handles = arrays(["bezier", "smooth", "spring", "linear"])
    before = [array.copy() for array in (times, values, handles)]
    compile_arrays(times, values, modes, handles, -1, 1).sample(times)
    for array, old in zip((times, values, handles), before, strict=True):
        assert array.flags.writeable
        assert (array == old).all()


# Frame times


@pytest.mark.parametrize("fps", [Fraction(24), Fraction(25), Fraction(60), Fraction(30000, 1001), Fraction(1, 3)])
def test_a_frame_s_time_is_the_float_nearest_to_its_exact_time(fps):
    times = frame_times(5000, fps, first=100_000)
    assert times.tolist() == [float(n / fps) for n in range(100_000, 105_000)]


def test_frame_times_do_not_depend_on_where_counting_starts():
    fps = Fraction(24000, 1001)
    assert frame_times(100, fps)[40:].tobytes() == frame_times(60, fps, first=40).tobytes()
    assert frame_times(0, fps).shape == (0,)


@pytest.mark.parametrize(("count", "fps", "first"), [(-1, 25, 0), (1, 0, 0), (1, -25, 0), (10, Fraction(1, 2**53), 0)])
def test_frames_that_cannot_be_timed_are_refused(count, fps, first):
    with pytest.raises(ValueError, match="cannot be timed"):
        frame_times(count, Fraction(fps), first)


# The same bits everywhere


def everything_sampled() -> bytes:
    """A fixed set of curves with all modes in all neighbourhoods, and its samples at three frame rates."""
    # Fixed numbers from whole-number arithmetic (Lehmer's generator), which no library's version changes.
    state = 20_251_120

    def draw(below: int) -> int:
        nonlocal state
        state = state * 48_271 % (2**31 - 1)
        return state % below

    digest = b""
    for channel, size in (("jawOpen", 1.0), ("headYaw", 60.0), ("eyePitchLeft", 26.0)):
        keys, at = [], 0.0
        for _ in range(400):
            mode = MODES[draw(len(MODES))]
            handles = tuple(draw(10_001) / 10_000 for _ in range(4)) if mode == "bezier" else None
            value = draw(10_001) / 10_000 * size if channel == "jawOpen" else (draw(20_001) / 10_000 - 1) * size
            keys.append(key(at, value, mode, handles=handles))
            at = exact(at + (1 + draw(8000)) / 10_000)
        compiled = compile_curve(Curve(channel=channel, keys=tuple(keys)))
        for fps in (Fraction(60), Fraction(30000, 1001), Fraction(24)):
            digest += hashlib.sha256(compiled.sample(frame_times(math.ceil(at * fps), fps)).tobytes()).digest()
    return hashlib.sha256(digest).digest()


FROZEN = "ed1517145ef3404e03ce9e407af4f80f6534c37bcb36c76811e78b1b02fada3f"


def test_samples_have_the_bits_that_they_have_always_had():
    # FROZEN was taken when the modes had passed the tests above, on x86-64 with NumPy 2.4. If this fails and nothing else
    # does, recorded takes would be replayed to other bits: a change of the formulas has to be a decision, written down
    # with the journals' behaviour flags, and never a side effect.
    assert everything_sampled().hex() == FROZEN


def test_samples_have_the_same_bits_with_fewer_processor_features():
    found = np.show_config(mode="dicts")["SIMD Extensions"]["found"]
    if not found:
        pytest.skip("NumPy uses no processor feature here that could be switched off")
    code = "from tests.test_interpolation import everything_sampled; print(everything_sampled().hex())"
    plain = subprocess.run(
        [sys.executable, "-c", code],
        env=os.environ | {"NPY_DISABLE_CPU_FEATURES": " ".join(found), "PYTHONPATH": "."},
        cwd=Path(__file__).parent.parent,
        capture_output=True,
        text=True,
        check=True,
    )
    assert plain.stdout.strip() == everything_sampled().hex()


ROUNDED_ALIKE = {
    *("abs", "sign", "floor", "maximum", "minimum", "where", "isfinite", "argsort"),
    *("arange", "array", "asarray", "concatenate", "empty", "empty_like", "zeros", "zeros_like", "ones"),
    *("flatnonzero", "repeat", "searchsorted", "newaxis", "float64", "int64", "bool_"),
}
"""NumPy's functions that choose, compare, move or round to a whole number: exact, so alike on every processor."""


@pytest.mark.parametrize("module", [interpolation, single_modes])
def test_sampling_uses_only_arithmetic_that_rounds_alike_everywhere(module):
    tree = ast.parse(inspect.getsource(module))
    names = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute) and ast.unparse(node.value) == "np"}
    assert names <= ROUNDED_ALIKE
    sums = {"sum", "mean", "dot", "prod", "cumsum", "var", "std", "trace"}
    assert not {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)} & sums
    powers = [node for node in ast.walk(tree) if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Pow | ast.MatMult)]
    assert all(isinstance(node.left, ast.Constant) and isinstance(node.left.value, int) for node in powers)
