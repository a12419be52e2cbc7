"""The rules that the tree keeps: who may import whom, what stays pure, how large a module gets, what is declared.

The tables say what is allowed; the functions read a tree without importing anything of it, so they can be tried on made-up
trees as well as on this repository.
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

MAY_IMPORT: Mapping[str, frozenset[str]] = {
    "protocol": frozenset(),
    "configs": frozenset({"protocol"}),
    "agents": frozenset({"protocol", "configs"}),
    "renderer": frozenset({"protocol", "configs"}),
    "runtime": frozenset({"protocol", "configs", "agents", "renderer"}),
    "cluster": frozenset({"protocol", "configs", "agents", "renderer", "runtime"}),
}
"""Every package of ours, and the others that it may know."""

HEAVY = frozenset({"ray", "torch", "diffusers", "autogen_agentchat", "autogen_core", "autogen_ext", "openai"})
"""Imported where they are used, never while a module is being imported: `--help` and `replay` stay instant."""

MADE_OF_HEAVY: Mapping[str, frozenset[str]] = {
    "agents/thinking/asking": frozenset({"autogen_agentchat", "autogen_core", "autogen_ext", "openai"}),
    "renderer/puppet": frozenset({"torch"}),
}
"""Folders that consist of a heavy package's work: they import it openly, and are imported where they are used."""

IMPURE = frozenset(
    "asyncio concurrent datetime fileinput glob http io multiprocessing mmap os pathlib random sched secrets select selectors "
    "shutil signal socket socketserver ssl subprocess tempfile threading time urllib uuid".split()
)
"""Files, clock, chance, network and processes: `protocol` is handed what it needs of them."""

IMPURE_ALLOWED: Mapping[str, frozenset[str]] = {
    "protocol/journal.py": frozenset({"io"}),
    "protocol/journal_file.py": frozenset({"io"}),
    "protocol/checking/__main__.py": frozenset({"os", "pathlib", "time"}),
}
"""The journal reads and writes a binary stream that it is given; opening one is still not its business. The command that has
the machines explored shows how far it is, and saves what it finds."""

IMPURE_CALLS = frozenset({"open", "input", "print"})

ROUNDS_DIFFERENTLY = frozenset(
    "sin cos tan asin acos atan atan2 arcsin arccos arctan arctan2 sinh cosh tanh exp exp2 expm1 log log2 log10 log1p pow "
    "power float_power hypot cbrt gamma lgamma erf interp dot vdot inner matmul einsum tensordot convolve correlate polyfit "
    "trapezoid sum nansum mean nanmean average std var fsum".split()
)
"""Functions of `math` and `numpy` whose last bit depends on the processor or a library's version: none may shape a motion."""

SAME_ON_ALL_MACHINES = frozenset({"protocol", "configs", "agents"})
"""The packages that a motion is made in."""

SAYS_NOTHING = frozenset({"utils", "helpers", "common", "misc"})
MOST_LINES = 500
DECLARED_AS: Mapping[str, str] = {"yaml": "PyYAML", "PIL": "pillow", "cv2": "opencv-python-headless", "rerun": "rerun-sdk"}
"""Distributions that are called otherwise than the module that they bring."""


@dataclass(frozen=True)
class Import:
    """One imported name, written out in full.

    Attributes:
        name: dotted, such as `agents.director.lexicon`.
        line: where it stands.
        on_import: whether it runs as soon as the module is imported.
    """

    name: str
    line: int
    on_import: bool

    @property
    def top(self) -> str:
        return self.name.partition(".")[0]


@dataclass(frozen=True)
class Module:
    """A module of the tree, parsed but not run."""

    path: str
    text: str
    tree: ast.Module
    imports: tuple[Import, ...]

    @property
    def package(self) -> str:
        return self.path.partition("/")[0]


@dataclass(frozen=True)
class Project:
    """What pyproject.toml declares.

    Attributes:
        packages: patterns of the packages that are installed.
        needed: canonical names of the distributions that the product may import, those of its extras included.
        requirements: all of them, with the developers' own.
    """

    packages: frozenset[str]
    needed: frozenset[str]
    requirements: tuple[Requirement, ...]


