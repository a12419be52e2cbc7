"""Motion files: read into an array within bounds, shown at another rate, eased into a rig's range."""

from __future__ import annotations

import json
import tracemalloc

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from hypothesis import given
from hypothesis import strategies as st

from protocol.channels import CHANNELS, INDEX, NAMES, look_coefficients
from protocol.keyframes import MAX_SECONDS
from renderer import motion_text, motions
from renderer.errors import RendererError
from renderer.motions import Beyond, MotionData, MotionError, eased, read_motion, resample
from runtime.options import MAX_FPS
from runtime.options import MAX_SECONDS as LONGEST_TAKE
from runtime.outputs import write_motion

DOCUMENT: dict[str, Any] = {
    "format": "textuportray.motion",
    "version": 1,
    "fps": "25",
    "direction": "She smiles",
    "seed": 7,
    "channels": ["mouthSmileLeft", "headYaw"],
    "frames": [[0.0, 0.0], [0.5, -12.25], [1, 3]],
}


@pytest.fixture
def read(tmp_path):
    """Write a text or document to a file and read it as a motion."""

    def reading(content: object) -> MotionData:
        path = tmp_path / "motion.json"
        if isinstance(content, bytes):
            path.write_bytes(content)
        else:
            path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
        return read_motion(path)

    return reading


def _motion(frames: Sequence[float], fps: int | Fraction = 25, channel: str = "headYaw") -> MotionData:
    samples = np.zeros((len(frames), len(NAMES)), np.float32)
    samples[:, INDEX[channel]] = frames
    return MotionData(samples, Fraction(fps), "", 0, ())


def test_what_is_held_is_read_and_the_rest_rests(read):
    motion = read(DOCUMENT)
    assert motion.samples.shape == (3, len(NAMES))
    assert motion.samples.dtype == np.float32
    assert motion.samples[:, INDEX["headYaw"]].tolist() == [0.0, -12.25, 3.0]
    assert motion.samples[:, INDEX["mouthSmileLeft"]].tolist() == [0.0, 0.5, 1.0]
    assert not np.delete(motion.samples, [INDEX["headYaw"], INDEX["mouthSmileLeft"]], axis=1).any()
    assert (motion.fps, motion.direction, motion.seed, motion.notes) == (Fraction(25), "She smiles", 7, ())
    assert motion.seconds == Fraction(3, 25)
    assert not motion.samples.flags.writeable


def test_what_the_program_writes_is_read_back(tmp_path):
    count = 4500  # more than the writer and less than the reader takes at once
    low, high = (np.array([[getattr(channel, side)] for channel in CHANNELS.values()]) for side in ("low", "high"))
    samples = low + (high - low) * np.random.default_rng(1).random((len(NAMES), count))
    look_coefficients(samples)
    write_motion(tmp_path / "motion.json", samples, Fraction(30000, 1001), "Ünïcödé", 2**63 - 1)
    motion = read_motion(tmp_path / "motion.json")
    assert motion.fps == Fraction(30000, 1001)
    assert (motion.direction, motion.seed, motion.notes) == ("Ünïcödé", 2**63 - 1, ())
    # Half of the last decimal that is written, and of a float32's step at 60 degrees.
    np.testing.assert_allclose(motion.samples, samples.T, atol=0.5e-6 + 2**-19)


def test_a_file_is_read_the_same_in_whatever_blocks(read, monkeypatch):
    whole = read(DOCUMENT).samples
    for size in (1, 2, 3, 7, 20):
        monkeypatch.setattr(motions, "BLOCK", size)
        monkeypatch.setattr(motion_text, "BLOCK", size)
        assert (read(DOCUMENT).samples == whole).all()
        assert (read(json.dumps(DOCUMENT, indent=3)).samples == whole).all()


@pytest.mark.parametrize("order", [sorted, lambda names: sorted(names, reverse=True), lambda names: ["frames", *names]])
def test_members_may_come_in_any_order(read, order):
    names = dict.fromkeys(order(DOCUMENT))
    assert (read({name: DOCUMENT[name] for name in names}).samples == read(DOCUMENT).samples).all()


def test_frames_are_not_mistaken_for_words_about_frames(read):
    words = '"frames":[[9,9]] \\" {"frames": [[8]]}'
    assert read({**DOCUMENT, "direction": words}).direction == words
    assert read({**DOCUMENT, "direction": "frames"}).samples.shape[0] == 3


def test_a_byte_order_mark_is_no_obstacle(read):
    assert len(read(b"\xef\xbb\xbf" + json.dumps(DOCUMENT).encode()).samples) == 3


