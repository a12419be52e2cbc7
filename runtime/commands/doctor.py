"""`textuportray doctor`: what is installed, what is missing, and how to get it."""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import sys

from dataclasses import asdict, dataclass
from importlib import metadata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from runtime.cli import Stopper

EXAMPLES = """example:
  textuportray doctor

Exit code 1 if something that the program needs is missing or does not fit."""


@dataclass(frozen=True, slots=True)
class Part:
    """Something the program uses.

    Attributes:
        name: of the package or of what is looked at.
        found: version or finding; None if it is missing.
        advice: what to do; empty if all is well.
        needed: whether the program cannot do without it.
    """

    name: str
    found: str | None
    advice: str = ""
    needed: bool = True


def describe(parser: argparse.ArgumentParser) -> None:
    """Add the command's arguments."""
    parser.add_argument("--json", action="store_true", help="print the findings as JSON")


def run(options: argparse.Namespace, stopper: Stopper) -> int:
    """Look at everything and say so."""
    parts = [_python(), *_packages(), _tables(), _machine()]
    if options.json:
        print(json.dumps([asdict(part) for part in parts]))
    else:
        width = max(len(part.name) for part in parts) + 2
        for part in parts:
            state = "ok" if not part.advice else ("MISSING" if part.needed else "absent")
            advice = f"  {part.advice}" if part.advice else ""
            print(f"{state:<9}{part.name:<{width}}{part.found or '-'}{advice}")
    return 1 if any(part.needed and part.advice for part in parts) else 0


def _python() -> Part:
    fits = sys.version_info >= (3, 11)
    advice = "" if fits else "install Python 3.11 or newer and set up the environment anew (make env)"
    return Part("python", platform.python_version(), advice)


def _packages() -> list[Part]:
    """Every requirement of the installed program, with those of its extras marked as optional."""
    try:
        own = metadata.distribution("textuportray")
    except metadata.PackageNotFoundError:
        return [Part("textuportray", None, "install it with: pip install -c constraints.txt -e .")]
    parts = [Part("textuportray", own.version)]
    for requirement in own.requires or ():
        match = re.match(r"([A-Za-z0-9._-]+)", requirement)
        if match is None:
            continue
        name = match.group(1)
        extra = re.search(r"extra\s*==\s*['\"]([^'\"]+)", requirement)
        try:
            parts.append(Part(name, metadata.version(name), needed=extra is None))
        except metadata.PackageNotFoundError:
            target = f".[{extra.group(1)}]" if extra else "."
            parts.append(Part(name, None, f"pip install -c constraints.txt -e '{target}'", needed=extra is None))
    return parts


def _tables() -> Part:
    from configs.loading import ConfigError
    from configs.tables import FILES, build, read_texts

    try:
        tables = build(read_texts())
    except ConfigError as error:
        return Part("tables", None, str(error))
    found = f"{len(FILES)} files, {len(tables.gestures.gestures)} gestures, {len(tables.emotions.states)} states"
    return Part("tables", found)


def _machine() -> Part:
    return Part("machine", f"{os.cpu_count()} processors, {platform.system()} {platform.machine()}")
