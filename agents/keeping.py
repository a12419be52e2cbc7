"""Revisions: what of a take stays as it was when one thing in it is changed, and how the new leads back into the old.

A beat of a revision names the beat of the parent that it comes from (`protocol.brief.Origin`). Regions of which the same is
asked keep that beat's tracks, keyframe by keyframe, wherever on the take's clock it lies now. The others are planned anew, but
only where what is asked differs: they begin as the parent did and come back to it as soon as they can, so that the beats that
follow begin as they began.

What is asked is told apart from everything else by planning it without idle motion, once for the parent and once for the
revision, and comparing the two: up to where they are equal, and from where on again.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from numpy.typing import NDArray

from agents.composition import carried, carry_seconds
from protocol.brief import Beat, Limit, Origin
from protocol.channels import CHANNELS, REGIONS, Region
from protocol.interpolation import sample_curves
from protocol.keyframes import MAX_SOURCES, Curve, Keyframe, Source, Track, exact
from protocol.messages import TakeOpened
from protocol.reduction import TOLERANCES, rewritten
from protocol.timeline import RATE, value_at

Row = NDArray[np.float64]
Planned = Callable[[Region, Beat, Mapping[str, float]], Track]
"""Plans what a beat asks of a region, from the values that its channels begin with, without idle motion."""

LEAVING = 0.2
"""Seconds in which a track goes over from the parent's to what is new; both are alike there but for idle motion."""
RETURNING = 0.4
"""Seconds in which it goes back: as long as a face takes to change its expression (onsets of 0.3 to 0.5 s, Ekman 2003)."""
_BACK = 0.6
"""Seconds within which a track that begins elsewhere is back where it was, if it need not go far for that."""
_LEISURELY = 1.5
"""Seconds that a channel takes by itself, up to which it may be hurried to that: it drifts, or has little way to go."""
_CALM = 1 / 60
"""Seconds before a beat's end in which hardly anything may happen if it is to be held."""
_ALIKE = 4.0
"""Times the tolerance of keyframes within which two plans ask for the same; each strays from what it stands for by 1.5."""
_SHORTEST = 0.05
"""Seconds below which there is no time to go back."""
_BEGINS = 0.5
"""Share of the tolerance of keyframes within which a track begins where the beat before has ended."""


def trace(before: Beat, after: Beat, number: int, planned: Planned, tracks: Sequence[Track]) -> Origin:
    """What of a beat is as it was.

    Args:
        before: the parent's beat.
        after: the beat of the revision that comes from it.
        number: of the parent's beat.
        planned: plans what is asked.
        tracks: what the parent committed for its beat, one track of each region in order.
    """
    was, now = exact(before.end - before.start), exact(after.end - after.start)
    longer = exact(now - was)
    if not longer and (before.acts, before.limits, before.stills) == (after.acts, after.limits, after.stills):
        return Origin(beat=number, same=REGIONS, until=now, since=0.0)
    begins = {curve.channel: curve.keys[0].value for track in tracks for curve in track.curves}
    same, until, since, calm = [], min(was, now), max(longer, 0.0), True
    for region, track in zip(REGIONS, tracks, strict=True):
        old, new = planned(region, before, begins), planned(region, after, begins)
        parts = _until(old, new, min(was, now)), _since(old, new, longer, now)
        for start, end in _forbidden(before, after, track):
            parts = min(parts[0], start), max(parts[1], min(end, now))
        if not longer and parts == (now, 0.0):
            same.append(region)
            continue
        until, since = min(until, parts[0]), max(since, parts[1])
        calm = calm and not _differ(old, old, np.array([was - _CALM]), np.array([was])).any()
    if len(same) == len(REGIONS):
        return Origin(beat=number, same=REGIONS, until=now, since=0.0)
    if longer > 0 and until == was and calm:
        # All of the parent's beat, and then more of how it ended.
        return Origin(beat=number, until=was, since=exact(max(since, was + longer / 2, now - RETURNING)))
    until, since = _seam(until, since, longer, now)
    return Origin(beat=number, same=tuple(same), until=until, since=since)


