"""Takes under fire come to what they would have come to: a few in every run, hundreds in tests/bench_fire.py.

And the judges of that: plans follow from seeds, a take that is not as it should be is found, and so is one that hangs.
"""

from __future__ import annotations

import shutil
import time

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cache
from pathlib import Path

import pytest

from protocol.messages import ChunkRendered
from tests.bench_fire import face
from tests.fire import DIRECTIONS, KINDS, OPERATIONS, REOPENINGS, STRIKES, Outcome, Scripts, drawn, never, table
from tests.fire_ground import DEATHS, LONG, Ground, Hung, _Process, wrong
from tests.fire_player import Fault, Job
from tests.program import journal_file

SEEDS = (2, 20, 40, 6, 23, 25, 30, 53, 36, 22, 19, 28)
"""Each kind of fault is in one of them at least; those in which Ray loses the same stand together."""


@pytest.fixture(scope="module")
def scripts(tmp_path_factory) -> Scripts:
    folder = tmp_path_factory.mktemp("scripts")
    return Scripts(folder, face(folder))


# ---------------------------------------------------------------------------------------------------------------- plans


def test_a_plan_follows_from_its_seed_and_is_said_in_a_line(scripts):
    for seed in range(40):
        plan = drawn(seed, scripts, KINDS)
        assert plan == drawn(seed, scripts, KINDS)
        assert str(plan).startswith(f"seed {seed}, take ")
        assert "\n" not in str(plan)
    assert len({str(drawn(seed, scripts, KINDS)).partition(", ")[2] for seed in range(40)}) > 35


def test_kinds_of_faults_take_turns_and_come_together_too(scripts):
    plans = [drawn(seed, scripts, KINDS) for seed in range(90)]
    for place, kind in enumerate(KINDS):
        assert all(kind in plan.kinds for plan in plans[place :: len(KINDS)])
    together = {other for plan in plans for other in plan.kinds if len(plan.kinds) > 1}
    assert together == {*KINDS} - {"program"}


def test_a_plan_holds_what_its_kinds_say_and_nothing_that_a_take_may_fail_of(scripts):
    for seed in range(90):
        plan = drawn(seed, scripts, KINDS)
        faults = [fault for act in plan.acts for fault in act]
        held = {fault.what for fault in faults} | ({"program"} if plan.bytes else set())
        held |= {name for name in ("requests", "replies") if plan.loss and getattr(plan.loss, name)}
        assert held == set(plan.kinds)
        assert sum(fault.what in ("renderer", "node") for fault in faults) <= STRIKES
        last = len(scripts.of(plan.script, real=False).records)
        for act in plan.acts:
            assert sum(fault.what in DEATHS for fault in act) <= 1
            end = next((fault.at for fault in act if fault.what == "driver"), last)
            assert all(2 <= fault.at <= end for fault in act if fault.what in ("region", "node"))
        assert not any(fault.what in DEATHS for act in plan.acts[-1:] for fault in act)


def test_faults_are_told_to_the_process_that_they_happen_to():
    job = Job("a.mkv", (Fault("region", 7, "eyes"), Fault("node", 9, "1", hard=False)), "portrait.png", "She nods.", 1.5)
    assert Job.read(job.line()) == job


# -------------------------------------------------------------------------------------------------------------- results


def outcome(seed: int, *kinds: str, bit: dict[str, int], **more: object) -> Outcome:
    return Outcome(seed, kinds, f"seed {seed}", bit, (), 2.0, **more)  # type: ignore[arg-type] # counts


def test_a_fault_that_did_not_happen_is_counted_as_missed():
    assert outcome(1, "replies", bit={"doubt": 2}).missed == []
    assert outcome(1, "replies", "node", bit={}).missed == ["replies", "node"]
    assert outcome(1, "region", bit={"region": 1}).missed == ["region"]  # nobody noticed
    assert outcome(1, "region", bit={"region": 1}, rejoined=1).missed == []
    assert outcome(1, "driver", "closing", bit={"driver": 1, "closing": 1}, resumed=1).missed == []
    these = [outcome(1, "region", "node", bit={"region": 1}, rejoined=1), outcome(2, "node", "closing", bit={"closing": 1})]
    assert never(these) == ["node"]
    assert Outcome.read(these[0].line()) == these[0]


def test_the_table_has_a_line_for_each_kind_and_one_for_all():
    these = [
        outcome(1, "region", bit={"region": 1}, rejoined=2),
        replace(outcome(2, "region", "node", bit={"node": 1}, gone=1, again=8), problems=("hung",), seconds=4.0),
    ]
    lines = [line.split() for line in table(these).splitlines()]
    assert lines[1:] == [
        ["region", "2", "1", "1", "1", "3.0", "0", "0", "2", "1", "8"],
        ["node", "1", "1", "0", "1", "4.0", "0", "0", "0", "1", "8"],
        ["all", "2", "2", "1", "1", "3.0", "0", "0", "2", "1", "8"],
    ]