def test_channels_that_are_not_known_are_left_out_with_a_note(read):
    motion = read({**DOCUMENT, "channels": ["earWiggle\x1b[2J", "headYaw"]})
    assert motion.samples[:, INDEX["headYaw"]].tolist() == [0.0, -12.25, 3.0]
    assert motion.notes == ("Channels that are not known were left out: 'earWiggle\\x1b[2J'.",)
    many = read({**DOCUMENT, "channels": ["headYaw", *(f"ear{n}" for n in range(7))], "frames": [[0] * 8]})
    assert many.notes == ("Channels that are not known were left out: ear0, ear1, ear2, ear3, ear4 and 2 more.",)


def test_looks_follow_from_the_eye_angles_whatever_the_file_says(read):
    motion = read({**DOCUMENT, "channels": ["eyeLookUpLeft", "eyePitchLeft"], "frames": [[0.9, 0.0], [0.0, 26.0]]})
    assert motion.samples[:, INDEX["eyeLookUpLeft"]].tolist() == [0.0, 1.0]
    assert motion.notes == ()


def test_looks_without_eye_angles_are_noted(read):
    motion = read({**DOCUMENT, "channels": ["eyeLookUpLeft", "headYaw"]})
    assert not motion.samples[:, INDEX["eyeLookUpLeft"]].any()
    assert motion.notes == (
        "The eyeLook channels are not used: gaze comes from eyeYaw and eyePitch, which the file does not hold.",
    )


def test_values_somewhat_beyond_a_range_stay_and_those_far_beyond_are_cut(read):
    frames = [[1.9, 100.0], [7.0, 0.0], [17.5, -181.0], [3.0, 0.0]]
    motion = read({**DOCUMENT, "frames": frames})
    assert motion.samples[:, INDEX["mouthSmileLeft"]].tolist() == [np.float32(1.9), 2.0, 2.0, 2.0]
    assert motion.samples[:, INDEX["headYaw"]].tolist() == [100.0, 0.0, -180.0, 0.0]
    assert motion.notes == (
        "mouthSmileLeft: 3 values far beyond 0 to 1 cut, the worst 17.5 in frame 2.",
        "headYaw: 1 value far beyond -60 to 60 cut, the worst -181 in frame 2.",
    )


def test_the_worst_value_is_found_across_blocks(read, monkeypatch):
    frames = [[value, 0.0] for value in (3.0, 5.0, -7.0, 5.0, 4.0)]
    whole = read({**DOCUMENT, "frames": frames})
    assert whole.notes == ("mouthSmileLeft: 5 values far beyond 0 to 1 cut, the worst -7 in frame 2.",)
    monkeypatch.setattr(motions, "BLOCK", 10)
    assert read({**DOCUMENT, "frames": frames}).notes == whole.notes


def test_notes_stay_few(read):
    names = [name for name in NAMES if not CHANNELS[name].derived][:9]
    motion = read({**DOCUMENT, "channels": names, "frames": [[99.0] * 9]})
    assert len(motion.notes) == 6
    assert motion.notes[-1] == "4 more channels had values far beyond their range, which were cut."


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"format": "textuportray.timeline"}, "says that it is 'textuportray.timeline', and a motion has the format"),
        ({"format": None}, "does not say what it is"),
        ({"version": 2}, "is a motion of version 2 and this program reads version 1"),
        ({"version": "\x1b[2J"}, r"version '\\x1b\[2J'"),
        ({"fps": 25}, "fps: Input should be a valid string"),
        ({"fps": "0"}, "fps"),
        ({"seed": -1}, "seed"),
        ({"direction": "a" * 60_001}, "direction"),
        ({"direction": None}, "direction"),
        ({"author": "me"}, "author"),
        ({"channels": ["headYaw", "headYaw"]}, "headYaw is named twice"),
        ({"channels": []}, "channels"),
        ({"channels": "headYaw"}, "channels"),
        ({"channels": ["headYaw", 3]}, "channels.1"),
        ({"channels": ["smile", "frown"]}, "holds none of the channels that move a face, only smile, frown"),
        ({"channels": ["eyeLookUpLeft", "frown"]}, "holds none of the channels that move a face"),
        ({"frames": []}, "holds no frame, so there is nothing to show"),
        ({"frames": None}, "frames are not a list of lists"),
        ({"frames": {"0": [0, 0]}}, "frames are not a list of lists"),
        ({"frames": [0.0, 0.0]}, "frames are not a list of lists"),
        ({"frames": [[0.0, 0.0], [0.5]]}, "has 1 values in frame 1, where 2 channels are named"),
        ({"frames": [[0.0, 0.0], [0.5, 1, 2]]}, "has 3 values in frame 1"),
        ({"frames": [[], []]}, "has 0 values in frame 0"),
        ({"frames": [[0.0, "0.0"]]}, "holds '\"0.0\"' for headYaw in frame 0"),
        ({"frames": [[0.0, 0.0], [True, 0.0]]}, "holds true for mouthSmileLeft in frame 1"),
        ({"frames": [[0.0, None]]}, "holds null for headYaw in frame 0"),
        ({"frames": [[0.0, [1]]]}, "is no motion|values in frame 0"),
        ({"frames": [[[0.0, 1.0]]]}, "is no motion"),
        ({"frames": [[0.0, 10**400]]}, "for headYaw in frame 0, which is no finite number"),
        ({"fps": "1/3600", "frames": [[0, 0], [0, 0]]}, "lasts 7,200 seconds"),
    ],
)
def test_what_is_no_motion_is_refused_and_the_place_is_named(read, changes, said):
    with pytest.raises(MotionError, match=said):
        read({**DOCUMENT, **changes})


