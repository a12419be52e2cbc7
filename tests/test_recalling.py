"""A take that goes on is run as it was begun, unless something else is asked for."""

from __future__ import annotations

import argparse

from typing import Any

import pytest

from runtime.commands import asking, resume

WITH_TWO = {"runtime": "ray", "address": "10.0.0.5:6379", "workers": "2", "worker_label": ["pool=render"]}


@pytest.fixture(autouse=True)
def _no_job(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RAY_JOB_CONFIG_JSON_ENV_VAR", raising=False)


def recalled(record: object, *words: str) -> dict[str, Any]:
    """What a resume with these words runs on, of all that was said."""
    parser = argparse.ArgumentParser()
    resume.describe(parser)
    options = parser.parse_args(["a.take", *words])
    asking.recall_base(options, record)
    return asking.base_record(options)


def test_what_a_take_was_begun_with_is_recalled():
    assert recalled(WITH_TWO) == WITH_TWO
    assert recalled({"runtime": "inline"}) == {"runtime": "inline"}


def test_what_is_asked_for_goes_before_that():
    assert recalled(WITH_TWO, "--runtime", "inline") == {"runtime": "inline"}
    assert recalled(WITH_TWO, "--runtime", "ray") == {"runtime": "ray"}
    assert recalled({"runtime": "inline"}, "--workers", "4") == {"runtime": "ray", "workers": "4"}
    assert recalled(WITH_TWO, "--worker-label", "a=b") == {"runtime": "ray", "worker_label": ["a=b"]}


def test_in_a_job_the_cluster_is_that_of_the_job(monkeypatch):
    monkeypatch.setenv("RAY_JOB_CONFIG_JSON_ENV_VAR", "{}")
    assert recalled({"runtime": "inline"}) == {"runtime": "ray"}
    assert recalled(WITH_TWO) == {"runtime": "ray", "workers": "2", "worker_label": ["pool=render"]}
    assert recalled(WITH_TWO, "--runtime", "inline") == {"runtime": "inline"}


@pytest.mark.parametrize("record", [None, "ray", {}, {"runtime": "slurm"}, {"workers": "2"}, {"runtime": ["ray"]}], ids=str)
def test_a_record_that_says_nothing_of_it_is_run_in_this_process(record):
    assert recalled(record) == {"runtime": "inline"}


@pytest.mark.parametrize(
    ("name", "value"), [("workers", 2), ("workers", ["2"]), ("worker_label", "a=b"), ("worker_label", [2])]
)
def test_what_is_no_option_is_disregarded(name, value):
    assert recalled({"runtime": "ray", name: value}) == {"runtime": "ray"}
