"""The lexicon's files fit together; what is wrong is named with file, line and key."""

from __future__ import annotations

import re
import tomllib

from pathlib import Path

import pytest

from agents.director.lexicon import LexiconPlanner
from agents.director.patterns import PatternTable
from configs.lexicon import FILES, JUDGEMENT, load_lexicon
from configs.loading import ConfigError
from tests.directing import LEXICON, PLANNER, TEXTS

ROOT = Path(__file__).parents[1]
STATES = """joy sadness anger fear disgust surprise contempt happily_surprised happily_disgusted sadly_fearful sadly_angry
    sadly_surprised sadly_disgusted fearfully_angry fearfully_surprised fearfully_disgusted angrily_surprised
    angrily_disgusted disgustedly_surprised appalled hatred awed amusement embarrassment confusion interest sympathy
    desire pride contentment shame boredom coyness pain relief doubt worry politeness envy gloating skepticism smugness
    sleepiness thoughtfulness concentration crying love tenderness determination nervousness annoyance irritation calm
    guilt nostalgia hope disappointment despair grief bittersweet horror serenity mischief suspicion exhaustion""".split()


def test_every_state_has_words() -> None:
    assert sorted(LEXICON.states) == sorted(STATES)


def test_the_vocabulary_is_broad() -> None:
    """The project's own aims: 80 words for 45 states, 60 actions, 150 situations; there is more than that."""
    assert len(LEXICON.states) >= 65
    assert sum(len(entry.say) for entry in LEXICON.states.values()) >= 1500
    assert len(LEXICON.actions) >= 150
    assert len(LEXICON.situations) >= 265


def test_situations_are_scenes() -> None:
    """What happens to a person is more than one act, but for those that only are a mood for something else."""
    single = [name for name, entry in LEXICON.situations.items() if len(entry.acts) < 2]
    assert single == ["watch_tv"]


def test_every_entry_rests_on_a_source_or_is_judgement() -> None:
    known = {*LEXICON.sources, JUDGEMENT}
    assert [name for name, entry in LEXICON.entries.items() if not entry.source or not known.issuperset(entry.source)] == []
    cited = {key for entry in LEXICON.entries.values() for key in entry.source}
    assert sorted(set(LEXICON.sources) - cited) == []
    assert LEXICON.states["shame"].source == ("shaver_1987",)
    assert LEXICON.situations["daydream"].source == (JUDGEMENT,)


def test_no_entry_is_hidden_by_others() -> None:
    """Each can be found by some way to say it; what is not to be found as it is said is found by what says more."""
    table, hidden = PatternTable(LEXICON), set(LEXICON.entries)
    aimless = frozenset(name for name, entry in LEXICON.entries.items() if entry.needs_aim)
    for pattern in table.patterns:
        words = [min(term.lemmas) for term in pattern.terms if not term.optional]
        found = table.find([(word,) for word in words], words, aimless - {pattern.entry})
        hidden -= {match.pattern.entry for match in found}
    assert hidden == set()


def test_no_pattern_is_said_twice() -> None:
    """Nor in another order, where order is free; but an entry that needs an aim leaves its words to one that does not."""
    seen: dict[object, str] = {}
    twice = []
    for pattern, (_, said) in zip(PatternTable(LEXICON).patterns, LEXICON.patterns, strict=True):
        terms = [(tuple(sorted(term.lemmas)), term.optional) for term in pattern.terms]
        key = (pattern.order, tuple(sorted(terms) if pattern.order == "free" else terms))
        if key in seen and (seen[key] == pattern.entry or not LEXICON.entries[seen[key]].needs_aim):
            twice.append((seen[key], pattern.entry, said))
        seen.setdefault(key, pattern.entry)
    assert twice == []


