"""Rules of wording, each with several sentences that follow it and none that it was made for alone."""

from __future__ import annotations

from itertools import pairwise

import pytest

from protocol.brief import Act, Brief
from protocol.channels import REGIONS
from tests.directing import PLANNER


def acts(brief: Brief) -> list[tuple[float, float, Act]]:
    """Each act once with start and end on the take's clock, in order of start."""
    found: dict[tuple[str, float, str, float], tuple[float, float, Act]] = {}
    for beat in brief.beats:
        for act in beat.acts:
            start = round(float(beat.start + act.start), 2)
            found[act.name, start, act.side, float(act.yaw)] = (start, float(beat.start + act.end), act)
    return sorted(found.values(), key=lambda item: item[0])


def names(direction: str, seconds: float | None = None) -> list[str]:
    """The acts of a direction, in order."""
    return [act.name for _, _, act in acts(PLANNER.plan(direction, seconds))]


def spared(direction: str, channel: str) -> tuple[float, float]:
    """First and last second in which a channel is not to move."""
    brief = PLANNER.plan(direction, None)
    times = [
        (float(beat.start + limit.start), float(beat.start + limit.end))
        for beat in brief.beats
        for limit in beat.limits
        if channel in limit.channels
    ]
    assert times
    return min(start for start, _ in times), max(end for _, end in times)


@pytest.mark.parametrize(
    ("direction", "channel"),
    [
        ("His eyes dart left, then right; his head stays still.", "headYaw"),
        ("Her eyes go right, then left; the head does not move.", "headYaw"),
        ("He glances up, then down, without moving his head.", "headPitch"),
        ("She looks left, then right, her head perfectly still.", "headYaw"),
        ("She blinks twice, then smiles; her brows don't move.", "browInnerUp"),
        ("He nods, then winks; his mouth stays closed throughout.", "jawOpen"),
    ],
)
def test_what_is_said_not_to_move_does_not_in_all_of_the_sentence(direction: str, channel: str) -> None:
    start, end = spared(direction, channel)
    assert start == 0
    assert end == pytest.approx(float(PLANNER.plan(direction, None).seconds))


def test_what_moves_in_the_step_before_is_not_forbidden_there() -> None:
    assert spared("She nods, then looks left, her head perfectly still.", "headYaw")[0] > 0.5


@pytest.mark.parametrize(
    ("direction", "yaw", "pitch", "name"),
    [
        ("She looks innocently up at the ceiling.", 0, 1, "lift_inner_brows"),
        ("He looks angrily to the left.", 1, 0, "anger"),
        ("She glances shyly down.", 0, -1, "coyness"),
        ("She stares suspiciously to her right.", -1, 0, "suspicion"),
        ("She looks hopefully up.", 0, 1, "hope"),
        ("She watches a plane overhead.", 0, 1, "interest"),
    ],
)
def test_the_manner_of_a_look_leaves_it_its_direction(direction: str, yaw: int, pitch: int, name: str) -> None:
    found = acts(PLANNER.plan(direction, None))
    (look,) = [act for _, _, act in found if act.name in ("look", "glance")]
    assert name in [act.name for _, _, act in found]
    assert look.yaw * yaw > 10 or not yaw
    assert look.pitch * pitch > 10 or not pitch


@pytest.mark.parametrize(
    ("direction", "start", "end"),
    [
        ("Only in the final third does a smile appear.", 4.0, 6.0),
        ("In the first third he smiles.", 0.0, 2.0),
        ("She smiles in the last quarter.", 4.5, 6.0),
        ("In the middle third, he smiles.", 2.0, 4.0),
        ("He only smiles in the second half.", 3.0, 6.0),
        ("At two seconds he smiles until the end.", 2.0, 6.0),
        ("Nothing for two seconds, then he smiles.", 2.0, 6.0),
        ("Three seconds of nothing, then a smile.", 3.0, 6.0),
        ("Two seconds of nothing at all. Then a smile.", 2.0, 6.0),
        ("She waits one second before she smiles.", 1.0, 6.0),
        ("Until second three she smiles.", 0.2, 3.0),
    ],
)
def test_a_part_of_the_take_is_kept_to(direction: str, start: float, end: float) -> None:
    ((begins, ends, act),) = acts(PLANNER.plan(direction, 6.0))
    assert act.name == "smile"
    assert begins == pytest.approx(start, abs=0.05)
    assert min(ends, 6.0) == pytest.approx(end, abs=0.05)


