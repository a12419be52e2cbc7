"""Each rule of the tree refuses what breaks it, lets pass what does not, and holds in this repository."""

from __future__ import annotations

import ast
import gc

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.architecture import IMPURE, MAY_IMPORT, RULES, WHOLE_TREE_RULES, Import, findings, imports, module, modules

ROOT = Path(__file__).resolve().parent.parent

PYPROJECT = f"""
[project]
name = "made-up"
dependencies = ["numpy>=1", "PyYAML>=6"]
[project.optional-dependencies]
dev = ["scipy>=1.13"]
gpu = ["torch", "ray"]
[tool.setuptools.packages.find]
include = {[pattern for package in MAY_IMPORT for pattern in (package, package + ".*")]}
"""
PINS = "numpy==2.0.0\nPyYAML==6.0.3\nscipy==1.17.1\ntorch==2.0.0\nray==2.0.0\n"


@pytest.fixture
def tree(tmp_path: Path) -> Callable[..., list[str]]:
    """Writes files, given as {path: text}, into a made-up tree without faults and gives what is found in it."""

    def check(files: Mapping[str, str]) -> list[str]:
        for name, text in {"pyproject.toml": PYPROJECT, "constraints.txt": PINS, **files}.items():
            path = tmp_path / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return findings(tmp_path)

    return check


