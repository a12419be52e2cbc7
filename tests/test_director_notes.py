"""What notes make of briefs: which acts change how, which beats stay equal, and what cannot be used."""

from __future__ import annotations

import pytest

from hypothesis import given
from hypothesis import strategies as st

from agents.director.notes import NoteError
from configs.lexicon import load_lexicon
from configs.loading import ConfigError
from protocol.brief import Brief
from protocol.keyframes import exact
from tests.directing import PLANNER, TEXTS
from tests.noted import (
    DIRECTIONS,
    FROWNING,
    JOKING,
    LONG,
    NOTES,
    SMILING,
    SURPRISED,
    WEEPING,
    planned,
    revised,
    told,
)

# The parent's direction, the note, and what became of each beat (see `told`).
TABLE = [
    (SMILING, "hold the smile longer", "1(+1.1 s) =2"),
    (SMILING, "hold the smile a second longer", "1(+1 s) =2"),
    (SMILING, "hold the smile 2 more seconds", "1(+2 s) =2"),
    (SMILING, "extend the smile by half a second", "1(+0.5 s) =2"),
    (SMILING, "the smile is too short", "1(+1.1 s) =2"),
    (SMILING, "hold teh smlie loger", "1(+1.1 s) =2"),
    (
        FROWNING,
        "keep the frown for 2 seconds",
        "1(times) 2(furrow_brows until 0.54, frown until 0.54) 3(-furrow_brows, -frown) =4 =5",
    ),
    (FROWNING, "shorten the pause", "=1 2(-0.4 s) =3 =4 =5"),
    (FROWNING, "make the pause 2 seconds long", "=1 2(+1 s) =3 =4 =5"),
    (FROWNING, "the nod should be shorter", "=1 =2 3(-0.6 s, nod speed 1.75 until 0.8) =4 =5"),
    (LONG, "hold still longer", "=1 =2 =3 =4 =5 =6 =7 8(+0.5 s, still until 1.5)"),
    (LONG, "the smile should end earlier", "=1 =2 =3 =4 =5 =6 7(times) 8(smile until 0.3)"),
    (LONG, "let the smile fade before the nod", "=1 2(times) 3(-smile) 4(-smile) 5(-smile) 6(-smile) 7(-smile) 8(-smile)"),
    (WEEPING, "laugh longer", "=1 =2 =3 =4 =5 6(+1.1 s) =7"),
    (WEEPING, "a shorter laugh", "=1 =2 =3 =4 =5 6(-0.9 s) =7"),
    (JOKING, "talk for 5 seconds", "=1 =2 =3 =4 5(+1.75 s)"),
    (JOKING, "stop talking a second earlier", "=1 =2 =3 =4 5(-1 s)"),
    (FROWNING, "smile more", "=1 =2 =3 4(smile strength 1.35) 5(smile strength 1.35)"),
    (
        SMILING,
        "a much bigger smile",
        "1(tenderness strength 1.3, smile strength 1.39) 2(tenderness strength 1.3, smile strength 1.39)",
    ),
    (
        SMILING,
        "could she smile a bit less?",
        "1(tenderness strength 0.659, smile strength 0.7) 2(tenderness strength 0.659, smile strength 0.7)",
    ),
    (SURPRISED, "less surprise", "1(surprise strength 0.7) =2 =3 =4 =5"),
    (
        FROWNING,
        "make the frown subtler",
        (
            "1(furrow_brows strength 0.51, frown strength 0.42) 2(furrow_brows strength 0.51, frown strength 0.42) "
            "3(furrow_brows strength 0.51, frown strength 0.42) =4 =5"
        ),
    ),
    (SMILING, "raise the eyebrows higher", "=1 2(raise_brows strength 1.35)"),
    (SMILING, "glance further left", "=1 2(glance yaw 24.3)"),
    (
        SMILING,
        "half as much",
        (
            "1(tenderness strength 0.4, smile strength 0.425) "
            "2(tenderness strength 0.4, smile strength 0.425, glance yaw 9, raise_brows strength 0.5)"
        ),
    ),
    (SMILING, "the glance is a bit much", "=1 2(glance yaw 13.5)"),
    (
        SMILING,
        "20% stronger",
        (
            "1(tenderness strength 0.96, smile strength 1.02) "
            "2(tenderness strength 0.96, smile strength 1.02, glance yaw 21.6, raise_brows strength 1.2)"
        ),
    ),
    (SURPRISED, "don't open the mouth so wide", "=1 2(open_mouth strength 0.91) =3 =4 =5"),
    (
        LONG,
        "less head movement",
        "=1 2(turn_head yaw 14) 3(turn_head yaw 14, nod strength 0.7) 4(turn_head yaw 14) =5 =6 =7 =8",
    ),
    (
        LONG,
        "double the smile",
        (
            "1(smile strength 2) 2(smile strength 2) 3(smile strength 2) 4(smile strength 2) 5(smile strength 2) "
            "6(smile strength 2) 7(smile strength 2) 8(smile strength 2)"
        ),
    ),
    (WEEPING, "make her sadder", "1(sadness strength 1.35) 2(sadness strength 1.35) =3 =4 =5 =6 =7"),
    (SMILING, "she smiles more when she glances left", "=1 2(tenderness strength 1.08 at 0, smile strength 1.15 at 0)"),
    (LONG, "turn the head only a little", "=1 2(turn_head yaw 10) 3(turn_head yaw 10) 4(turn_head yaw 10) =5 =6 =7 =8"),
    (SURPRISED, "turn the head more slowly", "=1 =2 3(turn_head speed 0.6) =4 =5"),
    (LONG, "slow down the head turn a lot", "=1 2(+0.28 s, turn_head speed 0.455) 3(times) =4 =5 =6 =7 =8"),
    (LONG, "blink faster", "=1 =2 =3 4(blink speed 1.5 until 0.17) =5 =6 7(blink speed 1.5 until 0.42) =8"),
    (LONG, "make the last blink slower", "=1 =2 =3 =4 =5 =6 7(+0.32 s, blink speed 0.6 until 1.04) =8"),
    (
        LONG,
        "the first blink should be slower and the second faster",
        "=1 =2 3(times) 4(+0.04 s, blink speed 0.6 until 0.42) =5 =6 7(blink speed 1.5 until 0.42) =8",
    ),
    (LONG, "the second blink earlier", "=1 =2 =3 =4 =5 6(-0.4 s) =7 =8"),
    (LONG, "blink faster at 9 s", "=1 =2 =3 =4 =5 =6 7(blink speed 1.5 until 0.42) =8"),
    (SMILING, "the glance is too fast", "=1 2(glance speed 0.65 until 1.85)"),
    (
        SMILING,
        "everything twice as fast",
        (
            "1(-1.24 s, tenderness speed 2 at 0.1, smile speed 2 at 0.1) "
            "2(-1.11 s, tenderness speed 2, smile speed 2, glance speed 2 until 0.6, raise_brows speed 2 at 0.3)"
        ),
    ),
    (
        SMILING,
        "make it 2 seconds longer",
        (
            "1(+1.06 s, tenderness speed 0.702 at 0.29, smile speed 0.702 at 0.29) "
            "2(+0.94 s, glance speed 0.702 until 1.71, raise_brows speed 0.702 at 0.86)"
        ),
    ),
    (SMILING, "speed up the second beat", "=1 2(-0.74 s, glance speed 1.5 until 0.8, raise_brows speed 1.5 at 0.4)"),
    (SMILING, "make the second half slower", "=1 2(+1.48 s, glance speed 0.6 until 2, raise_brows speed 0.6 at 1)"),
    (SMILING, "hold the last frame for 2 seconds", "=1 2(+2 s)"),
    (SMILING, "beat 1 should be longer", "=1 2(+1.1 s)"),
    (FROWNING, "smile earlier", "=1 =2 3(-0.31 s) =4 =5"),
    (FROWNING, "start the nod half a second later", "=1 2(+0.5 s) =3 =4 =5"),
    (SMILING, "glance a little later", "1(+0.2 s) =2"),
    (SMILING, "move the glance to 1 second", "1(-1.48 s) 2(times)"),
    (LONG, "nod before the head turn", "=1 new(1.8 s: nod 0..1.4) =2 4(times) =5 =6 =7 =8"),
    (WEEPING, "close the eyes earlier", "1(+close_eyes 1.76) 2(close_eyes at -0.4) =3 =4 =5 =6 =7"),
    (SMILING, "no blinking", "1(limit eyeBlinkLeft) 2(limit eyeBlinkLeft)"),
    (
        LONG,
        "no blinking",
        (
            "1(limit eyeBlinkLeft) 2(limit eyeBlinkLeft) 3(limit eyeBlinkLeft) 5(limit eyeBlinkLeft) "
            "6(limit eyeBlinkLeft) 8(limit eyeBlinkLeft)"
        ),
    ),
    (SMILING, "without blinking at the end", "=1 2(limit eyeBlinkLeft)"),
    (FROWNING, "don't nod", "=1 =2 =4 =5"),
    (SURPRISED, "without the head turn", "=1 =2 3(-turn_head) 4(-turn_head) 5(-turn_head)"),
    (FROWNING, "remove the frown", "2(-furrow_brows, -frown) 3(-furrow_brows, -frown) =4 =5"),
    (SMILING, "skip the glance and the eyebrow", "=1"),
    (SMILING, "no smile at the end", "1(times) 2(-tenderness, -smile)"),
    (SMILING, "remove beat 1", "=1"),
    (FROWNING, "remove the last beat", "=1 =2 =3 =4"),
    (LONG, "no holding still", "=1 =2 =3 =4 =5 =6 =7"),
    (LONG, "smile only at the end", "1(-smile) 2(-smile) 3(-smile) 4(-smile) 5(-smile) 6(-smile) 7(-smile) 8(smile at 0)"),
    (SMILING, "smile only during the glance", "1(-tenderness, -smile) 2(tenderness at 0 until 1.2, smile at 0 until 1.2)"),
    (SMILING, "no more smiling after the glance", "=1 2(tenderness until 1.2, smile until 1.2)"),
    (SMILING, "keep everything but the glance", "=1 2(-glance)"),
    (SMILING, "add a wink at the end", "=1 =2 new(0.9 s: wink 0..0.5)"),
    (SMILING, "start with a blink", "1(+blink 0.2..0.45) =2"),
    (SMILING, "blink twice at 2 seconds", "1(+blink 2 x2) 2(+blink -0.48..0.14 x2)"),
    (FROWNING, "also raise the left eyebrow while she smiles", "=1 =2 =3 4(+raise_brows 0.3..1.81 left) =5"),
    (SMILING, "at the end she looks down", "=1 =2 new(1.4 s: look 0 pitch -15)"),
    (WEEPING, "look up at the end", "=1 =2 =3 =4 =5 =6 =7 new(1.4 s: look 0 pitch 14)"),
    (SMILING, "add a nod before the glance", "=1 new(1.8 s: nod 0..1.4) =2"),
    (JOKING, "smile while he talks", "=1 =2 =3 =4 5(+smile 0.3)"),
    (JOKING, "add a smile throughout", "1(+smile 0.2) 2(+smile -4.34) 3(+smile -6.15) 4(+smile -7.83) 5(+smile -9.3)"),
    (JOKING, "wink three times at the end", "=1 =2 =3 =4 =5 new(2.5 s: wink 0..0.5, wink 0.85..1.35, wink 1.7..2.2)"),
    (JOKING, "then he hears a loud bang", "=1 =2 =3 =4 =5 new(2.2 s: startle 0..0.9 strength 1.1, fear 0.2 strength 0.6)"),
    (FROWNING, "add a pause before the nod", "=1 2(+1 s) =3 =4 =5"),
    (SMILING, "freeze for 2 seconds at the end", "=1 =2 new(2 s: still)"),
    (
        FROWNING,
        "frown instead of smiling",
        (
            "=1 =2 =3 4(+furrow_brows 0 strength 0.85, +frown 0 strength 0.7, -smile) "
            "5(+furrow_brows -1.91 strength 0.85, +frown -1.91 strength 0.7, -smile)"
        ),
    ),
    (SMILING, "don't glance, look down instead", "=1 2(+look 0 pitch -15, -glance)"),
    (SMILING, "glance: slower, and to the right", "=1 2(glance speed 0.6 yaw -18 until 2)"),
    (LONG, "wink instead of the first blink", "=1 =2 3(times) 4(+0.03 s, +wink 0..0.5, -blink) =5 =6 =7 =8"),
    (
        SURPRISED,
        "turn left instead of right",
        "=1 =2 3(turn_head yaw 20 left) 4(turn_head yaw 20 left) 5(turn_head yaw 20 left)",
    ),
    (SMILING, "look at the viewer's left, not right", "=1 2(glance yaw -18)"),
    (LONG, "swap the nod for a head shake", "=1 =2 3(+shake_head 0..1.4, -nod) =4 =5 =6 =7 =8"),
    (FROWNING, "nod three times", "=1 =2 3(+0.54 s, nod x3 until 2.1) =4 =5"),
    (SMILING, "glance twice", "=1 2(+0.58 s, +glance 1.55..2.75 yaw 18)"),
    (LONG, "blink once more", "=1 =2 =3 =4 =5 =6 7(+0.22 s, blink x3 until 0.94) =8"),
    (LONG, "blink less", "=1 =2 =3 =4 =5 =6 7(blink x1 until 0.25) =8"),
    (SMILING, "raise both eyebrows", "=1 2(raise_brows both)"),
    (SURPRISED, "only with the right eye", "=1 =2 =3 4(wink right) =5"),
    (
        LONG,
        "turn her head 30 degrees to the right",
        "=1 2(turn_head yaw -30 right) 3(turn_head yaw -30 right) 4(turn_head yaw -30 right) =5 =6 =7 =8",
    ),
    (SMILING, "smile with teeth", "1(+grin 0.2, -tenderness, -smile) 2(+grin -2.28, -tenderness, -smile)"),
    (FROWNING, "keep the head still during the pause", "=1 2(limit headPitch) =3 =4 =5"),
    (FROWNING, "blink during the pause", "=1 2(+blink 0.3..0.55) =3 =4 =5"),
    (
        SURPRISED,
        "no blinking",
        ("1(limit eyeBlinkLeft) 2(limit eyeBlinkLeft) 3(limit eyeBlinkLeft) 4(limit eyeBlinkLeft) 5(limit eyeBlinkLeft)"),
    ),
    (
        LONG,
        "keep the head still",
        (
            "1(limit headPitch) 4(-turn_head, limit headPitch) 5(look_at_camera by eyes, limit headPitch) "
            "6(look_at_camera by eyes, limit headPitch) 7(look_at_camera by eyes, limit headPitch) "
            "8(look_at_camera by eyes, limit headPitch)"
        ),
    ),
    (SMILING, "keep the mouth closed", "1(limit jawOpen) 2(limit jawOpen)"),
    (SURPRISED, "keep the mouth closed", "1(limit jawOpen) 3(limit jawOpen) 4(limit jawOpen) 5(limit jawOpen)"),
    (
        FROWNING,
        "make the smile and the nod bigger",
        "=1 =2 3(nod strength 1.35) 4(smile strength 1.35) 5(smile strength 1.35)",
    ),
    (FROWNING, "a longer, slower nod", "=1 =2 3(+1.94 s, nod speed 0.4 until 3.5) =4 =5"),
    (
        SMILING,
        "hold the smile longer and don't raise the eyebrow; then add a wink at the end",
        "1(+1.1 s) 2(-raise_brows) new(0.9 s: wink 0..0.5)",
    ),
    (
        JOKING,
        "make the giggle and the head tilt a bit slower and add a blink after the giggle",
        "=1 2(chuckle speed 0.75) new(0.8 s: blink 0..0.25) =3 4(tilt_head speed 0.75) 5(tilt_head speed 0.75)",
    ),
]


