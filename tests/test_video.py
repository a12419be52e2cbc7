"""Videos: what is written can be read back, looks as it did, and is there whole or not at all."""

from __future__ import annotations

import hashlib
import os
import resource

from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import cv2
import numpy as np
import pytest

from PIL import Image

from renderer.video import GREEN, VideoError, check_output, open_sink, picture_size, probe, read_frames
from renderer.video_encoding import OPAQUE, TRANSPARENT, planes
from renderer.video_files import Numbered
from renderer.video_gif import kept_every

MADE = {"software": "TextuPortray 0", "take": "t1", "direction": "She smiles, señora", "seed": "3", "digest": "f00d"}
NTSC = Fraction(30000, 1001)
FILMS = ["take.mp4", "take.mov", "take.mkv", "take.webm"]


def a_frame(number=0, width=64, height=48):
    """Smooth colours that drift, as a portrait does; uint8 [height, width, 3]."""
    x, y = np.meshgrid(np.arange(width), np.arange(height))
    return np.stack([60 + 2 * x + number, 200 - 3 * y, np.full_like(x, 120)], axis=2).clip(0, 255).astype(np.uint8)


def in_front(number=0, width=64, height=48):
    """The same with alpha: the left half is there, the middle column is half there."""
    alpha = np.zeros((height, width, 1), np.uint8)
    alpha[:, : width // 2] = 255
    alpha[:, width // 2] = 128
    return np.concatenate([a_frame(number, width, height), alpha], axis=2)


def write(path, frames, fps=Fraction(25), **more):
    height, width = frames[0].shape[:2]
    with open_sink(path, width, height, fps, **more) as sink:
        for frame in frames:
            sink.write(frame)
    return sink


def cut_off(path, error):
    with open_sink(path, 64, 48, Fraction(25)) as sink:
        sink.write(a_frame())
        raise error


def everything(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("name", FILMS)
def test_a_film_reads_back_as_it_was_written(tmp_path, name):
    frames = [a_frame(number) for number in range(8)]
    sink = write(tmp_path / name, frames)
    assert (sink.frames, sink.notes) == (8, ())
    found = list(read_frames(tmp_path / name))
    assert len(found) == 8
    for frame, again in zip(frames, found, strict=True):
        assert np.abs(frame.astype(int) - again).mean() < 3
    assert everything(tmp_path) == [name]


@pytest.mark.parametrize("name", FILMS)
def test_a_film_says_how_its_colours_are_meant_and_how_fast_it_is(tmp_path, name):
    write(tmp_path / name, [a_frame(number) for number in range(5)], NTSC)
    info = probe(tmp_path / name)
    assert (info.width, info.height, info.fps, info.frames) == (64, 48, NTSC, 5)
    assert (info.pixels, info.colours) == ("yuv420p", (1, 1, 1))


def test_frame_n_is_shown_at_n_by_fps(tmp_path):
    write(tmp_path / "take.mp4", [a_frame(number) for number in range(7)], NTSC)
    with av.open(str(tmp_path / "take.mp4")) as container:
        times = [Fraction(frame.pts or 0) * (frame.time_base or 0) for frame in container.decode(video=0)]
    assert times == [number / NTSC for number in range(7)]


def test_the_index_of_an_mp4_comes_first(tmp_path):
    write(tmp_path / "take.mp4", [a_frame()])
    data = (tmp_path / "take.mp4").read_bytes()
    assert 0 < data.index(b"moov") < data.index(b"mdat")


@pytest.mark.parametrize("name", [*FILMS, "take.gif", "take_%03d.png"])
def test_what_made_it_is_kept_in_the_file(tmp_path, name):
    write(tmp_path / name, [a_frame()] * 2, metadata=MADE)
    info = probe(tmp_path / name)
    assert info.metadata == MADE
    assert info.title == ("" if name.endswith("gif") else MADE["direction"])  # a GIF has no place for one


def test_a_long_direction_is_cut_in_the_file(tmp_path):
    write(tmp_path / "take.gif", [a_frame()] * 2, metadata={"direction": "smile " * 4000})
    kept = probe(tmp_path / "take.gif").metadata["direction"]
    assert (len(kept), kept[-1]) == (2000, "…")


@pytest.mark.parametrize("name", [*FILMS, "take.gif"])
def test_the_same_frames_give_the_same_bytes(tmp_path, name):
    digests = set()
    for _ in range(2):
        write(tmp_path / name, [a_frame(number) for number in range(6)], metadata=MADE)
        digests.add(hashlib.sha256((tmp_path / name).read_bytes()).hexdigest())
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("colour", "expected"),
    # Limited range of BT.709-6 (3.5): black, white, and the primaries by the formulas there.
    [
        ((0, 0, 0), (16, 128, 128)),
        ((255, 255, 255), (235, 128, 128)),
        ((255, 0, 0), (63, 102, 240)),
        ((0, 255, 0), (173, 42, 26)),
        ((0, 0, 255), (32, 240, 118)),
    ],
)
def test_colours_are_turned_by_bt709(colour, expected):
    picture = np.full((4, 6, 3), colour, np.uint8)
    for coding in (OPAQUE[".mp4"], TRANSPARENT[".mov"]):
        alpha = np.full((4, 6, 1), 255, np.uint8)
        found = planes(np.concatenate([picture, alpha], axis=2), coding)
        step = 4 if coding.depth == 10 else 1
        for plane, value in zip(found, expected, strict=False):
            assert np.abs(plane.astype(int) - value * step).max() <= step / 2


def test_halved_colour_lies_level_with_the_even_columns():
    """A step of blue at column 4 reaches the sample at column 4 with three quarters: [1 2 1] / 4 over columns 3, 4 and 5."""
    picture = np.zeros((2, 8, 3), np.uint8)
    picture[:, 4:, 2] = 255
    _, blue, _ = planes(picture, OPAQUE[".mp4"])
    assert blue[0].tolist() == [128, 128, 128 + 84, 240]


@pytest.mark.parametrize("name", [*FILMS, "take.gif", "take_%02d.png"])
@pytest.mark.parametrize("background", ["keep", "alpha"])
def test_the_size_that_is_told_is_the_one_that_is_written(tmp_path, name, background):
    if background == "alpha" and name in ("take.mp4", "take.mkv"):
        return  # they keep no transparency
    write(tmp_path / name, [in_front(0, 63, 47)] * 2, background=background)
    height, width, _ = next(read_frames(tmp_path / name)).shape
    assert picture_size(tmp_path / name, 63, 47, background) == (width, height)


@pytest.mark.parametrize("name", ["take.mp4", "take.webm"])
def test_odd_sides_are_made_even_by_repeating_the_edge(tmp_path, name):
    write(tmp_path / name, [a_frame(0, 63, 47)] * 2)
    frame = next(read_frames(tmp_path / name))
    assert frame.shape == (48, 64, 3)
    assert np.abs(frame[-1].astype(int) - frame[-2]).mean() < 4


@pytest.mark.parametrize("name", ["take.mov", "take.gif", "take_%02d.png"])
def test_other_formats_keep_odd_sides(tmp_path, name):
    write(tmp_path / name, [in_front(0, 63, 47)] * 2, background="alpha")
    assert next(read_frames(tmp_path / name)).shape == (47, 63, 3)


def decoded_alpha(path, codec):
    with av.open(str(path)) as container:
        stream = container.streams.video[0]
        decoder = av.CodecContext.create(codec, "r")
        for packet in container.demux(stream):
            for frame in decoder.decode(packet):
                kind = np.uint8 if frame.format.name == "yuva420p" else np.uint16
                plane: Any = np.frombuffer(memoryview(frame.planes[3]), kind).reshape(frame.height, -1)[:, : frame.width]
                return plane / (255 if kind is np.uint8 else 4095 if "12" in frame.format.name else 1023)
    raise AssertionError("no frame")


@pytest.mark.parametrize(("name", "codec", "within"), [("take.webm", "libvpx-vp9", 0.08), ("take.mov", "prores", 0.01)])
def test_transparency_is_kept(tmp_path, name, codec, within):
    write(tmp_path / name, [in_front(number) for number in range(3)], background="alpha")
    alpha = decoded_alpha(tmp_path / name, codec)
    assert np.abs(alpha - in_front()[..., 3] / 255).max() < within


def test_a_transparent_picture_keeps_nothing_of_what_is_hidden(tmp_path):
    write(tmp_path / "f_%02d.png", [in_front()], background="alpha")
    with Image.open(tmp_path / "f_00.png") as image:
        found = np.asarray(image)
    assert (found[..., 3] == in_front()[..., 3]).all()
    assert (found[:, :33, :3] == a_frame()[:, :33]).all()
    assert not found[:, 33:].any()


def test_a_transparent_gif_has_hard_edges_and_says_so(tmp_path):
    sink = write(tmp_path / "take.gif", [in_front(number) for number in range(3)], background="alpha")
    assert "half-transparent" in sink.notes[0]
    with Image.open(tmp_path / "take.gif") as image:
        alpha = np.asarray(image.convert("RGBA"))[..., 3]
    assert set(np.unique(alpha)) == {0, 255}


@pytest.mark.parametrize(("background", "colour"), [("green", GREEN), ((10, 20, 30), (10, 20, 30))])
def test_a_colour_is_put_behind_the_person(tmp_path, background, colour):
    write(tmp_path / "f_%02d.png", [in_front()], background=background)
    found = next(read_frames(tmp_path / "f_%02d.png")).astype(int)
    assert (found[:, :32] == a_frame()[:, :32]).all()
    assert (found[:, 33:] == colour).all()
    mixed = (a_frame()[:, 32] * 128.0 + np.array(colour) * 127.0) / 255
    assert np.abs(found[:, 32] - mixed).max() <= 0.5


def test_keeping_the_background_ignores_alpha(tmp_path):
    write(tmp_path / "f_%02d.png", [in_front()])
    assert (next(read_frames(tmp_path / "f_%02d.png")) == a_frame()).all()


@pytest.mark.parametrize(("fps", "lasts"), [(25, [4, 4, 4]), (30, [3, 4, 3]), (50, [2, 2, 2]), (60, [3, 4, 3])])
def test_a_gif_stays_in_step_in_hundredths_of_a_second(tmp_path, fps, lasts):
    every = kept_every(Fraction(fps))
    sink = write(tmp_path / "take.gif", [a_frame(number * 3) for number in range(6 * every)], Fraction(fps))
    assert sink.frames == 6 * every
    found = []
    with Image.open(tmp_path / "take.gif") as image:
        assert image.info["loop"] == 0
        for number in range(6):
            image.seek(number)
            found.append(image.info["duration"] // 10)
        with pytest.raises(EOFError):
            image.seek(6)
    assert sorted(found[:3]) == sorted(lasts)
    assert bool(sink.notes) == (fps in (30, 60))


def test_what_does_not_move_does_not_flicker_in_a_gif(tmp_path):
    frames = []
    for number in range(6):
        frame = a_frame()
        frame[:20] = a_frame(9 * number)[:20]
        frames.append(frame)
    write(tmp_path / "take.gif", frames)
    found = list(read_frames(tmp_path / "take.gif"))
    assert len(found) == 6
    assert all((frame[20:] == found[0][20:]).all() for frame in found)
    smooth = [cv2.blur(frame.astype(np.float32), (5, 5)) for frame in (frames[5], found[5])]
    assert np.abs(smooth[0] - smooth[1]).mean() < 4


def test_pictures_are_exact_and_numbered_from_nought(tmp_path):
    frames = [a_frame(number) for number in range(3)]
    write(tmp_path / "new" / "f_%03d.png", frames)
    assert everything(tmp_path) == ["new", "new/f_000.png", "new/f_001.png", "new/f_002.png"]
    assert all((one == two).all() for one, two in zip(frames, read_frames(tmp_path / "new" / "f_%03d.png"), strict=True))


@pytest.mark.parametrize("there", [False, True])
def test_a_folder_is_filled_with_pictures(tmp_path, there):
    if there:
        (tmp_path / "frames").mkdir()
    write(f"{tmp_path}/frames/", [a_frame()] * 2)
    assert everything(tmp_path / "frames") == ["frame_00000.png", "frame_00001.png"]
    assert probe(tmp_path / "frames").frames == 2


def test_a_shorter_sequence_replaces_a_longer_one_and_nothing_else(tmp_path):
    write(tmp_path / "f_%02d.png", [a_frame()] * 5)
    (tmp_path / "f_1.png").write_text("mine")
    (tmp_path / "f_01.png.txt").write_text("mine too")
    write(tmp_path / "f_%02d.png", [a_frame(50)] * 2)
    assert everything(tmp_path) == ["f_00.png", "f_01.png", "f_01.png.txt", "f_1.png"]
    assert (next(read_frames(tmp_path / "f_%02d.png")) == a_frame(50)).all()


def test_a_sequence_that_cannot_be_put_in_place_leaves_the_earlier_one(tmp_path, monkeypatch):
    write(tmp_path / "f_%02d.png", [a_frame()] * 3)
    real, left = Path.rename, [4]

    def rename(self, target):
        left[0] -= 1
        if left[0] == 0:
            raise OSError(5, "Input/output error")
        return real(self, target)

    monkeypatch.setattr(Path, "rename", rename)
    with pytest.raises(VideoError, match="Input/output error"):
        write(tmp_path / "f_%02d.png", [a_frame(50)] * 2)
    assert everything(tmp_path) == ["f_00.png", "f_01.png", "f_02.png"]
    assert (next(read_frames(tmp_path / "f_%02d.png")) == a_frame()).all()


@pytest.mark.parametrize("name", ["take.mp4", "take.webm", "take.gif", "f_%02d.png", "new/deep/take.mov"])
@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
def test_a_take_that_is_cut_off_leaves_nothing(tmp_path, name, error):
    with pytest.raises(error):
        cut_off(tmp_path / name, error)
    assert everything(tmp_path) == []


def test_a_take_that_is_cut_off_leaves_the_earlier_one(tmp_path):
    place = tmp_path / "take.mp4"
    place.write_text("an earlier take")
    with pytest.raises(KeyboardInterrupt):
        cut_off(place, KeyboardInterrupt)
    assert place.read_text() == "an earlier take"
    assert everything(tmp_path) == ["take.mp4"]


@pytest.mark.parametrize("name", [*FILMS, "take.gif", "f_%02d.png"])
def test_a_full_disk_is_told_and_leaves_nothing(tmp_path, name):
    """A limit on the size of files stands for the disk: writing beyond it fails in the same calls."""
    noise = np.random.default_rng(1)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (6000, before[1]))
    try:
        with pytest.raises(VideoError, match=r"cannot be written .* space left"):
            write(tmp_path / name, [noise.integers(0, 256, (48, 64, 3), np.uint8) for _ in range(20)])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert everything(tmp_path) == []


def test_a_file_that_lost_frames_is_not_given_its_name(tmp_path, monkeypatch):
    monkeypatch.setattr("renderer.video.count_frames", lambda path: 1)
    with pytest.raises(VideoError, match="only 1 of 3 frames reached the disk"):
        write(tmp_path / "take.mp4", [a_frame()] * 3)
    assert everything(tmp_path) == []


@pytest.mark.parametrize("name", ["take.mp4", "take.gif", "f_%02d.png"])
def test_a_take_without_frames_is_refused(tmp_path, name):
    with pytest.raises(VideoError, match="no frame"), open_sink(tmp_path / name, 64, 48, Fraction(25)):
        pass
    assert everything(tmp_path) == []


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("take.png", r"take_%05d\.png for numbered"),
        ("take.avi", r"the ending \.avi says no format .* \.mp4, \.mov, \.mkv, \.webm, \.gif"),
        ("take", "without an ending"),
        ("file/take.mp4", "Not a directory"),
    ],
)
def test_a_name_that_says_nothing_useful_is_refused(tmp_path, name, said):
    (tmp_path / "file").write_text("")
    with pytest.raises(VideoError, match=said):
        write(tmp_path / name, [a_frame()])
    assert everything(tmp_path) == ["file"]