ALLOWED = {
    "what a package may know": (
        "runtime/take.py",
        "import agents.brows\nfrom configs import loading\nfrom renderer import video\n",
    ),
    "its own package": ("agents/director/reading.py", "from agents.director import clauses\nimport agents.mouth\n"),
    "the top knows all": ("cluster/jobs.py", "import runtime, agents, protocol, renderer, configs\n"),
    "tests know all": ("tests/test_x.py", "import cluster, protocol, random, torch, scipy\n"),
    "heavy where it is used": ("renderer/warp.py", "def warp():\n    import torch\n    return torch\n"),
    "heavy in a folder that consists of it": ("renderer/puppet/warp.py", "import torch\nfrom renderer.puppet import lattice\n"),
    "such a folder where it is used": ("runtime/x.py", "def x():\n    from renderer.puppet import warp\n    return warp\n"),
    "heavy for type checkers": ("renderer/warp.py", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import torch\n"),
    "pure modules of the standard library": ("protocol/x.py", "import hashlib, math\nfrom collections.abc import Mapping\n"),
    "a stream for the journal": ("protocol/journal.py", "import io\n\ndef read(data):\n    return io.BytesIO(data)\n"),
    "the clock elsewhere": ("runtime/clock.py", "import time, random\n\ndef now():\n    return time.time()\n"),
    "roots are rounded correctly": (
        "protocol/x.py",
        "import math\nimport numpy as np\n\nZERO = math.sqrt(0) + np.floor(0.5)\n",
    ),
    "powers of whole numbers": ("protocol/x.py", "MOST_BYTES = 2**21\n"),
    "rounding elsewhere": ("renderer/x.py", "import numpy as np\n\nONE = np.cos(0)\n"),
    "a declared package of another name": ("configs/loading.py", "import yaml\n"),
    "a module of 500 lines": ("agents/x.py", "\n" * 500),
    "a name that only contains a poor one": ("agents/common_expressions.py", ""),
}

REFUSED = {
    "protocol knows nobody": ("protocol/x.py", "import configs", "protocol/x.py:1: protocol may not import configs"),
    "configs knows only protocol": ("configs/x.py", "import agents.eyes", "configs/x.py:1: configs may not import agents"),
    "agents do not render": ("agents/x.py", "from renderer import video", "agents/x.py:1: agents may not import renderer"),
    "renderers do not decide": ("renderer/x.py", "import agents", "renderer/x.py:1: renderer may not import agents"),
    "runtime is below cluster": ("runtime/x.py", "import cluster", "runtime/x.py:1: runtime may not import cluster"),
    "the product is above its tests": ("agents/x.py", "import tests.fakes", "agents/x.py:1: agents may not import tests"),
    "inside a function": (
        "protocol/x.py",
        "def f():\n    from runtime import cli\n    return cli",
        "protocol/x.py:2: protocol may not import runtime",
    ),
    "for type checkers": (
        "protocol/x.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    import agents",
        "protocol/x.py:3: protocol may not import agents",
    ),
    "by relative import": (
        "agents/eyes/x.py",
        "from ...runtime import cli",
        "agents/eyes/x.py:1: agents may not import runtime",
    ),
    "by its name": (
        "runtime/x.py",
        "import importlib\nimportlib.import_module('cluster.jobs')",
        "runtime/x.py:2: runtime may not import cluster",
    ),
    "such a folder before it is used": (
        "runtime/x.py",
        "from renderer.puppet import warp",
        "runtime/x.py:1: renderer.puppet.warp is heavy; import it in the function that uses it",
    ),
    "heavy at the top": (
        "renderer/x.py",
        "import torch.nn",
        "renderer/x.py:1: torch is heavy; import it in the function that uses it",
    ),
    "heavy in a class": (
        "renderer/x.py",
        "class Rig:\n    import ray",
        "renderer/x.py:2: ray is heavy; import it in the function that uses it",
    ),
    "heavy in a try": (
        "renderer/x.py",
        "try:\n    import torch\nexcept ImportError:\n    torch = None",
        "renderer/x.py:2: torch is heavy; import it in the function that uses it",
    ),
    "heavy when not for type checkers": (
        "renderer/x.py",
        "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    pass\nelse:\n    import ray",
        "renderer/x.py:5: ray is heavy; import it in the function that uses it",
    ),
    "heavy anywhere in protocol": ("protocol/x.py", "def f():\n    import ray", "protocol/x.py:2: protocol never imports ray"),
    "a file": (
        "protocol/x.py",
        "def f(path):\n    return open(path)",
        "protocol/x.py:2: protocol is pure and may not call open",
    ),
    "a file for the journal": (
        "protocol/journal.py",
        "import io\n\ndef f(path):\n    return io.open(path)",
        "protocol/journal.py:4: protocol is pure and may not call io.open",
    ),
    "a line on the terminal": ("protocol/x.py", "print(1)", "protocol/x.py:1: protocol is pure and may not call print"),
    "a global that changes": (
        "protocol/x.py",
        "def f():\n    global COUNT\n    COUNT = 1",
        "protocol/x.py:2: protocol is pure and may not change a global",
    ),
    "chance by way of numpy": (
        "protocol/x.py",
        "import numpy as np\nX = np.random.default_rng()",
        "protocol/x.py:2: protocol is pure and may not draw from numpy.random",
    ),
    "chance imported from numpy": (
        "protocol/x.py",
        "from numpy.random import default_rng",
        "protocol/x.py:1: protocol is pure and may not import numpy.random.default_rng",
    ),
    "a sine": (
        "agents/x.py",
        "import math\nX = math.sin(1)",
        "agents/x.py:2: math.sin may round differently on another machine",
    ),
    "a sine by its name": (
        "agents/x.py",
        "from math import sin",
        "agents/x.py:1: math.sin may round differently on another machine",
    ),
    "a sum in blocks": (
        "protocol/x.py",
        "import numpy as np\nX = np.sum([1.0])",
        "protocol/x.py:2: np.sum may round differently on another machine",
    ),
    "linear algebra": (
        "protocol/x.py",
        "import numpy as np\nX = np.linalg.norm([1.0])",
        "protocol/x.py:2: np.linalg may round differently on another machine",
    ),
    "a matrix product": (
        "agents/x.py",
        "def f(a, b):\n    return a @ b",
        "agents/x.py:2: a matrix product may round differently on another machine",
    ),
    "a power": (
        "agents/x.py",
        "def f(x):\n    return x**2",
        "agents/x.py:2: a power may round differently on another machine; multiply instead",
    ),
    "a module that says nothing": ("agents/utils.py", "", "agents/utils.py: utils says nothing about what is in it"),
    "a package that says nothing": ("agents/common/x.py", "", "agents/common/x.py: common says nothing about what is in it"),
    "a long module": ("agents/x.py", "\n" * 501, "agents/x.py: 501 lines, more than 500"),
    "a developer's tool in the product": (
        "agents/x.py",
        "import scipy.interpolate",
        "agents/x.py:1: scipy is not among the dependencies in pyproject.toml",
    ),
    "a loose pin": ("constraints.txt", PINS + "lz4>=4", "constraints.txt:6: not name==version: lz4>=4"),
    "a requirement without a pin": (
        "constraints.txt",
        PINS.replace("scipy==1.17.1\n", ""),
        "constraints.txt: scipy>=1.13 is not met (no pin)",
    ),
    "a pin outside the range": (
        "constraints.txt",
        PINS.replace("1.17.1", "1.12.0"),
        "constraints.txt: scipy>=1.13 is not met (1.12.0)",
    ),
    "a package left out": (
        "pyproject.toml",
        PYPROJECT.replace("'cluster.*'", "'tools'"),
        "pyproject.toml: cluster.* is missing from the packages that are installed",
    ),
}


@pytest.mark.parametrize(("path", "text"), ALLOWED.values(), ids=ALLOWED.keys())
def test_what_is_in_order_passes(tree, path, text):
    assert tree({path: text}) == []


@pytest.mark.parametrize(("path", "text", "finding"), REFUSED.values(), ids=REFUSED.keys())
def test_what_breaks_a_rule_is_named_with_its_place(tree, path, text, finding):
    assert tree({path: text}) == [finding]


@pytest.mark.parametrize("module", sorted(IMPURE))
def test_no_module_with_an_effect_enters_protocol(tree, module):
    assert tree({"protocol/x.py": f"import {module}"}) == [f"protocol/x.py:1: protocol is pure and may not import {module}"]


@pytest.fixture(scope="module", autouse=True)
def _parsed_once() -> Iterator[None]:
    """Trees of all modules are a million objects, which the collector of garbage would go through again and again."""
    gc.disable()
    try:
        list(modules(ROOT))
    finally:
        gc.enable()
    yield
    module.cache_clear()


def test_imports_know_when_they_run():
    tree = ast.parse("import a\ndef f():\n    import b\n    return __import__('c.d')\nclass K:\n    from .e import g\n")

    assert imports(tree, "top.sub") == (
        Import("a", 1, on_import=True),
        Import("b", 3, on_import=False),
        Import("c.d", 4, on_import=False),
        Import("top.sub.e.g", 6, on_import=True),
    )


def test_every_package_has_modules_to_check():
    assert {module.package for module in modules(ROOT)} == MAY_IMPORT.keys() | {"tests"}


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_every_module(rule):
    assert [line for module in modules(ROOT) for line in rule(module)] == []


@pytest.mark.parametrize("rule", WHOLE_TREE_RULES, ids=lambda rule: rule.__name__)
def test_the_whole_tree(rule):
    assert list(rule(ROOT)) == []
