"""Situations: things of a known kind are played whatever they are called, and nobody has a dead face for want of a word."""

from __future__ import annotations

import pytest

from agents.director.lexicon import LexiconPlanner
from configs.lexicon import load_lexicon
from configs.loading import ConfigError
from configs.own_lexicon import add_own
from protocol.brief import Brief
from tests.directing import LEXICON, PLANNER, TEXTS


@pytest.fixture(scope="module")
def planner() -> LexiconPlanner:
    return PLANNER


def played(brief: Brief) -> set[str]:
    return {act.name for beat in brief.beats for act in beat.acts}


@pytest.mark.parametrize(
    ("situation", "acts"),
    [
        # the same kind of thing under several names
        ("She swallows a lump of horseradish.", {"pain", "blow_air"}),
        ("He has mistaken a lump of wasabi for avocado.", {"pain", "blow_air"}),
        ("She bites into an apricot tart.", {"contentment", "chew"}),
        ("He finds an eggshell in his omelette.", {"disgust"}),
        ("A centipede runs over her foot.", {"fearfully_disgusted", "recoil"}),
        ("He heaves a crate onto the cart.", {"grit_teeth", "determination"}),
        ("With her last ounce of strength she heaves the barbell overhead.", {"grit_teeth", "determination"}),
        ("She lowers herself into an ice bath.", {"gasp", "shiver"}),
        ("He wades into a freezing river.", {"gasp", "shiver"}),
        ("She bangs her knee on the table.", {"wince", "pain"}),
        ("He slices his thumb with a tin opener.", {"wince", "pain"}),
        ("The yacht keels over.", {"fearfully_surprised", "grit_teeth"}),
        ("Someone follows her down the alley.", {"fear"}),
        ("His rucksack has vanished.", {"worry", "sadly_angry"}),
        ("There's a parking ticket on her windscreen.", {"annoyance"}),
        ("The insurance premium has doubled again.", {"annoyance"}),
        ("The ferry is delayed.", {"annoyance"}),
        ("An old man leafs through photographs of his late wife.", {"look", "sadness"}),
        ("She finds a recipe of her late grandmother's.", {"look", "sadness"}),
        ("The bank has refused his mortgage.", {"disappointment"}),
        ("Her skirt rips at the dance class.", {"embarrassment"}),
        ("He dented his father's car.", {"guilt"}),
        ("She sees a wounded fox.", {"sympathy"}),
        ("A thug kicks an old man.", {"horror", "appalled"}),
        ("The customs inspector opens her trunk.", {"nervousness"}),
        ("Her team clinches the championship.", {"joy"}),
        ("He gazes at a waterfall.", {"awed"}),
        ("A duckling waddles up to her.", {"tenderness", "smile"}),
        ("He sinks into an armchair.", {"serenity"}),
        ("She overheard a joke.", {"laugh"}),
        ("She hears something terrible.", {"sadness"}),
        ("He hears a terrible story.", {"sadness"}),
        ("He hears somebody laughing.", {"interest", "turn_head", "smile"}),
        ("She hears a woman laughing.", {"interest", "turn_head", "smile"}),
        ("He hears somebody screaming.", {"startle", "fear"}),
        ("She overhears a neighbour crying.", {"worry", "sympathy"}),
        ("He tastes something hot.", {"pain", "blow_air"}),
        ("She lost two kilos.", {"pride"}),
        ("She wins the cup.", {"pride"}),
        ("He apologises.", {"guilt"}),
        ("The soup tastes hot.", {"pain", "blow_air"}),
    ],
)
def test_things_of_a_known_kind_are_played(planner: LexiconPlanner, situation: str, acts: set[str]) -> None:
    brief = planner.plan(situation, None)
    assert acts <= played(brief)
    assert not brief.remarks


@pytest.mark.parametrize(
    ("situation", "instead"),
    [
        ("He did not get the job.", "disappointment"),
        ("She never wins a prize.", "disappointment"),
    ],
)
def test_a_good_thing_that_does_not_happen_disappoints(planner: LexiconPlanner, situation: str, instead: str) -> None:
    assert played(planner.plan(situation, None)) == {instead}


@pytest.mark.parametrize(
    ("direction", "not_played"),
    [
        ("The valley lies in the evening sun.", "nervousness"),
        ("She pulls up the corners of her mouth.", "determination"),
        ("He lifts his lids slowly.", "determination"),
        ("She lowers her head.", "gasp"),
        ("He turns down the corners of his mouth.", "disappointment"),
        ("She is already smiling.", "interest"),
        ("She presses her hand to her cheek.", "pain"),
        ("He discovers a creepy gargoyle.", "puff_cheeks"),  # it is no gargling
        ("She notices his beard.", "fear"),
        ("She sips hot chocolate.", "pain"),
        ("He hears somebody laughing.", "laugh"),  # it is somebody else who does
        ("She listens to bad music.", "sadness"),
    ],
)
def test_words_of_the_kinds_mean_nothing_by_themselves(planner: LexiconPlanner, direction: str, not_played: str) -> None:
    assert not_played not in played(planner.plan(direction, None))