@pytest.mark.parametrize(("direction", "note", "expected"), TABLE, ids=[note for _, note, _ in TABLE])
def test_a_note_changes_what_it_says_and_nothing_else(direction: str, note: str, expected: str) -> None:
    parent, child = revised(direction, note)
    assert told(parent, child) == expected
    assert child.said
    assert "new direction" not in child.said[0]


# ------------------------------------------------------------------------------------------------------- what is said


@pytest.mark.parametrize(
    ("direction", "note", "said"),
    [
        (SMILING, "hold the smile a second longer", ["beat 0: “smiles warmly” is held 1 s longer"]),
        (SMILING, "the glance 0.3 seconds later", ["beat 1: “glances left” begins 0.3 s later"]),
        (FROWNING, "smile 20 percent more", ["beat 3: “smiles” is 20 % stronger"]),
        (FROWNING, "no nod", ["beat 2: “nods twice” is taken away, and its beat with it"]),
        (SMILING, "everything twice as fast", ["the whole take: it takes 2.35 s instead of 4.7 s"]),
        (LONG, "calmer", ["the whole take: everything is 30 % weaker"]),
        (SMILING, "end with a wink", ["a new beat at the end: “a wink”"]),
        (SMILING, "smile ten times as much", None),
        (
            LONG,
            "smile more, and skip the wink",
            ["beat 0: “smiles” is 35 % stronger", "not done: there is no “wink” in the take"],
        ),
        (FROWNING, "frown instead of smiling", ["beat 3: “frown” in place of “smiles”"]),
        (LONG, "nod before the head turn", ["“nods” comes before “turns her head to the left”, in a beat of its own"]),
    ],
)
def test_what_was_done_is_said(direction: str, note: str, said: list[str] | None) -> None:
    _, child = revised(direction, note)
    assert list(child.said) == said if said is not None else child.said


