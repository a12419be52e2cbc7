"""The tables that a take is made with: read from files, or from a take's own journal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from agents.exchange import DirectorAgent
from configs.tables import Tables, build, read_texts
from protocol.messages import digest


@dataclass(frozen=True, slots=True)
class Loaded:
    """The tables and what they were read from.

    Attributes:
        tables: ready for use.
        texts: of every file.
        digest: of the texts.
        director: with the lexicon's patterns compiled, which takes as long as planning a beat.
    """

    tables: Tables
    texts: dict[str, str]
    digest: str
    director: DirectorAgent


@dataclass(frozen=True, slots=True)
class Texts:
    """Tables that have been read and not yet understood.

    Attributes:
        texts: of every file by its name.
        names: what to call files in errors, where they are not called by their own names.
    """

    texts: dict[str, str]
    names: Mapping[str, str]

    def load(self) -> Loaded:
        """The tables, ready for use.

        Raises:
            ConfigError: one of them is wrong.
        """
        return loaded_from(self.texts, self.names)


def read_tables(replaced: dict[str, Path] | None = None, *, prompts: bool = False) -> Texts:
    """Read the files of all tables. If some are the user's own, all are understood at once, to find out whether they are right.

    Args:
        replaced: the user's own, by the name of the table that they stand for.
        prompts: with what language models are told.

    Raises:
        ConfigError: one of them is wrong.
    """
    found = Texts(read_texts(replaced, prompts=prompts), {name: str(path) for name, path in (replaced or {}).items()})
    if replaced:
        found.load()
    return found


def load(replaced: dict[str, Path] | None = None, *, prompts: bool = False) -> Loaded:
    """Read all tables; see `read_tables`.

    Raises:
        ConfigError: one of them is wrong.
    """
    return Texts(read_texts(replaced, prompts=prompts), {name: str(path) for name, path in (replaced or {}).items()}).load()


def loaded_from(texts: dict[str, str], names: Mapping[str, str] | None = None) -> Loaded:
    """The tables in these texts.

    Args:
        texts: of every file by its name.
        names: what to call files in errors, where they are not called by their own names.

    Raises:
        ConfigError: one of them is wrong.
    """
    from agents.director.agent import LexiconDirector  # noqa: PLC0415 - takes half of the loading

    tables = build(texts, dict(names or {}))
    return Loaded(tables, texts, digest(texts), LexiconDirector(tables))
