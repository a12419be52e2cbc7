"""Briefs with notes on them, and what became of each beat, in short."""

from __future__ import annotations

from functools import cache

from agents.director.notes import NoteReader, Revised
from protocol.brief import Act, Beat, Brief
from protocol.keyframes import exact
from tests.directing import LEXICON, PLANNER

NOTES = NoteReader(PLANNER, LEXICON)

SMILING = "She smiles warmly, then glances left and raises an eyebrow"
FROWNING = "He frowns, pauses for a second, nods twice and smiles, then blinks slowly."
SURPRISED = (
    "She looks surprised, opens her mouth wide, turns her head to the right while smiling. Then she winks with her left eye, "
    "smiles again and looks down."
)
LONG = (
    "She smiles, turns her head to the left, nods, then blinks and looks at the camera. She smiles again, blinks twice and "
    "holds still for a second."
)
WEEPING = (
    "The woman looks sad, closes her eyes and lowers her head. A tear... She shakes her head, sighs deeply, then laughs out "
    "loud for two seconds and looks to the right."
)
JOKING = "He hears a joke, giggles, waggles his eyebrows, tilts his head to the left and talks for three seconds."
DIRECTIONS = (SMILING, FROWNING, SURPRISED, LONG, WEEPING, JOKING)


@cache
def planned(direction: str) -> Brief:
    """The brief of a direction."""
    return PLANNER.plan(direction, None)


def revised(direction: str, note: str) -> tuple[Brief, Revised]:
    """A brief, and what a note makes of it."""
    parent = planned(direction)
    return parent, NOTES.revise(parent, note, direction, None, None)


def told(parent: Brief, child: Revised) -> str:
    """What became of each beat of a child.

    "=2" is equal to the parent's second, "2(+0.5 s, smile strength 1.35)" comes from it with changes, "new(...)" from none. Of
    acts that go on over the end of a beat only what is seen in the beat counts; "(times)" is a beat in which only such an end
    has come near or gone.
    """
    pairs = zip(child.brief.beats, child.origin, strict=True)
    return " ".join(_new(beat) if number is None else _kept(beat, parent.beats[number], number + 1) for beat, number in pairs)


def _new(beat: Beat) -> str:
    length = beat.end - beat.start
    acts = [_act(act, length) for act in beat.acts if act.start >= 0] + ["still" for _ in beat.stills]
    return f"new({_number(length)} s: {', '.join(acts)})"


def _kept(beat: Beat, other: Beat, number: int) -> str:
    length, was = exact(beat.end - beat.start), exact(other.end - other.start)
    if length == was and other.model_copy(update={"start": beat.start, "end": beat.end}) == beat:
        return f"={number}"
    said = [f"{'+' if length > was else '-'}{_number(abs(length - was))} s"] if length != was else []
    rest = list(other.acts)
    for act in beat.acts:
        mate = next((old for old in rest if old == act), None)
        mate = mate or next(
            (old for old in rest if old.name == act.name and (old.words == act.words or old.start == act.start)), None
        )
        if mate is None:
            said.append("+" + _act(act, length))
            continue
        rest.remove(mate)
        if what := _changed(mate, act, was, length):
            said.append(f"{act.name} {what}")
    said += [f"-{act.name}" for act in rest]
    new = sorted({channel for limit in beat.limits if limit not in other.limits for channel in limit.channels})
    if len(beat.limits) > len(other.limits):
        said.append(f"limit {new[0]}")
    if [still.end for still in beat.stills] != [still.end for still in other.stills]:
        said.append(" ".join(["still until", *(_number(still.end) for still in beat.stills)]))
    return f"{number}({', '.join(said) or 'times'})"


def _act(act: Act, length: float) -> str:
    end = f"..{_number(act.end)}" if act.end < length - 1e-4 else ""
    values = [f"x{act.count}"] if act.count else []
    values += [act.side] if act.side != "both" else []
    values += [f"{name} {getattr(act, name):.3g}" for name in ("yaw", "pitch") if getattr(act, name)]
    values += [f"{name} {getattr(act, name):.3g}" for name in ("strength", "speed") if getattr(act, name) != 1]
    return " ".join([act.name, f"{_number(act.start)}{end}", *values])


def _changed(old: Act, new: Act, was: float, length: float) -> str:
    fields = ("strength", "speed", "yaw", "pitch")
    said = [f"{name} {getattr(new, name):.3g}" for name in fields if getattr(old, name) != getattr(new, name)]
    said += [new.side] if old.side != new.side else []
    said += [f"x{new.count}"] if old.count != new.count else []
    said += ["by " + " ".join(new.regions)] if old.regions != new.regions else []
    if max(old.start, new.start) >= 0 and abs(old.start - new.start) > 1e-3:
        said.append(f"at {_number(new.start)}")
    over = new.end < length - 1e-3
    if (over or old.end < was - 1e-3) and abs(old.end - new.end) > 1e-3:
        said.append(f"until {_number(new.end)}" if over else "goes on")
    return " ".join(said)


def _number(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")
