"""Reading tables: YAML in, a validated model out, and errors that name file, line, key and expectation.

Rules
- A table is text. Whoever has the text needs no file: a take's journal carries the texts, and everything is built from them.
- Scalars follow YAML 1.2's core schema, so that `no`, `on`, `off`, `yes` and `1:30` are words and only `true` and `false` are
  truth values. Infinity and NaN have no spelling. Keys are always text, as written.
- Tags and merge keys are refused, and so is a key that is given twice: it would silently hide the first.
- Size, depth and the number of nodes after aliases are expanded are bounded before anything is built.
- Models are validated strictly: text is no number and a number no text; a whole number is fine where a float is due.
"""

from __future__ import annotations

import difflib
import json
import math
import re

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from types import UnionType
from typing import Annotated, Any, TypeVar, Union, get_args, get_origin

import yaml

from pydantic import AfterValidator, BaseModel, ValidationError

from protocol.channels import CHANNELS, both_sides

T = TypeVar("T", bound=BaseModel)

MAX_BYTES = 2 * 1024 * 1024
"""The largest table that is read. A lexicon of 10,000 entries is about half of it."""
MAX_NODES = 200_000
"""The most scalars, lists and mappings in one table, each use of an alias counted in full."""
MAX_DEPTH = 32

_INT = re.compile(r"[-+]?[0-9]{1,18}")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NUMBERS_BEGIN = frozenset("+-.0123456789")
_WORDS: dict[str, bool | None] = {
    **dict.fromkeys(("", "~", "null", "Null", "NULL")),
    **dict.fromkeys(("true", "True", "TRUE"), True),
    **dict.fromkeys(("false", "False", "FALSE"), False),
}
_YAML_WORDS = {
    "Input should": "must",
    "a valid ": "a ",
    "an object": "a mapping",
    "a valid array": "a list",
    "a valid integer": "an integer",
}
_IN_YAML_WORDS = re.compile("|".join(sorted(_YAML_WORDS, key=len, reverse=True)))
# libyaml's parser where PyYAML was built with it: ten times faster, the same events.
_PARSER: Any = getattr(yaml, "CBaseLoader", yaml.BaseLoader)


class ConfigError(Exception):
    """A table that cannot be used. The message names the file, and where known line, key and what was expected."""


class EntryError(ValueError):
    """Raised by the validator of a model that knows which of the entries below it is wrong.

    Args:
        path: keys and indices from the model that is validated down to the entry.
        said: what is wrong with it.
    """

    def __init__(self, path: tuple[str | int, ...], said: str) -> None:
        super().__init__(said)
        self.path = path


@dataclass(slots=True)
class _Node:
    """A value of the file with its place; `children` holds (line of the key or item, value)."""

    line: int
    value: object = None
    children: dict[str, tuple[int, _Node]] | list[tuple[int, _Node]] | None = None


@dataclass(slots=True)
class _Open:
    """A list or mapping that is still being read."""

    node: _Node
    anchor: str | None
    key: tuple[int, str] | None = field(default=None)


def builtin(name: str) -> Path:
    """The path of a table that comes with the program, such as `emotions.yaml`."""
    return Path(__file__).parent / name


def read_text(path: Path) -> str:
    """The text of a table as the journal keeps it: UTF-8 without byte order mark, lines ended by a line feed.

    Raises:
        ConfigError: the file cannot be read, is larger than `MAX_BYTES` or is not UTF-8.
    """
    name = _shown(path)
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as error:
        raise ConfigError(f"{name}: cannot be read: {error.strerror or error}") from error
    _check_size(name, len(data))
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError(f"{name}:{line}: not UTF-8 text; save the file in that encoding") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def load_yaml_model(path: Path, model: type[T]) -> T:
    """Read a YAML file into a model.

    Raises:
        ConfigError: the file cannot be read, is not YAML within the bounds of this module, or does not fit the model.
    """
    return parse_yaml_model(read_text(path), _shown(path), model)


def parse_yaml_model(text: str, name: str, model: type[T], context: object = None) -> T:
    """Read YAML text into a model, without any file.

    Args:
        text: the table.
        name: what error messages call it, such as `configs/emotions.yaml`.
        model: what it has to be; validated strictly whatever its own configuration says.
        context: what the model's validators need beside the text, such as another table that this one refers to.

    Raises:
        ConfigError: not YAML within the bounds of this module, or it does not fit the model. Of several errors the first
            in the order of the file is shown, with the number of the others.
    """
    try:
        size = len(text.encode())
    except UnicodeEncodeError as error:
        line = text.count("\n", 0, error.start) + 1
        raise ConfigError(f"{name}:{line}: half of a surrogate pair, which is no character") from error
    _check_size(name, size)
    root = _compose(text, name)
    if root is None:
        raise ConfigError(f"{name}:1: the file is empty")
    data = json.dumps(_plain(root, name))
    try:
        # JSON's rules are the right strictness for a text format: a list may fill a tuple, text an enumeration.
        return model.model_validate_json(data, strict=True, context=context)
    except ValidationError as error:
        problems = [dict(problem) for problem in error.errors(include_url=False)]
        # On one line a wrong key before a missing one: the second is mostly the first, misspelt.
        problems.sort(key=lambda problem: problem["type"] == "missing")
        found = sorted((_located(root, model, problem) for problem in problems), key=lambda item: item[0])
        line, said = found[0]
        more = len(found) - 1
        rest = f" (and {more} more error{'s' if more > 1 else ''} in this file)" if more else ""
        raise ConfigError(f"{name}:{line}: {said}{rest}") from error


