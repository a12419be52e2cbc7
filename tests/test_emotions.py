"""Emotional states resolve to faces that are recognisable and keep the rules of their own regions."""

from __future__ import annotations

import re

from itertools import pairwise

import pytest

from configs.emotions import EmotionTable, State, builtin_emotions, load_emotions
from configs.loading import ConfigError, builtin, read_text
from protocol.channels import CHANNELS, NAMES, REGIONS, SIDES, both_sides
from protocol.keyframes import PLACES

BASIC = "joy sadness anger fear disgust surprise contempt".split()

# Core units of Du, Tao & Martinez (2014), Table 1: those shown by at least 70 % of their 230 subjects.
COMPOUND = {
    "happily_surprised": "1 2 12 25",
    "happily_disgusted": "10 12 25",
    "sadly_fearful": "1 4 20 25",
    "sadly_angry": "4 15",
    "sadly_surprised": "1 4 25 26",
    "sadly_disgusted": "4 10",
    "fearfully_angry": "4 20 25",
    "fearfully_surprised": "1 2 5 20 25",
    "fearfully_disgusted": "1 4 10 20 25",
    "angrily_surprised": "4 25 26",
    "angrily_disgusted": "4 10 17",
    "disgustedly_surprised": "1 2 5 10",
    "appalled": "4 10",
    "hatred": "4 10",
    "awed": "1 2 5 25",
}
# The same table and EMFACS (Friesen & Ekman 1983); disgust by the table alone, since EMFACS has several forms of it.
BASIC_CORE = {
    "joy": "6 12 25",
    "sadness": "1 4 15",
    "anger": "4 5 7 23 24",
    "fear": "1 2 4 5 7 20 25 26",
    "disgust": "9 10 17",
    "surprise": "1 2 5 25 26",
    "contempt": "R12 R14",
}
# Keltner et al. (2019), Cordaro et al. (2018), Keltner & Buswell (1997), Prkachin & Solomon (2008).
FURTHER_CORE = {
    "amusement": "6 7 12 25 26 53",
    "embarrassment": "7 12 24 52 54 64",
    "confusion": "4 7 56",
    "interest": "1 2 12",
    "sympathy": "1 17 24 57",
    "desire": "6 7 12 25",
    "pride": "7 12 53",
    "contentment": "12 43",
    "shame": "4 17 54 64",
    "boredom": "43 55",
    "coyness": "6 7 12 25 26 52 54 61",
    "pain": "4 6 7 9 10 43",
}
OTHERS = (
    "relief doubt worry politeness envy gloating skepticism smugness sleepiness thoughtfulness concentration crying love "
    "tenderness determination nervousness annoyance irritation calm neutral guilt nostalgia hope disappointment despair grief "
    "bittersweet horror serenity mischief suspicion exhaustion"
).split()
ALL = [*BASIC, *COMPOUND, *FURTHER_CORE, *OTHERS]

# Sums of channels that muscles of one region keep at or below a bound; "{}" stands for each side.
SUMS: list[tuple[dict[str, float], float]] = [
    ({"eyeBlink{}": 1, "eyeWide{}": 1}, 1.1),
    ({"cheekSquint{}": 1, "eyeWide{}": 1}, 1.3),
    ({"browDown{}": 1, "browOuterUp{}": 1}, 1.2),
    ({"browDown{}": 1, "browInnerUp": 1}, 1.4),
    ({"mouthClose": 1, "jawOpen": -1}, 0.06),
    ({"mouthSmile{}": 1, "mouthFrown{}": 1}, 1.1),
    ({"mouthPucker": 1, "mouthStretch{}": 1}, 1.1),
    ({"mouthPucker": 1, "mouthSmile{}": 1}, 1.1),
    ({"mouthFunnel": 1, "mouthSmile{}": 1}, 1.2),
    ({"mouthRollLower": 1, "mouthLowerDown{}": 1}, 1.1),
    ({"mouthRollUpper": 1, "mouthUpperUp{}": 1}, 1.1),
    ({"mouthShrugLower": 1, "jawOpen": 1}, 1.4),
    (
        {"tongueOut": 0.35, "jawOpen": -1}
        | dict.fromkeys(("mouthLowerDownLeft", "mouthLowerDownRight", "mouthUpperUpLeft", "mouthUpperUpRight"), -0.5),
        0.05,
    ),
    ({"eyePitchLeft": 1, "eyePitchRight": -1}, 3),
    ({"eyePitchRight": 1, "eyePitchLeft": -1}, 3),
    ({"eyeYawRight": 1, "eyeYawLeft": -1}, 20),
    ({"eyeYawLeft": 1, "eyeYawRight": -1}, 3),
]


