"""The arithmetic of single modes: the spring against its equation, Bezier curves against exact halving."""

from __future__ import annotations

import math

from fractions import Fraction

import numpy as np
import pytest

from hypothesis import given
from hypothesis import strategies as st

from protocol.curves import SPRING_RATE, decay, spring_shape
from protocol.interpolation import sample_keys
from protocol.keyframes import key

EPS = 2.0**-52


def bezier(u: np.ndarray, handles: tuple[float, ...]) -> np.ndarray:
    """A Bezier segment from 0 to 1 in time and value, clipped to nothing."""
    return sample_keys((key(0, 0, "bezier", handles=handles), key(1, 1)), u, -1e9, 1e9)


def test_spring_is_the_critically_damped_step_response_scaled_to_its_goal():
    u = np.linspace(0, 1, 1001)
    goal = 1 - (1 + SPRING_RATE) * math.exp(-SPRING_RATE)
    expected = [(1 - (1 + SPRING_RATE * x) * math.exp(-SPRING_RATE * x)) / goal for x in u.tolist()]
    np.testing.assert_allclose(spring_shape(u), expected, rtol=0, atol=8 * EPS)


def test_spring_starts_and_ends_exactly():
    assert spring_shape(np.array([0.0, 1.0])).tolist() == [0.0, 1.0]


def test_spring_would_be_within_one_percent_of_its_goal_when_its_segment_ends():
    assert (1 + SPRING_RATE) * math.exp(-SPRING_RATE) == pytest.approx(0.01, rel=1e-12)


def test_spring_obeys_its_equation_of_motion():
    # x'' + 2w x' + w^2 (x - goal) = 0, by central differences; their error is h^2 w^4 / 12, about 2e-4 of w^2 here.
    h = 1e-3
    u = np.linspace(0.01, 0.99, 99)
    before, here, after = (spring_shape(u + step) for step in (-h, 0, h))
    goal = 1 / (1 - (1 + SPRING_RATE) * math.exp(-SPRING_RATE))
    residual = (after - 2 * here + before) / h**2 + SPRING_RATE * (after - before) / h + SPRING_RATE**2 * (here - goal)
    assert np.abs(residual).max() < 1e-3 * SPRING_RATE**2


def test_the_exponential_behind_the_spring_is_good_to_two_units_in_the_last_place():
    x = np.concatenate((np.linspace(0, 8, 20_001), np.arange(0, 8, 1 / 16), np.nextafter(np.arange(1, 8) / 16, 0)))
    # The C library's own result may be off by one unit more.
    expected = np.array([math.exp(-value) for value in x.tolist()])
    assert (np.abs(decay(x) - expected) <= 3 * np.spacing(expected)).all()
    assert decay(np.zeros(1))[0] == 1


def exact_bezier(handles: tuple[float, ...], u: Fraction) -> Fraction:
    """y where x(p) = u, by halving in whole numbers of 2^-80."""
    x1, y1, x2, y2 = (Fraction(h) for h in handles)
    low, high = 0, 2**80

    def point(first: Fraction, second: Fraction, p: Fraction) -> Fraction:
        return 3 * (1 - p) * (1 - p) * p * first + 3 * (1 - p) * p * p * second + p**3

    while high - low > 1:
        middle = (low + high) // 2
        if point(x1, x2, Fraction(middle, 2**80)) <= u:
            low = middle
        else:
            high = middle
    return point(y1, y2, Fraction(low, 2**80))


@pytest.mark.parametrize(
    "handles",
    [
        (0.25, 0.1, 0.25, 1.0),  # the four of CSS: ease, ease-in, ease-out, ease-in-out
        (0.42, 0.0, 1.0, 1.0),
        (0.0, 0.0, 0.58, 1.0),
        (0.42, 0.0, 0.58, 1.0),
        (0.68, -0.55, 0.265, 1.55),  # goes beyond both ends
        (0.9, 0.0, 0.1, 1.0),  # nearly upright in the middle
    ],
)
def test_bezier_gives_y_where_x_is_the_time(handles):
    u = np.linspace(0, 1, 101)[:-1]
    expected = [float(exact_bezier(handles, Fraction(x))) for x in u.tolist()]
    np.testing.assert_allclose(bezier(u, handles), expected, rtol=0, atol=1e-12)


_quarters = st.one_of(st.sampled_from((0.0, 1.0)), st.integers(0, 10_000).map(lambda n: n / 10_000))


def assert_right_within_rounding(handles: tuple[float, float, float, float], u: float) -> None:
    # Where dx/dp is 0 the last bits of u decide; between the true results for u a little earlier and later it must be.
    # Handles with y in 0..1 make y rise with u, so that these two bound it.
    slack = Fraction(16 * EPS)
    early, late = (exact_bezier(handles, min(max(Fraction(u) + side * slack, Fraction(0)), Fraction(1))) for side in (-1, 1))
    assert float(early) - 1e-12 <= bezier(np.array([u]), handles)[0] <= float(late) + 1e-12


@given(st.tuples(_quarters, _quarters, _quarters, _quarters), st.floats(0, 1, exclude_max=True))
def test_bezier_is_right_for_a_time_within_rounding_whatever_its_handles(handles, u):
    assert_right_within_rounding(handles, u)


@pytest.mark.parametrize("side", [-1, 1])
@pytest.mark.parametrize("power", [4, 20, 33, 46, 52])
def test_bezier_is_right_beside_the_point_where_it_is_upright(side, power):
    # From here Newton's method alone is thrown 2^power / 12 away.
    assert_right_within_rounding((1.0, 0.25, 0.0, 0.75), 0.5 + side * 2.0**-power)


@pytest.mark.parametrize("handles", [(0.3333, 0.3333, 0.6667, 0.6667), (0.0, 0.0, 1.0, 1.0), (0.5, 0.5, 0.5, 0.5)])
def test_bezier_with_handles_on_the_diagonal_is_linear(handles):
    u = np.linspace(0, 1, 1001)
    np.testing.assert_allclose(bezier(u, handles), u, rtol=0, atol=1e-12)
