"""A contact sheet: which frames it keeps, what stands under them, and how it is written."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest

from PIL import Image, ImageFont

from renderer.sheet import LONGER_SIDE, MOST, ContactSheet, wrapped
from renderer.video_files import VideoError

FONT = ImageFont.load_default(13)


def sheet_of(frames, fps=Fraction(25), **more):
    sheet = ContactSheet(32, 24, fps, **more)
    for number in range(frames):
        sheet.add(np.full((24, 32, 3), number % 256, np.uint8))
    return sheet


def test_a_picture_is_kept_every_half_second():
    assert sheet_of(60, Fraction(30)).times == [0.0, 0.5, 1.0, 1.5]


def test_where_no_frame_is_at_the_half_second_the_next_one_is_kept():
    assert sheet_of(51).times == [0.0, 0.52, 1.0, 1.52, 2.0]
    assert sheet_of(62, Fraction(30000, 1001)).times == pytest.approx([number * 1.001 / 30 for number in (0, 15, 30, 45, 60)])


def test_a_rate_below_two_keeps_every_frame_once():
    assert sheet_of(4, Fraction(1)).times == [0.0, 1.0, 2.0, 3.0]


@pytest.mark.parametrize(("seconds", "step"), [(20, 0.5), (21, 1), (41, 2), (300, 8)])
def test_a_long_take_is_thinned_out_evenly(seconds, step):
    times = sheet_of(seconds * 10, Fraction(10)).times
    assert len(times) <= MOST
    assert times == [number * step for number in range(len(times))]
    assert times[-1] > seconds - step - 0.2


def test_the_page_is_white_and_shows_the_pictures():
    page = np.asarray(sheet_of(50, caption=lambda time: "smiles", title="She smiles").draw())
    assert tuple(page[0, 0]) == (255, 255, 255)
    assert [(page == shade).all(axis=2).any() for shade in (0, 13, 25, 38)] == [True] * 4


def test_a_caption_is_asked_for_the_time_of_each_picture():
    asked = []

    def caption(time):
        asked.append(time)
        return "smiles"

    sheet_of(60, Fraction(30), caption=caption).draw()
    assert asked == [0.0, 0.5, 1.0, 1.5]


def test_pictures_keep_their_shape():
    sheet = ContactSheet(30, 60, Fraction(25))
    sheet.add(np.zeros((60, 30, 3), np.uint8))
    black = (np.asarray(sheet.draw()) == 0).all(axis=2)
    assert (black.any(axis=1).sum(), black.any(axis=0).sum()) == (LONGER_SIDE, LONGER_SIDE // 2)


def test_what_is_transparent_is_shown_on_light_grey():
    sheet = ContactSheet(32, 24, Fraction(25))
    sheet.add(np.zeros((24, 32, 4), np.uint8))
    page = np.asarray(sheet.draw())
    assert (page == 236).all(axis=2).sum() == LONGER_SIDE * LONGER_SIDE * 24 // 32


def test_a_text_is_wrapped_at_words_and_cut_with_dots():
    lines = wrapped("raises an eyebrow as though something unexpected had been said", FONT, 120, 2)
    assert len(lines) == 2
    assert lines[0] == "raises an eyebrow"
    assert lines[1].endswith("...")
    assert all(FONT.getlength(line) <= 120 for line in lines)


def test_a_word_that_does_not_fit_is_cut():
    (line,) = wrapped("a" * 300, FONT, 100, 1)
    assert line.endswith("...")
    assert FONT.getlength(line) <= 100


def test_accents_and_dashes_are_written_as_the_font_can():
    assert wrapped("señora \u2014 “so”\n\tnow", FONT, 500, 2) == ['senora - "so" now']


def test_no_text_takes_no_line():
    assert wrapped("  ", FONT, 100, 2) == []


def test_the_sheet_is_a_png_whatever_stood_there(tmp_path):
    place = tmp_path / "sheet.png"
    place.write_text("old")
    sheet_of(3).write(place)
    with Image.open(place) as image:
        assert image.mode == "RGB"
    assert [path.name for path in tmp_path.iterdir()] == ["sheet.png"]


def test_a_sheet_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(VideoError, match=r"cannot be written \(Not a directory\)"):
        sheet_of(1).write(tmp_path / "file" / "sheet.png")


def test_a_frame_of_another_size_is_refused():
    with pytest.raises(ValueError, match=r"uint8 \[24, 32"):
        ContactSheet(32, 24, Fraction(25)).add(np.zeros((32, 24, 3), np.uint8))


def test_a_sheet_without_frames_is_refused():
    with pytest.raises(ValueError, match="needs a frame"):
        ContactSheet(32, 24, Fraction(25)).draw()
