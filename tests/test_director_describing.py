"""Clauses that say how another is done: what moves alone, poses after a comma, what is looked at, what is only pretended."""

from __future__ import annotations

import pytest

from protocol.brief import Act, Brief
from tests.directing import PLANNER, READER


def plan(direction: str) -> Brief:
    return PLANNER.plan(direction, None)


def acts(direction: str) -> list[tuple[float, Act]]:
    """The acts that begin in their own beat, with when they begin on the take's clock."""
    return [(float(b.start + a.start), a) for b in plan(direction).beats for a in b.acts if a.start >= 0]


def told(direction: str) -> list[str]:
    return [act.name for _, act in acts(direction)]


@pytest.mark.parametrize(
    ("direction", "face", "side", "yaw"),
    [
        ("He squints at something far away on his left.", "squint", "both", 18),
        ("He narrows his eyes at something on his left.", "squint", "both", 18),
        ("She squints toward the sign on the right.", "squint", "both", -18),
        ("She narrows her left eye at somebody on her right.", "squint", "left", -18),
        ("He winks at the girl to his left.", "wink", "both", 18),
        ("He smirks at somebody on his right.", "half_smile", "both", -18),
    ],
)
def test_the_side_of_what_a_face_is_made_at_is_the_gazes(direction: str, face: str, side: str, yaw: float) -> None:
    made = {act.name: act for _, act in acts(direction)}
    assert set(made) == {face, "look"}
    assert made[face].side == side
    assert made["look"].yaw == yaw
    assert READER.understand(direction).unread == ()


@pytest.mark.parametrize(
    ("direction", "face"),
    [
        ("He squints his left eye.", "squint"),
        ("He squints at us with his left eye.", "squint"),
        ("He winks at her with his left eye.", "wink"),
        ("He smiles on the left.", "half_smile"),
    ],
)
def test_a_side_of_the_face_stays_one(direction: str, face: str) -> None:
    made = [act for _, act in acts(direction) if act.name == face]
    assert [act.side for act in made] == ["left"]
    assert all(act.yaw == 0 for _, act in acts(direction))


@pytest.mark.parametrize(
    ("direction", "expected", "region", "held", "free"),
    [
        ("Only her eyes move: she looks far left, then far to the right.", ["look", "look"], "eyes", "headYaw", "eyeYawLeft"),
        ("only the eyes move, first left, then right", ["look", "look"], "eyes", "headYaw", "eyeYawLeft"),
        ("She freezes. Only her eyes move: she looks left.", ["look"], "eyes", "headYaw", "eyeYawLeft"),
        ("Only her mouth moves: she smiles.", ["smile"], "mouth", "browInnerUp", "mouthSmileLeft"),
        ("Only her head moves: she nods twice.", ["nod"], "head", "mouthSmileLeft", "headPitch"),
        ("Only his brows move: he raises them.", ["raise_brows"], "brows", "headYaw", "browInnerUp"),
    ],
)  # fmt: skip
def test_what_alone_moves_is_a_limit_on_the_rest(
    direction: str, expected: list[str], region: str, held: str, free: str
) -> None:
    assert told(direction) == expected
    assert all(act.regions == (region,) for _, act in acts(direction))
    for beat in plan(direction).beats:
        bound = {name for limit in beat.limits for name in limit.channels}
        assert held in bound
        assert free not in bound


def test_the_side_that_alone_moves_is_that_of_what_is_told_of_it() -> None:
    assert [(act.name, act.side) for _, act in acts("Only the left brow moves: she raises it.")] == [("raise_brows", "left")]


@pytest.mark.parametrize(
    ("direction", "expected"),
    [
        ("Only her eyes move.", ["scan"]),
        ("Only his eyes move, darting left and right.", ["scan"]),
        ("Only her eyes move, then she looks left.", ["scan", "look"]),
        ("Only her eyes move. She smiles.", ["scan", "smile"]),
        ("Only his mouth moves.", ["talk"]),
    ],
)
def test_what_alone_moves_and_is_told_no_further_does_so(direction: str, expected: list[str]) -> None:
    assert told(direction) == expected
    assert all(not beat.limits for beat in plan(direction).beats)


