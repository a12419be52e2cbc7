"""How much of each thing that was asked for is there, when, and how large.

A thing is known by what it looks like (`agents.critic.looks`): channels that reach a level, a movement that repeats, a place
that eyes or head point at. Each channel counts by the square of its size, so that what makes a thing recognisable decides, and
counts less where something else that is asked for at the time would show there as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from agents.critic.asking import Asked, Held
from agents.critic.events import Row, Seen, crossing, turning_points
from agents.critic.findings import IntentFound
from agents.critic.looks import Goal, Swing
from agents.critic.sums import added, distance, distances, mean_of, mean_of_rows
from configs.critic import CriticTable
from protocol.channels import CHANNELS, TURNED
from protocol.constraints import trailing_minimum

_BEFORE, _AFTER = 0.3, 0.75
"""Seconds around its time in which a thing is looked for."""
_AROUND = 2.5
"""Seconds before and after an act that have to be seen to tell it from what comes before and after."""
_SHARED = 0.85
"""Share of a channel's weight that is lost where another thing shows there as large."""
_HELD = 0.25
"""Seconds from which on what is held is measured by how it is held, and not by its peak alone."""
_STRAY = (8.0, 15.0)
"""Degrees beside the line to a goal that are no matter, and further degrees with which it is missed."""
_CAMERA = (4.0, 10.0)
"""The same for a gaze that comes back to the camera."""
_REST = (0.12, 0.35)
"""Largest coefficient of a face at rest, and how much more makes it none."""
_LIMIT = (0.02, 0.2)
"""Sizes beyond a limit that are no matter, and further ones with which it is not kept."""
_EASING = 0.3
"""Seconds that a face takes to come within a limit."""
_SACCADE = 0.06
"""Seconds in which eyes get somewhere."""
_STILL = (0.5, 0.95)
"""Share of a span that is still, from no stillness to a whole one."""
_HEAD_AFTER = 0.1
"""Seconds by which a head comes later than the face: eyes go first, and it may wind up before it turns."""
_SLOW_LIDS = 0.2
"""Seconds; lids that take longer to come down are no blink, and stay down as long."""
_LEAD = 0.05
"""Seconds after which what repeats sets out."""
_CLEARLY = 4.0
"""Degrees from which on a turn of the head says a side."""
_OTHER_WAY = 0.6
"""Share of its size by which the head has to go the wrong way to be taken for the other side."""
_TOLD_APART = 0.3
"""Share of a channel that something else asks for from which on it is looked at for a change."""
_THERE = 0.8
"""Share of its size that is there already beyond which a change would not be seen."""
_POINTING = 0.3
"""What pointing weighs at least, however near the goal is."""
_NOWHERE = 0.25
"""Presence below which a thing has neither time nor side."""


@dataclass(frozen=True, slots=True)
class Part:
    """One aspect of a thing.

    Attributes:
        weight: among the aspects.
        present: how plainly it is there, 0 to 1.
        strength: its share of the size asked for.
        late: seconds; below 0 if it is early.
        note: what else there is to say; may be empty.
        counted: what is left of the thing's score, 0 to 1: less than 1 where it is not done as often as was said.
    """

    weight: float
    present: float
    strength: float
    late: float
    note: str = ""
    counted: float = 1.0


def find(seen: Seen, everything: Sequence[Asked], table: CriticTable, one: Asked) -> IntentFound:
    """What a motion shows of an act.

    Args:
        seen: the motion.
        everything: all that is asked for, which the act is told apart from.
        table: how the critic weighs.
        one: the act.
    """
    start, end = one.start - _AROUND, one.over + _AROUND
    near = [other for other in everything if other.start < end and other.over + _AROUND > start]
    return _Finder(seen.part(start, end), near, table).find(one)