def test_until_the_end_begins_where_it_stands() -> None:
    (_, (start, _, act)) = acts(PLANNER.plan("For three seconds he frowns with sadness, then he beams until the end.", 8.0))[
        -2:
    ]
    assert (act.name, start > 2.8) == ("joy", True)


@pytest.mark.parametrize(
    ("direction", "name", "slowest"),
    [
        ("Very slowly, she smiles.", "smile", 0.35),
        ("She gradually becomes angry.", "anger", 0.35),
        ("Her smile slowly becomes a frown.", "frown", 0.45),
        ("His grin slowly turns into a grimace.", "stretch_lips", 0.45),
        ("He nods. Slowly, he turns his head to the left.", "turn_head", 0.45),
    ],
)
def test_how_something_comes_about_stands_before_it(direction: str, name: str, slowest: float) -> None:
    paces = {act.name: act.speed for _, _, act in acts(PLANNER.plan(direction, None))}
    assert paces[name] <= slowest
    assert paces.get("nod", 1) == 1
    assert paces.get("grin", 1) == 1


@pytest.mark.parametrize(
    "direction", ["Her eyes are shut at first; ever so slowly, they open.", "Eyes shut; very slowly, they open."]
)
def test_slowly_opening_eyes_open_slowly(direction: str) -> None:
    closing = [act for beat in PLANNER.plan(direction, 6.0).beats for act in beat.acts if act.name == "close_eyes"]
    assert closing[0].speed == 1
    assert closing[-1].speed <= 0.3


@pytest.mark.parametrize(
    ("direction", "name", "times"),
    [
        ("Tongue out, tongue in, tongue out, tongue in.", "stick_tongue_out", 2),
        ("Tongue out, then in, then out again.", "stick_tongue_out", 2),
        ("Mouth open, mouth closed, mouth open, mouth closed.", "open_mouth", 2),
        ("Eyes shut. Eyes open. Eyes shut. Eyes open.", "close_eyes", 2),
        ("Eyes open, eyes closed, eyes open.", "close_eyes", 1),
        ("Smile, stop smiling, smile again.", "smile", 2),
        ("Brows up. Brows down. Brows up.", "raise_brows", 2),
    ],
)
def test_what_comes_and_goes_is_seen_to_go(direction: str, name: str, times: int) -> None:
    found = [(start, end) for start, end, act in acts(PLANNER.plan(direction, None)) if act.name == name]
    assert len(found) == times
    for (_, end), (start, _) in pairwise(found):
        assert start - end > 0.2


@pytest.mark.parametrize(
    ("direction", "channel"),
    [
        ("She's angry, though her brows give nothing away.", "browDownLeft"),
        ("He laughs; only his brows do not join in.", "browInnerUp"),
        ("Her brows take no part in the smile.", "browOuterUpLeft"),
        ("He's furious, but his mouth gives nothing away.", "mouthFrownLeft"),
        ("She's sad, but her mouth stays out of it.", "mouthFrownLeft"),
        ("She is delighted, yet her eyes betray nothing.", "eyeSquintLeft"),
        ("He laughs, but his mouth never opens.", "jawOpen"),
        ("She chews and her lips never part.", "jawOpen"),
    ],
)
def test_a_part_that_shows_nothing_does_not_move(direction: str, channel: str) -> None:
    assert spared(direction, channel)[0] == 0


