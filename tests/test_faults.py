"""Faults on the way: loss, repetition, reordering and crashes change nothing in what is committed (S5).

Every run here is compared with one that nothing disturbed, keyframe by keyframe. The long tests, marked slow, do the same with
the real agents and with many more seeds.
"""

import pytest

from agents.chance import Chance
from protocol.channels import REGIONS
from protocol.link import Envelope
from protocol.messages import (
    COORDINATOR,
    Accepted,
    DeadlinePassed,
    Decided,
    Discarded,
    Objected,
    Proposed,
    Rejoined,
    Restored,
)
from runtime.inline import Crash, FaultyNetwork, PerfectNetwork
from tests.takes import Told, disagreements, ended_well, run, tiny_take, unjustified_commits
from tests.thinned import thinned

WORST = 0.3
"""The highest rate of loss and of repetition."""


@pytest.fixture(scope="module")
def calm() -> Told:
    """A tiny take that nothing disturbs."""
    told = tiny_take()
    assert ended_well(told)
    return told


def faulty(seed: int) -> FaultyNetwork:
    """A network as bad as its seed makes it: loss and repetition up to WORST, delays up to three resends."""
    chance = Chance("rates", seed)
    return FaultyNetwork(seed, WORST * chance.share(), WORST * chance.share(), 3 * chance.share())


def same(told: Told, calm: Told) -> bool:
    """Whether a take came to its end, without a fault of its own, with the same timeline bit for bit."""
    assert (told.closed.outcome, disagreements(told), unjustified_commits(told.records)) == ("done", [], [])
    assert told.timeline is not None
    assert calm.timeline is not None
    return told.timeline.model_dump_json() == calm.timeline.model_dump_json()


def bodies(told: Told) -> list[str]:
    """What regions said, without repetition in order of beat, round and region."""
    said = [m for m in told.all(Accepted, Objected, Proposed, Decided) if getattr(m, "role", "") != "director"]
    return [m.model_dump_json() for m in sorted(said, key=lambda m: (m.beat, m.round, getattr(m, "role", None) or m.region))]


# ------------------------------------------------------------------------------------------------------------ networks


def envelope(number: int = 1) -> Envelope:
    return Envelope("eyes", COORDINATOR, 1, number, 0, b"x")


def test_a_perfect_network_brings_everything_once_and_at_once():
    assert PerfectNetwork().arrivals(envelope()) == (0.0,)


def test_a_faulty_network_does_the_same_again_for_the_same_seed():
    def fate(seed):
        network = FaultyNetwork(seed, 0.3, 0.3, 2.0)
        return [network.arrivals(envelope()) for _ in range(200)]

    assert fate(1) == fate(1)
    assert fate(1) != fate(2)


def test_a_faulty_network_loses_repeats_and_delays_as_often_as_it_is_told():
    network = FaultyNetwork(5, 0.3, 0.2, 2.0)

    fates = [network.arrivals(envelope()) for _ in range(5000)]
    counts = [len(fate) for fate in fates]
    delays = [delay for fate in fates for delay in fate]

    # Four standard deviations of a share of 5000 are below 0.03.
    assert abs(counts.count(0) / 5000 - 0.3) < 0.03
    assert abs(counts.count(2) / 5000 - 0.7 * 0.2) < 0.03
    assert 0 <= min(delays) < 0.1
    assert 1.9 < max(delays) < 2.0


class Cut:
    """A network that loses what a test picks, and delays the rest by what it says.

    Args:
        lost: whether an envelope is lost.
        delay: seconds on the way.
    """

    def __init__(self, lost=lambda envelope: False, delay=lambda envelope: 0.0):
        self.lost, self.delay = lost, delay

    def arrivals(self, envelope: Envelope) -> tuple[float, ...]:
        return () if self.lost(envelope) else (self.delay(envelope),)


@pytest.mark.parametrize("region", REGIONS)
def test_a_region_cut_off_from_the_start_is_replaced_and_brought_in_at_the_next_beat(calm, region):
    # What it is to receive under its first incarnation never comes; the fallback is the second, its return the third.
    told = tiny_take(network=Cut(lambda e: region in (e.sender, e.receiver) and e.epoch == 1))

    assert ended_well(told)
    assert [(m.holder, m.incarnation) for m in told.all(Restored)] == [("fallback", 2), ("region", 3)]
    assert told.regions[region].incarnation == 3
    assert told.timeline == calm.timeline