# ------------------------------------------------------------------------------------------------------------ judgement


@pytest.fixture
def left(scripts, tmp_path) -> Path:
    """The output of a take that is as it should be, with all that belongs to it."""
    source = scripts.of(2, real=False).output
    shutil.copy(source, tmp_path / "take.mkv")
    shutil.copytree(source.with_suffix(".take"), tmp_path / "take.take")
    return tmp_path / "take.mkv"


def test_a_take_that_is_as_it_should_be_has_nothing_wrong(scripts, left):
    script = scripts.of(2, real=False)
    assert wrong(script, left, script.records) == []


def test_what_is_not_as_undisturbed_is_named(scripts, left):
    script, other = scripts.of(2, real=False), scripts.of(1, real=False)
    found = wrong(other, left, script.records)
    assert [f"other {name} than undisturbed" for name in ("motion", "timeline", "frames", "chunks", "messages")] == found


@pytest.mark.tampers
def test_a_chunk_that_came_out_otherwise_once_is_found_even_if_the_video_is_right(scripts, left):
    script = scripts.of(2, real=False)
    place, chunk = next((place, r) for place, r in enumerate(script.records) if isinstance(r.message, ChunkRendered))
    dark = replace(chunk, message=chunk.message.model_copy(update={"frames": "0" * 32}))
    records = (*script.records[:place], dark, *script.records[place + 1 :])
    journal_file(left.with_suffix(".take") / "journal.mcap", records)
    found = wrong(script, left, records)
    assert "other chunks than undisturbed" in found
    assert any(each.startswith("verify: H") for each in found)


@pytest.mark.parametrize("name", ["take.mkv", "take.take/motion.json", "take.take/journal.mcap"])
def test_what_is_missing_is_named(name, scripts, left):
    script = scripts.of(2, real=False)
    (left.parent / name).unlink()
    assert wrong(script, left, script.records) == [f"{Path(name).name} missing"]


def test_what_is_left_behind_is_named(scripts, left):
    script = scripts.of(2, real=False)
    for name in ("take.take/journal.live.mcap", "take.take/.motion.json.77.part", ".take.mkv.77.part"):
        (left.parent / name).touch()
    assert wrong(script, left, script.records) == [
        ".take.mkv.77.part is left",
        "take.take/.motion.json.77.part is left",
        "take.take/journal.live.mcap is left",
    ]


def test_a_process_that_says_nothing_has_hung(tmp_path):
    process = _Process("127.0.0.1:1", None, tmp_path / "log")
    try:
        with pytest.raises(Hung, match="where it hung is in"):
            process.play(Job("a.mkv"), time.monotonic(), lambda _: None)
    finally:
        process.kill()


# ----------------------------------------------------------------------------------------------------------------- fire


@pytest.fixture(scope="module")
def ground(scripts, tmp_path_factory) -> Iterator[Ground]:
    """A cluster for all runs."""
    with Ground(tmp_path_factory.mktemp("fire"), scripts) as standing:
        yield standing


@pytest.fixture(scope="module")
def came(ground, scripts) -> Callable[[int], Outcome]:
    """What came of the run of a seed, which is made once."""

    @cache
    def run(seed: int) -> Outcome:
        return ground.run(drawn(seed, scripts, KINDS))

    return run


@pytest.mark.ray
@pytest.mark.parametrize("seed", SEEDS)
def test_a_take_under_fire_comes_to_what_it_would_have_come_to(seed, scripts, came):
    if not {*drawn(seed, scripts, KINDS).kinds} <= {*scripts.kinds}:
        pytest.skip("the sample portrait or the face models are not cached; run: make models")
    assert not came(seed).problems, came(seed)


@pytest.mark.ray
def test_every_kind_of_fault_has_happened(scripts, came):
    plans = [drawn(seed, scripts, KINDS) for seed in SEEDS]
    assert {kind for plan in plans for kind in plan.kinds} == {*KINDS}
    assert never([came(plan.seed) for plan in plans if {*plan.kinds} <= {*scripts.kinds}]) == []


@pytest.mark.ray
def test_a_take_is_taken_up_and_ends_with_as_many_operations_on_files_as_it_may_be_killed_before(ground, scripts, tmp_path):
    direction, seconds = DIRECTIONS[2]
    begun = Job(str(tmp_path / "take.mkv"), (Fault("driver", 15),), str(scripts.stripes), direction, seconds)
    assert ground.playing(None).play(begun, time.monotonic() + LONG, lambda _: None) is None
    ended = ground.playing(None).play(Job(begun.output), time.monotonic() + LONG, lambda _: None)
    assert ended == {"ended": 0, "said": "", "operations": {"reopening": REOPENINGS, "closing": OPERATIONS}}
