"""A note on a take, followed by a language model: which beats stay as they were, and what the others become."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from agents.director.notes import LONGEST, SHORTEST
from agents.thinking.answers import Noted, NotedAct, NotedBeat, Unusable
from agents.thinking.drafting import LEAST_ACT, LEAST_BEAT, act_of, channels_of, regions_of, require_known
from agents.thinking.playing import told_of_act
from configs.tables import Tables
from protocol.brief import Act, Beat, Brief, Limit, Still
from protocol.keyframes import exact
from protocol.messages import Parent, TakeOpened


@dataclass(frozen=True, slots=True)
class Followed:
    """What a note makes of a brief.

    Attributes:
        brief: of the revision; its beats name no origins yet.
        origin: for each of its beats the parent's beat that it comes from; None for new ones.
    """

    brief: Brief
    origin: tuple[int | None, ...]


def told_of_note(opened: TakeOpened, parent: Parent) -> dict[str, Any]:
    """A note and the take that it is on, as the director is told of them."""
    return {
        "note": opened.direction,
        "direction": parent.directions[0],
        "notes_before": list(parent.directions[1:]),
        "emotion": opened.emotion or None,
        "beats": [
            {
                "beat": number,
                "seconds": exact(beat.end - beat.start),
                "summary": beat.summary,
                "acts": [told_of_act(act) for act in beat.acts],
                "limits": [limit.model_dump() for limit in beat.limits],
                "stills": [still.model_dump() for still in beat.stills],
            }
            for number, beat in enumerate(parent.brief.beats)
        ],
    }


def followed(noted: Noted, note: str, parent: Brief, tables: Tables) -> Followed:
    """The brief that a model's answer to a note comes to.

    Args:
        noted: the answer.
        note: the note.
        parent: the brief that it is on.
        tables: what can be named.

    Raises:
        Unusable: it names what there is not, changes nothing, or makes the take too long or too short.
    """
    written = [beat for beat in noted.beats if not _kept(beat, parent)]
    require_known(
        [act.name for beat in written for act in beat.acts],
        [part for beat in written for limit in beat.limits for part in limit.channels],
        tables,
    )
    beats: list[Beat] = []
    origin: list[int | None] = []
    at = 0.0
    for one in noted.beats:
        known = 0 <= one.of < len(parent.beats) and one.of not in origin
        origin.append(one.of if known else None)
        beat = _moved(parent.beats[one.of], at) if _kept(one, parent) else _written(one, at)
        if known and not beat.summary:
            beat = beat.model_copy(update={"summary": parent.beats[one.of].summary})
        beats.append(beat)
        at = beat.end
    if [_plain(beat) for beat in beats] == [_plain(beat) for beat in parent.beats]:
        raise Unusable(["nothing is changed: write the beats that the note touches anew, with keep false"])
    if not SHORTEST <= at <= LONGEST:
        raise Unusable([f"the take would last {at:g} s; it may last {SHORTEST:g} to {LONGEST:g} s"])
    changes = tuple(line for line in noted.changes if line)
    understood = (*parent.understood, (note[:400], "; ".join(changes)[:400]))
    unread = tuple(line for line in noted.unread if line)
    return Followed(Brief(beats=tuple(beats), understood=understood, unread=unread, changes=changes), tuple(origin))


def _kept(one: NotedBeat, parent: Brief) -> bool:
    return one.keep and 0 <= one.of < len(parent.beats)


def _moved(beat: Beat, at: float) -> Beat:
    """A beat as it was, elsewhere in the take."""
    return beat.model_copy(update={"start": at, "end": exact(at + beat.end - beat.start), "origin": None})


def _written(one: NotedBeat, at: float) -> Beat:
    seconds = exact(min(max(one.seconds, LEAST_BEAT), LONGEST))
    return Beat(
        start=at,
        end=exact(at + seconds),
        summary=one.summary,
        acts=tuple(_act(act, seconds) for act in sorted(one.acts, key=lambda act: act.start)),
        limits=tuple(
            Limit(
                channels=channels_of(limit.channels),
                most=exact(limit.most),
                start=exact(min(limit.start, seconds)),
                end=exact(max(limit.end, limit.start)),
                words=limit.words,
            )
            for limit in one.limits
        ),
        stills=tuple(
            Still(
                start=exact(min(still.start, seconds)), end=exact(min(max(still.end, still.start), seconds)), words=still.words
            )
            for still in one.stills
        ),
    )


def _act(act: NotedAct, seconds: float) -> Act:
    start = exact(min(act.start, seconds - LEAST_ACT))
    return act_of(act, start, exact(max(act.end, start + LEAST_ACT, LEAST_ACT)), regions_of(act), act.words)


def _plain(beat: Beat) -> Sequence[Any]:
    return exact(beat.end - beat.start), beat.acts, beat.limits, beat.stills
