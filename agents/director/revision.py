"""A revision's brief: what a note has changed, with each beat's origin in the parent, on whole frames.

The reading of notes (`agents.director.notes`) gives beats of any length. Here they are fitted to the frames of the take, so
that a beat which only moves is seen at the same places of its curves as before, and each is compared with the beat that it
comes from.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any, TypeVar

from pydantic import ValidationError

from agents.keeping import trace
from agents.performance import Performance
from agents.regions import LexiconRegion
from agents.tracks import performed
from configs.tables import Tables
from protocol.brief import Act, Beat, Brief, Limit, Still
from protocol.channels import Region
from protocol.keyframes import MAX_SECONDS, PLACES, Track
from protocol.messages import TakeOpened

MOST_STEP = PLACES // 4
"""Of a grid on which beats may be moved, in ten-thousandths of a second: a change that is asked for must not be lost on it."""
LEAST = PLACES // 10
"""Of a beat, likewise."""
Part = TypeVar("Part", Act, Limit, Still)


def traced(tables: Tables, opened: TakeOpened, brief: Brief, origins: Sequence[int | None]) -> Brief:
    """A revision's brief in which every beat says where it comes from and what of it is as it was.

    Args:
        tables: catalogue, states and behaviour.
        opened: the revision.
        brief: what the note has made of the parent's.
        origins: for each of its beats the parent's beat that it comes from; None for new ones.
    """
    parent = opened.parent
    assert parent is not None
    planner = LexiconRegion(tables)

    def planned(region: Region, intent: Beat, start: Any) -> Track:
        moves = tuple(planner.asked(region, intent, opened.seed))
        return performed(tables, Performance(region=region, moves=moves), intent, start)

    fitted = on_frames(parent.brief, brief, origins, Fraction(opened.fps))
    beats = []
    for beat, number in zip(fitted.beats, origins, strict=True):
        origin = None
        if number is not None:
            origin = trace(parent.brief.beats[number], beat, number, planned, parent.tracks[number])
        beats.append(beat.model_copy(update={"origin": origin}))
    return fitted.model_copy(update={"beats": tuple(beats)})


def on_frames(parent: Brief, brief: Brief, origins: Sequence[int | None], fps: Fraction) -> Brief:
    """A revision's brief in which beats that have moved, have moved by whole frames.

    Args:
        parent: what is revised.
        brief: what the note has made of it.
        origins: for each of its beats the parent's beat that it comes from; None for new ones.
        fps: frames per second.

    Returns:
        The brief with other lengths of beats, each by less than a frame; or as it is, where times are too coarse for the frame
        rate: those of 24000/1001 meet only twice in a second.
    """
    step = Fraction(PLACES) / fps
    grid = step.numerator
    if grid > MOST_STEP:
        return brief
    for number in range(1, len(brief.beats)):
        origin = origins[number]
        if origin is None:
            continue
        moved = _whole(brief.beats[number].start) - _whole(parent.beats[origin].start)
        more = round(Fraction(moved, grid)) * grid - moved
        length = _whole(brief.beats[number].start) - _whole(brief.beats[number - 1].start)
        if more and length + more >= LEAST:
            try:
                brief = _stretched(brief, number - 1, more)
            except ValidationError:
                return brief  # something in it lasts less than what is taken away
    return brief


def _stretched(brief: Brief, number: int, more: int) -> Brief:
    """A brief in which a beat ends by so many ten-thousandths of a second later, and all that follows with it."""
    edge = _whole(brief.beats[number].end)

    def later(time: int) -> int:
        return time + more if time >= edge else min(time, edge + more)

    def parts(these: tuple[Part, ...], start: int) -> tuple[Part, ...]:
        begins = later(start)
        return tuple(
            type(one).model_validate(
                {
                    **{name: getattr(one, name) for name in type(one).model_fields},
                    "start": _seconds(later(start + _whole(one.start)) - begins),
                    "end": min(_seconds(later(start + _whole(one.end)) - begins), MAX_SECONDS),
                }
            )
            for one in these
        )

    beats = []
    for beat in brief.beats:
        start, end = _whole(beat.start), _whole(beat.end)
        changed = {
            "start": _seconds(later(start)),
            "end": _seconds(later(end)),
            "acts": parts(beat.acts, start),
            "limits": parts(beat.limits, start),
            "stills": parts(beat.stills, start),
        }
        beats.append(beat.model_copy(update=changed))
    return brief.model_copy(update={"beats": tuple(beats)})


def _whole(seconds: float) -> int:
    return round(seconds * PLACES)


def _seconds(whole: int) -> float:
    return whole / PLACES