def test_a_process_that_never_heard_that_it_was_let_in_is_let_in_again(calm):
    # It dies before its second envelope; the answer to the new process is lost until the fallback has taken over.
    network = Cut(lambda e: e.receiver == "mouth" and e.epoch == 2)

    told = tiny_take(beats=3, network=network, crashes=(Crash("mouth", 2),))

    assert ended_well(told)
    assert told.regions["mouth"].phase == "closed"
    assert [m.beat for m in told.all(DeadlinePassed)] == [0]
    assert told.all(Restored)[-1].nonce == told.all(Rejoined)[0].nonce
    assert told.timeline == tiny_take(beats=3).timeline


def test_what_a_fenced_region_still_sends_is_put_aside(calm):
    # Its first proposal is on the way for longer than the deadline; the head, cut off too, keeps the take open until then.
    slow = Cut(
        lost=lambda e: e.sender == "head" and (e.epoch, e.number) in ((1, 3), (3, 1)),
        delay=lambda e: 70.0 if e.sender == "eyes" and e.epoch == 1 and e.number else 0.0,
    )

    told = tiny_take(network=slow)

    assert ended_well(told)
    aside = [(m.role, m.incarnation, m.number) for m in told.all(Discarded)]
    assert {("eyes", 1, 1), ("eyes", 1, 2)} <= set(aside)
    assert len(aside) == len(set(aside)), "what a fenced process repeats is noted once"
    assert {m.what for m in told.all(Discarded)} == {"fenced"}
    assert told.timeline == calm.timeline


# ------------------------------------------------------------------------------------------------------------- crashes


def test_a_new_process_is_let_in_once_and_told_what_it_owes(calm):
    told = tiny_take(crashes=(Crash("brows", 4),))

    (hello,), (answer,) = told.all(Rejoined), told.all(Restored)
    assert answer.nonce == hello.nonce
    assert (answer.incarnation, answer.holder) == (2, "region")
    assert told.timeline == calm.timeline


def test_a_vote_that_is_in_the_journal_stands(calm):
    # The mouth takes its time, so that the brows can crash between their vote and the end of the round.
    slow = Cut(delay=lambda e: 0.5 if e.sender == "mouth" else 0.0)
    voted = []
    for index in range(1, calm.received["brows"] + 1):
        told = tiny_take(network=slow, crashes=(Crash("brows", index),))
        assert same(told, calm)
        for answer in told.all(Restored):
            if answer.round and answer.voted:
                voted.append((answer.beat.beat, answer.round.round))
                votes = [(m.beat, m.round) for m in told.all(Objected, Accepted) if m.role == "brows"]
                assert votes.count(voted[-1]) == 1

    assert {(0, 1), (0, 2), (1, 1)} == set(voted)


# ------------------------------------------------------------------------------------------ loss, repetition, reordering


@pytest.mark.parametrize("seed", thinned(range(40), 4))
def test_what_the_network_does_changes_nothing(calm, seed):
    told = tiny_take(network=faulty(seed))

    assert same(told, calm)
    assert told.all(DeadlinePassed, Restored) == []
    assert told.closed == calm.closed
    assert bodies(told) == bodies(calm)


def test_the_faults_are_as_bad_as_they_are_meant_to_be(calm):
    runs = [tiny_take(network=faulty(seed)) for seed in range(8)]

    orders = {tuple(record.sender for record in told.records) for told in runs}
    assert len(orders) > 4
    assert max(sum(told.received.values()) for told in runs) > 1.3 * sum(calm.received.values())


@pytest.mark.parametrize("worst", [(WORST, 0.0, 0.0), (0.0, WORST, 0.0), (0.0, 0.0, 5.0), (WORST, WORST, 5.0)], ids=str)
def test_each_kind_of_fault_at_its_worst_changes_nothing(calm, worst):
    for seed in range(3):
        assert same(tiny_take(network=FaultyNetwork(seed, *worst)), calm)


# ------------------------------------------------------------------------------------------------------------- crashes

APART = pytest.mark.parametrize("apart", [4, pytest.param(1, marks=pytest.mark.slow)])
"""One of so many envelopes; each region starts from another one."""