def _forbidden(before: Beat, after: Beat, track: Track) -> Iterator[tuple[float, float]]:
    """Where a region may not do what it did, or may do now what it might not: idle motion keeps to that as well.

    Args:
        before: the parent's beat.
        after: the one that comes from it.
        track: what the parent committed for the region.
    """
    longer = exact(exact(after.end - after.start) - exact(before.end - before.start))
    old, new = ({(still.start, still.end) for still in beat.stills} for beat in (before, after))
    yield from sorted(old ^ new)
    for mine, others, is_new in ((before.limits, after.limits, False), (after.limits, before.limits, True)):
        for limit in mine:
            channels = [name for name in limit.channels if CHANNELS[name].region == track.region]
            stands = any({*channels} <= {*each.channels} and _alike(limit, each) for each in others)
            if channels and not stands and not (is_new and not longer and _keeps(track, channels, limit)):
                yield limit.start, limit.end


def _alike(limit: Limit, other: Limit) -> bool:
    return (limit.most, limit.start, limit.end) == (other.most, other.start, other.end)


def _keeps(track: Track, channels: Sequence[str], limit: Limit) -> bool:
    """Whether a track keeps to a limit anyway."""
    times = _times(limit.end)
    times = times[times >= limit.start]
    tolerances = [TOLERANCES[CHANNELS[name].unit] for name in channels]
    sampled = sample_curves([track.curve(name) for name in channels], times)
    return bool((np.abs(sampled) <= limit.most + np.array(tolerances)[:, np.newaxis]).all())


def _until(old: Track, new: Track, seconds: float) -> float:
    """Seconds from the start of two beats up to which they ask for the same, of as many as both have."""
    times = _times(seconds)
    differ = _differ(old, new, times, times)
    return exact(float(times[int(np.argmax(differ))])) if differ.any() else seconds


def _since(old: Track, new: Track, longer: float, seconds: float) -> float:
    """Seconds of the new beat from which on it asks for the same as the old one does as long before its end."""
    first = max(longer, 0.0)
    times = _times(seconds)
    times = times[times >= first - 1e-9]
    differ = np.flatnonzero(_differ(old, new, times - longer, times))
    if not differ.size:
        return first
    place = int(differ[-1]) + 1
    return exact(float(times[place])) if place < len(times) else seconds


def _differ(old: Track, new: Track, old_times: Row, new_times: Row) -> NDArray[np.bool_]:
    near = np.array([_ALIKE * TOLERANCES[CHANNELS[curve.channel].unit] for curve in old.curves])
    away: Row = np.abs(sample_curves(old.curves, old_times) - sample_curves(new.curves, new_times))
    return np.asarray((away > near[:, np.newaxis]).any(axis=0))


def _seam(until: float, since: float, longer: float, seconds: float) -> tuple[float, float]:
    """Where all regions leave the parent's beat, and where they return to it.

    What the parent did must not be seen twice, so a longer beat returns by so much later. Where there is a choice, the middle
    is farthest from everything that happens.
    """
    last = seconds - RETURNING
    more = max(longer, 0.0)
    low, high = since - more, min(until, last - more)
    if low <= high:
        leaves = exact((low + high) / 2)
        return leaves, exact(leaves + more)
    return until, since if since <= last else seconds