@pytest.mark.parametrize(
    "direction",
    [
        "She turns her head to the right, but her eyes don't leave the camera.",
        "He turns his head to the left, eyes fixed on the camera.",
        "She turns her head slowly to the left while her eyes stay on the camera.",
        "She turns her head but keeps looking at us.",
    ],
)
def test_eyes_that_stay_with_us_leave_the_head_its_turn(direction: str) -> None:
    brief = PLANNER.plan(direction, None)
    ends = {act.name: end for _, end, act in acts(brief)}
    assert set(ends) == {"turn_head", "look_at_camera"}
    assert min(ends.values()) >= float(brief.seconds)


@pytest.mark.parametrize(
    ("direction", "name"),
    [
        ("The ghost of a smile comes and goes.", "smile"),
        ("A trace of anger comes and goes.", "anger"),
        ("A flicker of surprise, quickly suppressed.", "surprise"),
        ("A spark of joy, immediately suppressed.", "joy"),
        ("Irritation crosses his face and is gone.", "irritation"),
        ("For an instant the mask drops and we see fear.", "fear"),
        ("For a tenth of a second her mask slips and we see pure rage; then it's back in place.", "anger"),
        ("A look of contempt passes over her face.", "contempt"),
    ],
)
def test_what_is_hidden_again_was_a_flash(direction: str, name: str) -> None:
    ((start, end, act),) = acts(PLANNER.plan(direction, 4.0))
    assert act.name == name
    assert end - start <= 1.0


@pytest.mark.parametrize(
    ("direction", "found"),
    [
        ("He turns his head to the right. It's only the cat. He closes his eyes.", ["turn_head", "close_eyes"]),
        ("He looks up. It's a bird. He smiles.", ["look", "smile"]),
        ("Rotate your head to the right and back.", ["turn_head"]),
        ("She opens her mouth but says nothing.", ["open_mouth"]),
        ("Only her left eye blinks.", ["wink"]),
        ("His right eye twitches.", ["wink"]),
        ("The eyes move left, the head follows.", ["look"]),
        ("Only the right side of the mouth smiles.", ["half_smile"]),
        ("He smiles without raising his cheeks.", ["smile"]),
        ("Close your left eye and keep it closed.", ["close_eyes"]),
        ("Her lips curl into a smile.", ["smile"]),
        ("The left side of her mouth lifts.", ["half_smile"]),
        ("Eyes half closed, he looks to the right.", ["droop_lids", "look"]),
        ("Left eyebrow up, right eyebrow down.", ["raise_brows", "furrow_brows"]),
        ("She looks everywhere except at the camera.", ["scan", "avert_gaze"]),
        ("At her best friend's wedding she weeps.", ["love", "cry", "crying", "smile", "sigh"]),
    ],
)
def test_nothing_is_added(direction: str, found: list[str]) -> None:
    assert names(direction) == found


@pytest.mark.parametrize(
    "direction",
    ["She's having a passport photo taken: no expression, no movement.", "He poses for a photo, no smile, no movement."],
)
def test_a_scene_without_expression_has_none(direction: str) -> None:
    brief = PLANNER.plan(direction, 5.0)
    assert set(names(direction, 5.0)) <= {"look_at_camera", "neutral"}
    assert any(beat.stills for beat in brief.beats)


@pytest.mark.parametrize(
    ("direction", "strength"),
    [
        ("She is angry but doesn't show it.", 0.4),
        ("He is amused, though he tries not to show it.", 0.5),
        ("He's scared, though his face shows nothing.", 0.4),
        ("She is proud but trying hard not to show it.", 0.5),
        ("They are sad but hide it well.", 0.5),
        ("He is hiding his disappointment.", 0.5),
    ],
)
def test_a_feeling_that_does_not_show_hardly_does(direction: str, strength: float) -> None:
    ((_, _, act),) = acts(PLANNER.plan(direction, None))
    assert 0 < act.strength <= strength