@APART
@pytest.mark.parametrize("region", REGIONS)
def test_a_crash_before_any_envelope_changes_nothing(calm, region, apart):
    for index in range(1 + REGIONS.index(region) % apart, calm.received[region] + 1, apart):
        told = tiny_take(crashes=(Crash(region, index),))

        assert same(told, calm), f"crash before envelope {index} of {region}"
        assert told.all(DeadlinePassed) == []
        for name, agent in told.agents.items():
            assert agent.thought == calm.agents[name].thought, f"{name} asks its planner again"
        (joined,) = told.all(Restored) or (None,)
        assert joined is None or told.regions[region].phase == "closed"
        # A process that starts when the take is over is not told any more, and the journal does not mention it.
        assert [r.message.nonce for r in told.records if isinstance(r.message, Rejoined)] == ([joined.nonce] if joined else [])


@APART
@pytest.mark.parametrize("region", REGIONS)
def test_two_crashes_in_a_row_change_nothing(calm, region, apart):
    for index in range(1 + REGIONS.index(region) % apart, calm.received[region] + 1, apart):
        told = tiny_take(crashes=(Crash(region, index), Crash(region, index + 1)))

        assert same(told, calm), f"crashes before envelopes {index} and {index + 1} of {region}"
        incarnations = [answer.incarnation for answer in told.all(Restored)]
        assert incarnations == list(range(2, 2 + len(incarnations)))


def test_all_regions_may_crash_in_one_take(calm):
    for index in range(1, min(calm.received.values()) + 1):
        assert same(tiny_take(crashes=tuple(Crash(region, index) for region in REGIONS)), calm), f"before envelope {index}"


@pytest.mark.parametrize("seed", thinned(range(40), 4))
def test_crashes_on_a_bad_network_change_nothing(calm, seed):
    chance = Chance("crashes", seed)
    crashes = tuple(Crash(chance.pick(REGIONS), chance.whole(1, 30)) for _ in range(chance.whole(1, 3)))

    assert same(tiny_take(network=faulty(seed), crashes=crashes), calm), crashes


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 500, 50))
def test_crashes_on_five_hundred_bad_networks_change_nothing(calm, first):
    for seed in range(first, first + 50):
        chance = Chance("more crashes", seed)
        crashes = tuple(Crash(chance.pick(REGIONS), chance.whole(1, 40)) for _ in range(chance.whole(1, 4)))

        assert same(tiny_take(network=faulty(seed), crashes=crashes), calm), (seed, crashes)


# ------------------------------------------------------------------------------------------------------ the real agents


DIRECTION = "She grins broadly and turns her head left, then laughs."


class Counting(PerfectNetwork):
    """A perfect network that counts what each region receives."""

    def __init__(self) -> None:
        self.received = dict.fromkeys((*REGIONS, COORDINATOR), 0)

    def arrivals(self, envelope: Envelope) -> tuple[float, ...]:
        self.received[envelope.receiver] += 1
        return super().arrivals(envelope)


@pytest.fixture(scope="module")
def real():
    """The timeline of a direction of two beats, the journal, and how many envelopes each region received."""
    network = Counting()
    result, journal = run(DIRECTION, seconds=3.0, network=network)
    assert result.closed.outcome == "done"
    assert result.timeline is not None
    assert len(result.timeline.beats) == 2
    assert any(isinstance(record.message, Objected) for record in result.records)
    return result.timeline.model_dump_json(), journal, network.received


def disturbed(**how) -> str:
    """The timeline of the direction under faults."""
    result, _ = run(DIRECTION, seconds=3.0, **how)
    assert result.closed.outcome == "done"
    assert result.timeline is not None
    assert unjustified_commits(result.records) == []
    return result.timeline.model_dump_json()


def test_the_same_direction_gives_the_same_journal(real):
    assert run(DIRECTION, seconds=3.0)[1] == real[1]


@pytest.mark.parametrize("seed", range(3))
def test_faults_change_nothing_in_a_real_take(real, seed):
    timeline, _, received = real
    region = REGIONS[seed]

    assert disturbed(network=faulty(seed), crashes=(Crash(region, received[region] // 2),)) == timeline


@pytest.mark.slow
@pytest.mark.parametrize("first", range(0, 500, 25))
def test_five_hundred_networks_change_nothing_in_a_real_take(real, first):
    for seed in range(first, first + 25):
        assert disturbed(network=faulty(seed)) == real[0], f"seed {seed}"


@pytest.mark.slow
@pytest.mark.parametrize("region", REGIONS)
def test_a_crash_before_any_envelope_changes_nothing_in_a_real_take(real, region):
    timeline, _, received = real

    for index in range(1, received[region] + 1):
        assert disturbed(crashes=(Crash(region, index),)) == timeline, f"crash before envelope {index}"
