"""What runs first in a job: it says which, refuses what cannot work there, and sets the result apart from all else."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib

from collections.abc import Iterator
from pathlib import Path

import pytest

from cluster import entry
from cluster.entry import BEGUN, END, NEEDED, RESULT
from runtime import cli
from tests.architecture import DECLARED_AS
from tests.program import DIRECTION, at_home, left

ROOT = Path(__file__).resolve().parent.parent
JOB = json.dumps({"metadata": {"job_submission_id": "raysubmit_1"}})


@pytest.fixture(autouse=True)
def _at_home(tmp_path, monkeypatch) -> Iterator[None]:
    monkeypatch.setattr(sys, "argv", sys.argv)
    # Told as by a program that goes on: its signals are given back.
    monkeypatch.setattr(cli, "main", lambda real=cli.main: real(sys.argv[1:]))
    with at_home(tmp_path):
        yield


def test_the_result_stands_between_two_lines_and_all_else_before(capsys, monkeypatch):
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", JOB)
    assert entry.main(["--", "plan", "She smiles at the 株.", "-o", "motion.json"]) == 0
    printed = capsys.readouterr()
    first, result, *text, end = printed.out.splitlines()
    assert first.startswith(f"{BEGUN} raysubmit_1 on ")
    assert (result, end) == (RESULT, END)
    assert text[0].startswith("motion.json: ")
    assert "warning: not understood" in printed.err


def test_a_command_that_fails_has_its_own_exit_code_and_no_result(capsys):
    assert entry.main(["--", "plan", DIRECTION, "-o", "motion.mp4"]) == 2
    printed = capsys.readouterr()
    assert RESULT not in printed.out
    assert printed.err.startswith("textuportray: motion.mp4 is named like a video")


def test_a_mark_that_is_there_is_taken_away_before_the_work_begins(tmp_path):
    mark = tmp_path / ".mark"
    mark.touch()
    assert entry.main(["--shared", str(mark), "--", "plan", DIRECTION, "-o", "motion.json"]) == 0
    assert left(tmp_path) == ["motion.json", "motion.take", *(f"motion.take/{name}" for name in TAKE)]


TAKE = ("journal.mcap", "motion.json", "take.json", "timeline.json")


def test_a_job_that_has_begun_has_looked_for_its_marks(tmp_path, monkeypatch):
    """Who leaves then takes them away."""
    mark = tmp_path / ".mark"
    mark.touch()
    there: list[bool] = []

    def printed(*_: object, **__: object) -> None:
        there.append(mark.exists())

    monkeypatch.setattr("builtins.print", printed)
    entry.main(["--shared", str(mark), "--", "plan"])
    assert there[0] is False


def test_a_folder_that_is_another_one_here_ends_the_job_before_it_begins(tmp_path, capsys):
    assert entry.main(["--shared", str(tmp_path / "out" / ".mark"), "--", "plan", DIRECTION, "-o", "motion.json"]) == 1
    begun, said = capsys.readouterr().err.splitlines()
    assert begun.startswith(BEGUN), "what is said before is of Ray"
    assert said.startswith(f"textuportray: {tmp_path / 'out'} on ")
    assert "is not the folder of that name where it was handed in" in said
    assert "Name a URL such as s3://bucket/smile.mp4" in said
    assert left(tmp_path) == []


def test_a_python_without_the_programs_packages_is_named(tmp_path):
    """The entry itself needs none of them: -S leaves all that is installed out."""
    done = subprocess.run(
        [sys.executable, "-S", "-m", "cluster.entry", "--", "plan", DIRECTION, "-o", "motion.json"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert done.stdout == ""
    begun, said = done.stderr.splitlines()
    assert begun.startswith(f"{BEGUN} of nobody on ")
    missing = "has no ai_edge_litert, autogen_agentchat, .*`ray start`"
    assert re.fullmatch(rf"textuportray: {re.escape(sys.executable)} on .* {missing}\.", said)


def test_what_is_needed_is_what_is_declared():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    declared = {re.match(r"[\w.-]+", text)[0] for text in project["dependencies"]}  # type: ignore[index]
    assert {DECLARED_AS.get(name, name.replace("_", "-")) for name in NEEDED} == declared