@pytest.mark.parametrize(
    ("direction", "places"),
    [
        ("She looks from the ceiling to the floor.", [(0, 1), (0, -1)]),
        ("Eyes left. Eyes right.", [(1, 0), (-1, 0)]),
        ("He looks me up and down.", [(0, 1), (0, -1)]),
        ("She looks up and down twice.", [(0, 1), (0, -1), (0, 1), (0, -1)]),
        ("Her eyes move to the upper left.", [(1, 1)]),
        ("He shifts his gaze to the lower right corner.", [(-1, -1)]),
        ("Her gaze follows a balloon up into the sky.", [(1, 1), (-1, 1)]),
        ("He tracks a ball with his eyes.", [(1, 0), (-1, 0)]),
    ],
)
def test_eyes_go_from_place_to_place(direction: str, places: list[tuple[int, int]]) -> None:
    found = []
    for beat in PLANNER.plan(direction, None).beats:
        found += [(float(beat.start + act.start), act.yaw, act.pitch) for act in beat.acts if act.name == "look"]
    found = list(dict.fromkeys((round(start, 1), yaw, pitch) for start, yaw, pitch in sorted(found)))
    assert [((yaw > 5) - (yaw < -5), (pitch > 5) - (pitch < -5)) for _, yaw, pitch in found] == places


@pytest.mark.parametrize(
    ("direction", "act"),
    [
        ("He shakes his head three times, never taking his eyes off the camera.", "shake_head"),
        ("She turns her head without taking her eyes off the camera.", "turn_head"),
        ("She nods, not taking her eyes off us.", "nod"),
    ],
)
def test_eyes_that_are_not_taken_off_something_stay_there_meanwhile(direction: str, act: str) -> None:
    found = {done.name: start for start, _, done in acts(PLANNER.plan(direction, None))}
    assert set(found) == {act, "look_at_camera"}
    assert found[act] == found["look_at_camera"]


@pytest.mark.parametrize(
    ("direction", "expected"),
    [
        ("He pretends that he likes it.", "politeness"),
        ("She pretends to be happy.", "politeness"),
        ("She dozes off, then her name is called.", "interest"),
        ("They called her names.", "anger"),
    ],
)
def test_what_is_only_pretended_or_only_called(direction: str, expected: str) -> None:
    assert expected in names(direction, None)


@pytest.mark.parametrize(
    ("direction", "looks"),
    [
        ("She looks out of the corner of her eye.", [("look", True)]),
        ("He looks at her out of the corner of his eye.", [("look", True)]),
        ("They glance left out of the corner of their eye.", [("glance", True)]),
        ("She glances to the right out of the corner of her eye.", [("glance", False)]),
        ("Out of the corner of his eye, he notices her.", [("look", True)]),
        ("Something appears in the corner of her eye.", [("look", True)]),
    ],
)
def test_out_of_the_corner_of_an_eye_only_eyes_look(direction: str, looks: list[tuple[str, bool]]) -> None:
    brief = PLANNER.plan(direction, None)
    assert [(act.name, act.yaw > 10) for _, _, act in acts(brief)] == looks
    assert {act.regions for _, _, act in acts(brief)} == {("eyes",)}
    assert brief.unread == ()


def test_who_looks_aside_moves_more_than_the_eyes() -> None:
    assert [act.regions for _, _, act in acts(PLANNER.plan("She looks at the window.", None))] == [REGIONS]


@pytest.mark.parametrize("whose", ["his", "her", "their", "my", "your"])
def test_whose_it_is_makes_no_difference(whose: str) -> None:
    def only(direction: str) -> Act:
        ((_, _, act),) = acts(PLANNER.plan(direction, None))
        return act

    assert only(f"Turns {whose} head, taking {whose} time").speed == 0.5
    assert only(f"Is out of {whose} mind with joy").strength == 1.4
    assert only(f"Scared out of {whose} wits").strength > only("Scared").strength