def test_a_strength_that_goes_no_further_is_said() -> None:
    parent, child = revised(FROWNING, "double the smile")
    assert child.said == ("beat 3: “smiles” is 100 % stronger",)
    again = NOTES.revise(child.brief, "double the smile, and nod more strongly", FROWNING, None, None)
    assert again.said[0] == "beat 3: “smiles” is already as strong as it gets"
    with pytest.raises(NoteError, match="already as strong as it gets"):
        NOTES.revise(child.brief, "double the smile", FROWNING, None, None)
    assert parent != child.brief


def test_words_of_a_note_that_were_not_understood_are_told() -> None:
    _, child = revised(SMILING, "hold the smile longer, and zxqv the wobbulator")
    assert child.brief.unread == ("zxqv the wobbulator",)
    assert child.brief.understood[-1] == ("hold the smile longer", "beat 0: “smiles warmly” is held 1.1 s longer")


def test_who_wants_no_blinking_still_gets_the_wink_that_was_asked_for() -> None:
    _, child = revised(SURPRISED, "no blinking")
    winking = child.brief.beats[3]
    assert [(act.start, act.end) for act in winking.acts if act.name == "wink"] == [(0.0, 0.5)]
    assert [(limit.start, limit.end) for limit in winking.limits] == [(0.5, 0.729)]


