"""Where the processes that render may run: what each asks for, how many there are, and whether a cluster can have them.

What decides is what the machines of a cluster have, not what is free at the moment: who waits for others gets it in time, and
what no machine has never comes. Ray itself waits for ever in silence, for the one as for the other; so what cannot be is
refused before, with what is needed and what is there, and a wait that takes too long can be explained with `shortage`.
"""

from __future__ import annotations

import re

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from runtime.options import UsageError, quoted

MAX_WORKERS = 1000
MOST_BY_ITSELF = 8
"""Workers that nobody asked for by number."""
_LISTED = 6
"""Nodes that an error names."""
_SHARES = 10_000
"""Ray counts in ten-thousandths."""
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_./-]{0,98}[A-Za-z0-9])?")
_NUMBER = re.compile(r"[0-9]{1,7}(\.[0-9]{1,4})?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """What the processes that render ask for.

    Attributes:
        workers: how many; None leaves it to the cluster.
        gpus: for each, below 1 a share of one; None for one where there are GPUs, and none where there are not.
        cpus: for each; None for one.
        labels: of the nodes that may be used; for each a value, or a condition of `configs.cluster`.
        resources: of other kinds, for each.
    """

    workers: int | None = None
    gpus: float | None = None
    cpus: float | None = None
    labels: Mapping[str, str] = field(default_factory=dict)
    resources: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """A machine of a cluster.

    Attributes:
        id: Ray's own.
        name: what people call it: its name or its IP address.
        alive: whether it takes work.
        total: what it has, by name, "CPU" and "GPU" among them.
        available: what of that is free now.
        labels: what it is marked with.
    """

    id: str
    name: str
    alive: bool = True
    total: Mapping[str, float] = field(default_factory=dict)
    available: Mapping[str, float] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)


def parse_workers(text: str) -> int:
    """How many processes render.

    Raises:
        UsageError: not a whole number from 1 to MAX_WORKERS.
    """
    if not re.fullmatch("[0-9]{1,6}", text) or not 1 <= int(text) <= MAX_WORKERS:
        raise UsageError(
            f"--workers {quoted(text)} is not a number of workers. Give a whole number from 1 to {MAX_WORKERS}, or leave the "
            "option out to have as many as the cluster can carry."
        )
    return int(text)


def parse_worker_gpus(text: str) -> float:
    """GPUs of each worker.

    Raises:
        UsageError: neither a share of one nor a whole number.
    """
    value = _number(text)
    if value is None or (value > 1 and value != int(value)):
        raise UsageError(
            f"--worker-gpus {quoted(text)} is not what a worker can have. Give a share such as 0.5, which lets two of them "
            "use one GPU, or a whole number, 0 for workers without a GPU."
        )
    return value


def parse_worker_cpus(text: str) -> float:
    """CPUs of each worker.

    Raises:
        UsageError: not a number from 0.
    """
    value = _number(text)
    if value is None:
        raise UsageError(f"--worker-cpus {quoted(text)} is not a number of CPUs. Give one such as 1, 4 or 0.5.")
    return value


def parse_worker_labels(texts: Iterable[str]) -> dict[str, str]:
    """Labels of the nodes that workers may run on, from `key=value` each.

    Raises:
        UsageError: not of that form, or one key with two values.
    """
    found: dict[str, str] = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not _NAME.fullmatch(key) or not _NAME.fullmatch(value):
            raise UsageError(
                f"--worker-label {quoted(text)} is not a label. Give key=value, such as pool=render: the nodes that were "
                "started with that label are used."
            )
        if found.setdefault(key, value) != value:
            raise UsageError(
                f"--worker-label {key} is given as {found[key]} and as {value}, and no node is both. Give it once."
            )
    return found


def parse_worker_resources(texts: Iterable[str]) -> dict[str, float]:
    """Resources of other kinds that each worker takes, from `name=amount` each.

    Raises:
        UsageError: not of that form, given twice, or one that has an option of its own.
    """
    found: dict[str, float] = {}
    for text in texts:
        name, equals, amount = text.partition("=")
        value = _number(amount)
        if not equals or not _NAME.fullmatch(name) or not value or (value > 1 and value != int(value)):
            raise UsageError(
                f"--worker-resource {quoted(text)} is not a resource. Give name=amount, such as fast_disk=1, where the "
                "amount is a whole number or a share below 1."
            )
        if name.upper() in ("CPU", "GPU", "MEMORY", "OBJECT_STORE_MEMORY"):
            raise UsageError(
                f"--worker-resource {name} is none of a cluster's own. Use --worker-cpus or --worker-gpus for processors."
            )
        if name in found:
            raise UsageError(f"--worker-resource {name} is given twice. Give it once, with what each worker takes.")
        found[name] = value
    return found


def _number(text: str) -> float | None:
    """A number from 0 that Ray can count; None for anything else."""
    return float(text) if _NUMBER.fullmatch(text) else None


def nodes() -> list[Node]:
    """The machines of the cluster that this process has joined, in order of their names."""
    import ray  # noqa: PLC0415 - takes half a second

    from ray._private.state import available_resources_per_node  # noqa: PLC0415 - Ray tells it for each node nowhere else

    free = available_resources_per_node()
    found = [
        Node(
            id=each["NodeID"],
            # Ray's own name of a node is its address unless somebody gave it one.
            name=each["NodeName"] if each["NodeName"] != each["NodeManagerAddress"] else each["NodeManagerHostname"],
            alive=each["Alive"],
            total=each["Resources"],
            available=free.get(each["NodeID"], {}),
            labels=each["Labels"],
        )
        for each in ray.nodes()
    ]
    return sorted(found, key=lambda node: (node.name, node.id))


def suited(placement: Placement, device: str, usual: float | None = None) -> Placement:
    """What renderers ask for that compute on a device: who computes on processors has no GPU unless that was asked for.

    Args:
        placement: what was asked for.
        device: "auto", "cpu" or "cuda".
        usual: GPUs of each where nothing was asked for; None leaves it to the cluster.

    Raises:
        UsageError: they are to have no GPU and compute on one.
    """
    gpus = placement.gpus
    if gpus is None:
        gpus = 0.0 if device == "cpu" else usual
    if device == "cuda" and gpus == 0:
        raise UsageError(
            "--device cuda has frames computed on GPUs, and --worker-gpus 0 leaves the renderers none. Leave one of them out."
        )
    return replace(placement, gpus=gpus)


def pinned(placement: Placement, nodes: Sequence[Node]) -> Placement:
    """The same for all renderers, those that take the place of others among them: another kind of device makes other frames."""
    return replace(placement, gpus=needs(placement, nodes).get("GPU", 0.0))


def needs(placement: Placement, nodes: Sequence[Node]) -> dict[str, float]:
    """What each worker takes of a node, by name; nothing that it takes 0 of."""
    gpus = placement.gpus
    if gpus is None:
        gpus = 1.0 if any(node.total.get("GPU", 0) >= 1 for node in _marked(placement, nodes)) else 0.0
    cpus = 1.0 if placement.cpus is None else placement.cpus
    return {name: amount for name, amount in {"CPU": cpus, "GPU": gpus, **placement.resources}.items() if amount}


def actor_options(placement: Placement, nodes: Sequence[Node]) -> dict[str, Any]:
    """What Ray is told of each worker, for `.options(**...)`."""
    each = needs(placement, nodes)
    return {
        "num_cpus": each.pop("CPU", 0.0),
        "num_gpus": each.pop("GPU", 0.0),
        "resources": each,
        "label_selector": dict(placement.labels) or None,
    }


def worker_count(placement: Placement, nodes: Sequence[Node]) -> int:
    """How many workers there are to be.

    The number asked for; else as many as fit, at most MOST_BY_ITSELF and at least 1. Without GPUs, one CPU of more than two is
    left to who coordinates and encodes.
    """
    if placement.workers is not None:
        return placement.workers
    each = needs(placement, nodes)
    fitting = sum(_fitting(each, node.total) for node in _marked(placement, nodes))
    if "GPU" not in each and sum(node.total.get("CPU", 0) for node in nodes if node.alive) > 2:
        fitting = min(fitting, _fitting_but_one_cpu(each, _marked(placement, nodes), nodes))
    return max(1, min(MOST_BY_ITSELF, fitting))


def _fitting_but_one_cpu(each: Mapping[str, float], usable: Sequence[Node], nodes: Sequence[Node]) -> int:
    """How many fit when one CPU is kept free, on a node that cannot be used for them if there is one."""
    if any(node.alive and node not in usable and node.total.get("CPU", 0) >= 1 for node in nodes):
        return sum(_fitting(each, node.total) for node in usable)
    counts = [_fitting(each, node.total) for node in usable]
    kept = [_fitting(each, {**node.total, "CPU": node.total.get("CPU", 0) - 1}) for node in usable]
    lost = min((count - less for count, less in zip(counts, kept, strict=True)), default=0)
    return sum(counts) - lost


def refusal(placement: Placement, nodes: Sequence[Node]) -> str | None:
    """Why a cluster can never have the workers, in one paragraph; None if it can.

    One of them at least must fit on a node, and if a number was asked for, all of them at the same time.
    """
    wanted = placement.workers or 1
    each = needs(placement, nodes)
    marked = _marked(placement, nodes)
    fitting = sum(_fitting(each, node.total) for node in marked)
    if fitting >= wanted:
        return None
    alive = [node for node in nodes if node.alive]
    if not alive:
        return "The cluster has no node that is alive, so nothing can run. Start its nodes, and see `ray status`."
    if not marked:
        marks = [f"{key}={value}" for key, value in placement.labels.items()]
        plain = all(_NAME.fullmatch(value) for value in placement.labels.values())
        start = f"start nodes with `ray start --labels {','.join(marks)}`" if plain else "start nodes with labels that fit"
        return (
            f"Workers are to run on nodes with {' and '.join(marks)}, and no node of the cluster is marked so "
            f"({_listed(alive, _labels)}). Ask for other labels, with --worker-label or another --profile, or {start}."
        )
    return f"{_asked(placement, each, wanted)}; {_there(each, marked, placement)}. {_advice(each, marked, fitting)}"


def shortage(placement: Placement, nodes: Sequence[Node]) -> str | None:
    """Why no worker can start now although the cluster could have it, in one paragraph; None if one can.

    What has not started after a while is explained with this.
    """
    each = needs(placement, nodes)
    marked = _marked(placement, nodes)
    if any(all(node.available.get(name, 0) >= amount for name, amount in each.items()) for node in marked):
        return None
    free = ", ".join(f"{_sum(marked, _available, name)} free now" for name in each)
    return (
        f"No worker could start, for others hold what it needs: each takes {_taken(each)}, and the cluster has "
        f"{free}. Wait for the others, stop them (`ray status` shows what is in use), or ask for less."
    )


def _marked(placement: Placement, nodes: Sequence[Node]) -> list[Node]:
    """The nodes that are alive and whose labels fit."""
    return [
        node
        for node in nodes
        if node.alive and all(_fits(condition, node.labels.get(key)) for key, condition in placement.labels.items())
    ]


def _fits(condition: str, value: str | None) -> bool:
    """Whether a node's label is what a condition asks for, as Ray takes it: what is not to be may also be missing.

    Args:
        condition: a value, "in(value, value)", or either with "!" before it.
        value: of the label; None if the node has none of that key.
    """
    wanted = condition.removeprefix("!")
    named = wanted[3:-1].split(",") if wanted.startswith("in(") else [wanted]
    return (value in [name.strip() for name in named]) is not condition.startswith("!")


def _fitting(each: Mapping[str, float], has: Mapping[str, float]) -> int:
    """How many workers fit on a node, in whole ten-thousandths as Ray counts.

    A share of a GPU is a share of one GPU: two workers of 0.6 need two.
    """
    counts = [MAX_WORKERS]
    for name, amount in each.items():
        have = has.get(name, 0.0)
        if name == "GPU" and amount < 1:
            counts.append(int(have) * (_SHARES // round(amount * _SHARES)))
        else:
            counts.append(max(0, round(have * _SHARES)) // round(amount * _SHARES))
    return min(counts)


def _asked(placement: Placement, each: Mapping[str, float], wanted: int) -> str:
    if placement.workers is None:
        return f"A worker needs {_taken(each)}"
    total = ", ".join(f"{_amount(amount * wanted)} {name}" for name, amount in each.items())
    return f"--workers {wanted} with {_taken(each)} each need {total}"


def _there(each: Mapping[str, float], marked: Sequence[Node], placement: Placement) -> str:
    """What of everything needed the nodes have, together and each."""
    where = "the nodes with that label have" if placement.labels else "the cluster has"
    return f"{where} {', '.join(_sum(marked, _total, name) for name in each)}"


def _advice(each: Mapping[str, float], marked: Sequence[Node], fitting: int) -> str:
    if fitting:
        return f"Ask for {fitting} at most, for less for each of them, or add nodes."
    lacking = [name for name in each if not any(_fitting({name: each[name]}, node.total) for node in marked)] or list(each)
    options = {"CPU": "--worker-cpus", "GPU": "--worker-gpus"}
    less = " and ".join(dict.fromkeys(options.get(name, "--worker-resource") for name in lacking))
    return f"No node can run even one: ask for less with {less}, or add a node that has it."


def _total(node: Node) -> Mapping[str, float]:
    return node.total


def _available(node: Node) -> Mapping[str, float]:
    return node.available


def _sum(nodes: Sequence[Node], of: Callable[[Node], Mapping[str, float]], name: str) -> str:
    """How much the nodes have of something, together and each."""
    return (
        f"{_amount(sum(of(node).get(name, 0) for node in nodes))} {name} "
        f"({_listed(nodes, lambda node: _amount(of(node).get(name, 0)))})"
    )


def _taken(each: Mapping[str, float]) -> str:
    return " and ".join(f"{_amount(amount)} {name}" for name, amount in each.items()) or "nothing"


def _amount(value: float) -> str:
    return f"{round(value, 4):.12g}"


def _listed(nodes: Sequence[Node], tell: Callable[[Node], str]) -> str:
    """Of each node what there is to tell, the first ones if there are many."""
    told = ", ".join(f"{node.name}: {tell(node)}" for node in nodes[:_LISTED])
    return told + (f" and {len(nodes) - _LISTED} more" if len(nodes) > _LISTED else "")


def _labels(node: Node) -> str:
    own = [f"{key}={value}" for key, value in sorted(node.labels.items()) if not key.startswith("ray.io/")]
    return " ".join(own) or "no label"
