"""Several takes of one direction: the best is kept, with the numbers of all; one that is stopped leaves nothing behind."""

from __future__ import annotations

import io
import json
import os

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from agents.critic import Review
from protocol.journal import read_journal
from protocol.messages import Decided, Merged, TakeClosed, TakeOpened, TakeResumed
from protocol.replay import fold, replay
from renderer.video import probe
from runtime import candidates
from runtime.candidates import (
    Audition,
    Candidate,
    audition,
    before_the_end,
    filmed_order,
    openings,
    parse_candidates,
    planned_order,
)
from runtime.cli import main
from runtime.commands.telling import auditioned
from runtime.filming import Shot, open_film, span
from runtime.inline import InlineBase
from runtime.loading import Loaded
from runtime.options import TakeOptions, UsageError
from runtime.outputs import TakeFiles
from runtime.production import Order, make_take, plan_to_files
from runtime.studio import film_opened
from runtime.take import Filming, Past, TakeResult, Watch, run_take
from runtime.take_error import TakeError
from tests.asking import language_model
from tests.filmed import film_opened as tiny_film
from tests.program import at_home, left, refused
from tests.staging import FakeRenderer, opening_fake, portrait_file, studio

WANTED = TakeOptions(direction="She smiles, then nods.", seconds=2.5, seed=4)


def watch(stopped: Callable[[], str | None] = lambda: None) -> Watch:
    return Watch(lambda: 0.0, stopped)


@pytest.fixture(scope="module")
def chosen(loaded: Loaded) -> Audition:
    return audition(openings(WANTED, loaded, 3), loaded, "out.json", watch())


# ------------------------------------------------------------------------------------------------------------ choosing


def test_candidates_differ_in_their_seeds_alone(loaded: Loaded):
    first, second = openings(WANTED, loaded, 2)
    assert (first.seed, second.seed) == (4, 5)
    assert first.take != second.take
    assert second.model_copy(update={"seed": 4, "take": first.take}) == first


def test_the_best_is_chosen_and_of_equals_the_lower_seed(loaded: Loaded, monkeypatch: pytest.MonkeyPatch):
    scores = {4: 71.0, 5: 80.5, 6: 80.5, 7: 12.0}

    def scored(opened: TakeOpened, loaded: Loaded, result: TakeResult) -> Review:
        return Review(score=scores[opened.seed], weakest="it is what it is", intents=(), nature=(), strain=())

    monkeypatch.setattr("runtime.candidates.reviewed", scored)
    found = audition(openings(WANTED, loaded, 4), loaded, "out.json", watch())
    assert found.best.opened.seed == 5
    assert [(told["seed"], told["score"], told["kept"]) for told in found.as_data()] == [
        (4, 71.0, False),
        (5, 80.5, True),
        (6, 80.5, False),
        (7, 12.0, False),
    ]


def test_every_candidate_is_reviewed_by_itself(chosen: Audition):
    assert len({candidate.review.model_dump_json() for candidate in chosen.candidates if candidate.review}) == 3
    assert chosen.best.score == max(candidate.score for candidate in chosen.candidates)


def test_one_that_comes_to_no_end_is_not_chosen(loaded: Loaded, monkeypatch: pytest.MonkeyPatch):

    def broken(opened: TakeOpened, *rest: object, **more: object) -> TakeResult:
        result = run_take(opened, *rest, **more)  # type: ignore[arg-type]
        if opened.seed % 2 == 0:
            return replace(result, closed=TakeClosed(outcome="failed", beats=0, timeline=None, reason="a tooth fell out"))
        return result

    monkeypatch.setattr(candidates, "run_take", broken)
    found = audition(openings(WANTED, loaded, 3), loaded, "out.json", watch())
    assert found.best.opened.seed == 5
    assert [told["score"] is None for told in found.as_data()] == [True, False, True]
    assert found.as_data()[0]["weakest"] == "a tooth fell out"
    with pytest.raises(
        TakeError, match=r"none of the 1 candidates came to its end: a tooth fell out\. out\.json is not written"
    ):
        audition(openings(WANTED, loaded, 1), loaded, "out.json", watch())


