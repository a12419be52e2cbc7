"""Commands about takes that a language model plans: what they say, what they write, and that nobody is asked twice."""

from __future__ import annotations

import json
import shutil
import time

from collections.abc import Iterator
from pathlib import Path

import pytest

from configs import tables
from protocol.messages import Decided
from runtime.cli import main
from runtime.takes import open_take
from tests.llm_server import KEY, LanguageServer, status
from tests.program import at_home, left, refused
from tests.staging import FakeRenderer, opening_fake, portrait_file
from tests.thinned import thinned

DIRECTION = "She smiles, then she nods."


@pytest.fixture(autouse=True)
def _at_home(tmp_path, monkeypatch) -> Iterator[None]:
    with at_home(tmp_path):
        monkeypatch.setenv("TEXTUPORTRAY_LLM_MODEL", "small")
        monkeypatch.setenv("TEXTUPORTRAY_LLM_KEY", KEY)
        yield


@pytest.fixture
def server(monkeypatch) -> Iterator[LanguageServer]:
    with LanguageServer() as server:
        monkeypatch.setenv("TEXTUPORTRAY_LLM_BASE_URL", server.url)
        yield server


def plan(*words: str) -> int:
    return main(["plan", DIRECTION, "--seconds", "3", "--planner", "llm", "-o", "a.json", *words])


def exchanges(folder: str = "a.take") -> list[str]:
    return [
        record.message.request
        for record in open_take(Path(folder)).records
        if isinstance(record.message, Decided) and not record.message.final
    ]


def test_a_plan_keeps_whom_it_asked_and_what_and_nothing_secret(server, capsys):
    assert plan() == 0
    printed = capsys.readouterr()
    assert all(line.startswith("planning") for line in printed.err.splitlines())
    assert f"; {len(server.requests)} answers, " in printed.err.splitlines()[-1]
    model = json.loads(Path("a.take/take.json").read_bytes())["language_model"]
    assert (model["model"], model["url"], model["tokens"]) == ("small", server.url, 1_000_000)
    assert len(exchanges()) == len(set(exchanges())) == len(server.requests)
    written = b"".join(path.read_bytes() for path in Path().rglob("*") if path.is_file())
    assert KEY.encode() not in written
    assert KEY not in printed.out

    assert main(["replay", "a.take"]) == 0
    told = capsys.readouterr().out
    assert f"planned by the language model small at 127.0.0.1:{server.port}" in told
    assert "director asks small: draft (" in told
    assert "  mouth   asks small: opening (" in told


def test_a_replay_asks_nobody_and_says_whether_it_would_ask_the_same(server, capsys, monkeypatch):
    assert plan() == 0
    asked = len(server.requests)
    capsys.readouterr()
    assert main(["replay", "a.take", "--check"]) == 0
    assert main(["verify", "a.take"]) == 0
    assert "says the same" in capsys.readouterr().out
    read = tables.read_texts

    def changed(replaced=None, *, prompts=False):
        texts = read(replaced, prompts=prompts)
        return {name: f"{text}\nDo not hurry." if name == "prompts/draft.md" else text for name, text in texts.items()}

    monkeypatch.setattr(tables, "read_texts", changed)
    assert main(["replay", "a.take", "--check"]) == 3
    said = capsys.readouterr().out
    checked, found = said.splitlines()[:2]
    assert checked.endswith("messages, say the same; its questions to the language model are not the same")
    assert found.startswith("R03: this version would ask the language model something else")
    assert "director, draft" in said
    assert main(["replay", "a.take", "--check", "--json"]) == 3
    (one,) = json.loads(capsys.readouterr().out)["asks_otherwise"]
    assert one["code"] == "R03"
    assert len(server.requests) == asked


@pytest.mark.parametrize("answers", thinned([3, 1, 5], 3))
def test_a_plan_that_is_stopped_while_it_waits_ends_soon_and_goes_on_without_asking_again(answers, server, capsys, monkeypatch):
    assert plan() == 0
    whole, every = Path("a.json").read_bytes(), sorted(exchanges())
    server.requests.clear()
    server.delay = 0.3
    stopping: list[float] = []

    def stopped(self) -> str | None:
        if len(server.requests) > answers:
            stopping.append(time.monotonic())
            return "SIGTERM"
        return None

    with monkeypatch.context() as patched:
        patched.setattr("runtime.cli.Stopper.__call__", stopped)
        assert main(["plan", DIRECTION, "--seconds", "3", "--planner", "llm", "-o", "b.json"]) == 1
    assert time.monotonic() - stopping[0] < 2.0
    assert "stopped by SIGTERM" in capsys.readouterr().err
    before = exchanges("b.take")
    assert set(before) < set(every)
    server.requests.clear()
    assert main(["resume", "b.take"]) == 0
    assert len(server.requests) == len(every) - len(before)
    assert sorted(exchanges("b.take")) == every
    assert Path("b.json").read_bytes() == whole


