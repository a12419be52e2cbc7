"""Notes on takes that need no reading: what they do to a brief is said in a few words."""

from __future__ import annotations

import io

from collections.abc import Callable
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np

from numpy.typing import NDArray

from agents.director.agent import LexiconDirector
from protocol.brief import Act, Beat, Brief, Limit
from protocol.journal import JournalWriter
from protocol.keyframes import exact
from protocol.messages import TakeOpened
from protocol.replay import fold
from protocol.timeline import Timeline, sample
from runtime.fitting import as_rendered
from runtime.inline import InlineBase
from runtime.loading import Loaded
from runtime.take import TakeResult, Watch, revising, run_take


@dataclass(frozen=True)
class Noted:
    """What a note made of a brief."""

    brief: Brief
    origin: tuple[int | None, ...]
    said: tuple[str, ...] = ("something was changed",)


def longer(parent: Brief, number: int, seconds: float) -> Noted:
    """A beat that ends later; what ends with it does so too."""
    edge = parent.beats[number].end

    def later(time: float) -> float:
        return exact(time + seconds) if time >= edge else time

    def moved(beat: Beat) -> Beat:
        start = later(beat.start)
        acts = tuple(
            act.model_copy(
                update={
                    "start": exact(later(exact(beat.start + act.start)) - start),
                    "end": exact(later(exact(beat.start + act.end)) - start),
                }
            )
            for act in beat.acts
        )
        return beat.model_copy(update={"start": start, "end": later(beat.end), "acts": acts})

    return Noted(Brief(beats=tuple(moved(beat) for beat in parent.beats)), tuple(range(len(parent.beats))))


def acted(parent: Brief, name: str, change: Callable[[Act], Act | None]) -> Noted:
    """All acts of a name otherwise, or gone."""

    def parts(beat: Beat) -> tuple[Act, ...]:
        made = [change(act) if act.name == name else act for act in beat.acts]
        return tuple(act for act in made if act is not None)

    beats = tuple(beat.model_copy(update={"acts": parts(beat)}) for beat in parent.beats)
    return Noted(Brief(beats=beats), tuple(range(len(beats))))


def inserted(parent: Brief, number: int, seconds: float) -> Noted:
    """A new beat of nothing before one, through which no act goes on."""
    at = parent.beats[number].start
    new = Beat(start=at, end=exact(at + seconds), summary="rest")
    after = [
        beat.model_copy(update={"start": exact(beat.start + seconds), "end": exact(beat.end + seconds)})
        for beat in parent.beats[number:]
    ]
    kept = range(len(parent.beats))
    return Noted(Brief(beats=(*parent.beats[:number], new, *after)), (*kept[:number], None, *kept[number:]))


def limited(parent: Brief, number: int, limit: Limit) -> Noted:
    """Something that a beat may not do any more."""
    beats = list(parent.beats)
    beats[number] = beats[number].model_copy(update={"limits": (*beats[number].limits, limit)})
    return Noted(Brief(beats=tuple(beats)), tuple(range(len(beats))))


class Always:
    """Takes every note for the same.

    Args:
        note: what it makes of a brief.
    """

    def __init__(self, note: Callable[[Brief], Noted]) -> None:
        self._note = note

    def revise(self, parent: Brief, note: str, direction: str, seconds: float | None, emotion: str | None) -> Noted:
        """What a note makes of a brief."""
        return self._note(parent)


def noting(loaded: Loaded, note: Callable[[Brief], Noted]) -> Loaded:
    """Tables whose director takes every note for one."""
    return replace(loaded, director=LexiconDirector(loaded.tables, lambda: Always(note)))


def revised(parent: TakeResult, loaded: Loaded, note: Callable[[Brief], Noted], words: str = "otherwise") -> TakeResult:
    """A take made again with a note, without files."""
    before = parent.records[0].message
    assert isinstance(before, TakeOpened)
    opened = revising(before, fold(parent.records, loaded.tables.constraints).coordinator, words, loaded)
    journal = JournalWriter(io.BytesIO(), lambda: None)
    return run_take(opened, noting(loaded, note), journal, InlineBase(), Watch(lambda: 0.0))


def rows(timeline: Timeline | None, fps: str = "25") -> list[bytes]:
    """What the frames of a take are rendered from, one by one."""
    assert timeline is not None
    return [row.tobytes() for row in as_rendered(sample(timeline, Fraction(fps)))]


def same(parent: TakeResult, child: TakeResult) -> list[list[bool]]:
    """Of each beat and region of a revision whether its track is that of the beat which it comes from."""
    assert parent.timeline is not None
    assert child.timeline is not None
    assert child.brief is not None
    found = []
    for beat, committed in zip(child.brief.beats, child.timeline.beats, strict=True):
        before = parent.timeline.beats[beat.origin.beat].tracks if beat.origin else (None,) * 4
        found.append([old == new for old, new in zip(before, committed.tracks, strict=True)])
    return found


def steps(result: TakeResult, fps: int = 120) -> NDArray[np.float64]:
    """How far each channel goes from frame to frame: float64 [channels, frames - 1]."""
    assert result.timeline is not None
    return np.abs(np.diff(sample(result.timeline, Fraction(fps)), axis=1))