@pytest.fixture(scope="module")
def table() -> EmotionTable:
    return builtin_emotions()


@pytest.fixture(scope="module")
def texts() -> tuple[str, str]:
    return read_text(builtin("action_units.yaml")), read_text(builtin("emotions.yaml"))


def broken_rules(levels: dict[str, float]) -> list[str]:
    """Rules within a region that channel levels break."""

    def at(name: str) -> float:
        return levels.get(name, 0.0)

    found = []
    for side in SIDES:
        for weights, most in SUMS:
            if sum(weight * at(name.format(side)) for name, weight in weights.items()) > most:
                found.append(f"{side}: sum of {weights} above {most}")
        gap = at("jawOpen") - at("mouthClose")
        if at(f"mouthPress{side}") > line(gap, (0.15, 1), (0.5, 0.2), (1, 0.1)):
            found.append(f"{side}: pressed lips across an open jaw")
        if at(f"eyeBlink{side}") < line(-at(f"eyePitch{side}"), (8, 0), (16, 0.2), (28, 0.4)):
            found.append(f"{side}: the lid does not follow the gaze down")
    if at("cheekPuff") > line(at("jawOpen") - at("mouthClose"), (0.2, 1), (0.8, 0.2)):
        found.append("puffed cheeks over an open jaw")
    return found


def line(x: float, *points: tuple[float, float]) -> float:
    """Piecewise linear through points, level beyond the ends."""
    for (x0, y0), (x1, y1) in pairwise(points):
        if x <= x1:
            return y0 + (y1 - y0) * max(x - x0, 0) / (x1 - x0)
    return points[-1][1]


def mean(state: State, name: str) -> float:
    channels = both_sides(name)
    return sum(state.levels.get(channel, 0.0) for channel in channels) / len(channels)


# The states


@pytest.mark.parametrize("name", ALL)
def test_a_state_keeps_the_ranges_and_the_rules_within_its_regions(table: EmotionTable, name: str) -> None:
    state = table.state(name)
    for channel, level in state.levels.items():
        spec = CHANNELS[channel]
        assert spec.low <= level <= spec.high
        assert not spec.derived
        assert level == round(level * PLACES) / PLACES, "levels become keyframes as they are"
    assert tuple(state.levels) == tuple(channel for channel in NAMES if channel in state.levels)
    assert broken_rules(dict(state.levels)) == []
    assert 0.1 <= state.onset <= 2
    assert 0.1 <= state.offset <= 2
    assert state.about
    assert state.source


@pytest.mark.parametrize(("name", "core"), [*BASIC_CORE.items(), *COMPOUND.items(), *FURTHER_CORE.items()])
def test_the_units_that_the_literature_finds_are_there_and_visible(table: EmotionTable, name: str, core: str) -> None:
    state = table.state(name)
    for unit in core.split():
        assert unit in state.units, f"{name} lacks AU {unit}"
        main, weight = max(table.units.channels_of(unit).items(), key=lambda item: abs(item[1]))
        level = state.levels[main]
        assert level * weight > 0, f"AU {unit} of {name} has no visible direction"
        assert abs(level) >= (0.03 if CHANNELS[main].unit == "share" else 1.0), f"AU {unit} of {name} is invisible"


@pytest.mark.parametrize("name", COMPOUND)
def test_compound_states_are_compound(table: EmotionTable, name: str) -> None:
    assert table.state(name).kind == "compound"


def test_every_state_beside_basic_and_compound_ones_is_further(table: EmotionTable) -> None:
    kinds = {name: state.kind for name, state in table.states.items()}
    assert {name for name, kind in kinds.items() if kind == "basic"} == set(BASIC)
    assert {name for name, kind in kinds.items() if kind == "further"} == {*FURTHER_CORE, *OTHERS}


