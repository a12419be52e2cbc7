"""`doctor` says what is there, what is missing and how to get it."""

from __future__ import annotations

import argparse
import json

from importlib import metadata

import pytest

from configs import tables
from configs.loading import ConfigError
from runtime.cli import main
from runtime.commands import doctor
from runtime.commands.doctor import Part
from runtime.language_options import BASE_URLS, MODEL
from runtime.planners import KEYS


def test_all_is_well_here(capsys):
    assert main(["doctor"]) == 0
    lines = capsys.readouterr().out.splitlines()
    named = {line.split()[1]: line.split()[0] for line in lines}
    for name in (
        "python",
        "textuportray",
        "numpy",
        "pydantic",
        "msgpack",
        "mcap",
        "zstandard",
        "PyYAML",
        "structlog",
        "tables",
        "device",
        "encoder",
    ):
        assert named[name] == "ok", name


def test_versions_are_those_that_are_installed(capsys):
    assert main(["doctor", "--json"]) == 0
    parts = {part["name"]: part for part in json.loads(capsys.readouterr().out)}
    assert parts["numpy"]["found"] == metadata.version("numpy")
    assert "12 files" in parts["tables"]["found"] or "files" in parts["tables"]["found"]
    assert set(parts["numpy"]) == {"name", "found", "advice", "needed"}


def _missing(monkeypatch, *names: str) -> None:
    real = metadata.version

    def version(name: str) -> str:
        if name in names:
            raise metadata.PackageNotFoundError(name)
        return real(name)

    monkeypatch.setattr(metadata, "version", version)


def test_what_is_missing_is_named_with_how_to_get_it(monkeypatch, capsys):
    _missing(monkeypatch, "mcap")
    assert main(["doctor"]) == 1
    (line,) = [line for line in capsys.readouterr().out.splitlines() if " mcap " in line]
    assert line.startswith("MISSING")
    assert line.endswith("pip install -c constraints.txt -e '.'")


def test_what_only_developers_need_may_be_absent(monkeypatch, capsys):
    _missing(monkeypatch, "hypothesis")
    assert main(["doctor"]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if " hypothesis " in line]
    assert line.startswith("absent")
    assert line.endswith("pip install -c constraints.txt -e '.[dev]'")


def test_a_program_that_is_not_installed_says_how_to_install_it(monkeypatch, capsys):
    def absent(name: str) -> None:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", absent)
    assert main(["doctor"]) == 1
    assert "MISSING  textuportray" in capsys.readouterr().out


def test_a_broken_table_is_told_as_the_loader_tells_it(monkeypatch, capsys):
    def broken(texts: object) -> None:
        raise ConfigError("configs/gestures.yaml:7: gestures.nod.peak: missing; this key is required")

    monkeypatch.setattr(tables, "build", broken)
    assert main(["doctor"]) == 1
    assert "configs/gestures.yaml:7: gestures.nod.peak" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("part", "code"), [(Part("x", "1"), 0), (Part("x", None, "get it"), 1), (Part("x", None, "get it", needed=False), 0)]
)
def test_the_exit_code_tells_whether_something_needed_is_missing(monkeypatch, capsys, part, code):
    for name in ("_python", "_tables", "_models", "_language_model", "_device", "_encoder", "_machine"):
        monkeypatch.setattr(doctor, name, lambda *_: Part("y", "1"))
    monkeypatch.setattr(doctor, "_packages", lambda: [part])
    assert doctor.run(argparse.Namespace(json=False), None) == code  # type: ignore[arg-type]
    assert capsys.readouterr().out.count("\n") == 8


KEY = "sk-of-nobody-else-0123"


@pytest.mark.parametrize(
    ("environment", "state", "said"),
    [
        ({}, "absent", "-  for --planner llm set TEXTUPORTRAY_LLM_MODEL and TEXTUPORTRAY_LLM_BASE_URL, or give its options"),
        ({"OPENAI_API_KEY": KEY}, "absent", "no model, no server, key in OPENAI_API_KEY"),
        (
            {"TEXTUPORTRAY_LLM_MODEL": "small", "OPENAI_BASE_URL": f"http://me:{KEY}@host:8000/v1"},
            "ok",
            "small, at http://host:8000/v1, no key",
        ),
        (
            {
                "TEXTUPORTRAY_LLM_MODEL": "small",
                "TEXTUPORTRAY_LLM_BASE_URL": "http://near/v1",
                "OPENAI_BASE_URL": "http://far/v1",
                "TEXTUPORTRAY_LLM_KEY": KEY,
                "OPENAI_API_KEY": "other",
            },
            "ok",
            "small, at http://near/v1, key in TEXTUPORTRAY_LLM_KEY",
        ),
    ],
)
def test_what_the_environment_says_of_a_language_model_is_told_but_for_the_key(monkeypatch, capsys, environment, state, said):
    for name in (*KEYS, *BASE_URLS, MODEL):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert main(["doctor"]) == 0
    out = capsys.readouterr().out
    (line,) = [line for line in out.splitlines() if "language model" in line]
    assert line.startswith(state)
    assert said in line
    assert KEY not in out


def test_models_that_are_not_there_are_absent_and_no_failure(monkeypatch, capsys, tmp_path):
    monkeypatch.setenv("TEXTUPORTRAY_MODELS", str(tmp_path / "none"))
    assert main(["doctor"]) == 0
    (line,) = [line for line in capsys.readouterr().out.splitlines() if line.split()[1] == "models"]
    assert line.startswith("absent")
    assert "face_landmark is missing" in line
    assert "textuportray models pull" in line


def test_an_encoder_that_is_missing_is_named(monkeypatch):
    monkeypatch.setattr("av.codecs_available", {"libx264"})
    part = doctor._encoder()
    assert part.found is None
    assert part.needed
    assert part.advice.startswith("the ffmpeg in av lacks libvpx-vp9, prores_ks; ")