def eased(track: Track, start: Mapping[str, float], seconds: float) -> Track:
    """A track that begins at other values and goes over into what it was.

    Args:
        track: of the parent.
        start: the value that each channel begins with; a trace away from the track's own is let be.
        seconds: the beat's length.
    """
    times = _times(seconds)
    rows, before, curves = {}, {}, []
    sampled = sample_curves(track.curves, times)
    for curve, row in zip(track.curves, sampled, strict=True):
        curves.append(curve)
        offset = start[curve.channel] - curve.keys[0].value
        if abs(offset) > _BEGINS * TOLERANCES[CHANNELS[curve.channel].unit]:
            channel = CHANNELS[curve.channel]
            before[curve.channel] = row
            natural = carry_seconds(curve.channel, offset)
            sooner = max(natural / min(_BACK, 0.9 * seconds), 1.0) if natural <= _LEISURELY else 1.0
            curves[-1] = _anchored(curve, exact(natural / sooner + 1 / RATE), seconds)
            rows[curve.channel] = np.clip(row + carried(curve.channel, offset, times * sooner), channel.low, channel.high)
    made = track
    if rows:
        anchored = track.model_copy(update={"curves": tuple(curves)})
        made = rewritten(anchored, rows, before, RATE, "from another beginning")
    if all(curve.keys[0].value == start[curve.channel] for curve in made.curves):
        return made
    return made.model_copy(update={"curves": tuple(_begun(curve, start[curve.channel]) for curve in made.curves)})


def _anchored(curve: Curve, time: float, seconds: float) -> Curve:
    """A curve with a keyframe more where a value is held anyway, so that what changes before that changes nothing after it."""
    ruling = max(n for n, k in enumerate(curve.keys) if k.time <= time)
    held = curve.keys[ruling]
    if time >= seconds or held.time == time or (held.mode != "hold" and ruling + 1 < len(curve.keys)):
        return curve
    again = held.model_copy(update={"time": time, "mode": "hold", "handles": None})
    return curve.model_copy(update={"keys": (*curve.keys[: ruling + 1], again, *curve.keys[ruling + 1 :])})


def _begun(curve: Curve, value: float) -> Curve:
    """A curve that begins with exactly a value that it is a trace away from."""
    first = curve.keys[0]
    if first.value == value:
        return curve
    begin = first.model_copy(update={"value": value})
    soon = exact(4 / RATE)
    if len(curve.keys) == 1 or (first.mode == "hold" and curve.keys[1].time > soon):
        again = first.model_copy(update={"time": soon, "mode": "hold", "handles": None})
        return curve.model_copy(
            update={"keys": (begin.model_copy(update={"mode": "linear", "handles": None}), again, *curve.keys[1:])}
        )
    return curve.model_copy(update={"keys": (begin, *curve.keys[1:])})


def spliced(parent: Track, planned: Track, origin: Origin, was: float, now: float) -> Track:
    """A track that begins as the parent's, goes over into a new one, and returns to the parent's.

    Args:
        parent: the parent's track; where the beats begin at other values, eased.
        planned: the new track.
        origin: where it leaves and returns.
        was: seconds of the parent's beat.
        now: seconds of the new one.
    """
    longer = exact(now - was)
    whole = longer > 0 and origin.until == was
    leaving = min(LEAVING, longer / 2) if whole else LEAVING
    returning = min(RETURNING, exact(now - origin.since))
    leaves, returns = exact(origin.until - (0.0 if whole else leaving)), exact(origin.since + returning)
    heads, tails = leaves > 0, returning >= _SHORTEST
    if not heads and not tails:
        return planned
    times = _times(now)
    old = _share(times, leaves, leaving) if heads else np.zeros(len(times))
    back = 1 - _share(times, origin.since, returning) if tails else np.zeros(len(times))
    begin, new = sample_curves(parent.curves, np.minimum(times, was)), sample_curves(planned.curves, times)
    end = sample_curves(parent.curves, np.clip(times - longer, 0.0, was))
    wanted = old * begin + back * end + (1 - old - back) * new
    wanted = np.where(old == 1, begin, np.where(back == 1, end, wanted))
    sources = _Sources(planned.sources)
    first, last = (leaves if heads else -1.0), (returns if tails else now + 1.0)
    curves = []
    for theirs, ours in zip(parent.curves, planned.curves, strict=True):
        keys = [sources.of(parent, k) for k in theirs.keys if k.time <= first]
        if whole:
            keys = _held(keys, was, now)
        keys += [k for k in ours.keys if max(first, keys[-1].time if keys else first) < k.time < last]
        reached = keys[-1].time if keys else -1.0
        back_again = (sources.of(parent, k, longer) for k in _from(theirs, exact(last - longer)))
        keys += [k for k in back_again if reached < k.time <= now]
        curves.append(Curve(channel=theirs.channel, keys=tuple(keys)))
    joined = Track(region=planned.region, curves=tuple(curves), sources=tuple(sources.listed))
    made = sample_curves(joined.curves, times)
    names = [curve.channel for curve in curves]
    rows, before = dict(zip(names, wanted, strict=True)), dict(zip(names, made, strict=True))
    made_track = rewritten(joined, rows, before, RATE, "between what was before and after")
    if not tails:
        return made_track
    ends = [value_at(curve, was) for curve in parent.curves]
    ended = (_ended(curve, now, value) for curve, value in zip(made_track.curves, ends, strict=True))
    return made_track.model_copy(update={"curves": tuple(ended)})


