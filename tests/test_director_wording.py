"""Ways in which directors put things: each row is a class of wording, and what all of it has to come to."""

from __future__ import annotations

import pytest

from protocol.brief import Act, Brief, Limit
from tests.directing import PLANNER


def acts(brief: Brief) -> list[tuple[float, Act]]:
    """Each act once with its start on the take's clock, in order of start."""
    found: dict[tuple[str, float, str], tuple[float, Act]] = {}
    for beat in brief.beats:
        for act in beat.acts:
            start = round(beat.start + act.start, 3)
            found.setdefault((act.name, start, act.side), (start, act))
    return sorted(found.values(), key=lambda item: item[0])


def names(direction: str, seconds: float | None = None) -> list[str]:
    """The acts of a direction, in order."""
    return [act.name for _, act in acts(PLANNER.plan(direction, seconds))]


def act(direction: str, name: str) -> Act:
    """The one act of a name that a direction calls for."""
    (found,) = [act for _, act in acts(PLANNER.plan(direction, None)) if act.name == name]
    return found


def limits(direction: str) -> list[Limit]:
    """What a direction forbids."""
    return [limit for beat in PLANNER.plan(direction, None).beats for limit in beat.limits]


def forbidden(direction: str) -> set[str]:
    """The channels that a direction forbids to move."""
    return {channel for limit in limits(direction) for channel in limit.channels}


@pytest.mark.parametrize(
    ("direction", "name"),
    [
        ("She cannot stifle an enormous yawn.", "yawn"),
        ("She fails to suppress a giggle.", "chuckle"),
        ("He can't hide his disgust.", "disgust"),
        ("He could not conceal his fear.", "fear"),
        ("She can't hold back a laugh.", "laugh"),
        ("He is unable to keep from smiling.", "smile"),
        ("She can't stop herself from grinning.", "grin"),
        ("He cannot resist a wink.", "wink"),
        ("She doesn't even try to hide her anger.", "anger"),
        ("He makes no secret of his contempt.", "contempt"),
        ("You've never been so furious in your life.", "anger"),
        ("She can't keep the smile off her face.", "smile"),
    ],
)
def test_who_cannot_hold_it_back_does_it(direction: str, name: str) -> None:
    assert name in names(direction)
    assert not limits(direction)


@pytest.mark.parametrize(
    ("direction", "after"),
    [
        ("He tries not to laugh, but can't.", "laugh"),
        ("She fights not to cry but fails.", "cry"),
        ("He tries not to smile, without success.", "smile"),
    ],
)
def test_who_tries_in_vain_gives_in(direction: str, after: str) -> None:
    found = names(direction)
    assert found[0] != after
    assert after in found[1:]


@pytest.mark.parametrize(
    "direction",
    [
        "She won't look up from the floor.",
        "He won't lift his eyes from the table.",
        "She can't take her eyes off the floor.",
        "He never raises his eyes.",
        "Her gaze is glued to the ground.",
        "He keeps his eyes on the floor.",
    ],
)
def test_eyes_that_will_not_leave_what_is_below_stay_down(direction: str) -> None:
    assert act(direction, "look").pitch <= -10


@pytest.mark.parametrize(
    "direction",
    [
        "He never takes his eyes off the camera.",
        "She doesn't look away once.",
        "Don't take your eyes off me.",
        "Her eyes are fixed on the lens.",
        "She locks eyes with the viewer.",
    ],
)
def test_eyes_that_will_not_leave_us_stay(direction: str) -> None:
    assert act(direction, "look_at_camera").end > 2


@pytest.mark.parametrize("direction", ["He won't look at us.", "She can't bring herself to look at the camera."])
def test_who_will_not_look_looks_away(direction: str) -> None:
    assert names(direction) == ["avert_gaze"]


@pytest.mark.parametrize(
    ("direction", "channel"),
    [
        ("He doesn't so much as blink.", "eyeBlinkLeft"),
        ("She doesn't even smile.", "mouthSmileLeft"),
        ("Not once does he blink.", "eyeBlinkRight"),
        ("There is not a trace of a smile.", "mouthSmileLeft"),
        ("She is unable to smile.", "mouthSmileRight"),
    ],
)
def test_a_strong_no_is_a_no(direction: str, channel: str) -> None:
    assert channel in forbidden(direction)
    assert names(direction) == []


