"""Rules as data: what a rule must say, what is refused, and how "{side}" is spelled out."""

from __future__ import annotations

import pytest

from pydantic import TypeAdapter, ValidationError

from protocol.channels import CHANNELS, PRECEDENCE, REGIONS
from protocol.rules import Acceleration, Margins, Range, Rule, RuleSet, Speed, sided, spelled_out
from tests.tracks import RULES

RULE: TypeAdapter[Rule] = TypeAdapter(Rule)
MARGINS = Margins(level=0.25, speed=0.03, accel=0.2, drift=0.1)


def rule(**fields: object) -> Rule:
    return RULE.validate_python({"id": "a-rule", "severity": "hard", "why": "a reason", "source": "J", **fields})


def refusal(**fields: object) -> str:
    with pytest.raises(ValidationError) as refused:
        rule(**fields)
    return str(refused.value)


def total(**more: object) -> dict[str, object]:
    return {"kind": "sum", "weights": {"jawOpen": 1.0, "mouthClose": 1.0}, "max": 1.0, **more}


def test_a_rule_is_read_as_what_its_kind_says():
    assert isinstance(rule(kind="range", channels=("headYaw",), min=-60.0, max=60.0), Range)
    assert isinstance(rule(kind="speed", channels=("headYaw",), max=300.0), Speed)
    assert isinstance(rule(kind="accel", channels=("headYaw",), max=6500.0), Acceleration)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        (total(weights={"jawOpn": 1.0}), "jawOpn is not a channel"),
        (total(gives=("mouthClosed",)), "mouthClosed is not a channel"),
        (total(kind="product"), "product"),
        (total(limit=3), "limit"),
        (total(max=float("nan")), "finite"),
        (total(id="A rule"), "pattern"),
        (total(severity="harsh"), "'hard' or 'soft'"),
        (total(why=""), "why"),
        (total(epsilon=0.0), "epsilon"),
        (total(weights={}), "weights"),
        ({"kind": "exclusive", "channels": ("jawLeft",), "max": 0.0}, "channels"),
        ({"kind": "speed", "channels": ("jawOpen",), "max": 0.0}, "max"),
        ({"kind": "sum", "weights": {"eyeLookUpLeft": 1.0}, "max": 1.0, "gives": ("eyeLookUpLeft",)}, "derived"),
    ],
)
def test_a_rule_that_makes_no_sense_is_refused_by_what_is_wrong(fields, says):
    assert says in refusal(**fields)


def ceiling(**more: object) -> dict[str, object]:
    fields = {"kind": "ceiling", "channels": ("jawOpen",), "driver": {"headPitch": -1.0}, "points": ((15.0, 1.0), (35.0, 0.4))}
    return {**fields, **more}


def test_a_rule_between_regions_says_who_yields():
    assert rule(**ceiling(yields="mouth")).yields == "mouth"
    assert "must say which of them yields" in refusal(**ceiling())


def test_a_region_yields_only_to_one_before_it():
    assert "head yields to a region after it" in refusal(**ceiling(yields="head"))


def test_who_yields_gives_way_with_channels_of_its_own():
    assert "which mouth does not own" in refusal(**ceiling(yields="mouth", gives=("headPitch",)))


@pytest.mark.parametrize("points", [((15.0, 1.0),), ((15.0, 1.0), (15.0, 0.5)), ((35.0, 1.0), (15.0, 0.4))])
def test_points_of_a_limit_ascend(points):
    assert "points" in refusal(**ceiling(yields="mouth", points=points))


def test_two_rules_cannot_share_an_id():
    with pytest.raises(ValidationError, match="two rules are called a-rule"):
        RuleSet(margins=MARGINS, rules=(rule(**total()), rule(**total(max=2.0))))


def test_a_side_is_spelled_out_for_left_and_right():
    assert sided("mouthSmile{side}") == ("mouthSmileLeft", "mouthSmileRight")
    assert sided("jawLeft") == ("jawLeft",)


def test_a_rule_that_couples_channels_of_a_side_is_checked_once_per_side():
    left, right = spelled_out(rule(kind="sum", weights={"mouthPucker": 1.0, "mouthSmile{side}": 1.0}, max=1.1))
    assert (left.names(), right.names()) == (("mouthPucker", "mouthSmileLeft"), ("mouthPucker", "mouthSmileRight"))


def test_what_gives_way_is_told_apart_by_side_too():
    spelled = spelled_out(
        rule(kind="sum", weights={"mouthSmile{side}": 1.0, "mouthFrown{side}": 1.0}, max=1.1, gives=("mouthFrown{side}",))
    )
    assert [turned.gives for turned in spelled] == [("mouthFrownLeft",), ("mouthFrownRight",)]


def test_a_rule_without_sides_is_checked_once():
    plain = rule(**total())
    assert spelled_out(plain) == (plain,)


def test_a_bound_on_all_coefficients_is_checked_for_each_region_that_has_some():
    spelled = spelled_out(rule(kind="range", channels=("coefficients",), min=0.0, max=1.0))
    names = [name for turned in spelled for name in turned.names()]
    assert sorted(names) == sorted(channel.name for channel in CHANNELS.values() if channel.unit == "share")
    assert [{CHANNELS[name].region for name in turned.names()} for turned in spelled] == [{"brows"}, {"eyes"}, {"mouth"}]


def test_every_rule_between_regions_that_comes_with_the_program_yields_down_the_precedence():
    for one in RULES.rules:
        for turned in spelled_out(one):
            regions = {CHANNELS[name].region for name in turned.names()}
            if len(regions) > 1:
                assert turned.yields is not None
                assert max(regions, key=PRECEDENCE.index) == turned.yields, one.id


def test_every_writable_channel_has_a_range_and_a_speed():
    ranged: set[str] = set()
    timed: set[str] = set()
    for one in RULES.rules:
        for turned in spelled_out(one):
            if isinstance(turned, Range):
                ranged.update(turned.channels)
            elif isinstance(turned, Speed):
                timed.update(turned.channels)
    writable = {channel.name for channel in CHANNELS.values() if not channel.derived}
    assert writable <= ranged
    assert writable == timed


def test_precedence_orders_all_regions():
    assert sorted(PRECEDENCE) == sorted(REGIONS)