@pytest.mark.parametrize("text", ["0", "17", "-1", "x", "1.5", "", "9" * 5000])
def test_numbers_that_cannot_be_are_refused(text: str):
    with pytest.raises(UsageError, match="Give a whole number from 1 to 16"):
        parse_candidates(text)


def test_seeds_run_out(loaded: Loaded):
    with pytest.raises(UsageError, match="Give a smaller --seed"):
        openings(replace(WANTED, seed=2**63 - 2), loaded, 3)


# ------------------------------------------------------------------------------------------------------------- stopping


def stopped_after(asked: int) -> Callable[[], str | None]:
    count = 0

    def stopped() -> str | None:
        nonlocal count
        count += 1
        return "SIGTERM" if count > asked else None

    return stopped


@pytest.mark.parametrize("asked", [0, 5, 200])
def test_a_stop_is_told_with_how_many_were_planned(loaded: Loaded, asked: int):
    with pytest.raises(TakeError) as caught:
        audition(openings(WANTED, loaded, 16), loaded, "out.json", watch(stopped_after(asked)))
    said = str(caught.value)
    assert said.startswith("stopped by SIGTERM with ")
    assert said.endswith(
        "of 16 candidates planned. out.json is not written, and nothing is left behind. Give the same command again."
    )


# -------------------------------------------------------------------------------------------------------------- keeping


def test_what_is_kept_is_an_ordinary_take(loaded: Loaded, chosen: Audition, tmp_path: Path):
    files = TakeFiles.beside(tmp_path / "kept.json")
    result, samples = plan_to_files(planned_order(chosen, loaded, {"output": "kept.json"}), files, InlineBase(), watch())
    inside = ["", "/journal.mcap", "/motion.json", "/take.json", "/timeline.json"]
    assert left(tmp_path) == ["kept.json", *(f"kept.take{name}" for name in inside)]
    with files.journal.open("rb") as stream:
        journal = read_journal(stream)
    assert journal.closed
    assert [record.message for record in journal.records] == [record.message for record in chosen.best.records]
    assert not replay(journal.records, loaded.tables.constraints).findings
    again = TakeFiles.beside(tmp_path / "again.json")
    alone = planned_by_itself(loaded, chosen.best, again)
    assert again.motion.read_bytes() == files.motion.read_bytes()
    assert alone.review == result.review == chosen.best.review
    assert samples.shape[1] == 150


def planned_by_itself(loaded: Loaded, candidate: Candidate, files: TakeFiles) -> TakeResult:
    return plan_to_files(Order(candidate.opened, loaded, {}), files, InlineBase(), watch())[0]


def test_the_record_holds_the_numbers_of_all_and_the_review_of_the_best(loaded: Loaded, chosen: Audition, tmp_path: Path):
    files = TakeFiles.beside(tmp_path / "kept.json")
    plan_to_files(planned_order(chosen, loaded, {"output": "kept.json"}), files, InlineBase(), watch())
    record = json.loads(files.record.read_text())
    assert record["seed"] == chosen.best.opened.seed
    assert record["candidates"] == chosen.as_data()
    assert chosen.best.review is not None
    assert Review.model_validate_json(json.dumps(record["review"])) == chosen.best.review


def test_an_earlier_take_is_replaced_as_a_whole(loaded: Loaded, chosen: Audition, tmp_path: Path):
    files = TakeFiles.beside(tmp_path / "kept.json")
    for name in ("journal.live.mcap", "journal.next.mcap", "timeline.json"):
        files.folder.mkdir(exist_ok=True)
        (files.folder / name).write_text("of an earlier take")
    plan_to_files(planned_order(chosen, loaded, {}), files, InlineBase(), watch())
    assert sorted(path.name for path in files.folder.iterdir()) == ["journal.mcap", "motion.json", "take.json", "timeline.json"]


