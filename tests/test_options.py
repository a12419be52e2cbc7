"""What a take is asked for is checked before any work; a refusal says what, why and what to do in one short paragraph."""

from __future__ import annotations

import json
import time

from fractions import Fraction
from pathlib import Path

import pytest

from hypothesis import given
from hypothesis import strategies as st

from runtime.options import (
    MAX_DIRECTION,
    MAX_EMOTION,
    MAX_FPS,
    FilmOptions,
    UsageError,
    parse_background,
    parse_direction,
    parse_emotion,
    parse_face,
    parse_fps,
    parse_place,
    parse_seconds,
    parse_seed,
    parse_size,
    parse_video_fps,
    video_rate,
)

PARSERS = {
    "--seconds": parse_seconds,
    "--fps": parse_fps,
    "--seed": parse_seed,
    "--until": parse_place,
    "--size": parse_size,
    "--face": parse_face,
    "--background": parse_background,
}


@pytest.mark.parametrize(
    "text", ["She smiles.", '"She smiles."', "\n\t She smiles, \r\n then nods. \n", "👍🏽", "Ça va", "x" * MAX_DIRECTION]
)
def test_a_direction_is_taken_without_the_space_around_it(text):
    assert parse_direction(text) == text.strip()


@pytest.mark.parametrize("text", ["", " ", "\n\t\r\n", "\u00a0\u2003"])
def test_an_empty_direction_is_refused(text):
    with pytest.raises(UsageError, match=r"direction is empty.*Say what the face should do"):
        parse_direction(text)


def test_a_direction_of_fifty_thousand_characters_is_refused():
    with pytest.raises(UsageError, match=r"50,000 characters and the limit is 20,000\. Split it"):
        parse_direction("s" * 50_000)


@pytest.mark.parametrize("character", ["\0", "\a", "\b", "\x1b", "\x7f", "\x85", "\ue000"])
def test_control_characters_are_refused_by_their_number(character):
    with pytest.raises(UsageError, match=f"U\\+{ord(character):04X}, which is no word. Remove it"):
        parse_direction(f"She {character}smiles.")


def test_bytes_that_are_no_text_are_refused():
    with pytest.raises(UsageError, match="not valid UTF-8"):
        parse_direction(b"She smiles \xff".decode("utf-8", "surrogateescape"))


def test_an_emotion_may_be_left_empty_but_not_be_a_story():
    assert parse_emotion("  ") == ""
    assert parse_emotion(" quietly proud ") == "quietly proud"
    with pytest.raises(UsageError, match=f"limit is {MAX_EMOTION}"):
        parse_emotion("sad " * 101)
    with pytest.raises(UsageError, match="--emotion holds the control character"):
        parse_emotion("sad\a")


@pytest.mark.parametrize(("text", "seconds"), [("0.1", 0.1), ("4", 4.0), (" 7.5 ", 7.5), ("3600", 3600.0), ("1.00004", 1.0)])
def test_a_length_is_an_exact_decimal_of_seconds(text, seconds):
    assert parse_seconds(text) == seconds


@pytest.mark.parametrize("text", ["0", "-0", "-3", "0.09", "3600.1", "1e9", "nan", "-nan", "inf", "-inf"])
def test_a_length_that_no_take_can_have_is_refused(text):
    with pytest.raises(UsageError, match=r"--seconds .* is not a length that a take can have\. Give 0\.1 to 3600 seconds"):
        parse_seconds(text)


@pytest.mark.parametrize("text", ["", "four", "4s", "4,5", "0x10", "1 2"])
def test_a_length_that_is_no_number_is_refused(text):
    with pytest.raises(UsageError, match=r"is not a number\. Give a length"):
        parse_seconds(text)


@pytest.mark.parametrize(
    ("text", "rate"),
    [
        ("25", Fraction(25)),
        ("23.976", Fraction(2997, 125)),
        ("30000/1001", Fraction(30000, 1001)),
        ("60/2", Fraction(30)),
        ("240", Fraction(240)),
        ("0.5", Fraction(1, 2)),
        ("24.", Fraction(24)),
    ],
)
def test_a_rate_stays_exact(text, rate):
    assert parse_fps(text) == rate