@pytest.mark.parametrize("name", ["take.mp4", "take.mkv"])
def test_formats_without_transparency_refuse_it(tmp_path, name):
    with pytest.raises(VideoError, match=r"keeps no transparency\. Use \.webm .* --background green"):
        check_output(tmp_path / name, "alpha")
    check_output(tmp_path / name, "green")


def test_a_device_is_not_replaced(tmp_path):
    os.mkfifo(tmp_path / "take.mp4")
    with pytest.raises(VideoError, match="is a device or the like"):
        check_output(tmp_path / "take.mp4")


@pytest.mark.parametrize(
    "more",
    [{"width": 0}, {"height": 9000}, {"fps": Fraction(0)}, {"fps": Fraction(10**9 + 1, 10**8)}, {"background": (0, 0, 256)}],
)
def test_what_cannot_be_is_refused_before_anything_is_written(tmp_path, more):
    asked = {"width": 64, "height": 48, "fps": Fraction(25), **more}
    with pytest.raises(ValueError, match=r"side|second|colour"), open_sink(tmp_path / "take.mp4", **asked):
        pass
    assert everything(tmp_path) == []


@pytest.mark.parametrize("frame", [np.zeros((48, 64, 3)), np.zeros((64, 48, 3), np.uint8), np.zeros((48, 64), np.uint8)])
def test_what_is_no_frame_is_refused(tmp_path, frame):
    with (
        pytest.raises(ValueError, match=r"a frame is uint8 \[48, 64"),
        open_sink(tmp_path / "a.mp4", 64, 48, Fraction(25)) as sink,
    ):
        sink.write(frame)


