"""Profiles: what the program's own say, and what is refused, with its place."""

from __future__ import annotations

from pathlib import Path

import pytest

from configs.cluster import DEFAULT, Worker, builtin_profiles, load_profiles
from configs.loading import ConfigError, builtin, read_text


def written(folder: Path, old: str, new: str) -> Path:
    """A copy of the program's own profiles with one place changed."""
    text = read_text(builtin("cluster.yaml"))
    assert old in text
    path = folder / "cluster.yaml"
    path.write_text(text.replace(old, new, 1), encoding="utf-8")
    return path


def line_of(text: str) -> int:
    """The line of the program's own profiles on which a text first stands."""
    return read_text(builtin("cluster.yaml")).partition(text)[0].count("\n") + 1


def test_there_is_a_profile_for_who_names_none():
    profile = builtin_profiles().named(DEFAULT)
    assert profile.workers is None
    assert profile.worker == Worker(cpus=1, gpus=None)


def test_a_profile_for_gpus_takes_one_or_shares_one():
    profiles = builtin_profiles()
    assert profiles.named("gpu").worker.gpus == 1
    assert profiles.named("shared-gpu").worker.gpus == 0.5


def test_every_profile_waits_longer_for_more():
    for profile in builtin_profiles().profiles.values():
        assert profile.about
        assert profile.chunk_seconds > profile.think_seconds > 0
        assert profile.start_seconds > 0
        assert profile.chunk_frames >= 1


def test_a_profile_that_there_is_not_is_named_with_those_that_there_are():
    with pytest.raises(ConfigError, match=r"there is no profile 'gpus'; did you mean gpu\?"):
        builtin_profiles().named("gpus")
    with pytest.raises(ConfigError, match="there are laptop, gpu, shared-gpu"):
        builtin_profiles().named("mainframe")


def test_a_site_may_name_labels_and_resources(tmp_path):
    worker = "{cpus: 0.25, gpus: 2, labels: {pool: render, example.com/kind: '!in(spot, cheap)'}, resources: {fast_disk: 0.5}}"
    profile = load_profiles(written(tmp_path, "{cpus: 1, gpus: 1}", worker)).named("gpu")
    assert profile.worker.labels == {"pool": "render", "example.com/kind": "!in(spot, cheap)"}
    assert profile.worker.resources == {"fast_disk": 0.5}
    assert profile.worker.gpus == 2


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("workers: null", "workers: 0", "profiles.laptop.workers: must be greater than or equal to 1, not 0"),
        ("workers: null", "workers: some", "profiles.laptop.workers: must be an integer"),
        ("chunk_frames: 16", "chunk_frames: 1.5", "profiles.laptop.chunk_frames"),
        ("think_seconds: 60", "think_seconds: 0", "profiles.laptop.think_seconds: must be greater than 0, not 0"),
        ("{cpus: 1, gpus: null}", "{cpus: 1, gpus: 0, label: {}}", "worker.label: not a known key; did you mean labels?"),
        ("{cpus: 1, gpus: null}", "{cpus: 1}", "profiles.laptop.worker.gpus: missing"),
        (
            "{cpus: 1, gpus: null}",
            "{cpus: 1, gpus: 1.5}",
            "profiles.laptop.worker.gpus: from 1 on it is a whole number, not 1.5",
        ),
        ("{cpus: 1, gpus: null}", "{cpus: 0.00001, gpus: 0}", "profiles.laptop.worker.cpus: a multiple of 0.0001"),
        ("{cpus: 1, gpus: null}", "{cpus: -1, gpus: 0}", "profiles.laptop.worker.cpus"),
        ("{cpus: 1, gpus: null}", "{cpus: 1, gpus: 0, labels: {-pool: a}}", "worker.labels.-pool: not the key of a label"),
        ("{cpus: 1, gpus: null}", "{cpus: 1, gpus: 0, labels: {pool: in()}}", "worker.labels.pool: expected a value such as"),
        ("{cpus: 1, gpus: null}", "{cpus: 1, gpus: 0, labels: {pool: 3}}", "worker.labels.pool: must be a string, not 3"),
        ("{cpus: 1, gpus: null}", "{cpus: 1, gpus: 0, resources: {GPU: 1}}", "worker.resources.GPU: Ray's own"),
        ("{cpus: 1, gpus: null}", "{cpus: 1, gpus: 0, resources: {disk: 0}}", "worker.resources.disk: more than 0"),
        ("{cpus: 1, gpus: null}", "{cpus: 1, gpus: 0, resources: {' ': 1}}", "not the name of a resource"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(tmp_path, old, new, said):
    path = written(tmp_path, old, new)
    with pytest.raises(ConfigError) as caught:
        load_profiles(path)
    assert str(caught.value).startswith(f"{path}:{line_of(old)}: ")
    assert said in str(caught.value)


def test_ray_takes_every_label_that_a_profile_may_have():
    labels = pytest.importorskip("ray._private.label_utils")
    for key, condition in {
        "pool": "render",
        "a-b.c/d_e.f": "!in(a, b,c)",
        "ray.io/accelerator-type": "H100",
        "x" * 63: "!x",
    }.items():
        Worker(cpus=1, gpus=0, labels={key: condition})
        assert labels.validate_label_key(key) is None
        assert labels.validate_label_selector_value(condition) is None
