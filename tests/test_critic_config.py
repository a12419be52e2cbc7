"""The critic's table: every range with its source, and errors that name file, line and key."""

from __future__ import annotations

import pytest

from configs.critic import CRITIC, MEASURES, CriticTable, builtin_critic
from configs.loading import ConfigError, builtin, parse_yaml_model, read_text
from configs.tables import build, read_texts


def test_a_measure_scores_one_where_most_people_are_and_less_away_from_there():
    band = builtin_critic().nature["blink_rate"]
    assert band.score(17, 0.85) == 1
    assert band.score(8, 0.85) == band.score(32.5, 0.85) == pytest.approx(0.85)
    assert 0.85 < band.score(25, 0.85) < 1
    assert 0 < band.score(5, 0.85) < 0.85
    assert band.score(60, 0.85) == 0


def test_a_short_motion_widens_a_range():
    band = builtin_critic().nature["blink_rate"]
    assert band.score(4, 0.85) < 0.85 <= band.score(4, 0.85, less=6)


def test_none_of_what_is_better_not_there_at_all_is_best():
    band = builtin_critic().nature["dead_time"]
    assert band.score(0, 0.85) == 1
    assert band.score(0.5, 0.85) == pytest.approx(0.85)


def test_every_range_names_where_it_comes_from():
    table = builtin_critic()
    assert set(table.nature) == set(MEASURES)
    assert all(band.source for band in table.nature.values())


def test_the_first_name_that_fits_says_how_fast_a_channel_goes():
    table = builtin_critic()
    assert table.fastest("browInnerUp") == table.speeds["brow"]
    assert table.fastest("cheekPuff") == table.speeds[""]


@pytest.mark.parametrize(
    ("right", "wrong", "said"),
    [
        ("dead_time:", "dead_tme:", "is not a measure"),
        ("edge: 0.85", "edge: 1.85", "edge"),
        ("low: 8, high: 32.5", "low: 8, high: 3.5", "has to be above low, 8"),
        ("best: 17", "best: 7", "has to lie in the range"),
        ("unseen: 0.15", "unseen: 0.75", "has to be above unseen"),
        ("best: 17", "best: 32.5", "below its high end"),
        ("free: 0.2\n", "free: 2.2\n", "has to be above free"),
        ("free: 0.2\n", "free: 0\n", "free"),
        ("low: 0.75", "low: 0.15", "has to be above seeing.unseen, 0.15"),
        ("high: 1.4\n", "high: 1\n", "high"),
        ("high: 1.4\n", "high: 3.4\n", "has to be above high"),
        ('  "": 10', "  x: 10", "needs a speed for all other channels"),
        ('  head: 300\n  "": 10', '  "": 10\n  head: 300', 'put "head" before ""'),
        ("  mouthFrown: 6.5", "  mouthSmileLeft: 6.5", '"mouthSmile" stands before it and fits as well'),
        ("{intents: 70, nature: 20, strain: 10", "{intents: 0, nature: 0, strain: 0", "needs a weight above 0"),
    ],
)
def test_what_is_wrong_is_named(right: str, wrong: str, said: str):
    text = read_text(builtin(CRITIC))
    assert text.count(right) == 1, f"configs/{CRITIC} no longer has {right!r} once"
    with pytest.raises(ConfigError) as caught:
        parse_yaml_model(text.replace(right, wrong), f"configs/{CRITIC}", CriticTable)
    assert said in str(caught.value)
    assert str(caught.value).startswith(f"configs/{CRITIC}:")


def test_a_measure_that_is_left_out_is_missed():
    text = "\n".join(
        line for line in read_text(builtin(CRITIC)).splitlines() if "tremble:" not in line and "physiol" not in line
    )
    with pytest.raises(ConfigError, match="tremble is missing"):
        build({**read_texts(), CRITIC: text})


def test_takes_from_before_there_was_a_critic_are_judged_by_the_programs_own_table():
    texts = read_texts()
    del texts[CRITIC]
    assert build(texts).critic == builtin_critic()