def _ended(curve: Curve, seconds: float, value: float) -> Curve:
    """A curve that ends with exactly a value that it is a trace away from: the beat's end lies between two samples."""
    if value_at(curve, seconds) == value:
        return curve
    keys = [k for k in curve.keys if k.time < seconds]
    last = keys[-1].model_copy(update={"time": seconds, "value": value, "mode": "hold", "handles": None})
    if keys[-1].mode == "hold":
        keys[-1] = keys[-1].model_copy(update={"mode": "linear"})
    return curve.model_copy(update={"keys": (*keys, last)})


def _held(keys: Sequence[Keyframe], was: float, now: float) -> list[Keyframe]:
    """A curve's keyframes with its end held for a moment after it, so that what follows does not bend what was before."""
    last = keys[-1]
    held = [*keys[:-1], last.model_copy(update={"mode": "hold", "handles": None})]
    soon = exact(max(was, last.time) + 1 / RATE)
    return [*held, last.model_copy(update={"time": soon, "mode": "smooth", "handles": None})] if soon < now else held


def _from(curve: Curve, time: float) -> list[Keyframe]:
    """The keyframes of a curve from a time on; where a value is held then, it is held from there."""
    after = [k for k in curve.keys if k.time >= time]
    ruling = [k for k in curve.keys if k.time < time]
    if ruling and not (after and after[0].time == exact(time)) and (ruling[-1].mode == "hold" or not after):
        return [ruling[-1].model_copy(update={"time": exact(time), "mode": "hold", "handles": None}), *after]
    return after


class _Sources:
    """The sources of a track, and those that keyframes of another bring with them."""

    def __init__(self, listed: Sequence[Source]) -> None:
        self.listed = list(listed)

    def of(self, track: Track, one: Keyframe, later: float = 0.0) -> Keyframe:
        """A keyframe of another track in this one, by so many seconds later."""
        source = track.sources[one.source]
        if source not in self.listed and len(self.listed) < MAX_SOURCES:
            self.listed.append(source)
        place = self.listed.index(source) if source in self.listed else 0
        update: dict[str, Any] = {"time": exact(one.time + later), "source": place}
        return one.model_copy(update=update)


def _share(times: Row, start: float, seconds: float) -> Row:
    """1 up to a time, then down to 0 within so many seconds, without a jerk at either end."""
    u: Row = np.clip((times - start) / seconds, 0.0, 1.0)
    share: Row = 1 - u * u * u * (10 - 15 * u + 6 * u * u)
    return share


def _times(seconds: float) -> Row:
    """The times of judgement's frames in a beat."""
    times: Row = np.arange(int(seconds * RATE + 1e-6) + 1) / RATE
    return times


def parent_track(opened: TakeOpened, origin: Origin, region: Region) -> Track:
    """What the parent committed for a region in the beat that a beat comes from.

    Raises:
        ValueError: the take has no parent with such a beat.
    """
    if opened.parent is None or origin.beat >= len(opened.parent.tracks):
        raise ValueError(f"the brief refers to beat {origin.beat} of a parent that has none of this number")
    return opened.parent.tracks[origin.beat][REGIONS.index(region)]