def _names(node: ast.AST, here: str) -> list[str]:
    """What a statement or a call imports; `here` is the dotted package of its module, for relative imports."""
    match node:
        case ast.Import(names=names):
            return [alias.name for alias in names]
        case ast.ImportFrom(module=module, names=names, level=level):
            parts = here.split(".")
            base = ".".join([*parts[: len(parts) - level + 1], *([module] if module else [])]) if level else module or ""
            return [f"{base}.{alias.name}" for alias in names]
        case ast.Call(func=ast.Name(id="import_module" | "__import__"), args=[ast.Constant(value=str(name)), *_]):
            return [name]
        case ast.Call(func=ast.Attribute(attr="import_module"), args=[ast.Constant(value=str(name)), *_]):
            return [name]
    return []


def _only_for_types(test: ast.expr) -> bool:
    return ast.unparse(test) in {"TYPE_CHECKING", "typing.TYPE_CHECKING"}


def imports(tree: ast.Module, here: str) -> tuple[Import, ...]:
    """All imports of a module, also those inside functions and those that only type checkers follow.

    Args:
        tree: the parsed module.
        here: the dotted package that it lies in.
    """
    found: list[Import] = []

    def visit(node: ast.AST, on_import: bool) -> None:
        if isinstance(node, ast.Import | ast.ImportFrom | ast.Call):  # of a million nodes of all modules few are
            found.extend(Import(name, node.lineno, on_import) for name in _names(node, here))
        if isinstance(node, ast.If) and _only_for_types(node.test):
            for statement in node.body:
                visit(statement, False)
            for statement in node.orelse:
                visit(statement, on_import)
            return
        deferred = isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda)
        for child in ast.iter_child_nodes(node):
            visit(child, on_import and not deferred)

    visit(tree, True)
    return tuple(found)


def modules(root: Path) -> Iterator[Module]:
    """Every module of our packages and of the tests, in order of path."""
    for folder in sorted([*MAY_IMPORT, "tests"]):
        for file in sorted((root / folder).rglob("*.py")):
            yield module(file.relative_to(root), file.read_text(encoding="utf-8"))


@cache
def module(path: Path, text: str) -> Module:
    """A module, which is parsed once for all rules."""
    tree = ast.parse(text, filename=str(path))
    return Module(path.as_posix(), text, tree, imports(tree, ".".join(path.parent.parts)))


def project(root: Path) -> Project:
    """What the tree's pyproject.toml declares."""
    data = tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))
    extras = data["project"].get("optional-dependencies", {})
    needed = [*data["project"]["dependencies"], *(line for name, lines in extras.items() if name != "dev" for line in lines)]
    return Project(
        packages=frozenset(data["tool"]["setuptools"]["packages"]["find"]["include"]),
        needed=frozenset(canonicalize_name(Requirement(line).name) for line in needed),
        requirements=tuple(Requirement(line) for line in (*needed, *extras.get("dev", ()))),
    )


def keeps_to_its_packages(module: Module) -> Iterator[str]:
    if module.package in MAY_IMPORT:
        allowed = MAY_IMPORT[module.package] | {module.package}
        for found in module.imports:
            if found.top in MAY_IMPORT.keys() | {"tests"} and found.top not in allowed:
                yield f"{module.path}:{found.line}: {module.package} may not import {found.top}"


def starts_light(module: Module) -> Iterator[str]:
    folder = module.path.rpartition("/")[0]
    openly = MADE_OF_HEAVY.get(folder, frozenset())
    for found in module.imports:
        heavy = next((place for place in MADE_OF_HEAVY if f"{found.name}.".startswith(place.replace("/", ".") + ".")), folder)
        if heavy != folder and found.on_import and module.package in MAY_IMPORT:
            yield f"{module.path}:{found.line}: {found.name} is heavy; import it in the function that uses it"
        if found.top in openly:
            continue
        if found.top in HEAVY and module.package == "protocol":
            yield f"{module.path}:{found.line}: protocol never imports {found.top}"
        elif found.top in HEAVY and found.on_import and module.package in MAY_IMPORT:
            yield f"{module.path}:{found.line}: {found.top} is heavy; import it in the function that uses it"


def stays_pure(module: Module) -> Iterator[str]:
    if module.package != "protocol":
        return
    allowed = IMPURE_ALLOWED.get(module.path, frozenset())
    for found in module.imports:
        if found.top in IMPURE - allowed or found.name.startswith("numpy.random"):
            yield f"{module.path}:{found.line}: protocol is pure and may not import {found.name}"
    for node in ast.walk(module.tree):
        match node:
            case ast.Call(func=ast.Name(id=name)) if name in IMPURE_CALLS:
                yield f"{module.path}:{node.lineno}: protocol is pure and may not call {name}"
            case ast.Attribute(value=ast.Name(id="np" | "numpy"), attr="random"):
                yield f"{module.path}:{node.lineno}: protocol is pure and may not draw from numpy.random"
            case ast.Attribute(value=ast.Name(id="io"), attr="open" | "open_code" | "FileIO" as name):
                yield f"{module.path}:{node.lineno}: protocol is pure and may not call io.{name}"
            case ast.Global():
                yield f"{module.path}:{node.lineno}: protocol is pure and may not change a global"