def test_every_class_is_used() -> None:
    """By a pattern, a modifier or the planner itself, which asks for those by name."""
    modifiers = LEXICON.modifiers
    phrases = [*modifiers.degree, *modifiers.pace, *modifiers.aims, *modifiers.negation, *modifiers.affirmed]
    named = set(re.findall(r"<(\w+)>", " ".join([*(said for _, said in LEXICON.patterns), *phrases])))
    code = "\n".join(path.read_text(encoding="utf-8") for path in (ROOT / "agents" / "director").glob("*.py"))
    named |= set(re.findall(r'classes(?:\[|\.get\()"(\w+)"', code))
    assert set(LEXICON.words.classes) - named == set()


def test_what_denies_stands_in_one_place() -> None:
    """A word that is added to the table denies everywhere: acts, tones, and what does not happen until something does."""
    texts = {**TEXTS, "modifiers": TEXTS["modifiers"].replace("negation: [not,", "negation: [nary, not,")}
    planner = LexiconPlanner(load_lexicon(texts), LEXICON.states)
    for said in ("She {} smiles.", "The merger was {} a success for her.", "She {} smiles until the end."):
        found = planner.plan(said.format("nary"), 5.0)
        usual = PLANNER.plan(said.format("never"), 5.0)
        assert found.remarks == usual.remarks
        for kind in ("acts", "limits"):
            asked = [
                [part.model_dump(exclude={"words"}) for beat in brief.beats for part in getattr(beat, kind)]
                for brief in (found, usual)
            ]
            assert asked[0] == asked[1]


def test_lexicons_of_earlier_versions_cite_nothing() -> None:
    texts = {
        name: re.sub(r"(?m)^(sources:\n(  .*\n)*|rests_on: .*\n|    source: .*\n)", "", text) for name, text in TEXTS.items()
    }
    assert "source:" not in texts["states"]
    assert load_lexicon(texts).states["shame"].source == (JUDGEMENT,)


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
        ("modifiers", "\n  though: [", "\n  tough: [", r"tough"),
        ("words", "glue:", "glu:", r"glu"),
        ("states", "source: [shaver_1987]", "source: [shavr_1987]", r"joy\.source\[0\]: .*did you mean shaver_1987"),
        ("actions", "rests_on: judgement", "rests_on: hearsay", r"rests_on: hearsay is not among the sources"),
        ("situations", 'prkachin_2008: "Prkachin', 'prkachin_2008: "Somebody', r"prkachin_2008: cites something else"),
    ],
)
def test_errors_name_file_line_and_key(file: str, old: str, new: str, said: str) -> None:
    assert old in TEXTS[file]
    with pytest.raises(ConfigError, match=rf"configs/lexicon/{file}\.yaml:\d+: (?s:.*){said}"):
        load_lexicon({**TEXTS, file: TEXTS[file].replace(old, new, 1)})


def test_files_can_be_called_by_another_name() -> None:
    with pytest.raises(ConfigError, match=r"^mine\.yaml:\d+"):
        load_lexicon({**TEXTS, "acts": "nothing: 1"}, {"acts": "mine.yaml"})


def test_what_is_taken_from_others_comes_with_their_licences() -> None:
    """The wheel takes what pyproject.toml lists; the tables say what is whose."""
    shipped = sorted(path.name for path in (ROOT / "LICENSES").iterdir())
    assert shipped == ["WordNet.txt", "pyspellchecker.txt", "vaderSentiment.txt"]
    for name in shipped:
        text = " ".join((ROOT / "LICENSES" / name).read_text(encoding="utf-8").split())
        assert re.search(r"(?i)copyright .*(?i:tyler barrus|c\.j\. hutto|princeton university)", text)
        assert re.search(r"(?i)permission .* (?:is )?hereby granted", text)
        assert re.search(r"provided \W?as is\W", text, re.IGNORECASE)
        assert any(f"LICENSES/{name}" in table for table in TEXTS.values())
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert project["license-files"] == ["LICENSE", "LICENSES/*.txt"]
    assert project["license"] == "Apache-2.0 AND MIT AND LicenseRef-WordNet"


def test_all_files_are_read() -> None:
    assert set(TEXTS) == set(FILES)