def test_a_server_that_refuses_is_told_and_the_embedded_planner_goes_on(server, capsys):
    server.usual = status(401, "no such key")
    assert plan() == 0
    warnings = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning: ")]
    assert any("the embedded planner has read the direction" in line for line in warnings)
    assert any("proposals are the embedded planner's: the language model was not followed" in line for line in warnings)
    assert KEY not in "".join(warnings)


def test_a_revision_asks_the_language_model_of_its_parent_for_what_is_otherwise(server, capsys, monkeypatch):
    assert plan() == 0
    monkeypatch.delenv("TEXTUPORTRAY_LLM_MODEL")
    server.requests.clear()
    assert main(["revise", "a.take", "nod faster", "-o", "c.json"]) == 0
    assert json.loads(Path("c.take/take.json").read_bytes())["language_model"]["url"] == server.url
    assert 0 < len(server.requests) < 8  # of two beats with four regions, those that keep what they did ask nobody
    assert main(["replay", "c.take", "--check"]) == 0


@pytest.mark.parametrize("command", ["plan", "animate"])
def test_where_nobody_listens_is_said_at_once_and_nothing_is_made(command, capsys, monkeypatch):
    with LanguageServer() as gone:
        monkeypatch.setenv("TEXTUPORTRAY_LLM_BASE_URL", gone.url)
    words = ["portrait.png", DIRECTION, "-o", "a.mp4"] if command == "animate" else [DIRECTION, "-o", "a.json"]
    began = time.monotonic()
    said = refused(capsys, command, *words, "--planner", "llm", code=1)
    assert time.monotonic() - began < 2
    assert f"nobody answers at 127.0.0.1:{gone.port} (Connection refused)" in said
    assert "--llm-base-url" in said
    assert left(Path()) == []


@pytest.mark.parametrize("command", ["plan", "animate"])
def test_a_key_that_is_none_is_said_at_once_and_nobody_is_asked(command, server, capsys, monkeypatch):
    monkeypatch.setenv("TEXTUPORTRAY_LLM_KEY", "sk 0123")
    words = ["portrait.png", DIRECTION, "-o", "a.mp4"] if command == "animate" else [DIRECTION, "-o", "a.json"]
    said = refused(capsys, command, *words, "--planner", "llm")
    assert said.startswith("TEXTUPORTRAY_LLM_KEY holds what no key does (a space, ")
    assert "0123" not in said
    assert (left(Path()), server.requests) == ([], [])


def test_a_budget_without_room_for_one_answer_is_refused_and_the_least_that_is_named_does(server, capsys):
    for option, few in (("--llm-tokens", ["100"]), ("--llm-money", ["0.001", "--llm-prices", "0.25,2"])):
        said = refused(capsys, "plan", DIRECTION, "--seconds", "3", "--planner", "llm", "-o", "a.json", option, *few)
        assert said.startswith(f"{option} {few[0]} has no room for one answer of each who asks: half of it is the director's")
        assert (left(Path()), server.requests) == ([], [])
        least = said.partition("Give at least ")[2].partition(";")[0]
        assert plan(option, least, *few[1:]) == 0
        assert {"director", "brows", "eyes", "mouth", "head"} == _asked("a.take")
        shutil.rmtree("a.take")
        Path("a.json").unlink()
        server.requests.clear()
        capsys.readouterr()


def _asked(folder: str) -> set[str]:
    """Who has had an answer in a take."""
    messages = [record.message for record in open_take(Path(folder)).records]
    return {message.role for message in messages if isinstance(message, Decided) and not message.final}


def test_a_film_of_the_best_candidate_says_what_is_asked_and_then_what_is_rendered(server, capsys, monkeypatch):
    opening_fake(monkeypatch, FakeRenderer())
    portrait_file(Path("portrait.png"))
    words = ["--seconds", "3", "--runtime", "inline", "--planner", "llm", "--candidates", "2", "-o", "a.mp4"]
    assert main(["animate", "portrait.png", DIRECTION, *words]) == 0
    said = capsys.readouterr().err.splitlines()
    assert next(line for line in said if line.startswith("planning 2 candidates: ")).endswith(" tokens")
    assert "rendering 75 frames" in said