def _is_whole(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and isinstance(node.value, int)


def rounds_alike_everywhere(module: Module) -> Iterator[str]:
    if module.package not in SAME_ON_ALL_MACHINES:
        return
    for found in module.imports:
        library, _, name = found.name.rpartition(".")
        if (library in {"math", "numpy"} and name in ROUNDS_DIFFERENTLY) or found.name.startswith("numpy.linalg"):
            yield f"{module.path}:{found.line}: {found.name} may round differently on another machine"
    for node in ast.walk(module.tree):
        match node:
            case ast.Attribute(value=ast.Name(id="np" | "numpy" | "math" as library), attr=name) if name in (
                ROUNDS_DIFFERENTLY | {"linalg"}
            ):
                yield f"{module.path}:{node.lineno}: {library}.{name} may round differently on another machine"
            case ast.BinOp(op=ast.MatMult()) | ast.AugAssign(op=ast.MatMult()):
                yield f"{module.path}:{node.lineno}: a matrix product may round differently on another machine"
            case ast.BinOp(op=ast.Pow(), left=base, right=exponent) if not (_is_whole(base) and _is_whole(exponent)):
                yield f"{module.path}:{node.lineno}: a power may round differently on another machine; multiply instead"


def is_named_for_its_job(module: Module) -> Iterator[str]:
    for part in module.path.removesuffix(".py").split("/"):
        if part in SAYS_NOTHING:
            yield f"{module.path}: {part} says nothing about what is in it"


def can_be_read_in_one_go(module: Module) -> Iterator[str]:
    lines = len(module.text.splitlines())
    if lines > MOST_LINES:
        yield f"{module.path}: {lines} lines, more than {MOST_LINES}"


RULES: tuple[Callable[[Module], Iterator[str]], ...] = (
    keeps_to_its_packages,
    starts_light,
    stays_pure,
    rounds_alike_everywhere,
    is_named_for_its_job,
    can_be_read_in_one_go,
)


def imports_only_what_is_declared(root: Path) -> Iterator[str]:
    """Packages that the product imports and a user's installation would lack, such as the developers' own tools."""
    declared = project(root).needed
    for module in modules(root):
        for found in module.imports:
            if module.package not in MAY_IMPORT or found.top in MAY_IMPORT.keys() | sys.stdlib_module_names | {"tests"}:
                continue
            if canonicalize_name(DECLARED_AS.get(found.top, found.top)) not in declared:
                yield f"{module.path}:{found.line}: {found.top} is not among the dependencies in pyproject.toml"


def every_package_is_installed(root: Path) -> Iterator[str]:
    installed = project(root).packages
    for package in MAY_IMPORT:
        for pattern in (package, f"{package}.*"):
            if pattern not in installed:
                yield f"pyproject.toml: {pattern} is missing from the packages that are installed"


def every_requirement_is_pinned(root: Path) -> Iterator[str]:
    """Constraints that are not one exact version a line, and requirements that none of them meets."""
    pins: dict[str, str] = {}
    for number, line in enumerate((root / "constraints.txt").read_text(encoding="utf-8").splitlines(), 1):
        if match := re.fullmatch(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.+!]+)", line):
            pins[canonicalize_name(match[1])] = match[2]
        else:
            yield f"constraints.txt:{number}: not name==version: {line}"
    for requirement in project(root).requirements:
        pin = pins.get(canonicalize_name(requirement.name))
        if pin is None or not requirement.specifier.contains(pin, prereleases=True):
            yield f"constraints.txt: {requirement} is not met ({pin or 'no pin'})"


WHOLE_TREE_RULES: tuple[Callable[[Path], Iterator[str]], ...] = (
    imports_only_what_is_declared,
    every_package_is_installed,
    every_requirement_is_pinned,
)


def findings(root: Path) -> list[str]:
    """Every place where a tree breaks a rule, as `path:line: what is wrong`."""
    found = [line for module in modules(root) for rule in RULES for line in rule(module)]
    return found + [line for rule in WHOLE_TREE_RULES for line in rule(root)]