def channel_name(name: str) -> str:
    """A name that stands for one channel, or for a pair of them when it leaves the side out.

    Raises:
        ValueError: there is no such channel, or it is derived from others and cannot be set.
    """
    channels = both_sides(name)
    if not channels:
        known = {part for channel in CHANNELS.values() if not channel.derived for part in (channel.name, channel.stem)}
        raise ValueError(f"not a channel{did_you_mean(name, known)}")
    if CHANNELS[channels[0]].derived:
        raise ValueError("a channel that is computed from the eye angles; set eyeYaw or eyePitch instead")
    return name


ChannelName = Annotated[str, AfterValidator(channel_name)]
"""A key or value of a table that has to be a channel's name, with or without its side."""


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """`; did you mean X?` for the known word most like this one, or nothing when none is near.

    >>> did_you_mean("mouthSmil", ["mouthSmile", "mouthClose"])
    '; did you mean mouthSmile?'
    """
    near = difflib.get_close_matches(word, sorted(set(known)), n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ""


def _shown(path: Path) -> str:
    """Tables of the program by their place in it, others as they were given."""
    package = Path(__file__).parent
    return f"configs/{path.relative_to(package).as_posix()}" if path.is_relative_to(package) else str(path)


def _check_size(name: str, size: int) -> None:
    if size > MAX_BYTES:
        raise ConfigError(f"{name}: larger than {MAX_BYTES // 1024} KiB, which no table needs; split it or leave entries out")


def _compose(text: str, name: str) -> _Node | None:
    """The tree of a document; None when there is none.

    Built from events rather than by PyYAML's composer, which recurses as deep as the file says and keeps one of two equal
    keys.
    """
    anchors: dict[str, _Node] = {}
    stack: list[_Open] = []
    root: _Node | None = None
    nodes = 0
    for event in _events(text, name):
        line = event.start_mark.line + 1
        if isinstance(event, yaml.CollectionEndEvent):
            done = stack.pop()
            if done.anchor is not None:
                anchors[done.anchor] = done.node
            continue
        if isinstance(event, yaml.DocumentStartEvent) and root is not None:
            raise ConfigError(f"{name}:{line}: a second document; a table is one document")
        if not isinstance(event, yaml.NodeEvent):
            continue
        nodes += 1
        if nodes > MAX_NODES:
            raise _too_many(name, line)
        node = _node_of(event, line, name, anchors)
        if not stack:
            root = node
        else:
            _attach(stack[-1], node, event, line, name)
        if isinstance(event, yaml.CollectionStartEvent):
            if len(stack) == MAX_DEPTH:
                raise ConfigError(f"{name}:{line}: nested deeper than {MAX_DEPTH} levels")
            stack.append(_Open(node, event.anchor))
    return root


def _events(text: str, name: str) -> Iterator[Any]:
    try:
        yield from yaml.parse(text, Loader=_PARSER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = error.problem or error.context or "malformed"
        raise ConfigError(f"{name}:{mark.line + 1 if mark else 1}: not YAML: {said}") from error
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, max(error.position, 0)) + 1
        raise ConfigError(f"{name}:{line}: not YAML: {error.reason}") from error


def _node_of(event: Any, line: int, name: str, anchors: dict[str, _Node]) -> _Node:
    if isinstance(event, yaml.AliasEvent):
        # An anchor is known once what it names is complete, so that nothing can contain itself.
        if event.anchor not in anchors:
            raise ConfigError(f"{name}:{line}: alias *{event.anchor} stands before or inside what it names")
        return anchors[event.anchor]
    if event.tag is not None:
        raise ConfigError(f"{name}:{line}: tag {event.tag} is not allowed; write the plain value")
    if isinstance(event, yaml.ScalarEvent):
        node = _Node(line, _scalar(event.value) if event.implicit[0] else event.value)
        if event.anchor is not None:
            anchors[event.anchor] = node
        return node
    return _Node(line, children={} if isinstance(event, yaml.MappingStartEvent) else [])


def _attach(into: _Open, node: _Node, event: Any, line: int, name: str) -> None:
    children = into.node.children
    if isinstance(children, list):
        children.append((line, node))
    elif isinstance(children, dict):
        if into.key is not None:
            key_line, key = into.key
            children[key] = (key_line, node)
            into.key = None
            return
        if not isinstance(event, yaml.ScalarEvent):
            raise ConfigError(f"{name}:{line}: a key has to be text")
        if event.value == "<<" and event.implicit[0]:
            raise ConfigError(f"{name}:{line}: merge keys are not supported; write the keys out")
        if event.value in children:
            first = children[event.value][0]
            raise ConfigError(f"{name}:{line}: {_quoted(event.value)}: given twice, first on line {first}; keep one of them")
        into.key = (line, event.value)


def _scalar(text: str) -> object:
    """A plain scalar by YAML 1.2's core schema."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] not in _NUMBERS_BEGIN:
        return text
    if _INT.fullmatch(text):
        return int(text)
    if _FLOAT.fullmatch(text):
        number = float(text)
        if math.isfinite(number):
            return number
    return text


def _plain(root: _Node, name: str) -> object:
    """The tree as dictionaries, lists and scalars, with aliases expanded."""
    left = MAX_NODES

    def build(node: _Node, depth: int) -> object:
        nonlocal left
        left -= 1
        if left < 0:
            raise _too_many(name, node.line)
        if depth > MAX_DEPTH:  # an alias can reach deeper than the text does
            raise ConfigError(f"{name}:{node.line}: nested deeper than {MAX_DEPTH} levels")
        if isinstance(node.children, dict):
            return {key: build(child, depth + 1) for key, (_, child) in node.children.items()}
        if isinstance(node.children, list):
            return [build(child, depth + 1) for _, child in node.children]
        return node.value

    return build(root, 0)


def _too_many(name: str, line: int) -> ConfigError:
    return ConfigError(f"{name}:{line}: more than {MAX_NODES:,} values, aliases expanded; split the table")


def _located(root: _Node, model: type[BaseModel], problem: dict[str, Any]) -> tuple[int, str]:
    """Line and message (`key.path: what was expected`) of one of pydantic's errors."""
    node, line, path = root, root.line, ""
    cause = problem.get("ctx", {}).get("error")
    for step in (*problem["loc"], *(cause.path if isinstance(cause, EntryError) else ())):
        if isinstance(node.children, dict) and str(step) in node.children:
            line, node = node.children[str(step)]
            path += f".{_quoted(step)}" if path else _quoted(step)
        elif isinstance(node.children, list) and isinstance(step, int) and step < len(node.children):
            line, node = node.children[step]
            path += f"[{step}]"
        elif problem["type"] == "missing" and step == problem["loc"][-1]:
            path += f".{step}" if path else f"{step}"
        # else pydantic's own step: the branch of a union, "[key]"
    return line, f"{path}: {_expectation(problem, _parents_keys(problem, model))}" if path else _expectation(problem, [])


def _expectation(problem: dict[str, Any], known: list[str]) -> str:
    kind = problem["type"]
    if kind == "missing":
        return "missing; this key is required"
    if kind == "extra_forbidden":
        expected = f"; expected one of {', '.join(known)}" if 0 < len(known) <= 12 else ""
        return f"not a known key{did_you_mean(str(problem['loc'][-1]), known) or expected}"
    if kind in {"value_error", "assertion_error"}:
        return str(problem["ctx"]["error"])
    said = _IN_YAML_WORDS.sub(lambda match: _YAML_WORDS[match[0]], str(problem["msg"]))
    given = problem["input"]
    if isinstance(given, dict | list):
        return said + (", not a mapping" if isinstance(given, dict) else ", not a list")
    return f"{said}, not {json.dumps(_cut(given) if isinstance(given, str) else given, default=str)}"


def _quoted(step: object) -> str:
    """A key as it is, or escaped and cut where it would spoil a line."""
    text = _cut(str(step))
    return text if text.isprintable() and text else json.dumps(text)


def _cut(text: str) -> str:
    return text if len(text) <= 60 else text[:57] + "..."


def _parents_keys(problem: dict[str, Any], model: type[BaseModel]) -> list[str]:
    """The keys that are known beside the one that the problem is about."""
    kinds: list[Any] = [model]
    for step in problem["loc"][:-1]:
        kinds = list(_kinds_below(kinds, step)) or kinds
    names = [info.alias or key for kind in _models(kinds) for key, info in kind.model_fields.items()]
    return list(dict.fromkeys(names))


def _models(kinds: Iterable[Any]) -> Iterator[type[BaseModel]]:
    """The models among annotations and the branches of their unions."""
    for kind in kinds:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            yield kind
        else:
            yield from _models(part for part in get_args(kind) if part is not Ellipsis)


def _kinds_below(kinds: Iterable[Any], step: object) -> Iterator[Any]:
    """What may stand below annotations at a field, a key or an index."""
    for kind in kinds:
        if isinstance(kind, type) and issubclass(kind, BaseModel):
            for key, info in kind.model_fields.items():
                if step in (info.alias or key, key, "root") or key == "root":
                    yield info.annotation
        elif get_origin(kind) in (Union, UnionType, Annotated):
            yield from _kinds_below(get_args(kind), step)
        else:  # list[X], tuple[X, ...], dict[str, X]
            yield from (part for part in get_args(kind) if part is not Ellipsis)
