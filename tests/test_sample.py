"""The sample portrait: the same picture each time, head and shoulders, of a size that a codec takes."""

from __future__ import annotations

import io

import numpy as np
import pytest

from PIL import Image

from renderer.sample import BOX, main, sample_portrait, write_sample
from renderer.weights import Weights, WeightsError
from tests.program import left
from tests.wheels import FakePip, catalogue, members


def photograph() -> bytes:
    """A ramp of red to the right and green downwards, as large as the photograph."""
    rows, columns = np.mgrid[0:512, 0:512] // 2
    stream = io.BytesIO()
    Image.fromarray(np.stack([columns, rows, np.full_like(rows, 90)], axis=-1).astype(np.uint8)).save(stream, "PNG")
    return stream.getvalue()


@pytest.fixture
def weights(tmp_path) -> Weights:
    picture = photograph()
    return Weights(tmp_path / "cache", catalogue(picture), run=FakePip(held=members(picture)))


def test_it_is_cut_out_enlarged_and_the_same_each_time(weights):
    picture = sample_portrait(weights)
    assert picture.shape == (640, 512, 3)
    assert picture.dtype == np.uint8
    # The middle of a pixel of the ramp keeps its place and its colour.
    assert abs(int(picture[320, 256, 0]) - (BOX[0] + 128) // 2) <= 2
    assert abs(int(picture[320, 256, 1]) - 160 // 2) <= 2
    assert np.array_equal(picture, sample_portrait(weights))


def test_it_is_written_whole_as_png(weights, tmp_path):
    folder = tmp_path / "out"
    folder.mkdir()
    write_sample(folder / "portrait.png", weights)
    assert left(folder) == ["portrait.png"]
    with Image.open(folder / "portrait.png") as picture:
        assert np.array_equal(np.array(picture), sample_portrait(weights))


@pytest.mark.parametrize("place", ["none/portrait.png", "file/portrait.png", "folder"])
def test_a_place_that_cannot_be_written_is_named(weights, tmp_path, place):
    (tmp_path / "file").write_text("in the way")
    (tmp_path / "folder").mkdir()
    before = left(tmp_path)
    weights.pull()
    with pytest.raises(WeightsError, match="cannot be written"):
        write_sample(tmp_path / place, weights)
    assert [name for name in left(tmp_path) if not name.startswith("cache")] == before


def test_without_the_photograph_it_says_why_on_one_line(tmp_path, monkeypatch, capsys):
    (tmp_path / "file").write_text("in the way")
    monkeypatch.setenv("TEXTUPORTRAY_MODELS", str(tmp_path / "file" / "cache"))
    assert main([str(tmp_path / "portrait.png")]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    assert printed.err.startswith("python -m renderer.sample: The folder of the models")
    assert printed.err.count("\n") == 1
    assert not (tmp_path / "portrait.png").exists()


def test_the_real_one_shows_a_head_before_a_plain_background(sample):
    assert sample.shape == (640, 512, 3)
    corners = [sample[:60, :60], sample[:60, -60:]]  # backdrop: light and grey
    assert all(150 < corner.mean() < 230 and np.ptp(corner.mean(axis=(0, 1))) < 30 for corner in corners)
    red, green, blue = sample[560:, :60].mean(axis=(0, 1))  # a shoulder in orange
    assert red > green + 60 > blue + 60