@pytest.mark.parametrize(
    "value", ["NaN", "Infinity", "-Infinity", "1e999", "-", "01", "+1", ".5", "5.", "0x1", "1 2", "", "1e", "--1"]
)
def test_what_is_no_finite_number_is_refused_with_frame_and_channel(read, value):
    with pytest.raises(MotionError, match=r"for headYaw in frame 1, which is no finite number\. Give a file"):
        read(json.dumps(DOCUMENT).replace("-12.25", value))


@pytest.mark.parametrize("size", [5, 4 * 2**20])
def test_the_place_does_not_depend_on_the_blocks(read, monkeypatch, size):
    monkeypatch.setattr(motions, "BLOCK", size)
    with pytest.raises(MotionError, match="holds NaN for mouthSmileLeft in frame 40,"):
        read({**DOCUMENT, "frames": [[0.0, 0.0]] * 40 + [[float("nan"), 0.0]]})


@pytest.mark.parametrize("size", [3, 4 * 2**20])
@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("], [1", "] [1"),
        ("], [1", "],, [1"),
        ("[[0.0", "[,[0.0"),
        ("3]]", "3],]"),
        ("3]]", "3]"),
        ("3]]", "3],[1,2]"),
        ("3]]}", "3]]"),
        ("3]]}", "3]]} more"),
        ("3]]}", '3]], "frames": [[1, 2]]}'),
        ("3]]}", '3]], "seed": 8}'),
        ("{", "{{"),
        ('"frames": ', '"frames" '),
        ("She smiles", "She\nsmiles"),
    ],
)
def test_what_is_no_json_is_refused(read, monkeypatch, size, text, instead):
    monkeypatch.setattr(motions, "BLOCK", size)
    monkeypatch.setattr(motion_text, "BLOCK", size)
    with pytest.raises(MotionError):
        read(json.dumps(DOCUMENT).replace(text, instead, 1))


@pytest.mark.parametrize("name", DOCUMENT)
def test_no_member_may_be_missing(read, name):
    with pytest.raises(MotionError):
        read({member: value for member, value in DOCUMENT.items() if member != name})


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.99])
def test_a_file_that_is_cut_off_is_refused(read, share):
    text = json.dumps({**DOCUMENT, "frames": [[0.25, 0.5]] * 100})
    with pytest.raises(MotionError, match=r"cut off|not JSON"):
        read(text[: int(len(text) * share)])


@pytest.mark.parametrize(
    "content",
    [
        b"\x89PNG\r\n\x1a\n\0\0",
        b"\x89MCAP0\r\n",
        b"[1, 2]",
        b"null",
        b"{}",
        b"{",
        json.dumps(DOCUMENT).encode("utf-16"),
        json.dumps({**DOCUMENT, "direction": "é"}, ensure_ascii=False).encode("latin-1"),
        b'{"a":' * 100_000,
        b'{"frames":' + b"[" * 100_000,
        b'{"a":"' + b'\\"' * 500_000,
        b'{"frames":[[1]],"seed":' + b"1" * 10_000 + b"}",
    ],
)
def test_other_files_are_refused(read, content):
    with pytest.raises(MotionError, match=r"motion\.json"):
        read(content)


