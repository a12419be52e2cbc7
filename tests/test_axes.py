"""An eye's or a mouth's own coordinates go both ways, and curves over them are looked up."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from renderer.puppet.axes import FROM, TO, Axes, look_up, smoothstep, steps

TILTED = Axes.between(np.array([10.0, 20.0]), np.array([40.0, 60.0]))


def test_corners_lie_at_nought_and_one_on_the_line():
    assert TILTED.width == 50
    t, v = TILTED.of_points(np.array([[10.0, 20.0], [40.0, 60.0], [25.0, 40.0]])).T
    assert t.tolist() == pytest.approx([0, 1, 0.5])
    assert v.tolist() == pytest.approx([0, 0, 0], abs=1e-12)


def test_v_points_up_in_the_picture():
    level = Axes.between(np.array([0.0, 0.0]), np.array([10.0, 0.0]))
    assert level.of_points(np.array([[5.0, -3.0]])).tolist() == [[0.5, 3.0]]


def test_both_ways_meet_for_arrays_and_tensors():
    random = np.random.default_rng(3)
    points = random.uniform(-100, 100, (20, 2))
    t, v = TILTED.of_points(points).T
    assert np.stack(TILTED.to_points(t, v), axis=1) == pytest.approx(points)
    places = torch.from_numpy(points.T.copy())[None]
    seen = TILTED.coordinates(places)
    assert seen[0][0].tolist() == pytest.approx(t.tolist())
    assert torch.allclose(TILTED.places(*seen), places)


def test_a_box_holds_the_range():
    left, top, right, bottom = TILTED.box((-0.2, 1.2), (8.0, -4.0))
    for t in (-0.2, 1.2):
        for v in (8.0, -4.0):
            x, y = TILTED.to_points(np.array(t), np.array(v))
            assert left <= x <= right
            assert top <= y <= bottom


def test_curves_are_looked_up_between_entries_and_held_beyond_them():
    table = torch.from_numpy(np.stack([steps(), 2 * steps()])).float()
    t = torch.tensor([[0.0, 0.123, 1.0, TO + 5, FROM - 5]])
    first, second = look_up(table, t)[:, 0]
    assert first.tolist() == pytest.approx([0, 0.123, 1, TO, FROM], abs=1e-4)
    assert second.tolist() == pytest.approx([0, 0.246, 2, 2 * TO, 2 * FROM], abs=1e-4)


def test_nought_and_one_are_entries_of_a_table():
    assert np.abs(steps()).min() == pytest.approx(0, abs=1e-12)
    assert np.abs(steps() - 1).min() == pytest.approx(0, abs=1e-12)


def test_a_smooth_step_goes_either_way():
    x = torch.tensor([0.0, 1.0, 2.0, 3.0])
    assert smoothstep(1.0, 3.0, x).tolist() == [0, 0, 0.5, 1]
    assert smoothstep(3.0, 1.0, x).tolist() == [1, 1, 0.5, 0]
