"""Which renderer, on which device, and what the record says of it."""

from __future__ import annotations

import os

import pytest

from renderer.weights import Weights
from runtime import renderers
from runtime.options import UsageError
from runtime.renderers import TABLES, model_records, open_renderer, opener_of, pick_device
from tests.wheels import FakePip, catalogue


def test_the_processor_is_taken_where_there_is_no_gpu(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    assert pick_device("cpu") == pick_device("auto") == "cpu"
    with pytest.raises(UsageError, match="no CUDA device that PyTorch can use"):
        pick_device("cuda")


def test_a_gpu_is_taken_unless_the_processor_is_asked_for(monkeypatch):
    monkeypatch.setattr("torch.cuda.is_available", lambda: True)
    assert pick_device("auto") == pick_device("cuda") == "cuda"
    assert pick_device("cpu") == "cpu"


@pytest.mark.parametrize(
    ("device", "gpus", "opened"),
    [
        ("auto", 1.0, "cuda"),
        ("auto", 0.5, "cuda"),
        ("auto", 0.0, "cpu"),
        ("cpu", 1.0, "cpu"),
        ("cuda", 0.0, "cuda"),  # which is refused where there is none
    ],
)
def test_the_gpus_of_a_process_decide_where_it_computes(monkeypatch, device, gpus, opened):
    asked: list[tuple[str, str]] = []
    monkeypatch.setattr(renderers, "open_renderer", lambda *words: asked.append(words))
    opener_of("puppet", device, gpus)()
    assert asked == [("puppet", opened)]


def test_models_are_recorded_with_licence_and_digest(tmp_path):
    records = model_records(Weights(tmp_path, catalogue(), run=FakePip()))
    assert [record["name"] for record in records] == ["face", "eye"]
    assert all(len(record["sha256"]) == 64 and record["licence"] for record in records)


@pytest.mark.parametrize(
    ("given", "policy"), [({}, "PASSIVE"), ({"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE"), ({"GOMP_SPINCOUNT": "7"}, None)]
)
def test_threads_wait_asleep_unless_the_user_has_said_otherwise(monkeypatch, given, policy):
    environment = dict(given)
    monkeypatch.setattr(os, "environ", environment)
    renderers._let_threads_sleep()
    assert environment.get("OMP_WAIT_POLICY") == policy


def test_the_puppet_is_recorded_with_all_that_its_frames_depend_on(models):
    record = open_renderer("puppet", "cpu").record
    assert (record["name"], record["device"]) == ("puppet", "cpu")
    assert len(record["models"]) == 4
    assert set(record["tables"]) == set(TABLES["puppet"])
    assert {"torch", "numpy", "av"} <= set(record["versions"])
