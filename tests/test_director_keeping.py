"""What is said to go on goes on, what goes back comes after what it leaves, and what is only supposed is not played."""

from __future__ import annotations

import pytest

from configs.emotions import builtin_emotions
from tests.directing import PLANNER, names


def spans(direction: str, seconds: float | None = None) -> dict[str, tuple[float, float]]:
    """From when to when each act lasts, on the take's clock."""
    beats = PLANNER.plan(direction, seconds).beats
    return {act.name: (float(beat.start + act.start), float(beat.start + act.end)) for beat in beats for act in beat.acts}


@pytest.mark.parametrize("seconds", [5.5, 6.0, 9.0])
@pytest.mark.parametrize(
    ("direction", "name"),
    [
        ("He raises his eyebrows, keeps them up for three seconds and then lets them drop.", "raise_brows"),
        ("He raises his eyebrows, holds them up for three seconds and lowers them again.", "raise_brows"),
        ("She opens her mouth, keeps it open for three seconds, then closes it.", "open_mouth"),
        ("She purses her lips, stays like that for three seconds, then relaxes.", "purse_lips"),
        ("He smiles, holds the smile for three seconds, then stops smiling.", "smile"),
    ],
)
def test_seconds_of_keeping_count_from_when_it_is_there(direction: str, name: str, seconds: float) -> None:
    start, end = spans(direction, seconds)[name]
    assert 3.2 <= end - start <= 4.6  # with its onset and its letting go
    assert names(direction, seconds).count(name) == 1  # one pose, and not two with a dip between them


def test_what_is_kept_slowly_is_there_before_its_seconds_begin() -> None:
    slow = spans("He slowly raises his brows, keeps them up for two seconds, then lowers them.")["raise_brows"]
    plain = spans("He raises his brows, keeps them up for two seconds, then lowers them.")["raise_brows"]
    assert slow[1] - slow[0] > plain[1] - plain[0] + 0.3


@pytest.mark.parametrize(
    "direction",
    [
        "He raises his eyebrows and then stays like that, still as a statue, for three seconds.",
        "She raises her brows and stays like that, motionless, for three seconds.",
        "He raises his eyebrows, then keeps still and stays like that for three seconds.",
    ],
)
def test_the_time_of_a_pose_is_found_behind_what_it_is_likened_to(direction: str) -> None:
    stills = [
        (float(beat.start + still.start), float(beat.start + still.end))
        for beat in PLANNER.plan(direction, 6.0).beats
        for still in beat.stills
    ]
    assert stills[-1][1] - stills[0][0] >= 2.8
    assert spans(direction, 6.0)["raise_brows"][1] >= stills[0][0]  # the brows are up when the face freezes


@pytest.mark.parametrize(
    ("direction", "name"),
    [
        ("He bites his lip and stays like that until the end.", "bite_lip"),
        ("He is surprised and stays like that for five seconds.", "surprise"),
        ("She opens her eyes wide and stays like that.", "widen_eyes"),
    ],
)
def test_who_stays_like_that_does(direction: str, name: str) -> None:
    start, end = spans(direction, 6.0)[name]
    assert end - start >= 4.9


def test_who_waits_before_a_freeze_waits() -> None:
    waits, at_once = (PLANNER.plan(said, 8.0) for said in ("He smiles, waits, and freezes.", "He smiles and freezes."))
    assert len(waits.beats) > len(at_once.beats)


@pytest.mark.parametrize(
    "direction",
    ["He freezes and smiles.", "She stops dead and smiles.", "Freeze, and smile.", "He hears a noise, freezes and smiles."],
)
def test_who_freezes_and_does_something_does_it_after_that(direction: str) -> None:
    beats = PLANNER.plan(direction, 6.0).beats
    thaws = max(float(beat.start + still.end) for beat in beats for still in beat.stills)
    assert spans(direction, 6.0)["smile"][0] >= thaws


@pytest.mark.parametrize("direction", ["He stays still and smiles.", "She freezes, smiling."])
def test_who_is_still_meanwhile_does_it_at_once(direction: str) -> None:
    assert spans(direction, 6.0)["smile"][0] < 1.0


def test_what_passes_by_itself_is_not_kept() -> None:
    start, end = spans("She nods and stays like that for two seconds.")["nod"]
    assert end - start < 2.0


@pytest.mark.parametrize(
    "direction",
    [
        "He raises his brows, then lowers them.",
        "She lifts her eyebrows and lets them fall.",
        "Brows up. Brows down.",
        "She raises one eyebrow, then it drops.",
    ],
)
def test_brows_that_were_raised_come_down_and_no_further(direction: str) -> None:
    assert names(direction) == ["raise_brows"]
    assert spans(direction, 8.0)["raise_brows"][1] < 8.0


@pytest.mark.parametrize(
    "direction", ["His left brow rises, his right brow drops.", "He raises his left brow, then lowers his right brow."]
)
def test_a_brow_is_not_lowered_in_place_of_the_other(direction: str) -> None:
    acts = {act.name: act for beat in PLANNER.plan(direction, 8.0).beats for act in beat.acts}
    assert {name: act.side for name, act in acts.items()} == {"raise_brows": "left", "furrow_brows": "right"}
    assert all(act.end - act.start > 1.0 for act in acts.values())


