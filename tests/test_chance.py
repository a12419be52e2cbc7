"""Seeded chance gives the same numbers everywhere, and numbers that deserve the name."""

from __future__ import annotations

import pytest

from agents.chance import Chance


def test_numbers_of_a_seed_are_frozen():
    # Written down when the generator was chosen: BLAKE2b of the labels seeds a Mersenne Twister. Takes depend on them.
    chance = Chance(7, "eyes", "blinks")
    assert [chance.share() for _ in range(3)] == [0.04558026359606726, 0.24943972933706104, 0.4655157145225117]


def test_labels_are_kept_apart():
    seeds = [Chance(1, 23), Chance(12, 3), Chance("1", "2", "3"), Chance(123), Chance()]
    assert len({chance.share() for chance in seeds}) == len(seeds)


def test_a_number_and_its_text_are_the_same_label():
    assert Chance(1, "a").share() == Chance("1", "a").share()


def test_shares_fill_their_span_evenly():
    chance = Chance("even")
    tenths = [0] * 10
    for _ in range(10_000):
        tenths[int(chance.share() * 10)] += 1
    # 1000 expected, standard deviation 30
    assert all(850 < count < 1150 for count in tenths)


def test_whole_numbers_reach_both_ends_and_nothing_else():
    chance = Chance("whole")
    assert {chance.whole(2, 5) for _ in range(200)} == {2, 3, 4, 5}
    assert {chance.whole(3, 3) for _ in range(5)} == {3}


def test_spans_are_kept():
    chance = Chance("spans")
    for _ in range(500):
        assert -2 <= chance.between(-2, 3) < 3
        assert 0.9 <= chance.around(0.1) <= 1.1


def test_probabilities_are_met():
    chance = Chance("often")
    # 3000 expected of 10000, standard deviation 46
    assert 2800 < sum(chance.chooses(0.3) for _ in range(10_000)) < 3200
    assert not any(chance.chooses(0) for _ in range(100))
    assert all(chance.chooses(1) for _ in range(100))


def test_every_item_is_picked():
    chance = Chance("pick")
    assert {chance.pick("abc") for _ in range(100)} == set("abc")


@pytest.mark.parametrize("values", [(1.0, 2.0), (0.0, 1.0, 10.0), (3.0, 3.0, 3.0)])
def test_quantiles_are_those_of_the_table(values: tuple[float, ...]):
    chance = Chance("quantile")
    drawn = sorted(chance.quantile(values) for _ in range(4001))
    for place, value in enumerate(values):
        there = drawn[min(place * 4000 // (len(values) - 1), 4000)]
        assert there == pytest.approx(value, abs=0.05 * (values[-1] - values[0]) + 1e-9)