# ------------------------------------------------------------------------------------------------ notes and directions


@pytest.mark.parametrize(
    "note",
    [
        "She looks sad and sighs",
        "He looks angry and clenches his jaw.",
        "A woman yawns, then blinks twice.",
        "The girl laughs without showing her teeth, then looks away.",
        "Make her look angry. Then she laughs.",
        "Start over: she yawns, then blinks",
        "sad, then angry, then calm",
        "an angry face",
        "Her face falls and she lowers her head.",
    ],
)
def test_a_tale_is_a_direction_of_its_own(note: str) -> None:
    _, child = revised(SMILING, note)
    assert child.said[0].startswith("taken for a new direction")
    assert set(child.origin) == {None}
    plain = note.removeprefix("Start over: ")
    assert child.brief.beats == PLANNER.plan(plain, None).beats


@pytest.mark.parametrize(
    "note",
    [
        "she should nod more often",
        "she nods a bit later",
        "he never blinks",
        "The nod should be smaller",
        "nod three times and wink",
        "she winks at the end",
        "her smile is too strong",
        "I want her to smile longer, then nod faster",
    ],
)
def test_what_changes_the_take_is_a_note(note: str) -> None:
    _, child = revised(LONG, note)
    assert not child.said[0].startswith("taken for a new direction")