@given(st.binary(max_size=60))
def test_damage_is_read_or_refused_but_nothing_else(tmp_path_factory, damage):
    text = json.dumps(DOCUMENT).encode()
    path = tmp_path_factory.getbasetemp() / "damaged.json"
    middle = len(text) * (damage[0] if damage else 0) // 256
    path.write_bytes(text[:middle] + damage + text[middle + len(damage) :])
    try:
        motion = read_motion(path)
    except MotionError:
        return
    assert np.isfinite(motion.samples).all()


def test_the_longest_take_at_the_highest_rate_is_within_the_bounds():
    assert motion_text.MAX_FRAMES >= LONGEST_TAKE * MAX_FPS == 864_000
    assert MAX_SECONDS >= LONGEST_TAKE


def test_too_many_frames_are_refused_before_they_are_built(tmp_path):
    path = tmp_path / "motion.json"
    head = json.dumps({**DOCUMENT, "channels": ["jawOpen"], "frames": []}).removesuffix("]}").encode()
    path.write_bytes(head + b",".join([b"[0]"] * 1_000_000) + b"]}")
    tracemalloc.start()
    with pytest.raises(MotionError, match=r"holds more than 878,400 frames.*Split it"):
        read_motion(path)
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert most < 20 * 2**20  # a few blocks of 4 MiB, where the frames would take 218 MB


def test_a_file_beyond_the_bound_is_not_even_opened(tmp_path):
    with (tmp_path / "motion.json").open("wb") as stream:
        stream.truncate(2 * 2**30 + 1)  # takes no room on the disk
    with pytest.raises(MotionError, match="limit is 2,048 MiB"):
        read_motion(tmp_path / "motion.json")


def test_a_header_or_frame_without_end_is_refused(read, monkeypatch):
    with pytest.raises(MotionError, match="first MiB holds no frames"):
        read('{"format": "' + "a" * 2**21 + '", ' + json.dumps(DOCUMENT)[1:])
    with pytest.raises(MotionError, match="more than a MiB after its frames"):
        read(json.dumps(DOCUMENT) + " " * 2**21)
    monkeypatch.setattr(motions, "BLOCK", 2**20)
    with pytest.raises(MotionError, match="longer than a MiB"):
        read(json.dumps(DOCUMENT).replace("-12.25", "1" * 2**22))


def test_errors_are_for_the_user_to_read(tmp_path):
    with pytest.raises(RendererError, match="does not exist, so there is no file to read as a motion"):
        read_motion(tmp_path / "none.json")


def test_the_same_rate_gives_the_same_samples():
    motion = _motion([0, 1, 2])
    assert resample(motion, Fraction(25)) is motion.samples


def test_half_the_rate_takes_every_second_frame():
    samples = resample(_motion(range(7), 50), Fraction(25))
    assert samples[:, INDEX["headYaw"]].tolist() == [0, 2, 4, 6]  # 7 / 50 s: the last frame is at 6 / 50 s


def test_between_frames_values_go_in_straight_lines_and_stay_after_the_last():
    samples = resample(_motion([0, 10, 30], 10), Fraction(40))
    assert samples[:, INDEX["headYaw"]].tolist() == [0, 2.5, 5, 7.5, 10, 15, 20, 25, 30, 30, 30, 30]
    assert samples.dtype == np.float32


@pytest.mark.parametrize(
    ("count", "fps", "wanted", "frames"),
    [
        (60, "60", "25", 25),
        (61, "60", "25", 26),  # 61 / 60 s lies after frame 25, which is at 1 s
        (60, "60", "30000/1001", 30),
        (1, "25", "24", 1),
        (1, "60", "1", 1),
        (1001, "30000/1001", "30", 1003),  # 1001 * 1001 / 1000 = 1002.001
        (2000, "2997003/50021", "9999991/99991", 3339),  # 2000 * 9999991 * 50021 / (99991 * 2997003) = 3338.3...
    ],
)
def test_frames_are_those_within_the_motion_and_at_exact_times(count, fps, wanted, frames):
    motion, rate = _motion(range(count), Fraction(fps)), Fraction(wanted)
    samples = resample(motion, rate)
    assert len(samples) == frames
    assert (frames - 1) / rate < motion.seconds <= frames / rate
    exact = [min(n * motion.fps / rate, Fraction(count - 1)) for n in range(frames)]
    assert samples[:, INDEX["headYaw"]].tolist() == [np.float32(float(place)) for place in exact]