@pytest.mark.parametrize(
    ("name", "bounds"),
    [
        ("joy", {"mouthSmile": (0.6, 0.8), "cheekSquint": (0.45, 0.65), "browDown": (0, 0.1), "mouthFrown": (0, 0.05)}),
        ("sadness", {"browInnerUp": (0.5, 0.7), "browDown": (0.15, 0.35), "mouthFrown": (0.4, 0.6), "mouthSmile": (0, 0.05)}),
        ("anger", {"browDown": (0.65, 0.85), "eyeSquint": (0.4, 0.6), "eyeWide": (0.2, 0.4), "mouthPress": (0.4, 0.6)}),
        ("fear", {"eyeWide": (0.6, 0.8), "browInnerUp": (0.6, 0.8), "mouthStretch": (0.35, 0.55), "jawOpen": (0.1, 0.3)}),
        (
            "surprise",
            {"browInnerUp": (0.65, 0.85), "browOuterUp": (0.65, 0.85), "eyeWide": (0.5, 0.7), "jawOpen": (0.25, 0.45)},
        ),
        ("disgust", {"noseSneer": (0.5, 0.7), "mouthUpperUp": (0.4, 0.6), "browDown": (0.25, 0.45), "eyeSquint": (0.3, 0.5)}),
        ("boredom", {"eyeBlink": (0.2, 0.45), "mouthSmile": (0, 0.05)}),
        ("neutral", {"mouthSmile": (0, 0), "browDown": (0, 0), "headPitch": (0, 0)}),
    ],
)
def test_sizes_are_clear_but_human(table: EmotionTable, name: str, bounds: dict[str, tuple[float, float]]) -> None:
    for channel, (low, high) in bounds.items():
        assert low <= mean(table.state(name), channel) <= high, channel


def test_fear_raises_the_inner_brow_more_than_the_outer_and_surprise_both_alike(table: EmotionTable) -> None:
    fear, surprise = table.state("fear"), table.state("surprise")
    assert mean(fear, "browInnerUp") > mean(fear, "browOuterUp") > mean(fear, "browDown") > 0
    assert mean(surprise, "browInnerUp") == mean(surprise, "browOuterUp")


@pytest.mark.parametrize("name", ["contempt", "skepticism", "smugness", "doubt", "mischief", "gloating"])
def test_crooked_states_are_crooked_and_name_their_side(table: EmotionTable, name: str) -> None:
    state = table.state(name)
    apart = max(abs(state.levels.get(f"{stem}Left", 0.0) - state.levels.get(f"{stem}Right", 0.0)) for stem in paired_stems())
    assert apart >= 0.2
    assert state.side != "both"


def test_states_that_name_no_side_are_symmetric(table: EmotionTable) -> None:
    for state in table.states.values():
        if state.side == "both":
            for stem in paired_stems():
                assert state.levels.get(f"{stem}Left", 0.0) == state.levels.get(f"{stem}Right", 0.0), (state.name, stem)


def paired_stems() -> list[str]:
    return sorted({channel.stem for channel in CHANNELS.values() if channel.unit == "share" and channel.stem != channel.name})


def test_shame_and_embarrassment_look_down_with_lowered_head_and_lids(table: EmotionTable) -> None:
    for name in ("shame", "embarrassment"):
        levels = table.state(name).levels
        assert levels["headPitch"] <= -5
        assert levels["eyePitchLeft"] <= -10
        assert levels["eyeBlinkLeft"] >= 0.1
    assert abs(table.state("embarrassment").levels["headYaw"]) >= 5
    assert abs(table.state("embarrassment").levels["eyeYawLeft"]) >= 5


def test_coy_eyes_come_back_while_the_head_turns_away(table: EmotionTable) -> None:
    levels = table.state("coyness").levels
    assert levels["headYaw"] * levels["eyeYawLeft"] < 0