@pytest.mark.parametrize(
    ("direction", "tone", "acts"),
    [
        ("Her application for planning consent was granted.", "pleasant", {"smile"}),
        ("The merger was a disaster for her.", "unpleasant", {"furrow_brows", "press_lips"}),
        ("The merger was no success for her.", "unpleasant", {"furrow_brows", "press_lips"}),
        ("He does his duty at the embassy.", "neutral", {"raise_brows", "glance"}),
    ],
)
def test_what_nobody_understands_is_played_by_its_tone(
    planner: LexiconPlanner, direction: str, tone: str, acts: set[str]
) -> None:
    brief = planner.plan(direction, None)
    assert acts <= played(brief)
    assert brief.remarks == (f"played by its tone alone: {tone}",)
    assert brief.unread
    assert all(act.strength <= 0.6 for beat in brief.beats for act in beat.acts)  # restrained


@pytest.mark.parametrize(
    ("direction", "tone"),
    [
        ("The number is on the door.", "neutral"),  # and not numb
        ("He puts the wood in the shed.", "neutral"),  # nobody is wooed
        ("The band is in the hall.", "neutral"),
        ("He is dying.", "unpleasant"),
        ("The thieves were at the embassy.", "unpleasant"),
    ],
)
def test_a_tone_is_told_by_the_forms_of_its_words(planner: LexiconPlanner, direction: str, tone: str) -> None:
    assert planner.plan(direction, None).remarks == (f"played by its tone alone: {tone}",)


def test_each_sentence_has_a_tone_of_its_own(planner: LexiconPlanner) -> None:
    brief = planner.plan("The merger was a disaster for her. Her application for planning consent was granted.", None)
    assert brief.remarks == ("played by its tone alone: unpleasant", "played by its tone alone: pleasant")
    starts = {act.name: beat.start + act.start for beat in reversed(brief.beats) for act in beat.acts}
    assert starts["press_lips"] < starts["smile"]


@pytest.mark.parametrize(
    "direction",
    [
        "xqz wvut brrk",
        "flibbertigibbet",
        "asdf the asdf jkl the jkl",
        "Sie \u00f6ffnet den Brief vom Amt.",
        "Wait two seconds.",
        "She does nothing.",
        "She does not move.",
        "Still as a stone.",
    ],
)
def test_what_tells_of_nobody_and_nothing_has_no_tone(planner: LexiconPlanner, direction: str) -> None:
    brief = planner.plan(direction, None)
    assert not brief.remarks
    assert not played(brief)


def test_tone_is_for_what_is_not_understood_alone(planner: LexiconPlanner) -> None:
    brief = planner.plan("The merger was a disaster for her. She smiles.", None)
    assert not brief.remarks
    assert played(brief) == {"smile"}


def test_an_emotion_that_is_to_colour_a_take_has_no_tone(planner: LexiconPlanner) -> None:
    assert not planner.plan("She nods.", None, "the merger was a disaster").remarks


def test_a_kind_grows_by_a_line_of_a_users_own() -> None:
    own = add_own(LEXICON, "classes: {spicy: [bhut]}\n")
    assert "pain" in played(LexiconPlanner(own, own.states).plan("She swallows a whole bhut.", None))
    assert "pain" not in played(PLANNER.plan("She swallows a whole bhut.", None))


def test_people_of_a_users_own_are_somebody_else() -> None:
    own = add_own(LEXICON, "classes: {people: [vicar]}\n")
    assert "shout" not in played(LexiconPlanner(own, own.states).plan("Her vicar shouts.", None))
    assert "shout" in played(PLANNER.plan("Her vicar shouts.", None))


def test_lexicons_of_earlier_versions_have_no_tones() -> None:
    words = TEXTS["words"]
    older = load_lexicon({**TEXTS, "words": words[: words.index("\ntones:\n")] + "\n"})
    brief = LexiconPlanner(older, older.states).plan("The merger was a disaster for her.", None)
    assert (played(brief), brief.remarks) == (set(), ())


def test_a_tone_that_calls_for_what_there_is_not_is_refused() -> None:
    wrong = TEXTS["words"].replace("      - {name: press_lips, strength: 0.5", "      - {name: press_lip, strength: 0.5")
    assert wrong != TEXTS["words"]
    with pytest.raises(ConfigError, match=r"words\.yaml:\d+: tones\.unpleasant: calls for press_lip.*did you mean press_lips"):
        load_lexicon({**TEXTS, "words": wrong})


def test_no_tone_is_both_pleasant_and_unpleasant() -> None:
    tones = LEXICON.words.tones
    assert set(tones) == {"pleasant", "unpleasant", "neutral"}
    pleasant, unpleasant = (set(tones[name].words.split()) for name in ("pleasant", "unpleasant"))
    assert len(pleasant) >= 350
    assert len(unpleasant) >= 450
    assert pleasant.isdisjoint(unpleasant)