@pytest.mark.parametrize("text", ["0", "-25", "0/1", "240.001", "241", "100000/1", "0.0"])
def test_a_rate_that_no_video_has_is_refused(text):
    with pytest.raises(UsageError, match=r"not a frame rate that a video can have\. Give a rate above 0 and up to 240"):
        parse_fps(text)


@pytest.mark.parametrize(
    "text", ["", "fast", "nan", "inf", "1/0", "25/", "/25", "25/-1", "1e2", "1_0", " ", "2 5", "٢٥", "9" * 5000]
)
def test_a_rate_that_is_no_number_is_refused(text):
    with pytest.raises(UsageError, match=r"is not a frame rate\. Give a number such as 25"):
        parse_fps(text)


def test_a_rate_that_no_video_has_is_refused_wherever_it_comes_from():
    assert video_rate(Fraction(MAX_FPS), "The rate") == MAX_FPS
    with pytest.raises(UsageError, match=r"The rate is above the 240 that a video can have\. Give --fps"):
        video_rate(MAX_FPS + Fraction(1, 1001), "The rate")


def test_a_rate_too_fine_to_be_written_is_refused():
    with pytest.raises(UsageError, match="too fine a ratio"):
        parse_fps("100000001/10000000")


def test_a_huge_exponent_costs_no_time():
    began = time.process_time()
    with pytest.raises(UsageError):
        parse_fps("1e999999999")
    assert time.process_time() - began < 1  # working it out takes minutes and a gigabyte


@pytest.mark.parametrize(("text", "seed"), [("0", 0), ("007", 7), (str(2**63 - 1), 2**63 - 1)])
def test_a_seed_is_a_whole_number(text, seed):
    assert parse_seed(text) == seed


@pytest.mark.parametrize("text", ["", "-1", "1.0", "x", "²", str(2**63), "9" * 10_000, "+1", "1e3"])
def test_anything_else_is_no_seed(text):
    with pytest.raises(UsageError, match=r"is not a seed\. Give a whole number from 0 to 9223372036854775807"):
        parse_seed(text)


def test_places_in_a_journal_count_from_one():
    assert parse_place("1") == 1
    for text in ("0", "-1", "x", "1.5", "", "9" * 11):
        with pytest.raises(UsageError, match="is not the place of a record"):
            parse_place(text)


def test_a_size_is_pixels_that_a_video_can_have():
    assert [parse_size(text) for text in ("32", "0720", "8192")] == [32, 720, 8192]
    for text in ("31", "8193", "-1", "1.5", "x", "", "9" * 99, "٧٢٠"):
        with pytest.raises(UsageError, match="is not a size"):
            parse_size(text)


def test_faces_count_from_one():
    assert parse_face("1") == 1
    for text in ("0", "-1", "21", "x", ""):
        with pytest.raises(UsageError, match="is not the number of a face"):
            parse_face(text)


@pytest.mark.parametrize(("text", "meant"), [("keep", "keep"), ("alpha", "alpha"), ("#0a20FF", (10, 32, 255))])
def test_a_background_is_a_word_or_a_colour(text, meant):
    assert parse_background(text) == meant


@pytest.mark.parametrize("text", ["", "blue", "#12345", "#1234567", "#xyzxyz", "Keep", "10,20,30"])
def test_anything_else_is_no_background(text):
    with pytest.raises(UsageError, match=r"--background .* is not known"):
        parse_background(text)


def test_a_video_cannot_have_every_frame_rate():
    assert parse_video_fps("30000/1001") == Fraction(30000, 1001)
    with pytest.raises(UsageError, match="too fine a ratio for a video"):
        parse_video_fps("2997003/50021")


def test_the_command_that_renders_it_again_names_what_is_not_as_usual():
    usual = FilmOptions(portrait=Path("me.png"), output="a.mp4")
    assert usual.words(Path("m.json")) == ["textuportray", "render", "me.png", "m.json", "-o", "a.mp4"]
    other = FilmOptions(portrait=Path("me.png"), output="a.mp4", size=64, face=2, background=(1, 2, 255), sheet=Path("a.png"))
    words = ["--size", "64", "--face", "2", "--background", "#0102ff", "--sheet", "a.png"]
    assert other.words(Path("m.json"))[6:] == words
    assert FilmOptions(portrait=Path("me.png"), output="a.mp4", neutral=True).words(Path("m.json"))[6:] == ["--neutral"]