@pytest.mark.parametrize("direction", ["He doesn't so much as twitch.", "Not a muscle moves.", "She never budges."])
def test_not_a_twitch_is_stillness(direction: str) -> None:
    assert PLANNER.plan(direction, 3.0).beats[0].stills


@pytest.mark.parametrize(
    ("direction", "sign"),
    [
        ("Someone standing to his left catches his eye.", 1),
        ("Something to her right draws her attention.", -1),
        ("A noise on the left distracts him.", 1),
        ("Someone on his right calls his name and he looks over.", -1),
        ("There is a sound on her left. She turns to look.", 1),
    ],
)
def test_eyes_go_where_something_is_said_to_be(direction: str, sign: int) -> None:
    yaws = [found.yaw for _, found in acts(PLANNER.plan(direction, None)) if found.name in ("look", "glance", "turn_head")]
    assert yaws
    assert all(yaw * sign > 5 for yaw in yaws)


def test_a_look_at_what_nobody_can_place_goes_aside() -> None:
    assert abs(act("Anna stares at the telephone.", "look").yaw) >= 8


@pytest.mark.parametrize(
    "direction",
    [
        "The smile doesn't reach her eyes.",
        "A smile that never reaches his eyes.",
        "He smiles, but not with his eyes.",
        "Her eyes don't join in the smile.",
        "She smiles with her mouth only.",
        "His lips smile; his eyes don't.",
    ],
)
def test_a_smile_that_is_not_felt_leaves_the_eyes_alone(direction: str) -> None:
    assert names(direction) == ["smile"]
    assert {"cheekSquintLeft", "cheekSquintRight", "eyeSquintLeft"} <= forbidden(direction)
    assert "mouthSmileLeft" not in forbidden(direction)


@pytest.mark.parametrize(
    ("direction", "name", "count"),
    [
        ("A couple of blinks.", "blink", 2),
        ("A pair of slow nods.", "nod", 2),
        ("She gives a few nods.", "nod", 3),
        ("Several blinks.", "blink", 4),
        ("A single nod.", "nod", 1),
        ("He blinks and blinks.", "blink", 4),
        ("She shakes her head just the once.", "shake_head", 1),
        ("He nods, once.", "nod", 1),
    ],
)
def test_amounts_in_words_are_counted(direction: str, name: str, count: int) -> None:
    assert act(direction, name).count == count


def test_what_passes_is_counted_and_not_what_is_held() -> None:
    found = names("He winks twice at the camera.")
    assert found.count("wink") == 2
    assert found.count("look_at_camera") == 1


@pytest.mark.parametrize(
    "direction",
    [
        "He keeps his left eye shut for two seconds, the right one open.",
        "His left eye is shut, the right one open.",
        "Keep the right eye open and close the left.",
    ],
)
def test_one_eye_is_shut_and_the_other_stays_open(direction: str) -> None:
    shut = act(direction, "close_eyes")
    assert shut.side == "left"
    assert shut.end - shut.start > 1
    assert "eyeBlinkRight" in forbidden(direction)
    assert "eyeBlinkLeft" not in forbidden(direction)


def test_an_eye_that_is_closed_for_long_is_no_wink() -> None:
    assert names("She closes her left eye for three seconds.") == ["close_eyes"]
    assert names("She closes her left eye.") == ["wink"]


@pytest.mark.parametrize(
    ("direction", "expected"),
    [
        ("His smile is preceded by a raise of the eyebrows.", ["raise_brows", "smile"]),
        ("A nod follows the smile.", ["smile", "nod"]),
        ("Smiling precedes a wink.", ["smile", "wink"]),
        ("No sooner has he smiled than he frowns.", ["smile", "furrow_brows", "frown"]),
        ("Hardly had she nodded when she winked.", ["nod", "wink"]),
        ("After a long sigh he shuts his eyes.", ["sigh", "close_eyes"]),
        ("When the nod is over he smiles.", ["nod", "smile"]),
        ("His surprise is followed by anger.", ["surprise", "interest", "anger"]),
    ],
)
def test_order_in_words_is_kept(direction: str, expected: list[str]) -> None:
    found = acts(PLANNER.plan(direction, 6.0))
    assert [one.name for _, one in found] == expected
    assert found[-1][0] - found[0][0] > 0.4