def test_a_background_needs_to_know_what_is_in_front(tmp_path):
    with pytest.raises(ValueError, match="in front"):
        write(tmp_path / "take.mp4", [a_frame()], background="green")


@pytest.mark.parametrize("name", ["gone.mp4", "text.mp4", "empty"])
def test_what_is_no_video_cannot_be_read(tmp_path, name):
    (tmp_path / "text.mp4").write_text("not a video")
    (tmp_path / "empty").mkdir()
    for read in (probe, lambda path: next(read_frames(path))):
        with pytest.raises(VideoError, match=r"cannot be read|holds no frames"):
            read(tmp_path / name)


def test_a_comment_of_others_is_no_metadata(tmp_path):
    Image.fromarray(a_frame()).save(tmp_path / "other.gif", comment=b"[1, 2")
    assert probe(tmp_path / "other.gif").metadata == {}


@pytest.mark.parametrize("name", ["a.png", "a_%s.png", "a_%d_%d.png", "a_%05d.jpg", "a_%0d5.png.mp4"])
def test_other_names_are_no_pattern(name):
    assert Numbered.parse(name) is None


def test_a_number_beyond_the_digits_takes_more_of_them():
    names = Numbered.parse("a_%02d.png")
    assert names is not None
    assert [names.name(7), names.name(123)] == ["a_07.png", "a_123.png"]
    assert [names.number(name) for name in ("a_07.png", "a_123.png", "a_7.png", "a_007.png", "a_.png")] == [
        7,
        123,
        None,
        None,
        None,
    ]
