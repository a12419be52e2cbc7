"""The critic's sentence: "nothing falls short" only where nothing is lost, else what costs most; ranges that can be read."""

from __future__ import annotations

import numpy as np
import pytest

from agents.critic import IntentFound, Measured, Review
from agents.critic.wording import FINE, NOT_MUCH, NOTHING_ASKED, Weakness, said
from runtime.commands.telling import judged as told
from runtime.loading import Loaded
from runtime.take import TakeResult
from tests.damaging import judged, performed, understood

SEEN = IntentFound(
    beat=1, name="nod", side="both", at=2.0, words="nods", present=1.0, late=0.0, strength=1.0, note="", score=0.95
)
MEASURED = Measured(name="stare", about="longest time", value=9.0, low=0.0, high=13.5, unit="s", score=0.93)


def sentence(what: IntentFound | Measured, costs: float = 2.0, **more: object) -> str:
    weak = Weakness(what.score, what, costs=costs, of_nature=isinstance(what, Measured), **more)  # type: ignore[arg-type]
    return said([weak, Weakness(0.99, SEEN, costs=0.1)], costs + 0.1, asked=True)


def test_nothing_falls_short_only_where_nothing_is_lost():
    little = [Weakness(0.99, SEEN, costs=0.4)]
    assert said(little, 0.5, asked=True) == FINE
    assert said(little, 0.6, asked=True).startswith(f"{NOT_MUCH}; most is lost here (0.4 points): ")
    assert said([], 0.0, asked=True) == FINE
    assert said(little, 0.5, asked=False) == NOTHING_ASKED
    assert said(little, 0.6, asked=False).startswith(f"{NOTHING_ASKED}; most is lost here")


def test_what_costs_most_is_named_and_not_what_scores_least():
    few = [Weakness(0.85, MEASURED, of_nature=True, costs=0.2), Weakness(0.9, SEEN, costs=3.0)]
    assert '(3.0 points): "nods" (nod) in beat 1' in said(few, 3.2, asked=True)
    clear = [Weakness(0.5, MEASURED, of_nature=True, costs=0.2), Weakness(0.9, SEEN, costs=3.0)]
    assert said(clear, 3.2, asked=True) == "there is no blink for 9.0 s"


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"late": 0.14}, "comes 0.14 s late, asked for at 2.00 s"),
        ({"late": -0.14, "strength": 0.98}, "comes 0.14 s early, asked for at 2.00 s"),
        ({"late": 0.02, "strength": 0.85}, "has 0.85 of the size asked for, at 2.00 s"),
        ({"strength": 1.2}, "has 1.20 of the size asked for, at 2.00 s"),
        ({"present": 0.9}, "could be seen more plainly: 0.90 of 1, asked for at 2.00 s"),
        ({"note": "done 3 times, not 2"}, ": done 3 times, not 2, asked for at 2.00 s"),
    ],
)
def test_what_is_not_quite_right_is_said_by_what_is_most_so(changes: dict[str, object], words: str):
    assert sentence(SEEN.model_copy(update=changes)).endswith(f'"nods" (nod) in beat 1{"" if words[0] == ":" else " "}{words}')


def test_a_measure_within_its_range_is_not_said_to_be_wrong():
    assert sentence(MEASURED, usual=0.0).endswith("longest time, 9 s: above what is usual, but within the range of people")
    assert "below what is usual" in sentence(MEASURED, usual=12.0)


def test_the_points_of_all_are_the_points_that_are_lost(loaded: Loaded, monkeypatch: pytest.MonkeyPatch):
    heard: list[tuple[float, float]] = []

    def summed(found: list[Weakness], lost: float, *, asked: bool) -> str:
        heard.append((sum(weak.costs for weak in found), lost))
        return ""

    monkeypatch.setattr("agents.critic.reviewing.said", summed)
    brief = understood(loaded)
    motion = performed(loaded, brief)
    for samples in (motion, 0.7 * motion, np.roll(motion, 20, axis=1)):
        judged(loaded.tables, brief, samples)
    for costs, lost in heard:
        assert costs == pytest.approx(lost, abs=0.051)
    assert heard[1][1] > heard[0][1]


def blinks(review: Review) -> Measured | None:
    return next((measure for measure in review.nature if measure.name == "blink_rate"), None)


def test_a_short_take_counts_its_blinks_beside_what_would_be_no_surprise(loaded: Loaded):
    brief = understood(loaded, "She smiles. After nine seconds she nods.")
    review = judged(loaded.tables, brief, performed(loaded, brief))
    rate = blinks(review)
    assert rate is not None
    assert rate.shown_range == (8.0, 32.5)
    assert rate.high > 32.5
    count, _, seconds, *_ = rate.note.split()
    assert int(count) == pytest.approx(rate.value * float(seconds) / 60, abs=0.02)
    # of a Poisson count of 32.5 a minute, two deviations more
    expected = 32.5 * float(seconds) / 60
    assert rate.note.endswith(f" s, where 0 to {int(expected + 2 * expected**0.5)} would be no surprise")
    [line] = [line for line in told(TakeResult(None, None, None, (), review), explain=True) if "blinks" in line]  # type: ignore[arg-type]
    assert line.endswith(f"8 to 32.5       blinks; {rate.note}")


def test_too_short_a_take_says_nothing_of_how_often_it_blinks(loaded: Loaded):
    brief = understood(loaded, "She smiles.")
    assert blinks(judged(loaded.tables, brief, performed(loaded, brief))) is None
