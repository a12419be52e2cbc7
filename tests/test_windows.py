"""Windows take equal parts out of the frames of a batch, each at its own place, and put them back."""

from __future__ import annotations

import torch

from renderer.puppet.windows import window


def frames() -> torch.Tensor:
    """[2, 1, 6, 8]: each pixel tells its frame, row and column."""
    values = torch.arange(48.0).reshape(6, 8)
    return torch.stack([values, values + 100])[:, None]


def test_each_frame_has_its_own_place():
    around = window(torch.tensor([[2.0, 2.0], [6.0, 4.0]]), 2, 2, (6, 8))
    first, second = around.take(frames())[:, 0]
    assert first.tolist() == [[9, 10], [17, 18]]
    assert second.tolist() == [[129, 130], [137, 138]]


def test_a_window_stays_inside():
    around = window(torch.tensor([[-50.0, -50.0], [50.0, 50.0]]), 2, 3, (6, 8))
    first, second = around.take(frames())[:, 0]
    assert first.tolist() == [[0, 1, 2], [8, 9, 10]]
    assert second.tolist() == [[137, 138, 139], [145, 146, 147]]


def test_a_window_is_never_larger_than_the_frame():
    around = window(torch.tensor([[4.0, 3.0]]), 100, 100, (6, 8))
    assert torch.equal(around.take(frames()[:1]), frames()[:1])


def test_what_is_put_back_is_there_and_nothing_else_changed():
    whole = frames()
    around = window(torch.tensor([[2.0, 2.0], [6.0, 4.0]]), 2, 2, (6, 8))
    around.put(whole, -around.take(whole))
    changed = whole != frames()
    assert changed.sum() == 8
    assert torch.equal(whole.abs(), frames().abs())
