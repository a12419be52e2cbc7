"""A region's composer: what only gives way is not composed again, everything else is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pytest

from agents import tracks
from agents.performance import Performance
from agents.regions import LexiconRegion, Question
from agents.tracks import Composer
from protocol.keyframes import Track
from protocol.messages import BeatOpened
from protocol.timeline import last_values, rest
from runtime.loading import Loaded
from tests.performing import act, beat
from tests.takes import take_opened

OPENED = take_opened()


@dataclass
class Watched:
    """A composer of the mouth, and how often it has composed."""

    composer: Composer
    beat: BeatOpened
    performance: Performance
    composed: list[Performance] = field(default_factory=list)

    def track(self, performance: Performance | None = None, beat_: BeatOpened | None = None, opened: Any = OPENED) -> Track:
        one = beat_ or self.beat
        return self.composer.track(opened, one, performance or self.performance, last_values(one.end_state))


@pytest.fixture
def watched(loaded: Loaded, monkeypatch: pytest.MonkeyPatch) -> Watched:
    opening = BeatOpened(beat=0, intent=beat(act("smile", 0.2, 1.5), seconds=2.0), previous=None, end_state=rest())
    performance = LexiconRegion(loaded.tables).propose(Question("mouth", OPENED, opening, None)).performance
    found = Watched(Composer("mouth", loaded.tables), opening, performance)
    compose = tracks.performed

    def counted(tables: Any, performed: Performance, *more: Any) -> Track:
        found.composed.append(performed)
        return compose(tables, performed, *more)

    monkeypatch.setattr(tracks, "performed", counted)
    return found


def test_who_only_gives_way_performs_the_same_as_before(watched):
    first = watched.track()
    yielded = watched.track(watched.performance.model_copy(update={"yielding": ("smile-and-jaw",)}))
    read_back = watched.track(Performance.model_validate_json(watched.performance.model_dump_json()))
    assert first is yielded is read_back
    assert len(watched.composed) == 1


def test_another_performance_is_composed_for_itself(watched):
    move = watched.performance.moves[0]
    weaker = watched.performance.model_copy(update={"moves": (move.model_copy(update={"size": 0.5}),)})
    assert watched.track() != watched.track(weaker)
    assert len(watched.composed) == 2


def test_another_beat_or_take_is_composed_for_itself(watched):
    first = watched.track()
    assert watched.track(beat_=watched.beat.model_copy()) == first
    assert watched.track(opened=take_opened(rounds=4)) == first
    assert len(watched.composed) == 3


def test_what_is_forgotten_is_composed_again(watched):
    first = watched.track()
    watched.composer.forget()
    assert watched.track() == first
    assert len(watched.composed) == 2