@pytest.mark.parametrize("after", ["Then she smiles.", "Then she is furious."])
def test_a_limit_on_the_rest_ends_where_the_rest_is_asked_for(after: str) -> None:
    first, second = plan(f"Only her eyes move: she looks left. {after}").beats
    assert first.limits
    assert not second.limits


@pytest.mark.parametrize(
    ("direction", "side"),
    [
        ("She listens, head tilted to her right.", "right"),
        ("She listens, tilting her head to the right.", "right"),
        ("She listens, her head gently tilted to her right.", "right"),
        ("She listens with her head tilted to the right.", "right"),
        ("She listens.", "left"),
        ("She listens, brows raised.", "left"),
    ],
)
def test_a_pose_that_describes_takes_the_place_of_the_states_own(direction: str, side: str) -> None:
    beats = plan(direction).beats
    assert len(beats) == 1
    assert [act.side for _, act in acts(direction) if act.name == "tilt_head"] == [side]
    assert "interest" in told(direction)


def test_what_is_described_is_so_from_the_beginning_and_goes_on() -> None:
    found = acts("She listens, head tilted to her right, smiling faintly; after three seconds she gasps.")
    begins = {act.name: start for start, act in found}
    assert begins == {"interest": 0.2, "tilt_head": 0.2, "smile": 0.2, "gasp": 3.0}
    assert all(act.end > 3.5 for _, act in found if act.name != "gasp")


def test_a_pose_of_its_own_clause_comes_after() -> None:
    first, second = plan("She listens, then tilts her head to the right.").beats
    assert [act.side for act in first.acts if act.name == "tilt_head"] == ["left"]
    assert [act.side for act in second.acts if act.name == "tilt_head" and act.start >= 0] == ["right"]


@pytest.mark.parametrize(
    ("direction", "before"),
    [
        ("She laughs, and pretends that nothing happened.", "laugh"),
        ("She smiles, then pretends that nothing happened.", "smile"),
        ("She winces and pretends nothing is wrong.", "wince"),
        ("He smiles and pretends not to notice her.", "smile"),
    ],
)
def test_who_pretends_that_nothing_happened_lets_go(direction: str, before: str) -> None:
    first, second = plan(direction).beats
    assert [act.name for act in first.acts] == [before]
    assert [act.name for act in second.acts] == ["neutral"]
    assert READER.understand(direction).unread == ()


@pytest.mark.parametrize(
    ("direction", "act"),
    [
        ("He pretends to read.", "read"),
        ("He pretends that he likes it.", "politeness"),
        ("She pretends to sleep.", "close_eyes"),
    ],
)
def test_what_is_pretended_is_played(direction: str, act: str) -> None:
    assert act in told(direction)


@pytest.mark.parametrize(
    ("direction", "unread"),
    [
        ("He nods three times, each time slower.", "each time slower"),
        ("He nods three times, slower each time.", "slower each time"),
        ("She raises her brows twice, each time a little higher.", "each time a little higher"),
        ("She blinks three times, every time more slowly.", "every time more slowly"),
        ("She blinks three times, each time even a little bit more slowly.", "each time even a little bit more slowly"),
        ("She blinks three times, each time faster.", "each time faster"),
    ],
)
def test_what_grows_each_time_is_reported_and_changes_nothing(direction: str, unread: str) -> None:
    plain = direction.split(",", maxsplit=1)[0] + "."
    assert READER.understand(direction).unread == (unread,)
    assert [(a.name, a.count, a.speed, a.strength) for _, a in acts(direction)] == [
        (a.name, a.count, a.speed, a.strength) for _, a in acts(plain)
    ]


def test_a_pace_without_each_time_is_one() -> None:
    assert acts("He nods three times, slower.")[0][1].speed < 1
    assert READER.understand("He blinks every time she smiles.").unread == ()


@pytest.mark.parametrize(
    ("direction", "plain"),
    [
        ("His eyelids flutter each time.", "His eyelids flutter."),
        ("She looks over her shoulder each time.", "She looks over her shoulder."),
        ("She smiles at her mother each time.", "She smiles at her mother."),
        ("Every time thunder rolls, she flinches.", "When thunder rolls, she flinches."),
    ],
)
def test_not_all_that_ends_like_a_comparative_is_one(direction: str, plain: str) -> None:
    assert READER.understand(direction).unread == ()
    assert told(direction) == told(plain)