def test_a_new_direction_keeps_the_beats_that_are_the_same() -> None:
    _, child = revised(LONG, LONG.replace("blinks twice", "sneezes"))
    assert child.said == ("taken for a new direction and planned anew: of its 8 beats, 7 are as before",)
    assert child.origin == (0, 1, 2, 3, 4, 5, None, 7)


def test_a_new_direction_is_planned_for_the_length_that_was_asked_for() -> None:
    parent = PLANNER.plan(SMILING, 6.0)
    child = NOTES.revise(parent, "She looks sad and sighs", SMILING, 6.0, "afraid")
    assert child.brief == PLANNER.plan("She looks sad and sighs", 6.0, "afraid")


@pytest.mark.parametrize(
    ("note", "why"),
    [
        ("", "The note is empty"),
        ("  \n ", "The note is empty"),
        ("banana", "“banana” asks for no change"),
        ("asdf qwer zxcv", "asks for no change"),
        ("!!!", "none of its words ask for a change"),
        ("at the end", "asks for no change"),
        ("the smile", "“the smile” is as it was asked for already"),
        ("wink less", "there is no “wink” in the take"),
        ("don't sneeze", "there is no “sneeze” in the take"),
        ("blink in beat 5", "there is no such beat as in “blink in beat 5”"),
        ("the third smile longer", "the take has 1 of them"),
        ("beat 7 slower", "there is no such beat as in “beat 7 slower”: they go from beat 0 to beat 1"),
        ("keep smiling", "already held for as long as there is room"),
        ("more natural", "could not be understood"),
        ("remove the second smile", "the take has 1 of them"),
        ("remove it", "does not say what is to be taken away"),
        ("raise the left eyebrow", "as it was asked for already"),
        ("make it 200 seconds long", "more than the 60 s"),
        (SMILING, "it asks for the take as it is"),
    ],
)
def test_a_note_that_changes_nothing_is_an_error_that_says_why_and_what_to_do(note: str, why: str) -> None:
    with pytest.raises(NoteError, match=why) as caught:
        revised(SMILING, note)
    assert "\n" not in str(caught.value)
    assert any(hint in str(caught.value) for hint in ("Say what is to be different", "Say which of that", "Ask for a smaller"))