@pytest.mark.parametrize(
    "direction", ["He lowers his brows.", "She lets her brows drop.", "His brows go up, then he furrows them."]
)
def test_brows_that_are_lowered_otherwise_frown(direction: str) -> None:
    assert names(direction)[-1] == "furrow_brows"


@pytest.mark.parametrize(
    "direction",
    [
        "He turns his head far to the right and looks back at us.",
        "She turns her head to the left and comes back to us.",
        "He turns his head right and looks back.",
        "Turn the head to the left and look at the camera again.",
    ],
)
def test_who_looks_back_has_looked_away_before(direction: str) -> None:
    found = spans(direction, 6.0)
    away, back = found["turn_head"], found["look_at_camera"]
    assert back[0] > away[0] + 1.0
    assert away[1] <= back[0] + 0.05  # the head comes back with the eyes


@pytest.mark.parametrize(
    "direction",
    [
        "Bit by bit her lips curved upward, and when the song ended she was grinning from ear to ear.",
        "Slowly her smile grew, and when he had finished she was grinning.",
    ],
)
def test_what_somebody_was_doing_when_came_about_at_the_pace_before(direction: str) -> None:
    acts = {act.name: act.speed for beat in PLANNER.plan(direction, 8.0).beats for act in beat.acts}
    assert acts["grin"] == acts["smile"] == 0.2


@pytest.mark.parametrize(
    ("direction", "first", "second"),
    [
        ("She smiles, then slowly grins.", "smile", "grin"),
        ("She is annoyed, then slowly gets furious.", "annoyance", "anger"),
        ("She is sad, then slowly falls into despair.", "sadness", "despair"),
    ],
)
def test_an_expression_out_of_which_another_slowly_grows_does_not_sink_before(direction: str, first: str, second: str) -> None:
    slow, quick = spans(direction, 6.0), spans(direction.replace("slowly ", ""), 6.0)
    assert slow[first][1] > slow[second][0] + 0.5
    assert quick[first][1] <= quick[second][0] + 0.01


def test_one_that_gives_way_to_its_contrary_goes_at_once() -> None:
    found = spans("He smiles, then slowly frowns.", 6.0)
    assert found["smile"][1] <= found["frown"][0] + 0.01


def test_what_somebody_does_when_begins_at_its_own_pace() -> None:
    acts = [act for beat in PLANNER.plan("Slowly she smiles, and when he nods she grins.", 8.0).beats for act in beat.acts]
    assert [act.speed for act in acts if act.name == "grin"] == [1.0]


@pytest.mark.parametrize("direction", ["He turns right and looks at us.", "He tilts his head and looks back at us."])
def test_who_only_looks_does_so_at_once(direction: str) -> None:
    found = spans(direction, 6.0)
    assert found["look_at_camera"][0] < 1.0


@pytest.mark.parametrize(
    ("direction", "shown"),
    [
        ("The news must have been bad, for slowly the corners of his mouth began to sink.", ["frown"]),
        ("The letter must be bad news. He begins to cry.", ["cry", "crying"]),
        ("Perhaps the dog has died; she looks down.", ["look"]),
        ("He may have lost his job. He looks down.", ["look"]),
        ("The news seems to have been bad: she weeps.", ["cry", "crying"]),
    ],
)
def test_what_is_supposed_is_not_played_beside_what_is_seen(direction: str, shown: list[str]) -> None:
    assert sorted(names(direction)) == shown
    assert PLANNER.plan(direction, None).unread == ()


@pytest.mark.parametrize(
    ("direction", "name"),
    [
        ("She must have seen a ghost.", "horror"),
        ("He seems to have seen a ghost; his eyes go wide.", "horror"),
        ("The news is bad; he looks down.", "sadness"),
        ("He must be sad. He looks down.", "sadness"),
    ],
)
def test_what_is_all_that_is_told_or_is_to_be_seen_is_played(direction: str, name: str) -> None:
    assert name in names(direction)


def test_what_begins_slowly_takes_its_time() -> None:
    """A second and a half at least for the corners of a mouth, where "frowns" takes less than half a second."""
    (frown,) = [
        act
        for beat in PLANNER.plan("Slowly the corners of his mouth began to sink.", 6.0).beats
        for act in beat.acts
        if act.name == "frown"
    ]
    assert frown.speed <= 0.3


def test_what_passes_begins_at_its_own_pace() -> None:
    def speeds(direction: str) -> list[float]:
        return [act.speed for beat in PLANNER.plan(direction, 4.0).beats for act in beat.acts]

    assert speeds("He begins to nod.") == speeds("He nods.") == [1.0]
    assert speeds("He begins to smile.") < speeds("He smiles.")


@pytest.mark.parametrize(
    "direction",
    [
        "She is told that her grandmother has passed away.",
        "She hears terrible news.",
        "Grief overwhelms him.",
        "He mourns his wife.",
    ],
)
def test_grief_and_bad_news_draw_the_mouth_down(direction: str) -> None:
    brief = PLANNER.plan(direction, 6.0)
    felt = {act.name for beat in brief.beats for act in beat.acts} & {"grief", "sadness"}
    assert felt
    assert all(builtin_emotions().state(name).of("mouth")["mouthFrownLeft"] >= 0.3 for name in felt)
    assert all("mouth" in act.regions for beat in brief.beats for act in beat.acts if act.name in felt)
