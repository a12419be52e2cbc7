"""Small wheels, a catalogue of what they hold, and a pip that needs no network."""

from __future__ import annotations

import hashlib
import threading
import zipfile

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from configs.models import ModelCatalogue, ModelFile, Package
from renderer.weights import Finished

CONTENTS = {"face": b"a face " * 500, "eye": b"an eye " * 300}
PICTURE = b"a picture " * 100


def entry(content: bytes, file: str, kind: str = "model") -> ModelFile:
    """What a catalogue says of a file with this content."""
    made: dict[str, Any] = {"kind": kind, "about": f"about {file}", "licence": "CC0-1.0", "source": "made up"}
    made |= {"file": file, "member": f"inside/{file}", "sha256": hashlib.sha256(content).hexdigest(), "bytes": len(content)}
    return ModelFile(**made)


def package(requirement: str, files: Mapping[str, ModelFile]) -> Package:
    """A package that holds these files."""
    tags: dict[str, Any] = {"python": "3.11", "implementation": "cp", "abi": "cp311", "platform": "any", "bytes": 10_000}
    return Package(requirement=requirement, files=dict(files), **tags)


def catalogue(picture: bytes = PICTURE) -> ModelCatalogue:
    """Two models in one package and a picture in another."""
    models = {name: entry(content, f"{name}.tflite") for name, content in CONTENTS.items()}
    pictures = {"sample_portrait": entry(picture, "sample.png", "picture")}
    return ModelCatalogue(packages=(package("models==1.0", models), package("pictures==2.0", pictures)))


def members(picture: bytes = PICTURE) -> dict[str, dict[str, bytes]]:
    """What the right wheel of each requirement holds."""
    models = {f"inside/{name}.tflite": content for name, content in CONTENTS.items()}
    return {
        "models==1.0": {"models/__init__.py": b"raise SystemExit", **models},
        "pictures==2.0": {"inside/sample.png": picture},
    }


def wheel(path: Path, held: Mapping[str, bytes]) -> Path:
    """A wheel that holds these members."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in held.items():
            archive.writestr(name, content)
    return path


@dataclass
class FakePip:
    """Puts wheels where pip would, or fails as it does; keeps the commands that it was given.

    Attributes:
        held: the members of the wheel of each requirement.
        failure: what it says instead, ending with code 1.
        meet: downloads wait here until as many are under way as it is for.
        during: called while a download is under way, with the folder that it works in.
    """

    held: dict[str, dict[str, bytes]] = field(default_factory=members)
    failure: str = ""
    meet: threading.Barrier | None = None
    during: Callable[[Path], None] = lambda folder: None
    commands: list[list[str]] = field(default_factory=list)

    def __call__(self, command: Sequence[str], folder: Path, tick: Callable[[], None]) -> Finished:
        """Stand in for `renderer.weights.run_program`."""
        self.commands.append(list(command))
        if self.failure:
            return Finished(1, self.failure)
        target = Path(command[command.index("--dest") + 1])
        wheel(target / f"{command[-1].replace('==', '-')}-any.whl", self.held[command[-1]])
        self.during(folder)
        tick()
        if self.meet is not None:
            self.meet.wait(10)
        return Finished(0, "")