def test_no_two_states_look_alike(table: EmotionTable) -> None:
    states = list(table.states.values())
    for place, one in enumerate(states):
        for other in states[:place]:
            names = {*one.levels, *other.levels}
            scaled = [
                abs(one.levels.get(name, 0.0) - other.levels.get(name, 0.0)) / (1 if CHANNELS[name].unit == "share" else 20)
                for name in names
            ]
            assert max(scaled) >= 0.05, f"{one.name} and {other.name}"


def test_sudden_states_come_faster_than_moods(table: EmotionTable) -> None:
    onset = {name: state.onset for name, state in table.states.items()}
    assert onset["surprise"] < onset["fear"] < onset["anger"] < onset["joy"] < onset["sadness"] < onset["boredom"]
    assert table.state("surprise").offset < table.state("sadness").offset


def test_nervous_people_blink_more_and_concentrated_ones_less(table: EmotionTable) -> None:
    rates = {name: table.state(name).blink_rate for name in ("nervousness", "concentration", "joy")}
    assert rates["joy"] is None
    assert rates["nervousness"] is not None
    assert rates["concentration"] is not None
    # Bentivoglio et al. (1997): 26 a minute in conversation, 17 at rest.
    assert rates["nervousness"] > 26
    assert rates["concentration"] < 17


def test_a_state_is_shared_out_among_the_regions(table: EmotionTable) -> None:
    fear = table.state("fear")
    parts = [fear.of(region) for region in REGIONS]
    assert all(parts)
    assert sum(len(part) for part in parts) == len(fear.levels)
    assert set(fear.of("brows")) == {"browDownLeft", "browDownRight", "browInnerUp", "browOuterUpLeft", "browOuterUpRight"}


def test_a_mirrored_state_exchanges_sides_and_turns(table: EmotionTable) -> None:
    state = table.state("mischief")
    other = state.mirrored()
    assert other.side == "left"
    assert other.levels["mouthSmileLeft"] == state.levels["mouthSmileRight"]
    assert other.levels["browOuterUpRight"] == state.levels["browOuterUpLeft"]
    assert other.levels["headYaw"] == -state.levels["headYaw"]
    assert other.levels["eyeYawRight"] == -state.levels["eyeYawLeft"]
    assert other.levels["headPitch"] == state.levels["headPitch"]
    assert "L12" in other.units
    assert "52" in other.units


def test_mirroring_twice_gives_the_state_back(table: EmotionTable) -> None:
    for state in table.states.values():
        assert state.mirrored().mirrored() == state
        assert dict(table.units.levels(state.mirrored().units)) == dict(state.mirrored().levels)


def test_a_table_cannot_be_changed(table: EmotionTable) -> None:
    with pytest.raises(TypeError):
        table.state("joy").levels["jawOpen"] = 1.0  # type: ignore[index]
    with pytest.raises(AttributeError):
        table.state("joy").onset = 0.0  # type: ignore[misc]


def test_an_unknown_state_is_refused_with_the_nearest(table: EmotionTable) -> None:
    with pytest.raises(KeyError, match="did you mean sadness"):
        table.state("sadnes")


# Action units


def test_a_unit_of_one_side_moves_that_side_alone(table: EmotionTable) -> None:
    units = table.units
    assert set(units.channels_of("L12")) == {"mouthSmileLeft", "mouthUpperUpLeft", "mouthStretchLeft", "mouthDimpleLeft"}
    assert {**units.channels_of("L12"), **units.channels_of("R12")} == units.channels_of("12")
    assert units.channels_of("L30") == {"jawLeft": 1}
    assert units.channels_of("R30") == {"jawRight": 1}


