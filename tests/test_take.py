"""One take from its options to what it leaves behind, and what is left when it does not come to its end."""

from __future__ import annotations

import errno
import itertools
import json
import os

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import structlog

from configs.loading import ConfigError, builtin
from protocol.channels import NAMES
from protocol.coordinator_state import COMMIT_AS_PROPOSED, CRITIC_OBJECTS
from protocol.journal import Journal, read_journal
from protocol.messages import Committed, TakeClosed
from protocol.monitor import monitor
from protocol.replay import replay
from protocol.timeline import Timeline, sample
from runtime.inline import InlineBase
from runtime.loading import Loaded, load
from runtime.options import TakeOptions
from runtime.outputs import TakeFiles
from runtime.production import Order, plan_to_files
from runtime.take import Watch, opening, timeline_of, versions
from runtime.take_error import TakeError
from tests.recorded import BrokenDirector, recorded
from tests.takes import run

OPTIONS = TakeOptions(direction="She smiles, then nods.", idle=False, fps=Fraction(30000, 1001), seconds=2.0, seed=5)
STOPPED = ["motion.take/journal.mcap", "motion.take/take.json"]
TAKE = ["journal.mcap", "motion.json", "take.json", "timeline.json"]


def _ticking() -> Callable[[], float]:
    count = itertools.count()
    return lambda: next(count) / 100


def _plan(loaded: Loaded, output: Path, options: TakeOptions = OPTIONS, stopped: Callable[[], str | None] = lambda: None):
    order = Order(opening(options, loaded), loaded)
    return plan_to_files(order, TakeFiles.beside(output), InlineBase(), Watch(_ticking(), stopped))


