"""What can be said of a language model on the command line and in the environment, and what is refused in words."""

from __future__ import annotations

import argparse
import subprocess
import sys

from collections.abc import Mapping
from pathlib import Path

import pytest

from pydantic import ValidationError

from protocol.language_model import LanguageModel
from runtime.cli import main
from runtime.commands import asking
from runtime.language_options import OPTIONS, PATIENCE, SECONDS, TOKENS, language_model, words
from runtime.options import UsageError
from tests.program import at_home

URL = "http://127.0.0.1:8000/v1"
KEY = "sk-of-nobody-else-0123"


def asked(
    given: Mapping[str, str] | None = None, environment: Mapping[str, str] | None = None, planner: str = "llm"
) -> LanguageModel | None:
    return language_model(planner, {**dict.fromkeys(OPTIONS), **(given or {})}, environment or {})


def test_the_embedded_planner_asks_nobody_whatever_the_environment_says():
    assert asked(environment={"TEXTUPORTRAY_LLM_MODEL": "small", "TEXTUPORTRAY_LLM_BASE_URL": URL}, planner="lexicon") is None


@pytest.mark.parametrize("name", OPTIONS)
def test_what_is_said_of_a_language_model_that_nobody_asks_is_refused(name):
    with pytest.raises(UsageError, match=f"--llm-{name.replace('_', '-')} is about a language model.* Add --planner llm"):
        asked({name: "1"}, planner="lexicon")


def test_what_is_not_said_is_as_usual():
    usual = LanguageModel(model="small", url=URL, tokens=TOKENS, seconds=SECONDS, patience=PATIENCE)
    assert asked({"model": "small", "base_url": URL}) == usual
    assert (usual.temperature, usual.money, usual.prices) == (0.0, None, None)


def test_options_go_before_the_environment_and_ours_before_that_of_others():
    environment = {"TEXTUPORTRAY_LLM_MODEL": "near", "TEXTUPORTRAY_LLM_BASE_URL": f"{URL}/a/", "OPENAI_BASE_URL": f"{URL}/b"}
    found = asked(environment=environment)
    assert found is not None
    assert (found.model, found.url) == ("near", f"{URL}/a")
    found = asked({"model": " far "}, {**environment, "TEXTUPORTRAY_LLM_BASE_URL": ""})
    assert found is not None
    assert (found.model, found.url) == ("far", f"{URL}/b")
    found = asked({"base_url": URL}, environment)
    assert found is not None
    assert found.url == URL


