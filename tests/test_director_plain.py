"""Plain directions of ordinary users, in ordinary words: each has to move something, and the right thing."""

from __future__ import annotations

import pytest

from protocol.brief import Brief
from tests.directing import PLANNER


def names(brief: Brief) -> set[str]:
    """The acts of a brief, whenever they begin."""
    return {act.name for beat in brief.beats for act in beat.acts}


@pytest.mark.parametrize(
    ("direction", "act"),
    [
        ("He is joyful.", "joy"),
        ("She seems thoroughly miserable.", "sadness"),
        ("You look terrified.", "fear"),
        ("He is boiling with anger.", "anger"),
        ("She is utterly repulsed.", "disgust"),
        ("He is astonished.", "surprise"),
        ("She's a bit cross.", "anger"),
        ("He's in a foul mood.", "annoyance"),
        ("He is filled with dread.", "fear"),
        ("Make her look happy.", "joy"),
        ("He's thrilled to bits.", "joy"),
        ("Joy fills her face.", "joy"),
        ("She could not be happier.", "joy"),
        ("His expression is one of deep sorrow.", "sadness"),
        ("She is on the edge of tears.", "crying"),
        ("He loses his temper.", "anger"),
        ("Fear grips her.", "fear"),
        ("The smell disgusts him.", "disgust"),
        ("Her face lights up with delight.", "joy"),
        ("He is angry and afraid at once.", "fearfully_angry"),
        ("Happy tears.", "bittersweet"),
        ("She gradually becomes angry.", "anger"),
        ("You're happy.", "joy"),
    ],
)
def test_an_emotion(direction: str, act: str) -> None:
    assert act in names(PLANNER.plan(direction, None))


@pytest.mark.parametrize(
    ("direction", "act"),
    [
        ("He is proud of himself.", "pride"),
        ("She is jealous.", "envy"),
        ("He is bored out of his mind.", "boredom"),
        ("She flirts with the camera.", "coyness"),
        ("He is sceptical.", "skepticism"),
        ("She's lost in thought.", "thoughtfulness"),
        ("He doesn't understand a word.", "confusion"),
        ("She pities him.", "sympathy"),
        ("She looks guilty.", "guilt"),
        ("He is ashamed of himself.", "shame"),
        ("She sneers at us.", "sneer"),
        ("He looks at us with contempt.", "contempt"),
        ("She agrees.", "nod"),
        ("He disagrees strongly.", "shake_head"),
        ("She's smitten.", "love"),
        ("He gloats.", "gloating"),
        ("She says hello.", "smile"),
        ("He counts to three.", "talk"),
    ],
)
def test_a_social_signal(direction: str, act: str) -> None:
    assert act in names(PLANNER.plan(direction, None))


@pytest.mark.parametrize(
    ("direction", "act"),
    [
        ("He opens his mouth as wide as possible.", "open_mouth"),
        ("His mouth falls open.", "open_mouth"),
        ("Open your mouth just a crack.", "open_mouth"),
        ("She puckers up for a kiss.", "kiss"),
        ("She makes a kissing face.", "kiss"),
        ("He shows his teeth.", "bare_teeth"),
        ("She closes both eyes tightly.", "squeeze_eyes"),
        ("He scrunches up his nose.", "wrinkle_nose"),
        ("She sucks in her cheeks.", "purse_lips"),
        ("He pulls a face.", "squint"),
        ("She drops her jaw.", "drop_jaw"),
        ("He presses his lips into a thin line.", "press_lips"),
        ("She pokes her tongue out.", "stick_tongue_out"),
        ("She draws her eyebrows together.", "furrow_brows"),
        ("He wrinkles his forehead.", "raise_brows"),
        ("He half closes his eyes.", "droop_lids"),
        ("Her eyelids grow heavy.", "droop_lids"),
        ("He chews on his lip.", "bite_lip"),
        ("He yawns widely.", "yawn"),
        ("She smacks her lips.", "lick_lips"),
        ("He clenches his teeth.", "clench_jaw"),
        ("She gulps.", "swallow"),
        ("He juts his chin forward.", "thrust_jaw"),
        ("Her mouth twists to the right.", "shift_mouth"),
        ("The corners of her mouth drop.", "frown"),
        ("She pulls the corners of her mouth back.", "stretch_lips"),
        ("Lift your upper lip.", "curl_lip"),
        ("He fills his cheeks with air.", "puff_cheeks"),
        ("He rolls his lips inward.", "roll_lips_in"),
        ("He sticks out his lower lip.", "pout"),
        ("She spits.", "blow_air"),
        ("Her eyes open.", "close_eyes"),
        ("You raise your eyebrows.", "raise_brows"),
    ],
)
def test_a_movement_of_the_face(direction: str, act: str) -> None:
    assert act in names(PLANNER.plan(direction, None))


@pytest.mark.parametrize(
    ("direction", "act"),
    [
        ("Turn your head to the left.", "turn_head"),
        ("You turn your head a fraction to the right.", "turn_head"),
        ("Face left.", "turn_head"),
        ("She cocks her head to the right.", "tilt_head"),
        ("She rests her head on her shoulder.", "tilt_head"),
        ("He throws back his head and laughs.", "lift_chin"),
        ("She leans closer to the camera.", "lean_in"),
        ("Bring your head nearer, leaning nearer.", "lean_in"),
        ("He pulls his head back.", "lean_back"),
        ("He jerks his head back.", "recoil"),
        ("He looks over his right shoulder.", "turn_head"),
        ("She bobs her head to the music.", "bob_head"),
        ("His head sways from side to side.", "sway"),
        ("She nods vigorously.", "nod"),
        ("He shrugs.", "shrug"),
        ("Hang your head.", "lower_head"),
        ("Her eyes wander around the room.", "scan"),
        ("He rolls his eyes.", "roll_eyes"),
        ("She makes eye contact.", "look_at_camera"),
        ("He avoids eye contact.", "avert_gaze"),
        ("She stares blankly ahead.", "look_at_camera"),
        ("She peeks to the left.", "look"),
        ("He glances at the clock.", "glance"),
        ("He blinks rapidly.", "blink"),
        ("You look at me.", "look_at_camera"),
    ],
)
def test_a_movement_of_head_or_eyes(direction: str, act: str) -> None:
    assert act in names(PLANNER.plan(direction, None))


@pytest.mark.parametrize(
    "direction",
    [
        "Hold perfectly still.",
        "He is still as a statue.",
        "Freeze!",
        "He stops dead.",
        "Still as a stone.",
        "For two seconds, no movement at all.",
        "She stands frozen in shock.",
        "Two seconds of stillness. Then a nod.",
        "Freeze with your mouth open.",
    ],
)
def test_a_freeze(direction: str) -> None:
    assert any(beat.stills for beat in PLANNER.plan(direction, None).beats)


@pytest.mark.parametrize(
    ("direction", "most"),
    [
        ("A quick flash of anger.", 0.6),
        ("Contempt flickers across his face.", 0.6),
        ("For a split second she looks afraid.", 0.6),
        ("A tiny smile appears and vanishes.", 0.6),
        ("Her lip twitches briefly.", 1.0),
        ("He shows anger for just 0.3 seconds.", 0.6),
        ("A quick smile, gone in a flash.", 0.6),
        ("The smile is gone as quickly as it came.", 0.6),
        ("For a fraction of a second he looks scared.", 0.6),
    ],
)
def test_a_flash(direction: str, most: float) -> None:
    acts = [act for beat in PLANNER.plan(direction, None).beats for act in beat.acts]
    assert acts
    assert all(act.end - act.start <= most for act in acts)
