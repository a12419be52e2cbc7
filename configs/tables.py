"""All tables of a take, built from their texts alone.

The texts travel in the journal (`TakeOpened.configuration`), so a take is replayed and resumed with the tables that it was
made with, whatever lies on disk by then.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from configs.critic import CRITIC, CriticTable, builtin_critic
from configs.emotions import EmotionTable, load_emotions
from configs.gestures import Behaviour, Catalogue
from configs.lexicon import FILES as LEXICON
from configs.lexicon import Lexicon, load_lexicon
from configs.loading import ConfigError, builtin, parse_yaml_model, read_text
from configs.own_lexicon import OWN_LEXICON, add_own
from protocol.constraints import Constraints
from protocol.rules import RuleSet

FILES: tuple[str, ...] = (
    "constraints.yaml",
    "gestures.yaml",
    "behaviour.yaml",
    "action_units.yaml",
    "emotions.yaml",
    CRITIC,
    *(f"lexicon/{name}.yaml" for name in LEXICON),
)
"""Every table, by its path below `configs`."""

PROMPTS: tuple[str, ...] = (
    "prompts/director.md",
    "prompts/understand.md",
    "prompts/draft.md",
    "prompts/criticise.md",
    "prompts/revise.md",
    "prompts/note.md",
    "prompts/region.md",
    "prompts/opening.md",
    "prompts/round.md",
    "prompts/repair.md",
)
"""What language models are told, by path below `configs`; only takes that ask one carry these texts."""


@dataclass(frozen=True, slots=True)
class Tables:
    """What agents and protocol need to know that is not code."""

    constraints: Constraints
    gestures: Catalogue
    behaviour: Behaviour
    emotions: EmotionTable
    lexicon: Lexicon
    prompts: Mapping[str, str] = field(default_factory=dict)
    """What language models are told; empty where the texts do not hold it."""
    critic: CriticTable = field(default_factory=builtin_critic)
    """How a motion is judged; the program's own where the texts do not hold it, as those of older takes."""


def read_texts(replaced: Mapping[str, Path] | None = None, *, prompts: bool = False) -> dict[str, str]:
    """The texts of all tables, those that come with the program unless replaced.

    Args:
        replaced: other files by the name of the table that they stand for; that of OWN_LEXICON is the user's own, beside them.
        prompts: with what language models are told.

    Raises:
        ConfigError: a file cannot be read.
    """
    replaced = replaced or {}
    own = {OWN_LEXICON: read_text(replaced[OWN_LEXICON])} if OWN_LEXICON in replaced else {}
    names = (*FILES, *(PROMPTS if prompts else ()))
    return {name: read_text(replaced.get(name) or builtin(name)) for name in names} | own


def build(texts: Mapping[str, str], names: Mapping[str, str] | None = None) -> Tables:
    """The tables.

    Args:
        texts: of every file in FILES; that of OWN_LEXICON is added to the lexicon if there is one.
        names: what errors call a file, where that is not "configs/" and its name.

    Raises:
        ConfigError: a table is missing or not what it has to be, naming file, line and key.
    """
    if missing := [name for name in FILES if name not in texts and name != CRITIC]:
        raise ConfigError(f"configs/{missing[0]} is not among the tables: a take can only be planned with all of them.")
    called = {name: (names or {}).get(name, f"configs/{name}") for name in FILES}
    lexicon = load_lexicon({name: texts[f"lexicon/{name}.yaml"] for name in LEXICON})
    if OWN_LEXICON in texts:
        lexicon = add_own(lexicon, texts[OWN_LEXICON], (names or {}).get(OWN_LEXICON, OWN_LEXICON))
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
        lexicon=lexicon,
        prompts={name: texts[name] for name in PROMPTS if name in texts},
        critic=parse_yaml_model(texts[CRITIC], called[CRITIC], CriticTable) if CRITIC in texts else builtin_critic(),
    )