# ------------------------------------------------------------------------------------------------------- for any note

WORDS = """hold the smile frown nod blink wink head turn eyebrow longer shorter more less much bigger a bit slower faster
    earlier later no not don't without add remove at end beginning while during before after instead of and , ; then twice
    three times for 2 seconds half second beat 1 3 last first everything it she he left right only keep still until 20 %
    make slowly look down sad joy pause start with replace""".split()


@given(st.sampled_from(DIRECTIONS), st.lists(st.sampled_from(WORDS), min_size=1, max_size=12).map(" ".join))
def test_any_note_leaves_a_valid_brief(direction: str, note: str) -> None:
    parent = planned(direction)
    before = parent.model_dump_json()
    try:
        child = NOTES.revise(parent, note, direction, None, None)
    except NoteError:
        return
    assert parent.model_dump_json() == before
    assert Brief.model_validate_json(child.brief.model_dump_json()) == child.brief
    assert len(child.origin) == len(child.brief.beats)
    numbers = [number for number in child.origin if number is not None]
    assert numbers == sorted(set(numbers))
    assert not numbers or numbers[-1] < len(parent.beats)
    assert child.said
    assert child.brief.seconds <= 60 or "new direction" in child.said[0]
    for beat in child.brief.beats:
        length = exact(beat.end - beat.start)
        assert length >= 0.1
        assert all(act.start < length and act.end > 0 for act in beat.acts)
        spans = [(limit.start, limit.end) for limit in beat.limits] + [(still.start, still.end) for still in beat.stills]
        assert all(0 <= start < end <= length for start, end in spans)
    assert NOTES.revise(parent, note, direction, None, None) == child


