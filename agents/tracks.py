"""From a performance to the track of a region, before any rule is looked at; in a revision, within what the parent did."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from agents.composition import compose
from agents.expansion import Expander, drawn_layer, left_over, wandering_layers
from agents.keeping import eased, parent_track, spliced
from agents.layers import Layer
from agents.performance import Performance
from configs.tables import Tables
from protocol.brief import Beat
from protocol.channels import Region
from protocol.keyframes import Track, exact
from protocol.messages import BeatOpened, TakeOpened


class Composer:
    """Composes the tracks of a region, and remembers the last: who only gives way performs the same as before.

    Args:
        region: whose.
        tables: catalogue, states and behaviour.
    """

    def __init__(self, region: Region, tables: Tables) -> None:
        self._region = region
        self._tables = tables
        self._last: tuple[TakeOpened, BeatOpened, Performance, Track] | None = None

    def track(self, opened: TakeOpened, beat: BeatOpened, performance: Performance, start: Mapping[str, float]) -> Track:
        """What is performed, before any rule is looked at; in a revision it begins and ends with what the parent did.

        Args:
            opened: the take.
            beat: the beat.
            performance: what is performed.
            start: the value that each channel begins with.
        """
        same = performance.model_copy(update={"yielding": ()})  # that is seen to in its repair
        last = self._last
        if last is None or last[0] is not opened or last[1] is not beat or last[2] != same:
            last = self._last = opened, beat, same, self._composed(opened, beat.intent, performance, start)
        return last[3]

    def forget(self) -> None:
        """The take is over."""
        self._last = None

    def _composed(self, opened: TakeOpened, intent: Beat, performance: Performance, start: Mapping[str, float]) -> Track:
        if intent.origin is None or opened.parent is None:
            return performed(self._tables, performance, intent, start)
        before = opened.parent.brief.beats[intent.origin.beat]
        was = exact(before.end - before.start)
        old = eased(parent_track(opened, intent.origin, self._region), start, was)
        if performance.kept:
            return old
        new, seconds = performed(self._tables, performance, intent, start), exact(intent.end - intent.start)
        return spliced(old, new, intent.origin, was, seconds)


def performed(tables: Tables, performance: Performance, intent: Beat, start: Mapping[str, float]) -> Track:
    """Keyframes for a performance, whatever rules they break.

    Args:
        tables: catalogue, states and behaviour.
        performance: what is performed.
        intent: the beat.
        start: the value that each channel begins with.
    """
    region = performance.region
    seconds, lively = exact(intent.end - intent.start), tables.behaviour.liveliness
    begins = left_over(tables.gestures, tables.emotions, intent, start)
    expander = Expander(tables.gestures, tables.emotions, region, seconds, lively, performance.moves, begins)
    return compose(region, _layers(tables, expander, performance), start, intent)


def _layers(tables: Tables, expander: Expander, performance: Performance) -> Iterator[Layer]:
    for move in performance.moves:
        yield from expander.layers(move)
    for plan in performance.wandering:
        wander = tables.behaviour.idle.wander[plan.name]
        if wander.region == performance.region:
            yield from wandering_layers(plan, wander, tables.behaviour.liveliness)
    yield from map(drawn_layer, performance.curves)