@pytest.mark.parametrize("direction", ["Though she is terrified, she smiles.", "She smiles, although she is terrified."])
def test_what_holds_in_spite_of_something_goes_with_it(direction: str) -> None:
    found = acts(PLANNER.plan(direction, 4.0))
    assert {one.name for _, one in found} == {"fear", "smile"}
    assert found[0][0] == found[1][0]


@pytest.mark.parametrize(
    ("direction", "name", "start"),
    [
        ("For the last second, and only then, he sticks out his tongue.", "stick_tongue_out", 5.0),
        ("Only at the very end does he smile.", "smile", 4.5),
        ("He smiles with one second to go.", "smile", 5.0),
        ("She stays serious until the last second, when she grins.", "grin", 5.0),
        ("She doesn't smile until the last second.", "smile", 5.0),
        ("He does not blink until 0:03.", "blink", 3.0),
        ("In the third second she winks.", "wink", 2.0),
        ("Two thirds of the way through, she nods.", "nod", 4.0),
        ("[00:02] nod", "nod", 2.0),
        ("2s: nod", "nod", 2.0),
        ("Nod (at 2 s).", "nod", 2.0),
    ],
)
def test_times_in_further_words_are_kept(direction: str, name: str, start: float) -> None:
    (begins,) = [begins for begins, one in acts(PLANNER.plan(direction, 6.0)) if one.name == name]
    assert begins == pytest.approx(start, abs=0.06)


def test_a_list_of_times_is_a_list_of_times() -> None:
    found = acts(PLANNER.plan("Blink at 1s, 2s and 3s.", 5.0))
    assert [(start, one.name) for start, one in found] == [(1.0, "blink"), (2.0, "blink"), (3.0, "blink")]


def test_what_does_not_happen_until_then_is_forbidden_until_then() -> None:
    (limit,) = limits("She doesn't smile until the end.")
    assert "mouthSmileLeft" in limit.channels
    found = acts(PLANNER.plan("She doesn't smile until he winks.", None))
    assert [one.name for _, one in found] == ["wink", "smile"]


@pytest.mark.parametrize(
    ("direction", "expected"),
    [
        ("She isn't angry, just disappointed.", ["disappointment"]),
        ("He isn't sad; he's angry.", ["anger"]),
        ("He is neither happy nor sad.", []),
        ("Not a flicker of emotion.", []),
    ],
)
def test_a_feeling_that_is_denied_leaves_the_one_that_is_named(direction: str, expected: list[str]) -> None:
    assert names(direction) == expected


@pytest.mark.parametrize(
    ("less", "more", "name"),
    [
        ("He almost smiles.", "He smiles.", "smile"),
        ("His mouth is open, but not wide.", "His mouth is open.", "open_mouth"),
        ("She smiles, though only just.", "She smiles.", "smile"),
        ("Smile 50%.", "Smile 100%.", "smile"),
        ("He nods.", "He nods with great vigour.", "nod"),
        ("Could you look a bit more cheerful?", "Look very cheerful.", "joy"),
    ],
)
def test_further_words_of_degree_order_strengths(less: str, more: str, name: str) -> None:
    assert act(less, name).strength < 0.95 * act(more, name).strength


def test_how_may_stand_in_a_clause_of_its_own() -> None:
    assert act("His eyebrows creep up, inch by inch.", "raise_brows").speed <= 0.3
    assert act("As he listens, his brow furrows deeper and deeper.", "furrow_brows").strength > 1.1


@pytest.mark.parametrize(
    ("direction", "moves", "rests"),
    [
        ("Everything stays still except for one eyebrow.", "raise_brows", "jawOpen"),
        ("Nothing but the brows moves; all else is still.", "raise_brows", "jawOpen"),
        ("Just the lips move; the rest of the face is still.", "talk", "browDownLeft"),
    ],
)
def test_what_is_excepted_moves_and_the_rest_does_not(direction: str, moves: str, rests: str) -> None:
    assert names(direction) == [moves]
    assert rests in forbidden(direction)