@given(st.text(max_size=60))
def test_any_text_can_be_a_note(note: str) -> None:
    try:
        _, child = revised(SMILING, note)
    except NoteError:
        return
    assert child.said


@given(
    st.sampled_from(DIRECTIONS),
    st.sampled_from(["stronger", "weaker", "much bigger", "a bit subtler", "20% stronger"]),
    st.integers(0, 10),
)
def test_a_strength_changes_only_the_acts_that_are_named(direction: str, change: str, which: int) -> None:
    parent = planned(direction)
    words = [said for said, _ in parent.understood]
    name = words[which % len(words)]
    try:
        child = NOTES.revise(parent, f"make “{name}” {change}", direction, None, None)
    except NoteError:
        return  # a pause has no strength
    entries = {call for step in PLANNER.understand(name).steps for moment in step.moments for call in moment.cue.calls}
    family = {call.name for call in entries}
    for number, (mine, theirs) in enumerate(zip(child.brief.beats, parent.beats, strict=True)):
        assert child.origin[number] == number
        assert (mine.start, mine.end) == (theirs.start, theirs.end)
        for new, old in zip(mine.acts, theirs.acts, strict=True):
            changed = new != old
            together = any(act.name in family for act in theirs.acts if act.words == old.words)
            assert not changed or together
            assert new.model_copy(update={"strength": old.strength, "yaw": old.yaw, "pitch": old.pitch}) == old


@given(st.sampled_from(DIRECTIONS), st.integers(1, 20), st.integers(0, 10))
def test_time_is_put_into_one_beat_and_moves_the_later_ones(direction: str, tenths: int, which: int) -> None:
    parent = planned(direction)
    beat = which % len(parent.beats)
    child = NOTES.revise(parent, f"beat {beat} {tenths / 10:g} seconds longer", direction, None, None)
    assert child.origin == tuple(range(len(parent.beats)))
    for number, (mine, theirs) in enumerate(zip(child.brief.beats, parent.beats, strict=True)):
        grown = exact((mine.end - mine.start) - (theirs.end - theirs.start))
        assert grown == (tenths / 10 if number == beat else 0)
        began = {act.name: act for act in theirs.acts if act.start >= 0}
        if number != beat:
            assert {act.name: act for act in mine.acts if act.start >= 0} == began


def test_a_note_on_a_note_finds_its_acts_again() -> None:
    parent, first = revised(LONG, "hold the smile a second longer")
    second = NOTES.revise(first.brief, "smile more", LONG, None, None)
    assert second.said == ("beat 0: “smiles” is 35 % stronger",)
    assert all(act.strength == 1.35 for beat in second.brief.beats for act in beat.acts if act.name == "smile")
    third = NOTES.revise(second.brief, "hold the smile a second less", LONG, None, None)
    assert third.brief.seconds == parent.seconds


def test_tables_of_notes_that_do_not_fit_the_others_are_named() -> None:
    wrong = TEXTS["notes"].replace("- [blink, slow_blink]", "- [blink, slow_blonk]", 1)
    with pytest.raises(ConfigError, match=r"notes\.yaml:\d+: families: names slow_blonk.*did you mean slow_blink"):
        load_lexicon({**TEXTS, "notes": wrong})
    wrong = TEXTS["notes"].replace("gaze: [gaze]", "gaze: [gaz]")
    with pytest.raises(ConfigError, match=r"notes\.yaml:\d+: gaze: names the part gaz"):
        load_lexicon({**TEXTS, "notes": wrong})
