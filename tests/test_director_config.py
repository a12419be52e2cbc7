"""The lexicon's files fit together; what is wrong is named with file, line and key."""

from __future__ import annotations

import pytest

from configs.lexicon import FILES, builtin_texts, load_lexicon
from configs.loading import ConfigError

TEXTS = builtin_texts()
LEXICON = load_lexicon(TEXTS)

STATES = """joy sadness anger fear disgust surprise contempt happily_surprised happily_disgusted sadly_fearful sadly_angry
    sadly_surprised sadly_disgusted fearfully_angry fearfully_surprised fearfully_disgusted angrily_surprised
    angrily_disgusted disgustedly_surprised appalled hatred awed amusement embarrassment confusion interest sympathy
    desire pride contentment shame boredom coyness pain relief doubt worry politeness envy gloating skepticism smugness
    sleepiness thoughtfulness concentration crying love tenderness determination nervousness annoyance irritation calm
    guilt nostalgia hope disappointment despair grief bittersweet horror serenity mischief suspicion exhaustion""".split()


def test_every_state_has_words() -> None:
    assert sorted(LEXICON.states) == sorted(STATES)


def test_the_vocabulary_is_broad() -> None:
    assert sum(len(entry.say) for entry in LEXICON.states.values()) >= 120
    assert len(LEXICON.actions) >= 90
    assert len(LEXICON.situations) >= 80


def test_a_lexicon_needs_no_file() -> None:
    assert load_lexicon(dict(TEXTS)) == LEXICON


@pytest.mark.parametrize(
    ("file", "old", "new", "said"),
    [
        ("situations", "name: startle, strength: 0.5", "name: startel, strength: 0.5", r"startel.*did you mean startle"),
        ("situations", "name: startle, strength: 0.5", "name: startle, strenght: 0.5", r"strenght.*did you mean strength"),
        ("actions", "of: [cheeks]", "of: [cheecks]", r"releases cheecks.*did you mean cheeks"),
        ("actions", "  blink:\n", "  joy:\n", r"entry of two files"),
        ("acts", "never: {eyeWide: 0.05}", "never: {eyeWidth: 0.05}", r"eyeWidth is not a channel"),
        ("modifiers", "slow: 0.4", "slow: 40", r"slow.*less than or equal to 4"),
        ("words", "glue:", "glu:", r"glu"),
    ],
)
def test_errors_name_file_line_and_key(file: str, old: str, new: str, said: str) -> None:
    assert old in TEXTS[file]
    with pytest.raises(ConfigError, match=rf"configs/lexicon/{file}\.yaml:\d+: (?s:.*){said}"):
        load_lexicon({**TEXTS, file: TEXTS[file].replace(old, new, 1)})


def test_files_can_be_called_by_another_name() -> None:
    with pytest.raises(ConfigError, match=r"^mine\.yaml:\d+"):
        load_lexicon({**TEXTS, "acts": "nothing: 1"}, {"acts": "mine.yaml"})


def test_all_files_are_read() -> None:
    assert set(TEXTS) == set(FILES)
