"""Going on with takes that a language model planned: whom a journal names is not trusted, and notes are the model's to read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from protocol.language_model import LanguageModel
from runtime.cli import main
from runtime.language_options import SECRETS, require_named
from runtime.options import UsageError
from tests.llm_server import KEY, LanguageServer, status
from tests.program import at_home

DIRECTION = "She smiles, then she nods."
NAMED = "TEXTUPORTRAY_LLM_BASE_URL"
HERE = "http://127.0.0.1:8000/v1"


@pytest.fixture(autouse=True)
def _at_home(tmp_path, monkeypatch) -> Iterator[None]:
    with at_home(tmp_path):
        for name in (*SECRETS, NAMED, "OPENAI_BASE_URL", "RAY_ADDRESS"):
            monkeypatch.delenv(name, raising=False)
        yield


@pytest.fixture
def server() -> Iterator[LanguageServer]:
    with LanguageServer() as server:
        yield server


def plan(server: LanguageServer, *words: str) -> int:
    asked = ("--planner", "llm", "--llm-model", "small", "--llm-base-url", server.url)
    return main(["plan", DIRECTION, "--seconds", "3", "-o", "a.json", *asked, *words])


@pytest.fixture
def done(server, capsys) -> LanguageServer:
    """The server that the take `a` was planned with."""
    assert plan(server) == 0
    server.requests.clear()
    capsys.readouterr()
    return server


@pytest.fixture
def cut(server, capsys, monkeypatch) -> LanguageServer:
    """The server of the take `a`, which was stopped after three answers."""
    with monkeypatch.context() as patched:
        patched.setattr("runtime.cli.Stopper.__call__", lambda self: "SIGTERM" if len(server.requests) > 3 else None)
        assert plan(server) == 1
    server.requests.clear()
    capsys.readouterr()
    return server


REVISE = ("revise", "a.take", "nod faster", "-o", "c.json")
RESUME = ("resume", "a.take")


@pytest.mark.parametrize("name", SECRETS)
def test_what_is_secret_is_not_brought_to_a_server_that_only_a_journal_names(done, name, monkeypatch, capsys):
    monkeypatch.setenv(name, "X-Secret: sk-0123")
    before = sorted(Path().rglob("*"))

    assert main([*REVISE]) == 2
    said = capsys.readouterr().err
    assert f"The take asks {done.url}, which only its journal names, and {name} would be sent there." in said
    assert f"name it yourself: {NAMED}={done.url}. If it needs no key, unset {name}." in said
    assert "0123" not in said
    assert done.requests == []
    assert sorted(Path().rglob("*")) == before


def test_a_take_does_not_go_on_with_a_key_for_a_server_that_only_its_journal_names(cut, monkeypatch, capsys):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv(NAMED, "http://127.0.0.1:9/v1")

    assert main([*RESUME]) == 2
    assert "only its journal names" in capsys.readouterr().err
    assert cut.requests == []


@pytest.mark.parametrize("words", [RESUME, REVISE], ids=["resume", "revise"])
def test_a_take_does_not_go_on_with_a_key_that_is_none(cut, words, monkeypatch, capsys):
    if words == REVISE:
        assert main([*RESUME]) == 0
        cut.requests.clear()
        capsys.readouterr()
    monkeypatch.setenv("OPENAI_API_KEY", "sk 0123")
    monkeypatch.setenv(NAMED, cut.url)
    before = sorted(Path().rglob("*"))

    assert main([*words]) == 2
    said = capsys.readouterr().err
    assert "OPENAI_API_KEY holds what no key does (a space, " in said
    assert "0123" not in said
    assert cut.requests == []
    assert sorted(Path().rglob("*")) == before


@pytest.mark.parametrize("name", [NAMED, "OPENAI_BASE_URL"])
def test_a_server_that_the_user_names_as_well_gets_the_key(cut, name, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    monkeypatch.setenv(name, f"{cut.url}/")

    assert main([*RESUME]) == 0
    assert {asked.headers["authorization"] for asked in cut.requests} == {f"Bearer {KEY}"}


def test_without_a_key_there_is_nothing_to_lose(cut):
    assert main([*RESUME]) == 0
    assert len(cut.requests) > 0
    assert main([*REVISE]) == 0


def test_a_take_that_is_done_asks_nobody_so_nobody_need_be_named(done, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    Path("a.json").unlink()

    assert main([*RESUME]) == 0
    assert Path("a.json").is_file()
    assert done.requests == []


def test_processes_on_a_cluster_may_have_a_key_that_is_not_known_here():
    model = LanguageModel(model="small", url=HERE, tokens=1, seconds=1.0, patience=1.0)

    require_named(None, {}, elsewhere=True)
    require_named(model, {}, elsewhere=False)
    require_named(model, {NAMED: HERE}, elsewhere=True)
    with pytest.raises(
        UsageError, match=r"the key that processes on a cluster have would be sent there\..*use --runtime inline"
    ):
        require_named(model, {}, elsewhere=True)
    with pytest.raises(UsageError):
        require_named(model, {NAMED: f"{HERE}/elsewhere"}, elsewhere=True)


def test_a_url_that_would_do_something_to_a_terminal_is_none():
    with pytest.raises(ValueError, match="has to be http"):
        LanguageModel(model="small", url="http://a/v1\x1bc", tokens=1, seconds=1.0, patience=1.0)


def test_a_note_that_the_embedded_planner_cannot_use_is_the_language_models_to_read(done, capsys):
    assert main(["revise", "a.take", "zwitschere wie ein Zeisig", "-o", "c.json"]) == 0
    assert "the end is weaker" in capsys.readouterr().out
    assert "note" in done.stages()


def test_a_note_that_neither_can_use_ends_the_take(done, capsys):
    done.usual = status(401, "no")

    assert main(["revise", "a.take", "zwitschere wie ein Zeisig", "-o", "c.json"]) == 1
    said = capsys.readouterr().err
    assert "zwitschere" in said
    assert not Path("c.json").exists()
