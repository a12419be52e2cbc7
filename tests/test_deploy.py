"""The files that bring takes to a cluster fit each other, the versions that are pinned and the metrics that are counted."""

from __future__ import annotations

import argparse
import importlib
import json
import re
import shlex
import tomllib

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from cluster.commands.submit import VARIABLES
from configs.cluster import builtin_profiles
from runtime.cli import COMMANDS
from runtime.metrics import METERS
from runtime.version import VERSION
from tests.architecture import MAY_IMPORT

ROOT = Path(__file__).resolve().parent.parent
DEPLOY = ROOT / "cluster" / "deploy"
OPTIONS = frozenset({"-o", "--worker-label", "--worker-gpus"})
"""Options of `animate` that may stand in the entrypoint."""
RARE = ("restarts", "fallbacks", "objections", "rulings", "chunks")
"""What a take may come without, or with one of; chunks, if something is the matter with them."""
SERIES = re.compile(r"\bray_[a-z0-9_]+")


def pinned(name: str) -> str:
    """The version that constraints.txt has of a package."""
    pins = dict(line.split("==") for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").split())
    return pins[name]


@pytest.fixture(scope="module")
def project() -> Any:
    return tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def job() -> Any:
    return yaml.safe_load((DEPLOY / "rayjob.yaml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def groups(job) -> Any:
    """Head and groups of workers by name."""
    cluster = job["spec"]["rayClusterSpec"]
    return {"head": cluster["headGroupSpec"], **{group["groupName"]: group for group in cluster["workerGroupSpecs"]}}


@pytest.fixture(scope="module")
def options(job) -> dict[str, str]:
    """Options of the entrypoint with their values."""
    words = shlex.split(job["spec"]["entrypoint"])
    return dict(zip(words[4::2], words[5::2], strict=True))


@pytest.fixture(scope="module")
def steps() -> list[tuple[str, str]]:
    """Instructions of the Containerfile with their text, without comments, lines joined."""
    lines = [line for line in (DEPLOY / "Containerfile").read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
    joined = "\n".join(lines).replace("\\\n", "")
    return [(step.split()[0], step.split(maxsplit=1)[1]) for step in joined.splitlines() if step]


@pytest.fixture(scope="module")
def board() -> Any:
    return json.loads((DEPLOY / "grafana.json").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def page() -> str:
    return (ROOT / "docs" / "cluster.md").read_text(encoding="utf-8")


def parsed(name: str, words: list[str]) -> argparse.Namespace:
    """The words of a command, read by the parser that would read them."""
    parser = argparse.ArgumentParser(exit_on_error=False)
    importlib.import_module(COMMANDS[name].module).describe(parser)
    return parser.parse_args(words)


def container(group: Any) -> Any:
    (one,) = group["template"]["spec"]["containers"]
    return one


# ----------------------------------------------------------------------------------------------------------- the job


def test_the_job_is_one_that_kuberay_knows_and_ends_by_itself(job):
    assert (job["apiVersion"], job["kind"]) == ("ray.io/v1", "RayJob")
    spec = job["spec"]
    assert spec["submissionMode"] == "K8sJobMode"
    assert spec["shutdownAfterJobFinishes"] is True
    assert spec["ttlSecondsAfterFinished"] > 0
    assert spec["backoffLimit"] == 0


def test_the_job_has_the_ray_that_is_pinned(job):
    assert job["spec"]["rayClusterSpec"]["rayVersion"] == pinned("ray")


def test_the_command_is_one_that_the_program_knows(job, options):
    program, command, portrait, direction = shlex.split(job["spec"]["entrypoint"])[:4]
    assert (program, command) == ("textuportray", "animate")
    assert " " in direction, "the quotes have to survive the submitter's shell"
    assert set(options) <= OPTIONS
    for place in (portrait, options["-o"]):
        assert re.match(r"s3://\w", place), "the submitter shares no disk with the cluster"


def test_renderers_go_to_nodes_that_have_what_they_ask_for(groups, options):
    key, _, value = options["--worker-label"].partition("=")
    labelled = [group for group in groups.values() if group.get("labels", {}).get(key) == value]
    assert labelled
    for group in labelled:
        assert container(group)["resources"]["limits"]["nvidia.com/gpu"] >= float(options["--worker-gpus"])
        assert group["replicas"] >= 1, "nobody would render, and nothing starts a node later"


def test_groups_have_as_many_nodes_as_they_may(groups):
    assert set(groups) == {"head", "cpu", "gpu"}
    for name in ("cpu", "gpu"):
        assert groups[name]["minReplicas"] == 0
        assert groups[name]["minReplicas"] <= groups[name]["replicas"] <= groups[name]["maxReplicas"]
        assert "nvidia.com/gpu" not in container(groups["cpu"])["resources"]["limits"]


def test_no_node_waits_for_what_goes_elsewhere(groups, options):
    """Renderers go to the label, and regions, which ask for no processor, go anywhere: nobody needs the processors' group."""
    assert "--worker-label" in options
    assert groups["cpu"]["replicas"] == 0


def test_the_command_that_goes_on_places_renderers_as_the_first_one(job, options, page):
    """It stands in a comment and on the page; its options are those of the entrypoint."""
    text = (DEPLOY / "rayjob.yaml").read_text(encoding="utf-8")
    lines = [*re.findall(r"#   textuportray (resume .*)", text), *re.findall(r"`textuportray (resume .*?)`", page)]
    assert len(lines) == 2
    for line in lines:
        name, *words = shlex.split(line)
        given = parsed(name, words)
        assert given.runtime == "ray", "it would be rendered by the head alone"
        assert given.worker_label == [options["--worker-label"]]
        assert given.worker_gpus == options["--worker-gpus"]
        assert given.take == f"{options['-o'].removesuffix('.mp4')}.take"


def test_a_job_that_goes_on_takes_the_place_of_the_one_that_ended(job, page):
    """KubeRay looks at nothing that is changed in a RayJob which has come to its end."""
    for text in ((DEPLOY / "rayjob.yaml").read_text(encoding="utf-8"), page):
        assert f"kubectl delete rayjob {job['metadata']['name']}" in text


def test_no_key_stands_on_a_command_line(page):
    for text in ((DEPLOY / "rayjob.yaml").read_text(encoding="utf-8"), page):
        assert "--from-env-file" in text
        assert "--from-literal" not in text


def test_labels_stand_where_kuberay_takes_them(groups):
    assert not any("labels" in group["rayStartParams"] for group in groups.values())


def test_the_head_takes_no_work_but_the_command(groups):
    assert groups["head"]["rayStartParams"]["num-cpus"] == "0"


def test_a_pod_gets_what_it_may_use_at_most(groups):
    for group in groups.values():
        resources = container(group)["resources"]
        assert resources["requests"] == resources["limits"]


def test_the_cluster_asks_for_a_token_that_no_file_has(job):
    assert job["spec"]["rayClusterSpec"]["authOptions"] == {"mode": "token"}
    text = (DEPLOY / "rayjob.yaml").read_text(encoding="utf-8")
    assert yaml.safe_load(text) == next(iter(yaml.safe_load_all(text))), "one document, and none of it a Secret"
    assert not re.search(r"^\s*(-\s*)?(stringData|data|value):", text, re.MULTILINE)


def test_a_stopped_job_has_time_to_close_its_journal(job, groups):
    waits = int(yaml.safe_load(job["spec"]["runtimeEnvYAML"])["env_vars"]["RAY_JOB_STOP_WAIT_TIME_S"])
    assert 3 < waits < groups["head"]["template"]["spec"]["terminationGracePeriodSeconds"]


def test_nothing_is_installed_when_a_worker_starts(job):
    assert set(yaml.safe_load(job["spec"]["runtimeEnvYAML"])) == {"env_vars"}


def test_nobody_runs_as_root(groups, steps):
    (user,) = [text for name, text in steps if name == "USER"]
    for group in groups.values():
        context = group["template"]["spec"]["securityContext"]
        assert context["runAsNonRoot"] is True
        assert context["runAsUser"] == int(user) != 0
        assert container(group)["securityContext"]["allowPrivilegeEscalation"] is False


def test_the_program_has_the_version_of_the_project(project):
    assert project["project"]["version"] == VERSION


def test_images_are_of_this_version(groups, project):
    for group in groups.values():
        _, _, tag = container(group)["image"].rpartition(":")
        assert tag.rpartition("-")[0] == project["project"]["version"]


# --------------------------------------------------------------------------------------------------------- the image


def test_the_image_has_a_python_that_the_program_takes(steps, project):
    (base,) = [text for name, text in steps if name == "FROM"]
    assert base == "python:3.11-slim"
    assert project["project"]["requires-python"] == ">=3.11"


def test_every_installation_keeps_to_the_pins(steps):
    installs = [text for name, text in steps if name == "RUN" and "pip install" in text]
    assert len(installs) == 2
    for text in installs:
        assert "-c constraints.txt" in text
        assert '--extra-index-url "$TORCH_INDEX"' in text


def test_torch_comes_without_a_gpu_unless_asked_for(steps):
    assert ("ARG", "TORCH_INDEX=https://download.pytorch.org/whl/cpu") in steps


def test_what_is_copied_is_there_and_is_everything_that_is_installed(steps):
    copied = [word for name, text in steps if name == "COPY" for word in text.split()[:-1]]
    assert all((ROOT / word).exists() for word in copied)
    assert set(copied) - {"constraints.txt", "pyproject.toml", "README.md", "LICENSE", "LICENSES"} == set(MAY_IMPORT)


def test_extras_that_are_installed_are_declared(steps, project):
    named = {extra for _, text in steps for extra in re.findall(r"'\.\[(\w+)\]'", text)}
    assert named == {"cluster"}
    assert named <= set(project["project"]["optional-dependencies"])


def test_models_are_fetched_once_where_every_user_finds_them(steps):
    pulled = steps.index(("RUN", "textuportray models pull"))
    folder = next(place for place, (name, text) in enumerate(steps) if name == "ENV" and "TEXTUPORTRAY_MODELS=/opt/" in text)
    user = next(place for place, (name, _) in enumerate(steps) if name == "USER")
    assert folder < pulled < user


def test_workers_start_with_the_python_of_the_image(steps):
    assert any(name == "ENV" and "RAY_ENABLE_UV_RUN_RUNTIME_ENV=0" in text for name, text in steps)
    assert not any("venv" in text for name, text in steps if name == "RUN"), "a login shell would not find it"


def test_the_files_are_installed_with_the_program(project):
    assert "deploy/*" in project["tool"]["setuptools"]["package-data"]["cluster"]
    assert {path.name for path in DEPLOY.iterdir()} == {"rayjob.yaml", "Containerfile", "grafana.json"}


# ----------------------------------------------------------------------------------------------------- the dashboard


def expressions(board: Any) -> Iterator[str]:
    for panel in board["panels"]:
        for target in panel["targets"]:
            yield target["expr"]


def test_the_dashboard_can_be_imported_anywhere(board):
    assert (board["uid"], board["title"], board["id"]) == ("textuportray", "TextuPortray", None)
    assert board["schemaVersion"] >= 36, "the first in which a data source is named by type and uid"
    (source,) = [one for one in board["templating"]["list"] if one["type"] == "datasource"]
    assert (source["name"], source["query"], source["current"]) == ("datasource", "prometheus", {})
    named = re.findall(r'"uid": "([^"]*)"', json.dumps(board))
    assert set(named) == {"textuportray", "${datasource}"}


def test_every_panel_is_complete_and_lies_beside_the_others(board):
    taken: set[tuple[int, int]] = set()
    for panel in board["panels"]:
        assert panel["title"]
        assert panel["description"]
        place = panel["gridPos"]
        cells = {(x, y) for x in range(place["x"], place["x"] + place["w"]) for y in range(place["y"], place["y"] + place["h"])}
        assert max(x for x, _ in cells) < 24
        assert not cells & taken
        taken |= cells
        assert len({target["refId"] for target in panel["targets"]}) == len(panel["targets"])
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_the_dashboard_shows_every_meter_and_nothing_else(board):
    shown = {series for expression in expressions(board) for series in SERIES.findall(expression)}
    known = {series: meter for meter in METERS.values() for series in meter.series}
    assert shown <= set(known)
    assert {known[series].name for series in shown} == set(METERS)


def test_counters_are_shown_as_rates_or_counts_and_gauges_as_they_are(board):
    known = {series: meter for meter in METERS.values() for series in meter.series}
    for expression in expressions(board):
        for function, series in re.findall(r"(\w+)\((ray_\w+)", expression):
            assert (function in ("rate", "max_over_time")) == (known[series].kind != "gauge"), expression


def test_what_is_rare_is_shown_as_counts(board):
    """A counter is born with its first event, and a rate is about what comes after the first value."""
    for panel in board["panels"]:
        for target in panel["targets"]:
            expression = target["expr"]
            often = "assigned|rendered|written" in expression
            if any(f"textuportray_{name}_total" in expression for name in RARE) and not often:
                assert "rate(" not in expression
                assert panel["type"] == "stat"
                assert "$__range" in expression
                assert target["instant"]


def test_series_are_told_apart_by_tags_that_they_have(board):
    known = {series: meter for meter in METERS.values() for series in meter.series}
    for panel in board["panels"]:
        for target in panel["targets"]:
            tags = {tag for series in SERIES.findall(target["expr"]) for tag in known[series].tags}
            grouped = {tag for group in re.findall(r"by \(([^)]*)\)", target["expr"]) for tag in group.split(", ")}
            legend = set(re.findall(r"{{(\w+)}}", target["legendFormat"]))
            assert grouped - {"le"} <= tags
            assert legend == grouped - {"le"}
            assert ("le" in grouped) == ("histogram_quantile" in target["expr"])


# ----------------------------------------------------------------------------------------------------------- the page


def test_the_page_explains_every_meter_with_its_tags(page):
    rows = re.findall(r"^\| `(ray_\w+)` \|([^|]*)\|", page, re.MULTILINE)
    expected = {}
    for entry in METERS.values():
        shown = entry.series[0] if entry.kind != "histogram" else f"ray_{entry.name}"
        expected[shown] = ", ".join(entry.tags)
    assert {name: tags.strip() for name, tags in rows} == expected


def test_the_page_names_every_profile_and_every_file(page):
    for name in (*builtin_profiles().profiles, *(path.name for path in DEPLOY.iterdir())):
        assert f"`{name}`" in page or name in page


def test_the_page_shows_commands_that_the_program_knows(page):
    """Each command line of the section on jobs is read by the parser that would read it."""
    section = page.partition("## Jobs\n")[2].partition("\n## ")[0]
    lines = [line for block in re.findall(r"```\n(.*?)```", section, re.DOTALL) for line in block.splitlines()]
    given = [line.partition("python -m runtime ")[2] or line.partition("textuportray ")[2] for line in lines]
    commands = [shlex.split(line) for line in given if line]
    assert {words[0] for words in commands} == {"submit", "animate", "resume"}
    for name, *words in commands:
        assert parsed(name, words).runtime == "ray", "that is what a cluster is for"


def test_the_page_explains_every_option_of_submit_that_animate_lacks(page):
    own: dict[str, set[str]] = {}
    for name in ("submit", "animate"):
        parser = argparse.ArgumentParser()
        importlib.import_module(COMMANDS[name].module).describe(parser)
        own[name] = set(re.findall(r"--[a-z-]+", parser.format_help()))
    rows = re.findall(r"^\| `(--[a-z-]+)[^`]*` \|", page.partition("## Jobs\n")[2].partition("\n## ")[0], re.MULTILINE)
    assert set(rows) == own["submit"] - own["animate"]


def test_a_stopped_job_has_as_long_from_submit_as_on_kubernetes(job):
    assert VARIABLES.items() >= yaml.safe_load(job["spec"]["runtimeEnvYAML"])["env_vars"].items()
