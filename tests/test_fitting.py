"""A motion within what a rig can show: eased, cut, told about; and the rows of a take that are those of its file."""

from __future__ import annotations

import itertools
import re

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from protocol.channels import INDEX, NAMES
from renderer.motions import read_motion
from runtime.fitting import as_rendered, fitted, shown_rows
from runtime.outputs import write_motion
from tests.staging import BLINK, YAW

RANGES = {"headYaw": (-20.0, 20.0)}


def motion(frames: int, **channels: Any) -> np.ndarray:
    samples = np.zeros((frames, len(NAMES)), np.float32)
    for name, values in channels.items():
        samples[:, INDEX[name]] = values
    return samples


def test_what_the_rig_can_show_is_not_touched():
    samples = motion(3, eyeBlinkLeft=[0, 0.5, 1], headYaw=[0, 10, -15])
    shown, notes = fitted(samples, RANGES)
    assert np.array_equal(shown, samples)
    assert notes == ()


def test_a_pose_beyond_the_rigs_range_is_eased_and_told():
    shown, notes = fitted(motion(3, headYaw=[10, 34, 12]), RANGES)
    assert shown[[0, 2], YAW].tolist() == [10, 12]
    assert 19 < shown[1, YAW] < 20
    assert notes == ("head yaw eased from 34 to 20 degrees: this portrait cannot show more of it",)


def test_what_is_hardly_beyond_a_range_is_not_worth_a_word():
    shown, notes = fitted(motion(2, headYaw=[0, 21], jawOpen=[0, 1.01]), RANGES)
    assert shown[1, YAW] < 20
    assert shown[1, INDEX["jawOpen"]] == 1
    assert notes == ()


def test_a_channel_beyond_its_own_range_is_cut_and_told():
    shown, notes = fitted(motion(3, eyeBlinkLeft=[0.2, 1.4, -0.3], jawOpen=[0, 1.001, 0]), RANGES)
    assert shown[:, BLINK].tolist() == pytest.approx([0.2, 1, 0])
    assert notes == ("eye blink left cut from 1.4 to its range of 0 to 1",)


def test_many_channels_beyond_their_ranges_are_told_in_a_few_lines():
    _, notes = fitted(np.full((2, len(NAMES)), 2, np.float32), RANGES)
    assert len(notes) == 6
    assert re.fullmatch(r"values of [0-9]+ more channels cut to their ranges", notes[-1])


def random_samples(frames: int) -> np.ndarray:
    """float64 [channels, frames] with more decimals than a file keeps, and glances to all sides."""
    random = np.random.default_rng(5)
    samples = random.uniform(0, 1, (len(NAMES), frames))
    for name in ("headYaw", "headPitch", "headRoll", "eyeYawLeft", "eyeYawRight", "eyePitchLeft", "eyePitchRight"):
        samples[INDEX[name]] = random.uniform(-30, 30, frames)
    return samples


def test_rows_of_a_take_are_those_of_its_motion_file(tmp_path):
    samples = random_samples(50)
    write_motion(tmp_path / "m.json", samples, Fraction(25), "", 0)
    read = read_motion(tmp_path / "m.json").samples
    assert np.array_equal(as_rendered(samples), read)
    assert np.array_equal(shown_rows(samples, RANGES), fitted(read, RANGES)[0])


def test_a_row_does_not_depend_on_those_beside_it():
    samples = random_samples(50)
    whole = shown_rows(samples, RANGES)
    for cuts in ([0, 1, 20, 50], [0, 49, 50], list(range(51))):
        parts = [shown_rows(samples[:, a:b], RANGES) for a, b in itertools.pairwise(cuts)]
        assert np.array_equal(np.concatenate(parts), whole)


def test_no_frames_are_no_rows():
    assert shown_rows(np.zeros((len(NAMES), 0)), RANGES).shape == (0, len(NAMES))