def test_a_candidate_that_is_stopped_while_it_is_written_can_be_resumed(loaded: Loaded, chosen: Audition, tmp_path: Path):
    files = TakeFiles.beside(tmp_path / "kept.json")
    with pytest.raises(TakeError, match="Go on with: textuportray resume"):
        plan_to_files(
            planned_order(chosen, loaded, {"output": str(files.output)}), files, InlineBase(), watch(lambda: "SIGTERM")
        )
    assert not files.output.exists()
    with at_home(tmp_path):
        assert main(["resume", "kept.take"]) == 0
    assert files.output.exists()
    assert json.loads(files.record.read_text())["candidates"] == chosen.as_data()


def test_the_embedded_planner_plans_the_best_once_more_for_a_film(loaded: Loaded, chosen: Audition):
    order = filmed_order(chosen, loaded, {"film": 1}, tiny_film())
    assert (order.past, order.anew) == (None, False)
    assert order.opened == chosen.best.opened
    assert order.made_with == {"film": 1, "candidates": chosen.as_data()}


def test_what_a_language_model_decided_is_kept_for_a_film(loaded: Loaded, chosen: Audition, tmp_path: Path):
    best = replace(chosen.best, opened=chosen.best.opened.model_copy(update={"language_model": language_model()}))
    made = studio(FakeRenderer(), tmp_path)
    staged = film_opened(made.stage, None, "keep", span(*made.stage.size))
    order = filmed_order(Audition((best,), best), loaded, {}, staged)
    assert order.anew
    assert order.past is not None
    assert not order.past.done
    # Here nobody is there to be asked: what the embedded planner had decided stands in for what a model has.
    files = TakeFiles.beside(tmp_path / "film.png")
    with open_film(made.stage, Shot(output=str(tmp_path / "film-%03d.png"), fps=WANTED.fps, metadata={})) as film:
        order = replace(order, opened=chosen.best.opened, filming=Filming(staged, film))
        result, _ = make_take(order, files, InlineBase(made), watch())
    assert result.review == chosen.best.review
    messages = [record.message for record in result.records]
    assert sum(isinstance(message, TakeResumed) for message in messages) == 1
    assert [message for message in messages if isinstance(message, Decided)] == [
        record.message for record in chosen.best.records if isinstance(record.message, Decided)
    ]
    assert [message.beat for message in messages if isinstance(message, Merged)] == [0, 1]
    assert messages[-1] == chosen.best.records[-1].message
    assert len(list(tmp_path.glob("film-*.png"))) == 150
    with files.journal.open("rb") as stream:
        assert not replay(read_journal(stream).records, loaded.tables.constraints).findings


def test_a_take_is_cut_where_its_last_commit_is_still_to_come(loaded: Loaded, chosen: Audition):
    film = tiny_film()
    cut = before_the_end(chosen.best.records, film)
    state = fold(cut, loaded.tables.constraints)
    assert not Past(cut, state).done
    assert not state.due
    assert state.coordinator.film == film
    assert state.coordinator.brief is not None
    assert len(state.coordinator.committed) == len(state.coordinator.brief.beats) - 1


# ------------------------------------------------------------------------------------------------------ the command line


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    with at_home(tmp_path):
        yield tmp_path


