"""The gallery: each gesture and state has its place, its words bring it about, and its frames tell the motion."""

from __future__ import annotations

import re

import numpy as np
import pytest

from PIL import Image

from docs.strips import (
    ACROSS,
    AFTER,
    BOX,
    CLOSER,
    FOLDER,
    FRAMES,
    GROUPS,
    PAGE,
    ROOT,
    SELECTION,
    Strip,
    arranged,
    drawn,
    filmed,
    motionless,
    page,
    performed,
    shown,
    spelled,
    strips,
    telling,
)
from protocol.channels import INDEX, NAMES
from renderer.portrait import read_portrait
from tests.directing import LEXICON, names
from tests.staging import SIDE, FakeRenderer, portrait_file
from tests.takes import load_tables

LOADED = load_tables()
TABLES = LOADED.tables
STRIPS = {strip.name: strip for strip in strips(TABLES)}
TEXT = PAGE.read_text("utf-8")


def motion(**curves: list[float]) -> np.ndarray:
    """Samples in which these channels move."""
    samples = np.zeros((len(NAMES), len(next(iter(curves.values())))))
    for name, values in curves.items():
        samples[INDEX[name]] = values
    return samples


# ---------------------------------------------------------------------------------------------------------------- the page


def test_the_page_says_what_the_tables_say():
    assert page(TABLES) == TEXT, "docs/gallery.md is stale; run `make docs`, and `make gallery` for its pictures"


def test_every_gesture_and_state_has_its_place():
    rows = re.findall(r"(?m)^\| \*\*(.+?)\*\* \|", TEXT)
    there = [*TABLES.gestures.gestures, *TABLES.emotions.states]
    assert sorted([*rows, *(name.replace("_", " ") for name in motionless(TABLES))]) == sorted(
        name.replace("_", " ") for name in there
    )
    assert set(motionless(TABLES)) == {"release", "relax", "neutral"}


def test_pictures_of_the_page_and_the_readme_are_there_and_have_alternative_texts():
    readme = (ROOT / "README.md").read_text("utf-8")
    linked = [(alt, PAGE.parent / name) for alt, name in re.findall(r"!\[(.*?)\]\((.+?)\)", TEXT)]
    assert [path.stem for _, path in linked] == list(GROUPS)
    ((names_of_selection, selection),) = re.findall(r"!\[(.*?)\]\((docs/gallery/.+?)\)", readme)
    assert ", ".join(STRIPS[each].title for each in SELECTION) in names_of_selection
    for alt, path in [*linked, (names_of_selection, ROOT / selection)]:
        assert alt.startswith("Strips of")
        with Image.open(path) as picture:
            assert picture.format == "WEBP"
    for name in re.findall(r"(?<!!)\[[^\]]*\]\(([^)#:]+)\)", TEXT):
        assert (PAGE.parent / name).exists()


def test_a_picture_has_room_for_each_strip_of_its_group():
    frames = np.zeros((FRAMES, 400, 400, 3), np.uint8)
    for group in GROUPS:
        of_group = [strip for strip in STRIPS.values() if strip.group == group]
        blank = [drawn("x", frames, CLOSER.get(group, BOX))] * len(of_group)
        with Image.open(FOLDER / f"{group}.webp") as picture:
            assert picture.size == arranged(blank).size


def test_the_gallery_is_small():
    assert sum(path.stat().st_size for path in FOLDER.iterdir()) < 1.5e6


# ------------------------------------------------------------------------------------------------------------ what is said


@pytest.mark.parametrize("strip", STRIPS.values(), ids=STRIPS)
def test_its_words_bring_it_about(strip):
    for words in strip.words:
        assert strip.name in names(words)
    assert strip.name in names(strip.direction)


def test_what_needs_something_before_it_says_so():
    assert STRIPS["wake_up"].direction == f"{AFTER['wake_up']}, then {STRIPS['wake_up'].words[0]}"
    assert STRIPS["blink"].direction == "blink"


def test_a_pattern_is_spelled_by_its_first_words():
    assert spelled("<raise> <brow> @ 1.3", LEXICON) == "raise brow"
    assert spelled("= on|upon cloud? nine", LEXICON) == "on nine"


# ------------------------------------------------------------------------------------------------------- which frames tell


def test_what_rises_and_falls_is_told_by_its_start_its_peak_and_the_way_between():
    rise = [0.0] * 10 + list(np.linspace(0, 1, 11)) + list(np.linspace(0.9, 0, 10)) + [0.0] * 10
    chosen = telling(motion(jawOpen=rise), 0, len(rise) - 1, 5)
    values = [rise[frame] for frame in chosen]
    assert values[0] == 0
    assert chosen[0] >= 8  # what is still before it moves is not shown
    assert 1.0 in values
    assert sorted(chosen) == list(chosen)
    assert any(0.3 <= value <= 0.7 for value in values)
    assert chosen[-1] >= 30


def test_both_ways_of_a_shake_are_shown():
    yaw = 10 * np.sin(np.linspace(0, 4 * np.pi, 60))
    chosen = telling(motion(headYaw=list(yaw)), 0, 59, 5)
    assert yaw[list(chosen)].max() > 9
    assert yaw[list(chosen)].min() < -9


def test_a_held_pose_is_shown_as_held():
    level = list(np.linspace(0, 1, 10)) + [1.0] * 90
    assert max(telling(motion(mouthFunnel=level), 0, 99, 4)) > 80


def test_what_never_moves_is_still_shown():
    chosen = telling(motion(jawOpen=[0.0] * 20), 0, 19, 5)
    assert len(chosen) == len(set(chosen)) <= 5


def test_only_frames_of_the_span_are_chosen():
    level = [*np.linspace(0, 1, 50), *np.linspace(1, 0, 50)]
    assert all(20 <= frame <= 30 for frame in telling(motion(jawOpen=level), 20, 30, 5))


# ---------------------------------------------------------------------------------------------------------------- pictures


def test_a_strip_is_the_regions_performance_of_its_words():
    brief, samples = performed(STRIPS["blink"], LOADED)
    blink = samples[INDEX["eyeBlinkLeft"]]
    chosen = shown("blink", brief, samples)
    assert len(chosen) == FRAMES
    assert blink[list(chosen)].max() == blink.max() > 0.9
    assert blink[chosen[0]] < 0.1
    assert np.array_equal(performed(STRIPS["blink"], LOADED)[1], samples)


def test_strips_are_filmed_in_their_order(tmp_path):
    renderer = FakeRenderer()
    rig = renderer.prepare(read_portrait(portrait_file(tmp_path / "portrait.png")))
    both = [STRIPS["nod"], STRIPS["close_eyes"]]
    nod, closing = filmed(both, LOADED, renderer, rig, (0, 0, *SIDE))
    blue = [np.asarray(picture)[-20, ACROSS // 2 :: ACROSS + 1, 2] for picture in (nod, closing)]
    assert blue[0].max() < 10  # the fake shows closed lids in blue
    assert blue[1][0] < 10
    assert blue[1].max() > 240
    assert renderer.chunks == [2 * FRAMES]


def test_strips_are_read_line_by_line():
    sheet = np.asarray(arranged([Image.new("RGB", (10, 10), (value, 0, 0)) for value in (10, 20, 30)]))
    reds = sheet[..., 0]
    places = [np.argwhere((reds == value) & (sheet[..., 1] == 0)).mean(axis=0) for value in (10, 20, 30)]
    assert places[0][0] == places[1][0] < places[2][0]
    assert places[0][1] == places[2][1] < places[1][1]


def test_a_strip_has_its_name_as_words():
    assert Strip("raise_brows", "brows", "", ()).title == "raise brows"
