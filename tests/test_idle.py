"""A face at rest is alive: it blinks, looks about, sways and breathes as people do, and never the same way twice."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from agents.expansion import Expander
from agents.idle import Scene, idle_motion
from agents.performance import Move
from agents.repeating import LEAD
from configs.gestures import Behaviour
from configs.tables import Tables
from protocol.brief import Act, Beat, Still
from protocol.channels import REGIONS, SIDES, WRITABLE
from protocol.constraints import Samples
from protocol.gaze import saccade_seconds
from protocol.timeline import RATE, last_values, rest
from runtime.loading import Loaded
from tests.performing import Motion, act, beat, perform, to_the_letter

MINUTES = 10


@pytest.fixture(scope="module")
def tables(loaded: Loaded) -> Tables:
    return loaded.tables


@pytest.fixture(scope="module")
def behaviour(tables: Tables) -> Behaviour:
    return tables.behaviour


@pytest.fixture(scope="module")
def minute(tables: Tables) -> Motion:
    """A minute in which nothing is asked of the face, in beats of uneven length."""
    edges = tuple(float(edge) for edge in np.cumsum([2.5, 1.0, 4.0, 3.0, 6.0, 2.0, 8.0, 5.0, 3.5, 7.0, 4.0, 2.0, 5.0]))
    return perform(tables, seconds=60.0, edges=edges, idle=11)


def blinks(behaviour: Behaviour, seed: int, cut: tuple[float, ...] = ()) -> list[Move]:
    """All blinks of ten minutes, their acts timed from the start of the take; `cut` are the borders of beats."""
    found = []
    for begin, finish in itertools.pairwise((0.0, *cut, 60.0 * MINUTES)):
        moves, _ = idle_motion("eyes", behaviour, beat(seconds=finish - begin, start=begin), seed)
        for move in moves:
            times = {"start": round(move.act.start + begin, 4), "end": round(move.act.end + begin, 4)}
            found.append(move.model_copy(update={"act": move.act.model_copy(update=times)}))
    return found


# ------------------------------------------------------------------------------------------------- blinks


@pytest.mark.parametrize("seed", range(5))
def test_eyes_blink_as_often_as_people_at_rest_do(behaviour: Behaviour, seed: int):
    # 8 to 21 a minute with the gaze straight ahead: 95 % of people (Doughty 2001).
    count = sum(move.act.count for move in blinks(behaviour, seed))
    assert 8 <= count / MINUTES <= 21


def test_gaps_between_blinks_are_uneven_and_skewed(behaviour: Behaviour):
    starts = [move.act.start for seed in range(4) for move in blinks(behaviour, seed)]
    gaps = np.array([later - sooner for sooner, later in itertools.pairwise(starts) if later > sooner])
    assert gaps.min() >= 0.4
    assert gaps.max() <= 10
    assert 0.3 <= gaps.std() / gaps.mean() <= 0.8
    # Log-normal gaps: the mean lies above the median (Bentivoglio 1997).
    assert gaps.mean() > 1.05 * np.median(gaps)


def test_some_blinks_stay_half_way_and_some_come_in_twos(behaviour: Behaviour):
    moves = [move for seed in range(4) for move in blinks(behaviour, seed)]
    partial = [move.act.strength for move in moves if move.act.strength < 1]
    twos = sum(move.act.count == 2 for move in moves)
    # A third to a half of blinks do not close fully (Sforza 2008); a tenth are double.
    assert 0.25 <= len(partial) / len(moves) <= 0.5
    assert 0.6 <= min(partial) <= max(partial) <= 0.9
    assert 0.05 <= twos / len(moves) <= 0.18


def test_beats_do_not_change_when_the_eyes_blink(behaviour: Behaviour):
    whole = blinks(behaviour, 3)
    cut = blinks(behaviour, 3, cut=tuple(float(edge) for edge in range(3, 600, 3)))
    assert len(cut) == len(whole)
    for one, other in zip(cut, whole, strict=True):
        # One that a border would cut comes before it, by no more than it takes itself.
        assert -0.75 <= one.act.start - other.act.start <= 1e-3
        assert (one.seed, one.act.strength) == (other.seed, other.act.strength)


def test_blinks_are_over_with_their_beat(behaviour: Behaviour):
    for number in range(120):
        intent = beat(seconds=1.7, start=1.7 * number)
        moves, _ = idle_motion("eyes", behaviour, intent, 1)
        assert all(move.act.start >= 0 and move.act.start + 0.3 <= 1.7 + 1e-6 for move in moves)


def test_blinks_are_nobodys_wish_and_keep_clear_of_stillness(behaviour: Behaviour):
    still = Still(start=5.0, end=25.0)
    moves, _ = idle_motion("eyes", behaviour, beat(seconds=60.0, stills=(still,)), 2)
    assert moves
    assert all(move.idle and move.act.words == "" for move in moves)
    assert not [move for move in moves if 4.7 < move.act.start < 25.0]
    assert [move for move in moves if move.act.start < 5] or [move for move in moves if move.act.start > 25]


def test_only_eyes_blink(behaviour: Behaviour):
    for region in REGIONS:
        moves, plans = idle_motion(region, behaviour, beat(seconds=30.0), 1)
        assert bool(moves) == (region == "eyes")
        assert plans
        assert all(behaviour.idle.wander[plan.name].region == region for plan in plans)


# ------------------------------------------------------------------------------------------------- gaze


def test_eyes_make_small_saccades_about_once_or_twice_a_second(behaviour: Behaviour):
    steps = [
        (plan.name, one, two)
        for plan in idle_motion("eyes", behaviour, beat(seconds=60.0), 4)[1]
        if plan.name.startswith("fixation")
        for one, two in itertools.pairwise(plan.steps)
    ]
    # Microsaccades: 1 to 2 a second, 0.1 to 0.5 degrees.
    assert 0.8 <= len(steps) / 60 <= 2
    sizes = [
        abs(two[2] - one[2]) * max(abs(size) for size in behaviour.idle.wander[name].channels.values())
        for name, one, two in steps
    ]
    assert 0.05 <= float(np.median(sizes)) <= 0.5
    assert max(sizes) <= 0.7


def test_gaze_jumps_in_the_time_of_its_size(behaviour: Behaviour):
    (plan,) = (one for one in idle_motion("eyes", behaviour, beat(seconds=60.0), 4)[1] if one.name == "gaze_aside")
    before = 0.0
    for _, takes, share in plan.steps:
        assert takes == pytest.approx(saccade_seconds(abs(share - before) * 3.5), abs=2e-4)
        before = share


def test_gaze_does_not_move_along_one_line(minute: Motion):
    yaw, pitch = minute["eyeYawLeft"], minute["eyePitchLeft"]
    assert abs(float(np.corrcoef(yaw, pitch)[0, 1])) < 0.7


def test_eyes_stay_on_the_viewer_most_of_the_time(minute: Motion):
    away = np.maximum(np.abs(minute["eyeYawLeft"]), np.abs(minute["eyePitchLeft"])) > 1
    assert 0.01 < float(away.mean()) < 0.3
    assert np.array_equal(minute["eyeYawLeft"], minute["eyeYawRight"])


# ------------------------------------------------------------------------------------------------- head, brows, mouth


def turns(row: Samples) -> int:
    """How often a row changes between rising and falling."""
    speed = np.sign(np.round(np.diff(row), 6))
    speed = speed[speed != 0]
    return int((speed[1:] != speed[:-1]).sum())


def test_the_head_sways_by_a_degree_or_two_without_hurry(minute: Motion):
    for channel, least in (("headYaw", 1.0), ("headPitch", 0.6), ("headRoll", 0.8)):
        row = minute[channel]
        assert least <= float(row.max() - row.min()) <= 3
        assert float(np.abs(np.diff(row)).max()) * RATE < 6  # degrees a second
    # 0.13 to 0.41 Hz: a change of direction every 1.2 to 4 s or so, but for steps that go on the same way
    assert 12 <= turns(minute["headYaw"]) <= 60


def test_the_head_is_seldom_quite_still(minute: Motion):
    moved = np.zeros(minute.samples.shape[1] - 1, dtype=bool)
    for channel in ("headYaw", "headPitch", "headRoll"):
        moved |= np.abs(np.diff(minute[channel])) * RATE > 0.05
    assert float(moved.mean()) > 0.8


def test_it_breathes_twelve_to_twenty_times_a_minute(minute: Motion):
    row = minute["headY"]
    breaths = int(((row[1:] >= 0.05) & (row[:-1] < 0.05)).sum())
    assert 12 <= breaths <= 20
    assert float(row.min()) >= -0.02


def test_brows_and_mouth_stir_but_say_nothing(minute: Motion):
    for region in ("brows", "mouth"):
        sizes = [float(np.abs(minute[name]).max()) for name in WRITABLE[region]]
        assert 0.01 <= max(sizes) <= 0.1


def test_nothing_jumps_where_beats_meet(minute: Motion):
    for name in (*WRITABLE["head"], *WRITABLE["brows"], *WRITABLE["mouth"]):
        assert float(np.abs(np.diff(minute[name])).max()) < 0.06, name


# ------------------------------------------------------------------------------------------------- chance and stillness


def test_the_same_seed_idles_alike_and_another_one_differently(behaviour: Behaviour):
    intent = beat(seconds=20.0)
    for region in REGIONS:
        assert idle_motion(region, behaviour, intent, 1) == idle_motion(region, behaviour, intent, 1)
        assert idle_motion(region, behaviour, intent, 1) != idle_motion(region, behaviour, intent, 2)


def test_a_later_beat_takes_up_where_the_one_before_left_off(behaviour: Behaviour):
    for region in REGIONS:
        _, first = idle_motion(region, behaviour, beat(seconds=30.0), 7)
        _, second = idle_motion(region, behaviour, beat(seconds=15.0, start=15.0), 7)
        for plan in second:
            (whole,) = (one for one in first if one.name == plan.name)
            later = [(round(start + 15.0, 3), takes, share) for start, takes, share in plan.steps]
            known = [(round(start, 3), takes, share) for start, takes, share in whole.steps]
            assert later == known[-len(later) :]
            # What the first step leads to is where the beat begins, unless nothing has happened before it.
            assert plan.steps[0][0] + plan.steps[0][1] <= 0 or len(later) == len(known)


def test_nothing_stirs_while_the_face_is_to_be_still(tables: Tables):
    motion = perform(tables, seconds=8.0, idle=3, stills=(Still(start=2.0, end=6.0),))
    inside = motion.samples[:, round(2.0 * RATE) + 1 : round(6.0 * RATE)]
    assert float((inside.max(axis=1) - inside.min(axis=1)).max()) < 0.1
    assert motion.samples[:, round(6.5 * RATE) :].any()


def test_sides_of_the_face_idle_together(minute: Motion):
    for stem in ("eyeSquint", "browOuterUp", "mouthPress", "mouthSmile"):
        left, right = (minute[stem + side] for side in SIDES)
        assert np.allclose(left, right, atol=0.01)


def test_the_shortest_of_beats_is_no_problem(behaviour: Behaviour):
    tiny = Beat(start=8.0, end=8.125, summary="")
    for region in REGIONS:
        moves, plans = idle_motion(region, behaviour, tiny, 1)
        assert moves == []
        assert all(plan.steps[0][0] < 0.125 for plan in plans)


# ------------------------------------------------------------------------------------------------- blinks and what goes on


def attuned(tables: Tables, intent: Beat, seed: int, begins: dict[str, float] | None = None) -> list[Move]:
    """Blinks of eyes that know what a beat asks for."""
    scene = Scene(tables.gestures, tables.emotions, {**last_values(rest()), **(begins or {})})
    return idle_motion("eyes", tables.behaviour, intent, seed, scene=scene)[0]


def rate(tables: Tables, *acts: Act, seeds: int = 12) -> float:
    """Blinks per minute over minutes of an act."""
    moves = [move for seed in range(seeds) for move in attuned(tables, beat(*acts, seconds=60.0), seed)]
    return sum(move.act.count for move in moves) / seeds


def test_people_blink_more_often_in_conversation_and_less_when_they_read(tables: Tables):
    # 17, 26 and 4.5 a minute (Bentivoglio 1997).
    at_rest, talking, reading = (rate(tables, *([act(name, 0.0, 60.0)] if name else [])) for name in ("", "talk", "read"))
    assert 14 <= at_rest <= 20
    assert 22 <= talking <= 30
    assert 3 <= reading <= 7


def test_a_state_brings_its_own_rate_as_far_as_it_is_strong(tables: Tables):
    # Anger stares: 12 a minute; nervousness does not.
    angry, vexed, nervous = (
        rate(tables, act(name, 0.0, 60.0, strength=size))
        for name, size in (("anger", 1.0), ("anger", 0.3), ("nervousness", 1.0))
    )
    assert angry < vexed < nervous
    assert 9 <= angry <= 15


@pytest.mark.parametrize(
    "asked", [act("look", 2.0, 4.0, yaw=40.0), act("turn_head", 2.0, 4.0, yaw=20.0), act("glance", 2.0, 3.0, yaw=36.0)]
)
def test_a_large_shift_of_the_gaze_brings_a_blink_as_it_starts(tables: Tables, asked: Act):
    # 97 % of shifts above 33 degrees, every turn of the head above 17, a little before it (Evinger 1994).
    for seed in range(10):
        assert [move for move in attuned(tables, beat(asked, seconds=6.0), seed) if 1.9 <= move.act.start <= 2.0]


def test_the_way_home_brings_one_too(tables: Tables):
    intent = beat(act("turn_head", 0.5, 4.0, yaw=30.0), seconds=6.0)
    assert [move for move in attuned(tables, intent, 1) if 3.3 <= move.act.start <= 4.0]
    # So does the start of a beat that has nothing to hold the head where the last one left it.
    assert attuned(tables, beat(seconds=6.0), 3, {"headYaw": 25.0})[0].act.start == 0


@pytest.mark.parametrize("pace", [0.7, 1.0, 1.4])
@pytest.mark.parametrize("asked", [act("turn_head", 0.5, 3.0, yaw=30.0), act("look", 0.5, 2.0, yaw=40.0)])
def test_the_blink_of_the_way_home_comes_as_these_eyes_leave(tables: Tables, asked: Act, pace: float):
    lively, emotions = tables.behaviour.liveliness, tables.emotions
    assert lively is not None
    move = Move(act=asked, pace=pace)
    eyes = Expander(tables.gestures, emotions, "eyes", 6.0, lively, (move,))
    [line] = [layer for layer in eyes.layers(move) if layer.channel == "eyeYawLeft"]
    home = [one.time for one in line.keys if one.mode == lively.saccade][-1]
    scene = Scene(tables.gestures, emotions, last_values(rest()), (move,))
    blinks, _ = idle_motion("eyes", tables.behaviour, beat(asked, seconds=6.0), 1, scene=scene)
    assert min(abs(blink.act.start + tables.behaviour.idle.blinks.lead - home) for blink in blinks) < 0.01


def test_a_small_shift_brings_none(tables: Tables):
    asked = act("look", 2.0, 5.0, yaw=8.0, regions=("eyes",))
    for seed in range(10):
        assert attuned(tables, beat(asked, seconds=6.0), seed) == attuned(tables, beat(seconds=6.0), seed)


def test_no_blink_comes_by_itself_beside_one_that_goes_with_a_shift(tables: Tables):
    for seed in range(20):
        moves = attuned(tables, beat(act("turn_head", 2.0, 4.0, yaw=30.0), seconds=6.0), seed)
        starts = [move.act.start for move in moves]
        assert starts == sorted(starts)
        assert all(later - sooner > 0.4 for sooner, later in itertools.pairwise(starts))


def test_stillness_keeps_even_those_away(tables: Tables):
    still = Still(start=1.5, end=4.5)
    moves = attuned(tables, beat(act("turn_head", 2.0, 4.0, yaw=30.0), seconds=6.0, stills=(still,)), 1)
    assert not [move for move in moves if 1.2 < move.act.start < 4.5]


def test_two_blinks_of_a_pair_are_not_squeezed(tables: Tables):
    pairs = [move.act for seed in range(6) for move in attuned(tables, beat(seconds=60.0), seed) if move.act.count == 2]
    assert pairs
    assert all(pair.end - pair.start >= 2 * 0.44 + LEAD - 1e-6 for pair in pairs)


def test_a_table_of_an_earlier_take_blinks_as_at_rest_whatever_it_does(tables: Tables):
    plain, asked = to_the_letter(tables), beat(act("talk", 0.0, 60.0), act("turn_head", 5.0, 9.0, yaw=30.0), seconds=60.0)
    assert attuned(plain, asked, 1) == attuned(plain, beat(seconds=60.0), 1)