def test_plan_prints_the_numbers_of_all_and_keeps_the_best(capsys: pytest.CaptureFixture[str], home: Path):
    assert main(["plan", "She nods.", "--seconds", "2", "--candidates", "3", "-o", "nod.json"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].split() == ["candidate", "score", "objections", "rulings", "weakest"]
    assert [line[5:11] for line in lines[1:4]] == ["seed 0", "seed 1", "seed 2"]
    assert sum(line.startswith("kept ") for line in lines[1:4]) == 1
    assert lines[-1].startswith("critic: ")
    assert main(["replay", "nod.take"]) == 0
    assert json.loads((home / "nod.take" / "take.json").read_text())["candidates"][2]["seed"] == 2


def test_the_numbers_of_all_fit_the_terminal(chosen: Audition, monkeypatch: pytest.MonkeyPatch):
    whole = auditioned(chosen)
    assert max(len(line) for line in whole) > 80
    monkeypatch.setattr("os.get_terminal_size", lambda number: os.terminal_size((80, 24)))
    monkeypatch.setattr("sys.stdout", Terminal())
    cut = auditioned(chosen)
    assert max(len(line) for line in cut) < 80
    assert all(
        line == all_of_it or all_of_it.startswith(line.removesuffix("…")) for line, all_of_it in zip(cut, whole, strict=True)
    )
    assert any(line.endswith("…") for line in cut)


class Terminal(io.StringIO):
    """Has a number, as what stands for a terminal has."""

    def fileno(self) -> int:
        """Of standard output."""
        return 1


def test_programs_get_the_numbers_of_all(capsys: pytest.CaptureFixture[str], home: Path):
    assert main(["plan", "She nods.", "--seconds", "2", "--candidates", "2", "--json", "-o", "nod.json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [candidate["seed"] for candidate in told["candidates"]] == [0, 1]
    kept = next(candidate for candidate in told["candidates"] if candidate["kept"])
    assert kept["score"] == told["review"]["score"]


def test_animate_renders_the_best_alone(capsys: pytest.CaptureFixture[str], home: Path, monkeypatch: pytest.MonkeyPatch):
    renderer = FakeRenderer()
    opening_fake(monkeypatch, renderer)
    portrait_file(Path("portrait.png"))
    words = ["--runtime", "inline", "--seconds", "2", "--seed", "3", "--candidates", "3", "-o", "nod.mp4"]
    assert main(["animate", "portrait.png", "She nods.", *words]) == 0
    said = capsys.readouterr()
    assert said.err.count("planning 3 candidates") == 1
    lines = said.out.splitlines()
    [kept] = [line.split()[2] for line in lines if line.startswith("kept seed ")]
    record = json.loads((home / "nod.take" / "take.json").read_text())
    assert str(record["seed"]) == kept
    assert [told["seed"] for told in record["candidates"]] == [3, 4, 5]
    assert probe(home / "nod.mp4").metadata["seed"] == kept
    assert probe(home / "nod.mp4").frames == 50
    assert main(["verify", "nod.mp4"]) == 0


def test_a_take_by_itself_has_no_candidates(capsys: pytest.CaptureFixture[str], home: Path):
    assert main(["plan", "She nods.", "--seconds", "2", "--json", "-o", "nod.json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert "candidates" not in told
    assert told["review"] == json.loads((home / "nod.take" / "take.json").read_text())["review"]
    assert "candidates" not in json.loads((home / "nod.take" / "take.json").read_text())


@pytest.mark.parametrize("command", ["plan", "animate"])
def test_too_many_are_refused_before_anything_is_made(capsys: pytest.CaptureFixture[str], home: Path, command: str):
    words = ["portrait.png"] if command == "animate" else []
    said = refused(capsys, command, *words, "She nods.", "--candidates", "17", "-o", "new/nod.json")
    assert "--candidates '17' is not a number of takes to choose from" in said
    assert left(home) == []


def test_plan_says_what_the_critic_found(capsys: pytest.CaptureFixture[str], home: Path):
    assert main(["plan", "She nods twice.", "--seconds", "2", "--explain", "-o", "nod.json"]) == 0
    lines = capsys.readouterr().out.splitlines()
    [place] = [n for n, line in enumerate(lines) if line.startswith("critic: ")]
    assert " of 100; weakest: " in lines[place]
    assert lines[place + 1].split() == ["asked", "at", "present", "late", "strength"]
    assert lines[place + 2].endswith('nod "nods twice"')
    assert any("longest time in which nothing moves" in line for line in lines[place:])