def _left(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*") if not path.is_dir())


def _journal(path: Path) -> Journal:
    with path.open("rb") as stream:
        return read_journal(stream)


@pytest.fixture(scope="module")
def planned(loaded, tmp_path_factory):
    """A take that was planned into files: (result, samples, folder)."""
    folder = tmp_path_factory.mktemp("planned")
    result, samples = _plan(loaded, folder / "motion.json")
    return result, samples, folder


# ------------------------------------------------------------------------------------------------------------ opening


def test_a_take_is_named_after_what_it_is_asked_for(loaded):
    named = opening(OPTIONS, loaded).take
    assert opening(replace(OPTIONS), loaded).take == named
    others: list[dict[str, Any]] = [
        {"direction": "She smiles."},
        {"seconds": None},
        {"fps": Fraction(30)},
        {"seed": 6},
        {"idle": True},
        {"negotiate": False},
        {"emotion": "proud"},
        {"rounds": 3},
    ]
    names = {named, *(opening(replace(OPTIONS, **other), loaded).take for other in others)}
    names.add(opening(OPTIONS, replace(loaded, digest="0" * 32)).take)
    assert len(names) == len(others) + 2


def test_the_opening_holds_all_that_the_result_depends_on(loaded):
    opened = opening(OPTIONS, loaded)
    assert opened.configuration == loaded.texts
    assert (opened.direction, opened.seed, opened.fps, opened.seconds) == (OPTIONS.direction, 5, "30000/1001", 2.0)
    assert opened.versions == versions()
    assert {"python", "textuportray", "numpy", "pydantic"} <= set(opened.versions)


def test_flags_say_what_is_not_as_usual(loaded):
    assert opening(OPTIONS, loaded).flags == (CRITIC_OBJECTS,)
    assert opening(replace(OPTIONS, idle=True, negotiate=False), loaded).flags == ("idle", COMMIT_AS_PROPOSED)


def test_a_table_of_ones_own_takes_the_place_of_the_programs(tmp_path, loaded):
    own = tmp_path / "mine.yaml"
    own.write_text(builtin("constraints.yaml").read_text(encoding="utf-8") + "\n# mine\n", encoding="utf-8")
    changed = load({"constraints.yaml": own})
    assert changed.texts["constraints.yaml"].endswith("# mine\n")
    assert changed.digest != loaded.digest
    assert {name for name in loaded.texts if loaded.texts[name] != changed.texts[name]} == {"constraints.yaml"}


def test_an_error_in_it_names_that_file(tmp_path):
    own = tmp_path / "mine.yaml"
    text = builtin("constraints.yaml").read_text(encoding="utf-8")
    line = text[: text.index("level:")].count("\n") + 1
    own.write_text(text.replace("level:", "levle:", 1), encoding="utf-8")
    with pytest.raises(ConfigError, match=rf"mine\.yaml:{line}: margins\.levle: not a known key; did you mean level\?"):
        load({"constraints.yaml": own})


def test_a_take_that_ended_before_its_first_commit_has_no_timeline():
    assert timeline_of(recorded("the director fails").state) is None
    timeline = timeline_of(recorded("undisturbed").state)
    assert timeline is not None
    assert len(timeline.beats) == 2


# ------------------------------------------------------------------------------------------------------ what is written


def test_a_take_leaves_its_output_and_its_folder(planned):
    _, _, folder = planned
    assert _left(folder) == ["motion.json", *(f"motion.take/{name}" for name in TAKE)]


def test_the_motion_is_the_timeline_sampled(planned):
    result, samples, folder = planned
    document = json.loads((folder / "motion.json").read_bytes())
    assert (document["fps"], document["direction"], document["seed"]) == ("30000/1001", OPTIONS.direction, 5)
    assert result.timeline is not None
    assert np.array_equal(samples, sample(result.timeline, OPTIONS.fps))
    assert np.array(document["frames"]).shape == (60, len(NAMES))  # 2 s at 29.97
    assert np.abs(np.array(document["frames"]).T - samples).max() < 1e-6
    assert (folder / "motion.take" / "motion.json").read_bytes() == (folder / "motion.json").read_bytes()


def test_the_timeline_survives(planned):
    result, _, folder = planned
    assert Timeline.model_validate_json((folder / "motion.take" / "timeline.json").read_bytes()) == result.timeline


def test_the_journal_is_closed_compact_and_complete(planned):
    result, _, folder = planned
    journal = _journal(folder / "motion.take" / "journal.mcap")
    assert journal.records == result.records
    assert journal.closed
    assert journal.torn_at is None
    assert journal.version == f"textuportray {versions()['textuportray']}"
    assert [record.time for record in journal.records] == sorted(record.time for record in journal.records)
    live = len(run(OPTIONS.direction, idle=False, seconds=2.0)[1])
    assert (folder / "motion.take" / "journal.mcap").stat().st_size < live / 2


def test_the_record_says_what_the_take_was_made_with(planned, loaded):
    result, _, folder = planned
    record = json.loads((folder / "motion.take" / "take.json").read_bytes())
    assert record["take"] == opening(OPTIONS, loaded).take
    assert (record["seed"], record["fps"], record["seconds"], record["flags"]) == (5, "30000/1001", 2.0, [CRITIC_OBJECTS])
    assert set(record["configs"]) == set(loaded.texts)
    assert record["timeline"] == result.closed.timeline
    assert record["versions"] == versions()


def test_the_same_again_is_the_same_byte_for_byte(planned, loaded, tmp_path):
    _, _, folder = planned
    _plan(loaded, tmp_path / "motion.json")
    for name in _left(folder):
        assert (tmp_path / name).read_bytes() == (folder / name).read_bytes(), name


def test_another_take_under_the_same_name_replaces_the_first(loaded, tmp_path):
    _plan(loaded, tmp_path / "motion.json")
    first = (tmp_path / "motion.json").read_bytes()
    _plan(loaded, tmp_path / "motion.json", replace(OPTIONS, direction="He frowns.", seconds=1.0))
    assert _left(tmp_path) == ["motion.json", *(f"motion.take/{name}" for name in TAKE)]
    assert (tmp_path / "motion.json").read_bytes() != first
    assert json.loads((tmp_path / "motion.take" / "take.json").read_bytes())["direction"] == "He frowns."


def test_folders_on_the_way_to_the_output_are_made(loaded, tmp_path):
    _plan(loaded, tmp_path / "a" / "b" / "motion.json")
    assert (tmp_path / "a" / "b" / "motion.take" / "journal.mcap").is_file()


def test_every_event_of_the_log_names_the_take_and_its_beat(loaded, tmp_path):
    structlog.reset_defaults()
    with structlog.testing.capture_logs(processors=[structlog.contextvars.merge_contextvars]) as events:
        _plan(loaded, tmp_path / "motion.json")
    assert {event["take"] for event in events} == {opening(OPTIONS, loaded).take}
    opened = [event["beat"] for event in events if event["event"] == "BeatOpened"]
    assert opened == list(range(len(opened)))
    proposals = [event for event in events if event["event"] == "Proposed"]
    assert {event["region"] for event in proposals} == {"brows", "eyes", "mouth", "head"}
    assert structlog.contextvars.get_contextvars() == {}


# -------------------------------------------------------------------------------------------- when it does not come off


@pytest.mark.parametrize("events", [0, 15, 40, 65])
def test_a_take_that_is_stopped_leaves_a_closed_journal_and_no_output(loaded, tmp_path, events):
    count = itertools.count()
    (tmp_path / "motion.json").write_text("of an earlier take")
    with pytest.raises(TakeError) as error:
        _plan(loaded, tmp_path / "motion.json", stopped=lambda: "SIGTERM" if next(count) >= events else None)
    said = str(error.value)
    assert said.startswith("stopped by SIGTERM with ")
    assert "is not written. Go on with: textuportray resume " in said
    assert ", or see how far it got with: textuportray replay " in said
    assert _left(tmp_path) == ["motion.json", *STOPPED]
    assert json.loads((tmp_path / "motion.take" / "take.json").read_bytes())["outcome"] == "unfinished"
    assert (tmp_path / "motion.json").read_text() == "of an earlier take"
    journal = _journal(tmp_path / "motion.take" / "journal.mcap")
    closed = journal.records[-1].message
    assert isinstance(closed, TakeClosed)
    assert (closed.outcome, closed.reason) == ("stopped", "SIGTERM")
    assert monitor(journal.records) == []
    assert replay(journal.records, loaded.tables.constraints).findings == []


@pytest.mark.parametrize("seen", ["timeline.json", "motion.json"])
def test_a_take_that_is_stopped_while_it_is_written_leaves_no_output(loaded, tmp_path, seen):
    """The signal comes after the last question that the negotiation asks."""
    folder = tmp_path / "motion.take"
    with pytest.raises(TakeError, match="stopped by SIGINT while the agreed motion was being written"):
        _plan(loaded, tmp_path / "motion.json", stopped=lambda: "SIGINT" if (folder / seen).exists() else None)
    written = TAKE if seen == "motion.json" else [name for name in TAKE if name != "motion.json"]
    assert _left(tmp_path) == [f"motion.take/{name}" for name in written]


def test_a_take_that_fails_says_why_in_one_line(loaded, tmp_path):
    with pytest.raises(TakeError) as error:
        _plan(replace(loaded, director=BrokenDirector()), tmp_path / "motion.json")
    said = str(error.value)
    assert said.startswith("the take failed with 0 beats agreed on: the director failed: it has read nothing. ")
    assert "\n" not in said
    assert _left(tmp_path) == STOPPED


def test_a_disk_that_fills_up_at_any_moment_leaves_no_half_of_anything(loaded, tmp_path, monkeypatch):
    """Every time that something is forced to disk fails once; what is there afterwards can be read."""
    real = os.fsync
    left: int | None = None

    def fsync(handle: int) -> None:
        nonlocal left
        if left is not None and left == 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        left = None if left is None else left - 1
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    said: list[str] = []
    for moment in itertools.count():
        folder = tmp_path / str(moment)
        left = moment
        try:
            _plan(loaded, folder / "motion.json")
            break
        except TakeError as error:
            said.append(str(error))
        finally:
            left = None
        names = _left(folder)
        assert "motion.json" not in names
        assert not [name for name in names if name.endswith(".part")]
        for name in names:
            if name.endswith(".mcap"):
                assert _journal(folder / name).records
            else:
                assert json.loads((folder / name).read_bytes())
    assert all("could not be written (No space left on device). Free some space" in text for text in said)
    # Neither the record nor the opening that did not get there is anything to go on with.
    assert ["and go on with: textuportray resume" in text for text in said] == [False, False, *[True] * (len(said) - 2)]
    journal = _journal(folder / "motion.take" / "journal.mcap")
    commits = sum(isinstance(record.message, Committed) for record in journal.records)
    # The record, the opening, each commit, the end of the take and of its journal; then the compact journal and four files.
    assert len(said) == 2 + commits + 2 + 5


def test_a_take_that_is_cut_off_leaves_a_journal_that_can_be_read(loaded, tmp_path, monkeypatch):
    """A second signal ends the program in the middle of whatever it does, here of forcing the first commit to disk."""
    real, calls = os.fsync, itertools.count()

    def fsync(handle: int) -> None:
        if next(calls) == 2:  # after the record and the opening
            raise KeyboardInterrupt
        real(handle)

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(KeyboardInterrupt):
        _plan(loaded, tmp_path / "motion.json")
    assert _left(tmp_path) == ["motion.take/journal.live.mcap", "motion.take/take.json"]
    journal = _journal(tmp_path / "motion.take" / "journal.live.mcap")
    assert not journal.closed
    assert isinstance(journal.records[-1].message, Committed)
    assert replay(journal.records, loaded.tables.constraints, complete=False).findings == []


def test_a_take_that_never_begins_leaves_nothing(loaded, tmp_path):
    """Here it cannot even be opened: the clock fails when the first record asks for the time."""

    def clock() -> float:
        raise KeyboardInterrupt

    order = Order(opening(OPTIONS, loaded), loaded)
    with pytest.raises(KeyboardInterrupt):
        plan_to_files(order, TakeFiles.beside(tmp_path / "new" / "motion.json"), InlineBase(), Watch(clock))
    assert list(tmp_path.iterdir()) == []
