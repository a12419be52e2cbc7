"""Later acts end the earlier ones that they contradict, and no others."""

from __future__ import annotations

import pytest

from agents.director.performance import Performance, Span, own_time
from configs.lexicon import Call
from tests.directing import LEXICON


def play(*acts: tuple[str, float], total: float = 10.0) -> Performance:
    performance = Performance(LEXICON, total)
    for step, (name, start) in enumerate(acts):
        kind = LEXICON.kind(name)
        end = start + kind.seconds if kind.hold == "own" else None
        performance.add(Span(Call(name=name), kind, start, end, 1.0, name, step))
    return performance


def ends(*acts: tuple[str, float]) -> dict[str, float]:
    return {span.name: span.end for span in play(*acts).finished() if span.end is not None}


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("sadness", "joy"),
        ("frown", "smile"),
        ("smile", "cry"),
        ("close_eyes", "look"),
        ("close_eyes", "surprise"),
        ("fall_asleep", "wake_up"),
        ("look", "look_at_camera"),
        ("interest", "grin"),
        ("joy", "neutral"),
        ("pout", "grin"),
        ("turn_head", "look_at_camera"),
    ],
)
def test_contraries_end(earlier: str, later: str) -> None:
    assert ends((earlier, 1.0), (later, 4.0))[earlier] == 4.0


@pytest.mark.parametrize(
    ("earlier", "later"),
    [
        ("smile", "nod"),
        ("smile", "raise_brows"),
        ("joy", "smile"),
        ("smile", "talk"),
        ("close_eyes", "deep_breath"),
        ("close_eyes", "smile"),
        ("look", "blink"),
        ("turn_head", "tilt_head"),
    ],
)
def test_what_fits_together_goes_on(earlier: str, later: str) -> None:
    assert ends((earlier, 1.0), (later, 4.0))[earlier] > 10.0


def test_what_begins_together_is_meant_together() -> None:
    assert ends(("smile", 1.0), ("sadness", 1.1))["smile"] > 10.0


def test_a_pose_that_is_asked_for_again_goes_on() -> None:
    (span,) = play(("smile", 1.0), ("smile", 4.0)).finished()
    assert span.start == 1.0


@pytest.mark.parametrize(
    ("earlier", "later", "goes_on"),
    [("raise_brows", "furrow_brows", True), ("turn_head", "turn_head", False), ("shift_jaw", "shift_jaw", False)],
)
def test_what_has_two_sides_can_do_another_thing_on_each(earlier: str, later: str, goes_on: bool) -> None:
    performance = Performance(LEXICON, 10.0)
    performance.add(Span(Call(name=earlier, side="left"), LEXICON.kind(earlier), 1.0, None, 1.0, "", 0))
    performance.add(Span(Call(name=later, side="right"), LEXICON.kind(later), 4.0, None, 1.0, "", 0))
    first = performance.finished()[0]
    assert first.end == (20.0 if goes_on else 4.0)


def test_release_names_what_it_lets_go() -> None:
    performance = play(("smile", 0.0), ("tilt_head", 1.0))
    assert [span.name for span in performance.release(["smile"], 3.0, 0.5)] == ["smile"]
    assert {span.name: span.end for span in performance.finished()} == {"smile": 3.5, "tilt_head": 20.0}


def test_release_of_all_lets_everything_go() -> None:
    performance = play(("joy", 0.0), ("tilt_head", 1.0))
    assert len(performance.release(["all"], 3.0, 0.5)) == 2


def test_a_head_that_is_raised_after_it_was_lowered_is_let_go() -> None:
    performance = play(("lower_head", 0.0))
    assert performance.undone(["lift_chin"], "both", 2.0, 0.5)
    assert performance.finished()[0].end == 2.5


def test_repetitions_take_their_time() -> None:
    nod = LEXICON.kind("nod")
    assert own_time(nod, 4, 1.0) == pytest.approx(2 * own_time(nod, 2, 1.0))
    assert own_time(nod, 2, 2.0) == pytest.approx(own_time(nod, 2, 1.0) / 2)
