"""`textuportray doctor`: what is installed, what is missing, and how to get it."""

from __future__ import annotations

import argparse
import json
import os
import platform
import re
import sys

from collections.abc import Mapping
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
    parts = [_python(), *_packages(), _tables(), _models(), _language_model(os.environ), _device(), _encoder(), _machine()]
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
        tables = build(read_texts(prompts=True))
    except ConfigError as error:
        return Part("tables", None, str(error))
    found = f"{len(FILES)} files, {len(tables.gestures.gestures)} gestures, {len(tables.emotions.states)} states"
    return Part("tables", found)


def _models() -> Part:
    """The files that a portrait is read with; what is missing is fetched when it is needed, so that is no failure."""
    from renderer.errors import RendererError
    from renderer.weights import State, open_weights

    fetch = "textuportray models pull (or they are fetched when they are first needed)"
    try:
        weights = open_weights(os.environ)
        states = {each.name: each.state for each in weights.status(weights.catalogue.names("model"))}
    except RendererError as error:
        return Part("models", None, str(error), needed=False)
    lacking = [f"{name} is {state}" for name, state in states.items() if state is not State.READY]
    found = f"{len(states) - len(lacking)} of {len(states)} in {weights.folder}"
    if not lacking:
        return Part("models", found)
    return Part("models", found if len(lacking) < len(states) else None, f"{', '.join(lacking)}: {fetch}", needed=False)


def _language_model(environment: Mapping[str, str]) -> Part:
    """What the environment says for `--planner llm`; nobody is asked. Of the key only where it is, never what it is."""
    from runtime.language_options import BASE_URLS, MODEL
    from runtime.planners import KEYS
    from runtime.urls import shown

    key = next((f"key in {name}" for name in KEYS if environment.get(name)), "no key")
    url = next((environment[name] for name in BASE_URLS if environment.get(name)), "")
    model = environment.get(MODEL, "")
    lacking = [name for name, value in ((MODEL, model), (BASE_URLS[0], url)) if not value]
    found = [model or "no model", f"at {shown(url)}" if url else "no server", key]
    if not lacking:
        return Part("language model", ", ".join(found))
    advice = f"for --planner llm set {' and '.join(lacking)}, or give its options"
    return Part("language model", ", ".join(found) if model or url or key != "no key" else None, advice, needed=False)


def _device() -> Part:
    """Where frames are computed."""
    try:
        import torch
    except Exception as error:  # noqa: BLE001 - a library that it is built with may be missing, too
        return Part("device", None, f"torch cannot be loaded ({str(error).splitlines()[0][:120]}); install it anew (make env)")
    if torch.cuda.is_available():
        return Part("device", f"cuda: {torch.cuda.get_device_name()}")
    return Part("device", f"cpu, {torch.get_num_threads()} threads; no CUDA device that torch {torch.__version__} can use")


def _encoder() -> Part:
    """What videos are written with."""
    try:
        import av

        from renderer.video_encoding import OPAQUE, TRANSPARENT

        wanted = sorted({coding.codec for coding in (*OPAQUE.values(), *TRANSPARENT.values())})
        lacking = [name for name in wanted if name not in av.codecs_available]
    except Exception as error:  # noqa: BLE001 - a library that it is built with may be missing, too
        return Part("encoder", None, f"av cannot be loaded ({str(error).splitlines()[0][:120]}); install it anew (make env)")
    if lacking:
        return Part("encoder", None, f"the ffmpeg in av lacks {', '.join(lacking)}; install av from its wheel (make env)")
    return Part(
        "encoder", f"{', '.join(wanted)} of ffmpeg's libavcodec {'.'.join(map(str, av.library_versions['libavcodec']))}"
    )


def _machine() -> Part:
    return Part("machine", f"{os.cpu_count()} processors, {platform.system()} {platform.machine()}")
