"""All tables of a take, built from their texts alone.

The texts travel in the journal (`TakeOpened.configuration`), so a take is replayed and resumed with the tables that it was
made with, whatever lies on disk by then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from configs.emotions import EmotionTable, load_emotions
from configs.gestures import Behaviour, Catalogue
from configs.lexicon import FILES as LEXICON
from configs.lexicon import Lexicon, load_lexicon
from configs.loading import builtin, parse_yaml_model, read_text
from protocol.constraints import Constraints
from protocol.rules import RuleSet

FILES: tuple[str, ...] = (
    "constraints.yaml",
    "gestures.yaml",
    "behaviour.yaml",
    "action_units.yaml",
    "emotions.yaml",
    *(f"lexicon/{name}.yaml" for name in LEXICON),
)
"""Every table, by its path below `configs`."""


@dataclass(frozen=True, slots=True)
class Tables:
    """What agents and protocol need to know that is not code."""

    constraints: Constraints
    gestures: Catalogue
    behaviour: Behaviour
    emotions: EmotionTable
    lexicon: Lexicon


def read_texts(replaced: Mapping[str, Path] | None = None) -> dict[str, str]:
    """The texts of all tables, those that come with the program unless replaced.

    Args:
        replaced: other files by the name of the table that they stand for.

    Raises:
        ConfigError: a file cannot be read.
    """
    replaced = replaced or {}
    return {name: read_text(replaced.get(name) or builtin(name)) for name in FILES}


def build(texts: Mapping[str, str], names: Mapping[str, str] | None = None) -> Tables:
    """The tables.

    Args:
        texts: of every file in FILES.
        names: what errors call a file, where that is not "configs/" and its name.

    Raises:
        ConfigError: a table is missing or not what it has to be, naming file, line and key.
    """
    called = {name: (names or {}).get(name, f"configs/{name}") for name in FILES}
    emotions = load_emotions(
        texts["action_units.yaml"],
        texts["emotions.yaml"],
        name_au=called["action_units.yaml"],
        name_emotions=called["emotions.yaml"],
    )
    return Tables(
        constraints=Constraints.of(parse_yaml_model(texts["constraints.yaml"], called["constraints.yaml"], RuleSet)),
        gestures=parse_yaml_model(texts["gestures.yaml"], called["gestures.yaml"], Catalogue),
        behaviour=parse_yaml_model(texts["behaviour.yaml"], called["behaviour.yaml"], Behaviour),
        emotions=emotions,
        lexicon=load_lexicon({name: texts[f"lexicon/{name}.yaml"] for name in LEXICON}),
    )
