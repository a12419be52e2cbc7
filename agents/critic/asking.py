"""What a brief asks for, on the line of the whole take: acts that go on over the end of a beat are one thing, not several."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from dataclasses import dataclass, replace

from agents.critic.looks import Look, head_part, look_of, without
from configs.tables import Tables
from protocol.brief import Act, Beat, Brief, Limit

_SAME_MOMENT = 0.3
"""Seconds within which two things begin together."""
_TRACE = 0.03
"""Coefficients, and centimetres or degrees, that are left of a level under a limit below which it is not looked for."""


@dataclass(frozen=True, slots=True)
class Asked:
    """One act, over all beats that it goes on in.

    Attributes:
        beat: number of the first of them.
        act: as the first of them says it.
        start: seconds from the start of the take; `end` likewise, where it is given up.
        look: what it looks like.
        head: where it takes the head, by channel.
        looks_until: seconds at which something else is to be looked at.
    """

    beat: int
    act: Act
    start: float
    end: float
    look: Look
    head: dict[str, float]
    looks_until: float

    @property
    def over(self) -> float:
        """Seconds at which it is over, by itself or because it is given up."""
        look = self.look
        return min(self.end, self.start + look.lasts) if look.lasts is not None else self.end

    @property
    def rising(self) -> float:
        """Seconds that it may take to come, as far as its length leaves them."""
        return min(self.look.onset, 0.8 * max(self.over - self.start, 0.05))


@dataclass(frozen=True, slots=True)
class Held:
    """A limit or a stillness over all beats that it goes on in: what is not to move, at most how far, and when."""

    beat: int
    channels: tuple[str, ...]
    most: float
    start: float
    end: float
    words: str


def asked(brief: Brief, tables: Tables) -> list[Asked]:
    """Every act of a brief that is in the catalogue, once, in the order of time.

    What goes on over a beat's edge is one with what went on before, though a revision of the beat left its start elsewhere.
    """
    going: dict[Hashable, list[Asked]] = {}
    for number, beat in enumerate(brief.beats):
        for act in beat.acts:
            look = look_of(tables, act)
            if look is None:
                continue
            start, end = beat.start + act.start, min(beat.start + act.end, beat.end)
            if end <= max(start, 0.0):
                continue
            same = (act.name, act.side, act.words, act.yaw, act.pitch, act.count)
            before = going.setdefault(same, [])
            if act.start < 0 and before and before[-1].end >= beat.start - 0.01:
                before[-1] = replace(before[-1], end=end)
            else:
                limited = _limited(look, beat, act)
                before.append(Asked(number, act, start, end, limited, head_part(tables, act, limited), end))
    found = sorted((one for same in going.values() for one in same), key=lambda one: (one.start, one.beat))
    return [_looking(one, found) for one in found]


def _limited(look: Look, beat: Beat, act: Act) -> Look:
    """A look without what a limit forbids while it lasts."""
    if not beat.limits:
        return look
    held = dict(look.held)
    for limit in beat.limits:
        if limit.start < act.end and act.start < limit.end:
            for name in limit.channels:
                if name in held and abs(held[name]) > limit.most:
                    held[name] = limit.most if held[name] > 0 else -limit.most
    held = {name: level for name, level in held.items() if abs(level) > _TRACE or level == look.held[name]}
    return replace(look, held=held)


def _looking(one: Asked, all_asked: Iterable[Asked]) -> Asked:
    """An act with the time until which its own line of sight counts: eyes look at what they were last sent to."""
    if not _sends_eyes(one.look):
        return one
    others = [other for other in all_asked if other is not one and _sends_eyes(other.look) and other.over > one.start]
    later = [other.start for other in others if other.start > one.start + _SAME_MOMENT]
    together = any(abs(other.start - one.start) <= _SAME_MOMENT for other in others)
    # Two that begin together: what points somewhere is meant, a state's averted gaze gives way to it.
    look = (
        without(one.look, [name for name in one.look.held if name.startswith("eye") and _is_angle(name)])
        if together
        else one.look
    )
    return replace(one, look=look, looks_until=min([one.end, *later]))


def _is_angle(name: str) -> bool:
    return name.startswith(("eyeYaw", "eyePitch"))


def _sends_eyes(look: Look) -> bool:
    swings = look.swing.spans if look.swing else {}
    aimed = look.goal is not None and look.goal.who != "head"
    return aimed or any(_is_angle(name) for name in (*look.held, *swings))


def limits(brief: Brief) -> list[Held]:
    """Every limit of a brief, those that go on over the end of a beat as one."""
    found: list[Held] = []
    for number, beat in enumerate(brief.beats):
        for limit in beat.limits:
            end = min(beat.start + limit.end, beat.end)
            if end > beat.start + limit.start:
                _join(found, _held(number, beat, limit, end))
    return found


def stills(brief: Brief) -> list[Held]:
    """Every span in which nothing is to move, those that go on over the end of a beat as one."""
    found: list[Held] = []
    for number, beat in enumerate(brief.beats):
        for still in beat.stills:
            end = min(beat.start + still.end, beat.end)
            if end > beat.start + still.start:
                _join(found, Held(number, (), 0.0, beat.start + still.start, end, still.words))
    return found


def _held(number: int, beat: Beat, limit: Limit, end: float) -> Held:
    return Held(number, limit.channels, limit.most, beat.start + limit.start, end, limit.words)


def _join(found: list[Held], one: Held) -> None:
    for place, other in enumerate(found):
        same = (other.channels, other.most, other.words) == (one.channels, one.most, one.words)
        if same and abs(other.end - one.start) < 0.01:
            found[place] = replace(other, end=one.end)
            return
    found.append(one)