@pytest.mark.parametrize(
    ("direction", "subject_acts"),
    [
        ("A stranger smiles at her and she smiles back.", ["brow_flash", "interest", "smile"]),
        ("Her friends laugh. She blushes.", ["brow_flash", "interest", "embarrassment"]),
        ("His friend makes him laugh.", ["laugh"]),
    ],
)
def test_what_others_do_is_not_done_by_the_subject(direction: str, subject_acts: list[str]) -> None:
    assert names(direction) == subject_acts


@pytest.mark.parametrize(
    ("direction", "seconds"),
    [
        ("Sadness - blink and you'd miss it - and she's neutral again.", 0.6),
        ("A smile, gone before anyone notices.", 0.9),
    ],
)
def test_what_is_gone_before_it_is_seen_is_a_flash(direction: str, seconds: float) -> None:
    (first, *_) = [one for _, one in acts(PLANNER.plan(direction, 4.0))]
    assert first.end - first.start <= seconds


def test_what_lingers_and_is_gone_is_let_go() -> None:
    frown = act("The frown lingers, then is gone.", "frown")
    assert frown.end - frown.start > 1


@pytest.mark.parametrize(
    ("direction", "together"),
    [
        ("JOHN (bored): rolls his eyes.", {"boredom", "roll_eyes"}),
        ("He nods (sadly).", {"nod", "sadness"}),
        ("[smiling] She nods.", {"smile", "nod"}),
        ("Tight-lipped, he shakes his head.", {"press_lips", "shake_head"}),
    ],
)
def test_manner_in_brackets_or_in_front_goes_with_what_it_describes(direction: str, together: set[str]) -> None:
    found = acts(PLANNER.plan(direction, 4.0))
    assert {one.name for _, one in found} == together
    assert found[0][0] == found[1][0]


@pytest.mark.parametrize(
    ("direction", "expected"),
    [
        ("First left, then right, then up.", ["look", "look", "look"]),
        ("Head 20 degrees left, then 10 degrees right.", ["turn_head", "turn_head"]),
        ("brows: up; mouth: open; eyes: wide", ["raise_brows", "open_mouth", "widen_eyes"]),
    ],
)
def test_notes_without_verbs_are_read(direction: str, expected: list[str]) -> None:
    assert names(direction) == expected


@pytest.mark.parametrize(
    "direction",
    [
        "Purse those lips, darling.",
        "Good. Now smile.",
        "Imagine you are happy.",
        "MARY frowns at what she reads.",
        "Anna smiles.",
        "As happy as Larry.",
        "His laughter turns to tears.",
        "His gaze is lowered, then lifted to meet ours.",
        "CLOSE ON: her eyes widen.",
    ],
)
def test_words_that_carry_nothing_are_not_reported(direction: str) -> None:
    brief = PLANNER.plan(direction, None)
    assert brief.unread == ()
    assert any(beat.acts for beat in brief.beats)


def test_what_is_under_way_comes_before_what_breaks_in() -> None:
    assert names("She is reading when a noise makes her look up.") == ["read", "startle", "surprise", "look", "interest"]
    assert names("He jumps when the door slams.")[-1] == "startle"


def test_a_verb_without_its_part_of_the_face_takes_it_from_the_clause_before() -> None:
    brief = PLANNER.plan("His eyes widen in alarm, then narrow in suspicion.", 5.0)
    assert brief.unread == ()
    assert "suspicion" in [one.name for _, one in acts(brief)]


def test_the_rest_of_the_time_is_no_stillness() -> None:
    brief = PLANNER.plan("He closes his eyes for the first two seconds and opens them for the rest.", 5.0)
    assert not any(beat.limits or beat.stills for beat in brief.beats)
    ((_, shut),) = acts(brief)
    assert (shut.name, round(shut.end - shut.start, 2)) == ("close_eyes", 2.25)


@pytest.mark.parametrize(
    ("direction", "lengths"),
    [
        ("One second of anger, two seconds of joy.", [1.25, 2.25]),
        ("Anger for a second, joy for two seconds.", [1.25, 2.25]),
    ],
)
def test_feelings_of_given_lengths_come_one_after_the_other(direction: str, lengths: list[float]) -> None:
    found = acts(PLANNER.plan(direction, None))
    assert [one.name for _, one in found] == ["anger", "joy"]
    assert found[0][0] + 0.9 < found[1][0]
    assert [one.end - one.start for _, one in found] == pytest.approx(lengths, abs=0.25)
