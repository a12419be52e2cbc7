"""A user's own words go beside the program's, and what is wrong with them is named with file, line and key."""

from __future__ import annotations

import re

from pathlib import Path

import pytest

from agents.director.lexicon import LexiconPlanner
from agents.director.reading import Reading
from configs.lexicon import Lexicon
from configs.loading import ConfigError
from configs.own_lexicon import OWN_LEXICON, add_own
from configs.tables import build, read_texts
from protocol.messages import TakeOpened
from runtime.cli import main
from runtime.takes import open_take
from tests.directing import LEXICON
from tests.program import at_home, journal_file, left, refused

PAGE = Path(__file__).parent.parent / "docs" / "directions.md"


def example(language: str) -> str:
    """The block of the documentation in a language."""
    found = re.findall(rf"(?ms)^```{language}\n(.*?)^```", PAGE.read_text(encoding="utf-8"))
    assert len(found) == 1
    return str(found[0])


def read(own: str, direction: str) -> Reading:
    return LexiconPlanner(add_own(LEXICON, own), LEXICON.states).understand(direction)


def acts(own: str, direction: str) -> list[str]:
    """What a direction is taken for with some words of the user's own."""
    return [meant for _, meant in read(own, direction).understood]


def test_the_example_of_the_documentation_does_what_it_says():
    said = re.search(r'plan "([^"]+)"', example("sh"))
    assert said is not None
    reading = read(example("yaml"), said[1])
    expected = ["happily_surprised, joy", "thrust_jaw, squint, pout", "fearfully_surprised, awed, smile", "joy"]
    assert [meant for _, meant in reading.understood] == expected
    assert reading.unread == ()
    joy = reading.steps[-1].moments[-1].cue
    assert joy.words == "mighty chuffed"
    assert joy.calls[0].strength == pytest.approx(1.4 * 1.1)


def test_without_them_the_words_mean_nothing():
    planner = LexiconPlanner(LEXICON, LEXICON.states)
    assert planner.understand("Whilom she was chuffed by a griffin").unread == ("Whilom", "griffin")
    assert "chuffed" not in {word for patterns in LEXICON.own.values() for word in patterns}


def test_words_can_be_added_to_what_is_there():
    own = "states: {joy: {also: [discobobbled @ 0.5]}}"
    assert acts(own, "He is discobobbled.") == ["joy"]
    assert acts(own, "He is happy.") == ["joy"]


def test_an_entry_can_take_the_place_of_the_programs():
    own = "situations: {see_ghost: {say: [<see> ghost], acts: [{name: grin}]}}"
    assert acts(own, "She sees a ghost.") == ["grin"]
    assert "demon" in " ".join(LEXICON.situations["see_ghost"].say)
    assert add_own(LEXICON, own).situations["see_ghost"].say == ("<see> ghost",)


def test_the_users_words_hold_where_the_programs_find_the_same():
    assert acts("situations: {mine: {say: [happy], acts: [{name: yawn}]}}", "She is happy.") == ["yawn"]
    assert acts("states: {sadness: {also: [happy]}}", "She is happy.") == ["sadness"]


def test_words_that_belong_together_may_be_written_as_one():
    own = "actions: {gurn: {say: [hey_presto], acts: [{name: grin}]}}"
    assert acts(own, "Then, hey presto, he vanishes.")[0] == "grin"


def test_hyphenated_words_are_found():
    own = "states: {joy: {also: [bright-tailed]}}"
    assert acts(own, "He is bright-tailed.") == ["joy"]
    assert acts(own, "He is bright tailed.") == ["joy"]
    assert acts(own, "The tail of the comet is bright.") != ["joy"]


def test_classes_modifiers_and_words_to_pass_over():
    own = "classes: {friend: [auntie]}\npace: {lickety-split: 2.5}\nignore: [forsooth]"
    reading = read(own, "Forsooth, she sees her auntie and nods lickety-split.")
    assert reading.unread == ()
    assert [meant for _, meant in reading.understood] == ["happily_surprised, joy", "nod"]
    assert [moment.cue.speed for step in reading.steps for moment in step.moments][-1] == 2.5


def test_the_programs_lexicon_stays_as_it_is():
    before = LEXICON.model_dump()
    add_own(LEXICON, example("yaml"))
    assert LEXICON.model_dump() == before


def test_entries_say_what_they_rest_on():
    own = (
        "sources: {gran: my grandmother}\nactions:\n  a: {say: [gurn], acts: [{name: pout}], source: [gran]}\n"
        "  b: {say: [gurney], acts: [{name: pout}]}"
    )
    lexicon = add_own(LEXICON, own)
    assert lexicon.actions["a"].source == ("gran",)
    assert lexicon.actions["b"].source == ("judgement",)
    assert lexicon.sources["gran"] == "my grandmother"