class _Finder:
    """Looks for what is asked for in a part of a motion."""

    def __init__(self, seen: Seen, everything: Sequence[Asked], table: CriticTable) -> None:
        self._seen = seen
        self._all = tuple(everything)
        self._table = table
        self._times = seen.start + np.arange(seen.samples.shape[1]) / seen.rate
        self._posed: dict[str, Row] = {}
        for one in self._all:
            for name, degrees in one.head.items():
                part = degrees * self._course(one)
                self._posed[name] = self._posed[name] + part if name in self._posed else part

    def find(self, one: Asked) -> IntentFound:
        """What the motion shows of an act."""
        look = one.look
        parts = []
        if look.back:
            parts.append(self._back(one))
        if look.held:
            parts.append(self._level(one))
        if look.swing:
            parts.append(self._swung(one, look.swing))
        if look.goal:
            parts.append(self._pointed(one, look.goal))
        if not parts:
            parts.append(Part(1.0, 1.0, 1.0, 0.0, "nothing of it is left to be seen"))
        # What repeats is what a thing is known by, however small it is.
        most = max(part.weight for part in parts)
        weights = [most if look.swing and place == bool(look.held) else part.weight for place, part in enumerate(parts)]
        present = mean_of([part.present for part in parts], weights)
        strength = mean_of([part.strength for part in parts], weights)
        leading = max(zip(weights, parts, strict=True), key=lambda pair: pair[0] * pair[1].present)[1]
        note = next((part.note for part in parts if part.note), "")
        counted = min(part.counted for part in parts)
        late = leading.late if present >= _NOWHERE else 0.0
        return IntentFound(
            beat=one.beat,
            name=one.act.name,
            side=one.look.side,
            at=round(max(one.start, 0.0), 4),
            words=one.act.words,
            present=round(present, 3),
            late=round(late, 3),
            strength=round(strength, 3),
            note=note,
            score=round(present * counted * self._sized(strength) * self._timed(late), 4),
        )

    def _sized(self, strength: float) -> float:
        """1 for the size asked for, a little less for about that, less for less and for much more."""
        band, unseen, edge = self._table.strength, self._table.seeing.unseen, self._table.edge
        if strength < band.low:
            return edge * max(strength - unseen, 0.0) / (band.low - unseen)
        if strength > band.high:
            return edge * max(1 - 0.5 * (strength - band.high) / (band.much - band.high), 0.0)
        way = (1 - strength) / (1 - band.low) if strength < 1 else (strength - 1) / (band.high - 1)
        return 1 - (1 - edge) * way * way

    def _timed(self, late: float) -> float:
        timing = self._table.timing
        if abs(late) <= timing.free:
            way = late / timing.free
            return 1 - (1 - self._table.edge) * way * way
        off = min((abs(late) - timing.free) / (timing.lost - timing.free), 1.0)
        return self._table.edge - (self._table.edge - 1 + timing.worth) * off

    def _seen_by(self, share: float) -> float:
        seeing = self._table.seeing
        return min(max((share - seeing.unseen) / (seeing.plain - seeing.unseen), 0.0), 1.0)

    # ------------------------------------------------------------------------------------------------------- levels

    def _course(self, one: Asked) -> Row:
        """When an act is about: from 0 to 1 and back, float64 [frames]."""
        rising, falling = max(one.rising, 0.05), max(one.look.offset, 0.05)
        up = np.clip((self._times - one.start) / rising, 0.0, 1.0)
        if one.end >= self._times[-1] - 0.05 and one.look.lasts is None:
            return up
        down = np.clip((one.over + falling / 2 - self._times) / falling, 0.0, 1.0)
        course: Row = np.minimum(up, down)
        return course

    def _pose(self, one: Asked, channel: str) -> Row:
        """A channel of the head against where all other acts take it; any other channel as it is."""
        row = self._seen.row(channel)
        if channel not in self._posed:
            return row
        return row - (self._posed[channel] - one.head.get(channel, 0.0) * self._course(one))

    def _window(self, one: Asked, over: float) -> tuple[float, float]:
        """Where to look for an act: around its time, and not where the same thing is asked for again."""
        start, end = one.start - _BEFORE, over + _AFTER
        for other in self._all:
            if other is not one and other.act.name == one.act.name and other.look.side == one.look.side:
                if other.start < one.start:
                    start = max(start, (min(other.over, one.start) + one.start) / 2)
                else:
                    end = min(end, max((over + other.start) / 2, over))
        return start, end

    def _others(self, one: Asked, channel: str) -> float:
        """How large a channel is in what else is asked for while an act lasts."""
        most = 0.0
        span = max(one.over - one.start, 0.05)
        for other in self._all:
            if other is not one:
                level = abs(other.look.held.get(channel, 0.0))
                common = min(one.over, other.over) - max(one.start, other.start)
                if level and common > 0:
                    most = max(most, level * min(2 * common / span, 1.0))
        return most

    def _own_excess(self, one: Asked, channel: str, row: Row) -> Row:
        """A channel as shares of the level of an act, without what goes beyond that because something else is larger then."""
        beyond = np.ones(len(row))
        for other in self._all:
            level = abs(other.look.held.get(channel, 0.0)) / abs(one.look.held[channel])
            if other is not one and level > 1:
                there = (self._times >= other.start) & (self._times <= other.over + other.look.offset)
                beyond[there] = np.maximum(beyond[there], level)
        own: Row = np.where(row > 1, np.maximum(row / beyond, 1.0), row)
        return own

    def _level(self, one: Asked) -> Part:
        """Channels that reach a level and, if it is not over by itself, hold it."""
        names, reached, heavy, rows, expected = list(one.look.held), [], [], [], []
        for name in names:
            level = one.look.held[name]
            angle = name.startswith(("eyeYaw", "eyePitch"))
            over = min(one.over, one.looks_until) if angle else one.over
            start, end = self._window(one, over)
            # What is looked at next is not yet to be seen.
            end = min(end, one.looks_until) if angle and one.looks_until < one.end else end
            row = self._pose(one, name) / level
            if name.startswith("eyeBlink") and one.rising >= _SLOW_LIDS:
                row = _without_blinks(row, round(_SLOW_LIDS * self._seen.rate))
            if CHANNELS[name].unit == "share":
                row = self._own_excess(one, name, row)
            window = row[self._seen.between(start, max(end, start + 0.1))]
            share = float(window.max())
            begun, given_up = one.start + one.rising + one.look.lag.get(name, 0.0), over - one.look.offset / 2
            if one.look.lasts is None and given_up - begun >= _HELD:
                held = float(np.median(row[self._seen.between(begun, given_up)]))
                # Lids that are to stay down are not down because they blink.
                part = 1.0 if name.startswith("eyeBlink") else 0.5
                share = (1 - part) * share + part * min(held, share)
            share_of = level / size_of(name, self._table)
            weight = share_of * share_of * (0.5 if angle else 1.0)  # both eyes show one line of sight
            others = self._others(one, name) / abs(level) if CHANNELS[name].unit == "share" else 0.0
            shared = min(others, 1.0)
            if shared >= _TOLD_APART and one.start > self._times[0] + _BEFORE:
                # What is there already does not count: a thing shows by what it changes.
                there = float(np.median(row[self._seen.between(one.start - _BEFORE, one.start - 0.05)]))
                if 0 < there <= _THERE:
                    share = min(share, (share - there) / (1 - there))
            reached.append(min(max(share, 0.0), 3.0))
            heavy.append((weight, weight * (1 - _SHARED * shared)))
            rows.append(row)
            rising = _SACCADE if angle else max(one.rising, 0.05)
            after = one.look.lag.get(name, 0.0) + (_HEAD_AFTER if name.startswith("head") else 0.0)
            expected.append(np.clip((self._times - one.start - after) / rising, 0.0, 1.0))
        weights = [own for _, own in heavy]
        present = mean_of([self._seen_by(share) for share in reached], weights)
        strength = mean_of(reached, weights)
        shown = mean_of_rows([np.clip(row, 0.0, 1.0) for row in rows], weights)
        late = self._late(one, shown, self._halfway(mean_of_rows(expected, weights)))
        present *= self._sided(one, dict(zip(names, reached, strict=True)))
        return Part(added(weight for weight, _ in heavy), present, strength, late)

    def _halfway(self, course: Row) -> float:
        """Seconds at which a course comes to half of what it reaches."""
        return self._seen.time(crossing(course, float(course.max()) / 2))

    def _late(self, one: Asked, shown: Row, expected: float) -> float:
        """Seconds by which a thing comes to half of what it reaches later than expected; 0 where it is there all along."""
        start, end = self._window(one, one.over)
        part = shown[self._seen.between(start - _BEFORE, end)]
        first = self._seen.between(start - _BEFORE, end).start
        half = float(part.max()) / 2
        above = part >= half
        if half <= 0 or above[0]:
            return 0.0
        ups = np.flatnonzero(above[1:] & ~above[:-1])
        times = [self._seen.time(first + n + (half - part[n]) / (part[n + 1] - part[n])) for n in ups]
        return float(min((time - expected for time in times), key=abs))

    def _sided(self, one: Asked, reached: dict[str, float]) -> float:
        """1 if what is asked of one side is on that side alone, down to 0 if both do it alike."""
        if one.look.side == "both":
            return 1.0
        own = "Left" if one.look.side == "left" else "Right"
        other = "Right" if own == "Left" else "Left"
        contrasts = []
        start, end = self._window(one, one.over)
        span = self._seen.between(start, end)
        for name, level in one.look.held.items():
            twin = CHANNELS[name].stem + other
            if name in TURNED and abs(level) > _CLEARLY:
                turned = self._pose(one, name)[span] / level
                if float(turned.min()) < -_OTHER_WAY:  # it went to the other side
                    contrasts.append(max(float(turned.max()) + float(turned.min()), 0.0) / 2)
            if not name.endswith(own) or CHANNELS[name].stem == name or level < 0.3:
                continue
            if twin in one.look.held or self._others(one, twin) > 0.3 * level or reached[name] < self._table.seeing.unseen:
                continue
            apart = self._seen.row(name)[span] - self._seen.row(twin)[span]
            contrasts.append(float(apart.max()) / (level * reached[name]))
        return min(max(2 * min(contrasts), 0.0), 1.0) if contrasts else 1.0

    # --------------------------------------------------------------------------------------------------- repetition

    def _swung(self, one: Asked, swing: Swing) -> Part:
        """What repeats: how far, how often, and when it begins."""
        start, end = self._window(one, self._swung_until(one, swing))
        span = self._seen.between(start + _BEFORE / 2, max(end, start + 0.2))
        weights, shares = [], []
        low, high = swing.spans[swing.lead]
        lead = self._seen.row(swing.lead)[span]
        turns = turning_points(lead, self._table.repeating.least * (high - low))
        for name, (below, above) in swing.spans.items():
            row = self._seen.row(name)[span]
            if name == swing.lead and not swing.varied and len(turns) > 1:
                sizes = np.abs(np.diff([value for _, value in turns]))
                # The first and the last are also the way to a held level and back.
                sizes = sizes[1:-1] if name in one.look.held and len(sizes) > 3 else sizes
                share = float(np.percentile(sizes, 75)) / (above - below)
            else:
                if name in one.look.held and swing.most != 1:
                    row = row - _smoothed(row, round(1.5 * swing.period * self._seen.rate))
                share = float(np.percentile(row, 97) - np.percentile(row, 3)) / (above - below)
            size = (above - below) / size_of(name, self._table)
            weights.append(size * size)
            shares.append(min(share, 3.0))
        peaks = max(len(turns) - 2, 0) if swing.varied else self._peaks(turns, upward=high >= -low)
        done = peaks / swing.peaks
        often = min(done / max(swing.least, 1), 1.0)
        present = mean_of([self._seen_by(share) for share in shares], weights)
        strength = mean_of(shares, weights)
        note, counted = "", 1.0
        if swing.exact and round(done) != swing.least and peaks:
            counted = self._table.repeating.miscounted
            note = f"done {round(done)} of {swing.least} times"
        elif not peaks:
            note = "it does not repeat"
        # A repetition fewer than usual is no matter; none is all the matter.
        present *= min(max((often - 0.25) / 0.45, 0.0), 1.0)
        late = self._swung_late(one, swing, turns, span)
        return Part(added(weights), present, strength, late, note, counted)

    def _swung_until(self, one: Asked, swing: Swing) -> float:
        if swing.most is None:
            return one.over
        return min(one.over, one.start + 1.3 * swing.most * swing.period)

    def _peaks(self, turns: Sequence[tuple[int, float]], *, upward: bool) -> int:
        """How often a row went all the way and back, in the direction that it goes furthest."""
        sign = 1 if upward else -1
        inner = zip(turns, turns[1:], turns[2:], strict=False)
        return sum(sign * turn > sign * before and sign * turn > sign * after for (_, before), (_, turn), (_, after) in inner)

    def _swung_late(self, one: Asked, swing: Swing, turns: Sequence[tuple[int, float]], span: slice) -> float:
        """Seconds by which what repeats begins later than it is to."""
        if len(turns) < 2:
            return 0.0
        if swing.varied:  # whichever of its channels comes first
            rows = np.stack([self._seen.row(name)[span] / (above - below) for name, (below, above) in swing.spans.items()])
            half = crossing(np.abs(rows - rows[:, :1]).max(axis=0), 0.25)
        elif self._is_there(one, swing):
            return 0.0
        else:
            (begun, before), (reached, after) = turns[:2]
            part = self._seen.row(swing.lead)[span][begun : reached + 1] * (1 if after > before else -1)
            half = begun + crossing(part, (float(part[0]) + float(part[-1])) / 2)
        return self._seen.time(span.start + half) - one.start - _LEAD - swing.first * swing.period

    def _is_there(self, one: Asked, swing: Swing) -> bool:
        """Whether it begins where its first way leads: lids that are shut in sleep do not shut again before they open."""
        if CHANNELS[swing.lead].unit != "share" or swing.lead in one.look.held:
            return False
        begins = self._seen.row(swing.lead)[self._seen.between(one.start, one.start)]
        return float(begins[0]) >= sum(swing.spans[swing.lead]) / 2

    # ----------------------------------------------------------------------------------------------------- pointing

    def _pointed(self, one: Asked, goal: Goal) -> Part:
        """How far the line of sight, or the head, comes to where it is to point."""
        yaw, pitch = self._pose(one, "headYaw"), self._pose(one, "headPitch")
        if goal.who != "head":
            eyes = self._seen.gaze
            yaw, pitch = yaw + eyes[0], pitch + eyes[1]
        far = distance(goal.yaw, goal.pitch)
        along = (yaw * goal.yaw + pitch * goal.pitch) / (far * far)
        beside = np.abs(yaw * goal.pitch - pitch * goal.yaw) / far
        over = min(one.over, one.looks_until) if goal.who != "head" else one.over
        start, end = self._window(one, over)
        end = min(end, one.looks_until) if goal.who != "head" and one.looks_until < one.end else end
        span = self._seen.between(start, max(end, start + 0.2))
        share = float(along[span].max())
        at = along[span] >= share - 0.2 * abs(share)
        if one.look.lasts is None and over - one.start - one.rising >= _HELD:
            held = float(np.median(along[self._seen.between(one.start + one.rising, over - 0.1)]))
            share = 0.5 * share + 0.5 * min(held, share)
        free, lost = _STRAY
        stray = float(np.median(beside[span][at]))
        aimed = 1 - min(max((stray - free) / lost, 0.0), 1.0)
        quick = 0.03 if goal.who != "head" else one.rising / 2
        # Eyes that are to go slowly may jump all the same, where they go along with the head.
        slow = 0.18 / one.act.speed if goal.who != "head" and one.act.speed < 0.6 else quick
        if goal.who == "head":
            # A larger turn takes longer, and may wind up before; a slow one takes more of both.
            slow += (far / 140 + 2 * _HEAD_AFTER) / min(one.act.speed, 1.0)
        late = self._late(one, np.clip(along, 0.0, 1.0), one.start + quick)
        late = late - min(max(late, 0.0), slow - quick)
        size = far / (self._table.sizes.head if goal.who == "head" else self._table.sizes.eyes)
        note = f"it points {stray:.0f} degrees beside" if aimed < 0.6 else ""
        share = min(max(share, 0.0), 3.0)
        return Part(max(size * size, _POINTING), self._seen_by(share) * aimed, share, late, note)

    def _back(self, one: Asked) -> Part:
        """What only comes back: eyes to the camera, or the face to rest."""
        end = min(one.over, one.looks_until)
        span = self._seen.between(min(one.start + one.rising, end - 0.05), end)
        if one.look.back == "camera":
            yaw, pitch = self._seen.gaze
            away = distances(yaw + self._seen.row("headYaw"), pitch + self._seen.row("headPitch"))
            free, lost = _CAMERA
            present = 1 - min(max((float(np.median(away[span])) - free) / lost, 0.0), 1.0)
            return Part(1.0, present, present, 0.0)
        busy = {name for other in self._all if other is not one and other.over > one.start for name in other.look.held}
        quiet = [n for n, c in enumerate(CHANNELS.values()) if c.unit == "share" and not c.derived and c.name not in busy]
        free, lost = _REST
        left = float(np.median(self._seen.samples[quiet, span.start : span.stop], axis=1).max()) if quiet else 0.0
        present = 1 - min(max((left - free) / lost, 0.0), 1.0)
        return Part(1.0, present, present, 0.0)