def test_times_do_not_drift_over_a_long_motion(monkeypatch):
    monkeypatch.setattr(motions, "_FRAMES_AT_ONCE", 1000)
    count = 100_100
    samples = resample(_motion([n % 1001 for n in range(count)], Fraction(30000, 1001)), Fraction(30))
    assert samples[::1001, INDEX["headYaw"]].tolist()[:100] == [n * 1000 % 1001 for n in range(100)]


def test_a_glance_across_the_centre_never_shows_half_of_each_direction():
    samples = resample(_motion([-30, 30], 25, "eyeYawLeft"), Fraction(100))
    both = samples[:, [INDEX["eyeLookInLeft"], INDEX["eyeLookOutLeft"]]]
    assert both.max(axis=0).min() > 0.8
    assert both.min(axis=1).max() == 0.0


def test_a_rate_that_cannot_be_shown_is_refused():
    with pytest.raises(MotionError, match="the limit is 878,400"):
        resample(_motion(range(100), 1), Fraction(10_000))
    with pytest.raises(ValueError, match="no rate"):
        resample(_motion([0]), Fraction(0))


def _eased(values: Sequence[float], low: float, high: float, soft: float = 0.8) -> list[float]:
    samples = _motion(values).samples
    result, _ = eased(samples, low, high, soft)
    return result[:, INDEX["headYaw"]].astype(float).tolist()


def test_values_within_the_soft_part_of_a_range_stay_as_they_are():
    values = [-16.0, -5.0, 0.0, 7.5, 24.0]
    assert _eased(values, -20, 30) == values


def test_values_beyond_come_near_the_end_and_never_pass_it():
    values = np.linspace(0, 300, 3001).tolist()
    result = np.array(_eased(values, -20, 30))
    assert (np.diff(result) >= 0).all()
    assert result.max() <= 30
    assert result[-1] == pytest.approx(30)
    assert result[300] == pytest.approx(24 + 6 * 0.761594, abs=1e-5)  # at the end of the range: tanh 1 of the room
    assert _eased([-300.0, -20.0], -20, 30) == pytest.approx([-20, -16 - 4 * 0.761594], abs=1e-5)


def test_no_jerk_shows_where_easing_begins():
    step = 0.01
    values = np.arange(23, 26, step)
    slopes = np.diff(_eased(values.tolist(), -20, 30)) / step
    assert slopes[0] == pytest.approx(1, abs=1e-3)
    # The largest curvature of the formula is 0.77 / room, halfway up; a corner would be a jump of the slope by that at once.
    assert np.abs(np.diff(slopes)).max() < 0.77 / 6 * step + 1e-3


def test_rest_stays_rest_where_a_range_ends_there():
    assert _eased([-0.5, 0.0, 0.25], 0, 1) == [0.0, 0.0, 0.25]
    assert _eased([-3.0, 0.0, 2.0], 0, 0) == [0.0, 0.0, 0.0]


def test_a_hard_edge_is_all_that_is_left_without_room():
    assert _eased([-40.0, 29.0, 31.0], -20, 30, 0.999999)[0] == pytest.approx(-20, abs=1e-4)
    with pytest.raises(ValueError, match="share"):
        _eased([0.0], -20, 30, 1.0)
    with pytest.raises(ValueError, match="must hold 0"):
        _eased([0.0], 1, 30)


def test_what_lay_beyond_is_told_and_what_was_only_shaped_is_not(monkeypatch):
    monkeypatch.setattr(motions, "_FRAMES_AT_ONCE", 2)
    samples = np.zeros((5, len(NAMES)), np.float32)
    samples[:, INDEX["headYaw"]] = [0, 31, -45, 29, 35]
    samples[:, INDEX["jawOpen"]] = [0, 0.95, 1.5, 0, 1.5]
    samples[:, INDEX["browInnerUp"]] = 0.97
    low = np.array([channel.low for channel in CHANNELS.values()])
    high = np.array([channel.high for channel in CHANNELS.values()])
    low[INDEX["headYaw"]], high[INDEX["headYaw"]] = -20, 30
    before = samples.copy()
    result, beyond = eased(samples, low, high)
    assert beyond == (Beyond("jawOpen", 1.5, 2, 2), Beyond("headYaw", -45.0, 2, 3))
    assert (result >= low - 1e-6).all()
    assert (result <= high + 1e-6).all()
    assert (samples == before).all()
    assert 0.9 < result[0, INDEX["browInnerUp"]] < 0.97


def test_a_motion_within_its_range_is_not_changed():
    samples = _motion([0.0, 1.0]).samples
    result, beyond = eased(samples, -60, 60)
    assert (result == samples).all()
    assert beyond == ()
