"""Where workers run: what is read from options, what is refused, and how many there are of their own accord."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from runtime.onray.placement import (
    MAX_WORKERS,
    MOST_BY_ITSELF,
    Node,
    Placement,
    actor_options,
    needs,
    parse_worker_cpus,
    parse_worker_gpus,
    parse_worker_labels,
    parse_worker_resources,
    parse_workers,
    pinned,
    refusal,
    shortage,
    suited,
    worker_count,
)
from runtime.options import UsageError


def node(name: str, cpus: float = 0, gpus: float = 0, *, alive: bool = True, free: Any = None, **more: Any) -> Node:
    """A machine; `free` is what is available, by default all of it."""
    total = {"CPU": cpus, "GPU": gpus, **more.pop("resources", {})}
    return Node(id=f"{name}-id", name=name, alive=alive, total=total, available=total if free is None else free, **more)


HEAD = node("head", cpus=4)
GPU_1 = node("gpu-1", cpus=8, gpus=2, labels={"pool": "render"})
GPU_2 = node("gpu-2", cpus=8, gpus=1, labels={"pool": "render"})


@pytest.mark.parametrize(
    ("parse", "text", "value"),
    [
        (parse_workers, "4", 4),
        (parse_workers, str(MAX_WORKERS), MAX_WORKERS),
        (parse_worker_gpus, "0.5", 0.5),
        (parse_worker_gpus, "2", 2),
        (parse_worker_gpus, "0", 0),
        (parse_worker_cpus, "1.5", 1.5),
        (parse_worker_labels, ["pool=render", "zone=a-1", "pool=render"], {"pool": "render", "zone": "a-1"}),
        (parse_worker_labels, [], {}),
        (parse_worker_resources, ["fast_disk=1", "licence=0.25"], {"fast_disk": 1, "licence": 0.25}),
    ],
)
def test_what_options_say_is_read(parse: Callable[[Any], Any], text: Any, value: Any):
    assert parse(text) == value


@pytest.mark.parametrize(
    ("parse", "text", "said"),
    [
        *((parse_workers, text, "--workers") for text in ("0", "-1", "2.5", "", "many", str(MAX_WORKERS + 1), "٣")),
        *((parse_worker_gpus, text, "--worker-gpus") for text in ("1.5", "-1", "nan", "inf", "1e3", "", "0.00001", "half")),
        *((parse_worker_cpus, text, "--worker-cpus") for text in ("-1", "nan", "1e3", "", "one", "1" * 20)),
        *((parse_worker_labels, [text], "--worker-label") for text in ("pool", "=render", "pool=", "a b=c", "", "pool=!x")),
        (parse_worker_labels, ["pool=render", "pool=plan"], "as render and as plan"),
        *((parse_worker_resources, [text], "--worker-resource") for text in ("disk", "disk=0", "disk=-1", "=1", "disk=1.5")),
        (parse_worker_resources, ["disk=1", "disk=2"], "twice"),
        (parse_worker_resources, ["GPU=1"], "--worker-gpus"),
        (parse_worker_resources, ["cpu=1"], "--worker-cpus"),
    ],
)
def test_what_cannot_be_meant_is_refused_by_name(parse: Callable[[Any], Any], text: Any, said: str):
    with pytest.raises(UsageError, match=said):
        parse(text)


def test_a_worker_takes_a_gpu_where_there_are_some_and_a_cpu_elsewhere():
    assert needs(Placement(), [HEAD, GPU_1]) == {"CPU": 1, "GPU": 1}
    assert needs(Placement(), [HEAD]) == {"CPU": 1}


def test_gpus_of_nodes_that_cannot_be_used_do_not_count():
    dead = node("gpu-3", cpus=8, gpus=4, alive=False)
    assert needs(Placement(), [HEAD, dead]) == {"CPU": 1}
    assert needs(Placement(labels={"pool": "plan"}), [node("plan", cpus=4, labels={"pool": "plan"}), GPU_1]) == {"CPU": 1}


def test_what_is_asked_for_is_what_a_worker_takes():
    asked = Placement(gpus=0.5, cpus=2, resources={"disk": 1})
    assert needs(asked, [HEAD]) == {"CPU": 2, "GPU": 0.5, "disk": 1}
    assert needs(Placement(gpus=0, cpus=0), [GPU_1]) == {}


def test_ray_is_told_all_of_it():
    asked = Placement(gpus=0.5, cpus=2, resources={"disk": 1}, labels={"pool": "render"})
    assert actor_options(asked, [GPU_1]) == {
        "num_cpus": 2,
        "num_gpus": 0.5,
        "resources": {"disk": 1},
        "label_selector": {"pool": "render"},
    }
    assert actor_options(Placement(), [HEAD])["num_gpus"] == 0
    assert actor_options(Placement(gpus=0, cpus=0), [HEAD])["num_cpus"] == 0


@pytest.mark.parametrize(
    ("asked", "nodes", "count"),
    [
        (Placement(workers=5), [HEAD], 5),
        (Placement(), [GPU_1, HEAD], 2),
        (Placement(), [GPU_1, GPU_2, HEAD], 3),
        (Placement(gpus=0.5), [GPU_1, GPU_2, HEAD], 6),
        (Placement(gpus=0.6), [GPU_1], 2),  # shares of two GPUs do not add up to one
        (Placement(gpus=2), [GPU_1, GPU_2], 1),
        (Placement(gpus=0.1), [GPU_1], MOST_BY_ITSELF),
        (Placement(cpus=3), [GPU_1], 2),
        (Placement(cpus=8), [GPU_1], 1),
        (Placement(), [HEAD], 3),
        (Placement(), [node("small", cpus=1)], 1),
        (Placement(), [node("small", cpus=2)], 2),
        (Placement(), [node("large", cpus=64)], MOST_BY_ITSELF),
        (Placement(), [HEAD, node("second", cpus=4)], 7),
        (Placement(cpus=2), [HEAD, node("second", cpus=3)], 3),  # the third CPU is free anyway
        (Placement(labels={"pool": "x"}), [HEAD, node("marked", cpus=4, labels={"pool": "x"})], 4),
        (Placement(cpus=0.5), [node("small", cpus=2)], 4),
        (Placement(gpus=0, cpus=0), [HEAD], MOST_BY_ITSELF),
        (Placement(resources={"disk": 1}), [HEAD, node("disk", cpus=8, resources={"disk": 2})], 2),
        (Placement(cpus=0.1), [node("small", cpus=0.3)], 3),  # as decimals, not as floats
        (Placement(), [node("gone", cpus=8, alive=False), node("small", cpus=2)], 2),
        (Placement(), [], 1),
    ],
)
def test_there_are_as_many_workers_as_fit_unless_a_number_is_given(asked: Placement, nodes: list[Node], count: int):
    assert worker_count(asked, nodes) == count


@pytest.mark.parametrize(
    ("asked", "nodes"),
    [
        (Placement(), [HEAD]),
        (Placement(workers=4), [HEAD]),
        (Placement(workers=3), [HEAD, GPU_1, GPU_2]),
        (Placement(workers=6, gpus=0.5), [GPU_1, GPU_2]),
        (Placement(workers=2, labels={"pool": "render"}, gpus=1), [HEAD, GPU_1]),
        (Placement(workers=2, resources={"disk": 0.5}), [node("disk", cpus=2, resources={"disk": 1})]),
        (Placement(), [node("busy", cpus=4, free={})]),
    ],
)
def test_what_the_machines_have_is_not_refused_be_it_free_or_not(asked: Placement, nodes: list[Node]):
    assert refusal(asked, nodes) is None


@pytest.mark.parametrize(
    ("asked", "nodes", "said"),
    [
        (
            Placement(workers=4),
            [GPU_1, HEAD],
            "--workers 4 with 1 CPU and 1 GPU each need 4 CPU, 4 GPU; the cluster has 12 CPU (gpu-1: 8, head: 4), 2 GPU",
        ),
        (
            Placement(workers=4),
            [GPU_1, HEAD],
            "(gpu-1: 2, head: 0). Ask for 2 at most, for less for each of them, or add nodes.",
        ),
        (
            Placement(gpus=1),
            [HEAD],
            "A worker needs 1 CPU and 1 GPU; the cluster has 4 CPU (head: 4), 0 GPU (head: 0). No node can run even one",
        ),
        (Placement(gpus=1), [HEAD], "even one: ask for less with --worker-gpus, or add a node that has it."),
        (Placement(gpus=5, cpus=5), [HEAD], "ask for less with --worker-cpus and --worker-gpus, or add"),
        (
            Placement(gpus=1, cpus=4),
            [HEAD, node("gpu", cpus=2, gpus=1)],  # each has half of it
            "ask for less with --worker-cpus and --worker-gpus, or add",
        ),
        (Placement(gpus=3), [GPU_1, GPU_2], "3 GPU (gpu-1: 2, gpu-2: 1). No node can run even one"),
        (Placement(workers=3, gpus=0.6), [GPU_1], "need 3 CPU, 1.8 GPU; the cluster has 8 CPU (gpu-1: 8), 2 GPU (gpu-1: 2)"),
        (Placement(cpus=9), [GPU_1, GPU_2], "A worker needs 9 CPU and 1 GPU"),
        (
            Placement(labels={"pool": "x"}),
            [HEAD, GPU_1],
            "no node of the cluster is marked so (head: no label, gpu-1: pool=render)",
        ),
        (
            Placement(workers=2, gpus=1, labels={"pool": "render"}),
            [HEAD, GPU_2],
            "the nodes with that label have 8 CPU (gpu-2: 8), 1 GPU (gpu-2: 1). Ask for 1 at most",
        ),
        (
            Placement(resources={"disk": 1}),
            [HEAD],
            "0 disk (head: 0). No node can run even one: ask for less with --worker-resource, or",
        ),
        (Placement(), [node("gone", cpus=4, alive=False)], "no node that is alive"),
        (Placement(workers=2), [], "no node that is alive"),
    ],
)
def test_what_no_machine_has_is_refused_with_what_is_needed_and_what_is_there(asked: Placement, nodes: list[Node], said: str):
    assert said in str(refusal(asked, nodes))


def test_labels_that_ray_gives_by_itself_are_not_told():
    told = refusal(Placement(labels={"pool": "x"}), [node("head", cpus=1, labels={"ray.io/node-id": "4f"})])
    assert "head: no label" in str(told)


def test_of_many_nodes_an_error_names_the_first():
    told = refusal(Placement(cpus=99), [node(f"n{number}", cpus=1) for number in range(10)])
    assert "10 CPU (n0: 1, n1: 1, n2: 1, n3: 1, n4: 1, n5: 1 and 4 more)" in str(told)


def test_a_shortage_is_that_no_worker_fits_into_what_is_free_now():
    busy = node("gpu-1", cpus=8, gpus=2, free={"CPU": 8})
    told = shortage(Placement(), [HEAD, busy])
    assert "each takes 1 CPU and 1 GPU" in str(told)
    assert "12 CPU (head: 4, gpu-1: 8)" in str(told)
    assert "0 GPU (head: 0, gpu-1: 0) free now" in str(told)


def test_there_is_no_shortage_while_one_worker_can_start():
    assert shortage(Placement(workers=9), [HEAD]) is None
    assert shortage(Placement(gpus=0.5), [node("gpu-1", cpus=1, gpus=1, free={"CPU": 1, "GPU": 1})]) is None
    assert shortage(Placement(gpus=0.5), [node("gpu-1", cpus=1, gpus=1, free={"CPU": 1, "GPU": 0.5})]) is None


# -------------------------------------------------------------------------------------------------------------- labels


@pytest.mark.parametrize(
    ("condition", "value", "fits"),
    [
        ("render", "render", True),
        ("render", "spot", False),
        ("render", None, False),
        ("!spot", "render", True),
        ("!spot", "spot", False),
        ("!spot", None, True),
        ("in(render, spare)", "spare", True),
        ("in(render,spare)", "spare", True),
        ("in(render, spare)", "spot", False),
        ("in(render, spare)", None, False),
        ("!in(spot, plan)", "render", True),
        ("!in(spot, plan)", "plan", False),
        ("!in(spot, plan)", None, True),
        ("in", "in", True),
    ],
)
def test_a_condition_on_a_label_means_what_it_means_to_ray(condition: str, value: str | None, fits: bool):
    there = node("a", cpus=4, labels={} if value is None else {"pool": value})
    asked = Placement(labels={"pool": condition})
    assert (refusal(asked, [there]) is None) is fits
    assert (worker_count(asked, [there]) > 1) is fits


def test_nodes_that_fit_no_condition_are_refused_without_advice_that_cannot_work():
    told = refusal(Placement(labels={"pool": "!render", "zone": "in(a, b)"}), [HEAD, GPU_1])
    assert "nodes with pool=!render and zone=in(a, b), and no node" in str(told)
    assert "(head: no label, gpu-1: pool=render)" in str(told)
    assert str(told).endswith("or start nodes with labels that fit.")
    told = refusal(Placement(labels={"pool": "a", "zone": "b"}), [HEAD])
    assert str(told).endswith("or start nodes with `ray start --labels pool=a,zone=b`.")


# -------------------------------------------------------------------------------------------------------------- device


@pytest.mark.parametrize(
    ("asked", "device", "usual", "gpus"),
    [
        (None, "auto", None, None),
        (None, "auto", 0.5, 0.5),
        (None, "cuda", None, None),
        (None, "cuda", 1, 1),
        (None, "cpu", None, 0),
        (None, "cpu", 1, 0),
        (0, "auto", 1, 0),
        (0, "cpu", 1, 0),
        (2, "auto", 1, 2),
        (1, "cpu", None, 1),  # a way to choose nodes
    ],
)
def test_who_computes_on_processors_has_no_gpu_unless_that_was_asked_for(
    asked: float | None, device: str, usual: float | None, gpus: float | None
):
    assert suited(Placement(workers=3, gpus=asked), device, usual) == Placement(workers=3, gpus=gpus)


@pytest.mark.parametrize(("asked", "usual"), [(0, 1), (None, 0)])
def test_no_gpu_is_no_place_to_compute_on_one(asked: float | None, usual: float):
    with pytest.raises(UsageError, match=r"--device cuda .* --worker-gpus 0 .* Leave one of them out"):
        suited(Placement(gpus=asked), "cuda", usual)


def test_what_the_cluster_decides_is_decided_once_for_all_workers():
    assert pinned(Placement(cpus=2), [HEAD, GPU_1]) == Placement(cpus=2, gpus=1)
    assert pinned(Placement(), [HEAD]) == Placement(gpus=0)
    assert pinned(Placement(gpus=0.5), [HEAD]) == Placement(gpus=0.5)
