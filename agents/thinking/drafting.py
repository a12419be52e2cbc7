"""From a draft to a brief: what a language model has written down, brought within everything that a brief has to keep.

A draft says seconds of the take; a brief says seconds of each beat. Beats are put in order and made to tile the take, acts
are cut to it and handed on to every beat that they reach into, and only what names something that there is not has to be
asked for again.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from agents.director.timing import LONGEST, SHORTEST
from agents.thinking.answers import Chosen, Draft, DraftAct, DraftLimit, Understanding, Unusable
from configs.loading import did_you_mean
from configs.tables import Tables
from protocol.brief import Act, Beat, Brief, Limit, Still
from protocol.channels import CHANNELS, REGIONS, WRITABLE, Region, both_sides
from protocol.keyframes import exact

LEAST_BEAT = 0.3
"""Seconds below which a beat is joined with its neighbour: nothing on a face is told in less."""
LEAST_ACT = 0.1
"""Seconds that an act lasts at least; also how far it has to reach into a beat to be told there."""
_SLACK = 0.25
"""Seconds by which a draft may miss the length asked for before its times are scaled to it."""
_MOST_ACTS = 200
_MOST_PROBLEMS = 8


def names_of(tables: Tables) -> dict[str, list[str]]:
    """What a draft can name: "acts" and "parts" of the face (regions, and channels with or without their side)."""
    stems = dict.fromkeys(channel.stem for channel in CHANNELS.values() if not channel.derived)
    sided = [name for name, channel in CHANNELS.items() if not channel.derived and name not in stems]
    return {"acts": [*tables.gestures.gestures, *tables.emotions.states], "parts": [*REGIONS, *stems, *sided]}


def brief_of(draft: Draft, understanding: Understanding, tables: Tables, seconds: float | None) -> Brief:
    """The brief that a draft comes to.

    Args:
        draft: its beats and acts, in seconds of the take.
        understanding: what was heard, for people.
        tables: what can be named.
        seconds: length of the take, or None if the draft decides.

    Raises:
        Unusable: it names what there is not, or asks for nothing at all.
    """
    require_known(
        [act.name for beat in draft.beats for act in beat.acts],
        [part for beat in draft.beats for limit in beat.limits for part in limit.channels],
        tables,
    )
    _require_something(draft)
    told = max(draft.seconds, *(beat.end for beat in draft.beats))
    total = exact(seconds if seconds is not None else min(max(draft.seconds or told, SHORTEST), LONGEST))
    scale = total / told if told > total + _SLACK else 1.0
    starts, summaries = _tiling([(beat.start * scale, beat.summary) for beat in draft.beats], total)
    acts = [_timed(act, scale, total) for beat in draft.beats for act in beat.acts]
    limits = [_limited(limit, scale, total) for beat in draft.beats for limit in beat.limits]
    stills = [(*_span(still.start, still.end, scale, total), still.words) for beat in draft.beats for still in beat.stills]
    beats = []
    for start, end, summary in zip(starts, [*starts[1:], total], summaries, strict=True):
        beats.append(
            Beat(
                start=start,
                end=end,
                summary=summary,
                acts=tuple(_in_beat(acts, start, end))[:_MOST_ACTS],
                limits=tuple(
                    Limit(channels=names, most=most, start=exact(a - start), end=exact(b - start), words=words)
                    for a, b, names, most, words in limits
                    if a < end and start < b
                )[:50],
                stills=tuple(
                    Still(start=exact(max(a - start, 0)), end=exact(min(b, end) - start), words=words)
                    for a, b, words in stills
                    if a < end and start < b
                )[:50],
            )
        )
    understood = tuple((part.words, part.meaning) for part in understanding.heard)
    unread = dict.fromkeys(word for word in (*understanding.unclear, *draft.unread) if word)
    return Brief(beats=tuple(beats), understood=understood, unread=tuple(unread))


def unknown(name: str, known: Iterable[str], what: str) -> str:
    """What is said of a name that there is not."""
    return f"there is no {what} called {name!r}{did_you_mean(name, known)}"


def require_known(acts: Iterable[str], parts: Iterable[str], tables: Tables) -> None:
    """Refuse names of acts, and of parts of the face, that there are not.

    Raises:
        Unusable: with what may have been meant.
    """
    names = names_of(tables)
    known, face = set(names["acts"]), set(names["parts"])
    problems = [unknown(act, known, "gesture or state") for act in acts if act not in known]
    problems += [unknown(part, face, "region or channel") for part in parts if part not in face]
    if problems:
        raise Unusable(list(dict.fromkeys(problems))[:_MOST_PROBLEMS])


def channels_of(parts: Iterable[str]) -> tuple[str, ...]:
    """The channels that parts of the face stand for, each once."""
    whole: dict[str, tuple[str, ...]] = {str(region): names for region, names in WRITABLE.items()}
    return tuple(dict.fromkeys(name for part in parts for name in whole.get(part) or both_sides(part)))


def _require_something(draft: Draft) -> None:
    if not any(beat.acts or beat.limits or beat.stills for beat in draft.beats):
        raise Unusable(['no beat asks anything of the face; a face at rest is the act "neutral"'])


def _tiling(beats: Sequence[tuple[float, str]], total: float) -> tuple[list[float], list[str]]:
    """Starts of beats that tile a take, and what each is about."""
    starts: list[float] = []
    summaries: list[str] = []
    least = min(LEAST_BEAT, total / 2)
    for start, summary in sorted(beats, key=lambda beat: beat[0]):
        at = exact(start) if starts else 0.0
        if starts and (at < starts[-1] + least or at > total - least):
            summaries[-1] = "; ".join(dict.fromkeys(part for part in (summaries[-1], summary) if part))[:400]
        else:
            starts.append(at)
            summaries.append(summary)
    return starts, summaries


def _span(start: float, end: float, scale: float, total: float) -> tuple[float, float]:
    """A span within the take, of some length."""
    begin = exact(min(max(start * scale, 0.0), total - LEAST_ACT))
    return begin, exact(min(max(end * scale, begin + LEAST_ACT), total))


def _timed(act: DraftAct, scale: float, total: float) -> Act:
    """An act in seconds of the take."""
    start, end = _span(act.start, act.end, scale, total)
    return act_of(act, start, end, regions_of(act), act.words)


def regions_of(act: DraftAct) -> tuple[Region, ...]:
    """Who is to do an act: all regions, unless it names some."""
    return tuple(region for region in REGIONS if region in act.only) or REGIONS


def act_of(told: DraftAct | Chosen, start: float, end: float, regions: tuple[Region, ...], words: str) -> Act:
    """What a language model has answered, as an act at its times."""
    return Act(
        name=told.name,
        start=start,
        end=end,
        strength=exact(told.strength),
        speed=exact(told.speed),
        side=told.side,
        count=told.count,
        yaw=exact(told.yaw),
        pitch=exact(told.pitch),
        regions=regions,
        words=words,
    )


def _limited(limit: DraftLimit, scale: float, total: float) -> tuple[float, float, tuple[str, ...], float, str]:
    start, end = _span(limit.start, limit.end, scale, total)
    return start, end, channels_of(limit.channels), exact(limit.most), limit.words


def _in_beat(acts: Sequence[Act], start: float, end: float) -> Iterable[Act]:
    """The acts of the take that a beat has part of, in its own seconds, in order."""
    for act in sorted(acts, key=lambda act: act.start):
        begins = start <= act.start < end
        reaches = min(act.end, end) - max(act.start, start) >= LEAST_ACT
        if begins or reaches:
            yield act.model_copy(update={"start": exact(act.start - start), "end": exact(act.end - start)})