USUAL = FilmOptions(portrait=Path("/me.png"), output="a.mp4")
FULL = FilmOptions(
    portrait=Path("/me.png"),
    output="frames/",
    device="cpu",
    size=64,
    face=2,
    background=(1, 2, 255),
    sheet=Path("/a.png"),
    neutral=True,
)


@pytest.mark.parametrize("options", [USUAL, FULL], ids=["usual", "full"])
def test_how_a_take_is_filmed_survives_its_record(options):
    data = json.loads(json.dumps(options.as_data()))
    assert FilmOptions.from_data(data, "a.take/take.json") == options


def test_a_record_names_files_wherever_it_is_read_from():
    data = FilmOptions(portrait=Path("me.png"), output="a.mp4", sheet=Path("a.png")).as_data()
    assert Path(data["portrait"]).is_absolute()
    assert Path(data["sheet"]).is_absolute()


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("portrait", None, "portrait of the film is 'None' and has to be the name of a file"),
        ("portrait", "a\0b", "has to be the name of a file"),
        ("output", "", "output of the film is"),
        ("output", "x" * 5000, "has to be the name of a file"),
        ("renderer", 7, "renderer of the film is '7' and has to be the name of a renderer"),
        ("device", "tpu", "has to be auto, cpu or cuda"),
        ("device", [], "has to be auto, cpu or cuda"),
        ("size", 31, "size of the film is '31' and has to be 32 to 8192, or null"),
        ("size", True, "has to be 32 to 8192, or null"),
        ("size", 64.0, "has to be 32 to 8192, or null"),
        ("size", "64", "has to be 32 to 8192, or null"),
        ("face", 0, "has to be 1 to 20, or null"),
        ("background", "blue", "has to be keep, alpha, green, or a list of three numbers from 0 to 255"),
        ("background", [1, 2], "a list of three numbers"),
        ("background", [1, 2, 256], "a list of three numbers"),
        ("background", {"r": 1}, "a list of three numbers"),
        ("sheet", 1, "has to be the name of a file, or null"),
        ("neutral", 1, "neutral of the film is '1' and has to be true or false"),
    ],
)
def test_a_record_that_was_changed_is_refused_by_name(name, value, said):
    with pytest.raises(UsageError) as error:
        FilmOptions.from_data({**USUAL.as_data(), name: value}, "a.take/take.json")
    text = str(error.value)
    assert text.startswith("a.take/take.json is not as it was written: ")
    assert said in text
    assert len(text) < 300


@pytest.mark.parametrize("data", [None, [], "film", {}, 7])
def test_a_record_without_what_it_has_to_say_is_refused(data):
    with pytest.raises(UsageError, match=r"take\.json is not as it was written: portrait of the film is missing"):
        FilmOptions.from_data(data, "a.take/take.json")


def test_a_record_from_before_expressions_could_be_relaxed_keeps_them():
    data = USUAL.as_data()
    del data["neutral"]
    assert FilmOptions.from_data(data, "a.take/take.json") == USUAL


def test_a_record_of_a_later_version_is_not_half_understood():
    with pytest.raises(UsageError, match=r"asks for 'views' of the film, which this version does not know"):
        FilmOptions.from_data({**USUAL.as_data(), "views": [1]}, "a.take/take.json")


@given(
    st.dictionaries(st.sampled_from([*USUAL.as_data(), "x"]), st.none() | st.integers() | st.text() | st.lists(st.integers()))
)
def test_whatever_a_record_holds_is_read_or_refused_in_one_short_paragraph(changes):
    said = "take.json "
    try:
        FilmOptions.from_data({**USUAL.as_data(), **changes}, "take.json")
    except UsageError as error:
        said = str(error)
    assert said.startswith("take.json ")
    assert len(said) < 300


@given(st.sampled_from(sorted(PARSERS)), st.text(max_size=200))
def test_whatever_is_given_is_read_or_refused_in_one_short_paragraph(option: str, text: str):
    try:
        PARSERS[option](text)
    except UsageError as error:
        said = str(error)
        assert said.startswith(option)
        assert len(said) < 250
        assert "\n" not in said