def size_of(channel: str, table: CriticTable) -> float:
    """The size of a channel that weighs as much as a whole coefficient."""
    known, sizes = CHANNELS[channel], table.sizes
    if known.unit == "share":
        return sizes.share
    return sizes.cm if known.unit == "cm" else sizes.head if known.region == "head" else sizes.eyes


def kept(seen: Seen, limit: Held, table: CriticTable) -> IntentFound:
    """How well a face keeps to what it is asked not to do."""
    start = limit.start + (_EASING if limit.start > 0 else 0.0)
    span = seen.between(min(start, limit.end - 0.05), limit.end)
    beyond = {name: float(np.abs(seen.row(name)[span]).max()) - limit.most for name in limit.channels}
    worst = max(beyond, key=lambda name: beyond[name] / size_of(name, table))
    free, lost = _LIMIT
    present = 1 - min(max((beyond[worst] / size_of(worst, table) - free) / lost, 0.0), 1.0)
    note = f"{worst} goes {beyond[worst]:.2g} beyond" if present < 1 else ""
    return _not_moved(limit, "limit", present, note)


def stilled(seen: Seen, still: Held) -> IntentFound:
    """How still a face is where it is to be still."""
    span = seen.between(min(still.start + 0.1, still.end - 0.05), still.end - 0.05)
    share = float(seen.still[span].mean())
    none, whole = _STILL
    present = min(max((share - none) / (whole - none), 0.0), 1.0)
    note = f"it moves for {100 * (1 - share):.0f} % of the time" if present < 1 else ""
    return _not_moved(still, "still", present, note)


def _not_moved(held: Held, name: str, present: float, note: str) -> IntentFound:
    return IntentFound(
        beat=held.beat,
        name=name,
        side="both",
        at=round(held.start, 4),
        words=held.words,
        present=round(present, 3),
        late=0.0,
        strength=round(present, 3),
        note=note,
        score=round(present, 4),
    )


def _smoothed(row: Row, frames: int) -> Row:
    """The running mean of a row, its ends held."""
    half = max(frames // 2, 1)
    padded = np.concatenate([np.full(half, row[0]), row, np.full(half, row[-1])])
    total = np.concatenate([[0.0], np.cumsum(padded)])
    mean: Row = (total[2 * half + 1 :] - total[: -2 * half - 1]) / (2 * half + 1)
    return mean


def _without_blinks(row: Row, frames: int) -> Row:
    """A row without peaks that are over within so many frames; what lasts longer stays as it is."""
    lowest = trailing_minimum(row, frames)
    return -trailing_minimum(-lowest[::-1], frames)[::-1]
