from pathlib import Path

import pytest

from configs.loading import ConfigError, builtin, read_text
from configs.puppet import load_face_regions, load_muscles
from protocol.channels import CHANNELS, both_sides


def written(folder: Path, table: str, old: str, new: str) -> Path:
    """A copy of one of the program's tables with one place changed."""
    text = read_text(builtin(table))
    assert text.count(old) >= 1
    path = folder / table
    path.write_text(text.replace(old, new, 1))
    return path


def test_strengths_are_given_for_one_side_or_both():
    table = load_muscles()
    assert table.parts("browDownLeft") == table.parts("browDownRight") == table.parts("browDown")
    assert table.parts("browInnerUp")["up"] > 0
    with pytest.raises(KeyError):
        table.parts("headYaw")


def test_every_part_is_a_length_that_a_face_can_go_and_says_where_it_comes_from():
    for parts in load_muscles().muscles.values():
        for part in parts.values():
            assert 0 < part.amount < 3
            assert part.source in ("anatomy", "judgement")


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("browDown:", "browDawn:", "no channel has this name"),
        ("cm: 1.0", "cm: -1.0", "browInnerUp.up.cm"),
        ("source: judgement", "source: guess", "source"),
        ("{cm: 1.0, source", "{cm: 1.0, share: 0.5, source", "either cm or share"),
        ("by: {cheekPuff: 1}", "by: {cheekPaff: 1}", "no channel has this name"),
        ("by: {cheekPuff: 1}", "by: {}", "by"),
        ("by: {mouthClose: 3", "by: {mouthClosed: 3", "seal.by"),
        ("  upper: 0.5", "  upper: 1.5", "seal.upper"),
    ],
)
def test_what_is_wrong_with_strengths_is_said(tmp_path, old, new, said):
    with pytest.raises(ConfigError, match=said):
        load_muscles(written(tmp_path, "muscles.yaml", old, new))


def test_every_channel_but_the_heads_has_its_regions():
    table = load_face_regions()
    for name, channel in CHANNELS.items():
        if channel.region == "head":
            with pytest.raises(KeyError):
                table.of(name)
        else:
            assert table.of(name)


def test_every_region_and_every_place_is_used():
    table = load_face_regions()
    assert {name for chosen in table.channels.values() for name in chosen} == set(table.regions)
    assert {spot.at for region in table.regions.values() for spot in region.spots} == set(table.places)
    assert all(both_sides(name) for name in table.channels)


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("browDown: [brow]", "browDown: [eyebrow]", "there is no region 'eyebrow'"),
        ("tongueOut: [lips", "jawDrop: [lips", "no channel has this name"),
        ("  eyeWide: [eye]\n", "", "every channel but the head's is there once, which eyeWide"),
        ("chin: [152]", "chin: [468]", "places.chin"),
        ("at: nose wing", "at: nose", "there is no place 'nose'"),
    ],
)
def test_what_is_wrong_with_regions_is_said(tmp_path, old, new, said):
    with pytest.raises(ConfigError, match=said):
        load_face_regions(written(tmp_path, "face_regions.yaml", old, new))