@pytest.mark.parametrize(
    ("own", "said"),
    [
        (
            "situations:\n  x:\n    say: [<seee> ghost]\n    acts: [{name: joy}]",
            r"mine:3: situations\.x\.say\[0\]: .*did you mean see\?",
        ),
        (
            "situations:\n  x: {say: [a ghost], acts: [{name: joyy}]}",
            r"mine:2: situations\.x: calls for joyy.*did you mean joy\?",
        ),
        ("states:\n  joyy: {also: [chuffed]}", r"mine:2: states\.joyy: there is no entry of that name.*did you mean joy\?"),
        ("states:\n  elation: {say: [chuffed]}", r"mine:2: states\.elation: the face knows no state of that name"),
        ("actions:\n  joy: {also: [chuffed]}", r"mine:2: actions\.joy: is one of the states"),
        ("actions:\n  smile: {also: [chuffed], seconds: 2}", r"mine:2: actions\.smile\.seconds: cannot go with also"),
        ("actions:\n  smile: {}", r"mine:2: actions\.smile: needs say"),
        ("actions:\n  x: {say: [gurn], ackts: []}", r"mine:2: actions\.x\.ackts: not a known key; did you mean acts\?"),
        (
            "actions:\n  x: {say: [Gurn], acts: [{name: pout}]}",
            r"mine:2: actions\.x\.say\[0\]: 'Gurn' has 'Gurn'.*small letters",
        ),
        ("actions:\n  x: {say: [gurn @ loud], acts: [{name: pout}]}", r"mine:2: actions\.x\.say\[0\]: .*strength"),
        ("actions:\n  x: {say: [gurn @ 5], acts: [{name: pout}]}", r"mine:2: actions\.x\.say\[0\]: .*strength"),
        ("actions:\n  x: {say: [gurn?], acts: [{name: pout}]}", r"mine:2: actions\.x\.say\[0\]: .*without a question mark"),
        (
            "actions:\n  x: {say: [gurn], source: [gran], acts: [{name: pout}]}",
            r"mine:2: actions\.x\.source\[0\]: gran is neither",
        ),
        ("rests_on: gran", r"mine:1: rests_on: gran is not among the sources"),
        ("classes:\n  beast: [Fire Dragon]", r"mine:2: classes\.beast\[0\]: .*small letters"),
        ("classes:\n  beast: [fire-dragon]", r"mine:2: classes\.beast\[0\]: .*hyphen"),
        ("ignore: [two words]", r"mine:1: ignore\[0\]: .*small letters"),
        ("degree: {mighty: 14}", r"mine:1: degree\.mighty: must be less than or equal to 4"),
        ("degree: {' ': 1.4}", r"mine:1: degree\. : ' ' has ' ', and a word is small letters"),
        ("- chuffed", r"mine:1: must be a mapping|mine:1:"),
    ],
)
def test_what_is_wrong_is_named_with_file_line_and_key(own: str, said: str):
    with pytest.raises(ConfigError, match=f"(?s)^{said}"):
        add_own(LEXICON, own, "mine")


def test_it_travels_beside_the_other_texts(tmp_path: Path):
    mine = tmp_path / "mine.yaml"
    mine.write_text("states: {joy: {also: [discobobbled]}}\n", encoding="utf-8")
    texts = read_texts({OWN_LEXICON: mine})
    assert texts[OWN_LEXICON] == mine.read_text(encoding="utf-8")
    assert OWN_LEXICON not in read_texts()
    assert isinstance(build(texts).lexicon, Lexicon)
    assert "discobobbled" in build(texts).lexicon.states["joy"].say
    texts[OWN_LEXICON] = "states: {}\nstats: {}\n"
    with pytest.raises(ConfigError, match=rf"^{re.escape(str(mine))}:2: stats"):
        build(texts, {OWN_LEXICON: str(mine)})


# ------------------------------------------------------------------------------------------------------ on the command line


def test_a_take_keeps_the_words_that_it_was_made_with(capsys, tmp_path):
    with at_home(tmp_path):
        Path("mine.yaml").write_text(example("yaml"), encoding="utf-8")
        assert main(["plan", "She gurns, then smiles.", "--lexicon", "mine.yaml", "--explain", "-o", "first.json"]) == 0
        assert 'thrust_jaw strength 1.2   "gurns"' in capsys.readouterr().out
        Path("mine.yaml").unlink()
        assert main(["replay", "first.take", "--check"]) == 0
        assert main(["revise", "first.take", "hold the gurn longer", "-o", "second.json"]) == 0
        assert "“gurns” is held" in capsys.readouterr().out
        for take in ("first.take", "second.take"):
            opened = open_take(Path(take)).records[0].message
            assert isinstance(opened, TakeOpened)
            assert opened.configuration[OWN_LEXICON] == example("yaml")


def test_a_take_goes_on_with_the_words_that_it_was_begun_with(capsys, tmp_path):
    with at_home(tmp_path):
        Path("mine.yaml").write_text(example("yaml"), encoding="utf-8")
        assert main(["plan", "She gurns, then smiles.", "--lexicon", "mine.yaml", "-o", "motion.json"]) == 0
        motion = Path("motion.json").read_bytes()
        journal_file(Path("motion.take", "journal.mcap"), open_take(Path("motion.take")).records[:1])
        for path in ("motion.json", "motion.take/motion.json", "motion.take/timeline.json", "mine.yaml"):
            Path(path).unlink()
        capsys.readouterr()
        assert main(["resume", "motion.take"]) == 0
        assert "warning" not in capsys.readouterr().err
        assert Path("motion.json").read_bytes() == motion


def test_a_file_that_is_wrong_is_refused_before_anything_is_made(capsys, tmp_path):
    with at_home(tmp_path):
        Path("mine.yaml").write_text("states:\n  joyy:\n    also: [chuffed]\n", encoding="utf-8")
        said = refused(capsys, "plan", "She smiles.", "-o", "motion.json", "--lexicon", "mine.yaml")
        assert said.startswith("mine.yaml:2: states.joyy: there is no entry of that name to add words to; did you mean joy?")
        said = refused(capsys, "plan", "She smiles.", "-o", "motion.json", "--lexicon", "none.yaml")
        assert said == "none.yaml: cannot be read: No such file or directory"
        assert left(tmp_path) == ["mine.yaml"]