def test_all_that_can_be_said_is_said_again_in_words():
    given = {
        "model": "org/small:7b",
        "base_url": "https://[::1]:8000/v1",
        "temperature": "0.7",
        "tokens": "12345",
        "money": "0.5",
        "prices": "0.25, 2",
        "seconds": "90",
        "patience": "7.5",
    }
    found = asked(given)
    assert found == LanguageModel(
        model="org/small:7b",
        url="https://[::1]:8000/v1",
        temperature=0.7,
        tokens=12345,
        money=0.5,
        prices=(0.25, 2.0),
        seconds=90.0,
        patience=7.5,
    )
    parser = argparse.ArgumentParser()
    asking.add_take_options(parser, "25")
    assert asking.language_model(parser.parse_args(words(found))) == found
    assert words(None) == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({"base_url": URL}, "--llm-model or in TEXTUPORTRAY_LLM_MODEL"),
        ({"model": " ", "base_url": URL}, "--llm-model or in TEXTUPORTRAY_LLM_MODEL"),
        ({"model": "small"}, "--llm-base-url or in TEXTUPORTRAY_LLM_BASE_URL, such as http"),
        ({"model": "a\nb", "base_url": URL}, "--llm-model 'a\\nb' is no name of a model"),
        ({"model": "x" * 201, "base_url": URL}, "is no name of a model"),
        ({"model": "small", "base_url": "127.0.0.1:8000"}, "is not the base URL of a server. Give http"),
        ({"model": "small", "base_url": "ftp://host/v1"}, "is not the base URL of a server"),
        ({"model": "small", "base_url": "http://host:70000/v1"}, "is not the base URL of a server"),
        ({"model": "small", "base_url": f"http://me:{KEY}@host/v1"}, "--llm-base-url http://host/v1 was given with more than"),
        ({"model": "small", "base_url": f"http://host/v1?api_key={KEY}"}, "--llm-base-url http://host/v1 was given with more"),
        ({"temperature": "3"}, "--llm-temperature '3' is not how far its answers vary. Give a number from 0 to 2."),
        ({"temperature": "nan"}, "--llm-temperature 'nan'"),
        ({"tokens": "many"}, "--llm-tokens 'many'"),
        ({"tokens": "0"}, "--llm-tokens '0'"),
        ({"tokens": "1e9"}, "--llm-tokens '1e9'"),
        ({"money": "1"}, "--llm-money bounds what the take may cost, which cannot be known without --llm-prices"),
        ({"money": "-1", "prices": "1,1"}, "--llm-money '-1'"),
        ({"money": "0", "prices": "1,1"}, "--llm-money '0'"),
        ({"prices": "1"}, "--llm-prices '1' is not what tokens cost"),
        ({"prices": "1,-1"}, "--llm-prices '1,-1'"),
        ({"prices": "1,2,3"}, "--llm-prices '1,2,3'"),
        ({"seconds": "0"}, "--llm-seconds '0' is not how long the take waits for answers in all"),
        ({"seconds": "inf"}, "--llm-seconds 'inf'"),
        (
            {"patience": "9999"},
            "--llm-patience '9999' is not how long one answer is waited for. Give a number from 0.1 to 3600.",
        ),
    ],
)
def test_what_cannot_be_asked_is_refused_in_words(given, said):
    others = {} if {"model", "base_url"} & given.keys() else {"model": "small", "base_url": URL}
    with pytest.raises(UsageError) as refused:
        asked({**others, **given})
    assert said in str(refused.value)
    assert KEY not in str(refused.value)


def test_an_address_in_the_environment_with_a_key_is_refused_without_saying_it():
    with pytest.raises(UsageError) as refused:
        asked({"model": "small"}, {"OPENAI_BASE_URL": f"https://{KEY}@host/v1"})
    assert str(refused.value).startswith("OPENAI_BASE_URL https://host/v1 was given with more than an address")
    assert KEY not in str(refused.value)


@pytest.mark.parametrize("url", ["http://a@b/v1", "http://a/v1?x=1", "http://a/v1#x", "//a", "http://", "http://a b/"])
def test_no_journal_names_such_an_address(url):
    with pytest.raises(ValidationError, match="without user, password, query and fragment"):
        LanguageModel(model="small", url=url, tokens=1, seconds=1.0, patience=1.0)


def test_a_take_without_a_model_to_ask_is_bad_usage_and_leaves_nothing(tmp_path, monkeypatch, capsys):
    for name in ("TEXTUPORTRAY_LLM_MODEL", "TEXTUPORTRAY_LLM_BASE_URL", "OPENAI_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    with at_home(tmp_path):
        assert main(["plan", "She smiles.", "-o", "a.json", "--planner", "llm"]) == 2
        assert list(Path().iterdir()) == []
    assert "--llm-model or in TEXTUPORTRAY_LLM_MODEL" in capsys.readouterr().err


def test_the_embedded_planner_loads_nothing_of_what_asks(tmp_path):
    code = (
        "import sys; from runtime.cli import main; main(['plan', 'She smiles.', '-o', 'a.json']); "
        "heavy = ('autogen_agentchat', 'autogen_core', 'autogen_ext', 'openai', 'ray'); "
        "print([name for name in sys.modules if name.partition('.')[0] in heavy or name.startswith('agents.thinking')])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
