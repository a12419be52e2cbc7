"""The measures of naturalness measure what they say, and planned faces come out as people do."""

from __future__ import annotations

import numpy as np
import pytest

from protocol.channels import INDEX, NAMES
from tests import bench_naturalness as bench
from tests import naturalness as nature

RATE = nature.RATE


def still(seconds: float = 4.0) -> nature.Row:
    """A face at rest."""
    return np.zeros((len(NAMES), round(seconds * RATE) + 1))


def smooth(seconds: float) -> nature.Row:
    """From 0 to 1, slow at both ends."""
    u = np.linspace(0, 1, round(seconds * RATE) + 1)
    return u * u * (3 - 2 * u)


def put(samples: nature.Row, names: tuple[str, ...], start: float, shape: nature.Row) -> None:
    """Add a shape that stays where it ends."""
    first = round(start * RATE)
    for name in names:
        samples[INDEX[name], first : first + len(shape)] += shape
        samples[INDEX[name], first + len(shape) :] += shape[-1]


EYES = ("eyeYawLeft", "eyeYawRight")
LIDS = ("eyeBlinkLeft", "eyeBlinkRight")


def test_a_saccade_is_measured_by_its_size_time_and_speed():
    samples = still()
    put(samples, EYES, 1.0, 12.0 * smooth(0.0474))
    (jump,) = nature.jumps(samples)
    assert jump.size == pytest.approx(12.0, abs=0.2)
    assert jump.seconds == pytest.approx(0.0474, abs=0.006)
    assert jump.speed == pytest.approx(1.5 * 12.0 / 0.0474, rel=0.03)


def test_eyes_that_turn_against_the_head_make_no_saccade():
    samples = still()
    put(samples, EYES, 1.0, 20.0 * smooth(0.065))
    put(samples, ("headYaw",), 1.04, 20.0 * smooth(0.6))
    put(samples, EYES, 1.04, -20.0 * smooth(0.6))
    assert len(nature.jumps(samples)) == 1
    assert nature.leads(samples) == pytest.approx([0.06], abs=0.03)
    assert nature.reflex(samples) == pytest.approx([-1.0], abs=0.02)


def test_a_blink_is_measured_and_shut_eyes_are_none():
    samples = still()
    put(samples, LIDS, 1.0, smooth(0.075))
    put(samples, LIDS, 1.09, -smooth(0.16))
    put(samples, LIDS, 2.0, smooth(0.25))
    (blink,) = nature.blinks(samples)
    assert (blink.at, blink.peak) == pytest.approx((1.0, 1.0), abs=0.02)
    assert (blink.closing, blink.opening) == pytest.approx((0.075, 0.16), abs=0.01)


def test_onsets_repetitions_and_stillness():
    row = still()[0]
    row[RATE : RATE + len(smooth(0.5))] = 0.8 * smooth(0.5)
    row[RATE + len(smooth(0.5)) :] = 0.8
    came = nature.onset(row)
    assert came is not None
    assert came.seconds == pytest.approx(0.42, abs=0.03)
    waves = np.sin(np.arange(4 * RATE) * 2 * np.pi * 4.7 / RATE)
    assert np.median(nature.beat_rate(waves, 0.3)) == pytest.approx(4.7, abs=0.1)
    assert nature.still_share(still()) == pytest.approx(1)
    moving = still()
    moving[INDEX["headYaw"]] = np.sin(np.arange(moving.shape[1]) / RATE)
    assert nature.still_share(moving) < 0.7


def test_only_turns_that_come_to_rest_count_as_turns_somewhere():
    samples = still(6.0)
    put(samples, ("headYaw",), 1.0, 25.0 * smooth(0.5))
    for swing, degrees in enumerate((-20.0, 20.0, -20.0)):
        put(samples, ("headYaw",), 3.0 + 0.27 * swing, degrees * smooth(0.25))
    found = nature.turns(samples, 17.0)
    assert [turn.rests for turn in found] == [True, False, False, False]


@pytest.mark.slow
def test_ten_minutes_of_planned_faces_are_within_the_ranges_of_people(capsys: pytest.CaptureFixture[str]):
    assert bench.main() == 0, capsys.readouterr().out