@pytest.mark.parametrize(
    ("unit", "said"),
    [
        ("L1", "has no sides; write 1"),
        ("46", "write L46 or R46"),
        ("30", "write L30"),
        ("99", "not an action unit"),
        ("", "not an"),
    ],
)
def test_units_that_do_not_exist_are_refused(table: EmotionTable, unit: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        table.units.channels_of(unit)


@pytest.mark.parametrize(
    ("unit", "channel", "sign"),
    [
        ("51", "headYaw", 1),
        ("52", "headYaw", -1),
        ("53", "headPitch", 1),
        ("54", "headPitch", -1),
        ("55", "headRoll", 1),
        ("56", "headRoll", -1),
        ("57", "headZ", 1),
        ("58", "headZ", -1),
        ("61", "eyeYawLeft", 1),
        ("62", "eyeYawRight", -1),
        ("63", "eyePitchLeft", 1),
        ("64", "eyePitchRight", -1),
    ],
)
def test_head_and_eye_units_turn_the_way_the_project_counts(table: EmotionTable, unit: str, channel: str, sign: int) -> None:
    assert table.units.levels({unit: 0.5})[channel] * sign > 0


def test_units_that_share_a_channel_do_not_add_up(table: EmotionTable) -> None:
    levels = table.units.levels({"6": 0.8, "7": 0.5})
    assert levels["eyeSquintLeft"] == 0.5
    assert table.units.levels({"6": 0.8, "7": 0.2})["eyeSquintLeft"] == 0.36


def test_opposite_turns_cancel(table: EmotionTable) -> None:
    assert table.units.levels({"51": 0.5, "52": 0.5}) == {}


def test_inner_brow_raised_and_brow_lowered_make_the_oblique_brow(table: EmotionTable) -> None:
    both, alone = table.units.levels({"1": 0.8, "4": 0.8}), table.units.levels({"4": 0.8})
    assert both["browInnerUp"] == 0.72
    assert both["browDownLeft"] == 0.28
    assert alone["browDownLeft"] == 0.8


@pytest.mark.parametrize(
    "units",
    [
        "12 15",
        "2 4",
        "5 43",
        "5 6",
        "18 12",
        "18 20",
        "22 12",
        "23 16 28",
        "28 10",
        "17 27",
        "24 27",
        "34 27",
        "19",
        "8",
        "64",
        "64 5",
    ],
)
def test_units_at_full_intensity_against_each_other_still_fit_one_face(table: EmotionTable, units: str) -> None:
    levels = dict(table.units.levels(dict.fromkeys(units.split(), 1.0)))
    assert levels
    assert broken_rules(levels) == []


def test_every_pair_of_units_fits_one_face(table: EmotionTable) -> None:
    names = [name if not unit.one_sided else f"L{name}" for name, unit in table.units.units.items()]
    for place, one in enumerate(names):
        for other in names[:place]:
            assert broken_rules(dict(table.units.levels({one: 1.0, other: 1.0}))) == [], (one, other)


@pytest.mark.parametrize("units", ["18 12", "18 20", "22 12", "1 4", "23 16", "24 27"])
def test_giving_way_keeps_a_symmetric_face_symmetric(table: EmotionTable, units: str) -> None:
    levels = table.units.levels(dict.fromkeys(units.split(), 1.0))
    for stem in paired_stems():
        assert levels.get(f"{stem}Left") == levels.get(f"{stem}Right"), stem


def test_the_midline_gives_way_to_the_side_that_needs_it(table: EmotionTable) -> None:
    levels = table.units.levels({"18": 1.0, "R12": 1.0, "L12": 0.1})
    assert levels["mouthPucker"] + levels["mouthSmileRight"] == pytest.approx(1, abs=2 / PLACES)  # the table's bound
    assert 0.4 < levels["mouthPucker"] < levels["mouthSmileRight"] < 0.6
    assert levels["mouthSmileLeft"] > 0.09


def test_the_rules_of_these_tests_can_fail() -> None:
    assert broken_rules({"mouthSmileLeft": 0.8, "mouthFrownLeft": 0.5})
    assert broken_rules({"mouthPressRight": 0.9, "jawOpen": 0.5})
    assert broken_rules({"eyePitchLeft": -20.0, "eyePitchRight": -20.0})
    assert broken_rules({"tongueOut": 1.0})
    assert broken_rules({"cheekPuff": 1.0, "jawOpen": 0.8})


# Tables that are wrong


def loaded(texts: tuple[str, str]) -> EmotionTable:
    return load_emotions(*texts, name_au="au.yaml", name_emotions="emo.yaml")


def test_letters_mean_what_the_table_of_units_says(texts: tuple[str, str]) -> None:
    au, emotions = texts
    louder = loaded((au.replace("C: 0.5,", "C: 0.6,"), emotions))
    assert loaded(texts).state("joy").units["25"] == 0.5
    assert louder.state("joy").units["25"] == 0.6


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("units: {6: 0.55, 12: 0.7", "units: {6: 0.55, 99: 0.7", "states.joy.units.99: not an action unit"),
        ("units: {6: 0.55, 12: 0.7", "units: {6: 0.55, L17: 0.7", "states.joy.units.L17: chin raiser moves mouthShrugLower"),
        ("units: {6: 0.55, 12: 0.7", "units: {6: 0.55, 12: 1.7", "states.joy.units.12: an intensity is a letter from A to E"),
        ("units: {6: 0.55, 12: 0.7", "units: {6: F, 12: 0.7", "states.joy.units.6: an intensity is a letter from A to E"),
        ("units: {6: 0.55, 12: 0.7", "units: {54: 0.5, 12: 0.7", "states.joy.units.54: written in degrees instead"),
        ("units: {6: 0.55, 12: 0.7", "units: {6: 0.55, L12: 0.7", "states.joy.units: units of one side need"),
        ("    units: {6: 0.55, 12", "    side: left\n    units: {6: 0.55, 12", "states.joy.side: no unit is of one side"),
        (
            "    units: {6: 0.55, 12",
            "    gaze: {pitch: 24}\n    units: {6: 0.55, 12",
            "states.joy.gaze.pitch: 24 is more than unit 63",
        ),
        (
            "    units: {6: 0.55, 12",
            "    head: {yaww: 4}\n    units: {6: 0.55, 12",
            "head.yaww: not a known key; did you mean yaw?",
        ),
        ("    source: emfacs", "    source: emfax", "states.joy.source: emfax is not among the sources; did you mean emfacs?"),
        ("    family: joy\n    about: A felt", "    family: jo\n    about: A felt", "states.joy.family: must be 'joy'"),
        ("    source: emfacs\n    tag: L\n  sadness:", "    source: emfacs\n  sadness:", "states.joy.tag: missing"),
        ("  sadness:", "  joy:", "joy: given twice, first on line"),
    ],
)
def test_a_wrong_state_is_named_with_its_line(texts: tuple[str, str], old: str, new: str, said: str) -> None:
    au, emotions = texts
    assert old in emotions
    changed = emotions.replace(old, new, 1)
    with pytest.raises(ConfigError) as caught:
        loaded((au, changed))
    found = re.fullmatch(r"emo\.yaml:(\d+): (.*)", str(caught.value))
    assert found is not None
    assert said in found[2]
    joy = changed.splitlines().index("  joy:") + 1
    assert joy <= int(found[1]) <= joy + 14, "the line is one of the state's, or of its twin right below"


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("channels: {eyeWide: 1}", "channels: {eyeWyde: 1}", "units.5.channels.eyeWyde: not a channel; did you mean eyeWide?"),
        ("channels: {eyeWide: 1}", "channels: {eyeWide: 1.5}", "units.5.channels.eyeWide: 1.5 is 0 or outside 0..1"),
        ("channels: {headPitch: 20}", "channels: {headPitch: -20}", "units.53: has to move head pitch in the + direction"),
        ("C: 0.5,", "C: 0.9,", "intensity: needs A, B, C, D and E, rising"),
        ("{units: [1, 4],", "{units: [1, 3],", "blends[0].units[1]: 3 is not an action unit"),
        ("yields: [mouthPress]", "yields: [mouthClose]", "yields[0]: mouthClose is to yield but has no positive weight"),
        ("    left: {jawLeft: 1}\n", "", "units.30: a unit needs channels, or else both left and right"),
        ("  51: {name", "  151: {name", "units: unit 51, which moves head yaw, is missing"),
    ],
)
def test_a_wrong_unit_is_named_with_its_line(texts: tuple[str, str], old: str, new: str, said: str) -> None:
    au, emotions = texts
    assert old in au
    changed = au.replace(old, new, 1)
    with pytest.raises(ConfigError) as caught:
        loaded((changed, emotions))
    assert re.match(r"au\.yaml:\d+: ", str(caught.value))
    assert said in str(caught.value)
